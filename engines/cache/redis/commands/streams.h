/* What the files of stream commands share. */
#ifndef DBMOUNT_REDIS_COMMANDS_STREAMS_H
#define DBMOUNT_REDIS_COMMANDS_STREAMS_H

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/stream_group.h"

/* 1, 0, WRONGTYPE. */
int redis_stream_of(
	struct redis_call *c, struct slice name, struct redis_key *out, struct err *err);
/* redis_entry_fn: one more reply. */
struct redis_entries_shown {
	struct buf *out;
	int64_t n;
};
int redis_show_entry(void *arg, struct redis_id id, struct slice fields, struct err *err);
/* 1; NOGROUP of XPENDING, XCLAIM, XAUTOCLAIM. */
int redis_group_of(
	struct redis_call *c, struct redis_key *key, struct redis_group *g, struct err *err);

int redis_run_xack(struct redis_call *c, struct err *err);
int redis_run_xautoclaim(struct redis_call *c, struct err *err);
int redis_run_xclaim(struct redis_call *c, struct err *err);
int redis_run_xgroup_create(struct redis_call *c, struct err *err);
int redis_run_xgroup_createconsumer(struct redis_call *c, struct err *err);
int redis_run_xgroup_delconsumer(struct redis_call *c, struct err *err);
int redis_run_xgroup_destroy(struct redis_call *c, struct err *err);
int redis_run_xgroup_setid(struct redis_call *c, struct err *err);
int redis_run_xinfo_consumers(struct redis_call *c, struct err *err);
int redis_run_xinfo_groups(struct redis_call *c, struct err *err);
int redis_run_xinfo_stream(struct redis_call *c, struct err *err);
int redis_run_xpending(struct redis_call *c, struct err *err);
int redis_run_xread(struct redis_call *c, struct err *err);
int redis_run_xreadgroup(struct redis_call *c, struct err *err);

#endif
