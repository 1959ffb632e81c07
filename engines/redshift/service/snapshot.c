/* Snapshots: files of their own that outlive the cluster they are of, can be looked at, and come
 * back as new clusters (restore.c). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/redshift/service/service.h"

/* ---- making ---- */

static int check_unused(struct redshift_service *s, const char *name, struct err *err)
{
	struct redshift_snapshot other;
	struct err why = {0};

	if (redshift_catalog_snapshot(s, slice_of(name), &other, &why) < 0) {
		return 0;
	}
	return err_set(err, EEXIST,
		"ClusterSnapshotAlreadyExists: there is a snapshot %s (of cluster %s)", name,
		other.cluster);
}

static uint64_t size_of(const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	uint64_t size = 0;
	struct stat st;

	while (d != NULL && (entry = readdir(d)) != NULL) {
		if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode)) {
			size += (uint64_t)st.st_size;
		}
	}
	if (d != NULL) {
		closedir(d);
	}
	return size;
}

/* The catalogue as it is now, and the look that its rows are copied by: writers wait for no more
 * than that. */
static int copy_leader(
	struct rs_cluster *rs, const char *path, struct rs_look *look, struct err *err)
{
	LOCKED(&rs->writing);
	int rc = rs_look_begin(rs, look, err);

	if (rc == 0) {
		rc = rs_leader_copy(rs->leader, path, err);
		if (rc < 0) {
			rs_look_end(look);
		}
	}
	return rc;
}

static int copy_rows(struct rs_cluster *rs, const struct rs_look *look, const char *dir,
	uint64_t id, const struct redshift_progress *progress, struct err *err)
{
	struct rs_progress rows = {progress->fn, progress->arg};
	_Atomic bool stop = false;
	struct rs_nodes *to = NULL;
	char alias[32];

	snprintf(alias, sizeof(alias), "s%llu", (unsigned long long)id);
	struct rs_nodes_config config = {
		.site = rs->site,
		.dir = dir,
		.generation = look->catalog->generation,
		.nodes = look->catalog->nodes,
		.slices = look->catalog->slices,
		.alias = alias,
	};
	int rc = redshift_empty_nodes(&config, &to, err);
	rc = rc < 0 ? rc
		    : rs_nodes_copy(look->nodes, to, look->catalog, look->xid, &stop, &rows, err);
	rs_nodes_unref(to);
	return rc;
}

static int sync_dir(const char *path, struct err *err)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? err_errno(err, "%s", path) : 0;
}

static int copy_into(struct redshift_cluster *c, const char *dir,
	const struct redshift_progress *progress, struct redshift_snapshot *out, struct err *err)
{
	CLEANUP(buf_free) struct buf leader = BUF_INIT;
	struct rs_look look;

	buf_printf(&leader, "%s/leader.db", dir);
	int rc = mkdir(dir, 0700) < 0 ? err_errno(err, "%s", dir) : 0;
	rc = rc < 0 ? rc : copy_leader(c->rs, buf_cstr(&leader), &look, err);
	if (rc < 0) {
		return rc;
	}
	out->nodes = look.catalog->nodes;
	out->slices = look.catalog->slices;
	rc = copy_rows(c->rs, &look, dir, out->id, progress, err);
	rs_look_end(&look);
	rc = rc < 0 ? rc : sync_dir(dir, err);
	rc = rc < 0 ? rc : sync_dir(c->service->base.dir, err);
	out->bytes = size_of(dir);
	return rc;
}

int redshift_snapshot_copy(struct redshift_cluster *c, const char *name,
	const struct redshift_progress *progress, struct redshift_snapshot *out, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;

	*out = (struct redshift_snapshot){.created_ns = clock_wall_ns(),
		.cluster_id = c->def.id,
		.retention_days = REDSHIFT_FOR_EVER};
	/* Before the work rather than after it; the row decides. */
	int rc = check_unused(c->service, name, err);
	rc = rc < 0 ? rc : redshift_catalog_id(c->service, &out->id, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(out->cluster, c->def.name, sizeof(out->cluster));
	memcpy(out->driver, c->def.driver, sizeof(out->driver));
	snprintf(out->name, sizeof(out->name), "%s", name);
	clusters_file_path(&c->service->base, 's', out->id, &dir);
	rc = buf_check(&dir, err);
	rc = rc < 0 ? rc : copy_into(c, dir.p, progress, out, err);
	if (rc < 0) {
		redshift_remove_dir(buf_cstr(&dir));
	}
	return rc;
}

/* A failed COMMIT leaves the files to the next open. */
static int copy_and_add(struct redshift_cluster *c, const char *name, bool automated,
	int64_t retention_days, const struct redshift_progress *progress, struct err *err)
{
	struct redshift_snapshot snapshot;

	int rc = redshift_snapshot_copy(c, name, progress, &snapshot, err);
	snapshot.automated = automated;
	snapshot.retention_days = retention_days;
	return rc < 0 ? rc : redshift_catalog_add_snapshot(c->service, &snapshot, err);
}

int redshift_snapshot_create(struct redshift_cluster *c, const char *name, bool automated,
	int64_t retention_days, const struct redshift_progress *progress, struct err *err)
{
	int rc = automated ? 0
			   : identifier_check("SnapshotIdentifier", slice_of(name),
				     REDSHIFT_SNAPSHOT_MAX, err);

	rc = rc < 0 ? rc : redshift_step_begin(c, REDSHIFT_SNAPSHOTTING, err);
	if (rc < 0) {
		return rc;
	}
	rc = copy_and_add(c, name, automated, retention_days, progress, err);
	redshift_step_end(c);
	if (rc < 0) {
		redshift_event(c, "Snapshot %s failed: %s", name, err->msg);
	} else {
		redshift_event(c, "Snapshot %s of cluster %s is complete", name, c->def.name);
	}
	return rc;
}

/* ---- removing, finding ---- */

int redshift_snapshot_delete(struct redshift_service *s, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct redshift_snapshot snapshot;

	LOCKED(&s->base.ddl);
	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : redshift_catalog_snapshot(s, name, &snapshot, err);
	rc = rc < 0 ? rc : redshift_catalog_drop_snapshot(s, snapshot.id, err);
	if (rc == 0) {
		clusters_file_path(&s->base, 's', snapshot.id, &dir);
		redshift_remove_dir(buf_cstr(&dir));
	}
	return rc;
}

int redshift_snapshot_find(struct redshift_service *s, struct redshift_cluster *c,
	struct slice name, struct redshift_snapshot *out, struct err *err)
{
	int rc = redshift_catalog_snapshot(s, name, out, err);

	return rc == 0 && c != NULL && out->cluster_id != c->def.id
		       ? err_set(err, ENOENT,
				 "ClusterSnapshotNotFound: snapshot %s is of another cluster, %s",
				 out->name, out->cluster)
		       : rc;
}

/* ---- looking at one ---- */

static void copy_free(struct redshift_copy *copy)
{
	rs_cluster_close(copy->rs);
	redshift_sizes_free(copy->sizes);
	pthread_mutex_destroy(&copy->opening);
	free(copy);
}

/* Counted, whether it was there or not. */
static struct redshift_copy *copy_hold(
	struct redshift_service *s, const struct redshift_snapshot *snapshot)
{
	LOCKED(&s->base.lock);
	struct redshift_copy *copy;

	TAILQ_FOREACH (copy, &s->copies, link) {
		if (copy->snapshot.id == snapshot->id) {
			copy->refs++;
			return copy;
		}
	}
	copy = calloc(1, sizeof(*copy));
	if (copy == NULL || (copy->sizes = redshift_sizes_new(s, 0)) == NULL) {
		free(copy);
		return NULL;
	}
	copy->service = s;
	copy->snapshot = *snapshot;
	copy->refs = 1;
	pthread_mutex_init(&copy->opening, NULL);
	TAILQ_INSERT_TAIL(&s->copies, copy, link);
	return copy;
}

static int copy_open_now(struct redshift_copy *copy, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct rs_cluster_config config = {
		.driver = sql_driver_find(copy->snapshot.driver),
		.label = copy->snapshot.name,
		.tmp = copy->service->base.tmp,
		.read_only = true,
	};

	LOCKED(&copy->opening);
	if (copy->rs != NULL) {
		return 0;
	}
	if (config.driver == NULL) {
		return err_set(err, ENOTSUP, "InvalidRestore: snapshot %s " SQL_NO_DRIVER,
			copy->snapshot.name, copy->snapshot.driver);
	}
	clusters_file_path(&copy->service->base, 's', copy->snapshot.id, &dir);
	config.snapshot = buf_cstr(&dir);
	return rs_cluster_open(&config, &copy->rs, err);
}

int redshift_copy_open(struct redshift_service *s, const struct redshift_snapshot *snapshot,
	struct redshift_copy **out, struct err *err)
{
	struct redshift_copy *copy = copy_hold(s, snapshot);

	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = copy_open_now(copy, err);
	if (rc < 0) {
		redshift_copy_put(copy);
		return rc;
	}
	*out = copy;
	return 0;
}

void redshift_copy_put(struct redshift_copy *copy)
{
	if (copy == NULL) {
		return;
	}
	struct redshift_service *s = copy->service;
	pthread_mutex_lock(&s->base.lock);
	bool last = --copy->refs == 0;
	if (last) {
		TAILQ_REMOVE(&s->copies, copy, link);
	}
	pthread_mutex_unlock(&s->base.lock);
	if (last) {
		copy_free(copy);
	}
}
