#include "engines/redshift/load/unload_row.h"

#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"

/* Within quotes a quote is doubled. */
static void put_quoted(struct slice text, struct buf *out)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"') {
			buf_putc(out, '"');
		}
		buf_putc(out, text.p[i]);
	}
	buf_putc(out, '"');
}

static bool needs_quotes(const struct rs_unload_format *f, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == f->delimiter || c == '"' || c == '\n' || c == '\r') {
			return true;
		}
	}
	return false;
}

static void put_escaped(const struct rs_unload_format *f, struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == f->delimiter || c == '\n' || c == '\r' || c == '\\' ||
			(f->how->add_quotes && (c == '"' || c == '\''))) {
			buf_putc(out, '\\');
		}
		buf_putc(out, c);
	}
}

static void put_text(const struct rs_unload_format *f, struct slice text, struct buf *out)
{
	if (f->how->format == RS_FORMAT_CSV) {
		if (text.n == 0 || needs_quotes(f, text)) {
			put_quoted(text, out);
		} else {
			buf_append_slice(out, text);
		}
		return;
	}
	if (f->how->add_quotes && !f->how->escape) {
		put_quoted(text, out);
		return;
	}
	buf_puts(out, f->how->add_quotes ? "\"" : "");
	if (f->how->escape) {
		put_escaped(f, text, out);
	} else {
		buf_append_slice(out, text);
	}
	buf_puts(out, f->how->add_quotes ? "\"" : "");
}

static void put_value(const struct rs_unload_format *f, unsigned i, const struct sql_value *v,
	struct buf *scratch, struct buf *out)
{
	if (v->null) {
		buf_puts(out, f->how->null_as != NULL ? f->how->null_as : "");
		return;
	}
	buf_clear(scratch);
	sql_value_print(v, f->types[i], scratch);
	put_text(f, buf_slice(scratch), out);
}

static int put_fixed(const struct rs_unload_format *f, const struct sql_value *row,
	struct buf *scratch, struct buf *out, struct err *err)
{
	for (unsigned k = 0; k < f->n; k++) {
		unsigned i = f->columns[k];
		buf_clear(scratch);
		if (row[i].null) {
			buf_puts(scratch, f->how->null_as != NULL ? f->how->null_as : "");
		} else {
			sql_value_print(&row[i], f->types[i], scratch);
		}
		if (scratch->n > f->widths[k]) {
			return err_set(err, EINVAL,
				"column %s has a value of %zu bytes, its width is %u", f->names[i],
				scratch->n, f->widths[k]);
		}
		buf_append_slice(out, buf_slice(scratch));
		for (size_t n = scratch->n; n < f->widths[k]; n++) {
			buf_putc(out, ' ');
		}
	}
	return 0;
}

/* Booleans are t and f, as the service has them. */
static void put_json(const struct rs_unload_format *f, const struct sql_value *row, struct buf *out)
{
	for (unsigned k = 0; k < f->n; k++) {
		unsigned i = f->columns[k];
		buf_puts(out, k == 0 ? "{" : ",");
		json_quote(out, slice_of(f->names[i]));
		buf_putc(out, ':');
		if (!row[i].null && f->types[i].kind == SQL_BOOLEAN) {
			buf_puts(out, row[i].boolean ? "\"t\"" : "\"f\"");
		} else {
			sql_value_json(&row[i], f->types[i], out);
		}
	}
	buf_puts(out, f->n > 0 ? "}" : "{}");
}

void rs_unload_header(const struct rs_unload_format *f, struct buf *out)
{
	for (unsigned k = 0; k < f->n; k++) {
		if (k > 0) {
			buf_putc(out, f->delimiter);
		}
		put_text(f, slice_of(f->names[f->columns[k]]), out);
	}
	buf_putc(out, '\n');
}

int rs_unload_row(const struct rs_unload_format *f, const struct sql_value *row, struct buf *out,
	struct err *err)
{
	CLEANUP(buf_free) struct buf scratch = BUF_INIT;
	int rc = 0;
	if (f->how->format == RS_FORMAT_JSON) {
		put_json(f, row, out);
	} else if (f->widths != NULL) {
		rc = put_fixed(f, row, &scratch, out, err);
	} else {
		for (unsigned k = 0; k < f->n; k++) {
			if (k > 0) {
				buf_putc(out, f->delimiter);
			}
			put_value(f, f->columns[k], &row[f->columns[k]], &scratch, out);
		}
	}
	buf_putc(out, '\n');
	return rc < 0 ? rc : buf_check(out, err);
}
