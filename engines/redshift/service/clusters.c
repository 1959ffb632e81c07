/* Clusters in use: what is opened for one, in which words it refuses, what comes, changes and
 * goes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

static const char *const state_names[] = {
	[REDSHIFT_AVAILABLE] = "available",
	[REDSHIFT_CREATING] = "creating",
	[REDSHIFT_DELETING] = "deleting",
	[REDSHIFT_FINAL_SNAPSHOT] = "final-snapshot",
	[REDSHIFT_SNAPSHOTTING] = "available",
	[REDSHIFT_MODIFYING] = "modifying",
	[REDSHIFT_RESIZING] = "resizing",
	[REDSHIFT_CANCELLING_RESIZE] = "cancelling-resize",
	[REDSHIFT_PAUSED] = "paused",
	[REDSHIFT_REBOOTING] = "rebooting",
};

/* ---- the list ---- */

static struct redshift_cluster *cluster_new(
	struct redshift_service *s, const struct redshift_def *def)
{
	struct redshift_cluster *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->sizes = redshift_sizes_new(s, def->id)) == NULL) {
		free(c);
		return NULL;
	}
	cluster_init(&c->base, &s->base, c->def.name,
		def->paused ? REDSHIFT_PAUSED : REDSHIFT_AVAILABLE);
	c->service = s;
	c->def = *def;
	pthread_mutex_init(&c->changing, NULL);
	return c;
}

void redshift_cluster_free(struct cluster *base)
{
	struct redshift_cluster *c = (struct redshift_cluster *)base;

	rs_cluster_close(c->rs);
	redshift_sizes_free(c->sizes);
	pthread_mutex_destroy(&c->changing);
	cluster_finish(base);
	free(c);
}

static int load_one(void *arg, const struct redshift_def *def, struct err *err)
{
	struct redshift_service *s = arg;
	struct redshift_cluster *c = cluster_new(s, def);

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_insert(&s->base, &c->base);
	return 0;
}

int redshift_clusters_load(struct redshift_service *s, struct err *err)
{
	return redshift_catalog_each(s, load_one, s, err);
}

/* ---- finding, counting ---- */

int redshift_no_cluster(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "ClusterNotFound: there is no cluster %.*s",
		(int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

int redshift_find(struct redshift_service *s, struct slice name, struct redshift_cluster **out,
	struct err *err)
{
	struct cluster *c = clusters_find(&s->base, name, false);

	if (c == NULL) {
		return redshift_no_cluster(name, err);
	}
	*out = (struct redshift_cluster *)c;
	return 0;
}

void redshift_def_now(struct redshift_cluster *c, struct redshift_def *out)
{
	LOCKED(&c->service->base.lock);
	*out = c->def;
}

const char *redshift_state_text(struct redshift_cluster *c, char *why, size_t size)
{
	LOCKED(&c->service->base.lock);

	snprintf(why, size, "%s", c->failure);
	if (c->base.state == REDSHIFT_AVAILABLE && sql_driver_find(c->def.driver) == NULL) {
		snprintf(why, size, "the cluster " SQL_NO_DRIVER, c->def.driver);
		return "incompatible-restore";
	}
	if (c->base.state == REDSHIFT_AVAILABLE && (atomic_load(&c->trouble) || why[0] != '\0')) {
		return "hardware-failure";
	}
	return state_names[c->base.state];
}

/* ---- what it is opened with ---- */

static void on_event(void *arg, const char *text)
{
	redshift_event(arg, "%s", text);
}

static void on_changed(void *arg, const struct slice *key)
{
	redshift_tell_changed(arg, key);
}

static void on_failed(void *arg, const char *text)
{
	struct redshift_cluster *c = arg;

	log_error("redshift: cluster %s: %s", c->def.name, text);
	redshift_event(c, "%s", text);
	atomic_store(&c->trouble, true);
}

static int node_dirs(struct redshift_config *c, const struct redshift_service *s,
	const struct redshift_def *def, struct err *err)
{
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (asprintf(&c->dir[z], "%s/n%llu", s->base.zone_dir[z],
			    (unsigned long long)def->id) < 0) {
			c->dir[z] = NULL;
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	return 0;
}

int redshift_config_init(struct redshift_config *c, struct redshift_service *s,
	const struct redshift_def *def, struct err *err)
{
	*c = (struct redshift_config){0};
	clusters_config_fill(&s->base, def->id, &c->id, &c->leader);
	snprintf(c->label, sizeof(c->label), "cluster %s", def->name);
	c->leader.label = c->label;
	int rc = node_dirs(c, s, def, err);
	c->config.driver = sql_driver_find(def->driver);
	if (rc == 0 && c->config.driver == NULL) {
		rc = err_set(err, ENOTSUP, "cluster %s " SQL_NO_DRIVER, def->name, def->driver);
	}
	c->config.label = def->name;
	c->config.tmp = s->base.tmp;
	c->config.leader = &c->leader;
	c->config.dir = c->dir[0];
	c->config.mirror = c->dir[1];
	c->config.read_only = s->base.read_only;
	return rc;
}

void redshift_config_finish(struct redshift_config *c)
{
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		free(c->dir[z]);
		c->dir[z] = NULL;
	}
}

void redshift_destroy_files(struct redshift_service *s, const struct redshift_def *def)
{
	const char *const dirs[] = {s->base.dir, s->base.zone_dir[0], s->base.zone_dir[1]};

	for (unsigned k = 0; k < sizeof(dirs) / sizeof(dirs[0]); k++) {
		for (const char *kind = "in"; *kind != '\0'; kind++) {
			CLEANUP(buf_free) struct buf path = BUF_INIT;
			buf_printf(&path, "%s/%c%llu", dirs[k], *kind, (unsigned long long)def->id);
			redshift_remove_dir(buf_cstr(&path));
		}
	}
}

/* ---- opening, shutting; under opening ---- */

static int open_files(struct redshift_cluster *c, struct err *err)
{
	struct redshift_config config;
	struct redshift_def def;
	struct rs_cluster *rs = NULL;

	redshift_def_now(c, &def);
	int rc = redshift_config_init(&config, c->service, &def, err);
	if (rc < 0) {
		redshift_config_finish(&config);
		return rc;
	}
	config.config.event = on_event;
	config.config.changed = on_changed;
	config.config.failed = on_failed;
	config.config.arg = c;
	/* One that is gone as a whole is made again by the nodes. */
	for (unsigned z = 0; !c->service->base.read_only && z < INSTANCE_ZONES; z++) {
		if (config.dir[z] != NULL && mkdir(config.dir[z], 0700) < 0 && errno != EEXIST) {
			log_warn("redshift: %s: %s", config.dir[z], strerror(errno));
		}
	}
	rc = rs_cluster_open(&config.config, &rs, err);
	redshift_config_finish(&config);
	if (rc == 0 && !c->service->base.read_only) {
		rc = redshift_clean_generations(c, rs, err);
		if (rc < 0) {
			rs_cluster_close(rs);
		}
	}
	if (rc == 0) {
		c->rs = rs;
	}
	return rc;
}

int redshift_cluster_open(struct cluster *base, struct err *err)
{
	struct redshift_cluster *c = (struct redshift_cluster *)base;
	struct err why = {0};

	int rc = c->rs != NULL ? 0 : open_files(c, &why);
	LOCKED(&c->service->base.lock);
	if (rc < 0) {
		snprintf(c->failure, sizeof(c->failure), "%.500s", why.msg);
		return err_set(err, why.code, "%s", why.msg);
	}
	c->failure[0] = '\0';
	atomic_store(&c->trouble, false);
	return 0;
}

void redshift_cluster_shut(struct cluster *base)
{
	struct redshift_cluster *c = (struct redshift_cluster *)base;

	rs_cluster_close(c->rs);
	c->rs = NULL;
}

/* ---- entering ---- */

static int wrong_state(const struct cluster *c, struct err *err)
{
	const char *why = c->state == REDSHIFT_SNAPSHOTTING ? ", and a snapshot is being made"
			  : c->state == REDSHIFT_PAUSED	    ? ": say 'resume' in its .control first"
							    : "";

	return err_set(err, EBUSY, "InvalidClusterState: cluster %s is %s%s", c->name,
		state_names[c->state], why);
}

int redshift_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err)
{
	switch (why) {
	case CLUSTER_STATE: return wrong_state(c, err);
	case CLUSTER_GATED:
		return err_set(err, EBUSY,
			"InvalidClusterState: cluster %s was closed for %u seconds", c->name,
			c->all->kind->wait_s);
	case CLUSTER_IN_USE:
		return err_set(err, EBUSY,
			"InvalidClusterState: cluster %s: %u queries or loads have not ended "
			"within %u seconds",
			c->name, c->users, c->all->kind->empty_s);
	case CLUSTER_GONE: break;
	}
	return redshift_no_cluster(slice_of(c->name), err);
}

static int enter(struct redshift_cluster *c, bool any, struct err *err)
{
	int rc = cluster_enter(&c->base, any, err);

	return rc < 0 ? rc : 0;
}

int redshift_enter(struct redshift_cluster *c, struct err *err)
{
	return enter(c, false, err);
}

int redshift_enter_any(struct redshift_cluster *c, struct err *err)
{
	return enter(c, true, err);
}

/* ---- states ---- */

void redshift_state_end(struct redshift_cluster *c)
{
	LOCKED(&c->service->base.lock);
	c->base.state = c->def.paused ? REDSHIFT_PAUSED : REDSHIFT_AVAILABLE;
}

int redshift_step_begin(struct redshift_cluster *c, enum redshift_state state, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	rc = rc < 0 ? rc : cluster_state_begin(&c->base, state, 0, err);
	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&c->changing);
	rc = redshift_enter(c, err);
	if (rc < 0) {
		pthread_mutex_unlock(&c->changing);
		redshift_state_end(c);
	}
	return rc;
}

void redshift_step_end(struct redshift_cluster *c)
{
	cluster_leave(&c->base);
	pthread_mutex_unlock(&c->changing);
	redshift_state_end(c);
}

/* ---- coming, changing, going ---- */

int redshift_reserve(struct redshift_service *s, const struct redshift_def *like,
	struct redshift_cluster **out, struct err *err)
{
	struct slice name = slice_of(like->name);
	struct redshift_def def = *like;

	def.created_ns = clock_wall_ns();
	int rc = identifier_check("ClusterIdentifier", name, REDSHIFT_NAME_MAX, err);
	rc = rc < 0 ? rc : redshift_catalog_id(s, &def.id, err);
	if (rc < 0) {
		return rc;
	}
	struct redshift_cluster *c = cluster_new(s, &def);
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (!clusters_reserve(&s->base, &c->base)) {
		redshift_cluster_free(&c->base);
		return err_set(
			err, EEXIST, "ClusterAlreadyExists: there is a cluster %s", like->name);
	}
	*out = c;
	return 0;
}

int redshift_change(struct redshift_cluster *c, redshift_change_fn *change,
	const struct redshift_def *with, struct err *err)
{
	struct redshift_def def;

	int rc = clusters_check_writable(&c->service->base, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->base.ddl);
	redshift_def_now(c, &def);
	change(&def, with);
	rc = redshift_catalog_set(c->service, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->base.lock);
		change(&c->def, with);
	}
	return rc;
}
