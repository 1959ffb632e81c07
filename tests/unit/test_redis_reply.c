/* Replies in their three forms; what commands take as arguments; patterns. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/cache/redis/command.h"
#include "engines/common/cleanup.h"
#include "tests/unit/fixture.h"

START_TEST(test_replies_are_resp)
{
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	redis_reply_ok(&b);
	redis_reply_error(&b, "ERR two\r\nlines");
	redis_reply_int(&b, -7);
	redis_reply_bulk(&b, slice_make("a\0b", 3));
	redis_reply_text(&b, "");
	redis_reply_double(&b, 1.5);
	redis_reply_nil(&b);
	redis_reply_nil_array(&b);
	redis_reply_array(&b, 0);
	static const char expected[] = "+OK\r\n-ERR two  lines\r\n:-7\r\n$3\r\na\0b\r\n$0\r\n\r\n"
				       "$3\r\n1.5\r\n$-1\r\n*-1\r\n*0\r\n";
	ck_assert_uint_eq(b.n, sizeof(expected) - 1);
	ck_assert_mem_eq(b.p, expected, b.n);
}
END_TEST

START_TEST(test_an_array_whose_length_shows_later)
{
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	redis_reply_ok(&b);
	size_t outer = redis_reply_begin(&b);
	size_t inner = redis_reply_begin(&b);
	for (int i = 0; i < 12; i++) {
		redis_reply_int(&b, 1);
	}
	redis_reply_end(&b, inner, 12);
	redis_reply_end(&b, outer, 1);
	ck_assert_str_eq(buf_cstr(&b), "+OK\r\n*1\r\n*12\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"
				       ":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n");
}
END_TEST

START_TEST(test_replies_are_read_back)
{
	struct slice rest =
		slice_of("*3\r\n$2\r\nab\r\n:12\r\n$-1\r\n+OK\r\n-ERR x\r\n*-1\r\n$5\r\nab");
	static const enum redis_reply_kind kinds[] = {REDIS_REPLY_ARRAY, REDIS_REPLY_BULK,
		REDIS_REPLY_INT, REDIS_REPLY_NIL, REDIS_REPLY_STATUS, REDIS_REPLY_ERROR,
		REDIS_REPLY_NIL};
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct redis_reply r;
		ck_assert(redis_reply_next(&rest, &r));
		ck_assert_int_eq(r.kind, kinds[i]);
		ck_assert(r.kind != REDIS_REPLY_ARRAY || r.value == 3);
		ck_assert(r.kind != REDIS_REPLY_INT || r.value == 12);
		ck_assert(r.kind != REDIS_REPLY_BULK || slice_is(r.text, "ab"));
		ck_assert(r.kind != REDIS_REPLY_ERROR || slice_is(r.text, "ERR x"));
	}
	struct redis_reply r;
	ck_assert(!redis_reply_next(&rest, &r)); /* cut short */
	ck_assert(slice_is(rest, "$5\r\nab"));
}
END_TEST

static void show(const char *replies, const char *expected)
{
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	redis_reply_show(slice_of(replies), &b);
	ck_assert_str_eq(buf_cstr(&b), expected);
}

START_TEST(test_replies_show_as_in_redis_cli)
{
	show("+OK\r\n:3\r\n$-1\r\n*0\r\n-ERR x\r\n",
		"OK\n(integer) 3\n(nil)\n(empty array)\n(error) ERR x\n");
	show("$9\r\na\"\\\n\t\x01\xc3\xa4z\r\n", "\"a\\\"\\\\\\n\\t\\x01\\xc3\\xa4z\"\n");
	show("*2\r\n$1\r\na\r\n*2\r\n:1\r\n*1\r\n$1\r\nb\r\n",
		"1) \"a\"\n2) 1) (integer) 1\n   2) 1) \"b\"\n");
	show("*10\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n:0\r\n",
		" 1) (integer) 0\n 2) (integer) 0\n 3) (integer) 0\n 4) (integer) 0\n"
		" 5) (integer) 0\n 6) (integer) 0\n 7) (integer) 0\n 8) (integer) 0\n"
		" 9) (integer) 0\n10) (integer) 0\n");
}
END_TEST

START_TEST(test_replies_as_json)
{
	struct err err = {0};
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	ck_assert_int_eq(redis_reply_json(slice_of("+OK\r\n*3\r\n:1\r\n$-1\r\n$2\r\n\xc3\xa4\r\n"
						   "-ERR \"x\"\r\n$1\r\n\xff\r\n*0\r\n"),
				 &b, &err),
		0);
	ck_assert_str_eq(buf_cstr(&b), "\"OK\"\n[1, null, \"\xc3\xa4\"]\n"
				       "{\"error\": \"ERR \\\"x\\\"\"}\n{\"$b\": \"/w==\"}\n[]\n");
	ck_assert_int_eq(redis_reply_json(slice_of("*2\r\n:1\r\n"), &b, &err), -EIO);
}
END_TEST

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} ints[] = {{"0", true, 0}, {"-1", true, -1}, {"9223372036854775807", true, INT64_MAX},
	{"-9223372036854775808", true, INT64_MIN}, {"9223372036854775808", false, 0},
	{"-9223372036854775809", false, 0}, {"", false, 0}, {"-", false, 0}, {"+1", false, 0},
	{" 1", false, 0}, {"1 ", false, 0}, {"01", false, 0}, {"-0", false, 0}, {"1.0", false, 0},
	{"99999999999999999999", false, 0}};

START_TEST(test_integers)
{
	struct err err = {0};
	int64_t value = 0;
	int rc = redis_arg_int(slice_of(ints[_i].text), &value, &err);
	ck_assert_int_eq(rc, ints[_i].ok ? 0 : -EINVAL);
	ck_assert_int_eq(value, ints[_i].value);
	ck_assert_str_eq(err.msg, ints[_i].ok ? "" : "ERR value is not an integer or out of range");
}
END_TEST

static const struct {
	const char *text;
	const char *printed; /* NULL: refused */
} doubles[] = {{"17", "17"}, {"1.5", "1.5"}, {"inf", "inf"}, {"+inf", "inf"}, {"-inf", "-inf"},
	{"-Infinity", "-inf"}, {"1e20", "1e+20"}, {"0.1", "0.1"}, {"-0", "-0"}, {"1e-7", "1e-07"},
	{"3.0", "3"}, {"99999999999999999", "1e+17"}, {"9007199254740993", "9007199254740992"},
	{"0x10", "16"}, {"nan", NULL}, {"", NULL}, {" 1", NULL}, {"1 ", NULL}, {"1e999", NULL},
	{"1e-999", NULL}, {"abc", NULL}, {"1.2.3", NULL}};

START_TEST(test_floats)
{
	struct err err = {0};
	double value;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	int rc = redis_arg_double(slice_of(doubles[_i].text), &value, &err);
	ck_assert_int_eq(rc, doubles[_i].printed != NULL ? 0 : -EINVAL);
	if (rc == 0) {
		redis_print_double(value, &b);
		ck_assert_str_eq(buf_cstr(&b), doubles[_i].printed);
	} else {
		ck_assert_str_eq(err.msg, "ERR value is not a valid float");
	}
}
END_TEST

static const struct {
	const char *pattern, *text;
	bool match;
} globs[] = {{"*", "", true}, {"*", "abc", true}, {"a*c", "abbc", true}, {"a*c", "abcd", false},
	{"a?c", "abc", true}, {"a?c", "ac", false}, {"[abc]x", "bx", true},
	{"[^abc]x", "bx", false}, {"[^abc]x", "dx", true}, {"[a-c]", "b", true},
	{"[c-a]", "b", true}, {"[a-c]", "d", false}, {"\\*", "*", true}, {"\\*", "a", false},
	{"[\\]]", "]", true}, {"a\\", "a\\", true}, {"[ab", "b", true},
	{"*a*b*c*", "xxaxxbxxcxx", true}, {"*a*b*c*", "xxaxxcxxb", false}, {"", "", true},
	{"", "a", false}, {"a**", "a", true}, {"h[ae]llo", "hello", true}, {"[]a]", "a", false}};

START_TEST(test_patterns)
{
	ck_assert(redis_glob(slice_of(globs[_i].pattern), slice_of(globs[_i].text)) ==
		  globs[_i].match);
}
END_TEST

START_TEST(test_a_pattern_takes_no_exponential_time)
{
	CLEANUP(buf_free) struct buf pattern = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	for (unsigned i = 0; i < 200; i++) {
		buf_puts(&pattern, "*a");
		buf_puts(&text, "aaaaa");
	}
	buf_puts(&pattern, "*b");
	ck_assert(!redis_glob(buf_slice(&pattern), buf_slice(&text)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_reply");
	TCase *t = tcase_create("redis_reply");
	tcase_add_test(t, test_replies_are_resp);
	tcase_add_test(t, test_an_array_whose_length_shows_later);
	tcase_add_test(t, test_replies_are_read_back);
	tcase_add_test(t, test_replies_show_as_in_redis_cli);
	tcase_add_test(t, test_replies_as_json);
	tcase_add_loop_test(t, test_integers, 0, sizeof(ints) / sizeof(ints[0]));
	tcase_add_loop_test(t, test_floats, 0, sizeof(doubles) / sizeof(doubles[0]));
	tcase_add_loop_test(t, test_patterns, 0, sizeof(globs) / sizeof(globs[0]));
	tcase_add_test(t, test_a_pattern_takes_no_exponential_time);
	suite_add_tcase(s, t);
	return run_suite(s);
}
