/* Views: the same tree over another store. A view is an engine like any other;
 * it holds a reference to the one it was opened from. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "engines/engine_impl.h"

static const char *feature_name(enum engine_view_kind kind)
{
	switch (kind) {
	case ENGINE_VIEW_SNAPSHOT: return "snapshots";
	case ENGINE_VIEW_REPLICA: return "replicas";
	case ENGINE_VIEW_TIME: return "points in time";
	case ENGINE_VIEW_CLUSTER: return "other clusters";
	case ENGINE_VIEW_ROOM: return "such directories";
	}
	return "views";
}

int engine_view_list(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_VIEW_LIST, path, err);
	int r = e->ops->view_list != NULL
			? e->ops->view_list(e->ctx, path, kind, after, emit, arg, err)
			: engine_absent(e, feature_name(kind), err);
	return probe_end(&p, r, err);
}

static bool is_fixed(const struct engine *v, const struct epath *path)
{
	struct engine_level level;
	struct err ignored = {0};
	return v->ops->level(v->ctx, path, &level, &ignored) == 0 &&
	       (level.features & ENGINE_IS_FIXED) != 0;
}

/* The engine around an open view; NULL when memory ran out. */
static struct engine *wrap_view(struct engine *parent, const struct epath *path,
	enum engine_view_kind kind, struct slice name, void *ctx)
{
	CLEANUP(buf_free) struct buf escaped = BUF_INIT;
	struct engine *v = calloc(1, sizeof(*v));
	if (v == NULL) {
		return NULL;
	}
	if (kind == ENGINE_VIEW_ROOM) {
		buf_append_slice(&escaped, name); /* begins with its dot */
	} else {
		name_escape(name, &escaped);
	}
	v->view_name = strdup(buf_cstr(&escaped));
	buf_append_slice(&v->view_key, name);
	if (v->view_name == NULL || v->view_key.failed) {
		free(v->view_name);
		buf_free(&v->view_key);
		free(v);
		return NULL;
	}
	v->view_depth = path->depth;
	v->ops = parent->ops;
	v->ctx = ctx;
	atomic_init(&v->refs, 1);
	/* What a replica accepts is the engine's to say: regions of a global table
	 * are written to, a replica takes only commands. */
	v->read_only =
		parent->read_only || kind == ENGINE_VIEW_SNAPSHOT || kind == ENGINE_VIEW_TIME;
	v->host = parent->host;
	v->counters = parent->counters;
	v->parent = engine_ref(parent);
	v->kind = kind;
	v->fixed = is_fixed(v, path) || (kind == ENGINE_VIEW_ROOM && parent->fixed);
	pthread_mutex_init(&v->jobs_lock, NULL);
	return v;
}

int engine_view(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct engine **out, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_VIEW_OPEN, path, err);
	if (e->ops->view_open == NULL) {
		return probe_end(&p, engine_absent(e, feature_name(kind), err), err);
	}
	void *ctx = NULL;
	int r = e->ops->view_open(e->ctx, path, kind, name, &ctx, err);
	if (r == 0) {
		struct engine *v = wrap_view(e, path, kind, name, ctx);
		if (v == NULL) {
			e->ops->close(ctx);
			r = err_set(err, ENOMEM, "out of memory");
		} else {
			*out = v;
		}
	}
	return probe_end(&p, r, err);
}

int engine_view_create(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_VIEW_CREATE, path, err);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->view_create != NULL ? e->ops->view_create(e->ctx, path, kind, name, err)
					: engine_absent(e, feature_name(kind), err);
	return probe_end(&p, r, err);
}

int engine_view_remove(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_VIEW_REMOVE, path, err);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->view_remove != NULL ? e->ops->view_remove(e->ctx, path, kind, name, err)
					: engine_absent(e, feature_name(kind), err);
	return probe_end(&p, r, err);
}

int engine_view_rename(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_VIEW_RENAME, path, err);
	assert(to->depth > 0 && to->depth <= EPATH_MAX);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	if (e->ops->view_rename != NULL) {
		r = e->ops->view_rename(e->ctx, path, kind, name, to, err);
	} else {
		r = err_set(err, ENOTSUP, "%s/%s has no %s that can be moved out", e->ops->service,
			e->ops->backend, feature_name(kind));
	}
	return probe_end(&p, r, err);
}
