/* What lists.c and lists_move.c share. */
#ifndef DBMOUNT_REDIS_COMMANDS_LISTS_H
#define DBMOUNT_REDIS_COMMANDS_LISTS_H

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/list.h"

/* 1, 0, WRONGTYPE. */
int redis_list_find(
	struct redis_call *c, struct slice name, struct redis_key *out, struct err *err);
int redis_list_save(
	struct redis_call *c, struct slice name, struct redis_key *key, struct err *err);
/* redis_list_fn: one more reply; arg: the call. */
int redis_reply_element(void *arg, uint64_t index, struct slice value, struct err *err);
/* n replies, which are taken from the list; it is saved. n: 1 to what is there. */
int redis_list_pop(struct redis_call *c, struct slice name, struct redis_key *key, bool left,
	uint64_t n, struct err *err);

int redis_run_blmove(struct redis_call *c, struct err *err);
int redis_run_blmpop(struct redis_call *c, struct err *err);
int redis_run_blpop(struct redis_call *c, struct err *err);
int redis_run_brpop(struct redis_call *c, struct err *err);
int redis_run_brpoplpush(struct redis_call *c, struct err *err);
int redis_run_lmove(struct redis_call *c, struct err *err);
int redis_run_lmpop(struct redis_call *c, struct err *err);
int redis_run_rpoplpush(struct redis_call *c, struct err *err);

#endif
