/* Documents and values at random, of every type, with many that are equal or nearly so. */
#ifndef DBMOUNT_TESTS_DOC_RANDOM_H
#define DBMOUNT_TESTS_DOC_RANDOM_H

#include "engines/docdb/values/value.h"

/* Numbers that lie close to one another in value, of all four types. */
struct doc_value random_number(struct doc_arena *a);
/* Any type; documents and arrays as deep as `depth` says. Texts and names are few and short. */
struct doc_value random_value(struct doc_arena *a, unsigned depth);
/* The same that an _id can be. */
struct doc_value random_id(struct doc_arena *a);
/* A value equal to v, of other types within where there are any. */
struct doc_value equal_value(struct doc_arena *a, struct doc_value v);
/* Of one line of text, which must be well-formed. */
struct doc_value decimal_of(struct doc_arena *a, const char *text);
struct doc_value value_of(struct doc_arena *a, const char *ejson);

#endif
