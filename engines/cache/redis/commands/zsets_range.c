/* ZRANGE and its older forms, ZCOUNT, ZREMRANGEBY..: a range of a sorted set, read, stored,
 * counted or removed. */
#include <errno.h>

#include "engines/cache/redis/commands/zsets.h"

static const struct redis_elements *const scores = &redis_zset_elements;

#define ALL (-1)

/* What a command says of its range. */
struct asked {
	struct redis_zrange r;
	bool by_fixed, order_fixed; /* by the command's name: no option says */
	bool store;
	bool with_scores;
	unsigned first; /* argument: min */
};

static bool read_limit(struct redis_call *c, struct asked *a, unsigned *i, int *rc, struct err *err)
{
	if (!redis_arg_is(c->argv[*i], "limit") || c->argc - *i <= 2) {
		return false;
	}
	*rc = redis_arg_int(c->argv[*i + 1], &a->r.offset, err);
	*rc = *rc < 0 ? *rc : redis_arg_int(c->argv[*i + 2], &a->r.limit, err);
	*i += 2;
	return true;
}

static bool read_word(struct asked *a, struct slice arg)
{
	if (!a->store && redis_arg_is(arg, "withscores")) {
		a->with_scores = true;
	} else if (!a->order_fixed && redis_arg_is(arg, "rev")) {
		a->r.reverse = true;
	} else if (!a->by_fixed && redis_arg_is(arg, "bylex")) {
		a->r.by = REDIS_BY_LEX;
		a->by_fixed = true;
	} else if (!a->by_fixed && redis_arg_is(arg, "byscore")) {
		a->r.by = REDIS_BY_SCORE;
		a->by_fixed = true;
	} else {
		return false;
	}
	return true;
}

static int read_ends(struct asked *a, struct slice min, struct slice max, struct err *err)
{
	int rc;

	switch (a->r.by) {
	case REDIS_BY_SCORE: return redis_zrange_scores(min, max, &a->r, err);
	case REDIS_BY_LEX: return redis_zrange_names(min, max, &a->r, err);
	default:
		rc = redis_arg_int(min, &a->r.start, err);
		return rc < 0 ? rc : redis_arg_int(max, &a->r.stop, err);
	}
}

static int read_asked(struct redis_call *c, struct asked *a, struct err *err)
{
	int rc = 0;

	a->r.limit = ALL;
	for (unsigned i = a->first + 2; rc == 0 && i < c->argc; i++) {
		if (!read_limit(c, a, &i, &rc, err) && !read_word(a, c->argv[i])) {
			return redis_syntax_error(err);
		}
	}
	if (rc < 0) {
		return rc;
	}
	if (a->r.limit != ALL && a->r.by == REDIS_BY_RANK) {
		return redis_error(err, "ERR syntax error, LIMIT is only supported in combination "
					"with either BYSCORE or BYLEX");
	}
	if (a->with_scores && a->r.by == REDIS_BY_LEX) {
		return redis_error(err, "ERR syntax error, WITHSCORES not supported in "
					"combination with BYLEX");
	}
	bool turned = a->r.reverse && a->r.by != REDIS_BY_RANK;
	return read_ends(a, c->argv[a->first + turned], c->argv[a->first + !turned], err);
}

/* ---- reading ---- */

struct listed {
	struct buf *out;
	bool with_scores;
	size_t n;
};

static int reply_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct listed *l = arg;

	redis_reply_bulk(l->out, element->name);
	if (l->with_scores) {
		redis_reply_double(l->out, element->value.score);
	}
	l->n += l->with_scores ? 2 : 1;
	return buf_check(l->out, err);
}

static int reply_range(struct redis_call *c, struct asked *a, struct err *err)
{
	struct redis_key key;
	a->first = 2;
	int rc = read_asked(c, a, err);
	struct listed l = {.out = c->out, .with_scores = a->with_scores};
	size_t at = redis_reply_begin(c->out);

	rc = rc < 0 ? rc : redis_call_key(c, scores, c->argv[1], &key, err);
	rc = rc == 1 ? redis_zset_each(c->t, &key, &a->r, reply_one, &l, err) : rc;
	if (rc >= 0) {
		redis_reply_end(c->out, at, l.n);
	}
	return rc < 0 ? rc : 0;
}

int redis_zrange(struct redis_call *c, struct err *err)
{
	return reply_range(c, &(struct asked){0}, err);
}

static int reply_fixed(struct redis_call *c, enum redis_zrange_by by, bool reverse, struct err *err)
{
	struct asked a = {
		.r = {.by = by, .reverse = reverse}, .by_fixed = true, .order_fixed = true};
	return reply_range(c, &a, err);
}

int redis_zrevrange(struct redis_call *c, struct err *err)
{
	return reply_fixed(c, REDIS_BY_RANK, true, err);
}

int redis_zrangebyscore(struct redis_call *c, struct err *err)
{
	return reply_fixed(c, REDIS_BY_SCORE, false, err);
}

int redis_zrevrangebyscore(struct redis_call *c, struct err *err)
{
	return reply_fixed(c, REDIS_BY_SCORE, true, err);
}

int redis_zrangebylex(struct redis_call *c, struct err *err)
{
	return reply_fixed(c, REDIS_BY_LEX, false, err);
}

int redis_zrevrangebylex(struct redis_call *c, struct err *err)
{
	return reply_fixed(c, REDIS_BY_LEX, true, err);
}

/* ---- storing ---- */

int redis_zstore_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct redis_zstored *s = arg;

	return redis_element_put(
		s->t, scores, &s->result.key, NULL, element->name, &element->value, NULL, err);
}

int redis_zrangestore(struct redis_call *c, struct err *err)
{
	struct asked a = {.store = true, .first = 3};
	struct redis_zstored to = {.t = c->t};
	struct redis_key key;
	int64_t n;
	int rc = read_asked(c, &a, err);

	int there = rc < 0 ? rc : redis_call_key(c, scores, c->argv[2], &key, err);
	rc = there < 0 ? there : redis_result_begin(c->t, scores, &to.result, err);
	if (rc == 0 && there == 1) {
		rc = redis_zset_each(c->t, &key, &a.r, redis_zstore_one, &to, err);
	}
	rc = rc < 0 ? rc : redis_result_end(c->t, &to.result, c->argv[1], &n, err);
	if (rc == 0) {
		redis_reply_int(c->out, n);
	}
	return rc;
}

/* ---- counting, removing ---- */

static int read_fixed(
	struct redis_call *c, enum redis_zrange_by by, struct asked *a, struct err *err)
{
	*a = (struct asked){.r = {.by = by, .limit = ALL}};
	return read_ends(a, c->argv[2], c->argv[3], err);
}

static int count(struct redis_call *c, enum redis_zrange_by by, struct err *err)
{
	struct asked a;
	struct redis_key key;
	int64_t n = 0;
	int rc = read_fixed(c, by, &a, err);

	rc = rc < 0 ? rc : redis_call_key(c, scores, c->argv[1], &key, err);
	rc = rc == 1 ? redis_zset_count(c->t, &key, &a.r, &n, err) : rc;
	if (rc == 0) {
		redis_reply_int(c->out, n);
	}
	return rc;
}

int redis_zcount(struct redis_call *c, struct err *err)
{
	return count(c, REDIS_BY_SCORE, err);
}

int redis_zlexcount(struct redis_call *c, struct err *err)
{
	return count(c, REDIS_BY_LEX, err);
}

static int remove_range(struct redis_call *c, enum redis_zrange_by by, struct err *err)
{
	struct asked a;
	struct redis_key key;
	int64_t n = 0;
	int rc = read_fixed(c, by, &a, err);

	rc = rc < 0 ? rc : redis_call_key(c, scores, c->argv[1], &key, err);
	rc = rc == 1 ? redis_zset_remove(c->t, &key, &a.r, &n, err) : rc;
	rc = rc >= 0 && n > 0 ? redis_key_save(c->t, c->argv[1], &key, NULL, err) : rc;
	if (rc >= 0) {
		redis_reply_int(c->out, n);
	}
	return rc < 0 ? rc : 0;
}

int redis_zremrangebyrank(struct redis_call *c, struct err *err)
{
	return remove_range(c, REDIS_BY_RANK, err);
}

int redis_zremrangebyscore(struct redis_call *c, struct err *err)
{
	return remove_range(c, REDIS_BY_SCORE, err);
}

int redis_zremrangebylex(struct redis_call *c, struct err *err)
{
	return remove_range(c, REDIS_BY_LEX, err);
}
