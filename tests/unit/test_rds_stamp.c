/* When rows are said to have changed: versions, times, what is told. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/fixture.h"
#include "tests/unit/rds_fixture.h"

static struct rds_fixture f;

/* Rows "t/1" whose version and time are looked at. */
struct mark {
	struct engine_info info;
	bool there;
};

static struct mark look(const char *table, const char *key)
{
	struct mark m;
	m.there = fixture_stat(&f, table, slice_of(key), &m.info) == 0;
	return m;
}

static void check_moved(const char *table, const char *key, struct mark before)
{
	struct mark now = look(table, key);
	ck_assert_msg(now.there, "%s/%s is gone", table, key);
	ck_assert_msg(now.info.version > before.info.version, "%s/%s: version stayed", table, key);
	ck_assert_msg(now.info.mtime_ns > before.info.mtime_ns, "%s/%s: mtime stayed", table, key);
}

static void check_stayed(const char *table, const char *key, struct mark before)
{
	struct mark now = look(table, key);
	ck_assert_msg(now.there, "%s/%s is gone", table, key);
	ck_assert_msg(now.info.version == before.info.version, "%s/%s: version", table, key);
	ck_assert_msg(now.info.mtime_ns == before.info.mtime_ns, "%s/%s: mtime", table, key);
}

static struct mark look_table(const char *table)
{
	struct mark m;
	m.there = fixture_table_stat(&f, table, &m.info) == 0;
	return m;
}

static void check_list_moved(const char *table, struct mark *before, bool moved)
{
	struct mark now = look_table(table);
	ck_assert_msg((now.info.mtime_ns > before->info.mtime_ns) == moved, "the list of '%s' %s",
		table, moved ? "stayed" : "moved");
	*before = now;
}

static void script(const char *sql)
{
	fixture_forget_told(&f);
	ck_assert_msg(fixture_script(&f, sql) == 0, "%s", f.err.msg);
}

static void check_told(const char *want)
{
	ck_assert_str_eq(fixture_told(&f), want);
}

START_TEST(only_rows_that_change_move)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, v, r REAL);"
		"INSERT INTO t VALUES(1, 1, 1), (2, 2, 2), (3, 3, 3);",
		true);
	struct mark list = look_table("t");
	struct mark a = look("t", "1");
	struct mark b = look("t", "2");
	script("UPDATE t SET v = 5 WHERE id = 1");
	check_told("t/1 ");
	check_moved("t", "1", a);
	check_stayed("t", "2", b);
	check_list_moved("t", &list, false);
	a = look("t", "1");
	script("UPDATE t SET v = v, r = r");
	check_told("");
	check_stayed("t", "1", a);
	script("DELETE FROM t WHERE id = 2");
	check_told("t/2 ");
	check_list_moved("t", &list, true);
	check_stayed("t", "1", a);
	script("INSERT INTO t VALUES(2, 2, 2)");
	check_moved("t", "2", b);
	check_list_moved("t", &list, true);
	b = look("t", "2");
	script("UPDATE t SET id = 9 WHERE id = 2");
	check_told("t/2 t/9 ");
	check_moved("t", "9", b);
	check_list_moved("t", &list, true);
	fixture_close(&f);
}
END_TEST

START_TEST(triggers_cascades_and_replace_are_noticed)
{
	fixture_open(&f,
		"CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE, n);"
		"CREATE TABLE k(a TEXT, b, p REFERENCES p ON UPDATE CASCADE ON DELETE SET NULL,"
		" PRIMARY KEY(b, a)) WITHOUT ROWID;"
		"CREATE TABLE log(id INTEGER PRIMARY KEY, t);"
		"CREATE TRIGGER g AFTER DELETE ON p BEGIN INSERT INTO log(t) VALUES(old.id);"
		" UPDATE p SET n = n + 1; END;"
		"INSERT INTO p VALUES(1, 'a', 0), (2, 'b', 0);"
		"INSERT INTO k VALUES('x', 1, 1), ('y', 2, 2);",
		true);
	struct mark k1 = look("k", "1,x");
	struct mark k2 = look("k", "2,y");
	struct mark p2 = look("p", "2");
	script("UPDATE p SET id = 5 WHERE id = 1");
	check_told("k/1,x p/1 p/5 ");
	check_moved("k", "1,x", k1);
	check_stayed("k", "2,y", k2);
	/* deletes 5, whose trigger writes log/1 and all of p, and lets go k/1,x */
	k1 = look("k", "1,x");
	script("REPLACE INTO p VALUES(7, 'a', 0)");
	check_told("k/1,x log/1 p/5 p/2 p/7 ");
	check_moved("k", "1,x", k1);
	check_moved("p", "2", p2);
	check_stayed("k", "2,y", k2);
	fixture_close(&f);
}
END_TEST

START_TEST(a_write_that_fails_leaves_no_stamp)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, v NOT NULL);"
		"INSERT INTO t VALUES(1, 1);",
		true);
	struct mark a = look("t", "1");
	ck_assert_int_ne(
		fixture_script(&f, "UPDATE t SET v = 2; INSERT INTO t VALUES(2, NULL)"), 0);
	check_told("");
	check_stayed("t", "1", a);
	fixture_close(&f);
}
END_TEST

START_TEST(a_row_made_again_has_a_greater_version)
{
	fixture_open(
		&f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);", true);
	struct mark a = look("t", "1");
	script("DELETE FROM t");
	script("INSERT INTO t VALUES(1, 1)");
	check_moved("t", "1", a);
	a = look("t", "1");
	script("DELETE FROM t; INSERT INTO t VALUES(1, 1)");
	check_moved("t", "1", a);
	fixture_close(&f);
}
END_TEST

START_TEST(definitions_move_what_they_change)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);"
		"CREATE TABLE u(id INTEGER PRIMARY KEY); INSERT INTO u VALUES(1);",
		true);
	struct mark all = look_table("");
	struct mark t = look("t", "1");
	struct mark u = look("u", "1");
	script("UPDATE t SET v = 2; ALTER TABLE t ADD COLUMN w DEFAULT 3");
	check_moved("t", "1", t);
	check_stayed("u", "1", u);
	check_list_moved("", &all, false);
	t = look("t", "1");
	script("CREATE TABLE made AS SELECT 1 AS x UNION SELECT 2");
	check_told("* ");
	check_list_moved("", &all, true);
	check_stayed("t", "1", t);
	struct mark made = look("made", "1");
	script("INSERT INTO made VALUES(3)");
	check_stayed("made", "1", made);
	script("ALTER TABLE made RENAME TO other");
	check_list_moved("", &all, true);
	check_moved("other", "1", made);
	made = look("other", "1");
	script("DROP TABLE other");
	check_list_moved("", &all, true);
	ck_assert(!look("other", "1").there);
	script("CREATE TABLE other(x); INSERT INTO other VALUES(1)");
	check_moved("other", "1", made);
	fixture_close(&f);
}
END_TEST

START_TEST(a_table_dropped_and_made_again_moves)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1), (2, 2);"
		"CREATE TABLE o(x); INSERT INTO o VALUES(1);",
		true);
	script("UPDATE t SET v = 3");
	for (int i = 0; i < 3; i++) {
		struct mark t = look("t", "1");
		struct mark o = look("o", "1");
		struct mark list = look_table("t");
		struct mark all = look_table("");
		script("DROP TABLE t; CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
		       "INSERT INTO t VALUES(1, 1)");
		check_moved("t", "1", t);
		check_list_moved("t", &list, true);
		check_stayed("o", "1", o);
		check_list_moved("", &all, false);
		/* nothing is left of the row 2 that was */
		script("INSERT INTO t VALUES(2, 2)");
		check_moved("t", "2", t);
	}
	fixture_close(&f);
}
END_TEST

START_TEST(a_savepoint_undone_leaves_no_stale_definition)
{
	fixture_open(
		&f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);", true);
	script("SAVEPOINT s; CREATE TABLE a(x); ROLLBACK TO s; CREATE TABLE b(x, y);"
	       "INSERT INTO b VALUES(1, 2); RELEASE s");
	check_row(&f, "b", "1", "{\n  \"x\": 1,\n  \"y\": 2\n}\n");
	check_row(&f, "a", "1", "shop has no table a");
	fixture_close(&f);
}
END_TEST

START_TEST(virtual_tables_and_columns_move_as_a_whole)
{
	fixture_open(&f,
		"CREATE VIRTUAL TABLE ft USING fts5(body); INSERT INTO ft VALUES('one'), ('two');"
		"CREATE TABLE g(v AS (id + 1), id INTEGER PRIMARY KEY, w); INSERT INTO g VALUES(1, "
		"1), (2, 2);",
		true);
	struct mark one = look("ft", "1");
	struct mark g = look("g", "2");
	script("UPDATE ft SET body = 'three' WHERE rowid = 2");
	check_told("ft ");
	check_moved("ft", "1", one);
	script("UPDATE g SET w = 5 WHERE id = 1");
	check_told("g ");
	check_moved("g", "2", g);
	fixture_close(&f);
}
END_TEST

START_TEST(many_rows_are_told_as_their_table)
{
	fixture_open(
		&f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(0, 0);", true);
	struct mark zero = look("t", "0");
	script("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
	       " INSERT INTO t SELECT i, i FROM n");
	check_told("t ");
	check_stayed("t", "0", zero);
	struct mark one = look("t", "1");
	script("UPDATE t SET v = -1 WHERE id = 1");
	check_moved("t", "1", one);
	fixture_close(&f);
}
END_TEST

START_TEST(stamps_survive_a_restart_and_are_hidden)
{
	fixture_open(
		&f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);", true);
	script("UPDATE t SET v = 2");
	struct mark a = look("t", "1");
	rds_source_close(f.source);
	struct rds_file_config config = {.path = f.path, .label = "copy", .immutable = true};
	ck_assert_int_eq(rds_source_file(&config, &f.source, &f.err), 0);
	check_stayed("t", "1", a);
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	fixture_tables(&f, &out);
	ck_assert_str_eq(buf_cstr(&out), "t");
	check_write(&f, "t", "1", "{}", "copy is read-only");
	ck_assert_int_eq(f.err.code, EROFS);
	fixture_close(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rds_stamp");
	TCase *t = tcase_create("stamp");
	tcase_add_test(t, only_rows_that_change_move);
	tcase_add_test(t, triggers_cascades_and_replace_are_noticed);
	tcase_add_test(t, a_write_that_fails_leaves_no_stamp);
	tcase_add_test(t, a_row_made_again_has_a_greater_version);
	tcase_add_test(t, definitions_move_what_they_change);
	tcase_add_test(t, a_table_dropped_and_made_again_moves);
	tcase_add_test(t, a_savepoint_undone_leaves_no_stale_definition);
	tcase_add_test(t, virtual_tables_and_columns_move_as_a_whole);
	tcase_add_test(t, many_rows_are_told_as_their_table);
	tcase_add_test(t, stamps_survive_a_restart_and_are_hidden);
	suite_add_tcase(s, t);
	return run_suite(s);
}
