/* What test programs do alike: run a suite, use a directory of their own, watch a child
 * until it is killed. */
#ifndef DBMOUNT_TEST_FIXTURE_H
#define DBMOUNT_TEST_FIXTURE_H

#include <check.h>
#include <sys/types.h>

#include "engines/common/buf.h"

/* What main() returns. */
int run_suite(Suite *suite);

/* ---- files ---- */

#define SITE_MAX 64

/* A new directory in $TMPDIR, else in /tmp. */
void make_site(char site[SITE_MAX]);
void remove_site(const char *path);
/* Appends the content; false when the file cannot be opened. */
bool read_whole(const char *path, struct buf *out);

/* ---- children ---- */

struct child {
	pid_t pid;
	int told; /* to read what it tells */
};

/* Forks; the child calls `work` with the descriptor to tell by, and ends when that returns. */
struct child child_start(void (*work)(int fd, const void *arg), const void *arg);
/* Waits; the test fails unless the child was killed. */
void child_reap(const struct child *c);

/* Work in steps, which a crash may fall between or into. */
struct crash_work {
	int (*open)(void);
	int (*step)(unsigned long round, unsigned step);
	unsigned n_steps;      /* in a round */
	const struct err *err; /* of open and step, which return < 0 with it */
};
/* Lets a child work from round `first` on for a while and kills it; the steps it
 * acknowledged. */
unsigned long work_and_kill(const struct crash_work *w, unsigned long first, unsigned microseconds);

#endif
