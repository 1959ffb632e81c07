/* Clusters in use: what is opened for one, in which words it refuses, what comes, changes and
 * goes. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

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
	cluster_init(
		&c->base, &s->base, c->def.name, def->stopped ? DOCDB_STOPPED : DOCDB_AVAILABLE);
	c->service = s;
	c->def = *def;
	pthread_mutex_init(&c->settling, NULL);
	atomic_init(&c->moves, 1);
	return c;
}

static void close_store(struct docdb_cluster *c)
{
	docdb_source_close(c->source);
	instance_close(c->store);
	c->source = NULL;
	c->store = NULL;
}

void docdb_cluster_free(struct cluster *base)
{
	struct docdb_cluster *c = (struct docdb_cluster *)base;

	close_store(c);
	pthread_mutex_destroy(&c->settling);
	cluster_finish(base);
	free(c);
}

static int load_one(void *arg, const struct docdb_def *def, struct err *err)
{
	struct docdb_service *s = arg;
	struct docdb_cluster *c = cluster_new(s, def);

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_insert(&s->base, &c->base);
	return 0;
}

int docdb_clusters_load(struct docdb_service *s, struct err *err)
{
	return docdb_catalog_each(s, load_one, s, err);
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
	struct cluster *c = clusters_find(&s->base, name, false);

	if (c == NULL) {
		return docdb_no_cluster(name, err);
	}
	*out = (struct docdb_cluster *)c;
	return 0;
}

void docdb_def_now(struct docdb_cluster *c, struct docdb_def *out)
{
	LOCKED(&c->service->base.lock);
	*out = c->def;
}

/* ---- opening ---- */

void docdb_config_init(
	struct docdb_config *c, struct docdb_service *s, uint64_t id, const char *name)
{
	*c = (struct docdb_config){0};
	clusters_config_fill(&s->base, id, &c->id, &c->config);
	snprintf(c->label, sizeof(c->label), "cluster %s", name);
	c->config.label = c->label;
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

int docdb_cluster_open(struct cluster *base, struct err *err)
{
	struct docdb_cluster *c = (struct docdb_cluster *)base;
	struct docdb_def def;

	docdb_def_now(c, &def);
	return open_instance(c, &def, err);
}

void docdb_cluster_shut(struct cluster *base)
{
	close_store((struct docdb_cluster *)base);
}

/* ---- entering ---- */

int docdb_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err)
{
	if (why == CLUSTER_GONE) {
		return docdb_no_cluster(slice_of(c->name), err);
	}
	if (why == CLUSTER_IN_USE) {
		return err_set(err, EBUSY,
			"cluster %s: %u reads or writes have not ended within %u seconds", c->name,
			c->users, c->all->kind->empty_s);
	}
	return err_set(err, EBUSY,
		"InvalidDBClusterStateFault: cluster %s is not available: it is %s%s", c->name,
		docdb_state_names[c->state],
		c->state == DOCDB_STOPPED ? "; 'start' in its .control starts it" : "");
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
	int rc = cluster_enter(&c->base, any, err);

	if (rc >= 0) {
		settle(c);
	}
	return rc < 0 ? rc : 0;
}

int docdb_enter(struct docdb_cluster *c, struct err *err)
{
	return enter(c, false, err);
}

int docdb_enter_any(struct docdb_cluster *c, struct err *err)
{
	return enter(c, true, err);
}

int docdb_step_begin(struct docdb_cluster *c, enum docdb_state state, struct err *err)
{
	int rc = clusters_check_writable(&c->service->base, err);

	rc = rc < 0 ? rc : cluster_state_begin(&c->base, state, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_enter_any(c, err);
	if (rc < 0) {
		cluster_state_set(&c->base, DOCDB_AVAILABLE);
	}
	return rc;
}

void docdb_step_end(struct docdb_cluster *c)
{
	cluster_leave(&c->base);
	cluster_state_set(&c->base, DOCDB_AVAILABLE);
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
	if (!clusters_reserve(&s->base, &c->base)) {
		docdb_cluster_free(&c->base);
		return err_set(err, EEXIST, "DBClusterAlreadyExistsFault: there is a cluster %.*s",
			(int)name.n, name.p);
	}
	*out = c;
	return 0;
}

int docdb_change(struct docdb_cluster *c, docdb_change_fn *change, uint64_t value, struct err *err)
{
	struct docdb_def def;

	int rc = clusters_check_writable(&c->service->base, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->service->base.ddl);
	docdb_def_now(c, &def);
	change(&def, value);
	rc = docdb_catalog_set(c->service, &def, err);
	if (rc == 0) {
		LOCKED(&c->service->base.lock);
		change(&c->def, value);
	}
	return rc;
}

void docdb_roles_changed(struct docdb_cluster *c, const char *writer, const char *target)
{
	LOCKED(&c->service->base.lock);

	memmove(c->def.writer, writer, strlen(writer) + 1);
	memmove(c->def.target, target, strlen(target) + 1);
}
