#include "engines/cache/redis/list.h"

bool redis_list_index(const struct redis_key *key, int64_t index, uint64_t *out)
{
	int64_t n = (int64_t)key->n;
	int64_t at = index < 0 && index >= -n ? index + n : index;

	*out = (uint64_t)at;
	return at >= 0 && at < n;
}

void redis_list_range(
	const struct redis_key *key, int64_t start, int64_t stop, uint64_t *first, uint64_t *n)
{
	int64_t count = (int64_t)key->n;

	start = start < 0 ? (start < -count ? 0 : start + count) : start;
	stop = stop < 0 ? (stop < -count ? -1 : stop + count) : stop;
	stop = stop >= count ? count - 1 : stop;
	*first = (uint64_t)start;
	*n = start <= stop ? (uint64_t)(stop - start) + 1 : 0;
}

static int64_t position(const struct redis_key *key, uint64_t index)
{
	return key->a + (int64_t)index;
}

static int put(struct redis_txn *t, struct redis_key *key, int64_t pos, struct slice value,
	struct err *err)
{
	key->n++;
	key->bytes += value.n;
	return redis_run(t, err, "INSERT INTO list VALUES(?1, ?2, ?3, ?4, ?5)", "iiiib", key->id,
		pos, (int64_t)redis_version(t), redis_time_ns(t), value);
}

int redis_list_push(
	struct redis_txn *t, struct redis_key *key, bool left, struct slice value, struct err *err)
{
	int64_t pos = left ? --key->a : position(key, key->n);

	return put(t, key, pos, value, err);
}

/* The row of an element: value, and its length alone where `sql` says so. 1 or 0. */
static int find(struct redis_txn *t, const struct redis_key *key, uint64_t index, const char *sql,
	sqlite3_stmt **row, struct err *err)
{
	*row = redis_stmt(t, sql, err);
	if (*row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(*row, 1, key->id);
	sqlite3_bind_int64(*row, 2, position(key, index));
	return store_step(*row, err);
}

int redis_list_get(struct redis_txn *t, const struct redis_key *key, uint64_t index,
	struct buf *out, struct err *err)
{
	static const char sql[] = "SELECT value FROM list WHERE key = ?1 AND pos = ?2";
	sqlite3_stmt *row = NULL;
	int rc = find(t, key, index, sql, &row, err);

	if (rc == 1) {
		buf_append_slice(out, store_column_slice(row, 0));
	}
	sqlite3_reset(row);
	return rc < 0 ? rc : buf_check(out, err);
}

int redis_list_set(struct redis_txn *t, struct redis_key *key, uint64_t index, struct slice value,
	struct err *err)
{
	static const char sql[] = "SELECT LENGTH(value) FROM list WHERE key = ?1 AND pos = ?2";
	sqlite3_stmt *row = NULL;
	int rc = find(t, key, index, sql, &row, err);

	if (rc == 1) {
		key->bytes += value.n - (uint64_t)sqlite3_column_int64(row, 0);
	}
	sqlite3_reset(row);
	return rc < 0 ? rc
		      : redis_run(t, err,
				"UPDATE list SET version = ?3, mtime = ?4, value = ?5"
				" WHERE key = ?1 AND pos = ?2",
				"iiiib", key->id, position(key, index), (int64_t)redis_version(t),
				redis_time_ns(t), value);
}

/* ---- in the middle ---- */

/* To a position that is free. */
static int move(
	struct redis_txn *t, const struct redis_key *key, int64_t from, int64_t to, struct err *err)
{
	return redis_run(t, err, "UPDATE list SET pos = ?3 WHERE key = ?1 AND pos = ?2", "iii",
		key->id, from, to);
}

int redis_list_insert(struct redis_txn *t, struct redis_key *key, uint64_t index,
	struct slice value, struct err *err)
{
	int64_t at = position(key, index), end = position(key, key->n);
	int rc = 0;

	if (index < key->n - index) {
		for (int64_t pos = key->a; rc == 0 && pos < at; pos++) {
			rc = move(t, key, pos, pos - 1, err);
		}
		key->a--;
		at--;
	} else {
		for (int64_t pos = end; rc == 0 && pos > at; pos--) {
			rc = move(t, key, pos - 1, pos, err);
		}
	}
	return rc < 0 ? rc : put(t, key, at, value, err);
}

/* Removes the rows [from, to). */
static int remove_rows(
	struct redis_txn *t, struct redis_key *key, int64_t from, int64_t to, struct err *err)
{
	static const char sql[] = "SELECT SUM(LENGTH(value)) FROM list"
				  " WHERE key = ?1 AND pos >= ?2 AND pos < ?3";
	sqlite3_stmt *sum = from < to ? redis_stmt(t, sql, err) : NULL;

	if (sum == NULL) {
		return from < to ? -err->code : 0;
	}
	sqlite3_bind_int64(sum, 1, key->id);
	sqlite3_bind_int64(sum, 2, from);
	sqlite3_bind_int64(sum, 3, to);
	int rc = store_step(sum, err);
	if (rc == 1) {
		key->bytes -= (uint64_t)sqlite3_column_int64(sum, 0);
		key->n -= (uint64_t)(to - from);
	}
	sqlite3_reset(sum);
	return rc < 0 ? rc
		      : redis_run(t, err,
				"DELETE FROM list WHERE key = ?1 AND pos >= ?2 AND pos < ?3", "iii",
				key->id, from, to);
}

/* Those behind the first that went move up. */
static int close_from_right(struct redis_txn *t, const struct redis_key *key, int64_t end,
	const uint64_t *gone, size_t n, struct err *err)
{
	int64_t to = position(key, gone[0]);
	int rc = 0;
	size_t next = 0;

	for (int64_t pos = to; rc == 0 && pos < end; pos++) {
		if (next < n && pos == position(key, gone[next])) {
			next++;
		} else {
			rc = move(t, key, pos, to++, err);
		}
	}
	return rc;
}

/* Those before the last that went move towards it. */
static int close_from_left(
	struct redis_txn *t, struct redis_key *key, const uint64_t *gone, size_t n, struct err *err)
{
	int64_t to = position(key, gone[n - 1]);
	int rc = 0;
	size_t next = n;

	for (int64_t pos = to; rc == 0 && pos >= key->a; pos--) {
		if (next > 0 && pos == position(key, gone[next - 1])) {
			next--;
		} else {
			rc = move(t, key, pos, to--, err);
		}
	}
	key->a += (int64_t)n;
	return rc;
}

int redis_list_remove(struct redis_txn *t, struct redis_key *key, const uint64_t *index, size_t n,
	struct err *err)
{
	uint64_t had = key->n;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		int64_t pos = position(key, index[i]);
		rc = remove_rows(t, key, pos, pos + 1, err);
	}
	if (rc < 0 || n == 0) {
		return rc;
	}
	return index[n - 1] < had - index[0]
		       ? close_from_left(t, key, index, n, err)
		       : close_from_right(t, key, position(key, had), index, n, err);
}

int redis_list_trim(
	struct redis_txn *t, struct redis_key *key, uint64_t first, uint64_t n, struct err *err)
{
	int64_t from = position(key, first), to = position(key, first + n);
	int rc = remove_rows(t, key, to, position(key, key->n), err);

	rc = rc < 0 ? rc : remove_rows(t, key, key->a, from, err);
	key->a = from;
	return rc;
}

/* ---- in order ---- */

int redis_list_each(struct redis_txn *t, const struct redis_key *key, uint64_t index, bool backward,
	uint64_t n, redis_list_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *row =
		backward ? redis_stmt(t,
				   "SELECT pos, value FROM list WHERE key = ?1 AND pos <= ?2"
				   " ORDER BY pos DESC LIMIT ?3",
				   err)
			 : redis_stmt(t,
				   "SELECT pos, value FROM list WHERE key = ?1 AND pos >= ?2"
				   " ORDER BY pos LIMIT ?3",
				   err);
	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	sqlite3_bind_int64(row, 2, position(key, index));
	sqlite3_bind_int64(row, 3, n < INT64_MAX ? (int64_t)n : INT64_MAX);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		rc = fn(arg, (uint64_t)(sqlite3_column_int64(row, 0) - key->a),
			store_column_slice(row, 1), err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}
