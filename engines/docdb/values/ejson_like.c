/* The document that a text replaces, member by member beside it.
 *
 * Mostly a text has the members in the order in which they are stored: then the next one is
 * the one asked for. Else a few are looked through, and where there are more an index is
 * made, once, so that a text in another order (jq -S) costs no more than twice. */
#include <stdlib.h>

#include "engines/docdb/values/ejson_impl.h"

#define LOOK_THROUGH 16

void ejson_like_init(struct ejson_like *l, struct slice document)
{
	*l = (struct ejson_like){.document = document};
	doc_iter_init(&l->at, document);
}

void ejson_like_free(struct ejson_like *l)
{
	free(l->index);
	l->index = NULL;
}

struct doc_value ejson_like_element(struct ejson_like *l)
{
	struct slice name;
	struct doc_value v;
	return doc_next(&l->at, &name, &v) ? v : DOC_MISSING;
}

static uint32_t hash_of(struct slice name)
{
	uint32_t h = 0;
	for (size_t i = 0; i < name.n; i++) {
		h = (h ^ (unsigned char)name.p[i]) * 0x5bd1e995U;
		h ^= h >> 15;
	}
	return h;
}

/* ---- the index ---- */

static void index_add(struct ejson_like *l, struct slice name)
{
	size_t i = hash_of(name) & (l->n_index - 1);
	while (l->index[i] != 0) {
		i = (i + 1) & (l->n_index - 1);
	}
	/* The member begins with its type, a byte before its name. */
	l->index[i] = (uint32_t)(name.p - l->document.p);
}

static bool index_make(struct ejson_like *l)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	size_t n = 0;
	doc_iter_init(&it, l->document);
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	for (l->n_index = 64; l->n_index < 2 * n;) {
		l->n_index *= 2;
	}
	l->index = calloc(l->n_index, sizeof(*l->index));
	if (l->index == NULL) {
		return false;
	}
	doc_iter_init(&it, l->document);
	while (doc_next(&it, &name, &v)) {
		index_add(l, name);
	}
	return true;
}

static struct doc_value index_find(struct ejson_like *l, struct slice name)
{
	size_t i = hash_of(name) & (l->n_index - 1);
	for (; l->index[i] != 0; i = (i + 1) & (l->n_index - 1)) {
		size_t at = l->index[i] - 1;
		struct doc_iter it = {slice_make(l->document.p + at, l->document.n - 1 - at)};
		struct slice found;
		struct doc_value v;
		if (doc_next(&it, &found, &v) && slice_equal(found, name)) {
			l->at = it;
			return v;
		}
	}
	return DOC_MISSING;
}

/* ---- members ---- */

/* Among the first; *more: it may be behind them. */
static struct doc_value look_through(struct ejson_like *l, struct slice name, bool *more)
{
	struct doc_iter it;
	struct slice found;
	struct doc_value v;
	doc_iter_init(&it, l->document);
	for (unsigned i = 0; i < LOOK_THROUGH; i++) {
		if (!doc_next(&it, &found, &v)) {
			return DOC_MISSING;
		}
		if (slice_equal(found, name)) {
			l->at = it;
			return v;
		}
	}
	*more = true;
	return DOC_MISSING;
}

struct doc_value ejson_like_member(struct ejson_like *l, struct slice name)
{
	struct doc_iter next = l->at;
	struct slice found;
	struct doc_value v;
	if (doc_next(&next, &found, &v) && slice_equal(found, name)) {
		l->at = next;
		return v;
	}
	if (l->index != NULL) {
		return index_find(l, name);
	}
	bool more = false;
	v = look_through(l, name, &more);
	if (!more) {
		return v;
	}
	return index_make(l) ? index_find(l, name) : doc_field(l->document, name);
}
