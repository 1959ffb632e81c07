/* Connections: how a file is opened, and the statements prepared on it. */
#include "engines/store/store_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Readers are many and live mostly off the kernel's page cache: a small cache
 * each. The writer is one, and what does not fit into its cache goes to the WAL
 * before the commit. No mmap: a disk error or a file cut short under a mapping
 * is a SIGBUS for the whole daemon instead of EIO for one reader. */
#define READER_SETTINGS "PRAGMA cache_size=-2048; PRAGMA mmap_size=0; PRAGMA query_only=ON;"
#define WRITER_SETTINGS "PRAGMA cache_size=-16384; PRAGMA mmap_size=0; PRAGMA wal_autocheckpoint=0;"

static const char *const own_sql[OWN_COUNT] = {
	[OWN_READ_BEGIN] = "BEGIN",
	[OWN_READ_END] = "COMMIT",
	[OWN_BEGIN] = "BEGIN IMMEDIATE",
	[OWN_COMMIT] = "COMMIT",
	[OWN_ROLLBACK] = "ROLLBACK",
	[OWN_SAVEPOINT] = "SAVEPOINT store_write",
	[OWN_RELEASE] = "RELEASE store_write",
	[OWN_UNDO] = "ROLLBACK TO store_write",
	[OWN_COMPACT] = "VACUUM",
	[OWN_META] = "UPDATE _dbmount_store SET clean = ?1, version = ?2, time = ?3 WHERE id = 1",
};

static bool uri_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("/._-~", c) != NULL;
}

void store_uri(const char *path, bool immutable, struct buf *out)
{
	/* An absolute path gets the empty authority, so that one beginning with
	 * "//" has no host; a relative one "./", so that none is ":memory:". */
	buf_puts(out, path[0] == '/' ? "file://" : "file:./");
	for (const char *p = path; *p != '\0'; p++) {
		if (uri_plain(*p)) {
			buf_putc(out, *p);
		} else {
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
		}
	}
	buf_puts(out, immutable ? "?immutable=1" : "");
}

static void make_safe(sqlite3 *db)
{
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	sqlite3_busy_timeout(db, BUSY_MS);
}

/* SQLite opens a file it may not write for reading and says so only later. */
static int check_writable(const struct db_spec *spec, sqlite3 *db, struct err *err)
{
	if ((spec->flags & SQLITE_OPEN_READONLY) != 0 || sqlite3_db_readonly(db, "main") != 1) {
		return 0;
	}
	errno = 0;
	int code = access(spec->path, W_OK) != 0 && errno == EROFS ? EROFS : EACCES;
	return err_set(err, code, "%s: %s may not be written: %s", spec->label, spec->path,
		strerror(code));
}

int db_open(const struct db_spec *spec, sqlite3 **out, struct err *err)
{
	CLEANUP(buf_free) struct buf uri = BUF_INIT;
	store_uri(spec->path, spec->immutable, &uri);
	const char *name = buf_cstr(&uri);
	int rc = buf_check(&uri, err);
	if (rc != 0) {
		return rc;
	}
	sqlite3 *db = NULL;
	int flags = spec->flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
	if (sqlite3_open_v2(name, &db, flags, spec->vfs) != SQLITE_OK) {
		rc = db == NULL ? err_set(err, ENOMEM, "%s: out of memory", spec->label)
				: store_sql_error(db, spec->label, err);
		sqlite3_close(db);
		return rc;
	}
	make_safe(db);
	rc = check_writable(spec, db, err);
	if (rc != 0) {
		sqlite3_close(db);
		return rc;
	}
	*out = db;
	return 0;
}

int db_exec(sqlite3 *db, const char *what, const char *sql, struct err *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(db, what, err);
}

int db_int(sqlite3 *db, const char *what, const char *sql, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(db, what, err);
	}
	int rc = sqlite3_step(stmt);
	int result = 0;
	if (rc == SQLITE_ROW) {
		*out = sqlite3_column_int64(stmt, 0);
	} else if (rc == SQLITE_DONE) {
		result = err_set(err, EIO, "%s: no answer to %s", what, sql);
	} else {
		result = store_sql_error(db, what, err);
	}
	sqlite3_finalize(stmt);
	return result;
}

static int apply_settings(struct store_conn *c, enum conn_kind kind, struct err *err)
{
	const char *label = c->s->label;
	if (kind == CONN_READER) {
		return db_exec(c->db, label, READER_SETTINGS, err);
	}
	/* In WAL mode FULL syncs at each commit, NORMAL before each checkpoint only. */
	int rc = db_exec(c->db, label,
		c->s->sync == STORE_SYNC_CLOSE ? "PRAGMA synchronous=FULL"
					       : "PRAGMA synchronous=NORMAL",
		err);
	return rc != 0 ? rc : db_exec(c->db, label, WRITER_SETTINGS, err);
}

int conn_open(struct store_conn *c, struct store *s, enum conn_kind kind, struct err *err)
{
	struct db_spec spec = {
		.path = s->path,
		.vfs = s->vfs,
		.label = s->label,
		.flags = s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE,
		.immutable = s->read_only,
	};
	*c = (struct store_conn){.s = s};
	c->stmts = calloc(s->n_sql + 1, sizeof(*c->stmts));
	if (c->stmts == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", s->label);
	}
	int rc = db_open(&spec, &c->db, err);
	if (rc == 0) {
		rc = apply_settings(c, kind, err);
	}
	if (rc != 0 && c->db != NULL) {
		store_note(s, c->db);
	}
	if (rc != 0) {
		conn_close(c);
	}
	return rc;
}

void conn_close(struct store_conn *c)
{
	if (c->slot != NULL) {
		assert(c->s->slot_free != NULL);
		c->s->slot_free(c->slot);
	}
	for (unsigned i = 0; i < OWN_COUNT; i++) {
		sqlite3_finalize(c->own[i]);
	}
	for (unsigned i = 0; c->stmts != NULL && i < c->s->n_sql; i++) {
		sqlite3_finalize(c->stmts[i].stmt);
	}
	free(c->stmts);
	int rc = sqlite3_close(c->db);
	assert(rc == SQLITE_OK);
	(void)rc;
	*c = (struct store_conn){0};
}

void conn_reset(struct store_conn *c)
{
	for (unsigned i = 0; i < c->s->n_sql; i++) {
		if (c->stmts[i].used) {
			sqlite3_reset(c->stmts[i].stmt);
			c->stmts[i].used = false;
		}
	}
}

static sqlite3_stmt *prepare(struct store_conn *c, const char *sql, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
		SQLITE_OK) {
		store_sql_error(c->db, c->s->label, err);
		store_note(c->s, c->db);
		return NULL;
	}
	return stmt;
}

sqlite3_stmt *conn_stmt(struct store_conn *c, unsigned n, struct err *err)
{
	assert(n < c->s->n_sql);
	struct conn_stmt *e = &c->stmts[n];
	if (e->stmt == NULL) {
		e->stmt = prepare(c, c->s->sql[n], err);
		if (e->stmt == NULL) {
			return NULL;
		}
	} else {
		sqlite3_reset(e->stmt);
		sqlite3_clear_bindings(e->stmt);
	}
	e->used = true;
	return e->stmt;
}

sqlite3_stmt *conn_own(struct store_conn *c, enum own_stmt n, struct err *err)
{
	if (c->own[n] == NULL) {
		c->own[n] = prepare(c, own_sql[n], err);
	}
	return c->own[n];
}

int conn_run(struct store_conn *c, enum own_stmt n, struct err *err)
{
	sqlite3_stmt *stmt = conn_own(c, n, err);
	if (stmt == NULL) {
		return err != NULL ? -err->code : -EIO;
	}
	int rc = 0;
	if (sqlite3_step(stmt) != SQLITE_DONE) {
		rc = store_sql_error(c->db, c->s->label, err);
		store_note(c->s, c->db);
	}
	sqlite3_reset(stmt);
	return rc;
}

bool conn_in_transaction(const struct store_conn *c)
{
	return sqlite3_get_autocommit(c->db) == 0;
}
