#include "tests/unit/docdb_reach.h"

#include <errno.h>
#include <stdlib.h>

void memory_reach_add(struct memory_reach *m, struct slice name, struct slice documents)
{
	if (m->n == MEMORY_COLLECTIONS) {
		abort();
	}
	m->at[m->n].name = name;
	m->at[m->n++].documents = documents;
}

/* ---- a cursor over documents that have been chosen ---- */

struct memory_cursor {
	struct doc_cursor base;
	struct slice *chosen;
	size_t n, next;
	/* A copy, so that what is kept longer than until the next call shows. */
	char *given;
};

static int next_chosen(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct memory_cursor *c = (struct memory_cursor *)base;
	free(c->given);
	c->given = NULL;
	if (c->next == c->n) {
		return 0;
	}
	c->given = malloc(c->chosen[c->next].n);
	if (c->given == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(c->given, c->chosen[c->next].p, c->chosen[c->next].n);
	*document = slice_make(c->given, c->chosen[c->next++].n);
	return 1;
}

static void close_chosen(struct doc_cursor *base)
{
	struct memory_cursor *c = (struct memory_cursor *)base;
	free(c->given);
	free(c->chosen);
	free(c);
}

static struct slice find_documents(const struct memory_reach *m, struct slice collection)
{
	static const char none[] = {5, 0, 0, 0, 0};
	for (unsigned i = 0; i < m->n; i++) {
		if (collection.n == 0 ? i == m->main : slice_equal(m->at[i].name, collection)) {
			return m->at[i].documents;
		}
	}
	return slice_make(none, sizeof(none));
}

static int compare(struct slice a, struct slice b, struct slice sort)
{
	struct doc_iter it;
	struct slice path;
	struct doc_value direction;
	doc_iter_init(&it, sort);
	while (doc_next(&it, &path, &direction)) {
		bool down = doc_double(direction) < 0;
		int c = doc_compare(doc_sort_value(a, path, down), doc_sort_value(b, path, down));
		if (c != 0) {
			return down ? -c : c;
		}
	}
	return 0;
}

/* By insertion: stable, and nothing to get wrong. */
static void sort_chosen(struct memory_cursor *c, struct slice sort)
{
	for (size_t i = 1; i < c->n; i++) {
		for (size_t k = i; k > 0 && compare(c->chosen[k - 1], c->chosen[k], sort) > 0;
			k--) {
			struct slice other = c->chosen[k];
			c->chosen[k] = c->chosen[k - 1];
			c->chosen[k - 1] = other;
		}
	}
}

static int choose(struct memory_cursor *c, struct slice documents, const struct doc_match *match,
	struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, documents);
	while (doc_next(&it, &name, &v)) {
		int r = match == NULL ? 1 : doc_matches(match, v.raw, err);
		if (r < 0) {
			return r;
		}
		if (r == 1) {
			c->chosen = realloc(c->chosen, (c->n + 1) * sizeof(*c->chosen));
			c->chosen[c->n++] = v.raw;
		}
	}
	return 0;
}

static int find(void *arg, struct slice collection, const struct doc_match *match,
	struct slice sort, bool *sorted, struct doc_cursor **out, struct err *err)
{
	struct memory_reach *m = arg;
	struct memory_cursor *c = calloc(1, sizeof(*c));
	int r;
	m->finds++;
	c->base = (struct doc_cursor){next_chosen, close_chosen};
	r = choose(c, find_documents(m, collection), match, err);
	if (r < 0) {
		close_chosen(&c->base);
		return r;
	}
	*sorted = m->sorts && sort.n > 0;
	if (*sorted) {
		sort_chosen(c, sort);
	}
	*out = &c->base;
	return 0;
}

static int explain(void *arg, struct slice collection, const struct doc_match *match,
	struct slice sort, struct buf *out, struct err *err)
{
	const struct memory_reach *m = arg;
	size_t start = doc_begin(out);
	(void)collection;
	(void)match;
	(void)err;
	doc_put(out, slice_of("sorted"),
		(struct doc_value){
			BSON_TYPE_BOOL, slice_make(m->sorts && sort.n > 0 ? "\1" : "\0", 1)});
	doc_end(out, start);
	return 0;
}

static int64_t count(void *arg, struct slice collection)
{
	const struct memory_reach *m = arg;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int64_t n = 0;
	doc_iter_init(&it, find_documents(m, collection));
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	return m->counts ? n : -1;
}

struct doc_reach memory_reach_face(struct memory_reach *m, const char *tmp_dir)
{
	return (struct doc_reach){.find = find,
		.explain = explain,
		.count = count,
		.arg = m,
		.tmp_dir = tmp_dir,
		.now_ms = 1577934245678};
}

int memory_query(struct memory_reach *m, const char *tmp_dir, struct doc_value query,
	struct buf *out, struct err *err)
{
	struct doc_reach reach = memory_reach_face(m, tmp_dir);
	struct doc_query *q = NULL;
	struct doc_cursor *c = NULL;
	struct slice document;
	unsigned n = 0;
	size_t start = doc_begin(out);
	int r = doc_query_new(query, &q, err);
	if (r == 0) {
		r = doc_query_run(q, &reach, &c, err);
	}
	while (r == 0 && (r = c->next(c, &document, err)) == 1) {
		doc_put_index(out, n++, doc_value_of(document));
		r = 0;
	}
	if (c != NULL) {
		c->close(c);
	}
	doc_query_free(q);
	doc_end(out, start);
	return r;
}
