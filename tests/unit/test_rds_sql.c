/* RDS: scripts, what users' SQL may do, what is reported. */
#include "tests/unit/rds_sql_fixture.h"

START_TEST(statements_run_and_are_counted)
{
	OK(script("\xef\xbb\xbf-- first\nCREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);\n"
		  "INSERT INTO t VALUES(1, 'x;y'), (2, 'it''s');\n\n"
		  "SELECT a, b AS \"text\", NULL AS n FROM t ORDER BY a"));
	ck_assert_str_eq(buf_cstr(&report), "3 statements run, 2 rows changed\n"
					    "\n"
					    " a | text | n\n"
					    "---+------+---\n"
					    " 1 | x;y  |\n"
					    " 2 | it's |\n"
					    "(2 rows)\n");
	OK(script("SELECT 1 WHERE 0"));
	REPORTS("(0 rows)");
	OK(script(""));
	ck_assert_str_eq(buf_cstr(&report), "0 statements run, 0 rows changed\n");
	OK(script("-- nothing but a comment"));
	OK(script(";;; ;"));
}
END_TEST

START_TEST(a_failure_names_its_place_and_changes_nothing)
{
	OK(script("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL)"));
	FAILS(EINVAL, script("INSERT INTO t VALUES(1, 'x');\nINSERT INTO t\n  VALEUS(2, 'y');\n"));
	SAYS("line 3, column 3 (INSERT INTO t VALEUS(2, 'y')): near \"VALEUS\": syntax error");
	REPORTS("nothing was changed");
	ck_assert_str_eq(rows("SELECT count(*) FROM t"), "0\n");
	FAILS(EINVAL, script("INSERT INTO t VALUES(1, 'x');\n\n INSERT INTO t VALUES(1, 'y');"));
	SAYS("line 3, column 2 (INSERT INTO t VALUES(1, 'y')): UNIQUE constraint failed: t.a");
	FAILS(EINVAL, script("CREATE TABLE u(a);\nINSERT INTO t(a) VALUES(3)"));
	SAYS("NOT NULL constraint failed: t.b");
	ck_assert_str_eq(rows("SELECT name FROM sqlite_schema WHERE name='u'"), "");
	FAILS(EINVAL, script("SELECT 1;\n  SELECT 'no end"));
	SAYS("line 2, column 10: a string");
	FAILS(EINVAL, script("INSERT INTO nowhere VALUES(1)"));
	SAYS("no such table: nowhere");
}
END_TEST

START_TEST(a_text_in_pieces_is_the_same_text)
{
	for (size_t step = 1; step < 40; step++) {
		const char *text =
			"DROP TABLE IF EXISTS t;"
			"CREATE TABLE t(a, b);/* c; */ INSERT INTO t VALUES('a;''b', 1);-- x; y\n"
			"CREATE TRIGGER tr AFTER INSERT ON t WHEN new.b = CASE WHEN 1 THEN 2 END "
			"BEGIN\n"
			"  UPDATE t SET a = CASE a WHEN 1 THEN ';' ELSE a END; SELECT 1; END;\n"
			"INSERT INTO [t] VALUES(1, 2)";
		OK(script_text(source, slice_of(text), false, step));
		ck_assert_str_eq(rows("SELECT a, b FROM t"), "a;'b|1\n;|2\n");
	}
}
END_TEST

START_TEST(own_transactions_are_the_one)
{
	OK(script("CREATE TABLE t(a); BEGIN; INSERT INTO t VALUES(1); COMMIT; "
		  "BEGIN TRANSACTION; INSERT INTO t VALUES(2); ROLLBACK; "
		  "SAVEPOINT s; INSERT INTO t VALUES(3); ROLLBACK TO s; RELEASE s;"
		  "BEGIN IMMEDIATE; INSERT INTO t VALUES(4); END"));
	ck_assert_str_eq(rows("SELECT a FROM t"), "1\n4\n");
	FAILS(EINVAL, script("BEGIN;\nINSERT INTO t VALUES(5);\n"));
	SAYS("line 1 begins: COMMIT is missing");
	FAILS(EINVAL, script("BEGIN; BEGIN"));
	FAILS(EINVAL, script("ROLLBACK"));
	FAILS(EINVAL, script("RELEASE store_write"));
	FAILS(EINVAL, script("BEGIN; ROLLBACK TO _dbmount_script"));
	ck_assert_str_eq(rows("SELECT a FROM t"), "1\n4\n");
}
END_TEST

START_TEST(what_reaches_beyond_is_refused_with_a_reason)
{
	static const struct {
		const char *sql;
		const char *says;
	} all[] = {
		{"ATTACH '/tmp/x.db' AS x", "an instance is one database"},
		{"DETACH main", "an instance is one database"},
		{"VACUUM", ""},
		{"VACUUM INTO '/tmp/x.db'", ""},
		{"SELECT load_extension('x')", "reaches outside"},
		{"PRAGMA writable_schema=ON", "not for SQL of users"},
		{"PRAGMA schema_version=7", "can be read"},
		{"SELECT * FROM _dbmount_row", ""},
		{"CREATE TABLE _dbmount_x(a)", "dbmount's own"},
		{"CREATE TABLE a(b); ALTER TABLE a RENAME TO _Dbmount_x", "dbmount's own"},
		{"CREATE TABLE a(b); ALTER TABLE a RENAME TO \"_dbmount_x\"", "dbmount's own"},
		{"INSERT INTO sqlite_schema VALUES(1,2,3,4,5)", "may not be modified"},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		FAILS(EINVAL, script(all[i].sql));
		SAYS(all[i].says);
	}
	OK(script("PRAGMA user_version; PRAGMA table_info(t); PRAGMA journal_mode"));
	OK(script("PRAGMA journal_mode=DELETE;\nPRAGMA user_version=5"));
	REPORTS("left out:\nline 1: PRAGMA journal_mode\nline 2: PRAGMA user_version\n");
	/* Nothing of a script stays on the connection. */
	OK(script("CREATE TEMP TABLE kept(a); CREATE TEMP VIEW w AS SELECT 1; INSERT INTO kept "
		  "VALUES(1)"));
	FAILS(EINVAL, script("SELECT * FROM kept"));
}
END_TEST

START_TEST(foreign_keys)
{
#define LATE                                                                                       \
	"CREATE TABLE c(id INTEGER PRIMARY KEY, p INT REFERENCES p(id));\n"                        \
	"INSERT INTO c VALUES(1, 7);\n"                                                            \
	"CREATE TABLE p(id INTEGER PRIMARY KEY);\n"
	FAILS(EINVAL, create(LATE "INSERT INTO p VALUES(8);\n"));
	SAYS("FOREIGN KEY constraint failed: a row of c (rowid 1) refers to a row of p");
	OK(create(LATE "INSERT INTO p VALUES(7);\n"));
	FAILS(EINVAL, script("INSERT INTO c VALUES(2, 9)"));
	SAYS("FOREIGN KEY constraint failed");
	OK(script("PRAGMA foreign_keys=OFF; INSERT INTO c VALUES(2, 9)"));
	REPORTS("foreign keys: a row of c");
	FAILS(EINVAL, script("PRAGMA defer_foreign_keys=ON; INSERT INTO c VALUES(3, 10)"));
	SAYS("FOREIGN KEY constraint failed");
	OK(script("PRAGMA defer_foreign_keys=ON; INSERT INTO c VALUES(3, 10); INSERT INTO p "
		  "VALUES(10)"));
	/* What a script set ends with it. */
	FAILS(EINVAL, script("INSERT INTO c VALUES(4, 11)"));
}
END_TEST

START_TEST(a_long_text_is_run_in_bounded_memory)
{
	struct rds_script_options options = {.tmp = site};
	struct rds_script *s;
	struct buf text = BUF_INIT;
	OK(rds_script_open(&options, &s, &err));
	OK(rds_script_feed(s, slice_of("CREATE TABLE t(a INTEGER PRIMARY KEY, b);\n"), &err));
	for (int i = 1; i <= 50000; i++) {
		buf_clear(&text);
		buf_printf(&text, "INSERT INTO t VALUES(%d, 'some text that is not short %d');\n",
			i, i);
		OK(rds_script_feed(s, buf_slice(&text), &err));
	}
	OK(rds_script_finish(s, source, &report, &err));
	REPORTS("50001 statements run, 50000 rows changed");
	buf_clear(&text);
	buf_puts(&text, "INSERT INTO t VALUES(-1, '");
	for (int i = 0; i < 300000; i++) {
		buf_puts(&text, "0123456789");
	}
	buf_puts(&text, "'); SELECT length(b) FROM t WHERE a = -1; SELECT a FROM t");
	OK(script_text(source, buf_slice(&text), false, 70000));
	REPORTS(" 3000000\n");
	REPORTS("(50001 rows, the first 999 are shown)");
	buf_free(&text);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rds sql");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, statements_run_and_are_counted);
	tcase_add_test(c, a_failure_names_its_place_and_changes_nothing);
	tcase_add_test(c, a_text_in_pieces_is_the_same_text);
	tcase_add_test(c, own_transactions_are_the_one);
	tcase_add_test(c, what_reaches_beyond_is_refused_with_a_reason);
	tcase_add_test(c, foreign_keys);
	tcase_add_test(c, a_long_text_is_run_in_bounded_memory);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
