/* What bits.c and bitfield.c share. */
#ifndef DBMOUNT_REDIS_COMMANDS_BITS_H
#define DBMOUNT_REDIS_COMMANDS_BITS_H

#include "engines/cache/redis/commands/strings.h"

/* `hash`: "#3" is three times `bits`. */
int redis_bit_offset(struct slice arg, bool hash, unsigned bits, uint64_t *out, struct err *err);
/* 0 behind the end. */
bool redis_bit(struct slice s, uint64_t at);
/* The string grows up to it; false: no memory (b->failed). */
bool redis_set_bit(struct buf *b, uint64_t at, bool on);

#endif
