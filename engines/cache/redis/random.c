/* HRANDFIELD, SRANDMEMBER, ZRANDMEMBER, and what SPOP takes.
 *
 * Elements have no numbers, so they are drawn by their rank in byte order: the ranks are drawn and
 * sorted, and one walk over the index visits them. That costs as many steps as there are
 * elements, and is as likely to give the one as the other. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "engines/cache/redis/elements.h"
#include "engines/common/cleanup.h"

/* ---- chance ---- */

static int seed(uint64_t *state, struct err *err)
{
	return getrandom(state, sizeof(*state), 0) == (ssize_t)sizeof(*state)
		       ? 0
		       : err_errno(err, "getrandom");
}

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Below n. */
static uint64_t draw_below(uint64_t *state, uint64_t n)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % n;
	uint64_t value;
	do {
		value = draw(state);
	} while (value >= limit);
	return value % n;
}

/* ---- a walk over ranks ---- */

struct walk {
	struct redis_txn *t;
	const struct redis_elements *e;
	int64_t key;
	uint64_t rank; /* of the one that `name` names */
	struct buf name;
};

static void walk_free(struct walk *w)
{
	buf_free(&w->name);
}

/* fn for the one of this rank, which is not below the last. */
static int walk_to(struct walk *w, uint64_t rank, redis_element_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(w->t, w->e->skip, err);
	struct redis_element element = {0};

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, w->key);
	store_bind_slice(row, 2, buf_slice(&w->name));
	sqlite3_bind_int64(row, 3, (int64_t)(rank - w->rank));
	int rc = store_step(row, err);
	if (rc == 1) {
		redis_element_row(w->e, false, row, &element);
		rc = fn(arg, &element, err);
	} else if (rc == 0) {
		rc = err_set(err, EIO, "a key has fewer elements than it counts");
	}
	if (rc == 0) {
		buf_clear(&w->name); /* bound, but it is not stepped again */
		buf_append_slice(&w->name, element.name);
		w->rank = rank;
		rc = buf_check(&w->name, err);
	}
	sqlite3_reset(row);
	return rc;
}

int redis_elements_pick(struct redis_txn *t, const struct redis_elements *e,
	const struct redis_key *key, uint64_t n, redis_element_fn *fn, void *arg, struct err *err)
{
	CLEANUP(walk_free) struct walk w = {.t = t, .e = e, .key = key->id};
	uint64_t state;
	int rc = seed(&state, err);

	/* Each rank in turn is taken with the chance that leaves n for all. */
	for (uint64_t rank = 0; rc == 0 && n > 0; rank++) {
		if (draw_below(&state, key->n - rank) < n) {
			rc = walk_to(&w, rank, fn, arg, err);
			n--;
		}
	}
	return rc;
}

/* ---- the same one more than once ---- */

#define DRAWS_MAX 65536

struct drawn {
	uint64_t rank;
	unsigned turn;
	size_t at, n; /* its reply, in `replies` */
};

struct draws {
	const struct redis_elements *e;
	bool values;
	struct buf replies;
	struct drawn *drawn;
	unsigned n;
};

static void draws_free(struct draws *d)
{
	buf_free(&d->replies);
	free(d->drawn);
}

static int by_rank(const void *a, const void *b)
{
	const struct drawn *x = a;
	const struct drawn *y = b;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static int by_turn(const void *a, const void *b)
{
	const struct drawn *x = a;
	const struct drawn *y = b;
	return x->turn < y->turn ? -1 : x->turn > y->turn;
}

static int reply_drawn(void *arg, const struct redis_element *element, struct err *err)
{
	struct draws *d = arg;

	(void)err;
	redis_reply_bulk(&d->replies, element->name);
	if (d->values) {
		redis_reply_value(&d->replies, d->e, &element->value);
	}
	return 0;
}

static int visit_drawn(
	struct redis_txn *t, struct draws *d, const struct redis_key *key, struct err *err)
{
	CLEANUP(walk_free) struct walk w = {.t = t, .e = d->e, .key = key->id};

	for (unsigned i = 0; i < d->n; i++) {
		struct drawn *now = &d->drawn[i];
		if (i > 0 && now->rank == now[-1].rank) {
			now->at = now[-1].at;
			now->n = now[-1].n;
			continue;
		}
		now->at = d->replies.n;
		int rc = walk_to(&w, now->rank, reply_drawn, d, err);
		if (rc < 0) {
			return rc;
		}
		now->n = d->replies.n - now->at;
	}
	return buf_check(&d->replies, err);
}

/* Appends d->n replies. */
static int draw_many(struct redis_call *c, struct draws *d, const struct redis_key *key,
	uint64_t *state, struct err *err)
{
	for (unsigned i = 0; i < d->n; i++) {
		d->drawn[i] = (struct drawn){.rank = draw_below(state, key->n), .turn = i};
	}
	buf_clear(&d->replies);
	qsort(d->drawn, d->n, sizeof(d->drawn[0]), by_rank);
	int rc = visit_drawn(c->t, d, key, err);
	if (rc < 0) {
		return rc;
	}
	qsort(d->drawn, d->n, sizeof(d->drawn[0]), by_turn);
	for (unsigned i = 0; rc == 0 && i < d->n; i++) {
		buf_append(c->out, d->replies.p + d->drawn[i].at, d->drawn[i].n);
		rc = redis_replies_check(c, err);
	}
	return rc;
}

static int reply_repeated(struct redis_call *c, const struct redis_elements *e,
	const struct redis_key *key, uint64_t n, bool values, struct err *err)
{
	CLEANUP(draws_free) struct draws d = {.e = e, .values = values};
	uint64_t state;
	int rc = seed(&state, err);

	d.drawn = calloc(n < DRAWS_MAX ? n : DRAWS_MAX, sizeof(d.drawn[0]));
	if (d.drawn == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	redis_reply_array(c->out, values ? n * 2 : n);
	for (uint64_t left = n; rc == 0 && left > 0; left -= d.n) {
		d.n = left < DRAWS_MAX ? (unsigned)left : DRAWS_MAX;
		rc = draw_many(c, &d, key, &state, err);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc;
}

/* ---- the commands ---- */

struct reply {
	struct buf *out;
	const struct redis_elements *e;
	bool values;
};

static int reply_one(void *arg, const struct redis_element *element, struct err *err)
{
	const struct reply *r = arg;

	(void)err;
	redis_reply_bulk(r->out, element->name);
	if (r->values) {
		redis_reply_value(r->out, r->e, &element->value);
	}
	return 0;
}

static int random_count(struct redis_call *c, const struct redis_elements *e, int64_t count,
	bool values, struct err *err)
{
	struct reply reply = {c->out, e, values};
	struct redis_key key;
	int rc = redis_call_key(c, e, c->argv[1], &key, err);

	if (rc < 0) {
		return rc;
	}
	if (rc == 0 || count == 0) {
		redis_reply_array(c->out, 0);
		return 0;
	}
	if (count < 0) {
		return reply_repeated(c, e, &key, (uint64_t)-count, values, err);
	}
	bool all = (uint64_t)count >= key.n;
	uint64_t n = all ? key.n : (uint64_t)count;
	redis_reply_array(c->out, values ? n * 2 : n);
	return all ? redis_elements_each(c->t, e, key.id, NULL, reply_one, &reply, err)
		   : redis_elements_pick(c->t, e, &key, n, reply_one, &reply, err);
}

static int random_one(struct redis_call *c, const struct redis_elements *e, struct err *err)
{
	struct reply reply = {c->out, e, false};
	struct redis_key key;
	int rc = redis_call_key(c, e, c->argv[1], &key, err);

	if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc == 1 ? redis_elements_pick(c->t, e, &key, 1, reply_one, &reply, err) : rc;
}

int redis_random_elements(
	struct redis_call *c, const struct redis_elements *e, const char *with, struct err *err)
{
	unsigned most = with != NULL ? 4 : 3;
	int64_t count;

	if (c->argc == 2) {
		return random_one(c, e, err);
	}
	if (with == NULL && c->argc > most) {
		return redis_syntax_error(err);
	}
	int rc = redis_arg_range(c->argv[2], -INT64_MAX, INT64_MAX, NULL, &count, err);
	if (rc < 0) {
		return rc;
	}
	if (c->argc > most || (c->argc == 4 && !redis_arg_is(c->argv[3], with))) {
		return redis_syntax_error(err);
	}
	if (c->argc == 4 && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
		return redis_error(err, "ERR value is out of range");
	}
	return random_count(c, e, count, c->argc == 4, err);
}
