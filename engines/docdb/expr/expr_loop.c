/* $filter $map $reduce, with a variable for each element; $sortArray. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <stdlib.h>

/* An object or array that $reduce makes deeper at each step ends here. */
#define LEVELS_MAX 200

/* ---- $filter, $map ---- */

static const char *const filter_options[] = {"!input", "as", "!cond", "limit", NULL};
static const char *const map_options[] = {"!input", "as", "!in", NULL};

/* Parses an option with a variable in scope that the others have not. */
static int parse_option(struct doc_expr *e, struct slice spec, unsigned i,
	const struct doc_var *scope, struct err *err)
{
	const char *name = e->op->options[i];
	struct doc_value v;

	v = doc_field(spec, slice_of(name + (name[0] == '!')));
	if (v.type == BSON_TYPE_EOD) {
		return name[0] != '!' ? 0
				      : err_set(err, EINVAL, "Missing '%s' parameter to %s",
						name + 1, e->op->name);
	}
	return expr_parse(v, scope, &e->args[i], err);
}

static int check_names(const struct doc_expr *e, struct slice spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;

	doc_iter_init(&it, spec);
	while (doc_next(&it, &name, &v)) {
		bool known = false;
		for (unsigned i = 0; e->op->options[i] != NULL; i++) {
			const char *option = e->op->options[i];
			known = known || slice_is(name, option + (option[0] == '!'));
		}
		if (!known) {
			return err_set(err, EINVAL, "Unrecognized parameter to %s: %.*s",
				e->op->name, (int)(name.n < 100 ? name.n : 100), name.p);
		}
	}
	return 0;
}

static int read_as(struct doc_expr *e, struct slice spec, struct err *err)
{
	struct doc_value as = doc_field(spec, slice_of("as"));
	struct slice name = slice_of("this");
	int r = 0;

	if (as.type == BSON_TYPE_UTF8) {
		name = doc_string(as);
		r = expr_check_variable(name, err);
	} else if (as.type != BSON_TYPE_EOD) {
		r = err_set(err, EINVAL, "%s: 'as' must be a string, not %s", e->op->name,
			expr_type_name(as));
	}
	return r != 0 ? r : expr_keep_names(e, &name, 1, err);
}

/* Of both: [0] input, [1] as, [2] what is done with each, [3] limit. */
static int parse_loop(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_var own = {.next = scope};
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(
			err, EINVAL, "%s only supports an object as its argument", e->op->name);
	}
	r = check_names(e, spec.raw, err);
	if (r == 0) {
		r = expr_set_args(e, 4, err);
	}
	if (r == 0) {
		r = read_as(e, spec.raw, err);
	}
	if (r == 0) {
		r = parse_option(e, spec.raw, 0, scope, err);
	}
	if (r == 0) {
		own.name = e->names[0];
		r = parse_option(e, spec.raw, 2, &own, err);
	}
	if (r == 0 && e->op->options[3] != NULL) {
		r = parse_option(e, spec.raw, 3, scope, err);
	}
	return r;
}

static int input_array(const struct doc_expr *e, struct expr_run *run, struct doc_value *v,
	bool *is, struct doc_value *out)
{
	int r = expr_arg(e, 0, run, v);

	*is = false;
	if (r != 0) {
		return r;
	}
	if (expr_nullish(*v)) {
		return expr_null(out);
	}
	if (v->type != BSON_TYPE_ARRAY) {
		return err_set(run->err, EINVAL, "input to %s must be an array not %s", e->op->name,
			expr_type_name(*v));
	}
	*is = true;
	return 0;
}

static int filter_limit(const struct doc_expr *e, struct expr_run *run, int32_t *limit)
{
	struct doc_value v;
	int r = expr_arg(e, 3, run, &v);

	*limit = INT32_MAX;
	if (r != 0 || expr_nullish(v)) {
		return r;
	}
	if (!expr_as_int32(v, limit) || *limit < 1) {
		return err_set(run->err, EINVAL,
			"$filter: limit must be a whole number of 32 bits greater than 0");
	}
	return 0;
}

static int eval_filter(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_var own = {.name = e->names[0], .next = run->vars.more};
	struct expr_list list = {0};
	struct doc_value v;
	struct doc_value keep;
	struct doc_iter it;
	struct slice name;
	int32_t limit;
	bool is;
	int r = input_array(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = filter_limit(e, run, &limit);
	doc_iter_init(&it, v.raw);
	while (r == 0 && list.n < (size_t)limit && doc_next(&it, &name, &own.value)) {
		run->vars.more = &own;
		r = expr_arg(e, 2, run, &keep);
		run->vars.more = own.next;
		if (r == 0 && doc_is_true(keep)) {
			r = expr_list_add(run, &list, own.value);
		}
	}
	return r != 0 ? r : expr_list_array(run, &list, out);
}

static int eval_map(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_var own = {.name = e->names[0], .next = run->vars.more};
	struct expr_list list = {0};
	struct doc_value v;
	struct doc_value made;
	struct doc_iter it;
	struct slice name;
	bool is;
	int r = input_array(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &own.value)) {
		run->vars.more = &own;
		r = expr_arg(e, 2, run, &made);
		run->vars.more = own.next;
		if (r == 0) {
			r = expr_list_add(run, &list, made);
		}
	}
	return r != 0 ? r : expr_list_array(run, &list, out);
}

/* ---- $reduce ---- */

static const char *const reduce_options[] = {"!input", "!initialValue", "!in", NULL};

static int parse_reduce(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_var this = {.name = {"this", 4}, .next = scope};
	struct doc_var value = {.name = {"value", 5}, .next = &this};
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "$reduce requires an object as an argument, found: %s",
			expr_type_name(spec));
	}
	r = check_names(e, spec.raw, err);
	if (r == 0) {
		r = expr_set_args(e, 3, err);
	}
	for (unsigned i = 0; r == 0 && i < 3; i++) {
		r = parse_option(e, spec.raw, i, i == 2 ? &value : scope, err);
	}
	return r;
}

static int eval_reduce(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_var this = {.name = {"this", 4}, .next = run->vars.more};
	struct doc_var value = {.name = {"value", 5}, .next = &this};
	struct doc_value v;
	struct doc_iter it;
	struct slice name;
	bool is;
	int r = input_array(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = expr_arg(e, 1, run, &value.value);
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &this.value)) {
		struct doc_value next;
		run->vars.more = &value;
		r = expr_arg(e, 2, run, &next);
		run->vars.more = this.next;
		if (r == 0 && expr_levels(next, LEVELS_MAX) > LEVELS_MAX) {
			r = err_set(run->err, EINVAL,
				"$reduce makes a value of more than %d levels", LEVELS_MAX);
		}
		value.value = next;
	}
	*out = value.value;
	return r;
}

/* ---- $sortArray ---- */

static const char *const sort_options[] = {"!input", "!sortBy", NULL};

/* args[0] the input; names the paths, each after '+' or '-'; none: whole elements by extra. */
static int parse_sort_path(
	struct buf *out, struct slice path, struct doc_value direction, struct err *err)
{
	int32_t n;

	if (!expr_as_int32(direction, &n) || (n != 1 && n != -1)) {
		return err_set(err, EINVAL,
			"$sort key ordering must be 1 (for ascending) or -1 (for descending)");
	}
	if (path.n == 0 || path.p[0] == '$') {
		return err_set(err, EINVAL,
			"$sortArray: a field path may not be empty nor begin with '$'");
	}
	buf_putc(out, n == 1 ? '+' : '-');
	buf_append_slice(out, path);
	return buf_check(out, err);
}

static int parse_sort_by(struct doc_expr *e, struct doc_value by, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	struct slice paths[32];
	struct buf texts[32] = {{0}};
	unsigned n = 0;
	int r = 0;

	if (by.type != BSON_TYPE_DOCUMENT) {
		r = parse_sort_path(&texts[0], slice_of("."), by, err);
		n = 1;
	} else {
		doc_iter_init(&it, by.raw);
		while (r == 0 && doc_next(&it, &name, &v)) {
			r = n == 32 ? err_set(err, EINVAL, "$sortArray takes 32 keys at most")
				    : parse_sort_path(&texts[n++], name, v, err);
		}
		if (r == 0 && n == 0) {
			r = err_set(err, EINVAL, "$sortArray: 'sortBy' must name a field");
		}
	}
	for (unsigned i = 0; i < n; i++) {
		paths[i] = buf_slice(&texts[i]);
	}
	if (r == 0) {
		r = expr_keep_names(e, paths, n, err);
	}
	for (unsigned i = 0; i < n; i++) {
		buf_free(&texts[i]);
	}
	return r;
}

static int parse_sort_array(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_value by;
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"$sortArray requires an object as an argument, found: %s",
			expr_type_name(spec));
	}
	by = doc_field(spec.raw, slice_of("sortBy"));
	if (by.type == BSON_TYPE_EOD) {
		return err_set(err, EINVAL, "$sortArray requires 'sortBy' to be specified");
	}
	r = check_names(e, spec.raw, err);
	if (r == 0) {
		r = expr_set_args(e, 1, err);
	}
	if (r == 0) {
		r = parse_option(e, spec.raw, 0, scope, err);
	}
	return r != 0 ? r : parse_sort_by(e, by, err);
}

static struct doc_value sort_key(struct doc_value v, struct slice path)
{
	bool down = path.p[0] == '-';

	path = slice_make(path.p + 1, path.n - 1);
	if (slice_is(path, ".")) {
		return v;
	}
	return v.type == BSON_TYPE_DOCUMENT ? doc_sort_value(v.raw, path, down) : DOC_MISSING;
}

static int compare_elements(const void *a, const void *b, void *arg)
{
	const struct doc_expr *e = arg;
	const struct doc_value *x = a;
	const struct doc_value *y = b;

	for (unsigned i = 0; i < e->n_names; i++) {
		int c = doc_compare(sort_key(*x, e->names[i]), sort_key(*y, e->names[i]));
		if (c != 0) {
			return e->names[i].p[0] == '-' ? -c : c;
		}
	}
	/* As they stood: later ones are at higher addresses, unless the sort moved them, so
	 * elements are told apart by where their bytes are. */
	return (x->raw.p > y->raw.p) - (x->raw.p < y->raw.p);
}

static int eval_sort_array(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value v;
	bool is;
	int r = input_array(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = expr_list_fill(run, &list, v.raw);
	if (r == 0 && list.n > 1) {
		qsort_r(list.at, list.n, sizeof(*list.at), compare_elements, (void *)e);
	}
	return r != 0 ? r : expr_list_array(run, &list, out);
}

const struct expr_op expr_loop_ops[] = {
	{.name = "$filter", .fn = eval_filter, .options = filter_options, .parse = parse_loop},
	{.name = "$map", .fn = eval_map, .options = map_options, .parse = parse_loop},
	{.name = "$reduce", .fn = eval_reduce, .options = reduce_options, .parse = parse_reduce},
	{.name = "$sortArray",
		.fn = eval_sort_array,
		.options = sort_options,
		.parse = parse_sort_array},
	{0},
};
