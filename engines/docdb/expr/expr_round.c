/* Functions of one number: $abs $ceil $floor $sqrt $exp $ln $log10, angles; $round $trunc $log. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <math.h>

#include "engines/docdb/expr/expr_bid.h"

/* A number, or null in *out and false in *is. */
static int number_arg(const struct doc_expr *e, struct expr_run *run, struct doc_value *v, bool *is,
	struct doc_value *out)
{
	int r = expr_arg(e, 0, run, v);

	*is = false;
	if (r != 0) {
		return r;
	}
	if (expr_nullish(*v)) {
		return expr_null(out);
	}
	if (!doc_is_number(*v)) {
		return err_set(run->err, EINVAL, "%s only supports numeric types, not %s",
			e->op->name, expr_type_name(*v));
	}
	*is = true;
	return 0;
}

static int eval_abs(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	if (v.type == BSON_TYPE_DOUBLE) {
		*out = doc_make_double(run->a, fabs(doc_double(v)));
	} else if (v.type == BSON_TYPE_DECIMAL128) {
		*out = doc_make_decimal(run->a, expr_unbid(bid128_abs(expr_bid(doc_decimal(v)))));
	} else if (doc_int64(v) >= 0) {
		*out = v;
	} else if (doc_int64(v) == INT64_MIN) {
		return err_set(run->err, EINVAL, "can't take $abs of long long min");
	} else if (v.type == BSON_TYPE_INT64) {
		*out = doc_make_int64(run->a, -doc_int64(v));
	} else {
		return expr_integer(run, -doc_int64(v), out);
	}
	return 0;
}

static int whole(const struct doc_expr *e, struct expr_run *run, double (*of_double)(double),
	BID_UINT128 (*of_decimal)(BID_UINT128, _IDEC_flags *), struct doc_value *out)
{
	_IDEC_flags flags = 0;
	struct doc_value v;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	if (v.type == BSON_TYPE_DOUBLE) {
		*out = doc_make_double(run->a, of_double(doc_double(v)));
	} else if (v.type == BSON_TYPE_DECIMAL128) {
		*out = doc_make_decimal(
			run->a, expr_unbid(of_decimal(expr_bid(doc_decimal(v)), &flags)));
	} else {
		*out = v;
	}
	return 0;
}

static int eval_ceil(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return whole(e, run, ceil, bid128_round_integral_positive, out);
}

static int eval_floor(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return whole(e, run, floor, bid128_round_integral_negative, out);
}

/* ---- $round and $trunc to a number of places ---- */

static BID_UINT128 quantum(int32_t place)
{
	const uint64_t bias = 6176;
	return (BID_UINT128){{1, (bias - (uint64_t)(int64_t)place) << 49}};
}

static BID_UINT128 bid_of_double(double x)
{
	_IDEC_flags flags = 0;

	return binary64_to_bid128(x, BID_ROUNDING_TO_NEAREST, &flags);
}

/* Where a number has not that many places, it stays as it is. */
static BID_UINT128 round_decimal(BID_UINT128 x, int32_t place, _IDEC_round mode)
{
	_IDEC_flags flags = 0;
	BID_UINT128 out;

	if (bid128_isNaN(x) || bid128_isInf(x)) {
		return x;
	}
	out = bid128_quantize(x, quantum(place), mode, &flags);
	return bid128_isNaN(out) ? x : out;
}

static double round_double(double x, int32_t place, _IDEC_round mode)
{
	_IDEC_flags flags = 0;

	if (!isfinite(x)) {
		return x;
	}
	if (place == 0) {
		return mode == BID_ROUNDING_TO_ZERO ? trunc(x) : nearbyint(x);
	}
	return bid128_to_binary64(
		round_decimal(bid_of_double(x), place, mode), BID_ROUNDING_TO_NEAREST, &flags);
}

/* To a negative number of places: 1234 to -2 is 1200. */
static int round_integer(struct expr_run *run, struct doc_value v, int32_t place, _IDEC_round mode,
	struct doc_value *out)
{
	_IDEC_flags flags = 0;
	BID_UINT128 rounded;
	BID_SINT64 n;

	if (place >= 0) {
		*out = v;
		return 0;
	}
	if (place < -19) {
		n = 0;
	} else {
		rounded = round_decimal(bid128_from_int64(doc_int64(v)), place, mode);
		n = bid128_to_int64_rnint(rounded, &flags);
		if (flags & BID_INVALID_EXCEPTION) {
			return err_set(
				run->err, EINVAL, "invalid conversion from Decimal128 result");
		}
	}
	if (v.type == BSON_TYPE_INT64) {
		*out = doc_make_int64(run->a, n);
		return 0;
	}
	return expr_integer(run, n, out);
}

static int read_place(const struct doc_expr *e, struct expr_run *run, int32_t *place, bool *null)
{
	struct doc_value v;
	int r = expr_arg(e, 1, run, &v);

	*place = 0;
	*null = false;
	if (r != 0 || e->n < 2) {
		return r;
	}
	if (expr_nullish(v)) {
		*null = true;
		return 0;
	}
	if (!expr_as_int32(v, place) || *place < -20 || *place > 100) {
		return err_set(run->err, EINVAL,
			"cannot apply %s with precision value that is not a whole number from -20 "
			"to "
			"100",
			e->op->name);
	}
	return 0;
}

static int round_to(
	const struct doc_expr *e, struct expr_run *run, _IDEC_round mode, struct doc_value *out)
{
	struct doc_value v;
	int32_t place;
	bool null;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = read_place(e, run, &place, &null);
	if (r != 0) {
		return r;
	}
	if (null) {
		return expr_null(out);
	}
	if (v.type == BSON_TYPE_DOUBLE) {
		*out = doc_make_double(run->a, round_double(doc_double(v), place, mode));
		return 0;
	}
	if (v.type == BSON_TYPE_DECIMAL128) {
		*out = doc_make_decimal(
			run->a, expr_unbid(round_decimal(expr_bid(doc_decimal(v)), place, mode)));
		return 0;
	}
	return round_integer(run, v, place, mode, out);
}

static int eval_round(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return round_to(e, run, BID_ROUNDING_TO_NEAREST, out);
}

static int eval_trunc(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return round_to(e, run, BID_ROUNDING_TO_ZERO, out);
}

/* ---- roots, logarithms, angles ---- */

typedef BID_UINT128 decimal_fn(BID_UINT128, _IDEC_round, _IDEC_flags *);

static int of_number(const struct doc_expr *e, struct expr_run *run, struct doc_value v,
	decimal_fn *of_decimal, struct doc_value *out)
{
	_IDEC_flags flags = 0;

	if (v.type == BSON_TYPE_DECIMAL128 && of_decimal != NULL) {
		*out = doc_make_decimal(run->a, expr_unbid(of_decimal(expr_bid(doc_decimal(v)),
							BID_ROUNDING_TO_NEAREST, &flags)));
	} else {
		*out = doc_make_double(run->a, e->op->of_double(doc_double(v)));
	}
	return 0;
}

static int eval_of_double(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	return r != 0 || !is ? r : of_number(e, run, v, NULL, out);
}

static int eval_exp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	return r != 0 || !is ? r : of_number(e, run, v, bid128_exp, out);
}

static int eval_sqrt(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	if (doc_number_compare(v, doc_make_int32(run->a, 0)) < 0 && !isnan(doc_double(v))) {
		return err_set(
			run->err, EINVAL, "$sqrt's argument must be greater than or equal to 0");
	}
	return of_number(e, run, v, bid128_sqrt, out);
}

static int logarithm(const struct doc_expr *e, struct expr_run *run, decimal_fn *of_decimal,
	struct doc_value *out)
{
	struct doc_value v;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	if (doc_double(v) <= 0) {
		return err_set(run->err, EINVAL,
			"%s's argument must be a positive number, but is %g", e->op->name,
			doc_double(v));
	}
	return of_number(e, run, v, of_decimal, out);
}

static int eval_ln(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return logarithm(e, run, bid128_log, out);
}

static int eval_log10(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return logarithm(e, run, bid128_log10, out);
}

static int log_of_decimals(
	struct expr_run *run, struct doc_value v, struct doc_value base, struct doc_value *out)
{
	_IDEC_flags flags = 0;
	BID_UINT128 x = bid128_log(expr_bid(doc_decimal(v)), BID_ROUNDING_TO_NEAREST, &flags);
	BID_UINT128 y = bid128_log(expr_bid(doc_decimal(base)), BID_ROUNDING_TO_NEAREST, &flags);

	*out = doc_make_decimal(
		run->a, expr_unbid(bid128_div(x, y, BID_ROUNDING_TO_NEAREST, &flags)));
	return 0;
}

static int eval_log(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	struct doc_value base;
	bool is;
	int r = number_arg(e, run, &v, &is, out);

	if (r == 0) {
		r = expr_arg(e, 1, run, &base);
	}
	if (r != 0 || !is) {
		return r;
	}
	if (expr_nullish(base)) {
		return expr_null(out);
	}
	if (!doc_is_number(base)) {
		return err_set(run->err, EINVAL, "$log's base must be numeric, not %s",
			expr_type_name(base));
	}
	if (doc_double(v) <= 0) {
		return err_set(run->err, EINVAL,
			"$log's argument must be a positive number, but is %g", doc_double(v));
	}
	if (doc_double(base) <= 0 || doc_double(base) == 1) {
		return err_set(run->err, EINVAL,
			"$log's base must be a positive number not equal to 1, but is %g",
			doc_double(base));
	}
	if (v.type == BSON_TYPE_DECIMAL128 || base.type == BSON_TYPE_DECIMAL128) {
		return log_of_decimals(run, v, base, out);
	}
	*out = doc_make_double(run->a, log(doc_double(v)) / log(doc_double(base)));
	return 0;
}

static double to_radians(double degrees)
{
	return degrees * (M_PI / 180.0);
}

static double to_degrees(double radians)
{
	return radians * (180.0 / M_PI);
}

#define OF_NUMBER(op, function)                                                                    \
	{                                                                                          \
		.name = (op), .fn = eval_of_double, .min = 1, .max = 1, .of_double = (function)    \
	}

const struct expr_op expr_round_ops[] = {
	{.name = "$abs", .fn = eval_abs, .min = 1, .max = 1},
	{.name = "$ceil", .fn = eval_ceil, .min = 1, .max = 1},
	{.name = "$floor", .fn = eval_floor, .min = 1, .max = 1},
	{.name = "$round", .fn = eval_round, .min = 1, .max = 2},
	{.name = "$trunc", .fn = eval_trunc, .min = 1, .max = 2},
	{.name = "$sqrt", .fn = eval_sqrt, .min = 1, .max = 1, .of_double = sqrt},
	{.name = "$exp", .fn = eval_exp, .min = 1, .max = 1, .of_double = exp},
	{.name = "$ln", .fn = eval_ln, .min = 1, .max = 1, .of_double = log},
	{.name = "$log10", .fn = eval_log10, .min = 1, .max = 1, .of_double = log10},
	{.name = "$log", .fn = eval_log, .min = 2, .max = 2},
	OF_NUMBER("$sin", sin),
	OF_NUMBER("$cos", cos),
	OF_NUMBER("$tan", tan),
	OF_NUMBER("$asin", asin),
	OF_NUMBER("$acos", acos),
	OF_NUMBER("$atan", atan),
	OF_NUMBER("$degreesToRadians", to_radians),
	OF_NUMBER("$radiansToDegrees", to_degrees),
	{0},
};
