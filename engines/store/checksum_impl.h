/* What the files of the checksum shim share. */
#ifndef DBMOUNT_CHECKSUM_IMPL_H
#define DBMOUNT_CHECKSUM_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "engines/common/buf.h"
#include "engines/store/checksum_vfs.h"

/* ---- checksum_wal.c: sums of the pages in a write-ahead log ---- */

/* Of one file, for all who have it open. */
struct wal_sums;

/* One table a shim. */
struct wal_table {
	pthread_mutex_t lock;
	struct wal_sums *list; /* under lock */
};

/* The sums of the log `path`; NULL: out of memory. */
struct wal_sums *wal_sums_open(struct wal_table *table, const char *path);
/* The last to close forgets them. */
void wal_sums_close(struct wal_table *table, struct wal_sums *w);

/* After a write; before one, `ok` false: what was there is not known any more. */
void wal_sums_wrote(struct wal_sums *w, const void *from, int n, int64_t offset, bool ok);
void wal_sums_truncated(struct wal_sums *w, int64_t size);
/* 0, or the number of a page of the log that is not what was written. */
uint32_t wal_sums_check(struct wal_sums *w, const void *bytes, int n, int64_t offset);

/* ---- the shim ---- */

struct shim {
	sqlite3_vfs vfs;
	sqlite3_vfs *below;
	struct shim *next;
	struct wal_table wals;
	_Atomic uint64_t n_bad;
	char name[];
};

/* A database or a log; the file of the VFS below lies behind it. */
struct shim_file {
	sqlite3_file base;
	struct shim *shim;
	const char *path;     /* SQLite's; lives as long as the file is open */
	struct wal_sums *wal; /* NULL: this is a database */
	bool known;	      /* there is a page 1, and the following is what it says */
	bool sealed;
	bool wal_mode;
	uint32_t page_size;
	struct buf early;    /* uint32_t: pages written before page 1 seals them */
	unsigned char *page; /* to write from */
	uint32_t page_room;
};

static inline struct shim_file *shim_file(sqlite3_file *f)
{
	return (struct shim_file *)f;
}

static inline sqlite3_file *shim_below(sqlite3_file *f)
{
	return (sqlite3_file *)(void *)((char *)f + sizeof(struct shim_file));
}

/* ---- checksum_file.c: three members of sqlite3_io_methods ---- */

int shim_read(sqlite3_file *file, void *to, int n, sqlite3_int64 offset);
int shim_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 offset);
int shim_truncate(sqlite3_file *file, sqlite3_int64 size);

#endif
