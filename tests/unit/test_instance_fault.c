/* Every write, fsync and rename of an instance's steps fails once, or is the last
 * thing before the power goes: what was acknowledged is there, and the instance
 * works on, or does when it is opened again. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/fault_disk.h"
#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"
#include "tests/unit/stride.h"

#define MOST 400 /* operations of a step */

static struct instance_fixture x;

static const char *promoted_path(void)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/promoted.db", x.own_dir);
	return path;
}

/* ---- the steps ---- */

static int step_failover(struct err *err)
{
	return instance_failover(x.i, "test", err);
}

static int step_on(struct err *err)
{
	return instance_set_multi_az(x.i, true, err);
}

static int step_off(struct err *err)
{
	return instance_set_multi_az(x.i, false, err);
}

static int step_restart(struct err *err)
{
	return instance_restart(x.i, err);
}

static int step_replica(struct err *err)
{
	return instance_replica_add(x.i, "s", NULL, INSTANCE_ZONES, 0, err);
}

static int step_promote(struct err *err)
{
	return instance_replica_promote(x.i, "r", true, promoted_path(), err);
}

static int step_forget(struct err *err)
{
	return instance_set_retention(x.i, 0, err);
}

static int step_backup(struct err *err)
{
	return instance_backup(x.i, err);
}

static const struct step {
	const char *name;
	int (*run)(struct err *err);
	bool multi_az; /* before it */
} steps[] = {
	{"failover", step_failover, true},
	{"multi-az on", step_on, false},
	{"multi-az off", step_off, true},
	{"restart", step_restart, true},
	{"replica", step_replica, true},
	{"promote", step_promote, false},
	{"no retention", step_forget, false},
	{"backup", step_backup, false},
};

/* ---- around them ---- */

static void prepare(const struct step *s)
{
	fault_disk_arm(0, 0, false);
	instance_fixture_init(&x);
	x.config.disk = &fault_disk;
	x.settings.multi_az = s->multi_az;
	x.settings.retention_days = 1;
	ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
	instance_fixture_open(&x);
	ck_assert(!s->multi_az || wait_standby(x.i, 120));
	ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
	if (s->run == step_promote) {
		ck_ok(instance_replica_add(x.i, "r", NULL, INSTANCE_ZONES, 0, NEW_ERR));
	}
	double end_at = seconds_now() + 120;
	while (x.events[INSTANCE_BACKUP_FINISHED] == 0) {
		ck_assert(seconds_now() < end_at);
		usleep(1000);
	}
	ck_ok(instance_put(x.i, "k", 2, 100, NEW_ERR));
}

static bool has_replica(const char *name)
{
	struct instance_replica *list;
	size_t n;
	bool found = false;
	ck_ok(instance_replicas(x.i, &list, &n, NEW_ERR));
	for (size_t k = 0; k < n; k++) {
		found = found || strcmp(list[k].name, name) == 0;
	}
	free(list);
	return found;
}

static void check_promoted(void)
{
	bool promoted = access(promoted_path(), F_OK) == 0;
	ck_assert_int_ne(has_replica("r"), promoted);
	if (promoted) {
		ck_assert_int_eq(fixture_query(promoted_path(), "SELECT max(v) FROM kv"), 2);
	}
}

/* It serves, if need be after it looked again, and takes writes. */
static void check_serves(const char *when, unsigned n)
{
	double end_at = seconds_now() + 120;
	while (instance_get(x.i, "k", NEW_ERR) != 2) {
		ck_assert_msg(seconds_now() < end_at, "%s %u: %s", when, n, fixture_err_text());
		usleep(2000);
	}
	while (instance_put(x.i, "l", n, 100, NEW_ERR) != 0) {
		ck_assert_msg(seconds_now() < end_at, "%s %u: %s", when, n, fixture_err_text());
		usleep(2000);
	}
}

/* False: the step has no n-th operation. */
static bool run_step(const struct step *s, unsigned n, bool crash)
{
	struct err err = {0};
	prepare(s);
	fault_disk_arm(n, n % 2 == 0 ? EIO : ENOSPC, crash);
	int rc = s->run(&err);
	bool fired = fault_disk_fired();
	ck_assert_msg(rc == 0 || fired, "%s: %s", s->name, err.msg);
	ck_assert(rc == 0 || err.msg[0] != '\0');
	if (crash) {
		instance_fixture_close(&x);
		fault_disk_lose_power(0);
	} else {
		fault_disk_arm(0, 0, false);
		check_serves(s->name, n);
		instance_fixture_close(&x);
		fault_disk_settle();
	}
	instance_fixture_open(&x);
	check_serves(s->name, n);
	if (s->run == step_promote) {
		check_promoted();
	}
	instance_fixture_close(&x);
	fault_disk_settle();
	instance_fixture_end(&x);
	return fired;
}

START_TEST(test_each_operation_of_a_step_fails_once)
{
	unsigned n = 1 + (unsigned)getpid() % stride_or(7);
	while (n < MOST && run_step(&steps[_i], n, false)) {
		n += stride_or(7);
	}
	fprintf(stderr, "%s: %u operations\n", steps[_i].name, n);
}
END_TEST

START_TEST(test_power_goes_at_each_operation_of_a_step)
{
	unsigned n = 1 + (unsigned)getpid() % stride_or(7);
	while (n < MOST && run_step(&steps[_i], n, true)) {
		n += stride_or(7);
	}
}
END_TEST

/* ---- making ---- */

START_TEST(test_a_creation_that_fails_leaves_nothing)
{
	bool fired = true;
	for (unsigned n = 1; fired; n++) {
		instance_fixture_init(&x);
		x.config.disk = &fault_disk;
		fault_disk_arm(n, EIO, false);
		int rc = instance_create(&x.config, &x.settings, NULL, NEW_ERR);
		fired = fault_disk_fired();
		fault_disk_arm(0, 0, false);
		fault_disk_settle();
		if (rc != 0) {
			ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -ENOENT);
			ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
		}
		instance_fixture_open(&x);
		ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
		instance_fixture_close(&x);
		fault_disk_settle();
		instance_fixture_end(&x);
	}
}
END_TEST

START_TEST(test_a_creation_cut_short_is_none_or_whole)
{
	bool fired = true;
	for (unsigned n = 1; fired; n++) {
		instance_fixture_init(&x);
		x.config.disk = &fault_disk;
		fault_disk_arm(n, EIO, true);
		instance_create(&x.config, &x.settings, NULL, NEW_ERR);
		fired = fault_disk_fired();
		fault_disk_lose_power(0);
		int rc = instance_open(&x.config, &x.i, NEW_ERR);
		ck_assert(rc == 0 || rc == -ENOENT);
		if (rc != 0) {
			ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
			instance_fixture_open(&x);
		}
		ck_ok(instance_put(x.i, "k", 1, 100, NEW_ERR));
		instance_fixture_close(&x);
		fault_disk_settle();
		instance_fixture_end(&x);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance_fault");
	TCase *tc = tcase_create("fault");
	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, test_a_creation_that_fails_leaves_nothing);
	tcase_add_test(tc, test_a_creation_cut_short_is_none_or_whole);
	tcase_add_loop_test(
		tc, test_each_operation_of_a_step_fails_once, 0, sizeof(steps) / sizeof(steps[0]));
	tcase_add_loop_test(tc, test_power_goes_at_each_operation_of_a_step, 0,
		sizeof(steps) / sizeof(steps[0]));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
