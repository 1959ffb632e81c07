/* What is done without being asked: clusters are opened after the mount, so that replicas follow;
 * keys whose time has come go; what persistence `everysec` promises is made true; a primary that
 * failed is replaced, and replicas are made to be those of the catalog.
 *
 * Two threads, since making a replica may take long. The first one sleeps unless something is
 * written, or a key expires soon: then its turns come ten times a second. The second one looks
 * every few seconds whether all nodes are there. */
#include <stdlib.h>
#include <time.h>

#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/common/thread.h"

#define MS_NS	  INT64_C(1000000)
#define SECOND_NS (1000 * MS_NS)
#define TURN_NS	  (100 * MS_NS)
#define SYNC_NS	  (700 * MS_NS) /* with a turn and what it takes, within a second */
#define MEND_NS	  (5 * SECOND_NS)
#define FAR_MS	  INT64_C(3600000)
#define NEVER	  INT64_MAX

/* One of the two. */
struct hand {
	struct cache_keeper *keeper;
	pthread_t thread;
	bool runs;
	bool kicked;				 /* under the keeper's lock */
	pthread_cond_t wake;			 /* the same */
	int64_t (*work)(struct cache_keeper *k); /* when it is due next */
};

struct cache_keeper {
	struct cache_service *service;
	pthread_mutex_t lock; /* taken alone */
	bool stop;	      /* under lock */
	struct hand time;
	struct hand nodes;
};

static bool stopped(struct cache_keeper *k)
{
	LOCKED(&k->lock);
	return k->stop;
}

static void warn(struct cache_cluster *c, const char *what, const struct err *why)
{
	log_warn("cache: cluster %s: %s: %s", c->def.name, what, why->msg);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Counted; NULL: that was all. `last` is what the one before was called. */
static struct cache_cluster *next_cluster(struct cache_keeper *k, char last[CACHE_NAME_MAX + 1])
{
	struct cache_cluster *c = stopped(k) ? NULL : cache_next(k->service, slice_of(last));

	if (c != NULL) {
		memmove(last, c->def.name, CACHE_NAME_MAX + 1);
	}
	return c;
}

/* ---- what time brings; entered ---- */

static void sync_now(struct cache_cluster *c, int64_t now)
{
	struct cache_def def;
	struct err why = {0};

	cache_def_now(c, &def);
	c->sync_at = NEVER;
	if (def.persistence == CACHE_EVERYSEC && instance_sync(c->store, &why) < 0) {
		warn(c, "what was written is not on disk yet", &why);
		c->sync_at = now + SYNC_NS;
	}
}

static int next_fn(struct redis_txn *t, void *arg, struct err *err)
{
	int64_t *wait_ms = arg;
	int64_t next = 0;
	int rc = redis_expire_next(t, &next, err);

	*wait_ms = next == 0 ? -1 : next > t->now_ms ? next - t->now_ms : 0;
	return rc;
}

/* What is due goes; then it is known when the next one is. */
static void tick(struct cache_cluster *c, int64_t now)
{
	struct err why = {0};
	int64_t wait_ms = -1;
	int rc = redis_server_tick(c->keys->server, &why);

	rc = rc < 0 ? rc : redis_read(c->keys->db, next_fn, &wait_ms, &why);
	if (rc < 0) {
		warn(c, "expiry", &why);
		wait_ms = 1000;
	}
	c->tick_at = wait_ms < 0	? NEVER
		     : wait_ms > FAR_MS ? now + FAR_MS * MS_NS
					: now + wait_ms * MS_NS;
}

static void tend(struct cache_cluster *c, int64_t now)
{
	if (atomic_exchange(&c->written, false)) {
		c->sync_at = c->sync_at == NEVER ? now + SYNC_NS : c->sync_at;
		c->tick_at = now;
	}
	if (now >= c->sync_at) {
		sync_now(c, now);
	}
	if (now >= c->tick_at) {
		tick(c, now);
	}
}

static int64_t tend_all(struct cache_keeper *k)
{
	int64_t now = clock_monotonic_ns();
	char last[CACHE_NAME_MAX + 1] = "";
	struct cache_cluster *c;
	int64_t next = NEVER;

	while (!k->service->read_only && (c = next_cluster(k, last)) != NULL) {
		if (c->def.kind == CACHE_REDIS && cache_enter_now(c)) {
			tend(c, now);
			cache_leave(c);
			next = earlier(next, earlier(c->tick_at, c->sync_at));
		} else if (c->def.kind == CACHE_REDIS && cache_is_serving(c)) {
			next = now; /* nobody would wake us when the failover is over */
		}
		cache_put(c);
	}
	return next;
}

/* ---- its nodes ---- */

static void mend(struct cache_cluster *c)
{
	struct cache_def def;
	struct err why = {0};

	cache_def_now(c, &def);
	if (atomic_load(&c->trouble)) {
		cache_recovers(c, def.store_id);
	}
	LOCKED(&c->changing);
	cache_recovery(c);
	/* Whoever wants to read one that cannot be opened will be told. */
	if (cache_enter(c, &why) < 0) {
		return;
	}
	if (!c->service->read_only && cache_settle(c, &why) < 0) {
		log_debug("cache: cluster %s: %s", def.name, why.msg);
	}
	cache_leave(c);
}

static int64_t mend_all(struct cache_keeper *k)
{
	char last[CACHE_NAME_MAX + 1] = "";
	struct cache_cluster *c;

	while ((c = next_cluster(k, last)) != NULL) {
		if (c->def.kind == CACHE_REDIS) {
			bool open = cache_is_open(c);
			mend(c);
			if (!open) {
				cache_keeper_kick(k->service);
			}
		}
		cache_put(c);
	}
	return clock_monotonic_ns() + MEND_NS;
}

/* ---- the threads ---- */

/* False when it is to stop. What comes meanwhile waits for a turn. */
static bool wait_for_turn(struct hand *h, int64_t next)
{
	struct cache_keeper *k = h->keeper;
	int64_t turn = clock_monotonic_ns() + TURN_NS;

	LOCKED(&k->lock);
	while (!k->stop) {
		int64_t until = h->kicked || next < turn ? turn : next;
		struct timespec at = {until / SECOND_NS, until % SECOND_NS};
		if (clock_monotonic_ns() >= until) {
			break;
		}
		pthread_cond_timedwait(&h->wake, &k->lock, &at);
	}
	h->kicked = false;
	return !k->stop;
}

static void *keep(void *arg)
{
	struct hand *h = arg;
	int64_t next;

	do {
		next = h->work(h->keeper);
	} while (wait_for_turn(h, next));
	return NULL;
}

static int hand_start(struct hand *h)
{
	int code = thread_start(&h->thread, keep, h);

	h->runs = code == 0;
	return code;
}

static void hand_init(
	struct hand *h, struct cache_keeper *k, int64_t (*work)(struct cache_keeper *k))
{
	pthread_condattr_t monotonic;

	h->keeper = k;
	h->work = work;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&h->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

int cache_keeper_start(struct cache_service *s, struct err *err)
{
	struct cache_keeper *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->service = s;
	pthread_mutex_init(&k->lock, NULL);
	hand_init(&k->time, k, tend_all);
	hand_init(&k->nodes, k, mend_all);
	s->keeper = k;
	int code = hand_start(&k->time);
	code = code == 0 ? hand_start(&k->nodes) : code;
	return code == 0 ? 0
			 : err_set(err, code, "cache: no thread could be started: %s",
				   strerror(code));
}

static void kick(struct cache_keeper *k, struct hand *h)
{
	LOCKED(&k->lock);
	h->kicked = true;
	pthread_cond_signal(&h->wake);
}

void cache_keeper_kick(struct cache_service *s)
{
	if (s->keeper != NULL) {
		kick(s->keeper, &s->keeper->time);
	}
}

void cache_keeper_mend(struct cache_service *s)
{
	if (s->keeper != NULL) {
		kick(s->keeper, &s->keeper->nodes);
	}
}

void cache_keeper_stop(struct cache_service *s)
{
	struct cache_keeper *k = s->keeper;

	if (k == NULL) {
		return;
	}
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->time.wake);
	pthread_cond_signal(&k->nodes.wake);
	pthread_mutex_unlock(&k->lock);
	if (k->time.runs) {
		pthread_join(k->time.thread, NULL);
	}
	if (k->nodes.runs) {
		pthread_join(k->nodes.thread, NULL);
	}
}

void cache_keeper_free(struct cache_service *s)
{
	struct cache_keeper *k = s->keeper;

	if (k == NULL) {
		return;
	}
	s->keeper = NULL;
	pthread_cond_destroy(&k->nodes.wake);
	pthread_cond_destroy(&k->time.wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
