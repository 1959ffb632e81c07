/* A cluster as what stands in front of a table: texts by key that may vanish at any time. Each
 * kind of cluster offers this to tables/. Keys are ordinary ones, which are seen and can be
 * deleted by anybody. */
#ifndef DBMOUNT_CACHE_STORE_H
#define DBMOUNT_CACHE_STORE_H

#include "engines/common/buf.h"

struct cache_store;

/* 0 or -errno. A failure means that the cache is down, not that the key is not there. */
struct cache_store_ops {
	/* 1: appended, *version is the text's; 0: not there (then *version is what a set_if of an
	 * absent key wants). */
	int (*get)(struct cache_store *s, struct slice key, struct buf *out, uint64_t *version,
		struct err *err);
	/* ttl_ms 0: stays. */
	int (*set)(struct cache_store *s, struct slice key, struct slice text, int64_t ttl_ms,
		struct err *err);
	/* 1 if its version (or that it is absent) was still so and it is set, else 0. */
	int (*set_if)(struct cache_store *s, struct slice key, uint64_t version, struct slice text,
		int64_t ttl_ms, struct err *err);
	/* Makes every set_if fail that read the key before, whether or not it is there. */
	int (*remove)(struct cache_store *s, struct slice key, struct err *err);
	void (*close)(struct cache_store *s);
};

/* First member of each. */
struct cache_store {
	const struct cache_store_ops *ops;
};

#endif
