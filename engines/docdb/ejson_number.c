/* Numbers as text. The usual ones, of up to 15 digits and a small exponent, go by integers and
 * one multiplication or division by an exact power of ten, which rounds once and
 * therefore right; the others by the C library. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/ejson_impl.h"

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

/* n >= 0 as `decimals` places after the point, when 15 digits say it exactly. 0: they do not. */
static unsigned fixed_text(double n, unsigned decimals, char *out)
{
	double scaled = n * powers[decimals];
	if (!(scaled < 1e15)) {
		return 0;
	}
	uint64_t whole = (uint64_t)(scaled + 0.5);
	if ((double)whole / powers[decimals] != n) {
		return 0;
	}
	unsigned places = decimals > 0 ? decimals : 1;
	uint64_t unit = (uint64_t)powers[decimals];
	unsigned k = uint64_text(whole / unit, out);
	out[k++] = '.';
	uint64_t rest = whole % unit;
	for (unsigned i = places; i > 0; i--) {
		out[k + i - 1] = (char)('0' + rest % 10);
		rest /= 10;
	}
	return k + places;
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
	for (unsigned decimals = 0; decimals <= 6 && (n >= 1e-4 || n == 0); decimals++) {
		unsigned k = fixed_text(n, decimals, out + sign);
		if (k > 0) {
			return sign + k;
		}
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
