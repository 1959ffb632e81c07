/* $facet: several pipelines over the same documents, which are kept aside once, in memory while
 * they are few. $unionWith: the documents of another pipeline behind those that came. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/spill.h"
#include "engines/docdb/pipeline/pipeline_impl.h"

#define READ_BYTES ((size_t)256 * 1024)

struct facet {
	struct buf name;
	struct pipeline pipeline;
};

struct facet_stage {
	struct stage base;
	struct facet *facets;
	unsigned n;
};

struct facet_cursor {
	struct stage_cursor c;
	struct spill *kept; /* the documents, one behind the other: each tells its length */
	bool done;
};

static void free_facets(struct stage *s)
{
	struct facet_stage *f = (struct facet_stage *)s;

	for (unsigned i = 0; i < f->n; i++) {
		buf_free(&f->facets[i].name);
		pipeline_finish(&f->facets[i].pipeline);
	}
	free(f->facets);
}

static int add_facet(struct facet_stage *f, const struct stage_scope *scope, struct slice name,
	struct doc_value v, struct err *err)
{
	struct stage_scope inner = *scope;
	struct facet *more = realloc(f->facets, (f->n + 1) * sizeof(*more));

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->facets = more;
	more[f->n++] = (struct facet){0};
	inner.nested = true;
	if (name.n == 0 || name.p[0] == '$' || memchr(name.p, '.', name.n) != NULL) {
		return err_set(err, EINVAL,
			"$facet: a facet's name cannot be empty, begin with '$' nor contain '.'");
	}
	buf_append_slice(&more[f->n - 1].name, name);
	if (v.type != BSON_TYPE_ARRAY) {
		return err_set(err, EINVAL, "arguments to $facet must be arrays, %.*s is type %s",
			(int)(name.n < 100 ? name.n : 100), name.p, doc_type_name(v.type));
	}
	return pipeline_parse(&more[f->n - 1].pipeline, &inner, v, err);
}

static int parse_facet(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	struct stage *s;
	int r = stage_object_arg("$facet", spec, err);

	if (r == 0 && scope->nested) {
		r = err_set(err, EINVAL, "$facet is not allowed to be used within a $facet stage");
	}
	if (r == 0 && doc_is_empty(spec.raw)) {
		r = err_set(err, EINVAL,
			"the $facet specification must be a non-empty object of arrays");
	}
	if (r == 0) {
		r = pipeline_add(p, &stage_facet_ops, sizeof(struct facet_stage), spec, &s, err);
	}
	if (r != 0) {
		return r;
	}
	doc_iter_init(&it, spec.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = add_facet((struct facet_stage *)s, scope, name, v, err);
	}
	return r;
}

/* ---- reading again what was kept ---- */

struct kept_cursor {
	struct doc_cursor base;
	struct spill *kept; /* borrowed */
	uint64_t at;	    /* behind what is in bytes */
	struct buf bytes;
	size_t used;
};

static void close_kept(struct doc_cursor *base)
{
	buf_free(&((struct kept_cursor *)base)->bytes);
	free(base);
}

static int have(struct kept_cursor *k, size_t n, struct err *err)
{
	int r = 0;

	if (k->bytes.n - k->used >= n) {
		return 0;
	}
	if (k->used > 0) {
		memmove(k->bytes.p, k->bytes.p + k->used, k->bytes.n - k->used);
		k->bytes.n -= k->used;
		k->used = 0;
	}
	while (r == 0 && k->bytes.n < n) {
		size_t before = k->bytes.n;
		r = spill_read(k->kept, k->at, n > READ_BYTES ? n : READ_BYTES, &k->bytes, err);
		if (r == 0 && k->bytes.n == before) {
			r = err_set(err, EIO, "the file of a $facet ends too early");
		}
		k->at += k->bytes.n - before;
	}
	return r;
}

static int next_kept(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct kept_cursor *k = (struct kept_cursor *)base;
	uint32_t n;
	int r;

	if (k->used == k->bytes.n && k->at == spill_size(k->kept)) {
		return 0;
	}
	r = have(k, sizeof(n), err);
	if (r == 0) {
		memcpy(&n, k->bytes.p + k->used, sizeof(n));
		n = BSON_UINT32_FROM_LE(n);
		r = have(k, n, err);
	}
	if (r != 0) {
		return r;
	}
	*document = slice_make(k->bytes.p + k->used, n);
	k->used += n;
	return 1;
}

static int open_kept(struct spill *kept, struct doc_cursor **out, struct err *err)
{
	struct kept_cursor *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->base = (struct doc_cursor){next_kept, close_kept};
	k->kept = kept;
	*out = &k->base;
	return 0;
}

/* ---- running ---- */

static int keep_all(struct facet_cursor *c, struct err *err)
{
	struct slice document;
	int r;

	c->kept = spill_new(c->c.run->reach.tmp_dir == NULL ? "/tmp" : c->c.run->reach.tmp_dir);
	if (c->kept == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	while ((r = stage_next(&c->c, &document, err)) == 1) {
		r = spill_add(c->kept, document, err);
		if (r != 0) {
			return r;
		}
	}
	return r;
}

static int run_facet(struct facet_cursor *c, const struct facet *f, struct err *err)
{
	struct buf *out = &c->c.out;
	size_t array = doc_put_begin(out, buf_slice(&f->name), BSON_TYPE_ARRAY);
	struct doc_cursor *source = NULL;
	struct slice document;
	unsigned n = 0;
	int r = open_kept(c->kept, &source, err);

	if (r == 0) {
		r = pipeline_open_over(&f->pipeline, 0, c->c.run, source, &source, err);
	}
	if (r != 0) {
		return r;
	}
	while ((r = source->next(source, &document, err)) == 1) {
		doc_put_index(out, n++, doc_value_of(document));
		if (out->n > DOC_BYTES_MAX) {
			r = err_set(err, EFBIG,
				"BSONObjectTooLarge: $facet makes a document of more than %d bytes",
				DOC_BYTES_MAX);
			break;
		}
	}
	doc_cursor_close(source);
	doc_end(out, array);
	return r;
}

static int next_facet(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct facet_cursor *c = (struct facet_cursor *)base;
	const struct facet_stage *s = (const struct facet_stage *)c->c.stage;
	size_t start;
	int r;

	if (c->done) {
		return 0;
	}
	c->done = true;
	r = keep_all(c, err);
	start = doc_begin(&c->c.out);
	for (unsigned i = 0; r == 0 && i < s->n; i++) {
		r = run_facet(c, &s->facets[i], err);
	}
	doc_end(&c->c.out, start);
	return r != 0 ? r : stage_give(&c->c, document, err);
}

static void finish_facet(struct stage_cursor *c)
{
	spill_free(((struct facet_cursor *)c)->kept);
}

static int open_facet(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(struct facet_cursor), s, run, source, next_facet, &c, err);

	if (r == 0) {
		c->finish = finish_facet;
		*out = &c->base;
	}
	return r;
}

const struct stage_ops stage_facet_ops = {
	.name = "$facet", .parse = parse_facet, .open = open_facet, .free = free_facets};

/* ---- $unionWith ---- */

struct union_stage {
	struct stage base;
	struct buf from;
	struct pipeline pipeline;
};

struct union_cursor {
	struct stage_cursor c;
	struct doc_cursor *second;
};

static void free_union(struct stage *s)
{
	buf_free(&((struct union_stage *)s)->from);
	pipeline_finish(&((struct union_stage *)s)->pipeline);
}

static int parse_union_object(
	struct union_stage *u, const struct stage_scope *scope, struct slice spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, spec);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (slice_is(name, "coll") && v.type == BSON_TYPE_UTF8) {
			buf_append_slice(&u->from, doc_string(v));
		} else if (slice_is(name, "pipeline")) {
			r = pipeline_parse(&u->pipeline, scope, v, err);
		} else {
			r = err_set(err, EINVAL,
				"$unionWith takes 'coll', a string, and 'pipeline', an array; "
				"found "
				"'%.*s'",
				(int)(name.n < 100 ? name.n : 100), name.p);
		}
	}
	return r;
}

static int parse_union(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct stage *s;
	struct union_stage *u;
	int r = pipeline_add(p, &stage_union_ops, sizeof(*u), spec, &s, err);

	if (r != 0) {
		return r;
	}
	u = (struct union_stage *)s;
	if (spec.type == BSON_TYPE_UTF8) {
		buf_append_slice(&u->from, doc_string(spec));
	} else if (spec.type == BSON_TYPE_DOCUMENT) {
		r = parse_union_object(u, scope, spec.raw, err);
	}
	if (r == 0 && u->from.n == 0) {
		r = err_set(err, EINVAL,
			"the $unionWith stage specification must name a collection: a string, or "
			"an "
			"object with 'coll'");
	}
	return r;
}

static int next_union(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct union_cursor *c = (struct union_cursor *)base;
	const struct union_stage *u = (const struct union_stage *)c->c.stage;
	int r;

	if (c->second == NULL) {
		r = stage_next(&c->c, document, err);
		if (r != 0) {
			return r;
		}
		r = pipeline_open(&u->pipeline, c->c.run, buf_slice(&u->from), &c->second, err);
		if (r != 0) {
			return r;
		}
	}
	return c->second->next(c->second, document, err);
}

static void finish_union(struct stage_cursor *c)
{
	doc_cursor_close(((struct union_cursor *)c)->second);
}

static int open_union(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(struct union_cursor), s, run, source, next_union, &c, err);

	if (r == 0) {
		c->finish = finish_union;
		*out = &c->base;
	}
	return r;
}

const struct stage_ops stage_union_ops = {
	.name = "$unionWith", .parse = parse_union, .open = open_union, .free = free_union};
