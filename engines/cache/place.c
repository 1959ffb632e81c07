/* Where a path leads: the tree of a cluster's keys, of a replica's, of a snapshot's, or of a room
 * of one of them; and a call made again when a failover came between. */
#include <assert.h>

#include "engines/cache/service.h"

#define TRIES 4

int cache_cluster_at(
	struct cache *x, const struct epath *path, struct cache_cluster **out, struct err *err)
{
	if (x->view == NULL) {
		return cache_find(x->service, path->key[0], out, err);
	}
	if (!slice_is(path->key[0], x->view->name)) {
		return cache_no_cluster(path->key[0], err);
	}
	if (x->view->cluster == NULL) {
		return err_set(err, ENOTSUP, "a copy is no cluster: say it in the cluster itself");
	}
	if (cluster_is_gone(&x->view->cluster->base)) {
		return cache_no_cluster(path->key[0], err);
	}
	*out = cache_hold(x->view->cluster);
	return 0;
}

static bool leads_to_tables(const struct cache *x)
{
	return x->view != NULL && strcmp(x->view->room, ".tables") == 0;
}

/* Whose keys: the primary's, a replica's, those of the replica with the least lag. */
static int choose_node(struct cache_cluster *c, const struct cache_view *v,
	char out[CACHE_NODE_MAX + 1], struct err *err)
{
	struct cache_def def;

	if (v != NULL && v->reader) {
		return cache_least_lag(c, out, err);
	}
	memcpy(out, v != NULL ? v->node : "", v != NULL ? sizeof(v->node) : 1);
	cache_def_now(c, &def);
	return out[0] == '\0' || strcmp(out, def.primary) != 0 ? 0
							       : cache_no_node(slice_of(out), err);
}

static int keys_of(struct cache *x, struct cache_place *out, struct err *err)
{
	const struct cache_view *v = x->view;
	char node[CACHE_NODE_MAX + 1];
	struct cache_def def;

	int rc = cache_enter(out->cluster, err);
	if (rc < 0) {
		return rc;
	}
	cache_def_now(out->cluster, &def);
	out->store_id = def.store_id;
	rc = choose_node(out->cluster, v, node, err);
	rc = rc < 0 ? rc : cache_copy_of(out->cluster, node, &out->copy, err);
	rc = rc < 0 ? rc : cache_copy_tree(out->copy, v != NULL ? v->room : "", &out->tree, err);
	if (rc < 0) {
		cluster_leave(&out->cluster->base);
		out->copy = NULL;
	}
	return rc;
}

static int tables_of(struct cache_place *out, struct err *err)
{
	int rc = cache_visit(out->cluster, err);

	if (rc == 0) {
		out->tree = out->cluster->tables_tree;
	}
	return rc;
}

static int place_in_cluster(
	struct cache *x, const struct epath *path, struct cache_place *out, struct err *err)
{
	int rc = cache_cluster_at(x, path, &out->cluster, err);

	if (rc < 0) {
		return rc;
	}
	rc = leads_to_tables(x) ? tables_of(out, err) : keys_of(x, out, err);
	if (rc < 0) {
		cache_put(out->cluster);
		out->cluster = NULL;
	}
	return rc;
}

int cache_place(struct cache *x, const struct epath *path, struct cache_place *out, struct err *err)
{
	const struct cache_view *v = x->view;
	int rc;

	assert(path->depth > 0);
	*out = (struct cache_place){0};
	if (v != NULL && v->file != NULL) {
		rc = slice_is(path->key[0], v->name)
			     ? cache_copy_tree(v->file, v->room, &out->tree, err)
			     : cache_no_cluster(path->key[0], err);
	} else {
		rc = place_in_cluster(x, path, out, err);
	}
	if (rc == 0) {
		out->ops = &out->tree->ops->ops;
		out->path = epath_tail(path);
	}
	return rc;
}

void cache_place_leave(struct cache_place *p)
{
	if (p->cluster != NULL && p->copy != NULL) {
		cluster_leave(&p->cluster->base);
	} else if (p->cluster != NULL) {
		cache_unvisit(p->cluster);
	}
	cache_put(p->cluster);
	*p = (struct cache_place){0};
}

/* ---- again ---- */

struct cache_try cache_try(struct cache *x, const struct epath *path, enum cache_intent intent)
{
	return (struct cache_try){.x = x, .path = path, .intent = intent};
}

/* Ends a try. Whether another may do better. */
static bool end_one(struct cache_try *t)
{
	CACHE_CLUSTER c = t->at.cluster != NULL ? cache_hold(t->at.cluster) : NULL;
	bool on_primary = t->at.copy != NULL && t->at.copy->node[0] == '\0';
	uint64_t store_id = t->at.store_id;

	if (c != NULL && t->intent == CACHE_WRITES && on_primary) {
		cache_wrote(c);
	}
	cache_place_leave(&t->at);
	if (t->rc != -EIO || c == NULL || !on_primary || t->n >= TRIES) {
		return false;
	}
	return cache_recovers(c, store_id);
}

bool cache_try_next(struct cache_try *t)
{
	if (t->n > 0 && !end_one(t)) {
		return false;
	}
	t->err = (struct err){0};
	t->n++;
	t->rc = cache_place(t->x, t->path, &t->at, &t->err);
	return t->rc == 0;
}

int cache_try_end(struct cache_try *t, struct err *err)
{
	return t->rc < 0 ? err_set(err, t->err.code, "%s", t->err.msg) : t->rc;
}
