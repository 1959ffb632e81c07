/* A draft knows only whether its text is, or can still become, one JSON value:
 * what the item says is checked when it is whole. */
#include "engines/common/json.h"
#include "engines/dynamodb/dynamodb.h"

void *ddb_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	(void)ctx;
	(void)path;
	(void)form;
	return json_reader_new(NULL, NULL, 0, false);
}

int ddb_draft_feed(void *draft, struct slice more, struct err *err)
{
	return json_feed(draft, more, err);
}

bool ddb_draft_complete(const void *draft)
{
	return json_complete(draft);
}

void ddb_draft_free(void *draft)
{
	json_reader_free(draft);
}
