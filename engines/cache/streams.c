/* Drafts, exports and imports: opened by a tree, which they keep with them. The database below it
 * may be another at each step: a failover goes on below them. */
#include <stdlib.h>

#include "engines/cache/service.h"

struct cache_stream {
	struct cache_cluster *cluster; /* counted; NULL of a snapshot */
	const struct cache_copy *copy; /* NULL: of the cached tables */
	const struct engine_ops *ops;
	void *inner;
};

static struct cache_stream *stream_new(const struct cache_place *p, void *inner)
{
	struct cache_stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->cluster = p->cluster != NULL ? cache_hold(p->cluster) : NULL;
		s->copy = p->copy;
		s->ops = p->ops;
		s->inner = inner;
	}
	return s;
}

static void stream_free(struct cache_stream *s)
{
	cache_put(s->cluster);
	free(s);
}

/* What it was opened on can be used until stream_leave(). */
static int stream_enter(struct cache_stream *s, struct err *err)
{
	struct cache_copy *copy;

	if (s->cluster == NULL) {
		return 0;
	}
	if (s->copy == NULL) {
		return cache_visit(s->cluster, err);
	}
	int rc = cache_enter(s->cluster, err);
	if (rc == 0 && s->copy->node[0] != '\0') {
		rc = cache_copy_of(s->cluster, s->copy->node, &copy, err);
		if (rc < 0) {
			cluster_leave(&s->cluster->base);
		}
	}
	return rc;
}

static void stream_leave(struct cache_stream *s)
{
	if (s->cluster == NULL) {
		return;
	}
	if (s->copy == NULL) {
		cache_unvisit(s->cluster);
		return;
	}
	cluster_leave(&s->cluster->base);
}

/* ---- drafts: of a text alone, no database is asked ---- */

void *cache_sqlite_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	struct cache_place p;
	struct cache_stream *s = NULL;
	struct err ignored = {0};

	if (path->depth <= 1 || cache_place(ctx, path, &p, &ignored) < 0) {
		return calloc(1, sizeof(*s));
	}
	void *inner = p.ops->draft_new != NULL ? p.ops->draft_new(p.tree, &p.path, form) : NULL;
	s = inner != NULL || p.ops->draft_new == NULL ? stream_new(&p, inner) : NULL;
	if (s == NULL && inner != NULL) {
		p.ops->draft_free(inner);
	}
	cache_place_leave(&p);
	return s;
}

int cache_sqlite_draft_feed(void *draft, struct slice more, struct err *err)
{
	struct cache_stream *s = draft;

	return s->inner != NULL ? s->ops->draft_feed(s->inner, more, err) : 0;
}

bool cache_sqlite_draft_complete(const void *draft)
{
	const struct cache_stream *s = draft;

	return s->inner == NULL || s->ops->draft_complete(s->inner);
}

void cache_sqlite_draft_free(void *draft)
{
	struct cache_stream *s = draft;

	if (s->inner != NULL) {
		s->ops->draft_free(s->inner);
	}
	stream_free(s);
}

/* ---- exports, queries ---- */

/* The inner one, opened, becomes one of ours. */
static int wrap_export(const struct cache_place *p, void *inner, void **stream, struct err *err)
{
	*stream = stream_new(p, inner);
	if (*stream == NULL) {
		p->ops->export_close(inner);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

int cache_sqlite_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);
	void *inner = NULL;

	if (path->depth == 0) {
		return err_set(err, ENOTSUP, "there are no queries here");
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->query_open != NULL
			       ? t.at.ops->query_open(
					 t.at.tree, &t.at.path, text, form, &inner, size, &t.err)
			       : err_set(&t.err, ENOTSUP, "there are no queries here");
		t.rc = t.rc < 0 ? t.rc : wrap_export(&t.at, inner, stream, &t.err);
	}
	return cache_try_end(&t, err);
}

int cache_sqlite_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);
	void *inner = NULL;

	if (path->depth == 0) {
		return err_set(err, ENOTSUP, "the service cannot be exported");
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->export_open != NULL
			       ? t.at.ops->export_open(
					 t.at.tree, &t.at.path, format, &inner, size, &t.err)
			       : err_set(&t.err, ENOTSUP, "this cannot be exported");
		t.rc = t.rc < 0 ? t.rc : wrap_export(&t.at, inner, stream, &t.err);
	}
	return cache_try_end(&t, err);
}

int cache_sqlite_export_read(void *stream, struct buf *out, struct err *err)
{
	struct cache_stream *s = stream;

	int rc = stream_enter(s, err);
	if (rc == 0) {
		rc = s->ops->export_read(s->inner, out, err);
		stream_leave(s);
	}
	return rc;
}

void cache_sqlite_export_close(void *stream)
{
	struct cache_stream *s = stream;

	s->ops->export_close(s->inner);
	stream_free(s);
}

/* ---- imports, scripts ---- */

int cache_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);
	void *inner = NULL;

	if (path->depth == 0) {
		return err_set(err, ENOTSUP, "the service cannot be loaded");
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->import_open != NULL
			       ? t.at.ops->import_open(
					 t.at.tree, &t.at.path, mode, format, &inner, &t.err)
			       : err_set(&t.err, ENOTSUP, "this cannot be loaded");
		*sink = t.rc == 0 ? stream_new(&t.at, inner) : NULL;
		if (t.rc == 0 && *sink == NULL) {
			t.at.ops->import_abort(inner);
			t.rc = err_set(&t.err, ENOMEM, "out of memory");
		}
	}
	return cache_try_end(&t, err);
}

int cache_sqlite_import_feed(void *sink, struct slice text, struct err *err)
{
	struct cache_stream *s = sink;

	int rc = stream_enter(s, err);
	if (rc == 0) {
		rc = s->ops->import_feed(s->inner, text, err);
		stream_leave(s);
	}
	return rc;
}

static void wrote(struct cache_stream *s)
{
	if (s->cluster != NULL) {
		cache_wrote(s->cluster);
	}
}

int cache_sqlite_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct cache_stream *s = sink;

	int rc = stream_enter(s, err);
	if (rc < 0) {
		s->ops->import_abort(s->inner);
	} else {
		rc = s->ops->import_finish(s->inner, report, err);
		wrote(s);
		stream_leave(s);
	}
	stream_free(s);
	return rc;
}

void cache_sqlite_import_abort(void *sink)
{
	struct cache_stream *s = sink;

	s->ops->import_abort(s->inner);
	stream_free(s);
}

int cache_sqlite_import_reply(void *sink, struct buf *out, struct err *err)
{
	struct cache_stream *s = sink;

	if (s->ops->import_reply == NULL) {
		return err_set(err, ENOTSUP, "it does not answer while it is written");
	}
	int rc = stream_enter(s, err);
	if (rc == 0) {
		rc = s->ops->import_reply(s->inner, out, err);
		wrote(s);
		stream_leave(s);
	}
	return rc;
}
