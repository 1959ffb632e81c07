/* A mount: engines, nodes, handles, session. One struct, passed around; no
 * globals. Life: mount_create() .. mount_loop() .. mount_destroy(). */
#ifndef DBMOUNT_FS_MOUNT_H
#define DBMOUNT_FS_MOUNT_H

#include "engines/common/err.h"
#include "mountopts/mountopts.h"

struct mount;

/* Opens the engines and mounts; SITE exists and is locked by the caller, who
 * keeps `opts` until destroy. Everything that can go wrong at mount time goes
 * wrong here: EINVAL, ENOENT and ENOTDIR of the mount point, ENOTEMPTY, EACCES,
 * ENODEV (no /dev/fuse), EPERM, EIO (damaged store), each with what to do. */
int mount_create(const struct mountopts *opts, struct mount **out, struct err *err);

/* Serves until unmounted or mount_stop(). Starts its own threads. 0 or -errno. */
int mount_loop(struct mount *m, struct err *err);

/* Asks the loop to end. Not from a signal handler. */
void mount_stop(struct mount *m);

/* Unmounts if still mounted, finishes commits, closes engines. NULL is fine. */
void mount_destroy(struct mount *m);

#endif
