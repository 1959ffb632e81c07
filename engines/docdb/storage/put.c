/* Members of documents that are made here: reports, explanations, definitions. */
#include "engines/docdb/storage/documents.h"

static void put_string(struct buf *raw, struct slice text)
{
	uint32_t n = (uint32_t)text.n + 1;

	buf_append(raw, &n, sizeof(n));
	buf_append_slice(raw, text);
	buf_putc(raw, '\0');
}

void docdb_put_text(struct buf *out, const char *name, struct slice text)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;

	put_string(&raw, text);
	out->failed = out->failed || raw.failed;
	doc_put(out, slice_of(name), (struct doc_value){BSON_TYPE_UTF8, buf_slice(&raw)});
}

void docdb_put_text_at(struct buf *out, unsigned index, struct slice text)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;

	put_string(&raw, text);
	out->failed = out->failed || raw.failed;
	doc_put_index(out, index, (struct doc_value){BSON_TYPE_UTF8, buf_slice(&raw)});
}

void docdb_put_count(struct buf *out, const char *name, uint64_t n)
{
	int32_t narrow = (int32_t)n;
	struct doc_value v = n <= INT32_MAX
				     ? (struct doc_value){BSON_TYPE_INT32, {(char *)&narrow, 4}}
				     : (struct doc_value){BSON_TYPE_INT64, {(char *)&n, 8}};

	doc_put(out, slice_of(name), v);
}

void docdb_put_flag(struct buf *out, const char *name, bool on)
{
	const char *byte = on ? "\1" : "\0";

	doc_put(out, slice_of(name), (struct doc_value){BSON_TYPE_BOOL, {byte, 1}});
}
