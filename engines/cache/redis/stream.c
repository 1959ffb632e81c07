#include "engines/cache/redis/stream.h"

#include <errno.h>

#include "engines/cache/redis/reply.h"

size_t redis_fields_count(struct slice fields)
{
	struct redis_reply bulk;
	size_t n = 0;

	while (redis_reply_next(&fields, &bulk)) {
		n++;
	}
	return n;
}

void redis_reply_entry(struct buf *out, struct redis_id id, struct slice fields)
{
	redis_reply_array(out, 2);
	redis_reply_id(out, id);
	redis_reply_array(out, redis_fields_count(fields));
	buf_append_slice(out, fields);
}

/* ---- adding ---- */

static int too_small(struct err *err)
{
	return err_set(err, EINVAL,
		"ERR The ID specified in XADD is equal or smaller than the target stream top item");
}

static int next_seq(struct redis_id last, uint64_t ms, struct redis_id *out, struct err *err)
{
	*out = (struct redis_id){ms, 0};
	if (ms == last.ms) {
		if (last.seq == UINT64_MAX) {
			return too_small(err);
		}
		out->seq = last.seq + 1;
	}
	return 0;
}

int redis_stream_next_id(struct redis_txn *t, const struct redis_key *key,
	const struct redis_id_asked *asked, struct redis_id *out, struct err *err)
{
	struct redis_id last = redis_stream_last(key);
	int rc = 0;

	if (redis_id_compare(last, REDIS_ID_MAX) == 0) {
		return err_set(err, EINVAL,
			"ERR The stream has exhausted the last possible ID, unable to add more "
			"items");
	}
	if (!asked->has_ms) {
		*out = (struct redis_id){(uint64_t)t->now_ms, 0};
		if (out->ms <= last.ms) {
			*out = last;
			redis_id_next(out);
		}
	} else if (!asked->has_seq) {
		rc = next_seq(last, asked->id.ms, out, err);
	} else {
		*out = asked->id;
	}
	return rc < 0 ? rc : redis_id_compare(*out, last) > 0 ? 0 : too_small(err);
}

int redis_stream_add(struct redis_txn *t, struct redis_key *key, struct redis_id id,
	struct slice fields, struct err *err)
{
	unsigned char packed[REDIS_ID_BYTES];

	key->n++;
	key->bytes += REDIS_ID_BYTES + fields.n;
	key->a = (int64_t)id.ms;
	key->b = (int64_t)id.seq;
	key->c++;
	return redis_run(t, err, "INSERT INTO entry VALUES(?1, ?2, ?3, ?4, ?5)", "ibiib", key->id,
		redis_id_pack(id, packed), (int64_t)redis_version(t), redis_time_ns(t), fields);
}

/* ---- looking ---- */

int redis_stream_find(struct redis_txn *t, const struct redis_key *key, struct redis_id id,
	struct buf *fields, struct err *err)
{
	sqlite3_stmt *row =
		redis_stmt(t, "SELECT fields FROM entry WHERE key = ?1 AND id = ?2", err);
	unsigned char packed[REDIS_ID_BYTES];

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, redis_id_pack(id, packed));
	int rc = store_step(row, err);
	if (rc == 1 && fields != NULL) {
		buf_append_slice(fields, store_column_slice(row, 0));
		rc = fields->failed ? buf_check(fields, err) : 1;
	}
	sqlite3_reset(row);
	return rc;
}

int redis_stream_each(struct redis_txn *t, const struct redis_key *key,
	const struct redis_entries *which, redis_entry_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *row =
		which->backward
			? redis_stmt(t,
				  "SELECT id, fields FROM entry WHERE key = ?1 AND id >= ?2 AND "
				  "id <= ?3 ORDER BY id DESC LIMIT ?4",
				  err)
			: redis_stmt(t,
				  "SELECT id, fields FROM entry WHERE key = ?1 AND id >= ?2 AND "
				  "id <= ?3 ORDER BY id LIMIT ?4",
				  err);
	unsigned char from[REDIS_ID_BYTES], to[REDIS_ID_BYTES];

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, redis_id_pack(which->from, from));
	store_bind_slice(row, 3, redis_id_pack(which->to, to));
	sqlite3_bind_int64(row, 4, which->max);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		rc = fn(arg, redis_id_unpack(store_column_slice(row, 0)),
			store_column_slice(row, 1), err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

/* The one id that a statement over a key's id gives; 0-0 when it gives none. */
static int one_id(sqlite3_stmt *row, int64_t key, struct redis_id *out, struct err *err)
{
	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key);
	int rc = store_step(row, err);
	*out = rc == 1 ? redis_id_unpack(store_column_slice(row, 0)) : REDIS_ID_MIN;
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

int redis_stream_first(
	struct redis_txn *t, const struct redis_key *key, struct redis_id *out, struct err *err)
{
	return one_id(
		redis_stmt(t, "SELECT MIN(id) FROM entry WHERE key = ?1", err), key->id, out, err);
}

int redis_stream_deleted(
	struct redis_txn *t, const struct redis_key *key, struct redis_id *out, struct err *err)
{
	return one_id(
		redis_stmt(t, "SELECT id FROM tombstone WHERE key = ?1", err), key->id, out, err);
}

int redis_stream_set_deleted(
	struct redis_txn *t, const struct redis_key *key, struct redis_id id, struct err *err)
{
	unsigned char packed[REDIS_ID_BYTES];

	return redis_run(t, err, "INSERT OR REPLACE INTO tombstone VALUES(?1, ?2)", "ib", key->id,
		redis_id_pack(id, packed));
}

/* ---- removing ---- */

/* Those in [from, to]; *n: how many. */
static int remove_range(struct redis_txn *t, struct redis_key *key, struct redis_id from,
	struct redis_id to, int64_t *n, struct err *err)
{
	sqlite3_stmt *sum = redis_stmt(t,
		"SELECT COUNT(*), SUM(LENGTH(fields)) FROM entry"
		" WHERE key = ?1 AND id >= ?2 AND id <= ?3",
		err);
	unsigned char first[REDIS_ID_BYTES], last[REDIS_ID_BYTES];

	if (sum == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(sum, 1, key->id);
	store_bind_slice(sum, 2, redis_id_pack(from, first));
	store_bind_slice(sum, 3, redis_id_pack(to, last));
	int rc = store_step(sum, err);
	*n = rc == 1 ? sqlite3_column_int64(sum, 0) : 0;
	uint64_t bytes = rc == 1 ? (uint64_t)sqlite3_column_int64(sum, 1) : 0;
	sqlite3_reset(sum);
	if (rc < 0 || *n == 0) {
		return rc < 0 ? rc : 0;
	}
	key->n -= (uint64_t)*n;
	key->bytes -= bytes + (uint64_t)*n * REDIS_ID_BYTES;
	return redis_run(t, err, "DELETE FROM entry WHERE key = ?1 AND id >= ?2 AND id <= ?3",
		"ibb", key->id, slice_make(first, sizeof(first)), slice_make(last, sizeof(last)));
}

int redis_stream_remove(
	struct redis_txn *t, struct redis_key *key, struct redis_id id, struct err *err)
{
	struct redis_id greatest = {0};
	int64_t n = 0;
	int rc = remove_range(t, key, id, id, &n, err);

	rc = rc < 0 || n == 0 ? rc : redis_stream_deleted(t, key, &greatest, err);
	if (rc < 0 || n == 0) {
		return rc;
	}
	if (redis_id_compare(id, greatest) > 0) {
		rc = redis_stream_set_deleted(t, key, id, err);
	}
	return rc < 0 ? rc : 1;
}

/* The id of the entry that is number n, from 0. */
static int nth(struct redis_txn *t, const struct redis_key *key, int64_t n, struct redis_id *out,
	struct err *err)
{
	sqlite3_stmt *row = redis_stmt(
		t, "SELECT id FROM entry WHERE key = ?1 ORDER BY id LIMIT 1 OFFSET ?2", err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 2, n);
	return one_id(row, key->id, out, err);
}

static int count_before(struct redis_txn *t, const struct redis_key *key, struct redis_id id,
	int64_t *out, struct err *err)
{
	sqlite3_stmt *row =
		redis_stmt(t, "SELECT COUNT(*) FROM entry WHERE key = ?1 AND id < ?2", err);
	unsigned char packed[REDIS_ID_BYTES];

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, redis_id_pack(id, packed));
	int rc = store_step(row, err);
	*out = rc == 1 ? sqlite3_column_int64(row, 0) : 0;
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

/* Redis drops whole blocks where about so many will do, of so many entries. */
#define BLOCK_ENTRIES 100

int redis_stream_trim(struct redis_txn *t, struct redis_key *key, const struct redis_trim *trim,
	int64_t *removed, struct err *err)
{
	struct redis_id last = {0};
	int64_t n = (int64_t)key->n - trim->maxlen;
	int rc = 0;

	*removed = 0;
	if (trim->by == REDIS_TRIM_MINID) {
		rc = count_before(t, key, trim->minid, &n, err);
	}
	if (rc == 0 && trim->limit > 0 && n > trim->limit) {
		n = trim->limit;
	}
	n = trim->about ? n / BLOCK_ENTRIES * BLOCK_ENTRIES : n;
	if (rc < 0 || n <= 0) {
		return rc;
	}
	rc = nth(t, key, n - 1, &last, err);
	return rc < 0 ? rc : remove_range(t, key, REDIS_ID_MIN, last, removed, err);
}
