#include "engines/cache/redis/stream_group.h"

#include <errno.h>

/* ---- groups ---- */

static void group_of(
	const struct redis_key *key, struct slice name, sqlite3_stmt *row, struct redis_group *out)
{
	*out = (struct redis_group){
		.key = key,
		.name = name,
		.last = redis_id_unpack(store_column_slice(row, 0)),
		.read = sqlite3_column_type(row, 1) == SQLITE_NULL ? REDIS_READ_UNKNOWN
								   : sqlite3_column_int64(row, 1),
	};
}

int redis_group_find(struct redis_txn *t, const struct redis_key *key, struct slice name,
	struct redis_group *out, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT last, entries_read FROM consumer_group WHERE key = ?1 AND name = ?2", err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, name);
	int rc = store_step(row, err);
	if (rc == 1) {
		group_of(key, name, row, out);
	}
	sqlite3_reset(row);
	return rc;
}

int redis_group_save(struct redis_txn *t, const struct redis_group *g, struct err *err)
{
	static const char sql[] = "INSERT OR REPLACE INTO consumer_group VALUES(?1, ?2, ?3, ?4)";
	unsigned char packed[REDIS_ID_BYTES];
	struct slice last = redis_id_pack(g->last, packed);

	return g->read == REDIS_READ_UNKNOWN
		       ? redis_run(t, err, sql, "ibbn", g->key->id, g->name, last)
		       : redis_run(t, err, sql, "ibbi", g->key->id, g->name, last, g->read);
}

int redis_group_delete(struct redis_txn *t, const struct redis_group *g, struct err *err)
{
	int64_t key = g->key->id;
	int rc = redis_run(
		t, err, "DELETE FROM pending WHERE key = ?1 AND grp = ?2", "ib", key, g->name);

	rc = rc < 0 ? rc
		    : redis_run(t, err, "DELETE FROM consumer WHERE key = ?1 AND grp = ?2", "ib",
			      key, g->name);
	return rc < 0 ? rc
		      : redis_run(t, err, "DELETE FROM consumer_group WHERE key = ?1 AND name = ?2",
				"ib", key, g->name);
}

int redis_group_each(struct redis_txn *t, const struct redis_key *key, redis_group_fn *fn,
	void *arg, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT last, entries_read, name FROM consumer_group WHERE key = ?1 ORDER BY name",
		err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		struct redis_group g;
		group_of(key, store_column_slice(row, 2), row, &g);
		rc = fn(arg, &g, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

/* ---- how far a group is ---- */

/* Whether XDEL removed an entry behind `from` and behind the first that is left, so that counting
 * entries says nothing. */
static int has_gap(
	struct redis_txn *t, const struct redis_key *key, struct redis_id from, struct err *err)
{
	struct redis_id deleted, first;
	int rc = key->n == 0 ? 0 : redis_stream_deleted(t, key, &deleted, err);

	if (rc < 0 || key->n == 0 || redis_id_compare(from, deleted) > 0 ||
		redis_id_is_zero(deleted)) {
		return rc;
	}
	rc = redis_stream_first(t, key, &first, err);
	return rc < 0 ? rc : redis_id_compare(first, deleted) <= 0;
}

/* How many entries were ever added up to `id`, REDIS_READ_UNKNOWN. */
static int count_up_to(struct redis_txn *t, const struct redis_key *key, struct redis_id id,
	int64_t *out, struct err *err)
{
	struct redis_id first, deleted;
	int cmp = redis_id_compare(id, redis_stream_last(key));

	*out = key->c;
	if (key->c == 0 || cmp == 0 || (key->n == 0 && cmp < 0)) {
		return 0;
	}
	*out = REDIS_READ_UNKNOWN;
	int rc = redis_stream_first(t, key, &first, err);
	rc = rc < 0 ? rc : redis_stream_deleted(t, key, &deleted, err);
	if (rc < 0 || cmp > 0 ||
		(!redis_id_is_zero(deleted) && redis_id_compare(deleted, first) >= 0)) {
		return rc;
	}
	cmp = redis_id_compare(id, first);
	if (cmp <= 0) {
		*out = key->c - (int64_t)key->n + (cmp == 0);
	}
	return 0;
}

int redis_group_lag(struct redis_txn *t, const struct redis_group *g, int64_t *out, struct err *err)
{
	const struct redis_key *key = g->key;
	int64_t read = g->read;
	int gap = has_gap(t, key, g->last, err);

	*out = 0;
	if (gap < 0 || key->c == 0) {
		return gap < 0 ? gap : 0;
	}
	if (read == REDIS_READ_UNKNOWN || gap) {
		int rc = count_up_to(t, key, g->last, &read, err);
		if (rc < 0) {
			return rc;
		}
	}
	*out = read == REDIS_READ_UNKNOWN ? -1 : key->c - read;
	return 0;
}

int redis_group_passed(
	struct redis_txn *t, struct redis_group *g, struct redis_id id, struct err *err)
{
	int gap = has_gap(t, g->key, id, err);
	int rc = 0;

	if (gap < 0) {
		return gap;
	}
	if (g->read != REDIS_READ_UNKNOWN && !gap) {
		g->read++;
	} else if (g->key->c > 0) {
		rc = count_up_to(t, g->key, id, &g->read, err);
	}
	g->last = id;
	return rc;
}

/* ---- consumers ---- */

int redis_consumer_seen(struct redis_txn *t, const struct redis_group *g, struct slice name,
	bool *made, struct err *err)
{
	int rc = redis_run(t, err,
		"UPDATE consumer SET seen = ?4 WHERE key = ?1 AND grp = ?2 AND name = ?3", "ibbi",
		g->key->id, g->name, name, t->now_ms);
	bool known = rc == 0 && sqlite3_changes(t->sql) > 0;

	if (made != NULL) {
		*made = !known;
	}
	return rc < 0 || known ? rc
			       : redis_run(t, err,
					 "INSERT INTO consumer(key, grp, name, seen)"
					 " VALUES(?1, ?2, ?3, ?4)",
					 "ibbi", g->key->id, g->name, name, t->now_ms);
}

int redis_consumer_delete(struct redis_txn *t, const struct redis_group *g, struct slice name,
	int64_t *pending, struct err *err)
{
	int rc = redis_run(t, err,
		"DELETE FROM pending WHERE key = ?1 AND grp = ?2 AND consumer = ?3", "ibb",
		g->key->id, g->name, name);

	*pending = rc == 0 ? sqlite3_changes(t->sql) : 0;
	return rc < 0 ? rc
		      : redis_run(t, err,
				"DELETE FROM consumer WHERE key = ?1 AND grp = ?2 AND name = ?3",
				"ibb", g->key->id, g->name, name);
}

int redis_consumer_each(struct redis_txn *t, const struct redis_group *g, redis_consumer_fn *fn,
	void *arg, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT name, seen, (SELECT COUNT(*) FROM pending p WHERE p.key = c.key AND"
		" p.grp = c.grp AND p.consumer = c.name)"
		" FROM consumer c WHERE key = ?1 AND grp = ?2 ORDER BY name",
		err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, g->key->id);
	store_bind_slice(row, 2, g->name);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		const struct redis_consumer c = {store_column_slice(row, 0),
			sqlite3_column_int64(row, 1), sqlite3_column_int64(row, 2)};
		rc = fn(arg, &c, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

/* ---- pending entries ---- */

int redis_pending_put(struct redis_txn *t, const struct redis_group *g,
	const struct redis_pending *p, struct err *err)
{
	unsigned char packed[REDIS_ID_BYTES];

	return redis_run(t, err, "INSERT OR REPLACE INTO pending VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
		"ibbbii", g->key->id, g->name, redis_id_pack(p->id, packed), p->consumer,
		p->delivered_ms, p->times);
}

int redis_pending_remove(
	struct redis_txn *t, const struct redis_group *g, struct redis_id id, struct err *err)
{
	unsigned char packed[REDIS_ID_BYTES];
	int rc = redis_run(t, err, "DELETE FROM pending WHERE key = ?1 AND grp = ?2 AND id = ?3",
		"ibb", g->key->id, g->name, redis_id_pack(id, packed));

	return rc < 0 ? rc : sqlite3_changes(t->sql) > 0;
}

static void pending_of(sqlite3_stmt *row, struct redis_pending *out)
{
	*out = (struct redis_pending){
		.id = redis_id_unpack(store_column_slice(row, 0)),
		.consumer = store_column_slice(row, 1),
		.delivered_ms = sqlite3_column_int64(row, 2),
		.times = sqlite3_column_int64(row, 3),
	};
}

/* A statement over ?1 key, ?2 group, ?3 first id, ?4 consumer. */
static sqlite3_stmt *pending_rows(struct redis_txn *t, const struct redis_group *g,
	const struct slice *consumer, struct redis_id from, unsigned char packed[REDIS_ID_BYTES],
	struct err *err)
{
	sqlite3_stmt *row =
		consumer == NULL
			? redis_stmt(t,
				  "SELECT id, consumer, delivered, times FROM pending WHERE"
				  " key = ?1 AND grp = ?2 AND id >= ?3 ORDER BY id",
				  err)
			: redis_stmt(t,
				  "SELECT id, consumer, delivered, times FROM pending WHERE"
				  " key = ?1 AND grp = ?2 AND id >= ?3 AND consumer = ?4"
				  " ORDER BY id",
				  err);
	if (row != NULL) {
		sqlite3_bind_int64(row, 1, g->key->id);
		store_bind_slice(row, 2, g->name);
		store_bind_slice(row, 3, redis_id_pack(from, packed));
		if (consumer != NULL) {
			store_bind_slice(row, 4, *consumer);
		}
	}
	return row;
}

int redis_pending_each(struct redis_txn *t, const struct redis_group *g,
	const struct slice *consumer, struct redis_id from, redis_pending_fn *fn, void *arg,
	struct err *err)
{
	unsigned char packed[REDIS_ID_BYTES];
	sqlite3_stmt *row = pending_rows(t, g, consumer, from, packed, err);

	if (row == NULL) {
		return -err->code;
	}
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		struct redis_pending p;
		pending_of(row, &p);
		rc = fn(arg, &p, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

int redis_pending_next(struct redis_txn *t, const struct redis_group *g,
	const struct slice *consumer, struct redis_id from, struct buf *name,
	struct redis_pending *out, struct err *err)
{
	unsigned char packed[REDIS_ID_BYTES];
	sqlite3_stmt *row = pending_rows(t, g, consumer, from, packed, err);

	if (row == NULL) {
		return -err->code;
	}
	int rc = store_step(row, err);
	if (rc == 1) {
		pending_of(row, out);
		buf_clear(name);
		buf_append_slice(name, out->consumer);
		out->consumer = buf_slice(name);
		rc = name->failed ? buf_check(name, err) : 1;
	}
	sqlite3_reset(row);
	return rc;
}

int redis_pending_find(struct redis_txn *t, const struct redis_group *g, struct redis_id id,
	struct buf *consumer, struct redis_pending *out, struct err *err)
{
	int rc = redis_pending_next(t, g, NULL, id, consumer, out, err);

	return rc == 1 && redis_id_compare(out->id, id) != 0 ? 0 : rc;
}

int redis_pending_count(
	struct redis_txn *t, const struct redis_group *g, int64_t *out, struct err *err)
{
	sqlite3_stmt *row =
		redis_stmt(t, "SELECT COUNT(*) FROM pending WHERE key = ?1 AND grp = ?2", err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, g->key->id);
	store_bind_slice(row, 2, g->name);
	int rc = store_step(row, err);
	*out = rc == 1 ? sqlite3_column_int64(row, 0) : 0;
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

/* ---- with their stream ---- */

int redis_groups_drop(struct redis_txn *t, int64_t key, struct err *err)
{
	int rc = redis_run(t, err, "DELETE FROM consumer_group WHERE key = ?1", "i", key);

	rc = rc < 0 ? rc : redis_run(t, err, "DELETE FROM consumer WHERE key = ?1", "i", key);
	return rc < 0 ? rc : redis_run(t, err, "DELETE FROM pending WHERE key = ?1", "i", key);
}

int redis_groups_copy(struct redis_txn *t, int64_t from, int64_t to, struct err *err)
{
	int rc = redis_run(t, err,
		"INSERT INTO consumer_group SELECT ?2, name, last, entries_read"
		" FROM consumer_group WHERE key = ?1",
		"ii", from, to);

	rc = rc < 0 ? rc
		    : redis_run(t, err,
			      "INSERT INTO consumer SELECT ?2, grp, name, seen, active"
			      " FROM consumer WHERE key = ?1",
			      "ii", from, to);
	return rc < 0 ? rc
		      : redis_run(t, err,
				"INSERT INTO pending SELECT ?2, grp, id, consumer, delivered, times"
				" FROM pending WHERE key = ?1",
				"ii", from, to);
}
