/* The catalog's rows of backups. */
#include "engines/dynamodb/catalog_impl.h"

static void backup_row(sqlite3_stmt *stmt, struct ddb_backup_def *out)
{
	out->id = sql_column_uint(stmt, 0);
	catalog_column_text(stmt, 1, out->name, sizeof(out->name));
	catalog_column_schema(stmt, 2, &out->schema);
	out->deletion_protection = sqlite3_column_int(stmt, 6) != 0;
	out->created_ns = sqlite3_column_int64(stmt, 7);
	out->items = sql_column_uint(stmt, 8);
	out->bytes = sql_column_uint(stmt, 9);
	out->on_disk = sql_column_uint(stmt, 10);
	catalog_column_text(stmt, 11, out->table, sizeof(out->table));
	out->table_created_ns = sqlite3_column_int64(stmt, 12);
}

static int no_backup(struct slice table, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	CLEANUP(buf_free) struct buf of = BUF_INIT;

	name_escape(name, &shown);
	name_escape(table, &of);
	return err_set(
		err, ENOENT, "Backup not found: %s of table %s", buf_cstr(&shown), buf_cstr(&of));
}

int ddb_catalog_backup(struct ddb_db *db, struct slice table, struct slice name,
	struct ddb_backup_def *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	if (db->catalog == NULL) {
		return no_backup(table, name, err);
	}
	int rc = catalog_begin(db, BACKUP_FIND, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_text(stmt, 1, table);
	sql_bind_text(stmt, 2, name);
	rc = store_step(stmt, err);
	if (rc == 1) {
		backup_row(stmt, out);
	}
	return rc == 0 ? no_backup(table, name, err) : (rc < 0 ? rc : 0);
}

int ddb_catalog_backups(struct ddb_db *db, struct slice table, struct slice after,
	ddb_backup_fn *fn, void *arg, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;
	struct ddb_backup_def def;

	if (db->catalog == NULL) {
		return 0;
	}
	int rc = catalog_begin(db, BACKUP_NEXT, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_text(stmt, 1, table);
	sql_bind_text(stmt, 2, after);
	while ((rc = store_step(stmt, err)) == 1) {
		backup_row(stmt, &def);
		const char *shown = (const char *)sqlite3_column_text(stmt, 13);
		if (fn(arg, &def, slice_of(shown != NULL ? shown : "")) != 0) {
			return 0;
		}
	}
	return rc;
}

static int add_backup_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct ddb_backup_def *def = arg;
	STMT find = store_txn_stmt(t, BACKUP_FIND, err);
	sqlite3_stmt *add = store_txn_stmt(t, BACKUP_ADD, err);

	if (find == NULL || add == NULL) {
		return -err->code;
	}
	sql_bind_text(find, 1, slice_of(def->table));
	sql_bind_text(find, 2, slice_of(def->name));
	int rc = store_step(find, err);
	if (rc != 0) {
		return rc < 0 ? rc
			      : err_set(err, EEXIST, "Backup already exists: %s of table %s",
					def->name, def->table);
	}
	sql_bind_uint(add, 1, def->id);
	sql_bind_text(add, 2, slice_of(def->name));
	catalog_bind_schema(add, 3, &def->schema);
	sqlite3_bind_int(add, 7, def->deletion_protection);
	sqlite3_bind_int64(add, 8, def->created_ns);
	sql_bind_uint(add, 9, def->items);
	sql_bind_uint(add, 10, def->bytes);
	sql_bind_uint(add, 11, def->on_disk);
	sql_bind_text(add, 12, slice_of(def->table));
	sqlite3_bind_int64(add, 13, def->table_created_ns);
	return sql_run(add, err);
}

int ddb_catalog_add_backup(struct ddb_db *db, const struct ddb_backup_def *def, struct err *err)
{
	return store_write(db->catalog, NULL, 0, add_backup_fn, (void *)def, err);
}

static int drop_backup_fn(struct store_txn *t, void *arg, struct err *err)
{
	return catalog_run_id(t, BACKUP_DROP, *(const uint64_t *)arg, 0, err);
}

int ddb_catalog_drop_backup(struct ddb_db *db, uint64_t id, struct err *err)
{
	return store_write(db->catalog, NULL, 0, drop_backup_fn, &id, err);
}
