/* The store: one SQLite database in WAL mode with one writer and many readers.
 * What every embedded engine keeps its data in.
 *
 * Writing. A write that is alone is run and committed by its own caller, which
 * saves two wake-ups. Those that come meanwhile wait for the writer thread
 * (started with the first write): it runs each inside a savepoint of one
 * transaction, commits them under one fsync, and only then wakes their callers:
 * group commit. A write whose function fails is undone alone, the others of its
 * group go through. If the COMMIT itself fails, every write of the group failed
 * and is told so.
 *
 * Reading. store_read_begin() hands out a connection with an open read
 * transaction at least as new as every write acknowledged before the call.
 * Connections are pooled, last used first, and keep both their prepared
 * statements and, while nothing was committed in between, their transaction
 * (a point read is 1.0 to 1.5 times as fast; more where the VFS locks by system
 * calls). Idle transactions are ended before a checkpoint so that the WAL can
 * be reset.
 *
 * Durability (enum store_sync):
 *   CLOSE     acknowledged = committed and fsynced.
 *   FSYNC     acknowledged = committed (survives kill -9); store_sync() makes
 *             it survive power loss.
 *   INTERVAL  acknowledged = executed; the COMMIT follows within 5 ms or 256
 *             writes, the fsync within a second. A reader whose key has an
 *             uncommitted write (see `key`) waits for that commit, so what was
 *             acknowledged is seen.
 *
 * Time and versions. Each write gets from txn_version() a number that never
 * comes twice in this store's life, also not after a crash or a delete, and
 * from txn_time() a wall-clock time in nanoseconds that strictly increases.
 *
 * The page log (sync standby, replicas, point in time) attaches at
 * store_config.tap: it is called after each commit, with the WAL frames the
 * commit appended, before anyone is told that the commit happened. */
#ifndef DBMOUNT_STORE_H
#define DBMOUNT_STORE_H

#include <sqlite3.h>
#include <stdint.h>

#include "engines/common/buf.h"

struct store;
struct store_reader;
struct store_txn;

enum store_sync { STORE_SYNC_CLOSE, STORE_SYNC_FSYNC, STORE_SYNC_INTERVAL };

/* One commit, as the page log sees it. */
struct store_commit {
	uint64_t sequence;    /* 1, 2, 3, ... since the store was opened */
	int64_t time_ns;      /* wall clock of the commit */
	const char *wal_path; /* where the frames are */
	uint32_t first_frame; /* this commit's frames in the WAL, from 1 */
	uint32_t last_frame;
};

struct store_tap {
	/* 0, or -errno with err set: the commit stands in the database, but its
	 * writers are told of the failure. NULL: no tap. Called on whichever thread
	 * commits (a writer's, a reader's that needs the commit, the store's own,
	 * that of store_close()), never by two at once; must not call the store. The
	 * store commits a few times for itself (before the first write, when idle,
	 * at the end): those are told like any other. What store_open() writes (a
	 * new file, what a killed daemon left in the log) is not told: the base of a
	 * page log is the opened store. */
	int (*committed)(void *arg, const struct store_commit *commit, struct err *err);
	/* Whether it failed to take a commit and only the WAL tells of that: then nothing is
	 * moved from there into the database, by store_close() neither. NULL: never. Called
	 * where `committed` is. */
	bool (*needs_wal)(void *arg);
	void *arg;
};

struct store_config {
	const char *path;	 /* the database file; borrowed for the call */
	const char *label;	 /* names the store in messages ("table Users"); copied */
	uint32_t application_id; /* refused when the file bears another */
	uint32_t schema_version; /* refused when the file bears a higher one; a lower is taken */
	const char *schema;	 /* SQL that creates the tables in a new file */
	/* Statements by number, prepared once per connection on first use. The
	 * array outlives the store. */
	const char *const *sql;
	unsigned n_sql;
	/* Frees what an engine put into a connection's slot (store_reader_slot()),
	 * before that connection is closed. NULL: slots are not used. */
	void (*slot_free)(void *slot);
	bool read_only; /* no writer; the file is opened immutable */
	bool create;	/* a missing file is created, else ENOENT */
	enum store_sync sync;
	struct store_tap tap;
	/* Called before each COMMIT of writes, on the thread that commits, to save what
	 * store_txn_notes() stand for. A failure is the commit's. NULL: nothing. */
	int (*before_commit)(struct store_txn *t, struct err *err);
	/* NULL: no other process can open the file meanwhile ("unix-excl"; the sqlite3
	 * tool says "database is locked"). "unix": others can, at 4 to 8 system calls a
	 * transaction. Tests name a failing one. */
	const char *vfs;
};

/* Opens or creates (as PATH.XXXXXX.part, renamed when whole). Checks the file
 * before use: that it is SQLite, its application id and schema version (another
 * or a newer one: EINVAL), its size against its header, and `PRAGMA
 * quick_check` (left out above 256 MiB when it was closed cleanly). A damaged
 * file is refused with EIO and a sentence that says what was found and that
 * nothing was changed; ENOENT, ENOSPC, EACCES as they are. */
int store_open(const struct store_config *config, struct store **out, struct err *err);

/* Commits what waits, checkpoints, closes. NULL is fine. No reader or write may
 * be under way. */
void store_close(struct store *s);

/* Closes without writing anything more, for a store whose files fail or that is
 * given up: what the log holds stays there. As store_close() else. */
void store_abandon(struct store *s);

/* Whether the files have failed since the store was opened (an I/O error, damage;
 * no full disk): the first failure, in `why` (may be NULL). */
bool store_failure(struct store *s, struct err *why);

/* ---- reading ---- */

#define STORE_ALL_KEYS UINT64_C(0)

/* `key`: the hash under which writes of what you are about to read were
 * announced, or STORE_ALL_KEYS for reads that span many (lists, counts). Ends
 * with store_read_end(). */
int store_read_begin(struct store *s, uint64_t key, struct store_reader **out, struct err *err);
void store_read_end(struct store_reader *r);

/* The statement number `n` of config.sql, reset and without bindings; NULL
 * with err set when it does not prepare. It is the reader's; do not finalize. */
sqlite3_stmt *store_reader_stmt(struct store_reader *r, unsigned n, struct err *err);

/* For engines whose statements come from the data (a table's columns): the
 * connection to prepare them on, and one pointer that goes with it, NULL at
 * first, to keep them in. They are reset before store_read_end() and finalized
 * in slot_free. The connection answers queries only. */
sqlite3 *store_reader_db(struct store_reader *r);
void **store_reader_slot(struct store_reader *r);

/* ---- writing ---- */

/* Runs on the caller's thread or on the store's own, one at a time; 0, or -errno
 * with err set, which undoes what it did. May be run once only; must not call
 * the store except through `t`. */
typedef int store_fn(struct store_txn *t, void *arg, struct err *err);

/* Runs fn and returns when its effect is durable as store_sync says. `keys`:
 * hashes of what it touches (n_keys 0 means "anything": later readers wait).
 * Returns fn's result, or the commit's failure (EIO, ENOSPC). EROFS when read_only. */
int store_write(struct store *s, const uint64_t *keys, unsigned n_keys, store_fn *fn, void *arg,
	struct err *err);

/* The same without the savepoint that undoes what a failing fn did, a fifth of
 * a small write: for a fn that fails before it changes anything, but for errors
 * of disk and memory. Those end the transaction with all that is not committed
 * (SQLite does that by itself for most), and whoever is in it is told. */
int store_write_plain(struct store *s, const uint64_t *keys, unsigned n_keys, store_fn *fn,
	void *arg, struct err *err);

/* One of several writes; err and result are its outcome. */
struct store_each {
	const uint64_t *keys;
	store_fn *fn;
	void *arg;
	struct err *err;
	unsigned n_keys;
	int result;
};

/* store_write_plain() of each, in this order, for who has gathered several: they share
 * a commit without a thread for each that waits. What fails fails alone. */
#define STORE_EACH_MAX 64
void store_write_each(struct store *s, struct store_each *each, unsigned n);

sqlite3_stmt *store_txn_stmt(struct store_txn *t, unsigned n, struct err *err);
uint64_t store_txn_version(struct store_txn *t);
int64_t store_txn_time(struct store_txn *t);
/* STORE_NOTES_BYTES of memory in which writes of one transaction leave notes to
 * those that follow (what they read, what is to be saved only once): zero when a
 * transaction begins, and as they were before a write when that is undone. */
#define STORE_NOTES_BYTES 192
void *store_txn_notes(struct store_txn *t);
/* For work outside the statement list (DDL, pragmas); never with a name pasted in. */
sqlite3 *store_txn_db(struct store_txn *t);
/* As store_reader_slot(), of the writer's connection; reset when fn returns. */
void **store_txn_slot(struct store_txn *t);

/* ---- the whole ---- */

/* Makes every acknowledged write survive power loss. With INTERVAL, also where
 * the loss of acknowledged writes (their COMMIT failed) is told, once. */
int store_sync(struct store *s, struct err *err);

/* Bytes on disk: database, WAL. */
uint64_t store_bytes(const struct store *s);

/* Counts commits; moves with every commit, so a reader can tell "nothing
 * changed since". */
uint64_t store_sequence(const struct store *s);
/* The commits that what is read with `r` is known to include. */
uint64_t store_reader_sequence(const struct store_reader *r);
/* Whether every write of `key` acknowledged by now was so when `sequence` was
 * taken, from a reader begun for that key: what it read then still stands. */
bool store_is_current(struct store *s, uint64_t key, uint64_t sequence);

/* Writes a consistent, complete copy of the database as it is now to a new
 * file, without stopping writers; durable when it returns. `progress` (may be
 * NULL) is told pages done and in all. EEXIST when path exists; on failure
 * nothing is left at path. */
int store_copy(struct store *s, const char *path,
	void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct err *err);

/* Rewrites the database without its free pages (VACUUM), as one commit; others
 * wait. */
int store_compact(struct store *s, struct err *err);

/* ---- helpers over SQLite ---- */

/* SQLite's result code of the last call on `db`, as err (message copied now):
 * CORRUPT, NOTADB, IOERR: EIO; FULL: ENOSPC; CONSTRAINT: EEXIST; READONLY:
 * EROFS; NOMEM: ENOMEM; BUSY: EBUSY; TOOBIG: EFBIG; else EIO. Returns -errno. */
int store_sql_error(sqlite3 *db, const char *what, struct err *err);

/* The path as a URI for sqlite3_open_v2(), such that no byte of it means anything to SQLite. */
void store_uri(const char *path, bool immutable, struct buf *out);

/* Steps: 1 a row, 0 done, -errno with err set. */
int store_step(sqlite3_stmt *stmt, struct err *err);

void store_bind_slice(
	sqlite3_stmt *stmt, int index, struct slice s); /* BLOB, borrowed until reset */
struct slice store_column_slice(sqlite3_stmt *stmt, int index);

/* A 64-bit hash for `key` above; never STORE_ALL_KEYS. */
uint64_t store_key_hash(struct slice a, struct slice b);

#endif
