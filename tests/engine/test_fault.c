/* What happens when a call, or the disk under it, fails: every failure is
 * reported with a sentence, and the data is as it was before the step or as it
 * should be after it, never in between. */
#include <sqlite3.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "tests/engine/fault.h"
#include "tests/engine/script.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/fixture.h"
#include "tests/unit/stride.h"

/* No script has more calls or disk operations than this. */
#define ENDLESS 100000

static struct script script;

static void record(const struct profile *p)
{
	ground_setup(p);
	script_record(&script);
	ground_teardown();
}

static void teardown(void)
{
	fault_vfs_disarm();
	ground_teardown();
	script_finish(&script);
}

/* The state now is the one before step i or the one after; tells which. */
static bool happened(unsigned i, unsigned n)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	state_print(&now);
	if (slice_equal(buf_slice(&now), buf_slice(&script.state[i + 1]))) {
		return true;
	}
	if (script_is_in_both(i)) {
		return false;
	}
	ck_assert_msg(slice_equal(buf_slice(&now), buf_slice(&script.state[i])),
		"fault %u: '%s' left something in between:\n%s\nexpected was\n%s\nor\n%s", n,
		step_names[i], buf_cstr(&now), buf_cstr(&script.state[i]),
		buf_cstr(&script.state[i + 1]));
	return false;
}

static void assert_sentence(unsigned i, unsigned n, int r, const struct err *err)
{
	ck_assert_msg(r < 0 && err->code == -r, "fault %u in '%s': %d, code %d", n, step_names[i],
		r, err->code);
	ck_assert_msg(strlen(err->msg) > 5, "fault %u in '%s': no sentence", n, step_names[i]);
}

static void assert_end(unsigned n)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	state_print(&now);
	ck_assert_msg(slice_equal(buf_slice(&now), buf_slice(&script.state[script.n])),
		"after fault %u the script ended in\n%s\nnot in\n%s", n, buf_cstr(&now),
		buf_cstr(&script.state[script.n]));
}

/* ---- calls that fail ---- */

static struct fault fault;

/* One run in which the n-th call fails; false when there was none. A step may
 * hide the failure (an absent snapshot list is no error to it); one that does
 * not must be right the second time. */
static bool run_with_call_fault(enum fault_calls calls, unsigned n, int code)
{
	ground_close();
	ground_open(&fault.ops, false);
	fault_arm_call(&fault, calls, n, code);
	for (unsigned i = 0; i < script.n; i++) {
		struct err err = {0};
		int r = script_step(&script, i, &err);
		if (r == script.outcome[i]) {
			continue;
		}
		assert_sentence(i, n, r, &err);
		ck_assert_int_eq(err.code, code);
		fault.n = 0;
		if (!happened(i, n)) {
			struct err again = {0};
			r = script_step(&script, i, &again);
			ck_assert_msg(r == script.outcome[i], "'%s' a second time: %d (%s)",
				step_names[i], r, again.msg);
		}
	}
	fault.n = 0;
	assert_end(n);
	return fault.fired;
}

static void each_call(int profile, enum fault_calls calls, int code)
{
	const struct profile *p = chosen_profile(profile);
	record(p);
	ck_assert(fault_wrap(&fault, p->ops));
	for (unsigned n = 1; n < ENDLESS; n += stride_or(1)) {
		ground_setup(p);
		bool fired = run_with_call_fault(calls, n, code);
		ground_teardown();
		if (!fired) {
			break;
		}
	}
	fault_finish(&fault);
}

START_TEST(test_any_call_may_fail)
{
	each_call(_i, FAULT_ANY_CALL, EIO);
}
END_TEST

START_TEST(test_any_change_may_fail)
{
	each_call(_i, FAULT_CHANGES, ENOSPC);
}
END_TEST

START_TEST(test_the_answer_to_a_change_may_get_lost)
{
	each_call(_i, FAULT_CHANGES_AFTER, ETIMEDOUT);
}
END_TEST

/* ---- a disk that fails ---- */

static void use_fault_vfs(void)
{
	fault_vfs_install();
	sqlite3_vfs_register(sqlite3_vfs_find(FAULT_VFS_NAME), 1);
}

/* Runs the script until the disk's failure shows in an outcome; the number of
 * that step, or script.n when it showed nowhere. */
static unsigned run_until_failure(unsigned n)
{
	for (unsigned i = 0; i < script.n; i++) {
		struct err err = {0};
		int r = script_step(&script, i, &err);
		if (r != script.outcome[i]) {
			assert_sentence(i, n, r, &err);
			return i;
		}
	}
	return script.n;
}

/* After a failure and a remount the step did or did not happen, and the rest of
 * the script runs as if nothing had been. */
static void go_on_after(unsigned i, unsigned n)
{
	ground_reopen(false);
	if (i < script.n && !happened(i, n)) {
		i--; /* once more */
	}
	for (i++; i < script.n; i++) {
		struct err err = {0};
		int r = script_step(&script, i, &err);
		ck_assert_msg(r == script.outcome[i], "fault %u, then '%s': %d (%s)", n,
			step_names[i], r, err.msg);
	}
	assert_end(n);
}

/* Every `step`-th disk operation of these kinds fails, one in each run. */
static void each_disk_operation(int profile, const struct fault_plan *plan, unsigned step)
{
	const struct profile *p = chosen_profile(profile);
	if (!p->on_sqlite) {
		return;
	}
	use_fault_vfs();
	record(p);
	for (unsigned n = 1; n < ENDLESS; n += step * stride_or(1)) {
		struct fault_plan now = *plan;
		ground_setup(p);
		now.n = n;
		fault_vfs_arm(&now);
		unsigned failed = run_until_failure(n);
		bool fired = fault_vfs_fired();
		fault_vfs_disarm();
		go_on_after(failed, n);
		ground_teardown();
		if (!fired) {
			break;
		}
	}
}

START_TEST(test_a_disk_that_fails_once)
{
	struct fault_plan plan = {.ops = FAULT_CHANGE};
	each_disk_operation(_i, &plan, 3);
}
END_TEST

START_TEST(test_a_disk_that_is_full)
{
	struct fault_plan plan = {.ops = FAULT_WRITE, .many = ENDLESS, .code = SQLITE_FULL};
	each_disk_operation(_i, &plan, 5);
}
END_TEST

START_TEST(test_a_disk_that_cannot_be_read)
{
	struct fault_plan plan = {.ops = FAULT_READ | FAULT_OPEN};
	each_disk_operation(_i, &plan, 3);
}
END_TEST

/* Power fails at some change of a file: all that was acknowledged is there
 * afterwards, and the step under way happened or did not. */
static void lose_power_at(const struct profile *p, unsigned n, bool *fired)
{
	struct fault_plan plan = {.ops = FAULT_CHANGE, .n = n, .crash = true, .track = true};
	ground_setup(p);
	OK(engine_sync(ground.e, &(struct epath){0}, ok_err));
	fault_vfs_arm(&plan);
	unsigned failed = run_until_failure(n);
	*fired = fault_vfs_fired();
	ground_close();
	if (*fired) {
		fault_vfs_lose_power(n % 2 == 0 ? n : 0);
	}
	fault_vfs_disarm();
	ground_open(p->ops, false);
	go_on_after(failed, n);
	ground_teardown();
}

START_TEST(test_power_that_fails)
{
	const struct profile *p = chosen_profile(_i);
	if (!p->on_sqlite) {
		return;
	}
	use_fault_vfs();
	ground.sync = STORE_SYNC_CLOSE;
	record(p);
	bool fired = true;
	for (unsigned n = 1; fired && n < ENDLESS; n += 3 * stride_or(1)) {
		lose_power_at(p, n, &fired);
	}
}
END_TEST

int main(void)
{
	log_set_stderr(false); /* failures are what is wanted here */
	if (chosen_profiles() == 0) {
		fprintf(stderr, "DBMOUNT_ENGINE=%s: profiles.c knows no such engine\n",
			getenv("DBMOUNT_ENGINE"));
		return 1;
	}
	Suite *s = suite_create("fault");
	TCase *t = tcase_create("fault");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 300);
	ADD(t, test_any_call_may_fail);
	ADD(t, test_any_change_may_fail);
	ADD(t, test_the_answer_to_a_change_may_get_lost);
	ADD(t, test_a_disk_that_fails_once);
	ADD(t, test_a_disk_that_is_full);
	ADD(t, test_a_disk_that_cannot_be_read);
	ADD(t, test_power_that_fails);
	suite_add_tcase(s, t);
	return run_suite(s);
}
