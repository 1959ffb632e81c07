/* Redis commands at random, over few keys and words, so that they meet. */
#ifndef DBMOUNT_TESTS_REDIS_RANDOM_H
#define DBMOUNT_TESTS_REDIS_RANDOM_H

#include "engines/common/buf.h"

#define RANDOM_WORDS_MAX 64

/* One command, as RESP: `connection` says who of two sends it. */
struct random_command {
	struct buf resp;
	struct buf shown; /* the same as redis-cli takes it */
	unsigned argc;
	size_t at[RANDOM_WORDS_MAX]; /* where in resp a word stands, and its length */
	size_t n[RANDOM_WORDS_MAX];
	unsigned connection;
};

struct slice random_word(const struct random_command *c, unsigned i);
/* Fills *out (which is cleared) with the next at random (random.h). */
void random_command(struct random_command *out);
/* From words, separated by spaces. */
void command_from(struct random_command *out, const char *words);
void random_command_free(struct random_command *c);

#endif
