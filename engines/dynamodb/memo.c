/* What is remembered from one call to the next.
 *
 * The items checked last, with their texts. A file's text is checked when its
 * last byte is written and stored when it is closed, most often the next thing
 * that happens: then it need not be parsed again.
 *
 * What the last stats of a table's items said. One that is being made is asked
 * for three times: looked up, created, and when its text is checked. */
#include "engines/dynamodb/dynamodb_sqlite.h"

/* A larger one is not kept: its memory is worth more than its parsing. */
#define TEXT_BYTES_MAX 65536

/* ---- texts ---- */

void ddb_memo_init(struct ddb_memo *m)
{
	pthread_mutex_init(&m->lock, NULL);
}

void ddb_memo_end(struct ddb_memo *m)
{
	pthread_mutex_destroy(&m->lock);
	for (unsigned i = 0; i < DDB_MEMO_MAX; i++) {
		ddb_item_free(m->texts[i].draft.item);
		buf_free(&m->texts[i].keys);
		buf_free(&m->texts[i].text);
	}
}

static struct ddb_memo_text *slot_of(struct ddb_memo *m, const struct ddb_place *p)
{
	return &m->texts[store_key_hash(buf_slice(&p->pk), buf_slice(&p->sk)) % DDB_MEMO_MAX];
}

static bool same_keys(const struct buf *keys, size_t pk_len, const struct ddb_place *p)
{
	struct slice pk = slice_make(keys->p, pk_len);
	struct slice sk = buf_since(keys, pk_len);
	return keys->n > 0 && slice_equal(pk, buf_slice(&p->pk)) &&
	       slice_equal(sk, buf_slice(&p->sk));
}

static void keep_keys(struct buf *keys, size_t *pk_len, const struct ddb_place *p)
{
	buf_clear(keys);
	buf_append_slice(keys, buf_slice(&p->pk));
	buf_append_slice(keys, buf_slice(&p->sk));
	*pk_len = p->pk.n;
}

void ddb_memo_put(struct ddb_memo *m, const struct ddb_place *p, unsigned form, struct slice text,
	const struct ddb_memo_draft *draft)
{
	LOCKED(&m->lock);
	struct ddb_memo_text *t = slot_of(m, p);
	ddb_item_free(t->draft.item);
	t->draft.item = NULL;
	buf_clear(&t->text);
	if (text.n <= TEXT_BYTES_MAX) {
		buf_append_slice(&t->text, text);
		keep_keys(&t->keys, &t->pk_len, p);
	}
	if (text.n > TEXT_BYTES_MAX || t->text.failed || t->keys.failed) {
		ddb_item_free(draft->item);
		return;
	}
	t->table_id = p->table->id;
	t->form = form;
	t->draft = *draft;
}

bool ddb_memo_take(struct ddb_memo *m, const struct ddb_place *p, unsigned form, struct slice text,
	struct ddb_memo_draft *out)
{
	LOCKED(&m->lock);
	struct ddb_memo_text *t = slot_of(m, p);
	if (t->draft.item == NULL || t->form != form || t->table_id != p->table->id ||
		!same_keys(&t->keys, t->pk_len, p) || !slice_equal(buf_slice(&t->text), text)) {
		return false;
	}
	*out = t->draft;
	t->draft.item = NULL;
	return true;
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

bool ddb_seen_get(struct ddb_seen *seen, struct store *s, const struct ddb_place *p, uint64_t key,
	struct ddb_stored *out)
{
	uint64_t sequence;
	{
		LOCKED(&seen->lock);
		const struct ddb_seen_item *i = &seen->items[key % DDB_SEEN_MAX];
		if (!same_keys(&i->keys, i->pk_len, p)) {
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
	keep_keys(&i->keys, &i->pk_len, p);
	if (i->keys.failed) {
		buf_free(&i->keys); /* remembered another time */
		return;
	}
	i->sequence = sequence;
	i->stored = *stored;
}
