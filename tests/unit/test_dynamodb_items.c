/* DynamoDB on SQLite: items and partitions. */
#include "tests/unit/dynamodb_fixture.h"

#define UNSET INT64_C(0)

START_TEST(write_then_read_in_both_forms)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"pk\":\"u1\",\"sk\":\"a\",\"n\":1.50}"));
	expect_text(PATH("Users", "u1", "a"), DDB_PLAIN,
		"{\n  \"pk\": \"u1\",\n  \"sk\": \"a\",\n  \"n\": 1.5\n}\n");
	char *typed = text_of(PATH("Users", "u1", "a"), DDB_TYPED);
	ck_assert_ptr_nonnull(strstr(typed, "\"N\": \"1.5\""));
	OK(OPS->write(ctx, PATH("Users", "u1", "b"), DDB_TYPED, slice_of(typed), 0, NULL, &err));
	expect_text(PATH("Users", "u1", "b"), DDB_PLAIN,
		"{\n  \"pk\": \"u1\",\n  \"sk\": \"b\",\n  \"n\": 1.5\n}\n");
	free(typed);
}
END_TEST

START_TEST(name_fills_in_the_key_of_a_new_item)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"x\":1}"));
	expect_text(PATH("Users", "u1", "a"), DDB_PLAIN,
		"{\n  \"pk\": \"u1\",\n  \"sk\": \"a\",\n  \"x\": 1\n}\n");
	OK(put(PATH("Users", "u1", "b"), "{\"x\":1,\"sk\":\"a\",\"pk\":\"u1\"}"));
	expect_text(PATH("Users", "u1", "b"), DDB_PLAIN,
		"{\n  \"x\": 1,\n  \"sk\": \"b\",\n  \"pk\": \"u1\"\n}\n");
}
END_TEST

START_TEST(another_key_inside_an_existing_item_is_refused)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"x\":1}"));
	struct engine_info before = info_of(PATH("Users", "u1", "a"));
	FAILS(EINVAL, put(PATH("Users", "u1", "a"), "{\"sk\":\"b\",\"x\":2}"));
	SAYS("sk");
	ck_assert_uint_eq(info_of(PATH("Users", "u1", "a")).version, before.version);
	OK(put(PATH("Users", "u1", "a"), "{\"x\":2}"));
}
END_TEST

START_TEST(unchanged_text_writes_nothing)
{
	struct engine_info again;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{\"x\":1}"));
	struct engine_info before = info_of(PATH("Users", "u1", "a"));
	OK(OPS->write(ctx, PATH("Users", "u1", "a"), DDB_PLAIN, slice_of("{ \"x\" : 1.0 }"),
		before.version, &again, &err));
	ck_assert_uint_eq(again.version, before.version);
	ck_assert_int_eq(again.mtime_ns, before.mtime_ns);
	OK(put(PATH("Users", "u1", "a"), "{\"x\":2}"));
	ck_assert_uint_ne(info_of(PATH("Users", "u1", "a")).version, before.version);
	ck_assert_int_gt(info_of(PATH("Users", "u1", "a")).mtime_ns, before.mtime_ns);
}
END_TEST

START_TEST(expected_versions_are_checked)
{
	const struct epath *a = PATH("Users", "u1", "a");
	struct engine_info info;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(OPS->write(ctx, a, 0, slice_of("{}"), ENGINE_VERSION_ABSENT, &info, &err));
	FAILS(EEXIST, OPS->write(ctx, a, 0, slice_of("{}"), ENGINE_VERSION_ABSENT, NULL, &err));
	FAILS(EBUSY, OPS->write(ctx, a, 0, slice_of("{}"), info.version + 1, NULL, &err));
	OK(OPS->write(ctx, a, 0, slice_of("{\"x\":1}"), info.version, NULL, &err));
	FAILS(EBUSY, OPS->remove(ctx, a, info.version, &err));
	OK(OPS->remove(ctx, a, ENGINE_VERSION_ANY, &err));
	FAILS(EBUSY, OPS->write(ctx, a, 0, slice_of("{}"), info.version, NULL, &err));
	SAYS("removed");
	FAILS(ENOENT, OPS->remove(ctx, a, ENGINE_VERSION_ANY, &err));
}
END_TEST

START_TEST(check_says_what_write_would)
{
	const struct epath *a = PATH("Users", "u1", "a");
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(OPS->check(ctx, a, DDB_PLAIN, slice_of("{\"sk\":\"b\"}"), 0, &err));
	ck_assert(!exists(a));
	OK(put(a, "{}"));
	FAILS(EINVAL, OPS->check(ctx, a, DDB_PLAIN, slice_of("{\"sk\":\"b\"}"), ENGINE_VERSION_ANY,
			      &err));
	FAILS(EEXIST, OPS->check(ctx, a, DDB_PLAIN, slice_of("{}"), ENGINE_VERSION_ABSENT, &err));
	FAILS(EBUSY, OPS->check(ctx, a, DDB_PLAIN, slice_of("{}"), 1, &err));
	OK(OPS->check(ctx, a, DDB_PLAIN, slice_of("{}"), info_of(a).version, &err));
	FAILS(EINVAL,
		OPS->check(ctx, a, DDB_TYPED, slice_of("{\"x\":1}"), ENGINE_VERSION_ANY, &err));
	OK(OPS->check_key(ctx, PATH("Users", "u9", "z"), &err));
	FAILS(EINVAL, OPS->check_key(ctx, PATH("Users", "u9", ""), &err));
	FAILS(ENOENT, OPS->check_key(ctx, PATH("Nobody", "u9", "z"), &err));
}
END_TEST

START_TEST(refused_texts)
{
	CLEANUP(buf_free) struct buf big = BUF_INIT;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	FAILS(EINVAL, put(PATH("Users", "u1", "a"), "{bad"));
	SAYS("line 1, column 2");
	FAILS(EINVAL, put(PATH("Users", "u1", ""), "{}"));
	FAILS(EINVAL, put(PATH("Users", "", "a"), "{}"));
	FAILS(ENOENT, put(PATH("Nobody", "u1", "a"), "{}"));
	ck_assert_str_eq(err.msg, "Requested resource not found: Table: Nobody not found");
	buf_puts(&big, "{\"x\":\"");
	buf_resize(&big, DDB_ITEM_MAX_BYTES + 6);
	memset(big.p + 6, 'x', DDB_ITEM_MAX_BYTES);
	buf_puts(&big, "\"}");
	FAILS(EFBIG, put(PATH("Users", "u1", "a"), buf_cstr(&big)));
	SAYS("Item size has exceeded the maximum allowed size");
	FAILS(EISDIR, put(PATH("Users"), "{}"));
	FAILS(EISDIR, put(PATH("Users", "u1"), "{}"));
	FAILS(ENOTDIR, put(PATH("Users", "u1", "a", "b"), "{}"));
	expect_list(PATH("Users"), "");
}
END_TEST

START_TEST(what_is_not_there_is_enoent)
{
	struct engine_info info;
	struct buf out = BUF_INIT;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	FAILS(ENOENT, OPS->stat(ctx, PATH("Nobody"), 0, &info, &err));
	FAILS(ENOENT, OPS->stat(ctx, PATH("Users", "u2"), 0, &info, &err));
	FAILS(ENOENT, OPS->stat(ctx, PATH("Users", "u1", "b"), 0, &info, &err));
	FAILS(ENOENT, OPS->stat(ctx, PATH("Users", "u1", ""), 0, &info, &err));
	FAILS(ENOENT, OPS->read(ctx, PATH("Users", "u2", "a"), 0, &out, &info, &err));
	FAILS(EISDIR, OPS->read(ctx, PATH("Users", "u1"), 0, &out, &info, &err));
	FAILS(ENOENT, OPS->list(ctx, PATH("Users", "u2"), NULL, 0, add_name, NULL, &err));
	FAILS(ENOTDIR, OPS->list(ctx, PATH("Users", "u1", "a"), NULL, 0, add_name, NULL, &err));
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

START_TEST(levels)
{
	struct engine_level l;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	FAILS(ENOENT, OPS->level(ctx, PATH("Nobody"), &l, &err));
	/* The keys decide what it is; stat says whether it is there. */
	OK(OPS->level(ctx, PATH("Users", "u1"), &l, &err));
	ck_assert(!exists(PATH("Users", "u1")));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	OK(OPS->level(ctx, ROOT, &l, &err));
	ck_assert_str_eq(l.child_noun, "table");
	OK(OPS->level(ctx, PATH("Users"), &l, &err));
	ck_assert_str_eq(l.child_noun, "partition");
	ck_assert_int_eq(l.child, ENGINE_DIR);
	OK(OPS->level(ctx, PATH("Users", "u1"), &l, &err));
	ck_assert_int_eq(l.child, ENGINE_FILE);
	ck_assert_uint_eq(l.n_forms, 2);
	ck_assert_str_eq(l.forms[0].suffix, l.names.suffixes[0]);
	ck_assert_uint_eq(l.listed_form, DDB_PLAIN);
	FAILS(ENOTDIR, OPS->level(ctx, PATH("Users", "u1", "a"), &l, &err));
}
END_TEST

START_TEST(an_emptied_partition_stays_until_the_mount_ends)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	OK(put(PATH("Users", "u2", "a"), "{}"));
	OK(OPS->remove(ctx, PATH("Users", "u1", "a"), ENGINE_VERSION_ANY, &err));
	expect_list(PATH("Users"), "u1 u2");
	OK(OPS->mkdir(ctx, PATH("Users", "u3"), &err));
	FAILS(EEXIST, OPS->mkdir(ctx, PATH("Users", "u3"), &err));
	expect_list(PATH("Users", "u3"), "");
	engine_again();
	expect_list(PATH("Users"), "u2");
	ck_assert(!exists(PATH("Users", "u1")));
}
END_TEST

START_TEST(rmdir_of_a_partition)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	FAILS(ENOTEMPTY, OPS->rmdir(ctx, PATH("Users", "u1"), &err));
	OK(OPS->remove(ctx, PATH("Users", "u1", "a"), ENGINE_VERSION_ANY, &err));
	FAILS(ENOTEMPTY, OPS->rmdir(ctx, PATH("Users"), &err));
	OK(OPS->rmdir(ctx, PATH("Users", "u1"), &err));
	FAILS(ENOENT, OPS->rmdir(ctx, PATH("Users", "u1"), &err));
	FAILS(ENOTDIR, OPS->rmdir(ctx, PATH("Users", "u1", "a"), &err));
	OK(OPS->rmdir(ctx, PATH("Users"), &err));
	expect_list(ROOT, "");
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	expect_list(PATH("Users"), "");
}
END_TEST

START_TEST(mtimes_of_directories_follow_their_lists)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	int64_t service = info_of(ROOT).mtime_ns;
	int64_t table = info_of(PATH("Users")).mtime_ns;
	int64_t part = info_of(PATH("Users", "u1")).mtime_ns;
	ck_assert_int_gt(service, UNSET);
	OK(put(PATH("Users", "u1", "a"), "{\"x\":1}"));
	ck_assert_int_eq(info_of(PATH("Users", "u1")).mtime_ns, part);
	OK(put(PATH("Users", "u1", "b"), "{}"));
	ck_assert_int_gt(info_of(PATH("Users", "u1")).mtime_ns, part);
	ck_assert_int_eq(info_of(PATH("Users")).mtime_ns, table);
	part = info_of(PATH("Users", "u1")).mtime_ns;
	OK(OPS->remove(ctx, PATH("Users", "u1", "b"), ENGINE_VERSION_ANY, &err));
	ck_assert_int_gt(info_of(PATH("Users", "u1")).mtime_ns, part);
	OK(put(PATH("Users", "u2", "a"), "{}"));
	ck_assert_int_gt(info_of(PATH("Users")).mtime_ns, table);
	ck_assert_int_eq(info_of(ROOT).mtime_ns, service);
	table = info_of(PATH("Users")).mtime_ns;
	part = info_of(PATH("Users", "u1")).mtime_ns;
	int64_t item = info_of(PATH("Users", "u1", "a")).mtime_ns;
	engine_again();
	ck_assert_int_eq(info_of(ROOT).mtime_ns, service);
	ck_assert_int_eq(info_of(PATH("Users")).mtime_ns, table);
	ck_assert_int_eq(info_of(PATH("Users", "u1")).mtime_ns, part);
	ck_assert_int_eq(info_of(PATH("Users", "u1", "a")).mtime_ns, item);
	OK(OPS->mkdir(ctx, PATH("Others"), &err));
	ck_assert_int_gt(info_of(ROOT).mtime_ns, service);
}
END_TEST

/* ---- listings ---- */

struct walk {
	struct buf last;
	unsigned seen;
	unsigned page;
	bool sorted;
};

static int walk_emit(void *arg, struct slice key, const struct engine_info *info)
{
	struct walk *w = arg;
	(void)info;
	w->sorted = w->sorted && slice_compare(buf_slice(&w->last), key) < 0;
	buf_clear(&w->last);
	buf_append_slice(&w->last, key);
	return ++w->seen % w->page == 0;
}

#define MANY 200000

START_TEST(two_hundred_thousand_items_are_listed_once_each)
{
	CLEANUP(buf_free) struct buf lines = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	void *sink;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 0; i < MANY; i++) {
		buf_printf(&lines, "{\"sk\":\"%06u\"}\n", i);
	}
	OK(OPS->import_open(ctx, PATH("Users", "u1"), "append", "jsonl", &sink, &err));
	OK(OPS->import_feed(sink, buf_slice(&lines), &err));
	OK(OPS->import_finish(sink, &report, &err));
	struct walk w = {.page = 1000, .sorted = true};
	for (unsigned before = 1; before != w.seen;) {
		CLEANUP(buf_free) struct buf after = BUF_INIT;
		before = w.seen;
		buf_append_slice(&after, buf_slice(&w.last));
		struct slice from = buf_slice(&after);
		OK(OPS->list(ctx, PATH("Users", "u1"), before != 0 ? &from : NULL, 0, walk_emit, &w,
			&err));
		if (before != w.seen) {
			/* The list goes on behind it whether or not it is there. */
			struct epath last = *PATH("Users", "u1", "");
			last.key[2] = buf_slice(&w.last);
			OK(OPS->remove(ctx, &last, ENGINE_VERSION_ANY, &err));
		}
	}
	ck_assert_uint_eq(w.seen, MANY);
	ck_assert(w.sorted);
	buf_free(&w.last);
}
END_TEST

START_TEST(a_listing_goes_on_behind_a_key_that_is_gone)
{
	struct names names = {0};
	struct slice after = slice_of("b");
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "a"), "{}"));
	OK(put(PATH("Users", "u1", "c"), "{}"));
	OK(OPS->list(ctx, PATH("Users", "u1"), &after, 0, add_name, &names, &err));
	ck_assert_str_eq(buf_cstr(&names.text), "c");
	buf_free(&names.text);
}
END_TEST

/* ---- long names ---- */

static void check_found(const struct epath *dir, struct slice key)
{
	CLEANUP(buf_free) struct buf found = BUF_INIT;
	unsigned char hash[NAME_HASH_BYTES];
	name_hash(key, hash);
	OK(OPS->find_hashed(ctx, dir, hash, &found, &err));
	ck_assert(slice_equal(buf_slice(&found), key));
	hash[0] ^= 1;
	FAILS(ENOENT, OPS->find_hashed(ctx, dir, hash, &found, &err));
}

START_TEST(long_keys_are_found_by_their_hash)
{
	char part[1000];
	char item[900];
	memset(part, 'p', sizeof(part) - 1);
	memset(item, 'i', sizeof(item) - 1);
	part[sizeof(part) - 1] = item[sizeof(item) - 1] = '\0';
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", part, item), "{}"));
	engine_again();
	check_found(PATH("Users"), slice_of(part));
	check_found(PATH("Users", part), slice_of(item));
	OK(OPS->rename(ctx, PATH("Users", part), PATH("Users", item), 0, &err));
	check_found(PATH("Users"), slice_of(item));
	OK(OPS->rename(ctx, PATH("Users", item, item), PATH("Users", item, part), 0, &err));
	check_found(PATH("Users", item), slice_of(part));
	OK(OPS->remove(ctx, PATH("Users", item, part), ENGINE_VERSION_ANY, &err));
}
END_TEST

START_TEST(too_long_keys_are_refused)
{
	static char key[DDB_PK_MAX_BYTES + 2];
	memset(key, 'k', DDB_PK_MAX_BYTES + 1);
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	FAILS(EINVAL, put(PATH("Users", key, "a"), "{}"));
	SAYS("Size of hashkey has exceeded the maximum size limit of2048 bytes");
	FAILS(EINVAL, put(PATH("Users", "a", key), "{}"));
	SAYS("exceeded the size limit of 1024 bytes");
	key[DDB_PK_MAX_BYTES] = '\0';
	OK(put(PATH("Users", key, "a"), "{}"));
	ck_assert(exists(PATH("Users", key, "a")));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb items");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, write_then_read_in_both_forms);
	tcase_add_test(c, name_fills_in_the_key_of_a_new_item);
	tcase_add_test(c, another_key_inside_an_existing_item_is_refused);
	tcase_add_test(c, unchanged_text_writes_nothing);
	tcase_add_test(c, expected_versions_are_checked);
	tcase_add_test(c, check_says_what_write_would);
	tcase_add_test(c, refused_texts);
	tcase_add_test(c, what_is_not_there_is_enoent);
	tcase_add_test(c, levels);
	tcase_add_test(c, an_emptied_partition_stays_until_the_mount_ends);
	tcase_add_test(c, rmdir_of_a_partition);
	tcase_add_test(c, mtimes_of_directories_follow_their_lists);
	tcase_add_test(c, two_hundred_thousand_items_are_listed_once_each);
	tcase_add_test(c, a_listing_goes_on_behind_a_key_that_is_gone);
	tcase_add_test(c, long_keys_are_found_by_their_hash);
	tcase_add_test(c, too_long_keys_are_refused);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
