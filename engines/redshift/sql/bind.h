/* Meaning: which column each name is, what type each expression has, by Redshift's rules.
 *
 * rs_bind_select() goes through the tree of a SELECT and writes into it what it found, as members
 * that begin with "rs_", so that plan/ and print.c need not find it again (tree.h reads them):
 *
 *   RangeVar        "rs_relation": index into rs_bound.relations, or of a CTE "rs_cte": its name;
 *                   "rs_alias": what its columns are called by, unique in the statement. A user's
 *                   view has been replaced by a RangeSubselect ("rs_view")
 *   JoinExpr        USING and NATURAL have become "quals"
 *   ColumnRef       "rs_from": [how many queries further out, which item of FROM there],
 *                   "rs_alias", "rs_column". `*` has been replaced by ColumnRefs
 *   any expression  "rs_type": [kind, size, scale]; where an operand has to become another type,
 *                   a TypeCast stands around it ("rs_implicit": true)
 *   FuncCall        "rs_function": its name in functions.h, "rs_row": which of that name;
 *                   "rs_kind": 1 an aggregate, 2 over a window (whose WINDOW names are gone)
 *   SortBy          "rs_target": which column of the select list it is; "node" is a copy of that
 *   GROUP BY        numbers and aliases have become copies of what they name
 *   SelectStmt      "rs_columns": [[name, kind, size, scale]…] of its result; "rs_grouped"
 *   CommonTableExpr "rs_name": unique in the statement
 *
 * A subquery in FROM and a CTE's query are one query further in than the SELECT they stand in; the
 * arms of a set operation are not.
 *
 * Functions are those of functions.h and no others. An error names line and column of the text that
 * was parsed: what is not there, the nearest name that is. */
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
