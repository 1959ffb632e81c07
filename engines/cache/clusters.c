/* Clusters in use: what is opened for one, in which words it refuses, what comes, changes and
 * goes. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/common/log.h"

const char *const cache_kind_names[] = {
	[CACHE_REDIS] = "redis",
	[CACHE_MEMCACHED] = "memcached",
};

const char *const cache_persistence_names[] = {
	[CACHE_EVERYSEC] = "everysec",
	[CACHE_ALWAYS] = "always",
	[CACHE_NONE] = "none",
};

const char *const cache_state_names[] = {
	[CACHE_AVAILABLE] = "available",
	[CACHE_CREATING] = "creating",
	[CACHE_DELETING] = "deleting",
	[CACHE_MODIFYING] = "modifying",
	[CACHE_SNAPSHOTTING] = "snapshotting",
};

/* ---- the list ---- */

static struct cache_cluster *cluster_new(struct cache_service *s, const struct cache_def *def)
{
	struct cache_cluster *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	cluster_init(&c->base, &s->base, c->def.name, CACHE_AVAILABLE);
	c->service = s;
	c->def = *def;
	c->sync_at = INT64_MAX;
	TAILQ_INIT(&c->copies);
	pthread_mutex_init(&c->changing, NULL);
	cache_apply_limits(c);
	return c;
}

static void close_tables(struct cache_cluster *c)
{
	cache_tree_close(c->tables_tree);
	cache_tables_close(c->tables);
	if (c->cache != NULL) {
		c->cache->ops->close(c->cache);
	}
	c->tables_tree = NULL;
	c->tables = NULL;
	c->cache = NULL;
}

void cache_cluster_free(struct cluster *base)
{
	struct cache_cluster *c = (struct cache_cluster *)base;
	struct cache_copy *copy;

	close_tables(c);
	while ((copy = TAILQ_FIRST(&c->copies)) != NULL) {
		TAILQ_REMOVE(&c->copies, copy, link);
		cache_copy_free(copy);
	}
	instance_close(c->store);
	pthread_mutex_destroy(&c->changing);
	cluster_finish(base);
	free(c);
}

static int load_one(void *arg, const struct cache_def *def, struct err *err)
{
	struct cache_service *s = arg;
	struct cache_cluster *c = cluster_new(s, def);

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_insert(&s->base, &c->base);
	return 0;
}

int cache_clusters_load(struct cache_service *s, struct err *err)
{
	return cache_catalog_each(s, load_one, s, err);
}

/* ---- finding, counting ---- */

int cache_no_cluster(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "ReplicationGroupNotFoundFault: there is no cluster %.*s",
		(int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

int cache_find(
	struct cache_service *s, struct slice name, struct cache_cluster **out, struct err *err)
{
	struct cluster *c = clusters_find(&s->base, name, false);

	if (c == NULL) {
		return cache_no_cluster(name, err);
	}
	*out = (struct cache_cluster *)c;
	return 0;
}

void cache_def_now(struct cache_cluster *c, struct cache_def *out)
{
	LOCKED(&c->service->base.lock);
	*out = c->def;
}

int cache_only_redis(struct cache_cluster *c, const char *what, struct err *err)
{
	bool snapshot = strcmp(what, "snapshots") == 0;

	return c->def.kind == CACHE_REDIS
		       ? 0
		       : err_set(err, EINVAL, "%s: %s is Memcached-like, and Memcached has no %s",
				 snapshot ? "SnapshotFeatureNotSupportedFault"
					  : "InvalidParameterCombination",
				 c->def.name, what);
}

/* ---- what its store is asked with ---- */

void cache_config_init(struct cache_config *c, struct cache_service *s, const struct cache_def *def,
	uint64_t store_id)
{
	*c = (struct cache_config){0};
	clusters_config_fill(&s->base, store_id, &c->id, &c->config);
	snprintf(c->label, sizeof(c->label), "cluster %s", def->name);
	c->config.label = c->label;
	c->config.disk = s->disk;
	c->config.sync = def->persistence == CACHE_ALWAYS ? STORE_SYNC_CLOSE : STORE_SYNC_INTERVAL;
	redis_instance_config(&c->config);
}

void cache_destroy_store(struct cache_service *s, const struct cache_def *def, uint64_t store_id)
{
	struct cache_config config;
	struct err why = {0};

	cache_config_init(&config, s, def, store_id);
	if (instance_destroy(&config.config, &why) < 0) {
		log_warn("cache: %s: %s", def->name, why.msg);
	}
}

/* ---- opening, shutting; under opening ---- */

static int open_store(struct cache_cluster *c, struct err *err)
{
	struct cache_config config;
	struct cache_def def;

	cache_def_now(c, &def);
	cache_config_init(&config, c->service, &def, def.store_id);
	config.config.event = cache_store_event;
	config.config.arg = c;
	return instance_open(&config.config, &c->store, err);
}

/* A replica takes over from a primary whose files are gone. */
static int open_some_store(struct cache_cluster *c, struct err *err)
{
	struct err why = {0};
	struct err ignored = {0};

	int rc = open_store(c, &why);
	if (rc == -EIO && cache_salvage(c, &ignored) == 0) {
		return open_store(c, err);
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int open_redis(struct cache_cluster *c, struct err *err)
{
	int rc = c->begun ? 0 : cache_begin_empty(c, err);

	rc = rc < 0 || c->store != NULL ? rc : open_some_store(c, err);
	rc = rc < 0 ? rc : cache_copy_open(c, "", &c->keys, err);
	if (rc == 0) {
		c->begun = true;
		atomic_store(&c->trouble, false);
	}
	return rc;
}

static int open_keys(struct cache_cluster *c, struct err *err)
{
	if (c->def.kind == CACHE_REDIS) {
		return open_redis(c, err);
	}
	return c->keys != NULL ? 0 : cache_copy_memory(c, &c->keys, err);
}

/* Those of the tree, and the service's own; that of the tables only when there are any. */
static void fill_rooms(struct cache_cluster *c)
{
	struct engine_level level = {0};
	struct err ignored = {0};
	static const struct epath root;
	unsigned n = 0;

	if (c->keys->tree->ops->ops.level(c->keys->tree, &root, &level, &ignored) == 0) {
		for (const struct engine_room *r = level.rooms;
			r != NULL && r->name != NULL && n < CACHE_ROOMS_MAX; r++) {
			c->rooms[n++] = *r;
		}
	}
	if (c->def.kind == CACHE_REDIS) {
		c->rooms[n++] = (struct engine_room){
			".reader", "these keys on the replica with the least lag, to read"};
	}
	memcpy(c->rooms_tables, c->rooms, n * sizeof(c->rooms[0]));
	c->rooms_tables[n] = (struct engine_room){
		".tables", "tables of RDS that this cluster stands in front of"};
}

static int get_cache(void *arg, struct cache_store **out, struct err *err)
{
	struct cache_cluster *c = arg;

	int rc = cache_enter(c, err);
	if (rc == 0) {
		*out = c->cache;
	}
	return rc;
}

static void put_cache(void *arg, struct cache_store *store)
{
	struct cache_cluster *c = arg;

	(void)store;
	cache_wrote(c);
	cluster_leave(&c->base);
}

static int open_tables(struct cache_cluster *c, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_service *s = c->service;

	clusters_file_path(&s->base, 't', c->def.id, &path);
	int rc = buf_check(&path, err);
	if (rc < 0) {
		return rc;
	}
	struct cache_tables_config config = {.path = path.p,
		.label = c->def.name,
		.read_only = s->base.read_only,
		.host = cache_host_of(c),
		.get_store = get_cache,
		.put_store = put_cache,
		.arg = c};
	rc = c->keys->memory != NULL ? memcached_store_open(c->keys->memory, &c->cache, err)
				     : redis_store_open(c->keys->server, &c->cache, err);
	rc = rc < 0 ? rc : cache_tables_open(&config, &c->tables, err);
	rc = rc < 0 ? rc : cache_tables_tree(c->tables, &c->tables_tree, err);
	if (rc < 0) {
		close_tables(c);
	}
	return rc;
}

int cache_cluster_open(struct cluster *base, struct err *err)
{
	struct cache_cluster *c = (struct cache_cluster *)base;

	int rc = open_keys(c, err);
	if (rc == 0 && c->tables == NULL) {
		rc = open_tables(c, err);
		fill_rooms(c);
	}
	if (rc == 0) {
		/* What was not replicated to another primary may be there again, or no more. */
		cache_tables_in(c->tables, c->def.store_id);
		atomic_store(&c->ready, true);
	}
	return rc;
}

void cache_cluster_shut(struct cluster *base)
{
	struct cache_cluster *c = (struct cache_cluster *)base;
	struct cache_copy *copy;

	TAILQ_FOREACH (copy, &c->copies, link) {
		cache_copy_shut(copy);
	}
	instance_close(c->store);
	c->store = NULL;
}

/* ---- entering ---- */

int cache_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err)
{
	switch (why) {
	case CLUSTER_STATE:
		return err_set(err, EBUSY,
			"InvalidReplicationGroupState: cluster %s is not available: it is %s",
			c->name, cache_state_names[c->state]);
	case CLUSTER_GATED:
		return err_set(err, EBUSY, "cluster %s: no node served within %u seconds", c->name,
			c->all->kind->wait_s);
	case CLUSTER_IN_USE:
		return err_set(err, EBUSY,
			"cluster %s: %u reads or writes have not ended within %u seconds", c->name,
			c->users, c->all->kind->empty_s);
	case CLUSTER_GONE: break;
	}
	return cache_no_cluster(slice_of(c->name), err);
}

static int enter(struct cache_cluster *c, bool any, struct err *err)
{
	int rc = cluster_enter(&c->base, any, err);

	if (rc == 1) {
		keeper_kick(&c->service->time); /* it goes past what is shut */
	}
	return rc < 0 ? rc : 0;
}

int cache_enter(struct cache_cluster *c, struct err *err)
{
	return enter(c, false, err);
}

int cache_enter_any(struct cache_cluster *c, struct err *err)
{
	return enter(c, true, err);
}

bool cache_is_serving(struct cache_cluster *c)
{
	LOCKED(&c->service->base.lock);
	return (c->base.open || c->base.gated) && !c->base.gone;
}

/* The gate would keep in who goes on from here to the keys. */
int cache_visit(struct cache_cluster *c, struct err *err)
{
	int rc = cache_enter(c, err);

	if (rc < 0) {
		return rc;
	}
	{
		LOCKED(&c->service->base.lock);
		c->guests++;
	}
	cluster_leave(&c->base);
	return 0;
}

void cache_unvisit(struct cache_cluster *c)
{
	LOCKED(&c->service->base.lock);

	if (--c->guests == 0 && c->base.state == CACHE_DELETING) {
		pthread_cond_broadcast(&c->service->base.moved);
	}
}

/* Behind the gate. */
static int wait_for_guests(struct cache_cluster *c, struct err *err)
{
	struct clusters *all = &c->service->base;
	LOCKED(&all->lock);
	struct timespec until = cluster_in_seconds(CACHE_EMPTY_SECONDS);
	int code = 0;

	while (c->guests > 0 && c->base.state == CACHE_DELETING && code == 0) {
		code = pthread_cond_timedwait(&all->moved, &all->lock, &until);
	}
	return c->guests == 0 || c->base.state != CACHE_DELETING
		       ? 0
		       : cache_refuse(&c->base, CLUSTER_IN_USE, err);
}

int cache_close_gate(struct cache_cluster *c, struct err *err)
{
	int rc = cluster_close_gate(&c->base, err);

	if (rc == 0 && (rc = wait_for_guests(c, err)) < 0) {
		cluster_open_gate(&c->base);
	}
	return rc;
}

int cache_copy_of(
	struct cache_cluster *c, const char *node, struct cache_copy **out, struct err *err)
{
	if (node[0] == '\0') {
		*out = c->keys;
		return 0;
	}
	LOCKED(&c->base.opening);
	return cache_copy_open(c, node, out, err);
}

/* ---- steps ---- */

int cache_step_begin(struct cache_cluster *c, enum cache_state state, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	rc = rc < 0 ? rc : cluster_state_begin(&c->base, state, 0, err);
	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&c->changing);
	rc = cache_enter(c, err);
	if (rc < 0) {
		pthread_mutex_unlock(&c->changing);
		cluster_state_set(&c->base, CACHE_AVAILABLE);
	}
	return rc;
}

void cache_step_end(struct cache_cluster *c)
{
	cluster_leave(&c->base);
	pthread_mutex_unlock(&c->changing);
	cluster_state_set(&c->base, CACHE_AVAILABLE);
}

/* ---- coming, changing, going ---- */

int cache_reserve(struct cache_service *s, const struct cache_def *like, struct cache_cluster **out,
	struct err *err)
{
	struct slice name = slice_of(like->name);
	struct cache_def def = *like;

	def.created_ns = clock_wall_ns();
	int rc = identifier_check("ReplicationGroupId", name, CACHE_NAME_MAX, err);
	rc = rc < 0 ? rc : cache_catalog_id(s, &def.id, err);
	def.store_id = def.kind == CACHE_REDIS ? def.id : 0;
	if (rc < 0) {
		return rc;
	}
	struct cache_cluster *c = cluster_new(s, &def);
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->begun = true;
	if (!clusters_reserve(&s->base, &c->base)) {
		cache_cluster_free(&c->base);
		return err_set(err, EEXIST, "ReplicationGroupAlreadyExists: there is a cluster %s",
			like->name);
	}
	*out = c;
	return 0;
}

void cache_apply_limits(struct cache_cluster *c)
{
	atomic_store(&c->limits.maxmemory, c->def.maxmemory);
	atomic_store(&c->limits.policy, (int)c->def.policy);
}

int cache_change(struct cache_cluster *c, cache_change_fn *change, const struct cache_def *with,
	struct err *err)
{
	struct cache_def def;

	int rc = clusters_check_writable(&c->service->base, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->base.ddl);
	cache_def_now(c, &def);
	change(&def, with);
	rc = cache_catalog_set(c->service, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->base.lock);
		change(&c->def, with);
		cache_apply_limits(c);
	}
	return rc;
}
