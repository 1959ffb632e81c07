/* The order of values of mixed types. */
#include "engines/docdb/order/order_impl.h"

unsigned doc_bracket(uint8_t type)
{
	switch (type) {
	case BSON_TYPE_MINKEY: return 1;
	case BSON_TYPE_UNDEFINED: return 2;
	case BSON_TYPE_EOD:
	case BSON_TYPE_NULL: return 3;
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64:
	case BSON_TYPE_DOUBLE:
	case BSON_TYPE_DECIMAL128: return 4;
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_UTF8: return 5;
	case BSON_TYPE_DOCUMENT: return 6;
	case BSON_TYPE_ARRAY: return 7;
	case BSON_TYPE_BINARY: return 8;
	case BSON_TYPE_OID: return 9;
	case BSON_TYPE_BOOL: return 10;
	case BSON_TYPE_DATE_TIME: return 11;
	case BSON_TYPE_TIMESTAMP: return 12;
	case BSON_TYPE_REGEX: return 13;
	case BSON_TYPE_DBPOINTER: return 14;
	case BSON_TYPE_CODE: return 15;
	case BSON_TYPE_CODEWSCOPE: return 16;
	default: return 17; /* MaxKey */
	}
}

/* ---- parts ---- */

struct doc_binary doc_binary_of(struct doc_value v)
{
	return (struct doc_binary){doc_load32(v.raw.p), {v.raw.p + 4, v.raw.n - 4}};
}

struct slice doc_regex_pattern(struct doc_value v)
{
	return (struct slice){v.raw.p, strnlen(v.raw.p, v.raw.n)};
}

struct slice doc_regex_options(struct doc_value v)
{
	size_t begin = strnlen(v.raw.p, v.raw.n) + 1;
	return (struct slice){v.raw.p + begin, v.raw.n - begin - 1};
}

struct slice doc_scope_of(struct doc_value v)
{
	size_t begin = 8 + (size_t)doc_load32(v.raw.p + 4);
	return (struct slice){v.raw.p + begin, v.raw.n - begin};
}

/* ---- comparing ---- */

static int sign_of(bool less, bool more)
{
	return (int)more - (int)less;
}

/* Pair by pair: type, name, value; of arrays the names do not count. */
static int compare_members(struct slice a, struct slice b, bool named)
{
	struct doc_iter left;
	struct doc_iter right;
	struct slice left_name;
	struct slice right_name;
	struct doc_value x;
	struct doc_value y;
	doc_iter_init(&left, a);
	doc_iter_init(&right, b);
	for (;;) {
		bool more = doc_next(&left, &left_name, &x);
		bool as_well = doc_next(&right, &right_name, &y);
		if (!more || !as_well) {
			return sign_of(as_well, more);
		}
		int order = (int)doc_bracket(x.type) - (int)doc_bracket(y.type);
		if (order == 0 && named) {
			order = slice_compare(left_name, right_name);
		}
		if (order == 0) {
			order = doc_compare(x, y);
		}
		if (order != 0) {
			return order;
		}
	}
}

static int compare_binary(struct doc_value a, struct doc_value b)
{
	struct doc_binary x = doc_binary_of(a);
	struct doc_binary y = doc_binary_of(b);
	if (x.length != y.length) {
		return sign_of(x.length<y.length, x.length> y.length);
	}
	return slice_compare(x.tail, y.tail);
}

static int compare_scoped(struct doc_value a, struct doc_value b)
{
	int order = slice_compare(doc_text_at(a.raw.p + 4), doc_text_at(b.raw.p + 4));
	return order != 0 ? order : compare_members(doc_scope_of(a), doc_scope_of(b), true);
}

static int compare_regex(struct doc_value a, struct doc_value b)
{
	int order = slice_compare(doc_regex_pattern(a), doc_regex_pattern(b));
	return order != 0 ? order : slice_compare(doc_regex_options(a), doc_regex_options(b));
}

static int compare_pointer(struct doc_value a, struct doc_value b)
{
	struct slice x = doc_text_at(a.raw.p);
	struct slice y = doc_text_at(b.raw.p);
	int order = slice_compare(x, y);
	return order != 0 ? order : memcmp(a.raw.p + a.raw.n - 12, b.raw.p + b.raw.n - 12, 12);
}

static int compare_times(struct doc_value a, struct doc_value b)
{
	if (a.type == BSON_TYPE_DATE_TIME) {
		int64_t x = doc_int64(a);
		int64_t y = doc_int64(b);
		return sign_of(x<y, x> y);
	}
	uint64_t x = doc_load64(a.raw.p);
	uint64_t y = doc_load64(b.raw.p);
	return sign_of(x<y, x> y);
}

/* Both of one bracket. */
static int compare_within(struct doc_value a, struct doc_value b)
{
	switch (a.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64:
	case BSON_TYPE_DOUBLE:
	case BSON_TYPE_DECIMAL128: return doc_number_compare(a, b);
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_CODE: return slice_compare(doc_string(a), doc_string(b));
	case BSON_TYPE_DOCUMENT:
	case BSON_TYPE_ARRAY: return compare_members(a.raw, b.raw, a.type == BSON_TYPE_DOCUMENT);
	case BSON_TYPE_BINARY: return compare_binary(a, b);
	case BSON_TYPE_OID:
	case BSON_TYPE_BOOL: return memcmp(a.raw.p, b.raw.p, a.raw.n);
	case BSON_TYPE_DATE_TIME:
	case BSON_TYPE_TIMESTAMP: return compare_times(a, b);
	case BSON_TYPE_REGEX: return compare_regex(a, b);
	case BSON_TYPE_DBPOINTER: return compare_pointer(a, b);
	case BSON_TYPE_CODEWSCOPE: return compare_scoped(a, b);
	default: return 0; /* a type of one value */
	}
}

int doc_compare(struct doc_value a, struct doc_value b)
{
	int order = (int)doc_bracket(a.type) - (int)doc_bracket(b.type);
	return order != 0 ? order : compare_within(a, b);
}

bool doc_equal(struct doc_value a, struct doc_value b)
{
	return doc_compare(a, b) == 0;
}

/* ---- hashing: of what comparing looks at, no more ---- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t mix_bytes(uint64_t hash, struct slice s)
{
	size_t i = 0;
	hash = mix(hash, s.n);
	for (; i + 8 <= s.n; i += 8) {
		hash = mix(hash, doc_load64(s.p + i));
	}
	if (i < s.n) {
		char tail[8] = {0};
		memcpy(tail, s.p + i, s.n - i);
		hash = mix(hash, doc_load64(tail));
	}
	return hash;
}

static uint64_t mix_number(uint64_t hash, struct doc_value v)
{
	struct doc_exact x = doc_exact_of(v);
	uint64_t near;
	memcpy(&near, &x.near, sizeof(near));
	hash = mix(mix(hash, (uint64_t)x.kind), near);
	if (x.rest) {
		hash = mix(hash, (uint64_t)x.exp10);
		hash = mix_bytes(hash, slice_make(x.digit, x.n));
	}
	return hash;
}

static uint64_t mix_value(uint64_t hash, struct doc_value v);

static uint64_t mix_members(uint64_t hash, struct slice document, bool named)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		hash = named ? mix_bytes(hash, name) : hash;
		hash = mix_value(hash, v);
	}
	return mix(hash, 0);
}

static uint64_t mix_value(uint64_t hash, struct doc_value v)
{
	hash = mix(hash, doc_bracket(v.type));
	switch (v.type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64:
	case BSON_TYPE_DOUBLE:
	case BSON_TYPE_DECIMAL128: return mix_number(hash, v);
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_CODE: return mix_bytes(hash, doc_string(v));
	case BSON_TYPE_DOCUMENT:
	case BSON_TYPE_ARRAY: return mix_members(hash, v.raw, v.type == BSON_TYPE_DOCUMENT);
	case BSON_TYPE_CODEWSCOPE:
		hash = mix_bytes(hash, doc_text_at(v.raw.p + 4));
		return mix_members(hash, doc_scope_of(v), true);
	case BSON_TYPE_EOD:
	case BSON_TYPE_NULL: return hash;
	default: return mix_bytes(hash, v.raw);
	}
}

uint64_t doc_hash(struct doc_value v)
{
	return mix_value(UINT64_C(0x243f6a8885a308d3), v);
}
