/* Instances and snapshots come, go and change: the catalog's side of it. */
#include "engines/rds/catalog_impl.h"

static int put_def(struct store_txn *t, const struct rds_def *def, struct err *err)
{
	sqlite3_stmt *put = store_txn_stmt(t, DEF_PUT, err);

	if (put == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(put, 1, (int64_t)def->id);
	catalog_bind_text(put, 2, slice_of(def->name));
	sqlite3_bind_int(put, 3, def->stopped);
	sqlite3_bind_int64(put, 4, def->stopped_ns);
	sqlite3_bind_int64(put, 5, def->created_ns);
	sqlite3_bind_int(put, 6, def->deletion_protection);
	sqlite3_bind_int(put, 7, def->pending_multi_az);
	sqlite3_bind_int(put, 8, def->pending_retention);
	catalog_bind_text(put, 9, slice_of(def->engine_version));
	return catalog_run(put, err);
}

static int put_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct rds_def *def = arg;

	int rc = put_def(t, def, err);
	rc = rc < 0 ? rc : catalog_run_named(t, INTENT_DROP, def->id, NULL, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int rds_catalog_put(struct rds_service *s, const struct rds_def *def, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, put_fn, (void *)def, err);
}

struct pair {
	const struct rds_def *a;
	const struct rds_def *b;
};

static int exchange_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct pair *p = arg;

	/* No instance bears the name "-": it stands in while two change places. */
	int rc = catalog_run_named(t, DEF_NAME, p->a->id, "-", err);
	rc = rc < 0 ? rc : catalog_run_named(t, DEF_NAME, p->b->id, p->a->name, err);
	rc = rc < 0 ? rc : catalog_run_named(t, DEF_NAME, p->a->id, p->b->name, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int rds_catalog_exchange(
	struct rds_service *s, const struct rds_def *a, const struct rds_def *b, struct err *err)
{
	struct pair p = {a, b};

	return store_write(s->base.catalog, NULL, 0, exchange_fn, &p, err);
}

static int prune(struct store_txn *t, uint64_t instance_id, int64_t oldest_ns, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, SNAPSHOT_PRUNE, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, instance_id);
	sqlite3_bind_int64(stmt, 2, oldest_ns);
	return catalog_run(stmt, err);
}

static int drop_fn(struct store_txn *t, void *arg, struct err *err)
{
	uint64_t id = *(const uint64_t *)arg;

	int rc = catalog_run_named(t, DEF_DROP, id, NULL, err);
	rc = rc < 0 ? rc : prune(t, id, INT64_MAX, err);
	rc = rc < 0 ? rc : catalog_run_named(t, INTENT_DROP, id, NULL, err);
	return rc < 0 ? rc : catalog_touch(t, err);
}

int rds_catalog_drop(struct rds_service *s, uint64_t id, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, drop_fn, &id, err);
}

/* ---- intents ---- */

static int add_intent(struct store_txn *t, const struct rds_intent *intent, struct err *err)
{
	sqlite3_stmt *add = store_txn_stmt(t, INTENT_ADD, err);

	if (add == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(add, 1, (int64_t)intent->id);
	sqlite3_bind_int(add, 2, (int)intent->kind);
	sqlite3_bind_int64(add, 3, (int64_t)intent->instance_id);
	catalog_bind_text(add, 4, slice_of(intent->replica));
	catalog_bind_text(add, 5, slice_of(intent->name));
	return catalog_run(add, err);
}

static int add_intent_fn(struct store_txn *t, void *arg, struct err *err)
{
	return add_intent(t, arg, err);
}

int rds_catalog_add_intent(struct rds_service *s, const struct rds_intent *intent, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, add_intent_fn, (void *)intent, err);
}

static int drop_intent_fn(struct store_txn *t, void *arg, struct err *err)
{
	return catalog_run_named(t, INTENT_DROP, *(const uint64_t *)arg, NULL, err);
}

int rds_catalog_drop_intent(struct rds_service *s, uint64_t id, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, drop_intent_fn, &id, err);
}

/* ---- snapshots ---- */

static int check_free(struct store_txn *t, const char *name, struct err *err)
{
	int rc = catalog_taken(t, SNAPSHOT_FIND, name, err);

	return rc <= 0 ? rc
		       : err_set(err, EEXIST,
				 "DBSnapshotAlreadyExists: Cannot create the snapshot because a "
				 "snapshot with the identifier %s already exists.",
				 name);
}

static int replace_automated(struct store_txn *t, const char *name, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, SNAPSHOT_REPLACE, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_text(stmt, 1, slice_of(name));
	return catalog_run(stmt, err);
}

static int add_snapshot(struct store_txn *t, const struct rds_snapshot *snapshot, struct err *err)
{
	sqlite3_stmt *add = store_txn_stmt(t, SNAPSHOT_ADD, err);

	if (add == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(add, 1, (int64_t)snapshot->id);
	catalog_bind_text(add, 2, slice_of(snapshot->name));
	catalog_bind_text(add, 3, slice_of(snapshot->instance));
	sqlite3_bind_int64(add, 4, (int64_t)snapshot->instance_id);
	sqlite3_bind_int(add, 5, snapshot->automated);
	sqlite3_bind_int64(add, 6, snapshot->created_ns);
	sqlite3_bind_int64(add, 7, (int64_t)snapshot->bytes);
	return catalog_run(add, err);
}

struct adding {
	const struct rds_snapshot *snapshot;
	const struct rds_intent *intent;
};

static int add_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct adding *a = arg;

	int rc = a->snapshot->automated ? replace_automated(t, a->snapshot->name, err)
					: check_free(t, a->snapshot->name, err);
	rc = rc < 0 ? rc : add_snapshot(t, a->snapshot, err);
	if (rc == 0 && a->intent != NULL) {
		rc = add_intent(t, a->intent, err);
	}
	return rc < 0 ? rc : catalog_touch(t, err);
}

int rds_catalog_add_snapshot(struct rds_service *s, const struct rds_snapshot *snapshot,
	const struct rds_intent *intent, struct err *err)
{
	struct adding a = {snapshot, intent};

	return store_write(s->base.catalog, NULL, 0, add_snapshot_fn, &a, err);
}

static int drop_snapshot_fn(struct store_txn *t, void *arg, struct err *err)
{
	int rc = catalog_run_named(t, SNAPSHOT_DROP, *(const uint64_t *)arg, NULL, err);

	return rc < 0 ? rc : catalog_touch(t, err);
}

int rds_catalog_drop_snapshot(struct rds_service *s, uint64_t id, struct err *err)
{
	return store_write(s->base.catalog, NULL, 0, drop_snapshot_fn, &id, err);
}

struct pruning {
	uint64_t instance_id;
	int64_t oldest_ns;
};

static int prune_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct pruning *p = arg;

	return prune(t, p->instance_id, p->oldest_ns, err);
}

int rds_catalog_prune(
	struct rds_service *s, uint64_t instance_id, int64_t oldest_ns, struct err *err)
{
	struct pruning p = {instance_id, oldest_ns};

	return store_write(s->base.catalog, NULL, 0, prune_fn, &p, err);
}
