/* Hashes that place rows, and the order of values. */
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/value_impl.h"

/* ---- hashes ---- */

static uint32_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(h >> 32);
}

static uint32_t hash_text(struct slice s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < s.n; i++) {
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	}
	return mix(h);
}

/* A whole number as such, any other by its bits: so an INTEGER is where the equal
 * DOUBLE is. */
static uint32_t hash_real(double r)
{
	uint64_t bits;
	/* cppcheck-suppress incorrectLogicOperator ; it does not read hexadecimal reals */
	if (r >= -0x1p63 && r < 0x1p63 && r == trunc(r)) {
		return mix((uint64_t)(int64_t)r);
	}
	r = isnan(r) ? NAN : r;
	memcpy(&bits, &r, sizeof(bits));
	return mix(bits);
}

static double real_of(sql_int128 d, unsigned scale)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct sql_type t = {.kind = SQL_DECIMAL, .size = SQL_DECIMAL_MAX, .scale = scale};
	sql_value_print(&(struct sql_value){.decimal = d}, t, &text);
	return strtod(buf_cstr(&text), NULL);
}

static uint32_t hash_decimal(sql_int128 d, unsigned scale)
{
	sql_int128 power = 1;
	for (unsigned i = 0; i < scale; i++) {
		power *= 10;
	}
	sql_int128 whole = d / power;
	if (whole * power == d && whole == (int64_t)whole) {
		return mix((uint64_t)(int64_t)whole);
	}
	return hash_real(real_of(d, scale));
}

uint32_t sql_value_hash(const struct sql_value *v, struct sql_type t)
{
	if (v->null) {
		return 0;
	}
	switch (t.kind) {
	case SQL_BOOLEAN: return mix(v->boolean ? 1 : 0);
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return mix((uint64_t)v->integer);
	case SQL_REAL:
	case SQL_DOUBLE: return hash_real(v->real);
	case SQL_DECIMAL: return hash_decimal(v->decimal, t.scale);
	case SQL_CHAR:
	case SQL_VARCHAR:
	case SQL_UNKNOWN: return hash_text(v->text);
	/* The midnight that a date is equal to. */
	case SQL_DATE: return mix((uint64_t)(v->days * SQL_DAY));
	case SQL_INTERVAL:
		return mix((uint64_t)v->interval.micros + (uint64_t)v->interval.days * SQL_DAY +
			   (uint64_t)v->interval.months * 30 * SQL_DAY);
	default: return mix((uint64_t)v->micros);
	}
}

/* ---- order ---- */

static int compare_integers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* NaN is above all, and equal to itself. */
static int compare_reals(double a, double b)
{
	if (isnan(a) || isnan(b)) {
		return (isnan(a) != 0) - (isnan(b) != 0);
	}
	return (a > b) - (a < b);
}

static int compare_wide(sql_int128 a, sql_int128 b)
{
	return (a > b) - (a < b);
}

/* A month counts 30 days here, as in PostgreSQL. */
static sql_int128 micros_of(const struct sql_interval *i)
{
	return ((sql_int128)i->months * 30 + i->days) * (sql_int128)SQL_DAY + i->micros;
}

int sql_value_compare(const struct sql_value *a, const struct sql_value *b, struct sql_type t)
{
	if (a->null || b->null) {
		return (a->null ? 1 : 0) - (b->null ? 1 : 0);
	}
	switch (t.kind) {
	case SQL_BOOLEAN: return (a->boolean ? 1 : 0) - (b->boolean ? 1 : 0);
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return compare_integers(a->integer, b->integer);
	case SQL_REAL:
	case SQL_DOUBLE: return compare_reals(a->real, b->real);
	case SQL_DECIMAL: return compare_wide(a->decimal, b->decimal);
	case SQL_CHAR:
	case SQL_VARCHAR:
	case SQL_UNKNOWN: return slice_compare(a->text, b->text);
	case SQL_DATE: return compare_integers(a->days, b->days);
	case SQL_INTERVAL: return compare_wide(micros_of(&a->interval), micros_of(&b->interval));
	default: return compare_integers(a->micros, b->micros);
	}
}
