/* The ground the suites stand on: one open engine in a directory of its own,
 * its containers made, and short words for what tests do. */
#ifndef DBMOUNT_TESTS_HARNESS_H
#define DBMOUNT_TESTS_HARNESS_H

#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "tests/engine/profiles.h"
#include "tests/unit/fixture.h"

struct ground {
	const struct profile *profile;
	char dir[SITE_MAX];
	enum store_sync sync; /* of engines opened from now on */
	struct engine *e;
	struct epath parent; /* of the items */
	struct epath beside; /* another directory of items */
	struct err err;	     /* of the last call that used fresh() */
	/* What host.event was told, a line each. */
	pthread_mutex_t lock;
	struct buf events; /* under lock */
	unsigned changed;  /* under lock */
};

extern struct ground ground;

/* The profiles of $DBMOUNT_ENGINE ("dynamodb/sqlite"); loop tests run over them. */
unsigned chosen_profiles(void);
const struct profile *chosen_profile(int i);

void ground_setup(const struct profile *p);
void ground_teardown(void);
/* Makes the containers; setup does. */
void ground_make(void);
/* Closes and opens the engine, as a remount would. */
void ground_reopen(bool read_only);
void ground_close(void);
void ground_open(const struct engine_ops *ops, bool read_only);

/* A clean err for the next call. */
struct err *fresh(void);

/* The call succeeds and leaves err alone. */
#define OK(call)                                                                                   \
	do {                                                                                       \
		struct err *ok_err = fresh();                                                      \
		int ok_r = (call);                                                                 \
		ck_assert_msg(ok_r == 0, "%s: %d: %s", #call, ok_r, ok_err->msg);                  \
	} while (0)

/* The call fails with this errno and says why, in one line. */
#define FAILS(call, expected)                                                                      \
	do {                                                                                       \
		int fails_r = (call);                                                              \
		assert_failure(fails_r, expected, #call);                                          \
	} while (0)
void assert_failure(int r, int code, const char *what);

struct epath at(const char *key);
struct epath at_slice(struct slice key);
struct epath beside(const char *key);
/* The first `depth` keys of a path. */
struct epath up_to(const struct epath *path, unsigned depth);

/* Writes document n at path; gives its info. */
struct engine_info put(const struct epath *path, unsigned n);
int try_put(const struct epath *path, unsigned n, uint64_t expect, struct engine_info *out);
/* The number in the document there; -1 when there is none. */
long number_at(const struct epath *path);
long number_in(struct slice text);
struct engine_info stat_of(const struct epath *path);
bool exists(const struct epath *path);
/* Reads, and checks that stat says the same. */
void read_all(struct engine *e, const struct epath *path, unsigned form, struct buf *out);

/* A listing, copied. */
struct listing {
	struct buf *keys;
	struct engine_info *infos;
	size_t n;
	size_t stop_at; /* 0: never */
};
void list(struct engine *e, const struct epath *path, const struct slice *after, unsigned form,
	struct listing *out);
void listing_free(struct listing *l);
bool listing_has(const struct listing *l, struct slice key);

struct engine_level level_of(const struct epath *path);
/* The directory nearest to the items whose level has this feature;
 * false when there is none. */
bool find_feature(unsigned feature, struct epath *out);

/* Whether items are directories of their members, too. */
bool has_members(void);

/* Keys "k-0000".. as slices into one buffer. */
const char *numbered(const char *prefix, unsigned n, char out[32]);

/* The test cases of each file. */
TCase *conform_read(void);
TCase *conform_write(void);
TCase *conform_rename(void);
TCase *conform_containers(void);
TCase *conform_whole(void);
TCase *conform_concurrent(void);
TCase *conform_offers(void);

#define ADD(tcase, test) tcase_add_loop_test(tcase, test, 0, (int)chosen_profiles())
/* Inside a loop test: sets the ground of its profile. */
#define GROUND ground_setup(chosen_profile(_i))

#endif
