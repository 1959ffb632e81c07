/* A run of steps through most of what an engine can change, for the fault tests:
 * each step's outcome and the whole state after it are known from a run without
 * faults, so any run with one can be compared. */
#ifndef DBMOUNT_TESTS_SCRIPT_H
#define DBMOUNT_TESTS_SCRIPT_H

#include "tests/engine/harness.h"

#define STEPS_MAX 32

/* What a run without faults gave. */
struct script {
	unsigned n;
	int outcome[STEPS_MAX];
	struct buf state[STEPS_MAX + 1]; /* before step i; the last: at the end */
	struct buf exported;		 /* what the import step loads */
};

extern const char *const step_names[];

/* Runs all on the ground, recording. */
void script_record(struct script *s);
/* Runs one step: 0 or -errno with `err` set. */
int script_step(struct script *s, unsigned i, struct err *err);
/* Whether step i was a move between stores that got half way: the item is in
 * both, and moving it again completes it. */
bool script_is_in_both(unsigned i);
void script_finish(struct script *s);

/* Everything the engine shows, as text: paths, contents, snapshots. */
void state_print(struct buf *out);

#endif
