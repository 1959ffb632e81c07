/* Booleans and numbers, digit by digit: most of what is loaded is these. */
#include <errno.h>
#include <strings.h>

#include "engines/redshift/load/fields_impl.h"

/* ---- booleans ---- */

static bool is_word(struct slice s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

bool rs_field_boolean(struct slice s, struct sql_value *out, struct rs_mistake *m)
{
	static const char *const words[] = {
		"f", "t", "false", "true", "0", "1", "n", "y", "no", "yes"};

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(s, words[i])) {
			out->boolean = i % 2 == 1;
			return true;
		}
	}
	return rs_mistake(m, 1210, 0, "Unknown boolean format, Value '%.*s'",
		(int)(s.n < 20 ? s.n : 20), s.p);
}

/* ---- integers ---- */

static const char *type_word(enum sql_kind kind)
{
	switch (kind) {
	case SQL_SMALLINT: return "Short";
	case SQL_INTEGER: return "Integer";
	case SQL_BIGINT: return "Long";
	case SQL_DECIMAL: return "Decimal";
	case SQL_REAL: return "Float";
	default: return "Double";
	}
}

static bool wrong_digit(
	enum sql_kind kind, struct slice s, size_t at, int code, struct rs_mistake *m)
{
	int c = at < s.n ? (unsigned char)s.p[at] : 0;
	if (c < ' ' || c > '~') {
		return rs_mistake(m, code, at, "Invalid digit, Value 0x%02x, Pos %zu, Type: %s",
			(unsigned)c, at, type_word(kind));
	}
	return rs_mistake(m, code, at, "Invalid digit, Value '%c', Pos %zu, Type: %s", c, at,
		type_word(kind));
}

static uint64_t greatest(enum sql_kind kind)
{
	return kind == SQL_SMALLINT ? INT16_MAX : kind == SQL_INTEGER ? INT32_MAX : INT64_MAX;
}

/* Whether there is a sign; *at moves behind it. */
static bool sign(struct slice s, size_t *at)
{
	*at = s.p[0] == '-' || s.p[0] == '+' ? 1 : 0;
	return s.p[0] == '-';
}

bool rs_field_integer(
	struct sql_type t, struct slice s, struct sql_value *out, struct rs_mistake *m)
{
	size_t at;
	bool negative = sign(s, &at);
	size_t first = at;
	uint64_t sum = 0;
	bool over = false;

	for (; at < s.n; at++) {
		unsigned digit = (unsigned)(unsigned char)s.p[at] - '0';
		if (digit > 9) {
			return wrong_digit(t.kind, s, at, 1207, m);
		}
		/* Such large ones stay large. */
		over = over || sum > INT64_MAX / 10;
		sum = sum * 10 + digit;
	}
	if (at == first) {
		return wrong_digit(t.kind, s, 0, 1207, m);
	}
	if (over || sum > greatest(t.kind) + (negative ? 1 : 0)) {
		return rs_mistake(m, 1204, 0, "Overflow, Value '%.*s', Type: %s",
			(int)(s.n < 30 ? s.n : 30), s.p, type_word(t.kind));
	}
	out->integer = negative ? (int64_t)-sum : (int64_t)sum;
	return true;
}

/* ---- decimals ---- */

__extension__ typedef unsigned __int128 uint128;

static uint128 power(unsigned n)
{
	static const uint64_t small[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000,
		100000000, 1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000,
		100000000000000, 1000000000000000, 10000000000000000, 100000000000000000,
		1000000000000000000};
	return n <= 18 ? small[n] : (uint128)small[18] * power(n - 18);
}

/* "-12.340e5" taken apart: digits[0..n), of which the first `whole` stand before the point. */
struct number {
	bool negative;
	const char *digits;
	size_t whole; /* digits before the point as it is written */
	size_t fraction;
	int64_t exponent;
};

static size_t run_of_digits(struct slice s, size_t at)
{
	while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9') {
		at++;
	}
	return at;
}

/* Where the text stops to be a number; s.n: all of it is one. */
static size_t take_exponent(struct slice s, size_t at, struct number *out)
{
	size_t e = at + 1;
	bool negative = e < s.n && s.p[e] == '-';
	int64_t sum = 0;

	e += e < s.n && (s.p[e] == '-' || s.p[e] == '+') ? 1 : 0;
	size_t end = run_of_digits(s, e);
	if (end == e) {
		return at;
	}
	for (; e < end; e++) {
		sum = sum < 100000 ? sum * 10 + (s.p[e] - '0') : sum;
	}
	out->exponent = negative ? -sum : sum;
	return end;
}

static size_t take_number(struct slice s, struct number *out)
{
	size_t at;

	*out = (struct number){0};
	out->negative = sign(s, &at);
	out->digits = s.p + at;
	size_t end = run_of_digits(s, at);
	out->whole = end - at;
	if (end < s.n && s.p[end] == '.') {
		size_t behind = run_of_digits(s, end + 1);
		out->fraction = behind - end - 1;
		end = behind;
	}
	if (out->whole + out->fraction == 0) {
		return at < s.n ? at : 0;
	}
	return end < s.n && (s.p[end] == 'e' || s.p[end] == 'E') ? take_exponent(s, end, out) : end;
}

static unsigned digit_of(const struct number *n, size_t i)
{
	return (unsigned)(n->digits[i < n->whole ? i : i + 1] - '0');
}

/* The first `wanted` digits as a whole number (zeros behind those that there are); false: it is
 * 10^size or more. */
static bool gather(const struct number *n, int64_t wanted, uint128 limit, uint128 *out)
{
	size_t have = n->whole + n->fraction;
	size_t taken = wanted < 0 ? 0 : (uint64_t)wanted < have ? (size_t)wanted : have;
	uint128 sum = 0;

	if (taken <= 18) {
		uint64_t small = 0;
		for (size_t i = 0; i < taken; i++) {
			small = small * 10 + digit_of(n, i);
		}
		sum = small;
	} else {
		for (size_t i = 0; i < taken && sum < limit; i++) {
			sum = sum * 10 + digit_of(n, i);
		}
	}
	for (int64_t i = (int64_t)taken; i < wanted && sum > 0 && sum < limit; i++) {
		sum *= 10;
	}
	*out = sum;
	return sum < limit;
}

bool rs_field_decimal(
	struct sql_type t, struct slice s, bool round, struct sql_value *out, struct rs_mistake *m)
{
	struct number n;
	size_t end = take_number(s, &n);
	uint128 limit = power(t.size);
	uint128 sum = 0;

	if (end < s.n || n.whole + n.fraction == 0) {
		return wrong_digit(SQL_DECIMAL, s, end, 1207, m);
	}
	int64_t wanted = (int64_t)n.whole + n.exponent + (int64_t)t.scale;
	bool fits = gather(&n, wanted, limit, &sum);
	if (fits && round && wanted >= 0 && (uint64_t)wanted < n.whole + n.fraction &&
		digit_of(&n, (size_t)wanted) >= 5) {
		fits = ++sum < limit;
	}
	if (!fits) {
		return rs_mistake(m, 1204, 0, "Overflow for NUMERIC(%u,%u), Value '%.*s'", t.size,
			t.scale, (int)(s.n < 45 ? s.n : 45), s.p);
	}
	out->decimal = n.negative ? -(sql_int128)sum : (sql_int128)sum;
	return true;
}

/* ---- reals ---- */

/* Up to 15 digits and powers up to 10^22 are exact, and so is one operation of both. */
static bool exact_real(const struct number *n, double *out)
{
	static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
		1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
	int64_t shift = n->exponent - (int64_t)n->fraction;
	size_t digits = n->whole + n->fraction;
	int64_t sum = 0;

	if (digits > 15 || shift < -22 || shift > 22) {
		return false;
	}
	for (size_t i = 0; i < digits; i++) {
		sum = sum * 10 + digit_of(n, i);
	}
	*out = shift < 0 ? (double)sum / powers[-shift] : (double)sum * powers[shift];
	*out = n->negative ? -*out : *out;
	return true;
}

bool rs_field_real(struct sql_type t, struct slice s, struct sql_value *out, struct rs_mistake *m)
{
	struct err why = {0};
	struct number n;
	size_t end = take_number(s, &n);

	if (t.kind == SQL_DOUBLE && end == s.n && n.whole + n.fraction > 0 &&
		exact_real(&n, &out->real)) {
		return true;
	}
	int rc = sql_value_parse(s, t, out, &why);
	if (rc == 0) {
		return true;
	}
	if (why.code == ERANGE) {
		return rs_mistake(m, 1204, 0, "Overflow, Value '%.*s', Type: %s",
			(int)(s.n < 45 ? s.n : 45), s.p, type_word(t.kind));
	}
	return wrong_digit(t.kind, s, end < s.n ? end : 0, 1208, m);
}
