/* XINFO. */
#include <errno.h>

#include "engines/cache/redis/commands/streams.h"

/* Redis keeps entries in blocks, of so many at most; it tells of them as keys of a tree. */
#define BLOCK_ENTRIES 100

static int find_stream(struct redis_call *c, struct redis_key *key, struct err *err)
{
	int rc = redis_stream_of(c, c->argv[2], key, err);

	return rc != 0 ? rc : err_set(err, EINVAL, "ERR no such key");
}

struct info {
	struct redis_call *c;
	int64_t count; /* of FULL, 0: all */
	size_t n;
};

static void reply_unless(struct buf *out, int64_t value, int64_t unknown)
{
	if (value == unknown) {
		redis_reply_nil(out);
	} else {
		redis_reply_int(out, value);
	}
}

/* ---- XINFO STREAM ---- */

/* What both forms begin with, seven pairs. */
static int reply_stream(struct redis_call *c, const struct redis_key *key, struct err *err)
{
	struct redis_id deleted, first;
	int64_t blocks = ((int64_t)key->n + BLOCK_ENTRIES - 1) / BLOCK_ENTRIES;
	int rc = redis_stream_deleted(c->t, key, &deleted, err);

	rc = rc < 0 ? rc : redis_stream_first(c->t, key, &first, err);
	if (rc < 0) {
		return rc;
	}
	redis_reply_text(c->out, "length");
	redis_reply_int(c->out, (int64_t)key->n);
	redis_reply_text(c->out, "radix-tree-keys");
	redis_reply_int(c->out, blocks);
	redis_reply_text(c->out, "radix-tree-nodes");
	redis_reply_int(c->out, blocks + 1);
	redis_reply_text(c->out, "last-generated-id");
	redis_reply_id(c->out, redis_stream_last(key));
	redis_reply_text(c->out, "max-deleted-entry-id");
	redis_reply_id(c->out, deleted);
	redis_reply_text(c->out, "entries-added");
	redis_reply_int(c->out, key->c);
	redis_reply_text(c->out, "recorded-first-entry-id");
	redis_reply_id(c->out, first);
	return 0;
}

static int count_group(void *arg, const struct redis_group *g, struct err *err)
{
	(void)g;
	(void)err;
	++*(int64_t *)arg;
	return 0;
}

static int reply_end(struct redis_call *c, const struct redis_key *key, bool last, struct err *err)
{
	const struct redis_entries which = {REDIS_ID_MIN, REDIS_ID_MAX, last, 1};
	struct redis_entries_shown shown = {.out = c->out};
	int rc = redis_stream_each(c->t, key, &which, redis_show_entry, &shown, err);

	if (shown.n == 0) {
		redis_reply_nil_array(c->out);
	}
	return rc;
}

static int info_short(struct redis_call *c, const struct redis_key *key, struct err *err)
{
	int64_t groups = 0;

	redis_reply_array(c->out, 20);
	int rc = reply_stream(c, key, err);
	rc = rc < 0 ? rc : redis_group_each(c->t, key, count_group, &groups, err);
	redis_reply_text(c->out, "groups");
	redis_reply_int(c->out, groups);
	redis_reply_text(c->out, "first-entry");
	rc = rc < 0 ? rc : reply_end(c, key, false, err);
	redis_reply_text(c->out, "last-entry");
	return rc < 0 ? rc : reply_end(c, key, true, err);
}

/* ---- XINFO STREAM FULL ---- */

struct pending_shown {
	struct info *info;
	bool consumer; /* whose is known */
	int64_t n;
};

static int show_pending(void *arg, const struct redis_pending *p, struct err *err)
{
	struct pending_shown *s = arg;
	struct buf *out = s->info->c->out;

	(void)err;
	if (s->info->count > 0 && s->n == s->info->count) {
		return 1;
	}
	redis_reply_array(out, s->consumer ? 3 : 4);
	redis_reply_id(out, p->id);
	if (!s->consumer) {
		redis_reply_bulk(out, p->consumer);
	}
	redis_reply_int(out, p->delivered_ms);
	redis_reply_int(out, p->times);
	s->n++;
	return 0;
}

static int reply_pending(
	struct info *i, const struct redis_group *g, const struct slice *consumer, struct err *err)
{
	struct pending_shown s = {.info = i, .consumer = consumer != NULL};

	redis_reply_text(i->c->out, "pending");
	size_t at = redis_reply_begin(i->c->out);
	int rc = redis_pending_each(i->c->t, g, consumer, REDIS_ID_MIN, show_pending, &s, err);
	redis_reply_end(i->c->out, at, (size_t)s.n);
	return rc < 0 ? rc : 0;
}

struct consumers {
	struct info *info;
	const struct redis_group *g;
	size_t n;
};

static int show_consumer_full(void *arg, const struct redis_consumer *consumer, struct err *err)
{
	struct consumers *s = arg;
	struct buf *out = s->info->c->out;

	redis_reply_array(out, 8);
	redis_reply_text(out, "name");
	redis_reply_bulk(out, consumer->name);
	redis_reply_text(out, "seen-time");
	redis_reply_int(out, consumer->seen_ms);
	redis_reply_text(out, "pel-count");
	redis_reply_int(out, consumer->pending);
	s->n++;
	return reply_pending(s->info, s->g, &consumer->name, err);
}

/* Four pairs of both forms: where the group stands. */
static int reply_group(struct info *i, const struct redis_group *g, struct err *err)
{
	int64_t lag;
	int rc = redis_group_lag(i->c->t, g, &lag, err);

	redis_reply_text(i->c->out, "last-delivered-id");
	redis_reply_id(i->c->out, g->last);
	redis_reply_text(i->c->out, "entries-read");
	reply_unless(i->c->out, g->read, REDIS_READ_UNKNOWN);
	redis_reply_text(i->c->out, "lag");
	reply_unless(i->c->out, rc < 0 ? -1 : lag, -1);
	return rc;
}

static int show_group_full(void *arg, const struct redis_group *g, struct err *err)
{
	struct info *i = arg;
	struct consumers s = {.info = i, .g = g};
	struct buf *out = i->c->out;
	int64_t pending = 0;

	redis_reply_array(out, 14);
	redis_reply_text(out, "name");
	redis_reply_bulk(out, g->name);
	int rc = reply_group(i, g, err);
	rc = rc < 0 ? rc : redis_pending_count(i->c->t, g, &pending, err);
	redis_reply_text(out, "pel-count");
	redis_reply_int(out, pending);
	rc = rc < 0 ? rc : reply_pending(i, g, NULL, err);
	redis_reply_text(out, "consumers");
	size_t at = redis_reply_begin(out);
	rc = rc < 0 ? rc : redis_consumer_each(i->c->t, g, show_consumer_full, &s, err);
	redis_reply_end(out, at, s.n);
	i->n++;
	return rc;
}

static int info_full(struct info *i, const struct redis_key *key, struct err *err)
{
	struct redis_call *c = i->c;
	struct redis_entries_shown shown = {.out = c->out};
	const struct redis_entries which = {
		REDIS_ID_MIN, REDIS_ID_MAX, false, i->count > 0 ? i->count : -1};

	redis_reply_array(c->out, 18);
	int rc = reply_stream(c, key, err);
	redis_reply_text(c->out, "entries");
	size_t at = redis_reply_begin(c->out);
	rc = rc < 0 ? rc : redis_stream_each(c->t, key, &which, redis_show_entry, &shown, err);
	redis_reply_end(c->out, at, (size_t)shown.n);
	redis_reply_text(c->out, "groups");
	at = redis_reply_begin(c->out);
	rc = rc < 0 ? rc : redis_group_each(c->t, key, show_group_full, i, err);
	redis_reply_end(c->out, at, i->n);
	return rc;
}

int redis_run_xinfo_stream(struct redis_call *c, struct err *err)
{
	struct info i = {.c = c, .count = 10};
	struct redis_key key;
	bool full = c->argc > 3 && redis_arg_is(c->argv[3], "full");
	int rc = find_stream(c, &key, err);

	if (rc < 0) {
		return rc;
	}
	if (c->argc > 3 &&
		(!full || (c->argc > 4 && (c->argc != 6 || !redis_arg_is(c->argv[4], "count"))))) {
		return err_set(err, EINVAL,
			"ERR unknown subcommand or wrong number of arguments for '%.*s'. Try XINFO "
			"HELP.",
			(int)(c->argv[1].n < 128 ? c->argv[1].n : 128), c->argv[1].p);
	}
	if (c->argc == 6) {
		rc = redis_arg_int(c->argv[5], &i.count, err);
		i.count = i.count < 0 ? 10 : i.count;
	}
	return rc < 0 ? rc : full ? info_full(&i, &key, err) : info_short(c, &key, err);
}

/* ---- XINFO GROUPS, XINFO CONSUMERS ---- */

static int count_consumer(void *arg, const struct redis_consumer *consumer, struct err *err)
{
	(void)consumer;
	(void)err;
	++*(int64_t *)arg;
	return 0;
}

static int show_group(void *arg, const struct redis_group *g, struct err *err)
{
	struct info *i = arg;
	struct buf *out = i->c->out;
	int64_t consumers = 0, pending = 0;
	int rc = redis_consumer_each(i->c->t, g, count_consumer, &consumers, err);

	rc = rc < 0 ? rc : redis_pending_count(i->c->t, g, &pending, err);
	redis_reply_array(out, 12);
	redis_reply_text(out, "name");
	redis_reply_bulk(out, g->name);
	redis_reply_text(out, "consumers");
	redis_reply_int(out, consumers);
	redis_reply_text(out, "pending");
	redis_reply_int(out, pending);
	i->n++;
	return rc < 0 ? rc : reply_group(i, g, err);
}

int redis_run_xinfo_groups(struct redis_call *c, struct err *err)
{
	struct info i = {.c = c};
	struct redis_key key;
	int rc = find_stream(c, &key, err);

	size_t at = redis_reply_begin(c->out);
	rc = rc < 0 ? rc : redis_group_each(c->t, &key, show_group, &i, err);
	redis_reply_end(c->out, at, i.n);
	return rc;
}

static int show_consumer(void *arg, const struct redis_consumer *consumer, struct err *err)
{
	struct info *i = arg;
	struct buf *out = i->c->out;
	int64_t idle = i->c->t->now_ms - consumer->seen_ms;

	(void)err;
	redis_reply_array(out, 6);
	redis_reply_text(out, "name");
	redis_reply_bulk(out, consumer->name);
	redis_reply_text(out, "pending");
	redis_reply_int(out, consumer->pending);
	redis_reply_text(out, "idle");
	redis_reply_int(out, idle > 0 ? idle : 0);
	i->n++;
	return 0;
}

int redis_run_xinfo_consumers(struct redis_call *c, struct err *err)
{
	struct info i = {.c = c};
	struct redis_key key;
	struct redis_group g;
	int rc = find_stream(c, &key, err);

	rc = rc < 0 ? rc : redis_group_find(c->t, &key, c->argv[3], &g, err);
	if (rc == 0) {
		return err_set(err, EINVAL,
			"NOGROUP No such consumer group '%.*s' for key name '%.*s'",
			(int)(c->argv[3].n < 256 ? c->argv[3].n : 256), c->argv[3].p,
			(int)(c->argv[2].n < 256 ? c->argv[2].n : 256), c->argv[2].p);
	}
	size_t at = redis_reply_begin(c->out);
	rc = rc < 0 ? rc : redis_consumer_each(c->t, &g, show_consumer, &i, err);
	redis_reply_end(c->out, at, i.n);
	return rc < 0 ? rc : 0;
}
