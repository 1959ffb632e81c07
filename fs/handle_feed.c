/* A feed: lines that an engine keeps of what changes, the oldest of which it drops at
 * times. As a file it begins with the oldest that is there when it is opened by nobody
 * else; while anybody has it open it only grows, so that `tail -f` and whoever keeps an
 * offset go on, and what was dropped since reads as empty lines.
 *
 * It is a reserved file of a directory, or (ENGINE_HAS_FEEDS) an engine's file, to which
 * others append: there the engine is told who listens. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"
#include "fs/tree.h"

/* What the file is of the feed now. */
struct range {
	uint64_t base; /* the feed's offset of the file's first byte */
	uint64_t start;
	uint64_t end;
};

/* Where the file begins: stays while a handle is open. */
static uint64_t settle_base(struct mount *m, struct node *n, uint64_t start)
{
	LOCKED(&m->nodes.lock);
	struct node_more *more = node_more(n);
	if (more == NULL) {
		return start;
	}
	if (more->handles == NULL || more->feed_base > start) {
		more->feed_base = start;
	}
	return more->feed_base;
}

static int get_range(struct mount *m, struct node *n, struct node_path *where, struct range *out,
	struct err *err)
{
	int rc = node_path(&m->nodes, node_anchor(n), where, err);
	rc = rc == 0 ? engine_feed_bounds(where->engine, &where->path, &out->start, &out->end, err)
		     : rc;
	if (rc == 0) {
		out->base = settle_base(m, n, out->start);
	}
	return rc;
}

int handle_size_feed(struct mount *m, struct node *n, uint64_t *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct range r;
	int rc = get_range(m, n, &where, &r, err);
	*out = rc == 0 ? r.end - r.base : 0;
	return rc;
}

static int read_lines(const struct node_path *where, uint64_t at, size_t n, struct buf *tmp,
	struct slice *out, struct err *err)
{
	int rc = engine_feed_read(where->engine, &where->path, at, n, tmp, err);
	*out = buf_slice(tmp);
	return rc;
}

static int empty_lines(size_t n, struct buf *tmp, struct slice *out, struct err *err)
{
	if (!buf_resize(tmp, n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	memset(tmp->p, '\n', n);
	*out = slice_make(tmp->p, n);
	return 0;
}

/* Lines may be dropped between the two questions: then they read as empty, too. */
static int feed_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct range r;
	int rc = get_range(h->m, h->node, &where, &r, err);
	while (rc == 0) {
		uint64_t at = r.base + (uint64_t)off;
		uint64_t left = at < r.end ? r.end - at : 0;
		if (left == 0 || n == 0) {
			*out = slice_make(NULL, 0);
			return 0;
		}
		if (at < r.start) {
			left = r.start - at;
			return empty_lines(left < n ? (size_t)left : n, tmp, out, err);
		}
		rc = read_lines(&where, at, left < n ? (size_t)left : n, tmp, out, err);
		if (rc != -ERANGE) {
			return rc;
		}
		err_clear(err);
		node_path_free(&where);
		where = (struct node_path){0};
		rc = get_range(h->m, h->node, &where, &r, err);
	}
	return rc;
}

static int feed_size(struct handle *h, uint64_t *out, struct err *err)
{
	return handle_size_feed(h->m, h->node, out, err);
}

/* ---- feeds that are an engine's files ---- */

/* An open one. Where it was when it was opened: there it is closed, too. */
struct feed {
	struct node_path where;
	bool reads;
};

/* What is appended is what one write(2) brings, wherever the program thinks that it is. */
static int feed_write(struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	const struct feed *f = h->state;
	(void)off;
	(void)append;
	loop_yield();
	return engine_feed_append(f->where.engine, &f->where.path, data, err);
}

/* `>` appends as `>>` does: nothing that was said can be taken back. */
static int feed_truncate(struct handle *h, off_t size, struct err *err)
{
	(void)h;
	(void)size;
	(void)err;
	return 0;
}

static void feed_free(struct feed *f)
{
	if (f != NULL) {
		node_path_free(&f->where);
		free(f);
	}
}

static void feed_finish(struct handle *h)
{
	struct feed *f = h->state;
	if (f != NULL && f->reads) {
		engine_feed_close(f->where.engine, &f->where.path);
	}
	feed_free(f);
}

/* ---- opening ---- */

static const struct handle_ops feed_ops = {.read = feed_read, .size = feed_size};
static const struct handle_ops child_ops = {.read = feed_read,
	.write = feed_write,
	.truncate = feed_truncate,
	.size = feed_size,
	.finish = feed_finish};

static int refuse_writing(struct mount *m, struct node *n, int flags, struct err *err)
{
	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC)) {
		return 0;
	}
	return n->feed && engine_ops(n->engine)->feed_append != NULL
		       ? tree_writable(m, n->parent, err)
		       : err_set(err, EACCES, "%s is only read", node_name(n));
}

/* Who listens is told to the engine before it is asked where the feed ends. */
static int start_feed(
	struct mount *m, struct node *n, int flags, struct feed **out, struct err *err)
{
	struct feed *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = node_path(&m->nodes, n, &f->where, err);
	if (rc == 0 && (flags & O_ACCMODE) != O_WRONLY) {
		rc = engine_feed_open(f->where.engine, &f->where.path, err);
		f->reads = rc == 0;
	}
	if (rc < 0) {
		feed_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

int handle_open_feed(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	uint64_t size;
	struct feed *f = NULL;
	int rc = refuse_writing(m, n, flags, err);
	rc = rc == 0 && n->feed ? start_feed(m, n, flags, &f, err) : rc;
	if (rc < 0) {
		return rc;
	}
	rc = handle_size_feed(m, n, &size, err);
	struct handle *h = rc == 0 ? handle_new(m, n, n->feed ? &child_ops : &feed_ops, err) : NULL;
	if (h == NULL) {
		if (f != NULL && f->reads) {
			engine_feed_close(f->where.engine, &f->where.path);
		}
		feed_free(f);
		return rc < 0 ? rc : -ENOMEM;
	}
	h->state = f;
	h->uid = who->uid;
	mode->direct = true;
	mode->no_flush = true;
	*out = h;
	return 0;
}
