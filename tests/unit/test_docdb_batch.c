/* `.update`: what it changes, reports and refuses; all or nothing. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/docdb_fixture.h"

static struct docs d;
static struct buf report;

static void setup(void)
{
	docs_start(&d);
}

static void teardown(void)
{
	docs_check(&d);
	docs_end(&d);
	buf_free(&report);
}

static const char *update(const char *text)
{
	buf_clear(&report);
	docs_ok(&d, docs_update(&d, "c", text, &report));
	return buf_cstr(&report);
}

static void refused(const char *text, const char *words)
{
	int rc = docs_update(&d, "c", text, &report);
	ck_assert_msg(rc < 0, "%s", text);
	ck_assert_msg(strstr(d.err.msg, words) != NULL, "%s: %s", text, d.err.msg);
}

static int fill_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct engine_info info;
	int rc = 0;

	for (int i = 0; rc == 0 && i < *(int *)arg; i++) {
		char name[16];
		char text[32];
		snprintf(name, sizeof(name), "%d", i);
		snprintf(text, sizeof(text), "{\"a\": %d}", i);
		rc = docdb_doc_write(c, slice_of("c"), slice_of(name), slice_of(text),
			ENGINE_VERSION_ANY, DOCDB_RELAXED, &info, err);
	}
	return rc;
}

static void fill(int n)
{
	docs_ok(&d, docs_write(&d, fill_fn, &n));
}

START_TEST(test_update_many)
{
	fill(5);
	ck_assert_str_eq(update("{\"filter\": {\"a\": {\"$gt\": 2}}, \"update\": {\"$set\": "
				"{\"a\": 4}}}"),
		"{\"matchedCount\":2,\"modifiedCount\":1,\"upsertedIds\":[],\"deletedCount\":0}\n");
	ck_assert_str_eq(update("{\"filter\": {\"a\": 4}, \"multi\": false, \"update\": {\"$inc\": "
				"{\"a\": 1}}}"),
		"{\"matchedCount\":1,\"modifiedCount\":1,\"upsertedIds\":[],\"deletedCount\":0}\n");
	ck_assert_str_eq(docs_text(&d, "c", "3"), "{\"_id\":3,\"a\":5}");
	ck_assert_str_eq(docs_text(&d, "c", "4"), "{\"_id\":4,\"a\":4}");
	update("{\"filter\": {\"_id\": 0}, \"update\": {\"b\": \"all of it\"}}");
	ck_assert_str_eq(docs_text(&d, "c", "0"), "{\"_id\":0,\"b\":\"all of it\"}");
}
END_TEST

START_TEST(test_more_documents_than_one_piece)
{
	fill(2500);
	ck_assert_str_eq(update("{\"filter\": {\"_id\": {\"$gte\": 0}}, \"update\": {\"$inc\": "
				"{\"a\": 1}}}"),
		"{\"matchedCount\":2500,\"modifiedCount\":2500,\"upsertedIds\":[],"
		"\"deletedCount\":0}\n");
	ck_assert_str_eq(docs_text(&d, "c", "2499"), "{\"_id\":2499,\"a\":2500}");
	/* The index that is walked is the one that changes: each document once. */
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}}]"));
	ck_assert_str_eq(update("{\"filter\": {\"a\": {\"$gte\": 2}}, \"update\": {\"$inc\": "
				"{\"a\": 10}}}"),
		"{\"matchedCount\":2499,\"modifiedCount\":2499,\"upsertedIds\":[],"
		"\"deletedCount\":0}\n");
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1,\"a\":12}");
	ck_assert_str_eq(update("{\"delete\": \"c\", \"deletes\": [{\"q\": {}, \"limit\": 0}]}"),
		"{\"matchedCount\":0,\"modifiedCount\":0,\"upsertedIds\":[],"
		"\"deletedCount\":2500}\n");
}
END_TEST

START_TEST(test_upsert)
{
	ck_assert_str_eq(
		update("{\"filter\": {\"_id\": \"x\", \"n\": 1}, \"upsert\": true, "
		       "\"update\": {\"$set\": {\"a\": 2}, \"$setOnInsert\": {\"b\": 3}}}"),
		"{\"matchedCount\":0,\"modifiedCount\":0,\"upsertedIds\":[\"x\"],"
		"\"deletedCount\":0}\n");
	ck_assert_ptr_nonnull(strstr(docs_text(&d, "c", "x"), "\"n\":1"));
	ck_assert_ptr_nonnull(strstr(docs_text(&d, "c", "x"), "\"b\":3"));
	ck_assert_str_eq(update("{\"filter\": {\"_id\": \"x\"}, \"upsert\": true, \"update\": "
				"{\"$set\": {\"a\": 2}, \"$setOnInsert\": {\"b\": 4}}}"),
		"{\"matchedCount\":1,\"modifiedCount\":0,\"upsertedIds\":[],\"deletedCount\":0}\n");
	ck_assert_ptr_nonnull(strstr(
		update("{\"filter\": {\"n\": 5}, \"upsert\": true, \"update\": {\"$set\": {}}}"),
		"\"upsertedIds\":[{\"$oid\":\""));
}
END_TEST

START_TEST(test_commands_as_the_service_has_them)
{
	fill(4);
	ck_assert_str_eq(
		update("{\"update\": \"c\", \"updates\": [{\"q\": {\"a\": {\"$lt\": 3}}, \"u\": "
		       "{\"$set\": {\"b\": 1}}}, {\"q\": {\"a\": {\"$lt\": 3}}, \"multi\": true, "
		       "\"u\": {\"$set\": {\"c\": 1}}}]}"),
		"{\"matchedCount\":4,\"modifiedCount\":4,\"upsertedIds\":[],\"deletedCount\":0}\n");
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1,\"a\":1,\"c\":1}");
	ck_assert_str_eq(
		update("[{\"delete\": \"c\", \"deletes\": [{\"q\": {}, \"limit\": 1}]}, "
		       "{\"filter\": {\"_id\": 1}, \"update\": {\"$unset\": {\"c\": 1}}}]"),
		"{\"matchedCount\":1,\"modifiedCount\":1,\"upsertedIds\":[],\"deletedCount\":1}\n");
	ck_assert_str_eq(docs_names(&d, "c"), "1 2 3 ");
}
END_TEST

START_TEST(test_what_fails_changes_nothing)
{
	fill(3);
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}, \"unique\": true}]"));
	refused("[{\"filter\": {}, \"update\": {\"$set\": {\"b\": 1}}}, {\"filter\": {}, "
		"\"update\": {\"$set\": {\"a\": 7}}}]",
		"statement 1: E11000");
	refused("{\"filter\": {\"_id\": 1}, \"update\": {\"$set\": {\"_id\": 9}}}", "_id");
	refused("{\"filter\": {}, \"update\": {\"$inc\": {\"_id\": 1}}}", "_id");
	refused("{\"filter\": {}, \"updaet\": {}}", "'updaet'");
	refused("{\"filter\": {}}", "\"update\" is missing");
	refused("{\"filter\": 5, \"update\": {}}", "'filter'");
	refused("{\"update\": \"other\", \"updates\": []}", "the collection 'c'");
	refused("{\"delete\": \"c\", \"deletes\": [{\"q\": {}, \"limit\": 2}]}", "deletes.0");
	refused("7", "an object is expected");
	for (int i = 0; i < 3; i++) {
		char name[8];
		char text[32];
		snprintf(name, sizeof(name), "%d", i);
		snprintf(text, sizeof(text), "{\"_id\":%d,\"a\":%d}", i, i);
		ck_assert_str_eq(docs_text(&d, "c", name), text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_batch");
	TCase *t = tcase_create("update");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_update_many);
	tcase_add_test(t, test_more_documents_than_one_piece);
	tcase_add_test(t, test_upsert);
	tcase_add_test(t, test_commands_as_the_service_has_them);
	tcase_add_test(t, test_what_fails_changes_nothing);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
