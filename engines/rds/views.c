/* The same tree over another store: snapshots, replicas, points in time. A view is an
 * engine of its own that shows one instance. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/rds/lifecycle.h"

static int no_views(struct err *err)
{
	return err_set(err, ENOTSUP,
		"the service has only snapshots to look at; replicas and times are an instance's");
}

/* Whether there may be views here, and the instance whose they are (NULL: the service's). */
static int views_of(struct rds *rds, const struct epath *path, enum engine_view_kind kind,
	struct rds_instance **out, struct err *err)
{
	if (rds->view != NULL || path->depth > 1) {
		return err_set(err, ENOTSUP, "there are no views in here");
	}
	if (path->depth == 0) {
		return kind == ENGINE_VIEW_SNAPSHOT ? 0 : no_views(err);
	}
	int rc = rds_find(rds->service, path->key[0], out, err);
	return rc < 0 ? rc : rds_only_own(*out, "looked at as it was", err);
}

/* ---- list ---- */

struct listing {
	engine_emit *emit;
	void *arg;
};

static int emit_view(const struct listing *l, struct slice name, uint64_t id, int64_t time_ns)
{
	struct engine_info info = {.kind = ENGINE_DIR, .version = id, .mtime_ns = time_ns};

	return l->emit(l->arg, name, &info);
}

static int emit_snapshot(void *arg, const struct rds_snapshot *s)
{
	return emit_view(arg, slice_of(s->name), s->id, s->created_ns);
}

static int list_snapshots(struct rds *rds, struct rds_instance *i, struct slice after,
	struct listing *l, struct err *err)
{
	struct rds_def def = {0};

	if (i != NULL) {
		rds_def_now(i, &def);
	}
	return rds_catalog_snapshots(rds->service, def.id, after, emit_snapshot, l, err);
}

static int list_replicas(
	struct rds_instance *i, struct slice after, const struct listing *l, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	struct rds_source *rows;
	struct rds_def def;
	size_t n = 0;

	int rc = rds_enter(i, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rc = instance_replicas(i->store, &list, &n, err);
	cluster_leave(&i->base);
	rds_def_now(i, &def);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		struct slice name = slice_of(list[k].name);
		if (slice_compare(name, after) > 0 && emit_view(l, name, 1, def.created_ns) != 0) {
			break;
		}
	}
	return rc;
}

/* Every moment can be asked for; listed are those there is an automated backup of. */
struct moments {
	struct listing *l;
	struct slice after;
};

static int emit_moment(void *arg, const struct rds_snapshot *s)
{
	const struct moments *m = arg;
	char name[RFC3339_MAX];

	if (!s->automated) {
		return 0;
	}
	rfc3339_print(s->created_ns, name);
	return slice_compare(slice_of(name), m->after) > 0
		       ? emit_view(m->l, slice_of(name), s->id, s->created_ns)
		       : 0;
}

static int list_moments(struct rds *rds, struct rds_instance *i, struct slice after,
	struct listing *l, struct err *err)
{
	struct moments m = {l, after};
	struct rds_def def;

	rds_def_now(i, &def);
	return rds_catalog_snapshots(rds->service, def.id, slice_of(""), emit_moment, &m, err);
}

int rds_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct slice from = after != NULL ? *after : slice_of("");
	struct listing l = {emit, arg};
	RDS_INSTANCE i = NULL;

	int rc = views_of(ctx, path, kind, &i, err);
	if (rc == -ENOTSUP && i != NULL) {
		err_clear(err); /* an attached file: there is nothing to see, nothing wrong */
		return 0;
	}
	if (rc < 0) {
		return rc;
	}
	if (kind == ENGINE_VIEW_SNAPSHOT || i == NULL) {
		return list_snapshots(ctx, i, from, &l, err);
	}
	switch (kind) {
	case ENGINE_VIEW_REPLICA: return list_replicas(i, from, &l, err);
	default: return list_moments(ctx, i, from, &l, err);
	}
}

/* ---- open ---- */

/* A file nobody writes to. */
static int open_copy(struct rds_view *v, const char *path, struct err *err)
{
	struct rds_file_config config = {
		.path = path,
		.label = v->name,
		.read_only = true,
		.immutable = true,
	};

	return rds_source_file(&config, &v->source, err);
}

static int build_moment(void *arg, int64_t time_ns, const char *path, struct err *err)
{
	struct rds_instance *i = arg;
	struct rds_source *rows;
	int64_t commit_ns;

	int rc = rds_enter(i, &rows, err);
	if (rc == 0) {
		rc = instance_build_time(i->store, time_ns, path, &commit_ns, err);
		cluster_leave(&i->base);
	}
	return rc;
}

static int open_moment(struct rds_view *v, struct rds_instance *i, int64_t time_ns, struct err *err)
{
	struct rds_def def;

	assert(i != NULL);
	v->time_ns = time_ns;
	rds_def_now(i, &def);
	int rc = past_open(&i->service->past, def.id, time_ns, build_moment, i, &v->past, err);

	if (rc == -ENODATA) {
		/* A name that stands for nothing. */
		err->code = ENOENT;
		return -ENOENT;
	}
	return rc < 0 ? rc : open_copy(v, v->past->path, err);
}

static int open_automated(
	struct rds *rds, struct rds_view *v, const struct rds_snapshot *s, struct err *err)
{
	RDS_INSTANCE i = rds_find_id(rds->service, s->instance_id);

	return i != NULL ? open_moment(v, i, s->created_ns, err)
			 : rds_no_snapshot(slice_of(s->name), err);
}

static int open_snapshot(struct rds *rds, struct rds_view *v, struct rds_instance *i,
	struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct rds_snapshot s;
	struct rds_def def;

	int rc = rds_catalog_snapshot(rds->service, name, &s, err);
	if (rc < 0) {
		return rc;
	}
	if (i != NULL) {
		rds_def_now(i, &def);
		if (def.id != s.instance_id) {
			return rds_no_snapshot(name, err);
		}
	} else {
		memcpy(v->name, s.instance, sizeof(v->name));
	}
	if (s.automated) {
		return open_automated(rds, v, &s, err);
	}
	v->time_ns = s.created_ns;
	clusters_file_path(&rds->service->base, 's', s.id, &path);
	return open_copy(v, path.p, err);
}

static int open_replica(
	struct rds_view *v, struct rds_instance *i, struct slice name, struct err *err)
{
	struct instance_replica replica;
	struct rds_def def;

	int rc = rds_replica_find(i, name, &replica, err);
	if (rc < 0) {
		return rc;
	}
	rds_def_now(i, &def);
	v->time_ns = def.created_ns;
	snprintf(v->replica, sizeof(v->replica), "%s", replica.name);
	v->instance = rds_hold(i);
	return rds_source_replica(i, v->replica, &v->source, err);
}

static int open_time(struct rds_view *v, struct rds_instance *i, struct slice name, struct err *err)
{
	struct err why = {0};
	int64_t time_ns = 0;

	if (rfc3339_parse(name, &time_ns, &why) < 0) {
		return err_set(err, ENOENT, "%s", why.msg);
	}
	if (time_ns > clock_wall_ns()) {
		return err_set(err, ENOENT, "%.*s has not come yet", (int)name.n, name.p);
	}
	return open_moment(v, i, time_ns, err);
}

static int fill_view(struct rds *rds, struct rds_view *v, struct rds_instance *i, struct slice name,
	struct err *err)
{
	if (i != NULL) {
		cluster_name_now(&i->base, v->name);
	}
	switch (v->kind) {
	case ENGINE_VIEW_SNAPSHOT: return open_snapshot(rds, v, i, name, err);
	case ENGINE_VIEW_REPLICA: return open_replica(v, i, name, err);
	default: return open_time(v, i, name, err);
	}
}

int rds_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	struct rds *rds = ctx;
	RDS_INSTANCE i = NULL;

	int rc = views_of(rds, path, kind, &i, err);
	if (rc < 0) {
		return rc;
	}
	struct rds *made = calloc(1, sizeof(*made));
	struct rds_view *v = calloc(1, sizeof(*v));
	if (made == NULL || v == NULL) {
		free(made);
		free(v);
		return err_set(err, ENOMEM, "out of memory");
	}
	v->kind = kind;
	made->service = rds->service;
	made->view = v;
	rc = fill_view(rds, v, i, name, err);
	if (rc < 0) {
		rds_sqlite_close(made);
		return rc;
	}
	*view = made;
	return 0;
}

/* ---- make, remove, move ---- */

int rds_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	static const struct rds_progress silent;
	char text[RDS_SNAPSHOT_MAX + 1];
	RDS_INSTANCE i = NULL;

	int rc = views_of(ctx, path, kind, &i, err);
	if (rc == 0 && (i == NULL || kind == ENGINE_VIEW_TIME)) {
		return err_set(err, ENOTSUP, "%s",
			i == NULL ? "make it in the .snapshots of an instance"
				  : "times are there by themselves");
	}
	rc = rc < 0 ? rc
	     : kind == ENGINE_VIEW_SNAPSHOT
		     ? identifier_check("DBSnapshotIdentifier", name, RDS_SNAPSHOT_MAX, err)
		     : identifier_check("DBInstanceIdentifier", name, RDS_NAME_MAX, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	if (kind == ENGINE_VIEW_SNAPSHOT) {
		return rds_snapshot_create(i, text, &silent, err);
	}
	struct rds_replica_wish wish = {text, "", INSTANCE_ZONES, 0};
	return rds_replica_create(i, &wish, err);
}

static int remove_snapshot(
	struct rds *rds, struct rds_instance *i, struct slice name, struct err *err)
{
	struct rds_snapshot s;
	struct rds_def def;

	int rc = rds_catalog_snapshot(rds->service, name, &s, err);
	if (rc == 0 && i != NULL) {
		rds_def_now(i, &def);
		if (def.id != s.instance_id) {
			return rds_no_snapshot(name, err);
		}
	}
	return rc < 0 ? rc : rds_snapshot_delete(rds->service, name, err);
}

static int remove_replica(struct rds_instance *i, struct slice name, struct err *err)
{
	struct instance_replica replica;

	int rc = rds_replica_find(i, name, &replica, err);
	return rc < 0 ? rc : rds_replica_delete(i, replica.name, err);
}

int rds_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = views_of(ctx, path, kind, &i, err);
	if (rc < 0) {
		return rc;
	}
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return remove_snapshot(ctx, i, name, err);
	case ENGINE_VIEW_REPLICA: return remove_replica(i, name, err);
	default: return err_set(err, ENOTSUP, "a time cannot be removed");
	}
}

int rds_sqlite_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err)
{
	struct instance_replica replica;
	RDS_INSTANCE i = NULL;

	int rc = views_of(ctx, path, kind, &i, err);
	if (rc == 0 && (kind != ENGINE_VIEW_REPLICA || to->depth != 1)) {
		return err_set(err, ENOTSUP,
			"only a replica can be moved out, to be an instance: mv .replicas/NAME "
			"../NEW; a snapshot is restored by 'restore' in .control");
	}
	rc = rc < 0 ? rc : rds_replica_find(i, name, &replica, err);
	return rc < 0 ? rc : rds_promote_available(i, replica.name, to->key[0], err);
}
