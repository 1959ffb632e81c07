/* Tables in the files. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

/* ---- what is there ---- */

void rs_numbers_clear(struct rs_numbers *l)
{
	free(l->v);
	*l = (struct rs_numbers){0};
}

bool rs_numbers_has(const struct rs_numbers *l, uint64_t v)
{
	for (unsigned k = 0; k < l->n; k++) {
		if (l->v[k] == v) {
			return true;
		}
	}
	return false;
}

/* "t17" with letter 't': 17. Other names are nobody's. */
static int numbers_add(
	struct rs_numbers *l, char letter, const struct sql_value *name, struct err *err)
{
	struct slice s = name->null ? slice_of("") : name->text;
	if (s.n < 2 || s.n > 20 || s.p[0] != letter) {
		return 0;
	}
	uint64_t v = 0;
	for (size_t k = 1; k < s.n; k++) {
		if (s.p[k] < '0' || s.p[k] > '9') {
			return 0;
		}
		v = v * 10 + (uint64_t)(s.p[k] - '0');
	}
	uint64_t *grown = realloc(l->v, (l->n + 1) * sizeof(*l->v));
	if (grown == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	l->v = grown;
	l->v[l->n++] = v;
	return 0;
}

/* `sql` gives names; ?1 is the file's name, ?2, if told, the table's. */
static int list_names(struct sql_session *s, const char *sql, const char *file, const char *table,
	char letter, struct rs_numbers *out, struct err *err)
{
	const struct sql_type text = {.kind = SQL_VARCHAR};
	const struct sql_value values[] = {
		{.text = slice_of(file)}, {.text = slice_of(table == NULL ? "" : table)}};
	const struct sql_value *row;
	struct sql_query *q;
	int rc = sql_prepare(s, sql, &text, 1, &q, err);
	if (rc != 0) {
		return rc;
	}
	rc = sql_bind(q, 1, text, &values[0], err);
	if (rc == 0 && table != NULL) {
		rc = sql_bind(q, 2, text, &values[1], err);
	}
	while (rc == 0 && (rc = sql_step(q, &row, err)) == 1) {
		rc = numbers_add(out, letter, &row[0], err);
	}
	sql_finish(q);
	if (rc != 0) {
		rs_numbers_clear(out);
	}
	return rc;
}

int rs_file_tables(
	struct sql_session *s, const struct rs_file *f, struct rs_numbers *out, struct err *err)
{
	*out = (struct rs_numbers){0};
	if (s->driver->dialect == SQL_DUCKDB) {
		return list_names(s,
			"SELECT table_name FROM duckdb_tables() WHERE database_name = ?1", f->name,
			NULL, 't', out, err);
	}
	return list_names(s, "SELECT name FROM pragma_table_list WHERE schema = ?1", f->name, NULL,
		't', out, err);
}

int rs_file_columns(struct sql_session *s, const struct rs_file *f, uint64_t storage,
	struct rs_numbers *out, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	*out = (struct rs_numbers){0};
	buf_printf(&name, "t%llu", (unsigned long long)storage);
	const char *table = buf_cstr(&name);
	int rc = buf_check(&name, err);
	if (rc != 0) {
		return rc;
	}
	if (s->driver->dialect == SQL_DUCKDB) {
		return list_names(s,
			"SELECT column_name FROM duckdb_columns() "
			"WHERE database_name = ?1 AND table_name = ?2 ORDER BY column_index",
			f->name, table, 'c', out, err);
	}
	return list_names(s, "SELECT name FROM pragma_table_info(?2, ?1) ORDER BY cid", f->name,
		table, 'c', out, err);
}

/* ---- changing it: on all files ---- */

/* A statement on each file, by itself durable. */
struct ddl {
	int (*fn)(struct ddl *d, struct sql_session *s, const struct rs_file *f, struct err *err);
	const struct rs_table *t;
	uint64_t storage;
	const struct rs_column *column;
	const struct sql_value *value;
};

static int ddl_node(struct rs_nodes *n, unsigned node, void *arg, struct err *err)
{
	struct ddl *d = arg;
	int rc = 0;
	for (unsigned side = 0; rc == 0 && side < n->n_sides; side++) {
		struct sql_session *s;
		rc = rs_session_new(n, node, side, &s, err);
		if (rc == 0) {
			rc = d->fn(d, s, &n->node[node].side[side], err);
			sql_session_close(s);
		}
	}
	return rc;
}

static int ddl_all(struct rs_nodes *n, void *arg, struct err *err)
{
	return rs_nodes_each(n, ddl_node, arg, err);
}

static int create_in(struct ddl *d, struct sql_session *s, const struct rs_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "BEGIN; DROP TABLE IF EXISTS ");
	rs_table_path(f, d->storage, &sql);
	buf_puts(&sql, "; CREATE TABLE ");
	rs_table_path(f, d->storage, &sql);
	buf_puts(&sql, "(\"_id\" BIGINT, \"_h\" BIGINT, \"_ins\" BIGINT, \"_del\" BIGINT");
	for (unsigned k = 0; k < d->t->n_columns; k++) {
		buf_printf(&sql, ", \"c%llu\" ", (unsigned long long)d->t->columns[k].id);
		sql_column_type(s->driver->dialect, d->t->columns[k].type, &sql);
	}
	buf_puts(&sql, "); COMMIT");
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : sql_run(s, text, NULL, err);
}

int rs_nodes_create_table(struct rs_nodes *n, const struct rs_table *t, struct err *err)
{
	struct ddl d = {.fn = create_in, .t = t, .storage = t->storage};
	return rs_nodes_read(n, ddl_all, &d, err);
}

static int drop_in(struct ddl *d, struct sql_session *s, const struct rs_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "DROP TABLE IF EXISTS ");
	rs_table_path(f, d->storage, &sql);
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : sql_run(s, text, NULL, err);
}

int rs_nodes_drop_table(struct rs_nodes *n, uint64_t storage, struct err *err)
{
	struct ddl d = {.fn = drop_in, .storage = storage};
	return rs_nodes_read(n, ddl_all, &d, err);
}

static int set_column(
	struct ddl *d, struct sql_session *s, const struct rs_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	const struct sql_value *row;
	struct sql_query *q;
	buf_puts(&sql, "UPDATE ");
	rs_table_path(f, d->storage, &sql);
	buf_printf(&sql, " SET \"c%llu\" = ?1", (unsigned long long)d->column->id);
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	if (rc == 0) {
		rc = sql_prepare(s, text, NULL, 0, &q, err);
	}
	if (rc != 0) {
		return rc;
	}
	rc = sql_bind(q, 1, d->column->type, d->value, err);
	while (rc == 0 && (rc = sql_step(q, &row, err)) == 1) {
		rc = 0; /* a driver may tell how many there were */
	}
	sql_finish(q);
	return rc;
}

static int add_in(struct ddl *d, struct sql_session *s, const struct rs_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	CLEANUP(rs_numbers_clear) struct rs_numbers there = {0};
	int rc = rs_file_columns(s, f, d->storage, &there, err);
	if (rc == 0 && !rs_numbers_has(&there, d->column->id)) {
		buf_puts(&sql, "ALTER TABLE ");
		rs_table_path(f, d->storage, &sql);
		buf_printf(&sql, " ADD COLUMN \"c%llu\" ", (unsigned long long)d->column->id);
		sql_column_type(s->driver->dialect, d->column->type, &sql);
		const char *text = buf_cstr(&sql);
		rc = buf_check(&sql, err);
		rc = rc != 0 ? rc : sql_run(s, text, NULL, err);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc != 0 || d->value == NULL || d->value->null ? rc : set_column(d, s, f, err);
}

int rs_nodes_add_column(struct rs_nodes *n, const struct rs_table *t, const struct rs_column *c,
	const struct sql_value *value, struct err *err)
{
	struct ddl d = {.fn = add_in, .t = t, .storage = t->storage, .column = c, .value = value};
	return rs_nodes_read(n, ddl_all, &d, err);
}
