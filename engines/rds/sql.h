/* The SQL side of RDS: what users' SQL may do, scripts, dumps, queries, loading and
 * giving out tables. Private to this folder.
 *
 *   guard.c             users' SQL on a connection: what is refused and why, time
 *   sqltext.c sqlreader.c   tokens; statements out of a long text
 *   script.c            a text of statements in one transaction, and its report
 *   dialect*.c copy.c   what PostgreSQL and MySQL write differently
 *   remake.c            a table made anew with another definition
 *   dump.c              `.sql` of a table or an instance
 *   grid.c query.c      saved queries, aligned tables
 *   export_table.c import*.c   csv, tsv, json, jsonl
 *   schema_text.c       `.schema`
 *
 * What a user sends is spilled (common/spill.h) and then run in one write, which may
 * be run again from the start; what a user reads is made whole in one read and spilled,
 * so that its size is exact and it is of one moment. `tmp` is where spills go. */
#ifndef DBMOUNT_RDS_SQL_H
#define DBMOUNT_RDS_SQL_H

#include "engines/common/spill.h"
#include "engines/rds/rds.h"

/* ---- guard.c ---- */

/* While it is on, SQL run on the connection is a user's: tables of ours are not
 * there, and what would reach beyond the transaction or the instance is refused. */
struct rds_guard {
	sqlite3 *db;
	struct rds_conn *conn;
	bool set;	/* a PRAGMA set something on the connection */
	bool internal;	/* let everything through for a moment: our own statements */
	char why[256];	/* of the last refusal; "" none */
	int64_t end_ms; /* of the monotonic clock: when a statement is stopped */
	unsigned limit_ms;
};

/* `limit_ms`: for each statement, 0 none. `g` stays where it is until rds_guard_end(). */
void rds_guard_begin(struct rds_guard *g, struct rds_conn *c, unsigned limit_ms);
void rds_guard_statement(struct rds_guard *g); /* time starts anew */
void rds_guard_end(struct rds_guard *g);
/* SQLite's failure of a user's SQL as err: EINVAL (what the SQL says, constraints
 * too), ETIMEDOUT, or what rds_sql_errno() gives. `where` ("line 3, column 7") may be "". */
int rds_guard_error(struct rds_guard *g, const char *where, struct err *err);

/* ---- out.c: text on its way out ---- */

/* Append to `text`, then ask rds_out_some() now and then and rds_out_all() at the end. */
struct rds_out {
	struct buf text;
	struct spill *to; /* NULL: all stays in `text` */
};
int rds_out_some(struct rds_out *out, struct err *err);
int rds_out_all(struct rds_out *out, struct err *err);

/* A text that is whole and read in pieces: engine_ops.export_read, .export_close. */
struct rds_stream;
/* Takes the spill. NULL: no memory (then the spill is freed). */
struct rds_stream *rds_stream_new(struct spill *text, uint64_t *size);
int rds_stream_read(struct rds_stream *s, struct buf *out, struct err *err);
void rds_stream_close(struct rds_stream *s); /* NULL is fine */

/* Whether the text is a number with a point or an exponent; its nearest double, which
 * SQLite's own reading of decimals is not always. */
bool rds_real_read(struct slice text, double *out);
/* As rds_real_print(). */
void rds_real_text(double value, struct buf *out);

/* ---- grid.c: an aligned table, as psql prints one ---- */

struct rds_grid;
struct rds_grid *rds_grid_new(const char *tmp, sqlite3_stmt *stmt); /* NULL: no memory */
void rds_grid_free(struct rds_grid *g);				    /* NULL is fine */
/* The row that stmt stands on. */
int rds_grid_row(struct rds_grid *g, sqlite3_stmt *stmt, struct err *err);
/* Header, rule, rows, "(N rows)"; `n_rows` may be more than were added: then both are told. */
int rds_grid_print(struct rds_grid *g, uint64_t n_rows, struct rds_out *out, struct err *err);

/* ---- script.c ---- */

struct rds_script_options {
	const char *tmp;
	/* The instance was made for this text: tables may come in any order and refer to later
	 * ones, whatever was said of foreign keys; they are checked at the end. */
	bool create;
};

/* Runs the text's statements, inside a write of which they are all; the report says what
 * was done and shows results. EINVAL names line and column of the statement; ETIMEDOUT. */
int rds_script_run(struct rds_conn *c, struct spill *text, const struct rds_script_options *options,
	struct buf *report, struct err *err);

/* As import_open .. import_abort of a script. */
struct rds_script;
int rds_script_open(
	const struct rds_script_options *options, struct rds_script **out, struct err *err);
int rds_script_feed(struct rds_script *s, struct slice text, struct err *err);
/* Frees `s` in any case. On failure the report says why. */
int rds_script_finish(
	struct rds_script *s, struct rds_source *source, struct buf *report, struct err *err);
void rds_script_abort(struct rds_script *s); /* NULL is fine */

/* ---- dump.c, export_table.c ---- */

extern const char *const rds_export_formats[];	 /* of a table: csv tsv json jsonl sql */
extern const char *const rds_import_formats[];	 /* of a table: csv tsv json jsonl */
extern const char *const rds_database_formats[]; /* of an instance: sql */

/* A table or view, or with an empty name the whole instance (format sql only), as one
 * text; then rds_stream_read(), rds_stream_close(). ENOENT, EINVAL (format).
 *
 * sql   loads into an empty instance and gives the very same text again
 * csv   RFC 4180 with a header and lines that end in LF. NULL is nothing, the empty text
 *       is ""; a blob is base64
 * tsv   the same by tabs: \t \n \r \\ within values, \N is NULL
 * json, jsonl   rows as in files, an array or a line each */
int rds_export_open(struct rds_source *source, const char *tmp, struct slice table,
	const char *format, struct rds_stream **out, uint64_t *size, struct err *err);
/* Within a read: the dump of a table (or all, when empty). */
int rds_dump(struct rds_conn *c, struct slice table, struct rds_out *out, struct err *err);
/* Within a read: all of a table in csv, tsv, json or jsonl. */
int rds_export_table(struct rds_conn *c, const struct rds_table *t, const char *format,
	struct rds_out *out, struct err *err);
/* SELECT of all columns of the table, in order of storage; behind them the rowid if `rowid`. */
sqlite3_stmt *rds_scan(struct rds_conn *c, const struct rds_table *t, bool rowid, struct err *err);

/* ---- query.c ---- */

extern const struct engine_query_names rds_query_names;

/* One SELECT (or VALUES, WITH, EXPLAIN, a telling PRAGMA), its result in a form of
 * rds_query_names. EINVAL with line and column, ETIMEDOUT. */
int rds_query_open(struct rds_source *source, const char *tmp, struct slice text, unsigned form,
	struct rds_stream **out, uint64_t *size, struct err *err);

/* text_table.c: a value in csv or tsv. */
void rds_separated_print(sqlite3_stmt *stmt, int column, bool tabs, struct buf *out);
void rds_separated_text(struct slice text, bool tabs, struct buf *out);

/* ---- import.c ---- */

/* Loads a table from csv, tsv, json or jsonl, in one write: all rows or none. csv and tsv
 * begin with a header. Modes:
 *
 * append   a row whose key is there is a bad row
 * upsert   it takes the columns that the text has; needs a primary key
 * replace  so, columns that the text has not become their default, and rows that are
 *          not in the text go
 * create   the table is not there (EEXIST) and is made: its columns' types are those of
 *          all their values; the first is the primary key when it is called so ("id",
 *          "track_id", "TrackId"), never empty and different in each row
 *
 * The report says what was loaded, or which rows are bad and why (the first hundred). */
struct rds_import;
int rds_import_open(const char *tmp, struct slice table, const char *mode, const char *format,
	struct rds_import **out, struct err *err);
int rds_import_feed(struct rds_import *i, struct slice text, struct err *err);
/* Frees `i` in any case. ENOENT, EEXIST, EINVAL. */
int rds_import_finish(
	struct rds_import *i, struct rds_source *source, struct buf *report, struct err *err);
void rds_import_abort(struct rds_import *i); /* NULL is fine */

/* ---- schema_text.c: `.schema` ---- */

/* Appends the statements that make the table, its indexes and triggers, as stored; of
 * the whole instance when `table` is empty. Within a read or write. */
int rds_schema_read(struct rds_conn *c, struct slice table, struct buf *out, struct err *err);
/* Within a write: makes the table be as the text says, which is its CREATE TABLE (or
 * VIEW) and the indexes and triggers it is to have. A table that is not there is made;
 * one that is there is made anew with the rows it has. EINVAL, also when a column that
 * holds data would go (.sql can say so). */
int rds_schema_apply(struct rds_conn *c, const char *table, struct slice text, struct err *err);

#endif
