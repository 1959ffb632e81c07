/* Clusters, members and snapshots come, go and change: the catalog's side of it. */
#include "engines/docdb/service/catalog_impl.h"

/* What every change here is done with. */
struct change {
	uint64_t id;
	const struct docdb_def *def;
	const struct docdb_member *member;
	const struct docdb_snapshot *snapshot;
	const char *name;
	unsigned zone;
};

static int write_change(
	struct docdb_service *s, store_fn *fn, const struct change *c, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, fn, (void *)c, err);
}

/* ---- clusters ---- */

static int put_member(
	struct store_txn *t, uint64_t id, const struct docdb_member *m, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, MEMBER_PUT, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, id);
	catalog_bind_text(stmt, 2, slice_of(m->name));
	sqlite3_bind_int64(stmt, 3, m->zone);
	sqlite3_bind_int64(stmt, 4, m->tier);
	sqlite3_bind_int64(stmt, 5, m->delay_ms);
	sqlite3_bind_int64(stmt, 6, m->created_ns);
	return catalog_run(stmt, err);
}

static int add_cluster(struct store_txn *t, const struct docdb_def *def, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, def->id);
	catalog_bind_text(stmt, 2, slice_of(def->name));
	sqlite3_bind_int64(stmt, 3, def->created_ns);
	sqlite3_bind_int(stmt, 4, def->stopped);
	sqlite3_bind_int64(stmt, 5, def->stopped_ns);
	sqlite3_bind_int(stmt, 6, def->deletion_protection);
	catalog_bind_text(stmt, 7, slice_of(def->writer));
	catalog_bind_text(stmt, 8, slice_of(def->target));
	catalog_bind_id(stmt, 9, def->allocated);
	return catalog_run(stmt, err);
}

static int add_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	int rc = add_cluster(t, c->def, err);
	rc = rc < 0 ? rc : put_member(t, c->def->id, c->member, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int docdb_catalog_add(struct docdb_service *s, const struct docdb_def *def,
	const struct docdb_member *writer, struct err *err)
{
	return write_change(s, add_fn, &(struct change){.def = def, .member = writer}, err);
}

static int set_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct docdb_def *def = ((const struct change *)arg)->def;
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, def->id);
	sqlite3_bind_int(stmt, 2, def->stopped);
	sqlite3_bind_int64(stmt, 3, def->stopped_ns);
	sqlite3_bind_int(stmt, 4, def->deletion_protection);
	catalog_bind_id(stmt, 5, def->allocated);
	return catalog_run(stmt, err);
}

int docdb_catalog_set(struct docdb_service *s, const struct docdb_def *def, struct err *err)
{
	return write_change(s, set_fn, &(struct change){.def = def}, err);
}

/* ---- roles ---- */

static int target_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	return catalog_run_named(t, CLUSTER_TARGET, c->id, c->name, err);
}

int docdb_catalog_set_target(
	struct docdb_service *s, uint64_t cluster_id, const char *target, struct err *err)
{
	return write_change(s, target_fn, &(struct change){.id = cluster_id, .name = target}, err);
}

static int writer_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, MEMBER_ZONE, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, c->id);
	catalog_bind_text(stmt, 2, slice_of(c->name));
	sqlite3_bind_int64(stmt, 3, c->zone);
	int rc = catalog_run(stmt, err);
	return rc < 0 ? rc : catalog_run_named(t, CLUSTER_WRITER, c->id, c->name, err);
}

int docdb_catalog_set_writer(struct docdb_service *s, uint64_t cluster_id, const char *writer,
	unsigned zone, struct err *err)
{
	struct change c = {.id = cluster_id, .name = writer, .zone = zone};

	return write_change(s, writer_fn, &c, err);
}

static int put_member_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	return put_member(t, c->id, c->member, err);
}

int docdb_catalog_put_member(struct docdb_service *s, uint64_t cluster_id,
	const struct docdb_member *member, struct err *err)
{
	return write_change(
		s, put_member_fn, &(struct change){.id = cluster_id, .member = member}, err);
}

static int drop_member_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	return catalog_run_named(t, MEMBER_DROP, c->id, c->name, err);
}

int docdb_catalog_drop_member(
	struct docdb_service *s, uint64_t cluster_id, const char *name, struct err *err)
{
	return write_change(
		s, drop_member_fn, &(struct change){.id = cluster_id, .name = name}, err);
}

/* ---- snapshots ---- */

static int check_free(struct store_txn *t, const char *name, struct err *err)
{
	int rc = catalog_taken(t, SNAPSHOT_FIND, name, err);

	return rc <= 0 ? rc
		       : err_set(err, EEXIST,
				 "DBClusterSnapshotAlreadyExistsFault: there is a snapshot %s",
				 name);
}

static int add_snapshot(struct store_txn *t, const struct docdb_snapshot *snapshot, struct err *err)
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
	sqlite3_bind_int64(add, 5, snapshot->created_ns);
	catalog_bind_id(add, 6, snapshot->bytes);
	rc = catalog_run(add, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

static int add_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	return add_snapshot(t, ((const struct change *)arg)->snapshot, err);
}

int docdb_catalog_add_snapshot(
	struct docdb_service *s, const struct docdb_snapshot *snapshot, struct err *err)
{
	return write_change(s, add_snapshot_fn, &(struct change){.snapshot = snapshot}, err);
}

static int drop_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	int rc = catalog_run_named(t, SNAPSHOT_DROP, ((const struct change *)arg)->id, NULL, err);

	return rc < 0 ? rc : catalog_touch(t, err);
}

int docdb_catalog_drop_snapshot(struct docdb_service *s, uint64_t id, struct err *err)
{
	return write_change(s, drop_snapshot_fn, &(struct change){.id = id}, err);
}

static int drop_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	int rc = c->snapshot != NULL ? add_snapshot(t, c->snapshot, err) : 0;
	rc = rc < 0 ? rc : catalog_run_named(t, CLUSTER_DROP, c->id, NULL, err);
	rc = rc < 0 ? rc : catalog_run_named(t, MEMBERS_DROP, c->id, NULL, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int docdb_catalog_drop(
	struct docdb_service *s, uint64_t id, const struct docdb_snapshot *final, struct err *err)
{
	return write_change(s, drop_fn, &(struct change){.id = id, .snapshot = final}, err);
}
