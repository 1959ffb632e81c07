/* The same tree over another store: snapshots and replicas; and the rooms of a cluster. A view is
 * an engine of its own that shows one cluster. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/identifier.h"

/* Whether there may be views here, and the cluster whose they are (NULL: the service's). */
static int views_of(struct cache *x, const struct epath *path, enum engine_view_kind kind,
	struct cache_cluster **out, struct err *err)
{
	if (x->view != NULL || path->depth > 1) {
		return err_set(err, ENOTSUP, "there are no views in here");
	}
	if (path->depth == 1) {
		return cache_find(x->service, path->key[0], out, err);
	}
	return kind == ENGINE_VIEW_SNAPSHOT
		       ? 0
		       : err_set(err, ENOTSUP, "the service has only snapshots to look at");
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

static int emit_snapshot(void *arg, const struct cache_snapshot *s)
{
	return emit_view(arg, slice_of(s->name), s->id, s->created_ns);
}

static int list_replicas(struct cache_cluster *c, const struct listing *l, struct err *err)
{
	struct cache_nodes nodes;
	struct cache_def def;

	cache_def_now(c, &def);
	int rc = cache_catalog_nodes(c->service, def.id, &nodes, err);
	for (unsigned k = 0; rc == 0 && k < nodes.count; k++) {
		const struct cache_node *n = &nodes.n[k];
		if (strcmp(n->name, def.primary) != 0 &&
			emit_view(l, slice_of(n->name), 1, n->created_ns) != 0) {
			break;
		}
	}
	return rc;
}

int cache_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {emit, arg, after != NULL ? *after : slice_of("")};
	struct cache *x = ctx;
	CACHE_CLUSTER c = NULL;

	int rc = views_of(x, path, kind, &c, err);
	if (rc < 0) {
		return rc;
	}
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT:
		return cache_catalog_snapshots(
			x->service, c != NULL ? c->def.id : 0, l.after, emit_snapshot, &l, err);
	case ENGINE_VIEW_REPLICA: assert(c != NULL); return list_replicas(c, &l, err);
	default: return err_set(err, ENOTSUP, "there are no such views");
	}
}

/* ---- open ---- */

static int open_snapshot(struct cache *x, struct cache_cluster *c, struct slice name,
	struct cache_view *v, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_snapshot s;

	int rc = cache_snapshot_find(x->service, c, name, &s, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, s.cluster, sizeof(v->name));
	v->time_ns = s.created_ns;
	clusters_file_path(&x->service->base, 's', s.id, &path);
	rc = buf_check(&path, err);
	return rc < 0 ? rc : cache_copy_file(path.p, v->name, &v->file, err);
}

static int open_replica(
	struct cache_cluster *c, struct slice name, struct cache_view *v, struct err *err)
{
	struct cache_node n;

	int rc = cache_replica_find(c, name, &n, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, c->def.name, sizeof(v->name));
	memcpy(v->node, n.name, sizeof(v->node));
	v->time_ns = n.created_ns;
	v->cluster = cache_hold(c);
	return 0;
}

static int no_room(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "there is no %.*s here", (int)(name.n < 200 ? name.n : 200),
		name.n > 0 ? name.p : "");
}

/* What the tree itself has: it is asked for it now, so that an unknown one is told here. */
static int open_tree_room(struct cache *x, const struct epath *path, struct slice name,
	struct cache_view *v, struct err *err)
{
	struct cache_place p;
	struct cache_tree *ignored;

	if (name.n >= sizeof(v->room) || v->room[0] != '\0') {
		return no_room(name, err);
	}
	snprintf(v->room, sizeof(v->room), "%.*s", (int)name.n, name.p);
	int rc = cache_place(x, path, &p, err);
	if (rc == 0) {
		struct cache_copy *copy = v->file != NULL ? v->file : p.copy;
		rc = copy != NULL ? cache_copy_tree(copy, v->room, &ignored, err)
				  : no_room(name, err);
		cache_place_leave(&p);
	}
	return rc;
}

/* A room of a cluster, or of a view of one. */
static int open_room(struct cache *x, const struct epath *path, struct slice name,
	struct cache_view *v, struct err *err)
{
	if (path->depth != 1) {
		return no_room(name, err);
	}
	if (x->view != NULL) {
		*v = *x->view;
		v->borrowed = true;
		v->cluster = v->cluster != NULL ? cache_hold(v->cluster) : NULL;
		return open_tree_room(x, path, name, v, err);
	}
	int rc = cache_find(x->service, path->key[0], &v->cluster, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, v->cluster->def.name, sizeof(v->name));
	v->time_ns = v->cluster->def.created_ns;
	v->reader = slice_is(name, ".reader") && v->cluster->def.kind == CACHE_REDIS;
	if (v->reader) {
		return 0;
	}
	if (slice_is(name, ".tables")) {
		snprintf(v->room, sizeof(v->room), ".tables");
		return 0;
	}
	return open_tree_room(x, path, name, v, err);
}

static int fill_view(struct cache *x, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct cache_view *v, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	if (kind == ENGINE_VIEW_ROOM) {
		return open_room(x, path, name, v, err);
	}
	int rc = views_of(x, path, kind, &c, err);
	if (rc < 0) {
		return rc;
	}
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return open_snapshot(x, c, name, v, err);
	case ENGINE_VIEW_REPLICA: assert(c != NULL); return open_replica(c, name, v, err);
	default: return err_set(err, ENOENT, "there are no such views");
	}
}

int cache_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	struct cache *x = ctx;
	struct cache *made = calloc(1, sizeof(*made));
	struct cache_view *v = calloc(1, sizeof(*v));

	if (made == NULL || v == NULL) {
		free(made);
		free(v);
		return err_set(err, ENOMEM, "out of memory");
	}
	made->service = x->service;
	made->view = v;
	int rc = fill_view(x, path, kind, name, v, err);
	if (rc < 0) {
		cache_sqlite_close(made);
		return rc;
	}
	*view = made;
	return 0;
}

void cache_view_close(struct cache *x)
{
	struct cache_view *v = x->view;

	if (!v->borrowed) {
		cache_copy_free(v->file);
	}
	cache_put(v->cluster);
	free(v);
}

/* ---- make, remove, move ---- */

int cache_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	static const struct cache_progress silent;
	char text[CACHE_SNAPSHOT_MAX + 1];
	char made[CACHE_NODE_MAX + 1];
	CACHE_CLUSTER c = NULL;

	int rc = views_of(ctx, path, kind, &c, err);
	if (rc == 0 && (c == NULL || kind == ENGINE_VIEW_TIME)) {
		return err_set(err, ENOTSUP, "make it in the .snapshots of a cluster");
	}
	rc = rc < 0 ? rc
		    : identifier_check(
			      kind == ENGINE_VIEW_SNAPSHOT ? "SnapshotName" : "CacheClusterId",
			      name,
			      kind == ENGINE_VIEW_SNAPSHOT ? CACHE_SNAPSHOT_MAX : CACHE_NODE_MAX,
			      err);
	if (rc < 0) {
		return rc;
	}
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	if (kind == ENGINE_VIEW_SNAPSHOT) {
		return cache_snapshot_create(c, text, &silent, err);
	}
	struct cache_wish wish = {text, INSTANCE_ZONES, 0};
	return cache_replica_create(c, &wish, made, err);
}

static int remove_snapshot(
	struct cache *x, struct cache_cluster *c, struct slice name, struct err *err)
{
	struct cache_snapshot s;

	int rc = cache_snapshot_find(x->service, c, name, &s, err);
	return rc < 0 ? rc : cache_snapshot_delete(x->service, name, err);
}

static int remove_replica(struct cache_cluster *c, struct slice name, struct err *err)
{
	struct cache_node n;

	int rc = cache_replica_find(c, name, &n, err);
	return rc < 0 ? rc : cache_replica_delete(c, n.name, err);
}

int cache_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	int rc = views_of(ctx, path, kind, &c, err);
	if (rc < 0) {
		return rc;
	}
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return remove_snapshot(ctx, c, name, err);
	case ENGINE_VIEW_REPLICA: return remove_replica(c, name, err);
	default: return err_set(err, ENOTSUP, "there are no such views");
	}
}

int cache_sqlite_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err)
{
	struct cache_node n;
	CACHE_CLUSTER c = NULL;

	int rc = views_of(ctx, path, kind, &c, err);
	if (rc == 0 && (kind != ENGINE_VIEW_REPLICA || to->depth != 1)) {
		return err_set(err, ENOTSUP,
			"only a replica can be moved out, to be a cluster: mv .replicas/NAME "
			"../NEW; a snapshot is restored by 'restore' in .control");
	}
	rc = rc < 0 ? rc : cache_replica_find(c, name, &n, err);
	return rc < 0 ? rc : cache_detach(c, n.name, to->key[0], err);
}
