/* The instance's own thread: what nobody should wait for. */
#include <errno.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

#define PAUSE_NS	  SECOND_NS
#define BUILD_PAUSE_NS	  (SECOND_NS / 2)
#define BUILD_PAUSE_MAX_S 60

void worker_kick(struct instance *i)
{
	LOCKED(&i->lock);
	i->kick = true;
	pthread_cond_broadcast(&i->kicked);
}

/* ---- the steps ---- */

/* Whatever replaced it, the standby's database goes once it does not count. */
static void let_standby_go(struct instance *i)
{
	LOCKED(&i->change);
	if (i->follower != NULL && !standby_ready(i)) {
		replica_close(i->follower);
		i->follower = NULL;
	}
}

static bool wants_standby(struct instance *i)
{
	{
		LOCKED(&i->state_lock);
		if (!i->state.settings.multi_az || i->state.standby) {
			return false;
		}
	}
	LOCKED(&i->change);
	LOCKED(&i->lock);
	return i->current != NULL && i->old == NULL && clock_monotonic_ns() >= i->build_at;
}

static void build_standby(struct instance *i)
{
	LOCKED(&i->work);
	struct err why = {0};
	if (!wants_standby(i)) {
		return;
	}
	if (standby_build(i, &why) == 0) {
		i->n_build_failures = 0;
		return;
	}
	log_warn("%s: no standby could be built: %s", i->config.label, why.msg);
	int64_t pause = BUILD_PAUSE_NS << (i->n_build_failures < 7 ? i->n_build_failures : 7);
	i->n_build_failures++;
	i->build_at =
		clock_monotonic_ns() +
		(pause < BUILD_PAUSE_MAX_S * SECOND_NS ? pause : BUILD_PAUSE_MAX_S * SECOND_NS);
}

static void mend_replicas(struct instance *i)
{
	LOCKED(&i->work);
	replicas_mend(i);
}

static bool serves(struct instance *i)
{
	LOCKED(&i->lock);
	return i->current != NULL;
}

static void step(struct instance *i)
{
	instance_bury(i);
	let_standby_go(i);
	if (!serves(i)) {
		instance_revive(i);
	}
	if (serves(i)) {
		build_standby(i);
	}
	if (serves(i)) {
		mend_replicas(i);
		backup_step(i);
	}
	event_tell(i);
}

/* ---- the thread ---- */

static void wait_kick(struct instance *i)
{
	int64_t until = clock_monotonic_ns() + PAUSE_NS;
	struct timespec ts = {.tv_sec = until / SECOND_NS, .tv_nsec = until % SECOND_NS};
	LOCKED(&i->lock);
	while (!i->kick && !atomic_load(&i->stop) &&
		pthread_cond_timedwait(&i->kicked, &i->lock, &ts) == 0) {
	}
	i->kick = false;
}

static void *worker_main(void *arg)
{
	struct instance *i = arg;
	while (!atomic_load(&i->stop)) {
		step(i);
		wait_kick(i);
	}
	return NULL;
}

int worker_start(struct instance *i, struct err *err)
{
	int rc = thread_start(&i->worker, worker_main, i);
	i->worker_runs = rc == 0;
	return rc == 0 ? 0
		       : err_set(err, rc, "%s: no thread for it: %s", i->config.label,
				 strerror(rc));
}

void worker_stop(struct instance *i)
{
	if (!i->worker_runs) {
		return;
	}
	atomic_store(&i->stop, true);
	worker_kick(i);
	pthread_join(i->worker, NULL);
	i->worker_runs = false;
}
