/* Documents in sequence, as files have them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/fixture.h"

static struct buf told;
static int stop_at; /* the document, or bad one, that stops; 0: none */
static int n_told;

static int stop(struct err *err)
{
	return ++n_told == stop_at ? err_set(err, ECANCELED, "enough") : 0;
}

static int on_document(void *arg, struct slice document, unsigned long line, struct err *err)
{
	(void)arg;
	ck_assert_int_eq(doc_check(document, NULL), 0);
	buf_printf(&told, "%lu ", line);
	ejson_print(document, EJSON_RELAXED, false, &told);
	buf_putc(&told, '\n');
	return stop(err);
}

static int on_bad(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	(void)arg;
	buf_printf(&told, "%lu ! %s\n", line, why->msg);
	return stop(err);
}

static int feed(struct slice text, size_t chunk, struct err *err)
{
	struct ejson_stream *s = ejson_stream_new(on_document, on_bad, NULL);
	ck_assert_ptr_nonnull(s);
	buf_clear(&told);
	n_told = 0;
	int rc = 0;
	for (size_t at = 0; rc == 0 && at < text.n; at += chunk) {
		size_t n = text.n - at < chunk ? text.n - at : chunk;
		rc = ejson_stream_feed(s, slice_make(text.p + at, n), err);
	}
	rc = rc != 0 ? rc : ejson_stream_finish(s, err);
	ejson_stream_free(s);
	return rc;
}

/* In chunks of several sizes: all the same. */
static void check_stream(const char *text, const char *want, const char *end)
{
	static const size_t chunks[] = {1, 3, 1000};
	for (unsigned i = 0; i < 3; i++) {
		struct err err = {0};
		int rc = feed(slice_of(text), chunks[i], &err);
		ck_assert_str_eq(buf_cstr(&told), want);
		ck_assert_str_eq(err.msg, end);
		ck_assert_int_eq(rc != 0, end[0] != '\0');
	}
}

static void teardown(void)
{
	buf_free(&told);
}

START_TEST(test_forms)
{
	check_stream("", "", "");
	check_stream(" \n", "", "");
	check_stream("\xef\xbb\xbf{\"a\":1}\n{\"a\":2}\n", "1 {\"a\":1}\n2 {\"a\":2}\n", "");
	check_stream("{\n\"a\":{}}\n\n {\"b\":[1]} {}", "1 {\"a\":{}}\n4 {\"b\":[1]}\n4 {}\n", "");
	check_stream("[{\"a\":[]},\n{\"a\":{\"$numberLong\":\"1\"}}\n]\n",
		"1 {\"a\":[]}\n2 {\"a\":1}\n", "");
	check_stream("[]", "", "");
	check_stream("[{}]\n[{\"a\":1}]\n{}", "1 {}\n2 {\"a\":1}\n3 {}\n", "");
}
END_TEST

/* The one that is bad is told, with its line; the others come. */
START_TEST(test_bad_documents)
{
	check_stream("{\"a\":1}\n{\"a\":1,\"a\":{\"b\":[{}]}}\n{\"a\":3}",
		"1 {\"a\":1}\n2 ! line 2, column 8: the name \"a\" stands twice in one object\n"
		"3 {\"a\":3}\n",
		"");
	check_stream("[1,\n[{}], {\"a\":{\"$oid\":1,\n\"x\":{}}}, {}, \"s\", null]",
		"1 ! line 1, column 2: expected a document like {\"a\": 1}, found a number\n"
		"2 ! line 2, column 1: expected a document like {\"a\": 1}, found an array\n"
		"2 ! line 2, column 13: $oid must stand alone in its object, found \"x\" beside "
		"it\n"
		"3 {}\n"
		"3 ! line 3, column 15: expected a document like {\"a\": 1}, found a string\n"
		"3 ! line 3, column 20: expected a document like {\"a\": 1}, found a word\n",
		"");
	check_stream("7\n{}\n",
		"1 ! line 1, column 1: expected a document like {\"a\": 1}, found a number\n2 {}\n",
		"");
}
END_TEST

START_TEST(test_no_json)
{
	check_stream("{\"a\":1}\n{\"a\" 1}\n{}", "1 {\"a\":1}\n",
		"line 2, column 6: expected ':' after the member name, found '1'");
	check_stream("{\"a\":1}\n{\"a\":", "1 {\"a\":1}\n",
		"line 2, column 6: the text ends inside an object that began at line 2, column 1");
}
END_TEST

START_TEST(test_stops)
{
	stop_at = 2;
	check_stream("{}\n{}\n{}", "1 {}\n2 {}\n", "enough");
	check_stream("{}\n1\n{}",
		"1 {}\n2 ! line 2, column 1: expected a document like {\"a\": 1}, found a number\n",
		"enough");
	stop_at = 0;
}
END_TEST

/* One too large is skipped, whatever the others are. */
START_TEST(test_large)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct err err = {0};
	buf_puts(&text, "{\"a\":1}\n{\"a\":[");
	for (unsigned i = 0; i < 3000000; i++) {
		buf_puts(&text, i == 0 ? "1" : ",1");
	}
	buf_puts(&text, "]}\n{\"a\":\"");
	size_t at = text.n;
	ck_assert(buf_resize(&text, at + DOC_BYTES_MAX));
	memset(text.p + at, 'x', DOC_BYTES_MAX);
	buf_puts(&text, "\"}\n{\"a\":2}");
	ck_assert_int_eq(feed(buf_slice(&text), 65536, &err), 0);
	const char *want = "1 {\"a\":1}\n2 ! line 2, column ";
	ck_assert(strncmp(buf_cstr(&told), want, strlen(want)) == 0);
	want = "3 ! the document has 16777229 bytes of BSON; at most 16777216 are "
	       "accepted\n4 {\"a\":2}\n";
	ck_assert_ptr_nonnull(strstr(told.p, want));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_stream");
	TCase *tc = tcase_create("docdb_stream");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, test_forms);
	tcase_add_test(tc, test_bad_documents);
	tcase_add_test(tc, test_no_json);
	tcase_add_test(tc, test_stops);
	tcase_add_test(tc, test_large);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
