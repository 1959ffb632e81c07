/* How rows that do not lie together are brought together. */
#ifndef DBMOUNT_REDSHIFT_JOIN_IMPL_H
#define DBMOUNT_REDSHIFT_JOIN_IMPL_H

#include "engines/redshift/plan/join.h"

/* How the rows of a part of a FROM lie. */
struct rs_lie {
	uint64_t items;
	uint64_t keys;
	bool whole; /* each node has all */
};

static inline uint64_t rs_bit(unsigned item)
{
	return UINT64_C(1) << item;
}

const struct rs_table *rs_place_table(const struct rs_placing *pl, unsigned item);
/* Values of the items that were not sent to every node. */
uint64_t rs_place_values(const struct rs_placing *pl, uint64_t items);

/* Two parts that meet by an equality: each lies by its column, or is one table that is sent. */
struct rs_meeting {
	unsigned item[2];
	const char *column[2];
	bool sent[2];
	uint64_t values; /* that are sent */
	uint64_t cost;	 /* the same, and what tables for them cost */
};
/* The one that moves least; false: there is none. Cost 0: they lie together. */
bool rs_meeting_find(const struct rs_placing *pl, const json_t *conditions, struct rs_lie l,
	struct rs_lie r, struct rs_meeting *out);
/* `sure`: of the left, of the right a row that matches nothing is not wanted. */
void rs_meeting_take(struct rs_placing *pl, const struct rs_meeting *m, struct rs_lie *l,
	struct rs_lie *r, bool left_sure, bool right_sure);

struct rs_lie rs_send_to_all(struct rs_placing *pl, struct rs_lie l);
uint64_t rs_send_cost(const struct rs_placing *pl, struct rs_lie l);

#endif
