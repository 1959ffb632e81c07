/* Backups of an instance, points in time, what is kept; maintenance. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"

static struct instance_fixture x;

static void start(void)
{
	instance_fixture_init(&x);
	x.settings.retention_days = 7;
	ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
	instance_fixture_open(&x);
}

static void end(void)
{
	instance_fixture_end(&x);
}

static int64_t wall(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static unsigned n_bases(char *newest, size_t size)
{
	DIR *d = opendir(in_own(&x, "base"));
	unsigned n = 0;
	char last[64] = "";
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		if (strstr(e->d_name, ".base") != NULL) {
			n++;
			if (strcmp(e->d_name, last) > 0) {
				snprintf(last, sizeof(last), "%.60s", e->d_name);
			}
		}
	}
	if (d != NULL) {
		closedir(d);
	}
	if (newest != NULL) {
		snprintf(newest, size, "base/%s", last);
	}
	return n;
}

static void wait_backups(unsigned n)
{
	double end_at = seconds_now() + 120;
	while (n_bases(NULL, 0) < n) {
		ck_assert(seconds_now() < end_at);
		usleep(2000);
	}
}

static int64_t value_at(int64_t time_ns, int64_t *commit_ns)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/at.db", x.dir);
	unlink(path);
	ck_ok(instance_build_time(x.i, time_ns, path, commit_ns, NEW_ERR));
	return fixture_query(path, "SELECT v FROM kv WHERE k = CAST('k' AS BLOB)");
}

START_TEST(test_first_backup_is_made_by_itself)
{
	int64_t earliest;
	int64_t latest;
	wait_backups(1);
	instance_restorable(x.i, &earliest, &latest);
	ck_assert_int_gt(earliest, wall() - 60000000000);
	ck_assert_int_ge(latest, earliest);
	double end_at = seconds_now() + 120;
	struct instance_status status;
	do {
		instance_status(x.i, &status);
		ck_assert(seconds_now() < end_at);
	} while (status.last_backup_ns == 0);
	ck_assert_int_gt(status.last_backup_ns, wall() - 60000000000);
}
END_TEST

START_TEST(test_any_time_since_the_first_backup_can_be_built)
{
	int64_t at[4];
	int64_t commit;
	wait_backups(1);
	for (int64_t n = 0; n < 4; n++) {
		ck_ok(instance_put(x.i, "k", n, 100, NEW_ERR));
		at[n] = wall();
		usleep(3000);
		if (n == 1) {
			ck_ok(instance_backup(x.i, NEW_ERR));
			ck_assert_uint_eq(n_bases(NULL, 0), 2);
		}
	}
	for (int64_t n = 0; n < 4; n++) {
		ck_assert_int_eq(value_at(at[n], &commit), n);
		ck_assert_int_le(commit, at[n]);
		ck_assert_int_gt(commit, n > 0 ? at[n - 1] : 0);
	}
	char path[128];
	snprintf(path, sizeof(path), "%s/at2.db", x.dir);
	ck_assert_int_eq(
		instance_build_time(x.i, wall() + 3600000000000, path, NULL, NEW_ERR), -ENODATA);
	ck_assert_int_eq(
		instance_build_time(x.i, wall() - 3600000000000, path, NULL, NEW_ERR), -ENODATA);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(test_points_in_time_survive_failover)
{
	wait_backups(1);
	ck_ok(instance_set_multi_az(x.i, true, NEW_ERR));
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	int64_t before = wall();
	usleep(2000);
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
	ck_ok(instance_failover(x.i, "test", NEW_ERR));
	ck_ok(instance_put(x.i, "k", 3, 100, NEW_ERR));
	ck_assert_int_eq(value_at(before, NULL), 1);
	ck_assert_int_eq(value_at(wall(), NULL), 3);
	ck_assert(wait_standby(x.i, 120));
	ck_assert_int_eq(value_at(before, NULL), 1);
}
END_TEST

START_TEST(test_an_old_backup_is_followed_by_another)
{
	wait_backups(1);
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	instance_fixture_close(&x);
	char newest[96];
	n_bases(newest, sizeof(newest));
	struct timespec old[2] = {{.tv_sec = time(NULL) - 90000}, {.tv_sec = time(NULL) - 90000}};
	ck_assert_int_eq(utimensat(0, in_own(&x, newest), old, 0), 0);
	instance_fixture_open(&x);
	wait_backups(2);
	/* The clock was set back: the newest is of the future. */
	instance_fixture_close(&x);
	n_bases(newest, sizeof(newest));
	struct timespec ahead[2] = {{.tv_sec = time(NULL) + 9000}, {.tv_sec = time(NULL) + 9000}};
	ck_assert_int_eq(utimensat(0, in_own(&x, newest), ahead, 0), 0);
	instance_fixture_open(&x);
	wait_backups(3);
}
END_TEST

START_TEST(test_without_retention_nothing_is_kept_but_what_replicas_need)
{
	int64_t earliest;
	int64_t latest;
	char path[128];
	snprintf(path, sizeof(path), "%s/at.db", x.dir);
	wait_backups(1);
	ck_ok(instance_replica_add(x.i, "late", NULL, INSTANCE_ZONES, 3600000, NEW_ERR));
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	ck_ok(instance_set_retention(x.i, 0, NEW_ERR));
	instance_restorable(x.i, &earliest, &latest);
	ck_assert_int_eq(earliest, 0);
	ck_assert_int_eq(latest, 0);
	ck_assert_uint_eq(n_bases(NULL, 0), 0);
	ck_assert_int_eq(instance_backup(x.i, NEW_ERR), -EINVAL);
	ck_assert_int_eq(instance_build_time(x.i, wall(), path, NULL, NEW_ERR), -ENODATA);
	/* More than a segment, so that something could be dropped. */
	for (int n = 0; n < 24; n++) {
		ck_ok(instance_put(x.i, "big", n, 1 << 20, NEW_ERR));
	}
	ck_ok(instance_set_retention(x.i, 0, NEW_ERR));
	struct instance_status status;
	instance_status(x.i, &status);
	ck_assert_uint_gt(status.log_bytes, 20 << 20);
	snprintf(path, sizeof(path), "%s/promoted.db", x.own_dir);
	ck_ok(instance_replica_promote(x.i, "late", true, path, NEW_ERR));
	ck_ok(instance_set_retention(x.i, 0, NEW_ERR));
	instance_status(x.i, &status);
	ck_assert_uint_lt(status.log_bytes, 20 << 20);
}
END_TEST

START_TEST(test_maintenance_checks_and_compacts)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	for (int n = 0; n < 40; n++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", n);
		ck_ok(instance_put(x.i, key, n, 50000, NEW_ERR));
	}
	for (int n = 1; n < 40; n++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", n);
		ck_ok(instance_put(x.i, key, n, 0, NEW_ERR));
	}
	ck_ok(instance_maintenance(x.i, &report, NEW_ERR));
	const char *text = buf_cstr(&report);
	ck_assert_msg(strstr(text, "integrity: ok") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "analyze: done") != NULL, "%s", text);
	ck_assert_msg(strstr(text, "pages instead of") != NULL, "%s", text);
	ck_ok(instance_put(x.i, "k", 7, 100, NEW_ERR));
	double end_at = seconds_now() + 120;
	while (instance_replica_get(x.i, "r", "k", NEW_ERR) != 7) {
		ck_assert(seconds_now() < end_at);
	}
	ck_assert_int_eq(instance_replica_get(x.i, "r", "k39", NEW_ERR), 39);
	ck_assert_int_eq(value_at(wall(), NULL), 7);
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k39", NEW_ERR), 39);
	report.n = 0;
	ck_ok(instance_maintenance(x.i, &report, NEW_ERR));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "not needed"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance_backup");
	TCase *tc = tcase_create("backup");
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, start, end);
	tcase_add_test(tc, test_first_backup_is_made_by_itself);
	tcase_add_test(tc, test_any_time_since_the_first_backup_can_be_built);
	tcase_add_test(tc, test_points_in_time_survive_failover);
	tcase_add_test(tc, test_an_old_backup_is_followed_by_another);
	tcase_add_test(tc, test_without_retention_nothing_is_kept_but_what_replicas_need);
	tcase_add_test(tc, test_maintenance_checks_and_compacts);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
