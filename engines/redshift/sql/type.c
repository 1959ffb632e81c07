/* The types of columns, as Redshift spells them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/redshift/sql/parse.h"

#define DECIMAL_DEFAULT 18U
#define VARCHAR_DEFAULT 256U

static const struct type_word {
	const char *word;
	enum sql_kind kind;
	unsigned size; /* of texts: if none is told */
} type_words[] = {
	{"smallint", SQL_SMALLINT, 0},
	{"int2", SQL_SMALLINT, 0},
	{"tinyint", SQL_SMALLINT, 0}, /* of external tables */
	{"integer", SQL_INTEGER, 0},
	{"int", SQL_INTEGER, 0},
	{"int4", SQL_INTEGER, 0},
	{"bigint", SQL_BIGINT, 0},
	{"int8", SQL_BIGINT, 0},
	{"decimal", SQL_DECIMAL, DECIMAL_DEFAULT},
	{"numeric", SQL_DECIMAL, DECIMAL_DEFAULT},
	{"dec", SQL_DECIMAL, DECIMAL_DEFAULT},
	{"real", SQL_REAL, 0},
	{"float4", SQL_REAL, 0},
	{"double", SQL_DOUBLE, 0},
	{"float8", SQL_DOUBLE, 0},
	{"float", SQL_DOUBLE, 0},
	{"boolean", SQL_BOOLEAN, 0},
	{"bool", SQL_BOOLEAN, 0},
	{"char", SQL_CHAR, 1},
	{"character", SQL_CHAR, 1},
	{"nchar", SQL_CHAR, 1},
	{"bpchar", SQL_CHAR, VARCHAR_DEFAULT},
	{"varchar", SQL_VARCHAR, VARCHAR_DEFAULT},
	{"nvarchar", SQL_VARCHAR, VARCHAR_DEFAULT},
	{"text", SQL_VARCHAR, VARCHAR_DEFAULT},
	{"string", SQL_VARCHAR, SQL_VARCHAR_MAX}, /* of external tables */
	{"date", SQL_DATE, 0},
	{"time", SQL_TIME, 0},
	{"timestamp", SQL_TIMESTAMP, 0},
	{"timestamptz", SQL_TIMESTAMPTZ, 0},
};

static const char *const type_names[] = {"SMALLINT", "INTEGER", "BIGINT", "DECIMAL", "NUMERIC",
	"REAL", "DOUBLE", "FLOAT", "BOOLEAN", "CHAR", "CHARACTER", "NCHAR", "BPCHAR", "VARCHAR",
	"NVARCHAR", "TEXT", "STRING", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", NULL};

static int take_decimal(struct rs_parse *p, struct sql_type *out)
{
	uint64_t size = out->size;
	uint64_t scale = 0;
	int rc = 0;
	if (rs_accept_mark(p, '(')) {
		rc = rs_take_count(p, "a precision", SQL_DECIMAL_MAX, &size);
		if (rc == 0 && rs_accept_mark(p, ',')) {
			rc = rs_take_count(p, "a scale", SQL_DECIMAL_MAX, &scale);
		}
		rc = rc < 0 ? rc : rs_expect_mark(p, ')');
	}
	if (rc == 0 && (size == 0 || scale > size)) {
		rc = rs_refuse(p, EINVAL,
			"DECIMAL(%u,%u); a precision from 1 to %u and a scale of at most that is "
			"expected",
			(unsigned)size, (unsigned)scale, SQL_DECIMAL_MAX);
	}
	out->size = (unsigned)size;
	out->scale = (unsigned)scale;
	return rc;
}

static int take_size(struct rs_parse *p, struct sql_type *out)
{
	uint64_t max = out->kind == SQL_CHAR ? SQL_CHAR_MAX : SQL_VARCHAR_MAX;
	uint64_t size = 0;
	if (!rs_accept_mark(p, '(')) {
		return 0;
	}
	int rc = 0;
	if (rs_accept(p, "max")) {
		size = max;
	} else {
		rc = rs_take_count(p, "a length in bytes", max, &size);
	}
	rc = rc < 0 ? rc : rs_expect_mark(p, ')');
	if (rc == 0 && size == 0) {
		rc = rs_refuse(
			p, EINVAL, "a length of 0; 1 to %u bytes is expected", (unsigned)max);
	}
	out->size = (unsigned)size;
	return rc;
}

/* TIME and TIMESTAMP: "(6)", "WITH TIME ZONE". Microseconds are what there is. */
static int take_zone(struct rs_parse *p, struct sql_type *out)
{
	uint64_t digits;
	int rc = 0;
	if (rs_accept_mark(p, '(')) {
		rc = rs_take_count(p, "digits of a second", 6, &digits);
		rc = rc < 0 ? rc : rs_expect_mark(p, ')');
	}
	if (rc < 0 || !(rs_is_next(p, "time") && (rs_is(p, "with") || rs_is(p, "without")))) {
		return rc;
	}
	if (rs_is(p, "with")) {
		if (out->kind == SQL_TIME) {
			return rs_unsupported(p, "TIME WITH TIME ZONE");
		}
		out->kind = SQL_TIMESTAMPTZ;
	}
	rs_next(p);
	rs_next(p);
	return rs_expect(p, "zone");
}

/* FLOAT(p): REAL up to 24 bits. */
static int take_float(struct rs_parse *p, struct sql_type *out)
{
	uint64_t bits;
	if (!rs_accept_mark(p, '(')) {
		return 0;
	}
	int rc = rs_take_count(p, "a precision in bits", 53, &bits);
	if (rc == 0 && bits <= 24) {
		out->kind = SQL_REAL;
	}
	return rc < 0 ? rc : rs_expect_mark(p, ')');
}

static int take_details(struct rs_parse *p, const char *word, struct sql_type *out)
{
	if (out->kind == SQL_DECIMAL) {
		return take_decimal(p, out);
	}
	if (out->kind == SQL_CHAR && rs_accept(p, "varying")) {
		*out = (struct sql_type){.kind = SQL_VARCHAR, .size = VARCHAR_DEFAULT};
	}
	if (sql_is_text(out->kind)) {
		return take_size(p, out);
	}
	if (out->kind == SQL_TIME || out->kind == SQL_TIMESTAMP) {
		return take_zone(p, out);
	}
	if (strcmp(word, "double") == 0) {
		rs_accept(p, "precision");
	}
	return strcmp(word, "float") == 0 ? take_float(p, out) : 0;
}

static int refuse_type(struct rs_parse *p)
{
	static const char *const known[] = {"super", "geometry", "geography", "hllsketch",
		"varbyte", "varbinary", "binary", "timetz", "interval", "array", "map", "struct",
		"oid", NULL};
	char what[32];
	for (unsigned i = 0; known[i] != NULL; i++) {
		if (rs_is(p, known[i])) {
			snprintf(what, sizeof(what), "the type %s", known[i]);
			return rs_unsupported(p, what);
		}
	}
	return rs_unknown(p, "a type", type_names);
}

int rs_take_type(struct rs_parse *p, struct sql_type *out)
{
	for (size_t i = 0; i < sizeof(type_words) / sizeof(type_words[0]); i++) {
		const struct type_word *t = &type_words[i];
		if (rs_accept(p, t->word)) {
			*out = (struct sql_type){.kind = t->kind, .size = t->size};
			return take_details(p, t->word, out);
		}
	}
	return refuse_type(p);
}

int rs_type_parse(struct slice text, struct sql_type *out, struct err *err)
{
	struct rs_parse p = {.script = text, .err = err, .token = rs_token_at(text, 0)};
	int rc = rs_take_type(&p, out);
	return rc < 0 ? rc : rs_expect_end(&p);
}
