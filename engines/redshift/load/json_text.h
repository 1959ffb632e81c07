/* Values of JSON where they stand, without a tree: for records that are read once. */
#ifndef DBMOUNT_REDSHIFT_JSON_TEXT_H
#define DBMOUNT_REDSHIFT_JSON_TEXT_H

#include "engines/common/buf.h"

/* What is left of the text. The first thing that is wrong is told once, and everything after it
 * fails. */
struct json_text {
	const char *at, *end;
	const char *wrong; /* NULL: nothing yet */
};

/* Passes white space over; the next byte, 0: there is none. */
char json_text_peek(struct json_text *t);
/* Passes `c` over, and white space before it; else it is wrong. */
bool json_text_expect(struct json_text *t, char c);
/* A string, with its quotes as it stands; *escaped: there are backslashes in it. */
bool json_text_string(struct json_text *t, struct slice *inner, bool *escaped);
/* Any value, all of it. */
bool json_text_skip(struct json_text *t, struct slice *all);
/* Appends the string without its escapes. False: one is none. */
bool json_text_unescape(struct slice inner, struct buf *out);

#endif
