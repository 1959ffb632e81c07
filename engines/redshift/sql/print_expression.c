/* Expressions as text: the kinds that are written alike in both dialects. */
#include <ctype.h>

#include "engines/redshift/sql/print_impl.h"

void print_quoted(struct print *c, const char *name)
{
	sql_quote(slice_of(name), c->out);
}

int print_apart(struct print *c, const json_t *node, struct buf *out)
{
	struct print apart = {c->p, out, c->err};
	int rc = print_node(&apart, node);

	return rc != 0 ? rc : buf_check(out, c->err);
}

int print_compared(struct print *c, const json_t *node)
{
	int rc;

	if (!print_lite(c) || rs_type_of(node).kind != SQL_DECIMAL) {
		return print_node(c, node);
	}
	buf_putc(c->out, '(');
	rc = print_node(c, node);
	buf_puts(c->out, " COLLATE decimal)");
	return rc;
}

int print_list(struct print *c, const json_t *list)
{
	const json_t *node;
	size_t i;

	json_array_foreach (list, i, node) {
		int rc;

		buf_puts(c->out, i == 0 ? "" : ", ");
		rc = print_node(c, node);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- constants ---- */

/* "-.5", "007.50" as "-0.5", "7.50". */
static void canonical(const char *text, struct buf *out)
{
	if (*text == '-') {
		buf_putc(out, '-');
		text++;
	}
	text += strspn(text, "0");
	if (!isdigit((unsigned char)*text)) {
		buf_putc(out, '0');
	}
	buf_puts(out, text);
	if (out->n > 0 && out->p[out->n - 1] == '.') {
		out->n--;
	}
}

static int print_fraction(struct print *c, const char *text, struct sql_type t)
{
	CLEANUP(buf_free) struct buf digits = BUF_INIT;

	canonical(text, &digits);
	if (t.kind == SQL_BIGINT) {
		buf_puts(c->out, buf_cstr(&digits));
	} else if (print_lite(c)) {
		buf_printf(c->out, t.kind == SQL_DECIMAL ? "'%s'" : "CAST('%s' AS REAL)",
			buf_cstr(&digits));
	} else {
		buf_printf(c->out, "CAST('%s' AS ", buf_cstr(&digits));
		print_type(c, t);
		buf_putc(c->out, ')');
	}
	return buf_check(&digits, c->err);
}

static int print_constant(struct print *c, const json_t *node)
{
	const json_t *body = rs_node_body(node);
	const json_t *ival = json_object_get(body, "ival");
	const json_t *fval = json_object_get(body, "fval");
	const json_t *sval = json_object_get(body, "sval");
	const json_t *boolval = json_object_get(body, "boolval");

	if (ival != NULL) {
		buf_printf(c->out, "%lld", (long long)rs_get_number(ival, "ival"));
	} else if (fval != NULL) {
		return print_fraction(c, rs_get_text(fval, "fval"), rs_type_of(node));
	} else if (sval != NULL) {
		return sql_quote_text(slice_of(rs_get_text(sval, "sval")), c->out, c->err);
	} else if (boolval != NULL) {
		bool value = rs_get_flag(boolval, "boolval");

		buf_puts(c->out, print_lite(c) ? (value ? "1" : "0") : value ? "TRUE" : "FALSE");
	} else {
		buf_puts(c->out, "NULL");
	}
	return 0;
}

/* ---- the rest ---- */

static int print_column(struct print *c, const json_t *body)
{
	const char *alias = rs_get_text(body, "rs_alias");

	if (alias[0] != 0) {
		print_quoted(c, alias);
		buf_putc(c->out, '.');
	}
	print_quoted(c, rs_get_text(body, "rs_column"));
	return 0;
}

static int print_bool(struct print *c, const json_t *body)
{
	const json_t *args = json_object_get(body, "args");
	const char *op = rs_get_text(body, "boolop");
	const json_t *arg;
	size_t i;

	buf_puts(c->out, strcmp(op, "NOT_EXPR") == 0 ? "(NOT " : "(");
	json_array_foreach (args, i, arg) {
		int rc;

		buf_puts(c->out, i == 0 ? "" : strcmp(op, "AND_EXPR") == 0 ? " AND " : " OR ");
		rc = print_node(c, arg);
		if (rc != 0) {
			return rc;
		}
	}
	buf_putc(c->out, ')');
	return 0;
}

static int print_test(struct print *c, const json_t *body)
{
	static const struct {
		const char *kind;
		const char *text;
	} tests[] = {{"IS_NULL", " IS NULL)"}, {"IS_NOT_NULL", " IS NOT NULL)"},
		{"IS_TRUE", " IS TRUE)"}, {"IS_NOT_TRUE", " IS NOT TRUE)"},
		{"IS_FALSE", " IS FALSE)"}, {"IS_NOT_FALSE", " IS NOT FALSE)"},
		{"IS_UNKNOWN", " IS NULL)"}, {"IS_NOT_UNKNOWN", " IS NOT NULL)"}};
	const char *kind = rs_get_text(body, "nulltesttype");
	int rc;

	if (kind[0] == 0) {
		kind = rs_get_text(body, "booltesttype");
	}
	buf_putc(c->out, '(');
	rc = print_node(c, json_object_get(body, "arg"));
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
		if (strcmp(tests[i].kind, kind) == 0) {
			buf_puts(c->out, tests[i].text);
		}
	}
	return rc;
}

static int print_case(struct print *c, const json_t *body)
{
	const json_t *otherwise = json_object_get(body, "defresult");
	const json_t *when;
	size_t i;
	int rc = 0;

	buf_puts(c->out, "CASE");
	json_array_foreach (json_object_get(body, "args"), i, when) {
		const json_t *one = rs_node_body(when);

		buf_puts(c->out, " WHEN ");
		rc = rc != 0 ? rc : print_node(c, json_object_get(one, "expr"));
		buf_puts(c->out, " THEN ");
		rc = rc != 0 ? rc : print_node(c, json_object_get(one, "result"));
	}
	if (otherwise != NULL) {
		buf_puts(c->out, " ELSE ");
		rc = rc != 0 ? rc : print_node(c, otherwise);
	}
	buf_puts(c->out, " END");
	return rc;
}

static int print_coalesce(struct print *c, const json_t *body)
{
	const json_t *args = json_object_get(body, "args");
	int rc;

	buf_puts(c->out, json_array_size(args) > 1 ? "coalesce(" : "(");
	rc = print_list(c, args);
	buf_putc(c->out, ')');
	return rc;
}

/* SQLite's max(a, b) is NULL when one is. */
static int lite_greatest(struct print *c, const json_t *args, size_t n, const char *op)
{
	CLEANUP(buf_free) struct buf left = BUF_INIT;
	CLEANUP(buf_free) struct buf right = BUF_INIT;
	struct print apart = {c->p, &left, c->err};
	const json_t *last = json_array_get(args, n - 1);
	bool decimal = rs_type_of(last).kind == SQL_DECIMAL;
	int rc;

	if (n == 1) {
		return print_node(c, last);
	}
	rc = lite_greatest(&apart, args, n - 1, op);
	rc = rc != 0 ? rc : print_apart(c, last, &right);
	if (rc == 0) {
		const char *l = buf_cstr(&left);
		const char *r = buf_cstr(&right);

		buf_printf(c->out,
			"CASE WHEN (%s) IS NULL OR (%s)%s %s (%s) THEN (%s) ELSE (%s) END", l, r,
			decimal ? " COLLATE decimal" : "", op, l, r, l);
	}
	return rc;
}

static int print_greatest(struct print *c, const json_t *body)
{
	const json_t *args = json_object_get(body, "args");
	bool least = rs_get_is(body, "op", "IS_LEAST");
	int rc;

	if (print_lite(c)) {
		return lite_greatest(c, args, json_array_size(args), least ? "<" : ">");
	}
	buf_puts(c->out, least ? "least(" : "greatest(");
	rc = print_list(c, args);
	buf_putc(c->out, ')');
	return rc;
}

static int print_any(struct print *c, const json_t *body, const json_t *select)
{
	const json_t *names = json_object_get(body, "operName");
	const char *op = names != NULL ? rs_node_string(json_array_get(names, 0)) : "=";
	const json_t *test = json_object_get(body, "testexpr");
	bool all = rs_get_is(body, "subLinkType", "ALL_SUBLINK");
	bool in = !all && strcmp(op, "=") == 0;
	bool not_in = all && strcmp(op, "<>") == 0;
	int rc;

	if (print_lite(c) && !in && !not_in) {
		return print_refuse(c, "ANY and ALL of a subquery other than = ANY and <> ALL");
	}
	buf_putc(c->out, '(');
	rc = print_compared(c, test);
	if (in || not_in) {
		buf_puts(c->out, in ? " IN (" : " NOT IN (");
	} else {
		buf_printf(c->out, " %s %s (", op, all ? "ALL" : "ANY");
	}
	rc = rc != 0 ? rc : print_select(c, select, json_object_get(select, "rs_columns"));
	buf_puts(c->out, "))");
	return rc;
}

static int print_sublink(struct print *c, const json_t *body)
{
	const json_t *select = rs_node_body(json_object_get(body, "subselect"));
	const char *kind = rs_get_text(body, "subLinkType");
	int rc;

	if (strcmp(kind, "ANY_SUBLINK") == 0 || strcmp(kind, "ALL_SUBLINK") == 0) {
		return print_any(c, body, select);
	}
	buf_puts(c->out, strcmp(kind, "EXISTS_SUBLINK") == 0 ? "EXISTS (" : "(");
	rc = print_select(c, select, json_object_get(select, "rs_columns"));
	buf_putc(c->out, ')');
	return rc;
}

static int print_value_function(struct print *c, const json_t *node)
{
	struct sql_type t = rs_type_of(node);
	const char *op = rs_get_text(rs_node_body(node), "op");

	if (!sql_is_text(t.kind)) {
		return print_moment(c, t);
	}
	buf_puts(c->out, strcmp(op, "SVFOP_CURRENT_SCHEMA") == 0    ? "'public'"
			 : strcmp(op, "SVFOP_CURRENT_CATALOG") == 0 ? "'dev'"
								    : "'awsuser'");
	return 0;
}

static int print_enclosed(struct print *c, const char *open, const json_t *list)
{
	int rc;

	buf_puts(c->out, open);
	rc = print_list(c, list);
	buf_putc(c->out, ')');
	return rc;
}

int print_node(struct print *c, const json_t *node)
{
	const char *kind = rs_node_kind(node);
	const json_t *body = rs_node_body(node);

	if (strcmp(kind, "ColumnRef") == 0) {
		return print_column(c, body);
	}
	if (strcmp(kind, "A_Const") == 0) {
		return print_constant(c, node);
	}
	if (strcmp(kind, "TypeCast") == 0) {
		const json_t *arg = json_object_get(body, "arg");

		return print_cast(c, rs_type_of(arg), rs_type_of(node), arg);
	}
	if (strcmp(kind, "A_Expr") == 0) {
		return print_operator(c, node);
	}
	if (strcmp(kind, "BoolExpr") == 0) {
		return print_bool(c, body);
	}
	if (strcmp(kind, "FuncCall") == 0) {
		return print_call(c, node);
	}
	if (strcmp(kind, "NullTest") == 0 || strcmp(kind, "BooleanTest") == 0) {
		return print_test(c, body);
	}
	if (strcmp(kind, "CaseExpr") == 0) {
		return print_case(c, body);
	}
	if (strcmp(kind, "CoalesceExpr") == 0) {
		return print_coalesce(c, body);
	}
	if (strcmp(kind, "MinMaxExpr") == 0) {
		return print_greatest(c, body);
	}
	if (strcmp(kind, "SubLink") == 0) {
		return print_sublink(c, body);
	}
	if (strcmp(kind, "SQLValueFunction") == 0) {
		return print_value_function(c, node);
	}
	if (strcmp(kind, "RowExpr") == 0) {
		return print_enclosed(c, "(", json_object_get(body, "args"));
	}
	if (strcmp(kind, "GroupingFunc") == 0 && !print_lite(c)) {
		return print_enclosed(c, "GROUPING(", json_object_get(body, "args"));
	}
	return print_refuse(c, kind);
}
