/* Text -> value -> text -> value, of each type: the first byte picks it. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/value.h"

static const struct sql_type types[] = {
	{.kind = SQL_BOOLEAN},
	{.kind = SQL_SMALLINT},
	{.kind = SQL_INTEGER},
	{.kind = SQL_BIGINT},
	{.kind = SQL_REAL},
	{.kind = SQL_DOUBLE},
	{.kind = SQL_DECIMAL, .size = 1},
	{.kind = SQL_DECIMAL, .size = 12, .scale = 4},
	{.kind = SQL_DECIMAL, .size = 38},
	{.kind = SQL_DECIMAL, .size = 38, .scale = 38},
	{.kind = SQL_CHAR, .size = 9},
	{.kind = SQL_VARCHAR, .size = 9},
	{.kind = SQL_DATE},
	{.kind = SQL_TIME},
	{.kind = SQL_TIMESTAMP},
	{.kind = SQL_TIMESTAMPTZ},
	{.kind = SQL_INTERVAL},
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check_back(const struct sql_value *v, struct sql_type t)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	struct sql_value w;
	sql_value_print(v, t, &text);
	require(sql_value_parse(buf_slice(&text), t, &w, NULL) == 0);
	require(sql_value_compare(v, &w, t) == 0);
	require(sql_value_hash(v, t) == sql_value_hash(&w, t));
	sql_value_print(&w, t, &again);
	require(slice_equal(buf_slice(&text), buf_slice(&again)));
	buf_clear(&text);
	sql_value_csv(v, t, &text);
	sql_value_json(v, t, &text);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	struct err err = {0};
	struct sql_value v;
	if (n == 0) {
		return 0;
	}
	struct sql_type t = types[p[0] % (sizeof(types) / sizeof(types[0]))];
	int rc = sql_value_parse(slice_make(p + 1, n - 1), t, &v, &err);
	require(rc == -err.code);
	if (rc == 0) {
		check_back(&v, t);
	}
	return 0;
}
