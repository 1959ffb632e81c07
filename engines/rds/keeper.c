/* What is done without being asked: instances are opened after the mount, so that replicas
 * follow and backups are made; what has been stopped for a week is started; what
 * nobody needs any more goes. */
#include <stdlib.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/common/thread.h"
#include "engines/rds/lifecycle.h"

#define SECOND_NS     INT64_C(1000000000)
#define ROUND_SECONDS 5
#define STOPPED_MAX   (INT64_C(7) * 24 * 3600 * SECOND_NS)

struct rds_keeper {
	struct rds_service *service;
	pthread_t thread;
	pthread_mutex_t lock; /* taken alone */
	pthread_cond_t wake;
	bool stop; /* under lock */
};

/* ---- one instance ---- */

static void start_after_a_week(struct rds_instance *i, const struct rds_def *def)
{
	struct err why = {0};

	if (clock_wall_ns() - def->stopped_ns < STOPPED_MAX || i->service->read_only) {
		return;
	}
	rds_event(i, 154, "notification",
		"DB instance is being started due to it exceeding the maximum allowed time being "
		"stopped.");
	if (rds_start(i, &why) < 0) {
		log_warn("rds: instance %s: %s", def->name, why.msg);
	}
}

/* Automated snapshots go with the time they are of. */
static void prune(struct rds_instance *i, const struct rds_def *def)
{
	int64_t earliest = 0;
	int64_t latest = 0;
	struct err why = {0};

	instance_restorable(i->store, &earliest, &latest);
	if (rds_catalog_prune(i->service, def->id, earliest != 0 ? earliest : INT64_MAX, &why) <
		0) {
		log_warn("rds: instance %s: %s", def->name, why.msg);
	}
}

static void look_after(struct rds_instance *i)
{
	struct rds_source *rows;
	struct rds_def def;
	struct err why = {0};

	rds_def_now(i, &def);
	if (def.stopped) {
		start_after_a_week(i, &def);
		return;
	}
	if (i->file != NULL || rds_enter(i, &rows, &why) < 0) {
		/* Whoever wants to read it will be told. */
		log_debug("rds: instance %s: %s", def.name, why.msg);
		return;
	}
	prune(i, &def);
	rds_leave(i);
}

/* ---- the thread ---- */

static bool stopped(struct rds_keeper *k)
{
	LOCKED(&k->lock);
	return k->stop;
}

static void round_of(struct rds_keeper *k)
{
	char last[RDS_NAME_MAX + 1] = "";
	struct rds_instance *i;

	while (!stopped(k) && (i = rds_next(k->service, slice_of(last))) != NULL) {
		rds_name(i, last);
		look_after(i);
		rds_put(i);
	}
	past_expire(&k->service->past);
}

/* False when it is to stop. */
static bool wait_for_round(struct rds_keeper *k)
{
	LOCKED(&k->lock);
	struct timespec until;
	int code = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ROUND_SECONDS;
	while (!k->stop && code == 0) {
		code = pthread_cond_timedwait(&k->wake, &k->lock, &until);
	}
	return !k->stop;
}

static void *keep(void *arg)
{
	struct rds_keeper *k = arg;

	do {
		round_of(k);
	} while (wait_for_round(k));
	return NULL;
}

int rds_keeper_start(struct rds_service *s, struct err *err)
{
	struct rds_keeper *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->service = s;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
	int code = thread_start(&k->thread, keep, k);
	if (code != 0) {
		free(k);
		return err_set(err, code, "rds: no thread could be started: %s", strerror(code));
	}
	s->keeper = k;
	return 0;
}

void rds_keeper_stop(struct rds_service *s)
{
	struct rds_keeper *k = s->keeper;

	if (k == NULL) {
		return;
	}
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
	s->keeper = NULL;
}
