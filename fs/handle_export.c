/* Open files that are streamed from an engine: `.export/<format>`, NAME.<format>
 * beside a directory, results of queries. A window of what was read last can be
 * read again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/transfer.h"

#define WINDOW_BYTES ((size_t)1024 * 1024)

struct export
{
	transfer_open_fn *open;
	struct engine_export *stream;
	uint64_t size;
	uint64_t start; /* where handle.content begins in the text */
};

/* A read before the window begins anew. The text is then of now, not of when the
 * file was opened: only possible for programs that seek back over a megabyte. */
static int export_restart(struct handle *h, struct err *err)
{
	struct export *x = h->state;
	engine_export_close(x->stream);
	x->stream = NULL;
	x->start = 0;
	buf_clear(&h->content);
	return x->open(h->m, h->node, &x->stream, &x->size, err);
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

int transfer_open_export(struct mount *m, struct node *n, struct engine_export **stream,
	uint64_t *size, struct err *err)
{
	CLEANUP(transfer_place_free) struct transfer_place p;
	int rc = transfer_place(m, n, &p, err);
	return rc < 0 ? rc
		      : engine_export_open(p.where.engine, &p.path, p.format, stream, size, err);
}

int handle_size_stream(
	struct mount *m, struct node *n, transfer_open_fn *open, uint64_t *out, struct err *err)
{
	struct engine_export *stream = NULL;
	loop_yield();
	int rc = open(m, n, &stream, out, err);
	engine_export_close(stream);
	return rc;
}

int handle_size_export(struct mount *m, struct node *n, uint64_t *out, struct err *err)
{
	return handle_size_stream(m, n, transfer_open_export, out, err);
}

int handle_open_stream(struct mount *m, struct node *n, transfer_open_fn *open, struct handle **out,
	struct handle_mode *mode, struct err *err)
{
	struct handle *h = handle_new(m, n, &export_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	struct export *x = h->state = calloc(1, sizeof(*x));
	if (x == NULL) {
		handle_free(h);
		return err_set(err, ENOMEM, "out of memory");
	}
	x->open = open;
	loop_yield();
	int rc = open(m, n, &x->stream, &x->size, err);
	if (rc < 0) {
		handle_free(h);
		return rc;
	}
	mode->direct = true;
	mode->no_flush = true;
	*out = h;
	return 0;
}

int handle_open_export(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	(void)who;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
		return err_set(err, EACCES, "%s is only read; .import is written", node_name(n));
	}
	return handle_open_stream(m, n, transfer_open_export, out, mode, err);
}
