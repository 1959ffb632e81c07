/* Memory that is freed all at once: an item has very many small parts and no
 * part outlives it. */
#ifndef DBMOUNT_DYNAMODB_ARENA_H
#define DBMOUNT_DYNAMODB_ARENA_H

#include "engines/common/buf.h"

struct arena_block;

/* Zero-initialised is empty. */
struct arena {
	struct arena_block *blocks; /* the newest first; allocation goes on in it */
	size_t total;		    /* bytes of all blocks */
};

/* Aligned for pointers and 64-bit integers; not cleared. NULL: out of memory. */
void *arena_alloc(struct arena *a, size_t n);
/* A copy of the bytes; false when memory ran out. */
bool arena_copy(struct arena *a, struct slice s, struct slice *out);
void arena_free(struct arena *a);

#endif
