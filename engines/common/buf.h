/* Bytes: `struct slice` is borrowed, `struct buf` is owned and grows. */
#ifndef DBMOUNT_BUF_H
#define DBMOUNT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engines/common/err.h"

/* Borrowed bytes, any values; p may be NULL when n is 0. */
struct slice {
	const char *p;
	size_t n;
};

/* Growable bytes. Zero-initialised is empty. When memory runs out `failed` is
 * set and everything further is dropped: append freely, then ask once with
 * buf_check() before using the content. */
struct buf {
	char *p;
	size_t n;
	size_t cap;
	bool failed;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}

static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static inline struct slice slice_make(const void *p, size_t n)
{
	return (struct slice){p, n};
}

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}

/* What stands in it from `at` on; an empty one has no bytes to count from. */
static inline struct slice buf_since(const struct buf *b, size_t at)
{
	if (b->p == NULL) {
		return slice_make(NULL, 0);
	}
	return slice_make(b->p + at, b->n - at);
}

bool slice_equal(struct slice a, struct slice b);
/* Byte order, a prefix first: <0, 0, >0. */
int slice_compare(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *text);

void buf_append(struct buf *b, const void *p, size_t n);
void buf_append_slice(struct buf *b, struct slice s);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Room for `n` bytes in all; false when memory ran out. */
bool buf_reserve(struct buf *b, size_t n);
/* Length becomes n; new bytes are zero. False when memory ran out. */
bool buf_resize(struct buf *b, size_t n);
/* Keeps the memory, drops the content and the failure. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);
/* The content with a NUL behind it (not counted); "" when memory ran out. */
const char *buf_cstr(struct buf *b);
/* 0, or -ENOMEM with err set if an append failed. */
int buf_check(const struct buf *b, struct err *err);

#endif
