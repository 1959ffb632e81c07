#include "engines/redshift/plan/tree.h"

#include <errno.h>

json_t *rs_node(const json_t *node, const char *type)
{
	return json_is_object(node) ? json_object_get(node, type) : NULL;
}

const char *rs_text_of(const json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));
	return text == NULL ? "" : text;
}

bool rs_flag_of(const json_t *o, const char *member)
{
	return json_is_true(json_object_get(o, member));
}

bool rs_is_part(const char *key)
{
	return strncmp(key, "rs_", 3) != 0 || strcmp(key, "rs_qualify") == 0;
}

/* An arm of a set operation stands in it without a node around it. */
static bool is_arm(const char *key, const json_t *value)
{
	return (strcmp(key, "larg") == 0 || strcmp(key, "rarg") == 0) &&
	       json_object_get(value, "op") != NULL;
}

int rs_each_ref(json_t *j, unsigned depth, rs_ref_fn *fn, void *arg)
{
	int rc = 0;
	size_t i;
	json_t *child;
	const char *key;

	if (json_is_array(j)) {
		json_array_foreach (j, i, child) {
			rc = rc != 0 ? rc : rs_each_ref(child, depth, fn, arg);
		}
		return rc;
	}
	json_object_foreach (j, key, child) {
		if (rc != 0) {
			break;
		}
		if (strcmp(key, "ColumnRef") == 0) {
			rc = fn(arg, child, depth);
		} else if (rs_is_part(key)) {
			unsigned inside = strcmp(key, "SelectStmt") == 0 ? 1 : 0;
			rc = rs_each_ref(child, depth + inside, fn, arg);
		}
	}
	return rc;
}

unsigned rs_ref_level(const json_t *ref)
{
	return (unsigned)json_integer_value(json_array_get(json_object_get(ref, "rs_from"), 0));
}

unsigned rs_ref_item(const json_t *ref)
{
	return (unsigned)json_integer_value(json_array_get(json_object_get(ref, "rs_from"), 1));
}

bool rs_some(const json_t *j, rs_says_fn *says, const void *arg)
{
	size_t i;
	json_t *child;
	const char *key;

	json_array_foreach (j, i, child) {
		if (rs_some(child, says, arg)) {
			return true;
		}
	}
	json_object_foreach ((json_t *)j, key, child) {
		if (!rs_is_part(key)) {
			continue;
		}
		if (says(key, child, arg) ||
			(strcmp(key, "SelectStmt") != 0 && !is_arm(key, child) &&
				rs_some(child, says, arg))) {
			return true;
		}
	}
	return false;
}

static bool says_type(const char *key, const json_t *value, const void *arg)
{
	(void)value;
	return strcmp(key, arg) == 0;
}

bool rs_has(const json_t *j, const char *type)
{
	return rs_some(j, says_type, type);
}

bool rs_is_aggregate(const json_t *call)
{
	return json_integer_value(json_object_get(call, "rs_kind")) == 1;
}

static bool says_kind(const char *key, const json_t *value, const void *arg)
{
	(void)key;
	return json_is_object(value) &&
	       json_integer_value(json_object_get(value, "rs_kind")) == *(const int *)arg;
}

bool rs_has_aggregate(const json_t *j)
{
	static const int kind = 1;
	return rs_some(j, says_kind, &kind);
}

bool rs_has_window(const json_t *j)
{
	static const int kind = 2;
	return rs_some(j, says_kind, &kind);
}

static bool same_ref(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "rs_from"), json_object_get(b, "rs_from")) &&
	       strcmp(rs_text_of(a, "rs_column"), rs_text_of(b, "rs_column")) == 0;
}

/* Members that say where and how something was written. */
static bool counts(const char *key)
{
	return strcmp(key, "location") != 0 && strcmp(key, "funcformat") != 0 &&
	       strcmp(key, "rs_implicit") != 0;
}

static size_t counted(const json_t *o)
{
	size_t n = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)o, key, value) {
		n += counts(key) ? 1 : 0;
	}
	return n;
}

static bool same_members(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)a, key, value) {
		json_t *other = json_object_get(b, key);
		if (!counts(key)) {
			continue;
		}
		if (other == NULL || !(strcmp(key, "ColumnRef") == 0 ? same_ref(value, other)
								     : rs_same(value, other))) {
			return false;
		}
	}
	return counted(a) == counted(b);
}

bool rs_same(const json_t *a, const json_t *b)
{
	if (json_is_object(a) && json_is_object(b)) {
		return same_members(a, b);
	}
	if (!json_is_array(a) || !json_is_array(b)) {
		return json_equal(a, b);
	}
	size_t n = json_array_size(a);
	for (size_t i = 0; i < n && n == json_array_size(b); i++) {
		if (!rs_same(json_array_get(a, i), json_array_get(b, i))) {
			return false;
		}
	}
	return n == json_array_size(b);
}

int rs_conjuncts(json_t *condition, json_t *out)
{
	json_t *both = rs_node(condition, "BoolExpr");
	size_t i;
	json_t *part;
	int rc = 0;

	if (condition == NULL) {
		return 0;
	}
	if (both == NULL || strcmp(rs_text_of(both, "boolop"), "AND_EXPR") != 0) {
		return json_array_append(out, condition) == 0 ? 0 : -ENOMEM;
	}
	json_array_foreach (json_object_get(both, "args"), i, part) {
		rc = rc != 0 ? rc : rs_conjuncts(part, out);
	}
	return rc;
}

json_t *rs_conjunction(json_t *parts)
{
	struct sql_type boolean = {SQL_BOOLEAN, 0, 0};

	if (json_array_size(parts) == 0) {
		return NULL;
	}
	if (json_array_size(parts) == 1) {
		return json_incref(json_array_get(parts, 0));
	}
	return json_pack("{s:{s:s, s:O, s:o}}", "BoolExpr", "boolop", "AND_EXPR", "args", parts,
		"rs_type", rs_new_type(boolean));
}

json_t *rs_new_type(struct sql_type t)
{
	return json_pack("[i, i, i]", (int)t.kind, (int)t.size, (int)t.scale);
}

json_t *rs_new_ref(const char *alias, unsigned item, const char *column, struct sql_type t)
{
	return json_pack("{s:{s:[{s:{s:s}}, {s:{s:s}}], s:[i, i], s:s, s:s, s:o}}", "ColumnRef",
		"fields", "String", "sval", alias, "String", "sval", column, "rs_from", 0,
		(int)item, "rs_alias", alias, "rs_column", column, "rs_type", rs_new_type(t));
}

json_t *rs_new_call(const char *function, json_t *argument, json_t *second, struct sql_type t)
{
	json_t *args = json_array();

	if (argument != NULL) {
		json_array_append_new(args, argument);
	}
	if (second != NULL) {
		json_array_append_new(args, second);
	}
	return json_pack("{s:{s:[{s:{s:s}}], s:o, s:s, s:o}}", "FuncCall", "funcname", "String",
		"sval", function, "args", args, "rs_function", function, "rs_type", rs_new_type(t));
}

json_t *rs_new_target(const char *name, json_t *value)
{
	return json_pack("{s:{s:s, s:o}}", "ResTarget", "name", name, "val", value);
}

/* As the binder writes them: the names and types of its targets. */
static json_t *columns_of_targets(const json_t *targets)
{
	json_t *columns = json_array();
	size_t i;
	json_t *target;

	json_array_foreach (targets, i, target) {
		const json_t *t = rs_node(target, "ResTarget");
		struct sql_type type = rs_type_of(json_object_get(t, "val"));
		json_array_append_new(
			columns, json_pack("[s, i, i, i]", rs_text_of(t, "name"), (int)type.kind,
					 (int)type.size, (int)type.scale));
	}
	return columns;
}

json_t *rs_new_select(json_t *targets, json_t *from)
{
	json_t *columns = columns_of_targets(targets);
	return json_pack("{s:o, s:o, s:s, s:s, s:o}", "targetList", targets, "fromClause", from,
		"limitOption", "LIMIT_OPTION_DEFAULT", "op", "SETOP_NONE", "rs_columns", columns);
}

json_t *rs_new_integer(int64_t n)
{
	struct sql_type integer = {SQL_INTEGER, 0, 0};
	return json_pack("{s:{s:{s:I}, s:o}}", "A_Const", "ival", "ival", (json_int_t)n, "rs_type",
		rs_new_type(integer));
}
