/* The commands over sorted sets, which zsets.c lists, and what they share. */
#ifndef DBMOUNT_REDIS_COMMANDS_ZSETS_H
#define DBMOUNT_REDIS_COMMANDS_ZSETS_H

#include "engines/cache/redis/zset.h"

/* zsets_range.c */
int redis_zrange(struct redis_call *c, struct err *err);
int redis_zrangestore(struct redis_call *c, struct err *err);
int redis_zrangebyscore(struct redis_call *c, struct err *err);
int redis_zrevrangebyscore(struct redis_call *c, struct err *err);
int redis_zrangebylex(struct redis_call *c, struct err *err);
int redis_zrevrangebylex(struct redis_call *c, struct err *err);
int redis_zrevrange(struct redis_call *c, struct err *err);
int redis_zcount(struct redis_call *c, struct err *err);
int redis_zlexcount(struct redis_call *c, struct err *err);
int redis_zremrangebyrank(struct redis_call *c, struct err *err);
int redis_zremrangebyscore(struct redis_call *c, struct err *err);
int redis_zremrangebylex(struct redis_call *c, struct err *err);

/* zsets_pop.c. Those that block answer at once, as in MULTI. */
int redis_zpopmin(struct redis_call *c, struct err *err);
int redis_zpopmax(struct redis_call *c, struct err *err);
int redis_bzpopmin(struct redis_call *c, struct err *err);
int redis_bzpopmax(struct redis_call *c, struct err *err);
int redis_zmpop(struct redis_call *c, struct err *err);
int redis_bzmpop(struct redis_call *c, struct err *err);

/* zsets_combined.c */
int redis_zunion(struct redis_call *c, struct err *err);
int redis_zunionstore(struct redis_call *c, struct err *err);
int redis_zinter(struct redis_call *c, struct err *err);
int redis_zinterstore(struct redis_call *c, struct err *err);
int redis_zintercard(struct redis_call *c, struct err *err);
int redis_zdiff(struct redis_call *c, struct err *err);
int redis_zdiffstore(struct redis_call *c, struct err *err);

/* redis_element_fn: puts each into the result that `arg` is. */
struct redis_zstored {
	struct redis_txn *t;
	struct redis_result result;
};
int redis_zstore_one(void *arg, const struct redis_element *element, struct err *err);

#endif
