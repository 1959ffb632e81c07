/* Objects: $mergeObjects $objectToArray $arrayToObject $getField $setField $unsetField. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>

static int merge(struct expr_run *run, struct expr_members *all, struct slice object)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, object);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = expr_member_set(run, all, name, v);
	}
	return r;
}

static int merge_one(const struct doc_expr *e, struct expr_run *run, struct expr_members *all,
	struct doc_value v)
{
	if (expr_nullish(v)) {
		return 0;
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(run->err, EINVAL, "%s requires object inputs, but found type %s",
			e->op->name, expr_type_name(v));
	}
	return merge(run, all, v.raw);
}

static int merge_array(const struct doc_expr *e, struct expr_run *run, struct expr_members *all,
	struct slice array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, array);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = merge_one(e, run, all, v);
	}
	return r;
}

static int eval_merge(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_members all = {0};
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, &v);
		if (r == 0) {
			/* One array stands for its elements. */
			r = e->n == 1 && v.type == BSON_TYPE_ARRAY
				    ? merge_array(e, run, &all, v.raw)
				    : merge_one(e, run, &all, v);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_members_object(run, &all, out);
}

static int eval_object_to_array(
	const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value v;
	struct doc_iter it;
	struct expr_member m[2] = {{.name = {"k", 1}}, {.name = {"v", 1}}};
	struct expr_members pair = {m, 2, 2};
	struct doc_value one;
	struct slice name;
	int r = expr_arg(e, 0, run, &v);

	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		return expr_null(out);
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(run->err, EINVAL,
			"$objectToArray requires a document input, found: %s", expr_type_name(v));
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &m[1].v)) {
		r = expr_string(run, name, &m[0].v);
		if (r == 0) {
			r = expr_members_object(run, &pair, &one);
		}
		if (r == 0) {
			r = expr_list_add(run, &list, one);
		}
	}
	return r != 0 ? r : expr_list_array(run, &list, out);
}

/* ---- $arrayToObject ---- */

/* One of [k, v] and {k, v}. */
static bool read_pair(struct doc_value v, struct doc_value pair[2])
{
	struct doc_iter it;
	struct slice name;
	struct doc_value one;
	unsigned n = 0;
	bool object = v.type == BSON_TYPE_DOCUMENT;

	pair[0] = pair[1] = DOC_MISSING;
	if (!object && v.type != BSON_TYPE_ARRAY) {
		return false;
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &one)) {
		if (n++ == 2) {
			return false;
		}
		if (!object) {
			pair[n - 1] = one;
		} else if (slice_is(name, "k")) {
			pair[0] = one;
		} else if (slice_is(name, "v")) {
			pair[1] = one;
		}
	}
	return n == 2 && pair[0].type != BSON_TYPE_EOD && pair[1].type != BSON_TYPE_EOD;
}

static int add_pair(struct expr_run *run, struct expr_members *all, struct doc_value v)
{
	struct doc_value pair[2];
	struct slice name;

	if (!read_pair(v, pair)) {
		return err_set(run->err, EINVAL,
			"$arrayToObject requires an array of pairs: arrays of two elements or "
			"objects "
			"with exactly 'k' and 'v'; found an element of type %s that is none",
			expr_type_name(v));
	}
	if (pair[0].type != BSON_TYPE_UTF8) {
		return err_set(run->err, EINVAL,
			"$arrayToObject requires keys of type string, found key type: %s",
			expr_type_name(pair[0]));
	}
	name = doc_string(pair[0]);
	if (name.n > 0 && memchr(name.p, '\0', name.n) != NULL) {
		return err_set(run->err, EINVAL, "Key field cannot contain an embedded null byte");
	}
	return expr_member_set(run, all, name, pair[1]);
}

static int eval_array_to_object(
	const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_members all = {0};
	struct doc_value v;
	struct doc_iter it;
	struct doc_value one;
	struct slice name;
	int r = expr_arg(e, 0, run, &v);

	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		return expr_null(out);
	}
	if (v.type != BSON_TYPE_ARRAY) {
		return err_set(run->err, EINVAL,
			"$arrayToObject requires an array input, found: %s", expr_type_name(v));
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &one)) {
		r = add_pair(run, &all, one);
	}
	return r != 0 ? r : expr_members_object(run, &all, out);
}

/* ---- fields by any name ---- */

static const char *const get_options[] = {"!field", "input", NULL};
static const char *const set_options[] = {"!field", "!input", "!value", NULL};
static const char *const unset_options[] = {"!field", "!input", NULL};

/* {"$getField": "a"} is of the document itself. */
static int parse_get(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r;

	if (spec.type == BSON_TYPE_DOCUMENT) {
		doc_iter_init(&it, spec.raw);
		if (doc_next(&it, &name, &v) && (name.n == 0 || name.p[0] != '$')) {
			return expr_parse_options(e, spec, scope, err);
		}
	}
	r = expr_set_args(e, 2, err);
	return r != 0 ? r : expr_parse(spec, scope, &e->args[0], err);
}

static int field_name(const struct doc_expr *e, struct expr_run *run, struct slice *name)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0 && v.type != BSON_TYPE_UTF8) {
		r = err_set(run->err, EINVAL,
			"%s requires 'field' to evaluate to type String, but got %s", e->op->name,
			expr_type_name(v));
	}
	if (r != 0) {
		return r;
	}
	*name = doc_string(v);
	if (name->n > 0 && memchr(name->p, '\0', name->n) != NULL) {
		return err_set(
			run->err, EINVAL, "%s: a field's name holds no null byte", e->op->name);
	}
	return 0;
}

static int eval_get(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v = doc_value_of(run->vars.document);
	struct slice name;
	int r = field_name(e, run, &name);

	if (r == 0 && e->args[1] != NULL) {
		r = expr_arg(e, 1, run, &v);
	}
	if (r != 0) {
		return r;
	}
	if (v.type == BSON_TYPE_DOCUMENT) {
		*out = doc_field(v.raw, name);
	} else {
		*out = v.type == BSON_TYPE_EOD ? v
		       : expr_nullish(v)       ? doc_make_null()
					       : DOC_MISSING;
	}
	return 0;
}

/* A missing value takes the field away. */
static int eval_set(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_members all = {0};
	struct slice name;
	struct doc_value v;
	struct doc_value value = DOC_MISSING;
	int r = field_name(e, run, &name);

	if (r == 0) {
		r = expr_arg(e, 1, run, &v);
	}
	if (r == 0) {
		r = expr_arg(e, 2, run, &value);
	}
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		return expr_null(out);
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(run->err, EINVAL,
			"%s requires 'input' to evaluate to type Object, but got %s", e->op->name,
			expr_type_name(v));
	}
	r = merge(run, &all, v.raw);
	if (r == 0) {
		r = expr_member_set(run, &all, name, value);
	}
	return r != 0 ? r : expr_members_object(run, &all, out);
}

const struct expr_op expr_object_ops[] = {
	{.name = "$mergeObjects", .fn = eval_merge, .max = -1},
	{.name = "$objectToArray", .fn = eval_object_to_array, .min = 1, .max = 1},
	{.name = "$arrayToObject", .fn = eval_array_to_object, .min = 1, .max = 1},
	{.name = "$getField", .fn = eval_get, .options = get_options, .parse = parse_get},
	{.name = "$setField", .fn = eval_set, .options = set_options},
	{.name = "$unsetField", .fn = eval_set, .options = unset_options},
	{0},
};
