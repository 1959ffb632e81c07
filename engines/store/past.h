/* Points in time being looked at, as files. Building one costs a copy (shared on disk
 * where that can be) and some log; who looks at the same time shares it, and it stays
 * for a while: `cat` after `ls` should not build it anew. */
#ifndef DBMOUNT_PAST_H
#define DBMOUNT_PAST_H

#include <pthread.h>
#include <stdint.h>
#include <sys/queue.h>

#include "engines/common/err.h"

struct past {
	TAILQ_ENTRY(past) link;
	uint64_t id; /* whose */
	int64_t time_ns;
	char *path; /* a closed database that nobody writes */
	unsigned refs;
	int64_t idle_since_ns;
};
TAILQ_HEAD(past_queue, past);

struct past_list {
	pthread_mutex_t lock; /* taken alone, but for what `build` takes */
	const char *tmp;      /* the directory for the files, set before the first; outlives it */
	struct past_queue queue;
};

void past_list_init(struct past_list *l);
/* Nobody looks any more. */
void past_list_finish(struct past_list *l);

/* Makes the database as it was at that time, as a new file. ENODATA: outside of what is kept. */
typedef int past_build(void *arg, int64_t time_ns, const char *path, struct err *err);
/* Ends with past_put(). */
int past_open(struct past_list *l, uint64_t id, int64_t time_ns, past_build *build, void *arg,
	struct past **out, struct err *err);
void past_put(struct past_list *l, struct past *p);
/* Removes those nobody has looked at for a minute. */
void past_expire(struct past_list *l);

#endif
