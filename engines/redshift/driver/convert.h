/* A value of one type as one of another, as a cast does: reals become whole numbers by rounding to
 * the nearest even, decimals by rounding away from zero, texts are parsed. What results of a
 * library become when other types were asked for. */
#ifndef DBMOUNT_REDSHIFT_CONVERT_H
#define DBMOUNT_REDSHIFT_CONVERT_H

#include "engines/redshift/driver/value.h"

/* EINVAL there is no such cast, or the text is none; ERANGE. A text that had to be made is appended
 * to `room`, of which `out` then borrows: room that grows later moves it. */
int sql_value_convert(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct buf *room, struct err *err);
/* ERANGE becomes EINVAL: a result's value that does not fit is the statement's mistake. */
int sql_unfit(int rc, struct err *err);

#endif
