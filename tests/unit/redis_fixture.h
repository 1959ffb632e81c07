/* A Redis-like cluster's keys in a directory of their own, on an instance. */
#ifndef DBMOUNT_REDIS_FIXTURE_H
#define DBMOUNT_REDIS_FIXTURE_H

#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/key.h"
#include "tests/unit/fixture.h"

struct redis_fixture {
	char dir[SITE_MAX];
	char path[3][96];
	struct instance_config config;
	struct instance *store;
	struct redis_db *db;
	struct redis_limits limits;
	struct buf told; /* "key ", "key/element ", "* " */
	struct err err;	 /* of the last call */
};

/* The directory and the config; nothing is made. */
void redis_fixture_init(struct redis_fixture *f);
/* The same, created and open. */
void redis_fixture_start(struct redis_fixture *f);
void redis_fixture_open(struct redis_fixture *f);
void redis_fixture_close(struct redis_fixture *f);
/* Checks, closes, removes. */
void redis_fixture_end(struct redis_fixture *f);
/* Fails the test with the last error. */
#define redis_ok(f, call)                                                                          \
	do {                                                                                       \
		int redis_rc = (call);                                                             \
		ck_assert_msg(redis_rc == 0, "%s: %d %s", #call, redis_rc, (f)->err.msg);          \
	} while (0)

/* A call in a transaction of its own: what it returned. */
int redis_fixture_read(struct redis_fixture *f, redis_fn *fn, void *arg);
int redis_fixture_write(struct redis_fixture *f, redis_fn *fn, void *arg);

int keys_put(struct redis_fixture *f, const char *name, const char *value);
/* The value of a string; "(none)". In a buffer that the next call reuses. */
const char *keys_value(struct redis_fixture *f, const char *name);
/* The names of all keys, each followed by a space. In the same buffer. */
const char *keys_names(struct redis_fixture *f);
/* Row and sizes, expired or not in a read: 1 or 0 of redis_key_peek(). */
int keys_of(struct redis_fixture *f, const char *name, struct redis_key *out);
/* 0: deleted. */
int keys_drop(struct redis_fixture *f, const char *name);
int keys_expire_at(struct redis_fixture *f, const char *name, int64_t expires_ms);
/* Fails the test unless `state` agrees with the keys, and no element is without its key. */
void redis_fixture_check(struct redis_fixture *f);

#endif
