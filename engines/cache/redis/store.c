/* A Redis-like cluster as what stands in front of a table (store.h): texts are strings. */
#include "engines/cache/store.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/tree_impl.h"

/* A key that is not there has a version, too, which remove() moves: one for all keys of a hash, so
 * that it costs no memory; where two keys share one, a set_if that could have passed fails. It does
 * not come again with another store: the clock is in it. A stored text's never has this bit. */
#define ABSENT_BIT (UINT64_C(1) << 63)

struct redis_store {
	struct cache_store base; /* first */
	struct redis_server *server;
};

struct store_call {
	struct redis_store *store;
	struct slice key;
	struct slice text;
	int64_t ttl_ms;
	uint64_t version; /* that it is set from; of an absent one when it was looked for */
	uint64_t found;
	struct buf *out;
	size_t out_at;
	bool conditional;
	bool done; /* found; set */
};

static _Atomic uint64_t *counter_of(const struct redis_store *s, struct slice key)
{
	_Atomic uint64_t *all = s->server->removed;
	size_t n = sizeof(s->server->removed) / sizeof(all[0]);

	return &all[store_key_hash(key, (struct slice){0}) % n];
}

static uint64_t absent_version(const struct redis_store *s, struct slice key)
{
	uint64_t first = (uint64_t)s->server->started_ms << 20;

	return ABSENT_BIT | (first + atomic_load(counter_of(s, key)));
}

/* ---- get ---- */

static int get_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct store_call *c = arg;
	struct redis_key key;

	buf_resize(c->out, c->out_at);
	int rc = redis_key_find(t, c->key, &key, err);
	c->done = rc == 1 && key.type == REDIS_STRING;
	if (!c->done) {
		return rc < 0 ? rc : 0;
	}
	c->found = key.version;
	return redis_string_get(t, &key, c->out, err);
}

static int store_get(struct cache_store *base, struct slice key, struct buf *out, uint64_t *version,
	struct err *err)
{
	struct redis_store *s = (struct redis_store *)base;
	/* The version first: a remove that comes while we look makes it an old one. */
	struct store_call c = {.store = s,
		.key = key,
		.version = absent_version(s, key),
		.out = out,
		.out_at = out->n};

	int rc = redis_read_key(s->server->db, key, get_fn, &c, err);
	rc = rc < 0 ? rc : buf_check(out, err);
	if (rc < 0) {
		return rc;
	}
	*version = c.done ? c.found : c.version;
	return c.done;
}

/* ---- set ---- */

/* 1: it may be set. */
static int may_set(struct redis_txn *t, const struct store_call *c, struct err *err)
{
	struct redis_key key;

	int rc = redis_key_find(t, c->key, &key, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 0) {
		return c->version == absent_version(c->store, c->key);
	}
	return key.type == REDIS_STRING && key.version == c->version;
}

static int set_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct store_call *c = arg;
	struct redis_key key;

	int rc = redis_make_room(t, c->store->server, err);
	rc = rc < 0 ? rc : c->conditional ? may_set(t, c, err) : 1;
	c->done = rc == 1;
	if (rc != 1) {
		return rc;
	}
	return redis_string_set(
		t, c->key, c->text, false, c->ttl_ms > 0 ? t->now_ms + c->ttl_ms : 0, &key, err);
}

static int store_set(struct cache_store *base, struct slice key, struct slice text, int64_t ttl_ms,
	struct err *err)
{
	struct redis_store *s = (struct redis_store *)base;
	struct store_call c = {.store = s, .key = key, .text = text, .ttl_ms = ttl_ms};

	return redis_write(s->server->db, set_fn, &c, err);
}

static int store_set_if(struct cache_store *base, struct slice key, uint64_t version,
	struct slice text, int64_t ttl_ms, struct err *err)
{
	struct redis_store *s = (struct redis_store *)base;
	struct store_call c = {.store = s,
		.key = key,
		.text = text,
		.ttl_ms = ttl_ms,
		.version = version,
		.conditional = true};

	int rc = redis_write(s->server->db, set_fn, &c, err);
	return rc < 0 ? rc : c.done;
}

/* ---- remove ---- */

static int remove_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct store_call *c = arg;
	struct redis_key key;

	/* In the transaction: no set_if is between its look and its writing. */
	atomic_fetch_add(counter_of(c->store, c->key), 1);
	int rc = redis_key_find(t, c->key, &key, err);
	return rc == 1 ? redis_key_delete(t, c->key, &key, err) : rc;
}

static int store_remove(struct cache_store *base, struct slice key, struct err *err)
{
	struct redis_store *s = (struct redis_store *)base;
	struct store_call c = {.store = s, .key = key};

	return redis_write(s->server->db, remove_fn, &c, err);
}

/* ---- life ---- */

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

int redis_store_open(struct redis_server *server, struct cache_store **out, struct err *err)
{
	struct redis_store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->base.ops = &store_ops;
	s->server = server;
	*out = &s->base;
	return 0;
}
