/* A store of keys and numbers in a directory of its own, for the store's tests. */
#ifndef DBMOUNT_STORE_FIXTURE_H
#define DBMOUNT_STORE_FIXTURE_H

#include "engines/store/store.h"
#include "tests/unit/fixture.h"

#define FIXTURE_APP_ID 0x64626d74u
#define FIXTURE_SCHEMA                                                                             \
	"CREATE TABLE kv(k BLOB PRIMARY KEY, v INTEGER NOT NULL, body BLOB) WITHOUT ROWID;"

enum fixture_stmt { FX_PUT, FX_GET, FX_COUNT, FX_INSERT, FX_SUM, FX_BROKEN, FX_N };
extern const char *const fixture_sql[FX_N];

struct fixture {
	char dir[SITE_MAX];
	char path[128];
	struct store_config config;
	struct store *s;
};

/* A fresh directory and a config to change; opens nothing. */
void fixture_init(struct fixture *f, enum store_sync sync);
void fixture_open(struct fixture *f); /* fails the test when it cannot */
void fixture_close(struct fixture *f);
/* Closes and removes all. */
void fixture_end(struct fixture *f);

/* `body` bytes that differ with each call make a row as large as wanted. */
struct fixture_row {
	const char *key;
	int64_t value;
	size_t body;
};
int fixture_put_row(struct store_txn *t, void *row, struct err *err);
int fixture_put(struct store *s, const char *key, int64_t value, size_t body, struct err *err);
/* The value; -1: no such key; -2: an error, in err. */
int64_t fixture_get(struct store *s, const char *key, struct err *err);
int64_t fixture_count(struct store *s);
/* One statement's first number over a connection of its own. */
int64_t fixture_query(const char *path, const char *sql);
/* Whether PATH + suffix exists. */
bool fixture_has(const struct fixture *f, const char *suffix);
/* Number of directory entries. */
int fixture_files(const struct fixture *f);

/* The thread's own error, cleared: `ck_ok(store_sync(s, NEW_ERR))`. */
struct err *fixture_new_err(void);
const char *fixture_err_text(void);
#define NEW_ERR fixture_new_err()

#define ck_ok(call)                                                                                \
	do {                                                                                       \
		int ck_rc = (call);                                                                \
		ck_assert_msg(ck_rc == 0, "%s: %d %s", #call, ck_rc, fixture_err_text());          \
	} while (0)

#endif
