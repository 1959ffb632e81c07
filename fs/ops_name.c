/* mkdir, rmdir, unlink, symlink, mknod, link. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "fs/displaced.h"
#include "fs/attr.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/transfer.h"
#include "fs/view.h"

/* The answer to what made a name: an entry, as a lookup would give it. */
static void reply_made(fuse_req_t req, const char *op, struct node *dir, const char *name)
{
	struct mount *m = mount_of(req);
	CLEANUP(tree_found_free) struct tree_found f = {0};
	struct err err = {0};
	int rc = tree_find(m, dir, name, &f, &err);
	struct node *n = rc == 0 ? node_get(&m->nodes, dir, name, &f.spec, true) : NULL;
	if (n == NULL) {
		reply_done(req, op, dir, name, rc < 0 ? rc : -ENOMEM, &err);
		return;
	}
	struct attr a;
	attr_of_found(m, n, &f, &a);
	struct fuse_entry_param e;
	attr_entry(m, n, &a, &e);
	fuse_reply_entry(req, &e);
}

static int make_container(struct mount *m, struct node *dir, const char *name, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	CLEANUP(tree_found_free) struct tree_found f = {0};
	enum tree_name what;
	int rc = tree_classify(m, dir, name, TREE_WANT_DIR, &what, &f, err);
	rc = rc == 0 ? node_path(&m->nodes, dir, &where, err) : rc;
	if (rc == 0) {
		struct epath child = epath_child(&where.path, f.spec.key);
		rc = engine_mkdir(where.engine, &child, err);
	}
	return rc;
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	struct err err = {0};
	(void)mode;
	metrics_count(&m->metrics, METRIC_mkdir);
	loop_yield();
	int rc = reserved_place_of(dir) == PLACE_VIEWS ? view_make(m, dir, name, &err)
						       : make_container(m, dir, name, &err);
	if (rc < 0) {
		reply_done(req, "mkdir", dir, name, rc, &err);
		return;
	}
	reply_made(req, "mkdir", dir, name);
}

/* The node of a name that is gone now, if the kernel knew it. */
static void forget_name(struct mount *m, struct node *dir, const char *name)
{
	struct node *n = node_peek(&m->nodes, dir, name);
	if (n != NULL) {
		node_unlink(&m->nodes, n);
		node_unref(&m->nodes, n);
	}
}

/* ---- rmdir ---- */

static int refuse_scratch_inside(
	struct mount *m, struct node *dir, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	node_text(&m->nodes, dir, &path);
	buf_putc(&path, '/');
	buf_puts(&path, name);
	int rc = side_list(&m->side, SIDE_SCRATCH, buf_cstr(&path), &names, NULL, err);
	if (rc == 0 && names.n > 0) {
		rc = err_set(err, ENOTEMPTY, "it holds a scratch file, %s", names.p);
	}
	return rc;
}

static int remove_container(struct mount *m, struct node *dir, const char *name,
	const struct tree_found *f, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	if (reserved_place_of(dir) == PLACE_VIEWS) {
		return view_remove(m, dir, buf_slice(&f->key), err);
	}
	if (f->spec.own_engine) {
		return name[0] == '.'
			       ? err_set(err, EPERM, "%s belongs to the mount", name)
			       : err_set(err, EPERM, "a service is there as long as the mount");
	}
	if (f->spec.members) {
		return err_set(
			err, EPERM, "%s shows the members of an item: remove its file", name);
	}
	int rc = tree_writable(m, dir, err);
	rc = rc == 0 ? node_path(&m->nodes, dir, &where, err) : rc;
	rc = rc < 0 ? rc : refuse_scratch_inside(m, dir, name, err);
	if (rc == 0) {
		struct epath child = epath_child(&where.path, f->spec.key);
		rc = engine_rmdir(where.engine, &child, err);
	}
	return rc;
}

/* Saved queries of a container or cluster that is gone must not turn up in a later one. */
static void drop_side(struct mount *m, struct node *dir, const char *name)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	enum reserved_place place = reserved_place_of(dir);
	if (place == PLACE_DATA ||
		(place == PLACE_VIEWS && view_kind(dir) == ENGINE_VIEW_CLUSTER)) {
		node_text(&m->nodes, dir, &path);
		buf_printf(&path, "/%s", name);
		side_drop_dir(&m->side, buf_cstr(&path));
	}
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	CLEANUP(tree_found_free) struct tree_found f = {0};
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_rmdir);
	loop_yield();
	int rc = tree_find(m, dir, name, &f, &err);
	if (rc == 0 && f.spec.kind != ENGINE_DIR) {
		rc = -ENOTDIR;
	} else if (rc == 0 && f.spec.type == NODE_RESERVED) {
		rc = err_set(&err, EPERM, "%s belongs to the mount", name);
	}
	rc = rc == 0 ? remove_container(m, dir, name, &f, &err) : rc;
	if (rc == 0) {
		forget_name(m, dir, name);
		drop_side(m, dir, name);
	}
	reply_done(req, "rmdir", dir, name, rc, &err);
}

/* ---- unlink ---- */

static bool is_pending(struct mount *m, struct node *dir, const char *name)
{
	struct node *n = node_peek(&m->nodes, dir, name);
	bool pending = n != NULL && n->more->n_pending > 0;
	node_unref(&m->nodes, n);
	return pending;
}

static int remove_item(
	struct mount *m, struct node *dir, const struct tree_found *f, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = node_path(&m->nodes, dir, &where, err);
	if (rc < 0) {
		return rc;
	}
	where.path = epath_child(&where.path, f->spec.key);
	rc = engine_remove(where.engine, &where.path, ENGINE_VERSION_ANY, err);
	m->nodes.changes++;
	if (rc == 0) {
		handle_tell_twins(m, dir, &where, f->spec.form);
	}
	return rc;
}

static int remove_file(struct mount *m, struct node *dir, const char *name,
	const struct tree_found *f, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	if (f->spec.kind == ENGINE_DIR) {
		return -EISDIR;
	}
	if (f->spec.type == NODE_KEY) {
		int rc = tree_writable(m, dir, err);
		return rc < 0 ? rc : remove_item(m, dir, f, err);
	}
	if (f->spec.row == &reserved_beside) {
		return err_set(err, EPERM,
			"%s is all of a directory as one file: remove what is in that, then rmdir "
			"it",
			name);
	}
	if (f->spec.row == &reserved_result) {
		return err_set(err, EPERM, "%s is the result of a query: remove that", name);
	}
	if (f->spec.type == NODE_RESERVED) {
		return err_set(err, EPERM, "%s belongs to the mount", name);
	}
	int rc = f->spec.row == NULL ? tree_writable(m, dir, err) : 0;
	if (rc < 0) {
		return rc;
	}
	node_side_dir(&m->nodes, dir, &path);
	return side_unlink(&m->side, f->spec.row != NULL ? SIDE_REJECTED : SIDE_SCRATCH,
		buf_cstr(&path), name, err);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	CLEANUP(tree_found_free) struct tree_found f = {0};
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_unlink);
	if (m->opts->sync != MOUNTOPTS_SYNC_INTERVAL) {
		loop_yield();
	}
	int rc = tree_find(m, dir, name, &f, &err);
	if (rc == -ENOENT && is_pending(m, dir, name)) {
		rc = 0; /* made, not yet committed: there is nothing to remove but the name */
	} else if (rc == 0 &&
		   !((f.spec.type == NODE_KEY || reserved_is_named(f.spec.row)) &&
			   displaced_again(m, dir, name, fuse_req_ctx(req)->pid, f.info.version))) {
		rc = remove_file(m, dir, name, &f, &err);
	}
	if (rc == 0) {
		forget_name(m, dir, name);
	}
	reply_done(req, "unlink", dir, name, rc, &err);
}

/* ---- scratch files by other means ---- */

static int classify_scratch(struct mount *m, struct node *dir, const char *name, struct err *err)
{
	CLEANUP(tree_found_free) struct tree_found f = {0};
	enum tree_name what;
	int rc = tree_classify(m, dir, name, TREE_WANT_NEW, &what, &f, err);
	if (rc == 0 && what != TREE_SCRATCH) {
		rc = err_set(err, EPERM, "what has this name is a file with content: write it");
	}
	return rc;
}

void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_symlink);
	int rc = classify_scratch(m, dir, name, &err);
	if (rc == 0) {
		node_text(&m->nodes, dir, &path);
		rc = side_symlink(&m->side, buf_cstr(&path), name, link, &err);
	}
	if (rc < 0) {
		reply_done(req, "symlink", dir, name, rc, &err);
		return;
	}
	reply_made(req, "symlink", dir, name);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t dev)
{
	struct mount *m = mount_of(req);
	struct node *dir = node_of(m, parent);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct side_file *f;
	struct err err = {0};
	(void)dev;
	metrics_count(&m->metrics, METRIC_mknod);
	int rc = S_ISREG(mode) ? classify_scratch(m, dir, name, &err)
			       : err_set(&err, EPERM, "only regular files can be made here");
	if (rc == 0) {
		node_text(&m->nodes, dir, &path);
		struct side_how how = {.flags = O_CREAT | O_EXCL,
			.mode = mode & 0777,
			.uid = fuse_req_ctx(req)->uid};
		rc = side_open(&m->side, buf_cstr(&path), name, &how, &f, &err);
		if (rc == 0) {
			side_close(&m->side, f);
		}
	}
	if (rc < 0) {
		reply_done(req, "mknod", dir, name, rc, &err);
		return;
	}
	reply_made(req, "mknod", dir, name);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	(void)ino;
	(void)parent;
	(void)name;
	metrics_count(&m->metrics, METRIC_link);
	/* What link(2) says of file systems without hard links. */
	reply_errno(req, EPERM);
}
