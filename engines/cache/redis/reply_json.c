/* Replies as JSON values, a line each. */
#include <errno.h>

#include "engines/cache/redis/reply.h"
#include "engines/common/base64.h"
#include "engines/common/json.h"
#include "engines/common/name.h"

static void put_text(struct slice text, struct buf *out)
{
	if (utf8_valid(text)) {
		json_quote(out, text);
		return;
	}
	buf_puts(out, "{\"$b\": \"");
	base64_encode(BASE64_PADDED, text, out);
	buf_puts(out, "\"}");
}

static int put_one(struct slice *rest, struct buf *out, struct err *err);

static int put_array(struct slice *rest, int64_t n, struct buf *out, struct err *err)
{
	int rc = 0;
	buf_putc(out, '[');
	for (int64_t i = 0; i < n && rc == 0; i++) {
		buf_puts(out, i == 0 ? "" : ", ");
		rc = put_one(rest, out, err);
	}
	buf_putc(out, ']');
	return rc;
}

static int put_one(struct slice *rest, struct buf *out, struct err *err)
{
	struct redis_reply r;
	if (!redis_reply_next(rest, &r)) {
		return err_set(err, EIO, "a reply is cut short");
	}
	switch (r.kind) {
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_BULK: put_text(r.text, out); break;
	case REDIS_REPLY_ERROR:
		buf_puts(out, "{\"error\": ");
		put_text(r.text, out);
		buf_putc(out, '}');
		break;
	case REDIS_REPLY_INT: buf_printf(out, "%lld", (long long)r.value); break;
	case REDIS_REPLY_NIL: buf_puts(out, "null"); break;
	case REDIS_REPLY_ARRAY: return put_array(rest, r.value, out, err);
	}
	return 0;
}

int redis_reply_json(struct slice replies, struct buf *out, struct err *err)
{
	while (replies.n > 0) {
		int rc = put_one(&replies, out, err);
		if (rc != 0) {
			return rc;
		}
		buf_putc(out, '\n');
	}
	return buf_check(out, err);
}
