/* maxmemory: what goes when it is used up. When keys were used last is kept in memory only, in a
 * table of fixed size by their hash: a guess, as Redis' own. */
#ifndef DBMOUNT_REDIS_EVICT_H
#define DBMOUNT_REDIS_EVICT_H

#include "engines/cache/redis/key.h"

enum redis_policy {
	REDIS_NOEVICTION,
	REDIS_ALLKEYS_LRU,
	REDIS_ALLKEYS_LFU,
	REDIS_ALLKEYS_RANDOM,
	REDIS_VOLATILE_LRU,
	REDIS_VOLATILE_LFU,
	REDIS_VOLATILE_RANDOM,
	REDIS_VOLATILE_TTL,
	REDIS_POLICIES
};
extern const char *const redis_policy_names[REDIS_POLICIES]; /* "allkeys-lru" */

/* Within a write, before a command that needs memory: deletes keys until it is within maxmemory.
 * EINVAL: "OOM command not allowed when used memory > 'maxmemory'." *evicted: how many went. */
int redis_evict(struct redis_txn *t, uint64_t *evicted, struct err *err);
/* What is counted against maxmemory. */
int redis_used(struct redis_txn *t, uint64_t *bytes, uint64_t *keys, struct err *err);

/* Within a write: deletes up to `limit` keys whose time has come; *n: how many. Told, counted. */
int redis_expire_due(struct redis_txn *t, unsigned limit, unsigned *n, struct err *err);
/* When the first is due; 0: none expires. */
int redis_expire_next(struct redis_txn *t, int64_t *out, struct err *err);
/* 1: some key (of those that expire), at random; 0: there is none. Expired ones as they come. */
int redis_key_random(struct redis_txn *t, bool is_volatile, struct buf *name, struct redis_key *key,
	struct err *err);

/* A key was used (lookups call it). */
void redis_accessed(struct redis_txn *t, struct slice name);
/* Seconds since, as OBJECT IDLETIME says; the counter of OBJECT FREQ. */
int64_t redis_idle_s(struct redis_txn *t, struct slice name, const struct redis_key *key);
unsigned redis_frequency(struct redis_txn *t, struct slice name);

#endif
