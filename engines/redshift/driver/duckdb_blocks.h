/* A DuckDB file as it lies on the disk: three headers of 4 KiB, then blocks, each with a checksum
 * before it. The library reads a block once and keeps it, so that damage behind its back is found
 * by nobody else. */
#ifndef DBMOUNT_REDSHIFT_DUCKDB_BLOCKS_H
#define DBMOUNT_REDSHIFT_DUCKDB_BLOCKS_H

#include <stdbool.h>

#include "engines/common/buf.h"

#define DUCK_BLOCK_SIZE 262144

/* Reads all of it. Appends the numbers of the blocks that are not what was written, as uint64_t:
 * among them may be such that nobody uses, never written or half written in a crash. `is_short`: it
 * ends before the last block that its header counts, which may be a free one or was cut off. EIO:
 * the file is gone, or a header is damaged. What changes meanwhile is read again. */
int duck_blocks_scan(const char *path, struct buf *bad, bool *is_short, struct err *err);
/* Reads the headers only. EIO: the file is gone, or one is damaged. */
int duck_blocks_peek(const char *path, struct err *err);
/* Whether the file goes on to the end of that block; -1: of the headers. */
bool duck_blocks_reach(const char *path, int64_t block);

#endif
