/* rename, in all its directions.
 *
 *   scratch -> scratch   a rename on disk
 *   scratch -> item      a commit: the file's text becomes the item
 *   item -> scratch      an editor's backup: the text is copied, the item stays
 *                        until the new one is committed
 *                        (so, too, files beside directories and named texts)
 *   item -> item         re-keyed in one transaction
 *   directory            renamed by the engine; its scratch files move along
 *
 * Afterwards the node stands where the kernel's dentry stands. RENAME_EXCHANGE
 * swaps two items or directories in the engine, and the texts of a scratch file
 * and an item. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "fs/attr.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/transfer.h"
#include "fs/view.h"

struct end {
	struct node *dir;
	const char *name;
	struct buf dir_text;
	struct node_path where; /* of the directory, then (keys) of the thing itself */
	struct tree_found f;
	bool there;
	enum tree_name what;
};

struct renaming {
	struct mount *m;
	uid_t uid;
	pid_t pid;
	unsigned flags;
	struct end from;
	struct end to;
	struct node *node; /* the source's; referenced */
};

static void end_free(struct end *e)
{
	buf_free(&e->dir_text);
	node_path_free(&e->where);
	tree_found_free(&e->f);
}

static void renaming_free(struct renaming *r)
{
	end_free(&r->from);
	end_free(&r->to);
	node_unref(&r->m->nodes, r->node);
}

static bool exchange(const struct renaming *r)
{
	return (r->flags & RENAME_EXCHANGE) != 0;
}

static int open_end(struct mount *m, struct end *e, struct err *err)
{
	node_text(&m->nodes, e->dir, &e->dir_text);
	if (e->dir->engine == NULL) {
		return err_set(err, EPERM, "%s belongs to the mount", e->name);
	}
	return node_path(&m->nodes, e->dir, &e->where, err);
}

static int find_source(struct renaming *r, struct err *err)
{
	struct end *e = &r->from;
	int rc = open_end(r->m, e, err);
	rc = rc == 0 ? tree_find(r->m, e->dir, e->name, &e->f, err) : rc;
	if (rc == -ENOENT && e->f.named) {
		/* Being made: it has a node and no item yet. */
		struct node *n = node_peek(&r->m->nodes, e->dir, e->name);
		rc = n != NULL && n->more->n_pending > 0 ? 0 : rc;
		node_unref(&r->m->nodes, n);
	} else {
		e->there = rc == 0;
	}
	if (rc < 0) {
		return rc;
	}
	if (e->f.spec.row == &reserved_beside) {
		e->what = TREE_BESIDE;
		return tree_writable(r->m, e->dir, err);
	}
	if (reserved_is_named(e->f.spec.row)) {
		e->what = TREE_NAMED;
		return tree_writable(r->m, e->dir, err);
	}
	if (e->f.spec.type == NODE_RESERVED || e->f.spec.own_engine) {
		return err_set(err, ENOTSUP, "%s cannot be renamed", e->name);
	}
	if (e->f.spec.members) {
		return err_set(
			err, ENOTSUP, "%s shows the members of an item: rename its file", e->name);
	}
	rc = tree_writable(r->m, e->dir, err);
	if (rc < 0) {
		return rc;
	}
	if (e->f.spec.type == NODE_SIDE && e->f.spec.row != NULL) {
		return err_set(err, EXDEV, "a refused text is kept as it was; copy it");
	}
	e->what = e->f.spec.type == NODE_SIDE	 ? TREE_SCRATCH
		  : e->f.spec.kind == ENGINE_DIR ? TREE_CONTAINER
						 : TREE_ITEM;
	return 0;
}

static int find_target(struct renaming *r, struct err *err)
{
	struct end *e = &r->to;
	CLEANUP(tree_found_free) struct tree_found old = {0};
	int rc = open_end(r->m, e, err);
	if (rc == 0) {
		unsigned want = r->from.what == TREE_CONTAINER ? TREE_WANT_DIR : 0;
		rc = tree_classify(r->m, e->dir, e->name, want, &e->what, &e->f, err);
	}
	if (rc < 0) {
		return rc;
	}
	rc = tree_find(r->m, e->dir, e->name, &old, err);
	e->there = rc == 0;
	if (rc < 0 && rc != -ENOENT) {
		return rc;
	}
	if (e->there && (r->flags & RENAME_NOREPLACE)) {
		return -EEXIST;
	}
	return exchange(r) && !e->there ? -ENOENT : 0;
}

static struct node_path item_path(const struct end *e)
{
	struct node_path p = {.engine = e->where.engine};
	p.path = epath_child(&e->where.path, e->f.spec.key);
	return p;
}

/* ---- scratch files ---- */

static int read_whole(
	struct side *s, struct side_file *f, uint64_t max, struct buf *out, struct err *err)
{
	uint64_t size = side_size(s, f);
	if (size > max) {
		return err_set(err, EFBIG, "the text has %llu bytes, at most %llu are taken",
			(unsigned long long)size, (unsigned long long)max);
	}
	return side_read(s, f, 0, (size_t)size, out, err);
}

static int read_scratch(struct renaming *r, const struct end *e, struct buf *out, struct err *err)
{
	struct side *s = &r->m->side;
	struct side_how how = {0};
	struct side_file *f;
	struct err why = {0};
	int rc = side_open(s, buf_cstr((struct buf *)&e->dir_text), e->name, &how, &f, &why);
	if (rc == -ELOOP) {
		return err_set(err, EINVAL, "a symbolic link is no item");
	}
	if (rc < 0) {
		return why.code != 0 ? err_set(err, why.code, "%s", why.msg) : rc;
	}
	rc = read_whole(s, f, r->m->opts->max_file_size, out, err);
	side_close(s, f);
	return rc;
}

/* Written beside and renamed, so that a full disk leaves what was there. */
static int write_scratch(
	struct renaming *r, const struct end *e, struct slice text, struct err *err)
{
	struct side *s = &r->m->side;
	const char *dir = buf_cstr((struct buf *)&e->dir_text);
	struct side_how how = {.flags = O_CREAT | O_TRUNC, .mode = 0600, .uid = r->uid};
	struct side_file *f;
	CLEANUP(buf_free) struct buf tmp = BUF_INIT;
	buf_printf(&tmp, ".dbmount-%llu", (unsigned long long)s->serial++);
	int rc = side_open(s, dir, buf_cstr(&tmp), &how, &f, err);
	if (rc < 0) {
		return rc;
	}
	rc = side_write(s, f, text, 0, false, err);
	rc = rc == 0 ? side_rename(s, dir, buf_cstr(&tmp), dir, e->name, 0, err) : rc;
	side_close(s, f);
	if (rc < 0) {
		side_unlink(s, SIDE_SCRATCH, dir, buf_cstr(&tmp), NULL);
	}
	return rc;
}

static int scratch_to_scratch(struct renaming *r, struct err *err)
{
	return side_rename(&r->m->side, buf_cstr(&r->from.dir_text), r->from.name,
		buf_cstr(&r->to.dir_text), r->to.name, r->flags, err);
}

static int put_item(struct renaming *r, struct end *e, struct slice text, struct err *err)
{
	if (e->what == TREE_BESIDE || e->f.spec.stream) {
		return beside_put(r->m, e->dir, e->name, text, err);
	}
	if (e->what == TREE_NAMED) {
		return named_put(r->m, e->dir, e->name, text, r->uid, err);
	}
	struct node_path where = item_path(e);
	struct handle_target target = {
		.dir = e->dir,
		.name = e->name,
		.where = &where,
		.form = e->f.spec.form,
		.replaces = !exchange(r),
	};
	uint64_t expect = r->flags & RENAME_NOREPLACE ? ENGINE_VERSION_ABSENT : ENGINE_VERSION_ANY;
	return handle_put(r->m, &target, text, expect, r->uid, "rename", err);
}

static int get_item(struct renaming *r, const struct end *e, struct buf *out, struct err *err)
{
	struct engine_info info;
	if (e->what == TREE_BESIDE || e->f.spec.stream) {
		return beside_get(r->m, e->dir, e->name, r->m->opts->max_file_size, out, err);
	}
	if (e->what == TREE_NAMED) {
		return named_get(r->m, e->dir, e->name, out, err);
	}
	struct node_path where = item_path(e);
	return engine_read(where.engine, &where.path, e->f.spec.form, out, &info, err);
}

static int scratch_to_item(struct renaming *r, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = read_scratch(r, &r->from, &text, err);
	rc = rc == 0 ? put_item(r, &r->to, buf_slice(&text), err) : rc;
	if (rc == 0) {
		side_unlink(
			&r->m->side, SIDE_SCRATCH, buf_cstr(&r->from.dir_text), r->from.name, NULL);
	}
	return rc;
}

static int item_to_scratch(struct renaming *r, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = get_item(r, &r->from, &text, err);
	rc = rc < 0 ? rc : write_scratch(r, &r->to, buf_slice(&text), err);
	if (rc == 0) {
		displaced_add(r->m, r->from.dir, r->from.name, r->pid);
	}
	return rc;
}

/* One of the ends is a scratch file, the other an item; both are there. */
static int exchange_texts(
	struct renaming *r, struct end *scratch, struct end *item, struct err *err)
{
	CLEANUP(buf_free) struct buf new_text = BUF_INIT;
	CLEANUP(buf_free) struct buf old_text = BUF_INIT;
	int rc = read_scratch(r, scratch, &new_text, err);
	rc = rc == 0 ? get_item(r, item, &old_text, err) : rc;
	rc = rc == 0 ? put_item(r, item, buf_slice(&new_text), err) : rc;
	return rc == 0 ? write_scratch(r, scratch, buf_slice(&old_text), err) : rc;
}

/* ---- what engines rename ---- */

static int in_engine(struct renaming *r, struct err *err)
{
	struct node_path from = item_path(&r->from);
	struct node_path to = item_path(&r->to);
	if (from.engine != to.engine || from.path.depth != to.path.depth) {
		return err_set(err, EXDEV, "the two places are of different kinds");
	}
	if (r->from.what == TREE_CONTAINER && r->from.f.spec.form != r->to.f.spec.form) {
		return err_set(err, EINVAL,
			"a directory keeps its suffix: '%s' and '%s' are of "
			"different sorts",
			r->from.name, r->to.name);
	}
	struct node *old = handle_hold(r->m, r->from.dir, r->from.name);
	struct node *replaced = handle_hold(r->m, r->to.dir, r->to.name);
	int rc = engine_rename(from.engine, &from.path, &to.path, r->flags, err);
	r->m->nodes.changes++;
	handle_unhold(r->m, replaced);
	handle_unhold(r->m, old);
	return rc;
}

static int item_to_item(struct renaming *r, struct err *err)
{
	bool same = r->from.dir == r->to.dir && slice_equal(r->from.f.spec.key, r->to.f.spec.key);
	if (same) {
		return err_set(err, EINVAL, "both names are forms of the same item");
	}
	if (!r->from.there) {
		/* Being made: it will be committed under the new name, whatever is there. */
		r->node->more->replaces = r->to.there;
		return 0;
	}
	int rc = in_engine(r, err);
	if (rc == 0) {
		struct node_path from = item_path(&r->from);
		struct node_path to = item_path(&r->to);
		handle_tell_twins(r->m, r->from.dir, &from, r->from.f.spec.form);
		handle_tell_twins(r->m, r->to.dir, &to, r->to.f.spec.form);
	}
	return rc;
}

static int dir_to_dir(struct renaming *r, struct err *err)
{
	int rc = in_engine(r, err);
	if (rc < 0) {
		return rc;
	}
	buf_printf(&r->from.dir_text, "/%s", r->from.name);
	buf_printf(&r->to.dir_text, "/%s", r->to.name);
	const char *from = buf_cstr(&r->from.dir_text);
	const char *to = buf_cstr(&r->to.dir_text);
	if (!side_move_dir(&r->m->side, from, to) && exchange(r)) {
		side_move_dir(&r->m->side, to, from);
	}
	return 0;
}

/* A text about a directory, no item. */
static bool is_whole(const struct end *e)
{
	return e->what == TREE_BESIDE || e->what == TREE_NAMED;
}

static int rename_thing(struct renaming *r, struct err *err)
{
	bool from_scratch = r->from.what == TREE_SCRATCH;
	bool to_scratch = r->to.what == TREE_SCRATCH;
	if (r->from.what == TREE_CONTAINER) {
		return dir_to_dir(r, err);
	}
	if (from_scratch && to_scratch) {
		return scratch_to_scratch(r, err);
	}
	if (exchange(r) && from_scratch != to_scratch) {
		return exchange_texts(
			r, from_scratch ? &r->from : &r->to, from_scratch ? &r->to : &r->from, err);
	}
	if (from_scratch) {
		return scratch_to_item(r, err);
	}
	if (to_scratch) {
		return item_to_scratch(r, err);
	}
	if (is_whole(&r->from) || is_whole(&r->to)) {
		return err_set(err, ENOTSUP, "%s is a text about a directory: copy it",
			is_whole(&r->from) ? r->from.name : r->to.name);
	}
	return item_to_item(r, err);
}

/* ---- nodes ---- */

/* After a rename the kernel asks for the time anew, but not for the size; and a
 * text that became an item, or got another key in it, has another size. */
static void forget_size(struct mount *m, struct node *n)
{
	pthread_mutex_lock(&m->nodes.lock);
	n->attr_version = 0;
	pthread_mutex_unlock(&m->nodes.lock);
	notify_attr_now(m->notify, n);
}

static int move_nodes(struct renaming *r)
{
	struct mount *m = r->m;
	if (is_whole(&r->from)) {
		/* Its handles know it by its name; the kernel keeps none of it. */
		node_unlink(&m->nodes, r->node);
		return 0;
	}
	if (r->to.f.spec.row == &reserved_load) {
		/* It was loaded, and nothing bears that name. */
		node_unlink(&m->nodes, r->node);
		notify_name(m->notify, r->to.dir, r->to.name);
		return 0;
	}
	m->nodes.changes++; /* also where no item changed: a backup's inode is no item's now */
	forget_size(m, r->node);
	if (exchange(r)) {
		struct node *other = node_peek(&m->nodes, r->to.dir, r->to.name);
		if (other != NULL) {
			forget_size(m, other);
		}
		int rc = other != NULL ? node_exchange(&m->nodes, r->node, other) : 0;
		node_unref(&m->nodes, other);
		return rc;
	}
	struct node_spec spec = r->to.what == TREE_SCRATCH
					? (struct node_spec){.type = NODE_SIDE, .kind = ENGINE_FILE}
					: r->to.f.spec;
	return node_move(&m->nodes, r->node, r->to.dir, r->to.name, &spec);
}

/* Nothing moved, but the item may have another text already. */
static void forget_target(struct renaming *r)
{
	struct node *n = node_peek(&r->m->nodes, r->to.dir, r->to.name);
	if (n != NULL) {
		forget_size(r->m, n);
		node_unref(&r->m->nodes, n);
	}
}

static int rename_checked(struct renaming *r, struct err *err)
{
	int rc = find_source(r, err);
	rc = rc == 0 ? find_target(r, err) : rc;
	if (rc < 0) {
		return rc;
	}
	/* Before anything is changed: memory for the node cannot be short later. */
	r->node = node_get(&r->m->nodes, r->from.dir, r->from.name, &r->from.f.spec, false);
	if (r->node == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	rc = rename_thing(r, err);
	if (rc == 0) {
		displaced_drop(r->m, r->to.dir, r->to.name);
	}
	rc = rc == 0 ? move_nodes(r) : rc;
	if (rc == -ENOMEM) {
		forget_target(r);
	}
	return rc;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned int flags)
{
	struct mount *m = mount_of(req);
	struct err err = {0};
	CLEANUP(renaming_free)
	struct renaming r = {
		.m = m,
		.uid = fuse_req_ctx(req)->uid,
		.pid = fuse_req_ctx(req)->pid,
		.flags = flags,
		.from = {.dir = node_of(m, parent), .name = name},
		.to = {.dir = node_of(m, newparent), .name = newname},
	};
	metrics_count(&m->metrics, METRIC_rename);
	if (m->opts->sync != MOUNTOPTS_SYNC_INTERVAL) {
		loop_yield();
	}
	int rc = -EINVAL;
	if (reserved_place_of(r.from.dir) == PLACE_VIEWS && !(flags & RENAME_EXCHANGE)) {
		rc = view_rename(m, r.from.dir, name, r.to.dir, newname, &err);
	} else if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) == 0) {
		rc = rename_checked(&r, &err);
	}
	reply_done(req, "rename", r.to.dir, newname, rc, &err);
}
