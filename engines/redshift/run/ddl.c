/* Tables, schemas and views come and go. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/redshift/lake/lake.h"
#include "engines/redshift/run/run_impl.h"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static void report_name(
	struct buf *report, const char *what, const struct rs_name *name, const char *more)
{
	buf_printf(report, "%s ", what);
	rs_print_name(rs_schema_of(name), name->name, report);
	buf_printf(report, "%s\n", more);
}

/* ---- names that are taken ---- */

static const char *taken_by(const struct rs_catalog *c, const struct rs_name *name)
{
	const char *schema = rs_schema_of(name);

	return rs_catalog_table(c, schema, name->name) != NULL	    ? "table"
	       : rs_catalog_view(c, schema, name->name) != NULL	    ? "view"
	       : rs_catalog_external(c, schema, name->name) != NULL ? "external table"
								    : NULL;
}

static int check_new(const struct rs_catalog *c, const struct rs_name *name, struct err *err)
{
	const char *kind = taken_by(c, name);

	if (!rs_has_schema(c, rs_schema_of(name))) {
		return err_set(err, ENOENT, "schema \"%s\" does not exist", rs_schema_of(name));
	}
	return kind != NULL ? err_set(err, EEXIST, "relation \"%s\" already exists: a %s",
				      name->name, kind)
			    : 0;
}

/* ---- CREATE TABLE ---- */

int rs_add_table(
	struct rs_txn *t, const struct rs_create *def, struct rs_table **out, struct err *err)
{
	struct rs_table *table = NULL;

	int rc = rs_table_of_create(t->next, def, clock_wall_ns(), &table, err);
	rc = rc < 0 ? rc : rs_catalog_add_table(t->next, table, err);
	if (rc < 0) {
		return rc;
	}
	rs_txn_touch(t, table);
	t->wrote = true;
	*out = table;
	return rs_nodes_create_table(t->look.nodes, table, err);
}

/* LIKE: columns, NOT NULL, distribution and sort; defaults when that is said. */
static void like_only(struct rs_create *def, bool defaults)
{
	for (unsigned i = 0; i < def->n_columns; i++) {
		struct rs_column_def *c = &def->columns[i];

		c->primary_key = c->unique = c->identity = false;
		free(c->references);
		c->references = NULL;
		if (!defaults) {
			free(c->default_text);
			c->default_text = NULL;
		}
	}
	for (unsigned i = 0; i < def->n_constraints; i++) {
		free(def->constraints[i]);
	}
	free(def->constraints);
	def->constraints = NULL;
	def->n_constraints = 0;
}

static int create_like(
	struct rs_txn *t, const struct rs_create *c, struct rs_table **out, struct err *err)
{
	struct rs_table *like = NULL;
	struct rs_create def;

	if (c->n_columns > 0) {
		return err_set(err, ENOTSUP,
			"CREATE TABLE: LIKE and columns together are not "
			"there: LIKE alone, then ALTER TABLE ADD COLUMN");
	}
	int rc = rs_find_table(t, &c->like, &like, err);
	rc = rc < 0 ? rc : rs_create_of_table(like, &def, err);
	if (rc < 0) {
		return rc;
	}
	like_only(&def, c->like_defaults);
	char *schema = def.name.schema, *name = def.name.name;
	def.name = c->name; /* borrowed for a while */
	rc = rs_add_table(t, &def, out, err);
	def.name = (struct rs_name){schema, name};
	rs_create_clear(&def);
	return rc;
}

static int create_table(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	const struct rs_create *c = &s->create;
	struct rs_table *table;

	if (c->if_not_exists && taken_by(t->next, &c->name) != NULL) {
		report_name(report, "CREATE TABLE", &c->name, ": it exists, nothing to do");
		return 0;
	}
	int rc = check_new(t->next, &c->name, err);
	if (rc == 0) {
		rc = c->like.name != NULL ? create_like(t, c, &table, err)
					  : rs_add_table(t, c, &table, err);
	}
	if (rc == 0) {
		report_name(report, "CREATE TABLE", &c->name, "");
	}
	return rc;
}

/* ---- CREATE TABLE AS ---- */

struct making {
	struct rs_txn *txn;
	const struct rs_create *told;
	struct rs_table *table;
	struct rs_sink *sink;
};

static struct sql_type column_type(struct sql_type t)
{
	if ((sql_is_text(t.kind) && t.size == 0) || t.kind == SQL_UNKNOWN) {
		return (struct sql_type){.kind = SQL_VARCHAR, .size = SQL_VARCHAR_MAX};
	}
	return t;
}

/* As the result's columns are; names and keys as they were told. */
static int make_table(struct making *m, const struct rs_rows *rows, struct err *err)
{
	struct rs_create def = *m->told;
	struct rs_column_def *columns = calloc(rows->n_columns + 1, sizeof(*columns));

	if (columns == NULL) {
		return no_memory(err);
	}
	if (m->told->n_columns > 0 && m->told->n_columns != rows->n_columns) {
		free(columns);
		return err_set(err, EINVAL, "CREATE TABLE AS: %u column names for %u columns",
			m->told->n_columns, rows->n_columns);
	}
	for (unsigned i = 0; i < rows->n_columns; i++) {
		const struct rs_column_def *told =
			m->told->n_columns > 0 ? &m->told->columns[i] : NULL;
		columns[i].name = told != NULL ? told->name : (char *)rows->names[i];
		columns[i].distkey = told != NULL && told->distkey;
		columns[i].type = column_type(rows->types[i]);
	}
	def.columns = columns;
	def.n_columns = rows->n_columns;
	int rc = rs_add_table(m->txn, &def, &m->table, err);
	free(columns);
	return rc < 0 ? rc : rs_sink_new(m->txn, m->table, NULL, 0, &m->sink, err);
}

static int fill_table(struct making *m, struct rs_rows *rows, struct err *err)
{
	const struct sql_value *row;
	int rc = make_table(m, rows, err);

	while (rc == 0 && (rc = rs_rows_step(rows, &row, err)) > 0) {
		rc = rs_sink_row(m->sink, row, rows->types, NULL, err);
	}
	return rc;
}

static int create_as(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	struct making m = {.txn = t, .told = &s->create};
	struct rs_rows rows;
	uint64_t n = 0;

	if (s->create.if_not_exists && taken_by(t->next, &s->create.name) != NULL) {
		report_name(report, "CREATE TABLE", &s->create.name, ": it exists, nothing to do");
		return 0;
	}
	int rc = check_new(t->next, &s->create.name, err);
	json_t *tree = rc < 0 ? NULL : json_deep_copy(s->tree);
	if (rc == 0 && tree == NULL) {
		rc = no_memory(err);
	}
	rc = rc < 0 ? rc : rs_rows_begin_tree(&t->look.sight, tree, s->text, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rc = fill_table(&m, &rows, err);
	rs_rows_end(&rows);
	if (m.sink != NULL) {
		int ended = rs_sink_end(m.sink, rc == 0, &n, rc < 0 ? NULL : err);
		rc = rc < 0 ? rc : ended;
	}
	if (rc == 0) {
		rs_report_rows(report, "CREATE TABLE", m.table, n);
	}
	return rc;
}

/* ---- DROP, TRUNCATE ---- */

static int drop_table(struct rs_txn *t, struct rs_table *table, struct err *err)
{
	int rc = rs_txn_drop_storage(t, table->storage, err);

	if (rc == 0) {
		rs_catalog_drop_table(t->next, table);
	}
	return rc;
}

static bool drop_external(struct rs_txn *t, const char *schema, const char *name)
{
	struct rs_catalog *c = t->next;

	for (unsigned i = 0; i < c->n_external; i++) {
		struct rs_external_table *e = &c->external[i];
		if (strcmp(e->schema, schema) == 0 && strcmp(e->def.name.name, name) == 0) {
			rs_external_table_clear(e);
			c->n_external--;
			memmove(e, e + 1, (c->n_external - i) * sizeof(*e));
			t->changed = true;
			return true;
		}
	}
	return false;
}

static int drop_tables(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->n_names; i++) {
		const struct rs_name *name = &s->names[i];
		struct rs_table *table = NULL;

		if (s->if_exists && taken_by(t->next, name) == NULL) {
			report_name(
				report, "DROP TABLE", name, ": it does not exist, nothing to do");
			continue;
		}
		if (!drop_external(t, rs_schema_of(name), name->name)) {
			rc = rs_find_table(t, name, &table, err);
			rc = rc < 0 ? rc : drop_table(t, table, err);
		}
		if (rc == 0) {
			report_name(report, "DROP TABLE", name, "");
		}
	}
	return rc;
}

int rs_truncate(struct rs_txn *t, struct rs_table *table, struct err *err)
{
	uint64_t before = table->storage;

	table->storage = t->next->next_id++;
	t->wrote = true;
	int rc = rs_nodes_create_table(t->look.nodes, table, err);
	rc = rc < 0 ? rc : rs_txn_drop_storage(t, before, err);
	if (rc < 0) {
		return rc;
	}
	table->rows = table->dead = table->unsorted = table->analyzed_rows = 0;
	json_decref(table->stats);
	table->stats = NULL;
	if (table->diststyle == RS_DIST_AUTO) {
		table->placement = RS_DIST_ALL;
	}
	rs_txn_touch(t, table);
	return 0;
}

static int truncate_tables(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->n_names; i++) {
		struct rs_table *table;
		rc = rs_find_table(t, &s->names[i], &table, err);
		rc = rc < 0 ? rc : rs_truncate(t, table, err);
		if (rc == 0) {
			report_name(report, "TRUNCATE", &s->names[i], "");
		}
	}
	return rc;
}

/* ---- schemas ---- */

static int check_schema_name(const struct rs_catalog *c, const char *name, struct err *err)
{
	if (name[0] == '\0' || strlen(name) > 127) {
		return err_set(err, EINVAL, "a schema's name has 1 to 127 bytes");
	}
	if (strchr(name, '.') != NULL) {
		return err_set(err, EINVAL,
			"schema \"%s\": no point can be in the name, directories are called "
			"SCHEMA.TABLE",
			name);
	}
	if (strncmp(name, "pg_", 3) == 0 || strcmp(name, "information_schema") == 0) {
		return err_set(err, EINVAL,
			"schema \"%s\": the name is reserved for system schemas", name);
	}
	if (rs_has_schema(c, name) || rs_external_is_schema(c, name)) {
		return err_set(err, EEXIST, "schema \"%s\" already exists", name);
	}
	return 0;
}

static int add_schema(struct rs_txn *t, const char *name, struct err *err)
{
	struct rs_catalog *c = t->next;
	char **list = reallocarray(c->schemas, c->n_schemas + 1, sizeof(*list));
	unsigned at = 0;

	if (list == NULL) {
		return no_memory(err);
	}
	c->schemas = list;
	char *copy = strdup(name);
	if (copy == NULL) {
		return no_memory(err);
	}
	while (at < c->n_schemas && strcmp(list[at], name) < 0) {
		at++;
	}
	memmove(&list[at + 1], &list[at], (c->n_schemas - at) * sizeof(*list));
	list[at] = copy;
	c->n_schemas++;
	t->changed = true;
	return 0;
}

static int create_schema(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	const char *name = s->names[0].name;

	if (s->if_not_exists && rs_has_schema(t->next, name)) {
		buf_printf(report, "CREATE SCHEMA %s: it exists, nothing to do\n", name);
		return 0;
	}
	int rc = check_schema_name(t->next, name, err);
	rc = rc < 0 ? rc : add_schema(t, name, err);
	if (rc == 0) {
		buf_printf(report, "CREATE SCHEMA %s\n", name);
	}
	return rc;
}

/* What is in it, one of these; NULL: nothing. */
static const char *in_schema(const struct rs_catalog *c, const char *schema)
{
	for (unsigned i = 0; i < c->n_tables; i++) {
		if (strcmp(c->tables[i]->schema, schema) == 0) {
			return c->tables[i]->name;
		}
	}
	for (unsigned i = 0; i < c->n_views; i++) {
		if (strcmp(c->views[i].schema, schema) == 0) {
			return c->views[i].name;
		}
	}
	for (unsigned i = 0; i < c->n_external; i++) {
		if (strcmp(c->external[i].schema, schema) == 0) {
			return c->external[i].def.name.name;
		}
	}
	return NULL;
}

static void remove_view(struct rs_txn *t, unsigned at)
{
	struct rs_catalog *c = t->next;

	rs_user_view_clear(&c->views[at]);
	c->n_views--;
	memmove(&c->views[at], &c->views[at + 1], (c->n_views - at) * sizeof(*c->views));
	t->changed = true;
}

static int empty_schema(struct rs_txn *t, const char *schema, struct err *err)
{
	struct rs_catalog *c = t->next;
	const char *name;
	int rc = 0;

	for (unsigned i = c->n_views; i-- > 0;) {
		if (strcmp(c->views[i].schema, schema) == 0) {
			remove_view(t, i);
		}
	}
	while (rc == 0 && (name = in_schema(c, schema)) != NULL) {
		struct rs_table *table = rs_catalog_table_mut(c, schema, name);
		if (table != NULL) {
			rc = drop_table(t, table, err);
		} else {
			drop_external(t, schema, name);
		}
	}
	return rc;
}

static void remove_schema(struct rs_txn *t, const char *name)
{
	struct rs_catalog *c = t->next;

	for (unsigned i = 0; i < c->n_schemas; i++) {
		if (strcmp(c->schemas[i], name) == 0) {
			free(c->schemas[i]);
			c->n_schemas--;
			memmove(&c->schemas[i], &c->schemas[i + 1],
				(c->n_schemas - i) * sizeof(*c->schemas));
			break;
		}
	}
	for (unsigned i = 0; i < c->n_external_schemas; i++) {
		struct rs_external_schema *s = &c->external_schemas[i];
		if (strcmp(s->name, name) == 0) {
			rs_external_schema_clear(s);
			c->n_external_schemas--;
			memmove(s, s + 1, (c->n_external_schemas - i) * sizeof(*s));
			break;
		}
	}
	t->changed = true;
}

static int drop_schema(struct rs_txn *t, const struct rs_statement *s, const char *name,
	struct buf *report, struct err *err)
{
	const struct rs_catalog *c = t->next;
	bool external = rs_external_is_schema(c, name) && rs_catalog_lake(c, name) == NULL;

	if (!external && !rs_has_schema(c, name)) {
		if (s->if_exists) {
			buf_printf(
				report, "DROP SCHEMA %s: it does not exist, nothing to do\n", name);
			return 0;
		}
		return err_set(err, ENOENT, "schema \"%s\" does not exist", name);
	}
	if (strcmp(name, "public") == 0) {
		return err_set(err, EINVAL, "schema \"public\" cannot be dropped");
	}
	const char *holds = in_schema(c, name);
	if (holds != NULL && !s->cascade) {
		return err_set(err, ENOTEMPTY,
			"cannot drop schema %s: %s is in it; DROP ... CASCADE drops that, too",
			name, holds);
	}
	int rc = empty_schema(t, name, err);
	if (rc == 0) {
		remove_schema(t, name);
		buf_printf(report, "DROP SCHEMA %s\n", name);
	}
	return rc;
}

static int drop_schemas(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->n_names; i++) {
		rc = drop_schema(t, s, s->names[i].name, report, err);
	}
	return rc;
}

/* ---- views ---- */

static int view_place(const struct rs_catalog *c, const struct rs_name *name)
{
	for (unsigned i = 0; i < c->n_views; i++) {
		if (strcmp(c->views[i].schema, rs_schema_of(name)) == 0 &&
			strcmp(c->views[i].name, name->name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

/* That its SELECT means something now. */
static int check_view(struct rs_txn *t, const struct rs_statement *s, struct err *err)
{
	struct rs_bound bound = {0};
	json_t *tree = json_deep_copy(s->tree);

	if (tree == NULL) {
		return no_memory(err);
	}
	int rc = rs_bind_select(tree, s->text, &t->look.sight.resolver, &bound, err);
	rs_bound_clear(&bound);
	json_decref(tree);
	return rc;
}

static int add_view(struct rs_txn *t, const struct rs_name *name, const char *body, struct err *err)
{
	struct rs_catalog *c = t->next;
	struct rs_user_view *list = reallocarray(c->views, c->n_views + 1, sizeof(*list));

	if (list == NULL) {
		return no_memory(err);
	}
	c->views = list;
	struct rs_user_view v = {.schema = strdup(rs_schema_of(name)),
		.name = strdup(name->name),
		.body = strdup(body),
		.created_ns = clock_wall_ns()};
	if (v.schema == NULL || v.name == NULL || v.body == NULL) {
		rs_user_view_clear(&v);
		return no_memory(err);
	}
	list[c->n_views++] = v;
	t->changed = true;
	return 0;
}

static int create_view(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	const struct rs_name *name = &s->names[0];
	int at = view_place(t->next, name);

	int rc = at >= 0 && s->or_replace ? 0 : check_new(t->next, name, err);
	rc = rc < 0 ? rc : check_view(t, s, err);
	if (rc == 0 && at >= 0) {
		remove_view(t, (unsigned)at);
	}
	rc = rc < 0 ? rc : add_view(t, name, s->body, err);
	if (rc == 0) {
		report_name(report, "CREATE VIEW", name, "");
	}
	return rc;
}

static int drop_views(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	for (unsigned i = 0; i < s->n_names; i++) {
		int at = view_place(t->next, &s->names[i]);
		if (at < 0 && !s->if_exists) {
			return err_set(err, ENOENT, "view \"%s\" does not exist", s->names[i].name);
		}
		if (at >= 0) {
			remove_view(t, (unsigned)at);
		}
		report_name(report, "DROP VIEW", &s->names[i],
			at < 0 ? ": it does not exist, nothing to do" : "");
	}
	return 0;
}

/* ---- all ---- */

int rs_run_ddl(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err)
{
	switch (s->kind) {
	case RS_CREATE_TABLE: return create_table(t, s, report, err);
	case RS_CREATE_TABLE_AS: return create_as(t, s, report, err);
	case RS_DROP_TABLE: return drop_tables(t, s, report, err);
	case RS_ALTER_TABLE: return rs_run_alter(t, s, report, err);
	case RS_TRUNCATE: return truncate_tables(t, s, report, err);
	case RS_CREATE_SCHEMA: return create_schema(t, s, report, err);
	case RS_DROP_SCHEMA: return drop_schemas(t, s, report, err);
	case RS_CREATE_VIEW: return create_view(t, s, report, err);
	case RS_DROP_VIEW: return drop_views(t, s, report, err);
	default: return err_set(err, EINVAL, "no statement that defines something");
	}
}
