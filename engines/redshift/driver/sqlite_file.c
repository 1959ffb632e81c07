/* The files of a site: made, opened, looked through, closed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_impl.h"
#include "engines/store/checksum_vfs.h"
#include "engines/store/disk.h"

/* Larger than SQLite's own: tables are read from end to end. */
#define PAGE_SIZE 16384
/* Who waits for another connection's checkpoint. */
#define BUSY_MS 60000

/* ---- how a file is called ---- */

static bool uri_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("/._-~", c) != NULL;
}

/* A file nobody will write to, with nothing left in a log, is read without locks. */
static bool is_frozen(const struct lite_file *f)
{
	CLEANUP(buf_free) struct buf wal = BUF_INIT;
	struct stat st;
	buf_puts(&wal, f->path);
	buf_puts(&wal, "-wal");
	return (f->flags & SQL_READ_ONLY) != 0 &&
	       (stat(buf_cstr(&wal), &st) != 0 || st.st_size == 0);
}

static int put_uri(
	struct lite_site *site, const struct lite_file *f, struct buf *out, struct err *err)
{
	bool scratch = (f->flags & SQL_SCRATCH) != 0;
	const char *vfs = scratch ? tmp_vfs_name(site->tmp) : checksum_vfs(NULL);
	if (vfs == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", f->path);
	}
	buf_puts(out, f->path[0] == '/' ? "file://" : "file:./");
	for (const char *p = f->path; *p != '\0'; p++) {
		if (uri_plain(*p)) {
			buf_putc(out, *p);
		} else {
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
		}
	}
	/* Never made by opening it: a file that is gone is an error. */
	buf_printf(out, "?vfs=%s&mode=%s", vfs, (f->flags & SQL_READ_ONLY) != 0 ? "ro" : "rw");
	buf_puts(out, is_frozen(f) ? "&immutable=1" : "");
	return buf_check(out, err);
}

/* ---- making one ---- */

static int make_file(const struct lite_file *f, struct err *err)
{
	int fd = open(f->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) {
		return err_errno(err, "%s", f->path);
	}
	close(fd);
	return 0;
}

/* What holds for good: the size of pages, the kind of log, room for checksums. */
static int lay_out(struct lite_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_printf(&sql, "PRAGMA page_size=%d", PAGE_SIZE);
	int rc = lite_exec(f->keeper, buf_cstr(&sql), err);
	if (rc == 0 && (f->flags & SQL_SCRATCH) == 0) {
		rc = checksum_reserve(f->keeper, err);
	}
	return rc != 0 ? rc : lite_exec(f->keeper, "PRAGMA journal_mode=WAL", err);
}

/* ---- opening ---- */

static int settle(sqlite3 *db, int flags, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	bool scratch = (flags & SQL_SCRATCH) != 0;
	buf_puts(&sql, "PRAGMA ");
	sql_quote(slice_of(name), &sql);
	buf_printf(&sql, ".synchronous=%s", scratch ? "OFF" : "FULL");
	return lite_exec(db, buf_cstr(&sql), err);
}

static int open_keeper(struct lite_site *site, struct lite_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf uri = BUF_INIT;
	int rc = put_uri(site, f, &uri, err);
	if (rc != 0) {
		return rc;
	}
	bool read_only = (f->flags & SQL_READ_ONLY) != 0;
	int flags = SQLITE_OPEN_URI | SQLITE_OPEN_FULLMUTEX |
		    (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	rc = sqlite3_open_v2(buf_cstr(&uri), &f->keeper, flags, NULL);
	if (rc != SQLITE_OK) {
		return lite_error(f->keeper, rc, err);
	}
	sqlite3_busy_timeout(f->keeper, BUSY_MS);
	rc = (f->flags & SQL_CREATE) != 0 ? lay_out(f, err) : 0;
	if (rc == 0 && (f->flags & SQL_SCRATCH) != 0) {
		sqlite3_db_config(f->keeper, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	}
	if (rc == 0) {
		rc = settle(f->keeper, f->flags, "main", err);
	}
	/* Whether it is a database at all shows when it is read. */
	return rc != 0 ? rc : lite_exec(f->keeper, "SELECT count(*) FROM main.sqlite_schema", err);
}

void lite_file_free(struct lite_file *f)
{
	if (f != NULL) {
		sqlite3_close(f->keeper);
		free(f->name);
		free(f->path);
		free(f);
	}
}

static void cleanup_file(struct lite_file **f)
{
	lite_file_free(*f);
}

static struct lite_file *find(struct lite_site *site, const char *name)
{
	struct lite_file *f;
	TAILQ_FOREACH (f, &site->files, link) {
		if (strcmp(f->name, name) == 0) {
			return f;
		}
	}
	return NULL;
}

static int open_file(struct lite_site *site, struct lite_file *f, struct err *err)
{
	struct stat st;
	bool create = (f->flags & SQL_CREATE) != 0;
	if (f->name == NULL || f->path == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (!create && stat(f->path, &st) != 0) {
		return err_errno(err, "%s", f->path);
	}
	int rc = create ? make_file(f, err) : 0;
	if (rc != 0) {
		return rc;
	}
	rc = open_keeper(site, f, err);
	if (rc == 0 && create && (f->flags & SQL_SCRATCH) == 0) {
		rc = disk_sync_parent(&disk_system, f->path, err);
	}
	if (rc != 0 && create) {
		unlink(f->path);
	}
	return rc;
}

int lite_attach(struct sql_site *s, const char *name, const char *path, int flags, struct err *err)
{
	struct lite_site *site = (struct lite_site *)s;
	LOCKED(&site->lock);
	if (find(site, name) != NULL) {
		return err_set(err, EEXIST, "%s is attached already", name);
	}
	CLEANUP(cleanup_file) struct lite_file *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->name = strdup(name);
	f->path = strdup(path);
	f->flags = flags;
	int rc = open_file(site, f, err);
	if (rc == 0) {
		f->flags &= ~SQL_CREATE;
		TAILQ_INSERT_TAIL(&site->files, f, link);
		f = NULL;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc;
}

int lite_file_use(struct lite_site *site, sqlite3 *db, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf uri = BUF_INIT;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	LOCKED(&site->lock);
	struct lite_file *f = find(site, name);
	if (f == NULL) {
		return err_set(err, ENOENT, "%s is not attached", name);
	}
	int rc = put_uri(site, f, &uri, err);
	if (rc != 0) {
		return rc;
	}
	buf_puts(&sql, "ATTACH ");
	rc = sql_quote_text(buf_slice(&uri), &sql, err);
	buf_puts(&sql, " AS ");
	sql_quote(slice_of(name), &sql);
	if (rc == 0) {
		rc = lite_exec(db, buf_cstr(&sql), err);
	}
	return rc != 0 ? rc : settle(db, f->flags, name, err);
}

/* ---- the end ---- */

static int finish_log(struct lite_file *f, struct err *err)
{
	int left = 0;
	if ((f->flags & (SQL_READ_ONLY | SQL_SCRATCH)) != 0) {
		return 0;
	}
	int rc = sqlite3_wal_checkpoint_v2(
		f->keeper, "main", SQLITE_CHECKPOINT_TRUNCATE, &left, NULL);
	return rc == SQLITE_OK ? 0 : lite_error(f->keeper, rc, err);
}

int lite_detach(struct sql_site *s, const char *name, struct err *err)
{
	struct lite_site *site = (struct lite_site *)s;
	LOCKED(&site->lock);
	struct lite_file *f = find(site, name);
	if (f == NULL) {
		return err_set(err, ENOENT, "%s is not attached", name);
	}
	int rc = finish_log(f, err);
	TAILQ_REMOVE(&site->files, f, link);
	lite_file_free(f);
	return rc;
}

/* ---- is it whole? ---- */

/* What is in the log is compared with its sums when it goes into the file. */
int lite_verify(struct sql_site *s, const char *name, struct err *err)
{
	struct lite_site *site = (struct lite_site *)s;
	CLEANUP(cleanup_free) char *path = NULL;
	{
		LOCKED(&site->lock);
		struct lite_file *f = find(site, name);
		if (f == NULL) {
			return err_set(err, ENOENT, "%s is not attached", name);
		}
		if ((f->flags & SQL_SCRATCH) != 0) {
			return 0;
		}
		int left = 0;
		int rc = (f->flags & SQL_READ_ONLY) != 0
				 ? SQLITE_OK
				 : sqlite3_wal_checkpoint_v2(f->keeper, "main",
					   SQLITE_CHECKPOINT_PASSIVE, &left, NULL);
		if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
			return lite_error(f->keeper, rc, err);
		}
		path = strdup(f->path);
	}
	if (path == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = checksum_verify_file(path, NULL, err);
	if (rc == -ENOENT) {
		err_clear(err);
		return err_set(err, EIO, "%s is gone", path);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc;
}

/* The first page, and the last one that it tells of. */
static int peek_pages(struct checksum_scan *scan, struct err *err)
{
	int rc = checksum_scan_step(scan, 1, err);
	if (rc <= 0) {
		return rc;
	}
	const unsigned char *count = scan->page + 28; /* in the file, big-endian */
	uint32_t pages = (uint32_t)count[0] << 24 | (uint32_t)count[1] << 16 |
			 (uint32_t)count[2] << 8 | (uint32_t)count[3];
	if (pages <= 1) {
		return 0;
	}
	scan->next = pages;
	rc = checksum_scan_step(scan, 1, err);
	return rc < 0 ? rc : 0;
}

int lite_peek(const char *path, struct err *err)
{
	struct checksum_scan scan;
	struct err why = {0};
	int rc = checksum_scan_open(&scan, path, &why);
	if (rc == 0) {
		rc = peek_pages(&scan, &why);
		checksum_scan_close(&scan);
	}
	/* ENOTSUP: its head is no database's any more. */
	if (rc < 0) {
		rc = err_set(err, rc == -ENOTSUP || rc == -ENOENT ? EIO : -rc, "%s", why.msg);
	}
	return rc;
}
