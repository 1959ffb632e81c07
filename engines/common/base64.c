#include "engines/common/base64.h"

static const char alphabets[2][65] = {
	[BASE64_PADDED] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
	[BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
};

/* The last 1 or 2 bytes, as 2 or 3 characters. */
static void encode_tail(const char *alphabet, const unsigned char *p, size_t n, bool pad, char *out)
{
	unsigned v = (unsigned)p[0] << 16 | (n == 2 ? (unsigned)p[1] << 8 : 0);
	out[0] = alphabet[v >> 18];
	out[1] = alphabet[v >> 12 & 63];
	if (n == 2) {
		out[2] = alphabet[v >> 6 & 63];
	}
	for (size_t i = n + 1; pad && i < 4; i++) {
		out[i] = '=';
	}
}

void base64_encode(enum base64_kind kind, struct slice bytes, struct buf *out)
{
	const char *alphabet = alphabets[kind];
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t whole = bytes.n / 3;
	size_t rest = bytes.n % 3;
	size_t tail = rest == 0 ? 0 : kind == BASE64_PADDED ? 4 : rest + 1;
	size_t at = out->n;
	if (bytes.n == 0 || !buf_resize(out, at + whole * 4 + tail)) {
		return;
	}
	char *q = out->p + at;
	for (size_t i = 0; i < whole; i++, p += 3, q += 4) {
		unsigned v = (unsigned)p[0] << 16 | (unsigned)p[1] << 8 | p[2];
		q[0] = alphabet[v >> 18];
		q[1] = alphabet[v >> 12 & 63];
		q[2] = alphabet[v >> 6 & 63];
		q[3] = alphabet[v & 63];
	}
	if (rest > 0) {
		encode_tail(alphabet, p, rest, kind == BASE64_PADDED, q);
	}
}

static int digit_value(enum base64_kind kind, char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	if (c == alphabets[kind][62]) {
		return 62;
	}
	return c == alphabets[kind][63] ? 63 : -1;
}

/* Drops the '=' of the last group; false when there is a wrong number. */
static bool strip_padding(struct slice *text)
{
	if (text->n % 4 != 0) {
		return false;
	}
	for (unsigned i = 0; i < 2 && text->n > 0 && text->p[text->n - 1] == '='; i++) {
		text->n--;
	}
	return true;
}

/* 2 to 4 characters; false where one is none of the alphabet, or where bits are
 * set that belong to no byte. */
static bool decode_group(enum base64_kind kind, const char *p, size_t n, struct buf *out)
{
	unsigned v = 0;
	for (size_t i = 0; i < 4; i++) {
		int digit = i < n ? digit_value(kind, p[i]) : 0;
		if (digit < 0) {
			return false;
		}
		v = v << 6 | (unsigned)digit;
	}
	const char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
	buf_append(out, bytes, n - 1);
	return n == 4 || (v & (n == 2 ? 0xffffU : 0xffU)) == 0;
}

const char *base64_decode(enum base64_kind kind, struct slice text, struct buf *out)
{
	if (kind == BASE64_PADDED && !strip_padding(&text)) {
		return "base64 with padding (its length is a multiple of 4)";
	}
	if (text.n % 4 == 1) {
		return "base64 of whole bytes";
	}
	if (!buf_reserve(out, out->n + text.n / 4 * 3 + 3)) {
		return "more memory";
	}
	for (size_t i = 0; i < text.n; i += 4) {
		size_t n = text.n - i < 4 ? text.n - i : 4;
		if (!decode_group(kind, text.p + i, n, out)) {
			return kind == BASE64_PADDED
				       ? "base64 (A-Z a-z 0-9 + / and = at the end)"
				       : "base64url without padding (A-Z a-z 0-9 - _)";
		}
	}
	return NULL;
}
