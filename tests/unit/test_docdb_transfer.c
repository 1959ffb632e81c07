/* Collections in and out as one text: forms, modes, what is bad, what is left unchanged. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/docdb_fixture.h"

static struct docs d;

static void setup(void)
{
	docs_start(&d);
}

static void teardown(void)
{
	docs_end(&d);
}

/* ---- helpers ---- */

/* In pieces of `piece` bytes. */
static int load_pieces(const char *collection, const char *mode, const char *format,
	struct slice text, size_t piece, struct buf *report)
{
	struct docdb_import *i;
	d.err = (struct err){0};
	int rc = docdb_import_new(d.source, slice_of(collection), mode, format, d.dir, &i, &d.err);
	if (rc < 0) {
		return rc;
	}
	for (size_t at = 0; rc == 0 && at < text.n; at += piece) {
		size_t n = text.n - at < piece ? text.n - at : piece;
		rc = docdb_import_take(i, slice_make(text.p + at, n), &d.err);
	}
	if (rc < 0) {
		docdb_import_drop(i);
		return rc;
	}
	return docdb_import_end(i, report, &d.err);
}

static int load(const char *collection, const char *mode, const char *format, const char *text,
	struct buf *report)
{
	return load_pieces(collection, mode, format, slice_of(text), strlen(text) + 1, report);
}

static void load_ok(const char *collection, const char *mode, const char *format, const char *text)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	docs_ok(&d, load(collection, mode, format, text, &report));
}

/* All of it, which is as long as was told when it was opened. */
static void take_export(struct docdb_export *x, uint64_t size, struct buf *out)
{
	size_t start = out->n;
	size_t before;
	do {
		before = out->n;
		docs_ok(&d, docdb_export_next(x, out, &d.err));
	} while (out->n > before);
	docdb_export_free(x);
	ck_assert_uint_eq(out->n - start, size);
}

static int dump(const char *collection, const char *format, struct buf *out)
{
	struct docdb_export *x;
	uint64_t size;
	d.err = (struct err){0};
	int rc = docdb_export_new(d.source, slice_of(collection), format, d.dir, &x, &size, &d.err);
	if (rc < 0) {
		return rc;
	}
	take_export(x, size, out);
	return 0;
}

static void check_dump(const char *collection, const char *format, const char *expected)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	docs_ok(&d, dump(collection, format, &out));
	ck_assert_str_eq(buf_cstr(&out), expected);
}

static void check_count(const char *collection, const char *format, unsigned lines)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	unsigned n = 0;
	docs_ok(&d, dump(collection, format, &out));
	for (size_t i = 0; i < out.n; i++) {
		n += out.p[i] == '\n';
	}
	ck_assert_uint_eq(n, lines);
}

/* ---- forms ---- */

#define TWO_RELAXED                                                                                \
	"{\"_id\":1,\"a\":{\"b\":1.0,\"c\":[1,\"x\"]},\"n\":1099511627776}\n"                      \
	"{\"_id\":\"k\",\"d\":{\"$date\":\"2012-12-24T12:15:30.501Z\"}}\n"
#define TWO_CANONICAL                                                                              \
	"{\"_id\":{\"$numberInt\":\"1\"},\"a\":{\"b\":{\"$numberDouble\":\"1.0\"},"                \
	"\"c\":[{\"$numberInt\":\"1\"},\"x\"]},\"n\":{\"$numberLong\":\"1099511627776\"}}\n"       \
	"{\"_id\":\"k\",\"d\":{\"$date\":{\"$numberLong\":\"1356351330501\"}}}\n"

/* What mongoexport and others write, in every one of its forms. */
static const char *const same_two[] = {
	TWO_RELAXED,
	TWO_CANONICAL,
	/* mongoexport --jsonArray */
	"[{\"_id\":1,\"a\":{\"b\":1.0,\"c\":[1,\"x\"]},\"n\":1099511627776},\n"
	"{\"_id\":\"k\",\"d\":{\"$date\":\"2012-12-24T12:15:30.501Z\"}}]\n",
	/* --pretty, one after the other */
	"{\n\t\"_id\": 1,\n\t\"a\": {\n\t\t\"b\": 1.0,\n\t\t\"c\": [ 1, \"x\" ]\n\t},\n"
	"\t\"n\": {\"$numberLong\": \"1099511627776\"}\n}\n{\n"
	"\t\"_id\": \"k\",\n\t\"d\": {\n\t\t\"$date\": \"2012-12-24T12:15:30.501Z\"\n\t}\n}",
	/* on one line, without anything between */
	"{\"_id\":1,\"a\":{\"b\":1.0,\"c\":[1,\"x\"]},\"n\":1099511627776}"
	"{\"_id\":\"k\",\"d\":{\"$date\":{\"$numberLong\":\"1356351330501\"}}}",
	/* of before version 2: shell and strict mode */
	"{ \"_id\" : 1, \"a\" : { \"b\" : 1.0, \"c\" : [ 1, \"x\" ] }, \"n\" : { \"$numberLong\" : "
	"\"1099511627776\" } }\r\n"
	"{ \"_id\" : \"k\", \"d\" : { \"$date\" : \"2012-12-24T12:15:30.501+0000\" } }\r\n",
};

START_TEST(every_form_loads_and_exports_equal)
{
	struct slice text = slice_of(same_two[_i]);
	size_t pieces[] = {1, 7, text.n};
	for (unsigned p = 0; p < 3; p++) {
		CLEANUP(buf_free) struct buf report = BUF_INIT;
		docs_ok(&d, load_pieces("c", "replace", p % 2 ? "json" : "jsonl", text, pieces[p],
				    &report));
		check_dump("c", "jsonl", TWO_RELAXED);
		check_dump("c", "ejsonl", TWO_CANONICAL);
	}
	docs_check(&d);
}
END_TEST

START_TEST(arrays_are_a_document_a_line)
{
	check_dump("c", "json", "[]\n");
	check_dump("c", "jsonl", "");
	load_ok("c", "append", "json", "{\"_id\":1}{\"_id\":2,\"a\":{\"$numberLong\":\"3\"}}");
	check_dump("c", "json", "[\n{\"_id\":1},\n{\"_id\":2,\"a\":3}\n]\n");
	check_dump("c", "ejson",
		"[\n{\"_id\":{\"$numberInt\":\"1\"}},\n"
		"{\"_id\":{\"$numberInt\":\"2\"},\"a\":{\"$numberLong\":\"3\"}}\n]\n");
}
END_TEST

START_TEST(csv_has_dotted_columns)
{
	load_ok("c", "append", "csv",
		"_id,name.first,tags,name.last,age\r\n"
		"1,Ada,\"[\"\"x\"\",2]\",Lovelace,36\r\n"
		"2,\"\",,\"O, \"\"K\"\"\",36.5\r\n");
	check_dump("c", "jsonl",
		"{\"_id\":1,\"name\":{\"first\":\"Ada\",\"last\":\"Lovelace\"},"
		"\"tags\":[\"x\",2],\"age\":36}\n"
		"{\"_id\":2,\"name\":{\"first\":\"\",\"last\":\"O, \\\"K\\\"\"},\"age\":36.5}\n");
	check_dump("c", "csv",
		"_id,name.first,name.last,tags,age\n"
		"1,Ada,Lovelace,\"[\"\"x\"\",2]\",36\n"
		"2,\"\",\"O, \"\"K\"\"\",,36.5\n");
}
END_TEST

START_TEST(csv_of_different_documents_reads_back)
{
	static const char documents[] =
		"{\"_id\":1,\"a\":{\"b\":1,\"c\":{}}}\n"
		"{\"_id\":2,\"a\":\"7\"}\n"
		"{\"_id\":3,\"a\":{\"d\":[{}],\"$x\":null},\"u\":{\"v.w\":1}}\n"
		"{\"_id\":{\"$oid\":\"507f1f77bcf86cd799439011\"},\"t\":true,\"s\":\"true\"}\n";
	CLEANUP(buf_free) struct buf csv = BUF_INIT;
	load_ok("c", "append", "jsonl", documents);
	docs_ok(&d, dump("c", "csv", &csv));
	load_ok("copy", "create", "csv", buf_cstr(&csv));
	check_dump("copy", "jsonl", documents);
}
END_TEST

/* ---- modes ---- */

static uint64_t version_of(const char *name)
{
	ck_assert_str_ne(docs_text(&d, "c", name), "");
	return d.info.version;
}

START_TEST(append_refuses_what_exists_and_names_its_line)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	docs_ok(&d, load("c", "append", "jsonl", "{\"_id\":1,\"a\":1}\n{\"a\":2}\n", &report));
	ck_assert_str_eq(buf_cstr(&report), "2 documents loaded (2 new, 0 removed)\n");
	buf_clear(&report);
	ck_assert_int_eq(load("c", "append", "jsonl",
				 "{\"_id\":2}\n{\"_id\":1.0}\n{\"_id\":3}\n{\"_id\":2}\n", &report),
		-EINVAL);
	ck_assert_str_eq(buf_cstr(&report),
		"nothing was loaded: 2 of 4 documents are not acceptable\n"
		"line 2: E11000 duplicate key error collection: docdb.c index: _id_ dup key: "
		"{ _id: 1.0 }\n"
		"line 4: E11000 duplicate key error collection: docdb.c index: _id_ dup key: "
		"{ _id: 2 }\n");
	ck_assert_int_eq(d.err.code, EINVAL);
	check_count("c", "jsonl", 2);
	docs_check(&d);
}
END_TEST

START_TEST(upsert_replaces_and_leaves_the_rest)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	load_ok("c", "append", "jsonl", "{\"_id\":1,\"a\":1}\n{\"_id\":2,\"a\":2}\n");
	uint64_t one = version_of("1");
	docs_ok(&d, load("c", "upsert", "json",
			    "[{\"_id\":2,\"b\":5},{\"_id\":3},{\"_id\":3,\"c\":6}]", &report));
	ck_assert_str_eq(buf_cstr(&report), "3 documents loaded (1 new, 0 removed)\n");
	check_dump("c", "jsonl", "{\"_id\":1,\"a\":1}\n{\"_id\":2,\"b\":5}\n{\"_id\":3,\"c\":6}\n");
	ck_assert_uint_eq(version_of("1"), one);
	docs_check(&d);
}
END_TEST

START_TEST(replace_removes_the_rest_and_keeps_what_is_the_same)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	load_ok("c", "append", "jsonl",
		"{\"_id\":1,\"a\":1}\n{\"_id\":2,\"a\":2}\n{\"_id\":\"x\"}\n{\"_id\":true}\n");
	uint64_t one = version_of("1");
	uint64_t two = version_of("2");
	docs_ok(&d,
		load("c", "replace", "jsonl",
			"{\"_id\":\"new\"}\n{\"_id\":2,\"a\":3}\n{\"_id\":1,\"a\":1}\n", &report));
	ck_assert_str_eq(buf_cstr(&report), "3 documents loaded (1 new, 2 removed)\n");
	check_dump("c", "jsonl", "{\"_id\":1,\"a\":1}\n{\"_id\":2,\"a\":3}\n{\"_id\":\"new\"}\n");
	ck_assert_uint_eq(version_of("1"), one);
	ck_assert_uint_ne(version_of("2"), two);
	docs_check(&d);
	load_ok("c", "replace", "jsonl", "");
	check_dump("c", "jsonl", "");
	docs_check(&d);
}
END_TEST

START_TEST(create_makes_the_collection)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	load_ok("made", "create", "jsonl", "{\"_id\":1}\n");
	check_dump("made", "jsonl", "{\"_id\":1}\n");
	ck_assert_int_eq(load("made", "create", "jsonl", "", &report), -EEXIST);
	ck_assert_int_eq(load("$x", "create", "jsonl", "", &report), -EINVAL);
	ck_assert_int_eq(load("not", "append", "jsonl", "", &report), -ENOENT);
	ck_assert_int_eq(dump("not", "jsonl", &report), -ENOENT);
}
END_TEST

START_TEST(a_create_that_fails_leaves_no_collection)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	ck_assert_int_eq(
		load("made", "create", "jsonl", "{\"_id\":1}\n{\"_id\":1}\n", &report), -EINVAL);
	ck_assert_int_eq(dump("made", "jsonl", &report), -ENOENT);
}
END_TEST

START_TEST(unknown_modes_and_formats_are_named)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	ck_assert_int_eq(load("c", "merge", "json", "", &report), -EINVAL);
	ck_assert_str_eq(d.err.msg, "mode merge: append, upsert, replace or create is expected");
	ck_assert_int_eq(load("c", "append", "xml", "", &report), -EINVAL);
	ck_assert_str_eq(d.err.msg, "format xml: json, jsonl, ejson, ejsonl or csv is expected");
	ck_assert_int_eq(dump("c", "xml", &report), -EINVAL);
}
END_TEST

/* ---- what is bad ---- */

START_TEST(bad_documents_are_told_by_line_and_nothing_is_loaded)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	static const char text[] = "{\"_id\":1}\n"
				   "{\"_id\":[1]}\n"
				   "{\"_id\":2,\"a\":1,\"a\":2}\n"
				   "7\n"
				   "{\"_id\":3,\n\"d\":{\"$date\":\"x\"}}\n"
				   "{\"_id\":4}\n";
	ck_assert_int_eq(load("c", "append", "jsonl", text, &report), -EINVAL);
	ck_assert_str_eq(d.err.msg, "nothing was loaded: 4 of 6 documents are not acceptable");
	const char *told = buf_cstr(&report);
	ck_assert_ptr_nonnull(strstr(told, "\nline 2: InvalidIdField"));
	ck_assert_ptr_nonnull(strstr(told, "\nline 3: "));
	ck_assert_ptr_nonnull(strstr(told, "\nline 4: "));
	ck_assert_ptr_nonnull(strstr(told, "\nline 5: "));
	check_dump("c", "jsonl", "");
}
END_TEST

START_TEST(many_bad_ones_are_counted)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	for (unsigned i = 0; i < 150; i++) {
		buf_puts(&text, "{\"_id\":[]}\n");
	}
	ck_assert_int_eq(load("c", "append", "jsonl", buf_cstr(&text), &report), -EINVAL);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "\nline 100: "));
	ck_assert_ptr_null(strstr(buf_cstr(&report), "\nline 101: "));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "\nand 50 more\n"));
}
END_TEST

START_TEST(text_that_is_no_json_stops)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	ck_assert_int_eq(
		load("c", "append", "jsonl", "{\"_id\":1}\n{\"_id\":\n}\n", &report), -EINVAL);
	ck_assert_ptr_nonnull(strstr(d.err.msg, "line 3"));
	ck_assert_int_eq(load("c", "append", "json", "[{\"_id\":1}", &report), -EINVAL);
	ck_assert_int_eq(load("c", "append", "csv", "_id\n\"1", &report), -EINVAL);
	check_dump("c", "jsonl", "");
}
END_TEST

START_TEST(bad_rows_of_csv_are_told_by_line)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	ck_assert_int_eq(
		load("c", "append", "csv", "_id,a\n1,2\n\"[1]\",3\n2,3,4\n", &report), -EINVAL);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "\nline 3: InvalidIdField"));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&report), "\nline 4: 3 values for the header's 2 columns\n"));
	check_dump("c", "jsonl", "");
}
END_TEST

START_TEST(an_import_that_is_dropped_changes_nothing)
{
	struct docdb_import *i;
	docs_ok(&d,
		docdb_import_new(d.source, slice_of("c"), "replace", "jsonl", d.dir, &i, &d.err));
	docs_ok(&d, docdb_import_take(i, slice_of("{\"_id\":1}\n{"), &d.err));
	docdb_import_drop(i);
	docdb_import_drop(NULL);
	check_dump("c", "jsonl", "");
}
END_TEST

/* ---- scripts ---- */

START_TEST(new_tells_the_file_it_made)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	docs_ok(&d, load("c", "run", "new", "{\"a\": 1}\n", &report));
	ck_assert_uint_eq(report.n, 24 + 6);
	report.p[24] = 0;
	ck_assert_str_ne(docs_text(&d, "c", report.p), "");
	buf_clear(&report);
	docs_ok(&d, load("c", "run", "new", "{\"_id\": \"7/8\"}", &report));
	ck_assert_str_eq(buf_cstr(&report), "7%2F8.json\n");
	buf_clear(&report);
	ck_assert_int_eq(load("c", "run", "new", "{\"a\":", &report), -EINVAL);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "; nothing was changed\n"));
	ck_assert_int_eq(load("c", "run", "old", "{}", &report), -EINVAL);
	check_count("c", "jsonl", 2);
}
END_TEST

START_TEST(update_changes_all_that_match)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	load_ok("c", "append", "jsonl", "{\"_id\":1,\"a\":1}\n{\"_id\":2,\"a\":2}\n");
	docs_ok(&d,
		load("c", "run", "update",
			"{\"filter\": {\"a\": {\"$gt\": 1}}, \"update\": {\"$inc\": {\"a\": 5}}}",
			&report));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "\"modifiedCount\""));
	check_dump("c", "jsonl", "{\"_id\":1,\"a\":1}\n{\"_id\":2,\"a\":7}\n");
	buf_clear(&report);
	ck_assert_int_eq(load("c", "run", "update", "{\"filter\": 7}", &report), -EINVAL);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "; nothing was changed\n"));
}
END_TEST

/* ---- queries ---- */

static int query(const char *collection, const char *text, unsigned form, struct buf *out)
{
	struct docdb_export *x;
	uint64_t size;
	d.err = (struct err){0};
	int rc = docdb_query_open(
		d.source, slice_of(collection), slice_of(text), form, d.dir, &x, &size, &d.err);
	if (rc == 0) {
		take_export(x, size, out);
	}
	return rc;
}

static void check_query(
	const char *collection, const char *text, unsigned form, const char *expected)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	docs_ok(&d, query(collection, text, form, &out));
	ck_assert_str_eq(buf_cstr(&out), expected);
}

START_TEST(a_query_gives_an_array_or_lines)
{
	static const char find[] = "{\"filter\": {\"a\": {\"$gte\": 2}}, \"sort\": {\"a\": -1}}";
	load_ok("c", "append", "jsonl",
		"{\"_id\":1,\"a\":1}\n{\"_id\":2,\"a\":2}\n{\"_id\":3,\"a\":3}");
	check_query("c", find, 0, "[\n{\"_id\":3,\"a\":3},\n{\"_id\":2,\"a\":2}\n]\n");
	check_query("c", find, 1, "{\"_id\":3,\"a\":3}\n{\"_id\":2,\"a\":2}\n");
	check_query("c", "{\"filter\": {\"a\": 9}}", 0, "[]\n");
	check_query("c", "{\"filter\": {\"a\": 9}}", 1, "");
	check_query("c", "{\"count\": \"c\", \"query\": {}}", 1, "{\"n\":3}\n");
}
END_TEST

START_TEST(a_query_is_explained)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	load_ok("c", "append", "jsonl", "{\"_id\":1,\"a\":1}\n");
	docs_ok(&d, query("c", "{\"filter\": {\"_id\": 1}}", 2, &out));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "IXSCAN"));
	ck_assert_int_eq(out.p[out.n - 1], '\n');
}
END_TEST

START_TEST(a_query_that_is_none_is_refused)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ck_assert_int_eq(query("c", "", 0, &out), -EINVAL);
	ck_assert_int_eq(query("c", "{\"filter\":", 0, &out), -EINVAL);
	ck_assert_int_eq(query("c", "{\"filter\": {\"$foo\": 1}}", 0, &out), -EINVAL);
	ck_assert_int_eq(query("c", "7", 0, &out), -EINVAL);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

/* ---- data that others made ---- */

/* Lines of canonical text, sorted. */
static int compare_lines(const void *a, const void *b)
{
	const struct slice *x = a;
	const struct slice *y = b;
	return slice_compare(*x, *y);
}

static void sort_lines(struct slice text, struct buf *out)
{
	struct slice *lines = malloc((text.n + 1) * sizeof(*lines));
	size_t n = 0;
	ck_assert_ptr_nonnull(lines);
	for (const char *p = text.p; p < text.p + text.n; n++) {
		const char *end = memchr(p, '\n', text.n - (size_t)(p - text.p));
		lines[n] = slice_make(p, (size_t)(end - p) + 1);
		p = end + 1;
	}
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < n; i++) {
		buf_append_slice(out, lines[i]);
	}
	free(lines);
}

static int print_document(void *arg, struct slice document, unsigned long line, struct err *err)
{
	(void)line;
	(void)err;
	ejson_print(document, EJSON_CANONICAL, false, arg);
	buf_putc(arg, '\n');
	return 0;
}

static int no_bad(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	(void)arg;
	return err_set(err, EINVAL, "line %lu: %s", line, why->msg);
}

static void canonical(struct slice text, struct buf *out)
{
	CLEANUP(buf_free) struct buf lines = BUF_INIT;
	struct err err = {0};
	struct ejson_stream *s = ejson_stream_new(print_document, no_bad, &lines);
	int rc = ejson_stream_feed(s, text, &err);
	rc = rc < 0 ? rc : ejson_stream_finish(s, &err);
	ck_assert_msg(rc == 0, "%s", err.msg);
	ejson_stream_free(s);
	sort_lines(buf_slice(&lines), out);
}

static void check_sample(const char *path)
{
	static const char *const formats[] = {"json", "jsonl", "ejson", "ejsonl"};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf expected = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	ck_assert(read_whole(path, &text));
	canonical(buf_slice(&text), &expected);
	docs_ok(&d, load_pieces("c", "replace", "jsonl", buf_slice(&text), 5000, &report));
	for (unsigned f = 0; f < 4; f++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		CLEANUP(buf_free) struct buf got = BUF_INIT;
		docs_ok(&d, dump("c", formats[f], &out));
		bool types = formats[f][0] == 'e';
		if (!types) { /* relaxed text reads back in the types that it shows */
			load_ok("again", "create", formats[f], buf_cstr(&out));
			buf_clear(&out);
			docs_ok(&d, dump("again", "ejsonl", &out));
			docs_ok(&d, docs_drop(&d, "again", true));
		}
		canonical(buf_slice(&out), &got);
		ck_assert_msg(slice_equal(buf_slice(&got), buf_slice(&expected)), "%s as %s", path,
			formats[f]);
	}
	docs_check(&d);
}

START_TEST(sample_data_exports_equal_to_its_import)
{
	static const char directory[] = SOURCE_ROOT "/../shared/data/docdb";
	DIR *dir = opendir(directory);
	if (dir == NULL) {
		printf("skip - sample_data_exports_equal_to_its_import: no %s\n", directory);
		return;
	}
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char path[512];
		if (e->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
			check_sample(path);
		}
	}
	closedir(dir);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("docdb_transfer");
	TCase *tc = tcase_create("docdb_transfer");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
		tc, every_form_loads_and_exports_equal, 0, sizeof(same_two) / sizeof(same_two[0]));
	tcase_add_test(tc, arrays_are_a_document_a_line);
	tcase_add_test(tc, csv_has_dotted_columns);
	tcase_add_test(tc, csv_of_different_documents_reads_back);
	tcase_add_test(tc, append_refuses_what_exists_and_names_its_line);
	tcase_add_test(tc, upsert_replaces_and_leaves_the_rest);
	tcase_add_test(tc, replace_removes_the_rest_and_keeps_what_is_the_same);
	tcase_add_test(tc, create_makes_the_collection);
	tcase_add_test(tc, a_create_that_fails_leaves_no_collection);
	tcase_add_test(tc, unknown_modes_and_formats_are_named);
	tcase_add_test(tc, bad_documents_are_told_by_line_and_nothing_is_loaded);
	tcase_add_test(tc, many_bad_ones_are_counted);
	tcase_add_test(tc, text_that_is_no_json_stops);
	tcase_add_test(tc, bad_rows_of_csv_are_told_by_line);
	tcase_add_test(tc, an_import_that_is_dropped_changes_nothing);
	tcase_add_test(tc, new_tells_the_file_it_made);
	tcase_add_test(tc, update_changes_all_that_match);
	tcase_add_test(tc, a_query_gives_an_array_or_lines);
	tcase_add_test(tc, a_query_is_explained);
	tcase_add_test(tc, a_query_that_is_none_is_refused);
	tcase_add_test(tc, sample_data_exports_equal_to_its_import);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
