/* `.status`: what is there and how it is, in the service's words. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/status.h"
#include "engines/redshift/service/service.h"
#include "engines/redshift/system/system.h"

/* ---- a resize ---- */

static int add_resize(struct redshift_cluster *c, json_t *out, struct err *err)
{
	struct redshift_resize r;

	redshift_resize_now(c, &r);
	if (r.status == REDSHIFT_RESIZE_NONE) {
		return 0;
	}
	double percent = r.status == REDSHIFT_RESIZE_SUCCEEDED ? 100.0
			 : r.total > 0 ? 100.0 * (double)r.done / (double)r.total
				       : 0.0;
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f}", "Status",
		redshift_resize_names[r.status], "ResizeType", "ElasticResize",
		"TargetNumberOfNodes", (json_int_t)r.nodes, "TargetSlicesPerNode",
		(json_int_t)r.slices, "RowsMoved", (json_int_t)r.done, "RowsInAll",
		(json_int_t)r.total, "DataTransferProgressPercent", percent);
	if (o == NULL) {
		return status_no_memory(err);
	}
	int rc = status_add_time(o, "StartTime", r.started_ns, err);
	rc = rc < 0 ? rc : status_add_time(o, "EndTime", r.ended_ns, err);
	if (rc == 0 && r.why[0] != '\0') {
		rc = status_add(o, json_pack("{s:s}", "Message", r.why), err);
	}
	if (rc < 0) {
		json_decref(o);
		return rc;
	}
	return status_add(out, json_pack("{s:o}", "Resize", o), err);
}

/* ---- a cluster ---- */

static int add_nodes(struct rs_nodes *nodes, json_t *out, struct err *err)
{
	unsigned n = rs_nodes_count(nodes);
	json_t *array = json_array();
	int rc = array != NULL ? 0 : status_no_memory(err);

	for (unsigned k = 0; rc == 0 && k < n; k++) {
		char role[32];
		snprintf(role, sizeof(role), "COMPUTE-%u", k);
		json_t *o = json_pack("{s:s, s:I}", "NodeRole", role, "Bytes",
			(json_int_t)rs_nodes_node_bytes(nodes, k));
		rc = o != NULL ? status_append(array, o, 0, err) : status_no_memory(err);
	}
	if (rc < 0) {
		json_decref(array);
		return rc;
	}
	return status_add(out,
		json_pack("{s:I, s:I, s:o, s:I}", "NumberOfNodes", (json_int_t)n, "SlicesPerNode",
			(json_int_t)(n > 0 ? rs_nodes_slices(nodes) / n : 0), "ClusterNodes", array,
			"StorageBytes", (json_int_t)rs_nodes_bytes(nodes)),
		err);
}

static int add_look(struct rs_cluster *rs, json_t *out, struct err *err)
{
	struct rs_look look;

	int rc = rs_look_begin(rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	uint64_t rows = 0;
	for (unsigned k = 0; k < look.catalog->n_tables; k++) {
		rows += look.catalog->tables[k]->rows;
	}
	rc = add_nodes(look.nodes, out, err);
	rc = rc < 0 ? rc
		    : status_add(out,
			      json_pack("{s:I, s:I, s:I, s:I, s:I}", "Tables",
				      (json_int_t)look.catalog->n_tables, "Rows", (json_int_t)rows,
				      "LastTransaction", (json_int_t)look.xid, "Generation",
				      (json_int_t)look.catalog->generation, "QueriesRunning",
				      (json_int_t)atomic_load(&rs->queries)),
			      err);
	rs_look_end(&look);
	return rc;
}

static int add_driver(const char *name, json_t *out, struct err *err)
{
	const struct sql_driver *driver = sql_driver_find(name);

	return status_add(out,
		json_pack("{s:s, s:s*}", "Driver", name, "DriverMeans",
			driver != NULL ? driver->speed : NULL),
		err);
}

static const char *availability(const char *state)
{
	return strcmp(state, "available") == 0		    ? "Available"
	       : strcmp(state, "hardware-failure") == 0	    ? "Failed"
	       : strcmp(state, "incompatible-restore") == 0 ? "Failed"
	       : strcmp(state, "paused") == 0		    ? "Unavailable"
							    : "Modifying";
}

static int add_def(struct redshift_cluster *c, json_t *out, struct err *err)
{
	struct redshift_def def;
	char why[sizeof(c->failure)];
	const char *state = redshift_state_text(c, why, sizeof(why));

	redshift_def_now(c, &def);
	int rc = status_add(out,
		json_pack("{s:s, s:s, s:s, s:I, s:I}", "ClusterIdentifier", def.name,
			"ClusterStatus", state, "ClusterAvailabilityStatus", availability(state),
			"AutomatedSnapshotRetentionPeriod", (json_int_t)def.retention_days,
			"SnapshotIntervalSeconds", (json_int_t)def.interval_s),
		err);
	if (rc == 0 && why[0] != '\0') {
		rc = status_add(out, json_pack("{s:s}", "StatusMessage", why), err);
	}
	rc = rc < 0 ? rc : add_driver(def.driver, out, err);
	rc = rc < 0 ? rc : status_add_time(out, "ClusterCreateTime", def.created_ns, err);
	rc = rc < 0 ? rc : status_add_time(out, "LastAutomatedSnapshot", def.automated_ns, err);
	return rc < 0 ? rc : add_resize(c, out, err);
}

/* One that cannot be opened still has a status: it says why. It is tried before, so that what is
 * said is true now. */
static int status_cluster(struct redshift_cluster *c, json_t *out, struct err *err)
{
	struct err why = {0};
	bool entered = redshift_enter(c, &why) == 0;

	int rc = add_def(c, out, err);
	if (entered) {
		rc = rc < 0 ? rc : add_look(c->rs, out, err);
		cluster_leave(&c->base);
	}
	return rc;
}

/* ---- the service ---- */

static int list_clusters(struct redshift_service *s, json_t *list, struct err *err)
{
	char last[REDSHIFT_NAME_MAX + 1] = "";
	struct redshift_cluster *c;
	int rc = 0;

	while (rc == 0 && (c = redshift_next(s, slice_of(last))) != NULL) {
		char why[sizeof(c->failure)];
		memcpy(last, c->def.name, sizeof(last));
		rc = status_add(list,
			json_pack("{s:s}", last, redshift_state_text(c, why, sizeof(why))), err);
		redshift_put(c);
	}
	return rc;
}

static int status_service(struct redshift_service *s, json_t *out, struct err *err)
{
	json_t *clusters = json_object();
	json_t *drivers = json_array();

	int rc = clusters != NULL && drivers != NULL ? list_clusters(s, clusters, err)
						     : status_no_memory(err);
	for (unsigned k = 0; rc == 0 && sql_drivers[k] != NULL; k++) {
		rc = json_array_append_new(drivers, json_string(sql_drivers[k]->name)) < 0
			     ? status_no_memory(err)
			     : 0;
	}
	if (rc < 0) {
		json_decref(clusters);
		json_decref(drivers);
		return rc;
	}
	rc = status_add(out,
		json_pack("{s:o, s:o, s:{s:s, s:s}}", "Clusters", clusters, "Drivers", drivers,
			"AvailabilityZones", "a", s->base.zone_dir[0], "b", s->base.zone_dir[1]),
		err);
	return rc < 0 ? rc : add_driver(s->driver->name, out, err);
}

/* ---- tables ---- */

static int add_slices(const struct rs_table_facts *f, json_t *out, struct err *err)
{
	json_t *o = json_object();
	int rc = o != NULL ? 0 : status_no_memory(err);

	for (unsigned k = 0; rc == 0 && k < f->n_slices; k++) {
		char name[16];
		snprintf(name, sizeof(name), "%u", k);
		rc = json_object_set_new(o, name, json_integer((json_int_t)f->slice_rows[k])) < 0
			     ? status_no_memory(err)
			     : 0;
	}
	if (rc < 0) {
		json_decref(o);
		return rc;
	}
	return status_add(out, json_pack("{s:o}", "RowsOfSlices", o), err);
}

static int add_facts(
	const struct rs_table *t, const struct rs_table_facts *f, json_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf style = BUF_INIT;

	rs_diststyle_text(t, &style);
	int rc = status_add(out,
		json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I}", "Schema", t->schema, "Table",
			t->name, "DistStyle", buf_cstr(&style), "Rows", (json_int_t)f->rows,
			"DeletedRows", (json_int_t)f->dead, "UnsortedRows", (json_int_t)f->unsorted,
			"Blocks", (json_int_t)f->blocks),
		err);
	/* Of ALL, or with an empty slice, there is no such number. */
	if (rc == 0 && f->skew > 0) {
		rc = status_add(out, json_pack("{s:f}", "Skew", f->skew), err);
	}
	return rc;
}

static int status_table(struct redshift *x, const struct epath *path, json_t *out, struct err *err)
{
	REDSHIFT_PLACE p = {0};
	struct rs_table_facts facts = {0};
	const struct rs_table *t;

	int rc = redshift_place(x, path, &p, err);
	rc = rc < 0 ? rc : redshift_table_at(&p, path, &t, err);
	rc = rc < 0 ? rc : rs_table_facts(&p.look, t, &facts, err);
	if (rc < 0) {
		return rc;
	}
	rc = add_facts(t, &facts, out, err);
	if (rc == 0 && x->view != NULL && x->view->room == REDSHIFT_SLICES_OF) {
		rc = add_slices(&facts, out, err);
	}
	rc = rc < 0 ? rc : status_add_time(out, "LastModified", t->changed_ns, err);
	free(facts.slice_rows);
	return rc;
}

static int status_snapshot(const struct redshift_copy *copy, json_t *out, struct err *err)
{
	const struct redshift_snapshot *s = &copy->snapshot;

	int rc = status_add(out,
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "SnapshotIdentifier", s->name,
			"ClusterIdentifier", s->cluster, "SnapshotType",
			s->automated ? "automated" : "manual", "Status", "available",
			"ManualSnapshotRetentionPeriod", (json_int_t)s->retention_days,
			"TotalBackupSizeInBytes", (json_int_t)s->bytes),
		err);
	rc = rc < 0 ? rc : add_driver(s->driver, out, err);
	rc = rc < 0 ? rc : status_add_time(out, "SnapshotCreateTime", s->created_ns, err);
	return rc < 0 ? rc : add_look(copy->rs, out, err);
}

int redshift_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct redshift *x = ctx;
	REDSHIFT_CLUSTER c = NULL;

	if (path->depth == 0) {
		return x->view == NULL ? status_service(x->service, out, err) : 0;
	}
	if (x->view != NULL && x->view->room == REDSHIFT_LAKE) {
		return 0;
	}
	if (path->depth > 1) {
		return status_table(x, path, out, err);
	}
	if (x->view != NULL && x->view->copy != NULL) {
		return status_snapshot(x->view->copy, out, err);
	}
	int rc = redshift_cluster_at(x, path, &c, err);
	return rc < 0 ? rc : status_cluster(c, out, err);
}
