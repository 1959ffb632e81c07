/* Instances whose commits are not synced (instance_config.sync): what kill -9 and power loss may
 * take, and what is left of one whose primary is gone. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"

static struct instance_fixture x;

static void start(enum store_sync sync)
{
	instance_fixture_init(&x);
	x.config.sync = sync;
	ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
	instance_fixture_open(&x);
}

static void start_fsync(void)
{
	start(STORE_SYNC_FSYNC);
}

static void start_interval(void)
{
	start(STORE_SYNC_INTERVAL);
}

static void end(void)
{
	instance_fixture_end(&x);
}

static void put(const char *key, int64_t value)
{
	ck_ok(instance_put(x.i, key, value, 2000, NEW_ERR));
}

/* The replica shows it, some time: also one that is made anew meanwhile. */
static void wait_replica(const char *key, int64_t value)
{
	double end_at = seconds_now() + 120;
	struct err err = {0};

	while (instance_replica_get(x.i, "r", key, &err) != value) {
		ck_assert_msg(seconds_now() < end_at, "%s", err.msg);
		err_clear(&err);
		usleep(2000);
	}
}

/* COMMAND FROM TO, of what stands in the zone or beside it. */
static void shell(const char *command, const char *a, const char *b)
{
	char line[512];

	snprintf(line, sizeof(line), "%s %s %s", command, a, b);
	ck_assert_int_eq(system(line), 0);
}

START_TEST(test_a_lazy_instance_has_no_standby)
{
	x.settings.multi_az = true;
	ck_assert_int_eq(instance_set_multi_az(x.i, true, NEW_ERR), -EINVAL);
	instance_fixture_close(&x);
	ck_ok(instance_destroy(&x.config, NEW_ERR));
	ck_assert_int_eq(instance_create(&x.config, &x.settings, NULL, NEW_ERR), -EINVAL);
	x.settings.multi_az = false;
	ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
	instance_fixture_open(&x);
}
END_TEST

START_TEST(test_a_lazy_instance_and_its_replica_go_on_after_closing)
{
	put("k", 1);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 0, NEW_ERR));
	put("k", 2);
	wait_replica("k", 2);
	ck_ok(instance_sync(x.i, NEW_ERR));
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 2);
	put("k", 3);
	wait_replica("k", 3);
}
END_TEST

/* Writes until it is killed; tells each value that was acknowledged. */
static void write_on(int fd)
{
	instance_fixture_open(&x);
	for (int64_t v = 1;; v++) {
		struct err err = {0};
		if (instance_put(x.i, "k", v, (size_t)(v * 37 % 9000), &err) != 0 ||
			write(fd, &v, sizeof(v)) != sizeof(v)) {
			_exit(1);
		}
	}
}

static int64_t run_and_kill(unsigned ms)
{
	int fds[2];
	int64_t last = 0;
	int64_t v;

	ck_assert_int_eq(pipe(fds), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(fds[0]);
		write_on(fds[1]);
	}
	close(fds[1]);
	for (int64_t n = 0; read(fds[0], &v, sizeof(v)) == sizeof(v); n++) {
		last = v;
		if (n == ms) {
			kill(pid, SIGKILL);
		}
	}
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return last;
}

/* With INTERVAL as many writes as wait for a commit at most (store.h). */
START_TEST(test_kill_takes_what_was_not_committed_at_most)
{
	int64_t waiting = x.config.sync == STORE_SYNC_INTERVAL ? 256 : 0;

	put("k", 0);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 0, NEW_ERR));
	for (unsigned round = 0; round < 6; round++) {
		instance_fixture_close(&x);
		int64_t last = run_and_kill(20 + round * 400);
		instance_fixture_open(&x);
		ck_assert_int_ge(instance_get(x.i, "k", NEW_ERR), last - waiting);
		put("k", -7);
		wait_replica("k", -7);
	}
}
END_TEST

/* The log has what the WAL has lost: the database counts, replicas are made anew. */
START_TEST(test_power_loss_may_leave_the_log_ahead)
{
	put("k", 1);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 0, NEW_ERR));
	put("k", 2);
	ck_ok(instance_sync(x.i, NEW_ERR));
	shell("cp", in_zone(&x, 0, "data.db"), in_own(&x, "data.early"));
	shell("cp", in_zone(&x, 0, "data.db-wal"), in_own(&x, "wal.early"));
	for (int64_t v = 3; v < 20; v++) {
		put("k", v);
	}
	wait_replica("k", 19);
	shell("cp -r", in_zone(&x, 0, "log"), in_own(&x, "log.late"));
	instance_fixture_close(&x);
	shell("cp", in_own(&x, "data.early"), in_zone(&x, 0, "data.db"));
	shell("cp", in_own(&x, "wal.early"), in_zone(&x, 0, "data.db-wal"));
	shell("cp", in_own(&x, "log.late/*"), in_zone(&x, 0, "log"));
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 2);
	wait_replica("k", 2);
	put("k", 100);
	wait_replica("k", 100);
}
END_TEST

/* The WAL is gone with all that was in it. */
START_TEST(test_power_loss_may_take_the_whole_wal)
{
	put("k", 1);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 0, NEW_ERR));
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	put("k", 2);
	wait_replica("k", 2);
	shell("cp", in_zone(&x, 0, "data.db"), in_own(&x, "data.early"));
	shell("cp -r", in_zone(&x, 0, "log"), in_own(&x, "log.late"));
	instance_fixture_close(&x);
	shell("cp", in_own(&x, "data.early"), in_zone(&x, 0, "data.db"));
	shell("cp", in_own(&x, "log.late/*"), in_zone(&x, 0, "log"));
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 1);
	put("k", 3);
	wait_replica("k", 3);
}
END_TEST

/* Pages of the log were written in another order than they were appended. */
START_TEST(test_power_loss_may_leave_a_hole_in_the_log)
{
	char name[128];
	static const char zeros[64];

	put("k", 1);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 0, NEW_ERR));
	for (int64_t v = 2; v < 9; v++) {
		put("k", v);
	}
	instance_fixture_close(&x);
	snprintf(name, sizeof(name), "%s/0000000000000001.seg", in_zone(&x, 0, "log"));
	int fd = open(name, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	off_t at = lseek(fd, 0, SEEK_END) / 2;
	ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
	close(fd);
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 8);
	put("k", 9);
	wait_replica("k", 9);
}
END_TEST

/* ---- the primary is gone ---- */

static const char *salvaged(void)
{
	static char path[SITE_MAX + 16];

	snprintf(path, sizeof(path), "%s/salvaged.db", x.dir);
	return path;
}

static void check_salvaged(int64_t value)
{
	const char *path = salvaged();
	struct instance_salvaged out;
	struct err err = {0};

	ck_assert_int_eq(instance_open(&x.config, &x.i, &err), -EIO);
	x.i = NULL;
	ck_ok(instance_salvage(&x.config, path, &out, NEW_ERR));
	ck_assert_str_eq(out.name, "r");
	ck_ok(instance_destroy(&x.config, NEW_ERR));
	ck_ok(instance_create(&x.config, &x.settings, path, NEW_ERR));
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), value);
}

START_TEST(test_a_replica_is_salvaged_with_what_the_log_still_has)
{
	put("k", 1);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 3600000, NEW_ERR));
	ck_ok(instance_replica_add(x.i, "a", NULL, 1, 3600000, NEW_ERR));
	ck_ok(instance_replica_remove(x.i, "a", NEW_ERR));
	put("k", 2);
	instance_fixture_close(&x);
	shell("rm", in_zone(&x, 0, "data.db"), in_zone(&x, 0, "mark"));
	check_salvaged(2);
}
END_TEST

START_TEST(test_a_replica_is_salvaged_without_the_log)
{
	put("k", 1);
	ck_ok(instance_replica_add(x.i, "r", NULL, 1, 3600000, NEW_ERR));
	put("k", 2);
	instance_fixture_close(&x);
	shell("rm -r", in_zone(&x, 0, ""), "");
	check_salvaged(1);
}
END_TEST

START_TEST(test_nothing_is_salvaged_without_a_replica)
{
	struct instance_salvaged out;
	struct err err = {0};

	instance_fixture_close(&x);
	shell("rm -r", in_zone(&x, 0, ""), "");
	ck_assert_int_eq(instance_salvage(&x.config, salvaged(), &out, &err), -ENODATA);
	ck_assert_int_ne(access(salvaged(), F_OK), 0);
}
END_TEST

/* ---- */

static TCase *tests(const char *name, void (*before)(void))
{
	TCase *c = tcase_create(name);

	tcase_add_checked_fixture(c, before, end);
	tcase_set_timeout(c, 240);
	tcase_add_test(c, test_a_lazy_instance_has_no_standby);
	tcase_add_test(c, test_a_lazy_instance_and_its_replica_go_on_after_closing);
	tcase_add_test(c, test_kill_takes_what_was_not_committed_at_most);
	tcase_add_test(c, test_power_loss_may_leave_the_log_ahead);
	tcase_add_test(c, test_power_loss_may_take_the_whole_wal);
	tcase_add_test(c, test_power_loss_may_leave_a_hole_in_the_log);
	tcase_add_test(c, test_a_replica_is_salvaged_with_what_the_log_still_has);
	tcase_add_test(c, test_a_replica_is_salvaged_without_the_log);
	tcase_add_test(c, test_nothing_is_salvaged_without_a_replica);
	return c;
}

int main(void)
{
	Suite *s = suite_create("instance_lazy");

	suite_add_tcase(s, tests("fsync", start_fsync));
	suite_add_tcase(s, tests("interval", start_interval));
	return run_suite(s);
}
