/* What of a document stands in an index: one key for each combination of values that its paths lead
 * to. Where paths meet an array, there is a key for each element, and all paths take the same
 * element: an index of {"a.b", "a.c"} over {a: [{b: 1, c: 2}, {b: 3, c: 4}]} has (1, 2) and (3, 4).
 * A missing field stands as null, an empty array as undefined. */
#include <assert.h>
#include <errno.h>

#include "engines/docdb/storage/index.h"

/* Of one document in one index: above this the document is refused, not the memory used up. */
#define ENTRIES_MAX 1000000

static const struct doc_value null_value = {BSON_TYPE_NULL, {"", 0}};
static const struct doc_value undefined_value = {BSON_TYPE_UNDEFINED, {"", 0}};

void docdb_entries_free(struct docdb_entries *e)
{
	buf_free(&e->bytes);
	free(e->entry);
	*e = (struct docdb_entries){0};
}

static int add_entry(struct docdb_entries *e, size_t at, struct err *err)
{
	if (e->n == ENTRIES_MAX) {
		return err_set(
			err, EINVAL, "the document has more than %d keys in an index", ENTRIES_MAX);
	}
	if (e->n == e->cap) {
		size_t cap = e->cap > 0 ? 2 * e->cap : 4;
		struct docdb_entry *more = realloc(e->entry, cap * sizeof(*more));
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		e->entry = more;
		e->cap = cap;
	}
	e->entry[e->n++] = (struct docdb_entry){at, e->bytes.n - at};
	return buf_check(&e->bytes, err);
}

/* ---- one path: exactly what queries find there ---- */

struct one_path {
	const struct docdb_index *x;
	struct docdb_entries *out;
	struct err *err;
	int rc;
};

static int add_value(struct one_path *p, struct doc_value v)
{
	size_t at = p->out->bytes.n;

	doc_key_append(v, (p->x->descending & 1) != 0, &p->out->bytes);
	p->rc = add_entry(p->out, at, p->err);
	return p->rc;
}

static int add_elements(struct one_path *p, struct slice array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;

	if (doc_is_empty(array)) {
		return add_value(p, undefined_value);
	}
	doc_iter_init(&it, array);
	while (doc_next(&it, &name, &v)) {
		if (add_value(p, v) < 0) {
			return p->rc;
		}
	}
	return 0;
}

static int take_value(void *arg, struct doc_value v, bool through_array)
{
	struct one_path *p = arg;

	if (through_array || v.type == BSON_TYPE_ARRAY) {
		p->out->arrays = 1;
	}
	if (v.type == BSON_TYPE_ARRAY) {
		return add_elements(p, v.raw);
	}
	return add_value(p, v.type == BSON_TYPE_EOD ? null_value : v);
}

static int of_one(const struct docdb_index *x, struct slice document, struct docdb_entries *out,
	struct err *err)
{
	struct one_path p = {.x = x, .out = out, .err = err};

	doc_path_each(document, x->path[0], take_value, &p);
	/* An array without documents is on the way: there is nothing at all. */
	if (p.rc == 0 && out->n == 0) {
		out->arrays = 1;
		add_value(&p, null_value);
	}
	return p.rc;
}

/* ---- several ---- */

struct field {
	struct doc_value v; /* where it is found already; or where to go on from */
	struct slice rest;  /* of the path; empty: v is it, but for an array's elements */
	bool fixed;
};

struct several {
	const struct docdb_index *x;
	struct docdb_entries *out;
	struct err *err;
};

/* Goes down to a value, an array, or nothing. */
static void walk(struct field *f)
{
	while (!f->fixed && f->rest.n > 0 && f->v.type == BSON_TYPE_DOCUMENT) {
		const char *dot = memchr(f->rest.p, '.', f->rest.n);
		size_t n = dot != NULL ? (size_t)(dot - f->rest.p) : f->rest.n;
		f->v = doc_field(f->v.raw, slice_make(f->rest.p, n));
		f->rest = dot != NULL ? slice_make(dot + 1, f->rest.n - n - 1) : slice_of("");
	}
	if (f->v.type != BSON_TYPE_ARRAY) {
		f->fixed = true;
		if (f->rest.n > 0 || f->v.type == BSON_TYPE_EOD) {
			f->v = null_value;
		}
	}
}

/* The first field that stands before an array, or n. */
static unsigned find_array(const struct field *fields, unsigned n)
{
	unsigned i = 0;

	while (i < n && fields[i].fixed) {
		i++;
	}
	return i;
}

static int add_fixed(struct several *s, const struct field *fields)
{
	size_t at = s->out->bytes.n;

	for (unsigned i = 0; i < s->x->n_paths; i++) {
		doc_key_append(fields[i].v, (s->x->descending >> i & 1) != 0, &s->out->bytes);
	}
	return add_entry(s->out, at, s->err);
}

/* Two arrays would make a key for each pair of elements. */
static int check_parallel(struct several *s, const struct field *fields, unsigned first)
{
	for (unsigned i = first; i < s->x->n_paths; i++) {
		if (fields[i].fixed) {
			continue;
		}
		if (fields[i].v.raw.p != fields[first].v.raw.p) {
			return err_set(s->err, EINVAL,
				"CannotIndexParallelArrays (171): cannot index parallel arrays "
				"[%.*s] [%.*s]",
				(int)s->x->path[i].n, s->x->path[i].p, (int)s->x->path[first].n,
				s->x->path[first].p);
		}
		s->out->arrays |= UINT32_C(1) << i;
	}
	return 0;
}

static int expand(struct several *s, const struct field *fields, unsigned depth);

/* With the array's element `v` in the place of the array; nothing: of an empty one. False: no
 * field finds anything in it. */
static bool put_element(
	struct field *fields, unsigned n, const struct field *from, const struct doc_value *v)
{
	bool found = false;

	for (unsigned i = 0; i < n; i++) {
		fields[i] = from[i];
		if (from[i].fixed) {
			continue;
		}
		if (from[i].rest.n == 0) {
			fields[i].v = v != NULL ? *v : undefined_value;
			fields[i].fixed = true;
			found = true;
		} else if (v != NULL && v->type == BSON_TYPE_DOCUMENT) {
			fields[i].v = *v;
			found = true;
		} else {
			fields[i].v = null_value;
			fields[i].fixed = true;
		}
	}
	return found;
}

static int expand_array(
	struct several *s, const struct field *fields, struct slice array, unsigned depth)
{
	struct field inner[DOCDB_INDEX_PATHS];
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	size_t before = s->out->n;
	int rc = 0;

	doc_iter_init(&it, array);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		if (put_element(inner, s->x->n_paths, fields, &v)) {
			rc = expand(s, inner, depth + 1);
		}
	}
	if (rc == 0 && s->out->n == before) {
		put_element(inner, s->x->n_paths, fields, NULL);
		rc = expand(s, inner, depth + 1);
	}
	return rc;
}

static int expand(struct several *s, const struct field *fields, unsigned depth)
{
	struct field here[DOCDB_INDEX_PATHS];

	assert(depth <= DOC_DEPTH_MAX + 1);
	memcpy(here, fields, s->x->n_paths * sizeof(*here));
	for (unsigned i = 0; i < s->x->n_paths; i++) {
		walk(&here[i]);
	}
	unsigned first = find_array(here, s->x->n_paths);
	if (first == s->x->n_paths) {
		return add_fixed(s, here);
	}
	int rc = check_parallel(s, here, first);
	return rc < 0 ? rc : expand_array(s, here, here[first].v.raw, depth);
}

static int of_several(const struct docdb_index *x, struct slice document, struct docdb_entries *out,
	struct err *err)
{
	struct several s = {x, out, err};
	struct field fields[DOCDB_INDEX_PATHS] = {0};

	for (unsigned i = 0; i < x->n_paths; i++) {
		fields[i] = (struct field){.v = doc_value_of(document), .rest = x->path[i]};
	}
	return expand(&s, fields, 0);
}

/* ---- which documents ---- */

static int is_there(void *arg, struct doc_value v, bool through_array)
{
	(void)arg;
	(void)through_array;
	return v.type != BSON_TYPE_EOD;
}

/* 1, 0, -errno. */
static int wanted(const struct docdb_index *x, struct slice document, struct err *err)
{
	if (x->partial != NULL) {
		return doc_matches(x->partial, document, err);
	}
	for (unsigned i = 0; x->sparse && i < x->n_paths; i++) {
		if (doc_path_each(document, x->path[i], is_there, NULL) != 0) {
			return 1;
		}
	}
	return !x->sparse;
}

static int by_key(const void *a, const void *b, void *bytes)
{
	const struct docdb_entry *x = a;
	const struct docdb_entry *y = b;
	const char *p = bytes;

	return slice_compare(slice_make(p + x->at, x->n), slice_make(p + y->at, y->n));
}

static void sort(struct docdb_entries *e)
{
	size_t n = 0;

	if (e->n < 2) {
		return;
	}
	qsort_r(e->entry, e->n, sizeof(*e->entry), by_key, e->bytes.p);
	for (size_t i = 0; i < e->n; i++) {
		if (n == 0 || by_key(&e->entry[n - 1], &e->entry[i], e->bytes.p) != 0) {
			e->entry[n++] = e->entry[i];
		}
	}
	e->n = n;
}

int docdb_entries_of(const struct docdb_index *x, struct slice document, struct docdb_entries *out,
	struct err *err)
{
	buf_clear(&out->bytes);
	out->n = 0;
	out->arrays = 0;
	int rc = wanted(x, document, err);
	if (rc <= 0) {
		return rc;
	}
	rc = x->n_paths == 1 ? of_one(x, document, out, err) : of_several(x, document, out, err);
	sort(out);
	return rc;
}
