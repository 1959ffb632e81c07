/* What bind.h promises: types of expressions, and what a wrong query is told. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/unit/fixture.h"
#include "tests/unit/redshift_sql.h"

static struct test_tables tables;
static struct err err;

static int bind(const char *text, json_t **tree, struct rs_bound *bound)
{
	struct rs_resolver resolver = test_resolver(&tables);
	err_clear(&err);
	*tree = test_parse(text, &err);
	return *tree == NULL ? -EINVAL
			     : rs_bind_select(*tree, slice_of(text), &resolver, bound, &err);
}

/* ---- types ---- */

static const struct {
	const char *expression;
	const char *type;
} types[] = {
	{"1", "integer"},
	{"3000000000", "bigint"},
	{"1.50", "numeric(3,2)"},
	{"1e5", "double precision"},
	{"'abc'", "varchar(3)"},
	{"true", "boolean"},
	{"null", "varchar(1)"},
	{"i2 + i2", "smallint"},
	{"i2 + i4", "integer"},
	{"i2 + 1", "integer"},
	{"i4 * i8", "bigint"},
	{"i4 / 2", "integer"},
	{"d1 + d2", "numeric(19,4)"},
	{"d1 * d2", "numeric(29,7)"},
	{"d1 / d2", "numeric(29,18)"},
	{"d1 + i4", "numeric(14,3)"},
	{"d1 * f4", "double precision"},
	{"f4 + f4", "real"},
	{"f4 + i4", "double precision"},
	{"i4 ^ 2", "double precision"},
	{"-d1", "numeric(10,3)"},
	{"d + 1", "date"},
	{"d - d", "integer"},
	{"d + interval '1 day'", "timestamp"},
	{"ts - interval '1 day'", "timestamp"},
	{"t || c", "varchar(45)"},
	{"i4 = 1", "boolean"},
	{"t like 'a%'", "boolean"},
	{"case when b then 1 else 2.5 end", "numeric(11,1)"},
	{"coalesce(i2, i4)", "integer"},
	{"nullif(d1, 0)", "numeric(10,3)"},
	{"greatest(i4, d1)", "numeric(13,3)"},
	{"nvl2(t, 1, 2)", "integer"},
	{"decode(i4, 1, 'a', 'bcd')", "varchar"},
	{"i4::decimal(5,1)", "numeric(5,1)"},
	{"t::char(3)", "char(3)"},
	{"cast('5' as bigint)", "bigint"},
	{"date_trunc('month', d)", "timestamp"},
	{"dateadd(month, 1, d)", "timestamp"},
	{"datediff(day, d, ts)", "bigint"},
	{"extract(year from d)", "bigint"},
	{"last_day(d)", "date"},
	{"len(t)", "integer"},
	{"upper(t)", "varchar(40)"},
	{"round(d1, 1)", "numeric(11,3)"},
	{"ceil(d1)", "numeric(8,0)"},
	{"abs(i2)", "smallint"},
	{"current_date", "date"},
	{"getdate()", "timestamp"},
};

START_TEST(expressions_have_the_types_of_redshift)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		struct rs_bound bound = {0};
		json_t *tree;
		buf_printf(&text, "select %s as x from mixed", types[i].expression);
		int rc = bind(buf_cstr(&text), &tree, &bound);
		ck_assert_msg(rc == 0, "%s: %s", types[i].expression, err.msg);
		sql_type_name(bound.columns[0].type, &name);
		ck_assert_msg(strcmp(buf_cstr(&name), types[i].type) == 0, "%s is %s, not %s",
			types[i].expression, buf_cstr(&name), types[i].type);
		rs_bound_clear(&bound);
		json_decref(tree);
	}
}
END_TEST

static const struct {
	const char *expression;
	const char *type;
} aggregates[] = {
	{"count(*)", "bigint"},
	{"sum(i2)", "bigint"},
	{"sum(i8)", "bigint"},
	{"sum(d1)", "numeric(38,3)"},
	{"sum(f4)", "double precision"},
	{"avg(i4)", "bigint"},
	{"avg(d1)", "numeric(38,3)"},
	{"avg(f8)", "double precision"},
	{"min(t)", "varchar(40)"},
	{"max(d)", "date"},
	{"median(i4)", "numeric(38,1)"},
	{"median(d1)", "numeric(38,4)"},
	{"median(f8)", "double precision"},
	{"stddev(i4)", "double precision"},
	{"listagg(t, ',')", "varchar"},
	{"percentile_cont(0.5) within group (order by d1)", "numeric(38,7)"},
	{"percentile_disc(0.5) within group (order by d1)", "numeric(10,3)"},
	{"row_number() over (order by i4)", "bigint"},
	{"lag(d1) over (order by i4)", "numeric(10,3)"},
	{"sum(i4) over (partition by b)", "bigint"},
	{"ratio_to_report(i4) over ()", "double precision"},
};

START_TEST(aggregates_have_the_types_of_redshift)
{
	for (size_t i = 0; i < sizeof aggregates / sizeof *aggregates; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		struct rs_bound bound = {0};
		json_t *tree;
		buf_printf(&text, "select %s from mixed", aggregates[i].expression);
		int rc = bind(buf_cstr(&text), &tree, &bound);
		ck_assert_msg(rc == 0, "%s: %s", aggregates[i].expression, err.msg);
		sql_type_name(bound.columns[0].type, &name);
		ck_assert_msg(strcmp(buf_cstr(&name), aggregates[i].type) == 0, "%s is %s, not %s",
			aggregates[i].expression, buf_cstr(&name), aggregates[i].type);
		rs_bound_clear(&bound);
		json_decref(tree);
	}
}
END_TEST

/* ---- errors ---- */

static const struct {
	const char *query;
	int code;
	const char *message;
} wrong[] = {
	{"select slaesid from sales", EINVAL,
		"line 1, column 8: column \"slaesid\" does not exist in sales; salesid is near"},
	{"select x.qty from sales s", EINVAL, "line 1, column 8: \"x\" is not in FROM; s is near"},
	{"select s.qtty\n  from sales s", EINVAL,
		"line 1, column 8: column \"qtty\" does not exist in s; qty is near"},
	{"select 1 from nowhere", ENOENT, "line 1, column 15: relation \"nowhere\" does not exist"},
	{"select catid from event, category", EINVAL,
		"line 1, column 8: column \"catid\" is ambiguous: more than one of FROM has it"},
	{"select 1\nfrom sales where\n qty + saledate > 'x' and qty = true", EINVAL, NULL},
	{"select 1 from sales where qty = true", EINVAL,
		"line 1, column 27: smallint = boolean: they cannot be compared; a cast (::) tells "
		"which "
		"type is meant"},
	{"select 1 from sales where sum(qty) > 1", EINVAL,
		"line 1, column 27: an aggregate cannot stand in WHERE; HAVING takes them"},
	{"select qty, count(*) from sales", EINVAL,
		"line 1, column 8: column \"qty\" has to stand in GROUP BY or in an aggregate"},
	{"select sellerid, sum(qty) from sales group by qty", EINVAL,
		"line 1, column 8: column \"sellerid\" has to stand in GROUP BY or in an "
		"aggregate"},
	{"select read_csv('/etc/passwd')", EINVAL,
		"line 1, column 8: there is no function read_csv"},
	{"select uppper('a')", EINVAL,
		"line 1, column 8: there is no function uppper; upper is near"},
	{"select length(qty) from sales", EINVAL,
		"line 1, column 8: length(smallint): it takes length(text)"},
	{"select qty from sales group by 2", EINVAL,
		"line 1, column 32: GROUP BY 2: the select list has columns 1 to 1"},
	{"select qty from sales union select eventname from event", EINVAL,
		"column 1 of the arms of UNION is smallint and varchar(200): they have no type in "
		"common"},
	{"select 1 union select 1, 2", EINVAL,
		"the arms of UNION have 1 and 2 columns: they have to be as many"},
	{"select 1 from sales where saledate > '2008-13-01'", EINVAL, NULL},
	{"select distinct on (qty) qty from sales", ENOTSUP, NULL},
	{"select 1 from sales, lateral (select 1) x", ENOTSUP, NULL},
	{"select 1 from generate_series(1, 2)", ENOTSUP, NULL},
	{"select row_number() from sales", EINVAL,
		"line 1, column 8: row_number is a window function: it wants OVER (…)"},
	{"select sum(sum(qty)) from sales", EINVAL, NULL},
	{"select 'a' + 1 from sales where true", EINVAL, NULL},
	{"select 1 from sales s join event s on true", EINVAL, NULL},
	{"select 1 from sales where qty", EINVAL,
		"line 1, column 27: WHERE wants a condition; this is smallint"},
	{"select (select 1, 2)", EINVAL, NULL},
	{"select dateadd(fortnight, 1, saledate) from sales", EINVAL, NULL},
	{"select abc", EINVAL, NULL},
};

START_TEST(wrong_queries_are_told_what_and_where)
{
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct rs_bound bound = {0};
		json_t *tree;
		int rc = bind(wrong[i].query, &tree, &bound);
		ck_assert_msg(rc == -wrong[i].code, "%s: %d %s", wrong[i].query, rc, err.msg);
		if (wrong[i].message != NULL) {
			ck_assert_str_eq(err.msg, wrong[i].message);
		}
		ck_assert_uint_eq(bound.n_relations, 0);
		rs_bound_clear(&bound);
		json_decref(tree);
	}
}
END_TEST

/* ---- names ---- */

START_TEST(relations_are_counted_and_named_once)
{
	struct rs_bound bound = {0};
	json_t *tree;
	int rc =
		bind("select s.qty, (select max(s.qty) from sales s) from sales s join sales t "
		     "using (salesid) where exists (select 1 from event where eventid = s.eventid)",
			&tree, &bound);
	ck_assert_msg(rc == 0, "%s", err.msg);
	ck_assert_uint_eq(bound.n_relations, 4);
	const json_t *join =
		json_object_get(json_array_get(json_object_get(tree, "fromClause"), 0), "JoinExpr");
	ck_assert(json_object_get(join, "usingClause") == NULL);
	ck_assert(json_object_get(join, "quals") != NULL);
	rs_bound_clear(&bound);
	json_decref(tree);
}
END_TEST

static void printed(const char *text, struct sql_type to, const char *want)
{
	struct rs_resolver resolver = test_resolver(&tables);
	struct rs_printer p = {.dialect = SQL_DUCKDB};
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	CLEANUP(buf_free) struct buf plain = BUF_INIT;
	json_t *tree = NULL;
	err_clear(&err);
	ck_assert_int_eq(rs_expression_parse(slice_of(text), &tree, &err), 0);
	int rc = rs_bind_expression(&tree,
		strchr(text, 'q') != NULL ? &tables.of[2].relation : NULL, &resolver, to, &err);
	ck_assert_msg(rc == 0, "%s", err.msg);
	ck_assert_int_eq(rs_print_expression(&p, tree, &out, &err), 0);
	ck_assert_str_eq(buf_cstr(&out), want);
	rs_print_plain(tree, &plain);
	ck_assert_uint_gt(plain.n, 0);
	json_decref(tree);
}

START_TEST(expressions_alone_are_bound)
{
	printed("1 + 2", (struct sql_type){.kind = SQL_INTEGER}, "(1 + 2)");
	printed("qty > 3 and qty is not null", (struct sql_type){.kind = SQL_BOOLEAN},
		"((\"sales\".\"qty\" > 3) AND (\"sales\".\"qty\" IS NOT NULL))");
	printed("'2008-01-01'", (struct sql_type){.kind = SQL_DATE}, "CAST('2008-01-01' AS DATE)");
	printed("-5", (struct sql_type){.kind = SQL_INTEGER}, "-5");
}
END_TEST

static void setup(void)
{
	test_tables_read(&tables);
}

static void teardown(void)
{
	test_tables_free(&tables);
}

int main(void)
{
	Suite *s = suite_create("redshift_bind");
	TCase *t = tcase_create("bind");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, expressions_have_the_types_of_redshift);
	tcase_add_test(t, aggregates_have_the_types_of_redshift);
	tcase_add_test(t, wrong_queries_are_told_what_and_where);
	tcase_add_test(t, relations_are_counted_and_named_once);
	tcase_add_test(t, expressions_alone_are_bound);
	suite_add_tcase(s, t);
	return run_suite(s);
}
