/* Where a path like "a.b.0.c" leads in a document. */
#include "engines/docdb/order/order_impl.h"

struct walk {
	doc_path_fn *fn;
	void *arg;
};

/* The first name of a path; the rest behind its dot, if there is one. */
static bool split(struct slice path, struct slice *first, struct slice *rest)
{
	const char *dot = path.n > 0 ? memchr(path.p, '.', path.n) : NULL;
	if (dot == NULL) {
		*first = path;
		return false;
	}
	*first = slice_make(path.p, (size_t)(dot - path.p));
	*rest = slice_make(dot + 1, path.n - first->n - 1);
	return true;
}

static int walk_document(
	const struct walk *w, struct slice document, struct slice path, bool through_array);

/* The element of that index, as the array's own names say it ("00" is none). */
static int walk_index(const struct walk *w, struct slice array, struct slice path);

static int walk_array(const struct walk *w, struct slice array, struct slice path)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, array);
	while (doc_next(&it, &name, &v)) {
		int rc = v.type == BSON_TYPE_DOCUMENT ? walk_document(w, v.raw, path, true) : 0;
		if (rc != 0) {
			return rc;
		}
	}
	return walk_index(w, array, path);
}

static int walk_index(const struct walk *w, struct slice array, struct slice path)
{
	struct slice first;
	struct slice rest;
	bool more = split(path, &first, &rest);
	bool digit = first.n > 0 && first.p[0] >= '0' && first.p[0] <= '9';
	struct doc_value v = digit ? doc_field(array, first) : DOC_MISSING;
	if (v.type == BSON_TYPE_EOD) {
		return 0;
	}
	if (!more) {
		return w->fn(w->arg, v, true);
	}
	if (v.type == BSON_TYPE_ARRAY) {
		return walk_array(w, v.raw, rest);
	}
	return v.type == BSON_TYPE_DOCUMENT ? walk_document(w, v.raw, rest, true)
					    : w->fn(w->arg, DOC_MISSING, true);
}

static int walk_document(
	const struct walk *w, struct slice document, struct slice path, bool through_array)
{
	struct slice first;
	struct slice rest;
	bool more = split(path, &first, &rest);
	struct doc_value v = doc_field(document, first);
	if (!more) {
		return w->fn(w->arg, v, through_array);
	}
	if (v.type == BSON_TYPE_ARRAY) {
		return walk_array(w, v.raw, rest);
	}
	return v.type == BSON_TYPE_DOCUMENT ? walk_document(w, v.raw, rest, through_array)
					    : w->fn(w->arg, DOC_MISSING, through_array);
}

int doc_path_each(struct slice document, struct slice path, doc_path_fn *fn, void *arg)
{
	struct walk w = {fn, arg};
	return walk_document(&w, document, path, false);
}

/* ---- what to sort by ---- */

struct best {
	bool descending;
	bool any;
	struct doc_value v;
};

static void consider(struct best *b, struct doc_value v)
{
	int order = b->any ? doc_compare(v, b->v) : 0;
	if (!b->any || (b->descending ? order > 0 : order < 0)) {
		b->v = v;
		b->any = true;
	}
}

static int consider_path(void *arg, struct doc_value v, bool through_array)
{
	struct best *b = arg;
	(void)through_array;
	if (v.type != BSON_TYPE_ARRAY) {
		consider(b, v);
		return 0;
	}
	if (doc_is_empty(v.raw)) {
		consider(b, (struct doc_value){.type = BSON_TYPE_UNDEFINED});
		return 0;
	}
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &element)) {
		consider(b, element);
	}
	return 0;
}

struct doc_value doc_sort_value(struct slice document, struct slice path, bool descending)
{
	struct best b = {.descending = descending};
	(void)doc_path_each(document, path, consider_path, &b);
	return b.v;
}
