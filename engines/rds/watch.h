/* Notices that a database file is written to, by whomever. */
#ifndef DBMOUNT_RDS_WATCH_H
#define DBMOUNT_RDS_WATCH_H

#include <stdbool.h>

#include "engines/common/err.h"

struct rds_watch;

/* Called on the watch's thread when something may have been written, and every
 * second in any case (network file systems tell of nothing). True: a change was
 * found. False is asked again for some milliseconds, as the kernel tells of a write to
 * the WAL before the commit shows in its index. */
typedef bool rds_watch_fn(void *arg);

/* `path` is a database, its WAL lies beside it. */
int rds_watch_start(
	const char *path, rds_watch_fn *fn, void *arg, struct rds_watch **out, struct err *err);
void rds_watch_stop(struct rds_watch *w); /* NULL is fine; waits for fn */

#endif
