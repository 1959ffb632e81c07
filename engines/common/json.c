/* The push parser: a machine of states, one byte at a time, with runs of plain
 * string bytes, digits and white space taken at once.
 *
 * Every state knows all bytes that can follow, so the first byte that cannot
 * is refused right there: "tru" waits, "trx" fails at the x; half a UTF-8
 * sequence waits, a wrong second byte fails. That is what lets write(2) refuse
 * text that can never become valid, and never refuse text that still can.
 *
 * A number has no end of its own: its event comes with the byte after it, or
 * from json_finish(). */
#include "engines/common/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/name.h"

#define DEFAULT_DEPTH 1000

enum state {
	AT_START, /* nothing yet: a byte order mark, white space or a value */
	AT_BOM2,
	AT_BOM3,
	AT_VALUE,
	AT_FIRST_ELEMENT, /* after '[' */
	AT_FIRST_MEMBER,  /* after '{' */
	AT_MEMBER,	  /* after ',' in an object */
	AT_COLON,
	AT_NEXT, /* after a value inside brackets */
	AT_END,	 /* after a value outside of all */
	IN_STRING,
	IN_UTF8,
	IN_ESCAPE,
	IN_HEX,
	IN_PAIR_BACKSLASH, /* after a high surrogate */
	IN_PAIR_U,
	IN_WORD,
	IN_MINUS,
	IN_ZERO,
	IN_INTEGER,
	IN_POINT,
	IN_FRACTION,
	IN_E,
	IN_E_SIGN,
	IN_EXPONENT,
};

struct open_bracket {
	struct json_pos pos;
	char kind; /* '{' or '[' */
};

struct json_reader {
	json_fn *fn;
	void *arg;
	unsigned max_depth;
	bool many;

	enum state state;
	struct json_pos here;
	struct json_pos start; /* of the token being read */
	struct buf token;      /* its text so far */
	bool is_key;
	bool seen_value;

	struct open_bracket *open;
	unsigned depth;
	unsigned open_cap;

	const char *word; /* IN_WORD: the rest of true, false or null is word + word_at */
	unsigned word_at;
	unsigned hex_n; /* IN_HEX: digits so far */
	unsigned code;	/* and their value */
	unsigned high;	/* the high surrogate before, or 0 */

	unsigned utf8_left; /* IN_UTF8: bytes to come, the next within low..high */
	unsigned char utf8_low;
	unsigned char utf8_high;
	unsigned char utf8_last;

	int failed; /* what every further call returns */
	struct err why;
};

struct json_reader *json_reader_new(json_fn *fn, void *arg, unsigned max_depth, bool many)
{
	struct json_reader *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return NULL;
	}
	r->fn = fn;
	r->arg = arg;
	r->max_depth = max_depth > 0 ? max_depth : DEFAULT_DEPTH;
	r->many = many;
	r->here = (struct json_pos){1, 1};
	return r;
}

void json_reader_free(struct json_reader *r)
{
	if (r == NULL) {
		return;
	}
	buf_free(&r->token);
	free(r->open);
	free(r);
}

/* ---- refusing ---- */

static const char *found_text(unsigned char c, char text[32])
{
	switch (c) {
	case '\n': return "a line break";
	case '\r': return "a carriage return";
	case '\t': return "a tab";
	case ' ': return "a space";
	case '\'': return "a single quote";
	default: break;
	}
	if (c >= 0x80) {
		snprintf(text, 32, "byte 0x%02x", c);
	} else if (c < 0x20 || c == 0x7f) {
		snprintf(text, 32, "control character 0x%02x", c);
	} else {
		snprintf(text, 32, "'%c'", c);
	}
	return text;
}

static int refuse(struct json_reader *r, const char *expected, unsigned char found)
{
	char text[32];
	return err_set(&r->why, EINVAL, "line %lu, column %lu: expected %s, found %s", r->here.line,
		r->here.column, expected, found_text(found, text));
}

static int refuse_utf8(struct json_reader *r, unsigned char c)
{
	if (r->state != IN_UTF8) {
		return err_set(&r->why, EINVAL,
			"line %lu, column %lu: expected UTF-8 text, found byte 0x%02x, which "
			"begins no character",
			r->here.line, r->here.column, c);
	}
	return err_set(&r->why, EINVAL,
		"line %lu, column %lu: expected UTF-8 text, found byte 0x%02x after 0x%02x inside "
		"a character",
		r->here.line, r->here.column, c, r->utf8_last);
}

static int refuse_word(struct json_reader *r, unsigned char c)
{
	char expected[32];
	snprintf(expected, sizeof(expected), "'%c' of %s", r->word[r->word_at], r->word);
	return refuse(r, expected, c);
}

static const char *next_expected(const struct json_reader *r)
{
	return r->open[r->depth - 1].kind == '{' ? "',' or '}'" : "',' or ']'";
}

/* ---- events ---- */

static int emit(
	struct json_reader *r, enum json_event event, struct slice text, struct json_pos pos)
{
	return r->fn != NULL ? r->fn(r->arg, event, text, pos, &r->why) : 0;
}

static int emit_bare(struct json_reader *r, enum json_event event, struct json_pos pos)
{
	return emit(r, event, slice_make("", 0), pos);
}

static void value_done(struct json_reader *r)
{
	r->state = r->depth > 0 ? AT_NEXT : AT_END;
	r->seen_value = true;
}

static int open_bracket(struct json_reader *r, char kind)
{
	if (r->depth == r->max_depth) {
		return err_set(&r->why, EINVAL,
			"line %lu, column %lu: expected at most %u nested brackets, found one more",
			r->here.line, r->here.column, r->max_depth);
	}
	if (r->depth == r->open_cap) {
		unsigned cap = r->open_cap > 0 ? r->open_cap * 2 : 16;
		struct open_bracket *p = realloc(r->open, cap * sizeof(*p));
		if (p == NULL) {
			return err_set(&r->why, ENOMEM, "out of memory");
		}
		r->open = p;
		r->open_cap = cap;
	}
	r->open[r->depth++] = (struct open_bracket){r->here, kind};
	r->state = kind == '{' ? AT_FIRST_MEMBER : AT_FIRST_ELEMENT;
	return emit_bare(r, kind == '{' ? JSON_EV_OBJECT_BEGIN : JSON_EV_ARRAY_BEGIN, r->here);
}

static int close_bracket(struct json_reader *r)
{
	char kind = r->open[--r->depth].kind;
	value_done(r);
	return emit_bare(r, kind == '{' ? JSON_EV_OBJECT_END : JSON_EV_ARRAY_END, r->here);
}

static int end_number(struct json_reader *r)
{
	int rc = buf_check(&r->token, &r->why);
	value_done(r);
	rc = rc != 0 ? rc : emit(r, JSON_EV_NUMBER, buf_slice(&r->token), r->start);
	buf_clear(&r->token);
	return rc;
}

/* `rest` are the last bytes of the string; all of it, mostly, and then nothing
 * is copied. */
static int end_string(struct json_reader *r, struct slice rest)
{
	if (r->token.n > 0 || r->token.failed) {
		buf_append_slice(&r->token, rest);
		rest = buf_slice(&r->token);
	}
	int rc = buf_check(&r->token, &r->why);
	if (rc == 0 && r->is_key) {
		r->state = AT_COLON;
		rc = emit(r, JSON_EV_KEY, rest, r->start);
	} else if (rc == 0) {
		value_done(r);
		rc = emit(r, JSON_EV_STRING, rest, r->start);
	}
	buf_clear(&r->token);
	return rc;
}

static int end_word(struct json_reader *r)
{
	enum json_event event = r->word[0] == 't'   ? JSON_EV_TRUE
				: r->word[0] == 'f' ? JSON_EV_FALSE
						    : JSON_EV_NULL;
	value_done(r);
	return emit_bare(r, event, r->start);
}

/* ---- between tokens ---- */

static void begin_string(struct json_reader *r, bool is_key)
{
	r->start = r->here;
	r->is_key = is_key;
	r->state = IN_STRING;
}

static void begin_number(struct json_reader *r, unsigned char c)
{
	r->start = r->here;
	buf_putc(&r->token, (char)c);
	r->state = c == '-' ? IN_MINUS : c == '0' ? IN_ZERO : IN_INTEGER;
}

static void begin_word(struct json_reader *r, const char *word)
{
	r->start = r->here;
	r->word = word;
	r->word_at = 1;
	r->state = IN_WORD;
}

static int value_byte(struct json_reader *r, unsigned char c, const char *expected)
{
	if (c == '{' || c == '[') {
		return open_bracket(r, (char)c);
	}
	if (c == '"') {
		begin_string(r, false);
	} else if (c == '-' || (c >= '0' && c <= '9')) {
		begin_number(r, c);
	} else if (c == 't') {
		begin_word(r, "true");
	} else if (c == 'f') {
		begin_word(r, "false");
	} else if (c == 'n') {
		begin_word(r, "null");
	} else {
		return refuse(r, expected, c);
	}
	return 0;
}

static int member_byte(struct json_reader *r, unsigned char c)
{
	if (c == '"') {
		begin_string(r, true);
		return 0;
	}
	if (r->state == AT_MEMBER) {
		return refuse(r, "a member name in double quotes", c);
	}
	return c == '}' ? close_bracket(r) : refuse(r, "a member name in double quotes or '}'", c);
}

static int next_byte(struct json_reader *r, unsigned char c)
{
	bool object = r->open[r->depth - 1].kind == '{';
	if (c == ',') {
		r->state = object ? AT_MEMBER : AT_VALUE;
		return 0;
	}
	return c == (object ? '}' : ']') ? close_bracket(r) : refuse(r, next_expected(r), c);
}

static int colon_byte(struct json_reader *r, unsigned char c)
{
	if (c != ':') {
		return refuse(r, "':' after the member name", c);
	}
	r->state = AT_VALUE;
	return 0;
}

static int bom_byte(struct json_reader *r, unsigned char c)
{
	unsigned char want = r->state == AT_BOM2 ? 0xbb : 0xbf;
	if (c != want) {
		return refuse(r, "the rest of a byte order mark", c);
	}
	r->state = r->state == AT_BOM2 ? AT_BOM3 : AT_VALUE;
	r->here.column = 0; /* the mark takes no column; advance() makes this 1 */
	return 0;
}

static int between_byte(struct json_reader *r, unsigned char c)
{
	switch (r->state) {
	case AT_START:
		if (c == 0xef) {
			r->state = AT_BOM2;
			return 0;
		}
		return value_byte(r, c, "a value");
	case AT_BOM2:
	case AT_BOM3: return bom_byte(r, c);
	case AT_FIRST_ELEMENT:
		return c == ']' ? close_bracket(r) : value_byte(r, c, "a value or ']'");
	case AT_FIRST_MEMBER:
	case AT_MEMBER: return member_byte(r, c);
	case AT_COLON: return colon_byte(r, c);
	case AT_NEXT: return next_byte(r, c);
	case AT_END:
		return refuse(r,
			r->many ? "white space or the end of the text" : "the end of the text", c);
	default: return value_byte(r, c, "a value");
	}
}

/* ---- strings ---- */

/* The bytes of a string that stand for themselves; takes whole characters. */
static size_t plain_run(struct json_reader *r, const unsigned char *p, size_t n)
{
	size_t i = 0;
	unsigned long columns = 0;
	while (i < n) {
		unsigned char c = p[i];
		if (c < 0x20 || c == '"' || c == '\\') {
			break;
		}
		unsigned k = c < 0x80 ? 1 : utf8_sequence(p + i, n - i);
		if (k == 0) {
			break;
		}
		i += k;
		columns++;
	}
	r->here.column += columns;
	return i;
}

/* A character that is not whole in this chunk, or not UTF-8 at all. */
static int utf8_begin(struct json_reader *r, unsigned char c)
{
	unsigned left = c >= 0xc2 && c <= 0xdf	 ? 1
			: (c & 0xf0) == 0xe0	 ? 2
			: c >= 0xf0 && c <= 0xf4 ? 3
						 : 0;
	if (left == 0) {
		return refuse_utf8(r, c);
	}
	r->utf8_low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	r->utf8_high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	r->utf8_left = left;
	r->utf8_last = c;
	buf_putc(&r->token, (char)c);
	r->state = IN_UTF8;
	return 0;
}

static int utf8_byte(struct json_reader *r, unsigned char c)
{
	if (c < r->utf8_low || c > r->utf8_high) {
		return refuse_utf8(r, c);
	}
	buf_putc(&r->token, (char)c);
	r->utf8_low = 0x80;
	r->utf8_high = 0xbf;
	r->utf8_last = c;
	if (--r->utf8_left == 0) {
		r->state = IN_STRING;
		r->here.column++;
	}
	return 0;
}

static void put_utf8(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_putc(out, (char)code);
		return;
	}
	if (code < 0x800) {
		buf_putc(out, (char)(0xc0 | code >> 6));
	} else if (code < 0x10000) {
		buf_putc(out, (char)(0xe0 | code >> 12));
		buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
	} else {
		buf_putc(out, (char)(0xf0 | code >> 18));
		buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
		buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
	}
	buf_putc(out, (char)(0x80 | (code & 0x3f)));
}

static void begin_hex(struct json_reader *r)
{
	r->hex_n = 0;
	r->code = 0;
	r->state = IN_HEX;
}

static int escape_byte(struct json_reader *r, unsigned char c)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	if (c == 'u') {
		begin_hex(r);
		return 0;
	}
	const char *at = c != '\0' ? strchr(from, c) : NULL;
	if (at == NULL) {
		return refuse(r, "one of \" \\ / b f n r t u after the backslash", c);
	}
	buf_putc(&r->token, to[at - from]);
	r->state = IN_STRING;
	return 0;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Surrogates show in the first two digits: D8..DB high, DC..DF low. A low one
 * comes after a high one and only there. */
static const char *surrogate_expected(const struct json_reader *r)
{
	bool low = r->hex_n == 2 && r->code >= 0xdc && r->code <= 0xdf;
	if (r->high == 0) {
		return low ? "the high half of a surrogate pair (D800 to DBFF) before the low"
			   : NULL;
	}
	bool fits = r->hex_n == 1 ? r->code == 0xd : r->hex_n != 2 || low;
	return fits ? NULL : "the low half of a surrogate pair (DC00 to DFFF)";
}

static void hex_done(struct json_reader *r)
{
	if (r->high == 0 && r->code >= 0xd800 && r->code <= 0xdbff) {
		r->high = r->code;
		r->state = IN_PAIR_BACKSLASH;
		return;
	}
	unsigned code = r->code;
	if (r->high != 0) {
		code = 0x10000 + ((r->high - 0xd800) << 10) + (code - 0xdc00);
		r->high = 0;
	}
	put_utf8(&r->token, code);
	r->state = IN_STRING;
}

static int hex_byte(struct json_reader *r, unsigned char c)
{
	int digit = hex_digit(c);
	if (digit < 0) {
		return refuse(r, "a hexadecimal digit", c);
	}
	r->code = r->code << 4 | (unsigned)digit;
	r->hex_n++;
	const char *expected = surrogate_expected(r);
	if (expected != NULL) {
		return refuse(r, expected, c);
	}
	if (r->hex_n == 4) {
		hex_done(r);
	}
	return 0;
}

static int pair_byte(struct json_reader *r, unsigned char c)
{
	if (c != (r->state == IN_PAIR_BACKSLASH ? '\\' : 'u')) {
		return refuse(r, "\\u and the low half of a surrogate pair", c);
	}
	if (r->state == IN_PAIR_BACKSLASH) {
		r->state = IN_PAIR_U;
	} else {
		begin_hex(r);
	}
	return 0;
}

/* ---- numbers ---- */

/* The state after digit, '.', 'e', sign; refusal where that byte is not
 * possible; AT_END where the number ends before it. */
static enum state number_next(enum state s, unsigned char c)
{
	bool digit = c >= '0' && c <= '9';
	bool e = c == 'e' || c == 'E';
	switch (s) {
	case IN_MINUS: return c == '0' ? IN_ZERO : IN_INTEGER;
	case IN_ZERO: return c == '.' ? IN_POINT : e ? IN_E : AT_END;
	case IN_INTEGER: return digit ? IN_INTEGER : c == '.' ? IN_POINT : e ? IN_E : AT_END;
	case IN_POINT: return IN_FRACTION;
	case IN_FRACTION: return digit ? IN_FRACTION : e ? IN_E : AT_END;
	case IN_E: return digit ? IN_EXPONENT : IN_E_SIGN;
	case IN_E_SIGN: return IN_EXPONENT;
	default: return digit ? IN_EXPONENT : AT_END;
	}
}

static const char *number_expected(enum state s, unsigned char c)
{
	bool digit = c >= '0' && c <= '9';
	switch (s) {
	case IN_MINUS: return digit ? NULL : "a digit after '-'";
	case IN_POINT: return digit ? NULL : "a digit after '.'";
	case IN_E: return digit || c == '+' || c == '-' ? NULL : "a digit, '+' or '-' after 'e'";
	case IN_E_SIGN: return digit ? NULL : "a digit in the exponent";
	case IN_ZERO: return digit ? "no digit after a leading 0" : NULL;
	default: return NULL;
	}
}

/* Sets *taken to false when the number ended before this byte. */
static int number_byte(struct json_reader *r, unsigned char c, bool *taken)
{
	const char *expected = number_expected(r->state, c);
	if (expected != NULL) {
		return refuse(r, expected, c);
	}
	enum state next = number_next(r->state, c);
	*taken = next != AT_END;
	if (!*taken) {
		return end_number(r);
	}
	r->state = next;
	buf_putc(&r->token, (char)c);
	return 0;
}

/* ---- feeding ---- */

static void advance(struct json_reader *r, unsigned char c)
{
	if (c == '\n') {
		r->here.line++;
		r->here.column = 1;
	} else {
		r->here.column++;
	}
}

static bool is_space(unsigned char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* White space between tokens. In a sequence it is also what ends a value. */
static size_t space_run(struct json_reader *r, const unsigned char *p, size_t n)
{
	size_t i = 0;
	while (i < n && is_space(p[i])) {
		advance(r, p[i++]);
	}
	if (i > 0 && (r->state == AT_START || (r->many && r->state == AT_END))) {
		r->state = AT_VALUE;
	}
	return i;
}

static int word_byte(struct json_reader *r, unsigned char c)
{
	if (c != (unsigned char)r->word[r->word_at]) {
		return refuse_word(r, c);
	}
	return r->word[++r->word_at] == '\0' ? end_word(r) : 0;
}

static int string_byte(struct json_reader *r, unsigned char c)
{
	if (c == '\\') {
		r->state = IN_ESCAPE;
		return 0;
	}
	return refuse(
		r, "a character or '\"' in a string (control characters as \\n, \\t, \\u00XX)", c);
}

/* In a string: a run of plain bytes, or one other byte. */
static int string_step(struct json_reader *r, const unsigned char *p, size_t n, size_t *used)
{
	size_t run = plain_run(r, p, n);
	struct slice text = slice_make(p, run);
	*used = run;
	if (run < n && p[run] == '"') {
		*used = run + 1;
		int rc = end_string(r, text);
		r->here.column++;
		return rc;
	}
	buf_append_slice(&r->token, text);
	if (run == n) {
		return 0;
	}
	*used = run + 1;
	if (p[run] >= 0x80) {
		return utf8_begin(r, p[run]);
	}
	int rc = string_byte(r, p[run]);
	r->here.column++;
	return rc;
}

/* One byte in every state but IN_STRING and IN_UTF8. */
static int plain_byte(struct json_reader *r, unsigned char c, bool *taken)
{
	switch (r->state) {
	case IN_ESCAPE: return escape_byte(r, c);
	case IN_HEX: return hex_byte(r, c);
	case IN_PAIR_BACKSLASH:
	case IN_PAIR_U: return pair_byte(r, c);
	case IN_WORD: return word_byte(r, c);
	default: break;
	}
	return r->state >= IN_MINUS ? number_byte(r, c, taken) : between_byte(r, c);
}

/* Takes at least one byte, or leaves a state that ended before it. */
static int step(struct json_reader *r, const unsigned char *p, size_t n, size_t *used)
{
	if (r->state == IN_STRING) {
		return string_step(r, p, n, used);
	}
	*used = 1;
	if (r->state == IN_UTF8) {
		return utf8_byte(r, p[0]);
	}
	bool between = r->state <= AT_END && r->state != AT_BOM2 && r->state != AT_BOM3;
	if (between && is_space(p[0])) {
		*used = space_run(r, p, n);
		return 0;
	}
	bool taken = true;
	int rc = plain_byte(r, p[0], &taken);
	*used = taken;
	if (taken && rc == 0) {
		advance(r, p[0]);
	}
	return rc;
}

static int report(const struct json_reader *r, struct err *err)
{
	err_set(err, -r->failed, "%s", r->why.msg);
	return r->failed;
}

int json_feed(struct json_reader *r, struct slice text, struct err *err)
{
	const unsigned char *p = (const unsigned char *)text.p;
	for (size_t i = 0; i < text.n && r->failed == 0;) {
		size_t used;
		r->failed = step(r, p + i, text.n - i, &used);
		i += used;
	}
	return r->failed != 0 ? report(r, err) : 0;
}

/* ---- the end ---- */

static bool number_complete(enum state s)
{
	return s == IN_ZERO || s == IN_INTEGER || s == IN_FRACTION || s == IN_EXPONENT;
}

bool json_complete(const struct json_reader *r)
{
	if (r->failed != 0 || r->depth > 0) {
		return false;
	}
	bool between = r->state == AT_START || r->state == AT_VALUE;
	return r->state == AT_END || number_complete(r->state) || (r->many && between);
}

static const char *inside_what(const struct json_reader *r)
{
	if (r->state >= IN_MINUS) {
		return "a number";
	}
	return r->state == IN_WORD ? r->word : r->is_key ? "a member name" : "a string";
}

static int incomplete(const struct json_reader *r, struct err *err)
{
	const char *what =
		r->depth > 0 && r->open[r->depth - 1].kind == '{' ? "an object" : "an array";
	struct json_pos began = r->depth > 0 ? r->open[r->depth - 1].pos : r->start;
	if (r->state >= IN_STRING && !number_complete(r->state)) {
		what = inside_what(r);
		began = r->start;
	} else if (r->depth == 0) {
		return err_set(err, EINVAL,
			"line %lu, column %lu: expected a value, found the end of the text",
			r->here.line, r->here.column);
	}
	return err_set(err, EINVAL,
		"line %lu, column %lu: the text ends inside %s that began at line %lu, column %lu",
		r->here.line, r->here.column, what, began.line, began.column);
}

int json_finish(struct json_reader *r, struct err *err)
{
	if (r->failed != 0) {
		return report(r, err);
	}
	if (!json_complete(r)) {
		return incomplete(r, err);
	}
	if (number_complete(r->state)) {
		r->failed = end_number(r);
	}
	return r->failed != 0 ? report(r, err) : 0;
}

bool json_blank(const struct json_reader *r)
{
	return r->failed == 0 && r->depth == 0 && !r->seen_value && r->state <= AT_VALUE;
}

unsigned json_depth(const struct json_reader *r)
{
	return r->depth;
}

struct json_pos json_here(const struct json_reader *r)
{
	return r->here;
}

/* ---- writing ---- */

static void quote_special(struct buf *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t";
	static const char to[] = "\"\\bfnrt";
	const char *at = c != '\0' ? strchr(from, c) : NULL;
	if (at == NULL) {
		buf_printf(out, "\\u%04x", c);
		return;
	}
	const char text[2] = {'\\', to[at - from]};
	buf_append(out, text, 2);
}

void json_quote(struct buf *out, struct slice s)
{
	size_t done = 0;
	buf_putc(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x20 && c != '"' && c != '\\') {
			continue;
		}
		buf_append(out, s.p + done, i - done);
		quote_special(out, c);
		done = i + 1;
	}
	if (s.n > done) {
		buf_append(out, s.p + done, s.n - done);
	}
	buf_putc(out, '"');
}
