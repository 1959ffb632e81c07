/* Milliseconds since 1970 <-> ISO 8601. By arithmetic: the C library's functions know
 * time zones and locales, which have no place here, and are slow. */
#include "engines/docdb/values/ejson_impl.h"

#define DAY_MS	    INT64_C(86400000)
#define MS_AT_10000 INT64_C(253402300800000)

struct civil {
	int64_t year;
	unsigned month;
	unsigned day;
};

bool ejson_date_is_iso(int64_t ms)
{
	return ms >= 0 && ms < MS_AT_10000;
}

/* Years are counted from March, so that the leap day is a year's last; 400 years have
 * 146097 days. */
static struct civil civil_of_days(int64_t days)
{
	int64_t n = days + 719468;
	int64_t era = (n >= 0 ? n : n - 146096) / 146097;
	unsigned of_era = (unsigned)(n - era * 146097);
	unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
	unsigned month = (5 * of_year + 2) / 153;
	struct civil c;
	c.day = of_year - (153 * month + 2) / 5 + 1;
	c.month = month < 10 ? month + 3 : month - 9;
	c.year = era * 400 + year + (c.month <= 2 ? 1 : 0);
	return c;
}

static int64_t days_of_civil(struct civil c)
{
	int64_t year = c.year - (c.month <= 2 ? 1 : 0);
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	unsigned month = c.month > 2 ? c.month - 3 : c.month + 9;
	int64_t of_year = (153 * month + 2) / 5 + c.day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* ---- writing ---- */

static char *put_digits(char *p, unsigned n, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--) {
		p[i - 1] = (char)('0' + n % 10);
		n /= 10;
	}
	return p + digits;
}

unsigned ejson_date_text(int64_t ms, char out[EJSON_SCALAR_MAX])
{
	struct civil c = civil_of_days(ms / DAY_MS);
	unsigned of_day = (unsigned)(ms % DAY_MS);
	char *p = put_digits(out, (unsigned)c.year, 4);
	*p++ = '-';
	p = put_digits(p, c.month, 2);
	*p++ = '-';
	p = put_digits(p, c.day, 2);
	*p++ = 'T';
	p = put_digits(p, of_day / 3600000, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 60000 % 60, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 1000 % 60, 2);
	if (of_day % 1000 != 0) {
		*p++ = '.';
		p = put_digits(p, of_day % 1000, 3);
	}
	*p++ = 'Z';
	return (unsigned)(p - out);
}

/* ---- reading ---- */

/* `n` digits, and after them the byte `then` unless that is 0; both are taken off the text. */
static bool take_digits(struct slice *text, unsigned n, char then, unsigned *out)
{
	unsigned value = 0;
	if (text->n < n + (then != 0)) {
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		if (text->p[i] < '0' || text->p[i] > '9') {
			return false;
		}
		value = value * 10 + (unsigned)(text->p[i] - '0');
	}
	if (then != 0 && text->p[n] != then) {
		return false;
	}
	n += then != 0;
	*text = slice_make(text->p + n, text->n - n);
	*out = value;
	return true;
}

static bool is_digit(struct slice text, size_t i)
{
	return i < text.n && text.p[i] >= '0' && text.p[i] <= '9';
}

/* ".5", ".123", ".123000": what would be lost is refused. */
static bool take_fraction(struct slice *text, unsigned *ms)
{
	*ms = 0;
	if (text->n == 0 || text->p[0] != '.') {
		return true;
	}
	unsigned unit = 100;
	size_t i = 1;
	for (; is_digit(*text, i); i++) {
		unsigned digit = (unsigned)(text->p[i] - '0');
		if (unit == 0 && digit != 0) {
			return false;
		}
		*ms += digit * unit;
		unit /= 10;
	}
	*text = slice_make(text->p + i, text->n - i);
	return i > 1;
}

/* "Z", "+01:00", "-0700", "+01"; all of the text. Minutes east. */
static bool take_zone(struct slice text, int *minutes)
{
	unsigned h;
	unsigned m = 0;
	*minutes = 0;
	if (text.n == 0) {
		return false;
	}
	char sign = text.p[0];
	text = slice_make(text.p + 1, text.n - 1);
	if (sign == 'Z') {
		return text.n == 0;
	}
	if ((sign != '+' && sign != '-') || !take_digits(&text, 2, 0, &h)) {
		return false;
	}
	if (text.n > 0 && text.p[0] == ':') {
		text = slice_make(text.p + 1, text.n - 1);
		if (text.n == 0) {
			return false;
		}
	}
	if ((text.n > 0 && !take_digits(&text, 2, 0, &m)) || text.n > 0 || h > 23 || m > 59) {
		return false;
	}
	*minutes = (int)(h * 60 + m) * (sign == '-' ? -1 : 1);
	return true;
}

static unsigned days_of_month(unsigned year, unsigned month)
{
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 ? (leap ? 29 : 28) : 30 + (month + month / 8) % 2;
}

bool ejson_date_parse(struct slice text, int64_t *ms)
{
	unsigned year;
	unsigned month;
	unsigned day;
	unsigned h;
	unsigned m;
	unsigned s;
	unsigned fraction;
	int zone;
	if (!take_digits(&text, 4, '-', &year) || !take_digits(&text, 2, '-', &month) ||
		!take_digits(&text, 2, 'T', &day) || !take_digits(&text, 2, ':', &h) ||
		!take_digits(&text, 2, ':', &m) || !take_digits(&text, 2, 0, &s) ||
		!take_fraction(&text, &fraction) || !take_zone(text, &zone)) {
		return false;
	}
	if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month) || h > 23 ||
		m > 59 || s > 59) {
		return false;
	}
	int64_t days = days_of_civil((struct civil){year, month, day});
	int64_t minutes = (int64_t)(h * 60 + m) - zone;
	*ms = days * DAY_MS + minutes * 60000 + (int64_t)s * 1000 + fraction;
	return true;
}
