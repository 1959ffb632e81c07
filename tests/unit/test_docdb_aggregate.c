/* Pipelines: a table of cases (docdb_aggregate_cases.jsonl), each run as it is, over a collection
 * that sorts and counts by itself, and with stages in front that keep it from doing so. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/docdb_cases.h"
#include "tests/unit/docdb_reach.h"
#include "tests/unit/fixture.h"

static struct memory_reach memory;
static struct buf kept[MEMORY_COLLECTIONS];
static unsigned n_cases;
static unsigned n_bad;

static void add_set(struct slice line)
{
	struct doc_value name = member(line, "set");
	struct buf *b = &kept[memory.n];
	buf_append_slice(b, line);
	memory_reach_add(&memory,
		doc_string((struct doc_value){
			name.type, doc_field(buf_slice(b), slice_of("set")).raw}),
		doc_field(buf_slice(b), slice_of("documents")).raw);
}

static void show(const char *what, struct slice array)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	ejson_print_value(
		(struct doc_value){BSON_TYPE_ARRAY, array}, EJSON_CANONICAL, false, &text);
	fprintf(stderr, "  %s %s\n", what, buf_cstr(&text));
}

static void check_results(struct slice line, struct doc_value query, const char *form)
{
	CLEANUP(buf_free) struct buf found = BUF_INIT;
	struct doc_value wanted = member(line, "is");
	const char *error = text_of(line, "error");
	struct err err = {0};
	int r = memory_query(&memory, "/tmp", query, &found, &err);
	ck_assert_int_eq(r, -err.code);
	if (error[0] != '\0') {
		if (r == -EINVAL && strstr(err.msg, error) != NULL) {
			return;
		}
	} else if (r == 0 && slice_equal(buf_slice(&found), wanted.raw)) {
		return;
	}
	n_bad++;
	fprintf(stderr, "%s (%s): %s\n", text_of(line, "name"), form, err.msg);
	show("is    ", buf_slice(&found));
	if (wanted.type == BSON_TYPE_ARRAY) {
		show("wanted", wanted.raw);
	}
}

/* A stage that lets everything through, so that nothing is left to the collection. */
static void check_behind_a_stage(struct slice line, struct doc_value query)
{
	CLEANUP(buf_free) struct buf longer = BUF_INIT;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;
	size_t start = doc_begin(&longer);
	size_t one = doc_put_index_begin(&longer, n++, BSON_TYPE_DOCUMENT);
	char zero[8] = {0};
	doc_put(&longer, slice_of("$skip"),
		(struct doc_value){BSON_TYPE_INT64, slice_make(zero, 8)});
	doc_end(&longer, one);
	doc_iter_init(&it, query.raw);
	while (doc_next(&it, &name, &v)) {
		doc_put_index(&longer, n++, v);
	}
	doc_end(&longer, start);
	check_results(
		line, (struct doc_value){BSON_TYPE_ARRAY, buf_slice(&longer)}, "behind a stage");
}

static void run_case(struct slice line)
{
	struct doc_value query = member(line, "query");
	if (member(line, "set").type != BSON_TYPE_EOD) {
		add_set(line);
		return;
	}
	n_cases++;
	memory.main = 0;
	while (!slice_is(memory.at[memory.main].name, text_of(line, "on"))) {
		memory.main++;
		ck_assert_uint_lt(memory.main, memory.n);
	}
	memory.sorts = memory.counts = false;
	check_results(line, query, "plain");
	memory.sorts = memory.counts = true;
	check_results(line, query, "helped by the collection");
	if (query.type == BSON_TYPE_ARRAY) {
		check_behind_a_stage(line, query);
	}
}

START_TEST(test_the_table_of_cases)
{
	each_case("docdb_aggregate_cases.jsonl", run_case);
	ck_assert_uint_ge(n_cases, 100);
	ck_assert_uint_eq(n_bad, 0);
	for (unsigned i = 0; i < MEMORY_COLLECTIONS; i++) {
		buf_free(&kept[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_aggregate");
	TCase *t = tcase_create("docdb_aggregate");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_the_table_of_cases);
	suite_add_tcase(s, t);
	return run_suite(s);
}
