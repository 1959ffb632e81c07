/* Pipelines against a second opinion: rows of plain C values at random, results worked out from
 * them by the most naive loops, built as BSON by libbson. Shares no code with what is tested. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/docdb/pipeline/pipeline.h"
#include "tests/unit/docdb_json.h"
#include "tests/unit/docdb_reach.h"
#include "tests/unit/fixture.h"

#define ROWS_MAX 40
#define TAGS_MAX 4
#define ROUNDS	 300

enum kind { NONE, NOTHING, INTEGER, REAL, TEXT };

struct value {
	enum kind kind;
	int n; /* INTEGER; halves of a REAL; a TEXT's letter */
};

struct row {
	int id;
	struct value k, v;
	int n_tags; /* -1: no such field; -2: a number instead */
	int tags[TAGS_MAX];
};

struct table {
	struct row at[ROWS_MAX];
	int n;
};

static uint64_t seed = 1;

static int below(int n)
{
	seed = seed * 6364136223846793005U + 1442695040888963407U;
	return (int)((seed >> 33) % (uint64_t)n);
}

static struct value random_one(void)
{
	enum kind kind = (enum kind)below(5);
	return (struct value){kind, kind == TEXT ? below(3) : below(7) - 2};
}

static void fill(struct table *t)
{
	t->n = below(ROWS_MAX + 1);
	for (int i = 0; i < t->n; i++) {
		struct row *r = &t->at[i];
		*r = (struct row){.id = i, .k = random_one(), .v = random_one()};
		r->n_tags = below(TAGS_MAX + 3) - 2;
		for (int k = 0; k < TAGS_MAX; k++) {
			r->tags[k] = below(8);
		}
	}
}

/* ---- as BSON ---- */

static void put(bson_t *b, const char *name, struct value v)
{
	char text[2] = {(char)('a' + v.n), '\0'};
	switch (v.kind) {
	case NONE: break;
	case NOTHING: bson_append_null(b, name, -1); break;
	case INTEGER: bson_append_int32(b, name, -1, v.n); break;
	case REAL: bson_append_double(b, name, -1, v.n / 2.0); break;
	case TEXT: bson_append_utf8(b, name, -1, text, 1); break;
	}
}

static void put_tags(bson_t *b, const struct row *r)
{
	bson_t array;
	char name[12];
	if (r->n_tags == -2) {
		bson_append_int32(b, "tags", -1, r->tags[0]);
	}
	if (r->n_tags < 0) {
		return;
	}
	bson_append_array_begin(b, "tags", -1, &array);
	for (int i = 0; i < r->n_tags; i++) {
		snprintf(name, sizeof(name), "%d", i);
		bson_append_int32(&array, name, -1, r->tags[i]);
	}
	bson_append_array_end(b, &array);
}

static void put_row(bson_t *b, const struct row *r)
{
	bson_append_int32(b, "_id", -1, r->id);
	put(b, "k", r->k);
	put(b, "v", r->v);
	put_tags(b, r);
}

/* An array of documents under construction. */
struct results {
	bson_t array;
	bson_t one;
	char name[12];
	unsigned n;
};

static bson_t *next(struct results *r)
{
	snprintf(r->name, sizeof(r->name), "%u", r->n++);
	bson_append_document_begin(&r->array, r->name, -1, &r->one);
	return &r->one;
}

static void done(struct results *r)
{
	bson_append_document_end(&r->array, &r->one);
}

static void all_rows(const struct table *t, struct results *out)
{
	for (int i = 0; i < t->n; i++) {
		put_row(next(out), &t->at[i]);
		done(out);
	}
}

/* ---- the comparison ---- */

typedef void naive_fn(const struct table *t, struct results *out);

static void check_round(const struct table *t, const char *query, naive_fn *naive, bool helped)
{
	struct results documents = {.n = 0};
	struct results wanted = {.n = 0};
	struct memory_reach m = {.sorts = helped, .counts = helped};
	struct buf found = BUF_INIT;
	struct err err = {0};
	char wrapped[1000];
	bson_init(&documents.array);
	bson_init(&wanted.array);
	all_rows(t, &documents);
	naive(t, &wanted);
	memory_reach_add(&m, slice_of("c"), json_bytes(&documents.array));
	snprintf(wrapped, sizeof(wrapped), "{\"q\": %s}", query);
	bson_t *q = json_document(slice_of(wrapped));
	int r = memory_query(&m, "/tmp", doc_field(json_bytes(q), slice_of("q")), &found, &err);
	ck_assert_msg(r == 0, "%s: %s", query, err.msg);
	ck_assert_msg(
		json_same((struct doc_value){BSON_TYPE_ARRAY, buf_slice(&found)},
			(struct doc_value){BSON_TYPE_ARRAY, json_bytes(&wanted.array)}, query),
		"%s", query);
	bson_destroy(q);
	bson_destroy(&documents.array);
	bson_destroy(&wanted.array);
	buf_free(&found);
}

static void check_all(const char *query, naive_fn *naive)
{
	struct table t;
	for (int i = 0; i < ROUNDS; i++) {
		fill(&t);
		check_round(&t, query, naive, i % 2 == 1);
	}
}

/* ---- order ---- */

static int rank(struct value v)
{
	return v.kind == TEXT ? 2 : v.kind == INTEGER || v.kind == REAL ? 1 : 0;
}

static double number(struct value v)
{
	return v.kind == REAL ? v.n / 2.0 : v.n;
}

static int order(struct value a, struct value b)
{
	if (rank(a) != rank(b)) {
		return rank(a) - rank(b);
	}
	if (rank(a) == 0) {
		return 0;
	}
	return number(a) < number(b) ? -1 : number(a) > number(b);
}

static void sort_rows(struct table *t, int direction)
{
	for (int i = 1; i < t->n; i++) {
		for (int k = i; k > 0; k--) {
			if (direction * order(t->at[k - 1].v, t->at[k].v) <= 0) {
				break;
			}
			struct row other = t->at[k];
			t->at[k] = t->at[k - 1];
			t->at[k - 1] = other;
		}
	}
}

/* ---- stages ---- */

static void naive_match(const struct table *t, struct results *out)
{
	for (int i = 0; i < t->n; i++) {
		const struct row *r = &t->at[i];
		if ((rank(r->v) == 1 && number(r->v) >= 1) || r->k.kind == TEXT) {
			put_row(next(out), r);
			done(out);
		}
	}
}

START_TEST(test_match)
{
	check_all("[{\"$match\": {\"$or\": [{\"v\": {\"$gte\": 1}}, {\"k\": {\"$in\": [\"a\", "
		  "\"b\", \"c\"]}}]}}]",
		naive_match);
}
END_TEST

static void naive_sort(const struct table *t, struct results *out)
{
	struct table copy = *t;
	sort_rows(&copy, 1);
	all_rows(&copy, out);
}

START_TEST(test_sort)
{
	check_all("[{\"$sort\": {\"v\": 1}}]", naive_sort);
}
END_TEST

static void naive_top(const struct table *t, struct results *out)
{
	struct table copy = *t;
	sort_rows(&copy, -1);
	for (int i = 2; i < copy.n && i < 7; i++) {
		put_row(next(out), &copy.at[i]);
		done(out);
	}
}

START_TEST(test_sort_skip_limit)
{
	check_all("[{\"$sort\": {\"v\": -1}}, {\"$skip\": 2}, {\"$limit\": 5}]", naive_top);
}
END_TEST

static void naive_unwind(const struct table *t, struct results *out)
{
	for (int i = 0; i < t->n; i++) {
		struct row r = t->at[i];
		int n = r.n_tags == -2 ? 1 : r.n_tags;
		for (int k = 0; k < n; k++) {
			bson_t *b = next(out);
			bson_append_int32(b, "_id", -1, r.id);
			put(b, "k", r.k);
			put(b, "v", r.v);
			bson_append_int32(b, "tags", -1, r.tags[k]);
			done(out);
		}
	}
}

START_TEST(test_unwind)
{
	check_all("[{\"$unwind\": \"$tags\"}]", naive_unwind);
}
END_TEST

static void naive_unwind_all(const struct table *t, struct results *out)
{
	for (int i = 0; i < t->n; i++) {
		struct row r = t->at[i];
		int n = r.n_tags <= 0 ? 1 : r.n_tags;
		for (int k = 0; k < n; k++) {
			bson_t *b = next(out);
			bson_append_int32(b, "_id", -1, r.id);
			put(b, "k", r.k);
			put(b, "v", r.v);
			if (r.n_tags > 0 || r.n_tags == -2) {
				bson_append_int32(b, "tags", -1, r.tags[k]);
			}
			if (r.n_tags > 0) {
				bson_append_int64(b, "i", -1, k);
			} else {
				bson_append_null(b, "i", -1);
			}
			done(out);
		}
	}
}

START_TEST(test_unwind_that_keeps)
{
	check_all("[{\"$unwind\": {\"path\": \"$tags\", \"preserveNullAndEmptyArrays\": true, "
		  "\"includeArrayIndex\": \"i\"}}]",
		naive_unwind_all);
}
END_TEST

static void naive_count(const struct table *t, struct results *out)
{
	if (t->n > 0) {
		bson_append_int32(next(out), "n", -1, t->n);
		done(out);
	}
}

START_TEST(test_count)
{
	check_all("[{\"$count\": \"n\"}]", naive_count);
}
END_TEST

static void naive_add_fields(const struct table *t, struct results *out)
{
	for (int i = 0; i < t->n; i++) {
		bson_t *b = next(out);
		struct row r = t->at[i];
		put_row(b, &r);
		if (rank(r.v) == 0 || rank(r.v) == 2) {
			bson_append_null(b, "twice", -1);
		} else {
			put(b, "twice",
				(struct value){r.v.kind, r.v.kind == REAL ? 2 * r.v.n : 2 * r.v.n});
		}
		done(out);
	}
}

START_TEST(test_add_fields)
{
	check_all("[{\"$addFields\": {\"twice\": {\"$cond\": [{\"$isNumber\": \"$v\"}, "
		  "{\"$multiply\": "
		  "[\"$v\", 2]}, null]}}}]",
		naive_add_fields);
}
END_TEST

static void naive_lookup(const struct table *t, struct results *out)
{
	for (int i = 0; i < t->n; i++) {
		const struct row *r = &t->at[i];
		bson_t *b = next(out);
		bson_t array;
		char name[12];
		int found = 0;
		bson_append_int32(b, "_id", -1, r->id);
		bson_append_array_begin(b, "f", -1, &array);
		for (int k = 0; k < t->n; k++) {
			bool wanted = false;
			for (int j = 0; j < (r->n_tags == -2 ? 1 : r->n_tags); j++) {
				wanted = wanted || r->tags[j] == t->at[k].id;
			}
			if (wanted) {
				snprintf(name, sizeof(name), "%d", found++);
				bson_append_int32(&array, name, -1, t->at[k].id);
			}
		}
		bson_append_array_end(b, &array);
		done(out);
	}
}

START_TEST(test_lookup)
{
	check_all("[{\"$lookup\": {\"from\": \"c\", \"localField\": \"tags\", \"foreignField\": "
		  "\"_id\", \"as\": \"f\"}}, {\"$project\": {\"f\": \"$f._id\"}}]",
		naive_lookup);
}
END_TEST

static void naive_union(const struct table *t, struct results *out)
{
	all_rows(t, out);
	for (int i = 0; i < t->n; i++) {
		if (t->at[i].id >= 5) {
			put_row(next(out), &t->at[i]);
			done(out);
		}
	}
}

START_TEST(test_union_with)
{
	check_all("[{\"$unionWith\": {\"coll\": \"c\", \"pipeline\": [{\"$match\": {\"_id\": "
		  "{\"$gte\": "
		  "5}}}]}}]",
		naive_union);
}
END_TEST

/* ---- accumulators ---- */

typedef void put_group_fn(const struct table *t, const int *members, int n, bson_t *b);

static bool same_group(struct value a, struct value b)
{
	return order(a, b) == 0 && rank(a) == rank(b);
}

/* Groups by k, in the order of their first rows. */
static void naive_groups(const struct table *t, struct results *out, put_group_fn *fn)
{
	for (int i = 0; i < t->n; i++) {
		int members[ROWS_MAX];
		int n = 0;
		bool first = true;
		for (int k = 0; k < t->n; k++) {
			if (same_group(t->at[i].k, t->at[k].k)) {
				first = first && k >= i;
				members[n++] = k;
			}
		}
		if (first) {
			bson_t *b = next(out);
			struct value id = t->at[i].k;
			put(b, "_id", id.kind == NONE ? (struct value){NOTHING, 0} : id);
			fn(t, members, n, b);
			done(out);
		}
	}
}

static void put_sum(const struct table *t, const int *members, int n, bson_t *b)
{
	bool real = false;
	double sum = 0;
	int numbers = 0;
	for (int i = 0; i < n; i++) {
		struct value v = t->at[members[i]].v;
		if (rank(v) == 1) {
			sum += number(v);
			numbers++;
			real = real || v.kind == REAL;
		}
	}
	if (real) {
		bson_append_double(b, "s", -1, sum);
	} else {
		bson_append_int32(b, "s", -1, (int)sum);
	}
	if (numbers == 0) {
		bson_append_null(b, "a", -1);
	} else {
		bson_append_double(b, "a", -1, sum / numbers);
	}
	bson_append_int32(b, "n", -1, n);
}

static void naive_sum(const struct table *t, struct results *out)
{
	naive_groups(t, out, put_sum);
}

START_TEST(test_sum_avg_count)
{
	check_all("[{\"$group\": {\"_id\": \"$k\", \"s\": {\"$sum\": \"$v\"}, \"a\": {\"$avg\": "
		  "\"$v\"}, \"n\": {\"$count\": {}}}}]",
		naive_sum);
}
END_TEST

static void put_extremes(const struct table *t, const int *members, int n, bson_t *b)
{
	struct value least = {NOTHING, 0};
	struct value most = {NOTHING, 0};
	for (int i = 0; i < n; i++) {
		struct value v = t->at[members[i]].v;
		if (rank(v) > 0 && (rank(least) == 0 || order(v, least) < 0)) {
			least = v;
		}
		if (rank(v) > 0 && (rank(most) == 0 || order(v, most) > 0)) {
			most = v;
		}
	}
	put(b, "min", least);
	put(b, "max", most);
}

static void naive_extremes(const struct table *t, struct results *out)
{
	naive_groups(t, out, put_extremes);
}

START_TEST(test_min_max)
{
	check_all(
		"[{\"$group\": {\"_id\": \"$k\", \"min\": {\"$min\": \"$v\"}, \"max\": {\"$max\": "
		"\"$v\"}}}]",
		naive_extremes);
}
END_TEST

static struct value shown(struct value v)
{
	return v.kind == NONE ? (struct value){NOTHING, 0} : v;
}

static void put_lists(const struct table *t, const int *members, int n, bson_t *b)
{
	bson_t array;
	char name[12];
	int given = 0;
	put(b, "first", shown(t->at[members[0]].v));
	put(b, "last", shown(t->at[members[n - 1]].v));
	bson_append_array_begin(b, "all", -1, &array);
	for (int i = 0; i < n; i++) {
		if (t->at[members[i]].v.kind != NONE) {
			snprintf(name, sizeof(name), "%d", given++);
			put(&array, name, t->at[members[i]].v);
		}
	}
	bson_append_array_end(b, &array);
}

static void naive_lists(const struct table *t, struct results *out)
{
	naive_groups(t, out, put_lists);
}

START_TEST(test_first_last_push)
{
	check_all("[{\"$group\": {\"_id\": \"$k\", \"first\": {\"$first\": \"$v\"}, \"last\": "
		  "{\"$last\": \"$v\"}, \"all\": {\"$push\": \"$v\"}}}]",
		naive_lists);
}
END_TEST

static void put_set(const struct table *t, const int *members, int n, bson_t *b)
{
	bson_t array;
	char name[12];
	int given = 0;
	bson_append_array_begin(b, "set", -1, &array);
	for (int i = 0; i < n; i++) {
		struct value v = t->at[members[i]].v;
		bool again = v.kind == NONE;
		for (int k = 0; k < i; k++) {
			struct value other = t->at[members[k]].v;
			again = again || (other.kind != NONE && same_group(v, other));
		}
		if (!again) {
			snprintf(name, sizeof(name), "%d", given++);
			put(&array, name, v);
		}
	}
	bson_append_array_end(b, &array);
}

static void naive_set(const struct table *t, struct results *out)
{
	naive_groups(t, out, put_set);
}

START_TEST(test_add_to_set)
{
	check_all("[{\"$group\": {\"_id\": \"$k\", \"set\": {\"$addToSet\": \"$v\"}}}]", naive_set);
}
END_TEST

static void naive_distinct(const struct table *t, struct results *out)
{
	bson_t *b = next(out);
	bson_t array;
	char name[12];
	int seen[8] = {0};
	int given = 0;
	bson_append_array_begin(b, "values", -1, &array);
	for (int i = 0; i < t->n; i++) {
		int n = t->at[i].n_tags == -2 ? 1 : t->at[i].n_tags;
		for (int k = 0; k < n; k++) {
			if (!seen[t->at[i].tags[k]]++) {
				snprintf(name, sizeof(name), "%d", given++);
				bson_append_int32(&array, name, -1, t->at[i].tags[k]);
			}
		}
	}
	bson_append_array_end(b, &array);
	done(out);
}

START_TEST(test_distinct)
{
	check_all("{\"distinct\": \"tags\"}", naive_distinct);
}
END_TEST

static void naive_bucket(const struct table *t, struct results *out)
{
	static const int low[] = {-5, 0, 2};
	static const int high[] = {0, 2, 100};
	int others = 0;
	for (int b = 0; b < 3; b++) {
		int n = 0;
		for (int i = 0; i < t->n; i++) {
			struct value v = t->at[i].v;
			n += rank(v) == 1 && number(v) >= low[b] && number(v) < high[b];
		}
		if (n > 0) {
			bson_t *one = next(out);
			bson_append_int32(one, "_id", -1, low[b]);
			bson_append_int32(one, "count", -1, n);
			done(out);
		}
		others += n;
	}
	if (others < t->n) {
		bson_t *one = next(out);
		bson_append_utf8(one, "_id", -1, "other", -1);
		bson_append_int32(one, "count", -1, t->n - others);
		done(out);
	}
}

START_TEST(test_bucket)
{
	check_all("[{\"$bucket\": {\"groupBy\": \"$v\", \"boundaries\": [-5, 0, 2, 100], "
		  "\"default\": "
		  "\"other\"}}]",
		naive_bucket);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_naive");
	TCase *t = tcase_create("docdb_naive");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_match);
	tcase_add_test(t, test_sort);
	tcase_add_test(t, test_sort_skip_limit);
	tcase_add_test(t, test_unwind);
	tcase_add_test(t, test_unwind_that_keeps);
	tcase_add_test(t, test_count);
	tcase_add_test(t, test_add_fields);
	tcase_add_test(t, test_lookup);
	tcase_add_test(t, test_union_with);
	tcase_add_test(t, test_sum_avg_count);
	tcase_add_test(t, test_min_max);
	tcase_add_test(t, test_first_last_push);
	tcase_add_test(t, test_add_to_set);
	tcase_add_test(t, test_distinct);
	tcase_add_test(t, test_bucket);
	suite_add_tcase(s, t);
	return run_suite(s);
}
