/* Cached tables: a cluster in front of tables of RDS (SERVICES.md section 8).
 *
 * attach() gives a table of RDS a name here; `.tables/NAME/<pk>.json` then reads and writes its
 * rows through the cluster by a pattern: cache-aside, write-through, write-behind. The texts in the
 * cache are ordinary keys of the cluster, NAME:<pk>. What is attached, and what write-behind has
 * taken and not brought to RDS yet, is in a database of its own (DIR/tables.db), durable whatever
 * the cluster's persistence. */
#ifndef DBMOUNT_CACHE_TABLES_H
#define DBMOUNT_CACHE_TABLES_H

#include "engines/cache/store.h"
#include "engines/cache/tree.h"

struct cache_tables;

struct cache_tables_config {
	const char *path;  /* of the database; made when the first table is attached */
	const char *label; /* copied */
	bool read_only;
	unsigned full_wait_ms; /* for room in a full queue, before a write fails; 0: 2000 */
	struct cache_host host;
	/* The cluster as a cache; asked for with each use, since a failover gives another. Ends
	 * with put_store(). Fails when the cache is down. */
	int (*get_store)(void *arg, struct cache_store **out, struct err *err);
	void (*put_store)(void *arg, struct cache_store *store);
	void *arg;
};

int cache_tables_open(
	const struct cache_tables_config *config, struct cache_tables **out, struct err *err);
/* Brings what waits to RDS first, as far as that works now. NULL is fine. */
void cache_tables_close(struct cache_tables *t);
/* Whether there are any; without, no room is shown. */
bool cache_tables_any(struct cache_tables *t);

/* Nothing that was cached before counts any more: the cluster has gone back in time (a failover, a
 * primary salvaged), so that texts may be there again that were removed. `why` for the event. */
int cache_tables_renew(struct cache_tables *t, const char *why, struct err *err);

/* Which storage the cluster's texts are in, an id that never comes again (0: in memory): told
 * before they are used, and with each change. In another one than before nothing that was cached
 * counts, as after cache_tables_renew(). */
void cache_tables_in(struct cache_tables *t, uint64_t storage);

/* The words of `attach NAME rds=INSTANCE/TABLE pattern=.. ttl=SECONDS ...`, without "attach";
 * EINVAL names the bad one. EEXIST; ENOENT: no such table. */
int cache_tables_attach(struct cache_tables *t, unsigned argc, char *const *argv, struct err *err);
/* EBUSY: writes wait. ENOENT. */
int cache_tables_detach(struct cache_tables *t, const char *name, bool force, struct err *err);
/* Brings everything that waits to RDS; returns when done. */
int cache_tables_flush(
	struct cache_tables *t, const char *name, struct buf *report, struct err *err);
/* Members for the cluster's `.status`. */
int cache_tables_status(struct cache_tables *t, json_t *out, struct err *err);
/* The room `.tables`. */
int cache_tables_tree(struct cache_tables *t, struct cache_tree **out, struct err *err);

#endif
