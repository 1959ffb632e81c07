/* Wrappers: objects of one or two `$names` that stand for a value that JSON has not.
 *
 * The object has been read like any other and lies as BSON; here it is looked at once it is
 * whole, so the order of its members does not matter. A `$name` that is not in the table
 * is nobody's wrapper, and its object stays an object: so do DBRefs and operators. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/base64.h"
#include "engines/docdb/values/ejson_impl.h"

/* The members of the object: that of the wrapper's name, and of its second. */
struct wrapped {
	struct doc_value main;
	struct doc_value second;
	uint8_t *type;
	struct buf *out;
};

/* Appends the value. NULL, or what would be accepted. */
typedef const char *unwrap_fn(const struct wrapped *w);

struct ejson_wrapper {
	const char *name;
	const char *second; /* the other member it may have, or NULL */
	unwrap_fn *unwrap;
};

static const char *put64(const struct wrapped *w, uint8_t type, uint64_t n)
{
	char raw[8];
	doc_store64(raw, n);
	*w->type = type;
	buf_append(w->out, raw, sizeof(raw));
	return NULL;
}

static const char *put32(const struct wrapped *w, uint8_t type, uint32_t n)
{
	char raw[4];
	doc_store32(raw, n);
	*w->type = type;
	buf_append(w->out, raw, sizeof(raw));
	return NULL;
}

static const char *put_nothing(const struct wrapped *w, uint8_t type)
{
	*w->type = type;
	return NULL;
}

/* A string with its length, as it stands. */
static const char *put_string(const struct wrapped *w, uint8_t type)
{
	*w->type = type;
	buf_append_slice(w->out, w->main.raw);
	return NULL;
}

static bool is_string(struct doc_value v)
{
	return v.type == BSON_TYPE_UTF8;
}

static bool is_integer(struct doc_value v)
{
	return v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_INT64;
}

static bool has_nul(struct slice s)
{
	return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

/* The object's two members and no other; false when it has others. */
static bool two_members(
	struct doc_value object, const char *a, const char *b, struct doc_value v[2])
{
	struct doc_iter it;
	struct slice name;
	struct doc_value each;
	if (object.type != BSON_TYPE_DOCUMENT) {
		return false;
	}
	v[0] = v[1] = DOC_MISSING;
	doc_iter_init(&it, object.raw);
	while (doc_next(&it, &name, &each)) {
		if (slice_is(name, a)) {
			v[0] = each;
		} else if (slice_is(name, b)) {
			v[1] = each;
		} else {
			return false;
		}
	}
	return v[0].type != BSON_TYPE_EOD && v[1].type != BSON_TYPE_EOD;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- names and numbers ---- */

static const char *unwrap_oid(const struct wrapped *w)
{
	struct slice hex = is_string(w->main) ? doc_string(w->main) : slice_make("", 0);
	unsigned char id[12];
	for (size_t i = 0; i < 12; i++) {
		int high = hex.n == 24 ? hex_digit(hex.p[2 * i]) : -1;
		int low = hex.n == 24 ? hex_digit(hex.p[2 * i + 1]) : -1;
		if (high < 0 || low < 0) {
			return "a string of 24 hexadecimal digits";
		}
		id[i] = (unsigned char)(high << 4 | low);
	}
	*w->type = BSON_TYPE_OID;
	buf_append(w->out, id, sizeof(id));
	return NULL;
}

static const char *unwrap_int(const struct wrapped *w)
{
	int64_t n;
	bool fits = is_string(w->main) && ejson_int64_parse(doc_string(w->main), &n) &&
		    n >= INT32_MIN && n <= INT32_MAX;
	return fits ? put32(w, BSON_TYPE_INT32, (uint32_t)n)
		    : "a string with an integer of 32 bits";
}

static const char *unwrap_long(const struct wrapped *w)
{
	int64_t n;
	bool fits = is_string(w->main) && ejson_int64_parse(doc_string(w->main), &n);
	return fits ? put64(w, BSON_TYPE_INT64, (uint64_t)n)
		    : "a string with an integer of 64 bits";
}

static const char *unwrap_double(const struct wrapped *w)
{
	double n = 0;
	int rc = is_string(w->main) ? ejson_double_parse_any(doc_string(w->main), &n) : -EINVAL;
	w->out->failed = w->out->failed || rc == -ENOMEM;
	if (rc != 0) {
		return "a string with a number, \"Infinity\", \"-Infinity\" or \"NaN\"";
	}
	uint64_t bits;
	memcpy(&bits, &n, sizeof(bits));
	return put64(w, BSON_TYPE_DOUBLE, bits);
}

static const char *unwrap_decimal(const struct wrapped *w)
{
	struct slice text = is_string(w->main) ? doc_string(w->main) : slice_make("", 0);
	bson_decimal128_t n;
	if (text.n == 0 || has_nul(text) || !doc_decimal_parse(text, &n)) {
		return "a string with a decimal number of at most 34 digits";
	}
	put64(w, BSON_TYPE_DECIMAL128, n.low);
	return put64(w, BSON_TYPE_DECIMAL128, n.high);
}

/* Half of a timestamp: plain, so an int32 or int64. */
static bool timestamp_part(struct doc_value v, uint32_t *out)
{
	int64_t n;
	if (!is_integer(v) || !doc_as_int64(v, &n) || n < 0 || n > UINT32_MAX) {
		return false;
	}
	*out = (uint32_t)n;
	return true;
}

static const char *unwrap_timestamp(const struct wrapped *w)
{
	struct doc_value v[2];
	uint32_t t;
	uint32_t i;
	if (!two_members(w->main, "t", "i", v) || !timestamp_part(v[0], &t) ||
		!timestamp_part(v[1], &i)) {
		return "{\"t\": seconds, \"i\": ordinal}, both integers of 32 bits without sign";
	}
	return put64(w, BSON_TYPE_TIMESTAMP, (uint64_t)t << 32 | i);
}

/* Also milliseconds as a plain number, which old mongoexport wrote. */
static const char *unwrap_date(const struct wrapped *w)
{
	int64_t ms;
	if (is_integer(w->main)) {
		ms = doc_int64(w->main);
	} else if (!is_string(w->main) || !ejson_date_parse(doc_string(w->main), &ms)) {
		return "a date like \"2012-12-24T12:15:30.501Z\" or {\"$numberLong\": \"ms\"}";
	}
	return put64(w, BSON_TYPE_DATE_TIME, (uint64_t)ms);
}

static const char *one(const struct wrapped *w, uint8_t type)
{
	int64_t n;
	bool is_one = is_integer(w->main) && doc_as_int64(w->main, &n) && n == 1;
	return is_one ? put_nothing(w, type) : "the number 1";
}

static const char *unwrap_min_key(const struct wrapped *w)
{
	return one(w, BSON_TYPE_MINKEY);
}

static const char *unwrap_max_key(const struct wrapped *w)
{
	return one(w, BSON_TYPE_MAXKEY);
}

static const char *unwrap_undefined(const struct wrapped *w)
{
	bool yes = w->main.type == BSON_TYPE_BOOL && doc_bool(w->main);
	return yes ? put_nothing(w, BSON_TYPE_UNDEFINED) : "true";
}

/* ---- text ---- */

static const char *unwrap_symbol(const struct wrapped *w)
{
	return is_string(w->main) ? put_string(w, BSON_TYPE_SYMBOL) : "a string";
}

static const char *unwrap_code(const struct wrapped *w)
{
	if (!is_string(w->main) ||
		(w->second.type != BSON_TYPE_EOD && w->second.type != BSON_TYPE_DOCUMENT)) {
		return "a string, and beside it \"$scope\" with an object or nothing";
	}
	if (w->second.type == BSON_TYPE_EOD) {
		return put_string(w, BSON_TYPE_CODE);
	}
	size_t n = 4 + w->main.raw.n + w->second.raw.n;
	put32(w, BSON_TYPE_CODEWSCOPE, (uint32_t)n);
	buf_append_slice(w->out, w->main.raw);
	buf_append_slice(w->out, w->second.raw);
	return NULL;
}

static int compare_bytes(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* In order, as they are stored; not bytes of other characters, which would be torn apart. */
static void sort_letters(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)p[i] >= 0x80) {
			return;
		}
	}
	qsort(p, n, 1, compare_bytes);
}

static const char *unwrap_regex(const struct wrapped *w)
{
	struct doc_value v[2];
	if (!two_members(w->main, "pattern", "options", v) || !is_string(v[0]) ||
		!is_string(v[1]) || has_nul(doc_string(v[0])) || has_nul(doc_string(v[1]))) {
		return "{\"pattern\": text, \"options\": letters}, both without NUL";
	}
	*w->type = BSON_TYPE_REGEX;
	buf_append_slice(w->out, doc_string(v[0]));
	buf_putc(w->out, '\0');
	size_t at = w->out->n;
	buf_append_slice(w->out, doc_string(v[1]));
	if (!w->out->failed) {
		sort_letters(w->out->p + at, w->out->n - at);
	}
	buf_putc(w->out, '\0');
	return NULL;
}

/* ---- bytes ---- */

/* "5", "05", "80". */
static bool subtype_parse(struct slice text, uint8_t *out)
{
	int high = text.n == 2 ? hex_digit(text.p[0]) : 0;
	int low = text.n == 1 || text.n == 2 ? hex_digit(text.p[text.n - 1]) : -1;
	if (high < 0 || low < 0) {
		return false;
	}
	*out = (uint8_t)(high << 4 | low);
	return true;
}

/* Old binary data has its length once more within. */
static const char *put_binary(const struct wrapped *w, struct slice base64, uint8_t subtype)
{
	size_t start = w->out->n;
	bool old = subtype == BSON_SUBTYPE_BINARY_DEPRECATED;
	put32(w, BSON_TYPE_BINARY, 0);
	buf_putc(w->out, (char)subtype);
	if (old) {
		put32(w, BSON_TYPE_BINARY, 0);
	}
	if (base64_decode(BASE64_PADDED, base64, w->out) != NULL) {
		return "bytes in base64, padded with =";
	}
	if (!w->out->failed) {
		uint32_t n = (uint32_t)(w->out->n - start - 5);
		doc_store32(w->out->p + start, n);
		if (old) {
			doc_store32(w->out->p + start + 5, n - 4);
		}
	}
	return NULL;
}

static const char *unwrap_binary(const struct wrapped *w)
{
	struct doc_value v[2] = {w->main, w->second};
	uint8_t subtype;
	bool legacy = is_string(w->main);
	if ((!legacy && (w->second.type != BSON_TYPE_EOD ||
				!two_members(w->main, "base64", "subType", v))) ||
		!is_string(v[0]) || !is_string(v[1]) ||
		!subtype_parse(doc_string(v[1]), &subtype)) {
		return "{\"base64\": text, \"subType\": one or two hexadecimal digits}";
	}
	return put_binary(w, doc_string(v[0]), subtype);
}

static const char *unwrap_uuid(const struct wrapped *w)
{
	static const char *const want = "a UUID like \"73ffd264-44b3-4c69-90e8-e7d1dfc035d4\"";
	struct slice text = is_string(w->main) ? doc_string(w->main) : slice_make("", 0);
	char id[16];
	size_t at = 0;
	for (size_t i = 0; i < 16; i++) {
		if (text.n != 36 ||
			((i == 4 || i == 6 || i == 8 || i == 10) && text.p[at++] != '-')) {
			return want;
		}
		int high = hex_digit(text.p[at]);
		int low = hex_digit(text.p[at + 1]);
		if (high < 0 || low < 0) {
			return want;
		}
		id[i] = (char)(high << 4 | low);
		at += 2;
	}
	put32(w, BSON_TYPE_BINARY, sizeof(id));
	buf_putc(w->out, BSON_SUBTYPE_UUID);
	buf_append(w->out, id, sizeof(id));
	return NULL;
}

static const char *unwrap_db_pointer(const struct wrapped *w)
{
	struct doc_value v[2];
	if (!two_members(w->main, "$ref", "$id", v) || !is_string(v[0]) ||
		v[1].type != BSON_TYPE_OID) {
		return "{\"$ref\": text, \"$id\": {\"$oid\": digits}}";
	}
	*w->type = BSON_TYPE_DBPOINTER;
	buf_append_slice(w->out, v[0].raw);
	buf_append_slice(w->out, v[1].raw);
	return NULL;
}

/* ---- the table ---- */

static const struct ejson_wrapper wrappers[] = {
	{"$oid", NULL, unwrap_oid},
	{"$date", NULL, unwrap_date},
	{"$numberLong", NULL, unwrap_long},
	{"$numberInt", NULL, unwrap_int},
	{"$numberDouble", NULL, unwrap_double},
	{"$numberDecimal", NULL, unwrap_decimal},
	{"$binary", "$type", unwrap_binary},
	{"$uuid", NULL, unwrap_uuid},
	{"$timestamp", NULL, unwrap_timestamp},
	{"$regularExpression", NULL, unwrap_regex},
	{"$code", "$scope", unwrap_code},
	{"$symbol", NULL, unwrap_symbol},
	{"$dbPointer", NULL, unwrap_db_pointer},
	{"$undefined", NULL, unwrap_undefined},
	{"$minKey", NULL, unwrap_min_key},
	{"$maxKey", NULL, unwrap_max_key},
};

const struct ejson_wrapper *ejson_wrapper_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (slice_is(name, wrappers[i].name)) {
			return &wrappers[i];
		}
	}
	return NULL;
}

int ejson_unwrap(const struct ejson_wrapper *w, struct slice object, struct json_pos pos,
	uint8_t *type, struct buf *out, struct err *err)
{
	struct wrapped members = {0};
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	members.type = type;
	members.out = out;
	doc_iter_init(&it, object);
	while (doc_next(&it, &name, &v)) {
		if (slice_is(name, w->name)) {
			members.main = v;
		} else if (w->second != NULL && slice_is(name, w->second)) {
			members.second = v;
		} else {
			return err_set(err, EINVAL,
				EJSON_AT "%s must stand alone in its object, found \"%.*s\" "
					 "beside it",
				EJSON_AT_ARGS(pos), w->name, name.n < 100 ? (int)name.n : 100,
				name.p);
		}
	}
	const char *expected = w->unwrap(&members);
	if (out->failed) {
		return buf_check(out, err);
	}
	if (expected != NULL) {
		return err_set(
			err, EINVAL, EJSON_AT "%s takes %s", EJSON_AT_ARGS(pos), w->name, expected);
	}
	return 0;
}
