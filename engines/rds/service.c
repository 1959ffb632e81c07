/* RDS: opening and closing the service, its directory, what it tells the daemon. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/datadir.h"
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"

/* ---- telling ---- */

static void event_at(const struct rds_service *s, const struct epath *path, unsigned id,
	const char *category, const char *text)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;

	if (id != 0) {
		buf_printf(&line, "RDS-EVENT-%04u ", id);
	}
	buf_printf(&line, "%s: %s", category, text);
	clusters_event(&s->base, path, buf_cstr(&line));
}

void rds_event(struct rds_instance *i, unsigned id, const char *category, const char *fmt, ...)
{
	char name[RDS_NAME_MAX + 1];
	char text[1024];
	va_list ap;

	cluster_name_now(&i->base, name);
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

/* "i12", "s3.db", "p4.db-wal": ours; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "isp", kind, id, &rest) &&
	       (*kind == 'i' ? *rest == '\0' : strncmp(rest, ".db", 3) == 0);
}

static bool has_row(struct clusters *all, char kind, uint64_t id)
{
	return rds_catalog_has((struct rds_service *)all, kind, id);
}

static void destroy_left(struct clusters *all, const char *dir, const char *name, uint64_t id)
{
	struct rds_config config = {0};
	struct err why = {0};

	(void)dir;
	rds_config_init(&config, (struct rds_service *)all, id, name);
	if (instance_destroy(&config.config, &why) < 0) {
		log_warn("rds: %s: %s", name, why.msg);
	}
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

static int take_setting(struct clusters *all, const struct engine_setting *set, struct err *err)
{
	if (strncmp(set->key, "rds.", 4) != 0) {
		return 0;
	}
	int rc = attach((struct rds_service *)all, set->key + 4, set->value, err);
	return rc < 0 ? rc : 1;
}

/* ---- open, close ---- */

static const struct clusters_kind kind = {
	.service = "rds",
	.what = "instances",
	.stores = "i",
	.settings = "az.a, az.b and rds.NAME",
	.creating = RDS_CREATING,
	.serving = RDS_SERVING,
	.empty_s = 15,
	.parse = file_parse,
	.has_row = has_row,
	.destroy = destroy_left,
	.setting = take_setting,
	.open = rds_instance_open,
	.shut = rds_instance_shut,
	.free = rds_instance_free,
	.refuse = rds_refuse,
};

static void service_close(struct rds_service *s)
{
	keeper_stop(&s->keeper);
	past_list_finish(&s->past);
	clusters_finish(&s->base);
	keeper_finish(&s->keeper);
	free(s);
}

/* What was attached by a setting is in no zone. */
static int service_open(struct rds_service *s, const struct engine_config *config, struct err *err)
{
	int rc = clusters_open_dir(&s->base, config->dir, err);

	s->past.tmp = s->base.tmp;
	rc = rc < 0 ? rc : rds_catalog_open(s, err);
	rc = rc < 0 ? rc : rds_instances_load(s, err);
	bool has_own = !TAILQ_EMPTY(&s->base.list);
	rc = rc < 0 ? rc : clusters_open_zones(&s->base, config, has_own, err);
	rc = rc < 0 ? rc : rds_recover(s, err);
	rc = rc < 0 ? rc : clusters_clean(&s->base, err);
	return rc < 0 ? rc : keeper_start(&s->keeper, "rds", err);
}

int rds_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct rds *rds = calloc(1, sizeof(*rds));
	struct rds_service *s = calloc(1, sizeof(*s));

	if (rds == NULL || s == NULL) {
		free(rds);
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_init(&s->base, &kind, config);
	past_list_init(&s->past);
	rds_keeper_init(s);
	s->sync = config->sync;
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
