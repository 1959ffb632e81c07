/* The same tree over another store: other clusters, snapshots, replicas, points in time. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/docdb/service/cluster.h"

/* Which views there are at ctx. A cluster has all; the others none. */
static int views_of(
	struct docdb *d, const struct epath *path, enum engine_view_kind kind, struct err *err)
{
	bool is_cluster = d->view == NULL || d->view->kind == ENGINE_VIEW_CLUSTER;

	if (path->depth > 0 || !is_cluster) {
		return err_set(err, ENOTSUP, "there are no views in here");
	}
	return kind != ENGINE_VIEW_CLUSTER || d->view == NULL
		       ? 0
		       : err_set(err, ENOTSUP, "all clusters are in /docdb/.clusters");
}

/* ---- list ---- */

struct listing {
	engine_emit *emit;
	void *arg;
	struct slice after;
};

static int emit_view(const struct listing *l, struct slice name, uint64_t id, int64_t time_ns)
{
	struct engine_info info = {.kind = ENGINE_DIR, .version = id, .mtime_ns = time_ns};

	return slice_compare(name, l->after) > 0 ? l->emit(l->arg, name, &info) : 0;
}

static int list_clusters(struct docdb *d, const struct listing *l)
{
	char last[DOCDB_NAME_MAX + 1];
	struct slice after = l->after;
	struct docdb_cluster *c;
	int stop = 0;

	while (stop == 0 && (c = docdb_next(d->service, after)) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		after = slice_of(last);
		if (strcmp(last, DOCDB_DEFAULT) != 0) {
			stop = emit_view(l, after, c->def.id, c->def.created_ns);
		}
		docdb_put(c);
	}
	return 0;
}

static int emit_snapshot(void *arg, const struct docdb_snapshot *s)
{
	return emit_view(arg, slice_of(s->name), s->id, s->created_ns);
}

static int list_snapshots(
	struct docdb *d, struct docdb_cluster *c, struct listing *l, struct err *err)
{
	struct docdb_def def = {0};

	if (c != NULL) {
		docdb_def_now(c, &def);
	}
	return docdb_catalog_snapshots(
		d->service, def.id, d->view == NULL, l->after, emit_snapshot, l, err);
}

static int list_replicas(struct docdb_cluster *c, const struct listing *l, struct err *err)
{
	struct docdb_members members;
	struct docdb_def def;

	/* Who writes now, a crash or a move of the storage may have left open. */
	int rc = docdb_enter(c, err);
	if (rc < 0) {
		return rc;
	}
	cluster_leave(&c->base);
	docdb_def_now(c, &def);
	rc = docdb_catalog_members(c->service, def.id, &members, err);
	for (unsigned k = 0; rc == 0 && k < members.n; k++) {
		const struct docdb_member *m = &members.m[k];
		if (strcmp(m->name, def.writer) != 0 &&
			emit_view(l, slice_of(m->name), 1, m->created_ns) != 0) {
			break;
		}
	}
	return rc;
}

/* Every moment can be asked for; listed are the first and the last there is a backup of. */
static int list_moments(struct docdb_cluster *c, const struct listing *l, struct err *err)
{
	struct instance_status status;
	char name[RFC3339_MAX];
	int64_t earliest = 0;
	int64_t latest = 0;

	int rc = docdb_enter(c, err);
	if (rc < 0) {
		return rc;
	}
	instance_restorable(c->store, &earliest, &latest);
	instance_status(c->store, &status);
	cluster_leave(&c->base);
	if (earliest != 0) {
		rfc3339_print(earliest, name);
		if (emit_view(l, slice_of(name), 1, earliest) != 0) {
			return 0;
		}
	}
	if (earliest != 0 && status.last_backup_ns > earliest) {
		rfc3339_print(status.last_backup_ns, name);
		emit_view(l, slice_of(name), 1, status.last_backup_ns);
	}
	return 0;
}

int docdb_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {emit, arg, after != NULL ? *after : slice_of("")};
	DOCDB_CLUSTER c = NULL;

	int rc = views_of(ctx, path, kind, err);
	if (rc < 0) {
		return rc;
	}
	if (kind == ENGINE_VIEW_CLUSTER) {
		return list_clusters(ctx, &l);
	}
	if (!docdb_is_unused(ctx) && (rc = docdb_cluster_of(ctx, &c, err)) < 0) {
		return rc;
	}
	if (kind == ENGINE_VIEW_SNAPSHOT) {
		return list_snapshots(ctx, c, &l, err);
	}
	if (c == NULL) {
		return 0;
	}
	return kind == ENGINE_VIEW_REPLICA ? list_replicas(c, &l, err) : list_moments(c, &l, err);
}

/* ---- open ---- */

/* A file nobody writes to. */
static int open_copy(struct docdb_view *v, const char *path, struct err *err)
{
	struct docdb_source_config config = {v->name, NULL, NULL};

	return docdb_source_file(path, &config, &v->source, err);
}

static int open_snapshot(struct docdb *d, struct docdb_view *v, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct docdb_snapshot s;

	int rc = docdb_snapshot_find(d, name, &s, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, s.cluster, sizeof(v->name));
	v->time_ns = s.created_ns;
	clusters_file_path(&d->service->base, 's', s.id, &path);
	return open_copy(v, path.p, err);
}

static int build_moment(void *arg, int64_t time_ns, const char *path, struct err *err)
{
	struct docdb_cluster *c = arg;
	int64_t commit_ns;

	int rc = docdb_enter(c, err);
	if (rc == 0) {
		rc = instance_build_time(c->store, time_ns, path, &commit_ns, err);
		cluster_leave(&c->base);
	}
	return rc;
}

static int open_time(struct docdb *d, struct docdb_view *v, struct slice name, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	struct err why = {0};

	if (rfc3339_parse(name, &v->time_ns, &why) < 0) {
		return err_set(err, ENOENT, "%s", why.msg);
	}
	if (v->time_ns > clock_wall_ns()) {
		return err_set(err, ENOENT, "%.*s has not come yet", (int)name.n, name.p);
	}
	int rc = docdb_cluster_of(d, &c, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, c->def.name, sizeof(v->name));
	rc = past_open(&d->service->past, c->def.id, v->time_ns, build_moment, c, &v->past, err);
	if (rc == -ENODATA) {
		/* A name that stands for nothing. */
		err->code = ENOENT;
		return -ENOENT;
	}
	return rc < 0 ? rc : open_copy(v, v->past->path, err);
}

static int open_replica(struct docdb *d, struct docdb_view *v, struct slice name, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	struct docdb_member m;
	struct docdb_def def;

	int rc = docdb_cluster_of(d, &c, err);
	rc = rc < 0 ? rc : docdb_member_find(c, name, &m, err);
	if (rc < 0) {
		return rc;
	}
	docdb_def_now(c, &def);
	if (slice_is(name, def.writer)) {
		return err_set(err, ENOENT, "DBInstanceNotFound: %s is the primary, no replica",
			def.writer);
	}
	memcpy(v->name, def.name, sizeof(v->name));
	memcpy(v->replica, m.name, sizeof(v->replica));
	v->time_ns = m.created_ns;
	v->cluster = docdb_hold(c);
	return 0;
}

static int open_cluster(struct docdb *d, struct docdb_view *v, struct slice name, struct err *err)
{
	int rc = slice_is(name, DOCDB_DEFAULT) ? docdb_no_cluster(name, err)
					       : docdb_find(d->service, name, &v->cluster, err);

	if (rc == 0 && v->cluster != NULL) {
		memcpy(v->name, v->cluster->def.name, sizeof(v->name));
		v->time_ns = v->cluster->def.created_ns;
	}
	return rc;
}

static int fill_view(struct docdb *d, struct docdb_view *v, struct slice name, struct err *err)
{
	switch (v->kind) {
	case ENGINE_VIEW_SNAPSHOT: return open_snapshot(d, v, name, err);
	case ENGINE_VIEW_REPLICA: return open_replica(d, v, name, err);
	case ENGINE_VIEW_CLUSTER: return open_cluster(d, v, name, err);
	default: return open_time(d, v, name, err);
	}
}

int docdb_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	struct docdb *d = ctx;

	int rc = views_of(d, path, kind, err);
	if (rc < 0) {
		return rc;
	}
	struct docdb *made = calloc(1, sizeof(*made));
	struct docdb_view *v = calloc(1, sizeof(*v));
	if (made == NULL || v == NULL) {
		free(made);
		free(v);
		return err_set(err, ENOMEM, "out of memory");
	}
	v->kind = kind;
	made->service = d->service;
	made->view = v;
	rc = fill_view(d, v, name, err);
	if (rc < 0) {
		docdb_sqlite_close(made);
		return rc;
	}
	*view = made;
	return 0;
}

void docdb_view_close(struct docdb *d)
{
	struct docdb_view *v = d->view;

	docdb_source_close(v->source);
	if (v->past != NULL) {
		past_put(&d->service->past, v->past);
	}
	docdb_put(v->cluster);
	free(v);
}

/* ---- make, remove ---- */

static int create_replica(struct docdb *d, const char *name, struct err *err)
{
	struct docdb_wish wish = {name, INSTANCE_ZONES, DOCDB_TIER, 0};
	DOCDB_CLUSTER c = NULL;

	int rc = docdb_cluster_own(d, "create-instance", &c, err);
	return rc < 0 ? rc : docdb_member_create(c, &wish, err);
}

static int create_snapshot(struct docdb *d, const char *name, struct err *err)
{
	static const struct docdb_progress silent;
	DOCDB_CLUSTER c = NULL;

	int rc = docdb_cluster_own(d, "snapshot", &c, err);
	return rc < 0 ? rc : docdb_snapshot_create(c, name, &silent, err);
}

static const char *parameter_of(enum engine_view_kind kind)
{
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return "DBClusterSnapshotIdentifier";
	case ENGINE_VIEW_REPLICA: return "DBInstanceIdentifier";
	default: return "DBClusterIdentifier";
	}
}

int docdb_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct docdb *d = ctx;
	char text[DOCDB_NAME_MAX + 1];

	int rc = views_of(d, path, kind, err);
	if (rc == 0 && kind == ENGINE_VIEW_TIME) {
		return err_set(err, ENOTSUP, "times are there by themselves");
	}
	rc = rc < 0 ? rc : identifier_check(parameter_of(kind), name, DOCDB_NAME_MAX, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return create_snapshot(d, text, err);
	case ENGINE_VIEW_REPLICA: return create_replica(d, text, err);
	default: break;
	}
	if (slice_is(name, DOCDB_DEFAULT)) {
		return err_set(err, EEXIST,
			"DBClusterAlreadyExistsFault: " DOCDB_DEFAULT " is /docdb itself");
	}
	return docdb_create(d->service, name, NULL, err);
}

static int remove_replica(struct docdb *d, const char *name, struct err *err)
{
	DOCDB_CLUSTER c = NULL;

	int rc = docdb_cluster_own(d, "delete-instance", &c, err);
	return rc < 0 ? rc : docdb_member_delete(c, name, err);
}

static int remove_snapshot(struct docdb *d, struct slice name, struct err *err)
{
	struct docdb_snapshot s;

	int rc = docdb_snapshot_find(d, name, &s, err);
	return rc < 0 ? rc : docdb_snapshot_delete(d->service, name, err);
}

static int remove_cluster(struct docdb *d, struct slice name, struct err *err)
{
	static const struct docdb_progress silent;
	DOCDB_CLUSTER c = NULL;

	int rc = docdb_find(d->service, name, &c, err);
	return rc < 0 ? rc : docdb_delete(c, true, NULL, &silent, err);
}

int docdb_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct docdb *d = ctx;
	char text[DOCDB_NAME_MAX + 1];

	int rc = views_of(d, path, kind, err);
	if (rc < 0) {
		return rc;
	}
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return remove_snapshot(d, name, err);
	case ENGINE_VIEW_CLUSTER: return remove_cluster(d, name, err);
	case ENGINE_VIEW_REPLICA: break;
	default: return err_set(err, ENOTSUP, "times go with the retention period");
	}
	if (name.n > DOCDB_NAME_MAX) {
		return docdb_no_member(name, err);
	}
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	return remove_replica(d, text, err);
}
