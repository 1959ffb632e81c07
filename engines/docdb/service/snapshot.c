/* Snapshots: files of their own, that outlive the cluster they are of. */
#include <stdio.h>
#include <sys/stat.h>

#include "engines/common/clock.h"
#include "engines/docdb/service/cluster.h"

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int check_unused(struct docdb_service *s, const char *name, struct err *err)
{
	struct docdb_snapshot other;
	struct err why = {0};

	if (docdb_catalog_snapshot(s, slice_of(name), &other, &why) < 0) {
		return 0;
	}
	return err_set(err, EEXIST,
		"DBClusterSnapshotAlreadyExistsFault: there is a snapshot %s (of cluster %s)", name,
		other.cluster);
}

int docdb_snapshot_copy(struct docdb_cluster *c, const char *name,
	const struct docdb_progress *progress, struct docdb_snapshot *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct docdb_def def;

	*out = (struct docdb_snapshot){.created_ns = clock_wall_ns()};
	/* Before the work rather than after it; the row decides. */
	int rc = check_unused(c->service, name, err);
	rc = rc < 0 ? rc : docdb_catalog_next_id(c->service, &out->id, err);
	if (rc < 0) {
		return rc;
	}
	docdb_def_now(c, &def);
	out->cluster_id = def.id;
	memcpy(out->cluster, def.name, sizeof(out->cluster));
	snprintf(out->name, sizeof(out->name), "%s", name);
	clusters_file_path(&c->service->base, 's', out->id, &path);
	rc = buf_check(&path, err);
	rc = rc < 0 ? rc : instance_copy(c->store, path.p, progress->fn, progress->arg, err);
	out->bytes = rc < 0 ? 0 : size_of(path.p);
	return rc;
}

/* A failed COMMIT leaves the file to the next open. */
static int copy_and_add(struct docdb_cluster *c, const char *name,
	const struct docdb_progress *progress, struct err *err)
{
	struct docdb_snapshot snapshot;

	int rc = docdb_snapshot_copy(c, name, progress, &snapshot, err);
	return rc < 0 ? rc : docdb_catalog_add_snapshot(c->service, &snapshot, err);
}

int docdb_snapshot_create(struct docdb_cluster *c, const char *name,
	const struct docdb_progress *progress, struct err *err)
{
	int rc = docdb_step_begin(c, DOCDB_BACKING_UP, err);

	if (rc < 0) {
		return rc;
	}
	docdb_event(c, 0, "backup", "Creating manual cluster snapshot. [%s]", name);
	rc = copy_and_add(c, name, progress, err);
	docdb_step_end(c);
	if (rc == 0) {
		docdb_event(c, 0, "backup", "Manual cluster snapshot created. [%s]", name);
	}
	return rc;
}

int docdb_snapshot_delete(struct docdb_service *s, struct slice name, struct err *err)
{
	struct docdb_snapshot snapshot;

	LOCKED(&s->base.ddl);
	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : docdb_catalog_snapshot(s, name, &snapshot, err);
	rc = rc < 0 ? rc : docdb_catalog_drop_snapshot(s, snapshot.id, err);
	if (rc == 0) {
		clusters_file_remove(&s->base, 's', snapshot.id);
	}
	return rc;
}

/* ---- which of them one sees ---- */

struct looking {
	struct slice name;
	struct docdb_snapshot *out;
	bool found;
};

static int take(void *arg, const struct docdb_snapshot *snapshot)
{
	struct looking *l = arg;

	if (slice_is(l->name, snapshot->name)) {
		*l->out = *snapshot;
		l->found = true;
	}
	return l->found;
}

int docdb_snapshot_find(
	struct docdb *d, struct slice name, struct docdb_snapshot *out, struct err *err)
{
	struct looking l = {.name = name, .out = out};
	struct docdb_def def = {0};
	DOCDB_CLUSTER c = NULL;

	int rc = docdb_is_unused(d) ? 0 : docdb_cluster_of(d, &c, err);
	if (rc < 0) {
		return rc;
	}
	if (c != NULL) {
		docdb_def_now(c, &def);
	}
	rc = docdb_catalog_snapshots(
		d->service, def.id, d->view == NULL, slice_of(""), take, &l, err);
	/* The sentence for one that is not there. */
	return rc < 0 || l.found
		       ? rc
		       : err_set(err, ENOENT,
				 "DBClusterSnapshotNotFoundFault: there is no snapshot %.*s here",
				 (int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}
