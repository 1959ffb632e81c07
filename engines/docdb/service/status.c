/* `.status`: what is there and how it is, in the service's words. */
#include "engines/common/status.h"
#include "engines/docdb/service/cluster.h"
#include "engines/docdb/storage/documents.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/index.h"

#define SECOND_NS 1e9

static const char *zone_name(unsigned zone)
{
	return zone == 0 ? "a" : "b";
}

/* ---- members ---- */

/* What the store knows of the members that are replicas. */
struct replicas {
	struct instance_replica *list;
	size_t n;
};

static const struct replica_status *status_of(const struct replicas *all, const char *name)
{
	for (size_t k = 0; k < all->n; k++) {
		if (strcmp(all->list[k].name, name) == 0) {
			return &all->list[k].status;
		}
	}
	return NULL;
}

static int add_lag(
	json_t *o, const struct docdb_member *m, const struct replica_status *s, struct err *err)
{
	int rc = status_add(o,
		json_pack("{s:s, s:I, s:I, s:f, s:f, s:I}", "Status",
			s->failure.code != 0 ? "error"
			: s->running	     ? "available"
					     : "stopped",
			"LagCommits", (json_int_t)s->lag_commits, "LagBytes",
			(json_int_t)s->lag_bytes, "ReplicaLag", (double)s->lag_ns / SECOND_NS,
			"Delay", (double)m->delay_ms / 1e3, "Commit", (json_int_t)s->sequence),
		err);

	return rc < 0 || s->failure.code == 0
		       ? rc
		       : status_add(o, json_pack("{s:s}", "Message", s->failure.msg), err);
}

static int add_member(json_t *array, const struct docdb_def *def, const struct docdb_member *m,
	const struct replicas *replicas, struct err *err)
{
	bool writer = strcmp(m->name, def->writer) == 0;
	const struct replica_status *s = writer ? NULL : status_of(replicas, m->name);
	json_t *o = json_pack("{s:s, s:b, s:i, s:s}", "DBInstanceIdentifier", m->name,
		"IsClusterWriter", writer, "PromotionTier", (int)m->tier, "AvailabilityZone",
		zone_name(m->zone));

	if (o == NULL) {
		return status_no_memory(err);
	}
	int rc = s != NULL
			 ? add_lag(o, m, s, err)
			 : status_add(o,
				   json_pack("{s:s}", "Status", writer ? "available" : "creating"),
				   err);
	return status_append(array, o, rc, err);
}

static int add_members(
	struct docdb_cluster *c, const struct replicas *replicas, json_t *out, struct err *err)
{
	struct docdb_members members = {.n = 0};
	json_t *array = json_array();
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = array != NULL ? docdb_catalog_members(c->service, def.id, &members, err)
			       : status_no_memory(err);
	for (unsigned k = 0; rc == 0 && k < members.n; k++) {
		rc = add_member(array, &def, &members.m[k], replicas, err);
	}
	if (rc < 0) {
		json_decref(array);
		return rc;
	}
	return status_add(out, json_pack("{s:o}", "DBClusterMembers", array), err);
}

/* ---- a cluster ---- */

static int add_def(struct docdb_cluster *c, const char *state, json_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf endpoint = BUF_INIT;
	CLEANUP(buf_free) struct buf reader = BUF_INIT;
	struct docdb_def def;

	docdb_def_now(c, &def);
	buf_puts(&endpoint, "/docdb");
	if (strcmp(def.name, DOCDB_DEFAULT) != 0) {
		buf_printf(&endpoint, "/.clusters/%s", def.name);
	}
	buf_printf(&reader, "%s/.replicas", buf_cstr(&endpoint));
	int rc = status_add(out,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "DBClusterIdentifier", def.name,
			"Status", state, "Engine", "docdb", "Endpoint", buf_cstr(&endpoint),
			"ReaderEndpoint", buf_cstr(&reader), "Primary", def.writer,
			"DeletionProtection", def.deletion_protection),
		err);
	return rc < 0 ? rc : status_add_time(out, "ClusterCreateTime", def.created_ns, err);
}

static int add_storage(
	struct docdb_cluster *c, const struct instance_status *s, json_t *out, struct err *err)
{
	unsigned zone = s->settings.primary;
	const char *other = s->degraded	       ? "writes go on without it"
			    : s->standby_ready ? "synchronous"
					       : "being built";
	struct docdb_def def;

	docdb_grow(c);
	docdb_def_now(c, &def);
	int rc = status_add(out,
		json_pack("{s:I, s:I, s:{s:s, s:s}, s:I}", "StorageUsed", (json_int_t)s->bytes,
			"StorageAllocated", (json_int_t)def.allocated, "StorageZones",
			zone_name(zone), "primary", zone_name(1 - zone), other, "Commits",
			(json_int_t)s->sequence),
		err);
	if (rc == 0 && s->n_failovers > 0) {
		rc = status_add(out,
			json_pack("{s:i, s:f}", "Failovers", (int)s->n_failovers,
				"LastFailoverSeconds", (double)s->last_failover_ns / SECOND_NS),
			err);
	}
	if (rc == 0 && s->failure.code != 0) {
		rc = status_add(out,
			json_pack("{s:s, s:s}", "Status", docdb_state_names[DOCDB_FAILED],
				"StatusMessage", s->failure.msg),
			err);
	}
	return rc;
}

static int add_backups(
	struct docdb_cluster *c, const struct instance_status *s, json_t *out, struct err *err)
{
	int64_t earliest = 0;
	int64_t latest = 0;

	instance_restorable(c->store, &earliest, &latest);
	int rc = status_add(out,
		json_pack("{s:i}", "BackupRetentionPeriod", (int)s->settings.retention_days), err);
	rc = rc < 0 ? rc : status_add_time(out, "EarliestRestorableTime", earliest, err);
	rc = rc < 0 ? rc : status_add_time(out, "LatestRestorableTime", latest, err);
	return rc < 0 ? rc : status_add_time(out, "LastBackup", s->last_backup_ns, err);
}

struct counts {
	json_int_t collections;
	json_int_t documents;
	json_int_t bytes;
};

static int count_collection(void *arg, const struct docdb_collection *c, struct err *err)
{
	struct counts *n = arg;

	(void)err;
	n->collections++;
	n->documents += (json_int_t)c->documents;
	n->bytes += (json_int_t)c->bytes;
	return 0;
}

static int count_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct counts *n = arg;

	*n = (struct counts){0};
	return docdb_collection_each(c, NULL, count_collection, n, err);
}

static int add_counts(struct docdb_source *source, json_t *out, struct err *err)
{
	struct counts n = {0};

	int rc = docdb_read(source, count_fn, &n, err);
	return rc < 0 ? rc
		      : status_add(out,
				json_pack("{s:I, s:I, s:I}", "Collections", n.collections,
					"Documents", n.documents, "DocumentBytes", n.bytes),
				err);
}

static int add_store(struct docdb_cluster *c, json_t *out, struct err *err)
{
	struct instance_status s;
	struct replicas replicas = {0};

	instance_status(c->store, &s);
	int rc = instance_replicas(c->store, &replicas.list, &replicas.n, err);
	rc = rc < 0 ? rc : add_members(c, &replicas, out, err);
	free(replicas.list);
	rc = rc < 0 ? rc : add_storage(c, &s, out, err);
	rc = rc < 0 ? rc : add_backups(c, &s, out, err);
	return rc < 0 || s.failure.code != 0 ? rc : add_counts(c->source, out, err);
}

/* One that cannot be opened still has a status: it says why. */
static int status_cluster(struct docdb_cluster *c, json_t *out, struct err *err)
{
	static const struct replicas none;
	unsigned state = cluster_state(&c->base);
	struct err why = {0};
	bool entered = docdb_enter(c, &why) == 0;

	if (!entered && why.code != EBUSY) {
		state = DOCDB_FAILED;
	}
	int rc = add_def(c, docdb_state_names[state], out, err);
	if (entered) {
		rc = rc < 0 ? rc : add_store(c, out, err);
		cluster_leave(&c->base);
		return rc;
	}
	rc = rc < 0 ? rc : status_add(out, json_pack("{s:s}", "StatusMessage", why.msg), err);
	return rc < 0 ? rc : add_members(c, &none, out, err);
}

/* ---- the service: what is beside the default cluster ---- */

static int list_clusters(struct docdb_service *s, json_t *list, struct err *err)
{
	char last[DOCDB_NAME_MAX + 1] = "";
	struct docdb_cluster *c;
	int rc = 0;

	while (rc == 0 && (c = docdb_next(s, slice_of(last))) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		rc = status_add(list,
			json_pack("{s:s}", last, docdb_state_names[cluster_state(&c->base)]), err);
		docdb_put(c);
	}
	return rc;
}

static int add_service(struct docdb_service *s, json_t *out, struct err *err)
{
	json_t *clusters = json_object();

	int rc = clusters != NULL ? list_clusters(s, clusters, err) : status_no_memory(err);
	if (rc < 0) {
		json_decref(clusters);
		return rc;
	}
	return status_add(out,
		json_pack("{s:o, s:{s:s, s:s}}", "DBClusters", clusters, "AvailabilityZones", "a",
			s->base.zone_dir[0], "b", s->base.zone_dir[1]),
		err);
}

/* ---- views ---- */

static int status_copy(struct docdb *d, json_t *out, struct err *err)
{
	const struct docdb_view *v = d->view;

	int rc = status_add(out,
		json_pack("{s:s, s:s}", "DBClusterIdentifier", v->name, "Role",
			v->kind == ENGINE_VIEW_TIME ? "point in time" : "snapshot"),
		err);
	rc = rc < 0 ? rc : status_add_time(out, "Time", v->time_ns, err);
	return rc < 0 ? rc : add_counts(v->source, out, err);
}

static int find_replica(struct docdb_cluster *c, const char *name, json_t *out, struct err *err)
{
	struct replicas all = {0};
	struct docdb_member m;

	int rc = docdb_member_find(c, slice_of(name), &m, err);
	rc = rc < 0 ? rc : instance_replicas(c->store, &all.list, &all.n, err);
	const struct replica_status *s = rc == 0 ? status_of(&all, name) : NULL;
	if (s != NULL) {
		rc = status_add(out,
			json_pack("{s:s, s:s, s:s, s:i, s:s}", "DBInstanceIdentifier", name,
				"DBClusterIdentifier", c->def.name, "Role", "replica",
				"PromotionTier", (int)m.tier, "AvailabilityZone",
				zone_name(m.zone)),
			err);
		rc = rc < 0 ? rc : add_lag(out, &m, s, err);
	} else if (rc == 0) {
		rc = docdb_no_member(slice_of(name), err);
	}
	free(all.list);
	return rc;
}

static int status_replica(struct docdb *d, json_t *out, struct err *err)
{
	DOCDB_PLACE p = {0};

	int rc = docdb_place(d, &p, err);
	rc = rc < 0 ? rc : find_replica(p.cluster, d->view->replica, out, err);
	return rc < 0 ? rc : add_counts(p.source, out, err);
}

/* ---- a collection ---- */

struct describing {
	struct slice name;
	json_t *out;
};

static int count_entries(
	struct docdb_conn *c, const struct docdb_index *x, json_int_t *out, struct err *err)
{
	static const char highest[] = "\xff\xff\xff\xff\xff\xff\xff\xff";
	sqlite3_stmt *stmt = docdb_stmt(c, ENTRIES_COUNT, err);

	if (stmt == NULL) {
		return -err->code;
	}
	/* Between the lowest and the highest key there can be, without a limit. */
	sqlite3_bind_int64(stmt, 1, x->id);
	sqlite3_bind_zeroblob(stmt, 2, 0);
	store_bind_slice(stmt, 3, slice_make(highest, sizeof(highest) - 1));
	sqlite3_bind_int64(stmt, 4, -1);
	int rc = store_step(stmt, err);
	*out = rc == 1 ? (json_int_t)sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int add_index(
	struct docdb_conn *c, const struct docdb_index *x, json_t *array, struct err *err)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	json_int_t entries = 0;

	int rc = count_entries(c, x, &entries, err);
	if (rc < 0) {
		return rc;
	}
	ejson_print(buf_slice(&x->key), EJSON_RELAXED, false, &key);
	json_t *o = json_pack("{s:s%, s:s, s:I, s:b}", "name", x->name.p, x->name.n, "key",
		buf_cstr(&key), "entries", entries, "unique", x->unique);
	return status_append(array, o, o != NULL ? 0 : status_no_memory(err), err);
}

static int add_indexes(struct docdb_conn *c, const struct docdb_collection *collection, json_t *out,
	struct err *err)
{
	const struct docdb_indexes *all = NULL;
	json_t *array = json_pack("[{s:s, s:s, s:I, s:b}]", "name", "_id_", "key", "{\"_id\":1}",
		"entries", (json_int_t)collection->documents, "unique", true);

	int rc = array != NULL ? docdb_indexes_load(c, &all, err) : status_no_memory(err);
	for (size_t i = 0; rc == 0 && all != NULL && i < all->n; i++) {
		if (all->at[i]->collection == collection->id) {
			rc = add_index(c, all->at[i], array, err);
		}
	}
	if (rc < 0) {
		json_decref(array);
		return rc;
	}
	return status_add(out, json_pack("{s:o}", "indexes", array), err);
}

static int describe_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct describing *p = arg;
	struct docdb_collection found;

	int rc = docdb_collection_find(c, p->name, &found, err);
	if (rc < 0) {
		return rc;
	}
	rc = status_add(p->out,
		json_pack("{s:s, s:I, s:I, s:I, s:b}", "name", found.name, "documents",
			(json_int_t)found.documents, "size", (json_int_t)found.bytes, "averageSize",
			(json_int_t)(found.documents > 0 ? found.bytes / found.documents : 0),
			"changeStream", found.changes),
		err);
	return rc < 0 ? rc : add_indexes(c, &found, p->out, err);
}

int docdb_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct docdb *d = ctx;
	DOCDB_CLUSTER c = NULL;

	if (path->depth > 0) {
		struct describing p = {path->key[0], out};
		return docdb_read_at(d, describe_fn, &p, err);
	}
	if (d->view != NULL && d->view->cluster == NULL) {
		return status_copy(d, out, err);
	}
	if (d->view != NULL && d->view->replica[0] != '\0') {
		return status_replica(d, out, err);
	}
	if (docdb_is_unused(d)) {
		return status_add(out,
			json_pack("{s:s, s:s}", "DBClusterIdentifier", DOCDB_DEFAULT, "Status",
				"made at first use"),
			err);
	}
	int rc = docdb_cluster_of(d, &c, err);
	rc = rc < 0 ? rc : status_cluster(c, out, err);
	return rc < 0 || d->view != NULL ? rc : add_service(d->service, out, err);
}
