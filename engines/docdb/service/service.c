/* DocumentDB: opening and closing the service, its directory, what it tells the daemon. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

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
	const struct docdb_service *s = c->service;

	/* Of other clusters nothing is cached: see docdb.c. */
	if (s->host.changed != NULL && strcmp(c->def.name, DOCDB_DEFAULT) == 0) {
		s->host.changed(
			s->host.arg, docdb_sqlite_ops.service, path != NULL ? path : &the_cluster);
	}
}

void docdb_tell_views(struct docdb_service *s)
{
	if (s->host.changed != NULL) {
		s->host.changed(s->host.arg, docdb_sqlite_ops.service, &the_cluster);
	}
}

void docdb_event(struct docdb_cluster *c, unsigned id, const char *category, const char *fmt, ...)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	const struct docdb_service *s = c->service;
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
	if (s->host.event != NULL) {
		s->host.event(s->host.arg, docdb_sqlite_ops.service, &the_cluster, buf_cstr(&line));
	}
}

/* ---- files ---- */

int docdb_check_writable(const struct docdb_service *s, struct err *err)
{
	return s->read_only ? err_set(err, EROFS, "docdb is mounted read-only") : 0;
}

void docdb_file_path(const struct docdb_service *s, char kind, uint64_t id, struct buf *out)
{
	buf_printf(
		out, "%s/%c%llu%s", s->dir, kind, (unsigned long long)id, kind == 'c' ? "" : ".db");
	buf_cstr(out);
}

void docdb_file_remove(const struct docdb_service *s, char kind, uint64_t id)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	docdb_file_path(s, kind, id, &path);
	datadir_remove_database(buf_cstr(&path), "docdb");
}

void docdb_temp_path(const struct docdb_service *s, struct buf *out)
{
	buf_printf(out, "%s/r%llu-%p.db", s->tmp, (unsigned long long)clock_wall_ns(), (void *)out);
	buf_cstr(out);
}

/* "c12", "s3.db", "s3.db-wal": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "cs", kind, id, &rest) &&
	       (*kind == 'c' ? *rest == '\0' : strncmp(rest, ".db", 3) == 0);
}

/* A file without a row is what a crash left of a step that did not happen, or of a
 * removal that did. */
static int remove_orphan(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	struct docdb_service *s = arg;

	(void)err;
	if (docdb_catalog_has(s, kind, id)) {
		return 0;
	}
	log_info("docdb: removing %s, left over by a crash", name);
	if (kind == 'c') {
		docdb_destroy_files(s, id, name);
	} else if (unlinkat(s->dir_fd, name, 0) < 0) {
		log_warn("docdb: cannot remove %s: %s", name, strerror(errno));
	}
	return 0;
}

/* A zone that is gone, or whose disk is, must not keep the others from being served: the
 * store deals with that. */
static int clean(struct docdb_service *s, struct err *err)
{
	struct err why = {0};

	if (s->catalog == NULL || s->read_only) {
		return 0;
	}
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (datadir_each(s->zone_dir[z], file_parse, remove_orphan, s, &why) < 0) {
			log_warn("docdb: %s", why.msg);
		}
	}
	return datadir_each(s->dir, file_parse, remove_orphan, s, err);
}

static int make_tmp(struct docdb_service *s, struct err *err)
{
	return s->catalog == NULL ? 0 : datadir_make_tmp(s->dir_fd, s->dir, err);
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

static int take_setting(struct docdb_service *s, const struct engine_setting *set, struct err *err)
{
	static const char *const zones[INSTANCE_ZONES] = {"az.a", "az.b"};
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (strcmp(set->key, zones[z]) == 0) {
			/* Other services have folders of their own in the zone. */
			buf_printf(&path, "%s/docdb", set->value);
			free(s->zone_dir[z]);
			s->zone_dir[z] = strdup(buf_cstr(&path));
			return 0;
		}
	}
	if (strcmp(set->key, "docdb.ttl_interval") == 0) {
		return take_ttl_interval(s, set->value, err);
	}
	return err_set(err, EINVAL,
		"docdb has no setting '%s'; it knows az.a, az.b and docdb.ttl_interval", set->key);
}

static int default_zones(struct docdb_service *s, struct err *err)
{
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		buf_printf(&path, "%s/az-%c", s->dir, 'a' + (int)z);
		if (s->zone_dir[z] == NULL) {
			s->zone_dir[z] = strdup(buf_cstr(&path));
		}
		if (s->zone_dir[z] == NULL || path.failed) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	return 0;
}

static int take_settings(
	struct docdb_service *s, const struct engine_config *config, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < config->n_settings; i++) {
		rc = take_setting(s, &config->settings[i], err);
	}
	return rc < 0 ? rc : default_zones(s, err);
}

/* ---- open, close ---- */

static struct docdb_service *service_new(const struct engine_config *config)
{
	struct docdb_service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	TAILQ_INIT(&s->clusters);
	past_list_init(&s->past);
	pthread_mutex_init(&s->ddl, NULL);
	pthread_mutex_init(&s->first, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	s->dir_fd = -1;
	s->ttl_seconds = TTL_SECONDS;
	s->read_only = config->read_only;
	s->host = config->host;
	return s;
}

static void service_close(struct docdb_service *s)
{
	docdb_keeper_stop(s);
	past_list_finish(&s->past);
	docdb_clusters_close(s);
	store_close(s->catalog);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	pthread_mutex_destroy(&s->first);
	pthread_mutex_destroy(&s->ddl);
	cleanup_close(&s->dir_fd);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		free(s->zone_dir[z]);
	}
	free(s->tmp);
	free(s->dir);
	free(s);
}

static int claim_zones(struct docdb_service *s, struct err *err)
{
	struct zones zones = {
		.service = "docdb",
		.what = "clusters",
		.kind = 'c',
		.dir = s->dir,
		.zone_dir = {s->zone_dir[0], s->zone_dir[1]},
		.read_only = s->read_only,
		.has_own = !TAILQ_EMPTY(&s->clusters),
	};

	return zones_claim(&zones, err);
}

static int open_dir(struct docdb_service *s, const char *dir, struct err *err)
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
	s->past.tmp = s->tmp;
	return 0;
}

static int service_open(
	struct docdb_service *s, const struct engine_config *config, struct err *err)
{
	int rc = open_dir(s, config->dir, err);

	rc = rc < 0 ? rc : datadir_check_catalog(s->dir, file_parse, "clusters", err);
	rc = rc < 0 ? rc : docdb_catalog_open(s, err);
	rc = rc < 0 ? rc : docdb_clusters_load(s, err);
	rc = rc < 0 ? rc : take_settings(s, config, err);
	rc = rc < 0 ? rc : make_tmp(s, err);
	rc = rc < 0 ? rc : claim_zones(s, err);
	rc = rc < 0 ? rc : clean(s, err);
	return rc < 0 ? rc : docdb_keeper_start(s, err);
}

int docdb_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct docdb *d = calloc(1, sizeof(*d));
	struct docdb_service *s = service_new(config);

	if (d == NULL || s == NULL) {
		free(d);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
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
