/* Few children are compared each with each, many are sorted: an item may have
 * some 100,000 members, and whoever writes the file chooses the names, so a hash
 * would need a secret to stay fast; a sort is fast whatever they are. */
#include "engines/dynamodb/unique.h"

#include <stdlib.h>

#include "engines/common/cleanup.h"

#define FEW 12

struct entry {
	struct slice key;
	const struct ddb_node *node;
	size_t order;
};

static struct slice key_of(const struct ddb_node *node, enum ddb_by by)
{
	return by == DDB_BY_NAME ? node->name : node->text;
}

static void find_among_few(const struct ddb_node *node, enum ddb_by by, struct ddb_twice *out)
{
	for (const struct ddb_node *b = node->of.first; b != NULL; b = b->next) {
		for (const struct ddb_node *a = node->of.first; a != b; a = a->next) {
			if (slice_equal(key_of(a, by), key_of(b, by))) {
				*out = (struct ddb_twice){a, b};
				return;
			}
		}
	}
}

/* Any order would do that puts equal keys together; by length is the cheapest. */
static int compare(const void *pa, const void *pb)
{
	const struct entry *a = pa;
	const struct entry *b = pb;
	if (a->key.n != b->key.n) {
		return a->key.n < b->key.n ? -1 : 1;
	}
	int c = a->key.n > 0 ? memcmp(a->key.p, b->key.p, a->key.n) : 0;
	return c != 0 ? c : (a->order > b->order) - (a->order < b->order);
}

static void find_among_sorted(const struct entry *e, size_t n, struct ddb_twice *out)
{
	size_t best = SIZE_MAX;
	for (size_t i = 1; i < n; i++) {
		if (e[i].order < best && slice_equal(e[i - 1].key, e[i].key)) {
			best = e[i].order;
			*out = (struct ddb_twice){e[i - 1].node, e[i].node};
		}
	}
}

bool ddb_find_twice(const struct ddb_node *node, enum ddb_by by, struct ddb_twice *out)
{
	*out = (struct ddb_twice){0};
	if (node->of.n <= FEW) {
		find_among_few(node, by, out);
		return true;
	}
	CLEANUP(cleanup_free) struct entry *entries = malloc(node->of.n * sizeof(*entries));
	if (entries == NULL) {
		return false;
	}
	size_t n = 0;
	for (const struct ddb_node *c = node->of.first; c != NULL; c = c->next) {
		entries[n] = (struct entry){key_of(c, by), c, n};
		n++;
	}
	qsort(entries, n, sizeof(*entries), compare);
	find_among_sorted(entries, n, out);
	return true;
}
