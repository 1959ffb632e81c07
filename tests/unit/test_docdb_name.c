/* Names of _id: one to one with the values that are equal, and nothing else is a name. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/order/order.h"
#include "tests/unit/doc_random.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"
#include "tests/unit/stride.h"

static struct doc_arena *arena;

static void setup(void)
{
	arena = doc_arena_new();
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	doc_arena_free(arena);
}

static void check_prints(struct doc_value id, struct slice name)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	buf_puts(&out, "x");
	doc_name_print(id, &out);
	ck_assert(!out.failed);
	struct slice got = {out.p + 1, out.n - 1};
	ck_assert_msg(
		slice_equal(got, name), "%.*s, not %.*s", (int)got.n, got.p, (int)name.n, name.p);
}

static void check_parses(struct slice name, struct doc_value id)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	struct err err = {0};
	uint8_t type = 0;
	buf_puts(&raw, "x");
	int rc = doc_name_parse(name, &type, &raw, &err);
	ck_assert_msg(rc == 0, "%.*s: %s", (int)name.n, name.p, err.msg);
	struct doc_value v = {type, {raw.p + 1, raw.n - 1}};
	ck_assert_msg(doc_equal(v, id), "%.*s", (int)name.n, name.p);
	ck_assert_int_eq(doc_id_check(v, NULL), 0);
}

static void check_string(struct slice text, struct slice name)
{
	struct doc_value id = doc_make_string(arena, text);
	check_prints(id, name);
	check_parses(name, id);
}

static void check_plain(struct slice text)
{
	check_string(text, text);
}

START_TEST(a_string_is_itself)
{
	static const char *const plain[] = {"", "ac3", "a b", "\xf0\x9f\x90\x9f", "-n", "-", "+",
		".", "1.2.3", "1-2", "2024-01-01", "0x10", " 1", "1 ", "1_000", "--1", "1e", "e5",
		"NaN", "Infinity", "-Infinity", "True", "NULL", "[", "[1]", "'", "a\"b", "a{", "$x",
		"%41", "507F1F77BCF86CD799439011", "507f1f77bcf86cd79943901",
		"507f1f77bcf86cd7994390111", "507f1f77bcf86cd79943901g", "ObjectId(1)", "\x7f",
		"a/b", ".hidden", "tab\there"};
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		check_plain(slice_of(plain[i]));
	}
	check_plain((struct slice){"a\0b", 3});
	check_plain((struct slice){"\0", 1});
}
END_TEST

START_TEST(a_string_that_reads_as_something_else_is_quoted)
{
	static const char *const texts[] = {"1", "0", "-1", "1.0", "01", "+1", "1e5", "1E5", "1.",
		".5", "-.5e-3", "00", "-0", "9007199254740993", "12345678901234567890123456789",
		"true", "false", "null", "507f1f77bcf86cd799439011", "123456789012345678901234",
		"1234567890123456789012E4", "{", "{}", "{a", "+15551234567"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		buf_printf(&name, "\"%s\"", texts[i]);
		check_string(slice_of(texts[i]), buf_slice(&name));
	}
	check_string(slice_of("\""), slice_of("\"\\\"\""));
	check_string(slice_of("\"a\""), slice_of("\"\\\"a\\\"\""));
	check_string((struct slice){"{\0\n/\xc3\xbc", 6}, slice_of("\"{\\u0000\\n/\xc3\xbc\""));
}
END_TEST

/* Each of the ids is equal to the first, so they have one name. */
static const char *const named[][5] = {
	{"1", "1", "1.0", "{\"$numberLong\":\"1\"}", "{\"$numberDecimal\":\"1.00\"}"},
	{"0", "0", "-0.0", "{\"$numberDecimal\":\"-0E+3\"}"},
	{"-7", "-7", "{\"$numberDouble\":\"-7\"}"},
	{"1.5", "1.5", "{\"$numberDecimal\":\"1.50\"}"},
	{"0.1", "0.1"},
	{"{\"$numberDecimal\":\"0.1\"}", "{\"$numberDecimal\":\"0.1\"}",
		"{\"$numberDecimal\":\"0.10\"}"},
	{"9007199254740993", "9007199254740993", "{\"$numberDecimal\":\"9007199254740993\"}"},
	{"9007199254740992", "9007199254740992", "9007199254740992.0"},
	{"9223372036854775807", "9223372036854775807"},
	{"-9223372036854775808", "-9223372036854775808", "-9223372036854775808.0"},
	{"9223372036854776000", "9223372036854775808.0",
		"{\"$numberDecimal\":\"9223372036854775808\"}"},
	{"{\"$numberDecimal\":\"9223372036854775809\"}",
		"{\"$numberDecimal\":\"9223372036854775809\"}"},
	{"100000000000000000000", "1e20", "{\"$numberDecimal\":\"1E+20\"}"},
	{"1e+21", "1e21"},
	{"1.25e+300", "1.25e300"},
	{"0.000001", "1e-6"},
	{"0.0000015", "1.5e-6"},
	{"1e-7", "1e-7"},
	{"-1.5e-7", "-1.5e-7"},
	{"5e-324", "5e-324"},
	{"1.7976931348623157e+308", "1.7976931348623157e308"},
	{"123456.75", "123456.75"},
	{"{\"$numberDecimal\":\"1E+400\"}", "{\"$numberDecimal\":\"10E+399\"}"},
	{"{\"$numberDecimal\":\"1.000000000000000000000000000000000E+6144\"}",
		"{\"$numberDecimal\":\"1E+6144\"}"},
	{"{\"$numberDouble\":\"NaN\"}", "{\"$numberDouble\":\"NaN\"}",
		"{\"$numberDecimal\":\"NaN\"}"},
	{"{\"$numberDouble\":\"-Infinity\"}", "{\"$numberDecimal\":\"-Infinity\"}"},
	{"true", "true"},
	{"false", "false"},
	{"null", "null"},
	{"507f1f77bcf86cd799439011", "{\"$oid\":\"507f1f77bcf86cd799439011\"}"},
	{"ac3", "\"ac3\"", "{\"$symbol\":\"ac3\"}"},
	{"\"7\"", "\"7\"", "{\"$symbol\":\"7\"}"},
	{"{\"$date\":{\"$numberLong\":\"1356351330501\"}}",
		"{\"$date\":\"2012-12-24T12:15:30.501Z\"}"},
	{"{\"$date\":{\"$numberLong\":\"-1\"}}", "{\"$date\":{\"$numberLong\":\"-1\"}}"},
	{"{\"$timestamp\":{\"t\":1,\"i\":2}}", "{\"$timestamp\":{\"t\":1,\"i\":2}}"},
	{"{\"$binary\":{\"base64\":\"AAEC/w==\",\"subType\":\"80\"}}",
		"{\"$binary\":{\"base64\":\"AAEC/w==\",\"subType\":\"80\"}}"},
	{"{\"$binary\":{\"base64\":\"c//SZESzTGmQ6OfR38A11A==\",\"subType\":\"04\"}}",
		"{\"$uuid\":\"73ffd264-44b3-4c69-90e8-e7d1dfc035d4\"}"},
	{"{\"$minKey\":1}", "{\"$minKey\":1}"},
	{"{\"$maxKey\":1}", "{\"$maxKey\":1}"},
	{"{\"$code\":\"f()\"}", "{\"$code\":\"f()\"}"},
	{"{\"a\":{\"$numberInt\":\"1\"},\"b\":\"x\"}", "{\"a\":1,\"b\":\"x\"}",
		"{\"a\":1.0,\"b\":{\"$symbol\":\"x\"}}",
		"{\"a\":{\"$numberDecimal\":\"1.0\"},\"b\":\"x\"}"},
	{"{\"b\":\"x\",\"a\":{\"$numberInt\":\"1\"}}", "{\"b\":\"x\",\"a\":1}"},
	{"{\"a\":[{\"$numberInt\":\"1\"},{\"$numberDouble\":\"0.1\"},[]]}", "{\"a\":[1.0,0.1,[]]}"},
	{"{}", "{}"},
	{"{\"\":{}}", "{\"\":{}}"},
};

START_TEST(equal_ids_have_one_name)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		for (size_t j = 1; j < 5 && named[i][j] != NULL; j++) {
			struct doc_value id = value_of(arena, named[i][j]);
			check_prints(id, slice_of(named[i][0]));
			check_parses(slice_of(named[i][0]), id);
		}
	}
}
END_TEST

static void check_refused(struct slice name)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	struct err err = {0};
	uint8_t type = 99;
	buf_puts(&raw, "x");
	ck_assert_msg(
		doc_name_parse(name, &type, &raw, &err) == -EINVAL, "%.*s", (int)name.n, name.p);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_ne(err.msg, "");
	ck_assert_uint_eq(raw.n, 1);
	ck_assert_uint_eq(type, 99);
}

START_TEST(what_is_not_in_the_one_form_is_refused)
{
	static const char *const names[] = {"01", "1.0", "+1", "-0", "1e5", "1E+21", "1e21", ".5",
		"5.", "0.10", "9223372036854775808", "1e400", "-1e999", "0.1e1",
		"100000000000000000000000000", "\"a\"", "\"", "\"1", "\"1\" ", "\"1\"x",
		"\"\\u0031\"", "{", "{\"a\":1}", "{\"a\": {\"$numberInt\":\"1\"}}",
		"{\"a\":{\"$numberDouble\":\"1.0\"}}", "{\"$numberInt\":\"1\"}",
		"{\"$numberDouble\":\"0.1\"}", "{\"$numberDecimal\":\"0.5\"}",
		"{\"$numberDecimal\":\"0.10\"}", "{\"$numberDecimal\":\"NaN\"}",
		"{\"$oid\":\"507f1f77bcf86cd799439011\"}", "{\"$symbol\":\"x\"}",
		"{\"$undefined\":true}", "{\"$date\":\"2012-12-24T12:15:30.501Z\"}",
		"{\"$uuid\":\"73ffd264-44b3-4c69-90e8-e7d1dfc035d4\"}",
		"{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"\"}}", "{\"$a\":\"b\"}",
		"{\"a\":{\"$b\":\"c\"}}", "{\"a\":\"b\",\"a\":\"c\"}", "\xff", "a\x80",
		"123456789012345678901234567890123456789012345678901234567890123456789012345"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		check_refused(slice_of(names[i]));
	}
}
END_TEST

START_TEST(the_refusal_of_a_number_tells_its_name)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	struct err err = {0};
	uint8_t type;
	ck_assert_int_eq(doc_name_parse(slice_of("01"), &type, &raw, &err), -EINVAL);
	ck_assert_str_eq(err.msg,
		"the number '01' has the name 1; a string that looks like a number stands in "
		"double quotes");
}
END_TEST

static void check_no_id(const char *ejson, const char *part)
{
	struct err err = {0};
	ck_assert_int_eq(doc_id_check(value_of(arena, ejson), &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, part) != NULL, "%s", err.msg);
}

START_TEST(some_types_are_no_id)
{
	struct err err = {0};
	check_no_id("[1]", "InvalidIdField: the '_id' value cannot be of type array");
	check_no_id("{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"\"}}", "regex");
	check_no_id("{\"$undefined\":true}", "undefined");
	check_no_id("{\"a\":[{\"$b\":1}]}", "DollarPrefixedFieldName: the field '$b'");
	check_no_id("{\"$code\":\"x\",\"$scope\":{\"$b\":1}}", "'$b'");
	ck_assert_int_eq(doc_id_check(DOC_MISSING, &err), -EINVAL);
}
END_TEST

/* One name means equal ids, and equal ids one name, which reads back as them. */
START_TEST(names_are_one_to_one)
{
	rng_seed((unsigned)_i);
	for (unsigned i = 0; i < rounds(15000); i++) {
		CLEANUP(buf_free) struct buf x = BUF_INIT;
		CLEANUP(buf_free) struct buf y = BUF_INIT;
		doc_arena_clear(arena);
		struct doc_value a = random_id(arena);
		struct doc_value b = random_id(arena);
		doc_name_print(a, &x);
		doc_name_print(b, &y);
		ck_assert(!x.failed && !y.failed);
		ck_assert_msg(doc_equal(a, b) == slice_equal(buf_slice(&x), buf_slice(&y)),
			"%.*s; %.*s", (int)x.n, x.p, (int)y.n, y.p);
		check_parses(buf_slice(&x), a);
		check_prints(equal_value(arena, a), buf_slice(&x));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("docdb_name");
	TCase *tc = tcase_create("docdb_name");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_string_is_itself);
	tcase_add_test(tc, a_string_that_reads_as_something_else_is_quoted);
	tcase_add_test(tc, equal_ids_have_one_name);
	tcase_add_test(tc, what_is_not_in_the_one_form_is_refused);
	tcase_add_test(tc, the_refusal_of_a_number_tells_its_name);
	tcase_add_test(tc, some_types_are_no_id);
	tcase_add_loop_test(tc, names_are_one_to_one, 0, 4);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
