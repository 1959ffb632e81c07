/* The order of mixed types, and keys: memcmp() of keys is doc_compare() of values. */
#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/docdb/order/order_impl.h"
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

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static const char *show(struct doc_value v)
{
	static char text[4][400];
	static unsigned turn;
	char *out = text[turn++ % 4];
	int n = snprintf(out, 40, "type %u:", v.type);
	for (size_t i = 0; i < v.raw.n && n < 380; i++) {
		n += snprintf(out + n, 8, " %02x", (unsigned char)v.raw.p[i]);
	}
	return out;
}

static struct slice key_of(struct doc_value v, bool descending, struct buf *key)
{
	buf_clear(key);
	doc_key_append(v, descending, key);
	ck_assert(!key->failed);
	return buf_slice(key);
}

static void check_pair(struct doc_value a, struct doc_value b)
{
	struct buf x = BUF_INIT;
	struct buf y = BUF_INIT;
	int order = sign(doc_compare(a, b));
	ck_assert_int_eq(sign(doc_compare(b, a)), -order);
	struct slice left = key_of(a, false, &x);
	struct slice right = key_of(b, false, &y);
	ck_assert_msg(
		sign(slice_compare(left, right)) == order, "%d: %s; %s", order, show(a), show(b));
	size_t least = x.n < y.n ? x.n : y.n;
	ck_assert_msg(
		order == 0 || memcmp(x.p, y.p, least) != 0, "a prefix: %s; %s", show(a), show(b));
	left = key_of(a, true, &x);
	right = key_of(b, true, &y);
	ck_assert_int_eq(sign(slice_compare(left, right)), -order);
	if (order == 0) {
		ck_assert(doc_equal(a, b));
		ck_assert_msg(doc_hash(a) == doc_hash(b), "%s; %s", show(a), show(b));
	}
	buf_free(&x);
	buf_free(&y);
}

static void check_decodes(struct doc_value v, bool descending)
{
	struct buf key = BUF_INIT;
	struct buf again = BUF_INIT;
	struct doc_value back;
	key_of(v, descending, &key);
	doc_key_append(doc_make_int32(arena, 7), descending, &key);
	struct slice rest = buf_slice(&key);
	ck_assert_msg(doc_key_next(&rest, descending, arena, &back), "%s", show(v));
	ck_assert_msg(doc_equal(v, back), "%s; %s", show(v), show(back));
	key_of(back, descending, &again);
	ck_assert(memcmp(again.p, key.p, again.n) == 0);
	ck_assert(doc_key_next(&rest, descending, arena, &back));
	ck_assert_int_eq(doc_int32(back), 7);
	ck_assert_uint_eq(rest.n, 0);
	buf_free(&key);
	buf_free(&again);
}

START_TEST(keys_of_numbers_order_as_the_numbers)
{
	rng_seed((unsigned)_i);
	for (unsigned i = 0; i < rounds(20000); i++) {
		doc_arena_clear(arena);
		struct doc_value a = random_number(arena);
		check_pair(a, random_number(arena));
		check_pair(a, equal_value(arena, a));
		check_decodes(a, i % 2);
	}
}
END_TEST

START_TEST(keys_of_all_types_order_as_the_values)
{
	rng_seed((unsigned)_i + 100);
	for (unsigned i = 0; i < rounds(20000); i++) {
		doc_arena_clear(arena);
		struct doc_value a = random_value(arena, 4);
		check_pair(a, random_value(arena, 4));
		check_pair(a, equal_value(arena, a));
		check_decodes(a, i % 2);
	}
}
END_TEST

/* The near neighbours of doubles, as decimals of 34 digits, against the C library's
 * own reading of the same text, rounded towards zero. */
START_TEST(a_decimal_stands_behind_the_double_towards_zero)
{
	fesetround(FE_TOWARDZERO);
	bool rounds_so = !isinf(strtod("1e400", NULL));
	fesetround(FE_TONEAREST);
	if (!rounds_so) {
		return; /* valgrind calculates in the one mode only */
	}
	rng_seed(5);
	for (unsigned i = 0; i < rounds(20000); i++) {
		char text[BSON_DECIMAL128_STRING];
		doc_arena_clear(arena);
		struct doc_value v = random_number(arena);
		bson_decimal128_t d = doc_decimal(v);
		bson_decimal128_to_string(&d, text);
		struct doc_exact x = doc_exact_of(doc_make_decimal(arena, d));
		if (x.kind != EXACT_NEGATIVE && x.kind != EXACT_POSITIVE) {
			continue;
		}
		fesetround(FE_TOWARDZERO);
		double near = strtod(text, NULL);
		fesetround(FE_TONEAREST);
		ck_assert_msg(fabs(near) == x.near, "%s: %a, not %a", text, x.near, near);
	}
}
END_TEST

static void check_same_key(const char *decimal, struct doc_value v)
{
	struct buf x = BUF_INIT;
	struct buf y = BUF_INIT;
	struct slice left = key_of(decimal_of(arena, decimal), false, &x);
	struct slice right = key_of(v, false, &y);
	ck_assert_msg(slice_equal(left, right), "%s", decimal);
	buf_free(&x);
	buf_free(&y);
}

START_TEST(numbers_of_equal_value_have_one_key)
{
	check_same_key("1.00", doc_make_int32(arena, 1));
	check_same_key("1", doc_make_int64(arena, 1));
	check_same_key("0.50", doc_make_double(arena, 0.5));
	check_same_key("-0.0", doc_make_double(arena, 0));
	check_same_key("0E+100", doc_make_double(arena, -0.0));
	check_same_key("NaN", doc_make_double(arena, (double)NAN));
	check_same_key("NaN", doc_make_double(arena, -(double)NAN));
	check_same_key("-Infinity", doc_make_double(arena, -HUGE_VAL));
	check_same_key("9007199254740993", doc_make_int64(arena, INT64_C(9007199254740993)));
	check_same_key("9223372036854775807", doc_make_int64(arena, INT64_MAX));
	check_same_key("-9223372036854775808", doc_make_double(arena, -0x1p63));
	check_same_key("1E+22", doc_make_double(arena, 1e22));
}
END_TEST

/* Written once by hand: each is more than the one before. */
START_TEST(types_come_in_the_order_of_the_service)
{
	static const char *const rising[] = {"{\"$minKey\":1}", "{\"$undefined\":true}", "null",
		"{\"$numberDouble\":\"NaN\"}", "{\"$numberDouble\":\"-Infinity\"}",
		"{\"$numberDecimal\":\"-1E+6144\"}", "{\"$numberLong\":\"-9223372036854775808\"}",
		"-1.5", "-1", "0", "{\"$numberDecimal\":\"1E-6176\"}", "5e-324",
		"{\"$numberDecimal\":\"0.1\"}", "0.1", "1", "9007199254740992",
		"{\"$numberDecimal\":\"9007199254740992.5\"}",
		"{\"$numberLong\":\"9007199254740993\"}", "1.7976931348623157e308",
		"{\"$numberDecimal\":\"1E+309\"}", "{\"$numberDouble\":\"Infinity\"}", "\"\"",
		"\"A\"", "{\"$symbol\":\"B\"}", "\"a\"", "\"a\\u0000\"", "\"aa\"", "\"\xc3\xbc\"",
		"{}", "{\"a\":1}", "{\"a\":1,\"b\":0}", "{\"a\":2}", "{\"b\":1}", "{\"a\":\"x\"}",
		"[]", "[1]", "[1,2]", "[2]", "[\"x\"]",
		"{\"$binary\":{\"base64\":\"\",\"subType\":\"00\"}}",
		"{\"$binary\":{\"base64\":\"/w==\",\"subType\":\"00\"}}",
		"{\"$binary\":{\"base64\":\"AAA=\",\"subType\":\"00\"}}",
		"{\"$binary\":{\"base64\":\"AAA=\",\"subType\":\"80\"}}",
		"{\"$oid\":\"000000000000000000000000\"}",
		"{\"$oid\":\"507f1f77bcf86cd799439011\"}", "false", "true",
		"{\"$date\":\"1969-12-31T23:59:59Z\"}", "{\"$date\":\"1970-01-01T00:00:00Z\"}",
		"{\"$timestamp\":{\"t\":0,\"i\":4294967295}}",
		"{\"$timestamp\":{\"t\":4294967295,\"i\":0}}",
		"{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"\"}}",
		"{\"$regularExpression\":{\"pattern\":\"a\",\"options\":\"i\"}}",
		"{\"$dbPointer\":{\"$ref\":\"b\",\"$id\":{\"$oid\":\"507f1f77bcf86cd799439011\"}}}",
		"{\"$code\":\"x\"}", "{\"$code\":\"x\",\"$scope\":{}}", "{\"$maxKey\":1}"};
	size_t n = sizeof(rising) / sizeof(rising[0]);
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < n; j++) {
			struct doc_value a = value_of(arena, rising[i]);
			struct doc_value b = value_of(arena, rising[j]);
			ck_assert_msg(sign(doc_compare(a, b)) == (i > j) - (i < j), "%s; %s",
				rising[i], rising[j]);
			check_pair(a, b);
		}
	}
}
END_TEST

START_TEST(missing_comes_with_null)
{
	ck_assert(doc_equal(DOC_MISSING, doc_make_null()));
	check_pair(DOC_MISSING, doc_make_null());
	check_pair(DOC_MISSING, doc_make_int32(arena, 0));
	check_decodes(DOC_MISSING, true);
}
END_TEST

START_TEST(nested_as_deep_as_a_document_goes)
{
	struct buf document = BUF_INIT;
	size_t starts[DOC_DEPTH_MAX];
	for (unsigned i = 0; i < DOC_DEPTH_MAX; i++) {
		starts[i] = i == 0  ? doc_begin(&document)
			    : i % 2 ? doc_put_begin(&document, slice_of("a"), BSON_TYPE_ARRAY)
				    : doc_put_index_begin(&document, 0, BSON_TYPE_DOCUMENT);
	}
	for (unsigned i = DOC_DEPTH_MAX; i > 0; i--) {
		doc_end(&document, starts[i - 1]);
	}
	struct doc_value v = doc_value_of(buf_slice(&document));
	check_pair(v, v);
	check_decodes(v, false);
	check_decodes(v, true);
	buf_free(&document);
}
END_TEST

START_TEST(a_damaged_key_is_refused_or_read_within_its_bytes)
{
	rng_seed(7);
	for (unsigned i = 0; i < rounds(50000); i++) {
		struct buf key = BUF_INIT;
		struct doc_value v;
		bool descending = i % 2;
		doc_arena_clear(arena);
		key_of(random_value(arena, 3), descending, &key);
		size_t n = key.n;
		for (int hits = rng() % 3; hits >= 0; hits--) {
			key.p[(size_t)rng() % n] = (char)rng();
		}
		/* Memory of just that size, so that a sanitizer sees what lies behind it. */
		n = (size_t)rng() % (n + 1);
		char *exact = malloc(n + 1);
		memcpy(exact, key.p, n);
		struct slice rest = {exact, n};
		while (rest.n > 0 && doc_key_next(&rest, descending, arena, &v)) {
			ck_assert(rest.p >= exact);
			ck_assert(rest.p <= exact + n);
		}
		free(exact);
		buf_free(&key);
	}
}
END_TEST

START_TEST(a_key_cut_short_is_refused)
{
	struct buf key = BUF_INIT;
	struct doc_value v;
	key_of(value_of(arena, "{\"a\":[1,-0.1,{\"$numberDecimal\":\"0.3\"},\"x\"]}"), false, &key);
	for (size_t n = 0; n < key.n; n++) {
		struct slice cut = {key.p, n};
		ck_assert(!doc_key_next(&cut, false, arena, &v));
		ck_assert_uint_eq(cut.n, n);
	}
	buf_free(&key);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("docdb_key");
	TCase *tc = tcase_create("docdb_key");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, keys_of_numbers_order_as_the_numbers, 0, 4);
	tcase_add_loop_test(tc, keys_of_all_types_order_as_the_values, 0, 4);
	tcase_add_test(tc, a_decimal_stands_behind_the_double_towards_zero);
	tcase_add_test(tc, numbers_of_equal_value_have_one_key);
	tcase_add_test(tc, types_come_in_the_order_of_the_service);
	tcase_add_test(tc, missing_comes_with_null);
	tcase_add_test(tc, nested_as_deep_as_a_document_goes);
	tcase_add_test(tc, a_damaged_key_is_refused_or_read_within_its_bytes);
	tcase_add_test(tc, a_key_cut_short_is_refused);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
