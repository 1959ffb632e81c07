/* Where a Redis-like cluster's keys are: the instance of its primary (store/instance.h), one of
 * its replicas, or a copy (a snapshot). One interface, so that everything over keys is written
 * once. The tables stand in schema.c.
 *
 * A transaction is what Redis calls a command or a MULTI/EXEC block: nothing else runs between.
 * Time stands still in it. */
#ifndef DBMOUNT_REDIS_DB_H
#define DBMOUNT_REDIS_DB_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "engines/common/buf.h"
#include "engines/store/instance.h"

struct redis_db;
struct redis_txn;

/* What may be changed while it is open. */
struct redis_limits {
	_Atomic uint64_t maxmemory; /* bytes, 0: none */
	_Atomic int policy;	    /* enum redis_policy (evict.h) */
};

/* Since it was opened. */
struct redis_counts {
	_Atomic uint64_t hits, misses; /* of lookups that count (redis_txn.counting) */
	_Atomic uint64_t expired, evicted;
};
struct redis_counts *redis_db_counts(struct redis_db *db);

/* After the commit of a write, from its caller's thread: a key that was changed, with an element of
 * it alone or (element NULL) as a whole, its list of elements included; key NULL: anything. */
struct redis_txn;
typedef void redis_told(void *arg, const struct slice *key, const struct slice *element);
/* Within a write: nothing is told of this key, its caller knows (and tells) itself what it changes.
 * Of at most two keys. What else the write touches (keys that were evicted) is told. (changed.c) */
void redis_own(struct redis_txn *t, struct slice key);

struct redis_db_config {
	const char *label;	     /* names it in messages; copied */
	struct redis_limits *limits; /* outlives the db; NULL: none */
	redis_told *told;	     /* may be NULL */
	void *arg;
};

/* `store` outlives the db. */
int redis_db_instance(struct instance *store, const struct redis_db_config *config,
	struct redis_db **out, struct err *err);
int redis_db_replica(struct instance *store, const char *replica,
	const struct redis_db_config *config, struct redis_db **out, struct err *err);
/* A closed database file that nobody writes. */
int redis_db_file(const char *path, const struct redis_db_config *config, struct redis_db **out,
	struct err *err);
void redis_db_close(struct redis_db *db); /* NULL is fine */
bool redis_db_writable(const struct redis_db *db);
/* Fills schema, slots and before_commit of an instance_config. */
void redis_instance_config(struct instance_config *config);

struct redis_changed;	 /* changed.c */
struct redis_statements; /* statements.c */

/* A connection inside a transaction. */
struct redis_txn {
	struct redis_db *db;
	sqlite3 *sql;
	int64_t now_ms;
	bool counting; /* lookups are hits or misses: of what only reads; true in redis_read() */
	struct redis_changed *changed; /* of a write: what it touched; else NULL */
	struct redis_statements *statements;
	struct store_txn *store; /* of a write; else NULL */
	const char *label;
};

/* Both may be run more than once, from the start: the function resets what it filled. */
typedef int redis_fn(struct redis_txn *t, void *arg, struct err *err);
int redis_read(struct redis_db *db, redis_fn *fn, void *arg, struct err *err);
/* For a fn that reads nothing but this key: it need not wait for commits of other keys that are
 * due (STORE_SYNC_INTERVAL). */
int redis_read_key(struct redis_db *db, struct slice key, redis_fn *fn, void *arg, struct err *err);
/* Durable as the cluster's persistence says when it returns; a failing fn undoes what it did.
 * EROFS on a replica or copy: "READONLY You can't write against a read only replica." */
int redis_write(struct redis_db *db, redis_fn *fn, void *arg, struct err *err);

/* The statement of this text, prepared once a connection, reset and without bindings. `sql` is a
 * literal: it is known by its address. Do not ask for the one you are stepping through. NULL with
 * err set. */
sqlite3_stmt *redis_stmt(struct redis_txn *t, const char *sql, struct err *err);
/* Runs one that returns no rows, with these bindings in order: "i" int64, "d" double, "b" slice,
 * "n" NULL. */
int redis_run(struct redis_txn *t, struct err *err, const char *sql, const char *types, ...);

/* Of a write. A version never comes again. */
uint64_t redis_version(struct redis_txn *t);
int64_t redis_time_ns(struct redis_txn *t);

/* What has been written so far, counted in writes (commands, files): what a replica has of it is
 * how far it is behind. */
int redis_offset(struct redis_txn *t, uint64_t *out, struct err *err);
/* Of the last write through this db that was acknowledged, as far as memory knows: also when its
 * files have failed. 0: none was since it was opened. */
uint64_t redis_db_offset(const struct redis_db *db);

/* A failure that is no answer to a command: the disk, memory. The transaction ends with it.
 * (EINVAL, ENOENT, EEXIST, EBUSY, EROFS, EFBIG, ERANGE, EPERM, ENOTSUP are answers.) */
bool redis_is_fatal(int rc);

#endif
