/* What the commands of a session publish: kept until their transaction is committed, so that one
 * that is undone, or run again, reaches nobody before its time or twice. */
#include <errno.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/session_impl.h"
#include "engines/common/log.h"

/* As a length and the bytes. */
static void put(struct buf *out, struct slice s)
{
	buf_append(out, &s.n, sizeof(s.n));
	buf_append_slice(out, s);
}

static struct slice get(const struct buf *from, size_t *at)
{
	size_t n;

	memcpy(&n, from->p + *at, sizeof(n));
	struct slice s = slice_make(from->p + *at + sizeof(n), n);
	*at += sizeof(n) + n;
	return s;
}

int redis_session_publish(struct redis_session *s, struct slice channel, struct slice message,
	uint64_t *receivers, struct err *err)
{
	struct buf *out = &s->published;
	size_t before = out->n;

	*receivers = redis_channels_receivers(s->server->channels, channel);
	if (*receivers == 0) {
		return 0;
	}
	if (before + channel.n + message.n > SESSION_BYTES_MAX) {
		return err_set(err, EINVAL,
			"ERR what one transaction publishes takes more than %zu MiB",
			SESSION_BYTES_MAX >> 20);
	}
	put(out, channel);
	put(out, message);
	if (out->failed) {
		out->failed = false;
		out->n = before;
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

size_t redis_session_published(const struct redis_session *s)
{
	return s->published.n;
}

void redis_session_unpublish(struct redis_session *s, size_t mark)
{
	s->published.n = mark;
}

void redis_session_send(struct redis_session *s)
{
	const struct buf *from = &s->published;

	for (size_t at = 0; at < from->n;) {
		struct slice channel = get(from, &at);
		struct slice message = get(from, &at);
		uint64_t receivers;
		struct err err = {0};
		if (redis_channels_publish(
			    s->server->channels, channel, message, &receivers, &err) != 0) {
			log_warn("a message that was published is lost: %s", err.msg);
		}
	}
	/* One that published much does not keep the memory. */
	buf_free(&s->published);
}
