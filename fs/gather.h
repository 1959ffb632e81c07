/* Closes that commit together. See gather.c. */
#ifndef DBMOUNT_FS_GATHER_H
#define DBMOUNT_FS_GATHER_H

#include <pthread.h>

#include "fs/handle.h"

/* Answers the FLUSH of an item that has something to commit, now or on the thread that
 * commits already; false: that is for the caller to do. */
bool gather_flush(fuse_req_t req, struct handle *h);

#endif
