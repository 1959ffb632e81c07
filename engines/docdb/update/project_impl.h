/* Inside projections: the tree of paths, which project_parse.c makes and project.c applies. */
#ifndef DBMOUNT_DOCDB_PROJECT_IMPL_H
#define DBMOUNT_DOCDB_PROJECT_IMPL_H

#include <stdatomic.h>

#include "engines/docdb/update/project.h"

enum project_kind {
	PROJECT_TREE, /* has children */
	PROJECT_INCLUDE,
	PROJECT_EXCLUDE,
	PROJECT_EXPR,
	PROJECT_SLICE,
	PROJECT_ELEM,	  /* $elemMatch */
	PROJECT_POSITION, /* "a.$" */
};

struct project_node {
	enum project_kind kind;
	struct slice name;
	struct project_node *first; /* in the order of the specification */
	struct project_node *last;
	struct project_node *next;
	struct project_node *owner; /* the next that holds something to free */
	bool computes;	 /* it, or something below, makes fields that a document need not have */
	bool positional; /* it is PROJECT_POSITION, or has one below */
	struct doc_expr *expr;
	struct doc_match *match; /* of $elemMatch */
	int64_t skip;
	int64_t limit; /* < 0: that many from the end */
};

struct doc_project {
	struct doc_arena *arena; /* all of the tree */
	struct project_node *root;
	struct project_node *owners;
	struct slice position; /* the array of "a.$"; empty: there is none */
	bool including;	       /* what is named; else all but what is named */
	bool all;	       /* names nothing: documents stay as they are */
	bool wants_arena;
	_Atomic(struct doc_arena *) spare; /* taken, and given back */
	int64_t now_ms;
};

/* ---- project_parse.c ---- */

int project_parse(struct doc_project *p, struct slice spec, bool find, const struct doc_var *known,
	struct err *err);

#endif
