/* VACUUM: the rows that count are written anew, in order, under a new storage number; the old ones
 * go when nobody looks at them any more. ANALYZE: what the columns hold. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/run/run_impl.h"

/* ---- VACUUM ---- */

static void report_vacuum(
	struct buf *report, const struct rs_table *t, uint64_t dead, uint64_t unsorted)
{
	buf_puts(report, "VACUUM ");
	rs_print_name(t->schema, t->name, report);
	if (dead == 0 && unsorted == 0) {
		buf_puts(report, ": nothing to do\n");
		return;
	}
	buf_printf(report, ": %llu deleted row%s removed, %llu row%s sorted in\n",
		(unsigned long long)dead, dead == 1 ? "" : "s", (unsigned long long)unsorted,
		unsorted == 1 ? "" : "s");
}

static int vacuum_in(
	struct rs_txn *t, const struct rs_name *name, struct buf *report, struct err *err)
{
	struct rs_table *table = NULL;
	int rc = rs_find_table(t, name, &table, err);

	if (rc < 0) {
		return rc;
	}
	struct rs_table from = *table;
	if (from.dead > 0 || from.unsorted > 0) {
		rc = rs_rewrite(t, &from, table, err);
	}
	if (rc == 0) {
		report_vacuum(report, table, from.dead, from.unsorted);
	}
	return rc;
}

static int vacuum_one(
	struct rs_cluster *c, const struct rs_name *name, struct buf *report, struct err *err)
{
	struct rs_txn *t = NULL;
	int rc = rs_txn_begin(c, &t, err);

	if (rc < 0) {
		return rc;
	}
	rc = vacuum_in(t, name, report, err);
	if (rc < 0) {
		rs_txn_abort(t);
		return rc;
	}
	return rs_txn_commit(t, err);
}

/* Of all tables that there are now; one that goes meanwhile is no failure. */
static int vacuum_all(struct rs_cluster *c, struct buf *report, struct err *err)
{
	struct rs_catalog *now = rs_leader_catalog(c->leader);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < now->n_tables; i++) {
		struct rs_name name = {now->tables[i]->schema, now->tables[i]->name};
		struct err why = {0};
		rc = vacuum_one(c, &name, report, &why);
		rc = rc == -ENOENT ? 0 : rc;
		if (rc < 0) {
			err_set(err, why.code, "%s", why.msg);
		}
	}
	rs_catalog_unref(now);
	return rc;
}

int rs_vacuum(
	struct rs_cluster *c, const struct rs_statement *s, struct buf *report, struct err *err)
{
	int rc = 0;

	if (s->n_names == 0) {
		return vacuum_all(c, report, err);
	}
	for (unsigned i = 0; rc == 0 && i < s->n_names; i++) {
		rc = vacuum_one(c, &s->names[i], report, err);
	}
	return rc;
}

/* ---- ANALYZE ---- */

struct analysing {
	json_t *stats; /* of one column */
	uint64_t rows;
};

static void add_value(json_t *stats, const char *name, const struct sql_value *v, struct sql_type t)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	if (!v->null) {
		sql_value_print(v, t, &text);
		/* Statistics: what cannot be kept is not. */
		(void)!json_object_set_new(stats, name, json_stringn(text.p, text.n));
	}
}

static int take_stats(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err)
{
	struct analysing *a = arg;

	json_decref(a->stats);
	a->stats = json_pack("{s:I,s:I}", "distinct", (json_int_t)row[0].integer, "nulls",
		(json_int_t)(row[2].integer - row[1].integer));
	a->rows = (uint64_t)row[2].integer;
	if (a->stats == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (rows->n_columns > 3) {
		add_value(a->stats, "min", &row[3], rows->types[3]);
		add_value(a->stats, "max", &row[4], rows->types[4]);
	}
	return 0;
}

static int analyze_column(struct rs_txn *t, const struct rs_table *table, const struct rs_column *c,
	struct analysing *a, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	sql_quote(slice_of(c->name), &name);
	const char *quoted = buf_cstr(&name);
	buf_printf(&text, "SELECT count(DISTINCT %s), count(%s), count(*)", quoted, quoted);
	if (c->type.kind != SQL_BOOLEAN) { /* which has no greater and less */
		buf_printf(&text, ", min(%s), max(%s)", quoted, quoted);
	}
	buf_puts(&text, " FROM ");
	sql_quote(slice_of(table->schema), &text);
	buf_putc(&text, '.');
	sql_quote(slice_of(table->name), &text);
	int rc = buf_check(&text, err);
	return rc < 0 ? rc : rs_each_text(t, buf_slice(&text), take_stats, a, err);
}

static int analyze_table(
	struct rs_txn *t, struct rs_table *table, struct buf *report, struct err *err)
{
	struct analysing a = {0};
	json_t *stats = json_object();
	int rc = stats == NULL ? err_set(err, ENOMEM, "out of memory") : 0;

	for (unsigned i = 0; rc == 0 && i < table->n_columns; i++) {
		rc = analyze_column(t, table, &table->columns[i], &a, err);
		if (rc == 0 && json_object_set(stats, table->columns[i].name, a.stats) < 0) {
			rc = err_set(err, ENOMEM, "out of memory");
		}
	}
	json_decref(a.stats);
	if (rc < 0) {
		json_decref(stats);
		return rc;
	}
	json_decref(table->stats);
	table->stats = stats;
	table->analyzed_rows = 0;
	table->rows = a.rows;
	t->changed = true;
	rs_report_rows(report, "ANALYZE", table, a.rows);
	return 0;
}

int rs_analyze(struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->n_names; i++) {
		struct rs_table *table = NULL;
		rc = rs_find_table(t, &s->names[i], &table, err);
		rc = rc < 0 ? rc : analyze_table(t, table, report, err);
	}
	for (unsigned i = 0; rc == 0 && s->n_names == 0 && i < t->next->n_tables; i++) {
		rc = analyze_table(t, t->next->tables[i], report, err);
	}
	return rc;
}
