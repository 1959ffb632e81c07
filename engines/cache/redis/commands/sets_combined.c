/* SINTER, SUNION, SDIFF and what stores or counts them.
 *
 * A cursor goes over one set and the others are asked for each member: nothing is collected, and
 * no member comes twice. Of an intersection that is the smallest set, of a difference the first;
 * of a union it is each in turn, and what stands in an earlier one is left out. */
#include <errno.h>

#include "engines/cache/redis/commands/sets.h"
#include "engines/common/cleanup.h"

static const struct redis_elements *const members = &redis_set_elements;

enum combining { INTER, UNION, DIFF };

struct combined {
	struct redis_txn *t;
	enum combining how;
	struct redis_key *set; /* of n; those that are not there have no elements */
	unsigned n;
	unsigned walked; /* which set the cursor goes over */
	redis_element_fn *fn;
	void *arg;
};

static void combined_free(struct combined *s)
{
	free(s->set);
}

/* All are looked at before any counts: one of another type is an error in any case. */
static int open_sets(struct redis_call *c, const struct slice *names, unsigned n,
	struct combined *s, struct err *err)
{
	s->t = c->t;
	s->n = n;
	s->set = calloc(n, sizeof(s->set[0]));
	if (s->set == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < n; i++) {
		int rc = redis_call_key(c, members, names[i], &s->set[i], err);
		if (rc < 0) {
			return rc;
		}
		if (rc == 0) {
			s->set[i] = (struct redis_key){.id = -1};
		}
	}
	return 0;
}

/* Whether the set has it: 1, 0. */
static int has(struct combined *s, unsigned i, struct slice member, struct err *err)
{
	struct redis_element found;

	if (s->set[i].id == s->set[s->walked].id) {
		return 1;
	}
	return s->set[i].n == 0
		       ? 0
		       : redis_element_find(s->t, members, s->set[i].id, member, NULL, &found, err);
}

/* Whether what the cursor stands on belongs to the result: 1, 0. */
static int belongs(struct combined *s, struct slice member, struct err *err)
{
	unsigned first = s->how == DIFF ? 1 : 0;
	unsigned end = s->how == UNION ? s->walked : s->n;

	for (unsigned i = first; i < end; i++) {
		int rc = has(s, i, member, err);
		if (rc < 0 || rc != (s->how == INTER)) {
			return rc < 0 ? rc : 0;
		}
	}
	return 1;
}

static int combine_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct combined *s = arg;
	int rc = belongs(s, element->name, err);

	return rc == 1 ? s->fn(s->arg, element, err) : rc;
}

static int walk(struct combined *s, unsigned i, struct err *err)
{
	s->walked = i;
	return s->set[i].n == 0 ? 0
				: redis_elements_each(
					  s->t, members, s->set[i].id, NULL, combine_one, s, err);
}

static unsigned smallest(const struct combined *s)
{
	unsigned least = 0;
	for (unsigned i = 1; i < s->n; i++) {
		least = s->set[i].n < s->set[least].n ? i : least;
	}
	return least;
}

/* fn for each member of the result, once; its non-zero ends it. */
static int combine(struct combined *s, redis_element_fn *fn, void *arg, struct err *err)
{
	s->fn = fn;
	s->arg = arg;
	if (s->how != UNION) {
		return walk(s, s->how == INTER ? smallest(s) : 0, err);
	}
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < s->n; i++) {
		rc = walk(s, i, err);
	}
	return rc;
}

/* ---- replies ---- */

struct listed {
	struct buf *out;
	size_t n;
};

static int reply_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct listed *l = arg;

	l->n++;
	redis_reply_bulk(l->out, element->name);
	return buf_check(l->out, err);
}

static int reply(struct redis_call *c, enum combining how, struct err *err)
{
	CLEANUP(combined_free) struct combined s = {.how = how};
	struct listed l = {.out = c->out};
	int rc = open_sets(c, c->argv + 1, c->argc - 1, &s, err);
	size_t at = redis_reply_begin(c->out);

	rc = rc < 0 ? rc : combine(&s, reply_one, &l, err);
	if (rc == 0) {
		redis_reply_end(c->out, at, l.n);
	}
	return rc;
}

int redis_sinter(struct redis_call *c, struct err *err)
{
	return reply(c, INTER, err);
}

int redis_sunion(struct redis_call *c, struct err *err)
{
	return reply(c, UNION, err);
}

int redis_sdiff(struct redis_call *c, struct err *err)
{
	return reply(c, DIFF, err);
}

/* ---- stores ---- */

struct stored {
	struct redis_txn *t;
	struct redis_result result;
};

static int store_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct stored *s = arg;

	return redis_element_put(
		s->t, members, &s->result.key, NULL, element->name, &element->value, NULL, err);
}

static int store(struct redis_call *c, enum combining how, struct err *err)
{
	CLEANUP(combined_free) struct combined s = {.how = how};
	struct stored to = {.t = c->t};
	int64_t n;
	int rc = open_sets(c, c->argv + 2, c->argc - 2, &s, err);

	rc = rc < 0 ? rc : redis_result_begin(c->t, members, &to.result, err);
	rc = rc < 0 ? rc : combine(&s, store_one, &to, err);
	rc = rc < 0 ? rc : redis_result_end(c->t, &to.result, c->argv[1], &n, err);
	if (rc == 0) {
		redis_reply_int(c->out, n);
	}
	return rc;
}

int redis_sinterstore(struct redis_call *c, struct err *err)
{
	return store(c, INTER, err);
}

int redis_sunionstore(struct redis_call *c, struct err *err)
{
	return store(c, UNION, err);
}

int redis_sdiffstore(struct redis_call *c, struct err *err)
{
	return store(c, DIFF, err);
}

/* ---- SINTERCARD ---- */

struct counted {
	int64_t n;
	int64_t limit; /* 0: none */
};

static int count_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct counted *n = arg;

	(void)element;
	(void)err;
	n->n++;
	return n->n == n->limit;
}

static int read_limit(struct redis_call *c, unsigned from, int64_t *limit, struct err *err)
{
	for (unsigned i = from; i < c->argc; i += 2) {
		if (!redis_arg_is(c->argv[i], "limit") || i + 1 == c->argc) {
			return redis_syntax_error(err);
		}
		int rc = redis_arg_range(
			c->argv[i + 1], 0, INT64_MAX, "ERR LIMIT can't be negative", limit, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

int redis_sintercard(struct redis_call *c, struct err *err)
{
	CLEANUP(combined_free) struct combined s = {.how = INTER};
	struct counted count = {0};
	int64_t n;
	int rc = redis_arg_range(
		c->argv[1], 1, INT64_MAX, "ERR numkeys should be greater than 0", &n, err);

	if (rc == 0 && n > (int64_t)c->argc - 2) {
		return redis_error(err, "ERR Number of keys can't be greater than number of args");
	}
	rc = rc < 0 ? rc : read_limit(c, (unsigned)n + 2, &count.limit, err);
	rc = rc < 0 ? rc : open_sets(c, c->argv + 2, (unsigned)n, &s, err);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	rc = rc < 0 ? rc : combine(&s, count_one, &count, err);
	if (rc >= 0) {
		redis_reply_int(c->out, count.n);
	}
	return rc < 0 ? rc : 0;
}
