/* Filters: which documents a query means. */
#ifndef DBMOUNT_DOCDB_MATCH_H
#define DBMOUNT_DOCDB_MATCH_H

#include "engines/docdb/expr/expr.h"

struct doc_match;

/* Compiles a filter document (copied): $eq $ne $gt $gte $lt $lte $in $nin; $and $or $nor $not;
 * $exists $type; $all $elemMatch $size; $regex $options, a regular expression as a value, $mod,
 * $expr, $comment; $bitsAllSet and its kin. EINVAL names the operator or path and what would be
 * accepted ("unknown operator: $foo", with the nearest known one). */
int doc_match_new(struct slice filter, struct doc_match **out, struct err *err);
void doc_match_free(struct doc_match *m);
/* 1, 0; -errno with err set: an expression failed, or memory ran out. Thread-safe. */
int doc_matches(const struct doc_match *m, struct slice document, struct err *err);
/* The same where variables are known ($lookup's let, $$NOW): `known` for compiling, may be NULL;
 * `vars` for matching vars->document, its arena for what $expr makes (not cleared). */
int doc_match_new_vars(
	struct slice filter, const struct doc_var *known, struct doc_match **out, struct err *err);
int doc_matches_vars(const struct doc_match *m, const struct doc_vars *vars, struct doc_arena *a,
	struct err *err);
bool doc_match_all(const struct doc_match *m); /* an empty filter */

/* For planning: what the filter demands of one path, in conjunction. Each interval is of
 * values that an index entry may have; a document that matches has an entry in one of
 * them. False: nothing is demanded of this path that an index could use. */
struct doc_interval {
	struct doc_value low, high; /* DOC_MISSING: open on that side, but within the bracket */
	bool low_open, high_open;   /* the bound itself does not belong */
};
struct doc_intervals {
	struct doc_interval *at; /* sorted, disjoint; borrowed from the match */
	unsigned n;
	bool exact; /* all entries within satisfy this path's conditions */
};
/* `arrays`: the path leads to or through an array in some document. Then {$gt: 3, $lt: 5} is met by
 * [1, 9], no element of which lies between: the intervals are those of one of the conditions
 * ($elemMatch apart); else those of all. The entries of a document are (order.h): of a missing
 * field null; of an array one for each element and none for itself; of [] one, undefined. So {a:
 * []} wants [undefined, undefined] and [[], []]; {a: [1, 2]} wants the first element and [[1, 2],
 * [1, 2]]. */
bool doc_match_intervals(
	const struct doc_match *m, struct slice path, bool arrays, struct doc_intervals *out);
/* Whether every document that m matches is matched by `wider`, as far as can be told: for partial
 * indexes. */
bool doc_match_implies(const struct doc_match *m, const struct doc_match *wider);
/* The top-level equalities (path, value) of a filter, for upserts and for sharding a plan. */
typedef int doc_equality_fn(void *arg, struct slice path, struct doc_value v);
int doc_match_equalities(const struct doc_match *m, doc_equality_fn *fn, void *arg);

#endif
