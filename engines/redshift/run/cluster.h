/* An open cluster: leader, nodes, and who may write. What service/ keeps for each cluster that is
 * in use, and for a snapshot that is looked at (read-only, without mirrors).
 *
 * Locks, in the order they are taken:
 *   rs_cluster.writing   one transaction that writes at a time; also who resizes, restores
 *   (the nodes' and the leader's own)
 *   rs_cluster.lock      which nodes are current, sights that are open; taken alone */
#ifndef DBMOUNT_REDSHIFT_CLUSTER_H
#define DBMOUNT_REDSHIFT_CLUSTER_H

#include <pthread.h>
#include <sys/queue.h>

#include "engines/redshift/leader/leader.h"
#include "engines/redshift/plan/plan.h"

struct rs_cluster_config {
	const struct sql_driver *driver;
	const char *label; /* the cluster's name */
	const char *tmp;   /* a directory for files of queries; exists */
	/* A cluster of our own: */
	const struct instance_config *leader;
	const char *dir, *mirror; /* of the nodes' files, in the two zones */
	/* A snapshot: leader.db and the nodes' files, closed; nobody writes. */
	const char *snapshot; /* NULL: not one */
	bool read_only;
	uint64_t memory; /* bytes for the driver; 0: its default */
	void (*event)(void *arg, const char *text);
	/* A table's rows or definition changed (key: rs_table_key()); NULL: the list of tables.
	 * After the commit. */
	void (*changed)(void *arg, const struct slice *key);
	void (*failed)(void *arg, const char *text);
	void *arg;
};

struct rs_cluster {
	struct rs_cluster_config config; /* texts are its own */
	struct sql_site *site;
	struct rs_leader *leader;
	pthread_mutex_t writing;
	pthread_mutex_t lock;
	struct rs_nodes *nodes; /* under lock: the current generation */
	TAILQ_HEAD(, rs_look)
	looks;			  /* under lock: the oldest transaction that somebody sees stays */
	struct rs_system *system; /* the leader's views (system/system.h) */
	_Atomic uint64_t queries; /* running now */
	bool residue; /* under writing: undo of a transaction failed, and is to be done first */
	uint64_t residue_xid;
	/* Storages that no longer count, until their last reader is gone. */
	struct rs_dropped *dropped; /* under writing */
	_Atomic unsigned n_dropped;
	/* under lock: statements under way, for stv_recents and .status: [{"query":, "start_ns":,
	 * "label":, "text":}] */
	json_t *running;
};

/* Counts for who sees a transaction before `xid`. */
struct rs_dropped {
	uint64_t storage;
	uint64_t xid;
};

/* cluster.c */
/* Files of a new cluster with an empty catalogue, closed. On failure nothing is left. */
int rs_cluster_create(
	const struct rs_cluster_config *config, unsigned nodes, unsigned slices, struct err *err);
int rs_cluster_open(
	const struct rs_cluster_config *config, struct rs_cluster **out, struct err *err);
/* Nobody looks, nothing runs. NULL is fine. */
void rs_cluster_close(struct rs_cluster *c);

/* What one statement or stream sees, for as long as it wants: one committed state. */
struct rs_look {
	TAILQ_ENTRY(rs_look) link;
	struct rs_cluster *cluster;
	struct rs_catalog *catalog;
	struct rs_nodes *nodes;
	uint64_t xid;
	struct rs_sight sight; /* of these */
	void *resolved;	       /* relations that were made for the resolver */
};
int rs_look_begin(struct rs_cluster *c, struct rs_look *out, struct err *err);
void rs_look_end(struct rs_look *l);
/* The oldest transaction that is looked at: what died after it has to stay. */
uint64_t rs_cluster_oldest(struct rs_cluster *c);
/* Fills the sight, and its resolver: catalogue, views, external tables, system views (resolve.c).
 * What was resolved before ends. rs_look_begin() does it. */
int rs_look_resolver(struct rs_look *l, struct err *err);
void rs_look_forget(struct rs_look *l);

/* ---- txn.c: changes ---- */

struct rs_txn {
	struct rs_cluster *cluster;
	struct rs_look look;	 /* sees its own changes: xid is its own */
	struct rs_catalog *next; /* what it makes of the catalogue: to be changed freely */
	uint64_t xid;
	/* Storages that no longer count; dropped when their last reader is gone. */
	uint64_t *dropped;
	unsigned n_dropped;
	bool wrote;   /* to the nodes: to be undone when it is not committed */
	bool changed; /* the catalogue */
};
/* Waits for the one that writes now. EROFS; EBUSY after a minute; EIO what an aborted one left
 * cannot be undone now. */
int rs_txn_begin(struct rs_cluster *c, struct rs_txn **out, struct err *err);
/* Both end it in any case. Commit: what was written counts, durably; then tells config.changed. */
int rs_txn_commit(struct rs_txn *t, struct err *err);
void rs_txn_abort(struct rs_txn *t);
/* The look sees the changes that `next` has so far: after each statement. */
int rs_txn_renew(struct rs_txn *t, struct err *err);
int rs_txn_drop_storage(struct rs_txn *t, uint64_t storage, struct err *err);
/* The rows or the definition of a table of `next` are changed by this transaction. */
void rs_txn_touch(struct rs_txn *t, struct rs_table *table);
/* Drops what nobody sees any more. By who may write. */
void rs_cluster_sweep(struct rs_cluster *c);

#endif
