/* ALTER TABLE. What a new table could not be like, no table becomes: most checks are those of a
 * CREATE TABLE, of the table as it would be. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/run/run_impl.h"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static int find_column(const struct rs_table *t, const char *name, unsigned *out, struct err *err)
{
	for (unsigned i = 0; name != NULL && i < t->n_columns; i++) {
		if (strcmp(t->columns[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, ENOENT, "column \"%s\" of relation \"%s\" does not exist",
		name == NULL ? "" : name, t->name);
}

/* Whether a table of that definition could be created. */
static int check_definition(struct rs_txn *t, const struct rs_create *def, struct err *err)
{
	struct rs_table *table = NULL;
	int rc = rs_table_of_create(t->next, def, 0, &table, err);

	rs_table_free(table);
	return rc;
}

/* ---- columns ---- */

/* The definition with one column more, which is borrowed. */
static int check_added(struct rs_txn *t, const struct rs_table *table,
	const struct rs_column_def *column, struct err *err)
{
	struct rs_create def;
	int rc = rs_create_of_table(table, &def, err);

	if (rc < 0) {
		return rc;
	}
	struct rs_column_def *more = reallocarray(def.columns, def.n_columns + 1, sizeof(*more));
	if (more == NULL) {
		rs_create_clear(&def);
		return no_memory(err);
	}
	def.columns = more;
	more[def.n_columns++] = *column;
	rc = check_definition(t, &def, err);
	def.n_columns--;
	rs_create_clear(&def);
	return rc;
}

static int check_add(struct rs_txn *t, const struct rs_table *table,
	const struct rs_column_def *column, struct err *err)
{
	if (column->name != NULL && rs_table_column(table, column->name) != NULL) {
		return err_set(err, EEXIST, "column \"%s\" of relation \"%s\" already exists",
			column->name, table->name);
	}
	if (column->identity) {
		return err_set(err, EINVAL, "ADD COLUMN \"%s\": an IDENTITY cannot be added",
			column->name);
	}
	if (column->not_null && column->default_text == NULL) {
		return err_set(err, EINVAL,
			"ADD COLUMN \"%s\": a NOT NULL column that is added needs a DEFAULT",
			column->name);
	}
	return check_added(t, table, column, err);
}

static int append_column(
	struct rs_txn *t, struct rs_table *table, const struct rs_column_def *def, struct err *err)
{
	struct rs_column *more = reallocarray(table->columns, table->n_columns + 1, sizeof(*more));

	if (more == NULL) {
		return no_memory(err);
	}
	table->columns = more;
	struct rs_column *c = &more[table->n_columns];
	*c = (struct rs_column){.id = t->next->next_id++,
		.type = def->type,
		.not_null = def->not_null,
		.unique = def->unique,
		.name = strdup(def->name),
		.default_text = def->default_text == NULL ? NULL : strdup(def->default_text),
		.encode = def->encode == NULL ? NULL : strdup(def->encode)};
	table->n_columns++; /* what it has is the table's to free from here on */
	return c->name == NULL || (def->default_text != NULL && c->default_text == NULL) ||
			       (def->encode != NULL && c->encode == NULL)
		       ? no_memory(err)
		       : 0;
}

static int add_column(
	struct rs_txn *t, struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	CLEANUP(buf_free) struct buf room = BUF_INIT;
	struct sql_value value;

	int rc = check_add(t, table, &a->column, err);
	rc = rc < 0 ? rc : append_column(t, table, &a->column, err);
	if (rc < 0) {
		return rc;
	}
	const struct rs_column *c = &table->columns[table->n_columns - 1];
	rc = rs_default_value(t, c, &value, &room, err);
	if (rc == 0 && value.null && c->not_null) {
		rc = err_set(err, EINVAL, "column %s: NULL, but it is NOT NULL", c->name);
	}
	t->wrote = true;
	return rc < 0 ? rc : rs_nodes_add_column(t->look.nodes, table, c, &value, err);
}

/* Rows that come have no place for a column that is not there: all go to a new storage. */
static int drop_column(
	struct rs_txn *t, struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	unsigned at = 0;
	int rc = find_column(table, a->from, &at, err);

	if (rc < 0) {
		return a->if_exists ? (err_clear(err), 0) : rc;
	}
	struct rs_column *c = &table->columns[at];
	if (c->id == table->distkey || c->sort_position > 0) {
		return err_set(err, EINVAL, "cannot drop column \"%s\": it is the %s key", c->name,
			c->id == table->distkey ? "distribution" : "sort");
	}
	if (table->n_columns == 1) {
		return err_set(
			err, EINVAL, "cannot drop column \"%s\": it is the only one", c->name);
	}
	struct rs_table *whole = rs_table_copy(table);
	if (whole == NULL) {
		return no_memory(err);
	}
	free(c->name);
	free(c->default_text);
	free(c->encode);
	free(c->references);
	table->n_columns--;
	memmove(c, c + 1, (table->n_columns - at) * sizeof(*c));
	rc = rs_rewrite(t, whole, table, err);
	rs_table_free(whole);
	return rc;
}

static int rename_column(
	struct rs_txn *t, struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	struct rs_column_def like = {.name = a->to, .type = {.kind = SQL_INTEGER}};
	unsigned at = 0;
	int rc = find_column(table, a->from, &at, err);

	if (rc == 0 && rs_table_column(table, a->to) != NULL) {
		rc = err_set(err, EEXIST, "column \"%s\" of relation \"%s\" already exists", a->to,
			table->name);
	}
	if (rc == 0 && table->n_columns < 1600) { /* the name alone: one more would not fit */
		rc = check_added(t, table, &like, err);
	}
	if (rc < 0) {
		return rc;
	}
	char *name = strdup(a->to);
	if (name == NULL) {
		return no_memory(err);
	}
	free(table->columns[at].name);
	table->columns[at].name = name;
	return 0;
}

struct longest {
	int64_t bytes;
};

static int take_longest(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	struct longest *l = arg;

	(void)rows;
	(void)err;
	l->bytes = row[0].null ? 0 : row[0].integer;
	return 0;
}

static int longest_text(struct rs_txn *t, const struct rs_table *table, const char *column,
	int64_t *bytes, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct longest longest = {0};

	buf_puts(&text, "SELECT CAST(max(octet_length(");
	sql_quote(slice_of(column), &text);
	buf_puts(&text, ")) AS bigint) FROM ");
	sql_quote(slice_of(table->schema), &text);
	buf_putc(&text, '.');
	sql_quote(slice_of(table->name), &text);
	int rc = buf_check(&text, err);
	rc = rc < 0 ? rc : rs_each_text(t, buf_slice(&text), take_longest, &longest, err);
	*bytes = longest.bytes;
	return rc;
}

static int resize_column(
	struct rs_txn *t, struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	struct sql_type to = a->column.type;
	int64_t bytes = 0;
	unsigned at = 0;

	int rc = find_column(table, a->column.name, &at, err);
	if (rc < 0) {
		return rc;
	}
	struct rs_column *c = &table->columns[at];
	if (c->type.kind != SQL_VARCHAR || to.kind != SQL_VARCHAR) {
		return err_set(err, EINVAL, "ALTER COLUMN \"%s\": only a VARCHAR's size can change",
			c->name);
	}
	if (to.size == 0 || to.size > SQL_VARCHAR_MAX) {
		return err_set(err, EINVAL, "ALTER COLUMN \"%s\": a VARCHAR has 1 to %u bytes",
			c->name, SQL_VARCHAR_MAX);
	}
	if (to.size < c->type.size) {
		rc = longest_text(t, table, c->name, &bytes, err);
		if (rc == 0 && bytes > to.size) {
			rc = err_set(err, EINVAL,
				"ALTER COLUMN \"%s\": varchar(%u) is too short for what is there, "
				"%lld bytes",
				c->name, to.size, (long long)bytes);
		}
	}
	c->type.size = rc < 0 ? c->type.size : to.size;
	return rc;
}

/* ---- the table ---- */

/* Under another name or schema. */
static int move_table(struct rs_txn *t, struct rs_table *table, const char *schema,
	const char *name, struct err *err)
{
	struct rs_name to = {(char *)schema, (char *)name};
	struct rs_create def;

	if (!rs_has_schema(t->next, schema)) {
		return err_set(err, ENOENT, "schema \"%s\" does not exist", schema);
	}
	if (rs_catalog_table(t->next, schema, name) != NULL ||
		rs_catalog_view(t->next, schema, name) != NULL) {
		return err_set(err, EEXIST, "relation \"%s\" already exists", name);
	}
	int rc = rs_create_of_table(table, &def, err);
	if (rc < 0) {
		return rc;
	}
	struct rs_name own = def.name;
	def.name = to;
	rc = check_definition(t, &def, err);
	def.name = own;
	rs_create_clear(&def);
	char *new_schema = rc < 0 ? NULL : strdup(schema), *new_name = rc < 0 ? NULL : strdup(name);
	if (new_schema == NULL || new_name == NULL) {
		free(new_schema);
		free(new_name);
		return rc < 0 ? rc : no_memory(err);
	}
	rs_catalog_take_table(t->next, table);
	free(table->schema);
	free(table->name);
	table->schema = new_schema;
	table->name = new_name;
	return rs_catalog_add_table(t->next, table, err);
}

static int alter_distribution(
	struct rs_txn *t, struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	struct rs_table from = *table;
	enum rs_diststyle style = a->distkey != NULL ? RS_DIST_KEY : a->diststyle;
	unsigned at = 0;
	int rc = 0;

	if (style == RS_DIST_KEY && a->distkey == NULL) {
		return err_set(err, EINVAL,
			"ALTER DISTSTYLE KEY: no DISTKEY column is told, one is needed");
	}
	rc = a->distkey == NULL ? 0 : find_column(table, a->distkey, &at, err);
	if (rc < 0) {
		return rc;
	}
	table->diststyle = style;
	table->distkey = style == RS_DIST_KEY ? table->columns[at].id : 0;
	table->placement = style != RS_DIST_AUTO	? style
			   : table->rows > RS_AUTO_ROWS ? RS_DIST_EVEN
							: RS_DIST_ALL;
	return from.placement == table->placement && from.distkey == table->distkey
		       ? 0
		       : rs_rewrite(t, &from, table, err);
}

static int set_sort_positions(struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	for (unsigned i = 0; i < table->n_columns; i++) {
		table->columns[i].sort_position = 0;
	}
	for (unsigned k = 0; k < a->n_sortkeys; k++) {
		unsigned at = 0;
		int rc = find_column(table, a->sortkeys[k], &at, err);
		if (rc < 0) {
			return rc;
		}
		if (table->columns[at].sort_position > 0) {
			return err_set(err, EINVAL, "SORTKEY: column \"%s\" is named twice",
				a->sortkeys[k]);
		}
		table->columns[at].sort_position = k + 1;
	}
	return 0;
}

static int alter_sort(
	struct rs_txn *t, struct rs_table *table, const struct rs_alter *a, struct err *err)
{
	unsigned most = a->sortstyle == RS_SORT_INTERLEAVED ? 8 : 400;
	struct rs_table from = *table;

	if (a->n_sortkeys > most) {
		return err_set(err, EINVAL, "ALTER SORTKEY: %u columns, at most %u can be",
			a->n_sortkeys, most);
	}
	int rc = set_sort_positions(table, a, err);
	if (rc < 0) {
		return rc;
	}
	table->sortstyle =
		a->sortstyle == RS_SORT_NONE && a->n_sortkeys > 0 ? RS_SORT_COMPOUND : a->sortstyle;
	if (a->n_sortkeys == 0) {
		table->unsorted = 0;
		return 0;
	}
	return rs_rewrite(t, &from, table, err);
}

/* ---- all ---- */

static int alter(struct rs_txn *t, struct rs_table *table, const struct rs_alter *a,
	const char **note, struct err *err)
{
	switch (a->kind) {
	case RS_ALTER_ADD_COLUMN: return add_column(t, table, a, err);
	case RS_ALTER_DROP_COLUMN: return drop_column(t, table, a, err);
	case RS_ALTER_RENAME_COLUMN: return rename_column(t, table, a, err);
	case RS_ALTER_COLUMN_SIZE: return resize_column(t, table, a, err);
	case RS_ALTER_RENAME: return move_table(t, table, table->schema, a->to, err);
	case RS_ALTER_SET_SCHEMA: return move_table(t, table, a->to, table->name, err);
	case RS_ALTER_DISTSTYLE: return alter_distribution(t, table, a, err);
	case RS_ALTER_SORTKEY: return alter_sort(t, table, a, err);
	case RS_ALTER_OTHER: *note = ": nothing to do here"; return 0;
	default: return err_set(err, EINVAL, "partitions are of external tables only");
	}
}

int rs_run_alter(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	const char *note = "";
	struct rs_table *table = NULL;

	int rc = rs_find_table(t, &s->alter.name, &table, err);
	rc = rc < 0 ? rc : alter(t, table, &s->alter, &note, err);
	if (rc < 0) {
		return rc;
	}
	rs_txn_touch(t, table);
	buf_puts(report, "ALTER TABLE ");
	rs_print_name(rs_schema_of(&s->alter.name), s->alter.name.name, report);
	buf_printf(report, "%s\n", note);
	return 0;
}
