/* A Memcached-like cluster: a table in memory, shards with a lock and a list of use each, nothing
 * on disk, empty after a restart. SERVICES.md section 5.
 *
 * Its tree: each item a file with its bytes; room .meta (flags, cas, exptime as JSON); script
 * .exec: the text protocol, replies read back. */
#ifndef DBMOUNT_MEMCACHED_H
#define DBMOUNT_MEMCACHED_H

#include "engines/cache/store.h"
#include "engines/cache/tree.h"

struct memcached;

struct memcached_config {
	const char *label; /* copied */
	uint64_t memory;   /* bytes of items at most (-m) */
	uint64_t item_max; /* bytes of one (-I), 1 MiB as the server has it */
	struct cache_host host;
};

int memcached_open(const struct memcached_config *config, struct memcached **out, struct err *err);
void memcached_close(struct memcached *m); /* NULL is fine; its trees and stores are closed */
/* May be changed while it is in use. */
void memcached_set_memory(struct memcached *m, uint64_t bytes);
int memcached_tree_open(struct memcached *m, struct cache_tree **out, struct err *err);
int memcached_store_open(struct memcached *m, struct cache_store **out, struct err *err);
/* Members for `.status`. */
int memcached_status(struct memcached *m, json_t *out, struct err *err);

#endif
