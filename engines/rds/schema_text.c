/* `.schema`: how a table or an instance is defined, as stored; and a definition that
 * was written: the table is altered to it, by being made anew. What that would lose is
 * refused by name. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"
#include "engines/rds/rows.h"

static void stmt_cleanup(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

/* ---- reading ---- */

int rds_schema_read(struct rds_conn *c, struct slice table, struct buf *out, struct err *err)
{
	CLEANUP(stmt_cleanup) sqlite3_stmt *stmt = NULL;
	int rc;

	/* Tables first, then what hangs on them, each in the order it was made. */
	if (sqlite3_prepare_v2(c->db,
		    "SELECT tbl_name, sql FROM main.sqlite_schema WHERE sql NOT NULL AND "
		    "(?1 = '' OR tbl_name = ?1 COLLATE NOCASE) AND tbl_name NOT LIKE 'sqlite\\_%' "
		    "ESCAPE '\\' "
		    "AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow' "
		    "AND "
		    "schema = 'main') "
		    "ORDER BY type <> 'table', type <> 'index', type <> 'view', rowid",
		    -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(c->db, "the schema", err);
	}
	sqlite3_bind_text(stmt, 1, table.n > 0 ? table.p : "", (int)table.n, SQLITE_STATIC);
	while ((rc = store_step(stmt, err)) == 1) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		if (name != NULL && !rds_hidden_table(name)) {
			buf_puts(out, (const char *)sqlite3_column_text(stmt, 1));
			buf_puts(out, ";\n");
		}
	}
	return rc < 0 ? rc : buf_check(out, err);
}

/* ---- the text that was written ---- */

struct apply {
	struct rds_conn *c;
	const char *table;
	struct rds_guard guard;
	struct buf sql;	 /* of the CREATE TABLE (or VIEW), without ';' */
	struct buf rest; /* indexes and triggers, one after the other */
	bool view;
};

static void apply_finish(struct apply *a)
{
	buf_free(&a->sql);
	buf_free(&a->rest);
}

static int fail_at(const struct sql_statement *st, struct err *err)
{
	return err_wrap(err, "line %lu, column %lu", st->position.line, st->position.column);
}

static bool is_name(const struct rds_words *w, unsigned i, const char *name)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	sql_name(&w->at[i].token, &text);
	return strcasecmp(buf_cstr(&text), name) == 0;
}

static int take_table(
	struct apply *a, const struct sql_statement *st, const struct rds_words *w, struct err *err)
{
	unsigned at = rds_table_name_at(w);

	a->view = rds_word_is(w, 1, "VIEW");
	at = a->view ? 2 + rds_words_are(w, 2, "IF NOT EXISTS") : at;
	if (a->sql.n > 0) {
		return err_set(err, EINVAL, "a second table: a .schema is of one");
	}
	if (rds_word_is(w, 1, "TEMP") || rds_word_is(w, 1, "TEMPORARY")) {
		return err_set(err, EINVAL, "a temporary table would not stay");
	}
	if (at == 0 || !is_name(w, at, a->table)) {
		return err_set(err, EINVAL,
			"the definition is of another table, here is %s: mv renames a table",
			a->table);
	}
	buf_append_slice(&a->sql, st->text);
	return buf_check(&a->sql, err);
}

static int take_dependent(
	struct apply *a, const struct sql_statement *st, const struct rds_words *w, struct err *err)
{
	for (unsigned i = 2; i + 1 < w->n; i++) {
		if (rds_word_is(w, i, "ON") && is_name(w, i + 1, a->table)) {
			buf_append_slice(&a->rest, st->text);
			buf_puts(&a->rest, ";\n");
			return buf_check(&a->rest, err);
		}
	}
	return err_set(err, EINVAL, "an index or a trigger of another table than %s", a->table);
}

static int take_statement(struct apply *a, const struct sql_statement *st, struct err *err)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};
	int rc = rds_words_read(&w, st->text, SQL_SQLITE, err);

	if (rc == 0 && (rds_table_name_at(&w) > 0 || rds_words_are(&w, 0, "CREATE VIEW") > 0)) {
		rc = take_table(a, st, &w, err);
	} else if (rc == 0 && (rds_words_are(&w, 0, "CREATE INDEX") > 0 ||
				      rds_words_are(&w, 0, "CREATE UNIQUE INDEX") > 0 ||
				      rds_words_are(&w, 0, "CREATE TRIGGER") > 0)) {
		rc = take_dependent(a, st, &w, err);
	} else if (rc == 0) {
		rc = err_set(err, EINVAL,
			"CREATE TABLE %s, its CREATE INDEX and CREATE TRIGGER are expected here; "
			"other "
			"statements go to .sql",
			a->table);
	}
	return rc < 0 ? fail_at(st, err) : 0;
}

static int parse(struct apply *a, struct slice text, struct err *err)
{
	struct sql_statement st;
	struct sql_reader r;
	struct spill *spill = spill_new("/");
	int rc;

	if (spill == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	rc = spill_add(spill, text, err);
	sql_reader_init(&r, spill, SQL_SQLITE);
	while (rc == 0 && (rc = sql_reader_next(&r, &st, err)) == 1) {
		rc = take_statement(a, &st, err);
	}
	sql_reader_finish(&r);
	spill_free(spill);
	if (rc == 0 && a->sql.n == 0) {
		rc = err_set(err, EINVAL, "CREATE TABLE %s is expected", a->table);
	}
	return rc;
}

/* ---- what would be lost ---- */

/* Columns that hold something and that the new definition, made as NEW, has not. */
static int check_lost(struct apply *a, struct err *err)
{
	CLEANUP(stmt_cleanup) sqlite3_stmt *stmt = NULL;
	int rc;

	if (sqlite3_prepare_v2(a->c->db,
		    "SELECT o.name FROM pragma_table_xinfo(?1) o WHERE o.hidden = 0 AND NOT EXISTS "
		    "(SELECT 1 FROM pragma_table_xinfo('" RDS_HIDDEN_PREFIX
		    "probe') n WHERE n.name = o.name COLLATE NOCASE)",
		    -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(a->c->db, "the schema", err);
	}
	sqlite3_bind_text(stmt, 1, a->table, -1, SQLITE_STATIC);
	while ((rc = store_step(stmt, err)) == 1) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		CLEANUP(stmt_cleanup) sqlite3_stmt *any = NULL;
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		buf_puts(&sql, "SELECT 1 FROM ");
		rds_quote(&sql, a->table);
		buf_puts(&sql, " WHERE ");
		rds_quote(&sql, name);
		buf_puts(&sql, " IS NOT NULL LIMIT 1");
		if (sqlite3_prepare_v2(a->c->db, buf_cstr(&sql), -1, &any, NULL) != SQLITE_OK) {
			return store_sql_error(a->c->db, "the schema", err);
		}
		rc = store_step(any, err);
		if (rc == 1) {
			return err_set(err, EINVAL,
				"column %s holds data, and the definition has it no more: ALTER "
				"TABLE %s "
				"DROP COLUMN (or RENAME COLUMN) in .sql says so",
				name, a->table);
		}
	}
	return rc;
}

/* The new table under a name of ours, empty: SQLite looks at the definition. */
static int probe(struct apply *a, struct err *err)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	int rc = rds_words_read(&w, buf_slice(&a->sql), SQL_SQLITE, err);

	if (rc < 0) {
		return rc;
	}
	buf_puts(rds_word_replace(&w, rds_table_name_at(&w)), RDS_HIDDEN_PREFIX "probe");
	rds_words_print(&w, 0, w.n, &sql);
	if (sqlite3_exec(a->c->db, buf_cstr(&sql), NULL, NULL, NULL) != SQLITE_OK) {
		return err_set(err, EINVAL, "%s", sqlite3_errmsg(a->c->db));
	}
	rc = check_lost(a, err);
	sqlite3_exec(a->c->db, "DROP TABLE " RDS_HIDDEN_PREFIX "probe", NULL, NULL, NULL);
	return rc;
}

/* ---- the change ---- */

/* What the text does not name of indexes and triggers goes. */
static int drop_dependents(struct apply *a, struct err *err)
{
	CLEANUP(stmt_cleanup) sqlite3_stmt *stmt = NULL;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	int rc;

	if (sqlite3_prepare_v2(a->c->db,
		    "SELECT type, name FROM main.sqlite_schema WHERE type IN ('index', 'trigger') "
		    "AND "
		    "tbl_name = ?1 COLLATE NOCASE AND sql NOT NULL",
		    -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(a->c->db, "the schema", err);
	}
	sqlite3_bind_text(stmt, 1, a->table, -1, SQLITE_STATIC);
	while ((rc = store_step(stmt, err)) == 1) {
		buf_printf(&sql, "DROP %s ", (const char *)sqlite3_column_text(stmt, 0));
		rds_quote(&sql, (const char *)sqlite3_column_text(stmt, 1));
		buf_puts(&sql, ";\n");
	}
	sqlite3_finalize(stmt);
	stmt = NULL;
	if (rc == 0 && sqlite3_exec(a->c->db, buf_cstr(&sql), NULL, NULL, NULL) != SQLITE_OK) {
		rc = store_sql_error(a->c->db, "the schema", err);
	}
	return rc;
}

/* Users' own SQL. */
static int run(struct apply *a, struct buf *sql, struct err *err)
{
	int rc = 0;

	rds_guard_begin(&a->guard, a->c, 0);
	if (sqlite3_exec(a->c->db, buf_cstr(sql), NULL, NULL, NULL) != SQLITE_OK) {
		rc = rds_guard_error(&a->guard, "", err);
	}
	rds_guard_end(&a->guard);
	return rc;
}

static int check_references(struct apply *a, struct err *err)
{
	CLEANUP(stmt_cleanup) sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(a->c->db,
		    "SELECT \"table\", parent FROM pragma_foreign_key_check LIMIT 1", -1, &stmt,
		    NULL) != SQLITE_OK ||
		(sqlite3_step(stmt) != SQLITE_ROW && sqlite3_errcode(a->c->db) != SQLITE_DONE)) {
		return err_set(err, EINVAL, "foreign keys: %s", sqlite3_errmsg(a->c->db));
	}
	return sqlite3_data_count(stmt) == 0 ? 0
					     : err_set(err, EINVAL,
						       "FOREIGN KEY constraint failed: rows of %s "
						       "refer to rows of %s that are "
						       "not there",
						       (const char *)sqlite3_column_text(stmt, 0),
						       (const char *)sqlite3_column_text(stmt, 1));
}

/* NULL: there is no such table; else its definition. */
static int alter(struct apply *a, const struct buf *old, struct err *err)
{
	bool was_view = strncasecmp(old->p, "CREATE VIEW", 11) == 0;
	int rc = 0;

	if (was_view != a->view) {
		return err_set(err, EINVAL, "a table cannot become a view, nor a view a table");
	}
	rc = drop_dependents(a, err);
	if (rc < 0 || slice_equal(buf_slice(old), buf_slice(&a->sql))) {
		return rc;
	}
	if (a->view) {
		CLEANUP(buf_free) struct buf drop = BUF_INIT;
		buf_puts(&drop, "DROP VIEW ");
		rds_quote(&drop, a->table);
		rc = run(a, &drop, err);
		return rc < 0 ? rc : run(a, &a->sql, err);
	}
	rc = probe(a, err);
	if (rc == 0) {
		rds_stamps_whole(a->c, a->table);
		rc = rds_remake(a->c->db, a->table, buf_cstr(&a->sql), err);
	}
	return rc < 0 ? rc : check_references(a, err);
}

int rds_schema_apply(struct rds_conn *c, const char *table, struct slice text, struct err *err)
{
	CLEANUP(apply_finish) struct apply a = {.c = c, .table = table};
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	struct err absent = {0};

	if (rds_hidden_table(table)) {
		return err_set(err, EINVAL, "names that begin with %s are dbmount's own",
			RDS_HIDDEN_PREFIX);
	}
	int rc = parse(&a, text, err);
	if (rc < 0) {
		return rc;
	}
	if (rds_table_sql(c->db, table, &old, &absent) < 0) {
		rc = absent.code == ENOENT ? run(&a, &a.sql, err)
					   : err_set(err, absent.code, "%s", absent.msg);
	} else {
		buf_cstr(&old);
		rc = alter(&a, &old, err);
	}
	return rc < 0 || a.rest.n == 0 ? rc : run(&a, &a.rest, err);
}
