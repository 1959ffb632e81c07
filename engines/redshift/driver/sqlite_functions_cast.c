/* Casts. */
#include <errno.h>
#include <math.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

static struct slice trimmed(struct slice s)
{
	while (s.n > 0 && s.p[0] == ' ') {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && s.p[s.n - 1] == ' ') {
		s.n--;
	}
	return s;
}

/* A text as a value; false: the error is the result. */
static bool parse(sqlite3_context *c, struct slice text, enum sql_kind kind, struct sql_value *out)
{
	struct err err = {0};
	struct sql_type t = {.kind = kind};
	if (sql_value_parse(trimmed(text), t, out, &err) < 0) {
		lite_refuse(c, &err);
		return false;
	}
	return true;
}

/* rs_cast_integer(x, bytes) */
static void cast_integer(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int bytes = sqlite3_value_int(v[1]);
	sql_int128 i;
	if (sqlite3_value_type(v[0]) == SQLITE_INTEGER) {
		i = sqlite3_value_int64(v[0]);
	} else if (sqlite3_value_type(v[0]) == SQLITE_FLOAT) {
		double r = nearbyint(sqlite3_value_double(v[0]));
		i = fabs(r) < 0x1p64 ? (sql_int128)r : lite_power(SQL_DECIMAL_MAX);
	} else {
		struct lite_decimal d;
		if (!lite_decimal_of(c, v[0], &d)) {
			return;
		}
		i = lite_divide(d.d, lite_power(d.scale));
	}
	bool fits = bytes == 2 ? i == (int16_t)i : bytes == 4 ? i == (int32_t)i : i == (int64_t)i;
	if (fits) {
		sqlite3_result_int64(c, (int64_t)i);
	} else {
		lite_fail(c, "%s out of range",
			bytes == 2   ? "smallint"
			: bytes == 4 ? "integer"
				     : "bigint");
	}
}

static void cast_boolean(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_value value = {0};
	if (sqlite3_value_type(v[0]) != SQLITE_TEXT) {
		sqlite3_result_int(c, sqlite3_value_double(v[0]) != 0);
	} else if (parse(c, lite_text(v[0]), SQL_BOOLEAN, &value)) {
		sqlite3_result_int(c, value.boolean);
	}
}

static void cast_double(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_value value = {0};
	if (sqlite3_value_type(v[0]) != SQLITE_TEXT) {
		sqlite3_result_double(c, sqlite3_value_double(v[0]));
	} else if (parse(c, lite_text(v[0]), SQL_DOUBLE, &value)) {
		sqlite3_result_double(c, value.real);
	}
}

static void cast_date(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	if (lite_moment(c, v[0], &micros)) {
		lite_result_date(c, lite_days(micros));
	}
}

static void cast_timestamp(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	if (lite_moment(c, v[0], &micros)) {
		lite_result_moment(c, micros);
	}
}

static void cast_time(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_type t = {.kind = SQL_TIME};
	int64_t micros;
	if (lite_moment(c, v[0], &micros)) {
		struct sql_value value = {.micros = micros - lite_days(micros) * SQL_DAY};
		lite_result_value(c, &value, t);
	}
}

/* rs_cast_text(x, bytes): what is longer is cut, between characters. */
static void cast_text(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	int limit = sqlite3_value_int(v[1]);
	if (sqlite3_value_type(v[0]) == SQLITE_FLOAT) {
		struct sql_value value = {.real = sqlite3_value_double(v[0])};
		struct sql_type t = {.kind = SQL_DOUBLE};
		sql_value_print(&value, t, &out);
	} else {
		buf_append_slice(&out, lite_text(v[0]));
	}
	if (limit > 0 && out.n > (size_t)limit) {
		size_t end = (size_t)limit;
		while (end > 0 && ((unsigned char)out.p[end] & 0xc0) == 0x80) {
			end--;
		}
		out.n = end;
	}
	lite_result(c, &out);
}

/* For placing rows: the same for the same number, whatever its type. */
static void hash(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct sql_value value = {0};
	struct sql_type t = {.kind = SQL_BIGINT};
	if (lite_null(v[0])) {
		value.null = true;
	} else if (sqlite3_value_type(v[0]) == SQLITE_INTEGER) {
		value.integer = sqlite3_value_int64(v[0]);
	} else if (sqlite3_value_type(v[0]) == SQLITE_FLOAT) {
		t.kind = SQL_DOUBLE;
		value.real = sqlite3_value_double(v[0]);
	} else {
		struct sql_type exact = {SQL_DECIMAL, SQL_DECIMAL_MAX, 10};
		struct err err = {0};
		value.text = lite_text(v[0]);
		t.kind = SQL_VARCHAR;
		/* A DECIMAL is a text here: as the number it is. */
		struct sql_value number = {0};
		if (sql_value_parse(value.text, exact, &number, &err) == 0) {
			value = number;
			t = exact;
		}
	}
	sqlite3_result_int64(c, sql_value_hash(&value, t));
}

const struct lite_function lite_cast_functions[] = {
	{"rs_cast_integer", 2, 2, cast_integer, false},
	{"rs_cast_boolean", 1, 1, cast_boolean, false},
	{"rs_cast_double", 1, 1, cast_double, false},
	{"rs_cast_date", 1, 1, cast_date, false},
	{"rs_cast_timestamp", 1, 1, cast_timestamp, false},
	{"rs_cast_time", 1, 1, cast_time, false},
	{"rs_cast_text", 2, 2, cast_text, false},
	{"rs_hash", 1, 1, hash, true},
	{NULL, 0, 0, NULL, false},
};
