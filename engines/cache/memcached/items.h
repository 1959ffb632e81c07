/* The table of a Memcached-like cluster: shards, each with a lock, a hash table, a list of use and
 * a skip list in byte order of keys, for listings. */
#ifndef DBMOUNT_MEMCACHED_ITEMS_H
#define DBMOUNT_MEMCACHED_ITEMS_H

#include <stdatomic.h>

#include "engines/cache/memcached/memcached.h"
#include "engines/common/cleanup.h"

#define MC_KEY_MAX  250
#define MC_SHARDS   16
#define MC_HEIGHT   12	/* of skip lists: 4^12 items a shard before searches get longer */
#define MC_OVERHEAD 59U /* what the server counts to an item beside key and value; 4 with flags */

struct mc_item;

/* Key order, from a head that is no item. */
struct mc_skip {
	struct mc_item *next[MC_HEIGHT];
};

struct mc_shard {
	pthread_mutex_t lock; /* taken alone, or two in order of shards */
	struct mc_item **buckets;
	size_t n_buckets, n;
	struct mc_item *newest, *oldest; /* by when they were used */
	struct mc_skip head;
	uint64_t random;
	_Atomic uint64_t oldest_use; /* UINT64_MAX: empty; read without the lock */
};

/* Counted as the server's `stats` names them. */
enum mc_count {
	MC_CMD_GET,
	MC_CMD_SET,
	MC_CMD_FLUSH,
	MC_CMD_TOUCH,
	MC_GET_HITS,
	MC_GET_MISSES,
	MC_DELETE_HITS,
	MC_DELETE_MISSES,
	MC_INCR_HITS,
	MC_INCR_MISSES,
	MC_DECR_HITS,
	MC_DECR_MISSES,
	MC_CAS_HITS,
	MC_CAS_MISSES,
	MC_CAS_BADVAL,
	MC_TOUCH_HITS,
	MC_TOUCH_MISSES,
	MC_TOO_LARGE,
	MC_TOTAL_ITEMS,
	MC_EXPIRED,
	MC_EVICTIONS,
	MC_COUNTS
};
extern const char *const mc_count_names[MC_COUNTS];

struct memcached {
	char label[128];
	struct cache_host host;
	uint64_t item_max;
	int64_t started_ms;
	_Atomic uint64_t memory;
	_Atomic uint64_t used; /* bytes of items and of what finds them */
	_Atomic uint64_t items;
	_Atomic uint64_t uses; /* counts uses: the clock of the lists of use */
	_Atomic uint64_t last_cas;
	_Atomic int64_t flush_at_ms; /* what was stored before is gone from then on; 0: none */
	_Atomic int64_t changed_ns;  /* the list of keys */
	_Atomic uint64_t counts[MC_COUNTS];
	_Atomic uint64_t removed[1024]; /* store.c: by the hash of a key */
	struct mc_shard shard[MC_SHARDS];
};

/* An item's outside, copied. */
struct mc_info {
	uint32_t flags;
	uint64_t cas;
	int64_t expires_ms; /* 0: never */
	int64_t mtime_ns;
	uint64_t size;
};

enum mc_mode { MC_SET, MC_ADD, MC_REPLACE, MC_APPEND, MC_PREPEND, MC_CAS };

struct mc_put {
	enum mc_mode mode;
	struct slice key;
	struct slice value;
	uint32_t flags;
	int64_t expires_ms;	   /* absolute, 0: never; 1: at once */
	uint64_t cas;		   /* with CAS */
	bool keep;		   /* flags and expiry stay what they are, where there is an item */
	_Atomic uint64_t *only_if; /* not NULL: stored only where it is `counts`, else EXISTS */
	uint64_t counts;
	bool same_stays; /* the same value (and flags, and expiry) again changes nothing */
};

enum mc_result {
	MC_STORED,
	MC_NOT_STORED,
	MC_EXISTS,
	MC_NOT_FOUND,
	MC_TOO_BIG,
	MC_NO_MEMORY,
};

/* Whether the server would take a value of so many bytes. */
bool mc_fits(const struct memcached *m, size_t n_key, size_t n_value, uint32_t flags);
/* *info (may be NULL): of what is stored then. */
enum mc_result mc_store(struct memcached *m, const struct mc_put *put, struct mc_info *info);
/* value may be NULL. use: it counts as used, and as hit or miss. */
bool mc_get(
	struct memcached *m, struct slice key, bool use, struct buf *value, struct mc_info *info);
/* cas 0: whatever it is. */
enum mc_result mc_delete(struct memcached *m, struct slice key, uint64_t cas);
/* With the value, as gat does, where that is not NULL. */
bool mc_touch(struct memcached *m, struct slice key, int64_t expires_ms, struct buf *value,
	struct mc_info *info);
/* EXISTS: no number. *out: the new one. */
enum mc_result mc_add(
	struct memcached *m, struct slice key, bool down, uint64_t delta, uint64_t *out);
/* An item under another key. NOT_FOUND: there is no `from`; with exchange no `to`; EXISTS: `to` is
 * there and `replace` is not set. TOO_BIG. */
enum mc_result mc_rename(
	struct memcached *m, struct slice from, struct slice to, bool replace, bool exchange);
/* What is stored now goes at that time, 0: at once. */
void mc_flush(struct memcached *m, int64_t at_ms);

/* The first key behind `after` (NULL: of all) in byte order, and its outside. False: none. */
bool mc_next(struct memcached *m, const struct slice *after, struct buf *key, struct mc_info *info);

int64_t mc_now_ms(void);
/* What exptime means: 0 never, negative at once, up to 30 days from now, else since 1970. */
int64_t mc_expires_ms(int64_t exptime);

static inline void mc_count(struct memcached *m, enum mc_count what)
{
	atomic_fetch_add_explicit(&m->counts[what], 1, memory_order_relaxed);
}

/* ---- protocol.c: a connection ---- */

struct mc_session;

struct mc_session *mc_session_new(struct memcached *m); /* NULL: out of memory */
void mc_session_free(struct mc_session *s);		/* NULL is fine */
/* More text; EFBIG: a line without end. */
int mc_session_feed(struct mc_session *s, struct slice text, struct err *err);
/* Runs what is whole and appends the replies. last: no more will come, the last line may lack its
 * end; EINVAL: the text ends within a value. */
int mc_session_run(struct mc_session *s, bool last, struct buf *out, struct err *err);

/* ---- the room .meta (meta.c) ---- */

int mc_meta_room(struct memcached *m, struct cache_tree **out, struct err *err);
/* EINVAL: the server takes no such key; ENOENT where `asked`. */
int mc_check_key(struct slice key, bool asked, struct err *err);

#endif
