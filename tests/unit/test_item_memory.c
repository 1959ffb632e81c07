/* Memory that runs out, at every single allocation: the answer is -ENOMEM or the
 * same as always, nothing leaks (under ASan) and nothing is half done.
 * Linked with --wrap for the allocating functions. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/common/name.h"
#include "engines/dynamodb/item.h"
#include "tests/unit/fail_memory.h"
#include "tests/unit/fixture.h"

static const char item_text[] = "{\"deep\":[[[[[[[[[[[[[[[[[[1.50e2]]]]]]]]]]]]]]]]]],\"s\":{\"$"
				"ss\":[\"1\",\"2\",\"3\",\"4\",\"5\","
				"\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\"]},\"b\":{\"$"
				"b\":\"aGk=\"},\"\\u0061\":\"\\n\",\"pk\":\"a\","
				"\"1\":1,\"2\":2,\"3\":3,\"4\":4,\"5\":5,\"6\":6,\"7\":7,\"8\":8,"
				"\"9\":9,\"10\":1.0,\"11\":1}";

static int parse_once(struct err *err)
{
	struct ddb_item *item = NULL;
	int rc = ddb_item_parse(DDB_PLAIN, slice_of(item_text), &item, err);
	require((rc == 0) == (item != NULL));
	ddb_item_free(item);
	return rc;
}

START_TEST(test_parse)
{
	fail_each(parse_once);
}
END_TEST

static int take(void *arg, struct ddb_item *item, uint64_t number, unsigned long line,
	const struct err *bad, struct err *err)
{
	(void)number;
	(void)line;
	(void)err;
	require(bad == NULL);
	++*(unsigned *)arg;
	ddb_item_free(item);
	return 0;
}

/* Running out of memory ends an import: the item is not to blame. */
static int stream_once(struct err *err)
{
	unsigned count = 0;
	struct ddb_stream *s = ddb_stream_new(DDB_PLAIN, take, &count);
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = ddb_stream_feed(s, slice_of("[{\"T\":1},"), err);
	rc = rc != 0 ? rc : ddb_stream_feed(s, slice_of(item_text), err);
	rc = rc != 0 ? rc : ddb_stream_feed(s, slice_of("]"), err);
	rc = rc != 0 ? rc : ddb_stream_finish(s, err);
	require(rc != 0 || count == 2);
	ddb_stream_free(s);
	return rc;
}

START_TEST(test_stream)
{
	fail_each(stream_once);
}
END_TEST

static const struct ddb_key_schema schema = {
	.hash = {"pk", DDB_B},
	.range = {"sk", DDB_N},
	.has_range = true,
};
static struct ddb_item *item;

/* A name of some length, so that the item's first block does not hold it. */
static int set_key_once(struct err *err)
{
	static char text[6000];
	memset(text, 'A', sizeof(text));
	return ddb_item_set_key(item, &schema, slice_make(text, sizeof(text)), slice_of("1"), err);
}

static int key_texts_once(struct err *err)
{
	CLEANUP(buf_free) struct buf hash = BUF_INIT;
	CLEANUP(buf_free) struct buf range = BUF_INIT;
	return ddb_item_key_texts(item, &schema, &hash, &range, err);
}

static int render_once(struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ddb_item_render(item, DDB_PLAIN, true, &out);
	ddb_item_render(item, DDB_TYPED, false, &out);
	return buf_check(&out, err);
}

START_TEST(test_item)
{
	ck_assert_int_eq(
		ddb_item_parse(DDB_PLAIN, slice_of("{\"$$x\":{\"$b\":\"aGk=\"}}"), &item, NULL), 0);
	fail_each(set_key_once);
	fail_each(render_once);
	ck_assert_int_eq(ddb_item_set_key(item, &schema, slice_of("AAAA"), slice_of("1"), NULL), 0);
	fail_each(key_texts_once);
	ddb_item_free(item);
}
END_TEST

static const char *const suffixes[] = {".json", ".ddb.json"};
static const struct name_rules rules = {suffixes, 2};

static int name_once(struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_print(slice_of("a/b.ddb"), &rules, 0, &name);
	require(name.failed || slice_is(buf_slice(&name), "a%2Fb%2Eddb.json"));
	return buf_check(&name, err);
}

/* Never another key: without memory the name is taken for a bad one. */
static int name_parse_once(struct err *err)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	unsigned form;
	enum name_kind kind = name_parse(slice_of("a%2Fb%2Eddb.json"), &rules, &form, &key);
	if (kind == NAME_BAD || key.failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	require(slice_is(buf_slice(&key), "a/b.ddb"));
	return 0;
}

START_TEST(test_names)
{
	fail_each(name_once);
	fail_each(name_parse_once);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("item_memory");
	TCase *tc = tcase_create("item_memory");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_parse);
	tcase_add_test(tc, test_stream);
	tcase_add_test(tc, test_item);
	tcase_add_test(tc, test_names);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
