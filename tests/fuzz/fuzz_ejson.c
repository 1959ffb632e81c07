/* Extended JSON and BSON. The first byte picks what the others are: text, which if accepted
 * comes through both forms unchanged, and through a stream in chunks; or bytes, which
 * whether accepted or not are read without harm. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void print(struct slice document, enum ejson_mode mode, bool pretty, struct buf *out)
{
	ejson_print(document, mode, pretty, out);
	require(ejson_size(document, mode, pretty) == out->n);
}

/* Canonical text says all; relaxed does with the document in whose place it is read. */
static void check_round_trips(struct slice document)
{
	for (unsigned k = 0; k < 4; k++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf back = BUF_INIT;
		enum ejson_mode mode = (k & 1) != 0 ? EJSON_CANONICAL : EJSON_RELAXED;
		print(document, mode, (k & 2) != 0, &text);
		struct slice like = mode == EJSON_RELAXED ? document : slice_make("", 0);
		require(ejson_parse(buf_slice(&text), like, &back, NULL) == 0);
		require(slice_equal(buf_slice(&back), document));
	}
}

struct one {
	struct slice document;
	unsigned n;
};

static int same_document(void *arg, struct slice document, unsigned long line, struct err *err)
{
	struct one *one = arg;
	(void)line;
	(void)err;
	one->n++;
	require(doc_check(document, NULL) == 0);
	require(one->document.n == 0 || slice_equal(document, one->document));
	return 0;
}

static int told(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	const struct one *one = arg;
	(void)line;
	(void)err;
	require(one->document.n == 0 && why->msg[0] != '\0');
	return 0;
}

/* `document` is what the text makes by itself, or empty. */
static void stream(struct slice text, size_t chunk, struct slice document)
{
	struct one one = {document, 0};
	struct ejson_stream *s = ejson_stream_new(same_document, told, &one);
	require(s != NULL);
	int rc = 0;
	for (size_t at = 0; rc == 0 && at < text.n; at += chunk) {
		size_t n = text.n - at < chunk ? text.n - at : chunk;
		rc = ejson_stream_feed(s, slice_make(text.p + at, n), NULL);
	}
	rc = rc != 0 ? rc : ejson_stream_finish(s, NULL);
	require(document.n == 0 || (rc == 0 && one.n == 1));
	ejson_stream_free(s);
}

static void check_text(struct slice text, size_t chunk)
{
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	uint8_t type;
	if (ejson_parse(text, slice_make("", 0), &document, NULL) == 0) {
		require(doc_check(buf_slice(&document), NULL) == 0);
		check_round_trips(buf_slice(&document));
	}
	stream(text, chunk, buf_slice(&document));
	if (ejson_parse_value(text, &type, &value, NULL) == 0) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ejson_print_value(
			(struct doc_value){type, buf_slice(&value)}, EJSON_RELAXED, false, &out);
		require(out.n > 0);
	}
}

/* Text in the place of bytes of any kind, too: damage may be what is stored. */
static void check_bytes(struct slice bytes)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf back = BUF_INIT;
	bool good = doc_check(bytes, NULL) == 0;
	print(bytes, EJSON_RELAXED, true, &text);
	if (ejson_parse(buf_slice(&text), bytes, &back, NULL) == 0) {
		require(!good || doc_check(buf_slice(&back), NULL) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	/* A copy at an odd address: nothing in BSON is aligned. */
	CLEANUP(cleanup_free) char *copy = malloc(size);
	require(copy != NULL);
	memcpy(copy, data, size);
	struct slice rest = slice_make(copy + 1, size - 1);
	if ((data[0] & 1) != 0) {
		check_bytes(rest);
	} else {
		check_text(rest, 1 + data[0] % 61);
	}
	return 0;
}
