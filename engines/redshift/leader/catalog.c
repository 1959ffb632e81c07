/* The catalogue in memory: finding, adding, dropping. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/leader/catalog_impl.h"

struct rs_catalog *rs_catalog_new(unsigned nodes, unsigned slices)
{
	bool failed = false;
	struct rs_catalog *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return NULL;
	}
	atomic_init(&c->refs, 1);
	c->next_id = 1;
	c->generation = 1;
	c->nodes = nodes;
	c->slices = slices;
	c->schemas = rs_room(1, sizeof(char *), &failed);
	if (c->schemas != NULL) {
		c->schemas[0] = rs_dup(RS_PUBLIC, &failed);
		c->n_schemas = 1;
	}
	if (failed) {
		rs_catalog_unref(c);
		return NULL;
	}
	return c;
}

struct rs_catalog *rs_catalog_ref(struct rs_catalog *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

static void free_lists(struct rs_catalog *c)
{
	for (unsigned i = 0; i < c->n_tables; i++) {
		rs_table_free(c->tables[i]);
	}
	for (unsigned i = 0; i < c->n_views; i++) {
		rs_user_view_clear(&c->views[i]);
	}
	for (unsigned i = 0; i < c->n_lakes; i++) {
		rs_lake_clear(&c->lakes[i]);
	}
	for (unsigned i = 0; i < c->n_external_schemas; i++) {
		rs_external_schema_clear(&c->external_schemas[i]);
	}
	for (unsigned i = 0; i < c->n_external; i++) {
		rs_external_table_clear(&c->external[i]);
	}
}

void rs_catalog_unref(struct rs_catalog *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) > 1) {
		return;
	}
	free_lists(c);
	free(c->tables);
	free(c->views);
	free(c->lakes);
	free(c->external_schemas);
	free(c->external);
	rs_free_list(c->schemas, c->n_schemas);
	free(c);
}

/* ---- finding ---- */

static const char *schema_or_public(const char *schema)
{
	return schema == NULL || schema[0] == '\0' ? RS_PUBLIC : schema;
}

static int compare_names(
	const char *schema_a, const char *name_a, const char *schema_b, const char *name_b)
{
	int order = strcmp(schema_a, schema_b);

	return order != 0 ? order : strcmp(name_a, name_b);
}

/* Where it is, or would be. */
static unsigned table_place(
	const struct rs_catalog *c, const char *schema, const char *name, bool *found)
{
	unsigned from = 0, to = c->n_tables;

	*found = false;
	while (from < to) {
		unsigned middle = from + (to - from) / 2;
		const struct rs_table *t = c->tables[middle];
		int order = compare_names(t->schema, t->name, schema, name);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	return from;
}

struct rs_table *rs_catalog_table_mut(struct rs_catalog *c, const char *schema, const char *name)
{
	bool found;
	unsigned at = table_place(c, schema_or_public(schema), name, &found);

	return found ? c->tables[at] : NULL;
}

const struct rs_table *rs_catalog_table(
	const struct rs_catalog *c, const char *schema, const char *name)
{
	bool found;
	unsigned at = table_place(c, schema_or_public(schema), name, &found);

	return found ? c->tables[at] : NULL;
}

const struct rs_table *rs_catalog_table_id(const struct rs_catalog *c, uint64_t id)
{
	for (unsigned i = 0; i < c->n_tables; i++) {
		if (c->tables[i]->id == id) {
			return c->tables[i];
		}
	}
	return NULL;
}

const struct rs_user_view *rs_catalog_view(
	const struct rs_catalog *c, const char *schema, const char *name)
{
	for (unsigned i = 0; i < c->n_views; i++) {
		if (compare_names(c->views[i].schema, c->views[i].name, schema_or_public(schema),
			    name) == 0) {
			return &c->views[i];
		}
	}
	return NULL;
}

const struct rs_external_table *rs_catalog_external(
	const struct rs_catalog *c, const char *schema, const char *name)
{
	for (unsigned i = 0; i < c->n_external; i++) {
		if (compare_names(c->external[i].schema, c->external[i].def.name.name,
			    schema_or_public(schema), name) == 0) {
			return &c->external[i];
		}
	}
	return NULL;
}

const struct rs_lake *rs_catalog_lake(const struct rs_catalog *c, const char *name)
{
	for (unsigned i = 0; i < c->n_lakes; i++) {
		if (strcmp(c->lakes[i].name, name) == 0) {
			return &c->lakes[i];
		}
	}
	return NULL;
}

const struct rs_column *rs_table_column(const struct rs_table *t, const char *name)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (strcmp(t->columns[i].name, name) == 0) {
			return &t->columns[i];
		}
	}
	return NULL;
}

const struct rs_column *rs_table_column_id(const struct rs_table *t, uint64_t id)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (t->columns[i].id == id) {
			return &t->columns[i];
		}
	}
	return NULL;
}

uint64_t rs_table_distkey_index(const struct rs_table *t)
{
	uint64_t i = 0;

	while (i < t->n_columns && (t->distkey == 0 || t->columns[i].id != t->distkey)) {
		i++;
	}
	return i;
}

/* ---- changing ---- */

int rs_catalog_add_table(struct rs_catalog *c, struct rs_table *t, struct err *err)
{
	bool found;
	unsigned at = table_place(c, t->schema, t->name, &found);

	if (found) {
		int rc = err_set(err, EEXIST, "relation \"%s\" already exists", t->name);
		rs_table_free(t);
		return rc;
	}
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	struct rs_table **tables = reallocarray(c->tables, c->n_tables + 1, sizeof(*tables));
	if (tables == NULL) {
		rs_table_free(t);
		return err_set(err, ENOMEM, "out of memory");
	}
	c->tables = tables;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	memmove(&tables[at + 1], &tables[at], (c->n_tables - at) * sizeof(*tables));
	tables[at] = t;
	c->n_tables++;
	return 0;
}

void rs_catalog_take_table(struct rs_catalog *c, struct rs_table *t)
{
	bool found;
	unsigned at = table_place(c, t->schema, t->name, &found);

	if (!found) {
		return;
	}
	c->n_tables--;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	memmove(&c->tables[at], &c->tables[at + 1], (c->n_tables - at) * sizeof(*c->tables));
}

void rs_catalog_drop_table(struct rs_catalog *c, struct rs_table *t)
{
	rs_catalog_take_table(c, t);
	rs_table_free(t);
}

/* ---- directories ---- */

/* A schema has no point in its name, so what stands before the first one is it. */
void rs_table_key(const struct rs_table *t, struct buf *out)
{
	if (strcmp(t->schema, RS_PUBLIC) != 0 || strchr(t->name, '.') != NULL) {
		buf_puts(out, t->schema);
		buf_putc(out, '.');
	}
	buf_puts(out, t->name);
}

const struct rs_table *rs_catalog_by_key(const struct rs_catalog *c, struct slice key)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf back = BUF_INIT;
	const struct rs_table *t;

	if (key.n == 0 || memchr(key.p, '\0', key.n) != NULL) {
		return NULL;
	}
	buf_append_slice(&text, key);
	char *point = text.failed ? NULL : strchr(buf_cstr(&text), '.');
	if (point == NULL) {
		return rs_catalog_table(c, NULL, buf_cstr(&text));
	}
	*point = '\0';
	t = rs_catalog_table(c, text.p, point + 1);
	if (t != NULL) { /* one name a table: public.t is t */
		rs_table_key(t, &back);
	}
	return t != NULL && slice_equal(buf_slice(&back), key) ? t : NULL;
}
