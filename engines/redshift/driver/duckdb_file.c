/* The files of a site: made, opened, closed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/duckdb_impl.h"
#include "engines/redshift/driver/duckdb_blocks.h"
#include "engines/store/disk.h"

void duck_file_free(struct duck_file *f)
{
	if (f != NULL) {
		free(f->name);
		free(f->path);
		free(f);
	}
}

static void cleanup_file(struct duck_file **f)
{
	duck_file_free(*f);
}

struct duck_file *duck_file_find(struct duck_site *site, const char *name)
{
	struct duck_file *f;
	TAILQ_FOREACH (f, &site->files, link) {
		if (strcmp(f->name, name) == 0) {
			return f;
		}
	}
	return NULL;
}

/* ---- opening ---- */

static int attach(struct duck_site *site, const struct duck_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "ATTACH ");
	int rc = sql_quote_text(slice_of(f->path), &sql, err);
	buf_puts(&sql, " AS ");
	sql_quote(slice_of(f->name), &sql);
	buf_printf(&sql, " (TYPE duckdb, BLOCK_SIZE %d%s)", DUCK_BLOCK_SIZE,
		f->read_only ? ", READ_ONLY" : "");
	if (rc == 0) {
		rc = buf_check(&sql, err);
	}
	return rc != 0 ? rc : duck_run(site, site->own, buf_cstr(&sql), err);
}

/* Attaching reads the file: what the library says then is about the file. */
static int attach_existing(struct duck_site *site, const struct duck_file *f, struct err *err)
{
	int rc = attach(site, f, err);
	if (rc == -EINVAL || rc == -ENOMEM) {
		if (rc == -EINVAL && err != NULL) {
			err->code = EIO;
		}
		return rc == -EINVAL ? -EIO : rc;
	}
	return rc;
}

static int sync_file(const char *path, struct err *err)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		return err_errno(err, "%s", path);
	}
	return disk_sync_parent(&disk_system, path, err);
}

static int create_file(struct duck_site *site, const struct duck_file *f, struct err *err)
{
	struct stat st;
	if (lstat(f->path, &st) == 0) {
		return err_set(err, EEXIST, "%s exists already", f->path);
	}
	int rc = attach(site, f, err);
	return rc != 0 ? rc : sync_file(f->path, err);
}

static int open_file(struct duck_site *site, const struct duck_file *f, int flags, struct err *err)
{
	struct stat st;
	if (f->name == NULL || f->path == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if ((flags & SQL_CREATE) != 0) {
		return create_file(site, f, err);
	}
	/* The library would make it. */
	if (stat(f->path, &st) != 0) {
		return err_errno(err, "%s", f->path);
	}
	return attach_existing(site, f, err);
}

int duck_attach(struct sql_site *s, const char *name, const char *path, int flags, struct err *err)
{
	struct duck_site *site = (struct duck_site *)s;
	LOCKED(&site->lock);
	if (duck_file_find(site, name) != NULL) {
		return err_set(err, EEXIST, "%s is attached already", name);
	}
	int rc = duck_revive(site, err);
	if (rc != 0) {
		return rc;
	}
	CLEANUP(cleanup_file) struct duck_file *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->name = strdup(name);
	f->path = strdup(path);
	f->read_only = (flags & SQL_READ_ONLY) != 0;
	rc = open_file(site, f, flags, err);
	if (rc == 0) {
		f->attached = true;
		TAILQ_INSERT_TAIL(&site->files, f, link);
		f = NULL;
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc;
}

void duck_attach_all(struct duck_site *site)
{
	struct duck_file *f;
	struct stat st;
	TAILQ_FOREACH (f, &site->files, link) {
		f->attached = stat(f->path, &st) == 0 && attach(site, f, NULL) == 0;
	}
}

/* ---- the end ---- */

static int statement_on(
	struct duck_site *site, const char *what, const struct duck_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, what);
	sql_quote(slice_of(f->name), &sql);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : duck_run(site, site->own, buf_cstr(&sql), err);
}

int duck_detach(struct sql_site *s, const char *name, struct err *err)
{
	struct duck_site *site = (struct duck_site *)s;
	LOCKED(&site->lock);
	struct duck_file *f = duck_file_find(site, name);
	if (f == NULL) {
		return err_set(err, ENOENT, "%s is not attached", name);
	}
	int rc = 0;
	if (f->attached && !atomic_load(&site->broken) && site->db != NULL) {
		rc = f->read_only ? 0 : statement_on(site, "CHECKPOINT ", f, err);
		int detached = statement_on(site, "DETACH ", f, rc == 0 ? err : NULL);
		rc = rc != 0 ? rc : detached;
	} else {
		rc = err_set(err, EIO, "%s is damaged", f->path);
	}
	TAILQ_REMOVE(&site->files, f, link);
	duck_file_free(f);
	return rc;
}
