/* Texts, in characters of UTF-8. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <md5.h>
#include <sha1.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

/* As long as a value may be. */
#define TEXT_MAX ((size_t)16 << 20)

/* ---- characters ---- */

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

size_t lite_prefix(struct slice s, int64_t n)
{
	size_t at = 0;
	for (; n > 0 && at < s.n; n--) {
		at++;
		while (at < s.n && continues(s.p[at])) {
			at++;
		}
	}
	return at;
}

size_t lite_length(struct slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		n += !continues(s.p[i]);
	}
	return n;
}

uint32_t lite_character(struct slice s, size_t *at)
{
	unsigned char c = (unsigned char)s.p[(*at)++];
	if (c < 0xc0) {
		return c;
	}
	uint32_t out = c & (c >= 0xf0 ? 0x07U : c >= 0xe0 ? 0x0fU : 0x1fU);
	while (*at < s.n && continues(s.p[*at])) {
		out = out << 6 | ((unsigned char)s.p[(*at)++] & 0x3fU);
	}
	return out;
}

void lite_put_character(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(out, (char)c);
		return;
	}
	unsigned more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
	static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
	buf_putc(out, (char)(leads[more] | c >> (6 * more)));
	while (more-- > 0) {
		buf_putc(out, (char)(0x80 | (c >> (6 * more) & 0x3f)));
	}
}

/* Letters whose small one stands `by` behind the capital. */
static const struct {
	uint32_t first, last, by;
} capitals[] = {{'A', 'Z', 32}, {0xc0, 0xd6, 32}, {0xd8, 0xde, 32}, {0x386, 0x386, 38},
	{0x388, 0x38a, 37}, {0x38c, 0x38c, 64}, {0x38e, 0x38f, 63}, {0x391, 0x3a1, 32},
	{0x3a3, 0x3ab, 32}, {0x400, 0x40f, 80}, {0x410, 0x42f, 32}, {0x531, 0x556, 48},
	{0x178, 0x178, (uint32_t)0xff - 0x178}};

/* Ranges of pairs, a capital and its small letter; whether capitals are even. */
static const struct {
	uint32_t first, last;
	bool even;
} pairs[] = {{0x100, 0x12f, true}, {0x132, 0x137, true}, {0x139, 0x148, false},
	{0x14a, 0x177, true}, {0x179, 0x17e, false}, {0x460, 0x481, true}, {0x48a, 0x4bf, true},
	{0x4d0, 0x52f, true}, {0x1e00, 0x1e95, true}, {0x1ea0, 0x1eff, true}};

uint32_t lite_lower(uint32_t c)
{
	for (size_t i = 0; i < sizeof(capitals) / sizeof(capitals[0]); i++) {
		if (c >= capitals[i].first && c <= capitals[i].last) {
			return c + capitals[i].by;
		}
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (c >= pairs[i].first && c <= pairs[i].last) {
			return (c % 2 == 0) == pairs[i].even ? c + 1 : c;
		}
	}
	return c;
}

uint32_t lite_upper(uint32_t c)
{
	for (size_t i = 0; i < sizeof(capitals) / sizeof(capitals[0]); i++) {
		uint32_t capital = c - capitals[i].by;
		if (capital >= capitals[i].first && capital <= capitals[i].last) {
			return capital;
		}
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (c >= pairs[i].first && c <= pairs[i].last) {
			return (c % 2 == 0) == pairs[i].even ? c : c - 1;
		}
	}
	return c;
}

static void put_mapped(sqlite3_context *c, sqlite3_value *v, uint32_t (*map)(uint32_t c))
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v);
	for (size_t at = 0; at < s.n;) {
		lite_put_character(&out, map(lite_character(s, &at)));
	}
	lite_result(c, &out);
}

static void lower(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_mapped(c, v[0], lite_lower);
}

static void upper(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_mapped(c, v[0], lite_upper);
}

static bool is_letter(uint32_t c)
{
	return c >= 0x80 || isalnum((int)c);
}

static void initcap(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v[0]);
	bool within = false;
	for (size_t at = 0; at < s.n;) {
		uint32_t ch = lite_character(s, &at);
		lite_put_character(&out, within ? lite_lower(ch) : lite_upper(ch));
		within = is_letter(ch);
	}
	lite_result(c, &out);
}

static void ascii(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct slice s = lite_text(v[0]);
	size_t at = 0;
	sqlite3_result_int64(c, s.n == 0 ? 0 : lite_character(s, &at));
}

static void chr(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	int64_t code = sqlite3_value_int64(v[0]);
	if (code < 1 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
		lite_fail(c, "%" PRId64 " is no character", code);
		return;
	}
	lite_put_character(&out, (uint32_t)code);
	lite_result(c, &out);
}

/* ---- pieces ---- */

/* Characters from `from` (0: the first) on, `n` of them. */
static void put_piece(sqlite3_context *c, struct slice s, int64_t from, int64_t n)
{
	size_t begin = lite_prefix(s, from);
	struct slice rest = slice_make(s.p + begin, s.n - begin);
	sqlite3_result_text64(c, rest.p, lite_prefix(rest, n), SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* A negative count: all but so many at the other end. */
static void left(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct slice s = lite_text(v[0]);
	int64_t count = sqlite3_value_int64(v[1]);
	put_piece(c, s, 0, count < 0 ? (int64_t)lite_length(s) + count : count);
}

static void right(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct slice s = lite_text(v[0]);
	int64_t count = sqlite3_value_int64(v[1]);
	int64_t length = (int64_t)lite_length(s);
	put_piece(c, s, count < 0 ? -count : length - count, INT64_MAX);
}

static void reverse(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v[0]);
	for (size_t end = s.n; end > 0;) {
		size_t begin = end - 1;
		while (begin > 0 && continues(s.p[begin])) {
			begin--;
		}
		buf_append(&out, s.p + begin, end - begin);
		end = begin;
	}
	lite_result(c, &out);
}

static void repeat(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v[0]);
	int64_t count = sqlite3_value_int64(v[1]);
	if (s.n > 0 && count > (int64_t)(TEXT_MAX / s.n)) {
		lite_fail(c, "a text of more than %zu bytes", TEXT_MAX);
		return;
	}
	for (; count > 0 && s.n > 0; count--) {
		buf_append_slice(&out, s);
	}
	lite_result(c, &out);
}

/* `n` characters of the filling, over and over. */
static void fill(struct buf *out, struct slice filling, int64_t n)
{
	size_t length = lite_length(filling);
	while (n > 0 && length > 0) {
		size_t part = lite_prefix(filling, n);
		buf_append(out, filling.p, part);
		n -= (int64_t)length;
	}
}

static void pad(sqlite3_context *c, int n, sqlite3_value **v, bool before)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v[0]);
	struct slice filling = n > 2 ? lite_text(v[2]) : slice_of(" ");
	int64_t want = sqlite3_value_int64(v[1]);
	int64_t has = (int64_t)lite_length(s);
	if (want > (int64_t)TEXT_MAX / 4) {
		lite_fail(c, "a text of more than %zu bytes", TEXT_MAX);
		return;
	}
	if (before) {
		fill(&out, filling, want - has);
	}
	buf_append(&out, s.p, lite_prefix(s, want));
	if (!before) {
		fill(&out, filling, want - has);
	}
	lite_result(c, &out);
}

static void lpad(sqlite3_context *c, int n, sqlite3_value **v)
{
	pad(c, n, v, true);
}

static void rpad(sqlite3_context *c, int n, sqlite3_value **v)
{
	pad(c, n, v, false);
}

/* rs_split_part(text, separator, n): the n-th part, from 1. */
static void split_part(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct slice s = lite_text(v[0]);
	struct slice separator = lite_text(v[1]);
	int64_t wanted = sqlite3_value_int64(v[2]);
	if (wanted < 1) {
		lite_fail(c, "field position must be greater than zero");
		return;
	}
	for (;; wanted--) {
		const char *end =
			separator.n == 0 ? NULL : memmem(s.p, s.n, separator.p, separator.n);
		size_t length = end == NULL ? s.n : (size_t)(end - s.p);
		if (wanted == 1 || end == NULL) {
			sqlite3_result_text64(
				c, s.p, wanted == 1 ? length : 0, SQLITE_TRANSIENT, SQLITE_UTF8);
			return;
		}
		s = slice_make(end + separator.n, s.n - length - separator.n);
	}
}

/* Which character of the list it is; SIZE_MAX: none. */
static size_t find_character(struct slice list, uint32_t c)
{
	size_t n = 0;
	for (size_t at = 0; at < list.n; n++) {
		if (lite_character(list, &at) == c) {
			return n;
		}
	}
	return SIZE_MAX;
}

/* rs_translate(text, from, to): what has no counterpart is left out. */
static void translate(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v[0]);
	struct slice from = lite_text(v[1]);
	struct slice to = lite_text(v[2]);
	for (size_t at = 0; at < s.n;) {
		uint32_t ch = lite_character(s, &at);
		size_t which = find_character(from, ch);
		if (which == SIZE_MAX) {
			lite_put_character(&out, ch);
			continue;
		}
		size_t begin = lite_prefix(to, (int64_t)which);
		if (begin < to.n) {
			lite_put_character(&out, lite_character(to, &begin));
		}
	}
	lite_result(c, &out);
}

static void btrim(sqlite3_context *c, int n, sqlite3_value **v)
{
	struct slice s = lite_text(v[0]);
	struct slice set = n > 1 ? lite_text(v[1]) : slice_of(" ");
	size_t begin = 0;
	for (size_t at = 0; at < s.n; begin = at) {
		if (find_character(set, lite_character(s, &at)) == SIZE_MAX) {
			break;
		}
	}
	size_t end = s.n;
	while (end > begin) {
		size_t at = end - 1;
		while (at > begin && continues(s.p[at])) {
			at--;
		}
		size_t last = at;
		if (find_character(set, lite_character(s, &at)) == SIZE_MAX) {
			break;
		}
		end = last;
	}
	sqlite3_result_text64(c, s.p + begin, end - begin, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* rs_strtol(text, base) */
static void text_to_integer(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	const char *text = (const char *)sqlite3_value_text(v[0]);
	int base = sqlite3_value_int(v[1]);
	char *end = NULL;
	if (base < 2 || base > 36) {
		lite_fail(c, "base %d; 2 to 36 is expected", base);
		return;
	}
	errno = 0;
	long long i = strtoll(text == NULL ? "" : text, &end, base);
	if (errno == ERANGE) {
		lite_fail(c, "the value is out of range for type bigint");
	} else if (end == NULL || end == text || *end != '\0') {
		lite_fail(c, "the text is no number with base %d", base);
	} else {
		sqlite3_result_int64(c, i);
	}
}

static void md5(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	char out[MD5_DIGEST_STRING_LENGTH];
	struct slice s = lite_text(v[0]);
	MD5Data((const uint8_t *)s.p, s.n, out);
	sqlite3_result_text(c, out, -1, SQLITE_TRANSIENT);
}

static void sha1(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	char out[SHA1_DIGEST_STRING_LENGTH];
	struct slice s = lite_text(v[0]);
	SHA1Data((const uint8_t *)s.p, s.n, out);
	sqlite3_result_text(c, out, -1, SQLITE_TRANSIENT);
}

const struct lite_function lite_text_functions[] = {
	{"rs_lower", 1, 1, lower, false},
	{"rs_upper", 1, 1, upper, false},
	{"rs_initcap", 1, 1, initcap, false},
	{"rs_ascii", 1, 1, ascii, false},
	{"rs_chr", 1, 1, chr, false},
	{"rs_left", 2, 2, left, false},
	{"rs_right", 2, 2, right, false},
	{"rs_reverse", 1, 1, reverse, false},
	{"rs_repeat", 2, 2, repeat, false},
	{"rs_lpad", 2, 3, lpad, false},
	{"rs_rpad", 2, 3, rpad, false},
	{"rs_split_part", 3, 3, split_part, false},
	{"rs_translate", 3, 3, translate, false},
	{"rs_btrim", 1, 2, btrim, false},
	{"rs_strtol", 2, 2, text_to_integer, false},
	{"rs_md5", 1, 1, md5, false},
	{"rs_sha1", 1, 1, sha1, false},
	{NULL, 0, 0, NULL, false},
};
