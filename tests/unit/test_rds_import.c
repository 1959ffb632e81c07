/* RDS: tables loaded from csv, tsv, json. */
#include "tests/unit/rds_sql_fixture.h"

static int import(
	const char *table, const char *mode, const char *format, const char *text, size_t step)
{
	struct rds_import *i;
	struct slice rest = slice_of(text);
	OK(rds_import_open(site, slice_of(table), mode, format, &i, &err));
	while (rest.n > 0) {
		size_t n = rest.n < step ? rest.n : step;
		int rc = rds_import_feed(i, slice_make(rest.p, n), &err);
		if (rc < 0) {
			rds_import_abort(i);
			return rc;
		}
		rest = slice_make(rest.p + n, rest.n - n);
	}
	buf_clear(&report);
	return rds_import_finish(i, source, &report, &err);
}

static void table(void)
{
	OK(script("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT NOT NULL, r REAL DEFAULT 2.5, "
		  "d BLOB, "
		  "flag INT CHECK (flag IN (0, 1)));\n"
		  "INSERT INTO t VALUES(1, 'one', 1.5, X'00ff', 0), (2, 'two', NULL, NULL, NULL)"));
}

START_TEST(modes)
{
	table();
	OK(import("t", "append", "csv", "id,name\n3,three\n4,\n", 3));
	ck_assert_str_eq(buf_cstr(&report), "2 rows loaded (2 new, 0 changed, 0 removed)\n");
	ck_assert_str_eq(rows("SELECT id, name, r FROM t WHERE id > 2"), "3|three|2.5\n4||2.5\n");
	FAILS(EINVAL, import("t", "append", "csv", "id,name\n5,five\n3,again\n6,six\n", 100));
	SAYS("nothing was loaded: 1 of 3 rows are not acceptable; the first, line 3: UNIQUE "
	     "constraint "
	     "failed: t.id");
	ck_assert_str_eq(buf_cstr(&report),
		"nothing was loaded: 1 of 3 rows are not acceptable; the first, line 3: UNIQUE "
		"constraint "
		"failed: t.id\nrow 2, line 3: UNIQUE constraint failed: t.id\n");
	ck_assert_str_eq(rows("SELECT count(*) FROM t"), "4\n");
	OK(import("t", "upsert", "csv", "name,id\none,1\nzwei,2\nten,10\n", 100));
	ck_assert_str_eq(buf_cstr(&report), "3 rows loaded (1 new, 1 changed, 0 removed)\n");
	ck_assert_str_eq(rows("SELECT id, name, r, hex(d) FROM t WHERE id < 3"),
		"1|one|1.5|00FF\n2|zwei|NULL|\n");
	OK(import("t", "replace", "jsonl",
		"{\"id\": 1, \"name\": \"one\", \"r\": 1.5, \"d\": {\"$b\": \"AP8=\"}, \"flag\": "
		"0}\n"
		"{\"id\": 2, \"name\": \"two\"}\n{\"id\": 20, \"name\": \"new\", \"flag\": 1}\n",
		7));
	ck_assert_str_eq(buf_cstr(&report), "3 rows loaded (1 new, 1 changed, 3 removed)\n");
	ck_assert_str_eq(rows("SELECT id, name, r, hex(d), flag FROM t"),
		"1|one|1.5|00FF|0\n2|two|2.5||NULL\n20|new|2.5||1\n");
	OK(import("t", "replace", "json", "[]", 100));
	ck_assert_str_eq(rows("SELECT count(*) FROM t"), "0\n");
	struct rds_import *i;
	FAILS(EINVAL, rds_import_open(site, slice_of("t"), "merge", "csv", &i, &err));
	FAILS(EINVAL, rds_import_open(site, slice_of("t"), "append", "yaml", &i, &err));
	FAILS(ENOENT, import("nowhere", "append", "csv", "a\n1\n", 100));
	FAILS(EEXIST, import("t", "create", "csv", "a\n1\n", 100));
	FAILS(EINVAL, import("_dbmount_t", "create", "csv", "a\n1\n", 100));
}
END_TEST

START_TEST(lines_appended_without_a_header_are_rows)
{
	table();
	OK(import("t", "append", "csv", "3,three,1.5,,1\n4,four,,,0\n", 5));
	ck_assert_str_eq(rows("SELECT id, name, r, flag FROM t WHERE id > 2"),
		"3|three|1.5|1\n4|four|NULL|0\n");
	OK(import("t", "append", "tsv", "5\tfive\t\\N\t\\N\t1\n", 100));
	ck_assert_str_eq(rows("SELECT name FROM t WHERE id = 5"), "five\n");
	/* Too few values, no number, or the name of a column: that is a header. */
	FAILS(EINVAL, import("t", "append", "csv", "6,six\n", 100));
	FAILS(EINVAL, import("t", "append", "csv", "a,b,c,d,e\n6,six,,,1\n", 100));
	FAILS(EINVAL, import("t", "append", "csv", "id,6,c,d,e\n6,six,,,1\n", 100));
	FAILS(EINVAL, import("t", "replace", "csv", "6,six,1.5,,1\n", 100));
	SAYS("the header names the column 6, which t has not");
	ck_assert_str_eq(rows("SELECT count(*) FROM t"), "5\n");
}
END_TEST

START_TEST(bad_rows_are_named_with_line_and_reason)
{
	table();
	FAILS(EINVAL, import("t", "append", "csv",
			      "id,name,r,d,flag\n5,x,abc,,1\n\n6,\"two\nlines\",1,,7\n7,y\n8,z,1,?,"
			      "0\n9,ok,1,,0\n"
			      "x,y,1,,0\n",
			      5));
	REPORTS("nothing was loaded: 5 of 6 rows are not acceptable");
	REPORTS("row 1, line 2: r: ");
	REPORTS("row 2, line 4: CHECK constraint failed");
	REPORTS("row 3, line 6: 2 values for 5 columns");
	REPORTS("row 4, line 7: d: a blob is expected as base64");
	REPORTS("row 6, line 9: id: ");
	FAILS(EINVAL, import("t", "append", "csv", "id,nme\n1,x\n", 100));
	SAYS("the header names the column nme, which t has not; it has name");
	FAILS(EINVAL, import("t", "append", "csv", "id,id\n1,x\n", 100));
	FAILS(EINVAL, import("t", "append", "csv", "", 100));
	FAILS(EINVAL, import("t", "append", "csv", "id,name\n1,\"x\n", 100));
	SAYS("line 2: a quoted value begins here and does not end");
	FAILS(EINVAL, import("t", "append", "csv", "id,name\n1,\"x\"y\n", 100));
	FAILS(EINVAL, import("t", "append", "json", "[{\"id\": 1}, {\"id\": 2,}]", 100));
	SAYS("line 1, column");
	FAILS(EINVAL, import("t", "append", "jsonl", "{\"id\": 9, \"name\": \"x\", \"other\": 1}\n",
			      100));
	REPORTS("row 1, line 1:");
	FAILS(EINVAL, import("t", "upsert", "jsonl", "{\"name\": \"x\"}\n", 100));
	SAYS("no value for id");
	ck_assert_str_eq(rows("SELECT count(*) FROM t"), "2\n");
}
END_TEST

START_TEST(new_tables_have_inferred_types)
{
	OK(import("new", "create", "csv",
		"\xef\xbb\xbftrack_id,Name,price,zip,count,empty\r\n1,\"a, "
		"\"\"b\"\"\",0.99,01234,5,\r\n"
		"2,c,1,99999,-7,\r\n3,,1e3,1,,\r\n",
		11));
	ck_assert_str_eq(buf_cstr(&report), "3 rows loaded (3 new, 0 changed, 0 removed)\n"
					    "columns: track_id INTEGER PRIMARY KEY, Name TEXT, "
					    "price REAL, zip TEXT, count INTEGER, empty TEXT\n");
	ck_assert_str_eq(rows("SELECT *, typeof(zip), typeof(price) FROM new"),
		"1|a, \"b\"|0.99|01234|5|NULL|text|real\n2|c|1.0|99999|-7|NULL|text|real\n"
		"3|NULL|1000.0|1|NULL|NULL|text|real\n");
	/* A first column that only looks like a key is none. */
	OK(import("twice", "create", "tsv", "id\ta\n1\tx\\ty\n1\t\\N\n2\t\n", 4));
	REPORTS("columns: id INTEGER, a TEXT\n");
	ck_assert_str_eq(rows("SELECT * FROM twice"), "1|x\ty\n1|NULL\n2|\n");
	OK(import("valid", "create", "csv", "paid,a\n1,2\n", 100));
	REPORTS("columns: paid INTEGER, a INTEGER\n");
	OK(import("j", "create", "json",
		"[\n  {\"id\": \"a\", \"n\": 1, \"b\": {\"$b\": \"AP8=\"}},\n  {\"id\": \"b}\", "
		"\"n\": 2.5, \"t\": true}\n]\n",
		9));
	REPORTS("columns: id TEXT PRIMARY KEY, n REAL, b BLOB, t INTEGER\n");
	ck_assert_str_eq(rows("SELECT id, n, hex(b), t FROM j"), "a|1.0|00FF|NULL\nb}|2.5||1\n");
	FAILS(EINVAL, import("k", "create", "jsonl", "{\"a\": [1]}\n", 100));
	SAYS("a holds an array or an object");
	FAILS(EINVAL, import("k", "create", "json", "[]", 100));
	FAILS(EINVAL, import("k", "create", "csv", "a,,c\n1,2,3\n", 100));
	FAILS(EINVAL, import("k", "create", "csv", "a,b\n1,2\n3\n", 100));
	REPORTS("row 2, line 3: 1 values for 2 columns");
	ck_assert_str_eq(rows("SELECT count(*) FROM sqlite_schema WHERE name = 'k'"), "0\n");
}
END_TEST

START_TEST(foreign_keys_are_looked_at_at_the_end)
{
	OK(script("CREATE TABLE p(id INTEGER PRIMARY KEY, boss REFERENCES p(id));"
		  "CREATE TABLE c(p REFERENCES p(id)); INSERT INTO p VALUES(1, NULL); INSERT INTO "
		  "c VALUES(1)"));
	OK(import("p", "append", "csv", "id,boss\n2,3\n3,1\n", 100));
	FAILS(EINVAL, import("p", "append", "csv", "id,boss\n4,9\n", 100));
	SAYS("FOREIGN KEY constraint failed");
	FAILS(EINVAL, import("p", "replace", "csv", "id,boss\n2,\n", 100));
	SAYS("FOREIGN KEY constraint failed");
	ck_assert_str_eq(rows("SELECT count(*) FROM p"), "3\n");
	OK(import("c", "replace", "csv", "p\n1\n\n2\n", 2));
	ck_assert_str_eq(rows("SELECT p FROM c"), "1\nNULL\n2\n");
}
END_TEST

START_TEST(what_was_exported_comes_back)
{
	static const char *const formats[] = {"csv", "tsv", "json", "jsonl"};
	OK(script("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, r REAL, d BLOB, x NUMERIC);\n"
		  "INSERT INTO t VALUES(1, 'a,\"b\"\nc\td\\', 0.1, X'00ff', '2020-01-01'), (2, '', "
		  "1e300, X'', 7),"
		  "(3, NULL, NULL, NULL, 0.25), (-9223372036854775808, '007', -1.5, X'41', NULL), "
		  "(5, ' x ', 3, NULL, 'é')"));
	char *want = strdup(rows("SELECT id, quote(name), quote(r), quote(d), quote(x) FROM t"));
	for (size_t i = 0; i < 4; i++) {
		struct rds_stream *stream;
		struct buf text = BUF_INIT;
		uint64_t size;
		OK(rds_export_open(source, site, slice_of("t"), formats[i], &stream, &size, &err));
		OK(rds_stream_read(stream, &text, &err));
		rds_stream_close(stream);
		OK(import("t", "replace", formats[i], buf_cstr(&text), 3));
		ck_assert_str_eq(
			buf_cstr(&report), "5 rows loaded (0 new, 0 changed, 0 removed)\n");
		OK(script("DELETE FROM t"));
		OK(import("t", "append", formats[i], text.p, 3));
		ck_assert_str_eq(
			rows("SELECT id, quote(name), quote(r), quote(d), quote(x) FROM t"), want);
		buf_free(&text);
	}
	free(want);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rds import");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, modes);
	tcase_add_test(c, lines_appended_without_a_header_are_rows);
	tcase_add_test(c, bad_rows_are_named_with_line_and_reason);
	tcase_add_test(c, new_tables_have_inferred_types);
	tcase_add_test(c, foreign_keys_are_looked_at_at_the_end);
	tcase_add_test(c, what_was_exported_comes_back);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
