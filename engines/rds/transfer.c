/* Texts in and out: scripts, dumps, tables as files, queries, schema texts. Which
 * path and format mean which of sql.h. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/rds/lifecycle.h"
#include "engines/rds/sql.h"

/* ---- out ---- */

/* Whole when it is opened: the place need not be held. */
int rds_sqlite_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct rds *rds = ctx;
	struct rds_stream *s = NULL;
	RDS_PLACE p = {0};

	if (path->depth != 1 && path->depth != 2) {
		return err_set(err, ENOTSUP, "an instance or a table is exported");
	}
	struct slice table = path->depth == 2 ? path->key[1] : (struct slice){0};
	int rc = rds_place(rds, path, &p, err);
	rc = rc < 0 ? rc
		    : rds_export_open(p.rows, rds->service->base.tmp, table, format, &s, size, err);
	if (rc == 0) {
		*stream = s;
	}
	return rc;
}

int rds_sqlite_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	struct rds *rds = ctx;
	struct rds_stream *s = NULL;
	RDS_PLACE p = {0};

	int rc = rds_place(rds, path, &p, err);
	rc = rc < 0 ? rc
		    : rds_query_open(p.rows, rds->service->base.tmp, text, form, &s, size, err);
	if (rc == 0) {
		*stream = s;
	}
	return rc;
}

int rds_sqlite_export_read(void *stream, struct buf *out, struct err *err)
{
	return rds_stream_read(stream, out, err);
}

void rds_sqlite_export_close(void *stream)
{
	rds_stream_close(stream);
}

/* ---- in ---- */

/* What is being loaded: a script for an instance or for one that it makes, or a table. */
struct sink {
	struct rds *rds;
	char name[RDS_NAME_MAX + 1];
	bool create; /* the instance */
	struct rds_script *script;
	struct rds_import *table; /* instead of a script */
};

static void sink_free(struct sink *k)
{
	rds_script_abort(k->script);
	rds_import_abort(k->table);
	free(k);
}

/* Early, so that nobody writes a long dump for nothing. */
static int check_new(struct rds *rds, struct slice name, struct err *err)
{
	int rc = identifier_check("DBInstanceIdentifier", name, RDS_NAME_MAX, err);

	return rc < 0 ? rc : rds_check_free(rds->service, name, err);
}

static int check_there(struct rds *rds, const struct epath *path, struct err *err)
{
	RDS_PLACE p = {0};

	return rds_place(rds, path, &p, err);
}

static int check_target(
	struct rds *rds, const struct epath *path, const char *mode, struct err *err)
{
	if (path->depth == 1 && strcmp(mode, "create") == 0) {
		return check_new(rds, path->key[0], err);
	}
	if (path->depth == 1 && strcmp(mode, "replace") == 0) {
		return err_set(err, EEXIST,
			"DBInstanceAlreadyExists: a dump makes a new instance, it replaces none: "
			"mv "
			"%.*s away first, or append (>>) to run the script in it",
			(int)path->key[0].n, path->key[0].p);
	}
	return check_there(rds, path, err);
}

static int open_script(struct sink *k, struct err *err)
{
	struct rds_script_options options = {.tmp = k->rds->service->base.tmp, .create = k->create};

	return rds_script_open(&options, &k->script, err);
}

/* A dump of a table is a script for its instance. */
static int open_sink(struct sink *k, const struct epath *path, const char *mode, const char *format,
	struct err *err)
{
	bool script = strcmp(format, "sql") == 0;

	int rc = check_target(k->rds, path, mode, err);
	if (rc < 0) {
		return rc;
	}
	k->create = path->depth == 1 && strcmp(mode, "create") == 0;
	return script ? open_script(k, err)
		      : rds_import_open(k->rds->service->base.tmp, path->key[1], mode, format,
				&k->table, err);
}

int rds_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	if (path->depth != 2 && (path->depth != 1 || strcmp(format, "sql") != 0)) {
		return err_set(err, ENOTSUP, "%s cannot be loaded here", format);
	}
	struct sink *k = calloc(1, sizeof(*k));
	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->rds = ctx;
	snprintf(k->name, sizeof(k->name), "%.*s", (int)path->key[0].n, path->key[0].p);
	int rc = open_sink(k, path, mode, format, err);
	if (rc < 0) {
		sink_free(k);
		return rc;
	}
	*sink = k;
	return 0;
}

int rds_sqlite_import_feed(void *sink, struct slice text, struct err *err)
{
	struct sink *k = sink;

	return k->script != NULL ? rds_script_feed(k->script, text, err)
				 : rds_import_feed(k->table, text, err);
}

/* The rest takes the script or the table. */
static int finish(struct sink *k, struct rds_source *rows, struct buf *report, struct err *err)
{
	struct rds_script *script = k->script;
	struct rds_import *table = k->table;

	k->script = NULL;
	k->table = NULL;
	return script != NULL ? rds_script_finish(script, rows, report, err)
			      : rds_import_finish(table, rows, report, err);
}

static int load_into(struct sink *k, struct buf *report, struct err *err)
{
	struct epath path = {.depth = 1, .key = {slice_of(k->name)}};
	RDS_PLACE p = {0};

	int rc = rds_place(k->rds, &path, &p, err);
	return rc < 0 ? rc : finish(k, p.rows, report, err);
}

static int make_instance(struct sink *k, struct buf *report, struct err *err)
{
	struct rds_instance *draft = NULL;
	struct rds_source *rows;

	int rc = rds_draft_begin(k->rds->service, slice_of(k->name), &draft, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rc = finish(k, rows, report, err);
	if (rc < 0) {
		rds_draft_drop(draft);
		return rc;
	}
	return rds_draft_keep(draft, err);
}

int rds_sqlite_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct sink *k = sink;
	int rc = k->create ? make_instance(k, report, err) : load_into(k, report, err);

	sink_free(k);
	return rc;
}

void rds_sqlite_import_abort(void *sink)
{
	sink_free(sink);
}

/* ---- .schema ---- */

struct schema_text {
	const struct epath *path;
	struct buf *out;
	size_t before;
	struct slice text;
};

static int schema_read_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct schema_text *s = arg;
	struct slice all = {0};

	s->out->n = s->before;
	return rds_schema_read(c, s->path->depth == 2 ? s->path->key[1] : all, s->out, err);
}

static int read_schema(void *ctx, const struct epath *path, struct buf *out, struct err *err)
{
	struct schema_text s = {.path = path, .out = out, .before = out->n};

	if (path->depth != 1 && path->depth != 2) {
		return err_set(err, ENOTSUP, "an instance and a table have a .schema");
	}
	return rds_read_at(ctx, path, schema_read_fn, &s, err);
}

int rds_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	(void)name; /* it has one */
	return read_schema(ctx, path, out, err);
}

static int schema_write_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct schema_text *s = arg;
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	buf_append_slice(&name, s->path->key[1]);
	return rds_schema_apply(c, buf_cstr(&name), s->text, err);
}

/* The text as it is now may be saved again. */
static int same_schema(void *ctx, const struct epath *path, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;

	int rc = read_schema(ctx, path, &now, err);
	if (rc < 0 || slice_equal(buf_slice(&now), text)) {
		return rc;
	}
	return err_set(err, EINVAL,
		"the .schema of a table can be changed; for the whole instance there is .sql");
}

int rds_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	(void)name;
	struct schema_text s = {.path = path, .text = text};

	return path->depth == 2 ? rds_write_at(ctx, path, schema_write_fn, &s, err)
				: same_schema(ctx, path, text, err);
}
