/* Aggregates in two halves: sums and counts of each node's rows, which the leader adds up. */
#include <errno.h>
#include <stdio.h>

#include "engines/redshift/plan/push.h"
#include "engines/redshift/sql/functions.h"

#define BIGINT ((struct sql_type){SQL_BIGINT, 0, 0})
#define DOUBLE ((struct sql_type){SQL_DOUBLE, 0, 0})

struct halves {
	const json_t *groups;
	json_t *inner; /* what the nodes do */
	unsigned n_partials;
	bool failed; /* there is something that is not made of halves */
};

static json_t *fail(struct halves *h)
{
	h->failed = true;
	return NULL;
}

/* ---- calls ---- */

/* Whether a letter of functions.h takes that type as it is. */
static bool takes(char letter, enum sql_kind kind)
{
	switch (letter) {
	case 'I': return kind == SQL_SMALLINT || kind == SQL_INTEGER || kind == SQL_BIGINT;
	case 'c': return kind == SQL_DECIMAL;
	case 'd': return kind == SQL_REAL || kind == SQL_DOUBLE;
	default: return false;
	}
}

static json_t *sum_of(struct halves *h, json_t *ref)
{
	struct sql_type t = rs_type_of(ref);
	unsigned row = rs_function_find("sum");

	while (row < rs_n_functions && strcmp(rs_functions[row].name, "sum") == 0 &&
		!takes(rs_functions[row].arguments[0], t.kind)) {
		row++;
	}
	if (row >= rs_n_functions || strcmp(rs_functions[row].name, "sum") != 0) {
		json_decref(ref);
		return fail(h);
	}
	struct sql_type result = rs_function_result(&rs_functions[row], &t, 1);
	json_t *node = rs_new_call("sum", ref, NULL, result);
	json_t *call = rs_node(node, "FuncCall");
	json_object_set_new(call, "rs_row", json_integer(row));
	json_object_set_new(call, "rs_kind", json_integer(1));
	return sql_type_equal(result, t) ? node : rs_cast(node, t);
}

/* A column of what the nodes give (steals the expression): its reference. */
static json_t *half(struct halves *h, json_t *expression)
{
	char name[24];
	struct sql_type t = rs_type_of(expression);

	snprintf(name, sizeof name, "a%u", h->n_partials++);
	if (rs_push_target(h->inner, name, expression) != 0) {
		return fail(h);
	}
	return rs_new_ref("", 0, name, t);
}

static json_t *copy_call(const json_t *call)
{
	return json_pack("{s:o}", "FuncCall", json_deep_copy(call));
}

/* The same aggregate of what the nodes found: the least of the least ones. */
static json_t *again(struct halves *h, const json_t *call)
{
	json_t *node = copy_call(call);
	json_t *outer = rs_node(node, "FuncCall");
	json_t *ref = half(h, copy_call(call));

	json_object_del(outer, "agg_filter");
	json_object_del(outer, "agg_distinct");
	json_object_set_new(outer, "args", json_pack("[o]", ref));
	return node;
}

static json_t *operation(const char *kind, const char *name, json_t *left, json_t *right)
{
	struct sql_type t = rs_type_of(left);
	return json_pack("{s:{s:s, s:[{s:{s:s}}], s:o, s:o, s:o}}", "A_Expr", "kind", kind, "name",
		"String", "sval", name, "lexpr", left, "rexpr", right, "rs_type", rs_new_type(t));
}

/* Another aggregate of the same argument. */
static json_t *half_call(struct halves *h, const json_t *call, const char *name)
{
	json_t *node = copy_call(call);
	json_t *inner = rs_node(node, "FuncCall");
	struct sql_type t = rs_type_of(json_array_get(json_object_get(call, "args"), 0));
	unsigned row = rs_function_find(name);

	while (row < rs_n_functions && strcmp(rs_functions[row].name, name) == 0 &&
		!takes(rs_functions[row].arguments[0], t.kind) &&
		rs_functions[row].arguments[0] != 'x') {
		row++;
	}
	if (row >= rs_n_functions || strcmp(rs_functions[row].name, name) != 0) {
		json_decref(node);
		return fail(h);
	}
	json_object_set_new(inner, "funcname", json_pack("[{s:{s:s}}]", "String", "sval", name));
	json_object_set_new(inner, "rs_function", json_string(name));
	json_object_set_new(inner, "rs_row", json_integer(row));
	json_object_set_new(
		inner, "rs_type", rs_new_type(rs_function_result(&rs_functions[row], &t, 1)));
	return half(h, node);
}

/* Of integers and of floating numbers. The sum of 64-bit integers would overflow where their
 * average does not; how a DECIMAL's is rounded is the driver's business. */
static json_t *average(struct halves *h, const json_t *call)
{
	enum sql_kind kind = rs_type_of(json_array_get(json_object_get(call, "args"), 0)).kind;
	bool real = kind == SQL_REAL || kind == SQL_DOUBLE;

	if (!real && kind != SQL_SMALLINT && kind != SQL_INTEGER) {
		return fail(h);
	}
	json_t *sum = half_call(h, call, "sum");
	json_t *count = half_call(h, call, "count");
	if (sum == NULL || count == NULL) {
		json_decref(sum);
		json_decref(count);
		return fail(h);
	}
	sum = sum_of(h, sum);
	count = operation(
		"AEXPR_NULLIF", "=", sum_of(h, count), rs_cast(rs_new_integer(0), BIGINT));
	return operation("AEXPR_OP", "/", sum, real ? rs_cast(count, DOUBLE) : count);
}

static json_t *whole(struct halves *h, const json_t *call)
{
	static const char *const same[] = {
		"min", "max", "bool_and", "bool_or", "bit_and", "bit_or"};
	const char *name = rs_text_of(call, "rs_function");

	if (json_object_get(call, "agg_order") != NULL || rs_flag_of(call, "agg_within_group")) {
		return fail(h);
	}
	for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
		if (strcmp(name, same[i]) == 0) {
			return again(h, call);
		}
	}
	if (rs_flag_of(call, "agg_distinct")) {
		return fail(h);
	}
	if (strcmp(name, "count") == 0 || strcmp(name, "sum") == 0) {
		json_t *ref = half(h, copy_call(call));
		return ref == NULL ? NULL : sum_of(h, ref);
	}
	return strcmp(name, "avg") == 0 ? average(h, call) : fail(h);
}

/* ---- expressions over groups and aggregates ---- */

static json_t *mapped(struct halves *h, json_t *node);

static json_t *group_ref(const struct halves *h, const json_t *node)
{
	char name[24];
	size_t i;
	json_t *group;

	if (rs_node(node, "A_Const") != NULL || json_object_size(node) != 1) {
		return NULL;
	}
	json_array_foreach (h->groups, i, group) {
		if (rs_same(group, node)) {
			snprintf(name, sizeof name, "g%zu", i);
			return rs_new_ref("", 0, name, rs_type_of(group));
		}
	}
	return NULL;
}

static json_t *mapped_members(struct halves *h, json_t *node)
{
	json_t *out = json_copy(node);
	const char *key;
	size_t i;
	json_t *child;

	json_array_foreach (node, i, child) {
		json_array_set_new(out, i, mapped(h, child));
	}
	json_object_foreach (node, key, child) {
		if (rs_is_part(key) && (json_is_object(child) || json_is_array(child))) {
			json_object_set_new(out, key, mapped(h, child));
		}
	}
	return out;
}

/* A new one; members are NULL in a tree that failed. */
static json_t *mapped(struct halves *h, json_t *node)
{
	const json_t *call = rs_node(node, "FuncCall");

	if (h->failed || !(json_is_object(node) || json_is_array(node))) {
		return json_incref(node);
	}
	json_t *ref = json_is_object(node) ? group_ref(h, node) : NULL;
	if (ref != NULL) {
		return ref;
	}
	if (call != NULL && rs_is_aggregate(call)) {
		return whole(h, call);
	}
	if (rs_node(node, "ColumnRef") != NULL || rs_node(node, "SelectStmt") != NULL) {
		return fail(h);
	}
	return mapped_members(h, node);
}

/* ---- the SELECT ---- */

static json_t *select_for_groups(const json_t *select)
{
	json_t *inner =
		rs_new_select(json_array(), json_deep_copy(json_object_get(select, "fromClause")));
	json_t *where = json_object_get(select, "whereClause");
	json_t *groups = json_object_get(select, "groupClause");
	char name[24];
	size_t i;
	json_t *group;

	if (where != NULL) {
		json_object_set_new(inner, "whereClause", json_deep_copy(where));
	}
	if (groups != NULL) {
		json_object_set_new(inner, "groupClause", json_deep_copy(groups));
	}
	json_object_set_new(inner, "rs_grouped", json_true());
	json_array_foreach (groups, i, group) {
		snprintf(name, sizeof name, "g%zu", i);
		rs_push_target(inner, name, json_deep_copy(group));
	}
	return inner;
}

static json_t *refs_of_groups(const json_t *groups)
{
	json_t *refs = json_array();
	char name[24];
	size_t i;
	json_t *group;

	json_array_foreach (groups, i, group) {
		snprintf(name, sizeof name, "g%zu", i);
		json_array_append_new(refs, rs_new_ref("", 0, name, rs_type_of(group)));
	}
	return refs;
}

static const char *const members[] = {"targetList", "havingClause", "sortClause"};
#define N_MEMBERS (sizeof members / sizeof *members)

static int name_step(void *arg, json_t *ref, unsigned depth)
{
	(void)depth;
	return json_object_set_new(ref, "rs_alias", json_string(arg));
}

static int become(json_t *select, json_t *const *outer, struct rs_step *s)
{
	const json_t *groups = json_object_get(select, "groupClause");
	int rc = 0;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		rc |= outer[i] == NULL ? 0 : json_object_set(select, members[i], outer[i]);
	}
	if (groups != NULL) {
		rc |= json_object_set_new(select, "groupClause", refs_of_groups(groups));
	}
	return rc | rs_each_ref(select, 0, name_step, s->name);
}

int rs_push_partial(struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err)
{
	struct halves h = {.groups = json_object_get(select, "groupClause"),
		.inner = select_for_groups(select)};
	json_t *outer[N_MEMBERS] = {NULL};
	struct rs_step *s = NULL;
	int rc = 0;

	for (size_t i = 0; i < N_MEMBERS; i++) {
		json_t *member = json_object_get(select, members[i]);
		outer[i] = member == NULL ? NULL : mapped(&h, member);
	}
	if (h.failed) {
		json_decref(h.inner);
	} else {
		if (json_array_size(json_object_get(h.inner, "targetList")) == 0) {
			rs_push_target(h.inner, "c", rs_new_integer(1));
		}
		rc = rs_push_step(p, h.inner, pl, &s, err);
		rc = rc != 0 ? rc : rs_push_read(p, select, s, err);
		if (rc == 0) {
			s->partial = true;
			rc = become(select, outer, s) == 0 ? 1
							   : err_set(err, ENOMEM, "out of memory");
		}
	}
	for (size_t i = 0; i < N_MEMBERS; i++) {
		json_decref(outer[i]);
	}
	return rc;
}
