#include "engines/redshift/driver/convert.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/value_impl.h"

static int out_of_range(struct sql_type to, struct err *err)
{
	CLEANUP(buf_free) struct buf type = BUF_INIT;
	sql_type_print(to, &type);
	return err_set(err, ERANGE, "value out of range for type %s", buf_cstr(&type));
}

static sql_int128 power_of_ten(unsigned n)
{
	sql_int128 p = 1;
	while (n-- > 0) {
		p *= 10;
	}
	return p;
}

/* ---- to whole numbers and decimals ---- */

/* Away from zero. */
static sql_int128 divide_rounded(sql_int128 d, sql_int128 power)
{
	sql_int128 q = d / power;
	sql_int128 rest = d % power;
	if (rest >= power - rest) {
		return q + 1;
	}
	return -rest >= power + rest ? q - 1 : q;
}

static bool fits(sql_int128 i, enum sql_kind kind)
{
	switch (kind) {
	case SQL_SMALLINT: return i == (int16_t)i;
	case SQL_INTEGER: return i == (int32_t)i;
	default: return i == (int64_t)i;
	}
}

static int to_integer(sql_int128 i, struct sql_type to, struct sql_value *out, struct err *err)
{
	if (!fits(i, to.kind)) {
		return out_of_range(to, err);
	}
	out->integer = (int64_t)i;
	return 0;
}

static int real_to_integer(double r, struct sql_type to, struct sql_value *out, struct err *err)
{
	double whole = nearbyint(r);
	/* cppcheck-suppress incorrectLogicOperator ; it does not read hexadecimal reals */
	if (!(whole >= -0x1p63 && whole < 0x1p63)) {
		return out_of_range(to, err);
	}
	return to_integer((sql_int128)whole, to, out, err);
}

static int to_decimal(
	sql_int128 d, unsigned scale, struct sql_type to, struct sql_value *out, struct err *err)
{
	sql_int128 limit = power_of_ten(to.size);
	if (scale > to.scale) {
		d = divide_rounded(d, power_of_ten(scale - to.scale));
	} else {
		sql_int128 power = power_of_ten(to.scale - scale);
		if (d >= limit / power || d <= -(limit / power)) {
			return out_of_range(to, err);
		}
		d *= power;
	}
	if (d >= limit || d <= -limit) {
		return out_of_range(to, err);
	}
	out->decimal = d;
	return 0;
}

/* The digits that people see of it, no more: 0.1 is 0.1. */
static int through_text(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	sql_value_print(v, from, &text);
	int rc = buf_check(&text, err);
	return rc != 0 ? rc : sql_value_parse(buf_slice(&text), to, out, err);
}

static double decimal_to_real(const struct sql_value *v, struct sql_type from)
{
	/* Both exact, so that the quotient is what reading the digits would give. */
	if (from.scale <= 22 && v->decimal < (INT64_C(1) << 53) &&
		v->decimal > -(INT64_C(1) << 53)) {
		return (double)v->decimal / (double)power_of_ten(from.scale);
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	sql_value_print(v, from, &text);
	return strtod(buf_cstr(&text), NULL);
}

/* ---- by what it becomes ---- */

enum family { WHOLE, REAL, EXACT, TEXT, TRUTH, MOMENT, OTHER };

static enum family family_of(enum sql_kind kind)
{
	switch (kind) {
	case SQL_BOOLEAN: return TRUTH;
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return WHOLE;
	case SQL_REAL:
	case SQL_DOUBLE: return REAL;
	case SQL_DECIMAL: return EXACT;
	case SQL_CHAR:
	case SQL_VARCHAR:
	case SQL_UNKNOWN: return TEXT;
	case SQL_DATE:
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ: return MOMENT;
	default: return OTHER;
	}
}

static int no_cast(struct sql_type from, struct sql_type to, struct err *err)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	sql_type_print(from, &a);
	sql_type_print(to, &b);
	return err_set(err, EINVAL, "cannot cast type %s to %s", buf_cstr(&a), buf_cstr(&b));
}

static int into_whole(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct err *err)
{
	switch (family_of(from.kind)) {
	case TRUTH: out->integer = v->boolean ? 1 : 0; return 0;
	case WHOLE: return to_integer(v->integer, to, out, err);
	case REAL: return real_to_integer(v->real, to, out, err);
	case EXACT:
		return to_integer(
			divide_rounded(v->decimal, power_of_ten(from.scale)), to, out, err);
	default: return no_cast(from, to, err);
	}
}

static int into_exact(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct err *err)
{
	switch (family_of(from.kind)) {
	case WHOLE: return to_decimal(v->integer, 0, to, out, err);
	case REAL: return through_text(v, from, to, out, err);
	case EXACT: return to_decimal(v->decimal, from.scale, to, out, err);
	default: return no_cast(from, to, err);
	}
}

static int into_real(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct err *err)
{
	double r = 0;
	switch (family_of(from.kind)) {
	case WHOLE: r = (double)v->integer; break;
	case REAL: r = v->real; break;
	case EXACT: r = decimal_to_real(v, from); break;
	default: return no_cast(from, to, err);
	}
	out->real = to.kind == SQL_REAL ? (double)(float)r : r;
	return isfinite(r) && !isfinite(out->real) ? out_of_range(to, err) : 0;
}

static int into_truth(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct err *err)
{
	if (family_of(from.kind) != WHOLE) {
		return no_cast(from, to, err);
	}
	out->boolean = v->integer != 0;
	return 0;
}

static int into_moment(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct err *err)
{
	if (family_of(from.kind) != MOMENT) {
		return no_cast(from, to, err);
	}
	if (to.kind == SQL_DATE) {
		out->days = v->micros / SQL_DAY - (v->micros % SQL_DAY < 0 ? 1 : 0);
	} else {
		out->micros = from.kind == SQL_DATE ? v->days * SQL_DAY : v->micros;
	}
	return 0;
}

static int into_text(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct buf *room, struct err *err)
{
	if (sql_is_text(from.kind)) {
		return sql_value_parse(v->text, to, out, err);
	}
	size_t at = room->n;
	if (from.kind == SQL_BOOLEAN) {
		buf_puts(room, v->boolean ? "true" : "false");
	} else {
		sql_value_print(v, from, room);
	}
	int rc = buf_check(room, err);
	return rc != 0 ? rc : sql_value_parse(buf_since(room, at), to, out, err);
}

/* Only the type's limits differ. */
static bool same_already(struct sql_type from, struct sql_type to)
{
	return sql_type_equal(from, to) || (from.kind == SQL_VARCHAR && to.kind == SQL_UNKNOWN) ||
	       (to.kind == SQL_VARCHAR && to.size == 0 && from.kind == SQL_CHAR);
}

int sql_value_convert(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct buf *room, struct err *err)
{
	if (v->null || same_already(from, to)) {
		*out = *v;
		return 0;
	}
	out->null = false;
	if (family_of(to.kind) == TEXT) {
		return into_text(v, from, to, out, room, err);
	}
	if (sql_is_text(from.kind)) {
		return sql_value_parse(v->text, to, out, err);
	}
	switch (family_of(to.kind)) {
	case WHOLE: return into_whole(v, from, to, out, err);
	case REAL: return into_real(v, from, to, out, err);
	case EXACT: return into_exact(v, from, to, out, err);
	case TRUTH: return into_truth(v, from, to, out, err);
	case MOMENT: return into_moment(v, from, to, out, err);
	default: return no_cast(from, to, err);
	}
}

int sql_unfit(int rc, struct err *err)
{
	if (rc != -ERANGE) {
		return rc;
	}
	if (err != NULL) {
		err->code = EINVAL;
	}
	return -EINVAL;
}
