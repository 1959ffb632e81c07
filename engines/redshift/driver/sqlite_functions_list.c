/* Aggregates that need all values: medians, percentiles, LISTAGG. Values are kept as copies and
 * sorted when they are asked for; a window takes them back from the front, in their order. */
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

struct list {
	sqlite3_value **values;	     /* `width` a row */
	size_t width, first, n, cap; /* rows */
	double fraction;
	unsigned scale;
	bool decimal;
};

static bool grow(sqlite3_context *c, struct list *l)
{
	if (l->n < l->cap) {
		return true;
	}
	size_t cap = l->cap == 0 ? 16 : l->cap * 2;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	sqlite3_value **values = reallocarray(l->values, cap, l->width * sizeof(*values));
	if (values == NULL) {
		sqlite3_result_error_nomem(c);
		return false;
	}
	l->values = values;
	l->cap = cap;
	return true;
}

/* One row of `width` values. */
static void add_row(sqlite3_context *c, struct list *l, sqlite3_value *const *v)
{
	if (!grow(c, l)) {
		return;
	}
	sqlite3_value **row = l->values + l->n * l->width;
	for (size_t i = 0; i < l->width; i++) {
		row[i] = sqlite3_value_dup(v[i]);
		if (row[i] == NULL) {
			while (i > 0) {
				sqlite3_value_free(row[--i]);
			}
			sqlite3_result_error_nomem(c);
			return;
		}
	}
	l->n++;
}

static void drop_first(struct list *l)
{
	if (l->first >= l->n) {
		return;
	}
	for (size_t i = 0; i < l->width; i++) {
		sqlite3_value_free(l->values[l->first * l->width + i]);
	}
	l->first++;
	if (l->first == l->n) {
		l->first = 0;
		l->n = 0;
	}
}

static void list_clear(void *state)
{
	struct list *l = state;
	for (size_t i = l->first * l->width; i < l->n * l->width; i++) {
		sqlite3_value_free(l->values[i]);
	}
	free(l->values);
}

/* ---- order ---- */

/* Numbers before texts, each among themselves. */
static int compare_values(sqlite3_value *a, sqlite3_value *b, bool decimal)
{
	int ta = sqlite3_value_type(a);
	int tb = sqlite3_value_type(b);
	if (ta == SQLITE_INTEGER && tb == SQLITE_INTEGER) {
		int64_t x = sqlite3_value_int64(a);
		int64_t y = sqlite3_value_int64(b);
		return (x > y) - (x < y);
	}
	if (ta != SQLITE_TEXT && tb != SQLITE_TEXT) {
		double x = sqlite3_value_double(a);
		double y = sqlite3_value_double(b);
		return (x > y) - (x < y);
	}
	if (ta != tb) {
		return ta == SQLITE_TEXT ? 1 : -1;
	}
	struct slice x = lite_text(a);
	struct slice y = lite_text(b);
	return decimal ? lite_compare_decimals(NULL, (int)x.n, x.p, (int)y.n, y.p)
		       : slice_compare(x, y);
}

static int compare_single(const void *a, const void *b, void *arg)
{
	const struct list *l = arg;
	return compare_values(*(sqlite3_value *const *)a, *(sqlite3_value *const *)b, l->decimal);
}

/* The values in order, as pointers; free(). NULL: no memory. */
static sqlite3_value **sorted(sqlite3_context *c, struct list *l)
{
	size_t n = l->n - l->first;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	size_t size = sizeof(sqlite3_value *);
	sqlite3_value **all = malloc(n * size);
	if (all == NULL) {
		sqlite3_result_error_nomem(c);
		return NULL;
	}
	memcpy(all, l->values + l->first, n * size);
	qsort_r(all, n, size, compare_single, l);
	return all;
}

/* ---- percentiles ---- */

static void list_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	struct list *l = state;
	l->width = 1;
	if (!lite_null(v[0])) {
		l->scale = n > 1 ? (unsigned)sqlite3_value_int(v[1]) : 0;
		add_row(c, l, v);
	}
}

static void list_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[0])) {
		drop_first(state);
	}
}

/* (p, x[, decimal]) */
static void percentile_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	struct list *l = state;
	double p = sqlite3_value_double(v[0]);
	l->width = 1;
	if (!(p >= 0 && p <= 1)) {
		lite_fail(c, "percentile value %g is not between 0 and 1", p);
		return;
	}
	l->fraction = p;
	l->decimal = n > 2 && sqlite3_value_int(v[2]) != 0;
	if (!lite_null(v[1])) {
		add_row(c, l, v + 1);
	}
}

static void percentile_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[1])) {
		drop_first(state);
	}
}

static bool is_empty(const struct list *l)
{
	return l == NULL || l->n == l->first;
}

/* Between the two values that stand around it. */
static void put_between(sqlite3_context *c, struct list *l, double fraction)
{
	if (is_empty(l)) {
		return;
	}
	sqlite3_value **all = sorted(c, l);
	if (all == NULL) {
		return;
	}
	double at = fraction * (double)(l->n - l->first - 1);
	size_t low = (size_t)floor(at);
	size_t high = (size_t)ceil(at);
	double x = sqlite3_value_double(all[low]);
	double y = sqlite3_value_double(all[high]);
	sqlite3_result_double(c, low == high ? x : x + (at - (double)low) * (y - x));
	free(all);
}

static void median(sqlite3_context *c, void *state)
{
	put_between(c, state, 0.5);
}

static void percentile_cont(sqlite3_context *c, void *state)
{
	struct list *l = state;
	put_between(c, l, l == NULL ? 0 : l->fraction);
}

static void percentile_disc(sqlite3_context *c, void *state)
{
	struct list *l = state;
	if (is_empty(l)) {
		return;
	}
	sqlite3_value **all = sorted(c, l);
	if (all == NULL) {
		return;
	}
	size_t n = l->n - l->first;
	double at = ceil(l->fraction * (double)n);
	size_t which = at < 1 ? 0 : (size_t)at - 1;
	sqlite3_result_value(c, all[which < n ? which : n - 1]);
	free(all);
}

/* rs_median_dec(x, scale): the mean of the two in the middle, exact. */
static void median_decimal(sqlite3_context *c, void *state)
{
	struct list *l = state;
	struct lite_decimal a;
	struct lite_decimal b;
	if (is_empty(l)) {
		return;
	}
	l->decimal = true;
	sqlite3_value **all = sorted(c, l);
	if (all == NULL) {
		return;
	}
	size_t n = l->n - l->first;
	unsigned scale = l->scale > SQL_DECIMAL_MAX ? SQL_DECIMAL_MAX : l->scale;
	if (lite_decimal_of(c, all[(n - 1) / 2], &a) && lite_decimal_of(c, all[n / 2], &b)) {
		unsigned fine = a.scale > b.scale ? a.scale : b.scale;
		if (lite_rescale(&a, fine) && lite_rescale(&b, fine)) {
			/* Half of it: one more digit, times five. */
			struct lite_decimal sum = {a.d + b.d, fine + 1};
			if (!__builtin_mul_overflow(sum.d, (sql_int128)5, &sum.d) &&
				lite_rescale(&sum, scale)) {
				lite_result_decimal(c, sum.d, scale);
				free(all);
				return;
			}
		}
		lite_overflow(c);
	}
	free(all);
}

/* ---- LISTAGG ---- */

/* (x, separator, distinct, key, 'asc'|'desc'[ decimal], 'first'|'last', …) */
#define BEFORE_KEYS 3
#define KEY_PARTS   3
#define LISTAGG_MAX 65535 /* bytes, as in Redshift */

static void listagg_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	struct list *l = state;
	l->width = (size_t)n;
	if ((n - BEFORE_KEYS) % KEY_PARTS != 0) {
		lite_fail(c, "rs_listagg: %d arguments", n);
	} else if (!lite_null(v[0])) {
		add_row(c, l, v);
	}
}

static void listagg_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[0])) {
		drop_first(state);
	}
}

/* One key of two rows: value, direction, where NULLs stand. */
static int compare_key(sqlite3_value *const *a, sqlite3_value *const *b)
{
	bool null_a = lite_null(a[0]);
	bool null_b = lite_null(b[0]);
	struct slice direction = lite_text(a[1]);
	if (null_a || null_b) {
		int last = (int)null_a - (int)null_b;
		return slice_is(lite_text(a[2]), "first") ? -last : last;
	}
	bool decimal = direction.n > 5 && memmem(direction.p, direction.n, "decimal", 7) != NULL;
	int order = compare_values(a[0], b[0], decimal);
	return direction.n > 0 && direction.p[0] == 'd' ? -order : order;
}

static int compare_rows(const void *pa, const void *pb, void *arg)
{
	const struct list *l = arg;
	sqlite3_value *const *a = *(sqlite3_value *const *const *)pa;
	sqlite3_value *const *b = *(sqlite3_value *const *const *)pb;
	for (size_t i = BEFORE_KEYS; i + KEY_PARTS <= l->width; i += KEY_PARTS) {
		int order = compare_key(a + i, b + i);
		if (order != 0) {
			return order;
		}
	}
	/* As they came: sorting is to change nothing else. */
	return (a > b) - (a < b);
}

static bool was_before(sqlite3_value ***rows, size_t n)
{
	struct slice text = lite_text(rows[n][0]);
	for (size_t i = 0; i < n; i++) {
		if (slice_equal(lite_text(rows[i][0]), text)) {
			return true;
		}
	}
	return false;
}

static void join(sqlite3_context *c, sqlite3_value ***rows, size_t n)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	bool distinct = sqlite3_value_int(rows[0][2]) != 0;
	for (size_t i = 0; i < n && out.n <= LISTAGG_MAX; i++) {
		if (distinct && was_before(rows, i)) {
			continue;
		}
		if (i > 0) {
			buf_append_slice(&out, lite_text(rows[i][1]));
		}
		buf_append_slice(&out, lite_text(rows[i][0]));
	}
	if (out.n > LISTAGG_MAX) {
		lite_fail(c, "Result size exceeds LISTAGG limit (%d bytes)", LISTAGG_MAX);
		return;
	}
	lite_result(c, &out);
}

static void listagg(sqlite3_context *c, void *state)
{
	struct list *l = state;
	if (is_empty(l)) {
		return;
	}
	size_t n = l->n - l->first;
	sqlite3_value ***rows = malloc(n * sizeof(*rows));
	if (rows == NULL) {
		sqlite3_result_error_nomem(c);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		rows[i] = l->values + (l->first + i) * l->width;
	}
	qsort_r(rows, n, sizeof(*rows), compare_rows, l);
	join(c, rows, n);
	free(rows);
}

#define LIST	 sizeof(struct list)
#define ARGS_MAX (BEFORE_KEYS + KEY_PARTS * 20)

const struct lite_aggregate lite_list_aggregates[] = {
	{"rs_median", 1, 1, LIST, list_step, list_inverse, median, list_clear},
	{"rs_median_dec", 2, 2, LIST, list_step, list_inverse, median_decimal, list_clear},
	{"rs_percentile_cont", 2, 2, LIST, percentile_step, percentile_inverse, percentile_cont,
		list_clear},
	{"rs_percentile_disc", 2, 3, LIST, percentile_step, percentile_inverse, percentile_disc,
		list_clear},
	{"rs_listagg", BEFORE_KEYS, ARGS_MAX, LIST, listagg_step, listagg_inverse, listagg,
		list_clear},
	{NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};
