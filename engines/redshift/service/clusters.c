/* Clusters in use: found by name, counted, opened when first needed. There are so few that a
 * sorted list will do. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

/* How long a step that needs a cluster empty waits for those who read or write, and they for
 * it. */
#define EMPTY_SECONDS 30
#define WAIT_SECONDS  60

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
	c->service = s;
	c->def = *def;
	c->state = def->paused ? REDSHIFT_PAUSED : REDSHIFT_AVAILABLE;
	pthread_mutex_init(&c->changing, NULL);
	pthread_mutex_init(&c->opening, NULL);
	return c;
}

/* Nobody uses it. */
static void cluster_free(struct redshift_cluster *c)
{
	rs_cluster_close(c->rs);
	redshift_sizes_free(c->sizes);
	pthread_mutex_destroy(&c->opening);
	pthread_mutex_destroy(&c->changing);
	free(c);
}

/* Under the lock. */
static void insert(struct redshift_cluster *c)
{
	struct redshift_cluster_list *list = &c->service->clusters;
	struct redshift_cluster *other;

	TAILQ_FOREACH (other, list, link) {
		if (strcmp(other->def.name, c->def.name) > 0) {
			TAILQ_INSERT_BEFORE(other, c, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(list, c, link);
}

/* Under the lock; one that is being made, too. */
static struct redshift_cluster *find(struct redshift_service *s, struct slice name)
{
	struct redshift_cluster *c;

	TAILQ_FOREACH (c, &s->clusters, link) {
		if (slice_is(name, c->def.name)) {
			return c;
		}
	}
	return NULL;
}

static int load_one(void *arg, const struct redshift_def *def, struct err *err)
{
	struct redshift_cluster *c = cluster_new(arg, def);

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	insert(c);
	return 0;
}

int redshift_clusters_load(struct redshift_service *s, struct err *err)
{
	return redshift_catalog_each(s, load_one, s, err);
}

void redshift_clusters_close(struct redshift_service *s)
{
	struct redshift_cluster *c;

	while ((c = TAILQ_FIRST(&s->clusters)) != NULL) {
		TAILQ_REMOVE(&s->clusters, c, link);
		cluster_free(c);
	}
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
	LOCKED(&s->lock);
	struct redshift_cluster *c = find(s, name);

	if (c == NULL || c->state == REDSHIFT_CREATING) {
		return redshift_no_cluster(name, err);
	}
	c->refs++;
	*out = c;
	return 0;
}

struct redshift_cluster *redshift_next(struct redshift_service *s, struct slice after)
{
	LOCKED(&s->lock);
	struct redshift_cluster *c;

	TAILQ_FOREACH (c, &s->clusters, link) {
		if (c->state != REDSHIFT_CREATING &&
			slice_compare(slice_of(c->def.name), after) > 0) {
			c->refs++;
			return c;
		}
	}
	return NULL;
}

struct redshift_cluster *redshift_hold(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);
	c->refs++;
	return c;
}

void redshift_put(struct redshift_cluster *c)
{
	if (c == NULL) {
		return;
	}
	pthread_mutex_lock(&c->service->lock);
	bool last = --c->refs == 0 && c->gone;
	pthread_mutex_unlock(&c->service->lock);
	if (last) {
		cluster_free(c);
	}
}

void redshift_def_now(struct redshift_cluster *c, struct redshift_def *out)
{
	LOCKED(&c->service->lock);
	*out = c->def;
}

bool redshift_is_gone(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);
	return c->gone;
}

const char *redshift_state_text(struct redshift_cluster *c, char *why, size_t size)
{
	LOCKED(&c->service->lock);

	snprintf(why, size, "%s", c->failure);
	if (c->state == REDSHIFT_AVAILABLE && sql_driver_find(c->def.driver) == NULL) {
		snprintf(why, size,
			"the cluster was made with driver %s, which this build does not have",
			c->def.driver);
		return "incompatible-restore";
	}
	if (c->state == REDSHIFT_AVAILABLE && (atomic_load(&c->trouble) || why[0] != '\0')) {
		return "hardware-failure";
	}
	return state_names[c->state];
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
		if (asprintf(&c->dir[z], "%s/n%llu", s->zone_dir[z], (unsigned long long)def->id) <
			0) {
			c->dir[z] = NULL;
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	return 0;
}

int redshift_config_init(struct redshift_config *c, struct redshift_service *s,
	const struct redshift_def *def, struct err *err)
{
	static const char *const names[INSTANCE_ZONES] = {"a", "b"};

	*c = (struct redshift_config){0};
	snprintf(c->id_text, sizeof(c->id_text), "i%llu", (unsigned long long)def->id);
	snprintf(c->label, sizeof(c->label), "cluster %s", def->name);
	c->leader.id = c->id_text;
	c->leader.dir = s->dir;
	c->leader.label = c->label;
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		c->leader.zone[z].name = names[z];
		c->leader.zone[z].dir = s->zone_dir[z];
	}
	int rc = node_dirs(c, s, def, err);
	c->config.driver = sql_driver_find(def->driver);
	if (rc == 0 && c->config.driver == NULL) {
		rc = err_set(err, ENOTSUP,
			"cluster %s was made with driver %s, which this build does not have",
			def->name, def->driver);
	}
	c->config.label = def->name;
	c->config.tmp = s->tmp;
	c->config.leader = &c->leader;
	c->config.dir = c->dir[0];
	c->config.mirror = c->dir[1];
	c->config.read_only = s->read_only;
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
	const char *const dirs[] = {s->dir, s->zone_dir[0], s->zone_dir[1]};

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
	config.config.event = on_event;
	config.config.changed = on_changed;
	config.config.failed = on_failed;
	config.config.arg = c;
	/* One that is gone as a whole is made again by the nodes. */
	for (unsigned z = 0; rc == 0 && !c->service->read_only && z < INSTANCE_ZONES; z++) {
		if (mkdir(config.dir[z], 0700) < 0 && errno != EEXIST) {
			log_warn("redshift: %s: %s", config.dir[z], strerror(errno));
		}
	}
	rc = rc < 0 ? rc : rs_cluster_open(&config.config, &rs, err);
	redshift_config_finish(&config);
	if (rc == 0 && !c->service->read_only) {
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

static int open_now(struct redshift_cluster *c, struct err *err)
{
	struct err why = {0};

	int rc = c->rs != NULL ? 0 : open_files(c, &why);
	LOCKED(&c->service->lock);
	if (rc < 0) {
		snprintf(c->failure, sizeof(c->failure), "%.500s", why.msg);
		return err_set(err, why.code, "%s", why.msg);
	}
	c->failure[0] = '\0';
	atomic_store(&c->trouble, false);
	c->open = true;
	return 0;
}

void redshift_shut(struct redshift_cluster *c)
{
	LOCKED(&c->opening);
	{
		LOCKED(&c->service->lock);
		c->open = false;
	}
	rs_cluster_close(c->rs);
	c->rs = NULL;
}

/* ---- entering ---- */

static struct timespec in_seconds(unsigned seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	return until;
}

/* Under the lock. */
static int wrong_state(const struct redshift_cluster *c, struct err *err)
{
	const char *why = c->state == REDSHIFT_SNAPSHOTTING ? ", and a snapshot is being made"
			  : c->state == REDSHIFT_PAUSED	    ? ": say 'resume' in its .control first"
							    : "";

	return err_set(err, EBUSY, "InvalidClusterState: cluster %s is %s%s", c->def.name,
		state_names[c->state], why);
}

/* Under the lock: while it is closed for a moment. */
static int wait_for_gate(struct redshift_cluster *c, struct err *err)
{
	struct timespec until = in_seconds(WAIT_SECONDS);
	int code = 0;

	while (c->closing && !c->gone && code == 0) {
		code = pthread_cond_timedwait(&c->service->moved, &c->service->lock, &until);
	}
	return !c->closing || c->gone
		       ? 0
		       : err_set(err, EBUSY,
				 "InvalidClusterState: cluster %s was closed for %d seconds",
				 c->def.name, WAIT_SECONDS);
}

/* Under the lock. */
static bool is_shut_off(const struct redshift_cluster *c)
{
	return c->state == REDSHIFT_PAUSED || c->state == REDSHIFT_DELETING ||
	       c->state == REDSHIFT_FINAL_SNAPSHOT;
}

static int count_user(struct redshift_cluster *c, bool any, bool *open, struct err *err)
{
	LOCKED(&c->service->lock);

	int rc = any ? 0 : wait_for_gate(c, err);
	if (rc == 0 && c->gone) {
		rc = redshift_no_cluster(slice_of(c->def.name), err);
	}
	if (rc == 0 && !any && is_shut_off(c)) {
		rc = wrong_state(c, err);
	}
	if (rc == 0) {
		c->users++;
		*open = c->open;
	}
	return rc;
}

static int enter(struct redshift_cluster *c, bool any, struct err *err)
{
	bool open = false;

	int rc = count_user(c, any, &open, err);
	if (rc < 0 || open) {
		return rc;
	}
	{
		LOCKED(&c->opening);
		rc = open_now(c, err);
	}
	if (rc < 0) {
		redshift_leave(c);
	}
	return rc;
}

int redshift_enter(struct redshift_cluster *c, struct err *err)
{
	return enter(c, false, err);
}

int redshift_enter_any(struct redshift_cluster *c, struct err *err)
{
	return enter(c, true, err);
}

bool redshift_enter_now(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);

	if (!c->open || c->closing || c->gone || is_shut_off(c)) {
		return false;
	}
	c->users++;
	return true;
}

void redshift_leave(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);

	if (--c->users == 0 && c->closing) {
		pthread_cond_broadcast(&c->service->moved);
	}
}

int redshift_close_gate(struct redshift_cluster *c, struct err *err)
{
	LOCKED(&c->service->lock);
	struct timespec until = in_seconds(EMPTY_SECONDS);
	int code = 0;

	c->closing = true;
	while (c->users > 0 && code == 0) {
		code = pthread_cond_timedwait(&c->service->moved, &c->service->lock, &until);
	}
	if (c->users == 0) {
		return 0;
	}
	c->closing = false;
	pthread_cond_broadcast(&c->service->moved);
	return err_set(err, EBUSY,
		"InvalidClusterState: cluster %s: %u queries or loads have not ended within %d "
		"seconds",
		c->def.name, c->users, EMPTY_SECONDS);
}

void redshift_open_gate(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);

	c->closing = false;
	pthread_cond_broadcast(&c->service->moved);
}

/* ---- states ---- */

int redshift_state_begin(struct redshift_cluster *c, enum redshift_state to, struct err *err)
{
	LOCKED(&c->service->lock);

	if (c->gone) {
		return redshift_no_cluster(slice_of(c->def.name), err);
	}
	if (c->state != REDSHIFT_AVAILABLE) {
		return wrong_state(c, err);
	}
	c->state = to;
	return 0;
}

void redshift_state_set(struct redshift_cluster *c, enum redshift_state to)
{
	LOCKED(&c->service->lock);
	c->state = to;
}

void redshift_state_end(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);
	c->state = c->def.paused ? REDSHIFT_PAUSED : REDSHIFT_AVAILABLE;
}

int redshift_step_begin(struct redshift_cluster *c, enum redshift_state state, struct err *err)
{
	int rc = redshift_check_writable(c->service, err);

	rc = rc < 0 ? rc : redshift_state_begin(c, state, err);
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
	redshift_leave(c);
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
	c->state = REDSHIFT_CREATING;
	c->refs = 1;
	pthread_mutex_lock(&s->lock);
	bool taken = find(s, name) != NULL;
	if (!taken) {
		insert(c);
	}
	pthread_mutex_unlock(&s->lock);
	if (taken) {
		cluster_free(c);
		return err_set(
			err, EEXIST, "ClusterAlreadyExists: there is a cluster %s", like->name);
	}
	*out = c;
	return 0;
}

void redshift_dropped(struct redshift_cluster *c)
{
	LOCKED(&c->service->lock);

	TAILQ_REMOVE(&c->service->clusters, c, link);
	c->gone = true;
	pthread_cond_broadcast(&c->service->moved);
}

int redshift_change(struct redshift_cluster *c, redshift_change_fn *change,
	const struct redshift_def *with, struct err *err)
{
	struct redshift_def def;

	int rc = redshift_check_writable(c->service, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->ddl);
	redshift_def_now(c, &def);
	change(&def, with);
	rc = redshift_catalog_set(c->service, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->lock);
		change(&c->def, with);
	}
	return rc;
}
