/* Going into the background without losing the error messages: the parent
 * waits at the terminal until its child says that the mount works, or why not. */
#ifndef DBMOUNT_FS_DETACH_H
#define DBMOUNT_FS_DETACH_H

#include "mountopts/mountopts.h"

/* Forks. In the child, a session of its own, *fd is where it reports, and 0 is
 * returned. In the parent it does not return but exits: 0 when the mount
 * works, else 1 with the child's sentence on standard error. -errno when it
 * could not fork. */
int detach(const struct mountopts *o, int *fd, struct err *err);

/* Says that the mount is there, and lets go of the terminal. -EPIPE: the
 * parent is gone (interrupted), so nobody wants the mount any more. */
int detach_done(int fd, struct err *err);

/* Says why there is no mount. */
void detach_failed(int fd, const char *sentence);

#endif
