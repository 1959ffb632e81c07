#include "engines/redshift/sql/token.h"

#include <ctype.h>
#include <strings.h>

static bool starts_word(char c)
{
	return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool in_word(char c)
{
	return starts_word(c) || isdigit((unsigned char)c) || c == '$';
}

static char byte_at(struct slice s, size_t at)
{
	return (char)(at < s.n ? s.p[at] : '\0');
}

/* Behind a comment that begins at `at`; past the end: it does not end. Comments nest. */
static size_t skip_comment(struct slice s, size_t at)
{
	unsigned depth = 0;
	for (; at < s.n; at++) {
		if (s.p[at] == '/' && byte_at(s, at + 1) == '*') {
			depth++;
			at++;
		} else if (s.p[at] == '*' && byte_at(s, at + 1) == '/') {
			at++;
			if (--depth == 0) {
				return at + 1;
			}
		}
	}
	return s.n + 1;
}

static size_t skip_blanks(struct slice s, size_t at, bool *open)
{
	while (at < s.n) {
		if (isspace((unsigned char)s.p[at])) {
			at++;
		} else if (s.p[at] == '-' && byte_at(s, at + 1) == '-') {
			while (at < s.n && s.p[at] != '\n') {
				at++;
			}
		} else if (s.p[at] == '/' && byte_at(s, at + 1) == '*') {
			size_t end = skip_comment(s, at);
			if (end > s.n) {
				*open = true;
				break;
			}
			at = end;
		} else {
			break;
		}
	}
	return at;
}

/* From the quote at `from` to behind its end, doubled ones inside. */
static void take_quoted(struct slice s, struct rs_token *t, size_t from, bool escapes)
{
	char quote = s.p[from];
	size_t at = from + 1;
	for (; at < s.n; at++) {
		if (escapes && s.p[at] == '\\') {
			t->backslash = true;
			at++;
		} else if (s.p[at] == quote && byte_at(s, at + 1) == quote) {
			at++;
		} else if (s.p[at] == quote) {
			t->n = at + 1 - t->at;
			return;
		}
	}
	t->open = true;
	t->n = s.n - t->at;
}

/* How long the "$tag$" at `at` is; 0: it is none. */
static size_t dollar_tag(struct slice s, size_t at)
{
	size_t end = at + 1;
	if (end < s.n && isdigit((unsigned char)s.p[end])) {
		return 0;
	}
	while (end < s.n && in_word(s.p[end]) && s.p[end] != '$') {
		end++;
	}
	return byte_at(s, end) == '$' ? end + 1 - at : 0;
}

static void take_dollars(struct slice s, struct rs_token *t, size_t tag)
{
	const char *body = s.p + t->at + tag;
	const char *end = memmem(body, s.n - t->at - tag, s.p + t->at, tag);
	t->kind = RS_TOKEN_TEXT;
	t->open = end == NULL;
	t->n = end == NULL ? s.n - t->at : (size_t)(end - (s.p + t->at)) + tag;
}

static void take_number(struct slice s, struct rs_token *t)
{
	size_t at = t->at;
	while (isdigit((unsigned char)byte_at(s, at))) {
		at++;
	}
	if (byte_at(s, at) == '.' && byte_at(s, at + 1) != '.') {
		at++;
		while (isdigit((unsigned char)byte_at(s, at))) {
			at++;
		}
	}
	if (byte_at(s, at) == 'e' || byte_at(s, at) == 'E') {
		size_t digit = at + 1 + (byte_at(s, at + 1) == '-' || byte_at(s, at + 1) == '+');
		if (isdigit((unsigned char)byte_at(s, digit))) {
			for (at = digit; isdigit((unsigned char)byte_at(s, at));) {
				at++;
			}
		}
	}
	t->kind = RS_TOKEN_NUMBER;
	t->n = at - t->at;
}

static void take_word(struct slice s, struct rs_token *t)
{
	size_t at = t->at + 1;
	if (byte_at(s, at) == '\'' && strchr("eEbBxXnN", s.p[t->at]) != NULL) {
		bool escapes = strchr("eEnN", s.p[t->at]) != NULL;
		t->kind = RS_TOKEN_TEXT;
		take_quoted(s, t, at, escapes);
		t->backslash = t->backslash && tolower((unsigned char)s.p[t->at]) == 'n';
		return;
	}
	while (in_word(byte_at(s, at))) {
		at++;
	}
	t->kind = RS_TOKEN_WORD;
	t->n = at - t->at;
}

static void take_dollar(struct slice s, struct rs_token *t)
{
	size_t tag = dollar_tag(s, t->at);
	if (tag > 0) {
		take_dollars(s, t, tag);
		return;
	}
	size_t at = t->at + 1;
	while (isdigit((unsigned char)byte_at(s, at))) {
		at++;
	}
	t->kind = at > t->at + 1 ? RS_TOKEN_PARAMETER : RS_TOKEN_MARK;
	t->n = at - t->at;
}

struct rs_token rs_token_at(struct slice s, size_t at)
{
	struct rs_token t = {.kind = RS_TOKEN_END};
	t.at = skip_blanks(s, at, &t.open);
	if (t.at >= s.n || t.open) {
		t.n = s.n - t.at;
		return t;
	}
	char c = s.p[t.at];
	if (starts_word(c)) {
		take_word(s, &t);
	} else if (c == '\'') {
		t.kind = RS_TOKEN_TEXT;
		take_quoted(s, &t, t.at, true);
	} else if (c == '"') {
		t.kind = RS_TOKEN_QUOTED;
		take_quoted(s, &t, t.at, false);
	} else if (c == '$') {
		take_dollar(s, &t);
	} else if (isdigit((unsigned char)c) ||
		   (c == '.' && isdigit((unsigned char)byte_at(s, t.at + 1)))) {
		take_number(s, &t);
	} else {
		t.kind = RS_TOKEN_MARK;
		t.n = 1;
	}
	return t;
}

bool rs_token_is(struct slice s, const struct rs_token *t, const char *word)
{
	return t->kind == RS_TOKEN_WORD && strlen(word) == t->n &&
	       strncasecmp(s.p + t->at, word, t->n) == 0;
}

bool rs_token_mark(struct slice s, const struct rs_token *t, char mark)
{
	return t->kind == RS_TOKEN_MARK && s.p[t->at] == mark;
}

/* One escape of a text; how many bytes it takes behind the backslash. */
static size_t put_escape(struct slice body, size_t at, struct buf *out)
{
	static const char names[] = "bfnrt";
	static const char means[] = "\b\f\n\r\t";
	char c = byte_at(body, at);
	const char *name = c == '\0' ? NULL : strchr(names, c);
	if (c >= '0' && c <= '7') {
		unsigned value = 0;
		size_t n = 0;
		for (; n < 3 && byte_at(body, at + n) >= '0' && byte_at(body, at + n) <= '7'; n++) {
			value = value * 8 + (unsigned)(body.p[at + n] - '0');
		}
		buf_putc(out, (char)value);
		return n;
	}
	if (at < body.n) {
		buf_putc(out, (char)(name != NULL ? means[name - names] : c));
	}
	return 1;
}

static void unquote(struct slice body, char quote, bool escapes, struct buf *out)
{
	for (size_t i = 0; i < body.n; i++) {
		if (escapes && body.p[i] == '\\') {
			i += put_escape(body, i + 1, out);
			continue;
		}
		buf_putc(out, body.p[i]);
		if (body.p[i] == quote) {
			i++; /* the second of a pair */
		}
	}
}

void rs_token_text(struct slice s, const struct rs_token *t, bool escapes, struct buf *out)
{
	struct slice whole = slice_make(s.p + t->at, t->n);
	if (whole.p[0] == '$') {
		size_t tag = dollar_tag(whole, 0);
		buf_append(out, whole.p + tag, whole.n - 2 * tag);
		return;
	}
	size_t lead = whole.p[0] == '\'' ? 1 : 2;
	unquote(slice_make(whole.p + lead, whole.n - lead - 1), '\'', escapes || lead == 2, out);
}

void rs_token_name(struct slice s, const struct rs_token *t, struct buf *out)
{
	if (t->kind == RS_TOKEN_QUOTED) {
		unquote(slice_make(s.p + t->at + 1, t->n - 2), '"', false, out);
		return;
	}
	for (size_t i = 0; i < t->n; i++) {
		buf_putc(out, (char)tolower((unsigned char)s.p[t->at + i]));
	}
}

void rs_position(struct slice s, size_t at, unsigned long *line, unsigned long *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < at && i < s.n; i++) {
		if (s.p[i] == '\n') {
			(*line)++;
			*column = 1;
		} else if (((unsigned char)s.p[i] & 0xc0) != 0x80) {
			(*column)++;
		}
	}
}
