/* An open file. What it does is in `ops`, one table for each kind of file. */
#ifndef DBMOUNT_FS_HANDLE_H
#define DBMOUNT_FS_HANDLE_H

#include "fs/mount_impl.h"

struct handle;

/* Each is called with handle.lock held; 0 or -errno with err filled. */
struct handle_ops {
	/* Content from off, at most n bytes: *out stays valid while the lock is held
	 * (a view into the handle, or into tmp). */
	int (*read)(struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp,
		struct err *err);
	/* Takes all of data or fails. NULL: EBADF. */
	int (*write)(struct handle *h, struct slice data, off_t off, bool append, struct err *err);
	int (*truncate)(struct handle *h, off_t size, struct err *err);
	/* A descriptor is being closed by thread `pid`. NULL: 0. */
	int (*flush)(struct handle *h, pid_t pid, struct err *err);
	/* Of a kind whose flush commits, and can do so along with others (gather.h): 1 when
	 * there is something to commit, which handle_commit_begin() prepares; else what
	 * flush gives. */
	int (*flush_begin)(struct handle *h, pid_t pid, struct err *err);
	/* fsync(2). NULL: 0. */
	int (*sync)(struct handle *h, struct err *err);
	/* What st_size is through this handle. */
	int (*size)(struct handle *h, uint64_t *out, struct err *err);
	/* The last descriptor is gone: lets go of what `state` holds. NULL: nothing. */
	void (*finish)(struct handle *h);
};

struct handle {
	struct handle *next; /* of the node's; under nodes.lock */
	unsigned refs;	     /* under nodes.lock */
	const struct handle_ops *ops;
	struct mount *m;
	struct node *node;    /* referenced */
	pthread_mutex_t lock; /* guards what is below */
	struct buf content;
	int fd;	     /* of kinds that stand for a file on disk; else -1 */
	void *state; /* the kind's own */
	uid_t uid;   /* who opened it */
};

/* How the kernel is to treat an open file. */
struct handle_mode {
	bool direct;	 /* no page cache */
	bool keep_cache; /* what it has cached is this content */
	bool no_flush;	 /* close needs no request */
	bool store;	 /* put handle.content into the page cache before replying */
	bool stream;	 /* it has no offsets */
};

/* NULL with err set when memory ran out. Takes a reference to node. */
struct handle *handle_new(
	struct mount *m, struct node *node, const struct handle_ops *ops, struct err *err);
/* Another request may hold it for as long as a commit or a command takes: then
 * further requests are read meanwhile, for the holder may depend on them. */
pthread_mutex_t *handle_lock(struct handle *h);
#define HANDLE_LOCKED(h)                                                                           \
	CLEANUP(cleanup_unlock)                                                                    \
	__attribute__((unused)) pthread_mutex_t *handle_locked_ = handle_lock(h)
/* The opener's reference goes; the last one frees. NULL is fine. */
void handle_free(struct handle *h);
/* One more, for whoever calls handle_free(). */
void handle_ref(struct handle *h);
/* Some open handle of the node, with a reference that handle_free() ends; NULL
 * when there is none. */
struct handle *handle_of_node(struct mount *m, struct node *n);
/* A .read and .size over handle.content. */
int handle_read_content(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err);
int handle_size_content(struct handle *h, uint64_t *out, struct err *err);

/* Whether two thread numbers (as requests bear them) are of one process. */
bool handle_same_process(pid_t a, pid_t b);
/* Whether that process has the file open, as far as it can be told: a flush says that a
 * descriptor is being closed, not whether it is the last. */
bool handle_is_open_in(struct handle *h, pid_t pid);

/* Opens a node as flags (open(2)) say. */
int handle_open(struct mount *m, struct node *node, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);

/* handle_item.c: an item. `create`: it has none yet (O_CREAT of a new name). */
int handle_open_item(struct mount *m, struct node *node, int flags, bool create,
	const struct fuse_ctx *who, struct handle **out, struct handle_mode *mode, struct err *err);
/* What was written to an open item and not committed yet is committed now; so is one that
 * was made and is empty, where that is content. */
int handle_settle(struct mount *m, struct node *node, struct err *err);
/* A text was refused: keeps it, writes the line to the error log, and leaves only the
 * errno in err: what follows must not log it again. */
void handle_refuse(struct mount *m, struct node *dir, const char *name, uid_t uid, const char *op,
	struct slice text, struct err *err);
/* handle_side.c */
int handle_open_side(struct mount *m, struct node *node, const struct side_how *how,
	struct handle **out, struct handle_mode *mode, struct err *err);
/* handle_cache.c: how an item's handle takes part in what the kernel caches of its
 * inode. */
struct handle_share {
	pid_t opener;
	bool writable;
	bool pending; /* makes the item: counted in node.n_pending */
	bool cached;  /* counted in node.cache.n_cached, else in n_direct */
};
/* Counts the handle, whose content is of `version`, and decides how it reads. Waits
 * a moment for readers in the way of a writer. -ESTALE: it is to be opened on
 * another inode, which the kernel finds by looking the name up again. */
int handle_share_join(
	struct handle *h, struct handle_share *s, uint64_t version, struct handle_mode *mode);
void handle_share_leave(struct handle *h, const struct handle_share *s);
/* An item's text on its way into the engine, in three steps. */
struct handle_commit {
	struct handle *h;
	const char *op; /* for the error log */
	/* Where the handle's node stands. */
	struct node *dir;
	struct buf name;
	struct node_path where;
	struct node *holder; /* who has the name */
	struct engine_put put;
	bool may_be_new;
};
/* 1: put is to be written; until handle_commit_end() the lock of the handle is kept.
 * Else that was it: 0 or -errno, as with flush. */
int handle_commit_begin(struct handle_commit *c, struct err *err);
/* The outcome is in put. A refused text is kept and reported, put.err then holds only
 * its errno. */
void handle_commit_end(struct handle_commit *c);
/* Tells the kernel, before who wrote is answered. May wait for requests. */
void handle_commit_tell(struct handle_commit *c);
void handle_commit_free(struct handle_commit *c);
/* Where a text was to go, for handle_put(). */
struct handle_target {
	struct node *dir;
	const char *name;
	const struct node_path *where; /* the item's path */
	unsigned form;
	/* The kernel is about to take the name from the inode that has it: nothing that
	 * it holds of that one is of the new text. */
	bool replaces;
};
/* Text onto an item outside any handle (rename of a scratch file): what a handle
 * that truncated first would commit. A refusal is kept and reported; then err
 * holds only its errno. */
int handle_put(struct mount *m, const struct handle_target *target, struct slice text,
	uint64_t expect, uid_t uid, const char *op, struct err *err);
/* The item under a name is about to change by something else than a handle on its
 * node: those who read it through the page cache may finish (for a short while),
 * and who opens it now is served directly. NULL when the kernel does not know the
 * name. Ends with handle_unhold(), which has the kernel ask for the size anew, or
 * with handle_unhold_old() where the inode has the name no longer. */
struct node *handle_hold(struct mount *m, struct node *dir, const char *name);
void handle_unhold(struct mount *m, struct node *n);
void handle_unhold_old(struct mount *m, struct node *n);
/* The other forms of an item, names of their own, show something else now. True
 * when one is being read in its old state. */
bool handle_tell_twins(
	struct mount *m, struct node *dir, const struct node_path *where, unsigned form);

#endif
