/* Values as bytes whose order is the order of the values.
 *
 * A key is a tag (the bracket times 8; of numbers also the kind) and what follows for it:
 *   number    the double nearest to it towards zero, big-endian; a byte 0, or a byte 1 and the
 *             digits: exponent, pairs of digits, 0. Of a negative number all this is complemented.
 *   text      its bytes, 00 as 01 01 and 01 as 01 02, then 00
 *   document  for each member the bracket, the name, 00, the value's key; then 00
 *   array     the elements' keys; then 00
 *   binary    length, subtype, bytes; others: fixed lengths, big-endian
 * Numbers of equal value have the same digits, whatever their type, so the same bytes. */
#include "engines/common/cleanup.h"
#include "engines/docdb/order/order_impl.h"

#define EXP_BIAS 0x2000

static unsigned char tag_of(uint8_t type)
{
	return (unsigned char)(doc_bracket(type) * 8);
}

/* ---- making ---- */

static void put_be(struct buf *out, uint64_t n, unsigned bytes)
{
	unsigned char be[8];
	for (unsigned i = 0; i < bytes; i++) {
		be[i] = (unsigned char)(n >> (8 * (bytes - 1 - i)));
	}
	buf_append(out, be, bytes);
}

static void complement(struct buf *out, size_t from)
{
	for (size_t i = from; i < out->n; i++) {
		out->p[i] = (char)~out->p[i];
	}
}

static void put_text(struct buf *out, struct slice text)
{
	size_t done = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == 0 || text.p[i] == 1) {
			char escaped[2] = {1, (char)(text.p[i] + 1)};
			buf_append(out, text.p + done, i - done);
			buf_append(out, escaped, 2);
			done = i + 1;
		}
	}
	buf_append(out, text.p + done, text.n - done);
	buf_putc(out, 0);
}

static void put_digits(struct buf *out, const struct doc_exact *x)
{
	unsigned exponent = (unsigned)(x->exp10 + EXP_BIAS);
	put_be(out, exponent, 2);
	for (unsigned i = 0; i < x->n; i += 2) {
		int low = i + 1 < x->n ? x->digit[i + 1] : 0;
		buf_putc(out, (char)(x->digit[i] * 10 + low + 1));
	}
	buf_putc(out, 0);
}

static void put_number(struct buf *out, struct doc_value v)
{
	struct doc_exact x = doc_exact_of(v);
	uint64_t near;
	buf_putc(out, (char)(tag_of(v.type) + x.kind));
	if (x.kind != EXACT_NEGATIVE && x.kind != EXACT_POSITIVE) {
		return;
	}
	size_t from = out->n;
	memcpy(&near, &x.near, sizeof(near));
	put_be(out, near, 8);
	buf_putc(out, x.rest ? '\1' : '\0');
	if (x.rest) {
		put_digits(out, &x);
	}
	if (x.kind == EXACT_NEGATIVE) {
		complement(out, from);
	}
}

static void put_members(struct buf *out, struct slice document, bool named)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		if (named) {
			buf_putc(out, (char)tag_of(v.type));
			buf_append(out, name.p, name.n);
			buf_putc(out, 0);
		}
		doc_key_append(v, false, out);
	}
	buf_putc(out, 0);
}

static void put_scoped(struct buf *out, struct doc_value v)
{
	put_text(out, doc_text_at(v.raw.p + 4));
	put_members(out, doc_scope_of(v), true);
}

static void put_pointer(struct buf *out, struct doc_value v)
{
	put_text(out, doc_text_at(v.raw.p));
	buf_append(out, v.raw.p + v.raw.n - 12, 12);
}

/* What follows the tag. */
static void put_rest(struct buf *out, struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_CODE: put_text(out, doc_string(v)); break;
	case BSON_TYPE_DOCUMENT:
	case BSON_TYPE_ARRAY: put_members(out, v.raw, v.type == BSON_TYPE_DOCUMENT); break;
	case BSON_TYPE_BINARY:
		put_be(out, doc_load32(v.raw.p), 4);
		buf_append(out, v.raw.p + 4, v.raw.n - 4);
		break;
	case BSON_TYPE_DATE_TIME: put_be(out, (uint64_t)doc_int64(v) ^ UINT64_C(1) << 63, 8); break;
	case BSON_TYPE_TIMESTAMP: put_be(out, doc_load64(v.raw.p), 8); break;
	case BSON_TYPE_CODEWSCOPE: put_scoped(out, v); break;
	case BSON_TYPE_DBPOINTER: put_pointer(out, v); break;
	default: /* ObjectId, boolean; a regular expression's two texts bear no NUL within */
		buf_append(out, v.raw.p, v.raw.n);
		break;
	}
}

void doc_key_append(struct doc_value v, bool descending, struct buf *out)
{
	size_t from = out->n;
	if (doc_is_number(v)) {
		put_number(out, v);
	} else {
		buf_putc(out, (char)tag_of(v.type));
		put_rest(out, v);
	}
	if (descending) {
		complement(out, from);
	}
}

void doc_key_bracket(uint8_t type, bool descending, struct buf *low, struct buf *high)
{
	unsigned char first = tag_of(type);
	unsigned char end = (unsigned char)(first + 8);

	buf_putc(low, (char)(descending ? 0x100 - end : first));
	buf_putc(high, (char)(descending ? 0x100 - first : end));
}

/* ---- reading: what stands in a damaged index is refused, not trusted ---- */

struct key_reader {
	const unsigned char *p;
	size_t n;
	unsigned char mask; /* 0xff where the bytes are complemented */
	unsigned depth;
	bool bad;
	struct doc_arena *arena;
};

static unsigned take(struct key_reader *r)
{
	if (r->n == 0) {
		r->bad = true;
		return 0;
	}
	r->n--;
	return (unsigned char)(*r->p++ ^ r->mask);
}

static uint64_t take_be(struct key_reader *r, unsigned bytes)
{
	uint64_t n = 0;
	while (bytes-- > 0) {
		n = n << 8 | take(r);
	}
	return n;
}

static void take_bytes(struct key_reader *r, size_t n, struct buf *out)
{
	if (n > r->n) {
		r->bad = true;
		return;
	}
	size_t from = out->n;
	buf_append(out, r->p, n);
	r->p += n;
	r->n -= n;
	if (r->mask != 0) {
		complement(out, from);
	}
}

/* Up to a NUL, which is taken, not appended. */
static void take_plain(struct key_reader *r, struct buf *out)
{
	for (unsigned c = take(r); c != 0 && !r->bad; c = take(r)) {
		buf_putc(out, (char)c);
	}
}

static void take_text(struct key_reader *r, struct buf *out)
{
	for (unsigned c = take(r); c != 0 && !r->bad; c = take(r)) {
		if (c == 1) {
			c = take(r) - 1;
			r->bad = r->bad || c > 1;
		}
		buf_putc(out, (char)c);
	}
}

static void take_digits(struct key_reader *r, struct doc_exact *x)
{
	x->exp10 = (int)take_be(r, 2) - EXP_BIAS;
	for (unsigned pair = take(r); pair != 0 && !r->bad; pair = take(r)) {
		if (pair > 100 || x->n + 2 > DOC_DIGITS_MAX) {
			r->bad = true;
			return;
		}
		x->digit[x->n++] = (unsigned char)((pair - 1) / 10);
		x->digit[x->n++] = (unsigned char)((pair - 1) % 10);
	}
	while (x->n > 0 && x->digit[x->n - 1] == 0) {
		x->n--;
	}
	r->bad = r->bad || x->n == 0 || x->exp10 > 6144 || x->exp10 + 1 - (int)x->n < -6176;
}

static struct doc_value take_number(struct key_reader *r, unsigned kind)
{
	struct doc_exact x = {.kind = (enum doc_exact_kind)kind};
	if (x.kind == EXACT_NEGATIVE || x.kind == EXACT_POSITIVE) {
		unsigned char mask = r->mask;
		r->mask ^= x.kind == EXACT_NEGATIVE ? 0xff : 0;
		uint64_t near = take_be(r, 8);
		memcpy(&x.near, &near, sizeof(near));
		r->bad = r->bad || near >> 52 >= 0x7ff; /* a sign, an infinity */
		x.rest = take(r) != 0;
		if (x.rest) {
			take_digits(r, &x);
		}
		r->mask = mask;
	}
	r->bad = r->bad || kind > EXACT_HIGHEST;
	return r->bad ? DOC_MISSING : doc_exact_value(&x, r->arena);
}

static struct doc_value take_value(struct key_reader *r);

static void take_members(struct key_reader *r, bool named, struct buf *out)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	size_t start = doc_begin(out);
	unsigned index = 0;
	while (!r->bad && r->n > 0 && (*r->p ^ r->mask) != 0) {
		buf_clear(&name);
		if (named) {
			(void)take(r); /* the bracket; the value has it again */
			take_plain(r, &name);
		}
		struct doc_value v = take_value(r);
		if (r->bad) {
			return;
		}
		if (named) {
			doc_put(out, slice_of(buf_cstr(&name)), v);
		} else {
			doc_put_index(out, index++, v);
		}
		r->bad = name.failed;
	}
	(void)take(r);
	doc_end(out, start);
}

static void put_le32(struct buf *out, uint32_t n)
{
	char raw[4];
	doc_store32(raw, n);
	buf_append(out, raw, sizeof(raw));
}

static void patch_le32(const struct buf *out, size_t at, uint32_t n)
{
	if (!out->failed) {
		doc_store32(out->p + at, n);
	}
}

/* With its length before and a NUL behind. */
static void take_string(struct key_reader *r, struct buf *out)
{
	size_t at = out->n;
	put_le32(out, 0);
	take_text(r, out);
	buf_putc(out, 0);
	patch_le32(out, at, (uint32_t)(out->n - at - 4));
}

static void take_binary(struct key_reader *r, struct buf *out)
{
	uint32_t length = (uint32_t)take_be(r, 4);
	put_le32(out, length);
	take_bytes(r, (size_t)length + 1, out);
}

static void take_scoped(struct key_reader *r, struct buf *out)
{
	put_le32(out, 0);
	take_string(r, out);
	take_members(r, true, out);
	patch_le32(out, 0, (uint32_t)out->n);
}

static void take_regex(struct key_reader *r, struct buf *out)
{
	take_plain(r, out);
	buf_putc(out, 0);
	take_plain(r, out);
	buf_putc(out, 0);
}

static void put_le64(struct buf *out, uint64_t n)
{
	char raw[8];
	doc_store64(raw, n);
	buf_append(out, raw, sizeof(raw));
}

/* The bytes of the value in the document that it came from, or of one equal to it. */
static uint8_t take_raw(struct key_reader *r, unsigned bracket, struct buf *out)
{
	switch (bracket) {
	case 5: take_string(r, out); return BSON_TYPE_UTF8;
	case 6: take_members(r, true, out); return BSON_TYPE_DOCUMENT;
	case 7: take_members(r, false, out); return BSON_TYPE_ARRAY;
	case 8: take_binary(r, out); return BSON_TYPE_BINARY;
	case 9: take_bytes(r, 12, out); return BSON_TYPE_OID;
	case 10: take_bytes(r, 1, out); return BSON_TYPE_BOOL;
	case 11: put_le64(out, take_be(r, 8) ^ UINT64_C(1) << 63); return BSON_TYPE_DATE_TIME;
	case 12: put_le64(out, take_be(r, 8)); return BSON_TYPE_TIMESTAMP;
	case 13: take_regex(r, out); return BSON_TYPE_REGEX;
	case 14:
		take_string(r, out);
		take_bytes(r, 12, out);
		return BSON_TYPE_DBPOINTER;
	case 15: take_string(r, out); return BSON_TYPE_CODE;
	default: take_scoped(r, out); return BSON_TYPE_CODEWSCOPE;
	}
}

static struct doc_value take_other(struct key_reader *r, unsigned bracket)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	if (r->depth > DOC_DEPTH_MAX + 1) {
		r->bad = true;
		return DOC_MISSING;
	}
	r->depth++;
	uint8_t type = take_raw(r, bracket, &raw);
	r->depth--;
	r->bad = r->bad || raw.failed;
	struct doc_value v = {type, buf_slice(&raw)};
	return r->bad ? DOC_MISSING : doc_make_copy(r->arena, v);
}

/* The usual id, of which listings read millions. */
static struct doc_value take_objectid(struct key_reader *r)
{
	struct doc_value v = {BSON_TYPE_OID, {(const char *)r->p, 12}};
	r->p += 12;
	r->n -= 12;
	return doc_make_copy(r->arena, v);
}

static struct doc_value take_value(struct key_reader *r)
{
	unsigned tag = take(r);
	unsigned bracket = tag / 8;
	if (bracket == 4) {
		return take_number(r, tag % 8);
	}
	if (r->bad || tag % 8 != 0 || bracket < 1 || bracket > 17) {
		r->bad = true;
		return DOC_MISSING;
	}
	switch (bracket) {
	case 1: return (struct doc_value){.type = BSON_TYPE_MINKEY};
	case 2: return (struct doc_value){.type = BSON_TYPE_UNDEFINED};
	case 3: return doc_make_null();
	case 17: return (struct doc_value){.type = BSON_TYPE_MAXKEY};
	default:
		return bracket == 9 && r->mask == 0 && r->n >= 12 ? take_objectid(r)
								  : take_other(r, bracket);
	}
}

bool doc_key_next(struct slice *key, bool descending, struct doc_arena *a, struct doc_value *out)
{
	struct key_reader r = {.p = (const unsigned char *)key->p,
		.n = key->n,
		.mask = descending ? 0xff : 0,
		.arena = a};
	struct doc_value v = take_value(&r);
	if (r.bad) {
		return false;
	}
	*key = slice_make(r.p, r.n);
	*out = v;
	return true;
}
