/* A row's JSON becomes values of its columns.
 *
 * The members are the columns, so an object inside can only be a tag: {"$b": ".."} a
 * blob, {"$t": ".."} a text that JSON cannot say, {"$n": "Infinity"}. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/base64.h"
#include "engines/common/suggest.h"
#include "engines/rds/rows.h"

#define ACCEPTED                                                                                   \
	"a string, a number, true, false, null, {\"$b\": base64}, {\"$t\": base64} or {\"$n\": "   \
	"\"Infinity\"}"
#define EXCERPT 40

struct parse {
	const struct rds_table *t;
	struct rds_draft *d;
	unsigned depth;	 /* open objects */
	unsigned column; /* the member being read */
	char tag;	 /* 'b', 't', 'n'; 0: none read yet */
	bool tagged;	 /* its value was read */
	struct buf number;
};

__attribute__((format(printf, 3, 4))) static int refuse(
	struct err *err, struct json_pos at, const char *fmt, ...)
{
	char text[ERR_MSG_MAX - 64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(err, EINVAL, "line %lu, column %lu: %s", at.line, at.column, text);
}

static int cut(struct slice text)
{
	return (int)(text.n < EXCERPT ? text.n : EXCERPT);
}

static const char *found_name(enum json_event event)
{
	switch (event) {
	case JSON_EV_OBJECT_BEGIN: return "an object";
	case JSON_EV_ARRAY_BEGIN: return "an array";
	case JSON_EV_STRING: return "a string";
	case JSON_EV_NUMBER: return "a number";
	case JSON_EV_NULL: return "null";
	default: return "true or false";
	}
}

/* ---- members ---- */

static const char *next_column(const void *arg, unsigned i)
{
	const struct rds_table *t = arg;
	return i < t->n_columns ? t->columns[i].name : NULL;
}

static int unknown_column(
	const struct parse *p, struct slice name, struct json_pos at, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_append_slice(&text, name);
	const char *near = suggest(buf_cstr(&text), next_column, p->t);
	return refuse(err, at, "%s has no column \"%.*s\"%s%s%s", p->t->name, cut(name), name.p,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}

static int begin_member(struct parse *p, struct slice name, struct json_pos at, struct err *err)
{
	unsigned i = 0;
	while (i < p->t->n_columns && !slice_is(name, p->t->columns[i].name)) {
		i++;
	}
	if (i == p->t->n_columns) {
		return unknown_column(p, name, at, err);
	}
	struct rds_member *m = &p->d->members[i];
	if (m->present) {
		return refuse(err, at,
			"the column \"%s\" is there twice (first at line %lu, column %lu)",
			p->t->columns[i].name, m->at.line, m->at.column);
	}
	*m = (struct rds_member){.present = true, .at = at, .value = {.type = SQLITE_NULL}};
	p->column = i;
	return 0;
}

/* ---- values ---- */

static int set_bytes(struct parse *p, int type, struct slice text)
{
	struct rds_value *v = &p->d->members[p->column].value;
	*v = (struct rds_value){.type = type, .at = p->d->bytes.n, .n = text.n};
	buf_append_slice(&p->d->bytes, text);
	return 0;
}

static bool is_integer(struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (strchr(".eE", text.p[i]) != NULL) {
			return false;
		}
	}
	return true;
}

static int set_number(struct parse *p, struct slice text, struct json_pos at, struct err *err)
{
	struct rds_value *v = &p->d->members[p->column].value;
	const struct rds_column *col = &p->t->columns[p->column];
	buf_clear(&p->number);
	buf_append_slice(&p->number, text);
	const char *digits = buf_cstr(&p->number);
	if (is_integer(text) && col->affinity != RDS_AFFINITY_REAL) {
		errno = 0;
		*v = (struct rds_value){
			.type = SQLITE_INTEGER, .integer = strtoll(digits, NULL, 10)};
		return errno == 0 ? 0
				  : refuse(err, at, "%s: %.*s does not fit into 64 bits", col->name,
					    cut(text), text.p);
	}
	*v = (struct rds_value){.type = SQLITE_FLOAT, .real = strtod(digits, NULL)};
	return isfinite(v->real) ? 0
				 : refuse(err, at, "%s: %.*s is larger than any REAL", col->name,
					   cut(text), text.p);
}

static int set_value(struct parse *p, enum json_event event, struct slice text, struct json_pos at,
	struct err *err)
{
	struct rds_member *m = &p->d->members[p->column];
	m->at = at;
	switch (event) {
	case JSON_EV_STRING: return set_bytes(p, SQLITE_TEXT, text);
	case JSON_EV_NUMBER: return set_number(p, text, at, err);
	case JSON_EV_TRUE:
	case JSON_EV_FALSE:
		m->boolean = true;
		m->value = (struct rds_value){
			.type = SQLITE_INTEGER, .integer = event == JSON_EV_TRUE};
		return 0;
	case JSON_EV_NULL: return 0;
	case JSON_EV_OBJECT_BEGIN:
		p->depth++;
		p->tag = 0;
		p->tagged = false;
		return 0;
	default:
		return refuse(err, at,
			"%s: expected " ACCEPTED ", found %s; JSON is stored as a string",
			p->t->columns[p->column].name, found_name(event));
	}
}

/* ---- tags ---- */

static int refuse_tag(const struct parse *p, struct json_pos at, struct err *err)
{
	return refuse(err, at, "%s: expected " ACCEPTED "; other JSON is stored as a string",
		p->t->columns[p->column].name);
}

static int begin_tag(struct parse *p, struct slice name, struct json_pos at, struct err *err)
{
	bool known = name.n == 2 && name.p[0] == '$' && strchr("btn", name.p[1]) != NULL &&
		     name.p[1] != '\0';
	if (!known || p->tag != 0) {
		return refuse_tag(p, at, err);
	}
	p->tag = name.p[1];
	return 0;
}

static int set_infinity(struct parse *p, struct slice text, struct json_pos at, struct err *err)
{
	bool plus = slice_is(text, "Infinity");
	if (!plus && !slice_is(text, "-Infinity")) {
		return refuse(err, at, "%s: expected \"Infinity\" or \"-Infinity\"",
			p->t->columns[p->column].name);
	}
	p->d->members[p->column].value =
		(struct rds_value){.type = SQLITE_FLOAT, .real = plus ? INFINITY : -INFINITY};
	return 0;
}

static int set_tagged(struct parse *p, enum json_event event, struct slice text, struct json_pos at,
	struct err *err)
{
	if (event != JSON_EV_STRING || p->tagged) {
		return refuse_tag(p, at, err);
	}
	p->tagged = true;
	if (p->tag == 'n') {
		return set_infinity(p, text, at, err);
	}
	CLEANUP(buf_free) struct buf bytes = BUF_INIT;
	const char *expected = base64_decode(BASE64_PADDED, text, &bytes);
	if (expected != NULL) {
		return refuse(err, at, "%s: expected %s, found \"%.*s\"",
			p->t->columns[p->column].name, expected, cut(text), text.p);
	}
	return set_bytes(p, p->tag == 'b' ? SQLITE_BLOB : SQLITE_TEXT, buf_slice(&bytes));
}

/* ---- events ---- */

static int end_object(struct parse *p, struct json_pos at, struct err *err)
{
	if (p->depth == 2 && !p->tagged) {
		return refuse_tag(p, at, err);
	}
	p->depth--;
	return 0;
}

static int take(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	struct parse *p = arg;
	if (event == JSON_EV_OBJECT_END) {
		return end_object(p, pos, err);
	}
	if (p->depth == 0) {
		p->depth = 1;
		return event == JSON_EV_OBJECT_BEGIN
			       ? 0
			       : refuse(err, pos,
					 "expected an object with the columns of %s, found %s",
					 p->t->name, found_name(event));
	}
	if (event == JSON_EV_KEY) {
		return p->depth == 1 ? begin_member(p, text, pos, err)
				     : begin_tag(p, text, pos, err);
	}
	return p->depth == 1 ? set_value(p, event, text, pos, err)
			     : set_tagged(p, event, text, pos, err);
}

int rds_draft_parse(
	const struct rds_table *t, struct slice text, struct rds_draft *out, struct err *err)
{
	*out = (struct rds_draft){.members = calloc(t->n_columns + 1, sizeof(*out->members))};
	struct parse p = {.t = t, .d = out};
	struct json_reader *r = json_reader_new(take, &p, 0, false);
	int rc = -ENOMEM;
	if (out->members != NULL && r != NULL) {
		rc = json_feed(r, text, err);
		rc = rc != 0 ? rc : json_finish(r, err);
		rc = rc != 0 ? rc : buf_check(&out->bytes, err);
	} else {
		err_set(err, ENOMEM, "out of memory");
	}
	json_reader_free(r);
	buf_free(&p.number);
	if (rc != 0) {
		rds_draft_finish(out);
	}
	return rc;
}

void rds_draft_finish(struct rds_draft *d)
{
	free(d->members);
	buf_free(&d->bytes);
	*d = (struct rds_draft){0};
}
