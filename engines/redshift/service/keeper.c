/* What is done without being asked: nodes whose files are gone or damaged are healed, snapshots
 * are made and those that were kept long enough go. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/common/thread.h"
#include "engines/redshift/service/service.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS	  (86400 * SECOND_NS)
#define TURN_NS	  (SECOND_NS / 2)
#define AGAIN_NS  (30 * SECOND_NS) /* after what failed */

struct redshift_keeper {
	struct redshift_service *service;
	pthread_mutex_t lock; /* taken alone */
	pthread_cond_t wake;
	pthread_t thread;
	bool runs, stop, kicked; /* stop, kicked: under lock */
};

static bool stopped(struct redshift_keeper *k)
{
	LOCKED(&k->lock);
	return k->stop;
}

/* Counted; NULL: that was all. `last` is what the one before was called. */
static struct redshift_cluster *next_cluster(
	struct redshift_keeper *k, char last[REDSHIFT_NAME_MAX + 1])
{
	struct redshift_cluster *c = stopped(k) ? NULL : redshift_next(k->service, slice_of(last));

	if (c != NULL) {
		memmove(last, c->def.name, REDSHIFT_NAME_MAX + 1);
	}
	return c;
}

/* ---- nodes; entered ---- */

static void look(struct redshift_cluster *c, int64_t now)
{
	struct err why = {0};

	pthread_mutex_lock(&c->rs->lock);
	struct rs_nodes *nodes = rs_nodes_ref(c->rs->nodes);
	pthread_mutex_unlock(&c->rs->lock);
	int rc = rs_nodes_look(nodes, &why);
	if (rc == -EIO && now >= c->heal_at) {
		log_warn("redshift: cluster %s: %s", c->def.name, why.msg);
		rc = rs_nodes_heal(nodes, &why);
		c->heal_at = rc < 0 ? now + AGAIN_NS : 0;
		if (rc < 0) {
			log_error("redshift: cluster %s: %s", c->def.name, why.msg);
		}
	}
	if (rc == 0 && atomic_exchange(&c->trouble, false)) {
		redshift_event(c, "Cluster %s has all its nodes again", c->def.name);
	}
	rs_nodes_unref(nodes);
}

/* ---- snapshots ---- */

static void change_automated(struct redshift_def *def, const struct redshift_def *with)
{
	def->automated_ns = with->automated_ns;
}

static void name_snapshot(const struct redshift_def *def, int64_t wall_ns, char *out, size_t size)
{
	time_t seconds = (time_t)(wall_ns / SECOND_NS);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d-%H-%M-%S", &tm);
	snprintf(out, size, "rs:%s-%s", def->name, text);
}

static void make_snapshot(struct redshift_cluster *c, const struct redshift_def *def, int64_t now)
{
	static const struct redshift_progress silent;
	struct redshift_def with = {.automated_ns = clock_wall_ns()};
	char name[REDSHIFT_SNAPSHOT_MAX + 1];
	struct err why = {0};

	name_snapshot(def, with.automated_ns, name, sizeof(name));
	int rc = redshift_snapshot_create(c, name, true, def->retention_days, &silent, &why);
	rc = rc < 0 ? rc : redshift_change(c, change_automated, &with, &why);
	if (rc < 0) {
		log_warn("redshift: cluster %s: snapshot: %s", def->name, why.msg);
		c->snapshot_at = now + AGAIN_NS;
		return;
	}
	redshift_tell_changed(c, NULL);
}

static void snapshot_when_due(struct redshift_cluster *c, int64_t now)
{
	struct redshift_def def;

	redshift_def_now(c, &def);
	int64_t last = def.automated_ns > 0 ? def.automated_ns : def.created_ns;
	if (def.retention_days > 0 && !def.paused && now >= c->snapshot_at &&
		clock_wall_ns() >= last + def.interval_s * SECOND_NS) {
		make_snapshot(c, &def, now);
	}
}

struct expired {
	int64_t now;
	char name[REDSHIFT_SNAPSHOT_MAX + 1];
	bool found;
};

static int find_expired(void *arg, const struct redshift_snapshot *s)
{
	struct expired *e = arg;

	if (s->retention_days <= 0 || s->created_ns + s->retention_days * DAY_NS > e->now) {
		return 0;
	}
	memcpy(e->name, s->name, sizeof(e->name));
	e->found = true;
	return 1;
}

static void remove_expired(struct redshift_service *s)
{
	struct err why = {0};
	struct expired e;

	do {
		e = (struct expired){.now = clock_wall_ns()};
		if (redshift_catalog_snapshots(s, 0, slice_of(""), find_expired, &e, &why) < 0 ||
			(e.found && redshift_snapshot_delete(s, slice_of(e.name), &why) < 0)) {
			log_warn("redshift: snapshots: %s", why.msg);
			return;
		}
		if (e.found) {
			log_info("redshift: snapshot %s was kept long enough", e.name);
			redshift_tell_list(s);
		}
	} while (e.found);
}

/* ---- the thread ---- */

static void tend_all(struct redshift_keeper *k)
{
	int64_t now = clock_monotonic_ns();
	char last[REDSHIFT_NAME_MAX + 1] = "";
	struct redshift_cluster *c;

	while ((c = next_cluster(k, last)) != NULL) {
		if (redshift_enter_now(c)) {
			look(c, now);
			redshift_leave(c);
		}
		snapshot_when_due(c, now);
		redshift_put(c);
	}
	if (k->service->catalog != NULL && !stopped(k)) {
		remove_expired(k->service);
	}
}

/* False when it is to stop. */
static bool wait_for_turn(struct redshift_keeper *k)
{
	int64_t until = clock_monotonic_ns() + TURN_NS;
	struct timespec at = {until / SECOND_NS, until % SECOND_NS};

	LOCKED(&k->lock);
	while (!k->stop && !k->kicked && clock_monotonic_ns() < until) {
		pthread_cond_timedwait(&k->wake, &k->lock, &at);
	}
	k->kicked = false;
	return !k->stop;
}

static void *keep(void *arg)
{
	struct redshift_keeper *k = arg;

	do {
		tend_all(k);
	} while (wait_for_turn(k));
	return NULL;
}

int redshift_keeper_start(struct redshift_service *s, struct err *err)
{
	struct redshift_keeper *k = calloc(1, sizeof(*k));
	pthread_condattr_t monotonic;

	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->service = s;
	s->keeper = k;
	pthread_mutex_init(&k->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (s->read_only) {
		return 0;
	}
	int code = thread_start(&k->thread, keep, k);
	k->runs = code == 0;
	return code == 0 ? 0
			 : err_set(err, code, "redshift: no thread could be started: %s",
				   strerror(code));
}

void redshift_keeper_kick(struct redshift_service *s)
{
	struct redshift_keeper *k = s->keeper;

	if (k != NULL) {
		LOCKED(&k->lock);
		k->kicked = true;
		pthread_cond_signal(&k->wake);
	}
}

void redshift_keeper_stop(struct redshift_service *s)
{
	struct redshift_keeper *k = s->keeper;

	if (k == NULL) {
		return;
	}
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->lock);
	if (k->runs) {
		pthread_join(k->thread, NULL);
		k->runs = false;
	}
}

void redshift_keeper_free(struct redshift_service *s)
{
	struct redshift_keeper *k = s->keeper;

	if (k != NULL) {
		s->keeper = NULL;
		pthread_cond_destroy(&k->wake);
		pthread_mutex_destroy(&k->lock);
		free(k);
	}
}
