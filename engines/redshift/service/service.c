/* Redshift: opening and closing the service, its directory, what it tells the daemon. */
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/common/datadir.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

/* ---- telling ---- */

void redshift_tell_changed(struct redshift_cluster *c, const struct slice *key)
{
	struct epath path = {.depth = 1, .key = {slice_of(c->def.name)}};

	if (key != NULL) {
		path = epath_child(&path, *key);
	}
	clusters_tell(c->base.all, &path);
}

void redshift_event(struct redshift_cluster *c, const char *fmt, ...)
{
	struct epath path = {.depth = 1, .key = {slice_of(c->def.name)}};
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clusters_event(c->base.all, &path, text);
}

/* ---- files ---- */

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

/* "i12", "s3", "n12": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "ins", kind, id, &rest) && *rest == '\0';
}

static bool has_row(struct clusters *all, char kind, uint64_t id)
{
	return redshift_catalog_has((struct redshift_service *)all, kind, id);
}

static void destroy_left(struct clusters *all, const char *dir, const char *name, uint64_t id)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	(void)all;
	(void)id;
	buf_printf(&path, "%s/%s", dir, name);
	redshift_remove_dir(buf_cstr(&path));
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

static int take_setting(struct clusters *all, const struct engine_setting *set, struct err *err)
{
	if (strcmp(set->key, "redshift_driver") != 0) {
		return 0;
	}
	int rc = take_driver((struct redshift_service *)all, set->value, err);
	return rc < 0 ? rc : 1;
}

/* ---- open, close ---- */

static const struct clusters_kind kind = {
	.service = "redshift",
	.what = "clusters",
	.stores = "ins",
	.settings = "redshift_driver, az.a and az.b",
	.creating = REDSHIFT_CREATING,
	.serving = ~(CLUSTER_FROM(REDSHIFT_PAUSED) | CLUSTER_FROM(REDSHIFT_DELETING) |
		     CLUSTER_FROM(REDSHIFT_FINAL_SNAPSHOT)),
	.wait_s = 60,
	.empty_s = 30,
	.parse = file_parse,
	.has_row = has_row,
	.destroy = destroy_left,
	.setting = take_setting,
	.open = redshift_cluster_open,
	.shut = redshift_cluster_shut,
	.free = redshift_cluster_free,
	.refuse = redshift_refuse,
};

static void service_close(struct redshift_service *s)
{
	keeper_stop(&s->keeper);
	clusters_finish(&s->base);
	keeper_finish(&s->keeper);
	free(s);
}

static int service_open(
	struct redshift_service *s, const struct engine_config *config, struct err *err)
{
	int rc = clusters_open_dir(&s->base, config->dir, err);

	rc = rc < 0 ? rc : redshift_catalog_open(s, err);
	rc = rc < 0 ? rc : redshift_clusters_load(s, err);
	rc = rc < 0 ? rc : clusters_open_zones(&s->base, config, !TAILQ_EMPTY(&s->base.list), err);
	rc = rc < 0 ? rc : clusters_clean(&s->base, err);
	return rc < 0 || s->base.read_only ? rc : keeper_start(&s->keeper, "redshift", err);
}

int redshift_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct redshift *x = calloc(1, sizeof(*x));
	struct redshift_service *s = calloc(1, sizeof(*s));

	if (x == NULL || s == NULL) {
		free(x);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_init(&s->base, &kind, config);
	TAILQ_INIT(&s->copies);
	redshift_keeper_init(s);
	s->driver = sql_driver_find(NULL);
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
