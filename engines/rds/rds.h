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
 *   rows:      schema.c table_sql.c key.c row_json.c row_read.c row_parse.c row_write.c
 *              row_rename.c column.c stamp*.c foreign_key.c
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

/* What SQLite turns values into that are stored in a column. */
enum rds_affinity {
	RDS_AFFINITY_BLOB, /* nothing */
	RDS_AFFINITY_TEXT,
	RDS_AFFINITY_NUMERIC,
	RDS_AFFINITY_INTEGER,
	RDS_AFFINITY_REAL,
};

/* By the name of its type, as "Datatypes in SQLite", section 3.1, has it. */
enum rds_affinity rds_type_affinity(const char *type);

struct rds_column {
	char *name;
	char *json;	   /* the name as a JSON string */
	char *type;	   /* as declared; "" none */
	char *default_sql; /* the expression of its DEFAULT; NULL none */
	enum rds_affinity affinity;
	bool not_null;
	bool has_default;
	bool generated; /* not written */
	bool virtual;	/* generated and not stored */
	unsigned pk;	/* place in the primary key, from 1; 0: no part of it */
};

/* Statements over rows of one table; what is bound is said in table_sql.c. */
enum rds_table_sql {
	RDS_SQL_ROW,
	RDS_SQL_LIST,
	RDS_SQL_AFTER,
	RDS_SQL_NULL_ROW,
	RDS_SQL_NULL_LIST,
	RDS_SQL_NULL_AFTER,
	RDS_SQL_COUNT,
};

struct rds_table {
	char *name;	 /* as declared; SQLite's names compare without case, ours are shown so */
	bool view;	 /* read-only; rows are named by their place in it, from 1 */
	bool is_virtual; /* FTS, R-tree: its changes are not told by SQLite */
	bool strict;
	bool without_rowid;
	bool rowid_key;	   /* no primary key: the rowid stands for it */
	bool rowid_alias;  /* the one key column is INTEGER PRIMARY KEY */
	bool nullable_key; /* key columns may hold NULL, and then name no single row */
	const char *rowid; /* what the rowid is called here; NULL: there is none, or it is hidden */
	struct rds_column *columns;
	unsigned n_columns;
	unsigned *key; /* columns of the key, in order; n_key 0 with rowid_key */
	unsigned n_key;
	char *sql[RDS_SQL_COUNT]; /* NULL: not for this table */
};

/* Valid until the connection's schema changes: use it within one read or write. ENOENT. */
int rds_table_find(
	struct rds_conn *c, struct slice name, const struct rds_table **out, struct err *err);
/* Tables and views that users see, after `after`, in byte order of names. */
typedef int rds_table_fn(void *arg, const struct rds_table *t, struct err *err);
int rds_table_each(struct rds_conn *c, const struct slice *after, rds_table_fn *fn, void *arg,
	struct err *err);
/* The table and its list of rows, and the database with its list of tables: when
 * they changed. */
int rds_table_stat(struct rds_conn *c, struct slice name, struct engine_info *out, struct err *err);
int rds_database_stat(struct rds_conn *c, struct engine_info *out, struct err *err);
/* Appends the identifier quoted for SQL ("..", quotes doubled). The only way a
 * name may come into SQL text. */
void rds_quote(struct buf *sql, const char *name);

/* ---- stamp.c: versions and times of rows ---- */

/* Makes the hidden tables; runs again unharmed. A database without them (an
 * attached file) has no stamps: a row's version is then a hash of its content. */
extern const char rds_stamps_schema[];

/* Between begin and end inside a write, every row that the connection changes by
 * whatever means (triggers, cascades, scripts) is noticed (preupdate hook), and end
 * gives each a new version and mtime in the hidden table, in the same transaction.
 * The sources do it: rds_conn_begin(), rds_conn_finish(). */
int rds_stamps_begin(struct rds_conn *c, struct rds_stamps **out, struct err *err);
/* All of the table counts as changed in this write, and its rows are not noticed
 * one by one any more: what a load that replaces it asks for. Nothing without c->stamps. */
void rds_stamps_whole(struct rds_conn *c, const char *table);
/* A ROLLBACK TO within the write: of rows noticed as gone some may be there again. */
void rds_stamps_undone(struct rds_conn *c);
int rds_stamps_end(struct rds_stamps *s, uint64_t version, int64_t now_ns, struct err *err);
/* Tells the keys changed: for host.changed(), after the commit. Too many rows of a
 * table are told as the table itself (key NULL); tables that come and go as table NULL. */
typedef void rds_changed_fn(void *arg, const char *table, const struct slice *key);
void rds_stamps_each(const struct rds_stamps *s, rds_changed_fn *fn, void *arg);
void rds_stamps_free(struct rds_stamps *s); /* NULL is fine; ends the noticing */

/* ---- rows ---- */

/* As store_step(), but a view is stopped when it takes too long: ETIMEDOUT. */
int rds_row_step(
	struct rds_conn *c, const struct rds_table *t, sqlite3_stmt *stmt, struct err *err);

int rds_row_stat(struct rds_conn *c, struct slice table, struct slice key, struct engine_info *out,
	struct err *err);
int rds_row_list(struct rds_conn *c, struct slice table, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err);
int rds_row_read(struct rds_conn *c, struct slice table, struct slice key, struct buf *out,
	struct engine_info *info, struct err *err);
/* The key of the row with this name_hash(). ENOENT. Looks at all long keys. */
int rds_row_find_hashed(struct rds_conn *c, struct slice table,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err);
/* Whether a row could be called so. EINVAL. */
int rds_row_check_key(struct rds_conn *c, struct slice table, struct slice key, struct err *err);
/* Within a write. */
int rds_row_write(struct rds_conn *c, struct slice table, struct slice key, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int rds_row_remove(
	struct rds_conn *c, struct slice table, struct slice key, uint64_t expect, struct err *err);
int rds_row_rename(struct rds_conn *c, struct slice table, struct slice from, struct slice to,
	unsigned flags, struct err *err);

/* ---- column.c: one column of a row, as its bytes ---- */

/* Columns that are NULL are not there; a blob and a text are their bytes, a number
 * its text. Versions and times are the row's. */
int rds_column_stat(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct engine_info *out, struct err *err);
int rds_column_list(struct rds_conn *c, struct slice table, struct slice key,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int rds_column_read(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct buf *out, struct engine_info *info, struct err *err);
/* Within a write. remove sets NULL. */
int rds_column_write(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct slice text, uint64_t expect, struct engine_info *out, struct err *err);
int rds_column_remove(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	uint64_t expect, struct err *err);

/* ---- row_json.c ---- */

/* One row as JSON in the form of files, without the newline at the end; `pretty`
 * as in .json files, else on one line (jsonl). The statement stands on the row and
 * has the table's columns in order. */
void rds_row_render(sqlite3_stmt *stmt, const struct rds_table *t, bool pretty, struct buf *out);
/* A value as JSON: exact integers, reals in the shortest form that reads back the same,
 * {"$b": "base64"} for blobs, {"$t": "base64"} for text that is not UTF-8 or holds
 * NUL, {"$n": "Infinity"}, NULL. */
void rds_value_render(sqlite3_value *v, struct buf *out);

#endif
