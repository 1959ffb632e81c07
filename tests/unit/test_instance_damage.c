/* Damage that failover alone does not answer: without a standby, at the standby, in
 * pages nobody reads, while nobody serves, an old copy put back. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"

static struct instance_fixture x;

static void start(bool multi_az)
{
	instance_fixture_init(&x);
	x.settings.multi_az = multi_az;
	x.config.scrub_seconds = 1;
	ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
	instance_fixture_open(&x);
	ck_assert(!multi_az || wait_standby(x.i, 120));
}

static void end(void)
{
	instance_fixture_end(&x);
}

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *format, ...)
{
	char command[600];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ck_assert_int_eq(system(command), 0);
}

/* Rows whose pages are in the database, not in its log alone. */
static void fill(int n)
{
	for (int k = 0; k < n; k++) {
		char key[16];
		snprintf(key, sizeof(key), "f%d", k);
		ck_ok(instance_put(x.i, key, k, 3000, NEW_ERR));
	}
}

/* Of 4096 bytes, from 1. */
static void spoil_page(const char *path, unsigned number)
{
	char garbage[64];
	int fd = open(path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	memset(garbage, 0xa5, sizeof(garbage));
	ck_assert_int_eq(pwrite(fd, garbage, sizeof(garbage), (off_t)(number - 1) * 4096 + 1000),
		sizeof(garbage));
	close(fd);
}

static int failure_code(void)
{
	struct instance_status status;
	instance_status(x.i, &status);
	return status.failure.code;
}

START_TEST(test_without_standby_it_fails_and_serves_again_when_mended)
{
	char zone[200];
	start(false);
	snprintf(zone, sizeof(zone), "%s/i1", x.zone_dir[0]);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	run("mv '%s' '%s'", zone, in_own(&x, "away"));
	instance_wait_event(&x, INSTANCE_FAILED, 1);
	ck_assert_int_eq(failure_code(), EIO);
	double began = seconds_now();
	for (int n = 0; n < 100; n++) {
		ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), -2);
		ck_assert_int_eq(instance_put(x.i, "k", 2, 100, NEW_ERR), -EIO);
	}
	/* None of them waited for a copy. */
	ck_assert(seconds_now() - began < INSTANCE_WAIT_MS / 1000.0);
	run("mv '%s' '%s'", in_own(&x, "away"), zone);
	double end_at = seconds_now() + 120;
	while (instance_get(x.i, "k", NEW_ERR) != 1) {
		ck_assert_msg(seconds_now() < end_at, "%s", fixture_err_text());
		usleep(10000);
	}
	ck_ok(instance_put(x.i, "k", 3, 100, NEW_ERR));
	ck_assert_int_eq(failure_code(), 0);
}
END_TEST

static int churn(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	static const char sql[] =
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
		" INSERT INTO kv SELECT CAST('a' || i AS BLOB), i, zeroblob(9000) FROM n;"
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
		" INSERT INTO kv SELECT CAST('b' || i AS BLOB), i, zeroblob(900) FROM n;"
		"DELETE FROM kv WHERE k < CAST('b' AS BLOB);";
	return sqlite3_exec(store_txn_db(t), sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(store_txn_db(t), NULL, err);
}

START_TEST(test_pages_that_were_never_written_are_not_damaged)
{
	start(true);
	ck_ok(instance_write(x.i, NULL, 0, churn, NULL, NEW_ERR));
	ck_ok(instance_restart(x.i, NEW_ERR));
	usleep(2500000); /* a pass or two */
	ck_assert_uint_eq(x.events[INSTANCE_FAILOVER_STARTED], 0);
	ck_assert_uint_eq(x.events[INSTANCE_STANDBY_LOST], 0);
	ck_assert_uint_eq(x.events[INSTANCE_FAILED], 0);
}
END_TEST

START_TEST(test_a_spoilt_page_nobody_reads_is_found)
{
	start(true);
	fill(60);
	ck_ok(instance_restart(x.i, NEW_ERR));
	spoil_page(in_zone(&x, 0, "data.db"), 20);
	instance_wait_event(&x, INSTANCE_FAILOVER_COMPLETED, 1);
	for (int k = 0; k < 60; k++) {
		char key[16];
		snprintf(key, sizeof(key), "f%d", k);
		ck_assert_int_eq(instance_get(x.i, key, NEW_ERR), k);
	}
	ck_assert(wait_standby(x.i, 120));
}
END_TEST

START_TEST(test_a_spoilt_page_that_is_read_is_answered_by_the_standby)
{
	start(true);
	x.config.scrub_seconds = 1000;
	fill(60);
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	ck_assert(wait_standby(x.i, 120));
	for (unsigned page = 3; page < 30; page++) {
		spoil_page(in_zone(&x, 0, "data.db"), page);
	}
	for (int k = 0; k < 60; k++) {
		char key[16];
		snprintf(key, sizeof(key), "f%d", k);
		ck_assert_msg(
			instance_get(x.i, key, NEW_ERR) == k, "%s: %s", key, fixture_err_text());
	}
	instance_wait_event(&x, INSTANCE_FAILOVER_COMPLETED, 1);
	ck_assert_uint_eq(x.events[INSTANCE_FAILOVER_COMPLETED], 1);
}
END_TEST

START_TEST(test_a_damaged_standby_is_built_anew)
{
	start(true);
	fill(60);
	spoil_page(in_zone(&x, 1, "data.db"), 10);
	instance_wait_event(&x, INSTANCE_STANDBY_LOST, 1);
	ck_assert(wait_standby(x.i, 120));
	ck_assert_int_eq(unlink(in_zone(&x, 1, "data.db")), 0);
	instance_wait_event(&x, INSTANCE_STANDBY_LOST, 2);
	ck_assert(wait_standby(x.i, 120));
	run("rm -rf '%s'", x.zone_dir[1]);
	instance_wait_event(&x, INSTANCE_STANDBY_LOST, 3);
	ck_ok(instance_put(x.i, "k", 7, 100, NEW_ERR));
	ck_assert(wait_standby(x.i, 120));
	ck_ok(instance_failover(x.i, "test", NEW_ERR));
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 7);
	ck_assert_int_eq(instance_get(x.i, "f59", NEW_ERR), 59);
	ck_assert_uint_eq(x.events[INSTANCE_FAILED], 0);
}
END_TEST

START_TEST(test_a_damaged_replica_is_made_anew)
{
	start(false);
	fill(60);
	ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	for (unsigned page = 3; page < 50; page++) {
		spoil_page(in_own(&x, "replicas/r.db"), page);
	}
	double end_at = seconds_now() + 120;
	for (int k = 0; k < 60; k++) {
		char key[16];
		snprintf(key, sizeof(key), "f%d", k);
		while (instance_replica_get(x.i, "r", key, NEW_ERR) != k) {
			ck_assert_msg(seconds_now() < end_at, "%s", fixture_err_text());
			usleep(5000);
		}
	}
	instance_wait_event(&x, INSTANCE_REPLICA_RESUMED, 1);
	ck_assert_uint_eq(x.events[INSTANCE_REPLICA_RESUMED], 1);
	ck_assert_uint_eq(x.events[INSTANCE_FAILED], 0);
}
END_TEST

/* ---- while it is closed ---- */

START_TEST(test_opening_takes_the_zone_that_can_serve)
{
	static const char *const commands[] = {"rm data.db", "rm -rf *",
		"head -c 5000 /dev/urandom >data.db", "rm mark", "truncate -s 4096 data.db"};
	start(true);
	fill(20);
	for (unsigned n = 0; n < sizeof(commands) / sizeof(commands[0]); n++) {
		struct instance_status status;
		instance_status(x.i, &status);
		unsigned from = status.settings.primary;
		ck_ok(instance_put(x.i, "k", n, 100, NEW_ERR));
		instance_fixture_close(&x);
		run("cd '%s' && %s", in_zone(&x, from, ""), commands[n]);
		instance_fixture_open(&x);
		instance_status(x.i, &status);
		ck_assert_uint_ne(status.settings.primary, from);
		ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), n);
		ck_assert_int_eq(instance_get(x.i, "f19", NEW_ERR), 19);
		ck_assert(wait_standby(x.i, 120));
	}
}
END_TEST

START_TEST(test_a_zone_that_was_left_is_never_served)
{
	char kept[200];
	char zone[200];
	start(true);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	ck_ok(instance_failover(x.i, "test", NEW_ERR));
	ck_assert(wait_standby(x.i, 120));
	instance_fixture_close(&x);
	snprintf(kept, sizeof(kept), "%s/kept", x.dir);
	snprintf(zone, sizeof(zone), "%s/i1", x.zone_dir[0]);
	run("cp -a '%s' '%s'", zone, kept);
	/* The standby in zone a becomes primary, is left again, and then comes back old. */
	instance_fixture_open(&x);
	ck_ok(instance_failover(x.i, "test", NEW_ERR));
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
	ck_assert(wait_standby(x.i, 120));
	ck_ok(instance_failover(x.i, "test", NEW_ERR));
	ck_assert(wait_standby(x.i, 120));
	ck_ok(instance_put(x.i, "k", 3, 100, NEW_ERR));
	instance_fixture_close(&x);
	run("rm -rf '%s'", zone);
	run("cp -a '%s' '%s'", kept, zone);
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 3);
	ck_assert(wait_standby(x.i, 120));
	instance_wait_event(&x, INSTANCE_STANDBY_LOST, 1);
	ck_ok(instance_failover(x.i, "test", NEW_ERR));
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 3);
}
END_TEST

START_TEST(test_an_older_database_put_back_is_not_served)
{
	char kept[200];
	start(false);
	snprintf(kept, sizeof(kept), "%s/kept.db", x.dir);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	instance_fixture_close(&x);
	run("cp '%s' '%s'", in_zone(&x, 0, "data.db"), kept);
	instance_fixture_open(&x);
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
	instance_fixture_close(&x);
	run("cp '%s' '%s'", kept, in_zone(&x, 0, "data.db"));
	ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -EIO);
	ck_assert_ptr_nonnull(strstr(fixture_err_text(), "older"));
}
END_TEST

START_TEST(test_a_log_that_is_gone_is_not_begun_again)
{
	start(false);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	instance_fixture_close(&x);
	run("mv '%s' '%s'", in_zone(&x, 0, "log"), in_zone(&x, 0, "away"));
	ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -EIO);
	ck_assert_ptr_nonnull(strstr(fixture_err_text(), "log"));
	run("mv '%s' '%s'", in_zone(&x, 0, "away"), in_zone(&x, 0, "log"));
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 1);
	/* Nor at the standby, should it be needed. */
	ck_ok(instance_set_multi_az(x.i, true, NEW_ERR));
	instance_fixture_close(&x);
	run("rm -r '%s' '%s'", in_zone(&x, 1, "log"), in_zone(&x, 0, "data.db"));
	run("mv '%s' '%s'", in_zone(&x, 0, ""), in_own(&x, "away"));
	ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -EIO);
}
END_TEST

START_TEST(test_an_instance_put_back_whole_has_new_replicas_and_backups)
{
	start(false);
	ck_ok(instance_set_retention(x.i, 1, NEW_ERR));
	instance_wait_event(&x, INSTANCE_BACKUP_FINISHED, 1);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	instance_fixture_close(&x);
	run("cp -a '%s' '%s/kept'", in_zone(&x, 0, ""), x.dir);
	instance_fixture_open(&x);
	ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	fill(30);
	ck_ok(instance_backup(x.i, NEW_ERR));
	instance_fixture_close(&x);
	run("cd '%s' && rm -r i1 && mv '%s/kept' i1", x.zone_dir[0], x.dir);
	instance_fixture_open(&x);
	fill(3);
	double end_at = seconds_now() + 120;
	while (instance_replica_get(x.i, "r", "f2", NEW_ERR) != 2 ||
		instance_replica_get(x.i, "r", "f20", NEW_ERR) != -1) {
		ck_assert_msg(seconds_now() < end_at, "%s", fixture_err_text());
		usleep(5000);
	}
	instance_wait_event(&x, INSTANCE_REPLICA_RESUMED, 1);
	ck_assert_uint_eq(x.events[INSTANCE_REPLICA_RESUMED], 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance_damage");
	TCase *tc = tcase_create("damage");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, NULL, end);
	tcase_add_test(tc, test_without_standby_it_fails_and_serves_again_when_mended);
	tcase_add_test(tc, test_pages_that_were_never_written_are_not_damaged);
	tcase_add_test(tc, test_a_spoilt_page_nobody_reads_is_found);
	tcase_add_test(tc, test_a_spoilt_page_that_is_read_is_answered_by_the_standby);
	tcase_add_test(tc, test_a_damaged_standby_is_built_anew);
	tcase_add_test(tc, test_a_damaged_replica_is_made_anew);
	tcase_add_test(tc, test_opening_takes_the_zone_that_can_serve);
	tcase_add_test(tc, test_a_zone_that_was_left_is_never_served);
	tcase_add_test(tc, test_an_older_database_put_back_is_not_served);
	tcase_add_test(tc, test_a_log_that_is_gone_is_not_begun_again);
	tcase_add_test(tc, test_an_instance_put_back_whole_has_new_replicas_and_backups);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
