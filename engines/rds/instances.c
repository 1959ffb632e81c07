/* Instances in use: found by name, counted, opened when first needed. There are so few
 * that a sorted list will do. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"

/* How long a step that needs an instance closed waits for those who read or write. */
#define SHUT_SECONDS 15

/* In these its rows are served. */
#define SERVING                                                                                    \
	(RDS_FROM(RDS_AVAILABLE) | RDS_FROM(RDS_BACKING_UP) | RDS_FROM(RDS_MAINTENANCE) |          \
		RDS_FROM(RDS_MODIFYING) | RDS_FROM(RDS_REBOOTING) | RDS_FROM(RDS_RENAMING))

/* ---- the list ---- */

static struct rds_instance *instance_new(struct rds_service *s, const struct rds_def *def)
{
	struct rds_instance *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		return NULL;
	}
	i->service = s;
	i->def = *def;
	i->state = def->stopped ? RDS_STOPPED : RDS_AVAILABLE;
	snprintf(i->id_text, sizeof(i->id_text), "i%llu", (unsigned long long)def->id);
	pthread_mutex_init(&i->opening, NULL);
	return i;
}

static void instance_free(struct rds_instance *i)
{
	pthread_mutex_destroy(&i->opening);
	free(i->file);
	free(i);
}

/* Under the lock. */
static void insert(struct rds_instance *i)
{
	struct rds_instance_list *list = &i->service->instances;
	struct rds_instance *other;

	TAILQ_FOREACH (other, list, link) {
		if (strcmp(other->def.name, i->def.name) > 0) {
			TAILQ_INSERT_BEFORE(other, i, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(list, i, link);
}

/* Under the lock; one that is being made, too. */
static struct rds_instance *find(struct rds_service *s, struct slice name)
{
	struct rds_instance *i;

	TAILQ_FOREACH (i, &s->instances, link) {
		if (slice_is(name, i->def.name)) {
			return i;
		}
	}
	return NULL;
}

static int load_one(void *arg, const struct rds_def *def, struct err *err)
{
	struct rds_service *s = arg;
	struct rds_instance *i = instance_new(s, def);

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	insert(i);
	s->n_instances++;
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

	if (find(s, slice_of(name)) != NULL) {
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
	insert(i);
	s->n_instances++;
	return 0;
}

/* Nobody uses it. */
static void close_store(struct rds_instance *i)
{
	rds_source_close(i->source);
	instance_close(i->store);
	i->source = NULL;
	i->store = NULL;
}

void rds_instances_close(struct rds_service *s)
{
	struct rds_instance *i;

	while ((i = TAILQ_FIRST(&s->instances)) != NULL) {
		TAILQ_REMOVE(&s->instances, i, link);
		close_store(i);
		instance_free(i);
	}
}

/* ---- finding, counting ---- */

int rds_find(struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err)
{
	LOCKED(&s->lock);
	struct rds_instance *i = find(s, name);

	if (i == NULL || i->state == RDS_CREATING) {
		return rds_no_instance(name, err);
	}
	i->refs++;
	*out = i;
	return 0;
}

int rds_find_any(
	struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err)
{
	LOCKED(&s->lock);
	struct rds_instance *i = find(s, name);

	if (i == NULL) {
		return rds_no_instance(name, err);
	}
	i->refs++;
	*out = i;
	return 0;
}

struct rds_instance *rds_find_id(struct rds_service *s, uint64_t id)
{
	LOCKED(&s->lock);
	struct rds_instance *i;

	TAILQ_FOREACH (i, &s->instances, link) {
		if (i->def.id == id && i->file == NULL) {
			i->refs++;
			return i;
		}
	}
	return NULL;
}

struct rds_instance *rds_next(struct rds_service *s, struct slice after)
{
	LOCKED(&s->lock);
	struct rds_instance *i;

	TAILQ_FOREACH (i, &s->instances, link) {
		if (i->state != RDS_CREATING && slice_compare(slice_of(i->def.name), after) > 0) {
			i->refs++;
			return i;
		}
	}
	return NULL;
}

struct rds_instance *rds_hold(struct rds_instance *i)
{
	LOCKED(&i->service->lock);
	i->refs++;
	return i;
}

void rds_put(struct rds_instance *i)
{
	if (i == NULL) {
		return;
	}
	pthread_mutex_lock(&i->service->lock);
	bool last = --i->refs == 0 && i->gone;
	pthread_mutex_unlock(&i->service->lock);
	if (last) {
		instance_free(i);
	}
}

void rds_name(struct rds_instance *i, char out[RDS_NAME_MAX + 1])
{
	LOCKED(&i->service->lock);
	memcpy(out, i->def.name, sizeof(i->def.name));
}

void rds_def_now(struct rds_instance *i, struct rds_def *out)
{
	LOCKED(&i->service->lock);
	*out = i->def;
}

enum rds_state rds_state_now(struct rds_instance *i)
{
	LOCKED(&i->service->lock);
	return i->state;
}

/* ---- opening ---- */

void rds_config_init(struct rds_config *c, struct rds_service *s, uint64_t id, const char *name)
{
	static const char *const zones[INSTANCE_ZONES] = {"a", "b"};

	*c = (struct rds_config){.config = {.dir = s->dir, .id = c->id_text, .label = c->label}};
	snprintf(c->id_text, sizeof(c->id_text), "i%llu", (unsigned long long)id);
	snprintf(c->label, sizeof(c->label), "instance %s", name);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		c->config.zone[z].name = zones[z];
		c->config.zone[z].dir = s->zone_dir[z];
	}
	rds_instance_config_fill(&c->config);
}

/* Rows changed by something else than a write of the front to that very row. */
static void tell_changed(void *arg, const char *table, const struct slice *key)
{
	struct rds_instance *i = arg;
	char name[RDS_NAME_MAX + 1];
	struct epath path = {.depth = 1};

	rds_name(i, name);
	path.key[0] = slice_of(name);
	if (table != NULL) {
		path = epath_child(&path, slice_of(table));
	}
	if (table != NULL && key != NULL) {
		path = epath_child(&path, *key);
	}
	rds_changed(i->service, &path);
}

static int open_file(struct rds_instance *i, const struct rds_def *def, struct err *err)
{
	struct rds_file_config config = {
		.path = i->file,
		.label = def->name,
		.read_only = i->service->read_only,
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

/* With a user counted, so that nobody closes it meanwhile. */
static int open_store(struct rds_instance *i, struct err *err)
{
	LOCKED(&i->opening);
	struct rds_def def;

	rds_def_now(i, &def);
	int rc = i->source != NULL ? 0
		 : i->file != NULL ? open_file(i, &def, err)
				   : open_instance(i, &def, err);
	if (rc == 0) {
		LOCKED(&i->service->lock);
		i->open = true;
	}
	return rc;
}

/* ---- states ---- */

static int wrong_state(const struct rds_instance *i, struct err *err)
{
	return err_set(err, EBUSY,
		"InvalidDBInstanceState: Instance %s is not in available state: it is %s%s",
		i->def.name, rds_state_names[i->state],
		i->state == RDS_STOPPED ? "; 'start' in its .control starts it" : "");
}

static int count_user(struct rds_instance *i, bool any, bool *open, struct err *err)
{
	LOCKED(&i->service->lock);

	if (i->gone) {
		return rds_no_instance(slice_of(i->def.name), err);
	}
	if (!any && (RDS_FROM(i->state) & SERVING) == 0) {
		return wrong_state(i, err);
	}
	i->users++;
	*open = i->open;
	return 0;
}

static int enter(struct rds_instance *i, bool any, struct rds_source **out, struct err *err)
{
	bool open = false;

	int rc = count_user(i, any, &open, err);
	if (rc < 0) {
		return rc;
	}
	if (!open && (rc = open_store(i, err)) < 0) {
		rds_leave(i);
		return rc;
	}
	*out = i->source;
	return 0;
}

int rds_enter(struct rds_instance *i, struct rds_source **out, struct err *err)
{
	return enter(i, false, out, err);
}

int rds_enter_any(struct rds_instance *i, struct rds_source **out, struct err *err)
{
	return enter(i, true, out, err);
}

void rds_leave(struct rds_instance *i)
{
	LOCKED(&i->service->lock);

	if (--i->users == 0) {
		pthread_cond_broadcast(&i->service->idle);
	}
}

/* Under the lock. */
static bool users_left(struct rds_instance *i)
{
	struct timespec until;
	int code = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += SHUT_SECONDS;
	while (i->users > 0 && code == 0) {
		code = pthread_cond_timedwait(&i->service->idle, &i->service->lock, &until);
	}
	return i->users > 0;
}

int rds_drain(struct rds_instance *i, struct err *err)
{
	LOCKED(&i->service->lock);

	return users_left(i) ? err_set(err, EBUSY,
				       "instance %s: %u reads or writes have not ended within %d "
				       "seconds",
				       i->def.name, i->users, SHUT_SECONDS)
			     : 0;
}

int rds_shut(struct rds_instance *i, struct err *err)
{
	int rc = rds_drain(i, err);

	if (rc < 0) {
		return rc;
	}
	LOCKED(&i->opening);
	{
		LOCKED(&i->service->lock);
		i->open = false;
	}
	close_store(i);
	return 0;
}

int rds_state_begin(struct rds_instance *i, enum rds_state to, unsigned from, struct err *err)
{
	LOCKED(&i->service->lock);

	if (i->gone) {
		return rds_no_instance(slice_of(i->def.name), err);
	}
	if ((RDS_FROM(i->state) & (from | RDS_FROM(RDS_AVAILABLE))) == 0) {
		return wrong_state(i, err);
	}
	i->state = to;
	return 0;
}

void rds_state_end(struct rds_instance *i, enum rds_state to)
{
	LOCKED(&i->service->lock);
	i->state = to;
}

/* ---- coming and going ---- */

/* Under the lock. */
static int check_free(struct rds_service *s, struct slice name, struct err *err)
{
	return find(s, name) == NULL
		       ? 0
		       : err_set(err, EEXIST,
				 "DBInstanceAlreadyExists: DB instance already exists: %.*s",
				 (int)name.n, name.p);
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
	struct rds_instance *i = instance_new(s, &def);
	if (i != NULL) {
		i->state = RDS_CREATING;
		i->refs = 1;
	}
	return i;
}

int rds_reserve_id(struct rds_service *s, struct slice name, uint64_t id, struct rds_instance **out,
	struct err *err)
{
	struct rds_instance *i = reserved_new(s, name, id);

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_lock(&s->lock);
	int rc = check_free(s, name, err);
	if (rc == 0) {
		insert(i);
		s->n_instances++;
	}
	pthread_mutex_unlock(&s->lock);
	if (rc < 0) {
		instance_free(i);
		return rc;
	}
	*out = i;
	return 0;
}

int rds_reserve(
	struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err)
{
	uint64_t id = 0;

	int rc = identifier_check("DBInstanceIdentifier", name, RDS_NAME_MAX, err);
	if (rc == 0) {
		LOCKED(&s->lock);
		rc = check_free(s, name, err);
	}
	rc = rc < 0 ? rc : rds_catalog_next_id(s, &id, err);
	return rc < 0 ? rc : rds_reserve_id(s, name, id, out, err);
}

void rds_reserved_keep(struct rds_instance *i)
{
	rds_state_end(i, RDS_AVAILABLE);
}

void rds_renamed(struct rds_instance *i, struct slice name)
{
	LOCKED(&i->service->lock);

	TAILQ_REMOVE(&i->service->instances, i, link);
	snprintf(i->def.name, sizeof(i->def.name), "%.*s", (int)name.n, name.p);
	insert(i);
}

void rds_dropped(struct rds_instance *i)
{
	LOCKED(&i->service->lock);

	TAILQ_REMOVE(&i->service->instances, i, link);
	i->service->n_instances--;
	i->gone = true;
}

int rds_save(struct rds_instance *i, const struct rds_def *def, struct err *err)
{
	int rc = rds_catalog_put(i->service, def, err);

	if (rc == 0) {
		LOCKED(&i->service->lock);
		i->def = *def;
	}
	return rc;
}
