/* Indexes: their definitions, what unique ones refuse, that a plan finds exactly what looking at
 * every document finds, in the order asked for, and what it says of itself. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/docdb_fixture.h"
#include "tests/unit/random.h"

static struct docs d;
static struct buf out;

static void setup(void)
{
	docs_start(&d);
}

static void teardown(void)
{
	docs_check(&d);
	docs_end(&d);
	buf_free(&out);
}

#define ck_refused(call, code, words)                                                              \
	do {                                                                                       \
		ck_assert_int_eq(call, -(code));                                                   \
		ck_assert_msg(strstr(d.err.msg, words) != NULL, "%s", d.err.msg);                  \
	} while (0)

#define ck_has(text, words)                                                                        \
	do {                                                                                       \
		const char *ck_text = (text);                                                      \
		ck_assert_msg(strstr(ck_text, words) != NULL, "%s", ck_text);                      \
	} while (0)

static const char *find(const char *filter, const char *sort)
{
	buf_clear(&out);
	docs_ok(&d, docs_find(&d, "c", filter, sort, &out));
	return buf_cstr(&out);
}

/* ---- definitions ---- */

static int read_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	buf_clear(arg);
	return docdb_indexes_read(c, slice_of("c"), arg, err);
}

static const char *indexes(void)
{
	docs_ok(&d, docs_read(&d, read_fn, &out));
	return buf_cstr(&out);
}

START_TEST(test_definitions_are_read_as_written)
{
	static const char all[] =
		"[\n  {\n    \"name\": \"_id_\",\n    \"key\": {\n      \"_id\": "
		"1\n    }\n  },\n  {\n    \"name\": \"a_1_b.c_-1\",\n    \"key\": "
		"{\n      \"a\": 1,\n      \"b.c\": -1\n    },\n    \"unique\": "
		"true\n  },\n  {\n    \"name\": \"old\",\n    \"key\": {\n      "
		"\"t\": 1\n    },\n    \"partialFilterExpression\": {\n      "
		"\"x\": {\n        \"$gt\": 5\n      }\n    },\n    "
		"\"expireAfterSeconds\": 60\n  }\n]\n";

	docs_ok(&d, docs_index(&d, "c",
			    "[{\"key\": {\"a\": 1, \"b.c\": -1}, \"unique\": true, \"v\": 2},"
			    "{\"name\": \"old\", \"expireAfterSeconds\": 60, \"key\": {\"t\": 1},"
			    "\"partialFilterExpression\": {\"x\": {\"$gt\": 5}}}]"));
	ck_assert_str_eq(indexes(), all);
	/* What was read is what can be written. */
	docs_ok(&d, docs_index(&d, "c", all));
	ck_assert_str_eq(indexes(), all);
	docs_ok(&d, docs_index(&d, "c", "[]"));
	ck_has(indexes(), "_id_");
	ck_assert_ptr_null(strstr(indexes(), "old"));
}
END_TEST

START_TEST(test_bad_definitions_are_refused)
{
	static const char *const bad[][2] = {
		{"{}", "an array"},
		{"[1]", "index 0"},
		{"[{\"key\": {}}]", "\"key\" is an object"},
		{"[{\"key\": {\"a\": 0}}]", "1 or -1"},
		{"[{\"key\": {\"a\": 1}, \"uniqe\": true}]", "did you mean unique"},
		{"[{\"key\": {\"a..b\": 1}}]", "empty part"},
		{"[{\"key\": {\"$a\": 1}}]", "'$'"},
		{"[{\"key\": {\"a\": 1}, \"name\": \"x\"}, {\"key\": {\"b\": 1}, \"name\": \"x\"}]",
			"two indexes"},
		{"[{\"key\": {\"a\": 1}, \"name\": \"x\"}, {\"key\": {\"a\": 1}, \"name\": \"y\"}]",
			"IndexOptionsConflict (85)"},
		{"[{\"key\": {\"a\": 1, \"b\": 1}, \"expireAfterSeconds\": 5}]", "single-field"},
		{"[{\"key\": {\"a\": 1}, \"expireAfterSeconds\": -5}]", "0 to"},
		{"[{\"key\": {\"a\": 1}, \"sparse\": true, \"partialFilterExpression\": {}}]",
			"cannot mix"},
		{"[{\"key\": {\"a\": 1}, \"partialFilterExpression\": {\"a\": {\"$foo\": 1}}}]",
			"$foo"},
	};

	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"k\": 1}}]"));
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int rc = docs_index(&d, "c", bad[i][0]);
		ck_assert_msg(rc == -EINVAL || rc == -EEXIST, "%s: %d", bad[i][0], rc);
		ck_assert_msg(strstr(d.err.msg, bad[i][1]) != NULL, "%s: %s", bad[i][0], d.err.msg);
	}
	ck_refused(docs_index(&d, "c", "[{\"key\": {\"a\": \"text\"}}]"), ENOTSUP, "\"text\"");
	ck_has(indexes(), "k_1");
}
END_TEST

/* ---- unique ---- */

START_TEST(test_a_unique_index_names_the_key)
{
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1, \"b\": -1}, \"unique\": true}]"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": \"x\", \"b\": 5}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": \"x\"}"));
	ck_refused(docs_put(&d, "c", "3", "{\"a\": \"x\", \"b\": 5.0}"), EEXIST,
		"E11000 duplicate key error collection: docdb.c index: a_1_b_-1 dup key: "
		"{ a: \"x\", b: 5 }");
	ck_refused(docs_put(&d, "c", "3", "{\"a\": \"x\"}"), EEXIST, "{ a: \"x\", b: null }");
	ck_assert_str_eq(docs_names(&d, "c"), "1 2 ");
	/* Changed onto another's key; its own is none. */
	ck_refused(docs_put(&d, "c", "2", "{\"a\": \"x\", \"b\": 5}"), EEXIST, "E11000");
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": \"x\", \"b\": 5, \"more\": 1}"));
	docs_ok(&d, docs_move(&d, "c", "1", "c", "9", 0));
	docs_ok(&d, docs_remove(&d, "c", "9"));
	docs_ok(&d, docs_put(&d, "c", "3", "{\"a\": \"x\", \"b\": 5}"));
}
END_TEST

START_TEST(test_a_unique_index_over_duplicates_is_not_made)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": [1, 2]}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": 2}"));
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"b\": 1}}]"));
	ck_refused(docs_index(&d, "c", "[{\"key\": {\"a\": 1}, \"unique\": true}]"), EEXIST,
		"{ a: 2 }");
	ck_has(indexes(), "b_1"); /* nothing was changed */
	docs_ok(&d, docs_index(&d, "c",
			    "[{\"key\": {\"a\": 1}, \"unique\": true, "
			    "\"partialFilterExpression\": {\"_id\": {\"$gt\": 1}}}]"));
	docs_ok(&d, docs_put(&d, "c", "0", "{\"a\": 2}"));
	ck_refused(docs_put(&d, "c", "5", "{\"a\": 2}"), EEXIST, "E11000");
}
END_TEST

START_TEST(test_a_sparse_unique_index_leaves_out_what_has_no_field)
{
	docs_ok(&d,
		docs_index(&d, "c", "[{\"key\": {\"a\": 1}, \"unique\": true, \"sparse\": true}]"));
	docs_ok(&d, docs_put(&d, "c", "1", "{}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{}"));
	docs_ok(&d, docs_put(&d, "c", "3", "{\"a\": null}"));
	ck_refused(docs_put(&d, "c", "4", "{\"a\": null}"), EEXIST, "{ a: null }");
	ck_assert_str_eq(find("{\"a\": null}", NULL), "1 2 3 ");
	ck_assert_str_eq(find("{}", "{\"a\": 1, \"_id\": 1}"), "1 2 3 ");
	ck_has(docs_explain(&d, "c", "{\"a\": {\"$gt\": 1}}", NULL), "\"indexName\":\"a_1\"");
}
END_TEST

START_TEST(test_parallel_arrays_are_refused)
{
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1, \"b\": 1}}]"));
	ck_refused(docs_put(&d, "c", "1", "{\"a\": [1], \"b\": [2]}"), EINVAL,
		"cannot index parallel arrays [b] [a]");
	ck_assert_str_eq(docs_names(&d, "c"), "");
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": [1, 2], \"b\": 2}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": 1, \"b\": [3, 4]}"));
	ck_assert_str_eq(find("{\"a\": {\"$gte\": 1}}", NULL), "1 2 ");
}
END_TEST

/* ---- plans ---- */

START_TEST(test_a_plan_says_what_it_does)
{
	for (int i = 0; i < 20; i++) {
		char name[8];
		char text[64];
		snprintf(name, sizeof(name), "%d", i);
		snprintf(text, sizeof(text), "{\"a\": %d, \"b\": %d}", i % 5, i);
		docs_ok(&d, docs_put(&d, "c", name, text));
	}
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1, \"b\": -1}}]"));
	ck_has(docs_explain(&d, "c", "{\"b\": 3}", NULL), "\"stage\":\"COLLSCAN\"");
	ck_has(docs_explain(&d, "c", "{\"b\": 3}", NULL), "\"docsExamined\":20,\"nReturned\":1");
	ck_has(docs_explain(&d, "c", "{\"_id\": 3}", NULL), "\"indexName\":\"_id_\"");
	ck_has(docs_explain(&d, "c", "{\"_id\": 3}", NULL), "\"docsExamined\":1,");
	ck_has(docs_explain(&d, "c", "{\"a\": 2}", NULL),
		"{\"stage\":\"FETCH\",\"inputStage\":{\"stage\":\"IXSCAN\",\"keyPattern\":{\"a\":1,"
		"\"b\":-1},\"indexName\":\"a_1_b_-1\",\"isMultiKey\":false,\"isUnique\":false,"
		"\"isSparse\":false,\"isPartial\":false,\"direction\":\"forward\",\"indexBounds\":"
		"{\"a\":[\"[2, 2]\"],\"b\":[\"[MinKey, MaxKey]\"]},\"keysExamined\":4},"
		"\"docsExamined\":4,\"nReturned\":4}");
	ck_has(docs_explain(&d, "c", "{\"a\": 2, \"b\": {\"$gt\": 10}}", NULL),
		"\"keysExamined\":2}");
	/* The order of an index, forwards, backwards, behind one value; and another. */
	ck_assert_str_eq(find("{\"a\": 2}", "{\"b\": 1}"), "2 7 12 17 ");
	ck_has(docs_explain(&d, "c", "{\"a\": 2}", "{\"b\": 1}"), "\"direction\":\"backward\"");
	ck_assert_str_eq(
		find("{\"a\": {\"$lt\": 2}}", "{\"a\": 1, \"b\": -1}"), "15 10 5 0 16 11 6 1 ");
	ck_has(docs_explain(&d, "c", "{}", "{\"a\": -1, \"b\": 1}"), "\"indexName\":\"a_1_b_-1\"");
	ck_has(docs_explain(&d, "c", "{}", "{\"b\": 1}"), "\"stage\":\"SORT\"");
	ck_has(docs_explain(&d, "c", "{}", "{\"_id\": -1}"), "\"direction\":\"backward\"");
	ck_has(docs_explain(&d, "none", "{}", NULL), "\"stage\":\"EOF\"");
}
END_TEST

START_TEST(test_the_smaller_range_is_taken)
{
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}}, {\"key\": {\"b\": 1}}]"));
	for (int i = 0; i < 30; i++) {
		char name[8];
		char text[64];
		snprintf(name, sizeof(name), "%d", i);
		snprintf(text, sizeof(text), "{\"a\": %d, \"b\": %d}", i % 2, i % 10);
		docs_ok(&d, docs_put(&d, "c", name, text));
	}
	ck_has(docs_explain(&d, "c", "{\"a\": 1, \"b\": 3}", NULL), "\"indexName\":\"b_1\"");
	ck_has(docs_explain(&d, "c", "{\"a\": {\"$gt\": 1}, \"b\": 3}", NULL),
		"\"indexName\":\"a_1\"");
}
END_TEST

START_TEST(test_a_partial_index_serves_what_it_holds)
{
	docs_ok(&d, docs_index(&d, "c",
			    "[{\"key\": {\"a\": 1}, "
			    "\"partialFilterExpression\": {\"b\": {\"$gt\": 5}}}]"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1, \"b\": 1}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": 1, \"b\": 9}"));
	ck_has(docs_explain(&d, "c", "{\"a\": 1}", NULL), "COLLSCAN");
	ck_assert_str_eq(find("{\"a\": 1}", NULL), "1 2 ");
	ck_has(docs_explain(&d, "c", "{\"a\": 1, \"b\": {\"$gt\": 7}}", NULL), "IXSCAN");
	ck_assert_str_eq(find("{\"a\": 1, \"b\": {\"$gt\": 7}}", NULL), "2 ");
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": 1, \"b\": 2}"));
	ck_assert_str_eq(find("{\"a\": 1, \"b\": {\"$gt\": 7}}", NULL), "");
}
END_TEST

/* ---- arrays ---- */

START_TEST(test_an_array_does_not_give_a_document_twice)
{
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}}]"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": [3, 1, 2, 2]}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": [5, 0]}"));
	docs_ok(&d, docs_put(&d, "c", "3", "{\"a\": []}"));
	docs_ok(&d, docs_put(&d, "c", "4", "{}"));
	ck_assert_str_eq(find("{\"a\": {\"$gte\": 1}}", NULL), "1 2 ");
	ck_assert_str_eq(find("{\"a\": {\"$gt\": 3, \"$lt\": 5}}", NULL), "2 ");
	ck_assert_str_eq(find("{\"a\": []}", NULL), "3 ");
	ck_assert_str_eq(find("{\"a\": [5, 0]}", NULL), "2 ");
	ck_assert_str_eq(find("{}", "{\"a\": 1}"), "3 4 2 1 ");
	ck_assert_str_eq(find("{}", "{\"a\": -1}"), "2 1 4 3 ");
	ck_has(docs_explain(&d, "c", "{}", "{\"a\": -1}"), "IXSCAN");
	/* Bounds cut the array: its least element no longer leads. */
	ck_has(docs_explain(&d, "c", "{\"a\": {\"$gte\": 1}}", "{\"a\": 1}"), "SORT");
}
END_TEST

START_TEST(test_two_elements_meet_two_conditions)
{
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a.b\": 1, \"a.c\": 1}}]"));
	docs_ok(&d,
		docs_put(&d, "c", "1", "{\"a\": [{\"b\": 1, \"c\": 2}, {\"b\": 3, \"c\": 4}]}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": {\"b\": 1, \"c\": 4}}"));
	ck_assert_str_eq(find("{\"a.b\": 1, \"a.c\": 4}", NULL), "1 2 ");
	ck_has(docs_explain(&d, "c", "{\"a.b\": 1, \"a.c\": 4}", NULL), "IXSCAN");
}
END_TEST

/* ---- at random ---- */

static void put_value(struct buf *text, int depth)
{
	static const char *const plain[] = {"0", "1", "2", "3.5", "-1", "\"x\"", "\"y\"", "\"\"",
		"null", "true", "{\"$date\": \"2020-01-01T00:00:00Z\"}", "{\"$numberLong\": \"2\"}",
		"{\"$numberDecimal\": \"1.0\"}", "{\"$minKey\": 1}", "{\"$numberDouble\": \"NaN\"}",
		"{\"$oid\": \"507d95d5719dbef170f15bf9\"}", "{}", "[]"};
	int kind = rng() % 10;
	int n = rng() % 4;

	if (depth > 2 || kind < 6) {
		buf_puts(text, plain[(size_t)rng() % (sizeof(plain) / sizeof(plain[0]))]);
	} else if (kind < 8) {
		buf_putc(text, '[');
		for (int i = 0; i < n; i++) {
			buf_puts(text, i > 0 ? ", " : "");
			put_value(text, depth + 1);
		}
		buf_putc(text, ']');
	} else {
		buf_puts(text, "{\"b\": ");
		put_value(text, depth + 1);
		buf_puts(text, ", \"c\": ");
		put_value(text, depth + 1);
		buf_putc(text, '}');
	}
}

static void put_document(struct buf *text)
{
	buf_clear(text);
	buf_putc(text, '{');
	for (int i = 0; i < 3; i++) {
		if (rng() % 5 > 0) {
			buf_printf(text, "%s\"%c\": ", text->n > 1 ? ", " : "", 'a' + i);
			put_value(text, i == 1 ? 3 : 0); /* b is no array: compound keys can be */
		}
	}
	buf_putc(text, '}');
}

static void put_condition(struct buf *text)
{
	static const char *const ops[] = {"$eq", "$gt", "$gte", "$ne", "$lt", "$lte"};
	int kind = rng() % 8;

	if (kind < 5) {
		int op = rng() % 6;
		buf_printf(text, "{\"%s\": ", ops[op]);
		put_value(text, 1);
		if (op < 4 && rng() % 3 == 0) {
			buf_printf(text, ", \"%s\": ", ops[4 + rng() % 2]);
			put_value(text, 2);
		}
	} else if (kind == 5) {
		buf_printf(text, "{\"$exists\": %s", rng() % 2 ? "true" : "false");
	} else if (kind == 6) {
		buf_puts(text, "{\"$in\": [");
		put_value(text, 1);
		buf_puts(text, ", ");
		put_value(text, 2);
		buf_putc(text, ']');
	} else {
		buf_puts(text, "{\"$elemMatch\": {\"$gte\": ");
		put_value(text, 3);
		buf_putc(text, '}');
	}
	buf_putc(text, '}');
}

static void put_filter(struct buf *text)
{
	static const char *const paths[] = {
		"a", "b", "c", "a.b", "a.c", "c.b", "a.0", "a.0.b", "_id"};
	int n = 1 + rng() % 3;

	buf_clear(text);
	buf_putc(text, '{');
	for (int i = 0, last = -1; i < n; i++) {
		int p = rng() % 9;
		if (p > last) {
			buf_printf(text, "%s\"%s\": ", last >= 0 ? ", " : "", paths[p]);
			put_condition(text);
			last = p;
		}
	}
	buf_putc(text, '}');
}

static const char *const index_sets[] = {
	"[{\"key\": {\"a\": 1}}, {\"key\": {\"b\": -1}}, {\"key\": {\"c\": 1}}]",
	"[{\"key\": {\"a\": -1}}, {\"key\": {\"a.b\": 1}}, {\"key\": {\"b\": 1}}]",
	"[{\"key\": {\"a\": 1, \"b\": -1}}, {\"key\": {\"c.b\": -1, \"b\": 1}}]",
	"[{\"key\": {\"a.b\": 1, \"a.c\": -1}}, {\"key\": {\"b\": 1, \"a.c\": 1}}]",
	"[{\"key\": {\"a\": 1}, \"sparse\": true}, {\"key\": {\"a.b\": -1, \"b\": 1}, "
	"\"sparse\": true}]",
	"[{\"key\": {\"a\": 1}, \"partialFilterExpression\": {\"b\": {\"$gte\": 1}}}, "
	"{\"key\": {\"c\": -1}, \"partialFilterExpression\": {\"a\": {\"$exists\": true}}}]",
	"[{\"key\": {\"a.0\": 1}}, {\"key\": {\"a.0.b\": -1}}, {\"key\": {\"b\": 1, \"a.0\": 1}}]",
	"[{\"key\": {\"c\": 1, \"c.b\": 1}}, {\"key\": {\"a\": 1, \"_id\": -1}}]",
};
#define N_SETS (int)(sizeof(index_sets) / sizeof(index_sets[0]))

static int fill_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct buf text = BUF_INIT;
	struct engine_info info;
	int rc = 0;

	for (int i = 0; i < *(int *)arg; i++) {
		char name[16];
		snprintf(name, sizeof(name), "%d", rng() % 100);
		put_document(&text);
		struct err why = {0};
		rc = docdb_doc_write(c, slice_of("c"), slice_of(name), buf_slice(&text),
			ENGINE_VERSION_ANY, DOCDB_RELAXED, &info, &why);
		/* Parallel arrays: refused, and nothing else. */
		ck_assert_msg(rc == 0 || rc == -EINVAL, "%s: %s", buf_cstr(&text), why.msg);
	}
	(void)err;
	buf_free(&text);
	return 0;
}

START_TEST(test_plans_find_what_looking_at_all_finds)
{
	static const char *const sorts[] = {"{\"a\": 1}", "{\"a\": -1}", "{\"b\": 1}",
		"{\"a\": 1, \"b\": -1}", "{\"a.b\": 1, \"a.c\": -1}", "{\"b\": -1, \"_id\": 1}",
		"{\"c.b\": 1, \"b\": -1}", "{\"_id\": -1}"};
	struct buf filter = BUF_INIT;
	struct buf slow = BUF_INIT;
	unsigned n_used = 0;

	rng_seed((unsigned)_i + 1);
	docs_ok(&d, docs_index(&d, "c", index_sets[_i % N_SETS]));
	for (int round = 0; round < 4; round++) {
		int n = 60;
		docs_ok(&d, docs_write(&d, fill_fn, &n));
		docs_check(&d);
		for (int k = 0; k < 60; k++) {
			put_filter(&filter);
			buf_clear(&slow);
			docs_ok(&d, docs_find_slowly(&d, "c", buf_cstr(&filter), &slow));
			ck_assert_msg(strcmp(find(filter.p, NULL), buf_cstr(&slow)) == 0,
				"%s: %s instead of %s\n%s", filter.p, out.p, slow.p,
				docs_explain(&d, "c", filter.p, NULL));
			/* Sorted, all of them, and in that order: the fixture looks. */
			size_t n_out = slow.n;
			ck_assert_uint_eq(strlen(find(filter.p, sorts[rng() % 8])), n_out);
			n_used += strstr(docs_explain(&d, "c", filter.p, NULL), "IXSCAN") != NULL;
		}
	}
	ck_assert_uint_gt(n_used, 20);
	buf_free(&filter);
	buf_free(&slow);
}
END_TEST

/* ---- TTL ---- */

#define DAY INT64_C(86400000)

START_TEST(test_old_documents_go)
{
	uint64_t n;

	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"t\": -1}, \"expireAfterSeconds\": 60}]"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"t\": {\"$date\": {\"$numberLong\": \"1000\"}}}"));
	docs_ok(&d, docs_put(&d, "c", "2",
			    "{\"t\": [{\"$date\": {\"$numberLong\": \"99000000\"}}, 5, "
			    "{\"$date\": {\"$numberLong\": \"2000\"}}]}"));
	docs_ok(&d, docs_put(&d, "c", "3", "{\"t\": 0}"));
	docs_ok(&d, docs_put(&d, "c", "4", "{}"));
	docs_ok(&d, docs_put(&d, "c", "5", "{\"t\": {\"$date\": {\"$numberLong\": \"-1\"}}}"));
	docs_ok(&d, docs_expire(&d, 60000, 100, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(docs_names(&d, "c"), "1 2 3 4 ");
	docs_ok(&d, docs_expire(&d, 60999, 100, &n));
	ck_assert_uint_eq(n, 0);
	docs_ok(&d, docs_expire(&d, 62000, 1, &n));
	ck_assert_uint_eq(n, 1);
	docs_ok(&d, docs_expire(&d, DAY, 100, &n));
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(docs_names(&d, "c"), "3 4 ");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_index");
	TCase *t = tcase_create("index");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_definitions_are_read_as_written);
	tcase_add_test(t, test_bad_definitions_are_refused);
	tcase_add_test(t, test_a_unique_index_names_the_key);
	tcase_add_test(t, test_a_unique_index_over_duplicates_is_not_made);
	tcase_add_test(t, test_a_sparse_unique_index_leaves_out_what_has_no_field);
	tcase_add_test(t, test_parallel_arrays_are_refused);
	tcase_add_test(t, test_a_plan_says_what_it_does);
	tcase_add_test(t, test_the_smaller_range_is_taken);
	tcase_add_test(t, test_a_partial_index_serves_what_it_holds);
	tcase_add_test(t, test_an_array_does_not_give_a_document_twice);
	tcase_add_test(t, test_two_elements_meet_two_conditions);
	tcase_add_loop_test(t, test_plans_find_what_looking_at_all_finds, 0, 2 * N_SETS);
	tcase_add_test(t, test_old_documents_go);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
