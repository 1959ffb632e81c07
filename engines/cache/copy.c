/* Keys with a tree over them: those of a primary, of a replica, of a snapshot. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/service.h"

/* ---- what a tree is told and asks ---- */

static bool is_primary(const struct cache_copy *copy)
{
	return copy->cluster != NULL && copy->node[0] == '\0';
}

static void nothing_changed(void *arg, const struct epath *path)
{
	(void)arg;
	(void)path;
}

static void nothing_changed_in(void *arg, const char *room, const struct epath *path)
{
	(void)arg;
	(void)room;
	(void)path;
}

static void no_event(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static struct engine *no_peer(void *arg, const char *service)
{
	(void)arg;
	(void)service;
	return NULL;
}

/* Of a replica nothing is cached, so nobody needs to know. */
static struct cache_host host_of(struct cache_copy *copy)
{
	return is_primary(copy) ? cache_host_of(copy->cluster)
				: (struct cache_host){nothing_changed, nothing_changed_in, no_event,
					  no_peer, copy};
}

static void told(void *arg, const struct slice *key, const struct slice *element)
{
	struct cache_host host = host_of(arg);

	redis_tell(&host, key, element);
}

/* ---- what INFO says ---- */

static void about_replicas(struct cache_cluster *c, struct redis_about *out)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	struct err ignored = {0};
	size_t n = 0;

	if (instance_replicas(c->store, &list, &n, &ignored) < 0) {
		return;
	}
	for (size_t k = 0; k < n && k < sizeof(out->replica) / sizeof(out->replica[0]); k++) {
		struct redis_about_replica *r = &out->replica[out->n_replicas++];
		snprintf(r->name, sizeof(r->name), "%s", list[k].name);
		r->offset = list[k].status.sequence;
		r->lag_ms = list[k].status.lag_ns / 1000000;
		r->online = list[k].status.running;
	}
}

static void about(void *arg, struct redis_about *out)
{
	const struct cache_copy *copy = arg;
	struct cache_def def;

	*out = (struct redis_about){0};
	snprintf(out->role, sizeof(out->role), "%s", is_primary(copy) ? "master" : "slave");
	if (copy->cluster == NULL) {
		snprintf(out->name, sizeof(out->name), "%.63s", copy->label);
		return;
	}
	cache_def_now(copy->cluster, &def);
	snprintf(out->name, sizeof(out->name), "%s", def.name);
	snprintf(out->node, sizeof(out->node), "%s", is_primary(copy) ? def.primary : copy->node);
	snprintf(out->persistence, sizeof(out->persistence), "%s",
		cache_persistence_names[def.persistence]);
	if (is_primary(copy)) {
		about_replicas(copy->cluster, out);
	}
}

/* ---- opening ---- */

static struct cache_copy *copy_new(struct cache_cluster *c, const char *node, const char *label)
{
	struct cache_copy *copy = calloc(1, sizeof(*copy));

	if (copy == NULL) {
		return NULL;
	}
	copy->cluster = c;
	snprintf(copy->node, sizeof(copy->node), "%s", node);
	snprintf(copy->label, sizeof(copy->label), "%s", label);
	pthread_mutex_init(&copy->lock, NULL);
	return copy;
}

static struct redis_limits *limits_of(struct cache_copy *copy)
{
	return copy->cluster != NULL ? &copy->cluster->limits : &copy->limits;
}

/* The server goes on over another database. */
static int serve(struct cache_copy *copy, struct redis_db *db, struct err *err)
{
	struct redis_server_config config = {.db = db,
		.limits = limits_of(copy),
		.host = host_of(copy),
		.about = about,
		.arg = copy};

	copy->db = db;
	if (copy->server != NULL) {
		copy->server->db = db;
		copy->server->counts = redis_db_counts(db);
		return 0;
	}
	int rc = redis_server_open(&config, &copy->server, err);
	return rc < 0 ? rc : redis_tree_open(copy->server, &copy->tree, err);
}

static struct cache_copy *find(struct cache_cluster *c, const char *node)
{
	struct cache_copy *copy;

	TAILQ_FOREACH (copy, &c->copies, link) {
		if (strcmp(copy->node, node) == 0) {
			return copy;
		}
	}
	return NULL;
}

static int open_db(
	struct cache_cluster *c, struct cache_copy *copy, struct redis_db **db, struct err *err)
{
	struct redis_db_config config = {
		copy->label, limits_of(copy), is_primary(copy) ? told : NULL, copy};

	return copy->node[0] == '\0' ? redis_db_instance(c->store, &config, db, err)
				     : redis_db_replica(c->store, copy->node, &config, db, err);
}

static int make_copy(struct cache_cluster *c, const char *node, struct cache_copy **out,
	struct redis_db **db, struct err *err)
{
	char label[CACHE_NODE_MAX + CACHE_NAME_MAX + 16];

	snprintf(label, sizeof(label), node[0] == '\0' ? "cluster %s" : "cluster %s, replica %s",
		c->def.name, node);
	struct cache_copy *copy = copy_new(c, node, label);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = open_db(c, copy, db, err);
	rc = rc < 0 ? rc : serve(copy, *db, err);
	if (rc < 0) {
		cache_copy_free(copy);
		return rc;
	}
	TAILQ_INSERT_TAIL(&c->copies, copy, link);
	*out = copy;
	return 0;
}

int cache_copy_open(
	struct cache_cluster *c, const char *node, struct cache_copy **out, struct err *err)
{
	struct redis_db *db = NULL;
	struct cache_copy *copy = find(c, node);

	if (copy == NULL) {
		return make_copy(c, node, out, &db, err);
	}
	int rc = copy->db != NULL ? 0 : open_db(c, copy, &db, err);
	if (rc == 0 && copy->db == NULL) {
		rc = serve(copy, db, err);
	}
	if (rc == 0) {
		*out = copy;
	}
	return rc;
}

int cache_copy_file(const char *path, const char *label, struct cache_copy **out, struct err *err)
{
	struct cache_copy *copy = copy_new(NULL, "", label);
	struct redis_db *db = NULL;

	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	struct redis_db_config config = {copy->label, &copy->limits, NULL, NULL};
	int rc = redis_db_file(path, &config, &db, err);
	rc = rc < 0 ? rc : serve(copy, db, err);
	if (rc < 0) {
		cache_copy_free(copy);
		return rc;
	}
	*out = copy;
	return 0;
}

int cache_copy_memory(struct cache_cluster *c, struct cache_copy **out, struct err *err)
{
	struct cache_def def;
	struct cache_copy *copy;

	cache_def_now(c, &def);
	copy = copy_new(c, "", def.name);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	struct memcached_config config = {
		copy->label, def.maxmemory, MEMCACHED_ITEM_MAX, host_of(copy)};
	int rc = memcached_open(&config, &copy->memory, err);
	rc = rc < 0 ? rc : memcached_tree_open(copy->memory, &copy->tree, err);
	if (rc < 0) {
		cache_copy_free(copy);
		return rc;
	}
	TAILQ_INSERT_TAIL(&c->copies, copy, link);
	*out = copy;
	return 0;
}

/* ---- closing ---- */

void cache_copy_shut(struct cache_copy *copy)
{
	if (copy->server != NULL) {
		copy->server->db = NULL;
	}
	redis_db_close(copy->db);
	copy->db = NULL;
}

void cache_copy_free(struct cache_copy *copy)
{
	if (copy == NULL) {
		return;
	}
	for (unsigned k = 0; k < copy->n_rooms; k++) {
		cache_tree_close(copy->room[k].tree);
	}
	cache_tree_close(copy->tree);
	redis_server_close(copy->server);
	redis_db_close(copy->db);
	memcached_close(copy->memory);
	pthread_mutex_destroy(&copy->lock);
	free(copy);
}

/* ---- rooms ---- */

static int open_room(
	struct cache_copy *copy, const char *name, struct cache_tree **out, struct err *err)
{
	struct cache_tree *t = copy->tree;

	if (t->ops->room == NULL || copy->n_rooms == CACHE_ROOMS_MAX) {
		return err_set(err, ENOENT, "there is no %s here", name);
	}
	int rc = t->ops->room(t, name, out, err);
	if (rc == 0) {
		struct cache_room *room = &copy->room[copy->n_rooms++];
		snprintf(room->name, sizeof(room->name), "%s", name);
		room->tree = *out;
	}
	return rc;
}

int cache_copy_tree(
	struct cache_copy *copy, const char *room, struct cache_tree **out, struct err *err)
{
	if (room[0] == '\0') {
		*out = copy->tree;
		return 0;
	}
	LOCKED(&copy->lock);
	for (unsigned k = 0; k < copy->n_rooms; k++) {
		if (strcmp(copy->room[k].name, room) == 0) {
			*out = copy->room[k].tree;
			return 0;
		}
	}
	return open_room(copy, room, out, err);
}
