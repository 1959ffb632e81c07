/* Elements of typed keys as the tree reads and writes them, each call in a transaction. */
#ifndef DBMOUNT_REDIS_ELEMENTS_TEST_H
#define DBMOUNT_REDIS_ELEMENTS_TEST_H

#include "engines/cache/redis/type.h"
#include "tests/unit/redis_said.h"

/* Which key the calls are about. */
struct typed {
	struct redis_fixture *f;
	enum redis_type type;
	const char *key;
};

int typed_write(const struct typed *k, const char *element, const char *text, uint64_t expect);
int typed_remove(const struct typed *k, const char *element, uint64_t expect);
int typed_rename(const struct typed *k, const char *from, const char *to, unsigned flags);
int typed_stat(const struct typed *k, const char *element, struct engine_info *out);
/* The names behind `after` (NULL: all), at most n, each followed by a space; fails the test where
 * stat or read disagree with what the list says. In a buffer that the next call reuses. */
const char *typed_list(const struct typed *k, const char *after, unsigned n);
/* "(none)"; likewise. */
const char *typed_read(const struct typed *k, const char *element);
const char *typed_export(const struct typed *k);
int typed_import(const struct typed *k, const char *text, bool fresh, uint64_t *n);
/* Whether the key and its elements agree: the count, the bytes, the names that are long. */
void typed_check(const struct typed *k);

#endif
