/* Talking to a server over a fixture's db, as redis-cli would. */
#ifndef DBMOUNT_REDIS_TALK_H
#define DBMOUNT_REDIS_TALK_H

#include "engines/cache/redis/session.h"
#include "tests/unit/redis_fixture.h"

struct talk {
	struct redis_fixture f;
	struct redis_server *server;
	struct redis_session *session;
	struct buf shown; /* what the last call answered */
	struct err err;
};

void talk_start(struct talk *t);
void talk_end(struct talk *t);
/* Another connection in place of the one there is. */
void talk_anew(struct talk *t);
/* What the text is answered, as redis-cli shows it; "(failed) ..": feed refused it. */
const char *talk(struct talk *t, const char *text);
/* The same as a batch, by a session of its own. */
const char *talk_batch(struct talk *t, const char *text);

#define talk_is(t, text, expected) ck_assert_str_eq(talk(t, text), expected)

#endif
