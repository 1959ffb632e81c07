/* Strings: the key's row holds the value. */
#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/type.h"

const struct redis_type_ops redis_string_type = {
	.name = "string",
	.suffix = "",
	.noun = "byte",
};

int redis_string_get(
	struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t, "SELECT value FROM key WHERE row=?1", err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, key->row);
	int rc = redis_row(t, stmt, err);
	if (rc == 1) {
		buf_append_slice(out, store_column_slice(stmt, 0));
		sqlite3_reset(stmt);
		return buf_check(out, err);
	}
	return rc < 0 ? rc : err_set(err, EIO, "%s: it is damaged: a key is gone", t->label);
}

/* 1 or 0: nothing was found, or something that is left to redis_key_typed(). */
static int read_row(struct redis_txn *t, struct slice name, struct redis_key *key, struct buf *out,
	struct err *err)
{
	sqlite3_stmt *stmt =
		redis_stmt(t, "SELECT " REDIS_KEY_COLUMNS ",value FROM key WHERE name=?1", err);

	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, name);
	int rc = redis_row(t, stmt, err);
	if (rc < 1) {
		return rc;
	}
	rc = redis_key_from(t, stmt, key, err);
	if (rc == 0 && key->type == REDIS_STRING && !redis_key_expired(t, key)) {
		buf_append_slice(out, store_column_slice(stmt, REDIS_KEY_VALUE));
		rc = buf_check(out, err);
		rc = rc < 0 ? rc : 1;
	}
	sqlite3_reset(stmt);
	return rc;
}

int redis_string_read(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct buf *out, struct err *err)
{
	int rc = read_row(t, name, key, out, err);

	if (rc == 0) {
		return redis_key_typed(t, name, REDIS_STRING, key, err);
	}
	if (rc == 1) {
		redis_key_used(t, name, true);
	}
	return rc;
}

/* ---- writing ---- */

static int update_value(
	struct redis_txn *t, const struct redis_key *key, struct slice value, struct err *err)
{
	return redis_run(t, err,
		"UPDATE key SET version=?1,mtime=?2,n=?3,bytes=?4,value=?5 WHERE row=?6", "iiiibi",
		(int64_t)key->version, key->mtime_ns, (int64_t)key->n, (int64_t)key->bytes, value,
		key->row);
}

/* Of what was of another type, or whose expiry changes. */
static int update_all(
	struct redis_txn *t, const struct redis_key *key, struct slice value, struct err *err)
{
	return redis_run(t, err,
		"UPDATE key SET type=?1,expires=nullif(?2,0),a=0,b=0,c=0,version=?3,mtime=?4,n=?5,"
		"bytes=?6,value=?7 WHERE row=?8",
		"iiiiiibi", (int64_t)key->type, key->expires_ms, (int64_t)key->version,
		key->mtime_ns, (int64_t)key->n, (int64_t)key->bytes, value, key->row);
}

static int store(struct redis_txn *t, struct slice name, struct slice value, bool same,
	struct redis_key *key, struct err *err)
{
	bool fresh = key->row == 0;
	bool retyped = key->type != REDIS_STRING;
	int rc = retyped ? redis_key_drop(t, key, err) : 0;

	key->type = REDIS_STRING;
	key->n = value.n;
	key->bytes = name.n + value.n;
	key->version = redis_version(t);
	key->mtime_ns = redis_time_ns(t);
	if (rc == 0 && fresh) {
		rc = redis_key_insert(t, name, key, &value, err);
	} else if (rc == 0) {
		rc = same && !retyped ? update_value(t, key, value, err)
				      : update_all(t, key, value, err);
	}
	return rc < 0 ? rc : redis_key_changed(t, name, key, fresh || retyped, NULL, err);
}

static int check_size(struct slice value, struct err *err)
{
	return value.n <= REDIS_STRING_MAX ? 0
					   : err_set(err, EFBIG,
						     "ERR string exceeds maximum allowed size "
						     "(proto-max-bulk-len)");
}

int redis_string_change(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice value, struct err *err)
{
	int rc = check_size(value, err);

	return rc < 0 ? rc : store(t, name, value, true, key, err);
}

int redis_string_set(struct redis_txn *t, struct slice name, struct slice value, bool keep_ttl,
	int64_t expires_ms, struct redis_key *out, struct err *err)
{
	int rc = check_size(value, err);
	if (rc < 0) {
		return rc;
	}
	rc = redis_key_peek(t, name, out, err);
	rc = rc != 0 ? rc : redis_key_new(t, name, REDIS_STRING, out, err);
	if (rc < 0) {
		return rc;
	}
	int64_t before = out->expires_ms;
	out->expires_ms = expires_ms != 0 || !keep_ttl ? expires_ms : before;
	out->a = out->b = out->c = 0;
	return store(t, name, value, out->expires_ms == before, out, err);
}
