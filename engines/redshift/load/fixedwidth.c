/* Lines of fields of a fixed width: "a:3,b:5", counted in characters. What the labels are does not
 * matter; the order does. */
#include <errno.h>
#include <stdlib.h>

#include "engines/redshift/load/parser.h"

struct fixed {
	struct rs_parser parser;
	rs_record_fn *fn;
	void *arg;
	bool fill, skip_blank;
	uint64_t skip;
	uint64_t line, offset;
	struct buf rest;
	size_t *width;
	struct rs_field *field;
	unsigned n;
};

/* ---- the widths ---- */

static int wrong_spec(const char *spec, struct err *err)
{
	return err_set(err, EINVAL,
		"FIXEDWIDTH '%s': widths as 'name:3,other:5' are expected, each 1 to 65535", spec);
}

/* One "label:width" at *at, which moves behind it. 0: it is none. */
static size_t one_width(const char **at)
{
	const char *colon = strchr(*at, ':');
	const char *comma = strchr(*at, ',');
	char *end = NULL;

	if (colon == NULL || colon == *at || (comma != NULL && comma < colon) || colon[1] < '0' ||
		colon[1] > '9') {
		return 0;
	}
	unsigned long n = strtoul(colon + 1, &end, 10);
	end += strspn(end, " ");
	if (n > SQL_VARCHAR_MAX || (*end != '\0' && *end != ',') ||
		(*end == ',' && end[1] == '\0')) {
		return 0;
	}
	*at = *end == ',' ? end + 1 : end;
	return n;
}

static int parse_spec(struct fixed *f, const char *spec, struct err *err)
{
	const char *at = spec;
	size_t most = 1;

	for (const char *c = spec; *c != '\0'; c++) {
		most += *c == ',';
	}
	f->width = calloc(most, sizeof(*f->width));
	f->field = calloc(most, sizeof(*f->field));
	if (f->width == NULL || f->field == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	while (*at != '\0') {
		size_t n = one_width(&at);
		if (n == 0) {
			return wrong_spec(spec, err);
		}
		f->width[f->n++] = n;
	}
	return f->n > 0 ? 0 : wrong_spec(spec, err);
}

/* ---- lines ---- */

/* Bytes of `n` characters from `at`, or as many as there are. */
static size_t characters(struct slice s, size_t at, size_t n)
{
	size_t begin = at;

	while (n-- > 0 && at < s.n) {
		at++;
		while (at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80) {
			at++;
		}
	}
	return at - begin;
}

static void take_apart(struct fixed *f, struct rs_record *r)
{
	size_t at = 0;
	unsigned n = 0;

	for (; n < f->n && (at < r->raw.n || n == 0); n++) {
		size_t size = characters(r->raw, at, f->width[n]);
		f->field[n] = (struct rs_field){.text = slice_make(r->raw.p + at, size), .at = at};
		at += size;
	}
	r->field = f->field;
	r->n = n;
	if (at < r->raw.n) {
		r->code = 1202;
		r->reason = "Extra column(s) found";
	} else if (n < f->n && !f->fill) {
		r->code = 1203;
		r->reason = "The line is too short for all columns";
	}
}

static int give(struct fixed *f, struct slice raw, size_t bytes, struct err *err)
{
	struct rs_record r = {.line = f->line++, .offset = f->offset};

	f->offset += bytes;
	if (raw.n > 0 && raw.p[raw.n - 1] == '\r') {
		raw.n--;
	}
	if (f->skip > 0) {
		f->skip--;
		return 0;
	}
	if (f->skip_blank && raw.n == 0) {
		return 0;
	}
	r.raw = raw;
	take_apart(f, &r);
	return f->fn(f->arg, &r, err);
}

static int fixed_feed(struct rs_parser *p, struct slice bytes, struct err *err)
{
	struct fixed *f = (struct fixed *)p;
	const char *end;
	int rc = 0;

	while (rc == 0 && (end = memchr(bytes.p, '\n', bytes.n)) != NULL) {
		size_t n = (size_t)(end - bytes.p);
		struct slice raw = slice_make(bytes.p, n);
		if (f->rest.n > 0) {
			buf_append(&f->rest, bytes.p, n);
			rc = buf_check(&f->rest, err);
			raw = buf_slice(&f->rest);
		}
		rc = rc == 0 ? give(f, raw, raw.n + 1, err) : rc;
		buf_clear(&f->rest);
		bytes.p += n + 1;
		bytes.n -= n + 1;
		if (bytes.n == 0) {
			return rc;
		}
	}
	buf_append(&f->rest, bytes.p, rc == 0 ? bytes.n : 0);
	if (rc == 0 && f->rest.n > RS_ROW_MAX) {
		return err_set(err, EINVAL, "line %llu: a row of more than 4 MB, which is the most",
			(unsigned long long)f->line);
	}
	return rc == 0 ? buf_check(&f->rest, err) : rc;
}

static int fixed_end(struct rs_parser *p, struct err *err)
{
	struct fixed *f = (struct fixed *)p;

	return f->rest.n > 0 ? give(f, buf_slice(&f->rest), f->rest.n, err) : 0;
}

static void fixed_free(struct rs_parser *p)
{
	struct fixed *f = (struct fixed *)p;

	buf_free(&f->rest);
	free(f->width);
	free(f->field);
	free(f);
}

static const struct rs_parser_ops fixed_ops = {fixed_feed, fixed_end, fixed_free};

int rs_fixed_new(const struct rs_copy *c, rs_record_fn *fn, void *arg, struct rs_parser **out,
	struct err *err)
{
	struct fixed *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->parser.ops = &fixed_ops;
	f->fn = fn;
	f->arg = arg;
	f->fill = c->fill_record;
	f->skip_blank = c->ignore_blank_lines;
	f->skip = c->ignore_header;
	f->line = 1;
	int rc = parse_spec(f, c->fixed_width != NULL ? c->fixed_width : "", err);
	if (rc < 0) {
		fixed_free(&f->parser);
		return rc;
	}
	*out = &f->parser;
	return 0;
}
