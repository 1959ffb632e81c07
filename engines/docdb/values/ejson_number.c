/* Numbers as text, in both directions by integers where these are exact, which is for
 * nearly all; the others by the C library. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson_impl.h"

static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12,
	1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define POWER_MAX 22

/* ---- writing ---- */

static unsigned uint64_text(uint64_t n, char *out)
{
	char digits[20];
	unsigned k = 0;
	do {
		digits[k++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	for (unsigned i = 0; i < k; i++) {
		out[i] = digits[k - 1 - i];
	}
	return k;
}

unsigned ejson_int64_text(int64_t n, char out[EJSON_SCALAR_MAX])
{
	out[0] = '-';
	return n < 0 ? 1 + uint64_text(0 - (uint64_t)n, out + 1) : uint64_text((uint64_t)n, out);
}

/* ---- doubles that are written without exponent, exactly ----
 *
 * A double is m * 2^e, and times 10^k it is m * 5^k * 2^(e+k): for those from 1e-4 to 1e15 all of
 * that fits into 128 bits. So the nearest number of k decimals and its distance are exact, and it
 * reads back as the double if the distance is less than half the way to the next. */

__extension__ typedef unsigned __int128 wide;

#define FIXED_MIN 1e-4
#define FIXED_END 1e15

static const uint64_t fives[] = {1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625,
	48828125, 244140625, 1220703125, UINT64_C(6103515625), UINT64_C(30517578125),
	UINT64_C(152587890625), UINT64_C(762939453125), UINT64_C(3814697265625),
	UINT64_C(19073486328125), UINT64_C(95367431640625)};
static const uint64_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
	1000000000, UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000),
	UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000),
	UINT64_C(10000000000000000), UINT64_C(100000000000000000), UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000)};

/* The double's nearest number of k decimals, without its point; 0 when it reads back as another. */
static uint64_t nearest(uint64_t m, int e, unsigned k)
{
	unsigned shift = (unsigned)(-e - (int)k);
	wide exact = (wide)m * fives[k];
	wide found = (exact + ((wide)1 << (shift - 1))) >> shift;
	wide back = found << shift;
	wide distance = back > exact ? back - exact : exact - back;
	/* Below a power of two the next double is half as far. */
	unsigned part = m == UINT64_C(1) << 52 && back < exact ? 4 : 2;
	bool even = (m & 1) == 0;
	bool same = distance * part < fives[k] || (even && distance * part == fives[k]);
	return same ? (uint64_t)found : 0;
}

/* How many places before the point; of a fraction, less one for each 0 behind it. */
static int whole_places(double n)
{
	static const double parts[] = {1e0, 1e-1, 1e-2, 1e-3, 1e-4};
	int places = 0;
	while (n >= powers[places]) {
		places++;
	}
	while (places <= 0 && n < parts[1 - places]) {
		places--;
	}
	return places;
}

/* k decimals, without the zeros at their end, but at least one. */
static unsigned decimals_text(uint64_t digits, unsigned k, char *out)
{
	while (k > 1 && digits % 10 == 0) {
		digits /= 10;
		k--;
	}
	if (k == 0) {
		digits *= 10;
		k = 1;
	}
	uint64_t unit = k < sizeof(tens) / sizeof(tens[0]) ? tens[k] : UINT64_MAX;
	unsigned n = uint64_text(digits / unit, out);
	uint64_t rest = digits % unit;
	out[n++] = '.';
	for (unsigned i = k; i > 0; i--) {
		out[n + i - 1] = (char)('0' + rest % 10);
		rest /= 10;
	}
	return n + k;
}

/* FIXED_MIN <= n < FIXED_END: 15 digits are enough for what people write, 17 for all. */
static unsigned fixed_text(double n, char *out)
{
	int e;
	uint64_t m = (uint64_t)ldexp(frexp(n, &e), 53);
	int places = whole_places(n);
	uint64_t digits = 0;
	unsigned k = (unsigned)(15 - places);
	for (; digits == 0; k++) {
		digits = nearest(m, e - 53, k);
	}
	return decimals_text(digits, k - 1, out);
}

/* Digits and exponent of "d.ddde-xx": the fewest digits that read back the same. */
static int shortest_digits(double n, char digits[20], unsigned *n_digits)
{
	char text[32];
	/* 15 digits survive every normal double, so none needs fewer than its trailing zeros show;
	 * a subnormal may. */
	int precision = n < 0x1p-1022 ? 0 : 14;
	do {
		snprintf(text, sizeof(text), "%.*e", precision, n);
	} while (precision++ < 16 && strtod(text, NULL) != n);
	char *e = strchr(text, 'e');
	*n_digits = 0;
	for (const char *p = text; p < e; p++) {
		if (*p != '.') {
			digits[(*n_digits)++] = *p;
		}
	}
	while (*n_digits > 1 && digits[*n_digits - 1] == '0') {
		(*n_digits)--;
	}
	return (int)strtol(e + 1, NULL, 10);
}

/* n > 0, by its digits: 1.5e-07, 123456789012345680.0 not but 1.2345678901234568e+17. */
static unsigned digits_text(double n, char *out)
{
	char digits[20] = {0};
	unsigned k;
	int exponent = shortest_digits(n, digits, &k);
	if (exponent < -4 || exponent > 15) {
		return (unsigned)snprintf(out, 40, "%c%s%.*se%c%02d", digits[0], k > 1 ? "." : "",
			(int)k - 1, digits + 1, exponent < 0 ? '-' : '+', abs(exponent));
	}
	if (exponent < 0) {
		return (unsigned)snprintf(
			out, 40, "0.%.*s%.*s", -exponent - 1, "0000", (int)k, digits);
	}
	int whole = exponent + 1;
	if ((int)k <= whole) {
		return (unsigned)snprintf(
			out, 40, "%.*s%.*s.0", (int)k, digits, whole - (int)k, "0000000000000000");
	}
	return (unsigned)snprintf(
		out, 40, "%.*s.%.*s", whole, digits, (int)k - whole, digits + whole);
}

unsigned ejson_double_text(double n, char out[EJSON_SCALAR_MAX])
{
	if (!isfinite(n)) {
		return (unsigned)snprintf(out, EJSON_SCALAR_MAX, "%s",
			isnan(n) ? "NaN"
			: n < 0	 ? "-Infinity"
				 : "Infinity");
	}
	unsigned sign = signbit(n) ? 1 : 0;
	out[0] = '-';
	n = fabs(n);
	if (n == 0) {
		return sign + decimals_text(0, 0, out + sign);
	}
	if (n >= FIXED_MIN && n < FIXED_END) {
		return sign + fixed_text(n, out + sign);
	}
	return sign + digits_text(n, out + sign);
}

/* ---- reading ---- */

bool ejson_int64_parse(struct slice text, int64_t *out)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	size_t i = negative ? 1 : 0;
	if (i == text.n) {
		return false;
	}
	int64_t n = 0;
	for (; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9') {
			return false;
		}
		/* Downwards, since there is one more below zero than above. */
		if (__builtin_mul_overflow(n, 10, &n) ||
			__builtin_sub_overflow(n, text.p[i] - '0', &n)) {
			return false;
		}
	}
	if (!negative && n == INT64_MIN) {
		return false;
	}
	*out = negative ? n : -n;
	return true;
}

struct scanned {
	uint64_t digits;
	unsigned n_digits; /* after leading zeros */
	int exponent;
	bool negative;
};

/* By the grammar of JSON, and a '+' in front. False: no number. */
static bool scan_exponent(struct slice text, size_t i, struct scanned *s)
{
	bool negative = i < text.n && text.p[i] == '-';
	if (i < text.n && (text.p[i] == '-' || text.p[i] == '+')) {
		i++;
	}
	int e = 0;
	size_t first = i;
	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		e = e < 100000 ? e * 10 + (text.p[i] - '0') : e;
	}
	s->exponent += negative ? -e : e;
	return i == text.n && i > first;
}

static bool scan(struct slice text, struct scanned *s)
{
	size_t i = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+') ? 1 : 0;
	*s = (struct scanned){.negative = i == 1 && text.p[0] == '-'};
	bool point = false;
	bool any = false;
	for (; i < text.n; i++) {
		char c = text.p[i];
		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9') {
			break;
		}
		any = true;
		s->n_digits += s->n_digits > 0 || c != '0';
		if (s->n_digits <= 19) {
			s->digits = s->digits * 10 + (uint64_t)(c - '0');
			s->exponent -= point ? 1 : 0;
		}
	}
	if (!any || i == text.n) {
		return any;
	}
	return (text.p[i] == 'e' || text.p[i] == 'E') && scan_exponent(text, i + 1, s);
}

static int library_parse(struct slice text, double *out)
{
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	char few[64];
	if (text.n < sizeof(few)) {
		memcpy(few, text.p, text.n);
		few[text.n] = '\0';
		*out = strtod(few, NULL);
	} else {
		buf_append_slice(&copy, text);
		*out = strtod(buf_cstr(&copy), NULL);
	}
	return copy.failed ? -ENOMEM : isfinite(*out) ? 0 : -EINVAL;
}

/* Up to 15 digits are exact as a double, and so are these powers of ten: one multiplication or
 * division of them rounds once, and therefore right. */
int ejson_double_parse(struct slice text, double *out)
{
	struct scanned s;
	if (!scan(text, &s)) {
		return -EINVAL;
	}
	if (s.n_digits > 15 || s.exponent < -POWER_MAX || s.exponent > POWER_MAX) {
		return library_parse(text, out);
	}
	double n = (double)s.digits;
	n = s.exponent < 0 ? n / powers[-s.exponent] : n * powers[s.exponent];
	*out = s.negative ? -n : n;
	return 0;
}

int ejson_double_parse_any(struct slice text, double *out)
{
	if (slice_is(text, "NaN")) {
		*out = (double)NAN;
	} else if (slice_is(text, "Infinity")) {
		*out = (double)INFINITY;
	} else if (slice_is(text, "-Infinity")) {
		*out = (double)-INFINITY;
	} else {
		return ejson_double_parse(text, out);
	}
	return 0;
}
