/* Views, lakes and what stands in them, as the leader's file has them. */
#include <stdlib.h>

#include "engines/redshift/leader/catalog_impl.h"

json_t *rs_user_view_to_json(const struct rs_user_view *v)
{
	return json_pack("{s:s,s:s,s:s,s:I}", "schema", v->schema, "name", v->name, "body", v->body,
		"created", (json_int_t)v->created_ns);
}

int rs_user_view_of_json(const json_t *o, struct rs_user_view *out)
{
	int bad = rs_text_of_json(o, "schema", &out->schema);

	bad |= rs_text_of_json(o, "name", &out->name);
	bad |= rs_text_of_json(o, "body", &out->body);
	out->created_ns = json_integer_value(json_object_get(o, "created"));
	return bad < 0 || out->schema == NULL || out->name == NULL || out->body == NULL ? -1 : 0;
}

json_t *rs_lake_to_json(const struct rs_lake *l)
{
	return json_pack("{s:s,s:s}", "name", l->name, "directory", l->directory);
}

int rs_lake_of_json(const json_t *o, struct rs_lake *out)
{
	int bad = rs_text_of_json(o, "name", &out->name);

	bad |= rs_text_of_json(o, "directory", &out->directory);
	return bad < 0 || out->name == NULL || out->directory == NULL ? -1 : 0;
}

json_t *rs_external_schema_to_json(const struct rs_external_schema *s)
{
	return json_pack(
		"{s:s,s:s*,s:s*}", "name", s->name, "database", s->database, "lake", s->lake);
}

int rs_external_schema_of_json(const json_t *o, struct rs_external_schema *out)
{
	int bad = rs_text_of_json(o, "name", &out->name);

	bad |= rs_text_of_json(o, "database", &out->database);
	bad |= rs_text_of_json(o, "lake", &out->lake);
	return bad < 0 || out->name == NULL ? -1 : 0;
}

/* ---- external tables ---- */

static json_t *defs_to_json(const struct rs_column_def *defs, unsigned n)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < n; i++) {
		json_t *o = json_pack(
			"{s:s,s:o}", "name", defs[i].name, "type", rs_type_to_json(defs[i].type));
		if (json_array_append_new(array, o) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int defs_of_json(const json_t *array, struct rs_column_def **out, unsigned *n)
{
	bool failed = false;
	unsigned size = (unsigned)json_array_size(array);

	*out = rs_room(size, sizeof(**out), &failed);
	*n = *out == NULL ? 0 : size;
	for (unsigned i = 0; i < *n; i++) {
		const json_t *o = json_array_get(array, i);
		struct rs_column_def *d = &(*out)[i];

		failed = rs_text_of_json(o, "name", &d->name) < 0 || d->name == NULL || failed;
		failed = rs_type_of_json(json_object_get(o, "type"), &d->type) < 0 || failed;
	}
	return failed ? -1 : 0;
}

static json_t *partitions_to_json(const struct rs_external_table *t)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < t->n_partitions; i++) {
		const struct rs_external_partition *p = &t->partitions[i];
		json_t *o = json_pack("{s:o,s:s*}", "values",
			rs_list_to_json(p->values, t->def.n_partitions), "location", p->location);
		if (json_array_append_new(array, o) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int partitions_of_json(const json_t *array, struct rs_external_table *t)
{
	bool failed = false;
	unsigned size = (unsigned)json_array_size(array);

	t->partitions = rs_room(size, sizeof(*t->partitions), &failed);
	t->n_partitions = t->partitions == NULL ? 0 : size;
	for (unsigned i = 0; i < t->n_partitions; i++) {
		struct rs_external_partition *p = &t->partitions[i];
		const json_t *o = json_array_get(array, i);
		unsigned n = 0;
		int bad = rs_list_of_json(json_object_get(o, "values"), &p->values, &n);

		if (n != t->def.n_partitions) { /* then nobody may count on their number */
			rs_free_list(p->values, n);
			p->values = NULL;
			bad = -1;
		}
		failed = rs_text_of_json(o, "location", &p->location) < 0 || bad < 0 || failed;
	}
	return failed ? -1 : 0;
}

json_t *rs_external_table_to_json(const struct rs_external_table *t)
{
	const struct rs_create *d = &t->def;

	return json_pack("{s:s,s:s,s:I,s:o,s:o,s:o,s:s*,s:s*,s:s*,s:s*,s:s*,s:I,s:b}", "schema",
		t->schema, "name", d->name.name, "created", (json_int_t)t->created_ns, "columns",
		defs_to_json(d->columns, d->n_columns), "partitioned_by",
		defs_to_json(d->partitions, d->n_partitions), "partitions", partitions_to_json(t),
		"row_format", d->row_format, "field_delimiter", d->field_delimiter,
		"line_delimiter", d->line_delimiter, "stored_as", d->stored_as, "location",
		d->location, "skip_lines", (json_int_t)d->skip_lines, "skip_header",
		d->skip_header);
}

int rs_external_table_of_json(const json_t *o, struct rs_external_table *out)
{
	bool failed = false;
	struct rs_create *d = &out->def;
	int bad = rs_text_of_json(o, "schema", &out->schema);

	bad |= rs_text_of_json(o, "name", &d->name.name);
	bad |= rs_text_of_json(o, "row_format", &d->row_format);
	bad |= rs_text_of_json(o, "field_delimiter", &d->field_delimiter);
	bad |= rs_text_of_json(o, "line_delimiter", &d->line_delimiter);
	bad |= rs_text_of_json(o, "stored_as", &d->stored_as);
	bad |= rs_text_of_json(o, "location", &d->location);
	bad |= defs_of_json(json_object_get(o, "columns"), &d->columns, &d->n_columns);
	bad |= defs_of_json(json_object_get(o, "partitioned_by"), &d->partitions, &d->n_partitions);
	bad |= partitions_of_json(json_object_get(o, "partitions"), out);
	d->name.schema = rs_dup(out->schema, &failed);
	d->skip_lines = (uint64_t)json_integer_value(json_object_get(o, "skip_lines"));
	d->skip_header = json_is_true(json_object_get(o, "skip_header"));
	out->created_ns = json_integer_value(json_object_get(o, "created"));
	return failed || bad < 0 || out->schema == NULL || d->name.name == NULL ? -1 : 0;
}
