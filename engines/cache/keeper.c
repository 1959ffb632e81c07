/* What is done without being asked: clusters are opened after the mount, so that replicas follow;
 * keys whose time has come go; what persistence `everysec` promises is made true; a primary that
 * failed is replaced, and replicas are made to be those of the catalog.
 *
 * Two threads, since making a replica may take long. The first one sleeps unless something is
 * written, or a key expires soon: then its turns come ten times a second. The second one looks
 * every few seconds whether all nodes are there. */
#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"

#define MS_NS	INT64_C(1000000)
#define TURN_NS (100 * MS_NS)
#define SYNC_NS (700 * MS_NS) /* with a turn and what it takes, within a second */
#define MEND_NS (5 * KEEPER_SECOND_NS)
#define FAR_MS	INT64_C(3600000)

static void warn(struct cache_cluster *c, const char *what, const struct err *why)
{
	log_warn("cache: cluster %s: %s: %s", c->def.name, what, why->msg);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- what time brings; entered ---- */

static void sync_now(struct cache_cluster *c, int64_t now)
{
	struct cache_def def;
	struct err why = {0};

	cache_def_now(c, &def);
	c->sync_at = KEEPER_NEVER;
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
	c->tick_at = wait_ms < 0	? KEEPER_NEVER
		     : wait_ms > FAR_MS ? now + FAR_MS * MS_NS
					: now + wait_ms * MS_NS;
}

static void tend(struct cache_cluster *c, int64_t now)
{
	if (atomic_exchange(&c->written, false)) {
		c->sync_at = c->sync_at == KEEPER_NEVER ? now + SYNC_NS : c->sync_at;
		c->tick_at = now;
	}
	if (now >= c->sync_at) {
		sync_now(c, now);
	}
	if (now >= c->tick_at) {
		tick(c, now);
	}
}

struct turn {
	int64_t now;
	int64_t next;
};

static void tend_one(void *arg, struct cluster *base)
{
	struct cache_cluster *c = (struct cache_cluster *)base;
	struct turn *turn = arg;

	if (c->def.kind == CACHE_REDIS && cluster_enter_now(base, true)) {
		tend(c, turn->now);
		cluster_leave(base);
		turn->next = earlier(turn->next, earlier(c->tick_at, c->sync_at));
	} else if (c->def.kind == CACHE_REDIS && cache_is_serving(c)) {
		turn->next = turn->now; /* nobody would wake us when the failover is over */
	}
}

static int64_t tend_all(void *arg)
{
	struct cache_service *s = arg;
	struct turn turn = {clock_monotonic_ns(), KEEPER_NEVER};

	if (!s->base.read_only) {
		keeper_each(&s->time, &s->base, tend_one, &turn);
	}
	return turn.next;
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
	if (!c->service->base.read_only && cache_settle(c, &why) < 0) {
		log_debug("cache: cluster %s: %s", def.name, why.msg);
	}
	cluster_leave(&c->base);
}

static void mend_one(void *arg, struct cluster *base)
{
	struct cache_cluster *c = (struct cache_cluster *)base;
	struct cache_service *s = arg;

	if (c->def.kind == CACHE_REDIS) {
		bool open = cluster_is_open(base);
		mend(c);
		if (!open) {
			keeper_kick(&s->time);
		}
	}
}

static int64_t mend_all(void *arg)
{
	struct cache_service *s = arg;

	keeper_each(&s->nodes, &s->base, mend_one, s);
	return clock_monotonic_ns() + MEND_NS;
}

/* ---- the threads ---- */

void cache_keepers_init(struct cache_service *s)
{
	keeper_init(&s->time, tend_all, s, TURN_NS);
	keeper_init(&s->nodes, mend_all, s, TURN_NS);
}

int cache_keepers_start(struct cache_service *s, struct err *err)
{
	int rc = keeper_start(&s->time, "cache", err);

	return rc < 0 ? rc : keeper_start(&s->nodes, "cache", err);
}
