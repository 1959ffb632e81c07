/* Redshift: opening and closing the service, its directory, what it tells the daemon. */
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/clock.h"
#include "engines/common/datadir.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

/* ---- telling ---- */

void redshift_tell_changed(struct redshift_cluster *c, const struct slice *key)
{
	const struct redshift_service *s = c->service;
	struct epath path = {.depth = 1, .key = {slice_of(c->def.name)}};

	if (key != NULL) {
		path = epath_child(&path, *key);
	}
	if (s->host.changed != NULL) {
		s->host.changed(s->host.arg, redshift_ops.service, &path);
	}
}

void redshift_tell_list(struct redshift_service *s)
{
	static const struct epath all;

	if (s->host.changed != NULL) {
		s->host.changed(s->host.arg, redshift_ops.service, &all);
	}
}

void redshift_event(struct redshift_cluster *c, const char *fmt, ...)
{
	const struct redshift_service *s = c->service;
	struct epath path = {.depth = 1, .key = {slice_of(c->def.name)}};
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->host.event != NULL) {
		s->host.event(s->host.arg, redshift_ops.service, &path, text);
	}
}

/* ---- files ---- */

int redshift_check_writable(const struct redshift_service *s, struct err *err)
{
	return s->read_only ? err_set(err, EROFS, "redshift is mounted read-only") : 0;
}

void redshift_dir_path(const struct redshift_service *s, char kind, uint64_t id, struct buf *out)
{
	buf_printf(out, "%s/%c%llu", s->dir, kind, (unsigned long long)id);
	buf_cstr(out);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	if (remove(path) < 0 && errno != ENOENT) {
		log_warn("redshift: cannot remove %s: %s", path, strerror(errno));
	}
	return 0;
}

void redshift_remove_dir(const char *path)
{
	/* Its end is an error only when there is nothing. */
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void redshift_temp_path(const struct redshift_service *s, const char *suffix, struct buf *out)
{
	buf_printf(out, "%s/r%llu-%p%s", s->tmp, (unsigned long long)clock_wall_ns(), (void *)out,
		suffix);
	buf_cstr(out);
}

/* "i12", "s3", "n12": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "ins", kind, id, &rest) && *rest == '\0';
}

/* A file without a row is what a crash left of a step that did not happen, or of a
 * removal that did. */
static int remove_orphan(struct redshift_service *s, const char *dir, char kind, uint64_t id)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	if (redshift_catalog_has(s, kind, id)) {
		return 0;
	}
	buf_printf(&path, "%s/%c%llu", dir, kind, (unsigned long long)id);
	log_info("redshift: removing %s, left over by a crash", buf_cstr(&path));
	redshift_remove_dir(buf_cstr(&path));
	return 0;
}

struct cleaning {
	struct redshift_service *s;
	const char *dir;
};

static int clean_one(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	const struct cleaning *c = arg;

	(void)name;
	(void)err;
	return remove_orphan(c->s, c->dir, kind, id);
}

/* A zone whose disk is gone must not keep the others from being served. */
static int clean(struct redshift_service *s, struct err *err)
{
	struct cleaning own = {s, s->dir};
	struct err why = {0};

	if (s->catalog == NULL || s->read_only) {
		return 0;
	}
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		struct cleaning zone = {s, s->zone_dir[z]};
		if (datadir_each(s->zone_dir[z], file_parse, clean_one, &zone, &why) < 0) {
			log_warn("redshift: %s", why.msg);
		}
	}
	return datadir_each(s->dir, file_parse, clean_one, &own, err);
}

/* ---- settings ---- */

static int take_driver(struct redshift_service *s, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf known = BUF_INIT;

	s->driver = sql_driver_find(strcmp(name, "auto") == 0 ? NULL : name);
	if (s->driver != NULL) {
		return 0;
	}
	for (unsigned k = 0; sql_drivers[k] != NULL; k++) {
		buf_printf(&known, "%s%s", k > 0 ? ", " : "", sql_drivers[k]->name);
	}
	return err_set(
		err, EINVAL, "redshift_driver=%s: this build has %s", name, buf_cstr(&known));
}

static int take_setting(
	struct redshift_service *s, const struct engine_setting *set, struct err *err)
{
	static const char *const zones[INSTANCE_ZONES] = {"az.a", "az.b"};

	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (strcmp(set->key, zones[z]) == 0) {
			free(s->zone_dir[z]);
			/* Other services have folders of their own in the zone. */
			if (asprintf(&s->zone_dir[z], "%s/redshift", set->value) < 0) {
				s->zone_dir[z] = NULL;
				return err_set(err, ENOMEM, "out of memory");
			}
			return 0;
		}
	}
	if (strcmp(set->key, "redshift_driver") == 0) {
		return take_driver(s, set->value, err);
	}
	return err_set(err, EINVAL,
		"redshift has no setting '%s'; it knows redshift_driver, az.a and az.b", set->key);
}

static int take_settings(
	struct redshift_service *s, const struct engine_config *config, struct err *err)
{
	int rc = 0;

	s->driver = sql_driver_find(NULL);
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

static struct redshift_service *service_new(const struct engine_config *config)
{
	struct redshift_service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	TAILQ_INIT(&s->clusters);
	TAILQ_INIT(&s->copies);
	pthread_mutex_init(&s->ddl, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->moved, NULL);
	s->dir_fd = -1;
	s->read_only = config->read_only;
	s->host = config->host;
	return s;
}

static void service_close(struct redshift_service *s)
{
	redshift_keeper_stop(s);
	redshift_clusters_close(s);
	redshift_keeper_free(s);
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

static int claim_zones(struct redshift_service *s, struct err *err)
{
	struct zones zones = {
		.service = "redshift",
		.what = "clusters",
		.kind = 'i',
		.dir = s->dir,
		.zone_dir = {s->zone_dir[0], s->zone_dir[1]},
		.read_only = s->read_only,
		.has_own = !TAILQ_EMPTY(&s->clusters),
	};

	return zones_claim(&zones, err);
}

static int open_dir(struct redshift_service *s, const char *dir, struct err *err)
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
	struct redshift_service *s, const struct engine_config *config, struct err *err)
{
	int rc = open_dir(s, config->dir, err);

	rc = rc < 0 ? rc : datadir_check_catalog(s->dir, file_parse, "clusters", err);
	rc = rc < 0 ? rc : redshift_catalog_open(s, err);
	rc = rc < 0 ? rc : redshift_clusters_load(s, err);
	rc = rc < 0 ? rc : take_settings(s, config, err);
	if (rc == 0 && s->catalog != NULL) {
		rc = datadir_make_tmp(s->dir_fd, s->dir, err);
	}
	rc = rc < 0 ? rc : claim_zones(s, err);
	rc = rc < 0 ? rc : clean(s, err);
	return rc < 0 ? rc : redshift_keeper_start(s, err);
}

int redshift_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct redshift *x = calloc(1, sizeof(*x));
	struct redshift_service *s = service_new(config);

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

void redshift_close(void *ctx)
{
	struct redshift *x = ctx;

	if (x->view != NULL) {
		redshift_view_close(x);
	} else {
		service_close(x->service);
	}
	free(x);
}
