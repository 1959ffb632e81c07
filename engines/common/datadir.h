/* The directory a service keeps its files in: catalog.db, which names what the others
 * hold; those others, named by a letter and a number ("t12.db", "i3"); and tmp/, where
 * nothing outlives the daemon. */
#ifndef DBMOUNT_DATADIR_H
#define DBMOUNT_DATADIR_H

#include <stdbool.h>
#include <stdint.h>

#include "engines/common/err.h"

/* What belongs to "t12.db", as "t12.db-wal" does: true, and what it is named by. */
typedef bool datadir_parse(const char *name, char *kind, uint64_t *id);
/* Non-zero stops and is returned. */
typedef int datadir_fn(void *arg, const char *name, char kind, uint64_t id, struct err *err);

/* For a datadir_parse: one of `kinds` and a number, *rest is what follows. */
bool datadir_numbered(
	const char *name, const char *kinds, char *kind, uint64_t *id, const char **rest);

/* Calls for each file that is parsed; a directory that is missing has none. */
int datadir_each(const char *dir, datadir_parse *parse, datadir_fn *fn, void *arg, struct err *err);

/* EIO when there are such files but no catalog.db: without this a lost catalog would be made
 * anew, empty, and every file removed as left over. `what`: "tables", which it names. */
int datadir_check_catalog(const char *dir, datadir_parse *parse, const char *what, struct err *err);

/* Removes a closed database with what may stand beside it. What cannot be removed the log tells,
 * in the name of `service`: it is found again as left over. */
void datadir_remove_database(const char *path, const char *service);

/* Makes tmp/, or empties it. */
int datadir_make_tmp(int dir_fd, const char *dir, struct err *err);

/* A file that has no name, to be read and written: its descriptor. */
int datadir_open_unnamed(const char *dir, struct err *err);

#endif
