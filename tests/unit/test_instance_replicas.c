/* Replicas of an instance: lag, delay, promotion, failover and damage beside them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"

static struct instance_fixture x;

static void start(void)
{
	instance_fixture_start(&x, false);
}

static void end(void)
{
	instance_fixture_end(&x);
}

static int64_t replica_get(const char *replica, const char *key)
{
	return instance_replica_get(x.i, replica, key, NEW_ERR);
}

static void wait_value(const char *replica, const char *key, int64_t value)
{
	double end_at = seconds_now() + 120;
	while (replica_get(replica, key) != value) {
		ck_assert_msg(seconds_now() < end_at, "%s", fixture_err_text());
		usleep(2000);
	}
}

static struct instance_replica status_of(const char *name)
{
	struct instance_replica *list;
	struct instance_replica found = {0};
	size_t n;
	ck_ok(instance_replicas(x.i, &list, &n, NEW_ERR));
	for (size_t k = 0; k < n; k++) {
		if (strcmp(list[k].name, name) == 0) {
			found = list[k];
		}
	}
	free(list);
	return found;
}

START_TEST(test_replicas_follow_and_are_listed_in_order)
{
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	ck_ok(instance_replica_add(x.i, "r2", "eu-west-1", 1, 0, NEW_ERR));
	ck_ok(instance_replica_add(x.i, "r1", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	ck_assert_int_eq(
		instance_replica_add(x.i, "r1", NULL, INSTANCE_ZONES, 0, NEW_ERR), -EEXIST);
	ck_assert_int_eq(replica_get("r1", "k"), 1);
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
	wait_value("r1", "k", 2);
	wait_value("r2", "k", 2);
	struct instance_replica *list;
	size_t n;
	ck_ok(instance_replicas(x.i, &list, &n, NEW_ERR));
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(list[0].name, "r1");
	ck_assert_str_eq(list[1].name, "r2");
	ck_assert_str_eq(list[1].region, "eu-west-1");
	ck_assert_uint_eq(list[1].zone, 1);
	ck_assert(list[1].status.running);
	free(list);
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	ck_ok(instance_put(x.i, "k", 3, 100, NEW_ERR));
	wait_value("r1", "k", 3);
	ck_ok(instance_replica_remove(x.i, "r1", NEW_ERR));
	ck_assert_int_eq(instance_replica_remove(x.i, "r1", NEW_ERR), -ENOENT);
	ck_assert_int_eq(replica_get("r1", "k"), -2);
	ck_assert_int_ne(access(in_own(&x, "replicas/r1.db"), F_OK), 0);
}
END_TEST

START_TEST(test_delayed_replica_shows_what_was)
{
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	ck_ok(instance_replica_add(x.i, "late", NULL, INSTANCE_ZONES, 3600000, NEW_ERR));
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
	usleep(100000);
	ck_assert_int_eq(replica_get("late", "k"), 1);
	struct instance_replica r = status_of("late");
	ck_assert_uint_gt(r.status.lag_commits, 0);
	ck_assert_uint_gt(r.status.lag_bytes, 0);
	ck_assert_int_gt(r.status.lag_ns, 0);
	ck_assert_int_eq(r.status.delay_ms, 3600000);
}
END_TEST

static int64_t promoted_value(const char *path)
{
	struct instance *other;
	struct instance_config config = x.config;
	config.id = "promoted";
	ck_ok(instance_create(&config, &x.settings, path, NEW_ERR));
	ck_ok(instance_open(&config, &other, NEW_ERR));
	int64_t value = instance_get(other, "k", NEW_ERR);
	ck_ok(instance_put(other, "k", 99, 100, NEW_ERR));
	instance_close(other);
	ck_ok(instance_destroy(&config, NEW_ERR));
	return value;
}

START_TEST(test_promotion_as_it_is_and_with_all_there_is)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/promoted.db", x.own_dir);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	for (int finish = 0; finish <= 1; finish++) {
		ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
		ck_ok(instance_replica_add(x.i, "late", NULL, INSTANCE_ZONES, 3600000, NEW_ERR));
		ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
		ck_ok(instance_replica_promote(x.i, "late", finish != 0, path, NEW_ERR));
		ck_assert_int_eq(
			instance_replica_promote(x.i, "late", true, path, NEW_ERR), -ENOENT);
		ck_assert_int_eq(promoted_value(path), finish != 0 ? 2 : 1);
		ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 2);
	}
}
END_TEST

START_TEST(test_promotion_onto_something_leaves_the_replica)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/promoted.db", x.own_dir);
	FILE *f = fopen(path, "w");
	fclose(f);
	ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	ck_assert_int_eq(instance_replica_promote(x.i, "r", true, path, NEW_ERR), -EEXIST);
	ck_ok(instance_put(x.i, "k", 5, 100, NEW_ERR));
	wait_value("r", "k", 5);
}
END_TEST

START_TEST(test_replicas_follow_the_new_primary)
{
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	ck_ok(instance_set_multi_az(x.i, true, NEW_ERR));
	for (int64_t n = 2; n < 6; n++) {
		ck_assert(wait_standby(x.i, 120));
		ck_ok(instance_put(x.i, "k", n, 100, NEW_ERR));
		ck_ok(instance_failover(x.i, "test", NEW_ERR));
		wait_value("r", "k", n);
		ck_ok(instance_put(x.i, "l", n, 100, NEW_ERR));
		wait_value("r", "l", n);
	}
	ck_ok(instance_restart(x.i, NEW_ERR));
	ck_ok(instance_put(x.i, "k", 77, 100, NEW_ERR));
	wait_value("r", "k", 77);
	ck_assert_uint_eq(x.events[INSTANCE_REPLICA_STOPPED], 0);
}
END_TEST

START_TEST(test_lost_replica_is_made_anew)
{
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	ck_ok(instance_replica_add(x.i, "r", "eu", INSTANCE_ZONES, 0, NEW_ERR));
	instance_fixture_close(&x);
	ck_assert_int_eq(unlink(in_own(&x, "replicas/r.db")), 0);
	ck_assert_int_eq(unlink(in_own(&x, "replicas/r.db-position")), 0);
	instance_fixture_open(&x);
	wait_value("r", "k", 1);
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
	wait_value("r", "k", 2);
	instance_wait_event(&x, INSTANCE_REPLICA_RESUMED, 1);
	ck_assert_uint_eq(x.events[INSTANCE_REPLICA_STOPPED], 1);
	ck_assert_uint_eq(x.events[INSTANCE_REPLICA_RESUMED], 1);
	ck_assert_str_eq(status_of("r").region, "eu");
}
END_TEST

static int try_to_write(sqlite3 *db, uint64_t sequence, void *arg, struct err *err)
{
	(void)sequence;
	(void)arg;
	return sqlite3_exec(db, "DELETE FROM kv", NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(db, NULL, err);
}

START_TEST(test_replicas_refuse_writes_and_bad_names)
{
	ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	ck_assert_int_eq(instance_replica_read(x.i, "r", try_to_write, NULL, NEW_ERR), -EROFS);
	ck_assert_int_eq(
		instance_replica_add(x.i, "a/b", NULL, INSTANCE_ZONES, 0, NEW_ERR), -EINVAL);
	ck_assert_int_eq(instance_replica_add(x.i, "", NULL, INSTANCE_ZONES, 0, NEW_ERR), -EINVAL);
	char longer[80];
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(
		instance_replica_add(x.i, longer, NULL, INSTANCE_ZONES, 0, NEW_ERR), -ENAMETOOLONG);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance_replicas");
	TCase *tc = tcase_create("replicas");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, start, end);
	tcase_add_test(tc, test_replicas_follow_and_are_listed_in_order);
	tcase_add_test(tc, test_delayed_replica_shows_what_was);
	tcase_add_test(tc, test_promotion_as_it_is_and_with_all_there_is);
	tcase_add_test(tc, test_promotion_onto_something_leaves_the_replica);
	tcase_add_test(tc, test_replicas_follow_the_new_primary);
	tcase_add_test(tc, test_lost_replica_is_made_anew);
	tcase_add_test(tc, test_replicas_refuse_writes_and_bad_names);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
