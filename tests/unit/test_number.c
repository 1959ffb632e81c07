/* Numbers and key encodings: exact, in order, one text for one number. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/base64.h"
#include "engines/dynamodb/number.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

#define DIGITS38 "12345678901234567890123456789012345678"
#define MINUS38	 "-" DIGITS38
#define ZEROS10	 "0000000000"
#define ZEROS125                                                                                   \
	ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10    \
		ZEROS10 "00000"
#define ZEROS129 ZEROS125 "0000"

static void check_canonical(const char *text, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	struct err err = {0};
	int rc = ddb_number_canonical(slice_of(text), &out, &err);
	ck_assert_msg(rc == 0, "%s: %s", text, err.msg);
	ck_assert_str_eq(buf_cstr(&out), want);
	ck_assert_int_eq(ddb_number_canonical(buf_slice(&out), &again, NULL), 0);
	ck_assert(slice_equal(buf_slice(&out), buf_slice(&again)));
}

static void check_refused(const char *text, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	ck_assert_int_eq(ddb_number_canonical(slice_of(text), &out, &err), -EINVAL);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.msg, want);
	ck_assert_uint_eq(out.n, 0);
}

START_TEST(test_canonical)
{
	check_canonical("42", "42");
	check_canonical("00042", "42");
	check_canonical("3.1400", "3.14");
	check_canonical("1.0", "1");
	check_canonical("1.5E2", "150");
	check_canonical("1.50E2", "150");
	check_canonical("-0", "0");
	check_canonical("-0.000e5", "0");
	check_canonical("+7", "7");
	check_canonical(".5", "0.5");
	check_canonical("5.", "5");
	check_canonical("-12.5e-3", "-0.0125");
	check_canonical("1234.5678e2", "123456.78");
	check_canonical("100e-2", "1");
	check_canonical("0.1e1", "1");
	check_canonical("10.0100", "10.01");
	check_canonical("1000200030004", "1000200030004");
	check_canonical("0e999999999999999999999999", "0");
	check_canonical("0e126", "0");
	check_canonical("0e-131", "0");
}
END_TEST

START_TEST(test_digits)
{
	check_canonical(DIGITS38, DIGITS38);
	check_canonical("-" DIGITS38, "-" DIGITS38);
	check_canonical("0." DIGITS38, "0." DIGITS38);
	check_canonical("000" DIGITS38 "000", DIGITS38 "000");
}
END_TEST

START_TEST(test_too_many_digits)
{
	const char *want = "Attempting to store more than 38 significant digits in a Number";
	check_refused(DIGITS38 "9", want);
	check_refused("0.0" DIGITS38 "9", want);
	check_refused("1" ZEROS125 "." ZEROS125 "1", want);
	check_refused("1." DIGITS38, want);
}
END_TEST

START_TEST(test_range)
{
	const char *over = "Number overflow. Attempting to store a number with magnitude larger "
			   "than supported range";
	const char *under = "Number underflow. Attempting to store a number with magnitude smaller "
			    "than supported range";
	check_canonical("1E125", "1" ZEROS125);
	check_canonical("0.1e126", "1" ZEROS125);
	check_canonical("-1E125", "-1" ZEROS125);
	check_canonical("1e-130", "0." ZEROS129 "1");
	check_canonical("10e-131", "0." ZEROS129 "1");
	check_canonical("-1." ZEROS10 "5e-130", "-0." ZEROS129 "1" ZEROS10 "5");
	check_refused("1e126", over);
	check_refused("11e125", over);
	check_refused("-1e126", over);
	check_refused("1" ZEROS125 "0", over);
	check_refused("9e-131", under);
	check_refused("0.1e-130", under);
	check_refused("-9e-131", under);
	check_refused("1e99999999999999999999999999", over);
	check_refused("1e-99999999999999999999999999", under);
	check_canonical("9.9999999999999999999999999999999999999E+125",
		"99999999999999999999999999999999999999" ZEROS10 ZEROS10 ZEROS10 ZEROS10 ZEROS10
			ZEROS10 ZEROS10 ZEROS10 "00000000");
}
END_TEST

START_TEST(test_syntax)
{
	static const char *const bad[] = {"abc", "-", "+", ".", "e5", ".e5", "1e", "1e+", "1.2.3",
		"1 ", " 1", "--1", "+-1", "0x10", "1e5.", "NaN", "Infinity", "1,5", "1e5e5",
		"\xc3\xa9"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(buf_free) struct buf want = BUF_INIT;
		buf_printf(
			&want, "The parameter cannot be converted to a numeric value: %s", bad[i]);
		check_refused(bad[i], buf_cstr(&want));
	}
	check_refused("", "The parameter cannot be converted to a numeric value");
	check_refused("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"The parameter cannot be converted to a numeric value: "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...");
	struct err err = {0};
	ck_assert_int_eq(ddb_number_canonical(slice_make("1\0", 2), NULL, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "The parameter cannot be converted to a numeric value: 1?");
}
END_TEST

/* A million zeros are no reason to be slow, nor to be wrong. */
START_TEST(test_long_texts)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	buf_puts(&text, "0.");
	for (int i = 0; i < 1000000; i++) {
		buf_putc(&text, '0');
	}
	buf_puts(&text, "15e1000001");
	ck_assert_int_eq(ddb_number_canonical(buf_slice(&text), &out, NULL), 0);
	ck_assert_str_eq(buf_cstr(&out), "1.5");
	buf_clear(&text);
	buf_putc(&text, '2');
	for (int i = 0; i < 1000000; i++) {
		buf_putc(&text, '0');
	}
	buf_puts(&text, "e-1000000");
	buf_clear(&out);
	ck_assert_int_eq(ddb_number_canonical(buf_slice(&text), &out, NULL), 0);
	ck_assert_str_eq(buf_cstr(&out), "2");
}
END_TEST

START_TEST(test_size)
{
	static const struct {
		const char *text;
		unsigned size;
	} rows[] = {{"0", 1}, {"1", 2}, {"-1", 3}, {"12", 2}, {"100", 2}, {"10", 2}, {"1200", 2},
		{"1234", 3}, {"123456", 4}, {"-123456", 5}, {"150", 3}, {"0.1", 2}, {"0.01", 2},
		{"0.12", 2}, {DIGITS38, 20}, {"-" DIGITS38, 21}};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned got = ddb_number_size(slice_of(rows[i].text));
		ck_assert_msg(got == rows[i].size, "%s: %u, expected %u", rows[i].text, got,
			rows[i].size);
	}
}
END_TEST

/* ---- keys ---- */

static struct ddb_key_def key_def(enum ddb_type type)
{
	return (struct ddb_key_def){.name = "pk", .type = type};
}

static void check_key(enum ddb_type type, struct slice text)
{
	struct ddb_key_def def = key_def(type);
	CLEANUP(buf_free) struct buf stored = BUF_INIT;
	CLEANUP(buf_free) struct buf back = BUF_INIT;
	struct err err = {0};
	int rc = ddb_key_encode(&def, false, text, &stored, &err);
	ck_assert_msg(rc == 0, "%.*s: %s", (int)text.n, text.p, err.msg);
	ddb_key_text(&def, buf_slice(&stored), &back);
	ck_assert(slice_equal(buf_slice(&back), text));
}

static void check_key_refused(enum ddb_type type, bool range, struct slice text, const char *want)
{
	struct ddb_key_def def = key_def(type);
	CLEANUP(buf_free) struct buf stored = BUF_INIT;
	struct err err = {0};
	ck_assert_int_eq(ddb_key_encode(&def, range, text, &stored, &err), -EINVAL);
	ck_assert_str_eq(err.msg, want);
	ck_assert_uint_eq(stored.n, 0);
}

START_TEST(test_key_string)
{
	check_key(DDB_S, slice_of("a"));
	check_key(DDB_S, slice_make("a\0/\n", 4));
	check_key(DDB_S, slice_of("\xf0\x9f\x98\x80"));
	check_key_refused(DDB_S, false, slice_of(""),
		"One or more parameter values are not valid. The AttributeValue for a key "
		"attribute cannot contain an empty string value. Key: pk");
	check_key_refused(
		DDB_S, false, slice_of("a\xff"), "key pk: expected valid UTF-8, as its type is S");
}
END_TEST

START_TEST(test_key_limits)
{
	static char text[2800];
	memset(text, 'A', sizeof(text));
	check_key(DDB_S, slice_make(text, 2048));
	check_key(DDB_B, slice_make(text, 2731)); /* 2048 bytes */
	const char *hash = "One or more parameter values were invalid: Size of hashkey has "
			   "exceeded the maximum size limit of2048 bytes (found 2049)";
	const char *range = "One or more parameter values were invalid: Aggregated size of all "
			    "range keys has exceeded the size limit of 1024 bytes (found 1025)";
	check_key_refused(DDB_S, false, slice_make(text, 2049), hash);
	check_key_refused(DDB_B, false, slice_make(text, 2732), hash);
	check_key_refused(DDB_S, true, slice_make(text, 1025), range);
	check_key_refused(DDB_B, true, slice_make(text, 1367), range);
	struct ddb_key_def def = key_def(DDB_S);
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ck_assert_int_eq(ddb_key_encode(&def, true, slice_make(text, 1024), &out, NULL), 0);
}
END_TEST

START_TEST(test_key_binary)
{
	check_key(DDB_B, slice_of("AA"));
	check_key(DDB_B, slice_of("-_8"));
	check_key(DDB_B, slice_of("aGk"));
	check_key(DDB_B, slice_of("aGkh"));
	check_key_refused(DDB_B, false, slice_of(""),
		"One or more parameter values are not valid. The AttributeValue for a key "
		"attribute cannot contain an empty binary value. Key: pk");
	check_key_refused(DDB_B, false, slice_of("aGk="),
		"key pk: expected base64url without padding (A-Z a-z 0-9 - _), as its type is B, "
		"found aGk=");
	check_key_refused(DDB_B, false, slice_of("+/8"),
		"key pk: expected base64url without padding (A-Z a-z 0-9 - _), as its type is B, "
		"found +/8");
	check_key_refused(DDB_B, false, slice_of("A"),
		"key pk: expected base64 of whole bytes, as its type is B, found A");
	check_key_refused(DDB_B, false, slice_of("AB"), /* bits that belong to no byte */
		"key pk: expected base64url without padding (A-Z a-z 0-9 - _), as its type is B, "
		"found AB");
}
END_TEST

START_TEST(test_key_number)
{
	static const char *const good[] = {"0", "1", "-1", "1.05", "-1.05", "100", "-100",
		"0.0000001", "1" ZEROS125, "-0." ZEROS129 "1", DIGITS38, MINUS38};
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		check_key(DDB_N, slice_of(good[i]));
	}
	check_key_refused(DDB_N, false, slice_of("abc"),
		"One or more parameter values were invalid: Type mismatch for key pk expected: N "
		"actual: S");
	check_key_refused(DDB_N, false, slice_of(""),
		"One or more parameter values were invalid: Type mismatch for key pk expected: N "
		"actual: S");
	check_key_refused(DDB_N, false, slice_of("1.0"),
		"key pk: expected the number in canonical form, 1, found 1.0");
	check_key_refused(DDB_N, false, slice_of("-0"),
		"key pk: expected the number in canonical form, 0, found -0");
	check_key_refused(DDB_N, false, slice_of("1e126"),
		"Number overflow. Attempting to store a number with magnitude larger than "
		"supported range");
}
END_TEST

START_TEST(test_key_number_bytes)
{
	struct ddb_key_def def = key_def(DDB_N);
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ddb_key_encode(&def, false, slice_of("0"), &out, NULL);
	ddb_key_encode(&def, false, slice_of("150"), &out, NULL);
	ddb_key_encode(&def, false, slice_of("-1"), &out, NULL);
	const char want[] = "\x80"
			    "\xc0\x84\x02\x06"
			    "\x40\x7d\xfd\xff";
	ck_assert(slice_equal(buf_slice(&out), slice_make(want, sizeof(want) - 1)));
}
END_TEST

/* Numbers in ascending order, with everything between them that is tricky. */
START_TEST(test_key_number_order)
{
	static const char *const ascending[] = {"-1" ZEROS125, "-100.5", "-100", "-99", "-11",
		"-10.01", "-10", "-9.9", "-2", "-1.15", "-1.1", "-1.05", "-1.001", "-1", "-0.9",
		"-0.15", "-0.1", "-0.05", "-0." ZEROS129 "1", "0", "0." ZEROS129 "1", "0.05", "0.1",
		"0.15", "0.9", "1", "1.001", "1.05", "1.1", "1.15", "2", "9.9", "10", "10.01", "11",
		"99", "100", "100.5", DIGITS38, "1" ZEROS125};
	struct ddb_key_def def = key_def(DDB_N);
	CLEANUP(buf_free) struct buf before = BUF_INIT;
	for (unsigned i = 0; i < sizeof(ascending) / sizeof(ascending[0]); i++) {
		CLEANUP(buf_free) struct buf stored = BUF_INIT;
		ck_assert_int_eq(
			ddb_key_encode(&def, false, slice_of(ascending[i]), &stored, NULL), 0);
		ck_assert_msg(i == 0 || slice_compare(buf_slice(&before), buf_slice(&stored)) < 0,
			"%s", ascending[i]);
		buf_clear(&before);
		buf_append_slice(&before, buf_slice(&stored));
	}
}
END_TEST

/* ---- at random ---- */

__extension__ typedef __int128 wide;

/* An integer of up to 38 digits: what order should be is then known exactly. */
static wide random_integer(char text[48])
{
	unsigned n = 1 + (unsigned)rng() % (rng() % 2 != 0 ? 38 : 3);
	wide v = 0;
	char *p = text;
	bool negative = rng() % 2 != 0;
	*p++ = negative ? '-' : '+';
	for (unsigned i = 0; i < n; i++) {
		unsigned digit = rng() % 3 == 0 ? 0 : (unsigned)rng() % 10;
		v = v * 10 + (int)digit;
		*p++ = (char)('0' + digit);
	}
	*p = '\0';
	return negative ? -v : v;
}

START_TEST(test_random_order)
{
	struct ddb_key_def def = key_def(DDB_N);
	rng_seed(31);
	for (int i = 0; i < 20000; i++) {
		char ta[48];
		char tb[48];
		CLEANUP(buf_free) struct buf ca = BUF_INIT;
		CLEANUP(buf_free) struct buf cb = BUF_INIT;
		CLEANUP(buf_free) struct buf sa = BUF_INIT;
		CLEANUP(buf_free) struct buf sb = BUF_INIT;
		wide a = random_integer(ta);
		wide b = random_integer(tb);
		/* shifting both by a power of ten changes neither order nor sameness */
		int shift = rng() % 200 - 120;
		snprintf(ta + strlen(ta), 8, "e%d", shift > 87 ? 87 : shift);
		snprintf(tb + strlen(tb), 8, "e%d", shift > 87 ? 87 : shift);
		ck_assert_int_eq(ddb_number_canonical(slice_of(ta), &ca, NULL), 0);
		ck_assert_int_eq(ddb_number_canonical(slice_of(tb), &cb, NULL), 0);
		ck_assert_int_eq(ddb_key_encode(&def, true, buf_slice(&ca), &sa, NULL), 0);
		ck_assert_int_eq(ddb_key_encode(&def, true, buf_slice(&cb), &sb, NULL), 0);
		int want = (a > b) - (a < b);
		int got = slice_compare(buf_slice(&sa), buf_slice(&sb));
		ck_assert_int_eq((got > 0) - (got < 0), want);
		check_key(DDB_N, buf_slice(&ca));
		ck_assert_uint_le(sa.n, 41);
	}
}
END_TEST

START_TEST(test_random_base64)
{
	rng_seed(12);
	for (int i = 0; i < 5000; i++) {
		char bytes[40];
		size_t n = (size_t)rng() % sizeof(bytes);
		for (size_t k = 0; k < n; k++) {
			bytes[k] = (char)rng();
		}
		for (int kind = BASE64_PADDED; kind <= BASE64_URL; kind++) {
			CLEANUP(buf_free) struct buf text = BUF_INIT;
			CLEANUP(buf_free) struct buf back = BUF_INIT;
			base64_encode((enum base64_kind)kind, slice_make(bytes, n), &text);
			ck_assert_ptr_null(
				base64_decode((enum base64_kind)kind, buf_slice(&text), &back));
			ck_assert(slice_equal(buf_slice(&back), slice_make(bytes, n)));
		}
	}
}
END_TEST

START_TEST(test_base64_refusals)
{
	static const char *const bad[] = {"a", "aG", "aGk", "====", "a===", "aG=k", "a=Gk",
		"aGl=", "YR==", "aGk=aGk=", "a-_=", "aGk\n", "aGk=\n", " aGk"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ck_assert_msg(
			base64_decode(BASE64_PADDED, slice_of(bad[i]), &out) != NULL, "%s", bad[i]);
	}
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ck_assert_ptr_null(base64_decode(BASE64_PADDED, slice_of(""), &out));
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("number");
	TCase *tc = tcase_create("number");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_canonical);
	tcase_add_test(tc, test_digits);
	tcase_add_test(tc, test_too_many_digits);
	tcase_add_test(tc, test_range);
	tcase_add_test(tc, test_syntax);
	tcase_add_test(tc, test_long_texts);
	tcase_add_test(tc, test_size);
	tcase_add_test(tc, test_key_string);
	tcase_add_test(tc, test_key_limits);
	tcase_add_test(tc, test_key_binary);
	tcase_add_test(tc, test_key_number);
	tcase_add_test(tc, test_key_number_bytes);
	tcase_add_test(tc, test_key_number_order);
	tcase_add_test(tc, test_random_order);
	tcase_add_test(tc, test_random_base64);
	tcase_add_test(tc, test_base64_refusals);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
