/* What is inside the run of a query. */
#ifndef DBMOUNT_REDSHIFT_EXECUTE_IMPL_H
#define DBMOUNT_REDSHIFT_EXECUTE_IMPL_H

#include <pthread.h>

#include "engines/redshift/plan/plan_impl.h"

/* The sessions that work for one query, so that they can be told to stop. */
struct rs_watch {
	pthread_mutex_t lock;
	struct sql_session **sessions; /* under lock */
	unsigned n;
	_Atomic bool stopped;
};

int rs_watch_session(struct rs_watch *w, struct sql_site *site, const char *const *names,
	unsigned n, struct sql_session **out, struct err *err);
void rs_watch_close(struct rs_watch *w, struct sql_session *s); /* NULL is fine */
int rs_watch_check(struct rs_watch *w, struct err *err);	/* EINTR: stopped */

/* A file of the query's own, in which steps leave their rows for a driver that does not compose. */
struct rs_exchange {
	char *dir, *path;
	char name[32];	 /* as it is attached */
	char quoted[40]; /* in SQL */
	bool attached;
};

int rs_exchange_open(
	struct rs_exchange *x, struct sql_site *site, const char *tmp, struct err *err);
void rs_exchange_close(struct rs_exchange *x, struct sql_site *site);

/* The name under which the file of a node is attached. */
int rs_node_name(const struct rs_nodes *n, unsigned node, struct buf *out, struct err *err);

/* spread.c: a step's rows into its table, which the leader's session makes; of one that is spread
 * into a table in the file of each node. */
struct rs_run {
	const struct rs_plan *plan;
	struct rs_watch *watch;
	struct sql_session *leader;
	const char *file;	   /* where the leader makes tables: "q1", "temp" */
	const char *quoted;	   /* "\"q1\"" */
	bool attached;		   /* it is a file that sessions on nodes can read */
	struct rs_exchange *parts; /* one a node; NULL: nothing is spread */
	const char *const *quoted_parts;
};
int rs_run_step(struct rs_run *r, const struct rs_step *s, struct err *err);

#endif
