/* $type, $isNumber, $convert and its short forms. */
#include "engines/docdb/expr/expr_dates.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/expr/expr_bid.h"
#include "engines/docdb/expr/expr_text.h"

/* ---- to strings ---- */

static int refuse(struct expr_run *run, struct doc_value v, const char *to)
{
	return err_set(run->err, EINVAL,
		"Unsupported conversion from %s to %s in $convert with no onError value",
		expr_type_name(v), to);
}

/* The shortest text that reads as the same. */
static int print_double(struct expr_run *run, double x, struct doc_value *out)
{
	char text[40];

	if (isnan(x)) {
		return expr_string(run, slice_of("NaN"), out);
	}
	if (isinf(x)) {
		return expr_string(run, slice_of(x < 0 ? "-Infinity" : "Infinity"), out);
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, x);
		if (strtod(text, NULL) == x) {
			break;
		}
	}
	return expr_string(run, slice_of(text), out);
}

static int print_oid(struct expr_run *run, struct slice raw, struct doc_value *out)
{
	static const char hex[] = "0123456789abcdef";
	char *p;
	int r = expr_string_room(run, 24, &p, out);

	for (size_t i = 0; r == 0 && i < 12; i++) {
		p[2 * i] = hex[(unsigned char)raw.p[i] >> 4];
		p[2 * i + 1] = hex[(unsigned char)raw.p[i] & 15];
	}
	return r;
}

static int print_date(struct expr_run *run, int64_t ms, struct doc_value *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const struct calendar_zone utc = {.utc = true};
	int r = calendar_print(slice_of("%Y-%m-%dT%H:%M:%S.%LZ"), ms, &utc, &text, run->err);

	if (r == 0) {
		r = buf_check(&text, run->err);
	}
	return r != 0 ? r : expr_string(run, buf_slice(&text), out);
}

int expr_to_string(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	char text[BSON_DECIMAL128_STRING + 1];
	bson_decimal128_t decimal;

	switch (v.type) {
	case BSON_TYPE_UTF8: *out = v; return 0;
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_CODE: return expr_string(run, doc_string(v), out);
	case BSON_TYPE_BOOL: return expr_string(run, slice_of(doc_bool(v) ? "true" : "false"), out);
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64:
		snprintf(text, sizeof(text), "%lld", (long long)doc_int64(v));
		return expr_string(run, slice_of(text), out);
	case BSON_TYPE_DOUBLE: return print_double(run, doc_double(v), out);
	case BSON_TYPE_DECIMAL128:
		decimal = doc_decimal(v);
		bson_decimal128_to_string(&decimal, text);
		return expr_string(run, slice_of(text), out);
	case BSON_TYPE_DATE_TIME: return print_date(run, doc_int64(v), out);
	case BSON_TYPE_OID: return print_oid(run, v.raw, out);
	default: return refuse(run, v, "string");
	}
}

/* ---- to numbers ---- */

static int unparsable(struct expr_run *run, const char *what)
{
	return err_set(run->err, EINVAL,
		"Failed to parse number in $convert with no onError value: %s", what);
}

/* A number's text: no blanks around it, no hexadecimal. */
static bool number_text(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0' || strchr("+-.0123456789eE", text.p[i]) == NULL) {
			return false;
		}
	}
	return text.n > 0;
}

static int parse_integer(struct expr_run *run, struct slice text, int64_t *out)
{
	char *end;

	if (!number_text(text) || text.n > 25) {
		return unparsable(run, "Did not consume whole string.");
	}
	errno = 0;
	*out = strtoll(text.p, &end, 10);
	if (end != text.p + text.n) {
		return unparsable(run, "Did not consume whole string.");
	}
	return errno == ERANGE ? unparsable(run, "Overflow") : 0;
}

static int parse_double(struct expr_run *run, struct slice text, double *out)
{
	char *end;

	if (slice_is(text, "NaN") || slice_is(text, "Infinity") || slice_is(text, "-Infinity")) {
		*out = text.n == 3 ? NAN : text.n == 8 ? HUGE_VAL : -HUGE_VAL;
		return 0;
	}
	if (!number_text(text)) {
		return unparsable(run, "Did not consume whole string.");
	}
	*out = strtod(text.p, &end);
	if (end != text.p + text.n) {
		return unparsable(run, "Did not consume whole string.");
	}
	return isinf(*out) ? unparsable(run, "Out of range") : 0;
}

static int overflow(struct expr_run *run)
{
	return err_set(run->err, EINVAL,
		"Conversion would overflow target type in $convert with no onError value");
}

static int decimal_to_integer(struct expr_run *run, struct doc_value v, int64_t *out)
{
	_IDEC_flags flags = 0;

	*out = bid128_to_int64_int(expr_bid(doc_decimal(v)), &flags);
	return flags & BID_INVALID_EXCEPTION ? overflow(run) : 0;
}

static int to_integer(struct expr_run *run, struct doc_value v, const char *to, int64_t *out)
{
	double x;

	switch (v.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64: *out = doc_int64(v); return 0;
	case BSON_TYPE_BOOL: *out = doc_bool(v); return 0;
	case BSON_TYPE_UTF8: return parse_integer(run, doc_string(v), out);
	case BSON_TYPE_DECIMAL128: return decimal_to_integer(run, v, out);
	case BSON_TYPE_DOUBLE:
		x = trunc(doc_double(v));
		if (!(x >= -9223372036854775808.0 && x < 9223372036854775808.0)) {
			return overflow(run);
		}
		*out = (int64_t)x;
		return 0;
	default: return refuse(run, v, to);
	}
}

static int to_int(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	int64_t n = 0;
	int r = to_integer(run, v, "int", &n);

	if (r == 0 && (n < INT32_MIN || n > INT32_MAX)) {
		r = overflow(run);
	}
	return r != 0 ? r : expr_int32(run, (int32_t)n, out);
}

static int to_long(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	int64_t n = 0;
	int r = v.type == BSON_TYPE_DATE_TIME ? 0 : to_integer(run, v, "long", &n);

	if (v.type == BSON_TYPE_DATE_TIME) {
		n = doc_int64(v);
	}
	if (r == 0) {
		*out = doc_make_int64(run->a, n);
	}
	return r;
}

static int to_double(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	double x = 0;
	int r = 0;

	if (doc_is_number(v)) {
		x = doc_double(v);
		if (isinf(x) && v.type == BSON_TYPE_DECIMAL128 &&
			!bid128_isInf(expr_bid(doc_decimal(v)))) {
			r = overflow(run);
		}
	} else if (v.type == BSON_TYPE_BOOL) {
		x = doc_bool(v);
	} else if (v.type == BSON_TYPE_DATE_TIME) {
		x = (double)doc_int64(v);
	} else if (v.type == BSON_TYPE_UTF8) {
		r = parse_double(run, doc_string(v), &x);
	} else {
		r = refuse(run, v, "double");
	}
	if (r == 0) {
		*out = doc_make_double(run->a, x);
	}
	return r;
}

static int to_decimal(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	bson_decimal128_t decimal;

	switch (v.type) {
	case BSON_TYPE_BOOL: v = doc_make_int32(run->a, doc_bool(v)); break;
	case BSON_TYPE_DATE_TIME: v = doc_make_int64(run->a, doc_int64(v)); break;
	case BSON_TYPE_UTF8:
		if (doc_string(v).n > 1000 || strlen(doc_string(v).p) != doc_string(v).n ||
			!doc_decimal_parse(doc_string(v), &decimal)) {
			return unparsable(run, "it is no decimal");
		}
		*out = doc_make_decimal(run->a, decimal);
		return 0;
	default:
		if (!doc_is_number(v)) {
			return refuse(run, v, "decimal");
		}
	}
	decimal = doc_decimal(v);
	*out = doc_make_decimal(run->a, decimal);
	return 0;
}

/* ---- to the others ---- */

static int to_bool(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	return expr_bool(run, doc_is_true(v), out);
}

static int to_date(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	const struct calendar_zone utc = {.utc = true};
	int64_t ms = 0;
	int r = 0;

	if (expr_is_date(v)) {
		ms = expr_date_ms(v);
	} else if (v.type == BSON_TYPE_UTF8) {
		r = calendar_read_iso(doc_string(v), &utc, false, &ms, run->err);
	} else if (v.type == BSON_TYPE_INT64 || v.type == BSON_TYPE_DOUBLE ||
		   v.type == BSON_TYPE_DECIMAL128) {
		r = to_integer(run, v, "date", &ms);
	} else {
		r = refuse(run, v, "date");
	}
	if (r == 0) {
		*out = doc_make_date(run->a, ms);
	}
	return r;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int to_object_id(struct expr_run *run, struct doc_value v, struct doc_value *out)
{
	struct slice text;
	void *p;
	unsigned char *bytes;
	int r;

	if (v.type == BSON_TYPE_OID) {
		*out = v;
		return 0;
	}
	if (v.type != BSON_TYPE_UTF8) {
		return refuse(run, v, "objectId");
	}
	text = doc_string(v);
	r = expr_alloc(run, 12, &p);
	bytes = p;
	for (size_t i = 0; r == 0 && i < 12; i++) {
		int high = text.n == 24 ? hex_digit(text.p[2 * i]) : -1;
		int low = text.n == 24 ? hex_digit(text.p[2 * i + 1]) : -1;
		if (high < 0 || low < 0) {
			return err_set(run->err, EINVAL,
				"Failed to parse objectId in $convert with no onError value: 24 "
				"hexadecimal digits are needed");
		}
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	*out = (struct doc_value){BSON_TYPE_OID, slice_make(p, 12)};
	return r;
}

/* ---- operators ---- */

typedef int convert_fn(struct expr_run *run, struct doc_value v, struct doc_value *out);

static int convert(
	const struct doc_expr *e, struct expr_run *run, convert_fn *fn, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0 && expr_nullish(v)) {
		return expr_null(out);
	}
	return r != 0 ? r : fn(run, v, out);
}

#define CONVERSION(name, fn)                                                                       \
	static int name(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)     \
	{                                                                                          \
		return convert(e, run, fn, out);                                                   \
	}
CONVERSION(eval_to_int, to_int)
CONVERSION(eval_to_long, to_long)
CONVERSION(eval_to_double, to_double)
CONVERSION(eval_to_decimal, to_decimal)
CONVERSION(eval_to_string, expr_to_string)
CONVERSION(eval_to_bool, to_bool)
CONVERSION(eval_to_date, to_date)
CONVERSION(eval_to_object_id, to_object_id)

static const struct target {
	const char *name;
	int number;
	convert_fn *fn;
} targets[] = {{"double", BSON_TYPE_DOUBLE, to_double}, {"string", BSON_TYPE_UTF8, expr_to_string},
	{"objectId", BSON_TYPE_OID, to_object_id}, {"bool", BSON_TYPE_BOOL, to_bool},
	{"date", BSON_TYPE_DATE_TIME, to_date}, {"int", BSON_TYPE_INT32, to_int},
	{"long", BSON_TYPE_INT64, to_long}, {"decimal", BSON_TYPE_DECIMAL128, to_decimal}};

static int find_target(struct expr_run *run, struct doc_value to, convert_fn **fn)
{
	int32_t number = 0;
	bool numbered = expr_as_int32(to, &number);

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (numbered ? number == targets[i].number
			     : to.type == BSON_TYPE_UTF8 &&
					slice_is(doc_string(to), targets[i].name)) {
			*fn = targets[i].fn;
			return 0;
		}
	}
	return err_set(run->err, EINVAL,
		"Unknown type name or number in $convert's 'to'; double, string, objectId, bool, "
		"date, "
		"int, long and decimal are known");
}

static const char *const convert_options[] = {"!input", "!to", "onError", "onNull", NULL};

static int eval_convert(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_run quiet = *run;
	struct err own = {0};
	struct doc_value v;
	struct doc_value to;
	convert_fn *fn = NULL;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0) {
		r = expr_arg(e, 1, run, &to);
	}
	if (r == 0 && !expr_nullish(to)) {
		r = find_target(run, to, &fn);
	}
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		return e->args[3] != NULL ? expr_arg(e, 3, run, out) : expr_null(out);
	}
	if (fn == NULL) {
		return expr_null(out);
	}
	if (e->args[2] == NULL) {
		return fn(run, v, out);
	}
	quiet.err = &own;
	return fn(&quiet, v, out) == 0 ? 0 : expr_arg(e, 2, run, out);
}

static int eval_type(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	return r != 0 ? r : expr_string(run, slice_of(expr_type_name(v)), out);
}

static int eval_is_number(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	return r != 0 ? r : expr_bool(run, doc_is_number(v), out);
}

static int eval_bson_size(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	if (r != 0 || expr_nullish(v)) {
		return r != 0 ? r : expr_null(out);
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(run->err, EINVAL, "$bsonSize requires a document input, found: %s",
			expr_type_name(v));
	}
	return expr_integer(run, (int64_t)v.raw.n, out);
}

#define ONE(op, function)                                                                          \
	{                                                                                          \
		.name = (op), .fn = (function), .min = 1, .max = 1                                 \
	}

const struct expr_op expr_convert_ops[] = {
	ONE("$type", eval_type),
	ONE("$isNumber", eval_is_number),
	ONE("$bsonSize", eval_bson_size),
	ONE("$toInt", eval_to_int),
	ONE("$toLong", eval_to_long),
	ONE("$toDouble", eval_to_double),
	ONE("$toDecimal", eval_to_decimal),
	ONE("$toString", eval_to_string),
	ONE("$toBool", eval_to_bool),
	ONE("$toDate", eval_to_date),
	ONE("$toObjectId", eval_to_object_id),
	{.name = "$convert", .fn = eval_convert, .options = convert_options},
	{0},
};
