/* Operators: arithmetic with numbers, dates and intervals, comparisons, LIKE, IN, BETWEEN. */
#include <stdlib.h>

#include "engines/redshift/sql/bind_impl.h"

static const char *operator_name(const json_t *body)
{
	const json_t *names = json_object_get(body, "name");

	return rs_node_string(json_array_get(names, json_array_size(names) - 1));
}

static bool is_comparison(const char *op)
{
	return strcmp(op, "=") == 0 || strcmp(op, "<>") == 0 || strcmp(op, "!=") == 0 ||
	       strcmp(op, "<") == 0 || strcmp(op, ">") == 0 || strcmp(op, "<=") == 0 ||
	       strcmp(op, ">=") == 0;
}

static int no_operator(struct binder *b, const json_t *node, struct sql_type l, struct sql_type r)
{
	char left[64];
	char right[64];

	return bind_fail(b, EINVAL, rs_tree_location(node), "%s %s %s: there is no such operator",
		bind_type_text(l, left), operator_name(rs_node_body(node)),
		bind_type_text(r, right));
}

/* ---- comparisons ---- */

/* A number that is written out and has no more digits than the type: so the column stays as it is,
 * and what a node knows of its blocks can be used. */
static bool fits(const json_t *node, struct sql_type t)
{
	struct sql_type own = rs_type_of(node);
	const json_t *body = rs_node_as(node, "A_Const");
	const json_t *ival = json_object_get(body, "ival");
	int64_t limit = 1;

	if (body == NULL || t.kind != SQL_DECIMAL) {
		return false;
	}
	if (ival != NULL) {
		for (unsigned i = 0; i < t.size - t.scale && i < 10; i++) {
			limit *= 10;
		}
		return llabs(rs_get_number(ival, "ival")) < limit;
	}
	return own.kind == SQL_DECIMAL && own.scale <= t.scale &&
	       own.size - own.scale <= t.size - t.scale;
}

static int compare_numbers(struct binder *b, json_t *left, json_t *right)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);

	if (bind_is_float(l.kind) || bind_is_float(r.kind)) {
		int rc = l.kind == SQL_DECIMAL ? bind_become(b, left, BIND_TYPE(SQL_DOUBLE)) : 0;

		return rc != 0 || r.kind != SQL_DECIMAL
			       ? rc
			       : bind_become(b, right, BIND_TYPE(SQL_DOUBLE));
	}
	if (l.kind != SQL_DECIMAL && r.kind != SQL_DECIMAL) {
		return 0;
	}
	if (fits(right, l)) {
		return bind_become(b, right, l);
	}
	if (fits(left, r)) {
		return bind_become(b, left, r);
	}
	if (l.kind != SQL_DECIMAL) {
		return bind_become(b, left, bind_decimal_of(l));
	}
	return r.kind != SQL_DECIMAL ? bind_become(b, right, bind_decimal_of(r)) : 0;
}

/* Blanks at the end of what is compared with a CHAR do not count. */
static void trim_constant(json_t *node)
{
	json_t *sval = json_object_get(rs_node_as(node, "A_Const"), "sval");
	const char *text = rs_get_text(sval, "sval");
	size_t n = strlen(text);

	while (n > 0 && text[n - 1] == ' ') {
		n--;
	}
	if (text[n] != 0) {
		json_object_set_new(sval, "sval", json_stringn(text, n));
	}
}

int bind_comparable(struct binder *b, json_t *left, json_t *right, const char *what)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);
	struct sql_type t;
	char room[2][64];
	int rc;

	if (l.kind == SQL_CHAR || r.kind == SQL_CHAR) {
		trim_constant(l.kind == SQL_CHAR ? right : left);
	}
	if (l.kind == SQL_UNKNOWN || r.kind == SQL_UNKNOWN) {
		t = l.kind == SQL_UNKNOWN ? r : l;
		if (t.kind == SQL_UNKNOWN || bind_is_text(t.kind)) {
			t = BIND_TYPE(SQL_VARCHAR);
		}
		return bind_become(b, l.kind == SQL_UNKNOWN ? left : right, t) != 0 ? -EINVAL
		       : l.kind == SQL_UNKNOWN && r.kind == SQL_UNKNOWN ? bind_become(b, right, t)
									: 0;
	}
	if (sql_is_number(l.kind) && sql_is_number(r.kind)) {
		return compare_numbers(b, left, right);
	}
	if (l.kind == r.kind || (bind_is_text(l.kind) && bind_is_text(r.kind))) {
		return 0;
	}
	if (!bind_unify(l, r, &t)) {
		return bind_fail(b, EINVAL, rs_tree_location(left),
			"%s %s %s: they cannot be compared; a cast (::) tells which type is meant",
			bind_type_text(l, room[0]), what, bind_type_text(r, room[1]));
	}
	rc = bind_become(b, left, t);
	return rc != 0 ? rc : bind_become(b, right, t);
}

/* ---- arithmetic ---- */

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* As the service documents it; 38 digits at most. */
static struct sql_type decimal_result(char op, struct sql_type a, struct sql_type b)
{
	unsigned scale = larger(a.scale, b.scale);
	unsigned size = larger(a.size - a.scale, b.size - b.scale) + scale + 1;

	if (op == '*') {
		scale = a.scale + b.scale;
		size = a.size + b.size + 1;
	} else if (op == '/') {
		scale = a.scale + b.size + 1 > 4 + b.scale ? a.scale + b.size + 1 - b.scale : 4;
		size = a.size - a.scale + b.scale + scale;
	} else if (op == '%') {
		size--;
	}
	if (size > SQL_DECIMAL_MAX && op == '/') {
		int left = (int)(SQL_DECIMAL_MAX + scale) - (int)size;

		scale = left > 4 ? (unsigned)left : 4;
	}
	size = size > SQL_DECIMAL_MAX ? SQL_DECIMAL_MAX : size;
	scale = scale > SQL_DECIMAL_MAX ? SQL_DECIMAL_MAX : scale;
	return (struct sql_type){.kind = SQL_DECIMAL, .size = size, .scale = scale};
}

static int bind_number_operator(
	struct binder *b, json_t *node, char op, json_t *left, json_t *right)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);
	int rc = 0;

	if (bind_is_float(l.kind) || bind_is_float(r.kind) || op == '^') {
		struct sql_type t = BIND_TYPE(l.kind == SQL_REAL && r.kind == SQL_REAL && op != '^'
						      ? SQL_REAL
						      : SQL_DOUBLE);

		rc = bind_become(b, left, t);
		rc = rc != 0 ? rc : bind_become(b, right, t);
		rs_set_type(node, t);
		return rc;
	}
	if (l.kind != SQL_DECIMAL && r.kind != SQL_DECIMAL) {
		rs_set_type(node, BIND_TYPE(l.kind > r.kind ? l.kind : r.kind));
		return 0;
	}
	rc = bind_become(b, left, bind_decimal_of(l));
	rc = rc != 0 ? rc : bind_become(b, right, bind_decimal_of(r));
	rs_set_type(node, decimal_result(op, bind_decimal_of(l), bind_decimal_of(r)));
	return rc;
}

/* DATE and TIMESTAMP with INTERVAL, days and each other. */
static int bind_time_operator(struct binder *b, json_t *node, char op, json_t *left, json_t *right)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);

	if (op == '-' && l.kind == SQL_DATE && r.kind == SQL_DATE) {
		rs_set_type(node, BIND_TYPE(SQL_INTEGER));
		return 0;
	}
	if (bind_is_integer(r.kind)) {
		rs_set_type(node, l);
		return 0;
	}
	if (l.kind == SQL_TIME && r.kind == SQL_INTERVAL) {
		return no_operator(b, node, l, r);
	}
	if (r.kind == SQL_INTERVAL) {
		struct sql_type t = l.kind == SQL_DATE ? BIND_TYPE(SQL_TIMESTAMP) : l;

		rs_set_type(node, t);
		return bind_become(b, left, t);
	}
	if (op == '-' && (l.kind == SQL_DATE || bind_is_time(l.kind)) &&
		(r.kind == SQL_DATE || bind_is_time(r.kind))) {
		int rc = bind_become(b, left, BIND_TYPE(SQL_TIMESTAMP));

		rs_set_type(node, BIND_TYPE(SQL_INTERVAL));
		return rc != 0 ? rc : bind_become(b, right, BIND_TYPE(SQL_TIMESTAMP));
	}
	return no_operator(b, node, l, r);
}

static int bind_interval_operator(
	struct binder *b, json_t *node, char op, json_t *left, json_t *right)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);

	rs_set_type(node, BIND_TYPE(SQL_INTERVAL));
	if (l.kind == SQL_INTERVAL && r.kind == SQL_INTERVAL && (op == '+' || op == '-')) {
		return 0;
	}
	if (l.kind == SQL_INTERVAL && sql_is_number(r.kind) && op == '*') {
		return bind_become(b, right, BIND_TYPE(SQL_DOUBLE));
	}
	return no_operator(b, node, l, r);
}

static bool is_moment(struct sql_type t)
{
	return t.kind == SQL_DATE || t.kind == SQL_TIME || bind_is_time(t.kind);
}

static void swap_operands(json_t *body)
{
	json_t *left = json_incref(json_object_get(body, "lexpr"));

	json_object_set(body, "lexpr", json_object_get(body, "rexpr"));
	json_object_set_new(body, "rexpr", left);
}

/* A text without a type takes the other side's: with a moment and +, it is an interval. */
static int settle_sides(struct binder *b, char op, json_t *left, json_t *right)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);

	if (r.kind == SQL_UNKNOWN && l.kind != SQL_UNKNOWN) {
		return bind_become(
			b, right, is_moment(l) && op == '+' ? BIND_TYPE(SQL_INTERVAL) : l);
	}
	if (l.kind == SQL_UNKNOWN && r.kind != SQL_UNKNOWN) {
		bool moment = is_moment(r) && op == '+';

		return bind_become(b, left,
			moment				      ? BIND_TYPE(SQL_INTERVAL)
			: r.kind == SQL_INTERVAL && op != '*' ? BIND_TYPE(SQL_TIMESTAMP)
							      : r);
	}
	if (l.kind == SQL_UNKNOWN) {
		int rc = bind_become(b, left, BIND_TYPE(SQL_INTEGER));

		return rc != 0 ? rc : bind_become(b, right, BIND_TYPE(SQL_INTEGER));
	}
	return 0;
}

static int bind_arithmetic(struct binder *b, json_t *node, char op)
{
	json_t *body = rs_node_body(node);
	json_t *left = json_object_get(body, "lexpr");
	json_t *right = json_object_get(body, "rexpr");
	int rc = settle_sides(b, op, left, right);
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);

	if (rc != 0) {
		return rc;
	}
	if ((op == '+' && is_moment(r) && !is_moment(l)) ||
		(op == '*' && r.kind == SQL_INTERVAL && l.kind != SQL_INTERVAL)) {
		swap_operands(body);
		return bind_arithmetic(b, node, op);
	}
	if (sql_is_number(l.kind) && sql_is_number(r.kind)) {
		return bind_number_operator(b, node, op, left, right);
	}
	if (is_moment(l) && (op == '+' || op == '-')) {
		return bind_time_operator(b, node, op, left, right);
	}
	if (l.kind == SQL_INTERVAL) {
		return bind_interval_operator(b, node, op, left, right);
	}
	return no_operator(b, node, l, r);
}

/* ---- further ones ---- */

static int bind_unary(struct binder *b, json_t *node, const char *op)
{
	json_t *right = json_object_get(rs_node_body(node), "rexpr");
	struct sql_type t = rs_type_of(right);
	int rc = 0;

	if (t.kind == SQL_UNKNOWN) {
		t = BIND_TYPE(SQL_DOUBLE);
		rc = bind_become(b, right, t);
	}
	if (strcmp(op, "|/") == 0 || strcmp(op, "||/") == 0) {
		rs_set_type(node, BIND_TYPE(SQL_DOUBLE));
		return rc != 0 || !sql_is_number(t.kind)
			       ? no_operator(b, node, t, t)
			       : bind_become(b, right, BIND_TYPE(SQL_DOUBLE));
	}
	rs_set_type(node, t);
	if (rc != 0 || sql_is_number(t.kind)) {
		return rc != 0 || strcmp(op, "~") != 0 || bind_is_integer(t.kind)
			       ? rc
			       : no_operator(b, node, t, t);
	}
	return t.kind == SQL_INTERVAL && strcmp(op, "-") == 0 ? 0 : no_operator(b, node, t, t);
}

static int become_text(struct binder *b, json_t *node)
{
	return bind_is_text(rs_type_of(node).kind)
		       ? 0
		       : bind_explicit_cast(b, node, BIND_TYPE(SQL_VARCHAR));
}

static int bind_concatenation(struct binder *b, json_t *node, json_t *left, json_t *right)
{
	struct sql_type l;
	struct sql_type r;
	struct sql_type t = {.kind = SQL_VARCHAR};
	int rc = become_text(b, left);

	rc = rc != 0 ? rc : become_text(b, right);
	l = rs_type_of(left);
	r = rs_type_of(right);
	if (l.size != 0 && r.size != 0 && l.size + r.size <= SQL_VARCHAR_MAX) {
		t.size = l.size + r.size;
	}
	rs_set_type(node, t);
	return rc;
}

static int both_texts(struct binder *b, const json_t *node, json_t *left, json_t *right)
{
	json_t *const sides[] = {left, right};

	for (int i = 0; i < 2; i++) {
		struct sql_type t = rs_type_of(sides[i]);

		if (t.kind == SQL_UNKNOWN) {
			int rc = bind_become(b, sides[i], BIND_TYPE(SQL_VARCHAR));

			if (rc != 0) {
				return rc;
			}
		} else if (!bind_is_text(t.kind)) {
			return no_operator(b, node, rs_type_of(left), rs_type_of(right));
		}
	}
	return 0;
}

static int bind_bits(struct binder *b, json_t *node, json_t *left, json_t *right)
{
	struct sql_type l = rs_type_of(left);
	struct sql_type r = rs_type_of(right);

	if (!bind_is_integer(l.kind) || !bind_is_integer(r.kind)) {
		return no_operator(b, node, l, r);
	}
	rs_set_type(node, BIND_TYPE(l.kind > r.kind ? l.kind : r.kind));
	return 0;
}

/* (a, b) = (c, d): a = c AND b = d. */
static int bind_row_equal(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	const json_t *left =
		json_object_get(rs_node_as(json_object_get(body, "lexpr"), "RowExpr"), "args");
	const json_t *right =
		json_object_get(rs_node_as(json_object_get(body, "rexpr"), "RowExpr"), "args");
	json_t *all = json_array();
	json_t *and;

	if (strcmp(operator_name(body), "=") != 0 || left == NULL || right == NULL ||
		json_array_size(left) != json_array_size(right)) {
		json_decref(all);
		return bind_fail(b, ENOTSUP, rs_tree_location(node),
			"rows are compared with = only, and with rows of as many values");
	}
	for (size_t i = 0; i < json_array_size(left); i++) {
		json_array_append_new(
			all, json_pack("{s:{s:s,s:[{s:{s:s}}],s:O,s:O}}", "A_Expr", "kind",
				     "AEXPR_OP", "name", "String", "sval", "=", "lexpr",
				     json_array_get(left, i), "rexpr", json_array_get(right, i)));
	}
	and = json_pack("{s:{s:s,s:o}}", "BoolExpr", "boolop", "AND_EXPR", "args", all);
	if (and == NULL) {
		return bind_no_memory(b);
	}
	rs_node_become(node, and);
	return bind_expression(b, s, node);
}

static int bind_simple(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	const char *op = operator_name(body);
	json_t *left = json_object_get(body, "lexpr");
	json_t *right = json_object_get(body, "rexpr");

	if (left == NULL) {
		return bind_unary(b, node, op);
	}
	if (rs_node_as(left, "RowExpr") != NULL || rs_node_as(right, "RowExpr") != NULL) {
		return bind_row_equal(b, s, node);
	}
	if (is_comparison(op)) {
		rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
		return bind_comparable(b, left, right, op);
	}
	if (strcmp(op, "||") == 0) {
		return bind_concatenation(b, node, left, right);
	}
	if (strchr("+-*/%^", op[0]) != NULL && op[1] == 0) {
		return bind_arithmetic(b, node, op[0]);
	}
	if (strcmp(op, "~") == 0 || strcmp(op, "!~") == 0 || strcmp(op, "~*") == 0 ||
		strcmp(op, "!~*") == 0) {
		rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
		return both_texts(b, node, left, right);
	}
	if (strcmp(op, "&") == 0 || strcmp(op, "|") == 0 || strcmp(op, "#") == 0 ||
		strcmp(op, "<<") == 0 || strcmp(op, ">>") == 0) {
		return bind_bits(b, node, left, right);
	}
	return bind_fail(
		b, ENOTSUP, rs_get_number(body, "location"), "operator %s is not supported", op);
}

/* ---- IN, BETWEEN, LIKE, IS DISTINCT FROM, NULLIF ---- */

static int bind_in(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	json_t *left = json_object_get(body, "lexpr");
	json_t *items =
		json_object_get(rs_node_as(json_object_get(body, "rexpr"), "List"), "items");
	size_t n = json_array_size(items);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	CLEANUP(cleanup_free) json_t **all = calloc(n + 1, sizeof *all);
	struct sql_type t;
	bool as_left = true;
	int rc = bind_list(b, s, items);

	if (all == NULL) {
		return bind_no_memory(b);
	}
	for (size_t i = 0; i < n; i++) {
		struct sql_type item;

		all[i] = json_array_get(items, i);
		if (rs_node_as(all[i], "RowExpr") != NULL) {
			return bind_fail(b, ENOTSUP, rs_tree_location(all[i]),
				"a list of rows behind IN is not supported");
		}
		if (rs_type_of(left).kind == SQL_CHAR) {
			trim_constant(all[i]);
		}
		item = rs_type_of(all[i]);
		as_left = as_left &&
			  (item.kind == SQL_UNKNOWN || sql_type_equal(item, rs_type_of(left)) ||
				  fits(all[i], rs_type_of(left)));
	}
	all[n] = left;
	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	if (rc != 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return rc;
	}
	if (rs_type_of(left).kind == SQL_UNKNOWN || !as_left ||
		bind_is_text(rs_type_of(left).kind)) {
		return bind_unify_all(b, all, n + 1, "IN", &t);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = bind_become(b, all[i], rs_type_of(left));
	}
	return rc;
}

static int bind_between(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	json_t *bounds =
		json_object_get(rs_node_as(json_object_get(body, "rexpr"), "List"), "items");
	json_t *left = json_object_get(body, "lexpr");
	int rc = bind_list(b, s, bounds);

	rc = rc != 0 ? rc : bind_comparable(b, left, json_array_get(bounds, 0), "BETWEEN");
	rc = rc != 0 ? rc : bind_comparable(b, left, json_array_get(bounds, 1), "BETWEEN");
	/* The second bound may have changed the left side. */
	rc = rc != 0 ? rc : bind_comparable(b, left, json_array_get(bounds, 0), "BETWEEN");
	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	return rc;
}

/* The pattern of LIKE … ESCAPE and SIMILAR TO is within a call of the parser's own. */
static int bind_like(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	json_t *call = rs_node_as(json_object_get(body, "rexpr"), "FuncCall");
	const json_t *names = json_object_get(call, "funcname");
	const char *name = rs_node_string(json_array_get(names, 1));
	json_t *args = json_object_get(call, "args");

	if (strcmp(name, "like_escape") == 0 || strcmp(name, "similar_to_escape") == 0) {
		json_t *pattern = json_incref(json_array_get(args, 0));

		if (json_array_size(args) > 1) {
			json_object_set(body, "rs_escape", json_array_get(args, 1));
		}
		json_object_set_new(body, "rexpr", pattern);
	}
	json_t *right = json_object_get(body, "rexpr");
	json_t *escape = json_object_get(body, "rs_escape");
	int rc = bind_expression(b, s, right);

	rc = rc != 0 || escape == NULL ? rc : bind_expression(b, s, escape);
	rc = rc != 0 || escape == NULL ? rc : bind_become(b, escape, BIND_TYPE(SQL_VARCHAR));
	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	return rc != 0 ? rc : both_texts(b, node, json_object_get(body, "lexpr"), right);
}

static int bind_pair(struct binder *b, struct bind_scope *s, json_t *node, bool nullif)
{
	json_t *body = rs_node_body(node);
	json_t *left = json_object_get(body, "lexpr");
	json_t *right = json_object_get(body, "rexpr");
	int rc = bind_expression(b, s, right);

	if (rc == 0 && nullif) {
		rc = bind_comparable(b, left, right, "NULLIF");
		rs_set_type(node, rs_type_of(left));
		return rc;
	}
	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	return rc != 0 ? rc : bind_comparable(b, left, right, "IS DISTINCT FROM");
}

int bind_operator(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	const char *kind = rs_get_text(body, "kind");
	json_t *left = json_object_get(body, "lexpr");
	int rc = left != NULL ? bind_expression(b, s, left) : 0;

	if (rc != 0) {
		return rc;
	}
	if (strcmp(kind, "AEXPR_OP") == 0) {
		rc = bind_expression(b, s, json_object_get(body, "rexpr"));
		return rc != 0 ? rc : bind_simple(b, s, node);
	}
	if (strcmp(kind, "AEXPR_IN") == 0) {
		return bind_in(b, s, node);
	}
	if (strcmp(kind, "AEXPR_BETWEEN") == 0 || strcmp(kind, "AEXPR_NOT_BETWEEN") == 0) {
		return bind_between(b, s, node);
	}
	if (strcmp(kind, "AEXPR_LIKE") == 0 || strcmp(kind, "AEXPR_ILIKE") == 0 ||
		strcmp(kind, "AEXPR_SIMILAR") == 0) {
		return bind_like(b, s, node);
	}
	if (strcmp(kind, "AEXPR_DISTINCT") == 0 || strcmp(kind, "AEXPR_NOT_DISTINCT") == 0) {
		return bind_pair(b, s, node, false);
	}
	if (strcmp(kind, "AEXPR_NULLIF") == 0) {
		return bind_pair(b, s, node, true);
	}
	return bind_fail(b, ENOTSUP, rs_tree_location(node), "%s is not supported",
		strncmp(kind, "AEXPR_OP_A", 10) == 0 ? "ANY or ALL of an array" : kind);
}
