/* Meaning: which column each name is, what type each expression has, by Redshift's rules.
 *
 * rs_bind() goes through the tree of a SELECT (INSERT, UPDATE, DELETE, MERGE: of their parts) and
 * writes into it what it found, as members that begin with "rs_", so that plan/ and print.c need
 *not find it again:
 *
 *	RangeVar    "rs_relation": index into rs_bound.relations; "rs_alias": what its columns are
 *called by; a CTE's name: "rs_cte": its name. A user's view has been replaced by a RangeSubselect
 *	ColumnRef   "rs_from": [how many queries further out, index of the FROM item there],
 *"rs_column": name.
 *	            `*` has been replaced by ColumnRefs
 *	any expression  "rs_type": [kind, size, scale]; where an operand has to become another type,
 *a TypeCast stands around it ("rs_implicit": true) FuncCall    "rs_function": its name in
 *functions.h SelectStmt  "rs_columns": [[name, kind, size, scale]…] of its result
 *
 * Functions are those of functions.h and no others. An error names line and column of the text that
 *was parsed: what is not there, the nearest name that is. */
#ifndef DBMOUNT_REDSHIFT_BIND_H
#define DBMOUNT_REDSHIFT_BIND_H

#include "engines/redshift/sql/relation.h"

struct rs_bound {
	const struct rs_relation **relations; /* each FROM item of its own, in order of the text */
	unsigned n_relations;
	struct rs_relation_column *columns; /* of the result; names are the tree's */
	unsigned n_columns;
};

/* `tree`: a SelectStmt. `text`: what it was parsed from, for positions. EINVAL, ENOENT, ENOTSUP. */
int rs_bind_select(json_t *tree, struct slice text, const struct rs_resolver *resolver,
	struct rs_bound *out, struct err *err);
void rs_bound_clear(struct rs_bound *b);
/* An expression over the columns of one relation (NULL: of none: a default), which becomes `to`. */
int rs_bind_expression(json_t **tree, const struct rs_relation *over,
	const struct rs_resolver *resolver, struct sql_type to, struct err *err);
/* The type that is written into an expression of a bound tree. */
struct sql_type rs_type_of(const json_t *expression);
/* A fresh TypeCast node around an expression (steals it). */
json_t *rs_cast(json_t *expression, struct sql_type to);

#endif
