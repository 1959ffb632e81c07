/* Where a cluster's documents are: an instance of our own (store/instance.h), one of its
 * replicas, or a copy (a snapshot, a point in time). One interface, so that everything over
 * documents is written once. The database's tables stand in schema.c. */
#ifndef DBMOUNT_DOCDB_SOURCE_H
#define DBMOUNT_DOCDB_SOURCE_H

#include <sqlite3.h>

#include "engines/common/buf.h"
#include "engines/store/instance.h"

struct docdb_source;

/* A connection inside a transaction. */
struct docdb_conn {
	sqlite3 *db;
	struct docdb_source *source;
	struct docdb_statements *statements; /* prepared on this connection, by number */
	struct store_txn *txn;		     /* of a write; else NULL */
	struct docdb_changed *changed; /* of a write: what it touched; told after the commit */
	struct slice reach_of;	       /* the collection that docdb_reach() was filled for */
	const char *label;
};

/* Both may be run more than once, from the start: the function resets what it filled. */
typedef int docdb_fn(struct docdb_conn *c, void *arg, struct err *err);
int docdb_read(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err);
/* One transaction, durable when it returns; a failing fn undoes what it did. EROFS on a copy. */
int docdb_write(struct docdb_source *s, docdb_fn *fn, void *arg, struct err *err);
sqlite3_stmt *docdb_stmt(struct docdb_conn *c, unsigned n, struct err *err);
uint64_t docdb_version(struct docdb_conn *c); /* of a write */
int64_t docdb_time_ns(struct docdb_conn *c);  /* of a write */

/* After the commit of a write, from the writer's thread: a document's collection and name; name
 * NULL: the collection as a whole; collection NULL: the list of collections. */
typedef void docdb_told(void *arg, const struct slice *collection, const struct slice *name);
/* Not told of: what the writer's caller knows itself. */
void docdb_own(struct docdb_conn *c, struct slice collection, struct slice name);

struct docdb_source_config {
	const char *label;
	docdb_told *told; /* may be NULL */
	void *arg;
};
/* `store` outlives the source. */
int docdb_source_instance(struct instance *store, const struct docdb_source_config *config,
	struct docdb_source **out, struct err *err);
int docdb_source_replica(struct instance *store, const char *replica,
	const struct docdb_source_config *config, struct docdb_source **out, struct err *err);
/* A closed database file that nobody writes. */
int docdb_source_file(const char *path, const struct docdb_source_config *config,
	struct docdb_source **out, struct err *err);
void docdb_source_close(struct docdb_source *s); /* NULL is fine */
/* Fills schema, statements, slots of an instance_config for docdb. */
void docdb_instance_config(struct instance_config *config);

#endif
