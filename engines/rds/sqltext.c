/* Tokens. A token is found without memory of those before it, so a reader that
 * has only a part of a text asks again from the token's start when it has more. */
#include "engines/rds/sqltext.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { MORE = 0, FOUND = 1, ENDLESS = -1 };

struct cursor {
	const char *p;
	size_t n;
	size_t at;
	enum sql_dialect dialect;
	bool final;
};

static int peek(const struct cursor *c, size_t ahead)
{
	return c->at + ahead < c->n ? (unsigned char)c->p[c->at + ahead] : -1;
}

static bool is_word(int ch)
{
	return isalnum(ch) || ch == '_' || ch == '$' || ch >= 0x80;
}

/* What a cut text is worth: more of it may come, or it has no end. */
static int cut(const struct cursor *c)
{
	return c->final ? ENDLESS : MORE;
}

/* ---- what is between tokens ---- */

static void skip_line(struct cursor *c)
{
	const char *end = memchr(c->p + c->at, '\n', c->n - c->at);

	c->at = end == NULL ? c->n : (size_t)(end - c->p) + 1;
}

static bool begins_line_comment(const struct cursor *c)
{
	if (peek(c, 0) == '#') {
		return c->dialect == SQL_MYSQL;
	}
	if (peek(c, 0) != '-' || peek(c, 1) != '-') {
		return false;
	}
	/* To MySQL 5--1 is 6. */
	return c->dialect != SQL_MYSQL || peek(c, 2) <= ' ';
}

/* What MySQL writes as a comment of this kind is text to MySQL. */
static size_t conditional_begin(const struct cursor *c)
{
	size_t n = 2;

	if (c->dialect != SQL_MYSQL) {
		return 0;
	}
	n += peek(c, n) == 'M' ? 1 : 0;
	if (peek(c, n) != '!') {
		return 0;
	}
	n++;
	while (isdigit(peek(c, n))) {
		n++;
	}
	return n;
}

/* Comments nest in PostgreSQL. */
static int skip_comment(struct cursor *c)
{
	unsigned depth = 0;

	while (c->at + 1 < c->n) {
		if (c->p[c->at] == '/' && c->p[c->at + 1] == '*') {
			depth += depth == 0 || c->dialect == SQL_POSTGRES;
			c->at += 2;
		} else if (c->p[c->at] == '*' && c->p[c->at + 1] == '/') {
			c->at += 2;
			if (--depth == 0) {
				return FOUND;
			}
		} else {
			c->at++;
		}
	}
	/* SQLite takes a comment that the text ends in. */
	c->at = c->n;
	return c->final && c->dialect == SQL_SQLITE ? FOUND : cut(c);
}

static int skip_gap(struct cursor *c)
{
	while (c->at < c->n) {
		int ch = peek(c, 0);
		size_t conditional;
		if (isspace(ch)) {
			c->at++;
		} else if (begins_line_comment(c)) {
			skip_line(c);
			if (c->at == c->n && !c->final) {
				return MORE;
			}
		} else if (ch == '/' && peek(c, 1) == '*' &&
			   (conditional = conditional_begin(c)) > 0) {
			c->at += conditional;
		} else if (ch == '*' && peek(c, 1) == '/' && c->dialect == SQL_MYSQL) {
			c->at += 2;
		} else if (ch == '/' && peek(c, 1) == '*') {
			int rc = skip_comment(c);
			if (rc != FOUND) {
				return rc;
			}
		} else {
			return FOUND;
		}
	}
	return c->final ? FOUND : MORE;
}

/* ---- tokens ---- */

static int quoted(struct cursor *c, char quote, bool backslash)
{
	for (c->at++; c->at < c->n; c->at++) {
		char ch = c->p[c->at];
		if (ch == '\\' && backslash) {
			c->at++;
		} else if (ch == quote) {
			if (c->at + 1 == c->n && !c->final) {
				return MORE;
			}
			if (quote == ']' || peek(c, 1) != quote) {
				c->at++;
				return FOUND;
			}
			c->at++;
		}
	}
	c->at = c->n;
	return cut(c);
}

/* $tag$ .. $tag$: `n` is the length of the first. */
static size_t dollar_tag(const struct cursor *c)
{
	size_t n = 1;

	if (c->dialect == SQL_MYSQL || c->dialect == SQL_SQLITE || peek(c, 0) != '$' ||
		isdigit(peek(c, 1))) {
		return 0;
	}
	while (is_word(peek(c, n)) && peek(c, n) != '$') {
		n++;
	}
	return peek(c, n) == '$' ? n + 1 : 0;
}

static int dollar_quoted(struct cursor *c, size_t tag)
{
	const char *p = c->p + c->at;
	const char *end = memmem(p + tag, c->n - c->at - tag, p, tag);

	if (end == NULL) {
		c->at = c->n;
		return cut(c);
	}
	c->at = (size_t)(end - c->p) + tag;
	return FOUND;
}

static int word(struct cursor *c)
{
	while (c->at < c->n && is_word(peek(c, 0))) {
		c->at++;
	}
	return c->at == c->n && !c->final ? MORE : FOUND;
}

static int number(struct cursor *c)
{
	while (c->at < c->n) {
		int ch = tolower(peek(c, 0));
		if (ch == 'e' && (peek(c, 1) == '+' || peek(c, 1) == '-') && isdigit(peek(c, 2))) {
			c->at += 2;
		} else if (!isalnum(ch) && ch != '.' && ch != '_') {
			return FOUND;
		} else {
			c->at++;
		}
	}
	return c->final ? FOUND : MORE;
}

/* A letter right before a quote belongs to the string. */
static bool is_prefix(const struct cursor *c)
{
	return peek(c, 1) == '\'' && peek(c, 0) > 0 && strchr("eEnNxXbB", peek(c, 0)) != NULL;
}

static int string(struct cursor *c)
{
	int first = tolower(peek(c, 0));
	bool backslash = first == 'e' || (c->dialect == SQL_MYSQL && first != 'x');

	c->at += first != '\'';
	return quoted(c, '\'', backslash);
}

static int mark(struct cursor *c)
{
	if (c->at + 2 >= c->n && !c->final) {
		return MORE;
	}
	c->at += peek(c, 0) == ':' && peek(c, 1) == ':' ? 2 : 1;
	return FOUND;
}

static int token(struct cursor *c, enum sql_kind *kind)
{
	int ch = peek(c, 0);
	size_t tag;

	if (ch == '\'' || is_prefix(c)) {
		*kind = SQL_STRING;
		return string(c);
	}
	if (ch == '"' && c->dialect == SQL_MYSQL) {
		*kind = SQL_STRING;
		return quoted(c, '"', true);
	}
	if (ch == '"' || ch == '`' || (ch == '[' && c->dialect != SQL_POSTGRES)) {
		*kind = SQL_NAME;
		char close = c->p[c->at];
		if (close == '[') {
			close = ']';
		}
		return quoted(c, close, false);
	}
	if ((tag = dollar_tag(c)) > 0) {
		*kind = SQL_STRING;
		return dollar_quoted(c, tag);
	}
	if (isdigit(ch) || (ch == '.' && isdigit(peek(c, 1)))) {
		*kind = SQL_NUMBER;
		return number(c);
	}
	if (is_word(ch)) {
		*kind = SQL_WORD;
		return word(c);
	}
	*kind = SQL_MARK;
	return mark(c);
}

int sql_token(
	struct slice text, size_t at, enum sql_dialect dialect, bool final, struct sql_token *out)
{
	struct cursor c = {text.p, text.n, at, dialect, final};
	int rc = skip_gap(&c);

	if (rc != FOUND) {
		return rc;
	}
	size_t start = c.at;
	out->gap = start - at;
	out->kind = SQL_END;
	/* A prefix, a tag or a comment may begin with what is there. */
	if (!final && c.n - c.at < 3) {
		return MORE;
	}
	if (c.at < c.n) {
		rc = token(&c, &out->kind);
	}
	out->text = slice_make(text.p + start, c.at - start);
	return rc;
}

/* ---- what a token says ---- */

bool sql_is(const struct sql_token *t, const char *what)
{
	return (t->kind == SQL_WORD || t->kind == SQL_MARK) && strlen(what) == t->text.n &&
	       strncasecmp(t->text.p, what, t->text.n) == 0;
}

void sql_name(const struct sql_token *t, struct buf *out)
{
	if (t->kind != SQL_NAME || t->text.n < 2) {
		buf_append_slice(out, t->text);
		return;
	}
	char close = t->text.p[0];
	if (close == '[') {
		close = ']';
	}
	for (size_t i = 1; i + 1 < t->text.n; i++) {
		buf_putc(out, t->text.p[i]);
		i += close != ']' && t->text.p[i] == close;
	}
}

void sql_advance(struct sql_position *p, struct slice over)
{
	for (size_t i = 0; i < over.n; i++) {
		if (over.p[i] == '\n') {
			p->line++;
			p->column = 1;
		} else if (((unsigned char)over.p[i] & 0xc0) != 0x80) {
			p->column++;
		}
	}
}
