/* Casts and constants. */
#include <stdio.h>

#include "engines/redshift/sql/print_impl.h"

void print_type(struct print *c, struct sql_type t)
{
	if (t.kind == SQL_INTERVAL) {
		buf_puts(c->out, "INTERVAL");
	} else if (sql_is_text(t.kind) || t.kind == SQL_UNKNOWN) {
		buf_puts(c->out, print_lite(c) ? "TEXT" : "VARCHAR");
	} else {
		sql_column_type(c->p->dialect, t, c->out);
	}
}

int print_moment(struct print *c, struct sql_type t)
{
	struct sql_value v = {.micros = c->p->now_micros};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int64_t day = INT64_C(86400) * 1000000;
	int64_t days = v.micros / day - (v.micros % day < 0);

	if (t.kind == SQL_DATE) {
		v.days = days;
	} else if (t.kind == SQL_TIME) {
		v.micros -= days * day;
	} else if (t.kind == SQL_TIMESTAMPTZ) {
		t.kind = SQL_TIMESTAMP;
	}
	sql_value_print(&v, t, &text);
	if (print_lite(c)) {
		return sql_quote_text(buf_slice(&text), c->out, c->err);
	}
	buf_puts(c->out, "CAST(");
	int rc = sql_quote_text(buf_slice(&text), c->out, c->err);

	buf_puts(c->out, " AS ");
	print_type(c, t);
	buf_putc(c->out, ')');
	return rc;
}

/* ---- DuckDB ---- */

static int duck_text(struct print *c, struct sql_type from, struct sql_type to, const char *arg)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	bool cut =
		to.size != 0 && (from.size == 0 || from.size > to.size || !sql_is_text(from.kind));

	if (from.kind == SQL_DOUBLE || from.kind == SQL_REAL) {
		buf_printf(&text, "regexp_replace(CAST(%s AS VARCHAR), '\\.0$', '')", arg);
	} else if (sql_is_text(from.kind) || from.kind == SQL_UNKNOWN) {
		buf_puts(&text, arg);
	} else {
		buf_printf(&text, "CAST(%s AS VARCHAR)", arg);
	}
	if (cut) {
		buf_printf(c->out, "%sleft(%s, %u)%s", to.kind == SQL_CHAR ? "rtrim(" : "",
			buf_cstr(&text), to.size, to.kind == SQL_CHAR ? ", ' ')" : "");
	} else {
		buf_puts(c->out, buf_cstr(&text));
	}
	return buf_check(&text, c->err);
}

static int duck_cast(struct print *c, struct sql_type from, struct sql_type to, const char *arg)
{
	if (sql_is_text(to.kind)) {
		return duck_text(c, from, to, arg);
	}
	if (to.kind == SQL_TIME && from.kind != SQL_UNKNOWN && !sql_is_text(from.kind)) {
		buf_printf(c->out, "CAST(%s AS TIME)", arg);
		return 0;
	}
	buf_printf(c->out, "CAST(%s AS ", arg);
	print_type(c, to);
	buf_putc(c->out, ')');
	return 0;
}

/* ---- SQLite ---- */

static int lite_text(struct print *c, struct sql_type from, struct sql_type to, const char *arg)
{
	const char *open = to.kind == SQL_CHAR ? "rtrim(" : "";
	const char *close = to.kind == SQL_CHAR ? ", ' ')" : "";

	if (from.kind == SQL_BOOLEAN) {
		buf_printf(c->out, "CASE %s WHEN 1 THEN 'true' WHEN 0 THEN 'false' END", arg);
	} else if (from.kind == SQL_INTERVAL) {
		buf_printf(c->out, "rs_interval_text(%s)", arg);
	} else {
		buf_printf(c->out, "%srs_cast_text(%s, %u)%s", open, arg, to.size, close);
	}
	return 0;
}

/* A constant, as it is stored. False: it is none, or not of the type. */
static bool lite_constant(struct print *c, struct sql_type to, const json_t *arg)
{
	const json_t *body = rs_node_as(arg, "A_Const");
	const json_t *ival = json_object_get(body, "ival");
	const char *text = rs_get_text(json_object_get(body, "sval"), "sval");
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err none = {0};
	char digits[32];
	struct sql_value v;

	if (ival != NULL) {
		snprintf(digits, sizeof digits, "%lld", (long long)rs_get_number(ival, "ival"));
		text = digits;
	} else if (json_object_get(body, "fval") != NULL) {
		text = rs_get_text(json_object_get(body, "fval"), "fval");
	}
	if (text[0] == 0 ||
		(to.kind != SQL_DECIMAL && to.kind != SQL_DATE && to.kind != SQL_TIMESTAMP &&
			to.kind != SQL_TIMESTAMPTZ) ||
		sql_value_parse(slice_of(text), to, &v, &none) != 0) {
		return false;
	}
	if (to.kind == SQL_TIMESTAMPTZ) {
		to.kind = SQL_TIMESTAMP;
	}
	sql_value_print(&v, to, &out);
	return sql_quote_text(buf_slice(&out), c->out, NULL) == 0;
}

static int lite_cast(struct print *c, struct sql_type from, struct sql_type to, const char *arg)
{
	switch (to.kind) {
	case SQL_BOOLEAN: buf_printf(c->out, "rs_cast_boolean(%s)", arg); return 0;
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT:
		buf_printf(c->out, "rs_cast_integer(%s, %d)", arg,
			to.kind == SQL_SMALLINT	 ? 2
			: to.kind == SQL_INTEGER ? 4
						 : 8);
		return 0;
	case SQL_REAL:
	case SQL_DOUBLE:
		buf_printf(c->out,
			from.kind == SQL_DECIMAL   ? "rs_real(%s)"
			: sql_is_number(from.kind) ? "CAST(%s AS REAL)"
						   : "rs_cast_double(%s)",
			arg);
		return 0;
	case SQL_DECIMAL:
		buf_printf(c->out, "rs_dec(%s, %u, %u)", arg, to.size, to.scale);
		return 0;
	case SQL_CHAR:
	case SQL_VARCHAR: return lite_text(c, from, to, arg);
	case SQL_DATE: buf_printf(c->out, "rs_cast_date(%s)", arg); return 0;
	case SQL_TIME: buf_printf(c->out, "rs_cast_time(%s)", arg); return 0;
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ: buf_printf(c->out, "rs_cast_timestamp(%s)", arg); return 0;
	case SQL_INTERVAL: buf_printf(c->out, "rs_interval(%s)", arg); return 0;
	default: buf_puts(c->out, arg); return 0;
	}
}

int print_cast(struct print *c, struct sql_type from, struct sql_type to, const json_t *arg)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = print_apart(c, arg, &text);

	if (rc != 0 || (print_lite(c) && lite_constant(c, to, arg))) {
		return rc;
	}
	if (print_lite(c)) {
		bool widened = (from.kind == SQL_SMALLINT || from.kind == SQL_INTEGER) &&
			       (to.kind == SQL_INTEGER || to.kind == SQL_BIGINT);
		bool same = from.kind == to.kind && sql_is_text(to.kind) && to.size == 0;

		if (widened || same) {
			buf_printf(c->out, "(%s)", buf_cstr(&text));
			return 0;
		}
		return lite_cast(c, from, to, buf_cstr(&text));
	}
	return duck_cast(c, from, to, buf_cstr(&text));
}
