/* Values as they stand in the library's vectors. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/duckdb_impl.h"

/* ---- whole numbers ---- */

#define READER(name, type, member)                                                                 \
	static void read_##name(const void *data, idx_t row, struct sql_value *out)                \
	{                                                                                          \
		out->member = ((const type *)data)[row];                                           \
	}

READER(bool, bool, boolean)
/* NOLINTNEXTLINE(bugprone-signed-char-misuse,cert-str34-c): numbers, no characters */
READER(int8, int8_t, integer)
READER(int16, int16_t, integer)
READER(int32, int32_t, integer)
READER(int64, int64_t, integer)
READER(uint8, uint8_t, integer)
READER(uint16, uint16_t, integer)
READER(uint32, uint32_t, integer)
READER(float, float, real)
READER(double, double, real)
READER(decimal16, int16_t, decimal)
READER(decimal32, int32_t, decimal)
READER(decimal64, int64_t, decimal)
READER(unsigned64, uint64_t, decimal)
READER(date, int32_t, days)
READER(micros, int64_t, micros)

static void read_wide(const void *data, idx_t row, struct sql_value *out)
{
	memcpy(&out->decimal, (const char *)data + row * sizeof(sql_int128), sizeof(sql_int128));
}

/* ---- the rest ---- */

static void read_seconds(const void *data, idx_t row, struct sql_value *out)
{
	out->micros = ((const int64_t *)data)[row] * 1000000;
}

static void read_millis(const void *data, idx_t row, struct sql_value *out)
{
	out->micros = ((const int64_t *)data)[row] * 1000;
}

static void read_nanos(const void *data, idx_t row, struct sql_value *out)
{
	int64_t nanos = ((const int64_t *)data)[row];
	out->micros = nanos / 1000 - (nanos % 1000 < 0 ? 1 : 0);
}

static void read_interval(const void *data, idx_t row, struct sql_value *out)
{
	const duckdb_interval *i = (const duckdb_interval *)data + row;
	out->interval = (struct sql_interval){i->months, i->days, i->micros};
}

/* Short texts stand in the vector itself. */
static void read_text(const void *data, idx_t row, struct sql_value *out)
{
	const duckdb_string_t *s = (const duckdb_string_t *)data + row;
	uint32_t n = s->value.inlined.length;
	const char *p = n <= sizeof(s->value.inlined.inlined) ? s->value.inlined.inlined
							      : s->value.pointer.ptr;
	out->text = slice_make(p, n);
}

static void read_null(const void *data, idx_t row, struct sql_value *out)
{
	(void)data;
	(void)row;
	out->null = true;
}

/* ---- which ---- */

static const struct {
	duckdb_type type;
	struct sql_type is;
	duck_read_fn *read;
} readers[] = {
	{DUCKDB_TYPE_BOOLEAN, {.kind = SQL_BOOLEAN}, read_bool},
	{DUCKDB_TYPE_TINYINT, {.kind = SQL_SMALLINT}, read_int8},
	{DUCKDB_TYPE_SMALLINT, {.kind = SQL_SMALLINT}, read_int16},
	{DUCKDB_TYPE_INTEGER, {.kind = SQL_INTEGER}, read_int32},
	{DUCKDB_TYPE_BIGINT, {.kind = SQL_BIGINT}, read_int64},
	{DUCKDB_TYPE_UTINYINT, {.kind = SQL_SMALLINT}, read_uint8},
	{DUCKDB_TYPE_USMALLINT, {.kind = SQL_INTEGER}, read_uint16},
	{DUCKDB_TYPE_UINTEGER, {.kind = SQL_BIGINT}, read_uint32},
	{DUCKDB_TYPE_UBIGINT, {.kind = SQL_DECIMAL, .size = 20}, read_unsigned64},
	{DUCKDB_TYPE_FLOAT, {.kind = SQL_REAL}, read_float},
	{DUCKDB_TYPE_DOUBLE, {.kind = SQL_DOUBLE}, read_double},
	{DUCKDB_TYPE_HUGEINT, {.kind = SQL_DECIMAL, .size = SQL_DECIMAL_MAX}, read_wide},
	{DUCKDB_TYPE_VARCHAR, {.kind = SQL_VARCHAR}, read_text},
	{DUCKDB_TYPE_BLOB, {.kind = SQL_VARCHAR}, read_text},
	{DUCKDB_TYPE_DATE, {.kind = SQL_DATE}, read_date},
	{DUCKDB_TYPE_TIME, {.kind = SQL_TIME}, read_micros},
	{DUCKDB_TYPE_TIMESTAMP, {.kind = SQL_TIMESTAMP}, read_micros},
	{DUCKDB_TYPE_TIMESTAMP_TZ, {.kind = SQL_TIMESTAMPTZ}, read_micros},
	{DUCKDB_TYPE_TIMESTAMP_S, {.kind = SQL_TIMESTAMP}, read_seconds},
	{DUCKDB_TYPE_TIMESTAMP_MS, {.kind = SQL_TIMESTAMP}, read_millis},
	{DUCKDB_TYPE_TIMESTAMP_NS, {.kind = SQL_TIMESTAMP}, read_nanos},
	{DUCKDB_TYPE_INTERVAL, {.kind = SQL_INTERVAL}, read_interval},
	{DUCKDB_TYPE_SQLNULL, {.kind = SQL_UNKNOWN}, read_null},
};

static duck_read_fn *decimal_reader(duckdb_logical_type type)
{
	switch (duckdb_decimal_internal_type(type)) {
	case DUCKDB_TYPE_SMALLINT: return read_decimal16;
	case DUCKDB_TYPE_INTEGER: return read_decimal32;
	case DUCKDB_TYPE_BIGINT: return read_decimal64;
	default: return read_wide;
	}
}

int duck_column_of(duckdb_logical_type type, struct duck_column *out, struct err *err)
{
	duckdb_type id = duckdb_get_type_id(type);
	*out = (struct duck_column){0};
	if (id == DUCKDB_TYPE_DECIMAL) {
		out->type = (struct sql_type){
			SQL_DECIMAL, duckdb_decimal_width(type), duckdb_decimal_scale(type)};
		out->read = decimal_reader(type);
		return 0;
	}
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (readers[i].type == id) {
			out->type = readers[i].is;
			out->read = readers[i].read;
			return 0;
		}
	}
	return err_set(err, ENOTSUP,
		"a column of a type that Redshift has not (DuckDB's number %d)", (int)id);
}
