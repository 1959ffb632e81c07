/* The cluster as the cache of a table: keys, lives, what is poisoned, what was seen. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/clock.h"

#define KEY_MAX 240 /* a Memcached-like cluster takes 250 */

/* Stands for a row that is not there; no row's text can be this. */
static const char no_row[] = "no such row\n";

struct tables_poison {
	LIST_ENTRY(tables_poison) link;
	uint64_t stamp; /* another each time that a removal fails */
	size_t n;
	char key[];
};

/* ---- keys ---- */

static void add_escaped(struct slice key, struct buf *out)
{
	for (size_t i = 0; i < key.n; i++) {
		unsigned char c = (unsigned char)key.p[i];
		if (c <= ' ' || c == 0x7f || c == '%' || (c == '#' && i == 0)) {
			buf_printf(out, "%%%02X", c);
		} else {
			buf_putc(out, (char)c);
		}
	}
}

/* NAME:KEY, such that any kind of cluster takes it; NAME@EPOCH:KEY once there was an epoch
 * before. A long one is a hash behind a '#', which no other begins with. */
static void cache_key(
	const struct cached_table *t, uint64_t epoch, struct slice key, struct buf *out)
{
	unsigned char hash[NAME_HASH_BYTES];

	buf_puts(out, t->def.name);
	if (epoch > 0) {
		buf_printf(out, "@%llu", (unsigned long long)epoch);
	}
	buf_putc(out, ':');
	size_t prefix = out->n;
	add_escaped(key, out);
	if (out->n > KEY_MAX) {
		name_hash(key, hash);
		out->n = prefix;
		buf_putc(out, '#');
		for (size_t i = 0; i < sizeof(hash); i++) {
			buf_printf(out, "%02x", hash[i]);
		}
	}
}

/* splitmix64 */
static uint64_t random_number(struct cache_tables *c)
{
	uint64_t x = atomic_fetch_add(&c->random, UINT64_C(0x9E3779B97F4A7C15));

	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

/* So that what was loaded together is not due together. */
static int64_t jittered(struct cached_table *t, int64_t ms)
{
	int64_t spread = ms / 100 * t->def.jitter + ms % 100 * t->def.jitter / 100;

	if (spread == 0) {
		return ms;
	}
	int64_t life = ms - spread + (int64_t)(random_number(t->all) % (uint64_t)(2 * spread + 1));
	return life > 0 ? life : 1;
}

/* ---- the cluster, while it is asked ---- */

struct asking {
	struct cached_table *t;
	struct cache_store *store;
	struct buf key;
	struct err err;
};

static void note_failure(struct asking *a)
{
	struct cached_table *t = a->t;

	atomic_fetch_add(&t->cache_failures, 1);
	LOCKED(&t->lock);
	t->last_error = a->err;
	t->last_error_ns = clock_wall_ns();
}

static int ask_begin(struct asking *a, struct cached_table *t, uint64_t epoch, struct slice key)
{
	*a = (struct asking){.t = t};
	cache_key(t, epoch, key, &a->key);
	int rc = buf_check(&a->key, &a->err);
	return rc < 0 ? rc : t->all->get_store(t->all->arg, &a->store, &a->err);
}

static void ask_end(struct asking *a)
{
	if (a->store != NULL) {
		a->t->all->put_store(a->t->all->arg, a->store);
	}
	buf_free(&a->key);
}

static int ask_remove(struct cached_table *t, struct slice key)
{
	CLEANUP(ask_end) struct asking a;

	int rc = ask_begin(&a, t, atomic_load(&t->epoch), key);
	rc = rc < 0 ? rc : a.store->ops->remove(a.store, buf_slice(&a.key), &a.err);
	if (rc < 0) {
		note_failure(&a);
	}
	return rc < 0 ? rc : 0;
}

static int ask_set(struct cached_table *t, struct slice key, struct slice text, int64_t life_ms)
{
	CLEANUP(ask_end) struct asking a;

	int rc = ask_begin(&a, t, atomic_load(&t->epoch), key);
	rc = rc < 0 ? rc : a.store->ops->set(a.store, buf_slice(&a.key), text, life_ms, &a.err);
	if (rc < 0) {
		note_failure(&a);
	}
	return rc < 0 ? rc : 0;
}

/* ---- poison ---- */

/* Under the lock. */
static struct tables_poison *find_poison(struct cached_table *t, struct slice key)
{
	struct tables_poison *p;

	LIST_FOREACH(p, &t->poisoned, link)
	{
		if (slice_equal(slice_make(p->key, p->n), key)) {
			break;
		}
	}
	return p;
}

/* 0: it is not. */
static uint64_t poison_stamp(struct cached_table *t, struct slice key)
{
	LOCKED(&t->lock);
	const struct tables_poison *p = t->n_poisoned > 0 ? find_poison(t, key) : NULL;
	return p != NULL ? p->stamp : 0;
}

/* Under the lock. */
static void drop_poison(struct cached_table *t, struct tables_poison *p)
{
	LIST_REMOVE(p, link);
	t->n_poisoned--;
	free(p);
}

void tables_cache_forget(struct cached_table *t)
{
	struct tables_poison *next;

	LOCKED(&t->lock);
	for (struct tables_poison *p = LIST_FIRST(&t->poisoned); p != NULL; p = next) {
		next = LIST_NEXT(p, link);
		free(p);
	}
	LIST_INIT(&t->poisoned);
	t->n_poisoned = 0;
}

/* False: memory or room ran out. */
static bool add_poison(struct cached_table *t, struct slice key)
{
	LOCKED(&t->lock);
	struct tables_poison *p = find_poison(t, key);
	if (p == NULL && t->n_poisoned >= TABLES_POISONED_MAX) {
		return false;
	}
	if (p == NULL) {
		p = malloc(sizeof(*p) + key.n);
		if (p == NULL) {
			return false;
		}
		p->n = key.n;
		if (key.n > 0) {
			memcpy(p->key, key.p, key.n);
		}
		LIST_INSERT_HEAD(&t->poisoned, p, link);
		t->n_poisoned++;
	}
	p->stamp = random_number(t->all) | 1;
	return true;
}

static void poison(struct cached_table *t, struct slice key)
{
	struct err why = {0};

	if (!add_poison(t, key)) {
		tables_renew(t, "the cluster could not be told of too many changes", &why);
	}
}

/* What failed meanwhile again stays poisoned. */
static void heal(struct cached_table *t, struct slice key, uint64_t stamp)
{
	LOCKED(&t->lock);
	struct tables_poison *p = find_poison(t, key);
	if (p != NULL && p->stamp == stamp) {
		drop_poison(t, p);
	}
}

static bool mended(struct cached_table *t, struct slice key)
{
	uint64_t stamp = poison_stamp(t, key);

	if (stamp == 0) {
		return true;
	}
	if (ask_remove(t, key) < 0) {
		return false;
	}
	heal(t, key, stamp);
	return true;
}

/* A copy of the first one's key; false: there is none. */
static bool first_poison(struct cached_table *t, struct buf *key)
{
	LOCKED(&t->lock);
	const struct tables_poison *p = LIST_FIRST(&t->poisoned);
	if (p == NULL) {
		return false;
	}
	buf_append(key, p->key, p->n);
	return !key->failed;
}

void tables_cache_mend(struct cached_table *t)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;

	while (first_poison(t, &key) && mended(t, buf_slice(&key))) {
		buf_clear(&key);
	}
}

/* ---- asking ---- */

enum tables_found tables_cache_get(
	struct cached_table *t, struct slice key, struct buf *out, struct tables_look *look)
{
	CLEANUP(ask_end) struct asking a = {0};
	size_t before = out->n;

	if (!mended(t, key)) {
		return TABLES_BYPASS;
	}
	look->epoch = atomic_load(&t->epoch);
	int rc = ask_begin(&a, t, look->epoch, key);
	rc = rc < 0 ? rc
		    : a.store->ops->get(a.store, buf_slice(&a.key), out, &look->version, &a.err);
	rc = rc < 0 ? rc : buf_check(out, &a.err) < 0 ? -ENOMEM : rc;
	if (rc < 0) {
		note_failure(&a);
	}
	struct slice text = buf_since(out, before);
	if (rc == 1 && text.n > 0 && text.p[0] == '{') {
		return TABLES_HIT;
	}
	bool none = rc == 1 && slice_is(text, no_row);
	out->n = before;
	/* What somebody else put there and is no row counts as nothing. */
	return rc < 0 ? TABLES_BYPASS : none ? TABLES_NO_ROW : TABLES_MISS;
}

/* Of an epoch that is over nobody sees it. */
void tables_cache_fill(struct cached_table *t, struct slice key, const struct tables_look *look,
	const struct slice *text)
{
	int64_t life_ms = jittered(t, text != NULL ? t->def.ttl_ms : t->def.negative_ms);
	struct asking a;

	if (text == NULL && life_ms == 0) {
		return;
	}
	int rc = ask_begin(&a, t, look->epoch, key);
	rc = rc < 0 ? rc
		    : a.store->ops->set_if(a.store, buf_slice(&a.key), look->version,
			      text != NULL ? *text : slice_of(no_row), life_ms, &a.err);
	if (rc < 0) {
		note_failure(&a);
	}
	atomic_fetch_add(&t->stored, rc == 1);
	ask_end(&a);
}

void tables_cache_remove(struct cached_table *t, struct slice key)
{
	if (ask_remove(t, key) < 0) {
		poison(t, key);
	}
}

void tables_cache_set(struct cached_table *t, struct slice key, const struct slice *text)
{
	int64_t life_ms = jittered(t, text != NULL ? t->def.ttl_ms : t->def.negative_ms);
	uint64_t stamp = poison_stamp(t, key);

	if ((text == NULL && life_ms == 0) ||
		ask_set(t, key, text != NULL ? *text : slice_of(no_row), life_ms) < 0) {
		tables_cache_remove(t, key);
		return;
	}
	atomic_fetch_add(&t->stored, 1);
	if (stamp != 0) {
		heal(t, key, stamp);
	}
}

/* ---- what was seen ---- */

/* Under the lock. */
static struct tables_seen *slot(struct cached_table *t, uint64_t hash)
{
	return &t->seen[hash % TABLES_SEEN];
}

static uint64_t key_hash(struct slice key)
{
	return store_key_hash(slice_of("key"), key);
}

void tables_seen(struct cached_table *t, struct slice key, const struct tables_row *row,
	uint64_t was, bool loaded)
{
	uint64_t hash = key_hash(key);

	LOCKED(&t->lock);
	*slot(t, hash) = (struct tables_seen){.key = hash,
		.version = row->version,
		.was = was,
		.mtime_ns = row->mtime_ns,
		.loaded = loaded};
}

bool tables_seen_time(struct cached_table *t, struct slice key, struct tables_row *row, bool read)
{
	uint64_t hash = key_hash(key);

	LOCKED(&t->lock);
	struct tables_seen *s = slot(t, hash);
	bool same = s->key == hash && s->version == row->version;
	bool loaded = same && s->loaded;
	row->mtime_ns = same ? s->mtime_ns : 0;
	if (same && read) {
		s->loaded = false;
	}
	return loaded;
}

bool tables_seen_is(struct cached_table *t, struct slice key, uint64_t version, uint64_t now)
{
	uint64_t hash = key_hash(key);

	LOCKED(&t->lock);
	const struct tables_seen *s = slot(t, hash);
	if (s->key != hash || (now != 0 && s->version != now)) {
		return false;
	}
	return s->was == version || (now == 0 && s->version == version);
}
