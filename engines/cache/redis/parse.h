/* Text to commands: lines of words, quoted as redis-cli takes them, or RESP arrays, mixed as they
 * come, in pieces of any size. */
#ifndef DBMOUNT_REDIS_PARSE_H
#define DBMOUNT_REDIS_PARSE_H

#include <sys/queue.h>

#include "engines/common/buf.h"

struct redis_command;

/* One command. */
struct redis_words {
	STAILQ_ENTRY(redis_words) next;
	const struct redis_command *command; /* what it was found to be */
	unsigned long line;		     /* where it began, from 1 */
	size_t bytes;			     /* of memory, in all */
	unsigned argc;			     /* at least 1 */
	struct slice argv[];		     /* their bytes stand behind */
};
STAILQ_HEAD(redis_queue, redis_words);

void redis_queue_free(struct redis_queue *q);

struct redis_parser {
	struct buf text; /* from `at` on not taken yet */
	size_t at;
	size_t scanned;	    /* no line end before here */
	unsigned long line; /* the line at `at`, from 0 */
	unsigned long begun;
	uint64_t left;	  /* words that a RESP array lacks */
	struct buf bytes; /* of its words so far */
	struct buf ends;  /* where each of them ends: size_t */
};

void redis_parser_finish(struct redis_parser *p);
/* ENOMEM. */
int redis_parser_feed(struct redis_parser *p, struct slice text, struct err *err);
/* 1: *out, to be freed with free(); 0: nothing whole is there. `end`: nothing follows, the last
 * line needs no end. EINVAL with the line; what was fed is dropped then. */
int redis_parser_next(struct redis_parser *p, bool end, struct redis_words **out, struct err *err);

#endif
