/* Inside the SQLite driver.
 *
 * A session is a connection of its own on ":memory:", with the files it may use attached under
 * their names. The site keeps a connection open on each file, so that its log stays from session
 * to session. Files are written through the shim that seals pages (store/checksum_vfs.h), but for
 * those that nobody wants after a crash. */
#ifndef DBMOUNT_REDSHIFT_SQLITE_IMPL_H
#define DBMOUNT_REDSHIFT_SQLITE_IMPL_H

#include <pthread.h>
#include <sqlite3.h>
#include <sys/queue.h>

#include "engines/redshift/driver/sqlite_driver.h"

/* sqlite_tmp.c: SQLite's VFS, but files without a name are made in a directory. */
struct tmp_vfs;
/* NULL: out of memory. */
struct tmp_vfs *tmp_vfs_new(const char *dir);
/* No connection uses it. NULL is fine. */
void tmp_vfs_free(struct tmp_vfs *t);
const char *tmp_vfs_name(const struct tmp_vfs *t);

struct lite_file {
	TAILQ_ENTRY(lite_file) link;
	char *name;
	char *path;
	int flags;
	sqlite3 *keeper;
};

struct lite_site {
	struct sql_site base;
	struct tmp_vfs *tmp;
	uint64_t memory;
	pthread_mutex_t lock;
	TAILQ_HEAD(, lite_file) files; /* under lock */
};

struct lite_session {
	struct sql_session base;
	sqlite3 *db;
};

/* What SQLite says about a call that failed, with driver.h's errno. `rc`: what it returned. */
int lite_error(sqlite3 *db, int rc, struct err *err);
/* Statements without parameters and results. */
int lite_exec(sqlite3 *db, const char *sql, struct err *err);

/* sqlite_file.c */
int lite_attach(struct sql_site *s, const char *name, const char *path, int flags, struct err *err);
int lite_detach(struct sql_site *s, const char *name, struct err *err);
int lite_verify(struct sql_site *s, const char *name, struct err *err);
int lite_peek(const char *path, struct err *err);
void lite_file_free(struct lite_file *f);
/* Onto a session's connection. ENOENT: the site has none of that name. */
int lite_file_use(struct lite_site *site, sqlite3 *db, const char *name, struct err *err);

/* sqlite_query.c */
int lite_prepare(struct sql_session *s, const char *text, const struct sql_type *types, unsigned n,
	struct sql_query **out, struct err *err);
int lite_bind(struct sql_query *q, unsigned index, struct sql_type t, const struct sql_value *v,
	struct err *err);
int lite_step(struct sql_query *q, const struct sql_value **row, struct err *err);
void lite_finish(struct sql_query *q);
/* As driver.h says it is stored. Texts that had to be made go to `room`, which has LITE_ROOM bytes
 * left and must not grow. SQLite's return code. */
#define LITE_ROOM 96
int lite_put(sqlite3_stmt *stmt, int index, struct sql_type t, const struct sql_value *v,
	struct buf *room);

/* sqlite_append.c */
int lite_append(struct sql_session *s, const char *name, const char *table,
	const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err);
int lite_append_row(struct sql_append *a, const struct sql_value *row, struct err *err);
int lite_append_end(struct sql_append *a, bool keep, struct err *err);

#endif
