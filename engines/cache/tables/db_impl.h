/* The statements of tables.db, for db.c, queue.c and failed.c. */
#ifndef DBMOUNT_CACHE_TABLES_DB_IMPL_H
#define DBMOUNT_CACHE_TABLES_DB_IMPL_H

#include "engines/cache/tables/tables_impl.h"

enum tables_sql {
	STATE_CLEAN,
	STATE_SET_CLEAN,
	STATE_STORAGE,
	STATE_SET_STORAGE,
	EPOCHS_RENEW,
	EPOCH_RENEW,
	EPOCH_OF,
	DEF_NEXT,
	DEF_ADD,
	DEF_IDENTITY,
	DEF_DROP,
	DEF_DROP_QUEUE,
	DEF_DROP_FAILED,
	QUEUE_FIND,
	QUEUE_PUT,
	QUEUE_BATCH,
	QUEUE_DONE,
	QUEUE_AGAIN,
	QUEUE_BACKLOG,
	QUEUE_WAITS,
	QUEUE_KEY_WAITS,
	FAILED_ADD,
	FAILED_OLD,
	FAILED_COUNT,
	FAILED_UNTOLD,
	FAILED_TELL,
	FAILED_NEXT,
	FAILED_CLEAR,
	N_TABLES_SQL
};

/* One statement that gives at most one row. */
struct tables_query {
	enum tables_sql n;
	void (*bind)(sqlite3_stmt *stmt, const void *arg); /* may be NULL */
	const void *arg;
	void (*take)(sqlite3_stmt *stmt, void *out); /* of the row; may be NULL */
	void *out;
};
/* 1: a row was taken; 0: there is none. `db` NULL: none. */
int tables_query_read(struct store *db, const struct tables_query *q, struct err *err);
int tables_query_write(struct store_txn *t, const struct tables_query *q, struct err *err);

/* A table's row of a key. */
struct tables_of {
	int64_t id;
	struct slice key;
	uint64_t seq;
};
void tables_bind_of(sqlite3_stmt *stmt, const void *arg); /* ?1 id, ?2 key, ?3 seq */
void tables_bind_id(sqlite3_stmt *stmt, const void *arg); /* an int64_t: ?1 */
void tables_take_int(sqlite3_stmt *stmt, void *out);	  /* an int64_t */

#endif
