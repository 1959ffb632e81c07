/* Rows as files: reading, writing, refusing. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/fixture.h"
#include "tests/unit/rds_fixture.h"

static struct rds_fixture f;

START_TEST(tables_are_listed_in_byte_order_without_hidden_ones)
{
	fixture_open(&f,
		"CREATE TABLE b(x); CREATE TABLE B2(x); CREATE VIEW a AS SELECT * FROM b;"
		"CREATE TABLE \"o'd \"\"d\"(x INTEGER PRIMARY KEY AUTOINCREMENT);"
		"CREATE VIRTUAL TABLE ft USING fts5(body);",
		true);
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	fixture_tables(&f, &out);
	ck_assert_str_eq(buf_cstr(&out), "B2 a(view) b ft o'd \"d");
	fixture_close(&f);
}
END_TEST

START_TEST(rows_are_json_with_exact_values)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, i, r REAL, s TEXT, b BLOB);"
		"INSERT INTO t VALUES(1, 9223372036854775807, 1, 'a\"b' || char(10), x'00ff'),"
		"(2, NULL, 0.1, 'a' || char(0), 1e999), (3, -1.5, 1e20, CAST(x'ff' AS TEXT), 'x');",
		false);
	check_row(&f, "t", "1",
		"{\n  \"id\": 1,\n  \"i\": 9223372036854775807,\n  \"r\": 1.0,\n"
		"  \"s\": \"a\\\"b\\n\",\n  \"b\": {\"$b\": \"AP8=\"}\n}\n");
	check_row(&f, "t", "2",
		"{\n  \"id\": 2,\n  \"i\": null,\n  \"r\": 0.1,\n"
		"  \"s\": {\"$t\": \"YQA=\"},\n  \"b\": {\"$n\": \"Infinity\"}\n}\n");
	check_row(&f, "t", "3",
		"{\n  \"id\": 3,\n  \"i\": -1.5,\n  \"r\": 1e+20,\n"
		"  \"s\": {\"$t\": \"/w==\"},\n  \"b\": \"x\"\n}\n");
	check_row(&f, "t", "01", "t has no row 01");
	check_row(&f, "t", "4", "t has no row 4");
	check_row(&f, "T", "1", "shop has no table T");
	check_list(&f, "t", "1 2 3");
	fixture_close(&f);
}
END_TEST

START_TEST(a_save_replaces_the_row)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT DEFAULT 'x', b, n INTEGER NOT NULL"
		" DEFAULT (1+1), d DEFAULT \"abc\");",
		true);
	check_write(&f, "t", "7", "{\"a\": \"1\"}", "");
	check_row(&f, "t", "7",
		"{\n  \"id\": 7,\n  \"a\": \"1\",\n  \"b\": null,\n  \"n\": 2,\n"
		"  \"d\": \"abc\"\n}\n");
	check_write(&f, "t", "7", "{\"id\": 7, \"b\": 1.0, \"n\": 3, \"d\": null}", "");
	check_row(&f, "t", "7",
		"{\n  \"id\": 7,\n  \"a\": \"x\",\n  \"b\": 1.0,\n  \"n\": 3,\n"
		"  \"d\": null\n}\n");
	/* left out: the default again */
	check_write(&f, "t", "7", "{}", "");
	check_row(&f, "t", "7",
		"{\n  \"id\": 7,\n  \"a\": \"x\",\n  \"b\": null,\n  \"n\": 2,\n"
		"  \"d\": \"abc\"\n}\n");
	/* another row's key inside: a copy takes the name, an existing row does not */
	check_write(&f, "t", "8", "{\"id\": 7}", "");
	check_write(&f, "t", "7", "{\"id\": 8}",
		"line 1, column 8: id is not the key in the name; to change the key, rename the "
		"file");
	check_list(&f, "t", "7 8");
	fixture_close(&f);
}
END_TEST

START_TEST(content_is_refused_with_its_place)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, Name TEXT, n INTEGER, r REAL, p POINT, d "
		"DATETIME);",
		true);
	check_write(&f, "t", "1", "{\n  \"Nam\": 1}",
		"line 2, column 3: t has no column \"Nam\"; did you mean \"Name\"?");
	check_write(&f, "t", "1", "{\"n\": 1, \"n\": 2}",
		"line 1, column 10: the column \"n\" is there twice (first at line 1, column 7)");
	check_write(&f, "t", "1", "{\"Name\": 7}",
		"line 1, column 10: Name: expected a string, found the number 7");
	check_write(&f, "t", "1", "{\"Name\": true}",
		"line 1, column 10: Name: expected a string, found true");
	check_write(&f, "t", "1", "{\"n\": \"x\"}",
		"line 1, column 7: n: expected an integer, found \"x\"");
	check_write(&f, "t", "1", "{\"n\": 1.5}",
		"line 1, column 7: n: expected an integer, found the number 1.5");
	check_write(&f, "t", "1", "{\"n\": 9223372036854775808}",
		"line 1, column 7: n: 9223372036854775808 does not fit into 64 bits");
	check_write(&f, "t", "1", "{\"r\": \"x\"}",
		"line 1, column 7: r: expected a number that a REAL holds exactly, found \"x\"");
	check_write(&f, "t", "1", "{\"n\": [1]}",
		"line 1, column 7: n: expected a string, a number, true, false, null, {\"$b\": "
		"base64}, "
		"{\"$t\": base64} or {\"$n\": \"Infinity\"}, found an array; JSON is stored as a "
		"string");
	check_write(&f, "t", "1", "[]",
		"line 1, column 1: expected an object with the columns of t, found an array");
	check_write(&f, "t", "1", "{\"n\": {\"$b\": \"x\"}}",
		"line 1, column 14: n: expected base64 with padding (its length is a multiple of "
		"4), found \"x\"");
	check_write(&f, "t", "1", "{\"n\": 1",
		"line 1, column 8: the text ends inside an object that began at line 1, column 1");
	check_write(
		&f, "t", "x", "{}", "x cannot name a row of t, whose rows are named by id INTEGER");
	check_list(&f, "t", "");
	check_write(&f, "t", "1",
		"{\"n\": \"42\", \"r\": 1, \"p\": \"POINT(1 2)\", \"d\": \"2009-01-01 00:00:00\"}",
		"");
	check_row(&f, "t", "1",
		"{\n  \"id\": 1,\n  \"Name\": null,\n  \"n\": 42,\n  \"r\": 1.0,\n"
		"  \"p\": \"POINT(1 2)\",\n  \"d\": \"2009-01-01 00:00:00\"\n}\n");
	fixture_close(&f);
}
END_TEST

START_TEST(constraints_are_named)
{
	fixture_open(&f,
		"CREATE TABLE p(id INTEGER PRIMARY KEY, u TEXT UNIQUE, n INTEGER NOT NULL DEFAULT "
		"1,"
		" c INTEGER CONSTRAINT small CHECK(c < 10));"
		"CREATE TABLE k(id INTEGER PRIMARY KEY, p INTEGER REFERENCES p(id));"
		"CREATE TABLE s(id INTEGER PRIMARY KEY, i ANY, j INT) STRICT;"
		"CREATE TABLE g(id INTEGER PRIMARY KEY, a, b AS (a + 1), c AS (a + 2) STORED);"
		"CREATE TRIGGER no BEFORE DELETE ON s BEGIN SELECT raise(ABORT, 'kept'); END;"
		"CREATE VIEW v AS SELECT * FROM p;"
		"INSERT INTO p VALUES(1, 'a', 1, 1); INSERT INTO k VALUES(1, 1);"
		"INSERT INTO s VALUES(1, 1, 1); INSERT INTO g(id, a) VALUES(1, 1);",
		true);
	check_write(&f, "p", "2", "{\"u\": \"a\"}", "UNIQUE constraint failed: p.u");
	check_write(&f, "p", "2", "{\"n\": null}", "NOT NULL constraint failed: p.n");
	check_write(&f, "p", "2", "{\"c\": 10}", "CHECK constraint failed: small");
	check_write(&f, "k", "2", "{\"p\": 5}",
		"FOREIGN KEY constraint failed: k(p) in row 2 refers to a row of p(id) that is not "
		"there");
	ck_assert_int_eq(fixture_remove(&f, "p", slice_of("1"), ENGINE_VERSION_ANY), -EINVAL);
	ck_assert_str_eq(f.err.msg, "FOREIGN KEY constraint failed: k(p) in row 1 refers to a row "
				    "of p(id) that is not there");
	check_write(&f, "s", "1", "{\"j\": {\"$b\": \"AAAA\"}}",
		"cannot store BLOB value in INT column s.j");
	ck_assert_int_eq(fixture_remove(&f, "s", slice_of("1"), ENGINE_VERSION_ANY), -EINVAL);
	ck_assert_str_eq(f.err.msg, "kept");
	check_write(&f, "g", "1", "{\"a\": 1, \"b\": 2, \"c\": 3}", "");
	check_write(&f, "g", "1", "{\"a\": 5, \"b\": 2}", "");
	check_write(&f, "g", "1", "{\"a\": 5, \"b\": 2}",
		"line 1, column 15: b is generated from other columns and cannot be written; leave "
		"it out");
	check_row(&f, "g", "1", "{\n  \"id\": 1,\n  \"a\": 5,\n  \"b\": 6,\n  \"c\": 7\n}\n");
	check_write(&f, "v", "1", "{}", "v is a view: it is read-only");
	ck_assert_int_eq(f.err.code, EROFS);
	check_list(&f, "v", "1");
	fixture_close(&f);
}
END_TEST

START_TEST(an_update_is_an_update)
{
	fixture_open(&f,
		"CREATE TABLE p(id INTEGER PRIMARY KEY, v);"
		"CREATE TABLE k(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE "
		"CASCADE);"
		"CREATE TABLE log(t);"
		"CREATE TRIGGER d AFTER DELETE ON p BEGIN INSERT INTO log VALUES('deleted'); END;"
		"INSERT INTO p VALUES(1, 1); INSERT INTO k VALUES(1, 1);",
		true);
	check_write(&f, "p", "1", "{\"v\": 2}", "");
	check_list(&f, "k", "1");
	check_list(&f, "log", "");
	ck_assert_int_eq(fixture_rename(&f, "p", slice_of("1"), slice_of("5"), 0), 0);
	check_list(&f, "p", "5");
	check_row(&f, "k", "1", "{\n  \"id\": 1,\n  \"p\": 5\n}\n");
	ck_assert_str_eq(fixture_told(&f), "p/1 k/1 p/1 p/5 ");
	fixture_close(&f);
}
END_TEST

START_TEST(renames)
{
	fixture_open(&f,
		"CREATE TABLE t(id TEXT PRIMARY KEY, v); INSERT INTO t VALUES('a', 1), ('b', 2), "
		"('c', 3);",
		true);
	ck_assert_int_eq(
		fixture_rename(&f, "t", slice_of("a"), slice_of("b"), RENAME_NOREPLACE), -EEXIST);
	ck_assert_int_eq(fixture_rename(&f, "t", slice_of("x"), slice_of("b"), 0), -ENOENT);
	ck_assert_int_eq(
		fixture_rename(&f, "t", slice_of("a"), slice_of("x"), RENAME_EXCHANGE), -ENOENT);
	ck_assert_int_eq(fixture_rename(&f, "t", slice_of("a"), slice_of("b"), RENAME_EXCHANGE), 0);
	check_row(&f, "t", "a", "{\n  \"id\": \"a\",\n  \"v\": 2\n}\n");
	check_row(&f, "t", "b", "{\n  \"id\": \"b\",\n  \"v\": 1\n}\n");
	ck_assert_int_eq(fixture_rename(&f, "t", slice_of("c"), slice_of("a"), 0), 0);
	check_list(&f, "t", "a b");
	check_row(&f, "t", "a", "{\n  \"id\": \"a\",\n  \"v\": 3\n}\n");
	fixture_close(&f);
}
END_TEST

START_TEST(versions_are_expected)
{
	for (int stamped = 0; stamped < 2; stamped++) {
		struct engine_info a;
		struct engine_info b;
		fixture_open(&f,
			"CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);",
			stamped != 0);
		ck_assert_int_eq(fixture_stat(&f, "t", slice_of("1"), &a), 0);
		struct slice text = slice_of("{\"v\": 2}");
		ck_assert_int_eq(fixture_write(&f, "t", slice_of("1"), text, ENGINE_VERSION_ABSENT),
			-EEXIST);
		ck_assert_int_eq(
			fixture_write(&f, "t", slice_of("1"), text, a.version + 1), -EBUSY);
		ck_assert_int_eq(fixture_write(&f, "t", slice_of("1"), text, a.version), 0);
		ck_assert_int_eq(fixture_write(&f, "t", slice_of("1"), text, a.version), -EBUSY);
		ck_assert_int_eq(fixture_stat(&f, "t", slice_of("1"), &b), 0);
		ck_assert_uint_ne(a.version, b.version);
		ck_assert_int_lt(a.mtime_ns, b.mtime_ns);
		ck_assert_int_eq(fixture_remove(&f, "t", slice_of("1"), a.version), -EBUSY);
		ck_assert_int_eq(fixture_remove(&f, "t", slice_of("1"), b.version), 0);
		ck_assert_int_eq(fixture_write(&f, "t", slice_of("1"), text, b.version), -EBUSY);
		ck_assert_int_eq(fixture_remove(&f, "t", slice_of("1"), b.version), -ENOENT);
		fixture_close(&f);
	}
}
END_TEST

START_TEST(changes_of_others_are_noticed)
{
	struct engine_info a;
	struct engine_info b;
	fixture_open(&f, "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);",
		false);
	check_write(&f, "t", "1", "{\"v\": 2}", "");
	usleep(20000);
	ck_assert_str_eq(fixture_told(&f), "t/1 ");
	ck_assert_int_eq(fixture_stat(&f, "t", slice_of("1"), &a), 0);
	fixture_other(&f, "UPDATE t SET v = 3; CREATE TABLE u(x);");
	check_row(&f, "u", "1", "u has no row 1");
	for (int i = 0; i < 20000 && strchr(fixture_told(&f), '*') == NULL; i++) {
		usleep(1000);
	}
	ck_assert_ptr_nonnull(strchr(fixture_told(&f), '*'));
	ck_assert_int_eq(fixture_stat(&f, "t", slice_of("1"), &b), 0);
	ck_assert_int_lt(a.mtime_ns, b.mtime_ns);
	fixture_close(&f);
}
END_TEST

/* ---- real data ---- */

#define CHINOOK "/work/shared/data/chinook/Chinook_Sqlite.sqlite"

static void copy_chinook(const char *to)
{
	CLEANUP(buf_free) struct buf command = BUF_INIT;
	buf_printf(&command, "cp %s %s", CHINOOK, to);
	ck_assert_int_eq(system(buf_cstr(&command)), 0);
}

struct walk {
	struct buf names; /* of tables, NUL-ended */
	struct buf keys;  /* "table\0key\0", keys of Chinook hold no NUL */
	const char *table;
	unsigned n;
};

static int walk_key(void *arg, struct slice key, const struct engine_info *info)
{
	struct walk *w = arg;
	(void)info;
	buf_append(&w->keys, w->table, strlen(w->table) + 1);
	buf_append_slice(&w->keys, key);
	buf_putc(&w->keys, '\0');
	w->n++;
	return 0;
}

static int walk_table(void *arg, const struct rds_table *t, struct err *err)
{
	struct walk *w = arg;
	(void)err;
	buf_append(&w->names, t->name, strlen(t->name) + 1);
	return 0;
}

static int walk_all(struct rds_conn *c, void *arg, struct err *err)
{
	struct walk *w = arg;
	int rc = rds_table_each(c, NULL, walk_table, w, err);
	for (size_t i = 0; i < w->names.n && rc == 0; i += strlen(w->names.p + i) + 1) {
		w->table = w->names.p + i;
		rc = rds_row_list(c, slice_of(w->table), NULL, walk_key, w, err);
	}
	return rc;
}

/* In one transaction: 15,607 would be as many commits. */
static int save_all(struct rds_conn *c, void *arg, struct err *err)
{
	const struct walk *w = arg;
	int rc = 0;
	for (size_t i = 0; i < w->keys.n && rc == 0;) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf again = BUF_INIT;
		struct engine_info before;
		struct engine_info after;
		struct slice table = slice_of(w->keys.p + i);
		struct slice key = slice_of(w->keys.p + i + table.n + 1);
		i += table.n + key.n + 2;
		rc = rds_row_read(c, table, key, &text, &before, err);
		ck_assert_uint_eq(before.size, text.n);
		buf_putc(&text, '\n'); /* parsed, not only compared */
		rc = rc != 0 ? rc
			     : rds_row_write(c, table, key, buf_slice(&text), before.version,
				       &after, err);
		text.n--;
		rc = rc != 0 ? rc : rds_row_read(c, table, key, &again, &after, err);
		ck_assert(rc != 0 || slice_equal(buf_slice(&text), buf_slice(&again)));
		ck_assert(rc != 0 || before.version == after.version);
	}
	return rc;
}

START_TEST(chinook_comes_through_unchanged)
{
	if (access(CHINOOK, R_OK) != 0) {
		puts("skip - chinook_comes_through_unchanged: " CHINOOK " is not there");
		return;
	}
	fixture_open(&f, "CREATE TABLE x(y)", false);
	rds_source_close(f.source);
	copy_chinook(f.path);
	struct rds_file_config config = {.path = f.path, .label = "chinook"};
	ck_assert_int_eq(rds_source_file(&config, &f.source, &f.err), 0);
	struct walk w = {0};
	ck_assert_int_eq(rds_source_read(f.source, walk_all, &w, &f.err), 0);
	ck_assert_uint_eq(w.n, 15607);
	check_row(
		&f, "PlaylistTrack", "1,3402", "{\n  \"PlaylistId\": 1,\n  \"TrackId\": 3402\n}\n");
	ck_assert_msg(rds_source_write(f.source, save_all, &w, &f.err) == 0, "%s", f.err.msg);
	buf_free(&w.names);
	buf_free(&w.keys);
	fixture_close(&f);
}
END_TEST

START_TEST(what_is_no_database_is_refused)
{
	struct rds_source *s = NULL;
	fixture_open(&f, "CREATE TABLE t(x)", false);
	static const struct {
		const char *path;
		int code;
	} bad[] = {
		{"/nonexistent/x.db", ENOENT}, {"/tmp", EINVAL}, {SOURCE_ROOT "/LICENSE", EINVAL}};
	for (unsigned i = 0; i < 3; i++) {
		struct err err = {0};
		struct rds_file_config config = {
			.path = bad[i].path, .label = "bad", .read_only = true};
		ck_assert_int_eq(rds_source_file(&config, &s, &err), -bad[i].code);
		ck_assert_ptr_null(s);
		ck_assert_str_ne(err.msg, "");
	}
	fixture_close(&f);
}
END_TEST

START_TEST(odd_paths_and_read_only_files)
{
	fixture_open(&f, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1);", false);
	rds_source_close(f.source);
	char odd[128];
	snprintf(odd, sizeof(odd), "%s/a?b#c%%41 \"é.db", f.dir);
	ck_assert_int_eq(rename(f.path, odd), 0);
	struct rds_file_config config = {.path = odd, .label = "odd", .read_only = true};
	ck_assert_int_eq(rds_source_file(&config, &f.source, &f.err), 0);
	check_list(&f, "t", "1");
	check_write(&f, "t", "2", "{}", "odd is read-only");
	ck_assert_uint_gt(rds_source_bytes(f.source), 0);
	rds_source_close(f.source);
	f.source = NULL;
	ck_assert_int_eq(rename(odd, f.path), 0);
	fixture_close(&f);
}
END_TEST

static Suite *rows_suite(void)
{
	Suite *s = suite_create("rds_rows");
	TCase *read = tcase_create("read");
	tcase_add_test(read, tables_are_listed_in_byte_order_without_hidden_ones);
	tcase_add_test(read, rows_are_json_with_exact_values);
	suite_add_tcase(s, read);
	TCase *write = tcase_create("write");
	tcase_add_test(write, a_save_replaces_the_row);
	tcase_add_test(write, content_is_refused_with_its_place);
	tcase_add_test(write, constraints_are_named);
	tcase_add_test(write, an_update_is_an_update);
	tcase_add_test(write, renames);
	tcase_add_test(write, versions_are_expected);
	tcase_add_test(write, changes_of_others_are_noticed);
	suite_add_tcase(s, write);
	TCase *files = tcase_create("files");
	tcase_add_test(files, chinook_comes_through_unchanged);
	tcase_add_test(files, what_is_no_database_is_refused);
	tcase_add_test(files, odd_paths_and_read_only_files);
	tcase_set_timeout(files, 60);
	suite_add_tcase(s, files);
	return s;
}

int main(void)
{
	return run_suite(rows_suite());
}
