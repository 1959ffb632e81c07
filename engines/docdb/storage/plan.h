/* How documents of a collection are found: which index, which ranges of its keys, in which
 * direction. Made by plan.c, walked by scan.c. */
#ifndef DBMOUNT_DOCDB_PLAN_H
#define DBMOUNT_DOCDB_PLAN_H

#include "engines/docdb/storage/index.h"

/* Of keys: low <= key < high. */
struct docdb_range {
	size_t low, n_low; /* places in bytes */
	size_t high, n_high;
};

struct docdb_plan {
	int64_t collection;
	const struct docdb_index *x; /* docdb_id_index: the documents themselves, by _id */
	unsigned n_bounds;	     /* paths that are bounded */
	bool sorted;		     /* comes in the order asked for */
	bool back;
	struct buf bytes;
	struct docdb_range *range; /* in order of keys, apart; none: nothing can match */
	size_t n;
	struct buf bounds; /* {"a": ["[1, 5)"]}, for people */
	uint64_t estimate;
};

extern const struct docdb_index docdb_id_index;

/* `match` NULL: all; `sort` empty: in any order. */
int docdb_plan(struct docdb_conn *c, const struct docdb_collection *collection,
	const struct doc_match *match, struct slice sort, struct docdb_plan *out, struct err *err);
void docdb_plan_free(struct docdb_plan *p);
struct slice docdb_plan_low(const struct docdb_plan *p, size_t i);
struct slice docdb_plan_high(const struct docdb_plan *p, size_t i);

/* ranges.c: adds the ranges of all that follows `prefix`, a key's beginning, and lies in the
 * interval on the next path. */
int docdb_range_add(struct docdb_plan *p, struct slice prefix, const struct doc_interval *interval,
	bool descending, struct err *err);
/* All keys that begin so. */
int docdb_range_all(struct docdb_plan *p, struct slice prefix, struct err *err);
/* Fills ranges, n_bounds and bounds of a plan whose x is set. */
int docdb_ranges(struct docdb_plan *p, const struct doc_match *match, struct err *err);
/* Whether the first `n` paths are each one value. */
bool docdb_is_one_value(const struct doc_match *match, const struct docdb_index *x, unsigned path);
/* What the filter demands of a path of the index, where its entries can tell. */
bool docdb_intervals(const struct doc_match *match, const struct docdb_index *x, unsigned path,
	struct doc_intervals *out);

/* ---- scan.c ---- */

struct docdb_scan;
/* Takes the plan over. `match` is borrowed; NULL: all in the ranges. */
int docdb_scan_open(struct docdb_conn *c, struct docdb_plan *plan, const struct doc_match *match,
	struct docdb_scan **out, struct err *err);
/* 1 and a document (borrowed until the next call), 0, -errno. */
int docdb_scan_next(struct docdb_scan *s, struct slice *k, struct slice *document, struct err *err);
void docdb_scan_close(struct docdb_scan *s); /* NULL is fine */
struct docdb_scan_counts {
	uint64_t keys;
	uint64_t documents;
	uint64_t returned;
};
void docdb_scan_counts(const struct docdb_scan *s, struct docdb_scan_counts *out);

#endif
