/* The toy's queries ("keys", "count") and scripts. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

static void print_keys(const struct toy_box *b, unsigned form, struct buf *out)
{
	buf_puts(out, form > 0 ? "[" : "");
	for (size_t i = 0; i < b->n; i++) {
		buf_puts(out, form > 0 && i > 0 ? ", " : "");
		buf_puts(out, form > 0 ? "\"" : "");
		buf_append_slice(out, buf_slice(&b->items[i].key));
		buf_puts(out, form > 0 ? "\"" : "\n");
	}
	buf_puts(out, form > 0 ? "]\n" : "");
}

int toy_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	while (text.n > 0 && text.p[text.n - 1] == '\n') {
		text.n--;
	}
	TOY_LOCKED(t);
	int r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	const struct toy_box *b = &t->tree.boxes[at.box];
	if (slice_is(text, "count")) {
		buf_printf(&out, "%zu\n", b->n);
	} else if (slice_is(text, "keys")) {
		print_keys(b, form, &out);
	} else {
		return err_set(err, EINVAL, "line 1, column 1: 'keys' or 'count' is expected");
	}
	r = buf_check(&out, err);
	return r == 0 ? toy_stream_new(&out, stream, size, err) : r;
}

static int run_set(struct toy *t, struct toy_box *b, struct slice rest, unsigned n, struct err *err)
{
	struct engine_info info;
	struct err why = {0};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const char *space = memchr(rest.p, ' ', rest.n);
	size_t len = space != NULL ? (size_t)(space - rest.p) : rest.n;
	struct slice value = slice_make(rest.p + len, rest.n - len);
	if (toy_parse(value, &text, &why) != 0) {
		return err_set(err, EINVAL, "line %u: an object is expected", n);
	}
	return toy_put(
		t, b, slice_make(rest.p, len), buf_slice(&text), ENGINE_VERSION_ANY, &info, 0, err);
}

static int run_line(
	struct toy *t, struct toy_box *b, struct slice line, unsigned n, struct err *err)
{
	size_t i;
	struct slice rest = line.n > 4 ? slice_make(line.p + 4, line.n - 4) : slice_of("");
	if (line.n > 4 && memcmp(line.p, "set ", 4) == 0) {
		return run_set(t, b, rest, n, err);
	}
	if (line.n > 4 && memcmp(line.p, "del ", 4) == 0) {
		if (!toy_find_item(b, rest, &i)) {
			return err_set(err, EINVAL, "line %u: there is no such item", n);
		}
		toy_drop_item(b, i);
		return 0;
	}
	return err_set(err, EINVAL, "line %u: 'set' or 'del' is expected", n);
}

int toy_run(
	struct toy *t, struct toy_box *b, struct slice text, struct buf *report, struct err *err)
{
	unsigned n = 0;
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t len = end != NULL ? (size_t)(end - text.p) : text.n;
		int r = run_line(t, b, slice_make(text.p, len), ++n, err);
		if (r != 0) {
			return r;
		}
		len += end != NULL;
		text = slice_make(text.p + len, text.n - len);
	}
	buf_printf(report, "%u lines run\n", n);
	return 0;
}

int toy_run_new(
	struct toy *t, struct toy_box *b, struct slice text, struct buf *report, struct err *err)
{
	struct engine_info info;
	CLEANUP(buf_free) struct buf item = BUF_INIT;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	int r = toy_parse(text, &item, err);
	if (r != 0) {
		return r;
	}
	buf_printf(&key, "new-%llu", (unsigned long long)t->last_version);
	r = toy_put(t, b, buf_slice(&key), buf_slice(&item), ENGINE_VERSION_ABSENT, &info, 0, err);
	if (r == 0) {
		buf_printf(report, "%s.json\n", buf_cstr(&key));
	}
	return r;
}
