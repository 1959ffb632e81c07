/* A DuckDB file as it lies on the disk: three headers of 4 KiB, then blocks, each with a checksum
 * before it. The library reads a block once and keeps it, so that damage behind its back is found
 * by nobody else. */
#ifndef DBMOUNT_REDSHIFT_DUCKDB_BLOCKS_H
#define DBMOUNT_REDSHIFT_DUCKDB_BLOCKS_H

#include "engines/common/buf.h"

#define DUCK_BLOCK_SIZE 262144

/* Reads all of it. Appends the numbers of the blocks that are not what was written, as uint64_t:
 * among them may be such that nobody uses, never written or half written
 * in a crash. EIO: the file is gone,
 * or a header is damaged. What changes meanwhile is read again. */
int duck_blocks_scan(const char *path, struct buf *bad, struct err *err);

#endif
