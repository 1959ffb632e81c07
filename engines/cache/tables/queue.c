/* tables.db: what write-behind has taken and RDS has not got yet. One row a key: a later write of
 * it takes the place of the former, so RDS is given the last one. */
#include "engines/cache/tables/db_impl.h"

#define BATCH_BYTES ((size_t)8 << 20)

void tables_batch_free(struct tables_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		buf_free(&b->item[i].key);
		buf_free(&b->item[i].text);
	}
	b->n = 0;
}

/* ---- writing ---- */

struct put {
	struct tables_of of;
	enum tables_change change;
	struct slice text;
	struct tables_queued *out;
};

static void bind_put(sqlite3_stmt *stmt, const void *arg)
{
	const struct put *p = arg;

	tables_bind_of(stmt, &p->of);
	sqlite3_bind_int(stmt, 4, (int)p->change);
	store_bind_slice(stmt, 5, p->text);
	sqlite3_bind_int64(stmt, 6, p->out->time_ns);
}

static int put_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct put *p = arg;
	struct tables_query find = {.n = QUEUE_FIND, .bind = tables_bind_of, .arg = &p->of};
	struct tables_query put = {.n = QUEUE_PUT, .bind = bind_put, .arg = p};
	struct tables_query old = {.n = FAILED_OLD, .bind = tables_bind_of, .arg = &p->of};

	p->of.seq = store_txn_version(t);
	p->out->time_ns = store_txn_time(t);
	int rc = tables_query_write(t, &find, err);
	p->out->replaced = rc == 1;
	rc = rc < 0 ? rc : tables_query_write(t, &put, err);
	rc = rc < 0 ? rc : tables_query_write(t, &old, err);
	return rc < 0 ? rc : 0;
}

int tables_queue_put(struct store *db, int64_t id, struct slice key, enum tables_change change,
	struct slice text, struct tables_queued *out, struct err *err)
{
	struct tables_queued done = {0};
	struct put p = {.of = {.id = id, .key = key}, .change = change, .text = text, .out = &done};

	int rc = store_write(db, NULL, 0, put_fn, &p, err);
	if (rc == 0) {
		*out = done;
	}
	return rc;
}

/* ---- reading ---- */

struct found {
	struct buf *text;
	enum tables_change change;
	int64_t time_ns;
};

static void take_found(sqlite3_stmt *stmt, void *out)
{
	struct found *f = out;

	f->change = sqlite3_column_int(stmt, 0) == TABLES_PUT ? TABLES_PUT : TABLES_REMOVE;
	buf_append_slice(f->text, store_column_slice(stmt, 1));
	f->time_ns = sqlite3_column_int64(stmt, 2);
}

int tables_queue_find(struct store *db, int64_t id, struct slice key, struct buf *text,
	enum tables_change *change, int64_t *time_ns, struct err *err)
{
	struct tables_of of = {.id = id, .key = key};
	struct found f = {.text = text};
	struct tables_query q = {
		.n = QUEUE_FIND, .bind = tables_bind_of, .arg = &of, .take = take_found, .out = &f};

	int rc = tables_query_read(db, &q, err);
	if (rc == 1) {
		*change = f.change;
		*time_ns = f.time_ns;
	}
	return rc;
}

static void take_waiting(sqlite3_stmt *stmt, struct tables_waiting *w)
{
	*w = (struct tables_waiting){.result = 1};
	buf_append_slice(&w->key, store_column_slice(stmt, 0));
	w->change = sqlite3_column_int(stmt, 1) == TABLES_PUT ? TABLES_PUT : TABLES_REMOVE;
	buf_append_slice(&w->text, store_column_slice(stmt, 2));
	w->seq = (uint64_t)sqlite3_column_int64(stmt, 3);
}

static int take_batch(sqlite3_stmt *stmt, struct tables_batch *b, struct err *err)
{
	size_t bytes = 0;
	int rc = 1;

	while (b->n < TABLES_BATCH && bytes < BATCH_BYTES && (rc = store_step(stmt, err)) == 1) {
		struct tables_waiting *w = &b->item[b->n++];
		take_waiting(stmt, w);
		bytes += w->text.n;
		rc = buf_check(&w->key, err);
		rc = rc < 0 ? rc : buf_check(&w->text, err);
		if (rc < 0) {
			break;
		}
	}
	return rc < 0 ? rc : 0;
}

int tables_queue_batch(struct store *db, int64_t id, struct tables_batch *out, struct err *err)
{
	struct store_reader *r;

	out->n = 0;
	int rc = store_read_begin(db, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	sqlite3_stmt *stmt = store_reader_stmt(r, QUEUE_BATCH, err);
	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, id);
		rc = take_batch(stmt, out, err);
		sqlite3_reset(stmt);
	} else {
		rc = -err->code;
	}
	store_read_end(r);
	if (rc < 0) {
		tables_batch_free(out);
	}
	return rc;
}

static void take_backlog(sqlite3_stmt *stmt, void *out)
{
	*(struct tables_backlog *)out =
		(struct tables_backlog){.n = (uint64_t)sqlite3_column_int64(stmt, 0),
			.since_ns = sqlite3_column_int64(stmt, 1),
			.last = (uint64_t)sqlite3_column_int64(stmt, 2)};
}

int tables_queue_backlog(struct store *db, int64_t id, struct tables_backlog *out, struct err *err)
{
	struct tables_query q = {.n = QUEUE_BACKLOG,
		.bind = tables_bind_id,
		.arg = &id,
		.take = take_backlog,
		.out = out};

	*out = (struct tables_backlog){0};
	int rc = tables_query_read(db, &q, err);
	return rc < 0 ? rc : 0;
}

int tables_queue_waits(
	struct store *db, int64_t id, const struct slice *key, uint64_t last, struct err *err)
{
	struct tables_of of = {.id = id, .key = key != NULL ? *key : slice_of(""), .seq = last};
	struct tables_query q = {.n = key != NULL ? QUEUE_KEY_WAITS : QUEUE_WAITS,
		.bind = tables_bind_of,
		.arg = &of};

	return tables_query_read(db, &q, err);
}

/* ---- what has been tried ---- */

struct settling {
	int64_t id;
	const struct tables_batch *b;
	unsigned gone;
};

struct failure {
	struct tables_of of;
	const struct tables_waiting *w;
	int64_t time_ns;
};

static void bind_failure(sqlite3_stmt *stmt, const void *arg)
{
	const struct failure *f = arg;

	tables_bind_of(stmt, &f->of);
	sqlite3_bind_int(stmt, 4, (int)f->w->change);
	store_bind_slice(stmt, 5, buf_slice(&f->w->text));
	sqlite3_bind_int(stmt, 6, f->w->why.code);
	sqlite3_bind_text(stmt, 7, f->w->why.msg, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 8, f->time_ns);
}

static int settle_one(
	struct store_txn *t, struct settling *s, const struct tables_waiting *w, struct err *err)
{
	struct tables_of of = {.id = s->id, .key = buf_slice(&w->key), .seq = w->seq};
	struct tables_query done = {.n = QUEUE_DONE, .bind = tables_bind_of, .arg = &of};
	struct tables_query again = {.n = QUEUE_AGAIN, .bind = tables_bind_of, .arg = &of};
	struct failure f = {of, w, store_txn_time(t)};
	struct tables_query fail = {.n = FAILED_ADD, .bind = bind_failure, .arg = &f};

	int rc = tables_query_write(t, &done, err);
	bool gone = rc == 0 && sqlite3_changes(store_txn_db(t)) > 0;
	s->gone += gone;
	/* One that was written anew waits on, as what it is now. */
	rc = rc < 0 || gone ? rc : tables_query_write(t, &again, err);
	return rc < 0 || w->result == 0 ? rc : tables_query_write(t, &fail, err);
}

static int settle_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct settling *s = arg;
	int rc = 0;

	s->gone = 0;
	for (unsigned i = 0; rc >= 0 && i < s->b->n; i++) {
		if (s->b->item[i].result <= 0) {
			rc = settle_one(t, s, &s->b->item[i], err);
		}
	}
	return rc < 0 ? rc : 0;
}

int tables_queue_settle(
	struct store *db, int64_t id, const struct tables_batch *b, unsigned *gone, struct err *err)
{
	struct settling s = {.id = id, .b = b};

	int rc = store_write(db, NULL, 0, settle_fn, &s, err);
	*gone = rc == 0 ? s.gone : 0;
	return rc;
}
