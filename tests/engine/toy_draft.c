/* The toy's drafts: any JSON, as far as one can tell before its end. */
#include "engines/common/json.h"
#include "tests/engine/toy_draft.h"

void *toy_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	(void)ctx;
	(void)path;
	(void)form;
	return json_reader_new(NULL, NULL, 0, false);
}

int toy_draft_feed(void *draft, struct slice more, struct err *err)
{
	return json_feed(draft, more, err);
}

bool toy_draft_complete(const void *draft)
{
	return json_complete(draft);
}

void toy_draft_free(void *draft)
{
	json_reader_free(draft);
}
