/* Inside the DuckDB driver.
 *
 * A site is one instance of the library, which lives in memory, with the site's files attached; a
 * session is a connection. After some errors (a log that cannot be written, a mistake of its own)
 * the library declares an instance broken: everything on it fails from then on. The site then
 * opens a new one with the same files, as soon as the last session on the old one is closed. */
#ifndef DBMOUNT_REDSHIFT_DUCKDB_IMPL_H
#define DBMOUNT_REDSHIFT_DUCKDB_IMPL_H

#include <duckdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "engines/redshift/driver/duckdb_driver.h"

struct duck_file {
	TAILQ_ENTRY(duck_file) link;
	char *name;
	char *path;
	bool read_only;
	bool attached; /* to the instance there is now; false: it was found damaged */
};

struct duck_site {
	struct sql_site base;
	char *tmp; /* a directory of its own */
	unsigned threads;
	uint64_t memory;
	pthread_mutex_t lock;
	/* under lock: */
	duckdb_database db; /* NULL: opening anew failed, and is tried again */
	duckdb_connection own;
	unsigned sessions;
	TAILQ_HEAD(, duck_file) files;
	_Atomic bool broken;
};

struct duck_session {
	struct sql_session base;
	struct duck_site *site;
	duckdb_connection conn;
	bool inside; /* between BEGIN and its end */
};

/* duckdb_error.c: what the library says, with driver.h's errno. Notes that the site is broken. */
int duck_error(
	struct duck_site *site, duckdb_error_type type, const char *message, struct err *err);
/* The same where only a message is told. */
int duck_message(struct duck_site *site, const char *message, struct err *err);
/* One statement, or some. */
int duck_run(struct duck_site *site, duckdb_connection conn, const char *text, struct err *err);

/* duckdb_file.c */
int duck_attach(struct sql_site *s, const char *name, const char *path, int flags, struct err *err);
int duck_detach(struct sql_site *s, const char *name, struct err *err);
/* All files of the site onto a new instance. A damaged one is left out; under the lock. */
void duck_attach_all(struct duck_site *site);
void duck_file_free(struct duck_file *f);
struct duck_file *duck_file_find(struct duck_site *site, const char *name);

/* duckdb_verify.c */
int duck_verify(struct sql_site *s, const char *name, struct err *err);

/* duckdb.c; under the lock: a new instance when the old one is broken and not in use. EIO. */
int duck_revive(struct duck_site *site, struct err *err);

/* duckdb_run.c: one or more statements, and whether a transaction is under way. */
int duck_session_run(struct sql_session *s, const char *text, uint64_t *changed, struct err *err);

/* duckdb_read.c: how values stand in the library's vectors. */
typedef void duck_read_fn(const void *data, idx_t row, struct sql_value *out);
struct duck_column {
	struct sql_type type; /* that of the library's values */
	duck_read_fn *read;
	bool direct; /* it is what was asked for */
	const void *data;
	const uint64_t *validity;
};
/* ENOTSUP: a type that Redshift has nothing like. */
int duck_column_of(duckdb_logical_type type, struct duck_column *out, struct err *err);

/* duckdb_query.c */
int duck_prepare(struct sql_session *s, const char *text, const struct sql_type *types, unsigned n,
	struct sql_query **out, struct err *err);
int duck_bind(struct sql_query *q, unsigned index, struct sql_type t, const struct sql_value *v,
	struct err *err);
int duck_step(struct sql_query *q, const struct sql_value **row, struct err *err);
void duck_finish(struct sql_query *q);

/* duckdb_append.c */
int duck_append(struct sql_session *s, const char *name, const char *table,
	const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err);
int duck_append_row(struct sql_append *a, const struct sql_value *row, struct err *err);
int duck_append_end(struct sql_append *a, bool keep, struct err *err);

#endif
