/* .query/: saved queries and their results.
 *
 * A query's text is a scratch file (side.h) of the directory .query, kept under SITE
 * and durable when its close returns; editors may make their own files beside it. Its
 * results are not listed: NAME + the suffix of a result form is there when the text
 * is, and reading it runs the text as it is at the open(2).
 *
 * A view shows the saved queries of the directory it is a view of, and runs them over
 * what the view holds; texts are written in that directory itself. */
#ifndef DBMOUNT_FS_QUERY_H
#define DBMOUNT_FS_QUERY_H

#include "fs/tree.h"

/* In a directory .query. ENOENT quietly. */
int query_find(
	struct mount *m, struct node *dir, const char *name, struct tree_found *f, struct err *err);
/* Whether a text or an editor's file can be made under that name. */
int query_check_name(struct mount *m, struct node *dir, const char *name, struct err *err);

#endif
