/* Where an instance's rows are. One interface over
 *   - an instance of our own (store/instance.h): all features
 *   - an attached SQLite file that other programs use too (rds.NAME=FILE)
 *   - a copy to look at: a snapshot, a point in time, a replica
 * so that rows and SQL are written once. */
#ifndef DBMOUNT_RDS_SOURCE_H
#define DBMOUNT_RDS_SOURCE_H

#include <sqlite3.h>
#include <stdint.h>

#include "engines/common/buf.h"
#include "engines/common/err.h"

struct rds_source;
struct rds_stamps;

/* A connection inside a transaction, with what is cached on it. */
struct rds_conn {
	sqlite3 *db;
	bool writable;
	struct rds_cache *cache; /* schema and prepared statements of this connection; conn.c */
	struct rds_source *source;
	struct rds_stamps *stamps; /* of the write that runs; NULL in a read */
	/* Rows of own_table that the owner is not told of: whoever writes tells of them. */
	struct slice own_table;
	struct slice own_key[2];
	unsigned n_own;
	const char *label; /* names the instance in messages */
	/* Of rows without a stamp of their own, and of the whole of an attached file
	 * that others change: */
	uint64_t base_version;
	int64_t base_mtime_ns;
	/* A view may be endless: for how long it is read within one read or write; 0 no limit. */
	unsigned view_limit_ms;
	bool limited;
	int64_t end_ms; /* of the monotonic clock */
	void *write;	/* the source's own, of a write */
};

/* Both may be run more than once, from the start: the function resets what it filled. */
typedef int rds_fn(struct rds_conn *c, void *arg, struct err *err);
int rds_source_read(struct rds_source *s, rds_fn *fn, void *arg, struct err *err);
/* One transaction, durable when it returns; a failing fn undoes what it did. EROFS
 * on a copy. Rows that fn changes get stamps, and the source's owner is told. */
int rds_source_write(struct rds_source *s, rds_fn *fn, void *arg, struct err *err);
/* In a write: its version and its time, the same until it ends, each greater than
 * that of every write before. */
uint64_t rds_conn_version(struct rds_conn *c);
int64_t rds_conn_time(struct rds_conn *c);
/* A statement of this connection, prepared once for its text; reset and without
 * bindings. NULL with err set. `sql` is built only from constants and rds_quote(). */
sqlite3_stmt *rds_conn_stmt(struct rds_conn *c, const char *sql, struct err *err);
/* From now on what this connection runs is stopped (ETIMEDOUT) when view_limit_ms have
 * passed, until the read or write ends. */
void rds_conn_limit_view(struct rds_conn *c);
/* After a ROLLBACK (TO) that may have undone changes of the schema: what is known
 * of it is read again. The sources do so when a write fails. */
void rds_conn_forget(struct rds_conn *c);
/* 0; EINVAL naming a row and the foreign key it breaks. Before a commit: deferred
 * constraints would fail it without saying which. Looks at nothing if none is open. */
int rds_conn_foreign_keys(struct rds_conn *c, struct err *err);

/* Called after the commit of a write with each changed row or table, from the
 * writer's thread; for an attached file also when others changed it (table NULL: anything). */
typedef void rds_source_changed(void *arg, const char *table, const struct slice *key);

void rds_source_close(struct rds_source *s); /* NULL is fine */
uint64_t rds_source_bytes(struct rds_source *s);
int rds_source_sync(struct rds_source *s, struct err *err);

/* source_file.c: an SQLite file in place. Put into WAL mode if it is not. EIO, ENOENT, EINVAL (no
 * database). */
struct rds_file_config {
	const char *path;
	const char *label;
	bool read_only;
	bool immutable;	 /* a copy nobody writes */
	const char *vfs; /* NULL: "unix", as other programs that use the file */
	rds_source_changed *changed;
	void *arg;
};
int rds_source_file(const struct rds_file_config *config, struct rds_source **out, struct err *err);

#endif
