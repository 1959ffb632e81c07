/* Items: whatever is accepted in one form comes through both forms unchanged,
 * and a stream never does worse than refuse. The first byte picks the form and
 * the size of a stream's chunks. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/dynamodb/item.h"

static const struct ddb_key_schema schema = {
	.hash = {"pk", DDB_S},
	.range = {"sk", DDB_N},
	.has_range = true,
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void free_item(struct ddb_item **item)
{
	ddb_item_free(*item);
}

static void check_same(const struct ddb_item *a, const struct ddb_item *b)
{
	for (int form = DDB_PLAIN; form <= DDB_TYPED; form++) {
		CLEANUP(buf_free) struct buf ta = BUF_INIT;
		CLEANUP(buf_free) struct buf tb = BUF_INIT;
		ddb_item_render(a, (enum ddb_form)form, form == DDB_PLAIN, &ta);
		ddb_item_render(b, (enum ddb_form)form, form == DDB_PLAIN, &tb);
		require(slice_equal(buf_slice(&ta), buf_slice(&tb)));
	}
	require(ddb_item_size(a) == ddb_item_size(b));
}

static void check_round_trips(const struct ddb_item *item)
{
	for (int k = 0; k < 4; k++) {
		enum ddb_form form = k & 1 ? DDB_TYPED : DDB_PLAIN;
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(free_item) struct ddb_item *back = NULL;
		ddb_item_render(item, form, (k & 2) != 0, &text);
		require(ddb_item_parse(form, buf_slice(&text), &back, NULL) == 0);
		check_same(item, back);
	}
}

static void check_keys(struct ddb_item *item)
{
	CLEANUP(buf_free) struct buf hash = BUF_INIT;
	CLEANUP(buf_free) struct buf range = BUF_INIT;
	if (ddb_item_key_texts(item, &schema, &hash, &range, NULL) == 0) {
		require(ddb_item_match_key(item, &schema, buf_slice(&hash), buf_slice(&range),
				NULL) == DDB_KEY_SAME);
	}
	require(ddb_item_set_key(item, &schema, slice_of("k"), slice_of("-1.5"), NULL) == 0);
	require(ddb_item_match_key(item, &schema, slice_of("k"), slice_of("-1.5"), NULL) ==
		DDB_KEY_SAME);
}

static void check_item(enum ddb_form form, struct slice text)
{
	CLEANUP(free_item) struct ddb_item *item = NULL;
	struct err err = {0};
	int rc = ddb_item_parse(form, text, &item, &err);
	require(rc == -err.code && (rc == 0) == (item != NULL));
	if (rc == 0) {
		check_round_trips(item);
		check_keys(item);
		check_round_trips(item);
	} else {
		require(err.msg[0] != '\0');
	}
}

/* The text as a key of each type: what is accepted comes back, byte for byte. */
static void check_key_text(struct slice text)
{
	for (int type = DDB_S; type <= DDB_B; type++) {
		struct ddb_key_def def = {"pk", (enum ddb_type)type};
		CLEANUP(buf_free) struct buf stored = BUF_INIT;
		CLEANUP(buf_free) struct buf back = BUF_INIT;
		if (ddb_key_encode(&def, true, text, &stored, NULL) == 0) {
			ddb_key_text(&def, buf_slice(&stored), &back);
			require(slice_equal(buf_slice(&back), text));
		}
	}
}

static void check_number(struct slice text)
{
	CLEANUP(buf_free) struct buf once = BUF_INIT;
	CLEANUP(buf_free) struct buf twice = BUF_INIT;
	if (ddb_number_canonical(text, &once, NULL) == 0) {
		require(ddb_number_canonical(buf_slice(&once), &twice, NULL) == 0);
		require(slice_equal(buf_slice(&once), buf_slice(&twice)));
		require(ddb_number_size(buf_slice(&once)) <= 22);
		check_key_text(buf_slice(&once));
	}
}

static int take(void *arg, struct ddb_item *item, uint64_t number, unsigned long line,
	const struct err *bad, struct err *err)
{
	uint64_t *count = arg;
	(void)err;
	require(number == ++*count && line > 0);
	require((item == NULL) == (bad != NULL));
	if (item != NULL) {
		check_round_trips(item);
	}
	ddb_item_free(item);
	return 0;
}

static uint64_t check_stream(enum ddb_form form, struct slice text, size_t chunk)
{
	uint64_t count = 0;
	struct err err = {0};
	struct ddb_stream *s = ddb_stream_new(form, take, &count);
	int rc = 0;
	for (size_t i = 0; i < text.n && rc == 0; i += chunk) {
		size_t n = text.n - i < chunk ? text.n - i : chunk;
		rc = ddb_stream_feed(s, slice_make(text.p + i, n), &err);
	}
	rc = rc != 0 ? rc : ddb_stream_finish(s, &err);
	require(rc == -err.code);
	ddb_stream_free(s);
	return count;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	if (n == 0) {
		return 0;
	}
	enum ddb_form form = p[0] & 1 ? DDB_TYPED : DDB_PLAIN;
	struct slice text = slice_make(p + 1, n - 1);
	check_item(form, text);
	check_key_text(text);
	check_number(text);
	require(check_stream(form, text, n) == check_stream(form, text, 1 + p[0] / 2 % 16));
	return 0;
}
