/* A table made anew with another definition: SQLite's own advice for what ALTER TABLE
 * cannot do. The new one is made beside it under a name of ours, takes over the rows,
 * and then the name. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

#define NEW_NAME RDS_HIDDEN_PREFIX "remake"

static void stmt_cleanup(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

static int exec(sqlite3 *db, struct buf *sql, struct err *err)
{
	int rc = buf_check(sql, err);

	if (rc == 0 && sqlite3_exec(db, buf_cstr(sql), NULL, NULL, NULL) != SQLITE_OK) {
		int code = sqlite3_errcode(db);
		rc = code == SQLITE_ERROR || code == SQLITE_CONSTRAINT
			     ? err_set(err, EINVAL, "%s", sqlite3_errmsg(db))
			     : store_sql_error(db, "SQLite", err);
	}
	buf_clear(sql);
	return rc;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, const char *name, struct err *err)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK) {
		store_sql_error(db, "the schema", err);
		return NULL;
	}
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_TRANSIENT);
	return stmt;
}

int rds_table_sql(sqlite3 *db, const char *table, struct buf *out, struct err *err)
{
	CLEANUP(stmt_cleanup)
	sqlite3_stmt *stmt = prepare(db,
		"SELECT sql FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 "
		"COLLATE NOCASE",
		table, err);

	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	if (rc == 0) {
		return err_set(err, ENOENT, "there is no table %s", table);
	}
	if (rc > 0 && sqlite3_column_type(stmt, 0) == SQLITE_TEXT) {
		buf_puts(out, (const char *)sqlite3_column_text(stmt, 0));
	}
	return rc < 0 ? rc : buf_check(out, err);
}

/* ---- the new table ---- */

unsigned rds_table_name_at(const struct rds_words *w)
{
	unsigned i = 1;

	i += rds_word_is(w, i, "TEMP") || rds_word_is(w, i, "TEMPORARY") ||
			     rds_word_is(w, i, "VIRTUAL")
		     ? 1
		     : 0;
	if (!rds_word_is(w, 0, "CREATE") || !rds_word_is(w, i, "TABLE")) {
		return 0;
	}
	i++;
	i += rds_words_are(w, i, "IF NOT EXISTS");
	i += rds_words_are(w, i, "main .");
	return i < w->n ? i : 0;
}

static int make_new(sqlite3 *db, const char *sql, struct err *err)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	int rc = rds_words_read(&w, slice_of(sql), SQL_SQLITE, err);
	unsigned name = rc < 0 ? 0 : rds_table_name_at(&w);
	if (rc == 0 && name == 0) {
		rc = err_set(err, EINVAL, "a CREATE TABLE statement is expected");
	}
	if (rc < 0) {
		return rc;
	}
	rds_words_drop(&w, 1, name);
	buf_puts(rds_word_replace(&w, 0), "CREATE TABLE ");
	buf_puts(rds_word_replace(&w, name), NEW_NAME);
	rds_words_print(&w, 0, w.n, &text);
	return exec(db, &text, err);
}

/* ---- its rows ---- */

/* Appends the columns that both tables have and that can be written. */
static int common_columns(sqlite3 *db, const char *table, struct buf *out, struct err *err)
{
	CLEANUP(stmt_cleanup)
	sqlite3_stmt *stmt = prepare(db,
		"SELECT n.name FROM pragma_table_xinfo('" NEW_NAME
		"') n JOIN pragma_table_xinfo(?1) o "
		"ON o.name = n.name COLLATE NOCASE WHERE n.hidden = 0 AND o.hidden IN (0, 2, 3) "
		"ORDER BY n.cid",
		table, err);
	int rc;

	if (stmt == NULL) {
		return -err->code;
	}
	while ((rc = store_step(stmt, err)) == 1) {
		buf_puts(out, out->n > 0 ? ", " : "");
		rds_quote(out, (const char *)sqlite3_column_text(stmt, 0));
	}
	return rc;
}

/* Whether rows are known by a rowid that is no column of theirs. */
static bool has_free_rowid(sqlite3 *db, const char *table)
{
	struct err ignored = {0};
	CLEANUP(stmt_cleanup)
	sqlite3_stmt *stmt = prepare(db,
		"SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = ?1 COLLATE "
		"NOCASE "
		"AND type = 'table' AND NOT wr "
		"AND NOT EXISTS (SELECT 1 FROM pragma_table_xinfo(?1) WHERE name = 'rowid' COLLATE "
		"NOCASE OR pk > 0)",
		table, &ignored);

	return stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;
}

static int copy_rows(sqlite3 *db, const char *table, struct err *err)
{
	CLEANUP(buf_free) struct buf columns = BUF_INIT;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	int rc = common_columns(db, table, &columns, err);

	if (rc < 0 || columns.n == 0) {
		return rc;
	}
	const char *rowid =
		has_free_rowid(db, table) && has_free_rowid(db, NEW_NAME) ? "rowid, " : "";
	buf_printf(&sql, "INSERT INTO %s (%s%s) SELECT %s%s FROM ", NEW_NAME, rowid,
		buf_cstr(&columns), rowid, columns.p);
	rds_quote(&sql, table);
	return exec(db, &sql, err);
}

/* ---- what hangs on the table ---- */

/* Statements that make its indexes and triggers again. */
static int save_dependents(sqlite3 *db, const char *table, struct buf *out, struct err *err)
{
	CLEANUP(stmt_cleanup)
	sqlite3_stmt *stmt = prepare(db,
		"SELECT sql FROM main.sqlite_schema WHERE type IN ('index', 'trigger') AND "
		"tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL ORDER BY rowid",
		table, err);
	int rc;

	if (stmt == NULL) {
		return -err->code;
	}
	while ((rc = store_step(stmt, err)) == 1) {
		buf_puts(out, (const char *)sqlite3_column_text(stmt, 0));
		buf_puts(out, ";\n");
	}
	return rc;
}

/* Where an AUTOINCREMENT goes on, which the rows that are there need not say. -1: nowhere. */
static int64_t sequence_of(sqlite3 *db, const char *table)
{
	sqlite3_stmt *stmt = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(db, "SELECT seq FROM sqlite_sequence WHERE name = ?1", -1, &stmt,
		    NULL) == SQLITE_OK) {
		sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
		n = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
	}
	sqlite3_finalize(stmt);
	return n;
}

int rds_sequence_set(sqlite3 *db, const char *table, int64_t at_least, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = 0;

	/* Without any AUTOINCREMENT there is no table of sequences, and nothing to set. */
	if (sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_sequence", -1, &stmt, NULL) != SQLITE_OK) {
		return 0;
	}
	sqlite3_finalize(stmt);
	for (int pass = 0; pass < 2 && rc >= 0; pass++) {
		stmt = prepare(db,
			pass == 0 ? "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE "
				    "NOT EXISTS "
				    "(SELECT 1 FROM sqlite_sequence WHERE name = ?1)"
				  : "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1 AND seq < "
				    "?2",
			table, err);
		if (stmt == NULL) {
			return -err->code;
		}
		if (pass == 1) {
			sqlite3_bind_int64(stmt, 2, at_least);
		}
		rc = store_step(stmt, err);
		sqlite3_finalize(stmt);
	}
	return rc;
}

static int take_name(sqlite3 *db, const char *table, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "DROP TABLE ");
	rds_quote(&sql, table);
	int rc = exec(db, &sql, err);
	if (rc < 0) {
		return rc;
	}
	buf_puts(&sql, "ALTER TABLE " NEW_NAME " RENAME TO ");
	rds_quote(&sql, table);
	return exec(db, &sql, err);
}

static int remake(sqlite3 *db, const char *table, const char *sql, struct err *err)
{
	CLEANUP(buf_free) struct buf dependents = BUF_INIT;
	int64_t sequence = sequence_of(db, table);

	int rc = make_new(db, sql, err);
	rc = rc < 0 ? rc : copy_rows(db, table, err);
	rc = rc < 0 ? rc : save_dependents(db, table, &dependents, err);
	rc = rc < 0 ? rc : take_name(db, table, err);
	rc = rc < 0 ? rc : exec(db, &dependents, err);
	if (rc == 0 && sequence >= 0) {
		CLEANUP(buf_free) struct buf now = BUF_INIT;
		rc = rds_table_sql(db, table, &now, err);
		if (rc == 0 && strcasestr(buf_cstr(&now), "AUTOINCREMENT") != NULL) {
			rc = rds_sequence_set(db, table, sequence, err);
		}
	}
	return rc;
}

int rds_remake(sqlite3 *db, const char *table, const char *sql, struct err *err)
{
	int foreign_keys = 0;
	int legacy = 0;

	/* Dropping the old one must not cascade, and what refers to it by name goes on to. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &foreign_keys);
	sqlite3_db_config(db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, -1, &legacy);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, NULL);
	int rc = remake(db, table, sql, err);
	sqlite3_db_config(db, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, legacy, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, foreign_keys, NULL);
	return rc;
}
