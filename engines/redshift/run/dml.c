/* INSERT, UPDATE, DELETE: each is a SELECT over the nodes, of the numbers of the rows that go and
 * the values of those that come; an update is a deletion and an insertion, as in the service. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/run/run_impl.h"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* ---- a SELECT, row by row ---- */

static int step_all(struct rs_rows *rows, rs_each_fn *fn, void *arg, struct err *err)
{
	const struct sql_value *row;
	int rc;

	while ((rc = rs_rows_step(rows, &row, err)) > 0) {
		rc = fn(arg, rows, row, err);
		if (rc < 0) {
			break;
		}
	}
	rs_rows_end(rows);
	return rc;
}

int rs_each_text(struct rs_txn *t, struct slice select, rs_each_fn *fn, void *arg, struct err *err)
{
	struct rs_rows rows;
	int rc = rs_rows_begin(&t->look.sight, select, &rows, err);

	return rc < 0 ? rc : step_all(&rows, fn, arg, err);
}

int rs_each_row(struct rs_txn *t, json_t *tree, struct slice text, rs_each_fn *fn, void *arg,
	struct err *err)
{
	struct rs_rows rows;

	if (tree == NULL) {
		return no_memory(err);
	}
	int rc = rs_rows_begin_tree(&t->look.sight, tree, text, &rows, err);
	return rc < 0 ? rc : step_all(&rows, fn, arg, err);
}

/* ---- what changes ---- */

int rs_change_begin(
	struct rs_change *c, struct rs_txn *t, struct rs_table *table, bool come, struct err *err)
{
	*c = (struct rs_change){.txn = t, .table = table};
	int rc = rs_delete_new(t->look.nodes, table, t->xid, &c->gone, err);
	if (rc < 0) {
		return rc;
	}
	t->wrote = true;
	rc = come ? rs_sink_new(t, table, NULL, 0, &c->come, err) : 0;
	if (rc < 0) {
		rs_delete_end(c->gone, false, NULL, NULL);
	}
	return rc;
}

int rs_change_end(struct rs_change *c, bool keep, uint64_t *gone, uint64_t *come, struct err *err)
{
	uint64_t n_gone = 0, n_come = 0;
	struct rs_table *t = c->table;

	/* Deletions first: what comes may have the table placed anew, without its dead. */
	int rc = rs_delete_end(c->gone, keep, &n_gone, err);
	if (rc == 0 && keep) {
		n_gone = n_gone < t->rows ? n_gone : t->rows;
		t->rows -= n_gone;
		t->dead += n_gone;
		t->analyzed_rows += n_gone;
		if (n_gone > 0) {
			rs_txn_touch(c->txn, t);
		}
	}
	if (c->come != NULL) {
		int ended = rs_sink_end(c->come, keep && rc == 0, &n_come, rc < 0 ? NULL : err);
		rc = rc < 0 ? rc : ended;
	}
	rs_ids_clear(&c->seen);
	*gone = n_gone;
	*come = n_come;
	return rc;
}

/* ---- columns ---- */

static int column_index(
	const struct rs_table *table, const char *name, unsigned *out, struct err *err)
{
	for (unsigned i = 0; name != NULL && i < table->n_columns; i++) {
		if (strcmp(table->columns[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "column \"%s\" of relation \"%s\" does not exist",
		name == NULL ? "" : name, table->name);
}

static int fill_columns(
	const struct rs_table *table, const json_t *cols, unsigned *list, struct err *err)
{
	unsigned n = (unsigned)json_array_size(cols);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		const json_t *target = json_object_get(json_array_get(cols, i), "ResTarget");
		rc = column_index(
			table, json_string_value(json_object_get(target, "name")), &list[i], err);
		for (unsigned k = 0; rc == 0 && k < i; k++) {
			if (list[k] == list[i]) {
				rc = err_set(err, EINVAL, "column \"%s\" specified more than once",
					table->columns[list[i]].name);
			}
		}
	}
	return rc;
}

int rs_named_columns(const struct rs_table *table, const json_t *cols, unsigned **out, unsigned *n,
	struct err *err)
{
	unsigned size = cols == NULL ? table->n_columns : (unsigned)json_array_size(cols);
	unsigned *list = calloc(size + 1, sizeof(*list));

	if (list == NULL) {
		return no_memory(err);
	}
	for (unsigned i = 0; cols == NULL && i < size; i++) {
		list[i] = i;
	}
	int rc = cols == NULL ? 0 : fill_columns(table, cols, list, err);
	if (rc < 0) {
		free(list);
		return rc;
	}
	*out = list;
	*n = size;
	return 0;
}

/* ---- DEFAULT ---- */

static bool is_default(const json_t *node)
{
	return json_object_get(node, "SetToDefault") != NULL;
}

/* The expression that DEFAULT stands for. */
static int default_tree(const struct rs_column *c, json_t **out, struct err *err)
{
	*out = NULL;
	if (c->default_text != NULL) {
		return rs_expression_parse(slice_of(c->default_text), out, err);
	}
	*out = rs_tree_null();
	return *out == NULL ? no_memory(err) : 0;
}

/* ---- INSERT ---- */

struct inserting {
	struct rs_txn *txn;
	struct rs_table *table;
	const json_t *insert;
	json_t *select; /* a copy of its SELECT */
	unsigned *columns;
	unsigned n;
	bool named;
	struct rs_sink *sink;
	uint64_t line; /* of VALUES: the row */
};

static json_t *items_of(json_t *list)
{
	return json_object_get(json_object_get(list, "List"), "items");
}

/* Whether all rows say DEFAULT there; an identity can only be so. */
static int all_default(const struct inserting *in, unsigned at, bool *all, struct err *err)
{
	json_t *lists = json_object_get(in->select, "valuesLists"), *list;
	const struct rs_column *c = &in->table->columns[in->columns[at]];
	size_t i, n = 0;

	json_array_foreach (lists, i, list) {
		n += is_default(json_array_get(items_of(list), at));
	}
	*all = n > 0 && n == json_array_size(lists);
	return c->identity && n > 0 && !*all
		       ? err_set(err, ENOTSUP,
				 "column \"%s\": an IDENTITY column is DEFAULT in all rows or "
				 "told in all",
				 c->name)
		       : 0;
}

/* The column is left out of all rows. */
static void drop_column(struct inserting *in, unsigned at)
{
	json_t *lists = json_object_get(in->select, "valuesLists"), *list;
	size_t i;

	json_array_foreach (lists, i, list) {
		json_array_remove(items_of(list), at);
	}
	in->n--;
	memmove(&in->columns[at], &in->columns[at + 1], (in->n - at) * sizeof(*in->columns));
}

static int replace_defaults(struct inserting *in, json_t *items, struct err *err)
{
	int rc = 0;

	for (unsigned k = 0; rc == 0 && k < in->n && k < json_array_size(items); k++) {
		json_t *value = NULL;
		if (is_default(json_array_get(items, k))) {
			rc = default_tree(&in->table->columns[in->columns[k]], &value, err);
			rc = rc == 0 && json_array_set_new(items, k, value) < 0 ? no_memory(err)
										: rc;
		}
	}
	return rc;
}

static int check_lengths(const struct inserting *in, struct err *err)
{
	json_t *lists = json_object_get(in->select, "valuesLists"), *list;
	size_t i, n = json_array_size(items_of(json_array_get(lists, 0)));

	json_array_foreach (lists, i, list) {
		if (json_array_size(items_of(list)) != n) {
			return err_set(err, EINVAL, "VALUES lists must all be the same length");
		}
	}
	return 0;
}

static int mend_values(struct inserting *in, struct err *err)
{
	json_t *lists = json_object_get(in->select, "valuesLists"), *list;
	size_t i, n = json_array_size(items_of(json_array_get(lists, 0)));
	bool all = false;

	int rc = check_lengths(in, err);
	if (n < in->n && !in->named) { /* the last ones get their defaults */
		in->n = (unsigned)n;
	}
	for (unsigned at = in->n < n ? in->n : (unsigned)n; rc == 0 && at-- > 0;) {
		rc = all_default(in, at, &all, err);
		if (rc == 0 && all) {
			drop_column(in, at);
		}
	}
	json_array_foreach (lists, i, list) {
		rc = rc < 0 ? rc : replace_defaults(in, items_of(list), err);
	}
	return rc;
}

static int check_count(struct inserting *in, unsigned given, struct err *err)
{
	if (given > in->n) {
		return err_set(err, EINVAL, "INSERT has more expressions than target columns");
	}
	if (given < in->n && in->named) {
		return err_set(err, EINVAL, "INSERT has more target columns than expressions");
	}
	in->n = given;
	for (unsigned i = 0; i < in->n; i++) {
		const struct rs_column *c = &in->table->columns[in->columns[i]];
		if (c->identity && !c->identity_by_default) {
			return err_set(err, EINVAL,
				"cannot set an identity column to a value: leave column \"%s\" "
				"out, or say DEFAULT",
				c->name);
		}
	}
	return 0;
}

static int begin_sink(struct inserting *in, unsigned given, struct err *err)
{
	int rc = check_count(in, given, err);

	return rc < 0 ? rc : rs_sink_new(in->txn, in->table, in->columns, in->n, &in->sink, err);
}

static int insert_row(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	struct inserting *in = arg;

	int rc = in->sink != NULL ? 0 : begin_sink(in, rows->n_columns, err);
	in->line++;
	rc = rc < 0 ? rc : rs_sink_row(in->sink, row, rows->types, NULL, err);
	return rc < 0 ? err_wrap(err, "row %llu", (unsigned long long)in->line) : 0;
}

/* All columns' values are left out. */
static int insert_defaults(struct inserting *in, uint64_t n, struct err *err)
{
	struct rs_sink *sink = in->sink;
	int rc = 0;

	in->n = 0;
	if (sink == NULL) {
		rc = rs_sink_new(in->txn, in->table, in->columns, 0, &sink, err);
		in->sink = sink;
	}
	for (uint64_t i = 0; rc == 0 && i < n; i++) {
		rc = rs_sink_row(sink, NULL, NULL, NULL, err);
	}
	return rc;
}

static int insert_select(struct inserting *in, struct slice text, struct err *err)
{
	json_t *with = json_object_get(in->insert, "withClause");
	json_t *lists = json_object_get(in->select, "valuesLists");

	if (with != NULL && json_object_get(in->select, "withClause") == NULL &&
		json_object_set(in->select, "withClause", with) < 0) {
		return no_memory(err);
	}
	int rc = lists == NULL ? 0 : mend_values(in, err);
	if (rc < 0) {
		return rc;
	}
	if (lists != NULL && json_array_size(items_of(json_array_get(lists, 0))) == 0) {
		return insert_defaults(in, json_array_size(lists), err);
	}
	return rs_each_row(in->txn, json_incref(in->select), text, insert_row, in, err);
}

static int insert_all(struct inserting *in, struct slice text, struct err *err)
{
	const json_t *cols = json_object_get(in->insert, "cols");
	json_t *select = json_object_get(json_object_get(in->insert, "selectStmt"), "SelectStmt");

	in->named = cols != NULL;
	int rc = rs_named_columns(in->table, cols, &in->columns, &in->n, err);
	if (rc < 0 || select == NULL) {
		return rc < 0 ? rc : insert_defaults(in, 1, err);
	}
	in->select = json_deep_copy(select);
	return in->select == NULL ? no_memory(err) : insert_select(in, text, err);
}

static int run_insert(struct rs_txn *t, const struct rs_statement *s, struct buf *report,
	uint64_t *rows, struct err *err)
{
	struct inserting in = {.txn = t, .insert = s->tree};
	struct rs_name name;

	int rc = rs_tree_name(json_object_get(s->tree, "relation"), &name, err);
	rc = rc < 0 ? rc : rs_find_table(t, &name, &in.table, err);
	rc = rc < 0 ? rc : insert_all(&in, s->text, err);
	if (in.sink != NULL) {
		int ended = rs_sink_end(in.sink, rc == 0, rows, rc < 0 ? NULL : err);
		rc = rc < 0 ? rc : ended;
	}
	json_decref(in.select);
	free(in.columns);
	if (rc == 0) {
		rs_report_rows(report, "INSERT", in.table, *rows);
	}
	return rc;
}

/* ---- DELETE ---- */

static int take_id(const struct sql_value *v, uint64_t *out, struct err *err)
{
	*out = (uint64_t)v->integer;
	return v->null || v->integer <= 0 ? err_set(err, EIO, "a row has no number") : 0;
}

static int delete_row(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	struct rs_change *c = arg;
	uint64_t id;

	(void)rows;
	int rc = take_id(&row[0], &id, err);
	return rc < 0 ? rc : rs_delete_row(c->gone, id, err);
}

/* FROM: the target, then what is listed beside it. */
static json_t *from_clause(json_t *relation, json_t *more)
{
	json_t *from = json_pack("[{s:O}]", "RangeVar", relation);

	if (from != NULL && more != NULL && json_array_extend(from, more) < 0) {
		json_decref(from);
		return NULL;
	}
	return from;
}

static json_t *change_select(const json_t *tree, json_t *targets, const char *more)
{
	json_t *where = json_object_get(tree, "whereClause");
	json_t *with = json_object_get(tree, "withClause");
	json_t *from = from_clause(json_object_get(tree, "relation"), json_object_get(tree, more));
	json_t *select = rs_tree_select(targets, from, json_incref(where), true, where != NULL);

	if (select != NULL && with != NULL && json_object_set(select, "withClause", with) < 0) {
		json_decref(select);
		return NULL;
	}
	/* Binding writes into it. */
	json_t *copy = select == NULL ? NULL : json_deep_copy(select);
	json_decref(select);
	return copy;
}

static int run_delete(struct rs_txn *t, const struct rs_statement *s, struct buf *report,
	uint64_t *rows, struct err *err)
{
	const json_t *relation = json_object_get(s->tree, "relation");
	struct rs_table *table = NULL;
	struct rs_change c;
	struct rs_name name;
	uint64_t come;

	int rc = rs_tree_name(relation, &name, err);
	rc = rc < 0 ? rc : rs_find_table(t, &name, &table, err);
	rc = rc < 0 ? rc : rs_change_begin(&c, t, table, false, err);
	if (rc < 0) {
		return rc;
	}
	json_t *targets =
		json_pack("[o]", rs_tree_target(rs_tree_column(rs_tree_alias(relation), "_id")));
	rc = rs_each_row(
		t, change_select(s->tree, targets, "usingClause"), s->text, delete_row, &c, err);
	int ended = rs_change_end(&c, rc == 0, rows, &come, rc < 0 ? NULL : err);
	rc = rc < 0 ? rc : ended;
	if (rc == 0) {
		rs_report_rows(report, "DELETE", table, *rows);
	}
	return rc;
}

/* ---- UPDATE ---- */

static int check_set(const struct rs_table *table, const json_t *set, struct err *err)
{
	unsigned *columns = NULL, n = 0;
	int rc = rs_named_columns(table, set, &columns, &n, err);

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		const struct rs_column *c = &table->columns[columns[i]];
		const json_t *target = json_object_get(json_array_get(set, i), "ResTarget");
		const json_t *value = json_object_get(target, "val");

		if (c->identity && !c->identity_by_default) {
			rc = err_set(err, EINVAL, "column \"%s\": an identity column cannot be set",
				c->name);
		} else if (json_object_get(value, "MultiAssignRef") != NULL) {
			rc = err_set(err, ENOTSUP,
				"SET (a, b) = (...) is not there: set each column by itself");
		}
	}
	free(columns);
	return rc;
}

/* What is set for the column; NULL: nothing. */
static json_t *set_value(const json_t *set, const char *name)
{
	json_t *item;
	size_t i;

	json_array_foreach (set, i, item) {
		const json_t *target = json_object_get(item, "ResTarget");
		const char *to = json_string_value(json_object_get(target, "name"));
		if (to != NULL && strcmp(to, name) == 0) {
			return json_object_get(target, "val");
		}
	}
	return NULL;
}

int rs_new_values(struct rs_txn *t, const struct rs_table *table, const char *alias,
	const json_t *set, json_t **targets, struct err *err)
{
	json_t *list = json_array();
	int rc = list == NULL ? no_memory(err) : check_set(table, set, err);

	(void)t;
	for (unsigned i = 0; rc == 0 && i < table->n_columns; i++) {
		const struct rs_column *c = &table->columns[i];
		json_t *told = set_value(set, c->name), *value = NULL;

		if (told == NULL) {
			value = rs_tree_column(alias, c->name);
		} else if (is_default(told)) {
			rc = default_tree(c, &value, err);
		} else {
			value = json_deep_copy(told);
		}
		if (rc == 0 && json_array_append_new(list, rs_tree_target(value)) < 0) {
			rc = no_memory(err);
		}
	}
	if (rc < 0) {
		json_decref(list);
		return rc;
	}
	*targets = list;
	return 0;
}

/* A row that meets several rows of FROM takes the values of one. */
static int update_row(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	struct rs_change *c = arg;
	uint64_t id;

	int rc = take_id(&row[0], &id, err);
	rc = rc < 0 ? rc : rs_ids_add(&c->seen, id, err);
	if (rc <= 0) {
		return rc;
	}
	rc = rs_delete_row(c->gone, id, err);
	return rc < 0 ? rc : rs_sink_row(c->come, &row[1], &rows->types[1], NULL, err);
}

static int update_all(struct rs_change *c, const struct rs_statement *s, struct err *err)
{
	const char *alias = rs_tree_alias(json_object_get(s->tree, "relation"));
	json_t *targets = NULL;

	int rc = rs_new_values(
		c->txn, c->table, alias, json_object_get(s->tree, "targetList"), &targets, err);
	if (rc < 0) {
		return rc;
	}
	if (json_array_insert_new(targets, 0, rs_tree_target(rs_tree_column(alias, "_id"))) < 0) {
		json_decref(targets);
		return no_memory(err);
	}
	return rs_each_row(
		c->txn, change_select(s->tree, targets, "fromClause"), s->text, update_row, c, err);
}

static int run_update(struct rs_txn *t, const struct rs_statement *s, struct buf *report,
	uint64_t *rows, struct err *err)
{
	struct rs_table *table = NULL;
	struct rs_change c;
	struct rs_name name;
	uint64_t come;

	int rc = rs_tree_name(json_object_get(s->tree, "relation"), &name, err);
	rc = rc < 0 ? rc : rs_find_table(t, &name, &table, err);
	rc = rc < 0 ? rc : rs_change_begin(&c, t, table, true, err);
	if (rc < 0) {
		return rc;
	}
	rc = update_all(&c, s, err);
	int ended = rs_change_end(&c, rc == 0, rows, &come, rc < 0 ? NULL : err);
	rc = rc < 0 ? rc : ended;
	if (rc == 0) {
		rs_report_rows(report, "UPDATE", table, *rows);
	}
	return rc;
}

/* ---- all ---- */

int rs_run_counted(struct rs_txn *t, struct rs_statement *s, struct buf *report, uint64_t *rows,
	struct err *err)
{
	*rows = 0;
	switch (s->kind) {
	case RS_INSERT: return run_insert(t, s, report, rows, err);
	case RS_UPDATE: return run_update(t, s, report, rows, err);
	case RS_DELETE: return run_delete(t, s, report, rows, err);
	case RS_MERGE: return rs_run_merge(t, s, report, rows, err);
	default: return err_set(err, EINVAL, "no INSERT, UPDATE, DELETE or MERGE");
	}
}

int rs_run_dml(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err)
{
	uint64_t rows;

	return rs_run_counted(t, s, report, &rows, err);
}
