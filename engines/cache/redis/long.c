/* Names too long for a file name, by their hash. */
#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/common/name.h"

/* What children of a cluster may bear: a string nothing, a typed key its suffix. */
static const char *const key_suffixes[] = {"", ".hash", ".list", ".set", ".zset", ".stream"};
static const struct name_rules key_names = {
	key_suffixes, sizeof(key_suffixes) / sizeof(key_suffixes[0])};

/* A byte takes at most three. */
#define SURELY_SHORT ((NAME_MAX_BYTES - 16) / 3)

static bool is_long(int64_t owner, struct slice name)
{
	return name.n > SURELY_SHORT &&
	       name_is_long(name, owner == 0 ? &key_names : &NAME_RULES_DIR);
}

static _Atomic uint32_t *made_at(struct redis_txn *t, struct slice name)
{
	uint64_t h = store_key_hash(name, slice_make(NULL, 0));

	return &t->db->made[h % REDIS_MADE_PLACES];
}

uint64_t redis_made(struct redis_txn *t, struct slice name)
{
	return *made_at(t, name);
}

int redis_long_add(struct redis_txn *t, int64_t owner, struct slice name, struct err *err)
{
	unsigned char hash[NAME_HASH_BYTES];

	if (owner == 0) {
		++*made_at(t, name); /* whatever becomes of the transaction */
	}

	if (!is_long(owner, name)) {
		return 0;
	}
	name_hash(name, hash);
	return redis_run(t, err, "INSERT OR REPLACE INTO long(owner,hash,name) VALUES(?1,?2,?3)",
		"ibb", owner, slice_make(hash, sizeof(hash)), name);
}

int redis_long_remove(struct redis_txn *t, int64_t owner, struct slice name, struct err *err)
{
	unsigned char hash[NAME_HASH_BYTES];

	if (!is_long(owner, name)) {
		return 0;
	}
	name_hash(name, hash);
	return redis_run(t, err, "DELETE FROM long WHERE owner=?1 AND hash=?2", "ib", owner,
		slice_make(hash, sizeof(hash)));
}

int redis_long_find(struct redis_txn *t, int64_t owner, const unsigned char hash[16],
	struct buf *name, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t, "SELECT name FROM long WHERE owner=?1 AND hash=?2", err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, owner);
	store_bind_slice(stmt, 2, slice_make(hash, NAME_HASH_BYTES));
	int rc = redis_row(t, stmt, err);
	if (rc == 1) {
		buf_append_slice(name, store_column_slice(stmt, 0));
		sqlite3_reset(stmt);
		return buf_check(name, err);
	}
	return rc < 0 ? rc : err_set(err, ENOENT, "there is no such name");
}
