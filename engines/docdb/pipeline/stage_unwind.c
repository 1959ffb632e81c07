/* $unwind: a document for each element of an array. */
#include "engines/docdb/pipeline/pipeline_impl.h"

#include <errno.h>
#include <stdlib.h>

struct unwind_stage {
	struct stage base;
	struct buf path;  /* without '$' */
	struct buf index; /* empty: not asked for */
	bool keep_empty;
};

struct unwind_cursor {
	struct stage_cursor c;
	struct buf document; /* the one that is being unwound */
	struct doc_iter elements;
	int64_t n; /* elements given */
	bool open;
};

static void free_unwind(struct stage *s)
{
	buf_free(&((struct unwind_stage *)s)->path);
	buf_free(&((struct unwind_stage *)s)->index);
}

static int set_path(struct unwind_stage *u, struct doc_value v, struct err *err)
{
	struct slice path;

	if (v.type != BSON_TYPE_UTF8) {
		return err_set(err, EINVAL,
			"expected a string as the path for $unwind stage, got %s",
			v.type == BSON_TYPE_EOD ? "missing" : doc_type_name(v.type));
	}
	path = doc_string(v);
	if (path.n < 2 || path.p[0] != '$') {
		return err_set(err, EINVAL,
			"path option to $unwind stage should be prefixed with a '$': %.*s",
			(int)(path.n < 100 ? path.n : 100), path.p);
	}
	if (path.p[1] == '$' || path.p[path.n - 1] == '.' || path.p[1] == '.' ||
		memchr(path.p, '\0', path.n) != NULL || memmem(path.p, path.n, "..", 2) != NULL) {
		return err_set(err, EINVAL, "path option to $unwind stage is no field path: %.*s",
			(int)(path.n < 100 ? path.n : 100), path.p);
	}
	buf_append(&u->path, path.p + 1, path.n - 1);
	return buf_check(&u->path, err);
}

static int set_option(
	struct unwind_stage *u, struct slice name, struct doc_value v, struct err *err)
{
	if (slice_is(name, "path")) {
		return set_path(u, v, err);
	}
	if (slice_is(name, "preserveNullAndEmptyArrays")) {
		if (v.type != BSON_TYPE_BOOL) {
			return err_set(err, EINVAL,
				"expected a boolean for the preserveNullAndEmptyArrays option to "
				"$unwind stage, got %s",
				doc_type_name(v.type));
		}
		u->keep_empty = doc_bool(v);
		return 0;
	}
	if (slice_is(name, "includeArrayIndex")) {
		if (v.type != BSON_TYPE_UTF8 || doc_string(v).n == 0 || doc_string(v).p[0] == '$' ||
			memchr(doc_string(v).p, '\0', doc_string(v).n) != NULL ||
			memchr(doc_string(v).p, '.', doc_string(v).n) != NULL) {
			return err_set(err, EINVAL,
				"includeArrayIndex option to $unwind stage should be a field's "
				"name, "
				"non-empty, without '$' at the beginning and without '.'");
		}
		buf_append_slice(&u->index, doc_string(v));
		return buf_check(&u->index, err);
	}
	return err_set(err, EINVAL, "unrecognized option to $unwind stage: %.*s",
		(int)(name.n < 100 ? name.n : 100), name.p);
}

static int parse_unwind(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	struct stage *s;
	struct unwind_stage *u;
	int r = pipeline_add(p, &stage_unwind_ops, sizeof(*u), spec, &s, err);

	(void)scope;
	if (r != 0) {
		return r;
	}
	u = (struct unwind_stage *)s;
	if (spec.type == BSON_TYPE_UTF8) {
		return set_path(u, spec, err);
	}
	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"expected either a string or an object as specification for $unwind stage, "
			"got "
			"%s",
			doc_type_name(spec.type));
	}
	doc_iter_init(&it, spec.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = set_option(u, name, v, err);
	}
	if (r == 0 && u->path.n == 0) {
		r = err_set(err, EINVAL, "no path specified to $unwind stage");
	}
	return r;
}

/* ---- running ---- */

static struct slice first_step(struct slice *path)
{
	const char *dot = memchr(path->p, '.', path->n);
	struct slice step = slice_make(path->p, dot == NULL ? path->n : (size_t)(dot - path->p));

	*path = dot == NULL ? slice_make(NULL, 0) : slice_make(dot + 1, path->n - step.n - 1);
	return step;
}

/* Only objects are passed on the way. */
static struct doc_value find(struct slice document, struct slice path)
{
	struct doc_value v = doc_value_of(document);

	while (path.n > 0 && v.type == BSON_TYPE_DOCUMENT) {
		v = doc_field(v.raw, first_step(&path));
	}
	return path.n > 0 ? DOC_MISSING : v;
}

/* The document with `v` in the place that the path names. */
static void put_replaced(
	struct buf *out, struct slice document, struct slice path, struct doc_value v)
{
	struct slice step = first_step(&path);
	struct doc_iter it;
	struct slice name;
	struct doc_value member;

	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &member)) {
		if (!slice_equal(name, step)) {
			doc_put(out, name, member);
		} else if (path.n == 0) {
			doc_put(out, name, v);
		} else {
			size_t start = doc_put_begin(out, name, BSON_TYPE_DOCUMENT);
			put_replaced(out, member.raw, path, v);
			doc_end(out, start);
		}
	}
}

/* `v` in its place; index < 0: null. */
static int give(struct unwind_cursor *u, struct slice from, struct doc_value v, bool replace,
	int64_t index, struct slice *document, struct err *err)
{
	const struct unwind_stage *s = (const struct unwind_stage *)u->c.stage;
	struct buf *out = &u->c.out;
	size_t start;
	struct doc_iter it;
	struct slice name;
	struct doc_value member;

	if (!replace && s->index.n == 0) {
		*document = from;
		return 1;
	}
	buf_clear(out);
	start = doc_begin(out);
	if (replace) {
		put_replaced(out, from, buf_slice(&s->path), v);
	} else {
		doc_iter_init(&it, from);
		while (doc_next(&it, &name, &member)) {
			doc_put(out, name, member);
		}
	}
	if (s->index.n > 0) {
		int64_t le = BSON_UINT64_TO_LE(index);
		struct doc_value n = {BSON_TYPE_INT64, slice_make(&le, sizeof(le))};
		doc_put(out, buf_slice(&s->index), index < 0 ? doc_make_null() : n);
	}
	doc_end(out, start);
	return stage_give(&u->c, document, err);
}

static int next_unwind(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct unwind_cursor *u = (struct unwind_cursor *)base;
	const struct unwind_stage *s = (const struct unwind_stage *)u->c.stage;
	struct slice name;
	struct doc_value v;
	int r;

	for (;;) {
		if (u->open && doc_next(&u->elements, &name, &v)) {
			return give(u, buf_slice(&u->document), v, true, u->n++, document, err);
		}
		u->open = false;
		r = stage_next(&u->c, document, err);
		if (r != 1) {
			return r;
		}
		v = find(*document, buf_slice(&s->path));
		if (v.type == BSON_TYPE_ARRAY && !doc_is_empty(v.raw)) {
			buf_clear(&u->document);
			buf_append_slice(&u->document, *document);
			r = buf_check(&u->document, err);
			if (r != 0) {
				return r;
			}
			v = find(buf_slice(&u->document), buf_slice(&s->path));
			doc_iter_init(&u->elements, v.raw);
			u->open = true;
			u->n = 0;
			continue;
		}
		if (v.type == BSON_TYPE_ARRAY && s->keep_empty) {
			/* An empty array goes. */
			return give(u, *document, DOC_MISSING, true, -1, document, err);
		}
		if (v.type == BSON_TYPE_ARRAY ||
			((v.type == BSON_TYPE_EOD || v.type == BSON_TYPE_NULL ||
				 v.type == BSON_TYPE_UNDEFINED) &&
				!s->keep_empty)) {
			continue;
		}
		return give(u, *document, v, false, -1, document, err);
	}
}

static void finish_unwind(struct stage_cursor *c)
{
	buf_free(&((struct unwind_cursor *)c)->document);
}

static int open_unwind(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(
		sizeof(struct unwind_cursor), s, run, source, next_unwind, &c, err);

	if (r == 0) {
		c->finish = finish_unwind;
		*out = &c->base;
	}
	return r;
}

const struct stage_ops stage_unwind_ops = {
	.name = "$unwind", .parse = parse_unwind, .open = open_unwind, .free = free_unwind};
