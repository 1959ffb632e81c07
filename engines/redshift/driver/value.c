/* Types by name, and values as text. */
#include "engines/redshift/driver/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/json.h"

/* ---- types ---- */

static const char *const long_names[] = {
	[SQL_BOOLEAN] = "boolean",
	[SQL_SMALLINT] = "smallint",
	[SQL_INTEGER] = "integer",
	[SQL_BIGINT] = "bigint",
	[SQL_REAL] = "real",
	[SQL_DOUBLE] = "double precision",
	[SQL_DECIMAL] = "numeric",
	[SQL_CHAR] = "character",
	[SQL_VARCHAR] = "character varying",
	[SQL_DATE] = "date",
	[SQL_TIME] = "time without time zone",
	[SQL_TIMESTAMP] = "timestamp without time zone",
	[SQL_TIMESTAMPTZ] = "timestamp with time zone",
	[SQL_INTERVAL] = "interval",
	[SQL_UNKNOWN] = "unknown",
};

static const char *short_name(enum sql_kind kind)
{
	switch (kind) {
	case SQL_CHAR: return "char";
	case SQL_VARCHAR: return "varchar";
	case SQL_TIME: return "time";
	case SQL_TIMESTAMP: return "timestamp";
	case SQL_TIMESTAMPTZ: return "timestamptz";
	default: return long_names[kind];
	}
}

bool sql_is_text(enum sql_kind kind)
{
	return kind == SQL_CHAR || kind == SQL_VARCHAR || kind == SQL_UNKNOWN;
}

bool sql_is_number(enum sql_kind kind)
{
	return kind >= SQL_SMALLINT && kind <= SQL_DECIMAL;
}

bool sql_type_equal(struct sql_type a, struct sql_type b)
{
	if (a.kind != b.kind) {
		return false;
	}
	if (a.kind == SQL_DECIMAL) {
		return a.size == b.size && a.scale == b.scale;
	}
	return (a.kind != SQL_CHAR && a.kind != SQL_VARCHAR) || a.size == b.size;
}

static void print_type(struct sql_type t, const char *name, struct buf *out)
{
	buf_puts(out, name);
	if (t.kind == SQL_DECIMAL) {
		buf_printf(out, "(%u,%u)", t.size, t.scale);
	} else if ((t.kind == SQL_CHAR || t.kind == SQL_VARCHAR) && t.size > 0) {
		buf_printf(out, "(%u)", t.size);
	}
}

void sql_type_print(struct sql_type t, struct buf *out)
{
	print_type(t, long_names[t.kind], out);
}

void sql_type_name(struct sql_type t, struct buf *out)
{
	print_type(t, short_name(t.kind), out);
}

/* ---- numbers ---- */

/* Room for any: 39 digits, a sign, a point, leading zeros up to the scale. */
#define NUMBER_MAX 96

/* The digits of u, so that the last stands before `end`; where they begin. */
static char *put_digits(uint64_t u, char *end)
{
	do {
		*--end = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	return end;
}

static void print_integer(int64_t i, struct buf *out)
{
	char text[24];
	char *end = text + sizeof(text);
	char *p = put_digits(i < 0 ? -(uint64_t)i : (uint64_t)i, end);
	if (i < 0) {
		*--p = '-';
	}
	buf_append(out, p, (size_t)(end - p));
}

__extension__ typedef unsigned __int128 uint128;

/* A division of 128 bits is slow: one for each 19 digits. */
#define CHUNK	     UINT64_C(10000000000000000000)
#define CHUNK_DIGITS 19

static char *put_wide(uint128 u, char *end)
{
	while (u > UINT64_MAX) {
		char *p = put_digits((uint64_t)(u % CHUNK), end);
		while (p > end - CHUNK_DIGITS) {
			*--p = '0';
		}
		end -= CHUNK_DIGITS;
		u /= CHUNK;
	}
	return put_digits((uint64_t)u, end);
}

static void print_decimal(sql_int128 d, unsigned scale, struct buf *out)
{
	char text[NUMBER_MAX];
	char *end = text + sizeof(text);
	char *p = put_wide(d < 0 ? -(uint128)d : (uint128)d, end);
	while ((size_t)(end - p) <= scale) {
		*--p = '0';
	}
	if (d < 0) {
		buf_putc(out, '-');
	}
	buf_append(out, p, (size_t)(end - p) - scale);
	if (scale > 0) {
		buf_putc(out, '.');
		buf_append(out, end - scale, scale);
	}
}

/* What stands behind the digits of a real: how many it has at most, and where it
 * is written with an exponent, as PostgreSQL does both. */
struct real_form {
	int sure;     /* so many digits of any decimal survive */
	int most;     /* so many are always enough */
	double limit; /* with an exponent from here on */
	bool single;
};

static bool reads_back(double candidate, double r, const struct real_form *f)
{
	return f->single ? (float)candidate == (float)r : candidate == r;
}

/* Most reals are short decimals: r is c / 10^k for a small k, both exact, so that
 * their quotient is what reading the text gives. False: it is none of those. */
static bool print_short(double r, const struct real_form *f, struct buf *out)
{
	static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
	double most = f->limit;
	if (!(fabs(r) < most) || fabs(r) < 1e-4) {
		return false;
	}
	for (unsigned k = 0; k < sizeof(powers) / sizeof(powers[0]); k++) {
		double c = nearbyint(r * powers[k]);
		if (fabs(c) >= most) {
			return false;
		}
		if (reads_back(c / powers[k], r, f)) {
			print_decimal((sql_int128)c, k, out);
			return true;
		}
	}
	return false;
}

static bool text_reads_back(const char *text, double r, const struct real_form *f)
{
	return f->single ? strtof(text, NULL) == (float)r : strtod(text, NULL) == r;
}

/* "d.ddde±xx" in the fewest digits. */
static void shortest(double r, const struct real_form *f, char text[NUMBER_MAX])
{
	/* Below the smallest normal number fewer digits may be enough. */
	int digits = fabs(r) < (f->single ? 1.2e-38 : 2.3e-308) ? 1 : f->sure;
	do {
		snprintf(text, NUMBER_MAX, "%.*e", digits - 1, r);
	} while (!text_reads_back(text, r, f) && ++digits <= f->most);
}

/* From "-d.ddde±xx": digits without zeros at their end, and the exponent. */
static int take_apart(const char *text, char digits[NUMBER_MAX], size_t *n)
{
	*n = 0;
	while (*text != 'e' && *text != '\0') {
		if (*text >= '0' && *text <= '9') {
			digits[(*n)++] = *text;
		}
		text++;
	}
	while (*n > 1 && digits[*n - 1] == '0') {
		--*n;
	}
	return *text == 'e' ? (int)strtol(text + 1, NULL, 10) : 0;
}

static void put_zeros(int n, struct buf *out)
{
	for (int i = 0; i < n; i++) {
		buf_putc(out, '0');
	}
}

static void put_fixed(const char *digits, int n, int exponent, struct buf *out)
{
	if (exponent < 0) {
		buf_puts(out, "0.");
		put_zeros(-exponent - 1, out);
		buf_append(out, digits, (size_t)n);
		return;
	}
	int whole = exponent + 1;
	buf_append(out, digits, (size_t)(n < whole ? n : whole));
	put_zeros(whole - n, out);
	if (n > whole) {
		buf_putc(out, '.');
		buf_append(out, digits + whole, (size_t)(n - whole));
	}
}

static void print_long(double r, const struct real_form *f, struct buf *out)
{
	char text[NUMBER_MAX];
	char digits[NUMBER_MAX] = "0";
	size_t n = 0;
	shortest(r, f, text);
	int exponent = take_apart(text, digits, &n);
	if (text[0] == '-') {
		buf_putc(out, '-');
	}
	if (exponent >= -4 && exponent < f->sure) {
		put_fixed(digits, (int)n, exponent, out);
		return;
	}
	buf_putc(out, digits[0]);
	if (n > 1) {
		buf_putc(out, '.');
		buf_append(out, digits + 1, n - 1);
	}
	buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static void print_real(double r, bool single, struct buf *out)
{
	static const struct real_form forms[] = {
		{.sure = 15, .most = 17, .limit = 1e15},
		{.sure = 6, .most = 9, .limit = 1e6, .single = true},
	};
	if (isnan(r)) {
		buf_puts(out, "NaN");
	} else if (isinf(r)) {
		buf_puts(out, r < 0 ? "-Infinity" : "Infinity");
	} else if (r == 0) {
		buf_puts(out, signbit(r) ? "-0" : "0");
	} else if (!print_short(r, &forms[single], out)) {
		print_long(r, &forms[single], out);
	}
}

/* ---- times ---- */

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

/* `width` digits at least. */
static void put_padded(uint64_t u, unsigned width, struct buf *out)
{
	char text[24];
	char *end = text + sizeof(text);
	char *p = put_digits(u, end);
	while ((size_t)(end - p) < width) {
		*--p = '0';
	}
	buf_append(out, p, (size_t)(end - p));
}

/* There is no year 0: 1 BC comes before 1. */
static bool print_ymd(int64_t days, struct buf *out)
{
	int64_t year = 0;
	unsigned month = 0;
	unsigned day = 0;
	sql_days_split(days, &year, &month, &day);
	put_padded((uint64_t)(year > 0 ? year : 1 - year), 4, out);
	buf_putc(out, '-');
	put_padded(month, 2, out);
	buf_putc(out, '-');
	put_padded(day, 2, out);
	return year <= 0;
}

static void print_fraction(uint64_t micros, struct buf *out)
{
	if (micros == 0) {
		return;
	}
	unsigned width = 6;
	while (micros % 10 == 0) {
		micros /= 10;
		width--;
	}
	buf_putc(out, '.');
	put_padded(micros, width, out);
}

static void print_clock(uint64_t micros, struct buf *out)
{
	uint64_t seconds = micros / SECOND;
	put_padded(seconds / 3600, 2, out);
	buf_putc(out, ':');
	put_padded(seconds / 60 % 60, 2, out);
	buf_putc(out, ':');
	put_padded(seconds % 60, 2, out);
	print_fraction(micros % SECOND, out);
}

static void print_timestamp(int64_t micros, bool zone, struct buf *out)
{
	int64_t days = micros / DAY - (micros % DAY < 0 ? 1 : 0);
	bool bc = print_ymd(days, out);
	buf_putc(out, ' ');
	print_clock((uint64_t)(micros - days * DAY), out);
	buf_puts(out, zone ? "+00" : "");
	buf_puts(out, bc ? " BC" : "");
}

static void put_part(int64_t n, const char *name, bool *first, struct buf *out)
{
	if (n != 0) {
		buf_printf(out, "%s%lld %s%s", *first ? "" : " ", (long long)n, name,
			n == 1 ? "" : "s");
		*first = false;
	}
}

static void print_interval(const struct sql_interval *i, struct buf *out)
{
	bool first = true;
	put_part(i->months / 12, "year", &first, out);
	put_part(i->months % 12, "mon", &first, out);
	put_part(i->days, "day", &first, out);
	if (i->micros != 0 || first) {
		buf_puts(out, first ? "" : " ");
		buf_puts(out, i->micros < 0 ? "-" : "");
		print_clock(i->micros < 0 ? -(uint64_t)i->micros : (uint64_t)i->micros, out);
	}
}

/* ---- values ---- */

void sql_value_print(const struct sql_value *v, struct sql_type t, struct buf *out)
{
	switch (t.kind) {
	case SQL_BOOLEAN: buf_putc(out, v->boolean ? 't' : 'f'); break;
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: print_integer(v->integer, out); break;
	case SQL_REAL: print_real(v->real, true, out); break;
	case SQL_DOUBLE: print_real(v->real, false, out); break;
	case SQL_DECIMAL: print_decimal(v->decimal, t.scale, out); break;
	case SQL_CHAR:
	case SQL_VARCHAR:
	case SQL_UNKNOWN: buf_append_slice(out, v->text); break;
	case SQL_DATE: buf_puts(out, print_ymd(v->days, out) ? " BC" : ""); break;
	case SQL_TIME: print_clock((uint64_t)v->micros, out); break;
	case SQL_TIMESTAMP: print_timestamp(v->micros, false, out); break;
	case SQL_TIMESTAMPTZ: print_timestamp(v->micros, true, out); break;
	case SQL_INTERVAL: print_interval(&v->interval, out); break;
	}
}

static bool csv_plain(struct slice text)
{
	if (text.n == 0 || text.p[0] == ' ' || text.p[text.n - 1] == ' ') {
		return false;
	}
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == ',' || c == '"' || c == '\n' || c == '\r') {
			return false;
		}
	}
	return true;
}

static void csv_quote(struct slice text, struct buf *out)
{
	buf_putc(out, '"');
	while (text.n > 0) {
		const char *quote = memchr(text.p, '"', text.n);
		size_t n = quote != NULL ? (size_t)(quote - text.p) + 1 : text.n;
		buf_append(out, text.p, n);
		buf_puts(out, quote != NULL ? "\"" : "");
		text.p += n;
		text.n -= n;
	}
	buf_putc(out, '"');
}

void sql_value_csv(const struct sql_value *v, struct sql_type t, struct buf *out)
{
	if (v->null) {
		return;
	}
	if (!sql_is_text(t.kind)) {
		sql_value_print(v, t, out);
	} else if (csv_plain(v->text)) {
		buf_append_slice(out, v->text);
	} else {
		csv_quote(v->text, out);
	}
}

void sql_value_json(const struct sql_value *v, struct sql_type t, struct buf *out)
{
	if (v->null) {
		buf_puts(out, "null");
	} else if (t.kind == SQL_BOOLEAN) {
		buf_puts(out, v->boolean ? "true" : "false");
	} else if (sql_is_text(t.kind)) {
		json_quote(out, v->text);
	} else {
		bool real = t.kind == SQL_REAL || t.kind == SQL_DOUBLE;
		bool bare = sql_is_number(t.kind) && (!real || isfinite(v->real));
		buf_puts(out, bare ? "" : "\"");
		sql_value_print(v, t, out);
		buf_puts(out, bare ? "" : "\"");
	}
}
