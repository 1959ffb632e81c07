/* The operators of updates and what each takes. */
#include <errno.h>

#include "engines/docdb/match/match_impl.h"
#include "engines/docdb/update/update_impl.h"

#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p

/* ---- numbers ---- */

static int parse_number(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	if (!doc_is_number(v)) {
		return err_set(p->err, EINVAL,
			"Cannot %s with non-numeric argument: {%.*s: ..} is of type %s",
			node->op == UPDATE_INC ? "increment" : "multiply", SHOWN(path),
			doc_type_name(v.type));
	}
	return 0;
}

static int parse_bit(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value operand;
	(void)node;
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(p->err, EINVAL,
			"The $bit modifier is not compatible with a %s. You must pass in an "
			"embedded document: {$bit: {%.*s: {and|or|xor: #}}}",
			doc_type_name(v.type), SHOWN(path));
	}
	if (doc_is_empty(v.raw)) {
		return err_set(p->err, EINVAL,
			"You must pass in at least one bitwise operation. The format is: {$bit: "
			"{%.*s: {and|or|xor: #}}}",
			SHOWN(path));
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &operand)) {
		if (!slice_is(name, "and") && !slice_is(name, "or") && !slice_is(name, "xor")) {
			return err_set(p->err, EINVAL,
				"The $bit modifier only supports 'and', 'or', and 'xor', not "
				"'%.*s' which is an unknown operator",
				SHOWN(name));
		}
		if (operand.type != BSON_TYPE_INT32 && operand.type != BSON_TYPE_INT64) {
			return err_set(p->err, EINVAL,
				"The $bit modifier field must be an Integer(32/64 bit); a '%s' is "
				"not supported here",
				doc_type_name(operand.type));
		}
	}
	return 0;
}

/* ---- names and times ---- */

static bool on_one_path(struct slice a, struct slice b)
{
	struct slice shorter = a.n < b.n ? a : b;
	struct slice longer = a.n < b.n ? b : a;
	return memcmp(shorter.p, longer.p, shorter.n) == 0 && longer.p[shorter.n] == '.';
}

static bool is_dynamic(struct slice path)
{
	for (size_t i = 0; i < path.n; i++) {
		if (path.p[i] == '$' && (i == 0 || path.p[i - 1] == '.') &&
			(i + 1 == path.n || path.p[i + 1] == '.' || path.p[i + 1] == '[')) {
			return true;
		}
	}
	return false;
}

/* The node is the source's; the target gets its own. */
static int parse_rename(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	struct update_node *target = NULL;
	if (v.type != BSON_TYPE_UTF8) {
		return err_set(p->err, EINVAL, "The 'to' field for $rename must be a string: %.*s",
			SHOWN(path));
	}
	struct slice to = doc_string(v);
	if (slice_equal(to, path)) {
		return err_set(p->err, EINVAL,
			"The source and target field for $rename must differ: %.*s", SHOWN(path));
	}
	if (on_one_path(path, to)) {
		return err_set(p->err, EINVAL,
			"The source and target field for $rename must not be on the same path: "
			"%.*s: \"%.*s\"",
			SHOWN(path), SHOWN(to));
	}
	if (is_dynamic(path) || is_dynamic(to)) {
		return err_set(p->err, EINVAL, "The %s field for $rename may not be dynamic: %.*s",
			is_dynamic(path) ? "source" : "destination",
			SHOWN(is_dynamic(path) ? path : to));
	}
	if (memchr(to.p, '\0', to.n) != NULL) {
		return err_set(p->err, EINVAL,
			"The 'to' field for $rename cannot contain an embedded null byte");
	}
	node->op = UPDATE_RENAMED;
	int r = update_path_add(p, p->u->root, to, &target);
	if (r == 0 && target != NULL) {
		target->op = UPDATE_RENAME;
		target->from = path;
	}
	return r;
}

static int parse_date(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	(void)path;
	if (v.type == BSON_TYPE_BOOL) {
		return 0;
	}
	struct doc_value type = DOC_MISSING;
	if (v.type == BSON_TYPE_DOCUMENT) {
		type = doc_field(v.raw, slice_of("$type"));
	}
	node->timestamp = type.type == BSON_TYPE_UTF8 && slice_is(doc_string(type), "timestamp");
	if (!node->timestamp &&
		(type.type != BSON_TYPE_UTF8 || !slice_is(doc_string(type), "date"))) {
		return err_set(p->err, EINVAL,
			"The '$type' string field is required to be 'date' or 'timestamp': "
			"{$currentDate: {field : {$type: 'date'}}}");
	}
	return 0;
}

/* ---- arrays ---- */

static int whole_number(struct update_parser *p, const char *what, struct doc_value v, int64_t *out)
{
	if (!doc_is_number(v) || !doc_as_int64(v, out)) {
		return err_set(p->err, EINVAL,
			"The value for $%s must be an integer value, not of type %s", what,
			doc_type_name(v.type));
	}
	/* No array is that long. */
	*out = *out > INT32_MAX ? INT32_MAX : *out < -INT32_MAX ? -INT32_MAX : *out;
	return 0;
}

static bool direction(struct doc_value v, int *out)
{
	int64_t n;
	if (!doc_is_number(v) || !doc_as_int64(v, &n) || (n != 1 && n != -1)) {
		return false;
	}
	*out = (int)n;
	return true;
}

static int parse_sort(struct update_parser *p, struct update_push *push, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value one;
	int ignored;
	if (v.type != BSON_TYPE_DOCUMENT) {
		return direction(v, &push->whole) ? 0
						  : err_set(p->err, EINVAL,
							    "The $sort is invalid: use 1/-1 to "
							    "sort the whole element, or "
							    "{field:1/-1} to sort embedded fields");
	}
	if (doc_is_empty(v.raw)) {
		return err_set(p->err, EINVAL,
			"The $sort pattern is empty when it should be a set of fields.");
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &one)) {
		if (!direction(one, &ignored)) {
			return err_set(
				p->err, EINVAL, "The $sort element value must be either 1 or -1");
		}
		if (name.n == 0 || name.p[0] == '.' || name.p[name.n - 1] == '.') {
			return err_set(p->err, EINVAL,
				"The $sort field cannot be empty, nor begin or end with a dot: "
				"'%.*s'",
				SHOWN(name));
		}
	}
	push->sort = v.raw;
	return 0;
}

static int parse_clause(
	struct update_parser *p, struct update_push *push, struct slice name, struct doc_value v)
{
	if (slice_is(name, "$each")) {
		return 0;
	}
	if (slice_is(name, "$slice")) {
		push->has_slice = true;
		return whole_number(p, "slice", v, &push->slice);
	}
	if (slice_is(name, "$position")) {
		push->has_position = true;
		return whole_number(p, "position", v, &push->position);
	}
	if (slice_is(name, "$sort")) {
		return parse_sort(p, push, v);
	}
	return err_set(p->err, EINVAL,
		"Unrecognized clause in $push: %.*s; known are $each, $slice, $sort, $position",
		SHOWN(name));
}

/* {$each: [..]}: the value becomes the array. */
static int parse_each(struct update_parser *p, struct update_node *node, const char *operator)
{
	struct doc_value each = DOC_MISSING;
	if (match_is_operators(node->value)) {
		each = doc_field(node->value.raw, slice_of("$each"));
	}
	if (each.type == BSON_TYPE_EOD) {
		return 0;
	}
	if (each.type != BSON_TYPE_ARRAY) {
		return err_set(p->err, EINVAL,
			"The argument to $each in %s must be an array but it was of type %s",
			operator, doc_type_name(each.type));
	}
	node->each = true;
	node->value = each;
	return 0;
}

static int parse_push(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value clause;
	(void)path;
	int r = parse_each(p, node, "$push");
	if (r < 0 || !node->each) {
		return r;
	}
	struct update_push *push = doc_arena_alloc(p->arena, sizeof(*push));
	if (push == NULL) {
		return err_set(p->err, ENOMEM, "out of memory");
	}
	*push = (struct update_push){0};
	node->push = push;
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &clause)) {
		r = parse_clause(p, push, name, clause);
	}
	return r;
}

static int parse_add_to_set(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value clause;
	(void)path;
	int r = parse_each(p, node, "$addToSet");
	if (r < 0 || !node->each) {
		return r;
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &clause)) {
		if (!slice_is(name, "$each")) {
			return err_set(p->err, EINVAL,
				"Found unexpected fields after $each in $addToSet: %.*s",
				SHOWN(name));
		}
	}
	return 0;
}

static int parse_pop(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	int which;
	(void)node;
	if (!doc_is_number(v)) {
		return err_set(p->err, EINVAL, "Expected a number in: %.*s", SHOWN(path));
	}
	return direction(v, &which)
		       ? 0
		       : err_set(p->err, EINVAL, "$pop expects 1 or -1, found: %g", doc_double(v));
}

/* Operators are about an element as about a field, an object about an element's members;
 * anything else is compared. */
static int parse_pull(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	int r = 0;
	(void)path;
	if (match_is_operators(v) || v.type == BSON_TYPE_REGEX) {
		struct buf filter = BUF_INIT;
		size_t at = doc_begin(&filter);
		doc_put(&filter, slice_of(""), v);
		doc_end(&filter, at);
		r = buf_check(&filter, p->err);
		r = r < 0 ? r : doc_match_new(buf_slice(&filter), &node->match, p->err);
		buf_free(&filter);
	} else if (v.type == BSON_TYPE_DOCUMENT) {
		node->match_objects = true;
		r = doc_match_new(v.raw, &node->match, p->err);
	}
	if (node->match != NULL) {
		node->owner = p->u->owners;
		p->u->owners = node;
	}
	return r;
}

static int parse_pull_all(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v)
{
	(void)node;
	(void)path;
	return v.type == BSON_TYPE_ARRAY
		       ? 0
		       : err_set(p->err, EINVAL,
				 "$pullAll requires an array argument but was given a %s",
				 doc_type_name(v.type));
}

/* ---- all ---- */

static const struct update_operator operators[] = {
	{"$addToSet", UPDATE_ADD_TO_SET, parse_add_to_set},
	{"$bit", UPDATE_BIT, parse_bit},
	{"$currentDate", UPDATE_CURRENT_DATE, parse_date},
	{"$inc", UPDATE_INC, parse_number},
	{"$max", UPDATE_MAX, NULL},
	{"$min", UPDATE_MIN, NULL},
	{"$mul", UPDATE_MUL, parse_number},
	{"$pop", UPDATE_POP, parse_pop},
	{"$pull", UPDATE_PULL, parse_pull},
	{"$pullAll", UPDATE_PULL_ALL, parse_pull_all},
	{"$push", UPDATE_PUSH, parse_push},
	{"$rename", UPDATE_RENAME, parse_rename},
	{"$set", UPDATE_SET, NULL},
	{"$setOnInsert", UPDATE_SET_ON_INSERT, NULL},
	{"$unset", UPDATE_UNSET, NULL},
	{NULL, UPDATE_TREE, NULL},
};

const struct update_operator *update_operator_find(struct slice name)
{
	const struct update_operator *o = operators;
	while (o->name != NULL && !slice_is(name, o->name)) {
		o++;
	}
	return o->name != NULL ? o : NULL;
}

const char *update_operator_name(enum update_op op)
{
	const struct update_operator *o = operators;
	while (o->name != NULL && o->op != op) {
		o++;
	}
	return o->name != NULL ? o->name : "$rename";
}

const char *update_operator_at(unsigned i)
{
	return operators[i].name;
}
