/* External schemas, tables and their partitions. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

static int take_ignored(struct rs_parse *p, const char *what)
{
	char *text CLEANUP(cleanup_free) = NULL;
	return rs_take_text(p, what, true, &text);
}

static int take_schema_option(struct rs_parse *p, struct rs_statement *s)
{
	static const char *const known[] = {
		"DATABASE", "REGION", "IAM_ROLE", "CATALOG_ROLE", "CREATE", NULL};
	bool has;
	int rc = rs_take_credentials(p, &has);
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	if (rs_accept(p, "database")) {
		return rs_take_text(p, "a database in quotes", true, &s->directory);
	}
	if (rs_accept(p, "catalog_role")) {
		return take_ignored(p, "a role in quotes");
	}
	if (rs_accept_words(p, "create", "external")) {
		bool unless;
		rc = rs_expect(p, "database");
		return rc < 0 ? rc : rs_accept_if(p, true, &unless);
	}
	return rs_unknown(p, "DATABASE, REGION, IAM_ROLE or CREATE EXTERNAL DATABASE", known);
}

int rs_parse_external_schema(struct rs_parse *p, struct rs_statement *s)
{
	s->kind = RS_CREATE_EXTERNAL_SCHEMA;
	int rc = rs_accept_if(p, true, &s->if_not_exists);
	s->names = rc < 0 ? NULL : rs_more(p, NULL, &s->n_names, sizeof(*s->names));
	if (s->names == NULL) {
		return rc < 0 ? rc : -ENOMEM;
	}
	rc = rs_take_qualified(p, "a schema", &s->names[0]);
	rc = rc < 0 ? rc : rs_expect(p, "from");
	if (rc == 0 && (rs_is(p, "hive") || rs_is(p, "postgres") || rs_is(p, "mysql") ||
			       rs_is(p, "kinesis") || rs_is(p, "redshift") || rs_is(p, "kafka"))) {
		return rs_unsupported(p, "CREATE EXTERNAL SCHEMA but FROM DATA CATALOG");
	}
	rc = rc < 0 ? rc : rs_expect(p, "data");
	rc = rc < 0 ? rc : rs_expect(p, "catalog");
	while (rc == 0 && !rs_at_end(p)) {
		rc = take_schema_option(p, s);
	}
	if (rc == 0 && s->directory == NULL) {
		rc = rs_expected(p, "DATABASE and its name in quotes");
	}
	return rc;
}

/* ---- tables ---- */

/* "(a int, b varchar(30))" */
static int take_columns(struct rs_parse *p, struct rs_column_def **out, unsigned *n)
{
	int rc = rs_expect_mark(p, '(');
	do {
		struct rs_column_def *grown = rc < 0 ? NULL : rs_more(p, *out, n, sizeof(*grown));
		if (grown == NULL) {
			return rc < 0 ? rc : -ENOMEM;
		}
		*out = grown;
		unsigned long column;
		struct rs_column_def *c = &grown[*n - 1];
		rs_position(p->script, p->token.at, &c->line, &column);
		rc = rs_take_name(p, "a column", &c->name);
		rc = rc < 0 ? rc : rs_take_type(p, &c->type);
	} while (rc == 0 && rs_accept_mark(p, ','));
	if (rc == 0 && !rs_accept_mark(p, ')')) {
		rc = rs_expected(p, ", or )");
	}
	return rc;
}

static int take_terminator(struct rs_parse *p, char **out)
{
	int rc = rs_expect(p, "terminated");
	rc = rc < 0 ? rc : rs_expect(p, "by");
	return rc < 0 ? rc : rs_take_text(p, "a character in quotes", true, out);
}

static int take_delimited(struct rs_parse *p, struct rs_create *c)
{
	static const char *const known[] = {"FIELDS", "LINES", "STORED", "LOCATION", NULL};
	c->row_format = strdup("delimited");
	int rc = c->row_format == NULL ? err_set(p->err, ENOMEM, "no memory for a name") : 0;
	while (rc == 0) {
		if (rs_accept(p, "fields")) {
			rc = take_terminator(p, &c->field_delimiter);
		} else if (rs_accept(p, "lines")) {
			rc = take_terminator(p, &c->line_delimiter);
		} else if (rs_is(p, "escaped") || rs_is(p, "collection") || rs_is(p, "map") ||
			   rs_is(p, "null")) {
			rc = rs_unsupported(p, "this part of ROW FORMAT DELIMITED");
		} else {
			return rs_is(p, "stored") || rs_is(p, "location") || rs_is(p, "partitioned")
				       ? 0
				       : rs_unknown(
						 p, "FIELDS, LINES, STORED AS or LOCATION", known);
		}
	}
	return rc;
}

/* One of "('a'='b', …)". */
static int take_property(struct rs_parse *p, char **name, char **value)
{
	int rc = rs_take_text(p, "a property in quotes", true, name);
	rc = rc < 0 ? rc : rs_expect_mark(p, '=');
	return rc < 0 ? rc : rs_take_text(p, "a value in quotes", true, value);
}

static int keep_serde(struct rs_parse *p, struct rs_create *c, const char *name, char **value)
{
	(void)p;
	if (strcasecmp(name, "separatorChar") == 0 || strcasecmp(name, "field.delim") == 0 ||
		strcasecmp(name, "serialization.format") == 0) {
		free(c->field_delimiter);
		c->field_delimiter = *value;
		*value = NULL;
	}
	return 0;
}

static int keep_table(struct rs_parse *p, struct rs_create *c, const char *name, char **value)
{
	if (strcasecmp(name, "skip.header.line.count") != 0) {
		return 0;
	}
	char *end;
	errno = 0;
	c->skip_lines = strtoull(*value, &end, 10);
	if (!isdigit((unsigned char)**value) || *end != '\0' || errno != 0) {
		return rs_refuse(
			p, EINVAL, "skip.header.line.count is '%s'; a count is expected", *value);
	}
	c->skip_header = c->skip_lines > 0;
	return 0;
}

static int take_properties(struct rs_parse *p, struct rs_create *c,
	int (*keep)(struct rs_parse *p, struct rs_create *c, const char *name, char **value))
{
	int rc = rs_expect_mark(p, '(');
	do {
		char *name CLEANUP(cleanup_free) = NULL;
		char *value CLEANUP(cleanup_free) = NULL;
		rc = rc < 0 ? rc : take_property(p, &name, &value);
		rc = rc < 0 ? rc : keep(p, c, name, &value);
	} while (rc == 0 && rs_accept_mark(p, ','));
	if (rc == 0 && !rs_accept_mark(p, ')')) {
		rc = rs_expected(p, ", or )");
	}
	return rc;
}

static int take_row_format(struct rs_parse *p, struct rs_create *c)
{
	int rc = rs_expect(p, "format");
	if (rc == 0 && rs_accept(p, "delimited")) {
		return take_delimited(p, c);
	}
	if (rc == 0 && !rs_accept(p, "serde")) {
		return rs_expected(p, "DELIMITED or SERDE");
	}
	rc = rc < 0 ? rc : rs_take_text(p, "a class in quotes", true, &c->row_format);
	if (rc == 0 && rs_accept_words(p, "with", "serdeproperties")) {
		rc = take_properties(p, c, keep_serde);
	}
	return rc;
}

static int take_stored(struct rs_parse *p, struct rs_create *c)
{
	static const char *const known[] = {
		"TEXTFILE", "PARQUET", "JSON", "CSV", "INPUTFORMAT", NULL};
	static const char *const others[] = {"orc", "avro", "rcfile", "sequencefile", "ion", NULL};
	int rc = rs_expect(p, "as");
	for (unsigned i = 0; rc == 0 && others[i] != NULL; i++) {
		if (rs_is(p, others[i])) {
			return rs_unsupported(p, "STORED AS that format");
		}
	}
	if (rc == 0 && rs_accept(p, "inputformat")) {
		rc = take_ignored(p, "a class in quotes");
		rc = rc < 0 ? rc : rs_expect(p, "outputformat");
		rc = rc < 0 ? rc : take_ignored(p, "a class in quotes");
		c->stored_as = strdup("textfile");
		return rc == 0 && c->stored_as == NULL
			       ? err_set(p->err, ENOMEM, "no memory for a name")
			       : rc;
	}
	if (rc == 0 && !rs_is(p, "textfile") && !rs_is(p, "parquet") && !rs_is(p, "json") &&
		!rs_is(p, "csv")) {
		return rs_unknown(p, "TEXTFILE, PARQUET, JSON or CSV", known);
	}
	return rc < 0 ? rc : rs_take_name(p, "a format", &c->stored_as);
}

static int told_twice(struct rs_parse *p, bool told, const char *what)
{
	return told ? rs_refuse(p, EINVAL, "%s is told twice", what) : 0;
}

static int take_clause(struct rs_parse *p, struct rs_create *c)
{
	static const char *const known[] = {
		"PARTITIONED", "ROW", "STORED", "LOCATION", "TABLE", NULL};
	int rc;
	if (rs_accept(p, "partitioned")) {
		rc = told_twice(p, c->n_partitions > 0, "PARTITIONED BY");
		rc = rc < 0 ? rc : rs_expect(p, "by");
		return rc < 0 ? rc : take_columns(p, &c->partitions, &c->n_partitions);
	}
	if (rs_accept(p, "row")) {
		rc = told_twice(p, c->row_format != NULL, "ROW FORMAT");
		return rc < 0 ? rc : take_row_format(p, c);
	}
	if (rs_accept(p, "stored")) {
		rc = told_twice(p, c->stored_as != NULL, "STORED AS");
		return rc < 0 ? rc : take_stored(p, c);
	}
	if (rs_accept(p, "location")) {
		rc = told_twice(p, c->location != NULL, "LOCATION");
		return rc < 0 ? rc : rs_take_text(p, "an address in quotes", true, &c->location);
	}
	if (rs_accept_words(p, "table", "properties")) {
		return take_properties(p, c, keep_table);
	}
	return rs_is(p, "as") ? rs_unsupported(p, "CREATE EXTERNAL TABLE … AS")
			      : rs_unknown(p,
					"PARTITIONED BY, ROW FORMAT, STORED AS, LOCATION or "
					"TABLE PROPERTIES",
					known);
}

int rs_parse_external_table(struct rs_parse *p, struct rs_statement *s)
{
	struct rs_create *c = &s->create;
	s->kind = RS_CREATE_EXTERNAL_TABLE;
	int rc = rs_accept_if(p, true, &c->if_not_exists);
	size_t at = p->token.at;
	rc = rc < 0 ? rc : rs_take_qualified(p, "SCHEMA.TABLE", &c->name);
	if (rc == 0 && c->name.schema[0] == '\0') {
		return rs_refuse_at(p, at, EINVAL,
			"found a table without a schema; that of an external schema is expected, "
			"SCHEMA.TABLE");
	}
	rc = rc < 0 ? rc : take_columns(p, &c->columns, &c->n_columns);
	while (rc == 0 && !rs_at_end(p)) {
		rc = take_clause(p, c);
	}
	return rc == 0 && c->location == NULL ? rs_expected(p, "LOCATION and an address") : rc;
}

/* ---- partitions ---- */

/* A value as text: '2008-01', 2008, true. */
static int take_value(struct rs_parse *p, char **out)
{
	if (p->token.kind == RS_TOKEN_TEXT) {
		return rs_take_text(p, "a value", true, out);
	}
	size_t from = p->token.at;
	rs_accept_mark(p, '-');
	if (p->token.kind != RS_TOKEN_NUMBER && p->token.kind != RS_TOKEN_WORD) {
		return rs_expected(p, "a value");
	}
	rs_next(p);
	return rs_take_source(p, from, out);
}

/* "(a='x', b='y')" */
static int take_partition(struct rs_parse *p, struct rs_alter *a)
{
	int rc = rs_expect_mark(p, '(');
	do {
		unsigned n = a->n_partition;
		char **columns =
			rc < 0 ? NULL : rs_more(p, a->partition_columns, &n, sizeof(*columns));
		if (columns == NULL) {
			return rc < 0 ? rc : -ENOMEM;
		}
		a->partition_columns = columns;
		char **values = rs_more(p, a->partition_values, &a->n_partition, sizeof(*values));
		if (values == NULL) {
			return -ENOMEM;
		}
		a->partition_values = values;
		rc = rs_take_name(p, "a partition column", &columns[n - 1]);
		rc = rc < 0 ? rc : rs_expect_mark(p, '=');
		rc = rc < 0 ? rc : take_value(p, &values[n - 1]);
	} while (rc == 0 && rs_accept_mark(p, ','));
	if (rc == 0 && !rs_accept_mark(p, ')')) {
		rc = rs_expected(p, ", or )");
	}
	return rc;
}

int rs_parse_partition(struct rs_parse *p, struct rs_statement *s, bool add)
{
	struct rs_alter *a = &s->alter;
	s->kind = RS_ALTER_EXTERNAL_TABLE;
	a->kind = add ? RS_ALTER_ADD_PARTITION : RS_ALTER_DROP_PARTITION;
	int rc = take_partition(p, a);
	if (rc == 0 && add) {
		rc = rs_expect(p, "location");
		rc = rc < 0 ? rc : rs_take_text(p, "an address in quotes", true, &a->location);
	}
	if (rc == 0 && rs_is(p, "partition")) {
		rc = rs_unsupported(p, "more than one PARTITION in a statement");
	}
	return rc;
}
