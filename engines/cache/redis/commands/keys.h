/* What the files of commands over keys of any type share. */
#ifndef DBMOUNT_REDIS_COMMANDS_KEYS_H
#define DBMOUNT_REDIS_COMMANDS_KEYS_H

#include "engines/cache/redis/command.h"
#include "engines/common/cleanup.h"

int redis_run_expire(struct redis_call *c, struct err *err);
int redis_run_pexpire(struct redis_call *c, struct err *err);
int redis_run_expireat(struct redis_call *c, struct err *err);
int redis_run_pexpireat(struct redis_call *c, struct err *err);
int redis_run_ttl(struct redis_call *c, struct err *err);
int redis_run_pttl(struct redis_call *c, struct err *err);
int redis_run_expiretime(struct redis_call *c, struct err *err);
int redis_run_pexpiretime(struct redis_call *c, struct err *err);
int redis_run_persist(struct redis_call *c, struct err *err);

int redis_run_keys(struct redis_call *c, struct err *err);
int redis_run_scan(struct redis_call *c, struct err *err);
int redis_run_randomkey(struct redis_call *c, struct err *err);
int redis_run_dbsize(struct redis_call *c, struct err *err);

int redis_run_object_encoding(struct redis_call *c, struct err *err);
int redis_run_object_freq(struct redis_call *c, struct err *err);
int redis_run_object_idletime(struct redis_call *c, struct err *err);
int redis_run_object_refcount(struct redis_call *c, struct err *err);
int redis_run_object_help(struct redis_call *c, struct err *err);

#endif
