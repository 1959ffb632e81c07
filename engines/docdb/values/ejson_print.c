/* BSON -> text. One walk serves printing and counting: without an `out` only lengths are
 * added up, so that ejson_size() cannot differ from what ejson_print() makes. */
#include "engines/common/base64.h"
#include "engines/docdb/values/ejson_impl.h"

struct printer {
	struct buf *out; /* NULL: only count */
	uint64_t n;
	bool canonical;
	bool spaced; /* blanks after ':' and within wrappers after ',' */
	bool lines;  /* members on lines of their own */
	unsigned depth;
};

static void put(struct printer *p, const char *text, size_t n)
{
	if (p->out != NULL) {
		buf_append(p->out, text, n);
	} else {
		p->n += n;
	}
}

/* Of a literal. */
#define PUT(p, text) put(p, text, sizeof(text) - 1)

/* ---- text and bytes ---- */

/* What json_quote() makes of each byte more than itself: of \b \f \n \r \t " \ one, of other
 * control characters five. */
static uint64_t escapes(struct slice s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x20) {
			n += c == '"' || c == '\\';
		} else {
			n += c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t' ? 1 : 5;
		}
	}
	return n;
}

static void put_quoted(struct printer *p, struct slice s)
{
	if (p->out != NULL) {
		json_quote(p->out, s);
	} else {
		p->n += s.n + 2 + escapes(s);
	}
}

static void put_name(struct printer *p, struct slice name)
{
	put_quoted(p, name);
	put(p, ": ", p->spaced ? 2 : 1);
}

/* A literal name of a wrapper's member. */
#define NAME(p, text) put_name(p, slice_make(text, sizeof(text) - 1))

static void put_comma(struct printer *p)
{
	put(p, ", ", p->spaced ? 2 : 1);
}

static void put_base64(struct printer *p, struct slice bytes)
{
	PUT(p, "\"");
	if (p->out != NULL) {
		base64_encode(BASE64_PADDED, bytes, p->out);
	} else {
		p->n += (bytes.n + 2) / 3 * 4;
	}
	PUT(p, "\"");
}

static void put_hex(struct printer *p, const char *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char text[2];
	PUT(p, "\"");
	for (size_t i = 0; i < n; i++) {
		text[0] = digits[(unsigned char)bytes[i] >> 4];
		text[1] = digits[(unsigned char)bytes[i] & 15];
		put(p, text, 2);
	}
	PUT(p, "\"");
}

/* ---- wrappers: {"$name": ..} ---- */

#define WRAP(p, name) (PUT(p, "{"), NAME(p, name))
#define UNWRAP(p)     PUT(p, "}")

static void wrap_plain(struct printer *p, struct slice name, const char *text, size_t n)
{
	PUT(p, "{");
	put_name(p, name);
	PUT(p, "\"");
	put(p, text, n);
	PUT(p, "\"}");
}

static void put_oid(struct printer *p, const char *bytes)
{
	WRAP(p, "$oid");
	put_hex(p, bytes, 12);
	UNWRAP(p);
}

static void put_int(struct printer *p, struct doc_value v)
{
	char text[EJSON_SCALAR_MAX];
	unsigned n = ejson_int64_text(doc_int64(v), text);
	if (!p->canonical) {
		put(p, text, n);
	} else {
		wrap_plain(p, slice_of(v.type == BSON_TYPE_INT32 ? "$numberInt" : "$numberLong"),
			text, n);
	}
}

static void put_double(struct printer *p, struct doc_value v)
{
	char text[EJSON_SCALAR_MAX];
	double d = doc_double(v);
	unsigned n = ejson_double_text(d, text);
	bool finite = d - d == 0;
	if (finite && !p->canonical) {
		put(p, text, n);
	} else {
		wrap_plain(p, slice_of("$numberDouble"), text, n);
	}
}

static void put_decimal(struct printer *p, struct doc_value v)
{
	char text[BSON_DECIMAL128_STRING];
	bson_decimal128_t n = doc_decimal(v);
	bson_decimal128_to_string(&n, text);
	wrap_plain(p, slice_of("$numberDecimal"), text, strlen(text));
}

static void put_date(struct printer *p, struct doc_value v)
{
	char text[EJSON_SCALAR_MAX];
	int64_t ms = doc_int64(v);
	if (!p->canonical && ejson_date_is_iso(ms)) {
		wrap_plain(p, slice_of("$date"), text, ejson_date_text(ms, text));
		return;
	}
	WRAP(p, "$date");
	wrap_plain(p, slice_of("$numberLong"), text, ejson_int64_text(ms, text));
	UNWRAP(p);
}

static void put_timestamp(struct printer *p, struct doc_value v)
{
	char text[EJSON_SCALAR_MAX];
	WRAP(p, "$timestamp");
	WRAP(p, "t");
	put(p, text, ejson_int64_text(doc_load32(v.raw.p + 4), text));
	put_comma(p);
	NAME(p, "i");
	put(p, text, ejson_int64_text(doc_load32(v.raw.p), text));
	PUT(p, "}}");
}

static void put_binary(struct printer *p, struct doc_value v)
{
	uint8_t subtype = (uint8_t)v.raw.p[4];
	struct slice bytes = slice_make(v.raw.p + 5, v.raw.n - 5);
	if (subtype == BSON_SUBTYPE_BINARY_DEPRECATED && bytes.n >= 4) {
		bytes = slice_make(bytes.p + 4, bytes.n - 4);
	}
	WRAP(p, "$binary");
	WRAP(p, "base64");
	put_base64(p, bytes);
	put_comma(p);
	NAME(p, "subType");
	put_hex(p, v.raw.p + 4, 1);
	PUT(p, "}}");
}

/* Few, and in order already, nearly always. */
#define OPTIONS_MAX 32

static struct slice sorted(struct slice options, char out[OPTIONS_MAX])
{
	if (options.n > OPTIONS_MAX) {
		return options;
	}
	for (size_t i = 0; i < options.n; i++) {
		size_t k = i;
		if ((unsigned char)options.p[i] >= 0x80) {
			return options;
		}
		for (; k > 0 && out[k - 1] > options.p[i]; k--) {
			out[k] = out[k - 1];
		}
		out[k] = options.p[i];
	}
	return slice_make(out, options.n);
}

static void put_regex(struct printer *p, struct doc_value v)
{
	char text[OPTIONS_MAX];
	struct slice pattern = slice_make(v.raw.p, strnlen(v.raw.p, v.raw.n));
	struct slice options = slice_make(pattern.p + pattern.n + 1, v.raw.n - pattern.n - 2);
	WRAP(p, "$regularExpression");
	WRAP(p, "pattern");
	put_quoted(p, pattern);
	put_comma(p);
	NAME(p, "options");
	put_quoted(p, sorted(options, text));
	PUT(p, "}}");
}

static void put_db_pointer(struct printer *p, struct doc_value v)
{
	struct doc_value ref = {BSON_TYPE_UTF8, slice_make(v.raw.p, v.raw.n - 12)};
	WRAP(p, "$dbPointer");
	WRAP(p, "$ref");
	put_quoted(p, doc_string(ref));
	put_comma(p);
	NAME(p, "$id");
	put_oid(p, v.raw.p + v.raw.n - 12);
	PUT(p, "}}");
}

static void put_text_wrapper(struct printer *p, const char *name, struct doc_value v)
{
	PUT(p, "{");
	put_name(p, slice_of(name));
	put_quoted(p, doc_string(v));
	UNWRAP(p);
}

static void put_document(struct printer *p, struct slice document, bool array);

/* The scope stands on the wrapper's line. */
static void put_code_with_scope(struct printer *p, struct doc_value v)
{
	bool lines = p->lines;
	struct slice scope = doc_scope(v);
	if (scope.n == 0) {
		PUT(p, "null");
		return;
	}
	struct doc_value code = {
		BSON_TYPE_CODE, slice_make(v.raw.p + 4, (size_t)(scope.p - v.raw.p) - 4)};
	WRAP(p, "$code");
	put_quoted(p, doc_string(code));
	put_comma(p);
	NAME(p, "$scope");
	p->lines = false;
	put_document(p, scope, false);
	p->lines = lines;
	UNWRAP(p);
}

/* ---- values ---- */

static void put_value(struct printer *p, struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_DOUBLE: put_double(p, v); return;
	case BSON_TYPE_UTF8: put_quoted(p, doc_string(v)); return;
	case BSON_TYPE_DOCUMENT: put_document(p, v.raw, false); return;
	case BSON_TYPE_ARRAY: put_document(p, v.raw, true); return;
	case BSON_TYPE_BINARY: put_binary(p, v); return;
	case BSON_TYPE_UNDEFINED: WRAP(p, "$undefined"), PUT(p, "true}"); return;
	case BSON_TYPE_OID: put_oid(p, v.raw.p); return;
	case BSON_TYPE_BOOL: put(p, doc_bool(v) ? "true" : "false", doc_bool(v) ? 4 : 5); return;
	case BSON_TYPE_DATE_TIME: put_date(p, v); return;
	case BSON_TYPE_REGEX: put_regex(p, v); return;
	case BSON_TYPE_DBPOINTER: put_db_pointer(p, v); return;
	case BSON_TYPE_CODE: put_text_wrapper(p, "$code", v); return;
	case BSON_TYPE_SYMBOL: put_text_wrapper(p, "$symbol", v); return;
	case BSON_TYPE_CODEWSCOPE: put_code_with_scope(p, v); return;
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64: put_int(p, v); return;
	case BSON_TYPE_TIMESTAMP: put_timestamp(p, v); return;
	case BSON_TYPE_DECIMAL128: put_decimal(p, v); return;
	case BSON_TYPE_MAXKEY: WRAP(p, "$maxKey"), PUT(p, "1}"); return;
	case BSON_TYPE_MINKEY: WRAP(p, "$minKey"), PUT(p, "1}"); return;
	default: PUT(p, "null"); return;
	}
}

/* A line break and the indent of what follows. */
static void put_line(struct printer *p)
{
	static const char blanks[] =
		"\n                                                                ";
	size_t n = 1 + (size_t)2 * p->depth;
	size_t first = n < sizeof(blanks) - 1 ? n : sizeof(blanks) - 1;
	put(p, blanks, first);
	for (n -= first; n > 0; n -= first) {
		first = n < sizeof(blanks) - 2 ? n : sizeof(blanks) - 2;
		put(p, blanks + 1, first);
	}
}

static void put_members(struct printer *p, struct slice document, bool array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	bool first = true;
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		if (!first && p->lines) {
			PUT(p, ",");
		} else if (!first) {
			put_comma(p);
		}
		first = false;
		if (p->lines) {
			put_line(p);
		}
		if (!array) {
			put_name(p, name);
		}
		put_value(p, v);
	}
}

static void put_document(struct printer *p, struct slice document, bool array)
{
	put(p, array ? "[" : "{", 1);
	if (!doc_is_empty(document)) {
		p->depth++;
		put_members(p, document, array);
		p->depth--;
		if (p->lines) {
			put_line(p);
		}
	}
	put(p, array ? "]" : "}", 1);
}

/* ---- entries ---- */

static struct printer printer_of(struct buf *out, enum ejson_mode mode, bool pretty)
{
	return (struct printer){.out = out,
		.canonical = mode == EJSON_CANONICAL,
		.spaced = pretty,
		.lines = pretty};
}

void ejson_print_value(struct doc_value v, enum ejson_mode mode, bool pretty, struct buf *out)
{
	struct printer p = printer_of(out, mode, pretty);
	put_value(&p, v);
}

void ejson_print(struct slice document, enum ejson_mode mode, bool pretty, struct buf *out)
{
	ejson_print_value(doc_value_of(document), mode, pretty, out);
}

uint64_t ejson_size(struct slice document, enum ejson_mode mode, bool pretty)
{
	struct printer p = printer_of(NULL, mode, pretty);
	put_value(&p, doc_value_of(document));
	return p.n;
}
