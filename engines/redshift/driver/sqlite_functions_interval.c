/* Intervals: "MONTHS DAYS MICROS". */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

static bool take_number(struct slice *s, int64_t *out)
{
	bool negative = take_char(s, '-');
	uint64_t n = 0;
	if (take_digits(s, 19, &n) == 0 || n > INT64_MAX) {
		return false;
	}
	*out = negative ? -(int64_t)n : (int64_t)n;
	return true;
}

static bool stored_interval(struct slice s, struct sql_interval *out)
{
	int64_t months;
	int64_t days;
	if (!take_number(&s, &months) || !take_char(&s, ' ') || !take_number(&s, &days) ||
		!take_char(&s, ' ') || !take_number(&s, &out->micros) || s.n > 0 ||
		months != (int32_t)months || days != (int32_t)days) {
		return false;
	}
	out->months = (int32_t)months;
	out->days = (int32_t)days;
	return true;
}

static bool take_interval(sqlite3_context *c, sqlite3_value *v, struct sql_interval *out)
{
	struct slice s = lite_text(v);
	struct err err = {0};
	if (stored_interval(s, out) || interval_parse(s, out, &err) == 0) {
		return true;
	}
	lite_refuse(c, &err);
	return false;
}

static void put_interval(sqlite3_context *c, int64_t months, int64_t days, int64_t micros)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	if (months != (int32_t)months || days != (int32_t)days) {
		lite_fail(c, "interval out of range");
		return;
	}
	buf_printf(&out, "%" PRId64 " %" PRId64 " %" PRId64, months, days, micros);
	lite_result(c, &out);
}

static void interval(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_interval i;
	if (take_interval(c, v[0], &i)) {
		put_interval(c, i.months, i.days, i.micros);
	}
}

/* As people read it: "1 year 2 mons 3 days 04:05:06". */
static void interval_text(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_value value = {0};
	struct sql_type t = {.kind = SQL_INTERVAL};
	if (take_interval(c, v[0], &value.interval)) {
		lite_result_value(c, &value, t);
	}
}

static void add_signed(sqlite3_context *c, sqlite3_value **v, int sign)
{
	struct sql_interval a;
	struct sql_interval b;
	int64_t micros;
	if (!take_interval(c, v[0], &a) || !take_interval(c, v[1], &b)) {
		return;
	}
	if (sign > 0 ? __builtin_add_overflow(a.micros, b.micros, &micros)
		     : __builtin_sub_overflow(a.micros, b.micros, &micros)) {
		lite_fail(c, "interval out of range");
		return;
	}
	put_interval(c, (int64_t)a.months + sign * (int64_t)b.months,
		(int64_t)a.days + sign * (int64_t)b.days, micros);
}

static void interval_add(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	add_signed(c, v, 1);
}

static void interval_sub(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	add_signed(c, v, -1);
}

/* What is left of a month is days of thirtieths, what is left of a day is time. */
static void interval_mul(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_interval i;
	double by = sqlite3_value_double(v[1]);
	if (!take_interval(c, v[0], &i)) {
		return;
	}
	double months = trunc(i.months * by);
	double all_days = i.days * by + (i.months * by - months) * 30;
	double days = trunc(all_days);
	double micros = nearbyint((double)i.micros * by + (all_days - days) * (double)SQL_DAY);
	if (!(fabs(months) < 0x1p31) || !(fabs(days) < 0x1p31) || !(fabs(micros) < 0x1p62)) {
		lite_fail(c, "interval out of range");
		return;
	}
	put_interval(c, (int64_t)months, (int64_t)days, (int64_t)micros);
}

/* Months first, then days, then time. */
static void ts_signed(sqlite3_context *c, sqlite3_value **v, int sign)
{
	struct sql_interval i;
	int64_t micros;
	int64_t time;
	if (!lite_moment(c, v[0], &micros) || !take_interval(c, v[1], &i)) {
		return;
	}
	if (i.months > 120000 || i.months < -120000 || i.days > 10000000 || i.days < -10000000) {
		lite_fail(c, "timestamp out of range");
		return;
	}
	micros = lite_add_months(micros, sign * (int64_t)i.months);
	micros += sign * (int64_t)i.days * SQL_DAY;
	if (sign > 0 ? __builtin_add_overflow(micros, i.micros, &time)
		     : __builtin_sub_overflow(micros, i.micros, &time)) {
		lite_fail(c, "timestamp out of range");
		return;
	}
	lite_result_moment(c, time);
}

static void ts_add(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	ts_signed(c, v, 1);
}

static void ts_sub(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	ts_signed(c, v, -1);
}

static void ts_diff(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t a;
	int64_t b;
	if (lite_moment(c, v[0], &a) && lite_moment(c, v[1], &b)) {
		put_interval(c, 0, (a - b) / SQL_DAY, (a - b) % SQL_DAY);
	}
}

const struct lite_function lite_interval_functions[] = {
	{"rs_interval", 1, 1, interval, false},
	{"rs_interval_text", 1, 1, interval_text, false},
	{"rs_interval_add", 2, 2, interval_add, false},
	{"rs_interval_sub", 2, 2, interval_sub, false},
	{"rs_interval_mul", 2, 2, interval_mul, false},
	{"rs_ts_add", 2, 2, ts_add, false},
	{"rs_ts_sub", 2, 2, ts_sub, false},
	{"rs_ts_diff", 2, 2, ts_diff, false},
	{NULL, 0, 0, NULL, false},
};
