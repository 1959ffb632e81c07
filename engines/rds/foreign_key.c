/* Which foreign key does not hold: SQLite only says that one does not. */
#include "engines/rds/rows.h"

/* The columns of a foreign key, from or to, as "a, b". A NULL is the primary key. */
static int key_columns(struct rds_conn *c, const char *table, int64_t id, const char *which,
	struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_printf(&sql,
		"SELECT group_concat(coalesce(\"%s\", 'its primary key'), ', ')"
		" FROM pragma_foreign_key_list(?1, 'main') WHERE id = ?2",
		which);
	sqlite3_stmt *stmt = rds_conn_stmt(c, buf_cstr(&sql), err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, id);
	int rc = store_step(stmt, err);
	if (rc > 0) {
		buf_append_slice(out, store_column_slice(stmt, 0));
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

/* The statement stands on a row of foreign_key_check. */
static int refuse(struct rds_conn *c, sqlite3_stmt *check, struct err *err)
{
	const char *table = (const char *)sqlite3_column_text(check, 0);
	const char *parent = (const char *)sqlite3_column_text(check, 2);
	int64_t id = sqlite3_column_int64(check, 3);
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf to = BUF_INIT;
	CLEANUP(buf_free) struct buf row = BUF_INIT;
	struct err own = {0};
	key_columns(c, table, id, "from", &from, &own);
	key_columns(c, table, id, "to", &to, &own);
	if (sqlite3_column_type(check, 1) != SQLITE_NULL) {
		buf_printf(&row, " in row %lld", (long long)sqlite3_column_int64(check, 1));
	}
	return err_set(err, EINVAL,
		"FOREIGN KEY constraint failed: %s(%s)%s refers to a row of %s(%s) that is not "
		"there",
		table != NULL ? table : "", buf_cstr(&from), buf_cstr(&row),
		parent != NULL ? parent : "", buf_cstr(&to));
}

int rds_conn_foreign_keys(struct rds_conn *c, struct err *err)
{
	int open = 0;
	int high = 0;
	struct err own = {0};
	err = err != NULL ? err : &own;
	sqlite3_db_status(c->db, SQLITE_DBSTATUS_DEFERRED_FKS, &open, &high, 0);
	if (open == 0) {
		return 0;
	}
	sqlite3_stmt *stmt = rds_conn_stmt(c, "PRAGMA main.foreign_key_check", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc = store_step(stmt, err);
	if (rc > 0) {
		rc = refuse(c, stmt, err);
	} else if (rc == 0) {
		rc = err_set(err, EINVAL, "FOREIGN KEY constraint failed");
	}
	sqlite3_reset(stmt);
	return rc;
}

static int exec(struct rds_conn *c, const char *sql)
{
	return sqlite3_exec(c->db, sql, NULL, NULL, NULL);
}

/* Runs the statement once more with its foreign keys deferred, to look which of
 * them is open then; and undoes it. */
static int name_foreign_key(struct rds_conn *c, sqlite3_stmt *stmt, struct err *err)
{
	int rc = 0;
	sqlite3_reset(stmt);
	rds_stamps_pause(c);
	if (exec(c, "SAVEPOINT _dbmount_why; PRAGMA defer_foreign_keys=ON") == SQLITE_OK) {
		if (sqlite3_step(stmt) == SQLITE_DONE) {
			rc = rds_conn_foreign_keys(c, err);
		}
		sqlite3_reset(stmt);
		exec(c, "ROLLBACK TO _dbmount_why; RELEASE _dbmount_why;"
			" PRAGMA defer_foreign_keys=OFF");
	}
	rds_stamps_resume(c);
	return rc;
}

int rds_refused(struct rds_conn *c, sqlite3_stmt *stmt, struct err *err)
{
	int code = sqlite3_extended_errcode(c->db);
	int primary = code & 0xff;
	if (primary != SQLITE_CONSTRAINT && primary != SQLITE_MISMATCH && primary != SQLITE_ERROR) {
		return store_sql_error(c->db, NULL, err);
	}
	struct err why = {0};
	err_set(&why, EINVAL, "%s", sqlite3_errmsg(c->db));
	int rc = 0;
	if (code == SQLITE_CONSTRAINT_FOREIGNKEY) {
		rc = name_foreign_key(c, stmt, err);
	}
	sqlite3_reset(stmt);
	return rc != 0 ? rc : err_set(err, EINVAL, "%s", why.msg);
}
