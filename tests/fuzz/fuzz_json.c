/* The JSON reader against itself, fed whole and byte by byte, and against
 * jansson: both take the same texts, but for what jansson has limits on. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"

static int note(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	(void)err;
	buf_printf(arg, "%d@%lu:%lu ", (int)event, pos.line, pos.column);
	buf_append_slice(arg, text);
	return 0;
}

static int run(struct slice text, size_t chunk, bool many, struct buf *out)
{
	struct err err = {0};
	struct json_reader *r = json_reader_new(note, out, 64, many);
	int rc = 0;
	for (size_t i = 0; i < text.n && rc == 0; i += chunk) {
		rc = json_feed(
			r, slice_make(text.p + i, text.n - i < chunk ? text.n - i : chunk), &err);
	}
	bool complete = json_complete(r);
	rc = rc != 0 ? rc : json_finish(r, &err);
	if ((rc == 0) != complete || rc != -err.code) {
		abort();
	}
	buf_puts(out, err.msg);
	json_reader_free(r);
	return rc;
}

/* Numbers that are no C numbers, nesting, NUL in names, byte order marks. */
static bool jansson_limit(const json_error_t *e, struct slice text)
{
	enum json_error_code code = json_error_code(e);
	return code == json_error_numeric_overflow || code == json_error_stack_overflow ||
	       code == json_error_null_byte_in_key ||
	       (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0);
}

static void compare_jansson(struct slice text, int rc, const char *message)
{
	json_error_t e;
	/* jansson reads over a NUL behind a number; no JSON holds one */
	if (text.n > 0 && memchr(text.p, 0, text.n) != NULL) {
		if (rc == 0) {
			abort();
		}
		return;
	}
	json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	bool deep = strstr(message, "nested brackets") != NULL;
	if (j == NULL ? rc == 0 && !jansson_limit(&e, text) : rc != 0 && !deep) {
		fprintf(stderr, "ours %d, jansson %s\n", rc, j == NULL ? e.text : "accepts");
		abort();
	}
	json_decref(j);
}

/* What is quoted reads back as the same text. */
static void check_quote(struct slice text)
{
	CLEANUP(buf_free) struct buf quoted = BUF_INIT;
	json_quote(&quoted, text);
	json_t *j = json_loadb(quoted.p, quoted.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (j != NULL &&
		!slice_equal(slice_make(json_string_value(j), json_string_length(j)), text)) {
		abort();
	}
	json_decref(j);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	struct slice text = slice_make(p, n);
	for (int many = 0; many < 2; many++) {
		CLEANUP(buf_free) struct buf whole = BUF_INIT;
		CLEANUP(buf_free) struct buf bytes = BUF_INIT;
		int rc = run(text, n + 1, many, &whole);
		if (run(text, 1, many, &bytes) != rc ||
			!slice_equal(buf_slice(&whole), buf_slice(&bytes))) {
			abort();
		}
		if (!many) {
			compare_jansson(text, rc, buf_cstr(&whole));
		}
	}
	check_quote(text);
	return 0;
}
