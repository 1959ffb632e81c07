/* The names that RDS and its relatives give to what people make: instances, clusters,
 * snapshots. */
#ifndef DBMOUNT_IDENTIFIER_H
#define DBMOUNT_IDENTIFIER_H

#include "engines/common/buf.h"
#include "engines/common/err.h"

#define IDENTIFIER_MAX 255 /* the longest of any kind */

/* Checks an identifier as `parameter` ("DBInstanceIdentifier"); EINVAL with the
 * service's text. Capitals are refused too: in a tree a name is itself. */
int identifier_check(const char *parameter, struct slice name, size_t max, struct err *err);
/* The same for a command's argument, which may have capitals: out is the name as stored. */
int identifier_take(const char *parameter, const char *arg, size_t max, char *out, struct err *err);

#endif
