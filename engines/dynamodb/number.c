/* Numbers. Text is read as digits and a power of ten, never as a machine
 * number: 38 digits do not fit one. Exponents saturate far beyond any length a
 * text can have, so "0.000…1e9999999999999999999" comes out right or as an
 * overflow, never wrapped around. */
#include "engines/dynamodb/number.h"

#include <errno.h>

#include "engines/common/name.h"

#define EXPONENT_CAP INT64_C(1000000000000000)

/* ---- reading ---- */

struct cursor {
	const char *p;
	const char *end;
};

static bool at_digit(const struct cursor *c)
{
	return c->p < c->end && *c->p >= '0' && *c->p <= '9';
}

static bool take(struct cursor *c, char want)
{
	if (c->p < c->end && *c->p == want) {
		c->p++;
		return true;
	}
	return false;
}

/* What the digits before the exponent say. Zeros inside are counted, and put
 * down only once another digit follows, so that zeros at the end cost nothing. */
struct mantissa {
	struct ddb_decimal *d;
	uint64_t seen;	/* digits in all, of either side of the point */
	uint64_t n;	/* from the first that is not zero to the last that is not */
	uint64_t zeros; /* since then */
	int64_t first;	/* exponent of the first that is not zero, before 'e' */
};

static void put_digit(struct mantissa *m, unsigned char digit)
{
	if (m->n < DDB_NUMBER_DIGITS) {
		m->d->digit[m->n] = digit;
	}
	m->n++;
}

static void mantissa_digit(struct mantissa *m, char c, int64_t exponent)
{
	m->seen++;
	if (c == '0') {
		m->zeros += m->n > 0;
		return;
	}
	if (m->n == 0) {
		m->first = exponent;
	}
	for (; m->zeros > 0 && m->n < DDB_NUMBER_DIGITS; m->zeros--) {
		put_digit(m, 0);
	}
	m->n += m->zeros;
	m->zeros = 0;
	put_digit(m, (unsigned char)(c - '0'));
}

static bool read_mantissa(struct cursor *c, struct mantissa *m)
{
	const char *p = c->p;
	while (at_digit(c)) {
		c->p++;
	}
	int64_t exponent = c->p - p;
	for (; p < c->p; p++) {
		mantissa_digit(m, *p, --exponent);
	}
	if (take(c, '.')) {
		for (; at_digit(c); c->p++) {
			mantissa_digit(m, *c->p, --exponent);
		}
	}
	return m->seen > 0;
}

static bool read_exponent(struct cursor *c, int64_t *out)
{
	*out = 0;
	if (!take(c, 'e') && !take(c, 'E')) {
		return true;
	}
	bool negative = take(c, '-');
	if (!negative) {
		take(c, '+');
	}
	if (!at_digit(c)) {
		return false;
	}
	int64_t v = 0;
	for (; at_digit(c); c->p++) {
		v = v < EXPONENT_CAP ? v * 10 + (*c->p - '0') : v;
	}
	*out = negative ? -v : v;
	return true;
}

/* The order of the checks is the service's. */
static enum ddb_number_fault check_range(const struct mantissa *m, int64_t exponent)
{
	if (m->n == 0) {
		return DDB_NUMBER_OK;
	}
	if (exponent > DDB_EXP10_MAX) {
		return DDB_NUMBER_OVERFLOW;
	}
	if (exponent < DDB_EXP10_MIN) {
		return DDB_NUMBER_UNDERFLOW;
	}
	return m->n > DDB_NUMBER_DIGITS ? DDB_NUMBER_DIGITS_MANY : DDB_NUMBER_OK;
}

enum ddb_number_fault ddb_decimal_parse(struct slice text, struct ddb_decimal *out)
{
	struct cursor c = {text.p, text.n > 0 ? text.p + text.n : text.p};
	struct mantissa m = {.d = out};
	int64_t exponent;
	out->negative = take(&c, '-');
	if (!out->negative) {
		take(&c, '+');
	}
	if (!read_mantissa(&c, &m) || !read_exponent(&c, &exponent) || c.p != c.end) {
		return DDB_NUMBER_SYNTAX;
	}
	exponent += m.first;
	enum ddb_number_fault fault = check_range(&m, exponent);
	out->n = fault == DDB_NUMBER_OK ? (unsigned)m.n : 0;
	out->exp10 = out->n > 0 ? (int)exponent : 0;
	out->negative = out->negative && out->n > 0;
	return fault;
}

/* ---- writing ---- */

static char *zeros(char *p, int n)
{
	for (int i = 0; i < n; i++) {
		*p++ = '0';
	}
	return p;
}

static char *digits(char *p, const struct ddb_decimal *d, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		*p++ = (char)('0' + d->digit[i]);
	}
	return p;
}

size_t ddb_decimal_print(const struct ddb_decimal *d, char out[DDB_NUMBER_TEXT_MAX])
{
	char *p = out;
	if (d->negative) {
		*p++ = '-';
	}
	if (d->n == 0) {
		*p++ = '0';
	} else if (d->exp10 < 0) {
		*p++ = '0';
		*p++ = '.';
		p = digits(zeros(p, -1 - d->exp10), d, 0, d->n);
	} else if (d->n <= (unsigned)d->exp10 + 1) {
		p = zeros(digits(p, d, 0, d->n), d->exp10 + 1 - (int)d->n);
	} else {
		p = digits(p, d, 0, (unsigned)d->exp10 + 1);
		*p++ = '.';
		p = digits(p, d, (unsigned)d->exp10 + 1, d->n);
	}
	return (size_t)(p - out);
}

/* ---- messages ---- */

const char *ddb_excerpt(struct slice text, char out[DDB_EXCERPT_MAX])
{
	const unsigned char *p = (const unsigned char *)text.p;
	size_t at = 0;
	size_t i = 0;
	while (i < text.n && at < 60) {
		unsigned n = utf8_sequence(p + i, text.n - i);
		if (n == 0 || p[i] < 0x20 || p[i] == 0x7f) {
			out[at++] = '?';
			i++;
			continue;
		}
		memcpy(out + at, p + i, n);
		at += n;
		i += n;
	}
	memcpy(out + at, "...", 4);
	if (i == text.n) {
		out[at] = '\0';
	}
	return out;
}

int ddb_number_refuse(enum ddb_number_fault fault, struct slice text, struct err *err)
{
	char shown[DDB_EXCERPT_MAX];
	switch (fault) {
	case DDB_NUMBER_DIGITS_MANY:
		return err_set(err, EINVAL,
			"Attempting to store more than 38 significant digits in a Number");
	case DDB_NUMBER_OVERFLOW:
		return err_set(err, EINVAL,
			"Number overflow. Attempting to store a number with magnitude larger than "
			"supported range");
	case DDB_NUMBER_UNDERFLOW:
		return err_set(err, EINVAL,
			"Number underflow. Attempting to store a number with magnitude smaller "
			"than supported range");
	default: break;
	}
	if (text.n == 0) {
		return err_set(err, EINVAL, "The parameter cannot be converted to a numeric value");
	}
	return err_set(err, EINVAL, "The parameter cannot be converted to a numeric value: %s",
		ddb_excerpt(text, shown));
}

/* ---- item.h ---- */

int ddb_number_canonical(struct slice text, struct buf *out, struct err *err)
{
	struct ddb_decimal d;
	char canonical[DDB_NUMBER_TEXT_MAX];
	enum ddb_number_fault fault = ddb_decimal_parse(text, &d);
	if (fault != DDB_NUMBER_OK) {
		return ddb_number_refuse(fault, text, err);
	}
	buf_append(out, canonical, ddb_decimal_print(&d, canonical));
	return buf_check(out, err);
}

/* Two digits a byte, aligned on the exponent (SERVICES.md 1.2). */
unsigned ddb_number_size(struct slice canonical)
{
	struct ddb_decimal d;
	if (ddb_decimal_parse(canonical, &d) != DDB_NUMBER_OK || d.n == 0) {
		return 1;
	}
	bool odd = d.n % 2 != 0 || d.exp10 % 2 != 0;
	return 1 + (d.n + 1) / 2 + (odd ? 0 : 1) + (d.negative ? 1 : 0);
}
