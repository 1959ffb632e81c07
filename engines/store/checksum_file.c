/* Pages on their way through the shim: sealed when they are written to a database
 * file, verified when they are read.
 *
 * Whether a file's pages are sealed says its header, which each handle sees when
 * SQLite reads or writes page 1. Two things need care:
 *   - Pages may be written before page 1 is: a large transaction that makes a new
 *     file (a copy, VACUUM INTO), or a VACUUM that reserves room in an old one,
 *     spills its cache. Their numbers are kept, and they are sealed when page 1
 *     comes.
 *   - SQLite may leave a page out that was allocated and given up again, which
 *     makes a hole of zeros that counts as damage. Holes are filled as the file
 *     grows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/log.h"
#include "engines/store/checksum_impl.h"
#include "engines/store/disk.h"

#define WAL_MODE 2 /* byte 18 of the header */

static bool is_page(int n, int64_t offset)
{
	return n >= 512 && n <= 65536 && (n & (n - 1)) == 0 && offset % n == 0;
}

/* ---- what the file says of itself ---- */

static void learn(struct shim_file *f, const unsigned char *header)
{
	f->known = memcmp(header, "SQLite format 3", 16) == 0;
	f->sealed = checksum_used(header);
	f->wal_mode = header[18] == WAL_MODE;
	f->page_size = checksum_page_size(header);
}

static bool read_header(sqlite3_file *file, unsigned char *header)
{
	sqlite3_file *below = shim_below(file);
	return below->pMethods->xRead(below, header, CHECKSUM_HEADER, 0) == SQLITE_OK;
}

static void learn_from_file(sqlite3_file *file)
{
	unsigned char header[CHECKSUM_HEADER];
	if (!shim_file(file)->known && read_header(file, header)) {
		learn(shim_file(file), header);
	}
}

/* ---- reading ---- */

static int damaged(struct shim_file *f, uint32_t page, const char *what)
{
	atomic_fetch_add(&f->shim->n_bad, 1);
	log_error("%s: page %u %s", f->path, (unsigned)page, what);
	errno = EIO; /* what SQLite asks for */
	return SQLITE_IOERR_DATA;
}

/* Page 1 of a sealed file whose very mark was damaged. */
static bool was_sealed(unsigned char *page, uint32_t size)
{
	unsigned char mark = page[20];
	page[20] = CHECKSUM_BYTES;
	bool holds = mark != CHECKSUM_BYTES && checksum_holds(page, size, 1);
	page[20] = mark;
	return holds;
}

/* SQLite takes what lies behind the end of the file for zeros, which is right for
 * pages it is only about to write. */
static int check_end(sqlite3_file *file, uint32_t number)
{
	unsigned char header[CHECKSUM_HEADER];
	struct shim_file *f = shim_file(file);
	if (read_header(file, header) && checksum_used(header) && number <= get_be32(header + 28)) {
		return damaged(f, number, "was cut off");
	}
	return SQLITE_IOERR_SHORT_READ;
}

/* A page of another size than page 1 told of: SQLite is about to find out, too. */
static int check_page(struct shim_file *f, unsigned char *page, uint32_t size, uint32_t number)
{
	bool bad = f->sealed ? size == f->page_size && !checksum_holds(page, size, number)
			     : number == 1 && was_sealed(page, size);
	return bad ? damaged(f, number, "is not what was written to it") : SQLITE_OK;
}

static int read_database(sqlite3_file *file, void *to, int n, int64_t offset, int rc)
{
	struct shim_file *f = shim_file(file);
	bool page = is_page(n, offset);
	uint32_t number = (uint32_t)(offset / n) + 1;
	learn_from_file(file);
	if (page && rc == SQLITE_OK) {
		rc = check_page(f, to, (uint32_t)n, number);
	} else if (page && rc == SQLITE_IOERR_SHORT_READ && f->sealed) {
		return check_end(file, number);
	}
	if (rc == SQLITE_OK && offset == 0 && n >= CHECKSUM_HEADER) {
		learn(f, to);
	}
	return rc;
}

int shim_read(sqlite3_file *file, void *to, int n, sqlite3_int64 offset)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	int rc = below->pMethods->xRead(below, to, n, offset);
	if (f->wal == NULL) {
		return read_database(file, to, n, offset, rc);
	}
	uint32_t bad = rc == SQLITE_OK ? wal_sums_check(f->wal, to, n, offset) : 0;
	return bad != 0 ? damaged(f, bad, "of the log is not what was written to it") : rc;
}

/* ---- writing ---- */

/* A copy of the page in f->page. */
static bool copy_page(struct shim_file *f, const void *from, uint32_t size)
{
	if (f->page_room < size) {
		free(f->page);
		f->page = malloc(size);
		f->page_room = f->page != NULL ? size : 0;
	}
	if (f->page == NULL) {
		return false;
	}
	if (from != NULL) {
		memcpy(f->page, from, size);
	} else {
		memset(f->page, 0, size);
	}
	return true;
}

/* NULL: zeros. */
static int write_sealed(sqlite3_file *file, const void *from, uint32_t size, uint32_t number)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	if (!copy_page(f, from, size)) {
		return SQLITE_IOERR_NOMEM;
	}
	if (number != checksum_lock_page(size)) {
		checksum_seal(f->page, size, number);
	}
	return below->pMethods->xWrite(
		below, f->page, (int)size, (sqlite3_int64)(number - 1) * size);
}

/* The lock page is left a hole. */
static int fill_hole(sqlite3_file *file, uint32_t size, uint32_t number)
{
	sqlite3_file *below = shim_below(file);
	sqlite3_int64 end = 0;
	int rc = below->pMethods->xFileSize(below, &end);
	uint32_t first = (uint32_t)((end + size - 1) / size) + 1;
	for (uint32_t i = first; rc == SQLITE_OK && i < number; i++) {
		if (i != 1 && i != checksum_lock_page(size)) {
			rc = write_sealed(file, NULL, size, i);
		}
	}
	return rc;
}

static int seal_early(sqlite3_file *file, uint32_t size)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	int rc = SQLITE_OK;
	for (size_t i = 0; rc == SQLITE_OK && i < f->early.n; i += sizeof(uint32_t)) {
		uint32_t number;
		memcpy(&number, f->early.p + i, sizeof(number));
		if (!copy_page(f, NULL, size)) {
			return SQLITE_IOERR_NOMEM;
		}
		sqlite3_int64 at = (sqlite3_int64)(number - 1) * size;
		rc = below->pMethods->xRead(below, f->page, (int)size, at);
		if (rc == SQLITE_OK) {
			checksum_seal(f->page, size, number);
			rc = below->pMethods->xWrite(below, f->page, (int)size, at);
		}
		rc = rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc; /* cut off since */
	}
	return rc;
}

static int write_first(sqlite3_file *file, const void *from, uint32_t size)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	learn(f, from);
	int rc = f->sealed ? write_sealed(file, from, size, 1)
			   : below->pMethods->xWrite(below, from, (int)size, 0);
	if (rc == SQLITE_OK && f->sealed) {
		rc = seal_early(file, size);
	}
	buf_clear(&f->early);
	return rc;
}

/* No page 1 yet, or one that says that pages are not sealed. */
static int write_early(sqlite3_file *file, const void *from, uint32_t size, uint32_t number)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	int rc = f->known ? SQLITE_OK : fill_hole(file, size, number);
	/* In WAL mode page 1 is the first that a checkpoint writes. */
	if (rc == SQLITE_OK && !f->wal_mode) {
		buf_append(&f->early, &number, sizeof(number));
		rc = buf_check(&f->early, NULL) == 0 ? SQLITE_OK : SQLITE_IOERR_NOMEM;
	}
	return rc != SQLITE_OK ? rc
			       : below->pMethods->xWrite(below, from, (int)size,
					 (sqlite3_int64)(number - 1) * size);
}

static int write_page(sqlite3_file *file, const void *from, uint32_t size, uint32_t number)
{
	if (number == 1) {
		return write_first(file, from, size);
	}
	learn_from_file(file);
	if (!shim_file(file)->sealed) {
		return write_early(file, from, size, number);
	}
	int rc = fill_hole(file, size, number);
	return rc != SQLITE_OK ? rc : write_sealed(file, from, size, number);
}

int shim_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 offset)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	if (f->wal == NULL && is_page(n, offset)) {
		return write_page(file, from, (uint32_t)n, (uint32_t)(offset / n) + 1);
	}
	int rc = below->pMethods->xWrite(below, from, n, offset);
	if (f->wal != NULL) {
		wal_sums_wrote(f->wal, from, n, offset, rc == SQLITE_OK);
	}
	return rc;
}

int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_file *below = shim_below(file);
	if (shim_file(file)->wal != NULL) {
		wal_sums_truncated(shim_file(file)->wal, size);
	}
	return below->pMethods->xTruncate(below, size);
}
