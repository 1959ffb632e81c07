/* Inside filters: the compiled tree, which match_parse.c makes, match.c walks and
 * match_plan.c reads for planning.
 *
 * A node with a path is about what the path leads to in a document; a node without one is
 * about a value itself ($elemMatch: {$gt: 3}). Whatever is negated is a MATCH_NOR above its
 * positive form, so only positive conditions walk paths and "any element will do" is said
 * once. */
#ifndef DBMOUNT_DOCDB_MATCH_IMPL_H
#define DBMOUNT_DOCDB_MATCH_IMPL_H

#include <stdatomic.h>

#include "engines/docdb/match/match.h"

enum match_op {
	/* of the children */
	MATCH_AND,
	MATCH_OR,
	MATCH_NOR,
	/* of the document */
	MATCH_EXPR,
	MATCH_NEVER,
	/* of values: an array's elements, too */
	MATCH_EQ,
	MATCH_LT,
	MATCH_LTE,
	MATCH_GT,
	MATCH_GTE,
	MATCH_IN,
	MATCH_REGEX,
	MATCH_MOD,
	MATCH_TYPE,
	MATCH_BITS_ALL_SET,
	MATCH_BITS_ALL_CLEAR,
	MATCH_BITS_ANY_SET,
	MATCH_BITS_ANY_CLEAR,
	/* of what stands there, arrays whole */
	MATCH_EXISTS,
	MATCH_SIZE,
	MATCH_ELEM_VALUE,
	MATCH_ELEM_OBJECT,
};

struct match_part {
	struct slice name;
	int64_t index; /* what it is as an array's index; -1: none */
};

struct match_path {
	struct slice text;
	struct match_part *part;
	unsigned n;
};

struct match_regex;

struct match_node {
	enum match_op op;
	const struct match_path *path; /* NULL: of the value itself */
	struct match_node *first;      /* children; regular expressions of an $in */
	struct match_node *last;
	struct match_node *next;
	struct match_node *owner; /* the next that holds something to free */
	struct doc_value value;	  /* the operand of comparisons; the spec of $expr */
	unsigned bracket;	  /* of value */
	bool nan;		  /* value is */
	/* $in: sorted; $bits: none */
	const struct doc_value *in;
	unsigned n_in;
	bool in_null;
	uint64_t types; /* $type: match_type_bit() */
	int64_t number; /* $size; the remainder of $mod */
	int64_t divisor;
	const uint32_t *bits; /* positions */
	unsigned n_bits;
	struct match_regex *regex;
	struct doc_expr *expr;
};

/* What a path's conditions come to, for both values of `arrays`. */
struct match_plan {
	struct slice path;
	bool arrays;
	struct doc_intervals intervals;
	struct match_plan *next;
};

struct doc_match {
	struct doc_arena *arena; /* all of the tree */
	struct match_node *root; /* a MATCH_AND */
	struct match_node *owners;
	struct match_plan *plans;
	bool wants_arena;		   /* there is an $expr */
	_Atomic(struct doc_arena *) spare; /* for it; taken, and given back */
	int64_t now_ms;			   /* $$NOW, when the caller has no variables */
};

/* ---- match_parse.c, match_operand.c ---- */

struct match_parser {
	struct doc_match *m;
	const struct doc_var *known;
	struct err *err;
	unsigned nested; /* in so many $elemMatch */
};

struct match_node *match_node_new(
	struct match_parser *p, enum match_op op, const struct match_path *path);
/* Appends to a parent's children, in order. */
void match_node_add(struct match_node *parent, struct match_node *child);
/* Takes what must be freed with the filter. */
void match_node_own(struct match_parser *p, struct match_node *node);
int match_parse_filter(struct match_parser *p, struct slice filter, struct match_node *parent);
/* {$gt: 3, $lt: 5} of a path (NULL: of a value). */
int match_parse_operators(struct match_parser *p, const struct match_path *path,
	struct slice operators, struct match_node *parent);
/* Equality, but a regular expression is one. */
int match_parse_value(struct match_parser *p, const struct match_path *path, struct doc_value v,
	struct match_node *parent);
/* What an $elemMatch demands of an element: a node without its path. */
int match_parse_element(struct match_parser *p, struct doc_value spec, struct match_node **out);
/* Whether it is an object that begins with an operator. {$ref: ..} is none: it is a DBRef. */
bool match_is_operators(struct doc_value v);
int match_no_memory(struct match_parser *p);
/* A name that is an array's index; -1. */
int64_t match_index_of(struct slice name);

/* The operators that take no others, by name. */
typedef int match_operand_fn(struct match_parser *p, struct match_node *node, struct doc_value v);
struct match_operand {
	const char *name;
	enum match_op op;
	bool negated;
	match_operand_fn *parse;
};
const struct match_operand *match_operand_find(struct slice name);
const char *match_operand_name(unsigned i); /* NULL behind the last */
int match_operand_set(struct match_parser *p, struct match_node *node, struct doc_value v);

/* ---- match_regex.c ---- */

/* Compiles. `options` as the service has them. */
int match_regex_new(
	struct slice pattern, struct slice options, struct match_regex **out, struct err *err);
void match_regex_free(struct match_regex *r);
/* 1, 0, -errno. Strings and symbols are searched; a regular expression equals itself. */
int match_regex_test(struct match_regex *r, struct doc_value v, struct err *err);
/* What every string that it matches begins with; false: nothing is known. *whole: and all strings
 * that begin so match. */
bool match_regex_prefix(const struct match_regex *r, struct buf *prefix, bool *whole);
bool match_regex_same(const struct match_regex *a, const struct match_regex *b);
/* The two parts of a value of type REGEX. */
void match_regex_split(struct doc_value v, struct slice *pattern, struct slice *options);
/* Appends it as such a value. */
void match_regex_put(const struct match_regex *r, struct buf *out);

/* ---- match_leaf.c ---- */

uint64_t match_type_bit(uint8_t type);
bool match_is_nan(struct doc_value v);
/* As doc_bracket(), with undefined where null is. */
unsigned match_bracket(uint8_t type);
/* One condition (MATCH_EQ .. MATCH_SIZE) of one value: 1, 0, -errno. */
int match_leaf(const struct match_node *node, struct doc_value v, struct err *err);

/* ---- match.c ---- */

/* Whether the document {NAME: v} matches, all of whose conditions are about NAME. */
int match_field(const struct doc_match *m, struct doc_value v, struct err *err);
/* Whether v satisfies a filter that match_new_element() made: as $elemMatch takes it. */
int match_new_element(struct doc_value spec, const struct doc_var *known, struct doc_match **out,
	struct err *err);
int match_element(const struct doc_match *m, struct doc_value v, struct err *err);
/* Matches, and says by which element of the array at `path`: 1 and its index; -1 none was needed. A
 * filter that used another array says that one's. */
int match_position(const struct doc_match *m, struct slice document, struct slice path,
	int64_t *index, struct err *err);

/* ---- match_interval.c: sorted, disjoint intervals, each within one bracket ---- */

struct match_set {
	struct doc_interval *at;
	unsigned n;
};

/* Brings any intervals in order and unites them. */
void match_set_settle(struct match_set *s);
int match_set_intersect(struct doc_arena *a, const struct match_set *x, const struct match_set *y,
	struct match_set *out);
int match_set_unite(struct doc_arena *a, const struct match_set *x, const struct match_set *y,
	struct match_set *out);
bool match_set_within(const struct match_set *inner, const struct match_set *outer);
/* Less is narrower, as far as that can be told of the intervals alone. */
unsigned match_set_width(const struct match_set *s);

/* ---- match_plan.c ---- */

int match_plan(struct doc_match *m, struct err *err);
/* What a leaf demands of the values it is about; `entries`: of the entries that an index has
 * for them. 1, 0: nothing, -ENOMEM. */
int match_leaf_set(struct doc_arena *a, const struct match_node *node, bool entries,
	struct match_set *out, bool *exact);

#endif
