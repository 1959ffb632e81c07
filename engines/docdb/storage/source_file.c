/* A source over a closed database file that nobody writes. */
#include <errno.h>

#include "engines/docdb/storage/source_impl.h"
#include "engines/store/frozen.h"

struct of_file {
	struct docdb_source source;
	struct frozen *file;
};

struct reading {
	struct docdb_source *s;
	docdb_fn *fn;
	void *arg;
};

static int read_fn(sqlite3 *db, void **slot, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct docdb_conn c = {.db = db, .source = p->s, .label = p->s->label};

	int rc = docdb_statements_of(slot, &c, err);
	return rc < 0 ? rc : docdb_run_read(&c, p->fn, p->arg, err);
}

static int source_file_read(struct docdb_source *source, docdb_fn *fn, void *arg, struct err *err)
{
	struct reading p = {source, fn, arg};

	return frozen_read(((struct of_file *)source)->file, read_fn, &p, err);
}

static void source_file_close(struct docdb_source *source)
{
	struct of_file *s = (struct of_file *)source;

	frozen_close(s->file);
	docdb_source_finish(source);
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

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = frozen_open(path, config->label, docdb_statements_free, &s->file, err);
	rc = rc < 0 ? rc : docdb_source_init(&s->source, &file_ops, config, err);
	rc = rc < 0 ? rc : source_file_read(&s->source, check_fn, NULL, err);
	if (rc < 0) {
		source_file_close(&s->source);
		return rc;
	}
	*out = &s->source;
	return 0;
}
