/* What the files of the RDS engine share. Nobody else includes this.
 *
 *   depth 0  the service       /rds
 *   depth 1  an instance       /rds/shop
 *   depth 2  a table or view   /rds/shop/Track
 *   depth 3  a row             /rds/shop/Track/7.json   (also a directory of columns: 7/)
 *   depth 4  a column          /rds/shop/Track/7/Name
 *
 * Layers, each using only those below:
 *
 *   rds.c                       the ops table: a path becomes an instance and calls below
 *   lifecycle: catalog.c instance states, commands*.c views.c status.c
 *   sql:       script.c query.c dump.c load.c export*.c import*.c dialect.c guard.c
 *   rows:      schema.c key.c row_json.c row_read.c row_write.c column.c stamp.c
 *   source.h                    where rows are: an instance, an attached file, a copy
 */
#ifndef DBMOUNT_RDS_H
#define DBMOUNT_RDS_H

#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/engine.h"
#include "engines/rds/source.h"

extern const struct engine_ops rds_sqlite_ops;

/* Tables of ours in a user's database begin so; SQL of users neither sees nor
 * touches them. */
#define RDS_HIDDEN_PREFIX "_dbmount_"

/* ---- schema.c: what tables there are, cached for a connection ---- */

struct rds_column {
	char *name;
	char *type; /* as declared; "" none */
	bool not_null;
	bool has_default;
	bool generated; /* not written */
	unsigned pk;	/* place in the primary key, from 1; 0: no part of it */
};

struct rds_table {
	char *name; /* as declared; SQLite's names compare without case, ours are shown so */
	bool view;
	bool without_rowid;
	bool rowid_key;	  /* no primary key: the rowid stands for it */
	bool rowid_alias; /* the one key column is INTEGER PRIMARY KEY */
	struct rds_column *columns;
	unsigned n_columns;
	unsigned *key; /* columns of the key, in order; n_key 0 with rowid_key */
	unsigned n_key;
};

/* Valid until the connection's schema changes: use it within one read or write. ENOENT. */
int rds_table_find(
	struct rds_conn *c, struct slice name, const struct rds_table **out, struct err *err);
/* Tables and views that users see, after `after`, in byte order of names. */
typedef int rds_table_fn(void *arg, const struct rds_table *t, struct err *err);
int rds_table_each(struct rds_conn *c, const struct slice *after, rds_table_fn *fn, void *arg,
	struct err *err);
/* Appends the identifier quoted for SQL ("..", quotes doubled). The only way a
 * name may come into SQL text. */
void rds_quote(struct buf *sql, const char *name);

/* ---- stamp.c: versions and times of rows ---- */

/* Between begin and end inside a write, every row that the connection changes by
 * whatever means (triggers, cascades, scripts) is noticed (preupdate hook), and end
 * gives each a new version and mtime in the hidden table, in the same transaction. */
struct rds_stamps;
int rds_stamps_begin(struct rds_conn *c, struct rds_stamps **out, struct err *err);
/* Also tells `changed` (may be NULL) the keys: for host.changed(), after the commit.
 * Too many rows of a table are told as the table itself (key NULL). */
typedef void rds_changed_fn(void *arg, const char *table, const struct slice *key);
int rds_stamps_end(struct rds_stamps *s, uint64_t version, int64_t now_ns, struct err *err);
void rds_stamps_each(const struct rds_stamps *s, rds_changed_fn *fn, void *arg);
void rds_stamps_free(struct rds_stamps *s); /* NULL is fine; ends the noticing */

/* ---- rows ---- */

int rds_row_stat(struct rds_conn *c, struct slice table, struct slice key, struct engine_info *out,
	struct err *err);
int rds_row_list(struct rds_conn *c, struct slice table, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err);
int rds_row_read(struct rds_conn *c, struct slice table, struct slice key, struct buf *out,
	struct engine_info *info, struct err *err);
/* Within a write. */
int rds_row_write(struct rds_conn *c, struct slice table, struct slice key, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int rds_row_remove(
	struct rds_conn *c, struct slice table, struct slice key, uint64_t expect, struct err *err);
int rds_row_rename(struct rds_conn *c, struct slice table, struct slice from, struct slice to,
	unsigned flags, struct err *err);

/* One row as JSON in the form of files, without the newline at the end; `pretty`
 * as in .json files, else on one line (jsonl). The statement stands on the row and
 * has the table's columns in order. */
void rds_row_render(sqlite3_stmt *stmt, const struct rds_table *t, bool pretty, struct buf *out);
/* A value as JSON: exact integers, reals in the shortest form that reads back the same,
 * {"$b": "base64"} for blobs, NULL. */
void rds_value_render(sqlite3_value *v, struct buf *out);

#endif
