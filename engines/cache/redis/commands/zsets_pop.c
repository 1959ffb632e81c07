/* ZPOPMIN, ZPOPMAX, ZMPOP and those that would block: they answer at once, as inside MULTI. */
#include <errno.h>

#include "engines/cache/redis/commands/zsets.h"
#include "engines/common/cleanup.h"

static const struct redis_elements *const scores = &redis_zset_elements;

struct pop {
	bool max;
	uint64_t n;
	bool pairs; /* each member and its score in an array of their own */
};

struct popped {
	struct buf *out;
	bool pairs;
	struct redis_names names;
};

static void popped_free(struct popped *p)
{
	redis_names_free(&p->names);
}

static int pop_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct popped *p = arg;

	if (p->pairs) {
		redis_reply_array(p->out, 2);
	}
	redis_reply_bulk(p->out, element->name);
	redis_reply_double(p->out, element->value.score);
	redis_names_add(&p->names, element->name);
	return buf_check(&p->names.bytes, err);
}

/* Replies with p->n of them, which are there, without an array around, and removes them. */
static int pop(struct redis_call *c, struct slice name, struct redis_key *key, const struct pop *p,
	struct err *err)
{
	CLEANUP(popped_free) struct popped popped = {.out = c->out, .pairs = p->pairs};
	struct redis_zrange r = {
		.by = REDIS_BY_RANK, .reverse = p->max, .stop = (int64_t)p->n - 1, .limit = -1};
	struct slice member;
	size_t at = 0;
	int rc = redis_zset_each(c->t, key, &r, pop_one, &popped, err);

	while (rc >= 0 && redis_names_next(&popped.names, &at, &member)) {
		rc = redis_element_take(c->t, scores, key, member, err);
	}
	return rc < 0 ? rc : redis_key_save(c->t, name, key, NULL, err);
}

static uint64_t at_most(int64_t n, const struct redis_key *key)
{
	return (uint64_t)n < key->n ? (uint64_t)n : key->n;
}

/* ---- ZPOPMIN, ZPOPMAX ---- */

static int zpop(struct redis_call *c, bool max, struct err *err)
{
	struct redis_key key;
	int64_t n = 1;
	int rc = 0;

	if (c->argc > 3) {
		return redis_syntax_error(err);
	}
	if (c->argc == 3) {
		rc = redis_arg_range(c->argv[2], 0, INT64_MAX,
			"ERR value is out of range, must be positive", &n, err);
	}
	rc = rc < 0 ? rc : redis_call_key(c, scores, c->argv[1], &key, err);
	if (rc < 0) {
		return rc;
	}
	struct pop p = {.max = max, .n = rc == 1 ? at_most(n, &key) : 0};
	redis_reply_array(c->out, p.n * 2);
	return p.n == 0 ? 0 : pop(c, c->argv[1], &key, &p, err);
}

int redis_zpopmin(struct redis_call *c, struct err *err)
{
	return zpop(c, false, err);
}

int redis_zpopmax(struct redis_call *c, struct err *err)
{
	return zpop(c, true, err);
}

/* ---- of several keys ---- */

/* The first that is there: 1, 0 none is; *at which. */
static int first_key(struct redis_call *c, const struct slice *names, unsigned n, unsigned *at,
	struct redis_key *key, struct err *err)
{
	for (*at = 0; *at < n; ++*at) {
		int rc = redis_call_key(c, scores, names[*at], key, err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* Seconds, 0 for ever. What is too much for a 64 bit number of milliseconds reads as negative. */
static int check_timeout(struct slice arg, struct err *err)
{
	long double seconds;

	if (redis_arg_long_double(arg, &seconds, NULL) < 0) {
		return redis_error(err, "ERR timeout is not a float or out of range");
	}
	return seconds < 0 || seconds * 1000 > (long double)INT64_MAX
		       ? redis_error(err, "ERR timeout is negative")
		       : 0;
}

static int bzpop(struct redis_call *c, bool max, struct err *err)
{
	struct pop p = {.max = max, .n = 1};
	struct redis_key key;
	unsigned at;
	int rc = check_timeout(c->argv[c->argc - 1], err);

	rc = rc < 0 ? rc : first_key(c, c->argv + 1, c->argc - 2, &at, &key, err);
	if (rc == 0) {
		redis_reply_nil_array(c->out);
	}
	if (rc != 1) {
		return rc;
	}
	redis_reply_array(c->out, 3);
	redis_reply_bulk(c->out, c->argv[1 + at]);
	return pop(c, c->argv[1 + at], &key, &p, err);
}

int redis_bzpopmin(struct redis_call *c, struct err *err)
{
	return bzpop(c, false, err);
}

int redis_bzpopmax(struct redis_call *c, struct err *err)
{
	return bzpop(c, true, err);
}

/* ---- ZMPOP ---- */

/* numkeys at argument `at`, the keys, MIN or MAX, COUNT. */
static int read_zmpop(struct redis_call *c, unsigned at, int64_t *n_keys, struct pop *p,
	int64_t *count, struct err *err)
{
	int rc = redis_arg_range(
		c->argv[at], 1, INT64_MAX, "ERR numkeys should be greater than 0", n_keys, err);

	if (rc < 0) {
		return rc;
	}
	if (*n_keys >= (int64_t)c->argc - at - 1) {
		return redis_syntax_error(err);
	}
	unsigned where = at + 1 + (unsigned)*n_keys;
	p->max = redis_arg_is(c->argv[where], "max");
	if (!p->max && !redis_arg_is(c->argv[where], "min")) {
		return redis_syntax_error(err);
	}
	*count = 1;
	if (c->argc == where + 1) {
		return 0;
	}
	if (!redis_arg_is(c->argv[where + 1], "count") || c->argc < where + 3) {
		return redis_syntax_error(err);
	}
	rc = redis_arg_range(
		c->argv[where + 2], 1, INT64_MAX, "ERR count should be greater than 0", count, err);
	return rc == 0 && c->argc > where + 3 ? redis_syntax_error(err) : rc;
}

static int zmpop(struct redis_call *c, unsigned at, struct err *err)
{
	struct pop p = {.pairs = true};
	struct redis_key key;
	int64_t n_keys = 0;
	int64_t count = 1;
	unsigned found = 0;
	int rc = read_zmpop(c, at, &n_keys, &p, &count, err);

	const struct slice *names = c->argv + at + 1;
	rc = rc < 0 ? rc : first_key(c, names, (unsigned)n_keys, &found, &key, err);
	if (rc == 0) {
		redis_reply_nil_array(c->out);
	}
	if (rc != 1) {
		return rc;
	}
	p.n = at_most(count, &key);
	redis_reply_array(c->out, 2);
	redis_reply_bulk(c->out, names[found]);
	redis_reply_array(c->out, p.n);
	return pop(c, names[found], &key, &p, err);
}

int redis_zmpop(struct redis_call *c, struct err *err)
{
	return zmpop(c, 1, err);
}

int redis_bzmpop(struct redis_call *c, struct err *err)
{
	int rc = check_timeout(c->argv[1], err);

	return rc < 0 ? rc : zmpop(c, 2, err);
}
