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
#include "engines/common/json_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_DEPTH 1000

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

int json_refuse(struct json_reader *r, const char *expected, unsigned char found)
{
	char text[32];
	return err_set(&r->why, EINVAL, "line %lu, column %lu: expected %s, found %s", r->here.line,
		r->here.column, expected, found_text(found, text));
}

static int refuse_word(struct json_reader *r, unsigned char c)
{
	char expected[32];
	snprintf(expected, sizeof(expected), "'%c' of %s", r->word[r->word_at], r->word);
	return json_refuse(r, expected, c);
}

static const char *next_expected(const struct json_reader *r)
{
	return r->open[r->depth - 1].kind == '{' ? "',' or '}'" : "',' or ']'";
}

/* ---- events ---- */

int json_emit(struct json_reader *r, enum json_event event, struct slice text, struct json_pos pos)
{
	return r->fn != NULL ? r->fn(r->arg, event, text, pos, &r->why) : 0;
}

static int emit_bare(struct json_reader *r, enum json_event event, struct json_pos pos)
{
	return json_emit(r, event, slice_make("", 0), pos);
}

void json_value_done(struct json_reader *r)
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
		struct json_bracket *p = realloc(r->open, cap * sizeof(*p));
		if (p == NULL) {
			return err_set(&r->why, ENOMEM, "out of memory");
		}
		r->open = p;
		r->open_cap = cap;
	}
	r->open[r->depth++] = (struct json_bracket){r->here, kind};
	r->state = kind == '{' ? AT_FIRST_MEMBER : AT_FIRST_ELEMENT;
	return emit_bare(r, kind == '{' ? JSON_EV_OBJECT_BEGIN : JSON_EV_ARRAY_BEGIN, r->here);
}

static int close_bracket(struct json_reader *r)
{
	char kind = r->open[--r->depth].kind;
	json_value_done(r);
	return emit_bare(r, kind == '{' ? JSON_EV_OBJECT_END : JSON_EV_ARRAY_END, r->here);
}

static int end_number(struct json_reader *r)
{
	int rc = buf_check(&r->token, &r->why);
	json_value_done(r);
	rc = rc != 0 ? rc : json_emit(r, JSON_EV_NUMBER, buf_slice(&r->token), r->start);
	buf_clear(&r->token);
	return rc;
}

static int end_word(struct json_reader *r)
{
	enum json_event event = r->word[0] == 't'   ? JSON_EV_TRUE
				: r->word[0] == 'f' ? JSON_EV_FALSE
						    : JSON_EV_NULL;
	json_value_done(r);
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
		return json_refuse(r, expected, c);
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
		return json_refuse(r, "a member name in double quotes", c);
	}
	return c == '}' ? close_bracket(r)
			: json_refuse(r, "a member name in double quotes or '}'", c);
}

static int next_byte(struct json_reader *r, unsigned char c)
{
	bool object = r->open[r->depth - 1].kind == '{';
	if (c == ',') {
		r->state = object ? AT_MEMBER : AT_VALUE;
		return 0;
	}
	return c == (object ? '}' : ']') ? close_bracket(r) : json_refuse(r, next_expected(r), c);
}

static int colon_byte(struct json_reader *r, unsigned char c)
{
	if (c != ':') {
		return json_refuse(r, "':' after the member name", c);
	}
	r->state = AT_VALUE;
	return 0;
}

static int bom_byte(struct json_reader *r, unsigned char c)
{
	unsigned char want = r->state == AT_BOM2 ? 0xbb : 0xbf;
	if (c != want) {
		return json_refuse(r, "the rest of a byte order mark", c);
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
		if (r->many && (c == '{' || c == '[')) {
			return open_bracket(r, (char)c);
		}
		return json_refuse(r,
			r->many ? "white space or the end of the text" : "the end of the text", c);
	default: return value_byte(r, c, "a value");
	}
}

/* ---- numbers ---- */

/* The state after digit, '.', 'e', sign; refusal where that byte is not
 * possible; AT_END where the number ends before it. */
static enum json_state number_next(enum json_state s, unsigned char c)
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

static const char *number_expected(enum json_state s, unsigned char c)
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
		return json_refuse(r, expected, c);
	}
	enum json_state next = number_next(r->state, c);
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

/* One byte in every state but IN_STRING and IN_UTF8. */
static int plain_byte(struct json_reader *r, unsigned char c, bool *taken)
{
	switch (r->state) {
	case IN_ESCAPE:
	case IN_HEX:
	case IN_PAIR_BACKSLASH:
	case IN_PAIR_U: return json_escape_byte(r, c);
	case IN_WORD: return word_byte(r, c);
	default: break;
	}
	return r->state >= IN_MINUS ? number_byte(r, c, taken) : between_byte(r, c);
}

/* Takes at least one byte, or leaves a state that ended before it. */
static int step(struct json_reader *r, const unsigned char *p, size_t n, size_t *used)
{
	if (r->state == IN_STRING) {
		return json_string_step(r, p, n, used);
	}
	*used = 1;
	if (r->state == IN_UTF8) {
		return json_utf8_byte(r, p[0]);
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

static bool number_complete(enum json_state s)
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
