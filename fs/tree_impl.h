/* What tree.c (what a name is) and classify.c (what may be made under it) share. */
#ifndef DBMOUNT_FS_TREE_IMPL_H
#define DBMOUNT_FS_TREE_IMPL_H

#include "fs/tree.h"

/* -ENOENT: none of that name is there. */
int tree_find_reserved(
	struct node *dir, const char *name, const struct engine_level *level, struct tree_found *f);
/* What a name in a directory of this level stands for by its looks; `form` of a key. */
enum name_kind tree_parse_name(
	const struct engine_level *level, const char *name, unsigned *form, struct buf *out);
/* The key that a name in this directory stands for. -ENOENT: none. */
int tree_key_of_name(const struct node_path *where, const struct engine_level *level,
	const char *name, struct tree_found *f, struct err *err);

#endif
