#include "engines/cache/memcached/items.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"

/* What is counted of an item is what it costs: its memory, as malloc gave it, and its share of the
 * table. Memory is taken before the item is stored, and what was used longest ago makes room: the
 * limit holds at every moment, whatever many threads do. */

struct mc_item {
	struct mc_item *chain;	       /* in its bucket */
	struct mc_item *newer, *older; /* by when they were used */
	uint64_t cas;
	uint64_t use;
	int64_t expires_ms;
	int64_t stored_ms;
	int64_t mtime_ns;
	uint32_t flags;
	uint32_t n_value;
	uint8_t n_key;
	uint8_t height;
	struct mc_item *next[]; /* `height` of them, then the key, then the value */
};

const char *const mc_count_names[MC_COUNTS] = {
	[MC_CMD_GET] = "cmd_get",
	[MC_CMD_SET] = "cmd_set",
	[MC_CMD_FLUSH] = "cmd_flush",
	[MC_CMD_TOUCH] = "cmd_touch",
	[MC_GET_HITS] = "get_hits",
	[MC_GET_MISSES] = "get_misses",
	[MC_DELETE_HITS] = "delete_hits",
	[MC_DELETE_MISSES] = "delete_misses",
	[MC_INCR_HITS] = "incr_hits",
	[MC_INCR_MISSES] = "incr_misses",
	[MC_DECR_HITS] = "decr_hits",
	[MC_DECR_MISSES] = "decr_misses",
	[MC_CAS_HITS] = "cas_hits",
	[MC_CAS_MISSES] = "cas_misses",
	[MC_CAS_BADVAL] = "cas_badval",
	[MC_TOUCH_HITS] = "touch_hits",
	[MC_TOUCH_MISSES] = "touch_misses",
	[MC_TOO_LARGE] = "store_too_large",
	[MC_TOTAL_ITEMS] = "total_items",
	[MC_EXPIRED] = "reclaimed",
	[MC_EVICTIONS] = "evictions",
};

#define BUCKETS_FIRST 64U

static char *bytes_of(const struct mc_item *i)
{
	return (char *)(i->next + i->height);
}

static struct slice key_of(const struct mc_item *i)
{
	return slice_make(bytes_of(i), i->n_key);
}

static struct slice value_of(const struct mc_item *i)
{
	return slice_make(bytes_of(i) + i->n_key, i->n_value);
}

static uint64_t cost_of(struct mc_item *i)
{
	return malloc_usable_size(i) + sizeof(void *);
}

static void info_of(const struct mc_item *i, struct mc_info *out)
{
	if (out != NULL) {
		*out = (struct mc_info){i->flags, i->cas, i->expires_ms, i->mtime_ns, i->n_value};
	}
}

/* ---- time ---- */

int64_t mc_now_ms(void)
{
	return clock_wall_ns() / 1000000;
}

#define MONTH_S INT64_C(2592000)

int64_t mc_expires_ms(int64_t exptime)
{
	if (exptime == 0) {
		return 0;
	}
	if (exptime < 0) {
		return 1;
	}
	/* Far beyond any clock. */
	exptime = exptime > INT32_MAX * INT64_C(1000) ? INT32_MAX * INT64_C(1000) : exptime;
	return exptime <= MONTH_S ? mc_now_ms() + exptime * 1000 : exptime * 1000;
}

static bool is_over(struct memcached *m, const struct mc_item *i, int64_t now_ms)
{
	int64_t flush = atomic_load_explicit(&m->flush_at_ms, memory_order_relaxed);

	return (i->expires_ms != 0 && i->expires_ms <= now_ms) ||
	       (flush != 0 && flush <= now_ms && i->stored_ms < flush);
}

/* ---- one shard, under its lock ---- */

static uint64_t hash_of(struct slice key)
{
	return store_key_hash(key, (struct slice){0});
}

static struct mc_shard *shard_of(struct memcached *m, uint64_t hash)
{
	return &m->shard[hash >> 60];
}

static struct mc_item **bucket_of(const struct mc_shard *s, uint64_t hash)
{
	return &s->buckets[hash & (s->n_buckets - 1)];
}

static void tell_oldest(struct mc_shard *s)
{
	atomic_store_explicit(&s->oldest_use, s->oldest != NULL ? s->oldest->use : UINT64_MAX,
		memory_order_relaxed);
}

static void use_first(struct memcached *m, struct mc_shard *s, struct mc_item *i)
{
	i->use = atomic_fetch_add_explicit(&m->uses, 1, memory_order_relaxed);
	i->newer = NULL;
	i->older = s->newest;
	if (s->newest != NULL) {
		s->newest->newer = i;
	} else {
		s->oldest = i;
	}
	s->newest = i;
	tell_oldest(s);
}

static void use_out(struct mc_shard *s, struct mc_item *i)
{
	if (i->newer != NULL) {
		i->newer->older = i->older;
	} else {
		s->newest = i->older;
	}
	if (i->older != NULL) {
		i->older->newer = i->newer;
	} else {
		s->oldest = i->newer;
	}
	tell_oldest(s);
}

/* Where each level stands before `key`: its next pointers from there on are `key` or behind it. */
static void skip_find(struct mc_shard *s, struct slice key, struct mc_item **at[MC_HEIGHT])
{
	struct mc_item **from = s->head.next;

	for (int level = MC_HEIGHT - 1; level >= 0; level--) {
		while (from[level] != NULL && slice_compare(key_of(from[level]), key) < 0) {
			from = from[level]->next;
		}
		at[level] = &from[level];
	}
}

static void skip_in(struct mc_shard *s, struct mc_item *i)
{
	struct mc_item **at[MC_HEIGHT];

	skip_find(s, key_of(i), at);
	for (unsigned level = 0; level < i->height; level++) {
		i->next[level] = *at[level];
		*at[level] = i;
	}
}

static void skip_out(struct mc_shard *s, const struct mc_item *i)
{
	struct mc_item **at[MC_HEIGHT];

	skip_find(s, key_of(i), at);
	for (unsigned level = 0; level < i->height; level++) {
		*at[level] = i->next[level];
	}
}

static unsigned some_height(struct mc_shard *s)
{
	unsigned height = 1;

	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	for (uint64_t r = s->random; height < MC_HEIGHT && (r & 3) == 0; r >>= 2) {
		height++;
	}
	return height;
}

static void take_out(struct memcached *m, struct mc_shard *s, uint64_t hash, struct mc_item *i)
{
	struct mc_item **at = bucket_of(s, hash);

	while (*at != i) {
		at = &(*at)->chain;
	}
	*at = i->chain;
	use_out(s, i);
	skip_out(s, i);
	s->n--;
	atomic_fetch_sub(&m->items, 1);
	atomic_fetch_sub(&m->used, cost_of(i));
	atomic_store(&m->changed_ns, clock_wall_ns());
}

static void drop(struct memcached *m, struct mc_shard *s, uint64_t hash, struct mc_item *i)
{
	take_out(m, s, hash, i);
	free(i);
}

/* The item that is there; one that is over goes. */
static struct mc_item *find(
	struct memcached *m, struct mc_shard *s, uint64_t hash, struct slice key, int64_t now_ms)
{
	struct mc_item *i = s->n_buckets > 0 ? *bucket_of(s, hash) : NULL;

	while (i != NULL && !slice_equal(key_of(i), key)) {
		i = i->chain;
	}
	if (i != NULL && is_over(m, i, now_ms)) {
		drop(m, s, hash, i);
		mc_count(m, MC_EXPIRED);
		return NULL;
	}
	return i;
}

/* Twice the buckets; without memory for them chains get longer. */
static bool grow(struct memcached *m, struct mc_shard *s)
{
	size_t n = s->n_buckets == 0 ? BUCKETS_FIRST : 2 * s->n_buckets;
	struct mc_item **buckets = calloc(n, sizeof(struct mc_item *));

	if (buckets == NULL) {
		return s->n_buckets > 0;
	}
	for (struct mc_item *i = s->head.next[0]; i != NULL; i = i->next[0]) {
		struct mc_item **to = &buckets[hash_of(key_of(i)) & (n - 1)];
		i->chain = *to;
		*to = i;
	}
	atomic_fetch_add(&m->used, (n - s->n_buckets) * sizeof(struct mc_item *));
	free(s->buckets);
	s->buckets = buckets;
	s->n_buckets = n;
	return true;
}

static bool has_room(struct memcached *m, struct mc_shard *s)
{
	return s->n < s->n_buckets || grow(m, s);
}

/* Its cost is counted already. */
static void put_in(struct memcached *m, struct mc_shard *s, uint64_t hash, struct mc_item *i)
{
	i->chain = *bucket_of(s, hash);
	*bucket_of(s, hash) = i;
	use_first(m, s, i);
	skip_in(s, i);
	s->n++;
	atomic_fetch_add(&m->items, 1);
	mc_count(m, MC_TOTAL_ITEMS);
	atomic_store(&m->changed_ns, i->mtime_ns);
}

/* ---- memory ---- */

/* Drops what was used longest ago; false when nothing is left. Holds no other lock. */
static bool evict_one(struct memcached *m)
{
	struct mc_shard *of = NULL;
	uint64_t least = UINT64_MAX;

	for (unsigned n = 0; n < MC_SHARDS; n++) {
		struct mc_shard *s = &m->shard[n];
		uint64_t use = atomic_load_explicit(&s->oldest_use, memory_order_relaxed);
		if (use < least) {
			least = use;
			of = s;
		}
	}
	if (of == NULL) {
		return false;
	}
	LOCKED(&of->lock);
	if (of->oldest != NULL) {
		drop(m, of, hash_of(key_of(of->oldest)), of->oldest);
		mc_count(m, MC_EVICTIONS);
	}
	return true;
}

/* Takes `cost` bytes out of what the cluster may use. */
static bool take_memory(struct memcached *m, uint64_t cost)
{
	uint64_t used = atomic_load(&m->used);

	/* Nothing goes for what does not fit into an empty one either. */
	if (cost > atomic_load(&m->memory)) {
		return false;
	}
	for (;;) {
		if (used + cost <= atomic_load(&m->memory)) {
			if (atomic_compare_exchange_weak(&m->used, &used, used + cost)) {
				return true;
			}
			continue;
		}
		if (!evict_one(m)) {
			return false;
		}
		used = atomic_load(&m->used);
	}
}

void memcached_set_memory(struct memcached *m, uint64_t bytes)
{
	atomic_store(&m->memory, bytes);
	while (atomic_load(&m->used) > bytes && evict_one(m)) {
	}
}

bool mc_fits(const struct memcached *m, size_t n_key, size_t n_value, uint32_t flags)
{
	return MC_OVERHEAD + (flags != 0 ? 4 : 0) + n_key + n_value <= m->item_max;
}

/* Its memory is taken; NULL: there is none. */
static struct mc_item *item_new(
	struct memcached *m, struct slice key, size_t n_value, unsigned height)
{
	struct mc_item *i =
		malloc(sizeof(*i) + height * sizeof(struct mc_item *) + key.n + n_value);

	if (i == NULL) {
		return NULL;
	}
	if (!take_memory(m, cost_of(i))) {
		free(i);
		return NULL;
	}
	*i = (struct mc_item){
		.n_key = (uint8_t)key.n, .n_value = (uint32_t)n_value, .height = (uint8_t)height};
	memcpy(bytes_of(i), key.p, key.n);
	return i;
}

static void item_unused(struct memcached *m, struct mc_item *i)
{
	if (i != NULL) {
		atomic_fetch_sub(&m->used, cost_of(i));
		free(i);
	}
}

/* ---- store ---- */

static void stamp(struct memcached *m, struct mc_item *i)
{
	i->cas = atomic_fetch_add(&m->last_cas, 1) + 1;
	i->mtime_ns = clock_wall_ns();
	i->stored_ms = i->mtime_ns / 1000000;
}

static bool is_joining(enum mc_mode mode)
{
	return mode == MC_APPEND || mode == MC_PREPEND;
}

/* What the mode says of what is there. */
static enum mc_result allowed(const struct mc_put *put, const struct mc_item *old)
{
	if (put->only_if != NULL && atomic_load(put->only_if) != put->counts) {
		return MC_EXISTS;
	}
	switch (put->mode) {
	case MC_ADD: return old == NULL ? MC_STORED : MC_NOT_STORED;
	case MC_REPLACE:
	case MC_APPEND:
	case MC_PREPEND: return old != NULL ? MC_STORED : MC_NOT_STORED;
	case MC_CAS:
		return old == NULL ? MC_NOT_FOUND : old->cas == put->cas ? MC_STORED : MC_EXISTS;
	default: return MC_STORED;
	}
}

static void fill(struct mc_item *i, const struct mc_put *put, const struct mc_item *old)
{
	char *value = bytes_of(i) + i->n_key;
	bool keep = old != NULL && (put->keep || is_joining(put->mode));

	if (put->mode == MC_PREPEND || !is_joining(put->mode)) {
		memcpy(value, put->value.p != NULL ? put->value.p : "", put->value.n);
		value += put->value.n;
	}
	if (is_joining(put->mode)) {
		memcpy(value, value_of(old).p, old->n_value);
		value += old->n_value;
	}
	if (put->mode == MC_APPEND) {
		memcpy(value, put->value.p != NULL ? put->value.p : "", put->value.n);
	}
	i->flags = keep ? old->flags : put->flags;
	i->expires_ms = keep ? old->expires_ms : put->expires_ms;
}

static bool is_same(const struct mc_put *put, const struct mc_item *old)
{
	return put->same_stays && old != NULL && slice_equal(value_of(old), put->value) &&
	       (put->keep || (old->flags == put->flags && old->expires_ms == put->expires_ms));
}

/* Memory for the new item is taken without the lock, for it may come from any shard. So what is
 * there is looked at twice, and the new item made anew when its size is another one then. */
struct plan {
	struct mc_item *fresh;
	size_t n_value;
	unsigned height;
};

/* Under the lock. False: the item at hand does not do, see plan. */
static bool store_now(struct memcached *m, struct mc_shard *s, uint64_t hash,
	const struct mc_put *put, struct plan *plan, struct mc_info *info, enum mc_result *result)
{
	struct mc_item *old = find(m, s, hash, put->key, mc_now_ms());

	*result = allowed(put, old);
	if (*result != MC_STORED || is_same(put, old)) {
		if (*result == MC_STORED) {
			info_of(old, info);
		}
		return true;
	}
	size_t n = put->value.n;
	uint32_t flags = put->flags;
	if (old != NULL && is_joining(put->mode)) {
		n += old->n_value;
	}
	if (old != NULL && (is_joining(put->mode) || put->keep)) {
		flags = old->flags;
	}
	if (!mc_fits(m, put->key.n, n, flags)) {
		*result = is_joining(put->mode) ? MC_NOT_STORED : MC_TOO_BIG;
		return true;
	}
	if (plan->fresh == NULL || plan->n_value != n) {
		plan->n_value = n;
		plan->height = some_height(s);
		return false;
	}
	if (!has_room(m, s)) {
		*result = MC_NO_MEMORY;
		return true;
	}
	fill(plan->fresh, put, old);
	stamp(m, plan->fresh);
	if (old != NULL) {
		drop(m, s, hash, old);
	}
	put_in(m, s, hash, plan->fresh);
	info_of(plan->fresh, info);
	plan->fresh = NULL;
	return true;
}

static void count_cas(struct memcached *m, enum mc_result result)
{
	mc_count(m, result == MC_STORED	     ? MC_CAS_HITS
		    : result == MC_NOT_FOUND ? MC_CAS_MISSES
					     : MC_CAS_BADVAL);
}

/* The table itself takes memory, too. */
static void keep_within(struct memcached *m)
{
	while (atomic_load(&m->used) > atomic_load(&m->memory) && evict_one(m)) {
	}
}

enum mc_result mc_store(struct memcached *m, const struct mc_put *put, struct mc_info *info)
{
	uint64_t hash = hash_of(put->key);
	struct mc_shard *s = shard_of(m, hash);
	enum mc_result result = MC_STORED;
	struct plan plan = {0};
	bool done = false;

	mc_count(m, MC_CMD_SET);
	while (!done) {
		pthread_mutex_lock(&s->lock);
		done = store_now(m, s, hash, put, &plan, info, &result);
		pthread_mutex_unlock(&s->lock);
		if (!done) {
			item_unused(m, plan.fresh);
			plan.fresh = item_new(m, put->key, plan.n_value, plan.height);
			result = MC_NO_MEMORY;
			done = plan.fresh == NULL;
		}
	}
	item_unused(m, plan.fresh);
	keep_within(m);
	if (put->mode == MC_CAS) {
		count_cas(m, result);
	}
	if (result == MC_TOO_BIG) {
		mc_count(m, MC_TOO_LARGE);
	}
	return result;
}

/* ---- the other commands ---- */

static void used_again(struct memcached *m, struct mc_shard *s, struct mc_item *i)
{
	use_out(s, i);
	use_first(m, s, i);
}

bool mc_get(
	struct memcached *m, struct slice key, bool use, struct buf *value, struct mc_info *info)
{
	uint64_t hash = hash_of(key);
	struct mc_shard *s = shard_of(m, hash);
	LOCKED(&s->lock);

	struct mc_item *i = find(m, s, hash, key, mc_now_ms());
	if (use) {
		mc_count(m, MC_CMD_GET);
		mc_count(m, i != NULL ? MC_GET_HITS : MC_GET_MISSES);
	}
	if (i == NULL) {
		return false;
	}
	if (use) {
		used_again(m, s, i);
	}
	if (value != NULL) {
		buf_append_slice(value, value_of(i));
	}
	info_of(i, info);
	return true;
}

enum mc_result mc_delete(struct memcached *m, struct slice key, uint64_t cas)
{
	uint64_t hash = hash_of(key);
	struct mc_shard *s = shard_of(m, hash);
	LOCKED(&s->lock);

	struct mc_item *i = find(m, s, hash, key, mc_now_ms());
	mc_count(m, i != NULL ? MC_DELETE_HITS : MC_DELETE_MISSES);
	if (i == NULL) {
		return MC_NOT_FOUND;
	}
	if (cas != 0 && cas != i->cas) {
		return MC_EXISTS;
	}
	drop(m, s, hash, i);
	return MC_STORED;
}

bool mc_touch(struct memcached *m, struct slice key, int64_t expires_ms, struct buf *value,
	struct mc_info *info)
{
	uint64_t hash = hash_of(key);
	struct mc_shard *s = shard_of(m, hash);
	LOCKED(&s->lock);

	struct mc_item *i = find(m, s, hash, key, mc_now_ms());
	mc_count(m, MC_CMD_TOUCH);
	mc_count(m, i != NULL ? MC_TOUCH_HITS : MC_TOUCH_MISSES);
	if (i == NULL) {
		return false;
	}
	i->expires_ms = expires_ms;
	used_again(m, s, i);
	if (value != NULL) {
		buf_append_slice(value, value_of(i));
	}
	info_of(i, info);
	return true;
}

/* As strtoull() does: white space before it, a plus; behind it white space or the end. */
static bool number_of(struct slice text, uint64_t *out)
{
	size_t i = 0;
	uint64_t n = 0;

	while (i < text.n && strchr(" \t\n\v\f\r", text.p[i]) != NULL && text.p[i] != '\0') {
		i++;
	}
	i += i < text.n && text.p[i] == '+';
	size_t first = i;
	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');
		if (n > (UINT64_MAX - digit) / 10) {
			return false;
		}
		n = 10 * n + digit;
	}
	*out = n;
	return i > first &&
	       (i == text.n || (text.p[i] != '\0' && strchr(" \t\n\v\f\r", text.p[i])));
}

/* A number that needs no more bytes is written over the old one, spaces behind it. */
static void write_over(struct memcached *m, struct mc_item *i, const char *text, size_t n)
{
	char *value = bytes_of(i) + i->n_key;

	memset(value, ' ', i->n_value);
	memcpy(value, text, n);
	stamp(m, i);
}

/* EXISTS: no number; TOO_BIG: it has grown, *cas is what it must replace. */
static enum mc_result add_now(struct memcached *m, struct slice key, bool down, uint64_t delta,
	uint64_t *out, struct mc_info *info)
{
	uint64_t hash = hash_of(key);
	struct mc_shard *s = shard_of(m, hash);
	char text[24];
	LOCKED(&s->lock);

	struct mc_item *i = find(m, s, hash, key, mc_now_ms());
	if (i == NULL) {
		return MC_NOT_FOUND;
	}
	uint64_t value;
	if (!number_of(value_of(i), &value)) {
		return MC_EXISTS;
	}
	*out = !down ? value + delta : value > delta ? value - delta : 0;
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)*out);
	if ((size_t)n > i->n_value) {
		info_of(i, info);
		return MC_TOO_BIG;
	}
	write_over(m, i, text, (size_t)n);
	used_again(m, s, i);
	return MC_STORED;
}

enum mc_result mc_add(
	struct memcached *m, struct slice key, bool down, uint64_t delta, uint64_t *out)
{
	enum mc_result result;
	struct mc_info info;
	char text[24];

	do {
		result = add_now(m, key, down, delta, out, &info);
		if (result == MC_TOO_BIG) {
			int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)*out);
			struct mc_put put = {.mode = MC_CAS,
				.key = key,
				.value = slice_make(text, (size_t)n),
				.cas = info.cas,
				.keep = true};
			result = mc_store(m, &put, NULL);
		} else {
			break;
		}
	} while (result == MC_EXISTS); /* somebody else's came between */
	bool hit = result != MC_NOT_FOUND;
	mc_count(m, down ? (hit ? MC_DECR_HITS : MC_DECR_MISSES)
			 : (hit ? MC_INCR_HITS : MC_INCR_MISSES));
	return result;
}

static void flush_shard(struct memcached *m, struct mc_shard *s, bool all)
{
	int64_t now = mc_now_ms();
	struct mc_item *next;
	LOCKED(&s->lock);

	for (struct mc_item *i = s->head.next[0]; i != NULL; i = next) {
		next = i->next[0];
		if (all || is_over(m, i, now)) {
			drop(m, s, hash_of(key_of(i)), i);
		}
	}
}

/* What a flush of before has made go does not come back with a later one. */
void mc_flush(struct memcached *m, int64_t at_ms)
{
	bool over = atomic_load(&m->flush_at_ms) != 0;

	mc_count(m, MC_CMD_FLUSH);
	for (unsigned n = 0; n < MC_SHARDS && at_ms != 0 && over; n++) {
		flush_shard(m, &m->shard[n], false);
	}
	atomic_store(&m->flush_at_ms, at_ms);
	for (unsigned n = 0; n < MC_SHARDS && at_ms == 0; n++) {
		flush_shard(m, &m->shard[n], true);
	}
}

/* ---- another key ---- */

static void lock_both(struct mc_shard *a, struct mc_shard *b)
{
	pthread_mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b) {
		pthread_mutex_lock(a < b ? &b->lock : &a->lock);
	}
}

static void unlock_both(struct mc_shard *a, struct mc_shard *b)
{
	pthread_mutex_unlock(&a->lock);
	if (a != b) {
		pthread_mutex_unlock(&b->lock);
	}
}

struct renaming {
	struct slice from, to;
	bool replace, exchange;
	struct mc_item *at_to, *at_from; /* what is to stand there; at_from with exchange */
	size_t n_to, n_from;
	unsigned height;
};

static void take_over(struct memcached *m, struct mc_item *i, const struct mc_item *old)
{
	memcpy(bytes_of(i) + i->n_key, value_of(old).p, old->n_value);
	i->flags = old->flags;
	i->expires_ms = old->expires_ms;
	stamp(m, i);
}

/* Under both locks. False: the items at hand do not do. */
static bool rename_now(struct memcached *m, struct renaming *r, enum mc_result *result)
{
	uint64_t hash_from = hash_of(r->from);
	uint64_t hash_to = hash_of(r->to);
	struct mc_shard *a = shard_of(m, hash_from);
	struct mc_shard *b = shard_of(m, hash_to);
	int64_t now = mc_now_ms();
	struct mc_item *from = find(m, a, hash_from, r->from, now);
	struct mc_item *to = find(m, b, hash_to, r->to, now);

	*result = from == NULL || (r->exchange && to == NULL) ? MC_NOT_FOUND
		  : to != NULL && !r->replace && !r->exchange ? MC_EXISTS
							      : MC_STORED;
	if (*result != MC_STORED || from == to) {
		return true;
	}
	if (!mc_fits(m, r->to.n, from->n_value, from->flags) ||
		(r->exchange && !mc_fits(m, r->from.n, to->n_value, to->flags))) {
		*result = MC_TOO_BIG;
		return true;
	}
	if (r->at_to == NULL || r->n_to != from->n_value ||
		(r->exchange && (r->at_from == NULL || r->n_from != to->n_value))) {
		r->n_to = from->n_value;
		r->n_from = r->exchange ? to->n_value : 0;
		r->height = some_height(b);
		return false;
	}
	if (!has_room(m, b) || (r->exchange && !has_room(m, a))) {
		*result = MC_NO_MEMORY;
		return true;
	}
	take_over(m, r->at_to, from);
	if (r->exchange) {
		take_over(m, r->at_from, to);
	}
	drop(m, a, hash_from, from);
	if (to != NULL) {
		drop(m, b, hash_to, to);
	}
	put_in(m, b, hash_to, r->at_to);
	if (r->exchange) {
		put_in(m, a, hash_from, r->at_from);
	}
	r->at_to = NULL;
	r->at_from = NULL;
	return true;
}

enum mc_result mc_rename(
	struct memcached *m, struct slice from, struct slice to, bool replace, bool exchange)
{
	struct renaming r = {.from = from, .to = to, .replace = replace, .exchange = exchange};
	struct mc_shard *a = shard_of(m, hash_of(from));
	struct mc_shard *b = shard_of(m, hash_of(to));
	enum mc_result result;
	bool done = false;

	while (!done) {
		lock_both(a, b);
		done = rename_now(m, &r, &result);
		unlock_both(a, b);
		if (!done) {
			item_unused(m, r.at_to);
			item_unused(m, r.at_from);
			r.at_to = item_new(m, to, r.n_to, r.height);
			r.at_from = exchange && r.at_to != NULL
					    ? item_new(m, from, r.n_from, r.height)
					    : NULL;
			result = MC_NO_MEMORY;
			done = r.at_to == NULL || (exchange && r.at_from == NULL);
		}
	}
	item_unused(m, r.at_to);
	item_unused(m, r.at_from);
	keep_within(m);
	return result;
}

/* ---- listing ---- */

/* The first of a shard that is there still, behind `after`. */
static struct mc_item *first_behind(
	struct memcached *m, struct mc_shard *s, const struct slice *after, int64_t now_ms)
{
	struct mc_item **at[MC_HEIGHT];
	struct mc_item *i = s->head.next[0];

	if (after != NULL) {
		skip_find(s, *after, at);
		i = *at[0];
		if (i != NULL && slice_equal(key_of(i), *after)) {
			i = i->next[0];
		}
	}
	while (i != NULL && is_over(m, i, now_ms)) {
		i = i->next[0];
	}
	return i;
}

bool mc_next(struct memcached *m, const struct slice *after, struct buf *key, struct mc_info *info)
{
	int64_t now = mc_now_ms();
	size_t at = key->n;
	bool found = false;

	for (unsigned n = 0; n < MC_SHARDS; n++) {
		struct mc_shard *s = &m->shard[n];
		LOCKED(&s->lock);
		const struct mc_item *i = first_behind(m, s, after, now);
		struct slice best = buf_since(key, at);
		if (i != NULL && (!found || slice_compare(key_of(i), best) < 0)) {
			key->n = at;
			buf_append_slice(key, key_of(i));
			info_of(i, info);
			found = true;
		}
	}
	return found;
}

/* ---- life ---- */

int memcached_open(const struct memcached_config *config, struct memcached **out, struct err *err)
{
	struct memcached *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	snprintf(m->label, sizeof(m->label), "%s", config->label);
	m->host = config->host;
	m->item_max = config->item_max;
	m->started_ms = mc_now_ms();
	atomic_store(&m->memory, config->memory);
	atomic_store(&m->changed_ns, clock_wall_ns());
	/* No cas of before comes again; all that will be given are exact as a double, too. */
	atomic_store(&m->last_cas, (uint64_t)(m->started_ms / 1000) << 20);
	for (unsigned n = 0; n < MC_SHARDS; n++) {
		pthread_mutex_init(&m->shard[n].lock, NULL);
		m->shard[n].random = (uint64_t)m->started_ms * 2 + 1 + n;
		tell_oldest(&m->shard[n]);
	}
	*out = m;
	return 0;
}

void memcached_close(struct memcached *m)
{
	if (m == NULL) {
		return;
	}
	for (unsigned n = 0; n < MC_SHARDS; n++) {
		struct mc_shard *s = &m->shard[n];
		for (struct mc_item *next, *i = s->head.next[0]; i != NULL; i = next) {
			next = i->next[0];
			free(i);
		}
		free(s->buckets);
		pthread_mutex_destroy(&s->lock);
	}
	free(m);
}

int memcached_status(struct memcached *m, json_t *out, struct err *err)
{
	(void)err;
	json_object_set_new(out, "keys", json_integer((json_int_t)atomic_load(&m->items)));
	json_object_set_new(out, "used_memory", json_integer((json_int_t)atomic_load(&m->used)));
	json_object_set_new(out, "maxmemory", json_integer((json_int_t)atomic_load(&m->memory)));
	json_object_set_new(out, "item_max", json_integer((json_int_t)m->item_max));
	json_object_set_new(out, "uptime", json_integer((mc_now_ms() - m->started_ms) / 1000));
	for (unsigned n = 0; n < MC_COUNTS; n++) {
		json_object_set_new(out, mc_count_names[n],
			json_integer((json_int_t)atomic_load(&m->counts[n])));
	}
	return 0;
}
