/* A thread that does in turns what is to be done without being asked. */
#ifndef DBMOUNT_CLUSTERS_KEEPER_H
#define DBMOUNT_CLUSTERS_KEEPER_H

#include <pthread.h>

#include "engines/clusters/clusters.h"

#define KEEPER_SECOND_NS INT64_C(1000000000)
#define KEEPER_NEVER	 INT64_MAX

struct keeper {
	pthread_t thread;
	bool runs;
	int64_t (*work)(void *arg); /* a turn; when the next one is due, of the monotonic clock */
	void *arg;
	int64_t pause_ns;     /* so long between two turns, even when there is something to do */
	pthread_mutex_t lock; /* taken alone */
	pthread_cond_t wake;
	bool stop;   /* under lock */
	bool kicked; /* under lock */
};

void keeper_init(struct keeper *k, int64_t (*work)(void *arg), void *arg, int64_t pause_ns);
/* `service` names it, if there can be no thread. */
int keeper_start(struct keeper *k, const char *service, struct err *err);
/* There is something to do now. */
void keeper_kick(struct keeper *k);
/* It does nothing more, but can be kicked still. */
void keeper_stop(struct keeper *k);
void keeper_finish(struct keeper *k);
/* Within a turn: whether to end it. */
bool keeper_stopped(struct keeper *k);
/* Calls for each cluster, counted, until it is stopped. */
typedef void keeper_fn(void *arg, struct cluster *c);
void keeper_each(struct keeper *k, struct clusters *all, keeper_fn *fn, void *arg);

#endif
