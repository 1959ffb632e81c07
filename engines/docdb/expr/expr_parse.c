/* Compiling expressions. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"

static const struct expr_op *const tables[] = {expr_arith_ops, expr_round_ops, expr_cond_ops,
	expr_string_ops, expr_trim_ops, expr_regex_ops, expr_array_ops, expr_loop_ops, expr_set_ops,
	expr_object_ops, expr_date_ops, expr_datemath_ops, expr_convert_ops, expr_fold_ops};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

void doc_expr_free(struct doc_expr *e)
{
	if (e == NULL) {
		return;
	}
	for (unsigned i = 0; i < e->n; i++) {
		doc_expr_free(e->args[i]);
	}
	if (e->extra != NULL) {
		e->free_extra(e->extra);
	}
	free((void *)e->args);
	free(e->names);
	buf_free(&e->bytes);
	free(e);
}

int doc_expr_new(
	struct doc_value spec, const struct doc_var *known, struct doc_expr **out, struct err *err)
{
	struct doc_expr *e = NULL;
	int r = expr_parse(spec, known, &e, err);

	if (r != 0) {
		doc_expr_free(e);
		return r;
	}
	*out = e;
	return 0;
}

static int no_memory(struct err *err)
{
	err_set(err, ENOMEM, "out of memory");
	return -ENOMEM;
}

static int new_node(expr_fn *fn, struct doc_expr **out, struct err *err)
{
	struct doc_expr *e = calloc(1, sizeof(*e));

	if (e == NULL) {
		return no_memory(err);
	}
	e->fn = fn;
	*out = e;
	return 0;
}

int expr_set_args(struct doc_expr *e, unsigned n, struct err *err)
{
	e->args = (struct doc_expr **)calloc(n == 0 ? 1 : n, sizeof(struct doc_expr *));
	if (e->args == NULL) {
		return no_memory(err);
	}
	e->n = n;
	return 0;
}

int expr_keep_names(struct doc_expr *e, const struct slice *names, unsigned n, struct err *err)
{
	size_t at = 0;

	e->names = calloc(n == 0 ? 1 : n, sizeof(*e->names));
	if (e->names == NULL) {
		return no_memory(err);
	}
	for (unsigned i = 0; i < n; i++) {
		buf_append_slice(&e->bytes, names[i]);
		buf_putc(&e->bytes, '\0');
	}
	if (buf_check(&e->bytes, err) != 0) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < n; i++) {
		e->names[i] = slice_make(e->bytes.p + at, names[i].n);
		at += names[i].n + 1;
	}
	e->n_names = n;
	return 0;
}

/* ---- literals ---- */

static int eval_literal(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	(void)run;
	*out = expr_literal(e);
	return 0;
}

bool expr_is_literal(const struct doc_expr *e)
{
	return e != NULL && e->fn == eval_literal;
}

struct doc_value expr_literal(const struct doc_expr *e)
{
	return (struct doc_value){e->type, buf_slice(&e->bytes)};
}

/* Turns a node into one; v may be what its arguments hold. */
int expr_make_literal(struct doc_expr *e, struct doc_value v, struct err *err)
{
	struct buf bytes = BUF_INIT;

	buf_append_slice(&bytes, v.raw);
	if (buf_check(&bytes, err) != 0) {
		buf_free(&bytes);
		return -ENOMEM;
	}
	buf_free(&e->bytes);
	e->bytes = bytes;
	e->type = v.type;
	e->fn = eval_literal;
	return 0;
}

static int parse_literal(struct doc_value v, struct doc_expr **out, struct err *err)
{
	int r = new_node(eval_literal, out, err);

	if (r == 0) {
		r = expr_make_literal(*out, v, err);
	}
	return r;
}

static int parse_string(
	struct doc_value spec, const struct doc_var *scope, struct doc_expr **out, struct err *err)
{
	struct slice text = doc_string(spec);
	int r;

	if (text.n == 0 || text.p[0] != '$') {
		return parse_literal(spec, out, err);
	}
	r = new_node(NULL, out, err);
	if (r == 0) {
		r = expr_parse_path(*out, slice_make(text.p + 1, text.n - 1), scope, err);
	}
	return r;
}

/* ---- constructors ---- */

static int eval_array(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_eval(e->args[i], run, &v);
		if (r == 0) {
			r = expr_list_add(run, &list, v);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_list_array(run, &list, out);
}

static int eval_object(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_members members = {0};
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_eval(e->args[i], run, &v);
		if (r == 0) {
			r = expr_member_add(run, &members, e->names[i], v);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_members_object(run, &members, out);
}

static unsigned count_members(struct slice document)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;

	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	return n;
}

/* All of a document's values as arguments. */
static int parse_args(
	struct doc_expr *e, struct slice document, const struct doc_var *scope, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned i = 0;
	int r = expr_set_args(e, count_members(document), err);

	doc_iter_init(&it, document);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = expr_parse(v, scope, &e->args[i++], err);
	}
	return r;
}

/* What is the same for every document is made once. */
static int fold(struct doc_expr *e, struct err *err)
{
	struct expr_run run = {.err = err};
	struct doc_value v = DOC_MISSING;
	int r;

	for (unsigned i = 0; i < e->n; i++) {
		if (!expr_is_literal(e->args[i])) {
			return 0;
		}
	}
	run.a = doc_arena_new();
	if (run.a == NULL) {
		return no_memory(err);
	}
	r = e->fn(e, &run, &v);
	if (r == 0) {
		r = doc_arena_check(run.a, err);
	}
	if (r == 0) {
		r = expr_make_literal(e, v, err);
	}
	doc_arena_free(run.a);
	return r;
}

static int parse_array(
	struct doc_value spec, const struct doc_var *scope, struct doc_expr **out, struct err *err)
{
	int r = new_node(eval_array, out, err);

	if (r == 0) {
		r = parse_args(*out, spec.raw, scope, err);
	}
	if (r == 0) {
		r = fold(*out, err);
	}
	return r;
}

static int check_member_name(struct slice name, struct err *err)
{
	if (name.n > 0 && name.p[0] == '$') {
		return err_set(err, EINVAL,
			"FieldPath field names may not start with '$': '%.*s' stands where a field "
			"of "
			"an object does. Consider using $getField or $setField.",
			(int)(name.n < 100 ? name.n : 100), name.p);
	}
	if (name.n > 0 && memchr(name.p, '.', name.n) != NULL) {
		return err_set(err, EINVAL,
			"FieldPath field names may not contain '.': '%.*s'. Consider using "
			"$getField "
			"or $setField.",
			(int)(name.n < 100 ? name.n : 100), name.p);
	}
	return 0;
}

static int keep_member_names(struct doc_expr *e, struct slice document, struct err *err)
{
	struct slice *names = calloc(e->n == 0 ? 1 : e->n, sizeof(*names));
	struct doc_iter it;
	struct doc_value v;
	unsigned i = 0;
	int r = 0;

	if (names == NULL) {
		return no_memory(err);
	}
	doc_iter_init(&it, document);
	while (r == 0 && i < e->n && doc_next(&it, &names[i], &v)) {
		r = check_member_name(names[i++], err);
	}
	if (r == 0) {
		r = expr_keep_names(e, names, e->n, err);
	}
	free(names);
	return r;
}

static int parse_object(
	struct doc_value spec, const struct doc_var *scope, struct doc_expr **out, struct err *err)
{
	int r = new_node(eval_object, out, err);

	if (r == 0) {
		r = parse_args(*out, spec.raw, scope, err);
	}
	if (r == 0) {
		r = keep_member_names(*out, spec.raw, err);
	}
	if (r == 0) {
		r = fold(*out, err);
	}
	return r;
}

/* ---- operators ---- */

static const char *next_op(const void *arg, unsigned i)
{
	(void)arg;
	for (size_t t = 0; t < N_TABLES; t++) {
		const struct expr_op *op = tables[t];
		for (; op->name != NULL; op++) {
			if (i-- == 0) {
				return op->name;
			}
		}
	}
	return NULL;
}

static const struct expr_op *find_op(struct slice name)
{
	for (size_t t = 0; t < N_TABLES; t++) {
		for (const struct expr_op *op = tables[t]; op->name != NULL; op++) {
			if (slice_is(name, op->name)) {
				return op;
			}
		}
	}
	return NULL;
}

static int refuse_unknown(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const char *near;

	buf_append_slice(&text, slice_make(name.p, name.n < 64 ? name.n : 64));
	near = suggest(buf_cstr(&text), next_op, NULL);
	if (near != NULL) {
		return err_set(err, EINVAL, "Unrecognized expression '%s'; did you mean '%s'?",
			buf_cstr(&text), near);
	}
	return err_set(err, EINVAL, "Unrecognized expression '%s'", buf_cstr(&text));
}

static int find_option(const struct expr_op *op, struct slice name)
{
	for (int i = 0; op->options[i] != NULL; i++) {
		if (slice_is(name, op->options[i] + (op->options[i][0] == '!'))) {
			return i;
		}
	}
	return -1;
}

static int check_options(const struct doc_expr *e, struct err *err)
{
	for (unsigned i = 0; i < e->n; i++) {
		if (e->op->options[i][0] == '!' && e->args[i] == NULL) {
			return err_set(err, EINVAL, "Missing '%s' parameter to %s",
				e->op->options[i] + 1, e->op->name);
		}
	}
	return 0;
}

int expr_parse_options(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;
	int r;

	while (e->op->options[n] != NULL) {
		n++;
	}
	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "%s only supports an object as its argument, not %s",
			e->op->name, expr_type_name(spec));
	}
	r = expr_set_args(e, n, err);
	doc_iter_init(&it, spec.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		int i = find_option(e->op, name);
		if (i < 0) {
			return err_set(err, EINVAL, "Unrecognized argument to %s: '%.*s'",
				e->op->name, (int)(name.n < 100 ? name.n : 100), name.p);
		}
		r = expr_parse(v, scope, &e->args[i], err);
	}
	return r != 0 ? r : check_options(e, err);
}

static int check_count(const struct doc_expr *e, struct err *err)
{
	int n = (int)e->n;
	const struct expr_op *op = e->op;

	if (n >= op->min && (op->max < 0 || n <= op->max)) {
		return 0;
	}
	if (op->min == op->max) {
		return err_set(err, EINVAL,
			"Expression %s takes exactly %d arguments. %d were passed in.", op->name,
			op->min, n);
	}
	if (op->max < 0) {
		return err_set(err, EINVAL,
			"Expression %s takes at least %d arguments, %d were passed in.", op->name,
			op->min, n);
	}
	return err_set(err, EINVAL,
		"Expression %s takes at least %d arguments, and at most %d, but %d were passed in.",
		op->name, op->min, op->max, n);
}

static int parse_operands(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	int r;

	if (e->op->parse != NULL) {
		return e->op->parse(e, spec, scope, err);
	}
	if (e->op->options != NULL) {
		return expr_parse_options(e, spec, scope, err);
	}
	if (spec.type == BSON_TYPE_ARRAY) {
		r = parse_args(e, spec.raw, scope, err);
	} else {
		r = expr_set_args(e, 1, err);
		if (r == 0) {
			r = expr_parse(spec, scope, &e->args[0], err);
		}
	}
	return r != 0 ? r : check_count(e, err);
}

static int parse_operator(struct slice name, struct doc_value spec, const struct doc_var *scope,
	struct doc_expr **out, struct err *err)
{
	const struct expr_op *op = find_op(name);
	int r;

	if (op == NULL) {
		return refuse_unknown(name, err);
	}
	r = new_node(op->fn, out, err);
	if (r == 0) {
		(*out)->op = op;
		r = parse_operands(*out, spec, scope, err);
	}
	return r;
}

int expr_parse(
	struct doc_value spec, const struct doc_var *scope, struct doc_expr **out, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct slice second;
	struct doc_value v;
	struct doc_value other;

	if (spec.type == BSON_TYPE_UTF8) {
		return parse_string(spec, scope, out, err);
	}
	if (spec.type == BSON_TYPE_ARRAY) {
		return parse_array(spec, scope, out, err);
	}
	if (spec.type != BSON_TYPE_DOCUMENT) {
		return parse_literal(spec, out, err);
	}
	doc_iter_init(&it, spec.raw);
	if (!doc_next(&it, &name, &v) || name.n == 0 || name.p[0] != '$') {
		return parse_object(spec, scope, out, err);
	}
	if (doc_next(&it, &second, &other)) {
		return err_set(err, EINVAL,
			"an object representing an expression must have exactly one field: '%.*s' "
			"stands beside '%.*s'",
			(int)(second.n < 100 ? second.n : 100), second.p,
			(int)(name.n < 100 ? name.n : 100), name.p);
	}
	return parse_operator(name, v, scope, out, err);
}
