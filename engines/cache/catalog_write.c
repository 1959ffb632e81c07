/* Clusters, nodes and snapshots come, go and change: the catalog's side of it. */
#include "engines/cache/catalog_impl.h"

/* What every change here is done with. */
struct change {
	uint64_t id;
	const struct cache_def *def;
	const struct cache_nodes *nodes;
	const struct cache_node *node;
	const struct cache_snapshot *snapshot;
	const char *name;
	uint64_t store_id;
};

static int write_change(
	struct cache_service *s, store_fn *fn, const struct change *c, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, fn, (void *)c, err);
}

/* ---- clusters ---- */

static int put_node(struct store_txn *t, uint64_t id, const struct cache_node *n, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, NODE_PUT, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, id);
	catalog_bind_text(stmt, 2, slice_of(n->name));
	sqlite3_bind_int64(stmt, 3, n->zone);
	sqlite3_bind_int64(stmt, 4, n->delay_ms);
	sqlite3_bind_int64(stmt, 5, n->created_ns);
	return catalog_run(stmt, err);
}

static int add_cluster(struct store_txn *t, const struct cache_def *def, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, def->id);
	catalog_bind_text(stmt, 2, slice_of(def->name));
	sqlite3_bind_int(stmt, 3, (int)def->kind);
	sqlite3_bind_int64(stmt, 4, def->created_ns);
	catalog_bind_id(stmt, 5, def->maxmemory);
	sqlite3_bind_int(stmt, 6, (int)def->policy);
	sqlite3_bind_int(stmt, 7, (int)def->persistence);
	sqlite3_bind_int(stmt, 8, def->automatic_failover);
	catalog_bind_text(stmt, 9, slice_of(def->primary));
	catalog_bind_id(stmt, 10, def->store_id);
	return catalog_run(stmt, err);
}

static int add_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	int rc = add_cluster(t, c->def, err);
	for (unsigned k = 0; rc == 0 && k < c->nodes->count; k++) {
		rc = put_node(t, c->def->id, &c->nodes->n[k], err);
	}
	return rc < 0 ? rc : catalog_touch(t, err);
}

int cache_catalog_add(struct cache_service *s, const struct cache_def *def,
	const struct cache_nodes *nodes, struct err *err)
{
	return write_change(s, add_fn, &(struct change){.def = def, .nodes = nodes}, err);
}

static int set_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct cache_def *def = ((const struct change *)arg)->def;
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, def->id);
	catalog_bind_id(stmt, 2, def->maxmemory);
	sqlite3_bind_int(stmt, 3, (int)def->policy);
	sqlite3_bind_int(stmt, 4, (int)def->persistence);
	sqlite3_bind_int(stmt, 5, def->automatic_failover);
	return catalog_run(stmt, err);
}

int cache_catalog_set(struct cache_service *s, const struct cache_def *def, struct err *err)
{
	return write_change(s, set_fn, &(struct change){.def = def}, err);
}

static int primary_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, CLUSTER_PRIMARY, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 3, c->store_id);
	catalog_bind_id(stmt, 1, c->id);
	catalog_bind_text(stmt, 2, slice_of(c->name));
	return catalog_run(stmt, err);
}

int cache_catalog_set_primary(
	struct cache_service *s, uint64_t id, const char *node, uint64_t store_id, struct err *err)
{
	struct change c = {.id = id, .name = node, .store_id = store_id};

	return write_change(s, primary_fn, &c, err);
}

/* ---- nodes ---- */

static int put_node_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	return put_node(t, c->id, c->node, err);
}

int cache_catalog_put_node(struct cache_service *s, uint64_t cluster_id,
	const struct cache_node *node, struct err *err)
{
	return write_change(s, put_node_fn, &(struct change){.id = cluster_id, .node = node}, err);
}

static int drop_node_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	return catalog_run_named(t, NODE_DROP, c->id, c->name, err);
}

int cache_catalog_drop_node(
	struct cache_service *s, uint64_t cluster_id, const char *name, struct err *err)
{
	return write_change(s, drop_node_fn, &(struct change){.id = cluster_id, .name = name}, err);
}

/* ---- snapshots ---- */

static int check_free(struct store_txn *t, const char *name, struct err *err)
{
	int rc = catalog_taken(t, SNAPSHOT_FIND, name, err);

	return rc <= 0 ? rc
		       : err_set(err, EEXIST, "SnapshotAlreadyExistsFault: there is a snapshot %s",
				 name);
}

static int add_snapshot(struct store_txn *t, const struct cache_snapshot *snapshot, struct err *err)
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

int cache_catalog_add_snapshot(
	struct cache_service *s, const struct cache_snapshot *snapshot, struct err *err)
{
	return write_change(s, add_snapshot_fn, &(struct change){.snapshot = snapshot}, err);
}

static int drop_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	int rc = catalog_run_named(t, SNAPSHOT_DROP, ((const struct change *)arg)->id, NULL, err);

	return rc < 0 ? rc : catalog_touch(t, err);
}

int cache_catalog_drop_snapshot(struct cache_service *s, uint64_t id, struct err *err)
{
	return write_change(s, drop_snapshot_fn, &(struct change){.id = id}, err);
}

static int drop_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;

	int rc = c->snapshot != NULL ? add_snapshot(t, c->snapshot, err) : 0;
	rc = rc < 0 ? rc : catalog_run_named(t, CLUSTER_DROP, c->id, NULL, err);
	rc = rc < 0 ? rc : catalog_run_named(t, NODES_DROP, c->id, NULL, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int cache_catalog_drop(
	struct cache_service *s, uint64_t id, const struct cache_snapshot *final, struct err *err)
{
	return write_change(s, drop_fn, &(struct change){.id = id, .snapshot = final}, err);
}
