/* Ranges of sorted sets. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/cache/redis/zset.h"
#include "engines/common/cleanup.h"

#define ROW  "SELECT member, 0, 0, score FROM score INDEXED BY score_order WHERE key = ?1"
#define UP   " ORDER BY score, member LIMIT ?4 OFFSET ?5"
#define DOWN " ORDER BY score DESC, member DESC LIMIT ?4 OFFSET ?5"

/* By scores from ?2 to ?3; from the one of score ?2 and name ?3 on. */
static const char by_score[] = ROW " AND score >= ?2 AND score <= ?3" UP;
static const char by_score_down[] = ROW " AND score >= ?2 AND score <= ?3" DOWN;
static const char from_one[] = ROW " AND (score, member) >= (?2, ?3)" UP;
static const char from_one_down[] = ROW " AND (score, member) <= (?2, ?3)" DOWN;

/* ---- what arguments say ---- */

/* As strtod reads it, an empty one is 0. */
static int read_bound(struct slice arg, double *out, bool *without, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	*without = arg.n > 0 && arg.p[0] == '(';
	buf_append(&text, arg.p + *without, arg.n - *without);
	const char *p = buf_cstr(&text);
	char *end;

	*out = strtod(p, &end);
	return *end != '\0' || isnan(*out) ? redis_error(err, "ERR min or max is not a float") : 0;
}

int redis_zrange_scores(
	struct slice min, struct slice max, struct redis_zrange *out, struct err *err)
{
	bool min_without;
	bool max_without;
	int rc = read_bound(min, &out->min, &min_without, err);

	rc = rc < 0 ? rc : read_bound(max, &out->max, &max_without, err);
	if (rc < 0) {
		return rc;
	}
	/* Behind a number comes the next that a double can be. */
	out->none = (min_without && out->min == INFINITY) || (max_without && out->max == -INFINITY);
	out->min = min_without ? nextafter(out->min, INFINITY) : out->min;
	out->max = max_without ? nextafter(out->max, -INFINITY) : out->max;
	return 0;
}

static int read_lex(struct slice arg, struct redis_lex *out, struct err *err)
{
	*out = (struct redis_lex){0};
	if (slice_is(arg, "-") || slice_is(arg, "+")) {
		out->kind = arg.p[0] == '-' ? REDIS_LEX_LOWEST : REDIS_LEX_HIGHEST;
		return 0;
	}
	if (arg.n == 0 || (arg.p[0] != '(' && arg.p[0] != '[')) {
		return redis_error(err, "ERR min or max not valid string range item");
	}
	out->kind = REDIS_LEX_NAME;
	out->without = arg.p[0] == '(';
	out->name = slice_make(arg.p + 1, arg.n - 1);
	return 0;
}

int redis_zrange_names(
	struct slice min, struct slice max, struct redis_zrange *out, struct err *err)
{
	int rc = read_lex(min, &out->lex_min, err);
	return rc < 0 ? rc : read_lex(max, &out->lex_max, err);
}

/* ---- a cursor ---- */

struct cursor {
	struct redis_txn *t;
	int64_t key;
	int64_t limit;
	int64_t offset;
	redis_element_fn *fn;
	void *arg;
};

static int step_through(const struct cursor *c, sqlite3_stmt *row, struct err *err)
{
	int rc;

	sqlite3_bind_int64(row, 1, c->key);
	sqlite3_bind_int64(row, 4, c->limit);
	sqlite3_bind_int64(row, 5, c->offset);
	while ((rc = store_step(row, err)) == 1) {
		struct redis_element element;
		redis_element_row(&redis_zset_elements, false, row, &element);
		rc = c->fn(c->arg, &element, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

static int between(const struct cursor *c, double min, double max, bool down, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(c->t, down ? by_score_down : by_score, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_double(row, 2, min);
	sqlite3_bind_double(row, 3, max);
	return step_through(c, row, err);
}

static int from(
	const struct cursor *c, double score, struct slice member, bool down, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(c->t, down ? from_one_down : from_one, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_double(row, 2, score);
	store_bind_slice(row, 3, member);
	return step_through(c, row, err);
}

/* ---- ranks ---- */

struct place {
	struct buf member;
	double score;
};

static void place_free(struct place *p)
{
	buf_free(&p->member);
}

static int note_place(void *arg, const struct redis_element *element, struct err *err)
{
	struct place *p = arg;

	p->score = element->value.score;
	buf_append_slice(&p->member, element->name);
	return buf_check(&p->member, err);
}

/* The one that so many come before, from the lowest or from the highest. */
static int find_place(struct redis_txn *t, const struct redis_key *key, int64_t rank, bool down,
	struct place *out, struct err *err)
{
	struct cursor c = {t, key->id, 1, rank, note_place, out};

	return between(&c, -INFINITY, INFINITY, down, err);
}

static int each_rank(struct cursor *c, const struct redis_key *key, const struct redis_zrange *r,
	struct err *err)
{
	int64_t n = (int64_t)key->n;
	int64_t start = r->start < 0 ? r->start + n : r->start;
	int64_t stop = r->stop < 0 ? r->stop + n : r->stop;

	start = start < 0 ? 0 : start;
	stop = stop < n ? stop : n - 1;
	if (start > stop) {
		return 0;
	}
	c->limit = stop - start + 1;
	if (start <= n / 2) {
		c->offset = start;
		return between(c, -INFINITY, INFINITY, r->reverse, err);
	}
	/* The other end is nearer. */
	CLEANUP(place_free) struct place p = {0};
	int rc = find_place(c->t, key, n - 1 - start, !r->reverse, &p, err);
	c->offset = 0;
	return rc < 0 ? rc : from(c, p.score, buf_slice(&p.member), r->reverse, err);
}

/* ---- names ---- */

/* Ranges of names are meant for members of one score. With several, Redis goes through all in
 * order of scores to the first name within, and on until one is behind the range's end. */
struct by_name {
	const struct redis_zrange *r;
	bool begun;
	int64_t offset;
	int64_t limit;
	redis_element_fn *fn;
	void *arg;
};

static bool above_min(const struct redis_zrange *r, struct slice name)
{
	const struct redis_lex *min = &r->lex_min;
	int order = min->kind == REDIS_LEX_NAME ? slice_compare(name, min->name) : 0;

	return min->kind == REDIS_LEX_LOWEST ||
	       (min->kind == REDIS_LEX_NAME && (order > 0 || (order == 0 && !min->without)));
}

static bool below_max(const struct redis_zrange *r, struct slice name)
{
	const struct redis_lex *max = &r->lex_max;
	int order = max->kind == REDIS_LEX_NAME ? slice_compare(name, max->name) : 0;

	return max->kind == REDIS_LEX_HIGHEST ||
	       (max->kind == REDIS_LEX_NAME && (order < 0 || (order == 0 && !max->without)));
}

#define ENDED 1

static int one_by_name(void *arg, const struct redis_element *element, struct err *err)
{
	struct by_name *n = arg;
	bool low = above_min(n->r, element->name);
	bool high = below_max(n->r, element->name);

	if (!n->begun && !(n->r->reverse ? high : low)) {
		return 0;
	}
	if (!n->begun ? !low || !high : !(n->r->reverse ? low : high)) {
		return ENDED;
	}
	n->begun = true;
	if (n->offset > 0) {
		n->offset--;
		return 0;
	}
	if (n->limit == 0) {
		return ENDED;
	}
	n->limit -= n->limit > 0;
	return n->fn(n->arg, element, err);
}

static bool is_empty(const struct redis_zrange *r)
{
	const struct redis_lex *min = &r->lex_min;
	const struct redis_lex *max = &r->lex_max;

	if (min->kind != REDIS_LEX_NAME || max->kind != REDIS_LEX_NAME) {
		return min->kind > max->kind ||
		       (min->kind == max->kind && min->kind != REDIS_LEX_NAME);
	}
	int order = slice_compare(min->name, max->name);
	return order > 0 || (order == 0 && (min->without || max->without));
}

static int each_name(const struct cursor *c, const struct redis_key *key,
	const struct redis_zrange *r, struct err *err)
{
	struct by_name n = {
		.r = r, .offset = r->offset, .limit = r->limit, .fn = c->fn, .arg = c->arg};
	CLEANUP(place_free) struct place first = {0};
	CLEANUP(place_free) struct place last = {0};
	int rc = find_place(c->t, key, 0, false, &first, err);

	rc = rc < 0 ? rc : find_place(c->t, key, 0, true, &last, err);
	if (rc < 0 || is_empty(r) || !above_min(r, buf_slice(&last.member)) ||
		!below_max(r, buf_slice(&first.member))) {
		return rc;
	}
	struct cursor all = {c->t, c->key, -1, 0, one_by_name, &n};
	const struct redis_lex *begin = r->reverse ? &r->lex_max : &r->lex_min;
	return first.score == last.score && begin->kind == REDIS_LEX_NAME
		       ? from(&all, first.score, begin->name, r->reverse, err)
		       : between(&all, -INFINITY, INFINITY, r->reverse, err);
}

/* ---- all three ---- */

int redis_zset_each(struct redis_txn *t, const struct redis_key *key, const struct redis_zrange *r,
	redis_element_fn *fn, void *arg, struct err *err)
{
	struct cursor c = {t, key->id, r->limit, r->offset, fn, arg};

	if (r->by == REDIS_BY_RANK) {
		return each_rank(&c, key, r, err);
	}
	if (r->offset < 0 || r->none) {
		return 0;
	}
	return r->by == REDIS_BY_LEX ? each_name(&c, key, r, err)
				     : between(&c, r->min, r->max, r->reverse, err);
}

static int count_one(void *arg, const struct redis_element *element, struct err *err)
{
	(void)element;
	(void)err;
	++*(int64_t *)arg;
	return 0;
}

static int count_rows(sqlite3_stmt *row, int64_t *out, struct err *err)
{
	int rc = store_step(row, err);

	if (rc == 1) {
		*out = sqlite3_column_int64(row, 0);
	}
	sqlite3_reset(row);
	return rc < 0 ? rc : 0;
}

int redis_zset_count(struct redis_txn *t, const struct redis_key *key, const struct redis_zrange *r,
	int64_t *out, struct err *err)
{
	*out = 0;
	if (r->by != REDIS_BY_SCORE) {
		int rc = redis_zset_each(t, key, r, count_one, out, err);
		return rc < 0 ? rc : 0;
	}
	if (r->none) {
		return 0;
	}
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT count(*) FROM score INDEXED BY score_order"
		" WHERE key = ?1 AND score >= ?2 AND score <= ?3",
		err);
	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	sqlite3_bind_double(row, 2, r->min);
	sqlite3_bind_double(row, 3, r->max);
	return count_rows(row, out, err);
}

int redis_zset_rank(struct redis_txn *t, const struct redis_key *key,
	const struct redis_element *element, int64_t *out, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t,
		"SELECT count(*) FROM score INDEXED BY score_order"
		" WHERE key = ?1 AND (score, member) < (?2, ?3)",
		err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	sqlite3_bind_double(row, 2, element->value.score);
	store_bind_slice(row, 3, element->name);
	return count_rows(row, out, err);
}

/* ---- removing ---- */

static int collect(void *arg, const struct redis_element *element, struct err *err)
{
	struct redis_names *names = arg;

	redis_names_add(names, element->name);
	int rc = buf_check(&names->bytes, err);
	return rc < 0 ? rc : names->n == REDIS_NAMES_MANY;
}

static int remove_names(struct redis_txn *t, struct redis_key *key, const struct redis_names *names,
	struct err *err)
{
	struct slice name;
	size_t at = 0;
	int rc = 0;

	while (rc >= 0 && redis_names_next(names, &at, &name)) {
		rc = redis_element_take(t, &redis_zset_elements, key, name, err);
	}
	return rc < 0 ? rc : 0;
}

/* Ranks as they are, since those that follow move up. */
static struct redis_zrange fixed(const struct redis_zrange *r, const struct redis_key *key)
{
	struct redis_zrange f = *r;
	int64_t n = (int64_t)key->n;

	f.start = r->start < 0 ? r->start + n : r->start;
	f.stop = r->stop < 0 ? r->stop + n : r->stop;
	f.start = f.start < 0 ? 0 : f.start;
	f.none = f.by == REDIS_BY_RANK ? f.stop < f.start : f.none;
	return f;
}

int redis_zset_remove(struct redis_txn *t, struct redis_key *key, const struct redis_zrange *r,
	int64_t *n, struct err *err)
{
	CLEANUP(redis_names_free) struct redis_names names = {0};
	struct redis_zrange left = fixed(r, key);
	uint64_t before = key->n;
	int rc = 0;

	do {
		redis_names_clear(&names);
		if (left.none || key->n == 0) {
			break;
		}
		rc = redis_zset_each(t, key, &left, collect, &names, err);
		rc = rc < 0 ? rc : remove_names(t, key, &names, err);
		left.stop -= names.n;
		left.none = left.none || (left.by == REDIS_BY_RANK && left.stop < left.start);
	} while (rc >= 0 && names.n == REDIS_NAMES_MANY);
	*n = (int64_t)(before - key->n);
	return rc;
}
