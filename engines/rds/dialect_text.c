/* What may stand in any statement: literals, casts, names behind a schema's. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/name.h"
#include "engines/rds/dialect.h"

/* ---- strings ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static void print_utf8(unsigned long ch, struct buf *out)
{
	if (ch < 0x80) {
		buf_putc(out, (char)ch);
	} else if (ch < 0x800) {
		buf_putc(out, (char)(0xc0 | ch >> 6));
		buf_putc(out, (char)(0x80 | (ch & 0x3f)));
	} else if (ch < 0x10000) {
		buf_putc(out, (char)(0xe0 | ch >> 12));
		buf_putc(out, (char)(0x80 | (ch >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (ch & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | ch >> 18));
		buf_putc(out, (char)(0x80 | (ch >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (ch >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (ch & 0x3f)));
	}
}

/* Digits of `base` at p, at most `max`; their number. */
static unsigned digits(
	struct slice text, size_t i, unsigned base, unsigned max, unsigned long *value)
{
	unsigned n = 0;

	*value = 0;
	for (; n < max && i + n < text.n; n++) {
		int d = hex_digit(text.p[i + n]);
		if (d < 0 || (unsigned)d >= base) {
			break;
		}
		*value = *value * base + (unsigned)d;
	}
	return n;
}

/* The escape whose letter is at i; returns the bytes taken. */
static size_t postgres_escape(struct slice text, size_t i, struct buf *out)
{
	static const char letters[] = "bfnrt";
	static const char means[] = "\b\f\n\r\t";
	const char *known = text.p[i] != '\0' ? strchr(letters, text.p[i]) : NULL;
	unsigned long value;
	unsigned n;

	if (known != NULL) {
		buf_putc(out, means[known - letters]);
		return 1;
	}
	if ((n = digits(text, i, 8, 3, &value)) > 0) {
		buf_putc(out, (char)value);
		return n;
	}
	if (text.p[i] == 'x' && (n = digits(text, i + 1, 16, 2, &value)) > 0) {
		buf_putc(out, (char)value);
		return n + 1;
	}
	unsigned want = text.p[i] == 'u' ? 4 : text.p[i] == 'U' ? 8 : 0;
	if (want > 0 && digits(text, i + 1, 16, want, &value) == want && value < 0x110000) {
		print_utf8(value, out);
		return want + 1;
	}
	buf_putc(out, text.p[i]);
	return 1;
}

static size_t mysql_escape(struct slice text, size_t i, struct buf *out)
{
	static const char letters[] = "0bnrtZ";
	static const char means[] = "\0\b\n\r\t\x1a";
	const char *known = text.p[i] != '\0' ? strchr(letters, text.p[i]) : NULL;

	/* \% and \_ keep their backslash, being for LIKE. */
	if (text.p[i] == '%' || text.p[i] == '_') {
		buf_putc(out, '\\');
	}
	buf_append(out, known != NULL ? means + (known - letters) : text.p + i, 1);
	return 1;
}

/* The value between the quotes. */
static void unquote(struct slice text, enum sql_dialect dialect, struct buf *out)
{
	bool escapes = text.p[0] == 'E' || text.p[0] == 'e';
	size_t i = text.p[0] != '\'' && text.p[0] != '"' ? 1 : 0;
	char quote = text.p[i];

	for (i++; i + 1 < text.n; i++) {
		if (text.p[i] == '\\' && (escapes || dialect == SQL_MYSQL) && i + 2 < text.n) {
			i += escapes && dialect != SQL_MYSQL ? postgres_escape(text, i + 1, out)
							     : mysql_escape(text, i + 1, out);
		} else {
			buf_putc(out, text.p[i]);
			i += text.p[i] == quote && text.p[i + 1] == quote && i + 2 < text.n;
		}
	}
}

static void print_blob(struct slice bytes, struct buf *out)
{
	buf_puts(out, "X'");
	for (size_t i = 0; i < bytes.n; i++) {
		buf_printf(out, "%02X", (unsigned char)bytes.p[i]);
	}
	buf_putc(out, '\'');
}

static void print_string(struct slice value, struct buf *out)
{
	if (value.n > 0 && memchr(value.p, 0, value.n) != NULL && utf8_valid(value)) {
		buf_puts(out, "CAST(");
		print_blob(value, out);
		buf_puts(out, " AS TEXT)");
		return;
	}
	if (!utf8_valid(value)) {
		print_blob(value, out);
		return;
	}
	buf_putc(out, '\'');
	for (size_t i = 0; i < value.n; i++) {
		buf_putc(out, value.p[i]);
		if (value.p[i] == '\'') {
			buf_putc(out, '\'');
		}
	}
	buf_putc(out, '\'');
}

static int bit_string(const struct rds_dialect *d, struct rds_words *w, unsigned i, struct err *err)
{
	struct slice text = w->at[i].token.text;
	unsigned long value = 0;

	if (d->dialect == SQL_POSTGRES) {
		/* Kept as the text of its digits. */
		struct slice rest = slice_make(text.p + 1, text.n - 1);
		buf_append_slice(rds_word_replace(w, i), rest);
		return 0;
	}
	if (text.n - 3 > 63 || digits(text, 2, 2, (unsigned)(text.n - 3), &value) != text.n - 3) {
		return err_set(err, EINVAL, "bits that are no number of 63 bits");
	}
	buf_printf(rds_word_replace(w, i), "%lu", value);
	return 0;
}

static void dollar_string(struct rds_words *w, unsigned i)
{
	struct slice text = w->at[i].token.text;
	const char *end = memchr(text.p + 1, '$', text.n - 1);
	size_t tag = (size_t)(end - text.p) + 1;

	print_string(slice_make(text.p + tag, text.n - 2 * tag), rds_word_replace(w, i));
}

static bool is_introducer(const struct rds_words *w, unsigned i)
{
	const struct sql_token *t = &w->at[i].token;

	return t->kind == SQL_WORD && t->text.n > 1 && t->text.p[0] == '_';
}

static int string(const struct rds_dialect *d, struct rds_words *w, unsigned i, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct slice text = w->at[i].token.text;
	bool binary = false;

	switch (text.p[0]) {
	case 'x':
	case 'X': return 0;
	case 'b':
	case 'B': return bit_string(d, w, i, err);
	case '$': dollar_string(w, i); return 0;
	default: break;
	}
	if (i > 0 && d->dialect == SQL_MYSQL && is_introducer(w, i - 1)) {
		binary = rds_word_is(w, i - 1, "_binary");
		rds_words_drop(w, i - 1, i);
	}
	if (text.p[0] == '\'' && !binary && d->dialect != SQL_MYSQL) {
		return 0;
	}
	unquote(text, d->dialect, &value);
	if (binary) {
		print_blob(buf_slice(&value), rds_word_replace(w, i));
	} else {
		print_string(buf_slice(&value), rds_word_replace(w, i));
	}
	return buf_check(&value, err);
}

/* ---- numbers ---- */

static int number(const struct rds_dialect *d, struct rds_words *w, unsigned i, struct err *err)
{
	struct slice text = w->at[i].token.text;

	if (d->dialect == SQL_MYSQL && text.n > 2 && text.p[0] == '0' && text.p[1] == 'x') {
		struct buf *out = rds_word_replace(w, i);
		buf_puts(out, text.n % 2 == 0 ? "X'" : "X'0");
		buf_append(out, text.p + 2, text.n - 2);
		buf_putc(out, '\'');
		return 0;
	}
	if (text.n < 19 || strspn(text.p, "0123456789") < text.n) {
		return 0;
	}
	errno = 0;
	unsigned long long value = strtoull(text.p, NULL, 10);
	unsigned long long most = INT64_MAX + (rds_word_is(w, i - 1, "-") ? 1ULL : 0ULL);
	if (errno != 0 || value > most) {
		return err_set(err, EINVAL,
			"%.*s does not fit an integer of 64 bits: write it as text",
			(int)(text.n < 40 ? text.n : 40), text.p);
	}
	return 0;
}

/* ---- casts ---- */

enum cast { CAST_NOTHING, CAST_INTEGER, CAST_REAL, CAST_NUMERIC };

static enum cast cast_of(const struct rds_words *w, unsigned i)
{
	static const char *const integers[] = {
		"integer", "int", "int4", "int8", "int2", "bigint", "smallint", NULL};
	static const char *const reals[] = {"real", "float4", "float8", "double", "float", NULL};
	static const char *const numbers[] = {"numeric", "decimal", "money", NULL};
	static const struct {
		const char *const *names;
		enum cast cast;
	} all[] = {{integers, CAST_INTEGER}, {reals, CAST_REAL}, {numbers, CAST_NUMERIC}};

	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		for (unsigned n = 0; all[k].names[n] != NULL; n++) {
			if (rds_word_is(w, i, all[k].names[n])) {
				return all[k].cast;
			}
		}
	}
	return CAST_NOTHING;
}

/* Index behind the type that begins at i. */
static unsigned type_end(const struct rds_words *w, unsigned i)
{
	static const char *const second[] = {"varying", "precision", NULL};

	while (rds_word_is(w, i + 1, ".")) {
		i += 2;
	}
	i++;
	for (unsigned k = 0; second[k] != NULL; k++) {
		i += rds_word_is(w, i, second[k]) ? 1 : 0;
	}
	if (rds_word_is(w, i, "(")) {
		i = rds_words_close(w, i);
	}
	i += rds_words_are(w, i, "with time zone") + rds_words_are(w, i, "without time zone");
	while (rds_word_is(w, i, "[") && rds_word_is(w, i + 1, "]")) {
		i += 2;
	}
	return i;
}

static bool is_literal(const struct rds_words *w, unsigned i)
{
	return w->at[i].token.kind == SQL_STRING || w->at[i].token.kind == SQL_NUMBER ||
	       rds_word_is(w, i, "NULL") || rds_word_is(w, i, "TRUE") || rds_word_is(w, i, "FALSE");
}

/* Where the operand that ends at i begins. */
static unsigned operand_start(const struct rds_words *w, unsigned i)
{
	unsigned depth = 0;

	if (rds_word_is(w, i, ")")) {
		for (;; i--) {
			depth += rds_word_is(w, i, ")") ? 1 : 0;
			depth -= rds_word_is(w, i, "(") ? 1 : 0;
			if (depth == 0 || i == 0) {
				break;
			}
		}
		/* A function's name stands right before its bracket. */
		if (i > 0 && w->at[i].token.gap == 0 && w->at[i - 1].token.kind == SQL_WORD) {
			i--;
		}
	}
	while (i >= 2 && rds_word_is(w, i - 1, ".")) {
		i -= 2;
	}
	return i;
}

static void wrap_cast(struct rds_words *w, unsigned from, unsigned mark, enum cast cast)
{
	/* PostgreSQL rounds to an integer, SQLite would cut. */
	static const char *const before[] = {"", "CAST(round(", "CAST(", "CAST("};
	static const char *const behind[] = {"", ") AS INTEGER)", " AS REAL)", " AS NUMERIC)"};
	struct buf *first = &w->at[from].before;
	CLEANUP(buf_free) struct buf inner = *first;

	/* The cast around what may be a cast already. */
	*first = (struct buf)BUF_INIT;
	buf_puts(first, before[cast]);
	buf_append_slice(first, buf_slice(&inner));
	buf_puts(rds_word_replace(w, mark), behind[cast]);
}

static void one_cast(struct rds_words *w, unsigned mark)
{
	unsigned end = type_end(w, mark + 1);
	enum cast cast = cast_of(w, mark + 1);
	unsigned operand = mark;

	rds_words_drop(w, mark, end);
	while (operand > 0 && w->at[operand].dropped) {
		operand--;
	}
	if (cast != CAST_NOTHING && !is_literal(w, operand) && operand < mark) {
		wrap_cast(w, operand_start(w, operand), mark, cast);
	}
}

/* ---- functions ---- */

/* The time now, in every spelling. */
static void time_function(struct rds_words *w, unsigned i)
{
	static const char *const names[] = {
		"now", "current_timestamp", "localtimestamp", "statement_timestamp", NULL};

	for (unsigned k = 0; names[k] != NULL; k++) {
		if (!rds_word_is(w, i, names[k])) {
			continue;
		}
		if (rds_word_is(w, i + 1, "(")) {
			rds_words_drop(w, i + 1, rds_words_close(w, i + 1));
		} else if (k == 0) {
			return;
		}
		buf_puts(rds_word_replace(w, i), "CURRENT_TIMESTAMP");
		return;
	}
}

/* ---- names behind a schema's ---- */

static void qualified(const struct rds_dialect *d, struct rds_words *w, unsigned i)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	const struct sql_token *t = &w->at[i].token;

	if ((t->kind != SQL_WORD && t->kind != SQL_NAME) || !rds_word_is(w, i + 1, ".") ||
		(i > 0 && rds_word_is(w, i - 1, "."))) {
		return;
	}
	sql_name(t, &name);
	buf_cstr(&name);
	if (strcasecmp(name.p, "public") == 0 || strcasecmp(name.p, "pg_catalog") == 0 ||
		rds_named_find(d->schemas, name.p) != NULL) {
		rds_words_drop(w, i, i + 2);
	}
}

int rds_translate_text(struct rds_dialect *d, struct rds_words *w, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < w->n; i++) {
		switch (w->at[i].token.kind) {
		case SQL_STRING: rc = string(d, w, i, err); break;
		case SQL_NUMBER: rc = number(d, w, i, err); break;
		case SQL_WORD:
			time_function(w, i);
			qualified(d, w, i);
			break;
		case SQL_NAME: qualified(d, w, i); break;
		default: break;
		}
	}
	/* Inner operands come first in the text, so an outer one finds them done. */
	for (unsigned i = 1; rc == 0 && i < w->n; i++) {
		if (rds_word_is(w, i, "::")) {
			one_cast(w, i);
		}
	}
	return rc;
}
