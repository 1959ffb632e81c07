/* One column of a row as a file: 7/Name.
 *
 * A text and a blob are their bytes, a number is its text. What is NULL is not there.
 * What is written becomes what the column holds: a text where texts go, a blob
 * where the column is a BLOB or held one, a number where only numbers do (there an end of
 * line, which editors and echo add, is no part of it). */
#include <strings.h>

#include "engines/rds/rows.h"

static struct slice raw_bytes(sqlite3_value *v, char number[RDS_NUMBER_MAX])
{
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		return slice_make(number, rds_integer_print(sqlite3_value_int64(v), number));
	case SQLITE_FLOAT:
		return slice_make(number, rds_real_print(sqlite3_value_double(v), number));
	default: return rds_value_slice(v);
	}
}

/* ---- reading ---- */

/* The row, and which column of it; ENOENT when that is NULL. */
struct place {
	struct rds_read read;
	unsigned column;
};

static void close_place(struct place *p)
{
	rds_read_close(&p->read);
}

static int no_column(const struct rds_table *t, struct slice column, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_escape(column, &name);
	return err_set(err, ENOENT, "%s has no column %s", t->name, buf_cstr(&name));
}

static int find_column(
	const struct rds_table *t, struct slice column, unsigned *out, struct err *err)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (slice_is(column, t->columns[i].name)) {
			*out = i;
			return 0;
		}
	}
	return no_column(t, column, err);
}

static int open_place(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct place *out, struct err *err)
{
	int rc = rds_read_open(c, table, key, &out->read, err);
	rc = rc != 0 ? rc : find_column(out->read.t, column, &out->column, err);
	if (rc == 0 && sqlite3_column_type(out->read.stmt, (int)out->column) == SQLITE_NULL) {
		rc = err_set(err, ENOENT, "%s is NULL in this row",
			out->read.t->columns[out->column].name);
	}
	return rc;
}

static sqlite3_value *value_at(const struct place *p)
{
	return sqlite3_column_value(p->read.stmt, (int)p->column);
}

int rds_column_stat(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct engine_info *out, struct err *err)
{
	char number[RDS_NUMBER_MAX];
	CLEANUP(close_place) struct place p = {0};
	struct engine_info info;
	int rc = open_place(c, table, key, column, &p, err);
	rc = rc != 0 ? rc : rds_row_info(c, p.read.t, key, p.read.stmt, &info, err);
	if (rc == 0) {
		info.size = raw_bytes(value_at(&p), number).n;
		*out = info;
	}
	return rc;
}

int rds_column_read(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct buf *out, struct engine_info *info, struct err *err)
{
	char number[RDS_NUMBER_MAX];
	CLEANUP(close_place) struct place p = {0};
	struct engine_info found;
	int rc = open_place(c, table, key, column, &p, err);
	rc = rc != 0 ? rc : rds_row_info(c, p.read.t, key, p.read.stmt, &found, err);
	if (rc != 0) {
		return rc;
	}
	struct slice bytes = raw_bytes(value_at(&p), number);
	found.size = bytes.n;
	buf_append_slice(out, bytes);
	rc = buf_check(out, err);
	if (rc == 0) {
		*info = found;
	}
	return rc;
}

/* In the order they were declared. `after` that is no column any more: from the first. */
int rds_column_list(struct rds_conn *c, struct slice table, struct slice key,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	char number[RDS_NUMBER_MAX];
	CLEANUP(rds_read_close) struct rds_read r = {0};
	struct engine_info info;
	unsigned i = 0;
	int rc = rds_read_open(c, table, key, &r, err);
	rc = rc != 0 ? rc : rds_row_info(c, r.t, key, r.stmt, &info, err);
	if (rc != 0) {
		return rc;
	}
	if (after != NULL && find_column(r.t, *after, &i, NULL) == 0) {
		i++;
	}
	for (bool stop = false; i < r.t->n_columns && !stop; i++) {
		sqlite3_value *v = sqlite3_column_value(r.stmt, (int)i);
		if (sqlite3_value_type(v) != SQLITE_NULL) {
			info.size = raw_bytes(v, number).n;
			stop = emit(arg, slice_of(r.t->columns[i].name), &info) != 0;
		}
	}
	return 0;
}

/* ---- writing ---- */

static struct slice without_newline(struct slice text)
{
	return text.n > 0 && text.p[text.n - 1] == '\n' ? slice_make(text.p, text.n - 1) : text;
}

static bool is_text(struct slice text)
{
	return memchr(text.n > 0 ? text.p : "", '\0', text.n) == NULL && utf8_valid(text);
}

static bool holds_numbers(enum rds_affinity affinity)
{
	return affinity == RDS_AFFINITY_INTEGER || affinity == RDS_AFFINITY_REAL ||
	       affinity == RDS_AFFINITY_NUMERIC;
}

static bool number_value(struct slice text, struct rds_value *out)
{
	*out = (struct rds_value){.type = SQLITE_INTEGER};
	if (rds_integer_parse(text, &out->integer)) {
		return true;
	}
	out->type = SQLITE_FLOAT;
	return rds_real_parse(text, &out->real);
}

static void value_of(const struct rds_column *col, sqlite3_value *old, struct slice text,
	struct rds_value *out, struct buf *bytes)
{
	int before = old != NULL ? sqlite3_value_type(old) : SQLITE_NULL;
	bool number = before == SQLITE_INTEGER || before == SQLITE_FLOAT;
	struct slice line = without_newline(text);
	if ((number || (holds_numbers(col->affinity) && before != SQLITE_TEXT)) &&
		number_value(line, out)) {
		return;
	}
	if (holds_numbers(col->affinity) && before != SQLITE_BLOB) {
		text = line;
	}
	bool blob = before == SQLITE_BLOB ||
		    (before == SQLITE_NULL && strcasecmp(col->type, "BLOB") == 0);
	*out = (struct rds_value){.type = blob || !is_text(text) ? SQLITE_BLOB : SQLITE_TEXT,
		.at = bytes->n,
		.n = text.n};
	buf_append_slice(bytes, text);
}

static int check_column(const struct rds_table *t, unsigned column, struct err *err)
{
	const struct rds_column *col = &t->columns[column];
	if (col->pk > 0) {
		return err_set(err, EINVAL, "%s is part of the key; to change it, rename the row",
			col->name);
	}
	if (col->generated) {
		return err_set(err, EINVAL,
			"%s is generated from other columns and cannot be written", col->name);
	}
	return 0;
}

static int load(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct rds_stored *row, unsigned *out, struct err *err)
{
	int rc = rds_stored_load(c, table, key, row, err);
	if (rc == 0 && !row->exists) {
		rc = rds_stored_missing(row, err);
	}
	rc = rc != 0 ? rc : find_column(row->t, column, out, err);
	return rc != 0 ? rc : check_column(row->t, *out, err);
}

/* The version of a column is its row's, but where the column is not there. */
static int expect_column(
	const struct rds_stored *row, unsigned column, uint64_t expect, struct err *err)
{
	bool there = sqlite3_value_type(row->values[column]) != SQLITE_NULL;
	if (expect == ENGINE_VERSION_ABSENT) {
		return there ? err_set(err, EEXIST, "%s is not NULL in this row",
				       row->t->columns[column].name)
			     : 0;
	}
	return rds_stored_expect(row, expect, err);
}

static int set_column(struct rds_conn *c, const struct rds_stored *row, unsigned column,
	struct rds_value *v, const struct buf *bytes, struct engine_info *out, struct err *err)
{
	struct rds_changes changes = {&column, v, 1};
	if (rds_value_same(v, bytes, row->values[column])) {
		*out = row->info;
		return 0;
	}
	int rc = rds_settle(&row->t->columns[column], v, false, bytes, err);
	rc = rc != 0 ? rc : rds_stored_update(c, row, &changes, bytes, err);
	return rc != 0 ? rc : rds_stored_info(c, row, out, err);
}

int rds_column_write(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	struct slice text, uint64_t expect, struct engine_info *out, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	CLEANUP(rds_stored_finish) struct rds_stored row = {0};
	CLEANUP(buf_free) struct buf bytes = BUF_INIT;
	struct rds_value v;
	struct engine_info info;
	unsigned i = 0;
	int rc = load(c, table, key, column, &row, &i, err);
	rc = rc != 0 ? rc : expect_column(&row, i, expect, err);
	if (rc != 0) {
		return rc;
	}
	value_of(&row.t->columns[i], row.values[i], text, &v, &bytes);
	rc = buf_check(&bytes, err);
	rc = rc != 0 ? rc : set_column(c, &row, i, &v, &bytes, &info, err);
	if (rc == 0) {
		*out = info;
		CLEANUP(close_place) struct place p = {0};
		rc = open_place(c, table, key, column, &p, err);
		if (rc == 0) {
			char number[RDS_NUMBER_MAX];
			out->size = raw_bytes(value_at(&p), number).n;
		}
	}
	return rc;
}

int rds_column_remove(struct rds_conn *c, struct slice table, struct slice key, struct slice column,
	uint64_t expect, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	CLEANUP(rds_stored_finish) struct rds_stored row = {0};
	struct rds_value null = {.type = SQLITE_NULL};
	struct engine_info info;
	unsigned i = 0;
	int rc = load(c, table, key, column, &row, &i, err);
	rc = rc != 0 ? rc : rds_stored_expect(&row, expect, err);
	if (rc == 0 && sqlite3_value_type(row.values[i]) == SQLITE_NULL) {
		rc = err_set(err, ENOENT, "%s is NULL in this row", row.t->columns[i].name);
	}
	return rc != 0 ? rc : set_column(c, &row, i, &null, NULL, &info, err);
}
