/* RDS: `.schema` read and written. */
#include "tests/unit/rds_sql_fixture.h"

struct apply {
	const char *table;
	const char *text;
	struct buf out;
};

static int apply_fn(struct rds_conn *c, void *arg, struct err *e)
{
	struct apply *a = arg;
	return rds_schema_apply(c, a->table, slice_of(a->text), e);
}

static int apply(const char *table, const char *text)
{
	struct apply a = {table, text, BUF_INIT};
	return rds_source_write(source, apply_fn, &a, &err);
}

static int read_fn(struct rds_conn *c, void *arg, struct err *e)
{
	struct apply *a = arg;
	buf_clear(&a->out);
	return rds_schema_read(c, slice_of(a->table), &a->out, e);
}

static void expect_schema(const char *table, const char *want)
{
	struct apply a = {table, NULL, BUF_INIT};
	OK(rds_source_read(source, read_fn, &a, &err));
	ck_assert_str_eq(buf_cstr(&a.out), want);
	buf_free(&a.out);
}

START_TEST(a_table_is_made_and_read_back)
{
	OK(apply("t", "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);\nCREATE INDEX i ON t(b);\n"
		      "CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;\n"));
	expect_schema("t",
		"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);\nCREATE INDEX i ON t(b);\n"
		"CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;\n");
	OK(apply("v", "CREATE VIEW v AS SELECT b FROM t"));
	OK(apply("v", "CREATE VIEW v AS SELECT a, b FROM t"));
	expect_schema("v", "CREATE VIEW v AS SELECT a, b FROM t;\n");
	expect_schema("",
		"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);\nCREATE INDEX i ON t(b);\n"
		"CREATE VIEW v AS SELECT a, b FROM t;\n"
		"CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;\n");
	FAILS(EINVAL, apply("v", "CREATE TABLE v(a)"));
	FAILS(EINVAL, apply("u", "CREATE TABLE other(a)"));
	SAYS("line 1, column 1: the definition is of another table");
	FAILS(EINVAL, apply("u", "CREATE TABLE u(a); DROP TABLE t"));
	SAYS("line 1, column 20: CREATE TABLE u, its CREATE INDEX");
	FAILS(EINVAL, apply("u", "CREATE TABLE u(a); CREATE INDEX x ON t(b)"));
	FAILS(EINVAL, apply("u", "CREATE TABLE u(a,)"));
	SAYS("syntax error");
	FAILS(EINVAL, apply("u", "CREATE TEMP TABLE u(a)"));
	FAILS(EINVAL, apply("u", ""));
	FAILS(EINVAL, apply("_dbmount_u", "CREATE TABLE _dbmount_u(a)"));
	ck_assert_str_eq(rows("SELECT count(*) FROM sqlite_schema WHERE name = 'u'"), "0\n");
}
END_TEST

START_TEST(a_table_is_altered_with_its_rows)
{
	OK(script("CREATE TABLE p(id INTEGER PRIMARY KEY AUTOINCREMENT, old TEXT, n TEXT);\n"
		  "CREATE TABLE c(p REFERENCES p(id) ON DELETE CASCADE);\n"
		  "CREATE INDEX i ON p(n); CREATE VIEW v AS SELECT n FROM p;\n"
		  "INSERT INTO p VALUES(1, NULL, '5'), (9, NULL, '7'); INSERT INTO c VALUES(1), "
		  "(9);\n"
		  "DELETE FROM p WHERE id = 9"));
	OK(apply("p", "CREATE TABLE p(id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, "
		      "extra TEXT DEFAULT 'x');\nCREATE INDEX j ON p(extra)"));
	ck_assert_str_eq(rows("SELECT *, typeof(n) FROM p"), "1|5|x|integer\n");
	ck_assert_str_eq(rows("SELECT p FROM c"), "1\n");
	ck_assert_str_eq(rows("SELECT n FROM v"), "5\n");
	ck_assert_str_eq(rows("SELECT name FROM sqlite_schema WHERE type = 'index'"), "j\n");
	OK(script("INSERT INTO p(n) VALUES(1); DELETE FROM p WHERE id = 1"));
	ck_assert_str_eq(rows("SELECT id FROM p"), "10\n");
	ck_assert_str_eq(rows("SELECT count(*) FROM c"), "0\n");
	FAILS(EINVAL, apply("p", "CREATE TABLE p(id INTEGER PRIMARY KEY, n INTEGER)"));
	SAYS("column extra holds data");
	FAILS(EINVAL,
		apply("p",
			"CREATE TABLE p(id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 3), extra)"));
	SAYS("CHECK constraint failed");
	FAILS(EINVAL, apply("p", "CREATE TABLE p(id INTEGER PRIMARY KEY, n INTEGER REFERENCES "
				 "c(p), extra)"));
	SAYS("foreign key");
	expect_schema("p",
		"CREATE TABLE \"p\"(id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, "
		"extra TEXT DEFAULT 'x');\nCREATE INDEX j ON p(extra);\n");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rds schema text");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_table_is_made_and_read_back);
	tcase_add_test(c, a_table_is_altered_with_its_rows);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
