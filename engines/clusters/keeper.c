#include "engines/clusters/keeper.h"

#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/thread.h"

bool keeper_stopped(struct keeper *k)
{
	LOCKED(&k->lock);
	return k->stop;
}

void keeper_each(struct keeper *k, struct clusters *all, keeper_fn *fn, void *arg)
{
	char last[CLUSTER_NAME_MAX + 1] = "";
	struct cluster *c;

	while (!keeper_stopped(k) && (c = clusters_next(all, slice_of(last))) != NULL) {
		cluster_name_now(c, last);
		fn(arg, c);
		cluster_put(c);
	}
}

/* False when it is to stop. What comes meanwhile waits for the end of the pause. */
static bool wait_for_turn(struct keeper *k, int64_t next)
{
	int64_t soonest = clock_monotonic_ns() + k->pause_ns;

	LOCKED(&k->lock);
	while (!k->stop) {
		int64_t until = k->kicked || next < soonest ? soonest : next;
		struct timespec at = {until / KEEPER_SECOND_NS, until % KEEPER_SECOND_NS};
		if (clock_monotonic_ns() >= until) {
			break;
		}
		pthread_cond_timedwait(&k->wake, &k->lock, &at);
	}
	k->kicked = false;
	return !k->stop;
}

static void *keep(void *arg)
{
	struct keeper *k = arg;
	int64_t next;

	do {
		next = k->work(k->arg);
	} while (wait_for_turn(k, next));
	return NULL;
}

void keeper_init(struct keeper *k, int64_t (*work)(void *arg), void *arg, int64_t pause_ns)
{
	pthread_condattr_t monotonic;

	k->work = work;
	k->arg = arg;
	k->pause_ns = pause_ns;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int keeper_start(struct keeper *k, const char *service, struct err *err)
{
	int code = thread_start(&k->thread, keep, k);

	k->runs = code == 0;
	return code == 0 ? 0
			 : err_set(err, code, "%s: no thread could be started: %s", service,
				   strerror(code));
}

void keeper_kick(struct keeper *k)
{
	LOCKED(&k->lock);
	k->kicked = true;
	pthread_cond_signal(&k->wake);
}

void keeper_stop(struct keeper *k)
{
	{
		LOCKED(&k->lock);
		k->stop = true;
		pthread_cond_signal(&k->wake);
	}
	if (k->runs) {
		pthread_join(k->thread, NULL);
		k->runs = false;
	}
}

void keeper_finish(struct keeper *k)
{
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
}
