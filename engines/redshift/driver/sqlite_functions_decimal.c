/* Exact decimals, and integers that do not overflow silently.
 *
 * A DECIMAL is at most 38 digits, which 128 bits hold. A product of two, or a quotient that is to
 * have many digits behind its point, needs twice that in between. */
#include <math.h>

#include "engines/redshift/driver/sqlite_functions_impl.h"

__extension__ typedef unsigned __int128 uint128;

sql_int128 lite_power(unsigned n)
{
	sql_int128 p = 1;
	while (n-- > 0) {
		p *= 10;
	}
	return p;
}

bool lite_decimal_fits(sql_int128 d)
{
	sql_int128 limit = lite_power(SQL_DECIMAL_MAX);
	return d < limit && d > -limit;
}

void lite_overflow(sqlite3_context *c)
{
	lite_fail(c, "Numeric data overflow (result precision)");
}

void lite_result_decimal(sqlite3_context *c, sql_int128 d, unsigned scale)
{
	if (!lite_decimal_fits(d)) {
		lite_overflow(c);
		return;
	}
	struct sql_value v = {.decimal = d};
	struct sql_type t = {.kind = SQL_DECIMAL, .size = SQL_DECIMAL_MAX, .scale = scale};
	lite_result_value(c, &v, t);
}

sql_int128 lite_divide(sql_int128 d, sql_int128 n)
{
	sql_int128 q = d / n;
	sql_int128 rest = d % n;
	uint128 twice = 2 * (rest < 0 ? -(uint128)rest : (uint128)rest);
	if (twice >= (n < 0 ? -(uint128)n : (uint128)n)) {
		q += (d < 0) == (n < 0) ? 1 : -1;
	}
	return q;
}

bool lite_rescale(struct lite_decimal *d, unsigned scale)
{
	if (scale < d->scale) {
		d->d = lite_divide(d->d, lite_power(d->scale - scale));
	} else if (scale > d->scale) {
		sql_int128 product;
		if (scale - d->scale > SQL_DECIMAL_MAX ||
			__builtin_mul_overflow(d->d, lite_power(scale - d->scale), &product)) {
			return d->d == 0;
		}
		d->d = product;
	}
	d->scale = scale;
	return lite_decimal_fits(d->d);
}

/* "-12.50" as it is stored; false: it is written in another way. */
static bool stored_decimal(struct slice s, struct lite_decimal *out)
{
	bool negative = take_char(&s, '-');
	bool point = false;
	unsigned digits = 0;
	*out = (struct lite_decimal){0};
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' && !point) {
			point = true;
		} else if (s.p[i] >= '0' && s.p[i] <= '9' && digits < SQL_DECIMAL_MAX) {
			out->d = out->d * 10 + (s.p[i] - '0');
			digits += out->d != 0;
			out->scale += point;
		} else {
			return false;
		}
	}
	out->d = negative ? -out->d : out->d;
	return s.n > 0 && out->scale <= SQL_DECIMAL_MAX;
}

/* Of a text in any form, or a real: as many digits as people see. */
static bool written_decimal(sqlite3_context *c, struct slice s, struct lite_decimal *out)
{
	struct err err = {0};
	struct sql_value v = {0};
	while (s.n > 0 && s.p[0] == ' ') {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && s.p[s.n - 1] == ' ') {
		s.n--;
	}
	/* The whole part takes room: as fine as it goes. */
	for (unsigned scale = 18;; scale = scale > 9 ? 9 : 0) {
		struct sql_type t = {SQL_DECIMAL, SQL_DECIMAL_MAX, scale};
		err_clear(&err);
		if (sql_value_parse(s, t, &v, &err) == 0) {
			*out = (struct lite_decimal){v.decimal, scale};
			return true;
		}
		if (scale == 0) {
			lite_refuse(c, &err);
			return false;
		}
	}
}

bool lite_decimal_of(sqlite3_context *c, sqlite3_value *v, struct lite_decimal *out)
{
	if (sqlite3_value_type(v) == SQLITE_INTEGER) {
		*out = (struct lite_decimal){sqlite3_value_int64(v), 0};
		return true;
	}
	struct slice text = lite_text(v);
	return stored_decimal(text, out) || written_decimal(c, text, out);
}

/* The last argument: a scale. */
static unsigned scale_of(sqlite3_value *v)
{
	int scale = sqlite3_value_int(v);
	return scale < 0 ? 0 : scale > (int)SQL_DECIMAL_MAX ? SQL_DECIMAL_MAX : (unsigned)scale;
}

static bool take_pair(
	sqlite3_context *c, sqlite3_value **v, struct lite_decimal *a, struct lite_decimal *b)
{
	return lite_decimal_of(c, v[0], a) && lite_decimal_of(c, v[1], b);
}

static void put_rescaled(sqlite3_context *c, struct lite_decimal d, unsigned scale)
{
	if (lite_rescale(&d, scale)) {
		lite_result_decimal(c, d.d, scale);
	} else {
		lite_overflow(c);
	}
}

/* ---- casts ---- */

/* rs_dec(x, size, scale) */
static void dec(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal d;
	int size = sqlite3_value_int(v[1]);
	unsigned scale = scale_of(v[2]);
	if (!lite_decimal_of(c, v[0], &d)) {
		return;
	}
	if (size < 1 || size > (int)SQL_DECIMAL_MAX) {
		size = (int)SQL_DECIMAL_MAX;
	}
	sql_int128 limit = lite_power((unsigned)size);
	if (!lite_rescale(&d, scale) || d.d >= limit || d.d <= -limit) {
		lite_overflow(c);
		return;
	}
	lite_result_decimal(c, d.d, scale);
}

static void real(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct err err = {0};
	struct sql_value value = {0};
	struct sql_type t = {.kind = SQL_DOUBLE};
	if (sqlite3_value_type(v[0]) != SQLITE_TEXT) {
		sqlite3_result_double(c, sqlite3_value_double(v[0]));
	} else if (sql_value_parse(lite_text(v[0]), t, &value, &err) < 0) {
		lite_refuse(c, &err);
	} else {
		sqlite3_result_double(c, value.real);
	}
}

/* ---- arithmetic ---- */

/* Both with the finer scale of the two. */
static bool align(struct lite_decimal *a, struct lite_decimal *b)
{
	unsigned scale = a->scale > b->scale ? a->scale : b->scale;
	return lite_rescale(a, scale) && lite_rescale(b, scale);
}

static void add_signed(sqlite3_context *c, sqlite3_value **v, int sign)
{
	struct lite_decimal a;
	struct lite_decimal b;
	if (!take_pair(c, v, &a, &b)) {
		return;
	}
	if (!align(&a, &b)) {
		lite_overflow(c);
		return;
	}
	a.d += sign * b.d; /* of 38 digits each: there is room for a carry */
	put_rescaled(c, a, scale_of(v[2]));
}

static void dec_add(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	add_signed(c, v, 1);
}

static void dec_sub(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	add_signed(c, v, -1);
}

static void dec_mod(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal a;
	struct lite_decimal b;
	if (!take_pair(c, v, &a, &b)) {
		return;
	}
	if (b.d == 0) {
		lite_fail(c, "Divide by zero");
	} else if (!align(&a, &b)) {
		lite_overflow(c);
	} else {
		a.d %= b.d;
		put_rescaled(c, a, scale_of(v[2]));
	}
}

/* ---- 256 bits ---- */

struct wide {
	uint128 high, low;
};

#define LOW64 ((uint128)UINT64_MAX)

static struct wide multiply(uint128 a, uint128 b)
{
	uint128 al = a & LOW64;
	uint128 ah = a >> 64;
	uint128 bl = b & LOW64;
	uint128 bh = b >> 64;
	uint128 low = al * bl;
	uint128 middle = ah * bl + (low >> 64);
	uint128 cross = al * bh + (middle & LOW64);
	return (struct wide){ah * bh + (middle >> 64) + (cross >> 64), cross << 64 | (low & LOW64)};
}

/* a / b, whose rest is put down; bit by bit where 128 are not enough. */
static struct wide divide(struct wide a, uint128 b, uint128 *rest)
{
	if (a.high == 0) {
		*rest = a.low % b;
		return (struct wide){0, a.low / b};
	}
	struct wide q = {0, 0};
	uint128 r = 0;
	for (int i = 255; i >= 0; i--) {
		bool carry = r >> 127;
		r = r << 1 | ((i >= 128 ? a.high >> (i - 128) : a.low >> i) & 1);
		if (carry || r >= b) {
			r -= b;
			if (i >= 128) {
				q.high |= (uint128)1 << (i - 128);
			} else {
				q.low |= (uint128)1 << i;
			}
		}
	}
	*rest = r;
	return q;
}

static uint128 size_of(sql_int128 d)
{
	return d < 0 ? -(uint128)d : (uint128)d;
}

/* Half and more goes up; false: more than 38 digits. */
static bool round_quotient(struct wide q, uint128 rest, uint128 b, bool negative, sql_int128 *out)
{
	if (q.high != 0 || q.low >= (uint128)lite_power(SQL_DECIMAL_MAX)) {
		return false;
	}
	q.low += rest >= b - rest;
	*out = negative ? -(sql_int128)q.low : (sql_int128)q.low;
	return true;
}

static void dec_mul(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal a;
	struct lite_decimal b;
	struct lite_decimal out;
	unsigned scale = scale_of(v[2]);
	if (!take_pair(c, v, &a, &b)) {
		return;
	}
	bool negative = (a.d < 0) != (b.d < 0);
	struct wide product = multiply(size_of(a.d), size_of(b.d));
	unsigned has = a.scale + b.scale;
	/* More than 38 digits are taken off in two steps: the last one rounds. */
	if (has > scale + SQL_DECIMAL_MAX) {
		uint128 ignored;
		unsigned first = has - scale - SQL_DECIMAL_MAX;
		product = divide(product, (uint128)lite_power(first), &ignored);
		has -= first;
	}
	uint128 rest = 0;
	uint128 power = (uint128)lite_power(has > scale ? has - scale : 0);
	out.scale = has > scale ? scale : has;
	struct wide q = divide(product, power, &rest);
	if (!round_quotient(q, rest, power, negative, &out.d)) {
		lite_overflow(c);
		return;
	}
	put_rescaled(c, out, scale);
}

static void dec_div(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal a;
	struct lite_decimal b;
	struct lite_decimal out = {0, 0};
	if (!take_pair(c, v, &a, &b)) {
		return;
	}
	if (b.d == 0) {
		lite_fail(c, "Divide by zero");
		return;
	}
	unsigned scale = scale_of(v[2]);
	unsigned wanted = scale + b.scale;
	/* As fine as a is, if that is finer than what is wanted: rounded once, in the end. */
	unsigned up = wanted > a.scale ? wanted - a.scale : 0;
	out.scale = up > 0 ? scale : a.scale - b.scale;
	bool negative = (a.d < 0) != (b.d < 0);
	uint128 rest = 0;
	uint128 divisor = size_of(b.d);
	if (up > SQL_DECIMAL_MAX) {
		/* So fine a quotient of more than 38 digits does not fit but for a == 0. */
		unsigned more = up - SQL_DECIMAL_MAX;
		sql_int128 grown;
		if (__builtin_mul_overflow(a.d, lite_power(more), &grown)) {
			lite_overflow(c);
			return;
		}
		a.d = grown;
		up = SQL_DECIMAL_MAX;
	}
	struct wide numerator = multiply(size_of(a.d), (uint128)lite_power(up));
	struct wide q = divide(numerator, divisor, &rest);
	if (!round_quotient(q, out.scale > scale ? 0 : rest, divisor, negative, &out.d)) {
		lite_overflow(c);
		return;
	}
	put_rescaled(c, out, scale);
}

/* ---- of one decimal ---- */

static void dec_neg(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal a;
	if (lite_decimal_of(c, v[0], &a)) {
		lite_result_decimal(c, -a.d, a.scale);
	}
}

static void dec_abs(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal a;
	if (lite_decimal_of(c, v[0], &a)) {
		lite_result_decimal(c, a.d < 0 ? -a.d : a.d, a.scale);
	}
}

static void dec_sign(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct lite_decimal a;
	if (lite_decimal_of(c, v[0], &a)) {
		lite_result_decimal(c, (a.d > 0) - (a.d < 0), 0);
	}
}

/* To `digits` behind the point (before it, if negative), shown with that scale. */
static void to_digits(sqlite3_context *c, sqlite3_value **v, bool round)
{
	struct lite_decimal a;
	int64_t digits = sqlite3_value_int64(v[1]);
	if (!lite_decimal_of(c, v[0], &a)) {
		return;
	}
	if (digits < (int64_t)a.scale) {
		int64_t off = (int64_t)a.scale - digits;
		if (off > (int64_t)SQL_DECIMAL_MAX) {
			a.d = 0;
		} else {
			sql_int128 power = lite_power((unsigned)off);
			a.d = (round ? lite_divide(a.d, power) : a.d / power);
			if (__builtin_mul_overflow(a.d, power, &a.d)) {
				lite_overflow(c);
				return;
			}
		}
	}
	put_rescaled(c, a, scale_of(v[2]));
}

static void dec_round(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	to_digits(c, v, true);
}

static void dec_trunc(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	to_digits(c, v, false);
}

static void to_whole(sqlite3_context *c, sqlite3_value **v, int up)
{
	struct lite_decimal a;
	if (!lite_decimal_of(c, v[0], &a)) {
		return;
	}
	sql_int128 power = lite_power(a.scale);
	sql_int128 q = a.d / power;
	if (a.d % power != 0 && (a.d > 0) == (up > 0)) {
		q += up;
	}
	lite_result_decimal(c, q, 0);
}

static void dec_floor(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	to_whole(c, v, -1);
}

static void dec_ceil(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	to_whole(c, v, 1);
}

/* ---- integers ---- */

static void put_integer(sqlite3_context *c, sql_int128 i, int bytes)
{
	bool fits = bytes == 2 ? i == (int16_t)i : bytes == 4 ? i == (int32_t)i : i == (int64_t)i;
	if (!fits) {
		lite_fail(c, "%s out of range",
			bytes == 2   ? "smallint"
			: bytes == 4 ? "integer"
				     : "bigint");
		return;
	}
	sqlite3_result_int64(c, (int64_t)i);
}

static void iadd(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_integer(c, (sql_int128)sqlite3_value_int64(v[0]) + sqlite3_value_int64(v[1]),
		sqlite3_value_int(v[2]));
}

static void isub(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_integer(c, (sql_int128)sqlite3_value_int64(v[0]) - sqlite3_value_int64(v[1]),
		sqlite3_value_int(v[2]));
}

static void imul(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_integer(c, (sql_int128)sqlite3_value_int64(v[0]) * sqlite3_value_int64(v[1]),
		sqlite3_value_int(v[2]));
}

static void idiv(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t b = sqlite3_value_int64(v[1]);
	if (b == 0) {
		lite_fail(c, "Divide by zero");
		return;
	}
	put_integer(c, (sql_int128)sqlite3_value_int64(v[0]) / b, 8);
}

static void imod(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t b = sqlite3_value_int64(v[1]);
	if (b == 0) {
		lite_fail(c, "Divide by zero");
		return;
	}
	put_integer(c, (sql_int128)sqlite3_value_int64(v[0]) % b, 8);
}

/* ---- reals ---- */

static void real_divide(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	double b = sqlite3_value_double(v[1]);
	if (b == 0) {
		lite_fail(c, "Divide by zero");
		return;
	}
	sqlite3_result_double(c, sqlite3_value_double(v[0]) / b);
}

static void cube_root(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	sqlite3_result_double(c, cbrt(sqlite3_value_double(v[0])));
}

/* Without digits to the nearest even, as PostgreSQL has it; with them away from zero. */
static void round_real(sqlite3_context *c, int n, sqlite3_value **v)
{
	double x = sqlite3_value_double(v[0]);
	if (n == 1) {
		sqlite3_result_double(c, nearbyint(x));
		return;
	}
	int64_t digits = sqlite3_value_int64(v[1]);
	double power = pow(10, digits < 0 ? (double)-digits : (double)digits);
	double r = digits < 0 ? round(x / power) * power : round(x * power) / power;
	sqlite3_result_double(c, isfinite(r) ? r : digits > 0 ? x : 0);
}

const struct lite_function lite_decimal_functions[] = {
	{"rs_dec", 3, 3, dec, false},
	{"rs_real", 1, 1, real, false},
	{"rs_dec_add", 3, 3, dec_add, false},
	{"rs_dec_sub", 3, 3, dec_sub, false},
	{"rs_dec_mul", 3, 3, dec_mul, false},
	{"rs_dec_div", 3, 3, dec_div, false},
	{"rs_dec_mod", 3, 3, dec_mod, false},
	{"rs_dec_neg", 1, 1, dec_neg, false},
	{"rs_dec_abs", 1, 1, dec_abs, false},
	{"rs_dec_sign", 1, 1, dec_sign, false},
	{"rs_dec_round", 3, 3, dec_round, false},
	{"rs_dec_trunc", 3, 3, dec_trunc, false},
	{"rs_dec_floor", 1, 1, dec_floor, false},
	{"rs_dec_ceil", 1, 1, dec_ceil, false},
	{"rs_iadd", 3, 3, iadd, false},
	{"rs_isub", 3, 3, isub, false},
	{"rs_imul", 3, 3, imul, false},
	{"rs_idiv", 2, 2, idiv, false},
	{"rs_imod", 2, 2, imod, false},
	{"rs_fdiv", 2, 2, real_divide, false},
	{"rs_cbrt", 1, 1, cube_root, false},
	{"rs_round", 1, 2, round_real, false},
	{NULL, 0, 0, NULL, false},
};
