/* What is done without being asked: what write-behind has taken is brought to RDS, removals that
 * failed are made up for, and a table that another has taken the place of is noticed. */
#include <errno.h>
#include <time.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/common/thread.h"

#define SECOND_NS   INT64_C(1000000000)
#define LINGER_NS   (SECOND_NS / 100) /* so that writes of a moment share a commit of RDS */
#define BACKOFF_MIN (SECOND_NS / 20)
#define BACKOFF_MAX (5 * SECOND_NS)
#define TICK_NS	    SECOND_NS
#define PASSES_MAX  64 /* then others get their turn */

/* ---- what waits ---- */

static uint64_t try_begin(struct cached_table *t)
{
	LOCKED(&t->all->lock);
	return ++t->tries;
}

static void tell_passed(struct cache_tables *c)
{
	LOCKED(&c->lock);
	pthread_cond_broadcast(&c->settled);
}

/* The first failure and the first success after one are events. */
static void tell_change(struct cached_table *t, bool was_away, int rc, const struct err *why)
{
	if (rc < 0 && !was_away) {
		tables_event(t, "%s: RDS is away, %llu writes wait: %s", t->def.name,
			(unsigned long long)atomic_load(&t->waiting), why->msg);
	} else if (rc >= 0 && was_away) {
		tables_event(t, "%s: RDS is back, what waited is there", t->def.name);
	}
}

static void note_failure(struct cached_table *t, const struct err *why)
{
	atomic_fetch_add(&t->retries, 1);
	LOCKED(&t->lock);
	t->last_error = *why;
	t->last_error_ns = clock_wall_ns();
}

static bool try_end(struct cached_table *t, uint64_t number, int rc)
{
	LOCKED(&t->all->lock);
	bool was_away = t->backoff_ns != 0;
	int64_t longer = t->backoff_ns * 2 < BACKOFF_MAX ? t->backoff_ns * 2 : BACKOFF_MAX;
	t->backoff_ns = rc >= 0 ? 0 : was_away ? longer : BACKOFF_MIN;
	t->due_ns = rc >= 0 ? 0 : clock_monotonic_ns() + t->backoff_ns;
	t->tried = number;
	t->failed_try = rc < 0 ? number : t->failed_try;
	pthread_cond_broadcast(&t->all->settled);
	return was_away;
}

static int try_all(struct cached_table *t)
{
	struct err why = {0};
	uint64_t number = try_begin(t);
	int rc = 1;

	for (unsigned i = 0; i < PASSES_MAX && rc == 1; i++) {
		rc = tables_behind_pass(t, &why);
		tell_passed(t->all);
	}
	if (rc < 0) {
		note_failure(t, &why);
	}
	tell_change(t, try_end(t, number, rc), rc, &why);
	return rc;
}

static bool is_due(struct cached_table *t, int64_t now_ns)
{
	LOCKED(&t->all->lock);
	return t->def.pattern == TABLES_BEHIND && t->due_ns <= now_ns;
}

/* ---- a table ---- */

static void look_at_identity(struct cached_table *t)
{
	char identity[sizeof(t->identity)];
	struct err why = {0};

	if (!atomic_exchange(&t->used, false)) {
		return;
	}
	int rc = tables_source_identity(t->all, &t->def, identity, &why);
	if (rc < 0 || strcmp(identity, t->identity) == 0) {
		return;
	}
	rc = tables_renew(t, "another table stands in RDS under its name now", &why);
	rc = rc < 0 ? rc : tables_db_identity(t->all->db, t->def.id, identity, &why);
	if (rc < 0) {
		log_warn("cache: %s: %s", t->def.name, why.msg);
		return;
	}
	memcpy(t->identity, identity, sizeof(t->identity));
}

static void look_after(struct cached_table *t, bool urgent, bool tick)
{
	bool waits = atomic_load(&t->waiting) > 0;

	if (is_due(t, urgent ? INT64_MAX : clock_monotonic_ns()) && (waits || urgent)) {
		try_all(t);
	}
	if (tick) {
		tables_cache_mend(t);
		look_at_identity(t);
	}
}

static void look_after_all(struct cache_tables *c, bool urgent, bool tick)
{
	char last[TABLES_NAME_MAX + 1] = "";
	struct cached_table *t;

	while ((t = tables_next(c, slice_of(last))) != NULL) {
		memcpy(last, t->def.name, sizeof(last));
		look_after(t, urgent, tick);
		tables_put(t);
	}
}

/* What is left of a backlog is tried once; what RDS does not take now waits in the file. */
static void drain(struct cache_tables *c)
{
	char last[TABLES_NAME_MAX + 1] = "";
	struct cached_table *t;

	while ((t = tables_next(c, slice_of(last))) != NULL) {
		memcpy(last, t->def.name, sizeof(last));
		int rc = t->def.pattern == TABLES_BEHIND ? 1 : 0;
		while (rc == 1) {
			rc = try_all(t);
		}
		tables_cache_mend(t);
		tables_put(t);
	}
}

/* ---- the thread ---- */

/* Under the lock: the earliest time at which there is something to do. */
static int64_t next_ns(struct cache_tables *c, int64_t tick_ns)
{
	int64_t next = c->kicked_ns != 0 ? c->kicked_ns + LINGER_NS : tick_ns;
	const struct cached_table *t;

	LIST_FOREACH(t, &c->tables, link)
	{
		if (t->backoff_ns != 0 && t->due_ns < next) {
			next = t->due_ns;
		}
	}
	return next < tick_ns ? next : tick_ns;
}

static struct timespec wall(int64_t wait_ns)
{
	int64_t at = clock_wall_ns() + wait_ns;

	return (struct timespec){.tv_sec = at / SECOND_NS, .tv_nsec = at % SECOND_NS};
}

/* False: it ends. */
static bool await_work(struct cache_tables *c, int64_t tick_ns, bool *urgent)
{
	int64_t wait_ns;

	LOCKED(&c->lock);
	while (!c->stop && !c->urgent &&
		(wait_ns = next_ns(c, tick_ns) - clock_monotonic_ns()) > 0) {
		struct timespec until = wall(wait_ns);
		pthread_cond_timedwait(&c->wake, &c->lock, &until);
	}
	*urgent = c->urgent;
	c->urgent = false;
	c->kicked_ns = 0;
	return !c->stop;
}

static void *keeper_main(void *arg)
{
	struct cache_tables *c = arg;
	int64_t tick_ns = clock_monotonic_ns();
	bool urgent;

	while (await_work(c, tick_ns, &urgent)) {
		int64_t now = clock_monotonic_ns();
		bool tick = now >= tick_ns;
		tick_ns = tick ? now + TICK_NS : tick_ns;
		look_after_all(c, urgent, tick);
	}
	drain(c);
	return NULL;
}

int tables_keeper_start(struct cache_tables *c, struct err *err)
{
	if (c->read_only || c->keeping) {
		return 0;
	}
	int rc = thread_start(&c->keeper, keeper_main, c);
	if (rc != 0) {
		return err_set(err, rc, "no thread for the cached tables: %s", strerror(rc));
	}
	LOCKED(&c->lock);
	c->keeping = true;
	return 0;
}

void tables_keeper_stop(struct cache_tables *c)
{
	if (!c->keeping) {
		return;
	}
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->wake);
	pthread_cond_broadcast(&c->settled);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->keeper, NULL);
	c->keeping = false;
}

void tables_keeper_kick(struct cache_tables *c, bool urgent)
{
	LOCKED(&c->lock);
	if (!urgent && c->kicked_ns != 0) {
		return;
	}
	c->kicked_ns = clock_monotonic_ns();
	c->urgent = c->urgent || urgent;
	pthread_cond_signal(&c->wake);
}
