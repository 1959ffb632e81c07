/* What the parsers of this folder share: a place in a script, and what they may ask there. */
#ifndef DBMOUNT_REDSHIFT_PARSE_H
#define DBMOUNT_REDSHIFT_PARSE_H

#include "engines/redshift/sql/statement.h"
#include "engines/redshift/sql/token.h"

struct rs_parse {
	struct slice script; /* ends where the statement ends, for whoever reads tokens */
	struct rs_token token;
	struct err *err;
};

/* Everything below: 0, or -errno with err set: EINVAL "line 1, column 5: found X; Y is expected".
 */

void rs_next(struct rs_parse *p);
bool rs_is(const struct rs_parse *p, const char *word);
bool rs_is_mark(const struct rs_parse *p, char mark);
bool rs_at_end(const struct rs_parse *p);
/* The token behind the current one is that word. */
bool rs_is_next(const struct rs_parse *p, const char *word);

/* What is there is passed over, if it is that: true. */
bool rs_accept(struct rs_parse *p, const char *word);
bool rs_accept_mark(struct rs_parse *p, char mark);
bool rs_accept_words(struct rs_parse *p, const char *first, const char *second);
/* "IF EXISTS", "IF NOT EXISTS". */
int rs_accept_if(struct rs_parse *p, bool negative, bool *out);

int rs_expected(struct rs_parse *p, const char *what);
/* At a byte of the script. */
int rs_refuse_at(struct rs_parse *p, size_t at, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* At the current token. */
int rs_refuse(struct rs_parse *p, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The statement or option is known to Redshift, but not here. */
int rs_unsupported(struct rs_parse *p, const char *what);
/* "found DELIMETER; an option of COPY is expected (did you mean DELIMITER?)". */
int rs_unknown(struct rs_parse *p, const char *what, const char *const *known);

int rs_expect(struct rs_parse *p, const char *word);
int rs_expect_mark(struct rs_parse *p, char mark);
int rs_expect_end(struct rs_parse *p);
/* A name, which becomes the caller's; one that is there is replaced. */
int rs_take_name(struct rs_parse *p, const char *what, char **out);
int rs_take_qualified(struct rs_parse *p, const char *what, struct rs_name *out);
/* A text in quotes; `escapes` false: its backslashes stay. */
int rs_take_text(struct rs_parse *p, const char *what, bool escapes, char **out);
int rs_take_count(struct rs_parse *p, const char *what, uint64_t max, uint64_t *out);
int rs_take_integer(struct rs_parse *p, const char *what, int64_t *out);
/* "(a, b, c)". */
int rs_take_names(struct rs_parse *p, const char *what, char ***out, unsigned *n);
/* The text of the script from there to where the current token begins, without blanks around. */
int rs_take_source(struct rs_parse *p, size_t from, char **out);
/* Over what is in parentheses, whatever it is. */
int rs_skip_group(struct rs_parse *p);
/* One more at the end of an array; NULL with err set: no memory. The element is zero. */
void *rs_more(struct rs_parse *p, void *array, unsigned *n, size_t size);

/* pg.c: what the script has from `from` to its end, as the one statement of PostgreSQL's parser:
 * `kind` is its node's name ("SelectStmt"; of the tree, do not free). Positions in the tree count
 * from `base`. */
int rs_pg_parse(struct rs_parse *p, size_t from, size_t base, json_t **tree, const char **kind);
int rs_pg_select(struct rs_parse *p, size_t from, size_t base, json_t **tree);

/* words.c: the text for PostgreSQL's parser, where Redshift's own words have been replaced. */
struct rs_edit {
	size_t at, n;  /* in the script */
	size_t out;    /* where what stands for it begins in the new text */
	size_t length; /* of that */
};
struct rs_words {
	struct buf text;
	struct rs_edit *edits;
	unsigned n_edits;
	struct rs_mark {
		size_t at; /* the call's name, in the script */
		const char *member;
	} * marks;
	unsigned n_marks;
};
int rs_words_out(struct rs_parse *p, size_t from, struct rs_words *out);
size_t rs_words_origin(const struct rs_words *w, size_t from, size_t at);
/* Into the tree, whose positions are the script's by now. */
int rs_words_back(struct rs_parse *p, const struct rs_words *w, json_t *tree);
void rs_words_free(struct rs_words *w);

/* depth.c: refuses what the parsers that call themselves could not bear. */
int rs_depth_check(struct rs_parse *p, size_t from);

/* type.c */
int rs_take_type(struct rs_parse *p, struct sql_type *out);

/* Each parser begins at the token behind the words in its name and ends at the statement's end. */
int rs_parse_create_table(struct rs_parse *p, struct rs_statement *s);	 /* behind TABLE */
int rs_parse_external_table(struct rs_parse *p, struct rs_statement *s); /* behind EXTERNAL TABLE */
int rs_parse_external_schema(struct rs_parse *p, struct rs_statement *s);
int rs_parse_alter_table(struct rs_parse *p, struct rs_statement *s);
int rs_parse_partition(struct rs_parse *p, struct rs_statement *s, bool add);
int rs_parse_ddl(struct rs_parse *p, struct rs_statement *s); /* at its first word */
int rs_parse_copy(struct rs_parse *p, struct rs_statement *s);
int rs_parse_unload(struct rs_parse *p, struct rs_statement *s);

/* ddl_table.c: also of ALTER and of external tables. */
int rs_take_column(struct rs_parse *p, struct rs_column_def *out);
/* "DISTSTYLE x", "SORTKEY (…)" and so on at the current token: 1 taken, 0 there is none. */
int rs_take_diststyle(struct rs_parse *p, enum rs_diststyle *out);
int rs_take_sortkeys(struct rs_parse *p, enum rs_sortstyle *style, char ***keys, unsigned *n);

/* credentials.c: "IAM_ROLE …" and its kind at the current token: 1 taken (and forgotten), 0. */
int rs_take_credentials(struct rs_parse *p, bool *has);

/* copy.c: "'|'", "'\\t'", "'\\001'": one ASCII character. */
int rs_take_delimiter(struct rs_parse *p, char *out);

void rs_column_def_clear(struct rs_column_def *c);

#endif
