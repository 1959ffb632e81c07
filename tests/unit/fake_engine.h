/* Ops that do next to nothing, for tests of the wrapper by itself. */
#ifndef DBMOUNT_TESTS_FAKE_ENGINE_H
#define DBMOUNT_TESTS_FAKE_ENGINE_H

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engines/engine.h"

struct fake {
	atomic_int open; /* instances: the engine and its views */
	atomic_bool go;	 /* lets `wait` end */
	uint64_t told_size;
	pthread_mutex_t lock;
	struct buf events; /* under lock */
};

extern struct fake fake;
extern const struct engine_ops bare_ops; /* only what is mandatory */

/* What setup() opens: `ops` are the bare ones with commands, views, exports. */
extern struct engine_ops ops;
extern struct engine *e;
extern struct err last; /* of the last call that used fresh() */
extern const struct epath root;
extern const struct epath one;
extern const struct epath two;

void setup(void);
void teardown(void);
void open_engine(bool read_only);
struct err *fresh(void);
/* Runs a line at the root; its result replaces out. */
int command(const char *line, struct buf *out);

#define assert_refused(call, expected, text)                                                       \
	do {                                                                                       \
		ck_assert_int_eq(call, -(expected));                                               \
		ck_assert_int_eq(last.code, expected);                                             \
		ck_assert_str_eq(last.msg, text);                                                  \
	} while (0)

#endif
