/* Counts of requests, for /.dbmount/metrics (Prometheus text). */
#ifndef DBMOUNT_FS_METRICS_H
#define DBMOUNT_FS_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "engines/common/buf.h"

#define METRIC_OPS(X)                                                                              \
	X(lookup)                                                                                  \
	X(forget)                                                                                  \
	X(getattr)                                                                                 \
	X(setattr)                                                                                 \
	X(readlink)                                                                                \
	X(symlink)                                                                                 \
	X(mknod)                                                                                   \
	X(link)                                                                                    \
	X(mkdir)                                                                                   \
	X(unlink)                                                                                  \
	X(rmdir)                                                                                   \
	X(rename)                                                                                  \
	X(open)                                                                                    \
	X(create)                                                                                  \
	X(read)                                                                                    \
	X(write)                                                                                   \
	X(flush)                                                                                   \
	X(fsync)                                                                                   \
	X(release)                                                                                 \
	X(opendir)                                                                                 \
	X(readdir)                                                                                 \
	X(readdirplus)                                                                             \
	X(releasedir)                                                                              \
	X(fsyncdir)                                                                                \
	X(statfs)                                                                                  \
	X(getxattr)                                                                                \
	X(listxattr)                                                                               \
	X(setxattr)                                                                                \
	X(removexattr)                                                                             \
	X(fallocate)                                                                               \
	X(lseek)

enum metric_op {
#define X(name) METRIC_##name,
	METRIC_OPS(X)
#undef X
		METRIC_N_OPS
};

struct metrics {
	_Atomic uint64_t requests[METRIC_N_OPS];
	_Atomic uint64_t errors;	/* requests answered with an error but ENOENT of a lookup */
	_Atomic uint64_t commits;	/* items written */
	_Atomic uint64_t refused;	/* texts refused */
	_Atomic uint64_t bytes_read;	/* by READ requests and stored ahead */
	_Atomic uint64_t bytes_written; /* by WRITE requests */
	_Atomic uint64_t stored;	/* files whose content went along with the open */
};

static inline void metrics_count(struct metrics *m, enum metric_op op)
{
	atomic_fetch_add_explicit(&m->requests[op], 1, memory_order_relaxed);
}

static inline void metrics_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void metrics_print(const struct metrics *m, struct buf *out);

#endif
