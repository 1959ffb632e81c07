/* Dbs over an instance and its replicas. */
#include "engines/cache/redis/db.h"

#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/schema.h"
#include "engines/common/clock.h"

#define MS_NS 1000000

int redis_db_init(struct redis_db *db, const struct redis_db_ops *ops,
	const struct redis_db_config *config, struct err *err)
{
	db->ops = ops;
	db->random = (uint64_t)clock_wall_ns() | 1;
	db->limits = config->limits;
	db->told = config->told;
	db->arg = config->arg;
	db->label = strdup(config->label);
	return db->label != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

void redis_db_finish(struct redis_db *db)
{
	redis_access_free(db->access);
	free(db->label);
}

int redis_read(struct redis_db *db, redis_fn *fn, void *arg, struct err *err)
{
	return db->ops->read(db, STORE_ALL_KEYS, fn, arg, err);
}

int redis_read_key(struct redis_db *db, struct slice key, redis_fn *fn, void *arg, struct err *err)
{
	return db->ops->read(db, redis_hash(key), fn, arg, err);
}

int redis_write(struct redis_db *db, redis_fn *fn, void *arg, struct err *err)
{
	if (db->ops->write == NULL) {
		return err_set(err, EROFS, "READONLY You can't write against a read only replica.");
	}
	return db->ops->write(db, fn, arg, err);
}

void redis_db_close(struct redis_db *db)
{
	if (db != NULL) {
		db->ops->close(db);
	}
}

bool redis_db_writable(const struct redis_db *db)
{
	return db->ops->write != NULL;
}

uint64_t redis_db_offset(const struct redis_db *db)
{
	return atomic_load(&db->offset);
}

struct redis_counts *redis_db_counts(struct redis_db *db)
{
	return &db->counts;
}

bool redis_is_fatal(int rc)
{
	switch (-rc) {
	case 0:
	case EINVAL:
	case ENOENT:
	case EEXIST:
	case EBUSY:
	case EROFS:
	case EFBIG:
	case ERANGE:
	case EPERM:
	case ENOTSUP: return false;
	default: return rc < 0;
	}
}

void redis_instance_config(struct instance_config *config)
{
	config->application_id = REDIS_APPLICATION_ID;
	config->schema_version = REDIS_SCHEMA_VERSION;
	config->schema = redis_schema;
	config->slot_free = redis_statements_free;
	config->before_commit = redis_state_save;
}

/* ---- running ---- */

int redis_run_read(struct redis_txn *t, redis_fn *fn, void *arg, struct err *err)
{
	t->now_ms = clock_wall_ns() / MS_NS;
	t->counting = true;
	int rc = fn(t, arg, err);
	redis_statements_end(t->statements);
	return rc < 0 ? rc : 0;
}

/* That it was a write, which a replica that lacks it has lost. */
static int count_write(struct redis_txn *t, struct err *err)
{
	struct redis_state *s = redis_state(t, NULL, err);

	if (s == NULL) {
		return -err->code;
	}
	s->offset++;
	s->dirty = true;
	return 0;
}

int redis_run_write(struct redis_txn *t, redis_fn *fn, void *arg, struct err *err)
{
	sqlite3_int64 before = sqlite3_total_changes64(t->sql);

	t->now_ms = clock_wall_ns() / MS_NS;
	int rc = fn(t, arg, err);
	if (rc >= 0 && sqlite3_total_changes64(t->sql) != before) {
		rc = count_write(t, err);
	}
	redis_statements_end(t->statements);
	return rc < 0 ? rc : 0;
}

uint64_t redis_version(struct redis_txn *t)
{
	return store_txn_version(t->store);
}

int64_t redis_time_ns(struct redis_txn *t)
{
	if (t->changed->time_ns == 0) {
		t->changed->time_ns = store_txn_time(t->store);
	}
	return t->changed->time_ns;
}

int redis_offset(struct redis_txn *t, uint64_t *out, struct err *err)
{
	struct redis_state room = {0};
	const struct redis_state *s = redis_state(t, &room, err);

	if (s == NULL) {
		return -err->code;
	}
	*out = s->offset;
	return 0;
}

/* ---- an instance ---- */

struct of_instance {
	struct redis_db db;
	struct instance *store;
};

struct reading {
	struct redis_db *db;
	redis_fn *fn;
	void *arg;
};

static int read_fn(struct store_reader *r, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct redis_txn t = {.sql = store_reader_db(r), .db = p->db, .label = p->db->label};

	int rc = redis_statements_of(store_reader_slot(r), &t, err);
	return rc < 0 ? rc : redis_run_read(&t, p->fn, p->arg, err);
}

static int db_instance_read(
	struct redis_db *db, uint64_t key, redis_fn *fn, void *arg, struct err *err)
{
	struct reading p = {db, fn, arg};

	return instance_read(((struct of_instance *)db)->store, key, read_fn, &p, err);
}

/* As many keys are told to those who read a single one. */
#define KEYS_TOLD 8

struct writing {
	struct redis_db *db;
	redis_fn *fn;
	void *arg;
	struct redis_changed changed;
	uint64_t offset; /* behind it */
	/* For the store, which looks at them when it has run. */
	uint64_t keys[KEYS_TOLD];
};

static int write_fn(struct store_txn *store, void *arg, struct err *err)
{
	struct writing *w = arg;
	struct redis_txn t = {.sql = store_txn_db(store),
		.db = w->db,
		.store = store,
		.changed = &w->changed,
		.label = w->db->label};

	redis_changed_clear(&w->changed);
	int rc = redis_statements_of(store_txn_slot(store), &t, err);
	sqlite3_int64 before = sqlite3_total_changes64(t.sql);
	rc = rc < 0 ? rc : redis_run_write(&t, w->fn, w->arg, err);
	redis_changed_keys(
		&w->changed, sqlite3_total_changes64(t.sql) != before, w->keys, KEYS_TOLD);
	return rc < 0 ? rc : redis_offset(&t, &w->offset, err);
}

/* Writes are acknowledged in any order, but made in the one of their offsets. */
static void acknowledged(struct redis_db *db, uint64_t offset)
{
	uint64_t before = atomic_load(&db->offset);

	while (before < offset && !atomic_compare_exchange_weak(&db->offset, &before, offset)) {
	}
}

static int db_instance_write(struct redis_db *db, redis_fn *fn, void *arg, struct err *err)
{
	struct writing w = {.db = db, .fn = fn, .arg = arg};

	int rc = instance_write(
		((struct of_instance *)db)->store, w.keys, KEYS_TOLD, write_fn, &w, err);
	if (rc == 0) {
		acknowledged(db, w.offset);
		redis_db_tell(db, &w.changed);
	}
	redis_changed_free(&w.changed);
	return rc;
}

/* The store is its owner's. */
static void db_instance_close(struct redis_db *db)
{
	redis_db_finish(db);
	free(db);
}

static const struct redis_db_ops instance_ops = {
	.read = db_instance_read,
	.write = db_instance_write,
	.close = db_instance_close,
};

int redis_db_instance(struct instance *store, const struct redis_db_config *config,
	struct redis_db **out, struct err *err)
{
	struct of_instance *d = calloc(1, sizeof(*d));

	*out = NULL;
	if (d == NULL || (d->db.access = redis_access_new()) == NULL) {
		free(d);
		return err_set(err, ENOMEM, "out of memory");
	}
	d->store = store;
	int rc = redis_db_init(&d->db, &instance_ops, config, err);
	if (rc < 0) {
		db_instance_close(&d->db);
		return rc;
	}
	*out = &d->db;
	return 0;
}

/* ---- a replica ---- */

struct of_replica {
	struct redis_db db;
	struct instance *store;
	char *name;
};

/* The connection belongs to the replica, which wants no statement left on it: what is kept with
 * a connection lives for this read. */
static int replica_fn(sqlite3 *sql, uint64_t sequence, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct redis_txn t = {.sql = sql, .db = p->db, .label = p->db->label};
	void *statements = NULL;

	(void)sequence;
	int rc = redis_statements_of(&statements, &t, err);
	rc = rc < 0 ? rc : redis_run_read(&t, p->fn, p->arg, err);
	redis_statements_free(statements);
	return rc;
}

static int db_replica_read(
	struct redis_db *db, uint64_t key, redis_fn *fn, void *arg, struct err *err)
{
	const struct of_replica *d = (struct of_replica *)db;
	struct reading p = {db, fn, arg};

	(void)key;
	return instance_replica_read(d->store, d->name, replica_fn, &p, err);
}

static void db_replica_close(struct redis_db *db)
{
	struct of_replica *d = (struct of_replica *)db;

	redis_db_finish(db);
	free(d->name);
	free(d);
}

static const struct redis_db_ops replica_ops = {
	.read = db_replica_read,
	.close = db_replica_close,
};

int redis_db_replica(struct instance *store, const char *replica,
	const struct redis_db_config *config, struct redis_db **out, struct err *err)
{
	struct of_replica *d = calloc(1, sizeof(*d));

	*out = NULL;
	if (d == NULL || (d->name = strdup(replica)) == NULL) {
		free(d);
		return err_set(err, ENOMEM, "out of memory");
	}
	d->store = store;
	int rc = redis_db_init(&d->db, &replica_ops, config, err);
	if (rc < 0) {
		db_replica_close(&d->db);
		return rc;
	}
	*out = &d->db;
	return 0;
}
