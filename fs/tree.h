/* Which file a name in a directory stands for, and what a directory lists. */
#ifndef DBMOUNT_FS_TREE_H
#define DBMOUNT_FS_TREE_H

#include "fs/mount_impl.h"

/* What a name was found to be. tree_found_free() ends it. */
struct tree_found {
	struct node_spec spec;	 /* for node_get(); key points into `key` */
	struct engine_info info; /* of NODE_KEY: what stat told */
	struct stat st;		 /* of NODE_SIDE */
	struct engine *view;	 /* of a view's root: the reference to let go of */
	struct buf key;
	uint64_t changes;  /* nodes.changes before the engine was asked */
	bool scratch_name; /* only a scratch file can bear it: absent until one is made here */
	bool named; /* the name is an item's or container's (spec holds its key), there or not */
};
void tree_found_free(struct tree_found *f);

/* ENOENT when nothing has that name (without a message in err); then f->named
 * still tells whether it could be a key's name, and spec and key are filled.
 * Any other error means that it could not be found out. */
int tree_find(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err);

/* The level of an engine's directory that `dir` is or belongs to. */
int tree_level(struct mount *m, struct node *dir, struct engine_level *out, struct err *err);

/* 0, or -EROFS with a sentence: nothing can be written in a directory of this level. */
int tree_refuse_fixed(const struct engine *e, const struct engine_level *level, struct err *err);
/* The same of the directory that a node is or belongs to. */
int tree_writable(struct mount *m, struct node *dir, struct err *err);

/* What may be made under a name in a directory. */
enum tree_name {
	TREE_ITEM,	/* an item; f holds its key */
	TREE_CONTAINER, /* a directory; f holds its key */
	TREE_SCRATCH,	/* an editor's own file */
	TREE_BESIDE,	/* a file beside a directory (transfer.h); f is of that */
	TREE_NAMED,	/* a text that the level names (engine_text); f is of that */
};
/* What for, and how. */
enum tree_want {
	TREE_WANT_DIR = 1 << 0,	      /* mkdir, or a directory renamed */
	TREE_WANT_NEW = 1 << 1,	      /* O_EXCL */
	TREE_WANT_TEMPORARY = 1 << 2, /* as mkstemp(3) makes one: readable for its owner alone */
};
/* Decides for a name that is about to be made. Refuses, with a sentence, what
 * can be neither: EINVAL a name that is not canonical or a key that cannot be,
 * EROFS, ENOTSUP, EPERM in a directory of the daemon's own. */
int tree_classify(struct mount *m, struct node *dir, const char *name, unsigned want,
	enum tree_name *what, struct tree_found *f, struct err *err);

#endif
