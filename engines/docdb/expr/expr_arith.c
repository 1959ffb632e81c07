/* $add $subtract $multiply $divide $mod $pow. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <math.h>

#include "engines/docdb/expr/expr_bid.h"

/* A date is milliseconds; what is added to it is rounded to whole ones. */
static int shift_date(
	struct expr_run *run, int64_t date, const struct doc_sum *by, struct doc_value *out)
{
	double rounded;
	int64_t whole;
	int64_t ms;

	if (by->type == BSON_TYPE_DOUBLE || by->type == BSON_TYPE_DECIMAL128) {
		struct doc_value v = doc_sum_value(by, run->a);
		rounded = round(doc_double(v));
		if (!(rounded > -9.2e18 && rounded < 9.2e18)) {
			return err_set(run->err, EINVAL, "date overflow in $add");
		}
		whole = (int64_t)rounded;
	} else {
		if (by->whole > INT64_MAX || by->whole < INT64_MIN) {
			return err_set(run->err, EINVAL, "date overflow in $add");
		}
		whole = (int64_t)by->whole;
	}
	if (__builtin_add_overflow(date, whole, &ms)) {
		return err_set(run->err, EINVAL, "date overflow in $add");
	}
	*out = doc_make_date(run->a, ms);
	return 0;
}

static int eval_add(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_sum sum = {0};
	bool has_date = false;
	int64_t date = 0;
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, &v);
		if (r != 0) {
			return r;
		}
		if (expr_nullish(v)) {
			return expr_null(out);
		}
		if (doc_is_number(v)) {
			doc_sum_add(&sum, v);
			continue;
		}
		if (v.type != BSON_TYPE_DATE_TIME) {
			return err_set(run->err, EINVAL,
				"$add only supports numeric or date types, not %s",
				expr_type_name(v));
		}
		if (has_date) {
			return err_set(
				run->err, EINVAL, "only one date allowed in an $add expression");
		}
		has_date = true;
		date = doc_int64(v);
	}
	if (has_date) {
		return shift_date(run, date, &sum, out);
	}
	*out = doc_sum_value(&sum, run->a);
	return 0;
}

static int two(
	const struct doc_expr *e, struct expr_run *run, struct doc_value *x, struct doc_value *y)
{
	int r = expr_arg(e, 0, run, x);

	return r != 0 ? r : expr_arg(e, 1, run, y);
}

static int subtract_from_date(
	struct expr_run *run, struct doc_value x, struct doc_value y, struct doc_value *out)
{
	struct doc_sum by = {0};
	int64_t ms;

	if (y.type == BSON_TYPE_DATE_TIME) {
		if (__builtin_sub_overflow(doc_int64(x), doc_int64(y), &ms)) {
			return err_set(run->err, EINVAL, "date overflow in $subtract");
		}
		*out = doc_make_int64(run->a, ms);
		return 0;
	}
	doc_sum_add(&by, y);
	by.whole = -by.whole;
	by.high = -by.high;
	by.low = -by.low;
	by.odd = -by.odd;
	if (y.type == BSON_TYPE_DECIMAL128) {
		by.decimal.high ^= (uint64_t)1 << 63;
	}
	return shift_date(run, doc_int64(x), &by, out);
}

static int eval_subtract(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value x;
	struct doc_value y;
	int r = two(e, run, &x, &y);

	if (r != 0) {
		return r;
	}
	if (expr_nullish(x) || expr_nullish(y)) {
		return expr_null(out);
	}
	if (doc_is_number(x) && doc_is_number(y)) {
		*out = doc_subtract(run->a, x, y);
		return 0;
	}
	if (x.type == BSON_TYPE_DATE_TIME && (doc_is_number(y) || y.type == BSON_TYPE_DATE_TIME)) {
		return subtract_from_date(run, x, y, out);
	}
	return err_set(run->err, EINVAL, "can't $subtract %s from %s", expr_type_name(y),
		expr_type_name(x));
}

static int eval_multiply(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value product = doc_make_int32(run->a, 1);
	bool null = false;
	struct doc_value v;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, &v);
		if (r != 0) {
			return r;
		}
		if (expr_nullish(v)) {
			null = true;
		} else if (!doc_is_number(v)) {
			return err_set(run->err, EINVAL,
				"$multiply only supports numeric types, not %s", expr_type_name(v));
		} else if (!null) {
			product = doc_multiply(run->a, product, v);
		}
	}
	if (null) {
		return expr_null(out);
	}
	*out = product;
	return 0;
}

static bool is_zero(struct expr_run *run, struct doc_value v)
{
	return doc_number_compare(v, doc_make_int32(run->a, 0)) == 0;
}

static int divide(const struct doc_expr *e, struct expr_run *run,
	struct doc_value (*fn)(struct doc_arena *, struct doc_value, struct doc_value),
	struct doc_value *out)
{
	struct doc_value x;
	struct doc_value y;
	int r = two(e, run, &x, &y);

	if (r != 0) {
		return r;
	}
	if (expr_nullish(x) || expr_nullish(y)) {
		return expr_null(out);
	}
	if (!doc_is_number(x) || !doc_is_number(y)) {
		return err_set(run->err, EINVAL, "%s only supports numeric types, not %s and %s",
			e->op->name, expr_type_name(x), expr_type_name(y));
	}
	if (is_zero(run, y)) {
		return err_set(run->err, EINVAL, "can't %s by zero", e->op->name);
	}
	*out = fn(run->a, x, y);
	return 0;
}

static int eval_divide(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return divide(e, run, doc_divide, out);
}

static int eval_mod(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return divide(e, run, doc_modulo, out);
}

/* ---- powers ---- */

/* False where the result is no int64. */
static bool power_of_integers(int64_t base, int64_t exponent, int64_t *out)
{
	int64_t result = 1;

	if (base == 1 || base == -1) {
		*out = base == 1 || exponent % 2 == 0 ? 1 : -1;
		return true;
	}
	if (base == 0) {
		*out = exponent == 0;
		return true;
	}
	/* Any other base is over with 64 steps. */
	for (int64_t i = 0; i < exponent; i++) {
		if (__builtin_mul_overflow(result, base, &result)) {
			return false;
		}
	}
	*out = result;
	return exponent >= 0;
}

static int power(
	struct expr_run *run, struct doc_value x, struct doc_value y, struct doc_value *out)
{
	_IDEC_flags flags = 0;
	int64_t n;

	if (x.type == BSON_TYPE_DECIMAL128 || y.type == BSON_TYPE_DECIMAL128) {
		*out = doc_make_decimal(run->a,
			expr_unbid(bid128_pow(expr_bid(doc_decimal(x)), expr_bid(doc_decimal(y)),
				BID_ROUNDING_TO_NEAREST, &flags)));
		return 0;
	}
	if (x.type == BSON_TYPE_DOUBLE || y.type == BSON_TYPE_DOUBLE ||
		!power_of_integers(doc_int64(x), doc_int64(y), &n)) {
		*out = doc_make_double(run->a, pow(doc_double(x), doc_double(y)));
		return 0;
	}
	if (x.type == BSON_TYPE_INT64 || y.type == BSON_TYPE_INT64) {
		*out = doc_make_int64(run->a, n);
		return 0;
	}
	return expr_integer(run, n, out);
}

static int eval_pow(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value x;
	struct doc_value y;
	int r = two(e, run, &x, &y);

	if (r != 0) {
		return r;
	}
	if (expr_nullish(x) || expr_nullish(y)) {
		return expr_null(out);
	}
	if (!doc_is_number(x)) {
		return err_set(
			run->err, EINVAL, "$pow's base must be numeric, not %s", expr_type_name(x));
	}
	if (!doc_is_number(y)) {
		return err_set(run->err, EINVAL, "$pow's exponent must be numeric, not %s",
			expr_type_name(y));
	}
	if (is_zero(run, x) && doc_number_compare(y, doc_make_int32(run->a, 0)) < 0) {
		return err_set(
			run->err, EINVAL, "$pow cannot take a base of 0 and a negative exponent");
	}
	return power(run, x, y, out);
}

const struct expr_op expr_arith_ops[] = {
	{.name = "$add", .fn = eval_add, .max = -1},
	{.name = "$subtract", .fn = eval_subtract, .min = 2, .max = 2},
	{.name = "$multiply", .fn = eval_multiply, .max = -1},
	{.name = "$divide", .fn = eval_divide, .min = 2, .max = 2},
	{.name = "$mod", .fn = eval_mod, .min = 2, .max = 2},
	{.name = "$pow", .fn = eval_pow, .min = 2, .max = 2},
	{0},
};
