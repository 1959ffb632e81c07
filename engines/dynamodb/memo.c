/* The item that was checked last, with its text. A file's text is checked when
 * its last byte is written and stored when it is closed, most often the next
 * thing that happens: then it need not be parsed again. */
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
