/* XGROUP, XACK, XPENDING. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/commands/streams.h"

static int shown(struct slice s)
{
	return (int)(s.n < 256 ? s.n : 256);
}

int redis_group_of(
	struct redis_call *c, struct redis_key *key, struct redis_group *g, struct err *err)
{
	int rc = redis_stream_of(c, c->argv[1], key, err);

	rc = rc <= 0 ? rc : redis_group_find(c->t, key, c->argv[2], g, err);
	return rc != 0 ? rc
		       : err_set(err, EINVAL, "NOGROUP No such key '%.*s' or consumer group '%.*s'",
				 shown(c->argv[1]), c->argv[1].p, shown(c->argv[2]), c->argv[2].p);
}

/* ---- XGROUP ---- */

static int no_stream(struct err *err)
{
	return err_set(err, EINVAL,
		"ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may "
		"want to use the MKSTREAM option to create an empty stream automatically.");
}

static int find_stream(struct redis_call *c, struct redis_key *key, struct err *err)
{
	int rc = redis_stream_of(c, c->argv[2], key, err);

	return rc != 0 ? rc : no_stream(err);
}

/* The group that an XGROUP is about: 1; NOGROUP. */
static int find_group(
	struct redis_call *c, struct redis_key *key, struct redis_group *g, struct err *err)
{
	int rc = find_stream(c, key, err);

	rc = rc < 0 ? rc : redis_group_find(c->t, key, c->argv[3], g, err);
	return rc != 0 ? rc
		       : err_set(err, EINVAL,
				 "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
				 shown(c->argv[3]), c->argv[3].p, shown(c->argv[2]), c->argv[2].p);
}

struct options {
	bool mkstream;
	int64_t read;
};

static int parse_options(struct redis_call *c, const char *sub, struct options *o, struct err *err)
{
	bool create = sub[0] == 'c';

	*o = (struct options){.read = REDIS_READ_UNKNOWN};
	for (unsigned i = 5; i < c->argc; i++) {
		if (create && redis_arg_is(c->argv[i], "mkstream")) {
			o->mkstream = true;
		} else if (i + 1 < c->argc && redis_arg_is(c->argv[i], "entriesread")) {
			int rc = redis_arg_int(c->argv[++i], &o->read, err);
			if (rc < 0) {
				return rc;
			}
			if (o->read < 0 && o->read != REDIS_READ_UNKNOWN) {
				return err_set(err, EINVAL,
					"ERR value for ENTRIESREAD must be positive or -1");
			}
		} else {
			return err_set(err, EINVAL,
				"ERR unknown subcommand or wrong number of arguments for '%.*s'. "
				"Try XGROUP HELP.",
				shown(c->argv[1]), c->argv[1].p);
		}
	}
	return 0;
}

static int parse_position(
	struct slice arg, const struct redis_key *key, struct redis_id *out, struct err *err)
{
	if (slice_is(arg, "$")) {
		*out = redis_stream_last(key);
		return 0;
	}
	return redis_id_parse(arg, true, 0, out, err);
}

static int create_group(
	struct redis_call *c, const struct redis_key *key, const struct options *o, struct err *err)
{
	struct redis_group g;
	struct redis_group made = {.key = key, .name = c->argv[3], .read = o->read};
	int rc = parse_position(c->argv[4], key, &made.last, err);

	rc = rc < 0 ? rc : redis_group_find(c->t, key, c->argv[3], &g, err);
	if (rc > 0) {
		return err_set(err, EINVAL, "BUSYGROUP Consumer Group name already exists");
	}
	redis_reply_ok(c->out);
	return rc < 0 ? rc : redis_group_save(c->t, &made, err);
}

int redis_run_xgroup_create(struct redis_call *c, struct err *err)
{
	struct options o;
	struct redis_key key;
	struct redis_id id;
	int rc = parse_options(c, "create", &o, err);

	rc = rc < 0 ? rc : redis_stream_of(c, c->argv[2], &key, err);
	if (rc == 0 && !o.mkstream) {
		return no_stream(err);
	}
	if (rc == 0) {
		/* Nothing is made when the id is none. */
		rc = slice_is(c->argv[4], "$") ? 0 : redis_id_parse(c->argv[4], true, 0, &id, err);
		rc = rc < 0 ? rc : redis_key_open(c->t, c->argv[2], REDIS_STREAM, &key, err);
		rc = rc < 0 ? rc : redis_key_save(c->t, c->argv[2], &key, NULL, err);
	}
	return rc < 0 ? rc : create_group(c, &key, &o, err);
}

int redis_run_xgroup_setid(struct redis_call *c, struct err *err)
{
	struct options o;
	struct redis_key key;
	struct redis_group g;
	int rc = parse_options(c, "setid", &o, err);

	rc = rc < 0 ? rc : find_group(c, &key, &g, err);
	rc = rc < 0 ? rc : parse_position(c->argv[4], &key, &g.last, err);
	redis_reply_ok(c->out);
	g.read = o.read;
	return rc < 0 ? rc : redis_group_save(c->t, &g, err);
}

int redis_run_xgroup_destroy(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_group g;
	int rc = find_stream(c, &key, err);

	rc = rc < 0 ? rc : redis_group_find(c->t, &key, c->argv[3], &g, err);
	redis_reply_int(c->out, rc > 0);
	return rc <= 0 ? rc : redis_group_delete(c->t, &g, err);
}

static int has_consumer(void *arg, const struct redis_consumer *consumer, struct err *err)
{
	const struct slice *name = arg;

	(void)err;
	return slice_equal(consumer->name, *name);
}

int redis_run_xgroup_createconsumer(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_group g;
	struct slice name = c->argv[4];
	int rc = find_group(c, &key, &g, err);

	rc = rc < 0 ? rc : redis_consumer_each(c->t, &g, has_consumer, &name, err);
	redis_reply_int(c->out, rc == 0);
	return rc != 0 ? (rc < 0 ? rc : 0) : redis_consumer_seen(c->t, &g, name, NULL, err);
}

int redis_run_xgroup_delconsumer(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_group g;
	int64_t pending = 0;
	int rc = find_group(c, &key, &g, err);

	rc = rc < 0 ? rc : redis_consumer_delete(c->t, &g, c->argv[4], &pending, err);
	redis_reply_int(c->out, pending);
	return rc;
}

/* ---- XACK ---- */

int redis_run_xack(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_group g;
	struct redis_id id;
	int64_t n = 0;
	int rc = redis_stream_of(c, c->argv[1], &key, err);

	rc = rc <= 0 ? rc : redis_group_find(c->t, &key, c->argv[2], &g, err);
	for (unsigned i = 3; rc > 0 && i < c->argc; i++) {
		int bad = redis_id_parse(c->argv[i], true, 0, &id, err);
		rc = bad < 0 ? bad : rc;
	}
	for (unsigned i = 3; rc > 0 && i < c->argc; i++) {
		redis_id_parse(c->argv[i], true, 0, &id, NULL);
		int gone = redis_pending_remove(c->t, &g, id, err);
		n += gone > 0;
		rc = gone < 0 ? gone : rc;
	}
	redis_reply_int(c->out, n);
	return rc < 0 ? rc : 0;
}

/* ---- XPENDING ---- */

struct asked {
	struct redis_call *c;
	struct redis_id from, to;
	int64_t min_idle, count, n;
	const struct slice *consumer;
};

static int parse_pending(struct asked *a, struct err *err)
{
	struct redis_call *c = a->c;
	unsigned at = 3;
	int rc = 0;

	bool idle = redis_arg_is(c->argv[3], "idle");
	if (c->argc < (idle ? 8U : 6U) || c->argc > 9) {
		return redis_syntax_error(err);
	}
	if (idle) {
		rc = redis_arg_int(c->argv[4], &a->min_idle, err);
		at = 5;
	}
	if (rc < 0) {
		return rc;
	}
	a->consumer = c->argc > at + 3 ? &c->argv[at + 3] : NULL;
	rc = redis_arg_int(c->argv[at + 2], &a->count, err);
	rc = rc < 0 ? rc : redis_id_parse_start(c->argv[at], &a->from, err);
	return rc < 0 ? rc : redis_id_parse_end(c->argv[at + 1], &a->to, err);
}

static int show_pending(void *arg, const struct redis_pending *p, struct err *err)
{
	struct asked *a = arg;
	int64_t idle = a->c->t->now_ms - p->delivered_ms;

	(void)err;
	if (a->n >= a->count || redis_id_compare(p->id, a->to) > 0) {
		return 1;
	}
	if (a->min_idle > 0 && idle < a->min_idle) {
		return 0;
	}
	redis_reply_array(a->c->out, 4);
	redis_reply_id(a->c->out, p->id);
	redis_reply_bulk(a->c->out, p->consumer);
	redis_reply_int(a->c->out, idle > 0 ? idle : 0);
	redis_reply_int(a->c->out, p->times);
	a->n++;
	return 0;
}

struct summary {
	struct buf *out;
	size_t n;
};

static int show_consumer(void *arg, const struct redis_consumer *consumer, struct err *err)
{
	struct summary *s = arg;
	char number[24];

	(void)err;
	if (consumer->pending > 0) {
		snprintf(number, sizeof(number), "%lld", (long long)consumer->pending);
		redis_reply_array(s->out, 2);
		redis_reply_bulk(s->out, consumer->name);
		redis_reply_text(s->out, number);
		s->n++;
	}
	return 0;
}

/* Where the first and the last that are pending are. */
static int note_ends(void *arg, const struct redis_pending *p, struct err *err)
{
	struct redis_id *ends = arg;

	(void)err;
	if (redis_id_is_zero(ends[1])) {
		ends[0] = p->id;
	}
	ends[1] = p->id;
	return 0;
}

static int summarize(struct redis_call *c, const struct redis_group *g, struct err *err)
{
	struct summary s = {.out = c->out};
	struct redis_id ends[2] = {REDIS_ID_MIN, REDIS_ID_MIN};
	int64_t n;
	int rc = redis_pending_count(c->t, g, &n, err);

	rc = rc < 0 ? rc : redis_pending_each(c->t, g, NULL, REDIS_ID_MIN, note_ends, ends, err);
	redis_reply_array(c->out, 4);
	redis_reply_int(c->out, n);
	if (rc < 0 || n == 0) {
		redis_reply_nil(c->out);
		redis_reply_nil(c->out);
		redis_reply_nil_array(c->out);
		return rc;
	}
	redis_reply_id(c->out, ends[0]);
	redis_reply_id(c->out, ends[1]);
	size_t at = redis_reply_begin(c->out);
	rc = redis_consumer_each(c->t, g, show_consumer, &s, err);
	redis_reply_end(c->out, at, s.n);
	return rc;
}

int redis_run_xpending(struct redis_call *c, struct err *err)
{
	struct asked a = {.c = c};
	struct redis_key key;
	struct redis_group g;
	bool whole = c->argc == 3;
	int rc = whole ? 0 : parse_pending(&a, err);

	rc = rc < 0 ? rc : redis_group_of(c, &key, &g, err);
	if (rc < 0 || whole) {
		return rc < 0 ? rc : summarize(c, &g, err);
	}
	size_t at = redis_reply_begin(c->out);
	rc = redis_pending_each(c->t, &g, a.consumer, a.from, show_pending, &a, err);
	redis_reply_end(c->out, at, (size_t)a.n);
	return rc < 0 ? rc : 0;
}
