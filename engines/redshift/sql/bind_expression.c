/* Expressions: what each kind of node is, and its type. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/redshift/sql/bind_impl.h"

int bind_list(struct binder *b, struct bind_scope *s, json_t *list)
{
	json_t *node;
	size_t i;

	json_array_foreach (list, i, node) {
		int rc = bind_expression(b, s, node);

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- constants ---- */

/* "12.50": DECIMAL(4,2); what is larger than an integer: BIGINT or DECIMAL; "1e5": DOUBLE. */
static struct sql_type number_type(const char *text)
{
	const char *point = strchr(text, '.');
	unsigned digits = 0;
	unsigned scale = 0;

	if (strpbrk(text, "eE") != NULL) {
		return BIND_TYPE(SQL_DOUBLE);
	}
	for (const char *p = text; *p != 0; p++) {
		if (isdigit((unsigned char)*p)) {
			digits += digits > 0 || *p != '0' || (point != NULL && p > point);
			scale += point != NULL && p > point;
		}
	}
	if (digits == 0) {
		digits = 1;
	}
	if (digits > SQL_DECIMAL_MAX) {
		return BIND_TYPE(SQL_DOUBLE);
	}
	if (point == NULL) {
		errno = 0;
		strtoll(text, NULL, 10);
		if (errno == 0) {
			return BIND_TYPE(SQL_BIGINT);
		}
	}
	return (struct sql_type){.kind = SQL_DECIMAL, .size = digits, .scale = scale};
}

static int bind_constant(struct binder *b, json_t *node)
{
	const json_t *body = rs_node_body(node);
	const json_t *fval = json_object_get(body, "fval");

	if (json_object_get(body, "ival") != NULL) {
		rs_set_type(node, BIND_TYPE(SQL_INTEGER));
	} else if (fval != NULL) {
		rs_set_type(node, number_type(rs_get_text(fval, "fval")));
	} else if (json_object_get(body, "boolval") != NULL) {
		rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	} else if (json_object_get(body, "bsval") != NULL) {
		return bind_fail(
			b, ENOTSUP, rs_tree_location(node), "bit strings are not supported");
	} else {
		rs_set_type(node, BIND_TYPE(SQL_UNKNOWN));
	}
	return 0;
}

/* ---- casts ---- */

/* INTERVAL '3' MONTH: the unit belongs to the text; without any, it is seconds. */
static void add_unit(json_t *cast)
{
	static const struct {
		int64_t mask;
		const char *unit;
	} units[] = {{2, "month"}, {4, "year"}, {8, "day"}, {1024, "hour"}, {2048, "minute"},
		{4096, "second"}};
	const json_t *mods = json_object_get(json_object_get(cast, "typeName"), "typmods");
	json_t *sval = json_object_get(rs_node_as(json_object_get(cast, "arg"), "A_Const"), "sval");
	int64_t mask = rs_get_number(
		json_object_get(rs_node_body(json_array_get(mods, 0)), "ival"), "ival");
	const char *text = rs_get_text(sval, "sval");

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if ((units[i].mask == mask || (mask == 0 && units[i].mask == 4096)) &&
			text[0] != 0 && text[strspn(text, "+-.0123456789 ")] == 0) {
			json_object_set_new(
				sval, "sval", json_sprintf("%s %s", text, units[i].unit));
			return;
		}
	}
}

static int bind_cast(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	json_t *arg = json_object_get(body, "arg");
	struct sql_type to;
	int rc = bind_type_name(b, json_object_get(body, "typeName"), &to);

	rc = rc != 0 ? rc : bind_expression(b, s, arg);
	if (rc != 0) {
		return rc;
	}
	if (to.kind == SQL_INTERVAL) {
		add_unit(body);
	}
	if (sql_type_equal(rs_type_of(arg), to)) {
		json_t *same = json_incref(arg);

		rs_node_become(node, same);
		return 0;
	}
	rc = bind_explicit_cast(b, arg, to);
	if (rc == 0) {
		json_t *cast = json_incref(arg);

		json_object_del(rs_node_body(cast), "rs_implicit");
		json_object_set_new(
			rs_node_body(cast), "location", json_integer(rs_tree_location(node)));
		rs_node_become(node, cast);
	}
	return rc;
}

/* ---- AND, OR, NOT; IS ---- */

static int bind_bool(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *args = json_object_get(rs_node_body(node), "args");
	const char *op = rs_get_text(rs_node_body(node), "boolop");
	json_t *arg;
	size_t i;
	char room[64];

	json_array_foreach (args, i, arg) {
		int rc = bind_expression(b, s, arg);

		if (rc == 0 && !bind_may_become(rs_type_of(arg), BIND_TYPE(SQL_BOOLEAN))) {
			return bind_fail(b, EINVAL, rs_tree_location(arg),
				"%.3s wants conditions; this is %s", op,
				bind_type_text(rs_type_of(arg), room));
		}
		rc = rc != 0 ? rc : bind_become(b, arg, BIND_TYPE(SQL_BOOLEAN));
		if (rc != 0) {
			return rc;
		}
	}
	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	return 0;
}

static int bind_test(struct binder *b, struct bind_scope *s, json_t *node, bool boolean)
{
	json_t *arg = json_object_get(rs_node_body(node), "arg");
	int rc = bind_expression(b, s, arg);

	if (rc == 0 && boolean) {
		char room[64];

		if (!bind_may_become(rs_type_of(arg), BIND_TYPE(SQL_BOOLEAN))) {
			return bind_fail(b, EINVAL, rs_tree_location(arg),
				"IS TRUE and the like want a condition; this is %s",
				bind_type_text(rs_type_of(arg), room));
		}
		rc = bind_become(b, arg, BIND_TYPE(SQL_BOOLEAN));
	}
	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	return rc;
}

/* ---- CASE and its kin ---- */

static size_t collect(json_t *list, const char *kind, const char *member, json_t **out)
{
	json_t *node;
	size_t i;

	json_array_foreach (list, i, node) {
		out[i] = kind != NULL ? json_object_get(rs_node_as(node, kind), member) : node;
	}
	return json_array_size(list);
}

static int unify_list(struct binder *b, json_t *node, json_t *list, const char *kind, json_t *more,
	const char *what)
{
	size_t n = json_array_size(list);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	CLEANUP(cleanup_free) json_t **nodes = calloc(n + 1, sizeof *nodes);
	struct sql_type t;
	int rc;

	if (nodes == NULL) {
		return bind_no_memory(b);
	}
	collect(list, kind, "result", nodes);
	if (more != NULL) {
		nodes[n++] = more;
	}
	rc = bind_unify_all(b, nodes, n, what, &t);
	if (rc == 0) {
		rs_set_type(node, t);
	}
	return rc;
}

/* CASE x WHEN 1: x = 1. */
static int bind_case_when(struct binder *b, struct bind_scope *s, const json_t *arg, json_t *when)
{
	json_t *expr = json_object_get(when, "expr");

	if (arg != NULL) {
		json_t *equal = json_pack("{s:{s:s,s:[{s:{s:s}}],s:o,s:O,s:I}}", "A_Expr", "kind",
			"AEXPR_OP", "name", "String", "sval", "=", "lexpr", json_deep_copy(arg),
			"rexpr", expr, "location", (json_int_t)rs_tree_location(expr));

		if (equal == NULL) {
			return bind_no_memory(b);
		}
		json_object_set_new(when, "expr", equal);
		expr = equal;
	}
	const char *clause = s->clause;
	bool aggregates = s->aggregates_allowed;
	bool windows = s->windows_allowed;
	int rc;

	s->aggregates_allowed = true;
	s->windows_allowed = true;
	rc = bind_condition(b, s, expr, "CASE WHEN");
	s->clause = clause;
	s->aggregates_allowed = aggregates;
	s->windows_allowed = windows;
	return rc != 0 ? rc : bind_expression(b, s, json_object_get(when, "result"));
}

int bind_case(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	json_t *list = json_object_get(body, "args");
	json_t *otherwise = json_object_get(body, "defresult");
	json_t *when;
	size_t i;
	int rc = 0;

	json_array_foreach (list, i, when) {
		rc = bind_case_when(b, s, json_object_get(body, "arg"), rs_node_body(when));
		if (rc != 0) {
			return rc;
		}
	}
	json_object_del(body, "arg");
	rc = otherwise != NULL ? bind_expression(b, s, otherwise) : 0;
	return rc != 0 ? rc : unify_list(b, node, list, "CaseWhen", otherwise, "CASE");
}

static int bind_unified(struct binder *b, struct bind_scope *s, json_t *node, const char *what)
{
	json_t *list = json_object_get(rs_node_body(node), "args");
	int rc = bind_list(b, s, list);

	return rc != 0 ? rc : unify_list(b, node, list, NULL, NULL, what);
}

/* ---- subqueries ---- */

static int one_column(struct binder *b, const json_t *select, int64_t at)
{
	size_t n = json_array_size(json_object_get(select, "rs_columns"));

	return n == 1 ? 0
		      : bind_fail(b, EINVAL, at,
				"a subquery that stands for a value gives one column; this gives "
				"%zu",
				n);
}

static int compare_with(struct binder *b, struct bind_scope *s, json_t *body, json_t *select)
{
	json_t *test = json_object_get(body, "testexpr");
	const json_t *columns = json_object_get(select, "rs_columns");
	json_t *sample = json_object();
	int rc = bind_expression(b, s, test);

	if (rc == 0 && rs_node_as(test, "RowExpr") == NULL) {
		rc = one_column(b, select, rs_get_number(body, "location"));
	}
	if (rc == 0 && rs_node_as(test, "RowExpr") == NULL) {
		/* What the subquery gives has to be comparable as a value would. */
		json_object_set_new(sample, "ColumnRef", json_object());
		rs_set_type(sample, bind_column_type(json_array_get(columns, 0)));
		rc = bind_comparable(b, test, sample, "IN");
		rc = rc != 0 ? rc : bind_cast_column(b, select, 0, rs_type_of(sample));
	}
	json_decref(sample);
	return rc;
}

int bind_subquery(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	json_t *select = rs_node_as(json_object_get(body, "subselect"), "SelectStmt");
	const char *kind = rs_get_text(body, "subLinkType");
	int64_t at = rs_get_number(body, "location");
	int rc = bind_select(b, s, s->ctes, select);

	if (rc != 0) {
		return rc;
	}
	if (strcmp(kind, "EXISTS_SUBLINK") == 0) {
		rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
		return 0;
	}
	if (strcmp(kind, "EXPR_SUBLINK") == 0) {
		rc = one_column(b, select, at);
		rs_set_type(node,
			bind_column_type(json_array_get(json_object_get(select, "rs_columns"), 0)));
		return rc;
	}
	if (strcmp(kind, "ANY_SUBLINK") == 0 || strcmp(kind, "ALL_SUBLINK") == 0) {
		rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
		return compare_with(b, s, body, select);
	}
	return bind_fail(b, ENOTSUP, at, "ARRAY (SELECT …) is not supported");
}

/* ---- the rest ---- */

static int bind_value_function(struct binder *b, json_t *node)
{
	const char *op = rs_get_text(rs_node_body(node), "op");

	if (strcmp(op, "SVFOP_CURRENT_DATE") == 0) {
		rs_set_type(node, BIND_TYPE(SQL_DATE));
	} else if (strncmp(op, "SVFOP_CURRENT_TIMESTAMP", 23) == 0) {
		rs_set_type(node, BIND_TYPE(SQL_TIMESTAMPTZ));
	} else if (strncmp(op, "SVFOP_LOCALTIMESTAMP", 20) == 0) {
		rs_set_type(node, BIND_TYPE(SQL_TIMESTAMP));
	} else if (strstr(op, "TIME") != NULL) {
		rs_set_type(node, BIND_TYPE(SQL_TIME));
	} else {
		rs_set_type(node, (struct sql_type){.kind = SQL_VARCHAR, .size = 127});
	}
	(void)b;
	return 0;
}

static int bind_row(struct binder *b, struct bind_scope *s, json_t *node)
{
	int rc = bind_list(b, s, json_object_get(rs_node_body(node), "args"));

	rs_set_type(node, BIND_TYPE(SQL_UNKNOWN));
	return rc;
}

static int bind_grouping(struct binder *b, struct bind_scope *s, json_t *node)
{
	rs_set_type(node, BIND_TYPE(SQL_INTEGER));
	json_object_set_new(rs_node_body(node), "rs_kind", json_integer(1));
	return bind_list(b, s, json_object_get(rs_node_body(node), "args"));
}

static int bind_other(struct binder *b, struct bind_scope *s, json_t *node, const char *kind)
{
	if (strcmp(kind, "CaseExpr") == 0) {
		return bind_case(b, s, node);
	}
	if (strcmp(kind, "CoalesceExpr") == 0) {
		return bind_unified(b, s, node, "COALESCE");
	}
	if (strcmp(kind, "MinMaxExpr") == 0) {
		return bind_unified(b, s, node, "GREATEST and LEAST");
	}
	if (strcmp(kind, "NullTest") == 0 || strcmp(kind, "BooleanTest") == 0) {
		return bind_test(b, s, node, kind[0] == 'B');
	}
	if (strcmp(kind, "SubLink") == 0) {
		return bind_subquery(b, s, node);
	}
	if (strcmp(kind, "SQLValueFunction") == 0) {
		return bind_value_function(b, node);
	}
	if (strcmp(kind, "RowExpr") == 0) {
		return bind_row(b, s, node);
	}
	if (strcmp(kind, "GroupingFunc") == 0) {
		return bind_grouping(b, s, node);
	}
	return bind_fail(b, ENOTSUP, rs_tree_location(node), "%s is not supported here",
		strcmp(kind, "ParamRef") == 0	     ? "a parameter ($1)"
		: strcmp(kind, "A_ArrayExpr") == 0   ? "an array"
		: strcmp(kind, "CollateClause") == 0 ? "COLLATE"
		: strcmp(kind, "SetToDefault") == 0  ? "DEFAULT"
						     : kind);
}

int bind_expression(struct binder *b, struct bind_scope *s, json_t *node)
{
	const char *kind = rs_node_kind(node);

	if (json_object_get(rs_node_body(node), "rs_type") != NULL) {
		return 0;
	}
	if (strcmp(kind, "ColumnRef") == 0) {
		return bind_column(b, s, node);
	}
	if (strcmp(kind, "A_Const") == 0) {
		return bind_constant(b, node);
	}
	if (strcmp(kind, "A_Expr") == 0) {
		return bind_operator(b, s, node);
	}
	if (strcmp(kind, "BoolExpr") == 0) {
		return bind_bool(b, s, node);
	}
	if (strcmp(kind, "FuncCall") == 0) {
		return bind_function(b, s, node);
	}
	if (strcmp(kind, "TypeCast") == 0) {
		return bind_cast(b, s, node);
	}
	return bind_other(b, s, node, kind);
}
