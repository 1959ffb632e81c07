/* What compressed files hold, as it comes: gzip, bzip2, zstd; several members one after the other.
 */
#ifndef DBMOUNT_REDSHIFT_DECOMPRESS_H
#define DBMOUNT_REDSHIFT_DECOMPRESS_H

#include "engines/common/buf.h"
#include "engines/redshift/sql/statement.h"

struct rs_decompress;

/* Takes pieces of what the file holds. */
typedef int rs_bytes_fn(void *arg, struct slice bytes, struct err *err);

/* Not RS_BY_SUFFIX. NULL: no memory. */
struct rs_decompress *rs_decompress_new(enum rs_compression how, rs_bytes_fn *fn, void *arg);
void rs_decompress_free(struct rs_decompress *d); /* NULL is fine */
/* EINVAL: it is not of that compression; what fn returned. */
int rs_decompress_feed(struct rs_decompress *d, struct slice bytes, struct err *err);
/* EINVAL: the file is cut off. */
int rs_decompress_end(struct rs_decompress *d, struct err *err);

#endif
