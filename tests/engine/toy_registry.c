/* Takes the place of engines/registry.c. */
#include "engines/dynamodb/dynamodb.h"
#include "tests/engine/toy.h"

const struct engine_ops *const engine_registry[] = {
	&dynamodb_sqlite_ops,
	&toy_memory_ops,
	NULL,
};
