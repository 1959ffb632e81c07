/* PUT: what is saved is the row. Columns left out take their defaults, the name is
 * the key, what is stored already is not written again. */
#include <stdlib.h>

#include "engines/rds/rows.h"

struct write {
	struct rds_conn *c;
	struct rds_stored row;
	struct rds_draft draft;
	struct rds_changes changes;
};

static void finish(struct write *w)
{
	rds_draft_finish(&w->draft);
	rds_stored_finish(&w->row);
	free(w->changes.columns);
	free(w->changes.values);
}

static int wrap(const struct rds_member *m, struct err *err)
{
	return err_wrap(err, "line %lu, column %lu", m->at.line, m->at.column);
}

/* ---- members that are not written ---- */

static bool is_key(const struct rds_table *t, unsigned column)
{
	for (unsigned i = 0; i < t->n_key; i++) {
		if (t->key[i] == column) {
			return true;
		}
	}
	return false;
}

/* A new row takes its key from the name, whatever is inside. */
static int check_key_member(const struct write *w, unsigned column, struct err *err)
{
	struct rds_member *m = &w->draft.members[column];
	const struct rds_column *col = &w->row.t->columns[column];
	if (!w->row.exists || !m->present ||
		rds_value_same(&m->value, &w->draft.bytes, w->row.values[column])) {
		return 0;
	}
	struct rds_value settled = m->value;
	if (rds_settle(col, &settled, m->boolean, &w->draft.bytes, NULL) == 0 &&
		rds_value_same(&settled, &w->draft.bytes, w->row.values[column])) {
		return 0;
	}
	err_set(err, EINVAL, "%s is not the key in the name; to change the key, rename the file",
		col->name);
	return wrap(m, err);
}

static int check_generated(const struct write *w, unsigned column, struct err *err)
{
	const struct rds_member *m = &w->draft.members[column];
	if (!m->present || !w->row.exists ||
		rds_value_same(&m->value, &w->draft.bytes, w->row.values[column])) {
		return 0;
	}
	err_set(err, EINVAL,
		"%s is generated from other columns and cannot be written; leave it out",
		w->row.t->columns[column].name);
	return wrap(m, err);
}

/* ---- members that are ---- */

static void change(struct write *w, unsigned column, const struct rds_value *v)
{
	w->changes.columns[w->changes.n] = column;
	w->changes.values[w->changes.n++] = *v;
}

static int change_present(struct write *w, unsigned column, struct err *err)
{
	struct rds_member *m = &w->draft.members[column];
	sqlite3_value *stored = w->row.exists ? w->row.values[column] : NULL;
	if (stored != NULL && rds_value_same(&m->value, &w->draft.bytes, stored)) {
		return 0;
	}
	int rc =
		rds_settle(&w->row.t->columns[column], &m->value, m->boolean, &w->draft.bytes, err);
	if (rc != 0) {
		return wrap(m, err);
	}
	if (stored == NULL || !rds_value_same(&m->value, &w->draft.bytes, stored)) {
		change(w, column, &m->value);
	}
	return 0;
}

/* DEFAULT abc and DEFAULT "abc" are texts, though as expressions they are names. */
static struct slice default_word(const char *sql)
{
	size_t n = strlen(sql);
	bool quoted = n >= 2 && sql[0] == '"' && sql[n - 1] == '"';
	return quoted ? slice_make(sql + 1, n - 2) : slice_make(sql, n);
}

static int default_value(
	struct write *w, const struct rds_column *col, struct rds_value *out, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct err why = {0};
	buf_printf(&sql, "SELECT (%s)", col->default_sql);
	sqlite3_stmt *stmt = rds_conn_stmt(w->c, buf_cstr(&sql), &why);
	if (stmt == NULL) {
		struct slice word = default_word(col->default_sql);
		*out = (struct rds_value){.type = SQLITE_TEXT, .at = w->draft.bytes.n, .n = word.n};
		buf_append_slice(&w->draft.bytes, word);
		return buf_check(&w->draft.bytes, err);
	}
	int rc = store_step(stmt, err);
	if (rc > 0) {
		*out = rds_value_of(sqlite3_column_value(stmt, 0), &w->draft.bytes);
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : buf_check(&w->draft.bytes, err);
}

/* INSERT does it by itself. */
static int change_absent(struct write *w, unsigned column, struct err *err)
{
	const struct rds_column *col = &w->row.t->columns[column];
	struct rds_value v = {.type = SQLITE_NULL};
	if (!w->row.exists) {
		return 0;
	}
	int rc = col->has_default ? default_value(w, col, &v, err) : 0;
	if (rc == 0 && !rds_value_same(&v, &w->draft.bytes, w->row.values[column])) {
		change(w, column, &v);
	}
	return rc;
}

static int find_changes(struct write *w, struct err *err)
{
	const struct rds_table *t = w->row.t;
	w->changes.columns = calloc(t->n_columns + 1, sizeof(*w->changes.columns));
	w->changes.values = calloc(t->n_columns + 1, sizeof(*w->changes.values));
	if (w->changes.columns == NULL || w->changes.values == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = 0;
	for (unsigned i = 0; i < t->n_columns && rc == 0; i++) {
		if (is_key(t, i)) {
			rc = check_key_member(w, i, err);
		} else if (t->columns[i].generated) {
			rc = check_generated(w, i, err);
		} else if (w->draft.members[i].present) {
			rc = change_present(w, i, err);
		} else {
			rc = change_absent(w, i, err);
		}
	}
	return rc;
}

/* ---- writing ---- */

/* A name that the key's columns would not take as it is. */
static int check_new_key(const struct rds_stored *row, struct err *err)
{
	for (unsigned i = 0; i < row->key.n; i++) {
		struct rds_value v = row->key.values[i];
		const struct rds_column *col = &row->t->columns[row->t->key[i]];
		if (rds_settle(col, &v, false, &row->key.bytes, err) != 0) {
			return err_wrap(err, "the name");
		}
	}
	return 0;
}

static int store(struct write *w, struct engine_info *out, struct err *err)
{
	int rc;
	if (w->row.exists && w->changes.n == 0) {
		*out = w->row.info;
		return 0;
	}
	if (w->row.exists) {
		rc = rds_stored_update(w->c, &w->row, &w->changes, &w->draft.bytes, err);
	} else {
		rc = check_new_key(&w->row, err);
		rc = rc != 0 ? rc
			     : rds_stored_insert(w->c, &w->row, &w->changes, &w->draft.bytes, err);
	}
	return rc != 0 ? rc : rds_stored_info(w->c, &w->row, out, err);
}

static int put(struct write *w, struct slice text, uint64_t expect, struct engine_info *out,
	struct err *err)
{
	int rc = rds_stored_expect(&w->row, expect, err);
	if (rc != 0) {
		return rc;
	}
	if (w->row.exists && slice_equal(text, buf_slice(&w->row.text))) {
		*out = w->row.info;
		return 0;
	}
	rc = rds_draft_parse(w->row.t, text, &w->draft, err);
	rc = rc != 0 ? rc : find_changes(w, err);
	return rc != 0 ? rc : store(w, out, err);
}

int rds_row_write(struct rds_conn *c, struct slice table, struct slice key, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	CLEANUP(finish) struct write w = {.c = c};
	int rc = rds_stored_load(c, table, key, &w.row, err);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc != 0 ? rc : put(&w, text, expect, out, err);
}

int rds_row_remove(
	struct rds_conn *c, struct slice table, struct slice key, uint64_t expect, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	CLEANUP(rds_stored_finish) struct rds_stored row = {0};
	int rc = rds_stored_load(c, table, key, &row, err);
	if (rc == 0 && !row.exists) {
		rc = rds_stored_missing(&row, err);
	}
	rc = rc != 0 ? rc : rds_stored_expect(&row, expect, err);
	return rc != 0 ? rc : rds_stored_delete(c, &row, err);
}

int rds_row_check_key(struct rds_conn *c, struct slice table, struct slice key, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	CLEANUP(rds_stored_finish) struct rds_stored row = {0};
	int rc = rds_stored_load(c, table, key, &row, err);
	return rc != 0 || row.exists ? rc : check_new_key(&row, err);
}
