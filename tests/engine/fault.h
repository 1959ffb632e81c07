/* An engine around an engine that fails the n-th call: for tests of what stands
 * above engines, and of what they promise when something breaks. */
#ifndef DBMOUNT_TESTS_FAULT_H
#define DBMOUNT_TESTS_FAULT_H

#include "engines/engine.h"

enum fault_calls {
	FAULT_ANY_CALL,
	FAULT_CHANGES,	     /* only calls that may change something */
	FAULT_CHANGES_AFTER, /* these, after they did it: the answer got lost */
};

struct fault {
	enum fault_calls calls;
	unsigned n;	/* which of them fails, from 1; 0: none */
	int code;	/* the errno */
	unsigned count; /* calls of that kind so far */
	bool fired;
	const struct engine_ops *inner;
	struct engine_ops ops;		 /* what to open */
	struct engine_command *commands; /* ops.commands */
};

/* Prepares f->ops around `inner`. One fault at a time, from one thread; engines
 * opened with it are closed before fault_finish(). False when memory ran out. */
bool fault_wrap(struct fault *f, const struct engine_ops *inner);
void fault_finish(struct fault *f);
/* Counting starts anew. */
void fault_arm_call(struct fault *f, enum fault_calls calls, unsigned n, int code);

#endif
