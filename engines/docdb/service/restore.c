/* What was kept comes back as a new cluster. */
#include "engines/docdb/service/cluster.h"

#include "engines/common/clock.h"
#include "engines/store/disk.h"

/* The file becomes a new cluster, or goes. */
static int create_of(struct docdb_service *s, struct slice name, const char *path, struct err *err)
{
	int rc = docdb_create(s, name, path, err);

	unlink(path);
	return rc;
}

static int check_new_name(struct docdb_service *s, struct slice name, struct err *err)
{
	DOCDB_CLUSTER other = NULL;
	struct err why = {0};

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : identifier_check("DBClusterIdentifier", name, DOCDB_NAME_MAX, err);
	if (rc == 0 && docdb_find(s, name, &other, &why) == 0) {
		return err_set(err, EEXIST, "DBClusterAlreadyExistsFault: there is a cluster %.*s",
			(int)name.n, name.p);
	}
	return rc;
}

int docdb_restore(struct docdb_service *s, const struct docdb_snapshot *snapshot, struct slice name,
	struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	DOCDB_CLUSTER made = NULL;
	struct err why = {0};

	int rc = check_new_name(s, name, err);
	if (rc < 0) {
		return rc;
	}
	clusters_file_path(&s->base, 's', snapshot->id, &from);
	clusters_temp_path(&s->base, ".db", &path);
	rc = buf_check(&path, err);
	rc = rc < 0 ? rc : disk_copy_file(&disk_system, from.p, path.p, err);
	rc = rc < 0 ? rc : create_of(s, name, path.p, err);
	if (rc == 0 && docdb_find(s, name, &made, &why) == 0) {
		docdb_event(made, 0, "restoration", "Restored from snapshot %s.", snapshot->name);
	}
	return rc;
}

static int check_time(int64_t time_ns, struct err *err)
{
	char text[RFC3339_MAX];

	if (time_ns <= clock_wall_ns()) {
		return 0;
	}
	rfc3339_print(time_ns, text);
	return err_set(err, EINVAL, "InvalidRestoreFault: %s has not come yet", text);
}

int docdb_build_time(struct docdb_cluster *c, int64_t time_ns, struct buf *path, int64_t *commit_ns,
	struct err *err)
{
	int rc = check_time(time_ns, err);

	rc = rc < 0 ? rc : docdb_enter(c, err);
	if (rc < 0) {
		return rc;
	}
	clusters_temp_path(&c->service->base, ".db", path);
	rc = buf_check(path, err);
	rc = rc < 0 ? rc : instance_build_time(c->store, time_ns, path->p, commit_ns, err);
	cluster_leave(&c->base);
	return rc;
}

int docdb_restore_time(struct docdb_cluster *c, int64_t time_ns, struct slice name,
	int64_t *commit_ns, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	DOCDB_CLUSTER made = NULL;
	struct err why = {0};

	int rc = check_new_name(c->service, name, err);
	rc = rc < 0 ? rc : docdb_build_time(c, time_ns, &path, commit_ns, err);
	rc = rc < 0 ? rc : create_of(c->service, name, path.p, err);
	if (rc == 0 && docdb_find(c->service, name, &made, &why) == 0) {
		docdb_event(made, 0, "restoration", "Restored from cluster %s.", c->def.name);
	}
	return rc;
}
