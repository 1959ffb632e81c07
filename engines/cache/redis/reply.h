/* Replies, as RESP2 in a buf: what commands append, what a session hands out in one of three
 * forms, what Lua gets as values. */
#ifndef DBMOUNT_REDIS_REPLY_H
#define DBMOUNT_REDIS_REPLY_H

#include <jansson.h>

#include "engines/common/buf.h"

void redis_reply_status(struct buf *out, const char *text); /* +OK */
void redis_reply_ok(struct buf *out);
void redis_reply_error(struct buf *out, const char *text); /* -ERR ...; line ends become spaces */
void redis_reply_int(struct buf *out, int64_t value);
void redis_reply_bulk(struct buf *out, struct slice value);
void redis_reply_text(struct buf *out, const char *value); /* a bulk */
void redis_reply_double(struct buf *out, double value);	   /* a bulk: %.17g, inf, -inf */
void redis_reply_nil(struct buf *out);			   /* $-1 */
void redis_reply_nil_array(struct buf *out);		   /* *-1 */
void redis_reply_array(struct buf *out, size_t n);	   /* n replies follow */
/* An array whose length shows later: begin, append replies, end with how many. */
size_t redis_reply_begin(struct buf *out);
void redis_reply_end(struct buf *out, size_t at, size_t n);

enum redis_reply_kind {
	REDIS_REPLY_STATUS,
	REDIS_REPLY_ERROR,
	REDIS_REPLY_INT,
	REDIS_REPLY_BULK,
	REDIS_REPLY_NIL, /* of either kind */
	REDIS_REPLY_ARRAY,
};

/* One reply or the head of an array; its replies follow in the text. */
struct redis_reply {
	enum redis_reply_kind kind;
	struct slice text; /* status, error, bulk */
	int64_t value;	   /* an int; an array's length */
};
/* The next in *rest, which moves behind it. False: nothing whole is there. */
bool redis_reply_next(struct slice *rest, struct redis_reply *out);

/* Replies, one after the other, as redis-cli shows them on a terminal: (integer) 1, "text",
 * 1) "a". */
void redis_reply_show(struct slice replies, struct buf *out);
/* As JSON values, a line each: errors are {"error": "..."}, statuses and texts strings, bytes that
 * are no UTF-8 {"$b": "base64"}. */
int redis_reply_json(struct slice replies, struct buf *out, struct err *err);

#endif
