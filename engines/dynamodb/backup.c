/* Backups: a consistent copy of a table's file, and tables made from one. The
 * copying holds no lock: a backup exists once its row is in the catalog. */
#include "engines/common/clock.h"
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>

int ddb_backup_split(struct slice full, struct slice *table, struct slice *name, struct err *err)
{
	const char *colon = full.n > 0 ? memchr(full.p, ':', full.n) : NULL;

	if (colon == NULL) {
		return err_set(err, EINVAL, "'%.*s': TABLE:NAME is expected",
			(int)(full.n < 200 ? full.n : 200), full.p != NULL ? full.p : "");
	}
	*table = slice_make(full.p, (size_t)(colon - full.p));
	*name = slice_make(colon + 1, full.n - table->n - 1);
	return 0;
}

static uint64_t next_id(struct ddb_db *db)
{
	LOCKED(&db->ddl);
	return db->next_id++;
}

static int copy_to(struct ddb_db *db, struct store *s, char kind, uint64_t id,
	const struct ddb_progress *progress, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	int rc = ddb_file_path(db, kind, id, &path, err);
	if (rc == 0) {
		rc = store_copy(s, buf_cstr(&path), progress->fn, progress->arg, err);
	}
	return rc < 0 ? rc : ddb_dir_sync(db, err);
}

/* ---- make ---- */

/* Counts in the copy: the table goes on while it is copied. */
static int take_totals(struct ddb_db *db, struct ddb_backup_def *def, struct err *err)
{
	struct ddb_totals totals = {0};
	struct store *s;

	int rc = ddb_store_open(db, 'b', def->id, "the new backup", true, &s, err);
	if (rc < 0) {
		return rc;
	}
	rc = ddb_store_totals(s, &totals, err);
	store_close(s);
	def->items = totals.items;
	def->bytes = totals.bytes;
	def->on_disk = ddb_file_size(db, 'b', def->id);
	return rc;
}

/* The table may bear another name by now, or have gone: the backup is of the
 * name it bears last. */
static int add_row(struct ddb_table *t, struct ddb_backup_def *def, struct err *err)
{
	struct ddb_db *db = t->db;
	struct ddb_table_def table;
	struct err why = {0};

	LOCKED(&db->ddl);
	ddb_table_name(t, def->table);
	if (ddb_catalog_table(db, slice_of(def->table), &table, &why) == 0) {
		def->deletion_protection = table.deletion_protection;
	}
	return ddb_catalog_add_backup(db, def, err);
}

static int make(struct ddb_table *t, struct ddb_backup_def *def,
	const struct ddb_progress *progress, struct err *err)
{
	struct ddb_db *db = t->db;
	struct store *s;

	int rc = ddb_table_store(t, &s, err);
	if (rc < 0) {
		return rc;
	}
	def->id = next_id(db);
	def->schema = t->schema;
	def->table_created_ns = t->created_ns;
	def->created_ns = clock_wall_ns();
	rc = copy_to(db, s, 'b', def->id, progress, err);
	rc = rc < 0 ? rc : take_totals(db, def, err);
	rc = rc < 0 ? rc : add_row(t, def, err);
	if (rc < 0) {
		ddb_file_remove(db, 'b', def->id);
	}
	return rc;
}

int ddb_backup_create(struct ddb_db *db, struct slice table, struct slice name,
	const struct ddb_progress *progress, struct err *err)
{
	TABLE t = NULL;
	struct ddb_backup_def def = {0};
	struct err why = {0};

	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_check_name("backupName", name, err);
	rc = rc < 0 ? rc : ddb_table_get(db, table, &t, err);
	if (rc < 0) {
		return rc;
	}
	/* Before the work rather than after it; the row decides. */
	if (ddb_catalog_backup(db, table, name, &def, &why) == 0) {
		return err_set(
			err, EEXIST, "Backup already exists: %s of table %s", def.name, def.table);
	}
	snprintf(def.name, sizeof(def.name), "%.*s", (int)name.n, name.p);
	return make(t, &def, progress, err);
}

/* ---- remove ---- */

int ddb_backup_delete(struct ddb_db *db, struct slice table, struct slice name, struct err *err)
{
	struct ddb_backup_def def;

	LOCKED(&db->ddl);
	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_catalog_backup(db, table, name, &def, err);
	rc = rc < 0 ? rc : ddb_catalog_drop_backup(db, def.id, err);
	if (rc == 0) {
		ddb_file_remove(db, 'b', def.id);
	}
	return rc;
}

/* ---- restore ---- */

static int copy_back(struct ddb_db *db, const struct ddb_backup_def *backup, uint64_t id,
	const struct ddb_progress *progress, struct err *err)
{
	char label[2 * DDB_NAME_MAX + 32];
	struct store *s;

	snprintf(label, sizeof(label), "backup %s of table %s", backup->name, backup->table);
	int rc = ddb_store_open(db, 'b', backup->id, label, true, &s, err);
	if (rc < 0) {
		return rc;
	}
	rc = copy_to(db, s, 't', id, progress, err);
	store_close(s);
	return rc;
}

/* The table is a new one: its list of children is of now. */
static int touch(struct ddb_db *db, struct ddb_table_def *def, struct err *err)
{
	struct store *s;

	int rc = ddb_store_open(db, 't', def->id, "the restored table", false, &s, err);
	if (rc < 0) {
		return rc;
	}
	rc = ddb_store_touch(s, &def->mtime_ns, err);
	store_close(s);
	def->created_ns = def->mtime_ns;
	return rc;
}

static int add_table(struct ddb_db *db, const struct ddb_table_def *def, struct err *err)
{
	LOCKED(&db->ddl);
	return ddb_catalog_replace(db, 0, def, err);
}

int ddb_backup_restore(struct ddb_db *db, const struct ddb_backup_def *backup, struct slice name,
	const struct ddb_progress *progress, struct err *err)
{
	struct ddb_table_def def = {.schema = backup->schema};

	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_check_name("targetTableName", name, err);
	rc = rc < 0 ? rc : ddb_check_absent(db, name, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(def.name, sizeof(def.name), "%.*s", (int)name.n, name.p);
	def.id = next_id(db);
	rc = copy_back(db, backup, def.id, progress, err);
	rc = rc < 0 ? rc : touch(db, &def, err);
	rc = rc < 0 ? rc : add_table(db, &def, err);
	if (rc < 0) {
		ddb_file_remove(db, 't', def.id);
	}
	return rc;
}
