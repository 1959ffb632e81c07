/* A Memcached-like cluster as what stands in front of a table (store.h). */
#include "engines/cache/store.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/cache/memcached/items.h"

/* A key that is not there has a version, too, which set() and remove() move: one for all keys of a
 * hash. A cas never has this bit. */
#define ABSENT_BIT (UINT64_C(1) << 63)

struct mc_store {
	struct cache_store base; /* first */
	struct memcached *m;
};

static _Atomic uint64_t *counter_of(struct memcached *m, struct slice key)
{
	size_t n = sizeof(m->removed) / sizeof(m->removed[0]);

	return &m->removed[store_key_hash(key, (struct slice){0}) % n];
}

/* What a key has whose counter is 0. */
static uint64_t first_absent(const struct memcached *m)
{
	return ABSENT_BIT | ((uint64_t)m->started_ms << 20);
}

static int store_get(struct cache_store *base, struct slice key, struct buf *out, uint64_t *version,
	struct err *err)
{
	struct memcached *m = ((struct mc_store *)base)->m;
	/* First: a remove that comes while we look makes it an old one. */
	uint64_t absent = first_absent(m) + atomic_load(counter_of(m, key));
	struct mc_info info;

	bool there = mc_get(m, key, true, out, &info);
	int rc = buf_check(out, err);
	if (rc < 0) {
		return rc;
	}
	*version = there ? info.cas : absent;
	return there;
}

static int told(enum mc_result result, struct err *err)
{
	switch (result) {
	case MC_STORED: return 1;
	case MC_TOO_BIG: return err_set(err, EFBIG, "the text is too large for the cache");
	case MC_NO_MEMORY: return err_set(err, ENOSPC, "the cache has no memory for the text");
	default: return 0;
	}
}

static int store_set(struct cache_store *base, struct slice key, struct slice text, int64_t ttl_ms,
	struct err *err)
{
	struct memcached *m = ((struct mc_store *)base)->m;
	struct mc_put put = {.mode = MC_SET,
		.key = key,
		.value = text,
		.expires_ms = ttl_ms > 0 ? mc_now_ms() + ttl_ms : 0};

	int rc = mc_check_key(key, false, err);
	if (rc < 0) {
		return rc;
	}
	/* Who looked before this must not add the key when the text has gone again. */
	atomic_fetch_add(counter_of(m, key), 1);
	rc = told(mc_store(m, &put, NULL), err);
	return rc < 0 ? rc : 0;
}

static int store_set_if(struct cache_store *base, struct slice key, uint64_t version,
	struct slice text, int64_t ttl_ms, struct err *err)
{
	struct memcached *m = ((struct mc_store *)base)->m;
	bool absent = (version & ABSENT_BIT) != 0;
	struct mc_put put = {.mode = absent ? MC_ADD : MC_CAS,
		.key = key,
		.value = text,
		.cas = version,
		.expires_ms = ttl_ms > 0 ? mc_now_ms() + ttl_ms : 0,
		.only_if = absent ? counter_of(m, key) : NULL,
		.counts = version - first_absent(m)};

	int rc = mc_check_key(key, false, err);
	return rc < 0 ? rc : told(mc_store(m, &put, NULL), err);
}

static int store_remove(struct cache_store *base, struct slice key, struct err *err)
{
	struct memcached *m = ((struct mc_store *)base)->m;

	(void)err;
	/* First: who adds the key after this looks at the counter with the lock that the removal
	 * takes. */
	atomic_fetch_add(counter_of(m, key), 1);
	mc_delete(m, key, 0);
	return 0;
}

static void store_close_it(struct cache_store *base)
{
	free(base);
}

static const struct cache_store_ops store_ops = {
	.get = store_get,
	.set = store_set,
	.set_if = store_set_if,
	.remove = store_remove,
	.close = store_close_it,
};

int memcached_store_open(struct memcached *m, struct cache_store **out, struct err *err)
{
	struct mc_store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->base.ops = &store_ops;
	s->m = m;
	*out = &s->base;
	return 0;
}
