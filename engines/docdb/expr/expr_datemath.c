/* $dateAdd $dateSubtract $dateDiff $dateTrunc. */
#include "engines/docdb/expr/expr_dates.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

enum unit { YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MILLISECOND, N_UNITS };

static const char *const unit_names[] = {
	"year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond"};
static const int64_t unit_ms[] = {0, 0, 0, 7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, 1000, 1};

/* Further than any date of a calendar that people use, and nothing overflows. */
#define AMOUNT_MAX ((int64_t)100000000000000)
#define MONTHS_MAX ((int64_t)1200000)

/* Every operator has its zone as the third option. */
#define ZONE_AT 2
static const char *const add_options[] = {"!startDate", "!unit", "timezone", "!amount", NULL};
static const char *const diff_options[] = {
	"!startDate", "!unit", "timezone", "!endDate", "startOfWeek", NULL};
static const char *const trunc_options[] = {
	"!date", "!unit", "timezone", "binSize", "startOfWeek", NULL};

struct operands {
	int64_t ms;
	enum unit unit;
	struct calendar_zone zone, own;
	int week_start; /* 0 is Sunday */
};

static int parse_datemath(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	int r = expr_parse_options(e, spec, scope, err);

	return r != 0 ? r : expr_keep_zone(e, ZONE_AT, err);
}

static int read_unit(const struct doc_expr *e, struct expr_run *run, enum unit *unit, bool *null)
{
	struct doc_value v;
	int r = expr_arg(e, 1, run, &v);

	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		*null = true;
		return 0;
	}
	for (int i = 0; v.type == BSON_TYPE_UTF8 && i < N_UNITS; i++) {
		if (slice_is(doc_string(v), unit_names[i])) {
			*unit = (enum unit)i;
			return 0;
		}
	}
	return err_set(run->err, EINVAL,
		"%s: unknown time unit; year, quarter, month, week, day, hour, minute, second and "
		"millisecond are known",
		e->op->name);
}

static int read_week_start(const struct doc_expr *e, struct expr_run *run, int *start, bool *null)
{
	static const char *const names[] = {
		"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
	struct doc_value v;
	struct slice text;
	int r = expr_arg(e, 4, run, &v);

	if (r != 0 || e->n < 5 || e->args[4] == NULL) {
		return r;
	}
	if (expr_nullish(v)) {
		*null = true;
		return 0;
	}
	text = v.type == BSON_TYPE_UTF8 ? doc_string(v) : slice_of("");
	for (int i = 0; i < 7; i++) {
		if ((text.n == 3 || text.n == strlen(names[i])) &&
			strncasecmp(text.p, names[i], text.n) == 0) {
			*start = i;
			return 0;
		}
	}
	return err_set(run->err, EINVAL, "%s: startOfWeek must be the name of a day of the week",
		e->op->name);
}

/* What all have: false in *is where one is null. */
static int read_operands(const struct doc_expr *e, struct expr_run *run, struct operands *o,
	bool *is, struct doc_value *out)
{
	bool null = false;
	bool no_zone = false;
	int r;

	*o = (struct operands){0};
	r = expr_date_arg(e, 0, run, &o->ms, is, out);
	if (r != 0 || !*is) {
		return r;
	}
	r = read_unit(e, run, &o->unit, &null);
	if (r == 0) {
		r = read_week_start(e, run, &o->week_start, &null);
	}
	if (r == 0) {
		r = expr_zone_arg(e, ZONE_AT, run, &o->zone, &o->own, &no_zone);
	}
	if (null || no_zone) {
		*is = false;
		expr_null(out);
	}
	return r;
}

static int64_t local_of(const struct operands *o, int64_t ms)
{
	return calendar_plus(ms, calendar_zone_at(&o->zone, ms));
}

/* ---- $dateAdd, $dateSubtract ---- */

static int64_t add_months(int64_t local, int64_t months)
{
	struct calendar_parts p = calendar_split(local);
	int64_t month = p.year * 12 + p.month - 1 + months;
	int last;

	p.year = calendar_floor_div(month, 12);
	p.month = (int)(month - p.year * 12) + 1;
	last = calendar_month_days(p.year, p.month);
	p.day = p.day > last ? last : p.day;
	return calendar_join(&p);
}

static int64_t add_units(const struct operands *o, int64_t amount)
{
	static const int64_t months[] = {12, 3, 1};

	if (o->unit <= MONTH) {
		return calendar_to_utc(
			&o->zone, add_months(local_of(o, o->ms), amount * months[o->unit]));
	}
	if (o->unit <= DAY) {
		return calendar_to_utc(&o->zone, local_of(o, o->ms) + amount * unit_ms[o->unit]);
	}
	return o->ms + amount * unit_ms[o->unit];
}

static bool too_far(const struct operands *o, int64_t amount)
{
	int64_t most = o->unit <= MONTH ? MONTHS_MAX : 9000000000000000 / unit_ms[o->unit];

	return amount > most || amount < -most || o->ms > AMOUNT_MAX * 10 ||
	       o->ms < -AMOUNT_MAX * 10;
}

static int shift(const struct doc_expr *e, struct expr_run *run, int sign, struct doc_value *out)
{
	struct operands o;
	struct doc_value v = DOC_MISSING;
	int64_t amount = 0;
	bool is;
	int r = read_operands(e, run, &o, &is, out);

	if (r == 0 && is) {
		r = expr_arg(e, 3, run, &v);
	}
	if (r == 0 && is && expr_nullish(v)) {
		is = false;
		expr_null(out);
	}
	if (r == 0 && is && (!doc_is_number(v) || !doc_as_int64(v, &amount))) {
		r = err_set(
			run->err, EINVAL, "%s expects integer amount of time units", e->op->name);
	}
	if (r == 0 && is && too_far(&o, amount)) {
		r = err_set(run->err, EINVAL, "%s: the date overflows", e->op->name);
	}
	if (r == 0 && is) {
		*out = doc_make_date(run->a, add_units(&o, sign * amount));
	}
	calendar_zone_finish(&o.own);
	return r;
}

static int eval_date_add(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return shift(e, run, 1, out);
}

static int eval_date_subtract(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return shift(e, run, -1, out);
}

/* ---- $dateDiff ---- */

/* The number of the unit that a local time is in, from any beginning. */
static int64_t unit_number(const struct operands *o, int64_t local)
{
	struct calendar_parts p;

	switch (o->unit) {
	case YEAR: return calendar_split(local).year;
	case QUARTER: p = calendar_split(local); return p.year * 4 + (p.month - 1) / 3;
	case MONTH: p = calendar_split(local); return p.year * 12 + p.month - 1;
	case WEEK:
		/* Day 3 of the count was a Sunday. */
		return calendar_floor_div(calendar_floor_div(local, DAY_MS) - 3 - o->week_start, 7);
	default: return calendar_floor_div(local, unit_ms[o->unit]);
	}
}

static int eval_date_diff(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct operands o;
	int64_t end = 0;
	bool is;
	int r = read_operands(e, run, &o, &is, out);

	if (r == 0 && is) {
		r = expr_date_arg(e, 3, run, &end, &is, out);
	}
	if (r == 0 && is) {
		int64_t n;
		if (__builtin_sub_overflow(unit_number(&o, local_of(&o, end)),
			    unit_number(&o, local_of(&o, o.ms)), &n)) {
			r = err_set(run->err, EINVAL, "$dateDiff overflowed");
		} else {
			*out = doc_make_int64(run->a, n);
		}
	}
	calendar_zone_finish(&o.own);
	return r;
}

/* ---- $dateTrunc ---- */

/* Bins are counted from the beginning of 2000. */
static int64_t trunc_local(const struct operands *o, int64_t local, int64_t bin)
{
	static const int64_t months[] = {12, 3, 1};
	int64_t from = calendar_days(2000, 1, 1) * DAY_MS;
	int64_t size;

	if (o->unit <= MONTH) {
		struct calendar_parts p = calendar_split(local);
		size = bin * months[o->unit];
		int64_t month = calendar_floor_div((p.year - 2000) * 12 + p.month - 1, size) * size;
		return calendar_days(2000, 1 + month, 1) * DAY_MS;
	}
	if (o->unit == WEEK) {
		/* 2000 began on a Saturday. */
		from += (1 + o->week_start) % 7 * DAY_MS;
	}
	size = bin * unit_ms[o->unit];
	return from + calendar_floor_div(local - from, size) * size;
}

static int read_bin(const struct doc_expr *e, struct expr_run *run, const struct operands *o,
	int64_t *bin, bool *is, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 3, run, &v);

	*bin = 1;
	if (r != 0 || e->args[3] == NULL) {
		return r;
	}
	if (expr_nullish(v)) {
		*is = false;
		return expr_null(out);
	}
	if (!doc_is_number(v) || !doc_as_int64(v, bin) || *bin < 1 || too_far(o, *bin)) {
		return err_set(run->err, EINVAL,
			"$dateTrunc requires 'binSize' to be greater than 0, and a whole number "
			"that a "
			"date can have");
	}
	return 0;
}

static int eval_date_trunc(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct operands o;
	int64_t bin;
	bool is;
	int r = read_operands(e, run, &o, &is, out);

	if (r == 0 && is) {
		r = read_bin(e, run, &o, &bin, &is, out);
	}
	if (r == 0 && is && too_far(&o, 1)) {
		r = err_set(run->err, EINVAL, "$dateTrunc: the date overflows");
	}
	if (r == 0 && is) {
		int64_t local = local_of(&o, o.ms);
		int64_t cut = trunc_local(&o, local, bin);
		/* Hours and less do not jump where the zone's offset does. */
		*out = doc_make_date(run->a,
			o.unit >= HOUR ? o.ms - (local - cut) : calendar_to_utc(&o.zone, cut));
	}
	calendar_zone_finish(&o.own);
	return r;
}

const struct expr_op expr_datemath_ops[] = {
	{.name = "$dateAdd", .fn = eval_date_add, .options = add_options, .parse = parse_datemath},
	{.name = "$dateSubtract",
		.fn = eval_date_subtract,
		.options = add_options,
		.parse = parse_datemath},
	{.name = "$dateDiff",
		.fn = eval_date_diff,
		.options = diff_options,
		.parse = parse_datemath},
	{.name = "$dateTrunc",
		.fn = eval_date_trunc,
		.options = trunc_options,
		.parse = parse_datemath},
	{0},
};
