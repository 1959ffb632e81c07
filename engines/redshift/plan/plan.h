/* How a query runs over the nodes.
 *
 * A plan is steps and a last statement. A step makes a relation, "s1", "s2"…: on each node by a
 *statement of its own over that node's rows (a scan, a co-located join, a partial aggregate), in
 *parallel, and what they give together is the relation; or on the leader. Later statements read
 *earlier steps: on a node all of it (a broadcast, DS_BCAST_INNER), or the part that belongs to that
 *node by a hash (a redistribution, DS_DIST_INNER, DS_DIST_OUTER, DS_DIST_BOTH). The last one runs
 *on the leader.
 *
 *	select catname, sum(qtysold) from sales join event using (eventid) join category using
 *(catid) … s1  leader   category, all of it                                    DS_BCAST_INNER s2
 *nodes    sales where …, hash of eventid                         DS_DIST_OUTER s3  nodes    s2's
 *part join event join s1, partial sums by catname leader   sums of s3's sums by catname
 *
 * Joins whose sides lie together (KEY on the joined columns, or ALL) need no step of their own:
 * DS_DIST_NONE, DS_DIST_ALL_NONE. What cannot be taken apart (a window function, a correlated
 *subquery) runs on the leader over scans: correct always, only less parallel. The plan that is
 *shown is the plan that runs.
 *
 * With a driver that composes (driver.h) steps become common table expressions of one statement and
 *the driver runs their branches in parallel; else each runs by itself, on one thread a node, into a
 *file of the query's own. */
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
