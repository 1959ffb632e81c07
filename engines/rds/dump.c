/* A database as the statements that make it: what sqlite3's `.dump` gives, but that
 * numbers are exact, rows keep the rowid they are known by, and tables of ours are
 * left out. Loaded into an empty instance and dumped again it is the same text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"
#include "engines/rds/rows.h"

/* ---- reals ---- */

/* What SQLite makes of a decimal is not always the nearest double, so it is asked. */
static bool sqlite_reads(sqlite3_stmt *reader, const char *text, double value)
{
	sqlite3_bind_text(reader, 1, text, -1, SQLITE_STATIC);
	bool same = sqlite3_step(reader) == SQLITE_ROW && sqlite3_column_double(reader, 0) == value;

	sqlite3_reset(reader);
	return same;
}

/* The shortest decimal that SQLite reads as this double. False: there is none. */
static bool put_decimal(sqlite3_stmt *reader, double value, struct buf *out)
{
	char text[48];

	for (int digits = 15; digits <= 19; digits++) {
		int n = snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strpbrk(text, ".e") == NULL) {
			snprintf(text + n, sizeof(text) - (size_t)n, ".0");
		}
		if (sqlite_reads(reader, text, value)) {
			buf_puts(out, text);
			return true;
		}
	}
	return false;
}

/* At the ends of the range as a product: each factor is exact, and so is the result. */
static bool put_product(sqlite3_stmt *reader, double value, struct buf *out)
{
	bool small = fabs(value) < 1;
	double factor = small ? 0x1p-300 : 0x1p300;

	if (!put_decimal(reader, small ? value * 0x1p600 : value * 0x1p-600, out)) {
		return false;
	}
	for (int i = 0; i < 2; i++) {
		buf_putc(out, '*');
		if (!put_decimal(reader, factor, out)) {
			return false;
		}
	}
	return true;
}

static int put_real(sqlite3_stmt *reader, double value, struct buf *out, struct err *err)
{
	size_t before = out->n;

	if (isinf(value)) {
		buf_puts(out, value < 0 ? "-9e999" : "9e999");
		return 0;
	}
	if (put_decimal(reader, value, out)) {
		return 0;
	}
	out->n = before;
	return put_product(reader, value, out)
		       ? 0
		       : err_set(err, EIO, "SQLite reads no decimal as the number %.17g", value);
}

/* ---- other values ---- */

static void put_hex(struct slice bytes, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";

	buf_puts(out, "X'");
	for (size_t i = 0; i < bytes.n; i++) {
		buf_putc(out, digits[(unsigned char)bytes.p[i] >> 4]);
		buf_putc(out, digits[(unsigned char)bytes.p[i] & 15]);
	}
	buf_putc(out, '\'');
}

static void put_text(struct slice text, struct buf *out)
{
	if (text.n > 0 && memchr(text.p, 0, text.n) != NULL) {
		buf_puts(out, "CAST(");
		put_hex(text, out);
		buf_puts(out, " AS TEXT)");
		return;
	}
	buf_putc(out, '\'');
	while (text.n > 0) {
		const char *quote = memchr(text.p, '\'', text.n);
		size_t n = quote != NULL ? (size_t)(quote - text.p) + 1 : text.n;
		buf_append(out, text.p, n);
		if (quote != NULL) {
			buf_putc(out, '\'');
		}
		text = slice_make(text.p + n, text.n - n);
	}
	buf_putc(out, '\'');
}

static int put_value(
	sqlite3_stmt *stmt, int i, sqlite3_stmt *reader, struct buf *out, struct err *err)
{
	const void *text;

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_INTEGER: buf_printf(out, "%lld", sqlite3_column_int64(stmt, i)); return 0;
	case SQLITE_FLOAT: return put_real(reader, sqlite3_column_double(stmt, i), out, err);
	case SQLITE_BLOB: put_hex(store_column_slice(stmt, i), out); return 0;
	case SQLITE_NULL: buf_puts(out, "NULL"); return 0;
	default:
		text = sqlite3_column_text(stmt, i);
		put_text(slice_make(text, (size_t)sqlite3_column_bytes(stmt, i)), out);
		return 0;
	}
}

/* ---- rows ---- */

sqlite3_stmt *rds_scan(struct rds_conn *c, const struct rds_table *t, bool rowid, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "SELECT ");
	for (unsigned i = 0; i < t->n_columns; i++) {
		buf_puts(&sql, i > 0 ? ", " : "");
		rds_quote(&sql, t->columns[i].name);
	}
	if (rowid) {
		buf_printf(&sql, ", %s", t->rowid);
	}
	buf_puts(&sql, " FROM ");
	rds_quote(&sql, t->name);
	/* Else an index that has all columns might be gone along. */
	if (t->rowid != NULL && !t->view) {
		buf_printf(&sql, " ORDER BY %s", t->rowid);
	} else if (!t->view) {
		buf_puts(&sql, " NOT INDEXED");
	}
	if (buf_check(&sql, err) < 0) {
		return NULL;
	}
	return rds_conn_stmt(c, buf_cstr(&sql), err);
}

/* "INSERT INTO t VALUES(", or with the columns where not all are written. */
static void put_insert(const struct rds_table *t, bool rowid, struct buf *out)
{
	bool named = rowid;
	bool first = true;

	for (unsigned i = 0; i < t->n_columns; i++) {
		named = named || t->columns[i].generated;
	}
	buf_puts(out, "INSERT INTO ");
	rds_quote(out, t->name);
	if (named) {
		buf_putc(out, '(');
		if (rowid) {
			buf_puts(out, t->rowid);
			first = false;
		}
		for (unsigned i = 0; i < t->n_columns; i++) {
			if (!t->columns[i].generated) {
				buf_puts(out, first ? "" : ",");
				rds_quote(out, t->columns[i].name);
				first = false;
			}
		}
		buf_putc(out, ')');
	}
	buf_puts(out, " VALUES(");
}

static int put_row(const struct rds_table *t, bool rowid, sqlite3_stmt *stmt, sqlite3_stmt *reader,
	struct buf *out, struct err *err)
{
	bool first = true;
	int rc = 0;

	if (rowid) {
		buf_printf(out, "%lld", sqlite3_column_int64(stmt, (int)t->n_columns));
		first = false;
	}
	for (unsigned i = 0; rc == 0 && i < t->n_columns; i++) {
		if (!t->columns[i].generated) {
			buf_puts(out, first ? "" : ",");
			rc = put_value(stmt, (int)i, reader, out, err);
			first = false;
		}
	}
	buf_puts(out, ");\n");
	return rc;
}

static int dump_rows(
	struct rds_conn *c, const struct rds_table *t, struct rds_out *out, struct err *err)
{
	CLEANUP(buf_free) struct buf insert = BUF_INIT;
	/* A rowid that rows are known by is kept, one that nobody sees is not. */
	bool rowid = t->rowid != NULL && !t->rowid_alias &&
		     (t->rowid_key || t->nullable_key || t->is_virtual);
	sqlite3_stmt *reader = rds_conn_stmt(c, "SELECT CAST(?1 AS REAL)", err);
	sqlite3_stmt *stmt = reader == NULL ? NULL : rds_scan(c, t, rowid, err);
	int rc;

	if (stmt == NULL) {
		return -err->code;
	}
	put_insert(t, rowid, &insert);
	while ((rc = store_step(stmt, err)) == 1) {
		buf_append_slice(&out->text, buf_slice(&insert));
		rc = put_row(t, rowid, stmt, reader, &out->text, err);
		rc = rc < 0 ? rc : rds_out_some(out, err);
		if (rc < 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(reader);
	return rc;
}

/* ---- the schema ---- */

struct dump {
	struct rds_conn *c;
	struct slice table; /* empty: all */
	struct rds_out *out;
	bool numbers; /* a table with AUTOINCREMENT was there */
};

/* Of a virtual table's own tables, which come with it. */
static int is_shadow(struct rds_conn *c, const char *name, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT 1 FROM pragma_table_list WHERE schema = 'main' AND name = ?1 AND type = "
		"'shadow'",
		err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc;
}

static bool is_left_out(const char *table)
{
	return rds_hidden_table(table) || strncasecmp(table, "sqlite_", 7) == 0;
}

static int dump_table(struct dump *d, const char *name, const char *sql, struct err *err)
{
	const struct rds_table *t;
	int rc = is_shadow(d->c, name, err);

	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	buf_puts(&d->out->text, sql);
	buf_puts(&d->out->text, ";\n");
	d->numbers = d->numbers || strcasestr(sql, "AUTOINCREMENT") != NULL;
	rc = rds_table_find(d->c, slice_of(name), &t, err);
	return rc < 0 ? rc : dump_rows(d->c, t, d->out, err);
}

static bool is_wanted(const struct dump *d, const char *table)
{
	return !is_left_out(table) &&
	       (d->table.n == 0 || (strlen(table) == d->table.n &&
					   strncasecmp(table, d->table.p, d->table.n) == 0));
}

/* Each statement of the schema of this type, in the order they were made. */
static int each(struct dump *d, const char *type, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	/* A statement of its own: rows of tables are read within. */
	if (sqlite3_prepare_v2(d->c->db,
		    "SELECT tbl_name, sql FROM main.sqlite_schema WHERE type = ?1 AND sql NOT NULL "
		    "ORDER BY rowid",
		    -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(d->c->db, "the schema", err);
	}
	sqlite3_bind_text(stmt, 1, type, -1, SQLITE_STATIC);
	while ((rc = store_step(stmt, err)) == 1) {
		const char *table = (const char *)sqlite3_column_text(stmt, 0);
		const char *sql = (const char *)sqlite3_column_text(stmt, 1);
		if (table == NULL || sql == NULL || !is_wanted(d, table)) {
			continue;
		}
		if (strcmp(type, "table") == 0) {
			rc = dump_table(d, table, sql, err);
			if (rc < 0) {
				break;
			}
		} else {
			buf_puts(&d->out->text, sql);
			buf_puts(&d->out->text, ";\n");
		}
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int dump_sequences(struct dump *d, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc;

	if (!d->numbers) {
		return 0;
	}
	stmt = rds_conn_stmt(d->c, "SELECT name, seq FROM sqlite_sequence ORDER BY name", err);
	if (stmt == NULL) {
		return -err->code;
	}
	if (d->table.n == 0) {
		buf_puts(&d->out->text, "DELETE FROM sqlite_sequence;\n");
	}
	while ((rc = store_step(stmt, err)) == 1) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		if (name == NULL || !is_wanted(d, name)) {
			continue;
		}
		if (d->table.n > 0) {
			buf_puts(&d->out->text, "DELETE FROM sqlite_sequence WHERE name=");
			put_text(slice_of(name), &d->out->text);
			buf_puts(&d->out->text, ";\n");
		}
		buf_puts(&d->out->text, "INSERT INTO sqlite_sequence VALUES(");
		put_text(slice_of(name), &d->out->text);
		buf_printf(&d->out->text, ",%lld);\n", sqlite3_column_int64(stmt, 1));
	}
	sqlite3_reset(stmt);
	return rc;
}

int rds_dump(struct rds_conn *c, struct slice table, struct rds_out *out, struct err *err)
{
	struct dump d = {c, table, out, false};

	buf_puts(&out->text, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
	int rc = each(&d, "table", err);
	rc = rc < 0 ? rc : dump_sequences(&d, err);
	rc = rc < 0 ? rc : each(&d, "index", err);
	rc = rc < 0 ? rc : each(&d, "view", err);
	rc = rc < 0 ? rc : each(&d, "trigger", err);
	buf_puts(&out->text, "COMMIT;\n");
	return rc < 0 ? rc : rds_out_all(out, err);
}
