/* Arrays, element by element. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>

static int array_arg(const struct doc_expr *e, unsigned i, struct expr_run *run,
	struct doc_value *v, bool *is, struct doc_value *out)
{
	int r = expr_arg(e, i, run, v);

	*is = false;
	if (r != 0) {
		return r;
	}
	if (expr_nullish(*v)) {
		return expr_null(out);
	}
	if (v->type != BSON_TYPE_ARRAY) {
		return err_set(run->err, EINVAL, "%s's argument %u must be an array, but is %s",
			e->op->name, i + 1, expr_type_name(*v));
	}
	*is = true;
	return 0;
}

static int eval_is_array(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	return r != 0 ? r : expr_bool(run, v.type == BSON_TYPE_ARRAY, out);
}

static int32_t count(struct slice array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int32_t n = 0;

	doc_iter_init(&it, array);
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	return n;
}

static int eval_size(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0 && v.type != BSON_TYPE_ARRAY) {
		r = err_set(run->err, EINVAL,
			"The argument to $size must be an array, but was of type: %s",
			expr_type_name(v));
	}
	return r != 0 ? r : expr_int32(run, count(v.raw), out);
}

/* From the end where negative; missing where there is none. */
static struct doc_value element(struct slice array, int32_t index)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;

	if (index < 0) {
		index += count(array);
	}
	doc_iter_init(&it, array);
	while (index >= 0 && doc_next(&it, &name, &v)) {
		if (index-- == 0) {
			return v;
		}
	}
	return DOC_MISSING;
}

static int eval_array_elem_at(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	struct doc_value index;
	int32_t i;
	bool is;
	int r = array_arg(e, 0, run, &v, &is, out);

	if (r == 0) {
		r = expr_arg(e, 1, run, &index);
	}
	if (r != 0 || !is) {
		return r;
	}
	if (expr_nullish(index)) {
		return expr_null(out);
	}
	if (!expr_as_int32(index, &i)) {
		return err_set(run->err, EINVAL,
			"$arrayElemAt's second argument must be a numeric value that is a whole "
			"number of 32 bits, but is %s",
			expr_type_name(index));
	}
	*out = element(v.raw, i);
	return 0;
}

static int eval_first(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = array_arg(e, 0, run, &v, &is, out);

	if (r == 0 && is) {
		*out = element(v.raw, 0);
	}
	return r;
}

static int eval_last(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = array_arg(e, 0, run, &v, &is, out);

	if (r == 0 && is) {
		*out = element(v.raw, -1);
	}
	return r;
}

static int eval_concat_arrays(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, &v);
		if (r == 0 && expr_nullish(v)) {
			return expr_null(out);
		}
		if (r == 0 && v.type != BSON_TYPE_ARRAY) {
			r = err_set(run->err, EINVAL, "$concatArrays only supports arrays, not %s",
				expr_type_name(v));
		}
		if (r == 0) {
			r = expr_list_fill(run, &list, v.raw);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_list_array(run, &list, out);
}

static int eval_in(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value x;
	struct doc_value v;
	struct doc_value one;
	struct doc_iter it;
	struct slice name;
	int r = expr_arg(e, 0, run, &x);

	if (r == 0) {
		r = expr_arg(e, 1, run, &v);
	}
	if (r == 0 && v.type != BSON_TYPE_ARRAY) {
		r = err_set(run->err, EINVAL,
			"$in requires an array as a second argument, found: %s", expr_type_name(v));
	}
	if (r != 0) {
		return r;
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &one)) {
		if (expr_compare(x, one) == 0) {
			return expr_bool(run, true, out);
		}
	}
	return expr_bool(run, false, out);
}

/* ---- $slice ---- */

static int slice_bound(
	const struct doc_expr *e, unsigned i, struct expr_run *run, int32_t *n, bool *null)
{
	struct doc_value v;
	int r = expr_arg(e, i, run, &v);

	*null = expr_nullish(v);
	if (r == 0 && !*null && !expr_as_int32(v, n)) {
		r = err_set(run->err, EINVAL,
			"Argument %u to $slice must be a whole number of 32 bits, but is of type: "
			"%s",
			i + 1, expr_type_name(v));
	}
	return r;
}

static int slice_from(
	struct expr_run *run, struct slice array, int64_t start, int64_t n, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, array);
	for (int64_t i = 0; r == 0 && i < start + n && doc_next(&it, &name, &v); i++) {
		r = i < start ? 0 : expr_list_add(run, &list, v);
	}
	return r != 0 ? r : expr_list_array(run, &list, out);
}

static int eval_slice(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int32_t first;
	int32_t n = 0;
	int64_t size;
	int64_t start;
	bool null;
	bool is;
	int r = array_arg(e, 0, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = slice_bound(e, 1, run, &first, &null);
	if (r != 0 || null) {
		return r != 0 ? r : expr_null(out);
	}
	size = count(v.raw);
	start = first < 0 ? size + first : first;
	start = start < 0 ? 0 : start;
	if (e->n == 2) {
		return first < 0 ? slice_from(run, v.raw, start, size, out)
				 : slice_from(run, v.raw, 0, first, out);
	}
	r = slice_bound(e, 2, run, &n, &null);
	if (r != 0 || null) {
		return r != 0 ? r : expr_null(out);
	}
	if (n <= 0) {
		return err_set(
			run->err, EINVAL, "Third argument to $slice must be positive: %d", n);
	}
	return slice_from(run, v.raw, start, n, out);
}

/* ---- $range, $reverseArray, $indexOfArray, $zip ---- */

static int range_arg(
	const struct doc_expr *e, unsigned i, struct expr_run *run, const char *what, int32_t *out)
{
	struct doc_value v;
	int r = expr_arg(e, i, run, &v);

	if (r == 0 && !expr_as_int32(v, out)) {
		r = err_set(run->err, EINVAL,
			"$range requires a %s value that is a whole number of 32 bits, found value "
			"of "
			"type: %s",
			what, expr_type_name(v));
	}
	return r;
}

/* Refused before it is begun where it would be too much. */
static int check_range(struct expr_run *run, int64_t from, int64_t to, int64_t step)
{
	int64_t n = step == 0 ? 0 : (to - from) / step; /* the caller has refused 0 */

	if (n > (int64_t)(EXPR_BYTES_MAX / 16)) {
		return err_set(run->err, EFBIG,
			"BSONObjectTooLarge: $range would use too much memory: it has about %lld "
			"elements",
			(long long)n);
	}
	return 0;
}

static int eval_range(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	int32_t from = 0;
	int32_t to = 0;
	int32_t step = 1;
	int r = range_arg(e, 0, run, "numeric starting", &from);

	if (r == 0) {
		r = range_arg(e, 1, run, "numeric ending", &to);
	}
	if (r == 0 && e->n == 3) {
		r = range_arg(e, 2, run, "numeric step", &step);
	}
	if (r == 0 && step == 0) {
		r = err_set(run->err, EINVAL, "$range requires a non-zero step value");
	}
	if (r == 0) {
		r = check_range(run, from, to, step);
	}
	if (r != 0) {
		return r;
	}
	for (int64_t i = from; step > 0 ? i < to : i > to; i += step) {
		r = expr_list_add(run, &list, doc_make_int32(run->a, (int32_t)i));
		if (r == 0) {
			run->made += 8;
			r = doc_arena_check(run->a, run->err);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_list_array(run, &list, out);
}

static int eval_reverse(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value v;
	bool is;
	int r = array_arg(e, 0, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = expr_list_fill(run, &list, v.raw);
	for (size_t i = 0; i < list.n / 2; i++) {
		struct doc_value other = list.at[i];
		list.at[i] = list.at[list.n - 1 - i];
		list.at[list.n - 1 - i] = other;
	}
	return r != 0 ? r : expr_list_array(run, &list, out);
}

static int index_bound(const struct doc_expr *e, unsigned i, struct expr_run *run, int32_t *n)
{
	struct doc_value v;
	int r = i < e->n ? expr_arg(e, i, run, &v) : 0;

	if (r == 0 && i < e->n && (!expr_as_int32(v, n) || *n < 0)) {
		r = err_set(run->err, EINVAL, "$indexOfArray requires a nonnegative %s index",
			i == 2 ? "starting" : "ending");
	}
	return r;
}

static int eval_index_of(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	struct doc_value x;
	struct doc_value one;
	struct doc_iter it;
	struct slice name;
	int32_t start = 0;
	int32_t end = INT32_MAX;
	bool is;
	int r = array_arg(e, 0, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = expr_arg(e, 1, run, &x);
	if (r == 0) {
		r = index_bound(e, 2, run, &start);
	}
	if (r == 0) {
		r = index_bound(e, 3, run, &end);
	}
	if (r != 0) {
		return r;
	}
	doc_iter_init(&it, v.raw);
	for (int32_t i = 0; i < end && doc_next(&it, &name, &one); i++) {
		if (i >= start && expr_compare(x, one) == 0) {
			return expr_int32(run, i, out);
		}
	}
	return expr_int32(run, -1, out);
}

static const char *const zip_options[] = {"!inputs", "useLongestLength", "defaults", NULL};

/* The arrays and their defaults. */
struct zip {
	struct expr_list inputs;
	struct expr_list defaults;
	bool longest;
};

static int zip_inputs(struct expr_run *run, struct zip *z, int32_t *length, bool *null)
{
	*null = false;
	*length = 0;
	for (size_t i = 0; i < z->inputs.n; i++) {
		struct doc_value v = z->inputs.at[i];
		int32_t n;
		if (expr_nullish(v)) {
			*null = true;
			return 0;
		}
		if (v.type != BSON_TYPE_ARRAY) {
			return err_set(run->err, EINVAL,
				"$zip found a non-array expression in input: %s",
				expr_type_name(v));
		}
		n = count(v.raw);
		if (i == 0 || (z->longest ? n > *length : n < *length)) {
			*length = n;
		}
	}
	return 0;
}

static int zip_all(struct expr_run *run, struct zip *z, int32_t length, struct doc_value *out)
{
	struct expr_list rows = {0};
	struct doc_iter *its;
	void *p;
	int r = expr_alloc(run, z->inputs.n * sizeof(*its), &p);

	its = p;
	for (size_t k = 0; r == 0 && k < z->inputs.n; k++) {
		doc_iter_init(&its[k], z->inputs.at[k].raw);
	}
	for (int32_t i = 0; r == 0 && i < length; i++) {
		struct expr_list row = {0};
		struct doc_value made;
		for (size_t k = 0; r == 0 && k < z->inputs.n; k++) {
			struct slice name;
			struct doc_value v;
			if (!doc_next(&its[k], &name, &v)) {
				v = k < z->defaults.n ? z->defaults.at[k] : DOC_MISSING;
			}
			r = expr_list_add(run, &row, v);
		}
		if (r == 0) {
			r = expr_list_array(run, &row, &made);
		}
		if (r == 0) {
			r = expr_list_add(run, &rows, made);
		}
	}
	return r != 0 ? r : expr_list_array(run, &rows, out);
}

static int eval_zip(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct zip z = {0};
	struct doc_value v[3];
	int32_t length;
	bool null;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < 3; i++) {
		r = expr_arg(e, i, run, &v[i]);
	}
	if (r != 0) {
		return r;
	}
	if (v[0].type != BSON_TYPE_ARRAY || doc_is_empty(v[0].raw)) {
		return err_set(run->err, EINVAL,
			"$zip requires at least one input array, in 'inputs', an array; found: %s",
			expr_type_name(v[0]));
	}
	z.longest = doc_is_true(v[1]);
	r = expr_list_fill(run, &z.inputs, v[0].raw);
	if (r == 0 && v[2].type == BSON_TYPE_ARRAY) {
		r = expr_list_fill(run, &z.defaults, v[2].raw);
	}
	if (r == 0 && e->args[2] != NULL && (!z.longest || z.defaults.n != z.inputs.n)) {
		r = err_set(run->err, EINVAL,
			"$zip: defaults and inputs must have the same length, and useLongestLength "
			"must be true with them");
	}
	if (r == 0) {
		r = zip_inputs(run, &z, &length, &null);
	}
	if (r != 0 || null) {
		return r != 0 ? r : expr_null(out);
	}
	return zip_all(run, &z, length, out);
}

const struct expr_op expr_array_ops[] = {
	{.name = "$isArray", .fn = eval_is_array, .min = 1, .max = 1},
	{.name = "$size", .fn = eval_size, .min = 1, .max = 1},
	{.name = "$arrayElemAt", .fn = eval_array_elem_at, .min = 2, .max = 2},
	{.name = "$first", .fn = eval_first, .min = 1, .max = 1},
	{.name = "$last", .fn = eval_last, .min = 1, .max = 1},
	{.name = "$concatArrays", .fn = eval_concat_arrays, .max = -1},
	{.name = "$in", .fn = eval_in, .min = 2, .max = 2},
	{.name = "$slice", .fn = eval_slice, .min = 2, .max = 3},
	{.name = "$range", .fn = eval_range, .min = 2, .max = 3},
	{.name = "$reverseArray", .fn = eval_reverse, .min = 1, .max = 1},
	{.name = "$indexOfArray", .fn = eval_index_of, .min = 2, .max = 4},
	{.name = "$zip", .fn = eval_zip, .options = zip_options},
	{0},
};
