/* Keys whose time has come, whether or not anybody looks at them. */
#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/evict.h"

int redis_expire_next(struct redis_txn *t, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t,
		"SELECT expires FROM key WHERE expires IS NOT NULL ORDER BY expires LIMIT 1", err);
	int rc = stmt != NULL ? redis_row(t, stmt, err) : -err->code;

	*out = 0;
	if (rc == 1) {
		*out = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	return rc < 0 ? rc : 0;
}

int redis_first_to_expire(
	struct redis_txn *t, struct buf *name, struct redis_key *key, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t,
		"SELECT " REDIS_KEY_COLUMNS ",name FROM key WHERE expires IS NOT NULL"
		" ORDER BY expires LIMIT 1",
		err);
	int rc = stmt != NULL ? redis_row(t, stmt, err) : -err->code;

	return rc < 1 ? rc : redis_key_named(t, stmt, name, key, err);
}

int redis_expire_due(struct redis_txn *t, unsigned limit, unsigned *n, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_key key;

	for (*n = 0; *n < limit; ++*n) {
		int rc = redis_first_to_expire(t, &name, &key, err);
		if (rc <= 0 || !redis_key_expired(t, &key)) {
			return rc < 0 ? rc : 0;
		}
		rc = redis_key_delete(t, buf_slice(&name), &key, err);
		if (rc < 0) {
			return rc;
		}
		t->db->counts.expired++;
	}
	return 0;
}
