/* Answers. The only place that sends an error. */
#ifndef DBMOUNT_FS_REPLY_H
#define DBMOUNT_FS_REPLY_H

#include "fs/mount_impl.h"

/* Answers with err's errno. Errors that say more than the errno (a message is
 * set) go to the error log under the path `node`/`name` (name may be NULL). */
void reply_error(
	fuse_req_t req, const char *op, struct node *node, const char *name, const struct err *err);
/* An errno that needs no sentence: ENOENT of a lookup and the like. */
void reply_errno(fuse_req_t req, int code);
/* 0 or an error. */
void reply_done(fuse_req_t req, const char *op, struct node *node, const char *name, int rc,
	const struct err *err);

/* Adds a line to the error log without answering anybody. */
void report_error(struct mount *m, uid_t uid, const char *op, struct node *node, const char *name,
	const struct err *err);

#endif
