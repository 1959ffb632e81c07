/* Days and weeks of the Gregorian calendar, before its time, too. */
#include "engines/docdb/expr/expr_calendar.h"

int64_t calendar_floor_div(int64_t a, int64_t b)
{
	int64_t q = a / b;

	return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

/* Years begin with March here, so that the day that may be is their last. 400 years have 146,097
 * days; 719,468 of them lie between year 0's March and 1970. */
int64_t calendar_days(int64_t year, int64_t month, int64_t day)
{
	int64_t m = month - 1;
	int64_t era;
	int64_t of_era;
	int64_t of_year;

	year += calendar_floor_div(m, 12);
	m -= calendar_floor_div(m, 12) * 12; /* 0 is January */
	year -= m < 2;
	era = calendar_floor_div(year, 400);
	of_era = year - era * 400;
	of_year = (153 * (m < 2 ? m + 10 : m - 2) + 2) / 5;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468 + day - 1;
}

static void split_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = calendar_floor_div(z, 146097);
	int64_t of_era = z - era * 146097;
	int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = (int)(of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

struct calendar_parts calendar_split(int64_t ms)
{
	struct calendar_parts p;
	int64_t days = calendar_floor_div(ms, DAY_MS);
	int64_t rest = ms % DAY_MS < 0 ? ms % DAY_MS + DAY_MS : ms % DAY_MS;

	split_days(days, &p.year, &p.month, &p.day);
	p.hour = (int)(rest / HOUR_MS);
	p.minute = (int)(rest / MINUTE_MS % 60);
	p.second = (int)(rest / 1000 % 60);
	p.ms = (int)(rest % 1000);
	return p;
}

int64_t calendar_join(const struct calendar_parts *p)
{
	return calendar_days(p->year, p->month, p->day) * DAY_MS + p->hour * HOUR_MS +
	       p->minute * MINUTE_MS + p->second * (int64_t)1000 + p->ms;
}

int calendar_month_days(int64_t year, int month)
{
	return (int)(calendar_days(year, month + 1, 1) - calendar_days(year, month, 1));
}

int calendar_weekday(int64_t ms)
{
	int64_t days = calendar_floor_div(ms, DAY_MS) + 4; /* 1970 began on a Thursday */

	return (int)(days - calendar_floor_div(days, 7) * 7);
}

int calendar_yearday(int64_t ms)
{
	struct calendar_parts p = calendar_split(ms);

	return (int)(calendar_days(p.year, p.month, p.day) - calendar_days(p.year, 1, 1)) + 1;
}

void calendar_iso_week(int64_t ms, int64_t *year, int *week)
{
	int64_t days = calendar_floor_div(ms, DAY_MS);
	int from_monday = (calendar_weekday(ms) + 6) % 7;
	int64_t thursday = days - from_monday + 3;
	int month;
	int day;

	split_days(thursday, year, &month, &day);
	*week = (int)((thursday - calendar_days(*year, 1, 1)) / 7) + 1;
}

int64_t calendar_of_iso_week(int64_t year, int64_t week, int64_t day)
{
	int64_t fourth = calendar_days(year, 1, 4); /* is always in week 1 */
	int from_monday = (calendar_weekday(fourth * DAY_MS) + 6) % 7;

	return fourth - from_monday + (week - 1) * 7 + day - 1;
}
