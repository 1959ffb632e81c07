/* XREAD and XREADGROUP. They do not wait: BLOCK is taken and answers as when its time is up. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/commands/streams.h"
#include "engines/common/cleanup.h"

struct reading {
	struct redis_call *c;
	bool group; /* XREADGROUP */
	struct slice group_name, consumer;
	bool has_group, noack;
	int64_t count;	  /* -1: all */
	unsigned streams; /* the argument that is the first key */
	unsigned n;
	size_t shown; /* streams in the reply */
};

/* ---- arguments ---- */

static int parse_block(struct slice arg, struct err *err)
{
	int64_t ms;

	if (redis_arg_int(arg, &ms, NULL) < 0) {
		return err_set(err, EINVAL, "ERR timeout is not an integer or out of range");
	}
	return ms >= 0 ? 0 : err_set(err, EINVAL, "ERR timeout is negative");
}

static int only_of_group(const char *option, struct err *err)
{
	return err_set(err, EINVAL,
		"ERR The %s option is only supported by XREADGROUP. You called XREAD instead.",
		option);
}

static int parse_streams(struct reading *r, unsigned at, struct err *err)
{
	unsigned left = r->c->argc - at - 1;

	r->streams = at + 1;
	r->n = left / 2;
	return left % 2 == 0 ? 0
			     : err_set(err, EINVAL,
				       "ERR Unbalanced XREAD list of streams: for each stream key "
				       "an ID or '$' must be specified.");
}

/* One option at *at, which moves to its last word. */
static int parse_option(struct reading *r, unsigned *at, struct err *err)
{
	const struct slice *argv = r->c->argv;
	unsigned more = r->c->argc - *at - 1;
	int rc;

	if (more >= 1 && redis_arg_is(argv[*at], "block")) {
		return parse_block(argv[++*at], err);
	}
	if (more >= 1 && redis_arg_is(argv[*at], "count")) {
		rc = redis_arg_int(argv[++*at], &r->count, err);
		r->count = r->count <= 0 ? -1 : r->count;
		return rc;
	}
	if (more >= 2 && redis_arg_is(argv[*at], "group")) {
		r->has_group = true;
		r->group_name = argv[++*at];
		r->consumer = argv[++*at];
		return r->group ? 0 : only_of_group("GROUP", err);
	}
	if (redis_arg_is(argv[*at], "noack")) {
		r->noack = true;
		return r->group ? 0 : only_of_group("NOACK", err);
	}
	return redis_syntax_error(err);
}

static int parse(struct reading *r, struct err *err)
{
	struct redis_call *c = r->c;
	int rc = 0;

	for (unsigned i = 1; rc == 0 && i < c->argc && r->streams == 0; i++) {
		if (i + 1 < c->argc && redis_arg_is(c->argv[i], "streams")) {
			rc = parse_streams(r, i, err);
		} else {
			rc = parse_option(r, &i, err);
		}
	}
	if (rc == 0 && r->streams == 0) {
		rc = redis_syntax_error(err);
	}
	if (rc == 0 && r->group && !r->has_group) {
		rc = err_set(err, EINVAL, "ERR Missing GROUP option for XREADGROUP");
	}
	return rc;
}

/* ---- one stream ---- */

struct source {
	struct slice name;
	struct redis_key key;
	bool there;
	struct redis_group g;
	struct redis_id behind; /* entries with a greater id are asked for */
	bool news;		/* `>`: what nobody of the group was given */
};

static int find_group(struct reading *r, struct source *s, struct err *err)
{
	int rc = s->there ? redis_group_find(r->c->t, &s->key, r->group_name, &s->g, err) : 0;

	return rc != 0 ? rc
		       : err_set(err, EINVAL,
				 "NOGROUP No such key '%.*s' or consumer group '%.*s' in "
				 "XREADGROUP with GROUP option",
				 (int)(s->name.n < 256 ? s->name.n : 256), s->name.p,
				 (int)(r->group_name.n < 256 ? r->group_name.n : 256),
				 r->group_name.p);
}

static int source_id(struct reading *r, struct source *s, struct slice id, struct err *err)
{
	if (slice_is(id, "$")) {
		s->behind = s->there ? redis_stream_last(&s->key) : REDIS_ID_MIN;
		return !r->group ? 0
				 : err_set(err, EINVAL,
					   "ERR The $ ID is meaningless in the context of "
					   "XREADGROUP: you want to read the history of this "
					   "consumer by specifying a proper ID, or use the > ID to "
					   "get new messages. The $ ID would just return an empty "
					   "result set.");
	}
	if (slice_is(id, ">")) {
		s->news = true;
		return r->group ? 0
				: err_set(err, EINVAL,
					  "ERR The > ID can be specified only when calling "
					  "XREADGROUP using the GROUP <group> <consumer> option.");
	}
	return redis_id_parse(id, true, 0, &s->behind, err);
}

static int source_of(struct reading *r, unsigned i, struct source *s, struct err *err)
{
	*s = (struct source){.name = r->c->argv[r->streams + i]};
	int rc = redis_stream_of(r->c, s->name, &s->key, err);

	s->there = rc > 0;
	if (rc >= 0 && r->group) {
		rc = find_group(r, s, err);
	}
	rc = rc < 0 ? rc : source_id(r, s, r->c->argv[r->streams + r->n + i], err);
	return rc;
}

/* ---- what it gives ---- */

struct given {
	struct reading *r;
	struct source *s;
	struct buf ids; /* those that become pending */
	size_t at;
	int64_t n;
};

static void begin_stream(struct given *x)
{
	struct reading *r = x->r;

	redis_reply_array(r->c->out, 2);
	redis_reply_bulk(r->c->out, x->s->name);
	x->at = redis_reply_begin(r->c->out);
	r->shown++;
}

static int give_entry(void *arg, struct redis_id id, struct slice fields, struct err *err)
{
	struct given *x = arg;

	if (x->n++ == 0) {
		begin_stream(x);
	}
	redis_reply_entry(x->r->c->out, id, fields);
	if (x->r->group) {
		buf_append(&x->ids, &id, sizeof(id));
	}
	return buf_check(x->r->c->out, err);
}

static int note_given(struct given *x, struct err *err)
{
	struct redis_txn *t = x->r->c->t;
	struct redis_group *g = &x->s->g;
	int rc = redis_consumer_seen(t, g, x->r->consumer, NULL, err);

	for (size_t i = 0; rc == 0 && i < x->ids.n; i += sizeof(struct redis_id)) {
		struct redis_pending p = {
			.consumer = x->r->consumer, .delivered_ms = t->now_ms, .times = 1};
		memcpy(&p.id, x->ids.p + i, sizeof(p.id));
		rc = redis_group_passed(t, g, p.id, err);
		if (rc == 0 && !x->r->noack) {
			rc = redis_pending_put(t, g, &p, err);
		}
	}
	return rc < 0 ? rc : redis_group_save(t, g, err);
}

static int give_news(struct reading *r, struct source *s, struct err *err)
{
	struct given x = {.r = r, .s = s};
	struct redis_entries which = {.from = s->behind, .to = REDIS_ID_MAX, .max = r->count};
	int rc = 0;

	if (s->news) {
		/* Asked for again: a stream may be named twice. */
		rc = redis_group_find(r->c->t, &s->key, r->group_name, &s->g, err);
		which.from = s->g.last;
	}
	if (rc < 0 || !s->there || !redis_id_next(&which.from)) {
		return rc < 0 ? rc : 0;
	}
	rc = redis_stream_each(r->c->t, &s->key, &which, give_entry, &x, err);
	if (x.n > 0) {
		redis_reply_end(r->c->out, x.at, (size_t)x.n);
	}
	rc = rc < 0 ? rc : buf_check(&x.ids, err);
	if (rc == 0 && x.n > 0 && r->group) {
		rc = note_given(&x, err);
	}
	buf_free(&x.ids);
	return rc;
}

/* One that the consumer was given before: the entry again, or nil when it was removed since. */
static int give_again(struct given *x, struct redis_pending *p, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	struct redis_call *c = x->r->c;
	int rc = redis_stream_find(c->t, &x->s->key, p->id, &fields, err);

	if (rc == 0) {
		redis_reply_array(c->out, 2);
		redis_reply_id(c->out, p->id);
		redis_reply_nil_array(c->out);
	}
	if (rc <= 0) {
		return rc;
	}
	redis_reply_entry(c->out, p->id, buf_slice(&fields));
	p->delivered_ms = c->t->now_ms;
	p->times++;
	return redis_pending_put(c->t, &x->s->g, p, err);
}

static int give_history(struct reading *r, struct source *s, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct given x = {.r = r, .s = s};
	struct redis_id from = s->behind;
	struct redis_pending p;
	int rc = redis_consumer_seen(r->c->t, &s->g, r->consumer, NULL, err);
	bool more = rc == 0 && redis_id_next(&from);

	begin_stream(&x);
	while (more && (r->count < 0 || x.n < r->count)) {
		rc = redis_pending_next(r->c->t, &s->g, &r->consumer, from, &name, &p, err);
		if (rc <= 0) {
			break;
		}
		x.n++;
		from = p.id;
		rc = give_again(&x, &p, err);
		more = rc == 0 && redis_id_next(&from);
	}
	redis_reply_end(r->c->out, x.at, (size_t)x.n);
	return rc;
}

static int run(struct reading *r, struct source *s, struct err *err)
{
	size_t before = r->c->out->n;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < r->n; i++) {
		rc = source_of(r, i, &s[i], err);
	}
	if (rc < 0) {
		return rc;
	}
	size_t at = redis_reply_begin(r->c->out);
	for (unsigned i = 0; rc == 0 && i < r->n; i++) {
		rc = r->group && !s[i].news ? give_history(r, &s[i], err)
					    : give_news(r, &s[i], err);
	}
	redis_reply_end(r->c->out, at, r->shown);
	if (rc == 0 && r->shown == 0) {
		r->c->out->n = before;
		redis_reply_nil_array(r->c->out);
	}
	return rc;
}

static int read_streams(struct redis_call *c, bool group, struct err *err)
{
	struct reading r = {.c = c, .group = group, .count = -1};
	int rc = parse(&r, err);

	if (rc < 0 || r.n == 0) {
		return rc < 0 ? rc : redis_syntax_error(err);
	}
	struct source *s = calloc(r.n, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	rc = run(&r, s, err);
	free(s);
	return rc;
}

int redis_run_xread(struct redis_call *c, struct err *err)
{
	return read_streams(c, false, err);
}

int redis_run_xreadgroup(struct redis_call *c, struct err *err)
{
	return read_streams(c, true, err);
}
