/* Values of Redshift: their texts, both ways; their order and hashes; casts. */
#include <check.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/convert.h"
#include "tests/unit/fixture.h"

static const struct sql_type boolean = {.kind = SQL_BOOLEAN};
static const struct sql_type smallint = {.kind = SQL_SMALLINT};
static const struct sql_type integer = {.kind = SQL_INTEGER};
static const struct sql_type bigint = {.kind = SQL_BIGINT};
static const struct sql_type real = {.kind = SQL_REAL};
static const struct sql_type dbl = {.kind = SQL_DOUBLE};
static const struct sql_type money = {.kind = SQL_DECIMAL, .size = 8, .scale = 2};
static const struct sql_type wide = {.kind = SQL_DECIMAL, .size = 38, .scale = 0};
static const struct sql_type deep = {.kind = SQL_DECIMAL, .size = 38, .scale = 38};
static const struct sql_type char5 = {.kind = SQL_CHAR, .size = 5};
static const struct sql_type text5 = {.kind = SQL_VARCHAR, .size = 5};
static const struct sql_type text = {.kind = SQL_VARCHAR};
static const struct sql_type date = {.kind = SQL_DATE};
static const struct sql_type daytime = {.kind = SQL_TIME};
static const struct sql_type timestamp = {.kind = SQL_TIMESTAMP};
static const struct sql_type timestamptz = {.kind = SQL_TIMESTAMPTZ};
static const struct sql_type interval = {.kind = SQL_INTERVAL};

static struct sql_value parsed(const char *s, struct sql_type t)
{
	struct err err = {0};
	struct sql_value v;
	int rc = sql_value_parse(slice_of(s), t, &v, &err);
	ck_assert_msg(rc == 0, "'%s': %d %s", s, rc, err.msg);
	return v;
}

static void prints(const struct sql_value *v, struct sql_type t, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	sql_value_print(v, t, &out);
	ck_assert_str_eq(buf_cstr(&out), want);
}

static void reads_as(struct sql_type t, const char *s, const char *want)
{
	struct sql_value v = parsed(s, t);
	prints(&v, t, want);
}

static void same(struct sql_type t, const char *s)
{
	reads_as(t, s, s);
}

static void refused(struct sql_type t, const char *s, int code)
{
	struct err err = {0};
	struct sql_value v;
	int rc = sql_value_parse(slice_of(s), t, &v, &err);
	ck_assert_msg(rc == -code, "'%s': %d", s, rc);
	ck_assert_int_eq(err.code, code);
	ck_assert_str_ne(err.msg, "");
}

/* ---- texts ---- */

START_TEST(booleans)
{
	reads_as(boolean, "TRUE", "t");
	reads_as(boolean, "y", "t");
	reads_as(boolean, "1", "t");
	reads_as(boolean, "No", "f");
	reads_as(boolean, "f", "f");
	refused(boolean, "", EINVAL);
	refused(boolean, "2", EINVAL);
	refused(boolean, "tr", EINVAL);
}
END_TEST

START_TEST(whole_numbers)
{
	same(smallint, "-32768");
	same(integer, "2147483647");
	same(bigint, "-9223372036854775808");
	same(bigint, "9223372036854775807");
	reads_as(integer, "+007", "7");
	refused(smallint, "32768", ERANGE);
	refused(integer, "-2147483649", ERANGE);
	refused(bigint, "9223372036854775808", ERANGE);
	refused(bigint, "99999999999999999999999", ERANGE);
	refused(integer, "", EINVAL);
	refused(integer, "-", EINVAL);
	refused(integer, "1.0", EINVAL);
	refused(integer, " 1", EINVAL);
	refused(integer, "99999999999x", EINVAL);
}
END_TEST

START_TEST(decimals)
{
	same(money, "-0.05");
	same(money, "999999.99");
	reads_as(money, "1.005", "1.01");
	reads_as(money, "-1.005", "-1.01");
	reads_as(money, "-0.001", "0.00");
	reads_as(money, ".5", "0.50");
	reads_as(money, "5.", "5.00");
	reads_as(money, "12e-1", "1.20");
	reads_as(money, "1.25e3", "1250.00");
	reads_as(money, "0e999999999999", "0.00");
	refused(money, "1000000", ERANGE);
	refused(money, "999999.995", ERANGE);
	refused(money, "1e400000000", ERANGE);
	refused(money, ".", EINVAL);
	refused(money, "1e", EINVAL);
	refused(money, "1,5", EINVAL);
	same(wide, "99999999999999999999999999999999999999");
	same(wide, "-10000000000000000000000000000000000001");
	refused(wide, "100000000000000000000000000000000000000", ERANGE);
	refused(wide, "340282366920938463463374607431768211456", ERANGE);
	same(deep, "0.99999999999999999999999999999999999999");
	refused(deep, "1", ERANGE);
}
END_TEST

START_TEST(reals_in_the_fewest_digits)
{
	same(dbl, "0.1");
	same(dbl, "-0");
	same(dbl, "100");
	same(dbl, "123456789.125");
	same(dbl, "0.30000000000000004");
	same(dbl, "999999999999999");
	same(dbl, "1e+15");
	same(dbl, "0.0001");
	same(dbl, "1e-05");
	same(dbl, "5e-324");
	same(dbl, "1.7976931348623157e+308");
	same(dbl, "NaN");
	same(dbl, "-Infinity");
	reads_as(dbl, "inf", "Infinity");
	same(real, "0.1");
	same(real, "999999");
	same(real, "1e+06");
	same(real, "1.1754944e-38");
	same(real, "1e-45");
	refused(dbl, "1e309", ERANGE);
	refused(real, "1e39", ERANGE);
	refused(dbl, "0x10", EINVAL);
	refused(dbl, "1d", EINVAL);
}
END_TEST

/* The quick way and the long one give what reads back the same. */
START_TEST(any_real_reads_back)
{
	srandom(7);
	for (int i = 0; i < 20000; i++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		uint64_t bits =
			(uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();
		struct sql_value v = {0};
		memcpy(&v.real, &bits, sizeof(bits));
		if (i % 2 == 0) {
			v.real = (double)(random() % 2000001 - 1000000) / pow(10, i % 9);
		}
		if (!isfinite(v.real)) {
			continue;
		}
		sql_value_print(&v, dbl, &out);
		ck_assert_msg(strtod(buf_cstr(&out), NULL) == v.real, "%.17g: %s", v.real, out.p);
		v.real = (double)(float)v.real;
		if (isfinite(v.real)) {
			buf_clear(&out);
			sql_value_print(&v, real, &out);
			ck_assert_msg(strtof(buf_cstr(&out), NULL) == (float)v.real, "%.9g: %s",
				v.real, out.p);
		}
	}
}
END_TEST

START_TEST(texts)
{
	reads_as(char5, "ab   ", "ab");
	reads_as(char5, "abcde    ", "abcde");
	refused(char5, "abcdef", ERANGE);
	reads_as(text5, "ab   ", "ab   ");
	reads_as(text5, "abcde   ", "abcde");
	refused(text5, "\xc3\xa9\xc3\xa9\xc3\xa9", ERANGE);
	same(text, "");
}
END_TEST

START_TEST(dates_and_times)
{
	same(date, "2008-01-02");
	same(date, "2000-02-29");
	same(date, "0044-03-15 BC");
	same(date, "10000-01-01");
	reads_as(date, "20080102", "2008-01-02");
	reads_as(date, "2008/1/2", "2008-01-02");
	refused(date, "2001-02-29", EINVAL);
	refused(date, "1900-02-29", EINVAL);
	refused(date, "2008-13-01", EINVAL);
	refused(date, "0000-01-01", EINVAL);
	refused(date, "08-01-02", EINVAL);
	refused(date, "2008-01-02 03:04", EINVAL);
	same(daytime, "23:59:59.999999");
	reads_as(daytime, "3:04", "03:04:00");
	reads_as(daytime, "03:04:05.1234567", "03:04:05.123457");
	refused(daytime, "25:00:00", EINVAL);
	refused(daytime, "03:60:00", EINVAL);
	same(timestamp, "2008-01-02 03:04:05.5");
	same(timestamp, "1969-12-31 23:59:59.999999");
	reads_as(timestamp, "2008-01-02", "2008-01-02 00:00:00");
	reads_as(timestamp, "2008-01-02T03:04:05Z", "2008-01-02 03:04:05");
	reads_as(timestamp, "2008-12-31 23:59:59.9999996", "2009-01-01 00:00:00");
	reads_as(timestamptz, "2008-01-02 03:04:05+02", "2008-01-02 01:04:05+00");
	reads_as(timestamptz, "2008-01-02 03:04:05 -03:30", "2008-01-02 06:34:05+00");
	refused(timestamp, "2008-01-02 x", EINVAL);
	refused(timestamptz, "2008-01-02 03:04:05+99", EINVAL);
}
END_TEST

START_TEST(intervals)
{
	same(interval, "1 year 2 mons 3 days 04:05:06.5");
	same(interval, "00:00:00");
	same(interval, "-00:00:01");
	reads_as(interval, "1 month 1 DAY", "1 mon 1 day");
	reads_as(interval, "90 minutes", "01:30:00");
	reads_as(interval, "2 weeks, 1.5 days", "15 days 12:00:00");
	reads_as(interval, "1.5 years", "1 year 6 mons");
	reads_as(interval, "5", "00:00:05");
	reads_as(interval, "-3 hours 1 second", "-02:59:59");
	refused(interval, "", EINVAL);
	refused(interval, "3 moons", EINVAL);
	refused(interval, "days", EINVAL);
	refused(interval, "999999999999 years", ERANGE);
}
END_TEST

START_TEST(every_day_is_itself)
{
	int64_t year;
	unsigned month;
	unsigned day;
	ck_assert_int_eq(sql_days_of(1970, 1, 1), 0);
	ck_assert_int_eq(sql_days_of(2000, 3, 1), 11017);
	ck_assert_int_eq(sql_days_of(0, 12, 31), sql_days_of(1, 1, 1) - 1);
	for (int64_t d = -2000000; d < 2000000; d += 13) {
		sql_days_split(d, &year, &month, &day);
		ck_assert_int_eq(sql_days_of(year, month, day), d);
	}
}
END_TEST

START_TEST(csv_and_json)
{
	static const struct {
		const char *text, *csv, *json;
	} rows[] = {
		{"plain", "plain", "\"plain\""},
		{"", "\"\"", "\"\""},
		{"a,b", "\"a,b\"", "\"a,b\""},
		{"say \"x\"", "\"say \"\"x\"\"\"", "\"say \\\"x\\\"\""},
		{"\"", "\"\"\"\"", "\"\\\"\""},
		{"two\nlines", "\"two\nlines\"", "\"two\\nlines\""},
		{" x", "\" x\"", "\" x\""},
		{"x ", "\"x \"", "\"x \""},
	};
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sql_value v = {.text = slice_of(rows[i].text)};
		buf_clear(&out);
		sql_value_csv(&v, text, &out);
		ck_assert_str_eq(buf_cstr(&out), rows[i].csv);
		buf_clear(&out);
		sql_value_json(&v, text, &out);
		ck_assert_str_eq(buf_cstr(&out), rows[i].json);
	}
	struct sql_value many[] = {{.null = true}, parsed("1.50", money), parsed("t", boolean),
		parsed("NaN", dbl), parsed("2008-01-02", date)};
	struct sql_type types[] = {integer, money, boolean, dbl, date};
	buf_clear(&out);
	for (unsigned i = 0; i < 5; i++) {
		sql_value_csv(&many[i], types[i], &out);
		buf_putc(&out, ' ');
		sql_value_json(&many[i], types[i], &out);
		buf_putc(&out, ';');
	}
	ck_assert_str_eq(
		buf_cstr(&out), " null;1.50 1.50;t true;NaN \"NaN\";2008-01-02 \"2008-01-02\";");
}
END_TEST

START_TEST(types_have_names)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct sql_type types[] = {money, text5, text, char5, timestamp, dbl};
	for (unsigned i = 0; i < 6; i++) {
		sql_type_print(types[i], &out);
		buf_putc(&out, '|');
		sql_type_name(types[i], &out);
		buf_putc(&out, '\n');
	}
	ck_assert_str_eq(buf_cstr(&out),
		"numeric(8,2)|numeric(8,2)\ncharacter varying(5)|varchar(5)\n"
		"character varying|varchar\ncharacter(5)|char(5)\n"
		"timestamp without time zone|timestamp\ndouble precision|double precision\n");
}
END_TEST

/* ---- order and hashes ---- */

static void in_order(struct sql_type t, const char *less, const char *more)
{
	struct sql_value a = parsed(less, t);
	struct sql_value b = parsed(more, t);
	struct sql_value none = {.null = true};
	ck_assert_int_lt(sql_value_compare(&a, &b, t), 0);
	ck_assert_int_gt(sql_value_compare(&b, &a, t), 0);
	ck_assert_int_eq(sql_value_compare(&a, &a, t), 0);
	ck_assert_int_lt(sql_value_compare(&b, &none, t), 0);
	ck_assert_int_eq(sql_value_compare(&none, &none, t), 0);
}

START_TEST(values_have_an_order)
{
	in_order(boolean, "f", "t");
	in_order(bigint, "-9223372036854775808", "9223372036854775807");
	in_order(wide, "-99999999999999999999999999999999999999", "1");
	in_order(dbl, "-Infinity", "-1");
	in_order(dbl, "Infinity", "NaN");
	in_order(text, "Z", "a");
	in_order(text, "a", "ab");
	in_order(date, "0001-01-01 BC", "0001-01-01");
	in_order(interval, "29 days", "1 month");
}
END_TEST

static uint32_t hash_of(const char *s, struct sql_type t)
{
	struct sql_value v = parsed(s, t);
	return sql_value_hash(&v, t);
}

START_TEST(equal_values_have_equal_hashes)
{
	ck_assert_uint_eq(hash_of("5", smallint), hash_of("5", bigint));
	ck_assert_uint_eq(hash_of("5", smallint), hash_of("5.00", money));
	ck_assert_uint_eq(hash_of("-5", smallint), hash_of("-5", dbl));
	ck_assert_uint_eq(hash_of("0.1", money), hash_of("0.1", dbl));
	ck_assert_uint_eq(hash_of("0", dbl), hash_of("-0", dbl));
	ck_assert_uint_eq(hash_of("ab", char5), hash_of("ab", text));
	ck_assert_uint_eq(hash_of("2008-01-02", date), hash_of("2008-01-02", timestamp));
	ck_assert_uint_ne(hash_of("1", integer), hash_of("2", integer));
	/* Spread evenly over few slices. */
	unsigned slices[6] = {0};
	for (int64_t i = 0; i < 60000; i++) {
		slices[sql_value_hash(&(struct sql_value){.integer = i}, bigint) % 6]++;
	}
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_gt(slices[i], 9000);
		ck_assert_uint_lt(slices[i], 11000);
	}
}
END_TEST

/* ---- casts ---- */

static int cast(const char *s, struct sql_type from, struct sql_type to, struct buf *out)
{
	CLEANUP(buf_free) struct buf room = BUF_INIT;
	struct sql_value v = parsed(s, from);
	struct sql_value w;
	int rc = sql_value_convert(&v, from, to, &w, &room, NULL);
	if (rc == 0) {
		sql_value_print(&w, to, out);
	}
	return rc;
}

static void becomes(const char *s, struct sql_type from, struct sql_type to, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	int rc = cast(s, from, to, &out);
	ck_assert_msg(rc == 0, "'%s': %d", s, rc);
	ck_assert_str_eq(buf_cstr(&out), want);
}

static void becomes_nothing(const char *s, struct sql_type from, struct sql_type to, int code)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ck_assert_int_eq(cast(s, from, to, &out), -code);
}

START_TEST(values_become_others)
{
	becomes("2.5", money, integer, "3");
	becomes("-2.5", money, integer, "-3");
	becomes("-2.49", money, integer, "-2");
	becomes("2.5", dbl, integer, "2");
	becomes("7", integer, money, "7.00");
	becomes("0.125", dbl, money, "0.13");
	becomes("1.15", dbl, money, "1.15");
	becomes("0.1", money, dbl, "0.1");
	becomes("99999999999999999999999999999999999999", wide, dbl, "1e+38");
	becomes("7", integer, boolean, "t");
	becomes("t", boolean, integer, "1");
	becomes("t", boolean, text, "true");
	becomes("12.50", money, text, "12.50");
	becomes("12.5", text, money, "12.50");
	becomes("2008-01-02", date, timestamp, "2008-01-02 00:00:00");
	becomes("1969-12-31 23:00:00", timestamp, date, "1969-12-31");
	becomes("abc", text, char5, "abc");
	becomes_nothing("70000", integer, smallint, ERANGE);
	becomes_nothing("1000000", integer, money, ERANGE);
	becomes_nothing("NaN", dbl, integer, ERANGE);
	becomes_nothing("NaN", dbl, money, EINVAL);
	becomes_nothing("1e300", dbl, real, ERANGE);
	becomes_nothing("1e300", dbl, wide, ERANGE);
	becomes_nothing("2008-01-02", date, integer, EINVAL);
	becomes_nothing("12", integer, date, EINVAL);
	becomes_nothing("123456", integer, text5, ERANGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redshift_value");
	TCase *tc = tcase_create("values");
	tcase_add_test(tc, booleans);
	tcase_add_test(tc, whole_numbers);
	tcase_add_test(tc, decimals);
	tcase_add_test(tc, reals_in_the_fewest_digits);
	tcase_add_test(tc, any_real_reads_back);
	tcase_add_test(tc, texts);
	tcase_add_test(tc, dates_and_times);
	tcase_add_test(tc, intervals);
	tcase_add_test(tc, every_day_is_itself);
	tcase_add_test(tc, csv_and_json);
	tcase_add_test(tc, types_have_names);
	tcase_add_test(tc, values_have_an_order);
	tcase_add_test(tc, equal_values_have_equal_hashes);
	tcase_add_test(tc, values_become_others);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
