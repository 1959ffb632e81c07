/* What the files of the cached tables share.
 *
 * A text's version is a hash of it: what is cached bears no number of RDS, and who writes with the
 * version that was read is compared with what RDS holds then (source.c). So a text that comes back
 * has its old version, which is what it says.
 *
 * What must not happen is that a text is served from the cache which RDS has not got any more,
 * longer than `ttl` says. Three things see to that:
 *   - A reader stores what it loaded only if nobody stored or removed that key since it looked
 *     (set_if), and a writer removes or sets the key after RDS committed.
 *   - A key whose removal failed is poisoned: it is not read from the cache until the removal has
 *     been made up for (cached.c).
 *   - What is in memory of that is lost with the daemon, and a cluster that crashes or fails over
 *     goes back in time: then the table's epoch, which is a part of all its keys, becomes another
 *     (cache_tables_renew(), and at the start when the last end was none).
 *
 * Locks, in the order they are taken:
 *   cache_tables.ddl     one at a time: attach, detach
 *   cached_table.stripe  one of them: writes of a key and what they do to the cache, of patterns in
 *                        which the cache is given texts; held while RDS and the store are called
 *   cache_tables.lock    the list, the references, what the keeper waits for
 *   cached_table.lock    loads under way, poisoned keys, texts seen, the last error; the last of
 *                        all, never held over a call of another */
#ifndef DBMOUNT_CACHE_TABLES_IMPL_H
#define DBMOUNT_CACHE_TABLES_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "engines/cache/tables/tables.h"
#include "engines/common/cleanup.h"

#define TABLES_NAME_MAX	    64
#define TABLES_INSTANCE_MAX 63
#define TABLES_SOURCE_MAX   255
#define TABLES_IDENTITY_MAX 64
#define TABLES_STRIPES	    64
#define TABLES_SEEN	    16384
#define TABLES_POISONED_MAX 4096

/* ---- words.c: what is attached ---- */

enum tables_pattern {
	TABLES_ASIDE, /* the numbers are stored */
	TABLES_THROUGH,
	TABLES_BEHIND,
	TABLES_AROUND,
	TABLES_PATTERNS
};
extern const char *const tables_patterns[TABLES_PATTERNS];

struct tables_def {
	int64_t id;
	char name[TABLES_NAME_MAX + 1];
	char instance[TABLES_INSTANCE_MAX + 1];
	char source[TABLES_SOURCE_MAX + 1]; /* the table there */
	enum tables_pattern pattern;
	int64_t ttl_ms; /* 0: none */
	int64_t negative_ms;
	unsigned jitter; /* percent */
	uint64_t queue;	 /* rows that may wait */
	int64_t attached_ns;
	uint64_t epoch;
	char identity[TABLES_IDENTITY_MAX]; /* of the table in RDS, when last looked at; "" not yet
					     */
};

int tables_words(unsigned argc, char *const *argv, struct tables_def *out, struct err *err);

/* ---- db.c: DIR/tables.db ---- */

enum tables_change { TABLES_PUT, TABLES_REMOVE };

/* One that waits. */
struct tables_waiting {
	struct buf key;
	struct buf text;
	enum tables_change change;
	uint64_t seq;	/* of its last write */
	int result;	/* 0: RDS has it; -errno: refused for good; 1: not tried */
	struct err why; /* with a refusal */
};

#define TABLES_BATCH 64
struct tables_batch {
	unsigned n;
	struct tables_waiting item[TABLES_BATCH];
};
void tables_batch_free(struct tables_batch *b);

/* Opens the database; without it and `create` false *out is NULL. */
int tables_db_open(const char *path, const char *label, bool read_only, bool create,
	struct store **out, struct err *err);
/* Whether the last end was one (tables_db_end()); from now on it was not. When it was not, every
 * epoch becomes another. */
int tables_db_begin(struct store *db, bool *was_clean, struct err *err);
int tables_db_end(struct store *db, struct err *err);
/* Notes the storage; when it is another than that of before, every epoch becomes the next. */
int tables_db_storage(struct store *db, uint64_t storage, bool *another, struct err *err);

typedef int tables_def_fn(void *arg, const struct tables_def *def, struct err *err);
int tables_db_each(struct store *db, tables_def_fn *fn, void *arg, struct err *err);
/* Gives id, time and epoch. */
int tables_db_attach(struct store *db, struct tables_def *def, struct err *err);
/* With what waits and what was refused. */
int tables_db_detach(struct store *db, int64_t id, struct err *err);
int tables_db_renew(struct store *db, const char *name, uint64_t *epoch, struct err *err);
int tables_db_identity(struct store *db, int64_t id, const char *identity, struct err *err);

struct tables_queued {
	int64_t time_ns;
	bool replaced; /* one of that key waited already */
};
int tables_queue_put(struct store *db, int64_t id, struct slice key, enum tables_change change,
	struct slice text, struct tables_queued *out, struct err *err);
/* 1: that is what waits, its text appended; 0: nothing. */
int tables_queue_find(struct store *db, int64_t id, struct slice key, struct buf *text,
	enum tables_change *change, int64_t *time_ns, struct err *err);
/* Those that wait longest. */
int tables_queue_batch(struct store *db, int64_t id, struct tables_batch *out, struct err *err);
/* In one transaction: takes out what RDS has (unless it was written anew since) and brings what was
 * refused to those that failed. *gone: how many wait no more. */
int tables_queue_settle(struct store *db, int64_t id, const struct tables_batch *b, unsigned *gone,
	struct err *err);
struct tables_backlog {
	uint64_t n;
	int64_t since_ns; /* of the oldest */
	uint64_t last;	  /* the highest seq */
};
int tables_queue_backlog(struct store *db, int64_t id, struct tables_backlog *out, struct err *err);
/* 1: something of this key (NULL: any) waits that waited at `last`; 0. */
int tables_queue_waits(
	struct store *db, int64_t id, const struct slice *key, uint64_t last, struct err *err);

/* What RDS refused for good. */
int tables_failed_count(struct store *db, int64_t id, uint64_t *out, struct err *err);
/* -errno and the reason why the last write of this key failed, once; 0: it did not. */
int tables_failed_tell(struct store *db, int64_t id, struct slice key, struct err *err);
int tables_failed_text(struct store *db, int64_t id, struct buf *out, struct err *err);
int tables_failed_clear(struct store *db, int64_t id, struct err *err);

/* ---- tables.c ---- */

struct tables_flight; /* load.c */
struct tables_poison; /* cached.c */

/* The text of a key that was last seen. */
struct tables_seen {
	uint64_t key;	  /* a hash */
	uint64_t version; /* of the text */
	uint64_t was;	  /* as whoever wrote it had it, when RDS prints it otherwise */
	int64_t mtime_ns;
	bool loaded; /* to tell its size, and not read since */
};

struct cached_table {
	LIST_ENTRY(cached_table) link; /* under cache_tables.lock, as refs */
	struct cache_tables *all;
	struct tables_def def; /* epoch and identity: see below */
	unsigned refs;
	bool secluded; /* being detached: the keeper does not see it; under cache_tables.lock */
	_Atomic uint64_t epoch;
	_Atomic uint64_t hits, misses, negative_hits, loads, stored, cache_failures, retries;
	_Atomic uint64_t waiting; /* of write-behind; never less than what waits */
	_Atomic bool used;	  /* since the keeper looked */

	pthread_mutex_t stripe[TABLES_STRIPES];

	pthread_mutex_t lock;
	LIST_HEAD(, tables_flight) flights;
	LIST_HEAD(, tables_poison) poisoned;
	unsigned n_poisoned;
	struct tables_seen *seen; /* TABLES_SEEN of them */
	struct err last_error;
	int64_t last_error_ns;
	bool level_known;
	struct engine_level level; /* of the table in RDS */

	/* The keeper's, under cache_tables.lock. */
	int64_t due_ns;			    /* when what waits is tried; 0: now */
	int64_t backoff_ns;		    /* 0: the last try succeeded */
	uint64_t tries;			    /* begun */
	uint64_t tried;			    /* ended */
	uint64_t failed_try;		    /* the last one that failed */
	char identity[TABLES_IDENTITY_MAX]; /* the keeper's alone */
};

struct cache_tables {
	char *path;
	char *label;
	bool read_only;
	int64_t full_wait_ns;
	struct cache_host host;
	int (*get_store)(void *arg, struct cache_store **out, struct err *err);
	void (*put_store)(void *arg, struct cache_store *store);
	void *arg;
	_Atomic uint64_t random;

	pthread_mutex_t ddl;
	struct store *db; /* set once, under ddl and lock */
	_Atomic uint64_t storage;
	_Atomic bool
		in_doubt; /* the epochs on disk are not those in memory: the next start renews */

	pthread_mutex_t lock;
	LIST_HEAD(, cached_table) tables; /* in byte order of names */
	int64_t mtime_ns;
	pthread_cond_t wake;	/* the keeper */
	pthread_cond_t settled; /* a try ended, a table's last user went */
	pthread_t keeper;
	bool keeping;
	bool stop;
	bool urgent;	   /* all is tried, whatever failed before */
	int64_t kicked_ns; /* 0: not */
};

/* Ends with tables_put(). ENOENT. */
int tables_get(
	struct cache_tables *c, struct slice name, struct cached_table **out, struct err *err);
/* The one behind `after` in byte order, or NULL. */
struct cached_table *tables_next(struct cache_tables *c, struct slice after);
void tables_put(struct cached_table *t);
static inline void tables_put_at(struct cached_table *const *t)
{
	if (*t != NULL) {
		tables_put(*t);
	}
}
#define CACHED_TABLE CLEANUP(tables_put_at) struct cached_table *

int tables_status(struct cached_table *t, json_t *out, struct err *err);
void tables_event(struct cached_table *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Every key of it is another from now on. */
int tables_renew(struct cached_table *t, const char *why, struct err *err);
pthread_mutex_t *tables_stripe(struct cached_table *t, struct slice key);

/* ---- source.c: the table in RDS ---- */

/* A row as it is shown. */
struct tables_row {
	uint64_t version;
	uint64_t size;
	int64_t mtime_ns;
};

uint64_t tables_version(struct slice text);
/* NULL with err set (EIO): the mount has no RDS. */
struct engine *tables_peer(struct cache_tables *c, struct err *err);
/* Whether a failure says that RDS cannot be asked now, not what it thinks of the row. */
bool tables_is_away(int rc);
/* 1: appended; 0: there is no such row; -EIO and others: RDS is away. */
int tables_source_read(struct cached_table *t, struct slice key, struct buf *out,
	struct tables_row *row, struct err *err);
int tables_source_time(struct cached_table *t, struct slice key, int64_t *out, struct err *err);
/* Of the version that a reader saw the one of RDS; EBUSY: the row is another by now. */
int tables_source_expect(
	struct cached_table *t, struct slice key, uint64_t expect, uint64_t *out, struct err *err);
/* What it would say of this text; -EINVAL and others: refused; 0: it would take it, or is away and
 * it is JSON at least. */
int tables_source_check(
	struct cached_table *t, struct slice key, struct slice text, struct err *err);
int tables_source_level(struct cached_table *t, struct engine_level *out, struct err *err);
/* What the table is: another text when another table stands under its name. */
int tables_source_identity(struct cache_tables *c, const struct tables_def *def,
	char out[TABLES_IDENTITY_MAX], struct err *err);
static inline struct epath tables_row_path(const struct cached_table *t, struct slice key)
{
	return (struct epath){
		.depth = 3, .key = {slice_of(t->def.instance), slice_of(t->def.source), key}};
}
static inline struct epath tables_table_path(const struct cached_table *t)
{
	return (struct epath){
		.depth = 2, .key = {slice_of(t->def.instance), slice_of(t->def.source)}};
}

/* ---- cached.c: the cache ---- */

enum tables_found { TABLES_MISS, TABLES_HIT, TABLES_NO_ROW, TABLES_BYPASS };
/* What a key was when it was looked at. */
struct tables_look {
	uint64_t epoch;
	uint64_t version;
};
/* BYPASS: the cache cannot be asked, or must not be. *look is for tables_cache_fill(). */
enum tables_found tables_cache_get(
	struct cached_table *t, struct slice key, struct buf *out, struct tables_look *look);
/* After a load: if nothing changed since; text NULL: there is no such row. */
void tables_cache_fill(struct cached_table *t, struct slice key, const struct tables_look *look,
	const struct slice *text);
/* After a write; what cannot be stored is removed, what cannot be removed is poisoned. */
void tables_cache_set(struct cached_table *t, struct slice key, const struct slice *text);
void tables_cache_remove(struct cached_table *t, struct slice key);
/* Makes up for removals that failed. */
void tables_cache_mend(struct cached_table *t);
void tables_cache_forget(struct cached_table *t); /* frees what is poisoned */

void tables_seen(struct cached_table *t, struct slice key, const struct tables_row *row,
	uint64_t was, bool loaded);
/* Fills the time, 0: not known. Whether the text was loaded to tell its size and not read since;
 * `read`: it is now. */
bool tables_seen_time(struct cached_table *t, struct slice key, struct tables_row *row, bool read);
/* Whether the text of this version was the last that was seen of the key, which is `now` (0: not
 * known), perhaps because RDS prints it otherwise. */
bool tables_seen_is(struct cached_table *t, struct slice key, uint64_t version, uint64_t now);

/* ---- load.c: reading ---- */

enum tables_use { TABLES_READ, TABLES_LOOK, TABLES_INSIDE /* is not counted */ };
/* ENOENT; EIO: not in the cache, and RDS is away. */
int tables_fetch(struct cached_table *t, struct slice key, enum tables_use use, struct buf *out,
	struct tables_row *row, struct err *err);
/* Who asks from now on waits for no load that began before. */
void tables_flights_old(struct cached_table *t, struct slice key);

/* ---- pattern.c: writing ---- */

int tables_write(struct cached_table *t, struct slice key, struct slice text, uint64_t expect,
	struct tables_row *out, struct err *err);
int tables_remove(struct cached_table *t, struct slice key, uint64_t expect, struct err *err);

/* ---- behind.c: write-behind ---- */

int tables_behind_write(struct cached_table *t, struct slice key, struct slice text,
	uint64_t expect, struct tables_row *out, struct err *err);
int tables_behind_remove(
	struct cached_table *t, struct slice key, uint64_t expect, struct err *err);
/* 1: something was brought to RDS; 0: nothing waits; -errno: RDS is away. */
int tables_behind_pass(struct cached_table *t, struct err *err);
/* Waits until what waits now of this key (NULL: of all) is in RDS; EIO: RDS is away; why it was
 * refused, if it was. */
int tables_behind_sync(struct cached_table *t, const struct slice *key, struct err *err);

/* ---- keeper.c ---- */

int tables_keeper_start(struct cache_tables *c, struct err *err); /* under ddl */
/* Tries once more what waits, and ends. */
void tables_keeper_stop(struct cache_tables *c);
void tables_keeper_kick(struct cache_tables *c, bool urgent);

#endif
