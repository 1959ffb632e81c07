/* Streams of items: every shape of import file, chunks of any size, real data. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/dynamodb/item.h"
#include "tests/unit/fixture.h"

/* What came: "#1@2 {...}" or "#1@2 ! message", a line each. */
struct seen {
	struct buf text;
	uint64_t items;
	uint64_t bad;
	uint64_t stop_at; /* 0: never */
	bool quiet;
};

static int see(void *arg, struct ddb_item *item, uint64_t number, unsigned long line,
	const struct err *bad, struct err *err)
{
	struct seen *seen = arg;
	ck_assert_int_eq(item == NULL, bad != NULL);
	seen->items += item != NULL;
	seen->bad += item == NULL;
	ck_assert_uint_eq(number, seen->items + seen->bad);
	if (!seen->quiet) {
		buf_printf(&seen->text, "#%llu@%lu ", (unsigned long long)number, line);
		if (item != NULL) {
			ddb_item_render(item, DDB_PLAIN, false, &seen->text);
		} else {
			buf_printf(&seen->text, "! %s", bad->msg);
		}
		buf_putc(&seen->text, '\n');
	}
	ddb_item_free(item);
	return number == seen->stop_at ? err_set(err, ENOSPC, "enough") : 0;
}

static int run(
	enum ddb_form bare, struct slice text, size_t chunk, struct seen *seen, struct err *err)
{
	struct ddb_stream *s = ddb_stream_new(bare, see, seen);
	int rc = 0;
	for (size_t i = 0; i < text.n && rc == 0; i += chunk) {
		size_t n = text.n - i < chunk ? text.n - i : chunk;
		rc = ddb_stream_feed(s, slice_make(text.p + i, n), err);
	}
	rc = rc != 0 ? rc : ddb_stream_finish(s, err);
	ddb_stream_free(s);
	return rc;
}

static void check_stream(enum ddb_form bare, const char *text, const char *want)
{
	static const size_t chunks[] = {1, 5, 1 << 20};
	for (unsigned i = 0; i < 3; i++) {
		struct seen seen = {0};
		struct err err = {0};
		ck_assert_msg(
			run(bare, slice_of(text), chunks[i], &seen, &err) == 0, "%s", err.msg);
		ck_assert_str_eq(buf_cstr(&seen.text), want);
		buf_free(&seen.text);
	}
}

static void check_stops(
	enum ddb_form bare, const char *text, int rc, const char *seen_before, const char *message)
{
	struct seen seen = {0};
	struct err err = {0};
	ck_assert_int_eq(run(bare, slice_of(text), 3, &seen, &err), rc);
	ck_assert_str_eq(err.msg, message);
	ck_assert_str_eq(buf_cstr(&seen.text), seen_before);
	buf_free(&seen.text);
}

START_TEST(test_empty)
{
	check_stream(DDB_PLAIN, "", "");
	check_stream(DDB_PLAIN, " \n", "");
	check_stream(DDB_PLAIN, "[]", "");
	check_stream(DDB_PLAIN, "[ ]\n[]", "");
}
END_TEST

START_TEST(test_array)
{
	check_stream(DDB_PLAIN, "[{\"a\":1},\n{\"b\":[{\"c\":2}]}]",
		"#1@1 {\"a\":1}\n#2@2 {\"b\":[{\"c\":2}]}\n");
	check_stream(DDB_TYPED, "[{\"a\":{\"N\":\"1\"}}]", "#1@1 {\"a\":1}\n");
	check_stream(DDB_TYPED, "[{\"Item\":{\"a\":{\"N\":\"1\"}}}]", "#1@1 {\"a\":1}\n");
}
END_TEST

START_TEST(test_lines)
{
	check_stream(DDB_PLAIN, "{\"a\":1}\n\n{\"b\":2}\n", "#1@1 {\"a\":1}\n#2@3 {\"b\":2}\n");
	check_stream(DDB_TYPED, "{\"a\":{\"N\":\"1\"}}\n", "#1@1 {\"a\":1}\n");
	check_stream(DDB_TYPED, "{\"Item\":{\"a\":{\"N\":\"1\"}}}\n{\"Item\":{\"S\":\"x\"}}",
		"#1@1 {\"a\":1}\n#2@2 {\"Item\":\"x\"}\n");
	check_stream(DDB_PLAIN, "{\"Item\":{\"a\":{\"N\":\"1\"}}}\n{\"a\":2}",
		"#1@1 {\"a\":1}\n#2@2 {\"a\":2}\n");
}
END_TEST

START_TEST(test_requests)
{
	const char *text = "{\"T\":[{\"PutRequest\":{\"Item\":{\"a\":{\"N\":\"1\"}}}},\n{"
			   "\"PutRequest\":{\"Item\":{\"b\":{\"L\":[]}}}}],\n"
			   "\"U\":[],\"V\":[{\"PutRequest\":{\"Item\":{}}}]}";
	const char *want = "#1@1 {\"a\":1}\n#2@2 {\"b\":[]}\n#3@3 {}\n";
	check_stream(DDB_PLAIN, text, want);
	check_stream(DDB_TYPED, text, want);
	check_stream(DDB_PLAIN, "[{\"PutRequest\":{\"Item\":{\"a\":{\"N\":\"1\"}}}}]",
		"#1@1 {\"a\":1}\n");
	check_stream(DDB_TYPED, "{\"PutRequest\":{\"Item\":{\"a\":{\"N\":\"1\"}}}}\n",
		"#1@1 {\"a\":1}\n");
}
END_TEST

/* Only the very beginning makes a request file. */
START_TEST(test_nearly_requests)
{
	check_stream(DDB_PLAIN, "{\"T\":[{\"a\":1}]}", "#1@1 {\"T\":[{\"a\":1}]}\n");
	check_stream(DDB_PLAIN, "{\"k\":1,\"T\":[{\"PutRequest\":1}]}",
		"#1@1 {\"k\":1,\"T\":[{\"PutRequest\":1}]}\n");
	check_stream(DDB_PLAIN, "{\"T\":[1,{\"PutRequest\":1}]}",
		"#1@1 {\"T\":[1,{\"PutRequest\":1}]}\n");
	check_stream(DDB_PLAIN, "{\"T\":[{\"x\":1,\"PutRequest\":1}]}",
		"#1@1 {\"T\":[{\"x\":1,\"PutRequest\":1}]}\n");
	check_stream(DDB_PLAIN, "{\"PutRequest\":{\"a\":1}}", "#1@1 {\"PutRequest\":{\"a\":1}}\n");
}
END_TEST

START_TEST(test_mixed)
{
	check_stream(DDB_PLAIN,
		"{\"a\":1} [{\"b\":2}] "
		"{\"T\":[{\"PutRequest\":{\"Item\":{\"c\":{\"N\":\"3\"}}}}]}\n{\"d\":4}",
		"#1@1 {\"a\":1}\n#2@1 {\"b\":2}\n#3@1 {\"c\":3}\n#4@2 {\"d\":4}\n");
}
END_TEST

/* An item that is not acceptable does not end the import. */
START_TEST(test_bad_items)
{
	check_stream(DDB_PLAIN, "{\"a\":1e999}\n7\n{\"b\":1}\n{\"c\":1,\"c\":2}\n[[1]]\n{\"d\":2}",
		"#1@1 ! line 1, column 6: Number overflow. Attempting to store a number with "
		"magnitude larger than supported range\n"
		"#2@2 ! line 2, column 1: expected an item, which is an object, found a number\n"
		"#3@3 {\"b\":1}\n"
		"#4@4 ! line 4, column 8: the member name \"c\" is there twice (first at line 4, "
		"column 2)\n"
		"#5@5 ! line 5, column 2: expected an item, which is an object, found an array\n"
		"#6@6 {\"d\":2}\n");
}
END_TEST

START_TEST(test_bad_requests)
{
	check_stream(DDB_PLAIN,
		"{\"T\":[{\"DeleteRequest\":{\"Key\":{}}},{\"PutRequest\":{\"Item\":{\"a\":{\"Q\":"
		"1}}}},{\"a\":1},5,{\"PutRequest\":{\"Item\":{}}}]}",
		"#1@1 ! line 1, column 7: expected {\"PutRequest\": {\"Item\": {...}}}, found a "
		"DeleteRequest (an import only adds items)\n"
		"#2@1 ! line 1, column 63: Supplied AttributeValue is empty, must contain exactly "
		"one of the supported datatypes\n"
		"#3@1 ! line 1, column 74: expected {\"PutRequest\": {\"Item\": {...}}}, found "
		"something else\n"
		"#4@1 ! line 1, column 82: expected {\"PutRequest\": {\"Item\": {...}}}, found "
		"something else\n"
		"#5@1 {}\n");
}
END_TEST

START_TEST(test_bad_json_stops)
{
	check_stops(DDB_PLAIN, "{\"a\":1}\n{\"b\":}\n{\"c\":1}", -EINVAL, "#1@1 {\"a\":1}\n",
		"line 2, column 6: expected a value, found '}'");
	check_stops(DDB_PLAIN, "[{\"a\":1},", -EINVAL, "#1@1 {\"a\":1}\n",
		"line 1, column 10: the text ends inside an array that began at line 1, column 1");
	check_stops(DDB_PLAIN, "{\"T\":[{\"PutRequest\":{\"Item\":{}}}],\"q\":7}", -EINVAL,
		"#1@1 {}\n", "line 1, column 39: expected an array of requests, found a number");
}
END_TEST

START_TEST(test_callback_stops)
{
	struct seen seen = {.stop_at = 2};
	struct err err = {0};
	ck_assert_int_eq(run(DDB_PLAIN, slice_of("{}\n{}\n{}\n"), 1, &seen, &err), -ENOSPC);
	ck_assert_str_eq(err.msg, "enough");
	ck_assert_uint_eq(seen.items, 2);
	buf_free(&seen.text);
}
END_TEST

START_TEST(test_unfinished_is_freed)
{
	struct seen seen = {0};
	struct ddb_stream *s = ddb_stream_new(DDB_PLAIN, see, &seen);
	ck_assert_int_eq(ddb_stream_feed(s, slice_of("[{\"a\":[1,{\"b\":\"x"), NULL), 0);
	ddb_stream_free(s);
	ddb_stream_free(NULL);
	ck_assert_uint_eq(seen.items + seen.bad, 0);
}
END_TEST

/* One entry too large for memory is skipped, the next is read. */
START_TEST(test_huge_entry)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct seen seen = {.quiet = true};
	buf_puts(&text, "{\"a\":[0");
	for (int i = 0; i < 2000000; i++) {
		buf_puts(&text, ",0");
	}
	buf_puts(&text, "]}\n{\"b\":1}\n");
	ck_assert_int_eq(run(DDB_PLAIN, buf_slice(&text), 65536, &seen, NULL), 0);
	ck_assert_uint_eq(seen.bad, 1);
	ck_assert_uint_eq(seen.items, 1);
}
END_TEST

/* ---- real data ---- */

/* False, with a line saying so, where the folder of sample data is absent. */
static bool load(const char *name, struct buf *out)
{
	const char *shared = getenv("DBMOUNT_SHARED");
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s/data/dynamodb/%s", shared != NULL ? shared : SOURCE_ROOT "/../shared",
		name);
	if (!read_whole(buf_cstr(&path), out)) {
		printf("skipped: no %s\n", buf_cstr(&path));
		return false;
	}
	return true;
}

static void check_file(const char *name, uint64_t items)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	if (!load(name, &text)) {
		return;
	}
	for (int form = DDB_PLAIN; form <= DDB_TYPED; form++) {
		struct seen seen = {.quiet = true};
		struct err err = {0};
		bool typed_in_plain = form == DDB_TYPED && strcmp(name, "moviedata.json") == 0;
		ck_assert_msg(run((enum ddb_form)form, buf_slice(&text), 4096, &seen, &err) == 0,
			"%s", err.msg);
		ck_assert_uint_eq(seen.items, typed_in_plain ? 0 : items);
		ck_assert_uint_eq(seen.bad, typed_in_plain ? items : 0);
	}
}

START_TEST(test_real_files)
{
	check_file("moviedata.json", 4609);
	check_file("ProductCatalog.json", 8);
	check_file("Forum.json", 2);
	for (int i = 0; i < 6; i++) {
		char name[64];
		snprintf(name, sizeof(name), "movie_files/movies_%d.json", i);
		check_file(name, 25);
	}
}
END_TEST

static int round_trip(void *arg, struct ddb_item *item, uint64_t number, unsigned long line,
	const struct err *bad, struct err *err)
{
	CLEANUP(buf_free) struct buf plain = BUF_INIT;
	CLEANUP(buf_free) struct buf typed = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	struct ddb_item *back = NULL;
	(void)arg;
	(void)number;
	(void)line;
	ck_assert_ptr_null(bad);
	ddb_item_render(item, DDB_PLAIN, true, &plain);
	ddb_item_render(item, DDB_TYPED, false, &typed);
	ck_assert_int_eq(ddb_item_parse(DDB_TYPED, buf_slice(&typed), &back, err), 0);
	ddb_item_render(back, DDB_PLAIN, true, &again);
	ck_assert(slice_equal(buf_slice(&plain), buf_slice(&again)));
	ddb_item_free(back);
	ddb_item_free(item);
	return 0;
}

START_TEST(test_real_round_trip)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	if (!load("moviedata.json", &text)) {
		return;
	}
	struct ddb_stream *s = ddb_stream_new(DDB_PLAIN, round_trip, NULL);
	ck_assert_int_eq(ddb_stream_feed(s, buf_slice(&text), NULL), 0);
	ck_assert_int_eq(ddb_stream_finish(s, NULL), 0);
	ddb_stream_free(s);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("item_stream");
	TCase *tc = tcase_create("item_stream");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_array);
	tcase_add_test(tc, test_lines);
	tcase_add_test(tc, test_requests);
	tcase_add_test(tc, test_nearly_requests);
	tcase_add_test(tc, test_mixed);
	tcase_add_test(tc, test_bad_items);
	tcase_add_test(tc, test_bad_requests);
	tcase_add_test(tc, test_bad_json_stops);
	tcase_add_test(tc, test_callback_stops);
	tcase_add_test(tc, test_unfinished_is_freed);
	tcase_add_test(tc, test_huge_entry);
	tcase_add_test(tc, test_real_files);
	tcase_add_test(tc, test_real_round_trip);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
