/* Calls in few words: an error that all share, what they must come to, and paths. Each test
 * program includes it once. */
#ifndef DBMOUNT_TEST_CALLS_H
#define DBMOUNT_TEST_CALLS_H

#include <errno.h>

#include "engines/common/epath.h"
#include "tests/unit/fixture.h"

static struct err err;

/* The call must succeed, and say why when it does not. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		int ok_rc = (call);                                                                \
		ck_assert_msg(ok_rc == 0, "%s: %d %s", #call, ok_rc, err.msg);                     \
	} while (0)

/* The call must fail with this errno, and say something. */
#define FAILS(errno_, call)                                                                        \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		int ok_rc = (call);                                                                \
		ck_assert_msg(ok_rc == -(errno_), "%s: %d %s", #call, ok_rc, err.msg);             \
		ck_assert_int_eq(err.code, errno_);                                                \
		ck_assert_str_ne(err.msg, "");                                                     \
	} while (0)

#define SAYS(text) ck_assert_msg(strstr(err.msg, text) != NULL, "%s", err.msg)

/* Both. */
#define REFUSES(errno_, text, call)                                                                \
	do {                                                                                       \
		FAILS(errno_, call);                                                               \
		SAYS(text);                                                                        \
	} while (0)

__attribute__((unused)) static struct epath path_of(const char *const *keys, unsigned n)
{
	struct epath p = {.depth = n};
	for (unsigned i = 0; i < n; i++) {
		p.key[i] = slice_of(keys[i]);
	}
	return p;
}

#define PATH(...)                                                                                  \
	(&(struct epath[]){path_of((const char *const[]){__VA_ARGS__},                             \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))}[0])
#define ROOT (&(struct epath){0})

#endif
