/* Aggregation expressions: "$a.b", {"$add": [..]}, "$$ROOT", literals. */
#ifndef DBMOUNT_DOCDB_EXPR_H
#define DBMOUNT_DOCDB_EXPR_H

#include "engines/docdb/order/order.h"

struct doc_expr;

/* Variables while an expression is evaluated: ROOT and CURRENT are the document, NOW is fixed
 * for a query; $let, $map, $filter, $reduce and $lookup's let add theirs, innermost first. */
struct doc_vars {
	struct slice document;
	int64_t now_ms;
	const struct doc_var *more;
};
struct doc_var {
	struct slice name;
	struct doc_value value;
	const struct doc_var *next;
};

/* Compiles (copies). EINVAL in the service's words: "Unrecognized expression '$foo'" and the
 * nearest known one, wrong number of arguments, undefined variables (`known` names those of
 * $lookup's let; may be NULL). */
int doc_expr_new(
	struct doc_value spec, const struct doc_var *known, struct doc_expr **out, struct err *err);
void doc_expr_free(struct doc_expr *e);
/* The value, in the arena or the document; DOC_MISSING is one. EINVAL with what failed.
 * Thread-safe. */
int doc_expr_eval(const struct doc_expr *e, const struct doc_vars *vars, struct doc_arena *a,
	struct doc_value *out, struct err *err);
/* A field path ("a.b", without "$") as expressions read it: through arrays, an array. */
struct doc_value doc_expr_path(struct slice document, struct slice path, struct doc_arena *a);
/* What a condition takes for true: all but false, null, missing, zero. */
bool doc_is_true(struct doc_value v);

/* ---- add_fields.c: $addFields, $set of a pipeline, also as an update has it ---- */

struct doc_fields;

/* {"a": <expression>, "b.c": <expression>, "d": {"e": <expression>}}. EINVAL: paths collide, a bad
 * path or expression. */
int doc_fields_new(
	struct slice spec, const struct doc_var *known, struct doc_fields **out, struct err *err);
void doc_fields_free(struct doc_fields *f);
/* Appends vars->document with the fields set; $$REMOVE takes one away. */
int doc_fields_apply(const struct doc_fields *f, const struct doc_vars *vars, struct doc_arena *a,
	struct buf *out, struct err *err);

#endif
