/* The list of what is built in, and nothing else: a test program may bring another. */
#include "engines/cache/service.h"
#include "engines/docdb/docdb.h"
#include "engines/dynamodb/dynamodb.h"
#include "engines/rds/rds.h"
#include "engines/redshift/service/service.h"
#include "engines/engine.h"

/* Sorted by service, then backend; the first of a service is its default. */
const struct engine_ops *const engine_registry[] = {
	&cache_sqlite_ops,
	&docdb_sqlite_ops,
	&dynamodb_sqlite_ops,
	&rds_sqlite_ops,
	&redshift_ops,
	NULL,
};
