/* What the files of the leader share. */
#ifndef DBMOUNT_REDSHIFT_LEADER_IMPL_H
#define DBMOUNT_REDSHIFT_LEADER_IMPL_H

#include <pthread.h>

#include "engines/redshift/leader/catalog_impl.h"
#include "engines/redshift/leader/leader.h"
#include "engines/store/frozen.h"

/* Records of queries that wait to be written together. */
#define QUERIES_WAITING 64U

struct rs_leader {
	struct instance *instance; /* or */
	struct frozen *file;
	char *path; /* of the file */
	pthread_mutex_t lock;
	struct rs_catalog *current; /* under lock */
	json_t *stored;		    /* the objects as they are stored; who writes has it */
	bool unsure;	     /* whether the last commit counts is not known; who writes has it */
	uint64_t next_query; /* under lock */
	uint64_t queries_reserved;	 /* under lock: numbers below may be given */
	struct rs_query_record *waiting; /* under lock */
	unsigned n_waiting;
};

/* leader.c */

typedef int rs_leader_fn(sqlite3 *db, void *arg, struct err *err);
int rs_leader_read(struct rs_leader *l, rs_leader_fn *fn, void *arg, struct err *err);
/* EROFS of a file. */
int rs_leader_write(struct rs_leader *l, rs_leader_fn *fn, void *arg, struct err *err);
/* One statement, prepared; finalized by the caller. */
int rs_leader_prepare(sqlite3 *db, const char *text, sqlite3_stmt **out, struct err *err);
void rs_leader_finalize(sqlite3_stmt **stmt); /* for CLEANUP */

/* catalog_store.c: the catalogue in the file. `objects`: {"table 17": "definition"}. */

int rs_catalog_objects(const struct rs_catalog *c, json_t **objects, struct err *err);
int rs_catalog_load(sqlite3 *db, struct rs_catalog **out, struct err *err);
/* What differs from `before` (NULL: all). */
int rs_catalog_save(sqlite3 *db, const struct rs_catalog *c, const json_t *objects,
	const json_t *before, struct err *err);

/* log.c */

void rs_leader_flush_queries(struct rs_leader *l);
void rs_leader_drop_queries(struct rs_leader *l);
int rs_leader_last_query(sqlite3 *db, void *arg, struct err *err);

#endif
