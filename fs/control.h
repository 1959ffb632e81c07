/* Control files: command lines in, the last results out. */
#ifndef DBMOUNT_FS_CONTROL_H
#define DBMOUNT_FS_CONTROL_H

#include <pthread.h>

#include "engines/common/buf.h"

#define CONTROL_RESULTS 64

struct control_result {
	char *dir;	 /* whose .control it was */
	struct buf text; /* "<time> <command>: <outcome>", lines */
};

/* The last results of all directories. */
struct control_results {
	pthread_mutex_t lock; /* guards all below */
	struct control_result ring[CONTROL_RESULTS];
	size_t n;
};

void control_results_init(struct control_results *r);
void control_results_finish(struct control_results *r);
void control_results_add(struct control_results *r, const char *dir, struct slice line,
	const char *outcome, struct slice result);
/* The same of what is not to be told when and how: the result alone, any bytes. */
void control_results_answer(struct control_results *r, const char *path, struct slice result);
/* The last result of one directory; false: there is none (any more). */
bool control_results_last(struct control_results *r, const char *dir, struct buf *out);
/* The results of one directory, oldest first. */
void control_results_print(struct control_results *r, const char *dir, struct buf *out);

#endif
