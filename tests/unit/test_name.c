/* Names: every rule of engines/common/name.h, and that the map is one to one. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

static const char *const item_suffixes[] = {".json", ".ddb.json"};
static const struct name_rules item_rules = {item_suffixes, 2};
static const char *const cache_suffixes[] = {"", ".hash", ".list"};
static const struct name_rules cache_rules = {cache_suffixes, 3};
static const char *const nested_suffixes[] = {".c", ".b.c", ".a.b.c"};
static const struct name_rules nested_rules = {nested_suffixes, 3};

#define KEY(text) slice_make(text, sizeof(text) - 1)

static void check_name(
	struct slice key, const struct name_rules *rules, unsigned form, const char *want)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf back = BUF_INIT;
	unsigned got = 99;
	name_print(key, rules, form, &name);
	ck_assert_str_eq(buf_cstr(&name), want);
	ck_assert_int_eq(name_parse(buf_slice(&name), rules, &got, &back), NAME_KEY);
	ck_assert_uint_eq(got, form);
	ck_assert(slice_equal(buf_slice(&back), key));
}

static void check_kind(const char *name, const struct name_rules *rules, enum name_kind want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	unsigned form = 99;
	enum name_kind kind = name_parse(slice_of(name), rules, &form, &out);
	ck_assert_msg(kind == want, "%s: kind %d, expected %d", name, kind, want);
	if (kind == NAME_BAD || kind == NAME_OTHER) {
		ck_assert_uint_eq(form, 99);
		ck_assert_uint_eq(out.n, 0);
	}
}

START_TEST(test_plain)
{
	check_name(KEY("Alice"), &item_rules, 0, "Alice.json");
	check_name(KEY("Alice"), &item_rules, 1, "Alice.ddb.json");
	check_name(KEY("with space \"'$*?\\:|<>"), &item_rules, 0, "with space \"'$*?\\:|<>.json");
	check_name(KEY("-n"), &NAME_RULES_DIR, 0, "-n");
	check_name(KEY("\xc3\xa9\xf0\x9f\x98\x80"), &NAME_RULES_DIR, 0, "\xc3\xa9\xf0\x9f\x98\x80");
	check_name(KEY("a.json"), &item_rules, 0, "a.json.json");
	check_name(KEY("~"), &item_rules, 0, "~.json");
}
END_TEST

START_TEST(test_escapes)
{
	check_name(KEY("a/b"), &item_rules, 0, "a%2Fb.json");
	check_name(KEY("a\0b"), &item_rules, 0, "a%00b.json");
	check_name(KEY("a\nb\x1f\x7f"), &item_rules, 0, "a%0Ab%1F%7F.json");
	check_name(KEY("100%"), &item_rules, 0, "100%25.json");
	check_name(KEY("%41"), &item_rules, 0, "%2541.json");
	check_name(KEY(".hidden.x"), &item_rules, 0, "%2Ehidden.x.json");
	check_name(KEY("."), &NAME_RULES_DIR, 0, "%2E");
	check_name(KEY(".."), &NAME_RULES_DIR, 0, "%2E.");
	check_name(KEY(""), &NAME_RULES_DIR, 0, "%");
	check_name(KEY(""), &item_rules, 0, "%.json");
	check_name(KEY(""), &item_rules, 1, "%.ddb.json");
	check_name(KEY("%"), &item_rules, 0, "%25.json");
	check_name(KEY("a%~b"), &item_rules, 0, "a%25~b.json");
}
END_TEST

START_TEST(test_not_utf8)
{
	check_name(KEY("\xff"), &item_rules, 0, "%FF.json");
	check_name(KEY("a\xc3"), &item_rules, 0, "a%C3.json");
	check_name(KEY("\xc0\xaf"), &item_rules, 0, "%C0%AF.json");	   /* overlong '/' */
	check_name(KEY("\xed\xa0\x80"), &item_rules, 0, "%ED%A0%80.json"); /* a surrogate */
	check_name(KEY("\xf4\x90\x80\x80"), &item_rules, 0, "%F4%90%80%80.json");
	check_name(KEY("\xe2\x82\xac\xe2\x82"), &item_rules, 0, "\xe2\x82\xac%E2%82.json");
	check_name(KEY("\xe2\x82(\xc3\xa9"), &item_rules, 0, "%E2%82(\xc3\xa9.json");
}
END_TEST

/* In the middle, in front and at the end: each byte comes back, and is escaped
 * exactly when the rules say so. */
START_TEST(test_every_byte)
{
	for (int c = 0; c < 256; c++) {
		const char key[3] = {'a', (char)c, 'b'};
		const struct slice keys[] = {{key, 3}, {key + 1, 2}, {key, 2}, {key + 1, 1}};
		for (unsigned i = 0; i < 4; i++) {
			CLEANUP(buf_free) struct buf name = BUF_INIT;
			CLEANUP(buf_free) struct buf back = BUF_INIT;
			unsigned form;
			bool first = i == 1 || i == 3;
			bool escaped = c < 0x20 || c >= 0x7f || c == '/' || c == '%' ||
				       (c == '.' && first);
			name_print(keys[i], &item_rules, 0, &name);
			ck_assert_uint_eq(name.n, keys[i].n + (escaped ? 2 : 0) + 5);
			ck_assert_int_eq(
				name_parse(buf_slice(&name), &item_rules, &form, &back), NAME_KEY);
			ck_assert(slice_equal(buf_slice(&back), keys[i]));
		}
	}
}
END_TEST

START_TEST(test_longer_suffix)
{
	check_name(KEY("a.ddb"), &item_rules, 0, "a%2Eddb.json");
	check_name(KEY("a.ddb"), &item_rules, 1, "a.ddb.ddb.json");
	check_name(KEY(".ddb"), &item_rules, 0, "%2Eddb.json");
	check_name(KEY("a.ddb.ddb"), &item_rules, 0, "a.ddb%2Eddb.json");
	check_name(KEY("a.ddb.json"), &item_rules, 0, "a.ddb.json.json");
	check_name(KEY("cart.hash"), &cache_rules, 0, "cart%2Ehash");
	check_name(KEY("cart"), &cache_rules, 1, "cart.hash");
	check_name(KEY("cart.hash"), &cache_rules, 1, "cart.hash.hash");
	check_name(KEY("cart.hash.list"), &cache_rules, 0, "cart.hash%2Elist");
	check_name(KEY("x.a.b"), &nested_rules, 0, "x%2Ea%2Eb.c");
	check_name(KEY("x.a"), &nested_rules, 1, "x%2Ea.b.c");
	check_name(KEY("x.b"), &nested_rules, 0, "x%2Eb.c");
	check_name(KEY("x"), &nested_rules, 2, "x.a.b.c");
}
END_TEST

START_TEST(test_other_names)
{
	static const char *const others[] = {"4913", ".x.json.swp", "x.json~", "#x#", ".#x",
		"sedAb12Cd", ".x.json.Ab12Cd", ".json", ".ddb.json", ".a.json", "", "a.JSON",
		"a.jso", ".", ".."};
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		check_kind(others[i], &item_rules, NAME_OTHER);
	}
	check_kind(".help", &NAME_RULES_DIR, NAME_OTHER);
	check_kind(".", &NAME_RULES_DIR, NAME_OTHER);
}
END_TEST

START_TEST(test_bad_names)
{
	static const char *const bad[] = {"%41.json", "%2f.json", "a%.json", "a%2.json", "%zz.json",
		"%2G.json", "a%2Eb.json", "%%.json", "%25%.json", "%~.json", "a%~0123.json",
		"\xff.json", "a\x01.json", "a/b.json", "%C3%A9.json", "a%2Eddb.ddb.json",
		"\x7f.json", "%2E%2E.json"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_kind(bad[i], &item_rules, NAME_BAD);
	}
	check_kind("", &NAME_RULES_DIR, NAME_BAD);
	check_kind("a%2Ehash.list", &cache_rules, NAME_BAD);
}
END_TEST

/* ---- long keys ---- */

static void check_long(struct slice key, const struct name_rules *rules, unsigned form)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf hash = BUF_INIT;
	unsigned char want[NAME_HASH_BYTES];
	unsigned got;
	name_print(key, rules, form, &name);
	ck_assert_uint_le(name.n, NAME_MAX_BYTES);
	ck_assert_uint_gt(name.n, NAME_MAX_BYTES - 4);
	ck_assert(utf8_valid(buf_slice(&name)));
	ck_assert(name_is_long(key, rules));
	ck_assert_int_eq(name_parse(buf_slice(&name), rules, &got, &hash), NAME_HASHED);
	ck_assert_uint_eq(got, form);
	name_hash(key, want);
	ck_assert(slice_equal(buf_slice(&hash), slice_make(want, sizeof(want))));
}

START_TEST(test_long_boundary)
{
	char key[300];
	memset(key, 'k', sizeof(key));
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_print(slice_make(key, 250), &item_rules, 0, &name);
	ck_assert_uint_eq(name.n, 255);
	ck_assert_ptr_null(memchr(name.p, '%', name.n));
	ck_assert(name_is_long(slice_make(key, 250), &item_rules)); /* as .ddb.json */
	ck_assert(name_is_long(slice_make(key, 247), &item_rules));
	ck_assert(!name_is_long(slice_make(key, 246), &item_rules));
	check_long(slice_make(key, 251), &item_rules, 0);
	check_long(slice_make(key, 247), &item_rules, 1);
	ck_assert(!name_is_long(slice_make(key, 255), &NAME_RULES_DIR));
	check_long(slice_make(key, 256), &NAME_RULES_DIR, 0);
}
END_TEST

START_TEST(test_long_known_hash)
{
	char key[400];
	memset(key, 'x', sizeof(key));
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_print(slice_make(key, sizeof(key)), &item_rules, 1, &name);
	/* the tail is `printf 'x%.0s' {1..400} | sha256sum | cut -c1-32` */
	const char *tail = "%~7b0bd700ce066ef35190fde2dd7a0bcc.ddb.json";
	ck_assert_str_eq(buf_cstr(&name) + name.n - strlen(tail), tail);
}
END_TEST

/* The cut never falls into a character or an escape. */
START_TEST(test_long_cut)
{
	static const char *const units[] = {
		"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "/", "\xff"};
	for (unsigned u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
		for (unsigned shift = 0; shift < 5; shift++) {
			CLEANUP(buf_free) struct buf key = BUF_INIT;
			for (unsigned i = 0; i < shift; i++) {
				buf_putc(&key, 'a');
			}
			while (key.n < 300) {
				buf_puts(&key, units[u]);
			}
			check_long(buf_slice(&key), &item_rules, 0);
			check_long(buf_slice(&key), &NAME_RULES_DIR, 0);
		}
	}
}
END_TEST

START_TEST(test_long_bad)
{
	char key[300];
	memset(key, 'k', sizeof(key));
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_print(slice_make(key, sizeof(key)), &item_rules, 0, &name);
	size_t mark = name.n - 5 - 34;
	buf_cstr(&name);
	name.p[mark + 2] = 'A'; /* upper-case hex */
	check_kind(name.p, &item_rules, NAME_BAD);
	name.p[mark + 2] = 'g';
	check_kind(name.p, &item_rules, NAME_BAD);
	name.p[mark + 2] = '0';
	check_kind(name.p, &item_rules, NAME_HASHED);
	check_kind(name.p + 1, &item_rules, NAME_HASHED); /* a unit of 2 to 4 might be next */
	check_kind(name.p + 4, &item_rules, NAME_BAD);	  /* a prefix shorter than fits */
	name.p[0] = '%';
	check_kind(name.p, &item_rules, NAME_BAD);
}
END_TEST

/* A name that is exactly at the limit and must also escape a suffix's dot. */
START_TEST(test_long_by_suffix_escape)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	for (int i = 0; i < 244; i++) {
		buf_putc(&key, 'k');
	}
	buf_puts(&key, ".ddb");
	name_print(buf_slice(&key), &item_rules, 0, &name); /* 253 + 2 */
	ck_assert_uint_eq(name.n, 255);
	buf_clear(&key);
	for (int i = 0; i < 245; i++) {
		buf_putc(&key, 'k');
	}
	buf_puts(&key, ".ddb");
	check_long(buf_slice(&key), &item_rules, 0);
}
END_TEST

/* ---- at random ---- */

static void random_key(struct buf *out)
{
	static const char *const parts[] = {"%", "/", ".", ".ddb", ".json", "a", "\xc3", "\xa9",
		"~", "%~", "\xf0\x9f\x98\x80", "2E", "\n", "\xed\xa0\x80", ".hash", ".list", ".c",
		".b"};
	buf_clear(out);
	for (int n = rng() % 12; n > 0; n--) {
		if (rng() % 8 == 0) {
			buf_putc(out, (char)rng());
		} else {
			buf_puts(out, parts[(size_t)rng() % (sizeof(parts) / sizeof(parts[0]))]);
		}
	}
}

START_TEST(test_random_keys)
{
	const struct name_rules *all[] = {
		&item_rules, &cache_rules, &nested_rules, &NAME_RULES_DIR};
	rng_seed(20240607);
	for (int i = 0; i < 40000; i++) {
		const struct name_rules *rules = all[i % 4];
		unsigned form = (unsigned)rng() % rules->n;
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		CLEANUP(buf_free) struct buf back = BUF_INIT;
		unsigned got;
		random_key(&key);
		name_print(buf_slice(&key), rules, form, &name);
		ck_assert_int_eq(name_parse(buf_slice(&name), rules, &got, &back), NAME_KEY);
		ck_assert_uint_eq(got, form);
		ck_assert(slice_equal(buf_slice(&back), buf_slice(&key)));
	}
}
END_TEST

/* Whatever is accepted as a name is the one name of its key. */
START_TEST(test_random_names)
{
	rng_seed(7);
	for (int i = 0; i < 40000; i++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		CLEANUP(buf_free) struct buf again = BUF_INIT;
		unsigned form;
		random_key(&name);
		buf_puts(&name, ".json");
		if (name_parse(buf_slice(&name), &item_rules, &form, &key) == NAME_KEY) {
			name_print(buf_slice(&key), &item_rules, form, &again);
			ck_assert(slice_equal(buf_slice(&again), buf_slice(&name)));
		}
	}
}
END_TEST

START_TEST(test_utf8)
{
	ck_assert(utf8_valid(KEY("")));
	ck_assert(utf8_valid(KEY(
		"a\0b\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2g",
		"\xe0\x9f\xbf", "\xe0\xa0", "\xed\xa0\x80", "\xed\xbf\xbf", "\xef\xbf",
		"\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe",
		"\xff", "\xe2\x82g"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(!utf8_valid(slice_of(bad[i])), "sequence %u", i);
	}
	const unsigned char euro[] = {0xe2, 0x82, 0xac};
	ck_assert_uint_eq(utf8_sequence(euro, 3), 3);
	ck_assert_uint_eq(utf8_sequence(euro, 2), 0);
	ck_assert_uint_eq(utf8_sequence(euro, 0), 0);
}
END_TEST

START_TEST(test_escape_for_people)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	name_escape(KEY("a.ddb\n"), &out);
	ck_assert_str_eq(buf_cstr(&out), "a.ddb%0A");
	buf_clear(&out);
	name_escape(KEY(""), &out);
	ck_assert_str_eq(buf_cstr(&out), "%");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("name");
	TCase *tc = tcase_create("name");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_plain);
	tcase_add_test(tc, test_escapes);
	tcase_add_test(tc, test_not_utf8);
	tcase_add_test(tc, test_every_byte);
	tcase_add_test(tc, test_longer_suffix);
	tcase_add_test(tc, test_other_names);
	tcase_add_test(tc, test_bad_names);
	tcase_add_test(tc, test_long_boundary);
	tcase_add_test(tc, test_long_known_hash);
	tcase_add_test(tc, test_long_cut);
	tcase_add_test(tc, test_long_bad);
	tcase_add_test(tc, test_long_by_suffix_escape);
	tcase_add_test(tc, test_random_keys);
	tcase_add_test(tc, test_random_names);
	tcase_add_test(tc, test_utf8);
	tcase_add_test(tc, test_escape_for_people);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
