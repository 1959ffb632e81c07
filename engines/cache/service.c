/* ElastiCache: opening and closing the service, its directory, what it tells the daemon. */
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
	struct epath full = {.depth = 1, .key = {slice_of(c->def.name)}};

	for (unsigned k = 0; path != NULL && k < path->depth && full.depth < EPATH_MAX; k++) {
		full = epath_child(&full, path->key[k]);
	}
	clusters_tell(c->base.all, &full);
}

void cache_tell_room(struct cache_cluster *c, const char *room, const struct epath *path)
{
	const struct cache_service *s = c->service;
	struct engine_view_at at = {.kind = ENGINE_VIEW_ROOM, .depth = 1, .name = slice_of(room)};
	struct epath full = {.depth = 1, .key = {slice_of(c->def.name)}};

	for (unsigned k = 0; path != NULL && k < path->depth && full.depth < EPATH_MAX; k++) {
		full = epath_child(&full, path->key[k]);
	}
	if (s->base.host.changed_in != NULL) {
		s->base.host.changed_in(s->base.host.arg, cache_sqlite_ops.service, &at, &full);
	}
}

void cache_event(struct cache_cluster *c, const char *fmt, ...)
{
	struct epath path = {.depth = 1, .key = {slice_of(c->def.name)}};
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clusters_event(c->base.all, &path, text);
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
	const struct engine_host *host = &((const struct cache_cluster *)arg)->service->base.host;

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

	if (text == NULL || cluster_state(&c->base) == CACHE_CREATING) {
		return;
	}
	cache_event(c, "%s [%s]", text, detail != NULL ? detail : "");
	if (what == INSTANCE_FAILED) {
		log_error("cache: cluster %s failed: %s", c->def.name, detail);
		atomic_store(&c->trouble, true);
		keeper_kick(&c->service->nodes);
	}
}

/* ---- files ---- */

/* "i12", "s3.db", "t3.db-wal": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "ist", kind, id, &rest) &&
	       (*kind == 'i' ? *rest == '\0' : strncmp(rest, ".db", 3) == 0);
}

static bool has_row(struct clusters *all, char kind, uint64_t id)
{
	return cache_catalog_has((struct cache_service *)all, kind, id);
}

static void destroy_left(struct clusters *all, const char *dir, const char *name, uint64_t id)
{
	static const struct cache_def nobody = {.name = "left over"};

	(void)dir;
	(void)name;
	cache_destroy_store((struct cache_service *)all, &nobody, id);
}

/* ---- open, close ---- */

static const struct clusters_kind kind = {
	.service = "cache",
	.what = "clusters",
	.stores = "i",
	.settings = "az.a and az.b",
	.creating = CACHE_CREATING,
	.serving = ~CLUSTER_FROM(CACHE_DELETING),
	.wait_s = INSTANCE_WAIT_MS / 1000,
	.empty_s = CACHE_EMPTY_SECONDS,
	.parse = file_parse,
	.has_row = has_row,
	.destroy = destroy_left,
	.open = cache_cluster_open,
	.shut = cache_cluster_shut,
	.free = cache_cluster_free,
	.refuse = cache_refuse,
};

static void service_close(struct cache_service *s)
{
	keeper_stop(&s->time);
	keeper_stop(&s->nodes);
	clusters_finish(&s->base);
	keeper_finish(&s->nodes);
	keeper_finish(&s->time);
	free(s);
}

static int service_open(
	struct cache_service *s, const struct engine_config *config, struct err *err)
{
	int rc = clusters_open_dir(&s->base, config->dir, err);

	rc = rc < 0 ? rc : cache_catalog_open(s, err);
	rc = rc < 0 ? rc : cache_clusters_load(s, err);
	rc = rc < 0 ? rc : clusters_open_zones(&s->base, config, !TAILQ_EMPTY(&s->base.list), err);
	rc = rc < 0 ? rc : clusters_clean(&s->base, err);
	return rc < 0 ? rc : cache_keepers_start(s, err);
}

int cache_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct cache *x = calloc(1, sizeof(*x));
	struct cache_service *s = calloc(1, sizeof(*s));

	if (x == NULL || s == NULL) {
		free(x);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_init(&s->base, &kind, config);
	cache_keepers_init(s);
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
