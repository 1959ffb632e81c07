#include "engines/cache/redis/reply.h"

#include <math.h>
#include <stdio.h>

#include "engines/cache/redis/command.h"

void redis_reply_status(struct buf *out, const char *text)
{
	buf_printf(out, "+%s\r\n", text);
}

void redis_reply_ok(struct buf *out)
{
	redis_reply_status(out, "OK");
}

void redis_reply_error(struct buf *out, const char *text)
{
	buf_putc(out, '-');
	for (const char *p = text; *p != '\0'; p++) {
		buf_putc(out, (char)(*p == '\r' || *p == '\n' ? ' ' : *p));
	}
	buf_puts(out, "\r\n");
}

void redis_reply_int(struct buf *out, int64_t value)
{
	buf_printf(out, ":%lld\r\n", (long long)value);
}

void redis_reply_bulk(struct buf *out, struct slice value)
{
	buf_printf(out, "$%zu\r\n", value.n);
	buf_append_slice(out, value);
	buf_puts(out, "\r\n");
}

void redis_reply_text(struct buf *out, const char *value)
{
	redis_reply_bulk(out, slice_of(value));
}

void redis_reply_double(struct buf *out, double value)
{
	char text[40];
	if (isinf(value)) {
		redis_reply_text(out, value > 0 ? "inf" : "-inf");
		return;
	}
	/* As 7.0 does: all digits, 1.1 is 1.1000000000000001. */
	snprintf(text, sizeof(text), "%.17g", value);
	redis_reply_text(out, text);
}

void redis_reply_nil(struct buf *out)
{
	buf_puts(out, "$-1\r\n");
}

void redis_reply_nil_array(struct buf *out)
{
	buf_puts(out, "*-1\r\n");
}

void redis_reply_array(struct buf *out, size_t n)
{
	buf_printf(out, "*%zu\r\n", n);
}

size_t redis_reply_begin(struct buf *out)
{
	return out->n;
}

void redis_reply_end(struct buf *out, size_t at, size_t n)
{
	size_t body = out->n - at;
	redis_reply_array(out, n);
	size_t head = out->n - at - body;
	char text[32];
	if (out->failed || head > sizeof(text)) {
		return;
	}
	memcpy(text, out->p + at + body, head);
	memmove(out->p + at + head, out->p + at, body);
	memcpy(out->p + at, text, head);
}

/* The line at the beginning of *rest, without its end. */
static bool next_line(struct slice *rest, struct slice *out)
{
	const char *end = rest->n == 0 ? NULL : memchr(rest->p, '\n', rest->n);
	if (end == NULL || end == rest->p || end[-1] != '\r') {
		return false;
	}
	*out = slice_make(rest->p, (size_t)(end - rest->p) - 1);
	size_t used = (size_t)(end - rest->p) + 1;
	*rest = slice_make(rest->p + used, rest->n - used);
	return true;
}

static bool take_bulk(struct slice *rest, struct redis_reply *out)
{
	if (out->value < 0) {
		out->kind = REDIS_REPLY_NIL;
		return true;
	}
	size_t n = (size_t)out->value;
	if (rest->n < 2 || n > rest->n - 2) {
		return false;
	}
	out->kind = REDIS_REPLY_BULK;
	out->text = slice_make(rest->p, n);
	*rest = slice_make(rest->p + n + 2, rest->n - n - 2);
	return true;
}

static bool take_number(struct slice line, struct redis_reply *out)
{
	struct err err = {0};
	return redis_arg_int(line, &out->value, &err) == 0;
}

bool redis_reply_next(struct slice *rest, struct redis_reply *out)
{
	struct slice left = *rest;
	struct slice line;
	if (!next_line(&left, &line) || line.n == 0) {
		return false;
	}
	*out = (struct redis_reply){.text = slice_make(line.p + 1, line.n - 1)};
	bool whole = true;
	switch (line.p[0]) {
	case '+': out->kind = REDIS_REPLY_STATUS; break;
	case '-': out->kind = REDIS_REPLY_ERROR; break;
	case ':':
		out->kind = REDIS_REPLY_INT;
		whole = take_number(out->text, out);
		break;
	case '$': whole = take_number(out->text, out) && take_bulk(&left, out); break;
	case '*':
		whole = take_number(out->text, out);
		out->kind = out->value < 0 ? REDIS_REPLY_NIL : REDIS_REPLY_ARRAY;
		break;
	default: return false;
	}
	if (whole) {
		*rest = left;
	}
	return whole;
}
