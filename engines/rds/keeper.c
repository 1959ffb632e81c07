/* What is done without being asked: instances are opened after the mount, so that replicas
 * follow and backups are made; what has been stopped for a week is started; what
 * nobody needs any more goes. */
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"

#define ROUND_SECONDS 5
#define STOPPED_MAX   (INT64_C(7) * 24 * 3600 * KEEPER_SECOND_NS)

/* ---- one instance ---- */

static void start_after_a_week(struct rds_instance *i, const struct rds_def *def)
{
	struct err why = {0};

	if (clock_wall_ns() - def->stopped_ns < STOPPED_MAX || i->service->base.read_only) {
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

static void look_after(void *arg, struct cluster *base)
{
	struct rds_instance *i = (struct rds_instance *)base;
	struct rds_source *rows;
	struct rds_def def;
	struct err why = {0};

	(void)arg;
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
	cluster_leave(&i->base);
}

/* ---- the thread ---- */

static int64_t round_of(void *arg)
{
	struct rds_service *s = arg;

	keeper_each(&s->keeper, &s->base, look_after, NULL);
	past_expire(&s->past);
	return clock_monotonic_ns() + ROUND_SECONDS * KEEPER_SECOND_NS;
}

void rds_keeper_init(struct rds_service *s)
{
	keeper_init(&s->keeper, round_of, s, 0);
}
