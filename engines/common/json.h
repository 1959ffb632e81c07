/* A strict, incremental JSON reader (RFC 8259) that keeps numbers as text.
 *
 * Why our own: the write path must know after each write(2) whether the text so
 * far can still become valid JSON, items need numbers exact to 38 digits, and
 * messages name line and column. It is a push parser: bytes go in as they
 * come, in chunks of any size; events come out. It uses memory only for the
 * token being read and some bytes for each open bracket.
 *
 * Refused beyond the grammar: text that is not UTF-8, lone surrogates in \u
 * escapes, a member name twice in one object is NOT noticed here (the builder
 * of the tree does, it knows the names). A UTF-8 byte order mark at the start
 * is skipped. */
#ifndef DBMOUNT_JSON_H
#define DBMOUNT_JSON_H

#include "engines/common/buf.h"

/* The prefix is longer than it would be: jansson.h has JSON_STRING and others. */
enum json_event {
	JSON_EV_OBJECT_BEGIN,
	JSON_EV_OBJECT_END,
	JSON_EV_ARRAY_BEGIN,
	JSON_EV_ARRAY_END,
	JSON_EV_KEY,	/* text: the member name, unescaped */
	JSON_EV_STRING, /* text: the value, unescaped (may hold NUL) */
	JSON_EV_NUMBER, /* text: exactly as written */
	JSON_EV_TRUE,
	JSON_EV_FALSE,
	JSON_EV_NULL,
};

/* Where a token began: both count from 1; a column is a character, not a byte. */
struct json_pos {
	unsigned long line;
	unsigned long column;
};

/* Called for each event; text is borrowed for the call. Returns 0 to go on, or
 * -errno with err set, which json_feed then returns. */
typedef int json_fn(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err);

struct json_reader;

/* `fn` may be NULL (only check). `max_depth` is the number of nested brackets
 * accepted (0: 1000). `many`: a sequence of values, separated by white space
 * (which may lack before a bracket), instead of one. NULL when memory ran out. */
struct json_reader *json_reader_new(json_fn *fn, void *arg, unsigned max_depth, bool many);
void json_reader_free(struct json_reader *r);

/* Takes the next bytes. 0; or -EINVAL as soon as no continuation can make the
 * text valid ("line 3, column 7: expected ',' or '}', found 'x'"); or what fn
 * returned. After a failure every further call returns the same again. */
int json_feed(struct json_reader *r, struct slice text, struct err *err);

/* The text ends here: 0 when it was complete, else -EINVAL ("line 9, column 1:
 * the text ends inside an object that began at line 1, column 1"). */
int json_finish(struct json_reader *r, struct err *err);

/* Whether json_finish() would succeed now. */
bool json_complete(const struct json_reader *r);
/* Whether nothing but white space was fed. */
bool json_blank(const struct json_reader *r);
/* Brackets open now. */
unsigned json_depth(const struct json_reader *r);
struct json_pos json_here(const struct json_reader *r);

/* Appends `s` as a JSON string with its quotes: escapes '"', '\\' and control
 * characters (\b \f \n \r \t, else \u00XX), leaves everything else as it is. */
void json_quote(struct buf *out, struct slice s);

#endif
