/* Memory that runs out, at every single allocation. Programs with it are linked with
 * --wrap for malloc, calloc and realloc. */
#ifndef DBMOUNT_FAIL_MEMORY_H
#define DBMOUNT_FAIL_MEMORY_H

#include <stdbool.h>

#include "engines/common/err.h"

/* In place of ck_assert() where allocations fail: that one allocates itself. */
void require(bool holds);
/* Runs `once` with the first, the second, ... allocation failing, until none does: the
 * answer is -ENOMEM, told in err, or 0. */
void fail_each(int (*once)(struct err *err));

/* Around what is to have its memory, in any thread. */
void fail_hold(bool hold);

#endif
