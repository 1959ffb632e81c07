/* How a query runs over the nodes.
 *
 * A plan is steps and a last statement. A step makes a relation, "s1", "s2"...: on each node by a
 * statement of its own over that node's rows (a scan, a join of what lies together, halves of
 * aggregates), in parallel, and what they give together is the relation; or on the leader. A step
 * of the nodes may read an earlier one as a whole: its rows were sent to every node; or what came
 * to that node of one that is spread, whose rows went each to the node where the hash of their key
 * belongs. The last statement runs on the leader.
 *
 * Joins whose sides lie together (KEY on the joined columns, or ALL) move nothing: DS_DIST_NONE,
 * DS_DIST_ALL_NONE. Else what moves the least values (rows times columns that are needed) is done:
 * one side is sent to all nodes (DS_BCAST_INNER); or the one table, or both, whose rows do not lie
 * by the joined column are spread by it (DS_DIST_INNER, DS_DIST_OUTER, DS_DIST_BOTH; only tables
 * are, not what was joined already); or all are read on the leader, and joined there, which the
 * same words and "on the leader" say. What cannot be taken apart (a correlated subquery, say) runs
 * on the leader over scans: correct always, only less parallel. The plan that is shown is the plan
 * that runs.
 *
 * With a driver that composes (driver.h) steps stand inside the one statement that reads them, and
 * the driver runs their branches in parallel; else each runs by itself, on threads of its nodes,
 * into a file of the query's own. What is spread has such a file for each node with any driver. So
 * one that composes, to which the leader's joins are parallel already and cost no copy, does not
 * spread by itself: it took 3 to 12 times as long as the leader. */
#ifndef DBMOUNT_REDSHIFT_PLAN_H
#define DBMOUNT_REDSHIFT_PLAN_H

#include "engines/redshift/nodes/nodes.h"
#include "engines/redshift/sql/bind.h"

/* How tables that do not lie together are joined. */
enum rs_joins {
	RS_JOINS_CHEAPEST, /* by the rows and columns that would move */
	RS_JOINS_SPREAD,   /* by sending rows to where the hash of their key belongs, if possible */
	RS_JOINS_LEADER,   /* on the leader */
};

/* The cluster as one statement sees it. */
struct rs_sight {
	struct rs_nodes *nodes;
	const struct rs_catalog *catalog;
	uint64_t xid; /* what is visible: the catalogue's, or the transaction's own */
	const char *tmp;
	struct rs_resolver resolver;
	enum rs_joins joins;
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
