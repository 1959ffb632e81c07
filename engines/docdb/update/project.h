/* Projections of find: {"a": 1, "b.c": 0, "x": {"$slice": 3}, "y": {"$elemMatch": ..}, "z":
 * <expression>}. */
#ifndef DBMOUNT_DOCDB_PROJECT_H
#define DBMOUNT_DOCDB_PROJECT_H

#include "engines/docdb/match/match.h"

struct doc_project;

/* `find`: $slice and $elemMatch, "a.$" are known; else as $project has it (expressions, no
 * positional operators). EINVAL: inclusion and exclusion mixed, path collision. */
int doc_project_new(struct slice spec, bool find, struct doc_project **out, struct err *err);
void doc_project_free(struct doc_project *p);
/* Appends the projected document. `filter` for "a.$"; may be NULL. */
int doc_project_apply(const struct doc_project *p, struct slice document,
	const struct doc_match *filter, struct buf *out, struct err *err);
/* The same where variables are known; see match.h. Appends the projection of vars->document. */
int doc_project_new_vars(struct slice spec, bool find, const struct doc_var *known,
	struct doc_project **out, struct err *err);
int doc_project_apply_vars(const struct doc_project *p, const struct doc_vars *vars,
	const struct doc_match *filter, struct doc_arena *a, struct buf *out, struct err *err);

#endif
