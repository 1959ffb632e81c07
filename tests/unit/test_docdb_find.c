/* The table of find: filters, sorts, projections, each with what the service's manual says
 * comes out (docdb_find_cases.jsonl). A line with "set" has documents, those with "on" a
 * query over them. */
#include <check.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/update/project.h"
#include "tests/unit/docdb_cases.h"
#include "tests/unit/fixture.h"

#define ROWS_MAX 64

struct rows {
	struct slice at[ROWS_MAX];
	size_t n;
};

static struct buf set_text; /* the line with the documents */
static struct rows set;
static unsigned n_cases;

static void use_set(struct slice line)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	buf_clear(&set_text);
	buf_append_slice(&set_text, line);
	set.n = 0;
	doc_iter_init(&it, member(buf_slice(&set_text), "documents").raw);
	while (doc_next(&it, &name, &v)) {
		ck_assert(set.n < ROWS_MAX);
		set.at[set.n++] = v.raw;
	}
}

/* ---- running ---- */

static int compare_rows(struct slice sort, struct slice a, struct slice b)
{
	struct doc_iter it;
	struct slice path;
	struct doc_value direction;
	int order = 0;
	doc_iter_init(&it, sort);
	while (order == 0 && doc_next(&it, &path, &direction)) {
		bool descending = doc_double(direction) < 0;
		order = doc_compare(
			doc_sort_value(a, path, descending), doc_sort_value(b, path, descending));
		order = descending ? -order : order;
	}
	return order;
}

/* By insertion: equal ones stay in order. */
static void sort_rows(struct rows *rows, struct slice sort)
{
	for (size_t i = 1; i < rows->n; i++) {
		struct slice x = rows->at[i];
		size_t k = i;
		for (; k > 0 && compare_rows(sort, rows->at[k - 1], x) > 0; k--) {
			rows->at[k] = rows->at[k - 1];
		}
		rows->at[k] = x;
	}
}

static void cut_rows(struct rows *rows, struct slice line)
{
	int64_t skip = 0;
	int64_t limit = 0;
	doc_as_int64(member(line, "skip"), &skip);
	doc_as_int64(member(line, "limit"), &limit);
	size_t begin = (size_t)skip < rows->n ? (size_t)skip : rows->n;
	rows->n -= begin;
	for (size_t i = 0; i < rows->n; i++) {
		rows->at[i] = rows->at[begin + i];
	}
	rows->n = limit > 0 && (size_t)limit < rows->n ? (size_t)limit : rows->n;
}

static int find(
	struct slice line, const struct doc_match *match, struct rows *rows, struct err *err)
{
	rows->n = 0;
	for (size_t i = 0; i < set.n; i++) {
		int r = doc_matches(match, set.at[i], err);
		if (r < 0) {
			return r;
		}
		if (r > 0) {
			rows->at[rows->n++] = set.at[i];
		}
	}
	if (member(line, "sort").type != BSON_TYPE_EOD) {
		sort_rows(rows, member(line, "sort").raw);
	}
	cut_rows(rows, line);
	return 0;
}

/* The results as an array: of _ids, or of documents through the projection. */
static int collect(struct slice line, const struct doc_match *match, const struct rows *rows,
	struct buf *out, struct err *err)
{
	struct doc_project *project = NULL;
	struct doc_value spec = member(line, "projection");
	int r = spec.type != BSON_TYPE_EOD ? doc_project_new(spec.raw, true, &project, err) : 0;
	size_t at = doc_begin(out);
	for (size_t i = 0; r == 0 && i < rows->n; i++) {
		CLEANUP(buf_free) struct buf one = BUF_INIT;
		if (project == NULL) {
			doc_put_index(out, (unsigned)i, member(rows->at[i], "_id"));
			continue;
		}
		r = doc_project_apply(project, rows->at[i], match, &one, err);
		doc_put_index(out, (unsigned)i, doc_value_of(buf_slice(&one)));
	}
	doc_end(out, at);
	doc_project_free(project);
	return r;
}

static int run(struct slice line, struct buf *out, struct err *err)
{
	struct doc_match *match;
	struct rows rows;
	struct doc_value filter = member(line, "filter");
	struct slice empty = slice_make("\5\0\0\0", 5);
	int r = doc_match_new(filter.type != BSON_TYPE_EOD ? filter.raw : empty, &match, err);
	if (r < 0) {
		return r;
	}
	r = find(line, match, &rows, err);
	r = r < 0 ? r : collect(line, match, &rows, out, err);
	doc_match_free(match);
	return r;
}

static void run_case(struct slice line)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	const char *name = text_of(line, "name");
	if (member(line, "set").type != BSON_TYPE_EOD) {
		use_set(line);
		return;
	}
	n_cases++;
	int r = run(line, &out, &err);
	const char *error = text_of(line, "error");
	if (error[0] != '\0') {
		ck_assert_msg(r == -EINVAL, "%s: not refused", name);
		ck_assert_str_eq(err.msg, error);
		return;
	}
	ck_assert_msg(r == 0, "%s: %s", name, err.msg);
	struct doc_value wanted = member(line, "ids");
	wanted = wanted.type != BSON_TYPE_EOD ? wanted : member(line, "documents");
	check_same(name, (struct doc_value){BSON_TYPE_ARRAY, buf_slice(&out)}, wanted);
}

START_TEST(test_find_cases)
{
	each_case("docdb_find_cases.jsonl", run_case);
	ck_assert_uint_ge(n_cases, 150);
	buf_free(&set_text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_find");
	TCase *t = tcase_create("cases");
	tcase_add_test(t, test_find_cases);
	suite_add_tcase(s, t);
	return run_suite(s);
}
