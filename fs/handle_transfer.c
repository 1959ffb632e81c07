/* Open `.schema`, `.import/<mode>/<format>` and `.export/<format>`. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/tree.h"

static int anchor_path(struct handle *h, struct node_path *where, struct err *err)
{
	return node_path(&h->m->nodes, node_anchor(h->node), where, err);
}

/* ---- .schema: written whole, taken at close ---- */

static int schema_too_large(const struct handle *h, struct err *err)
{
	return err_set(err, EFBIG, "a schema has at most %llu bytes",
		(unsigned long long)h->m->opts->max_file_size);
}

static int schema_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	size_t at = append ? h->content.n : (size_t)off;
	if (at + data.n > h->m->opts->max_file_size) {
		return schema_too_large(h, err);
	}
	if (at + data.n > h->content.n && !buf_resize(&h->content, at + data.n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(h->content.p + at, data.p, data.n);
	h->state = h; /* written since the last time it was taken */
	return 0;
}

static int schema_truncate(struct handle *h, off_t size, struct err *err)
{
	if ((uint64_t)size > h->m->opts->max_file_size) {
		return schema_too_large(h, err);
	}
	return buf_resize(&h->content, (size_t)size) ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int schema_flush(struct handle *h, pid_t pid, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	(void)pid;
	if (h->state == NULL) {
		return 0;
	}
	h->state = NULL;
	loop_yield();
	int rc = anchor_path(h, &where, err);
	if (rc == 0) {
		rc = engine_schema_write(where.engine, &where.path, buf_slice(&h->content), err);
	}
	/* What the children are may be another thing now. */
	notify_node(h->m->notify, node_anchor(h->node));
	notify_drain(h->m->notify);
	return rc;
}

static int schema_sync(struct handle *h, struct err *err)
{
	return schema_flush(h, 0, err);
}

static const struct handle_ops schema_ops = {
	.read = handle_read_content,
	.write = schema_write,
	.truncate = schema_truncate,
	.flush = schema_flush,
	.sync = schema_sync,
	.size = handle_size_content,
};

int handle_open_schema(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if (!(flags & O_TRUNC) && (flags & O_ACCMODE) == O_RDONLY) {
		return handle_open_text(m, n, flags, who, out, mode, err);
	}
	int rc = tree_writable(m, n, err);
	struct handle *h = rc == 0 ? handle_new(m, n, &schema_ops, err) : NULL;
	if (h == NULL) {
		return -err->code;
	}
	if (!(flags & O_TRUNC) && node_row(n)->text(m, n, who->uid, &h->content, err) < 0) {
		handle_free(h);
		return -err->code;
	}
	h->uid = who->uid;
	mode->direct = true;
	*out = h;
	return 0;
}

/* ---- .import: fed as it is written, committed by the close ---- */

struct import {
	struct engine_import *sink; /* NULL before the first byte and after the end */
	uint64_t fed;
	int failed; /* errno of a failure, repeated by every later write and close */
	pid_t opener;
};

static int import_start(struct handle *h, struct err *err)
{
	struct import *im = h->state;
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = anchor_path(h, &where, err);
	if (rc == 0) {
		rc = engine_import_open(where.engine, &where.path, node_name(h->node->parent),
			node_name(h->node), &im->sink, err);
	}
	return rc;
}

static int import_fail(struct handle *h, int rc)
{
	struct import *im = h->state;
	im->failed = -rc;
	engine_import_abort(im->sink);
	im->sink = NULL;
	return rc;
}

static int import_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	struct import *im = h->state;
	if (im->failed != 0) {
		err->code = im->failed;
		return -im->failed;
	}
	if (!append && (uint64_t)off != im->fed) {
		return import_fail(
			h, err_set(err, ESPIPE,
				   "an import is written from front to "
				   "back: at byte %llu, expected %llu",
				   (unsigned long long)off, (unsigned long long)im->fed));
	}
	loop_yield();
	int rc = im->sink == NULL ? import_start(h, err) : 0;
	rc = rc == 0 ? engine_import_feed(im->sink, data, err) : rc;
	im->fed += data.n;
	return rc == 0 ? 0 : import_fail(h, rc);
}

static int import_truncate(struct handle *h, off_t size, struct err *err)
{
	const struct import *im = h->state;
	return im->fed == 0 || (uint64_t)size == im->fed
		       ? 0
		       : err_set(err, ESPIPE, "an import is written from front to back");
}

static void import_record(struct handle *h, int rc, const struct err *err, struct buf *report)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	struct node *anchor = node_anchor(h->node);
	node_text(&h->m->nodes, anchor, &dir);
	buf_printf(&line, "import %s %s", node_name(h->node->parent), node_name(h->node));
	control_results_add(&h->m->results, buf_cstr(&dir), buf_slice(&line),
		rc == 0 ? "done" : err->msg, buf_slice(report));
	const char *first = buf_cstr(report);
	buf_printf(&line, ": %.*s", (int)strcspn(first, "\n"), first);
	if (rc < 0) {
		buf_printf(&line, "%s%s", report->n > 0 ? "; " : "", err->msg);
	}
	side_event(&h->m->side, buf_cstr(&dir), buf_cstr(&line));
}

static int import_flush(struct handle *h, pid_t pid, struct err *err)
{
	struct import *im = h->state;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	if (im->failed != 0) {
		err->code = im->failed;
		return -im->failed;
	}
	/* `{ cat a; cat b; } > .import/...`: the opener's close is the end. */
	if (im->sink == NULL || (pid != 0 && !handle_same_process(pid, im->opener))) {
		return 0;
	}
	loop_yield();
	int rc = engine_import_finish(im->sink, &report, err);
	im->sink = NULL;
	im->failed = -rc;
	im->fed = 0;
	import_record(h, rc, err, &report);
	notify_drain(h->m->notify);
	return rc;
}

static int import_size(struct handle *h, uint64_t *out, struct err *err)
{
	const struct import *im = h->state;
	(void)err;
	*out = im != NULL ? im->fed : 0;
	return 0;
}

static int import_sync(struct handle *h, struct err *err)
{
	return import_flush(h, 0, err);
}

static void import_finish(struct handle *h)
{
	struct import *im = h->state;
	struct err err = {0};
	if (im->sink != NULL && import_flush(h, 0, &err) < 0) {
		report_error(h->m, h->uid, "import", h->node, NULL, &err);
	}
	free(im);
}

static const struct handle_ops import_ops = {
	.write = import_write,
	.truncate = import_truncate,
	.flush = import_flush,
	.sync = import_sync,
	.size = import_size,
	.finish = import_finish,
};

int handle_open_import(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if ((flags & O_ACCMODE) == O_RDONLY) {
		return err_set(err, EACCES, "%s is only written: cp FILE here; .export is read",
			node_name(n));
	}
	int rc = tree_writable(m, n, err);
	struct handle *h = rc == 0 ? handle_new(m, n, &import_ops, err) : NULL;
	struct import *im = h != NULL ? calloc(1, sizeof(*im)) : NULL;
	if (h == NULL) {
		return -err->code;
	}
	h->state = im;
	if (im == NULL) {
		h->ops = &schema_ops; /* nothing to finish */
		handle_free(h);
		return err_set(err, ENOMEM, "out of memory");
	}
	im->opener = who->pid;
	h->uid = who->uid;
	mode->direct = true;
	*out = h;
	return 0;
}

/* ---- .export: streamed; a window of what was read last can be read again ---- */

#define WINDOW_BYTES ((size_t)1024 * 1024)

struct export
{
	struct engine_export *stream;
	uint64_t size;
	uint64_t start; /* where handle.content begins in the text */
};

static int export_open_stream(struct handle *h, struct err *err)
{
	struct export *x = h->state;
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = anchor_path(h, &where, err);
	if (rc == 0) {
		rc = engine_export_open(
			where.engine, &where.path, node_name(h->node), &x->stream, &x->size, err);
	}
	return rc;
}

/* A read before the window begins anew. The text is then of now, not of when the
 * file was opened: only possible for programs that seek back over a megabyte. */
static int export_restart(struct handle *h, struct err *err)
{
	struct export *x = h->state;
	engine_export_close(x->stream);
	x->stream = NULL;
	x->start = 0;
	buf_clear(&h->content);
	return export_open_stream(h, err);
}

/* Until the content reaches `end`, or the text ends. */
static int export_fill(struct handle *h, uint64_t off, uint64_t end, struct err *err)
{
	struct export *x = h->state;
	while (x->start + h->content.n < end) {
		if (h->content.n > WINDOW_BYTES && off > x->start + h->content.n / 2) {
			size_t drop = h->content.n / 2;
			memmove(h->content.p, h->content.p + drop, h->content.n - drop);
			h->content.n -= drop;
			x->start += drop;
		}
		size_t before = h->content.n;
		int rc = engine_export_read(x->stream, &h->content, err);
		if (rc < 0) {
			return rc;
		}
		if (h->content.n == before) {
			return 0;
		}
	}
	return 0;
}

static int export_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	struct export *x = h->state;
	int rc = 0;
	(void)tmp;
	loop_yield();
	if (x->stream == NULL || (uint64_t)off < x->start) {
		rc = export_restart(h, err);
	}
	rc = rc == 0 ? export_fill(h, (uint64_t)off, (uint64_t)off + n, err) : rc;
	if (rc < 0) {
		return rc;
	}
	return handle_read_content(h, off - (off_t)x->start, n, out, NULL, err);
}

static int export_size(struct handle *h, uint64_t *out, struct err *err)
{
	const struct export *x = h->state;
	(void)err;
	*out = x != NULL ? x->size : 0;
	return 0;
}

static void export_finish(struct handle *h)
{
	struct export *x = h->state;
	if (x != NULL) {
		engine_export_close(x->stream);
		free(x);
	}
}

static const struct handle_ops export_ops = {
	.read = export_read, .size = export_size, .finish = export_finish};

int handle_size_export(struct mount *m, struct node *n, uint64_t *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_export *stream = NULL;
	int rc = node_path(&m->nodes, node_anchor(n), &where, err);
	if (rc == 0) {
		loop_yield();
		rc = engine_export_open(where.engine, &where.path, node_name(n), &stream, out, err);
	}
	engine_export_close(stream);
	return rc;
}

int handle_open_export(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	(void)who;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
		return err_set(err, EACCES, "%s is only read; .import is written", node_name(n));
	}
	struct handle *h = handle_new(m, n, &export_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	h->state = calloc(1, sizeof(struct export));
	loop_yield();
	int rc = h->state == NULL ? err_set(err, ENOMEM, "out of memory")
				  : export_open_stream(h, err);
	if (rc < 0) {
		handle_free(h);
		return rc;
	}
	mode->direct = true;
	mode->no_flush = true;
	*out = h;
	return 0;
}
