/* Numbers of four types: conversion, arithmetic, and order by exact value.
 *
 * Decimals are calculated by Intel's library, in the format that BSON has them in: two
 * words of 64 bits, the low one first on hosts of either byte order that it is built for. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include <bid_conf.h>
#include <bid_functions.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/value_impl.h"

static BID_UINT128 to_bid(bson_decimal128_t n)
{
	return (BID_UINT128){{n.low, n.high}};
}

static bson_decimal128_t from_bid(BID_UINT128 n)
{
	bson_decimal128_t out;
	out.low = n.w[0];
	out.high = n.w[1];
	return out;
}

/* ---- conversion ---- */

static bson_decimal128_t load_decimal(struct doc_value v)
{
	bson_decimal128_t out;
	out.low = doc_load64(v.raw.p);
	out.high = doc_load64(v.raw.p + 8);
	return out;
}

static double load_double(struct doc_value v)
{
	uint64_t bits = doc_load64(v.raw.p);
	double n;
	memcpy(&n, &bits, sizeof(n));
	return n;
}

bool doc_decimal_parse(struct slice text, bson_decimal128_t *out)
{
	/* libbson's function with a length looks at the byte behind it all the same. */
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	buf_append_slice(&copy, text);
	return text.n <= INT32_MAX && !copy.failed &&
	       bson_decimal128_from_string_w_len(buf_cstr(&copy), (int)text.n, out);
}

/* To 15 digits, as the service does it: 0.1 becomes 0.100000000000000 and not the 34
 * digits of the nearest binary fraction. */
static bson_decimal128_t decimal_of_double(double n)
{
	bson_decimal128_t out = {0};
	char text[40];
	if (isfinite(n) && n != 0) {
		snprintf(text, sizeof(text), "%.14e", n);
	} else {
		snprintf(text, sizeof(text), "%s",
			n == 0	   ? (signbit(n) ? "-0" : "0")
			: isnan(n) ? "NaN"
			: n < 0	   ? "-Infinity"
				   : "Infinity");
	}
	bson_decimal128_from_string(text, &out);
	return out;
}

double doc_double(struct doc_value v)
{
	_IDEC_flags flags = 0;
	switch (v.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64: return (double)doc_int64(v);
	case BSON_TYPE_DECIMAL128:
		return bid128_to_binary64(to_bid(load_decimal(v)), BID_ROUNDING_TO_NEAREST, &flags);
	default: return load_double(v);
	}
}

bson_decimal128_t doc_decimal(struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64: return from_bid(bid128_from_int64(doc_int64(v)));
	case BSON_TYPE_DECIMAL128: return load_decimal(v);
	default: return decimal_of_double(load_double(v));
	}
}

/* 2^63, which is the first double past int64; -2^63 is within. */
static const double past_int64 = 9223372036854775808.0;

static bool double_as_int64(double n, int64_t *out)
{
	if (!(n >= -past_int64 && n < past_int64) || n != trunc(n)) {
		return false;
	}
	*out = (int64_t)n;
	return true;
}

/* The library's answer for what does not fit is an invalid operation; for a fraction, inexact. */
static bool decimal_as_int64(BID_UINT128 n, int64_t *out)
{
	_IDEC_flags flags = 0;
	int64_t found = bid128_to_int64_xint(n, &flags);
	if (flags != 0) {
		return false;
	}
	*out = found;
	return true;
}

bool doc_as_int64(struct doc_value v, int64_t *out)
{
	switch (v.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64: *out = doc_int64(v); return true;
	case BSON_TYPE_DOUBLE: return double_as_int64(load_double(v), out);
	case BSON_TYPE_DECIMAL128: return decimal_as_int64(to_bid(load_decimal(v)), out);
	default: return false;
	}
}

/* ---- arithmetic ---- */

enum op { ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO };

static BID_UINT128 decimal_op(enum op op, BID_UINT128 x, BID_UINT128 y)
{
	_IDEC_flags flags = 0;
	switch (op) {
	case ADD: return bid128_add(x, y, BID_ROUNDING_TO_NEAREST, &flags);
	case SUBTRACT: return bid128_sub(x, y, BID_ROUNDING_TO_NEAREST, &flags);
	case MULTIPLY: return bid128_mul(x, y, BID_ROUNDING_TO_NEAREST, &flags);
	case DIVIDE: return bid128_div(x, y, BID_ROUNDING_TO_NEAREST, &flags);
	default: return bid128_fmod(x, y, &flags);
	}
}

static double double_op(enum op op, double x, double y)
{
	switch (op) {
	case ADD: return x + y;
	case SUBTRACT: return x - y;
	case MULTIPLY: return x * y;
	case DIVIDE: return x / y;
	default: return fmod(x, y);
	}
}

/* False when the result is no int64. Of MODULO by -1 it is 0, also of the smallest. */
static bool integer_op(enum op op, int64_t x, int64_t y, int64_t *out)
{
	switch (op) {
	case ADD: return !__builtin_add_overflow(x, y, out);
	case SUBTRACT: return !__builtin_sub_overflow(x, y, out);
	case MULTIPLY: return !__builtin_mul_overflow(x, y, out);
	case MODULO: *out = y == -1 ? 0 : x % y; return true;
	default: return false;
	}
}

static bool is_integer(struct doc_value v)
{
	return v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_INT64;
}

static struct doc_value calculate(
	enum op op, struct doc_arena *a, struct doc_value x, struct doc_value y)
{
	int64_t n;
	if (x.type == BSON_TYPE_DECIMAL128 || y.type == BSON_TYPE_DECIMAL128) {
		return doc_make_decimal(a,
			from_bid(decimal_op(op, to_bid(doc_decimal(x)), to_bid(doc_decimal(y)))));
	}
	if (!is_integer(x) || !is_integer(y) || op == DIVIDE ||
		!integer_op(op, doc_int64(x), doc_int64(y), &n)) {
		return doc_make_double(a, double_op(op, doc_double(x), doc_double(y)));
	}
	bool narrow = x.type == BSON_TYPE_INT32 && y.type == BSON_TYPE_INT32;
	return narrow && n >= INT32_MIN && n <= INT32_MAX ? doc_make_int32(a, (int32_t)n)
							  : doc_make_int64(a, n);
}

struct doc_value doc_add(struct doc_arena *a, struct doc_value x, struct doc_value y)
{
	return calculate(ADD, a, x, y);
}

struct doc_value doc_subtract(struct doc_arena *a, struct doc_value x, struct doc_value y)
{
	return calculate(SUBTRACT, a, x, y);
}

struct doc_value doc_multiply(struct doc_arena *a, struct doc_value x, struct doc_value y)
{
	return calculate(MULTIPLY, a, x, y);
}

struct doc_value doc_divide(struct doc_arena *a, struct doc_value x, struct doc_value y)
{
	return calculate(DIVIDE, a, x, y);
}

struct doc_value doc_modulo(struct doc_arena *a, struct doc_value x, struct doc_value y)
{
	return calculate(MODULO, a, x, y);
}

/* ---- order ---- */

static int compare_int64(int64_t x, int64_t y)
{
	return (x > y) - (x < y);
}

static int compare_double(double x, double y)
{
	return (x > y) - (x < y);
}

/* y is no NaN. Within the range of int64 the double's whole part is exact as one, and
 * its fraction decides when the whole parts are equal. */
static int compare_int64_double(int64_t x, double y)
{
	if (y >= past_int64) {
		return -1;
	}
	if (y < -past_int64) {
		return 1;
	}
	double whole = trunc(y);
	int c = compare_int64(x, (int64_t)whole);
	return c != 0 ? c : compare_double(whole, y);
}

static int compare_bid(BID_UINT128 x, BID_UINT128 y)
{
	_IDEC_flags flags = 0;
	return bid128_quiet_greater(x, y, &flags) - bid128_quiet_less(x, y, &flags);
}

/* Neither is NaN. The double is rounded down to 34 digits; rounding keeps the order, so only when
 * that equals x does what was cut off decide: then the double is the larger. */
static int compare_bid_double(BID_UINT128 x, double y)
{
	_IDEC_flags flags = 0;
	int c = compare_bid(x, binary64_to_bid128(y, BID_ROUNDING_DOWN, &flags));
	return c == 0 && (flags & BID_INEXACT_EXCEPTION) != 0 ? -1 : c;
}

static bool is_nan(struct doc_value v)
{
	return (v.type == BSON_TYPE_DOUBLE && isnan(load_double(v))) ||
	       (v.type == BSON_TYPE_DECIMAL128 && bid128_isNaN(to_bid(load_decimal(v))));
}

/* x is a decimal, neither is NaN. */
static int compare_decimal(struct doc_value x, struct doc_value y)
{
	BID_UINT128 d = to_bid(load_decimal(x));
	return y.type == BSON_TYPE_DOUBLE ? compare_bid_double(d, load_double(y))
					  : compare_bid(d, to_bid(doc_decimal(y)));
}

int doc_number_compare(struct doc_value x, struct doc_value y)
{
	if (is_integer(x) && is_integer(y)) {
		return compare_int64(doc_int64(x), doc_int64(y));
	}
	bool x_nan = is_nan(x);
	bool y_nan = is_nan(y);
	if (x_nan || y_nan) {
		return y_nan - x_nan;
	}
	if (x.type == BSON_TYPE_DECIMAL128) {
		return compare_decimal(x, y);
	}
	if (y.type == BSON_TYPE_DECIMAL128) {
		return -compare_decimal(y, x);
	}
	if (is_integer(x)) {
		return compare_int64_double(doc_int64(x), load_double(y));
	}
	return is_integer(y) ? -compare_int64_double(doc_int64(y), load_double(x))
			     : compare_double(load_double(x), load_double(y));
}
