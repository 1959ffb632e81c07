/* What tables and backups there are. Every change is durable when it returns,
 * whatever the mount's sync setting: these are rare, and files depend on them. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>
#include <string.h>

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

#define KEY_COLUMNS "hash_name, hash_type, range_name, range_type, deletion_protection, created"
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
	[BACKUP_CLASH] = "SELECT a.name FROM backups a JOIN backups b ON a.name = b.name"
			 " WHERE a.table_name = ?1 AND b.table_name = ?2 LIMIT 1",
	[MTIME_GET] = "SELECT mtime, (SELECT count(*) FROM tables) FROM state",
	[MTIME_SET] = "UPDATE state SET mtime = ?1",
	[LAST_ID] = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence",
};

/* ---- rows to structs and back ---- */

static void column_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

static void column_key(sqlite3_stmt *stmt, int column, struct ddb_key_def *out)
{
	const char *type = (const char *)sqlite3_column_text(stmt, column + 1);

	column_text(stmt, column, out->name, sizeof(out->name));
	out->type = DDB_S;
	for (enum ddb_type t = DDB_S; t <= DDB_B; t++) {
		if (type != NULL && strcmp(type, ddb_type_names[t]) == 0) {
			out->type = t;
		}
	}
}

/* The columns from `column` on that KEY_COLUMNS names, but the last two. */
static void column_schema(sqlite3_stmt *stmt, int column, struct ddb_key_schema *out)
{
	*out = (struct ddb_key_schema){0};
	column_key(stmt, column, &out->hash);
	out->has_range = sqlite3_column_type(stmt, column + 2) != SQLITE_NULL;
	if (out->has_range) {
		column_key(stmt, column + 2, &out->range);
	}
}

static void bind_schema(sqlite3_stmt *stmt, int index, const struct ddb_key_schema *schema)
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
	column_text(stmt, 1, out->name, sizeof(out->name));
	column_schema(stmt, 2, &out->schema);
	out->deletion_protection = sqlite3_column_int(stmt, 6) != 0;
	out->created_ns = sqlite3_column_int64(stmt, 7);
	out->mtime_ns = sqlite3_column_int64(stmt, 8);
	out->dirty = sqlite3_column_int(stmt, 9) != 0;
}

static void backup_row(sqlite3_stmt *stmt, struct ddb_backup_def *out)
{
	out->id = sql_column_uint(stmt, 0);
	column_text(stmt, 1, out->name, sizeof(out->name));
	column_schema(stmt, 2, &out->schema);
	out->deletion_protection = sqlite3_column_int(stmt, 6) != 0;
	out->created_ns = sqlite3_column_int64(stmt, 7);
	out->items = sql_column_uint(stmt, 8);
	out->bytes = sql_column_uint(stmt, 9);
	out->on_disk = sql_column_uint(stmt, 10);
	column_text(stmt, 11, out->table, sizeof(out->table));
	out->table_created_ns = sqlite3_column_int64(stmt, 12);
}

/* ---- reading ---- */

/* A reader and a statement on it, in one step. */
static int begin(struct ddb_db *db, enum catalog_sql n, struct store_reader **r,
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

	int rc = begin(db, LAST_ID, &r, &stmt, err);
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

	int rc = begin(db, MTIME_GET, &r, &stmt, err);
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

int ddb_catalog_table(struct ddb_db *db, struct slice name, struct ddb_table_def *out,
	struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = begin(db, TABLE_FIND, &r, &stmt, err);
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

int ddb_catalog_tables(struct ddb_db *db, struct slice after, struct ddb_table_def *out,
	unsigned max, unsigned *n, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = begin(db, TABLE_NEXT, &r, &stmt, err);
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

int ddb_catalog_has(struct ddb_db *db, char kind, uint64_t id, bool *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = begin(db, kind == 't' ? TABLE_HAS : BACKUP_HAS, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_uint(stmt, 1, id);
	rc = store_step(stmt, err);
	*out = rc == 1;
	return rc < 0 ? rc : 0;
}

int ddb_catalog_backup(struct ddb_db *db, struct slice table, struct slice name,
	struct ddb_backup_def *out, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	READER r = NULL;
	STMT stmt = NULL;

	int rc = begin(db, BACKUP_FIND, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	sql_bind_text(stmt, 1, table);
	sql_bind_text(stmt, 2, name);
	rc = store_step(stmt, err);
	if (rc == 1) {
		backup_row(stmt, out);
	}
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	name_escape(name, &shown);
	return err_set(err, ENOENT, "Backup not found: %s of table %.*s", buf_cstr(&shown),
		(int)table.n, table.p);
}

int ddb_catalog_backups(struct ddb_db *db, struct slice table, struct slice after,
	ddb_backup_fn *fn, void *arg, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;
	struct ddb_backup_def def;

	int rc = begin(db, BACKUP_NEXT, &r, &stmt, err);
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

/* ---- writing ---- */

static sqlite3_stmt *prepare(struct store_txn *t, enum catalog_sql n, struct err *err)
{
	return store_txn_stmt(t, n, err);
}

/* A statement that takes an id and perhaps a number. */
static int run_id(struct store_txn *t, enum catalog_sql n, uint64_t id, int64_t value,
	struct err *err)
{
	sqlite3_stmt *stmt = prepare(t, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_uint(stmt, 1, id);
	if (sqlite3_bind_parameter_count(stmt) > 1) {
		sqlite3_bind_int64(stmt, 2, value);
	}
	return sql_run(stmt, err);
}

/* The service's directory changes when tables come and go. */
static int touch(struct store_txn *t, struct err *err)
{
	return run_id(t, MTIME_SET, (uint64_t)store_txn_time(t), 0, err);
}

static int add_table(struct store_txn *t, const struct ddb_table_def *def, struct err *err)
{
	STMT find = prepare(t, TABLE_FIND, err);
	sqlite3_stmt *add = prepare(t, TABLE_ADD, err);

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
	bind_schema(add, 3, &def->schema);
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
		rc = run_id(t, TABLE_DROP, p->drop, 0, err);
	}
	if (rc == 0 && p->def != NULL) {
		rc = add_table(t, p->def, err);
	}
	return rc < 0 ? rc : touch(t, err);
}

int ddb_catalog_replace(struct ddb_db *db, uint64_t drop, const struct ddb_table_def *def,
	struct err *err)
{
	struct replace p = {drop, def};

	return store_write(db->catalog, NULL, 0, replace_fn, &p, err);
}

static int rename_id(struct store_txn *t, uint64_t id, struct slice name, struct err *err)
{
	sqlite3_stmt *stmt = prepare(t, TABLE_RENAME, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sql_bind_uint(stmt, 1, id);
	sql_bind_text(stmt, 2, name);
	return sql_run(stmt, err);
}

static int move_backups(struct store_txn *t, struct slice from, struct slice to, struct err *err)
{
	sqlite3_stmt *stmt = prepare(t, BACKUP_MOVE, err);

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
	STMT stmt = prepare(t, BACKUP_CLASH, err);

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
		rc = run_id(t, TABLE_DROP, m->over, 0, err);
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

	return run_id(t, TABLE_PROTECT, p->id, p->on, err);
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
	sqlite3_stmt *stmt = prepare(t, TABLE_MARK, err);

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

static int add_backup_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct ddb_backup_def *def = arg;
	STMT find = prepare(t, BACKUP_FIND, err);
	sqlite3_stmt *add = prepare(t, BACKUP_ADD, err);

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
	bind_schema(add, 3, &def->schema);
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
	return run_id(t, BACKUP_DROP, *(const uint64_t *)arg, 0, err);
}

int ddb_catalog_drop_backup(struct ddb_db *db, uint64_t id, struct err *err)
{
	return store_write(db->catalog, NULL, 0, drop_backup_fn, &id, err);
}
