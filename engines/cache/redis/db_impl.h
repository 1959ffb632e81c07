/* What implements a db, and what a connection and a write keep. Included by db*.c, statements.c,
 * changed.c and by the files over keys.
 *
 * A db that runs a read or write has a connection in an open transaction, fills a redis_txn, and
 * calls redis_run_read() or redis_run_write(); a write's caller tells by redis_db_tell() when it is
 * committed. */
#ifndef DBMOUNT_REDIS_DB_IMPL_H
#define DBMOUNT_REDIS_DB_IMPL_H

#include "engines/cache/redis/key.h"
#include "engines/common/cleanup.h"

struct redis_db_ops {
	/* `key` as that of store_read_begin(). */
	int (*read)(struct redis_db *db, uint64_t key, redis_fn *fn, void *arg, struct err *err);
	/* NULL: EROFS. */
	int (*write)(struct redis_db *db, redis_fn *fn, void *arg, struct err *err);
	void (*close)(struct redis_db *db);
};

#define REDIS_MADE_PLACES 16384

struct redis_access; /* access.c: when keys were used last */

/* First member of each implementation. */
struct redis_db {
	const struct redis_db_ops *ops;
	char *label;
	struct redis_limits *limits;
	redis_told *told;
	void *arg;
	struct redis_counts counts;
	_Atomic uint64_t offset; /* of the last write that was acknowledged */
	_Atomic uint64_t random;
	struct redis_access *access;		  /* NULL: of what is not written nobody asks */
	_Atomic uint32_t made[REDIS_MADE_PLACES]; /* redis_made() */
};

int redis_db_init(struct redis_db *db, const struct redis_db_ops *ops,
	const struct redis_db_config *config, struct err *err);
void redis_db_finish(struct redis_db *db);

/* ---- statements.c: what stays with a connection ---- */

/* Those of the connection whose slot this is; made when the connection is new. */
int redis_statements_of(void **slot, struct redis_txn *t, struct err *err);
void redis_statements_free(void *statements); /* NULL is fine; before sqlite3_close() */
/* Resets what was used. */
void redis_statements_end(struct redis_statements *s);

/* Steps it once for its one row, then resets it unless there is one: 1, 0, -errno. Whoever got a
 * row resets it when it has read it. */
int redis_row(struct redis_txn *t, sqlite3_stmt *stmt, struct err *err);
/* Runs one that returns no rows. */
int redis_done(struct redis_txn *t, sqlite3_stmt *stmt, struct err *err);

/* ---- running ---- */

int redis_run_read(struct redis_txn *t, redis_fn *fn, void *arg, struct err *err);
/* With t->changed and t->store. */
int redis_run_write(struct redis_txn *t, redis_fn *fn, void *arg, struct err *err);

/* ---- changed.c: what a write touches ---- */

struct redis_changed {
	/* What redis_db_tell() tells of: for each a length and the key, a length and the element.
	 */
	struct buf told;
	unsigned n_told;
	size_t last;   /* where the last of them begins */
	bool anything; /* too many to tell, or no memory for the list */
	int64_t time_ns;
	struct buf own[2]; /* of redis_own() */
	unsigned n_own;
};

void redis_changed_clear(struct redis_changed *x); /* for another run */
void redis_changed_free(struct redis_changed *x);
void redis_note(struct redis_txn *t, struct slice key, const struct slice *element);
void redis_note_anything(struct redis_txn *t);
/* Hashes of the keys that were touched, all of out; STORE_ALL_KEYS: more than fit, or others. */
void redis_changed_keys(const struct redis_changed *x, bool any_change, uint64_t *out, unsigned n);
uint64_t redis_hash(struct slice key);
void redis_db_tell(const struct redis_db *db, const struct redis_changed *x);

/* The row `state`, within a write: loaded by the first of a commit that asks, saved once before
 * the COMMIT. It stands in the store's notes, so what is undone is undone here, too. */
struct redis_state {
	bool loaded;
	bool dirty;
	uint64_t offset;
	uint64_t bytes;
	uint64_t keys;
	int64_t last_id;
	int64_t mtime;
};

/* Of a write: to be changed, followed by `dirty`. Of a read: into *room. NULL with err set. */
struct redis_state *redis_state(struct redis_txn *t, struct redis_state *room, struct err *err);
/* before_commit of the store. */
int redis_state_save(struct store_txn *store, struct err *err);

/* ---- key.c ---- */

#define REDIS_KEY_COLUMNS "row,id,type,expires,version,mtime,n,bytes,a,b,c"
enum { REDIS_KEY_VALUE = 11 }; /* the column behind them */

/* From the row of a statement that asks for REDIS_KEY_COLUMNS. */
int redis_key_from(struct redis_txn *t, sqlite3_stmt *stmt, struct redis_key *out, struct err *err);
/* The same of one with the name behind them, which is copied: the statement is reset. 1, -errno. */
int redis_key_named(struct redis_txn *t, sqlite3_stmt *stmt, struct buf *name,
	struct redis_key *key, struct err *err);
/* The one that expires first, 1; 0: none does. */
int redis_first_to_expire(
	struct redis_txn *t, struct buf *name, struct redis_key *key, struct err *err);
static inline bool redis_key_expired(const struct redis_txn *t, const struct redis_key *key)
{
	return key->expires_ms != 0 && key->expires_ms <= t->now_ms;
}
/* What it counts against maxmemory. */
uint64_t redis_key_cost(const struct redis_key *key);
/* That of the type, which has elements. EIO: there is no such type. */
struct redis_type_ops;
int redis_key_ops(struct redis_txn *t, const struct redis_key *key,
	const struct redis_type_ops **out, struct err *err);
/* Counts what it costs now, and whether the list of keys changed; notes it. */
int redis_key_changed(struct redis_txn *t, struct slice name, struct redis_key *key, bool list,
	const struct slice *element, struct err *err);
/* Its elements, of which nothing is left. */
int redis_key_drop(struct redis_txn *t, const struct redis_key *key, struct err *err);
/* A row of that name, new, with the value of a string (else NULL). */
int redis_key_insert(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct slice *value, struct err *err);

/* One that is to be made: with an id, not stored. */
int redis_key_new(struct redis_txn *t, struct slice name, enum redis_type type,
	struct redis_key *out, struct err *err);
/* A lookup: counts. */
void redis_key_used(struct redis_txn *t, struct slice name, bool found);
int redis_wrong_type(struct err *err);

/* ---- access.c ---- */

struct redis_access *redis_access_new(void); /* NULL: out of memory */
void redis_access_free(struct redis_access *a);
int64_t redis_idle_ms(struct redis_txn *t, struct slice name, const struct redis_key *key);
uint64_t redis_random(struct redis_db *db);

#endif
