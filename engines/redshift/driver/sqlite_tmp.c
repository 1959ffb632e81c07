/* Where SQLite's nameless files are: temporary tables, sorts that do not fit into memory. It would
 * put them where a variable of the whole process says. */
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/redshift/driver/sqlite_impl.h"

struct tmp_vfs {
	/* A copy of the one below, functions and what they refer to, but for opening. */
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	char name[48];
	char *dir;
	_Atomic unsigned long next;
};

/* A file of ours: the one below, and behind it the name, which has to last as long. */
static char *path_of(const struct tmp_vfs *t, sqlite3_file *file)
{
	return (char *)file + t->below->szOsFile;
}

static int tmp_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct tmp_vfs *t = (struct tmp_vfs *)vfs;
	if (name == NULL) {
		char *path = path_of(t, file);
		/* The zeros behind it say that no parameters follow. */
		memset(path, 0, PATH_MAX);
		int n = snprintf(path, PATH_MAX - 2, "%s/%s-%lu", t->dir, t->name,
			atomic_fetch_add(&t->next, 1));
		if (n >= PATH_MAX - 2) {
			return SQLITE_CANTOPEN;
		}
		name = path;
	}
	return t->below->xOpen(t->below, name, file, flags, out);
}

struct tmp_vfs *tmp_vfs_new(const char *dir)
{
	struct tmp_vfs *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return NULL;
	}
	t->dir = strdup(dir);
	t->below = sqlite3_vfs_find(NULL);
	if (t->dir == NULL || t->below == NULL) {
		free(t->dir);
		free(t);
		return NULL;
	}
	t->vfs = *t->below;
	t->vfs.pNext = NULL;
	t->vfs.szOsFile += PATH_MAX;
	t->vfs.xOpen = tmp_open;
	snprintf(t->name, sizeof(t->name), "sorting-%lx", (unsigned long)(uintptr_t)t);
	t->vfs.zName = t->name;
	if (sqlite3_vfs_register(&t->vfs, 0) != SQLITE_OK) {
		free(t->dir);
		free(t);
		return NULL;
	}
	return t;
}

void tmp_vfs_free(struct tmp_vfs *t)
{
	if (t != NULL) {
		sqlite3_vfs_unregister(&t->vfs);
		free(t->dir);
		free(t);
	}
}

const char *tmp_vfs_name(const struct tmp_vfs *t)
{
	return t->name;
}
