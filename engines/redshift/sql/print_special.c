/* Calls that no template can say: texts, numbers, aggregates. */
#include "engines/redshift/sql/print_impl.h"

/* ---- texts ---- */

/* Positions before the first are counted, but hold nothing. */
static int print_substring(struct print *c, const struct print_call *k)
{
	const char *max = print_lite(c) ? "max" : "greatest";

	buf_printf(c->out, "%s(", print_lite(c) ? "substr" : "substring");
	int rc = print_node(c, print_argument(k, 0));

	buf_printf(c->out, ", %s(", max);
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 1));
	buf_printf(c->out, ", 1), %s(", max);
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 1));
	buf_puts(c->out, " + ");
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 2));
	buf_printf(c->out, ", 1) - %s(", max);
	rc = rc != 0 ? rc : print_node(c, print_argument(k, 1));
	buf_puts(c->out, ", 1))");
	return rc;
}

static int print_initcap(struct print *c, const struct print_call *k)
{
	return print_template(c, k,
		"CASE WHEN $1 = '' THEN '' ELSE list_aggregate(list_transform(range(1, length($1) "
		"+ 1), "
		"lambda rs_i: CASE WHEN rs_i > 1 AND regexp_matches(substring($1, rs_i - 1, 1), "
		"'[[:alnum:]]') THEN lower(substring($1, rs_i, 1)) ELSE upper(substring($1, rs_i, "
		"1)) "
		"END), 'string_agg', '') END");
}

static int print_regexp_instr(struct print *c, const struct print_call *k)
{
	return print_template(c, k,
		"CASE WHEN regexp_matches($1, $2) THEN CAST(length(regexp_extract($1, "
		"'(?s)^(.*?)(?:' || "
		"$2 || ')', 1)) + 1 AS INTEGER) WHEN $1 IS NOT NULL AND $2 IS NOT NULL THEN 0 END");
}

static int print_strtol(struct print *c, const struct print_call *k)
{
	return print_template(c, k,
		"(CASE WHEN left($1, 1) = '-' THEN -1 ELSE 1 END * "
		"list_reduce(list_transform(string_split(ltrim(lower($1), '-'), ''), lambda rs_x: "
		"CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', rs_x) - 1 AS BIGINT)), lambda "
		"rs_a, rs_b: rs_a * $2 + rs_b))");
}

/* ---- numbers ---- */

static int print_mod(struct print *c, const struct print_call *k)
{
	json_t *node = json_pack("{s:{s:s,s:[{s:{s:s}}],s:O,s:O}}", "A_Expr", "kind", "AEXPR_OP",
		"name", "String", "sval", "%", "lexpr", print_argument(k, 0), "rexpr",
		print_argument(k, 1));
	int rc;

	if (node == NULL) {
		return err_set(c->err, ENOMEM, "no memory for the query");
	}
	rs_set_type(node, k->t);
	rc = print_operator(c, node);
	json_decref(node);
	return rc;
}

static int print_trunc(struct print *c, const struct print_call *k)
{
	const json_t *digits = json_object_get(rs_node_as(print_argument(k, 1), "A_Const"), "ival");
	int64_t n = rs_get_number(digits, "ival");

	if (digits == NULL || n < 0) {
		return print_refuse(c, "trunc to digits that are not written out, or fewer than 0");
	}
	if (n >= k->t.scale) {
		return print_node(c, print_argument(k, 0));
	}
	buf_puts(c->out, "CAST(trunc(");
	int rc = print_node(c, print_argument(k, 0));

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

static int print_avg(struct print *c, const struct print_call *k)
{
	CLEANUP(buf_free) struct buf sum = BUF_INIT;
	CLEANUP(buf_free) struct buf count = BUF_INIT;
	int rc = print_template_apart(c, k, "{sum($d$1)}", &sum);

	rc = rc != 0 ? rc : print_template_apart(c, k, "{count($d$1)}", &count);
	if (rc == 0) {
		print_quotient(c->out, buf_cstr(&sum), k->t, buf_cstr(&count),
			(struct sql_type){.kind = SQL_BIGINT}, k->t);
	}
	return rc;
}

/* Of DECIMALs: the mean of the two in the middle, exact. */
static int print_median(struct print *c, const struct print_call *k)
{
	CLEANUP(buf_free) struct buf sum = BUF_INIT;
	struct sql_type twice = k->t;
	int rc;

	twice.scale--;
	rc = print_template_apart(
		c, k, "({quantile_disc($1, 0.5)} + coalesce(-{quantile_disc(-$1, 0.5)}, 0))", &sum);
	if (rc == 0) {
		print_quotient(c->out, buf_cstr(&sum), twice, "2",
			(struct sql_type){.kind = SQL_BIGINT}, k->t);
	}
	return rc;
}

static int print_percentile_disc(struct print *c, const struct print_call *k)
{
	if (print_lite(c)) {
		return print_template(c, k,
			rs_type_of(print_argument(k, 1)).kind == SQL_DECIMAL
				? "{rs_percentile_disc($p, $2, 1)}"
				: "{rs_percentile_disc($p, $2)}");
	}
	if (rs_get_flag(k->body, "rs_descending")) {
		return print_template(
			c, k, "{percentile_disc($1) WITHIN GROUP (ORDER BY $2 DESC)}");
	}
	return print_template(c, k, "{quantile_disc($2, $1)}");
}

static int print_listagg(struct print *c, const struct print_call *k)
{
	const json_t *order = json_object_get(k->body, "agg_order");
	bool separator = json_array_size(k->args) > 1;
	bool lite = print_lite(c);
	int rc;

	buf_printf(c->out, "%s(%s", lite ? "rs_listagg" : "string_agg",
		!lite && rs_get_flag(k->body, "agg_distinct") ? "DISTINCT " : "");
	rc = print_node(c, print_argument(k, 0));
	buf_puts(c->out, ", ");
	if (separator) {
		rc = rc != 0 ? rc : print_node(c, print_argument(k, 1));
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

			const json_t *key = json_object_get(one, "node");

			buf_puts(c->out, ", ");
			rc = rc != 0 ? rc : print_node(c, key);
			buf_printf(c->out, ", '%s%s', '%s'", desc ? "desc" : "asc",
				rs_type_of(key).kind == SQL_DECIMAL ? " decimal" : "",
				first ? "first" : "last");
		}
	}
	buf_putc(c->out, ')');
	return rc != 0 ? rc : print_suffix(c, k);
}

/* lag, lead, first_value, last_value in SQLite: IGNORE NULLS is not there. */
static int print_navigation(struct print *c, const struct print_call *k)
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

const struct print_special print_other_specials[] = {
	{"@avg", print_avg},
	{"@first", print_navigation},
	{"@initcap", print_initcap},
	{"@lag", print_navigation},
	{"@last", print_navigation},
	{"@lead", print_navigation},
	{"@listagg", print_listagg},
	{"@median", print_median},
	{"@mod", print_mod},
	{"@percentile_disc", print_percentile_disc},
	{"@regexp_instr", print_regexp_instr},
	{"@strtol", print_strtol},
	{"@substring", print_substring},
	{"@trunc", print_trunc},
	{0},
};
