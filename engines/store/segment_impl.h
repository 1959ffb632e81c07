/* What segment.c and segment_reader.c share. */
#ifndef DBMOUNT_SEGMENT_IMPL_H
#define DBMOUNT_SEGMENT_IMPL_H

#include "engines/store/segment.h"

/* The path of the segment that begins with `first`, in `out`. */
const char *segment_name(const struct segments *s, uint64_t first, struct buf *out);

/* Up to `n` bytes at `offset` as the whole content of `out`; 0 or -errno. */
int segment_read(const struct segments *s, int fd, uint64_t offset, uint64_t n, struct buf *out,
	struct err *err);

#endif
