/* Times as people and services write them: "2026-11-23T02:31:05.5Z". */
#ifndef DBMOUNT_RFC3339_H
#define DBMOUNT_RFC3339_H

#include <stdint.h>

#include "engines/common/buf.h"
#include "engines/common/err.h"

#define RFC3339_MAX 40

/* In UTC or with an offset; EINVAL, InvalidParameterValue. */
int rfc3339_parse(struct slice text, int64_t *out_ns, struct err *err);
void rfc3339_print(int64_t time_ns, char out[RFC3339_MAX]);

#endif
