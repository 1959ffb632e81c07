/* Looking through a whole file for pages that are not what was written.
 *
 * The file is opened by the VFS that stores use: closing another descriptor of
 * it would drop the locks that this process has on it. No lock is taken, so a
 * page may be read while a checkpoint or an apply writes it: one that looks
 * damaged is read again until it stays the same. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "engines/store/checksum_vfs.h"
#include "engines/store/disk.h"
#include "engines/store/store_impl.h"

#define PAUSE_NS  (2 * MS_NS)
#define TRIES	  8		      /* of a page that stays as it is */
#define MAX_TRIES 1000		      /* of one that changes all the time */
#define END_NS	  INT64_C(3000000000) /* of a file that does not grow, though it is to */

static void pause_a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static int read_at(struct checksum_scan *scan, void *to, size_t n, uint64_t offset)
{
	assert(scan->file->pMethods != NULL);
	return scan->file->pMethods->xRead(scan->file, to, (int)n, (sqlite3_int64)offset);
}

static uint64_t file_size(struct checksum_scan *scan)
{
	sqlite3_int64 size = 0;
	scan->file->pMethods->xFileSize(scan->file, &size);
	return (uint64_t)size;
}

static int io_error(const struct checksum_scan *scan, int rc, struct err *err)
{
	return err_set(err, EIO, "%s cannot be read: %s", scan->name, sqlite3_errstr(rc));
}

/* ---- opening ---- */

static int open_file(struct checksum_scan *scan, const char *path, struct err *err)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(store_usual_vfs());
	CLEANUP(cleanup_free) char *full = calloc(1, (size_t)vfs->mxPathname + 1);
	scan->file = calloc(1, (size_t)vfs->szOsFile);
	if (full == NULL || scan->file == NULL ||
		vfs->xFullPathname(vfs, path, vfs->mxPathname, full) != SQLITE_OK) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): `full` is freed by its attribute */
		return err_set(err, ENOMEM, "%s: out of memory", path);
	}
	scan->name = sqlite3_create_filename(full, "", "", 0, NULL);
	if (scan->name == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", path);
	}
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
	int rc = vfs->xOpen(vfs, scan->name, scan->file, flags, &flags);
	if (rc == SQLITE_OK) {
		return 0;
	}
	scan->file->pMethods = NULL;
	bool missing = access(path, F_OK) != 0 && errno == ENOENT;
	return err_set(err, missing ? ENOENT : EIO, "%s cannot be opened: %s", path,
		missing ? "there is none" : sqlite3_errstr(rc));
}

static int look_at_header(struct checksum_scan *scan, struct err *err)
{
	unsigned char header[CHECKSUM_HEADER];
	int rc = read_at(scan, header, sizeof(header), 0);
	if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ) {
		return io_error(scan, rc, err);
	}
	uint32_t size = checksum_page_size(header);
	bool sound = size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
	if (rc != SQLITE_OK || !checksum_used(header) || !sound) {
		return err_set(err, ENOTSUP, "%s has no checksums", scan->name);
	}
	scan->page_size = size;
	scan->next = 1;
	scan->page = malloc((size_t)2 * size);
	return scan->page != NULL ? 0 : err_set(err, ENOMEM, "%s: out of memory", scan->name);
}

int checksum_scan_open(struct checksum_scan *scan, const char *path, struct err *err)
{
	*scan = (struct checksum_scan){0};
	int rc = open_file(scan, path, err);
	if (rc == 0) {
		rc = look_at_header(scan, err);
	}
	if (rc != 0) {
		checksum_scan_close(scan);
	}
	return rc;
}

void checksum_scan_close(struct checksum_scan *scan)
{
	if (scan->file != NULL && scan->file->pMethods != NULL) {
		scan->file->pMethods->xClose(scan->file);
	}
	if (scan->name != NULL) {
		sqlite3_free_filename((char *)scan->name);
	}
	free(scan->file);
	free(scan->page);
	*scan = (struct checksum_scan){0};
}

/* ---- looking ---- */

static int found_bad(struct checksum_scan *scan, uint32_t number, const char *what, struct err *err)
{
	scan->bad = number;
	return err_set(err, EIO, "%s is damaged: page %u %s", scan->name, (unsigned)number, what);
}

/* 1: the page is whole; 0: the file ends before it. */
static int check_page(struct checksum_scan *scan, uint32_t number, struct err *err)
{
	uint32_t size = scan->page_size;
	unsigned char *before = scan->page + size;
	unsigned same = 0;
	assert(scan->page != NULL);
	for (unsigned i = 0; i < MAX_TRIES && same < TRIES; i++) {
		int rc = read_at(scan, scan->page, size, (uint64_t)(number - 1) * size);
		if (rc == SQLITE_IOERR_SHORT_READ) {
			return 0;
		}
		if (rc != SQLITE_OK) {
			return io_error(scan, rc, err);
		}
		if (number == checksum_lock_page(size) ||
			checksum_holds(scan->page, size, number)) {
			return 1;
		}
		same = i > 0 && memcmp(before, scan->page, size) == 0 ? same + 1 : 0;
		memcpy(before, scan->page, size);
		pause_a_moment();
	}
	return found_bad(scan, number, "is not what was written to it", err);
}

/* While the file grows, a checkpoint writes the pages that page 1 tells of; a slow disk
 * or a busy machine may hold it up for long. */
static int check_end(struct checksum_scan *scan, struct err *err)
{
	unsigned char header[CHECKSUM_HEADER];
	uint64_t before = 0;
	for (unsigned same = 0; same < END_NS / PAUSE_NS; same++) {
		int rc = read_at(scan, header, sizeof(header), 0);
		if (rc != SQLITE_OK) {
			return io_error(scan, rc, err);
		}
		uint64_t size = file_size(scan);
		if (size >= (uint64_t)get_be32(header + 28) * scan->page_size) {
			return 0;
		}
		same = size != before ? 0 : same;
		before = size;
		pause_a_moment();
	}
	return found_bad(scan, (uint32_t)(before / scan->page_size) + 1, "was cut off", err);
}

int checksum_scan_step(struct checksum_scan *scan, uint32_t n_pages, struct err *err)
{
	for (uint32_t i = 0; i < n_pages; i++) {
		int rc = check_page(scan, scan->next, err);
		if (rc <= 0) {
			return rc < 0 ? rc : check_end(scan, err);
		}
		scan->next++;
	}
	return 1;
}

int checksum_verify_file(const char *path, uint32_t *bad_page, struct err *err)
{
	struct checksum_scan scan;
	int rc = checksum_scan_open(&scan, path, err);
	if (bad_page != NULL) {
		*bad_page = 0;
	}
	if (rc != 0) {
		return rc;
	}
	do {
		rc = checksum_scan_step(&scan, 1024, err);
	} while (rc == 1);
	if (bad_page != NULL) {
		*bad_page = scan.bad;
	}
	checksum_scan_close(&scan);
	return rc;
}
