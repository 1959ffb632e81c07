/* Queries over documents, both as text: {"documents": [..], "query": ..}. Whatever is
 * accepted runs to its end or fails with a sentence, and gives well-formed documents; what the
 * collection does by itself changes nothing in the result. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/docdb_reach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static int run(struct memory_reach *m, struct doc_value query, struct buf *out)
{
	struct err err = {0};
	int r = memory_query(m, "/tmp", query, out, &err);
	require(r == -err.code && (r == 0) == (err.msg[0] == '\0'));
	return r;
}

static bool by_chance(struct slice text)
{
	return memmem(text.p, text.n, "$sample", 7) != NULL ||
	       memmem(text.p, text.n, "\\u", 2) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make(data, size);
	struct memory_reach m = {0};
	CLEANUP(buf_free) struct buf input = BUF_INIT;
	CLEANUP(buf_free) struct buf plain = BUF_INIT;
	CLEANUP(buf_free) struct buf helped = BUF_INIT;
	struct doc_value documents;
	struct doc_value query;
	if (ejson_parse(text, slice_make("", 0), &input, NULL) != 0) {
		return 0;
	}
	documents = doc_field(buf_slice(&input), slice_of("documents"));
	query = doc_field(buf_slice(&input), slice_of("query"));
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, documents.type == BSON_TYPE_ARRAY ? documents.raw : slice_make("", 0));
	while (doc_next(&it, &name, &v)) {
		if (v.type != BSON_TYPE_DOCUMENT) {
			return 0;
		}
	}
	if (documents.type == BSON_TYPE_ARRAY) {
		memory_reach_add(&m, slice_of("c"), documents.raw);
	}
	int r = run(&m, query, &plain);
	m.sorts = m.counts = true;
	int again = run(&m, query, &helped);
	if (r == 0 && again == 0 && !by_chance(text)) {
		require(slice_equal(buf_slice(&plain), buf_slice(&helped)));
	}
	if (r == 0) {
		bson_t results;
		require(bson_init_static(&results, (const uint8_t *)plain.p, plain.n) &&
			bson_validate(&results, BSON_VALIDATE_NONE, NULL));
	}
	return 0;
}
