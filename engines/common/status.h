/* Members for `.status`. 0, or -ENOMEM with err set. */
#ifndef DBMOUNT_STATUS_H
#define DBMOUNT_STATUS_H

#include <jansson.h>
#include <stdint.h>

#include "engines/common/err.h"

int status_no_memory(struct err *err);
/* Steals the values packed in `more`; NULL: it could not be packed. */
int status_add(json_t *out, json_t *more, struct err *err);
/* Nothing when it is 0. */
int status_add_time(json_t *out, const char *name, int64_t time_ns, struct err *err);
/* Adds an object that was filled with outcome rc; steals it in any case. */
int status_append(json_t *array, json_t *o, int rc, struct err *err);

#endif
