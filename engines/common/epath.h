/* A path of keys: what engines are asked about. */
#ifndef DBMOUNT_EPATH_H
#define DBMOUNT_EPATH_H

#include "engines/common/buf.h"

#define EPATH_MAX 6

/* Key bytes from the engine's root down, already unescaped: they may hold '/'
 * or NUL. Depth 0 is the service's own directory. The slices are borrowed. */
struct epath {
	unsigned depth;
	struct slice key[EPATH_MAX];
};

static inline struct epath epath_child(const struct epath *p, struct slice key)
{
	struct epath c = *p;
	c.key[c.depth++] = key;
	return c;
}

static inline struct epath epath_parent(const struct epath *p)
{
	struct epath c = *p;
	c.depth--;
	return c;
}

/* What is left of it below its first key. */
static inline struct epath epath_tail(const struct epath *p)
{
	struct epath c = {.depth = p->depth - 1};
	for (unsigned i = 0; i < c.depth; i++) {
		c.key[i] = p->key[i + 1];
	}
	return c;
}

#endif
