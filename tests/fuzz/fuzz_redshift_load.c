/* A text as records of each format, whole and in pieces: the same records either way, fields that
 * lie within what went in, and values, or a reason, of each type. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/load/fields.h"

#define COLUMNS 11

static const char *const names[COLUMNS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"};
static const struct sql_type types[COLUMNS] = {{SQL_INTEGER, 0, 0}, {SQL_VARCHAR, 5, 0},
	{SQL_DECIMAL, 8, 2}, {SQL_DATE, 0, 0}, {SQL_TIMESTAMP, 0, 0}, {SQL_DOUBLE, 0, 0},
	{SQL_BOOLEAN, 0, 0}, {SQL_CHAR, 3, 0}, {SQL_TIMESTAMPTZ, 0, 0}, {SQL_TIME, 0, 0},
	{SQL_DECIMAL, 38, 19}};

struct seen {
	struct rs_fields *fields;
	struct buf out;
};

static void take(struct seen *s, unsigned i, const struct rs_field *f)
{
	struct rs_mistake m = {0};
	struct sql_value v = {0};

	if (!rs_fields_value(s->fields, i, f, &v, &m)) {
		if (m.code < 1200 || m.code > 1220 || m.reason[0] == '\0') {
			abort();
		}
		buf_printf(&s->out, "#%d ", m.code);
	} else if (!v.null) {
		sql_value_print(&v, types[i], &s->out);
	}
	buf_putc(&s->out, '\1');
}

static int on_record(void *arg, const struct rs_record *r, struct err *err)
{
	struct seen *s = arg;

	(void)err;
	buf_printf(&s->out, "%llu %llu %d ", (unsigned long long)r->line,
		(unsigned long long)r->offset, r->code);
	buf_append_slice(&s->out, r->raw);
	if (r->code != 0 && (r->reason == NULL || r->code < 1200 || r->code > 1220)) {
		abort();
	}
	if (!rs_fields_begin(s->fields, r)) {
		abort();
	}
	for (unsigned i = 0; i < r->n && i < COLUMNS && r->code == 0; i++) {
		take(s, i, &r->field[i]);
	}
	return 0;
}

static int parse(const struct rs_copy *how, struct slice paths, struct slice text, size_t piece,
	struct buf *out)
{
	struct seen s = {0};
	struct rs_parser *p = NULL;
	struct err err = {0};

	int rc = rs_fields_new(how, types, COLUMNS, &s.fields, &err);
	rc = rc < 0 ? rc : rs_parser_new(how, paths, names, COLUMNS, on_record, &s, &p, &err);
	while (rc == 0 && text.n > 0) {
		size_t n = text.n < piece ? text.n : piece;
		CLEANUP(cleanup_free) char *copy = malloc(n);
		memcpy(copy, text.p, n);
		rc = rs_parser_feed(p, slice_make(copy, n), &err);
		text.p += n;
		text.n -= n;
	}
	rc = rc < 0 ? rc : rs_parser_end(p, &err);
	if ((rc < 0) != (err.code != 0)) {
		abort();
	}
	rs_parser_free(p);
	rs_fields_free(s.fields);
	*out = s.out;
	return rc;
}

/* The first three bytes say how. */
static struct rs_copy options(const uint8_t *p)
{
	static const char *const moments[] = {NULL, "auto", "MM/DD/YYYY HH:MI:SS", "epochsecs"};
	static const char delimiters[] = {'\0', ',', '|', '\t'};

	return (struct rs_copy){.format = (enum rs_format[]){RS_FORMAT_TEXT, RS_FORMAT_CSV,
					RS_FORMAT_JSON, RS_FORMAT_FIXEDWIDTH}[p[0] & 3],
		.delimiter = delimiters[p[0] >> 2 & 3],
		.fixed_width = (char *)(uintptr_t) "a:3,b:5,c:1",
		.ignore_header = p[0] >> 7,
		.escape = (p[1] & 1) != 0,
		.remove_quotes = (p[1] & 2) != 0,
		.ignore_blank_lines = (p[1] & 4) != 0,
		.empty_as_null = (p[1] & 8) != 0,
		.blanks_as_null = (p[1] & 16) != 0,
		.accept_inv_chars = (p[1] & 32) != 0,
		.truncate_columns = (p[1] & 64) != 0,
		.round_decimals = (p[1] & 128) != 0,
		.date_format = (char *)(uintptr_t)((p[2] & 1) != 0 ? "auto" : NULL),
		.time_format = (char *)(uintptr_t)moments[p[2] >> 1 & 3],
		.trim_blanks = (p[2] & 8) != 0,
		.fill_record = (p[2] & 16) != 0};
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char paths[] =
		"{\"jsonpaths\": [\"$.a\", \"$.b[0]\", \"$['c'].d\", \"$[0]\", \"$[1][1]\", "
		"\"$.f\", \"$.g\", \"$.h\", \"$.i\", \"$.j\", \"$.k\"]}";

	if (n < 3) {
		return 0;
	}
	struct rs_copy how = options(p);
	struct slice with = slice_make(paths, (p[2] & 32) != 0 ? sizeof(paths) - 1 : 0);
	struct slice text = slice_make(p + 3, n - 3);
	CLEANUP(buf_free) struct buf whole = BUF_INIT;
	CLEANUP(buf_free) struct buf pieces = BUF_INIT;
	int a = parse(&how, with, text, text.n + 1, &whole);
	int b = parse(&how, with, text, 1 + (p[2] >> 6), &pieces);
	if (a != b || !slice_equal(buf_slice(&whole), buf_slice(&pieces))) {
		abort();
	}
	return 0;
}
