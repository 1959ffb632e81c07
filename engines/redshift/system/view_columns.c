/* Columns: pg_table_def, svv_columns, information_schema.columns. */
#include "engines/common/cleanup.h"
#include "engines/redshift/system/system_impl.h"

/* ---- pg_table_def ---- */

static const struct rs_relation_column def_columns[] = {
	COLUMN_TEXT("schemaname", 128),
	COLUMN_TEXT("tablename", 128),
	COLUMN_TEXT("column", 128),
	COLUMN_TEXT("type", 128),
	COLUMN_TEXT("encoding", 32),
	COLUMN_BOOL("distkey"),
	COLUMN_INT("sortkey"),
	COLUMN_BOOL("notnull"),
};

/* Columns of an interleaved key are shown with alternating signs. */
static int sort_of(const struct rs_table *t, const struct rs_column *c)
{
	int position = (int)c->sort_position;
	return t->sortstyle == RS_SORT_INTERLEAVED && position % 2 == 0 ? -position : position;
}

static int def_row(
	struct view_rows *v, const struct rs_table *t, const struct rs_column *c, struct err *err)
{
	view_text(v, t->schema);
	view_text(v, t->name);
	view_text(v, c->name);
	sql_type_print(c->type, view_room(v));
	view_text(v, c->encode == NULL || strcmp(c->encode, "raw") == 0 ? "none" : c->encode);
	view_integer(v, t->distkey == c->id);
	view_integer(v, sort_of(t, c));
	view_integer(v, c->not_null);
	return view_row(v, err);
}

static int each_column(struct view_rows *v,
	int (*row)(struct view_rows *v, const struct rs_table *t, const struct rs_column *c,
		struct err *err),
	struct err *err)
{
	const struct rs_catalog *catalog = v->look->catalog;
	int rc = 0;

	for (unsigned i = 0; i < catalog->n_tables; i++) {
		const struct rs_table *t = catalog->tables[i];
		for (unsigned k = 0; k < t->n_columns && rc == 0; k++) {
			rc = row(v, t, &t->columns[k], err);
		}
	}
	return rc;
}

static int fill_def(struct view_rows *v, struct err *err)
{
	return each_column(v, def_row, err);
}

/* ---- svv_columns, information_schema.columns ---- */

static const struct rs_relation_column columns_columns[] = {
	COLUMN_TEXT("table_catalog", 128),
	COLUMN_TEXT("table_schema", 128),
	COLUMN_TEXT("table_name", 128),
	COLUMN_TEXT("column_name", 128),
	COLUMN_INT("ordinal_position"),
	COLUMN_TEXT("column_default", 4000),
	COLUMN_TEXT("is_nullable", 3),
	COLUMN_TEXT("data_type", 128),
	COLUMN_INT("character_maximum_length"),
	COLUMN_INT("numeric_precision"),
	COLUMN_INT("numeric_precision_radix"),
	COLUMN_INT("numeric_scale"),
	COLUMN_INT("datetime_precision"),
	COLUMN_TEXT("interval_type", 128),
	COLUMN_TEXT("interval_precision", 128),
	COLUMN_TEXT("character_set_catalog", 128),
	COLUMN_TEXT("character_set_schema", 128),
	COLUMN_TEXT("character_set_name", 128),
	COLUMN_TEXT("collation_catalog", 128),
	COLUMN_TEXT("collation_schema", 128),
	COLUMN_TEXT("collation_name", 128),
	COLUMN_TEXT("domain_name", 128),
	COLUMN_TEXT("remarks", 128),
};

/* The type without its size: that has columns of its own. */
static void type_name(struct sql_type t, struct buf *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	sql_type_print(t, &text);
	const char *whole = buf_cstr(&text);
	const char *size = strchr(whole, '(');
	buf_append(out, whole, size == NULL ? strlen(whole) : (size_t)(size - whole));
}

/* -1: it is no number. */
static int digits_of(struct sql_type t)
{
	switch (t.kind) {
	case SQL_SMALLINT: return 16;
	case SQL_INTEGER: return 32;
	case SQL_BIGINT: return 64;
	case SQL_REAL: return 24;
	case SQL_DOUBLE: return 53;
	case SQL_DECIMAL: return (int)t.size;
	default: return -1;
	}
}

static void number_or_null(struct view_rows *v, bool is, int64_t n)
{
	if (is) {
		view_integer(v, n);
	} else {
		view_null(v);
	}
}

static int column_row(
	struct view_rows *v, const struct rs_table *t, const struct rs_column *c, struct err *err)
{
	enum sql_kind kind = c->type.kind;
	int digits = digits_of(c->type);
	bool decimal = kind == SQL_DECIMAL;
	bool whole = decimal || kind == SQL_SMALLINT || kind == SQL_INTEGER || kind == SQL_BIGINT;

	view_text(v, RS_DATABASE);
	view_text(v, t->schema);
	view_text(v, t->name);
	view_text(v, c->name);
	view_integer(v, c - t->columns + 1);
	view_text(v, c->default_text);
	view_text(v, c->not_null ? "NO" : "YES");
	type_name(c->type, view_room(v));
	number_or_null(v, sql_is_text(kind), c->type.size);
	number_or_null(v, digits >= 0, digits);
	number_or_null(v, digits >= 0, decimal ? 10 : 2);
	number_or_null(v, whole, decimal ? c->type.scale : 0);
	number_or_null(v, kind == SQL_TIME || kind == SQL_TIMESTAMP || kind == SQL_TIMESTAMPTZ, 6);
	while (v->n < v->relation->n_columns) {
		view_null(v);
	}
	return view_row(v, err);
}

static int fill_columns(struct view_rows *v, struct err *err)
{
	return each_column(v, column_row, err);
}

const struct view rs_views_columns[] = {
	VIEW("pg_catalog", "pg_table_def", def_columns, fill_def),
	VIEW("pg_catalog", "svv_columns", columns_columns, fill_columns),
	VIEW("information_schema", "columns", columns_columns, fill_columns),
	VIEW_END,
};
