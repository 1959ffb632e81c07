/* Records out of csv, tsv and json. A record is looked for from its start again when
 * more of the text had to be read, which is twice as much each time. */
#include "engines/rds/import.h"

#include <stdlib.h>

#define FILL_BYTES   ((size_t)256 * 1024)
#define RECORD_BYTES ((size_t)256 * 1024 * 1024)

void rds_records_init(struct rds_records *r, struct spill *text, enum rds_text_format format)
{
	*r = (struct rds_records){.text = text, .format = format, .next_line = 1};
}

void rds_records_finish(struct rds_records *r)
{
	buf_free(&r->window);
	buf_free(&r->values);
	free(r->fields);
}

struct slice rds_field_text(const struct rds_records *r, unsigned i)
{
	return r->fields[i].n == 0 ? slice_of("")
				   : slice_make(r->values.p + r->fields[i].at, r->fields[i].n);
}

/* ---- the window ---- */

static bool at_end(const struct rds_records *r)
{
	return r->read >= spill_size(r->text);
}

static int fill(struct rds_records *r, struct err *err)
{
	size_t left = r->window.n - r->next;
	bool first = r->read == 0;

	if (left > RECORD_BYTES) {
		return err_set(err, EFBIG, "line %lu: a record longer than %zu MiB", r->next_line,
			RECORD_BYTES >> 20);
	}
	if (r->next > 0) {
		memmove(r->window.p, r->window.p + r->next, left);
		r->window.n = left;
		r->next = 0;
	}
	int rc = spill_read(
		r->text, r->read, left > FILL_BYTES ? left : FILL_BYTES, &r->window, err);
	r->read += rc == 0 ? r->window.n - left : 0;
	if (rc == 0 && first && r->window.n >= 3 && memcmp(r->window.p, "\xef\xbb\xbf", 3) == 0) {
		r->next = 3;
	}
	return rc;
}

/* ---- csv, tsv ---- */

enum { MORE = 2, BLANK = 3 };

struct cursor {
	const char *p;
	const char *end;
	unsigned long line;
	bool whole; /* nothing comes behind the end */
};

static int add_field(struct rds_records *r, size_t at, bool null, struct err *err)
{
	if (r->n_fields == r->cap_fields) {
		unsigned cap = r->cap_fields == 0 ? 32 : 2 * r->cap_fields;
		struct rds_field *more = realloc(r->fields, cap * sizeof(*more));
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		r->fields = more;
		r->cap_fields = cap;
	}
	r->fields[r->n_fields++] = (struct rds_field){at, r->values.n - at, null};
	return buf_check(&r->values, err);
}

static bool ends_field(const struct rds_records *r, char ch)
{
	return ch == '\n' || ch == '\r' || ch == (r->format == RDS_TSV ? '\t' : ',');
}

/* Behind the opening quote. 0, MORE, or -EINVAL. */
static int quoted(struct rds_records *r, struct cursor *c, struct err *err)
{
	unsigned long start = c->line;

	for (; c->p < c->end; c->p++) {
		c->line += *c->p == '\n' ? 1 : 0;
		if (*c->p == '"') {
			if (c->p + 1 == c->end && !c->whole) {
				return MORE;
			}
			if (c->p + 1 == c->end || c->p[1] != '"') {
				c->p++;
				break;
			}
			c->p++;
		}
		buf_putc(&r->values, *c->p);
	}
	if (c->p == c->end && (c->p[-1] != '"' || !c->whole)) {
		return !c->whole ? MORE
				 : err_set(err, EINVAL,
					   "line %lu: a quoted value begins here and does not end",
					   start);
	}
	if (c->p < c->end && !ends_field(r, *c->p)) {
		return err_set(err, EINVAL,
			"line %lu: behind the closing quote of a value a comma or the end of the "
			"line "
			"is expected",
			c->line);
	}
	return 0;
}

/* A value of tsv has no quotes but escapes. */
static void escaped(struct rds_records *r, struct cursor *c)
{
	char ch = '\0';

	if (c->p + 1 < c->end) {
		ch = c->p[1];
	}

	switch (ch) {
	case 't': buf_putc(&r->values, '\t'); break;
	case 'n': buf_putc(&r->values, '\n'); break;
	case 'r': buf_putc(&r->values, '\r'); break;
	case '\\': buf_putc(&r->values, '\\'); break;
	default: buf_putc(&r->values, '\\'); return;
	}
	c->p++;
}

static int field(struct rds_records *r, struct cursor *c, struct err *err)
{
	size_t at = r->values.n;
	const char *start = c->p;
	int rc = 0;

	if (c->p < c->end && *c->p == '"' && r->format == RDS_CSV) {
		c->p++;
		rc = quoted(r, c, err);
		return rc != 0 ? rc : add_field(r, at, false, err);
	}
	for (; c->p < c->end && !ends_field(r, *c->p); c->p++) {
		if (*c->p == '\\' && r->format == RDS_TSV) {
			if (c->p + 1 == c->end && !c->whole) {
				return MORE;
			}
			escaped(r, c);
		} else {
			buf_putc(&r->values, *c->p);
		}
	}
	if (c->p == c->end && !c->whole) {
		return MORE;
	}
	struct slice raw = slice_make(start, (size_t)(c->p - start));
	bool null = r->format == RDS_TSV ? slice_is(raw, "\\N") : raw.n == 0;
	return add_field(r, at, null, err);
}

/* Takes what ends a line: 0, or MORE. */
static int line_end(struct cursor *c)
{
	if (*c->p == '\r') {
		if (c->p + 1 == c->end && !c->whole) {
			return MORE;
		}
		c->p += c->p + 1 < c->end && c->p[1] == '\n' ? 1 : 0;
	}
	c->p++;
	c->line++;
	return 0;
}

/* 1, 0 at the end, MORE, BLANK, or -errno. */
static int separated(struct rds_records *r, struct cursor *c, struct err *err)
{
	r->n_fields = 0;
	buf_clear(&r->values);
	if (c->p == c->end) {
		return c->whole ? 0 : MORE;
	}
	for (;;) {
		int rc = field(r, c, err);
		if (rc != 0) {
			return rc;
		}
		if (c->p == c->end) {
			return 1;
		}
		if (*c->p == '\n' || *c->p == '\r') {
			rc = line_end(c);
			if (rc != 0) {
				return rc;
			}
			bool blank = r->n_fields == 1 && r->fields[0].n == 0;
			return blank && !r->keep_blank ? BLANK : 1;
		}
		c->p++;
	}
}

/* ---- json ---- */

static const char *string_end(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++) {
		p += *p == '\\' && p + 1 < end ? 1 : 0;
	}
	return p;
}

/* The text is known to be JSON: an array of values or values one after the other. */
static int object(struct rds_records *r, struct cursor *c, struct err *err)
{
	const char *start = NULL;
	unsigned depth = 0;

	for (; c->p < c->end; c->p++) {
		c->line += *c->p == '\n' ? 1 : 0;
		if (*c->p == '"') {
			c->p = string_end(c->p, c->end);
			if (c->p >= c->end) {
				break;
			}
			if (start == NULL) {
				return err_set(err, EINVAL,
					"line %lu: an object is expected, found a string", c->line);
			}
		} else if (*c->p == '{') {
			r->line = depth == 0 ? c->line : r->line;
			start = depth++ == 0 ? c->p : start;
		} else if (*c->p == '}' && --depth == 0) {
			c->p++;
			r->object = slice_make(start, (size_t)(c->p - start));
			return 1;
		} else if (start == NULL && strchr(" \t\r\n,[]", *c->p) == NULL) {
			return err_set(err, EINVAL,
				"line %lu: an object with the row's columns is expected", c->line);
		}
	}
	return c->whole ? 0 : MORE;
}

/* ---- all ---- */

int rds_records_next(struct rds_records *r, struct err *err)
{
	int rc;

	/* Of an empty text, too, there is a place. */
	if (r->window.p == NULL && !buf_reserve(&r->window, FILL_BYTES)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (;;) {
		struct cursor c = {
			r->window.p + r->next, r->window.p + r->window.n, r->next_line, at_end(r)};
		if (r->window.n == 0 && !c.whole) {
			rc = MORE;
		} else {
			r->line = r->next_line;
			rc = r->format == RDS_JSON ? object(r, &c, err) : separated(r, &c, err);
		}
		if (rc == MORE) {
			rc = fill(r, err);
			if (rc < 0) {
				return rc;
			}
			continue;
		}
		if (rc == 1 || rc == BLANK) {
			r->next = (size_t)(c.p - r->window.p);
			r->next_line = c.line;
		}
		if (rc != BLANK) {
			r->number += rc == 1;
			return rc;
		}
	}
}
