/* Aggregates that a running state is enough for; all are window functions, too. */
#include <math.h>
#include <stdlib.h>

#include "engines/redshift/driver/sqlite_functions_impl.h"

/* ---- exact sums ---- */

struct sum {
	sql_int128 sum;
	unsigned scale;
	int64_t n;
	bool overflow;
};

/* `sign` -1 takes a row back. */
static void add_integer(struct sum *s, sqlite3_value *v, int sign)
{
	s->sum += sign * (sql_int128)sqlite3_value_int64(v);
	s->n += sign;
}

static void integer_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[0])) {
		add_integer(state, v[0], 1);
	}
}

static void integer_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[0])) {
		add_integer(state, v[0], -1);
	}
}

static void put_bigint(sqlite3_context *c, sql_int128 i)
{
	if (i == (int64_t)i) {
		sqlite3_result_int64(c, (int64_t)i);
	} else {
		lite_fail(c, "bigint out of range");
	}
}

static void sum_int(sqlite3_context *c, void *state)
{
	struct sum *s = state;
	if (s != NULL && s->n > 0) {
		put_bigint(c, s->sum);
	}
}

/* Towards zero, as integers are divided. */
static void avg_int(sqlite3_context *c, void *state)
{
	struct sum *s = state;
	if (s != NULL && s->n > 0) {
		put_bigint(c, s->sum / s->n);
	}
}

/* The scale is that of the second argument, or the finest there was. */
static void add_decimal(sqlite3_context *c, struct sum *s, int n, sqlite3_value **v, int sign)
{
	struct lite_decimal d;
	if (!lite_decimal_of(c, v[0], &d)) {
		return;
	}
	unsigned scale = n > 1 ? (unsigned)sqlite3_value_int(v[1]) : d.scale;
	scale = scale > SQL_DECIMAL_MAX ? SQL_DECIMAL_MAX : scale;
	if (scale > s->scale) {
		struct lite_decimal sum = {s->sum, s->scale};
		s->overflow = !lite_rescale(&sum, scale) || s->overflow;
		s->sum = sum.d;
		s->scale = scale;
	}
	if (!lite_rescale(&d, s->scale) || __builtin_add_overflow(s->sum, sign * d.d, &s->sum)) {
		s->overflow = true;
	}
	s->n += sign;
}

static void decimal_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	if (!lite_null(v[0])) {
		add_decimal(c, state, n, v, 1);
	}
}

static void decimal_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	if (!lite_null(v[0])) {
		add_decimal(c, state, n, v, -1);
	}
}

static void sum_decimal(sqlite3_context *c, void *state)
{
	struct sum *s = state;
	if (s == NULL || s->n <= 0) {
		return;
	}
	if (s->overflow) {
		lite_overflow(c);
	} else {
		lite_result_decimal(c, s->sum, s->scale);
	}
}

static void avg_decimal(sqlite3_context *c, void *state)
{
	struct sum *s = state;
	if (s == NULL || s->n <= 0) {
		return;
	}
	if (s->overflow) {
		lite_overflow(c);
	} else {
		lite_result_decimal(c, lite_divide(s->sum, s->n), s->scale);
	}
}

/* ---- bits ---- */

struct bits {
	int64_t n;
	int64_t set[64]; /* in how many each bit is */
};

static void add_bits(struct bits *b, sqlite3_value *v, int sign)
{
	uint64_t u = (uint64_t)sqlite3_value_int64(v);
	b->n += sign;
	for (unsigned i = 0; i < 64; i++) {
		b->set[i] += (u >> i & 1) ? sign : 0;
	}
}

static void bits_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[0])) {
		add_bits(state, v[0], 1);
	}
}

static void bits_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	if (!lite_null(v[0])) {
		add_bits(state, v[0], -1);
	}
}

static void put_bits(sqlite3_context *c, const struct bits *b, bool all)
{
	uint64_t u = 0;
	if (b == NULL || b->n <= 0) {
		return;
	}
	for (unsigned i = 0; i < 64; i++) {
		bool is = all ? b->set[i] == b->n : b->set[i] > 0;
		u |= (uint64_t)is << i;
	}
	sqlite3_result_int64(c, (int64_t)u);
}

static void bit_and(sqlite3_context *c, void *state)
{
	put_bits(c, state, true);
}

static void bit_or(sqlite3_context *c, void *state)
{
	put_bits(c, state, false);
}

/* ---- variance ---- */

/* The mean, and the sum of squares of what differs from it, kept up row by row. */
struct spread {
	int64_t n;
	double mean, squares;
};

static void spread_step(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	struct spread *s = state;
	if (lite_null(v[0])) {
		return;
	}
	double x = sqlite3_value_double(v[0]);
	double off = x - s->mean;
	s->n++;
	s->mean += off / (double)s->n;
	s->squares += off * (x - s->mean);
}

static void spread_inverse(sqlite3_context *c, void *state, int n, sqlite3_value **v)
{
	(void)c;
	(void)n;
	struct spread *s = state;
	if (lite_null(v[0])) {
		return;
	}
	if (s->n <= 1) {
		*s = (struct spread){0};
		return;
	}
	double x = sqlite3_value_double(v[0]);
	double off = x - s->mean;
	s->n--;
	s->mean -= off / (double)s->n;
	s->squares -= off * (x - s->mean);
	s->squares = s->squares < 0 ? 0 : s->squares;
}

/* `less` 1: of a sample, which needs two rows. */
static void put_spread(sqlite3_context *c, const struct spread *s, int64_t less, bool root)
{
	if (s == NULL || s->n <= less) {
		return;
	}
	double variance = s->squares / (double)(s->n - less);
	sqlite3_result_double(c, root ? sqrt(variance) : variance);
}

static void var_samp(sqlite3_context *c, void *state)
{
	put_spread(c, state, 1, false);
}

static void var_pop(sqlite3_context *c, void *state)
{
	put_spread(c, state, 0, false);
}

static void stddev_samp(sqlite3_context *c, void *state)
{
	put_spread(c, state, 1, true);
}

static void stddev_pop(sqlite3_context *c, void *state)
{
	put_spread(c, state, 0, true);
}

#define SUM    sizeof(struct sum)
#define SPREAD sizeof(struct spread)
#define BITS   sizeof(struct bits)

const struct lite_aggregate lite_sum_aggregates[] = {
	{"rs_sum_int", 1, 1, SUM, integer_step, integer_inverse, sum_int, NULL},
	{"rs_avg_int", 1, 1, SUM, integer_step, integer_inverse, avg_int, NULL},
	{"rs_dec_sum", 1, 2, SUM, decimal_step, decimal_inverse, sum_decimal, NULL},
	{"rs_dec_avg", 1, 2, SUM, decimal_step, decimal_inverse, avg_decimal, NULL},
	{"rs_bit_and", 1, 1, BITS, bits_step, bits_inverse, bit_and, NULL},
	{"rs_bit_or", 1, 1, BITS, bits_step, bits_inverse, bit_or, NULL},
	{"rs_var_samp", 1, 1, SPREAD, spread_step, spread_inverse, var_samp, NULL},
	{"rs_var_pop", 1, 1, SPREAD, spread_step, spread_inverse, var_pop, NULL},
	{"rs_stddev_samp", 1, 1, SPREAD, spread_step, spread_inverse, stddev_samp, NULL},
	{"rs_stddev_pop", 1, 1, SPREAD, spread_step, spread_inverse, stddev_pop, NULL},
	{NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};
