/* Rows on their way from an import's text to its one transaction: sorted runs,
 * the last in memory, earlier ones in a file without a name. Memory stays
 * constant, and each run is stored in key order. */
#ifndef DBMOUNT_DYNAMODB_SPOOL_H
#define DBMOUNT_DYNAMODB_SPOOL_H

#include "engines/dynamodb/dynamodb.h"

struct ddb_spool;

/* `dir`: where the file goes when one is needed. NULL: no memory. */
struct ddb_spool *ddb_spool_new(const char *dir);
void ddb_spool_free(struct ddb_spool *s);

/* Where in the imported text the row came from. */
struct ddb_origin {
	uint64_t number;
	uint64_t line;
};

/* ENOSPC, EIO, ENOMEM. */
int ddb_spool_add(struct ddb_spool *s, const struct ddb_row *row, const struct ddb_origin *origin,
	struct err *err);

/* Calls for each row, run after run; within a run by pk, then sk, rows of equal
 * keys in the order they were added, as whole runs are. So the last of a key
 * comes last. Non-zero stops and is returned. */
typedef int ddb_spool_fn(
	void *arg, const struct ddb_row *row, const struct ddb_origin *origin, struct err *err);
int ddb_spool_each(struct ddb_spool *s, ddb_spool_fn *fn, void *arg, struct err *err);

#endif
