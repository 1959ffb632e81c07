/* Collections in memory, for pipelines under test: arrays of documents, looked through one by
 * one. */
#ifndef DBMOUNT_TESTS_DOCDB_REACH_H
#define DBMOUNT_TESTS_DOCDB_REACH_H

#include "engines/docdb/pipeline/pipeline.h"

#define MEMORY_COLLECTIONS 32

struct memory_reach {
	struct {
		struct slice name;
		struct slice documents; /* an array; borrowed */
	} at[MEMORY_COLLECTIONS];
	unsigned n;
	unsigned main; /* the one that the empty name means */
	bool sorts;    /* as an index would */
	bool counts;
	unsigned finds;
};

void memory_reach_add(struct memory_reach *m, struct slice name, struct slice documents);
struct doc_reach memory_reach_face(struct memory_reach *m, const char *tmp_dir);
/* Runs a query; appends its results as an array. */
int memory_query(struct memory_reach *m, const char *tmp_dir, struct doc_value query,
	struct buf *out, struct err *err);

#endif
