/* Calls about dates, mostly as DuckDB writes them: arithmetic by parts, formats. */
#include <ctype.h>
#include <strings.h>

#include "engines/redshift/sql/print_impl.h"

/* ---- dates in DuckDB ---- */

static const char *interval_of(const char *part)
{
	static const char *const names[][2] = {{"year", "to_years(CAST"},
		{"quarter", "to_months(3 * CAST"}, {"month", "to_months(CAST"},
		{"week", "to_days(7 * CAST"}, {"day", "to_days(CAST"}, {"dow", "to_days(CAST"},
		{"doy", "to_days(CAST"}, {"hour", "to_hours(CAST"}, {"minute", "to_minutes(CAST"},
		{"second", "to_seconds(CAST"}, {"millisecond", "to_milliseconds(CAST"},
		{"microsecond", "to_microseconds(CAST"}, {"decade", "to_years(10 * CAST"},
		{"century", "to_years(100 * CAST"}, {"millennium", "to_years(1000 * CAST"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(names[i][0], part) == 0) {
			return names[i][1];
		}
	}
	return NULL;
}

static bool is_fine(const char *part)
{
	return strcmp(part, "hour") == 0 || strcmp(part, "minute") == 0 ||
	       strcmp(part, "second") == 0 || strcmp(part, "millisecond") == 0 ||
	       strcmp(part, "microsecond") == 0;
}

static int print_dateadd(struct print *c, const struct print_call *k)
{
	const char *part = print_constant_text(print_argument(k, 0));
	const char *interval = interval_of(part);
	int rc;

	if (interval == NULL) {
		return err_set(c->err, EINVAL, "dateadd of %s", part);
	}
	buf_putc(c->out, '(');
	rc = print_node(c, print_argument(k, 2));
	buf_printf(c->out, " + %s(", interval);
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 1));
	buf_printf(c->out, " AS %s)))",
		strcmp(part, "millisecond") == 0 || strcmp(part, "second") == 0 ? "DOUBLE"
		: is_fine(part)							? "BIGINT"
										: "INTEGER");
	return rc;
}

static int print_datediff(struct print *c, const struct print_call *k)
{
	const char *part = print_constant_text(print_argument(k, 0));

	if (strcmp(part, "week") == 0) {
		return print_template(c, k,
			"((CAST(date_trunc('week', $3) AS DATE) - CAST(date_trunc('week', $2) AS "
			"DATE)) // 7)");
	}
	if (strcmp(part, "dow") == 0 || strcmp(part, "doy") == 0) {
		part = "day";
	}
	buf_printf(c->out, "date_diff('%s', ", part);
	int rc = print_node(c, print_argument(k, 1));

	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 2));
	buf_putc(c->out, ')');
	return rc;
}

static int print_part(struct print *c, const struct print_call *k, const char *type)
{
	buf_printf(c->out, "CAST(%sdate_part(", strcmp(type, "BIGINT") == 0 ? "floor(" : "");
	int rc = print_node(c, print_argument(k, 0));

	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 1));
	buf_printf(c->out, ")%s AS %s)", strcmp(type, "BIGINT") == 0 ? ")" : "", type);
	return rc;
}

static int print_extract(struct print *c, const struct print_call *k)
{
	return print_part(c, k, "BIGINT");
}

static int print_date_part(struct print *c, const struct print_call *k)
{
	return print_part(c, k, "DOUBLE");
}

/* The last day of a month stays the last day. */
static int print_add_months(struct print *c, const struct print_call *k)
{
	return print_template(c, k,
		"CASE WHEN CAST($1 AS DATE) = last_day(CAST($1 AS DATE)) THEN "
		"CAST(last_day(CAST($1 + "
		"to_months(CAST($2 AS INTEGER)) AS DATE)) AS TIMESTAMP) + ($1 - date_trunc('day', "
		"$1)) "
		"ELSE $1 + to_months(CAST($2 AS INTEGER)) END");
}

/* Whole months between the same days or two last days; else 31sts of the rest. */
static int print_months_between(struct print *c, const struct print_call *k)
{
	return print_template(c, k,
		"CASE WHEN day($1) = day($2) OR (CAST($1 AS DATE) = last_day(CAST($1 AS DATE)) AND "
		"CAST($2 AS DATE) = last_day(CAST($2 AS DATE))) THEN CAST((year($1) - year($2)) * "
		"12 + "
		"month($1) - month($2) AS DOUBLE) ELSE (year($1) - year($2)) * 12 + month($1) - "
		"month($2) + (day($1) - day($2) + (epoch($1 - date_trunc('day', $1)) - epoch($2 - "
		"date_trunc('day', $2))) / 86400) / 31.0 END");
}

static int print_next_day(struct print *c, const struct print_call *k)
{
	return print_template(c, k,
		"(CAST($1 AS DATE) + CAST((list_position(['su', 'mo', 'tu', 'we', 'th', 'fr', "
		"'sa'], "
		"left(lower($2), 2)) - 1 - dayofweek($1) + 6) % 7 + 1 AS INTEGER))");
}

static int print_now(struct print *c, const struct print_call *k)
{
	return print_moment(c, k->t);
}

static int print_compare(struct print *c, const struct print_call *k)
{
	return print_template(
		c, k, "CASE WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 WHEN $1 = $2 THEN 0 END");
}

/* ---- to_char and its kin in DuckDB ---- */

/* What a part of a format is there. */
static const char *const formats[][2] = {{"HH24", "%H"}, {"HH12", "%I"}, {"HH", "%I"}, {"MI", "%M"},
	{"SS", "%S"}, {"MS", "%g"}, {"US", "%f"}, {"AM", "%p"}, {"PM", "%p"}, {"YYYY", "%Y"},
	{"YY", "%y"}, {"MM", "%m"}, {"DDD", "%j"}, {"DD", "%d"}, {"Month", "%B"}, {"Mon", "%b"},
	{"Day", "%A"}, {"Dy", "%a"}};

/* Those that are written apart, with functions. */
static const char *const apart_formats[][2] = {{"MONTH", "upper(rpad(monthname(%s), 9, ' '))"},
	{"month", "lower(rpad(monthname(%s), 9, ' '))"}, {"MON", "upper(left(monthname(%s), 3))"},
	{"mon", "lower(left(monthname(%s), 3))"}, {"Month", "rpad(monthname(%s), 9, ' ')"},
	{"DAY", "upper(rpad(dayname(%s), 9, ' '))"}, {"day", "lower(rpad(dayname(%s), 9, ' '))"},
	{"Day", "rpad(dayname(%s), 9, ' ')"}, {"DY", "upper(left(dayname(%s), 3))"},
	{"dy", "lower(left(dayname(%s), 3))"}, {"Q", "CAST(quarter(%s) AS VARCHAR)"},
	{"IYYY", "CAST(isoyear(%s) AS VARCHAR)"}, {"IW", "lpad(CAST(week(%s) AS VARCHAR), 2, '0')"},
	{"am", "lower(strftime(%s, '%%p'))"}, {"pm", "lower(strftime(%s, '%%p'))"},
	{"WW", "lpad(CAST((dayofyear(%s) - 1) // 7 + 1 AS VARCHAR), 2, '0')"},
	{"D", "CAST(dayofweek(%s) + 1 AS VARCHAR)"}};

static size_t find_format(const char *const table[][2], size_t n, const char *p, bool exact)
{
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(table[i][0]);

		if (strncmp(table[i][0], p, length) == 0 ||
			(!exact && isupper((unsigned char)table[i][0][length - 1]) &&
				strncasecmp(table[i][0], p, length) == 0)) {
			return i;
		}
	}
	return n;
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void put_literal(struct buf *out, char ch)
{
	buf_puts(out, ch == '\'' ? "''" : ch == '%' ? "%%" : "");
	if (ch != '\'' && ch != '%') {
		buf_putc(out, ch);
	}
}

/* What to_char() is made of: texts for strftime, and calls between them. */
struct shape {
	struct buf *out;
	const char *arg;
	struct buf pending; /* of strftime's format */
	bool any;
};

static void shape_flush(struct shape *s)
{
	if (s->pending.n > 0) {
		buf_printf(s->out, "%sstrftime(%s, '%s')", s->any ? " || " : "", s->arg,
			buf_cstr(&s->pending));
		buf_clear(&s->pending);
		s->any = true;
	}
}

static void shape_call(struct shape *s, const char *call, bool fill)
{
	bool trims = !fill && strstr(call, "rpad") != NULL;

	shape_flush(s);
	buf_printf(s->out, "%s%s", s->any ? " || " : "", trims ? "rtrim(" : "");
	for (const char *t = call; *t != 0; t++) {
		if (t[0] == '%' && t[1] == 's') {
			buf_puts(s->out, s->arg);
			t++;
		} else {
			t += t[0] == '%';
			buf_putc(s->out, *t);
		}
	}
	buf_puts(s->out, trims ? ")" : "");
	s->any = true;
}

/* One part of the format; how long it was. */
static size_t shape_part(struct shape *s, const char *p, bool fill)
{
	size_t call = find_format(apart_formats, COUNT(apart_formats), p, true);
	size_t plain = find_format(formats, COUNT(formats), p, false);
	size_t call_n = call < COUNT(apart_formats) ? strlen(apart_formats[call][0]) : 0;
	size_t plain_n = plain < COUNT(formats) ? strlen(formats[plain][0]) : 0;

	if (call_n > 0 && call_n >= plain_n) {
		shape_call(s, apart_formats[call][1], fill);
		return call_n;
	}
	if (plain_n > 0) {
		buf_puts(&s->pending, formats[plain][1]);
		return plain_n;
	}
	if (*p != '"') {
		put_literal(&s->pending, *p);
		return 1;
	}
	size_t n = 1;

	for (; p[n] != 0 && p[n] != '"'; n++) {
		put_literal(&s->pending, p[n]);
	}
	return n + (p[n] != 0);
}

static int print_to_char(struct print *c, const struct print_call *k)
{
	CLEANUP(buf_free) struct buf arg = BUF_INIT;
	struct shape s = {.out = c->out};
	int rc = print_apart(c, print_argument(k, 0), &arg);
	bool fill = true;

	if (rc != 0) {
		return rc;
	}
	s.arg = buf_cstr(&arg);
	buf_putc(c->out, '(');
	for (const char *p = print_constant_text(print_argument(k, 1)); *p != 0;) {
		if (strncmp(p, "FM", 2) == 0) {
			fill = false;
			p += 2;
		} else {
			p += shape_part(&s, p, fill);
		}
	}
	shape_flush(&s);
	buf_puts(c->out, s.any ? ")" : "'')");
	rc = buf_check(&s.pending, c->err);
	buf_free(&s.pending);
	return rc;
}

static int print_strptime(struct print *c, const struct print_call *k, const char *type)
{
	CLEANUP(buf_free) struct buf format = BUF_INIT;
	int rc;

	for (const char *p = print_constant_text(print_argument(k, 1)); *p != 0;) {
		size_t i = find_format(formats, COUNT(formats), p, false);

		if (i < COUNT(formats)) {
			buf_puts(&format, formats[i][1]);
			p += strlen(formats[i][0]);
		} else {
			put_literal(&format, *p++);
		}
	}
	buf_puts(c->out, "CAST(strptime(");
	rc = print_node(c, print_argument(k, 0));
	buf_printf(c->out, ", '%s') AS %s)", buf_cstr(&format), type);
	return rc != 0 ? rc : buf_check(&format, c->err);
}

static int print_to_date(struct print *c, const struct print_call *k)
{
	return print_strptime(c, k, "DATE");
}

static int print_to_timestamp(struct print *c, const struct print_call *k)
{
	return print_strptime(c, k, "TIMESTAMP");
}

const struct print_special print_date_specials[] = {
	{"@add_months", print_add_months},
	{"@compare", print_compare},
	{"@date_part", print_date_part},
	{"@dateadd", print_dateadd},
	{"@datediff", print_datediff},
	{"@extract", print_extract},
	{"@months_between", print_months_between},
	{"@next_day", print_next_day},
	{"@now", print_now},
	{"@to_char", print_to_char},
	{"@to_date", print_to_date},
	{"@to_timestamp", print_to_timestamp},
	{0},
};
