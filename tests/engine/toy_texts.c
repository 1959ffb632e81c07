/* The toy's texts: .schema, which never changes, .keys, which is the keys of a box's
 * items, and .kind, which is only read. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

static int print_keys(const struct toy_box *b, struct buf *out, struct err *err)
{
	json_auto_t *keys = json_array();
	for (size_t i = 0; i < b->n; i++) {
		const struct buf *k = &b->items[i].key;
		json_array_append_new(keys, json_stringn(k->n > 0 ? k->p : "", k->n));
	}
	CLEANUP(cleanup_free) char *text = json_dumps(keys, JSON_INDENT(2));
	if (text == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_printf(out, "%s\n", text);
	return buf_check(out, err);
}

int toy_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	int r = toy_at_box(t, path, &at, err);
	if (r == 0 && strcmp(name, ".keys") == 0) {
		return print_keys(&t->tree.boxes[at.box], out, err);
	}
	if (r == 0) {
		buf_puts(out, "toy\n");
	}
	return r;
}

static bool is_wanted(const json_t *keys, const struct buf *key)
{
	size_t i;
	json_t *k;
	json_array_foreach (keys, i, k) {
		if (slice_equal(slice_make(json_string_value(k), json_string_length(k)),
			    buf_slice(key))) {
			return true;
		}
	}
	return false;
}

/* Into `b`, which is a copy. */
static int make_wanted(struct toy *t, struct toy_box *b, const json_t *keys, struct err *err)
{
	size_t i;
	json_t *k;
	json_array_foreach (keys, i, k) {
		size_t at;
		struct engine_info info;
		struct slice key = slice_make(json_string_value(k), json_string_length(k));
		int r = toy_find_item(b, key, &at) ? 0
						   : toy_put(t, b, key, slice_of("{}\n"),
							     ENGINE_VERSION_ABSENT, &info, 0, err);
		if (r != 0) {
			return r;
		}
	}
	for (i = b->n; i-- > 0;) {
		if (!is_wanted(keys, &b->items[i].key)) {
			toy_drop_item(b, i);
		}
	}
	toy_touch(t, b);
	return 0;
}

static int parse_keys(struct slice text, json_t **out, struct err *err)
{
	json_error_t why;
	json_t *keys = json_loadb(text.p != NULL ? text.p : "", text.n, JSON_ALLOW_NUL, &why);
	size_t i;
	json_t *k;
	if (keys == NULL) {
		return err_set(
			err, EINVAL, "line %d, column %d: %s", why.line, why.column, why.text);
	}
	bool strings = json_is_array(keys);
	json_array_foreach (keys, i, k) {
		strings = strings && json_is_string(k);
	}
	if (!strings) {
		json_decref(keys);
		return err_set(err, EINVAL, "line 1, column 1: an array of keys is expected");
	}
	*out = keys;
	return 0;
}

static int write_keys(struct toy *t, const struct epath *path, struct slice text, struct err *err)
{
	struct toy_place at;
	struct toy_tree copy = {0};
	json_auto_t *keys = NULL;
	int r = parse_keys(text, &keys, err);
	LOCKED(&t->lock);
	r = r == 0 ? toy_at_box(t, path, &at, err) : r;
	if (r == 0 && !toy_copy_box(&copy, &t->tree.boxes[at.box])) {
		r = err_set(err, ENOMEM, "out of memory");
	}
	r = r == 0 ? make_wanted(t, &copy.boxes[0], keys, err) : r;
	if (r == 0) {
		struct toy_box old = t->tree.boxes[at.box];
		t->tree.boxes[at.box] = copy.boxes[0];
		copy.boxes[0] = old;
	}
	toy_tree_free(&copy);
	return r;
}

int toy_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct toy *t = ctx;
	int r = toy_refuse_replica(t, err);
	if (r == 0 && strcmp(name, ".keys") == 0) {
		r = write_keys(t, path, text, err);
		if (r == 0) {
			toy_tell(t, path);
		}
		return r;
	}
	if (r == 0 && !slice_is(text, "toy\n")) {
		r = err_set(err, EINVAL, "line 1, column 1: the schema of a box is 'toy'");
	}
	return r;
}
