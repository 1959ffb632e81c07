/* RDS: what is given out: dumps, tables as csv and json, results of queries. */
#include <float.h>
#include <math.h>

#include "tests/unit/random.h"
#include "tests/unit/rds_sql_fixture.h"

static char *read_stream(struct rds_stream *stream, uint64_t size)
{
	struct buf out = BUF_INIT;
	for (size_t before = 1; before != out.n;) {
		before = out.n;
		OK(rds_stream_read(stream, &out, &err));
	}
	ck_assert_uint_eq(out.n, size);
	rds_stream_close(stream);
	buf_cstr(&out);
	return out.p;
}

static char *export_of(struct rds_source *s, const char *table, const char *format)
{
	struct rds_stream *stream;
	uint64_t size;
	OK(rds_export_open(s, site, slice_of(table), format, &stream, &size, &err));
	return read_stream(stream, size);
}

static void expect_export(const char *table, const char *format, const char *want)
{
	char *got = export_of(source, table, format);
	ck_assert_str_eq(got, want);
	free(got);
}

/* Loaded anew and dumped again it is the same text. */
static void expect_same_again(const char *name)
{
	char *first = export_of(source, "", "sql");
	struct rds_source *other = database(name);
	OK(script_text(other, slice_of(first), true, 1000));
	char *second = export_of(other, "", "sql");
	ck_assert_str_eq(second, first);
	free(first);
	free(second);
	rds_source_close(other);
}

/* ---- dumps ---- */

START_TEST(a_dump_says_everything)
{
	OK(script("CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, a REFERENCES a(x));\n"
		  "CREATE TABLE a(x PRIMARY KEY, \"y \"\"q\"\"\" TEXT, g AS (x || '!') STORED, r "
		  "REAL) WITHOUT ROWID;\n"
		  "CREATE TABLE keyless(v); CREATE TABLE empty(e);\n"
		  "INSERT INTO a(x, \"y \"\"q\"\"\", r) VALUES('k', 'it''s\n;', 0.1), (2, "
		  "CAST(X'610062' AS TEXT), 9e999), "
		  "(3, X'00ff', -1.5);\n"
		  "INSERT INTO b VALUES(5, 'k'), (9, 2); DELETE FROM b WHERE id = 9;\n"
		  "INSERT INTO keyless(rowid, v) VALUES(7, NULL), (70, 1e300);\n"
		  "CREATE VIEW v AS SELECT * FROM keyless;\nCREATE INDEX i ON b(a) WHERE a > 1;\n"
		  "CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; INSERT INTO empty VALUES(1); "
		  "END"));
	expect_export("", "sql",
		"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
		"CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, a REFERENCES a(x));\n"
		"INSERT INTO \"b\" VALUES(5,'k');\n"
		"CREATE TABLE a(x PRIMARY KEY, \"y \"\"q\"\"\" TEXT, g AS (x || '!') STORED, r "
		"REAL) WITHOUT ROWID;\n"
		"INSERT INTO \"a\"(\"x\",\"y \"\"q\"\"\",\"r\") VALUES(2,CAST(X'610062' AS "
		"TEXT),9e999);\n"
		"INSERT INTO \"a\"(\"x\",\"y \"\"q\"\"\",\"r\") VALUES(3,X'00FF',-1.5);\n"
		"INSERT INTO \"a\"(\"x\",\"y \"\"q\"\"\",\"r\") VALUES('k','it''s\n;',0.1);\n"
		"CREATE TABLE keyless(v);\n"
		"INSERT INTO \"keyless\"(rowid,\"v\") VALUES(7,NULL);\n"
		"INSERT INTO \"keyless\"(rowid,\"v\") VALUES(70,1e+300);\n"
		"CREATE TABLE empty(e);\n"
		"DELETE FROM sqlite_sequence;\nINSERT INTO sqlite_sequence VALUES('b',9);\n"
		"CREATE INDEX i ON b(a) WHERE a > 1;\n"
		"CREATE VIEW v AS SELECT * FROM keyless;\n"
		"CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; INSERT INTO empty VALUES(1); "
		"END;\n"
		"COMMIT;\n");
	expect_same_again("again");
	expect_export("b", "sql",
		"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
		"CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT, a REFERENCES a(x));\n"
		"INSERT INTO \"b\" VALUES(5,'k');\n"
		"DELETE FROM sqlite_sequence WHERE name='b';\nINSERT INTO sqlite_sequence "
		"VALUES('b',9);\n"
		"CREATE INDEX i ON b(a) WHERE a > 1;\n"
		"CREATE TRIGGER t AFTER INSERT ON b BEGIN SELECT 1; INSERT INTO empty VALUES(1); "
		"END;\n"
		"COMMIT;\n");
	struct rds_stream *stream;
	uint64_t size;
	FAILS(ENOENT, rds_export_open(source, site, slice_of("no"), "sql", &stream, &size, &err));
	FAILS(EINVAL, rds_export_open(source, site, slice_of(""), "csv", &stream, &size, &err));
	FAILS(EINVAL, rds_export_open(source, site, slice_of("b"), "yaml", &stream, &size, &err));
}
END_TEST

struct real {
	double value;
	bool same;
};

static int insert_real(struct rds_conn *c, void *arg, struct err *e)
{
	struct real *r = arg;
	sqlite3_stmt *stmt = rds_conn_stmt(c, "INSERT INTO r(v) VALUES(?1)", e);
	sqlite3_bind_double(stmt, 1, r->value);
	int rc = store_step(stmt, e);
	sqlite3_reset(stmt);
	return rc;
}

START_TEST(reals_are_exact)
{
	static const double hard[] = {0.1, 1.0 / 3, 2.2250738585072014e-308, 5e-324, 1e-310,
		DBL_MAX, 9007199254740993.0, 1.7976931348623155e308, 123456789012345680.0,
		6.02214076e23, 1e22, 1e23, 8.41e21, 2.0e-44, 9.5e-3, 0.30000000000000004, 4.9e-300};
	rng_seed(7);
	OK(script("CREATE TABLE r(id INTEGER PRIMARY KEY, v REAL)"));
	for (size_t i = 0; i < 600; i++) {
		struct real r = {0, false};
		uint64_t bits = (uint64_t)rng() << 33 ^ (uint64_t)rng() << 20 ^ (uint64_t)rng();
		memcpy(&r.value, &bits, sizeof(bits));
		if (i < sizeof(hard) / sizeof(hard[0])) {
			r.value = hard[i];
		}
		if (isfinite(r.value)) {
			OK(rds_source_write(source, insert_real, &r, &err));
		}
	}
	char *text = export_of(source, "", "sql");
	struct rds_source *other = database("other");
	OK(script_text(other, slice_of(text), true, 1000));
	const char *sql = "SELECT count(*), sum(typeof(v) = 'real'), group_concat(format('%!.26g', "
			  "v), ' ') FROM r";
	char *want = strdup(rows(sql));
	ck_assert_str_eq(rows_of(other, sql), want);
	free(want);
	free(text);
	rds_source_close(other);
	expect_same_again("third");
}
END_TEST

START_TEST(chinook_comes_back_as_it_was)
{
	struct buf text = BUF_INIT;
	if (!shared_text("chinook/Chinook_Sqlite.sql", &text)) {
		return;
	}
	OK(script_text(source, buf_slice(&text), true, 1 << 16));
	expect_same_again("again");
	expect_export("Genre", "csv",
		"GenreId,Name\n1,Rock\n2,Jazz\n3,Metal\n4,Alternative & Punk\n5,Rock And "
		"Roll\n6,Blues\n"
		"7,Latin\n8,Reggae\n9,Pop\n10,Soundtrack\n11,Bossa Nova\n12,Easy "
		"Listening\n13,Heavy "
		"Metal\n14,R&B/Soul\n15,Electronica/Dance\n16,World\n17,Hip Hop/Rap\n18,Science "
		"Fiction\n19,TV Shows\n20,Sci Fi & "
		"Fantasy\n21,Drama\n22,Comedy\n23,Alternative\n24,Classical\n"
		"25,Opera\n");
	buf_free(&text);
}
END_TEST

START_TEST(virtual_tables_are_dumped_by_their_rows)
{
	OK(script("CREATE VIRTUAL TABLE f USING fts5(title, body);\n"
		  "INSERT INTO f(rowid, title, body) VALUES(3, 'one', 'some words'), (9, 'two', "
		  "'more');"
		  "CREATE TABLE plain(a)"));
	expect_same_again("again");
}
END_TEST

/* ---- tables ---- */

START_TEST(tables_as_csv_and_json)
{
	OK(script("CREATE TABLE t(id INTEGER PRIMARY KEY, \"a,b\" TEXT, r REAL, d BLOB);\n"
		  "INSERT INTO t VALUES(1, 'x,\"y\"', 0.5, X'00ff'), (2, '', NULL, X''), (3, NULL, "
		  "1, 'text'), "
		  "(4, 'line\nbreak\ttab\\', 1e100, NULL);\n"
		  "CREATE VIEW v AS SELECT id, r FROM t WHERE id < 3;"));
	expect_export("t", "csv",
		"id,\"a,b\",r,d\n1,\"x,\"\"y\"\"\",0.5,AP8=\n2,\"\",,\"\"\n3,,1.0,text\n"
		"4,\"line\nbreak\ttab\\\",1e+100,\n");
	expect_export("t", "tsv",
		"id\ta,b\tr\td\n1\tx,\"y\"\t0.5\tAP8=\n2\t\t\\N\t\n3\t\\N\t1.0\ttext\n"
		"4\tline\\nbreak\\ttab\\\\\t1e+100\t\\N\n");
	char *lines = export_of(source, "t", "jsonl");
	ck_assert_ptr_nonnull(strstr(lines, "\"x,\\\"y\\\"\""));
	ck_assert_ptr_nonnull(strstr(lines, "\"$b\""));
	free(lines);
	expect_export("v", "csv", "id,r\n1,0.5\n2,\n");
	OK(script("DELETE FROM t"));
	expect_export("t", "json", "[]\n");
	expect_export("t", "jsonl", "");
	expect_export("t", "csv", "id,\"a,b\",r,d\n");
}
END_TEST

/* ---- queries ---- */

static int query(const char *text, unsigned form, char **out)
{
	struct rds_stream *stream;
	uint64_t size;
	int rc = rds_query_open(source, site, slice_of(text), form, &stream, &size, &err);
	if (rc == 0) {
		*out = read_stream(stream, size);
	}
	return rc;
}

static void expect_query(const char *text, unsigned form, const char *want)
{
	char *got;
	OK(query(text, form, &got));
	ck_assert_str_eq(got, want);
	free(got);
}

START_TEST(queries_in_three_forms)
{
	const char *sql = "-- a comment\nSELECT * FROM t JOIN t u ON u.id = t.id ORDER BY 1;\n\n";
	OK(script("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);\n"
		  "INSERT INTO t VALUES(1, 'caf\xc3\xa9'), (20, '\xe6\x97\xa5\xe6\x9c\xac'), (3, "
		  "NULL), (4, 'a\tb')"));
	expect_query(sql, 0,
		"id,name,id,name\n1,caf\xc3\xa9,1,caf\xc3\xa9\n3,,3,\n4,a\tb,4,a\tb\n"
		"20,\xe6\x97\xa5\xe6\x9c\xac,20,\xe6\x97\xa5\xe6\x9c\xac\n");
	expect_query("SELECT id, name, id FROM t WHERE id < 4 ORDER BY 1", 1,
		"[\n  {\"id\": 1, \"name\": \"caf\xc3\xa9\", \"id_2\": 1},\n"
		"  {\"id\": 3, \"name\": null, \"id_2\": 3}\n]\n");
	expect_query("SELECT id, name AS \"the name\", 1.5 AS r, X'41' AS b FROM t ORDER BY 1", 2,
		" id | the name |  r  |  b\n"
		"----+----------+-----+------\n"
		"  1 | caf\xc3\xa9     | 1.5 | \\x41\n"
		"  3 |          | 1.5 | \\x41\n"
		"  4 | a\\tb     | 1.5 | \\x41\n"
		" 20 | \xe6\x97\xa5\xe6\x9c\xac     | 1.5 | \\x41\n"
		"(4 rows)\n");
	expect_query("SELECT id FROM t WHERE 0", 0, "id\n");
	expect_query("SELECT id FROM t WHERE 0", 1, "[]\n");
	expect_query("SELECT id FROM t WHERE 0", 2, " id\n----\n(0 rows)\n");
	expect_query("WITH a AS (VALUES(1)) SELECT * FROM a", 0, "column1\n1\n");
}
END_TEST

START_TEST(a_query_only_reads)
{
	char *out;
	OK(script("CREATE TABLE t(a)"));
	FAILS(EINVAL, query("INSERT INTO t VALUES(1)", 0, &out));
	SAYS("a query only reads");
	FAILS(EINVAL, query("DELETE FROM t RETURNING a", 0, &out));
	FAILS(EINVAL, query("SELECT 1;\n SELECT 2", 0, &out));
	SAYS("line 2, column 2: a second statement");
	FAILS(EINVAL, query("SELECT\n  nothere FROM t", 0, &out));
	SAYS("line 2, column 3: no such column: nothere");
	FAILS(EINVAL, query("", 0, &out));
	SAYS("a SELECT is expected");
	FAILS(EINVAL, query("SELECT ?1", 0, &out));
	FAILS(EINVAL, query("PRAGMA journal_mode=DELETE", 0, &out));
	FAILS(EINVAL, query("ATTACH 'x' AS y", 0, &out));
	FAILS(EINVAL, query("SELECT * FROM _dbmount_x", 0, &out));
	expect_query(
		"PRAGMA table_info(t)", 0, "cid,name,type,notnull,dflt_value,pk\n0,a,\"\",0,,0\n");
	OK(query("EXPLAIN QUERY PLAN SELECT 1 WHERE 0", 1, &out));
	ck_assert_ptr_nonnull(strstr(out, "\"detail\": \"SCAN CONSTANT ROW\"}\n]\n"));
	free(out);
}
END_TEST

START_TEST(a_large_result_is_spilled)
{
	char *out;
	for (unsigned form = 0; form < 3; form++) {
		OK(query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
			 "100000) "
			 "SELECT i, 'value ' || i AS v FROM n",
			form, &out));
		ck_assert_ptr_nonnull(strstr(out, "value 100000"));
		ck_assert_ptr_nonnull(strstr(out, "value 54321"));
		free(out);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rds dump");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, a_dump_says_everything);
	tcase_add_test(c, reals_are_exact);
	tcase_add_test(c, chinook_comes_back_as_it_was);
	tcase_add_test(c, virtual_tables_are_dumped_by_their_rows);
	tcase_add_test(c, tables_as_csv_and_json);
	tcase_add_test(c, queries_in_three_forms);
	tcase_add_test(c, a_query_only_reads);
	tcase_add_test(c, a_large_result_is_spilled);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
