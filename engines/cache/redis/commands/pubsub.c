/* PUBLISH and PUBSUB. Who listens has a file open (channels.h), so that SUBSCRIBE and its like are
 * only known here to say where that is done. */
#include <errno.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/command.h"
#include "engines/cache/redis/session.h"

static struct redis_channels *channels(struct redis_call *c)
{
	return redis_session_server(c->session)->channels;
}

static int run_publish(struct redis_call *c, struct err *err)
{
	uint64_t receivers;
	int rc = redis_session_publish(c->session, c->argv[1], c->argv[2], &receivers, err);

	if (rc == 0) {
		redis_reply_int(c->out, (int64_t)receivers);
	}
	return rc;
}

struct listed {
	struct buf *out;
	const struct slice *pattern;
	size_t n;
};

static int add_channel(void *arg, struct slice name, uint64_t listeners)
{
	struct listed *l = arg;

	(void)listeners;
	if (l->pattern == NULL || redis_glob(*l->pattern, name)) {
		redis_reply_bulk(l->out, name);
		l->n++;
	}
	return 0;
}

static int pubsub_channels(struct redis_call *c, struct err *err)
{
	struct listed l = {.out = c->out, .pattern = c->argc > 2 ? &c->argv[2] : NULL};

	if (c->argc > 3) {
		return err_set(
			err, EINVAL, "ERR wrong number of arguments for 'pubsub|channels' command");
	}
	size_t at = redis_reply_begin(c->out);
	redis_channels_each(channels(c), REDIS_CHANNEL, NULL, add_channel, &l);
	redis_reply_end(c->out, at, l.n);
	return 0;
}

struct asked {
	struct slice name;
	uint64_t listeners;
};

static int note_listeners(void *arg, struct slice name, uint64_t listeners)
{
	struct asked *a = arg;
	int c = slice_compare(name, a->name);

	if (c == 0) {
		a->listeners = listeners;
	}
	return c >= 0;
}

static int pubsub_numsub(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_array(c->out, 2 * (size_t)(c->argc - 2));
	for (unsigned i = 2; i < c->argc; i++) {
		struct asked a = {.name = c->argv[i]};
		redis_channels_each(channels(c), REDIS_CHANNEL, NULL, note_listeners, &a);
		redis_reply_bulk(c->out, a.name);
		redis_reply_int(c->out, (int64_t)a.listeners);
	}
	return 0;
}

static int count_one(void *arg, struct slice name, uint64_t listeners)
{
	(void)name;
	(void)listeners;
	++*(int64_t *)arg;
	return 0;
}

static int pubsub_numpat(struct redis_call *c, struct err *err)
{
	int64_t n = 0;

	(void)err;
	redis_channels_each(channels(c), REDIS_PATTERN, NULL, count_one, &n);
	redis_reply_int(c->out, n);
	return 0;
}

/* Nobody can listen to channels of a shard: one tree is one shard. */
static int pubsub_shardchannels(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_array(c->out, 0);
	return 0;
}

static int pubsub_shardnumsub(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_array(c->out, 2 * (size_t)(c->argc - 2));
	for (unsigned i = 2; i < c->argc; i++) {
		redis_reply_bulk(c->out, c->argv[i]);
		redis_reply_int(c->out, 0);
	}
	return 0;
}

static int run_spublish(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_int(c->out, 0);
	return 0;
}

static int run_subscribe(struct redis_call *c, struct err *err)
{
	return err_set(err, EINVAL,
		"ERR %.*s does not work here: open .channels/NAME or .patterns/GLOB to listen, as "
		"tail -f does",
		(int)(c->argv[0].n < 32 ? c->argv[0].n : 32), c->argv[0].p);
}

const struct redis_command redis_pubsub_commands[] = {
	{"psubscribe", -2, REDIS_NOSCRIPT, 0, 0, 0, run_subscribe},
	{"publish", 3, 0, 0, 0, 0, run_publish},
	{"pubsub", -2, REDIS_CONTAINER, 0, 0, 0, NULL},
	{"pubsub|channels", -2, 0, 0, 0, 0, pubsub_channels},
	{"pubsub|numpat", 2, 0, 0, 0, 0, pubsub_numpat},
	{"pubsub|numsub", -2, 0, 0, 0, 0, pubsub_numsub},
	{"pubsub|shardchannels", -2, 0, 0, 0, 0, pubsub_shardchannels},
	{"pubsub|shardnumsub", -2, 0, 0, 0, 0, pubsub_shardnumsub},
	{"punsubscribe", -1, REDIS_NOSCRIPT, 0, 0, 0, run_subscribe},
	{"spublish", 3, 0, 1, 1, 1, run_spublish},
	{"ssubscribe", -2, REDIS_NOSCRIPT, 1, -1, 1, run_subscribe},
	{"subscribe", -2, REDIS_NOSCRIPT, 0, 0, 0, run_subscribe},
	{"sunsubscribe", -1, REDIS_NOSCRIPT, 1, -1, 1, run_subscribe},
	{"unsubscribe", -1, REDIS_NOSCRIPT, 0, 0, 0, run_subscribe},
	{0},
};
