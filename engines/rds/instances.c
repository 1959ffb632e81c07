/* Instances in use: what is opened for one, in which words it refuses, what comes, changes and
 * goes. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"

/* ---- the list ---- */

static struct rds_instance *instance_new(struct rds_service *s, const struct rds_def *def)
{
	struct rds_instance *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		return NULL;
	}
	cluster_init(&i->base, &s->base, i->def.name, def->stopped ? RDS_STOPPED : RDS_AVAILABLE);
	i->service = s;
	i->def = *def;
	return i;
}

static void close_store(struct rds_instance *i)
{
	rds_source_close(i->source);
	instance_close(i->store);
	i->source = NULL;
	i->store = NULL;
}

void rds_instance_free(struct cluster *base)
{
	struct rds_instance *i = (struct rds_instance *)base;

	close_store(i);
	cluster_finish(base);
	free(i->file);
	free(i);
}

static int load_one(void *arg, const struct rds_def *def, struct err *err)
{
	struct rds_service *s = arg;
	struct rds_instance *i = instance_new(s, def);

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_insert(&s->base, &i->base);
	return 0;
}

int rds_instances_load(struct rds_service *s, struct err *err)
{
	return rds_catalog_each(s, load_one, s, err);
}

int rds_instances_attach(struct rds_service *s, const char *name, const char *file, struct err *err)
{
	struct rds_def def = {.pending_multi_az = RDS_NOT_PENDING,
		.pending_retention = RDS_NOT_PENDING,
		.created_ns = clock_wall_ns()};

	if (clusters_taken(&s->base, slice_of(name))) {
		return err_set(err, EEXIST,
			"rds.%s=%s: DBInstanceAlreadyExists: there is an instance of that name",
			name, file);
	}
	snprintf(def.name, sizeof(def.name), "%s", name);
	struct rds_instance *i = instance_new(s, &def);
	if (i == NULL || (i->file = strdup(file)) == NULL) {
		free(i);
		return err_set(err, ENOMEM, "out of memory");
	}
	clusters_insert(&s->base, &i->base);
	return 0;
}

/* ---- finding, counting ---- */

int rds_find(struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err)
{
	struct cluster *c = clusters_find(&s->base, name, false);

	if (c == NULL) {
		return rds_no_instance(name, err);
	}
	*out = (struct rds_instance *)c;
	return 0;
}

struct rds_instance *rds_find_id(struct rds_service *s, uint64_t id)
{
	LOCKED(&s->base.lock);
	struct cluster *c;

	TAILQ_FOREACH (c, &s->base.list, link) {
		struct rds_instance *i = (struct rds_instance *)c;
		if (i->def.id == id && i->file == NULL) {
			c->refs++;
			return i;
		}
	}
	return NULL;
}

void rds_def_now(struct rds_instance *i, struct rds_def *out)
{
	LOCKED(&i->service->base.lock);
	*out = i->def;
}

/* ---- opening ---- */

void rds_config_init(struct rds_config *c, struct rds_service *s, uint64_t id, const char *name)
{
	*c = (struct rds_config){0};
	clusters_config_fill(&s->base, id, &c->id, &c->config);
	snprintf(c->label, sizeof(c->label), "instance %s", name);
	c->config.label = c->label;
	rds_instance_config_fill(&c->config);
}

/* Rows changed by something else than a write of the front to that very row. */
static void tell_changed(void *arg, const char *table, const struct slice *key)
{
	struct rds_instance *i = arg;
	char name[RDS_NAME_MAX + 1];
	struct epath path = {.depth = 1};

	cluster_name_now(&i->base, name);
	path.key[0] = slice_of(name);
	if (table != NULL) {
		path = epath_child(&path, slice_of(table));
	}
	if (table != NULL && key != NULL) {
		path = epath_child(&path, *key);
	}
	clusters_tell(i->base.all, &path);
}

static int open_file(struct rds_instance *i, const struct rds_def *def, struct err *err)
{
	struct rds_file_config config = {
		.path = i->file,
		.label = def->name,
		.read_only = i->service->base.read_only,
		.changed = tell_changed,
		.arg = i,
	};

	return rds_source_file(&config, &i->source, err);
}

static int open_instance(struct rds_instance *i, const struct rds_def *def, struct err *err)
{
	struct rds_config config = {0};

	rds_config_init(&config, i->service, def->id, def->name);
	config.config.event = rds_store_event;
	config.config.arg = i;
	int rc = instance_open(&config.config, &i->store, err);
	if (rc < 0) {
		return rc;
	}
	struct rds_instance_source source = {
		.store = i->store,
		.label = def->name,
		.created_ns = def->created_ns,
		.changed = tell_changed,
		.arg = i,
	};
	rc = rds_source_instance(&source, &i->source, err);
	if (rc < 0) {
		close_store(i);
	}
	return rc;
}

int rds_instance_open(struct cluster *base, struct err *err)
{
	struct rds_instance *i = (struct rds_instance *)base;
	struct rds_def def;

	rds_def_now(i, &def);
	return i->file != NULL ? open_file(i, &def, err) : open_instance(i, &def, err);
}

void rds_instance_shut(struct cluster *base)
{
	close_store((struct rds_instance *)base);
}

/* ---- entering ---- */

int rds_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err)
{
	if (why == CLUSTER_GONE) {
		return rds_no_instance(slice_of(c->name), err);
	}
	if (why == CLUSTER_IN_USE) {
		return err_set(err, EBUSY,
			"instance %s: %u reads or writes have not ended within %u seconds", c->name,
			c->users, c->all->kind->empty_s);
	}
	return err_set(err, EBUSY,
		"InvalidDBInstanceState: Instance %s is not in available state: it is %s%s",
		c->name, rds_state_names[c->state],
		c->state == RDS_STOPPED ? "; 'start' in its .control starts it" : "");
}

static int enter(struct rds_instance *i, bool any, struct rds_source **out, struct err *err)
{
	int rc = cluster_enter(&i->base, any, err);

	if (rc >= 0) {
		*out = i->source;
	}
	return rc < 0 ? rc : 0;
}

int rds_enter(struct rds_instance *i, struct rds_source **out, struct err *err)
{
	return enter(i, false, out, err);
}

int rds_enter_any(struct rds_instance *i, struct rds_source **out, struct err *err)
{
	return enter(i, true, out, err);
}

/* ---- coming and going ---- */

static int name_taken(struct slice name, struct err *err)
{
	return err_set(err, EEXIST, "DBInstanceAlreadyExists: DB instance already exists: %.*s",
		(int)name.n, name.p);
}

int rds_check_free(struct rds_service *s, struct slice name, struct err *err)
{
	return clusters_taken(&s->base, name) ? name_taken(name, err) : 0;
}

static struct rds_instance *reserved_new(struct rds_service *s, struct slice name, uint64_t id)
{
	struct rds_def def = {
		.id = id,
		.pending_multi_az = RDS_NOT_PENDING,
		.pending_retention = RDS_NOT_PENDING,
		.created_ns = clock_wall_ns(),
	};

	snprintf(def.name, sizeof(def.name), "%.*s", (int)name.n, name.p);
	snprintf(def.engine_version, sizeof(def.engine_version), "%s", sqlite3_libversion());
	return instance_new(s, &def);
}

int rds_reserve_id(struct rds_service *s, struct slice name, uint64_t id, struct rds_instance **out,
	struct err *err)
{
	struct rds_instance *i = reserved_new(s, name, id);

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (!clusters_reserve(&s->base, &i->base)) {
		rds_instance_free(&i->base);
		return name_taken(name, err);
	}
	*out = i;
	return 0;
}

int rds_reserve(
	struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err)
{
	uint64_t id = 0;

	int rc = identifier_check("DBInstanceIdentifier", name, RDS_NAME_MAX, err);
	rc = rc < 0 ? rc : rds_check_free(s, name, err);
	rc = rc < 0 ? rc : rds_catalog_next_id(s, &id, err);
	return rc < 0 ? rc : rds_reserve_id(s, name, id, out, err);
}

void rds_renamed(struct rds_instance *i, struct slice name)
{
	LOCKED(&i->service->base.lock);

	TAILQ_REMOVE(&i->base.all->list, &i->base, link);
	snprintf(i->def.name, sizeof(i->def.name), "%.*s", (int)name.n, name.p);
	clusters_insert(i->base.all, &i->base);
}

int rds_save(struct rds_instance *i, const struct rds_def *def, struct err *err)
{
	int rc = rds_catalog_put(i->service, def, err);

	if (rc == 0) {
		LOCKED(&i->service->base.lock);
		i->def = *def;
	}
	return rc;
}
