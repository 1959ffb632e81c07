/* XCLAIM and XAUTOCLAIM: what one consumer was given becomes another's. */
#include <errno.h>

#include "engines/cache/redis/commands/streams.h"
#include "engines/common/cleanup.h"

struct claim {
	struct redis_call *c;
	struct redis_key key;
	struct redis_group g;
	struct slice consumer;
	int64_t min_idle;
	int64_t delivered_ms;
	int64_t times; /* -1: one more */
	bool force, justid;
	struct redis_id last; /* LASTID */
	unsigned end;	      /* behind the ids */
	int64_t n;
};

static int parse_min_idle(struct claim *x, const char *command, struct err *err)
{
	if (redis_arg_int(x->c->argv[4], &x->min_idle, NULL) < 0) {
		return err_set(err, EINVAL, "ERR Invalid min-idle-time argument for %s", command);
	}
	x->min_idle = x->min_idle < 0 ? 0 : x->min_idle;
	return 0;
}

/* 1: the entry is given to the consumer and shown; 0: it is too young. */
static int take(struct claim *x, struct redis_pending *p, struct slice fields, struct err *err)
{
	struct redis_call *c = x->c;

	if (x->min_idle > 0 && p->consumer.n > 0 && c->t->now_ms - p->delivered_ms < x->min_idle) {
		return 0;
	}
	int rc = redis_consumer_seen(c->t, &x->g, x->consumer, NULL, err);
	p->consumer = x->consumer;
	p->delivered_ms = x->delivered_ms;
	p->times = x->times >= 0 ? x->times : p->times + !x->justid;
	rc = rc < 0 ? rc : redis_pending_put(c->t, &x->g, p, err);
	if (x->justid) {
		redis_reply_id(c->out, p->id);
	} else {
		redis_reply_entry(c->out, p->id, fields);
	}
	x->n++;
	return rc < 0 ? rc : 1;
}

/* ---- XCLAIM ---- */

static int number_option(struct slice arg, const char *option, int64_t *out, struct err *err)
{
	return redis_arg_int(arg, out, NULL) == 0
		       ? 0
		       : err_set(err, EINVAL, "ERR Invalid %s option argument for XCLAIM", option);
}

static int unknown_option(struct slice arg, struct err *err)
{
	return err_set(err, EINVAL, "ERR Unrecognized XCLAIM option '%.*s'",
		(int)(arg.n < 256 ? arg.n : 256), arg.p);
}

/* One option at *at, which moves to its last word. */
static int parse_option(struct claim *x, unsigned *at, struct err *err)
{
	const struct slice *argv = x->c->argv;
	struct slice word = argv[*at];
	bool more = *at + 1 < x->c->argc;
	int64_t ms;
	int rc;

	if (redis_arg_is(word, "force")) {
		x->force = true;
		return 0;
	}
	if (redis_arg_is(word, "justid")) {
		x->justid = true;
		return 0;
	}
	if (more && redis_arg_is(word, "idle")) {
		rc = number_option(argv[++*at], "IDLE", &ms, err);
		x->delivered_ms = rc < 0 ? 0 : x->c->t->now_ms - ms;
		return rc;
	}
	if (more && redis_arg_is(word, "time")) {
		return number_option(argv[++*at], "TIME", &x->delivered_ms, err);
	}
	if (more && redis_arg_is(word, "retrycount")) {
		return number_option(argv[++*at], "RETRYCOUNT", &x->times, err);
	}
	if (more && redis_arg_is(word, "lastid")) {
		return redis_id_parse(argv[++*at], true, 0, &x->last, err);
	}
	return unknown_option(word, err);
}

static int parse_claim(struct claim *x, struct err *err)
{
	struct redis_call *c = x->c;
	struct redis_id id;
	int rc = parse_min_idle(x, "XCLAIM", err);

	x->times = -1;
	x->delivered_ms = c->t->now_ms;
	for (x->end = 5; x->end < c->argc; x->end++) {
		if (redis_id_parse(c->argv[x->end], true, 0, &id, NULL) < 0) {
			break;
		}
	}
	for (unsigned i = x->end; rc == 0 && i < c->argc; i++) {
		rc = parse_option(x, &i, err);
	}
	if (x->delivered_ms < 0 || x->delivered_ms > c->t->now_ms) {
		x->delivered_ms = c->t->now_ms;
	}
	return rc;
}

static int claim_one(struct claim *x, struct redis_id id, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_pending p;
	int there = redis_stream_find(x->c->t, &x->key, id, &fields, err);

	if (there <= 0) {
		return there < 0 ? there : redis_pending_remove(x->c->t, &x->g, id, err);
	}
	int rc = redis_pending_find(x->c->t, &x->g, id, &name, &p, err);
	if (rc == 0 && x->force) {
		p = (struct redis_pending){.id = id, .times = 1};
		rc = 1;
	}
	return rc <= 0 ? rc : take(x, &p, buf_slice(&fields), err);
}

int redis_run_xclaim(struct redis_call *c, struct err *err)
{
	struct claim x = {.c = c, .consumer = c->argv[3]};
	struct redis_id id;
	int rc = redis_group_of(c, &x.key, &x.g, err);

	rc = rc < 0 ? rc : parse_claim(&x, err);
	if (rc == 0 && redis_id_compare(x.last, x.g.last) > 0) {
		x.g.last = x.last;
		rc = redis_group_save(c->t, &x.g, err);
	}
	size_t at = redis_reply_begin(c->out);
	for (unsigned i = 5; rc >= 0 && i < x.end; i++) {
		redis_id_parse(c->argv[i], true, 0, &id, NULL);
		rc = claim_one(&x, id, err);
	}
	redis_reply_end(c->out, at, (size_t)x.n);
	return rc < 0 ? rc : 0;
}

/* ---- XAUTOCLAIM ---- */

struct search {
	struct claim claim;
	struct redis_id from; /* the next to look at; 0-0 behind all */
	int64_t count, attempts;
	struct buf gone; /* ids of entries that are no more */
};

static int parse_autoclaim(struct search *s, struct err *err)
{
	struct redis_call *c = s->claim.c;
	int rc = parse_min_idle(&s->claim, "XAUTOCLAIM", err);

	rc = rc < 0 ? rc : redis_id_parse_start(c->argv[5], &s->from, err);
	for (unsigned i = 6; rc == 0 && i < c->argc; i++) {
		if (redis_arg_is(c->argv[i], "justid")) {
			s->claim.justid = true;
		} else if (i + 1 < c->argc && redis_arg_is(c->argv[i], "count")) {
			if (redis_arg_int(c->argv[++i], &s->count, NULL) < 0 || s->count <= 0 ||
				s->count > INT64_MAX / 10) {
				rc = err_set(err, EINVAL, "ERR COUNT must be > 0");
			}
		} else {
			rc = redis_syntax_error(err);
		}
	}
	s->attempts = s->count * 10;
	return rc;
}

/* One that is pending: claimed, too young, or of an entry that is no more. */
static int look_at(struct search *s, struct redis_pending *p, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	struct claim *x = &s->claim;
	int rc = redis_stream_find(x->c->t, &x->key, p->id, &fields, err);

	if (rc > 0) {
		rc = take(x, p, buf_slice(&fields), err);
		s->count -= rc > 0;
	} else if (rc == 0) {
		redis_reply_id(&s->gone, p->id);
		s->count--;
		rc = redis_pending_remove(x->c->t, &x->g, p->id, err);
	}
	return rc;
}

static int search(struct search *s, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct claim *x = &s->claim;
	struct redis_pending p;

	for (bool more = true;; s->attempts--) {
		int rc = more ? redis_pending_next(x->c->t, &x->g, NULL, s->from, &name, &p, err)
			      : 0;
		s->from = rc > 0 ? p.id : REDIS_ID_MIN;
		if (rc <= 0 || s->attempts == 0 || s->count == 0) {
			return rc < 0 ? rc : 0;
		}
		rc = look_at(s, &p, err);
		if (rc < 0) {
			return rc;
		}
		more = redis_id_next(&s->from);
	}
}

static void reply_autoclaim(struct search *s, struct buf *claimed)
{
	struct buf *out = s->claim.c->out;

	redis_reply_array(out, 3);
	redis_reply_id(out, s->from);
	redis_reply_array(out, (size_t)s->claim.n);
	buf_append_slice(out, buf_slice(claimed));
	redis_reply_array(out, redis_fields_count(buf_slice(&s->gone)));
	buf_append_slice(out, buf_slice(&s->gone));
}

int redis_run_xautoclaim(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf claimed = BUF_INIT;
	struct redis_call inner = *c; /* what is claimed shows behind where the search ended */
	struct search s = {
		.claim = {.c = &inner, .consumer = c->argv[3], .times = -1}, .count = 100};

	inner.out = &claimed;
	s.claim.delivered_ms = c->t->now_ms;
	int rc = parse_autoclaim(&s, err);
	rc = rc < 0 ? rc : redis_group_of(&inner, &s.claim.key, &s.claim.g, err);
	rc = rc < 0 ? rc : search(&s, err);
	rc = rc < 0 ? rc : buf_check(&claimed, err);
	rc = rc < 0 ? rc : buf_check(&s.gone, err);
	if (rc == 0) {
		s.claim.c = c;
		reply_autoclaim(&s, &claimed);
	}
	buf_free(&s.gone);
	return rc;
}
