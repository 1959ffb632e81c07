/* Inside the JSON reader: what json.c and json_string.c share. */
#ifndef DBMOUNT_JSON_IMPL_H
#define DBMOUNT_JSON_IMPL_H

#include "engines/common/json.h"

enum json_state {
	AT_START, /* nothing yet: a byte order mark, white space or a value */
	AT_BOM2,
	AT_BOM3,
	AT_VALUE,
	AT_FIRST_ELEMENT, /* after '[' */
	AT_FIRST_MEMBER,  /* after '{' */
	AT_MEMBER,	  /* after ',' in an object */
	AT_COLON,
	AT_NEXT, /* after a value inside brackets */
	AT_END,	 /* after a value outside of all */
	IN_STRING,
	IN_UTF8,
	IN_ESCAPE,
	IN_HEX,
	IN_PAIR_BACKSLASH, /* after a high surrogate */
	IN_PAIR_U,
	IN_WORD,
	IN_MINUS,
	IN_ZERO,
	IN_INTEGER,
	IN_POINT,
	IN_FRACTION,
	IN_E,
	IN_E_SIGN,
	IN_EXPONENT,
};

struct json_bracket {
	struct json_pos pos;
	char kind; /* '{' or '[' */
};

struct json_reader {
	json_fn *fn;
	void *arg;
	unsigned max_depth;
	bool many;

	enum json_state state;
	struct json_pos here;
	struct json_pos start; /* of the token being read */
	struct buf token;      /* its text so far */
	bool is_key;
	bool seen_value;

	struct json_bracket *open;
	unsigned depth;
	unsigned open_cap;

	const char *word; /* IN_WORD: the rest of true, false or null is word + word_at */
	unsigned word_at;
	unsigned hex_n; /* IN_HEX: digits so far */
	unsigned code;	/* and their value */
	unsigned high;	/* the high surrogate before, or 0 */

	unsigned utf8_left; /* IN_UTF8: bytes to come, the next within low..high */
	unsigned char utf8_low;
	unsigned char utf8_high;
	unsigned char utf8_last;

	int failed; /* what every further call returns */
	struct err why;
};

/* "line L, column C: expected ..., found ...": the byte that is next. -EINVAL. */
int json_refuse(struct json_reader *r, const char *expected, unsigned char found);
int json_emit(struct json_reader *r, enum json_event event, struct slice text, struct json_pos pos);
/* A value is complete: what comes next depends on the brackets around it. */
void json_value_done(struct json_reader *r);

/* IN_STRING: takes a run of plain bytes, or one other byte; counts columns. */
int json_string_step(struct json_reader *r, const unsigned char *p, size_t n, size_t *used);
/* IN_UTF8: takes one byte of a character that was not whole; counts columns. */
int json_utf8_byte(struct json_reader *r, unsigned char c);
/* IN_ESCAPE to IN_PAIR_U: takes one byte. */
int json_escape_byte(struct json_reader *r, unsigned char c);

#endif
