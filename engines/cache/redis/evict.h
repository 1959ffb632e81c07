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

/* A key was used (lookups call it). */
void redis_accessed(struct redis_txn *t, struct slice name);
/* Seconds since, as OBJECT IDLETIME says; the counter of OBJECT FREQ. */
int64_t redis_idle_s(struct redis_txn *t, struct slice name, const struct redis_key *key);
unsigned redis_frequency(struct redis_txn *t, struct slice name);

#endif
