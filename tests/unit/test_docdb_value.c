/* BSON values: read, made, checked, calculated with. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/value.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

static struct doc_arena *arena;

static void setup(void)
{
	arena = doc_arena_new();
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	struct err err = {0};
	ck_assert_int_eq(doc_arena_check(arena, &err), 0);
	doc_arena_free(arena);
}

static struct doc_value i32(int32_t n)
{
	return doc_make_int32(arena, n);
}

static struct doc_value i64(int64_t n)
{
	return doc_make_int64(arena, n);
}

static struct doc_value dbl(double n)
{
	return doc_make_double(arena, n);
}

static struct doc_value dec(const char *text)
{
	bson_decimal128_t n;
	ck_assert_msg(bson_decimal128_from_string(text, &n), "%s", text);
	return doc_make_decimal(arena, n);
}

/* "int 5", "decimal 1.50": type and value. */
static const char *shown(struct doc_value v)
{
	char *out = doc_arena_alloc(arena, 80);
	char text[BSON_DECIMAL128_STRING];
	if (v.type == BSON_TYPE_DECIMAL128) {
		bson_decimal128_t n = doc_decimal(v);
		bson_decimal128_to_string(&n, text);
		snprintf(out, 80, "decimal %s", text);
	} else if (v.type == BSON_TYPE_DOUBLE) {
		snprintf(out, 80, "double %.17g", doc_double(v));
	} else {
		snprintf(out, 80, "%s %lld", doc_type_name(v.type), (long long)doc_int64(v));
	}
	return out;
}

/* ---- reading and making ---- */

START_TEST(test_round)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	size_t start = doc_begin(&out);
	doc_put(&out, slice_of("a"), i32(-7));
	doc_put(&out, slice_of("none"), DOC_MISSING);
	doc_put(&out, slice_of(""), doc_make_string(arena, slice_make("x\0y", 3)));
	size_t nested = doc_put_begin(&out, slice_of("list"), BSON_TYPE_ARRAY);
	for (unsigned i = 0; i < 101; i++) {
		doc_put_index(&out, i, i64(i));
	}
	doc_end(&out, doc_put_index_begin(&out, 101, BSON_TYPE_DOCUMENT));
	doc_end(&out, nested);
	doc_put(&out, slice_of("t"), doc_make_bool(arena, true));
	doc_put(&out, slice_of("d"), doc_make_date(arena, -1));
	doc_put(&out, slice_of("n"), doc_make_null());
	doc_end(&out, start);
	struct err err = {0};
	ck_assert_msg(doc_check(buf_slice(&out), &err) == 0, "%s", err.msg);

	struct slice all = buf_slice(&out);
	ck_assert_int_eq(doc_int32(doc_field(all, slice_of("a"))), -7);
	ck_assert(slice_equal(doc_string(doc_field(all, slice_of(""))), slice_make("x\0y", 3)));
	ck_assert(doc_bool(doc_field(all, slice_of("t"))));
	ck_assert_int_eq(doc_int64(doc_field(all, slice_of("d"))), -1);
	ck_assert_uint_eq(doc_field(all, slice_of("n")).type, BSON_TYPE_NULL);
	ck_assert_uint_eq(doc_field(all, slice_of("none")).type, BSON_TYPE_EOD);
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;
	doc_iter_init(&it, doc_field(all, slice_of("list")).raw);
	for (; doc_next(&it, &name, &v); n++) {
		char want[12];
		snprintf(want, sizeof(want), "%u", n);
		ck_assert_str_eq(name.p, want);
		ck_assert(n == 101 ? doc_is_empty(v.raw) : doc_int64(v) == n);
	}
	ck_assert_uint_eq(n, 102);
}
END_TEST

START_TEST(test_arena)
{
	struct doc_value first = doc_make_string(arena, slice_of("kept"));
	for (unsigned i = 0; i < 10000; i++) {
		memset(doc_arena_alloc(arena, i % 97), 'x', i % 97);
	}
	memset(doc_arena_alloc(arena, 1000000), 'y', 1000000);
	ck_assert(slice_is(doc_string(first), "kept"));
	struct doc_value copy = doc_make_copy(arena, first);
	ck_assert(slice_is(doc_string(copy), "kept") && copy.raw.p != first.raw.p);
	doc_arena_clear(arena);
	ck_assert_int_eq(doc_int32(i32(5)), 5);
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	doc_end(&out, doc_begin(&out));
	struct doc_value nested = doc_make_nested(arena, BSON_TYPE_ARRAY, &out);
	ck_assert(nested.type == BSON_TYPE_ARRAY && doc_is_empty(nested.raw));
}
END_TEST

/* What cannot be allocated is told once, by the arena. */
START_TEST(test_arena_full)
{
	ck_assert_ptr_null(doc_arena_alloc(arena, SIZE_MAX - 3));
	ck_assert_uint_eq(doc_make_string(arena, slice_make("", SIZE_MAX)).type, BSON_TYPE_EOD);
	struct err err = {0};
	ck_assert_int_eq(doc_arena_check(arena, &err), -ENOMEM);
	doc_arena_clear(arena);
	ck_assert_int_eq(doc_arena_check(arena, NULL), 0);
}
END_TEST

/* ---- checking ---- */

static void check_bytes(const char *bytes, size_t n, const char *want)
{
	/* Exactly as long as the bytes, so that a sanitizer sees what reads past them. */
	CLEANUP(cleanup_free) char *p = malloc(n > 0 ? n : 1);
	memcpy(p, bytes, n);
	struct err err = {0};
	int rc = doc_check(slice_make(p, n), &err);
	if (want == NULL) {
		ck_assert_msg(rc == 0, "%s", err.msg);
	} else {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_str_eq(err.msg, want);
	}
}

#define CHECK(bytes, want) check_bytes(bytes, sizeof(bytes) - 1, want)

START_TEST(test_check)
{
	CHECK("\5\0\0\0\0", NULL);
	CHECK("", "no valid BSON: at byte 0 a document's length is wrong");
	CHECK("\5\0\0\0", "no valid BSON: at byte 0 a document's length is wrong");
	CHECK("\5\0\0\0\1", "no valid BSON: at byte 4 a document does not end with a NUL");
	CHECK("\5\0\0\0\0\0", "no valid BSON: at byte 5 the document ends, but the bytes do not");
	CHECK("\10\0\0\0\12a\0\0", NULL);
	CHECK("\7\0\0\0\12a\0", "no valid BSON: at byte 5 a name does not end");
	CHECK("\10\0\0\0\24a\0\0",
		"no valid BSON: at byte 7 a value is cut off, or of no known type");
	CHECK("\11\0\0\0\10a\0\2\0", "no valid BSON: at byte 7 a bool is neither 0 nor 1");
	CHECK("\10\0\0\0\12\xff\0\0", "no valid BSON: at byte 5 a name is not UTF-8");
	CHECK("\13\0\0\0\12a\0\12a\0\0", "the name \"a\" stands twice in one object");
	CHECK("\17\0\0\0\2a\0\3\0\0\0x\xff\0\0", "no valid BSON: at byte 7 a string is not UTF-8");
	CHECK("\15\0\0\0\2a\0\1\0\0\0\0\0", NULL);
	CHECK("\14\0\0\0\2a\0\0\0\0\0\0", "no valid BSON: at byte 7 a string's length is wrong");
	CHECK("\14\0\0\0\2a\0\377\377\377\377\0",
		"no valid BSON: at byte 7 a value is cut off, or of no known type");
	CHECK("\16\0\0\0\3a\0\6\0\0\0\0\0\0", "no valid BSON: at byte 12 a name does not end");
}
END_TEST

/* Objects nested n deep. */
static void nest(struct buf *out, unsigned n)
{
	size_t start[128];
	start[0] = doc_begin(out);
	for (unsigned i = 1; i < n; i++) {
		start[i] = doc_put_begin(out, slice_of("a"), BSON_TYPE_DOCUMENT);
	}
	while (n > 0) {
		doc_end(out, start[--n]);
	}
}

START_TEST(test_check_limits)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	nest(&out, DOC_DEPTH_MAX);
	ck_assert_int_eq(doc_check(buf_slice(&out), &err), 0);
	buf_clear(&out);
	nest(&out, DOC_DEPTH_MAX + 1);
	ck_assert_int_eq(doc_check(buf_slice(&out), &err), -EINVAL);
	ck_assert_str_eq(err.msg, "the document nests deeper than 100 levels");
	err_clear(&err);
	ck_assert_int_eq(doc_check(slice_make(out.p, DOC_BYTES_MAX + 1), &err), -EFBIG);
}
END_TEST

/* Many names, in several objects beside and within each other; then one of them twice. */
START_TEST(test_check_names)
{
	for (unsigned n = 1; n < 5000; n = n * 3 / 2 + 1) {
		for (unsigned twice = 0; twice < 2; twice++) {
			CLEANUP(buf_free) struct buf out = BUF_INIT;
			size_t start = doc_begin(&out);
			for (unsigned k = 0; k < 3; k++) {
				char name[16];
				snprintf(name, sizeof(name), "o%u", k);
				size_t nested =
					doc_put_begin(&out, slice_of(name), BSON_TYPE_DOCUMENT);
				for (unsigned i = 0; i < n; i++) {
					doc_put_index(&out, i, doc_make_null());
				}
				if (twice == 1 && k == 2) {
					doc_put_index(&out, n / 2, doc_make_null());
				}
				doc_end(&out, nested);
			}
			doc_end(&out, start);
			ck_assert_int_eq(doc_check(buf_slice(&out), NULL), twice ? -EINVAL : 0);
		}
	}
}
END_TEST

/* Any bytes: no crash, and what passes can be read to its end. */
START_TEST(test_check_random)
{
	static const char types[] = "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\177\377";
	for (unsigned round = 0; round < 20000; round++) {
		rng_seed(round);
		unsigned n = 5 + (unsigned)rng() % 60;
		CLEANUP(cleanup_free) char *p = calloc(1, n);
		ck_assert_ptr_nonnull(p);
		for (unsigned i = 4; i < n - 1; i++) {
			p[i] = rng() % 3 == 0 ? types[(unsigned)rng() % (sizeof(types) - 1)]
					      : (char)(rng() % 8 == 0 ? 'a' : 0);
		}
		p[0] = (char)n;
		struct doc_iter it;
		struct slice name;
		struct doc_value v;
		doc_iter_init(&it, slice_make(p, n));
		while (doc_next(&it, &name, &v)) {
		}
		if (doc_check(slice_make(p, n), NULL) == 0) {
			ck_assert_uint_eq(it.rest.n, 0);
		}
	}
}
END_TEST

/* ---- numbers ---- */

#define BIG "9223372036854775807"

/* In order; lines of one number in several types. */
START_TEST(test_compare)
{
	struct {
		unsigned rank;
		struct doc_value v;
	} all[] = {
		{0, dbl(NAN)},
		{0, dec("NaN")},
		{1, dbl(-INFINITY)},
		{1, dec("-Infinity")},
		{2, dec("-1E+6000")},
		{3, dbl(-1e308)},
		{4, dbl(-0x1.0000000000001p63)},
		{5, i64(INT64_MIN)},
		{5, dbl(-0x1p63)},
		{5, dec("-9223372036854775808")},
		{6, dbl(-1.5)},
		{6, dec("-1.50")},
		{7, i32(-1)},
		{8, dbl(-5e-324)},
		{9, dec("-1E-6000")},
		{10, i32(0)},
		{10, dbl(-0.0)},
		{10, dec("-0E+100")},
		{11, dec("1E-6000")},
		{12, dbl(5e-324)},
		{13, dec("0.1")},
		{14, dbl(0.1)}, /* 0.1000000000000000055... */
		{15, dec("0.1000000000000000055511151231257828")},
		{16, i64(1)},
		{16, dec("1.000")},
		{17, i64(9007199254740992)},
		{17, dbl(9007199254740992.0)},
		{18, i64(9007199254740993)},
		{18, dec("9007199254740993")},
		{19, dbl(9007199254740994.0)},
		{20, i64(INT64_MAX)},
		{20, dec(BIG)},
		{21, dec(BIG ".5")},
		{22, dbl(0x1p63)},
		{22, dec("9223372036854775808")},
		{23, dbl(1e308)},
		{24, dec("1E+6000")},
		{25, dbl(INFINITY)},
		{25, dec("Infinity")},
	};
	const unsigned n = sizeof(all) / sizeof(all[0]);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < n; k++) {
			int c = doc_number_compare(all[i].v, all[k].v);
			int want = (all[i].rank > all[k].rank) - (all[i].rank < all[k].rank);
			ck_assert_msg((c > 0) - (c < 0) == want, "%s and %s: %d", shown(all[i].v),
				shown(all[k].v), c);
		}
	}
}
END_TEST

static void check_shown(struct doc_value v, const char *want)
{
	ck_assert_str_eq(shown(v), want);
}

START_TEST(test_arithmetic)
{
	check_shown(doc_add(arena, i32(2), i32(3)), "int 5");
	check_shown(doc_add(arena, i32(INT32_MAX), i32(1)), "long 2147483648");
	check_shown(doc_add(arena, i32(1), i64(1)), "long 2");
	check_shown(doc_add(arena, i64(INT64_MAX), i32(1)), "double 9.2233720368547758e+18");
	check_shown(doc_add(arena, i32(1), dbl(0.5)), "double 1.5");
	check_shown(doc_add(arena, dec("0.1"), dec("0.2")), "decimal 0.3");
	check_shown(doc_add(arena, dec("1"), dbl(0.1)), "decimal 1.100000000000000");
	check_shown(doc_add(arena, dec("1.5"), i64(INT64_MAX)), "decimal 9223372036854775808.5");
	check_shown(doc_subtract(arena, i32(INT32_MIN), i32(1)), "long -2147483649");
	check_shown(doc_subtract(arena, dec("1"), dbl(INFINITY)), "decimal -Infinity");
	check_shown(doc_multiply(arena, i32(65536), i32(65536)), "long 4294967296");
	check_shown(doc_multiply(arena, i64(INT64_MIN), i64(-1)), "double 9.2233720368547758e+18");
	check_shown(doc_multiply(arena, dec("1.10"), i32(3)), "decimal 3.30");
	check_shown(doc_divide(arena, i32(7), i32(2)), "double 3.5");
	check_shown(doc_divide(arena, i32(6), i32(2)), "double 3");
	check_shown(doc_divide(arena, dec("1"), i32(3)),
		"decimal 0.3333333333333333333333333333333333");
	check_shown(doc_modulo(arena, i32(-7), i32(3)), "int -1");
	check_shown(doc_modulo(arena, i64(INT64_MIN), i32(-1)), "long 0");
	check_shown(doc_modulo(arena, dbl(5.5), i32(2)), "double 1.5");
	check_shown(doc_modulo(arena, dec("-5.5"), i32(2)), "decimal -1.5");
}
END_TEST

static void check_int64(struct doc_value v, bool exact, int64_t want)
{
	int64_t n = 0;
	ck_assert_msg(doc_as_int64(v, &n) == exact, "%s", shown(v));
	ck_assert_int_eq(n, want);
}

START_TEST(test_conversion)
{
	check_int64(i32(-3), true, -3);
	check_int64(dbl(5.0), true, 5);
	check_int64(dbl(5.5), false, 0);
	check_int64(dbl(-0x1p63), true, INT64_MIN);
	check_int64(dbl(0x1p63), false, 0);
	check_int64(dbl(NAN), false, 0);
	check_int64(dec("1.20E+3"), true, 1200);
	check_int64(dec(BIG), true, INT64_MAX);
	check_int64(dec("9223372036854775808"), false, 0);
	check_int64(dec("0.5"), false, 0);
	check_int64(dec("NaN"), false, 0);
	check_int64(dec("1E+6000"), false, 0);
	check_int64(doc_make_null(), false, 0);
	ck_assert(doc_double(dec("0.1")) == 0.1);
	ck_assert(isinf(doc_double(dec("1E+6000"))));
	ck_assert(isnan(doc_double(dec("NaN"))));
	ck_assert(doc_double(i64(INT64_MAX)) == 0x1p63);
}
END_TEST

START_TEST(test_objectid)
{
	unsigned char a[12], b[12];
	doc_objectid_new(a);
	doc_objectid_new(b);
	ck_assert_int_eq(memcmp(a + 4, b + 4, 5), 0);
	ck_assert_int_ne(memcmp(a, b, 12), 0);
	ck_assert(doc_objectid_parse(slice_of("000102030405060708090aff"), a));
	ck_assert_int_eq(memcmp(a, "\0\1\2\3\4\5\6\7\10\11\12\377", 12), 0);
	ck_assert(!doc_objectid_parse(slice_of("000102030405060708090aFF"), a));
	ck_assert(!doc_objectid_parse(slice_of("000102030405060708090af"), a));
	ck_assert(!doc_objectid_parse(slice_of("000102030405060708090a.."), a));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_value");
	TCase *tc = tcase_create("docdb_value");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_round);
	tcase_add_test(tc, test_arena);
	tcase_add_test(tc, test_arena_full);
	tcase_add_test(tc, test_check);
	tcase_add_test(tc, test_check_limits);
	tcase_add_test(tc, test_check_names);
	tcase_add_test(tc, test_check_random);
	tcase_add_test(tc, test_compare);
	tcase_add_test(tc, test_arithmetic);
	tcase_add_test(tc, test_conversion);
	tcase_add_test(tc, test_objectid);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
