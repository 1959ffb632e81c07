/* A session: what Redis calls a connection. Text goes in, replies come out; between them MULTI,
 * WATCH and the database of scripts.
 *
 * A batch (a file `.exec` written and closed) without MULTI is a transaction of its own: all its
 * commands are queued, one that cannot be queued discards all (EXECABORT), then they run back to
 * back. A session whose text comes in pieces (who writes reads, too) runs each command as it comes.
 */
#ifndef DBMOUNT_REDIS_SESSION_H
#define DBMOUNT_REDIS_SESSION_H

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/server.h"

struct redis_session;

int redis_session_open(struct redis_server *server, struct redis_session **out, struct err *err);
void redis_session_close(struct redis_session *s); /* NULL is fine */

/* More text: inline commands, one a line, words quoted as redis-cli takes them ("\x00", 'a b'), `#`
 * at the beginning a comment; or RESP arrays. Keeps what is not whole. EINVAL with the line: text
 * that no continuation can mend. */
int redis_session_feed(struct redis_session *s, struct slice text, struct err *err);
/* Runs each command that is whole, and appends their replies (RESP2). */
int redis_session_run(struct redis_session *s, struct buf *replies, struct err *err);
/* The text ends here. Runs everything as one transaction; after a redis_session_run(), or where the
 * text says MULTI itself, what is left as that does. EINVAL, EXECABORT with the line and the first
 * error: nothing was run. */
int redis_session_batch(struct redis_session *s, struct buf *replies, struct err *err);

/* ---- for commands ---- */

struct redis_server *redis_session_server(struct redis_session *s);
/* Sent when the transaction is committed; receivers: who listens now. (publish.c) */
int redis_session_publish(struct redis_session *s, struct slice channel, struct slice message,
	uint64_t *receivers, struct err *err);
/* What was published since the mark is not, when a part of the transaction is undone. */
size_t redis_session_published(const struct redis_session *s);
void redis_session_unpublish(struct redis_session *s, size_t mark);

#endif
