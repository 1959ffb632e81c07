/* A DuckDB file as it lies on the disk: three headers of 4 KiB, then blocks, each with a checksum
 * before it. The library reads a block once and keeps it, so that damage behind its back is found
 * by nobody else. */
#ifndef DBMOUNT_REDSHIFT_DUCKDB_BLOCKS_H
#define DBMOUNT_REDSHIFT_DUCKDB_BLOCKS_H

#include "engines/common/err.h"

#define DUCK_BLOCK_SIZE 262144

/* Reads all of it. EIO: what is wrong, or the file is gone. A block that changes meanwhile is read
 * again. */
int duck_blocks_verify(const char *path, struct err *err);

#endif
