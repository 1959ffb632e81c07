/* Parts of a SELECT that the nodes do. Each makes a SELECT for the nodes out of the one that is
 * there, and of that one what the leader does with their rows. */
#ifndef DBMOUNT_REDSHIFT_PUSH_H
#define DBMOUNT_REDSHIFT_PUSH_H

#include "engines/redshift/plan/join.h"

/* All but the order, DISTINCT and LIMIT; with a LIMIT each node gives its own first rows. */
int rs_push_all(struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err);
/* The join alone. */
int rs_push_join(struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err);
/* The join, and for each group sums and counts that the leader adds up (partial.c). 1: done; 0:
 * there is an aggregate that is not made of such, nothing was changed. */
int rs_push_partial(
	struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err);

/* The step of a SELECT for the nodes (stolen), whose FROM is a copy of the one that was placed. */
int rs_push_step(struct rs_plan *p, json_t *select, const struct rs_placing *pl,
	struct rs_step **out, struct err *err);
/* The SELECT reads that step and nothing else. */
int rs_push_read(struct rs_plan *p, json_t *select, const struct rs_step *s, struct err *err);
/* Adds "rs_columns" for a target. */
int rs_push_target(json_t *select, const char *name, json_t *value);

#endif
