/* Records of comma-separated values out of bytes that come in pieces. */
#include "engines/docdb/transfer/csv.h"

#include <errno.h>
#include <stdlib.h>

#define RECORD_BYTES_MAX ((size_t)2 * DOC_BYTES_MAX)

enum state {
	FIELD_BEGINS,
	PLAIN,
	QUOTED,
	QUOTE_ENDS, /* behind a quote within quotes: the end, or the first of two */
	LINE_ENDS,  /* behind a CR, which an LF may follow */
};

struct field {
	size_t begin; /* in `values` */
	size_t end;
	bool quoted;
};

struct csv_reader {
	csv_fn *fn;
	void *arg;
	enum state state;
	unsigned mark; /* bytes of the byte order mark that were skipped; 3: past it */
	unsigned long line;
	unsigned long record_line;
	unsigned long quote_line;
	struct buf values;
	struct buf fields; /* struct field */
	struct buf given;  /* struct csv_field */
	struct field now;
};

struct csv_reader *csv_reader_new(csv_fn *fn, void *arg)
{
	struct csv_reader *r = calloc(1, sizeof(*r));
	if (r != NULL) {
		r->fn = fn;
		r->arg = arg;
		r->line = 1;
		r->record_line = 1;
	}
	return r;
}

void csv_reader_free(struct csv_reader *r)
{
	if (r != NULL) {
		buf_free(&r->values);
		buf_free(&r->fields);
		buf_free(&r->given);
		free(r);
	}
}

/* ---- records ---- */

static void end_field(struct csv_reader *r)
{
	r->now.end = r->values.n;
	buf_append(&r->fields, &r->now, sizeof(r->now));
	r->now = (struct field){.begin = r->values.n};
	r->state = FIELD_BEGINS;
}

static int check_memory(const struct csv_reader *r, struct err *err)
{
	int rc = buf_check(&r->values, err);
	rc = rc < 0 ? rc : buf_check(&r->fields, err);
	return rc < 0 ? rc : buf_check(&r->given, err);
}

static int give(struct csv_reader *r, struct err *err)
{
	unsigned n = (unsigned)(r->fields.n / sizeof(struct field));
	const struct field *fields = (const void *)r->fields.p;
	if (r->values.p == NULL) {
		buf_reserve(&r->values, 1); /* an empty text, too, stands somewhere */
	}
	for (unsigned i = 0; i < n && !r->values.failed; i++) {
		struct csv_field f = {
			{r->values.p + fields[i].begin, fields[i].end - fields[i].begin},
			fields[i].quoted};
		buf_append(&r->given, &f, sizeof(f));
	}
	int rc = check_memory(r, err);
	const struct csv_field *given = (const void *)r->given.p;
	bool blank = rc == 0 && n == 1 && given[0].text.n == 0 && !given[0].quoted;
	return rc < 0 || blank ? rc : r->fn(r->arg, given, n, r->record_line, err);
}

static int end_record(struct csv_reader *r, struct err *err)
{
	end_field(r);
	int rc = check_memory(r, err);
	rc = rc < 0 ? rc : give(r, err);
	buf_clear(&r->values);
	buf_clear(&r->fields);
	buf_clear(&r->given);
	r->now = (struct field){0};
	r->record_line = r->line;
	return rc;
}

/* ---- bytes ---- */

static int end_line(struct csv_reader *r, char c, struct err *err)
{
	r->line++;
	int rc = end_record(r, err);
	r->state = c == '\r' ? LINE_ENDS : FIELD_BEGINS;
	return rc;
}

/* What may stand behind a field. */
static int delimiter(struct csv_reader *r, char c, struct err *err)
{
	if (c == ',') {
		end_field(r);
		return 0;
	}
	return end_line(r, c, err);
}

static bool is_delimiter(char c)
{
	return c == ',' || c == '\n' || c == '\r';
}

static int behind_quote(struct csv_reader *r, char c, struct err *err)
{
	if (c == '"') {
		buf_putc(&r->values, c);
		r->state = QUOTED;
		return 0;
	}
	if (!is_delimiter(c)) {
		return err_set(err, EINVAL,
			"line %lu: behind the closing quote of a value a comma or the end of the "
			"line is expected",
			r->line);
	}
	return delimiter(r, c, err);
}

static int field_begins(struct csv_reader *r, char c, struct err *err)
{
	if (is_delimiter(c)) {
		return delimiter(r, c, err);
	}
	r->state = PLAIN;
	if (c == '"') {
		r->state = QUOTED;
		r->now.quoted = true;
		r->quote_line = r->line;
	} else {
		buf_putc(&r->values, c);
	}
	return 0;
}

static int take(struct csv_reader *r, char c, struct err *err)
{
	switch (r->state) {
	case LINE_ENDS: r->state = FIELD_BEGINS; return c == '\n' ? 0 : field_begins(r, c, err);
	case FIELD_BEGINS: return field_begins(r, c, err);
	case QUOTE_ENDS: return behind_quote(r, c, err);
	case QUOTED:
		r->state = QUOTE_ENDS; /* the run before ended at a quote */
		return 0;
	default: return delimiter(r, c, err);
	}
}

/* Bytes that stand for themselves; the line ends within quotes are counted. */
static size_t run(struct csv_reader *r, struct slice text)
{
	size_t n = 0;
	if (r->state == QUOTED) {
		for (; n < text.n && text.p[n] != '"'; n++) {
			r->line += text.p[n] == '\n';
		}
	} else if (r->state == PLAIN) {
		while (n < text.n && !is_delimiter(text.p[n])) {
			n++;
		}
	}
	buf_append(&r->values, text.p, n);
	return n;
}

static struct slice skip_mark(struct csv_reader *r, struct slice text)
{
	static const char mark[] = "\xef\xbb\xbf";
	while (r->mark < 3 && text.n > 0 && *text.p == mark[r->mark]) {
		r->mark++;
		text = slice_make(text.p + 1, text.n - 1);
	}
	if (r->mark < 3 && text.n > 0) {
		buf_append(&r->values, mark, r->mark);
		r->state = r->mark > 0 ? PLAIN : r->state;
		r->mark = 3;
	}
	return text;
}

int csv_feed(struct csv_reader *r, struct slice text, struct err *err)
{
	int rc = 0;
	text = r->mark < 3 ? skip_mark(r, text) : text;
	for (size_t i = 0; rc == 0 && i < text.n;) {
		i += run(r, slice_make(text.p + i, text.n - i));
		if (r->values.n > RECORD_BYTES_MAX) {
			return err_set(err, EFBIG, "line %lu: a record longer than %zu MiB",
				r->record_line, RECORD_BYTES_MAX >> 20);
		}
		if (i < text.n) {
			rc = take(r, text.p[i++], err);
		}
	}
	return rc;
}

int csv_finish(struct csv_reader *r, struct err *err)
{
	if (r->state == QUOTED) {
		return err_set(err, EINVAL, "line %lu: a quoted value begins here and does not end",
			r->quote_line);
	}
	bool empty = (r->state == FIELD_BEGINS || r->state == LINE_ENDS) && r->fields.n == 0;
	return empty ? 0 : end_record(r, err);
}

void csv_print(struct slice text, struct buf *out)
{
	bool quotes = text.n == 0;
	for (size_t i = 0; i < text.n && !quotes; i++) {
		quotes = text.p[i] == '"' || is_delimiter(text.p[i]);
	}
	if (!quotes && (unsigned char)text.p[0] != 0xef) { /* which a byte order mark begins with */
		buf_append_slice(out, text);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		buf_append(out, "\"\"", text.p[i] == '"' ? 2 : 0);
		if (text.p[i] != '"') {
			buf_putc(out, text.p[i]);
		}
	}
	buf_putc(out, '"');
}
