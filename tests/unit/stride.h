/* How much of a long test is run: under sanitizers and valgrind, which are slow, only
 * every so many-th case (FAULT_STRIDE, which tests/unit-run sets). */
#ifndef DBMOUNT_TEST_STRIDE_H
#define DBMOUNT_TEST_STRIDE_H

#include <stdlib.h>

/* Of `full` rounds of random cases those to be run. */
static inline unsigned rounds(unsigned full)
{
	const char *text = getenv("FAULT_STRIDE");
	int stride = text != NULL ? atoi(text) : 1;

	return stride > 1 ? full / (unsigned)stride + 1 : full;
}

#endif
