/* Calls: which function of functions.c, its arguments, windows. */
#include <ctype.h>
#include <stdlib.h>

#include "engines/common/suggest.h"
#include "engines/redshift/sql/bind_impl.h"

static const char *next_function(const void *arg, unsigned i)
{
	(void)arg;
	return rs_functions[i].name;
}

static int no_function(struct binder *b, const char *name, int64_t at)
{
	const char *hint = suggest(name, next_function, NULL);

	return bind_fail(b, EINVAL, at, "there is no function %s%s%s%s", name,
		hint != NULL ? "; " : "", hint != NULL ? hint : "", hint != NULL ? " is near" : "");
}

static void describe(struct buf *out, json_t *const *args, size_t n)
{
	char room[64];

	for (size_t i = 0; i < n; i++) {
		struct sql_type t = rs_type_of(args[i]);

		buf_printf(out, "%s%s", i > 0 ? ", " : "",
			t.kind == SQL_UNKNOWN ? "text" : bind_type_text(t, room));
	}
}

static void describe_letters(struct buf *out, const char *letters)
{
	for (const char *p = letters; *p != 0; p++) {
		if (*p == '*') {
			buf_puts(out, ", …");
			continue;
		}
		buf_printf(out, "%s%s", p > letters ? ", " : "",
			strchr("t", *p)	    ? "text"
			: strchr("k", *p)   ? "'text'"
			: strchr("ilI", *p) ? "integer"
			: strchr("cdn", *p) ? "number"
			: *p == 'b'	    ? "boolean"
			: *p == 'D'	    ? "date"
			: *p == 'T'	    ? "timestamp"
			: *p == 'v'	    ? "interval"
			: *p == 'p'	    ? "part of a date"
					    : "any");
	}
}

static int wrong_arguments(struct binder *b, const char *name, unsigned first, json_t *const *args,
	size_t n, int64_t at)
{
	CLEANUP(buf_free) struct buf found = BUF_INIT;
	CLEANUP(buf_free) struct buf wanted = BUF_INIT;

	describe(&found, args, n);
	for (unsigned i = first; i < rs_n_functions && strcmp(rs_functions[i].name, name) == 0;
		i++) {
		buf_printf(&wanted, "%s%s(", i > first ? " or " : "", name);
		describe_letters(&wanted, rs_functions[i].arguments);
		buf_putc(&wanted, ')');
	}
	return bind_fail(
		b, EINVAL, at, "%s(%s): it takes %s", name, buf_cstr(&found), buf_cstr(&wanted));
}

static int choose(struct binder *b, const char *name, json_t *const *args, size_t n, int64_t at,
	unsigned *out)
{
	unsigned first = rs_function_find(name);

	if (first == rs_n_functions) {
		return no_function(b, name, at);
	}
	*out = rs_function_choose(name, args, n);
	return *out < rs_n_functions ? 0 : wrong_arguments(b, name, first, args, n, at);
}

/* ---- arguments ---- */

static int become_letter(struct binder *b, char letter, json_t *node)
{
	struct sql_type t = rs_type_of(node);

	switch (letter) {
	case 't':
	case 'k': return bind_is_text(t.kind) ? 0 : bind_become(b, node, BIND_TYPE(SQL_VARCHAR));
	case 'i': return t.kind == SQL_SMALLINT ? 0 : bind_become(b, node, BIND_TYPE(SQL_INTEGER));
	case 'l': return bind_is_integer(t.kind) ? 0 : bind_become(b, node, BIND_TYPE(SQL_BIGINT));
	case 'd': return bind_become(b, node, BIND_TYPE(SQL_DOUBLE));
	case 'n': return sql_is_number(t.kind) ? 0 : bind_become(b, node, BIND_TYPE(SQL_DOUBLE));
	case 'b': return bind_become(b, node, BIND_TYPE(SQL_BOOLEAN));
	case 'T': return bind_is_time(t.kind) ? 0 : bind_become(b, node, BIND_TYPE(SQL_TIMESTAMP));
	case 'v': return bind_become(b, node, BIND_TYPE(SQL_INTERVAL));
	case 'x': return t.kind == SQL_UNKNOWN ? bind_become(b, node, BIND_TYPE(SQL_VARCHAR)) : 0;
	default: return 0;
	}
}

static int become_part(struct binder *b, json_t *node)
{
	const json_t *sval = json_object_get(rs_node_as(node, "A_Const"), "sval");
	const char *text = rs_get_text(sval, "sval");
	const char *part = rs_date_part(text);

	if (part == NULL) {
		return bind_fail(b, EINVAL, rs_tree_location(node),
			"\"%s\" is no part of a date: year, quarter, month, week, day, hour, "
			"minute, "
			"second, …",
			text);
	}
	rs_node_become(node, rs_text_constant(part));
	rs_set_type(node, BIND_TYPE(SQL_VARCHAR));
	return 0;
}

static int become_arguments(
	struct binder *b, const struct rs_function *f, json_t *const *args, size_t n)
{
	const char *letter = f->arguments;
	json_t *same[64];
	size_t n_same = 0;
	struct sql_type t;

	for (size_t i = 0; i < n; i++) {
		int rc = *letter == 'p' ? become_part(b, args[i])
					: become_letter(b, *letter, args[i]);

		if (rc != 0) {
			return rc;
		}
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
		if (*letter == 's' && n_same < sizeof same / sizeof *same) {
			same[n_same++] = args[i];
		}
		if (letter[1] != '*') {
			letter++;
		}
	}
	return n_same > 0 ? bind_unify_all(b, same, n_same, f->name, &t) : 0;
}

/* dateadd(month, …): the first argument is a word, not a column. */
static void words_to_texts(const char *name, json_t *args)
{
	unsigned first = rs_function_find(name);
	json_t *node = json_array_get(args, 0);
	const json_t *fields = json_object_get(rs_node_as(node, "ColumnRef"), "fields");

	if (first < rs_n_functions && rs_functions[first].arguments[0] == 'p' &&
		json_array_size(fields) == 1) {
		int64_t at = rs_tree_location(node);

		rs_node_become(node, rs_text_constant(rs_node_string(json_array_get(fields, 0))));
		json_object_set_new(rs_node_body(node), "location", json_integer(at));
	}
}

/* ---- calls that are other expressions ---- */

/* nvl(a, b): COALESCE. */
static int become_coalesce(struct binder *b, struct bind_scope *s, json_t *node, json_t *args)
{
	json_t *other = json_pack("{s:{s:O}}", "CoalesceExpr", "args", args);

	if (other == NULL) {
		return bind_no_memory(b);
	}
	rs_node_become(node, other);
	return bind_expression(b, s, node);
}

static json_t *when_node(json_t *condition, json_t *result)
{
	return json_pack("{s:{s:o,s:O}}", "CaseWhen", "expr", condition, "result", result);
}

/* nvl2(a, b, c): CASE WHEN a IS NOT NULL THEN b ELSE c END. */
static int become_nvl2(struct binder *b, struct bind_scope *s, json_t *node, json_t *args)
{
	json_t *test = json_pack("{s:{s:O,s:s}}", "NullTest", "arg", json_array_get(args, 0),
		"nulltesttype", "IS_NOT_NULL");
	json_t *other = json_pack("{s:{s:[o],s:O}}", "CaseExpr", "args",
		when_node(test, json_array_get(args, 1)), "defresult", json_array_get(args, 2));

	if (other == NULL) {
		return bind_no_memory(b);
	}
	rs_node_become(node, other);
	return bind_expression(b, s, node);
}

/* decode(x, a, 1, b, 2, 3): a CASE where NULL is found, too. */
static int become_decode(struct binder *b, struct bind_scope *s, json_t *node, json_t *args)
{
	json_t *list = json_array();
	size_t n = json_array_size(args);
	json_t *other;

	for (size_t i = 1; i + 1 < n; i += 2) {
		json_t *test = json_pack("{s:{s:s,s:[{s:{s:s}}],s:o,s:O}}", "A_Expr", "kind",
			"AEXPR_NOT_DISTINCT", "name", "String", "sval", "=", "lexpr",
			json_deep_copy(json_array_get(args, 0)), "rexpr", json_array_get(args, i));

		json_array_append_new(list, when_node(test, json_array_get(args, i + 1)));
	}
	other = json_pack("{s:{s:o}}", "CaseExpr", "args", list);
	if (other == NULL) {
		return bind_no_memory(b);
	}
	if (n % 2 == 0) {
		json_object_set(rs_node_body(other), "defresult", json_array_get(args, n - 1));
	}
	rs_node_become(node, other);
	return bind_expression(b, s, node);
}

static int bind_rewritten(
	struct binder *b, struct bind_scope *s, json_t *node, const char *name, bool *done)
{
	json_t *args = json_incref(json_object_get(rs_node_body(node), "args"));
	size_t n = json_array_size(args);
	int rc = 0;

	*done = true;
	if ((strcmp(name, "nvl") == 0 || strcmp(name, "ifnull") == 0 ||
		    strcmp(name, "isnull") == 0) &&
		n >= 1) {
		rc = become_coalesce(b, s, node, args);
	} else if (strcmp(name, "nvl2") == 0 && n == 3) {
		rc = become_nvl2(b, s, node, args);
	} else if (strcmp(name, "decode") == 0 && n >= 3) {
		rc = become_decode(b, s, node, args);
	} else {
		*done = false;
	}
	json_decref(args);
	return rc;
}

/* ---- windows ---- */

static const json_t *find_window(const struct bind_scope *s, const char *name)
{
	const json_t *node;
	size_t i;

	json_array_foreach (s->windows, i, node) {
		if (rs_get_is(rs_node_body(node), "name", name)) {
			return rs_node_body(node);
		}
	}
	return NULL;
}

/* OVER w, OVER (w ORDER BY …): what w is stands here then. */
static int add_named(struct binder *b, struct bind_scope *s, json_t *over)
{
	const char *name = rs_get_text(over, "name");
	const json_t *named;
	const char *key;
	json_t *member;

	if (name[0] == 0) {
		name = rs_get_text(over, "refname");
	}
	if (name[0] == 0) {
		return 0;
	}
	named = find_window(s, name);
	if (named == NULL) {
		return bind_fail(
			b, EINVAL, rs_get_number(over, "location"), "there is no WINDOW %s", name);
	}
	json_object_foreach ((json_t *)named, key, member) {
		if (strcmp(key, "name") != 0 && strcmp(key, "refname") != 0 &&
			(json_object_get(over, key) == NULL ||
				(strcmp(key, "frameOptions") == 0 &&
					!(rs_get_number(over, key) & 1)))) {
			json_object_set_new(over, key, json_deep_copy(member));
		}
	}
	json_object_del(over, "name");
	json_object_del(over, "refname");
	return 0;
}

int bind_window(struct binder *b, struct bind_scope *s, json_t *call)
{
	json_t *over = json_object_get(call, "over");
	int rc = add_named(b, s, over);

	rc = rc != 0 ? rc : bind_list(b, s, json_object_get(over, "partitionClause"));
	rc = rc != 0 ? rc : bind_sort_list(b, s, json_object_get(over, "orderClause"));
	if (rc == 0 && json_object_get(over, "startOffset") != NULL) {
		rc = bind_expression(b, s, json_object_get(over, "startOffset"));
	}
	if (rc == 0 && json_object_get(over, "endOffset") != NULL) {
		rc = bind_expression(b, s, json_object_get(over, "endOffset"));
	}
	return rc;
}

/* ---- aggregates ---- */

static int check_place(struct binder *b, struct bind_scope *s, const struct rs_function *f,
	const json_t *body, int64_t at)
{
	bool over = json_object_get(body, "over") != NULL;

	if (f->kind == RS_WINDOW && !over) {
		return bind_fail(
			b, EINVAL, at, "%s is a window function: it wants OVER (…)", f->name);
	}
	if (f->kind == RS_SCALAR && (over || rs_get_flag(body, "agg_distinct") ||
					    json_object_get(body, "agg_filter") != NULL ||
					    json_object_get(body, "agg_order") != NULL)) {
		return bind_fail(b, EINVAL, at, "%s is no aggregate", f->name);
	}
	if (over && !s->windows_allowed) {
		return bind_fail(b, EINVAL, at,
			"a window function cannot stand in %s; QUALIFY takes them", s->clause);
	}
	if (f->kind == RS_AGGREGATE && !over && !s->aggregates_allowed) {
		return bind_fail(b, EINVAL, at,
			"an aggregate cannot stand in %s; HAVING takes them", s->clause);
	}
	if (f->kind == RS_AGGREGATE && !over && s->in_aggregate > 0) {
		return bind_fail(b, EINVAL, at, "an aggregate cannot stand in another's arguments");
	}
	return 0;
}

static int bind_aggregate_parts(struct binder *b, struct bind_scope *s, json_t *body)
{
	json_t *filter = json_object_get(body, "agg_filter");
	int rc = bind_sort_list(b, s, json_object_get(body, "agg_order"));

	if (rc == 0 && filter != NULL) {
		rc = bind_condition(b, s, filter, s->clause);
	}
	return rc;
}

/* percentile_cont(0.5) WITHIN GROUP (ORDER BY x): x is its second argument. */
static int within_group(struct binder *b, json_t *body, const char *name, json_t *args)
{
	const json_t *order = json_object_get(body, "agg_order");

	if (!rs_get_flag(body, "agg_within_group") || strcmp(name, "listagg") == 0) {
		return 0;
	}
	if (json_array_size(order) != 1) {
		return bind_fail(b, EINVAL, rs_get_number(body, "location"),
			"%s … WITHIN GROUP (ORDER BY one expression)", name);
	}
	json_t *sort = rs_node_body(json_array_get(order, 0));

	if (rs_get_is(sort, "sortby_dir", "SORTBY_DESC")) {
		json_object_set_new(body, "rs_descending", json_true());
	}
	json_array_append(args, json_object_get(sort, "node"));
	json_object_del(body, "agg_order");
	return 0;
}

static const char *function_name(const json_t *body)
{
	const json_t *names = json_object_get(body, "funcname");

	return rs_node_string(json_array_get(names, json_array_size(names) - 1));
}

static int bind_arguments(struct binder *b, struct bind_scope *s, json_t *body, bool aggregate)
{
	json_t *args = json_object_get(body, "args");
	int rc;

	s->in_aggregate += aggregate;
	rc = bind_list(b, s, args);
	rc = rc != 0 ? rc : bind_aggregate_parts(b, s, body);
	s->in_aggregate -= aggregate;
	return rc;
}

static int bind_call(struct binder *b, struct bind_scope *s, json_t *node, const char *name,
	json_t *const *args, size_t n)
{
	json_t *body = rs_node_body(node);
	int64_t at = rs_tree_location(node);
	struct sql_type types[2] = {0}; /* no rule asks for more */
	unsigned row = 0;
	int rc = choose(b, name, args, n, at, &row);

	rc = rc != 0 ? rc : check_place(b, s, &rs_functions[row], body, at);
	rc = rc != 0 ? rc : become_arguments(b, &rs_functions[row], args, n);
	if (rc != 0) {
		return rc;
	}
	n = n < 2 ? n : 2;
	for (size_t i = 0; i < n; i++) {
		types[i] = rs_type_of(args[i]);
	}
	rs_set_type(node, rs_function_result(&rs_functions[row], types, (unsigned)n));
	json_object_set_new(body, "rs_function", json_string(name));
	json_object_set_new(body, "rs_row", json_integer(row));
	if (json_object_get(body, "over") != NULL) {
		json_object_set_new(body, "rs_kind", json_integer(2));
		return bind_window(b, s, body);
	}
	if (rs_functions[row].kind == RS_AGGREGATE) {
		json_object_set_new(body, "rs_kind", json_integer(1));
	}
	return 0;
}

int bind_function(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *body = rs_node_body(node);
	const char *name = function_name(body);
	unsigned first = rs_function_find(name);
	bool aggregate = first < rs_n_functions && rs_functions[first].kind == RS_AGGREGATE &&
			 json_object_get(body, "over") == NULL;
	bool done = false;
	int rc = bind_rewritten(b, s, node, name, &done);

	if (done) {
		return rc;
	}
	if (json_object_get(body, "args") == NULL) {
		json_object_set_new(body, "args", json_array());
	}
	json_t *list = json_object_get(body, "args");

	words_to_texts(name, list);
	rc = within_group(b, body, name, list);
	rc = rc != 0 ? rc : bind_arguments(b, s, body, aggregate);
	if (rc != 0) {
		return rc;
	}
	size_t n = json_array_size(list);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	CLEANUP(cleanup_free) json_t **args = calloc(n + 1, sizeof *args);

	for (size_t i = 0; args != NULL && i < n; i++) {
		args[i] = json_array_get(list, i);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return args == NULL ? bind_no_memory(b) : bind_call(b, s, node, name, args, n);
}
