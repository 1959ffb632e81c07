/* Snapshots: files of their own, that outlive the cluster they are of, and come back as new
 * clusters. */
#include <stdio.h>
#include <sys/stat.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/store/disk.h"

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int check_unused(struct cache_service *s, const char *name, struct err *err)
{
	struct cache_snapshot other;
	struct err why = {0};

	if (cache_catalog_snapshot(s, slice_of(name), &other, &why) < 0) {
		return 0;
	}
	return err_set(err, EEXIST,
		"SnapshotAlreadyExistsFault: there is a snapshot %s (of cluster %s)", name,
		other.cluster);
}

int cache_snapshot_copy(struct cache_cluster *c, const char *name,
	const struct cache_progress *progress, struct cache_snapshot *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	*out = (struct cache_snapshot){.created_ns = clock_wall_ns(), .cluster_id = c->def.id};
	/* Before the work rather than after it; the row decides. */
	int rc = check_unused(c->service, name, err);
	rc = rc < 0 ? rc : cache_catalog_id(c->service, &out->id, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(out->cluster, c->def.name, sizeof(out->cluster));
	snprintf(out->name, sizeof(out->name), "%s", name);
	clusters_file_path(&c->service->base, 's', out->id, &path);
	rc = buf_check(&path, err);
	rc = rc < 0 ? rc : instance_copy(c->store, path.p, progress->fn, progress->arg, err);
	out->bytes = rc < 0 ? 0 : size_of(path.p);
	return rc;
}

/* A failed COMMIT leaves the file to the next open. */
static int copy_and_add(struct cache_cluster *c, const char *name,
	const struct cache_progress *progress, struct err *err)
{
	struct cache_snapshot snapshot;

	int rc = cache_snapshot_copy(c, name, progress, &snapshot, err);
	return rc < 0 ? rc : cache_catalog_add_snapshot(c->service, &snapshot, err);
}

int cache_snapshot_create(struct cache_cluster *c, const char *name,
	const struct cache_progress *progress, struct err *err)
{
	int rc = cache_only_redis(c, "snapshots", err);

	rc = rc < 0 ? rc
		    : identifier_check("SnapshotName", slice_of(name), CACHE_SNAPSHOT_MAX, err);
	rc = rc < 0 ? rc : cache_step_begin(c, CACHE_SNAPSHOTTING, err);
	if (rc < 0) {
		return rc;
	}
	rc = copy_and_add(c, name, progress, err);
	cache_step_end(c);
	if (rc < 0) {
		cache_event(c, "ElastiCache:SnapshotFailed: %s [%s]", name, err->msg);
	} else {
		cache_event(c, "ElastiCache:SnapshotComplete: %s", name);
	}
	return rc;
}

int cache_snapshot_delete(struct cache_service *s, struct slice name, struct err *err)
{
	struct cache_snapshot snapshot;

	LOCKED(&s->base.ddl);
	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : cache_catalog_snapshot(s, name, &snapshot, err);
	rc = rc < 0 ? rc : cache_catalog_drop_snapshot(s, snapshot.id, err);
	if (rc == 0) {
		clusters_file_remove(&s->base, 's', snapshot.id);
	}
	return rc;
}

int cache_snapshot_find(struct cache_service *s, struct cache_cluster *c, struct slice name,
	struct cache_snapshot *out, struct err *err)
{
	int rc = cache_catalog_snapshot(s, name, out, err);

	return rc == 0 && c != NULL && out->cluster_id != c->def.id
		       ? err_set(err, ENOENT,
				 "SnapshotNotFoundFault: snapshot %s is of another cluster, %s",
				 out->name, out->cluster)
		       : rc;
}

/* ---- restoring: always to something new ---- */

int cache_check_new(struct cache_service *s, struct slice name, struct err *err)
{
	CACHE_CLUSTER other = NULL;
	struct err why = {0};

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : identifier_check("ReplicationGroupId", name, CACHE_NAME_MAX, err);
	return rc == 0 && cache_find(s, name, &other, &why) == 0
		       ? err_set(err, EEXIST,
				 "ReplicationGroupAlreadyExists: there is a cluster %.*s",
				 (int)name.n, name.p)
		       : rc;
}

int cache_restore(struct cache_service *s, const struct cache_snapshot *snapshot, struct slice name,
	struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_def def;

	int rc = cache_check_new(s, name, err);
	if (rc < 0) {
		return rc;
	}
	cache_def_init(&def, name, CACHE_REDIS);
	clusters_file_path(&s->base, 's', snapshot->id, &from);
	clusters_temp_path(&s->base, ".db", &path);
	rc = buf_check(&path, err);
	rc = rc < 0 ? rc : disk_copy_file(&disk_system, from.p, path.p, err);
	if (rc == 0) {
		rc = cache_create(s, &def, 0, path.p, err);
		unlink(path.p);
	}
	return rc;
}
