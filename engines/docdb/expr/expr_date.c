/* Parts of dates, and dates as text. */
#include "engines/docdb/expr/expr_dates.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/expr/expr_text.h"

/* ---- arguments ---- */

bool expr_is_date(struct doc_value v)
{
	return v.type == BSON_TYPE_DATE_TIME || v.type == BSON_TYPE_TIMESTAMP ||
	       v.type == BSON_TYPE_OID;
}

int64_t expr_date_ms(struct doc_value v)
{
	const unsigned char *p = (const unsigned char *)v.raw.p;
	uint32_t s;

	if (v.type == BSON_TYPE_DATE_TIME) {
		return doc_int64(v);
	}
	if (v.type == BSON_TYPE_OID) {
		s = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	} else {
		/* The increment comes first, little end first. */
		s = (uint32_t)p[7] << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[5] << 8 | p[4];
	}
	return (int64_t)s * 1000;
}

int expr_date_arg(const struct doc_expr *e, unsigned i, struct expr_run *run, int64_t *ms, bool *is,
	struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, i, run, &v);

	*is = false;
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		return expr_null(out);
	}
	if (!expr_is_date(v)) {
		return err_set(run->err, EINVAL, "%s: can't convert from BSON type %s to Date",
			e->op->name, expr_type_name(v));
	}
	*ms = expr_date_ms(v);
	*is = true;
	return 0;
}

static void free_zone(void *zone)
{
	calendar_zone_finish(zone);
	free(zone);
}

int expr_keep_zone(struct doc_expr *e, unsigned i, struct err *err)
{
	struct calendar_zone *zone;
	int r;

	if (i >= e->n || !expr_is_literal(e->args[i]) ||
		expr_literal(e->args[i]).type != BSON_TYPE_UTF8) {
		return 0;
	}
	zone = calloc(1, sizeof(*zone));
	if (zone == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	r = calendar_zone_find(doc_string(expr_literal(e->args[i])), zone, err);
	if (r != 0) {
		free(zone);
		return r;
	}
	e->extra = zone;
	e->free_extra = free_zone;
	return 0;
}

int expr_zone_arg(const struct doc_expr *e, unsigned i, struct expr_run *run,
	struct calendar_zone *zone, struct calendar_zone *own, bool *null)
{
	struct doc_value v;
	int r;

	*zone = *own = (struct calendar_zone){.utc = true};
	*null = false;
	if (i >= e->n || e->args[i] == NULL) {
		return 0;
	}
	if (e->extra != NULL) {
		*zone = *(const struct calendar_zone *)e->extra;
		return 0;
	}
	r = expr_arg(e, i, run, &v);
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		*null = true;
		return 0;
	}
	if (v.type != BSON_TYPE_UTF8) {
		return err_set(run->err, EINVAL, "timezone must evaluate to a string, found %s",
			expr_type_name(v));
	}
	r = calendar_zone_find(doc_string(v), own, run->err);
	*zone = *own;
	return r;
}

/* ---- $year and its kin ---- */

static const char *const part_options[] = {"!date", "timezone", NULL};

/* A date, or {date, timezone}. */
static int parse_part(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v = spec;
	struct doc_value other;
	int r;

	if (spec.type == BSON_TYPE_DOCUMENT) {
		doc_iter_init(&it, spec.raw);
		if (doc_next(&it, &name, &v) && (name.n == 0 || name.p[0] != '$')) {
			r = expr_parse_options(e, spec, scope, err);
			return r != 0 ? r : expr_keep_zone(e, 1, err);
		}
		v = spec;
	} else if (spec.type == BSON_TYPE_ARRAY) {
		doc_iter_init(&it, spec.raw);
		if (!doc_next(&it, &name, &v) || doc_next(&it, &name, &other)) {
			return err_set(err, EINVAL,
				"%s accepts exactly one argument if given an array", e->op->name);
		}
	}
	r = expr_set_args(e, 2, err);
	return r != 0 ? r : expr_parse(v, scope, &e->args[0], err);
}

/* Local time of the argument. */
static int local_arg(const struct doc_expr *e, struct expr_run *run, int64_t *local, bool *is,
	struct doc_value *out)
{
	struct calendar_zone zone;
	struct calendar_zone own = {0};
	bool null;
	int r = expr_date_arg(e, 0, run, local, is, out);

	if (r != 0 || !*is) {
		return r;
	}
	r = expr_zone_arg(e, 1, run, &zone, &own, &null);
	if (r == 0 && null) {
		*is = false;
		return expr_null(out);
	}
	if (r == 0) {
		*local = calendar_plus(*local, calendar_zone_at(&zone, *local));
		calendar_zone_finish(&own);
	}
	return r;
}

static int64_t iso_year(int64_t local)
{
	int64_t year;
	int week;

	calendar_iso_week(local, &year, &week);
	return year;
}

static int64_t iso_week(int64_t local)
{
	int64_t year;
	int week;

	calendar_iso_week(local, &year, &week);
	return week;
}

#define DATE_PART(name, value)                                                                     \
	static int name(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)     \
	{                                                                                          \
		int64_t local = 0;                                                                 \
		bool is;                                                                           \
		int r = local_arg(e, run, &local, &is, out);                                       \
		return r != 0 || !is ? r : expr_integer(run, (value), out);                        \
	}
DATE_PART(eval_year, calendar_split(local).year)
DATE_PART(eval_month, calendar_split(local).month)
DATE_PART(eval_day, calendar_split(local).day)
DATE_PART(eval_hour, calendar_split(local).hour)
DATE_PART(eval_minute, calendar_split(local).minute)
DATE_PART(eval_second, calendar_split(local).second)
DATE_PART(eval_millisecond, calendar_split(local).ms)
DATE_PART(eval_yearday, calendar_yearday(local))
DATE_PART(eval_weekday, calendar_weekday(local) + 1)
DATE_PART(eval_week, (calendar_yearday(local) + 6 - calendar_weekday(local)) / 7)
DATE_PART(eval_iso_weekday, (calendar_weekday(local) + 6) % 7 + 1)
DATE_PART(eval_iso_week, iso_week(local))

static int eval_iso_year(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	int64_t local = 0;
	bool is;
	int r = local_arg(e, run, &local, &is, out);

	if (r == 0 && is) {
		*out = doc_make_int64(run->a, iso_year(local));
	}
	return r;
}

/* ---- $dateToParts, $dateFromParts ---- */

static const char *const to_parts_options[] = {"!date", "timezone", "iso8601", NULL};

static int parse_zone_second(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	int r = expr_parse_options(e, spec, scope, err);

	return r != 0 ? r : expr_keep_zone(e, 1, err);
}

static int add_part(struct expr_run *run, struct expr_members *m, const char *name, int64_t n)
{
	struct doc_value v;
	int r = expr_integer(run, n, &v);

	return r != 0 ? r : expr_member_add(run, m, slice_of(name), v);
}

static int eval_to_parts(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_members m = {0};
	struct calendar_parts p;
	struct doc_value iso;
	int64_t local = 0;
	bool is;
	int r = local_arg(e, run, &local, &is, out);

	if (r == 0) {
		r = expr_arg(e, 2, run, &iso);
	}
	if (r != 0 || !is) {
		return r;
	}
	p = calendar_split(local);
	if (doc_is_true(iso)) {
		r = add_part(run, &m, "isoWeekYear", iso_year(local));
		r = r != 0 ? r : add_part(run, &m, "isoWeek", iso_week(local));
		r = r != 0 ? r
			   : add_part(run, &m, "isoDayOfWeek",
				     (calendar_weekday(local) + 6) % 7 + 1);
	} else {
		r = add_part(run, &m, "year", p.year);
		r = r != 0 ? r : add_part(run, &m, "month", p.month);
		r = r != 0 ? r : add_part(run, &m, "day", p.day);
	}
	r = r != 0 ? r : add_part(run, &m, "hour", p.hour);
	r = r != 0 ? r : add_part(run, &m, "minute", p.minute);
	r = r != 0 ? r : add_part(run, &m, "second", p.second);
	r = r != 0 ? r : add_part(run, &m, "millisecond", p.ms);
	return r != 0 ? r : expr_members_object(run, &m, out);
}

/* The zone stands second here, too, so that expr_keep_zone() finds it. */
static const char *const from_parts_options[] = {"year", "timezone", "month", "day", "hour",
	"minute", "second", "millisecond", "isoWeekYear", "isoWeek", "isoDayOfWeek", NULL};

enum {
	P_YEAR,
	P_ZONE,
	P_MONTH,
	P_DAY,
	P_HOUR,
	P_MINUTE,
	P_SECOND,
	P_MS,
	P_ISO_YEAR,
	P_ISO_WEEK,
	P_ISO_DAY,
	N_PARTS
};

static int parse_from_parts(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	int r = parse_zone_second(e, spec, scope, err);

	if (r == 0 && (e->args[P_YEAR] == NULL) == (e->args[P_ISO_YEAR] == NULL)) {
		r = err_set(err, EINVAL,
			"$dateFromParts requires either 'year' or 'isoWeekYear' to be present, and "
			"not "
			"both");
	}
	return r;
}

static int part_value(
	const struct doc_expr *e, unsigned i, struct expr_run *run, int64_t *n, bool *null)
{
	struct doc_value v;
	int r;

	*n = i == P_MONTH || i == P_DAY || i == P_ISO_WEEK || i == P_ISO_DAY;
	if (i == P_ZONE || e->args[i] == NULL) {
		return 0;
	}
	r = expr_arg(e, i, run, &v);
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		*null = true;
		return 0;
	}
	if (!doc_is_number(v) || !doc_as_int64(v, n) || *n < -100000000 || *n > 100000000) {
		return err_set(run->err, EINVAL,
			"'%s' must evaluate to an integer that a date can have, found %s",
			e->op->options[i], expr_type_name(v));
	}
	if ((i == P_YEAR || i == P_ISO_YEAR) && (*n < 1 || *n > 9999)) {
		return err_set(run->err, EINVAL,
			"'%s' must evaluate to an integer in the range 1 to 9999",
			e->op->options[i]);
	}
	return 0;
}

static int eval_from_parts(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct calendar_zone zone;
	struct calendar_zone own = {0};
	int64_t n[N_PARTS];
	int64_t days;
	bool null = false;
	bool no_zone;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < N_PARTS; i++) {
		r = part_value(e, i, run, &n[i], &null);
	}
	if (r == 0) {
		r = expr_zone_arg(e, P_ZONE, run, &zone, &own, &no_zone);
	}
	if (r != 0 || null || no_zone) {
		calendar_zone_finish(&own);
		return r != 0 ? r : expr_null(out);
	}
	days = e->args[P_YEAR] != NULL
		       ? calendar_days(n[P_YEAR], n[P_MONTH], 1) + n[P_DAY] - 1
		       : calendar_of_iso_week(n[P_ISO_YEAR], n[P_ISO_WEEK], n[P_ISO_DAY]);
	*out = doc_make_date(run->a, calendar_to_utc(&zone, days * DAY_MS + n[P_HOUR] * HOUR_MS +
								    n[P_MINUTE] * MINUTE_MS +
								    n[P_SECOND] * 1000 + n[P_MS]));
	calendar_zone_finish(&own);
	return 0;
}

/* ---- $dateToString, $dateFromString ---- */

static const char *const to_string_options[] = {"!date", "timezone", "format", "onNull", NULL};

static int check_format(const struct doc_expr *e, struct doc_value v, bool reading, struct err *err)
{
	if (v.type != BSON_TYPE_UTF8) {
		return err_set(err, EINVAL,
			"%s requires that 'format' be a string, found: %s with value of that type",
			e->op->name, expr_type_name(v));
	}
	return calendar_check_format(doc_string(v), reading, e->op->name, err);
}

static int parse_to_string(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	int r = parse_zone_second(e, spec, scope, err);

	if (r == 0 && e->args[2] != NULL && expr_is_literal(e->args[2]) &&
		!expr_nullish(expr_literal(e->args[2]))) {
		r = check_format(e, expr_literal(e->args[2]), false, err);
	}
	return r;
}

static int print_date(struct expr_run *run, struct slice format, int64_t ms,
	const struct calendar_zone *zone, struct doc_value *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int r = calendar_print(format, ms, zone, &text, run->err);

	if (r == 0) {
		r = buf_check(&text, run->err);
	}
	return r != 0 ? r : expr_string(run, buf_slice(&text), out);
}

static int eval_to_string(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct calendar_zone zone;
	struct calendar_zone own = {0};
	struct doc_value format;
	int64_t ms = 0;
	bool null;
	bool is;
	int r = expr_date_arg(e, 0, run, &ms, &is, out);

	if (r == 0 && !is && e->args[3] != NULL) {
		return expr_arg(e, 3, run, out);
	}
	if (r == 0 && is) {
		r = expr_arg(e, 2, run, &format);
	}
	if (r != 0 || !is) {
		return r;
	}
	r = expr_zone_arg(e, 1, run, &zone, &own, &null);
	if (r == 0 && e->args[2] != NULL && !expr_nullish(format)) {
		r = check_format(e, format, false, run->err);
	}
	if (r == 0 && (null || (e->args[2] != NULL && expr_nullish(format)))) {
		expr_null(out);
	} else if (r == 0) {
		r = print_date(run,
			e->args[2] != NULL ? doc_string(format)
			: zone.utc	   ? slice_of("%Y-%m-%dT%H:%M:%S.%LZ")
					   : slice_of("%Y-%m-%dT%H:%M:%S.%L"),
			ms, &zone, out);
	}
	calendar_zone_finish(&own);
	return r;
}

static const char *const from_string_options[] = {
	"!dateString", "timezone", "format", "onNull", "onError", NULL};

static int read_date(const struct doc_expr *e, struct expr_run *run, struct doc_value text,
	struct doc_value format, struct err *err, struct doc_value *out)
{
	struct calendar_zone zone;
	struct calendar_zone own = {0};
	int64_t ms = 0;
	bool null;
	int r = expr_zone_arg(e, 1, run, &zone, &own, &null);

	if (r == 0 && null) {
		return expr_null(out);
	}
	if (r == 0 && text.type != BSON_TYPE_UTF8) {
		r = err_set(err, EINVAL,
			"$dateFromString requires that 'dateString' be a string, found: %s",
			expr_type_name(text));
	}
	if (r == 0) {
		r = format.type == BSON_TYPE_EOD
			    ? calendar_read_iso(
				      doc_string(text), &zone, e->args[1] != NULL, &ms, err)
			    : calendar_read(doc_string(format), doc_string(text), &zone,
				      e->args[1] != NULL, &ms, err);
	}
	calendar_zone_finish(&own);
	if (r == 0) {
		*out = doc_make_date(run->a, ms);
	}
	return r;
}

static int eval_from_string(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct err own = {0};
	struct doc_value text;
	struct doc_value format;
	int r = expr_arg(e, 0, run, &text);

	if (r == 0) {
		r = expr_arg(e, 2, run, &format);
	}
	if (r != 0) {
		return r;
	}
	if (expr_nullish(text)) {
		return e->args[3] != NULL ? expr_arg(e, 3, run, out) : expr_null(out);
	}
	if (e->args[2] != NULL) {
		if (expr_nullish(format)) {
			return expr_null(out);
		}
		r = check_format(e, format, true, run->err);
		if (r != 0) {
			return r;
		}
	}
	if (e->args[4] == NULL) {
		return read_date(e, run, text, format, run->err, out);
	}
	return read_date(e, run, text, format, &own, out) == 0 ? 0 : expr_arg(e, 4, run, out);
}

#define PART(op, function)                                                                         \
	{                                                                                          \
		.name = (op), .fn = (function), .options = part_options, .parse = parse_part       \
	}

const struct expr_op expr_date_ops[] = {
	PART("$year", eval_year),
	PART("$month", eval_month),
	PART("$dayOfMonth", eval_day),
	PART("$hour", eval_hour),
	PART("$minute", eval_minute),
	PART("$second", eval_second),
	PART("$millisecond", eval_millisecond),
	PART("$dayOfYear", eval_yearday),
	PART("$dayOfWeek", eval_weekday),
	PART("$week", eval_week),
	PART("$isoDayOfWeek", eval_iso_weekday),
	PART("$isoWeek", eval_iso_week),
	PART("$isoWeekYear", eval_iso_year),
	{.name = "$dateToParts",
		.fn = eval_to_parts,
		.options = to_parts_options,
		.parse = parse_zone_second},
	{.name = "$dateFromParts",
		.fn = eval_from_parts,
		.options = from_parts_options,
		.parse = parse_from_parts},
	{.name = "$dateToString",
		.fn = eval_to_string,
		.options = to_string_options,
		.parse = parse_to_string},
	{.name = "$dateFromString",
		.fn = eval_from_string,
		.options = from_string_options,
		.parse = parse_zone_second},
	{0},
};
