/* Members of the toy's items, each as a file: a string's bytes, anything else as
 * JSON. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

static const char *const suffixes[] = {""};
static const struct engine_form forms[] = {{"", "the member's bytes"}};

void toy_member_level(struct engine_level *out)
{
	*out = (struct engine_level){.noun = "item",
		.child_noun = "member",
		.child = ENGINE_FILE,
		.names = {suffixes, 1},
		.forms = forms,
		.n_forms = 1};
}

static json_t *load(const struct toy_item *item)
{
	json_error_t why;
	return json_loadb(item->text.p, item->text.n, JSON_ALLOW_NUL, &why);
}

static void render(const json_t *value, struct buf *out)
{
	if (json_is_string(value)) {
		buf_append(out, json_string_value(value), json_string_length(value));
		return;
	}
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	buf_puts(out, text != NULL ? text : "");
	free(text);
}

static json_t *member(json_t *object, struct slice key)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	buf_append_slice(&name, key);
	return json_object_get(object, buf_cstr(&name));
}

int toy_member_read(const struct toy_item *item, struct slice key, struct buf *out,
	struct engine_info *info, struct err *err)
{
	json_auto_t *object = load(item);
	const json_t *value = member(object, key);
	size_t before = out->n;
	if (value == NULL) {
		return toy_not_there(err);
	}
	render(value, out);
	*info = (struct engine_info){.kind = ENGINE_FILE,
		.version = item->version,
		.size = out->n - before,
		.mtime_ns = item->mtime_ns};
	return buf_check(out, err);
}

int toy_member_stat(
	const struct toy_item *item, struct slice key, struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	return toy_member_read(item, key, &text, out, err);
}

int toy_member_list(const struct toy_item *item, const struct slice *after, engine_emit *emit,
	void *arg, struct err *err)
{
	json_auto_t *object = load(item);
	const char *key;
	json_t *value;
	bool begun = after == NULL;
	json_object_foreach (object, key, value) {
		struct slice name = slice_of(key);
		struct engine_info info;
		if (begun && (toy_member_stat(item, name, &info, err) != 0 ||
				     emit(arg, name, &info) != 0)) {
			break;
		}
		begun = begun || slice_equal(name, *after);
	}
	return 0;
}

int toy_member_write(struct toy *t, struct toy_item *item, struct slice key,
	const struct slice *text, struct err *err)
{
	json_error_t why;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	json_auto_t *object = load(item);
	buf_append_slice(&name, key);
	if (text == NULL) {
		json_object_del(object, buf_cstr(&name));
	} else {
		json_t *value = json_loadb(text->n > 0 ? text->p : "", text->n,
			JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
		value = value != NULL ? value : json_stringn(text->n > 0 ? text->p : "", text->n);
		if (value == NULL) {
			return err_set(err, EINVAL, "a member is UTF-8 text");
		}
		json_object_set_new(object, buf_cstr(&name), value);
	}
	char *dumped = json_dumps(object, JSON_INDENT(2));
	if (dumped == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	CLEANUP(buf_free) struct buf whole = BUF_INIT;
	buf_printf(&whole, "%s\n", dumped);
	free(dumped);
	toy_fill(t, item, buf_slice(&whole));
	return 0;
}
