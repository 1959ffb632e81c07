/* A query that runs: a chain of stages, each pulling documents from the one before.
 * Memory stays constant but for what $group holds a group; sorts and what must be
 * looked at twice go to a file without a name when they are large (sorter.c, spill.h). */
#ifndef DBMOUNT_DOCDB_PIPELINE_H
#define DBMOUNT_DOCDB_PIPELINE_H

#include "engines/docdb/expr/expr.h"
#include "engines/docdb/match/match.h"

/* Where documents come from: next gives 1 and a document that stays until the next call, 0 at the
 * end, -errno. */
struct doc_cursor {
	int (*next)(struct doc_cursor *s, struct slice *document, struct err *err);
	void (*close)(struct doc_cursor *s); /* frees s */
};

/* What a pipeline asks of the collection it runs over; filled by the engine. */
struct doc_reach {
	/* All documents of a collection (the empty slice: the one the query is for) that match, by
	 * an index where one helps, in the order of `sort` if *sorted comes back true. match, sort
	 * may be NULL/empty. ENOENT is no error: no documents. The cursor is closed before the
	 * transaction ends. */
	int (*find)(void *arg, struct slice collection, const struct doc_match *match,
		struct slice sort, bool *sorted, struct doc_cursor **out, struct err *err);
	/* Appends how `find` would do it as one document: {"stage": "IXSCAN", "indexName": ..,
	 * "keysExamined": n, ..}; with "sorted": true where it would serve the sort. */
	int (*explain)(void *arg, struct slice collection, const struct doc_match *match,
		struct slice sort, struct buf *out, struct err *err);
	/* How many, by an index or a count that is kept; where that is not known: -1. */
	int64_t (*count)(void *arg, struct slice collection);
	void *arg;
	const char *tmp_dir; /* for sorters */
	int64_t now_ms;
};

struct doc_query;

/* Compiles the text of a .query/NAME.json, already BSON: a find {"filter", "sort", "projection",
 * "skip", "limit"}, as a command too ({"find": "c", ..}); an aggregation: an array of stages,
 * {"pipeline": [..]},
 * {"aggregate": "c", "pipeline": ..}; {"distinct": "field", "query": ..}, {"count": .., "query":
 * ..}. EINVAL names what is wrong. Stages: $match $project $addFields $set $unset $group $sort
 * $limit $skip $unwind $count $lookup $replaceRoot $replaceWith $sortByCount $sample $facet $bucket
 * $unionWith. */
int doc_query_new(struct doc_value spec, struct doc_query **out, struct err *err);
void doc_query_free(struct doc_query *q);
/* Runs inside a read transaction; results come from *out, which is closed before q is freed. The
 * leading $match and $sort are given to `reach`, which is copied. A count's result is {"n": ..},
 * that of distinct {"values": [..]}. */
int doc_query_run(const struct doc_query *q, const struct doc_reach *reach, struct doc_cursor **out,
	struct err *err);
/* How it would run: appends one document. */
int doc_query_explain(
	const struct doc_query *q, const struct doc_reach *reach, struct buf *out, struct err *err);

/* sorter.c: any number of (key, document), out in order of keys, equal ones in order of arrival.
 * `limit` (0: none): only so many are wanted. */
struct doc_sorter;
int doc_sorter_new(const char *tmp_dir, uint64_t limit, struct doc_sorter **out, struct err *err);
/* How much is kept in memory before a file is needed; 32 MiB where nothing is said. */
void doc_sorter_memory(struct doc_sorter *s, size_t bytes);
void doc_sorter_free(struct doc_sorter *s);
int doc_sorter_add(struct doc_sorter *s, struct slice key, struct slice document, struct err *err);
/* The first call ends adding. 1, 0, -errno. */
int doc_sorter_next(struct doc_sorter *s, struct slice *document, struct err *err);

#endif
