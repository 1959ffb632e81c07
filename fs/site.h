/* SITE: the directory that holds everything, and who holds it. */
#ifndef DBMOUNT_FS_SITE_H
#define DBMOUNT_FS_SITE_H

#include "engines/common/err.h"
#include "mountopts/mountopts.h"

/* Creates SITE if missing (0700) and checks that the mount will not hide it or
 * the log. ENOENT, ENOTDIR, EACCES, EINVAL. */
int site_prepare(const struct mountopts *o, struct err *err);

/* Locks SITE/lock and writes into it who we are. Gives a descriptor that holds
 * the lock until site_unlock() or the end of the process. A holder that is
 * about to end is waited for. EBUSY names the process that holds it. */
int site_lock(const struct mountopts *o, int *fd, struct err *err);
/* Says in the lock file that the mount is gone and the rest will follow soon. */
void site_ending(const struct mountopts *o, int fd);
void site_unlock(int fd);

#endif
