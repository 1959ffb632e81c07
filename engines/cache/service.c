/* ElastiCache: opening and closing the service, its directory, what it tells the daemon. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/datadir.h"
#include "engines/common/log.h"

/* ---- telling ---- */

void cache_tell_changed(struct cache_cluster *c, const struct epath *path)
{
	const struct cache_service *s = c->service;
	struct epath full = {.depth = 1, .key = {slice_of(c->def.name)}};

	if (s->host.changed == NULL) {
		return;
	}
	for (unsigned k = 0; path != NULL && k < path->depth && full.depth < EPATH_MAX; k++) {
		full = epath_child(&full, path->key[k]);
	}
	s->host.changed(s->host.arg, cache_sqlite_ops.service, &full);
}

void cache_tell_room(struct cache_cluster *c, const char *room, const struct epath *path)
{
	const struct cache_service *s = c->service;
	struct engine_view_at at = {.kind = ENGINE_VIEW_ROOM, .depth = 1, .name = slice_of(room)};
	struct epath full = {.depth = 1, .key = {slice_of(c->def.name)}};

	for (unsigned k = 0; path != NULL && k < path->depth && full.depth < EPATH_MAX; k++) {
		full = epath_child(&full, path->key[k]);
	}
	if (s->host.changed_in != NULL) {
		s->host.changed_in(s->host.arg, cache_sqlite_ops.service, &at, &full);
	}
}

void cache_tell_list(struct cache_service *s)
{
	static const struct epath all;

	if (s->host.changed != NULL) {
		s->host.changed(s->host.arg, cache_sqlite_ops.service, &all);
	}
}

void cache_event(struct cache_cluster *c, const char *fmt, ...)
{
	const struct cache_service *s = c->service;
	struct epath path = {.depth = 1, .key = {slice_of(c->def.name)}};
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->host.event != NULL) {
		s->host.event(s->host.arg, cache_sqlite_ops.service, &path, text);
	}
}

static void host_changed(void *arg, const struct epath *path)
{
	cache_tell_changed(arg, path);
}

static void host_changed_in(void *arg, const char *room, const struct epath *path)
{
	cache_tell_room(arg, room, path);
}

static void host_event(void *arg, const char *text)
{
	cache_event(arg, "%s", text);
}

static struct engine *host_peer(void *arg, const char *service)
{
	const struct engine_host *host = &((const struct cache_cluster *)arg)->service->host;

	return host->peer != NULL ? host->peer(host->arg, service) : NULL;
}

struct cache_host cache_host_of(struct cache_cluster *c)
{
	return (struct cache_host){host_changed, host_changed_in, host_event, host_peer, c};
}

static const char *wording(enum instance_event what)
{
	switch (what) {
	case INSTANCE_FAILED: return "The primary's storage has failed.";
	case INSTANCE_REPLICA_STOPPED: return "A replica has stopped following.";
	case INSTANCE_REPLICA_RESUMED: return "A replica follows again.";
	default: return NULL; /* of standbys and backups, which there are none of */
	}
}

void cache_store_event(void *arg, enum instance_event what, const char *detail)
{
	struct cache_cluster *c = arg;
	const char *text = wording(what);

	if (text == NULL || cache_state_now(c) == CACHE_CREATING) {
		return;
	}
	cache_event(c, "%s [%s]", text, detail != NULL ? detail : "");
	if (what == INSTANCE_FAILED) {
		log_error("cache: cluster %s failed: %s", c->def.name, detail);
		atomic_store(&c->trouble, true);
		cache_keeper_mend(c->service);
	}
}

/* ---- files ---- */

int cache_check_writable(const struct cache_service *s, struct err *err)
{
	return s->read_only ? err_set(err, EROFS, "cache is mounted read-only") : 0;
}

void cache_file_path(const struct cache_service *s, char kind, uint64_t id, struct buf *out)
{
	buf_printf(
		out, "%s/%c%llu%s", s->dir, kind, (unsigned long long)id, kind == 'i' ? "" : ".db");
	buf_cstr(out);
}

void cache_file_remove(const struct cache_service *s, char kind, uint64_t id)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	cache_file_path(s, kind, id, &path);
	datadir_remove_database(buf_cstr(&path), "cache");
}

void cache_temp_path(const struct cache_service *s, struct buf *out)
{
	buf_printf(out, "%s/r%llu-%p.db", s->tmp, (unsigned long long)clock_wall_ns(), (void *)out);
	buf_cstr(out);
}

/* "i12", "s3.db", "t3.db-wal": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "ist", kind, id, &rest) &&
	       (*kind == 'i' ? *rest == '\0' : strncmp(rest, ".db", 3) == 0);
}

/* A file without a row is what a crash left of a step that did not happen, or of a
 * removal that did. */
static int remove_orphan(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	static const struct cache_def nobody = {.name = "left over"};
	struct cache_service *s = arg;

	(void)err;
	if (cache_catalog_has(s, kind, id)) {
		return 0;
	}
	log_info("cache: removing %s, left over by a crash", name);
	if (kind == 'i') {
		cache_destroy_store(s, &nobody, id);
	} else if (unlinkat(s->dir_fd, name, 0) < 0) {
		log_warn("cache: cannot remove %s: %s", name, strerror(errno));
	}
	return 0;
}

/* A zone whose disk is gone must not keep the others from being served. */
static int clean(struct cache_service *s, struct err *err)
{
	struct err why = {0};

	if (s->catalog == NULL || s->read_only) {
		return 0;
	}
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (datadir_each(s->zone_dir[z], file_parse, remove_orphan, s, &why) < 0) {
			log_warn("cache: %s", why.msg);
		}
	}
	return datadir_each(s->dir, file_parse, remove_orphan, s, err);
}

/* ---- settings ---- */

static int take_setting(struct cache_service *s, const struct engine_setting *set, struct err *err)
{
	static const char *const zones[INSTANCE_ZONES] = {"az.a", "az.b"};

	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (strcmp(set->key, zones[z]) == 0) {
			free(s->zone_dir[z]);
			/* Other services have folders of their own in the zone. */
			if (asprintf(&s->zone_dir[z], "%s/cache", set->value) < 0) {
				s->zone_dir[z] = NULL;
				return err_set(err, ENOMEM, "out of memory");
			}
			return 0;
		}
	}
	return err_set(err, EINVAL, "cache has no setting '%s'; it knows az.a and az.b", set->key);
}

static int take_settings(
	struct cache_service *s, const struct engine_config *config, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < config->n_settings; i++) {
		rc = take_setting(s, &config->settings[i], err);
	}
	for (unsigned z = 0; rc == 0 && z < INSTANCE_ZONES; z++) {
		if (s->zone_dir[z] == NULL &&
			asprintf(&s->zone_dir[z], "%s/az-%c", s->dir, 'a' + (int)z) < 0) {
			s->zone_dir[z] = NULL;
			rc = err_set(err, ENOMEM, "out of memory");
		}
	}
	return rc;
}

/* ---- open, close ---- */

static struct cache_service *service_new(const struct engine_config *config)
{
	struct cache_service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	TAILQ_INIT(&s->clusters);
	pthread_mutex_init(&s->ddl, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	s->dir_fd = -1;
	s->read_only = config->read_only;
	s->host = config->host;
	return s;
}

static void service_close(struct cache_service *s)
{
	cache_keeper_stop(s);
	cache_clusters_close(s);
	cache_keeper_free(s);
	store_close(s->catalog);
	pthread_cond_destroy(&s->moved);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->ddl);
	cleanup_close(&s->dir_fd);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		free(s->zone_dir[z]);
	}
	free(s->tmp);
	free(s->dir);
	free(s);
}

static int claim_zones(struct cache_service *s, struct err *err)
{
	struct zones zones = {
		.service = "cache",
		.what = "clusters",
		.kind = 'i',
		.dir = s->dir,
		.zone_dir = {s->zone_dir[0], s->zone_dir[1]},
		.read_only = s->read_only,
		.has_own = !TAILQ_EMPTY(&s->clusters),
	};

	return zones_claim(&zones, err);
}

static int open_dir(struct cache_service *s, const char *dir, struct err *err)
{
	s->dir = strdup(dir);
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir == NULL || s->dir_fd < 0) {
		return err_errno(err, "%s", dir);
	}
	if (asprintf(&s->tmp, "%s/tmp", dir) < 0) {
		s->tmp = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int service_open(
	struct cache_service *s, const struct engine_config *config, struct err *err)
{
	int rc = open_dir(s, config->dir, err);

	rc = rc < 0 ? rc : datadir_check_catalog(s->dir, file_parse, "clusters", err);
	rc = rc < 0 ? rc : cache_catalog_open(s, err);
	rc = rc < 0 ? rc : cache_clusters_load(s, err);
	rc = rc < 0 ? rc : take_settings(s, config, err);
	if (rc == 0 && s->catalog != NULL) {
		rc = datadir_make_tmp(s->dir_fd, s->dir, err);
	}
	rc = rc < 0 ? rc : claim_zones(s, err);
	rc = rc < 0 ? rc : clean(s, err);
	return rc < 0 ? rc : cache_keeper_start(s, err);
}

int cache_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct cache *x = calloc(1, sizeof(*x));
	struct cache_service *s = service_new(config);

	if (x == NULL || s == NULL) {
		free(x);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = service_open(s, config, err);
	if (rc < 0) {
		service_close(s);
		free(x);
		return rc;
	}
	x->service = s;
	*ctx = x;
	return 0;
}

void cache_sqlite_close(void *ctx)
{
	struct cache *x = ctx;

	if (x->view != NULL) {
		cache_view_close(x);
	} else {
		service_close(x->service);
	}
	free(x);
}
