/* A key: found, made, saved, deleted. */
#include "engines/cache/redis/key.h"

#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/type.h"

/* ---- rows ---- */

int redis_key_from(struct redis_txn *t, sqlite3_stmt *stmt, struct redis_key *out, struct err *err)
{
	int type = sqlite3_column_int(stmt, 2);

	if (type < 0 || type >= REDIS_TYPES) {
		return err_set(
			err, EIO, "%s: it is damaged: a key has the type %d", t->label, type);
	}
	*out = (struct redis_key){
		.row = sqlite3_column_int64(stmt, 0),
		.id = sqlite3_column_int64(stmt, 1),
		.type = (enum redis_type)type,
		.expires_ms = sqlite3_column_int64(stmt, 3),
		.version = (uint64_t)sqlite3_column_int64(stmt, 4),
		.mtime_ns = sqlite3_column_int64(stmt, 5),
		.n = (uint64_t)sqlite3_column_int64(stmt, 6),
		.bytes = (uint64_t)sqlite3_column_int64(stmt, 7),
		.a = sqlite3_column_int64(stmt, 8),
		.b = sqlite3_column_int64(stmt, 9),
		.c = sqlite3_column_int64(stmt, 10),
	};
	out->stored = redis_key_cost(out);
	return 0;
}

int redis_key_named(struct redis_txn *t, sqlite3_stmt *stmt, struct buf *name,
	struct redis_key *key, struct err *err)
{
	int rc = redis_key_from(t, stmt, key, err);

	buf_clear(name);
	buf_append_slice(name, store_column_slice(stmt, REDIS_KEY_VALUE));
	sqlite3_reset(stmt);
	rc = rc < 0 ? rc : buf_check(name, err);
	return rc < 0 ? rc : 1;
}

uint64_t redis_key_cost(const struct redis_key *key)
{
	uint64_t elements = key->type == REDIS_STRING ? 0 : key->n;

	return REDIS_COST_KEY + key->bytes + elements * REDIS_COST_ELEMENT;
}

int redis_key_ops(struct redis_txn *t, const struct redis_key *key,
	const struct redis_type_ops **out, struct err *err)
{
	*out = redis_types[key->type];
	if (*out == NULL || (*out)->drop == NULL) {
		return err_set(err, EIO, "%s: it is damaged: a key has the type %d", t->label,
			(int)key->type);
	}
	return 0;
}

/* ---- finding ---- */

/* Whether or not it has expired. */
static int find_row(struct redis_txn *t, struct slice name, struct redis_key *out, struct err *err)
{
	sqlite3_stmt *stmt =
		redis_stmt(t, "SELECT " REDIS_KEY_COLUMNS " FROM key WHERE name=?1", err);

	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, name);
	int rc = redis_row(t, stmt, err);
	if (rc == 1) {
		rc = redis_key_from(t, stmt, out, err);
		sqlite3_reset(stmt);
		return rc < 0 ? rc : 1;
	}
	return rc;
}

int redis_key_peek(struct redis_txn *t, struct slice name, struct redis_key *out, struct err *err)
{
	int rc = find_row(t, name, out, err);

	if (rc != 1 || !redis_key_expired(t, out)) {
		return rc;
	}
	if (t->changed != NULL) {
		t->db->counts.expired++;
		return redis_key_delete(t, name, out, err);
	}
	return 0;
}

void redis_key_used(struct redis_txn *t, struct slice name, bool found)
{
	if (t->counting) {
		atomic_fetch_add_explicit(found ? &t->db->counts.hits : &t->db->counts.misses, 1,
			memory_order_relaxed);
	}
	if (found) {
		redis_accessed(t, name);
	}
}

int redis_key_find(struct redis_txn *t, struct slice name, struct redis_key *out, struct err *err)
{
	int rc = redis_key_peek(t, name, out, err);

	if (rc >= 0) {
		redis_key_used(t, name, rc == 1);
	}
	return rc;
}

int redis_wrong_type(struct err *err)
{
	return err_set(
		err, EINVAL, "WRONGTYPE Operation against a key holding the wrong kind of value");
}

int redis_key_typed(struct redis_txn *t, struct slice name, enum redis_type type,
	struct redis_key *out, struct err *err)
{
	int rc = redis_key_find(t, name, out, err);

	return rc == 1 && out->type != type ? redis_wrong_type(err) : rc;
}

int redis_key_new(struct redis_txn *t, struct slice name, enum redis_type type,
	struct redis_key *out, struct err *err)
{
	struct redis_state *s = redis_state(t, NULL, err);

	if (s == NULL) {
		return -err->code;
	}
	s->dirty = true;
	*out = (struct redis_key){.id = ++s->last_id, .type = type, .bytes = name.n};
	return 0;
}

int redis_key_open(struct redis_txn *t, struct slice name, enum redis_type type,
	struct redis_key *out, struct err *err)
{
	int rc = redis_key_typed(t, name, type, out, err);

	return rc != 0 ? rc : redis_key_new(t, name, type, out, err);
}

/* ---- changing ---- */

int redis_key_changed(struct redis_txn *t, struct slice name, struct redis_key *key, bool list,
	const struct slice *element, struct err *err)
{
	struct redis_state *s = redis_state(t, NULL, err);
	uint64_t cost = redis_key_cost(key);

	if (s == NULL) {
		return -err->code;
	}
	s->bytes += cost - key->stored;
	key->stored = cost;
	if (list) {
		s->mtime = redis_time_ns(t);
	}
	s->dirty = true;
	redis_note(t, name, element);
	return 0;
}

static void bind_expiry(sqlite3_stmt *stmt, int index, int64_t expires_ms)
{
	if (expires_ms != 0) {
		sqlite3_bind_int64(stmt, index, expires_ms);
	}
}

static void bind_row(sqlite3_stmt *stmt, const struct redis_key *key)
{
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)key->version);
	sqlite3_bind_int64(stmt, 2, key->mtime_ns);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)key->n);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)key->bytes);
	sqlite3_bind_int64(stmt, 5, key->a);
	sqlite3_bind_int64(stmt, 6, key->b);
	sqlite3_bind_int64(stmt, 7, key->c);
	bind_expiry(stmt, 8, key->expires_ms);
}

int redis_key_insert(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct slice *value, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t,
		"INSERT INTO key(version,mtime,n,bytes,a,b,c,expires,name,id,type,value)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)",
		err);
	struct redis_state *s = stmt != NULL ? redis_state(t, NULL, err) : NULL;

	if (s == NULL) {
		return -err->code;
	}
	bind_row(stmt, key);
	store_bind_slice(stmt, 9, name);
	sqlite3_bind_int64(stmt, 10, key->id);
	sqlite3_bind_int(stmt, 11, (int)key->type);
	if (value != NULL) {
		store_bind_slice(stmt, 12, *value);
	}
	int rc = redis_done(t, stmt, err);
	rc = rc < 0 ? rc : redis_long_add(t, 0, name, err);
	if (rc == 0) {
		key->row = sqlite3_last_insert_rowid(t->sql);
		s->keys++;
		redis_accessed(t, name);
	}
	return rc;
}

static int update(struct redis_txn *t, const struct redis_key *key, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t,
		"UPDATE key SET version=?1,mtime=?2,n=?3,bytes=?4,a=?5,b=?6,c=?7,expires=?8"
		" WHERE row=?9",
		err);

	if (stmt == NULL) {
		return -err->code;
	}
	bind_row(stmt, key);
	sqlite3_bind_int64(stmt, 9, key->row);
	return redis_done(t, stmt, err);
}

int redis_key_save(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct slice *element, struct err *err)
{
	bool fresh = key->row == 0;

	if (key->n == 0 && key->type != REDIS_STREAM && key->type != REDIS_STRING) {
		return fresh ? 0 : redis_key_delete(t, name, key, err);
	}
	key->version = redis_version(t);
	if (fresh || element == NULL) {
		key->mtime_ns = redis_time_ns(t);
	}
	int rc = fresh ? redis_key_insert(t, name, key, NULL, err) : update(t, key, err);
	return rc < 0 ? rc : redis_key_changed(t, name, key, fresh, fresh ? NULL : element, err);
}

int redis_key_drop(struct redis_txn *t, const struct redis_key *key, struct err *err)
{
	const struct redis_type_ops *ops;

	if (key->type == REDIS_STRING) {
		return 0;
	}
	int rc = redis_key_ops(t, key, &ops, err);
	rc = rc < 0 ? rc : ops->drop(t, key, err);
	return rc < 0 ? rc : redis_run(t, err, "DELETE FROM long WHERE owner=?1", "i", key->id);
}

int redis_key_delete(
	struct redis_txn *t, struct slice name, const struct redis_key *key, struct err *err)
{
	struct redis_state *s = redis_state(t, NULL, err);

	if (s == NULL) {
		return -err->code;
	}
	int rc = redis_key_drop(t, key, err);
	rc = rc < 0 ? rc : redis_run(t, err, "DELETE FROM key WHERE row=?1", "i", key->row);
	rc = rc < 0 ? rc : redis_long_remove(t, 0, name, err);
	if (rc < 0) {
		return rc;
	}
	s->keys--;
	s->bytes -= key->stored;
	s->mtime = redis_time_ns(t);
	s->dirty = true;
	redis_note(t, name, NULL);
	return 0;
}

int redis_key_expire(struct redis_txn *t, struct slice name, struct redis_key *key,
	int64_t expires_ms, struct err *err)
{
	key->expires_ms = expires_ms;
	if (redis_key_expired(t, key)) {
		return redis_key_delete(t, name, key, err);
	}
	key->version = redis_version(t);
	sqlite3_stmt *stmt =
		redis_stmt(t, "UPDATE key SET version=?1,expires=?2 WHERE row=?3", err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)key->version);
	bind_expiry(stmt, 2, expires_ms);
	sqlite3_bind_int64(stmt, 3, key->row);
	int rc = redis_done(t, stmt, err);
	if (rc == 0) {
		redis_note(t, name, NULL);
	}
	return rc;
}
