/* Keys under another name, and all keys. */
#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/type.h"

/* What has that name goes. *row: where SCAN found it, and shall find what takes its place, so
 * that a scan that goes on meets the name; 0: there was nothing. */
static int make_room(struct redis_txn *t, struct slice name, int64_t *row, struct err *err)
{
	struct redis_key old;
	int rc = redis_key_peek(t, name, &old, err);

	*row = rc == 1 ? old.row : 0;
	return rc == 1 ? redis_key_delete(t, name, &old, err) : rc;
}

static int rename_row(
	struct redis_txn *t, struct slice to, int64_t row, struct redis_key *key, struct err *err)
{
	key->version = redis_version(t);
	int rc = redis_run(t, err, "UPDATE key SET row=?1,name=?2,bytes=?3,version=?4 WHERE row=?5",
		"ibiii", row, to, (int64_t)key->bytes, (int64_t)key->version, key->row);
	key->row = row;
	return rc;
}

int redis_key_rename(struct redis_txn *t, struct slice from, const struct redis_key *key,
	struct slice to, struct err *err)
{
	struct redis_key moved = *key;
	int64_t row = 0;

	if (slice_equal(from, to)) {
		return 0;
	}
	int rc = make_room(t, to, &row, err);
	moved.bytes += to.n - from.n;
	rc = rc < 0 ? rc : rename_row(t, to, row != 0 ? row : key->row, &moved, err);
	rc = rc < 0 ? rc : redis_long_remove(t, 0, from, err);
	rc = rc < 0 ? rc : redis_long_add(t, 0, to, err);
	if (rc < 0) {
		return rc;
	}
	redis_note(t, from, NULL);
	return redis_key_changed(t, to, &moved, true, NULL, err);
}

static int copy_row(struct redis_txn *t, const struct redis_key *from, struct slice to,
	struct redis_key *key, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t,
		"INSERT INTO key(row,name,id,type,expires,version,mtime,n,bytes,a,b,c,value)"
		" SELECT ?1,?2,?3,type,expires,?4,?5,n,?6,a,b,c,value FROM key WHERE row=?7",
		err);

	if (stmt == NULL) {
		return -err->code;
	}
	if (key->row != 0) {
		sqlite3_bind_int64(stmt, 1, key->row);
	}
	store_bind_slice(stmt, 2, to);
	sqlite3_bind_int64(stmt, 3, key->id);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)key->version);
	sqlite3_bind_int64(stmt, 5, key->mtime_ns);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)key->bytes);
	sqlite3_bind_int64(stmt, 7, from->row);
	return redis_done(t, stmt, err);
}

static int copy_elements(
	struct redis_txn *t, const struct redis_key *from, int64_t to, struct err *err)
{
	const struct redis_type_ops *ops;

	if (from->type == REDIS_STRING) {
		return 0;
	}
	int rc = redis_key_ops(t, from, &ops, err);
	rc = rc < 0 ? rc : ops->copy(t, from, to, err);
	return rc < 0 ? rc
		      : redis_run(t, err,
				"INSERT INTO long(owner,hash,name)"
				" SELECT ?1,hash,name FROM long WHERE owner=?2",
				"ii", to, from->id);
}

int redis_key_copy(struct redis_txn *t, struct slice from, const struct redis_key *key,
	struct slice to, struct err *err)
{
	struct redis_key copy;
	int64_t row = 0;

	int rc = make_room(t, to, &row, err);
	rc = rc < 0 ? rc : redis_key_new(t, to, key->type, &copy, err);
	if (rc < 0) {
		return rc;
	}
	copy.row = row;
	copy.n = key->n;
	copy.bytes = key->bytes + to.n - from.n;
	copy.version = redis_version(t);
	copy.mtime_ns = redis_time_ns(t);
	rc = copy_row(t, key, to, &copy, err);
	rc = rc < 0 ? rc : copy_elements(t, key, copy.id, err);
	rc = rc < 0 ? rc : redis_long_add(t, 0, to, err);
	rc = rc < 0 ? rc : redis_key_changed(t, to, &copy, true, NULL, err);
	if (rc == 0) {
		redis_state(t, NULL, err)->keys++;
	}
	return rc;
}

/* ---- all ---- */

int redis_keys_count(struct redis_txn *t, uint64_t *out, struct err *err)
{
	struct redis_state room = {0};
	const struct redis_state *s = redis_state(t, &room, err);

	if (s == NULL) {
		return -err->code;
	}
	*out = s->keys;
	return 0;
}

int redis_keys_mtime(struct redis_txn *t, int64_t *out, struct err *err)
{
	struct redis_state room = {0};
	const struct redis_state *s = redis_state(t, &room, err);

	if (s == NULL) {
		return -err->code;
	}
	*out = s->mtime;
	return 0;
}

int redis_keys_flush(struct redis_txn *t, struct err *err)
{
	static const char *const tables[] = {"DELETE FROM key", "DELETE FROM hash",
		"DELETE FROM list", "DELETE FROM member", "DELETE FROM score", "DELETE FROM entry",
		"DELETE FROM tombstone", "DELETE FROM consumer_group", "DELETE FROM consumer",
		"DELETE FROM pending", "DELETE FROM long"};
	struct redis_state *s = redis_state(t, NULL, err);

	if (s == NULL) {
		return -err->code;
	}
	for (size_t i = 0; s->keys > 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
		int rc = redis_run(t, err, tables[i], "");
		if (rc < 0) {
			return rc;
		}
	}
	if (s->keys > 0) {
		s->keys = s->bytes = 0;
		s->mtime = redis_time_ns(t);
		s->dirty = true;
		redis_note_anything(t);
	}
	return 0;
}

static int each_row(
	struct redis_txn *t, sqlite3_stmt *stmt, redis_key_fn *fn, void *arg, struct err *err)
{
	struct redis_key key;
	int rc;

	while ((rc = redis_row(t, stmt, err)) == 1) {
		rc = redis_key_from(t, stmt, &key, err);
		if (rc == 0 && !redis_key_expired(t, &key)) {
			rc = fn(arg, store_column_slice(stmt, REDIS_KEY_VALUE), &key, err);
		}
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc;
}

int redis_key_each(struct redis_txn *t, const struct slice *after, redis_key_fn *fn, void *arg,
	struct err *err)
{
	sqlite3_stmt *stmt =
		after != NULL
			? redis_stmt(t,
				  "SELECT " REDIS_KEY_COLUMNS
				  ",name FROM key WHERE name>?1 ORDER BY name",
				  err)
			: redis_stmt(t, "SELECT " REDIS_KEY_COLUMNS ",name FROM key ORDER BY name",
				  err);

	if (stmt == NULL) {
		return -err->code;
	}
	if (after != NULL) {
		store_bind_slice(stmt, 1, *after);
	}
	return each_row(t, stmt, fn, arg, err);
}
