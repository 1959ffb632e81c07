/* What tables and backups there are: the file, its statements, tables read. Every change is durable
 * when it returns, whatever the mount's sync setting: these are rare, and files depend on them. */
#include "engines/dynamodb/catalog_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CATALOG_APPLICATION_ID 0x44446263 /* "DDbc" */
#define CATALOG_SCHEMA_VERSION 1

static const char catalog_schema[] =
	"CREATE TABLE tables(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	" hash_name TEXT NOT NULL, hash_type TEXT NOT NULL, range_name TEXT, range_type TEXT,"
	" deletion_protection INTEGER NOT NULL, created INTEGER NOT NULL,"
	" mtime INTEGER NOT NULL, dirty INTEGER NOT NULL) STRICT;"
	"CREATE TABLE backups(id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" hash_name TEXT NOT NULL, hash_type TEXT NOT NULL, range_name TEXT, range_type TEXT,"
	" deletion_protection INTEGER NOT NULL, created INTEGER NOT NULL,"
	" items INTEGER NOT NULL, bytes INTEGER NOT NULL, on_disk INTEGER NOT NULL,"
	" table_created INTEGER NOT NULL,"
	" UNIQUE(table_name, name)) STRICT;"
	"CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), mtime INTEGER NOT NULL) STRICT;"
	"INSERT INTO state VALUES(1, strftime('%s', 'now') * 1000000000);";

#define KEY_COLUMNS   "hash_name, hash_type, range_name, range_type, deletion_protection, created"
#define TABLE_COLUMNS "SELECT id, name, " KEY_COLUMNS ", mtime, dirty FROM tables "
#define BACKUP_COLUMNS                                                                             \
	"SELECT id, name, " KEY_COLUMNS ", items, bytes, on_disk, table_name, table_created"

static const char *const catalog_sql[N_CATALOG_SQL] = {
	[TABLE_FIND] = TABLE_COLUMNS "WHERE name = ?1",
	[TABLE_NEXT] = TABLE_COLUMNS "WHERE name > ?1 ORDER BY name LIMIT ?2",
	[TABLE_HAS] = "SELECT 1 FROM tables WHERE id = ?1",
	[TABLE_ADD] = "INSERT INTO tables(id, name, " KEY_COLUMNS ", mtime, dirty)"
		      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[TABLE_DROP] = "DELETE FROM tables WHERE id = ?1",
	[TABLE_RENAME] = "UPDATE tables SET name = ?2 WHERE id = ?1",
	[TABLE_PROTECT] = "UPDATE tables SET deletion_protection = ?2 WHERE id = ?1",
	[TABLE_MARK] = "UPDATE tables SET dirty = ?2, mtime = iif(?2, mtime, ?3) WHERE id = ?1",
	[BACKUP_FIND] = BACKUP_COLUMNS " FROM backups WHERE table_name = ?1 AND name = ?2",
	[BACKUP_NEXT] = BACKUP_COLUMNS
	", iif(?1 = '', table_name || ':' || name, name) AS shown FROM backups"
	" WHERE ?1 IN ('', table_name) AND shown > ?2 ORDER BY shown",
	[BACKUP_HAS] = "SELECT 1 FROM backups WHERE id = ?1",
	[BACKUP_ADD] = "INSERT INTO backups(id, name, " KEY_COLUMNS
		       ", items, bytes, on_disk, table_name, table_created)"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
	[BACKUP_DROP] = "DELETE FROM backups WHERE id = ?1",
	[BACKUP_MOVE] = "UPDATE backups SET table_name = ?2 WHERE table_name = ?1",
	[BACKUP_CLASH] = ("SELECT a.name FROM backups a JOIN backups b ON a.name = b.name"
			  " WHERE a.table_name = ?1 AND b.table_name = ?2 LIMIT 1"),
	[MTIME_GET] = "SELECT mtime, (SELECT count(*) FROM tables) FROM state",
	[MTIME_SET] = "UPDATE state SET mtime = ?1",
	[LAST_ID] = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence",
};

/* ---- rows to structs and back ---- */

void catalog_column_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

static void column_key(sqlite3_stmt *stmt, int column, struct ddb_key_def *out)
{
	const char *type = (const char *)sqlite3_column_text(stmt, column + 1);

	catalog_column_text(stmt, column, out->name, sizeof(out->name));
	out->type = DDB_S;
	for (enum ddb_type t = DDB_S; t <= DDB_B; t++) {
		if (type != NULL && strcmp(type, ddb_type_names[t]) == 0) {
			out->type = t;
		}
	}
}

/* The columns from `column` on that KEY_COLUMNS names, but the last two. */
void catalog_column_schema(sqlite3_stmt *stmt, int column, struct ddb_key_schema *out)
{
	*out = (struct ddb_key_schema){0};
	column_key(stmt, column, &out->hash);
	out->has_range = sqlite3_column_type(stmt, column + 2) != SQLITE_NULL;
	if (out->has_range) {
		column_key(stmt, column + 2, &out->range);
	}
}

void catalog_bind_schema(sqlite3_stmt *stmt, int index, const struct ddb_key_schema *schema)
{
	sql_bind_text(stmt, index, slice_of(schema->hash.name));
	sql_bind_text(stmt, index + 1, slice_of(ddb_type_names[schema->hash.type]));
	if (schema->has_range) {
		sql_bind_text(stmt, index + 2, slice_of(schema->range.name));
		sql_bind_text(stmt, index + 3, slice_of(ddb_type_names[schema->range.type]));
	}
}

static void table_row(sqlite3_stmt *stmt, struct ddb_table_def *out)
{
	out->id = sql_column_uint(stmt, 0);
	catalog_column_text(stmt, 1, out->name, sizeof(out->name));
	catalog_column_schema(stmt, 2, &out->schema);
	out->deletion_protection = sqlite3_column_int(stmt, 6) != 0;
	out->created_ns = sqlite3_column_int64(stmt, 7);
	out->mtime_ns = sqlite3_column_int64(stmt, 8);
	out->dirty = sqlite3_column_int(stmt, 9) != 0;
}

/* ---- reading ---- */

int catalog_begin(struct ddb_db *db, enum catalog_sql n, struct store_reader **r,
	sqlite3_stmt **stmt, struct err *err)
{
	int rc = store_read_begin(db->catalog, STORE_ALL_KEYS, r, err);
	if (rc < 0) {
		return rc;
	}
	*stmt = store_reader_stmt(*r, n, err);
	return *stmt != NULL ? 0 : -err->code;
}

static int last_id(struct ddb_db *db, uint64_t *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = catalog_begin(db, LAST_ID, &r, &stmt, err);
	if (rc == 0) {
		rc = store_step(stmt, err);
	}
	if (rc == 1) {
		*out = sql_column_uint(stmt, 0);
	}
	return rc < 0 ? rc : 0;
}

int ddb_catalog_open(struct ddb_db *db, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	uint64_t last = 0;

	buf_printf(&path, "%s/catalog.db", db->dir);
	if (db->read_only && access(buf_cstr(&path), F_OK) < 0 && errno == ENOENT) {
		return 0;
	}
	struct store_config config = {
		.path = buf_cstr(&path),
		.label = "the table catalog",
		.application_id = CATALOG_APPLICATION_ID,
		.schema_version = CATALOG_SCHEMA_VERSION,
		.schema = catalog_schema,
		.sql = catalog_sql,
		.n_sql = N_CATALOG_SQL,
		.read_only = db->read_only,
		.create = !db->read_only,
		.sync = STORE_SYNC_CLOSE,
	};
	int rc = store_open(&config, &db->catalog, err);
	if (rc == 0) {
		rc = last_id(db, &last, err);
	}
	db->next_id = last + 1;
	return rc;
}

int ddb_catalog_children(struct ddb_db *db, struct ddb_children *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	if (db->catalog == NULL) {
		*out = (struct ddb_children){0};
		return 0;
	}
	int rc = catalog_begin(db, MTIME_GET, &r, &stmt, err);
	if (rc == 0) {
		rc = store_step(stmt, err);
	}
	if (rc == 1) {
		out->mtime_ns = sqlite3_column_int64(stmt, 0);
		out->n = sql_column_uint(stmt, 1);
	}
	return rc == 0 ? err_set(err, EIO, "the table catalog is damaged: its state is missing")
		       : (rc < 0 ? rc : 0);
}

int ddb_catalog_table(
	struct ddb_db *db, struct slice name, struct ddb_table_def *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	if (db->catalog == NULL) {
		return ddb_no_table(name, err);
	}
	int rc = catalog_begin(db, TABLE_FIND, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_text(stmt, 1, name);
	rc = store_step(stmt, err);
	if (rc == 1) {
		table_row(stmt, out);
	}
	return rc == 0 ? ddb_no_table(name, err) : (rc < 0 ? rc : 0);
}

/* Reads up to `max` tables with names behind `after`. */
static int read_batch(struct ddb_db *db, struct slice after, struct ddb_table_def *out,
	unsigned max, unsigned *n, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = catalog_begin(db, TABLE_NEXT, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_text(stmt, 1, after);
	sqlite3_bind_int(stmt, 2, (int)max);
	*n = 0;
	while ((rc = store_step(stmt, err)) == 1) {
		table_row(stmt, &out[(*n)++]);
	}
	return rc;
}

#define TABLES_AT_ONCE 32

static int each_of_batches(struct ddb_db *db, struct slice after, struct ddb_table_def *batch,
	ddb_table_fn *fn, void *arg, struct err *err)
{
	char last[DDB_NAME_MAX + 1];
	unsigned n = TABLES_AT_ONCE;
	int rc = 0;

	while (rc == 0 && n == TABLES_AT_ONCE) {
		rc = read_batch(db, after, batch, TABLES_AT_ONCE, &n, err);
		for (unsigned i = 0; rc == 0 && i < n; i++) {
			rc = fn(arg, &batch[i], err);
		}
		if (rc == 0 && n > 0) {
			memcpy(last, batch[n - 1].name, sizeof(last));
			after = slice_of(last);
		}
	}
	return rc;
}

int ddb_catalog_each(
	struct ddb_db *db, struct slice after, ddb_table_fn *fn, void *arg, struct err *err)
{
	if (db->catalog == NULL) {
		return 0;
	}
	struct ddb_table_def *batch = calloc(TABLES_AT_ONCE, sizeof(*batch));
	if (batch == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = each_of_batches(db, after, batch, fn, arg, err);
	free(batch);
	return rc < 0 ? rc : 0;
}

int ddb_catalog_has(struct ddb_db *db, char kind, uint64_t id, bool *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = catalog_begin(db, kind == 't' ? TABLE_HAS : BACKUP_HAS, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_uint(stmt, 1, id);
	rc = store_step(stmt, err);
	*out = rc == 1;
	return rc < 0 ? rc : 0;
}

/* ---- writing ---- */

int catalog_run_id(
	struct store_txn *t, enum catalog_sql n, uint64_t id, int64_t value, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_uint(stmt, 1, id);
	if (sqlite3_bind_parameter_count(stmt) > 1) {
		sqlite3_bind_int64(stmt, 2, value);
	}
	return sql_run(stmt, err);
}
