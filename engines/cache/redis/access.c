/* When keys were used last, and how often: a table of fixed size in memory by the hash of names.
 * Two keys of one place push each other out; what is not found was used when it was changed.
 *
 * An entry holds 16 bits of the hash, a counter of 8 bits, a time of 40 bits in milliseconds. The
 * counter is Redis': the higher, the more seldom a use adds to it; each minute takes one away. */
#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/evict.h"

#define PLACES	   (1U << 17)
#define FIRST	   5 /* of a key that is new */
#define LOG_FACTOR 10
#define MINUTE_MS  60000
#define TIME_MASK  ((UINT64_C(1) << 40) - 1)
#define MS_NS	   1000000

struct redis_access {
	_Atomic uint64_t at[PLACES];
};

struct redis_access *redis_access_new(void)
{
	return calloc(1, sizeof(struct redis_access));
}

void redis_access_free(struct redis_access *a)
{
	free(a);
}

/* xorshift; that two threads may get the same number does no harm. */
uint64_t redis_random(struct redis_db *db)
{
	uint64_t x = atomic_load_explicit(&db->random, memory_order_relaxed);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	atomic_store_explicit(&db->random, x, memory_order_relaxed);
	return x;
}

struct use {
	unsigned tag;
	unsigned counter;
	uint64_t time;
};

static struct use unpack(uint64_t entry)
{
	return (struct use){
		(unsigned)(entry >> 48), (unsigned)(entry >> 40) & 0xff, entry & TIME_MASK};
}

static uint64_t pack(struct use u)
{
	return (uint64_t)u.tag << 48 | (uint64_t)u.counter << 40 | u.time;
}

static _Atomic uint64_t *place(struct redis_txn *t, struct slice name, unsigned *tag)
{
	uint64_t h = redis_hash(name);

	*tag = (unsigned)(h >> 48) | 1; /* an entry of zeros is none */
	return &t->db->access->at[h & (PLACES - 1)];
}

/* False: nothing is known of it. */
static bool find(struct redis_txn *t, struct slice name, struct use *out)
{
	unsigned tag;

	if (t->db->access == NULL) {
		return false;
	}
	*out = unpack(atomic_load_explicit(place(t, name, &tag), memory_order_relaxed));
	return out->tag == tag;
}

/* The counter now. */
static unsigned decayed(const struct redis_txn *t, const struct use *u)
{
	uint64_t now = (uint64_t)t->now_ms & TIME_MASK;
	uint64_t minutes = now > u->time ? now / MINUTE_MS - u->time / MINUTE_MS : 0;

	return minutes < u->counter ? u->counter - (unsigned)minutes : 0;
}

static unsigned counted(struct redis_txn *t, unsigned counter)
{
	uint64_t above = counter > FIRST ? counter - FIRST : 0;

	return counter < 255 && redis_random(t->db) % (above * LOG_FACTOR + 1) == 0 ? counter + 1
										    : counter;
}

void redis_accessed(struct redis_txn *t, struct slice name)
{
	struct use u;
	unsigned tag;

	if (t->db->access == NULL) {
		return;
	}
	_Atomic uint64_t *at = place(t, name, &tag);
	u = unpack(atomic_load_explicit(at, memory_order_relaxed));
	u.counter = u.tag == tag ? counted(t, decayed(t, &u)) : FIRST;
	u.tag = tag;
	u.time = (uint64_t)t->now_ms & TIME_MASK;
	atomic_store_explicit(at, pack(u), memory_order_relaxed);
}

int64_t redis_idle_ms(struct redis_txn *t, struct slice name, const struct redis_key *key)
{
	struct use u;
	int64_t idle = find(t, name, &u) ? (int64_t)(((uint64_t)t->now_ms & TIME_MASK) - u.time)
					 : t->now_ms - key->mtime_ns / MS_NS;

	return idle > 0 ? idle : 0;
}

int64_t redis_idle_s(struct redis_txn *t, struct slice name, const struct redis_key *key)
{
	return redis_idle_ms(t, name, key) / 1000;
}

unsigned redis_frequency(struct redis_txn *t, struct slice name)
{
	struct use u;

	return find(t, name, &u) ? decayed(t, &u) : FIRST;
}
