/* .snapshots/<name>, .replicas/<name>, .at/<time>, .clusters/<name>: the same tree over
 * another store.
 *
 * A view's root is a node that has an engine of its own, and what is below it uses
 * that. The path of keys goes on from the directory above, so nothing else in fs/
 * knows whether it is in a view. What a snapshot or a time shows never changes and
 * is cached like anything; a replica follows another store by itself, so below it
 * nothing is cached: names and attributes have no timeouts, files are read directly,
 * listings are not kept (node.uncached). A cluster is written to like the tree it hangs
 * in, and has scratch files, saved queries and events of its own; who changes it another
 * way tells by changed_in(), or says that it moves, and nothing of it is cached.
 *
 * A room (.ttl, .channels) is such a view, too, directly below the directory that names
 * it: reserved, not listed, there as long as that is. */
#ifndef DBMOUNT_FS_VIEW_H
#define DBMOUNT_FS_VIEW_H

#include "fs/tree.h"

/* Of a directory whose place is PLACE_VIEWS. */
enum engine_view_kind view_kind(const struct node *dir);

/* All for a directory of views. ENOENT quietly. */
int view_find(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err);
/* A room of the directory of data `dir`, which is at `where`. */
int view_find_room(struct mount *m, struct node *dir, const char *name,
	const struct node_path *where, struct tree_found *f, struct err *err);
/* mkdir and rmdir */
int view_make(struct mount *m, struct node *dir, const char *name, struct err *err);
int view_remove(struct mount *m, struct node *dir, struct slice key, struct err *err);
/* mv out of it: the view becomes a container of its own, at `to_name` in `to`. */
int view_rename(struct mount *m, struct node *dir, const char *name, struct node *to,
	const char *to_name, struct err *err);

#endif
