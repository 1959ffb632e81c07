/* lookup, forget, getattr, setattr, readlink, extended attributes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "fs/attr.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/transfer.h"

static bool is_being_made(struct mount *m, struct node *n)
{
	LOCKED(&m->nodes.lock);
	return n->type == NODE_KEY
		       ? n->more->n_pending > 0
		       : (node_row(n) == &reserved_beside || node_row(n) == &reserved_load) &&
				 n->more->handles != NULL;
}

/* A name that a file being made has: the one that makes it may look it up. */
static bool reply_pending(fuse_req_t req, struct node *dir, const char *name)
{
	struct mount *m = mount_of(req);
	struct node *n = node_peek(&m->nodes, dir, name);
	if (n == NULL) {
		return false;
	}
	struct attr a;
	struct err err = {0};
	struct fuse_entry_param e;
	bool there = is_being_made(m, n) && attr_of_node(m, n, &a, &err) == 0;
	if (there) {
		pthread_mutex_lock(&m->nodes.lock);
		n->lookups++;
		pthread_mutex_unlock(&m->nodes.lock);
		attr_entry(m, n, &a, &e);
		fuse_reply_entry(req, &e);
	}
	node_unref(&m->nodes, n);
	return there;
}

static void reply_found(fuse_req_t req, struct node *dir, const char *name, struct tree_found *f)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;
	struct attr a;
	struct node *n = node_get(&m->nodes, dir, name, &f->spec, true);
	if (n == NULL) {
		reply_errno(req, ENOMEM);
		return;
	}
	attr_of_found(m, n, f, &a);
	attr_entry(m, n, &a, &e);
	fuse_reply_entry(req, &e);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	CLEANUP(tree_found_free) struct tree_found f = {0};
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_lookup);
	int rc = tree_find(m, dir, name, &f, &err);
	if (rc == 0 && displaced_for(m, dir, name, fuse_req_ctx(req)->pid)) {
		reply_errno(req, ENOENT);
	} else if (rc == 0) {
		if (f.spec.type == NODE_KEY) {
			node_count_lookup(&m->nodes, dir);
		}
		reply_found(req, dir, name, &f);
	} else if (rc == -ENOENT && f.scratch_name && !engine_fixed(dir->engine) &&
		   !dir->uncached) {
		/* No such scratch file: editors ask again and again. One comes into being
		 * by a request only, so the kernel may remember that there is none. */
		struct fuse_entry_param none = {.entry_timeout = TIMEOUT_FOREVER};
		fuse_reply_entry(req, &none);
	} else if (rc != -ENOENT || !f.named || !reply_pending(req, dir, name)) {
		reply_done(req, "lookup", dir, name, rc, &err);
	}
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	struct mount *m = mount_of(req);
	metrics_count(&m->metrics, METRIC_forget);
	node_forget(&m->nodes, node_of(m, ino), nlookup);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct mount *m = mount_of(req);
	metrics_count(&m->metrics, METRIC_forget);
	for (size_t i = 0; i < count; i++) {
		node_forget(&m->nodes, node_of(m, forgets[i].ino), forgets[i].nlookup);
	}
	nodes_trim(&m->nodes);
	fuse_reply_none(req);
}

static int attr_now(struct mount *m, struct node *n, const struct fuse_file_info *fi,
	struct attr *a, struct err *err)
{
	/* fi is of an open file or, for a directory, of a listing: only the first
	 * has a size of its own. */
	if (fi != NULL && n->kind == ENGINE_FILE) {
		return attr_of_handle((struct handle *)(uintptr_t)fi->fh, a, err);
	}
	return attr_of_node(m, n, a, err);
}

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	struct attr a;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_getattr);
	int rc = attr_now(m, n, fi, &a, &err);
	if (rc == 0) {
		fuse_reply_attr(req, &a.st, a.timeout);
	} else if (rc == -ENOENT) {
		reply_errno(req, ENOENT);
	} else {
		reply_done(req, "stat", n, NULL, rc, &err);
	}
}

/* ---- setattr ---- */

static int truncate_handle(struct handle *h, off_t size, struct err *err)
{
	HANDLE_LOCKED(h);
	if (h->ops->truncate == NULL) {
		return err_set(err, EINVAL, "this file has no length to set");
	}
	return h->ops->truncate(h, size, err);
}

/* truncate(2) by path: what a program would do that opens, truncates, closes. */
static int truncate_path(fuse_req_t req, struct node *n, off_t size, struct err *err)
{
	struct handle *h = NULL;
	struct handle_mode mode = {0};
	const struct fuse_ctx *who = fuse_req_ctx(req);
	loop_yield();
	int rc = handle_open(mount_of(req), n, O_RDWR, who, &h, &mode, err);
	if (rc < 0) {
		return rc;
	}
	rc = truncate_handle(h, size, err);
	if (rc == 0 && h->ops->flush != NULL) {
		HANDLE_LOCKED(h);
		rc = h->ops->flush(h, who->pid, err);
	}
	handle_free(h);
	return rc;
}

static void set_time(const struct stat *attr, int to_set, struct timespec t[2])
{
	t[0] = to_set & FUSE_SET_ATTR_ATIME ? attr->st_atim : (struct timespec){0, UTIME_OMIT};
	t[1] = to_set & FUSE_SET_ATTR_MTIME ? attr->st_mtim : (struct timespec){0, UTIME_OMIT};
	if (to_set & FUSE_SET_ATTR_ATIME_NOW) {
		t[0].tv_nsec = UTIME_NOW;
	}
	if (to_set & FUSE_SET_ATTR_MTIME_NOW) {
		t[1].tv_nsec = UTIME_NOW;
	}
}

/* Mode and times of scratch files are real: editors copy them about. */
static int set_side(
	struct mount *m, struct node *n, const struct stat *attr, int to_set, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct timespec t[2];
	if (node_row(n) != NULL) {
		return err_set(err, EPERM, "a refused text is kept as it was");
	}
	int rc = tree_writable(m, n, err);
	if (rc < 0) {
		return rc;
	}
	node_side_place(&m->nodes, n, &dir, &name);
	set_time(attr, to_set, t);
	return side_set(&m->side, buf_cstr(&dir), buf_cstr(&name),
		to_set & FUSE_SET_ATTR_MODE ? &attr->st_mode : NULL, t, err);
}

/* A time of its own, not only "now". */
static bool sets_time(int to_set)
{
	return (to_set & FUSE_SET_ATTR_MTIME) != 0 && (to_set & FUSE_SET_ATTR_MTIME_NOW) == 0;
}

/* An item that its time let go has no name any more. */
static void tell_if_gone(struct mount *m, struct node *n, const struct node_path *where)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct engine_info info;
	struct err ignored = {0};
	if (engine_stat(where->engine, &where->path, n->form, &info, &ignored) != -ENOENT) {
		return;
	}
	struct node *dir = node_place(&m->nodes, n, &name);
	notify_name(m->notify, dir, buf_cstr(&name));
	notify_list_now(m->notify, dir);
	node_unref(&m->nodes, dir);
	notify_drain(m->notify);
}

/* What was written before is of the item that gets the time. One that is not there, since
 * nothing was written to it yet, gets none. */
static int set_item_time(struct mount *m, struct node *n, const struct stat *attr, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int64_t ns = (int64_t)attr->st_mtim.tv_sec * 1000000000 + attr->st_mtim.tv_nsec;
	if (engine_ops(n->engine)->set_time == NULL) {
		return 0;
	}
	loop_yield();
	int rc = handle_settle(m, n, err);
	rc = rc == 0 ? node_path(&m->nodes, n, &where, err) : rc;
	if (rc < 0 || where.path.depth == 0) {
		return rc;
	}
	rc = engine_set_time(where.engine, &where.path, ns, err);
	m->nodes.changes++;
	if (rc == 0) {
		tell_if_gone(m, n, &where);
	} else if (rc == -ENOENT) {
		err_clear(err);
		rc = 0;
	}
	return rc;
}

static int set_attributes(fuse_req_t req, struct node *n, const struct stat *attr, int to_set,
	const struct fuse_file_info *fi, struct err *err)
{
	struct mount *m = mount_of(req);
	int rc = 0;
	if (to_set & FUSE_SET_ATTR_SIZE) {
		rc = fi != NULL ? truncate_handle(
					  (struct handle *)(uintptr_t)fi->fh, attr->st_size, err)
				: truncate_path(req, n, attr->st_size, err);
	}
	if (rc == 0 && n->type == NODE_SIDE && (to_set & ~FUSE_SET_ATTR_SIZE) != 0) {
		rc = set_side(m, n, attr, to_set, err);
	}
	/* Of a directory, too: a hash is one, and expires like any key. */
	if (rc == 0 && n->type == NODE_KEY && sets_time(to_set)) {
		rc = set_item_time(m, n, attr, err);
	}
	/* Of an item owner, mode and (but for services in which they mean something) times
	 * are not the user's to set: accepted, since editors and cp -p ask, and without
	 * effect. */
	return rc;
}

void op_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	struct attr a;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_setattr);
	int rc = set_attributes(req, n, attr, to_set, fi, &err);
	rc = rc == 0 ? attr_now(m, n, fi, &a, &err) : rc;
	if (rc == -ENOENT && n->type == NODE_KEY && n->kind == ENGINE_FILE && sets_time(to_set)) {
		attr_of_new(m, n, &a);
		a.st.st_nlink = 0;
		rc = 0;
	}
	if (rc == 0) {
		fuse_reply_attr(req, &a.st, a.timeout);
	} else {
		reply_done(req, "setattr", n, NULL, rc, &err);
	}
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf target = BUF_INIT;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_readlink);
	node_side_place(&m->nodes, n, &dir, &name);
	int rc = n->type != NODE_SIDE
			 ? -EINVAL
			 : side_readlink(&m->side, buf_cstr(&dir), buf_cstr(&name), &target, &err);
	if (rc == 0) {
		fuse_reply_readlink(req, buf_cstr(&target));
	} else {
		reply_done(req, "readlink", n, NULL, rc, &err);
	}
}
