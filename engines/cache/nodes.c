/* The replicas of a cluster: what there are, made, changed, deleted. */
#include <stdio.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/common/log.h"

int cache_no_node(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "CacheClusterNotFound: there is no replica %.*s in the cluster",
		(int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

static const struct cache_node *node_of(const struct cache_nodes *nodes, struct slice name)
{
	for (unsigned k = 0; k < nodes->count; k++) {
		if (slice_is(name, nodes->n[k].name)) {
			return &nodes->n[k];
		}
	}
	return NULL;
}

int cache_replica_find(
	struct cache_cluster *c, struct slice name, struct cache_node *out, struct err *err)
{
	struct cache_nodes nodes;
	struct cache_def def;

	cache_def_now(c, &def);
	int rc = cache_catalog_nodes(c->service, def.id, &nodes, err);
	const struct cache_node *n = rc == 0 ? node_of(&nodes, name) : NULL;
	if (n == NULL || strcmp(n->name, def.primary) == 0) {
		return rc < 0 ? rc : cache_no_node(name, err);
	}
	*out = *n;
	return 0;
}

/* ---- who is closest ---- */

int cache_least_lag(struct cache_cluster *c, char out[CACHE_NODE_MAX + 1], struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	const struct instance_replica *best = NULL;
	size_t n = 0;

	int rc = instance_replicas(c->store, &list, &n, err);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		/* In order of names, so the first of equals stays. */
		if (list[k].status.sequence > 0 || list[k].status.running) {
			best = best == NULL || list[k].status.sequence > best->status.sequence
				       ? &list[k]
				       : best;
		}
	}
	snprintf(out, CACHE_NODE_MAX + 1, "%.*s", CACHE_NODE_MAX, best != NULL ? best->name : "");
	return rc;
}

/* ---- replicas as the catalog has them ---- */

static bool is_there(const struct instance_replica *list, size_t n, const char *name)
{
	for (size_t k = 0; k < n; k++) {
		if (strcmp(list[k].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int drop_strangers(struct cache_cluster *c, const struct cache_nodes *nodes,
	const char *primary, const struct instance_replica *list, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < n; k++) {
		if (strcmp(list[k].name, primary) == 0 ||
			node_of(nodes, slice_of(list[k].name)) == NULL) {
			rc = instance_replica_remove(c->store, list[k].name, err);
		}
	}
	return rc;
}

static int add_replica(struct cache_cluster *c, const struct cache_node *n, struct err *err)
{
	return instance_replica_add(c->store, n->name, "", n->zone, n->delay_ms, err);
}

int cache_settle(struct cache_cluster *c, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	struct cache_nodes nodes;
	struct cache_def def;
	size_t n = 0;

	cache_def_now(c, &def);
	if (def.kind != CACHE_REDIS) {
		return 0;
	}
	int rc = cache_catalog_nodes(c->service, def.id, &nodes, err);
	rc = rc < 0 ? rc : instance_replicas(c->store, &list, &n, err);
	rc = rc < 0 ? rc : drop_strangers(c, &nodes, def.primary, list, n, err);
	for (unsigned k = 0; rc == 0 && k < nodes.count; k++) {
		const struct cache_node *node = &nodes.n[k];
		if (strcmp(node->name, def.primary) != 0 && !is_there(list, n, node->name)) {
			rc = add_replica(c, node, err);
		}
	}
	return rc;
}

void cache_settle_first(struct cache_cluster *c)
{
	struct err why = {0};

	if (cache_settle(c, &why) < 0) {
		log_debug("cache: cluster %s: %s", c->def.name, why.msg);
	}
}

/* ---- making ---- */

void cache_next_name(
	const char *cluster, const struct cache_nodes *nodes, char out[CACHE_NODE_MAX + 1])
{
	unsigned n = 0;

	do {
		snprintf(out, CACHE_NODE_MAX + 1, "%s-%03u", cluster, ++n);
	} while (node_of(nodes, slice_of(out)) != NULL);
}

unsigned cache_emptier_zone(const struct cache_nodes *nodes)
{
	unsigned n[INSTANCE_ZONES] = {0};

	for (unsigned k = 0; k < nodes->count; k++) {
		n[nodes->n[k].zone % INSTANCE_ZONES]++;
	}
	return n[1] < n[0];
}

static int check_new(const struct cache_nodes *nodes, const char *name, struct err *err)
{
	if (node_of(nodes, slice_of(name)) != NULL) {
		return err_set(
			err, EEXIST, "CacheClusterAlreadyExists: the cluster has a node %s", name);
	}
	return nodes->count < CACHE_NODES_MAX
		       ? 0
		       : err_set(err, EINVAL,
				 "NodeQuotaForClusterExceeded: a cluster has a primary and at most "
				 "%d replicas",
				 CACHE_REPLICAS_MAX);
}

/* One of that name without a row is what a crash left, and goes first. */
static int add_anew(struct cache_cluster *c, const struct cache_node *n, struct err *err)
{
	struct err why = {0};

	int rc = add_replica(c, n, &why);
	if (rc != -EEXIST) {
		return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
	}
	rc = instance_replica_remove(c->store, n->name, err);
	return rc < 0 ? rc : add_replica(c, n, err);
}

/* The row is what makes it a node; without one a replica goes again. */
static int create(struct cache_cluster *c, const struct cache_wish *wish,
	char name[CACHE_NODE_MAX + 1], struct err *err)
{
	struct cache_node n = {.delay_ms = wish->delay_ms, .created_ns = clock_wall_ns()};
	struct cache_nodes nodes;
	struct err why = {0};

	int rc = cache_catalog_nodes(c->service, c->def.id, &nodes, err);
	if (rc < 0) {
		return rc;
	}
	if (wish->name == NULL) {
		cache_next_name(c->def.name, &nodes, n.name);
	} else {
		snprintf(n.name, sizeof(n.name), "%s", wish->name);
	}
	n.zone = wish->zone < INSTANCE_ZONES ? wish->zone : cache_emptier_zone(&nodes);
	rc = check_new(&nodes, n.name, err);
	rc = rc < 0 ? rc : add_anew(c, &n, err);
	if (rc < 0) {
		return rc;
	}
	rc = cache_catalog_put_node(c->service, c->def.id, &n, err);
	if (rc < 0 && instance_replica_remove(c->store, n.name, &why) < 0) {
		log_warn("cache: replica %s: %s", n.name, why.msg);
	}
	memcpy(name, n.name, sizeof(n.name));
	return rc;
}

int cache_replica_create(struct cache_cluster *c, const struct cache_wish *wish,
	char name[CACHE_NODE_MAX + 1], struct err *err)
{
	int rc = cache_only_redis(c, "replicas", err);

	if (rc == 0 && wish->name != NULL) {
		rc = identifier_check("CacheClusterId", slice_of(wish->name), CACHE_NODE_MAX, err);
	}
	rc = rc < 0 ? rc : cache_step_begin(c, CACHE_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	rc = create(c, wish, name, err);
	cache_step_end(c);
	if (rc == 0) {
		cache_event(c, "ElastiCache:AddCacheNodeComplete: %s", name);
	}
	return rc;
}

/* ---- changing, deleting ---- */

static int delete_entered(struct cache_cluster *c, const char *name, struct err *err)
{
	struct cache_node node;
	struct err why = {0};

	if (strcmp(c->def.primary, name) == 0) {
		return err_set(err, EBUSY,
			"InvalidCacheClusterState: %s is the cluster's primary: 'failover' makes "
			"it a replica, which can be deleted",
			name);
	}
	int rc = cache_replica_find(c, slice_of(name), &node, err);
	rc = rc < 0 ? rc : cache_catalog_drop_node(c->service, c->def.id, name, err);
	if (rc == 0 && instance_replica_remove(c->store, name, &why) < 0) {
		/* It goes at the next round of the keeper. */
		log_warn("cache: replica %s: %s", name, why.msg);
	}
	return rc;
}

int cache_replica_delete(struct cache_cluster *c, const char *name, struct err *err)
{
	int rc = cache_only_redis(c, "replicas", err);

	rc = rc < 0 ? rc : cache_step_begin(c, CACHE_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	rc = delete_entered(c, name, err);
	cache_step_end(c);
	if (rc == 0) {
		cache_event(c, "ElastiCache:DeleteCacheNodeComplete: %s", name);
	}
	return rc;
}

int cache_replica_set_delay(
	struct cache_cluster *c, const char *name, int64_t delay_ms, struct err *err)
{
	struct cache_node node;

	int rc = cache_only_redis(c, "replicas", err);
	rc = rc < 0 ? rc : cache_step_begin(c, CACHE_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	cache_settle_first(c);
	rc = cache_replica_find(c, slice_of(name), &node, err);
	node.delay_ms = delay_ms;
	rc = rc < 0 ? rc : cache_catalog_put_node(c->service, c->def.id, &node, err);
	rc = rc < 0 ? rc : instance_replica_set_delay(c->store, name, delay_ms, err);
	cache_step_end(c);
	return rc;
}

/* ---- one of its own ---- */

/* The new cluster first, then the row: a crash between leaves both. */
static int detach_entered(
	struct cache_cluster *c, const char *name, const struct cache_def *like, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_node node;
	struct err why = {0};

	int rc = cache_replica_find(c, slice_of(name), &node, err);
	if (rc < 0) {
		return rc;
	}
	clusters_temp_path(&c->service->base, ".db", &path);
	rc = buf_check(&path, err);
	/* What is acknowledged need not be in the log yet. */
	rc = rc < 0 ? rc : instance_sync(c->store, err);
	rc = rc < 0 ? rc : instance_replica_promote(c->store, name, true, path.p, err);
	if (rc < 0) {
		return rc;
	}
	rc = cache_create(c->service, like, 0, path.p, err);
	unlink(path.p);
	if (rc < 0) {
		/* It is made anew. */
		cache_settle(c, &why);
		return rc;
	}
	return cache_catalog_drop_node(c->service, c->def.id, name, err);
}

int cache_detach(struct cache_cluster *c, const char *name, struct slice as, struct err *err)
{
	struct cache_def like;

	cache_def_now(c, &like);
	snprintf(like.name, sizeof(like.name), "%.*s", (int)as.n, as.p);
	int rc = cache_only_redis(c, "replicas", err);
	rc = rc < 0 ? rc : cache_check_new(c->service, as, err);
	rc = rc < 0 ? rc : cache_step_begin(c, CACHE_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	cache_settle_first(c);
	rc = detach_entered(c, name, &like, err);
	cache_step_end(c);
	if (rc == 0) {
		cache_event(c, "Replica %s has become cluster %s, with everything up to then.",
			name, like.name);
		clusters_tell(&c->service->base, NULL);
	}
	keeper_kick(&c->service->nodes);
	return rc;
}
