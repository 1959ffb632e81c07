/* What a cluster holds, as a tree of its own.
 *
 * The service (service.h) knows clusters, nodes, snapshots. What lies below a cluster's directory
 * is a tree that the kind of cluster makes: the keys of a Redis-like one on its primary
 * (redis/redis.h), the same on a replica or a snapshot, a Memcached-like one (memcached/), the
 * cached tables (tables/). A tree is asked with the functions of engines/engine.h: the same
 * contract, with paths that begin below the cluster, and a struct cache_tree for ctx. So the
 * service passes calls on and knows nothing of keys.
 *
 * Of engine_ops a tree fills what it offers, from `level` on; open, close, commands and the views
 * are the service's. A member that is missing means what engine.h says of it. */
#ifndef DBMOUNT_CACHE_TREE_H
#define DBMOUNT_CACHE_TREE_H

#include "engines/engine.h"

struct cache_tree;

struct cache_tree_ops {
	struct engine_ops ops;
	/* The tree of a room that level() of the root names; it ends before this one does.
	 * ENOENT. NULL: there are none. */
	int (*room)(
		struct cache_tree *t, const char *name, struct cache_tree **out, struct err *err);
	/* No call is under way. */
	void (*close)(struct cache_tree *t);
};

/* First member of each. */
struct cache_tree {
	const struct cache_tree_ops *ops;
};

/* What a tree may ask of the service; paths are below the cluster. As in engine_host: told
 * after the commit, holding no lock that level() or stat() take. */
struct cache_host {
	/* The content at or below `path` changed by something else than a call on that very path.
	 */
	void (*changed)(void *arg, const struct epath *path);
	/* The same in a room (".tables"). */
	void (*changed_in)(void *arg, const char *room, const struct epath *path);
	/* A line for the cluster's `.events`. */
	void (*event)(void *arg, const char *text);
	/* Another service of the mount, NULL: there is none. */
	struct engine *(*peer)(void *arg, const char *service);
	void *arg;
};

static inline void cache_tree_close(struct cache_tree *t)
{
	if (t != NULL) {
		t->ops->close(t);
	}
}

#endif
