/* Operators as text. In SQLite, DECIMALs and intervals are texts and integers overflow silently, so
 * that most arithmetic there is calls of sqlite_functions.h. */
#include <stdlib.h>

#include "engines/redshift/sql/print_impl.h"

struct operands {
	struct buf left, right; /* texts */
	struct sql_type l, r, t;
	const char *op;
};

static void operands_clear(struct operands *o)
{
	buf_free(&o->left);
	buf_free(&o->right);
}

static bool is_integer(struct sql_type t)
{
	return t.kind == SQL_SMALLINT || t.kind == SQL_INTEGER || t.kind == SQL_BIGINT;
}

/* ---- DuckDB ---- */

void print_divisor(struct buf *out, const char *b)
{
	char *end;

	if (strtoll(b, &end, 10) != 0 && *end == 0) {
		buf_puts(out, b);
		return;
	}
	buf_printf(out, "CASE WHEN %s = 0 THEN error('division by zero') ELSE %s END", b, b);
}

static void power_of_ten(struct buf *out, unsigned n)
{
	buf_puts(out, "CAST('1");
	for (unsigned i = 0; i < n; i++) {
		buf_putc(out, '0');
	}
	buf_puts(out, "' AS HUGEINT)");
}

/* A DECIMAL times 10^scale. */
static void unscaled(struct buf *out, const char *a, struct sql_type t)
{
	if (t.kind != SQL_DECIMAL || t.scale == 0) {
		buf_printf(out, "CAST(%s AS HUGEINT)", a);
	} else if (t.size + t.scale <= SQL_DECIMAL_MAX || t.scale <= 6) {
		buf_printf(out, "CAST(%s * CAST('1", a);
		for (unsigned i = 0; i < t.scale; i++) {
			buf_putc(out, '0');
		}
		buf_printf(out, "' AS DECIMAL(%u,0)) AS HUGEINT)", t.scale + 1);
	} else {
		buf_printf(out, "CAST(replace(CAST(%s AS VARCHAR), '.', '') AS HUGEINT)", a);
	}
}

/* Two integers, rounded half away from zero. */
static void rounded(struct buf *out, const char *n, const char *d)
{
	buf_printf(out,
		"(%s // %s + CASE WHEN 2 * abs(%s %% %s) >= abs(%s) THEN CASE WHEN (%s < 0) = (%s "
		"< 0) "
		"THEN 1 ELSE -1 END ELSE 0 END)",
		n, d, n, d, d, n, d);
}

void print_quotient(struct buf *out, const char *a, struct sql_type at, const char *b,
	struct sql_type bt, struct sql_type to)
{
	CLEANUP(buf_free) struct buf n = BUF_INIT;
	CLEANUP(buf_free) struct buf d = BUF_INIT;
	CLEANUP(buf_free) struct buf q = BUF_INIT;
	int shift = (int)to.scale + (int)(bt.kind == SQL_DECIMAL ? bt.scale : 0) - (int)at.scale;

	buf_putc(&n, '(');
	unscaled(&n, a, at);
	buf_putc(&d, '(');
	unscaled(&d, b, bt);
	if (shift != 0) {
		struct buf *side = shift > 0 ? &n : &d;

		buf_puts(side, " * ");
		power_of_ten(side, (unsigned)abs(shift));
	}
	buf_putc(&n, ')');
	buf_putc(&d, ')');
	rounded(&q, buf_cstr(&n), buf_cstr(&d));
	buf_printf(out, "CAST(CAST(%s AS DECIMAL(38,0)) * CAST('0.", buf_cstr(&q));
	for (unsigned i = 0; i + 1 < to.scale; i++) {
		buf_putc(out, '0');
	}
	buf_printf(out, "%s' AS DECIMAL(%u,%u)) AS DECIMAL(%u,%u))", to.scale > 0 ? "1" : "",
		to.scale + 1, to.scale, to.size, to.scale);
}

/* Constants are as narrow as they can be there: 1 + a SMALLINT would be one. */
static void duck_operand(struct buf *out, const char *text, struct sql_type own, struct sql_type t)
{
	if (own.kind != t.kind && is_integer(own)) {
		buf_printf(
			out, "CAST(%s AS %s)", text, t.kind == SQL_INTEGER ? "INTEGER" : "BIGINT");
	} else {
		buf_puts(out, text);
	}
}

static int duck_numbers(
	struct print *c, const struct operands *o, const char *left, const char *right)
{
	CLEANUP(buf_free) struct buf divisor = BUF_INIT;
	CLEANUP(buf_free) struct buf wide = BUF_INIT;
	char op = o->op[0];

	if (op == '^') {
		buf_printf(c->out, "pow(%s, %s)", left, right);
		return 0;
	}
	if (op == '/' || op == '%') {
		print_divisor(&divisor, right);
	}
	if (op == '/' && o->t.kind == SQL_DECIMAL) {
		print_quotient(c->out, left, o->l, buf_cstr(&divisor), o->r, o->t);
		return buf_check(&divisor, c->err);
	}
	buf_putc(c->out, '(');
	if (is_integer(o->t)) {
		duck_operand(c->out, left, o->l, o->t);
		duck_operand(&wide, divisor.n > 0 ? buf_cstr(&divisor) : right, o->r, o->t);
	} else {
		buf_puts(c->out, left);
		buf_puts(&wide, divisor.n > 0 ? buf_cstr(&divisor) : right);
	}
	buf_printf(
		c->out, " %s %s)", op == '/' && is_integer(o->t) ? "//" : o->op, buf_cstr(&wide));
	return buf_check(&wide, c->err);
}

static int duck_times(
	struct print *c, const struct operands *o, const char *left, const char *right)
{
	if (o->l.kind == SQL_DATE && o->r.kind == SQL_DATE) {
		buf_printf(c->out, "CAST(%s - %s AS INTEGER)", left, right);
	} else if (o->l.kind == SQL_DATE && is_integer(o->r)) {
		buf_printf(c->out, "(%s %s CAST(%s AS INTEGER))", left, o->op, right);
	} else if (is_integer(o->r)) {
		buf_printf(c->out, "(%s %s to_days(CAST(%s AS INTEGER)))", left, o->op, right);
	} else if (o->op[0] == '*') {
		buf_printf(c->out, "(to_microseconds(CAST(round(epoch_us(%s) * %s) AS BIGINT)))",
			left, right);
	} else {
		buf_printf(c->out, "(%s %s %s)", left, o->op, right);
	}
	return 0;
}

/* ---- SQLite ---- */

static int lite_integers(
	struct print *c, const struct operands *o, const char *left, const char *right)
{
	int bytes = o->t.kind == SQL_SMALLINT ? 2 : o->t.kind == SQL_INTEGER ? 4 : 8;

	switch (o->op[0]) {
	case '+':
	case '-':
	case '*':
		buf_printf(c->out, "rs_i%s(%s, %s, %d)",
			o->op[0] == '+'	  ? "add"
			: o->op[0] == '-' ? "sub"
					  : "mul",
			left, right, bytes);
		return 0;
	default:
		buf_printf(c->out, "rs_i%s(%s, %s)", o->op[0] == '/' ? "div" : "mod", left, right);
		return 0;
	}
}

static int lite_numbers(
	struct print *c, const struct operands *o, const char *left, const char *right)
{
	static const char names[] = "+-*/%";
	static const char *const calls[] = {"add", "sub", "mul", "div", "mod"};
	const char *at = strchr(names, o->op[0]);

	if (at == NULL) {
		buf_printf(c->out, "pow(%s, %s)", left, right);
	} else if (is_integer(o->t)) {
		return lite_integers(c, o, left, right);
	} else if (o->t.kind == SQL_DECIMAL) {
		buf_printf(c->out, "rs_dec_%s(%s, %s, %u)", calls[at - names], left, right,
			o->t.scale);
	} else if (o->op[0] == '/') {
		buf_printf(c->out, "rs_fdiv(%s, %s)", left, right);
	} else if (o->op[0] == '%') {
		buf_printf(c->out, "mod(%s, %s)", left, right);
	} else {
		buf_printf(c->out, "(%s %s %s)", left, o->op, right);
	}
	return 0;
}

static int lite_times(
	struct print *c, const struct operands *o, const char *left, const char *right)
{
	const char *minus = o->op[0] == '-' ? "-" : "";

	if (o->l.kind == SQL_INTERVAL) {
		buf_printf(c->out, "rs_interval_%s(%s, %s)",
			o->op[0] == '+'	  ? "add"
			: o->op[0] == '-' ? "sub"
					  : "mul",
			left, right);
	} else if (o->l.kind == SQL_DATE && o->r.kind == SQL_DATE) {
		buf_printf(c->out, "rs_date_diff(%s, %s)", left, right);
	} else if (o->l.kind == SQL_DATE && is_integer(o->r)) {
		buf_printf(c->out, "rs_date_add(%s, %s(%s))", left, minus, right);
	} else if (is_integer(o->r)) {
		buf_printf(c->out, "rs_dateadd('day', %s(%s), %s)", minus, right, left);
	} else if (o->r.kind == SQL_INTERVAL) {
		buf_printf(
			c->out, "rs_ts_%s(%s, %s)", o->op[0] == '+' ? "add" : "sub", left, right);
	} else {
		buf_printf(c->out, "rs_ts_diff(%s, %s)", left, right);
	}
	return 0;
}

/* ---- one operator ---- */

static int print_unary(struct print *c, const json_t *node, const char *op)
{
	const json_t *arg = json_object_get(rs_node_body(node), "rexpr");
	struct sql_type t = rs_type_of(arg);
	bool lite = print_lite(c);
	const char *call = strcmp(op, "|/") == 0    ? "sqrt("
			   : strcmp(op, "||/") == 0 ? (lite ? "rs_cbrt(" : "cbrt(")
			   : strcmp(op, "@") == 0
				   ? (lite && t.kind == SQL_DECIMAL ? "rs_dec_abs(" : "abs(")
			   : strcmp(op, "~") == 0	    ? "(~"
			   : strcmp(op, "+") == 0	    ? "("
			   : lite && t.kind == SQL_DECIMAL  ? "rs_dec_neg("
			   : lite && t.kind == SQL_INTERVAL ? "rs_interval_mul(-1.0, "
							    : "(- ";
	int rc;

	if (lite && t.kind == SQL_INTERVAL) {
		buf_puts(c->out, "rs_interval_mul(");
		rc = print_node(c, arg);
		buf_puts(c->out, ", -1.0)");
		return rc;
	}
	buf_puts(c->out, call);
	rc = print_node(c, arg);
	buf_putc(c->out, ')');
	return rc;
}

static int print_regexp(struct print *c, const char *op, const char *left, const char *right)
{
	bool fold = op[strlen(op) - 1] == '*';

	buf_puts(c->out, op[0] == '!' ? "(NOT " : "(");
	if (print_lite(c)) {
		buf_printf(c->out, "%s(%s, %s))", fold ? "rs_iregexp" : "rs_regexp", left, right);
	} else {
		buf_printf(c->out, "regexp_matches(%s, %s%s))", left, right, fold ? ", 'i'" : "");
	}
	return 0;
}

static int print_bits(struct print *c, const char *op, const char *left, const char *right)
{
	if (op[0] == '#' && print_lite(c)) {
		buf_printf(c->out, "((%s | %s) - (%s & %s))", left, right, left, right);
	} else if (op[0] == '#') {
		buf_printf(c->out, "xor(%s, %s)", left, right);
	} else {
		buf_printf(c->out, "(%s %s %s)", left, op, right);
	}
	return 0;
}

static int print_arithmetic(
	struct print *c, const struct operands *o, const char *left, const char *right)
{
	bool numbers = sql_is_number(o->l.kind) && sql_is_number(o->r.kind);

	if (print_lite(c)) {
		return numbers ? lite_numbers(c, o, left, right) : lite_times(c, o, left, right);
	}
	return numbers ? duck_numbers(c, o, left, right) : duck_times(c, o, left, right);
}

static int print_comparison(struct print *c, const json_t *body, const char *op)
{
	int rc;

	buf_putc(c->out, '(');
	if (print_lite(c) && rs_type_of(json_object_get(body, "lexpr")).kind == SQL_INTERVAL) {
		return print_refuse(c, "the comparison of intervals");
	}
	rc = print_compared(c, json_object_get(body, "lexpr"));
	buf_printf(c->out, " %s ", strcmp(op, "!=") == 0 ? "<>" : op);
	rc = rc != 0 ? rc : print_node(c, json_object_get(body, "rexpr"));
	buf_putc(c->out, ')');
	return rc;
}

static bool compares(const char *op)
{
	return strcmp(op, "!=") == 0 || op[0] == '=' || strcmp(op, "<") == 0 ||
	       strcmp(op, ">") == 0 || strcmp(op, "<=") == 0 || strcmp(op, ">=") == 0 ||
	       strcmp(op, "<>") == 0;
}

static int print_simple(struct print *c, const json_t *node, const char *op)
{
	const json_t *body = rs_node_body(node);
	CLEANUP(operands_clear) struct operands o = {.op = op};
	int rc;

	if (json_object_get(body, "lexpr") == NULL) {
		return print_unary(c, node, op);
	}
	if (compares(op)) {
		return print_comparison(c, body, op);
	}
	o.l = rs_type_of(json_object_get(body, "lexpr"));
	o.r = rs_type_of(json_object_get(body, "rexpr"));
	o.t = rs_type_of(node);
	rc = print_apart(c, json_object_get(body, "lexpr"), &o.left);
	rc = rc != 0 ? rc : print_apart(c, json_object_get(body, "rexpr"), &o.right);
	if (rc != 0) {
		return rc;
	}
	const char *left = buf_cstr(&o.left);
	const char *right = buf_cstr(&o.right);

	if (strcmp(op, "||") == 0) {
		buf_printf(c->out, "(%s || %s)", left, right);
		return 0;
	}
	if (strchr(op, '~') != NULL) {
		return print_regexp(c, op, left, right);
	}
	if (strchr("&|#<>", op[0]) != NULL) {
		return print_bits(c, op, left, right);
	}
	return print_arithmetic(c, &o, left, right);
}

/* ---- LIKE ---- */

/* SIMILAR TO's pattern as a regular expression. */
static int similar_pattern(struct print *c, const json_t *pattern, const json_t *escape)
{
	const json_t *sval = json_object_get(rs_node_as(pattern, "A_Const"), "sval");
	const json_t *other = json_object_get(rs_node_as(escape, "A_Const"), "sval");
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	char esc = '\\';
	bool in_set = false;

	if (other != NULL) {
		esc = rs_get_text(other, "sval")[0];
	}
	if (sval == NULL) {
		return print_refuse(c, "SIMILAR TO with a pattern that is not written out");
	}
	for (const char *p = rs_get_text(sval, "sval"); *p != 0; p++) {
		if (*p == esc && p[1] != 0) {
			buf_putc(&out, '\\');
			buf_putc(&out, *++p);
		} else if (in_set || *p == '[') {
			in_set = *p != ']';
			buf_putc(&out, *p);
		} else if (*p == '%') {
			buf_puts(&out, ".*");
		} else if (*p == '_') {
			buf_putc(&out, '.');
		} else {
			buf_puts(&out, strchr(".^$\\", *p) != NULL ? "\\" : "");
			buf_putc(&out, *p);
		}
	}
	return sql_quote_text(buf_slice(&out), c->out, c->err);
}

static int duck_similar(struct print *c, const json_t *body)
{
	int rc;

	buf_puts(c->out, "regexp_full_match(");
	rc = print_node(c, json_object_get(body, "lexpr"));
	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc
		     : similar_pattern(c, json_object_get(body, "rexpr"),
			       json_object_get(body, "rs_escape"));
	buf_puts(c->out, ", 's')");
	return rc;
}

static bool has_escape(const json_t *pattern)
{
	const json_t *sval = json_object_get(rs_node_as(pattern, "A_Const"), "sval");

	return sval == NULL || strchr(rs_get_text(sval, "sval"), '\\') != NULL;
}

static int print_escape(struct print *c, const json_t *body)
{
	const json_t *escape = json_object_get(body, "rs_escape");

	if (escape != NULL) {
		return print_node(c, escape);
	}
	buf_puts(c->out, "'\\'");
	return 0;
}

static int lite_like(struct print *c, const json_t *body, const char *call)
{
	int rc;

	buf_puts(c->out, call);
	rc = print_node(c, json_object_get(body, "lexpr"));
	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc : print_node(c, json_object_get(body, "rexpr"));
	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc : print_escape(c, body);
	buf_putc(c->out, ')');
	return rc;
}

static int duck_like(struct print *c, const json_t *body, const char *word)
{
	const json_t *pattern = json_object_get(body, "rexpr");
	int rc;

	buf_putc(c->out, '(');
	rc = print_node(c, json_object_get(body, "lexpr"));
	buf_puts(c->out, word);
	rc = rc != 0 ? rc : print_node(c, pattern);
	if (json_object_get(body, "rs_escape") != NULL || has_escape(pattern)) {
		buf_puts(c->out, " ESCAPE ");
		rc = rc != 0 ? rc : print_escape(c, body);
	}
	buf_putc(c->out, ')');
	return rc;
}

static int print_like(struct print *c, const json_t *body, const char *kind, const char *op)
{
	bool similar = strcmp(kind, "AEXPR_SIMILAR") == 0;
	bool fold = strcmp(kind, "AEXPR_ILIKE") == 0;
	int rc;

	buf_puts(c->out, op[0] == '!' ? "(NOT " : "(");
	if (print_lite(c)) {
		rc = lite_like(c, body, similar ? "rs_similar(" : fold ? "rs_ilike(" : "rs_like(");
	} else {
		rc = similar ? duck_similar(c, body)
			     : duck_like(c, body, fold ? " ILIKE " : " LIKE ");
	}
	buf_putc(c->out, ')');
	return rc;
}

/* ---- IN, BETWEEN, IS DISTINCT FROM, NULLIF ---- */

static int print_in(struct print *c, const json_t *body, const char *op)
{
	int rc;

	buf_putc(c->out, '(');
	rc = print_compared(c, json_object_get(body, "lexpr"));
	buf_puts(c->out, op[0] == '<' ? " NOT IN (" : " IN (");
	rc = rc != 0 ? rc
		     : print_list(c,
			       json_object_get(rs_node_as(json_object_get(body, "rexpr"), "List"),
				       "items"));
	buf_puts(c->out, "))");
	return rc;
}

static int print_between(struct print *c, const json_t *body, bool not )
{
	const json_t *bounds =
		json_object_get(rs_node_as(json_object_get(body, "rexpr"), "List"), "items");
	int rc;

	buf_putc(c->out, '(');
	rc = print_compared(c, json_object_get(body, "lexpr"));
	buf_puts(c->out, not ? " NOT BETWEEN " : " BETWEEN ");
	rc = rc != 0 ? rc : print_node(c, json_array_get(bounds, 0));
	buf_puts(c->out, " AND ");
	rc = rc != 0 ? rc : print_node(c, json_array_get(bounds, 1));
	buf_putc(c->out, ')');
	return rc;
}

static int print_pair(struct print *c, const json_t *body, const char *open, const char *middle)
{
	int rc;

	buf_puts(c->out, open);
	rc = print_compared(c, json_object_get(body, "lexpr"));
	buf_puts(c->out, middle);
	rc = rc != 0 ? rc : print_node(c, json_object_get(body, "rexpr"));
	buf_putc(c->out, ')');
	return rc;
}

int print_operator(struct print *c, const json_t *node)
{
	const json_t *body = rs_node_body(node);
	const json_t *names = json_object_get(body, "name");
	const char *op = rs_node_string(json_array_get(names, json_array_size(names) - 1));
	const char *kind = rs_get_text(body, "kind");

	if (strcmp(kind, "AEXPR_OP") == 0) {
		return print_simple(c, node, op);
	}
	if (strcmp(kind, "AEXPR_IN") == 0) {
		return print_in(c, body, op);
	}
	if (strcmp(kind, "AEXPR_BETWEEN") == 0 || strcmp(kind, "AEXPR_NOT_BETWEEN") == 0) {
		return print_between(c, body, strcmp(kind, "AEXPR_BETWEEN") != 0);
	}
	if (strcmp(kind, "AEXPR_DISTINCT") == 0) {
		return print_pair(c, body, "(", print_lite(c) ? " IS NOT " : " IS DISTINCT FROM ");
	}
	if (strcmp(kind, "AEXPR_NOT_DISTINCT") == 0) {
		return print_pair(c, body, "(", print_lite(c) ? " IS " : " IS NOT DISTINCT FROM ");
	}
	if (strcmp(kind, "AEXPR_NULLIF") == 0) {
		return print_pair(c, body, "nullif(", ", ");
	}
	return print_like(c, body, kind, op);
}
