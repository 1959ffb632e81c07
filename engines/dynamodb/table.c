/* Tables in use: found by name, counted, kept open for a while when idle. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>
#include <stdlib.h>

#include "engines/common/log.h"

/* How many stay in memory when nobody uses them. Each open one costs some file
 * descriptors and a page cache. */
#define IDLE_MAX 64

struct ddb_table *ddb_table_new(struct ddb_db *db, const struct ddb_table_def *def)
{
	struct ddb_table *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return NULL;
	}
	t->db = db;
	t->id = def->id;
	t->born = ++db->n_born;
	t->schema = def->schema;
	t->created_ns = def->created_ns;
	memcpy(t->name, def->name, sizeof(t->name));
	pthread_mutex_init(&t->opening, NULL);
	ddb_seen_init(&t->seen);
	ddb_ahead_init(&t->ahead);
	atomic_store(&t->dirty, def->dirty);
	return t;
}

/* The catalog learns the mtime that the table kept itself so far. */
static void settle(struct ddb_table *t, struct store *s)
{
	struct err err = {0};
	struct ddb_children children = {0};
	bool dirty = atomic_load(&t->dirty) && !t->db->read_only && !t->dead;

	int rc = dirty ? ddb_store_children(s, &t->schema, &children, &err) : 0;
	store_close(s);
	if (dirty && rc == 0) {
		rc = ddb_catalog_mark(t->db, t->id, false, children.mtime_ns, &err);
	}
	if (rc < 0) {
		log_warn("dynamodb: table %s: %s", t->name, err.msg);
	}
}

/* Nobody else knows `t` any more, or it is marked as closing. */
static void table_close(struct ddb_table *t)
{
	struct store *s = atomic_load(&t->store);

	if (s != NULL) {
		settle(t, s);
	}
	if (t->dead) {
		ddb_file_remove(t->db, 't', t->id);
	}
}

void ddb_table_free(struct ddb_table *t)
{
	ddb_ahead_end(&t->ahead);
	ddb_seen_end(&t->seen);
	pthread_mutex_destroy(&t->opening);
	free(t);
}

/* Under db->lock, which it gives up while it waits for one being closed: false
 * then, look again. */
static bool usable(struct ddb_table *t)
{
	if (!t->closing) {
		return true;
	}
	pthread_cond_wait(&t->db->closed, &t->db->lock);
	return false;
}

/* Under db->lock. */
static struct ddb_table *take(struct ddb_table *t)
{
	struct ddb_db *db = t->db;

	t->refs++;
	if (t != TAILQ_FIRST(&db->tables)) {
		TAILQ_REMOVE(&db->tables, t, link);
		TAILQ_INSERT_HEAD(&db->tables, t, link);
	}
	return t;
}

/* Under db->lock. */
static struct ddb_table *find_name(struct ddb_db *db, struct slice name)
{
	struct ddb_table *t;
again:
	TAILQ_FOREACH (t, &db->tables, link) {
		if (slice_is(name, t->name)) {
			if (!usable(t)) {
				goto again;
			}
			return t;
		}
	}
	return NULL;
}

/* Under db->lock. */
static struct ddb_table *find_id(struct ddb_db *db, uint64_t id)
{
	struct ddb_table *t;
again:
	TAILQ_FOREACH (t, &db->tables, link) {
		if (t->id == id) {
			if (!usable(t)) {
				goto again;
			}
			return t;
		}
	}
	return NULL;
}

/* In memory already: counted. Else *epoch says as of when not. */
static struct ddb_table *take_name(struct ddb_db *db, struct slice name, uint64_t *epoch)
{
	LOCKED(&db->lock);
	struct ddb_table *t = find_name(db, name);
	*epoch = db->epoch;
	return t != NULL ? take(t) : NULL;
}

/* Brings the catalog's row into memory, unless rows changed since `epoch`: then
 * this one may be old, and NULL says to read it again. Steals `fresh`. */
static struct ddb_table *adopt(struct ddb_db *db, struct ddb_table *fresh, uint64_t epoch)
{
	pthread_mutex_lock(&db->lock);
	struct ddb_table *t = find_id(db, fresh->id);
	if (epoch != db->epoch) {
		t = NULL;
	} else if (t == NULL) {
		TAILQ_INSERT_HEAD(&db->tables, fresh, link);
		db->n_tables++;
		t = fresh;
		fresh = NULL;
	}
	if (t != NULL) {
		take(t);
	}
	pthread_mutex_unlock(&db->lock);
	if (fresh != NULL) {
		ddb_table_free(fresh);
	}
	return t;
}

int ddb_table_get(struct ddb_db *db, struct slice name, struct ddb_table **out, struct err *err)
{
	struct ddb_table_def def;
	uint64_t epoch;

	if (db->only != NULL) {
		if (!slice_is(name, db->only->name)) {
			return ddb_no_table(name, err);
		}
		*out = db->only;
		return 0;
	}
	while ((*out = take_name(db, name, &epoch)) == NULL) {
		int rc = ddb_catalog_table(db, name, &def, err);
		if (rc < 0) {
			return rc;
		}
		struct ddb_table *fresh = ddb_table_new(db, &def);
		if (fresh == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		*out = adopt(db, fresh, epoch);
		if (*out != NULL) {
			break;
		}
	}
	return 0;
}

/* Under db->lock: the one to close, marked, when too many are idle. */
static struct ddb_table *pick_idle(struct ddb_db *db)
{
	struct ddb_table *t;

	if (db->n_tables <= IDLE_MAX) {
		return NULL;
	}
	TAILQ_FOREACH_REVERSE (t, &db->tables, ddb_table_list, link) {
		if (t->refs == 0 && !t->closing) {
			t->closing = true;
			return t;
		}
	}
	return NULL;
}

/* It stays in the list while it is closed, so that nobody opens its file twice. */
static void close_idle(struct ddb_table *t)
{
	struct ddb_db *db = t->db;

	table_close(t);
	pthread_mutex_lock(&db->lock);
	TAILQ_REMOVE(&db->tables, t, link);
	db->n_tables--;
	/* Its row was marked clean: one read before that must not be adopted. */
	db->epoch++;
	pthread_cond_broadcast(&db->closed);
	pthread_mutex_unlock(&db->lock);
	ddb_table_free(t);
}

void ddb_table_put(struct ddb_table *t)
{
	if (t == NULL || t == t->db->only) {
		return;
	}
	pthread_mutex_lock(&t->db->lock);
	bool last = --t->refs == 0;
	bool dead = t->dead;
	struct ddb_table *idle = last && !dead ? pick_idle(t->db) : NULL;
	pthread_mutex_unlock(&t->db->lock);
	if (last && dead) {
		table_close(t);
		ddb_table_free(t);
	}
	if (idle != NULL) {
		close_idle(idle);
	}
}

void ddb_tables_close(struct ddb_db *db)
{
	struct ddb_table *t;

	while ((t = TAILQ_FIRST(&db->tables)) != NULL) {
		TAILQ_REMOVE(&db->tables, t, link);
		table_close(t);
		ddb_table_free(t);
	}
	db->n_tables = 0;
}

void ddb_table_renamed(struct ddb_db *db, uint64_t id, struct slice name)
{
	LOCKED(&db->lock);
	db->epoch++;
	struct ddb_table *t = find_id(db, id);
	if (t != NULL) {
		snprintf(t->name, sizeof(t->name), "%.*s", (int)name.n, name.p);
	}
}

void ddb_table_dropped(struct ddb_db *db, uint64_t id)
{
	pthread_mutex_lock(&db->lock);
	db->epoch++;
	struct ddb_table *t = find_id(db, id);
	bool last = t == NULL || t->refs == 0;
	if (t != NULL) {
		t->dead = true;
		TAILQ_REMOVE(&db->tables, t, link);
		db->n_tables--;
	}
	pthread_mutex_unlock(&db->lock);
	if (t == NULL) {
		ddb_file_remove(db, 't', id);
	} else if (last) {
		table_close(t);
		ddb_table_free(t);
	}
}

void ddb_table_name(struct ddb_table *t, char out[DDB_NAME_MAX + 1])
{
	LOCKED(&t->db->lock);
	memcpy(out, t->name, sizeof(t->name));
}

int ddb_tables_open(struct ddb_db *db, struct ddb_table ***out, unsigned *n, struct err *err)
{
	LOCKED(&db->lock);
	struct ddb_table *t;
	struct ddb_table **list = calloc(db->n_tables + 1, sizeof(struct ddb_table *));

	if (list == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*n = 0;
	TAILQ_FOREACH (t, &db->tables, link) {
		/* One that is being closed is made durable by that. */
		if (!t->closing && atomic_load(&t->store) != NULL) {
			t->refs++;
			list[(*n)++] = t;
		}
	}
	*out = list;
	return 0;
}

bool ddb_table_if_open(struct ddb_db *db, uint64_t id, struct ddb_table **out)
{
	LOCKED(&db->lock);
	struct ddb_table *t = find_id(db, id);
	if (t == NULL || atomic_load(&t->store) == NULL) {
		return false;
	}
	*out = take(t);
	return true;
}
