/* What is done to an instance as a whole: each step takes it from available through the
 * service's passing state and back, and says so in its events. */
#include <stdio.h>

#include "engines/common/clock.h"
#include "engines/rds/lifecycle.h"

/* ---- the shape of a step ---- */

/* The instance in a passing state, entered. Ends with step_end(). */
static int step_begin(
	struct rds_instance *i, enum rds_state state, const char *what, struct err *err)
{
	struct rds_source *rows;

	int rc = clusters_check_writable(&i->service->base, err);
	rc = rc < 0 ? rc : rds_only_own(i, what, err);
	rc = rc < 0 ? rc : cluster_state_begin(&i->base, state, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = rds_enter_any(i, &rows, err);
	if (rc < 0) {
		cluster_state_set(&i->base, RDS_AVAILABLE);
	}
	return rc;
}

static void step_end(struct rds_instance *i)
{
	cluster_leave(&i->base);
	cluster_state_set(&i->base, RDS_AVAILABLE);
}

int rds_change(struct rds_instance *i, rds_change_fn *change, int value, struct err *err)
{
	struct rds_def def;

	int rc = clusters_check_writable(&i->service->base, err);
	rc = rc < 0 ? rc : rds_only_own(i, "changed", err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&i->service->base.ddl);
	rds_def_now(i, &def);
	change(&def, value);
	return rds_save(i, &def, err);
}

/* ---- stop, start ---- */

static void set_stopped(struct rds_def *def, int value)
{
	def->stopped = value != 0;
	def->stopped_ns = value != 0 ? clock_wall_ns() : 0;
}

static int refuse_with_replicas(struct rds_instance *i, const char *what, struct err *err)
{
	size_t n = 0;
	int rc = rds_replica_count(i, &n, err);

	if (rc == 0 && n > 0) {
		return err_set(err, EBUSY,
			"InvalidDBInstanceState: the DB instance has %zu read replica%s: %s", n,
			n == 1 ? "" : "s", what);
	}
	return rc;
}

static int stop_now(struct rds_instance *i, struct err *err)
{
	int rc = cluster_close(&i->base, err);

	return rc < 0 ? rc : rds_change(i, set_stopped, 1, err);
}

int rds_stop(struct rds_instance *i, struct err *err)
{
	int rc = clusters_check_writable(&i->service->base, err);

	rc = rc < 0 ? rc : rds_only_own(i, "stopped", err);
	rc = rc < 0 ? rc
		    : refuse_with_replicas(
			      i, "it cannot be stopped; delete or promote them first", err);
	rc = rc < 0 ? rc : cluster_state_begin(&i->base, RDS_STOPPING, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = stop_now(i, err);
	cluster_state_set(&i->base, rc < 0 ? RDS_AVAILABLE : RDS_STOPPED);
	if (rc == 0) {
		rds_event(i, 87, "notification", "DB instance stopped.");
	}
	return rc;
}

static int start_now(struct rds_instance *i, struct err *err)
{
	struct rds_source *rows;

	int rc = rds_enter_any(i, &rows, err);
	if (rc == 0) {
		cluster_leave(&i->base);
		rc = rds_change(i, set_stopped, 0, err);
	}
	return rc;
}

int rds_start(struct rds_instance *i, struct err *err)
{
	if (cluster_state(&i->base) == RDS_AVAILABLE) {
		return err_set(err, EBUSY,
			"InvalidDBInstanceState: the DB instance is available: only a stopped one "
			"can be started");
	}
	int rc = clusters_check_writable(&i->service->base, err);
	rc = rc < 0 ? rc
		    : cluster_state_begin(&i->base, RDS_STARTING, CLUSTER_FROM(RDS_STOPPED), err);
	if (rc < 0) {
		return rc;
	}
	rc = start_now(i, err);
	cluster_state_set(&i->base, rc < 0 ? RDS_STOPPED : RDS_AVAILABLE);
	if (rc == 0) {
		rds_event(i, 88, "notification", "DB instance started.");
	}
	return rc;
}

/* ---- zones ---- */

static int failover_entered(struct rds_instance *i, const char *why, struct err *err)
{
	struct instance_status status;
	struct err own = {0};

	instance_status(i->store, &status);
	if (!status.settings.multi_az) {
		return err_set(err, EINVAL,
			"InvalidParameterCombination: the DB instance is not a Multi-AZ one: there "
			"is "
			"no standby to fail over to; 'multi-az on' makes one");
	}
	int rc = instance_failover(i->store, why, &own);
	if (rc == -EBUSY) {
		rds_event(i, 34, "failover",
			"Abandoning user requested failover since a failover recently occurred on "
			"the database instance.");
	}
	return rc < 0 ? err_set(err, own.code, "%s", own.msg) : 0;
}

int rds_failover(struct rds_instance *i, struct err *err)
{
	int rc = step_begin(i, RDS_REBOOTING, "failed over", err);

	if (rc == 0) {
		rc = failover_entered(i, "user request", err);
		step_end(i);
	}
	return rc;
}

int rds_reboot(struct rds_instance *i, bool failover, struct err *err)
{
	int rc = step_begin(i, RDS_REBOOTING, "rebooted", err);

	if (rc < 0) {
		return rc;
	}
	if (failover) {
		rc = failover_entered(i, "reboot with failover", err);
	} else {
		rds_event(i, 4, "availability", "DB instance shutdown.");
		rc = instance_restart(i->store, err);
	}
	step_end(i);
	if (rc == 0) {
		rds_event(i, 6, "availability", "DB instance restarted.");
	}
	return rc;
}

static void set_pending_multi_az(struct rds_def *def, int value)
{
	def->pending_multi_az = value;
}

static void set_pending_retention(struct rds_def *def, int value)
{
	def->pending_retention = value;
}

int rds_set_multi_az(struct rds_instance *i, bool on, struct err *err)
{
	int rc = step_begin(i, RDS_MODIFYING, "kept in two zones", err);

	if (rc < 0) {
		return rc;
	}
	if (!on) {
		rds_event(i, 30, "configuration change",
			"Applying modification to convert to a standard (Single-AZ) DB instance.");
	}
	rc = instance_set_multi_az(i->store, on, err);
	step_end(i);
	if (rc == 0 && !on) {
		rds_event(i, 29, "configuration change",
			"Finished applying modification to convert to a standard (Single-AZ) DB "
			"instance.");
	}
	return rc < 0 ? rc : rds_change(i, set_pending_multi_az, RDS_NOT_PENDING, err);
}

/* ---- backups ---- */

static int set_retention(struct rds_instance *i, unsigned days, struct err *err)
{
	struct instance_status status;
	size_t n = 0;

	instance_status(i->store, &status);
	int rc = days == 0 ? rds_replica_count(i, &n, err) : 0;
	if (rc == 0 && n > 0) {
		return err_set(err, EINVAL,
			"InvalidParameterCombination: Automated backups cannot be turned off "
			"(backup-retention 0) while the DB instance has read replicas");
	}
	rc = rc < 0 ? rc : instance_set_retention(i->store, days, err);
	if (rc == 0 && (days == 0) != (status.settings.retention_days == 0)) {
		rds_event(i, days == 0 ? 28 : 32, "configuration change", "%s automated backups.",
			days == 0 ? "Disabled" : "Enabled");
	}
	return rc;
}

int rds_set_retention(struct rds_instance *i, unsigned days, struct err *err)
{
	if (days > RDS_RETENTION_MAX) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: Invalid backup retention period: %u. Retention "
			"period must be between 0 and %d.",
			days, RDS_RETENTION_MAX);
	}
	int rc = step_begin(i, RDS_MODIFYING, "backed up", err);
	if (rc < 0) {
		return rc;
	}
	rc = set_retention(i, days, err);
	step_end(i);
	return rc < 0 ? rc : rds_change(i, set_pending_retention, RDS_NOT_PENDING, err);
}

int rds_backup(struct rds_instance *i, struct err *err)
{
	struct instance_status status;

	int rc = step_begin(i, RDS_BACKING_UP, "backed up", err);
	if (rc < 0) {
		return rc;
	}
	instance_status(i->store, &status);
	if (status.settings.retention_days == 0) {
		rc = err_set(err, EINVAL,
			"InvalidDBInstanceState: Automated backups are not enabled for this "
			"database "
			"instance; 'backup-retention DAYS' enables them, 'snapshot NAME' keeps it "
			"as it "
			"is now");
	}
	rc = rc < 0 ? rc : instance_backup(i->store, err);
	step_end(i);
	return rc;
}

/* ---- maintenance ---- */

static void set_version(struct rds_def *def, int value)
{
	(void)value;
	snprintf(def->engine_version, sizeof(def->engine_version), "%s", sqlite3_libversion());
}

int rds_maintain(struct rds_instance *i, struct buf *report, struct err *err)
{
	int rc = step_begin(i, RDS_MAINTENANCE, "maintained", err);

	if (rc < 0) {
		return rc;
	}
	rds_event(i, 26, "maintenance", "Applying off-line patches to DB instance.");
	rc = instance_maintenance(i->store, report, err);
	step_end(i);
	if (rc == 0) {
		rds_event(
			i, 27, "maintenance", "Finished applying off-line patches to DB instance.");
	}
	return rc < 0 ? rc : rds_change(i, set_version, 0, err);
}

/* ---- replicas ---- */

static int list_replicas(
	struct rds_instance *i, struct instance_replica **out, size_t *n, struct err *err)
{
	struct rds_source *rows;

	int rc = rds_enter_any(i, &rows, err);
	if (rc == 0) {
		rc = i->store != NULL ? instance_replicas(i->store, out, n, err) : 0;
		cluster_leave(&i->base);
	}
	return rc;
}

int rds_replica_count(struct rds_instance *i, size_t *out, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;

	*out = 0;
	return list_replicas(i, &list, out, err);
}

int rds_replica_find(
	struct rds_instance *i, struct slice name, struct instance_replica *out, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	size_t n = 0;

	int rc = list_replicas(i, &list, &n, err);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		if (slice_is(name, list[k].name)) {
			*out = list[k];
			return 0;
		}
	}
	return rc < 0 ? rc : rds_no_instance(name, err);
}

static int check_replicas(struct rds_instance *i, struct err *err)
{
	struct instance_status status;
	size_t n = 0;

	instance_status(i->store, &status);
	int rc = rds_replica_count(i, &n, err);
	if (rc == 0 && status.settings.retention_days == 0) {
		return err_set(err, EINVAL,
			"InvalidDBInstanceState: Automated backups are not enabled for this "
			"database "
			"instance. To make a read replica, set backup-retention to a non-zero "
			"value.");
	}
	if (rc == 0 && n >= RDS_REPLICAS_MAX) {
		return err_set(err, EINVAL,
			"InstanceQuotaExceeded: the DB instance has %zu read replicas, the most "
			"there "
			"can be",
			n);
	}
	return rc;
}

int rds_replica_create(struct rds_instance *i, const struct rds_replica_wish *wish, struct err *err)
{
	int rc = identifier_check("DBInstanceIdentifier", slice_of(wish->name), RDS_NAME_MAX, err);

	rc = rc < 0 ? rc : step_begin(i, RDS_MODIFYING, "replicated", err);
	if (rc < 0) {
		return rc;
	}
	rc = check_replicas(i, err);
	rc = rc < 0 ? rc
		    : instance_replica_add(
			      i->store, wish->name, wish->region, wish->zone, wish->delay_ms, err);
	step_end(i);
	if (rc < 0) {
		rds_event(i, 202, "read replica", "Read replica creation failed. [%s]", wish->name);
	} else {
		rds_event(i, 5, "creation", "DB instance created. [read replica %s]", wish->name);
	}
	return rc;
}

int rds_replica_delete(struct rds_instance *i, const char *name, struct err *err)
{
	int rc = step_begin(i, RDS_MODIFYING, "replicated", err);

	if (rc < 0) {
		return rc;
	}
	rc = instance_replica_remove(i->store, name, err);
	step_end(i);
	if (rc == 0) {
		rds_event(i, 3, "deletion", "DB instance deleted. [read replica %s]", name);
	}
	return rc;
}
