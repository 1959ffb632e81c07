/* A name that is one of an _id prints as itself and has a key; its key reads as an equal value;
 * and the bytes, taken as a key, are read within their bounds. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/order/order.h"

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check_id(struct slice name, struct doc_value id, struct doc_arena *a)
{
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct doc_value same;
	require(doc_id_check(id, NULL) == 0);
	doc_name_print(id, &again);
	require(slice_equal(name, buf_slice(&again)));
	doc_key_append(id, false, &key);
	struct slice rest = buf_slice(&key);
	require(doc_key_next(&rest, false, a, &same) && rest.n == 0);
	require(doc_equal(id, same) && doc_hash(id) == doc_hash(same));
}

static void check_key(struct slice key, struct doc_arena *a)
{
	struct doc_value v;
	while (key.n > 0 && doc_key_next(&key, key.n % 2, a, &v)) {
		require(doc_equal(v, v));
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	struct doc_arena *a = doc_arena_new();
	struct slice name = slice_make(p, n);
	uint8_t type;
	require(a != NULL);
	if (doc_name_parse(name, &type, &raw, NULL) == 0) {
		check_id(name, (struct doc_value){type, buf_slice(&raw)}, a);
	}
	check_key(name, a);
	doc_arena_free(a);
	return 0;
}
