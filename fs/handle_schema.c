/* An open `.schema`: written whole, taken at close. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"
#include "fs/tree.h"

static int anchor_path(struct handle *h, struct node_path *where, struct err *err)
{
	return node_path(&h->m->nodes, node_anchor(h->node), where, err);
}

static int schema_too_large(const struct handle *h, struct err *err)
{
	return err_set(err, EFBIG, "a schema has at most %llu bytes",
		(unsigned long long)h->m->opts->max_file_size);
}

static int schema_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	size_t at = append ? h->content.n : (size_t)off;
	if (at + data.n > h->m->opts->max_file_size) {
		return schema_too_large(h, err);
	}
	if (at + data.n > h->content.n && !buf_resize(&h->content, at + data.n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(h->content.p + at, data.p, data.n);
	h->state = h; /* written since the last time it was taken */
	return 0;
}

static int schema_truncate(struct handle *h, off_t size, struct err *err)
{
	if ((uint64_t)size > h->m->opts->max_file_size) {
		return schema_too_large(h, err);
	}
	return buf_resize(&h->content, (size_t)size) ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int schema_flush(struct handle *h, pid_t pid, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	(void)pid;
	if (h->state == NULL) {
		return 0;
	}
	h->state = NULL;
	loop_yield();
	int rc = anchor_path(h, &where, err);
	if (rc == 0) {
		rc = engine_schema_write(where.engine, &where.path, buf_slice(&h->content), err);
	}
	/* What the children are may be another thing now. */
	notify_node(h->m->notify, node_anchor(h->node));
	notify_drain(h->m->notify);
	return rc;
}

static int schema_sync(struct handle *h, struct err *err)
{
	return schema_flush(h, 0, err);
}

static const struct handle_ops schema_ops = {
	.read = handle_read_content,
	.write = schema_write,
	.truncate = schema_truncate,
	.flush = schema_flush,
	.sync = schema_sync,
	.size = handle_size_content,
};

int handle_open_schema(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if (!(flags & O_TRUNC) && (flags & O_ACCMODE) == O_RDONLY) {
		return handle_open_text(m, n, flags, who, out, mode, err);
	}
	int rc = tree_writable(m, n, err);
	struct handle *h = rc == 0 ? handle_new(m, n, &schema_ops, err) : NULL;
	if (h == NULL) {
		return -err->code;
	}
	if (!(flags & O_TRUNC) && node_row(n)->text(m, n, who->uid, &h->content, err) < 0) {
		handle_free(h);
		return -err->code;
	}
	h->uid = who->uid;
	mode->direct = true;
	*out = h;
	return 0;
}
