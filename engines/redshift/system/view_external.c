/* External schemas and tables: svv_external_schemas, _tables, _columns, _partitions. */
#include "engines/common/cleanup.h"
#include "engines/redshift/lake/lake.h"
#include "engines/redshift/system/system_impl.h"

struct walk {
	struct view_rows *v;
	const char *schema;
	int (*table)(struct walk *w, const char *name);
	struct err *err;
};

static int each_table(void *arg, const char *name)
{
	struct walk *w = arg;
	return w->table(w, name);
}

static int each_schema(void *arg, const char *schema)
{
	struct walk *w = arg;
	w->schema = schema;
	return rs_lake_tables(w->v->look->catalog, schema, each_table, w, w->err);
}

static int walk_tables(
	struct view_rows *v, int (*table)(struct walk *w, const char *name), struct err *err)
{
	struct walk w = {.v = v, .table = table, .err = err};
	return rs_lake_schemas(v->look->catalog, each_schema, &w, err);
}

/* ---- svv_external_schemas ---- */

static const struct rs_relation_column schemas_columns[] = {
	COLUMN_BIG("esoid"),
	COLUMN_SMALL("eskind"),
	COLUMN_TEXT("schemaname", 128),
	COLUMN_INT("esowner"),
	COLUMN_TEXT("databasename", 128),
	COLUMN_TEXT("esoptions", 4000),
};

static int schema_row(void *arg, const char *schema)
{
	struct walk *w = arg;
	const struct rs_catalog *c = w->v->look->catalog;
	const struct rs_lake *lake = rs_catalog_lake(c, schema);
	const char *database = NULL;

	for (unsigned i = 0; i < c->n_external_schemas; i++) {
		if (strcmp(c->external_schemas[i].name, schema) == 0) {
			database = c->external_schemas[i].database;
			lake = c->external_schemas[i].lake == NULL
				       ? NULL
				       : rs_catalog_lake(c, c->external_schemas[i].lake);
		}
	}
	view_null(w->v);
	view_integer(w->v, 1);
	view_text(w->v, schema);
	view_integer(w->v, RS_OWNER_ID);
	view_text(w->v, database == NULL ? schema : database);
	if (lake == NULL) {
		view_null(w->v);
	} else {
		/* The directory is the machine's own; who uses the cluster sees the bucket. */
		buf_printf(view_room(w->v), "{\"LAKE\":\"s3://%s\"}", lake->name);
	}
	return view_row(w->v, w->err);
}

static int fill_schemas(struct view_rows *v, struct err *err)
{
	struct walk w = {.v = v, .err = err};
	return rs_lake_schemas(v->look->catalog, schema_row, &w, err);
}

/* ---- svv_external_tables ---- */

static const struct rs_relation_column tables_columns[] = {
	COLUMN_TEXT("redshift_database_name", 128),
	COLUMN_TEXT("schemaname", 128),
	COLUMN_TEXT("tablename", 128),
	COLUMN_TEXT("tabletype", 16),
	COLUMN_TEXT("location", 4096),
	COLUMN_TEXT("input_format", 128),
	COLUMN_TEXT("output_format", 128),
	COLUMN_TEXT("serialization_lib", 256),
	COLUMN_TEXT("serde_parameters", 4000),
	COLUMN_INT("compressed"),
	COLUMN_TEXT("parameters", 4000),
};

static void format_columns(struct view_rows *v, const struct rs_external_table *t)
{
	view_text(v, t == NULL ? NULL : t->def.stored_as);
	view_text(v, t == NULL ? NULL : t->def.stored_as);
	view_text(v, t == NULL ? NULL : t->def.row_format);
	view_null(v);
	view_integer(v, 0);
	view_null(v);
}

static int table_row(struct walk *w, const char *name)
{
	const struct rs_external_table *t =
		rs_catalog_external(w->v->look->catalog, w->schema, name);

	view_text(w->v, RS_DATABASE);
	view_text(w->v, w->schema);
	view_text(w->v, name);
	view_text(w->v, "TABLE");
	if (t != NULL) {
		view_text(w->v, t->def.location);
	} else {
		buf_printf(view_room(w->v), "s3://%s/%s", w->schema, name);
	}
	format_columns(w->v, t);
	return view_row(w->v, w->err);
}

static int fill_tables(struct view_rows *v, struct err *err)
{
	return walk_tables(v, table_row, err);
}

/* ---- svv_external_columns ---- */

static const struct rs_relation_column columns_columns[] = {
	COLUMN_TEXT("redshift_database_name", 128),
	COLUMN_TEXT("schemaname", 128),
	COLUMN_TEXT("tablename", 128),
	COLUMN_TEXT("columnname", 128),
	COLUMN_TEXT("external_type", 128),
	COLUMN_INT("columnnum"),
	COLUMN_INT("part_key"),
	COLUMN_TEXT("is_nullable", 5),
};

/* Which partition column it is, from 1; 0: none. A table that was found by looking tells by the
 * folders' names, which only its reader knows. */
static int part_key(const struct rs_external_table *t, const char *column)
{
	for (unsigned i = 0; t != NULL && i < t->def.n_partitions; i++) {
		if (strcmp(t->def.partitions[i].name, column) == 0) {
			return (int)i + 1;
		}
	}
	return 0;
}

static int column_row(struct walk *w, const struct rs_relation *r, unsigned i, int number)
{
	const struct rs_external_table *t =
		rs_catalog_external(w->v->look->catalog, w->schema, r->name);

	view_text(w->v, RS_DATABASE);
	view_text(w->v, w->schema);
	view_text(w->v, r->name);
	view_text(w->v, r->columns[i].name);
	sql_type_name(r->columns[i].type, view_room(w->v));
	view_integer(w->v, number);
	view_integer(w->v, part_key(t, r->columns[i].name));
	view_text(w->v, "true");
	return view_row(w->v, w->err);
}

static int columns_of_table(struct walk *w, const char *name)
{
	struct sql_site *site = rs_nodes_site(w->v->look->nodes);
	struct rs_relation *r = NULL;
	struct err said = {0};
	int number = 0;

	/* One whose files cannot be read hides none of the others. */
	if (rs_lake_find(w->v->look->catalog, site, w->schema, name, &r, &said) != 0) {
		return 0;
	}
	int rc = 0;
	for (unsigned i = 0; i < r->n_columns && rc == 0; i++) {
		rc = r->columns[i].hidden ? 0 : column_row(w, r, i, ++number);
	}
	rs_lake_release(r);
	return rc;
}

static int fill_columns(struct view_rows *v, struct err *err)
{
	return walk_tables(v, columns_of_table, err);
}

/* ---- svv_external_partitions ---- */

static const struct rs_relation_column partitions_columns[] = {
	COLUMN_TEXT("schemaname", 128),
	COLUMN_TEXT("tablename", 128),
	COLUMN_TEXT("values", 4000),
	COLUMN_TEXT("location", 4096),
	COLUMN_TEXT("input_format", 128),
	COLUMN_TEXT("output_format", 128),
	COLUMN_TEXT("serialization_lib", 256),
	COLUMN_TEXT("serde_parameters", 4000),
	COLUMN_INT("compressed"),
	COLUMN_TEXT("parameters", 4000),
};

/* ["2008-01","x"], as JSON. */
static void values_text(
	const struct rs_external_table *t, const struct rs_external_partition *p, struct buf *out)
{
	json_auto_t *values = json_array();

	for (unsigned i = 0; i < t->def.n_partitions; i++) {
		json_array_append_new(values, json_string(p->values[i]));
	}
	CLEANUP(cleanup_free) char *text = json_dumps(values, JSON_COMPACT);
	buf_puts(out, text == NULL ? "[]" : text);
}

static int fill_partitions(struct view_rows *v, struct err *err)
{
	const struct rs_catalog *c = v->look->catalog;
	int rc = 0;

	for (unsigned i = 0; i < c->n_external; i++) {
		const struct rs_external_table *t = &c->external[i];
		for (unsigned k = 0; k < t->n_partitions && rc == 0; k++) {
			view_text(v, t->schema);
			view_text(v, t->def.name.name);
			values_text(t, &t->partitions[k], view_room(v));
			view_text(v, t->partitions[k].location);
			format_columns(v, t);
			rc = view_row(v, err);
		}
	}
	return rc;
}

const struct view rs_views_external[] = {
	VIEW("pg_catalog", "svv_external_schemas", schemas_columns, fill_schemas),
	VIEW("pg_catalog", "svv_external_tables", tables_columns, fill_tables),
	VIEW("pg_catalog", "svv_external_columns", columns_columns, fill_columns),
	VIEW("pg_catalog", "svv_external_partitions", partitions_columns, fill_partitions),
	VIEW_END,
};
