/* The event loop: threads that take turns at /dev/fuse. See loop.c. */
#ifndef DBMOUNT_FS_LOOP_H
#define DBMOUNT_FS_LOOP_H

#include <stdbool.h>

#include "engines/common/err.h"

struct fuse_session;
struct loop;

/* `threads`: how many idle ones are kept. `spin_us`: how long the reading
 * thread polls before it sleeps. */
struct loop *loop_new(struct fuse_session *se, unsigned threads, unsigned spin_us, struct err *err);
/* Serves until the session ends or loop_stop(). 0, or -errno. */
int loop_run(struct loop *l, struct err *err);
void loop_stop(struct loop *l); /* async-signal-safe */
/* Whether loop_stop() ended it, rather than an unmount. */
bool loop_was_stopped(const struct loop *l);
void loop_free(struct loop *l); /* NULL is fine */

/* Called by a request that is about to wait (for a commit, a disk, a lock):
 * another thread goes on reading requests. Cheap when called twice. Must come
 * before anything whose end depends on further requests being served. */
void loop_yield(void);

#endif
