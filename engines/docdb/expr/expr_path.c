/* Paths and variables: "$a.b", "$$x.b". */
#include <ctype.h>
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/expr/expr_impl.h"

static int eval_path(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return expr_path_in(run, run->vars.document, e->names, e->n_names, out);
}

static int eval_root(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	(void)e;
	*out = doc_value_of(run->vars.document);
	return 0;
}

static int eval_now(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	(void)e;
	*out = doc_make_date(run->a, run->vars.now_ms);
	return 0;
}

/* names[0] is the variable's. A path in it is read as one in a document with it as a member. */
static int eval_variable(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	const struct doc_var *v = run->vars.more;
	struct doc_value value;

	while (v != NULL && !slice_equal(v->name, e->names[0])) {
		v = v->next;
	}
	value = v == NULL ? DOC_MISSING : v->value;
	if (e->n_names == 1 || value.type == BSON_TYPE_EOD) {
		*out = value;
		return 0;
	}
	return expr_path_on(run, value, e->names + 1, e->n_names - 1, out);
}

/* Splits at the dots: no part may be empty, none begin with '$'. */
static int split_path(struct slice path, struct slice names[], unsigned *n, struct err *err)
{
	for (*n = 0;; (*n)++) {
		const char *dot = path.n > 0 ? memchr(path.p, '.', path.n) : NULL;
		size_t len = dot == NULL ? path.n : (size_t)(dot - path.p);
		if (len == 0) {
			return err_set(err, EINVAL,
				"FieldPath must not end with a '.', nor have an empty field name");
		}
		if (path.p[0] == '$' || memchr(path.p, '\0', len) != NULL) {
			return err_set(err, EINVAL,
				"FieldPath field names may not start with '$', nor hold a null "
				"byte. "
				"Consider using $getField or $setField.");
		}
		if (*n == DOC_DEPTH_MAX) {
			return err_set(err, EINVAL,
				"FieldPath is too long: a document has %d levels at most",
				DOC_DEPTH_MAX);
		}
		names[*n] = slice_make(path.p, len);
		if (dot == NULL) {
			(*n)++;
			return 0;
		}
		path = slice_make(dot + 1, path.n - len - 1);
	}
}

static int parse_steps(struct doc_expr *e, struct slice path, struct err *err)
{
	struct slice names[DOC_DEPTH_MAX];
	unsigned n = 0;
	int r = split_path(path, names, &n, err);

	return r != 0 ? r : expr_keep_names(e, names, n, err);
}

static bool in_scope(const struct doc_var *scope, struct slice name)
{
	while (scope != NULL && !slice_equal(scope->name, name)) {
		scope = scope->next;
	}
	return scope != NULL;
}

int expr_check_variable(struct slice name, struct err *err)
{
	if (name.n == 0) {
		return err_set(err, EINVAL, "empty variable names are not allowed");
	}
	if (slice_is(name, "CURRENT")) {
		return 0;
	}
	if (!islower((unsigned char)name.p[0]) && !((unsigned char)name.p[0] & 0x80)) {
		return err_set(err, EINVAL,
			"'%.*s' starts with an invalid character for a user variable name",
			(int)(name.n < 100 ? name.n : 100), name.p);
	}
	for (size_t i = 1; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (!isalnum(c) && c != '_' && !(c & 0x80)) {
			return err_set(err, EINVAL,
				"'%.*s' contains an invalid character for a variable name",
				(int)(name.n < 100 ? name.n : 100), name.p);
		}
	}
	return 0;
}

/* The names that are always there, but for CURRENT, which may have been bound anew. */
static int parse_system_variable(
	struct slice name, struct slice rest, struct doc_expr *e, struct err *err)
{
	if (slice_is(name, "ROOT") || slice_is(name, "CURRENT")) {
		e->fn = rest.n == 0 ? eval_root : eval_path;
		return rest.n == 0 ? 0 : parse_steps(e, rest, err);
	}
	if (slice_is(name, "NOW")) {
		/* A date has no fields. */
		if (rest.n == 0) {
			e->fn = eval_now;
			return 0;
		}
		return expr_make_literal(e, DOC_MISSING, err);
	}
	if (slice_is(name, "REMOVE")) {
		return expr_make_literal(e, DOC_MISSING, err);
	}
	return err_set(err, EINVAL, "Use of undefined variable: %.*s",
		(int)(name.n < 100 ? name.n : 100), name.p);
}

static int parse_variable(
	struct slice text, const struct doc_var *scope, struct doc_expr *e, struct err *err)
{
	const char *dot = text.n > 0 ? memchr(text.p, '.', text.n) : NULL;
	struct slice name = slice_make(text.p, dot == NULL ? text.n : (size_t)(dot - text.p));
	struct slice rest = {text.p, 0};

	if (name.n == 0) {
		return err_set(err, EINVAL, "empty variable names are not allowed");
	}
	if (dot != NULL) {
		rest = slice_make(dot + 1, text.n - name.n - 1);
		if (rest.n == 0) {
			return err_set(err, EINVAL, "FieldPath must not end with a '.'.");
		}
	}
	if (!in_scope(scope, name)) {
		return parse_system_variable(name, rest, e, err);
	}
	e->fn = eval_variable;
	return parse_steps(e, text, err);
}

int expr_parse_path(
	struct doc_expr *e, struct slice text, const struct doc_var *scope, struct err *err)
{
	CLEANUP(buf_free) struct buf full = BUF_INIT;

	if (text.n == 0) {
		return err_set(err, EINVAL, "'$' by itself is not a valid FieldPath");
	}
	if (text.p[0] == '$') {
		return parse_variable(slice_make(text.p + 1, text.n - 1), scope, e, err);
	}
	if (!in_scope(scope, slice_of("CURRENT"))) {
		e->fn = eval_path;
		return parse_steps(e, text, err);
	}
	buf_puts(&full, "CURRENT.");
	buf_append_slice(&full, text);
	if (buf_check(&full, err) != 0) {
		return -ENOMEM;
	}
	return parse_variable(buf_slice(&full), scope, e, err);
}
