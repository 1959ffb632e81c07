/* Texts as values of JSON: a string, or, of bytes that are no UTF-8, {"$b": "base64"}. */
#ifndef DBMOUNT_REDIS_JSON_TEXT_H
#define DBMOUNT_REDIS_JSON_TEXT_H

#include "engines/common/json.h"

void redis_json_text_put(struct buf *out, struct slice text);

/* Where such a value is read. Zero-initialised is before one. */
struct redis_json_text {
	enum { JSON_TEXT_NONE, JSON_TEXT_OPEN, JSON_TEXT_NAMED, JSON_TEXT_READ } at;
	struct buf bytes;
};
void redis_json_text_finish(struct redis_json_text *r);
/* The next event of one. 1: it is whole, *out (borrowed until the next call); 0: go on. Takes
 * numbers, too, as they are written. EINVAL with line and column. */
int redis_json_text_feed(struct redis_json_text *r, enum json_event event, struct slice text,
	struct json_pos pos, struct slice *out, struct err *err);
/* "line 3, column 7: expected WHAT" */
int redis_json_expected(struct json_pos pos, const char *what, struct err *err);

#endif
