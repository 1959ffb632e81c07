/* Base copies, points in time, replicas. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/fault_disk.h"
#include "engines/common/cleanup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/pagelog_fixture.h"

#define GET_A "SELECT v FROM kv WHERE k = x'61'"
#define COUNT "SELECT count(*) FROM kv"

static struct log_fixture x;
static struct replica *replica;

static void put(const char *key, int value)
{
	ck_ok(fixture_put(x.f.s, key, value, 20, NEW_ERR));
}

static int64_t built(uint64_t sequence, const char *sql)
{
	ck_ok(base_build(&x.bases, sequence, x.built_path, NEW_ERR));
	int64_t value = log_fixture_query(x.built_path, sql);
	ck_assert_int_eq(unlink(x.built_path), 0);
	return value;
}

static void pause_ms(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	nanosleep(&ts, NULL);
}

/* ---- bases ---- */

START_TEST(test_any_commit_since_the_base_can_be_built)
{
	log_fixture_start(&x, NULL, NULL, false);
	struct base b;
	ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
	uint64_t at[30];
	for (int i = 0; i < 30; i++) {
		put("a", i);
		at[i] = pagelog_last(x.log);
	}
	for (int i = 0; i < 30; i++) {
		ck_assert_int_eq(built(at[i], GET_A), i);
	}
	ck_assert_int_eq(built(b.sequence, COUNT), 0);
	struct err err = {0};
	ck_assert_int_eq(
		base_build(&x.bases, pagelog_last(x.log) + 1, x.built_path, &err), -ENODATA);
	ck_assert_int_ne(access(x.built_path, F_OK), 0);
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_time_before_an_update_can_be_built)
{
	log_fixture_start(&x, NULL, NULL, false);
	struct base b;
	put("a", 1);
	ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
	int64_t before = pagelog_last_time(x.log);
	put("a", 2);
	uint64_t sequence;
	ck_ok(base_build_time(&x.bases, before, x.built_path, &sequence, NEW_ERR));
	ck_assert_int_eq(log_fixture_query(x.built_path, GET_A), 1);
	ck_assert_int_eq(base_build_time(&x.bases, before, x.built_path, NULL, NEW_ERR), -EEXIST);
	ck_assert_int_eq(unlink(x.built_path), 0);
	ck_ok(base_build_time(&x.bases, INT64_MAX, x.built_path, &sequence, NEW_ERR));
	ck_assert_int_eq(log_fixture_query(x.built_path, GET_A), 2);
	ck_assert_int_eq(unlink(x.built_path), 0);
	ck_assert_int_eq(
		base_build_time(&x.bases, before - 1, x.built_path, NULL, NEW_ERR), -ENODATA);
	log_fixture_end(&x);
}
END_TEST

static _Atomic bool writing;

static void *write_on(void *arg)
{
	(void)arg;
	for (int i = 0; writing; i++) {
		char key[8];
		snprintf(key, sizeof(key), "k%d", i % 50);
		ck_ok(fixture_put(x.f.s, key, i, 3000, NEW_ERR));
		ck_ok(fixture_put(x.f.s, "a", i, 0, NEW_ERR));
	}
	return NULL;
}

START_TEST(test_base_under_writers_is_exactly_its_commit)
{
	log_fixture_start(&x, NULL, NULL, false);
	struct base first;
	ck_ok(base_take(&x.bases, x.f.s, &first, NEW_ERR));
	pthread_t t[2];
	writing = true;
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[i], NULL, write_on, NULL);
	}
	/* A copy at the first base's own commit would be that base. */
	while (pagelog_last(x.log) == first.sequence) {
		usleep(1000);
	}
	for (int i = 0; i < 8; i++) {
		struct base b;
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
		base_path(&x.bases, &b, &path);
		int64_t sum = log_fixture_query(path.p, "SELECT total(v) + count(*) FROM kv");
		ck_assert_int_eq(unlink(path.p), 0);
		/* From the first base and the log alone. */
		ck_assert_int_eq(built(b.sequence, "SELECT total(v) + count(*) FROM kv"), sum);
	}
	writing = false;
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
	}
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_bases_and_segments_are_pruned_to_the_period)
{
	log_fixture_start(&x, NULL, NULL, false);
	struct base b;
	int64_t time[5];
	uint64_t at[5];
	ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
	for (int i = 0; i < 5; i++) {
		put("a", i);
		ck_ok(fixture_put(x.f.s, "big", i, (size_t)17 << 20, NEW_ERR));
		at[i] = pagelog_last(x.log);
		time[i] = pagelog_last_time(x.log);
		ck_ok(base_roll(&x.bases, &b, NEW_ERR));
		ck_assert_uint_eq(b.sequence, at[i]);
	}
	ck_ok(base_prune(&x.bases, time[2] + 1, UINT64_MAX, NEW_ERR));
	ck_assert_uint_eq(built(at[2], GET_A), 2);
	ck_assert_uint_eq(built(at[4], GET_A), 4);
	ck_assert_uint_gt(pagelog_first(x.log), 1);
	ck_assert_int_eq(base_build(&x.bases, at[1], x.built_path, NEW_ERR), -ENODATA);
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_gap_is_not_crossed)
{
	log_fixture_start(&x, NULL, NULL, false);
	struct base b;
	put("a", 1);
	ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
	put("a", 2);
	uint64_t before = pagelog_last(x.log);
	ck_ok(replica_create(&x.bases, x.replica_path, NEW_ERR));
	ck_ok(replica_open(&x.replica, &replica, NEW_ERR));
	ck_ok(pagelog_gap(x.log, NEW_ERR));
	put("a", 3);
	struct err err = {0};
	ck_assert_int_eq(base_build(&x.bases, before + 2, x.built_path, &err), -ENODATA);
	ck_assert_ptr_nonnull(strstr(err.msg, "gap at commit"));
	ck_assert_int_eq(built(before, GET_A), 2);
	ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
	put("a", 4);
	ck_assert_int_eq(built(pagelog_last(x.log), GET_A), 4);
	/* The replica stands before it, readable. */
	ck_assert_int_eq(replica_apply(replica, UINT64_MAX, NEW_ERR), -ENODATA);
	struct replica_reader *reader;
	ck_ok(replica_read_begin(replica, &reader, NEW_ERR));
	ck_assert_uint_eq(replica_reader_sequence(reader), before);
	replica_read_end(reader);
	replica_close(replica);
	log_fixture_end(&x);
}
END_TEST

/* ---- replicas ---- */

static void start_replica(void)
{
	struct base b;
	log_fixture_start(&x, NULL, NULL, false);
	put("a", 0);
	ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
	ck_ok(replica_create(&x.bases, x.replica_path, NEW_ERR));
	ck_ok(replica_open(&x.replica, &replica, NEW_ERR));
}

static int64_t replica_int(const char *sql)
{
	struct replica_reader *reader;
	sqlite3_stmt *stmt;
	ck_ok(replica_read_begin(replica, &reader, NEW_ERR));
	ck_assert_int_eq(
		sqlite3_prepare_v2(replica_reader_db(reader), sql, -1, &stmt, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	replica_read_end(reader);
	return value;
}

static void wait_for(uint64_t sequence)
{
	struct replica_status st;
	for (int i = 0; i < 60000; i++) {
		replica_status(replica, &st);
		if (st.sequence >= sequence) {
			return;
		}
		pause_ms(2);
	}
	ck_abort_msg("the replica stays at %d", (int)st.sequence);
}

START_TEST(test_replica_follows)
{
	start_replica();
	ck_ok(replica_start(replica, NEW_ERR));
	for (int i = 1; i <= 20; i++) {
		put("a", i);
		wait_for(pagelog_last(x.log));
		ck_assert_int_eq(replica_int(GET_A), i);
	}
	struct replica_status st;
	replica_status(replica, &st);
	ck_assert(st.running && st.lag_commits == 0 && st.lag_bytes == 0 && st.lag_ns == 0);
	ck_assert_str_eq(st.region, "eu-west-1");
	replica_close(replica);
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_replica_refuses_writes)
{
	start_replica();
	struct replica_reader *reader;
	struct err err = {0};
	ck_ok(replica_read_begin(replica, &reader, NEW_ERR));
	sqlite3 *db = replica_reader_db(reader);
	ck_assert_int_eq(sqlite3_exec(db, "DELETE FROM kv", NULL, NULL, NULL), SQLITE_READONLY);
	ck_assert_int_eq(store_sql_error(db, "replica R", &err), -EROFS);
	replica_read_end(reader);
	replica_close(replica);
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_delayed_replica_shows_the_older_rows_and_its_lag)
{
	start_replica();
	replica_set_delay(replica, 3600000);
	ck_ok(replica_start(replica, NEW_ERR));
	put("a", 1);
	put("a", 2);
	uint64_t last = pagelog_last(x.log);
	pause_ms(100);
	struct replica_status st;
	replica_status(replica, &st);
	ck_assert_uint_eq(st.lag_commits, 2);
	ck_assert_uint_gt(st.lag_bytes, 2 * 4096);
	ck_assert_int_ge(st.lag_ns, 100000000);
	ck_assert_int_eq(replica_int(GET_A), 0);
	replica_set_delay(replica, 400);
	wait_for(last);
	ck_assert_int_ge((int64_t)time(NULL) * 1000000000 + 1000000000 - pagelog_last_time(x.log),
		400000000);
	ck_assert_int_eq(replica_int(GET_A), 2);
	replica_close(replica);
	log_fixture_end(&x);
}
END_TEST

static _Atomic bool wrong;

/* Every write moves 1 between two keys: the sum stays, in each commit. */
static int move_one(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	return sqlite3_exec(store_txn_db(t),
		       "UPDATE kv SET v = v - 1, body = randomblob(5000) WHERE k = x'61';"
		       "UPDATE kv SET v = v + 1, body = randomblob(5000) WHERE k = x'62';",
		       NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(store_txn_db(t), "move", err);
}

static void *read_sums(void *arg)
{
	(void)arg;
	int64_t before = -1;
	while (writing) {
		struct replica_status st;
		replica_status(replica, &st);
		wrong = wrong || replica_int("SELECT total(v) FROM kv") != 1000;
		wrong = wrong || (int64_t)st.sequence < before;
		before = (int64_t)st.sequence;
	}
	return NULL;
}

START_TEST(test_readers_see_whole_commits)
{
	start_replica();
	put("a", 600);
	put("b", 400);
	ck_ok(replica_start(replica, NEW_ERR));
	wait_for(pagelog_last(x.log));
	writing = true;
	pthread_t t[3];
	for (int i = 0; i < 3; i++) {
		pthread_create(&t[i], NULL, read_sums, NULL);
	}
	for (int i = 0; i < 150; i++) {
		ck_ok(store_write(x.f.s, NULL, 0, move_one, NULL, NEW_ERR));
	}
	wait_for(pagelog_last(x.log));
	writing = false;
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
	}
	ck_assert(!wrong);
	ck_assert_int_eq(replica_int("SELECT v FROM kv WHERE k = x'62'"), 550);
	replica_close(replica);
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_promoted_replica_is_a_store_of_its_own)
{
	start_replica();
	put("a", 7);
	ck_ok(replica_promote(replica, true, NEW_ERR));
	put("a", 8);
	struct fixture own = {0};
	fixture_init(&own, STORE_SYNC_CLOSE);
	own.config.path = x.replica_path;
	fixture_open(&own);
	ck_assert_int_eq(fixture_get(own.s, "a", NEW_ERR), 7);
	ck_ok(fixture_put(own.s, "a", 9, 20, NEW_ERR));
	ck_assert_int_eq(fixture_get(own.s, "a", NEW_ERR), 9);
	ck_assert_int_eq(fixture_get(x.f.s, "a", NEW_ERR), 8);
	fixture_end(&own);
	ck_assert_int_eq(replica_open(&x.replica, &replica, NEW_ERR), -ENOENT);
	log_fixture_end(&x);
}
END_TEST

START_TEST(test_replica_goes_on_after_a_failed_write)
{
	struct base b;
	for (unsigned n = 1; n <= 12; n++) {
		log_fixture_start(&x, &fault_disk, NULL, false);
		put("a", 0);
		ck_ok(base_take(&x.bases, x.f.s, &b, NEW_ERR));
		ck_ok(replica_create(&x.bases, x.replica_path, NEW_ERR));
		ck_ok(replica_open(&x.replica, &replica, NEW_ERR));
		put("a", 1);
		put("a", 2);
		fault_disk_arm(n, ENOSPC, false);
		int rc = replica_apply(replica, UINT64_MAX, NEW_ERR);
		ck_assert_int_eq(rc, fault_disk_fired() ? -ENOSPC : 0);
		fault_disk_arm(0, 0, false);
		ck_ok(replica_apply(replica, UINT64_MAX, NEW_ERR));
		ck_assert_int_eq(replica_int(GET_A), 2);
		replica_close(replica);
		fault_disk_settle();
		log_fixture_end(&x);
	}
}
END_TEST

START_TEST(test_replica_the_log_left_behind_says_so)
{
	start_replica();
	replica_close(replica);
	for (int i = 0; i < 3; i++) {
		ck_ok(fixture_put(x.f.s, "big", i, (size_t)17 << 20, NEW_ERR));
	}
	ck_ok(pagelog_drop_below(x.log, pagelog_last(x.log), NEW_ERR));
	ck_ok(replica_open(&x.replica, &replica, NEW_ERR));
	struct err err = {0};
	ck_assert_int_eq(replica_apply(replica, UINT64_MAX, &err), -ENODATA);
	ck_assert_ptr_nonnull(strstr(err.msg, "no longer holds commit"));
	ck_assert_int_eq(replica_int(GET_A), 0);
	replica_close(replica);
	ck_ok(replica_delete(NULL, x.replica_path, NEW_ERR));
	log_fixture_end(&x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("replica");
	TCase *tc = tcase_create("base");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_any_commit_since_the_base_can_be_built);
	tcase_add_test(tc, test_time_before_an_update_can_be_built);
	tcase_add_test(tc, test_base_under_writers_is_exactly_its_commit);
	tcase_add_test(tc, test_bases_and_segments_are_pruned_to_the_period);
	tcase_add_test(tc, test_gap_is_not_crossed);
	suite_add_tcase(suite, tc);
	tc = tcase_create("replica");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_replica_follows);
	tcase_add_test(tc, test_replica_refuses_writes);
	tcase_add_test(tc, test_delayed_replica_shows_the_older_rows_and_its_lag);
	tcase_add_test(tc, test_readers_see_whole_commits);
	tcase_add_test(tc, test_promoted_replica_is_a_store_of_its_own);
	tcase_add_test(tc, test_replica_goes_on_after_a_failed_write);
	tcase_add_test(tc, test_replica_the_log_left_behind_says_so);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
