/* Commands and what they must answer, as text files: what Redis answers, so the same files are
 * checked against a redis-server where there is one.
 *
 * A line is a command, " => ", its reply in short: 2, "text", nil, [1 "a"], +OK, -ERR why. Words of
 * a command are split at spaces, quoted ones hold \xHH. "sort " or "pairs " before the command:
 * the reply is an array in no order, of single elements or of pairs, which are sorted here.
 * "any " : whatever comes. An empty line: the keys are dropped. `#`: a comment. */
#ifndef DBMOUNT_REDIS_SAID_H
#define DBMOUNT_REDIS_SAID_H

#include "engines/cache/redis/reply.h"
#include "tests/unit/redis_fixture.h"

/* Runs one command line, replies in RESP2. Fails the test when the command is fatal. */
void redis_command_line(struct redis_fixture *f, const char *line, struct buf *reply);
/* The same, in short. In a buffer that the next call reuses. */
const char *redis_says(struct redis_fixture *f, const char *line);

/* Each line of tests/unit/NAME. */
void redis_said_check(struct redis_fixture *f, const char *name);
/* The same of a redis-server, started for it; says so and returns when there is none. */
void redis_said_check_server(const char *name);

#endif
