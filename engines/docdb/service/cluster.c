/* Clusters are made, deleted, stopped, kept. How each step survives a crash is told in
 * cluster.h. */
#include <stdio.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

/* ---- making ---- */

static const struct instance_settings new_settings = {.retention_days = 1};

void docdb_destroy_files(struct docdb_service *s, uint64_t id, const char *name)
{
	struct docdb_config config;
	struct err why = {0};

	docdb_config_init(&config, s, id, name);
	if (instance_destroy(&config.config, &why) < 0) {
		log_warn("docdb: %s: %s", name, why.msg);
	}
}

/* The catalog has it, then everybody. A COMMIT that failed may still be there after
 * power was lost: then the row wants its files. So they stay, and the next open removes
 * those without a row. */
static int publish(struct docdb_cluster *c, struct err *err)
{
	struct docdb_member writer = {.zone = new_settings.primary, .tier = DOCDB_TIER};
	struct docdb_def def;

	docdb_def_now(c, &def);
	memcpy(writer.name, def.writer, sizeof(writer.name));
	writer.created_ns = def.created_ns;
	LOCKED(&c->service->base.ddl);
	int rc = docdb_catalog_add(c->service, &def, &writer, err);
	if (rc == 0) {
		cluster_state_set(&c->base, DOCDB_AVAILABLE);
	}
	return rc;
}

/* Two copies, from before the first write on: what is acknowledged is in both. And a backup, so
 * that every moment from now on can be asked for. */
static int complete(struct docdb_cluster *c, struct err *err)
{
	int rc = docdb_enter_any(c, err);
	if (rc < 0) {
		return rc;
	}
	rc = instance_set_multi_az(c->store, true, err);
	rc = rc < 0 ? rc : instance_backup(c->store, err);
	cluster_leave(&c->base);
	return rc;
}

static int make(struct docdb_cluster *c, const char *from, struct err *err)
{
	struct docdb_config config;
	struct docdb_def def;

	docdb_def_now(c, &def);
	docdb_config_init(&config, c->service, def.id, def.name);
	int rc = instance_create(&config.config, &new_settings, from, err);
	rc = rc < 0 ? rc : complete(c, err);
	return rc < 0 ? rc : publish(c, err);
}

int docdb_create(struct docdb_service *s, struct slice name, const char *from, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	struct err why = {0};

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : docdb_reserve(s, name, &c, err);
	if (rc < 0) {
		return rc;
	}
	rc = make(c, from, err);
	if (rc < 0) {
		cluster_close(&c->base, &why);
		cluster_dropped(&c->base);
		return rc;
	}
	docdb_event(c, 0, "creation", "DB cluster created.");
	keeper_kick(&s->keeper);
	return 0;
}

int docdb_default(struct docdb_service *s, struct docdb_cluster **out, struct err *err)
{
	struct slice name = slice_of(DOCDB_DEFAULT);
	struct err why = {0};

	LOCKED(&s->first);
	if (docdb_find(s, name, out, &why) == 0) {
		return 0;
	}
	int rc = docdb_create(s, name, NULL, err);
	return rc < 0 ? rc : docdb_find(s, name, out, err);
}

/* ---- deleting ---- */

static int any_collection(void *arg, const struct docdb_collection *found, struct err *err)
{
	(void)arg;
	return err_set(err, ENOTEMPTY,
		"the cluster holds collections (%s): drop them first, or say 'delete-cluster' in "
		"its .control",
		found->name);
}

static int empty_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	return docdb_collection_each(conn, NULL, any_collection, arg, err);
}

static int check_deletable(struct docdb_cluster *c, struct err *err)
{
	struct docdb_members members;
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = clusters_check_writable(&c->service->base, err);
	if (rc == 0 && strcmp(def.name, DOCDB_DEFAULT) == 0) {
		return err_set(err, EINVAL,
			"InvalidParameterCombination: this is the default cluster, which stays: "
			"drop its collections instead");
	}
	if (rc == 0 && def.deletion_protection) {
		return err_set(err, EBUSY,
			"InvalidParameterCombination: Cannot delete protected Cluster, please "
			"disable deletion protection and try again.");
	}
	rc = rc < 0 ? rc : docdb_catalog_members(c->service, def.id, &members, err);
	return rc < 0 || members.n <= 1
		       ? rc
		       : err_set(err, EBUSY,
				 "InvalidDBClusterStateFault: Cluster cannot be deleted, it still "
				 "contains DB instances: delete-instance its replicas first");
}

/* The state keeps others out. */
static int look_and_copy(struct docdb_cluster *c, bool empty, const char *final_snapshot,
	const struct docdb_progress *progress, struct docdb_snapshot *snapshot, struct err *err)
{
	int rc = docdb_enter_any(c, err);

	if (rc < 0) {
		return rc;
	}
	rc = empty ? docdb_read(c->source, empty_fn, NULL, err) : 0;
	if (rc == 0 && final_snapshot != NULL) {
		rc = docdb_snapshot_copy(c, final_snapshot, progress, snapshot, err);
	}
	cluster_leave(&c->base);
	return rc;
}

/* Its own row and files: what makes it gone. */
static int drop(struct docdb_cluster *c, const struct docdb_snapshot *final, struct err *err)
{
	struct docdb_service *s = c->service;
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = cluster_close(&c->base, err);
	if (rc == 0) {
		LOCKED(&s->base.ddl);
		rc = docdb_catalog_drop(s, def.id, final, err);
		if (rc == 0) {
			cluster_dropped(&c->base);
		}
	}
	if (rc == 0) {
		docdb_destroy_files(s, def.id, def.name);
		docdb_event(c, 0, "deletion", "DB cluster deleted.");
	}
	return rc;
}

int docdb_delete(struct docdb_cluster *c, bool empty, const char *final_snapshot,
	const struct docdb_progress *progress, struct err *err)
{
	unsigned before = cluster_state(&c->base);
	struct docdb_snapshot snapshot = {0};

	int rc = check_deletable(c, err);
	rc = rc < 0 ? rc
		    : cluster_state_begin(
			      &c->base, DOCDB_DELETING, CLUSTER_FROM(DOCDB_STOPPED), err);
	if (rc < 0) {
		return rc;
	}
	rc = cluster_drain(&c->base, err);
	if (rc == 0 && (empty || final_snapshot != NULL)) {
		rc = look_and_copy(c, empty, final_snapshot, progress, &snapshot, err);
	}
	rc = rc < 0 ? rc : drop(c, final_snapshot != NULL ? &snapshot : NULL, err);
	if (rc < 0) {
		cluster_state_set(&c->base, before);
	}
	return rc;
}

/* ---- stop, start ---- */

static void set_stopped(struct docdb_def *def, uint64_t value)
{
	def->stopped = value != 0;
	def->stopped_ns = value != 0 ? clock_wall_ns() : 0;
}

int docdb_stop(struct docdb_cluster *c, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	rc = rc < 0 ? rc : cluster_state_begin(&c->base, DOCDB_STOPPING, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = cluster_close(&c->base, err);
	rc = rc < 0 ? rc : docdb_change(c, set_stopped, 1, err);
	cluster_state_set(&c->base, rc < 0 ? DOCDB_AVAILABLE : DOCDB_STOPPED);
	if (rc == 0) {
		docdb_event(c, 0, "notification", "DB cluster stopped.");
	}
	return rc;
}

static int start_now(struct docdb_cluster *c, struct err *err)
{
	int rc = docdb_enter_any(c, err);

	if (rc == 0) {
		cluster_leave(&c->base);
		rc = docdb_change(c, set_stopped, 0, err);
	}
	return rc;
}

int docdb_start(struct docdb_cluster *c, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	if (rc == 0 && cluster_state(&c->base) == DOCDB_AVAILABLE) {
		return err_set(err, EBUSY,
			"InvalidDBClusterStateFault: the cluster is available: only a stopped one "
			"can be started");
	}
	rc = rc < 0 ? rc
		    : cluster_state_begin(
			      &c->base, DOCDB_STARTING, CLUSTER_FROM(DOCDB_STOPPED), err);
	if (rc < 0) {
		return rc;
	}
	rc = start_now(c, err);
	cluster_state_set(&c->base, rc < 0 ? DOCDB_STOPPED : DOCDB_AVAILABLE);
	if (rc == 0) {
		docdb_event(c, 0, "notification", "DB cluster started.");
	}
	return rc;
}

/* ---- backups, maintenance ---- */

int docdb_set_retention(struct docdb_cluster *c, unsigned days, struct err *err)
{
	if (days < 1 || days > DOCDB_RETENTION_MAX) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: Invalid backup retention period: %u. Retention "
			"period must be between 1 and %d.",
			days, DOCDB_RETENTION_MAX);
	}
	int rc = docdb_step_begin(c, DOCDB_MODIFYING, err);
	if (rc == 0) {
		rc = instance_set_retention(c->store, days, err);
		docdb_step_end(c);
	}
	return rc;
}

int docdb_backup(struct docdb_cluster *c, struct err *err)
{
	int rc = docdb_step_begin(c, DOCDB_BACKING_UP, err);

	if (rc == 0) {
		rc = instance_backup(c->store, err);
		docdb_step_end(c);
	}
	return rc;
}

int docdb_maintain(struct docdb_cluster *c, struct buf *report, struct err *err)
{
	int rc = docdb_step_begin(c, DOCDB_MODIFYING, err);

	if (rc == 0) {
		rc = instance_maintenance(c->store, report, err);
		docdb_step_end(c);
	}
	return rc;
}

/* ---- storage ---- */

static void set_allocated(struct docdb_def *def, uint64_t value)
{
	def->allocated = value;
}

void docdb_grow(struct docdb_cluster *c)
{
	uint64_t used = instance_bytes(c->store);
	struct docdb_def def;
	struct err why = {0};

	docdb_def_now(c, &def);
	uint64_t needed = (used / DOCDB_STORAGE_STEP + 1) * DOCDB_STORAGE_STEP;
	if (needed <= def.allocated || c->service->base.read_only) {
		return;
	}
	if (docdb_change(c, set_allocated, needed, &why) < 0) {
		log_warn("docdb: cluster %s: %s", def.name, why.msg);
		return;
	}
	docdb_event(c, 0, "storage", "Storage has grown from %llu to %llu MiB; %llu MiB are used.",
		(unsigned long long)(def.allocated >> 20), (unsigned long long)(needed >> 20),
		(unsigned long long)(used >> 20));
}
