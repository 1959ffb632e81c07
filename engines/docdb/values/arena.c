/* Values that live for one document's work: memory in chunks, given back at once. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/values/value_impl.h"

#define CHUNK_BYTES 4096
#define ALIGN	    8

struct chunk {
	struct chunk *next;
	size_t n; /* used */
	size_t cap;
	_Alignas(ALIGN) char bytes[];
};

/* The newest chunk first. The last of the list, of CHUNK_BYTES, stays over a clear, so that
 * work on small documents asks malloc() once. */
struct doc_arena {
	struct chunk *chunks;
	bool failed;
};

static struct chunk *chunk_new(size_t cap, struct chunk *next)
{
	struct chunk *c = malloc(sizeof(*c) + cap);
	if (c != NULL) {
		c->next = next;
		c->n = 0;
		c->cap = cap;
	}
	return c;
}

struct doc_arena *doc_arena_new(void)
{
	struct doc_arena *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return NULL;
	}
	a->chunks = chunk_new(CHUNK_BYTES, NULL);
	if (a->chunks == NULL) {
		free(a);
		return NULL;
	}
	return a;
}

void doc_arena_free(struct doc_arena *a)
{
	if (a == NULL) {
		return;
	}
	doc_arena_clear(a);
	free(a->chunks);
	free(a);
}

void doc_arena_clear(struct doc_arena *a)
{
	while (a->chunks->next != NULL) {
		struct chunk *next = a->chunks->next;
		free(a->chunks);
		a->chunks = next;
	}
	a->chunks->n = 0;
	a->failed = false;
}

/* Each new chunk is twice the one before, so that many small values cost few of them. */
static struct chunk *arena_grow(struct doc_arena *a, size_t n)
{
	size_t cap = a->chunks->cap < SIZE_MAX / 4 ? a->chunks->cap * 2 : a->chunks->cap;
	struct chunk *c = n < SIZE_MAX / 2 ? chunk_new(n > cap ? n : cap, a->chunks) : NULL;
	if (c == NULL) {
		a->failed = true;
		return NULL;
	}
	a->chunks = c;
	return c;
}

void *doc_arena_alloc(struct doc_arena *a, size_t n)
{
	struct chunk *c = a->chunks;
	if (n > c->cap - c->n) {
		c = arena_grow(a, n);
		if (c == NULL) {
			return NULL;
		}
	}
	void *p = c->bytes + c->n;
	size_t rounded = (n + ALIGN - 1) / ALIGN * ALIGN;
	c->n = rounded < c->cap - c->n ? c->n + rounded : c->cap;
	return p;
}

int doc_arena_check(const struct doc_arena *a, struct err *err)
{
	return a->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* ---- values ---- */

static struct doc_value make(struct doc_arena *a, uint8_t type, const void *raw, size_t n)
{
	char *p = doc_arena_alloc(a, n);
	if (p == NULL) {
		return DOC_MISSING;
	}
	if (n > 0) {
		memcpy(p, raw, n);
	}
	return (struct doc_value){type, {p, n}};
}

static struct doc_value make64(struct doc_arena *a, uint8_t type, uint64_t n)
{
	char raw[8];
	doc_store64(raw, n);
	return make(a, type, raw, sizeof(raw));
}

struct doc_value doc_make_int32(struct doc_arena *a, int32_t n)
{
	char raw[4];
	doc_store32(raw, (uint32_t)n);
	return make(a, BSON_TYPE_INT32, raw, sizeof(raw));
}

struct doc_value doc_make_int64(struct doc_arena *a, int64_t n)
{
	return make64(a, BSON_TYPE_INT64, (uint64_t)n);
}

struct doc_value doc_make_double(struct doc_arena *a, double n)
{
	uint64_t bits;
	memcpy(&bits, &n, sizeof(bits));
	return make64(a, BSON_TYPE_DOUBLE, bits);
}

struct doc_value doc_make_decimal(struct doc_arena *a, bson_decimal128_t n)
{
	char raw[16];
	doc_store64(raw, n.low);
	doc_store64(raw + 8, n.high);
	return make(a, BSON_TYPE_DECIMAL128, raw, sizeof(raw));
}

struct doc_value doc_make_bool(struct doc_arena *a, bool b)
{
	char raw = b ? 1 : 0;
	return make(a, BSON_TYPE_BOOL, &raw, 1);
}

struct doc_value doc_make_date(struct doc_arena *a, int64_t ms)
{
	return make64(a, BSON_TYPE_DATE_TIME, (uint64_t)ms);
}

struct doc_value doc_make_string(struct doc_arena *a, struct slice text)
{
	char *p = text.n < UINT32_MAX ? doc_arena_alloc(a, text.n + 5) : NULL;
	if (p == NULL) {
		a->failed = true;
		return DOC_MISSING;
	}
	doc_store32(p, (uint32_t)text.n + 1);
	if (text.n > 0) {
		memcpy(p + 4, text.p, text.n);
	}
	p[4 + text.n] = '\0';
	return (struct doc_value){BSON_TYPE_UTF8, {p, text.n + 5}};
}

struct doc_value doc_make_null(void)
{
	return (struct doc_value){BSON_TYPE_NULL, {"", 0}};
}

struct doc_value doc_make_copy(struct doc_arena *a, struct doc_value v)
{
	return make(a, v.type, v.raw.p, v.raw.n);
}

struct doc_value doc_make_nested(struct doc_arena *a, uint8_t type, const struct buf *document)
{
	if (document->failed) {
		a->failed = true;
		return DOC_MISSING;
	}
	return make(a, type, document->p, document->n);
}
