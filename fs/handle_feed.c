/* A feed: lines that an engine keeps of what changes, the oldest of which it drops at
 * times. As a file it begins with the oldest that is there when it is opened by nobody
 * else; while anybody has it open it only grows, so that `tail -f` and whoever keeps an
 * offset go on, and what was dropped since reads as empty lines. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"

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

static const struct handle_ops feed_ops = {.read = feed_read, .size = feed_size};

int handle_open_feed(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	uint64_t size;
	(void)who;
	if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)) {
		return err_set(err, EACCES, "%s is only read", node_name(n));
	}
	int rc = handle_size_feed(m, n, &size, err);
	struct handle *h = rc == 0 ? handle_new(m, n, &feed_ops, err) : NULL;
	if (h == NULL) {
		return rc < 0 ? rc : -ENOMEM;
	}
	mode->direct = true;
	mode->no_flush = true;
	*out = h;
	return 0;
}
