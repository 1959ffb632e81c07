#include "engines/redshift/load/json_text.h"

#define DEPTH_MAX 1000

static bool fail(struct json_text *t, const char *wrong)
{
	t->wrong = t->wrong == NULL ? wrong : t->wrong;
	t->at = t->end;
	return false;
}

char json_text_peek(struct json_text *t)
{
	while (t->at < t->end &&
		(*t->at == ' ' || *t->at == '\n' || *t->at == '\r' || *t->at == '\t')) {
		t->at++;
	}
	if (t->at == t->end) {
		return '\0';
	}
	return *t->at;
}

bool json_text_expect(struct json_text *t, char c)
{
	if (json_text_peek(t) != c) {
		return fail(t, c == ':'	  ? "':' expected behind a name"
			       : c == '"' ? "a name in quotes expected"
			       : c == '}' ? "',' or '}' expected"
			       : c == ']' ? "',' or ']' expected"
					  : "an object expected");
	}
	t->at++;
	return true;
}

bool json_text_string(struct json_text *t, struct slice *inner, bool *escaped)
{
	if (!json_text_expect(t, '"')) {
		return false;
	}
	const char *begin = t->at;
	*escaped = false;
	for (const char *p = begin; p < t->end; p++) {
		if (*p == '"') {
			*inner = slice_make(begin, (size_t)(p - begin));
			t->at = p + 1;
			return true;
		}
		if (*p == '\\') {
			*escaped = true;
			p++;
		} else if ((unsigned char)*p < ' ') {
			return fail(t, "a control character in a string");
		}
	}
	return fail(t, "a string without its end");
}

/* ---- values ---- */

static bool is_number_byte(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static const char *digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9') {
		p++;
	}
	return p;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static bool is_number(const char *p, const char *end)
{
	p += p < end && *p == '-' ? 1 : 0;
	const char *whole = digits(p, end);
	if (whole == p || (*p == '0' && whole - p > 1)) {
		return false;
	}
	p = whole;
	if (p < end && *p == '.') {
		const char *behind = digits(p + 1, end);
		if (behind == p + 1) {
			return false;
		}
		p = behind;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p += p + 1 < end && (p[1] == '+' || p[1] == '-') ? 2 : 1;
		const char *behind = digits(p, end);
		return behind > p && behind == end;
	}
	return p == end;
}

static bool skip_word(struct json_text *t)
{
	static const char *const words[] = {"true", "false", "null"};
	const char *begin = t->at;

	for (unsigned i = 0; i < 3; i++) {
		size_t n = strlen(words[i]);
		if ((size_t)(t->end - begin) >= n && memcmp(begin, words[i], n) == 0) {
			t->at += n;
			return true;
		}
	}
	while (t->at < t->end && is_number_byte(*t->at)) {
		t->at++;
	}
	return is_number(begin, t->at) || fail(t, "a value expected");
}

/* Passes over what opens, or a whole simple value; `depth` counts brackets. */
static bool skip_name(struct json_text *t)
{
	struct slice name;
	bool escaped;

	return json_text_string(t, &name, &escaped) && json_text_expect(t, ':');
}

/* Which brackets are open, a bit each: a level of objects is 1. */
struct open {
	unsigned depth;
	unsigned char object[DEPTH_MAX / 8 + 1];
};

static bool is_object(const struct open *o)
{
	unsigned i = o->depth - 1;
	return (o->object[i / 8] >> (i % 8) & 1) != 0;
}

static bool open_bracket(struct json_text *t, struct open *o, bool object)
{
	if (o->depth == DEPTH_MAX) {
		return fail(t, "too many brackets are open");
	}
	unsigned i = o->depth++;
	unsigned char bit = (unsigned char)(1U << (i % 8));
	o->object[i / 8] =
		(unsigned char)(object ? o->object[i / 8] | bit : o->object[i / 8] & ~bit);
	t->at++;
	return true;
}

/* Behind a value: closes what ends there; *more: another one comes. */
static bool close_brackets(struct json_text *t, struct open *o, bool *more)
{
	*more = false;
	while (o->depth > 0) {
		char c = json_text_peek(t);
		bool object = is_object(o);
		if (c == ',') {
			t->at++;
			*more = true;
			return !object || skip_name(t);
		}
		if (!json_text_expect(t, object ? '}' : ']')) {
			return false;
		}
		o->depth--;
	}
	return true;
}

/* What opens and is not empty at once has a first value. */
static bool skip_one(struct json_text *t, struct open *o, bool *inside)
{
	struct slice text;
	bool escaped;
	char c = json_text_peek(t);

	*inside = false;
	if (c == '"') {
		return json_text_string(t, &text, &escaped);
	}
	if (c != '{' && c != '[') {
		return skip_word(t);
	}
	if (!open_bracket(t, o, c == '{')) {
		return false;
	}
	if (json_text_peek(t) == (c == '{' ? '}' : ']')) {
		t->at++;
		o->depth--;
		return true;
	}
	*inside = true;
	return c == '[' || skip_name(t);
}

bool json_text_skip(struct json_text *t, struct slice *all)
{
	struct open o = {.depth = 0};
	bool more = true;

	json_text_peek(t);
	const char *begin = t->at;
	while (more) {
		bool inside = false;
		if (!skip_one(t, &o, &inside)) {
			return false;
		}
		more = inside;
		if (!inside && !close_brackets(t, &o, &more)) {
			return false;
		}
	}
	*all = slice_make(begin, (size_t)(t->at - begin));
	return true;
}

/* ---- escapes ---- */

static bool hex4(const char *p, const char *end, unsigned *out)
{
	*out = 0;
	if (end - p < 4) {
		return false;
	}
	for (unsigned i = 0; i < 4; i++) {
		char c = p[i];
		unsigned digit = c >= '0' && c <= '9'	? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 16;
		if (digit > 15) {
			return false;
		}
		*out = *out * 16 + digit;
	}
	return true;
}

static void put_utf8(unsigned c, struct buf *out)
{
	if (c < 0x80) {
		buf_putc(out, (char)c);
	} else if (c < 0x800) {
		buf_putc(out, (char)(0xc0 | c >> 6));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_putc(out, (char)(0xe0 | c >> 12));
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | c >> 18));
		buf_putc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_putc(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* Behind "\u"; how many bytes it took. 0: it is none. */
static size_t unicode(const char *p, const char *end, struct buf *out)
{
	unsigned c;
	unsigned low;

	if (!hex4(p, end, &c) || (c >= 0xdc00 && c <= 0xdfff)) {
		return 0;
	}
	if (c < 0xd800 || c > 0xdbff) {
		put_utf8(c, out);
		return 4;
	}
	if (end - p < 10 || p[4] != '\\' || p[5] != 'u' || !hex4(p + 6, end, &low) ||
		low < 0xdc00 || low > 0xdfff) {
		return 0;
	}
	put_utf8(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00), out);
	return 10;
}

bool json_text_unescape(struct slice inner, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	const char *p = inner.p;
	const char *end = inner.p + inner.n;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		const char *until = slash != NULL ? slash : end;
		buf_append(out, p, (size_t)(until - p));
		if (slash == NULL || slash + 1 == end) {
			return slash == NULL;
		}
		const char *known = slash[1] != '\0' ? strchr(from, slash[1]) : NULL;
		size_t n = known != NULL ? 0 : slash[1] == 'u' ? unicode(slash + 2, end, out) : 0;
		if (known != NULL) {
			buf_putc(out, to[known - from]);
		} else if (n == 0) {
			return false;
		}
		p = slash + 2 + n;
	}
	return true;
}
