/* Clusters in use: found by name, counted, opened when first needed. There are so few
 * that a sorted list will do. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/common/log.h"

/* How long a step that needs a cluster empty waits for those who read or write, and they for
 * another primary. */
#define EMPTY_SECONDS 15
#define WAIT_SECONDS  (INSTANCE_WAIT_MS / 1000)

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
	c->service = s;
	c->def = *def;
	c->sync_at = INT64_MAX;
	TAILQ_INIT(&c->copies);
	pthread_mutex_init(&c->changing, NULL);
	pthread_mutex_init(&c->opening, NULL);
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

/* Nobody uses it. */
static void cluster_free(struct cache_cluster *c)
{
	struct cache_copy *copy;

	close_tables(c);
	while ((copy = TAILQ_FIRST(&c->copies)) != NULL) {
		TAILQ_REMOVE(&c->copies, copy, link);
		cache_copy_free(copy);
	}
	instance_close(c->store);
	pthread_mutex_destroy(&c->opening);
	pthread_mutex_destroy(&c->changing);
	free(c);
}

/* Under the lock. */
static void insert(struct cache_cluster *c)
{
	struct cache_cluster_list *list = &c->service->clusters;
	struct cache_cluster *other;

	TAILQ_FOREACH (other, list, link) {
		if (strcmp(other->def.name, c->def.name) > 0) {
			TAILQ_INSERT_BEFORE(other, c, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(list, c, link);
}

/* Under the lock; one that is being made, too. */
static struct cache_cluster *find(struct cache_service *s, struct slice name)
{
	struct cache_cluster *c;

	TAILQ_FOREACH (c, &s->clusters, link) {
		if (slice_is(name, c->def.name)) {
			return c;
		}
	}
	return NULL;
}

static int load_one(void *arg, const struct cache_def *def, struct err *err)
{
	struct cache_cluster *c = cluster_new(arg, def);

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	insert(c);
	return 0;
}

int cache_clusters_load(struct cache_service *s, struct err *err)
{
	return cache_catalog_each(s, load_one, s, err);
}

void cache_clusters_close(struct cache_service *s)
{
	struct cache_cluster *c;

	while ((c = TAILQ_FIRST(&s->clusters)) != NULL) {
		TAILQ_REMOVE(&s->clusters, c, link);
		cluster_free(c);
	}
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
	LOCKED(&s->lock);
	struct cache_cluster *c = find(s, name);

	if (c == NULL || c->state == CACHE_CREATING) {
		return cache_no_cluster(name, err);
	}
	c->refs++;
	*out = c;
	return 0;
}

struct cache_cluster *cache_next(struct cache_service *s, struct slice after)
{
	LOCKED(&s->lock);
	struct cache_cluster *c;

	TAILQ_FOREACH (c, &s->clusters, link) {
		if (c->state != CACHE_CREATING && slice_compare(slice_of(c->def.name), after) > 0) {
			c->refs++;
			return c;
		}
	}
	return NULL;
}

struct cache_cluster *cache_hold(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);
	c->refs++;
	return c;
}

void cache_put(struct cache_cluster *c)
{
	if (c == NULL) {
		return;
	}
	pthread_mutex_lock(&c->service->lock);
	bool last = --c->refs == 0 && c->gone;
	pthread_mutex_unlock(&c->service->lock);
	if (last) {
		cluster_free(c);
	}
}

void cache_def_now(struct cache_cluster *c, struct cache_def *out)
{
	LOCKED(&c->service->lock);
	*out = c->def;
}

enum cache_state cache_state_now(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);
	return c->state;
}

bool cache_is_gone(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);
	return c->gone;
}

bool cache_is_open(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);
	return c->open;
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
	static const char *const names[INSTANCE_ZONES] = {"a", "b"};

	*c = (struct cache_config){0};
	snprintf(c->id_text, sizeof(c->id_text), "i%llu", (unsigned long long)store_id);
	snprintf(c->label, sizeof(c->label), "cluster %s", def->name);
	c->config.id = c->id_text;
	c->config.dir = s->dir;
	c->config.label = c->label;
	c->config.disk = s->disk;
	c->config.sync = def->persistence == CACHE_ALWAYS ? STORE_SYNC_CLOSE : STORE_SYNC_INTERVAL;
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		c->config.zone[z].name = names[z];
		c->config.zone[z].dir = s->zone_dir[z];
	}
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
	cache_leave(c);
}

static int open_tables(struct cache_cluster *c, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_service *s = c->service;

	cache_file_path(s, 't', c->def.id, &path);
	int rc = buf_check(&path, err);
	if (rc < 0) {
		return rc;
	}
	struct cache_tables_config config = {.path = path.p,
		.label = c->def.name,
		.read_only = s->read_only,
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

/* Of two who came while it was shut, the second one finds it open: what those inside read is not
 * set again beside them. */
int cache_open_now(struct cache_cluster *c, struct err *err)
{
	if (cache_is_open(c)) {
		return 0;
	}
	int rc = open_keys(c, err);
	if (rc == 0 && c->tables == NULL) {
		rc = open_tables(c, err);
		fill_rooms(c);
	}
	if (rc == 0) {
		/* What was not replicated to another primary may be there again, or no more. */
		cache_tables_in(c->tables, c->def.store_id);
		LOCKED(&c->service->lock);
		c->open = true;
		atomic_store(&c->ready, true);
	}
	return rc;
}

void cache_shut(struct cache_cluster *c)
{
	struct cache_copy *copy;

	LOCKED(&c->opening);
	{
		LOCKED(&c->service->lock);
		c->open = false;
	}
	TAILQ_FOREACH (copy, &c->copies, link) {
		cache_copy_shut(copy);
	}
	instance_close(c->store);
	c->store = NULL;
}

/* ---- entering ---- */

static struct timespec in_seconds(unsigned seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	return until;
}

/* Under the lock. */
static int wrong_state(const struct cache_cluster *c, struct err *err)
{
	return err_set(err, EBUSY,
		"InvalidReplicationGroupState: cluster %s is not available: it is %s", c->def.name,
		cache_state_names[c->state]);
}

/* Under the lock: while another primary is about to serve. */
static int wait_for_gate(struct cache_cluster *c, struct err *err)
{
	struct timespec until = in_seconds(WAIT_SECONDS);
	int code = 0;

	while (c->moving && !c->gone && code == 0) {
		code = pthread_cond_timedwait(&c->service->moved, &c->service->lock, &until);
	}
	return !c->moving || c->gone
		       ? 0
		       : err_set(err, EBUSY, "cluster %s: no node served within %d seconds",
				 c->def.name, WAIT_SECONDS);
}

static int count_user(struct cache_cluster *c, bool any, bool *open, struct err *err)
{
	LOCKED(&c->service->lock);

	int rc = any ? 0 : wait_for_gate(c, err);
	if (rc == 0 && c->gone) {
		rc = cache_no_cluster(slice_of(c->def.name), err);
	}
	if (rc == 0 && !any && c->state == CACHE_DELETING) {
		rc = wrong_state(c, err);
	}
	if (rc == 0) {
		c->users++;
		*open = c->open;
	}
	return rc;
}

static int enter(struct cache_cluster *c, bool any, struct err *err)
{
	bool open = false;

	int rc = count_user(c, any, &open, err);
	if (rc < 0 || open) {
		return rc;
	}
	{
		LOCKED(&c->opening);
		rc = cache_open_now(c, err);
	}
	if (rc < 0) {
		cache_leave(c);
	} else {
		cache_keeper_kick(c->service); /* it goes past what is shut */
	}
	return rc;
}

int cache_enter(struct cache_cluster *c, struct err *err)
{
	return enter(c, false, err);
}

int cache_enter_any(struct cache_cluster *c, struct err *err)
{
	return enter(c, true, err);
}

bool cache_enter_now(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);

	if (!c->open || c->moving || c->gone) {
		return false;
	}
	c->users++;
	return true;
}

bool cache_is_serving(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);
	return (c->open || c->moving) && !c->gone;
}

void cache_leave(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);

	if (--c->users == 0 && (c->moving || c->state == CACHE_DELETING)) {
		pthread_cond_broadcast(&c->service->moved);
	}
}

/* The gate would keep in who goes on from here to the keys. */
int cache_visit(struct cache_cluster *c, struct err *err)
{
	int rc = cache_enter(c, err);

	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->lock);
	c->guests++;
	c->users--;
	if (c->users == 0 && c->moving) {
		pthread_cond_broadcast(&c->service->moved);
	}
	return 0;
}

void cache_unvisit(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);

	if (--c->guests == 0 && c->state == CACHE_DELETING) {
		pthread_cond_broadcast(&c->service->moved);
	}
}

int cache_copy_of(
	struct cache_cluster *c, const char *node, struct cache_copy **out, struct err *err)
{
	if (node[0] == '\0') {
		*out = c->keys;
		return 0;
	}
	LOCKED(&c->opening);
	return cache_copy_open(c, node, out, err);
}

int cache_close_gate(struct cache_cluster *c, struct err *err)
{
	LOCKED(&c->service->lock);
	struct timespec until = in_seconds(EMPTY_SECONDS);
	bool deleting = c->state == CACHE_DELETING;
	int code = 0;

	c->moving = true;
	while ((c->users > 0 || (deleting && c->guests > 0)) && code == 0) {
		code = pthread_cond_timedwait(&c->service->moved, &c->service->lock, &until);
	}
	if (c->users == 0 && (!deleting || c->guests == 0)) {
		return 0;
	}
	c->moving = false;
	pthread_cond_broadcast(&c->service->moved);
	return err_set(err, EBUSY,
		"cluster %s: %u reads or writes have not ended within %d seconds", c->def.name,
		c->users, EMPTY_SECONDS);
}

void cache_open_gate(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);

	c->moving = false;
	pthread_cond_broadcast(&c->service->moved);
}

/* ---- states ---- */

int cache_state_begin(struct cache_cluster *c, enum cache_state to, struct err *err)
{
	LOCKED(&c->service->lock);

	if (c->gone) {
		return cache_no_cluster(slice_of(c->def.name), err);
	}
	if (c->state != CACHE_AVAILABLE) {
		return wrong_state(c, err);
	}
	c->state = to;
	return 0;
}

void cache_state_end(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);
	c->state = CACHE_AVAILABLE;
}

int cache_step_begin(struct cache_cluster *c, enum cache_state state, struct err *err)
{
	int rc = cache_check_writable(c->service, err);

	rc = rc < 0 ? rc : cache_state_begin(c, state, err);
	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&c->changing);
	rc = cache_enter(c, err);
	if (rc < 0) {
		pthread_mutex_unlock(&c->changing);
		cache_state_end(c);
	}
	return rc;
}

void cache_step_end(struct cache_cluster *c)
{
	cache_leave(c);
	pthread_mutex_unlock(&c->changing);
	cache_state_end(c);
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
	c->state = CACHE_CREATING;
	c->begun = true;
	c->refs = 1;
	pthread_mutex_lock(&s->lock);
	bool taken = find(s, name) != NULL;
	if (!taken) {
		insert(c);
	}
	pthread_mutex_unlock(&s->lock);
	if (taken) {
		cluster_free(c);
		return err_set(err, EEXIST, "ReplicationGroupAlreadyExists: there is a cluster %s",
			like->name);
	}
	*out = c;
	return 0;
}

void cache_dropped(struct cache_cluster *c)
{
	LOCKED(&c->service->lock);

	TAILQ_REMOVE(&c->service->clusters, c, link);
	c->gone = true;
	pthread_cond_broadcast(&c->service->moved);
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

	int rc = cache_check_writable(c->service, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->ddl);
	cache_def_now(c, &def);
	change(&def, with);
	rc = cache_catalog_set(c->service, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->lock);
		change(&c->def, with);
		cache_apply_limits(c);
	}
	return rc;
}
