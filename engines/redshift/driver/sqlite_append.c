/* Many rows into a table: one prepared INSERT, in one transaction. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_impl.h"

struct lite_appender {
	struct sql_append base;
	sqlite3 *db;
	sqlite3_stmt *stmt;
	struct sql_type *types;
	unsigned n;
	/* A savepoint in the session's transaction, else a transaction. */
	bool inside;
	bool failed;
	struct buf room;
};

static void appender_free(struct lite_appender *a)
{
	sqlite3_finalize(a->stmt);
	free(a->types);
	buf_free(&a->room);
	free(a);
}

static void cleanup_appender(struct lite_appender **a)
{
	if (*a != NULL) {
		appender_free(*a);
	}
}

static int prepare_insert(
	struct lite_appender *a, const char *name, const char *table, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "INSERT INTO ");
	sql_quote(slice_of(name), &sql);
	buf_putc(&sql, '.');
	sql_quote(slice_of(table), &sql);
	buf_puts(&sql, " VALUES (");
	for (unsigned i = 0; i < a->n; i++) {
		buf_puts(&sql, i > 0 ? ",?" : "?");
	}
	buf_puts(&sql, ")");
	int rc = buf_check(&sql, err);
	if (rc != 0) {
		return rc;
	}
	rc = sqlite3_prepare_v2(a->db, buf_cstr(&sql), -1, &a->stmt, NULL);
	return rc == SQLITE_OK ? 0 : lite_error(a->db, rc, err);
}

int lite_append(struct sql_session *s, const char *name, const char *table,
	const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err)
{
	CLEANUP(cleanup_appender) struct lite_appender *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	a->base.driver = &sqlite_driver;
	a->db = ((struct lite_session *)s)->db;
	a->n = n;
	a->types = calloc(n + 1, sizeof(*a->types));
	if (a->types == NULL || !buf_reserve(&a->room, (size_t)(n + 1) * LITE_ROOM)) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(a->types, types, n * sizeof(*types));
	int rc = prepare_insert(a, name, table, err);
	if (rc == 0) {
		a->inside = sqlite3_get_autocommit(a->db) == 0;
		rc = lite_exec(a->db, a->inside ? "SAVEPOINT append" : "BEGIN", err);
	}
	if (rc == 0) {
		*out = &a->base;
		a = NULL;
	}
	return rc;
}

int lite_append_row(struct sql_append *append, const struct sql_value *row, struct err *err)
{
	struct lite_appender *a = (struct lite_appender *)append;
	int rc = SQLITE_OK;
	buf_clear(&a->room);
	for (unsigned i = 0; rc == SQLITE_OK && i < a->n; i++) {
		rc = lite_put(a->stmt, (int)i + 1, a->types[i], &row[i], &a->room);
	}
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(a->stmt);
	}
	int result = rc == SQLITE_DONE ? 0 : lite_error(a->db, rc, err);
	sqlite3_reset(a->stmt);
	a->failed = a->failed || result != 0;
	return result;
}

/* What SQLite rolled back by itself is no transaction any more. */
static void undo(struct lite_appender *a)
{
	if (sqlite3_get_autocommit(a->db) == 0) {
		lite_exec(
			a->db, a->inside ? "ROLLBACK TO append; RELEASE append" : "ROLLBACK", NULL);
	}
}

int lite_append_end(struct sql_append *append, bool keep, struct err *err)
{
	CLEANUP(cleanup_appender) struct lite_appender *a = (struct lite_appender *)append;
	if (!keep || a->failed) {
		undo(a);
		return keep ? err_set(err, EINVAL, "a row was refused: none is kept") : 0;
	}
	int rc = lite_exec(a->db, a->inside ? "RELEASE append" : "COMMIT", err);
	if (rc != 0) {
		undo(a);
	}
	return rc;
}
