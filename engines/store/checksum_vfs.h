/* Databases whose pages are verified when they are read.
 *
 * How to have it (an instance's data.db, its bases, replicas and copies):
 *
 *	config.vfs = checksum_vfs(NULL);     (store.h)
 *
 * store_open() then makes new files with room for checksums, SQLite writes
 * through a shim that seals each page of the database file (checksum.h) and
 * verifies it when it comes back; apply_record() (replicas, bases, the standby's
 * database) and store_copy() keep the seals; replica readers verify on their
 * own. What the shim reads from the write-ahead log is compared with the sum of
 * what it wrote there or SQLite's recovery accepted, so a damaged log is not
 * moved into the database as if it were right.
 *
 * A page that is not what was written fails the call with SQLITE_IOERR_DATA
 * (store_sql_error(): EIO, "a page is damaged"), is logged with file and page,
 * and counted. Of a page that was cut off likewise. A file that has no room for
 * checksums is read and written unchecked: checksum_verify_file() says ENOTSUP.
 *
 * The page size of such a file stays as it is. Nobody else may write to such a file: the sqlite3
 *tool reads it, but what it writes has no valid checksums. SQLite's mmap is off for these files. */
#ifndef DBMOUNT_CHECKSUM_VFS_H
#define DBMOUNT_CHECKSUM_VFS_H

#include <sqlite3.h>

#include "engines/common/err.h"
#include "engines/store/checksum.h"

/* The name of the shim over the VFS `below`, NULL: over the one a store uses
 * without a shim. Registered when first asked for, for good. NULL: out of memory,
 * or there is no such VFS. */
const char *checksum_vfs(const char *below);

/* Before the first table of a new database: reserves the room when the database
 * was opened through a shim; else does nothing. An existing database in rollback
 * mode gets its checksums by this and a VACUUM. 0, or -EIO with err set. */
int checksum_reserve(sqlite3 *db, struct err *err);

/* Bad pages found by all shims since the start. */
uint64_t checksum_failures(void);

/* ---- looking through a file ---- */

/* A database file, in use by a store or not. A page that changes meanwhile is
 * read again; what lies in a write-ahead log is not looked at. Locks are neither
 * taken nor lost. */
struct checksum_scan {
	sqlite3_file *file;
	const char *name;
	uint32_t page_size;
	uint32_t next; /* page */
	uint32_t bad;  /* the page found damaged; 0: none */
	unsigned char *page;
};

/* ENOENT; ENOTSUP: the file has no checksums. */
int checksum_scan_open(struct checksum_scan *scan, const char *path, struct err *err);
/* Looks at up to `n_pages`: 1 there are more, 0 that was the end. EIO: scan->bad
 * is damaged or missing, or the disk failed (then scan->bad is 0). */
int checksum_scan_step(struct checksum_scan *scan, uint32_t n_pages, struct err *err);
/* Also of zeros. */
void checksum_scan_close(struct checksum_scan *scan);

/* All of it. *bad_page (may be NULL) as scan->bad. */
int checksum_verify_file(const char *path, uint32_t *bad_page, struct err *err);

#endif
