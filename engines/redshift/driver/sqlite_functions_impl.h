/* Inside sqlite_functions*.c and sqlite_collation.c. */
#ifndef DBMOUNT_REDSHIFT_SQLITE_FUNCTIONS_IMPL_H
#define DBMOUNT_REDSHIFT_SQLITE_FUNCTIONS_IMPL_H

#include <sqlite3.h>

#include "engines/redshift/driver/value_impl.h"

/* A function of a connection. A NULL among its arguments is its result, and the call is not made.
 */
struct lite_function {
	const char *name;
	int min, max; /* how many arguments */
	void (*call)(sqlite3_context *c, int n, sqlite3_value **v);
	bool nulls;
};

/* An aggregate, and a window function where there is an inverse. Its state is zero at first. */
struct lite_aggregate {
	const char *name;
	int min, max;
	size_t size; /* of the state */
	void (*step)(sqlite3_context *c, void *state, int n, sqlite3_value **v);
	void (*inverse)(sqlite3_context *c, void *state, int n, sqlite3_value **v);
	/* `state` NULL: no row at all. */
	void (*value)(sqlite3_context *c, void *state);
	void (*clear)(void *state); /* NULL: nothing to free */
};

/* Lists end with a NULL name. */
extern const struct lite_function lite_decimal_functions[];
extern const struct lite_function lite_cast_functions[];
extern const struct lite_function lite_date_functions[];
extern const struct lite_function lite_format_functions[];
extern const struct lite_function lite_interval_functions[];
extern const struct lite_function lite_text_functions[];
extern const struct lite_function lite_pattern_functions[];
extern const struct lite_aggregate lite_sum_aggregates[];
extern const struct lite_aggregate lite_list_aggregates[];

int lite_compare_decimals(void *arg, int n1, const void *p1, int n2, const void *p2);

/* ---- arguments ---- */

static inline struct slice lite_text(sqlite3_value *v)
{
	const void *p = sqlite3_value_text(v);
	return slice_make(p == NULL ? "" : p, (size_t)sqlite3_value_bytes(v));
}
static inline bool lite_null(sqlite3_value *v)
{
	return sqlite3_value_type(v) == SQLITE_NULL;
}

/* ---- results ---- */

void lite_fail(sqlite3_context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What a function of value.h said. */
void lite_refuse(sqlite3_context *c, const struct err *err);
void lite_result(sqlite3_context *c, const struct buf *text);
void lite_result_value(sqlite3_context *c, const struct sql_value *v, struct sql_type t);

/* ---- decimals ---- */

struct lite_decimal {
	sql_int128 d; /* times 10^scale */
	unsigned scale;
};
/* A DECIMAL's text, an integer, a real; false: the error is the result. */
bool lite_decimal_of(sqlite3_context *c, sqlite3_value *v, struct lite_decimal *out);
sql_int128 lite_power(unsigned n); /* of ten, at most 38 */
/* 10^38 and more are none. */
bool lite_decimal_fits(sql_int128 d);
/* With another scale, rounded away from zero; false: it does not fit. */
bool lite_rescale(struct lite_decimal *d, unsigned scale);
void lite_result_decimal(sqlite3_context *c, sql_int128 d, unsigned scale);
void lite_overflow(sqlite3_context *c);
/* `d / n` rounded away from zero. */
sql_int128 lite_divide(sql_int128 d, sql_int128 n);

/* ---- times ---- */

/* A DATE, TIMESTAMP or TIME ("03:04", of 1970-01-01) as micros; false: the error is the result. */
bool lite_moment(sqlite3_context *c, sqlite3_value *v, int64_t *micros);
void lite_result_moment(sqlite3_context *c, int64_t micros);
void lite_result_date(sqlite3_context *c, int64_t days);
static inline int64_t lite_days(int64_t micros)
{
	return micros / SQL_DAY - (micros % SQL_DAY < 0 ? 1 : 0);
}
/* Months later; a day that the month has not becomes its last. */
int64_t lite_add_months(int64_t micros, int64_t months);
unsigned lite_month_days(int64_t year, unsigned month);
/* Of 1 (Monday) to 7. */
unsigned lite_weekday(int64_t days);
void lite_iso_week(int64_t days, int64_t *year, unsigned *week);
bool lite_in_range(sqlite3_context *c, int64_t days);

/* ---- texts ---- */

/* How many bytes of the text its first `n` characters are. */
size_t lite_prefix(struct slice s, int64_t n);
size_t lite_length(struct slice s);
/* The character at *at, which moves behind it. */
uint32_t lite_character(struct slice s, size_t *at);
void lite_put_character(struct buf *out, uint32_t c);
uint32_t lite_lower(uint32_t c);
uint32_t lite_upper(uint32_t c);

#endif
