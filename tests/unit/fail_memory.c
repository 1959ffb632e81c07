#include "tests/unit/fail_memory.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

/* Allocations until one fails; negative: none does. Other threads allocate, too. */
static _Atomic long left = -1;

static _Atomic int holders; /* while there are some none does */

static bool fails(void)
{
	if (holders != 0 || left < 0) {
		return false;
	}
	return left-- == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void fail_hold(bool hold)
{
	holders += hold ? 1 : -1;
}

void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

void fail_each(int (*once)(struct err *err))
{
	for (long n = 0; n < 1000; n++) {
		struct err err = {0};
		left = n;
		int rc = once(&err);
		bool done = left >= 0;
		left = -1;
		if (done) {
			ck_assert_int_eq(rc, 0);
			ck_assert_int_gt(n, 0);
			return;
		}
		ck_assert_msg(rc == -ENOMEM || rc == 0, "allocation %ld: %d %s", n, rc, err.msg);
		ck_assert_int_eq(err.code, -rc);
	}
	ck_abort_msg("never came to an end");
}
