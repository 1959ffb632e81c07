/* `.status`: what is there and how it is, in the service's words. */
#include <stdio.h>

#include "engines/common/status.h"
#include "engines/rds/lifecycle.h"

#define SECOND_NS 1e9

/* ---- the service ---- */

static int count_snapshot(void *arg, const struct rds_snapshot *s)
{
	unsigned *counts = arg;

	counts[s->automated]++;
	return 0;
}

static int list_instances(struct rds_service *s, json_t *list, struct err *err)
{
	char last[RDS_NAME_MAX + 1] = "";
	struct rds_instance *i;
	int rc = 0;

	while (rc == 0 && (i = rds_next(s, slice_of(last))) != NULL) {
		cluster_name_now(&i->base, last);
		rc = status_add(list,
			json_pack("{s:s}", last, rds_state_names[cluster_state(&i->base)]), err);
		rds_put(i);
	}
	return rc;
}

static int status_service(struct rds_service *s, json_t *out, struct err *err)
{
	json_t *instances = json_object();
	unsigned counts[2] = {0};

	int rc = instances != NULL ? list_instances(s, instances, err) : status_no_memory(err);
	rc = rc < 0 ? rc : rds_catalog_snapshots(s, 0, slice_of(""), count_snapshot, counts, err);
	if (rc < 0) {
		json_decref(instances);
		return rc;
	}
	return status_add(out,
		json_pack("{s:o, s:i, s:i, s:{s:s, s:s}}", "DBInstances", instances,
			"ManualSnapshots", (int)counts[0], "AutomatedSnapshots", (int)counts[1],
			"AvailabilityZones", "a", s->base.zone_dir[0], "b", s->base.zone_dir[1]),
		err);
}

/* ---- replicas ---- */

static const char *replication(const struct replica_status *r)
{
	if (r->failure.code != 0) {
		return "error";
	}
	return r->running ? "replicating" : "terminated";
}

static const char *zone_name(unsigned zone)
{
	return zone == 0 ? "a" : "b";
}

static json_t *replica_json(const struct instance_replica *r)
{
	const struct replica_status *s = &r->status;
	json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:I, s:f, s:f, s:I}", "DBInstanceIdentifier",
		r->name, "AvailabilityZone", zone_name(r->zone), "Status", replication(s),
		"LagCommits", (json_int_t)s->lag_commits, "LagBytes", (json_int_t)s->lag_bytes,
		"ReplicaLag", (double)s->lag_ns / SECOND_NS, "Delay", (double)s->delay_ms / 1e3,
		"Commit", (json_int_t)s->sequence);

	if (o != NULL && r->region[0] != '\0') {
		json_object_set_new(o, "Region", json_string(r->region));
	}
	if (o != NULL && s->failure.code != 0) {
		json_object_set_new(o, "Message", json_string(s->failure.msg));
	}
	return o;
}

static int add_replicas(struct rds_instance *i, json_t *out, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	json_t *array = json_array();
	size_t n = 0;

	int rc =
		array != NULL ? instance_replicas(i->store, &list, &n, err) : status_no_memory(err);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		rc = json_array_append_new(array, replica_json(&list[k])) == 0
			     ? 0
			     : status_no_memory(err);
	}
	if (rc < 0) {
		json_decref(array);
		return rc;
	}
	return status_add(out, json_pack("{s:o}", "ReadReplicas", array), err);
}

/* ---- an instance ---- */

static int add_pending(const struct rds_def *def, json_t *out, struct err *err)
{
	json_auto_t *values = json_object();
	json_auto_t *actions = json_array();
	int rc = values != NULL && actions != NULL ? 0 : status_no_memory(err);

	if (rc == 0 && def->pending_multi_az != RDS_NOT_PENDING) {
		rc = status_add(values, json_pack("{s:b}", "MultiAZ", def->pending_multi_az), err);
	}
	if (rc == 0 && def->pending_retention != RDS_NOT_PENDING) {
		rc = status_add(values,
			json_pack("{s:i}", "BackupRetentionPeriod", def->pending_retention), err);
	}
	if (rc == 0 && def->engine_version[0] != '\0' &&
		strcmp(def->engine_version, sqlite3_libversion()) != 0) {
		rc = json_array_append_new(actions, json_string("db-upgrade")) == 0
			     ? 0
			     : status_no_memory(err);
	}
	return rc < 0 ? rc
		      : status_add(out,
				json_pack("{s:O, s:O}", "PendingModifiedValues", values,
					"PendingMaintenanceActions", actions),
				err);
}

static int add_def(struct rds_instance *i, const char *state, json_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf endpoint = BUF_INIT;
	struct rds_def def;

	rds_def_now(i, &def);
	buf_printf(&endpoint, "/rds/%s", def.name);
	int rc = status_add(out,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:{s:s}}", "DBInstanceIdentifier", def.name,
			"DBInstanceStatus", state, "Role", "primary", "Engine", "sqlite",
			"EngineVersion", sqlite3_libversion(), "Endpoint", "Address",
			buf_cstr(&endpoint)),
		err);
	if (rc == 0 && i->file != NULL) {
		return status_add(out, json_pack("{s:s}", "AttachedFile", i->file), err);
	}
	rc = rc < 0 ? rc : status_add_time(out, "InstanceCreateTime", def.created_ns, err);
	rc = rc < 0 ? rc
		    : status_add(out,
			      json_pack("{s:b}", "DeletionProtection", def.deletion_protection),
			      err);
	return rc < 0 ? rc : add_pending(&def, out, err);
}

static int add_zones(const struct instance_status *s, json_t *out, struct err *err)
{
	unsigned zone = s->settings.primary;

	int rc = status_add(out,
		json_pack("{s:b, s:s}", "MultiAZ", s->settings.multi_az, "AvailabilityZone",
			zone_name(zone)),
		err);
	if (rc == 0 && s->settings.multi_az) {
		rc = status_add(out,
			json_pack("{s:s, s:s}", "SecondaryAvailabilityZone", zone_name(1 - zone),
				"StandbyStatus",
				s->degraded	   ? "commits go on without it"
				: s->standby_ready ? "synchronous"
						   : "being built"),
			err);
	}
	if (rc == 0 && s->n_failovers > 0) {
		rc = status_add(out,
			json_pack("{s:i, s:f}", "Failovers", (int)s->n_failovers,
				"LastFailoverSeconds", (double)s->last_failover_ns / SECOND_NS),
			err);
	}
	return rc;
}

static int add_backups(
	struct rds_instance *i, const struct instance_status *s, json_t *out, struct err *err)
{
	int64_t earliest = 0;
	int64_t latest = 0;

	instance_restorable(i->store, &earliest, &latest);
	int rc = status_add(out,
		json_pack("{s:i}", "BackupRetentionPeriod", (int)s->settings.retention_days), err);
	rc = rc < 0 ? rc : status_add_time(out, "EarliestRestorableTime", earliest, err);
	rc = rc < 0 ? rc : status_add_time(out, "LatestRestorableTime", latest, err);
	return rc < 0 ? rc : status_add_time(out, "LastBackup", s->last_backup_ns, err);
}

static int add_store(struct rds_instance *i, json_t *out, struct err *err)
{
	struct instance_status s;

	instance_status(i->store, &s);
	int rc = add_zones(&s, out, err);
	rc = rc < 0 ? rc
		    : status_add(out,
			      json_pack("{s:I, s:I, s:I}", "StorageBytes", (json_int_t)s.bytes,
				      "LogBytes", (json_int_t)s.log_bytes, "Commits",
				      (json_int_t)s.sequence),
			      err);
	if (rc == 0 && s.failure.code != 0) {
		rc = status_add(out,
			json_pack("{s:s, s:s}", "DBInstanceStatus", rds_state_names[RDS_FAILED],
				"StatusMessage", s.failure.msg),
			err);
	}
	rc = rc < 0 ? rc : add_backups(i, &s, out, err);
	return rc < 0 ? rc : add_replicas(i, out, err);
}

/* One that cannot be opened still has a status: it says why. */
static int status_instance(struct rds_instance *i, json_t *out, struct err *err)
{
	unsigned state = cluster_state(&i->base);
	struct rds_source *rows = NULL;
	struct err why = {0};
	bool entered = rds_enter(i, &rows, &why) == 0;

	if (!entered && why.code != EBUSY) {
		state = RDS_FAILED;
	}
	int rc = add_def(i, rds_state_names[state], out, err);
	if (rc == 0 && !entered) {
		rc = status_add(out, json_pack("{s:s}", "StatusMessage", why.msg), err);
	}
	if (rc == 0 && entered) {
		rc = i->store != NULL ? add_store(i, out, err)
				      : status_add(out,
						json_pack("{s:I}", "StorageBytes",
							(json_int_t)rds_source_bytes(rows)),
						err);
	}
	if (entered) {
		cluster_leave(&i->base);
	}
	return rc;
}

/* ---- a view ---- */

static int status_replica(const struct rds_view *v, json_t *out, struct err *err)
{
	struct instance_replica r;
	char source[RDS_NAME_MAX + 1];

	int rc = rds_replica_find(v->instance, slice_of(v->replica), &r, err);
	if (rc < 0) {
		return rc;
	}
	cluster_name_now(&v->instance->base, source);
	rc = status_add(out, replica_json(&r), err);
	return rc < 0 ? rc
		      : status_add(out,
				json_pack("{s:s, s:s, s:s}", "DBInstanceStatus", "available",
					"Role", "replica", "ReadReplicaSourceDBInstanceIdentifier",
					source),
				err);
}

static int status_copy(const struct rds_view *v, json_t *out, struct err *err)
{
	return status_add(out,
		json_pack("{s:s, s:s, s:I}", "DBInstanceIdentifier", v->name, "Role",
			v->kind == ENGINE_VIEW_TIME ? "point in time" : "snapshot", "StorageBytes",
			(json_int_t)rds_source_bytes(v->source)),
		err);
}

/* ---- a table ---- */

struct counting {
	struct slice table;
	json_t *out;
};

static int count_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct counting *p = arg;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	const struct rds_table *t;

	int rc = rds_table_find(c, p->table, &t, err);
	if (rc < 0) {
		return rc;
	}
	buf_puts(&sql, "SELECT count(*) FROM ");
	rds_quote(&sql, t->name);
	sqlite3_stmt *stmt = rds_conn_stmt(c, buf_cstr(&sql), err);
	if (stmt == NULL) {
		return -err->code;
	}
	rc = store_step(stmt, err);
	if (rc == 1) {
		rc = status_add(p->out,
			json_pack("{s:s, s:s, s:I, s:i}", "name", t->name, "kind",
				t->view ? "view" : "table", "rows",
				(json_int_t)sqlite3_column_int64(stmt, 0), "columns",
				(int)t->n_columns),
			err);
	}
	sqlite3_reset(stmt);
	return rc;
}

static int status_table(struct rds *rds, const struct epath *path, json_t *out, struct err *err)
{
	struct counting p = {path->key[1], out};
	RDS_PLACE place = {0};

	int rc = rds_place(rds, path, &place, err);
	return rc < 0 ? rc : rds_source_read(place.rows, count_fn, &p, err);
}

int rds_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct rds *rds = ctx;
	RDS_INSTANCE i = NULL;

	if (path->depth == 0) {
		return rds->view == NULL ? status_service(rds->service, out, err) : 0;
	}
	if (path->depth >= 2) {
		return status_table(rds, path, out, err);
	}
	if (rds->view != NULL) {
		return rds->view->kind == ENGINE_VIEW_REPLICA ? status_replica(rds->view, out, err)
							      : status_copy(rds->view, out, err);
	}
	int rc = rds_find(rds->service, path->key[0], &i, err);
	return rc < 0 ? rc : status_instance(i, out, err);
}
