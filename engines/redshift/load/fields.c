/* What a field is before its type matters, and texts. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/name.h"
#include "engines/redshift/load/fields_impl.h"

bool rs_mistake(struct rs_mistake *m, int code, size_t position, const char *fmt, ...)
{
	va_list args;

	m->code = code;
	m->position = position;
	va_start(args, fmt);
	vsnprintf(m->reason, sizeof(m->reason), fmt, args);
	va_end(args);
	return false;
}

/* NULL AS '\0' means the byte. */
static struct slice null_text(const char *told)
{
	if (told == NULL) {
		return slice_of("\\N");
	}
	return strcmp(told, "\\0") == 0 ? slice_make("", 1) : slice_of(told);
}

int rs_fields_new(const struct rs_copy *c, const struct sql_type *types, unsigned n,
	struct rs_fields **out, struct err *err)
{
	struct rs_fields *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->types = types;
	f->n = n;
	f->null_as = null_text(c->null_as);
	f->empty_as_null = c->empty_as_null;
	f->blanks_as_null = c->blanks_as_null;
	f->accept_inv_chars = c->accept_inv_chars;
	f->inv_char = '?';
	if (c->inv_char != '\0') {
		f->inv_char = c->inv_char;
	}
	f->trim_blanks = c->trim_blanks;
	f->truncate_columns = c->truncate_columns;
	f->round_decimals = c->round_decimals;
	int rc = rs_moment_rules(c->date_format, true, &f->date, err);
	rc = rc < 0 ? rc : rs_moment_rules(c->time_format, false, &f->time, err);
	if (rc < 0) {
		rs_fields_free(f);
		return rc;
	}
	*out = f;
	return 0;
}

void rs_fields_free(struct rs_fields *f)
{
	if (f != NULL) {
		buf_free(&f->made);
		free(f);
	}
}

/* Characters are replaced byte by byte, so that what is made is never more than the record. */
bool rs_fields_begin(struct rs_fields *f, const struct rs_record *r)
{
	buf_clear(&f->made);
	return !f->accept_inv_chars || buf_reserve(&f->made, r->raw.n);
}

/* ---- texts ---- */

/* Eight bytes at a time: whether all are ASCII, none NUL. */
static bool is_plain(struct slice s)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word = 0;

	for (; s.n >= sizeof(word); s.p += sizeof(word), s.n -= sizeof(word)) {
		memcpy(&word, s.p, sizeof(word));
		if (((word | (word - ones)) & high) != 0) {
			return false;
		}
	}
	for (size_t i = 0; i < s.n; i++) {
		if ((signed char)s.p[i] <= 0) {
			return false;
		}
	}
	return true;
}

static size_t first_wrong(struct slice s)
{
	size_t at = 0;

	while (at < s.n && s.p[at] != '\0') {
		unsigned n = utf8_sequence((const unsigned char *)s.p + at, s.n - at);
		if (n == 0) {
			break;
		}
		at += n;
	}
	return at;
}

static bool not_a_character(struct slice s, size_t at, struct rs_mistake *m)
{
	if (s.p[at] == '\0') {
		return rs_mistake(m, 1216, at,
			"Missing newline: Unexpected character 0x0 found at location %zu", at);
	}
	return rs_mistake(m, 1220, at,
		"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: "
		"%02x",
		(unsigned char)s.p[at]);
}

/* Each byte that is part of no character becomes f->inv_char. */
static struct slice replaced(struct rs_fields *f, struct slice s)
{
	size_t begin = f->made.n;

	while (s.n > 0) {
		size_t good = first_wrong(s);
		buf_append(&f->made, s.p, good);
		if (good < s.n) {
			buf_putc(&f->made, f->inv_char);
			good++;
		}
		s.p += good;
		s.n -= good;
	}
	return slice_make(f->made.p + begin, f->made.n - begin);
}

static struct slice without_blanks_behind(struct slice s)
{
	while (s.n > 0 && s.p[s.n - 1] == ' ') {
		s.n--;
	}
	return s;
}

/* At most `most` bytes, no character cut. */
static size_t cut(struct slice s, size_t most)
{
	while (most > 0 && ((unsigned char)s.p[most] & 0xc0) == 0x80) {
		most--;
	}
	return most;
}

static bool text_value(struct rs_fields *f, struct sql_type t, struct slice s,
	struct sql_value *out, struct rs_mistake *m)
{
	if (!is_plain(s)) {
		size_t wrong = first_wrong(s);
		if (t.kind == SQL_CHAR && (wrong == s.n || !f->accept_inv_chars)) {
			return rs_mistake(m, 1215, 0,
				"CHAR string contains invalid ASCII char (only single-byte "
				"characters)");
		}
		if (wrong < s.n && !f->accept_inv_chars) {
			return not_a_character(s, wrong, m);
		}
		s = wrong < s.n ? replaced(f, s) : s;
	}
	if (f->trim_blanks || t.kind == SQL_CHAR) {
		s = without_blanks_behind(s);
	}
	if (t.size > 0 && s.n > t.size) {
		if (!f->truncate_columns) {
			return rs_mistake(m, 1204, t.size, "%s length exceeds DDL length",
				t.kind == SQL_CHAR ? "Char" : "String");
		}
		s.n = cut(s, t.size);
	}
	out->text = s;
	return true;
}

/* ---- any ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice without_blanks(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[s.n - 1])) {
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	return s;
}

static bool text_is_null(const struct rs_fields *f, const struct rs_field *field)
{
	if (field->text.n == 0) {
		return f->empty_as_null && !field->quoted;
	}
	return f->blanks_as_null && without_blanks(field->text).n == 0;
}

static bool other_value(struct rs_fields *f, struct sql_type t, struct slice s,
	struct sql_value *out, struct rs_mistake *m)
{
	switch (t.kind) {
	case SQL_BOOLEAN: return rs_field_boolean(s, out, m);
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return rs_field_integer(t, s, out, m);
	case SQL_DECIMAL: return rs_field_decimal(t, s, f->round_decimals, out, m);
	case SQL_REAL:
	case SQL_DOUBLE: return rs_field_real(t, s, out, m);
	default: return rs_field_moment(f, t, s, out, m);
	}
}

bool rs_fields_value(struct rs_fields *f, unsigned i, const struct rs_field *field,
	struct sql_value *out, struct rs_mistake *m)
{
	struct sql_type t = f->types[i];

	if (field->null || field->absent ||
		(!field->quoted && slice_equal(field->text, f->null_as))) {
		out->null = true;
		return true;
	}
	if (sql_is_text(t.kind)) {
		out->null = text_is_null(f, field);
		return out->null || text_value(f, t, field->text, out, m);
	}
	/* Blanks around what is no text mean nothing, and nothing at all is NULL. */
	struct slice s = without_blanks(field->text);
	out->null = s.n == 0;
	if (out->null || other_value(f, t, s, out, m)) {
		return true;
	}
	m->position += (size_t)(s.p - field->text.p);
	return false;
}
