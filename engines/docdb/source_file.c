/* A source over a closed database file that nobody writes: a pool of connections. */
#include <errno.h>
#include <pthread.h>

#include "engines/docdb/source_impl.h"

#define IDLE_MAX 8 /* connections kept open */

struct file_conn {
	sqlite3 *db;
	struct docdb_statements *statements;
	struct file_conn *next; /* in the pool */
};

struct of_file {
	struct docdb_source source;
	char *path;
	pthread_mutex_t lock;
	struct file_conn *idle; /* under lock */
	unsigned n_idle;	/* under lock */
};

static void conn_close(struct file_conn *f)
{
	if (f != NULL) {
		docdb_statements_free(f->statements);
		sqlite3_close(f->db);
		free(f);
	}
}

static int open_db(const struct of_file *s, sqlite3 **out, struct err *err)
{
	CLEANUP(buf_free) struct buf uri = BUF_INIT;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;

	store_uri(s->path, true, &uri);
	const char *name = buf_cstr(&uri);
	int rc = buf_check(&uri, err);
	if (rc < 0) {
		return rc;
	}
	if (sqlite3_open_v2(name, out, flags, NULL) != SQLITE_OK) {
		return *out != NULL ? store_sql_error(*out, s->source.label, err)
				    : err_set(err, ENOMEM, "%s: out of memory", s->source.label);
	}
	sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

static int conn_open(const struct of_file *s, struct file_conn **out, struct err *err)
{
	struct file_conn *f = calloc(1, sizeof(*f));

	if (f == NULL || (f->statements = docdb_statements_new()) == NULL) {
		conn_close(f);
		return err_set(err, ENOMEM, "%s: out of memory", s->source.label);
	}
	int rc = open_db(s, &f->db, err);
	if (rc < 0) {
		conn_close(f);
		return rc;
	}
	*out = f;
	return 0;
}

static int conn_take(struct of_file *s, struct file_conn **out, struct err *err)
{
	{
		LOCKED(&s->lock);
		if (s->idle != NULL) {
			*out = s->idle;
			s->idle = s->idle->next;
			s->n_idle--;
			return 0;
		}
	}
	return conn_open(s, out, err);
}

static void conn_give(struct of_file *s, struct file_conn *f)
{
	{
		LOCKED(&s->lock);
		if (s->n_idle < IDLE_MAX) {
			f->next = s->idle;
			s->idle = f;
			s->n_idle++;
			return;
		}
	}
	conn_close(f);
}

/* Nobody writes the file: one statement sees what the one before saw, and no transaction is
 * needed for that. */
static int source_file_read(struct docdb_source *source, docdb_fn *fn, void *arg, struct err *err)
{
	struct of_file *s = (struct of_file *)source;
	struct file_conn *f = NULL;

	int rc = conn_take(s, &f, err);
	if (rc < 0 || f == NULL) {
		return rc;
	}
	struct docdb_conn c = {
		.db = f->db, .source = source, .statements = f->statements, .label = source->label};
	rc = docdb_run_read(&c, fn, arg, err);
	conn_give(s, f);
	return rc;
}

static void source_file_close(struct docdb_source *source)
{
	struct of_file *s = (struct of_file *)source;

	while (s->idle != NULL) {
		struct file_conn *f = s->idle;
		s->idle = f->next;
		conn_close(f);
	}
	pthread_mutex_destroy(&s->lock);
	docdb_source_finish(source);
	free(s->path);
	free(s);
}

static const struct docdb_source_ops file_ops = {
	.read = source_file_read,
	.close = source_file_close,
};

/* That it is one of ours, and whole enough to be asked. */
static int check_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, STATE_GET, err);

	(void)arg;
	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	return rc == 0 ? err_set(err, EIO, "%s: it is damaged: its state is missing", c->label)
		       : (rc < 0 ? rc : 0);
}

int docdb_source_file(const char *path, const struct docdb_source_config *config,
	struct docdb_source **out, struct err *err)
{
	struct of_file *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->path = strdup(path)) == NULL) {
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&s->lock, NULL);
	int rc = access(path, F_OK) == 0 ? 0 : err_errno(err, "%s: %s", config->label, path);
	rc = rc < 0 ? rc : docdb_source_init(&s->source, &file_ops, config, err);
	rc = rc < 0 ? rc : source_file_read(&s->source, check_fn, NULL, err);
	if (rc < 0) {
		source_file_close(&s->source);
		return rc;
	}
	*out = &s->source;
	return 0;
}
