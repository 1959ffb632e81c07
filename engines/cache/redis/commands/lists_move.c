/* Commands that take from one list of several, or from one to another. Those that wait when there
 * is nothing (BLPOP) answer here what they answer when their time is up. */
#include <errno.h>

#include "engines/cache/redis/commands/lists.h"
#include "engines/common/cleanup.h"

/* What comes last, of BLPOP and its like, or first, of BLMPOP. */
static int check_timeout(struct slice arg, struct err *err)
{
	double seconds;

	if (redis_arg_double(arg, &seconds, NULL) < 0) {
		return err_set(err, EINVAL, "ERR timeout is not a float or out of range");
	}
	/* Redis counts milliseconds in 64 bits, and what is more wraps. */
	return seconds >= 0 && seconds * 1000 < (double)INT64_MAX
		       ? 0
		       : err_set(err, EINVAL, "ERR timeout is negative");
}

/* ---- LMOVE ---- */

struct move {
	struct slice from, to;
	bool from_left, to_left;
};

static int parse_end(struct slice arg, bool *left, struct err *err)
{
	*left = redis_arg_is(arg, "left");
	return *left || redis_arg_is(arg, "right") ? 0 : redis_syntax_error(err);
}

/* The element at an end, in `value`; it goes. */
static int take(
	struct redis_call *c, struct redis_key *key, bool left, struct buf *value, struct err *err)
{
	int rc = redis_list_get(c->t, key, left ? 0 : key->n - 1, value, err);

	return rc < 0 ? rc : redis_list_trim(c->t, key, left ? 1 : 0, key->n - 1, err);
}

static int rotate(
	struct redis_call *c, const struct move *m, struct redis_key *key, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	int rc = take(c, key, m->from_left, &value, err);

	rc = rc < 0 ? rc : redis_list_push(c->t, key, m->to_left, buf_slice(&value), err);
	rc = rc < 0 ? rc : redis_list_save(c, m->to, key, err);
	redis_reply_bulk(c->out, buf_slice(&value));
	return rc;
}

static int move_over(
	struct redis_call *c, const struct move *m, struct redis_key *from, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key to;
	int rc = redis_list_find(c, m->to, &to, err);

	rc = rc < 0 ? rc : take(c, from, m->from_left, &value, err);
	rc = rc < 0 ? rc : redis_list_save(c, m->from, from, err);
	rc = rc < 0 ? rc : redis_key_open(c->t, m->to, REDIS_LIST, &to, err);
	rc = rc < 0 ? rc : redis_list_push(c->t, &to, m->to_left, buf_slice(&value), err);
	rc = rc < 0 ? rc : redis_list_save(c, m->to, &to, err);
	redis_reply_bulk(c->out, buf_slice(&value));
	return rc;
}

static int move(struct redis_call *c, const struct move *m, struct err *err)
{
	struct redis_key from;
	int rc = redis_list_find(c, m->from, &from, err);

	if (rc <= 0) {
		redis_reply_nil(c->out);
		return rc;
	}
	return slice_equal(m->from, m->to) ? rotate(c, m, &from, err) : move_over(c, m, &from, err);
}

int redis_run_rpoplpush(struct redis_call *c, struct err *err)
{
	const struct move m = {c->argv[1], c->argv[2], false, true};

	return move(c, &m, err);
}

int redis_run_brpoplpush(struct redis_call *c, struct err *err)
{
	int rc = check_timeout(c->argv[3], err);

	return rc < 0 ? rc : redis_run_rpoplpush(c, err);
}

static int parse_move(struct redis_call *c, struct move *m, struct err *err)
{
	m->from = c->argv[1];
	m->to = c->argv[2];
	int rc = parse_end(c->argv[3], &m->from_left, err);
	return rc < 0 ? rc : parse_end(c->argv[4], &m->to_left, err);
}

int redis_run_lmove(struct redis_call *c, struct err *err)
{
	struct move m = {0};
	int rc = parse_move(c, &m, err);

	return rc < 0 ? rc : move(c, &m, err);
}

int redis_run_blmove(struct redis_call *c, struct err *err)
{
	struct move m = {0};
	int rc = parse_move(c, &m, err);

	rc = rc < 0 ? rc : check_timeout(c->argv[5], err);
	return rc < 0 ? rc : move(c, &m, err);
}

/* ---- of several ---- */

/* The first of the keys from..to that is there: 1, its number in *from. */
static int find_first(
	struct redis_call *c, unsigned *from, unsigned to, struct redis_key *key, struct err *err)
{
	int rc = 0;

	for (; rc == 0 && *from < to; ++*from) {
		rc = redis_list_find(c, c->argv[*from], key, err);
		if (rc > 0) {
			return 1;
		}
	}
	return rc;
}

static int blocking_pop(struct redis_call *c, bool left, struct err *err)
{
	struct redis_key key;
	unsigned at = 1;
	int rc = check_timeout(c->argv[c->argc - 1], err);

	rc = rc < 0 ? rc : find_first(c, &at, c->argc - 1, &key, err);
	if (rc <= 0) {
		redis_reply_nil_array(c->out);
		return rc;
	}
	redis_reply_array(c->out, 2);
	redis_reply_bulk(c->out, c->argv[at]);
	return redis_list_pop(c, c->argv[at], &key, left, 1, err);
}

int redis_run_blpop(struct redis_call *c, struct err *err)
{
	return blocking_pop(c, true, err);
}

int redis_run_brpop(struct redis_call *c, struct err *err)
{
	return blocking_pop(c, false, err);
}

struct mpop {
	unsigned first, end; /* its keys */
	bool left;
	int64_t count;
};

static int parse_positive(struct slice arg, const char *what, int64_t *out, struct err *err)
{
	if (redis_arg_int(arg, out, NULL) < 0 || *out <= 0) {
		return err_set(err, EINVAL, "ERR %s should be greater than 0", what);
	}
	return 0;
}

/* numkeys key .. LEFT|RIGHT [COUNT n], from `at` on. */
static int parse_mpop(struct redis_call *c, unsigned at, struct mpop *m, struct err *err)
{
	int64_t keys = 0;
	bool counted = false;
	int rc = parse_positive(c->argv[at], "numkeys", &keys, err);

	if (rc < 0) {
		return rc;
	}
	if (keys >= (int64_t)(c->argc - at - 1)) {
		return redis_syntax_error(err);
	}
	*m = (struct mpop){.first = at + 1, .end = at + 1 + (unsigned)keys, .count = 1};
	rc = parse_end(c->argv[m->end], &m->left, err);
	for (unsigned i = m->end + 1; rc == 0 && i < c->argc; i += 2) {
		if (counted || !redis_arg_is(c->argv[i], "count") || i + 1 == c->argc) {
			return redis_syntax_error(err);
		}
		rc = parse_positive(c->argv[i + 1], "count", &m->count, err);
		counted = true;
	}
	return rc;
}

static int mpop(struct redis_call *c, const struct mpop *m, struct err *err)
{
	struct redis_key key;
	unsigned at = m->first;
	int rc = find_first(c, &at, m->end, &key, err);

	if (rc <= 0) {
		redis_reply_nil_array(c->out);
		return rc;
	}
	uint64_t n = (uint64_t)m->count < key.n ? (uint64_t)m->count : key.n;
	redis_reply_array(c->out, 2);
	redis_reply_bulk(c->out, c->argv[at]);
	redis_reply_array(c->out, n);
	return redis_list_pop(c, c->argv[at], &key, m->left, n, err);
}

int redis_run_lmpop(struct redis_call *c, struct err *err)
{
	struct mpop m = {0};
	int rc = parse_mpop(c, 1, &m, err);

	return rc < 0 ? rc : mpop(c, &m, err);
}

int redis_run_blmpop(struct redis_call *c, struct err *err)
{
	struct mpop m = {0};
	int rc = check_timeout(c->argv[1], err);

	rc = rc < 0 ? rc : parse_mpop(c, 2, &m, err);
	return rc < 0 ? rc : mpop(c, &m, err);
}
