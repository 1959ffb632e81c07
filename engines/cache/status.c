/* `.status`: what is there and how it is, in the service's words. */
#include "engines/cache/service.h"
#include "engines/common/status.h"

#define SECOND_NS 1e9

static const char *zone_name(unsigned zone)
{
	return zone == 0 ? "a" : "b";
}

/* ---- nodes ---- */

/* What the store knows of the nodes that are replicas. */
struct replicas {
	struct instance_replica *list;
	size_t n;
};

static const struct replica_status *status_of(const struct replicas *all, const char *name)
{
	for (size_t k = 0; k < all->n; k++) {
		if (strcmp(all->list[k].name, name) == 0) {
			return &all->list[k].status;
		}
	}
	return NULL;
}

static int add_lag(
	json_t *o, const struct cache_node *n, const struct replica_status *s, struct err *err)
{
	int rc = status_add(o,
		json_pack("{s:s, s:I, s:I, s:f, s:I}", "CacheNodeStatus",
			s->failure.code != 0 ? "error"
			: s->running	     ? "available"
					     : "stopped",
			"LagCommits", (json_int_t)s->lag_commits, "LagBytes",
			(json_int_t)s->lag_bytes, "ReplicationLag", (double)s->lag_ns / SECOND_NS,
			"DelayMs", (json_int_t)n->delay_ms),
		err);

	return rc < 0 || s->failure.code == 0
		       ? rc
		       : status_add(o, json_pack("{s:s}", "Message", s->failure.msg), err);
}

static int add_node(json_t *array, const struct cache_def *def, const struct cache_node *n,
	const struct replicas *replicas, struct err *err)
{
	bool primary = strcmp(n->name, def->primary) == 0;
	const struct replica_status *s = primary ? NULL : status_of(replicas, n->name);
	json_t *o = json_pack("{s:s, s:s, s:s}", "CacheClusterId", n->name, "CurrentRole",
		primary ? "primary" : "replica", "PreferredAvailabilityZone", zone_name(n->zone));

	if (o == NULL) {
		return status_no_memory(err);
	}
	int rc = s != NULL ? add_lag(o, n, s, err)
			   : status_add(o,
				     json_pack("{s:s}", "CacheNodeStatus",
					     primary ? "available" : "creating"),
				     err);
	return status_append(array, o, rc, err);
}

static int add_nodes(struct cache_cluster *c, const struct cache_def *def,
	const struct replicas *replicas, json_t *out, struct err *err)
{
	struct cache_nodes nodes = {.count = 0};
	json_t *array = json_array();

	int rc = array != NULL ? cache_catalog_nodes(c->service, def->id, &nodes, err)
			       : status_no_memory(err);
	for (unsigned k = 0; rc == 0 && k < nodes.count; k++) {
		rc = add_node(array, def, &nodes.n[k], replicas, err);
	}
	if (rc < 0) {
		json_decref(array);
		return rc;
	}
	return status_add(out,
		json_pack("{s:s, s:s, s:o}", "Primary", def->primary, "AutomaticFailover",
			def->automatic_failover && nodes.count > 1 ? "enabled" : "disabled",
			"NodeGroupMembers", array),
		err);
}

static const struct replicas no_replicas;

static int add_store(
	struct cache_cluster *c, const struct cache_def *def, json_t *out, struct err *err)
{
	char least[CACHE_NODE_MAX + 1];
	struct instance_status s;
	struct replicas replicas = {0};

	instance_status(c->store, &s);
	int rc = instance_replicas(c->store, &replicas.list, &replicas.n, err);
	rc = rc < 0 ? rc : add_nodes(c, def, &replicas, out, err);
	free(replicas.list);
	rc = rc < 0 ? rc : cache_least_lag(c, least, err);
	if (rc == 0 && least[0] != '\0') {
		rc = status_add(out, json_pack("{s:s}", "LeastLag", least), err);
	}
	rc = rc < 0 ? rc
		    : status_add(out,
			      json_pack("{s:I, s:I}", "StorageBytes", (json_int_t)s.bytes,
				      "Commits", (json_int_t)s.sequence),
			      err);
	if (rc == 0 && s.failure.code != 0) {
		rc = status_add(out,
			json_pack("{s:s, s:s}", "Status", "failed", "StatusMessage", s.failure.msg),
			err);
	}
	return rc;
}

/* ---- keys ---- */

struct usage {
	uint64_t bytes;
	uint64_t keys;
	uint64_t offset;
};

static int usage_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct usage *u = arg;

	int rc = redis_used(t, &u->bytes, &u->keys, err);
	return rc < 0 ? rc : redis_offset(t, &u->offset, err);
}

static int add_keys(const struct cache_copy *copy, json_t *out, struct err *err)
{
	struct usage u = {0};

	if (copy->memory != NULL) {
		return memcached_status(copy->memory, out, err);
	}
	int rc = redis_read(copy->db, usage_fn, &u, err);
	return rc < 0 ? rc
		      : status_add(out,
				json_pack("{s:I, s:I, s:I}", "Keys", (json_int_t)u.keys,
					"UsedMemory", (json_int_t)u.bytes, "Offset",
					(json_int_t)u.offset),
				err);
}

/* ---- a cluster ---- */

static int add_def(const struct cache_def *def, const char *state, json_t *out, struct err *err)
{
	int rc = status_add(out,
		json_pack("{s:s, s:s, s:s, s:I}", "ReplicationGroupId", def->name, "Status", state,
			"Engine", cache_kind_names[def->kind], "MaxMemory",
			(json_int_t)def->maxmemory),
		err);

	if (rc == 0 && def->kind == CACHE_REDIS) {
		rc = status_add(out,
			json_pack("{s:s, s:s, s:s+, s:s++}", "MaxMemoryPolicy",
				redis_policy_names[def->policy], "Persistence",
				cache_persistence_names[def->persistence], "PrimaryEndpoint",
				"/cache/", def->name, "ReaderEndpoint", "/cache/", def->name,
				"/.reader"),
			err);
	}
	return rc < 0 ? rc
		      : status_add_time(out, "ReplicationGroupCreateTime", def->created_ns, err);
}

static int add_inside(
	struct cache_cluster *c, const struct cache_def *def, json_t *out, struct err *err)
{
	struct err why = {0};
	int rc = def->kind == CACHE_REDIS ? add_store(c, def, out, err) : 0;

	/* A primary that failed cannot say. */
	if (rc == 0 && add_keys(c->keys, out, &why) < 0) {
		rc = status_add(out, json_pack("{s:s}", "StatusMessage", why.msg), err);
	}
	return rc < 0 || !cache_tables_any(c->tables) ? rc
						      : cache_tables_status(c->tables, out, err);
}

/* One that cannot be opened still has a status: it says why. */
static int status_cluster(struct cache_cluster *c, json_t *out, struct err *err)
{
	const char *state = cache_state_names[cluster_state(&c->base)];
	struct cache_def def;
	struct err why = {0};
	bool entered = cache_enter(c, &why) == 0;

	cache_def_now(c, &def);
	int rc = add_def(&def, entered || why.code == EBUSY ? state : "failed", out, err);
	if (entered) {
		rc = rc < 0 ? rc : add_inside(c, &def, out, err);
		cluster_leave(&c->base);
		return rc;
	}
	rc = rc < 0 ? rc : status_add(out, json_pack("{s:s}", "StatusMessage", why.msg), err);
	return rc < 0 || def.kind != CACHE_REDIS ? rc : add_nodes(c, &def, &no_replicas, out, err);
}

/* ---- the service ---- */

static int list_clusters(struct cache_service *s, json_t *list, struct err *err)
{
	char last[CACHE_NAME_MAX + 1] = "";
	struct cache_cluster *c;
	int rc = 0;

	while (rc == 0 && (c = cache_next(s, slice_of(last))) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		rc = status_add(list,
			json_pack("{s:s}", last, cache_state_names[cluster_state(&c->base)]), err);
		cache_put(c);
	}
	return rc;
}

static int status_service(struct cache_service *s, json_t *out, struct err *err)
{
	json_t *clusters = json_object();

	int rc = clusters != NULL ? list_clusters(s, clusters, err) : status_no_memory(err);
	if (rc < 0) {
		json_decref(clusters);
		return rc;
	}
	return status_add(out,
		json_pack("{s:o, s:{s:s, s:s}}", "ReplicationGroups", clusters, "AvailabilityZones",
			"a", s->base.zone_dir[0], "b", s->base.zone_dir[1]),
		err);
}

/* ---- views ---- */

static int status_snapshot(const struct cache_view *v, json_t *out, struct err *err)
{
	int rc = status_add(out,
		json_pack("{s:s, s:s}", "ReplicationGroupId", v->name, "Role", "snapshot"), err);

	rc = rc < 0 ? rc : status_add_time(out, "Time", v->time_ns, err);
	return rc < 0 ? rc : add_keys(v->file, out, err);
}

static int add_replica(struct cache_cluster *c, const char *name, json_t *out, struct err *err)
{
	struct replicas all = {0};
	struct cache_node n;

	int rc = cache_replica_find(c, slice_of(name), &n, err);
	rc = rc < 0 ? rc : instance_replicas(c->store, &all.list, &all.n, err);
	const struct replica_status *s = rc == 0 ? status_of(&all, name) : NULL;
	if (s != NULL) {
		rc = status_add(out,
			json_pack("{s:s, s:s, s:s, s:s}", "CacheClusterId", name,
				"ReplicationGroupId", c->def.name, "CurrentRole", "replica",
				"PreferredAvailabilityZone", zone_name(n.zone)),
			err);
		rc = rc < 0 ? rc : add_lag(out, &n, s, err);
	} else if (rc == 0) {
		rc = cache_no_node(slice_of(name), err);
	}
	free(all.list);
	return rc;
}

/* Of a replica, or of the one that the reader endpoint leads to now. */
static int status_replica(struct cache *x, const struct epath *path, json_t *out, struct err *err)
{
	struct cache_place p;

	int rc = cache_place(x, path, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.copy->node[0] != '\0') {
		rc = add_replica(p.cluster, p.copy->node, out, err);
	} else {
		rc = status_add(out,
			json_pack("{s:s, s:s}", "ReplicationGroupId", p.cluster->def.name,
				"CurrentRole", "primary"),
			err);
	}
	rc = rc < 0 ? rc : add_keys(p.copy, out, err);
	cache_place_leave(&p);
	return rc;
}

static int status_inside(struct cache *x, const struct epath *path, json_t *out, struct err *err)
{
	struct cache_try t = cache_try(x, path, CACHE_READS);

	while (cache_try_next(&t)) {
		t.rc = t.at.ops->status != NULL
			       ? t.at.ops->status(t.at.tree, &t.at.path, out, &t.err)
			       : 0;
	}
	return cache_try_end(&t, err);
}

int cache_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct cache *x = ctx;
	const struct cache_view *v = x->view;
	CACHE_CLUSTER c = NULL;

	if (path->depth == 0) {
		return v == NULL ? status_service(x->service, out, err) : 0;
	}
	if (path->depth > 1 || (v != NULL && v->room[0] != '\0')) {
		return status_inside(x, path, out, err);
	}
	if (v != NULL && v->file != NULL) {
		return status_snapshot(v, out, err);
	}
	if (v != NULL) {
		return status_replica(x, path, out, err);
	}
	int rc = cache_cluster_at(x, path, &c, err);
	return rc < 0 ? rc : status_cluster(c, out, err);
}
