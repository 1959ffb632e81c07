/* Parquet, which the driver reads. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/lake/lake_impl.h"

static int put_file(const struct rs_file *f, struct buf *out, struct err *err)
{
	buf_puts(out, "read_parquet(");
	int rc = sql_quote_text(slice_of(f->path), out, err);
	buf_puts(out, ", hive_partitioning = false)");
	return rc;
}

/* The text as a value of the column's type. */
static int put_constant(const struct lake_table *t, unsigned column, const char *text,
	struct buf *out, struct err *err)
{
	int rc = 0;
	buf_puts(out, "CAST(");
	if (text == NULL) {
		buf_puts(out, "NULL");
	} else {
		rc = sql_quote_text(slice_of(text), out, err);
	}
	buf_puts(out, " AS ");
	sql_column_type(t->site->driver->dialect, t->columns[column].type, out);
	buf_puts(out, ") AS ");
	sql_quote(slice_of(t->columns[column].name), out);
	return rc;
}

/* The values of a column that is not in the file. */
static const char *constant_of(
	const struct lake_table *t, unsigned file, unsigned column, char size[24])
{
	if (column < t->n_data + t->n_partitions) {
		return t->values[file][column - t->n_data];
	}
	if (column == t->n_columns - 2) {
		return t->files.file[file].address;
	}
	snprintf(size, 24, "%llu", (unsigned long long)t->files.file[file].size);
	return size;
}

static int put_select(const struct lake_table *t, unsigned file, const bool *columns,
	struct buf *out, struct err *err)
{
	int rc = 0;
	const char *comma = "";
	buf_puts(out, "SELECT ");
	for (unsigned i = 0; rc == 0 && i < t->n_columns; i++) {
		char size[24];
		if (!columns[i]) {
			continue;
		}
		buf_puts(out, comma);
		comma = ", ";
		if (i >= t->n_data) {
			rc = put_constant(t, i, constant_of(t, file, i, size), out, err);
			continue;
		}
		buf_puts(out, "CAST(");
		sql_quote(slice_of(t->columns[i].name), out);
		buf_puts(out, " AS ");
		sql_column_type(t->site->driver->dialect, t->columns[i].type, out);
		buf_puts(out, ") AS ");
		sql_quote(slice_of(t->columns[i].name), out);
	}
	buf_puts(out, comma[0] == '\0' ? "1 AS \"nothing\" FROM " : " FROM ");
	return rc == 0 ? put_file(&t->files.file[file], out, err) : rc;
}

int lake_parquet_sql(const struct rs_relation *r, enum sql_dialect dialect, const bool *columns,
	struct buf *out, struct err *err)
{
	const struct lake_table *t = r->source;
	int rc = 0;
	if (t->format.format != RS_FORMAT_PARQUET || !t->site->driver->parquet || t->files.n == 0) {
		return -ENOTSUP;
	}
	(void)dialect;
	buf_putc(out, '(');
	for (unsigned k = 0; rc == 0 && k < t->files.n; k++) {
		buf_puts(out, k > 0 ? " UNION ALL " : "");
		rc = put_select(t, k, columns, out, err);
	}
	buf_putc(out, ')');
	return rc == 0 ? buf_check(out, err) : rc;
}

/* Asked of the driver, which gives its own types; those that Redshift has no type for are texts. */
int lake_parquet_columns(struct lake_table *t, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct sql_session *session = NULL;
	struct sql_query *q = NULL;
	int rc;
	if (!t->site->driver->parquet) {
		return err_set(err, ENOTSUP,
			"%s is Parquet, which a cluster that %s runs cannot read", t->name,
			t->site->driver->name);
	}
	buf_puts(&text, "SELECT * FROM ");
	rc = put_file(&t->files.file[0], &text, err);
	buf_puts(&text, " LIMIT 0");
	rc = rc == 0 ? buf_check(&text, err) : rc;
	rc = rc == 0 ? sql_session_new(t->site, NULL, 0, &session, err) : rc;
	rc = rc == 0 ? sql_prepare(session, buf_cstr(&text), NULL, 0, &q, err) : rc;
	for (unsigned i = 0; rc == 0 && i < q->n_columns; i++) {
		rc = lake_add_column(t, q->names[i], q->types[i], err);
	}
	sql_finish(q);
	sql_session_close(session);
	return rc < 0 ? err_wrap(err, "%s", t->files.file[0].address) : 0;
}
