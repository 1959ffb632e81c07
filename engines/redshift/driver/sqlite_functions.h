/* What SQLite lacks of Redshift's functions and types, as functions of its own on a connection.
 * Values come and go as driver.h says they are stored; a NULL argument gives NULL, as in Redshift,
 * but for those that are about NULL; a wrong one is an error of the statement.
 *
 * Names: rs_ and Redshift's own name, with Redshift's arguments in Redshift's order; parts of dates
 * are texts ('month'). So rs_dateadd('month', 3, d), rs_datediff('day', a, b),
 * rs_date_trunc('quarter', t), rs_date_part('dow', t), rs_to_char(x, format), rs_to_date(text,
 * format), rs_split_part, rs_regexp_substr, rs_strtol, rs_md5, rs_initcap, rs_lpad, rs_translate, …
 * ; further:
 *
 *   rs_dec(x, size, scale)        anything as DECIMAL(size, scale), rounded; ERANGE when too large
 *   rs_dec_add(a, b, scale)  rs_dec_sub  rs_dec_mul  rs_dec_div  rs_dec_mod   with that scale
 *   rs_dec_neg(a) rs_dec_abs(a) rs_dec_round(a, digits, scale) rs_dec_trunc(a, digits, scale)
 *   rs_dec_floor(a) rs_dec_ceil(a) rs_dec_sign(a); rs_real(x) a DECIMAL or text as REAL
 *   rs_dec_sum(x, scale) rs_dec_avg(x, scale)  aggregates, also as window functions
 *   rs_idiv(a, b) rs_imod(a, b)   of integers, towards zero; division by zero is an error; so is
 * overflow of rs_iadd, rs_isub, rs_imul(a, b, bytes: 2, 4 or 8) rs_cast_integer(x, bytes)     also
 * of texts, rounded; rs_cast_boolean(x); rs_cast_date(x); rs_cast_timestamp(x); rs_cast_time(x);
 * rs_cast_text(x, bytes: 0 no limit) of a REAL; rs_cast_double(x) rs_interval(text)             '1
 * day 02:00:00', '3 months', '1 year 2 mons' as INTERVAL rs_ts_add(t, interval) rs_ts_sub(t,
 * interval) rs_ts_diff(a, b): an INTERVAL; rs_date_add(d, days) rs_date_diff(a, b): days;
 * rs_interval_add/_sub/_mul/_text rs_like(text, pattern, escape) rs_ilike(…) rs_similar(…)
 * rs_regexp(text, pattern) rs_sum_int(x) rs_avg_int(x)   aggregates: SUM of integers that does not
 * overflow silently, AVG of integers, which is an integer; also windows rs_stddev_samp(x)
 * rs_stddev_pop rs_var_samp rs_var_pop rs_median(x) aggregates of REALs, also windows
 *   rs_median_dec(x, scale)
 *   rs_percentile_cont(p, x) rs_percentile_disc(p, x) aggregates; x REAL, of disc as it is
 *   rs_listagg(x, separator, distinct, key, 'asc'|'desc', 'first'|'last', key, …)  aggregate:
 * joined in the order of the keys rs_hash(x): for redistribution: equal for equal numbers whatever
 * their type COLLATE decimal: DECIMALs as numbers */
#ifndef DBMOUNT_REDSHIFT_SQLITE_FUNCTIONS_H
#define DBMOUNT_REDSHIFT_SQLITE_FUNCTIONS_H

#include <sqlite3.h>

#include "engines/common/err.h"

int sqlite_functions_add(sqlite3 *db, struct err *err);

#endif
