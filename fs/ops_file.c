/* open, create, read, write, flush, fsync, release, fallocate, lseek. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>

#include "engines/common/cleanup.h"
#include "fs/attr.h"
#include "fs/gather.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/transfer.h"

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static int open_key(struct mount *m, struct node *node, int flags, bool create,
	const struct fuse_ctx *who, struct handle **out, struct handle_mode *mode, struct err *err)
{
	if (node->feed) {
		return handle_open_feed(m, node, flags, who, out, mode, err);
	}
	return node_is_stream(node) ? handle_open_beside(m, node, flags, who, out, mode, err)
				    : handle_open_item(m, node, flags, create, who, out, mode, err);
}

int handle_open(struct mount *m, struct node *node, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	enum node_type type = node->type; /* clang 14 takes no atomic in switch */
	switch (type) {
	case NODE_KEY: return open_key(m, node, flags, false, who, out, mode, err);
	case NODE_SIDE: {
		struct side_how how = {.flags = flags, .uid = who->uid};
		bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
		int rc = writes && node_row(node) == NULL ? tree_writable(m, node, err) : 0;
		if (rc < 0) {
			return rc;
		}
		return handle_open_side(m, node, &how, out, mode, err);
	}
	case NODE_RESERVED:
		return (node_row(node)->open != NULL ? node_row(node)->open : handle_open_text)(
			m, node, flags, who, out, mode, err);
	case NODE_ROOT: break;
	}
	return err_set(err, EISDIR, "this is a directory");
}

/* A small file's content goes along with the answer: no READ will follow. */
static void store_content(struct mount *m, struct handle *h)
{
	struct fuse_bufvec content = FUSE_BUFVEC_INIT(h->content.n);
	content.buf[0].mem = h->content.p;
	if (fuse_lowlevel_notify_store(m->session, node_number(m, h->node), 0, &content, 0) == 0) {
		metrics_add(&m->metrics.stored, 1);
		metrics_add(&m->metrics.bytes_read, h->content.n);
	}
}

static void set_mode(struct mount *m, struct handle *h, const struct handle_mode *mode,
	struct fuse_file_info *fi)
{
	if (mode->store) {
		store_content(m, h);
	}
	fi->fh = (uintptr_t)h;
	fi->direct_io = mode->direct;
	fi->keep_cache = mode->keep_cache;
	fi->noflush = mode->no_flush;
	fi->nonseekable = mode->stream;
}

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	struct handle *h = NULL;
	struct handle_mode mode = {0};
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_open);
	int rc = handle_open(m, n, fi->flags, fuse_req_ctx(req), &h, &mode, &err);
	if (rc < 0) {
		reply_done(req, "open", n, NULL, rc, &err);
		return;
	}
	set_mode(m, h, &mode, fi);
	if (fuse_reply_open(req, fi) == -ENOENT) {
		handle_free(h); /* the opener was interrupted: no RELEASE will come */
	}
}

/* ---- create ---- */

static int create_scratch(struct mount *m, struct node *dir, const char *name,
	const struct side_how *how, struct node **node, struct handle **h, struct handle_mode *hm,
	struct err *err)
{
	struct node_spec spec = {.type = NODE_SIDE, .kind = ENGINE_FILE};
	*node = node_get(&m->nodes, dir, name, &spec, true);
	if (*node == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = handle_open_side(m, *node, how, h, hm, err);
	if (rc < 0) {
		node_forget(&m->nodes, *node, 1);
	}
	return rc;
}

/* The item may be there by now, made by a faster process: then this is an open. */
static int create_item(struct mount *m, struct node *dir, const char *name,
	const struct tree_found *f, int flags, const struct fuse_ctx *who, struct node **node,
	struct handle **h, struct handle_mode *hm, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_info info;
	*node = node_get(&m->nodes, dir, name, &f->spec, true);
	if (*node == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	(*node)->kept = true; /* what reply_created() will say */
	int rc = node_path(&m->nodes, *node, &where, err);
	if (rc == 0) {
		rc = engine_stat(where.engine, &where.path, f->spec.form, &info, err);
		bool create = rc == -ENOENT;
		if (create) {
			err_clear(err);
		}
		if (!create && displaced_for(m, dir, name, who->pid)) {
			/* Its new text replaces the item that was moved to a backup. */
			flags = (flags & ~O_EXCL) | O_TRUNC;
			displaced_take(m, dir, name, info.version);
		}
		rc = (flags & O_EXCL) && (!create || (*node)->more->n_pending > 0)
			     ? -EEXIST
			     : open_key(m, *node, flags, create, who, h, hm, err);
	}
	if (rc < 0) {
		node_forget(&m->nodes, *node, 1);
	}
	return rc;
}

/* What was moved to a backup name is there for all others: it is replaced. */
static int create_whole(struct mount *m, struct node *dir, const char *name,
	const struct tree_found *f, int flags, const struct fuse_ctx *who, struct node **node,
	struct handle **h, struct handle_mode *hm, struct err *err)
{
	*node = node_get(&m->nodes, dir, name, &f->spec, true);
	if (*node == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (reserved_is_named(f->spec.row)) {
		displaced_take(m, dir, name, f->info.version);
	} else {
		displaced_drop(m, dir, name);
	}
	int rc = f->spec.row->open(m, *node, flags | O_CREAT, who, h, hm, err);
	if (rc < 0) {
		node_forget(&m->nodes, *node, 1);
	}
	return rc;
}

static void reply_created(fuse_req_t req, struct node *node, struct handle *h,
	const struct handle_mode *hm, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct attr a;
	struct err err = {0};
	set_mode(m, h, hm, fi);
	if (node->more->n_pending > 0 && h->content.n == 0) {
		attr_of_new(m, node, &a);
	} else if (attr_of_handle(h, &a, &err) < 0) {
		handle_free(h);
		node_forget(&m->nodes, node, 1);
		reply_errno(req, err.code != 0 ? err.code : EIO);
		return;
	}
	struct fuse_entry_param e = {
		.ino = node_number(m, node),
		.attr = a.st,
		/* Until the first write it is as it is now, and a write makes the kernel
		 * ask. A name that comes to nothing is taken back (settle_pending()). */
		.attr_timeout = node->more->n_pending > 0 ? TIMEOUT_FOREVER : a.timeout,
		.entry_timeout = node->type == NODE_RESERVED ? 0 : TIMEOUT_FOREVER,
	};
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		handle_free(h);
		node_forget(&m->nodes, node, 1);
	}
}

static unsigned how_made(int flags, mode_t mode)
{
	bool temporary = (flags & O_ACCMODE) == O_RDWR && (mode & 0777) == 0600;
	return (flags & O_EXCL) == 0 ? 0U : TREE_WANT_NEW | (temporary ? TREE_WANT_TEMPORARY : 0U);
}

void op_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	CLEANUP(tree_found_free) struct tree_found f = {0};
	enum tree_name what = TREE_SCRATCH;
	struct node *node = NULL;
	struct handle *h = NULL;
	struct handle_mode hm = {0};
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_create);
	int rc = tree_classify(m, dir, name, how_made(fi->flags, mode), &what, &f, &err);
	if (rc == 0 && what == TREE_SCRATCH) {
		struct side_how how = {.flags = fi->flags | O_CREAT,
			.mode = mode & 0777,
			.uid = fuse_req_ctx(req)->uid};
		rc = create_scratch(m, dir, name, &how, &node, &h, &hm, &err);
	} else if (rc == 0 && (what == TREE_BESIDE || what == TREE_NAMED)) {
		rc = create_whole(
			m, dir, name, &f, fi->flags, fuse_req_ctx(req), &node, &h, &hm, &err);
	} else if (rc == 0) {
		rc = create_item(
			m, dir, name, &f, fi->flags, fuse_req_ctx(req), &node, &h, &hm, &err);
	}
	if (rc != 0) {
		reply_done(req, "create", dir, name, rc, &err);
		return;
	}
	reply_created(req, node, h, &hm, fi);
}

/* ---- reading and writing ---- */

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	CLEANUP(buf_free) struct buf tmp = BUF_INIT;
	struct slice out = {0};
	struct err err = {0};
	(void)ino;
	metrics_count(&m->metrics, METRIC_read);
	HANDLE_LOCKED(h);
	int rc = h->ops->read == NULL ? -EBADF : h->ops->read(h, off, size, &out, &tmp, &err);
	if (rc < 0) {
		reply_done(req, "read", h->node, NULL, rc, &err);
		return;
	}
	metrics_add(&m->metrics.bytes_read, out.n);
	fuse_reply_buf(req, out.p, out.n);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct err err = {0};
	(void)ino;
	metrics_count(&m->metrics, METRIC_write);
	metrics_add(&m->metrics.bytes_written, size);
	HANDLE_LOCKED(h);
	int rc = h->ops->write == NULL ? -EBADF
				       : h->ops->write(h, slice_make(data, size), off,
						 (fi->flags & O_APPEND) != 0, &err);
	if (rc < 0) {
		reply_done(req, "write", h->node, NULL, rc, &err);
		return;
	}
	/* The kernel asks for size and time anew after a write(2); not after writing
	 * back a page of a mapping. */
	if (!fi->writepage) {
		h->node->kept = false;
	}
	fuse_reply_write(req, size);
}

void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct err err = {0};
	(void)ino;
	metrics_count(&m->metrics, METRIC_flush);
	if (gather_flush(req, h)) {
		return;
	}
	HANDLE_LOCKED(h);
	int rc = h->ops->flush == NULL ? 0 : h->ops->flush(h, fuse_req_ctx(req)->pid, &err);
	reply_done(req, "close", h->node, NULL, rc, &err);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct err err = {0};
	(void)ino;
	(void)datasync;
	metrics_count(&m->metrics, METRIC_fsync);
	HANDLE_LOCKED(h);
	int rc = h->ops->sync == NULL ? 0 : h->ops->sync(h, &err);
	reply_done(req, "fsync", h->node, NULL, rc, &err);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	(void)ino;
	metrics_count(&m->metrics, METRIC_release);
	handle_free(handle_of(fi));
	fuse_reply_err(req, 0);
}

void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
	struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct err err = {0};
	uint64_t size = 0;
	(void)ino;
	metrics_count(&m->metrics, METRIC_fallocate);
	HANDLE_LOCKED(h);
	int rc = 0;
	if ((mode & ~FALLOC_FL_KEEP_SIZE) != 0) {
		rc = err_set(&err, EOPNOTSUPP, "only plain allocation is supported");
	} else if (h->ops->truncate == NULL || h->ops->size == NULL) {
		rc = -EBADF;
	} else if (mode == 0) {
		rc = h->ops->size(h, &size, &err);
		if (rc == 0 && (uint64_t)(offset + length) > size) {
			rc = h->ops->truncate(h, offset + length, &err);
		}
	}
	reply_done(req, "fallocate", h->node, NULL, rc, &err);
}

/* All content is data; the hole begins at its end. */
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct handle *h = handle_of(fi);
	struct err err = {0};
	uint64_t size = 0;
	(void)ino;
	metrics_count(&m->metrics, METRIC_lseek);
	HANDLE_LOCKED(h);
	int rc = h->ops->size == NULL ? -EINVAL : h->ops->size(h, &size, &err);
	if (rc < 0) {
		reply_done(req, "lseek", h->node, NULL, rc, &err);
	} else if ((uint64_t)off >= size) {
		reply_errno(req, ENXIO);
	} else {
		fuse_reply_lseek(req, whence == SEEK_HOLE ? (off_t)size : off);
	}
}
