/* Extended JSON v2 <-> BSON, by the specification's rules (SERVICES.md 7.2). */
#ifndef DBMOUNT_DOCDB_EJSON_H
#define DBMOUNT_DOCDB_EJSON_H

#include "engines/common/json.h"
#include "engines/docdb/values/value.h"

enum ejson_mode { EJSON_RELAXED, EJSON_CANONICAL };

/* Appends one document of text as BSON. EINVAL with line and column (also for a member
 * name that comes twice in one object, a top level that is no object, a wrapper with a
 * wrong, missing or additional member), EFBIG.
 *
 * `like` (may be empty): the document that the text replaces. Relaxed text does not say
 * what type an integer has, so one that is written plainly (1, not 1.0) takes the type of the
 * number that stands at the same place in `like` if that type holds it exactly; what
 * is read and saved keeps its types, also when jq has made 1 of 1.0. Where a decimal stood, any
 * plain number becomes one. Wrappers ({"$numberLong": "1"}) always decide. Else: int32 if it fits,
 * int64, double; with a point or exponent always double. */
int ejson_parse(struct slice text, struct slice like, struct buf *out, struct err *err);
/* The same of any value, not only a document ("7", "{"$date": ..}"). Appends the value's
 * bytes to out; *type says what they are. */
int ejson_parse_value(struct slice text, uint8_t *type, struct buf *out, struct err *err);

/* A sequence of documents in any of the forms that files have: one an array's element,
 * one a line, one after the other. Push: bytes in, documents out, each
 * freed after fn. `line` is the one on which it began. A document that cannot be is told to
 * `bad`, which goes on with 0, stops with an error; text that is no JSON stops. */
struct ejson_stream;
typedef int ejson_fn(void *arg, struct slice document, unsigned long line, struct err *err);
typedef int ejson_bad_fn(void *arg, unsigned long line, const struct err *why, struct err *err);
struct ejson_stream *ejson_stream_new(ejson_fn *fn, ejson_bad_fn *bad, void *arg);
int ejson_stream_feed(struct ejson_stream *s, struct slice text, struct err *err);
int ejson_stream_finish(struct ejson_stream *s, struct err *err);
void ejson_stream_free(struct ejson_stream *s);

/* Appends the document as text. `pretty`: as in files, two spaces of indent, without a
 * newline at the end; wrappers ({"$oid": "..."}) and empty brackets stand on one line. Else all
 * on one line with ", " and ": " as mongoexport and jq -c do not: `{"a":1,"b":[1,2]}`. */
void ejson_print(struct slice document, enum ejson_mode mode, bool pretty, struct buf *out);
void ejson_print_value(struct doc_value v, enum ejson_mode mode, bool pretty, struct buf *out);
/* The bytes that ejson_print() would append, without making them. */
uint64_t ejson_size(struct slice document, enum ejson_mode mode, bool pretty);

#endif
