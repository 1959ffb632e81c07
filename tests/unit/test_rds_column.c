/* One column of a row as a file of its bytes. */
#include <check.h>
#include <stdlib.h>

#include "tests/unit/fixture.h"
#include "tests/unit/rds_fixture.h"

static struct rds_fixture f;

struct column_call {
	enum { C_READ, C_STAT, C_WRITE, C_REMOVE, C_LIST } what;
	const char *key;
	const char *column;
	struct slice text;
	uint64_t expect;
	struct buf *out;
	struct engine_info info;
	bool first_only;
	const struct slice *after;
};

static int put_name(void *arg, struct slice key, const struct engine_info *info)
{
	struct column_call *k = arg;
	buf_append_slice(k->out, key);
	buf_printf(k->out, "=%u ", (unsigned)info->size);
	return k->first_only;
}

static int run(struct rds_conn *c, void *arg, struct err *err)
{
	struct column_call *k = arg;
	struct slice t = slice_of("t");
	struct slice key = slice_of(k->key);
	struct slice column = slice_of(k->column != NULL ? k->column : "");
	switch (k->what) {
	case C_READ: return rds_column_read(c, t, key, column, k->out, &k->info, err);
	case C_STAT: return rds_column_stat(c, t, key, column, &k->info, err);
	case C_WRITE: return rds_column_write(c, t, key, column, k->text, k->expect, &k->info, err);
	case C_REMOVE: return rds_column_remove(c, t, key, column, k->expect, err);
	case C_LIST: return rds_column_list(c, t, key, k->after, put_name, k, err);
	}
	return -EINVAL;
}

static int call(struct column_call *k)
{
	err_clear(&f.err);
	bool write = k->what == C_WRITE || k->what == C_REMOVE;
	return (write ? rds_source_write : rds_source_read)(f.source, run, k, &f.err);
}

static void check_column(const char *column, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct column_call k = {.what = C_READ, .key = "1", .column = column, .out = &out};
	int rc = call(&k);
	ck_assert_str_eq(rc == 0 ? buf_cstr(&out) : f.err.msg, want);
	if (rc == 0) {
		struct column_call s = {.what = C_STAT, .key = "1", .column = column};
		ck_assert_int_eq(call(&s), 0);
		ck_assert_uint_eq(s.info.size, out.n);
		ck_assert_uint_eq(k.info.size, out.n);
	}
}

static void set(const char *column, struct slice text, const char *error)
{
	struct column_call k = {.what = C_WRITE,
		.key = "1",
		.column = column,
		.text = text,
		.expect = ENGINE_VERSION_ANY};
	int rc = call(&k);
	ck_assert_str_eq(f.err.msg, error);
	if (rc == 0) {
		struct column_call s = {.what = C_STAT, .key = "1", .column = column};
		ck_assert_int_eq(call(&s), 0);
		ck_assert_uint_eq(s.info.size, k.info.size);
		ck_assert_uint_eq(s.info.version, k.info.version);
	}
}

static void check_names(const struct slice *after, bool first_only, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct column_call k = {
		.what = C_LIST, .key = "1", .out = &out, .after = after, .first_only = first_only};
	ck_assert_int_eq(call(&k), 0);
	ck_assert_str_eq(buf_cstr(&out), want);
}

static void open_table(void)
{
	fixture_open(&f,
		"CREATE TABLE t(id INTEGER PRIMARY KEY, s TEXT NOT NULL DEFAULT '', n INTEGER, r "
		"REAL,"
		" b BLOB, d DATETIME, x, g AS (n + 1) STORED);"
		"INSERT INTO t VALUES(1, 'text', 42, 1, x'00ff', '2009-01-01', NULL);",
		true);
}

START_TEST(columns_are_their_bytes)
{
	open_table();
	check_column("s", "text");
	check_column("n", "42");
	check_column("r", "1.0");
	check_column("d", "2009-01-01");
	check_column("g", "43");
	check_column("x", "x is NULL in this row");
	check_column("N", "t has no column N");
	check_names(NULL, false, "id=1 s=4 n=2 r=3 b=2 d=10 g=2 ");
	struct slice s = slice_of("s");
	check_names(&s, true, "n=2 ");
	fixture_close(&f);
}
END_TEST

START_TEST(columns_are_written)
{
	open_table();
	set("s", slice_of("line\n"), "");
	check_column("s", "line\n");
	set("n", slice_of("7\n"), "");
	check_column("n", "7");
	check_column("g", "8");
	set("r", slice_of("2\n"), "");
	check_column("r", "2.0");
	set("d", slice_of("2010-02-03\n"), "");
	check_column("d", "2010-02-03");
	set("b", slice_of("text into a blob"), "");
	check_row(&f, "t", "1",
		"{\n  \"id\": 1,\n  \"s\": \"line\\n\",\n  \"n\": 7,\n  \"r\": 2.0,\n"
		"  \"b\": {\"$b\": \"dGV4dCBpbnRvIGEgYmxvYg==\"},\n  \"d\": \"2010-02-03\",\n"
		"  \"x\": null,\n  \"g\": 8\n}\n");
	set("x", slice_of("new"), "");
	check_column("x", "new");
	set("x", slice_make("\xff\0", 2), "");
	check_row(&f, "t", "1",
		"{\n  \"id\": 1,\n  \"s\": \"line\\n\",\n  \"n\": 7,\n  \"r\": 2.0,\n"
		"  \"b\": {\"$b\": \"dGV4dCBpbnRvIGEgYmxvYg==\"},\n  \"d\": \"2010-02-03\",\n"
		"  \"x\": {\"$b\": \"/wA=\"},\n  \"g\": 8\n}\n");
	fixture_close(&f);
}
END_TEST

START_TEST(columns_are_refused)
{
	open_table();
	set("n", slice_of("seven"), "n: expected an integer, found \"seven\"");
	set("id", slice_of("2"), "id is part of the key; to change it, rename the row");
	set("g", slice_of("2"), "g is generated from other columns and cannot be written");
	set("q", slice_of("2"), "t has no column q");
	struct column_call k = {
		.what = C_REMOVE, .key = "1", .column = "s", .expect = ENGINE_VERSION_ANY};
	ck_assert_int_eq(call(&k), -EINVAL);
	ck_assert_str_eq(f.err.msg, "NOT NULL constraint failed: t.s");
	k.column = "n";
	ck_assert_int_eq(call(&k), 0);
	check_column("n", "n is NULL in this row");
	ck_assert_int_eq(call(&k), -ENOENT);
	k.key = "2";
	ck_assert_int_eq(call(&k), -ENOENT);
	struct column_call w = {.what = C_WRITE,
		.key = "1",
		.column = "s",
		.text = slice_of("a"),
		.expect = ENGINE_VERSION_ABSENT};
	ck_assert_int_eq(call(&w), -EEXIST);
	w.expect = 12345;
	ck_assert_int_eq(call(&w), -EBUSY);
	w.column = "x";
	w.expect = ENGINE_VERSION_ABSENT;
	ck_assert_int_eq(call(&w), 0);
	fixture_close(&f);
}
END_TEST

START_TEST(a_column_unchanged_is_not_written)
{
	open_table();
	struct engine_info a;
	struct engine_info b;
	ck_assert_int_eq(fixture_stat(&f, "t", slice_of("1"), &a), 0);
	set("s", slice_of("text"), "");
	set("n", slice_of("42"), "");
	set("n", slice_of("42\n"), "");
	set("b", slice_make("\0\xff", 2), "");
	ck_assert_int_eq(fixture_stat(&f, "t", slice_of("1"), &b), 0);
	ck_assert_uint_eq(a.version, b.version);
	ck_assert_str_eq(fixture_told(&f), "");
	fixture_close(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rds_column");
	TCase *t = tcase_create("column");
	tcase_add_test(t, columns_are_their_bytes);
	tcase_add_test(t, columns_are_written);
	tcase_add_test(t, columns_are_refused);
	tcase_add_test(t, a_column_unchanged_is_not_written);
	suite_add_tcase(s, t);
	return run_suite(s);
}
