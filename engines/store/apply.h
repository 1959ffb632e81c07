/* Putting a record's pages into a database file. */
#ifndef DBMOUNT_APPLY_H
#define DBMOUNT_APPLY_H

#include "engines/store/record.h"

/* Writes the record's pages and cuts or extends the file to the size it had.
 * Not durable, and not atomic: after a failure or a crash, do it again. The
 * records in order, begun at any one not newer than the file, end in exactly the
 * last one's state, for each holds whole pages. The file becomes one in rollback
 * mode, and its change counter moves, so that SQLite's caches notice. Nobody may
 * read meanwhile. */
int apply_record(const struct disk_ops *disk, int fd, const char *path, const struct record *r,
	struct err *err);

#endif
