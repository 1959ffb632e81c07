/* RDS: opening and closing the service, its directory, what it tells the daemon. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/datadir.h"
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"

/* ---- telling ---- */

void rds_changed(struct rds_service *s, const struct epath *path)
{
	if (s->host.changed != NULL) {
		s->host.changed(s->host.arg, rds_sqlite_ops.service, path);
	}
}

static void event_at(const struct rds_service *s, const struct epath *path, unsigned id,
	const char *category, const char *text)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;

	if (id != 0) {
		buf_printf(&line, "RDS-EVENT-%04u ", id);
	}
	buf_printf(&line, "%s: %s", category, text);
	if (s->host.event != NULL) {
		s->host.event(s->host.arg, rds_sqlite_ops.service, path, buf_cstr(&line));
	}
}

void rds_event(struct rds_instance *i, unsigned id, const char *category, const char *fmt, ...)
{
	char name[RDS_NAME_MAX + 1];
	char text[1024];
	va_list ap;

	rds_name(i, name);
	struct epath path = {.depth = 1, .key = {slice_of(name)}};
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	event_at(i->service, &path, id, category, text);
}

void rds_event_service(
	struct rds_service *s, unsigned id, const char *category, const char *fmt, ...)
{
	static const struct epath the_service;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	event_at(s, &the_service, id, category, text);
}

/* ---- files ---- */

void rds_file_path(const struct rds_service *s, char kind, uint64_t id, struct buf *out)
{
	buf_printf(
		out, "%s/%c%llu%s", s->dir, kind, (unsigned long long)id, kind == 'i' ? "" : ".db");
	buf_cstr(out);
}

void rds_file_remove(const struct rds_service *s, char kind, uint64_t id)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	rds_file_path(s, kind, id, &path);
	datadir_remove_database(buf_cstr(&path), "rds");
}

/* "i12", "s3.db", "p4.db-wal": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "isp", kind, id, &rest) &&
	       (*kind == 'i' ? *rest == '\0' : strncmp(rest, ".db", 3) == 0);
}

/* A file without a row is what a crash left of a step that did not happen, or of a
 * removal that did. */
static int remove_orphan(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	struct rds_service *s = arg;
	struct err why = {0};

	(void)err;
	if (rds_catalog_has(s, kind, id)) {
		return 0;
	}
	log_info("rds: removing %s, left over by a crash", name);
	if (kind == 'i') {
		struct rds_config config = {0};
		rds_config_init(&config, s, id, name);
		if (instance_destroy(&config.config, &why) < 0) {
			log_warn("rds: %s: %s", name, why.msg);
		}
	} else if (unlinkat(s->dir_fd, name, 0) < 0) {
		log_warn("rds: cannot remove %s: %s", name, strerror(errno));
	}
	return 0;
}

/* A zone that is gone, or whose disk is, must not keep the others from being served: the
 * store deals with that. */
static void clean_zones(struct rds_service *s)
{
	struct err why = {0};

	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (datadir_each(s->zone_dir[z], file_parse, remove_orphan, s, &why) < 0) {
			log_warn("rds: %s", why.msg);
		}
	}
}

static int make_tmp(struct rds_service *s, struct err *err)
{
	return s->catalog == NULL ? 0 : datadir_make_tmp(s->dir_fd, s->dir, err);
}

static int clean(struct rds_service *s, struct err *err)
{
	if (s->catalog == NULL) {
		return 0;
	}
	clean_zones(s);
	return datadir_each(s->dir, file_parse, remove_orphan, s, err);
}

/* ---- settings ---- */

static int attach(struct rds_service *s, const char *name, const char *file, struct err *err)
{
	int rc = identifier_check("DBInstanceIdentifier", slice_of(name), RDS_NAME_MAX, err);

	if (rc == 0 && file[0] != '/') {
		rc = err_set(
			err, EINVAL, "rds.%s=%s: the whole path, from /, is expected", name, file);
	}
	if (rc == 0 && access(file, F_OK) != 0) {
		rc = err_set(err, errno, "rds.%s=%s: %s; an SQLite file that is there is expected",
			name, file, strerror(errno));
	}
	return rc < 0 ? rc : rds_instances_attach(s, name, file, err);
}

static int take_setting(struct rds_service *s, const struct engine_setting *set, struct err *err)
{
	static const char *const zones[INSTANCE_ZONES] = {"az.a", "az.b"};
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (strcmp(set->key, zones[z]) == 0) {
			/* Other services have folders of their own in the zone. */
			buf_printf(&path, "%s/rds", set->value);
			free(s->zone_dir[z]);
			s->zone_dir[z] = strdup(buf_cstr(&path));
			return 0;
		}
	}
	if (strncmp(set->key, "rds.", 4) == 0) {
		return attach(s, set->key + 4, set->value, err);
	}
	return err_set(
		err, EINVAL, "rds has no setting '%s'; it knows az.a, az.b and rds.NAME", set->key);
}

static int default_zones(struct rds_service *s, struct err *err)
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

static int take_settings(struct rds_service *s, const struct engine_config *config, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < config->n_settings; i++) {
		rc = take_setting(s, &config->settings[i], err);
	}
	return rc < 0 ? rc : default_zones(s, err);
}

/* ---- open, close ---- */

static struct rds_service *service_new(const struct engine_config *config)
{
	struct rds_service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	TAILQ_INIT(&s->instances);
	past_list_init(&s->past);
	pthread_mutex_init(&s->ddl, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	s->dir_fd = -1;
	s->sync = config->sync;
	s->read_only = config->read_only;
	s->host = config->host;
	return s;
}

static void service_close(struct rds_service *s)
{
	rds_keeper_stop(s);
	past_list_finish(&s->past);
	rds_instances_close(s);
	store_close(s->catalog);
	pthread_cond_destroy(&s->idle);
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

static bool has_own(struct rds_service *s)
{
	const struct rds_instance *i;

	TAILQ_FOREACH (i, &s->instances, link) {
		if (i->file == NULL) {
			return true;
		}
	}
	return false;
}

static int claim_zones(struct rds_service *s, struct err *err)
{
	struct zones zones = {
		.service = "rds",
		.what = "instances",
		.kind = 'i',
		.dir = s->dir,
		.zone_dir = {s->zone_dir[0], s->zone_dir[1]},
		.read_only = s->read_only,
		.has_own = has_own(s),
	};

	return zones_claim(&zones, err);
}

static int service_open(struct rds_service *s, const struct engine_config *config, struct err *err)
{
	s->dir = strdup(config->dir);
	s->dir_fd = open(config->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir == NULL || s->dir_fd < 0) {
		return err_errno(err, "%s", config->dir);
	}
	if (asprintf(&s->tmp, "%s/tmp", s->dir) < 0) {
		s->tmp = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	s->past.tmp = s->tmp;
	int rc = datadir_check_catalog(s->dir, file_parse, "instances", err);
	rc = rc < 0 ? rc : rds_catalog_open(s, err);
	rc = rc < 0 ? rc : rds_instances_load(s, err);
	rc = rc < 0 ? rc : take_settings(s, config, err);
	rc = rc < 0 ? rc : make_tmp(s, err);
	rc = rc < 0 ? rc : claim_zones(s, err);
	rc = rc < 0 ? rc : rds_recover(s, err);
	rc = rc < 0 ? rc : clean(s, err);
	return rc < 0 ? rc : rds_keeper_start(s, err);
}

int rds_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct rds *rds = calloc(1, sizeof(*rds));
	struct rds_service *s = service_new(config);

	if (rds == NULL || s == NULL) {
		free(rds);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = service_open(s, config, err);
	if (rc < 0) {
		service_close(s);
		free(rds);
		return rc;
	}
	rds->service = s;
	*ctx = rds;
	return 0;
}

static void view_close(struct rds *rds)
{
	struct rds_view *v = rds->view;

	rds_source_close(v->source);
	if (v->past != NULL) {
		past_put(&rds->service->past, v->past);
	}
	rds_put(v->instance);
	free(v);
}

void rds_sqlite_close(void *ctx)
{
	struct rds *rds = ctx;

	if (rds->view != NULL) {
		view_close(rds);
	} else {
		service_close(rds->service);
	}
	free(rds);
}
