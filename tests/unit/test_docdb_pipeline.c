/* Sorting beyond memory, limits of size and depth, failures on the way, explain. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/docdb_json.h"
#include "tests/unit/docdb_reach.h"
#include "tests/unit/fixture.h"

/* ---- the sorter ---- */

static void number_key(unsigned n, char key[4])
{
	key[0] = (char)(n >> 24);
	key[1] = (char)(n >> 16);
	key[2] = (char)(n >> 8);
	key[3] = (char)n;
}

struct sorted {
	unsigned key;
	unsigned serial;
	char rest[400];
};

/* n documents whose keys repeat and jump about; each bears its key and when it came. */
static int add_many(struct doc_sorter *s, unsigned n, unsigned keys, struct err *err)
{
	struct sorted d = {0};
	int r = 0;
	for (unsigned i = 0; r == 0 && i < n; i++) {
		char key[4];
		d.key = (unsigned)((uint64_t)i * 7919 % keys);
		d.serial = i;
		number_key(d.key, key);
		r = doc_sorter_add(s, slice_make(key, 4), slice_make(&d, sizeof(d)), err);
	}
	return r;
}

/* How many come out, in order and none of equal key before one that came earlier. */
static unsigned check_order(struct doc_sorter *s)
{
	struct sorted before = {0};
	struct slice document;
	struct err err = {0};
	unsigned n = 0;
	int r;
	while ((r = doc_sorter_next(s, &document, &err)) == 1) {
		struct sorted d;
		ck_assert_uint_eq(document.n, sizeof(d));
		memcpy(&d, document.p, sizeof(d));
		ck_assert(n == 0 || before.key < d.key ||
			  (before.key == d.key && before.serial < d.serial));
		before = d;
		n++;
	}
	ck_assert_msg(r == 0, "%s", err.msg);
	ck_assert_int_eq(doc_sorter_next(s, &document, &err), 0);
	return n;
}

static void sort_many(unsigned n, unsigned keys, uint64_t limit, unsigned wanted)
{
	char site[SITE_MAX];
	struct doc_sorter *s = NULL;
	struct err err = {0};
	make_site(site);
	ck_assert_int_eq(doc_sorter_new(site, limit, &s, &err), 0);
	doc_sorter_memory(s, 1000000);
	ck_assert_msg(add_many(s, n, keys, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(check_order(s), wanted);
	doc_sorter_free(s);
	remove_site(site);
}

START_TEST(test_a_sort_in_memory)
{
	sort_many(0, 1, 0, 0);
	sort_many(1, 1, 0, 1);
	sort_many(1500, 1000, 0, 1500);
}
END_TEST

START_TEST(test_a_sort_that_needs_a_file)
{
	sort_many(30000, 10007, 0, 30000); /* a dozen times what memory holds */
}
END_TEST

START_TEST(test_a_sort_of_equals_in_a_file)
{
	sort_many(20000, 1, 0, 20000);
}
END_TEST

START_TEST(test_only_the_first)
{
	sort_many(50000, 10007, 10, 10);
	sort_many(5, 10007, 10, 5);
	sort_many(20000, 10007, 15000, 15000); /* more than memory holds */
}
END_TEST

START_TEST(test_a_sort_without_a_place_for_its_file)
{
	struct doc_sorter *s = NULL;
	struct err err = {0};
	ck_assert_int_eq(doc_sorter_new("/nowhere/at/all", 0, &s, &err), 0);
	doc_sorter_memory(s, 1000000);
	ck_assert_int_lt(add_many(s, 10000, 1000, &err), 0);
	ck_assert_int_ne(err.code, 0);
	doc_sorter_free(s);
}
END_TEST

/* ---- limits ---- */

static int run_json(const char *documents, const char *query, struct err *err)
{
	struct memory_reach m = {0};
	struct buf out = BUF_INIT;
	struct buf text = BUF_INIT;
	buf_printf(&text, "{\"d\": %s, \"q\": %s}", documents, query);
	bson_t *b = json_document(buf_slice(&text));
	memory_reach_add(&m, slice_of("c"), doc_field(json_bytes(b), slice_of("d")).raw);
	int r = memory_query(&m, "/tmp", doc_field(json_bytes(b), slice_of("q")), &out, err);
	bson_destroy(b);
	buf_free(&out);
	buf_free(&text);
	return r;
}

static void check_too_large(const char *stages)
{
	static const char wide[] = "[{\"$addFields\": {\"a\": {\"$range\": [0, 2000]}, \"s\": "
				   "{\"$reduce\": {\"input\": "
				   "{\"$range\": [0, 20]}, \"initialValue\": \"x\", \"in\": "
				   "{\"$concat\": [\"$$value\", "
				   "\"$$value\"]}}}}}, %s]";
	char query[2000];
	struct err err = {0};
	snprintf(query, sizeof(query), wide, stages);
	ck_assert_msg(run_json("[{\"_id\": 1}]", query, &err) == -EFBIG, "%s: %s", stages, err.msg);
	ck_assert_msg(strstr(err.msg, "BSONObjectTooLarge") != NULL, "%s", err.msg);
}

START_TEST(test_documents_that_grow_too_large)
{
	/* A text of 1 MiB, in each of 2,000 documents. */
	check_too_large("{\"$unwind\": \"$a\"}, {\"$group\": {\"_id\": null, \"all\": {\"$push\": "
			"\"$s\"}}}");
	check_too_large("{\"$unwind\": \"$a\"}, {\"$facet\": {\"f\": []}}");
	check_too_large(
		"{\"$project\": {\"x\": {\"$map\": {\"input\": {\"$range\": [0, 20]}, \"in\": "
		"\"$s\"}}}}");
	check_too_large("{\"$replaceWith\": {\"x\": {\"$map\": {\"input\": {\"$range\": [0, 20]}, "
			"\"in\": \"$s\"}}}}");
}
END_TEST

START_TEST(test_a_pipeline_that_nests_without_end)
{
	struct buf query = BUF_INIT;
	struct err err = {0};
	for (int i = 0; i < 900; i++) {
		buf_printf(&query, "%s{\"$project\": {\"a\": \"$$ROOT\"}}", i == 0 ? "[" : ", ");
	}
	buf_puts(&query, "]");
	ck_assert_int_eq(run_json("[{\"_id\": 1}]", buf_cstr(&query), &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, "Pipeline length") != NULL, "%s", err.msg);
	buf_free(&query);
}
END_TEST

/* ---- failures on the way: everything is freed, the first error is told ---- */

struct failing {
	struct doc_cursor base;
	int left;
};

static int fail_after(struct doc_cursor *base, struct slice *document, struct err *err)
{
	static const char none[] = {5, 0, 0, 0, 0};
	struct failing *f = (struct failing *)base;
	*document = slice_make(none, sizeof(none));
	return f->left-- > 0 ? 1 : err_set(err, EIO, "the disk is gone");
}

static void close_failing(struct doc_cursor *base)
{
	free(base);
}

static int find_failing(void *arg, struct slice collection, const struct doc_match *match,
	struct slice sort, bool *sorted, struct doc_cursor **out, struct err *err)
{
	const int *left = arg;
	struct failing *f;
	(void)collection;
	(void)match;
	(void)sort;
	if (*left < 0) {
		return err_set(err, EIO, "the disk is gone");
	}
	f = calloc(1, sizeof(*f));
	*f = (struct failing){{fail_after, close_failing}, *left};
	*sorted = false;
	*out = &f->base;
	return 0;
}

static void check_failure(const char *text, int left)
{
	struct doc_reach reach = {.find = find_failing, .arg = &left, .tmp_dir = "/tmp"};
	struct doc_query *q = NULL;
	struct doc_cursor *c = NULL;
	struct slice document;
	struct err err = {0};
	char wrapped[500];
	snprintf(wrapped, sizeof(wrapped), "{\"q\": %s}", text);
	bson_t *b = json_document(slice_of(wrapped));
	int r = doc_query_new(doc_field(json_bytes(b), slice_of("q")), &q, &err);
	ck_assert_msg(r == 0, "%s: %s", text, err.msg);
	r = doc_query_run(q, &reach, &c, &err);
	while (r == 0 && (r = c->next(c, &document, &err)) == 1) {
		r = 0;
	}
	ck_assert_msg(r == -EIO, "%s with %d: %d %s", text, left, r, err.msg);
	ck_assert_str_eq(err.msg, "the disk is gone");
	if (c != NULL) {
		c->close(c);
	}
	doc_query_free(q);
	bson_destroy(b);
}

START_TEST(test_a_collection_that_fails)
{
	static const char *const queries[] = {"{}", "{\"count\": \"c\"}", "{\"distinct\": \"a\"}",
		"[{\"$sort\": {\"a\": 1}}]",
		"[{\"$group\": {\"_id\": null, \"x\": {\"$push\": 1}}}]",
		"[{\"$facet\": {\"a\": [], \"b\": []}}]", "[{\"$unwind\": \"$a\"}]",
		"[{\"$skip\": 1}, {\"$limit\": 10}]", "[{\"$sample\": {\"size\": 3}}]",
		"[{\"$project\": {\"a\": 1}}, {\"$match\": {\"a\": 1}}]",
		"[{\"$lookup\": {\"from\": \"x\", \"localField\": \"a\", \"foreignField\": \"b\", "
		"\"as\": \"c\"}}]",
		"[{\"$lookup\": {\"from\": \"x\", \"pipeline\": [{\"$match\": {\"a\": 1}}], "
		"\"as\": "
		"\"c\"}}]",
		"[{\"$unionWith\": \"x\"}]",
		"[{\"$replaceWith\": {\"a\": 1}}, {\"$addFields\": {\"b\": 1}}]"};
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		for (int left = -1; left < 4; left++) {
			check_failure(queries[i], left);
		}
	}
}
END_TEST

/* ---- explain ---- */

static void check_explain(bool sorts, const char *wanted)
{
	struct memory_reach m = {.sorts = sorts};
	struct doc_reach reach = memory_reach_face(&m, "/tmp");
	struct buf out = BUF_INIT;
	struct err err = {0};
	struct doc_query *q = NULL;
	bson_t *b = json_document(
		slice_of("{\"q\": [{\"$match\": {\"a\": 1}}, {\"$sort\": {\"b\": 1}}, "
			 "{\"$unset\": \"c\"}]}"));
	bson_t *w = json_document(slice_of(wanted));
	ck_assert_int_eq(doc_query_new(doc_field(json_bytes(b), slice_of("q")), &q, &err), 0);
	ck_assert_int_eq(doc_query_explain(q, &reach, &out, &err), 0);
	ck_assert(json_same(doc_value_of(buf_slice(&out)), doc_value_of(json_bytes(w)), wanted));
	doc_query_free(q);
	bson_destroy(b);
	bson_destroy(w);
	buf_free(&out);
}

START_TEST(test_explain_tells_what_is_left_to_do)
{
	check_explain(false,
		"{\"winningPlan\": {\"sorted\": false}, \"stages\": [{\"$sort\": {\"b\": "
		"1}}, {\"$project\": {\"c\": 0}}]}");
	check_explain(true,
		"{\"winningPlan\": {\"sorted\": true}, \"stages\": [{\"$project\": {\"c\": 0}}]}");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_pipeline");
	TCase *t = tcase_create("docdb_pipeline");
	tcase_set_timeout(t, 100);
	tcase_add_test(t, test_a_sort_in_memory);
	tcase_add_test(t, test_a_sort_that_needs_a_file);
	tcase_add_test(t, test_a_sort_of_equals_in_a_file);
	tcase_add_test(t, test_only_the_first);
	tcase_add_test(t, test_a_sort_without_a_place_for_its_file);
	tcase_add_test(t, test_documents_that_grow_too_large);
	tcase_add_test(t, test_a_pipeline_that_nests_without_end);
	tcase_add_test(t, test_a_collection_that_fails);
	tcase_add_test(t, test_explain_tells_what_is_left_to_do);
	suite_add_tcase(s, t);
	return run_suite(s);
}
