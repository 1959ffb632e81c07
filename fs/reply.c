#include "fs/reply.h"

#include <errno.h>

#include "engines/common/cleanup.h"

void report_error(struct mount *m, uid_t uid, const char *op, struct node *node, const char *name,
	const struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	node_text(&m->nodes, node, &path);
	if (name != NULL) {
		if (path.n > 1) {
			buf_putc(&path, '/');
		}
		buf_puts(&path, name);
	}
	errlog_add(&m->errlog, uid, op, buf_cstr(&path), err->code, err->msg);
}

void reply_error(
	fuse_req_t req, const char *op, struct node *node, const char *name, const struct err *err)
{
	struct mount *m = mount_of(req);
	metrics_add(&m->metrics.errors, 1);
	if (err->msg[0] != '\0') {
		report_error(m, fuse_req_ctx(req)->uid, op, node, name, err);
	}
	fuse_reply_err(req, err->code);
}

void reply_errno(fuse_req_t req, int code)
{
	if (code != 0 && code != ENOENT) {
		metrics_add(&mount_of(req)->metrics.errors, 1);
	}
	fuse_reply_err(req, code);
}

void reply_done(fuse_req_t req, const char *op, struct node *node, const char *name, int rc,
	const struct err *err)
{
	if (rc == 0) {
		fuse_reply_err(req, 0);
	} else if (err->code == 0) {
		reply_errno(req, -rc);
	} else {
		reply_error(req, op, node, name, err);
	}
}
