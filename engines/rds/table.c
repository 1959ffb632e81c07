/* Tables as directories: mkdir, rmdir, mv. All within a write. */
#include <fcntl.h>
#include <stdio.h>

#include "engines/rds/lifecycle.h"

/* ---- SQL with a name in it ---- */

/* `fmt` has a %s for each name, in order. */
static void print_sql(struct buf *sql, const char *fmt, const char *const *names)
{
	for (const char *p = fmt; *p != '\0'; p++) {
		if (p[0] == '%' && p[1] == 's') {
			rds_quote(sql, *names++);
			p++;
		} else {
			buf_putc(sql, *p);
		}
	}
}

static int refused(sqlite3 *db, struct err *err)
{
	return (sqlite3_errcode(db) & 0xff) == SQLITE_ERROR
		       ? err_set(err, EINVAL, "%s", sqlite3_errmsg(db))
		       : store_sql_error(db, NULL, err);
}

static int run(struct rds_conn *c, const char *fmt, const char *a, const char *b, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	const char *const names[] = {a, b};
	sqlite3_stmt *stmt = NULL;

	print_sql(&sql, fmt, names);
	int rc = buf_check(&sql, err);
	if (rc < 0) {
		return rc;
	}
	if (sqlite3_prepare_v2(c->db, buf_cstr(&sql), -1, &stmt, NULL) != SQLITE_OK) {
		return refused(c->db, err);
	}
	rc = sqlite3_step(stmt);
	rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : refused(c->db, err);
	sqlite3_finalize(stmt);
	return rc;
}

/* A name as SQLite takes it. */
static int take_name(struct slice name, struct buf *out, struct err *err)
{
	if (name.n == 0 || memchr(name.p, '\0', name.n) != NULL || !utf8_valid(name)) {
		return err_set(err, EINVAL,
			"a table's name is text in UTF-8, not empty, without NUL bytes");
	}
	if (name.n >= strlen(RDS_HIDDEN_PREFIX) &&
		sqlite3_strnicmp(name.p, RDS_HIDDEN_PREFIX, (int)strlen(RDS_HIDDEN_PREFIX)) == 0) {
		return err_set(err, EINVAL,
			"names that begin with " RDS_HIDDEN_PREFIX
			" are kept for the tables of dbmount itself");
	}
	buf_append_slice(out, name);
	buf_cstr(out);
	return buf_check(out, err);
}

/* ---- making ---- */

static bool exists(struct rds_conn *c, struct slice name)
{
	const struct rds_table *t;
	struct err why = {0};

	return rds_table_find(c, name, &t, &why) != -ENOENT;
}

static int already(struct slice name, struct err *err)
{
	return err_set(err, EEXIST, "there is a table or view %.*s already", (int)name.n, name.p);
}

int rds_table_create(struct rds_conn *c, struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	int rc = take_name(name, &text, err);
	if (rc == 0 && exists(c, name)) {
		return already(name, err);
	}
	return rc < 0 ? rc
		      : run(c, "CREATE TABLE main.%s(id INTEGER PRIMARY KEY)", text.p, NULL, err);
}

/* ---- removing ---- */

static int any_row(struct rds_conn *c, const struct rds_table *t, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "SELECT 1 FROM main.");
	rds_quote(&sql, t->name);
	buf_puts(&sql, " LIMIT 1");
	sqlite3_stmt *stmt = rds_conn_stmt(c, buf_cstr(&sql), err);
	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc <= 0 ? rc
		       : err_set(err, ENOTEMPTY,
				 "table %s has rows: remove them first, or 'DROP TABLE' in .sql",
				 t->name);
}

static int any_reference(struct rds_conn *c, const struct rds_table *t, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT m.name FROM main.sqlite_master m, pragma_foreign_key_list(m.name) f"
		" WHERE m.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE"
		" AND m.name <> ?1 COLLATE NOCASE LIMIT 1",
		err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		rc = err_set(err, EBUSY,
			"table %s is referred to by a foreign key of table %s: drop that one first",
			t->name, sqlite3_column_text(stmt, 0));
	}
	sqlite3_reset(stmt);
	return rc;
}

static int drop_table(struct rds_conn *c, const struct rds_table *t, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	int rc = any_row(c, t, err);
	rc = rc < 0 ? rc : any_reference(c, t, err);
	if (rc < 0) {
		return rc;
	}
	/* `t` goes with the schema. */
	buf_puts(&name, t->name);
	rds_stamps_whole(c, buf_cstr(&name));
	return run(c, "DROP TABLE main.%s", buf_cstr(&name), NULL, err);
}

int rds_table_drop(struct rds_conn *c, struct slice name, struct err *err)
{
	const struct rds_table *t;

	int rc = rds_table_find(c, name, &t, err);
	if (rc < 0) {
		return rc;
	}
	return t->view ? run(c, "DROP VIEW main.%s", t->name, NULL, err) : drop_table(c, t, err);
}

/* ---- renaming ---- */

/* Their stamps go with the rows. */
static int rename_one(struct rds_conn *c, const char *from, const char *to, struct err *err)
{
	int rc = run(c, "ALTER TABLE main.%s RENAME TO %s", from, to, err);

	if (rc == 0) {
		rds_stamps_whole(c, from);
		rds_stamps_whole(c, to);
	}
	return rc;
}

static int exchange(struct rds_conn *c, const char *a, const char *b, struct err *err)
{
	static const char between[] = RDS_HIDDEN_PREFIX "exchange";

	int rc = rename_one(c, a, between, err);
	rc = rc < 0 ? rc : rename_one(c, b, a, err);
	return rc < 0 ? rc : rename_one(c, between, b, err);
}

/* As rename(2) has it: what is there goes if it is empty. Another spelling of the
 * same name is the same table. */
static int make_room(
	struct rds_conn *c, struct slice to, unsigned flags, const char *from, struct err *err)
{
	const struct rds_table *t;
	struct err why = {0};

	int rc = rds_table_find(c, to, &t, &why);
	if (rc == -ENOENT) {
		return 0;
	}
	if ((flags & RENAME_NOREPLACE) != 0) {
		return already(to, err);
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return sqlite3_stricmp(t->name, from) == 0 ? 0 : rds_table_drop(c, to, err);
}

int rds_table_rename(
	struct rds_conn *c, struct slice from, struct slice to, unsigned flags, struct err *err)
{
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	const struct rds_table *t;

	int rc = rds_table_find(c, from, &t, err);
	rc = rc < 0 ? rc : take_name(to, &name, err);
	if (rc < 0 || slice_equal(from, to)) {
		return rc;
	}
	if (t->view) {
		return err_set(err, ENOTSUP,
			"SQLite does not rename views: drop it and create it anew, in .sql");
	}
	buf_puts(&old, t->name);
	if ((flags & RENAME_EXCHANGE) != 0) {
		rc = rds_table_find(c, to, &t, err);
		return rc < 0 ? rc : exchange(c, buf_cstr(&old), buf_cstr(&name), err);
	}
	rc = make_room(c, to, flags, buf_cstr(&old), err);
	return rc < 0 ? rc : rename_one(c, buf_cstr(&old), buf_cstr(&name), err);
}
