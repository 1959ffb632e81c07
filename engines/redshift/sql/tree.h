/* The tree of a statement: PostgreSQL's parse tree as JSON. A node is an object with one member,
 * its kind: {"ColumnRef": {"fields": […], "location": 7}}; "body" is what stands there. Members
 * that are false, 0 or "" are not there. */
#ifndef DBMOUNT_REDSHIFT_TREE_H
#define DBMOUNT_REDSHIFT_TREE_H

#include <jansson.h>
#include <stdbool.h>

#include "engines/common/buf.h"
#include "engines/redshift/driver/value.h"

const char *rs_node_kind(const json_t *node); /* "" : none */
json_t *rs_node_body(const json_t *node);     /* NULL: none */
/* Its body if it is of that kind, else NULL. */
json_t *rs_node_as(const json_t *node, const char *kind);
json_t *rs_node_new(const char *kind, json_t *body); /* steals */
/* The node becomes the other one, which it steals, where it stands. */
void rs_node_become(json_t *node, json_t *other);

const char *rs_get_text(const json_t *body, const char *member); /* "": none */
int64_t rs_get_number(const json_t *body, const char *member);
bool rs_get_flag(const json_t *body, const char *member);
bool rs_get_is(const json_t *body, const char *member, const char *text);
const char *rs_node_string(const json_t *node); /* of a String node */
json_t *rs_string_node(const char *text);
json_t *rs_text_constant(const char *text);
json_t *rs_integer_constant(int64_t value);

void rs_set_type(json_t *node, struct sql_type t);

/* The library leaves negative integers out: puts them in, from the text that was parsed. */
void rs_tree_mend(json_t *tree, const char *parsed);
/* Whether two expressions mean the same: positions do not count. */
bool rs_tree_equal(const json_t *a, const json_t *b);
/* The first byte of the expression in the text; -1: not known. */
int64_t rs_tree_location(const json_t *node);

#endif
