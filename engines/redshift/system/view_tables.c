/* Tables: svv_table_info, svv_tables, pg_tables, information_schema.tables. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/lake/lake.h"
#include "engines/redshift/system/system_impl.h"

/* ---- svv_table_info ---- */

static const struct rs_relation_column info_columns[] = {
	COLUMN_TEXT("database", 128),
	COLUMN_TEXT("schema", 128),
	COLUMN_BIG("table_id"),
	COLUMN_TEXT("table", 128),
	COLUMN_TEXT("encoded", 8),
	COLUMN_TEXT("diststyle", 160),
	COLUMN_TEXT("sortkey1", 160),
	COLUMN_INT("max_varchar"),
	COLUMN_CHAR("sortkey1_enc", 32),
	COLUMN_INT("sortkey_num"),
	COLUMN_BIG("size"),
	COLUMN_DEC("pct_used", 10, 4),
	COLUMN_BIG("empty"),
	COLUMN_DEC("unsorted", 5, 2),
	COLUMN_DEC("stats_off", 5, 2),
	COLUMN_DEC("tbl_rows", 38, 0),
	COLUMN_DEC("skew_sortkey1", 19, 2),
	COLUMN_DEC("skew_rows", 19, 2),
	COLUMN_DEC("estimated_visible_rows", 38, 0),
	COLUMN_TEXT("risk_event", 128),
	COLUMN_DEC("vacuum_sort_benefit", 12, 2),
	COLUMN_TIME("create_time"),
};

static double percent(uint64_t part, uint64_t all)
{
	return all == 0 ? 0 : part >= all ? 100 : 100.0 * (double)part / (double)all;
}

struct keys {
	int longest; /* VARCHAR */
	int sort;
	bool encoded;
};

static struct keys keys_of(const struct rs_table *t)
{
	struct keys k = {0};

	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct rs_column *c = &t->columns[i];
		if (c->type.kind == SQL_VARCHAR && (int)c->type.size > k.longest) {
			k.longest = (int)c->type.size;
		}
		k.sort += c->sort_position > 0 ? 1 : 0;
		k.encoded |= c->encode != NULL && strcmp(c->encode, "raw") != 0 &&
			     strcmp(c->encode, "none") != 0;
	}
	return k;
}

static void info_keys(struct view_rows *v, const struct rs_table *t)
{
	const struct rs_column *first = view_first_sort(t);
	struct keys k = keys_of(t);

	view_text(v, k.encoded ? "Y" : "N");
	rs_diststyle_text(t, view_room(v));
	if (t->sortstyle == RS_SORT_AUTO) {
		buf_puts(view_room(v), "AUTO(SORTKEY)");
	} else if (first != NULL && t->sortstyle == RS_SORT_INTERLEAVED) {
		buf_puts(view_room(v), "INTERLEAVED");
	} else {
		view_text(v, first == NULL ? NULL : first->name);
	}
	view_integer(v, k.longest);
	view_text(v, first == NULL ? NULL : first->encode == NULL ? "none" : first->encode);
	view_integer(v, k.sort);
}

static void info_numbers(
	struct view_rows *v, const struct rs_table *t, const struct rs_table_facts *f)
{
	uint64_t bytes = rs_nodes_bytes(v->look->nodes);
	bool sorted = view_first_sort(t) != NULL;

	view_integer(v, (int64_t)f->blocks);
	view_decimal(v, percent(f->blocks, (bytes >> 20) + 1));
	view_integer(v, 0);
	if (sorted) {
		view_decimal(v, percent(f->unsorted, f->rows));
	} else {
		view_null(v);
	}
	view_decimal(v, percent(t->analyzed_rows, f->rows));
	view_integer(v, (int64_t)(f->rows + f->dead));
	view_null(v);
	if (f->skew > 0) {
		view_decimal(v, f->skew);
	} else {
		view_null(v);
	}
	view_integer(v, (int64_t)f->rows);
	view_null(v);
	view_null(v);
	view_time(v, t->created_ns);
}

static int info_row(struct view_rows *v, const struct rs_table *t, struct err *err)
{
	struct rs_table_facts f;
	int rc = rs_table_facts(v->look, t, &f, err);

	if (rc != 0) {
		return rc;
	}
	view_text(v, RS_DATABASE);
	view_text(v, t->schema);
	view_integer(v, (int64_t)t->id);
	view_text(v, t->name);
	info_keys(v, t);
	info_numbers(v, t, &f);
	free(f.slice_rows);
	return view_row(v, err);
}

static int fill_info(struct view_rows *v, struct err *err)
{
	const struct rs_catalog *c = v->look->catalog;
	int rc = 0;

	/* Empty tables are not in it. */
	for (unsigned i = 0; i < c->n_tables && rc == 0; i++) {
		if (c->tables[i]->rows + c->tables[i]->dead > 0) {
			rc = info_row(v, c->tables[i], err);
		}
	}
	return rc;
}

/* ---- svv_tables, information_schema.tables ---- */

static const struct rs_relation_column tables_columns[] = {
	COLUMN_TEXT("table_catalog", 128),
	COLUMN_TEXT("table_schema", 128),
	COLUMN_TEXT("table_name", 128),
	COLUMN_TEXT("table_type", 16),
	COLUMN_TEXT("table_acl", 128),
	COLUMN_TEXT("remarks", 128),
};
static const struct rs_relation_column standard_columns[] = {
	COLUMN_TEXT("table_catalog", 128),
	COLUMN_TEXT("table_schema", 128),
	COLUMN_TEXT("table_name", 128),
	COLUMN_TEXT("table_type", 16),
};

static int table_row(struct view_rows *v, const char *schema, const char *name, const char *type,
	struct err *err)
{
	view_text(v, RS_DATABASE);
	view_text(v, schema);
	view_text(v, name);
	view_text(v, type);
	while (v->n < v->relation->n_columns) {
		view_null(v);
	}
	return view_row(v, err);
}

static int fill_standard(struct view_rows *v, struct err *err)
{
	const struct rs_catalog *c = v->look->catalog;
	int rc = 0;

	for (unsigned i = 0; i < c->n_tables && rc == 0; i++) {
		rc = table_row(v, c->tables[i]->schema, c->tables[i]->name, "BASE TABLE", err);
	}
	for (unsigned i = 0; i < c->n_views && rc == 0; i++) {
		rc = table_row(v, c->views[i].schema, c->views[i].name, "VIEW", err);
	}
	return rc;
}

struct externals {
	struct view_rows *v;
	const char *schema;
	struct err *err;
};

static int external_row(void *arg, const char *name)
{
	const struct externals *e = arg;
	return table_row(e->v, e->schema, name, "EXTERNAL TABLE", e->err);
}

static int external_schema(void *arg, const char *schema)
{
	struct externals *e = arg;
	e->schema = schema;
	return rs_lake_tables(e->v->look->catalog, schema, external_row, e, e->err);
}

static int fill_tables(struct view_rows *v, struct err *err)
{
	struct externals e = {.v = v, .err = err};
	int rc = fill_standard(v, err);
	return rc != 0 ? rc : rs_lake_schemas(v->look->catalog, external_schema, &e, err);
}

/* ---- pg_tables ---- */

static const struct rs_relation_column pg_columns[] = {
	COLUMN_TEXT("schemaname", 128),
	COLUMN_TEXT("tablename", 128),
	COLUMN_TEXT("tableowner", 128),
	COLUMN_TEXT("tablespace", 128),
	COLUMN_BOOL("hasindexes"),
	COLUMN_BOOL("hasrules"),
	COLUMN_BOOL("hastriggers"),
};

static int fill_pg(struct view_rows *v, struct err *err)
{
	const struct rs_catalog *c = v->look->catalog;
	int rc = 0;

	for (unsigned i = 0; i < c->n_tables && rc == 0; i++) {
		view_text(v, c->tables[i]->schema);
		view_text(v, c->tables[i]->name);
		view_text(v, RS_OWNER);
		view_null(v);
		view_integer(v, false);
		view_integer(v, false);
		view_integer(v, false);
		rc = view_row(v, err);
	}
	return rc;
}

const struct view rs_views_tables[] = {
	VIEW("pg_catalog", "svv_table_info", info_columns, fill_info),
	VIEW("pg_catalog", "svv_tables", tables_columns, fill_tables),
	VIEW("pg_catalog", "pg_tables", pg_columns, fill_pg),
	VIEW("information_schema", "tables", standard_columns, fill_standard),
	VIEW_END,
};
