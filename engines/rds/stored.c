/* A row as it is stored, and the statements that change it.
 *
 * An existing row is changed by UPDATE, never by DELETE and INSERT: cascades and
 * triggers see what happened. */
#include <stdlib.h>

#include "engines/rds/rows.h"

/* ---- loading ---- */

static int keep_row(struct rds_conn *c, struct rds_stored *s, sqlite3_stmt *stmt, struct err *err)
{
	const struct rds_table *t = s->t;
	s->exists = true;
	s->values = calloc(t->n_columns + 1, sizeof(sqlite3_value *));
	if (s->values == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < t->n_columns; i++) {
		s->values[i] = sqlite3_value_dup(sqlite3_column_value(stmt, (int)i));
		if (s->values[i] == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	s->rowid = t->rowid != NULL ? sqlite3_column_int64(stmt, (int)t->n_columns) : 0;
	rds_row_render(stmt, t, true, &s->text);
	buf_putc(&s->text, '\n');
	int rc = buf_check(&s->text, err);
	return rc != 0 ? rc : rds_row_info(c, t, s->name, stmt, &s->info, err);
}

static int load_row(struct rds_conn *c, struct rds_stored *s, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	struct err why = {0};
	int rc = rds_row_find(c, s->t, &s->key, s->name, &stmt, &why);
	if (rc == 0) {
		rc = keep_row(c, s, stmt, err);
		sqlite3_reset(stmt);
		return rc;
	}
	return rc == -ENOENT ? 0 : err_set(err, why.code, "%s", why.msg);
}

static int bad_name(const struct rds_stored *s, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	name_escape(s->name, &name);
	for (unsigned i = 0; i < s->t->n_key; i++) {
		const struct rds_column *col = &s->t->columns[s->t->key[i]];
		buf_printf(&key, "%s%s", i > 0 ? "," : "", col->name);
		buf_printf(&key, col->type[0] != '\0' ? " %s" : "%s", col->type);
	}
	return err_set(err, EINVAL, "%s cannot name a row of %s, whose rows are named by %s",
		buf_cstr(&name), s->t->name, s->t->n_key > 0 ? buf_cstr(&key) : "their rowid");
}

int rds_stored_load(struct rds_conn *c, struct slice table, struct slice name,
	struct rds_stored *out, struct err *err)
{
	*out = (struct rds_stored){.name = name};
	int rc = rds_table_find(c, table, &out->t, err);
	if (rc == 0 && out->t->view) {
		rc = err_set(err, EROFS, "%s is a view: it is read-only", out->t->name);
	}
	if (rc != 0) {
		return rc;
	}
	rc = rds_key_parse(out->t, name, &out->key);
	if (rc != 0) {
		return rc == -ENOENT ? bad_name(out, err) : err_set(err, -rc, "out of memory");
	}
	rc = load_row(c, out, err);
	if (rc != 0) {
		rds_stored_finish(out);
	}
	return rc;
}

void rds_stored_finish(struct rds_stored *s)
{
	for (unsigned i = 0; s->values != NULL && i < s->t->n_columns; i++) {
		sqlite3_value_free(s->values[i]);
	}
	free(s->values);
	rds_key_finish(&s->key);
	buf_free(&s->text);
	*s = (struct rds_stored){0};
}

int rds_stored_expect(const struct rds_stored *s, uint64_t expect, struct err *err)
{
	if (expect == ENGINE_VERSION_ANY || (s->exists && s->info.version == expect)) {
		return 0;
	}
	if (expect == ENGINE_VERSION_ABSENT) {
		return s->exists ? err_set(err, EEXIST, "a row of that name exists already") : 0;
	}
	return err_set(err, EBUSY, "the row was %s since it was read; read it again",
		s->exists ? "changed" : "removed");
}

int rds_stored_missing(const struct rds_stored *s, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_escape(s->name, &name);
	return err_set(err, ENOENT, "%s has no row %s", s->t->name, buf_cstr(&name));
}

/* ---- statements ---- */

/* Binds go on from `next`. */
static void put_where(struct buf *sql, const struct rds_table *t, unsigned next)
{
	buf_puts(sql, " WHERE ");
	if (t->rowid != NULL) {
		buf_printf(sql, "%s = ?%u", t->rowid, next);
		return;
	}
	for (unsigned i = 0; i < t->n_key; i++) {
		buf_puts(sql, i > 0 ? " AND " : "");
		rds_quote(sql, t->columns[t->key[i]].name);
		buf_printf(sql, " = ?%u", next + i);
	}
}

static void bind_where(sqlite3_stmt *stmt, const struct rds_stored *s, unsigned next)
{
	if (s->t->rowid != NULL) {
		sqlite3_bind_int64(stmt, (int)next, s->rowid);
		return;
	}
	for (unsigned i = 0; i < s->t->n_key; i++) {
		sqlite3_bind_value(stmt, (int)(next + i), s->values[s->t->key[i]]);
	}
}

static sqlite3_stmt *prepare(struct rds_conn *c, struct buf *sql, struct err *err)
{
	const char *text = buf_cstr(sql);
	return buf_check(sql, err) == 0 ? rds_conn_stmt(c, text, err) : NULL;
}

static int run(struct rds_conn *c, const struct rds_table *t, sqlite3_stmt *stmt, struct err *err)
{
	if (sqlite3_step(stmt) != SQLITE_DONE) {
		return rds_refused(c, stmt, err);
	}
	int changes = sqlite3_changes(c->db);
	sqlite3_reset(stmt);
	if (t->is_virtual) {
		rds_stamps_whole(c, t->name);
	} else if (changes == 0) {
		return err_set(err, EINVAL, "a trigger of %s kept the row as it was", t->name);
	}
	return 0;
}

int rds_stored_update(struct rds_conn *c, const struct rds_stored *s,
	const struct rds_changes *changes, const struct buf *bytes, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "UPDATE main.");
	rds_quote(&sql, s->t->name);
	for (unsigned i = 0; i < changes->n; i++) {
		buf_puts(&sql, i > 0 ? ", " : " SET ");
		rds_quote(&sql, s->t->columns[changes->columns[i]].name);
		buf_printf(&sql, " = ?%u", i + 1);
	}
	put_where(&sql, s->t, changes->n + 1);
	sqlite3_stmt *stmt = prepare(c, &sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	for (unsigned i = 0; i < changes->n; i++) {
		rds_value_bind(stmt, (int)i + 1, &changes->values[i], bytes);
	}
	bind_where(stmt, s, changes->n + 1);
	return run(c, s->t, stmt, err);
}

/* The name of the row: its key's columns, or what stands for them. */
static unsigned n_name(const struct rds_table *t)
{
	return t->n_key > 0 ? t->n_key : 1;
}

static void put_name(struct buf *sql, const struct rds_table *t, unsigned i)
{
	if (t->n_key > 0) {
		rds_quote(sql, t->columns[t->key[i]].name);
	} else {
		buf_puts(sql, t->rowid);
	}
}

static void bind_name(sqlite3_stmt *stmt, const struct rds_stored *s, unsigned i)
{
	if (s->t->n_key > 0) {
		rds_value_bind(stmt, (int)i + 1, &s->key.values[i], &s->key.bytes);
	} else {
		sqlite3_bind_int64(stmt, (int)i + 1, s->key.rowid);
	}
}

static int no_null_name(const struct rds_table *t, struct err *err)
{
	return err_set(err, EINVAL,
		"a row of %s with NULL in its key is named by SQLite; write it with SQL", t->name);
}

int rds_stored_insert(struct rds_conn *c, const struct rds_stored *s,
	const struct rds_changes *changes, const struct buf *bytes, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	unsigned n = n_name(s->t);
	if (s->key.null_row) {
		return no_null_name(s->t, err);
	}
	buf_puts(&sql, "INSERT INTO main.");
	rds_quote(&sql, s->t->name);
	for (unsigned i = 0; i < n; i++) {
		buf_puts(&sql, i > 0 ? ", " : "(");
		put_name(&sql, s->t, i);
	}
	for (unsigned i = 0; i < changes->n; i++) {
		buf_puts(&sql, ", ");
		rds_quote(&sql, s->t->columns[changes->columns[i]].name);
	}
	for (unsigned i = 0; i < n + changes->n; i++) {
		buf_printf(&sql, "%s?%u", i > 0 ? ", " : ") VALUES(", i + 1);
	}
	buf_puts(&sql, ")");
	sqlite3_stmt *stmt = prepare(c, &sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	for (unsigned i = 0; i < n; i++) {
		bind_name(stmt, s, i);
	}
	for (unsigned i = 0; i < changes->n; i++) {
		rds_value_bind(stmt, (int)(n + i) + 1, &changes->values[i], bytes);
	}
	return run(c, s->t, stmt, err);
}

int rds_stored_delete(struct rds_conn *c, const struct rds_stored *s, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "DELETE FROM main.");
	rds_quote(&sql, s->t->name);
	put_where(&sql, s->t, 1);
	sqlite3_stmt *stmt = prepare(c, &sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	bind_where(stmt, s, 1);
	return run(c, s->t, stmt, err);
}

int rds_stored_rekey(struct rds_conn *c, const struct rds_stored *s, const struct rds_stored *to,
	struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	unsigned n = n_name(s->t);
	if (to->key.null_row) {
		return no_null_name(s->t, err);
	}
	buf_puts(&sql, "UPDATE main.");
	rds_quote(&sql, s->t->name);
	for (unsigned i = 0; i < n; i++) {
		buf_puts(&sql, i > 0 ? ", " : " SET ");
		put_name(&sql, s->t, i);
		buf_printf(&sql, " = ?%u", i + 1);
	}
	put_where(&sql, s->t, n + 1);
	sqlite3_stmt *stmt = prepare(c, &sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	for (unsigned i = 0; i < n; i++) {
		bind_name(stmt, to, i);
	}
	bind_where(stmt, s, n + 1);
	return run(c, s->t, stmt, err);
}

/* ---- what it became ---- */

static bool as_before(const struct rds_stored *s, sqlite3_stmt *stmt)
{
	for (unsigned i = 0; s->exists && i < s->t->n_columns; i++) {
		if (!rds_values_same(s->values[i], sqlite3_column_value(stmt, (int)i))) {
			return false;
		}
	}
	return s->exists;
}

/* The stamps of this write come at its end. */
static void info_now(struct rds_conn *c, const struct rds_stored *s, sqlite3_stmt *stmt,
	bool stamped, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_FILE, .size = rds_row_size(stmt, s->t)};
	if (as_before(s, stmt)) {
		*out = s->info;
	} else {
		out->version =
			stamped ? rds_stamp_shown(rds_conn_version(c)) : rds_row_hash(stmt, s->t);
		out->mtime_ns = rds_conn_time(c);
	}
}

int rds_stored_info(
	struct rds_conn *c, const struct rds_stored *s, struct engine_info *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	struct err why = {0};
	bool stamped;
	int rc = rds_stamped(c, &stamped, err);
	rc = rc != 0 ? rc : rds_row_find(c, s->t, &s->key, s->name, &stmt, &why);
	if (rc == -ENOENT) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		name_escape(s->name, &name);
		return err_set(err, EINVAL,
			"%s would not be the name of the row stored: a type, a collation or a "
			"trigger of %s makes another key of it",
			buf_cstr(&name), s->t->name);
	}
	if (rc != 0) {
		return err_set(err, why.code != 0 ? why.code : -rc, "%s", why.msg);
	}
	info_now(c, s, stmt, stamped, out);
	sqlite3_reset(stmt);
	return 0;
}
