/* Is this file the database it should be, and whole? Asked before anything
 * writes to it, so that a refusal leaves every byte as it was.
 *
 * A file without a log beside it is looked at through an `immutable`
 * connection, which creates nothing. One with a log (the daemon was killed) can
 * only be read together with it; there the connection is told to leave the log
 * alone when it closes, and all that is written is the shared-memory index,
 * which is derived from the log.
 *
 * The header is read through SQLite's own file handle: closing a second
 * descriptor of a database would drop the POSIX locks of the whole process. */
#include "engines/store/store_impl.h"

#include <errno.h>
#include <stdio.h>

#define CHECK_ALWAYS_BYTES (INT64_C(256) << 20)
#define HEADER_BYTES	   100

struct checked {
	struct store *s;
	const struct store_config *config;
	sqlite3 *db;
	bool has_log;
	int64_t size;
};

static uint32_t big_endian(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int refuse(const struct checked *c, int code, struct err *err, const char *what)
{
	return err_set(err, code, "%s: %s %s; nothing was changed", c->s->label, c->s->path, what);
}

/* What SQLite said while it was reading the file, as one of our sentences. */
static int refuse_sql(const struct checked *c, struct err *err)
{
	struct err e = {0};
	store_sql_error(c->db, NULL, &e);
	int primary = sqlite3_extended_errcode(c->db) & 0xff;
	bool damaged =
		primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB || primary == SQLITE_ERROR;
	char what[ERR_MSG_MAX];
	snprintf(
		what, sizeof(what), "%s: %.800s", damaged ? "is damaged" : "cannot be read", e.msg);
	return refuse(c, e.code, err, what);
}

static int query(const struct checked *c, const char *sql, sqlite3_stmt **out, struct err *err)
{
	*out = NULL;
	if (sqlite3_prepare_v2(c->db, sql, -1, out, NULL) != SQLITE_OK) {
		return refuse_sql(c, err);
	}
	int rc = sqlite3_step(*out);
	if (rc == SQLITE_ROW) {
		return 0;
	}
	int result = rc == SQLITE_DONE ? refuse(c, EIO, err, "is damaged: _dbmount_store is empty")
				       : refuse_sql(c, err);
	sqlite3_finalize(*out);
	*out = NULL;
	return result;
}

static int query_int(const struct checked *c, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = query(c, sql, &stmt, err);
	if (rc == 0) {
		*out = sqlite3_column_int64(stmt, 0);
		sqlite3_finalize(stmt);
	}
	return rc;
}

static int read_header(struct checked *c, unsigned char *header, struct err *err)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;
	if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
		file == NULL || file->pMethods == NULL ||
		file->pMethods->xFileSize(file, &size) != SQLITE_OK) {
		return refuse(c, EIO, err, "cannot be read");
	}
	c->size = size;
	if (size < HEADER_BYTES) {
		char what[128];
		snprintf(what, sizeof(what), "is no database: it has only %lld bytes",
			(long long)size);
		return refuse(c, EIO, err, what);
	}
	if (file->pMethods->xRead(file, header, HEADER_BYTES, 0) != SQLITE_OK) {
		return refuse(c, EIO, err, "cannot be read: disk I/O error");
	}
	return 0;
}

static int check_header(struct checked *c, struct err *err)
{
	unsigned char h[HEADER_BYTES] = {0};
	int rc = read_header(c, h, err);
	if (rc != 0) {
		return rc;
	}
	if (memcmp(h, "SQLite format 3", 16) != 0) {
		return refuse(c, EIO, err,
			"is no SQLite database: it does not begin with \"SQLite format 3\"");
	}
	int64_t page = (int64_t)h[16] << 8 | h[17];
	page = page == 1 ? 65536 : page;
	int64_t whole = page * big_endian(h + 28);
	/* With a log, the missing pages may be in there; and the count holds only
	 * while the two change counters agree (an old writer did not keep it). */
	if (!c->has_log && memcmp(h + 24, h + 92, 4) == 0 && c->size < whole) {
		char what[128];
		snprintf(what, sizeof(what), "is cut short: it has %lld bytes of %lld",
			(long long)c->size, (long long)whole);
		return refuse(c, EIO, err, what);
	}
	return 0;
}

static int check_identity(const struct checked *c, struct err *err)
{
	char what[192];
	int64_t id;
	int rc = query_int(c, "PRAGMA application_id", &id, err);
	if (rc != 0) {
		return rc;
	}
	if ((uint32_t)id != c->config->application_id) {
		snprintf(what, sizeof(what),
			"holds something else: its application id is 0x%08x, not 0x%08x",
			(unsigned)(uint32_t)id, (unsigned)c->config->application_id);
		return refuse(c, EINVAL, err, what);
	}
	int64_t version;
	rc = query_int(c, "PRAGMA user_version", &version, err);
	if (rc == 0 && (uint32_t)version > c->config->schema_version) {
		snprintf(what, sizeof(what),
			"was written by a newer dbmount: its schema is version %u, "
			"this one knows up to %u",
			(unsigned)(uint32_t)version, (unsigned)c->config->schema_version);
		return refuse(c, EINVAL, err, what);
	}
	return rc;
}

static int check_content(const struct checked *c, struct err *err)
{
	int64_t clean;
	int rc = query_int(c, "SELECT clean FROM _dbmount_store WHERE id = 1", &clean, err);
	if (rc != 0 || (c->size > CHECK_ALWAYS_BYTES && clean != 0)) {
		return rc;
	}
	sqlite3_stmt *stmt;
	rc = query(c, "PRAGMA quick_check(1)", &stmt, err);
	if (rc != 0) {
		return rc;
	}
	const char *answer = (const char *)sqlite3_column_text(stmt, 0);
	if (answer == NULL || strcmp(answer, "ok") != 0) {
		char what[ERR_MSG_MAX];
		snprintf(what, sizeof(what), "is damaged: %.500s",
			answer != NULL ? answer : "quick_check gave no answer");
		rc = refuse(c, EIO, err, what);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int check_all(struct checked *c, struct err *err)
{
	int rc = check_header(c, err);
	if (rc == 0) {
		rc = check_identity(c, err);
	}
	return rc != 0 ? rc : check_content(c, err);
}

int store_check(struct store *s, const struct store_config *config, struct err *err)
{
	struct checked c = {.s = s, .config = config};
	c.has_log = sibling_size(s->path, "-wal") > 0 || sibling_size(s->path, "-journal") > 0;
	if (c.has_log && s->read_only) {
		return refuse(&c, EINVAL, err,
			"is no finished copy: there is a log beside it that was not played in");
	}
	bool had_shm = sibling_size(s->path, "-shm") >= 0;
	struct db_spec spec = {
		.path = s->path,
		.vfs = s->vfs,
		.label = s->label,
		.flags = c.has_log ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY,
		.immutable = !c.has_log,
	};
	int rc = db_open(&spec, &c.db, err);
	if (rc != 0) {
		return rc;
	}
	sqlite3_db_config(c.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	rc = check_all(&c, err);
	sqlite3_close(c.db);
	if (rc != 0 && c.has_log && !had_shm) {
		CLEANUP(buf_free) struct buf shm = BUF_INIT;
		buf_printf(&shm, "%s-shm", s->path);
		unlink(buf_cstr(&shm));
	}
	return rc;
}
