/* Conditions on one table alone, which its scan can see to. */
#ifndef DBMOUNT_REDSHIFT_FILTER_H
#define DBMOUNT_REDSHIFT_FILTER_H

#include "engines/redshift/plan/plan_impl.h"

/* Takes the conjuncts that each of the wanted FROM items can see to by itself out of WHERE and ON,
 * where that changes nothing: not through the side of an outer join that may be missing. An array
 * of arrays, one for each leaf; NULL: no memory. */
json_t *rs_filters_take(
	const struct rs_plan *p, json_t *select, const json_t *leaves, uint64_t wanted);

/* The FROM items that an expression refers to, as bits of those of its own query; *other: it needs
 * something else (a query around it, a subquery, an item beyond the 64th). */
uint64_t rs_items_of(json_t *expression, bool *other);

#endif
