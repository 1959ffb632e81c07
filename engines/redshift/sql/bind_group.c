/* GROUP BY and ORDER BY: ordinals, aliases; and what may stand beside a GROUP BY. */
#include "engines/redshift/sql/bind_impl.h"

bool bind_has_call(const json_t *node, int kind)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_array(node)) {
		json_array_foreach (node, i, member) {
			if (bind_has_call(member, kind)) {
				return true;
			}
		}
		return false;
	}
	if (!json_is_object(node) || rs_node_as(node, "SelectStmt") != NULL) {
		return false;
	}
	if (rs_get_number(node, "rs_kind") == kind) {
		return true;
	}
	json_object_foreach ((json_t *)node, key, member) {
		if (bind_has_call(member, kind)) {
			return true;
		}
	}
	return false;
}

/* "1": which of the select list; -1: the expression is no ordinal. */
static int64_t ordinal(const json_t *node)
{
	const json_t *ival = json_object_get(rs_node_as(node, "A_Const"), "ival");

	return ival != NULL ? rs_get_number(ival, "ival") : -1;
}

static int find_ordinal(struct binder *b, const json_t *node, size_t n, const char *clause)
{
	int64_t k = ordinal(node);

	if (k < 1 || (size_t)k > n) {
		return bind_fail(b, EINVAL, rs_tree_location(node),
			"%s %lld: the select list has columns 1 to %zu", clause, (long long)k, n);
	}
	return (int)(k - 1);
}

/* The alias that is meant when no FROM column has that name (GROUP BY), or before it (ORDER BY). */
static int64_t find_alias(const json_t *targets, const json_t *node)
{
	const json_t *fields = json_object_get(rs_node_as(node, "ColumnRef"), "fields");
	const char *name = rs_node_string(json_array_get(fields, 0));

	if (json_array_size(fields) != 1) {
		return -1;
	}
	for (size_t i = 0; i < json_array_size(targets); i++) {
		const json_t *target = rs_node_body(json_array_get(targets, i));
		const char *own = rs_get_text(target, "name");

		if (strcmp(own[0] != 0 ? own : rs_get_text(target, "rs_natural"), name) == 0) {
			return (int64_t)i;
		}
	}
	return -1;
}

static json_t *target_value(const json_t *targets, int64_t i)
{
	return json_object_get(rs_node_body(json_array_get(targets, (size_t)i)), "val");
}

static int become_target(struct binder *b, json_t *node, const json_t *targets, int64_t i)
{
	json_t *copy = json_deep_copy(target_value(targets, i));

	if (copy == NULL) {
		return bind_no_memory(b);
	}
	rs_node_become(node, copy);
	return 0;
}

/* ---- GROUP BY ---- */

static int bind_group_element(struct binder *b, struct bind_scope *s, json_t *select, json_t *node)
{
	const json_t *targets = json_object_get(select, "targetList");
	json_t *set = rs_node_as(node, "GroupingSet");
	json_t *row = rs_node_as(node, "RowExpr");
	json_t *inner = json_object_get(set != NULL ? set : row, set != NULL ? "content" : "args");
	json_t *each;
	size_t i;
	int rc = 0;

	if (set != NULL || row != NULL) {
		json_array_foreach (inner, i, each) {
			rc = rc != 0 ? rc : bind_group_element(b, s, select, each);
		}
		return rc;
	}
	if (ordinal(node) >= 0) {
		rc = find_ordinal(b, node, json_array_size(targets), "GROUP BY");
		rc = rc < 0 ? rc : become_target(b, node, targets, rc);
	} else {
		rc = bind_expression(b, s, node);
	}
	if (rc == 0 && (bind_has_call(node, 1) || bind_has_call(node, 2))) {
		return bind_fail(
			b, EINVAL, rs_tree_location(node), "an aggregate cannot stand in GROUP BY");
	}
	return rc;
}

int bind_group(struct binder *b, struct bind_scope *s, json_t *select)
{
	json_t *list = json_object_get(select, "groupClause");
	json_t *node;
	size_t i;

	s->clause = "GROUP BY";
	json_array_foreach (list, i, node) {
		int rc = bind_group_element(b, s, select, node);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static bool is_grouped(const json_t *groups, const json_t *node)
{
	const json_t *group;
	size_t i;

	json_array_foreach (groups, i, group) {
		const json_t *set = rs_node_as(group, "GroupingSet");
		const json_t *row = rs_node_as(group, "RowExpr");

		if (set != NULL || row != NULL) {
			if (is_grouped(json_object_get(set != NULL ? set : row,
					       set != NULL ? "content" : "args"),
				    node)) {
				return true;
			}
		} else if (rs_tree_equal(group, node)) {
			return true;
		}
	}
	return false;
}

/* `depth`: how many queries further in we are. */
static int check_node(struct binder *b, const json_t *groups, const json_t *node, int depth)
{
	const char *key;
	json_t *member;
	size_t i;
	int rc = 0;

	if (json_is_array(node)) {
		json_array_foreach (node, i, member) {
			rc = rc != 0 ? rc : check_node(b, groups, member, depth);
		}
		return rc;
	}
	if (!json_is_object(node)) {
		return 0;
	}
	if (depth == 0 && json_object_size(node) == 1 && is_grouped(groups, node)) {
		return 0;
	}
	if (rs_get_number(node, "rs_kind") == 1) {
		return 0;
	}
	if (rs_node_as(node, "SelectStmt") != NULL) {
		depth++;
	}
	const json_t *column = rs_node_as(node, "ColumnRef");

	if (column != NULL && json_integer_value(json_array_get(
				      json_object_get(column, "rs_from"), 0)) == depth) {
		json_t *own = json_deep_copy(node);

		json_array_set_new(
			json_object_get(rs_node_body(own), "rs_from"), 0, json_integer(0));
		rc = !is_grouped(groups, own);
		json_decref(own);
		return rc == 0 ? 0
			       : bind_fail(b, EINVAL, rs_tree_location(node),
					 "column \"%s\" has to stand in GROUP BY or in an "
					 "aggregate",
					 rs_get_text(column, "rs_column"));
	}
	json_object_foreach ((json_t *)node, key, member) {
		rc = rc != 0 ? rc : check_node(b, groups, member, depth);
	}
	return rc;
}

int bind_check_grouped(struct binder *b, struct bind_scope *s, json_t *select)
{
	static const char *const members[] = {
		"targetList", "havingClause", "sortClause", "rs_qualify", NULL};
	const json_t *groups = json_object_get(select, "groupClause");

	(void)s;
	if (groups == NULL && json_object_get(select, "havingClause") == NULL &&
		!bind_has_call(json_object_get(select, "targetList"), 1) &&
		!bind_has_call(json_object_get(select, "sortClause"), 1)) {
		return 0;
	}
	json_object_set_new(select, "rs_grouped", json_true());
	for (size_t i = 0; members[i] != NULL; i++) {
		int rc = check_node(b, groups, json_object_get(select, members[i]), 0);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- ORDER BY ---- */

static int bind_order_element(
	struct binder *b, struct bind_scope *s, const json_t *targets, json_t *sort)
{
	json_t *node = json_object_get(sort, "node");
	int64_t k = find_alias(targets, node);
	int rc;

	if (ordinal(node) >= 0) {
		rc = find_ordinal(b, node, json_array_size(targets), "ORDER BY");
		if (rc < 0) {
			return rc;
		}
		k = rc;
	}
	if (k >= 0) {
		json_object_set_new(sort, "rs_target", json_integer(k));
		return become_target(b, node, targets, k);
	}
	rc = bind_expression(b, s, node);
	for (size_t i = 0; rc == 0 && i < json_array_size(targets); i++) {
		if (rs_tree_equal(target_value(targets, (int64_t)i), node)) {
			json_object_set_new(sort, "rs_target", json_integer((json_int_t)i));
			break;
		}
	}
	return rc;
}

int bind_order(struct binder *b, struct bind_scope *s, json_t *select)
{
	const json_t *targets = json_object_get(select, "targetList");
	bool distinct = json_object_get(select, "distinctClause") != NULL;
	json_t *list = json_object_get(select, "sortClause");
	json_t *sort;
	size_t i;

	s->clause = "ORDER BY";
	s->aggregates_allowed = true;
	s->windows_allowed = true;
	json_array_foreach (list, i, sort) {
		json_t *body = rs_node_body(sort);
		int rc = bind_order_element(b, s, targets, body);

		if (rc != 0) {
			return rc;
		}
		if (distinct && json_object_get(body, "rs_target") == NULL) {
			return bind_fail(b, EINVAL, rs_tree_location(json_object_get(body, "node")),
				"with SELECT DISTINCT, ORDER BY takes columns of the select list");
		}
	}
	return 0;
}

int bind_sort_list(struct binder *b, struct bind_scope *s, json_t *list)
{
	json_t *sort;
	size_t i;

	json_array_foreach (list, i, sort) {
		int rc = bind_expression(b, s, json_object_get(rs_node_body(sort), "node"));

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
