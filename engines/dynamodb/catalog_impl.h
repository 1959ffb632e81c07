/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_DYNAMODB_CATALOG_IMPL_H
#define DBMOUNT_DYNAMODB_CATALOG_IMPL_H

#include "engines/dynamodb/dynamodb_sqlite.h"

enum catalog_sql {
	TABLE_FIND,
	TABLE_NEXT,
	TABLE_HAS,
	TABLE_ADD,
	TABLE_DROP,
	TABLE_RENAME,
	TABLE_PROTECT,
	TABLE_MARK,
	BACKUP_FIND,
	BACKUP_NEXT,
	BACKUP_HAS,
	BACKUP_ADD,
	BACKUP_DROP,
	BACKUP_MOVE,
	BACKUP_CLASH,
	MTIME_GET,
	MTIME_SET,
	LAST_ID,
	N_CATALOG_SQL
};

/* A reader of the catalog and a statement on it, in one step. */
int catalog_begin(struct ddb_db *db, enum catalog_sql n, struct store_reader **r,
	sqlite3_stmt **stmt, struct err *err);

/* Runs a statement that takes an id, and a number if it has two parameters. */
int catalog_run_id(
	struct store_txn *t, enum catalog_sql n, uint64_t id, int64_t value, struct err *err);

/* The keys, in four columns or parameters from this one on. */
void catalog_column_schema(sqlite3_stmt *stmt, int column, struct ddb_key_schema *out);
void catalog_bind_schema(sqlite3_stmt *stmt, int index, const struct ddb_key_schema *schema);
void catalog_column_text(sqlite3_stmt *stmt, int column, char *out, size_t size);

#endif
