/* Commands of a file with what a real redis-server answered to them (tests/data/redis/record). */
#ifndef DBMOUNT_REDIS_CASES_H
#define DBMOUNT_REDIS_CASES_H

#include "engines/cache/redis/command.h"
#include "tests/unit/redis_fixture.h"

/* One command, words quoted as redis-cli takes them, in a transaction of its own: the reply as
 * redis-cli shows it. In a buffer that the next call reuses. */
const char *redis_answer(struct redis_fixture *f, const char *line);
/* The same as RESP. */
const char *redis_answer_resp(struct redis_fixture *f, const char *line);
/* Around a command, within its transaction. */
struct redis_hooks {
	void (*before)(struct redis_txn *t, void *arg);
	void (*after)(struct redis_txn *t, void *arg);
	void *arg;
};
/* What the transaction of this command returned. */
int redis_try(struct redis_fixture *f, const char *line, const struct redis_hooks *hooks);
/* The same without a check that would itself need memory. */
int redis_try_quietly(struct redis_fixture *f, const char *line, const struct redis_hooks *hooks,
	struct err *err);
/* All of a file; `skip` (may be NULL) says which commands' answers may differ. */
void redis_cases(struct redis_fixture *f, const char *file, bool (*skip)(const char *line));

#endif
