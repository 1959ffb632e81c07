/* Who is inside: readers and writers many at a time, or one who changes files, alone. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/thread.h"
#include "engines/redshift/nodes/nodes_impl.h"

#define ATTEMPTS    3U
#define GIVE_WAY_S  1
#define THREADS_MAX 16U

/* Whoever comes gives way to one who waits to be alone, but not for ever: it may be that this
 * thread is inside already, and then the other one waits for it. */
void rs_nodes_enter(struct rs_nodes *n)
{
	pthread_mutex_lock(&n->lock);
	int rc = 0;
	while (n->waiting > 0 && !n->alone && rc != ETIMEDOUT) {
		struct timespec until = n->give_way;
		rc = pthread_cond_timedwait(&n->changed, &n->lock, &until);
	}
	while (n->alone) {
		pthread_cond_wait(&n->changed, &n->lock);
	}
	n->inside++;
	pthread_mutex_unlock(&n->lock);
}

void rs_nodes_leave(struct rs_nodes *n)
{
	LOCKED(&n->lock);
	if (--n->inside == 0) {
		pthread_cond_broadcast(&n->changed);
	}
}

void rs_nodes_alone(struct rs_nodes *n)
{
	pthread_mutex_lock(&n->lock);
	if (n->waiting++ == 0) {
		clock_gettime(CLOCK_REALTIME, &n->give_way);
		n->give_way.tv_sec += GIVE_WAY_S;
	}
	while (n->inside > 0 || n->alone) {
		pthread_cond_wait(&n->changed, &n->lock);
	}
	n->waiting--;
	n->alone = true;
	pthread_mutex_unlock(&n->lock);
}

void rs_nodes_not_alone(struct rs_nodes *n)
{
	LOCKED(&n->lock);
	n->alone = false;
	pthread_cond_broadcast(&n->changed);
}

uint64_t rs_nodes_heals(struct rs_nodes *n)
{
	LOCKED(&n->lock);
	return n->heals;
}

/* 0: it can be tried again. Others may have healed meanwhile what this one stumbled over. */
static int heal_since(struct rs_nodes *n, uint64_t heals, struct err *err)
{
	pthread_mutex_lock(&n->lock);
	bool healed = n->heals != heals;
	bool lost = n->lost;
	pthread_mutex_unlock(&n->lock);
	if (lost) {
		return -EIO;
	}
	return healed ? 0 : rs_nodes_heal(n, err);
}

int rs_nodes_try(struct rs_nodes *n, rs_attempt_fn *fn, void *arg, struct err *err)
{
	int rc = -EIO;
	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		struct err first = {0};
		uint64_t heals = rs_nodes_heals(n);
		rs_nodes_enter(n);
		rc = fn(n, attempt, arg, &first);
		rs_nodes_leave(n);
		if (rc == 0) {
			return 0;
		}
		bool last = rc != -EIO || attempt + 1 == ATTEMPTS;
		struct err why = {0};
		if (last || heal_since(n, heals, &why) != 0) {
			return err_set(err, -rc, "%s", why.code != 0 ? why.msg : first.msg);
		}
	}
	return rc;
}

struct plain_call {
	rs_nodes_fn *fn;
	void *arg;
};

static int plain_attempt(struct rs_nodes *n, unsigned attempt, void *arg, struct err *err)
{
	(void)attempt;
	const struct plain_call *c = arg;
	return c->fn(n, c->arg, err);
}

int rs_nodes_read(struct rs_nodes *n, rs_nodes_fn *fn, void *arg, struct err *err)
{
	struct plain_call c = {fn, arg};
	return rs_nodes_try(n, plain_attempt, &c, err);
}

/* ---- the same for each node ---- */

struct crew {
	struct rs_nodes *nodes;
	rs_node_fn *fn;
	void *arg;
	_Atomic unsigned next;
	pthread_mutex_t lock;
	int rc; /* under lock */
	struct err *err;
};

static void crew_failed(struct crew *c, int rc, const struct err *why)
{
	LOCKED(&c->lock);
	if (c->rc == 0) {
		c->rc = err_set(c->err, -rc, "%s", why->msg);
	}
}

static void *crew_main(void *arg)
{
	struct crew *c = arg;
	for (unsigned k = c->next++; k < c->nodes->config.nodes; k = c->next++) {
		struct err why = {0};
		int rc = c->fn(c->nodes, k, c->arg, &why);
		if (rc != 0) {
			crew_failed(c, rc, &why);
		}
	}
	return NULL;
}

int rs_nodes_each(struct rs_nodes *n, rs_node_fn *fn, void *arg, struct err *err)
{
	struct crew c = {.nodes = n, .fn = fn, .arg = arg, .err = err};
	pthread_t thread[THREADS_MAX];
	unsigned n_threads = 0;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_mutex_init(&c.lock, NULL);
	for (unsigned k = 1; k < n->config.nodes && k < THREADS_MAX && (long)k < processors; k++) {
		if (thread_start(&thread[n_threads], crew_main, &c) == 0) {
			n_threads++;
		}
	}
	crew_main(&c);
	for (unsigned k = 0; k < n_threads; k++) {
		pthread_join(thread[k], NULL);
	}
	pthread_mutex_destroy(&c.lock);
	return c.rc;
}
