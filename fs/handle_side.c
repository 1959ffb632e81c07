/* Open scratch files and refused texts: descriptors of files under SITE/side. */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"

static int side_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	if (!buf_resize(tmp, n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	ssize_t got = pread(h->fd, tmp->p, n, off);
	if (got < 0) {
		return err_errno(err, "scratch file");
	}
	*out = slice_make(tmp->p, (size_t)got);
	return 0;
}

/* Written since it became an item: a scratch file renamed onto an item's name
 * while it was open. Its content follows at the next flush. */
static bool became_item(const struct handle *h)
{
	LOCKED(&h->m->nodes.lock);
	return h->node->type == NODE_KEY && !h->node->unlinked;
}

static int side_handle_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	if (became_item(h)) {
		h->state = h; /* marks it */
	}
	return side_write(&h->m->side, h->fd, data, off, append, err);
}

static int side_handle_truncate(struct handle *h, off_t size, struct err *err)
{
	return side_truncate(&h->m->side, h->fd, size, err);
}

static int read_all(int fd, struct buf *out, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0 || !buf_resize(out, (size_t)st.st_size)) {
		return err_errno(err, "scratch file");
	}
	ssize_t n = pread(fd, out->p, out->n, 0);
	if (n < 0) {
		return err_errno(err, "scratch file");
	}
	out->n = (size_t)n;
	return 0;
}

static int side_flush(struct handle *h, pid_t pid, struct err *err)
{
	(void)pid;
	if (h->state == NULL || !became_item(h)) {
		return 0;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(node_path_free) struct node_path where = {0};
	h->state = NULL;
	loop_yield();
	int rc = read_all(h->fd, &text, err);
	rc = rc == 0 ? node_path(&h->m->nodes, h->node, &where, err) : rc;
	if (rc == 0) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		struct node *dir = node_place(&h->m->nodes, h->node, &name);
		struct handle_target target = {
			.dir = dir, .name = buf_cstr(&name), .where = &where, .form = h->node->form};
		rc = handle_put(h->m, &target, buf_slice(&text), ENGINE_VERSION_ANY, h->uid,
			"close", err);
		node_unref(&h->m->nodes, dir);
	}
	return rc;
}

static int side_sync(struct handle *h, struct err *err)
{
	loop_yield();
	int rc = side_flush(h, 0, err);
	return rc == 0 && fsync(h->fd) < 0 ? err_errno(err, "scratch file") : rc;
}

static int side_size(struct handle *h, uint64_t *out, struct err *err)
{
	struct stat st;
	if (fstat(h->fd, &st) < 0) {
		return err_errno(err, "scratch file");
	}
	*out = (uint64_t)st.st_size;
	return 0;
}

/* A rename may make its inode an item's: then nobody is to read that through the
 * page cache while this handle can change size and content. */
static void count_writer(struct handle *h, int by)
{
	LOCKED(&h->m->nodes.lock);
	h->node->cache.n_writers += (unsigned)by;
}

static void side_let_go(struct handle *h)
{
	if (h->fd >= 0) {
		count_writer(h, -1);
	}
}

static const struct handle_ops side_ops = {
	.read = side_read,
	.write = side_handle_write,
	.truncate = side_handle_truncate,
	.flush = side_flush,
	.sync = side_sync,
	.size = side_size,
	.finish = side_let_go,
};

static const struct handle_ops rejected_ops = {.read = side_read, .size = side_size};

int handle_open_side(struct mount *m, struct node *node, int flags, mode_t create_mode,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	bool rejected = node->row != NULL;
	if (rejected && (flags & O_ACCMODE) != O_RDONLY) {
		return err_set(err, EACCES, "a refused text is kept as it was; copy it to edit it");
	}
	struct handle *h = handle_new(m, node, rejected ? &rejected_ops : &side_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	node_side_place(&m->nodes, node, &dir, &name);
	/* Always readable for us: a rename onto an item reads it. Appending is done
	 * by side_write(), with the offset of the moment. */
	int rw = rejected ? O_RDONLY : O_RDWR;
	h->fd = side_open(&m->side, rejected ? SIDE_REJECTED : SIDE_SCRATCH, buf_cstr(&dir),
		buf_cstr(&name), rw | (flags & (O_CREAT | O_EXCL | O_TRUNC)), create_mode, err);
	if (h->fd < 0) {
		handle_free(h);
		return -err->code;
	}
	if (!rejected) {
		count_writer(h, 1);
	}
	mode->direct = true;
	*out = h;
	return 0;
}
