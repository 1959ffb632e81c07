#include "engines/redshift/sql/parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"

#define SHOWN_MAX 40 /* bytes of a token in a message */

void rs_next(struct rs_parse *p)
{
	p->token = rs_token_at(p->script, rs_token_end(&p->token));
}

bool rs_is(const struct rs_parse *p, const char *word)
{
	return rs_token_is(p->script, &p->token, word);
}

bool rs_is_mark(const struct rs_parse *p, char mark)
{
	return rs_token_mark(p->script, &p->token, mark);
}

bool rs_at_end(const struct rs_parse *p)
{
	return p->token.kind == RS_TOKEN_END;
}

bool rs_is_next(const struct rs_parse *p, const char *word)
{
	struct rs_token next = rs_token_at(p->script, rs_token_end(&p->token));
	return rs_token_is(p->script, &next, word);
}

bool rs_accept(struct rs_parse *p, const char *word)
{
	bool is = rs_is(p, word);
	if (is) {
		rs_next(p);
	}
	return is;
}

bool rs_accept_mark(struct rs_parse *p, char mark)
{
	bool is = rs_is_mark(p, mark);
	if (is) {
		rs_next(p);
	}
	return is;
}

bool rs_accept_words(struct rs_parse *p, const char *first, const char *second)
{
	bool are = rs_is(p, first) && rs_is_next(p, second);
	if (are) {
		rs_next(p);
		rs_next(p);
	}
	return are;
}

int rs_accept_if(struct rs_parse *p, bool negative, bool *out)
{
	if (!rs_accept(p, "if")) {
		return 0;
	}
	int rc = negative ? rs_expect(p, "not") : 0;
	rc = rc < 0 ? rc : rs_expect(p, "exists");
	*out = rc == 0;
	return rc;
}

/* What is there, for a person. A text in quotes may be a secret: it is not told. */
static void found(const struct rs_parse *p, char *out, size_t room)
{
	const struct rs_token *t = &p->token;
	if (t->kind == RS_TOKEN_END) {
		snprintf(out, room, "the end of the statement");
	} else if (t->kind == RS_TOKEN_TEXT) {
		snprintf(out, room, "a text in quotes");
	} else {
		snprintf(out, room, "%.*s%s", (int)(t->n > SHOWN_MAX ? SHOWN_MAX : t->n),
			p->script.p + t->at, t->n > SHOWN_MAX ? "..." : "");
	}
}

int rs_expected(struct rs_parse *p, const char *what)
{
	char shown[SHOWN_MAX + 8];
	found(p, shown, sizeof(shown));
	return rs_refuse(p, EINVAL, "found %s; %s is expected", shown, what);
}

__attribute__((format(printf, 4, 0))) static int refuse(
	struct rs_parse *p, size_t at, int code, const char *fmt, va_list ap)
{
	char text[512];
	unsigned long line;
	unsigned long column;
	vsnprintf(text, sizeof(text), fmt, ap);
	rs_position(p->script, at, &line, &column);
	return err_set(p->err, code, "line %lu, column %lu: %s", line, column, text);
}

int rs_refuse_at(struct rs_parse *p, size_t at, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = refuse(p, at, code, fmt, ap);
	va_end(ap);
	return rc;
}

int rs_refuse(struct rs_parse *p, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = refuse(p, p->token.at, code, fmt, ap);
	va_end(ap);
	return rc;
}

int rs_unsupported(struct rs_parse *p, const char *what)
{
	return rs_refuse(p, ENOTSUP, "%s is not supported here", what);
}

static const char *next_known(const void *arg, unsigned i)
{
	const char *const *words = arg;
	return words[i];
}

int rs_unknown(struct rs_parse *p, const char *what, const char *const *known)
{
	char shown[SHOWN_MAX + 8];
	const char *near = NULL;
	found(p, shown, sizeof(shown));
	if (p->token.kind == RS_TOKEN_WORD && p->token.n < SHOWN_MAX) {
		char upper[SHOWN_MAX];
		size_t n = p->token.n;
		for (size_t i = 0; i < n; i++) {
			upper[i] = (char)toupper((unsigned char)p->script.p[p->token.at + i]);
		}
		upper[n] = '\0';
		near = suggest(upper, next_known, known);
	}
	return near == NULL ? rs_refuse(p, EINVAL, "found %s; %s is expected", shown, what)
			    : rs_refuse(p, EINVAL, "found %s; %s is expected (did you mean %s?)",
				      shown, what, near);
}

int rs_expect(struct rs_parse *p, const char *word)
{
	char upper[32];
	if (rs_accept(p, word)) {
		return 0;
	}
	size_t n = 0;
	for (; word[n] != '\0' && n + 1 < sizeof(upper); n++) {
		upper[n] = (char)toupper((unsigned char)word[n]);
	}
	upper[n] = '\0';
	return rs_expected(p, upper);
}

int rs_expect_mark(struct rs_parse *p, char mark)
{
	char what[2] = {mark, '\0'};
	return rs_accept_mark(p, mark) ? 0 : rs_expected(p, what);
}

int rs_expect_end(struct rs_parse *p)
{
	return rs_at_end(p) ? 0 : rs_expected(p, "the end of the statement");
}

static int keep(struct rs_parse *p, struct buf *b, char **out)
{
	if (buf_check(b, p->err) < 0) {
		return -ENOMEM;
	}
	char *copy = strndup(b->p == NULL ? "" : b->p, b->n);
	if (copy == NULL) {
		return err_set(p->err, ENOMEM, "no memory for a name of %zu bytes", b->n);
	}
	free(*out);
	*out = copy;
	return 0;
}

#define NAME_MAX_BYTES 127

int rs_take_name(struct rs_parse *p, const char *what, char **out)
{
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	if (p->token.kind != RS_TOKEN_WORD && p->token.kind != RS_TOKEN_QUOTED) {
		/* #t is how a temporary table may be called. */
		struct rs_token next = rs_token_at(p->script, rs_token_end(&p->token));
		if (!rs_is_mark(p, '#') || next.kind != RS_TOKEN_WORD ||
			next.at != rs_token_end(&p->token)) {
			return rs_expected(p, what);
		}
		buf_putc(&b, '#');
		rs_next(p);
	}
	rs_token_name(p->script, &p->token, &b);
	if (b.n == 0 || b.n > NAME_MAX_BYTES) {
		return rs_refuse(
			p, EINVAL, "a name of %zu bytes; 1 to %d are allowed", b.n, NAME_MAX_BYTES);
	}
	rs_next(p);
	return keep(p, &b, out);
}

int rs_take_qualified(struct rs_parse *p, const char *what, struct rs_name *out)
{
	int rc = rs_take_name(p, what, &out->name);
	if (rc == 0 && rs_accept_mark(p, '.')) {
		free(out->schema);
		out->schema = out->name;
		out->name = NULL;
		rc = rs_take_name(p, what, &out->name);
	}
	if (rc == 0 && rs_is_mark(p, '.')) {
		rc = rs_refuse(p, ENOTSUP,
			"a name of three parts; SCHEMA.NAME is expected, of this "
			"cluster");
	}
	if (rc == 0 && out->schema == NULL) {
		out->schema = strdup("");
		rc = out->schema == NULL ? err_set(p->err, ENOMEM, "no memory for a name") : 0;
	}
	return rc;
}

int rs_take_text(struct rs_parse *p, const char *what, bool escapes, char **out)
{
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	if (p->token.kind != RS_TOKEN_TEXT) {
		return rs_expected(p, what);
	}
	rs_token_text(p->script, &p->token, escapes, &b);
	if (b.n > 0 && memchr(b.p, '\0', b.n) != NULL) {
		return rs_refuse(p, EINVAL, "a text with a NUL byte; %s is expected", what);
	}
	rs_next(p);
	return keep(p, &b, out);
}

int rs_take_count(struct rs_parse *p, const char *what, uint64_t max, uint64_t *out)
{
	char digits[24];
	char *end;
	const struct rs_token *t = &p->token;
	bool quoted = t->kind == RS_TOKEN_TEXT; /* MAXERROR '10' is taken, too */
	size_t n = t->n - (quoted ? 2 : 0);
	if ((t->kind != RS_TOKEN_NUMBER && !quoted) || t->n < 1 || n >= sizeof(digits)) {
		return rs_expected(p, what);
	}
	memcpy(digits, p->script.p + t->at + (quoted ? 1 : 0), n);
	digits[n] = '\0';
	errno = 0;
	uint64_t value = strtoull(digits, &end, 10);
	if (n == 0 || !isdigit((unsigned char)digits[0]) || *end != '\0') {
		return rs_expected(p, what);
	}
	if (errno != 0 || value > max) {
		return rs_refuse(
			p, EINVAL, "%s; %s from 0 to %" PRIu64 " is expected", digits, what, max);
	}
	*out = value;
	rs_next(p);
	return 0;
}

int rs_take_integer(struct rs_parse *p, const char *what, int64_t *out)
{
	uint64_t value = 0;
	bool negative = rs_accept_mark(p, '-');
	if (!negative) {
		rs_accept_mark(p, '+');
	}
	int rc = rs_take_count(p, what, INT64_MAX, &value);
	if (rc == 0) {
		*out = negative ? -(int64_t)value : (int64_t)value;
	}
	return rc;
}

void *rs_more(struct rs_parse *p, void *array, unsigned *n, size_t size)
{
	char *grown = reallocarray(array, *n + 1U, size);
	if (grown == NULL) {
		err_set(p->err, ENOMEM, "no memory for a list of %u", *n + 1U);
		return NULL;
	}
	memset(grown + *n * size, 0, size);
	(*n)++;
	return grown;
}

int rs_take_names(struct rs_parse *p, const char *what, char ***out, unsigned *n)
{
	int rc = rs_expect_mark(p, '(');
	while (rc == 0) {
		char **grown = rs_more(p, *out, n, sizeof(**out));
		if (grown == NULL) {
			return -ENOMEM;
		}
		*out = grown;
		rc = rs_take_name(p, what, &grown[*n - 1]);
		if (rc < 0) {
			(*n)--;
		} else if (!rs_accept_mark(p, ',')) {
			return rs_is_mark(p, ')') ? rs_expect_mark(p, ')')
						  : rs_expected(p, ", or )");
		}
	}
	return rc;
}

int rs_take_source(struct rs_parse *p, size_t from, char **out)
{
	size_t end = p->token.at;
	while (end > from && isspace((unsigned char)p->script.p[end - 1])) {
		end--;
	}
	char *copy = strndup(p->script.p + from, end - from);
	if (copy == NULL) {
		return err_set(p->err, ENOMEM, "no memory for %zu bytes", end - from);
	}
	free(*out);
	*out = copy;
	return 0;
}

int rs_skip_group(struct rs_parse *p)
{
	unsigned depth = 0;
	do {
		if (rs_at_end(p)) {
			return rs_expected(p, ")");
		}
		if (rs_is_mark(p, '(')) {
			depth++;
		} else if (rs_is_mark(p, ')')) {
			depth--;
		}
		rs_next(p);
	} while (depth > 0);
	return 0;
}
