/* How a query runs over the nodes.
 *
 * A plan is steps and a last statement. A step makes a relation, "s1", "s2"...: on each node by a
 * statement of its own over that node's rows (a scan, a join of what lies together, halves of
 * aggregates), in parallel, and what they give together is the relation; or on the leader. A step
 * of the nodes may read an earlier one as a whole: its rows were sent to every node. The last
 * statement runs on the leader.
 *
 * Joins whose sides lie together (KEY on the joined columns, or ALL) move nothing: DS_DIST_NONE,
 * DS_DIST_ALL_NONE. Else the side with fewer rows is sent to all nodes (DS_BCAST_INNER), unless it
 * is so large that both sides had better meet on the leader: DS_DIST_BOTH, or DS_DIST_INNER,
 * DS_DIST_OUTER when one of them is there already. What cannot be taken apart (a correlated
 * subquery, say) runs on the leader over scans: correct always, only less parallel. The plan that
 * is shown is the plan that runs.
 *
 * With a driver that composes (driver.h) steps stand inside the one statement that reads them, and
 * the driver runs their branches in parallel; else each runs by itself, on threads of its nodes,
 * into a file of the query's own. */
#ifndef DBMOUNT_REDSHIFT_PLAN_H
#define DBMOUNT_REDSHIFT_PLAN_H

#include "engines/redshift/nodes/nodes.h"
#include "engines/redshift/sql/bind.h"

/* The cluster as one statement sees it. */
struct rs_sight {
	struct rs_nodes *nodes;
	const struct rs_catalog *catalog;
	uint64_t xid; /* what is visible: the catalogue's, or the transaction's own */
	const char *tmp;
	struct rs_resolver resolver;
};

struct rs_plan;

/* Of a bound tree, which it may change; tree and bound outlive the plan. */
int rs_plan_new(const struct rs_sight *sight, json_t *tree, const struct rs_bound *bound,
	struct rs_plan **out, struct err *err);
void rs_plan_free(struct rs_plan *p); /* NULL is fine */
/* As Redshift's EXPLAIN shows it: "XN Hash Join DS_DIST_NONE", a line a step, indented; then what
 * runs where. */
void rs_plan_print(const struct rs_plan *p, struct buf *out);

/* ---- execute.c ---- */

/* The result of a query as it comes. Between begin and end the nodes are entered (nodes.h). */
struct rs_rows {
	const struct sql_type *types;
	const char *const *names;
	unsigned n_columns;
	/* Its own from here on. */
	struct rs_rows_impl *impl;
};
/* From text: parsed, bound, planned, begun. EIO that healing mended has run again by itself, as
 * long as no row was given. */
int rs_rows_begin(
	const struct rs_sight *sight, struct slice select, struct rs_rows *out, struct err *err);
/* The same of a tree, which it takes over (a DELETE's own SELECT, a view's). */
int rs_rows_begin_tree(const struct rs_sight *sight, json_t *tree, struct slice text,
	struct rs_rows *out, struct err *err);
/* 1 a row, valid until the next call; 0 the end. */
int rs_rows_step(struct rs_rows *r, const struct sql_value **row, struct err *err);
void rs_rows_end(struct rs_rows *r);
/* From any thread. */
void rs_rows_stop(struct rs_rows *r);

/* The plan as text, of a SELECT. */
int rs_explain(const struct rs_sight *sight, struct slice select, struct buf *out, struct err *err);

#endif
