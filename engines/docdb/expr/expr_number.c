/* Sums and spreads, for expressions and for $group. */
#include "engines/docdb/expr/expr_impl.h"

#include <math.h>

#include "engines/docdb/expr/expr_bid.h"

static unsigned width(uint8_t type)
{
	switch (type) {
	case BSON_TYPE_INT32: return 1;
	case BSON_TYPE_INT64: return 2;
	case BSON_TYPE_DOUBLE: return 3;
	case BSON_TYPE_DECIMAL128: return 4;
	default: return 0;
	}
}

/* Adds to a pair of doubles; what rounding takes from `high` goes to `low`. */
static void add_double(double *high, double *low, double x)
{
	double sum = *high + x;
	double back = sum - *high;

	*low += (*high - (sum - back)) + (x - back);
	*high = sum;
}

void doc_sum_add(struct doc_sum *s, struct doc_value number)
{
	_IDEC_flags flags = 0;
	double x;

	if (width(number.type) > width(s->type)) {
		s->type = number.type;
	}
	switch (number.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64: s->whole += doc_int64(number); break;
	case BSON_TYPE_DOUBLE:
		x = doc_double(number);
		if (isfinite(x)) {
			add_double(&s->high, &s->low, x);
		} else {
			s->odd += x;
			s->has_odd = true;
		}
		break;
	default:
		/* All zero bits are a decimal 0, too, but with the smallest exponent. */
		if (s->decimal.low == 0 && s->decimal.high == 0) {
			s->decimal = doc_decimal(number);
		} else {
			s->decimal = expr_unbid(bid128_add(expr_bid(s->decimal),
				expr_bid(doc_decimal(number)), BID_ROUNDING_TO_NEAREST, &flags));
		}
		break;
	}
}

double doc_sum_double(const struct doc_sum *s)
{
	double high = s->high;
	double low = s->low;
	double whole = (double)s->whole;

	if (s->has_odd) {
		return s->odd;
	}
	add_double(&high, &low, whole);
	add_double(&high, &low, (double)(s->whole - (doc_wide)whole));
	return high + low;
}

/* Of whole numbers, exact: as two parts, since no call takes 128 bits. */
static BID_UINT128 bid_of_whole(doc_wide n)
{
	_IDEC_flags flags = 0;
	const doc_wide base = (doc_wide)1 << 62;
	BID_UINT128 high = bid128_from_int64((BID_SINT64)(n / base));
	BID_UINT128 low = bid128_from_int64((BID_SINT64)(n % base));

	return bid128_fma(
		high, bid128_from_int64((BID_SINT64)1 << 62), low, BID_ROUNDING_TO_NEAREST, &flags);
}

static bson_decimal128_t sum_decimal(const struct doc_sum *s)
{
	_IDEC_flags flags = 0;
	BID_UINT128 total = expr_bid(s->decimal);

	if (s->whole != 0) {
		total = bid128_add(total, bid_of_whole(s->whole), BID_ROUNDING_TO_NEAREST, &flags);
	}
	if (s->has_odd || s->high != 0) {
		double x = s->has_odd ? s->odd : s->high + s->low;
		uint64_t bits;
		memcpy(&bits, &x, sizeof(bits));
		bits = BSON_UINT64_TO_LE(bits);
		struct doc_value v = {BSON_TYPE_DOUBLE, slice_make(&bits, sizeof(bits))};
		total = bid128_add(
			total, expr_bid(doc_decimal(v)), BID_ROUNDING_TO_NEAREST, &flags);
	}
	return expr_unbid(total);
}

struct doc_value doc_sum_value(const struct doc_sum *s, struct doc_arena *a)
{
	if (s->type == BSON_TYPE_DECIMAL128) {
		return doc_make_decimal(a, sum_decimal(s));
	}
	if (s->type == BSON_TYPE_DOUBLE || s->whole > INT64_MAX || s->whole < INT64_MIN) {
		return doc_make_double(a, doc_sum_double(s));
	}
	if (s->type == BSON_TYPE_INT64 || s->whole > INT32_MAX || s->whole < INT32_MIN) {
		return doc_make_int64(a, (int64_t)s->whole);
	}
	return doc_make_int32(a, (int32_t)s->whole);
}

struct doc_value doc_sum_average(const struct doc_sum *s, uint64_t n, struct doc_arena *a)
{
	_IDEC_flags flags = 0;

	if (s->type != BSON_TYPE_DECIMAL128) {
		return doc_make_double(a, doc_sum_double(s) / (double)n);
	}
	return doc_make_decimal(
		a, expr_unbid(bid128_div(expr_bid(sum_decimal(s)), bid128_from_int64((BID_SINT64)n),
			   BID_ROUNDING_TO_NEAREST, &flags)));
}

void doc_spread_add(struct doc_spread *s, double x)
{
	double off = x - s->mean;

	s->n++;
	s->mean += off / (double)s->n;
	s->squares += off * (x - s->mean);
}

struct doc_value doc_spread_value(const struct doc_spread *s, bool sample, struct doc_arena *a)
{
	uint64_t n = sample && s->n > 0 ? s->n - 1 : s->n;

	return n == 0 ? doc_make_null() : doc_make_double(a, sqrt(s->squares / (double)n));
}
