/* What the files over documents share: document_*.c, index*.c, batch.c, ttl.c. */
#ifndef DBMOUNT_DOCDB_DOCUMENTS_H
#define DBMOUNT_DOCDB_DOCUMENTS_H

#include "engines/docdb/storage/source_impl.h"

/* The database that all collections of a cluster are in, in messages and events. */
#define DOCDB_DATABASE "docdb"

/* A row of docs. */
struct docdb_stored {
	uint64_t version;
	int64_t mtime_ns;
	uint64_t size[2]; /* of the text, by enum docdb_form */
	uint64_t bytes;	  /* of the BSON */
	int64_t body;
};

/* How a file that shows a document is called, by enum docdb_form; long ones are found by hash. */
extern const struct name_rules docdb_names;

/* Appends the name of the document with this key. */
int docdb_name_of(struct slice k, struct buf *name, struct err *err);
/* Appends the key of the document of this name. ENOENT: there can be none. */
int docdb_key_of(struct slice name, struct buf *k, struct err *err);
void docdb_file_info(const struct docdb_stored *s, enum docdb_form form, struct engine_info *out);

/* 1, 0, -errno. `document` may be NULL; appended to. */
int docdb_stored_find(struct docdb_conn *c, int64_t collection, struct slice k,
	struct docdb_stored *out, struct buf *document, struct err *err);
int docdb_no_document(struct slice name, struct err *err);
int docdb_expect(const struct docdb_stored *s, uint64_t expect, struct err *err);

/* ---- document_store.c: within a write; rows, bodies, indexes, counts, feed, notes ---- */

/* EEXIST: E11000, nothing was changed. */
int docdb_stored_add(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	struct slice document, struct docdb_stored *out, struct err *err);
/* Its _id is equal. `update`: an update, not a replacement, in the feed. */
int docdb_stored_set(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	struct docdb_stored *stored, struct slice old, struct slice document, bool update,
	struct err *err);
int docdb_stored_drop(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	const struct docdb_stored *stored, struct slice old, struct err *err);
/* The document with this _id first, in place of its own if it has one. */
void docdb_with_id(struct slice document, struct doc_value id, struct buf *out);

/* Adds a document; without an _id it gets one. `stored` (may be NULL) becomes what is stored. */
int docdb_add(struct docdb_conn *c, struct docdb_touched *t, struct slice document,
	struct buf *stored, struct err *err);

/* ---- put.c: members of a document that is made ---- */

void docdb_put_text(struct buf *out, const char *name, struct slice text);
void docdb_put_text_at(struct buf *out, unsigned index, struct slice text);
void docdb_put_count(struct buf *out, const char *name, uint64_t n);
void docdb_put_flag(struct buf *out, const char *name, bool on);

/* ---- changes.c ---- */

/* op: "insert", "replace", "update", "delete". */
int docdb_changes_document(struct docdb_conn *c, struct docdb_touched *t, const char *op,
	struct doc_value id, struct slice old, struct slice document, struct err *err);
/* op: "drop", "rename"; `to` of a rename, else empty. */
int docdb_changes_collection(struct docdb_conn *c, struct docdb_touched *t, const char *op,
	struct slice to, struct err *err);

/* ---- collection.c ---- */

int docdb_no_collection(struct slice name, struct err *err);

#endif
