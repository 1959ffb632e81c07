/* The calendar of dates: days, weeks, time zones. Milliseconds count from 1970. */
#ifndef DBMOUNT_DOCDB_EXPR_CALENDAR_H
#define DBMOUNT_DOCDB_EXPR_CALENDAR_H

#include "engines/common/buf.h"

#define DAY_MS	  ((int64_t)86400000)
#define HOUR_MS	  ((int64_t)3600000)
#define MINUTE_MS ((int64_t)60000)

struct calendar_parts {
	int64_t year;
	int month, day; /* from 1 */
	int hour, minute, second, ms;
};

int64_t calendar_days(int64_t year, int64_t month, int64_t day); /* month, day: any numbers */
struct calendar_parts calendar_split(int64_t ms);
int64_t calendar_join(const struct calendar_parts *p);
int calendar_month_days(int64_t year, int month);
int calendar_weekday(int64_t ms); /* 0 is Sunday */
int calendar_yearday(int64_t ms); /* 1 is January the first */
/* ISO: the week with the year's first Thursday is 1. */
void calendar_iso_week(int64_t ms, int64_t *year, int *week);
int64_t calendar_of_iso_week(int64_t year, int64_t week, int64_t day); /* in days */
int64_t calendar_floor_div(int64_t a, int64_t b);

/* Dates are any 64 bits; one at the end of time stays there. */
static inline int64_t calendar_plus(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

/* ---- time zones (expr_zone.c) ---- */

struct calendar_zone {
	bool utc;	/* named so, or by no name at all */
	int64_t offset; /* where there is no table */
	struct calendar_table *table;
};

/* "UTC", "GMT", "+05:30", "+0530", "+05", "Europe/Berlin" (of /usr/share/zoneinfo). EINVAL. */
int calendar_zone_find(struct slice name, struct calendar_zone *out, struct err *err);
void calendar_zone_finish(struct calendar_zone *z);
/* What local time is ahead of UTC at an instant, ms. */
int64_t calendar_zone_at(const struct calendar_zone *z, int64_t utc_ms);
int64_t calendar_to_utc(const struct calendar_zone *z, int64_t local_ms);

/* ---- text (expr_dateformat.c) ---- */

/* "%Y-%m-%d": EINVAL for unknown specifiers, `op` says whose. */
int calendar_check_format(struct slice format, bool reading, const char *op, struct err *err);
/* Appends; a year beyond 0..9999 is refused. */
int calendar_print(struct slice format, int64_t utc_ms, const struct calendar_zone *z,
	struct buf *out, struct err *err);
/* *has_zone: the text names its own, `z` is not asked. */
int calendar_read(struct slice format, struct slice text, const struct calendar_zone *z,
	bool has_option, int64_t *utc_ms, struct err *err);
/* "2017-02-08T12:10:40.787Z" and shorter forms. */
int calendar_read_iso(struct slice text, const struct calendar_zone *z, bool has_option,
	int64_t *utc_ms, struct err *err);

#endif
