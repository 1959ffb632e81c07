/* What goes when memory is used up. As Redis does it, the key that goes is the best of a few taken
 * at random: nothing has to be kept in order for that. */
#include "engines/cache/redis/evict.h"

#include <errno.h>

#include "engines/cache/redis/db_impl.h"

#define SAMPLES	     10
#define EXPIRE_BATCH 64

const char *const redis_policy_names[REDIS_POLICIES] = {
	[REDIS_NOEVICTION] = "noeviction",
	[REDIS_ALLKEYS_LRU] = "allkeys-lru",
	[REDIS_ALLKEYS_LFU] = "allkeys-lfu",
	[REDIS_ALLKEYS_RANDOM] = "allkeys-random",
	[REDIS_VOLATILE_LRU] = "volatile-lru",
	[REDIS_VOLATILE_LFU] = "volatile-lfu",
	[REDIS_VOLATILE_RANDOM] = "volatile-random",
	[REDIS_VOLATILE_TTL] = "volatile-ttl",
};

int redis_used(struct redis_txn *t, uint64_t *bytes, uint64_t *keys, struct err *err)
{
	struct redis_state room = {0};
	const struct redis_state *s = redis_state(t, &room, err);

	if (s == NULL) {
		return -err->code;
	}
	*bytes = s->bytes;
	*keys = s->keys;
	return 0;
}

/* ---- a key at random ---- */

/* Of all keys, or of those that expire. 0: there is none. */
static int bounds(
	struct redis_txn *t, bool is_volatile, int64_t *low, int64_t *high, struct err *err)
{
	sqlite3_stmt *stmt =
		is_volatile
			? redis_stmt(t,
				  "SELECT (SELECT min(row) FROM key INDEXED BY key_volatile"
				  " WHERE expires IS NOT NULL),"
				  "(SELECT max(row) FROM key INDEXED BY key_volatile"
				  " WHERE expires IS NOT NULL)",
				  err)
			: redis_stmt(t,
				  "SELECT (SELECT min(row) FROM key),(SELECT max(row) FROM key)",
				  err);
	int rc = stmt != NULL ? redis_row(t, stmt, err) : -err->code;

	if (rc < 1) {
		return rc;
	}
	bool any = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
	*low = sqlite3_column_int64(stmt, 0);
	*high = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return any;
}

static int probe(struct redis_txn *t, bool is_volatile, int64_t row, struct buf *name,
	struct redis_key *key, struct err *err)
{
	sqlite3_stmt *stmt =
		is_volatile ? redis_stmt(t,
				      "SELECT " REDIS_KEY_COLUMNS
				      ",name FROM key INDEXED BY key_volatile"
				      " WHERE expires IS NOT NULL AND row>=?1 ORDER BY row LIMIT 1",
				      err)
			    : redis_stmt(t,
				      "SELECT " REDIS_KEY_COLUMNS
				      ",name FROM key WHERE row>=?1 ORDER BY row LIMIT 1",
				      err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, row);
	int rc = redis_row(t, stmt, err);
	return rc < 1 ? rc : redis_key_named(t, stmt, name, key, err);
}

int redis_key_random(struct redis_txn *t, bool is_volatile, struct buf *name, struct redis_key *key,
	struct err *err)
{
	int64_t low = 0;
	int64_t high = 0;
	int rc = bounds(t, is_volatile, &low, &high, err);

	if (rc < 1) {
		return rc;
	}
	low += (int64_t)(redis_random(t->db) % (uint64_t)(high - low + 1));
	return probe(t, is_volatile, low, name, key, err);
}

/* ---- which one goes ---- */

static bool is_volatile(int policy)
{
	return policy >= REDIS_VOLATILE_LRU;
}

/* The higher, the better it is to lose it. */
static int64_t worth(
	struct redis_txn *t, int policy, struct slice name, const struct redis_key *key)
{
	int64_t idle = redis_idle_ms(t, name, key);

	if (policy == REDIS_ALLKEYS_LFU || policy == REDIS_VOLATILE_LFU) {
		/* Of those that are used as seldom the one that was used longest ago. */
		return ((int64_t)(255 - redis_frequency(t, name)) << 40) + idle;
	}
	return idle;
}

static int sample(
	struct redis_txn *t, int policy, struct buf *name, struct redis_key *key, struct err *err)
{
	CLEANUP(buf_free) struct buf other = BUF_INIT;
	struct redis_key found;
	int64_t best = -1;

	for (unsigned i = 0; i < SAMPLES; i++) {
		int rc = redis_key_random(t, is_volatile(policy), &other, &found, err);
		if (rc < 1) {
			return rc;
		}
		int64_t w = worth(t, policy, buf_slice(&other), &found);
		if (w > best) {
			struct buf swap = *name;
			*name = other;
			other = swap;
			*key = found;
			best = w;
		}
	}
	return 1;
}

/* 0: there is nothing that may go. */
static int choose(
	struct redis_txn *t, int policy, struct buf *name, struct redis_key *key, struct err *err)
{
	switch (policy) {
	case REDIS_NOEVICTION: return 0;
	case REDIS_ALLKEYS_RANDOM: return redis_key_random(t, false, name, key, err);
	case REDIS_VOLATILE_RANDOM: return redis_key_random(t, true, name, key, err);
	case REDIS_VOLATILE_TTL: return redis_first_to_expire(t, name, key, err);
	default: return sample(t, policy, name, key, err);
	}
}

static int out_of_memory(struct err *err)
{
	return err_set(err, EINVAL, "OOM command not allowed when used memory > 'maxmemory'.");
}

static int evict_one(struct redis_txn *t, int policy, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_key key;
	int rc = choose(t, policy, &name, &key, err);

	if (rc < 1) {
		return rc < 0 ? rc : out_of_memory(err);
	}
	return redis_key_delete(t, buf_slice(&name), &key, err);
}

int redis_evict(struct redis_txn *t, uint64_t *evicted, struct err *err)
{
	const struct redis_limits *limits = t->db->limits;
	uint64_t limit = limits != NULL ? atomic_load(&limits->maxmemory) : 0;
	unsigned n = EXPIRE_BATCH;

	*evicted = 0;
	if (limit == 0 || t->changed == NULL) {
		return 0;
	}
	const struct redis_state *s = redis_state(t, NULL, err);
	int rc = 0;

	if (s == NULL) {
		return -err->code;
	}
	while (rc == 0 && s->bytes > limit && n == EXPIRE_BATCH) {
		rc = redis_expire_due(t, EXPIRE_BATCH, &n, err);
	}
	while (rc == 0 && s->bytes > limit) {
		rc = evict_one(t, atomic_load(&limits->policy), err);
		*evicted += rc == 0;
	}
	return rc;
}
