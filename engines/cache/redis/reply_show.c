/* Replies as redis-cli shows them on a terminal. */
#include <stdio.h>

#include "engines/cache/redis/reply.h"

static const char *escape_of(unsigned char c)
{
	switch (c) {
	case '\\': return "\\\\";
	case '"': return "\\\"";
	case '\n': return "\\n";
	case '\r': return "\\r";
	case '\t': return "\\t";
	case '\a': return "\\a";
	case '\b': return "\\b";
	default: return NULL;
	}
}

static void show_bulk(struct slice text, struct buf *out)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		const char *escape = escape_of(c);
		if (escape != NULL) {
			buf_puts(out, escape);
		} else if (c >= 0x20 && c < 0x7f) {
			buf_putc(out, (char)c);
		} else {
			buf_printf(out, "\\x%02x", c);
		}
	}
	buf_putc(out, '"');
}

static void show_one(struct slice *rest, unsigned indent, struct buf *out);

static unsigned digits(int64_t n)
{
	return (unsigned)snprintf(NULL, 0, "%lld", (long long)n);
}

/* 1) "a"
 * 2) 1) "b": what stands in an array is indented by as much as its number takes. */
static void show_array(struct slice *rest, int64_t n, unsigned indent, struct buf *out)
{
	unsigned width = digits(n);
	for (int64_t i = 0; i < n && rest->n > 0; i++) {
		buf_printf(out, "%*s%*lld) ", i == 0 ? 0 : (int)indent, "", (int)width,
			(long long)i + 1);
		show_one(rest, indent + width + 2, out);
	}
}

static void show_one(struct slice *rest, unsigned indent, struct buf *out)
{
	struct redis_reply r;
	if (!redis_reply_next(rest, &r)) {
		*rest = (struct slice){0};
		return;
	}
	switch (r.kind) {
	case REDIS_REPLY_STATUS: buf_append_slice(out, r.text); break;
	case REDIS_REPLY_ERROR:
		buf_puts(out, "(error) ");
		buf_append_slice(out, r.text);
		break;
	case REDIS_REPLY_INT: buf_printf(out, "(integer) %lld", (long long)r.value); break;
	case REDIS_REPLY_BULK: show_bulk(r.text, out); break;
	case REDIS_REPLY_NIL: buf_puts(out, "(nil)"); break;
	case REDIS_REPLY_ARRAY:
		if (r.value > 0) {
			show_array(rest, r.value, indent, out);
			return;
		}
		buf_puts(out, "(empty array)");
		break;
	}
	buf_putc(out, '\n');
}

void redis_reply_show(struct slice replies, struct buf *out)
{
	while (replies.n > 0) {
		show_one(&replies, 0, out);
	}
}
