/* Keys whose time has come: nobody sees them, who writes removes them, and so does who looks for
 * them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/server.h"
#include "engines/common/clock.h"
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

static int64_t now_ms(void)
{
	return clock_wall_ns() / 1000000;
}

struct set {
	const char *name;
	int64_t expires_ms;
};

static int set_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct set *s = arg;
	struct redis_key key;

	return redis_string_set(
		t, slice_of(s->name), slice_of("v"), false, s->expires_ms, &key, err);
}

/* Also with a time that has come: the key is there, as if nobody had looked since. */
static void put_at(const char *name, int64_t expires_ms)
{
	struct set s = {name, expires_ms};

	redis_ok(&f, redis_fixture_write(&f, set_fn, &s));
}

static void put_expired(const char *name)
{
	put_at(name, now_ms() - 5);
}

static int count_fn(struct redis_txn *t, void *arg, struct err *err)
{
	return redis_keys_count(t, arg, err);
}

static uint64_t count(void)
{
	uint64_t n = 0;

	redis_ok(&f, redis_fixture_read(&f, count_fn, &n));
	return n;
}

static int due_fn(struct redis_txn *t, void *arg, struct err *err)
{
	unsigned *n = arg;

	return redis_expire_due(t, *n, n, err);
}

static int next_fn(struct redis_txn *t, void *arg, struct err *err)
{
	return redis_expire_next(t, arg, err);
}

static int64_t next(void)
{
	int64_t at = -1;

	redis_ok(&f, redis_fixture_read(&f, next_fn, &at));
	return at;
}

START_TEST(test_it_is_not_seen)
{
	struct redis_key key;

	redis_ok(&f, keys_put(&f, "stays", "v"));
	put_expired("a");
	ck_assert_str_eq(keys_value(&f, "a"), "(none)");
	ck_assert_str_eq(keys_names(&f), "stays ");
	ck_assert_int_eq(keys_of(&f, "a", &key), 0);
	/* Reading did not remove it. */
	ck_assert_uint_eq(count(), 2);
	ck_assert_uint_eq(redis_db_counts(f.db)->expired, 0);
}
END_TEST

START_TEST(test_a_write_that_meets_it_removes_it)
{
	put_expired("a");
	buf_clear(&f.told);
	redis_ok(&f, keys_drop(&f, "a"));
	ck_assert_uint_eq(count(), 0);
	ck_assert_str_eq(buf_cstr(&f.told), "a ");
	ck_assert_uint_eq(redis_db_counts(f.db)->expired, 1);
	put_expired("b");
	redis_ok(&f, keys_put(&f, "b", "new"));
	ck_assert_str_eq(keys_value(&f, "b"), "new");
	ck_assert_int_eq(next(), 0);
}
END_TEST

START_TEST(test_set_drops_the_expiry)
{
	struct redis_key key;

	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, keys_expire_at(&f, "a", now_ms() + 1000000));
	ck_assert_int_gt(next(), now_ms());
	redis_ok(&f, keys_put(&f, "a", "2"));
	ck_assert_int_eq(keys_of(&f, "a", &key), 1);
	ck_assert_int_eq(key.expires_ms, 0);
	ck_assert_int_eq(next(), 0);
}
END_TEST

START_TEST(test_a_time_past_removes_at_once)
{
	redis_ok(&f, keys_put(&f, "a", "1"));
	redis_ok(&f, keys_expire_at(&f, "a", 1));
	ck_assert_uint_eq(count(), 0);
}
END_TEST

START_TEST(test_the_expiry_is_no_change_of_content)
{
	struct redis_key before;
	struct redis_key after;

	redis_ok(&f, keys_put(&f, "a", "1"));
	ck_assert_int_eq(keys_of(&f, "a", &before), 1);
	redis_ok(&f, keys_expire_at(&f, "a", now_ms() + 1000000));
	ck_assert_int_eq(keys_of(&f, "a", &after), 1);
	ck_assert_int_eq(before.mtime_ns, after.mtime_ns);
	/* A WATCH sees it. */
	ck_assert_uint_ne(before.version, after.version);
	redis_ok(&f, keys_expire_at(&f, "a", 0));
	ck_assert_int_eq(next(), 0);
}
END_TEST

START_TEST(test_those_that_are_due_go_in_their_order)
{
	char name[16];
	int64_t at = now_ms() - 30;
	unsigned n = 4;

	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		put_at(name, i == 2 ? at + 1000000 : at - i);
	}
	ck_assert_int_eq(next(), at - 5);
	buf_clear(&f.told);
	redis_ok(&f, redis_fixture_write(&f, due_fn, &n));
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(buf_cstr(&f.told), "k5 k4 k3 k1 ");
	redis_ok(&f, redis_fixture_write(&f, due_fn, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(keys_names(&f), "k2 ");
	ck_assert_uint_eq(count(), 1);
	ck_assert_uint_eq(redis_db_counts(f.db)->expired, 5);
}
END_TEST

static int count_offset(struct redis_txn *t, void *arg, struct err *err)
{
	return redis_offset(t, arg, err);
}

/* 600, of which every other has expired. */
static int fill_fn(struct redis_txn *t, void *arg, struct err *err)
{
	char name[16];
	struct redis_key key;
	int rc = 0;

	(void)arg;
	for (int i = 0; rc == 0 && i < 600; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		rc = redis_string_set(t, slice_of(name), slice_of("v"), false,
			i % 2 == 0 ? t->now_ms - 5 : t->now_ms + 1000000, &key, err);
	}
	return rc;
}

START_TEST(test_the_server_looks_for_them)
{
	struct redis_server_config config = {.db = f.db, .limits = &f.limits};
	struct redis_server *server;
	uint64_t before = 0;
	uint64_t after = 0;

	redis_ok(&f, redis_fixture_write(&f, fill_fn, NULL));
	redis_ok(&f, redis_server_open(&config, &server, &f.err));
	ck_assert_uint_eq(strlen(server->run_id), 40);
	redis_ok(&f, redis_server_tick(server, &f.err));
	ck_assert_uint_eq(count(), 300);
	ck_assert_uint_eq(server->counts->expired, 300);
	/* Nothing is due: nothing is written. */
	redis_ok(&f, redis_fixture_read(&f, count_offset, &before));
	redis_ok(&f, redis_server_tick(server, &f.err));
	redis_ok(&f, redis_fixture_read(&f, count_offset, &after));
	ck_assert_uint_eq(before, after);
	redis_server_close(server);
}
END_TEST

START_TEST(test_a_replica_does_not_show_it)
{
	struct redis_db_config config = {.label = "replica"};
	struct redis_db *replica;
	struct redis_db *own = f.db;

	put_expired("a");
	redis_ok(&f, instance_replica_add(f.store, "r", "", INSTANCE_ZONES, 0, &f.err));
	redis_ok(&f, redis_db_replica(f.store, "r", &config, &replica, &f.err));
	f.db = replica;
	ck_assert_str_eq(keys_value(&f, "a"), "(none)");
	ck_assert_uint_eq(count(), 1);
	f.db = own;
	redis_db_close(replica);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_expire");
	TCase *c = tcase_create("expire");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_it_is_not_seen);
	tcase_add_test(c, test_a_write_that_meets_it_removes_it);
	tcase_add_test(c, test_set_drops_the_expiry);
	tcase_add_test(c, test_a_time_past_removes_at_once);
	tcase_add_test(c, test_the_expiry_is_no_change_of_content);
	tcase_add_test(c, test_those_that_are_due_go_in_their_order);
	tcase_add_test(c, test_the_server_looks_for_them);
	tcase_add_test(c, test_a_replica_does_not_show_it);
	suite_add_tcase(s, c);
	return run_suite(s);
}
