/* What the files of run/ share. */
#ifndef DBMOUNT_REDSHIFT_RUN_IMPL_H
#define DBMOUNT_REDSHIFT_RUN_IMPL_H

#include "engines/redshift/run/run.h"

/* A table of DISTSTYLE AUTO that has more rows is no longer on each node as a whole, but spread
 * over the slices (EVEN). In SEMANTICS.md. */
#define RS_AUTO_ROWS UINT64_C(100000)

/* ---- insert.c ---- */

/* As rs_sink_row(), for columns told with the row: n of the table's. */
int rs_sink_put(struct rs_sink *s, const struct sql_value *row, const struct sql_type *types,
	const unsigned *columns, unsigned n, unsigned *column, struct err *err);
/* The rows go to a new storage, as `t` (of `next`) places and sorts them now; `from` is what it was
 * before. */
int rs_rewrite(
	struct rs_txn *t, const struct rs_table *from, struct rs_table *table, struct err *err);
/* The value that a column gets when none is told; its text is in `room`. */
int rs_default_value(struct rs_txn *t, const struct rs_column *c, struct sql_value *out,
	struct buf *room, struct err *err);

/* ---- ddl.c, alter.c ---- */

int rs_add_table(
	struct rs_txn *t, const struct rs_create *def, struct rs_table **out, struct err *err);
int rs_run_alter(
	struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err);

/* ---- names.c ---- */

/* The table of `next`; ENOENT, and EINVAL when it is a view or outside. */
int rs_find_table(
	struct rs_txn *t, const struct rs_name *name, struct rs_table **out, struct err *err);
bool rs_has_schema(const struct rs_catalog *c, const char *name);
const char *rs_schema_of(const struct rs_name *name);
/* "sales", "other.sales". */
void rs_print_name(const char *schema, const char *name, struct buf *out);
/* "INSERT sales: 3 rows\n". */
void rs_report_rows(struct buf *report, const char *what, const struct rs_table *t, uint64_t rows);

/* ---- tree.c: parts of trees, as the parser makes them. NULL: no memory; arguments are stolen and
 * may be NULL, so that one check at the end is enough. ---- */

json_t *rs_tree_column(const char *alias, const char *name);
json_t *rs_tree_target(json_t *value);
json_t *rs_tree_null(void);
/* SELECT targets FROM from WHERE where; from, where NULL: without. */
json_t *rs_tree_select(json_t *targets, json_t *from, json_t *where, bool has_from, bool has_where);
/* What the columns of a RangeVar's value are called by. */
const char *rs_tree_alias(const json_t *range);
int rs_tree_name(const json_t *range, struct rs_name *out, struct err *err);

/* ---- ids.c: a set of numbers of rows ---- */

struct rs_ids {
	uint64_t *slot; /* 0: free */
	size_t n, cap;
};
/* 1 it is new, 0 it was there; -ENOMEM. */
int rs_ids_add(struct rs_ids *ids, uint64_t id, struct err *err);
void rs_ids_clear(struct rs_ids *ids);

/* ---- merge.c ---- */

int rs_run_merge(struct rs_txn *t, const struct rs_statement *s, struct buf *report, uint64_t *rows,
	struct err *err);

/* ---- dml.c ---- */

/* What a DELETE, UPDATE or MERGE does to its table while its SELECT runs. */
struct rs_change {
	struct rs_txn *txn;
	struct rs_table *table;
	struct rs_delete *gone;
	struct rs_sink *come; /* NULL: nothing comes */
	struct rs_ids seen;
};
int rs_change_begin(
	struct rs_change *c, struct rs_txn *t, struct rs_table *table, bool come, struct err *err);
/* Ends it in any case; *gone and *come: how many rows. */
int rs_change_end(struct rs_change *c, bool keep, uint64_t *gone, uint64_t *come, struct err *err);
/* One call for each row of the SELECT. */
typedef int rs_each_fn(
	void *arg, const struct rs_rows *rows, const struct sql_value *row, struct err *err);
/* Steals the tree. */
int rs_each_row(struct rs_txn *t, json_t *tree, struct slice text, rs_each_fn *fn, void *arg,
	struct err *err);
/* The same of a SELECT's text. */
int rs_each_text(struct rs_txn *t, struct slice select, rs_each_fn *fn, void *arg, struct err *err);
/* SET of an UPDATE: for each column of the table its new value, a target. */
int rs_new_values(struct rs_txn *t, const struct rs_table *table, const char *alias,
	const json_t *set, json_t **targets, struct err *err);
/* The columns that are named (cols of an INSERT); NULL list: all. free() */
int rs_named_columns(const struct rs_table *table, const json_t *cols, unsigned **out, unsigned *n,
	struct err *err);
/* rs_run_dml(), and how many rows it was about. */
int rs_run_counted(struct rs_txn *t, struct rs_statement *s, struct buf *report, uint64_t *rows,
	struct err *err);

/* ---- record.c: what stands in rs_cluster.running ---- */

void rs_running_begin(
	struct rs_cluster *c, const struct rs_statement *s, uint64_t query, int64_t start_ns);
void rs_running_end(struct rs_cluster *c, uint64_t query);

#endif
