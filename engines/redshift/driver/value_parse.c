/* Texts as values. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/value_impl.h"

/* ---- refusing ---- */

/* More of a wrong text helps nobody. */
#define SHOWN_MAX 60

static int complain(
	struct slice text, struct sql_type t, int code, const char *what, struct err *err)
{
	CLEANUP(buf_free) struct buf type = BUF_INIT;
	sql_type_print(t, &type);
	int n = (int)(text.n < SHOWN_MAX ? text.n : SHOWN_MAX);
	return err_set(err, code, "%s type %s: \"%.*s%s\"", what, buf_cstr(&type), n,
		n > 0 ? text.p : "", text.n > SHOWN_MAX ? "..." : "");
}

int value_refuse(struct slice text, struct sql_type t, struct err *err)
{
	return complain(text, t, EINVAL, "invalid input syntax for", err);
}

int value_range(struct slice text, struct sql_type t, struct err *err)
{
	return complain(text, t, ERANGE, "value out of range for", err);
}

/* ---- taking from the front ---- */

bool take_char(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c) {
		return false;
	}
	s->p++;
	s->n--;
	return true;
}

static bool digit_next(struct slice s)
{
	return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9';
}

unsigned take_digits(struct slice *s, unsigned most, uint64_t *out)
{
	unsigned n = 0;
	*out = 0;
	while (n < most && digit_next(*s)) {
		*out = *out * 10 + (uint64_t)(s->p[0] - '0');
		s->p++;
		s->n--;
		n++;
	}
	return n;
}

bool take_fraction(struct slice *s, int64_t *micros)
{
	uint64_t six = 0;
	*micros = 0;
	if (!take_char(s, '.')) {
		return true;
	}
	unsigned n = take_digits(s, 6, &six);
	if (n == 0) {
		return false;
	}
	for (unsigned i = n; i < 6; i++) {
		six *= 10;
	}
	if (digit_next(*s) && s->p[0] >= '5') {
		six++;
	}
	while (digit_next(*s)) {
		s->p++;
		s->n--;
	}
	*micros = (int64_t)six;
	return true;
}

bool take_clock(struct slice *s, int64_t *micros)
{
	uint64_t hours = 0;
	uint64_t minutes = 0;
	uint64_t seconds = 0;
	int64_t fraction = 0;
	if (take_digits(s, 10, &hours) == 0 || !take_char(s, ':') ||
		take_digits(s, 2, &minutes) == 0) {
		return false;
	}
	if (take_char(s, ':') &&
		(take_digits(s, 2, &seconds) == 0 || !take_fraction(s, &fraction))) {
		return false;
	}
	if (minutes > 59 || seconds > 59) {
		return false;
	}
	int64_t all = (int64_t)(hours * 3600 + minutes * 60 + seconds);
	return !__builtin_mul_overflow(all, SQL_SECOND, micros) &&
	       !__builtin_add_overflow(*micros, fraction, micros);
}

/* ---- booleans and numbers ---- */

static bool word_is(struct slice text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static bool parse_boolean(struct slice text, bool *out)
{
	static const char *const words[] = {
		"f", "t", "false", "true", "n", "y", "no", "yes", "0", "1"};
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (word_is(text, words[i])) {
			*out = i % 2 == 1;
			return true;
		}
	}
	return false;
}

static bool take_sign(struct slice *s)
{
	return take_char(s, '-') || (take_char(s, '+') && false);
}

static int64_t greatest(enum sql_kind kind)
{
	switch (kind) {
	case SQL_SMALLINT: return INT16_MAX;
	case SQL_INTEGER: return INT32_MAX;
	default: return INT64_MAX;
	}
}

static int parse_integer(struct slice text, struct sql_type t, int64_t *out, struct err *err)
{
	struct slice s = text;
	bool negative = take_sign(&s);
	uint64_t most = (uint64_t)greatest(t.kind) + (negative ? 1 : 0);
	uint64_t n = 0;
	bool over = false;
	if (s.n == 0) {
		return value_refuse(text, t, err);
	}
	while (digit_next(s)) {
		uint64_t digit = (uint64_t)(s.p[0] - '0');
		over = over || n > (most - digit) / 10;
		n = over ? 0 : n * 10 + digit;
		s.p++;
		s.n--;
	}
	if (s.n > 0) {
		return value_refuse(text, t, err);
	}
	if (over) {
		return value_range(text, t, err);
	}
	*out = negative ? (int64_t)-n : (int64_t)n;
	return 0;
}

/* The parts of "-12.340e5". */
struct decimal_text {
	bool negative;
	struct slice whole, fraction;
	int64_t exponent;
};

static struct slice take_run(struct slice *s)
{
	struct slice run = {s->p, 0};
	while (digit_next(*s)) {
		run.n++;
		s->p++;
		s->n--;
	}
	return run;
}

static bool take_exponent(struct slice *s, int64_t *out)
{
	uint64_t e = 0;
	if (!take_char(s, 'e') && !take_char(s, 'E')) {
		return true;
	}
	bool negative = take_sign(s);
	/* More digits than these are out of range or 0 whatever they say. */
	unsigned n = take_digits(s, 9, &e);
	if (n == 9) {
		take_run(s);
	}
	*out = negative ? -(int64_t)e : (int64_t)e;
	return n > 0;
}

static bool split_decimal(struct slice s, struct decimal_text *out)
{
	*out = (struct decimal_text){0};
	out->negative = take_sign(&s);
	out->whole = take_run(&s);
	if (take_char(&s, '.')) {
		out->fraction = take_run(&s);
	}
	return out->whole.n + out->fraction.n > 0 && take_exponent(&s, &out->exponent) && s.n == 0;
}

static unsigned digit_at(const struct decimal_text *d, size_t i)
{
	const char *p = i < d->whole.n ? d->whole.p + i : d->fraction.p + (i - d->whole.n);
	return (unsigned)(*p - '0');
}

/* 10^n, n at most 38. */
static sql_int128 power_of_ten(unsigned n)
{
	sql_int128 p = 1;
	while (n-- > 0) {
		p *= 10;
	}
	return p;
}

/* The digits up to the scale, the next one rounds, away from zero. False: too large. */
static bool gather_digits(const struct decimal_text *d, struct sql_type t, sql_int128 *out)
{
	sql_int128 limit = power_of_ten(t.size);
	size_t n = d->whole.n + d->fraction.n;
	int64_t wanted = (int64_t)d->whole.n + d->exponent + (int64_t)t.scale;
	sql_int128 sum = 0;
	int64_t i = 0;
	for (; i < wanted && i < (int64_t)n; i++) {
		if (sum >= limit / 10) {
			return false;
		}
		sum = sum * 10 + digit_at(d, (size_t)i);
	}
	for (; i < wanted && sum != 0; i++) {
		if (sum >= limit / 10) {
			return false;
		}
		sum *= 10;
	}
	if (wanted >= 0 && wanted < (int64_t)n && digit_at(d, (size_t)wanted) >= 5) {
		sum++;
	}
	*out = d->negative ? -sum : sum;
	return sum < limit;
}

static int parse_decimal(struct slice text, struct sql_type t, sql_int128 *out, struct err *err)
{
	struct decimal_text d;
	if (!split_decimal(text, &d)) {
		return value_refuse(text, t, err);
	}
	return gather_digits(&d, t, out) ? 0 : value_range(text, t, err);
}

static bool parse_special(struct slice text, double *out)
{
	struct slice s = text;
	bool negative = take_sign(&s);
	if (word_is(text, "nan")) {
		*out = NAN;
		return true;
	}
	if (word_is(s, "infinity") || word_is(s, "inf")) {
		*out = negative ? -INFINITY : INFINITY;
		return true;
	}
	return false;
}

/* strtod() takes more than a number, and wants a NUL behind it. */
static int parse_real(struct slice text, struct sql_type t, double *out, struct err *err)
{
	struct decimal_text d;
	char small[64];
	if (parse_special(text, out)) {
		return 0;
	}
	if (!split_decimal(text, &d)) {
		return value_refuse(text, t, err);
	}
	CLEANUP(buf_free) struct buf large = BUF_INIT;
	char *copy = small;
	if (text.n >= sizeof(small)) {
		buf_append_slice(&large, text);
		buf_putc(&large, '\0');
		if (large.failed) {
			return buf_check(&large, err);
		}
		copy = large.p;
	} else {
		memcpy(small, text.p, text.n);
		small[text.n] = '\0';
	}
	*out = t.kind == SQL_REAL ? (double)strtof(copy, NULL) : strtod(copy, NULL);
	return isfinite(*out) ? 0 : value_range(text, t, err);
}

/* ---- texts ---- */

static int parse_text(struct slice text, struct sql_type t, struct slice *out, struct err *err)
{
	size_t n = text.n;
	if (t.kind == SQL_CHAR || (t.size > 0 && n > t.size)) {
		/* Blanks at the end are no part of CHAR, and never too many. */
		size_t least = t.kind == SQL_CHAR ? 0 : t.size;
		while (n > least && text.p[n - 1] == ' ') {
			n--;
		}
	}
	if (t.size > 0 && n > t.size) {
		CLEANUP(buf_free) struct buf type = BUF_INIT;
		sql_type_print(t, &type);
		return err_set(err, ERANGE, "value too long for type %s", buf_cstr(&type));
	}
	*out = slice_make(text.p, n);
	return 0;
}

/* ---- times ---- */

/* Beyond these DuckDB and microseconds in 64 bits cannot go. */
#define YEAR_FIRST (-4712)
#define YEAR_LAST  294246

static unsigned days_in(int64_t year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && leap ? 29 : days[month - 1];
}

struct ymd {
	uint64_t year, month, day;
};

/* 2008-01-02, 2008/1/2, 20080102. */
static bool take_ymd(struct slice *s, struct ymd *out)
{
	struct slice start = *s;
	if (take_digits(s, 8, &out->year) == 8 && !digit_next(*s)) {
		out->day = out->year % 100;
		out->month = out->year / 100 % 100;
		out->year /= 10000;
		return true;
	}
	*s = start;
	unsigned n = take_digits(s, 6, &out->year);
	char mark = s->n > 0 && s->p[0] == '/' ? '/' : '-';
	return n >= 4 && take_char(s, mark) && take_digits(s, 2, &out->month) > 0 &&
	       take_char(s, mark) && take_digits(s, 2, &out->day) > 0;
}

/* From the end. */
static bool take_bc(struct slice *s)
{
	bool bc = s->n >= 3 && strncasecmp(s->p + s->n - 3, " BC", 3) == 0;
	s->n -= bc ? 3 : 0;
	return bc;
}

static bool to_days(const struct ymd *d, bool bc, int64_t *days)
{
	int64_t year = bc ? 1 - (int64_t)d->year : (int64_t)d->year;
	if (d->year == 0 || year < YEAR_FIRST || year > YEAR_LAST || d->month < 1 ||
		d->month > 12 || d->day < 1 || d->day > days_in(year, (unsigned)d->month)) {
		return false;
	}
	*days = sql_days_of(year, (unsigned)d->month, (unsigned)d->day);
	return true;
}

/* "Z", "+02", "-03:30", "+0530"; nothing is UTC. */
static bool take_zone(struct slice *s, int64_t *micros)
{
	uint64_t hours = 0;
	uint64_t minutes = 0;
	*micros = 0;
	take_char(s, ' ');
	if (s->n == 0 || take_char(s, 'Z') || take_char(s, 'z')) {
		return true;
	}
	if (word_is(*s, "utc")) {
		s->n = 0;
		return true;
	}
	bool negative = s->p[0] == '-';
	if ((!take_char(s, '-') && !take_char(s, '+')) || take_digits(s, 2, &hours) != 2) {
		return false;
	}
	take_char(s, ':');
	if (s->n > 0 && take_digits(s, 2, &minutes) != 2) {
		return false;
	}
	*micros = (int64_t)(hours * 60 + minutes) * 60 * SQL_SECOND * (negative ? -1 : 1);
	return hours <= 15 && minutes <= 59;
}

/* A time of the day; 24:00:00 is none of SQL's, but PostgreSQL takes it. */
static bool take_day_time(struct slice *s, int64_t *micros)
{
	return take_clock(s, micros) && *micros <= SQL_DAY;
}

static bool parse_timestamp(struct slice s, bool zoned, int64_t *out)
{
	struct ymd d;
	bool bc = take_bc(&s);
	int64_t days = 0;
	int64_t clock = 0;
	int64_t zone = 0;
	if (!take_ymd(&s, &d) || !to_days(&d, bc, &days)) {
		return false;
	}
	if (s.n > 0 && ((!take_char(&s, ' ') && !take_char(&s, 'T')) ||
			       !take_day_time(&s, &clock) || !take_zone(&s, &zone))) {
		return false;
	}
	/* Without a zone of its own the type does not look at one, as in PostgreSQL. */
	*out = days * SQL_DAY + clock - (zoned ? zone : 0);
	return s.n == 0;
}

static bool parse_date(struct slice s, int64_t *out)
{
	struct ymd d;
	bool bc = take_bc(&s);
	return take_ymd(&s, &d) && to_days(&d, bc, out) && s.n == 0;
}

static bool parse_time(struct slice s, int64_t *out)
{
	return take_day_time(&s, out) && s.n == 0;
}

static int parse_moment(
	struct slice text, struct sql_type t, struct sql_value *out, struct err *err)
{
	bool ok = false;
	if (t.kind == SQL_DATE) {
		ok = parse_date(text, &out->days);
	} else if (t.kind == SQL_TIME) {
		ok = parse_time(text, &out->micros);
	} else {
		ok = parse_timestamp(text, t.kind == SQL_TIMESTAMPTZ, &out->micros);
	}
	return ok ? 0 : value_refuse(text, t, err);
}

int sql_value_parse(struct slice text, struct sql_type t, struct sql_value *out, struct err *err)
{
	out->null = false;
	switch (t.kind) {
	case SQL_BOOLEAN:
		return parse_boolean(text, &out->boolean) ? 0 : value_refuse(text, t, err);
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return parse_integer(text, t, &out->integer, err);
	case SQL_REAL:
	case SQL_DOUBLE: return parse_real(text, t, &out->real, err);
	case SQL_DECIMAL: return parse_decimal(text, t, &out->decimal, err);
	case SQL_CHAR:
	case SQL_VARCHAR:
	case SQL_UNKNOWN: return parse_text(text, t, &out->text, err);
	case SQL_INTERVAL: return interval_parse(text, &out->interval, err);
	default: return parse_moment(text, t, out, err);
	}
}
