/* COPY end to end: files of this machine into tables of a cluster, with each driver. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/load/load.h"
#include "tests/unit/redshift_run_fixture.h"

static struct run_fixture f;
static struct buf script;

#define SALES                                                                                      \
	"create table sales(id integer not null, name varchar(8), price decimal(6,2), day date);"

static void start(int driver)
{
	rf_start(&f, sql_drivers[driver], 2);
	rf_run(&f, SALES);
}

static void finish(void)
{
	buf_free(&script);
	rf_end(&f);
}

static void put(const char *name, struct slice text)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/%s", f.dir, name);
	FILE *file = fopen(buf_cstr(&path), "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text.p, 1, text.n, file), text.n);
	ck_assert_int_eq(fclose(file), 0);
}

/* "copy TARGET from 'DIR/NAME' OPTIONS"; % in OPTIONS is the directory. */
static const char *copy_text(const char *target, const char *name, const char *options)
{
	buf_clear(&script);
	buf_printf(&script, "copy %s from '%s/%s' ", target, f.dir, name);
	for (; *options != '\0'; options++) {
		if (*options == '%') {
			buf_puts(&script, f.dir);
		} else {
			buf_putc(&script, *options);
		}
	}
	return buf_cstr(&script);
}

static const char *copy(const char *target, const char *name, const char *options)
{
	return rf_run(&f, copy_text(target, name, options));
}

static void refused(
	const char *target, const char *name, const char *options, int code, const char *part)
{
	rf_refuse(&f, copy_text(target, name, options), code, part);
}

/* "line column code position raw_field" of each error, the newest load's. */
static int add_error(void *arg, const struct rs_load_error *e, struct err *err)
{
	struct buf *out = arg;

	(void)err;
	buf_printf(out, "%llu %s(%s %s) %d at %llu '%s' in '%s': %s\n", (unsigned long long)e->line,
		e->column, e->type, e->column_length, e->code, (unsigned long long)e->position,
		e->raw_field, e->raw_line, e->reason);
	return 0;
}

static const char *errors(void)
{
	static struct buf out;

	buf_clear(&out);
	ck_assert_int_eq(rs_leader_load_errors(f.c->leader, 0, 0, add_error, &out, &f.err), 0);
	return buf_cstr(&out);
}

#define ROWS "select id, name, price, day from sales order by id"

START_TEST(test_text)
{
	start(_i);
	put("a.txt", slice_of("1|one|1.259|2008-01-02\r\n2||\\N|\r\n3|three|3|2008-2-3"));
	ck_assert_str_eq(
		copy("sales", "a.txt", ""), "COPY sales: 3 rows loaded, 0 rejected, 1 file\n");
	rf_is(&f, ROWS, "1|one|1.25|2008-01-02\n2||-|-\n3|three|3.00|2008-02-03\n");
	put("b.txt", slice_of("x\n4\tfour\t1.259\t2/18/2008\n"));
	copy("sales", "b.txt",
		"delimiter '\\t' dateformat 'MM/DD/YYYY' ignoreheader 1 roundec credentials 'x'");
	rf_is(&f, "select name, price, day from sales where id = 4", "four|1.26|2008-02-18\n");
	finish();
}
END_TEST

#define BAD                                                                                        \
	"1|a|1|2008-01-01\nx|b|1|2008-01-01\n2|c|1\n3|much too long|1|2008-01-01\n4|d|1|soon\n"    \
	"5|e|1|2008-01-01|more\n6|f|1|2008-01-01\n"

START_TEST(test_five_bad_rows)
{
	start(_i);
	put("bad.txt", slice_of(BAD));
	ck_assert_str_eq(copy("sales", "bad.txt", "maxerror 10"),
		"COPY sales: 2 rows loaded, 5 rejected, 1 file\n");
	rf_is(&f, "select id from sales order by id", "1\n6\n");
	ck_assert_ptr_nonnull(strstr(errors(), "2 id(int4 ) 1207 at 0 'x' in 'x|b|1|2008-01-01'"));
	ck_assert_ptr_nonnull(
		strstr(errors(), "3 ( ) 1214 at 0 '' in '2|c|1': Delimiter not found"));
	ck_assert_ptr_nonnull(strstr(errors(), "4 name(varchar 8) 1204 at 10 'much too long'"));
	ck_assert_ptr_nonnull(strstr(errors(), "5 day(date ) 1205 at 6 'soon'"));
	ck_assert_ptr_nonnull(strstr(errors(), "6 ( ) 1202 at 0 ''"));
	refused("sales", "bad.txt", "", EINVAL, "line 2, column \"id\": Invalid digit");
	refused("sales", "bad.txt", "maxerror 1", EINVAL, "stopped at 1 wrong row");
	refused("sales", "bad.txt", "maxerror 5", EINVAL, "stopped at 5 wrong rows");
	rf_is(&f, "select count(*) from sales", "2\n");
	ck_assert_str_eq(copy("sales", "bad.txt", "ignoreallerrors"),
		"COPY sales: 2 rows loaded, 5 rejected, 1 file\n");
	finish();
}
END_TEST

/* What a failed load says stays, though its transaction is undone. */
START_TEST(test_errors_stay)
{
	start(_i);
	put("bad.txt", slice_of("x\n"));
	refused("sales (id)", "bad.txt", "", EINVAL, "1207");
	rf_close(&f);
	rf_open(&f);
	ck_assert_ptr_nonnull(strstr(errors(), "1 id(int4 ) 1207"));
	finish();
}
END_TEST

START_TEST(test_noload)
{
	start(_i);
	put("a.txt", slice_of("1|one|1|2008-01-02\nx\n"));
	ck_assert_str_eq(copy("sales", "a.txt", "noload maxerror 3"),
		"COPY sales: 1 rows read, none loaded (NOLOAD), 1 rejected, 1 file\n");
	rf_is(&f, "select count(*) from sales", "0\n");
	finish();
}
END_TEST

START_TEST(test_columns)
{
	start(_i);
	rf_run(&f,
		"create table t(n bigint identity(10, 10), a int default 7, b varchar(5) not null, "
		"c int)");
	put("a.txt", slice_of("x|1\ny|2\n"));
	copy("t (b, c)", "a.txt", "");
	rf_is(&f, "select n, a, b, c from t order by n", "10|7|x|1\n20|7|y|2\n");
	put("b.txt", slice_of("99|1|z|2\n"));
	copy("t", "b.txt", "");
	rf_is(&f, "select n from t where b = 'z'", "30\n");
	copy("t", "b.txt", "explicit_ids");
	rf_is(&f, "select n from t where b = 'z' order by n", "30\n99\n");
	refused("t (b, d)", "a.txt", "", EINVAL, "\"d\"");
	refused("t (b, b)", "a.txt", "", EINVAL, "twice");
	refused("t (n, b)", "a.txt", "", EINVAL, "EXPLICIT_IDS");
	refused("t (a, c)", "a.txt", "", EINVAL, "NOT NULL");
	put("c.txt", slice_of("1||z|2\n|2|\\N|3\n"));
	refused("t", "c.txt", "", EINVAL,
		"line 2, column \"b\": Missing data for not-null field (1213)");
	put("d.txt", slice_of("5\n6|q\n"));
	copy("sales", "d.txt", "fillrecord");
	rf_is(&f, ROWS, "5||-|-\n6|q|-|-\n");
	finish();
}
END_TEST

START_TEST(test_which_files)
{
	start(_i);
	put("part-1", slice_of("1\n"));
	put("part-2", slice_of("2\n3\n"));
	put("other", slice_of("4\n"));
	ck_assert_str_eq(
		copy("sales (id)", "part", ""), "COPY sales: 3 rows loaded, 0 rejected, 2 files\n");
	CLEANUP(buf_free) struct buf manifest = BUF_INIT;
	buf_printf(&manifest,
		"{\"entries\": [{\"url\": \"%s/other\", \"mandatory\": true}, {\"url\": "
		"\"%s/none\"}]}",
		f.dir, f.dir);
	put("m", buf_slice(&manifest));
	ck_assert_str_eq(copy("sales (id)", "m", "manifest"),
		"COPY sales: 1 rows loaded, 0 rejected, 1 file\n");
	refused("sales", "nothing", "", ENOENT, "does not exist");
	refused("nowhere", "part", "", ENOENT, "nowhere");
	rf_run(&f, "create view v as select id from sales");
	refused("v", "part", "", EINVAL, "view");
	buf_clear(&script);
	rf_refuse(&f, "copy sales from 's3://bucket/x'", ENOENT, "no directory is mapped");
	finish();
}
END_TEST

/* Its files have addresses that do not begin with that of the manifest, and are shorter. */
START_TEST(test_partitions_of_a_manifest)
{
	start(_i);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&path, "%s/day=2008-01-02", f.dir);
	ck_assert_int_eq(mkdir(buf_cstr(&path), 0700), 0);
	put("day=2008-01-02/f", slice_of("1\n2\n"));
	buf_printf(&text, "{\"entries\": [{\"url\": \"%s/f\"}]}", path.p);
	put("manifest-with-a-name-that-is-longer-than-those-of-its-files", buf_slice(&text));
	rf_run(&f, "create external schema x from data catalog database 'none' iam_role default");
	buf_clear(&text);
	buf_printf(&text,
		"create external table x.t(id int) partitioned by (day date) row format delimited "
		"fields terminated by '|' stored as textfile location "
		"'%s/manifest-with-a-name-that-is-longer-than-those-of-its-files'",
		f.dir);
	rf_run(&f, buf_cstr(&text));
	rf_is(&f, "select id, day from x.t order by id", "1|2008-01-02\n2|2008-01-02\n");
	finish();
}
END_TEST

START_TEST(test_formats)
{
	start(_i);
	put("a.csv", slice_of("\"id\",\"name\"\n1,\"a,\"\"b\"\n"));
	copy("sales (id, name)", "a.csv", "csv ignoreheader 1");
	put("b.json", slice_of("{\"id\": 2, \"name\": \"x\", \"price\": 3.5}\n{\"id\": 3, \"day\": "
			       "\"2008-01-02\"}"));
	copy("sales", "b.json", "json 'auto'");
	put("paths", slice_of("{\"jsonpaths\": [\"$.k.i\", \"$.n[1]\"]}"));
	put("c.json", slice_of("{\"k\": {\"i\": 4}, \"n\": [0, \"y\"]}"));
	copy("sales (id, name)", "c.json", "json '%/paths'");
	put("d.txt", slice_of("  5abc  \n"));
	copy("sales (id, name)", "d.txt", "fixedwidth 'id:3,name:5' trimblanks");
	rf_is(&f, ROWS, "1|a,\"b|-|-\n2|x|3.50|-\n3|-|-|2008-01-02\n4|y|-|-\n5|abc|-|-\n");
	refused("sales", "c.json", "json '%/c.json'", EINVAL, "jsonpaths");
	put("e.json", slice_of("{\"id\": 6}\n\n{\"id\":\n\"no\"\n}"));
	refused("sales", "e.json", "json 'auto'", EINVAL, "line 5, column \"id\"");
	finish();
}
END_TEST

START_TEST(test_compressed)
{
	start(_i);
	rf_run(&f, "insert into sales values (1, 'a', 2.5, '2008-01-02'), (2, null, null, null)");
	static const char *const how[] = {"gzip", "bzip2", "zstd"};
	for (unsigned i = 0; i < 3; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		buf_printf(&text, "unload ('select * from sales where id < 3') to '%s/u%u' %s",
			f.dir, i, how[i]);
		rf_run(&f, buf_cstr(&text));
		buf_clear(&text);
		buf_printf(&text, "u%u", i);
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		buf_append_slice(&name, buf_slice(&text));
		copy("sales", buf_cstr(&name), how[i]);
	}
	rf_is(&f, "select id, count(*) from sales group by id order by id", "1|8\n2|8\n");
	put("x.gz", slice_of("1|a\n"));
	refused("sales", "x.gz", "gzip", EINVAL, "x.gz");
	finish();
}
END_TEST

START_TEST(test_parquet)
{
	start(_i);
	if (!sql_drivers[_i]->parquet) {
		put("x.parquet", slice_of("PAR1"));
		refused("sales", "x.parquet", "format as parquet", EINVAL, "DuckDB");
		finish();
		return;
	}
	rf_run(&f, "insert into sales values (1, 'a', 2.5, '2008-01-02'), (2, null, null, null)");
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&text, "unload ('select * from sales') to '%s/p' format parquet", f.dir);
	rf_run(&f, buf_cstr(&text));
	copy("sales", "p", "format as parquet");
	rf_is(&f, "select id, name, price, day, count(*) from sales group by 1,2,3,4 order by 1",
		"1|a|2.50|2008-01-02|2\n2|-|-|-|2\n");
	refused("sales (id)", "p", "format as parquet", EINVAL, "4 columns, but 1");
	put("x.parquet", slice_of("PAR1 it is not"));
	refused("sales", "x.parquet", "format as parquet", EINVAL, "x.parquet");
	finish();
}
END_TEST

/* A load is of its transaction. */
START_TEST(test_all_or_nothing)
{
	start(_i);
	put("a.txt", slice_of("1\n"));
	put("bad.txt", slice_of("2\nx\n"));
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&text, "copy sales (id) from '%s/a.txt'; copy sales (id) from '%s/bad.txt';",
		f.dir, f.dir);
	rf_refuse(&f, buf_cstr(&text), EINVAL, "1207");
	rf_is(&f, "select count(*) from sales", "0\n");
	finish();
}
END_TEST

/* ---- TABLE/.load/ ---- */

/* What end() says; its report is in f.report. */
static int load(const char *file, struct slice text, bool replace)
{
	struct rs_table_load *l = NULL;

	buf_clear(&f.report);
	err_clear(&f.err);
	int rc = rs_table_load_new(f.c, slice_of("sales"), slice_of(file), replace, &l, &f.err);
	if (rc < 0) {
		return rc;
	}
	for (size_t at = 0; at < text.n; at += 3) {
		size_t n = text.n - at < 3 ? text.n - at : 3;
		ck_assert_int_eq(rs_table_load_feed(l, slice_make(text.p + at, n), &f.err), 0);
	}
	return rs_table_load_end(l, true, &f.report, &f.err);
}

static void loads(const char *file, const char *text, bool replace)
{
	int rc = load(file, slice_of(text), replace);
	ck_assert_msg(rc == 0, "%s: %s", file, f.err.msg);
}

static void load_refused(const char *file, const char *text, int code, const char *part)
{
	int rc = load(file, slice_of(text), false);
	ck_assert_msg(rc == -code, "%d instead of %d: %s", rc, -code, f.err.msg);
	ck_assert_msg(strstr(f.err.msg, part) != NULL, "%s", f.err.msg);
	err_clear(&f.err);
}

START_TEST(test_load_by_name)
{
	start(_i);
	loads("a.csv", "name,ID\n\"\",1\n,2\n\n", false);
	ck_assert_str_eq(buf_cstr(&f.report), "COPY sales: 2 rows loaded, 0 rejected, 1 file\n");
	loads("b.csv", "3,c,1.5,2008-01-02\r\n", false);
	loads("c.tsv", "4\td\t\t", false);
	loads("d.txt", "5|e||\n", false);
	loads("e.TBL", "6|f|1|2008-01-02|\n", false);
	loads("f.jsonl", "{\"id\": 7}", false);
	loads("g.json", "{\"id\": 8, \"name\": \"g\"}", false);
	loads("empty.csv", "", false);
	rf_is(&f, ROWS,
		"1||-|-\n2|-|-|-\n3|c|1.50|2008-01-02\n4|d|-|-\n5|e|-|-\n6|f|1.00|2008-01-02\n"
		"7|-|-|-\n8|g|-|-\n");
	load_refused("a.xls", "", EINVAL, ".parquet");
	load_refused("csv", "", EINVAL, ".parquet");
	load_refused("a.csv.gz", "id\n", EINVAL, "gzip");
	load_refused("a.csv", "name\nx\n", EINVAL, "NOT NULL");
	struct rs_table_load *l;
	ck_assert_int_eq(
		rs_table_load_new(f.c, slice_of("none"), slice_of("a.csv"), false, &l, &f.err),
		-ENOENT);
	finish();
}
END_TEST

START_TEST(test_load_replaces)
{
	start(_i);
	loads("data.csv", "1,a,,\n2,b,,\n", true);
	loads("data.csv", "id,name\n3,c\n", true);
	rf_is(&f, ROWS, "3|c|-|-\n");
	ck_assert_int_eq(load("data.csv", slice_of("id,name\nx,c\n"), true), -EINVAL);
	rf_is(&f, ROWS, "3|c|-|-\n");
	loads("data.csv", "id,name,price,day\n", true);
	rf_is(&f, "select count(*) from sales", "0\n");
	loads("data.jsonl", "{\"id\": 4}\n", true);
	loads("data.csv", "", true);
	rf_is(&f, "select count(*) from sales", "0\n");
	finish();
}
END_TEST

/* Of a load with rejected rows nothing stays but what is wrong with them. */
START_TEST(test_load_errors)
{
	CLEANUP(buf_free) struct buf json = BUF_INIT;

	start(_i);
	ck_assert_int_eq(rs_load_errors_json(f.c, slice_of("sales"), &json, &f.err), 0);
	ck_assert_str_eq(buf_cstr(&json), "[]\n");
	load_refused("old.csv", "x,a,,\n", EINVAL, "1 of 1 rows are wrong");
	load_refused("new.csv", "1,a,,\nx,b,,\n2,c\n", EINVAL,
		"2 of 3 rows are wrong, so none was loaded; the first: new.csv, line 2, column "
		"\"id\"");
	rf_is(&f, "select count(*) from sales", "0\n");
	buf_clear(&json);
	ck_assert_int_eq(rs_load_errors_json(f.c, slice_of("sales"), &json, &f.err), 0);
	json_auto_t *all = json_loads(buf_cstr(&json), 0, NULL);
	ck_assert_uint_eq(json_array_size(all), 2);
	const json_t *first = json_array_get(all, 0);
	ck_assert_str_eq(json_string_value(json_object_get(first, "file")), "new.csv");
	ck_assert_int_eq(json_integer_value(json_object_get(first, "line")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "code")), 1207);
	ck_assert_str_eq(json_string_value(json_object_get(first, "raw_line")), "x,b,,");
	ck_assert_int_eq(rs_load_errors_json(f.c, slice_of("none"), &json, &f.err), -ENOENT);
	finish();
}
END_TEST

/* Who writes slowly, or never ends, holds up nobody. */
START_TEST(test_load_waits_for_its_end)
{
	struct rs_table_load *l = NULL;

	start(_i);
	ck_assert_int_eq(
		rs_table_load_new(f.c, slice_of("sales"), slice_of("a.csv"), true, &l, &f.err), 0);
	ck_assert_int_eq(rs_table_load_feed(l, slice_of("1,a,,\n2,"), &f.err), 0);
	rf_run(&f, "insert into sales(id) values (9)");
	ck_assert_int_eq(rs_table_load_end(l, false, NULL, &f.err), 0);
	rf_is(&f, "select id from sales", "9\n");
	finish();
}
END_TEST

START_TEST(test_load_parquet)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	start(_i);
	if (!sql_drivers[_i]->parquet) {
		load_refused("a.parquet", "PAR1", EINVAL, "DuckDB");
		finish();
		return;
	}
	rf_run(&f, "insert into sales values (1, 'a', 2.5, '2008-01-02')");
	buf_printf(&text,
		"unload ('select day, id from sales') to '%s/p' parallel off format parquet",
		f.dir);
	rf_run(&f, buf_cstr(&text));
	buf_clear(&text);
	buf_printf(&text, "%s/p000.parquet", f.dir);
	FILE *file = fopen(buf_cstr(&text), "r");
	ck_assert_msg(file != NULL, "%s", buf_cstr(&text));
	char bytes[65536];
	size_t n = fread(bytes, 1, sizeof(bytes), file);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_msg(load("x.parquet", slice_make(bytes, n), false) == 0, "%s", f.err.msg);
	rf_is(&f, ROWS, "1|a|2.50|2008-01-02\n1|-|-|2008-01-02\n");
	finish();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_copy");
	TCase *t = tcase_create("copy");
	int n = 0;

	while (sql_drivers[n] != NULL) {
		n++;
	}
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_text, 0, n);
	tcase_add_loop_test(t, test_five_bad_rows, 0, n);
	tcase_add_loop_test(t, test_errors_stay, 0, n);
	tcase_add_loop_test(t, test_noload, 0, n);
	tcase_add_loop_test(t, test_columns, 0, n);
	tcase_add_loop_test(t, test_which_files, 0, n);
	tcase_add_loop_test(t, test_partitions_of_a_manifest, 0, n);
	tcase_add_loop_test(t, test_formats, 0, n);
	tcase_add_loop_test(t, test_compressed, 0, n);
	tcase_add_loop_test(t, test_parquet, 0, n);
	tcase_add_loop_test(t, test_all_or_nothing, 0, n);
	tcase_add_loop_test(t, test_load_by_name, 0, n);
	tcase_add_loop_test(t, test_load_replaces, 0, n);
	tcase_add_loop_test(t, test_load_errors, 0, n);
	tcase_add_loop_test(t, test_load_waits_for_its_end, 0, n);
	tcase_add_loop_test(t, test_load_parquet, 0, n);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
