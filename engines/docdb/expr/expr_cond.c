/* Comparison, logic, conditions, variables. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const struct doc_expr *e, struct expr_run *run, int *out)
{
	struct doc_value x;
	struct doc_value y;
	int r = expr_arg(e, 0, run, &x);

	if (r == 0) {
		r = expr_arg(e, 1, run, &y);
	}
	if (r == 0) {
		*out = expr_compare(x, y);
	}
	return r;
}

static int eval_cmp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	int c;
	int r = compare(e, run, &c);

	return r != 0 ? r : expr_int32(run, (c > 0) - (c < 0), out);
}

#define COMPARISON(name, test)                                                                     \
	static int name(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)     \
	{                                                                                          \
		int c;                                                                             \
		int r = compare(e, run, &c);                                                       \
		return r != 0 ? r : expr_bool(run, c test 0, out);                                 \
	}
COMPARISON(eval_eq, ==)
COMPARISON(eval_ne, !=)
COMPARISON(eval_gt, >)
COMPARISON(eval_gte, >=)
COMPARISON(eval_lt, <)
COMPARISON(eval_lte, <=)

/* Stops at the first argument that decides. */
static int decide(
	const struct doc_expr *e, struct expr_run *run, bool deciding, struct doc_value *out)
{
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, &v);
		if (r != 0) {
			return r;
		}
		if (doc_is_true(v) == deciding) {
			return expr_bool(run, deciding, out);
		}
	}
	return expr_bool(run, !deciding, out);
}

static int eval_and(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return decide(e, run, false, out);
}

static int eval_or(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return decide(e, run, true, out);
}

static int eval_not(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	return r != 0 ? r : expr_bool(run, !doc_is_true(v), out);
}

/* ---- $cond, $ifNull, $switch ---- */

static const char *const cond_options[] = {"!if", "!then", "!else", NULL};

static int parse_cond(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;
	int r;

	if (spec.type == BSON_TYPE_DOCUMENT) {
		return expr_parse_options(e, spec, scope, err);
	}
	r = expr_set_args(e, 3, err);
	if (spec.type == BSON_TYPE_ARRAY) {
		doc_iter_init(&it, spec.raw);
		for (; r == 0 && doc_next(&it, &name, &v); n++) {
			r = n < 3 ? expr_parse(v, scope, &e->args[n], err) : 0;
		}
	} else {
		n = 1;
	}
	if (r == 0 && n != 3) {
		r = err_set(err, EINVAL,
			"Expression $cond takes exactly 3 arguments. %u were passed in.", n);
	}
	return r;
}

static int eval_cond(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	return r != 0 ? r : expr_arg(e, doc_is_true(v) ? 1 : 2, run, out);
}

static int eval_if_null(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, out);
		if (r != 0 || !expr_nullish(*out)) {
			return r;
		}
	}
	return 0;
}

static const char *const branch_options[] = {"!case", "!then", NULL};
static const struct expr_op branch_op = {.name = "$switch", .options = branch_options};

/* A branch is a node of its own with two arguments. */
static int parse_branch(
	struct doc_value spec, const struct doc_var *scope, struct doc_expr **out, struct err *err)
{
	struct doc_expr *e = calloc(1, sizeof(*e));
	int r;

	if (e == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	e->op = &branch_op;
	*out = e;
	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"$switch expected each branch to be an object, found: %s",
			expr_type_name(spec));
	}
	r = expr_parse_options(e, spec, scope, err);
	return r;
}

static int parse_branches(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;
	int r;

	if (spec.type != BSON_TYPE_ARRAY) {
		return err_set(err, EINVAL, "$switch expected an array for 'branches', found: %s",
			expr_type_name(spec));
	}
	doc_iter_init(&it, spec.raw);
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	if (n == 0) {
		return err_set(err, EINVAL, "$switch requires at least one branch.");
	}
	/* The last is the default. */
	r = expr_set_args(e, n + 1, err);
	doc_iter_init(&it, spec.raw);
	for (unsigned i = 0; r == 0 && doc_next(&it, &name, &v); i++) {
		r = parse_branch(v, scope, &e->args[i], err);
	}
	return r;
}

static int parse_switch(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_value branches;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "$switch requires an object as an argument, found: %s",
			expr_type_name(spec));
	}
	branches = doc_field(spec.raw, slice_of("branches"));
	if (branches.type == BSON_TYPE_EOD) {
		return err_set(err, EINVAL, "$switch requires at least one branch.");
	}
	r = parse_branches(e, branches, scope, err);
	doc_iter_init(&it, spec.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (slice_is(name, "default")) {
			r = expr_parse(v, scope, &e->args[e->n - 1], err);
		} else if (!slice_is(name, "branches")) {
			r = err_set(err, EINVAL, "$switch found an unknown argument: '%.*s'",
				(int)(name.n < 100 ? name.n : 100), name.p);
		}
	}
	return r;
}

static int eval_switch(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;

	for (unsigned i = 0; i + 1 < e->n; i++) {
		int r = expr_arg(e->args[i], 0, run, &v);
		if (r != 0) {
			return r;
		}
		if (doc_is_true(v)) {
			return expr_arg(e->args[i], 1, run, out);
		}
	}
	if (e->args[e->n - 1] == NULL) {
		return err_set(run->err, EINVAL,
			"$switch could not find a matching branch for an input, and no default was "
			"specified.");
	}
	return expr_arg(e, e->n - 1, run, out);
}

/* ---- $literal, $let ---- */

static int parse_literal(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	(void)scope;
	return expr_make_literal(e, spec, err);
}

/* The variables' expressions in `vars`, read in the outer scope. args[0] is `in`. */
static int parse_let_vars(
	struct doc_expr *e, struct slice vars, const struct doc_var *scope, struct err *err)
{
	struct slice names[DOC_DEPTH_MAX];
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;
	int r = 0;

	doc_iter_init(&it, vars);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (n == DOC_DEPTH_MAX) {
			return err_set(
				err, EINVAL, "$let takes %d variables at most", DOC_DEPTH_MAX);
		}
		names[n++] = name;
		r = expr_check_variable(name, err);
	}
	if (r == 0) {
		r = expr_set_args(e, n + 1, err);
	}
	if (r == 0) {
		r = expr_keep_names(e, names, n, err);
	}
	doc_iter_init(&it, vars);
	for (unsigned i = 1; r == 0 && doc_next(&it, &name, &v); i++) {
		r = expr_parse(v, scope, &e->args[i], err);
	}
	return r;
}

static int parse_let_in(
	struct doc_expr *e, struct doc_value in, const struct doc_var *scope, struct err *err)
{
	struct doc_var more[DOC_DEPTH_MAX];

	for (unsigned i = 0; i < e->n_names; i++) {
		more[i] = (struct doc_var){.name = e->names[i], .next = scope};
		scope = &more[i];
	}
	return expr_parse(in, scope, &e->args[0], err);
}

static int parse_let(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_value vars;
	struct doc_value in;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "$let only supports an object as its argument");
	}
	doc_iter_init(&it, spec.raw);
	while (doc_next(&it, &name, &v)) {
		if (!slice_is(name, "vars") && !slice_is(name, "in")) {
			return err_set(err, EINVAL, "Unrecognized parameter to $let: %.*s",
				(int)(name.n < 100 ? name.n : 100), name.p);
		}
	}
	vars = doc_field(spec.raw, slice_of("vars"));
	in = doc_field(spec.raw, slice_of("in"));
	if (vars.type != BSON_TYPE_DOCUMENT || in.type == BSON_TYPE_EOD) {
		return err_set(err, EINVAL, "Missing '%s' parameter to $let",
			vars.type != BSON_TYPE_DOCUMENT ? "vars" : "in");
	}
	r = parse_let_vars(e, vars.raw, scope, err);
	return r != 0 ? r : parse_let_in(e, in, scope, err);
}

static int eval_let(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	const struct doc_var *outer = run->vars.more;
	struct doc_var vars[DOC_DEPTH_MAX];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < e->n_names; i++) {
		vars[i].name = e->names[i];
		vars[i].next = i == 0 ? outer : &vars[i - 1];
		r = expr_arg(e, i + 1, run, &vars[i].value);
	}
	if (r == 0) {
		run->vars.more = e->n_names == 0 ? outer : &vars[e->n_names - 1];
		r = expr_arg(e, 0, run, out);
		run->vars.more = outer;
	}
	return r;
}

const struct expr_op expr_cond_ops[] = {
	{.name = "$cmp", .fn = eval_cmp, .min = 2, .max = 2},
	{.name = "$eq", .fn = eval_eq, .min = 2, .max = 2},
	{.name = "$ne", .fn = eval_ne, .min = 2, .max = 2},
	{.name = "$gt", .fn = eval_gt, .min = 2, .max = 2},
	{.name = "$gte", .fn = eval_gte, .min = 2, .max = 2},
	{.name = "$lt", .fn = eval_lt, .min = 2, .max = 2},
	{.name = "$lte", .fn = eval_lte, .min = 2, .max = 2},
	{.name = "$and", .fn = eval_and, .max = -1},
	{.name = "$or", .fn = eval_or, .max = -1},
	{.name = "$not", .fn = eval_not, .min = 1, .max = 1},
	{.name = "$cond", .fn = eval_cond, .options = cond_options, .parse = parse_cond},
	{.name = "$ifNull", .fn = eval_if_null, .min = 2, .max = -1},
	{.name = "$switch", .fn = eval_switch, .parse = parse_switch},
	{.name = "$literal", .parse = parse_literal},
	{.name = "$const", .parse = parse_literal},
	{.name = "$let", .fn = eval_let, .parse = parse_let},
	{0},
};
