/* The commands that combine sets (sets_combined.c), which sets.c lists. */
#ifndef DBMOUNT_REDIS_COMMANDS_SETS_H
#define DBMOUNT_REDIS_COMMANDS_SETS_H

#include "engines/cache/redis/elements.h"

int redis_sinter(struct redis_call *c, struct err *err);
int redis_sinterstore(struct redis_call *c, struct err *err);
int redis_sintercard(struct redis_call *c, struct err *err);
int redis_sunion(struct redis_call *c, struct err *err);
int redis_sunionstore(struct redis_call *c, struct err *err);
int redis_sdiff(struct redis_call *c, struct err *err);
int redis_sdiffstore(struct redis_call *c, struct err *err);

#endif
