/* What a cluster holds (engines/redshift/run) while many change it, after many changes, and after
 * crashes; with each driver. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/unit/random.h"
#include "tests/unit/redshift_run_fixture.h"

static struct run_fixture f;

static void start(int driver)
{
	rf_start(&f, sql_drivers[driver], 2);
}

struct reading {
	_Atomic bool stop;
	_Atomic unsigned n;
};

/* Two tables that every script changes alike. */
static void *read_both(void *arg)
{
	struct reading *r = arg;
	struct run_fixture mine = f;

	mine.answer = (struct buf){0};
	while (!atomic_load(&r->stop)) {
		const char *got = rf_ask(&mine, NULL,
			"select (select count(*) from a) - (select count(*) from b), "
			"(select coalesce(sum(v), 0) from a) - (select coalesce(sum(v), 0) from "
			"b)");
		ck_assert_str_eq(got, "0|0\n");
		atomic_fetch_add(&r->n, 1);
	}
	buf_free(&mine.answer);
	return NULL;
}

START_TEST(test_readers_and_writers)
{
	struct reading r = {0};
	pthread_t thread[2];

	start(_i);
	rf_run(&f, "create table a(v bigint); create table b(v bigint) diststyle even;");
	for (unsigned i = 0; i < 2; i++) {
		pthread_create(&thread[i], NULL, read_both, &r);
	}
	for (unsigned i = 0; i < 7 || (atomic_load(&r.n) < 4 && i < 1000); i++) {
		char script[300];
		snprintf(script, sizeof(script),
			"insert into a values (%u), (%u); insert into b values (%u), (%u);"
			"update a set v = v + 1 where v %% 3 = %u; update b set v = v + 1 where v "
			"%% 3 = %u; %s",
			i, i + 5, i, i + 5, i % 3, i % 3,
			i % 5 == 4 ? "delete from a where v < 8; delete from b where v < 8;" : "");
		rf_run(&f, script);
	}
	atomic_store(&r.stop, true);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
	}
	rf_end(&f);
}
END_TEST

static void *write_rows(void *arg)
{
	struct run_fixture mine = f;

	(void)arg;
	mine.report = (struct buf){0};
	for (unsigned i = 0; i < 5; i++) {
		rf_run(&mine, "insert into t select max(v) + 1 from t");
	}
	buf_free(&mine.report);
	return NULL;
}

START_TEST(test_writers_wait_for_each_other)
{
	pthread_t thread[3];

	start(_i);
	rf_run(&f, "create table t(v int); insert into t values (0)");
	for (unsigned i = 0; i < 3; i++) {
		pthread_create(&thread[i], NULL, write_rows, NULL);
	}
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(thread[i], NULL);
	}
	rf_is(&f, "select count(*), count(distinct v), max(v) from t", "16|16|15\n");
	rf_end(&f);
}
END_TEST

/* ---- AUTO ---- */

static enum rs_diststyle placement_of(const char *name)
{
	struct rs_catalog *now = rs_leader_catalog(f.c->leader);
	enum rs_diststyle placement = rs_catalog_table(now, NULL, name)->placement;

	rs_catalog_unref(now);
	return placement;
}

START_TEST(test_auto_is_spread_once_it_is_large)
{
	start(_i);
	rf_run(&f, "create table t(v int); insert into t values (1);");
	for (unsigned i = 0; i < 16; i++) {
		rf_run(&f, "insert into t select v + 1 from t");
	}
	ck_assert_int_eq(placement_of("t"), RS_DIST_ALL);
	rf_run(&f, "insert into t select v + 1 from t");
	ck_assert_int_eq(placement_of("t"), RS_DIST_EVEN);
	rf_is(&f, "select count(*), min(v), max(v) from t", "131072|1|18\n");
	rf_run(&f, "truncate t");
	ck_assert_int_eq(placement_of("t"), RS_DIST_ALL);
	rf_end(&f);
}
END_TEST

/* ---- against a plain copy ---- */

#define MODEL_ROUNDS 32

static void model_script(char *script, size_t n)
{
	int a = rng() % 40, b = rng() % 100;

	switch (rng() % 7) {
	case 0:
	case 1:
	case 2:
		snprintf(script, n, "insert into t values (%d, %d), (%d, %d)", a, b, a + 1, b + 1);
		break;
	case 3: snprintf(script, n, "delete from t where k %% 7 = %d", a % 7); break;
	case 4:
		snprintf(script, n, "update t set v = v + %d where k between %d and %d", b, a,
			a + 10);
		break;
	case 5:
		snprintf(script, n, "insert into t select k + 1, v - %d from t where k > %d", b, a);
		break;
	default: snprintf(script, n, "update t set k = %d where v < %d", a, b); break;
	}
}

static void model_answer(sqlite3 *db, struct buf *out)
{
	sqlite3_stmt *stmt;

	buf_clear(out);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db, "SELECT k, v FROM t ORDER BY 1, 2", -1, &stmt, NULL),
		SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		buf_printf(
			out, "%s|%s\n", sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1));
	}
	sqlite3_finalize(stmt);
}

static const char *const model_tables[] = {"create table t(k int, v bigint)",
	"create table t(k int distkey, v bigint) sortkey(v)",
	"create table t(k int, v bigint) diststyle even",
	"create table t(k int, v bigint) diststyle all"};

static void model_round(sqlite3 *db, struct buf *want)
{
	char script[200], failing[260];

	model_script(script, sizeof(script));
	if (rng() % 5 == 0) { /* it does not count */
		snprintf(failing, sizeof(failing), "%s; select * from nowhere", script);
		rf_refuse(&f, failing, ENOENT, "nowhere");
	} else {
		rf_run(&f, script);
		ck_assert_int_eq(sqlite3_exec(db, script, NULL, NULL, NULL), SQLITE_OK);
	}
	if (rng() % 15 == 0) {
		rf_run(&f, "vacuum t");
	}
	model_answer(db, want);
	rf_is(&f, "select k, v from t order by 1, 2", buf_cstr(want));
}

START_TEST(test_random_changes)
{
	CLEANUP(buf_free) struct buf want = BUF_INIT;
	sqlite3 *db;

	start(_i);
	for (unsigned style = 0; style < 4; style++) {
		rng_seed(style);
		ck_assert_int_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
		sqlite3_exec(db, "CREATE TABLE t(k, v)", NULL, NULL, NULL);
		rf_run(&f, model_tables[style]);
		for (unsigned i = 0; i < MODEL_ROUNDS / 4; i++) {
			model_round(db, &want);
		}
		rf_close(&f);
		rf_lose_zone(&f, style % 2); /* both have the same */
		rf_open(&f);
		rf_is(&f, "select k, v from t order by 1, 2", buf_cstr(&want));
		rf_run(&f, "drop table t");
		sqlite3_close(db);
	}
	rf_end(&f);
}
END_TEST

/* ---- crashes ---- */

#define CRASH_ROUNDS 2

struct crash {
	const struct sql_driver *driver;
	const char *dir;
};

/* Each script moves both tables from one state to the next. */
static void work(int fd, const void *arg)
{
	const struct crash *x = arg;
	struct run_fixture mine;

	rf_adopt(&mine, x->driver, x->dir);
	rf_open(&mine);
	for (unsigned i = 0;; i++) {
		rf_run(&mine, i % 3 == 2
				      ? "delete from a where v % 2 = 0; delete from b where v % "
					"2 = 0; insert into log select coalesce(max(n), 0) + 1 "
					"from log"
				      : "insert into a select n.v from (select 1 as v union all "
					"select 2) n; insert into b select 1 union all select "
					"2; update a set v = v + 1; update b set v = v + 1; "
					"insert into log select coalesce(max(n), 0) + 1 from log");
		if (write(fd, "x", 1) != 1) {
			_exit(2);
		}
	}
}

static unsigned long run_and_kill(const struct crash *x, unsigned steps, unsigned more)
{
	struct child c = child_start(work, x);
	char done[64];
	unsigned long n = 0;
	ssize_t got;

	while (n < steps && (got = read(c.told, done, 1)) > 0) {
		n += (unsigned long)got;
	}
	usleep(more);
	kill(c.pid, SIGKILL);
	while ((got = read(c.told, done, sizeof(done))) > 0) {
		n += (unsigned long)got;
	}
	child_reap(&c);
	return n;
}

static void check_after(unsigned long before, unsigned long told)
{
	unsigned long logged = strtoul(rf_ask(&f, NULL, "select count(*) from log"), NULL, 10);

	/* What was told counts; of what was under way all or nothing. */
	ck_assert_uint_ge(logged, before + told);
	ck_assert_uint_le(logged, before + told + 1);
	rf_is(&f,
		"select (select count(*) from a) - (select count(*) from b), (select "
		"coalesce(sum(v), 0) from a) - (select coalesce(sum(v), 0) from b)",
		"0|0\n");
	rf_is(&f, "select count(*) - count(distinct n) from log", "0\n");
}

START_TEST(test_a_crash_is_before_or_after)
{
	struct crash x = {sql_drivers[_i], f.dir};

	start(_i);
	rf_run(&f, "create table a(v int); create table b(v int distkey); create table log(n int) "
		   "diststyle even;");
	rng_seed(7);
	for (unsigned round = 0; round < CRASH_ROUNDS; round++) {
		unsigned long before =
			strtoul(rf_ask(&f, NULL, "select count(*) from log"), NULL, 10);
		rf_close(&f);
		unsigned long told =
			run_and_kill(&x, 1 + (unsigned)rng() % 3, (unsigned)rng() % 30000);
		rf_open(&f);
		check_after(before, told);
		CLEANUP(buf_free) struct buf rows = BUF_INIT;
		buf_puts(&rows, rf_ask(&f, NULL, "select v from a order by v"));
		rf_close(&f);
		rf_lose_zone(&f, round % 2);
		rf_open(&f);
		rf_is(&f, "select v from a order by v", buf_cstr(&rows));
		check_after(before, told);
	}
	rf_end(&f);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {test_readers_and_writers, test_writers_wait_for_each_other,
		test_auto_is_spread_once_it_is_large, test_random_changes,
		test_a_crash_is_before_or_after};
	Suite *s = suite_create("redshift_state");
	TCase *t = tcase_create("state");
	int n = 0;

	while (sql_drivers[n] != NULL) {
		n++;
	}
	tcase_set_timeout(t, 200);
	for (unsigned i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		tcase_add_loop_test(t, tests[i], 0, n);
	}
	suite_add_tcase(s, t);
	return run_suite(s);
}
