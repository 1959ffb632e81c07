/* Sources over an instance and its replicas. */
#include <stdio.h>

#include "engines/docdb/storage/source_impl.h"

int docdb_source_init(struct docdb_source *s, const struct docdb_source_ops *ops,
	const struct docdb_source_config *config, struct err *err)
{
	s->ops = ops;
	s->told = config->told;
	s->arg = config->arg;
	s->label = strdup(config->label);
	return s->label != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

void docdb_source_finish(struct docdb_source *s)
{
	free(s->label);
}

int docdb_read(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err)
{
	return s->ops->read(s, fn, arg, err);
}

int docdb_write(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err)
{
	if (s->ops->write == NULL) {
		return err_set(err, EROFS, "this copy is read-only");
	}
	return s->ops->write(s, fn, arg, err);
}

void docdb_source_close(struct docdb_source *s)
{
	if (s != NULL) {
		s->ops->close(s);
	}
}

/* ---- running ---- */

int docdb_run_read(struct docdb_conn *c, docdb_fn *fn, void *arg, struct err *err)
{
	int rc = fn(c, arg, err);

	docdb_statements_end(c->statements);
	return rc;
}

/* What is known of the indexes may be of this write, and is undone with it. */
static void forget_indexes(struct docdb_conn *c)
{
	struct docdb_indexes **x = docdb_statements_indexes(c->statements);

	docdb_indexes_free(*x);
	*x = NULL;
}

int docdb_run_write(struct docdb_conn *c, docdb_fn *fn, void *arg, struct err *err)
{
	int rc = fn(c, arg, err);

	rc = rc < 0 ? rc : docdb_changed_save(c, err);
	if (rc < 0) {
		forget_indexes(c);
	}
	docdb_statements_end(c->statements);
	return rc;
}

int docdb_statements_of(void **slot, struct docdb_conn *c, struct err *err)
{
	if (*slot == NULL) {
		*slot = docdb_statements_new();
	}
	c->statements = *slot;
	return *slot != NULL ? 0 : err_set(err, ENOMEM, "%s: out of memory", c->label);
}

/* ---- an instance ---- */

struct of_instance {
	struct docdb_source source;
	struct instance *store;
};

struct reading {
	struct docdb_source *s;
	docdb_fn *fn;
	void *arg;
};

static int read_fn(struct store_reader *r, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct docdb_conn c = {.db = store_reader_db(r), .source = p->s, .label = p->s->label};

	int rc = docdb_statements_of(store_reader_slot(r), &c, err);
	return rc < 0 ? rc : docdb_run_read(&c, p->fn, p->arg, err);
}

static int source_instance_read(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err)
{
	struct reading p = {s, fn, arg};

	return instance_read(((struct of_instance *)s)->store, STORE_ALL_KEYS, read_fn, &p, err);
}

struct writing {
	struct docdb_source *s;
	docdb_fn *fn;
	void *arg;
	struct docdb_changed changed;
};

static int write_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct writing *w = arg;
	struct docdb_conn c = {.db = store_txn_db(t),
		.source = w->s,
		.txn = t,
		.changed = &w->changed,
		.label = w->s->label};

	docdb_changed_clear(&w->changed);
	int rc = docdb_statements_of(store_txn_slot(t), &c, err);
	return rc < 0 ? rc : docdb_run_write(&c, w->fn, w->arg, err);
}

static int source_instance_write(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err)
{
	struct writing w = {.s = s, .fn = fn, .arg = arg};

	int rc = instance_write(((struct of_instance *)s)->store, NULL, 0, write_fn, &w, err);
	if (rc == 0) {
		docdb_tell(s, &w.changed);
	}
	docdb_changed_free(&w.changed);
	return rc;
}

uint64_t docdb_version(struct docdb_conn *c)
{
	if (c->changed->version == 0) {
		c->changed->version = store_txn_version(c->txn);
	}
	return c->changed->version;
}

int64_t docdb_time_ns(struct docdb_conn *c)
{
	if (c->changed->time_ns == 0) {
		c->changed->time_ns = store_txn_time(c->txn);
	}
	return c->changed->time_ns;
}

/* The store is its owner's. */
static void source_instance_close(struct docdb_source *s)
{
	docdb_source_finish(s);
	free(s);
}

static const struct docdb_source_ops instance_ops = {
	.read = source_instance_read,
	.write = source_instance_write,
	.close = source_instance_close,
};

int docdb_source_instance(struct instance *store, const struct docdb_source_config *config,
	struct docdb_source **out, struct err *err)
{
	struct of_instance *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->store = store;
	int rc = docdb_source_init(&s->source, &instance_ops, config, err);
	if (rc < 0) {
		free(s);
		return rc;
	}
	*out = &s->source;
	return 0;
}

/* ---- a replica ---- */

struct of_replica {
	struct docdb_source source;
	struct instance *store;
	char *name;
};

/* The connection belongs to the replica, which wants no statement left on it: what is
 * kept with a connection lives for this read. */
static int replica_fn(sqlite3 *db, uint64_t sequence, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct docdb_conn c = {.db = db, .source = p->s, .label = p->s->label};
	void *statements = NULL;

	(void)sequence;
	int rc = docdb_statements_of(&statements, &c, err);
	rc = rc < 0 ? rc : docdb_run_read(&c, p->fn, p->arg, err);
	docdb_statements_free(statements);
	return rc;
}

static int source_replica_read(
	struct docdb_source *source, docdb_fn *fn, void *arg, struct err *err)
{
	const struct of_replica *s = (struct of_replica *)source;
	struct reading p = {source, fn, arg};

	return instance_replica_read(s->store, s->name, replica_fn, &p, err);
}

static void source_replica_close(struct docdb_source *source)
{
	struct of_replica *s = (struct of_replica *)source;

	docdb_source_finish(source);
	free(s->name);
	free(s);
}

static const struct docdb_source_ops replica_ops = {
	.read = source_replica_read,
	.close = source_replica_close,
};

int docdb_source_replica(struct instance *store, const char *replica,
	const struct docdb_source_config *config, struct docdb_source **out, struct err *err)
{
	struct of_replica *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->name = strdup(replica)) == NULL) {
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	s->store = store;
	int rc = docdb_source_init(&s->source, &replica_ops, config, err);
	if (rc < 0) {
		free(s->name);
		free(s);
		return rc;
	}
	*out = &s->source;
	return 0;
}
