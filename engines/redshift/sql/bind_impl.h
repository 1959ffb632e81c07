/* What the files bind*.c share. */
#ifndef DBMOUNT_REDSHIFT_BIND_IMPL_H
#define DBMOUNT_REDSHIFT_BIND_IMPL_H

#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/bind.h"
#include "engines/redshift/sql/functions.h"
#include "engines/redshift/sql/tree.h"

/* A column that can be written with its name alone. */
struct bind_name {
	const char *name;
	json_t *expression; /* what it stands for, a bound one; owned */
	bool hidden;
};

struct bind_names {
	struct bind_name *of;
	size_t n, cap;
};

/* A FROM item: what stands before a point. */
struct bind_item {
	const char *alias;		    /* as the user calls it; the tree's */
	const char *schema;		    /* "": has none */
	char *printed;			    /* unique in the statement */
	struct rs_relation_column *columns; /* as the user calls them */
	size_t n_columns;
	const struct rs_relation *relation; /* whose names the columns have; or */
	const json_t *actual;		    /* "rs_columns"; or NULL: their own */
};

struct bind_cte {
	const char *name; /* the user's; the tree's */
	char *printed;
	json_t *columns; /* "rs_columns" of its query; borrowed */
	struct bind_cte *outer;
};

/* A SELECT while its names are looked up. A subquery's `outer` is the one it stands in. */
struct bind_scope {
	struct bind_scope *outer;
	struct bind_cte *ctes;
	struct bind_item *items;
	size_t n_items, cap_items;
	size_t first_item; /* ON: only what is joined there can be named */
	struct bind_names names;
	json_t *targets;  /* whose aliases may be named; NULL: none yet */
	size_t n_targets; /* how many of them have been bound */
	json_t *windows;  /* WINDOW w AS (…) */
	const char *clause;
	bool aggregates_allowed, windows_allowed;
	bool aggregates, windows_seen; /* there were some */
	unsigned in_aggregate;
};

struct binder {
	struct slice text;
	const struct rs_resolver *resolver;
	struct rs_bound *bound;
	json_t *printed_names; /* a set */
	json_t *views;	       /* those that are being looked into */
	bool failed;	       /* no memory */
	struct err *err;
};

/* "line 1, column 8: …"; location -1: without. -code. */
int bind_fail(struct binder *b, int code, int64_t location, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
int bind_no_memory(struct binder *b);
/* A name for SQL that no other has: alias, alias_2, … */
char *bind_unique(struct binder *b, const char *alias);

/* bind_names.c */
int bind_column(struct binder *b, struct bind_scope *s, json_t *node);
int bind_star(struct binder *b, struct bind_scope *s, json_t *target, json_t *out);
int bind_names_add(
	struct binder *b, struct bind_names *names, const char *name, json_t *steals, bool hidden);
void bind_names_clear(struct bind_names *names);
json_t *bind_item_column(const struct bind_scope *s, size_t item, size_t column);

/* bind_from.c */
int bind_from(struct binder *b, struct bind_scope *s, json_t *from);
void bind_scope_clear(struct bind_scope *s);

/* bind_select.c: a SelectStmt's body. */
int bind_select(struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select);
/* Names of the result are these; as many as there are at most. */
int bind_rename(struct binder *b, json_t *select, const json_t *names, int64_t location);
struct sql_type bind_column_type(const json_t *column); /* an element of "rs_columns" */

/* bind_setop.c */
int bind_setop(struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select);
int bind_values(struct binder *b, struct bind_scope *outer, struct bind_cte *ctes, json_t *select);

/* That column of the result becomes the type, in all arms. */
int bind_cast_column(struct binder *b, json_t *select, size_t column, struct sql_type to);

/* bind_group.c */
int bind_group(struct binder *b, struct bind_scope *s, json_t *select);
int bind_order(struct binder *b, struct bind_scope *s, json_t *select);
int bind_sort_list(struct binder *b, struct bind_scope *s, json_t *list);
int bind_check_grouped(struct binder *b, struct bind_scope *s, json_t *select);

/* bind_expression.c */
int bind_expression(struct binder *b, struct bind_scope *s, json_t *node);
int bind_list(struct binder *b, struct bind_scope *s, json_t *list);
int bind_condition(struct binder *b, struct bind_scope *s, json_t *node, const char *clause);
int bind_subquery(struct binder *b, struct bind_scope *s, json_t *node);
int bind_case(struct binder *b, struct bind_scope *s, json_t *node);

/* bind_operator.c */
int bind_operator(struct binder *b, struct bind_scope *s, json_t *node);
/* Makes both sides comparable. */
int bind_comparable(struct binder *b, json_t *left, json_t *right, const char *what);

/* bind_function.c */
int bind_function(struct binder *b, struct bind_scope *s, json_t *node);
int bind_window(struct binder *b, struct bind_scope *s, json_t *call);

/* bind_type.c */
int bind_type_name(struct binder *b, const json_t *type_name, struct sql_type *out);
/* Around the node where it stands, unless it is of that type. A text without type is read. */
int bind_become(struct binder *b, json_t *node, struct sql_type to);
int bind_explicit_cast(struct binder *b, json_t *node, struct sql_type to);
/* Whether a value may become that by itself. */
bool bind_may_become(struct sql_type from, struct sql_type to);
/* The type both can become; false: there is none. */
bool bind_unify(struct sql_type a, struct sql_type b, struct sql_type *out);
int bind_unify_all(
	struct binder *b, json_t *const *nodes, size_t n, const char *what, struct sql_type *out);
bool bind_is_text(enum sql_kind kind); /* and has a type */
bool bind_is_integer(enum sql_kind kind);
bool bind_is_float(enum sql_kind kind);
bool bind_has_call(const json_t *node, int kind);   /* 1: an aggregate, 2: over a window */
bool bind_is_time(enum sql_kind kind);		    /* TIMESTAMP, TIMESTAMPTZ */
struct sql_type bind_decimal_of(struct sql_type t); /* what an integer is as DECIMAL */
const char *bind_type_text(struct sql_type t, char room[64]);

#define BIND_TYPE(k) ((struct sql_type){.kind = (k)})

#endif
