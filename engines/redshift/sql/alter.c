/* ALTER TABLE. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

static const char *const forms[] = {
	"ADD", "DROP", "RENAME", "ALTER", "SET", "OWNER", "APPEND", NULL};
static const char *const alter_forms[] = {
	"COLUMN", "DISTSTYLE", "DISTKEY", "SORTKEY", "COMPOUND", "ENCODE", NULL};

static void to_end(struct rs_parse *p)
{
	while (!rs_at_end(p)) {
		rs_next(p);
	}
}

static bool at_constraint(const struct rs_parse *p)
{
	return rs_is(p, "constraint") || (rs_is(p, "primary") && rs_is_next(p, "key")) ||
	       (rs_is(p, "foreign") && rs_is_next(p, "key")) || rs_is(p, "unique");
}

static int take_add(struct rs_parse *p, struct rs_statement *s)
{
	bool unless = false;
	int rc = rs_accept_if(p, true, &unless);
	if (rc < 0) {
		return rc;
	}
	if (rs_accept(p, "partition")) {
		s->alter.if_exists = unless;
		return rs_parse_partition(p, s, true);
	}
	if (unless) {
		return rs_expected(p, "PARTITION");
	}
	if (at_constraint(p)) {
		s->alter.kind = RS_ALTER_OTHER;
		to_end(p);
		return 0;
	}
	s->alter.kind = RS_ALTER_ADD_COLUMN;
	rs_accept(p, "column");
	rc = rs_take_column(p, &s->alter.column);
	if (rc == 0 &&
		(s->alter.column.distkey || s->alter.column.sortkey || s->alter.column.identity)) {
		return rs_refuse(p, EINVAL,
			"a column that is added cannot have DISTKEY, SORTKEY or IDENTITY; ADD "
			"COLUMN "
			"name type [DEFAULT x] [ENCODE x] [NOT NULL] is expected");
	}
	return rc;
}

static int take_drop(struct rs_parse *p, struct rs_statement *s)
{
	if (rs_accept(p, "partition")) {
		return rs_parse_partition(p, s, false);
	}
	if (rs_is(p, "constraint") || (rs_is(p, "primary") && rs_is_next(p, "key"))) {
		s->alter.kind = RS_ALTER_OTHER;
		to_end(p);
		return 0;
	}
	s->alter.kind = RS_ALTER_DROP_COLUMN;
	rs_accept(p, "column");
	int rc = rs_take_name(p, "a column", &s->alter.from);
	if (rc == 0) {
		s->cascade = rs_accept(p, "cascade");
		rs_accept(p, "restrict");
	}
	return rc;
}

static int take_rename(struct rs_parse *p, struct rs_statement *s)
{
	struct rs_alter *a = &s->alter;
	if (rs_accept(p, "to")) {
		a->kind = RS_ALTER_RENAME;
		return rs_take_name(p, "a name", &a->to);
	}
	a->kind = RS_ALTER_RENAME_COLUMN;
	rs_accept(p, "column");
	int rc = rs_take_name(p, "a column", &a->from);
	rc = rc < 0 ? rc : rs_expect(p, "to");
	return rc < 0 ? rc : rs_take_name(p, "a name", &a->to);
}

/* "ALTER COLUMN c TYPE varchar(n)", "… ENCODE x". */
static int take_alter_column(struct rs_parse *p, struct rs_statement *s)
{
	struct rs_column_def *column = &s->alter.column;
	int rc = rs_take_name(p, "a column", &column->name);
	if (rc == 0 && rs_accept(p, "encode")) {
		s->alter.kind = RS_ALTER_OTHER;
		to_end(p);
		return 0;
	}
	s->alter.kind = RS_ALTER_COLUMN_SIZE;
	if (rc == 0 && !rs_accept(p, "type")) {
		return rs_expected(p, "TYPE or ENCODE");
	}
	size_t at = p->token.at;
	rc = rc < 0 ? rc : rs_take_type(p, &column->type);
	if (rc == 0 && column->type.kind != SQL_VARCHAR) {
		return rs_refuse_at(p, at, EINVAL,
			"found another type; VARCHAR(n) is expected, the "
			"only one whose size can be changed");
	}
	return rc;
}

/* "DISTSTYLE KEY DISTKEY c", "DISTKEY c". */
static int take_alter_dist(struct rs_parse *p, struct rs_alter *a)
{
	int rc = 0;
	a->kind = RS_ALTER_DISTSTYLE;
	a->diststyle = RS_DIST_KEY;
	if (rs_accept(p, "diststyle")) {
		rc = rs_take_diststyle(p, &a->diststyle);
	}
	if (rc >= 0 && a->diststyle == RS_DIST_KEY) {
		rc = rs_expect(p, "distkey");
		rc = rc < 0 ? rc : rs_take_name(p, "a column", &a->distkey);
	}
	return rc < 0 ? rc : 0;
}

static int take_alter_sort(struct rs_parse *p, struct rs_alter *a)
{
	a->kind = RS_ALTER_SORTKEY;
	if (rs_accept_words(p, "sortkey", "none")) {
		a->sortstyle = RS_SORT_NONE;
		return 0;
	}
	int rc = rs_take_sortkeys(p, &a->sortstyle, &a->sortkeys, &a->n_sortkeys);
	return rc < 0 ? rc : 0;
}

/* "ALTER DISTSTYLE ALL, ALTER SORTKEY (a)" at once: one at a time is asked for. */
static int take_alter(struct rs_parse *p, struct rs_statement *s)
{
	if (rs_is(p, "diststyle") || rs_is(p, "distkey")) {
		return take_alter_dist(p, &s->alter);
	}
	if (rs_is(p, "compound") || rs_is(p, "sortkey")) {
		return take_alter_sort(p, &s->alter);
	}
	if (rs_accept_words(p, "encode", "auto")) {
		s->alter.kind = RS_ALTER_OTHER;
		return 0;
	}
	if (!rs_accept(p, "column") && rs_is(p, "interleaved")) {
		return rs_unknown(p, "COLUMN, DISTSTYLE or SORTKEY", alter_forms);
	}
	return take_alter_column(p, s);
}

static int take_set(struct rs_parse *p, struct rs_statement *s)
{
	if (rs_accept(p, "schema")) {
		s->alter.kind = RS_ALTER_SET_SCHEMA;
		return rs_take_name(p, "a schema", &s->alter.to);
	}
	return rs_is(p, "location") || rs_is(p, "file") || rs_is(p, "table")
		       ? rs_unsupported(p, "ALTER TABLE … SET but for SCHEMA")
		       : rs_expected(p, "SCHEMA");
}

static int take_form(struct rs_parse *p, struct rs_statement *s)
{
	if (rs_accept(p, "add")) {
		return take_add(p, s);
	}
	if (rs_accept(p, "drop")) {
		return take_drop(p, s);
	}
	if (rs_accept(p, "rename")) {
		return take_rename(p, s);
	}
	if (rs_accept(p, "alter")) {
		return take_alter(p, s);
	}
	if (rs_accept(p, "set")) {
		return take_set(p, s);
	}
	if (rs_accept_words(p, "owner", "to")) {
		s->alter.kind = RS_ALTER_OTHER;
		return rs_take_name(p, "a user", &s->alter.to);
	}
	return rs_is(p, "append") || rs_is(p, "row")
		       ? rs_unsupported(p, "this form of ALTER TABLE")
		       : rs_unknown(p, "ADD, DROP, RENAME, ALTER, SET SCHEMA or OWNER TO", forms);
}

int rs_parse_alter_table(struct rs_parse *p, struct rs_statement *s)
{
	s->kind = RS_ALTER_TABLE;
	int rc = rs_take_qualified(p, "a table", &s->alter.name);
	rc = rc < 0 ? rc : take_form(p, s);
	if (rc == 0 && rs_is_mark(p, ',')) {
		rc = rs_refuse(p, ENOTSUP,
			"more than one change in a statement is not supported "
			"here; one ALTER TABLE each is expected");
	}
	return rc;
}
