/* Backups as trees: `.snapshots/NAME` below a table, `.snapshots/TABLE:NAME`
 * below the service. A view is an engine of its own over one file. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>

static int no_views(struct err *err)
{
	return err_set(err, ENOTSUP, "only snapshots of a table can be looked at here");
}

/* The table whose views these are (no bytes: all) and whether there may be any. */
static int views_of(struct ddb_db *db, const struct epath *path, enum engine_view_kind kind,
	struct slice *table, struct err *err)
{
	struct ddb_table_def def;

	if (kind != ENGINE_VIEW_SNAPSHOT || path->depth > 1 || db->only != NULL) {
		return no_views(err);
	}
	*table = path->depth == 1 ? path->key[0] : slice_of("");
	return path->depth == 1 ? ddb_catalog_table(db, path->key[0], &def, err) : 0;
}

/* The table and backup that a view's name means. */
static int name_parts(const struct epath *path, struct slice name, struct slice *table,
	struct slice *backup, struct err *err)
{
	if (path->depth == 0) {
		return ddb_backup_split(name, table, backup, err);
	}
	*table = path->key[0];
	*backup = name;
	return 0;
}

/* ---- list ---- */

struct listing {
	engine_emit *emit;
	void *arg;
};

static int emit_backup(void *arg, const struct ddb_backup_def *def, struct slice view_name)
{
	const struct listing *l = arg;
	struct engine_info info = {
		.kind = ENGINE_DIR,
		.version = def->id,
		.mtime_ns = def->created_ns,
	};

	return l->emit(l->arg, view_name, &info);
}

int dynamodb_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {emit, arg};
	struct slice table = {0};

	int rc = views_of(ctx, path, kind, &table, err);
	if (rc < 0) {
		return rc;
	}
	return ddb_catalog_backups(
		ctx, table, after != NULL ? *after : slice_of(""), emit_backup, &l, err);
}

/* ---- open ---- */

static int attach(struct ddb_db *view, const struct ddb_backup_def *backup, struct err *err)
{
	struct ddb_table_def def = {
		.id = backup->id,
		.schema = backup->schema,
		.created_ns = backup->table_created_ns,
	};
	char label[2 * DDB_NAME_MAX + 32];
	struct store *s;

	memcpy(def.name, backup->table, sizeof(def.name));
	view->only_protected = backup->deletion_protection;
	view->only = ddb_table_new(view, &def);
	if (view->only == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	snprintf(label, sizeof(label), "backup %s of table %s", backup->name, backup->table);
	int rc = ddb_store_open(view, 'b', backup->id, label, true, &s, err);
	if (rc == 0) {
		atomic_store(&view->only->store, s);
	}
	return rc;
}

int dynamodb_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	const struct ddb_db *db = ctx;
	struct ddb_backup_def backup;
	struct slice table = {0};
	struct slice backup_name = {0};
	struct err why = {0};

	int rc = views_of(ctx, path, kind, &table, err);
	if (rc < 0) {
		return rc;
	}
	if (name_parts(path, name, &table, &backup_name, &why) < 0) {
		return err_set(err, ENOENT, "Backup not found: %s", why.msg);
	}
	rc = ddb_catalog_backup(ctx, table, backup_name, &backup, err);
	if (rc < 0) {
		return rc;
	}
	struct ddb_db *v = ddb_db_new(db->dir, err);
	if (v == NULL) {
		return -err->code;
	}
	v->read_only = true;
	v->typed = db->typed;
	rc = attach(v, &backup, err);
	if (rc < 0) {
		dynamodb_sqlite_close(v);
		return rc;
	}
	*view = v;
	return 0;
}

/* ---- make, remove ---- */

int dynamodb_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	static const struct ddb_progress silent;
	struct slice table = {0};
	struct slice backup = {0};

	int rc = views_of(ctx, path, kind, &table, err);
	rc = rc < 0 ? rc : name_parts(path, name, &table, &backup, err);
	return rc < 0 ? rc : ddb_backup_create(ctx, table, backup, &silent, err);
}

int dynamodb_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct slice table = {0};
	struct slice backup = {0};

	int rc = views_of(ctx, path, kind, &table, err);
	rc = rc < 0 ? rc : name_parts(path, name, &table, &backup, err);
	return rc < 0 ? rc : ddb_backup_delete(ctx, table, backup, err);
}
