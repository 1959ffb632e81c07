#include "engines/dynamodb/arena.h"

#include <stdlib.h>

#define FIRST_BLOCK ((size_t)4096 - 64)
#define LAST_BLOCK  ((size_t)256 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t cap;
	size_t used;
	_Alignas(8) char data[];
};

/* Blocks double, so that a small item takes one page and a large one few calls. */
static struct arena_block *new_block(struct arena *a, size_t n)
{
	size_t cap = a->blocks != NULL ? a->blocks->cap * 2 : FIRST_BLOCK;
	cap = cap > LAST_BLOCK ? LAST_BLOCK : cap;
	cap = cap < n ? n : cap;
	struct arena_block *b = malloc(sizeof(*b) + cap);
	if (b == NULL) {
		return NULL;
	}
	*b = (struct arena_block){.next = a->blocks, .cap = cap};
	a->blocks = b;
	a->total += cap;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	if (n > SIZE_MAX / 4) {
		return NULL;
	}
	n = (n + 7) & ~(size_t)7;
	struct arena_block *b = a->blocks;
	if (b == NULL || b->cap - b->used < n) {
		b = new_block(a, n);
	}
	if (b == NULL) {
		return NULL;
	}
	void *p = b->data + b->used;
	b->used += n;
	return p;
}

bool arena_copy(struct arena *a, struct slice s, struct slice *out)
{
	if (s.n == 0) {
		*out = slice_make("", 0);
		return true;
	}
	char *p = arena_alloc(a, s.n);
	if (p == NULL) {
		return false;
	}
	memcpy(p, s.p, s.n);
	*out = slice_make(p, s.n);
	return true;
}

void arena_free(struct arena *a)
{
	for (struct arena_block *b = a->blocks; b != NULL;) {
		struct arena_block *next = b->next;
		free(b);
		b = next;
	}
	*a = (struct arena){0};
}
