/* Extended JSON: read, written, and both again. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

static void parse_like(const char *text, struct slice like, struct buf *out)
{
	struct err err = {0};
	int rc = ejson_parse(slice_of(text), like, out, &err);
	ck_assert_msg(rc == 0, "%s: %s", text, err.msg);
	rc = doc_check(buf_slice(out), &err);
	ck_assert_msg(rc == 0, "%s: %s", text, err.msg);
}

static void parse(const char *text, struct buf *out)
{
	parse_like(text, slice_make("", 0), out);
}

/* Printed, and counted as many bytes as that. */
static void print(struct slice document, enum ejson_mode mode, bool pretty, struct buf *out)
{
	ejson_print(document, mode, pretty, out);
	ck_assert_uint_eq(ejson_size(document, mode, pretty), out->n);
}

/* text -> relaxed and canonical on one line; the canonical reads back to the same bytes. */
static void check_both(const char *text, const char *relaxed, const char *canonical)
{
	CLEANUP(buf_free) struct buf doc = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	parse(text, &doc);
	print(buf_slice(&doc), EJSON_RELAXED, false, &out);
	ck_assert_str_eq(buf_cstr(&out), relaxed);
	buf_clear(&out);
	print(buf_slice(&doc), EJSON_CANONICAL, false, &out);
	ck_assert_str_eq(buf_cstr(&out), canonical);
	parse(buf_cstr(&out), &again);
	ck_assert(slice_equal(buf_slice(&doc), buf_slice(&again)));
}

static void check_same(const char *text)
{
	check_both(text, text, text);
}

static void check_refused(const char *text, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	buf_puts(&out, "before");
	ck_assert_int_eq(ejson_parse(slice_of(text), slice_make("", 0), &out, &err), -EINVAL);
	ck_assert_str_eq(err.msg, want);
	ck_assert(slice_is(buf_slice(&out), "before"));
}

/* ---- types ---- */

START_TEST(numbers_have_the_type_that_their_spelling_says)
{
	check_both("{\"a\": 1}", "{\"a\":1}", "{\"a\":{\"$numberInt\":\"1\"}}");
	check_both("{\"a\":-2147483648}", "{\"a\":-2147483648}",
		"{\"a\":{\"$numberInt\":\"-2147483648\"}}");
	check_both("{\"a\":2147483648}", "{\"a\":2147483648}",
		"{\"a\":{\"$numberLong\":\"2147483648\"}}");
	check_both("{\"a\":-9223372036854775808}", "{\"a\":-9223372036854775808}",
		"{\"a\":{\"$numberLong\":\"-9223372036854775808\"}}");
	check_both("{\"a\":9223372036854775808}", "{\"a\":9.223372036854776e+18}",
		"{\"a\":{\"$numberDouble\":\"9.223372036854776e+18\"}}");
	check_both(
		"{\"a\":{\"$numberLong\":\"1\"}}", "{\"a\":1}", "{\"a\":{\"$numberLong\":\"1\"}}");
	check_both("{\"a\":1.0}", "{\"a\":1.0}", "{\"a\":{\"$numberDouble\":\"1.0\"}}");
	check_both("{\"a\":-0.0}", "{\"a\":-0.0}", "{\"a\":{\"$numberDouble\":\"-0.0\"}}");
	check_both("{\"a\":1e300}", "{\"a\":1e+300}", "{\"a\":{\"$numberDouble\":\"1e+300\"}}");
	check_same("{\"a\":{\"$numberDouble\":\"NaN\"},\"b\":{\"$numberDouble\":\"-Infinity\"}}");
	check_same(
		"{\"a\":{\"$numberDecimal\":\"1.50\"},\"b\":{\"$numberDecimal\":\"-Infinity\"}}");
}
END_TEST

START_TEST(doubles_have_their_shortest_text)
{
	static const char *const texts[] = {"0.0", "-0.0", "1.0", "0.1", "0.5", "12.34", "-12.34",
		"1234567.891", "0.0001", "1e-05", "1.5e-07", "100000.0", "999999999999999.0",
		"1000000000000000.0", "9007199254740993e0", "1e+16", "1.7976931348623157e+308",
		"2.2250738585072014e-308", "5e-324", "1.5e-323", "123456.7890123",
		"0.30000000000000004", "3.141592653589793", "1e+22", "1e+23", "9.5367431640625e-07",
		"4.35", "0.000123456789"};
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[64];
		const char *want = strcmp(texts[i], "9007199254740993e0") == 0
					   ? "9007199254740992.0"
					   : texts[i];
		snprintf(text, sizeof(text), "{\"a\":%s}", texts[i]);
		CLEANUP(buf_free) struct buf doc = BUF_INIT;
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		parse(text, &doc);
		ck_assert(doc_double(doc_field(buf_slice(&doc), slice_of("a"))) ==
			  strtod(texts[i], NULL));
		print(buf_slice(&doc), EJSON_RELAXED, false, &out);
		snprintf(text, sizeof(text), "{\"a\":%s}", want);
		ck_assert_str_eq(buf_cstr(&out), text);
	}
}
END_TEST

static double random_double(unsigned round)
{
	uint64_t bits = (uint64_t)rng() << 33 ^ (uint64_t)rng() << 2 ^ (uint64_t)rng();
	double n;
	memcpy(&n, &bits, sizeof(n));
	switch (round % 4) {
	case 0: return rng() / 100.0;
	case 1: return (rng() - (1 << 30)) / 1048576.0;
	case 2: return rng() * 1e-9;
	default: return n - n == 0 ? n : 1.0;
	}
}

/* Every double reads back the same, and no shorter text of it does. */
START_TEST(doubles_read_back_the_same)
{
	rng_seed(3);
	for (unsigned round = 0; round < 20000; round++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		double n = random_double(round);
		char raw[8];
		memcpy(raw, &n, sizeof(raw));
		ejson_print_value(
			(struct doc_value){BSON_TYPE_DOUBLE, {raw, 8}}, EJSON_RELAXED, false, &out);
		const char *text = buf_cstr(&out);
		ck_assert_msg(strtod(text, NULL) == n, "%a: %s", n, text);
		uint8_t type;
		CLEANUP(buf_free) struct buf value = BUF_INIT;
		ck_assert_int_eq(ejson_parse_value(slice_of(text), &type, &value, NULL), 0);
		ck_assert(type == BSON_TYPE_DOUBLE && memcmp(value.p, raw, 8) == 0);
		char shorter[40];
		unsigned digits = 0;
		while (snprintf(shorter, sizeof(shorter), "%.*e", (int)digits, n) > 0 &&
			strtod(shorter, NULL) != n) {
			digits++;
		}
		unsigned found = 0;
		unsigned zeros = 0;
		for (const char *p = text; *p != '\0' && *p != 'e'; p++) {
			if (*p >= '0' && *p <= '9' && (found > 0 || *p != '0')) {
				found++;
				zeros = *p == '0' ? zeros + 1 : 0;
			}
		}
		ck_assert_msg(n == 0 || found - zeros <= digits + 1, "%s: %u digits do", text,
			digits + 1);
	}
}
END_TEST

START_TEST(wrappers_are_read_in_any_order)
{
	check_same("{\"_id\":{\"$oid\":\"56e1fc72e0c917e9c4714161\"}}");
	check_both("{\"_id\":{\"$oid\":\"56E1FC72E0C917E9C4714161\"}}",
		"{\"_id\":{\"$oid\":\"56e1fc72e0c917e9c4714161\"}}",
		"{\"_id\":{\"$oid\":\"56e1fc72e0c917e9c4714161\"}}");
	check_same(
		"{\"a\":[{\"$minKey\":1},{\"$maxKey\":1},{\"$undefined\":true},null,true,false]}");
	check_same("{\"a\":{\"$timestamp\":{\"t\":4294967295,\"i\":1}}}");
	check_same("{\"a\":{\"$symbol\":\"s\"},\"b\":{\"$code\":\"f()\"}}");
	check_both("{\"a\":{\"$scope\":{\"x\":1},\"$code\":\"f()\"}}",
		"{\"a\":{\"$code\":\"f()\",\"$scope\":{\"x\":1}}}",
		"{\"a\":{\"$code\":\"f()\",\"$scope\":{\"x\":{\"$numberInt\":\"1\"}}}}");
	check_same("{\"a\":{\"$dbPointer\":{\"$ref\":\"b.c\",\"$id\":"
		   "{\"$oid\":\"56e1fc72e0c917e9c4714161\"}}}}");
	check_same("{\"a\":{\"$regularExpression\":{\"pattern\":\"\",\"options\":\"x\xc3\xa9\"}}}");
	check_both("{\"a\":{\"$regularExpression\":{\"options\":\"xmi\",\"pattern\":\"^a\\\"\"}}}",
		"{\"a\":{\"$regularExpression\":{\"pattern\":\"^a\\\"\",\"options\":\"imx\"}}}",
		"{\"a\":{\"$regularExpression\":{\"pattern\":\"^a\\\"\",\"options\":\"imx\"}}}");
}
END_TEST

START_TEST(bytes_and_uuids)
{
	check_same("{\"a\":{\"$binary\":{\"base64\":\"//8=\",\"subType\":\"00\"}}}");
	check_same("{\"a\":{\"$binary\":{\"base64\":\"//8=\",\"subType\":\"02\"}}}");
	check_same("{\"a\":{\"$binary\":{\"base64\":\"\",\"subType\":\"80\"}}}");
	const char *want = "{\"a\":{\"$binary\":{\"base64\":\"//8=\",\"subType\":\"05\"}}}";
	check_both("{\"a\":{\"$binary\":{\"subType\":\"5\",\"base64\":\"//8=\"}}}", want, want);
	check_both("{\"a\":{\"$binary\":\"//8=\",\"$type\":\"05\"}}", want, want);
	want = "{\"a\":{\"$binary\":{\"base64\":\"c//SZESzTGmQ6OfR38A11A==\",\"subType\":\"04\"}}}";
	check_both("{\"a\":{\"$uuid\":\"73ffd264-44b3-4c69-90e8-e7d1dfc035d4\"}}", want, want);
}
END_TEST

START_TEST(dates_with_offsets_and_out_of_range)
{
	check_both("{\"a\":{\"$date\":{\"$numberLong\":\"1356351330501\"}}}",
		"{\"a\":{\"$date\":\"2012-12-24T12:15:30.501Z\"}}",
		"{\"a\":{\"$date\":{\"$numberLong\":\"1356351330501\"}}}");
	const char *relaxed = "{\"a\":{\"$date\":\"2009-04-01T07:00:00Z\"}}";
	const char *canonical = "{\"a\":{\"$date\":{\"$numberLong\":\"1238569200000\"}}}";
	check_both("{\"a\":{\"$date\":\"2009-04-01T00:00:00.000-0700\"}}", relaxed, canonical);
	check_both("{\"a\":{\"$date\":\"2009-04-01T12:30:00+05:30\"}}", relaxed, canonical);
	check_both("{\"a\":{\"$date\":\"2009-04-01T08:00:00+01\"}}", relaxed, canonical);
	check_both("{\"a\":{\"$date\":1238569200000}}", relaxed, canonical);
	check_both("{\"a\":{\"$date\":\"2000-02-29T23:59:59.050000Z\"}}",
		"{\"a\":{\"$date\":\"2000-02-29T23:59:59.050Z\"}}",
		"{\"a\":{\"$date\":{\"$numberLong\":\"951868799050\"}}}");
	check_both("{\"a\":{\"$date\":\"9999-12-31T23:59:59.999Z\"}}",
		"{\"a\":{\"$date\":\"9999-12-31T23:59:59.999Z\"}}",
		"{\"a\":{\"$date\":{\"$numberLong\":\"253402300799999\"}}}");
	check_same("{\"a\":{\"$date\":{\"$numberLong\":\"253402300800000\"}}}");
	check_same("{\"a\":{\"$date\":{\"$numberLong\":\"-1\"}}}");
	check_both("{\"a\":{\"$date\":\"1969-12-31T23:59:59.999Z\"}}",
		"{\"a\":{\"$date\":{\"$numberLong\":\"-1\"}}}",
		"{\"a\":{\"$date\":{\"$numberLong\":\"-1\"}}}");
}
END_TEST

/* Every date from 1600 to 2400 and back, by the C library's own calendar. */
START_TEST(dates_of_centuries)
{
	for (int64_t day = -135140; day < 157054; day += 13) {
		time_t at = (time_t)(day * 86400 + 3723);
		struct tm tm;
		char text[64];
		gmtime_r(&at, &tm);
		size_t n = strftime(text, sizeof(text), "{\"$date\":\"%Y-%m-%dT%H:%M:%SZ\"}", &tm);
		CLEANUP(buf_free) struct buf value = BUF_INIT;
		uint8_t type;
		ck_assert_int_eq(ejson_parse_value(slice_make(text, n), &type, &value, NULL), 0);
		struct doc_value v = {type, buf_slice(&value)};
		ck_assert_int_eq(doc_int64(v), (int64_t)at * 1000);
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ejson_print_value(v, EJSON_RELAXED, false, &out);
		ck_assert(at < 0 || slice_equal(buf_slice(&out), slice_make(text, n)));
	}
}
END_TEST

/* What no wrapper claims stays a field. */
START_TEST(unknown_dollar_names_stay_fields)
{
	check_both("{\"$numberLong\":\"1\"}", "{\"$numberLong\":\"1\"}", "{\"$numberLong\":\"1\"}");
	check_same("{\"a\":{\"$unknown\":\"x\",\"$type\":\"string\"}}");
	check_same("{\"a\":{\"$ref\":\"c\",\"$id\":{\"$oid\":\"56e1fc72e0c917e9c4714161\"},"
		   "\"$db\":\"d\"}}");
	check_same("{\"a\":{\"$regex\":\"^x\",\"$options\":\"i\"},\"$scope\":{}}");
	check_same("{\"\":{\"a.b\":\"\",\"$\":\"\\u0000\\u001f\\n\\\"\\\\\xc3\xa9\"}}");
}
END_TEST

/* ---- refusals ---- */

START_TEST(refusals_name_line_and_column)
{
	check_refused(
		"[]", "line 1, column 1: expected a document like {\"a\": 1}, found an array");
	check_refused("7", "line 1, column 1: expected a document like {\"a\": 1}, found a number");
	check_refused("", "line 1, column 1: expected a value, found the end of the text");
	check_refused("{\"a\": 1,\n \"a\": 2}",
		"line 2, column 2: the name \"a\" stands twice in one object");
	check_refused("{\"a\\u0000\": 1}", "line 1, column 2: a member name holds a NUL character");
	check_refused("{\"a\": 1e400}", "line 1, column 7: no double is as large as this number");
	check_refused("{\"a\": {\"$oid\": \"12\"}}",
		"line 1, column 8: $oid takes a string of 24 hexadecimal digits");
	check_refused("{\"a\": {\"x\": 1,\n\"$oid\": \"56e1fc72e0c917e9c4714161\"}}",
		"line 2, column 1: $oid must stand alone in its object, found \"x\" beside it");
	check_refused("{\"a\": {\"$numberInt\": \"2147483648\"}}",
		"line 1, column 8: $numberInt takes a string with an integer of 32 bits");
	check_refused("{\"a\": {\"$numberLong\": 1}}",
		"line 1, column 8: $numberLong takes a string with an integer of 64 bits");
	check_refused("{\"a\": {\"$binary\": {\"base64\": \"\"}}}",
		"line 1, column 8: $binary takes {\"base64\": text, \"subType\": one or two "
		"hexadecimal digits}");
	check_refused("{\"a\": {\"$date\": \"2001-02-29T00:00:00Z\"}}",
		"line 1, column 8: $date takes a date like \"2012-12-24T12:15:30.501Z\" or "
		"{\"$numberLong\": \"ms\"}");
}
END_TEST

static void check_wrong(const char *text)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	uint8_t type;
	struct err err = {0};
	ck_assert_msg(ejson_parse_value(slice_of(text), &type, &out, &err) == -EINVAL, "%s", text);
	ck_assert_msg(strstr(err.msg, "line 1, column ") == err.msg, "%s", err.msg);
}

START_TEST(wrong_wrappers_are_refused)
{
	check_wrong("{\"$date\": \"2001-02-28T24:00:00Z\"}");
	check_wrong("{\"$date\": \"2001-02-28T00:00:00\"}");
	check_wrong("{\"$date\": \"2001-02-28T00:00:00.1234Z\"}");
	check_wrong("{\"$date\": \"2001-02-28T00:00:00.Z\"}");
	check_wrong("{\"$date\": \"2001-13-28T00:00:00Z\"}");
	check_wrong("{\"$date\": \"2001-02-28T00:00:00+1\"}");
	check_wrong("{\"$date\": \"2001-02-28T00:00:00+01:\"}");
	check_wrong("{\"$date\": \"2001-02-28T00:00:00ZZ\"}");
	check_wrong("{\"$date\": 1.5}");
	check_wrong("{\"$uuid\": \"73ffd264-44b3-4c69-90e8-e7d1dfc035d\"}");
	check_wrong("{\"$uuid\": \"73ffd264+44b3-4c69-90e8-e7d1dfc035d4\"}");
	check_wrong("{\"$binary\": {\"base64\": \"/\", \"subType\": \"00\"}}");
	check_wrong("{\"$binary\": {\"base64\": \"\", \"subType\": \"000\"}}");
	check_wrong("{\"$binary\": {\"base64\": \"\", \"subType\": \"\"}}");
	check_wrong("{\"$binary\": {\"base64\": \"\", \"subType\": \"00\"}, \"$type\": \"00\"}");
	check_wrong("{\"$binary\": \"\"}");
	check_wrong("{\"$timestamp\": {\"t\": -1, \"i\": 1}}");
	check_wrong("{\"$timestamp\": {\"t\": 4294967296, \"i\": 1}}");
	check_wrong("{\"$timestamp\": {\"t\": 1, \"i\": 1, \"x\": 1}}");
	check_wrong("{\"$timestamp\": {\"t\": 1.0, \"i\": 1}}");
	check_wrong("{\"$minKey\": 2}");
	check_wrong("{\"$undefined\": false}");
	check_wrong("{\"$code\": \"x\", \"$scope\": []}");
	check_wrong("{\"$regularExpression\": {\"pattern\": \"\\u0000\", \"options\": \"\"}}");
	check_wrong("{\"$dbPointer\": {\"$ref\": \"x\", \"$id\": 1}}");
	check_wrong("{\"$numberDecimal\": \"\"}");
	check_wrong("{\"$numberDecimal\": \"1x\"}");
	check_wrong("{\"$numberDouble\": \"0x1\"}");
	check_wrong("{\"$numberDouble\": \" 1\"}");
	check_wrong("{\"$numberDouble\": \"1e\"}");
	check_wrong("{\"$numberLong\": \"-\"}");
	check_wrong("{\"$numberLong\": \"9223372036854775808\"}");
	check_wrong("{\"$oid\": \"56e1fc72e0c917e9c4714161\", \"$numberInt\": \"1\"}");
}
END_TEST

static void nest(struct buf *out, unsigned n, const char *inner)
{
	buf_clear(out);
	for (unsigned i = 1; i < n; i++) {
		buf_puts(out, "{\"a\":");
	}
	buf_puts(out, inner);
	for (unsigned i = 1; i < n; i++) {
		buf_puts(out, "}");
	}
}

/* 100 levels; wrappers are none, but a scope is. */
START_TEST(documents_nest_a_hundred_levels)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	static const char *const inner[] = {"{}", "{\"a\":{\"$date\":{\"$numberLong\":\"1\"}}}"};
	for (unsigned i = 0; i < 2; i++) {
		nest(&text, DOC_DEPTH_MAX, inner[i]);
		buf_clear(&out);
		parse(buf_cstr(&text), &out);
		CLEANUP(buf_free) struct buf printed = BUF_INIT;
		print(buf_slice(&out), EJSON_RELAXED, true, &printed);
	}
	nest(&text, DOC_DEPTH_MAX, "{\"a\":{\"$code\":\"\",\"$scope\":{}}}");
	check_refused(
		buf_cstr(&text), "line 1, column 501: the document nests deeper than 100 levels");
	nest(&text, DOC_DEPTH_MAX - 1, "{\"a\":{\"$code\":\"\",\"$scope\":{}}}");
	buf_clear(&out);
	parse(buf_cstr(&text), &out);
	nest(&text, 250, "{}");
	check_refused(
		buf_cstr(&text), "line 1, column 501: the document nests deeper than 100 levels");
}
END_TEST

/* 16 MiB to the byte; more is EFBIG, whatever way it comes. */
START_TEST(documents_have_sixteen_mebibytes)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	const size_t most = DOC_BYTES_MAX - 4 - 3 - 4 - 2;
	ck_assert(buf_resize(&text, 6 + most));
	memset(text.p, 'x', text.n);
	memcpy(text.p, "{\"a\":\"", 6);
	buf_puts(&text, "\"}");
	parse(buf_cstr(&text), &out);
	ck_assert_uint_eq(out.n, DOC_BYTES_MAX);
	text.n -= 2;
	buf_puts(&text, "x\"}");
	buf_clear(&out);
	ck_assert_int_eq(ejson_parse(buf_slice(&text), slice_make("", 0), &out, &err), -EFBIG);
	ck_assert_str_eq(
		err.msg, "the document has 16777217 bytes of BSON; at most 16777216 are accepted");
	err_clear(&err);
	buf_clear(&text);
	buf_puts(&text, "{\"a\":[");
	for (unsigned i = 0; i < 4000000; i++) {
		buf_puts(&text, "1,");
	}
	ck_assert_int_eq(ejson_parse(buf_slice(&text), slice_make("", 0), &out, &err), -EFBIG);
}
END_TEST

/* ---- as in files ---- */

START_TEST(documents_as_they_stand_in_files)
{
	static const char text[] =
		"{\n"
		"  \"_id\": {\"$oid\": \"56e1fc72e0c917e9c4714161\"},\n"
		"  \"o\": {},\n"
		"  \"l\": [],\n"
		"  \"n\": [\n"
		"    1,\n"
		"    {\n"
		"      \"b\": {\"$binary\": {\"base64\": \"\", \"subType\": \"00\"}}\n"
		"    }\n"
		"  ],\n"
		"  \"c\": {\"$code\": \"f\", \"$scope\": {\"x\": 1, \"y\": [1, 2]}},\n"
		"  \"t\": {\"$timestamp\": {\"t\": 1, \"i\": 2}}\n"
		"}";
	CLEANUP(buf_free) struct buf doc = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	parse(text, &doc);
	print(buf_slice(&doc), EJSON_RELAXED, true, &out);
	ck_assert_str_eq(buf_cstr(&out), text);
	buf_clear(&doc);
	buf_clear(&out);
	parse("{}", &doc);
	print(buf_slice(&doc), EJSON_RELAXED, true, &out);
	ck_assert_str_eq(buf_cstr(&out), "{}");
}
END_TEST

/* ---- types survive ---- */

/* `text` in the place of `stored`, as canonical text. */
static void check_like(const char *stored, const char *text, const char *want)
{
	CLEANUP(buf_free) struct buf like = BUF_INIT;
	CLEANUP(buf_free) struct buf doc = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	parse(stored, &like);
	parse_like(text, buf_slice(&like), &doc);
	print(buf_slice(&doc), EJSON_CANONICAL, false, &out);
	ck_assert_str_eq(buf_cstr(&out), want);
}

#define INT(n)	   "{\"$numberInt\":\"" #n "\"}"
#define LONG(n)	   "{\"$numberLong\":\"" #n "\"}"
#define DOUBLE(n)  "{\"$numberDouble\":\"" #n "\"}"
#define DECIMAL(n) "{\"$numberDecimal\":\"" #n "\"}"

START_TEST(types_survive_a_save)
{
	check_like("{\"a\":1.0}", "{\"a\":1}", "{\"a\":" DOUBLE(1.0) "}");
	check_like("{\"a\":1.0}", "{\"a\":-0}", "{\"a\":" DOUBLE(-0.0) "}");
	check_like("{\"a\":1.0}", "{\"a\":9007199254740993}", "{\"a\":" LONG(9007199254740993) "}");
	check_like("{\"a\":1.0}", "{\"a\":9223372036854775807}",
		"{\"a\":" LONG(9223372036854775807) "}");
	check_like("{\"a\":2.5490810136017065e+18}", "{\"a\":2549081013601706500}",
		"{\"a\":" DOUBLE(2.5490810136017065e+18) "}");
	check_like("{\"a\":9007199254740992.0}", "{\"a\":9007199254740993}",
		"{\"a\":" LONG(9007199254740993) "}");
	check_like("{\"a\":" LONG(5) "}", "{\"a\":6}", "{\"a\":" LONG(6) "}");
	check_like("{\"a\":" LONG(5) "}", "{\"a\":" INT(6) "}", "{\"a\":" INT(6) "}");
	check_like("{\"a\":5}", "{\"a\":3000000000}", "{\"a\":" LONG(3000000000) "}");
	check_like("{\"a\":5}", "{\"a\":5.0}", "{\"a\":" DOUBLE(5.0) "}");
	check_like("{\"a\":" DECIMAL(1.50) "}", "{\"a\":1.70}", "{\"a\":" DECIMAL(1.70) "}");
	check_like("{\"a\":\"x\"}", "{\"a\":1}", "{\"a\":" INT(1) "}");
	check_like("{\"a\":[1.0,{\"b\":2.0}]}", "{\"x\":1,\"a\":[1,{\"c\":1,\"b\":2},3]}",
		"{\"x\":" INT(1) ",\"a\":[" DOUBLE(1.0) ",{\"c\":" INT(1) ",\"b\":" DOUBLE(
			2.0) "}," INT(3) "]}");
	check_like("{\"a\":{\"$code\":\"f\",\"$scope\":{\"x\":1.0}}}",
		"{\"a\":{\"$scope\":{\"x\":2},\"$code\":\"f\"}}",
		"{\"a\":{\"$code\":\"f\",\"$scope\":{\"x\":" DOUBLE(2.0) "}}}");
	check_like("{\"a\":{\"b\":1.0}}", "{\"a\":[1],\"b\":1}",
		"{\"a\":[" INT(1) "],\"b\":" INT(1) "}");
}
END_TEST

/* In any order, with members that are new, of small objects and large. */
START_TEST(types_survive_any_order_of_members)
{
	for (unsigned n = 1; n < 20000; n = n * 2 + 1) {
		CLEANUP(buf_free) struct buf like = BUF_INIT;
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf doc = BUF_INIT;
		size_t start = doc_begin(&like);
		double half = 0.5;
		for (unsigned i = 0; i < n; i++) {
			doc_put_index(&like, i,
				(struct doc_value){BSON_TYPE_DOUBLE, {(const char *)&half, 8}});
		}
		doc_end(&like, start);
		for (unsigned i = 0; i < n; i++) {
			unsigned k = (unsigned)((uint64_t)i * 7919 % n);
			buf_printf(
				&text, "%s\"%u\":%u", i == 0 ? "{" : ",", n % 7919 == 0 ? i : k, i);
			buf_printf(&text, ",\"new%u\":1", i);
		}
		buf_puts(&text, "}");
		parse_like(buf_cstr(&text), buf_slice(&like), &doc);
		struct doc_iter it;
		struct slice name;
		struct doc_value v;
		doc_iter_init(&it, buf_slice(&doc));
		while (doc_next(&it, &name, &v)) {
			ck_assert_uint_eq(
				v.type, name.p[0] == 'n' ? BSON_TYPE_INT32 : BSON_TYPE_DOUBLE);
		}
	}
}
END_TEST

START_TEST(values_by_themselves)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	uint8_t type;
	ck_assert_int_eq(ejson_parse_value(slice_of(" 7 "), &type, &out, NULL), 0);
	ck_assert(type == BSON_TYPE_INT32 && out.n == 4);
	buf_clear(&out);
	ck_assert_int_eq(ejson_parse_value(slice_of("[1, {}]"), &type, &out, NULL), 0);
	ck_assert(type == BSON_TYPE_ARRAY && out.n == 20);
	buf_clear(&out);
	const char *code = "{\"$code\": \"\", \"$scope\": {}}";
	ck_assert_int_eq(ejson_parse_value(slice_of(code), &type, &out, NULL), 0);
	ck_assert_uint_eq(type, BSON_TYPE_CODEWSCOPE);
	ck_assert_int_eq(ejson_parse_value(slice_of("1 2"), &type, &out, NULL), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_ejson");
	TCase *tc = tcase_create("docdb_ejson");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, numbers_have_the_type_that_their_spelling_says);
	tcase_add_test(tc, doubles_have_their_shortest_text);
	tcase_add_test(tc, doubles_read_back_the_same);
	tcase_add_test(tc, wrappers_are_read_in_any_order);
	tcase_add_test(tc, bytes_and_uuids);
	tcase_add_test(tc, dates_with_offsets_and_out_of_range);
	tcase_add_test(tc, dates_of_centuries);
	tcase_add_test(tc, unknown_dollar_names_stay_fields);
	tcase_add_test(tc, refusals_name_line_and_column);
	tcase_add_test(tc, wrong_wrappers_are_refused);
	tcase_add_test(tc, documents_nest_a_hundred_levels);
	tcase_add_test(tc, documents_have_sixteen_mebibytes);
	tcase_add_test(tc, documents_as_they_stand_in_files);
	tcase_add_test(tc, types_survive_a_save);
	tcase_add_test(tc, types_survive_any_order_of_members);
	tcase_add_test(tc, values_by_themselves);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
