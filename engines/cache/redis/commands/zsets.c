/* Commands over sorted sets: members and their scores. */
#include <errno.h>
#include <math.h>

#include "engines/cache/redis/commands/zsets.h"

static const struct redis_elements *const scores = &redis_zset_elements;

/* ---- ZADD ---- */

struct zadd {
	bool nx, xx, gt, lt, ch, incr;
	unsigned first; /* argument: score, member, score .. */
	int64_t added;
	int64_t updated;
	bool processed; /* the last member was not left alone */
	double score;	/* and is this */
};

static bool *option(struct zadd *z, struct slice arg)
{
	return redis_arg_is(arg, "nx")	   ? &z->nx
	       : redis_arg_is(arg, "xx")   ? &z->xx
	       : redis_arg_is(arg, "gt")   ? &z->gt
	       : redis_arg_is(arg, "lt")   ? &z->lt
	       : redis_arg_is(arg, "ch")   ? &z->ch
	       : redis_arg_is(arg, "incr") ? &z->incr
					   : NULL;
}

static int check_options(const struct zadd *z, unsigned n, struct err *err)
{
	if (n == 0 || n % 2 != 0) {
		return redis_syntax_error(err);
	}
	if (z->nx && z->xx) {
		return redis_error(
			err, "ERR XX and NX options at the same time are not compatible");
	}
	if ((z->gt && z->nx) || (z->lt && z->nx) || (z->gt && z->lt)) {
		return redis_error(
			err, "ERR GT, LT, and/or NX options at the same time are not compatible");
	}
	return z->incr && n > 2 ? redis_error(err, "ERR INCR option supports a single "
						   "increment-element pair")
				: 0;
}

static int read_zadd(struct redis_call *c, struct zadd *z, struct err *err)
{
	double score;
	bool *said;

	for (z->first = 2; z->first < c->argc && (said = option(z, c->argv[z->first])) != NULL;
		z->first++) {
		*said = true;
	}
	int rc = check_options(z, c->argc - z->first, err);
	for (unsigned i = z->first; rc == 0 && i < c->argc; i += 2) {
		rc = redis_arg_double(c->argv[i], &score, err);
	}
	return rc;
}

/* Whether the member stays as it is, given what it is; else *score is what it becomes. */
static int decide(const struct zadd *z, const struct redis_element *old, double *score, bool *stays,
	struct err *err)
{
	*stays = old == NULL ? z->xx : z->nx;
	if (*stays || old == NULL) {
		return 0;
	}
	double was = old->value.score;
	*score += z->incr ? was : 0;
	if (isnan(*score)) {
		return redis_error(err, "ERR resulting score is not a number (NaN)");
	}
	*stays = (z->lt && *score >= was) || (z->gt && *score <= was);
	return 0;
}

/* Changes one; what was there is saved at once, as a change of that member alone. */
static int put_score(struct redis_call *c, struct redis_key *key, struct zadd *z,
	const struct redis_element *old, struct slice member, struct err *err)
{
	struct redis_value value = {.score = z->score};

	if (old != NULL && old->value.score == z->score) {
		return 0;
	}
	int rc = redis_element_put(c->t, scores, key, old, member, &value, NULL, err);
	if (rc == 0 && old != NULL) {
		z->updated++;
		rc = redis_key_save(c->t, c->argv[1], key, &member, err);
	} else {
		z->added++;
	}
	return rc;
}

static int add_one(
	struct redis_call *c, struct redis_key *key, struct zadd *z, unsigned i, struct err *err)
{
	struct redis_element old;
	bool stays;
	int rc = redis_arg_double(c->argv[i], &z->score, err);

	rc = rc < 0 ? rc
		    : redis_element_find(c->t, scores, key->id, c->argv[i + 1], NULL, &old, err);
	if (rc < 0) {
		return rc;
	}
	const struct redis_element *was = rc == 1 ? &old : NULL;
	rc = decide(z, was, &z->score, &stays, err);
	z->processed = !stays;
	return rc < 0 || stays ? rc : put_score(c, key, z, was, c->argv[i + 1], err);
}

static int add_scores(struct redis_call *c, struct zadd *z, struct err *err)
{
	struct redis_key key;
	int rc = redis_call_key(c, scores, c->argv[1], &key, err);

	if (rc < 0 || (rc == 0 && z->xx)) {
		return rc;
	}
	rc = rc == 1 ? rc : redis_key_open(c->t, c->argv[1], REDIS_ZSET, &key, err);
	for (unsigned i = z->first; rc >= 0 && i < c->argc; i += 2) {
		rc = add_one(c, &key, z, i, err);
	}
	return rc < 0 || z->added == 0 ? rc : redis_key_save(c->t, c->argv[1], &key, NULL, err);
}

static int run_zadd(struct redis_call *c, struct zadd *z, struct err *err)
{
	int rc = add_scores(c, z, err);

	if (rc < 0) {
		return rc;
	}
	if (!z->incr) {
		redis_reply_int(c->out, z->added + (z->ch ? z->updated : 0));
	} else if (z->processed) {
		redis_reply_double(c->out, z->score);
	} else {
		redis_reply_nil(c->out);
	}
	return 0;
}

static int zadd(struct redis_call *c, struct err *err)
{
	struct zadd z = {0};
	int rc = read_zadd(c, &z, err);

	return rc < 0 ? rc : run_zadd(c, &z, err);
}

static int zincrby(struct redis_call *c, struct err *err)
{
	struct zadd z = {.incr = true, .first = 2};
	double by;
	int rc = redis_arg_double(c->argv[2], &by, err);

	return rc < 0 ? rc : run_zadd(c, &z, err);
}

/* ---- one member ---- */

static int zrem(struct redis_call *c, struct err *err)
{
	return redis_remove_elements(c, scores, err);
}

/* 1 when the key and the member are there. */
static int find_score(struct redis_call *c, struct redis_key *key, struct slice member,
	struct redis_element *out, struct err *err)
{
	int rc = redis_call_key(c, scores, c->argv[1], key, err);

	return rc == 1 ? redis_element_find(c->t, scores, key->id, member, NULL, out, err) : rc;
}

static int zscore(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int rc = find_score(c, &key, c->argv[2], &found, err);

	if (rc == 1) {
		redis_reply_double(c->out, found.value.score);
	} else if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc < 0 ? rc : 0;
}

static int zmscore(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int there = redis_call_key(c, scores, c->argv[1], &key, err);

	if (there < 0) {
		return there;
	}
	redis_reply_array(c->out, c->argc - 2);
	for (unsigned i = 2; i < c->argc; i++) {
		int rc = there == 0 ? 0
				    : redis_element_find(
					      c->t, scores, key.id, c->argv[i], NULL, &found, err);
		if (rc < 0) {
			return rc;
		}
		if (rc == 1) {
			redis_reply_double(c->out, found.value.score);
		} else {
			redis_reply_nil(c->out);
		}
	}
	return 0;
}

static int zcard(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_call_key(c, scores, c->argv[1], &key, err);

	if (rc >= 0) {
		redis_reply_int(c->out, rc == 1 ? (int64_t)key.n : 0);
	}
	return rc < 0 ? rc : 0;
}

static int reply_rank(struct redis_call *c, bool reverse, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int64_t rank;
	int rc = find_score(c, &key, c->argv[2], &found, err);

	if (rc == 0) {
		redis_reply_nil(c->out);
	}
	if (rc != 1) {
		return rc;
	}
	rc = redis_zset_rank(c->t, &key, &found, &rank, err);
	if (rc == 0) {
		redis_reply_int(c->out, reverse ? (int64_t)key.n - 1 - rank : rank);
	}
	return rc;
}

static int zrank(struct redis_call *c, struct err *err)
{
	return reply_rank(c, false, err);
}

static int zrevrank(struct redis_call *c, struct err *err)
{
	return reply_rank(c, true, err);
}

static int zscan(struct redis_call *c, struct err *err)
{
	return redis_scan_elements(c, scores, err);
}

static int zrandmember(struct redis_call *c, struct err *err)
{
	return redis_random_elements(c, scores, "withscores", err);
}

const struct redis_command redis_zset_commands[] = {
	{"zadd", -4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, zadd},
	{"zrem", -3, REDIS_WRITE, 1, 1, 1, zrem},
	{"zscore", 3, 0, 1, 1, 1, zscore},
	{"zmscore", -3, 0, 1, 1, 1, zmscore},
	{"zincrby", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, zincrby},
	{"zcard", 2, 0, 1, 1, 1, zcard},
	{"zcount", 4, 0, 1, 1, 1, redis_zcount},
	{"zlexcount", 4, 0, 1, 1, 1, redis_zlexcount},
	{"zrank", 3, 0, 1, 1, 1, zrank},
	{"zrevrank", 3, 0, 1, 1, 1, zrevrank},
	{"zrange", -4, 0, 1, 1, 1, redis_zrange},
	{"zrangestore", -5, REDIS_WRITE | REDIS_DENYOOM, 1, 2, 1, redis_zrangestore},
	{"zrangebyscore", -4, 0, 1, 1, 1, redis_zrangebyscore},
	{"zrevrangebyscore", -4, 0, 1, 1, 1, redis_zrevrangebyscore},
	{"zrangebylex", -4, 0, 1, 1, 1, redis_zrangebylex},
	{"zrevrangebylex", -4, 0, 1, 1, 1, redis_zrevrangebylex},
	{"zrevrange", -4, 0, 1, 1, 1, redis_zrevrange},
	{"zremrangebyrank", 4, REDIS_WRITE, 1, 1, 1, redis_zremrangebyrank},
	{"zremrangebyscore", 4, REDIS_WRITE, 1, 1, 1, redis_zremrangebyscore},
	{"zremrangebylex", 4, REDIS_WRITE, 1, 1, 1, redis_zremrangebylex},
	{"zpopmin", -2, REDIS_WRITE, 1, 1, 1, redis_zpopmin},
	{"zpopmax", -2, REDIS_WRITE, 1, 1, 1, redis_zpopmax},
	{"bzpopmin", -3, REDIS_WRITE | REDIS_NOSCRIPT, 1, -2, 1, redis_bzpopmin},
	{"bzpopmax", -3, REDIS_WRITE | REDIS_NOSCRIPT, 1, -2, 1, redis_bzpopmax},
	{"zmpop", -4, REDIS_WRITE, 0, 0, 0, redis_zmpop},
	{"bzmpop", -5, REDIS_WRITE, 0, 0, 0, redis_bzmpop},
	{"zrandmember", -2, 0, 1, 1, 1, zrandmember},
	{"zunion", -3, 0, 0, 0, 0, redis_zunion},
	{"zunionstore", -4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_zunionstore},
	{"zinter", -3, 0, 0, 0, 0, redis_zinter},
	{"zinterstore", -4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_zinterstore},
	{"zintercard", -3, 0, 0, 0, 0, redis_zintercard},
	{"zdiff", -3, 0, 0, 0, 0, redis_zdiff},
	{"zdiffstore", -4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_zdiffstore},
	{"zscan", -3, 0, 1, 1, 1, zscan},
	{.name = NULL},
};
