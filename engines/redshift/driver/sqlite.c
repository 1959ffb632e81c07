/* Sites and sessions in SQLite. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions.h"
#include "engines/redshift/driver/sqlite_impl.h"
#include "engines/store/store.h"

#define BUSY_MS 60000
/* Of one file, when nothing is told. */
#define CACHE_KIB 32768

/* ---- errors ---- */

static int errno_of_io(sqlite3 *db)
{
	int e = sqlite3_system_errno(db);
	return e == ENOSPC || e == EDQUOT ? ENOSPC : EIO;
}

static int errno_of(sqlite3 *db, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL: return ENOSPC;
	case SQLITE_NOMEM: return ENOMEM;
	case SQLITE_INTERRUPT: return EINTR;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return EBUSY;
	case SQLITE_READONLY: return EROFS;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return EIO;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: return errno_of_io(db);
	default: return EINVAL;
	}
}

int lite_error(sqlite3 *db, int rc, struct err *err)
{
	if (db == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	bool sum = sqlite3_extended_errcode(db) == SQLITE_IOERR_DATA;
	return err_set(err, errno_of(db, rc), "%s",
		sum ? "a page is damaged: it is not what was written" : sqlite3_errmsg(db));
}

int lite_exec(sqlite3 *db, const char *sql, struct err *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : lite_error(db, rc, err);
}

/* ---- sites ---- */

static int lite_open(const struct sql_site_config *config, struct sql_site **out, struct err *err)
{
	struct lite_site *site = calloc(1, sizeof(*site));
	if (site == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	site->base.driver = &sqlite_driver;
	site->memory = config->memory;
	TAILQ_INIT(&site->files);
	site->tmp = tmp_vfs_new(config->tmp);
	if (site->tmp == NULL) {
		free(site);
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&site->lock, NULL);
	*out = &site->base;
	return 0;
}

static void lite_close(struct sql_site *s)
{
	struct lite_site *site = (struct lite_site *)s;
	while (!TAILQ_EMPTY(&site->files)) {
		struct lite_file *f = TAILQ_FIRST(&site->files);
		TAILQ_REMOVE(&site->files, f, link);
		lite_file_free(f);
	}
	tmp_vfs_free(site->tmp);
	pthread_mutex_destroy(&site->lock);
	free(site);
}

/* ---- sessions ---- */

static void lite_session_close(struct sql_session *s)
{
	struct lite_session *session = (struct lite_session *)s;
	int rc = sqlite3_close(session->db);
	/* Queries and appends end before their session. */
	if (rc != SQLITE_OK) {
		sqlite3_close_v2(session->db);
	}
	free(session);
}

static void cleanup_session(struct lite_session **s)
{
	if (*s != NULL) {
		lite_session_close(&(*s)->base);
	}
}

/* Of the memory told, what is left when some sessions are at work. */
static int set_cache(struct lite_site *site, sqlite3 *db, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	uint64_t kib = site->memory / 1024 / 8;
	buf_puts(&sql, "PRAGMA ");
	sql_quote(slice_of(name), &sql);
	buf_printf(&sql, ".cache_size=-%llu",
		(unsigned long long)(kib == 0 || kib > CACHE_KIB ? CACHE_KIB : kib));
	return lite_exec(db, buf_cstr(&sql), err);
}

static int open_memory(struct lite_site *site, sqlite3 **db, struct err *err)
{
	int flags =
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
	int rc = sqlite3_open_v2(":memory:", db, flags, tmp_vfs_name(site->tmp));
	if (rc != SQLITE_OK) {
		return lite_error(*db, rc, err);
	}
	sqlite3_busy_timeout(*db, BUSY_MS);
	rc = sqlite_functions_add(*db, err);
	return rc != 0 ? rc : lite_exec(*db, "PRAGMA temp_store=FILE", err);
}

static int lite_session(struct sql_site *s, const char *const *names, unsigned n,
	struct sql_session **out, struct err *err)
{
	struct lite_site *site = (struct lite_site *)s;
	CLEANUP(cleanup_session) struct lite_session *session = calloc(1, sizeof(*session));
	if (session == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	session->base.driver = &sqlite_driver;
	int rc = open_memory(site, &session->db, err);
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		rc = lite_file_use(site, session->db, names[i], err);
		if (rc == 0) {
			rc = set_cache(site, session->db, names[i], err);
		}
	}
	if (rc == 0) {
		*out = &session->base;
		session = NULL;
	}
	return rc;
}

/* ---- statements without a result ---- */

static int run_one(sqlite3 *db, const char **text, uint64_t *changed, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, *text, -1, &stmt, text);
	if (rc != SQLITE_OK) {
		return lite_error(db, rc, err);
	}
	if (stmt == NULL) {
		return 0;
	}
	int before = sqlite3_total_changes(db);
	do {
		rc = sqlite3_step(stmt);
	} while (rc == SQLITE_ROW);
	*changed = (uint64_t)(unsigned)(sqlite3_total_changes(db) - before);
	int result = rc == SQLITE_DONE ? 0 : lite_error(db, rc, err);
	sqlite3_finalize(stmt);
	return result;
}

static int lite_run(struct sql_session *s, const char *text, uint64_t *changed, struct err *err)
{
	struct lite_session *session = (struct lite_session *)s;
	uint64_t rows = 0;
	while (*text != '\0') {
		int rc = run_one(session->db, &text, &rows, err);
		if (rc != 0) {
			return rc;
		}
	}
	if (changed != NULL) {
		*changed = rows;
	}
	return 0;
}

static void lite_interrupt(struct sql_session *s)
{
	sqlite3_interrupt(((struct lite_session *)s)->db);
}

static int lite_checkpoint(struct sql_session *s, const char *name, struct err *err)
{
	struct lite_session *session = (struct lite_session *)s;
	int rc =
		sqlite3_wal_checkpoint_v2(session->db, name, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	return rc == SQLITE_OK ? 0 : lite_error(session->db, rc, err);
}

const struct sql_driver sqlite_driver = {
	.name = "sqlite",
	.suffix = ".db",
	.speed =
		"rows are stored one behind another: questions about few columns read all of them, "
		"and a question runs on one processor for each node",
	.dialect = SQL_SQLITE,
	.open = lite_open,
	.close = lite_close,
	.attach = lite_attach,
	.detach = lite_detach,
	.verify = lite_verify,
	.peek = lite_peek,
	.session = lite_session,
	.session_close = lite_session_close,
	.run = lite_run,
	.prepare = lite_prepare,
	.bind = lite_bind,
	.step = lite_step,
	.finish = lite_finish,
	.interrupt = lite_interrupt,
	.append = lite_append,
	.append_row = lite_append_row,
	.append_end = lite_append_end,
	.checkpoint = lite_checkpoint,
};
