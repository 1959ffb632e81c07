/* $addFields: a tree of the paths that are set, laid over each document. What a path leads to but
 * does not set stays; where it passes an array, each element is meant. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/expr/expr.h"

struct field {
	struct field *next, *first; /* the one after it; its first child */
	struct doc_expr *expr;	    /* of a leaf */
	size_t name_n;
	char name[]; /* with a NUL */
};

struct doc_fields {
	struct field *first;
};

/* What one application works with. */
struct applying {
	const struct doc_vars *vars;
	struct doc_arena *a;
	struct buf *out;
	struct err *err;
};

static void free_fields(struct field *f)
{
	while (f != NULL) {
		struct field *next = f->next;
		doc_expr_free(f->expr);
		free_fields(f->first);
		free(f);
		f = next;
	}
}

void doc_fields_free(struct doc_fields *f)
{
	if (f != NULL) {
		free_fields(f->first);
		free(f);
	}
}

/* ---- compiling ---- */

static int parse_members(struct field **first, struct slice spec, const struct doc_var *known,
	unsigned depth, struct err *err);

static int check_name(struct slice name, struct err *err)
{
	if (name.n == 0) {
		return err_set(err, EINVAL,
			"Invalid $addFields :: caused by :: FieldPath field names may not be empty "
			"strings.");
	}
	if (name.p[0] == '$') {
		return err_set(err, EINVAL,
			"Invalid $addFields :: caused by :: FieldPath field names may not start "
			"with "
			"'$'. Consider using $getField or $setField.");
	}
	return 0;
}

/* The child of that name, made where there is none. */
static int get_field(struct field **first, struct slice name, struct field **out, struct err *err)
{
	struct field **at = first;
	int r = check_name(name, err);

	if (r != 0) {
		return r;
	}
	while (*at != NULL && !slice_equal(slice_make((*at)->name, (*at)->name_n), name)) {
		at = &(*at)->next;
	}
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at) + name.n + 1);
		if (*at == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		(*at)->name_n = name.n;
		memcpy((*at)->name, name.p, name.n);
	}
	*out = *at;
	return 0;
}

/* An object that is no expression names fields below. */
static bool is_nested(struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value member;

	if (v.type != BSON_TYPE_DOCUMENT) {
		return false;
	}
	doc_iter_init(&it, v.raw);
	return !doc_next(&it, &name, &member) || name.n == 0 || name.p[0] != '$';
}

static int conflict(struct slice path, struct err *err)
{
	return err_set(err, EINVAL,
		"Invalid $addFields :: caused by :: specification contains two conflicting paths: "
		"'%.*s' and one that it begins with or that begins with it",
		(int)(path.n < 100 ? path.n : 100), path.p);
}

static int parse_member(struct field **first, struct slice path, struct doc_value v,
	const struct doc_var *known, unsigned depth, struct err *err)
{
	const char *dot = path.n > 0 ? memchr(path.p, '.', path.n) : NULL;
	size_t n = dot == NULL ? path.n : (size_t)(dot - path.p);
	struct field *f = NULL;
	int r = get_field(first, slice_make(path.p, n), &f, err);

	if (r != 0 || f == NULL) {
		return r;
	}
	if (depth > DOC_DEPTH_MAX) {
		return err_set(
			err, EINVAL, "$addFields: a document has %d levels at most", DOC_DEPTH_MAX);
	}
	if (f->expr != NULL) {
		return conflict(path, err);
	}
	if (dot != NULL) {
		return parse_member(
			&f->first, slice_make(dot + 1, path.n - n - 1), v, known, depth + 1, err);
	}
	if (f->first != NULL && !is_nested(v)) {
		return conflict(path, err);
	}
	if (!is_nested(v)) {
		return doc_expr_new(v, known, &f->expr, err);
	}
	if (doc_is_empty(v.raw)) {
		return err_set(err, EINVAL,
			"Invalid $addFields :: caused by :: an empty object is not a valid value. "
			"Found at path %.*s",
			(int)(path.n < 100 ? path.n : 100), path.p);
	}
	return parse_members(&f->first, v.raw, known, depth + 1, err);
}

static int parse_members(struct field **first, struct slice spec, const struct doc_var *known,
	unsigned depth, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, spec);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = parse_member(first, name, v, known, depth, err);
	}
	return r;
}

int doc_fields_new(
	struct slice spec, const struct doc_var *known, struct doc_fields **out, struct err *err)
{
	struct doc_fields *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	r = parse_members(&f->first, spec, known, 1, err);
	if (r != 0) {
		doc_fields_free(f);
		return r;
	}
	*out = f;
	return 0;
}

/* ---- applying ---- */

static int apply(struct applying *x, const struct field *first, struct slice document);

static struct slice field_name(const struct field *f)
{
	return slice_make(f->name, f->name_n);
}

static const struct field *find_field(const struct field *f, struct slice name)
{
	while (f != NULL && !slice_equal(field_name(f), name)) {
		f = f->next;
	}
	return f;
}

/* What stands where the path goes on: `v`, or DOC_MISSING. */
static int apply_below(
	struct applying *x, const struct field *f, struct slice name, struct doc_value v)
{
	static const char none[] = {5, 0, 0, 0, 0};
	struct doc_iter it;
	struct slice index;
	struct doc_value element;
	size_t start = doc_put_begin(
		x->out, name, v.type == BSON_TYPE_ARRAY ? BSON_TYPE_ARRAY : BSON_TYPE_DOCUMENT);
	int r = 0;

	if (v.type != BSON_TYPE_ARRAY) {
		r = apply(x, f->first,
			v.type == BSON_TYPE_DOCUMENT ? v.raw : slice_make(none, sizeof(none)));
	} else {
		doc_iter_init(&it, v.raw);
		while (r == 0 && doc_next(&it, &index, &element)) {
			r = apply_below(x, f, index, element);
		}
	}
	doc_end(x->out, start);
	return r;
}

static int apply_field(
	struct applying *x, const struct field *f, struct slice name, struct doc_value before)
{
	struct doc_value v;
	int r;

	if (f->expr == NULL) {
		return apply_below(x, f, name, before);
	}
	r = doc_expr_eval(f->expr, x->vars, x->a, &v, x->err);
	if (r == 0) {
		doc_put(x->out, name, v);
	}
	return r;
}

/* The members of a document with the fields in their places, new ones behind. The caller has begun
 * the document in x->out. */
static int apply(struct applying *x, const struct field *first, struct slice document)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, document);
	while (r == 0 && doc_next(&it, &name, &v)) {
		const struct field *f = find_field(first, name);
		if (f == NULL) {
			doc_put(x->out, name, v);
		} else {
			r = apply_field(x, f, name, v);
		}
	}
	for (const struct field *f = first; r == 0 && f != NULL; f = f->next) {
		if (doc_field(document, field_name(f)).type == BSON_TYPE_EOD) {
			r = apply_field(x, f, field_name(f), DOC_MISSING);
		}
	}
	return r;
}

int doc_fields_apply(const struct doc_fields *f, const struct doc_vars *vars, struct doc_arena *a,
	struct buf *out, struct err *err)
{
	struct applying x = {vars, a, out, err};
	size_t start = doc_begin(out);
	int r = apply(&x, f->first, vars->document);

	doc_end(out, start);
	return r != 0 ? r : buf_check(out, err);
}
