/* What was refused, for `.errors` and /.dbmount/errors: the last lines in
 * memory, all of them appended to SITE/errors.log (from which the last are read
 * back at start). */
#ifndef DBMOUNT_FS_ERRLOG_H
#define DBMOUNT_FS_ERRLOG_H

#include <pthread.h>
#include <sys/types.h>

#include "engines/common/buf.h"

#define ERRLOG_LINES 512

struct errlog_line {
	uid_t uid; /* whose request it was */
	char *path;
	char *text; /* the whole line without newline */
};

struct errlog {
	pthread_mutex_t lock; /* guards all below; taken last */
	struct errlog_line lines[ERRLOG_LINES];
	size_t n; /* ever added; the ring's place is n % ERRLOG_LINES */
	int fd;
	char *file;
};

int errlog_init(struct errlog *log, const char *site, struct err *err);
void errlog_finish(struct errlog *log);

/* "<time> <op> <path> <ERRNO>: <sentence>". `path` as the tree shows it. */
void errlog_add(struct errlog *log, uid_t uid, const char *op, const char *path, int code,
	const char *sentence);
/* The lines at or below `dir`, newest last: the reader's own, root reads all. */
void errlog_print(struct errlog *log, const char *dir, uid_t reader, struct buf *out);
/* The sentence of the last line about exactly this path, "" if none. */
void errlog_last(struct errlog *log, const char *path, struct buf *out);

#endif
