/* How much of a long test is run: under sanitizers and valgrind, which are slow and look
 * for something else, only every so many-th case (FAULT_STRIDE, which tests/unit-run sets;
 * odd, see lose_power_at() in tests/engine/test_fault.c). */
#ifndef DBMOUNT_TEST_STRIDE_H
#define DBMOUNT_TEST_STRIDE_H

#include <stdlib.h>

/* FAULT_STRIDE, or `usual` where it is not set. */
static inline unsigned stride_or(unsigned usual)
{
	const char *text = getenv("FAULT_STRIDE");
	int n = text != NULL ? atoi(text) : (int)usual;

	return n > 1 ? (unsigned)n : 1;
}

/* Of `full` rounds of random cases those to be run. */
static inline unsigned rounds(unsigned full)
{
	unsigned stride = stride_or(1);

	return stride > 1 ? full / stride + 1 : full;
}

#endif
