/* Whether anything is in an object or a set twice. */
#ifndef DBMOUNT_DYNAMODB_UNIQUE_H
#define DBMOUNT_DYNAMODB_UNIQUE_H

#include "engines/dynamodb/tree.h"

enum ddb_by { DDB_BY_NAME, DDB_BY_TEXT };

/* Two children with the same name or text; both NULL when there are none. */
struct ddb_twice {
	const struct ddb_node *first;
	const struct ddb_node *second; /* the first in the text that repeats one before it */
};

/* False when memory ran out. */
bool ddb_find_twice(const struct ddb_node *node, enum ddb_by by, struct ddb_twice *out);

#endif
