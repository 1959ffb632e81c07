/* Reading the pages of commits from SQLite's write-ahead log.
 *
 * https://www.sqlite.org/fileformat2.html#walformat: a header of 32 bytes, then
 * frames: a header of 24 bytes (page number, size of the database in pages in
 * the last frame of a commit, the two salts, two checksums) and a page. Frames
 * whose salts are not the header's are left from before the log began anew. */
#ifndef DBMOUNT_WAL_PAGES_H
#define DBMOUNT_WAL_PAGES_H

#include "engines/store/record.h"

struct wal_pages {
	const struct disk_ops *disk;
	const char *path; /* borrowed */
	int fd;
	uint32_t page_size;
	unsigned char salt[8];
	bool big_endian; /* of the words that are summed */
	uint32_t sum[2]; /* of the header, where the first frame's begin */
	struct buf frame;
};

/* 1; 0: there is no such file, or no header in it (then nothing is open). */
int wal_pages_open(
	struct wal_pages *w, const struct disk_ops *disk, const char *path, struct err *err);
void wal_pages_close(struct wal_pages *w);

/* Adds the pages of the frames first to last, later images replacing earlier
 * ones; `last` ends a commit. EIO: these are no frames of this log, or damaged: garbage
 * that came into it since the commit must not reach the standby. */
int wal_pages_add(
	struct wal_pages *w, uint32_t first, uint32_t last, struct page_set *set, struct err *err);

/* The last frame of the last whole commit, as SQLite would find it after a
 * crash; 0: none. */
int wal_pages_end(struct wal_pages *w, uint32_t *out, struct err *err);

#endif
