/* Calls as text: the templates of functions.c, windows, and what no template can say. */
#include <ctype.h>

#include "engines/redshift/sql/print_impl.h"

struct call {
	const json_t *body;
	const json_t *args;
	struct sql_type t;
	const struct rs_function *function;
};

static const json_t *argument(const struct call *k, size_t i)
{
	return json_array_get(k->args, i);
}

/* ---- OVER ---- */

#define FRAME_NONDEFAULT      0x1
#define FRAME_RANGE	      0x2
#define FRAME_ROWS	      0x4
#define FRAME_START_UNBOUNDED 0x20
#define FRAME_END_UNBOUNDED   0x100
#define FRAME_START_CURRENT   0x200
#define FRAME_END_CURRENT     0x400
#define FRAME_START_PRECEDING 0x800
#define FRAME_END_PRECEDING   0x1000
#define FRAME_START_FOLLOWING 0x2000
#define FRAME_END_FOLLOWING   0x4000

static int print_bound(struct print *c, const json_t *offset, const char *word)
{
	int rc = offset != NULL ? print_node(c, offset) : 0;

	buf_puts(c->out, word);
	return rc;
}

static int print_frame(struct print *c, const json_t *over)
{
	int64_t f = rs_get_number(over, "frameOptions");
	const json_t *start = json_object_get(over, "startOffset");
	const json_t *end = json_object_get(over, "endOffset");
	int rc;

	if (!(f & FRAME_NONDEFAULT)) {
		return 0;
	}
	buf_puts(c->out, f & FRAME_ROWS	   ? " ROWS BETWEEN "
			 : f & FRAME_RANGE ? " RANGE BETWEEN "
					   : " GROUPS BETWEEN ");
	rc = f & FRAME_START_UNBOUNDED	 ? print_bound(c, NULL, "UNBOUNDED PRECEDING")
	     : f & FRAME_START_CURRENT	 ? print_bound(c, NULL, "CURRENT ROW")
	     : f & FRAME_START_PRECEDING ? print_bound(c, start, " PRECEDING")
					 : print_bound(c, start, " FOLLOWING");
	buf_puts(c->out, " AND ");
	rc = rc != 0		       ? rc
	     : f & FRAME_END_UNBOUNDED ? print_bound(c, NULL, "UNBOUNDED FOLLOWING")
	     : f & FRAME_END_CURRENT   ? print_bound(c, NULL, "CURRENT ROW")
	     : f & FRAME_END_PRECEDING ? print_bound(c, end, " PRECEDING")
				       : print_bound(c, end, " FOLLOWING");
	return rc;
}

static int print_over(struct print *c, const json_t *over)
{
	const json_t *partition = json_object_get(over, "partitionClause");
	int rc = 0;

	buf_puts(c->out, " OVER (");
	if (partition != NULL) {
		buf_puts(c->out, "PARTITION BY ");
		rc = print_list(c, partition);
	}
	rc = rc != 0 ? rc : print_sort(c, json_object_get(over, "orderClause"));
	rc = rc != 0 ? rc : print_frame(c, over);
	buf_putc(c->out, ')');
	return rc;
}

/* What stands behind the call of an aggregate or window function. */
static int print_suffix(struct print *c, const struct call *k)
{
	const json_t *filter = json_object_get(k->body, "agg_filter");
	const json_t *over = json_object_get(k->body, "over");
	int rc = 0;

	if (filter != NULL) {
		buf_puts(c->out, " FILTER (WHERE ");
		rc = print_node(c, filter);
		buf_putc(c->out, ')');
	}
	return rc != 0 || over == NULL ? rc : print_over(c, over);
}

/* ---- templates ---- */

static int print_percentage(struct print *c, const struct call *k)
{
	bool descending = rs_get_flag(k->body, "rs_descending");
	int rc;

	buf_puts(c->out, descending ? "(1 - " : "");
	rc = print_node(c, argument(k, 0));
	buf_puts(c->out, descending ? ")" : "");
	return rc;
}

static int print_letter(struct print *c, const struct call *k, char letter)
{
	const json_t *first = argument(k, 0);

	switch (letter) {
	case 's': buf_printf(c->out, "%u", k->t.scale); return 0;
	case 'z': buf_printf(c->out, "%u", k->t.size); return 0;
	case 'd':
		buf_puts(c->out, rs_get_flag(k->body, "agg_distinct") ? "DISTINCT " : "");
		return 0;
	case 'c':
		buf_puts(c->out, rs_type_of(first).kind == SQL_DECIMAL ? " COLLATE decimal" : "");
		return 0;
	case 'i':
		if (!rs_get_flag(k->body, "rs_ignore_nulls")) {
			return 0;
		}
		buf_puts(c->out, " IGNORE NULLS");
		return 0;
	case 'p': return print_percentage(c, k);
	case '*': return print_list(c, k->args);
	default: return print_node(c, argument(k, (size_t)(letter - '1')));
	}
}

static int print_template(struct print *c, const struct call *k, const char *template)
{
	int rc = 0;

	for (const char *p = template; *p != 0 && rc == 0; p++) {
		if (*p == '$') {
			rc = print_letter(c, k, *++p);
		} else if (*p == '}') {
			rc = print_suffix(c, k);
		} else if (*p != '{') {
			buf_putc(c->out, *p);
		}
	}
	return rc;
}

/* The same as a text of its own. */
static int template_apart(
	struct print *c, const struct call *k, const char *template, struct buf *out)
{
	struct print apart = {c->p, out, c->err};
	int rc = print_template(&apart, k, template);

	return rc != 0 ? rc : buf_check(out, c->err);
}

static const char *constant_text(const json_t *node)
{
	return rs_get_text(json_object_get(rs_node_as(node, "A_Const"), "sval"), "sval");
}

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

static int print_dateadd(struct print *c, const struct call *k)
{
	const char *part = constant_text(argument(k, 0));
	const char *interval = interval_of(part);
	int rc;

	if (interval == NULL) {
		return err_set(c->err, EINVAL, "dateadd of %s", part);
	}
	buf_putc(c->out, '(');
	rc = print_node(c, argument(k, 2));
	buf_printf(c->out, " + %s(", interval);
	rc = rc != 0 ? rc : print_node(c, argument(k, 1));
	buf_printf(c->out, " AS %s)))",
		strcmp(part, "millisecond") == 0 || strcmp(part, "second") == 0 ? "DOUBLE"
		: is_fine(part)							? "BIGINT"
										: "INTEGER");
	return rc;
}

static int print_datediff(struct print *c, const struct call *k)
{
	const char *part = constant_text(argument(k, 0));

	if (strcmp(part, "week") == 0) {
		return print_template(c, k,
			"((CAST(date_trunc('week', $3) AS DATE) - CAST(date_trunc('week', $2) AS "
			"DATE)) // 7)");
	}
	if (strcmp(part, "dow") == 0 || strcmp(part, "doy") == 0) {
		part = "day";
	}
	buf_printf(c->out, "date_diff('%s', ", part);
	int rc = print_node(c, argument(k, 1));

	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc : print_node(c, argument(k, 2));
	buf_putc(c->out, ')');
	return rc;
}

static int print_part(struct print *c, const struct call *k, const char *type)
{
	buf_printf(c->out, "CAST(%sdate_part(", strcmp(type, "BIGINT") == 0 ? "floor(" : "");
	int rc = print_node(c, argument(k, 0));

	buf_puts(c->out, ", ");
	rc = rc != 0 ? rc : print_node(c, argument(k, 1));
	buf_printf(c->out, ")%s AS %s)", strcmp(type, "BIGINT") == 0 ? ")" : "", type);
	return rc;
}

static int print_extract(struct print *c, const struct call *k)
{
	return print_part(c, k, "BIGINT");
}

static int print_date_part(struct print *c, const struct call *k)
{
	return print_part(c, k, "DOUBLE");
}

/* The last day of a month stays the last day. */
static int print_add_months(struct print *c, const struct call *k)
{
	return print_template(c, k,
		"CASE WHEN CAST($1 AS DATE) = last_day(CAST($1 AS DATE)) THEN "
		"CAST(last_day(CAST($1 + "
		"to_months(CAST($2 AS INTEGER)) AS DATE)) AS TIMESTAMP) + ($1 - date_trunc('day', "
		"$1)) "
		"ELSE $1 + to_months(CAST($2 AS INTEGER)) END");
}

/* Whole months between the same days or two last days; else 31sts of the rest. */
static int print_months_between(struct print *c, const struct call *k)
{
	return print_template(c, k,
		"CASE WHEN day($1) = day($2) OR (CAST($1 AS DATE) = last_day(CAST($1 AS DATE)) AND "
		"CAST($2 AS DATE) = last_day(CAST($2 AS DATE))) THEN CAST((year($1) - year($2)) * "
		"12 + "
		"month($1) - month($2) AS DOUBLE) ELSE (year($1) - year($2)) * 12 + month($1) - "
		"month($2) + (day($1) - day($2) + (epoch($1 - date_trunc('day', $1)) - epoch($2 - "
		"date_trunc('day', $2))) / 86400) / 31.0 END");
}

static int print_next_day(struct print *c, const struct call *k)
{
	return print_template(c, k,
		"(CAST($1 AS DATE) + CAST((list_position(['su', 'mo', 'tu', 'we', 'th', 'fr', "
		"'sa'], "
		"left(lower($2), 2)) - 1 - dayofweek($1) + 6) % 7 + 1 AS INTEGER))");
}

static int print_now(struct print *c, const struct call *k)
{
	return print_moment(c, k->t);
}

static int print_compare(struct print *c, const struct call *k)
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

static int print_to_char(struct print *c, const struct call *k)
{
	CLEANUP(buf_free) struct buf arg = BUF_INIT;
	struct shape s = {.out = c->out};
	int rc = print_apart(c, argument(k, 0), &arg);
	bool fill = true;

	if (rc != 0) {
		return rc;
	}
	s.arg = buf_cstr(&arg);
	buf_putc(c->out, '(');
	for (const char *p = constant_text(argument(k, 1)); *p != 0;) {
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

static int print_strptime(struct print *c, const struct call *k, const char *type)
{
	CLEANUP(buf_free) struct buf format = BUF_INIT;
	int rc;

	for (const char *p = constant_text(argument(k, 1)); *p != 0;) {
		size_t i = find_format(formats, COUNT(formats), p, false);

		if (i < COUNT(formats)) {
			buf_puts(&format, formats[i][1]);
			p += strlen(formats[i][0]);
		} else {
			put_literal(&format, *p++);
		}
	}
	buf_puts(c->out, "CAST(strptime(");
	rc = print_node(c, argument(k, 0));
	buf_printf(c->out, ", '%s') AS %s)", buf_cstr(&format), type);
	return rc != 0 ? rc : buf_check(&format, c->err);
}

static int print_to_date(struct print *c, const struct call *k)
{
	return print_strptime(c, k, "DATE");
}

static int print_to_timestamp(struct print *c, const struct call *k)
{
	return print_strptime(c, k, "TIMESTAMP");
}

/* ---- texts ---- */

/* Positions before the first are counted, but hold nothing. */
static int print_substring(struct print *c, const struct call *k)
{
	const char *max = print_lite(c) ? "max" : "greatest";

	buf_printf(c->out, "%s(", print_lite(c) ? "substr" : "substring");
	int rc = print_node(c, argument(k, 0));

	buf_printf(c->out, ", %s(", max);
	rc = rc != 0 ? rc : print_node(c, argument(k, 1));
	buf_printf(c->out, ", 1), %s(", max);
	rc = rc != 0 ? rc : print_node(c, argument(k, 1));
	buf_puts(c->out, " + ");
	rc = rc != 0 ? rc : print_node(c, argument(k, 2));
	buf_printf(c->out, ", 1) - %s(", max);
	rc = rc != 0 ? rc : print_node(c, argument(k, 1));
	buf_puts(c->out, ", 1))");
	return rc;
}

static int print_initcap(struct print *c, const struct call *k)
{
	return print_template(c, k,
		"CASE WHEN $1 = '' THEN '' ELSE list_aggregate(list_transform(range(1, length($1) "
		"+ 1), "
		"lambda rs_i: CASE WHEN rs_i > 1 AND regexp_matches(substring($1, rs_i - 1, 1), "
		"'[[:alnum:]]') THEN lower(substring($1, rs_i, 1)) ELSE upper(substring($1, rs_i, "
		"1)) "
		"END), 'string_agg', '') END");
}

static int print_regexp_instr(struct print *c, const struct call *k)
{
	return print_template(c, k,
		"CASE WHEN regexp_matches($1, $2) THEN CAST(length(regexp_extract($1, "
		"'(?s)^(.*?)(?:' || "
		"$2 || ')', 1)) + 1 AS INTEGER) WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN 0 END");
}

static int print_strtol(struct print *c, const struct call *k)
{
	return print_template(c, k,
		"(CASE WHEN left($1, 1) = '-' THEN -1 ELSE 1 END * "
		"list_reduce(list_transform(string_split(ltrim(lower($1), '-'), ''), lambda rs_x: "
		"CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', rs_x) - 1 AS BIGINT)), lambda "
		"rs_a, rs_b: rs_a * $2 + rs_b))");
}

/* ---- numbers ---- */

static int print_mod(struct print *c, const struct call *k)
{
	json_t *node = json_pack("{s:{s:s,s:[{s:{s:s}}],s:O,s:O}}", "A_Expr", "kind", "AEXPR_OP",
		"name", "String", "sval", "%", "lexpr", argument(k, 0), "rexpr", argument(k, 1));
	int rc;

	if (node == NULL) {
		return err_set(c->err, ENOMEM, "no memory for the query");
	}
	rs_set_type(node, k->t);
	rc = print_operator(c, node);
	json_decref(node);
	return rc;
}

static int print_trunc(struct print *c, const struct call *k)
{
	const json_t *digits = json_object_get(rs_node_as(argument(k, 1), "A_Const"), "ival");
	int64_t n = rs_get_number(digits, "ival");

	if (digits == NULL || n < 0) {
		return print_refuse(c, "trunc to digits that are not written out, or fewer than 0");
	}
	if (n >= k->t.scale) {
		return print_node(c, argument(k, 0));
	}
	buf_puts(c->out, "CAST(trunc(");
	int rc = print_node(c, argument(k, 0));

	buf_puts(c->out, " * CAST('1");
	for (int64_t i = 0; i < n; i++) {
		buf_putc(c->out, '0');
	}
	buf_printf(
		c->out, "' AS DECIMAL(%lld,0))) * CAST('%s", (long long)n + 1, n == 0 ? "1" : "0.");
	for (int64_t i = 0; i + 1 < n; i++) {
		buf_putc(c->out, '0');
	}
	buf_printf(c->out, "%s' AS DECIMAL(%lld,%lld)) AS DECIMAL(%u,%u))", n == 0 ? "" : "1",
		(long long)n + 1, (long long)n, k->t.size, k->t.scale);
	return rc;
}

/* ---- aggregates ---- */

static int print_avg(struct print *c, const struct call *k)
{
	CLEANUP(buf_free) struct buf sum = BUF_INIT;
	CLEANUP(buf_free) struct buf count = BUF_INIT;
	int rc = template_apart(c, k, "{sum($d$1)}", &sum);

	rc = rc != 0 ? rc : template_apart(c, k, "{count($d$1)}", &count);
	if (rc == 0) {
		print_quotient(c->out, buf_cstr(&sum), k->t, buf_cstr(&count),
			(struct sql_type){.kind = SQL_BIGINT}, k->t);
	}
	return rc;
}

/* Of DECIMALs: the mean of the two in the middle, exact. */
static int print_median(struct print *c, const struct call *k)
{
	CLEANUP(buf_free) struct buf sum = BUF_INIT;
	struct sql_type twice = k->t;
	int rc;

	twice.scale--;
	rc = template_apart(
		c, k, "({quantile_disc($1, 0.5)} + coalesce(-{quantile_disc(-$1, 0.5)}, 0))", &sum);
	if (rc == 0) {
		print_quotient(c->out, buf_cstr(&sum), twice, "2",
			(struct sql_type){.kind = SQL_BIGINT}, k->t);
	}
	return rc;
}

static int print_percentile_disc(struct print *c, const struct call *k)
{
	if (rs_get_flag(k->body, "rs_descending")) {
		return print_template(
			c, k, "{percentile_disc($1) WITHIN GROUP (ORDER BY $2 DESC)}");
	}
	return print_template(c, k, "{quantile_disc($2, $1)}");
}

static int print_listagg(struct print *c, const struct call *k)
{
	const json_t *order = json_object_get(k->body, "agg_order");
	bool separator = json_array_size(k->args) > 1;
	bool lite = print_lite(c);
	int rc;

	buf_printf(c->out, "%s(%s", lite ? "rs_listagg" : "string_agg",
		!lite && rs_get_flag(k->body, "agg_distinct") ? "DISTINCT " : "");
	rc = print_node(c, argument(k, 0));
	buf_puts(c->out, ", ");
	if (separator) {
		rc = rc != 0 ? rc : print_node(c, argument(k, 1));
	} else {
		buf_puts(c->out, "''");
	}
	if (!lite) {
		rc = rc != 0 ? rc : print_sort(c, order);
	} else {
		const json_t *sort;
		size_t i;

		buf_printf(c->out, ", %d", rs_get_flag(k->body, "agg_distinct"));
		json_array_foreach (order, i, sort) {
			const json_t *one = rs_node_body(sort);
			bool desc = rs_get_is(one, "sortby_dir", "SORTBY_DESC");
			bool first =
				rs_get_is(one, "sortby_nulls", "SORTBY_NULLS_FIRST") ||
				(desc && rs_get_is(one, "sortby_nulls", "SORTBY_NULLS_DEFAULT"));

			buf_puts(c->out, ", ");
			rc = rc != 0 ? rc : print_node(c, json_object_get(one, "node"));
			buf_printf(c->out, ", '%s', '%s'", desc ? "desc" : "asc",
				first ? "first" : "last");
		}
	}
	buf_putc(c->out, ')');
	return rc != 0 ? rc : print_suffix(c, k);
}

/* lag, lead, first_value, last_value in SQLite: IGNORE NULLS is not there. */
static int print_navigation(struct print *c, const struct call *k)
{
	if (rs_get_flag(k->body, "rs_ignore_nulls")) {
		return print_refuse(c, "IGNORE NULLS");
	}
	return print_template(c, k,
		strcmp(k->function->name, "lag") == 0		? "{lag($*)}"
		: strcmp(k->function->name, "lead") == 0	? "{lead($*)}"
		: strcmp(k->function->name, "first_value") == 0 ? "{first_value($1)}"
								: "{last_value($1)}");
}

/* ---- one call ---- */

static const struct {
	const char *name;
	int (*print)(struct print *c, const struct call *k);
} specials[] = {
	{"@add_months", print_add_months},
	{"@avg", print_avg},
	{"@compare", print_compare},
	{"@date_part", print_date_part},
	{"@dateadd", print_dateadd},
	{"@datediff", print_datediff},
	{"@extract", print_extract},
	{"@first", print_navigation},
	{"@initcap", print_initcap},
	{"@lag", print_navigation},
	{"@last", print_navigation},
	{"@lead", print_navigation},
	{"@listagg", print_listagg},
	{"@median", print_median},
	{"@mod", print_mod},
	{"@months_between", print_months_between},
	{"@next_day", print_next_day},
	{"@now", print_now},
	{"@percentile_disc", print_percentile_disc},
	{"@regexp_instr", print_regexp_instr},
	{"@strtol", print_strtol},
	{"@substring", print_substring},
	{"@to_char", print_to_char},
	{"@to_date", print_to_date},
	{"@to_timestamp", print_to_timestamp},
	{"@trunc", print_trunc},
};

/* A call that was made by plan/ has no row of the table yet. */
static unsigned row_of(const json_t *body)
{
	const json_t *row = json_object_get(body, "rs_row");
	const json_t *list = json_object_get(body, "args");
	json_t *args[8];
	size_t n = json_array_size(list);

	if (row != NULL || n > COUNT(args)) {
		return (unsigned)json_integer_value(row);
	}
	for (size_t i = 0; i < n; i++) {
		args[i] = json_array_get(list, i);
	}
	return rs_function_choose(rs_get_text(body, "rs_function"), args, n);
}

int print_call(struct print *c, const json_t *node)
{
	const json_t *body = rs_node_body(node);
	unsigned row = row_of(body);
	const struct rs_function *f = &rs_functions[row];
	struct call k = {body, json_object_get(body, "args"), rs_type_of(node), f};
	const char *template = print_lite(c) ? f->sqlite : f->duckdb;

	if (row >= rs_n_functions) {
		return err_set(c->err, EINVAL, "there is no function %s for these arguments",
			rs_get_text(body, "rs_function"));
	}
	if (template == NULL) {
		return print_refuse(c, f->name);
	}
	if (template[0] != '@') {
		return print_template(c, &k, template);
	}
	for (size_t i = 0; i < COUNT(specials); i++) {
		if (strcmp(specials[i].name, template) == 0) {
			return specials[i].print(c, &k);
		}
	}
	return print_refuse(c, f->name);
}
