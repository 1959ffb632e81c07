/* Bytes written once, then read any number of times: in memory while they are
 * few, then in a file without a name. Memory stays constant however many. One
 * thread at a time. */
#ifndef DBMOUNT_SPILL_H
#define DBMOUNT_SPILL_H

#include "engines/common/buf.h"

struct spill;

/* `dir`: where the file goes when one is needed; copied. NULL: no memory. */
struct spill *spill_new(const char *dir);
void spill_free(struct spill *s); /* NULL is fine */

/* ENOSPC, EIO, ENOMEM. */
int spill_add(struct spill *s, struct slice bytes, struct err *err);
uint64_t spill_size(const struct spill *s);
/* Appends up to `max` bytes that stand at `at`: fewer only where the spill ends. */
int spill_read(struct spill *s, uint64_t at, size_t max, struct buf *out, struct err *err);
/* Empty again. */
void spill_clear(struct spill *s);

#endif
