/* Strings: the bytes between the quotes, read and written.
 *
 * Nearly all of a string is bytes that stand for themselves; they are taken in
 * runs, and a string that has nothing else and lies within one chunk is handed
 * on where it stands. The rest goes byte by byte into the reader's token. */
#include "engines/common/json_impl.h"

#include <errno.h>

#include "engines/common/name.h"

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

/* ---- characters ---- */

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* Not 0 when one of the eight bytes is 0. */
static uint64_t zero_byte(uint64_t x)
{
	return (x - EACH_BYTE(1)) & ~x & EACH_BYTE(0x80);
}

/* How many bytes from p on are plain ASCII, in steps of eight. */
static size_t ascii_run(const unsigned char *p, size_t n)
{
	size_t i = 0;
	for (; n - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
		uint64_t x;
		memcpy(&x, p + i, sizeof(x));
		uint64_t other = (x | (x - EACH_BYTE(0x20))) & EACH_BYTE(0x80);
		if ((other | zero_byte(x ^ EACH_BYTE('"')) | zero_byte(x ^ EACH_BYTE('\\'))) != 0) {
			break;
		}
	}
	return i;
}

/* The bytes of a string that stand for themselves; takes whole characters. */
static size_t plain_run(struct json_reader *r, const unsigned char *p, size_t n)
{
	size_t i = ascii_run(p, n);
	unsigned long columns = i;
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
	unsigned n = utf8_lead(c, &r->utf8_low, &r->utf8_high);
	if (n == 0) {
		return refuse_utf8(r, c);
	}
	r->utf8_left = n - 1;
	r->utf8_last = c;
	buf_putc(&r->token, (char)c);
	r->state = IN_UTF8;
	return 0;
}

int json_utf8_byte(struct json_reader *r, unsigned char c)
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

/* ---- escapes ---- */

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

static int simple_escape(struct json_reader *r, unsigned char c)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	if (c == 'u') {
		begin_hex(r);
		return 0;
	}
	const char *at = c != '\0' ? strchr(from, c) : NULL;
	if (at == NULL) {
		return json_refuse(r, "one of \" \\ / b f n r t u after the backslash", c);
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
		return json_refuse(r, "a hexadecimal digit", c);
	}
	r->code = r->code << 4 | (unsigned)digit;
	r->hex_n++;
	const char *expected = surrogate_expected(r);
	if (expected != NULL) {
		return json_refuse(r, expected, c);
	}
	if (r->hex_n == 4) {
		hex_done(r);
	}
	return 0;
}

static int pair_byte(struct json_reader *r, unsigned char c)
{
	if (c != (r->state == IN_PAIR_BACKSLASH ? '\\' : 'u')) {
		return json_refuse(r, "\\u and the low half of a surrogate pair", c);
	}
	if (r->state == IN_PAIR_BACKSLASH) {
		r->state = IN_PAIR_U;
	} else {
		begin_hex(r);
	}
	return 0;
}

int json_escape_byte(struct json_reader *r, unsigned char c)
{
	switch (r->state) {
	case IN_ESCAPE: return simple_escape(r, c);
	case IN_HEX: return hex_byte(r, c);
	default: return pair_byte(r, c);
	}
}

/* ---- strings ---- */

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
		rc = json_emit(r, JSON_EV_KEY, rest, r->start);
	} else if (rc == 0) {
		json_value_done(r);
		rc = json_emit(r, JSON_EV_STRING, rest, r->start);
	}
	buf_clear(&r->token);
	return rc;
}

static int string_byte(struct json_reader *r, unsigned char c)
{
	if (c == '\\') {
		r->state = IN_ESCAPE;
		return 0;
	}
	return json_refuse(
		r, "a character or '\"' in a string (control characters as \\n, \\t, \\u00XX)", c);
}

int json_string_step(struct json_reader *r, const unsigned char *p, size_t n, size_t *used)
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
	for (size_t i = ascii_run((const unsigned char *)s.p, s.n); i < s.n; i++) {
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
