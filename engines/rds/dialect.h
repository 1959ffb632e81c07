/* What other databases' dumps say differently, statement by statement. The
 * translation keeps the meaning; what has none here (owners, grants, settings of
 * a session) is left out and told; what is not understood is refused. */
#ifndef DBMOUNT_RDS_DIALECT_H
#define DBMOUNT_RDS_DIALECT_H

#include "engines/rds/sql.h"
#include "engines/rds/sqltext.h"

/* ---- a statement as tokens that can be changed ---- */

struct rds_word {
	struct sql_token token; /* its text, in the statement or in `own` */
	bool dropped;
	struct buf before; /* put before it */
	struct buf own;	   /* what stands in its place, when `replaced` */
	bool replaced;
};

struct rds_words {
	struct rds_word *at; /* n of them, then one SQL_END */
	unsigned n;
	unsigned cap;
	const char *text;
};

int rds_words_read(
	struct rds_words *w, struct slice text, enum sql_dialect dialect, struct err *err);
void rds_words_free(struct rds_words *w);
/* Token i is this word or mark; false beyond the end. */
bool rds_word_is(const struct rds_words *w, unsigned i, const char *word);
/* From i on stand these words, separated by blanks: "ADD CONSTRAINT". Their number, or 0. */
unsigned rds_words_are(const struct rds_words *w, unsigned i, const char *words);
/* Index behind the bracket that closes the one at i; w->n when none does. */
unsigned rds_words_close(const struct rds_words *w, unsigned i);
void rds_words_drop(struct rds_words *w, unsigned from, unsigned to);
struct buf *rds_word_replace(struct rds_words *w, unsigned i); /* empty, to be filled */
/* The statement as it is now, from..to. */
void rds_words_print(const struct rds_words *w, unsigned from, unsigned to, struct buf *out);

/* ---- what a script knows of what it has seen ---- */

/* A change of a table that SQLite's ALTER TABLE cannot do: made at the end, all of a
 * table's at once. */
struct rds_later {
	char *table;
	char *constraint; /* text for CREATE TABLE, or NULL */
	char *serial;	  /* a column that numbers itself, or NULL */
	unsigned long line;
	struct rds_later *next;
};

struct rds_named {
	char *name;
	char *value;
	struct rds_named *next;
};

struct rds_dialect {
	sqlite3 *db;
	enum sql_dialect dialect;
	unsigned long line; /* of the statement being translated */
	struct rds_later *later;
	struct rds_later **later_end;
	struct rds_named *types;     /* CREATE TYPE .. AS ENUM: name, its values in brackets */
	struct rds_named *sequences; /* name, the table that it numbers */
	struct rds_named *schemas;   /* names that may stand before a table's */
	struct rds_named *counters;  /* table, where its numbers go on; set when tables are done */
	struct buf insert_select;    /* dialect_insert.c: the last INSERT's columns, */
	struct buf insert_kinds;     /* and what each reads from text */
	struct buf notes;	     /* what was left out, a line each */
	unsigned n_notes;
	bool foreign_keys_off;	 /* the script says so */
	bool foreign_keys_later; /* constraints came as ALTER TABLE: checked at the end */
};

void rds_dialect_init(struct rds_dialect *d, sqlite3 *db);
void rds_dialect_finish(struct rds_dialect *d);
/* Of something that has a meaning which is not kept. */
void rds_dialect_note(struct rds_dialect *d, const char *what);
/* Puts off a constraint or a column that numbers itself until the end. */
int rds_dialect_later(struct rds_dialect *d, const char *table, const char *constraint,
	const char *serial, struct err *err);
const char *rds_named_find(const struct rds_named *list, const char *name);
int rds_named_set(struct rds_named **list, const char *name, const char *value, struct err *err);

enum rds_translation {
	RDS_AS_IS,   /* SQLite's own */
	RDS_CHANGED, /* `out` is to be run, perhaps several statements */
	RDS_SKIPPED,
	RDS_COPY, /* data lines follow: rds_copy_run() */
};

/* One of the above, or -EINVAL when it is refused, saying what was found, not where.
 * `needed`: SQLite does not take it as it is; else a text that nothing marks as
 * another database's stays as it is. */
int rds_translate(struct rds_dialect *d, const struct sql_statement *st, bool needed,
	struct buf *out, struct err *err);
/* dialect_table.c: CREATE TABLE in place; what must follow it goes to `after`. */
int rds_translate_table(
	struct rds_dialect *d, struct rds_words *w, struct buf *after, struct err *err);
/* dialect_alter.c: ALTER TABLE. A translation. */
int rds_translate_alter(
	struct rds_dialect *d, struct rds_words *w, struct buf *out, struct err *err);
/* dialect_text.c: literals, casts, qualified names: what may stand in any statement. */
int rds_translate_text(struct rds_dialect *d, struct rds_words *w, struct err *err);
/* dialect_insert.c: INSERT .. VALUES of PostgreSQL, by the types of its columns. */
int rds_translate_values(struct rds_dialect *d, struct rds_words *w, struct err *err);
/* At the end of the script: what was put off. The message names the line. */
int rds_dialect_complete(struct rds_dialect *d, struct err *err);

/* copy.c: runs the COPY that `st` is with the data lines that follow it. */
int rds_copy_run(struct rds_dialect *d, const struct sql_statement *st, struct sql_reader *r,
	struct err *err);

/* ---- remake.c: a table made anew ---- */

/* Replaces the table by one of this definition (a CREATE TABLE statement for that
 * name), within the transaction: rows of the columns that both have, indexes,
 * triggers and views stay. */
int rds_remake(sqlite3 *db, const char *table, const char *sql, struct err *err);
/* In a CREATE TABLE statement, which word is the table's name; 0: it is no such. */
unsigned rds_table_name_at(const struct rds_words *w);
/* Rows that AUTOINCREMENT numbers from now on get higher numbers than this. */
int rds_sequence_set(sqlite3 *db, const char *table, int64_t at_least, struct err *err);
/* The stored CREATE TABLE. ENOENT. */
int rds_table_sql(sqlite3 *db, const char *table, struct buf *out, struct err *err);

#endif
