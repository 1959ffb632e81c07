/* Numbers without loss. A double is worth up to 767 decimal digits and a decimal lies
 * between two doubles, so neither type holds the other. What both have is the nearest double
 * towards zero: it orders all numbers but those that share it, and of these only decimals and long
 * integers have digits behind it. */
#include <bid_conf.h>
#include <bid_functions.h>
#include <math.h>

#include "engines/docdb/order/order_impl.h"

__extension__ typedef unsigned __int128 wide;

#define DECIMAL_BIAS  6176
#define DECIMAL_E_MAX 6111

static const uint64_t ten_17 = UINT64_C(100000000000000000);

static void take_digits(struct doc_exact *x, wide coefficient, int exponent)
{
	unsigned char low[DOC_DIGITS_MAX + 6] = {0};
	unsigned n = 0;
	unsigned zeros = 0;
	for (; coefficient != 0; coefficient /= 10) {
		low[n++] = (unsigned char)(coefficient % 10);
	}
	while (zeros < n && low[zeros] == 0) {
		zeros++;
	}
	x->exp10 = exponent + (int)n - 1;
	x->n = n - zeros;
	for (unsigned i = 0; i < x->n; i++) {
		x->digit[i] = low[n - 1 - i];
	}
}

static struct doc_exact of_int64(int64_t n)
{
	struct doc_exact x = {0};
	if (n == 0) {
		x.kind = EXACT_ZERO;
		return x;
	}
	uint64_t size = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	x.kind = n < 0 ? EXACT_NEGATIVE : EXACT_POSITIVE;
	x.near = (double)size;
	if ((uint64_t)x.near > size) {
		x.near = nextafter(x.near, 0);
	}
	x.rest = (uint64_t)x.near != size;
	if (x.rest) {
		take_digits(&x, size, 0);
	}
	return x;
}

static struct doc_exact of_double(double d)
{
	struct doc_exact x = {0};
	if (isnan(d)) {
		x.kind = EXACT_NAN;
	} else if (isinf(d)) {
		x.kind = d < 0 ? EXACT_LOWEST : EXACT_HIGHEST;
	} else if (d == 0) {
		x.kind = EXACT_ZERO;
	} else {
		x.kind = d < 0 ? EXACT_NEGATIVE : EXACT_POSITIVE;
		x.near = fabs(d);
	}
	return x;
}

/* Towards zero, beyond the range of doubles, too. */
static double near_decimal(bson_decimal128_t d, bool *rest)
{
	BID_UINT128 bits;
	unsigned flags = 0;
	bits.w[BID_HIGH_128W] = d.high & INT64_MAX;
	bits.w[BID_LOW_128W] = d.low;
	double near = bid128_to_binary64(bits, BID_ROUNDING_TO_ZERO, &flags);
	*rest = (flags & BID_INEXACT_EXCEPTION) != 0;
	return near;
}

static struct doc_exact of_decimal(bson_decimal128_t d)
{
	struct doc_exact x = {0};
	bool negative = d.high >> 63;
	unsigned combination = (unsigned)(d.high >> 58) & 31;
	wide coefficient = (wide)(d.high & ((UINT64_C(1) << 49) - 1)) << 64 | d.low;
	if (combination >= 30) {
		x.kind = combination == 31 ? EXACT_NAN : negative ? EXACT_LOWEST : EXACT_HIGHEST;
		return x;
	}
	/* A coefficient of more than 34 digits counts as zero. */
	if (combination >> 3 == 3 || coefficient == 0 || coefficient >= (wide)ten_17 * ten_17) {
		x.kind = EXACT_ZERO;
		return x;
	}
	x.kind = negative ? EXACT_NEGATIVE : EXACT_POSITIVE;
	x.near = near_decimal(d, &x.rest);
	if (x.rest) {
		take_digits(&x, coefficient, (int)(d.high >> 49 & 0x3fff) - DECIMAL_BIAS);
	}
	return x;
}

struct doc_exact doc_exact_of(struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_INT32: return of_int64(doc_int32(v));
	case BSON_TYPE_INT64: return of_int64(doc_int64(v));
	case BSON_TYPE_DOUBLE: return of_double(doc_double(v));
	default: return of_decimal(doc_decimal(v));
	}
}

/* ---- back ---- */

static struct doc_value special_value(enum doc_exact_kind kind, struct doc_arena *a)
{
	switch (kind) {
	case EXACT_NAN: return doc_make_double(a, (double)NAN);
	case EXACT_ZERO: return doc_make_int32(a, 0);
	default: return doc_make_double(a, kind == EXACT_LOWEST ? -HUGE_VAL : HUGE_VAL);
	}
}

static struct doc_value double_value(double d, struct doc_arena *a)
{
	if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0) || d != floor(d)) {
		return doc_make_double(a, d);
	}
	int64_t n = (int64_t)d;
	return n < INT32_MIN || n > INT32_MAX ? doc_make_int64(a, n)
					      : doc_make_int32(a, (int32_t)n);
}

/* As few zeros behind the digits as the range of exponents permits. */
static struct doc_value decimal_value(
	wide coefficient, int exponent, bool negative, struct doc_arena *a)
{
	for (; exponent > DECIMAL_E_MAX; exponent--) {
		coefficient *= 10;
	}
	bson_decimal128_t d = {.low = (uint64_t)coefficient,
		.high = (uint64_t)(coefficient >> 64) | (uint64_t)(exponent + DECIMAL_BIAS) << 49 |
			(uint64_t)negative << 63};
	return doc_make_decimal(a, d);
}

struct doc_value doc_exact_value(const struct doc_exact *x, struct doc_arena *a)
{
	bool negative = x->kind == EXACT_NEGATIVE;
	wide coefficient = 0;
	if (!negative && x->kind != EXACT_POSITIVE) {
		return special_value(x->kind, a);
	}
	if (!x->rest) {
		return double_value(negative ? -x->near : x->near, a);
	}
	for (unsigned i = 0; i < x->n; i++) {
		coefficient = coefficient * 10 + x->digit[i];
	}
	int exponent = x->exp10 + 1 - (int)x->n;
	if (exponent >= 0 && x->exp10 <= 18) {
		wide size = coefficient;
		for (int i = 0; i < exponent; i++) {
			size *= 10;
		}
		if (size <= (uint64_t)INT64_MAX) {
			return doc_make_int64(a, negative ? -(int64_t)size : (int64_t)size);
		}
	}
	return decimal_value(coefficient, exponent, negative, a);
}
