/* A closed database file that nobody writes (a snapshot, a copy): read by any number of threads,
 * each with a connection of a pool. */
#ifndef DBMOUNT_STORE_FROZEN_H
#define DBMOUNT_STORE_FROZEN_H

#include "engines/store/store.h"

struct frozen;

/* `slot`: one pointer that stays with the connection, NULL at first, as store_reader_slot(). */
typedef int frozen_fn(sqlite3 *db, void **slot, void *arg, struct err *err);

/* ENOENT. `slot_free` as in store_config. */
int frozen_open(const char *path, const char *label, void (*slot_free)(void *slot),
	struct frozen **out, struct err *err);
/* What fn returned. It leaves no statement under way. */
int frozen_read(struct frozen *f, frozen_fn *fn, void *arg, struct err *err);
void frozen_close(struct frozen *f); /* NULL is fine */

#endif
