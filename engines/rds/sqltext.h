/* Text of SQL as tokens, and a long text of it as statements: what is common to
 * SQLite, PostgreSQL and MySQL, and what they differ in. Knows no grammar beyond
 * where a statement ends. */
#ifndef DBMOUNT_RDS_SQLTEXT_H
#define DBMOUNT_RDS_SQLTEXT_H

#include "engines/common/spill.h"

/* Whose SQL a text is. It begins as UNKNOWN and becomes another by the first mark
 * that only one of them has (a comment that mysqldump writes, `::`, ENGINE). */
enum sql_dialect { SQL_UNKNOWN, SQL_SQLITE, SQL_POSTGRES, SQL_MYSQL };

enum sql_kind {
	SQL_END,
	SQL_WORD,   /* a keyword or a plain name */
	SQL_NAME,   /* "..", `..`, [..] */
	SQL_STRING, /* '..', and with a prefix: E'..' N'..' X'..' B'..'; $tag$..$tag$ */
	SQL_NUMBER,
	SQL_MARK, /* an operator or punctuation: one character, but "::" */
};

struct sql_token {
	enum sql_kind kind;
	struct slice text;
	size_t gap; /* bytes of white space and comments before it */
};

struct sql_position {
	unsigned long line; /* both from 1; a column is a character */
	unsigned long column;
};

/* The token at `at`: 1; 0 when it may go on behind the end of text (never when
 * `final`); -1 when it is a string, name or comment that does not end. */
int sql_token(
	struct slice text, size_t at, enum sql_dialect dialect, bool final, struct sql_token *out);
/* Of a token: whether it is this keyword (upper case) or mark, whatever its case. */
bool sql_is(const struct sql_token *t, const char *word);
/* Appends a name without its quotes, a word as it is. */
void sql_name(const struct sql_token *t, struct buf *out);
/* Moves the position over bytes. */
void sql_advance(struct sql_position *p, struct slice over);

/* ---- a text of statements ---- */

struct sql_statement {
	struct slice text; /* from its first token to its last, without the ';' */
	struct sql_position position;
	bool client; /* a line for the client program, as psql's \connect */
};

struct sql_reader {
	struct spill *text;
	enum sql_dialect dialect;
	uint64_t read;		  /* bytes of the text that were taken into the window */
	struct buf window;	  /* what is being read */
	size_t start;		  /* in the window: what was returned last begins here */
	size_t next;		  /* and what comes next here */
	struct sql_position here; /* of `start` */
	struct buf delimiter;	  /* what ends a statement, when it is not ";" */
};

void sql_reader_init(struct sql_reader *r, struct spill *text, enum sql_dialect dialect);
void sql_reader_finish(struct sql_reader *r);
/* 1, or 0 at the end of the text; EINVAL names the line where a string begins that has no end.
 * The statement is valid until the next call. */
int sql_reader_next(struct sql_reader *r, struct sql_statement *out, struct err *err);
/* The next line, without its end: data behind a COPY. 1, or 0 at the end of the text. */
int sql_reader_line(
	struct sql_reader *r, struct slice *out, struct sql_position *where, struct err *err);
/* Skips what is left of the line on which the last statement ended. */
int sql_reader_rest_of_line(struct sql_reader *r, struct err *err);

#endif
