#ifndef DBMOUNT_TESTS_TOY_DRAFT_H
#define DBMOUNT_TESTS_TOY_DRAFT_H

#include "engines/common/epath.h"

void *toy_draft_new(void *ctx, const struct epath *path, unsigned form);
int toy_draft_feed(void *draft, struct slice more, struct err *err);
bool toy_draft_complete(const void *draft);
void toy_draft_free(void *draft);

#endif
