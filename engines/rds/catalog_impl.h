/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_RDS_CATALOG_IMPL_H
#define DBMOUNT_RDS_CATALOG_IMPL_H

#include "engines/rds/lifecycle.h"

enum catalog_sql {
	DEF_NEXT,
	DEF_HAS,
	DEF_PUT,
	DEF_DROP,
	DEF_NAME,
	SNAPSHOT_FIND,
	SNAPSHOT_NEXT,
	SNAPSHOT_HAS,
	SNAPSHOT_ADD,
	SNAPSHOT_REPLACE,
	SNAPSHOT_DROP,
	SNAPSHOT_PRUNE,
	INTENT_NEXT,
	INTENT_HAS,
	INTENT_ADD,
	INTENT_DROP,
	STATE_GET,
	STATE_TOUCH,
	STATE_ID,
	N_CATALOG_SQL
};

static inline void catalog_stmt_cleanup(sqlite3_stmt **stmt)
{
	if (*stmt != NULL) {
		sqlite3_reset(*stmt);
	}
}
#define CATALOG_STMT CLEANUP(catalog_stmt_cleanup) sqlite3_stmt *

static inline void catalog_reader_cleanup(struct store_reader **r)
{
	if (*r != NULL) {
		store_read_end(*r);
	}
}
#define CATALOG_READER CLEANUP(catalog_reader_cleanup) struct store_reader *

/* A reader of the catalog and a statement on it, in one step. */
int rds_sql_begin(struct rds_service *s, enum catalog_sql n, struct store_reader **r,
	sqlite3_stmt **stmt, struct err *err);
void rds_sql_bind_text(sqlite3_stmt *stmt, int index, struct slice text);
void rds_sql_column_text(sqlite3_stmt *stmt, int column, char *out, size_t size);
/* Runs a statement that gives no rows. */
int rds_sql_run(sqlite3_stmt *stmt, struct err *err);
/* Runs one that takes an id, and a number if it has two parameters. */
int rds_sql_run_id(
	struct store_txn *t, enum catalog_sql n, uint64_t id, int64_t value, struct err *err);

#endif
