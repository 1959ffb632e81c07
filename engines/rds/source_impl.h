/* What implements a source: an ops table, and what every connection of a source
 * has. Included by source*.c, conn.c and schema.c, and by who tests them.
 *
 * A source that runs a read
 *   - has a connection in an open read transaction, made ready once with
 *     rds_conn_init(), belonging to this thread until the read ends;
 *   - sets base_version and base_mtime_ns, calls rds_conn_begin(c, false), fn, rds_conn_end().
 * A source that runs a write
 *   - has a transaction (or savepoint) open, calls rds_conn_begin(c, true), which
 *     begins the stamps, then fn, then rds_conn_finish(), which gives the stamps
 *     and checks foreign keys; when all were 0 it commits, else it rolls back and
 *     calls rds_conn_forget();
 *   - after the commit tells `changed` by rds_conn_tell();
 *   - in any case calls rds_conn_end() at last. */
#ifndef DBMOUNT_RDS_SOURCE_IMPL_H
#define DBMOUNT_RDS_SOURCE_IMPL_H

#include <stdbool.h>

#include "engines/rds/source.h"

struct rds_source_ops {
	int (*read)(struct rds_source *s, rds_fn *fn, void *arg, struct err *err);
	int (*write)(
		struct rds_source *s, rds_fn *fn, void *arg, struct err *err); /* NULL: EROFS */
	/* In a write only. */
	uint64_t (*version)(struct rds_conn *c);
	int64_t (*time)(struct rds_conn *c);
	int (*sync)(struct rds_source *s, struct err *err); /* NULL: nothing to do */
	uint64_t (*bytes)(struct rds_source *s);
	void (*close)(struct rds_source *s);
};

/* First member of each implementation. */
struct rds_source {
	const struct rds_source_ops *ops;
};

/* ---- conn.c ---- */

/* Fills c for a connection that is open: cache, settings (foreign keys on, REPLACE
 * runs delete triggers and is noticed). `label` is borrowed for the connection's
 * life. The caller sets writable, source and the base. */
int rds_conn_init(struct rds_conn *c, sqlite3 *db, const char *label, struct err *err);
/* Frees what init made; before sqlite3_close(). A c of zeros is fine. */
void rds_conn_destroy(struct rds_conn *c);
int rds_conn_begin(struct rds_conn *c, bool write, struct err *err);
int rds_conn_finish(struct rds_conn *c, struct err *err);
void rds_conn_tell(struct rds_conn *c, rds_source_changed *changed, void *arg);
/* Resets all statements, frees the stamps. */
void rds_conn_end(struct rds_conn *c);

/* ---- guard.c ---- */

/* What holds whenever no user's own SQL is run: triggers and views, whosoever made
 * them, do not reach our tables. */
void rds_guard_schema(sqlite3 *db);

/* ---- what conn.c keeps for schema.c ---- */

struct rds_schema;

struct rds_schema **rds_cache_schema(struct rds_cache *cache);
/* Whether the schema was looked at in this transaction, in which it cannot change
 * but by ourselves. */
bool *rds_cache_checked(struct rds_cache *cache);
void rds_schema_free(struct rds_schema *s); /* NULL is fine */

#endif
