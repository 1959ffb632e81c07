/* What is done without being asked: nodes whose files are gone or damaged are healed, snapshots
 * are made and those that were kept long enough go. */
#include <stdio.h>
#include <time.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

#define DAY_NS	 (86400 * KEEPER_SECOND_NS)
#define TURN_NS	 (KEEPER_SECOND_NS / 2)
#define AGAIN_NS (30 * KEEPER_SECOND_NS) /* after what failed */

/* ---- nodes; entered ---- */

static void look(struct redshift_cluster *c, int64_t now)
{
	struct err why = {0};

	pthread_mutex_lock(&c->rs->lock);
	struct rs_nodes *nodes = rs_nodes_ref(c->rs->nodes);
	pthread_mutex_unlock(&c->rs->lock);
	int rc = rs_nodes_peek(nodes, &why);
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
	time_t seconds = (time_t)(wall_ns / KEEPER_SECOND_NS);
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
		clock_wall_ns() >= last + def.interval_s * KEEPER_SECOND_NS) {
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
			clusters_tell(&s->base, NULL);
		}
	} while (e.found);
}

/* ---- the thread ---- */

static void tend(void *arg, struct cluster *base)
{
	struct redshift_cluster *c = (struct redshift_cluster *)base;
	int64_t now = *(const int64_t *)arg;

	if (cluster_enter_now(base, false)) {
		look(c, now);
		cluster_leave(base);
	}
	snapshot_when_due(c, now);
}

static int64_t tend_all(void *arg)
{
	struct redshift_service *s = arg;
	int64_t now = clock_monotonic_ns();

	keeper_each(&s->keeper, &s->base, tend, &now);
	if (s->base.catalog != NULL && !keeper_stopped(&s->keeper)) {
		remove_expired(s);
	}
	return clock_monotonic_ns() + TURN_NS;
}

void redshift_keeper_init(struct redshift_service *s)
{
	keeper_init(&s->keeper, tend_all, s, 0);
}
