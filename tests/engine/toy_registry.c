/* Takes the place of engines/registry.c. */
#include "engines/docdb/docdb.h"
#include "engines/dynamodb/dynamodb.h"
#include "tests/engine/toy.h"
#include "tests/engine/toy_keys.h"

const struct engine_ops *const engine_registry[] = {
	&docdb_sqlite_ops,
	&dynamodb_sqlite_ops,
	&toy_keys_ops,
	&toy_memory_ops,
	NULL,
};
