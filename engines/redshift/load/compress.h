/* Bytes on their way into a file, compressed or not. */
#ifndef DBMOUNT_REDSHIFT_COMPRESS_H
#define DBMOUNT_REDSHIFT_COMPRESS_H

#include "engines/common/buf.h"
#include "engines/redshift/sql/statement.h"

struct rs_compress;

extern const char *const rs_compress_suffixes[]; /* "", ".gz", ".bz2", ".zst" */

/* Not RS_BY_SUFFIX. `fd` stays the caller's. ENOMEM. */
int rs_compress_new(enum rs_compression how, int fd, struct rs_compress **out, struct err *err);
/* ENOSPC, EIO. */
int rs_compress_add(struct rs_compress *c, struct slice bytes, struct err *err);
/* What is left goes into the file. */
int rs_compress_end(struct rs_compress *c, struct err *err);
uint64_t rs_compress_written(const struct rs_compress *c); /* bytes in the file so far */
void rs_compress_free(struct rs_compress *c);		   /* NULL is fine */

#endif
