/* Snapshots: kept for themselves, restored always to a new instance. A manual one is a
 * file; an automated one is a moment within the instance's backups. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"
#include "engines/store/disk.h"

#define SECOND_NS INT64_C(1000000000)

/* ---- making ---- */

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int copy_and_add(struct rds_instance *i, struct rds_snapshot *snapshot,
	const struct rds_intent *intent, const struct rds_progress *progress, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	clusters_file_path(&i->service->base, 's', snapshot->id, &path);
	int rc = buf_check(&path, err);
	rc = rc < 0 ? rc : instance_copy(i->store, path.p, progress->fn, progress->arg, err);
	if (rc < 0) {
		return rc;
	}
	snapshot->bytes = size_of(path.p);
	/* As with instances, a failed COMMIT leaves the file to the next open. */
	return rds_catalog_add_snapshot(i->service, snapshot, intent, err);
}

static int check_unused(struct rds_service *s, const char *name, struct err *err)
{
	struct rds_snapshot other;
	struct err why = {0};

	if (rds_catalog_snapshot(s, slice_of(name), &other, &why) < 0) {
		return 0;
	}
	return err_set(err, EEXIST,
		"DBSnapshotAlreadyExists: Cannot create the snapshot because a snapshot with the "
		"identifier %s already exists (of instance %s).",
		name, other.instance);
}

int rds_snapshot_take(struct rds_instance *i, const char *name, const struct rds_intent *intent,
	const struct rds_progress *progress, struct err *err)
{
	struct rds_snapshot snapshot = {.created_ns = clock_wall_ns()};
	struct rds_source *rows;
	struct rds_def def;

	/* Before the work rather than after it; the row decides. */
	int rc = check_unused(i->service, name, err);
	rc = rc < 0 ? rc : rds_catalog_next_id(i->service, &snapshot.id, err);
	rc = rc < 0 ? rc : rds_enter_any(i, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rds_def_now(i, &def);
	snapshot.instance_id = def.id;
	memcpy(snapshot.instance, def.name, sizeof(snapshot.instance));
	snprintf(snapshot.name, sizeof(snapshot.name), "%s", name);
	rds_event(i, 40, "creation", "Creating manual snapshot. [%s]", name);
	rc = copy_and_add(i, &snapshot, intent, progress, err);
	cluster_leave(&i->base);
	if (rc == 0) {
		rds_event(i, 42, "creation", "Manual snapshot created. [%s]", name);
	}
	return rc;
}

int rds_snapshot_create(struct rds_instance *i, const char *name,
	const struct rds_progress *progress, struct err *err)
{
	int rc = clusters_check_writable(&i->service->base, err);

	rc = rc < 0 ? rc : rds_only_own(i, "kept as a snapshot", err);
	rc = rc < 0 ? rc : cluster_state_begin(&i->base, RDS_BACKING_UP, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = rds_snapshot_take(i, name, NULL, progress, err);
	cluster_state_set(&i->base, RDS_AVAILABLE);
	return rc;
}

/* ---- automated ones ---- */

void rds_snapshot_automated(struct rds_instance *i)
{
	struct rds_snapshot snapshot = {.automated = true, .created_ns = clock_wall_ns()};
	time_t seconds = (time_t)(snapshot.created_ns / SECOND_NS);
	struct rds_def def;
	struct err why = {0};
	char when[32];
	struct tm tm;

	rds_def_now(i, &def);
	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d-%H-%M", &tm);
	snapshot.instance_id = def.id;
	memcpy(snapshot.instance, def.name, sizeof(snapshot.instance));
	snprintf(snapshot.name, sizeof(snapshot.name), "rds:%s-%s", def.name, when);
	int rc = rds_catalog_next_id(i->service, &snapshot.id, &why);
	rc = rc < 0 ? rc : rds_catalog_add_snapshot(i->service, &snapshot, NULL, &why);
	if (rc < 0) {
		log_warn("rds: snapshot %s: %s", snapshot.name, why.msg);
	} else {
		rds_event(i, 91, "creation", "Automated snapshot created. [%s]", snapshot.name);
	}
}

/* ---- removing ---- */

int rds_snapshot_delete(struct rds_service *s, struct slice name, struct err *err)
{
	struct rds_snapshot snapshot;

	LOCKED(&s->base.ddl);
	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : rds_catalog_snapshot(s, name, &snapshot, err);
	if (rc == 0 && snapshot.automated) {
		return err_set(err, EINVAL,
			"InvalidDBSnapshotState: %s is an automated snapshot: it goes when the "
			"retention period has passed",
			snapshot.name);
	}
	rc = rc < 0 ? rc : rds_catalog_drop_snapshot(s, snapshot.id, err);
	if (rc == 0) {
		clusters_file_remove(&s->base, 's', snapshot.id);
		rds_event_service(s, 41, "deletion", "Deleted user snapshot. [%s]", snapshot.name);
	}
	return rc;
}

/* ---- restoring ---- */

/* The file becomes a new instance, or goes. */
static int create_of(struct rds_service *s, struct slice name, const char *path, struct err *err)
{
	int rc = rds_create(s, name, path, err);

	unlink(path);
	return rc;
}

static int check_new_name(struct rds_service *s, struct slice name, struct err *err)
{
	int rc = clusters_check_writable(&s->base, err);

	rc = rc < 0 ? rc : identifier_check("DBInstanceIdentifier", name, RDS_NAME_MAX, err);
	return rc < 0 ? rc : rds_check_free(s, name, err);
}

static int restore_to(struct rds_instance *i, int64_t time_ns, struct slice name,
	int64_t *commit_ns, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct rds_source *rows;

	int rc = rds_enter(i, &rows, err);
	if (rc < 0) {
		return rc;
	}
	clusters_temp_path(&i->service->base, ".db", &path);
	rc = instance_build_time(i->store, time_ns, path.p, commit_ns, err);
	cluster_leave(&i->base);
	return rc < 0 ? rc : create_of(i->service, name, path.p, err);
}

static int of_file(struct rds_service *s, const struct rds_snapshot *snapshot, struct slice name,
	struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	clusters_file_path(&s->base, 's', snapshot->id, &from);
	clusters_temp_path(&s->base, ".db", &path);
	int rc = buf_check(&path, err);
	rc = rc < 0 ? rc : disk_copy_file(&disk_system, from.p, path.p, err);
	return rc < 0 ? rc : create_of(s, name, path.p, err);
}

static int of_moment(struct rds_service *s, const struct rds_snapshot *snapshot, struct slice name,
	struct err *err)
{
	RDS_INSTANCE i = rds_find_id(s, snapshot->instance_id);
	int64_t commit_ns;

	if (i == NULL) {
		return rds_no_snapshot(slice_of(snapshot->name), err);
	}
	return restore_to(i, snapshot->created_ns, name, &commit_ns, err);
}

int rds_restore(struct rds_service *s, const struct rds_snapshot *snapshot, struct slice name,
	struct err *err)
{
	RDS_INSTANCE made = NULL;
	struct err why = {0};

	int rc = check_new_name(s, name, err);
	rc = rc < 0		   ? rc
	     : snapshot->automated ? of_moment(s, snapshot, name, err)
				   : of_file(s, snapshot, name, err);
	if (rc == 0 && rds_find(s, name, &made, &why) == 0) {
		rds_event(made, 43, "restoration", "Restored from snapshot %s.", snapshot->name);
	}
	return rc;
}

static int check_time(struct rds_instance *i, int64_t time_ns, struct err *err)
{
	char text[RFC3339_MAX];

	(void)i;
	if (time_ns <= clock_wall_ns()) {
		return 0;
	}
	rfc3339_print(time_ns, text);
	return err_set(err, EINVAL, "InvalidRestoreFault: %s has not come yet", text);
}

int rds_restore_time(struct rds_instance *i, int64_t time_ns, struct slice name, int64_t *commit_ns,
	struct err *err)
{
	RDS_INSTANCE made = NULL;
	char from[RDS_NAME_MAX + 1];
	struct err why = {0};

	int rc = rds_only_own(i, "restored", err);
	rc = rc < 0 ? rc : check_new_name(i->service, name, err);
	rc = rc < 0 ? rc : check_time(i, time_ns, err);
	rc = rc < 0 ? rc : restore_to(i, time_ns, name, commit_ns, err);
	if (rc == 0 && rds_find(i->service, name, &made, &why) == 0) {
		cluster_name_now(&i->base, from);
		rds_event(made, 19, "restoration", "Restored from DB instance %s to %.*s.", from,
			(int)name.n, name.p);
	}
	return rc;
}
