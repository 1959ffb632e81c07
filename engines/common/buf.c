#include "engines/common/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int slice_compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

bool slice_is(struct slice a, const char *text)
{
	return slice_equal(a, slice_of(text));
}

bool buf_reserve(struct buf *b, size_t n)
{
	if (b->failed) {
		return false;
	}
	if (n <= b->cap) {
		return true;
	}
	size_t cap = b->cap < 64 ? 64 : b->cap;
	while (cap < n) {
		if (cap > SIZE_MAX / 2) {
			b->failed = true;
			return false;
		}
		cap *= 2;
	}
	char *p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

bool buf_resize(struct buf *b, size_t n)
{
	if (!buf_reserve(b, n)) {
		return false;
	}
	if (n > b->n) {
		memset(b->p + b->n, 0, n - b->n);
	}
	b->n = n;
	return true;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0) {
		return;
	}
	if (n <= b->cap - b->n && !b->failed) {
		memcpy(b->p + b->n, p, n);
		b->n += n;
		return;
	}
	if (n > SIZE_MAX - b->n) {
		b->failed = true;
		return;
	}
	if (buf_reserve(b, b->n + n)) {
		memcpy(b->p + b->n, p, n);
		b->n += n;
	}
}

void buf_append_slice(struct buf *b, struct slice s)
{
	buf_append(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
	if (b->n < b->cap && !b->failed) {
		b->p[b->n++] = c;
	} else {
		buf_append(b, &c, 1);
	}
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, b->n + (size_t)n + 1)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->n += (size_t)n;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf)BUF_INIT;
}

const char *buf_cstr(struct buf *b)
{
	if (!buf_reserve(b, b->n + 1)) {
		return "";
	}
	b->p[b->n] = '\0';
	return b->p;
}

int buf_check(const struct buf *b, struct err *err)
{
	return b->failed ? err_set(err, ENOMEM, "out of memory") : 0;
}
