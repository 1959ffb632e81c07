/* struct stat of a node, and how long the kernel may keep it. */
#ifndef DBMOUNT_FS_ATTR_H
#define DBMOUNT_FS_ATTR_H

#include "fs/handle.h"
#include "fs/tree.h"

struct attr {
	struct stat st;
	double timeout; /* seconds */
	bool uncached;	/* neither name nor attributes are to be kept */
	bool frozen;	/* of older content, whose readers are under way: the name must not stay */
};

/* From what was just found; the node is told which version the kernel knows. */
void attr_of_found(struct mount *m, struct node *n, const struct tree_found *f, struct attr *out);
/* Asks the engine or the disk. ENOENT when it is gone. */
int attr_of_node(struct mount *m, struct node *n, struct attr *out, struct err *err);
/* A file being made, which the engine does not know: there for who knows its
 * name, without content. */
void attr_of_new(struct mount *m, struct node *n, struct attr *out);
/* The answer to a lookup of the node's name, with these attributes: how long the
 * name may be believed. */
void attr_entry(
	struct mount *m, struct node *n, const struct attr *a, struct fuse_entry_param *out);
/* Through an open handle: its own size. */
int attr_of_handle(struct handle *h, struct attr *out, struct err *err);
/* attr_of_info() of a file, under nodes.lock. */
void attr_of_listed(struct mount *m, struct node *n, const struct engine_info *info,
	uint64_t changes, struct attr *out);
/* Of what an engine told; `changes`: nodes.changes before it was asked. */
void attr_of_info(struct mount *m, struct node *n, const struct engine_info *info, uint64_t changes,
	struct attr *out);

#endif
