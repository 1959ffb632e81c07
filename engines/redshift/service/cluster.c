/* Clusters are made, paused, deleted. How each step survives a crash is told in service.h. */
#include <stdio.h>
#include <sys/stat.h>

#include "engines/common/identifier.h"
#include "engines/redshift/service/service.h"

/* ---- making ---- */

void redshift_def_init(struct redshift_def *def, struct redshift_service *s, struct slice name)
{
	*def = (struct redshift_def){
		.retention_days = REDSHIFT_RETENTION, .interval_s = (int64_t)REDSHIFT_INTERVAL_S};
	snprintf(def->name, sizeof(def->name), "%.*s", (int)name.n, name.p);
	snprintf(def->driver, sizeof(def->driver), "%s", s->driver->name);
}

int redshift_check_new(struct redshift_service *s, struct slice name, struct err *err)
{
	REDSHIFT_CLUSTER other = NULL;
	struct err why = {0};

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : identifier_check("ClusterIdentifier", name, REDSHIFT_NAME_MAX, err);
	return rc == 0 && redshift_find(s, name, &other, &why) == 0
		       ? err_set(err, EEXIST, "ClusterAlreadyExists: there is a cluster %.*s",
				 (int)name.n, name.p)
		       : rc;
}

int redshift_check_shape(
	struct redshift_shape *shape, unsigned nodes, unsigned slices, struct err *err)
{
	shape->nodes = shape->nodes == 0 ? nodes : shape->nodes;
	shape->slices = shape->slices == 0 ? slices : shape->slices;
	return shape->nodes <= RS_NODES_MAX && shape->slices <= RS_SLICES_MAX
		       ? 0
		       : err_set(err, EINVAL,
				 "NumberOfNodesQuotaExceeded: %u nodes of %u slices: up to %u "
				 "nodes of up to %u slices",
				 shape->nodes, shape->slices, RS_NODES_MAX, RS_SLICES_MAX);
}

static int make_files(
	struct redshift_cluster *c, const struct redshift_shape *shape, struct err *err)
{
	struct redshift_config config;

	int rc = redshift_config_init(&config, c->service, &c->def, err);
	for (unsigned z = 0; rc == 0 && z < INSTANCE_ZONES; z++) {
		rc = mkdir(config.dir[z], 0700) < 0 && errno != EEXIST
			     ? err_errno(err, "%s", config.dir[z])
			     : 0;
	}
	rc = rc < 0 ? rc : rs_cluster_create(&config.config, shape->nodes, shape->slices, err);
	redshift_config_finish(&config);
	return rc;
}

/* A COMMIT that failed may still be there after power was lost: then the row wants its files. So
 * they stay, and the next open removes those without a row. */
int redshift_create(struct redshift_service *s, const struct redshift_def *like,
	const struct redshift_shape *shape, struct err *err)
{
	struct redshift_shape made = *shape;
	REDSHIFT_CLUSTER c = NULL;

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : redshift_check_shape(&made, REDSHIFT_NODES, REDSHIFT_SLICES, err);
	rc = rc < 0 ? rc : redshift_reserve(s, like, &c, err);
	if (rc < 0) {
		return rc;
	}
	rc = make_files(c, &made, err);
	if (rc < 0) {
		redshift_destroy_files(s, &c->def);
	} else {
		LOCKED(&s->base.ddl);
		rc = redshift_catalog_add(s, &c->def, err);
	}
	if (rc < 0) {
		cluster_dropped(&c->base);
		return rc;
	}
	redshift_state_end(c);
	redshift_event(c, "Cluster %s created: %u nodes of %u slices, driver %s", c->def.name,
		made.nodes, made.slices, c->def.driver);
	keeper_kick(&s->keeper);
	return 0;
}

/* ---- deleting ---- */

static int check_empty(struct redshift_cluster *c, struct err *err)
{
	struct rs_look look;

	int rc = rs_look_begin(c->rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	if (look.catalog->n_tables > 0) {
		rc = err_set(err, ENOTEMPTY,
			"cluster %s holds tables (%s): drop them first, or say 'delete %s' in the "
			"service's .control",
			c->def.name, look.catalog->tables[0]->name, c->def.name);
	}
	rs_look_end(&look);
	return rc;
}

/* One that cannot be opened can be deleted. */
static int look_and_copy(struct redshift_cluster *c, bool empty, const char *final_snapshot,
	const struct redshift_progress *progress, struct redshift_snapshot *snapshot,
	struct err *err)
{
	struct err why = {0};

	int rc = redshift_enter_any(c, &why);
	if (rc < 0) {
		return final_snapshot != NULL || empty ? err_set(err, why.code, "%s", why.msg) : 0;
	}
	rc = empty ? check_empty(c, err) : 0;
	if (rc == 0 && final_snapshot != NULL) {
		cluster_state_set(&c->base, REDSHIFT_FINAL_SNAPSHOT);
		rc = redshift_snapshot_copy(c, final_snapshot, progress, snapshot, err);
	}
	cluster_leave(&c->base);
	return rc;
}

/* Its own row and files: what makes it gone. Behind the gate. */
static int drop(struct redshift_cluster *c, const struct redshift_snapshot *final, struct err *err)
{
	struct redshift_service *s = c->service;

	LOCKED(&s->base.ddl);
	int rc = redshift_catalog_drop(s, c->def.id, final, err);
	if (rc < 0) {
		return rc;
	}
	cluster_dropped(&c->base);
	cluster_shut(&c->base);
	redshift_destroy_files(s, &c->def);
	return 0;
}

/* From available, or from paused: one that is paused need not be resumed to go. */
static int begin_delete(struct redshift_cluster *c, struct err *err)
{
	{
		LOCKED(&c->service->base.lock);
		if (!c->base.gone && c->base.state == REDSHIFT_PAUSED) {
			c->base.state = REDSHIFT_DELETING;
			return 0;
		}
	}
	return cluster_state_begin(&c->base, REDSHIFT_DELETING, 0, err);
}

int redshift_delete(struct redshift_cluster *c, bool empty, const char *final_snapshot,
	const struct redshift_progress *progress, struct err *err)
{
	struct redshift_snapshot snapshot = {0};

	int rc = clusters_check_writable(&c->service->base, err);
	rc = rc < 0 ? rc : begin_delete(c, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->changing);
	rc = cluster_close_gate(&c->base, err);
	if (rc == 0) {
		rc = look_and_copy(c, empty, final_snapshot, progress, &snapshot, err);
		rc = rc < 0 ? rc : drop(c, final_snapshot != NULL ? &snapshot : NULL, err);
		cluster_open_gate(&c->base);
	}
	if (rc < 0) {
		redshift_state_end(c);
		return rc;
	}
	redshift_event(c, "Cluster %s deleted", c->def.name);
	return 0;
}

/* ---- pausing ---- */

static void change_paused(struct redshift_def *def, const struct redshift_def *with)
{
	def->paused = with->paused;
}

/* The row says it, then its files are closed: a crash leaves it paused or not. */
static int pause_gated(struct redshift_cluster *c, struct err *err)
{
	struct redshift_def with = {.paused = true};

	int rc = cluster_close_gate(&c->base, err);
	if (rc < 0) {
		return rc;
	}
	rc = redshift_change(c, change_paused, &with, err);
	if (rc == 0) {
		cluster_shut(&c->base);
	}
	/* Whoever waits at the gate is to see that it is paused. */
	redshift_state_end(c);
	cluster_open_gate(&c->base);
	return rc;
}

int redshift_pause(struct redshift_cluster *c, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	rc = rc < 0 ? rc : cluster_state_begin(&c->base, REDSHIFT_MODIFYING, 0, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->changing);
	rc = pause_gated(c, err);
	redshift_state_end(c);
	if (rc == 0) {
		redshift_event(c, "Cluster %s paused", c->def.name);
		redshift_tell_changed(c, NULL);
	}
	return rc;
}

static int check_paused(struct redshift_cluster *c, struct err *err)
{
	LOCKED(&c->service->base.lock);
	return c->base.state == REDSHIFT_PAUSED
		       ? 0
		       : err_set(err, EBUSY, "InvalidClusterState: cluster %s is not paused",
				 c->def.name);
}

int redshift_resume(struct redshift_cluster *c, struct err *err)
{
	struct redshift_def with = {.paused = false};

	LOCKED(&c->changing);
	int rc = check_paused(c, err);
	rc = rc < 0 ? rc : redshift_change(c, change_paused, &with, err);
	if (rc < 0) {
		return rc;
	}
	redshift_state_end(c);
	redshift_event(c, "Cluster %s resumed", c->def.name);
	redshift_tell_changed(c, NULL);
	rc = redshift_enter(c, err);
	if (rc == 0) {
		cluster_leave(&c->base);
	}
	return rc;
}

int redshift_reboot(struct redshift_cluster *c, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	rc = rc < 0 ? rc : cluster_state_begin(&c->base, REDSHIFT_REBOOTING, 0, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->changing);
	rc = cluster_close_gate(&c->base, err);
	if (rc == 0) {
		cluster_shut(&c->base);
		rc = redshift_enter_any(c, err);
		if (rc == 0) {
			cluster_leave(&c->base);
		}
		cluster_open_gate(&c->base);
	}
	redshift_state_end(c);
	if (rc == 0) {
		redshift_event(c, "Cluster %s rebooted", c->def.name);
	}
	return rc;
}
