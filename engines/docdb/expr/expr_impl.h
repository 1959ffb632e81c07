/* What the files of the expressions share. A compiled expression is a tree of nodes, each with the
 * function that evaluates it; operators are rows of tables, one table a file. */
#ifndef DBMOUNT_DOCDB_EXPR_IMPL_H
#define DBMOUNT_DOCDB_EXPR_IMPL_H

#include "engines/docdb/expr/expr.h"

/* What one value may be long while an expression is evaluated, and all that one evaluation
 * makes: a $reduce could double a string for ever. */
#define EXPR_BYTES_MAX	 ((size_t)64 * 1024 * 1024)
#define EXPR_MEMORY_MAX	 ((size_t)256 * 1024 * 1024)
#define EXPR_OPTIONS_MAX 8 /* members that an operator like $dateToString knows */

struct expr_run {
	struct doc_vars vars;
	struct doc_arena *a;
	struct err *err;
	size_t made; /* bytes */
};

typedef int expr_fn(const struct doc_expr *e, struct expr_run *run, struct doc_value *out);
typedef int expr_parse_fn(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err);

struct expr_op {
	const char *name; /* with its '$' */
	expr_fn *fn;
	int min, max; /* arguments; max -1: any number */
	/* NULL-ended: the arguments have names; '!' before one that must be there. */
	const char *const *options;
	expr_parse_fn *parse;	     /* reads its arguments itself */
	double (*of_double)(double); /* what fn does to a number, for families of operators */
};

struct doc_expr {
	expr_fn *fn;
	const struct expr_op *op; /* NULL: a path, variable, literal, constructor */
	unsigned n;		  /* arguments; members of a constructor */
	struct doc_expr **args;	  /* NULL where an option is absent */
	struct slice *names;	  /* n_names: of a path's steps, members, variables; in bytes */
	unsigned n_names;
	uint8_t type; /* of a literal, whose bytes are in `bytes` */
	struct buf bytes;
	void *extra; /* a regular expression known when it was compiled */
	void (*free_extra)(void *extra);
};

/* NULL-ended tables. */
extern const struct expr_op expr_arith_ops[];
extern const struct expr_op expr_round_ops[];
extern const struct expr_op expr_cond_ops[];
extern const struct expr_op expr_string_ops[];
extern const struct expr_op expr_trim_ops[];
extern const struct expr_op expr_regex_ops[];
extern const struct expr_op expr_array_ops[];
extern const struct expr_op expr_loop_ops[];
extern const struct expr_op expr_set_ops[];
extern const struct expr_op expr_object_ops[];
extern const struct expr_op expr_date_ops[];
extern const struct expr_op expr_datemath_ops[];
extern const struct expr_op expr_convert_ops[];
extern const struct expr_op expr_fold_ops[];

/* ---- compiling (expr_parse.c) ---- */

int expr_parse(
	struct doc_value spec, const struct doc_var *scope, struct doc_expr **out, struct err *err);
/* Room for n arguments, all NULL. */
int expr_set_args(struct doc_expr *e, unsigned n, struct err *err);
/* The options of `e->op` from an object. */
int expr_parse_options(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err);
/* Makes e what "$a.b" or "$$x.b" says; `text` is without the first '$' (expr_path.c). */
int expr_parse_path(
	struct doc_expr *e, struct slice text, const struct doc_var *scope, struct err *err);
/* A name that $let and its kin may give a variable. */
int expr_check_variable(struct slice name, struct err *err);
bool expr_is_literal(const struct doc_expr *e);
struct doc_value expr_literal(const struct doc_expr *e);
int expr_make_literal(struct doc_expr *e, struct doc_value v, struct err *err);
/* Keeps copies of names with e. */
int expr_keep_names(struct doc_expr *e, const struct slice *names, unsigned n, struct err *err);

/* ---- evaluating (expr.c) ---- */

static inline int expr_eval(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return e->fn(e, run, out);
}

/* The i-th argument, DOC_MISSING where there is none. */
static inline int expr_arg(
	const struct doc_expr *e, unsigned i, struct expr_run *run, struct doc_value *out)
{
	if (i >= e->n || e->args[i] == NULL) {
		*out = DOC_MISSING;
		return 0;
	}
	return e->args[i]->fn(e->args[i], run, out);
}

static inline bool expr_nullish(struct doc_value v)
{
	return v.type == BSON_TYPE_EOD || v.type == BSON_TYPE_NULL || v.type == BSON_TYPE_UNDEFINED;
}

/* "missing" for DOC_MISSING. */
const char *expr_type_name(struct doc_value v);
/* As doc_compare(), but missing comes before null. */
int expr_compare(struct doc_value a, struct doc_value b);
/* A number that is an int32 by value. */
bool expr_as_int32(struct doc_value v, int32_t *out);

int expr_alloc(struct expr_run *run, size_t n, void **out);
int expr_bool(struct expr_run *run, bool b, struct doc_value *out);
int expr_int32(struct expr_run *run, int32_t n, struct doc_value *out);
/* The narrower of int32 and int64 that holds it. */
int expr_integer(struct expr_run *run, int64_t n, struct doc_value *out);
int expr_null(struct doc_value *out);
/* A string of n bytes that the caller writes to *text. */
int expr_string_room(struct expr_run *run, size_t n, char **text, struct doc_value *out);
int expr_string(struct expr_run *run, struct slice text, struct doc_value *out);

/* Values on their way into an array. */
struct expr_list {
	struct doc_value *at;
	size_t n, cap;
};
int expr_list_add(struct expr_run *run, struct expr_list *list, struct doc_value v);
int expr_list_fill(struct expr_run *run, struct expr_list *list, struct slice array);
/* Missing ones become null. */
int expr_list_array(struct expr_run *run, const struct expr_list *list, struct doc_value *out);

struct expr_member {
	struct slice name;
	struct doc_value v;
};
struct expr_members {
	struct expr_member *at;
	size_t n, cap;
};
int expr_member_add(
	struct expr_run *run, struct expr_members *m, struct slice name, struct doc_value v);
/* In the place of the one with that name, else at the end. */
int expr_member_set(
	struct expr_run *run, struct expr_members *m, struct slice name, struct doc_value v);
/* Missing ones are left out. */
int expr_members_object(struct expr_run *run, const struct expr_members *m, struct doc_value *out);
int expr_path_in(struct expr_run *run, struct slice document, const struct slice *names, unsigned n,
	struct doc_value *out);
/* The same in any value; n may be 0. */
int expr_path_on(struct expr_run *run, struct doc_value v, const struct slice *names, unsigned n,
	struct doc_value *out);
/* How many levels of objects and arrays a value has, `max` + 1 at most. */
unsigned expr_levels(struct doc_value v, unsigned max);

/* ---- sums (expr_number.c), also of $group ---- */

__extension__ typedef __int128 doc_wide;

/* The sum of numbers of any types: integers exactly, doubles with what rounding lost. */
struct doc_sum {
	doc_wide whole;
	double high, low; /* of doubles: their sum and what it lacks */
	double odd;	  /* of those that are no finite numbers */
	bool has_odd;
	uint8_t type; /* the widest so far; 0: none */
	bson_decimal128_t decimal;
};
void doc_sum_add(struct doc_sum *s, struct doc_value number);
/* int32 0 of nothing. */
struct doc_value doc_sum_value(const struct doc_sum *s, struct doc_arena *a);
/* Divided by a count > 0: double or decimal. */
struct doc_value doc_sum_average(const struct doc_sum *s, uint64_t n, struct doc_arena *a);
double doc_sum_double(const struct doc_sum *s);

/* The spread of numbers seen one by one. */
struct doc_spread {
	uint64_t n;
	double mean, squares;
};
void doc_spread_add(struct doc_spread *s, double x);
/* Null where there are too few. */
struct doc_value doc_spread_value(const struct doc_spread *s, bool sample, struct doc_arena *a);

#endif
