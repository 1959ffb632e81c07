/* Telling the kernel that something it cached has changed. */
#ifndef DBMOUNT_FS_NOTIFY_H
#define DBMOUNT_FS_NOTIFY_H

#include "fs/node.h"

struct notify;
struct fuse_session;

struct notify *notify_new(struct fuse_session *se, struct nodes *nodes, struct err *err);
/* Nothing is told any more, and nobody waits for it: the end is near. */
void notify_stop(struct notify *q);
/* Ends the thread; what waits is dropped. NULL is fine. */
void notify_free(struct notify *q);

/* The node's attributes and, for a directory, its cached listing are old.
 * Queued: the notice waits for locks that requests under way may hold. */
void notify_node(struct notify *q, struct node *n);
/* The name below parent may stand for something else or nothing now. Queued. */
void notify_name(struct notify *q, struct node *parent, const char *name);
/* Returns when everything queued before has been told. Only for requests during
 * which the kernel holds no directory (write, flush); call loop_yield() first. */
void notify_drain(struct notify *q);

/* The next two tell nothing when the kernel was given nothing to keep since the
 * last time (node.kept): a write to a file that is being made, one of a thousand
 * files copied into a directory that nobody lists meanwhile.
 * Attributes only, at once: needs no lock that a request could hold. */
void notify_attr_now(struct notify *q, struct node *n);
/* A directory's attributes and its cached listing, at once: the kernel never
 * waits for us while it holds a page of a listing. */
void notify_list_now(struct notify *q, struct node *n);

#endif
