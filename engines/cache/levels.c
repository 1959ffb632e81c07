/* What the directories of the service mean. Below a cluster its tree says so. */
#include <assert.h>

#include "engines/cache/service.h"

static void level_service(bool view, struct engine_level *out)
{
	*out = (struct engine_level){.noun = "service",
		.child_noun = "cluster",
		.child = ENGINE_DIR,
		.names = NAME_RULES_DIR};
	if (view) {
		out->features = ENGINE_IS_FIXED;
		return;
	}
	out->features =
		ENGINE_HAS_CONTROL | ENGINE_HAS_STATUS | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_MKDIR;
	out->help = "Each directory is a cluster. mkdir creates a Redis-like one; 'create NAME "
		    "engine=redis|memcached ...' in .control takes more. rmdir removes one without "
		    "keys. .snapshots/ holds the snapshots of all clusters, of those that are gone "
		    "too: 'restore NAME as NEW' in .control.";
}

/* One that cannot be opened: its .control can be reached, and its replicas and snapshots. */
static void level_shut(struct engine_level *out)
{
	*out = (struct engine_level){.noun = "cluster",
		.child_noun = "key",
		.child = ENGINE_DIR,
		.names = NAME_RULES_DIR,
		.features = ENGINE_IS_FIXED};
}

static void add_own(struct cache *x, struct cache_cluster *c, struct engine_level *out)
{
	const struct cache_view *v = x->view;

	if (v != NULL && v->room[0] != '\0') {
		return;
	}
	out->features |= ENGINE_HAS_STATUS;
	if (v == NULL) {
		out->features |= ENGINE_HAS_CONTROL | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_REPLICAS;
		if (atomic_load(&c->ready)) {
			out->rooms = cache_tables_any(c->tables) ? c->rooms_tables : c->rooms;
		}
	} else if (v->node[0] != '\0') {
		out->features |= ENGINE_HAS_CONTROL;
	}
}

/* Without entering: what a directory means does not depend on what is in it, and who is told of
 * a change in the middle of a failover may ask. */
static int tree_of(struct cache *x, struct cache_cluster *c, struct cache_tree **out)
{
	const struct cache_view *v = x->view;
	struct cache_copy *copy = v != NULL ? v->file : NULL;
	struct err ignored = {0};

	if (copy == NULL && !atomic_load(&c->ready)) {
		if (cache_enter(c, &ignored) < 0) {
			return -ignored.code;
		}
		cluster_leave(&c->base);
	}
	if (copy == NULL && v != NULL && strcmp(v->room, ".tables") == 0) {
		*out = c->tables_tree;
		return 0;
	}
	/* A replica's is like its primary's. */
	return cache_copy_tree(
		copy != NULL ? copy : c->keys, v != NULL ? v->room : "", out, &ignored);
}

static int level_inside(
	struct cache *x, const struct epath *path, struct engine_level *out, struct err *err)
{
	struct epath tail = epath_tail(path);
	const struct cache_view *v = x->view;
	struct cache_tree *tree = NULL;
	CACHE_CLUSTER c = NULL;

	int rc = v != NULL && v->file != NULL
			 ? slice_is(path->key[0], v->name) ? 0 : cache_no_cluster(path->key[0], err)
			 : cache_cluster_at(x, path, &c, err);
	if (rc < 0) {
		return rc;
	}
	rc = tree_of(x, c, &tree);
	if (rc < 0) {
		level_shut(out);
	} else {
		assert(tree != NULL);
		rc = tree->ops->ops.level(tree, &tail, out, err);
	}
	if (path->depth == 1) {
		rc = 0;
		add_own(x, c, out);
	}
	return rc;
}

int cache_sqlite_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	struct cache *x = ctx;
	const struct cache_view *v = x->view;

	if (path->depth == 0) {
		level_service(v != NULL, out);
		return 0;
	}
	int rc = level_inside(x, path, out, err);
	if (rc == 0 && v != NULL && (v->file != NULL || v->node[0] != '\0' || v->reader)) {
		out->features |= ENGINE_IS_FIXED;
		out->import_formats = NULL;
	}
	return rc;
}
