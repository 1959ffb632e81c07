/* The leader's file: its life, and which catalogue is the current one. */
#include "engines/redshift/leader/leader.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/leader/leader_impl.h"
#include "engines/store/disk.h"

#define LEADER_APPLICATION_ID 0x44427274 /* "DBrt" */
#define LEADER_SCHEMA_VERSION 1

static const char schema[] =
	"CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), xid INTEGER NOT NULL,"
	" time INTEGER NOT NULL, next_id INTEGER NOT NULL, generation INTEGER NOT NULL,"
	" nodes INTEGER NOT NULL, slices INTEGER NOT NULL, schemas TEXT NOT NULL) STRICT;"
	"CREATE TABLE objects(key TEXT PRIMARY KEY, definition TEXT NOT NULL) STRICT,"
	" WITHOUT ROWID;"
	"CREATE TABLE queries(query INTEGER PRIMARY KEY, xid INTEGER NOT NULL,"
	" start INTEGER NOT NULL, stop INTEGER NOT NULL, aborted INTEGER NOT NULL,"
	" rows INTEGER NOT NULL, label TEXT NOT NULL, text TEXT NOT NULL) STRICT;"
	"CREATE TABLE numbers(id INTEGER PRIMARY KEY CHECK(id = 1), query INTEGER NOT NULL) STRICT;"
	"INSERT INTO numbers VALUES(1, 1);"
	"CREATE TABLE load_errors(id INTEGER PRIMARY KEY AUTOINCREMENT, query INTEGER NOT NULL,"
	" tbl INTEGER NOT NULL, start INTEGER NOT NULL, slice INTEGER NOT NULL,"
	" filename TEXT NOT NULL, line INTEGER NOT NULL, col TEXT NOT NULL, type TEXT NOT NULL,"
	" col_length TEXT NOT NULL, position INTEGER NOT NULL, raw_line BLOB NOT NULL,"
	" raw_field BLOB NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
	"CREATE INDEX load_errors_of ON load_errors(tbl, query);";

void rs_leader_config(struct instance_config *config)
{
	config->application_id = LEADER_APPLICATION_ID;
	config->schema_version = LEADER_SCHEMA_VERSION;
	config->schema = schema;
	config->sql = NULL; /* few and seldom: prepared where they are used */
	config->n_sql = 0;
	config->slot_free = NULL;
	config->sync = STORE_SYNC_CLOSE;
}

/* ---- calls on a connection ---- */

int rs_leader_prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, struct err *err)
{
	if (sqlite3_prepare_v2(db, text, -1, out, NULL) != SQLITE_OK) {
		return store_sql_error(db, "leader", err);
	}
	return 0;
}

void rs_leader_finalize(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

struct call {
	rs_leader_fn *fn;
	void *arg;
};

static int call_reader(struct store_reader *r, void *arg, struct err *err)
{
	const struct call *c = arg;

	return c->fn(store_reader_db(r), c->arg, err);
}

static int call_frozen(sqlite3 *db, void **slot, void *arg, struct err *err)
{
	const struct call *c = arg;

	(void)slot;
	return c->fn(db, c->arg, err);
}

static int call_txn(struct store_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;

	return c->fn(store_txn_db(t), c->arg, err);
}

int rs_leader_read(struct rs_leader *l, rs_leader_fn *fn, void *arg, struct err *err)
{
	struct call c = {fn, arg};

	return l->file != NULL ? frozen_read(l->file, call_frozen, &c, err)
			       : instance_read(l->instance, STORE_ALL_KEYS, call_reader, &c, err);
}

int rs_leader_write(struct rs_leader *l, rs_leader_fn *fn, void *arg, struct err *err)
{
	struct call c = {fn, arg};

	if (l->instance == NULL) {
		return err_set(err, EROFS, "a snapshot is read-only");
	}
	return instance_write(l->instance, NULL, 0, call_txn, &c, err);
}

/* ---- making ---- */

struct saving {
	const struct rs_catalog *catalog;
	const json_t *objects, *before;
};

static int save_fn(sqlite3 *db, void *arg, struct err *err)
{
	const struct saving *s = arg;

	return rs_catalog_save(db, s->catalog, s->objects, s->before, err);
}

static int write_first(
	const struct instance_config *config, const struct rs_catalog *first, struct err *err)
{
	struct rs_leader l = {0};
	json_t *objects = NULL;

	int rc = rs_catalog_objects(first, &objects, err);
	rc = rc < 0 ? rc : instance_open(config, &l.instance, err);
	if (rc == 0) {
		struct saving s = {first, objects, NULL};
		rc = rs_leader_write(&l, save_fn, &s, err);
	}
	instance_close(l.instance);
	json_decref(objects);
	return rc;
}

int rs_leader_create(const struct instance_config *config, const struct rs_catalog *first,
	const char *from, struct err *err)
{
	struct instance_config own = *config;
	struct instance_settings settings = {.primary = 0, .multi_az = true};

	rs_leader_config(&own);
	int rc = instance_create(&own, &settings, from, err);
	if (rc < 0 || from != NULL) {
		return rc;
	}
	rc = write_first(&own, first, err);
	if (rc < 0) {
		instance_destroy(&own, NULL);
	}
	return rc;
}

/* ---- opening ---- */

static int load_fn(sqlite3 *db, void *arg, struct err *err)
{
	struct rs_catalog **c = arg;

	rs_catalog_unref(*c);
	*c = NULL;
	return rs_catalog_load(db, c, err);
}

static int load_all(struct rs_leader *l, struct err *err)
{
	int rc = rs_leader_read(l, load_fn, &l->current, err);

	rc = rc < 0 ? rc : rs_catalog_objects(l->current, &l->stored, err);
	rc = rc < 0 ? rc : rs_leader_read(l, rs_leader_last_query, &l->next_query, err);
	l->queries_reserved = l->next_query;
	return rc;
}

static struct rs_leader *new_leader(struct err *err)
{
	struct rs_leader *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	return l;
}

int rs_leader_open(const struct instance_config *config, struct rs_leader **out, struct err *err)
{
	struct instance_config own = *config;
	struct rs_leader *l = new_leader(err);

	if (l == NULL) {
		return -ENOMEM;
	}
	rs_leader_config(&own);
	int rc = instance_open(&own, &l->instance, err);
	rc = rc < 0 ? rc : load_all(l, err);
	if (rc < 0) {
		rs_leader_close(l);
		return rc;
	}
	*out = l;
	return 0;
}

int rs_leader_open_file(const char *path, struct rs_leader **out, struct err *err)
{
	struct rs_leader *l = new_leader(err);

	if (l == NULL) {
		return -ENOMEM;
	}
	l->path = strdup(path);
	int rc = l->path == NULL ? err_set(err, ENOMEM, "out of memory")
				 : frozen_open(path, "leader", NULL, &l->file, err);
	rc = rc < 0 ? rc : load_all(l, err);
	if (rc < 0) {
		rs_leader_close(l);
		return rc;
	}
	*out = l;
	return 0;
}

void rs_leader_close(struct rs_leader *l)
{
	if (l == NULL) {
		return;
	}
	rs_leader_flush_queries(l);
	instance_close(l->instance);
	frozen_close(l->file);
	rs_catalog_unref(l->current);
	json_decref(l->stored);
	rs_leader_drop_queries(l);
	pthread_mutex_destroy(&l->lock);
	free(l->path);
	free(l);
}

struct instance *rs_leader_instance(struct rs_leader *l)
{
	return l->instance;
}

/* ---- the catalogue ---- */

struct rs_catalog *rs_leader_catalog(struct rs_leader *l)
{
	LOCKED(&l->lock);
	return rs_catalog_ref(l->current);
}

/* Steals both. */
static void make_current(struct rs_leader *l, struct rs_catalog *next, json_t *objects)
{
	struct rs_catalog *old;

	{
		LOCKED(&l->lock);
		old = l->current;
		l->current = next;
	}
	rs_catalog_unref(old);
	json_decref(l->stored);
	l->stored = objects;
}

int rs_leader_settle(struct rs_leader *l, struct err *err)
{
	struct rs_catalog *stored = NULL;
	json_t *objects = NULL;

	if (!l->unsure) {
		return 0;
	}
	int rc = rs_leader_read(l, load_fn, &stored, err);
	rc = rc < 0 ? rc : rs_catalog_objects(stored, &objects, err);
	if (rc < 0) {
		rs_catalog_unref(stored);
		return rc;
	}
	l->unsure = false;
	make_current(l, stored, objects);
	return 0;
}

/* A commit that failed may stand on the disk: what is stored says. */
static int settle_commit(struct rs_leader *l, uint64_t xid, int rc)
{
	l->unsure = true;
	if (rs_leader_settle(l, NULL) < 0) {
		return rc;
	}
	return l->current->xid == xid ? 0 : rc;
}

int rs_leader_commit(struct rs_leader *l, struct rs_catalog *next, struct err *err)
{
	json_t *objects = NULL;
	struct err why = {0};

	int rc = rs_leader_settle(l, &why);
	rc = rc < 0 ? rc : rs_catalog_objects(next, &objects, &why);
	if (rc == 0) {
		struct saving s = {next, objects, l->stored};
		rc = rs_leader_write(l, save_fn, &s, &why);
	}
	if (rc == 0) {
		make_current(l, next, objects);
		return 0;
	}
	if (objects != NULL && l->instance != NULL) {
		rc = settle_commit(l, next->xid, rc);
	}
	json_decref(objects);
	rs_catalog_unref(next);
	return rc == 0 ? 0 : err_set(err, why.code, "%s", why.msg);
}

int rs_leader_copy(struct rs_leader *l, const char *path, struct err *err)
{
	rs_leader_flush_queries(l);
	return l->file != NULL ? disk_copy_file(&disk_system, l->path, path, err)
			       : instance_copy(l->instance, path, NULL, NULL, err);
}
