/* Keys: found, made, renamed, copied, deleted; transactions over an instance, a replica and a
 * copy; who is told. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/name.h"
#include "tests/unit/redis_fixture.h"

static struct redis_fixture f;

static void setup(void)
{
	redis_fixture_start(&f);
}

static void teardown(void)
{
	redis_fixture_end(&f);
}

/* ---- one transaction that a test describes ---- */

struct step {
	const char *from;
	const char *to;
	int (*run)(
		struct redis_txn *t, const struct step *s, struct redis_key *key, struct err *err);
	int fail_with; /* after it */
};

static int step_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct step *s = arg;
	struct redis_key key = {0};
	int rc = redis_key_find(t, slice_of(s->from), &key, err);

	rc = rc < 0 ? rc : s->run(t, s, &key, err);
	return rc < 0 || s->fail_with == 0 ? rc : err_set(err, s->fail_with, "as told");
}

static int rename_step(
	struct redis_txn *t, const struct step *s, struct redis_key *key, struct err *err)
{
	return redis_key_rename(t, slice_of(s->from), key, slice_of(s->to), err);
}

static int copy_step(
	struct redis_txn *t, const struct step *s, struct redis_key *key, struct err *err)
{
	return redis_key_copy(t, slice_of(s->from), key, slice_of(s->to), err);
}

static int flush_step(
	struct redis_txn *t, const struct step *s, struct redis_key *key, struct err *err)
{
	(void)s;
	(void)key;
	return redis_keys_flush(t, err);
}

static const char *told(void)
{
	static char text[256];

	snprintf(text, sizeof(text), "%s", buf_cstr(&f.told));
	buf_clear(&f.told);
	return text;
}

static int offset_fn(struct redis_txn *t, void *arg, struct err *err)
{
	return redis_offset(t, arg, err);
}

static uint64_t offset(void)
{
	uint64_t n = 0;

	redis_ok(&f, redis_fixture_read(&f, offset_fn, &n));
	return n;
}

/* ---- tests ---- */

START_TEST(test_set_get_delete)
{
	struct redis_key a;
	struct redis_key b;

	ck_assert_str_eq(keys_value(&f, "a"), "(none)");
	redis_ok(&f, keys_put(&f, "a", "one"));
	ck_assert_str_eq(keys_value(&f, "a"), "one");
	ck_assert_int_eq(keys_of(&f, "a", &a), 1);
	ck_assert_uint_eq(a.n, 3);
	ck_assert_uint_eq(a.bytes, 4);
	redis_ok(&f, keys_put(&f, "a", ""));
	ck_assert_str_eq(keys_value(&f, "a"), "");
	ck_assert_int_eq(keys_of(&f, "a", &b), 1);
	ck_assert_int_eq(a.row, b.row);
	ck_assert(b.version > a.version && b.mtime_ns > a.mtime_ns);
	redis_ok(&f, keys_put(&f, "", "of the empty key"));
	ck_assert_str_eq(keys_names(&f), " a ");
	ck_assert_str_eq(told(), "a a  ");
	redis_ok(&f, keys_drop(&f, "a"));
	ck_assert_str_eq(keys_value(&f, "a"), "(none)");
	ck_assert_str_eq(told(), "a ");
	ck_assert_uint_eq(offset(), 4);
}
END_TEST

START_TEST(test_a_write_that_changes_nothing_counts_for_nothing)
{
	redis_ok(&f, keys_drop(&f, "nothing"));
	ck_assert_uint_eq(offset(), 0);
	ck_assert_str_eq(told(), "");
}
END_TEST

START_TEST(test_a_failure_undoes_what_was_done)
{
	struct step s = {"a", "b", copy_step, EINVAL};

	redis_ok(&f, keys_put(&f, "a", "1"));
	told();
	ck_assert_int_eq(redis_fixture_write(&f, step_fn, &s), -EINVAL);
	ck_assert_str_eq(f.err.msg, "as told");
	ck_assert_str_eq(keys_names(&f), "a ");
	ck_assert_str_eq(told(), "");
	ck_assert_uint_eq(offset(), 1);
	redis_fixture_check(&f);
}
END_TEST

START_TEST(test_rename_takes_the_place_of_what_is_there)
{
	struct step s = {"a", "b", rename_step, 0};
	struct redis_key a;
	struct redis_key b;
	struct redis_key now;

	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, keys_put(&f, "b", "22"));
	ck_assert_int_eq(keys_of(&f, "a", &a), 1);
	ck_assert_int_eq(keys_of(&f, "b", &b), 1);
	redis_ok(&f, keys_expire_at(&f, "a", INT64_C(1) << 42));
	told();
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	ck_assert_str_eq(keys_names(&f), "b ");
	ck_assert_str_eq(keys_value(&f, "b"), "1");
	ck_assert_int_eq(keys_of(&f, "b", &now), 1);
	ck_assert_int_eq(now.expires_ms, INT64_C(1) << 42);
	/* A scan that has yet to come to b still does. */
	ck_assert_int_eq(now.row, b.row);
	ck_assert_int_eq(now.id, a.id);
	ck_assert_int_eq(now.mtime_ns, a.mtime_ns);
	ck_assert_str_eq(told(), "b a b ");
	/* To itself. */
	s = (struct step){"b", "b", rename_step, 0};
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	ck_assert_str_eq(keys_value(&f, "b"), "1");
}
END_TEST

START_TEST(test_a_copy_is_a_key_of_its_own)
{
	struct step s = {"a", "b", copy_step, 0};
	struct redis_key a;
	struct redis_key b;

	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, keys_put(&f, "b", "old"));
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	redis_ok(&f, keys_put(&f, "a", "2"));
	ck_assert_str_eq(keys_value(&f, "b"), "1");
	ck_assert_int_eq(keys_of(&f, "a", &a), 1);
	ck_assert_int_eq(keys_of(&f, "b", &b), 1);
	ck_assert_int_ne(a.id, b.id);
}
END_TEST

START_TEST(test_long_names_are_found_by_their_hash)
{
	char name[400];
	unsigned char hash[NAME_HASH_BYTES];
	struct step s = {name, "b", rename_step, 0};

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	name_hash(slice_of(name), hash);
	redis_ok(&f, keys_put(&f, name, "1"));
	redis_fixture_check(&f);
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	redis_fixture_check(&f);
	s = (struct step){"b", name, copy_step, 0};
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	redis_ok(&f, keys_drop(&f, "b"));
	redis_fixture_check(&f);
	redis_ok(&f, keys_drop(&f, name));
	ck_assert_str_eq(keys_names(&f), "");
}
END_TEST

START_TEST(test_all_keys_go)
{
	struct step s = {"a", NULL, flush_step, 0};
	struct redis_key a;
	struct redis_key b;

	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, keys_put(&f, "b", "1"));
	ck_assert_int_eq(keys_of(&f, "b", &b), 1);
	told();
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	ck_assert_str_eq(keys_names(&f), "");
	ck_assert_str_eq(told(), "* ");
	redis_ok(&f, keys_put(&f, "a", "1"));
	ck_assert_int_eq(keys_of(&f, "a", &a), 1);
	ck_assert_int_gt(a.id, b.id);
	ck_assert_uint_gt(a.version, b.version);
}
END_TEST

static int many_fn(struct redis_txn *t, void *arg, struct err *err)
{
	char name[32];
	struct redis_key key;
	int rc = 0;

	for (int i = 0; rc == 0 && i < *(const int *)arg; i++) {
		snprintf(name, sizeof(name), "k%05d", i);
		rc = redis_string_set(t, slice_of(name), slice_of("v"), false, 0, &key, err);
	}
	return rc;
}

START_TEST(test_many_at_once_are_told_as_all)
{
	int n = 5000;

	redis_ok(&f, redis_fixture_write(&f, many_fn, &n));
	ck_assert_str_eq(told(), "* ");
	ck_assert_uint_eq(offset(), 1);
}
END_TEST

START_TEST(test_it_is_there_after_it_was_opened_again)
{
	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_fixture_close(&f);
	redis_fixture_open(&f);
	ck_assert_str_eq(keys_value(&f, "a"), "1");
	ck_assert_uint_eq(offset(), 1);
	redis_ok(&f, keys_put(&f, "b", "1"));
}
END_TEST

/* Writes that are acknowledged before their commit are seen by who reads their keys. */
START_TEST(test_what_waits_for_its_commit_is_read)
{
	char name[16];
	char value[16];
	struct step s = {"k1", "k2", rename_step, 0};
	int n = 50;

	redis_fixture_close(&f);
	f.config.sync = STORE_SYNC_INTERVAL;
	redis_fixture_open(&f);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "k%d", i % 7);
		snprintf(value, sizeof(value), "%d", i);
		redis_ok(&f, keys_put(&f, name, value));
		ck_assert_str_eq(keys_value(&f, name), value);
	}
	redis_ok(&f, redis_fixture_write(&f, step_fn, &s));
	ck_assert_str_eq(keys_value(&f, "k1"), "(none)");
	ck_assert_str_ne(keys_value(&f, "k2"), "(none)");
	redis_ok(&f, keys_drop(&f, "k2"));
	ck_assert_str_eq(keys_names(&f), "k0 k3 k4 k5 k6 ");
	/* More keys than are told to readers one by one. */
	redis_ok(&f, redis_fixture_write(&f, many_fn, &n));
	ck_assert_str_eq(keys_value(&f, "k00049"), "v");
	redis_ok(&f, keys_drop(&f, "nothing"));
}
END_TEST

/* The same calls on another db. */
static struct redis_db *use(struct redis_db *other)
{
	struct redis_db *own = f.db;
	f.db = other;
	return own;
}

static void check_read_only(void)
{
	ck_assert(!redis_db_writable(f.db));
	ck_assert_str_eq(keys_value(&f, "a"), "1");
	ck_assert_str_eq(keys_value(&f, "b"), "(none)");
	ck_assert_str_eq(keys_names(&f), "a ");
	ck_assert_uint_eq(offset(), 1);
	ck_assert_int_eq(keys_put(&f, "b", "2"), -EROFS);
	ck_assert_str_eq(f.err.msg, "READONLY You can't write against a read only replica.");
	redis_fixture_check(&f);
}

START_TEST(test_a_copy_is_read_and_not_written)
{
	char path[128];
	struct redis_db_config config = {.label = "copy"};
	struct redis_db *copy;

	snprintf(path, sizeof(path), "%s/copy.db", f.dir);
	ck_assert_int_eq(redis_db_file(path, &config, &copy, &f.err), -ENOENT);
	ck_assert_ptr_null(copy);
	err_clear(&f.err);
	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, instance_copy(f.store, path, NULL, NULL, &f.err));
	redis_ok(&f, keys_put(&f, "a", "2"));
	redis_ok(&f, redis_db_file(path, &config, &copy, &f.err));
	struct redis_db *own = use(copy);
	check_read_only();
	use(own);
	redis_db_close(copy);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs("no database at all, but as long as one must be to be looked at", file);
	fclose(file);
	ck_assert_int_lt(redis_db_file(path, &config, &copy, &f.err), 0);
	err_clear(&f.err);
}
END_TEST

START_TEST(test_a_replica_is_read_and_not_written)
{
	struct redis_db_config config = {.label = "replica"};
	struct redis_db *replica;

	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, instance_replica_add(f.store, "r", "", INSTANCE_ZONES, 0, &f.err));
	redis_ok(&f, redis_db_replica(f.store, "r", &config, &replica, &f.err));
	struct redis_db *own = use(replica);
	check_read_only();
	use(own);
	redis_db_close(replica);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_key");
	TCase *c = tcase_create("keys");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_set_get_delete);
	tcase_add_test(c, test_a_write_that_changes_nothing_counts_for_nothing);
	tcase_add_test(c, test_a_failure_undoes_what_was_done);
	tcase_add_test(c, test_rename_takes_the_place_of_what_is_there);
	tcase_add_test(c, test_a_copy_is_a_key_of_its_own);
	tcase_add_test(c, test_long_names_are_found_by_their_hash);
	tcase_add_test(c, test_all_keys_go);
	tcase_add_test(c, test_many_at_once_are_told_as_all);
	tcase_add_test(c, test_it_is_there_after_it_was_opened_again);
	tcase_add_test(c, test_what_waits_for_its_commit_is_read);
	tcase_add_test(c, test_a_copy_is_read_and_not_written);
	tcase_add_test(c, test_a_replica_is_read_and_not_written);
	suite_add_tcase(s, c);
	return run_suite(s);
}
