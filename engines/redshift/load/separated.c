/* Records of fields with a character between them: COPY's own text, and CSV.
 *
 * A record ends with a line feed, before which a carriage return is part of the line's end. In CSV
 * a field may stand in quotes, and then has delimiters and line ends in it, and quotes that are
 * doubled; in text with ESCAPE a backslash takes its meaning from any character, with REMOVEQUOTES
 * a field may stand in quotes of either kind.
 *
 * Where a record ends is found before it is taken apart: in text without ESCAPE that is one memchr.
 */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/load/parser.h"

struct separated {
	struct rs_parser parser;
	rs_record_fn *fn;
	void *arg;
	bool csv, escape, remove_quotes, skip_blank;
	char delimiter, quote;
	uint64_t skip; /* lines at the head that are passed over */
	uint64_t line; /* of the next record */
	uint64_t offset;
	struct buf rest; /* a record that is not whole */
	size_t scanned;	 /* of it, for its end */
	bool in_quotes;	 /* there */
	bool at_start;	 /* of a field, there */
	size_t closed;	 /* where a quote was closed last: one that follows at once is doubled */
	struct rs_field *field;
	unsigned n, room;
	struct buf plain; /* fields without their escapes */
};

/* ---- where a record ends ---- */

/* CSV: a quote at the start of a field opens, any other within closes or is doubled. */
static size_t end_of_csv(struct separated *s, struct slice text, size_t at)
{
	for (; at < text.n; at++) {
		char c = text.p[at];
		if (s->in_quotes) {
			const char *q = memchr(text.p + at, s->quote, text.n - at);
			if (q == NULL) {
				return text.n;
			}
			at = (size_t)(q - text.p);
			s->in_quotes = false;
			s->closed = at + 1;
		} else if (c == s->quote) {
			/* Doubled ones close and open again, which comes to the same. */
			s->in_quotes = s->at_start || at == s->closed;
			s->at_start = false;
		} else if (c == '\n') {
			return at;
		} else {
			s->at_start = c == s->delimiter;
		}
	}
	return text.n;
}

static bool is_escaped(struct slice text, size_t at)
{
	size_t n = 0;
	while (n < at && text.p[at - n - 1] == '\\') {
		n++;
	}
	return n % 2 == 1;
}

/* The index of the line feed that ends the record which begins at 0; text.n: it is not there.
 * `from`: what was looked at already. */
static size_t end_of_record(struct separated *s, struct slice text, size_t from)
{
	if (s->csv) {
		return end_of_csv(s, text, from);
	}
	for (;;) {
		const char *end = memchr(text.p + from, '\n', text.n - from);
		size_t at = end != NULL ? (size_t)(end - text.p) : text.n;
		if (end == NULL || !s->escape || !is_escaped(text, at)) {
			return at;
		}
		from = at + 1;
	}
}

/* ---- fields ---- */

static struct rs_field *new_field(struct separated *s)
{
	if (s->n == s->room) {
		unsigned room = s->room == 0 ? 32 : s->room * 2;
		struct rs_field *more = realloc(s->field, room * sizeof(*more));
		if (more == NULL) {
			return NULL;
		}
		s->field = more;
		s->room = room;
	}
	s->field[s->n] = (struct rs_field){0};
	return &s->field[s->n++];
}

/* The text in quotes that begins at `at`; gives where it ended, behind the closing quote. Doubled
 * quotes stand once in `plain`, which has room for all of the record. */
static size_t quoted(
	struct separated *s, struct slice raw, size_t at, char quote, struct rs_field *f)
{
	size_t begin = s->plain.n;
	size_t from = ++at;
	for (;;) {
		const char *q = memchr(raw.p + at, quote, raw.n - at);
		at = q != NULL ? (size_t)(q - raw.p) : raw.n;
		bool doubled = at + 1 < raw.n && raw.p[at + 1] == quote;
		if (!doubled && begin == s->plain.n) {
			f->text = slice_make(raw.p + from, at - from);
			return at < raw.n ? at + 1 : at;
		}
		buf_append(&s->plain, raw.p + from, at - from + (doubled ? 1 : 0));
		if (!doubled) {
			f->text = slice_make(s->plain.p + begin, s->plain.n - begin);
			return at < raw.n ? at + 1 : at;
		}
		at += 2;
		from = at;
	}
}

/* A field of text with ESCAPE: up to a delimiter that no backslash stands before. \N stays as it
 * is: what it means is asked later. */
static size_t escaped(struct separated *s, struct slice raw, size_t at, struct rs_field *f)
{
	size_t begin = s->plain.n;
	size_t from = at;
	while (at < raw.n && raw.p[at] != s->delimiter) {
		if (raw.p[at] == '\\' && at + 1 < raw.n && raw.p[at + 1] != 'N') {
			buf_append(&s->plain, raw.p + from, at - from);
			from = ++at;
		}
		at++;
	}
	if (from == at && begin == s->plain.n) {
		return at;
	}
	buf_append(&s->plain, raw.p + from, at - from);
	f->text = slice_make(s->plain.p + begin, s->plain.n - begin);
	return at;
}

static size_t plain_field(
	const struct separated *s, struct slice raw, size_t at, struct rs_field *f)
{
	const char *d = memchr(raw.p + at, s->delimiter, raw.n - at);
	size_t end = d != NULL ? (size_t)(d - raw.p) : raw.n;
	f->text = slice_make(raw.p + at, end - at);
	return end;
}

static size_t one_field(struct separated *s, struct slice raw, size_t at, struct rs_field *f)
{
	int c = at < raw.n ? raw.p[at] : -1;
	if (s->csv && c == s->quote) {
		f->quoted = true;
		return quoted(s, raw, at, s->quote, f);
	}
	if (s->remove_quotes && (c == '"' || c == '\'')) {
		return quoted(s, raw, at, raw.p[at], f);
	}
	return s->escape ? escaped(s, raw, at, f) : plain_field(s, raw, at, f);
}

/* What stands between a closing quote and the next delimiter belongs to no field. */
static int take_apart(struct separated *s, struct rs_record *r, struct err *err)
{
	size_t at = 0;
	s->n = 0;
	buf_clear(&s->plain);
	/* So that slices of it stay where they are. */
	if (!buf_reserve(&s->plain, r->raw.n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (;;) {
		struct rs_field *f = new_field(s);
		if (f == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		f->at = at;
		at = one_field(s, r->raw, at, f);
		if (at >= r->raw.n) {
			break;
		}
		if (r->raw.p[at] != s->delimiter) {
			r->code = 1214;
			r->reason = "Delimiter not found";
			break;
		}
		at++;
	}
	r->field = s->field;
	r->n = s->n;
	return 0;
}

/* ---- records ---- */

static uint64_t lines_in(struct slice raw)
{
	uint64_t n = 1;
	const char *at = raw.p;
	const char *end = raw.p + raw.n;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		n++;
		at++;
	}
	return n;
}

/* `raw` ends before the line feed; `bytes` are all that it takes in the file. */
static int give(struct separated *s, struct slice raw, size_t bytes, struct err *err)
{
	struct rs_record r = {.line = s->line, .offset = s->offset};
	int rc = 0;
	s->line += s->csv || s->escape ? lines_in(raw) : 1;
	s->offset += bytes;
	if (raw.n > 0 && raw.p[raw.n - 1] == '\r') {
		raw.n--;
	}
	if (s->skip > 0) {
		s->skip--;
		return 0;
	}
	if (s->skip_blank && raw.n == 0) {
		return 0;
	}
	r.raw = raw;
	rc = take_apart(s, &r, err);
	return rc < 0 ? rc : s->fn(s->arg, &r, err);
}

/* All whole records of the text; what is left over, *used says where it begins. */
static int give_all(struct separated *s, struct slice text, size_t *used, struct err *err)
{
	size_t begin = 0;
	size_t scanned = s->scanned;
	int rc = 0;
	while (rc == 0 && begin < text.n) {
		struct slice left = slice_make(text.p + begin, text.n - begin);
		size_t end = end_of_record(s, left, scanned);
		scanned = 0;
		if (end == left.n) {
			s->scanned = left.n;
			*used = begin;
			return left.n <= RS_ROW_MAX ? 0
						    : err_set(err, EINVAL,
							      "line %llu: a row of more than 4 MB, "
							      "which is the most "
							      "(is a quote left open?)",
							      (unsigned long long)s->line);
		}
		s->in_quotes = false;
		s->at_start = true;
		s->closed = 0;
		rc = give(s, slice_make(left.p, end), end + 1, err);
		begin += end + 1;
	}
	s->scanned = 0;
	*used = begin;
	return rc;
}

static int separated_feed(struct rs_parser *p, struct slice bytes, struct err *err)
{
	struct separated *s = (struct separated *)p;
	size_t used = 0;
	int rc;
	if (s->rest.n == 0) {
		rc = give_all(s, bytes, &used, err);
		buf_append(&s->rest, bytes.p + used, bytes.n - used);
	} else {
		buf_append_slice(&s->rest, bytes);
		rc = buf_check(&s->rest, err);
		rc = rc == 0 ? give_all(s, buf_slice(&s->rest), &used, err) : rc;
		memmove(s->rest.p, s->rest.p + used, s->rest.n - used);
		s->rest.n -= used;
	}
	return rc == 0 ? buf_check(&s->rest, err) : rc;
}

/* The last line needs no line feed. */
static int separated_end(struct rs_parser *p, struct err *err)
{
	struct separated *s = (struct separated *)p;
	if (s->rest.n == 0) {
		return 0;
	}
	if (s->csv && s->in_quotes) {
		return err_set(err, EINVAL, "line %llu: the file ends within quotes",
			(unsigned long long)s->line);
	}
	return give(s, buf_slice(&s->rest), s->rest.n, err);
}

static void separated_free(struct rs_parser *p)
{
	struct separated *s = (struct separated *)p;
	buf_free(&s->rest);
	buf_free(&s->plain);
	free(s->field);
	free(s);
}

static const struct rs_parser_ops separated_ops = {separated_feed, separated_end, separated_free};

static char default_delimiter(const struct separated *s)
{
	if (s->csv) {
		return ',';
	}
	return '|';
}

int rs_separated_new(const struct rs_copy *c, rs_record_fn *fn, void *arg, struct rs_parser **out,
	struct err *err)
{
	struct separated *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->parser.ops = &separated_ops;
	s->fn = fn;
	s->arg = arg;
	s->csv = c->format == RS_FORMAT_CSV;
	s->escape = c->escape;
	s->remove_quotes = c->remove_quotes;
	s->skip_blank = c->ignore_blank_lines;
	s->delimiter = c->delimiter;
	if (s->delimiter == '\0') {
		s->delimiter = default_delimiter(s);
	}
	s->quote = c->quote;
	if (s->quote == '\0') {
		s->quote = '"';
	}
	s->skip = c->ignore_header;
	s->line = 1;
	s->at_start = true;
	*out = &s->parser;
	return 0;
}
