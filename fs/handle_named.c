/* Open texts that a level names (`.schema`): written whole, and taken at close. As an
 * editor renames, they can be renamed to a scratch file, which leaves them as they are,
 * and a scratch file onto them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/tree.h"

struct named {
	pid_t opener;
	bool written;	/* since it was last taken */
	bool truncated; /* and not written since */
};

static int too_large(const struct mount *m, const struct node *n, struct err *err)
{
	return err_set(err, EFBIG, "%s has at most %llu bytes", node_name(n),
		(unsigned long long)m->opts->max_file_size);
}

static int named_write(struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	struct named *x = h->state;
	size_t at = append ? h->content.n : (size_t)off;
	if (at + data.n > h->m->opts->max_file_size) {
		return too_large(h->m, h->node, err);
	}
	if (at + data.n > h->content.n && !buf_resize(&h->content, at + data.n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(h->content.p + at, data.p, data.n);
	x->written = true;
	x->truncated = false;
	return 0;
}

/* Emptied is not written: a text follows, or it was not meant. */
static int named_truncate(struct handle *h, off_t size, struct err *err)
{
	struct named *x = h->state;
	if ((uint64_t)size > h->m->opts->max_file_size) {
		return too_large(h->m, h->node, err);
	}
	if (!buf_resize(&h->content, (size_t)size)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	x->written = size > 0;
	x->truncated = size == 0;
	return 0;
}

/* The text becomes what it says; a refusal is kept and reported. */
static int put(struct mount *m, struct node *dir, const char *name, struct slice text, uid_t uid,
	const char *op, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = node_path(&m->nodes, dir, &where, err);
	rc = rc == 0 ? engine_text_write(where.engine, &where.path, name, text, err) : rc;
	m->nodes.changes++;
	/* What the children are may be another thing now. */
	notify_node(m->notify, dir);
	if (rc < 0) {
		handle_refuse(m, dir, name, uid, op, text, err);
	}
	return rc;
}

static int take(struct handle *h, const char *op, struct err *err)
{
	struct named *x = h->state;
	x->written = false;
	int rc = put(h->m, node_anchor(h->node), node_name(h->node), buf_slice(&h->content), h->uid,
		op, err);
	notify_drain(h->m->notify);
	return rc;
}

/* `{ cat a; cat b; } > .schema`: the opener's close is the end. */
static int named_flush(struct handle *h, pid_t pid, struct err *err)
{
	const struct named *x = h->state;
	if (!x->written || !handle_same_process(pid, x->opener)) {
		return 0;
	}
	loop_yield();
	return take(h, "close", err);
}

static int named_sync(struct handle *h, struct err *err)
{
	const struct named *x = h->state;
	if (!x->written) {
		return 0;
	}
	loop_yield();
	return take(h, "fsync", err);
}

static void named_finish(struct handle *h)
{
	struct named *x = h->state;
	struct err err = {0};
	if (x != NULL && x->written) {
		take(h, "close", &err);
	} else if (x != NULL && x->truncated) {
		err_set(&err, EINVAL, "closed without any content: it is as it was");
		report_error(h->m, h->uid, "close", h->node, NULL, &err);
	}
	free(x);
}

static const struct handle_ops named_ops = {
	.read = handle_read_content,
	.write = named_write,
	.truncate = named_truncate,
	.flush = named_flush,
	.sync = named_sync,
	.size = handle_size_content,
	.finish = named_finish,
};

static int begin(
	struct handle *h, struct node *n, int flags, const struct fuse_ctx *who, struct err *err)
{
	struct named *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	bool empty = (flags & (O_TRUNC | O_CREAT)) != 0;
	*x = (struct named){.opener = who->pid, .truncated = empty};
	h->uid = who->uid;
	h->state = x;
	if (empty) {
		return 0;
	}
	return text_named(h->m, n, who->uid, &h->content, err);
}

int handle_open_named(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if (!(flags & (O_TRUNC | O_CREAT)) && (flags & O_ACCMODE) == O_RDONLY) {
		return handle_open_text(m, n, flags, who, out, mode, err);
	}
	int rc = tree_writable(m, n, err);
	struct handle *h = rc == 0 ? handle_new(m, n, &named_ops, err) : NULL;
	if (h == NULL) {
		return -err->code;
	}
	rc = begin(h, n, flags, who, err);
	if (rc < 0) {
		handle_free(h);
		return rc;
	}
	mode->direct = true;
	*out = h;
	return 0;
}

int text_named(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	(void)reader;
	return named_get(m, node_anchor(n), node_name(n), out, err);
}

int named_get(struct mount *m, struct node *dir, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = node_path(&m->nodes, dir, &where, err);
	return rc < 0 ? rc : engine_text_read(where.engine, &where.path, name, out, err);
}

int named_put(struct mount *m, struct node *dir, const char *name, struct slice text, uid_t uid,
	struct err *err)
{
	return put(m, dir, name, text, uid, "rename", err);
}
