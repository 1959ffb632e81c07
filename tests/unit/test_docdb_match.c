/* Filters over random documents: against a naive evaluator; their intervals against the entries
 * that an index has; implications against both filters. */
#include <check.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/match/match.h"
#include "tests/unit/docdb_naive.h"
#include "tests/unit/fixture.h"
#include "tests/unit/stride.h"

#define ROUNDS	  (int)rounds(10000)
#define DOCUMENTS 8 /* for each filter */

static struct slice bytes_of(const bson_t *b)
{
	return slice_make(bson_get_data(b), b->len);
}

static void free_match(struct doc_match **m)
{
	doc_match_free(*m);
}

static void free_bson(bson_t **b)
{
	bson_destroy(*b);
}

static const char *shown(struct buf *out, const bson_t *b)
{
	ejson_print(bytes_of(b), EJSON_CANONICAL, false, out);
	return buf_cstr(out);
}

static struct doc_match *compile(const bson_t *filter)
{
	struct doc_match *m = NULL;
	struct err err = {0};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int r = doc_match_new(bytes_of(filter), &m, &err);
	ck_assert_msg(r == 0, "%s: %s", shown(&text, filter), err.msg);
	return m;
}

static void fail_with(const char *what, const bson_t *filter, const bson_t *document)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	ck_abort_msg(
		"%s\n  filter   %s\n  document %s", what, shown(&a, filter), shown(&b, document));
}

/* ---- matching ---- */

START_TEST(test_naive)
{
	unsigned matched = 0;
	naive_seed((unsigned)_i);
	for (int round = 0; round < ROUNDS; round++) {
		struct naive *filter = naive_random_filter(NULL);
		CLEANUP(free_bson) bson_t *filter_bson = naive_bson(filter);
		CLEANUP(free_match) struct doc_match *m = compile(filter_bson);
		for (int i = 0; i < DOCUMENTS; i++) {
			struct naive *document = naive_random_document();
			CLEANUP(free_bson) bson_t *bson = naive_bson(document);
			bool wanted = naive_matches(filter, document);
			matched += wanted;
			if (doc_matches(m, bytes_of(bson), NULL) != wanted) {
				fail_with(wanted ? "should match" : "should not match", filter_bson,
					bson);
			}
		}
		naive_forget();
	}
	ck_assert_uint_ge(matched, (unsigned)ROUNDS / 4);
	ck_assert_uint_lt(matched, (unsigned)ROUNDS * (DOCUMENTS - 1));
}
END_TEST

/* ---- intervals ---- */

struct entries {
	const struct doc_intervals *intervals;
	bool inside;
	bool arrays;
};

static bool above(const struct doc_interval *x, struct doc_value v)
{
	if (x->low.type == BSON_TYPE_EOD) {
		return doc_bracket(v.type) == doc_bracket(x->high.type);
	}
	int order = doc_compare(v, x->low);
	return x->low_open ? order > 0 : order >= 0;
}

static bool below(const struct doc_interval *x, struct doc_value v)
{
	if (x->high.type == BSON_TYPE_EOD) {
		return doc_bracket(v.type) == doc_bracket(x->low.type);
	}
	int order = doc_compare(v, x->high);
	return x->high_open ? order < 0 : order <= 0;
}

static void add_entry(struct entries *e, struct doc_value v)
{
	for (unsigned i = 0; i < e->intervals->n; i++) {
		const struct doc_interval *x = &e->intervals->at[i];
		e->inside = e->inside || (above(x, v) && below(x, v));
	}
}

/* A missing field's entry is null, an array's are its elements, an empty one's is undefined. */
static int add_entries(void *arg, struct doc_value v, bool through_array)
{
	struct entries *e = arg;
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	e->arrays = e->arrays || through_array || v.type == BSON_TYPE_ARRAY;
	if (v.type != BSON_TYPE_ARRAY) {
		add_entry(e, v.type == BSON_TYPE_EOD ? doc_make_null() : v);
		return 0;
	}
	if (doc_is_empty(v.raw)) {
		add_entry(e, (struct doc_value){BSON_TYPE_UNDEFINED, {"", 0}});
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &element)) {
		add_entry(e, element);
	}
	return 0;
}

static unsigned n_exact;
static unsigned n_planned;

/* `only`: the filter is about this path alone. */
static void check_intervals(const struct doc_match *m, const bson_t *filter, const bson_t *document,
	const char *path, bool only, bool arrays)
{
	struct doc_intervals intervals;
	if (!doc_match_intervals(m, slice_of(path), arrays, &intervals)) {
		return;
	}
	struct entries e = {.intervals = &intervals};
	doc_path_each(bytes_of(document), slice_of(path), add_entries, &e);
	if (e.arrays && !arrays) {
		return;
	}
	bool matches = doc_matches(m, bytes_of(document), NULL) > 0;
	n_planned += matches;
	if (matches && !e.inside) {
		fail_with("matches, but no entry is in the intervals", filter, document);
	}
	if (intervals.exact && only && e.inside) {
		n_exact++;
		if (!matches) {
			fail_with("an entry is in exact intervals, but does not match", filter,
				document);
		}
	}
}

START_TEST(test_intervals)
{
	naive_seed(1000 + (unsigned)_i);
	for (int round = 0; round < ROUNDS; round++) {
		const char *path = naive_random_path();
		bool only = round % 2 != 0;
		struct naive *filter = naive_random_filter(only ? path : NULL);
		CLEANUP(free_bson) bson_t *filter_bson = naive_bson(filter);
		CLEANUP(free_match) struct doc_match *m = compile(filter_bson);
		for (int i = 0; i < DOCUMENTS; i++) {
			CLEANUP(free_bson) bson_t *bson = naive_bson(naive_random_document());
			check_intervals(m, filter_bson, bson, path, only, true);
			check_intervals(m, filter_bson, bson, path, only, false);
		}
		naive_forget();
	}
	if (ROUNDS >= 10000) { /* else it is chance */
		ck_assert_uint_gt(n_planned, (unsigned)ROUNDS / 10);
		ck_assert_uint_gt(n_exact, (unsigned)ROUNDS / 200);
	}
}
END_TEST

/* ---- implications ---- */

START_TEST(test_implies)
{
	unsigned implied = 0;
	naive_seed(2000 + (unsigned)_i);
	for (int round = 0; round < 3 * ROUNDS; round++) {
		const char *path = naive_random_path();
		CLEANUP(free_bson) bson_t *a = naive_bson(naive_random_filter(path));
		CLEANUP(free_bson) bson_t *b = naive_bson(naive_random_filter(path));
		CLEANUP(free_match) struct doc_match *m = compile(a);
		CLEANUP(free_match) struct doc_match *wider = compile(b);
		ck_assert(doc_match_implies(m, m));
		if (!doc_match_implies(m, wider)) {
			naive_forget();
			continue;
		}
		implied++;
		for (int i = 0; i < 10 * DOCUMENTS; i++) {
			CLEANUP(free_bson) bson_t *bson = naive_bson(naive_random_document());
			if (doc_matches(m, bytes_of(bson), NULL) > 0 &&
				doc_matches(wider, bytes_of(bson), NULL) == 0) {
				fail_with("implied, but the wider does not match", a, bson);
			}
		}
		naive_forget();
	}
	ck_assert(implied > (unsigned)ROUNDS / 100 || ROUNDS < 10000);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_match");
	TCase *t = tcase_create("random");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_naive, 0, 3);
	tcase_add_loop_test(t, test_intervals, 0, 3);
	tcase_add_loop_test(t, test_implies, 0, 2);
	suite_add_tcase(s, t);
	return run_suite(s);
}
