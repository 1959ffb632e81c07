/* Inside updates. All operators' paths make one tree, each node's children in the order in which
 * the service makes fields; a document is copied along it, member by member. */
#ifndef DBMOUNT_DOCDB_UPDATE_IMPL_H
#define DBMOUNT_DOCDB_UPDATE_IMPL_H

#include "engines/docdb/update/project.h"
#include "engines/docdb/update/update.h"

enum update_op {
	UPDATE_TREE, /* has children */
	UPDATE_SET,
	UPDATE_SET_ON_INSERT,
	UPDATE_UNSET,
	UPDATE_INC,
	UPDATE_MUL,
	UPDATE_MIN,
	UPDATE_MAX,
	UPDATE_RENAMED, /* where $rename takes from */
	UPDATE_RENAME,	/* where it puts to */
	UPDATE_CURRENT_DATE,
	UPDATE_BIT,
	UPDATE_PUSH,
	UPDATE_ADD_TO_SET,
	UPDATE_POP,
	UPDATE_PULL,
	UPDATE_PULL_ALL,
};

/* $push beside $each. */
struct update_push {
	bool has_slice;
	bool has_position;
	int64_t slice;
	int64_t position;
	int whole;	   /* sort elements themselves: 1, -1 */
	struct slice sort; /* {field: 1|-1, ..}, empty: none */
};

struct update_node {
	enum update_op op;
	struct slice name; /* of $[x]: x */
	struct update_node *first;
	struct update_node *next;
	struct update_node *positional;	    /* "$" */
	struct update_node *filtered;	    /* "$[]", "$[x]", by next */
	struct update_node *owner;	    /* the next that holds something to free */
	const struct update_filter *filter; /* of $[x]; NULL: each element */
	struct doc_value value;		    /* the operand; of $each the array */
	struct slice from;		    /* $rename */
	bool each;
	bool timestamp; /* $currentDate */
	const struct update_push *push;
	struct doc_match *match; /* $pull */
	bool match_objects;	 /* it is about elements that are documents */
};

struct update_filter {
	struct slice name;
	struct doc_match *match;
	bool used;
	struct update_filter *next;
};

enum update_stage_kind { STAGE_FIELDS, STAGE_PROJECT, STAGE_REPLACE };

struct update_stage {
	enum update_stage_kind kind;
	struct doc_fields *fields;
	struct doc_project *project;
	struct doc_expr *expr;
	struct update_stage *next;
};

enum update_form { UPDATE_OPERATORS, UPDATE_REPLACEMENT, UPDATE_PIPELINE };

struct doc_update {
	enum update_form form;
	struct doc_arena *arena;
	struct update_node *root;
	struct update_node *owners;
	struct update_filter *filters;
	struct update_stage *stages; /* first to last */
	struct slice replacement;
};

/* ---- update_path.c ---- */

struct update_parser {
	struct doc_update *u;
	struct doc_arena *arena;
	struct err *err;
};

/* A new node at the end of the path, which none there contradicts: EINVAL, the conflict. */
int update_path_add(struct update_parser *p, struct update_node *root, struct slice path,
	struct update_node **out);
struct update_node *update_node_new(struct doc_arena *a, struct slice name);
/* What both are: a tree of both's children. NULL: they contradict, or memory ran out. */
struct update_node *update_merge(
	struct doc_arena *a, const struct update_node *x, const struct update_node *y);
/* A copy with "$" being the child of that index. */
struct update_node *update_place(
	struct doc_arena *a, const struct update_node *node, uint32_t index);

/* ---- update_operand.c ---- */

typedef int update_operand_fn(
	struct update_parser *p, struct update_node *node, struct slice path, struct doc_value v);
struct update_operator {
	const char *name;
	enum update_op op;
	update_operand_fn *parse; /* NULL: any value */
};
const struct update_operator *update_operator_find(struct slice name);
const char *update_operator_name(enum update_op op);
const char *update_operator_at(unsigned i); /* NULL behind the last */

/* ---- applying ---- */

struct update_job {
	const struct doc_update *u;
	struct slice document; /* as it was */
	const struct doc_match *filter;
	int64_t now_ms;
	bool insert;
	unsigned arrays; /* gone into on the way */
	struct buf path; /* to where the work is */
	struct doc_arena *arena;
	struct err *err;
};

/* {_id: 1}, for messages; in the arena. */
const char *update_id(struct update_job *j);
int update_refuse(struct update_job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The path at hand, for messages. */
const char *update_here(struct update_job *j);
/* Each puts what comes of `old` (may be missing) under the name. */
int update_number(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out);
int update_array(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out);
/* A tree over a document: appends the document that comes of it. */
int update_tree(struct update_job *j, const struct update_node *root, struct slice document,
	struct buf *out);
/* update_pipeline.c */
int update_parse_pipeline(struct update_parser *p, struct slice stages);
int update_pipeline(struct update_job *j, struct buf *out);
void update_pipeline_free(struct doc_update *u);

#endif
