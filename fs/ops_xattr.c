/* Extended attributes (-o xattr): what the daemon knows of a file, and what the service
 * says its files have (engine_attr). */
#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "engines/common/cleanup.h"
#include "fs/handle.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/tree.h"

#define XATTR_PREFIX  "user.dbmount."
#define XATTR_VERSION XATTR_PREFIX "version"
#define XATTR_ERROR   XATTR_PREFIX "error"

/* The names that the level of the file's directory has; NULL: none. */
static const struct engine_attr *service_attrs(struct node *n, const struct node_path *where)
{
	struct engine_level level;
	struct err ignored = {0};
	if (n->type != NODE_KEY || n->kind != ENGINE_FILE || where->path.depth == 0) {
		return NULL;
	}
	struct epath dir = epath_parent(&where->path);
	return engine_level(where->engine, &dir, &level, &ignored) == 0 ? level.attrs : NULL;
}

/* The service's own name for it; NULL: it has none such. */
static const char *service_name(struct node *n, const struct node_path *where, const char *name)
{
	size_t prefix = strlen(XATTR_PREFIX);
	if (strncmp(name, XATTR_PREFIX, prefix) != 0) {
		return NULL;
	}
	const struct engine_attr *a = service_attrs(n, where);
	while (a != NULL && a->name != NULL && strcmp(a->name, name + prefix) != 0) {
		a++;
	}
	return a != NULL ? a->name : NULL;
}

static int version_of(
	struct node *n, const struct node_path *where, struct buf *out, struct err *err)
{
	struct engine_info info;
	int rc = engine_stat(where->engine, &where->path, n->form, &info, err);
	if (rc == 0) {
		buf_printf(out, "%llu", (unsigned long long)info.version);
	}
	return rc;
}

static int xattr_value(
	struct mount *m, struct node *n, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	if (strcmp(name, XATTR_ERROR) == 0) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		node_text(&m->nodes, n, &path);
		errlog_last(&m->errlog, buf_cstr(&path), out);
		return out->n > 0 ? 0 : -ENODATA;
	}
	if (n->type != NODE_KEY) {
		return -ENODATA;
	}
	int rc = node_path(&m->nodes, n, &where, err);
	if (rc == 0 && strcmp(name, XATTR_VERSION) == 0) {
		return version_of(n, &where, out, err);
	}
	const char *own = rc == 0 ? service_name(n, &where, name) : NULL;
	if (own == NULL) {
		return rc < 0 ? rc : -ENODATA;
	}
	return engine_attr_read(where.engine, &where.path, own, out, err);
}

static void reply_xattr(fuse_req_t req, const struct buf *value, size_t size)
{
	if (size == 0) {
		fuse_reply_xattr(req, value->n);
	} else if (value->n > size) {
		reply_errno(req, ERANGE);
	} else {
		fuse_reply_buf(req, value->p, value->n);
	}
}

void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct mount *m = mount_of(req);
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_getxattr);
	int rc = xattr_value(m, node_of(m, ino), name, &value, &err);
	if (rc < 0) {
		fuse_reply_err(req, -rc);
		return;
	}
	reply_xattr(req, &value, size);
}

/* Those that are there. */
static void list_one(struct mount *m, struct node *n, const char *name, struct buf *list)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct err err = {0};
	if (xattr_value(m, n, name, &value, &err) == 0) {
		buf_append(list, name, strlen(name) + 1);
	}
}

static void list_service(struct mount *m, struct node *n, struct buf *list)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct err err = {0};
	if (n->type != NODE_KEY || node_path(&m->nodes, n, &where, &err) < 0) {
		return;
	}
	const struct engine_attr *a = service_attrs(n, &where);
	for (; a != NULL && a->name != NULL; a++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		buf_printf(&name, XATTR_PREFIX "%s", a->name);
		list_one(m, n, buf_cstr(&name), list);
	}
}

void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	CLEANUP(buf_free) struct buf list = BUF_INIT;
	metrics_count(&m->metrics, METRIC_listxattr);
	list_one(m, n, XATTR_VERSION, &list);
	list_one(m, n, XATTR_ERROR, &list);
	list_service(m, n, &list);
	reply_xattr(req, &list, size);
}

/* ---- setting ---- */

/* What there is to set: the service's attributes alone. */
static int find_settable(struct mount *m, struct node *n, const char *name, struct node_path *where,
	const char **own, struct err *err)
{
	int rc = n->type == NODE_KEY ? tree_writable(m, n->parent, err) : -ENOTSUP;
	rc = rc == 0 ? node_path(&m->nodes, n, where, err) : rc;
	*own = rc == 0 ? service_name(n, where, name) : NULL;
	return rc == 0 && *own == NULL ? -ENOTSUP : rc;
}

/* XATTR_CREATE and XATTR_REPLACE. */
static int check_there(const struct node_path *where, const char *own, int flags, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct err ignored = {0};
	if (flags == 0) {
		return 0;
	}
	bool there = engine_attr_read(where->engine, &where->path, own, &value, &ignored) == 0;
	if (there && (flags & XATTR_CREATE) != 0) {
		return err_set(err, EEXIST, "the attribute %s is there already", own);
	}
	return !there && (flags & XATTR_REPLACE) != 0
		       ? err_set(err, ENODATA, "the attribute %s is not there", own)
		       : 0;
}

void op_setxattr(
	fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	CLEANUP(node_path_free) struct node_path where = {0};
	const char *own;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_setxattr);
	loop_yield();
	int rc = find_settable(m, n, name, &where, &own, &err);
	rc = rc == 0 ? handle_settle(m, n, &err) : rc; /* cp -a: before it closes the file */
	rc = rc == 0 ? check_there(&where, own, flags, &err) : rc;
	if (rc == 0) {
		rc = engine_attr_write(
			where.engine, &where.path, own, slice_make(value, size), &err);
		m->nodes.changes++;
	}
	reply_done(req, "setxattr", n, NULL, rc, &err);
}

void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	CLEANUP(node_path_free) struct node_path where = {0};
	const char *own;
	struct err err = {0};
	metrics_count(&m->metrics, METRIC_removexattr);
	loop_yield();
	int rc = find_settable(m, n, name, &where, &own, &err);
	if (rc == 0) {
		rc = engine_attr_remove(where.engine, &where.path, own, &err);
		m->nodes.changes++;
	}
	reply_done(req, "removexattr", n, NULL, rc, &err);
}
