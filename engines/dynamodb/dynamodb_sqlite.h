/* DynamoDB on SQLite: how it is laid out on disk and in memory.
 *
 * SITE/dynamodb/
 *   catalog.db   what tables and backups there are (catalog.c)
 *   t<id>.db     a table's partitions and items (table.c)
 *   b<id>.db     a backup: the same file as it was then
 *   tmp/         what an import spools; emptied when the engine opens
 *
 * Names never reach file names. A step that touches more than one file makes
 * the files first and the catalog row last, or drops the row first and the
 * files last: whenever the daemon dies, the row says whether it happened, and
 * files without a row are removed at the next open.
 *
 * Locks, in the order they are taken:
 *   ddb_db.ddl          one at a time: steps that change the catalog's list of
 *                       tables and backups; held over store_write to the catalog
 *   ddb_table.opening   opening this table's store and marking it in the
 *                       catalog; held over store_write to the catalog or to
 *                       this table's store
 *   ddb_db.lock         the list of tables in memory, their counts and names;
 *                       never held over a call of the store
 * Nothing else is locked: what must not happen together is decided inside a
 * write to the table (ddb_txn_fn), of which there is one at a time. */
#ifndef DBMOUNT_DYNAMODB_SQLITE_H
#define DBMOUNT_DYNAMODB_SQLITE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "engines/common/cleanup.h"
#include "engines/dynamodb/dynamodb.h"

/* ---- the catalog's rows (catalog.c) ---- */

struct ddb_table_def {
	uint64_t id;
	char name[DDB_NAME_MAX + 1];
	struct ddb_key_schema schema;
	bool deletion_protection;
	int64_t created_ns;
	int64_t mtime_ns; /* right unless dirty: then the table's own store knows */
	bool dirty;
};

struct ddb_backup_def {
	uint64_t id;
	char table[DDB_NAME_MAX + 1];
	char name[DDB_NAME_MAX + 1];
	struct ddb_key_schema schema;
	bool deletion_protection; /* of the table, then */
	int64_t table_created_ns;
	int64_t created_ns; /* of the backup */
	uint64_t items;
	uint64_t bytes;	  /* as the service counts them */
	uint64_t on_disk; /* of the file */
};

/* A directory's list of children: when it last changed, about how long it is. */
struct ddb_children {
	int64_t mtime_ns;
	uint64_t n;
};

/* ---- in memory ---- */

struct ddb_db;

/* An item as it is stored. */
struct ddb_stored {
	uint64_t version; /* 0: there is none */
	int64_t mtime_ns;
	uint64_t psize;
	uint64_t tsize;
	uint64_t bytes;
	int64_t doc_id;
};

/* What the last stats of items said; see memo.c. */
#define DDB_SEEN_MAX 16

struct ddb_seen_item {
	struct buf keys; /* pk, then sk; empty: none */
	size_t pk_len;
	uint64_t sequence; /* the store's, then */
	struct ddb_stored stored;
};

struct ddb_seen {
	pthread_mutex_t lock; /* taken alone */
	struct ddb_seen_item items[DDB_SEEN_MAX];
};

/* What is read in order; see ahead.c. */
struct ddb_ahead {
	pthread_mutex_t lock; /* taken alone */
	struct buf last_pk;   /* of the item last read that was not kept */
	struct buf last_sk;
	unsigned run;		/* so many in order */
	unsigned n;		/* read ahead then */
	_Atomic uint64_t first; /* the first of them, by its hash */
	atomic_bool used;	/* it was asked for */
};

/* A table in use. Found by name, counted, kept for a while when idle. */
struct ddb_table {
	TAILQ_ENTRY(ddb_table) link; /* under db->lock, the last used first */
	struct ddb_db *db;
	uint64_t id;
	struct ddb_key_schema schema; /* a new one is a new id */
	int64_t created_ns;
	char name[DDB_NAME_MAX + 1]; /* under db->lock */
	unsigned refs;		     /* under db->lock */
	bool dead;    /* under db->lock: no row any more, the last user removes the file */
	bool closing; /* under db->lock: idle and being closed, wait for db->closed */
	pthread_mutex_t opening;
	_Atomic(struct store *) store; /* set once, under opening */
	atomic_bool dirty;	       /* the catalog says so; set under opening */
	atomic_bool gone; /* being removed or redefined; set in a write to it, under db->ddl */
	struct ddb_seen seen;
	struct ddb_ahead ahead;
	uint64_t born; /* never given twice by the ddb_db */
};

TAILQ_HEAD(ddb_table_list, ddb_table);

/* The texts checked last; see memo.c. */
#define DDB_MEMO_MAX 8

/* What a text is where it is to go. */
struct ddb_memo_draft {
	struct ddb_item *item; /* with the keys of the name; NULL: none */
	/* A text that bears another item's keys is good for a new item only: this
	 * keeps what to say. */
	struct err other_key;
};

struct ddb_memo_text {
	uint64_t table_id;
	struct buf keys; /* pk, then sk */
	size_t pk_len;
	unsigned form;
	struct buf text;
	struct ddb_memo_draft draft;
};

struct ddb_memo {
	pthread_mutex_t lock; /* taken alone */
	struct ddb_memo_text texts[DDB_MEMO_MAX];
};

/* The texts of the items read last; see kept.c. */
struct ddb_kept_text;

struct ddb_kept {
	pthread_mutex_t lock; /* taken alone */
	struct ddb_kept_text **buckets;
	struct ddb_kept_text *newest, *oldest; /* by when they were used */
	size_t bytes;
};

/* An open engine, or a view: then `only` is its one table and there is no catalog. */
struct ddb_db {
	char *dir;
	int dir_fd;
	enum store_sync sync;
	bool read_only;
	bool typed; /* setting dynamodb_json */
	struct engine_host host;
	int64_t token; /* this mount: marks the partitions that may stay empty in it */
	struct store *catalog;
	struct ddb_table *only;
	bool only_protected; /* what the catalog says of others */
	pthread_mutex_t ddl;
	uint64_t next_id; /* under ddl: of the next table's or backup's file */
	pthread_mutex_t lock;
	pthread_cond_t closed;
	struct ddb_table_list tables; /* under lock */
	unsigned n_tables;	      /* under lock */
	uint64_t epoch;		      /* under lock: moves when catalog rows of tables change */
	struct ddb_memo memo;
	struct ddb_kept kept;
	_Atomic uint64_t n_born; /* tables brought into memory */
};

/* ---- catalog.c ---- */

/* EIO a damaged one. It is created when there is none, but for a read-only mount,
 * which then shows no tables. */
int ddb_catalog_open(struct ddb_db *db, struct err *err);
int ddb_catalog_children(struct ddb_db *db, struct ddb_children *out, struct err *err);
int ddb_catalog_table(struct ddb_db *db, struct slice name, struct ddb_table_def *out,
	struct err *err); /* ENOENT */
/* Calls for each table with a name behind `after`, in byte order, outside of any
 * transaction. Negative fails, positive stops. */
typedef int ddb_table_fn(void *arg, const struct ddb_table_def *def, struct err *err);
int ddb_catalog_each(
	struct ddb_db *db, struct slice after, ddb_table_fn *fn, void *arg, struct err *err);
/* Drops the row `drop` (0: none) and adds `def` (NULL: none), as one. EEXIST. */
int ddb_catalog_replace(
	struct ddb_db *db, uint64_t drop, const struct ddb_table_def *def, struct err *err);
/* Gives the table its new name, its backups too. `over`: the table of that name,
 * 0 for none; it is dropped, or takes the old name when `exchange`. */
struct ddb_catalog_move {
	const struct ddb_table_def *from;
	struct slice to;
	uint64_t over;
	bool exchange;
};
int ddb_catalog_rename(struct ddb_db *db, const struct ddb_catalog_move *move, struct err *err);
int ddb_catalog_protect(struct ddb_db *db, uint64_t id, bool on, struct err *err);
/* What the table's row says of its mtime: `dirty` means ask the table. */
int ddb_catalog_mark(struct ddb_db *db, uint64_t id, bool dirty, int64_t mtime_ns, struct err *err);
/* Whether a row stands for this file, 't' or 'b'. */
int ddb_catalog_has(struct ddb_db *db, char kind, uint64_t id, bool *out, struct err *err);

int ddb_catalog_backup(struct ddb_db *db, struct slice table, struct slice name,
	struct ddb_backup_def *out, struct err *err); /* ENOENT */
int ddb_catalog_add_backup(struct ddb_db *db, const struct ddb_backup_def *def, struct err *err);
int ddb_catalog_drop_backup(struct ddb_db *db, uint64_t id, struct err *err);
/* Calls for each backup of `table` (no bytes: of all) whose view name ("NAME", or
 * "TABLE:NAME" for all) lies behind `after`, in byte order. Non-zero stops. */
typedef int ddb_backup_fn(void *arg, const struct ddb_backup_def *def, struct slice view_name);
int ddb_catalog_backups(struct ddb_db *db, struct slice table, struct slice after,
	ddb_backup_fn *fn, void *arg, struct err *err);

/* ---- table.c: tables in use ---- */

/* In nobody's list, with a name and no store. NULL: no memory. */
struct ddb_table *ddb_table_new(struct ddb_db *db, const struct ddb_table_def *def);
/* Its store is closed already. */
void ddb_table_free(struct ddb_table *t);
/* ENOENT. Ends with ddb_table_put(). */
int ddb_table_get(struct ddb_db *db, struct slice name, struct ddb_table **out, struct err *err);
void ddb_table_put(struct ddb_table *t); /* NULL is fine */
void ddb_tables_close(struct ddb_db *db);
/* After the catalog changed: the table has another name, or no row any more. */
void ddb_table_renamed(struct ddb_db *db, uint64_t id, struct slice name);
void ddb_table_dropped(struct ddb_db *db, uint64_t id);
void ddb_table_name(struct ddb_table *t, char out[DDB_NAME_MAX + 1]);
/* The tables whose stores are open, each counted; *out is freed by the caller. */
int ddb_tables_open(struct ddb_db *db, struct ddb_table ***out, unsigned *n, struct err *err);
/* Whether the store of this table is open; then *out is counted. */
bool ddb_table_if_open(struct ddb_db *db, uint64_t id, struct ddb_table **out);

static inline void ddb_table_cleanup(struct ddb_table **t)
{
	ddb_table_put(*t);
}
#define TABLE CLEANUP(ddb_table_cleanup) struct ddb_table *

/* ---- table_store.c: a table's file ---- */

enum ddb_table_sql {
	PART_FIND,
	PART_ADD,
	PART_SAVE,
	PART_DROP,
	PART_REKEY,
	PART_TOUCH,
	PART_LIST,
	PART_NAMES,
	PART_HASHED,
	PART_LEFT,
	PART_PURGE,
	STATE_GET,
	STATE_SET,
	TOTALS,
	ITEM_FIND,
	ITEM_STAT,
	ITEM_READ,
	ITEM_AHEAD,
	ITEM_LIST,
	ITEM_NAMES,
	ITEM_NEXT,
	ITEM_HASHED,
	ITEM_ADD,
	ITEM_SET,
	ITEM_DROP,
	DOC_GET,
	DOC_LAST,
	DOC_ADD,
	DOC_SET,
	DOC_DROP,
	SUMS_TABLE,
	SUMS_PART,
	EXPORT_TABLE,
	EXPORT_PART,
	PART_WALK,
	N_TABLE_SQL
};

/* The name of a table's ('t') or backup's ('b') file. */
#define DDB_FILE_MAX 32
void ddb_file_name(char kind, uint64_t id, char out[DDB_FILE_MAX]);
/* Removes the file and what SQLite keeps beside it. */
void ddb_file_remove(struct ddb_db *db, char kind, uint64_t id);
/* Makes names given and taken in the directory survive power loss. */
int ddb_dir_sync(struct ddb_db *db, struct err *err);
/* Its size. */
uint64_t ddb_file_size(struct ddb_db *db, char kind, uint64_t id);

int ddb_store_open(struct ddb_db *db, char kind, uint64_t id, const char *label, bool read_only,
	struct store **out, struct err *err);
/* The path of a table's or backup's file. */
int ddb_file_path(struct ddb_db *db, char kind, uint64_t id, struct buf *out, struct err *err);
/* The table's list of children counts as changed now. Durable. */
int ddb_store_touch(struct store *s, int64_t *mtime_ns, struct err *err);
/* A new table file, durable, with its mtime set. On failure there is none. */
int ddb_store_create(struct ddb_db *db, uint64_t id, int64_t *mtime_ns, struct err *err);

struct ddb_totals {
	uint64_t parts;
	uint64_t items;
	uint64_t bytes;
};
int ddb_store_totals(struct store *s, struct ddb_totals *out, struct err *err);
int ddb_store_children(struct store *s, const struct ddb_key_schema *schema,
	struct ddb_children *out, struct err *err);

/* The table's store, opened when need be. EIO a damaged one. */
int ddb_table_store(struct ddb_table *t, struct store **out, struct err *err);

/* ---- writing to a table ---- */

/* A write under way; one at a time in a table. */
struct ddb_txn {
	struct store_txn *t;
	struct ddb_table *table;
	uint64_t version; /* of everything it changes; 0 until asked for */
	int64_t now_ns;	  /* the same for its mtime */
};
typedef int ddb_txn_fn(struct ddb_txn *x, void *arg, struct err *err);

/* Runs fn as store_write does. ENOENT when the table was removed meanwhile. */
int ddb_table_write(struct ddb_table *t, const uint64_t *keys, unsigned n_keys, ddb_txn_fn *fn,
	void *arg, struct err *err);

/* The same as store_write_plain() does, for a fn that has to do with partitions by
 * ddb_part_recall(), _add() and _note() only, the last after all that may fail. */
int ddb_item_write(struct ddb_table *t, const uint64_t *keys, unsigned n_keys, ddb_txn_fn *fn,
	void *arg, struct err *err);

/* The same for several, as store_write_each() does. `each` without fn, its arg is for
 * this one. */
void ddb_item_write_each(struct ddb_table *t, ddb_txn_fn *fn, struct store_each *each, unsigned n);

uint64_t ddb_txn_version(struct ddb_txn *x);
int64_t ddb_txn_now(struct ddb_txn *x);

/* ---- part.c: partitions and items inside a write ---- */

/* A partition as the write sees it. Loaded, changed, saved. */
struct ddb_part {
	int64_t id; /* 0: there is none */
	uint64_t n;
	uint64_t bytes;
	int64_t mtime_ns;
	bool changed;
};

int ddb_part_load(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err);
/* The partition of the next id: 1, 0 at the end. */
int ddb_part_next(struct ddb_txn *x, int64_t after, struct ddb_part *out, struct err *err);
int ddb_part_add(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err);
int ddb_part_save(struct ddb_txn *x, struct ddb_part *part, struct err *err);
int ddb_part_drop(struct ddb_txn *x, const struct ddb_part *part, struct err *err);
/* What ddb_part_save() does with a changed one. */
int ddb_part_store(
	struct store_txn *t, const struct ddb_part *part, int64_t token, struct err *err);
/* A pk longer than any key parks the partition while another takes its place. */
int ddb_part_rekey(struct ddb_txn *x, struct ddb_part *part, struct slice pk, struct err *err);

int ddb_stored_load(struct ddb_txn *x, const struct ddb_part *part, struct slice sk,
	struct ddb_stored *out, struct err *err);
/* The item behind `sk`, which becomes its key: 1, 0 at the end. */
int ddb_stored_next(struct ddb_txn *x, const struct ddb_part *part, struct buf *sk,
	struct ddb_stored *out, struct err *err);
/* Makes the row stand where `old` does (or nothing); `old` becomes what stands now.
 * The same text changes nothing. */
int ddb_stored_put(struct ddb_txn *x, struct ddb_part *part, const struct ddb_row *row,
	struct ddb_stored *old, struct err *err);
int ddb_stored_drop(struct ddb_txn *x, struct ddb_part *part, struct slice sk,
	const struct ddb_stored *old, struct err *err);
int ddb_stored_doc(
	struct ddb_txn *x, const struct ddb_stored *old, struct buf *out, struct err *err);
/* 0; EEXIST or EBUSY when what is stored is not what `expect` says. */
int ddb_stored_expect(
	const struct ddb_stored *old, const struct ddb_table *t, uint64_t expect, struct err *err);
/* What the columns that STAT_COLUMNS names say. */
struct ddb_stored ddb_stored_row(sqlite3_stmt *stmt);

void ddb_stored_info(const struct ddb_stored *stored, const struct ddb_table *t, unsigned form,
	struct engine_info *out);
/* The version the tree shows: never comes again even when a table of the same
 * name is made anew. */
uint64_t ddb_version(const struct ddb_table *t, uint64_t stored);

/* ---- notes.c: what a transaction's writes leave to those that follow ---- */

/* A longer key is not noted: its partition is saved with each write. */
#define DDB_NOTED_PK_MAX 64

struct ddb_notes {
	struct ddb_part part; /* id 0: none; changed: not saved yet */
	int64_t token;	      /* the mount's */
	int64_t last_doc;     /* the highest id of a document; 0: not known */
	unsigned char pk_len;
	char pk[DDB_NOTED_PK_MAX];
};

/* As load and save, by way of the notes. */
int ddb_part_recall(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err);
int ddb_part_note(struct ddb_txn *x, struct slice pk, struct ddb_part *part, struct err *err);
/* The id of a document to be added. */
int ddb_doc_next(struct ddb_txn *x, int64_t *id, struct err *err);
/* Saves what they stand for; then there are none. */
int ddb_notes_settle(struct store_txn *t, struct err *err);

/* ---- memo.c: the texts checked last ---- */

struct ddb_place;

void ddb_memo_init(struct ddb_memo *m);
void ddb_memo_end(struct ddb_memo *m);
/* Keeps or frees the draft's item. */
void ddb_memo_put(struct ddb_memo *m, const struct ddb_place *p, unsigned form, struct slice text,
	const struct ddb_memo_draft *draft);
/* What was kept for this text there; the item is the caller's then. */
bool ddb_memo_take(struct ddb_memo *m, const struct ddb_place *p, unsigned form, struct slice text,
	struct ddb_memo_draft *out);

/* ---- memo.c: what was seen of items ---- */

void ddb_seen_init(struct ddb_seen *seen);
void ddb_seen_end(struct ddb_seen *seen);
/* Whether the item was seen and nothing was written to it since. `key`: the place's. */
bool ddb_seen_get(struct ddb_seen *seen, struct store *s, const struct ddb_place *p, uint64_t key,
	struct ddb_stored *out);
/* `sequence`: of the reader that told. */
void ddb_seen_put(struct ddb_seen *seen, const struct ddb_place *p, uint64_t key, uint64_t sequence,
	const struct ddb_stored *stored);

/* ---- place.c: a path, resolved ---- */

struct ddb_place {
	enum ddb_kind kind;
	struct ddb_table *table; /* counted; NULL for the service */
	struct slice hash_text;
	struct slice range_text;
	struct buf pk;
	struct buf sk;
};

/* ENOENT, ENOTDIR. A key that cannot be: `made` says whether the path is one
 * that would be created (EINVAL, the service's text) or looked up (ENOENT). */
int ddb_place_find(struct ddb_db *db, const struct epath *path, bool made, struct ddb_place *out,
	struct err *err);
void ddb_place_free(struct ddb_place *place);
#define PLACE CLEANUP(ddb_place_free) struct ddb_place

/* ---- kept.c: the texts of the items read last ---- */

struct ddb_kept_key {
	uint64_t hash; /* the place's own, under which its writes are announced */
	uint64_t born; /* the table's */
	unsigned form;
	const struct ddb_place *place;
};

void ddb_kept_init(struct ddb_kept *k);
void ddb_kept_end(struct ddb_kept *k);
/* Whether the item's text was kept and nothing was written to it since; it is
 * appended, which can fail as buf_check() says. */
bool ddb_kept_get(struct ddb_kept *k, struct store *s, const struct ddb_kept_key *key,
	struct buf *out, struct ddb_stored *stored);
/* `sequence`: of the reader that read it. */
void ddb_kept_put(struct ddb_kept *k, const struct ddb_kept_key *key, uint64_t sequence,
	const struct ddb_stored *stored, struct slice text);

/* ---- ahead.c: reading ahead ---- */

void ddb_ahead_init(struct ddb_ahead *a);
void ddb_ahead_end(struct ddb_ahead *a);
/* This item is read and was not kept: so many behind it are worth reading along. */
unsigned ddb_ahead_count(struct ddb_ahead *a, const struct ddb_place *p);
/* This one was kept, by its hash. */
void ddb_ahead_given(struct ddb_ahead *a, uint64_t hash);
/* Keeps what follows, as that reader sees it. */
void ddb_ahead_read(const struct ddb_kept_key *from, struct store_reader *r, unsigned n);

/* The hashes under which reads and writes of this place are announced. */
void ddb_place_keys(const struct ddb_place *place, uint64_t out[2]);
/* Tells the daemon that content below changed without its doing. */
void ddb_changed(struct ddb_db *db, const struct epath *path);

/* ---- the operations, by file ---- */

/* read.c */
int ddb_table_info(struct ddb_db *db, const struct ddb_table_def *def, struct engine_info *out,
	struct err *err);
int dynamodb_sqlite_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err);
int dynamodb_sqlite_stat(void *ctx, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err);
int dynamodb_sqlite_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err);
int dynamodb_sqlite_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err);
int dynamodb_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err);

/* What is stored there; version 0: nothing. */
int ddb_stat_item(const struct ddb_place *p, struct ddb_stored *out, struct err *err);
/* The plain text of an item and what is stored of it. ENOENT. */
int ddb_read_item(const struct epath *path, const struct ddb_place *p, struct buf *doc,
	struct ddb_stored *out, struct err *err);

/* write.c */
/* `other_key`: NULL, or with its code set when the text bore another key than
 * the name, which is EINVAL (and what it says) for an item that exists. */
int ddb_put_row(const struct ddb_place *place, const struct ddb_row *row, uint64_t expect,
	const struct err *other_key, struct ddb_stored *out, struct err *err);
int ddb_drop_row(
	const struct epath *path, const struct ddb_place *place, uint64_t expect, struct err *err);
int dynamodb_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
void dynamodb_sqlite_write_many(void *ctx, struct engine_put *const *puts, unsigned n);
int dynamodb_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err);
int dynamodb_sqlite_check_key(void *ctx, const struct epath *path, struct err *err);
int dynamodb_sqlite_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
int dynamodb_sqlite_mkdir(void *ctx, const struct epath *path, struct err *err);
int dynamodb_sqlite_rmdir(void *ctx, const struct epath *path, struct err *err);

/* rename.c, rename_part.c */
int dynamodb_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err);
/* Two partitions of one table, whose keys differ. */
int ddb_rename_part(
	const struct ddb_place *from, const struct ddb_place *to, unsigned flags, struct err *err);
/* The stored plain text made the item of other keys. */
int ddb_rekey(const struct ddb_key_schema *schema, struct slice doc, struct slice hash_text,
	struct slice range_text, struct ddb_row *row, struct err *err);

/* ddl.c */
int ddb_check_writable(const struct ddb_db *db, struct err *err); /* EROFS */
/* EEXIST when there is a table of that name. */
int ddb_check_absent(struct ddb_db *db, struct slice name, struct err *err);
int ddb_create_table(struct ddb_db *db, struct slice name, const struct ddb_key_schema *schema,
	bool deletion_protection, struct err *err);
/* `only_empty`: ENOTEMPTY when anything is in it. EBUSY when it is protected. */
int ddb_delete_table(struct ddb_db *db, struct slice name, bool only_empty, struct err *err);
int ddb_redefine_table(
	struct ddb_db *db, struct slice name, const struct ddb_table_wish *wish, struct err *err);
int ddb_rename_table(
	struct ddb_db *db, struct slice from, struct slice to, unsigned flags, struct err *err);
int ddb_protect_table(struct ddb_db *db, struct slice name, bool on, struct err *err);

/* backup.c */
typedef void ddb_progress_fn(void *arg, uint64_t done, uint64_t total);
struct ddb_progress {
	ddb_progress_fn *fn; /* may be NULL */
	void *arg;
};
int ddb_backup_create(struct ddb_db *db, struct slice table, struct slice name,
	const struct ddb_progress *progress, struct err *err);
int ddb_backup_delete(struct ddb_db *db, struct slice table, struct slice name, struct err *err);
int ddb_backup_restore(struct ddb_db *db, const struct ddb_backup_def *backup, struct slice name,
	const struct ddb_progress *progress, struct err *err);
/* "TABLE:NAME" */
int ddb_backup_split(struct slice full, struct slice *table, struct slice *name, struct err *err);

/* view.c */
int dynamodb_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int dynamodb_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int dynamodb_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int dynamodb_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);

/* status.c */
int dynamodb_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err);
int dynamodb_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err);
int dynamodb_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err);

/* commands.c */
extern const struct engine_command dynamodb_sqlite_commands[];

/* export.c */
int dynamodb_sqlite_export_open(void *ctx, const struct epath *path, const char *format,
	void **stream, uint64_t *size, struct err *err);
int dynamodb_sqlite_export_read(void *stream, struct buf *out, struct err *err);
void dynamodb_sqlite_export_close(void *stream);

/* import.c */
int dynamodb_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err);
int dynamodb_sqlite_import_feed(void *sink, struct slice text, struct err *err);
int dynamodb_sqlite_import_finish(void *sink, struct buf *report, struct err *err);
void dynamodb_sqlite_import_abort(void *sink);

/* dynamodb_sqlite.c */
struct ddb_db *ddb_db_new(const char *dir, struct err *err);
void dynamodb_sqlite_close(void *ctx);

/* ---- SQL in few words ---- */

/* Ends a statement's cursor at the end of the scope. */
static inline void sql_cleanup(sqlite3_stmt **stmt)
{
	if (*stmt != NULL) {
		sqlite3_reset(*stmt);
	}
}
#define STMT CLEANUP(sql_cleanup) sqlite3_stmt *

/* Runs a statement that gives no rows. */
static inline int sql_run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static inline void sql_bind_text(sqlite3_stmt *stmt, int index, struct slice text)
{
	sqlite3_bind_text(stmt, index, text.p != NULL ? text.p : "", (int)text.n, SQLITE_STATIC);
}

static inline void sql_bind_uint(sqlite3_stmt *stmt, int index, uint64_t value)
{
	sqlite3_bind_int64(stmt, index, (int64_t)value);
}

static inline uint64_t sql_column_uint(sqlite3_stmt *stmt, int index)
{
	return (uint64_t)sqlite3_column_int64(stmt, index);
}

static inline void read_cleanup(struct store_reader **r)
{
	if (*r != NULL) {
		store_read_end(*r);
	}
}
#define READER CLEANUP(read_cleanup) struct store_reader *

#endif
