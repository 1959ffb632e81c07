/* The functions that SQL can call: names, arguments, results, and how a driver's dialect writes
 * them. Nothing else can be called, so that no text of a user reaches what a driver has of its own.
 *
 * `arguments`, a letter each:
 *   t text  i INTEGER  l BIGINT  I an integer, as it is  c DECIMAL  d DOUBLE  b BOOLEAN
 *   D DATE  T TIMESTAMP  v INTERVAL  x anything  n a number, as it is  s all of one type
 *   p a part of a date, which may be written without quotes  k a text that is written out
 *   * behind a letter: any number of further ones
 * `result`: a letter of these (t i l d b D T v), 1 the first argument's type, or a word of
 * functions.c.
 * How it is written: $1 an argument, $* all, $s $z scale and size of the result, $a scale and $A
 * size of the first argument, $d "DISTINCT ", $c COLLATE decimal where the first argument needs it;
 * {…} is the call that FILTER and OVER belong to; "@x" print_call.c knows it; NULL: this dialect
 * has none (ENOTSUP). */
#ifndef DBMOUNT_REDSHIFT_FUNCTIONS_H
#define DBMOUNT_REDSHIFT_FUNCTIONS_H

#include <jansson.h>

#include "engines/redshift/driver/value.h"

enum rs_function_kind { RS_SCALAR, RS_AGGREGATE, RS_WINDOW };

struct rs_function {
	const char *name;
	enum rs_function_kind kind;
	const char *arguments;
	const char *result;
	const char *duckdb;
	const char *sqlite;
};

extern const struct rs_function rs_functions[]; /* sorted by name; ends with a NULL */
extern const unsigned rs_n_functions;

/* The first of that name (others may follow it); rs_n_functions: none. */
unsigned rs_function_find(const char *name);
/* The one of them that suits the arguments best; rs_n_functions: none. */
unsigned rs_function_choose(const char *name, json_t *const *args, size_t n);
/* The result's type by a function's rule. */
struct sql_type rs_function_result(
	const struct rs_function *f, const struct sql_type *arguments, unsigned n);
/* 'mon', 'months', … as "month"; NULL: no part of a date. */
const char *rs_date_part(const char *text);

#endif
