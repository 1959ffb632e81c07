/* The SQL over rows of one table, built once for it.
 *
 * Every SELECT gives the table's columns in order, then the rowid where there is
 * one. Parameters:
 *	ROW         the values of the key in its order; of a table without key the
 *	            rowid, of a view the place, from 1
 *	LIST        none
 *	AFTER       the same as ROW: rows behind that one
 *	NULL_ROW    the rowid
 *	NULL_LIST   none: rows with NULL in their key, which LIST leaves out
 *	NULL_AFTER  the rowid
 *
 * A listing goes along the index of the key, in its order and with its collations,
 * so that going on behind a row is one seek. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/rds/rows.h"

struct key_part {
	unsigned column;
	bool descending;
	char collation[64]; /* "" : none */
};

struct key_order {
	struct key_part *parts;
	unsigned n;
	bool mixed; /* ascending and descending parts */
};

/* ---- the order of the key ---- */

static int pk_index(struct rds_conn *c, const struct rds_table *t, struct buf *out, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(
		c, "SELECT name FROM pragma_index_list(?1, 'main') WHERE origin = 'pk'", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC);
	int rc = store_step(stmt, err);
	if (rc > 0) {
		buf_append_slice(out, store_column_slice(stmt, 0));
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : buf_check(out, err);
}

static void add_part(struct key_order *o, unsigned column, bool descending, const char *collation)
{
	for (unsigned i = 0; i < o->n; i++) {
		if (o->parts[i].column == column) {
			return; /* PRIMARY KEY(a, a) */
		}
	}
	struct key_part *p = &o->parts[o->n++];
	p->column = column;
	p->descending = descending;
	snprintf(p->collation, sizeof(p->collation), "%s", collation);
	o->mixed |= descending != o->parts[0].descending;
}

static int read_parts(struct rds_conn *c, struct slice index, const struct rds_table *t,
	struct key_order *o, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT cid, \"desc\", coll FROM pragma_index_xinfo(?1, 'main') WHERE key = 1"
		" AND cid >= 0 ORDER BY seqno",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, index.p, (int)index.n, SQLITE_STATIC);
	int rc;
	while ((rc = store_step(stmt, err)) > 0) {
		const char *coll = (const char *)sqlite3_column_text(stmt, 2);
		unsigned column = (unsigned)sqlite3_column_int(stmt, 0);
		if (o->n < t->n_columns && column < t->n_columns) {
			add_part(o, column, sqlite3_column_int(stmt, 1) != 0,
				coll != NULL ? coll : "");
		}
	}
	sqlite3_reset(stmt);
	return rc;
}

/* t->key becomes the order of the index: the same columns. */
static int read_order(struct rds_conn *c, struct rds_table *t, struct key_order *o, struct err *err)
{
	CLEANUP(buf_free) struct buf index = BUF_INIT;
	int rc = pk_index(c, t, &index, err);
	if (rc == 0 && index.n > 0) {
		rc = read_parts(c, buf_slice(&index), t, o, err);
	}
	if (rc != 0) {
		return rc;
	}
	if (o->n == 0) {
		/* INTEGER PRIMARY KEY has no index: it is the rowid. */
		t->rowid_alias = !t->without_rowid && t->n_key == 1;
		for (unsigned i = 0; i < t->n_key; i++) {
			add_part(o, t->key[i], false, "");
		}
	}
	for (unsigned i = 0; i < o->n; i++) {
		t->key[i] = o->parts[i].column;
	}
	t->n_key = o->n;
	return 0;
}

/* ---- pieces of SQL ---- */

static void put_select(struct buf *sql, const struct rds_table *t)
{
	buf_puts(sql, "SELECT ");
	for (unsigned i = 0; i < t->n_columns; i++) {
		buf_puts(sql, i > 0 ? ", " : "");
		rds_quote(sql, t->columns[i].name);
	}
	if (t->rowid != NULL) {
		buf_printf(sql, "%s%s", t->n_columns > 0 ? ", " : "", t->rowid);
	}
	buf_puts(sql, " FROM main.");
	rds_quote(sql, t->name);
}

static void put_part(struct buf *sql, const struct rds_table *t, const struct key_part *p)
{
	rds_quote(sql, t->columns[p->column].name);
	if (p->collation[0] != '\0') {
		buf_puts(sql, " COLLATE ");
		rds_quote(sql, p->collation);
	}
}

static void put_equal(
	struct buf *sql, const struct rds_table *t, const struct key_order *o, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		buf_puts(sql, i > 0 ? " AND " : "");
		put_part(sql, t, &o->parts[i]);
		buf_printf(sql, " = ?%u", i + 1);
	}
}

static void put_order(struct buf *sql, const struct rds_table *t, const struct key_order *o)
{
	buf_puts(sql, " ORDER BY ");
	for (unsigned i = 0; i < o->n; i++) {
		buf_puts(sql, i > 0 ? ", " : "");
		put_part(sql, t, &o->parts[i]);
		buf_puts(sql, o->parts[i].descending ? " DESC" : "");
	}
}

static void put_any_null(struct buf *sql, const struct rds_table *t, const char *is, const char *by)
{
	for (unsigned i = 0; i < t->n_key; i++) {
		buf_puts(sql, i > 0 ? by : "");
		rds_quote(sql, t->columns[t->key[i]].name);
		buf_puts(sql, is);
	}
}

/* (a, b) > (?1, ?2): SQLite seeks to it in the index. */
static void put_after_row(struct buf *sql, const struct rds_table *t, const struct key_order *o)
{
	buf_putc(sql, '(');
	for (unsigned i = 0; i < o->n; i++) {
		buf_puts(sql, i > 0 ? ", " : "");
		put_part(sql, t, &o->parts[i]);
	}
	buf_printf(sql, ") %s (", o->parts[0].descending ? "<" : ">");
	for (unsigned i = 0; i < o->n; i++) {
		buf_printf(sql, "%s?%u", i > 0 ? ", " : "", i + 1);
	}
	buf_putc(sql, ')');
}

/* Where directions are mixed, part by part; the first bound is for the seek. */
static void put_after_mixed(struct buf *sql, const struct rds_table *t, const struct key_order *o)
{
	put_part(sql, t, &o->parts[0]);
	buf_printf(sql, " %s ?1 AND (", o->parts[0].descending ? "<=" : ">=");
	for (unsigned i = 0; i < o->n; i++) {
		buf_puts(sql, i > 0 ? " OR (" : "(");
		put_equal(sql, t, o, i);
		buf_puts(sql, i > 0 ? " AND " : "");
		put_part(sql, t, &o->parts[i]);
		buf_printf(sql, " %s ?%u)", o->parts[i].descending ? "<" : ">", i + 1);
	}
	buf_putc(sql, ')');
}

/* ---- the statements ---- */

static int keep(struct rds_table *t, enum rds_table_sql which, struct buf *sql, struct err *err)
{
	t->sql[which] = strdup(buf_cstr(sql));
	int rc = buf_check(sql, err);
	buf_clear(sql);
	return rc != 0 || t->sql[which] != NULL ? rc : err_set(err, ENOMEM, "out of memory");
}

/* One statement that ends in a fixed text. */
static int keep_tail(
	struct rds_table *t, enum rds_table_sql which, const char *tail, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	put_select(&sql, t);
	buf_puts(&sql, tail);
	return keep(t, which, &sql, err);
}

static int prepare_view(struct rds_table *t, struct err *err)
{
	int rc = keep_tail(t, RDS_SQL_ROW, " LIMIT 1 OFFSET ?1 - 1", err);
	rc = rc != 0 ? rc : keep_tail(t, RDS_SQL_LIST, "", err);
	return rc != 0 ? rc : keep_tail(t, RDS_SQL_AFTER, " LIMIT -1 OFFSET ?1", err);
}

static int rowid_tail(struct rds_table *t, enum rds_table_sql which, const char *where,
	const char *test, bool order, struct err *err)
{
	CLEANUP(buf_free) struct buf tail = BUF_INIT;
	buf_puts(&tail, where);
	if (test[0] != '\0') {
		buf_printf(&tail, "%s%s", t->rowid, test);
	}
	if (order) {
		buf_printf(&tail, " ORDER BY %s", t->rowid);
	}
	return keep_tail(t, which, buf_cstr(&tail), err);
}

static int prepare_rowid(struct rds_table *t, struct err *err)
{
	int rc = rowid_tail(t, RDS_SQL_ROW, " WHERE ", " = ?1", false, err);
	rc = rc != 0 ? rc : rowid_tail(t, RDS_SQL_LIST, "", "", true, err);
	return rc != 0 ? rc : rowid_tail(t, RDS_SQL_AFTER, " WHERE ", " > ?1", true, err);
}

/* Only rowid tables can hold NULL in their key. */
static int prepare_null(struct rds_table *t, struct err *err)
{
	CLEANUP(buf_free) struct buf where = BUF_INIT;
	buf_puts(&where, " WHERE (");
	put_any_null(&where, t, " IS NULL", " OR ");
	buf_puts(&where, ")");
	int rc = rowid_tail(t, RDS_SQL_NULL_LIST, buf_cstr(&where), "", true, err);
	buf_puts(&where, " AND ");
	const char *and = buf_cstr(&where);
	rc = rc != 0 ? rc : rowid_tail(t, RDS_SQL_NULL_ROW, and, " = ?1", false, err);
	return rc != 0 ? rc : rowid_tail(t, RDS_SQL_NULL_AFTER, and, " > ?1", true, err);
}

static int prepare_key(struct rds_table *t, const struct key_order *o, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	bool nulls = t->nullable_key && !t->without_rowid && !t->rowid_alias;
	put_select(&sql, t);
	buf_puts(&sql, " WHERE ");
	put_equal(&sql, t, o, o->n);
	int rc = keep(t, RDS_SQL_ROW, &sql, err);

	put_select(&sql, t);
	if (nulls) {
		buf_puts(&sql, " WHERE ");
		put_any_null(&sql, t, " IS NOT NULL", " AND ");
	}
	put_order(&sql, t, o);
	rc = rc != 0 ? rc : keep(t, RDS_SQL_LIST, &sql, err);

	put_select(&sql, t);
	buf_puts(&sql, " WHERE ");
	(o->mixed ? put_after_mixed : put_after_row)(&sql, t, o);
	if (nulls) {
		buf_puts(&sql, " AND ");
		put_any_null(&sql, t, " IS NOT NULL", " AND ");
	}
	put_order(&sql, t, o);
	rc = rc != 0 ? rc : keep(t, RDS_SQL_AFTER, &sql, err);
	return rc == 0 && nulls && t->rowid != NULL ? prepare_null(t, err) : rc;
}

int rds_table_prepare(struct rds_conn *c, struct rds_table *t, struct err *err)
{
	if (t->view) {
		return prepare_view(t, err);
	}
	if (t->rowid_key) {
		return prepare_rowid(t, err);
	}
	struct key_order order = {.parts = calloc(t->n_columns + 1, sizeof(*order.parts))};
	if (order.parts == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = read_order(c, t, &order, err);
	rc = rc != 0 ? rc : prepare_key(t, &order, err);
	free(order.parts);
	return rc;
}
