/* DocumentDB: opening and closing the service, its directory, what it tells the daemon. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/common/datadir.h"
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

#define TTL_SECONDS	60
#define TTL_SECONDS_MAX 86400

/* ---- telling ---- */

static const struct epath the_cluster;

void docdb_tell_changed(struct docdb_cluster *c, const struct epath *path)
{
	/* Of other clusters nothing is cached: see docdb.c. */
	if (strcmp(c->def.name, DOCDB_DEFAULT) == 0) {
		clusters_tell(c->base.all, path);
	}
}

void docdb_event(struct docdb_cluster *c, unsigned id, const char *category, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (id != 0) {
		buf_printf(&line, "RDS-EVENT-%04u ", id);
	}
	buf_printf(&line, "%s: %s", category, text);
	/* All stand in the .events of /docdb. */
	if (strcmp(c->def.name, DOCDB_DEFAULT) != 0) {
		buf_printf(&line, " [cluster %s]", c->def.name);
	}
	clusters_event(c->base.all, &the_cluster, buf_cstr(&line));
}

/* ---- files ---- */

/* "c12", "s3.db", "s3.db-wal": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "cs", kind, id, &rest) &&
	       (*kind == 'c' ? *rest == '\0' : strncmp(rest, ".db", 3) == 0);
}

static bool has_row(struct clusters *all, char kind, uint64_t id)
{
	return docdb_catalog_has((struct docdb_service *)all, kind, id);
}

static void destroy_left(struct clusters *all, const char *dir, const char *name, uint64_t id)
{
	(void)dir;
	docdb_destroy_files((struct docdb_service *)all, id, name);
}

/* ---- settings ---- */

static int take_ttl_interval(struct docdb_service *s, const char *value, struct err *err)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end != '\0' || n < 1 || n > TTL_SECONDS_MAX) {
		return err_set(err, EINVAL, "docdb.ttl_interval=%s: seconds, 1 to %d, are expected",
			value, TTL_SECONDS_MAX);
	}
	s->ttl_seconds = (unsigned)n;
	return 0;
}

static int take_setting(struct clusters *all, const struct engine_setting *set, struct err *err)
{
	if (strcmp(set->key, "docdb.ttl_interval") != 0) {
		return 0;
	}
	int rc = take_ttl_interval((struct docdb_service *)all, set->value, err);
	return rc < 0 ? rc : 1;
}

/* ---- open, close ---- */

static const struct clusters_kind kind = {
	.service = "docdb",
	.what = "clusters",
	.stores = "c",
	.settings = "az.a, az.b and docdb.ttl_interval",
	.creating = DOCDB_CREATING,
	.serving = DOCDB_SERVING,
	.empty_s = 15,
	.parse = file_parse,
	.has_row = has_row,
	.destroy = destroy_left,
	.setting = take_setting,
	.open = docdb_cluster_open,
	.shut = docdb_cluster_shut,
	.free = docdb_cluster_free,
	.refuse = docdb_refuse,
};

static void service_close(struct docdb_service *s)
{
	keeper_stop(&s->keeper);
	past_list_finish(&s->past);
	clusters_finish(&s->base);
	keeper_finish(&s->keeper);
	pthread_mutex_destroy(&s->first);
	free(s);
}

static int service_open(
	struct docdb_service *s, const struct engine_config *config, struct err *err)
{
	int rc = clusters_open_dir(&s->base, config->dir, err);

	s->past.tmp = s->base.tmp;
	rc = rc < 0 ? rc : docdb_catalog_open(s, err);
	rc = rc < 0 ? rc : docdb_clusters_load(s, err);
	rc = rc < 0 ? rc : clusters_open_zones(&s->base, config, !TAILQ_EMPTY(&s->base.list), err);
	rc = rc < 0 ? rc : clusters_clean(&s->base, err);
	s->expire_at = clock_monotonic_ns() + s->ttl_seconds * KEEPER_SECOND_NS;
	return rc < 0 ? rc : keeper_start(&s->keeper, "docdb", err);
}

int docdb_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct docdb *d = calloc(1, sizeof(*d));
	struct docdb_service *s = calloc(1, sizeof(*s));

	if (d == NULL || s == NULL) {
		free(d);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_init(&s->base, &kind, config);
	past_list_init(&s->past);
	pthread_mutex_init(&s->first, NULL);
	docdb_keeper_init(s);
	s->ttl_seconds = TTL_SECONDS;
	int rc = service_open(s, config, err);
	if (rc < 0) {
		service_close(s);
		free(d);
		return rc;
	}
	d->service = s;
	*ctx = d;
	return 0;
}

void docdb_sqlite_close(void *ctx)
{
	struct docdb *d = ctx;

	if (d->view != NULL) {
		docdb_view_close(d);
	} else {
		service_close(d->service);
	}
	free(d);
}
