/* What $group keeps for each of its fields in each group. */
#ifndef DBMOUNT_DOCDB_ACCUMULATORS_H
#define DBMOUNT_DOCDB_ACCUMULATORS_H

#include "engines/docdb/expr/expr_impl.h"

/* A value that was copied. */
struct acc_value {
	bool has;
	uint8_t type;
	struct buf bytes;
};

/* An array under construction; of a set, with a table of where its elements stand. */
struct acc_list {
	struct buf array;
	unsigned n;
	uint32_t *table; /* 0: free, else one more than the element's place in `array` */
	unsigned cap;
};

union acc_state {
	struct {
		struct doc_sum sum;
		uint64_t n;
	} sum;
	struct doc_spread spread;
	struct acc_value value;
	struct acc_list list;
};

struct acc_op {
	const char *name;
	/* `v` may be missing. */
	int (*add)(union acc_state *s, struct doc_value v, struct err *err);
	/* The result, in the arena or the state. */
	int (*finish)(
		union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err);
	void (*free)(union acc_state *s);
	bool no_argument;
};

extern const struct acc_op acc_ops[]; /* NULL-ended */

#endif
