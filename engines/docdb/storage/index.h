/* Secondary indexes: their definitions (index.c), what of a document is in them (entries.c), how
 * they are kept (index_change.c) and built (index_build.c). */
#ifndef DBMOUNT_DOCDB_INDEX_H
#define DBMOUNT_DOCDB_INDEX_H

#include "engines/docdb/storage/documents.h"

#define DOCDB_INDEX_PATHS 32 /* of a compound one, as the service has it */
#define DOCDB_INDEXES	  64 /* of a collection, with _id_ */

struct docdb_index {
	int64_t id;
	int64_t collection;
	struct buf name;
	struct buf spec; /* the definition as it is shown, BSON */
	struct buf key;	 /* {"a": 1, "b.c": -1} */
	unsigned n_paths;
	struct slice path[DOCDB_INDEX_PATHS]; /* of `key` */
	uint32_t descending;		      /* bits by path */
	uint32_t arrays;		      /* paths that have met an array in some document */
	bool unique;
	bool sparse;
	bool ttl;
	int64_t expire_seconds;
	struct doc_match *partial; /* NULL: all documents */
};

/* All indexes of the database, as this connection knows them. */
struct docdb_indexes {
	uint64_t number; /* `indexes` of state when they were read */
	struct docdb_index **at;
	size_t n;
};

/* Checks a definition and makes the index of it, without an id. EINVAL. */
int docdb_index_parse(struct slice spec, struct docdb_index **out, struct err *err);
void docdb_index_free(struct docdb_index *x); /* NULL is fine */
/* The indexes as this transaction sees them; borrowed until an index is changed. Those of a
 * collection are not together: compare x->collection. */
int docdb_indexes_load(struct docdb_conn *c, const struct docdb_indexes **out, struct err *err);
/* They are other than they were: within a write. */
int docdb_indexes_moved(struct docdb_conn *c, struct err *err);

/* ---- entries.c ---- */

/* The keys of one document in one index: sorted, each once. */
struct docdb_entries {
	struct buf bytes;
	struct docdb_entry {
		size_t at;
		size_t n;
	} * entry;
	size_t n;
	size_t cap;
	uint32_t arrays;
};

static inline struct slice docdb_entry_key(const struct docdb_entries *e, size_t i)
{
	return slice_make(e->bytes.p + e->entry[i].at, e->entry[i].n);
}

/* Replaces what `out` held. A document that a sparse or partial index leaves out has none.
 * EINVAL: two paths meet different arrays. */
int docdb_entries_of(const struct docdb_index *x, struct slice document, struct docdb_entries *out,
	struct err *err);
void docdb_entries_free(struct docdb_entries *e);

/* ---- index_change.c ---- */

/* A document comes (old empty), changes, or goes (document empty): its entries in all indexes.
 * EEXIST: E11000, nothing was changed. */
int docdb_index_change(struct docdb_conn *c, struct docdb_touched *t, struct slice k, int64_t body,
	struct slice old, struct slice document, struct err *err);
/* What docdb_index_change() would refuse; also in a read. */
int docdb_index_would(struct docdb_conn *c, const struct docdb_collection *collection,
	struct slice k, struct slice old, struct slice document, struct err *err);
/* The document's entries in one new index. */
int docdb_index_fill(struct docdb_conn *c, const struct docdb_collection *collection,
	struct docdb_index *x, struct slice k, int64_t body, struct slice document,
	struct docdb_entries *scratch, struct err *err);
int docdb_duplicate_id(const struct docdb_touched *t, struct slice document, struct err *err);

#endif
