/* MERGE: one SELECT of the source, left joined with the target: rows with a number of the target's
 * were matched, the others were not. Expressions are those of the side that is meant: the other
 * side's are not evaluated. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/run/run_impl.h"

struct merging {
	struct rs_change change;
	const json_t *matched, *other; /* the clauses; NULL: nothing is done */
	bool deletes;
	unsigned n_update; /* values behind the number */
	unsigned *columns; /* of the INSERT, */
	unsigned n;	   /* whose values follow */
	uint64_t updated, deleted, inserted;
};

/* ---- the clauses ---- */

static bool command_is(const json_t *clause, const char *command)
{
	const char *text = json_string_value(json_object_get(clause, "commandType"));

	return text != NULL && strcmp(text, command) == 0;
}

static int take_clause(struct merging *m, const json_t *clause, struct err *err)
{
	bool matched = json_is_true(json_object_get(clause, "matched"));
	const json_t **place = matched ? &m->matched : &m->other;

	if (json_object_get(clause, "condition") != NULL) {
		return err_set(err, ENOTSUP,
			"MERGE: a condition of WHEN (AND ...) is not there: put it into ON or the "
			"source");
	}
	if (*place != NULL) {
		return err_set(
			err, EINVAL, "MERGE: WHEN %sMATCHED is told twice", matched ? "" : "NOT ");
	}
	*place = clause;
	return 0;
}

static int take_clauses(struct merging *m, const json_t *tree, struct err *err)
{
	json_t *list = json_object_get(tree, "mergeWhenClauses"), *item;
	size_t i;
	int rc = 0;

	json_array_foreach (list, i, item) {
		rc = rc < 0 ? rc : take_clause(m, json_object_get(item, "MergeWhenClause"), err);
	}
	m->deletes = command_is(m->matched, "CMD_DELETE");
	if (command_is(m->matched, "CMD_NOTHING")) {
		m->matched = NULL;
	}
	if (command_is(m->other, "CMD_NOTHING")) {
		m->other = NULL;
	}
	return rc;
}

/* ---- the SELECT ---- */

/* CASE WHEN target._id IS [NOT] NULL THEN value END. Steals the value. */
static json_t *only_when(const char *alias, bool matched, json_t *value)
{
	json_t *test = json_pack("{s:{s:o,s:s}}", "NullTest", "arg", rs_tree_column(alias, "_id"),
		"nulltesttype", matched ? "IS_NOT_NULL" : "IS_NULL");

	return json_pack("{s:{s:[{s:{s:o,s:o}}]}}", "CaseExpr", "args", "CaseWhen", "expr", test,
		"result", value);
}

static int append_target(
	json_t *targets, const char *alias, bool matched, json_t *value, struct err *err)
{
	json_t *target = rs_tree_target(only_when(alias, matched, value));

	return json_array_append_new(targets, target) < 0 ? err_set(err, ENOMEM, "out of memory")
							  : 0;
}

static int append_update(struct merging *m, const char *alias, json_t *targets, struct err *err)
{
	json_t *values = NULL, *item;
	size_t i;

	int rc = rs_new_values(m->change.txn, m->change.table, alias,
		json_object_get(m->matched, "targetList"), &values, err);
	json_array_foreach (values, i, item) {
		json_t *value = json_object_get(json_object_get(item, "ResTarget"), "val");
		rc = rc < 0 ? rc : append_target(targets, alias, true, json_incref(value), err);
	}
	m->n_update = (unsigned)json_array_size(values);
	json_decref(values);
	return rc;
}

static int append_insert(struct merging *m, const char *alias, json_t *targets, struct err *err)
{
	const json_t *cols = json_object_get(m->other, "targetList");
	json_t *values = json_object_get(m->other, "values"), *value;
	const struct rs_table *t = m->change.table;
	size_t i;

	int rc = rs_named_columns(t, cols, &m->columns, &m->n, err);
	if (rc == 0 && json_array_size(values) != m->n && (cols != NULL || values != NULL)) {
		rc = err_set(err, EINVAL, "MERGE: INSERT has %zu expressions for %u columns",
			json_array_size(values), m->n);
	}
	m->n = values == NULL ? 0 : m->n;
	json_array_foreach (values, i, value) {
		const struct rs_column *c = rc < 0 ? NULL : &t->columns[m->columns[i]];
		if (rc < 0) {
			break;
		}
		if (json_object_get(value, "SetToDefault") != NULL) {
			rc = err_set(err, ENOTSUP,
				"MERGE: DEFAULT for column \"%s\": leave the column out", c->name);
		} else if (c->identity && !c->identity_by_default) {
			rc = err_set(err, EINVAL,
				"cannot set an identity column to a value: leave column \"%s\" out",
				c->name);
		} else {
			rc = append_target(targets, alias, false, json_incref(value), err);
		}
	}
	return rc;
}

static json_t *left_join(const json_t *tree)
{
	json_t *source = json_object_get(tree, "sourceRelation");
	json_t *target = json_object_get(tree, "relation");
	json_t *on = json_object_get(tree, "joinCondition");

	return json_pack("[{s:{s:s,s:O,s:{s:O},s:O}}]", "JoinExpr", "jointype", "JOIN_LEFT", "larg",
		source, "rarg", "RangeVar", target, "quals", on);
}

static int merge_select(struct merging *m, const json_t *tree, json_t **out, struct err *err)
{
	const char *alias = rs_tree_alias(json_object_get(tree, "relation"));
	json_t *targets = json_pack("[o]", rs_tree_target(rs_tree_column(alias, "_id")));
	json_t *with = json_object_get(tree, "withClause");

	int rc = targets == NULL ? err_set(err, ENOMEM, "out of memory") : 0;
	if (rc == 0 && m->matched != NULL && !m->deletes) {
		rc = append_update(m, alias, targets, err);
	}
	if (rc == 0 && m->other != NULL) {
		rc = append_insert(m, alias, targets, err);
	}
	if (rc < 0) {
		json_decref(targets);
		return rc;
	}
	json_t *select = rs_tree_select(targets, left_join(tree), NULL, true, false);
	if (select != NULL && with != NULL) {
		json_object_set(select, "withClause", with);
	}
	*out = select == NULL ? NULL : json_deep_copy(select); /* binding writes into it */
	json_decref(select);
	return *out == NULL ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* ---- rows ---- */

static int merge_matched(
	struct merging *m, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	uint64_t id = (uint64_t)row[0].integer;

	if (m->matched == NULL) {
		return 0;
	}
	int rc = rs_ids_add(&m->change.seen, id, err);
	if (rc == 0) {
		return err_set(err, EINVAL,
			"MERGE: found multiple matches to update the same row of \"%s\"",
			m->change.table->name);
	}
	rc = rc < 0 ? rc : rs_delete_row(m->change.gone, id, err);
	if (rc < 0 || m->deletes) {
		m->deleted += rc == 0;
		return rc;
	}
	m->updated++;
	return rs_sink_row(m->change.come, &row[1], &rows->types[1], NULL, err);
}

static int merge_row(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	struct merging *m = arg;
	unsigned at = 1 + m->n_update;

	if (!row[0].null) {
		return merge_matched(m, rows, row, err);
	}
	if (m->other == NULL) {
		return 0;
	}
	m->inserted++;
	return rs_sink_put(m->change.come, &row[at], &rows->types[at], m->columns, m->n, NULL, err);
}

static int merge_all(struct merging *m, const struct rs_statement *s, struct err *err)
{
	json_t *select = NULL;

	int rc = merge_select(m, s->tree, &select, err);
	return rc < 0 ? rc : rs_each_row(m->change.txn, select, s->text, merge_row, m, err);
}

static void report_merge(const struct merging *m, struct buf *report)
{
	buf_puts(report, "MERGE ");
	rs_print_name(m->change.table->schema, m->change.table->name, report);
	buf_printf(report, ": %llu updated, %llu deleted, %llu inserted\n",
		(unsigned long long)m->updated, (unsigned long long)m->deleted,
		(unsigned long long)m->inserted);
}

int rs_run_merge(struct rs_txn *t, const struct rs_statement *s, struct buf *report, uint64_t *rows,
	struct err *err)
{
	struct merging m = {0};
	struct rs_table *table = NULL;
	struct rs_name name;
	uint64_t gone, come;

	int rc = rs_tree_name(json_object_get(s->tree, "relation"), &name, err);
	rc = rc < 0 ? rc : rs_find_table(t, &name, &table, err);
	rc = rc < 0 ? rc : take_clauses(&m, s->tree, err);
	rc = rc < 0 ? rc : rs_change_begin(&m.change, t, table, true, err);
	if (rc < 0) {
		return rc;
	}
	rc = merge_all(&m, s, err);
	int ended = rs_change_end(&m.change, rc == 0, &gone, &come, rc < 0 ? NULL : err);
	rc = rc < 0 ? rc : ended;
	free(m.columns);
	*rows = m.updated + m.deleted + m.inserted;
	if (rc == 0) {
		report_merge(&m, report);
	}
	return rc;
}
