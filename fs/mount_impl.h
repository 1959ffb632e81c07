/* What a mount consists of; for the files of fs/ only. */
#ifndef DBMOUNT_FS_MOUNT_IMPL_H
#define DBMOUNT_FS_MOUNT_IMPL_H

#include <fuse3/fuse_lowlevel.h>

#include "engines/engine.h"
#include "fs/control.h"
#include "fs/displaced.h"
#include "fs/errlog.h"
#include "fs/loop.h"
#include "fs/metrics.h"
#include "fs/mount.h"
#include "fs/node.h"
#include "fs/notify.h"
#include "fs/side.h"

#define MOUNT_SERVICES_MAX 8
#define MOUNT_SENT_AGAIN   1024

/* Locks, in the order they may be taken; each is held for a short time only and
 * none while an engine is called, but for handle.lock:
 *   handle.lock -> (engine) -> control_results.lock -> displaced.lock -> nodes.lock
 *   -> notify.lock -> errlog.lock; loop.lock is taken alone.
 * gather.lock is taken alone.
 * side.lock is taken with handle.lock and an engine's own at most; who waits for the
 * disk under it (side_wait()) yields, and so takes loop.lock. */
struct mount {
	const struct mountopts *opts;
	struct engine *services[MOUNT_SERVICES_MAX]; /* in the order of the registry */
	unsigned n_services;
	atomic_bool all_open; /* the services: from then on one may ask for another */
	atomic_bool asked[MOUNT_SERVICES_MAX]; /* for by others: they end last */
	struct nodes nodes;
	struct side side;
	struct errlog errlog;
	struct control_results results;
	struct displaced displaced;
	struct metrics metrics;
	struct {
		pthread_mutex_t lock;
		struct gather_turn *turns; /* threads that commit closes */
	} gather;
	/* Engines tell of changes from threads of their own: held for writing while
	 * `notify` comes and goes. Taken first of all. */
	pthread_rwlock_t telling;
	struct notify *notify;
	struct loop *loop;
	struct fuse_session *session;
	struct fuse_lowlevel_ops ops;
	_Atomic pid_t sent_again[MOUNT_SENT_AGAIN]; /* see handle_cache.c */
	uint64_t change_seen;	/* nodes.changes, and when it was first found so: see attr.c; */
	int64_t change_seen_ns; /* both under nodes.lock */
	bool mounted;
	int64_t started_ns;
};

static inline struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct node *node_of(struct mount *m, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? m->nodes.root : (struct node *)(uintptr_t)ino;
}

static inline fuse_ino_t node_number(const struct mount *m, const struct node *n)
{
	return n == m->nodes.root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)n;
}

/* How long the kernel may believe something nobody changes behind its back:
 * every other change is followed by a notice (fs/notify.h). */
#define TIMEOUT_FOREVER 1e9

#endif
