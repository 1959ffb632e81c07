/* What is done without being asked: clusters are opened after the mount, so that replicas
 * follow and backups are made; replicas are made to be those of the catalog; documents
 * whose time has come go, and changes that are too old; what has been stopped for a week is
 * started. */
#include <stdlib.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/common/thread.h"
#include "engines/docdb/service/cluster.h"

#define SECOND_NS      INT64_C(1000000000)
#define ROUND_SECONDS  5
#define STOPPED_MAX    (INT64_C(7) * 24 * 3600 * SECOND_NS)
#define CHANGES_KEPT   (INT64_C(10800) * SECOND_NS)
#define EXPIRE_AT_ONCE 1000

struct docdb_keeper {
	struct docdb_service *service;
	pthread_t thread;
	int64_t expire_at;    /* the keeper's own */
	pthread_mutex_t lock; /* taken alone */
	pthread_cond_t wake;
	bool kicked; /* under lock */
	bool stop;   /* under lock */
};

static bool stopped(struct docdb_keeper *k)
{
	LOCKED(&k->lock);
	return k->stop;
}

/* ---- one cluster ---- */

static void start_after_a_week(struct docdb_cluster *c, const struct docdb_def *def)
{
	struct err why = {0};

	if (clock_wall_ns() - def->stopped_ns < STOPPED_MAX || c->service->read_only) {
		return;
	}
	docdb_event(c, 0, "notification",
		"DB cluster is being started due to it exceeding the maximum allowed time being "
		"stopped.");
	if (docdb_start(c, &why) < 0) {
		log_warn("docdb: cluster %s: %s", def->name, why.msg);
	}
}

struct expiring {
	int64_t now_ns;
	uint64_t removed;
	bool any; /* something is to go */
};

/* Most often nothing is: then nothing is written. */
static int look_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	struct expiring *e = arg;
	bool old = false;

	int rc = docdb_expires(conn, e->now_ns / 1000000, &e->any, err);
	rc = rc < 0 ? rc : docdb_changes_old(conn, e->now_ns - CHANGES_KEPT, &old, err);
	e->any = e->any || old;
	return rc;
}

static int expire_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	struct expiring *e = arg;

	return docdb_expire(conn, e->now_ns / 1000000, EXPIRE_AT_ONCE, &e->removed, err);
}

static int prune_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	const struct expiring *e = arg;

	return docdb_changes_prune(conn, e->now_ns - CHANGES_KEPT, err);
}

/* In parts, so that writers get their turn. */
static void expire(struct docdb_keeper *k, struct docdb_cluster *c)
{
	struct expiring e = {.now_ns = clock_wall_ns()};
	uint64_t all = 0;
	struct err why = {0};
	int rc = docdb_read(c->source, look_fn, &e, &why);

	if (rc == 0 && !e.any) {
		return;
	}
	do {
		rc = rc < 0 ? rc : docdb_write(c->source, expire_fn, &e, &why);
		all += rc == 0 ? e.removed : 0;
	} while (rc == 0 && e.removed >= EXPIRE_AT_ONCE && !stopped(k));
	rc = rc < 0 ? rc : docdb_write(c->source, prune_fn, &e, &why);
	if (rc < 0) {
		log_warn("docdb: cluster %s: %s", c->def.name, why.msg);
	}
	if (all > 0) {
		log_info("docdb: cluster %s: %llu documents have expired", c->def.name,
			(unsigned long long)all);
	}
}

static void look_after(struct docdb_keeper *k, struct docdb_cluster *c, bool expires)
{
	struct docdb_def def;
	struct err why = {0};

	docdb_def_now(c, &def);
	if (def.stopped) {
		start_after_a_week(c, &def);
		return;
	}
	if (docdb_enter(c, &why) < 0) {
		/* Whoever wants to read it will be told. */
		log_debug("docdb: cluster %s: %s", def.name, why.msg);
		return;
	}
	if (!c->service->read_only) {
		if (docdb_settle_replicas(c, &why) < 0) {
			log_warn("docdb: cluster %s: %s", def.name, why.msg);
		}
		docdb_grow(c);
	}
	if (expires && !c->service->read_only) {
		expire(k, c);
	}
	docdb_leave(c);
}

/* ---- the thread ---- */

static bool expiry_is_due(struct docdb_keeper *k)
{
	int64_t now = clock_monotonic_ns();

	if (now < k->expire_at) {
		return false;
	}
	k->expire_at = now + k->service->ttl_seconds * SECOND_NS;
	return true;
}

static void round_of(struct docdb_keeper *k)
{
	char last[DOCDB_NAME_MAX + 1] = "";
	bool expires = expiry_is_due(k);
	struct docdb_cluster *c;

	while (!stopped(k) && (c = docdb_next(k->service, slice_of(last))) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		look_after(k, c, expires);
		docdb_put(c);
	}
	past_expire(&k->service->past);
}

/* False when it is to stop. */
static bool wait_for_round(struct docdb_keeper *k)
{
	LOCKED(&k->lock);
	unsigned seconds = k->service->ttl_seconds;
	struct timespec until;
	int code = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds < ROUND_SECONDS ? seconds : ROUND_SECONDS;
	while (!k->stop && !k->kicked && code == 0) {
		code = pthread_cond_timedwait(&k->wake, &k->lock, &until);
	}
	k->kicked = false;
	return !k->stop;
}

static void *keep(void *arg)
{
	struct docdb_keeper *k = arg;

	do {
		round_of(k);
	} while (wait_for_round(k));
	return NULL;
}

int docdb_keeper_start(struct docdb_service *s, struct err *err)
{
	struct docdb_keeper *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->service = s;
	k->expire_at = clock_monotonic_ns() + s->ttl_seconds * SECOND_NS;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->wake, NULL);
	int code = thread_start(&k->thread, keep, k);
	if (code != 0) {
		free(k);
		return err_set(err, code, "docdb: no thread could be started: %s", strerror(code));
	}
	s->keeper = k;
	return 0;
}

void docdb_keeper_kick(struct docdb_service *s)
{
	struct docdb_keeper *k = s->keeper;

	if (k != NULL) {
		LOCKED(&k->lock);
		k->kicked = true;
		pthread_cond_signal(&k->wake);
	}
}

void docdb_keeper_stop(struct docdb_service *s)
{
	struct docdb_keeper *k = s->keeper;

	if (k == NULL) {
		return;
	}
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	s->keeper = NULL;
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->lock);
	free(k);
}
