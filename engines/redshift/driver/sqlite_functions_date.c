/* Dates and timestamps: parts, sums, differences. As PostgreSQL counts them: weeks begin on Monday.
 */
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

/* ---- arguments and results ---- */

static bool number_at(struct slice s, size_t at, unsigned n, unsigned *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		if (s.p[at + i] < '0' || s.p[at + i] > '9') {
			return false;
		}
		*out = *out * 10 + (unsigned)(s.p[at + i] - '0');
	}
	return true;
}

/* "2008-01-02[ 03:04:05[.ffffff]]" as it is stored. */
static bool stored_moment(struct slice s, int64_t *micros)
{
	unsigned year;
	unsigned month;
	unsigned day;
	if (s.n < 10 || s.p[4] != '-' || s.p[7] != '-' || !number_at(s, 0, 4, &year) ||
		!number_at(s, 5, 2, &month) || !number_at(s, 8, 2, &day) || month < 1 ||
		month > 12 || day < 1 || day > lite_month_days(year, month)) {
		return false;
	}
	*micros = sql_days_of(year, month, day) * SQL_DAY;
	if (s.n == 10) {
		return true;
	}
	int64_t clock = 0;
	struct slice rest = slice_make(s.p + 11, s.n - 11);
	if (s.p[10] != ' ' || !take_clock(&rest, &clock) || rest.n > 0 || clock > SQL_DAY) {
		return false;
	}
	*micros += clock;
	return true;
}

bool lite_moment(sqlite3_context *c, sqlite3_value *v, int64_t *micros)
{
	static const enum sql_kind kinds[] = {SQL_TIMESTAMP, SQL_TIMESTAMPTZ, SQL_DATE, SQL_TIME};
	struct slice s = lite_text(v);
	struct err first = {0};
	while (s.n > 0 && s.p[s.n - 1] == ' ') {
		s.n--;
	}
	if (stored_moment(s, micros)) {
		return true;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct err err = {0};
		struct sql_value value = {0};
		struct sql_type t = {.kind = kinds[i]};
		if (sql_value_parse(s, t, &value, &err) == 0) {
			*micros = kinds[i] == SQL_DATE ? value.days * SQL_DAY : value.micros;
			return true;
		}
		if (i == 0) {
			first = err;
		}
	}
	lite_refuse(c, &first);
	return false;
}

/* The years that four digits and PostgreSQL know. */
bool lite_in_range(sqlite3_context *c, int64_t days)
{
	int64_t first = sql_days_of(1, 1, 1);
	int64_t last = sql_days_of(9999, 12, 31);
	if (days < first || days > last) {
		lite_fail(c, "timestamp out of range");
		return false;
	}
	return true;
}

void lite_result_moment(sqlite3_context *c, int64_t micros)
{
	struct sql_type t = {.kind = SQL_TIMESTAMP};
	struct sql_value value = {.micros = micros};
	if (lite_in_range(c, lite_days(micros))) {
		lite_result_value(c, &value, t);
	}
}

void lite_result_date(sqlite3_context *c, int64_t days)
{
	struct sql_type t = {.kind = SQL_DATE};
	struct sql_value value = {.days = days};
	if (lite_in_range(c, days)) {
		lite_result_value(c, &value, t);
	}
}

/* ---- the calendar ---- */

unsigned lite_month_days(int64_t year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t lite_add_months(int64_t micros, int64_t months)
{
	int64_t year;
	unsigned month;
	unsigned day;
	int64_t days = lite_days(micros);
	sql_days_split(days, &year, &month, &day);
	int64_t all = year * 12 + (int64_t)month - 1 + months;
	year = floor_divide(all, 12);
	month = (unsigned)(all - year * 12) + 1;
	unsigned last = lite_month_days(year, month);
	return sql_days_of(year, month, day > last ? last : day) * SQL_DAY +
	       (micros - days * SQL_DAY);
}

unsigned lite_weekday(int64_t days)
{
	/* 1970-01-01 was a Thursday. */
	int64_t from_monday = (days + 3) % 7;
	return (unsigned)(from_monday < 0 ? from_monday + 7 : from_monday) + 1;
}

/* Week 1 is the one with the year's first Thursday. */
void lite_iso_week(int64_t days, int64_t *year, unsigned *week)
{
	unsigned month;
	unsigned day;
	int64_t thursday = days + 4 - (int64_t)lite_weekday(days);
	sql_days_split(thursday, year, &month, &day);
	*week = (unsigned)((thursday - sql_days_of(*year, 1, 1)) / 7) + 1;
}

/* ---- parts ---- */

enum part {
	MICROSECOND,
	MILLISECOND,
	SECOND,
	MINUTE,
	HOUR,
	DAY,
	WEEK,
	MONTH,
	QUARTER,
	YEAR,
	DECADE,
	CENTURY,
	MILLENNIUM,
	DOW,
	DOY,
	EPOCH,
	ISODOW,
	ISOYEAR,
	N_PARTS,
};

static const char *const part_names[N_PARTS] = {"microsecond", "millisecond", "second", "minute",
	"hour", "day", "week", "month", "quarter", "year", "decade", "century", "millennium", "dow",
	"doy", "epoch", "isodow", "isoyear"};

static bool take_part(sqlite3_context *c, sqlite3_value *v, enum part last, enum part *out)
{
	struct slice name = lite_text(v);
	for (unsigned i = 0; i <= (unsigned)last; i++) {
		if (slice_is(name, part_names[i])) {
			*out = (enum part)i;
			return true;
		}
	}
	lite_fail(c, "unit \"%.*s\" not recognized", (int)(name.n > 40 ? 40 : name.n), name.p);
	return false;
}

/* PostgreSQL's centuries: 1901 is the first year of the 20th. */
static int64_t period(int64_t year, int64_t length)
{
	return year > 0 ? (year + length - 1) / length : -((length - 1 - (year - 1)) / length);
}

static int64_t part_of_date(enum part part, int64_t days)
{
	int64_t year;
	int64_t iso_year;
	unsigned week;
	unsigned month;
	unsigned day;
	sql_days_split(days, &year, &month, &day);
	lite_iso_week(days, &iso_year, &week);
	switch (part) {
	case DAY: return day;
	case WEEK: return week;
	case MONTH: return month;
	case QUARTER: return (month + 2) / 3;
	case DECADE: return floor_divide(year, 10);
	case CENTURY: return period(year, 100);
	case MILLENNIUM: return period(year, 1000);
	case DOW: return lite_weekday(days) % 7;
	case ISODOW: return lite_weekday(days);
	case ISOYEAR: return iso_year;
	case DOY: return days - sql_days_of(year, 1, 1) + 1;
	default: return year;
	}
}

/* Whole numbers as such, fractions where there are some. */
static void put_fraction(sqlite3_context *c, int64_t n, int64_t unit)
{
	if (n % unit == 0) {
		sqlite3_result_int64(c, n / unit);
	} else {
		sqlite3_result_double(c, (double)n / (double)unit);
	}
}

/* rs_date_part(part, t) */
static void date_part(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	enum part part;
	int64_t micros;
	if (!take_part(c, v[0], ISOYEAR, &part) || !lite_moment(c, v[1], &micros)) {
		return;
	}
	int64_t days = lite_days(micros);
	int64_t clock = micros - days * SQL_DAY;
	switch (part) {
	case MICROSECOND: sqlite3_result_int64(c, clock % (60 * SQL_SECOND)); return;
	case MILLISECOND: put_fraction(c, clock % (60 * SQL_SECOND), 1000); return;
	case SECOND: put_fraction(c, clock % (60 * SQL_SECOND), SQL_SECOND); return;
	case MINUTE: sqlite3_result_int64(c, clock / (60 * SQL_SECOND) % 60); return;
	case HOUR: sqlite3_result_int64(c, clock / (3600 * SQL_SECOND)); return;
	case EPOCH: put_fraction(c, micros, SQL_SECOND); return;
	default: sqlite3_result_int64(c, part_of_date(part, days)); return;
	}
}

/* How long a part is that always is as long; 0: it is not. */
static int64_t fixed_length(enum part part)
{
	switch (part) {
	case MICROSECOND: return 1;
	case MILLISECOND: return 1000;
	case SECOND: return SQL_SECOND;
	case MINUTE: return 60 * SQL_SECOND;
	case HOUR: return 3600 * SQL_SECOND;
	case DAY: return SQL_DAY;
	default: return 0;
	}
}

static int64_t months_of(enum part part)
{
	switch (part) {
	case QUARTER: return 3;
	case YEAR: return 12;
	case DECADE: return 120;
	case CENTURY: return 1200;
	case MILLENNIUM: return 12000;
	default: return 1;
	}
}

/* The first year of the decade, century, millennium. */
static int64_t first_year(enum part part, int64_t year)
{
	switch (part) {
	case DECADE: return floor_divide(year, 10) * 10;
	case CENTURY: return floor_divide(year - 1, 100) * 100 + 1;
	case MILLENNIUM: return floor_divide(year - 1, 1000) * 1000 + 1;
	default: return year;
	}
}

/* rs_date_trunc(part, t) */
static void date_trunc(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	enum part part;
	int64_t micros;
	int64_t year;
	unsigned month;
	unsigned day;
	if (!take_part(c, v[0], MILLENNIUM, &part) || !lite_moment(c, v[1], &micros)) {
		return;
	}
	int64_t length = fixed_length(part);
	if (length > 0) {
		lite_result_moment(c, floor_divide(micros, length) * length);
		return;
	}
	int64_t days = lite_days(micros);
	sql_days_split(days, &year, &month, &day);
	if (part == WEEK) {
		lite_result_moment(c, (days + 1 - (int64_t)lite_weekday(days)) * SQL_DAY);
		return;
	}
	month = part == MONTH ? month : part == QUARTER ? (month - 1) / 3 * 3 + 1 : 1;
	lite_result_moment(c, sql_days_of(first_year(part, year), month, 1) * SQL_DAY);
}

/* rs_dateadd(part, n, t) */
static void dateadd(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	enum part part;
	int64_t micros;
	int64_t count = sqlite3_value_int64(v[1]);
	if (!take_part(c, v[0], MILLENNIUM, &part) || !lite_moment(c, v[2], &micros)) {
		return;
	}
	int64_t length = part == WEEK ? 7 * SQL_DAY : fixed_length(part);
	int64_t by;
	if (length == 0) {
		/* More than all years there are. */
		if (count > 200000 || count < -200000) {
			lite_fail(c, "timestamp out of range");
			return;
		}
		lite_result_moment(c, lite_add_months(micros, count * months_of(part)));
	} else if (__builtin_mul_overflow(count, length, &by) ||
		   __builtin_add_overflow(micros, by, &micros)) {
		lite_fail(c, "timestamp out of range");
	} else {
		lite_result_moment(c, micros);
	}
}

/* Which one it is, counted from somewhere. */
static int64_t ordinal(enum part part, int64_t micros)
{
	int64_t length = fixed_length(part);
	int64_t year;
	unsigned month;
	unsigned day;
	if (length > 0) {
		return floor_divide(micros, length);
	}
	int64_t days = lite_days(micros);
	sql_days_split(days, &year, &month, &day);
	switch (part) {
	case WEEK: return floor_divide(days + 3, 7);
	case MONTH: return year * 12 + month;
	case QUARTER: return year * 4 + (month - 1) / 3;
	case DECADE: return floor_divide(year, 10);
	case CENTURY: return period(year, 100);
	case MILLENNIUM: return period(year, 1000);
	default: return year;
	}
}

/* rs_datediff(part, a, b): how many boundaries lie between them. */
static void datediff(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	enum part part;
	int64_t a;
	int64_t b;
	if (take_part(c, v[0], MILLENNIUM, &part) && lite_moment(c, v[1], &a) &&
		lite_moment(c, v[2], &b)) {
		sqlite3_result_int64(c, ordinal(part, b) - ordinal(part, a));
	}
}

/* ---- months ---- */

static bool is_last_day(int64_t days)
{
	int64_t year;
	unsigned month;
	unsigned day;
	sql_days_split(days, &year, &month, &day);
	return day == lite_month_days(year, month);
}

static int64_t last_of_month(int64_t days)
{
	int64_t year;
	unsigned month;
	unsigned day;
	sql_days_split(days, &year, &month, &day);
	return sql_days_of(year, month, lite_month_days(year, month));
}

static void last_day(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	if (lite_moment(c, v[0], &micros)) {
		lite_result_date(c, last_of_month(lite_days(micros)));
	}
}

/* rs_add_months(t, n): from a month's last day to a month's last day. */
static void add_months(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	int64_t count = sqlite3_value_int64(v[1]);
	if (!lite_moment(c, v[0], &micros)) {
		return;
	}
	if (count > 200000 || count < -200000) {
		lite_fail(c, "timestamp out of range");
		return;
	}
	int64_t out = lite_add_months(micros, count);
	if (is_last_day(lite_days(micros))) {
		out += (last_of_month(lite_days(out)) - lite_days(out)) * SQL_DAY;
	}
	lite_result_moment(c, out);
}

/* rs_months_between(a, b): whole months for the same day or two last days, else parts of 31 days.
 */
static void months_between(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t t[2];
	int64_t year[2];
	unsigned month[2];
	unsigned day[2];
	for (int i = 0; i < 2; i++) {
		if (!lite_moment(c, v[i], &t[i])) {
			return;
		}
		sql_days_split(lite_days(t[i]), &year[i], &month[i], &day[i]);
	}
	double whole = (double)((year[0] - year[1]) * 12 + (int64_t)month[0] - (int64_t)month[1]);
	bool even =
		day[0] == day[1] || (is_last_day(lite_days(t[0])) && is_last_day(lite_days(t[1])));
	if (!even) {
		int64_t a = (int64_t)day[0] * SQL_DAY + t[0] - lite_days(t[0]) * SQL_DAY;
		int64_t b = (int64_t)day[1] * SQL_DAY + t[1] - lite_days(t[1]) * SQL_DAY;
		whole += (double)(a - b) / (31.0 * (double)SQL_DAY);
	}
	sqlite3_result_double(c, whole);
}

/* rs_next_day(t, 'Tuesday'): the first such day after it. */
static void next_day(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	static const char *const names[] = {"mo", "tu", "we", "th", "fr", "sa", "su"};
	struct slice name = lite_text(v[1]);
	int64_t micros;
	if (!lite_moment(c, v[0], &micros)) {
		return;
	}
	for (unsigned i = 0; i < 7; i++) {
		if (name.n >= 2 && (name.p[0] | 0x20) == names[i][0] &&
			(name.p[1] | 0x20) == names[i][1]) {
			int64_t days = lite_days(micros);
			int64_t ahead = ((int64_t)i + 1 - (int64_t)lite_weekday(days) + 7) % 7;
			lite_result_date(c, days + (ahead == 0 ? 7 : ahead));
			return;
		}
	}
	lite_fail(c, "\"%.*s\" is no day of a week", (int)(name.n > 40 ? 40 : name.n), name.p);
}

/* ---- days ---- */

static void date_add(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t micros;
	int64_t days = sqlite3_value_int64(v[1]);
	if (!lite_moment(c, v[0], &micros)) {
		return;
	}
	if (days > 10000000 || days < -10000000) {
		lite_fail(c, "timestamp out of range");
		return;
	}
	lite_result_date(c, lite_days(micros) + days);
}

static void date_diff(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	int64_t a;
	int64_t b;
	if (lite_moment(c, v[0], &a) && lite_moment(c, v[1], &b)) {
		sqlite3_result_int64(c, lite_days(a) - lite_days(b));
	}
}

const struct lite_function lite_date_functions[] = {
	{"rs_date_part", 2, 2, date_part, false},
	{"rs_date_trunc", 2, 2, date_trunc, false},
	{"rs_dateadd", 3, 3, dateadd, false},
	{"rs_datediff", 3, 3, datediff, false},
	{"rs_last_day", 1, 1, last_day, false},
	{"rs_add_months", 2, 2, add_months, false},
	{"rs_months_between", 2, 2, months_between, false},
	{"rs_next_day", 2, 2, next_day, false},
	{"rs_date_add", 2, 2, date_add, false},
	{"rs_date_diff", 2, 2, date_diff, false},
	{NULL, 0, 0, NULL, false},
};
