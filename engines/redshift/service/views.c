/* The same tree over a snapshot, and the rooms of clusters and tables. A view is an engine of its
 * own that shows one cluster. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/identifier.h"
#include "engines/redshift/service/service.h"

/* The cluster whose snapshots are here (NULL: the service's). */
static int snapshots_of(struct redshift *x, const struct epath *path, enum engine_view_kind kind,
	struct redshift_cluster **out, struct err *err)
{
	if (x->view != NULL || path->depth > 1 || kind != ENGINE_VIEW_SNAPSHOT) {
		return err_set(err, ENOTSUP, "there are no such views in here");
	}
	return path->depth == 1 ? redshift_find(x->service, path->key[0], out, err) : 0;
}

/* ---- list ---- */

struct listing {
	engine_emit *emit;
	void *arg;
};

static int emit_snapshot(void *arg, const struct redshift_snapshot *s)
{
	const struct listing *l = arg;
	struct engine_info info = {.kind = ENGINE_DIR, .version = s->id, .mtime_ns = s->created_ns};

	return l->emit(l->arg, slice_of(s->name), &info);
}

int redshift_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {emit, arg};
	struct redshift *x = ctx;
	REDSHIFT_CLUSTER c = NULL;

	int rc = snapshots_of(x, path, kind, &c, err);
	return rc < 0 ? rc
		      : redshift_catalog_snapshots(x->service, c != NULL ? c->def.id : 0,
				after != NULL ? *after : slice_of(""), emit_snapshot, &l, err);
}

/* ---- open ---- */

static int open_snapshot(struct redshift *x, const struct epath *path, struct slice name,
	struct redshift_view *v, struct err *err)
{
	struct redshift_snapshot s;
	REDSHIFT_CLUSTER c = NULL;

	int rc = snapshots_of(x, path, ENGINE_VIEW_SNAPSHOT, &c, err);
	rc = rc < 0 ? rc : redshift_snapshot_find(x->service, c, name, &s, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, s.cluster, sizeof(v->name));
	v->time_ns = s.created_ns;
	return redshift_copy_open(x->service, &s, &v->copy, err);
}

static int room_of_name(
	const struct epath *path, struct slice name, enum redshift_room *out, struct err *err)
{
	static const struct {
		const char *name;
		unsigned depth;
		enum redshift_room room;
	} rooms[] = {
		{".lake", 1, REDSHIFT_LAKE},
		{".slices", 2, REDSHIFT_SLICES_OF},
		{".load", 2, REDSHIFT_LOAD},
	};

	for (size_t k = 0; k < sizeof(rooms) / sizeof(rooms[0]); k++) {
		if (slice_is(name, rooms[k].name) && path->depth == rooms[k].depth) {
			*out = rooms[k].room;
			return 0;
		}
	}
	return err_set(err, ENOENT, "there is no %.*s here", (int)(name.n < 200 ? name.n : 200),
		name.n > 0 ? name.p : "");
}

/* Of a cluster, or of a view of one. */
static int open_room(struct redshift *x, const struct epath *path, struct slice name,
	struct redshift_view *v, struct err *err)
{
	int rc = room_of_name(path, name, &v->room, err);

	if (rc < 0) {
		return rc;
	}
	if (x->view != NULL && x->view->copy != NULL) {
		memcpy(v->name, x->view->name, sizeof(v->name));
		v->time_ns = x->view->time_ns;
		return v->room == REDSHIFT_SLICES_OF
			       ? redshift_copy_open(
					 x->service, &x->view->copy->snapshot, &v->copy, err)
			       : err_set(err, ENOENT, "a snapshot has no such room");
	}
	rc = redshift_cluster_at(x, path, &v->cluster, err);
	if (rc < 0) {
		return rc;
	}
	memcpy(v->name, v->cluster->def.name, sizeof(v->name));
	v->time_ns = v->cluster->def.created_ns;
	return 0;
}

int redshift_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	struct redshift *x = ctx;
	struct redshift *made = calloc(1, sizeof(*made));
	struct redshift_view *v = calloc(1, sizeof(*v));

	if (made == NULL || v == NULL) {
		free(made);
		free(v);
		return err_set(err, ENOMEM, "out of memory");
	}
	made->service = x->service;
	made->view = v;
	int rc = kind == ENGINE_VIEW_ROOM ? open_room(x, path, name, v, err)
					  : open_snapshot(x, path, name, v, err);
	if (rc < 0) {
		redshift_close(made);
		return rc;
	}
	*view = made;
	return 0;
}

void redshift_view_close(struct redshift *x)
{
	redshift_copy_put(x->view->copy);
	redshift_put(x->view->cluster);
	free(x->view);
}

/* ---- make, remove ---- */

int redshift_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	static const struct redshift_progress silent;
	char text[REDSHIFT_SNAPSHOT_MAX + 1];
	REDSHIFT_CLUSTER c = NULL;

	int rc = snapshots_of(ctx, path, kind, &c, err);
	if (rc == 0 && c == NULL) {
		return err_set(err, ENOTSUP, "make it in the .snapshots of a cluster");
	}
	rc = rc < 0 ? rc : identifier_check("SnapshotIdentifier", name, REDSHIFT_SNAPSHOT_MAX, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
	return redshift_snapshot_create(c, text, false, REDSHIFT_FOR_EVER, &silent, err);
}

int redshift_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct redshift *x = ctx;
	struct redshift_snapshot s;
	REDSHIFT_CLUSTER c = NULL;

	int rc = snapshots_of(x, path, kind, &c, err);
	rc = rc < 0 ? rc : redshift_snapshot_find(x->service, c, name, &s, err);
	return rc < 0 ? rc : redshift_snapshot_delete(x->service, name, err);
}
