/* What the files of string commands share. */
#ifndef DBMOUNT_REDIS_COMMANDS_STRINGS_H
#define DBMOUNT_REDIS_COMMANDS_STRINGS_H

#include "engines/cache/redis/command.h"
#include "engines/common/cleanup.h"

/* 1 and the value, or 0; WRONGTYPE. */
int redis_get(struct redis_call *c, struct slice name, struct redis_key *key, struct buf *value,
	struct err *err);
/* What a command that edits has made of what redis_get() found, or not (found 0). */
int redis_edited(struct redis_call *c, struct slice name, int found, struct redis_key *key,
	const struct buf *value, struct err *err);
/* That the string may be so long. */
int redis_check_length(uint64_t length, struct err *err);

/* When a key is to expire, as options say: EX 10, PXAT 1700000000000, ... */
struct redis_expiry {
	int64_t value;
	bool given;
	bool seconds;
	bool relative;
};
/* Whether the word is EX, PX, EXAT or PXAT. */
bool redis_expiry_option(struct slice word, struct redis_expiry *out);
/* The time in milliseconds. `ERR invalid expire time in 'set' command` */
int redis_expiry_time(struct redis_call *c, const struct redis_expiry *e, const char *command,
	int64_t *out, struct err *err);

int redis_run_incr(struct redis_call *c, struct err *err);
int redis_run_decr(struct redis_call *c, struct err *err);
int redis_run_incrby(struct redis_call *c, struct err *err);
int redis_run_decrby(struct redis_call *c, struct err *err);
int redis_run_incrbyfloat(struct redis_call *c, struct err *err);
int redis_run_lcs(struct redis_call *c, struct err *err);
int redis_run_setbit(struct redis_call *c, struct err *err);
int redis_run_getbit(struct redis_call *c, struct err *err);
int redis_run_bitcount(struct redis_call *c, struct err *err);
int redis_run_bitpos(struct redis_call *c, struct err *err);
int redis_run_bitop(struct redis_call *c, struct err *err);
int redis_run_bitfield(struct redis_call *c, struct err *err);
int redis_run_bitfield_ro(struct redis_call *c, struct err *err);

#endif
