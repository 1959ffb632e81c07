/* What lasts longer than one call: drafts, exports and imports. Each holds a
 * reference to its engine, so that the engine outlives it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/log.h"
#include "engines/engine_impl.h"

/* ---- drafts ---- */

struct engine_draft {
	struct engine *e;
	void *draft; /* NULL where the engine has no drafts: anything goes */
};

struct engine_draft *engine_draft_new(struct engine *e, const struct epath *path, unsigned form)
{
	struct engine_draft *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		return NULL;
	}
	if (e->ops->draft_new != NULL) {
		d->draft = e->ops->draft_new(e->ctx, path, form);
		if (d->draft == NULL) {
			free(d);
			return NULL;
		}
	}
	d->e = engine_ref(e);
	return d;
}

int engine_draft_feed(struct engine_draft *d, struct slice more, struct err *err)
{
	return d->draft != NULL ? d->e->ops->draft_feed(d->draft, more, err) : 0;
}

bool engine_draft_complete(const struct engine_draft *d)
{
	return d->draft == NULL || d->e->ops->draft_complete(d->draft);
}

void engine_draft_free(struct engine_draft *d)
{
	if (d == NULL) {
		return;
	}
	if (d->draft != NULL) {
		d->e->ops->draft_free(d->draft);
	}
	engine_unref(d->e);
	free(d);
}

/* ---- exports ---- */

struct engine_export {
	struct engine *e;
	void *stream;
	uint64_t left; /* of the size promised at open */
};

static struct engine_export *export_new(struct err *err)
{
	struct engine_export *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		err_set(err, ENOMEM, "out of memory");
	}
	return x;
}

static void export_opened(
	struct engine_export *x, struct engine *e, struct engine_export **out, uint64_t *size)
{
	x->e = engine_ref(e);
	*size = x->left;
	*out = x;
}

int engine_export_open(struct engine *e, const struct epath *path, const char *format,
	struct engine_export **out, uint64_t *size, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_EXPORT, path, err);
	if (e->ops->export_open == NULL) {
		return probe_end(&p, engine_absent(e, "exports", err), err);
	}
	struct engine_export *x = export_new(err);
	int r = x == NULL ? -ENOMEM
			  : e->ops->export_open(e->ctx, path, format, &x->stream, &x->left, err);
	if (r == 0) {
		export_opened(x, e, out, size);
	} else {
		free(x);
	}
	return probe_end(&p, r, err);
}

int engine_query_open(struct engine *e, const struct epath *path, struct slice text, unsigned form,
	struct engine_export **out, uint64_t *size, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_QUERY, path, err);
	if (e->ops->query_open == NULL) {
		return probe_end(&p, engine_absent(e, "queries", err), err);
	}
	struct engine_export *x = export_new(err);
	int r = x == NULL ? -ENOMEM
			  : e->ops->query_open(e->ctx, path, text, form, &x->stream, &x->left, err);
	if (r == 0) {
		export_opened(x, e, out, size);
	} else {
		free(x);
	}
	return probe_end(&p, r, err);
}

/* A text of another length than was promised would be cut or padded by the
 * kernel without a word. */
static int check_length(struct engine_export *x, size_t got, struct err *err)
{
	if (got > x->left) {
		return err_set(
			err, EIO, "the export gave more bytes than its size; please report this");
	}
	if (got == 0 && x->left != 0) {
		return err_set(err, EIO, "the export ended %llu bytes before its size",
			(unsigned long long)x->left);
	}
	x->left -= got;
	return 0;
}

int engine_export_read(struct engine_export *x, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int r = x->e->ops->export_read(x->stream, out, err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r == 0) {
		r = check_length(x, out->n - before, err);
	}
	if (r != 0) {
		out->n = before;
	}
	assert(err == NULL || err->code == -r);
	return r;
}

void engine_export_close(struct engine_export *x)
{
	if (x == NULL) {
		return;
	}
	x->e->ops->export_close(x->stream);
	engine_unref(x->e);
	free(x);
}

/* ---- imports ---- */

struct engine_import {
	struct engine *e;
	void *sink;
	int64_t start_ns;
};

int engine_import_open(struct engine *e, const struct epath *path, const char *mode,
	const char *format, struct engine_import **out, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_IMPORT, path, err);
	assert(path->depth > 0 || strcmp(mode, "create") != 0);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	if (e->ops->import_open == NULL) {
		return probe_end(&p, engine_absent(e, "imports", err), err);
	}
	struct engine_import *i = calloc(1, sizeof(*i));
	if (i == NULL) {
		return probe_end(&p, err_set(err, ENOMEM, "out of memory"), err);
	}
	r = e->ops->import_open(e->ctx, path, mode, format, &i->sink, err);
	if (r != 0) {
		free(i);
		return probe_end(&p, r, err);
	}
	i->e = engine_ref(e);
	i->start_ns = p.start_ns;
	*out = i;
	return probe_end(&p, 0, err);
}

int engine_import_feed(struct engine_import *i, struct slice text, struct err *err)
{
	int r = i->e->ops->import_feed(i->sink, text, err);
	assert(err == NULL || err->code == -r);
	return r;
}

int engine_import_finish(struct engine_import *i, struct buf *report, struct err *err)
{
	struct engine *e = i->e;
	int r = e->ops->import_finish(i->sink, report, err);
	assert(err == NULL || err->code == -r);
	log_debug("%s import finished: %s, %lld us since it was opened", e->ops->service,
		r == 0 ? "ok" : "failed", (long long)((clock_monotonic_ns() - i->start_ns) / 1000));
	free(i);
	engine_unref(e);
	return r;
}

int engine_import_reply(struct engine_import *i, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int r = i->e->ops->import_reply != NULL
			? i->e->ops->import_reply(i->sink, out, err)
			: engine_absent(i->e, "replies to be read while a script is written", err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r != 0) {
		out->n = before;
	}
	assert(err == NULL || err->code == -r);
	return r;
}

void engine_import_abort(struct engine_import *i)
{
	if (i == NULL) {
		return;
	}
	i->e->ops->import_abort(i->sink);
	engine_unref(i->e);
	free(i);
}
