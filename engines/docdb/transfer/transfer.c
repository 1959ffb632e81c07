/* Texts in and out: collections as files, queries, .new and .update, .changes. What is read or
 * loaded keeps its place until it is closed. */
#include <stdlib.h>

#include "engines/docdb/service/cluster.h"

/* ---- out ---- */

struct stream {
	struct docdb_place place;
	struct docdb_export *x;
};

void docdb_sqlite_export_close(void *stream)
{
	struct stream *s = stream;

	docdb_export_free(s->x);
	docdb_place_leave(&s->place);
	free(s);
}

static int stream_new(struct docdb *d, struct stream **out, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = docdb_place(d, &s->place, err);
	if (rc < 0) {
		docdb_place_leave(&s->place);
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static int opened(struct stream *s, int rc, void **out)
{
	if (rc < 0) {
		docdb_sqlite_export_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

int docdb_sqlite_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct docdb *d = ctx;
	struct stream *s = NULL;

	if (path->depth != 1) {
		return err_set(err, ENOTSUP, "a collection is exported");
	}
	int rc = stream_new(d, &s, err);
	if (rc < 0 || s == NULL) {
		return rc;
	}
	rc = docdb_export_new(
		s->place.source, path->key[0], format, d->service->base.tmp, &s->x, size, err);
	return opened(s, rc, stream);
}

int docdb_sqlite_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	struct docdb *d = ctx;
	struct stream *s = NULL;

	int rc = stream_new(d, &s, err);
	if (rc < 0 || s == NULL) {
		return rc;
	}
	rc = docdb_query_open(
		s->place.source, path->key[0], text, form, d->service->base.tmp, &s->x, size, err);
	return opened(s, rc, stream);
}

int docdb_sqlite_export_read(void *stream, struct buf *out, struct err *err)
{
	return docdb_export_next(((struct stream *)stream)->x, out, err);
}

/* ---- in ---- */

struct sink {
	struct docdb_place place;
	struct docdb_import *import;
};

static void sink_free(struct sink *k)
{
	docdb_place_leave(&k->place);
	free(k);
}

int docdb_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	struct docdb *d = ctx;
	struct sink *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = path->depth == 1 ? docdb_place_write(d, &k->place, err)
				  : err_set(err, ENOTSUP, "a collection is loaded");
	if (rc == 0) {
		rc = docdb_import_new(k->place.source, path->key[0], mode, format,
			d->service->base.tmp, &k->import, err);
	}
	if (rc < 0) {
		sink_free(k);
		return rc;
	}
	*sink = k;
	return 0;
}

int docdb_sqlite_import_feed(void *sink, struct slice text, struct err *err)
{
	return docdb_import_take(((struct sink *)sink)->import, text, err);
}

int docdb_sqlite_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct sink *k = sink;
	int rc = docdb_import_end(k->import, report, err);

	sink_free(k);
	return rc;
}

void docdb_sqlite_import_abort(void *sink)
{
	struct sink *k = sink;

	docdb_import_drop(k->import);
	sink_free(k);
}

/* ---- .changes ---- */

struct feed {
	const struct epath *path;
	uint64_t offset;
	size_t max;
	struct buf *out;
	size_t before;
	uint64_t *start;
	uint64_t *end;
};

/* The empty name: of all collections. */
static struct slice feed_of(const struct epath *path)
{
	return path->depth > 0 ? path->key[0] : (struct slice){0};
}

static int bounds_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct feed *f = arg;

	return docdb_changes_bounds(c, feed_of(f->path), f->start, f->end, err);
}

int docdb_sqlite_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	struct feed f = {.path = path, .start = start, .end = end};

	if (path->depth == 0 && docdb_is_unused(ctx)) {
		*start = 0;
		*end = 0;
		return 0;
	}
	return docdb_read_at(ctx, bounds_fn, &f, err);
}

static int feed_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct feed *f = arg;

	f->out->n = f->before;
	return docdb_changes_read(c, feed_of(f->path), f->offset, f->max, f->out, err);
}

int docdb_sqlite_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	struct feed f = {.path = path, .offset = offset, .max = max, .out = out, .before = out->n};

	return docdb_read_at(ctx, feed_fn, &f, err);
}
