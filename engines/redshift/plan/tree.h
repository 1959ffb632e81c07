/* Looking at and making nodes of a bound tree (bind.h). A node is an object of one member whose
 * name is its type: {"ColumnRef": {…}}. */
#ifndef DBMOUNT_REDSHIFT_PLAN_TREE_H
#define DBMOUNT_REDSHIFT_PLAN_TREE_H

#include "engines/redshift/sql/bind.h"

/* What is inside a node of that type; NULL: it is of another. */
json_t *rs_node(const json_t *node, const char *type);
const char *rs_text_of(const json_t *o, const char *member); /* "" : there is none */
bool rs_flag_of(const json_t *o, const char *member);

/* Calls fn for the inside of each ColumnRef below `j`, which stands `depth` queries inside the one
 * that the caller means. Non-zero stops and is returned. */
typedef int rs_ref_fn(void *arg, json_t *ref, unsigned depth);
int rs_each_ref(json_t *j, unsigned depth, rs_ref_fn *fn, void *arg);
/* Where a ref points from its own query: how many further out, which FROM item. */
unsigned rs_ref_level(const json_t *ref);
unsigned rs_ref_item(const json_t *ref);

/* Whether a node of that type stands somewhere below, subqueries without. */
bool rs_has(const json_t *j, const char *type);
bool rs_has_window(const json_t *j);
/* By the marks of the binder: "rs_kind" of a call is 1 for an aggregate, 2 for a window function.
 */
bool rs_is_aggregate(const json_t *call);
bool rs_has_aggregate(const json_t *j);
/* Whether a member holds nodes, and is no mark of ours. */
bool rs_is_part(const char *key);
/* Whether `says` holds of a member of some node below, subqueries without. */
typedef bool rs_says_fn(const char *key, const json_t *value, const void *arg);
bool rs_some(const json_t *j, rs_says_fn *says, const void *arg);
/* Whether two expressions are the same: where they stand and how they were written aside. */
bool rs_same(const json_t *a, const json_t *b);

/* Appends the parts of a conjunction, borrowed, to an array that holds references. */
int rs_conjuncts(json_t *condition, json_t *out);
/* A conjunction of them; NULL when there are none (or no memory). */
json_t *rs_conjunction(json_t *parts);

/* New nodes; NULL: no memory. */
json_t *rs_new_ref(const char *alias, unsigned item, const char *column, struct sql_type t);
/* Steals the arguments; either may be NULL. */
json_t *rs_new_call(const char *function, json_t *argument, json_t *second, struct sql_type t);
json_t *rs_new_target(const char *name, json_t *value); /* steals the value */
json_t *rs_new_select(json_t *targets, json_t *from);	/* steals both */
json_t *rs_new_integer(int64_t n);
json_t *rs_new_type(struct sql_type t);

#endif
