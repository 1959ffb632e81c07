/* Reading BSON where it lies and making it by appending.
 *
 * Readers trust what doc_check() has passed, but not blindly: a value that would reach
 * past its document ends the iteration, so damage on disk is a short document and never
 * a read of foreign memory. Nothing here is aligned: numbers are copied out. */
#include "engines/docdb/values/value.h"

#include "engines/docdb/values/value_impl.h"

/* ---- sizes ---- */

/* A length of 32 bits that counts what follows it, plus `more`. */
static size_t counted_size(const char *p, size_t n, size_t more)
{
	return n < 4 ? DOC_SIZE_BAD : (size_t)doc_load32(p) + more;
}

static size_t regex_size(const char *p, size_t n)
{
	size_t pattern = strnlen(p, n);
	if (pattern == n) {
		return DOC_SIZE_BAD;
	}
	size_t options = strnlen(p + pattern + 1, n - pattern - 1);
	return pattern + options + 2;
}

size_t doc_value_size(uint8_t type, const char *p, size_t n)
{
	switch (type) {
	case BSON_TYPE_DOUBLE:
	case BSON_TYPE_DATE_TIME:
	case BSON_TYPE_TIMESTAMP:
	case BSON_TYPE_INT64: return 8;
	case BSON_TYPE_INT32: return 4;
	case BSON_TYPE_BOOL: return 1;
	case BSON_TYPE_OID: return 12;
	case BSON_TYPE_DECIMAL128: return 16;
	case BSON_TYPE_NULL:
	case BSON_TYPE_UNDEFINED:
	case BSON_TYPE_MINKEY:
	case BSON_TYPE_MAXKEY: return 0;
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_CODE: return counted_size(p, n, 4);
	case BSON_TYPE_BINARY: return counted_size(p, n, 5);
	case BSON_TYPE_DBPOINTER: return counted_size(p, n, 16);
	case BSON_TYPE_DOCUMENT:
	case BSON_TYPE_ARRAY:
	case BSON_TYPE_CODEWSCOPE: return counted_size(p, n, 0);
	case BSON_TYPE_REGEX: return regex_size(p, n);
	default: return DOC_SIZE_BAD;
	}
}

/* ---- reading ---- */

void doc_iter_init(struct doc_iter *it, struct slice document)
{
	it->rest = document.n >= 5 ? slice_make(document.p + 4, document.n - 5) : slice_make("", 0);
}

bool doc_next(struct doc_iter *it, struct slice *name, struct doc_value *v)
{
	const char *p = it->rest.p;
	size_t n = it->rest.n;
	const char *nul = n >= 2 ? memchr(p + 1, '\0', n - 1) : NULL;
	if (nul == NULL) {
		return false;
	}
	size_t left = n - (size_t)(nul + 1 - p);
	size_t size = doc_value_size((uint8_t)*p, nul + 1, left);
	if (size > left) {
		return false;
	}
	*name = slice_make(p + 1, (size_t)(nul - p - 1));
	*v = (struct doc_value){(uint8_t)*p, {nul + 1, size}};
	it->rest = slice_make(nul + 1 + size, left - size);
	return true;
}

/* Filters spend their time here, passing members over: a name is measured only if it is not the
 * one. */
struct doc_value doc_field(struct slice document, struct slice name)
{
	const char *p = document.n >= 5 ? document.p + 4 : document.p;
	size_t left = document.n >= 5 ? document.n - 5 : 0;
	while (left >= 2) {
		uint8_t type = (uint8_t)*p;
		bool found = left > name.n + 1 && p[name.n + 1] == '\0' &&
			     memcmp(p + 1, name.p, name.n) == 0 && strnlen(p + 1, name.n) == name.n;
		size_t n = 1 + (found ? name.n : strnlen(p + 1, left - 1)) + 1;
		if (n > left) {
			break;
		}
		p += n;
		left -= n;
		size_t size = doc_value_size(type, p, left);
		if (size > left) {
			break;
		}
		if (found) {
			return (struct doc_value){type, {p, size}};
		}
		p += size;
		left -= size;
	}
	return DOC_MISSING;
}

bool doc_is_empty(struct slice document)
{
	return document.n <= 5;
}

bool doc_bool(struct doc_value v)
{
	return v.raw.p[0] != 0;
}

int32_t doc_int32(struct doc_value v)
{
	return (int32_t)doc_load32(v.raw.p);
}

int64_t doc_int64(struct doc_value v)
{
	return v.type == BSON_TYPE_INT32 ? doc_int32(v) : (int64_t)doc_load64(v.raw.p);
}

struct slice doc_string(struct doc_value v)
{
	return v.raw.n < 5 ? slice_make("", 0) : slice_make(v.raw.p + 4, v.raw.n - 5);
}

struct slice doc_scope(struct doc_value v)
{
	if (v.raw.n < 8) {
		return slice_make("", 0);
	}
	size_t code = (size_t)doc_load32(v.raw.p + 4) + 4;
	size_t left = v.raw.n - 4;
	return code > left ? slice_make("", 0) : slice_make(v.raw.p + 4 + code, left - code);
}

const char *doc_type_name(uint8_t type)
{
	switch (type) {
	case BSON_TYPE_EOD: return "missing";
	case BSON_TYPE_DOUBLE: return "double";
	case BSON_TYPE_UTF8: return "string";
	case BSON_TYPE_DOCUMENT: return "object";
	case BSON_TYPE_ARRAY: return "array";
	case BSON_TYPE_BINARY: return "binData";
	case BSON_TYPE_UNDEFINED: return "undefined";
	case BSON_TYPE_OID: return "objectId";
	case BSON_TYPE_BOOL: return "bool";
	case BSON_TYPE_DATE_TIME: return "date";
	case BSON_TYPE_NULL: return "null";
	case BSON_TYPE_REGEX: return "regex";
	case BSON_TYPE_DBPOINTER: return "dbPointer";
	case BSON_TYPE_CODE: return "javascript";
	case BSON_TYPE_SYMBOL: return "symbol";
	case BSON_TYPE_CODEWSCOPE: return "javascriptWithScope";
	case BSON_TYPE_INT32: return "int";
	case BSON_TYPE_TIMESTAMP: return "timestamp";
	case BSON_TYPE_INT64: return "long";
	case BSON_TYPE_DECIMAL128: return "decimal";
	case BSON_TYPE_MINKEY: return "minKey";
	case BSON_TYPE_MAXKEY: return "maxKey";
	default: return "unknown";
	}
}

/* ---- making ---- */

size_t doc_begin(struct buf *out)
{
	size_t start = out->n;
	buf_append(out, "\0\0\0", 4);
	return start;
}

void doc_end(struct buf *out, size_t start)
{
	buf_putc(out, '\0');
	if (!out->failed) {
		doc_store32(out->p + start, (uint32_t)(out->n - start));
	}
}

static void put_head(struct buf *out, struct slice name, uint8_t type)
{
	buf_putc(out, (char)type);
	buf_append_slice(out, name);
	buf_putc(out, '\0');
}

void doc_put(struct buf *out, struct slice name, struct doc_value v)
{
	if (v.type != BSON_TYPE_EOD) {
		put_head(out, name, v.type);
		buf_append_slice(out, v.raw);
	}
}

size_t doc_put_begin(struct buf *out, struct slice name, uint8_t type)
{
	put_head(out, name, type);
	return doc_begin(out);
}

unsigned doc_index_name(unsigned index, char out[12])
{
	char digits[12];
	unsigned n = 0;
	do {
		digits[n++] = (char)('0' + index % 10);
		index /= 10;
	} while (index > 0);
	for (unsigned i = 0; i < n; i++) {
		out[i] = digits[n - 1 - i];
	}
	out[n] = '\0';
	return n;
}

void doc_put_index(struct buf *out, unsigned index, struct doc_value v)
{
	char name[12];
	doc_put(out, slice_make(name, doc_index_name(index, name)), v);
}

size_t doc_put_index_begin(struct buf *out, unsigned index, uint8_t type)
{
	char name[12];
	return doc_put_begin(out, slice_make(name, doc_index_name(index, name)), type);
}
