/* Copies of what a catalogue holds, and their end. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engines/redshift/leader/catalog_impl.h"

char *rs_dup(const char *text, bool *failed)
{
	if (text == NULL) {
		return NULL;
	}
	char *copy = strdup(text);
	*failed = *failed || copy == NULL;
	return copy;
}

void *rs_room(unsigned n, size_t size, bool *failed)
{
	if (n == 0) {
		return NULL;
	}
	void *room = calloc(n, size);
	*failed = *failed || room == NULL;
	return room;
}

char **rs_dup_list(char *const *list, unsigned n, bool *failed)
{
	char **copy = rs_room(n, sizeof(*copy), failed);

	for (unsigned i = 0; copy != NULL && i < n; i++) {
		copy[i] = rs_dup(list[i], failed);
	}
	return copy;
}

void rs_free_list(char **list, unsigned n)
{
	for (unsigned i = 0; list != NULL && i < n; i++) {
		free(list[i]);
	}
	free(list);
}

/* ---- tables ---- */

static void column_clear(struct rs_column *c)
{
	free(c->name);
	free(c->default_text);
	free(c->encode);
	free(c->references);
}

void rs_table_free(struct rs_table *t)
{
	if (t == NULL) {
		return;
	}
	for (unsigned i = 0; t->columns != NULL && i < t->n_columns; i++) {
		column_clear(&t->columns[i]);
	}
	free(t->columns);
	rs_free_list(t->constraints, t->n_constraints);
	free(t->schema);
	free(t->name);
	json_decref(t->stats);
	free(t);
}

static void copy_column(const struct rs_column *from, struct rs_column *to, bool *failed)
{
	*to = *from;
	to->name = rs_dup(from->name, failed);
	to->default_text = rs_dup(from->default_text, failed);
	to->encode = rs_dup(from->encode, failed);
	to->references = rs_dup(from->references, failed);
}

struct rs_table *rs_table_copy(const struct rs_table *t)
{
	bool failed = false;
	struct rs_table *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		return NULL;
	}
	*copy = *t;
	copy->schema = rs_dup(t->schema, &failed);
	copy->name = rs_dup(t->name, &failed);
	copy->stats = json_incref(t->stats);
	copy->constraints = rs_dup_list(t->constraints, t->n_constraints, &failed);
	copy->columns = rs_room(t->n_columns, sizeof(*copy->columns), &failed);
	for (unsigned i = 0; copy->columns != NULL && i < t->n_columns; i++) {
		copy_column(&t->columns[i], &copy->columns[i], &failed);
	}
	if (failed) {
		rs_table_free(copy);
		return NULL;
	}
	return copy;
}

/* ---- definitions ---- */

static void free_defs(struct rs_column_def *defs, unsigned n)
{
	for (unsigned i = 0; defs != NULL && i < n; i++) {
		free(defs[i].name);
		free(defs[i].default_text);
		free(defs[i].encode);
		free(defs[i].references);
	}
	free(defs);
}

void rs_create_clear(struct rs_create *c)
{
	free(c->name.schema);
	free(c->name.name);
	free_defs(c->columns, c->n_columns);
	free_defs(c->partitions, c->n_partitions);
	free(c->distkey);
	rs_free_list(c->sortkeys, c->n_sortkeys);
	rs_free_list(c->constraints, c->n_constraints);
	free(c->like.schema);
	free(c->like.name);
	free(c->row_format);
	free(c->field_delimiter);
	free(c->line_delimiter);
	free(c->stored_as);
	free(c->location);
	*c = (struct rs_create){0};
}

static struct rs_column_def *copy_defs(const struct rs_column_def *defs, unsigned n, bool *failed)
{
	struct rs_column_def *copy = rs_room(n, sizeof(*copy), failed);

	for (unsigned i = 0; copy != NULL && i < n; i++) {
		copy[i] = defs[i];
		copy[i].name = rs_dup(defs[i].name, failed);
		copy[i].default_text = rs_dup(defs[i].default_text, failed);
		copy[i].encode = rs_dup(defs[i].encode, failed);
		copy[i].references = rs_dup(defs[i].references, failed);
	}
	return copy;
}

int rs_create_copy(const struct rs_create *from, struct rs_create *to, struct err *err)
{
	bool failed = false;

	*to = *from;
	to->name.schema = rs_dup(from->name.schema, &failed);
	to->name.name = rs_dup(from->name.name, &failed);
	to->columns = copy_defs(from->columns, from->n_columns, &failed);
	to->partitions = copy_defs(from->partitions, from->n_partitions, &failed);
	to->distkey = rs_dup(from->distkey, &failed);
	to->sortkeys = rs_dup_list(from->sortkeys, from->n_sortkeys, &failed);
	to->constraints = rs_dup_list(from->constraints, from->n_constraints, &failed);
	to->like.schema = rs_dup(from->like.schema, &failed);
	to->like.name = rs_dup(from->like.name, &failed);
	to->row_format = rs_dup(from->row_format, &failed);
	to->field_delimiter = rs_dup(from->field_delimiter, &failed);
	to->line_delimiter = rs_dup(from->line_delimiter, &failed);
	to->stored_as = rs_dup(from->stored_as, &failed);
	to->location = rs_dup(from->location, &failed);
	if (failed) {
		rs_create_clear(to);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- the others ---- */

void rs_user_view_clear(struct rs_user_view *v)
{
	free(v->schema);
	free(v->name);
	free(v->body);
}

void rs_lake_clear(struct rs_lake *l)
{
	free(l->name);
	free(l->directory);
}

void rs_external_schema_clear(struct rs_external_schema *s)
{
	free(s->name);
	free(s->database);
	free(s->lake);
}

void rs_external_table_clear(struct rs_external_table *t)
{
	for (unsigned i = 0; t->partitions != NULL && i < t->n_partitions; i++) {
		rs_free_list(t->partitions[i].values, t->def.n_partitions);
		free(t->partitions[i].location);
	}
	free(t->partitions);
	free(t->schema);
	rs_create_clear(&t->def);
}

static void copy_views(const struct rs_catalog *from, struct rs_catalog *to, bool *failed)
{
	to->views = rs_room(from->n_views, sizeof(*to->views), failed);
	to->n_views = to->views == NULL ? 0 : from->n_views;
	for (unsigned i = 0; i < to->n_views; i++) {
		to->views[i].schema = rs_dup(from->views[i].schema, failed);
		to->views[i].name = rs_dup(from->views[i].name, failed);
		to->views[i].body = rs_dup(from->views[i].body, failed);
		to->views[i].created_ns = from->views[i].created_ns;
	}
}

static void copy_lakes(const struct rs_catalog *from, struct rs_catalog *to, bool *failed)
{
	to->lakes = rs_room(from->n_lakes, sizeof(*to->lakes), failed);
	to->n_lakes = to->lakes == NULL ? 0 : from->n_lakes;
	for (unsigned i = 0; i < to->n_lakes; i++) {
		to->lakes[i].name = rs_dup(from->lakes[i].name, failed);
		to->lakes[i].directory = rs_dup(from->lakes[i].directory, failed);
	}
	to->external_schemas =
		rs_room(from->n_external_schemas, sizeof(*to->external_schemas), failed);
	to->n_external_schemas = to->external_schemas == NULL ? 0 : from->n_external_schemas;
	for (unsigned i = 0; i < to->n_external_schemas; i++) {
		const struct rs_external_schema *s = &from->external_schemas[i];

		to->external_schemas[i].name = rs_dup(s->name, failed);
		to->external_schemas[i].database = rs_dup(s->database, failed);
		to->external_schemas[i].lake = rs_dup(s->lake, failed);
	}
}

static void copy_external(
	const struct rs_external_table *from, struct rs_external_table *to, bool *failed)
{
	to->created_ns = from->created_ns;
	to->schema = rs_dup(from->schema, failed);
	*failed = rs_create_copy(&from->def, &to->def, NULL) < 0 || *failed;
	to->partitions = rs_room(from->n_partitions, sizeof(*to->partitions), failed);
	to->n_partitions = to->partitions == NULL ? 0 : from->n_partitions;
	for (unsigned i = 0; i < to->n_partitions; i++) {
		const struct rs_external_partition *p = &from->partitions[i];

		to->partitions[i].location = rs_dup(p->location, failed);
		to->partitions[i].values = rs_dup_list(p->values, from->def.n_partitions, failed);
	}
}

static void copy_externals(const struct rs_catalog *from, struct rs_catalog *to, bool *failed)
{
	to->external = rs_room(from->n_external, sizeof(*to->external), failed);
	to->n_external = to->external == NULL ? 0 : from->n_external;
	for (unsigned i = 0; i < to->n_external; i++) {
		copy_external(&from->external[i], &to->external[i], failed);
	}
}

static void copy_tables(const struct rs_catalog *from, struct rs_catalog *to, bool *failed)
{
	to->tables = rs_room(from->n_tables, sizeof(struct rs_table *), failed);
	to->n_tables = to->tables == NULL ? 0 : from->n_tables;
	for (unsigned i = 0; i < to->n_tables; i++) {
		to->tables[i] = rs_table_copy(from->tables[i]);
		*failed = *failed || to->tables[i] == NULL;
	}
}

struct rs_catalog *rs_catalog_copy(const struct rs_catalog *c)
{
	bool failed = false;
	struct rs_catalog *copy = calloc(1, sizeof(*copy));

	if (copy == NULL) {
		return NULL;
	}
	copy->xid = c->xid;
	copy->time_ns = c->time_ns;
	copy->next_id = c->next_id;
	copy->generation = c->generation;
	copy->nodes = c->nodes;
	copy->slices = c->slices;
	atomic_init(&copy->refs, 1);
	copy->schemas = rs_dup_list(c->schemas, c->n_schemas, &failed);
	copy->n_schemas = copy->schemas == NULL ? 0 : c->n_schemas;
	copy_tables(c, copy, &failed);
	copy_views(c, copy, &failed);
	copy_lakes(c, copy, &failed);
	copy_externals(c, copy, &failed);
	if (failed) {
		rs_catalog_unref(copy);
		return NULL;
	}
	return copy;
}
