/* Every I/O operation fails once, in turn: opening, writing, checkpoints,
 * copies, closing. Whatever fails, nothing crashes or leaks, each failure is a
 * sentence, and what was acknowledged as durable is there afterwards, also when
 * the power is lost at that moment. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/log.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

#define KEYS 12

static struct fixture f;

/* The last value of each key that was acknowledged as durable, the last that
 * was acknowledged at all, and the last that was tried. */
static struct {
	int64_t durable;
	int64_t acknowledged;
	int64_t tried;
} known[KEYS];

static void begin(enum store_sync sync)
{
	fault_vfs_install();
	fault_vfs_disarm();
	log_set_stderr(false);
	fixture_init(&f, sync);
	f.config.vfs = FAULT_VFS_NAME;
	for (int i = 0; i < KEYS; i++) {
		known[i].durable = known[i].acknowledged = known[i].tried = -1;
	}
}

static void expect_sentence(int rc, const struct err *err)
{
	ck_assert_int_lt(rc, 0);
	ck_assert_int_eq(rc, -err->code);
	ck_assert_msg(strlen(err->msg) > 10, "no sentence: %d %s", rc, err->msg);
}

static void all_durable(void)
{
	for (int i = 0; i < KEYS; i++) {
		known[i].durable = known[i].acknowledged;
	}
}

static void put(int i, int64_t value, size_t body)
{
	char key[16];
	struct err err = {0};
	snprintf(key, sizeof(key), "k%d", i);
	known[i].tried = value;
	int rc = fixture_put(f.s, key, value, body, &err);
	if (rc != 0) {
		expect_sentence(rc, &err);
		return;
	}
	known[i].acknowledged = value;
	if (f.config.sync == STORE_SYNC_CLOSE) {
		known[i].durable = value;
	}
}

static void try_sync(void)
{
	struct err err = {0};
	int rc = store_sync(f.s, &err);
	if (rc != 0) {
		expect_sentence(rc, &err);
		/* With INTERVAL, what was acknowledged since the last sync may be lost. */
		for (int i = 0; i < KEYS; i++) {
			known[i].acknowledged = known[i].durable;
		}
	} else {
		all_durable();
	}
}

static int n_durable(void)
{
	int n = 0;
	for (int i = 0; i < KEYS; i++) {
		n += known[i].durable >= 0;
	}
	return n;
}

static void try_copy(void)
{
	char to[256];
	struct err err = {0};
	snprintf(to, sizeof(to), "%s/copy", f.dir);
	int rc = store_copy(f.s, to, NULL, NULL, &err);
	if (rc != 0) {
		expect_sentence(rc, &err);
		ck_assert_int_ne(access(to, F_OK), 0);
		return;
	}
	/* Whole, and closed cleanly. */
	ck_assert_int_ge(fixture_query(to, "SELECT count(*) FROM kv WHERE v >= 0"), n_durable());
	ck_assert_int_eq(fixture_query(to, "SELECT clean FROM _dbmount_store"), 1);
	ck_assert_int_eq(unlink(to), 0);
}

/* One life of a store; false when it did not open. */
static bool live(int64_t base)
{
	struct err err = {0};
	int rc = store_open(&f.config, &f.s, &err);
	if (rc != 0) {
		expect_sentence(rc, &err);
		return false;
	}
	for (int i = 0; i < KEYS; i++) {
		put(i, base + i, (size_t)i * 700);
		if (i == 5) {
			try_sync();
			try_copy();
		}
		err_clear(&err);
		if (fixture_get(f.s, "k0", &err) == -2) {
			expect_sentence(-err.code, &err);
		}
	}
	try_sync();
	fixture_close(&f);
	return true;
}

/* Opened without faults, it must hold for each key what was durable, or what
 * was tried after that. */
static void verify(const char *what, unsigned n)
{
	struct err err = {0};
	fault_vfs_disarm();
	int rc = store_open(&f.config, &f.s, &err);
	ck_assert_msg(rc == 0, "%s %u: %s", what, n, err.msg);
	for (int i = 0; i < KEYS; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		int64_t v = fixture_get(f.s, key, &err);
		ck_assert_msg(v >= known[i].durable && v <= known[i].tried,
			"%s %u: %s is %ld, durable %ld, tried %ld %s", what, n, key, (long)v,
			(long)known[i].durable, (long)known[i].tried, err.msg);
	}
	fixture_close(&f);
}

struct sweep {
	const char *what;
	struct fault_plan plan;
	enum store_sync sync;
	bool existing;	 /* the file is there before the faults begin */
	bool lose_power; /* after the fault */
	unsigned step;
};

static bool sweep_once(const struct sweep *s, unsigned n)
{
	begin(s->sync);
	if (s->existing) {
		ck_assert(live(100));
	}
	struct fault_plan plan = s->plan;
	plan.n = n;
	plan.track = s->lose_power;
	fault_vfs_arm(&plan);
	live(200);
	bool fired = fault_vfs_fired();
	if (s->lose_power) {
		/* The index of the log is memory: no disk has it. */
		char shm[256];
		fault_vfs_lose_power(n % 3);
		snprintf(shm, sizeof(shm), "%s-shm", f.path);
		unlink(shm);
	}
	verify(s->what, n);
	fixture_end(&f);
	ck_assert_int_ne(access(f.dir, F_OK), 0);
	return fired;
}

static void sweep(const struct sweep *s)
{
	unsigned n = 1;
	while (sweep_once(s, n)) {
		n += s->step;
		ck_assert_uint_lt(n, 5000);
	}
	ck_assert_msg(n > 1, "%s: no operation failed", s->what);
}

#define SWEEP(name, ...)                                                                           \
	START_TEST(name)                                                                           \
	{                                                                                          \
		sweep(&(struct sweep){.what = #name, __VA_ARGS__});                                \
	}                                                                                          \
	END_TEST

SWEEP(test_open_fails, .plan = {.ops = FAULT_OPEN}, .step = 1)
SWEEP(test_open_fails_existing, .plan = {.ops = FAULT_OPEN}, .step = 1, .existing = true)
SWEEP(test_read_fails, .plan = {.ops = FAULT_READ}, .step = 1, .existing = true)
SWEEP(test_write_fails, .plan = {.ops = FAULT_WRITE}, .step = 2)
SWEEP(test_write_fails_existing, .plan = {.ops = FAULT_WRITE}, .step = 2, .existing = true)
SWEEP(test_disk_full, .plan = {.ops = FAULT_WRITE, .code = SQLITE_FULL, .many = 9}, .step = 3)
SWEEP(test_disk_full_interval, .plan = {.ops = FAULT_WRITE, .code = SQLITE_FULL, .many = 9},
	.step = 3, .sync = STORE_SYNC_INTERVAL)
SWEEP(test_sync_fails, .plan = {.ops = FAULT_SYNC}, .step = 1)
SWEEP(test_sync_fails_fsync, .plan = {.ops = FAULT_SYNC}, .step = 1, .sync = STORE_SYNC_FSYNC)
SWEEP(test_truncate_fails, .plan = {.ops = FAULT_TRUNCATE}, .step = 1, .existing = true)
SWEEP(test_delete_fails, .plan = {.ops = FAULT_DELETE}, .step = 1, .existing = true)
SWEEP(test_crash, .plan = {.ops = FAULT_CHANGE, .crash = true}, .step = 3)
SWEEP(test_crash_existing, .plan = {.ops = FAULT_CHANGE, .crash = true}, .step = 3,
	.existing = true)
SWEEP(test_power_loss, .plan = {.ops = FAULT_CHANGE, .crash = true}, .step = 2, .existing = true,
	.lose_power = true)
SWEEP(test_power_loss_fsync, .plan = {.ops = FAULT_CHANGE, .crash = true}, .step = 2,
	.existing = true, .lose_power = true, .sync = STORE_SYNC_FSYNC)
SWEEP(test_power_loss_interval, .plan = {.ops = FAULT_CHANGE, .crash = true}, .step = 3,
	.existing = true, .lose_power = true, .sync = STORE_SYNC_INTERVAL)

/* ---- single stories ---- */

START_TEST(test_full_disk_is_ENOSPC_and_passes)
{
	struct err err = {0};
	begin(STORE_SYNC_CLOSE);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	fault_vfs_arm(&(struct fault_plan){
		.ops = FAULT_WRITE, .n = 1, .many = 1000000, .code = SQLITE_FULL});
	for (int i = 0; i < 5; i++) {
		err_clear(&err);
		ck_assert_int_eq(fixture_put(f.s, "k", 2, 5000, &err), -ENOSPC);
		ck_assert_ptr_nonnull(strstr(err.msg, "table T: database or disk is full"));
		ck_assert_int_eq(fixture_get(f.s, "k", &err), 1);
	}
	/* So large that it reaches the log before the commit. */
	err_clear(&err);
	ck_assert_int_eq(fixture_put(f.s, "k", 3, 40 << 20, &err), -ENOSPC);
	fault_vfs_disarm();
	ck_ok(fixture_put(f.s, "k", 4, 0, NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 4);
	fixture_end(&f);
}
END_TEST

START_TEST(test_interval_loss_is_told_by_sync)
{
	struct err err = {0};
	begin(STORE_SYNC_INTERVAL);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_ok(store_sync(f.s, NEW_ERR));
	fault_vfs_arm(&(struct fault_plan){
		.ops = FAULT_WRITE, .n = 1, .many = 1000000, .code = SQLITE_FULL});
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	ck_assert_int_eq(store_sync(f.s, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "acknowledged writes were lost: table T: "));
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 1);
	fault_vfs_disarm();
	ck_ok(store_sync(f.s, NEW_ERR));
	ck_ok(fixture_put(f.s, "k", 3, 0, NEW_ERR));
	ck_ok(store_sync(f.s, NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 3);
	fixture_end(&f);
}
END_TEST

START_TEST(test_failed_fsync_is_made_good_by_a_checkpoint)
{
	struct err err = {0};
	begin(STORE_SYNC_FSYNC);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k0", 1, 0, NEW_ERR));
	fault_vfs_arm(&(struct fault_plan){.ops = FAULT_SYNC, .n = 1});
	ck_assert_int_eq(store_sync(f.s, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "the disk did not take what was written"));
	uint64_t before = store_bytes(f.s);
	ck_ok(store_sync(f.s, NEW_ERR));
	ck_assert_uint_lt(store_bytes(f.s), before);
	ck_ok(fixture_put(f.s, "k0", 2, 0, NEW_ERR));
	ck_ok(store_sync(f.s, NEW_ERR));
	fixture_end(&f);
}
END_TEST

START_TEST(test_interval_fsyncs_within_a_second)
{
	begin(STORE_SYNC_INTERVAL);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	fault_vfs_arm(&(struct fault_plan){.ops = FAULT_SYNC});
	for (int i = 0; i < 300 && fault_vfs_count() == 0; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	ck_assert_uint_ge(fault_vfs_count(), 1);
	fixture_end(&f);
}
END_TEST

START_TEST(test_close_mode_syncs_each_commit_and_fsync_mode_none)
{
	for (int sync = STORE_SYNC_CLOSE; sync <= STORE_SYNC_FSYNC; sync++) {
		begin((enum store_sync)sync);
		fixture_open(&f);
		ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
		fault_vfs_arm(&(struct fault_plan){.ops = FAULT_SYNC});
		for (int i = 0; i < 10; i++) {
			ck_ok(fixture_put(f.s, "k", i, 0, NEW_ERR));
		}
		ck_assert_uint_eq(fault_vfs_count(), sync == STORE_SYNC_CLOSE ? 10 : 0);
		ck_ok(store_sync(f.s, NEW_ERR));
		ck_ok(store_sync(f.s, NEW_ERR));
		ck_assert_uint_eq(fault_vfs_count(), sync == STORE_SYNC_CLOSE ? 10 : 1);
		fixture_end(&f);
	}
}
END_TEST

/* A checkpoint in the middle of the store's life fails; the writes go on. */
START_TEST(test_checkpoint_fails)
{
	for (unsigned n = 1; n < 40; n += 3) {
		struct err err = {0};
		begin(STORE_SYNC_FSYNC);
		fixture_open(&f);
		ck_ok(fixture_put(f.s, "k0", 1, 0, NEW_ERR));
		fault_vfs_arm(&(struct fault_plan){
			.ops = FAULT_SYNC | FAULT_TRUNCATE, .n = n, .many = 2});
		for (int i = 0; i < 60; i++) {
			/* Beginning the log anew needs a sync too. */
			err_clear(&err);
			int rc = fixture_put(f.s, "k0", i, 300000, &err);
			ck_assert_msg(rc == 0 || rc == -EIO, "%s", err.msg);
		}
		fault_vfs_disarm();
		ck_ok(fixture_put(f.s, "k0", 59, 0, NEW_ERR));
		ck_ok(store_sync(f.s, NEW_ERR));
		ck_assert_int_eq(fixture_get(f.s, "k0", &err), 59);
		fixture_close(&f);
		fixture_open(&f);
		ck_assert_int_eq(fixture_get(f.s, "k0", &err), 59);
		fixture_end(&f);
	}
}
END_TEST

/* All that were in the group are told, and none of them is there. */
static void *put_one(void *arg)
{
	struct err err = {0};
	char key[16];
	snprintf(key, sizeof(key), "g%d", *(int *)arg);
	int rc = fixture_put(f.s, key, 1, 0, &err);
	*(int *)arg = rc;
	return NULL;
}

START_TEST(test_failed_commit_is_told_to_each)
{
	enum { N = 16 };
	pthread_t t[N];
	int arg[N];
	begin(STORE_SYNC_CLOSE);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	fault_vfs_arm(&(struct fault_plan){.ops = FAULT_SYNC, .n = 1, .many = 1000000});
	for (int i = 0; i < N; i++) {
		arg[i] = i;
		pthread_create(&t[i], NULL, put_one, &arg[i]);
	}
	for (int i = 0; i < N; i++) {
		pthread_join(t[i], NULL);
		ck_assert_int_eq(arg[i], -EIO);
	}
	fault_vfs_disarm();
	ck_assert_int_eq(fixture_count(f.s), 1);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	fixture_end(&f);
}
END_TEST

START_TEST(test_failed_commit_of_a_group_is_told_to_each)
{
	enum { N = STORE_EACH_MAX };
	struct fixture_row rows[N];
	struct store_each each[N];
	struct err errs[N] = {0};
	char keys[N][16];
	begin(STORE_SYNC_CLOSE);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	fault_vfs_arm(&(struct fault_plan){.ops = FAULT_SYNC, .n = 1, .many = 1000000});
	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "g%d", i);
		rows[i] = (struct fixture_row){.key = keys[i], .value = i};
		each[i] = (struct store_each){
			.fn = fixture_put_row, .arg = &rows[i], .err = &errs[i]};
	}
	store_write_each(f.s, each, N);
	fault_vfs_disarm();
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(each[i].result, -EIO);
		ck_assert_uint_gt(strlen(errs[i].msg), 5);
	}
	ck_assert_int_eq(fixture_count(f.s), 1);
	store_write_each(f.s, each, N);
	ck_assert_int_eq(fixture_count(f.s), 1 + N);
	fixture_end(&f);
}
END_TEST

static void add_sweeps(TCase *tc)
{
	tcase_add_test(tc, test_open_fails);
	tcase_add_test(tc, test_open_fails_existing);
	tcase_add_test(tc, test_read_fails);
	tcase_add_test(tc, test_write_fails);
	tcase_add_test(tc, test_write_fails_existing);
	tcase_add_test(tc, test_disk_full);
	tcase_add_test(tc, test_disk_full_interval);
	tcase_add_test(tc, test_sync_fails);
	tcase_add_test(tc, test_sync_fails_fsync);
	tcase_add_test(tc, test_truncate_fails);
	tcase_add_test(tc, test_delete_fails);
	tcase_add_test(tc, test_crash);
	tcase_add_test(tc, test_crash_existing);
	tcase_add_test(tc, test_power_loss);
	tcase_add_test(tc, test_power_loss_fsync);
	tcase_add_test(tc, test_power_loss_interval);
}

int main(void)
{
	Suite *suite = suite_create("store_fault");
	TCase *tc = tcase_create("fault");
	tcase_set_timeout(tc, 100);
	add_sweeps(tc);
	tcase_add_test(tc, test_full_disk_is_ENOSPC_and_passes);
	tcase_add_test(tc, test_interval_loss_is_told_by_sync);
	tcase_add_test(tc, test_failed_fsync_is_made_good_by_a_checkpoint);
	tcase_add_test(tc, test_interval_fsyncs_within_a_second);
	tcase_add_test(tc, test_close_mode_syncs_each_commit_and_fsync_mode_none);
	tcase_add_test(tc, test_checkpoint_fails);
	tcase_add_test(tc, test_failed_commit_of_a_group_is_told_to_each);
	tcase_add_test(tc, test_failed_commit_is_told_to_each);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
