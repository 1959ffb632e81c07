/* Arrays as sets: order and repetition do not count. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <stdlib.h>

/* Sorted, each once. */
struct set {
	struct expr_list list;
};

static int compare_values(const void *a, const void *b)
{
	const struct doc_value *x = a;
	const struct doc_value *y = b;
	int c = doc_compare(*x, *y);

	/* Of equal ones the first stays. */
	return c != 0 ? c : (x->raw.p > y->raw.p) - (x->raw.p < y->raw.p);
}

static void make_set(struct set *s)
{
	size_t n = 0;

	if (s->list.n > 1) {
		qsort(s->list.at, s->list.n, sizeof(*s->list.at), compare_values);
	}
	for (size_t i = 0; i < s->list.n; i++) {
		if (n == 0 || doc_compare(s->list.at[n - 1], s->list.at[i]) != 0) {
			s->list.at[n++] = s->list.at[i];
		}
	}
	s->list.n = n;
}

/* The one that is equal, NULL. */
static const struct doc_value *find(const struct set *s, struct doc_value v)
{
	size_t low = 0;
	size_t high = s->list.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = doc_compare(s->list.at[mid], v);
		if (c == 0) {
			return &s->list.at[mid];
		}
		if (c < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return NULL;
}

static bool has(const struct set *s, struct doc_value v)
{
	return find(s, v) != NULL;
}

/* A set of an argument; *null where that is null. Where `strict`, null is refused. */
static int set_arg(const struct doc_expr *e, unsigned i, struct expr_run *run, bool strict,
	struct doc_value *v, struct set *s, bool *null)
{
	int r = expr_arg(e, i, run, v);

	if (r != 0) {
		return r;
	}
	*null = expr_nullish(*v);
	if (*null && !strict) {
		return 0;
	}
	if (v->type != BSON_TYPE_ARRAY) {
		return err_set(run->err, EINVAL,
			"All operands of %s must be arrays. Argument %u is of type: %s",
			e->op->name, i + 1, expr_type_name(*v));
	}
	r = expr_list_fill(run, &s->list, v->raw);
	if (r == 0) {
		make_set(s);
	}
	return r;
}

static int eval_union(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct set all = {0};
	struct doc_value v;
	bool null;

	for (unsigned i = 0; i < e->n; i++) {
		int r = set_arg(e, i, run, false, &v, &all, &null);
		if (r != 0 || null) {
			return r != 0 ? r : expr_null(out);
		}
	}
	return expr_list_array(run, &all.list, out);
}

static int eval_intersection(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct set common = {0};
	struct doc_value v;
	bool null;

	for (unsigned i = 0; i < e->n; i++) {
		struct set one = {0};
		size_t n = 0;
		int r = set_arg(e, i, run, false, &v, i == 0 ? &common : &one, &null);
		if (r != 0 || null) {
			return r != 0 ? r : expr_null(out);
		}
		for (size_t k = 0; i > 0 && k < common.list.n; k++) {
			if (has(&one, common.list.at[k])) {
				common.list.at[n++] = common.list.at[k];
			}
		}
		common.list.n = i > 0 ? n : common.list.n;
	}
	return expr_list_array(run, &common.list, out);
}

static int eval_difference(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct set first = {0};
	struct set second = {0};
	struct expr_list left = {0};
	struct doc_value v[2];
	struct doc_iter it;
	struct slice name;
	struct doc_value one;
	bool null[2];
	int r = set_arg(e, 0, run, false, &v[0], &first, &null[0]);

	if (r == 0) {
		r = set_arg(e, 1, run, false, &v[1], &second, &null[1]);
	}
	if (r != 0 || null[0] || null[1]) {
		return r != 0 ? r : expr_null(out);
	}
	/* In the order of the first array, whose set holds the first of equal ones. */
	doc_iter_init(&it, v[0].raw);
	while (r == 0 && doc_next(&it, &name, &one)) {
		if (!has(&second, one) && find(&first, one)->raw.p == one.raw.p) {
			r = expr_list_add(run, &left, one);
		}
	}
	return r != 0 ? r : expr_list_array(run, &left, out);
}

static bool is_subset(const struct set *a, const struct set *b)
{
	for (size_t i = 0; i < a->list.n; i++) {
		if (!has(b, a->list.at[i])) {
			return false;
		}
	}
	return true;
}

static int eval_is_subset(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct set a = {0};
	struct set b = {0};
	struct doc_value v;
	bool null;
	int r = set_arg(e, 0, run, true, &v, &a, &null);

	if (r == 0) {
		r = set_arg(e, 1, run, true, &v, &b, &null);
	}
	return r != 0 ? r : expr_bool(run, is_subset(&a, &b), out);
}

static int eval_equals(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct set first = {0};
	struct doc_value v;
	bool equal = true;
	bool null;
	int r = set_arg(e, 0, run, true, &v, &first, &null);

	for (unsigned i = 1; r == 0 && i < e->n; i++) {
		struct set other = {0};
		r = set_arg(e, i, run, true, &v, &other, &null);
		equal = equal && r == 0 && other.list.n == first.list.n &&
			is_subset(&first, &other);
	}
	return r != 0 ? r : expr_bool(run, equal, out);
}

static int all_or_any(
	const struct doc_expr *e, struct expr_run *run, bool deciding, struct doc_value *out)
{
	struct doc_value v;
	struct doc_value one;
	struct doc_iter it;
	struct slice name;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0 && v.type != BSON_TYPE_ARRAY) {
		r = err_set(run->err, EINVAL, "%s's argument must be an array, but is %s",
			e->op->name, expr_type_name(v));
	}
	if (r != 0) {
		return r;
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &one)) {
		if (doc_is_true(one) == deciding) {
			return expr_bool(run, deciding, out);
		}
	}
	return expr_bool(run, !deciding, out);
}

static int eval_all_true(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return all_or_any(e, run, false, out);
}

static int eval_any_true(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return all_or_any(e, run, true, out);
}

const struct expr_op expr_set_ops[] = {
	{.name = "$setUnion", .fn = eval_union, .max = -1},
	{.name = "$setIntersection", .fn = eval_intersection, .max = -1},
	{.name = "$setDifference", .fn = eval_difference, .min = 2, .max = 2},
	{.name = "$setIsSubset", .fn = eval_is_subset, .min = 2, .max = 2},
	{.name = "$setEquals", .fn = eval_equals, .min = 2, .max = -1},
	{.name = "$allElementsTrue", .fn = eval_all_true, .min = 1, .max = 1},
	{.name = "$anyElementTrue", .fn = eval_any_true, .min = 1, .max = 1},
	{0},
};
