/* ZUNION, ZINTER, ZDIFF and what stores or counts them: over sorted sets, and sets, whose members
 * have the score 1.
 *
 * As with sets (sets_combined.c) a cursor goes over one and the others are asked for each member.
 * Scores are added up in the order in which Redis does it, the smallest first, since the sum of
 * doubles depends on it. What is stored goes from the cursor to the table; a reply, which is in
 * order of scores, is collected and sorted before. */
#include <errno.h>
#include <math.h>

#include "engines/cache/redis/commands/zsets.h"
#include "engines/common/cleanup.h"

enum combining { INTER, UNION, DIFF };
enum aggregate { SUM, MIN, MAX };

struct source {
	const struct redis_elements *e;
	struct redis_key key; /* without elements when it is not there */
	double weight;
};

struct combined {
	struct redis_call *c;
	const char *command;
	enum combining how;
	enum aggregate aggregate;
	bool store;
	bool card;
	bool with_scores;
	int64_t limit; /* of ZINTERCARD, 0: none */
	struct source *source;
	unsigned n;
	unsigned walked; /* which the cursor goes over */
	redis_element_fn *fn;
	void *arg;
};

static void combined_free(struct combined *s)
{
	free(s->source);
}

/* ---- what is asked ---- */

static int open_source(struct combined *s, struct slice name, struct source *out, struct err *err)
{
	int rc = redis_key_find(s->c->t, name, &out->key, err);

	if (rc < 0) {
		return rc;
	}
	out->weight = 1;
	if (rc == 0) {
		out->key = (struct redis_key){.id = -1, .type = REDIS_ZSET};
	}
	if (out->key.type != REDIS_ZSET && out->key.type != REDIS_SET) {
		return redis_error(
			err, "WRONGTYPE Operation against a key holding the wrong kind of value");
	}
	out->e = redis_elements_of(out->key.type);
	return 0;
}

static int open_sources(struct combined *s, unsigned at, struct err *err)
{
	int64_t n;
	int rc = redis_arg_int(s->c->argv[at], &n, err);

	if (rc < 0) {
		return rc;
	}
	if (n < 1) {
		return err_set(err, EINVAL, "ERR at least 1 input key is needed for '%s' command",
			s->command);
	}
	if (n > (int64_t)s->c->argc - (at + 1)) {
		return redis_syntax_error(err);
	}
	s->n = (unsigned)n;
	s->source = calloc(s->n, sizeof(s->source[0]));
	if (s->source == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; rc == 0 && i < s->n; i++) {
		rc = open_source(s, s->c->argv[at + 1 + i], &s->source[i], err);
	}
	return rc;
}

static int read_weights(struct combined *s, unsigned *i, struct err *err)
{
	for (unsigned n = 0; n < s->n; n++) {
		if (redis_arg_double(s->c->argv[++*i], &s->source[n].weight, NULL) < 0) {
			return redis_error(err, "ERR weight value is not a float");
		}
	}
	return 0;
}

static int read_aggregate(struct combined *s, struct slice arg, struct err *err)
{
	if (redis_arg_is(arg, "sum")) {
		s->aggregate = SUM;
	} else if (redis_arg_is(arg, "min")) {
		s->aggregate = MIN;
	} else if (redis_arg_is(arg, "max")) {
		s->aggregate = MAX;
	} else {
		return redis_syntax_error(err);
	}
	return 0;
}

/* The option at argument *i, which moves to its last. */
static int read_option(struct combined *s, unsigned *i, struct err *err)
{
	const struct slice *arg = &s->c->argv[*i];
	unsigned left = s->c->argc - *i;
	bool weighs = s->how != DIFF && !s->card;

	if (weighs && left >= s->n + 1 && redis_arg_is(*arg, "weights")) {
		return read_weights(s, i, err);
	}
	if (weighs && left >= 2 && redis_arg_is(*arg, "aggregate")) {
		++*i;
		return read_aggregate(s, arg[1], err);
	}
	if (!s->store && !s->card && redis_arg_is(*arg, "withscores")) {
		s->with_scores = true;
		return 0;
	}
	if (s->card && left >= 2 && redis_arg_is(*arg, "limit")) {
		++*i;
		return redis_arg_range(
			arg[1], 0, INT64_MAX, "ERR LIMIT can't be negative", &s->limit, err);
	}
	return redis_syntax_error(err);
}

/* From the number of keys on. */
static int read_asked(struct combined *s, unsigned at, struct err *err)
{
	int rc = open_sources(s, at, err);

	for (unsigned i = at + 1 + s->n; rc == 0 && i < s->c->argc; i++) {
		rc = read_option(s, &i, err);
	}
	return rc;
}

/* ---- combining ---- */

/* The smallest first, those of one size as they were. */
static void sort_sources(struct combined *s)
{
	for (unsigned i = 1; i < s->n; i++) {
		struct source now = s->source[i];
		unsigned at = i;
		for (; at > 0 && s->source[at - 1].key.n > now.key.n; at--) {
			s->source[at] = s->source[at - 1];
		}
		s->source[at] = now;
	}
}

static double weighed(const struct source *s, const struct redis_element *element)
{
	return s->weight * (s->e->type == REDIS_ZSET ? element->value.score : 1);
}

static double number(double value)
{
	return isnan(value) ? 0 : value;
}

static double aggregate(enum aggregate how, double a, double b)
{
	switch (how) {
	case SUM: return number(a + b);
	case MIN: return b < a ? b : a;
	default: return b > a ? b : a;
	}
}

/* 1: it has the member. */
static int find_in(struct combined *s, unsigned i, struct slice member, struct redis_element *out,
	struct err *err)
{
	const struct source *from = &s->source[i];

	return from->key.n == 0
		       ? 0
		       : redis_element_find(s->c->t, from->e, from->key.id, member, NULL, out, err);
}

/* A member of the source the cursor goes over: those before it must not (UNION) have it, those
 * behind it add to its score; INTER: must have it, DIFF: must not. */
static int combine_score(
	struct combined *s, const struct redis_element *element, double *score, struct err *err)
{
	struct redis_element other;

	*score = s->how == DIFF ? element->value.score
				: number(weighed(&s->source[s->walked], element));
	if (s->how == DIFF && s->source[0].e->type == REDIS_SET) {
		*score = 1;
	}
	for (unsigned i = 0; i < s->n; i++) {
		if (i == s->walked) {
			continue;
		}
		int rc = find_in(s, i, element->name, &other, err);
		bool must = s->how == INTER;
		bool may = s->how == UNION && i > s->walked;
		if (rc < 0 || (!may && (rc == 1) != must)) {
			return rc < 0 ? rc : 0;
		}
		if (rc == 1) {
			double more = weighed(&s->source[i], &other);
			more = s->how == UNION ? number(more) : more;
			*score = aggregate(s->aggregate, *score, more);
		}
	}
	return 1;
}

static int combine_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct combined *s = arg;
	struct redis_element result = {.name = element->name};
	int rc = combine_score(s, element, &result.value.score, err);

	return rc == 1 ? s->fn(s->arg, &result, err) : rc;
}

/* fn for each member of the result, once; its non-zero ends it. */
static int combine(struct combined *s, redis_element_fn *fn, void *arg, struct err *err)
{
	int rc = 0;

	s->fn = fn;
	s->arg = arg;
	if (s->how != DIFF) {
		sort_sources(s);
	}
	for (s->walked = 0; rc == 0 && s->walked < s->n; s->walked++) {
		const struct source *from = &s->source[s->walked];
		if (from->key.n > 0) {
			rc = redis_elements_each(
				s->c->t, from->e, from->key.id, NULL, combine_one, s, err);
		}
		if (s->how != UNION) {
			break;
		}
	}
	return rc;
}

/* ---- replies ---- */

struct scored {
	double score;
	size_t at, n; /* the name, in `names` */
};

struct collected {
	struct buf names;
	struct buf rows; /* of struct scored */
};

static void collected_free(struct collected *l)
{
	buf_free(&l->names);
	buf_free(&l->rows);
}

static int collect(void *arg, const struct redis_element *element, struct err *err)
{
	struct collected *l = arg;
	struct scored row = {element->value.score, l->names.n, element->name.n};

	buf_append_slice(&l->names, element->name);
	buf_append(&l->rows, &row, sizeof(row));
	int rc = buf_check(&l->names, err);
	return rc < 0 ? rc : buf_check(&l->rows, err);
}

static int by_score(const void *a, const void *b, void *names)
{
	const struct scored *x = a;
	const struct scored *y = b;
	const char *p = names;

	if (x->score != y->score) {
		return x->score < y->score ? -1 : 1;
	}
	return slice_compare(slice_make(p + x->at, x->n), slice_make(p + y->at, y->n));
}

static int reply(struct redis_call *c, const char *command, enum combining how, struct err *err)
{
	CLEANUP(combined_free) struct combined s = {.c = c, .command = command, .how = how};
	CLEANUP(collected_free) struct collected l = {0};
	int rc = read_asked(&s, 1, err);

	rc = rc < 0 ? rc : combine(&s, collect, &l, err);
	if (rc < 0) {
		return rc;
	}
	struct scored *row = (void *)l.rows.p;
	size_t n = l.rows.n / sizeof(*row);
	if (n > 0) {
		qsort_r(row, n, sizeof(*row), by_score, l.names.p);
	}
	redis_reply_array(c->out, s.with_scores ? n * 2 : n);
	for (size_t i = 0; i < n; i++) {
		redis_reply_bulk(c->out, slice_make(l.names.p + row[i].at, row[i].n));
		if (s.with_scores) {
			redis_reply_double(c->out, row[i].score);
		}
	}
	return 0;
}

int redis_zunion(struct redis_call *c, struct err *err)
{
	return reply(c, "zunion", UNION, err);
}

int redis_zinter(struct redis_call *c, struct err *err)
{
	return reply(c, "zinter", INTER, err);
}

int redis_zdiff(struct redis_call *c, struct err *err)
{
	return reply(c, "zdiff", DIFF, err);
}

/* ---- stores, ZINTERCARD ---- */

static int store(struct redis_call *c, const char *command, enum combining how, struct err *err)
{
	CLEANUP(combined_free)
	struct combined s = {.c = c, .command = command, .how = how, .store = true};
	struct redis_zstored to = {.t = c->t};
	int64_t n;
	int rc = read_asked(&s, 2, err);

	rc = rc < 0 ? rc : redis_result_begin(c->t, &redis_zset_elements, &to.result, err);
	rc = rc < 0 ? rc : combine(&s, redis_zstore_one, &to, err);
	rc = rc < 0 ? rc : redis_result_end(c->t, &to.result, c->argv[1], &n, err);
	if (rc == 0) {
		redis_reply_int(c->out, n);
	}
	return rc;
}

int redis_zunionstore(struct redis_call *c, struct err *err)
{
	return store(c, "zunionstore", UNION, err);
}

int redis_zinterstore(struct redis_call *c, struct err *err)
{
	return store(c, "zinterstore", INTER, err);
}

int redis_zdiffstore(struct redis_call *c, struct err *err)
{
	return store(c, "zdiffstore", DIFF, err);
}

struct counted {
	int64_t n;
	int64_t limit;
};

static int count_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct counted *n = arg;

	(void)element;
	(void)err;
	n->n++;
	return n->n == n->limit;
}

int redis_zintercard(struct redis_call *c, struct err *err)
{
	CLEANUP(combined_free)
	struct combined s = {.c = c, .command = "zintercard", .how = INTER, .card = true};
	struct counted count = {0};
	int rc = read_asked(&s, 1, err);

	count.limit = s.limit;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	rc = rc < 0 ? rc : combine(&s, count_one, &count, err);
	if (rc >= 0) {
		redis_reply_int(c->out, count.n);
	}
	return rc < 0 ? rc : 0;
}
