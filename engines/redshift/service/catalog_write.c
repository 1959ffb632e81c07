/* Clusters and snapshots come, go and change: the catalog's side of it. */
#include "engines/redshift/service/catalog_impl.h"

/* What every change here is done with. */
struct change {
	uint64_t id;
	const struct redshift_def *def;
	const struct redshift_snapshot *snapshot;
	const struct redshift_size *size;
};

static int write_change(
	struct redshift_service *s, store_fn *fn, const struct change *c, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, fn, (void *)c, err);
}

/* ---- clusters ---- */

static void bind_settings(sqlite3_stmt *stmt, const struct redshift_def *def)
{
	sqlite3_bind_int(stmt, 5, def->paused);
	sqlite3_bind_int64(stmt, 6, def->retention_days);
	sqlite3_bind_int64(stmt, 7, def->interval_s);
	sqlite3_bind_int64(stmt, 8, def->automated_ns);
}

static int add_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct redshift_def *def = ((const struct change *)arg)->def;
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, def->id);
	catalog_bind_text(stmt, 2, slice_of(def->name));
	catalog_bind_text(stmt, 3, slice_of(def->driver));
	sqlite3_bind_int64(stmt, 4, def->created_ns);
	bind_settings(stmt, def);
	int rc = catalog_run(stmt, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int redshift_catalog_add(
	struct redshift_service *s, const struct redshift_def *def, struct err *err)
{
	return write_change(s, add_fn, &(struct change){.def = def}, err);
}

static int set_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct redshift_def *def = ((const struct change *)arg)->def;
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, def->id);
	bind_settings(stmt, def);
	return catalog_run(stmt, err);
}

int redshift_catalog_set(
	struct redshift_service *s, const struct redshift_def *def, struct err *err)
{
	return write_change(s, set_fn, &(struct change){.def = def}, err);
}

/* ---- snapshots ---- */

static int check_free(struct store_txn *t, const char *name, struct err *err)
{
	int rc = catalog_taken(t, SNAPSHOT_FIND, name, err);

	return rc <= 0 ? rc
		       : err_set(err, EEXIST,
				 "ClusterSnapshotAlreadyExists: there is a snapshot %s", name);
}

static int add_snapshot(
	struct store_txn *t, const struct redshift_snapshot *snapshot, struct err *err)
{
	int rc = check_free(t, snapshot->name, err);
	sqlite3_stmt *add = rc < 0 ? NULL : store_txn_stmt(t, SNAPSHOT_ADD, err);

	if (add == NULL) {
		return -err->code;
	}
	catalog_bind_id(add, 1, snapshot->id);
	catalog_bind_text(add, 2, slice_of(snapshot->name));
	catalog_bind_text(add, 3, slice_of(snapshot->cluster));
	catalog_bind_id(add, 4, snapshot->cluster_id);
	catalog_bind_text(add, 5, slice_of(snapshot->driver));
	sqlite3_bind_int64(add, 6, snapshot->created_ns);
	catalog_bind_id(add, 7, snapshot->bytes);
	sqlite3_bind_int(add, 8, snapshot->automated);
	sqlite3_bind_int64(add, 9, snapshot->retention_days);
	sqlite3_bind_int64(add, 10, snapshot->nodes);
	sqlite3_bind_int64(add, 11, snapshot->slices);
	rc = catalog_run(add, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

static int add_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	return add_snapshot(t, ((const struct change *)arg)->snapshot, err);
}

int redshift_catalog_add_snapshot(
	struct redshift_service *s, const struct redshift_snapshot *snapshot, struct err *err)
{
	return write_change(s, add_snapshot_fn, &(struct change){.snapshot = snapshot}, err);
}

static int drop_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	int rc = catalog_run_named(t, SNAPSHOT_DROP, ((const struct change *)arg)->id, NULL, err);

	return rc < 0 ? rc : catalog_touch(t, err);
}

int redshift_catalog_drop_snapshot(struct redshift_service *s, uint64_t id, struct err *err)
{
	return write_change(s, drop_snapshot_fn, &(struct change){.id = id}, err);
}

static int drop_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	int rc = c->snapshot != NULL ? add_snapshot(t, c->snapshot, err) : 0;
	rc = rc < 0 ? rc : catalog_run_named(t, CLUSTER_DROP, c->id, NULL, err);
	rc = rc < 0 ? rc : catalog_run_named(t, SIZES_DROP, c->id, NULL, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int redshift_catalog_drop(struct redshift_service *s, uint64_t id,
	const struct redshift_snapshot *final, struct err *err)
{
	return write_change(s, drop_fn, &(struct change){.id = id, .snapshot = final}, err);
}

/* ---- sizes ---- */

static int put_size_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct redshift_size *size = ((const struct change *)arg)->size;
	sqlite3_stmt *stmt = store_txn_stmt(t, SIZE_PUT, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, size->cluster_id);
	catalog_bind_id(stmt, 2, size->table);
	sqlite3_bind_int64(stmt, 3, size->form);
	catalog_bind_id(stmt, 4, size->xid);
	catalog_bind_id(stmt, 5, size->bytes);
	return catalog_run(stmt, err);
}

int redshift_catalog_put_size(
	struct redshift_service *s, const struct redshift_size *size, struct err *err)
{
	return write_change(s, put_size_fn, &(struct change){.size = size}, err);
}
