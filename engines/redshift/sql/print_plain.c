/* Expressions as a person would write them, for plans and messages. */
#include "engines/redshift/sql/print_impl.h"

static void plain_list(const json_t *list, const char *between, struct buf *out)
{
	const json_t *node;
	size_t i;

	json_array_foreach (list, i, node) {
		buf_puts(out, i == 0 ? "" : between);
		rs_print_plain(node, out);
	}
}

static void plain_constant(const json_t *body, struct buf *out)
{
	const json_t *ival = json_object_get(body, "ival");
	const json_t *fval = json_object_get(body, "fval");
	const json_t *sval = json_object_get(body, "sval");
	const json_t *boolval = json_object_get(body, "boolval");

	if (ival != NULL) {
		buf_printf(out, "%lld", (long long)rs_get_number(ival, "ival"));
	} else if (fval != NULL) {
		buf_puts(out, rs_get_text(fval, "fval"));
	} else if (sval != NULL) {
		sql_quote_text(slice_of(rs_get_text(sval, "sval")), out, NULL);
	} else if (boolval != NULL) {
		buf_puts(out, rs_get_flag(boolval, "boolval") ? "true" : "false");
	} else {
		buf_puts(out, "NULL");
	}
}

static void plain_operator(const json_t *body, struct buf *out)
{
	const json_t *names = json_object_get(body, "name");
	const char *op = rs_node_string(json_array_get(names, json_array_size(names) - 1));
	const char *kind = rs_get_text(body, "kind");
	const json_t *right = json_object_get(body, "rexpr");
	const json_t *items = json_object_get(rs_node_as(right, "List"), "items");

	if (strcmp(kind, "AEXPR_NULLIF") == 0) {
		buf_puts(out, "nullif(");
		rs_print_plain(json_object_get(body, "lexpr"), out);
		buf_puts(out, ", ");
		rs_print_plain(right, out);
		buf_putc(out, ')');
		return;
	}
	rs_print_plain(json_object_get(body, "lexpr"), out);
	if (strcmp(kind, "AEXPR_IN") == 0) {
		buf_puts(out, op[0] == '<' ? " NOT IN (" : " IN (");
		plain_list(items, ", ", out);
		buf_putc(out, ')');
	} else if (items != NULL) {
		buf_printf(out, " %s ", op);
		plain_list(items, " AND ", out);
	} else {
		bool like = strcmp(kind, "AEXPR_LIKE") == 0 || strcmp(kind, "AEXPR_ILIKE") == 0;

		buf_printf(out, " %s ",
			strcmp(kind, "AEXPR_DISTINCT") == 0	  ? "IS DISTINCT FROM"
			: strcmp(kind, "AEXPR_NOT_DISTINCT") == 0 ? "IS NOT DISTINCT FROM"
			: strcmp(kind, "AEXPR_SIMILAR") == 0
				? (op[0] == '!' ? "NOT SIMILAR TO" : "SIMILAR TO")
			: like ? (strcmp(op, "~~") == 0		  ? "LIKE"
					 : strcmp(op, "!~~") == 0 ? "NOT LIKE"
					 : strcmp(op, "~~*") == 0 ? "ILIKE"
								  : "NOT ILIKE")
			       : op);
		rs_print_plain(right, out);
	}
}

static void plain_bool(const json_t *body, struct buf *out)
{
	const char *op = rs_get_text(body, "boolop");

	buf_puts(out, strcmp(op, "NOT_EXPR") == 0 ? "(NOT " : "(");
	plain_list(
		json_object_get(body, "args"), strcmp(op, "AND_EXPR") == 0 ? " AND " : " OR ", out);
	buf_putc(out, ')');
}

static void plain_call(const json_t *body, struct buf *out)
{
	buf_printf(out, "%s(%s", rs_get_text(body, "rs_function"),
		rs_get_flag(body, "agg_distinct") ? "DISTINCT " : "");
	if (rs_get_flag(body, "agg_star")) {
		buf_putc(out, '*');
	}
	plain_list(json_object_get(body, "args"), ", ", out);
	buf_putc(out, ')');
	if (json_object_get(body, "over") != NULL) {
		buf_puts(out, " OVER (…)");
	}
}

static void plain_cast(const json_t *node, struct buf *out)
{
	rs_print_plain(json_object_get(rs_node_body(node), "arg"), out);
	if (!rs_get_flag(rs_node_body(node), "rs_implicit")) {
		buf_puts(out, "::");
		sql_type_name(rs_type_of(node), out);
	}
}

static void plain_case(const json_t *body, struct buf *out)
{
	const json_t *when;
	size_t i;

	buf_puts(out, "CASE");
	json_array_foreach (json_object_get(body, "args"), i, when) {
		buf_puts(out, " WHEN ");
		rs_print_plain(json_object_get(rs_node_body(when), "expr"), out);
		buf_puts(out, " THEN ");
		rs_print_plain(json_object_get(rs_node_body(when), "result"), out);
	}
	if (json_object_get(body, "defresult") != NULL) {
		buf_puts(out, " ELSE ");
		rs_print_plain(json_object_get(body, "defresult"), out);
	}
	buf_puts(out, " END");
}

static void plain_test(const json_t *body, struct buf *out)
{
	const char *kind = rs_get_text(body, "nulltesttype");

	if (kind[0] == 0) {
		kind = rs_get_text(body, "booltesttype");
	}
	rs_print_plain(json_object_get(body, "arg"), out);
	buf_putc(out, ' ');
	for (; *kind != 0; kind++) {
		buf_append(out, *kind == '_' ? " " : kind, 1);
	}
}

void rs_print_plain(const json_t *tree, struct buf *out)
{
	const char *kind = rs_node_kind(tree);
	const json_t *body = rs_node_body(tree);

	if (tree == NULL) {
		return;
	}
	if (strcmp(kind, "ColumnRef") == 0) {
		const char *alias = rs_get_text(body, "rs_alias");

		buf_printf(out, "%s%s%s", alias, alias[0] != 0 ? "." : "",
			rs_get_text(body, "rs_column"));
	} else if (strcmp(kind, "A_Const") == 0) {
		plain_constant(body, out);
	} else if (strcmp(kind, "A_Expr") == 0) {
		plain_operator(body, out);
	} else if (strcmp(kind, "BoolExpr") == 0) {
		plain_bool(body, out);
	} else if (strcmp(kind, "FuncCall") == 0) {
		plain_call(body, out);
	} else if (strcmp(kind, "TypeCast") == 0) {
		plain_cast(tree, out);
	} else if (strcmp(kind, "CaseExpr") == 0) {
		plain_case(body, out);
	} else if (strcmp(kind, "NullTest") == 0 || strcmp(kind, "BooleanTest") == 0) {
		plain_test(body, out);
	} else if (json_object_get(body, "args") != NULL) {
		buf_puts(out, strcmp(kind, "CoalesceExpr") == 0	     ? "coalesce("
			      : rs_get_is(body, "op", "IS_GREATEST") ? "greatest("
			      : rs_get_is(body, "op", "IS_LEAST")    ? "least("
								     : "(");
		plain_list(json_object_get(body, "args"), ", ", out);
		buf_putc(out, ')');
	} else {
		buf_puts(out, strcmp(kind, "SubLink") == 0 ? "(SELECT …)" : kind);
	}
}
