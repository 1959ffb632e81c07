/* Memory that runs out, at every single allocation: the answer is -ENOMEM or the same as
 * always, and nothing leaks (under ASan). Linked with --wrap for the allocating functions. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/fail_memory.h"
#include "tests/unit/fixture.h"

/* Enough members for the tables of names and of `like`, out of order; deep; a wrapper; a
 * number longer than the stack has room for. */
static struct buf text;
static struct buf stored;

static void setup(void)
{
	buf_puts(&text, "{\"a\":[[[[[[[[[[[[[[[[[[{\"$binary\":{\"base64\":\"aGk=\",\"subType\":"
			"\"00\"}}]]]]]]]]]]]]]]]]]],");
	buf_puts(&text, "\"n\":0.");
	for (unsigned i = 0; i < 80; i++) {
		buf_puts(&text, "1");
	}
	for (unsigned i = 200; i > 0; i--) {
		buf_printf(&text, ",\"%u\":1.0", i * 7919 % 211);
	}
	buf_puts(&text, "}");
	ck_assert_int_eq(ejson_parse(buf_slice(&text), slice_make("", 0), &stored, NULL), 0);
}

static void teardown(void)
{
	buf_free(&text);
	buf_free(&stored);
}

static int parse_once(struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	int rc = ejson_parse(buf_slice(&text), slice_make("", 0), &out, err);
	require(rc != 0 ? out.n == 0 : slice_equal(buf_slice(&out), buf_slice(&stored)));
	return rc;
}

/* Members in another order than those of the document whose types they take. */
static int like_once(struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice last = slice_of("{\"38\":1,\"21\":2,\"a\":[]}");
	int rc = ejson_parse(last, buf_slice(&stored), &out, err);
	require(rc != 0 || doc_field(buf_slice(&out), slice_of("38")).type == BSON_TYPE_DOUBLE);
	return rc;
}

START_TEST(test_parse)
{
	fail_each(parse_once);
	fail_each(like_once);
}
END_TEST

static int print_once(struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ejson_print(buf_slice(&stored), EJSON_CANONICAL, true, &out);
	return buf_check(&out, err);
}

static int check_once(struct err *err)
{
	return doc_check(buf_slice(&stored), err);
}

START_TEST(test_print_and_check)
{
	fail_each(print_once);
	fail_each(check_once);
}
END_TEST

static int count(void *arg, struct slice document, unsigned long line, struct err *err)
{
	(void)document;
	(void)line;
	(void)err;
	++*(unsigned *)arg;
	return 0;
}

static int never(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	(void)arg;
	(void)line;
	(void)why;
	(void)err;
	abort();
}

/* Running out of memory ends a stream: the document is not to blame. */
static int stream_once(struct err *err)
{
	unsigned n = 0;
	struct ejson_stream *s = ejson_stream_new(count, never, &n);
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = ejson_stream_feed(s, slice_of("[{},"), err);
	rc = rc != 0 ? rc : ejson_stream_feed(s, buf_slice(&text), err);
	rc = rc != 0 ? rc : ejson_stream_feed(s, slice_of("]"), err);
	rc = rc != 0 ? rc : ejson_stream_finish(s, err);
	require(rc != 0 || n == 2);
	ejson_stream_free(s);
	return rc;
}

START_TEST(test_stream)
{
	fail_each(stream_once);
}
END_TEST

static int arena_once(struct err *err)
{
	struct doc_arena *a = doc_arena_new();
	if (a == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < 3; i++) {
		doc_make_copy(a, doc_value_of(buf_slice(&stored)));
		doc_make_nested(a, BSON_TYPE_DOCUMENT, &stored);
	}
	int rc = doc_arena_check(a, err);
	doc_arena_free(a);
	return rc;
}

START_TEST(test_arena)
{
	fail_each(arena_once);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_memory");
	TCase *tc = tcase_create("docdb_memory");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_parse);
	tcase_add_test(tc, test_print_and_check);
	tcase_add_test(tc, test_stream);
	tcase_add_test(tc, test_arena);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
