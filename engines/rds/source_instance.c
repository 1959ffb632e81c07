/* The rows of an instance of ours, and of its replicas. */
#include <stdio.h>

#include "engines/rds/lifecycle.h"
#include "engines/rds/source_impl.h"

/* ---- connections ---- */

static void conn_free(void *slot)
{
	struct rds_conn *c = slot;

	if (c != NULL) {
		rds_conn_destroy(c);
		free(c);
	}
}

/* What the store keeps with its connection; made when the connection is new. */
static int conn_of(
	void **slot, sqlite3 *db, const char *label, struct rds_conn **out, struct err *err)
{
	*out = *slot;
	if (*slot != NULL) {
		return 0;
	}
	struct rds_conn *c = calloc(1, sizeof(*c));
	*out = c;
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	/* The pragma does nothing within a transaction, and there is one. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	int rc = rds_conn_init(c, db, label, err);
	if (rc < 0) {
		conn_free(c);
		return rc;
	}
	*slot = c;
	return 0;
}

/* ---- an instance ---- */

struct of_instance {
	struct rds_source source;
	struct instance *store;
	char *label;
	int64_t created_ns;
	rds_source_changed *changed;
	void *arg;
};

static struct of_instance *of_instance(struct rds_source *s)
{
	return (struct of_instance *)s;
}

struct reading {
	struct of_instance *s;
	rds_fn *fn;
	void *arg;
};

/* Runs fn between rds_conn_begin() and the end of a read. */
static int run_read(struct rds_conn *c, rds_fn *fn, void *arg, struct err *err)
{
	int rc = rds_conn_begin(c, false, err);

	rc = rc < 0 ? rc : fn(c, arg, err);
	rds_conn_end(c);
	return rc;
}

static void set_base(struct rds_conn *c, struct rds_source *source, int64_t created_ns)
{
	c->source = source;
	c->base_version = 1;
	c->base_mtime_ns = created_ns;
}

static int read_fn(struct store_reader *r, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct rds_conn *c = NULL;

	int rc = conn_of(store_reader_slot(r), store_reader_db(r), p->s->label, &c, err);
	if (rc < 0 || c == NULL) {
		return rc;
	}
	set_base(c, &p->s->source, p->s->created_ns);
	return run_read(c, p->fn, p->arg, err);
}

static int source_instance_read(struct rds_source *source, rds_fn *fn, void *arg, struct err *err)
{
	struct reading p = {of_instance(source), fn, arg};

	return instance_read(p.s->store, STORE_ALL_KEYS, read_fn, &p, err);
}

/* ---- writing ---- */

/* What a write changed, kept until it is committed: by then the connection may be
 * in the middle of the next write. */
struct told {
	char *table; /* NULL: anything */
	struct buf key;
	bool whole; /* the table, not a row of it */
};

struct writing {
	struct of_instance *s;
	rds_fn *fn;
	void *arg;
	struct told *told;
	size_t n_told;
	size_t cap;
	bool lost; /* no memory for the list: anything changed */
	struct store_txn *t;
	uint64_t version; /* of all it changes; 0 until asked for */
	int64_t time_ns;  /* the same */
};

static void forget_told(struct writing *w)
{
	for (size_t i = 0; i < w->n_told; i++) {
		free(w->told[i].table);
		buf_free(&w->told[i].key);
	}
	w->n_told = 0;
	w->lost = false;
}

static bool grow_told(struct writing *w)
{
	if (w->n_told < w->cap) {
		return true;
	}
	size_t cap = w->cap > 0 ? 2 * w->cap : 4;
	struct told *p = realloc(w->told, cap * sizeof(*p));
	if (p == NULL) {
		return false;
	}
	w->told = p;
	w->cap = cap;
	return true;
}

static void keep_told(void *arg, const char *table, const struct slice *key)
{
	struct writing *w = arg;

	if (w->lost || !grow_told(w)) {
		w->lost = true;
		return;
	}
	struct told *t = &w->told[w->n_told++];
	*t = (struct told){.whole = key == NULL};
	if (table != NULL) {
		t->table = strdup(table);
		w->lost = t->table == NULL;
	}
	if (key != NULL) {
		buf_append_slice(&t->key, *key);
		w->lost = w->lost || t->key.failed;
	}
}

static void tell(const struct writing *w)
{
	const struct of_instance *s = w->s;

	if (w->lost) {
		s->changed(s->arg, NULL, NULL);
		return;
	}
	for (size_t i = 0; i < w->n_told; i++) {
		const struct told *t = &w->told[i];
		struct slice key = buf_slice(&t->key);
		s->changed(s->arg, t->table, t->whole ? NULL : &key);
	}
}

static int run_write(struct rds_conn *c, struct writing *w, struct err *err)
{
	int rc = rds_conn_begin(c, true, err);

	rc = rc < 0 ? rc : w->fn(c, w->arg, err);
	rc = rc < 0 ? rc : rds_conn_finish(c, err);
	if (rc < 0) {
		rds_conn_forget(c);
	} else if (w->s->changed != NULL) {
		rds_conn_tell(c, keep_told, w);
	}
	rds_conn_end(c);
	c->write = NULL;
	return rc;
}

static int write_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct writing *w = arg;
	struct rds_conn *c = NULL;

	forget_told(w);
	w->t = t;
	w->version = 0;
	w->time_ns = 0;
	int rc = conn_of(store_txn_slot(t), store_txn_db(t), w->s->label, &c, err);
	if (rc < 0 || c == NULL) {
		return rc;
	}
	set_base(c, &w->s->source, w->s->created_ns);
	c->write = w;
	return run_write(c, w, err);
}

static int source_instance_write(struct rds_source *source, rds_fn *fn, void *arg, struct err *err)
{
	struct writing w = {.s = of_instance(source), .fn = fn, .arg = arg};

	int rc = instance_write(w.s->store, NULL, 0, write_fn, &w, err);
	if (rc == 0 && w.s->changed != NULL) {
		tell(&w);
	}
	forget_told(&w);
	free(w.told);
	return rc;
}

static uint64_t source_instance_version(struct rds_conn *c)
{
	struct writing *w = c->write;

	if (w->version == 0) {
		w->version = store_txn_version(w->t);
	}
	return w->version;
}

static int64_t source_instance_time(struct rds_conn *c)
{
	struct writing *w = c->write;

	if (w->time_ns == 0) {
		w->time_ns = store_txn_time(w->t);
	}
	return w->time_ns;
}

static int source_instance_sync(struct rds_source *source, struct err *err)
{
	return instance_sync(of_instance(source)->store, err);
}

static uint64_t source_instance_bytes(struct rds_source *source)
{
	return instance_bytes(of_instance(source)->store);
}

/* The store is its owner's. */
static void source_instance_close(struct rds_source *source)
{
	struct of_instance *s = of_instance(source);

	free(s->label);
	free(s);
}

static const struct rds_source_ops instance_ops = {
	.read = source_instance_read,
	.write = source_instance_write,
	.version = source_instance_version,
	.time = source_instance_time,
	.sync = source_instance_sync,
	.bytes = source_instance_bytes,
	.close = source_instance_close,
};

int rds_source_instance(
	const struct rds_instance_source *config, struct rds_source **out, struct err *err)
{
	struct of_instance *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->label = strdup(config->label)) == NULL) {
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	s->source.ops = &instance_ops;
	s->store = config->store;
	s->created_ns = config->created_ns;
	s->changed = config->changed;
	s->arg = config->arg;
	*out = &s->source;
	return 0;
}

/* "RDSi": a database file of ours, told from others by its header. */
#define RDS_APPLICATION_ID 0x52445369

void rds_instance_config_fill(struct instance_config *config)
{
	config->application_id = RDS_APPLICATION_ID;
	config->schema_version = 1;
	config->schema = rds_stamps_schema;
	config->slot_free = conn_free;
}

/* ---- a replica ---- */

struct of_replica {
	struct rds_source source;
	struct rds_instance *instance; /* counted */
	char replica[RDS_NAME_MAX + 1];
	char label[2 * RDS_NAME_MAX + 32];
};

struct replica_reading {
	struct of_replica *s;
	rds_fn *fn;
	void *arg;
	int64_t created_ns;
};

/* The connection belongs to the replica, which wants no statement left on it: what is
 * kept with a connection lives for this read. */
static int replica_fn(sqlite3 *db, uint64_t sequence, void *arg, struct err *err)
{
	const struct replica_reading *p = arg;
	struct rds_conn c = {0};

	(void)sequence;
	int rc = rds_conn_init(&c, db, p->s->label, err);
	if (rc == 0) {
		set_base(&c, &p->s->source, p->created_ns);
		rc = run_read(&c, p->fn, p->arg, err);
	}
	rds_conn_destroy(&c);
	return rc;
}

static int source_replica_read(struct rds_source *source, rds_fn *fn, void *arg, struct err *err)
{
	struct of_replica *s = (struct of_replica *)source;
	struct replica_reading p = {.s = s, .fn = fn, .arg = arg};
	struct rds_def def;
	struct rds_source *rows;

	int rc = rds_enter(s->instance, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rds_def_now(s->instance, &def);
	p.created_ns = def.created_ns;
	rc = instance_replica_read(s->instance->store, s->replica, replica_fn, &p, err);
	cluster_leave(&s->instance->base);
	return rc;
}

static uint64_t source_replica_bytes(struct rds_source *source)
{
	(void)source;
	return 0;
}

static void source_replica_close(struct rds_source *source)
{
	struct of_replica *s = (struct of_replica *)source;

	rds_put(s->instance);
	free(s);
}

static const struct rds_source_ops replica_ops = {
	.read = source_replica_read,
	.bytes = source_replica_bytes,
	.close = source_replica_close,
};

int rds_source_replica(
	struct rds_instance *i, const char *replica, struct rds_source **out, struct err *err)
{
	struct of_replica *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->source.ops = &replica_ops;
	s->instance = rds_hold(i);
	snprintf(s->replica, sizeof(s->replica), "%s", replica);
	snprintf(s->label, sizeof(s->label), "replica %s", replica);
	*out = &s->source;
	return 0;
}
