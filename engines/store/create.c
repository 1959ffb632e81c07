/* New database files: made whole under a temporary name, then given their own,
 * so that a crash leaves no half-made file where a database is looked for. What
 * it may leave is PATH.XXXXXX.part, which anyone may delete. */
#include "engines/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/store/checksum_vfs.h"

static const char *const siblings[] = {"", "-wal", "-shm", "-journal"};

static int sync_path(const char *path, int flags, const char *label, struct err *err)
{
	CLEANUP(cleanup_close) int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		return err_errno(err, "%s: %s could not be made durable", label, path);
	}
	return 0;
}

static int sync_directory_of(const char *path, const char *label, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	const char *slash = strrchr(path, '/');
	if (slash == NULL) {
		buf_puts(&dir, ".");
	} else {
		buf_append(&dir, path, (size_t)(slash - path) + 1);
	}
	const char *name = buf_cstr(&dir);
	int rc = buf_check(&dir, err);
	return rc != 0 ? rc : sync_path(name, O_RDONLY | O_DIRECTORY, label, err);
}

int temp_create(const char *path, struct buf *out, const char *label, struct err *err)
{
	static const char suffix[] = ".part";
	buf_printf(out, "%s.XXXXXX%s", path, suffix);
	buf_cstr(out);
	int rc = buf_check(out, err);
	if (rc != 0) {
		return rc;
	}
	int fd = mkostemps(out->p, sizeof(suffix) - 1, O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, "%s: %s cannot be created", label, path);
	}
	close(fd);
	return 0;
}

/* rename() that never replaces; link() where the file system knows no other way. */
static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS) {
		return -1;
	}
	return link(from, to) == 0 ? unlink(from) : -1;
}

int temp_publish(const char *temp, const char *path, const char *label, struct err *err)
{
	int rc = sync_path(temp, O_RDWR, label, err);
	if (rc != 0) {
		return rc;
	}
	if (rename_new(temp, path) != 0) {
		return err_errno(err, "%s: %s cannot be created", label, path);
	}
	rc = sync_directory_of(path, label, err);
	if (rc != 0) {
		unlink(path);
	}
	return rc;
}

void temp_remove(const char *temp)
{
	for (size_t i = 0; i < sizeof(siblings) / sizeof(siblings[0]); i++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		buf_printf(&name, "%s%s", temp, siblings[i]);
		if (buf_check(&name, NULL) == 0) {
			unlink(buf_cstr(&name));
		}
	}
}

int64_t sibling_size(const char *path, const char *suffix)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	buf_printf(&name, "%s%s", path, suffix);
	struct stat st;
	const char *p = buf_cstr(&name);
	return buf_check(&name, NULL) == 0 && stat(p, &st) == 0 ? st.st_size : -1;
}

/* A log without its database holds what the database lost, and SQLite would
 * play it into whatever file it finds beside it. */
static int check_no_leftovers(const struct store *s, struct err *err)
{
	for (size_t i = 1; i < sizeof(siblings) / sizeof(siblings[0]); i++) {
		if (strcmp(siblings[i], "-shm") != 0 && sibling_size(s->path, siblings[i]) > 0) {
			return err_set(err, EIO,
				"%s: %s is missing while its log %s%s is there; "
				"move the log away to begin with an empty database",
				s->label, s->path, s->path, siblings[i]);
		}
	}
	return 0;
}

/* No journal and no syncs: the file is nobody's before temp_publish(). */
static int fill(sqlite3 *db, const struct store_config *config, const char *label, struct err *err)
{
	char ids[128];
	snprintf(ids, sizeof(ids), "PRAGMA application_id=%d; PRAGMA user_version=%d;",
		(int)config->application_id, (int)config->schema_version);
	int rc = db_exec(db, label,
		"PRAGMA page_size=4096; PRAGMA auto_vacuum=NONE; PRAGMA encoding='UTF-8';"
		"PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY; BEGIN;"
		"CREATE TABLE _dbmount_store("
		" id INTEGER PRIMARY KEY CHECK (id = 1), clean INTEGER NOT NULL,"
		" version INTEGER NOT NULL, time INTEGER NOT NULL);"
		"INSERT INTO _dbmount_store(id, clean, version, time) VALUES (1, 1, 0, 0);",
		err);
	if (rc == 0) {
		rc = db_exec(db, label, ids, err);
	}
	if (rc == 0 && config->schema != NULL) {
		rc = db_exec(db, label, config->schema, err);
	}
	return rc != 0 ? rc : db_exec(db, label, "COMMIT", err);
}

int store_create(struct store *s, const struct store_config *config, struct err *err)
{
	int rc = check_no_leftovers(s, err);
	if (rc != 0) {
		return rc;
	}
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	rc = temp_create(s->path, &temp, s->label, err);
	if (rc != 0) {
		return rc;
	}
	struct db_spec spec = {
		.path = temp.p, .vfs = s->vfs, .label = s->label, .flags = SQLITE_OPEN_READWRITE};
	sqlite3 *db = NULL;
	rc = db_open(&spec, &db, err);
	if (rc == 0) {
		rc = checksum_reserve(db, err);
		rc = rc != 0 ? rc : fill(db, config, s->label, err);
		sqlite3_close(db);
	}
	if (rc == 0) {
		rc = temp_publish(temp.p, s->path, s->label, err);
	}
	temp_remove(temp.p);
	return rc;
}
