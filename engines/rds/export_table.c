/* A table or view as csv, tsv, json or jsonl. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/base64.h"
#include "engines/rds/sql.h"

const char *const rds_export_formats[] = {"csv", "tsv", "json", "jsonl", "sql", NULL};
const char *const rds_database_formats[] = {"sql", NULL};

/* ---- csv, tsv ---- */

static void put_csv(struct slice text, struct buf *out)
{
	bool quotes = text.n == 0 || text.p[0] == ' ' || text.p[text.n - 1] == ' ';

	for (size_t i = 0; i < text.n && !quotes; i++) {
		quotes = strchr(",\"\r\n", text.p[i]) != NULL;
	}
	if (!quotes) {
		buf_append_slice(out, text);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		buf_putc(out, text.p[i]);
		if (text.p[i] == '"') {
			buf_putc(out, '"');
		}
	}
	buf_putc(out, '"');
}

static void put_tsv(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '\t': buf_puts(out, "\\t"); break;
		case '\n': buf_puts(out, "\\n"); break;
		case '\r': buf_puts(out, "\\r"); break;
		case '\\': buf_puts(out, "\\\\"); break;
		default: buf_putc(out, text.p[i]);
		}
	}
}

void rds_separated_text(struct slice text, bool tabs, struct buf *out)
{
	if (tabs) {
		put_tsv(text, out);
	} else {
		put_csv(text, out);
	}
}

void rds_separated_print(sqlite3_stmt *stmt, int column, bool tabs, struct buf *out)
{
	const void *text;

	switch (sqlite3_column_type(stmt, column)) {
	case SQLITE_NULL: buf_puts(out, tabs ? "\\N" : ""); break;
	case SQLITE_INTEGER: buf_printf(out, "%lld", sqlite3_column_int64(stmt, column)); break;
	case SQLITE_FLOAT: rds_real_text(sqlite3_column_double(stmt, column), out); break;
	case SQLITE_BLOB:
		if (sqlite3_column_bytes(stmt, column) == 0) {
			rds_separated_text((struct slice){0}, tabs, out);
		} else {
			base64_encode(BASE64_PADDED, store_column_slice(stmt, column), out);
		}
		break;
	default:
		text = sqlite3_column_text(stmt, column);
		rds_separated_text(
			slice_make(text, (size_t)sqlite3_column_bytes(stmt, column)), tabs, out);
	}
}

static void put_header(const struct rds_table *t, bool tabs, struct buf *out)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (i > 0) {
			buf_putc(out, tabs ? '\t' : ',');
		}
		rds_separated_text(slice_of(t->columns[i].name), tabs, out);
	}
	buf_putc(out, '\n');
}

static void put_separated(sqlite3_stmt *stmt, unsigned n, bool tabs, struct buf *out)
{
	for (unsigned i = 0; i < n; i++) {
		if (i > 0) {
			buf_putc(out, tabs ? '\t' : ',');
		}
		rds_separated_print(stmt, (int)i, tabs, out);
	}
	buf_putc(out, '\n');
}

/* ---- all of a table ---- */

enum format { CSV, TSV, JSON, JSONL };

static int find_format(const char *name, enum format *out, struct err *err)
{
	for (int f = CSV; f <= JSONL; f++) {
		if (strcmp(name, rds_export_formats[f]) == 0) {
			*out = (enum format)f;
			return 0;
		}
	}
	return err_set(err, EINVAL, "format %s: csv, tsv, json, jsonl or sql is expected", name);
}

static void put_row(
	const struct rds_table *t, enum format f, sqlite3_stmt *stmt, bool first, struct buf *out)
{
	switch (f) {
	case CSV:
	case TSV: put_separated(stmt, t->n_columns, f == TSV, out); break;
	case JSON:
		buf_puts(out, first ? "[\n" : ",\n");
		rds_row_render(stmt, t, false, out);
		break;
	case JSONL:
		rds_row_render(stmt, t, false, out);
		buf_putc(out, '\n');
		break;
	}
}

int rds_export_table(struct rds_conn *c, const struct rds_table *t, const char *format,
	struct rds_out *out, struct err *err)
{
	enum format f = CSV;
	bool first = true;
	int rc = find_format(format, &f, err);

	if (rc < 0) {
		return rc;
	}
	sqlite3_stmt *stmt = rds_scan(c, t, t->rowid != NULL, err);
	if (stmt == NULL) {
		return -err->code;
	}
	if (f == CSV || f == TSV) {
		put_header(t, f == TSV, &out->text);
	}
	while ((rc = rds_row_step(c, t, stmt, err)) == 1) {
		put_row(t, f, stmt, first, &out->text);
		first = false;
		rc = rds_out_some(out, err);
		if (rc < 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	if (f == JSON) {
		buf_puts(&out->text, first ? "[]\n" : "\n]\n");
	}
	return rc < 0 ? rc : rds_out_all(out, err);
}

/* ---- the stream ---- */

struct export
{
	struct slice table;
	const char *format;
	struct rds_out out;
};

static int export_fn(struct rds_conn *c, void *arg, struct err *err)
{
	struct export *x = arg;
	const struct rds_table *t = NULL;
	int rc = 0;

	spill_clear(x->out.to);
	buf_clear(&x->out.text);
	if (x->table.n > 0) {
		rc = rds_table_find(c, x->table, &t, err);
	}
	if (rc < 0) {
		return rc;
	}
	if (strcmp(x->format, "sql") == 0) {
		return rds_dump(c, x->table, &x->out, err);
	}
	return t != NULL ? rds_export_table(c, t, x->format, &x->out, err)
			 : err_set(err, EINVAL, "format %s: an instance is exported as sql",
				   x->format);
}

int rds_export_open(struct rds_source *source, const char *tmp, struct slice table,
	const char *format, struct rds_stream **out, uint64_t *size, struct err *err)
{
	struct export x = {table, format, {.to = spill_new(tmp)}};

	if (x.out.to == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = rds_source_read(source, export_fn, &x, err);
	buf_free(&x.out.text);
	if (rc < 0) {
		spill_free(x.out.to);
		return rc;
	}
	*out = rds_stream_new(x.out.to, size);
	return *out != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}
