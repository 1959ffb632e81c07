/* Inside value_*.c: what the parts of sql_value_parse() share. */
#ifndef DBMOUNT_REDSHIFT_VALUE_IMPL_H
#define DBMOUNT_REDSHIFT_VALUE_IMPL_H

#include "engines/redshift/driver/value.h"

#define SQL_SECOND INT64_C(1000000)
#define SQL_DAY	   (86400 * SQL_SECOND)

/* What is left of a text; each of these takes something from its front, or nothing. */
bool take_char(struct slice *s, char c);
/* At most `most` digits; how many there were. */
unsigned take_digits(struct slice *s, unsigned most, uint64_t *out);
/* ".5" as 500000, rounded to millionths; nothing is 0. False: a point without digits. */
bool take_fraction(struct slice *s, int64_t *micros);
/* "hh:mm[:ss[.ffffff]]"; hours as many as they are. */
bool take_clock(struct slice *s, int64_t *micros);

/* value_interval.c */
int interval_parse(struct slice text, struct sql_interval *out, struct err *err);

/* "invalid input syntax for type date: "2008-13"", with EINVAL. */
int value_refuse(struct slice text, struct sql_type t, struct err *err);
/* "value "…" is out of range for type …", with ERANGE. */
int value_range(struct slice text, struct sql_type t, struct err *err);

#endif
