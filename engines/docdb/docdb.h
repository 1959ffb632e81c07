/* DocumentDB.
 *
 *   depth 0  a cluster      /docdb, the default one; others: /docdb/.clusters/test
 *   depth 1  a collection   /docdb/users
 *   depth 2  a document     /docdb/users/7.json
 *
 * Layers, each using only those below:
 *
 *   docdb.c                  the ops table: a path becomes a cluster and calls below
 *   service                  cluster.h: catalog*.c service.c clusters.c cluster.c members.c
 *                            snapshot.c restore.c commands.c views.c status.c transfer.c
 *   collections in SQLite    source.h collection.h
 *   queries                  pipeline.h expr.h match.h update.h project.h
 *   values and their text    value.h ejson.h order.h
 */
#ifndef DBMOUNT_DOCDB_DOCDB_H
#define DBMOUNT_DOCDB_DOCDB_H

#include "engines/engine.h"

extern const struct engine_ops docdb_sqlite_ops;

#endif
