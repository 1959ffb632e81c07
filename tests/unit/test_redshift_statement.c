/* Scripts in Redshift's dialect: what each statement becomes, and what each wrong one is told. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/statement.h"
#include "tests/unit/fixture.h"

static struct rs_statement *only(const char *script)
{
	struct err err = {0};
	struct rs_statement *s = NULL;
	struct rs_statement *more = NULL;
	size_t at = 0;
	int rc = rs_statement_next(slice_of(script), &at, &s, &err);
	ck_assert_msg(rc == 1, "%s: %s", script, err.msg);
	ck_assert_int_eq(rs_statement_next(slice_of(script), &at, &more, &err), 0);
	ck_assert_ptr_null(more);
	return s;
}

static void said(const char *script, char *out, size_t room)
{
	struct err err = {0};
	struct rs_statement *s = NULL;
	size_t at = 0;
	int rc = 1;
	while (rc == 1) {
		rc = rs_statement_next(slice_of(script), &at, &s, &err);
		if (rc == 1) {
			rs_statement_free(s);
		}
	}
	snprintf(out, room, "%s", rc == 0 ? "fine" : err.msg);
	ck_assert_int_eq(-rc, err.code);
}

static const struct {
	const char *script;
	enum rs_statement_kind kind;
} kinds[] = {
	{"select 1", RS_SELECT},
	{"(select 1) union (select 2);", RS_SELECT},
	{"values (1), (2)", RS_SELECT},
	{"with a as (select 1) select * from a", RS_SELECT},
	{"insert into t values (1, 'a;b')", RS_INSERT},
	{"insert into t (select * from u)", RS_INSERT},
	{"update t set a = 1 where b = 2", RS_UPDATE},
	{"delete from t", RS_DELETE},
	{"delete t where a = 1", RS_DELETE},
	{"merge into t using u on t.a = u.a when matched then update set b = u.b when not "
	 "matched then insert values (u.a, u.b)",
		RS_MERGE},
	{"explain select 1", RS_EXPLAIN},
	{"explain verbose select 1", RS_EXPLAIN},
	{"create table t (a int)", RS_CREATE_TABLE},
	{"create table t as select 1 as a", RS_CREATE_TABLE_AS},
	{"create table t (a, b) distkey(a) sortkey(b) as select 1, 2", RS_CREATE_TABLE_AS},
	{"select 1 as a into t", RS_CREATE_TABLE_AS},
	{"select * into #t from u", RS_CREATE_TABLE_AS},
	{"drop table if exists a, b.c cascade", RS_DROP_TABLE},
	{"alter table t rename to u", RS_ALTER_TABLE},
	{"truncate table t", RS_TRUNCATE},
	{"create schema if not exists s authorization me", RS_CREATE_SCHEMA},
	{"drop schema s restrict", RS_DROP_SCHEMA},
	{"create or replace view v as select 1 with no schema binding", RS_CREATE_VIEW},
	{"drop view v", RS_DROP_VIEW},
	{"copy t from 's3://b/k'", RS_COPY},
	{"unload ('select 1') to 's3://b/k'", RS_UNLOAD},
	{"vacuum", RS_VACUUM},
	{"vacuum sort only t to 99 percent boost", RS_VACUUM},
	{"analyze t (a, b) predicate columns", RS_ANALYZE},
	{"analyze", RS_ANALYZE},
	{"begin", RS_BEGIN},
	{"begin work isolation level serializable", RS_BEGIN},
	{"start transaction", RS_BEGIN},
	{"commit", RS_COMMIT},
	{"end transaction", RS_COMMIT},
	{"rollback work", RS_ROLLBACK},
	{"abort", RS_ROLLBACK},
	{"create external schema e from data catalog database 'd' iam_role default",
		RS_CREATE_EXTERNAL_SCHEMA},
	{"create external table e.t (a int) location 's3://b/t/'", RS_CREATE_EXTERNAL_TABLE},
	{"alter table e.t add partition (d='2008-01') location 's3://b/t/d=2008-01/'",
		RS_ALTER_EXTERNAL_TABLE},
	{"alter table e.t drop partition (d='2008-01', n=3)", RS_ALTER_EXTERNAL_TABLE},
	{"comment on column t.a is 'what it''s for'", RS_COMMENT},
	{"set query_group to 'x'", RS_SET},
	{"grant select on t to me", RS_SET},
	{"revoke all on t from me", RS_SET},
	{"reset query_group", RS_SET},
	{"alter schema s owner to me", RS_SET},
	{"alter default privileges grant select on tables to me", RS_SET},
};

START_TEST(test_each_kind_of_statement)
{
	struct rs_statement *s = only(kinds[_i].script);
	ck_assert_msg(s->kind == kinds[_i].kind, "%s: %d", kinds[_i].script, (int)s->kind);
	bool tree = s->kind == RS_SELECT || s->kind == RS_INSERT || s->kind == RS_UPDATE ||
		    s->kind == RS_DELETE || s->kind == RS_MERGE || s->kind == RS_EXPLAIN ||
		    s->kind == RS_CREATE_TABLE_AS || s->kind == RS_CREATE_VIEW;
	ck_assert(tree == (s->tree != NULL));
	rs_statement_free(s);
}
END_TEST

static const struct {
	const char *script;
	const char *message;
} wrong[] = {
	{"selct 1",
		"line 1, column 1: found selct; a statement is expected (did you mean SELECT?)"},
	{"42", "line 1, column 1: found 42; a statement is expected"},
	{"show tables", "line 1, column 1: SHOW is not supported here"},
	{"select 1;\n\nselect * frm t", "line 3, column 10: found frm; something that can stand "
					"here is expected (did you mean FROM?)"},
	{"select 'é' frm t where",
		"line 1, column 16: found t; something that can stand here is expected"},
	{"select (1", "line 1, column 10: found the end of the statement; something that can stand "
		      "here is expected"},
	{"select 'a\nb", "line 1, column 8: a quote opens here that is not closed"},
	{"select \"a", "line 1, column 8: a quote opens here that is not closed"},
	{"select $$a", "line 1, column 8: a quote opens here that is not closed"},
	{"select 1 /* a /* b */", "line 1, column 10: a comment begins here that does not end"},
	{"select '\xff'", "line 1, column 9: found the byte 0xff; UTF-8 is expected"},
	{"select top 3 a from t limit 4",
		"line 1, column 8: TOP and LIMIT; one of them is expected"},
	{"select a from t qualify a, b",
		"line 1, column 17: found QUALIFY with a list; one condition is expected"},
	{"select convert(int, 1, 2)", "line 1, column 8: found CONVERT of something else; "
				      "CONVERT(type, value) is expected"},
	{"select * from t pivot (sum(a) for b in (1))",
		"line 1, column 17: pivot is not supported here"},
	{"merge into t using u on true remove duplicates",
		"line 1, column 30: remove duplicates is not supported here"},
	{"explain delete from t",
		"line 1, column 9: EXPLAIN is not supported here but for a SELECT"},
	{"explain", "line 1, column 8: found the end of the statement; a SELECT is expected"},
	{"create tabel t (a int)",
		"line 1, column 8: found tabel; what to CREATE is expected (did you mean TABLE?)"},
	{"create user u password 'x'", "line 1, column 8: CREATE user is not supported here"},
	{"create temp view v as select 1", "line 1, column 13: found view; TABLE is expected"},
	{"create table", "line 1, column 13: found the end of the statement; a table is expected"},
	{"create table t",
		"line 1, column 15: found the end of the statement; ( or AS is expected"},
	{"create table a.b.c (d int)", "line 1, column 17: a name of three parts; SCHEMA.NAME is "
				       "expected, of this cluster"},
	{"create table t (\na integr)",
		"line 2, column 3: found integr; a type is expected (did you mean INTEGER?)"},
	{"create table t (a super)", "line 1, column 19: the type super is not supported here"},
	{"create table t (a decimal(39))",
		"line 1, column 27: 39; a precision from 0 to 38 is expected"},
	{"create table t (a decimal(5,6))", "line 1, column 31: DECIMAL(5,6); a precision from 1 "
					    "to 38 and a scale of at most that is expected"},
	{"create table t (a varchar(0))",
		"line 1, column 29: a length of 0; 1 to 65535 bytes is expected"},
	{"create table t (a char(5000))",
		"line 1, column 24: 5000; a length in bytes from 0 to 4096 is expected"},
	{"create table t (a time with time zone)",
		"line 1, column 24: TIME WITH TIME ZONE is not supported here"},
	{"create table t (a int defalt 1)",
		"line 1, column 23: found defalt; an attribute of a column, ',' or ')' is expected "
		"(did you mean DEFAULT?)"},
	{"create table t (a int default)", "line 1, column 30: found ); an expression is expected"},
	{"create table t (a int default 1 +)", "line 1, column 31: in an expression: found ); "
					       "something that can stand here is expected"},
	{"create table t (a int identity(1))", "line 1, column 33: found ); , is expected"},
	{"create table t (a int identity(1,x))", "line 1, column 34: found x; a step is expected"},
	{"create table t (a int default 1 identity(1,1))",
		"line 1, column 46: column a has DEFAULT and IDENTITY; one is expected"},
	{"create table t (a int generated always as identity(1,1))",
		"line 1, column 33: found always; BY is expected"},
	{"create table t (a int encode zst)",
		"line 1, column 30: found zst; an encoding is expected (did you mean ZSTD?)"},
	{"create table t (a int not nul)", "line 1, column 27: found nul; NULL is expected"},
	{"create table t (a int distkey distkey)",
		"line 1, column 38: DISTKEY is told twice for a column"},
	{"create table t (a varchar(3) collate ci)",
		"line 1, column 38: COLLATE CASE_INSENSITIVE is not supported here"},
	{"create table t (a int, b int",
		"line 1, column 29: found the end of the statement; , or ) is expected"},
	{"create table t (a)",
		"line 1, column 19: column a has no type; one is expected, or AS and a SELECT"},
	{"create table t (a int) as select 1", "line 1, column 27: found AS, and column a has a "
					       "type; names alone are expected before AS"},
	{"create table t as delete from u",
		"line 1, column 19: found another statement; a SELECT is expected"},
	{"create table t (a int, constraint c check (a > 1))",
		"line 1, column 37: found check; UNIQUE, PRIMARY KEY or FOREIGN KEY is expected"},
	{"create table t (a int, primary key a)", "line 1, column 36: found a; ( is expected"},
	{"create table t (a int, foreign key (a) b)",
		"line 1, column 40: found b; REFERENCES is expected"},
	{"create table t (a int) diststyle odd",
		"line 1, column 34: found odd; AUTO, EVEN, KEY or ALL is expected"},
	{"create table t (a int) diststyle all diststyle all",
		"line 1, column 48: DISTSTYLE is told twice; one is expected"},
	{"create table t (a int) distkey(a) distkey(a)",
		"line 1, column 42: DISTKEY is told twice; one is expected"},
	{"create table t (a int distkey, b int distkey)",
		"line 1, column 46: DISTKEY is told twice, a and b; one is expected"},
	{"create table t (a int) sortkey(a) sortkey(a)",
		"line 1, column 35: SORTKEY is told twice; one is expected"},
	{"create table t (a int sortkey) sortkey(a)",
		"line 1, column 42: SORTKEY is told twice, for the table and for column a; one is "
		"expected"},
	{"create table t (a int sortkey) sortkey auto",
		"line 1, column 44: SORTKEY AUTO and a SORTKEY a; one is expected"},
	{"create table t (a int) sortkey(a",
		"line 1, column 33: found the end of the statement; , or ) is expected"},
	{"create table t (a int) compound distkey(a)",
		"line 1, column 33: found distkey; SORTKEY is expected"},
	{"create table t (a int) dystkey(a)", "line 1, column 24: found dystkey; an attribute of a "
					      "table is expected (did you mean DISTKEY?)"},
	{"create table t (a int) backup maybe",
		"line 1, column 31: found maybe; YES or NO is expected"},
	{"create table t (a int) encode lzo", "line 1, column 31: found lzo; AUTO is expected"},
	{"create table t (like u including)", "line 1, column 33: found ); DEFAULTS is expected"},
	{"create table if exists t (a int)", "line 1, column 17: found exists; NOT is expected"},
	{"create view v", "line 1, column 14: found the end of the statement; AS is expected"},
	{"create view v as select 1 into t",
		"line 1, column 18: found INTO in a view; a plain SELECT is expected"},
	{"create external view v", "line 1, column 17: found view; SCHEMA or TABLE is expected"},
	{"create schema s quota 5 gb", "line 1, column 17: QUOTA is not supported here"},
	{"drop index i", "line 1, column 6: DROP index is not supported here"},
	{"drop tabel t",
		"line 1, column 6: found tabel; what to DROP is expected (did you mean TABLE?)"},
	{"drop table t u", "line 1, column 14: found u; the end of the statement is expected"},
	{"truncate 5", "line 1, column 10: found 5; a table is expected"},
	{"vacuum t to 200 percent",
		"line 1, column 13: 200; a percentage from 0 to 100 is expected"},
	{"analyze compression t", "line 1, column 9: ANALYZE COMPRESSION is not supported here"},
	{"comment on tabel t is 'x'", "line 1, column 12: found tabel; what to COMMENT ON is "
				      "expected (did you mean TABLE?)"},
	{"comment on table t is 5",
		"line 1, column 23: found 5; a text in quotes or NULL is expected"},
	{"set", "line 1, column 4: found the end of the statement; more of the statement is "
		"expected"},
	{"start", "line 1, column 6: found the end of the statement; TRANSACTION is expected"},
	{"rollback to a", "line 1, column 10: ROLLBACK TO a savepoint is not supported here"},
	{"alter view v", "line 1, column 7: found view; what to ALTER is expected"},
	{"alter schema s rename to t",
		"line 1, column 16: ALTER SCHEMA but for OWNER TO is not supported here"},
	{"alter table t renam a to b", "line 1, column 15: found renam; ADD, DROP, RENAME, ALTER, "
				       "SET SCHEMA or OWNER TO is expected (did you mean RENAME?)"},
	{"alter table t append from u",
		"line 1, column 15: this form of ALTER TABLE is not supported here"},
	{"alter table t add column a int distkey",
		"line 1, column 39: a column that is added cannot have DISTKEY, SORTKEY or "
		"IDENTITY; ADD COLUMN name type [DEFAULT x] [ENCODE x] [NOT NULL] is expected"},
	{"alter table t add if not exists a int",
		"line 1, column 33: found a; PARTITION is expected"},
	{"alter table t alter column a type int",
		"line 1, column 35: found another type; VARCHAR(n) is expected, the only one whose "
		"size can be changed"},
	{"alter table t alter column a set default 1",
		"line 1, column 30: found set; TYPE or ENCODE is expected"},
	{"alter table t set location 's3://b'",
		"line 1, column 19: ALTER TABLE … SET but for SCHEMA is not supported here"},
	{"alter table t set a", "line 1, column 19: found a; SCHEMA is expected"},
	{"alter table t add a int, add b int",
		"line 1, column 24: more than one change in a statement is not supported here; one "
		"ALTER TABLE each is expected"},
	{"alter table e.t add partition (a) location 'x'",
		"line 1, column 33: found ); = is expected"},
	{"alter table e.t add partition (a=1)",
		"line 1, column 36: found the end of the statement; LOCATION is expected"},
	{"alter table e.t add partition (a=1) location 'x' partition (a=2) location 'y'",
		"line 1, column 50: more than one PARTITION in a statement is not supported here"},
	{"create external schema e from hive metastore",
		"line 1, column 31: CREATE EXTERNAL SCHEMA but FROM DATA CATALOG is not supported "
		"here"},
	{"create external schema e from data catalog",
		"line 1, column 43: found the end of the statement; DATABASE and its name in "
		"quotes is expected"},
	{"create external schema e from data catalog databse 'd'",
		"line 1, column 44: found databse; DATABASE, REGION, IAM_ROLE or CREATE EXTERNAL "
		"DATABASE is expected (did you mean DATABASE?)"},
	{"create external table t (a int) location 'x'",
		"line 1, column 23: found a table without a schema; that of an external schema is "
		"expected, SCHEMA.TABLE"},
	{"create external table e.t (a int)", "line 1, column 34: found the end of the statement; "
					      "LOCATION and an address is expected"},
	{"create external table e.t (a int) stored as orc location 'x'",
		"line 1, column 45: STORED AS that format is not supported here"},
	{"create external table e.t (a int) stored as parket location 'x'",
		"line 1, column 45: found parket; TEXTFILE, PARQUET, JSON or CSV is expected (did "
		"you mean PARQUET?)"},
	{"create external table e.t (a int) row format x",
		"line 1, column 46: found x; DELIMITED or SERDE is expected"},
	{"create external table e.t (a int) row format delimited fields terminated '|'",
		"line 1, column 74: found a text in quotes; BY is expected"},
	{"create external table e.t (a int) row format delimited escaped by 'x' location 'x'",
		"line 1, column 56: this part of ROW FORMAT DELIMITED is not supported here"},
	{"create external table e.t (a int) location 'x' location 'y'",
		"line 1, column 57: LOCATION is told twice"},
	{"create external table e.t (a int) location 'x' table properties "
	 "('skip.header.line.count'='x')",
		"line 1, column 94: skip.header.line.count is 'x'; a count is expected"},
	{"create external table e.t as select 1", "line 1, column 27: found as; ( is expected"},
	{"copy t", "line 1, column 7: found the end of the statement; FROM is expected"},
	{"copy t from x", "line 1, column 13: found x; an address in quotes is expected"},
	{"copy t from 'dynamodb://t'", "line 1, column 13: dynamodb:// is not supported here"},
	{"copy t (a, from 's3://b'",
		"line 1, column 17: found a text in quotes; , or ) is expected"},
	{"copy t from 's3://b' delimeter '|'", "line 1, column 22: found delimeter; an option of "
					       "COPY is expected (did you mean DELIMITER?)"},
	{"copy t from 's3://b' format as avro 'auto'",
		"line 1, column 32: AVRO is not supported here"},
	{"copy t from 's3://b' format parqet", "line 1, column 29: found parqet; an option of COPY "
					       "is expected (did you mean PARQUET?)"},
	{"copy t from 's3://b' csv escape", "line 1, column 26: CSV and ESCAPE exclude each other"},
	{"copy t from 's3://b' delimiter '|' fixedwidth 'a:3'",
		"line 1, column 36: FIXEDWIDTH and DELIMITER exclude each other"},
	{"copy t from 's3://b' maxerror 3 ignoreallerrors",
		"line 1, column 33: MAXERROR and IGNOREALLERRORS exclude each other"},
	{"copy t from 's3://b' gzip zstd", "line 1, column 27: GZIP and ZSTD exclude each other"},
	{"copy t from 's3://b' json 'auto' delimiter ','",
		"line 1, column 34: JSON and DELIMITER exclude each other"},
	{"copy t from 's3://b' parquet maxerror 3",
		"line 1, column 30: PARQUET and MAXERROR exclude each other"},
	{"copy t from 's3://b' quote '|'",
		"line 1, column 22: QUOTE is an option of CSV, which is not told"},
	{"copy t from 's3://b' csv quote ','",
		"line 1, column 26: QUOTE and the delimiter are the same character"},
	{"copy t from 's3://b' delimiter 'ab'",
		"line 1, column 32: found a text of 2 bytes; one ASCII character is expected, or "
		"'\\t' or an octal '\\ddd'"},
	{"copy t from 's3://b' delimiter", "line 1, column 31: found the end of the statement; one "
					   "character in quotes is expected"},
	{"copy t from 's3://b' maxerror 100001",
		"line 1, column 31: 100001; a count from 0 to 100000 is expected"},
	{"copy t from 's3://b' maxerror many",
		"line 1, column 31: found many; a count is expected"},
	{"copy t from 's3://b' gzip gzip", "line 1, column 27: GZIP is told twice"},
	{"copy t from 's3://b' null 'x'",
		"line 1, column 27: found a text in quotes; AS is expected"},
	{"copy t from 's3://b' encoding utf16",
		"line 1, column 31: ENCODING UTF16 is not supported here"},
	{"copy t from 's3://b' credentials 5",
		"line 1, column 34: found 5; a text in quotes is expected"},
	{"unload 'select 1' to 's3://b'",
		"line 1, column 8: found a text in quotes; ( is expected"},
	{"unload ('selct 1') to 's3://b'",
		"line 1, column 9: within the quotes, line 1, column 1: found selct; something "
		"that can stand here is expected (did you mean SELECT?)"},
	{"unload ('select 1') to 's3://b' parquet header",
		"line 1, column 41: PARQUET and HEADER exclude each other"},
	{"unload ('select 1') to 's3://b' allowoverwrite cleanpath",
		"line 1, column 48: ALLOWOVERWRITE and CLEANPATH exclude each other"},
	{"unload ('select 1') to 's3://b' maxfilesize 1 mb",
		"line 1, column 45: a size of 1; 5 MB to 6.2 GB is expected"},
	{"unload ('select 1') to 's3://b' maxfilesize big",
		"line 1, column 45: found big; a size, 100 MB say is expected"},
	{"unload ('select 1') to 's3://b' hedaer", "line 1, column 33: found hedaer; an option of "
						   "UNLOAD is expected (did you mean HEADER?)"},
	{"unload ('select 1') to 's3://b' encrypted",
		"line 1, column 33: ENCRYPTED is not supported here"},
	{"unload ('select 1') to 's3://b' csv csv", "line 1, column 37: CSV is told twice"},
	{"unload ('select 1') to 's3://b' partition (a)",
		"line 1, column 43: found (; BY is expected"},
};

START_TEST(test_each_wrong_statement_is_told_what)
{
	char message[ERR_MSG_MAX];
	said(wrong[_i].script, message, sizeof(message));
	ck_assert_msg(strcmp(message, wrong[_i].message) == 0, "%s\n  said:     %s\n  expected: %s",
		wrong[_i].script, message, wrong[_i].message);
}
END_TEST

/* ---- Redshift's words in a SELECT ---- */

/* A piece of the tree as text, by the path to it. */
static char *piece(const char *script, const char *path)
{
	struct rs_statement *s = only(script);
	json_t *at = s->tree;
	char copy[256];
	char *rest = NULL;
	snprintf(copy, sizeof(copy), "%s", path);
	for (char *part = strtok_r(copy, "/", &rest); part != NULL;
		part = strtok_r(NULL, "/", &rest)) {
		at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(part, NULL, 10))
				       : json_object_get(at, part);
	}
	char *text = at == NULL ? strdup("nothing")
				: json_dumps(at, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	rs_statement_free(s);
	return text;
}

static const struct {
	const char *script, *path, *is;
} pieces[] = {
	{"select top 5 a from t", "limitCount/A_Const/ival/ival", "5"},
	{"select top (5) a from t", "limitCount/A_Const/ival/ival", "5"},
	{"select distinct top 7 a from t", "limitCount/A_Const/ival/ival", "7"},
	{"select top 7 distinct a from t", "distinctClause", "[{}]"},
	{"select top 7 distinct a from t", "limitCount/A_Const/ival/ival", "7"},
	{"select top 5 a, b from t", "targetList/0/ResTarget/val/ColumnRef/location", "13"},
	{"select top from t", "targetList/0/ResTarget/val/ColumnRef/fields/0/String/sval",
		"\"top\""},
	{"select a from t limit all", "limitCount", "nothing"},
	{"select a from t minus select a from u", "op", "\"SETOP_EXCEPT\""},
	{"select a from t minus select b from u",
		"rarg/targetList/0/ResTarget/val/ColumnRef/location", "29"},
	{"select a.minus from t a", "targetList/0/ResTarget/val/ColumnRef/fields/1/String/sval",
		"\"minus\""},
	{"select a from t qualify row_number() over (order by b) = 1 order by a",
		"rs_qualify/A_Expr/kind", "\"AEXPR_OP\""},
	{"select a from t qualify row_number() over (order by b) = 1 order by a", "windowClause",
		"nothing"},
	{"select a from t qualify b = 1 order by a", "sortClause/0/SortBy/node/ColumnRef/location",
		"39"},
	{"select * from (select a from t qualify b = 1) x",
		"fromClause/0/RangeSubselect/subquery/SelectStmt/rs_qualify/A_Expr/location", "41"},
	{"select a from t qualify b = 1 union select 2", "larg/rs_qualify/A_Expr/location", "26"},
	{"select approximate count(distinct a) from t",
		"targetList/0/ResTarget/val/FuncCall/rs_approximate", "true"},
	{"select lag(a) ignore nulls over (order by b) from t",
		"targetList/0/ResTarget/val/FuncCall/rs_ignore_nulls", "true"},
	{"select first_value(a ignore nulls) over (order by b) from t",
		"targetList/0/ResTarget/val/FuncCall/rs_ignore_nulls", "true"},
	{"select first_value(coalesce(a, b) respect nulls) over (order by b) from t",
		"targetList/0/ResTarget/val/FuncCall/rs_ignore_nulls", "nothing"},
	{"select listagg(distinct a, ',') within group (order by a) from t",
		"targetList/0/ResTarget/val/FuncCall/agg_distinct", "true"},
	{"select convert(decimal(10,2), a) from t",
		"targetList/0/ResTarget/val/TypeCast/typeName/names/1/String/sval", "\"numeric\""},
	{"select convert(int, a) from t",
		"targetList/0/ResTarget/val/TypeCast/arg/ColumnRef/location", "20"},
	{"select convert(int, convert(real, a)) from t",
		"targetList/0/ResTarget/val/TypeCast/arg/TypeCast/arg/ColumnRef/location", "34"},
	{"select a::varchar(max) from t",
		"targetList/0/ResTarget/val/TypeCast/typeName/typmods/0/A_Const/ival/ival",
		"65535"},
	{"select max(a) from t", "targetList/0/ResTarget/val/FuncCall/funcname/0/String/sval",
		"\"max\""},
	{"select a from #t", "fromClause/0/RangeVar/relname", "\"#t\""},
	{"select 5 # 3", "targetList/0/ResTarget/val/A_Expr/name/0/String/sval", "\"#\""},
	{"select 'it\\'s' as a", "targetList/0/ResTarget/val/A_Const/sval/sval", "\"it's\""},
	{"select 'a' like '\\\\w' escape 'x'", "targetList/0/ResTarget/val/A_Expr/kind",
		"\"AEXPR_LIKE\""},
	{"select regexp_substr(a, '\\\\d+') from t",
		"targetList/0/ResTarget/val/FuncCall/args/1/A_Const/sval/sval", "\"\\\\d+\""},
	{"delete t where a = 1", "relation/relname", "\"t\""},
	{"delete t where a = 1", "whereClause/A_Expr/location", "17"},
	{"explain select a from t", "targetList/0/ResTarget/val/ColumnRef/location", "15"},
};

START_TEST(test_redshifts_words_are_in_the_tree)
{
	char *is CLEANUP(cleanup_free) = piece(pieces[_i].script, pieces[_i].path);
	ck_assert_msg(strcmp(is, pieces[_i].is) == 0, "%s: %s is %s, not %s", pieces[_i].script,
		pieces[_i].path, is, pieces[_i].is);
}
END_TEST

START_TEST(test_select_into_is_create_table_as)
{
	struct rs_statement *s = only("select a into s.t from u");
	ck_assert_str_eq(s->create.name.name, "t");
	ck_assert_str_eq(s->create.name.schema, "s");
	ck_assert(!s->create.temporary);
	ck_assert_ptr_null(json_object_get(s->tree, "intoClause"));
	rs_statement_free(s);
	s = only("select a into temp table t from u");
	ck_assert(s->create.temporary);
	rs_statement_free(s);
	s = only("select a into #t from u");
	ck_assert(s->create.temporary);
	ck_assert_str_eq(s->create.name.name, "#t");
	rs_statement_free(s);
}
END_TEST

START_TEST(test_statements_of_a_script)
{
	static const char script[] = ";;-- a comment; with one\nselect ';' /* ; /* ; */ ; */;\n\n"
				     "begin;insert into \"a;b\" values ($$;$$);;\ncommit";
	static const unsigned long lines[] = {2, 4, 4, 5};
	static const char *const texts[] = {
		"select ';'", "begin", "insert into \"a;b\" values ($$;$$)", "commit"};
	struct slice all = slice_of(script);
	size_t at = 0;
	for (unsigned i = 0; i < 4; i++) {
		struct err err = {0};
		struct rs_statement *s = NULL;
		ck_assert_int_eq(rs_statement_next(all, &at, &s, &err), 1);
		ck_assert_uint_eq(s->line, lines[i]);
		ck_assert_msg(slice_is(s->text, texts[i]), "%.*s", (int)s->text.n, s->text.p);
		rs_statement_free(s);
	}
	struct rs_statement *none = NULL;
	ck_assert_int_eq(rs_statement_next(all, &at, &none, NULL), 0);
	rs_statement_free(NULL);
}
END_TEST

/* ---- tables ---- */

static void printed(const char *script, struct buf *out)
{
	struct rs_statement *s = only(script);
	rs_create_print(&s->create, out);
	rs_statement_free(s);
}

static const struct {
	const char *script, *printed;
} tables[] = {
	{"CREATE TABLE Sales(SalesID integer NOT NULL, \"Odd name\" varchar(30), d decimal, "
	 "day character(3) default 'N' encode lzo not null, ok boolean default('N'), ts timestamp "
	 "without time zone default getdate(), tz timestamptz, f float(3), g double precision, c "
	 "char, x text, m varchar(max), n character varying(7))",
		"create table sales (\n\tsalesid integer not null,\n\t\"Odd name\" "
		"varchar(30),\n\td "
		"numeric(18,0),\n\tday char(3) default 'N' encode lzo not null,\n\tok boolean "
		"default ('N'),\n\tts timestamp default getdate(),\n\ttz timestamptz,\n\tf "
		"real,\n\tg double precision,\n\tc char(1),\n\tx varchar(256),\n\tm "
		"varchar(65535),\n\tn varchar(7));\n"},
	{"create table s.t (a bigint identity(0,1) primary key distkey sortkey, b int unique "
	 "references u(b) generated by default as identity(-5, 2), c int default -1 null, primary "
	 "key (a, b), constraint k foreign key (b) references s.u (b))",
		"create table s.t (\n\ta bigint identity(0,1) primary key,\n\tb integer generated "
		"by "
		"default as identity(-5,2) unique references u(b),\n\tc integer default "
		"-1,\n\tprimary key (a, b),\n\tconstraint k foreign key (b) references s.u "
		"(b))\ndistkey (a)\ncompound sortkey (a);\n"},
	{"create table if not exists t (a int, b int) interleaved sortkey (a, b) diststyle key "
	 "distkey (b) backup no encode auto",
		"create table if not exists t (\n\ta integer,\n\tb integer)\ndiststyle "
		"key\ndistkey "
		"(b)\ninterleaved sortkey (a, b)\nbackup no;\n"},
	{"create table t (a int) sortkey auto diststyle all",
		"create table t (\n\ta integer)\ndiststyle all\nsortkey auto;\n"},
	{"create temp table t (like s.u including defaults)",
		"create temporary table t (\n\tlike s.u including defaults);\n"},
	{"create table \"select\" (\"from\" int, \"a\"\"b\" int)",
		"create table \"select\" (\n\t\"from\" integer,\n\t\"a\"\"b\" integer);\n"},
	{"create external table e.t (a int, s string) partitioned by (d date, n smallint) row "
	 "format "
	 "delimited fields terminated by '\\t' lines terminated by '\\n' stored as textfile "
	 "location "
	 "'s3://b/it''s/' table properties ('numRows'='5', 'skip.header.line.count'='2')",
		"create external table e.t (\n\ta integer,\n\ts varchar(65535))\npartitioned by "
		"(\n\td date,\n\tn smallint)\nrow format delimited\nfields terminated by "
		"'\\t'\nlines terminated by '\\n'\nstored as textfile\nlocation "
		"'s3://b/it''s/'\ntable properties ('skip.header.line.count'='2');\n"},
	{"create external table e.t (a int) row format serde 'org.x.OpenCSVSerde' with "
	 "serdeproperties ('separatorChar' = ',') stored as inputformat 'a' outputformat 'b' "
	 "location 's3://b/'",
		"create external table e.t (\n\ta integer)\nrow format serde "
		"'org.x.OpenCSVSerde'\nwith serdeproperties ('field.delim'=',')\nstored as "
		"textfile\nlocation 's3://b/';\n"},
};

/* What is printed is the same table when it is read again. */
START_TEST(test_a_table_is_printed_as_it_was_told)
{
	CLEANUP(buf_free) struct buf once = BUF_INIT;
	CLEANUP(buf_free) struct buf twice = BUF_INIT;
	printed(tables[_i].script, &once);
	ck_assert_str_eq(buf_cstr(&once), tables[_i].printed);
	printed(buf_cstr(&once), &twice);
	ck_assert_str_eq(buf_cstr(&twice), tables[_i].printed);
}
END_TEST

static void read_file(const char *path, struct buf *out)
{
	char block[4096];
	FILE *f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	for (size_t n; (n = fread(block, 1, sizeof(block), f)) > 0;) {
		buf_append(out, block, n);
	}
	fclose(f);
}

/* As the sample's own files write it: no semicolon at the end, a column named date. */
START_TEST(test_the_samples_tables)
{
	static const char script[] =
		"create table date(\n\tdateid smallint not null distkey sortkey,\n\tcaldate date "
		"not "
		"null,\n\tday character(3) not null,\n\tmonth character(5) not null,\n\tholiday "
		"boolean default('N'));\ncreate table event(\n\teventid integer not null "
		"distkey,\n\tstarttime timestamp)";
	size_t at = 0;
	struct err err = {0};
	struct rs_statement *s = NULL;
	ck_assert_int_eq(rs_statement_next(slice_of(script), &at, &s, &err), 1);
	ck_assert_str_eq(s->create.name.name, "date");
	ck_assert_uint_eq(s->create.n_columns, 5);
	ck_assert_str_eq(s->create.distkey, "dateid");
	ck_assert_str_eq(s->create.sortkeys[0], "dateid");
	ck_assert_int_eq(s->create.sortstyle, RS_SORT_COMPOUND);
	ck_assert_str_eq(s->create.columns[4].default_text, "('N')");
	ck_assert_uint_eq(s->create.columns[4].line, 6);
	rs_statement_free(s);
	ck_assert_int_eq(rs_statement_next(slice_of(script), &at, &s, &err), 1);
	ck_assert_uint_eq(s->line, 7);
	rs_statement_free(s);
	ck_assert_int_eq(rs_statement_next(slice_of(script), &at, &s, &err), 0);
}
END_TEST

/* The files themselves, where the test is told of them (TICKIT_DIR). */
START_TEST(test_the_samples_files)
{
	static const char *const files[] = {"create_tables.sql", "copy_commands.sql"};
	const char *dir = getenv("TICKIT_DIR");
	for (unsigned i = 0; dir != NULL && i < 2; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		char path[512];
		char message[ERR_MSG_MAX];
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		read_file(path, &text);
		said(buf_cstr(&text), message, sizeof(message));
		ck_assert_str_eq(message, "fine");
	}
}
END_TEST

START_TEST(test_alterations)
{
	struct rs_statement *s =
		only("alter table s.t add column a varchar(5) default 'x' not null");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_ADD_COLUMN);
	ck_assert_str_eq(s->alter.name.schema, "s");
	ck_assert_str_eq(s->alter.column.name, "a");
	ck_assert_str_eq(s->alter.column.default_text, "'x'");
	ck_assert(s->alter.column.not_null);
	rs_statement_free(s);
	s = only("alter table t rename column a to b");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_RENAME_COLUMN);
	ck_assert_str_eq(s->alter.from, "a");
	ck_assert_str_eq(s->alter.to, "b");
	rs_statement_free(s);
	s = only("alter table t drop column a cascade");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_DROP_COLUMN);
	ck_assert(s->cascade);
	rs_statement_free(s);
	s = only("alter table t alter column a type varchar(90)");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_COLUMN_SIZE);
	ck_assert_uint_eq(s->alter.column.type.size, 90);
	rs_statement_free(s);
	s = only("alter table t alter diststyle key distkey a");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_DISTSTYLE);
	ck_assert_int_eq(s->alter.diststyle, RS_DIST_KEY);
	ck_assert_str_eq(s->alter.distkey, "a");
	rs_statement_free(s);
	s = only("alter table t alter distkey b");
	ck_assert_str_eq(s->alter.distkey, "b");
	rs_statement_free(s);
	s = only("alter table t alter diststyle even");
	ck_assert_int_eq(s->alter.diststyle, RS_DIST_EVEN);
	rs_statement_free(s);
	s = only("alter table t alter compound sortkey (a, b)");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_SORTKEY);
	ck_assert_uint_eq(s->alter.n_sortkeys, 2);
	rs_statement_free(s);
	s = only("alter table t alter sortkey none");
	ck_assert_int_eq(s->alter.sortstyle, RS_SORT_NONE);
	rs_statement_free(s);
	s = only("alter table t set schema u");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_SET_SCHEMA);
	rs_statement_free(s);
	static const char *const others[] = {"alter table t owner to me",
		"alter table t alter encode auto", "alter table t alter column a encode zstd",
		"alter table t add primary key (a)", "alter table t drop constraint c"};
	for (unsigned i = 0; i < 5; i++) {
		s = only(others[i]);
		ck_assert_int_eq(s->alter.kind, RS_ALTER_OTHER);
		rs_statement_free(s);
	}
}
END_TEST

START_TEST(test_partitions_and_external_schemas)
{
	struct rs_statement *s = only("alter table e.t add if not exists partition (d='2008-01', n "
				      "= -3) location 's3://b/'");
	ck_assert_int_eq(s->alter.kind, RS_ALTER_ADD_PARTITION);
	ck_assert(s->alter.if_exists);
	ck_assert_uint_eq(s->alter.n_partition, 2);
	ck_assert_str_eq(s->alter.partition_columns[1], "n");
	ck_assert_str_eq(s->alter.partition_values[0], "2008-01");
	ck_assert_str_eq(s->alter.partition_values[1], "-3");
	ck_assert_str_eq(s->alter.location, "s3://b/");
	rs_statement_free(s);
	s = only("create external schema if not exists e from data catalog database 'd' region "
		 "'eu-west-1' iam_role 'arn:x' create external database if not exists");
	ck_assert_str_eq(s->directory, "d");
	ck_assert_str_eq(s->names[0].name, "e");
	ck_assert(s->if_not_exists);
	rs_statement_free(s);
}
END_TEST

START_TEST(test_views_keep_their_text)
{
	struct rs_statement *s = only(
		"create or replace view s.v as\n select a from t -- c\n with no schema binding;");
	ck_assert(s->or_replace);
	ck_assert_str_eq(s->names[0].schema, "s");
	ck_assert_str_eq(s->body, "select a from t -- c");
	rs_statement_free(s);
	s = only("create view v (x, \"Y\") as select 1, 2");
	ck_assert_str_eq(s->body, "SELECT * FROM (select 1, 2\n) AS v (x, \"Y\")");
	rs_statement_free(s);
}
END_TEST

START_TEST(test_vacuum_and_analyze)
{
	struct rs_statement *s = only("vacuum delete only s.t");
	ck_assert_str_eq(s->mode, "delete only");
	ck_assert_str_eq(s->names[0].name, "t");
	rs_statement_free(s);
	s = only("vacuum t");
	ck_assert_ptr_null(s->mode);
	rs_statement_free(s);
	s = only("vacuum full");
	ck_assert_uint_eq(s->n_names, 0);
	rs_statement_free(s);
}
END_TEST

/* ---- COPY, UNLOAD ---- */

START_TEST(test_copy_with_many_options)
{
	struct rs_statement *s = only(
		"copy s.sales (a, \"B\") from 's3://b/k' with credentials as "
		"'aws_access_key_id=AKIA;aws_secret_access_key=wJalr' region as 'eu-west-1' "
		"delimiter "
		"as '\\t' timeformat 'MM/DD/YYYY HH:MI:SS' dateformat as 'auto' ignoreheader as 2 "
		"maxerror 10 null as '\\N' emptyasnull blanksasnull acceptinvchars as '^' escape "
		"fillrecord ignoreblanklines trimblanks truncatecolumns roundec explicit_ids "
		"noload "
		"compupdate off statupdate on gzip manifest encoding utf8");
	struct rs_copy *c = &s->copy;
	ck_assert_str_eq(c->table.schema, "s");
	ck_assert_uint_eq(c->n_columns, 2);
	ck_assert_str_eq(c->columns[1], "B");
	ck_assert_str_eq(c->from, "s3://b/k");
	ck_assert(c->has_credentials && c->manifest && c->escape && c->fill_record);
	ck_assert(c->empty_as_null && c->blanks_as_null && c->accept_inv_chars && c->no_load);
	ck_assert(c->ignore_blank_lines && c->trim_blanks && c->truncate_columns);
	ck_assert(c->round_decimals && c->explicit_ids && !c->remove_quotes);
	ck_assert_int_eq(c->delimiter, '\t');
	ck_assert_int_eq(c->inv_char, '^');
	ck_assert_uint_eq(c->max_error, 10);
	ck_assert_uint_eq(c->ignore_header, 2);
	ck_assert_str_eq(c->null_as, "\\N");
	ck_assert_str_eq(c->date_format, "auto");
	ck_assert_str_eq(c->time_format, "MM/DD/YYYY HH:MI:SS");
	ck_assert_int_eq(c->compression, RS_GZIP);
	ck_assert_int_eq(c->comp_update, 0);
	ck_assert_int_eq(c->stat_update, 1);
	rs_statement_free(s);
}
END_TEST

START_TEST(test_copy_formats)
{
	struct rs_statement *s =
		only("copy t from 's3://b' format as csv quote as '%' delimiter ';'");
	ck_assert_int_eq(s->copy.format, RS_FORMAT_CSV);
	ck_assert_int_eq(s->copy.quote, '%');
	rs_statement_free(s);
	s = only("copy t from 's3://b' json 'auto ignorecase'");
	ck_assert_str_eq(s->copy.json_paths, "auto ignorecase");
	rs_statement_free(s);
	s = only("copy t from 's3://b' format json as 's3://b/paths.json'");
	ck_assert_str_eq(s->copy.json_paths, "s3://b/paths.json");
	rs_statement_free(s);
	s = only("copy t from 's3://b' json");
	ck_assert_str_eq(s->copy.json_paths, "auto");
	rs_statement_free(s);
	s = only("copy t from 's3://b' format parquet statupdate");
	ck_assert_int_eq(s->copy.format, RS_FORMAT_PARQUET);
	rs_statement_free(s);
	s = only("copy t from 's3://b' fixedwidth 'a:3,b:5' ignoreallerrors");
	ck_assert_str_eq(s->copy.fixed_width, "a:3,b:5");
	ck_assert(s->copy.ignore_all_errors);
	rs_statement_free(s);
	s = only("copy t from 's3://b' delimiter '\\001' acceptinvchars");
	ck_assert_int_eq(s->copy.delimiter, 1);
	ck_assert_int_eq(s->copy.inv_char, '?');
	ck_assert_int_eq(s->copy.comp_update, -1);
	ck_assert_ptr_null(s->copy.null_as);
	rs_statement_free(s);
}
END_TEST

START_TEST(test_unload_options)
{
	struct rs_statement *s = only(
		"unload ('select * from venue where state = ''NV'' or state = \\'CA\\'') to "
		"'s3://b/p_' iam_role 'arn' format csv delimiter '|' header gzip null as 'nil' "
		"manifest verbose partition by (state, city) include parallel off allowoverwrite "
		"maxfilesize as 5 mb");
	struct rs_unload *u = &s->unload;
	ck_assert_str_eq(u->select, "select * from venue where state = 'NV' or state = 'CA'");
	ck_assert_ptr_nonnull(u->tree);
	ck_assert_str_eq(u->to, "s3://b/p_");
	ck_assert(u->header && u->manifest && u->verbose && u->include && u->allow_overwrite);
	ck_assert(!u->parallel && u->has_credentials && !u->clean_path);
	ck_assert_int_eq(u->format, RS_FORMAT_CSV);
	ck_assert_uint_eq(u->n_partition_by, 2);
	ck_assert_uint_eq(u->max_file_size, 5U << 20);
	ck_assert_str_eq(u->null_as, "nil");
	rs_statement_free(s);
	s = only("unload ($$ select 'a' $$) to 's3://b/' parquet cleanpath parallel");
	ck_assert_int_eq(s->unload.format, RS_FORMAT_PARQUET);
	ck_assert(s->unload.parallel && s->unload.clean_path);
	rs_statement_free(s);
}
END_TEST

START_TEST(test_secrets_are_not_shown)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	char message[ERR_MSG_MAX];
	struct rs_statement *s = only("copy t from 's3://b' access_key_id as 'AKIA' "
				      "secret_access_key 'wJa''lr' credentials 'x=y' csv");
	rs_statement_public(s, &out);
	ck_assert_str_eq(buf_cstr(&out), "copy t from 's3://b' access_key_id as '***' "
					 "secret_access_key '***' credentials '***' csv");
	rs_statement_free(s);
	said("copy t from 's3://b' credentials 'wJalr' 'wJalr'", message, sizeof(message));
	ck_assert_ptr_null(strstr(message, "wJalr"));
}
END_TEST

/* ---- the rest of the header ---- */

START_TEST(test_depth_is_refused)
{
	static const char *const units[] = {"(", "1+", "- ", "not ", "case when ", "a[",
		"1::int::", "1 union select ", "x.and+", "a join b on true join ", NULL};
	for (unsigned i = 0; units[i] != NULL; i++) {
		CLEANUP(buf_free) struct buf script = BUF_INIT;
		struct err err = {0};
		struct rs_statement *s = NULL;
		size_t at = 0;
		buf_puts(&script, strstr(units[i], "join") ? "select 1 from " : "select ");
		for (unsigned n = 0; n < 100000; n++) {
			buf_puts(&script, units[i]);
		}
		buf_puts(&script, "1");
		ck_assert_int_eq(rs_statement_next(buf_slice(&script), &at, &s, &err), -EINVAL);
		ck_assert_msg(
			strstr(err.msg, "nested too deeply") != NULL, "%s: %s", units[i], err.msg);
	}
}
END_TEST

START_TEST(test_long_but_flat_is_fine)
{
	CLEANUP(buf_free) struct buf script = BUF_INIT;
	buf_puts(&script, "insert into t values (-1, 'x')");
	for (unsigned n = 0; n < 5000; n++) {
		buf_puts(&script, ", (-1, 'x' || 'y')");
	}
	struct rs_statement *s = only(buf_cstr(&script));
	rs_statement_free(s);
	buf_clear(&script);
	buf_puts(&script, "select * from t where a = 0");
	for (unsigned n = 0; n < 2000; n++) {
		buf_puts(&script, " or a = 1 and b = 2");
	}
	s = only(buf_cstr(&script));
	rs_statement_free(s);
}
END_TEST

START_TEST(test_whether_a_script_is_whole)
{
	ck_assert(rs_script_complete(slice_of("select 1")));
	ck_assert(rs_script_complete(slice_of("")));
	ck_assert(!rs_script_complete(slice_of("select (1")));
	ck_assert(rs_script_complete(slice_of("select (1; select 2")));
	ck_assert(!rs_script_complete(slice_of("select 'a")));
	ck_assert(!rs_script_complete(slice_of("select 1 /* a")));
}
END_TEST

static const struct {
	const char *text, *message;
} expressions[] = {
	{"1 + 2", NULL},
	{"getdate() -- now", NULL},
	{"('N')", NULL},
	{"", "line 1, column 1: found the end of the statement; an expression is expected"},
	{"1) from t where (true", "line 1, column 2: found ); an expression is expected"},
	{"(1", "line 1, column 3: found the end of the statement; ) is expected"},
	{"1; select 2", "line 1, column 2: found ;; an expression is expected"},
	{"1, 2", "found a list; one expression is expected"},
	{"1 +", "in an expression: found ); something that can stand here is expected"},
};

START_TEST(test_expressions)
{
	struct err err = {0};
	json_auto_t *tree = NULL;
	int rc = rs_expression_parse(slice_of(expressions[_i].text), &tree, &err);
	if (expressions[_i].message == NULL) {
		ck_assert_msg(rc == 0, "%s", err.msg);
	} else {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_str_eq(err.msg, expressions[_i].message);
	}
}
END_TEST

START_TEST(test_an_expressions_positions_are_its_own)
{
	struct err err = {0};
	json_auto_t *tree = NULL;
	ck_assert_int_eq(rs_expression_parse(slice_of("1 + abc"), &tree, &err), 0);
	json_t *right = json_object_get(json_object_get(tree, "A_Expr"), "rexpr");
	ck_assert_int_eq(json_integer_value(
				 json_object_get(json_object_get(right, "ColumnRef"), "location")),
		4);
}
END_TEST

START_TEST(test_types_alone)
{
	struct sql_type t;
	struct err err = {0};
	ck_assert_int_eq(rs_type_parse(slice_of("character varying(30)"), &t, &err), 0);
	ck_assert(t.kind == SQL_VARCHAR && t.size == 30);
	ck_assert_int_eq(rs_type_parse(slice_of("numeric(8,2)"), &t, &err), 0);
	ck_assert(t.kind == SQL_DECIMAL && t.size == 8 && t.scale == 2);
	ck_assert_int_eq(rs_type_parse(slice_of("timestamp with time zone"), &t, &err), 0);
	ck_assert_int_eq(t.kind, SQL_TIMESTAMPTZ);
	ck_assert_int_eq(rs_type_parse(slice_of("int int"), &t, &err), -EINVAL);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *s = suite_create("redshift_statement");
	TCase *t = tcase_create("statement");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_each_kind_of_statement, 0, N(kinds));
	tcase_add_loop_test(t, test_each_wrong_statement_is_told_what, 0, N(wrong));
	tcase_add_loop_test(t, test_redshifts_words_are_in_the_tree, 0, N(pieces));
	tcase_add_test(t, test_select_into_is_create_table_as);
	tcase_add_test(t, test_statements_of_a_script);
	tcase_add_loop_test(t, test_a_table_is_printed_as_it_was_told, 0, N(tables));
	tcase_add_test(t, test_the_samples_tables);
	tcase_add_test(t, test_the_samples_files);
	tcase_add_test(t, test_alterations);
	tcase_add_test(t, test_partitions_and_external_schemas);
	tcase_add_test(t, test_views_keep_their_text);
	tcase_add_test(t, test_vacuum_and_analyze);
	tcase_add_test(t, test_copy_with_many_options);
	tcase_add_test(t, test_copy_formats);
	tcase_add_test(t, test_unload_options);
	tcase_add_test(t, test_secrets_are_not_shown);
	tcase_add_test(t, test_depth_is_refused);
	tcase_add_test(t, test_long_but_flat_is_fine);
	tcase_add_test(t, test_whether_a_script_is_whole);
	tcase_add_loop_test(t, test_expressions, 0, N(expressions));
	tcase_add_test(t, test_an_expressions_positions_are_its_own);
	tcase_add_test(t, test_types_alone);
	suite_add_tcase(s, t);
	return run_suite(s);
}
