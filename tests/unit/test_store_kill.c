/* kill -9 while four threads write: what they were told is there afterwards, and
 * no version or time comes twice. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

static struct fixture f;

/* What a writer was told, before the next write: fits a pipe's atomic size. */
struct ack {
	uint32_t thread;
	uint32_t value;
	uint64_t version;
	int64_t time;
};

static int acks; /* in the child: to tell by */

static int put_stamped(struct store_txn *t, void *arg, struct err *err)
{
	struct ack *a = arg;
	char key[16];
	snprintf(key, sizeof(key), "t%u", a->thread);
	sqlite3_stmt *stmt = store_txn_stmt(t, FX_PUT, err);
	if (stmt == NULL) {
		return -err->code;
	}
	a->version = store_txn_version(t);
	a->time = store_txn_time(t);
	store_bind_slice(stmt, 1, slice_of(key));
	sqlite3_bind_int64(stmt, 2, a->value);
	store_bind_slice(stmt, 3, slice_make(key, sizeof(key)));
	return store_step(stmt, err);
}

static void *write_until_killed(void *arg)
{
	uint32_t first = *(uint32_t *)arg;
	struct ack a = {.thread = first % 4, .value = first / 4};
	for (;;) {
		a.value++;
		if (store_write(f.s, NULL, 0, put_stamped, &a, NULL) != 0 ||
			write(acks, &a, sizeof(a)) != sizeof(a)) {
			_exit(1);
		}
	}
	return NULL;
}

static void child(int fd, const void *arg)
{
	const uint32_t *value = arg;
	uint32_t first[4];
	pthread_t t;
	struct err err = {0};
	acks = fd;
	if (store_open(&f.config, &f.s, &err) != 0) {
		_exit(2);
	}
	for (uint32_t i = 0; i < 4; i++) {
		first[i] = value[i] * 4 + i;
		pthread_create(&t, NULL, write_until_killed, &first[i]);
	}
	pthread_join(t, NULL);
}

struct seen {
	uint32_t value[4];
	uint64_t version;
	int64_t time;
	unsigned n;
};

static bool cmp_newer(const struct ack *a, const struct seen *before)
{
	return a->version > before->version && a->time > before->time;
}

/* Reads the acknowledgements of one round; kills the child after `n`. */
static void collect(struct seen *seen, const struct child *c, unsigned n)
{
	struct ack a;
	struct seen before = *seen;
	unsigned got = 0;
	while (read(c->told, &a, sizeof(a)) == sizeof(a)) {
		if (++got == n) {
			kill(c->pid, SIGKILL);
		}
		ck_assert(cmp_newer(&a, &before));
		ck_assert_uint_eq(a.value, seen->value[a.thread] + 1);
		seen->value[a.thread] = a.value;
		seen->version = a.version > seen->version ? a.version : seen->version;
		seen->time = a.time > seen->time ? a.time : seen->time;
	}
	ck_assert_uint_ge(got, n);
	seen->n += got;
}

/* Each thread may be ahead by the one write that was not told any more; with
 * INTERVAL behind, by what no COMMIT had yet taken. */
static void compare(struct seen *seen)
{
	struct err err = {0};
	bool may_lose = f.config.sync == STORE_SYNC_INTERVAL;
	fixture_open(&f);
	for (unsigned i = 0; i < 4; i++) {
		char key[16];
		snprintf(key, sizeof(key), "t%u", i);
		int64_t v = fixture_get(f.s, key, &err);
		v = v < 0 ? 0 : v; /* not written yet */
		ck_assert_int_ge(v, may_lose ? 0 : (int64_t)seen->value[i]);
		ck_assert_int_le(v, seen->value[i] + 1);
		seen->value[i] = (uint32_t)v;
	}
	fixture_close(&f);
}

static void kill_rounds(enum store_sync sync, int rounds)
{
	struct seen seen = {0};
	fixture_init(&f, sync);
	for (int round = 0; round < rounds; round++) {
		struct child c = child_start(child, seen.value);
		collect(&seen, &c, 10 + (unsigned)round * 23);
		child_reap(&c);
		compare(&seen);
	}
	fixture_end(&f);
}

START_TEST(test_kill_9_loses_nothing_close)
{
	kill_rounds(STORE_SYNC_CLOSE, 10);
}
END_TEST

START_TEST(test_kill_9_loses_nothing_fsync)
{
	kill_rounds(STORE_SYNC_FSYNC, 10);
}
END_TEST

START_TEST(test_kill_9_repeats_no_version_interval)
{
	kill_rounds(STORE_SYNC_INTERVAL, 6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_kill");
	TCase *tc = tcase_create("kill");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_kill_9_loses_nothing_close);
	tcase_add_test(tc, test_kill_9_loses_nothing_fsync);
	tcase_add_test(tc, test_kill_9_repeats_no_version_interval);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
