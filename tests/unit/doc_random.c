#include "tests/unit/doc_random.h"

#include <check.h>
#include <float.h>
#include <math.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/order/order.h"
#include "tests/unit/random.h"

static unsigned below(unsigned n)
{
	return (unsigned)rng() % n;
}

static uint64_t random_bits(void)
{
	return (uint64_t)rng() << 62 ^ (uint64_t)rng() << 31 ^ (uint64_t)rng();
}

struct doc_value decimal_of(struct doc_arena *a, const char *text)
{
	bson_decimal128_t d;
	ck_assert_msg(bson_decimal128_from_string(text, &d), "%s", text);
	return doc_make_decimal(a, d);
}

struct doc_value value_of(struct doc_arena *a, const char *ejson)
{
	struct err err = {0};
	struct buf raw = BUF_INIT;
	uint8_t type;
	int rc = ejson_parse_value(slice_of(ejson), &type, &raw, &err);
	ck_assert_msg(rc == 0, "%s: %s", ejson, err.msg);
	struct doc_value v = doc_make_copy(a, (struct doc_value){type, buf_slice(&raw)});
	buf_free(&raw);
	return v;
}

/* ---- numbers ---- */

static struct doc_value edge_decimal(struct doc_arena *a)
{
	static const char *const edges[] = {"0.1", "0.5", "1.10", "1.1", "-0", "0E+3", "0E-6176",
		"9007199254740993", "9007199254740992.5", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "-9223372036854775809", "1E+400",
		"-1E+6144", "9.999999999999999999999999999999999E+6144", "1E-6176", "-1E-6176",
		"1.7976931348623157E+308", "1.797693134862315807372899766640000E+308",
		"1.797693134862315708145274237317043E+308", "1.7976931348623159E+308", "5E-324",
		"4.940656458412465441765687928682213E-324", "2.5E-324", "2.2250738585072014E-308",
		"1E-400", "1E+22", "1E+23", "NaN", "Infinity", "-Infinity",
		"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257828",
		"1E+2", "100", "100.00", "-0.001"};
	return decimal_of(a, edges[below(sizeof(edges) / sizeof(edges[0]))]);
}

static struct doc_value edge_double(struct doc_arena *a)
{
	static const double edges[] = {0.1, 0.5, 1.1, -0.0, 0.0, 5e-324, -5e-324, DBL_MAX, -DBL_MAX,
		DBL_MIN, 0x1p63, -0x1p63, 0x1p53, 9007199254740994.0, 1e22, 1e23, 1e21, 1e20, 1e300,
		1e-7, 1e-6, 1.5e-6, 1.5e-7, 123456.75, -0.001, 0x1.fffffffffffffp62};
	unsigned i = below(sizeof(edges) / sizeof(edges[0]) + 3);
	switch (i) {
	case 0: return doc_make_double(a, (double)NAN);
	case 1: return doc_make_double(a, HUGE_VAL);
	case 2: return doc_make_double(a, -HUGE_VAL);
	default: return doc_make_double(a, edges[i - 3]);
	}
}

static struct doc_value edge_integer(struct doc_arena *a)
{
	static const int64_t edges[] = {INT32_MAX, INT32_MIN, (int64_t)INT32_MAX + 1,
		(int64_t)INT32_MIN - 1, (INT64_C(1) << 53) + 1, INT64_C(1) << 53,
		(INT64_C(1) << 53) - 1, -(INT64_C(1) << 53) - 1, INT64_MAX, INT64_MAX - 1,
		INT64_MIN, INT64_MIN + 1, 100};
	return doc_make_int64(a, edges[below(sizeof(edges) / sizeof(edges[0]))]);
}

static struct doc_value any_double(struct doc_arena *a)
{
	uint64_t bits = random_bits();
	double d;
	memcpy(&d, &bits, sizeof(d));
	return doc_make_double(a, d);
}

static struct doc_value any_decimal(struct doc_arena *a)
{
	char text[64];
	int64_t high = (int64_t)(random_bits() % UINT64_C(1000000000000000));
	int64_t low = (int64_t)(random_bits() % UINT64_C(10000000000000000000));
	int exponent = below(3) != 0 ? (int)below(40) - 30 : (int)below(12000) - 6100;
	snprintf(text, sizeof(text), "%s%lld%019lluE%d", below(2) ? "-" : "",
		(long long)(below(2) ? high : 0), (unsigned long long)low, exponent);
	return decimal_of(a, text);
}

static struct doc_value small_number(struct doc_arena *a)
{
	int n = (int)below(7) - 3;
	char text[16];
	switch (below(4)) {
	case 0: return doc_make_int32(a, n);
	case 1: return doc_make_int64(a, n);
	case 2: return doc_make_double(a, n / 2.0);
	default:
		snprintf(text, sizeof(text), "%d.%s", n, below(2) ? "50" : "00");
		return decimal_of(a, text);
	}
}

struct doc_value random_number(struct doc_arena *a)
{
	switch (below(8)) {
	case 0: return edge_decimal(a);
	case 1: return edge_double(a);
	case 2: return edge_integer(a);
	case 3: return any_double(a);
	case 4: return any_decimal(a);
	case 5: return doc_make_int64(a, (int64_t)random_bits());
	default: return small_number(a);
	}
}

/* ---- the rest ---- */

static struct slice random_text(void)
{
	static const struct slice texts[] = {{"", 0}, {"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"a\1", 2},
		{"ab", 2}, {"b", 1}, {"\0", 1}, {"\1", 1}, {"\1\1", 2}, {"\1\2", 2}, {"\2", 1},
		{"true", 4}, {"null", 4}, {"1", 1}, {"1.0", 3}, {"01", 2}, {"+1", 2}, {"1e5", 3},
		{"-1", 2}, {".5", 2}, {"-", 1}, {"1.2.3", 5}, {"\"", 1}, {"\"a\"", 3}, {"{", 1},
		{"{}", 2}, {"{\"$minKey\":1}", 13}, {"507f1f77bcf86cd799439011", 24},
		{"507F1F77BCF86CD799439011", 24}, {"123456789012345678901234", 24},
		{"\xf0\x9f\x90\x9f", 4}, {"z\xc3\xbc", 3}, {" 1", 2}, {"/", 1}, {".", 1}, {"$x", 2},
		{"NaN", 3}, {"Infinity", 8}};
	return texts[below(sizeof(texts) / sizeof(texts[0]))];
}

static const char *random_name(void)
{
	static const char *const names[] = {"a", "b", "ab", "", "\xc3\xbc", "a\1", "$a"};
	return names[below(sizeof(names) / sizeof(names[0]))];
}

static void put_members(struct doc_arena *a, unsigned depth, bool named, struct buf *document)
{
	size_t start = doc_begin(document);
	unsigned n = below(4);
	for (unsigned i = 0; i < n; i++) {
		struct doc_value v = random_value(a, depth - 1);
		if (named) {
			char name[16];
			snprintf(name, sizeof(name), "%s%u", random_name(), i);
			doc_put(document, slice_of(name), v);
		} else {
			doc_put_index(document, i, v);
		}
	}
	doc_end(document, start);
}

static struct doc_value random_nested(struct doc_arena *a, unsigned depth, bool named)
{
	struct buf document = BUF_INIT;
	put_members(a, depth, named, &document);
	struct doc_value v =
		doc_make_nested(a, named ? BSON_TYPE_DOCUMENT : BSON_TYPE_ARRAY, &document);
	buf_free(&document);
	return v;
}

static struct doc_value of_raw(struct doc_arena *a, uint8_t type, struct buf *raw)
{
	struct doc_value v = doc_make_copy(a, (struct doc_value){type, buf_slice(raw)});
	buf_free(raw);
	return v;
}

static void put32(struct buf *out, uint32_t n)
{
	n = BSON_UINT32_TO_LE(n);
	buf_append(out, &n, 4);
}

static void put_text(struct buf *out, struct slice text)
{
	put32(out, (uint32_t)text.n + 1);
	buf_append_slice(out, text);
	buf_putc(out, 0);
}

static struct doc_value random_binary(struct doc_arena *a)
{
	static const unsigned char subtypes[] = {0, 3, 4, 5, 128};
	struct buf raw = BUF_INIT;
	struct slice text = random_text();
	unsigned char subtype = subtypes[below(5)];
	if (subtype == 3 || subtype == 4) {
		text = slice_make(below(2) ? "0123456789abcdef" : "0123456789abcdeg", 16);
	}
	put32(&raw, (uint32_t)text.n);
	buf_putc(&raw, (char)subtype);
	buf_append_slice(&raw, text);
	return of_raw(a, BSON_TYPE_BINARY, &raw);
}

static struct doc_value random_fixed(struct doc_arena *a, uint8_t type)
{
	struct buf raw = BUF_INIT;
	uint64_t n = below(2) ? below(4) : random_bits();
	n = below(4) == 0 ? 0 - n : n;
	n = BSON_UINT64_TO_LE(n);
	if (type == BSON_TYPE_DATE_TIME && below(2)) {
		return doc_make_date(a, (int64_t)below(5) - 2);
	}
	buf_append(&raw, &n, 8);
	if (type == BSON_TYPE_OID) {
		buf_append(&raw, "abcd", 4);
	}
	return of_raw(a, type, &raw);
}

static struct doc_value random_texts(struct doc_arena *a, uint8_t type)
{
	struct buf raw = BUF_INIT;
	struct slice text = random_text();
	switch (type) {
	case BSON_TYPE_REGEX:
		buf_puts(&raw, random_name());
		buf_putc(&raw, 0);
		buf_puts(&raw, below(2) ? "i" : "im");
		buf_putc(&raw, 0);
		break;
	case BSON_TYPE_DBPOINTER:
		put_text(&raw, text);
		buf_append(&raw, below(2) ? "0123456789ab" : "0123456789ac", 12);
		break;
	default: put_text(&raw, text); break;
	}
	return of_raw(a, type, &raw);
}

static struct doc_value random_scoped(struct doc_arena *a)
{
	struct buf raw = BUF_INIT;
	put32(&raw, 0);
	put_text(&raw, random_text());
	size_t start = doc_begin(&raw);
	doc_put(&raw, slice_of("x"), random_number(a));
	doc_end(&raw, start);
	uint32_t n = BSON_UINT32_TO_LE((uint32_t)raw.n);
	memcpy(raw.p, &n, 4);
	return of_raw(a, BSON_TYPE_CODEWSCOPE, &raw);
}

static struct doc_value random_scalar(struct doc_arena *a)
{
	static const uint8_t bare[] = {
		BSON_TYPE_NULL, BSON_TYPE_UNDEFINED, BSON_TYPE_MINKEY, BSON_TYPE_MAXKEY};
	static const uint8_t fixed[] = {BSON_TYPE_OID, BSON_TYPE_DATE_TIME, BSON_TYPE_TIMESTAMP};
	static const uint8_t texts[] = {BSON_TYPE_REGEX, BSON_TYPE_DBPOINTER, BSON_TYPE_SYMBOL,
		BSON_TYPE_CODE, BSON_TYPE_UTF8};
	switch (below(10)) {
	case 0: return (struct doc_value){.type = bare[below(4)]};
	case 1: return doc_make_bool(a, below(2));
	case 2: return random_binary(a);
	case 3: return random_fixed(a, fixed[below(3)]);
	case 4: return random_texts(a, texts[below(5)]);
	case 5: return random_scoped(a);
	case 6:
	case 7: return doc_make_string(a, random_text());
	default: return random_number(a);
	}
}

struct doc_value random_value(struct doc_arena *a, unsigned depth)
{
	return depth > 0 && below(3) == 0 ? random_nested(a, depth, below(2)) : random_scalar(a);
}

struct doc_value random_id(struct doc_arena *a)
{
	struct doc_value v = below(4) == 0 ? random_nested(a, 3, true) : random_scalar(a);
	while (doc_id_check(v, NULL) != 0) {
		v = random_scalar(a);
	}
	return v;
}

/* ---- equal values ---- */

static struct doc_value equal_number(struct doc_arena *a, struct doc_value v)
{
	struct doc_value other;
	switch (below(4)) {
	case 0: other = doc_make_double(a, doc_double(v)); break;
	case 1: other = doc_make_decimal(a, doc_decimal(v)); break;
	default:
		other = doc_make_int64(a, 0);
		int64_t n;
		if (doc_as_int64(v, &n)) {
			other = doc_make_int64(a, n);
		}
		break;
	}
	return doc_number_compare(v, other) == 0 ? other : v;
}

struct doc_value equal_value(struct doc_arena *a, struct doc_value v)
{
	struct buf document = BUF_INIT;
	struct doc_iter it;
	struct slice name;
	struct doc_value member;
	if (doc_is_number(v)) {
		return equal_number(a, v);
	}
	if (v.type != BSON_TYPE_DOCUMENT && v.type != BSON_TYPE_ARRAY) {
		return v;
	}
	size_t start = doc_begin(&document);
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &member)) {
		doc_put(&document, name, equal_value(a, member));
	}
	doc_end(&document, start);
	struct doc_value made = doc_make_nested(a, v.type, &document);
	buf_free(&document);
	return made;
}
