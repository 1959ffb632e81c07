/* Many threads: group commit, acknowledged writes are seen, copies under load,
 * the log and its tap. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

#define THREADS 8

static struct fixture f;

/* ---- the tap: what it was told, checked against the log itself ---- */

struct tap_log {
	pthread_mutex_t lock;
	unsigned n;
	uint32_t last;
	unsigned restarts;
	int fail; /* errno to answer with */
	bool wrong;
};

static struct tap_log tap_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The size field of a frame's header: not 0 in the last frame of a commit. */
static uint32_t commit_mark(const char *wal, uint32_t frame)
{
	unsigned char b[4] = {0};
	int fd = open(wal, O_RDONLY);
	ssize_t n = pread(fd, b, 4, 32 + (off_t)(frame - 1) * (24 + 4096) + 4);
	close(fd);
	return n == 4 ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
		      : 0;
}

static bool frames_are_exact(const struct store_commit *c, uint32_t last)
{
	if (c->first_frame != 1 && c->first_frame != last + 1) {
		return false;
	}
	for (uint32_t frame = c->first_frame; frame < c->last_frame; frame++) {
		if (commit_mark(c->wal_path, frame) != 0) {
			return false;
		}
	}
	return c->last_frame >= c->first_frame && commit_mark(c->wal_path, c->last_frame) != 0;
}

static int on_commit(void *arg, const struct store_commit *commit, struct err *err)
{
	struct tap_log *log = arg;
	pthread_mutex_lock(&log->lock);
	log->n++;
	log->wrong = log->wrong || commit->sequence != log->n || commit->time_ns <= 0 ||
		     !frames_are_exact(commit, log->last);
	log->restarts += log->last != 0 && commit->first_frame == 1;
	log->last = commit->last_frame;
	int code = log->fail;
	pthread_mutex_unlock(&log->lock);
	return code != 0 ? err_set(err, code, "the standby did not answer") : 0;
}

static void start(enum store_sync sync)
{
	fixture_init(&f, sync);
	f.config.tap = (struct store_tap){.committed = on_commit, .arg = &tap_log};
	fixture_open(&f);
}

static void finish(void)
{
	fixture_end(&f);
	ck_assert(!tap_log.wrong);
}

static void pause_ms(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&ts, NULL);
}

/* ---- group commit ---- */

static _Atomic bool gate_open;
static _Atomic bool gate_reached;
static _Atomic unsigned n_writers;

static int wait_at_gate(struct store_txn *t, void *arg, struct err *err)
{
	(void)t;
	(void)arg;
	(void)err;
	gate_reached = true;
	while (!gate_open) {
		pause_ms(1);
	}
	return 0;
}

static void *hold_gate(void *arg)
{
	(void)arg;
	ck_ok(store_write(f.s, NULL, 0, wait_at_gate, NULL, NEW_ERR));
	return NULL;
}

static int refuse(struct store_txn *t, void *arg, struct err *err)
{
	(void)t;
	(void)arg;
	return err_set(err, EBUSY, "refused");
}

static void *write_one(void *arg)
{
	char key[16];
	int i = *(int *)arg;
	snprintf(key, sizeof(key), "g%d", i);
	n_writers++;
	if (i % 10 == 9) {
		ck_assert_int_eq(store_write(f.s, NULL, 0, refuse, NULL, NEW_ERR), -EBUSY);
	} else {
		ck_ok(fixture_put(f.s, key, i, 0, NEW_ERR));
	}
	return NULL;
}

enum { N_WAITING = 40 };

/* The commits of those who came while one held the turn. That they wait cannot be seen:
 * they are given `ms` for it. */
static unsigned commits_behind_gate(int ms)
{
	pthread_t gate;
	pthread_t t[N_WAITING];
	int number[N_WAITING];
	unsigned before = tap_log.n;
	gate_open = gate_reached = false;
	n_writers = 0;
	pthread_create(&gate, NULL, hold_gate, NULL);
	while (!gate_reached) {
		pause_ms(1);
	}
	for (int i = 0; i < N_WAITING; i++) {
		number[i] = i;
		pthread_create(&t[i], NULL, write_one, &number[i]);
	}
	while (n_writers < N_WAITING) {
		pause_ms(1);
	}
	pause_ms(ms);
	gate_open = true;
	pthread_join(gate, NULL);
	for (int i = 0; i < N_WAITING; i++) {
		pthread_join(t[i], NULL);
	}
	return tap_log.n - before;
}

START_TEST(test_what_waits_goes_under_one_commit)
{
	unsigned commits = 0;
	start(STORE_SYNC_CLOSE);
	ck_ok(fixture_put(f.s, "first", 0, 0, NEW_ERR));
	for (int ms = 50; ms < 10000 && commits != 1; ms *= 2) {
		commits = commits_behind_gate(ms);
	}
	ck_assert_uint_eq(commits, 1);
	ck_assert_int_eq(fixture_count(f.s), 1 + N_WAITING - N_WAITING / 10);
	finish();
}
END_TEST

START_TEST(test_tap_failure_reaches_the_writer)
{
	struct err err = {0};
	start(STORE_SYNC_CLOSE);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	tap_log.fail = EIO;
	ck_assert_int_eq(fixture_put(f.s, "k", 2, 0, &err), -EIO);
	ck_assert_str_eq(err.msg, "the standby did not answer");
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 2);
	tap_log.fail = 0;
	ck_ok(fixture_put(f.s, "k", 3, 0, NEW_ERR));
	finish();
}
END_TEST

START_TEST(test_interval_loss_is_told_by_sync)
{
	struct err err = {0};
	start(STORE_SYNC_INTERVAL);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_ok(store_sync(f.s, NEW_ERR));
	pthread_mutex_lock(&tap_log.lock);
	tap_log.fail = ENOSPC;
	pthread_mutex_unlock(&tap_log.lock);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	ck_assert_int_eq(store_sync(f.s, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "the standby did not answer"));
	pthread_mutex_lock(&tap_log.lock);
	tap_log.fail = 0;
	pthread_mutex_unlock(&tap_log.lock);
	ck_ok(store_sync(f.s, NEW_ERR));
	finish();
}
END_TEST

START_TEST(test_interval_commits_by_itself)
{
	start(STORE_SYNC_INTERVAL);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	for (int i = 0; i < 6000 && store_sequence(f.s) < 2; i++) {
		pause_ms(10);
	}
	ck_assert_uint_eq(store_sequence(f.s), 2);
	finish();
}
END_TEST

/* ---- acknowledged is seen ---- */

static _Atomic unsigned n_wrong;

static void *write_and_read(void *arg)
{
	char key[16];
	struct err err = {0};
	snprintf(key, sizeof(key), "t%d", *(int *)arg);
	for (int i = 0; i < 150; i++) {
		if (fixture_put(f.s, key, i, (size_t)(i % 5) * 900, &err) != 0 ||
			fixture_get(f.s, key, &err) != i) {
			n_wrong++;
		}
		if (i % 40 == 0 && store_sync(f.s, &err) != 0) {
			n_wrong++;
		}
	}
	return NULL;
}

static void *read_all(void *arg)
{
	const _Atomic bool *stop = arg;
	while (!*stop) {
		if (fixture_count(f.s) > THREADS) {
			n_wrong++;
		}
	}
	return NULL;
}

static void check_seen(enum store_sync sync)
{
	pthread_t t[THREADS];
	pthread_t reader;
	int number[THREADS];
	_Atomic bool stop = false;
	start(sync);
	pthread_create(&reader, NULL, read_all, &stop);
	for (int i = 0; i < THREADS; i++) {
		number[i] = i;
		pthread_create(&t[i], NULL, write_and_read, &number[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(t[i], NULL);
	}
	stop = true;
	pthread_join(reader, NULL);
	ck_assert_uint_eq(n_wrong, 0);
	ck_assert_int_eq(fixture_count(f.s), THREADS);
	finish();
}

START_TEST(test_acknowledged_is_seen_close)
{
	check_seen(STORE_SYNC_CLOSE);
}
END_TEST

START_TEST(test_acknowledged_is_seen_fsync)
{
	check_seen(STORE_SYNC_FSYNC);
}
END_TEST

START_TEST(test_acknowledged_is_seen_interval)
{
	check_seen(STORE_SYNC_INTERVAL);
}
END_TEST

/* ---- copies under writers ---- */

/* Moves one from "a" to "b": their sum is always the same. */
static int transfer(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	sqlite3 *db = store_txn_db(t);
	return sqlite3_exec(db,
		       "UPDATE kv SET v = v - 1, body = randomblob(3000) WHERE k = x'61';"
		       "UPDATE kv SET v = v + 1 WHERE k = x'62'",
		       NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(db, "transfer", err);
}

static void *transfer_on(void *arg)
{
	const _Atomic bool *stop = arg;
	while (!*stop) {
		ck_ok(store_write(f.s, NULL, 0, transfer, NULL, NEW_ERR));
	}
	return NULL;
}

START_TEST(test_copy_under_writers_is_of_one_moment)
{
	pthread_t t[2];
	_Atomic bool stop = false;
	start(STORE_SYNC_FSYNC);
	ck_ok(fixture_put(f.s, "a", 1000000, 0, NEW_ERR));
	ck_ok(fixture_put(f.s, "b", 0, 0, NEW_ERR));
	for (int i = 0; i < 40; i++) {
		char key[16];
		snprintf(key, sizeof(key), "fill%d", i);
		ck_ok(fixture_put(f.s, key, 0, 100000, NEW_ERR));
	}
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[i], NULL, transfer_on, &stop);
	}
	for (int i = 0; i < 5; i++) {
		char to[256];
		snprintf(to, sizeof(to), "%s/copy%d", f.dir, i);
		ck_ok(store_copy(f.s, to, NULL, NULL, NEW_ERR));
		ck_assert_int_eq(fixture_query(to, "SELECT sum(v) FROM kv"), 1000000);
		ck_assert_int_eq(fixture_query(to, "SELECT clean FROM _dbmount_store"), 1);
		struct store_config config = f.config;
		struct store *copy = NULL;
		config.path = to;
		config.read_only = true;
		ck_ok(store_open(&config, &copy, NEW_ERR));
		store_close(copy);
	}
	stop = true;
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	finish();
}
END_TEST

/* ---- the log ---- */

static uint64_t wal_bytes(void)
{
	char path[256];
	snprintf(path, sizeof(path), "%s-wal", f.path);
	int fd = open(path, O_RDONLY);
	off_t n = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	close(fd);
	return (uint64_t)n;
}

START_TEST(test_log_is_begun_anew)
{
	start(STORE_SYNC_FSYNC);
	for (int i = 0; i < 600; i++) {
		ck_ok(fixture_put(f.s, "k", i, 40000, NEW_ERR));
		fixture_count(f.s);
	}
	ck_assert_uint_gt(tap_log.restarts, 2);
	ck_assert_uint_lt(wal_bytes(), 20 << 20);
	finish();
}
END_TEST

START_TEST(test_long_reader_only_delays)
{
	struct store_reader *r;
	struct err err = {0};
	start(STORE_SYNC_FSYNC);
	ck_ok(fixture_put(f.s, "k", -7, 0, NEW_ERR));
	ck_ok(store_read_begin(f.s, STORE_ALL_KEYS, &r, NEW_ERR));
	sqlite3_stmt *stmt = store_reader_stmt(r, FX_SUM, &err);
	ck_assert_int_eq(store_step(stmt, &err), 1);
	for (int i = 0; i < 1000; i++) {
		ck_ok(fixture_put(f.s, "k", i, 80000, NEW_ERR));
	}
	ck_assert_uint_gt(wal_bytes(), 64 << 20);
	ck_assert_uint_gt(store_bytes(f.s), 64 << 20);
	stmt = store_reader_stmt(r, FX_SUM, &err);
	ck_assert_int_eq(store_step(stmt, &err), 1);
	ck_assert_int_eq(sqlite3_column_int64(stmt, 0), -7);
	store_read_end(r);
	for (int i = 0; i < 6000 && wal_bytes() > 1 << 20; i++) {
		pause_ms(10);
	}
	ck_assert_uint_le(wal_bytes(), 1 << 20);
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 999);
	finish();
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, test_what_waits_goes_under_one_commit);
	tcase_add_test(tc, test_tap_failure_reaches_the_writer);
	tcase_add_test(tc, test_interval_loss_is_told_by_sync);
	tcase_add_test(tc, test_interval_commits_by_itself);
	tcase_add_test(tc, test_acknowledged_is_seen_close);
	tcase_add_test(tc, test_acknowledged_is_seen_fsync);
	tcase_add_test(tc, test_acknowledged_is_seen_interval);
	tcase_add_test(tc, test_copy_under_writers_is_of_one_moment);
	tcase_add_test(tc, test_log_is_begun_anew);
	tcase_add_test(tc, test_long_reader_only_delays);
}

int main(void)
{
	Suite *suite = suite_create("store_threads");
	TCase *tc = tcase_create("threads");
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
