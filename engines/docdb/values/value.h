/* BSON, borrowed: a value is its type and its bytes as they stand in a document. No
 * parsing into trees: documents are read where they lie, and made by appending to a
 * struct buf. libbson names the types, converts decimals from and to text, and makes ObjectIds;
 * Intel's decimal library (decimal.c) calculates. */
#ifndef DBMOUNT_DOCDB_VALUE_H
#define DBMOUNT_DOCDB_VALUE_H

#include <bson/bson.h>

#include "engines/common/buf.h"

/* A document's limits, as the service has them. */
#define DOC_BYTES_MAX 16777216
#define DOC_DEPTH_MAX 100

/* `type` is a bson_type_t; BSON_TYPE_EOD: there is no value (missing). raw is as
 * encoded: of a document or array with its length and final NUL, of a string with its
 * length. An array is a document whose names are "0", "1", ... */
struct doc_value {
	uint8_t type;
	struct slice raw;
};

#define DOC_MISSING ((struct doc_value){0})

/* Whole documents are a slice of all their bytes. */
static inline struct doc_value doc_value_of(struct slice document)
{
	return (struct doc_value){BSON_TYPE_DOCUMENT, document};
}

/* ---- reading: of documents that doc_check() or a parser has passed ---- */

/* Well-formed to the last byte, within DOC_DEPTH_MAX and DOC_BYTES_MAX, text is UTF-8,
 * no name twice in one object. EINVAL, EFBIG. */
int doc_check(struct slice document, struct err *err);

struct doc_iter {
	struct slice rest;
};
void doc_iter_init(struct doc_iter *it, struct slice document);
/* False at the end. `name` has a NUL behind it. */
bool doc_next(struct doc_iter *it, struct slice *name, struct doc_value *v);
/* The member of that name, or DOC_MISSING. */
struct doc_value doc_field(struct slice document, struct slice name);
bool doc_is_empty(struct slice document);

static inline bool doc_is_number(struct doc_value v)
{
	return v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_INT64 ||
	       v.type == BSON_TYPE_DOUBLE || v.type == BSON_TYPE_DECIMAL128;
}
bool doc_bool(struct doc_value v);
int32_t doc_int32(struct doc_value v);
int64_t doc_int64(struct doc_value v);	     /* INT64, DATE_TIME (ms), or INT32 widened */
double doc_double(struct doc_value v);	     /* of any number, rounded */
struct slice doc_string(struct doc_value v); /* UTF8, SYMBOL, CODE: without length and NUL */
bson_decimal128_t doc_decimal(
	struct doc_value v); /* of any number; of a double 15 digits, as the service */
/* A decimal's text, which need not end with a NUL. False: it is none, or has more digits than
 * a decimal holds. */
bool doc_decimal_parse(struct slice text, bson_decimal128_t *out);
/* The value as int64 when it is a number that is one exactly. */
bool doc_as_int64(struct doc_value v, int64_t *out);
/* "int", "long", "objectId", ...: the aliases of $type. */
const char *doc_type_name(uint8_t type);

/* ---- making ---- */

/* Appends a document to `out`: begin gives where it starts, end writes its length. Nest
 * with doc_put_begin(). A value's bytes are copied. */
size_t doc_begin(struct buf *out);
void doc_end(struct buf *out, size_t start);
void doc_put(struct buf *out, struct slice name, struct doc_value v);	 /* DOC_MISSING: nothing */
size_t doc_put_begin(struct buf *out, struct slice name, uint8_t type);	 /* DOCUMENT or ARRAY */
void doc_put_index(struct buf *out, unsigned index, struct doc_value v); /* of an array */
size_t doc_put_index_begin(struct buf *out, unsigned index, uint8_t type);

/* Memory for values that are made while one document is worked on; freed at once. */
struct doc_arena;
struct doc_arena *doc_arena_new(void); /* NULL: no memory */
void doc_arena_free(struct doc_arena *a);
void doc_arena_clear(struct doc_arena *a);
void *doc_arena_alloc(
	struct doc_arena *a, size_t n); /* NULL: no memory, and doc_arena_check() tells */
int doc_arena_check(const struct doc_arena *a, struct err *err);
struct doc_value doc_make_int32(struct doc_arena *a, int32_t n);
struct doc_value doc_make_int64(struct doc_arena *a, int64_t n);
struct doc_value doc_make_double(struct doc_arena *a, double n);
struct doc_value doc_make_decimal(struct doc_arena *a, bson_decimal128_t n);
struct doc_value doc_make_bool(struct doc_arena *a, bool b);
struct doc_value doc_make_date(struct doc_arena *a, int64_t ms);
struct doc_value doc_make_string(struct doc_arena *a, struct slice text);
struct doc_value doc_make_null(void);
/* A copy of the bytes. */
struct doc_value doc_make_copy(struct doc_arena *a, struct doc_value v);
/* Of what a buf holds: a finished document or array, copied. */
struct doc_value doc_make_nested(struct doc_arena *a, uint8_t type, const struct buf *document);

/* ---- decimal.c: arithmetic as the service does it: the result is of the widest type
 * of the two, int32 < int64 < double < decimal; an int32 that overflows becomes int64,
 * an int64 a double; integers divided make a double. Operands are numbers. ---- */

struct doc_value doc_add(struct doc_arena *a, struct doc_value x, struct doc_value y);
struct doc_value doc_subtract(struct doc_arena *a, struct doc_value x, struct doc_value y);
struct doc_value doc_multiply(struct doc_arena *a, struct doc_value x, struct doc_value y);
/* The caller has refused y = 0. */
struct doc_value doc_divide(struct doc_arena *a, struct doc_value x, struct doc_value y);
struct doc_value doc_modulo(struct doc_arena *a, struct doc_value x, struct doc_value y);
/* <0, 0, >0 by exact value across types; NaN below all numbers, equal to itself. */
int doc_number_compare(struct doc_value x, struct doc_value y);

/* ---- objectid.c ---- */

/* 12 new bytes: seconds, 5 random bytes of this process, a counter. */
void doc_objectid_new(unsigned char out[12]);
bool doc_objectid_parse(struct slice hex, unsigned char out[12]); /* 24 lower-case digits */

#endif
