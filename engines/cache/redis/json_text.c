#include "engines/cache/redis/json_text.h"

#include <errno.h>

#include "engines/common/base64.h"
#include "engines/common/name.h"

void redis_json_text_put(struct buf *out, struct slice text)
{
	if (utf8_valid(text)) {
		json_quote(out, text);
		return;
	}
	buf_puts(out, "{\"$b\": \"");
	base64_encode(BASE64_PADDED, text, out);
	buf_puts(out, "\"}");
}

void redis_json_text_finish(struct redis_json_text *r)
{
	buf_free(&r->bytes);
}

int redis_json_expected(struct json_pos pos, const char *what, struct err *err)
{
	return err_set(
		err, EINVAL, "line %lu, column %lu: expected %s", pos.line, pos.column, what);
}

static int read_base64(
	struct redis_json_text *r, struct slice text, struct json_pos pos, struct err *err)
{
	buf_clear(&r->bytes);
	const char *wrong = base64_decode(BASE64_PADDED, text, &r->bytes);
	if (wrong != NULL) {
		return err_set(err, EINVAL, "line %lu, column %lu: base64 would have %s", pos.line,
			pos.column, wrong);
	}
	r->at = JSON_TEXT_READ;
	return buf_check(&r->bytes, err);
}

int redis_json_text_feed(struct redis_json_text *r, enum json_event event, struct slice text,
	struct json_pos pos, struct slice *out, struct err *err)
{
	switch (r->at) {
	case JSON_TEXT_NONE:
		if (event == JSON_EV_STRING || event == JSON_EV_NUMBER) {
			*out = text;
			return 1;
		}
		if (event == JSON_EV_OBJECT_BEGIN) {
			r->at = JSON_TEXT_OPEN;
			return 0;
		}
		break;
	case JSON_TEXT_OPEN:
		if (event == JSON_EV_KEY && slice_is(text, "$b")) {
			r->at = JSON_TEXT_NAMED;
			return 0;
		}
		break;
	case JSON_TEXT_NAMED:
		if (event == JSON_EV_STRING) {
			return read_base64(r, text, pos, err);
		}
		break;
	case JSON_TEXT_READ:
		if (event == JSON_EV_OBJECT_END) {
			r->at = JSON_TEXT_NONE;
			*out = buf_slice(&r->bytes);
			return 1;
		}
		break;
	}
	return redis_json_expected(pos, "a string, or {\"$b\": \"base64\"}", err);
}
