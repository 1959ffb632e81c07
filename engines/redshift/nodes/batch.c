/* Rows in memory on their way to a node. */
#include <errno.h>
#include <stdlib.h>

#include "engines/redshift/nodes/nodes_impl.h"

#define CHUNK_BYTES 65536U
#define TEXT_MAX    ((size_t)4 << 20) /* of one batch */

/* Texts stand in pieces that never move, so values point to them. */
struct rs_text_chunk {
	struct rs_text_chunk *next;
	size_t n, cap;
	char bytes[];
};

int rs_batch_new(unsigned width, unsigned max, struct rs_batch **out, struct err *err)
{
	struct rs_batch *b = calloc(1, sizeof(*b));
	if (b != NULL) {
		b->width = width;
		b->max = max;
		b->values = calloc((size_t)width * max, sizeof(*b->values));
	}
	if (b == NULL || b->values == NULL) {
		rs_batch_free(b);
		return err_set(err, ENOMEM, "out of memory");
	}
	*out = b;
	return 0;
}

void rs_batch_free(struct rs_batch *b)
{
	if (b == NULL) {
		return;
	}
	while (b->texts != NULL) {
		struct rs_text_chunk *next = b->texts->next;
		free(b->texts);
		b->texts = next;
	}
	free(b->values);
	free(b);
}

void rs_batch_clear(struct rs_batch *b)
{
	while (b->texts != NULL && b->texts->next != NULL) {
		struct rs_text_chunk *next = b->texts->next;
		free(b->texts);
		b->texts = next;
	}
	if (b->texts != NULL) {
		b->texts->n = 0;
	}
	b->text_bytes = 0;
	b->n = 0;
}

bool rs_batch_full(const struct rs_batch *b)
{
	return b->n == b->max || b->text_bytes >= TEXT_MAX;
}

static bool more_text(struct rs_batch *b, size_t n)
{
	size_t cap = n > CHUNK_BYTES ? n : CHUNK_BYTES;
	struct rs_text_chunk *chunk = malloc(sizeof(*chunk) + cap);
	if (chunk == NULL) {
		return false;
	}
	*chunk = (struct rs_text_chunk){.next = b->texts, .cap = cap};
	b->texts = chunk;
	return true;
}

static bool keep_text(struct rs_batch *b, struct slice *text)
{
	if ((b->texts == NULL || b->texts->cap - b->texts->n < text->n) && !more_text(b, text->n)) {
		return false;
	}
	char *to = b->texts->bytes + b->texts->n;
	if (text->n > 0) {
		memcpy(to, text->p, text->n);
	}
	text->p = to;
	b->texts->n += text->n;
	b->text_bytes += text->n;
	return true;
}

bool rs_batch_add(struct rs_batch *b, const struct sql_value *hidden, const struct sql_value *row,
	const struct sql_type *types)
{
	struct sql_value *to = b->values + (size_t)b->n * b->width;
	memcpy(to, hidden, RS_HIDDEN * sizeof(*to));
	memcpy(to + RS_HIDDEN, row, (b->width - RS_HIDDEN) * sizeof(*to));
	for (unsigned k = RS_HIDDEN; k < b->width; k++) {
		if (sql_is_text(types[k].kind) && !to[k].null && !keep_text(b, &to[k].text)) {
			return false;
		}
	}
	b->n++;
	return true;
}
