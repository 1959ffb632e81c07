/* _id <-> the key of a file name, one to one. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/order/order_impl.h"

#define NUMBER_TEXT_MAX 48

/* ---- what text reads as ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits_at(struct slice s, size_t at)
{
	size_t i = at;
	while (i < s.n && is_digit(s.p[i])) {
		i++;
	}
	return i - at;
}

/* What a person takes for a number: "01" and "+1." too, though no number is written so. */
static bool looks_like_number(struct slice s)
{
	size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+') ? 1 : 0;
	size_t whole = digits_at(s, i);
	size_t part = 0;
	i += whole;
	if (i < s.n && s.p[i] == '.') {
		part = digits_at(s, i + 1);
		i += 1 + part;
	}
	if (whole + part == 0) {
		return false;
	}
	if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
		i++;
		i += i < s.n && (s.p[i] == '-' || s.p[i] == '+') ? 1 : 0;
		size_t exponent = digits_at(s, i);
		i += exponent;
		return exponent > 0 && i == s.n;
	}
	return i == s.n;
}

static bool looks_like_json(struct slice s)
{
	return s.n > 0 && (s.p[0] == '"' || s.p[0] == '{');
}

static bool is_word(struct slice s)
{
	return slice_is(s, "true") || slice_is(s, "false") || slice_is(s, "null");
}

static bool is_plain_string(struct slice s)
{
	unsigned char id[12];
	return !looks_like_json(s) && !is_word(s) && !looks_like_number(s) &&
	       !doc_objectid_parse(s, id);
}

/* ---- printing ---- */

/* The fewest digits that read back as d, and the exponent of the first. */
static int shortest(double d, char digits[20], int *exp10)
{
	char text[NUMBER_TEXT_MAX];
	int n = 0;
	for (int precision = 0; precision < 17; precision++) {
		snprintf(text, sizeof(text), "%.*e", precision, d);
		if (strtod(text, NULL) == d) {
			break;
		}
	}
	char *e = strchr(text, 'e');
	*exp10 = (int)strtol(e + 1, NULL, 10);
	for (const char *p = text; p < e; p++) {
		if (is_digit(*p)) {
			digits[n++] = *p;
		}
	}
	digits[n] = 0;
	return n;
}

/* As JavaScript writes it. */
static void print_double(double d, struct buf *out)
{
	char digits[20];
	int exp10;
	int n = shortest(fabs(d), digits, &exp10);
	int point = exp10 + 1;
	buf_puts(out, d < 0 ? "-" : "");
	if (point > 21 || point <= -6) {
		buf_printf(out, "%c%s%se%+d", digits[0], n > 1 ? "." : "", digits + 1, exp10);
	} else if (point <= 0) {
		buf_printf(out, "0.%.*s%s", -point, "000000", digits);
	} else if (point >= n) {
		buf_printf(out, "%s%.*s", digits, point - n, "000000000000000000000");
	} else {
		buf_printf(out, "%.*s.%s", point, digits, digits + point);
	}
}

static void print_ejson(struct doc_value v, struct buf *out)
{
	ejson_print_value(v, EJSON_CANONICAL, false, out);
}

static void print_number(struct doc_value v, struct doc_arena *a, struct buf *out)
{
	struct doc_exact x = doc_exact_of(v);
	struct doc_value narrow = doc_exact_value(&x, a);
	if (narrow.type == BSON_TYPE_INT32) {
		buf_printf(out, "%d", doc_int32(narrow));
	} else if (narrow.type == BSON_TYPE_INT64) {
		buf_printf(out, "%lld", (long long)doc_int64(narrow));
	} else if (narrow.type == BSON_TYPE_DOUBLE && isfinite(doc_double(narrow))) {
		print_double(doc_double(narrow), out);
	} else if (narrow.type != BSON_TYPE_EOD) {
		print_ejson(narrow, out);
	}
}

/* Equal ids may be of different bytes, {a: 1} and {a: 1.0}: their key is the same, and
 * what it reads as. */
static void print_equal(struct doc_value v, struct doc_arena *a, struct buf *out)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct doc_value same;
	doc_key_append(v, false, &key);
	struct slice rest = buf_slice(&key);
	if (key.failed || !doc_key_next(&rest, false, a, &same)) {
		out->failed = true;
		return;
	}
	print_ejson(same, out);
}

static void print_with(struct doc_value id, struct buf *out)
{
	struct doc_arena *a = doc_arena_new();
	if (a == NULL) {
		out->failed = true;
		return;
	}
	if (doc_is_number(id)) {
		print_number(id, a, out);
	} else {
		print_equal(id, a, out);
	}
	out->failed = out->failed || doc_arena_check(a, NULL) != 0;
	doc_arena_free(a);
}

static void print_hex(struct slice bytes, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	char text[24];
	for (size_t i = 0; i < 12; i++) {
		text[2 * i] = hex[(unsigned char)bytes.p[i] >> 4];
		text[2 * i + 1] = hex[(unsigned char)bytes.p[i] & 15];
	}
	buf_append(out, text, sizeof(text));
}

void doc_name_print(struct doc_value id, struct buf *out)
{
	switch (id.type) {
	case BSON_TYPE_OID: print_hex(id.raw, out); break;
	case BSON_TYPE_INT32: buf_printf(out, "%d", doc_int32(id)); break;
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL:
		if (is_plain_string(doc_string(id))) {
			buf_append_slice(out, doc_string(id));
		} else {
			json_quote(out, doc_string(id));
		}
		break;
	case BSON_TYPE_BOOL: buf_puts(out, doc_bool(id) ? "true" : "false"); break;
	case BSON_TYPE_NULL: buf_puts(out, "null"); break;
	case BSON_TYPE_INT64:
	case BSON_TYPE_DOUBLE:
	case BSON_TYPE_DECIMAL128:
	case BSON_TYPE_DOCUMENT:
	case BSON_TYPE_CODEWSCOPE: print_with(id, out); break;
	default: print_ejson(id, out); break;
	}
}

/* ---- what an _id can be ---- */

static int refuse_dollar(struct slice name, struct err *err)
{
	return err_set(err, EINVAL,
		"DollarPrefixedFieldName: the field '%.*s' within _id begins with '$', which "
		"no field of an _id can",
		(int)(name.n < 100 ? name.n : 100), name.p);
}

static int check_members(struct slice document, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int rc = 0;
	doc_iter_init(&it, document);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		if (name.n > 0 && name.p[0] == '$') {
			return refuse_dollar(name, err);
		}
		if (v.type == BSON_TYPE_DOCUMENT || v.type == BSON_TYPE_ARRAY) {
			rc = check_members(v.raw, err);
		} else if (v.type == BSON_TYPE_CODEWSCOPE) {
			rc = check_members(doc_scope_of(v), err);
		}
	}
	return rc;
}

int doc_id_check(struct doc_value id, struct err *err)
{
	switch (id.type) {
	case BSON_TYPE_EOD:
	case BSON_TYPE_ARRAY:
	case BSON_TYPE_REGEX:
	case BSON_TYPE_UNDEFINED:
		return err_set(err, EINVAL,
			"InvalidIdField: the '_id' value cannot be of type %s; any but array, "
			"regex and undefined can",
			id.type == BSON_TYPE_EOD ? "missing" : doc_type_name(id.type));
	case BSON_TYPE_DOCUMENT: return check_members(id.raw, err);
	case BSON_TYPE_CODEWSCOPE: return check_members(doc_scope_of(id), err);
	default: return 0;
	}
}

/* ---- parsing ---- */

/* What stands in `out` from there on; null has no bytes at all. */
static struct doc_value appended(const struct buf *out, size_t from, uint8_t type)
{
	return (struct doc_value){type, {out->n > from ? out->p + from : NULL, out->n - from}};
}

static int excerpt(struct slice name)
{
	return (int)(name.n < 60 ? name.n : 60);
}

static void put_string(struct slice text, struct buf *out)
{
	char length[4];
	doc_store32(length, (uint32_t)text.n + 1);
	buf_append(out, length, sizeof(length));
	buf_append_slice(out, text);
	buf_putc(out, 0);
}

static int parse_plain(struct slice name, uint8_t *type, struct buf *out, struct err *err)
{
	if (!utf8_valid(name)) {
		return err_set(err, EINVAL, "a name that is a string is UTF-8, this is not");
	}
	*type = BSON_TYPE_UTF8;
	put_string(name, out);
	return 0;
}

static void put_integer(long long n, uint8_t *type, struct buf *out)
{
	char raw[8];
	bool narrow = n >= INT32_MIN && n <= INT32_MAX;
	*type = narrow ? BSON_TYPE_INT32 : BSON_TYPE_INT64;
	doc_store64(raw, (uint64_t)n); /* the low half of it stands first */
	buf_append(out, raw, narrow ? 4 : 8);
}

static int parse_number(struct slice name, uint8_t *type, struct buf *out, struct err *err)
{
	char text[NUMBER_TEXT_MAX];
	char *end;
	if (name.n >= sizeof(text)) {
		return err_set(err, EINVAL,
			"a number's name is its shortest decimal, which '%.*s...' is not",
			excerpt(name), name.p);
	}
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	errno = 0;
	long long n = strtoll(text, &end, 10);
	if (*end == 0 && errno == 0) {
		put_integer(n, type, out);
		return 0;
	}
	double d = strtod(text, NULL);
	char raw[8];
	uint64_t bits;
	memcpy(&bits, &d, sizeof(bits));
	doc_store64(raw, bits);
	*type = BSON_TYPE_DOUBLE;
	buf_append(out, raw, sizeof(raw));
	return 0;
}

static int parse_json(struct slice name, uint8_t *type, struct buf *out, struct err *err)
{
	size_t from = out->n;
	int rc = ejson_parse_value(name, type, out, err);
	if (rc != 0) {
		return err_wrap(err, "a name that begins with '%c' is Extended JSON", name.p[0]);
	}
	return doc_id_check(appended(out, from, *type), err);
}

static int parse_any(struct slice name, uint8_t *type, struct buf *out, struct err *err)
{
	unsigned char id[12];
	if (doc_objectid_parse(name, id)) {
		*type = BSON_TYPE_OID;
		buf_append(out, id, sizeof(id));
	} else if (slice_is(name, "null")) {
		*type = BSON_TYPE_NULL;
	} else if (is_word(name)) {
		*type = BSON_TYPE_BOOL;
		buf_putc(out, name.p[0] == 't' ? '\1' : '\0');
	} else if (looks_like_number(name)) {
		return parse_number(name, type, out, err);
	} else if (looks_like_json(name)) {
		return parse_json(name, type, out, err);
	} else {
		return parse_plain(name, type, out, err);
	}
	return 0;
}

static int refuse_form(struct slice name, struct buf *form, struct err *err)
{
	if (looks_like_number(name)) {
		return err_set(err, EINVAL,
			"the number '%.*s' has the name %s; a string that looks like a number "
			"stands in double quotes",
			excerpt(name), name.p, buf_cstr(form));
	}
	return err_set(err, EINVAL, "'%.*s' is no name of an _id, whose name is %.200s",
		excerpt(name), name.p, buf_cstr(form));
}

/* What is not printed so is refused: one id, one name. */
static int check_form(struct slice name, struct doc_value v, struct err *err)
{
	CLEANUP(buf_free) struct buf form = BUF_INIT;
	doc_name_print(v, &form);
	int rc = buf_check(&form, err);
	if (rc == 0 && !slice_equal(name, buf_slice(&form))) {
		return refuse_form(name, &form, err);
	}
	return rc;
}

int doc_name_parse(struct slice name, uint8_t *type, struct buf *out, struct err *err)
{
	size_t from = out->n;
	uint8_t got = BSON_TYPE_EOD;
	int rc = parse_any(name, &got, out, err);
	if (rc == 0) {
		rc = buf_check(out, err);
	}
	if (rc == 0 && (got != BSON_TYPE_OID || looks_like_json(name))) {
		rc = check_form(name, appended(out, from, got), err);
	}
	if (rc != 0) {
		out->n = from;
		return rc;
	}
	*type = got;
	return 0;
}
