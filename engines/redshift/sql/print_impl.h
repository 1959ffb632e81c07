/* What the files print*.c share. */
#ifndef DBMOUNT_REDSHIFT_PRINT_IMPL_H
#define DBMOUNT_REDSHIFT_PRINT_IMPL_H

#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/functions.h"
#include "engines/redshift/sql/print.h"
#include "engines/redshift/sql/tree.h"

struct print {
	const struct rs_printer *p;
	struct buf *out;
	struct err *err;
};

static inline bool print_lite(const struct print *c)
{
	return c->p->dialect == SQL_SQLITE;
}

int print_refuse(struct print *c, const char *what);

/* print.c */
int print_select(struct print *c, const json_t *select, const json_t *names);
int print_sort(struct print *c, const json_t *list);

/* print_expression.c */
int print_node(struct print *c, const json_t *node);
int print_list(struct print *c, const json_t *list);
/* The expression's text by itself; free with buf_free(). */
int print_apart(struct print *c, const json_t *node, struct buf *out);
/* With COLLATE decimal where SQLite needs that to compare it as a number. */
int print_compared(struct print *c, const json_t *node);
void print_quoted(struct print *c, const char *name);

/* print_cast.c */
int print_cast(struct print *c, struct sql_type from, struct sql_type to, const json_t *arg);
void print_type(struct print *c, struct sql_type t);
int print_moment(struct print *c, struct sql_type t);

/* print_operator.c */
int print_operator(struct print *c, const json_t *node);
/* For DuckDB: a / b, DECIMALs, exact, rounded to the type. Texts; `a` of that scale. */
void print_quotient(struct buf *out, const char *a, struct sql_type at, const char *b,
	struct sql_type bt, struct sql_type to);
/* For DuckDB: b, or an error where it is 0. */
void print_divisor(struct buf *out, const char *b);

/* print_call.c */
int print_call(struct print *c, const json_t *node);

/* A call that is being printed. */
struct print_call {
	const json_t *body;
	const json_t *args;
	struct sql_type t;
	const struct rs_function *function;
};

static inline const json_t *print_argument(const struct print_call *k, size_t i)
{
	return json_array_get(k->args, i);
}

/* What no template can say: name "@x". Each file has a list, ended by a NULL. */
struct print_special {
	const char *name;
	int (*print)(struct print *c, const struct print_call *k);
};
extern const struct print_special print_date_specials[];  /* print_date.c */
extern const struct print_special print_other_specials[]; /* print_special.c */

int print_template(struct print *c, const struct print_call *k, const char *template);
/* The same as a text of its own. */
int print_template_apart(
	struct print *c, const struct print_call *k, const char *template, struct buf *out);
/* What stands behind the call of an aggregate or window function: FILTER, OVER. */
int print_suffix(struct print *c, const struct print_call *k);
const char *print_constant_text(const json_t *node); /* "": it is none */

#endif
