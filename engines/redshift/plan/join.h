/* How the tables of one FROM come together on the nodes. */
#ifndef DBMOUNT_REDSHIFT_JOIN_H
#define DBMOUNT_REDSHIFT_JOIN_H

#include "engines/redshift/plan/plan_impl.h"

#define RS_JOIN_MAX 64U

/* FROM items are bits. */
struct rs_placing {
	const struct rs_plan *plan;
	const json_t *leaves;
	enum rs_way way[RS_JOIN_MAX];
	/* By which of its columns an item's rows lie: its distribution key, or the one by which
	 * they are sent. NULL: by none. */
	const char *key[RS_JOIN_MAX];
	bool one_node; /* of a cluster that has only one */
	bool spreads;  /* rows may be sent by the hash of a column */
	/* The result: */
	bool whole;	      /* each node would make all of it: one is asked */
	uint64_t keys;	      /* items by whose `key` its rows lie */
	uint64_t drops_nulls; /* items of which rows without a key match nothing: they stay */
	/* In values, which are rows times the columns that are needed: */
	uint64_t moved; /* sent from node to node */
	uint64_t all;	/* what the leader would read to do it all by itself */
};

/* Of a SELECT whose FROM items are all tables. */
int rs_place(const struct rs_plan *p, const json_t *select, const json_t *leaves,
	struct rs_placing *out, struct err *err);
/* Whether that expression is the key of an item in `keys`. */
bool rs_place_is_key(const struct rs_placing *pl, const json_t *expression, uint64_t keys);

#endif
