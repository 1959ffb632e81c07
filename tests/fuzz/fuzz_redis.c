/* Text of a session, fed whole and byte by byte: the same commands and the same refusal either
 * way. The same bytes as replies: what is shown of them ends, and is JSON. */
#include <jansson.h>
#include <stdlib.h>

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/parse.h"
#include "engines/common/cleanup.h"

/* What was read, as text to compare. */
static int take(struct redis_parser *p, bool end, struct buf *out, struct err *err)
{
	struct redis_words *w;
	int rc;
	while ((rc = redis_parser_next(p, end, &w, err)) == 1) {
		if (w->argc == 0) {
			abort();
		}
		buf_printf(out, "%lu:", w->line);
		for (unsigned i = 0; i < w->argc; i++) {
			redis_reply_bulk(out, w->argv[i]);
		}
		free(w);
	}
	return rc;
}

static void parse(struct slice text, size_t piece, struct buf *out)
{
	struct redis_parser p = {0};
	struct err err = {0};
	int rc = 0;
	for (size_t at = 0; at < text.n && rc == 0; at += piece) {
		size_t left = text.n - at;
		rc = redis_parser_feed(
			&p, slice_make(text.p + at, left < piece ? left : piece), &err);
		rc = rc != 0 ? rc : take(&p, false, out, &err);
	}
	rc = rc != 0 ? rc : take(&p, true, out, &err);
	if (rc != -err.code) {
		abort();
	}
	buf_puts(out, err.msg);
	redis_parser_finish(&p);
}

static void read_replies(struct slice text)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	CLEANUP(buf_free) struct buf json = BUF_INIT;
	struct err err = {0};
	redis_reply_show(text, &shown);
	if (redis_reply_json(text, &json, &err) != 0) {
		return;
	}
	struct slice rest = buf_slice(&json);
	while (rest.n > 0) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = (size_t)(end - rest.p) + 1;
		json_error_t why;
		json_t *value = json_loadb(rest.p, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
		if (value == NULL && json_error_code(&why) != json_error_stack_overflow) {
			abort();
		}
		json_decref(value);
		rest = slice_make(rest.p + n, rest.n - n);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	struct slice text = slice_make(p, n);
	CLEANUP(buf_free) struct buf whole = BUF_INIT;
	CLEANUP(buf_free) struct buf bytes = BUF_INIT;
	parse(text, n + 1, &whole);
	parse(text, 1, &bytes);
	if (!slice_equal(buf_slice(&whole), buf_slice(&bytes))) {
		abort();
	}
	read_replies(text);
	redis_glob(slice_make(p, n / 2), slice_make(p + n / 2, n - n / 2));
	return 0;
}
