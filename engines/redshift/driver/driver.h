/* What runs the SQL: a columnar library where there is one (duckdb.c), else SQLite (sqlite.c),
 * behind one contract and one set of tests.
 *
 * A site is a set of open database files, each under a name ("n0"), and the memory and threads for
 * work on them; a session runs statements on some of them, one at a time. Tables are named
 * "n0"."t17". A driver knows nothing of nodes, rows that are visible, or Redshift's dialect: text
 * comes in its own dialect (sql/print.h) and is made of numbers and of names that were quoted by
 * sql_quote(), values are bound.
 *
 * SQLite has few types. There, these are stored so, and printed SQL (sql/print.h) has to mind it:
 *   BOOLEAN 0, 1; integers INTEGER; REAL, DOUBLE REAL; CHAR, VARCHAR TEXT
 *   DECIMAL(p,s)  TEXT with exactly s digits behind the point, "-0.50", never "-0.00": compared
 * with COLLATE decimal, which the driver adds to every connection; arithmetic by the functions of
 * sqlite_functions.h DATE          TEXT "2008-01-02"; TIME "03:04:05[.ffffff]"; TIMESTAMP
 * "2008-01-02 03:04:05[.ffffff]" without zeros at the end of a fraction; TIMESTAMPTZ the same, in
 * UTC INTERVAL      TEXT "MONTHS DAYS MICROS" (sqlite_functions.h) in DuckDB they are its own types
 * (TIMESTAMPTZ: TIMESTAMP in UTC, CHAR: VARCHAR).
 *
 * A session and what hangs on it is used by one thread at a time, but for sql_interrupt(). 0 or
 * -errno: EIO the file is damaged or gone, ENOSPC, EINVAL what the statement does wrong (a division
 * by zero, a text that is no number), EINTR, ENOMEM. */
#ifndef DBMOUNT_REDSHIFT_DRIVER_H
#define DBMOUNT_REDSHIFT_DRIVER_H

#include "engines/redshift/driver/value.h"

struct sql_site;
struct sql_session;
struct sql_query;
struct sql_append;

enum sql_dialect { SQL_DUCKDB, SQL_SQLITE };

struct sql_site_config {
	const char *tmp;  /* a directory, for what does not fit into memory; copied */
	unsigned threads; /* 0: as many as there are processors */
	uint64_t memory;  /* bytes; 0: the driver's own default, half of the machine at most */
};

struct sql_driver {
	const char *name;   /* "duckdb" */
	const char *suffix; /* of its files: ".duckdb" */
	const char *speed;  /* a sentence for .status: what that means */
	enum sql_dialect dialect;
	/* A statement may read any number of the site's files, in parallel. Else a session sees
	 * few (sql_session_new), and a plan runs as statements of their own (plan/execute.h). */
	bool composes;
	bool parquet; /* reads and writes it */

	int (*open)(const struct sql_site_config *config, struct sql_site **out, struct err *err);
	void (*close)(struct sql_site *s);
	int (*attach)(
		struct sql_site *s, const char *name, const char *path, int flags, struct err *err);
	int (*detach)(struct sql_site *s, const char *name, struct err *err);
	int (*verify)(struct sql_site *s, const char *name, struct err *err);
	int (*peek)(const char *path, struct err *err);
	int (*session)(struct sql_site *s, const char *const *names, unsigned n,
		struct sql_session **out, struct err *err);
	void (*session_close)(struct sql_session *s);
	int (*run)(struct sql_session *s, const char *text, uint64_t *changed, struct err *err);
	int (*prepare)(struct sql_session *s, const char *text, const struct sql_type *types,
		unsigned n, struct sql_query **out, struct err *err);
	int (*bind)(struct sql_query *q, unsigned index, struct sql_type t,
		const struct sql_value *v, struct err *err);
	int (*step)(struct sql_query *q, const struct sql_value **row, struct err *err);
	void (*finish)(struct sql_query *q);
	void (*interrupt)(struct sql_session *s);
	int (*append)(struct sql_session *s, const char *name, const char *table,
		const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err);
	int (*append_row)(struct sql_append *a, const struct sql_value *row, struct err *err);
	int (*append_end)(struct sql_append *a, bool keep, struct err *err);
	int (*checkpoint)(struct sql_session *s, const char *name, struct err *err);
};

/* The ones of this build, the better first, ended by NULL. */
extern const struct sql_driver *const sql_drivers[];
/* NULL: this build has none of that name. `name` NULL: the first. */
const struct sql_driver *sql_driver_find(const char *name);
/* What is said of files of such a one: its name, and what to do. */
#define SQL_NO_DRIVER                                                                              \
	"was made with driver %s, which this build does not have (for duckdb: tests/get-duckdb "   \
	"brings it, meson's option -Dduckdb_dir says where it is)"

/* What stands at the head of every such struct of a driver. */
struct sql_site {
	const struct sql_driver *driver;
};
struct sql_session {
	const struct sql_driver *driver;
};
struct sql_query {
	const struct sql_driver *driver;
	const struct sql_type *types; /* of its columns, as they were asked for or are */
	const char *const *names;     /* of its columns */
	unsigned n_columns;
};
struct sql_append {
	const struct sql_driver *driver;
};

/* ---- what callers use: driver.c ---- */

int sql_site_open(const struct sql_driver *driver, const struct sql_site_config *config,
	struct sql_site **out, struct err *err);
/* No session is open. NULL is fine. */
void sql_site_close(struct sql_site *s);

#define SQL_CREATE    1 /* it must not be there (EEXIST), and is made; else ENOENT when it is not */
#define SQL_READ_ONLY 2
/* A file that nobody wants after a crash: nothing waits for the disk, and what is left of it is
 * removed by its owner. */
#define SQL_SCRATCH 4
/* Durable: every commit on it survives power loss when it returns. */
int sql_attach(struct sql_site *s, const char *name, const char *path, int flags, struct err *err);
/* No session uses it. All of it is in the one file then: the log beside it is gone. ENOENT; any
 * other error says that this was not possible: it is detached all the same. */
int sql_detach(struct sql_site *s, const char *name, struct err *err);
/* Reads all of it, against its checksums. EIO says what is wrong. */
int sql_verify(struct sql_site *s, const char *name, struct err *err);
/* Reads no more than its head: EIO says that it may be damaged or cut off, which is to be verified.
 * Cheap, and beside whatever uses the file. */
int sql_peek(const struct sql_driver *driver, const char *path, struct err *err);

/* `names`: the files it may use, the first the one that it writes to (with a driver that composes
 * all may be read); at most 8. Each session has besides a "temp" of its own: tables named
 * "temp"."g1" that nobody else sees and that end with it (CREATE TEMP TABLE "temp"."g1"). */
int sql_session_new(struct sql_site *s, const char *const *names, unsigned n,
	struct sql_session **out, struct err *err);
void sql_session_close(struct sql_session *s); /* NULL is fine */

/* One or more statements without a result; `changed` (may be NULL) the rows of the last.
 * BEGIN, COMMIT and ROLLBACK are such; without them each is by itself. One transaction writes to
 * one file. */
int sql_run(struct sql_session *s, const char *text, uint64_t *changed, struct err *err);

/* One statement. `types` (n of them; NULL: what they are by themselves) are what its columns
 * become; a value that does not fit is EINVAL when it comes. Parameters are ?1, ?2 … */
int sql_prepare(struct sql_session *s, const char *text, const struct sql_type *types, unsigned n,
	struct sql_query **out, struct err *err);
int sql_bind(struct sql_query *q, unsigned index, struct sql_type t, const struct sql_value *v,
	struct err *err);
/* 1 a row, valid until the next call; 0 the end. Memory does not grow with the rows. */
int sql_step(struct sql_query *q, const struct sql_value **row, struct err *err);
void sql_finish(struct sql_query *q); /* NULL is fine */
/* From any thread: what runs there ends with EINTR. */
void sql_interrupt(struct sql_session *s);

/* Rows onto the end of a table, in bulk, in the order of its columns; in the session's transaction,
 * or in one of its own. Ends with append_end in any case: keep false (or a failure) leaves none. */
int sql_append_new(struct sql_session *s, const char *name, const char *table,
	const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err);
int sql_append_row(struct sql_append *a, const struct sql_value *row, struct err *err);
int sql_append_end(struct sql_append *a, bool keep, struct err *err);

/* What its log holds is in the file, and room that was freed can be used again. */
int sql_checkpoint(struct sql_session *s, const char *name, struct err *err);

/* Appends "name" in double quotes, those in it doubled: right in every dialect. */
void sql_quote(struct slice name, struct buf *out);
/* Appends 'text', right in every dialect; NUL is EINVAL. For texts that stand in printed SQL. */
int sql_quote_text(struct slice text, struct buf *out, struct err *err);
/* The column's type in the dialect's DDL. */
void sql_column_type(enum sql_dialect dialect, struct sql_type t, struct buf *out);

#endif
