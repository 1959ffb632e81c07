/* Clusters are made, changed, deleted. How each step survives a crash is told in service.h. */
#include <stdio.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/identifier.h"

/* ---- making ---- */

void cache_def_init(struct cache_def *def, struct slice name, enum cache_kind kind)
{
	*def = (struct cache_def){
		.kind = kind,
		.maxmemory = kind == CACHE_MEMCACHED ? CACHE_MEMORY : 0,
		.policy = REDIS_VOLATILE_LRU,
		.persistence = CACHE_EVERYSEC,
		.automatic_failover = kind == CACHE_REDIS,
	};
	snprintf(def->name, sizeof(def->name), "%.*s", (int)name.n, name.p);
}

static void name_nodes(struct cache_def *def, unsigned n, struct cache_nodes *out)
{
	*out = (struct cache_nodes){.count = 0};
	while (def->kind == CACHE_REDIS && out->count < n) {
		struct cache_node *node = &out->n[out->count];
		cache_next_name(def->name, out, node->name);
		node->zone = out->count % INSTANCE_ZONES;
		node->created_ns = def->created_ns;
		out->count++;
	}
	memcpy(def->primary, out->n[0].name, sizeof(def->primary));
}

static int make_store(struct cache_cluster *c, const char *from, struct err *err)
{
	static const struct instance_settings settings;
	struct cache_config config;

	if (c->def.kind != CACHE_REDIS) {
		return 0;
	}
	cache_config_init(&config, c->service, &c->def, c->def.store_id);
	return instance_create(&config.config, &settings, from, err);
}

/* A cluster that lacks a replica from the start is none: its row goes again. Where that fails, too,
 * it stays, and the keeper makes what is missing. */
static int take_back(struct cache_cluster *c, int rc)
{
	struct err why = {0};

	LOCKED(&c->service->base.ddl);
	return cache_catalog_drop(c->service, c->def.id, NULL, &why) < 0 ? 0 : rc;
}

/* The catalog has it, then everybody. A COMMIT that failed may still be there after
 * power was lost: then the row wants its files. So they stay, and the next open removes
 * those without a row. */
static int make(
	struct cache_cluster *c, const struct cache_nodes *nodes, const char *from, struct err *err)
{
	int rc = make_store(c, from, err);

	rc = rc < 0 ? rc : cache_enter(c, err);
	if (rc < 0) {
		return rc;
	}
	{
		LOCKED(&c->service->base.ddl);
		rc = cache_catalog_add(c->service, &c->def, nodes, err);
	}
	if (rc == 0) {
		rc = cache_settle(c, err);
		rc = rc < 0 ? take_back(c, rc) : 0;
	}
	cluster_leave(&c->base);
	return rc;
}

int cache_create(struct cache_service *s, const struct cache_def *like, unsigned n_replicas,
	const char *from, struct err *err)
{
	struct cache_nodes nodes;
	CACHE_CLUSTER c = NULL;

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : cache_reserve(s, like, &c, err);
	if (rc < 0) {
		return rc;
	}
	name_nodes(&c->def, n_replicas + 1, &nodes);
	rc = make(c, &nodes, from, err);
	if (rc < 0) {
		cluster_shut(&c->base);
		cluster_dropped(&c->base);
		return rc;
	}
	cluster_state_set(&c->base, CACHE_AVAILABLE);
	cache_event(c, "ElastiCache:CreateReplicationGroupComplete: %s", c->def.name);
	keeper_kick(&s->nodes);
	return 0;
}

/* ---- deleting ---- */

static int any_key(void *arg, struct slice key, const struct engine_info *info)
{
	(void)key;
	(void)info;
	*(bool *)arg = true;
	return 1;
}

static int check_empty(struct cache_cluster *c, struct err *err)
{
	static const struct epath root;
	struct cache_tree *t = c->keys->tree;
	bool any = false;

	int rc = t->ops->ops.list(t, &root, NULL, ENGINE_NAMES, any_key, &any, err);
	return rc == 0 && any ? err_set(err, ENOTEMPTY,
					"cluster %s holds keys: remove them first, or say "
					"'delete-cluster' in its .control",
					c->def.name)
			      : rc;
}

static int check_tables(struct cache_cluster *c, struct err *err)
{
	return cache_tables_any(c->tables)
		       ? err_set(err, EBUSY,
				 "InvalidReplicationGroupState: cluster %s stands in front of "
				 "tables of RDS: 'detach' them first",
				 c->def.name)
		       : 0;
}

/* One that cannot be opened can be deleted. */
static int look_and_copy(struct cache_cluster *c, bool empty, const char *final_snapshot,
	const struct cache_progress *progress, struct cache_snapshot *snapshot, struct err *err)
{
	struct err why = {0};

	int rc = cache_enter_any(c, &why);
	if (rc < 0) {
		return final_snapshot != NULL || empty ? err_set(err, why.code, "%s", why.msg) : 0;
	}
	rc = check_tables(c, err);
	rc = rc == 0 && empty ? check_empty(c, err) : rc;
	if (rc == 0 && final_snapshot != NULL) {
		rc = cache_snapshot_copy(c, final_snapshot, progress, snapshot, err);
	}
	cluster_leave(&c->base);
	return rc;
}

/* Its own row and files: what makes it gone. Behind the gate. */
static int drop(struct cache_cluster *c, const struct cache_snapshot *final, struct err *err)
{
	struct cache_service *s = c->service;

	LOCKED(&s->base.ddl);
	int rc = cache_catalog_drop(s, c->def.id, final, err);
	if (rc < 0) {
		return rc;
	}
	cluster_dropped(&c->base);
	cluster_shut(&c->base);
	clusters_file_remove(&s->base, 't', c->def.id);
	if (c->def.kind == CACHE_REDIS) {
		cache_destroy_store(s, &c->def, c->def.store_id);
	}
	return 0;
}

int cache_delete(struct cache_cluster *c, bool empty, const char *final_snapshot,
	const struct cache_progress *progress, struct err *err)
{
	struct cache_snapshot snapshot = {0};

	int rc = clusters_check_writable(&c->service->base, err);
	rc = rc == 0 && final_snapshot != NULL ? cache_only_redis(c, "snapshots", err) : rc;
	rc = rc < 0 ? rc : cluster_state_begin(&c->base, CACHE_DELETING, 0, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->changing);
	rc = cache_close_gate(c, err);
	if (rc == 0) {
		rc = look_and_copy(c, empty, final_snapshot, progress, &snapshot, err);
		rc = rc < 0 ? rc : drop(c, final_snapshot != NULL ? &snapshot : NULL, err);
		cluster_open_gate(&c->base);
	}
	if (rc < 0) {
		cluster_state_set(&c->base, CACHE_AVAILABLE);
		return rc;
	}
	cache_event(c, "Replication group %s deleted", c->def.name);
	return 0;
}

/* ---- changing ---- */

/* How much a commit survives is said when the store is opened: the row must not say so before. */
static int change_gated(struct cache_cluster *c, cache_change_fn *change,
	const struct cache_def *with, struct err *err)
{
	int rc = cache_close_gate(c, err);

	if (rc < 0) {
		return rc;
	}
	rc = cache_change(c, change, with, err);
	if (rc == 0 && c->def.kind == CACHE_REDIS) {
		cluster_shut(&c->base);
	}
	cluster_open_gate(&c->base);
	return rc;
}

int cache_modify(struct cache_cluster *c, cache_change_fn *change, const struct cache_def *with,
	struct err *err)
{
	struct cache_def before;
	struct cache_def after;

	int rc = clusters_check_writable(&c->service->base, err);
	rc = rc < 0 ? rc : cluster_state_begin(&c->base, CACHE_MODIFYING, 0, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->changing);
	cache_def_now(c, &before);
	after = before;
	change(&after, with);
	rc = before.persistence != after.persistence ? change_gated(c, change, with, err)
						     : cache_change(c, change, with, err);
	if (rc == 0 && c->keys != NULL && c->keys->memory != NULL) {
		memcached_set_memory(c->keys->memory, after.maxmemory);
	}
	cluster_state_set(&c->base, CACHE_AVAILABLE);
	return rc;
}
