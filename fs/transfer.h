/* Texts that stand for a whole directory, and pass through without being held:
 *
 *   .import/<mode>/<format>   written: loaded into the directory
 *   .export/<format>          read: all of the directory
 *   NAME.<format>             beside the directory NAME: both of these; written where
 *                             there is no NAME it makes one
 *   a child file          of a level whose children pass through (ENGINE_HAS_STREAMS):
 *                             both of these
 *   any new name              of a level that loads (ENGINE_HAS_LOADS): written; it is gone
 *                             when it is closed
 *   .sql, or what the level calls its script: written it runs
 *   .query/NAME.<form>        read: the result of the query NAME (query.h)
 *
 * handle_import.c opens what is written, handle_export.c what is read, beside.c says
 * which names stand beside. */
#ifndef DBMOUNT_FS_TRANSFER_H
#define DBMOUNT_FS_TRANSFER_H

#include "fs/reserved.h"
#include "fs/tree.h"

/* What a transfer's file is about. */
struct transfer_place {
	struct node_path where; /* of the directory it is reached from */
	struct buf key;		/* of the directory it stands beside */
	struct epath path;	/* of the directory it is about */
	const char *format;	/* points into the node's name */
};
int transfer_place(struct mount *m, struct node *n, struct transfer_place *out, struct err *err);
void transfer_place_free(struct transfer_place *p);

/* The rows of names that no table can hold. */
extern const struct reserved reserved_beside;
extern const struct reserved reserved_load;
extern const struct reserved reserved_result;

/* beside.c */
/* The key of the directory that a file of this name stands beside, there or not;
 * -ENOENT: it is no such name. */
int beside_key(const struct node_path *dir, const struct engine_level *level, const char *name,
	struct buf *key, struct err *err);
/* The same when the directory is there: f is filled. */
int beside_find(const struct node_path *dir, const struct engine_level *level, const char *name,
	struct tree_found *f, struct err *err);
/* A whole text onto the file (a child that passes through, one that is loaded, too), and all of
 * it out (at most `max` bytes, EFBIG), as
 * renaming a scratch file onto it and it to a scratch name do. */
int beside_put(
	struct mount *m, struct node *dir, const char *name, struct slice text, struct err *err);
int beside_get(struct mount *m, struct node *dir, const char *name, uint64_t max, struct buf *out,
	struct err *err);

/* handle_import.c: the one of NAME.<format>, of a script; for the table of rows see
 * reserved.h. `create`: O_CREAT of a name that is not there. */
int handle_open_beside(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
/* The same of a file that is loaded. */
int handle_open_load(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
/* What an import did, into .events of `dir` and the results that .control shows. */
void import_tell(struct mount *m, const char *dir, const char *what, int rc, const struct err *err,
	const struct buf *report);

/* handle_export.c: a handle that reads what `open` gives. */
typedef int transfer_open_fn(struct mount *m, struct node *n, struct engine_export **stream,
	uint64_t *size, struct err *err);
int handle_open_stream(struct mount *m, struct node *n, transfer_open_fn *open, struct handle **out,
	struct handle_mode *mode, struct err *err);
int handle_size_stream(
	struct mount *m, struct node *n, transfer_open_fn *open, uint64_t *out, struct err *err);
/* The export that a node of .export or beside a directory stands for. */
int transfer_open_export(struct mount *m, struct node *n, struct engine_export **stream,
	uint64_t *size, struct err *err);

#endif
