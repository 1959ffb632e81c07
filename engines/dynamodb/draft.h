/* An item's text while it is being written (engine_ops.draft_*): JSON in either
 * form. A header of its own, since json.h and jansson.h, which engine.h
 * includes, give the same names to different things. */
#ifndef DBMOUNT_DYNAMODB_DRAFT_H
#define DBMOUNT_DYNAMODB_DRAFT_H

#include "engines/common/epath.h"

void *ddb_draft_new(void *ctx, const struct epath *path, unsigned form);
int ddb_draft_feed(void *draft, struct slice more, struct err *err);
bool ddb_draft_complete(const void *draft);
void ddb_draft_free(void *draft);

#endif
