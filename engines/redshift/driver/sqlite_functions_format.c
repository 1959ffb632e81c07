/* TO_CHAR of times, TO_DATE, TO_TIMESTAMP: PostgreSQL's patterns. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

enum field {
	F_MONTH_NAME,
	F_MONTH_SHORT,
	F_DAY_NAME,
	F_DAY_SHORT,
	F_HALF, /* am, pm */
	F_HALF_DOTS,
	F_YEAR,
	F_ISO_YEAR,
	F_MONTH,
	F_DAY,
	F_DAY_OF_YEAR,
	F_WEEKDAY,
	F_ISO_WEEKDAY,
	F_HOUR12,
	F_HOUR24,
	F_MINUTE,
	F_SECOND,
	F_MILLISECOND,
	F_MICROSECOND,
	F_SECOND_OF_DAY,
	F_QUARTER,
	F_WEEK_OF_YEAR,
	F_WEEK_OF_MONTH,
	F_ISO_WEEK,
	F_CENTURY,
	F_JULIAN,
};

/* Longer ones before those they begin with. */
static const struct pattern {
	const char *text;
	enum field field;
	unsigned width; /* of a number */
} patterns[] = {
	{"MONTH", F_MONTH_NAME, 0},
	{"MON", F_MONTH_SHORT, 0},
	{"MM", F_MONTH, 2},
	{"MI", F_MINUTE, 2},
	{"MS", F_MILLISECOND, 3},
	{"DAY", F_DAY_NAME, 0},
	{"DY", F_DAY_SHORT, 0},
	{"DDD", F_DAY_OF_YEAR, 3},
	{"DD", F_DAY, 2},
	{"D", F_WEEKDAY, 1},
	{"HH24", F_HOUR24, 2},
	{"HH12", F_HOUR12, 2},
	{"HH", F_HOUR12, 2},
	{"SSSSS", F_SECOND_OF_DAY, 0},
	{"SSSS", F_SECOND_OF_DAY, 0},
	{"SS", F_SECOND, 2},
	{"YYYY", F_YEAR, 4},
	{"YYY", F_YEAR, 3},
	{"YY", F_YEAR, 2},
	{"Y", F_YEAR, 1},
	{"IYYY", F_ISO_YEAR, 4},
	{"IYY", F_ISO_YEAR, 3},
	{"IY", F_ISO_YEAR, 2},
	{"IW", F_ISO_WEEK, 2},
	{"ID", F_ISO_WEEKDAY, 1},
	{"US", F_MICROSECOND, 6},
	{"Q", F_QUARTER, 1},
	{"WW", F_WEEK_OF_YEAR, 2},
	{"W", F_WEEK_OF_MONTH, 1},
	{"CC", F_CENTURY, 2},
	{"J", F_JULIAN, 0},
	{"A.M.", F_HALF_DOTS, 0},
	{"P.M.", F_HALF_DOTS, 0},
	{"AM", F_HALF, 0},
	{"PM", F_HALF, 0},
};

static const char *const month_names[] = {"January", "February", "March", "April", "May", "June",
	"July", "August", "September", "October", "November", "December"};
static const char *const day_names[] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

#define JULIAN_OF_EPOCH 2440588 /* 1970-01-01 */
#define NAME_WIDTH	9

static const struct pattern *find_pattern(struct slice format, size_t at)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		size_t n = strlen(patterns[i].text);
		if (format.n - at >= n && strncasecmp(format.p + at, patterns[i].text, n) == 0) {
			return &patterns[i];
		}
	}
	return NULL;
}

static bool follows(struct slice format, size_t at, const char *word)
{
	size_t n = strlen(word);
	return format.n - at >= n && strncasecmp(format.p + at, word, n) == 0;
}

/* ---- TO_CHAR ---- */

struct moment {
	int64_t days, clock; /* micros of the day */
	int64_t year, iso_year;
	unsigned month, day, iso_week, day_of_year;
};

static struct moment take_apart(int64_t micros)
{
	struct moment m = {.days = lite_days(micros)};
	m.clock = micros - m.days * SQL_DAY;
	sql_days_split(m.days, &m.year, &m.month, &m.day);
	lite_iso_week(m.days, &m.iso_year, &m.iso_week);
	m.day_of_year = (unsigned)(m.days - sql_days_of(m.year, 1, 1)) + 1;
	return m;
}

static int64_t power_of(unsigned width)
{
	int64_t p = 1;
	while (width-- > 0) {
		p *= 10;
	}
	return p;
}

static int64_t clock_number(const struct moment *m, enum field f)
{
	int64_t hour = m->clock / (3600 * SQL_SECOND);
	switch (f) {
	case F_HOUR12: return hour % 12 == 0 ? 12 : hour % 12;
	case F_HOUR24: return hour;
	case F_MINUTE: return m->clock / (60 * SQL_SECOND) % 60;
	case F_SECOND: return m->clock / SQL_SECOND % 60;
	case F_MILLISECOND: return m->clock / 1000 % 1000;
	case F_MICROSECOND: return m->clock % SQL_SECOND;
	default: return m->clock / SQL_SECOND;
	}
}

static int64_t number_of(const struct moment *m, enum field f, unsigned width)
{
	switch (f) {
	case F_YEAR: return width < 4 ? m->year % power_of(width) : m->year;
	case F_ISO_YEAR: return width < 4 ? m->iso_year % power_of(width) : m->iso_year;
	case F_MONTH: return m->month;
	case F_DAY: return m->day;
	case F_DAY_OF_YEAR: return m->day_of_year;
	case F_WEEKDAY: return lite_weekday(m->days) % 7 + 1;
	case F_ISO_WEEKDAY: return lite_weekday(m->days);
	case F_QUARTER: return (m->month + 2) / 3;
	case F_WEEK_OF_YEAR: return (m->day_of_year + 6) / 7;
	case F_WEEK_OF_MONTH: return (m->day + 6) / 7;
	case F_ISO_WEEK: return m->iso_week;
	case F_CENTURY: return (m->year + 99) / 100;
	case F_JULIAN: return m->days + JULIAN_OF_EPOCH;
	default: return clock_number(m, f);
	}
}

/* In the case that the pattern is written in: MON, Mon, mon. */
static void put_name(struct buf *out, const char *name, size_t n, const char *written, bool filled)
{
	bool all = isupper((unsigned char)written[1]);
	bool first = isupper((unsigned char)written[0]);
	for (size_t i = 0; i < n; i++) {
		bool up = all || (first && i == 0);
		buf_putc(out, (char)(up ? toupper((unsigned char)name[i])
					: tolower((unsigned char)name[i])));
	}
	for (size_t i = n; filled && i < NAME_WIDTH; i++) {
		buf_putc(out, ' ');
	}
}

static void put_word(
	struct buf *out, const struct moment *m, enum field f, const char *written, bool fill)
{
	const char *month = month_names[m->month - 1];
	const char *day = day_names[lite_weekday(m->days) - 1];
	bool up = isupper((unsigned char)written[0]);
	bool late = m->clock >= SQL_DAY / 2;
	switch (f) {
	case F_MONTH_NAME: put_name(out, month, strlen(month), written, fill); break;
	case F_MONTH_SHORT: put_name(out, month, 3, written, false); break;
	case F_DAY_NAME: put_name(out, day, strlen(day), written, fill); break;
	case F_DAY_SHORT: put_name(out, day, 3, written, false); break;
	case F_HALF: buf_puts(out, up ? (late ? "PM" : "AM") : (late ? "pm" : "am")); break;
	default: buf_puts(out, up ? (late ? "P.M." : "A.M.") : (late ? "p.m." : "a.m.")); break;
	}
}

static const char *ordinal_suffix(int64_t n)
{
	static const char *const suffixes[] = {"th", "st", "nd", "rd"};
	int64_t last = n % 10;
	return n / 10 % 10 == 1 || last > 3 ? suffixes[0] : suffixes[last];
}

/* One field and the "TH" behind it; how many bytes of the format it took. */
static size_t put_field(struct buf *out, const struct moment *m, const struct pattern *p,
	struct slice format, size_t at, bool fill)
{
	size_t n = strlen(p->text);
	if (p->field <= F_HALF_DOTS) {
		put_word(out, m, p->field, format.p + at, fill);
		return n;
	}
	int64_t number = number_of(m, p->field, p->width);
	buf_printf(out, "%0*" PRId64, fill ? (int)p->width : 0, number);
	if (follows(format, at + n, "TH")) {
		const char *suffix = ordinal_suffix(number);
		bool up = isupper((unsigned char)format.p[at + n]);
		buf_putc(out, (char)(up ? toupper((unsigned char)suffix[0]) : suffix[0]));
		buf_putc(out, (char)(up ? toupper((unsigned char)suffix[1]) : suffix[1]));
		n += 2;
	}
	return n;
}

/* A text in double quotes at *at, as it is. */
static void put_quoted(struct buf *out, struct slice format, size_t *at)
{
	for ((*at)++; *at < format.n && format.p[*at] != '"'; (*at)++) {
		if (format.p[*at] == '\\' && *at + 1 < format.n) {
			(*at)++;
		}
		buf_putc(out, format.p[*at]);
	}
	*at += *at < format.n;
}

static void to_char(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice format = lite_text(v[1]);
	int64_t micros;
	bool fill = true;
	if (!lite_moment(c, v[0], &micros)) {
		return;
	}
	struct moment m = take_apart(micros);
	for (size_t at = 0; at < format.n;) {
		if (follows(format, at, "FM")) {
			fill = false;
			at += 2;
			continue;
		}
		const struct pattern *p = find_pattern(format, at);
		if (p != NULL) {
			at += put_field(&out, &m, p, format, at, fill);
			fill = true;
		} else if (format.p[at] == '"') {
			put_quoted(&out, format, &at);
		} else {
			buf_putc(&out, format.p[at++]);
		}
	}
	lite_result(c, &out);
}

/* ---- TO_DATE, TO_TIMESTAMP ---- */

struct reading {
	sqlite3_context *c;
	struct slice text;
	int64_t year, month, day, day_of_year, julian;
	int64_t hour, minute, second, micros;
	bool half, late, julian_told;
};

static void skip_blanks(struct reading *r)
{
	while (r->text.n > 0 && isspace((unsigned char)r->text.p[0])) {
		r->text.p++;
		r->text.n--;
	}
}

/* Which of the names the text begins with, of `length` letters (0: all); -1: none. */
static int take_name(struct reading *r, const char *const *names, unsigned n, size_t length)
{
	for (unsigned i = 0; i < n; i++) {
		size_t whole = length > 0 ? length : strlen(names[i]);
		if (r->text.n >= whole && strncasecmp(r->text.p, names[i], whole) == 0) {
			r->text.p += whole;
			r->text.n -= whole;
			return (int)i;
		}
	}
	lite_fail(r->c, "invalid value \"%.*s\" for a name of a month or day",
		(int)(r->text.n > 20 ? 20 : r->text.n), r->text.p);
	return -1;
}

static bool take_half(struct reading *r, bool dots)
{
	size_t n = dots ? 4 : 2;
	if (r->text.n < n || strchr("aApP", r->text.p[0]) == NULL) {
		lite_fail(r->c, "AM or PM is expected");
		return false;
	}
	r->half = true;
	r->late = (r->text.p[0] | 0x20) == 'p';
	r->text.p += n;
	r->text.n -= n;
	return true;
}

static bool take_word(struct reading *r, enum field f)
{
	int which;
	switch (f) {
	case F_MONTH_NAME:
	case F_MONTH_SHORT:
		which = take_name(r, month_names, 12, f == F_MONTH_SHORT ? 3 : 0);
		r->month = which + 1;
		return which >= 0;
	case F_DAY_NAME:
	case F_DAY_SHORT: return take_name(r, day_names, 7, f == F_DAY_SHORT ? 3 : 0) >= 0;
	default: return take_half(r, f == F_HALF_DOTS);
	}
}

/* Two digits are of the years nearest to 2020, as in PostgreSQL. */
static int64_t whole_year(int64_t year, unsigned digits)
{
	switch (digits) {
	case 1: return year + 2000;
	case 2: return year + (year < 70 ? 2000 : 1900);
	case 3: return year + (year < 520 ? 2000 : 1000);
	default: return year;
	}
}

static int64_t *place_of(struct reading *r, enum field f)
{
	switch (f) {
	case F_YEAR:
	case F_ISO_YEAR: return &r->year;
	case F_MONTH: return &r->month;
	case F_DAY: return &r->day;
	case F_DAY_OF_YEAR: return &r->day_of_year;
	case F_JULIAN: return &r->julian;
	case F_HOUR12:
	case F_HOUR24: return &r->hour;
	case F_MINUTE: return &r->minute;
	case F_SECOND: return &r->second;
	case F_MILLISECOND:
	case F_MICROSECOND: return &r->micros;
	default: return NULL; /* read over: the rest says it */
	}
}

static bool take_number(struct reading *r, const struct pattern *p)
{
	uint64_t n = 0;
	unsigned most = p->field == F_JULIAN ? 9 : p->width == 0 ? 5 : p->width;
	unsigned digits = take_digits(&r->text, most, &n);
	int64_t *place = place_of(r, p->field);
	if (digits == 0) {
		lite_fail(r->c, "a number is expected for \"%s\"", p->text);
		return false;
	}
	bool fraction = p->field == F_MILLISECOND || p->field == F_MICROSECOND;
	for (unsigned i = digits; fraction && i < 6; i++) {
		n *= 10; /* ".5" is half a second */
	}
	if (p->field == F_YEAR && p->width < 4) {
		n = (uint64_t)whole_year((int64_t)n, p->width);
	}
	r->julian_told = r->julian_told || p->field == F_JULIAN;
	if (place != NULL) {
		*place = (int64_t)n;
	}
	return true;
}

/* One thing of the format that is no field: blanks are optional, else a byte stands for any. */
static void pass_over(struct reading *r, char c)
{
	if (isspace((unsigned char)c)) {
		skip_blanks(r);
	} else if (r->text.n > 0 && !isdigit((unsigned char)r->text.p[0])) {
		r->text.p++;
		r->text.n--;
	}
}

static bool read_all(struct reading *r, struct slice format)
{
	for (size_t at = 0; at < format.n;) {
		const struct pattern *p = find_pattern(format, at);
		if (follows(format, at, "FM")) {
			at += 2;
		} else if (p == NULL) {
			pass_over(r, format.p[at++]);
		} else {
			skip_blanks(r);
			if (p->field <= F_HALF_DOTS ? !take_word(r, p->field)
						    : !take_number(r, p)) {
				return false;
			}
			at += strlen(p->text);
			at += follows(format, at, "TH") ? 2 : 0;
		}
	}
	return true;
}

static bool in_bounds(const struct reading *r)
{
	return r->month >= 1 && r->month <= 12 && r->day >= 1 && r->year >= 1 && r->year <= 9999 &&
	       r->day <= (int64_t)lite_month_days(r->year, (unsigned)r->month) && r->hour <= 24 &&
	       r->minute <= 59 && r->second <= 59 && r->day_of_year <= 366 &&
	       (!r->half || (r->hour >= 1 && r->hour <= 12));
}

/* What was read as micros. */
static bool put_together(struct reading *r, int64_t *out)
{
	if (!in_bounds(r)) {
		lite_fail(r->c, "date/time field value out of range");
		return false;
	}
	int64_t hour = r->half ? r->hour % 12 + (r->late ? 12 : 0) : r->hour;
	int64_t days = sql_days_of(r->year, (unsigned)r->month, (unsigned)r->day);
	if (r->julian_told) {
		days = r->julian - JULIAN_OF_EPOCH;
	} else if (r->day_of_year > 0) {
		days = sql_days_of(r->year, 1, 1) + r->day_of_year - 1;
	}
	*out = days * SQL_DAY + (hour * 3600 + r->minute * 60 + r->second) * SQL_SECOND + r->micros;
	return true;
}

static bool parse(sqlite3_context *c, sqlite3_value **v, int64_t *micros)
{
	struct reading r = {.c = c, .text = lite_text(v[0]), .year = 1, .month = 1, .day = 1};
	return read_all(&r, lite_text(v[1])) && put_together(&r, micros);
}

static void to_date(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	if (parse(c, v, &micros)) {
		lite_result_date(c, lite_days(micros));
	}
}

static void to_timestamp(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	if (parse(c, v, &micros)) {
		lite_result_moment(c, micros);
	}
}

const struct lite_function lite_format_functions[] = {
	{"rs_to_char", 2, 2, to_char, false},
	{"rs_to_date", 2, 2, to_date, false},
	{"rs_to_timestamp", 2, 2, to_timestamp, false},
	{NULL, 0, 0, NULL, false},
};
