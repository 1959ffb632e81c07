/* An engine for the tests: boxes (directories) of items (JSON objects), all in
 * memory, written to one file when it closes. Small enough to be right by
 * reading, so what fails over it is the wrapper, the suite or the front. */
#ifndef DBMOUNT_TESTS_TOY_H
#define DBMOUNT_TESTS_TOY_H

#include "engines/engine.h"

extern const struct engine_ops toy_memory_ops;

#endif
