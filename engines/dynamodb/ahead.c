/* Reading ahead. Who reads a directory (grep, tar, cp) asks for one item after the other in the
 * order of the list, which is that of their keys. One statement that goes on from item to item
 * costs a third of finding each anew; so where items are read in order the texts that come next
 * are kept along (kept.c, which also says why none is handed out that has changed).
 *
 * In order means: each of the last few items that were not kept lies behind the one before. Then
 * a little is read ahead, and more each time as long as the first of it was asked for; what was
 * in vain ends it, and the order must show anew. */
#include <stdlib.h>

#include "engines/dynamodb/dynamodb_sqlite.h"

#define IN_ORDER   3 /* items, before anything is read ahead */
#define FIRST	   2
#define MOST	   32
#define BYTES_MOST ((size_t)64 << 10) /* of texts, at a time */

void ddb_ahead_init(struct ddb_ahead *a)
{
	pthread_mutex_init(&a->lock, NULL);
}

void ddb_ahead_end(struct ddb_ahead *a)
{
	buf_free(&a->last_pk);
	buf_free(&a->last_sk);
	pthread_mutex_destroy(&a->lock);
}

/* ---- whether it pays ---- */

static void remember(struct buf *b, const struct buf *key)
{
	buf_clear(b);
	buf_append_slice(b, buf_slice(key));
}

static bool follows(const struct ddb_ahead *a, const struct ddb_place *p)
{
	return slice_equal(buf_slice(&a->last_pk), buf_slice(&p->pk)) &&
	       slice_compare(buf_slice(&a->last_sk), buf_slice(&p->sk)) < 0;
}

static unsigned next_count(struct ddb_ahead *a, const struct ddb_place *p)
{
	bool used = atomic_exchange(&a->used, false);

	if (!follows(a, p) || (a->n > 0 && !used)) {
		a->run = 1;
		return 0;
	}
	if (a->n > 0) {
		return a->n < MOST ? 2 * a->n : MOST;
	}
	return ++a->run >= IN_ORDER ? FIRST : 0;
}

unsigned ddb_ahead_count(struct ddb_ahead *a, const struct ddb_place *p)
{
	LOCKED(&a->lock);
	a->n = next_count(a, p);
	remember(&a->last_pk, &p->pk);
	remember(&a->last_sk, &p->sk);
	return a->n;
}

void ddb_ahead_given(struct ddb_ahead *a, uint64_t hash)
{
	if (atomic_load_explicit(&a->first, memory_order_relaxed) == hash) {
		atomic_store_explicit(&a->used, true, memory_order_relaxed);
	}
}

/* ---- reading ---- */

struct reading {
	const struct ddb_kept_key *from;
	uint64_t sequence; /* of the reader */
	struct ddb_place at;
	uint64_t hash; /* of what `at` is */
	size_t bytes;
};

/* What `stmt` found; false: that is enough. */
static bool keep_one(struct reading *x, sqlite3_stmt *stmt)
{
	const struct ddb_place *from = x->from->place;
	struct ddb_kept_key key = *x->from;
	struct ddb_stored stored = ddb_stored_row(stmt);

	x->bytes += stored.psize;
	buf_clear(&x->at.sk);
	buf_append_slice(&x->at.sk, store_column_slice(stmt, 4));
	if (x->bytes > BYTES_MOST || x->at.sk.failed) {
		return false;
	}
	x->hash = store_key_hash(buf_slice(&from->pk), buf_slice(&x->at.sk));
	key.place = &x->at;
	key.hash = x->hash;
	ddb_kept_put(
		&from->table->db->kept, &key, x->sequence, &stored, store_column_slice(stmt, 5));
	return true;
}

void ddb_ahead_read(const struct ddb_kept_key *from, struct store_reader *r, unsigned n)
{
	const struct ddb_place *p = from->place;
	struct reading x = {.from = from, .sequence = store_reader_sequence(r)};
	struct err ignored = {0}; /* who asks for it will be told */
	STMT stmt = store_reader_stmt(r, ITEM_AHEAD, &ignored);

	if (stmt == NULL) {
		return;
	}
	x.at.pk = p->pk; /* not freed here */
	store_bind_slice(stmt, 1, buf_slice(&p->pk));
	store_bind_slice(stmt, 2, buf_slice(&p->sk));
	sqlite3_bind_int64(stmt, 3, n);
	for (unsigned i = 0; store_step(stmt, &ignored) == 1 && keep_one(&x, stmt); i++) {
		if (i == 0) {
			atomic_store_explicit(&p->table->ahead.first, x.hash, memory_order_relaxed);
		}
	}
	buf_free(&x.at.sk);
}
