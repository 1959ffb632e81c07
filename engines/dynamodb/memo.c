/* What is remembered from one call to the next.
 *
 * The item that was checked last, with its text. A file's text is checked when
 * its last byte is written and stored when it is closed, most often the next
 * thing that happens: then it need not be parsed again.
 *
 * What the last stats of a table's items said. One that is being made is asked
 * for three times: looked up, created, and when its text is checked. */
#include "engines/dynamodb/dynamodb_sqlite.h"

/* A larger one is not kept: its memory is worth more than its parsing. */
#define MEMO_BYTES_MAX 65536

void ddb_memo_init(struct ddb_memo *m)
{
	pthread_mutex_init(&m->lock, NULL);
}

void ddb_memo_end(struct ddb_memo *m)
{
	pthread_mutex_destroy(&m->lock);
	ddb_item_free(m->item);
	buf_free(&m->text);
}

void ddb_memo_put(struct ddb_memo *m, unsigned form, struct slice text, struct ddb_item *item)
{
	LOCKED(&m->lock);
	ddb_item_free(m->item);
	m->item = NULL;
	buf_clear(&m->text);
	if (text.n <= MEMO_BYTES_MAX) {
		buf_append_slice(&m->text, text);
	}
	if (text.n > MEMO_BYTES_MAX || m->text.failed) {
		ddb_item_free(item);
		return;
	}
	m->form = form;
	m->item = item;
}

struct ddb_item *ddb_memo_take(struct ddb_memo *m, unsigned form, struct slice text)
{
	LOCKED(&m->lock);
	if (m->item == NULL || m->form != form || !slice_equal(buf_slice(&m->text), text)) {
		return NULL;
	}
	struct ddb_item *item = m->item;
	m->item = NULL;
	return item;
}

/* ---- stats ---- */

void ddb_seen_init(struct ddb_seen *seen)
{
	pthread_mutex_init(&seen->lock, NULL);
}

void ddb_seen_end(struct ddb_seen *seen)
{
	pthread_mutex_destroy(&seen->lock);
	for (unsigned i = 0; i < DDB_SEEN_MAX; i++) {
		buf_free(&seen->items[i].keys);
	}
}

static bool is_of(const struct ddb_seen_item *i, const struct ddb_place *p)
{
	return i->keys.n > 0 && i->keys.n == p->pk.n + p->sk.n && i->pk_len == p->pk.n &&
	       memcmp(i->keys.p + p->pk.n, p->sk.p, p->sk.n) == 0 &&
	       (p->pk.n == 0 || memcmp(i->keys.p, p->pk.p, p->pk.n) == 0);
}

bool ddb_seen_get(struct ddb_seen *seen, struct store *s, const struct ddb_place *p, uint64_t key,
	struct ddb_stored *out)
{
	uint64_t sequence;
	{
		LOCKED(&seen->lock);
		const struct ddb_seen_item *i = &seen->items[key % DDB_SEEN_MAX];
		if (!is_of(i, p)) {
			return false;
		}
		sequence = i->sequence;
		*out = i->stored;
	}
	return store_is_current(s, key, sequence);
}

void ddb_seen_put(struct ddb_seen *seen, const struct ddb_place *p, uint64_t key, uint64_t sequence,
	const struct ddb_stored *stored)
{
	LOCKED(&seen->lock);
	struct ddb_seen_item *i = &seen->items[key % DDB_SEEN_MAX];
	buf_clear(&i->keys);
	buf_append_slice(&i->keys, buf_slice(&p->pk));
	buf_append_slice(&i->keys, buf_slice(&p->sk));
	if (i->keys.failed) {
		buf_free(&i->keys); /* remembered another time */
		return;
	}
	i->pk_len = p->pk.n;
	i->sequence = sequence;
	i->stored = *stored;
}
