/* Clusters in use: found by name, counted, opened when first needed. There are so few
 * that a sorted list will do. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

/* How long a step that needs a cluster closed waits for those who read or write. */
#define SHUT_SECONDS 15

/* In these its documents are served. */
#define SERVING                                                                                    \
	(DOCDB_FROM(DOCDB_AVAILABLE) | DOCDB_FROM(DOCDB_BACKING_UP) |                              \
		DOCDB_FROM(DOCDB_FAILING_OVER) | DOCDB_FROM(DOCDB_MODIFYING))

const char *const docdb_state_names[] = {
	[DOCDB_AVAILABLE] = "available",
	[DOCDB_BACKING_UP] = "backing-up",
	[DOCDB_CREATING] = "creating",
	[DOCDB_DELETING] = "deleting",
	[DOCDB_FAILED] = "failed",
	[DOCDB_FAILING_OVER] = "failing-over",
	[DOCDB_MODIFYING] = "modifying",
	[DOCDB_STARTING] = "starting",
	[DOCDB_STOPPED] = "stopped",
	[DOCDB_STOPPING] = "stopping",
};

/* ---- the list ---- */

static struct docdb_cluster *cluster_new(struct docdb_service *s, const struct docdb_def *def)
{
	struct docdb_cluster *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	c->service = s;
	c->def = *def;
	c->state = def->stopped ? DOCDB_STOPPED : DOCDB_AVAILABLE;
	pthread_mutex_init(&c->opening, NULL);
	pthread_mutex_init(&c->settling, NULL);
	atomic_init(&c->moves, 1);
	return c;
}

static void cluster_free(struct docdb_cluster *c)
{
	pthread_mutex_destroy(&c->settling);
	pthread_mutex_destroy(&c->opening);
	free(c);
}

/* Under the lock. */
static void insert(struct docdb_cluster *c)
{
	struct docdb_cluster_list *list = &c->service->clusters;
	struct docdb_cluster *other;

	TAILQ_FOREACH (other, list, link) {
		if (strcmp(other->def.name, c->def.name) > 0) {
			TAILQ_INSERT_BEFORE(other, c, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(list, c, link);
}

/* Under the lock; one that is being made, too. */
static struct docdb_cluster *find(struct docdb_service *s, struct slice name)
{
	struct docdb_cluster *c;

	TAILQ_FOREACH (c, &s->clusters, link) {
		if (slice_is(name, c->def.name)) {
			return c;
		}
	}
	return NULL;
}

static int load_one(void *arg, const struct docdb_def *def, struct err *err)
{
	struct docdb_cluster *c = cluster_new(arg, def);

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	insert(c);
	return 0;
}

int docdb_clusters_load(struct docdb_service *s, struct err *err)
{
	return docdb_catalog_each(s, load_one, s, err);
}

/* Nobody uses it. */
static void close_store(struct docdb_cluster *c)
{
	docdb_source_close(c->source);
	instance_close(c->store);
	c->source = NULL;
	c->store = NULL;
}

void docdb_clusters_close(struct docdb_service *s)
{
	struct docdb_cluster *c;

	while ((c = TAILQ_FIRST(&s->clusters)) != NULL) {
		TAILQ_REMOVE(&s->clusters, c, link);
		close_store(c);
		cluster_free(c);
	}
}

/* ---- finding, counting ---- */

int docdb_no_cluster(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBClusterNotFoundFault: there is no cluster %.*s",
		(int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

int docdb_find(
	struct docdb_service *s, struct slice name, struct docdb_cluster **out, struct err *err)
{
	LOCKED(&s->lock);
	struct docdb_cluster *c = find(s, name);

	if (c == NULL || c->state == DOCDB_CREATING) {
		return docdb_no_cluster(name, err);
	}
	c->refs++;
	*out = c;
	return 0;
}

struct docdb_cluster *docdb_next(struct docdb_service *s, struct slice after)
{
	LOCKED(&s->lock);
	struct docdb_cluster *c;

	TAILQ_FOREACH (c, &s->clusters, link) {
		if (c->state != DOCDB_CREATING && slice_compare(slice_of(c->def.name), after) > 0) {
			c->refs++;
			return c;
		}
	}
	return NULL;
}

struct docdb_cluster *docdb_hold(struct docdb_cluster *c)
{
	LOCKED(&c->service->lock);
	c->refs++;
	return c;
}

void docdb_put(struct docdb_cluster *c)
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

void docdb_def_now(struct docdb_cluster *c, struct docdb_def *out)
{
	LOCKED(&c->service->lock);
	*out = c->def;
}

enum docdb_state docdb_state_now(struct docdb_cluster *c)
{
	LOCKED(&c->service->lock);
	return c->state;
}

bool docdb_is_gone(struct docdb_cluster *c)
{
	LOCKED(&c->service->lock);
	return c->gone;
}

/* ---- opening ---- */

void docdb_config_init(
	struct docdb_config *c, struct docdb_service *s, uint64_t id, const char *name)
{
	static const char *const zones[INSTANCE_ZONES] = {"a", "b"};

	*c = (struct docdb_config){.config = {.dir = s->dir, .id = c->id_text, .label = c->label}};
	snprintf(c->id_text, sizeof(c->id_text), "c%llu", (unsigned long long)id);
	snprintf(c->label, sizeof(c->label), "cluster %s", name);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		c->config.zone[z].name = zones[z];
		c->config.zone[z].dir = s->zone_dir[z];
	}
	docdb_instance_config(&c->config);
}

/* Documents changed by something else than a write of the front to that very document. */
static void tell_changed(void *arg, const struct slice *collection, const struct slice *name)
{
	struct epath path = {0};

	if (collection != NULL) {
		path = epath_child(&path, *collection);
	}
	if (collection != NULL && name != NULL) {
		path = epath_child(&path, *name);
	}
	docdb_tell_changed(arg, &path);
}

static int open_instance(struct docdb_cluster *c, const struct docdb_def *def, struct err *err)
{
	struct docdb_config config;
	struct docdb_source_config source = {c->def.name, tell_changed, c};

	docdb_config_init(&config, c->service, def->id, def->name);
	config.config.event = docdb_store_event;
	config.config.arg = c;
	int rc = instance_open(&config.config, &c->store, err);
	rc = rc < 0 ? rc : docdb_source_instance(c->store, &source, &c->source, err);
	if (rc < 0) {
		close_store(c);
	}
	return rc;
}

/* With a user counted, so that nobody closes it meanwhile. */
static int open_store(struct docdb_cluster *c, struct err *err)
{
	LOCKED(&c->opening);
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = c->source != NULL ? 0 : open_instance(c, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->lock);
		c->open = true;
	}
	return rc;
}

/* ---- states ---- */

/* Under the lock. */
static int wrong_state(const struct docdb_cluster *c, struct err *err)
{
	return err_set(err, EBUSY,
		"InvalidDBClusterStateFault: cluster %s is not available: it is %s%s", c->def.name,
		docdb_state_names[c->state],
		c->state == DOCDB_STOPPED ? "; 'start' in its .control starts it" : "");
}

static int count_user(struct docdb_cluster *c, bool any, bool *open, struct err *err)
{
	LOCKED(&c->service->lock);

	if (c->gone) {
		return docdb_no_cluster(slice_of(c->def.name), err);
	}
	if (!any && (DOCDB_FROM(c->state) & SERVING) == 0) {
		return wrong_state(c, err);
	}
	c->users++;
	*open = c->open;
	return 0;
}

/* Who writes is for people to read: documents are served all the same. */
static void settle(struct docdb_cluster *c)
{
	struct err why = {0};

	if (atomic_load(&c->settled) != atomic_load(&c->moves) &&
		docdb_settle_writer(c, &why) < 0) {
		log_warn("docdb: cluster %s: %s", c->def.name, why.msg);
	}
}

static int enter(struct docdb_cluster *c, bool any, struct err *err)
{
	bool open = false;

	int rc = count_user(c, any, &open, err);
	if (rc < 0) {
		return rc;
	}
	rc = open ? 0 : open_store(c, err);
	if (rc < 0) {
		docdb_leave(c);
		return rc;
	}
	settle(c);
	return 0;
}

int docdb_enter(struct docdb_cluster *c, struct err *err)
{
	return enter(c, false, err);
}

int docdb_enter_any(struct docdb_cluster *c, struct err *err)
{
	return enter(c, true, err);
}

void docdb_leave(struct docdb_cluster *c)
{
	LOCKED(&c->service->lock);

	if (--c->users == 0) {
		pthread_cond_broadcast(&c->service->idle);
	}
}

int docdb_drain(struct docdb_cluster *c, struct err *err)
{
	LOCKED(&c->service->lock);
	struct timespec until;
	int code = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SHUT_SECONDS;
	while (c->users > 0 && code == 0) {
		code = pthread_cond_timedwait(&c->service->idle, &c->service->lock, &until);
	}
	return c->users == 0 ? 0
			     : err_set(err, EBUSY,
				       "cluster %s: %u reads or writes have not ended within %d "
				       "seconds",
				       c->def.name, c->users, SHUT_SECONDS);
}

int docdb_shut(struct docdb_cluster *c, struct err *err)
{
	int rc = docdb_drain(c, err);

	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->opening);
	{
		LOCKED(&c->service->lock);
		c->open = false;
	}
	close_store(c);
	return 0;
}

int docdb_state_begin(struct docdb_cluster *c, enum docdb_state to, unsigned from, struct err *err)
{
	LOCKED(&c->service->lock);

	if (c->gone) {
		return docdb_no_cluster(slice_of(c->def.name), err);
	}
	if ((DOCDB_FROM(c->state) & (from | DOCDB_FROM(DOCDB_AVAILABLE))) == 0) {
		return wrong_state(c, err);
	}
	c->state = to;
	return 0;
}

void docdb_state_end(struct docdb_cluster *c, enum docdb_state to)
{
	LOCKED(&c->service->lock);
	c->state = to;
}

int docdb_step_begin(struct docdb_cluster *c, enum docdb_state state, struct err *err)
{
	int rc = docdb_check_writable(c->service, err);

	rc = rc < 0 ? rc : docdb_state_begin(c, state, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_enter_any(c, err);
	if (rc < 0) {
		docdb_state_end(c, DOCDB_AVAILABLE);
	}
	return rc;
}

void docdb_step_end(struct docdb_cluster *c)
{
	docdb_leave(c);
	docdb_state_end(c, DOCDB_AVAILABLE);
}

/* ---- coming, changing, going ---- */

int docdb_reserve(
	struct docdb_service *s, struct slice name, struct docdb_cluster **out, struct err *err)
{
	struct docdb_def def = {.created_ns = clock_wall_ns(), .allocated = DOCDB_STORAGE_STEP};

	int rc = identifier_check("DBClusterIdentifier", name, DOCDB_NAME_MAX, err);
	rc = rc < 0 ? rc : docdb_catalog_next_id(s, &def.id, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(def.name, sizeof(def.name), "%.*s", (int)name.n, name.p);
	snprintf(def.writer, sizeof(def.writer), "instance-1");
	struct docdb_cluster *c = cluster_new(s, &def);
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->state = DOCDB_CREATING;
	c->refs = 1;
	LOCKED(&s->lock);
	if (find(s, name) != NULL) {
		cluster_free(c);
		return err_set(err, EEXIST, "DBClusterAlreadyExistsFault: there is a cluster %.*s",
			(int)name.n, name.p);
	}
	insert(c);
	*out = c;
	return 0;
}

void docdb_dropped(struct docdb_cluster *c)
{
	LOCKED(&c->service->lock);

	TAILQ_REMOVE(&c->service->clusters, c, link);
	c->gone = true;
}

int docdb_change(struct docdb_cluster *c, docdb_change_fn *change, uint64_t value, struct err *err)
{
	struct docdb_def def;

	int rc = docdb_check_writable(c->service, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->ddl);
	docdb_def_now(c, &def);
	change(&def, value);
	rc = docdb_catalog_set(c->service, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->lock);
		change(&c->def, value);
	}
	return rc;
}

void docdb_roles_changed(struct docdb_cluster *c, const char *writer, const char *target)
{
	LOCKED(&c->service->lock);

	memmove(c->def.writer, writer, strlen(writer) + 1);
	memmove(c->def.target, target, strlen(target) + 1);
}
