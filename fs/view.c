#include "fs/view.h"

#include <errno.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"

enum engine_view_kind view_kind(const struct node *dir)
{
	return node_row(dir)->view;
}

static const char *kind_noun(const struct node *dir)
{
	switch (view_kind(dir)) {
	case ENGINE_VIEW_SNAPSHOT: return "snapshot";
	case ENGINE_VIEW_REPLICA: return "replica";
	case ENGINE_VIEW_TIME: return "point in time";
	case ENGINE_VIEW_CLUSTER: return "cluster";
	case ENGINE_VIEW_ROOM: return "directory";
	}
	return "view";
}

static int key_of(const char *name, struct buf *key)
{
	unsigned form;
	bool is_key = name_parse(slice_of(name), &NAME_RULES_DIR, &form, key) == NAME_KEY;
	return is_key ? 0 : -ENOENT;
}

/* The engine that the kernel's node of this name has, if what it shows is still
 * there: opening a view anew may take long. Else the node is none of this name. */
static int find_open(struct mount *m, struct node *dir, const char *name, const struct epath *path,
	struct tree_found *f, struct err *err)
{
	struct node *n = node_peek(&m->nodes, dir, name);
	int rc = -ENOENT;
	if (n != NULL && n->owns_engine) {
		rc = engine_stat(n->engine, path, 0, &f->info, err);
		if (rc == 0) {
			f->view = engine_ref(n->engine);
		} else if (rc == -ENOENT) {
			err_clear(err);
			node_unlink(&m->nodes, n);
		}
	}
	node_unref(&m->nodes, n);
	return rc;
}

static int open_new(const struct node_path *where, enum engine_view_kind kind, struct tree_found *f,
	struct err *err)
{
	int rc = engine_view(where->engine, &where->path, kind, buf_slice(&f->key), &f->view, err);
	return rc < 0 ? rc : engine_stat(f->view, &where->path, 0, &f->info, err);
}

/* What f->key names below the directory `where`, whose node in `dir` is `name`. */
static int find_view(struct mount *m, struct node *dir, const char *name,
	const struct node_path *where, enum engine_view_kind kind, struct tree_found *f,
	struct err *err)
{
	int rc = find_open(m, dir, name, &where->path, f, err);
	if (rc == -ENOENT) {
		rc = open_new(where, kind, f, err);
	}
	if (rc == 0) {
		f->spec = (struct node_spec){.type = NODE_KEY,
			.kind = ENGINE_DIR,
			.engine = f->view,
			.own_engine = true,
			.uncached = engine_moves(f->view) || f->info.moves};
	}
	return rc;
}

int view_find(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = key_of(name, &f->key);
	rc = rc == 0 ? node_path(&m->nodes, dir, &where, err) : rc;
	return rc < 0 ? rc : find_view(m, dir, name, &where, view_kind(dir), f, err);
}

int view_find_room(struct mount *m, struct node *dir, const char *name,
	const struct node_path *where, struct tree_found *f, struct err *err)
{
	buf_puts(&f->key, name);
	int rc = buf_check(&f->key, err);
	return rc < 0 ? rc : find_view(m, dir, name, where, ENGINE_VIEW_ROOM, f, err);
}

int view_make(struct mount *m, struct node *dir, const char *name, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	if (key_of(name, &key) < 0) {
		return err_set(err, EINVAL, "'%s' cannot be a %s's name", name, kind_noun(dir));
	}
	int rc = node_path(&m->nodes, dir, &where, err);
	return rc < 0 ? rc
		      : engine_view_create(
				where.engine, &where.path, view_kind(dir), buf_slice(&key), err);
}

int view_remove(struct mount *m, struct node *dir, struct slice key, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = node_path(&m->nodes, dir, &where, err);
	return rc < 0 ? rc
		      : engine_view_remove(where.engine, &where.path, view_kind(dir), key, err);
}

/* Where the view is to go, as the engine says it: `where` becomes its path. */
static int find_target(struct mount *m, struct node *dir, struct node *to, const char *to_name,
	struct node_path *where, struct tree_found *f, struct err *err)
{
	enum tree_name what;
	if (to->engine == NULL || reserved_place_of(to) != PLACE_DATA) {
		return err_set(err, ENOTSUP,
			"a %s can be moved to where its copy is to stand, but not renamed: mkdir a "
			"new one",
			kind_noun(dir));
	}
	int rc = tree_classify(m, to, to_name, TREE_WANT_DIR, &what, f, err);
	rc = rc == 0 ? node_path(&m->nodes, to, where, err) : rc;
	if (rc == 0 && where->engine != dir->engine) {
		rc = err_set(err, ENOTSUP, "a %s stays within its service", kind_noun(dir));
	}
	if (rc == 0) {
		where->path = epath_child(&where->path, f->spec.key);
	}
	return rc;
}

/* The name stands for a plain container from now on, and the kernel moves its entry
 * to the new place together with the view's node. That node keeps the view's engine,
 * for whoever stands in it; the name is asked for anew, and gets another. */
static void let_go(
	struct mount *m, struct node *dir, const char *name, struct node *to, const char *to_name)
{
	struct node *const dirs[] = {dir, to};
	const char *const names[] = {name, to_name};
	m->nodes.changes++;
	for (unsigned i = 0; i < 2; i++) {
		struct node *n = node_peek(&m->nodes, dirs[i], names[i]);
		if (n != NULL) {
			node_unlink(&m->nodes, n);
			node_unref(&m->nodes, n);
		}
	}
	notify_name(m->notify, to, to_name);
}

int view_rename(struct mount *m, struct node *dir, const char *name, struct node *to,
	const char *to_name, struct err *err)
{
	CLEANUP(node_path_free) struct node_path from = {0};
	CLEANUP(node_path_free) struct node_path where = {0};
	CLEANUP(tree_found_free) struct tree_found f = {0};
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	int rc = key_of(name, &key);
	rc = rc == 0 ? find_target(m, dir, to, to_name, &where, &f, err) : rc;
	rc = rc == 0 ? node_path(&m->nodes, dir, &from, err) : rc;
	if (rc == 0) {
		rc = engine_view_rename(
			from.engine, &from.path, view_kind(dir), buf_slice(&key), &where.path, err);
	}
	if (rc == 0) {
		let_go(m, dir, name, to, to_name);
	}
	return rc;
}
