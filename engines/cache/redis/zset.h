/* Sorted sets by rank, score or name. What a range gives comes from a cursor over the index of
 * scores; a rank costs as many steps in it as there are ranks to the nearer end. */
#ifndef DBMOUNT_REDIS_ZSET_H
#define DBMOUNT_REDIS_ZSET_H

#include "engines/cache/redis/elements.h"

enum redis_zrange_by { REDIS_BY_RANK, REDIS_BY_SCORE, REDIS_BY_LEX };

/* An end of a range of names. */
struct redis_lex {
	enum { REDIS_LEX_LOWEST, REDIS_LEX_NAME, REDIS_LEX_HIGHEST } kind;
	bool without; /* the name itself does not belong to it */
	struct slice name;
};

struct redis_zrange {
	enum redis_zrange_by by;
	bool reverse;	     /* from the highest; ranks count from there */
	int64_t start, stop; /* ranks, negative ones from the end */
	double min, max;     /* scores, both within */
	bool none;	     /* no score is within */
	struct redis_lex lex_min, lex_max;
	int64_t offset, limit; /* of what is within; negative offset: nothing, limit: all */
};

/* Each one within, in order. The element's version and time are not told. */
int redis_zset_each(struct redis_txn *t, const struct redis_key *key, const struct redis_zrange *r,
	redis_element_fn *fn, void *arg, struct err *err);
/* How many are within; offset and limit do not count. */
int redis_zset_count(struct redis_txn *t, const struct redis_key *key, const struct redis_zrange *r,
	int64_t *out, struct err *err);
/* How many come before it. */
int redis_zset_rank(struct redis_txn *t, const struct redis_key *key,
	const struct redis_element *element, int64_t *out, struct err *err);
/* Removes what is within; the key is not saved. */
int redis_zset_remove(struct redis_txn *t, struct redis_key *key, const struct redis_zrange *r,
	int64_t *n, struct err *err);

/* What commands say of the ends: `(1.5` `inf`, "ERR min or max is not a float"; `[a` `(a` `-` `+`,
 * "ERR min or max not valid string range item". */
int redis_zrange_scores(
	struct slice min, struct slice max, struct redis_zrange *out, struct err *err);
int redis_zrange_names(
	struct slice min, struct slice max, struct redis_zrange *out, struct err *err);

#endif
