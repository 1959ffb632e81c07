/* kill -9 of a process that writes with a page log, a standby, bases, a replica's
 * thread, promotion and pruning: afterwards the log, the standby's alone, and the
 * replica have every write that was acknowledged, and the database built from
 * base and log is the database. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/pagelog_fixture.h"

#define SUM "SELECT total(v) FROM kv"

static struct log_fixture x;
static int acks; /* in the child: to tell by */

/* In the child: one write, acknowledged through the pipe. */
static void write_one(int64_t value)
{
	char key[8];
	snprintf(key, sizeof(key), "k%d", (int)(value % 7));
	if (fixture_put(x.f.s, key, value, (size_t)(value * 37 % 9000), NULL) != 0 ||
		write(acks, &value, sizeof(value)) != sizeof(value)) {
		_exit(1);
	}
}

static void maintain(int64_t value, struct replica **replica)
{
	struct base b;
	if (value % 5 == 0) {
		base_roll(&x.bases, &b, NULL);
	}
	if (value % 11 == 0) {
		base_prune(&x.bases, pagelog_last_time(x.log) - 1000000, 0, NULL);
	}
	if (*replica != NULL && value % 23 == 0) {
		replica_promote(*replica, true, NULL);
		*replica = NULL;
	} else if (*replica == NULL && value % 7 == 0) {
		replica_delete(NULL, x.replica_path, NULL);
		if (replica_create(&x.bases, x.replica_path, NULL) == 0 &&
			replica_open(&x.replica, replica, NULL) == 0) {
			replica_start(*replica, NULL);
		}
	}
}

static void child(int fd, const void *arg)
{
	const int64_t *first = arg;
	struct replica *replica = NULL;
	struct base b;
	acks = fd;
	log_fixture_open(&x);
	if (base_find(&x.bases, UINT64_MAX, &b, NULL) != 0 &&
		base_take(&x.bases, x.f.s, &b, NULL) != 0) {
		_exit(2);
	}
	for (int64_t value = *first;; value++) {
		write_one(value);
		maintain(value, &replica);
	}
}

/* The last value acknowledged. */
static int64_t collect(const struct child *c, unsigned n, int64_t last)
{
	int64_t value;
	for (unsigned got = 0; read(c->told, &value, sizeof(value)) == sizeof(value);) {
		last = value;
		if (++got == n) {
			kill(c->pid, SIGKILL);
		}
	}
	return last;
}

static int64_t built_sum(void)
{
	ck_ok(base_build(&x.bases, pagelog_last(x.log), x.built_path, NEW_ERR));
	int64_t sum = log_fixture_query(x.built_path, SUM);
	ck_assert_int_eq(unlink(x.built_path), 0);
	return sum;
}

/* A replica or a promoted store or nothing, never anything between. */
static void check_replica(int64_t sum)
{
	struct replica *replica;
	struct replica_reader *reader;
	if (access(x.replica_path, F_OK) != 0) {
		return;
	}
	int rc = replica_open(&x.replica, &replica, NEW_ERR);
	if (rc == -ENOENT) {
		ck_assert_int_ge(log_fixture_query(x.replica_path, SUM), 0);
		return;
	}
	ck_ok(rc);
	ck_ok(replica_apply(replica, UINT64_MAX, NEW_ERR));
	ck_ok(replica_read_begin(replica, &reader, NEW_ERR));
	replica_read_end(reader);
	ck_ok(replica_promote(replica, true, NEW_ERR));
	ck_assert_int_eq(log_fixture_query(x.replica_path, SUM), sum);
}

static int64_t check_all(int64_t acknowledged)
{
	struct base b;
	log_fixture_open(&x);
	int64_t last = -1;
	for (int i = 0; i < 7; i++) {
		char key[8];
		snprintf(key, sizeof(key), "k%d", i);
		int64_t v = fixture_get(x.f.s, key, NEW_ERR);
		last = v > last ? v : last;
	}
	ck_assert_int_ge(last, acknowledged);
	ck_assert_int_le(last, acknowledged + 1);
	int64_t sum = built_sum();
	log_fixture_close(&x);
	ck_assert_int_eq(sum, fixture_query(x.f.path, SUM));
	/* The standby's log takes the place of the other. */
	remove_site(x.log_dir);
	log_fixture_open(&x);
	ck_assert_int_eq(built_sum(), sum);
	check_replica(sum);
	ck_ok(base_roll(&x.bases, &b, NEW_ERR));
	log_fixture_close(&x);
	return last;
}

START_TEST(test_kill_9_loses_nothing_of_log_standby_and_replica)
{
	const char *text = getenv("DBMOUNT_KILL_ROUNDS");
	int rounds = text != NULL ? atoi(text) : 12;
	int64_t last = 0;
	log_fixture_start(&x, NULL, NULL, true);
	log_fixture_close(&x);
	for (int round = 0; round < rounds; round++) {
		int64_t first = last + 1;
		struct child c = child_start(child, &first);
		last = collect(&c, 3 + (unsigned)(round * 29 % 71), last);
		child_reap(&c);
		last = check_all(last);
	}
	log_fixture_end(&x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pagelog_kill");
	TCase *tc = tcase_create("kill");
	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, test_kill_9_loses_nothing_of_log_standby_and_replica);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
