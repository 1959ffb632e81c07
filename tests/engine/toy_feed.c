/* The toy's feed: a line for each item that is written or removed by itself. */
#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

void toy_tell_feed(struct toy *t, const char *what, const struct epath *path)
{
	buf_puts(&t->feed, what);
	for (unsigned i = 0; i < path->depth; i++) {
		buf_putc(&t->feed, ' ');
		name_escape(path->key[i], &t->feed);
	}
	buf_putc(&t->feed, '\n');
}

int toy_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	struct toy *t = ctx;
	(void)path;
	(void)err;
	LOCKED(&t->lock);
	*start = t->feed_start;
	*end = t->feed_start + t->feed.n;
	return 0;
}

int toy_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max, struct buf *out,
	struct err *err)
{
	struct toy *t = ctx;
	(void)path;
	LOCKED(&t->lock);
	if (offset < t->feed_start) {
		return err_set(err, ERANGE, "these lines are gone");
	}
	size_t from = offset - t->feed_start;
	size_t left = from < t->feed.n ? t->feed.n - from : 0;
	buf_append(out, t->feed.p + from, left < max ? left : max);
	return 0;
}

int toy_feed_prune(void *ctx, struct engine_call *call, struct err *err)
{
	struct toy *t = ctx;
	(void)call;
	(void)err;
	LOCKED(&t->lock);
	if (t->feed.n == 0) {
		return 0;
	}
	size_t at = t->feed.n - 1;
	while (at > 0 && t->feed.p[at - 1] != '\n') {
		at--;
	}
	memmove(t->feed.p, t->feed.p + at, t->feed.n - at);
	t->feed.n -= at;
	t->feed_start += at;
	return 0;
}
