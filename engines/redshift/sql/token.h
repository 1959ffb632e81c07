/* Redshift's SQL as tokens, for whoever has to know where a quote or a comment ends. */
#ifndef DBMOUNT_REDSHIFT_TOKEN_H
#define DBMOUNT_REDSHIFT_TOKEN_H

#include "engines/common/buf.h"

enum rs_token_kind {
	RS_TOKEN_END,
	RS_TOKEN_WORD,	 /* a keyword or a name */
	RS_TOKEN_QUOTED, /* a name in double quotes */
	RS_TOKEN_TEXT,	 /* '…', E'…', $$…$$, $tag$…$tag$ */
	RS_TOKEN_NUMBER,
	RS_TOKEN_PARAMETER, /* $1 */
	RS_TOKEN_MARK,	    /* anything else, one byte: ( ) , ; . + … */
};

struct rs_token {
	enum rs_token_kind kind;
	bool open;	/* a quote or comment that began at `at` and does not end */
	bool backslash; /* a text in single quotes, without an E, that has one */
	size_t at, n;	/* in the script; of END: where it ends */
};

/* The token at or behind `at`; blanks and comments are passed over. A backslash in a text is an
 * escape, as in Redshift, which has kept what PostgreSQL gave up in 9.1. */
struct rs_token rs_token_at(struct slice script, size_t at);
static inline size_t rs_token_end(const struct rs_token *t)
{
	return t->at + t->n;
}
/* Is it that word (given in lower case)? */
bool rs_token_is(struct slice script, const struct rs_token *t, const char *word);
/* Is it that mark? */
bool rs_token_mark(struct slice script, const struct rs_token *t, char mark);
/* What a TEXT says. `escapes` false: a backslash is itself, as COPY wants its options. */
void rs_token_text(struct slice script, const struct rs_token *t, bool escapes, struct buf *out);
/* What a WORD or QUOTED names: lower case, or as it is in the quotes. */
void rs_token_name(struct slice script, const struct rs_token *t, struct buf *out);

/* "line 3, column 8" of a byte, columns in characters. */
void rs_position(struct slice script, size_t at, unsigned long *line, unsigned long *column);

#endif
