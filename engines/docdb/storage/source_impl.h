/* What implements a source, and what a connection keeps. Included by source*.c and by the files
 * over documents (collection.c, ...).
 *
 * A source that runs a read or write has a connection in an open transaction, fills a
 * docdb_conn, and calls docdb_run_read() or docdb_run_write(); a write's caller tells by
 * docdb_tell() when it is committed. */
#ifndef DBMOUNT_DOCDB_SOURCE_IMPL_H
#define DBMOUNT_DOCDB_SOURCE_IMPL_H

#include "engines/common/cleanup.h"
#include "engines/docdb/storage/collection.h"
#include "engines/docdb/storage/schema.h"

struct docdb_source_ops {
	int (*read)(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err);
	/* NULL: EROFS. */
	int (*write)(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err);
	void (*close)(struct docdb_source *s);
};

/* First member of each implementation. */
struct docdb_source {
	const struct docdb_source_ops *ops;
	char *label;
	docdb_told *told;
	void *arg;
};

int docdb_source_init(struct docdb_source *s, const struct docdb_source_ops *ops,
	const struct docdb_source_config *config, struct err *err);
void docdb_source_finish(struct docdb_source *s);

/* ---- statements.c: what stays with a connection ---- */

/* NULL: out of memory. */
struct docdb_statements *docdb_statements_new(void);
void docdb_statements_free(void *statements); /* NULL is fine; before sqlite3_close() */
/* Those of the connection whose slot this is; made when the connection is new. */
int docdb_statements_of(void **slot, struct docdb_conn *c, struct err *err);
/* Resets what was used. */
void docdb_statements_end(struct docdb_statements *s);

/* A statement for one alone, while others of the same number are under way: of cursors.
 * docdb_stmt_give() resets it; before the read or write ends. NULL with err set. */
sqlite3_stmt *docdb_stmt_take(struct docdb_conn *c, unsigned n, struct err *err);
void docdb_stmt_give(struct docdb_conn *c, unsigned n, sqlite3_stmt *stmt);

/* Runs one that returns no rows. */
int docdb_run(sqlite3_stmt *stmt, struct err *err);

/* What index.c knows of the indexes on this connection. */
struct docdb_indexes;
struct docdb_indexes **docdb_statements_indexes(struct docdb_statements *s);
void docdb_indexes_free(struct docdb_indexes *x); /* NULL is fine */

/* ---- running ---- */

int docdb_run_read(struct docdb_conn *c, docdb_fn *fn, void *arg, struct err *err);
/* With c->changed; saves what is to be saved once. */
int docdb_run_write(struct docdb_conn *c, docdb_fn *fn, void *arg, struct err *err);

/* ---- changed.c: what a write touches ---- */

/* A collection while it is written: its row is saved once, when the write ends. */
struct docdb_touched {
	struct docdb_collection c;
	uint64_t feed;	 /* where its feed ends */
	bool dirty;	 /* the row is to be saved */
	bool gone;	 /* dropped */
	unsigned n_told; /* of its documents; above a limit the collection is told of */
	struct buf ns;	 /* of its change events */
};

struct docdb_told_name {
	struct buf collection;
	struct buf name; /* of a document */
	bool whole;	 /* the collection, not a document of it */
	bool list;	 /* the list of collections */
};

struct docdb_changed {
	struct docdb_touched **touched;
	size_t n_touched;
	struct docdb_told_name *told;
	size_t n_told;
	size_t cap_told;
	bool lost; /* no memory for the list: anything changed */
	struct docdb_told_name own[2];
	unsigned n_own;
	uint64_t version; /* 0 until asked for */
	int64_t time_ns;
	unsigned n_events; /* so far */
	int64_t last_body; /* the highest id; 0 until asked for */
	/* `state`, when loaded. */
	bool state_loaded;
	bool state_dirty;
	int64_t state_mtime;
	uint64_t state_indexes;
	uint64_t feed; /* where the cluster's ends */
};

void docdb_changed_clear(struct docdb_changed *x); /* for another run */
void docdb_changed_free(struct docdb_changed *x);
/* Loads `state` into c->changed. */
int docdb_state(struct docdb_conn *c, struct err *err);
/* The collection, to be written to. ENOENT. */
int docdb_touch(
	struct docdb_conn *c, struct slice name, struct docdb_touched **out, struct err *err);
int docdb_touch_row(struct docdb_conn *c, const struct docdb_collection *row, uint64_t feed,
	struct docdb_touched **out, struct err *err);
/* One that this write has touched; NULL. */
struct docdb_touched *docdb_touched_find(struct docdb_conn *c, struct slice name);
/* Notes what docdb_tell() tells of. */
void docdb_note_document(struct docdb_conn *c, struct docdb_touched *t, struct slice k);
void docdb_note_collection(struct docdb_conn *c, struct slice name);
void docdb_note_list(struct docdb_conn *c);
/* Saves the rows. */
int docdb_changed_save(struct docdb_conn *c, struct err *err);
void docdb_tell(const struct docdb_source *s, const struct docdb_changed *x);

#endif
