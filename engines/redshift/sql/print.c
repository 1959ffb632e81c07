/* SELECTs as text of a driver's dialect. */
#include "engines/redshift/sql/print_impl.h"

int print_refuse(struct print *c, const char *what)
{
	return err_set(c->err, ENOTSUP, "%s is not supported by the driver %s", what,
		print_lite(c) ? "sqlite" : "duckdb");
}

/* ---- ORDER BY ---- */

static int print_sort_key(struct print *c, const json_t *sort)
{
	const json_t *target = json_object_get(sort, "rs_target");
	const json_t *node = json_object_get(sort, "node");
	const char *dir = rs_get_text(sort, "sortby_dir");
	const char *nulls = rs_get_text(sort, "sortby_nulls");
	bool descending = strcmp(dir, "SORTBY_DESC") == 0;
	bool first = strcmp(nulls, "SORTBY_NULLS_FIRST") == 0 ||
		     (strcmp(nulls, "SORTBY_NULLS_DEFAULT") == 0 && descending);

	if (target != NULL) {
		buf_printf(c->out, "%lld", (long long)json_integer_value(target) + 1);
		if (print_lite(c) && rs_type_of(node).kind == SQL_DECIMAL) {
			buf_puts(c->out, " COLLATE decimal");
		}
	} else if (rs_node_as(node, "A_Const") != NULL) {
		buf_puts(c->out, "(SELECT NULL)");
	} else {
		int rc = print_compared(c, node);

		if (rc != 0) {
			return rc;
		}
	}
	buf_printf(c->out, "%s NULLS %s", descending ? " DESC" : "", first ? "FIRST" : "LAST");
	return 0;
}

int print_sort(struct print *c, const json_t *list)
{
	const json_t *sort;
	size_t i;

	json_array_foreach (list, i, sort) {
		int rc;

		buf_puts(c->out, i == 0 ? " ORDER BY " : ", ");
		rc = print_sort_key(c, rs_node_body(sort));
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- FROM ---- */

static int print_from_item(struct print *c, const json_t *node);

static int print_table(struct print *c, const json_t *node)
{
	const json_t *body = rs_node_body(node);
	int rc = 0;

	if (json_object_get(body, "rs_cte") != NULL) {
		print_quoted(c, rs_get_text(body, "rs_cte"));
	} else {
		const struct rs_relation *r =
			c->p->bound == NULL || json_object_get(body, "rs_relation") == NULL
				? NULL
				: c->p->bound->relations[rs_get_number(body, "rs_relation")];

		rc = c->p->relation(c->p->arg, node, r, c->out, c->err);
	}
	buf_puts(c->out, " AS ");
	print_quoted(c, rs_get_text(body, "rs_alias"));
	return rc;
}

static int print_join(struct print *c, const json_t *body)
{
	const char *type = rs_get_text(body, "jointype");
	const json_t *quals = json_object_get(body, "quals");
	const json_t *right = json_object_get(body, "rarg");
	bool nested = rs_node_as(right, "JoinExpr") != NULL;
	int rc = print_from_item(c, json_object_get(body, "larg"));

	buf_puts(c->out, strcmp(type, "JOIN_LEFT") == 0	   ? " LEFT JOIN "
			 : strcmp(type, "JOIN_RIGHT") == 0 ? " RIGHT JOIN "
			 : strcmp(type, "JOIN_FULL") == 0  ? " FULL JOIN "
			 : quals != NULL		   ? " JOIN "
							   : " CROSS JOIN ");
	buf_puts(c->out, nested ? "(" : "");
	rc = rc != 0 ? rc : print_from_item(c, right);
	buf_puts(c->out, nested ? ")" : "");
	if (rc == 0 && quals != NULL) {
		buf_puts(c->out, " ON ");
		rc = print_node(c, quals);
	} else if (rc == 0 && strcmp(type, "JOIN_INNER") != 0) {
		buf_puts(c->out, " ON 1 = 1");
	}
	return rc;
}

static int print_from_item(struct print *c, const json_t *node)
{
	const json_t *body = rs_node_body(node);

	if (rs_node_as(node, "RangeVar") != NULL) {
		return print_table(c, node);
	}
	if (rs_node_as(node, "JoinExpr") != NULL) {
		return print_join(c, body);
	}
	const json_t *select = rs_node_body(json_object_get(body, "subquery"));
	int rc;

	buf_putc(c->out, '(');
	rc = print_select(c, select, json_object_get(select, "rs_columns"));
	buf_puts(c->out, ") AS ");
	print_quoted(c, rs_get_text(body, "rs_alias"));
	return rc;
}

static int print_from(struct print *c, const json_t *from)
{
	const json_t *node;
	size_t i;

	json_array_foreach (from, i, node) {
		bool join = rs_node_as(node, "JoinExpr") != NULL && i > 0;
		int rc;

		buf_puts(c->out, i == 0 ? " FROM " : join ? " CROSS JOIN (" : " CROSS JOIN ");
		rc = print_from_item(c, node);
		buf_puts(c->out, join ? ")" : "");
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- GROUP BY ---- */

static int print_groups(struct print *c, const json_t *list);

static int print_group(struct print *c, const json_t *node)
{
	const json_t *set = rs_node_as(node, "GroupingSet");
	const json_t *row = rs_node_as(node, "RowExpr");
	const char *kind = rs_get_text(set, "kind");
	int rc;

	if (set == NULL && row == NULL) {
		/* A constant would be taken for a column's number. */
		return rs_node_as(node, "A_Const") != NULL
			       ? print_cast(c, rs_type_of(node), rs_type_of(node), node)
			       : print_node(c, node);
	}
	if (set != NULL && print_lite(c)) {
		return print_refuse(c, "GROUPING SETS, ROLLUP and CUBE");
	}
	buf_puts(c->out, strcmp(kind, "GROUPING_SET_ROLLUP") == 0 ? "ROLLUP "
			 : strcmp(kind, "GROUPING_SET_CUBE") == 0 ? "CUBE "
			 : strcmp(kind, "GROUPING_SET_SETS") == 0 ? "GROUPING SETS "
								  : "");
	buf_putc(c->out, '(');
	rc = print_groups(
		c, json_object_get(set != NULL ? set : row, set != NULL ? "content" : "args"));
	buf_putc(c->out, ')');
	return rc;
}

static int print_groups(struct print *c, const json_t *list)
{
	const json_t *node;
	size_t i;

	json_array_foreach (list, i, node) {
		int rc;

		buf_puts(c->out, i == 0 ? "" : ", ");
		rc = print_group(c, node);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- one SELECT ---- */

static const char *column_name(const json_t *names, size_t i)
{
	const char *name = json_string_value(json_array_get(json_array_get(names, i), 0));

	return name != NULL ? name : "";
}

static int print_targets(struct print *c, const json_t *list, const json_t *names)
{
	const json_t *target;
	size_t i;

	json_array_foreach (list, i, target) {
		int rc;

		buf_puts(c->out, i == 0 ? "" : ", ");
		rc = print_node(c, json_object_get(rs_node_body(target), "val"));
		if (rc != 0) {
			return rc;
		}
		buf_puts(c->out, " AS ");
		print_quoted(c, column_name(names, i));
	}
	return 0;
}

static int print_clause(struct print *c, const json_t *select, const char *member, const char *word)
{
	const json_t *node = json_object_get(select, member);

	if (node == NULL) {
		return 0;
	}
	buf_puts(c->out, word);
	return print_node(c, node);
}

/* SELECT … HAVING, without what comes behind. `more`: a further column. */
static int print_core(struct print *c, const json_t *select, const json_t *names,
	const json_t *more, bool distinct)
{
	const json_t *groups = json_object_get(select, "groupClause");
	int rc;

	buf_puts(c->out, distinct ? "SELECT DISTINCT " : "SELECT ");
	rc = print_targets(c, json_object_get(select, "targetList"), names);
	if (rc == 0 && more != NULL) {
		buf_puts(c->out, ", ");
		rc = print_node(c, more);
		buf_puts(c->out, " AS \"rs_qualify\"");
	}
	rc = rc != 0 ? rc : print_from(c, json_object_get(select, "fromClause"));
	rc = rc != 0 ? rc : print_clause(c, select, "whereClause", " WHERE ");
	if (rc == 0 && groups != NULL) {
		buf_puts(c->out, " GROUP BY ");
		rc = print_groups(c, groups);
	} else if (rc == 0 && json_object_get(select, "havingClause") != NULL && print_lite(c)) {
		buf_puts(c->out, " GROUP BY NULL");
	}
	return rc != 0 ? rc : print_clause(c, select, "havingClause", " HAVING ");
}

static void print_names(struct print *c, const json_t *names)
{
	for (size_t i = 0; i < json_array_size(names); i++) {
		buf_puts(c->out, i == 0 ? "" : ", ");
		print_quoted(c, column_name(names, i));
	}
}

/* SQLite has no QUALIFY: the condition becomes a column of a query within. */
static int print_qualified(
	struct print *c, const json_t *select, const json_t *names, bool distinct)
{
	const json_t *sort;
	size_t i;
	int rc;

	json_array_foreach (json_object_get(select, "sortClause"), i, sort) {
		if (json_object_get(rs_node_body(sort), "rs_target") == NULL) {
			return print_refuse(
				c, "QUALIFY with an ORDER BY of what is not in the select list");
		}
	}
	buf_puts(c->out, distinct ? "SELECT DISTINCT " : "SELECT ");
	print_names(c, names);
	buf_puts(c->out, " FROM (");
	rc = print_core(c, select, names, json_object_get(select, "rs_qualify"), false);
	buf_puts(c->out, ") WHERE \"rs_qualify\"");
	return rc;
}

static int print_plain(struct print *c, const json_t *select, const json_t *names)
{
	bool distinct = json_object_get(select, "distinctClause") != NULL;
	int rc;

	if (json_object_get(select, "rs_qualify") != NULL && print_lite(c)) {
		return print_qualified(c, select, names, distinct);
	}
	rc = print_core(c, select, names, NULL, distinct);
	return rc != 0 ? rc : print_clause(c, select, "rs_qualify", " QUALIFY ");
}

static int print_values(struct print *c, const json_t *select, const json_t *names)
{
	const json_t *row;
	size_t i;

	buf_puts(c->out, "SELECT ");
	for (size_t k = 0; k < json_array_size(names); k++) {
		buf_printf(c->out, "%s\"%s%zu\" AS ", k == 0 ? "" : ", ",
			print_lite(c) ? "column" : "col", print_lite(c) ? k + 1 : k);
		print_quoted(c, column_name(names, k));
	}
	buf_puts(c->out, " FROM (VALUES ");
	json_array_foreach (json_object_get(select, "valuesLists"), i, row) {
		int rc;

		buf_puts(c->out, i == 0 ? "(" : ", (");
		rc = print_list(c, json_object_get(rs_node_as(row, "List"), "items"));
		if (rc != 0) {
			return rc;
		}
		buf_putc(c->out, ')');
	}
	buf_putc(c->out, ')');
	return 0;
}

/* ---- several of them ---- */

/* An arm that is more than a SELECT stands in a FROM: SQLite takes no parentheses there. */
static int print_arm(struct print *c, const json_t *select, const json_t *names)
{
	bool simple = json_object_get(select, "larg") == NULL &&
		      json_object_get(select, "sortClause") == NULL &&
		      json_object_get(select, "limitCount") == NULL &&
		      json_object_get(select, "limitOffset") == NULL &&
		      json_object_get(select, "withClause") == NULL;
	int rc;

	buf_puts(c->out, simple ? "" : "SELECT * FROM (");
	rc = print_select(c, select, names);
	buf_puts(c->out, simple ? "" : ")");
	return rc;
}

static int print_setop(struct print *c, const json_t *select, const json_t *names)
{
	const char *op = rs_get_text(select, "op");
	int rc = print_arm(c, json_object_get(select, "larg"), names);

	buf_puts(c->out, strcmp(op, "SETOP_UNION") == 0	      ? " UNION "
			 : strcmp(op, "SETOP_INTERSECT") == 0 ? " INTERSECT "
							      : " EXCEPT ");
	buf_puts(c->out, rs_get_flag(select, "all") ? "ALL " : "");
	return rc != 0 ? rc : print_arm(c, json_object_get(select, "rarg"), names);
}

static int print_with(struct print *c, const json_t *clause)
{
	const json_t *cte;
	size_t i;

	json_array_foreach (json_object_get(clause, "ctes"), i, cte) {
		const json_t *body = rs_node_body(cte);
		const json_t *select = rs_node_body(json_object_get(body, "ctequery"));
		int rc;

		buf_puts(c->out, i > 0				    ? ", "
				 : rs_get_flag(clause, "recursive") ? "WITH RECURSIVE "
								    : "WITH ");
		print_quoted(c, rs_get_text(body, "rs_name"));
		buf_putc(c->out, '(');
		print_names(c, json_object_get(select, "rs_columns"));
		buf_puts(c->out, ") AS (");
		rc = print_select(c, select, json_object_get(select, "rs_columns"));
		if (rc != 0) {
			return rc;
		}
		buf_puts(c->out, ") ");
	}
	return 0;
}

static int print_limit(struct print *c, const json_t *select)
{
	if (print_lite(c) && json_object_get(select, "limitCount") == NULL &&
		json_object_get(select, "limitOffset") != NULL) {
		buf_puts(c->out, " LIMIT -1");
	}
	int rc = print_clause(c, select, "limitCount", " LIMIT ");

	return rc != 0 ? rc : print_clause(c, select, "limitOffset", " OFFSET ");
}

int print_select(struct print *c, const json_t *select, const json_t *names)
{
	int rc = 0;

	if (json_object_get(select, "withClause") != NULL) {
		rc = print_with(c, json_object_get(select, "withClause"));
	}
	if (rc == 0 && json_object_get(select, "valuesLists") != NULL) {
		rc = print_values(c, select, names);
	} else if (rc == 0 && json_object_get(select, "larg") != NULL) {
		rc = print_setop(c, select, names);
	} else if (rc == 0) {
		rc = print_plain(c, select, names);
	}
	rc = rc != 0 ? rc : print_sort(c, json_object_get(select, "sortClause"));
	return rc != 0 ? rc : print_limit(c, select);
}

int rs_print_select(
	const struct rs_printer *p, const json_t *tree, struct buf *out, struct err *err)
{
	struct print c = {p, out, err};
	int rc = print_select(&c, tree, json_object_get(tree, "rs_columns"));

	return rc != 0 ? rc : buf_check(out, err);
}

int rs_print_expression(
	const struct rs_printer *p, const json_t *tree, struct buf *out, struct err *err)
{
	struct print c = {p, out, err};
	int rc = print_node(&c, tree);

	return rc != 0 ? rc : buf_check(out, err);
}
