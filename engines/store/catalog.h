/* What the catalogs of the services have in common: a store of few rows that says what there
 * is, read a row at a time and changed durably. Each service has its own statements. */
#ifndef DBMOUNT_CATALOG_H
#define DBMOUNT_CATALOG_H

#include "engines/common/cleanup.h"
#include "engines/store/store.h"

/* One row of one statement. */
struct catalog_query {
	unsigned n;					   /* the statement */
	void (*bind)(sqlite3_stmt *stmt, const void *arg); /* may be NULL */
	const void *arg;
	void (*take)(sqlite3_stmt *stmt, void *out); /* may be NULL */
	void *out;
};

/* 1 there is one, 0 none; without a catalog (mounted read-only) there is none. */
int catalog_row(struct store *catalog, const struct catalog_query *q, struct err *err);

/* Runs and resets one that returns no rows. */
int catalog_run(sqlite3_stmt *stmt, struct err *err);
/* Of a statement that takes an id, and a name if that is not NULL. */
int catalog_run_named(
	struct store_txn *t, unsigned n, uint64_t id, const char *name, struct err *err);

/* ---- the file ---- */

/* Each has a row of state, which the first of its statements are for. */
enum { CATALOG_MTIME, CATALOG_ID, CATALOG_TOUCH, CATALOG_SET_ID, CATALOG_OWN };
#define CATALOG_STATE_SCHEMA                                                                       \
	"CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), mtime INTEGER NOT NULL,"       \
	" last_id INTEGER NOT NULL) STRICT;"                                                       \
	"INSERT INTO state VALUES(1, strftime('%s', 'now') * 1000000000, 0);"
/* clang-format off */
#define CATALOG_STATE_SQL                                                                          \
	[CATALOG_MTIME] = "SELECT mtime FROM state",                                               \
	[CATALOG_ID] = "SELECT last_id FROM state",                                                \
	[CATALOG_TOUCH] = "UPDATE state SET mtime = ?1",                                           \
	[CATALOG_SET_ID] = "UPDATE state SET last_id = ?1"
/* clang-format on */

struct catalog_config {
	const char *dir; /* it is DIR/catalog.db */
	const char *label;
	uint32_t application_id;
	uint32_t schema_version;
	const char *schema;
	const char *const *sql;
	unsigned n_sql;
	bool read_only; /* then it is not made: *out stays as it is */
};
/* EIO a damaged one. */
int catalog_open(const struct catalog_config *c, struct store **out, struct err *err);

/* When something came or went; 0 without a catalog. */
int catalog_mtime(struct store *catalog, int64_t *out, struct err *err);
int catalog_touch(struct store_txn *t, struct err *err);
/* An id that never comes again, durably. `what` names the catalog, if it is damaged (EIO). */
int catalog_next_id(struct store *catalog, const char *what, uint64_t *out, struct err *err);
/* Whether a statement that takes an id finds it. In doubt: true, so that the file stays. */
bool catalog_has(struct store *catalog, unsigned n, uint64_t id);
/* 1: a statement that takes a name finds it, 0 none. */
int catalog_taken(struct store_txn *t, unsigned n, const char *name, struct err *err);

/* ---- columns ---- */

static inline void catalog_stmt_cleanup(sqlite3_stmt **stmt)
{
	if (*stmt != NULL) {
		sqlite3_reset(*stmt);
	}
}
#define CATALOG_STMT CLEANUP(catalog_stmt_cleanup) sqlite3_stmt *

static inline void catalog_bind_text(sqlite3_stmt *stmt, int index, struct slice text)
{
	sqlite3_bind_text(stmt, index, text.p != NULL ? text.p : "", (int)text.n, SQLITE_STATIC);
}

static inline void catalog_bind_id(sqlite3_stmt *stmt, int index, uint64_t id)
{
	sqlite3_bind_int64(stmt, index, (int64_t)id);
}

/* A bind of a uint64_t. */
void catalog_bind_one_id(sqlite3_stmt *stmt, const void *arg);
/* A bind of a slice. */
void catalog_bind_name(sqlite3_stmt *stmt, const void *arg);
/* A bind of an id and the name behind which to go on. */
struct catalog_behind {
	uint64_t id;
	struct slice after;
};
void catalog_bind_behind(sqlite3_stmt *stmt, const void *arg);
/* A take into an int64_t. */
void catalog_take_int(sqlite3_stmt *stmt, void *out);
void catalog_text(sqlite3_stmt *stmt, int column, char *out, size_t size);

#endif
