/* UNION, INTERSECT, EXCEPT and VALUES: arms whose columns have one type. */
#include <stdlib.h>

#include "engines/redshift/sql/bind_impl.h"

static int cast_values(struct binder *b, json_t *select, size_t column, struct sql_type to)
{
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(select, "valuesLists"), i, row) {
		const json_t *items = json_object_get(rs_node_as(row, "List"), "items");
		int rc = bind_become(b, json_array_get(items, column), to);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

int bind_cast_column(struct binder *b, json_t *select, size_t column, struct sql_type to)
{
	json_t *own = json_array_get(json_object_get(select, "rs_columns"), column);
	int rc = 0;

	if (sql_type_equal(bind_column_type(own), to)) {
		return 0;
	}
	if (json_object_get(select, "larg") != NULL) {
		rc = bind_cast_column(b, json_object_get(select, "larg"), column, to);
		rc = rc != 0 ? rc
			     : bind_cast_column(b, json_object_get(select, "rarg"), column, to);
	} else if (json_object_get(select, "valuesLists") != NULL) {
		rc = cast_values(b, select, column, to);
	} else {
		json_t *target = json_array_get(json_object_get(select, "targetList"), column);

		rc = bind_become(b, json_object_get(rs_node_body(target), "val"), to);
	}
	if (json_array_size(own) > 4) {
		json_array_remove(own, 4);
	}
	json_array_set_new(own, 1, json_integer(to.kind));
	json_array_set_new(own, 2, json_integer(to.size));
	json_array_set_new(own, 3, json_integer(to.scale));
	return rc;
}

/* ---- set operations ---- */

/* A text that is written out becomes what the other arm has. */
static struct sql_type arm_type(const json_t *column)
{
	return json_array_size(column) > 4 ? BIND_TYPE(SQL_UNKNOWN) : bind_column_type(column);
}

static int unify_arms(struct binder *b, json_t *select, json_t *left, json_t *right)
{
	const json_t *l = json_object_get(left, "rs_columns");
	const json_t *r = json_object_get(right, "rs_columns");
	char room[2][64];

	if (json_array_size(l) != json_array_size(r)) {
		return bind_fail(b, EINVAL, -1,
			"the arms of %s have %zu and %zu columns: they have to be as many",
			rs_get_text(select, "op") + strlen("SETOP_"), json_array_size(l),
			json_array_size(r));
	}
	for (size_t i = 0; i < json_array_size(l); i++) {
		struct sql_type lt = arm_type(json_array_get(l, i));
		struct sql_type rt = arm_type(json_array_get(r, i));
		struct sql_type t;
		int rc;

		if (!bind_unify(lt, rt, &t)) {
			return bind_fail(b, EINVAL, -1,
				"column %zu of the arms of %s is %s and %s: they have no type in "
				"common",
				i + 1, rs_get_text(select, "op") + strlen("SETOP_"),
				bind_type_text(lt, room[0]), bind_type_text(rt, room[1]));
		}
		if (lt.kind == SQL_UNKNOWN && rt.kind == SQL_UNKNOWN) {
			t = BIND_TYPE(SQL_VARCHAR);
		}
		rc = bind_cast_column(b, left, i, t);
		rc = rc != 0 ? rc : bind_cast_column(b, right, i, t);
		if (rc != 0) {
			return rc;
		}
	}
	return json_object_set_new(select, "rs_columns", json_deep_copy(l)) != 0 ? bind_no_memory(b)
										 : 0;
}

/* ORDER BY of the whole names columns of the result. */
static int order_result(struct binder *b, json_t *select)
{
	const json_t *columns = json_object_get(select, "rs_columns");
	json_t *sort;
	size_t i;

	json_array_foreach (json_object_get(select, "sortClause"), i, sort) {
		json_t *body = rs_node_body(sort);
		const json_t *node = json_object_get(body, "node");
		const json_t *ival = json_object_get(rs_node_as(node, "A_Const"), "ival");
		const json_t *fields = json_object_get(rs_node_as(node, "ColumnRef"), "fields");
		const char *name = rs_node_string(json_array_get(fields, 0));
		size_t k = 0;

		if (ival != NULL) {
			k = (size_t)rs_get_number(ival, "ival") - 1;
		} else if (json_array_size(fields) == 1) {
			while (k < json_array_size(columns) &&
				strcmp(json_string_value(
					       json_array_get(json_array_get(columns, k), 0)),
					name) != 0) {
				k++;
			}
		} else {
			k = json_array_size(columns);
		}
		if (k >= json_array_size(columns)) {
			return bind_fail(b, EINVAL, rs_tree_location(node),
				"ORDER BY of a %s takes names or numbers of its columns",
				rs_get_text(select, "op") + strlen("SETOP_"));
		}
		json_object_set_new(body, "rs_target", json_integer((json_int_t)k));
		json_t *column = json_pack("{s:{s:s}}", "ColumnRef", "rs_column",
			json_string_value(json_array_get(json_array_get(columns, k), 0)));

		rs_set_type(column, bind_column_type(json_array_get(columns, k)));
		json_object_set_new(body, "node", column);
	}
	return 0;
}

int bind_setop(struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select)
{
	json_t *left = json_object_get(select, "larg");
	json_t *right = json_object_get(select, "rarg");
	int rc;

	if (rs_get_flag(select, "all") && !rs_get_is(select, "op", "SETOP_UNION")) {
		return bind_fail(b, ENOTSUP, -1, "INTERSECT ALL and EXCEPT ALL are not supported");
	}
	rc = bind_select(b, outer, ctes, left);
	rc = rc != 0 ? rc : bind_select(b, outer, ctes, right);
	rc = rc != 0 ? rc : unify_arms(b, select, left, right);
	return rc != 0 ? rc : order_result(b, select);
}

/* ---- VALUES ---- */

static int unify_column(struct binder *b, json_t *rows, size_t column, json_t *columns)
{
	size_t n = json_array_size(rows);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	CLEANUP(cleanup_free) json_t **nodes = calloc(n + 1, sizeof *nodes);
	struct sql_type t;
	char name[32];
	int rc;

	if (nodes == NULL) {
		return bind_no_memory(b);
	}
	for (size_t i = 0; i < n; i++) {
		nodes[i] = json_array_get(
			json_object_get(rs_node_as(json_array_get(rows, i), "List"), "items"),
			column);
	}
	rc = bind_unify_all(b, nodes, n, "VALUES", &t);
	snprintf(name, sizeof name, "column%zu", column + 1);
	json_array_append_new(
		columns, json_pack("[siii]", name, (int)t.kind, (int)t.size, (int)t.scale));
	return rc;
}

int bind_values(struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select)
{
	json_t *rows = json_object_get(select, "valuesLists");
	struct bind_scope s = {.outer = outer, .ctes = ctes, .clause = "VALUES"};
	size_t width = 0;
	json_t *columns = json_array();
	json_t *row;
	size_t i;
	int rc = 0;

	json_object_set_new(select, "rs_columns", columns);
	json_array_foreach (rows, i, row) {
		json_t *items = json_object_get(rs_node_as(row, "List"), "items");

		if (i > 0 && json_array_size(items) != width) {
			return bind_fail(b, EINVAL, -1,
				"VALUES: row %zu has %zu values, the first one has %zu", i + 1,
				json_array_size(items), width);
		}
		width = json_array_size(items);
		rc = rc != 0 ? rc : bind_list(b, &s, items);
	}
	for (size_t c = 0; rc == 0 && c < width; c++) {
		rc = unify_column(b, rows, c, columns);
	}
	return rc != 0 ? rc : order_result(b, select);
}
