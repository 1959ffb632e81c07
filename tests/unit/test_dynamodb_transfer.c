/* DynamoDB on SQLite: imports and exports. */
#include "tests/unit/dynamodb_fixture.h"

#include "engines/dynamodb/spool.h"

static struct buf report;

static int import(const struct epath *path, const char *mode, const char *text, size_t step)
{
	void *sink;
	struct slice rest = slice_of(text);
	buf_clear(&report);
	OK(OPS->import_open(ctx, path, mode, "json", &sink, &err));
	while (rest.n > 0) {
		size_t n = rest.n < step ? rest.n : step;
		int rc = OPS->import_feed(sink, slice_make(rest.p, n), &err);
		if (rc < 0) {
			OPS->import_abort(sink);
			return rc;
		}
		rest.p += n;
		rest.n -= n;
	}
	int rc = OPS->import_finish(sink, &report, &err);
	buf_cstr(&report);
	return rc;
}

static char *export(void *c, const struct epath *path, const char *format)
{
	struct buf out = BUF_INIT;
	void *stream;
	uint64_t size;
	OK(OPS->export_open(c, path, format, &stream, &size, &err));
	for (size_t before = 1; before != out.n;) {
		before = out.n;
		OK(OPS->export_read(stream, &out, &err));
	}
	ck_assert_uint_eq(out.n, size);
	OPS->export_close(stream);
	buf_cstr(&out);
	return out.p;
}

static void expect_export(const struct epath *path, const char *format, const char *want)
{
	char *got = export(ctx, path, format);
	ck_assert_str_eq(got, want);
	free(got);
}

#define LINES                                                                                      \
	"{\"pk\":\"u1\",\"sk\":\"a\",\"x\":1}\n"                                                   \
	"{\"pk\":\"u1\",\"sk\":\"b\",\"x\":\"{ \\\"\\\\\"}\n"                                      \
	"{\"pk\":\"u2\",\"sk\":\"a\",\"x\":{\"$ss\":[\"q\"]}}\n"

START_TEST(lines_come_back_as_they_went_in)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	expect_export(PATH("Users"), "jsonl", "");
	expect_export(PATH("Users"), "json", "[]\n");
	OK(import(PATH("Users"), "append", LINES, 7));
	ck_assert_str_eq(report.p, "3 items loaded (3 new, 0 replaced, 0 removed)\n");
	expect_export(PATH("Users"), "jsonl", LINES);
	expect_export(PATH("Users"), "json",
		"[\n{\"pk\":\"u1\",\"sk\":\"a\",\"x\":1},\n"
		"{\"pk\":\"u1\",\"sk\":\"b\",\"x\":\"{ \\\"\\\\\"},\n"
		"{\"pk\":\"u2\",\"sk\":\"a\",\"x\":{\"$ss\":[\"q\"]}}\n]\n");
	expect_export(PATH("Users", "u2"), "json",
		"[\n{\"pk\":\"u2\",\"sk\":\"a\",\"x\":{\"$ss\":[\"q\"]}}\n]\n");
	engine_again();
	expect_export(PATH("Users"), "jsonl", LINES);
	expect_text(PATH("Users", "u1", "a"), DDB_PLAIN,
		"{\n  \"pk\": \"u1\",\n  \"sk\": \"a\",\n  \"x\": 1\n}\n");
	void *stream;
	uint64_t size;
	FAILS(ENOENT, OPS->export_open(ctx, PATH("Users", "u9"), "json", &stream, &size, &err));
	FAILS(ENOTSUP, OPS->export_open(ctx, ROOT, "json", &stream, &size, &err));
	FAILS(EINVAL, OPS->export_open(ctx, PATH("Users"), "csv", &stream, &size, &err));
}
END_TEST

START_TEST(an_export_is_of_one_moment)
{
	struct buf out = BUF_INIT;
	void *stream;
	uint64_t size;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(import(PATH("Users"), "append", LINES, 1000));
	OK(OPS->export_open(ctx, PATH("Users"), "jsonl", &stream, &size, &err));
	OK(OPS->remove(ctx, PATH("Users", "u1", "b"), ENGINE_VERSION_ANY, &err));
	OK(put(PATH("Users", "u3", "c"), "{}"));
	OK(OPS->export_read(stream, &out, &err));
	ck_assert_str_eq(buf_cstr(&out), LINES);
	OPS->export_close(stream);
	buf_free(&out);
	stream = NULL;
	/* One that is under way keeps a table that goes. */
	OK(OPS->export_open(ctx, PATH("Users"), "jsonl", &stream, &size, &err));
	for (const struct engine_command *c = OPS->commands; c->name != NULL; c++) {
		if (strcmp(c->name, "delete-table") == 0) {
			struct buf answer = BUF_INIT;
			char *argv[] = {(char[]){"delete-table"}};
			struct engine_call call = {PATH("Users"), 1, argv, &answer, NULL};
			OK(c->run(ctx, &call, &err));
			buf_free(&answer);
		}
	}
	ck_assert(!exists(PATH("Users")));
	OK(OPS->export_read(stream, &out, &err));
	ck_assert_uint_eq(out.n, size);
	OPS->export_close(stream);
	buf_free(&out);
}
END_TEST

START_TEST(modes)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(import(PATH("Users"), "append", LINES, 1000));
	uint64_t kept = info_of(PATH("Users", "u1", "a")).version;
	uint64_t changed = info_of(PATH("Users", "u1", "b")).version;
	FAILS(EINVAL,
		import(PATH("Users"), "append",
			"{\"pk\":\"u5\",\"sk\":\"a\"}\n{\"pk\":\"u1\",\"sk\":\"a\"}\n", 1000));
	SAYS("nothing was loaded: 1 of 2 items are not acceptable");
	ck_assert_str_eq(report.p,
		"nothing was loaded: 1 of 2 items are not acceptable\n"
		"item 2, line 2: the item exists already (append adds new items only)\n");
	ck_assert(!exists(PATH("Users", "u5")));
	OK(import(PATH("Users"), "upsert",
		"[{\"pk\":\"u1\",\"sk\":\"a\",\"x\":1},{\"pk\":\"u1\",\"sk\":\"b\"},"
		"{\"pk\":\"u4\",\"sk\":\"a\"}]",
		1000));
	ck_assert_str_eq(report.p, "3 items loaded (1 new, 1 replaced, 0 removed)\n");
	ck_assert_uint_eq(info_of(PATH("Users", "u1", "a")).version, kept);
	ck_assert_uint_ne(info_of(PATH("Users", "u1", "b")).version, changed);
	expect_list(PATH("Users"), "u1 u2 u4");
	/* Of a key that comes twice, the last stays. */
	OK(import(PATH("Users"), "replace",
		"{\"pk\":\"u1\",\"sk\":\"a\",\"x\":1}\n{\"pk\":\"u9\",\"sk\":\"a\",\"x\":2}\n"
		"{\"pk\":\"u9\",\"sk\":\"a\",\"x\":3}\n",
		1000));
	ck_assert_str_eq(report.p, "3 items loaded (1 new, 0 replaced, 3 removed)\n");
	ck_assert_uint_eq(info_of(PATH("Users", "u1", "a")).version, kept);
	expect_export(PATH("Users"), "jsonl",
		"{\"pk\":\"u1\",\"sk\":\"a\",\"x\":1}\n{\"pk\":\"u9\",\"sk\":\"a\",\"x\":3}\n");
	expect_list(PATH("Users"), "u1 u9");
	OK(import(PATH("Users"), "replace", "", 1000));
	ck_assert_str_eq(report.p, "0 items loaded (0 new, 0 replaced, 2 removed)\n");
	void *sink;
	FAILS(EINVAL, OPS->import_open(ctx, PATH("Users"), "merge", "json", &sink, &err));
	FAILS(EINVAL, OPS->import_open(ctx, PATH("Users"), "append", "csv", &sink, &err));
	FAILS(ENOENT, OPS->import_open(ctx, PATH("Nobody"), "append", "json", &sink, &err));
	FAILS(ENOTSUP, OPS->import_open(ctx, ROOT, "append", "json", &sink, &err));
	FAILS(ENOTSUP,
		OPS->import_open(ctx, PATH("Users", "u1", "a"), "append", "json", &sink, &err));
}
END_TEST

START_TEST(into_a_partition)
{
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u2", "z"), "{}"));
	OK(import(PATH("Users", "u1"), "append", "{\"sk\":\"a\"} {\"sk\":\"b\",\"pk\":\"u1\"}",
		1000));
	expect_list(PATH("Users", "u1"), "a b");
	FAILS(EINVAL, import(PATH("Users", "u1"), "upsert", "{\"sk\":\"a\",\"pk\":\"u2\"}", 1000));
	ck_assert_ptr_nonnull(strstr(report.p, "item 1, line 1: "));
	FAILS(EINVAL, import(PATH("Users", "u1"), "upsert", "{\"x\":1}", 1000));
	ck_assert_ptr_nonnull(strstr(report.p, "Missing the key sk in the item"));
	OK(import(PATH("Users", "u1"), "replace", "{\"sk\":\"c\"}", 1000));
	expect_list(PATH("Users", "u1"), "c");
	expect_list(PATH("Users", "u2"), "z");
	expect_export(PATH("Users", "u1"), "jsonl", "{\"pk\":\"u1\",\"sk\":\"c\"}\n");
}
END_TEST

START_TEST(bad_rows_are_told_and_nothing_is_loaded)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 0; i < 150; i++) {
		buf_printf(&text, "{\"pk\":\"u%u\"}\n{\"pk\":\"u\",\"sk\":\"%u\"}\n", i, i);
	}
	FAILS(EINVAL, import(PATH("Users"), "append", buf_cstr(&text), 1000));
	ck_assert_ptr_nonnull(strstr(report.p, "nothing was loaded: 150 of 300 items"));
	ck_assert_ptr_nonnull(strstr(report.p, "\nitem 3, line 3: "));
	ck_assert_ptr_nonnull(strstr(report.p, "\nand 50 more\n"));
	expect_list(PATH("Users"), "");
	FAILS(EINVAL, import(PATH("Users"), "append",
			      "{\"pk\":\"u\",\"sk\":\"1\"}\n{\"pk\":\"u\",,}", 1000));
	SAYS("line 2, column ");
	FAILS(EINVAL, import(PATH("Users"), "append", "[{\"pk\":\"u\",\"sk\":\"1\"}", 1000));
	expect_list(PATH("Users"), "");
}
END_TEST

START_TEST(typed_and_wrapped_forms)
{
	static struct engine_setting setting = {"dynamodb_json", "typed"};
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(import(PATH("Users"), "append",
		"{\"Item\":{\"pk\":{\"S\":\"u1\"},\"sk\":{\"S\":\"a\"},\"x\":{\"N\":\"1.0\"}}}\n",
		1000));
	OK(import(PATH("Users"), "append",
		"{\"Users\":[{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"u1\"},\"sk\":{\"S\":"
		"\"b\"}}}}]}",
		1000));
	expect_export(PATH("Users"), "jsonl",
		"{\"pk\":\"u1\",\"sk\":\"a\",\"x\":1}\n{\"pk\":\"u1\",\"sk\":\"b\"}\n");
	engine_down();
	config.settings = &setting;
	config.n_settings = 1;
	engine_up();
	expect_export(PATH("Users", "u1"), "jsonl",
		"{\"pk\":{\"S\":\"u1\"},\"sk\":{\"S\":\"a\"},\"x\":{\"N\":\"1\"}}\n"
		"{\"pk\":{\"S\":\"u1\"},\"sk\":{\"S\":\"b\"}}\n");
	char *whole = export(ctx, PATH("Users"), "json");
	OK(OPS->mkdir(ctx, PATH("Copy"), &err));
	OK(import(PATH("Copy"), "append", whole, 3));
	expect_export(PATH("Copy"), "json", whole);
	free(whole);
}
END_TEST

/* ---- the spool ---- */

struct check {
	uint64_t n;
	uint64_t last_number;
	bool in_order;
	struct buf last_pk;
	unsigned runs;
};

static int check_row(
	void *arg, const struct ddb_row *row, const struct ddb_origin *origin, struct err *e)
{
	struct check *c = arg;
	(void)e;
	int order = slice_compare(buf_slice(&c->last_pk), buf_slice(&row->pk));
	c->runs += order > 0;
	c->in_order = c->in_order && (order != 0 || origin->number > c->last_number);
	c->in_order = c->in_order && row->bytes == origin->number * 3;
	buf_clear(&c->last_pk);
	buf_append_slice(&c->last_pk, buf_slice(&row->pk));
	c->last_number = origin->number;
	c->n++;
	return 0;
}

START_TEST(the_spool_gives_sorted_runs)
{
	struct ddb_spool *s = ddb_spool_new(site);
	struct ddb_row row = {0};
	struct check c = {.in_order = true};
	buf_resize(&row.doc, 1000);
	for (uint64_t i = 1; i <= 60000; i++) {
		struct ddb_origin origin = {i, i};
		buf_clear(&row.pk);
		buf_printf(&row.pk, "%08llu", (unsigned long long)(i * 7919 % 30011));
		row.bytes = i * 3;
		OK(ddb_spool_add(s, &row, &origin, &err));
	}
	OK(ddb_spool_each(s, check_row, &c, &err));
	ck_assert_uint_eq(c.n, 60000);
	ck_assert(c.in_order);
	ck_assert_uint_ge(c.runs, 2);
	ck_assert_uint_le(c.runs, 4);
	buf_free(&c.last_pk);
	ddb_row_free(&row);
	ddb_spool_free(s);
	struct ddb_spool *nowhere = ddb_spool_new("/nonexistent");
	row = (struct ddb_row){0};
	buf_resize(&row.doc, 17 << 20);
	FAILS(ENOENT, ddb_spool_add(nowhere, &row, &(struct ddb_origin){1, 1}, &err));
	ddb_row_free(&row);
	ddb_spool_free(nowhere);
}
END_TEST

static void free_report(void)
{
	buf_free(&report);
	report = (struct buf)BUF_INIT;
}

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb transfer");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_checked_fixture(c, NULL, free_report);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, lines_come_back_as_they_went_in);
	tcase_add_test(c, an_export_is_of_one_moment);
	tcase_add_test(c, modes);
	tcase_add_test(c, into_a_partition);
	tcase_add_test(c, bad_rows_are_told_and_nothing_is_loaded);
	tcase_add_test(c, typed_and_wrapped_forms);
	tcase_add_test(c, the_spool_gives_sorted_runs);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
