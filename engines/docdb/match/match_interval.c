/* Sets of values, as sorted intervals that do not touch. An interval lies within one bracket, whose
 * end is meant by a bound that is missing; never by both. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/match/match_impl.h"

static unsigned bracket_of(const struct doc_interval *x)
{
	return doc_bracket(x->low.type != BSON_TYPE_EOD ? x->low.type : x->high.type);
}

static bool is_open(struct doc_value bound)
{
	return bound.type == BSON_TYPE_EOD;
}

/* Of intervals in one bracket: which begins first, which ends first. */
static int compare_low(const struct doc_interval *x, const struct doc_interval *y)
{
	if (is_open(x->low) || is_open(y->low)) {
		return (int)is_open(y->low) - (int)is_open(x->low);
	}
	int order = doc_compare(x->low, y->low);
	return order != 0 ? order : (int)x->low_open - (int)y->low_open;
}

static int compare_high(const struct doc_interval *x, const struct doc_interval *y)
{
	if (is_open(x->high) || is_open(y->high)) {
		return (int)is_open(x->high) - (int)is_open(y->high);
	}
	int order = doc_compare(x->high, y->high);
	return order != 0 ? order : (int)y->high_open - (int)x->high_open;
}

static int by_low(const void *a, const void *b)
{
	const struct doc_interval *x = a;
	const struct doc_interval *y = b;
	unsigned bx = bracket_of(x);
	unsigned by = bracket_of(y);
	return bx != by ? (bx < by ? -1 : 1) : compare_low(x, y);
}

static bool is_empty(const struct doc_interval *x)
{
	if (is_open(x->low) || is_open(x->high)) {
		return false;
	}
	int order = doc_compare(x->low, x->high);
	return order > 0 || (order == 0 && (x->low_open || x->high_open));
}

/* Whether no value lies between the end of x and the beginning of y, which begins later. */
static bool touches(const struct doc_interval *x, const struct doc_interval *y)
{
	if (bracket_of(x) != bracket_of(y)) {
		return false;
	}
	if (is_open(x->high) || is_open(y->low)) {
		return true;
	}
	int order = doc_compare(y->low, x->high);
	return order < 0 || (order == 0 && !(x->high_open && y->low_open));
}

void match_set_settle(struct match_set *s)
{
	unsigned n = 0;
	if (s->n == 0) {
		return;
	}
	qsort(s->at, s->n, sizeof(*s->at), by_low);
	for (unsigned i = 0; i < s->n; i++) {
		const struct doc_interval *x = &s->at[i];
		if (is_empty(x)) {
			continue;
		}
		if (n == 0 || !touches(&s->at[n - 1], x)) {
			s->at[n++] = *x;
		} else if (compare_high(&s->at[n - 1], x) < 0) {
			s->at[n - 1].high = x->high;
			s->at[n - 1].high_open = x->high_open;
		}
	}
	s->n = n;
}

static struct doc_interval common(const struct doc_interval *x, const struct doc_interval *y)
{
	const struct doc_interval *low = compare_low(x, y) >= 0 ? x : y;
	const struct doc_interval *high = compare_high(x, y) <= 0 ? x : y;
	return (struct doc_interval){low->low, high->high, low->low_open, high->high_open};
}

/* Whether x, or else y, is the one that ends first. */
static bool ends_first(const struct doc_interval *x, const struct doc_interval *y)
{
	unsigned bx = bracket_of(x);
	unsigned by = bracket_of(y);
	return bx != by ? bx < by : compare_high(x, y) <= 0;
}

int match_set_intersect(struct doc_arena *a, const struct match_set *x, const struct match_set *y,
	struct match_set *out)
{
	unsigned i = 0;
	unsigned k = 0;
	out->n = 0;
	out->at = doc_arena_alloc(a, (x->n + y->n + 1) * sizeof(*out->at));
	if (out->at == NULL) {
		return -ENOMEM;
	}
	while (i < x->n && k < y->n) {
		if (bracket_of(&x->at[i]) == bracket_of(&y->at[k])) {
			struct doc_interval both = common(&x->at[i], &y->at[k]);
			if (!is_empty(&both)) {
				out->at[out->n++] = both;
			}
		}
		if (ends_first(&x->at[i], &y->at[k])) {
			i++;
		} else {
			k++;
		}
	}
	return 0;
}

int match_set_unite(struct doc_arena *a, const struct match_set *x, const struct match_set *y,
	struct match_set *out)
{
	out->n = 0;
	out->at = doc_arena_alloc(a, (x->n + y->n + 1) * sizeof(*out->at));
	if (out->at == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < x->n; i++) {
		out->at[out->n++] = x->at[i];
	}
	for (unsigned i = 0; i < y->n; i++) {
		out->at[out->n++] = y->at[i];
	}
	match_set_settle(out);
	return 0;
}

bool match_set_within(const struct match_set *inner, const struct match_set *outer)
{
	unsigned k = 0;
	for (unsigned i = 0; i < inner->n; i++) {
		const struct doc_interval *x = &inner->at[i];
		while (k < outer->n && (bracket_of(&outer->at[k]) != bracket_of(x) ||
					       compare_high(&outer->at[k], x) < 0)) {
			k++;
		}
		if (k == outer->n || compare_low(&outer->at[k], x) > 0) {
			return false;
		}
	}
	return true;
}

unsigned match_set_width(const struct match_set *s)
{
	unsigned width = 0;
	for (unsigned i = 0; i < s->n; i++) {
		const struct doc_interval *x = &s->at[i];
		bool open = is_open(x->low) || is_open(x->high);
		bool point = !open && doc_equal(x->low, x->high);
		width += point ? 1 : open ? 100000 : 10000;
	}
	return width;
}
