/* DynamoDB on SQLite: giving items and partitions other keys. */
#include "tests/unit/dynamodb_fixture.h"

static const char *const U1A[] = {"Users", "u1", "a"};

#define RENAME(from, to, flags) OPS->rename(ctx, from, to, flags, &err)

static void add(const char *table, const char *pk, const char *sk, const char *x)
{
	char text[64];
	snprintf(text, sizeof(text), "{\"x\":\"%s\"}", x);
	OK(put(PATH(table, pk, sk), text));
}

/* The item holds these keys and this x. */
static void expect_item(const char *table, const char *pk, const char *sk, const char *x)
{
	char want[256];
	snprintf(want, sizeof(want),
		"{\n  \"pk\": \"%s\",\n  \"sk\": \"%s\",\n  \"x\": \"%s\"\n}\n", pk, sk, x);
	expect_text(PATH(table, pk, sk), DDB_PLAIN, want);
}

static void expect_sums(const char *pk, unsigned n, unsigned bytes)
{
	json_auto_t *status = json_object();
	OK(OPS->status(ctx, PATH("Users", pk), status, &err));
	ck_assert_int_eq(json_integer_value(json_object_get(status, "items")), n);
	ck_assert_int_eq(json_integer_value(json_object_get(status, "bytes")), bytes);
}

static void setup_users(void)
{
	setup();
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	add("Users", "u1", "a", "1");
}

START_TEST(an_item_gets_another_key)
{
	struct epath from = path_of(U1A, 3);
	OK(RENAME(&from, PATH("Users", "u1", "bb"), 0));
	ck_assert(!exists(&from));
	expect_item("Users", "u1", "bb", "1");
	expect_sums("u1", 1, 2 + 2 + 2 + 2 + 1 + 1);
	OK(RENAME(PATH("Users", "u1", "bb"), PATH("Users", "u2", "c"), 0));
	expect_item("Users", "u2", "c", "1");
	expect_list(PATH("Users"), "u1 u2");
	expect_sums("u1", 0, 0);
	expect_sums("u2", 1, 9);
	FAILS(ENOENT, RENAME(&from, PATH("Users", "u1", "z"), 0));
	FAILS(EINVAL, RENAME(PATH("Users", "u2", "c"), PATH("Users", "u2", ""), 0));
	FAILS(ENOENT, RENAME(PATH("Users", "u2", "c"), PATH("Nobody", "u2", "c"), 0));
	OK(RENAME(PATH("Users", "u2", "c"), PATH("Users", "u2", "c"), 0));
	FAILS(EEXIST, RENAME(PATH("Users", "u2", "c"), PATH("Users", "u2", "c"), RENAME_NOREPLACE));
	FAILS(ENOENT, RENAME(PATH("Users", "u2", "z"), PATH("Users", "u2", "z"), 0));
	FAILS(EXDEV, RENAME(PATH("Users", "u2", "c"), PATH("Users", "u3"), 0));
	FAILS(EXDEV, RENAME(PATH("Users", "u2", "c"), PATH("Users"), 0));
}
END_TEST

START_TEST(an_item_that_is_there_is_replaced_or_not)
{
	add("Users", "u1", "b", "2");
	uint64_t version = info_of(PATH("Users", "u1", "b")).version;
	FAILS(EEXIST, RENAME(PATH("Users", "u1", "a"), PATH("Users", "u1", "b"), RENAME_NOREPLACE));
	expect_item("Users", "u1", "b", "2");
	OK(RENAME(PATH("Users", "u1", "a"), PATH("Users", "u1", "b"), 0));
	expect_list(PATH("Users", "u1"), "b");
	expect_item("Users", "u1", "b", "1");
	expect_sums("u1", 1, 9);
	ck_assert_uint_ne(info_of(PATH("Users", "u1", "b")).version, version);
}
END_TEST

START_TEST(two_items_change_places)
{
	add("Users", "u1", "b", "2");
	add("Users", "u2", "c", "3");
	OK(RENAME(PATH("Users", "u1", "a"), PATH("Users", "u1", "b"), RENAME_EXCHANGE));
	expect_item("Users", "u1", "a", "2");
	expect_item("Users", "u1", "b", "1");
	OK(RENAME(PATH("Users", "u1", "a"), PATH("Users", "u2", "c"), RENAME_EXCHANGE));
	expect_item("Users", "u1", "a", "3");
	expect_item("Users", "u2", "c", "2");
	expect_sums("u1", 2, 18);
	FAILS(ENOENT, RENAME(PATH("Users", "u1", "a"), PATH("Users", "u9", "c"), RENAME_EXCHANGE));
	expect_list(PATH("Users"), "u1 u2");
}
END_TEST

START_TEST(too_big_under_its_new_key)
{
	static char key[1024];
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	memset(key, 'k', sizeof(key) - 1);
	buf_puts(&text, "{\"x\":\"");
	size_t n = DDB_ITEM_MAX_BYTES - 100;
	buf_resize(&text, text.n + n);
	memset(text.p + 6, 'x', n);
	buf_puts(&text, "\"}");
	OK(put(PATH("Users", "u2", "b"), buf_cstr(&text)));
	FAILS(EFBIG, RENAME(PATH("Users", "u2", "b"), PATH("Users", "u2", key), 0));
	FAILS(EFBIG, RENAME(PATH("Users", "u2"), PATH("Users", key), 0));
	SAYS("item b: ");
	expect_list(PATH("Users"), "u1 u2");
	ck_assert(exists(PATH("Users", "u2", "b")));
}
END_TEST

/* ---- partitions ---- */

START_TEST(a_partition_gets_another_key)
{
	add("Users", "u1", "b", "2");
	OK(RENAME(PATH("Users", "u1"), PATH("Users", "somebody"), 0));
	expect_list(PATH("Users"), "somebody");
	expect_item("Users", "somebody", "a", "1");
	expect_item("Users", "somebody", "b", "2");
	expect_sums("somebody", 2, 2 * (2 + 8 + 2 + 1 + 1 + 1));
	FAILS(ENOENT, RENAME(PATH("Users", "u1"), PATH("Users", "u2"), 0));
	add("Users", "u3", "a", "3");
	FAILS(ENOTEMPTY, RENAME(PATH("Users", "somebody"), PATH("Users", "u3"), 0));
	FAILS(EEXIST, RENAME(PATH("Users", "somebody"), PATH("Users", "u3"), RENAME_NOREPLACE));
	OK(OPS->mkdir(ctx, PATH("Users", "empty"), &err));
	OK(RENAME(PATH("Users", "somebody"), PATH("Users", "empty"), 0));
	expect_list(PATH("Users"), "empty u3");
	expect_item("Users", "empty", "b", "2");
	engine_again();
	expect_item("Users", "empty", "b", "2");
	FAILS(EINVAL, RENAME(PATH("Users", "empty"), PATH("Users", ""), 0));
	OK(RENAME(PATH("Users", "empty"), PATH("Users", "empty"), 0));
	FAILS(EXDEV, RENAME(PATH("Users", "empty"), PATH("Others"), 0));
}
END_TEST

START_TEST(two_partitions_change_places)
{
	add("Users", "u1", "b", "2");
	add("Users", "u2", "a", "3");
	OK(RENAME(PATH("Users", "u1"), PATH("Users", "u2"), RENAME_EXCHANGE));
	expect_list(PATH("Users", "u1"), "a");
	expect_list(PATH("Users", "u2"), "a b");
	expect_item("Users", "u1", "a", "3");
	expect_item("Users", "u2", "b", "2");
	FAILS(ENOENT, RENAME(PATH("Users", "u1"), PATH("Users", "u9"), RENAME_EXCHANGE));
	FAILS(ENOENT, RENAME(PATH("Users", "u9"), PATH("Users", "u1"), RENAME_EXCHANGE));
}
END_TEST

/* ---- between tables ---- */

static int create(const char *const *words, unsigned n)
{
	struct buf out = BUF_INIT;
	struct engine_call call = {ROOT, n, (char *const *)words, &out, NULL};
	const struct engine_command *c = OPS->commands;
	while (strcmp(c->name, "create-table") != 0) {
		c++;
	}
	int rc = c->run(ctx, &call, &err);
	buf_free(&out);
	return rc;
}

START_TEST(between_tables_of_the_same_keys)
{
	OK(OPS->mkdir(ctx, PATH("Others"), &err));
	OK(RENAME(PATH("Users", "u1", "a"), PATH("Others", "o", "b"), 0));
	expect_item("Others", "o", "b", "1");
	expect_list(PATH("Users", "u1"), "");
	add("Users", "u1", "a", "2");
	FAILS(EEXIST, RENAME(PATH("Users", "u1", "a"), PATH("Others", "o", "b"), RENAME_NOREPLACE));
	FAILS(EXDEV, RENAME(PATH("Users", "u1", "a"), PATH("Others", "o", "b"), RENAME_EXCHANGE));
	OK(RENAME(PATH("Users", "u1", "a"), PATH("Others", "o", "c"), RENAME_NOREPLACE));
	OK(RENAME(PATH("Others", "o", "c"), PATH("Others", "o", "b"), 0));
	expect_item("Others", "o", "b", "2");
	FAILS(EXDEV, RENAME(PATH("Others", "o"), PATH("Users", "u7"), 0));
	FAILS(ENOENT, RENAME(PATH("Users", "u1", "zz"), PATH("Others", "o", "c"), 0));
	engine_down();
	config.sync = STORE_SYNC_FSYNC;
	engine_up();
	OK(RENAME(PATH("Others", "o", "b"), PATH("Users", "u1", "a"), 0));
	expect_item("Users", "u1", "a", "2");
}
END_TEST

START_TEST(between_tables_of_other_keys)
{
	static const char *const other_type[] = {"create-table", "Types", "pk:S", "sk:N"};
	static const char *const other_name[] = {"create-table", "Names", "pk:S", "sort:S"};
	static const char *const no_range[] = {"create-table", "Flat", "pk:S"};
	OK(create(other_type, 4));
	OK(create(other_name, 4));
	OK(create(no_range, 3));
	FAILS(EXDEV, RENAME(PATH("Users", "u1", "a"), PATH("Types", "u1", "5"), 0));
	FAILS(EXDEV, RENAME(PATH("Users", "u1", "a"), PATH("Names", "u1", "a"), 0));
	SAYS("the tables have different keys (pk:S sk:S, pk:S sort:S)");
	FAILS(EXDEV, RENAME(PATH("Users", "u1", "a"), PATH("Flat", "u1"), 0));
	OK(put(PATH("Flat", "f"), "{\"x\":1}"));
	OK(RENAME(PATH("Flat", "f"), PATH("Flat", "g"), 0));
	expect_text(PATH("Flat", "g"), DDB_PLAIN, "{\n  \"pk\": \"g\",\n  \"x\": 1\n}\n");
	expect_list(PATH("Flat"), "g");
	expect_item("Users", "u1", "a", "1");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb rename");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup_users, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, an_item_gets_another_key);
	tcase_add_test(c, an_item_that_is_there_is_replaced_or_not);
	tcase_add_test(c, two_items_change_places);
	tcase_add_test(c, too_big_under_its_new_key);
	tcase_add_test(c, a_partition_gets_another_key);
	tcase_add_test(c, two_partitions_change_places);
	tcase_add_test(c, between_tables_of_the_same_keys);
	tcase_add_test(c, between_tables_of_other_keys);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
