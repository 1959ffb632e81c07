/* What INFO, ROLE and HELLO say of a server. */
#ifndef DBMOUNT_REDIS_ABOUT_H
#define DBMOUNT_REDIS_ABOUT_H

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/server.h"

/* The Redis whose commands and texts these are. */
#define REDIS_LIKE_VERSION "7.0.15"

/* What the service says; of a server without one: a primary without replicas. */
void redis_about(struct redis_server *s, struct redis_about *out);
/* The text of INFO with these words behind it. */
int redis_info(struct redis_txn *t, struct redis_server *s, unsigned n,
	const struct slice *sections, struct buf *out, struct err *err);

#endif
