/* Inside Extended JSON: what its readers and writers share. */
#ifndef DBMOUNT_DOCDB_EJSON_IMPL_H
#define DBMOUNT_DOCDB_EJSON_IMPL_H

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/values/names_seen.h"
#include "engines/docdb/values/value_impl.h"

/* ---- ejson_number.c, ejson_date.c: scalars as text, both directions ---- */

#define EJSON_SCALAR_MAX 48

/* Finite, in the shortest form that reads back the same and is no integer's ("1.0"),
 * else "Infinity", "-Infinity", "NaN". Returns the length. */
unsigned ejson_double_text(double n, char out[EJSON_SCALAR_MAX]);
unsigned ejson_int64_text(int64_t n, char out[EJSON_SCALAR_MAX]);
/* Text by the grammar of JSON numbers. -EINVAL: it is none, or no finite double is near it;
 * -ENOMEM. */
int ejson_double_parse(struct slice text, double *out);
/* "Infinity", "-Infinity" and "NaN", too. */
int ejson_double_parse_any(struct slice text, double *out);
/* An optional '-' and digits. */
bool ejson_int64_parse(struct slice text, int64_t *out);

/* Whether relaxed text has this date as ISO 8601: years 1970 to 9999. */
bool ejson_date_is_iso(int64_t ms);
unsigned ejson_date_text(int64_t ms, char out[EJSON_SCALAR_MAX]);
/* With Z or an offset, up to milliseconds. */
bool ejson_date_parse(struct slice text, int64_t *ms);

/* ---- ejson_like.c: the document that a text replaces, followed while it is read ---- */

struct ejson_like {
	struct slice document; /* empty: nothing to follow */
	struct doc_iter at;
	uint32_t *index; /* slots with offsets of members + 1, once order was left */
	size_t n_index;
};

void ejson_like_init(struct ejson_like *l, struct slice document);
void ejson_like_free(struct ejson_like *l);
/* The member of that name; cheapest when asked for in stored order. */
struct doc_value ejson_like_member(struct ejson_like *l, struct slice name);
/* The next element. */
struct doc_value ejson_like_element(struct ejson_like *l);

/* ---- ejson_build.c: events of the JSON reader -> BSON ---- */

/* An object or array that is open. It is written as it comes; if its end shows that it was
 * a wrapper, what was written is taken back. */
struct ejson_level {
	size_t start; /* of its BSON in out */
	size_t head;  /* of the byte that says its type, in the document around it */
	struct json_pos pos;
	struct json_pos wrapper_pos; /* of the first name that makes it a wrapper */
	const struct ejson_wrapper *wrapper;
	struct seen_object names;
	struct ejson_like like;
	struct slice like_scope; /* of code that stood here */
	unsigned index;		 /* of the next element */
	unsigned height;	 /* of what is within */
	uint8_t type;
};

struct ejson_build {
	struct buf *out;
	size_t base;	/* where the document begins in out */
	bool any_value; /* at the top, too */
	uint8_t type;	/* of the top */
	bool done;
	struct slice like;
	struct doc_value like_here; /* what stands where the next value will */
	size_t head;
	struct ejson_level *levels;
	unsigned n;
	unsigned cap;
	struct names_seen names;
	struct buf scratch;
	struct json_pos deep; /* the first bracket past the limit; line 0: none */
};

/* Begins a document (or any value) at the end of out. */
void ejson_build_start(struct ejson_build *b, struct buf *out, struct slice like, bool any_value);
int ejson_build_event(struct ejson_build *b, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err);
void ejson_build_free(struct ejson_build *b);

/* ---- ejson_wrapper.c ---- */

/* NULL: no wrapper has this name. */
const struct ejson_wrapper *ejson_wrapper_find(struct slice name);
/* What an object that has this wrapper's name stands for: its type and bytes, appended to `out`
 * (not where the object lies). */
int ejson_unwrap(const struct ejson_wrapper *w, struct slice object, struct json_pos pos,
	uint8_t *type, struct buf *out, struct err *err);

/* "line L, column C: ": every refusal of a place begins so. */
#define EJSON_AT	  "line %lu, column %lu: "
#define EJSON_AT_ARGS(at) (at).line, (at).column

#endif
