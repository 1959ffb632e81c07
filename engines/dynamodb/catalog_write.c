/* Tables come, go, get names and marks: the catalog's side of it. */
#include "engines/dynamodb/catalog_impl.h"

/* The service's directory changes when tables come and go. */
static int touch(struct store_txn *t, struct err *err)
{
	return catalog_run_id(t, MTIME_SET, (uint64_t)store_txn_time(t), 0, err);
}

static int add_table(struct store_txn *t, const struct ddb_table_def *def, struct err *err)
{
	STMT find = store_txn_stmt(t, TABLE_FIND, err);
	sqlite3_stmt *add = store_txn_stmt(t, TABLE_ADD, err);

	if (find == NULL || add == NULL) {
		return -err->code;
	}
	sql_bind_text(find, 1, slice_of(def->name));
	int rc = store_step(find, err);
	if (rc != 0) {
		return rc < 0 ? rc : err_set(err, EEXIST, "Table already exists: %s", def->name);
	}
	sql_bind_uint(add, 1, def->id);
	sql_bind_text(add, 2, slice_of(def->name));
	catalog_bind_schema(add, 3, &def->schema);
	sqlite3_bind_int(add, 7, def->deletion_protection);
	sqlite3_bind_int64(add, 8, def->created_ns);
	sqlite3_bind_int64(add, 9, def->mtime_ns);
	sqlite3_bind_int(add, 10, def->dirty);
	return sql_run(add, err);
}

struct replace {
	uint64_t drop;
	const struct ddb_table_def *def;
};

static int replace_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct replace *p = arg;
	int rc = 0;

	if (p->drop != 0) {
		rc = catalog_run_id(t, TABLE_DROP, p->drop, 0, err);
	}
	if (rc == 0 && p->def != NULL) {
		rc = add_table(t, p->def, err);
	}
	return rc < 0 ? rc : touch(t, err);
}

int ddb_catalog_replace(
	struct ddb_db *db, uint64_t drop, const struct ddb_table_def *def, struct err *err)
{
	struct replace p = {drop, def};

	return store_write(db->catalog, NULL, 0, replace_fn, &p, err);
}

static int rename_id(struct store_txn *t, uint64_t id, struct slice name, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, TABLE_RENAME, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_uint(stmt, 1, id);
	sql_bind_text(stmt, 2, name);
	return sql_run(stmt, err);
}

static int move_backups(struct store_txn *t, struct slice from, struct slice to, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, BACKUP_MOVE, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_text(stmt, 1, from);
	sql_bind_text(stmt, 2, to);
	return sql_run(stmt, err);
}

/* Backups outlive their table, so the new name may have some already. */
static int check_backups(struct store_txn *t, struct slice from, struct slice to, struct err *err)
{
	STMT stmt = store_txn_stmt(t, BACKUP_CLASH, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_text(stmt, 1, from);
	sql_bind_text(stmt, 2, to);
	int rc = store_step(stmt, err);
	if (rc != 1) {
		return rc;
	}
	return err_set(err, EEXIST,
		"table %.*s cannot become %.*s: both have a backup named %s; delete one of them",
		(int)from.n, from.p, (int)to.n, to.p, sqlite3_column_text(stmt, 0));
}

/* No table bears it: it is too short. Stands in while two names change places. */
static const struct slice nobody = {"-", 1};

static int exchange_names(struct store_txn *t, const struct ddb_catalog_move *m, struct err *err)
{
	struct slice from = slice_of(m->from->name);
	int rc = rename_id(t, m->over, nobody, err);

	rc = rc < 0 ? rc : rename_id(t, m->from->id, m->to, err);
	rc = rc < 0 ? rc : rename_id(t, m->over, from, err);
	rc = rc < 0 ? rc : move_backups(t, m->to, nobody, err);
	rc = rc < 0 ? rc : move_backups(t, from, m->to, err);
	return rc < 0 ? rc : move_backups(t, nobody, from, err);
}

static int rename_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct ddb_catalog_move *m = arg;
	struct slice from = slice_of(m->from->name);
	int rc = 0;

	if (m->exchange) {
		rc = exchange_names(t, m, err);
		return rc < 0 ? rc : touch(t, err);
	}
	if (m->over != 0) {
		rc = catalog_run_id(t, TABLE_DROP, m->over, 0, err);
	}
	rc = rc < 0 ? rc : check_backups(t, from, m->to, err);
	rc = rc < 0 ? rc : rename_id(t, m->from->id, m->to, err);
	rc = rc < 0 ? rc : move_backups(t, from, m->to, err);
	return rc < 0 ? rc : touch(t, err);
}

int ddb_catalog_rename(struct ddb_db *db, const struct ddb_catalog_move *move, struct err *err)
{
	return store_write(db->catalog, NULL, 0, rename_fn, (void *)move, err);
}

struct protect {
	uint64_t id;
	bool on;
};

static int protect_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct protect *p = arg;

	return catalog_run_id(t, TABLE_PROTECT, p->id, p->on, err);
}

int ddb_catalog_protect(struct ddb_db *db, uint64_t id, bool on, struct err *err)
{
	struct protect p = {id, on};

	return store_write(db->catalog, NULL, 0, protect_fn, &p, err);
}

struct mark {
	uint64_t id;
	bool dirty;
	int64_t mtime_ns;
};

static int mark_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct mark *m = arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, TABLE_MARK, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_uint(stmt, 1, m->id);
	sqlite3_bind_int(stmt, 2, m->dirty);
	sqlite3_bind_int64(stmt, 3, m->mtime_ns);
	return sql_run(stmt, err);
}

int ddb_catalog_mark(struct ddb_db *db, uint64_t id, bool dirty, int64_t mtime_ns, struct err *err)
{
	struct mark m = {id, dirty, mtime_ns};

	return store_write(db->catalog, NULL, 0, mark_fn, &m, err);
}
