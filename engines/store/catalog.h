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

/* An id that never comes again, durably: `get` selects the last one, `set` stores it. */
int catalog_next_id(
	struct store *catalog, unsigned get, unsigned set, uint64_t *out, struct err *err);

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
/* A take into an int64_t. */
void catalog_take_int(sqlite3_stmt *stmt, void *out);
void catalog_text(sqlite3_stmt *stmt, int column, char *out, size_t size);

#endif
