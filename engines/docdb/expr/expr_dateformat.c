/* Dates as text: $dateToString and $dateFromString. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/expr/expr_calendar.h"

static const char *const month_names[] = {"January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December"};

int calendar_check_format(struct slice format, bool reading, const char *op, struct err *err)
{
	const char *known = reading ? "bBdGHjLmMSuVYzZ%" : "bBdGHjLmMSUuVwYzZ%";

	for (size_t i = 0; i < format.n; i++) {
		if (format.p[i] != '%') {
			continue;
		}
		if (++i == format.n) {
			return err_set(
				err, EINVAL, "%s: Unmatched '%%' at end of format string", op);
		}
		if (format.p[i] == '\0' || strchr(known, format.p[i]) == NULL) {
			return err_set(err, EINVAL,
				"%s: Invalid format character '%%%c' in format string", op,
				format.p[i]);
		}
	}
	return 0;
}

/* ---- printing ---- */

static int print_year(struct buf *out, int64_t year, struct err *err)
{
	if (year < 0 || year > 9999) {
		return err_set(err, EINVAL,
			"Could not convert date to string: date component was outside the "
			"supported "
			"range of 0-9999: %lld",
			(long long)year);
	}
	buf_printf(out, "%04d", (int)year);
	return 0;
}

static void print_offset(struct buf *out, int64_t offset, bool minutes)
{
	int64_t n = (offset < 0 ? -offset : offset) / MINUTE_MS;

	if (minutes) {
		buf_printf(out, "%s%lld", offset < 0 ? "-" : "+", (long long)n);
	} else {
		buf_printf(out, "%s%02d%02d", offset < 0 ? "-" : "+", (int)(n / 60), (int)(n % 60));
	}
}

static int print_one(char c, int64_t local, int64_t offset, struct buf *out, struct err *err)
{
	struct calendar_parts p = calendar_split(local);
	int day = calendar_weekday(local);
	int64_t year;
	int week;

	calendar_iso_week(local, &year, &week);
	switch (c) {
	case 'b': buf_printf(out, "%.3s", month_names[p.month - 1]); break;
	case 'B': buf_puts(out, month_names[p.month - 1]); break;
	case 'd': buf_printf(out, "%02d", p.day); break;
	case 'G': return print_year(out, year, err);
	case 'H': buf_printf(out, "%02d", p.hour); break;
	case 'j': buf_printf(out, "%03d", calendar_yearday(local)); break;
	case 'L': buf_printf(out, "%03d", p.ms); break;
	case 'm': buf_printf(out, "%02d", p.month); break;
	case 'M': buf_printf(out, "%02d", p.minute); break;
	case 'S': buf_printf(out, "%02d", p.second); break;
	case 'U': buf_printf(out, "%02d", (calendar_yearday(local) + 6 - day) / 7); break;
	case 'u': buf_printf(out, "%d", day == 0 ? 7 : day); break;
	case 'V': buf_printf(out, "%02d", week); break;
	case 'w': buf_printf(out, "%d", day + 1); break;
	case 'Y': return print_year(out, p.year, err);
	case 'z': print_offset(out, offset, false); break;
	case 'Z': print_offset(out, offset, true); break;
	default: buf_putc(out, '%'); break;
	}
	return 0;
}

int calendar_print(struct slice format, int64_t utc_ms, const struct calendar_zone *z,
	struct buf *out, struct err *err)
{
	int64_t offset = calendar_zone_at(z, utc_ms);
	int r = 0;

	for (size_t i = 0; r == 0 && i < format.n; i++) {
		if (format.p[i] == '%' && i + 1 < format.n) {
			r = print_one(
				format.p[++i], calendar_plus(utc_ms, offset), offset, out, err);
		} else {
			buf_putc(out, format.p[i]);
		}
	}
	return r;
}

/* ---- reading ---- */

struct reading {
	struct slice text;
	size_t at;
	struct calendar_parts parts;
	int64_t iso_year, iso_week, iso_day; /* 0: not told */
	int64_t yearday;
	bool has_year, has_month_or_day, has_zone;
	int64_t offset;
	struct err *err;
};

static int refuse(const struct reading *r, const char *why)
{
	return err_set(r->err, EINVAL, "Error parsing date string: %s at position %zu of the text",
		why, r->at);
}

static bool at_digit(const struct reading *r)
{
	return r->at < r->text.n && isdigit((unsigned char)r->text.p[r->at]);
}

static int read_digits(struct reading *r, unsigned min, unsigned max, int *out)
{
	unsigned n = 0;

	*out = 0;
	while (n < max && at_digit(r)) {
		*out = *out * 10 + (r->text.p[r->at++] - '0');
		n++;
	}
	return n < min ? refuse(r, "more digits were expected") : 0;
}

static int read_in(
	struct reading *r, unsigned min_digits, unsigned digits, int low, int high, int *out)
{
	int e = read_digits(r, min_digits, digits, out);

	if (e == 0 && (*out < low || *out > high)) {
		e = refuse(r, "a number out of its range");
	}
	return e;
}

/* "Z", "+hh", "+hhmm", "+hh:mm". */
static int read_zone(struct reading *r)
{
	int hours = 0;
	int minutes = 0;
	bool minus;
	int e;

	r->has_zone = true;
	if (r->at < r->text.n && (r->text.p[r->at] == 'Z' || r->text.p[r->at] == 'z')) {
		r->at++;
		return 0;
	}
	if (r->text.n - r->at >= 3 && (strncasecmp(r->text.p + r->at, "UTC", 3) == 0 ||
					      strncasecmp(r->text.p + r->at, "GMT", 3) == 0)) {
		r->at += 3;
		return 0;
	}
	if (r->at == r->text.n || (r->text.p[r->at] != '+' && r->text.p[r->at] != '-')) {
		return refuse(r, "a time zone was expected");
	}
	minus = r->text.p[r->at++] == '-';
	e = read_in(r, 1, 2, 0, 23, &hours);
	if (e == 0 && r->at < r->text.n && r->text.p[r->at] == ':') {
		r->at++;
	}
	if (e == 0 && at_digit(r)) {
		e = read_in(r, 2, 2, 0, 59, &minutes);
	}
	r->offset = (minus ? -1 : 1) * (hours * HOUR_MS + minutes * MINUTE_MS);
	return e;
}

static int read_minutes(struct reading *r)
{
	bool minus = r->at < r->text.n && r->text.p[r->at] == '-';
	int n = 0;
	int e;

	if (r->at < r->text.n && (minus || r->text.p[r->at] == '+')) {
		r->at++;
	}
	e = read_in(r, 1, 4, 0, 1440, &n);
	r->has_zone = true;
	r->offset = (minus ? -MINUTE_MS : MINUTE_MS) * n;
	return e;
}

static int read_month_name(struct reading *r, bool whole)
{
	for (int i = 0; i < 12; i++) {
		size_t n = whole ? strlen(month_names[i]) : 3;
		if (r->text.n - r->at >= n &&
			strncasecmp(r->text.p + r->at, month_names[i], n) == 0) {
			r->at += n;
			r->parts.month = i + 1;
			r->has_month_or_day = true;
			return 0;
		}
	}
	return refuse(r, "a month's name was expected");
}

/* Milliseconds of "5", "56", "567", "567899". */
static int read_fraction(struct reading *r)
{
	int scale = 100;

	if (!at_digit(r)) {
		return refuse(r, "digits were expected");
	}
	r->parts.ms = 0;
	while (at_digit(r)) {
		r->parts.ms += (r->text.p[r->at++] - '0') * scale;
		scale /= 10;
	}
	return 0;
}

static int read_wide(
	struct reading *r, unsigned min_digits, unsigned digits, int low, int high, int64_t *out)
{
	int n = 0;
	int e = read_in(r, min_digits, digits, low, high, &n);

	*out = n;
	return e;
}

static int read_one(struct reading *r, char c)
{
	switch (c) {
	case 'b': return read_month_name(r, false);
	case 'B': return read_month_name(r, true);
	case 'd': r->has_month_or_day = true; return read_in(r, 1, 2, 1, 31, &r->parts.day);
	case 'G': return read_wide(r, 4, 4, 1, 9999, &r->iso_year);
	case 'H': return read_in(r, 1, 2, 0, 24, &r->parts.hour);
	case 'j': return read_wide(r, 3, 3, 1, 366, &r->yearday);
	case 'L': return read_fraction(r);
	case 'm': r->has_month_or_day = true; return read_in(r, 1, 2, 1, 12, &r->parts.month);
	case 'M': return read_in(r, 1, 2, 0, 59, &r->parts.minute);
	case 'S': return read_in(r, 1, 2, 0, 60, &r->parts.second);
	case 'u': return read_wide(r, 1, 1, 1, 7, &r->iso_day);
	case 'V': return read_wide(r, 1, 2, 1, 53, &r->iso_week);
	case 'Y': r->has_year = true; return read_wide(r, 4, 4, 0, 9999, &r->parts.year);
	case 'z': return read_zone(r);
	case 'Z': return read_minutes(r);
	default:
		if (r->at == r->text.n || r->text.p[r->at] != '%') {
			return refuse(r, "'%' was expected");
		}
		r->at++;
		return 0;
	}
}

static int finish(struct reading *r, const struct calendar_zone *z, bool has_option, int64_t *out)
{
	int64_t ms = calendar_join(&r->parts);

	if (r->at < r->text.n) {
		return refuse(r, "trailing data");
	}
	if (r->has_zone && has_option) {
		return err_set(r->err, EINVAL,
			"you cannot pass in a date/time string with time zone information together "
			"with a timezone argument");
	}
	if (r->iso_year != 0) {
		ms += calendar_of_iso_week(r->iso_year, r->iso_week == 0 ? 1 : r->iso_week,
			      r->iso_day == 0 ? 1 : r->iso_day) *
		      DAY_MS;
	} else if (!r->has_year) {
		return err_set(r->err, EINVAL,
			"an incomplete date/time string has been found: it tells no year");
	} else if (r->yearday != 0) {
		ms += (r->yearday - 1) * DAY_MS;
	}
	*out = r->has_zone ? ms - r->offset : calendar_to_utc(z, ms);
	return 0;
}

static void begin(struct reading *r, struct slice text, struct err *err)
{
	*r = (struct reading){
		.text = text, .parts = {.year = 1970, .month = 1, .day = 1}, .err = err};
}

int calendar_read(struct slice format, struct slice text, const struct calendar_zone *z,
	bool has_option, int64_t *utc_ms, struct err *err)
{
	struct reading r;
	int e = 0;

	begin(&r, text, err);
	for (size_t i = 0; e == 0 && i < format.n; i++) {
		if (format.p[i] == '%' && i + 1 < format.n) {
			e = read_one(&r, format.p[++i]);
		} else if (r.at < text.n && text.p[r.at] == format.p[i]) {
			r.at++;
		} else {
			e = refuse(&r, "the text does not follow the format");
		}
	}
	return e != 0 ? e : finish(&r, z, has_option, utc_ms);
}

static bool take(struct reading *r, char c)
{
	if (r->at < r->text.n && r->text.p[r->at] == c) {
		r->at++;
		return true;
	}
	return false;
}

static int read_iso_time(struct reading *r)
{
	int e = read_one(r, 'H');

	if (e == 0 && !take(r, ':')) {
		e = refuse(r, "':' was expected");
	}
	if (e == 0) {
		e = read_in(r, 2, 2, 0, 59, &r->parts.minute);
	}
	if (e == 0 && take(r, ':')) {
		e = read_in(r, 2, 2, 0, 60, &r->parts.second);
		if (e == 0 && (take(r, '.') || take(r, ','))) {
			e = read_fraction(r);
		}
	}
	return e;
}

int calendar_read_iso(struct slice text, const struct calendar_zone *z, bool has_option,
	int64_t *utc_ms, struct err *err)
{
	struct reading r;
	int e;

	begin(&r, text, err);
	e = read_one(&r, 'Y');
	if (e == 0 && take(&r, '-')) {
		e = read_one(&r, 'm');
		if (e == 0 && take(&r, '-')) {
			e = read_one(&r, 'd');
		}
	}
	if (e == 0 && r.at < text.n && (take(&r, 'T') || take(&r, 't') || take(&r, ' '))) {
		e = read_iso_time(&r);
	}
	while (e == 0 && take(&r, ' ')) {
	}
	if (e == 0 && r.at < text.n) {
		e = read_zone(&r);
	}
	return e != 0 ? e : finish(&r, z, has_option, utc_ms);
}
