/* What is done without being asked: clusters are opened after the mount, so that replicas
 * follow and backups are made; replicas are made to be those of the catalog; documents
 * whose time has come go, and changes that are too old; what has been stopped for a week is
 * started. */
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

#define ROUND_SECONDS  5
#define STOPPED_MAX    (INT64_C(7) * 24 * 3600 * KEEPER_SECOND_NS)
#define CHANGES_KEPT   (INT64_C(10800) * KEEPER_SECOND_NS)
#define EXPIRE_AT_ONCE 1000

/* ---- one cluster ---- */

static void start_after_a_week(struct docdb_cluster *c, const struct docdb_def *def)
{
	struct err why = {0};

	if (clock_wall_ns() - def->stopped_ns < STOPPED_MAX || c->service->base.read_only) {
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
static void expire(struct docdb_cluster *c)
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
	} while (rc == 0 && e.removed >= EXPIRE_AT_ONCE && !keeper_stopped(&c->service->keeper));
	rc = rc < 0 ? rc : docdb_write(c->source, prune_fn, &e, &why);
	if (rc < 0) {
		log_warn("docdb: cluster %s: %s", c->def.name, why.msg);
	}
	if (all > 0) {
		log_info("docdb: cluster %s: %llu documents have expired", c->def.name,
			(unsigned long long)all);
	}
}

static void look_after(void *arg, struct cluster *base)
{
	struct docdb_cluster *c = (struct docdb_cluster *)base;
	bool expires = *(const bool *)arg;
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
	if (!c->service->base.read_only) {
		if (docdb_settle_replicas(c, &why) < 0) {
			log_warn("docdb: cluster %s: %s", def.name, why.msg);
		}
		docdb_grow(c);
	}
	if (expires && !c->service->base.read_only) {
		expire(c);
	}
	cluster_leave(&c->base);
}

/* ---- the thread ---- */

static bool expiry_is_due(struct docdb_service *s)
{
	int64_t now = clock_monotonic_ns();

	if (now < s->expire_at) {
		return false;
	}
	s->expire_at = now + s->ttl_seconds * KEEPER_SECOND_NS;
	return true;
}

static int64_t round_of(void *arg)
{
	struct docdb_service *s = arg;
	bool expires = expiry_is_due(s);
	unsigned seconds = s->ttl_seconds;

	keeper_each(&s->keeper, &s->base, look_after, &expires);
	past_expire(&s->past);
	return clock_monotonic_ns() +
	       (seconds < ROUND_SECONDS ? seconds : ROUND_SECONDS) * KEEPER_SECOND_NS;
}

void docdb_keeper_init(struct docdb_service *s)
{
	keeper_init(&s->keeper, round_of, s, 0);
}
