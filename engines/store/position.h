/* Where a replica stands, kept beside its database: two slots of 512 bytes, each
 * checksummed and numbered, written in turn, so that a crash in the middle of
 * one leaves the other. */
#ifndef DBMOUNT_POSITION_H
#define DBMOUNT_POSITION_H

#include <stdbool.h>

#include "engines/store/disk.h"

struct position {
	uint64_t number;  /* of this writing; the higher one counts */
	uint64_t applied; /* durably in the database, all up to it */
	uint64_t intent;  /* and perhaps parts of those up to this one */
};

/* A new file, whole and durable, in place of any there is. */
int position_create(
	const struct disk_ops *disk, const char *path, const struct position *p, struct err *err);
/* The descriptor, for the one below; what is read is durable. ENOENT; EIO: neither
 * slot is whole. */
int position_open(
	const struct disk_ops *disk, const char *path, struct position *out, struct err *err);
/* Durable when it returns. p->number must be one more than last time. */
int position_write(const struct disk_ops *disk, int fd, const struct position *p);

#endif
