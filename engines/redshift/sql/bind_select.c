/* A SELECT, clause by clause. */
#include <stdlib.h>

#include "engines/redshift/sql/bind_impl.h"

struct sql_type bind_column_type(const json_t *column)
{
	return (struct sql_type){
		.kind = (enum sql_kind)json_integer_value(json_array_get(column, 1)),
		.size = (unsigned)json_integer_value(json_array_get(column, 2)),
		.scale = (unsigned)json_integer_value(json_array_get(column, 3)),
	};
}

/* ---- WITH ---- */

static bool names_table(const json_t *node, const char *name)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_array(node)) {
		json_array_foreach (node, i, member) {
			if (names_table(member, name)) {
				return true;
			}
		}
		return false;
	}
	if (rs_get_is(node, "relname", name) && rs_get_text(node, "schemaname")[0] == 0) {
		return true;
	}
	json_object_foreach ((json_t *)node, key, member) {
		if (names_table(member, name)) {
			return true;
		}
	}
	return false;
}

int bind_rename(struct binder *b, json_t *select, const json_t *names, int64_t location)
{
	json_t *columns = json_object_get(select, "rs_columns");

	if (json_array_size(names) > json_array_size(columns)) {
		return bind_fail(b, EINVAL, location,
			"the query has %zu columns, and %zu names were given",
			json_array_size(columns), json_array_size(names));
	}
	for (size_t i = 0; i < json_array_size(names); i++) {
		json_array_set_new(json_array_get(columns, i), 0,
			json_string(rs_node_string(json_array_get(names, i))));
	}
	return 0;
}

/* The second arm sees what the first one gave. */
static int bind_recursive(struct binder *b, struct bind_scope *outer, struct bind_cte *cte,
	json_t *select, const json_t *names)
{
	json_t *left = json_object_get(select, "larg");
	json_t *right = json_object_get(select, "rarg");
	int rc;

	if (!rs_get_is(select, "op", "SETOP_UNION") || names_table(left, cte->name)) {
		return bind_fail(b, EINVAL, -1,
			"the recursive query \"%s\" has to be: its first rows UNION ALL a SELECT "
			"that "
			"names it",
			cte->name);
	}
	rc = bind_select(b, outer, cte->outer, left);
	if (rc == 0 && names != NULL) {
		rc = bind_rename(b, left, names, -1);
	}
	if (rc != 0) {
		return rc;
	}
	json_object_set_new(
		select, "rs_columns", json_deep_copy(json_object_get(left, "rs_columns")));
	cte->columns = json_object_get(select, "rs_columns");
	rc = bind_select(b, outer, cte, right);
	if (rc != 0) {
		return rc;
	}
	if (json_array_size(json_object_get(right, "rs_columns")) !=
		json_array_size(cte->columns)) {
		return bind_fail(b, EINVAL, -1,
			"the arms of \"%s\" have different numbers of columns", cte->name);
	}
	for (size_t i = 0; rc == 0 && i < json_array_size(cte->columns); i++) {
		rc = bind_cast_column(
			b, right, i, bind_column_type(json_array_get(cte->columns, i)));
	}
	return rc;
}

static int bind_cte(struct binder *b, struct bind_scope *outer, json_t *body, bool recursive,
	struct bind_cte *cte)
{
	json_t *select = rs_node_as(json_object_get(body, "ctequery"), "SelectStmt");
	const json_t *names = json_object_get(body, "aliascolnames");
	int64_t at = rs_get_number(body, "location");
	int rc;

	if (select == NULL) {
		return bind_fail(b, ENOTSUP, at, "WITH takes SELECTs only");
	}
	if (recursive && names_table(select, cte->name)) {
		rc = bind_recursive(b, outer, cte, select, names);
		json_object_set_new(body, "rs_recursive", json_true());
	} else {
		rc = bind_select(b, outer, cte->outer, select);
		if (rc == 0 && names != NULL) {
			rc = bind_rename(b, select, names, at);
		}
	}
	cte->columns = json_object_get(select, "rs_columns");
	json_object_set_new(body, "rs_name", json_string(cte->printed));
	return rc;
}

struct with {
	struct bind_cte *ctes;
	size_t n;
};

static void with_clear(struct with *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->ctes[i].printed);
	}
	free(w->ctes);
}

static int bind_with(struct binder *b, struct bind_scope *outer, struct bind_cte **ctes,
	json_t *clause, struct with *w)
{
	const json_t *list = json_object_get(clause, "ctes");
	json_t *node;
	size_t i;

	w->ctes = calloc(json_array_size(list) + 1, sizeof *w->ctes);
	if (w->ctes == NULL) {
		return bind_no_memory(b);
	}
	json_array_foreach (list, i, node) {
		json_t *body = rs_node_body(node);
		struct bind_cte *cte = &w->ctes[i];
		int rc;

		cte->name = rs_get_text(body, "ctename");
		cte->outer = *ctes;
		cte->printed = bind_unique(b, cte->name);
		w->n = i + 1;
		if (cte->printed == NULL) {
			return bind_no_memory(b);
		}
		rc = bind_cte(b, outer, body, rs_get_flag(clause, "recursive"), cte);
		if (rc != 0) {
			return rc;
		}
		*ctes = cte;
	}
	return 0;
}

/* ---- the select list ---- */

static const char *call_name(const json_t *call)
{
	const json_t *names = json_object_get(call, "funcname");

	return rs_node_string(json_array_get(names, json_array_size(names) - 1));
}

static const char *type_name(const json_t *cast)
{
	const json_t *names = json_object_get(json_object_get(cast, "typeName"), "names");

	return rs_node_string(json_array_get(names, json_array_size(names) - 1));
}

/* The column's name by what it is, before it is bound; "?column?" like PostgreSQL's. */
static const char *natural_name(const json_t *node)
{
	const json_t *body = rs_node_body(node);
	const char *kind = rs_node_kind(node);

	if (strcmp(kind, "ColumnRef") == 0) {
		const json_t *fields = json_object_get(body, "fields");

		return fields == NULL ? rs_get_text(body, "rs_column")
				      : rs_node_string(json_array_get(
						fields, json_array_size(fields) - 1));
	}
	if (strcmp(kind, "TypeCast") == 0) {
		const char *name = natural_name(json_object_get(body, "arg"));

		return strcmp(name, "?column?") == 0 && json_object_get(body, "typeName") != NULL
			       ? type_name(body)
			       : name;
	}
	if (strcmp(kind, "SubLink") == 0) {
		const json_t *inner = rs_node_body(json_object_get(body, "subselect"));
		const json_t *first =
			rs_node_body(json_array_get(json_object_get(inner, "targetList"), 0));
		const char *name = rs_get_text(first, "name");

		if (rs_get_is(body, "subLinkType", "EXISTS_SUBLINK")) {
			return "exists";
		}
		return name[0] != 0 || first == NULL ? name
						     : natural_name(json_object_get(first, "val"));
	}
	return strcmp(kind, "FuncCall") == 0	   ? call_name(body)
	       : strcmp(kind, "CaseExpr") == 0	   ? "case"
	       : strcmp(kind, "CoalesceExpr") == 0 ? "coalesce"
	       : strcmp(kind, "MinMaxExpr") == 0
		       ? (rs_get_is(body, "op", "IS_LEAST") ? "least" : "greatest")
	       : rs_get_is(body, "kind", "AEXPR_NULLIF") ? "nullif"
							 : "?column?";
}

static bool is_star(const json_t *target)
{
	const json_t *column =
		rs_node_as(json_object_get(rs_node_body(target), "val"), "ColumnRef");
	const json_t *fields = json_object_get(column, "fields");

	return rs_node_as(json_array_get(fields, json_array_size(fields) - 1), "A_Star") != NULL;
}

static int expand_stars(struct binder *b, struct bind_scope *s, json_t *select)
{
	json_t *list = json_object_get(select, "targetList");
	json_t *out = json_array();
	json_t *target;
	size_t i;

	json_array_foreach (list, i, target) {
		int rc = is_star(target) ? bind_star(b, s, target, out)
					 : json_array_append(out, target);

		if (rc != 0) {
			json_decref(out);
			return rc == -1 ? bind_no_memory(b) : rc;
		}
	}
	return json_object_set_new(select, "targetList", out) != 0 ? bind_no_memory(b) : 0;
}

/* A text that nothing gave a type is a text. */
static int settle(struct binder *b, json_t *node)
{
	if (rs_type_of(node).kind != SQL_UNKNOWN) {
		return 0;
	}
	const json_t *text = json_object_get(rs_node_as(node, "A_Const"), "sval");
	size_t n = strlen(rs_get_text(text, "sval"));

	return bind_become(b, node,
		(struct sql_type){.kind = SQL_VARCHAR,
			.size = n == 0 || n > SQL_VARCHAR_MAX ? 1 : (unsigned)n});
}

static int bind_targets(struct binder *b, struct bind_scope *s, json_t *select)
{
	json_t *list;
	json_t *target;
	size_t i;
	int rc = expand_stars(b, s, select);

	if (rc != 0) {
		return rc;
	}
	list = json_object_get(select, "targetList");
	s->targets = list;
	s->clause = "the select list";
	s->aggregates_allowed = true;
	s->windows_allowed = true;
	json_array_foreach (list, i, target) {
		json_t *body = rs_node_body(target);
		json_t *val = json_object_get(body, "val");

		if (json_object_get(body, "name") == NULL) {
			json_object_set_new(body, "rs_natural", json_string(natural_name(val)));
		}
		rc = bind_expression(b, s, val);
		if (rc == 0 && rs_type_of(val).kind == SQL_UNKNOWN) {
			json_object_set_new(body, "rs_untyped", json_true());
		}
		rc = rc != 0 ? rc : settle(b, val);
		if (rc != 0) {
			return rc;
		}
		s->n_targets = i + 1;
	}
	return 0;
}

static int set_columns(struct binder *b, json_t *select)
{
	const json_t *list = json_object_get(select, "targetList");
	json_t *columns = json_array();
	const json_t *target;
	size_t i;

	json_array_foreach (list, i, target) {
		const json_t *body = rs_node_body(target);
		struct sql_type t = rs_type_of(json_object_get(body, "val"));
		const char *name = rs_get_text(body, "name");

		if (name[0] == 0) {
			name = rs_get_text(body, "rs_natural");
		}
		json_array_append_new(
			columns, json_pack("[siii]", name, (int)t.kind, (int)t.size, (int)t.scale));
		if (rs_get_flag(body, "rs_untyped")) {
			json_array_append_new(json_array_get(columns, i), json_true());
		}
	}
	if (json_array_size(columns) != json_array_size(list)) {
		json_decref(columns);
		return bind_no_memory(b);
	}
	return json_object_set_new(select, "rs_columns", columns) != 0 ? bind_no_memory(b) : 0;
}

/* ---- the rest ---- */

int bind_condition(struct binder *b, struct bind_scope *s, json_t *node, const char *clause)
{
	int rc;

	if (node == NULL) {
		return 0;
	}
	s->clause = clause;
	rc = bind_expression(b, s, node);
	if (rc != 0) {
		return rc;
	}
	if (!s->aggregates_allowed && bind_has_call(node, 1)) {
		return bind_fail(b, EINVAL, rs_tree_location(node),
			"an aggregate cannot stand in %s; HAVING takes them", clause);
	}
	if (!s->windows_allowed && bind_has_call(node, 2)) {
		return bind_fail(b, EINVAL, rs_tree_location(node),
			"a window function cannot stand in %s; QUALIFY takes them", clause);
	}
	if (!bind_may_become(rs_type_of(node), BIND_TYPE(SQL_BOOLEAN))) {
		char room[64];

		return bind_fail(b, EINVAL, rs_tree_location(node),
			"%s wants a condition; this is %s", clause,
			bind_type_text(rs_type_of(node), room));
	}
	return bind_become(b, node, BIND_TYPE(SQL_BOOLEAN));
}

static int bind_limit(
	struct binder *b, struct bind_scope *outer, json_t *select, const char *member)
{
	json_t *node = json_object_get(select, member);
	struct bind_scope none = {.outer = outer, .clause = "LIMIT"};
	int rc;

	if (node == NULL) {
		return 0;
	}
	if (rs_get_flag(rs_node_as(node, "A_Const"), "isnull")) {
		json_object_del(select, member);
		return 0;
	}
	none.outer = NULL;
	rc = bind_expression(b, &none, node);
	if (rc == 0 && !bind_is_integer(rs_type_of(node).kind)) {
		return bind_fail(
			b, EINVAL, rs_tree_location(node), "LIMIT and OFFSET take a number");
	}
	return rc;
}

static int bind_distinct(struct binder *b, json_t *select)
{
	const json_t *distinct = json_object_get(select, "distinctClause");

	if (json_array_size(distinct) > 0 && json_object_size(json_array_get(distinct, 0)) > 0) {
		return bind_fail(b, ENOTSUP, rs_tree_location(json_array_get(distinct, 0)),
			"DISTINCT ON is not supported; row_number() over (…) with QUALIFY does it");
	}
	return 0;
}

static int bind_filters(struct binder *b, struct bind_scope *s, json_t *select)
{
	int rc;

	s->aggregates_allowed = false;
	s->windows_allowed = false;
	rc = bind_condition(b, s, json_object_get(select, "whereClause"), "WHERE");
	rc = rc != 0 ? rc : bind_group(b, s, select);
	s->aggregates_allowed = true;
	rc = rc != 0 ? rc : bind_condition(b, s, json_object_get(select, "havingClause"), "HAVING");
	s->windows_allowed = true;
	rc = rc != 0 ? rc : bind_condition(b, s, json_object_get(select, "rs_qualify"), "QUALIFY");
	return rc;
}

static int bind_refused(struct binder *b, const json_t *select)
{
	if (json_object_get(select, "lockingClause") != NULL) {
		return bind_fail(
			b, ENOTSUP, -1, "FOR UPDATE is not supported: readers lock nothing");
	}
	if (rs_get_is(select, "limitOption", "LIMIT_OPTION_WITH_TIES")) {
		return bind_fail(b, ENOTSUP, -1, "WITH TIES is not supported; rank() does it");
	}
	return 0;
}

static int bind_plain(
	struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select)
{
	CLEANUP(bind_scope_clear) struct bind_scope s = {.outer = outer, .ctes = ctes};
	int rc = bind_refused(b, select);

	s.clause = "FROM";
	s.windows = json_object_get(select, "windowClause");
	rc = rc != 0 ? rc : bind_from(b, &s, json_object_get(select, "fromClause"));
	rc = rc != 0 ? rc : bind_targets(b, &s, select);
	rc = rc != 0 ? rc : bind_filters(b, &s, select);
	rc = rc != 0 ? rc : set_columns(b, select);
	rc = rc != 0 ? rc : bind_distinct(b, select);
	rc = rc != 0 ? rc : bind_order(b, &s, select);
	rc = rc != 0 ? rc : bind_check_grouped(b, &s, select);
	json_object_del(select, "windowClause");
	return rc;
}

int bind_select(struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select)
{
	CLEANUP(with_clear) struct with with = {0};
	int rc = 0;

	if (json_object_get(select, "withClause") != NULL) {
		struct bind_scope between = {.outer = outer, .clause = "WITH"};

		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		rc = bind_with(b, &between, &ctes, json_object_get(select, "withClause"), &with);
	}
	if (rc == 0 && json_object_get(select, "valuesLists") != NULL) {
		rc = bind_values(b, outer, ctes, select);
	} else if (rc == 0 && !rs_get_is(select, "op", "SETOP_NONE")) {
		rc = bind_setop(b, outer, ctes, select);
	} else if (rc == 0) {
		rc = bind_plain(b, outer, ctes, select);
	}
	rc = rc != 0 ? rc : bind_limit(b, outer, select, "limitCount");
	return rc != 0 ? rc : bind_limit(b, outer, select, "limitOffset");
}
