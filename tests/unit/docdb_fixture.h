/* A cluster's documents in a directory of their own. */
#ifndef DBMOUNT_DOCDB_FIXTURE_H
#define DBMOUNT_DOCDB_FIXTURE_H

#include "engines/docdb/storage/collection.h"
#include "tests/unit/fixture.h"

struct docs {
	char dir[SITE_MAX];
	char path[3][96];
	struct instance_config config;
	struct instance *store;
	struct docdb_source *source;
	struct buf told; /* each followed by a space, as note_told() writes them */
	struct err err;	 /* of the last call */
	struct engine_info info;
};

/* Open, with an empty collection "c". */
void docs_start(struct docs *d);
/* The directory and the config; nothing is made. */
void docs_init(struct docs *d);
void docs_open(struct docs *d);
void docs_close(struct docs *d);
void docs_end(struct docs *d);
/* Fails the test with the last error. */
#define docs_ok(d, call)                                                                           \
	do {                                                                                       \
		int docs_rc = (call);                                                              \
		ck_assert_msg(docs_rc == 0, "%s: %d %s", #call, docs_rc, (d)->err.msg);            \
	} while (0)

/* A call in a transaction of its own: what it returned. */
int docs_read(struct docs *d, docdb_fn *fn, void *arg);
int docs_write(struct docs *d, docdb_fn *fn, void *arg);

int docs_make(struct docs *d, const char *collection);
int docs_drop(struct docs *d, const char *collection, bool force);
int docs_put(struct docs *d, const char *collection, const char *name, const char *text);
int docs_put_at(struct docs *d, const char *collection, const char *name, const char *text,
	uint64_t expect);
int docs_remove(struct docs *d, const char *collection, const char *name);
int docs_move(struct docs *d, const char *from_collection, const char *from,
	const char *to_collection, const char *to, unsigned flags);
/* What .indexes is set to. */
int docs_index(struct docs *d, const char *collection, const char *text);
/* Runs .update; `report` is appended to. */
int docs_update(struct docs *d, const char *collection, const char *text, struct buf *report);
int docs_expire(struct docs *d, int64_t now_ms, unsigned limit, uint64_t *removed);

/* Text of a document, relaxed, on one line; "" without one. In a buffer that the next call
 * reuses. */
const char *docs_text(struct docs *d, const char *collection, const char *name);
/* Names, each followed by a space, of the whole list. In the same buffer. */
const char *docs_names(struct docs *d, const char *collection);
/* The documents' own _ids that a filter finds, each followed by a space, as planned; `sort` may
 * be NULL. What comes in no order is given in that of the _ids. */
int docs_find(struct docs *d, const char *collection, const char *filter, const char *sort,
	struct buf *ids);
/* The same by looking at every document. */
int docs_find_slowly(struct docs *d, const char *collection, const char *filter, struct buf *ids);
/* How it is found: JSON. */
const char *docs_explain(
	struct docs *d, const char *collection, const char *filter, const char *sort);
/* Fails the test unless counts, sizes, bodies and entries agree with the documents. */
void docs_check(struct docs *d);

#endif
