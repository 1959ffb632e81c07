/* Open scratch files (fs/side.h has the file itself) and refused texts. */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"
#include "fs/reserved.h"

struct scratch {
	struct side_file *file;
	bool written; /* since it became an item */
	bool unsaved; /* written since the last close that made it durable */
};

static int scratch_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	const struct scratch *x = h->state;
	int rc = side_read(&h->m->side, x->file, off, n, tmp, err);
	*out = buf_slice(tmp);
	return rc;
}

/* A scratch file renamed onto an item's name while it was open. What is written
 * since follows at the next flush. */
static bool became_item(struct handle *h)
{
	LOCKED(&h->m->nodes.lock);
	return h->node->type == NODE_KEY && !h->node->unlinked;
}

static int scratch_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	struct scratch *x = h->state;
	if (became_item(h)) {
		x->written = true;
	}
	x->unsaved = true;
	return side_write(&h->m->side, x->file, data, off, append, err);
}

static int scratch_truncate(struct handle *h, off_t size, struct err *err)
{
	struct scratch *x = h->state;
	x->unsaved = true;
	return side_truncate(&h->m->side, x->file, size, err);
}

static int put_text(
	struct handle *h, const struct node_path *where, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct node *dir = node_place(&h->m->nodes, h->node, &name);
	struct handle_target target = {
		.dir = dir, .name = buf_cstr(&name), .where = where, .form = h->node->form};
	int rc = handle_put(h->m, &target, text, ENGINE_VERSION_ANY, h->uid, "close", err);
	node_unref(&h->m->nodes, dir);
	return rc;
}

/* Saved queries are not drafts: durable when close returns. */
static bool is_query(struct handle *h)
{
	LOCKED(&h->m->nodes.lock);
	return reserved_place_of(h->node->parent) == PLACE_QUERY;
}

static int scratch_flush(struct handle *h, pid_t pid, struct err *err)
{
	struct scratch *x = h->state;
	struct side *s = &h->m->side;
	(void)pid;
	if (x->unsaved && is_query(h)) {
		h->m->nodes.changes++; /* its results show something else */
		loop_yield();
		int rc = side_sync(s, x->file, err);
		x->unsaved = rc != 0;
		return rc;
	}
	if (!x->written || !became_item(h)) {
		return 0;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(node_path_free) struct node_path where = {0};
	x->written = false;
	loop_yield();
	int rc = side_read(s, x->file, 0, (size_t)side_size(s, x->file), &text, err);
	rc = rc == 0 ? node_path(&h->m->nodes, h->node, &where, err) : rc;
	return rc == 0 ? put_text(h, &where, buf_slice(&text), err) : rc;
}

static int scratch_sync(struct handle *h, struct err *err)
{
	const struct scratch *x = h->state;
	loop_yield();
	int rc = scratch_flush(h, 0, err);
	return rc == 0 ? side_sync(&h->m->side, x->file, err) : rc;
}

static int scratch_size(struct handle *h, uint64_t *out, struct err *err)
{
	const struct scratch *x = h->state;
	(void)err;
	*out = side_size(&h->m->side, x->file);
	return 0;
}

/* A rename may make its inode an item's: then nobody is to read that through the
 * page cache while this handle can change size and content. */
static void count_writer(struct handle *h, int by)
{
	LOCKED(&h->m->nodes.lock);
	h->node->n_writers += (unsigned)by;
}

static void scratch_finish(struct handle *h)
{
	struct scratch *x = h->state;
	if (x != NULL) {
		count_writer(h, -1);
		side_close(&h->m->side, x->file);
		free(x);
	}
}

static const struct handle_ops scratch_ops = {
	.read = scratch_read,
	.write = scratch_write,
	.truncate = scratch_truncate,
	.flush = scratch_flush,
	.sync = scratch_sync,
	.size = scratch_size,
	.finish = scratch_finish,
};

static int open_scratch(struct handle *h, const char *dir, const char *name,
	const struct side_how *how, struct err *err)
{
	struct scratch *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = side_open(&h->m->side, dir, name, how, &x->file, err);
	if (rc < 0) {
		free(x);
		return rc;
	}
	h->state = x;
	count_writer(h, 1);
	return 0;
}

/* ---- refused texts: files on disk ---- */

static int rejected_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	if (!buf_resize(tmp, n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	ssize_t got = pread(h->fd, tmp->p, n, off);
	if (got < 0) {
		return err_errno(err, "refused text");
	}
	*out = slice_make(tmp->p, (size_t)got);
	return 0;
}

static int rejected_size(struct handle *h, uint64_t *out, struct err *err)
{
	struct stat st;
	if (fstat(h->fd, &st) < 0) {
		return err_errno(err, "refused text");
	}
	*out = (uint64_t)st.st_size;
	return 0;
}

static const struct handle_ops rejected_ops = {.read = rejected_read, .size = rejected_size};

static int open_rejected(struct handle *h, const char *dir, const char *name, struct err *err)
{
	h->fd = side_open_rejected(&h->m->side, dir, name, err);
	return h->fd < 0 ? h->fd : 0;
}

int handle_open_side(struct mount *m, struct node *node, const struct side_how *how,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	bool rejected = node_row(node) != NULL;
	if (rejected && (how->flags & O_ACCMODE) != O_RDONLY) {
		return err_set(err, EACCES, "a refused text is kept as it was; copy it to edit it");
	}
	struct handle *h = handle_new(m, node, rejected ? &rejected_ops : &scratch_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	h->uid = how->uid;
	node_side_place(&m->nodes, node, &dir, &name);
	int rc = rejected ? open_rejected(h, buf_cstr(&dir), buf_cstr(&name), err)
			  : open_scratch(h, buf_cstr(&dir), buf_cstr(&name), how, err);
	if (rc < 0) {
		handle_free(h);
		return rc;
	}
	mode->direct = true;
	*out = h;
	return 0;
}
