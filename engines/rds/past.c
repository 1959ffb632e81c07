/* Points in time being looked at. Building one costs a copy (shared on disk where that
 * can be) and some log; who looks at the same time shares it, and it stays for a
 * while: `cat` after `ls` should not build it anew. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/rds/lifecycle.h"

#define SECOND_NS INT64_C(1000000000)
#define IDLE_NS	  (60 * SECOND_NS)
#define IDLE_MAX  4

static void past_free(struct rds_past *p)
{
	if (p->path != NULL) {
		unlink(p->path);
	}
	free(p->path);
	free(p);
}

/* Under past_lock. */
static struct rds_past *find(struct rds_service *s, uint64_t instance_id, int64_t time_ns)
{
	struct rds_past *p;

	TAILQ_FOREACH (p, &s->past, link) {
		if (p->instance_id == instance_id && p->time_ns == time_ns) {
			return p;
		}
	}
	return NULL;
}

static int build(struct rds_instance *i, struct rds_past *p, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct rds_source *rows;
	int64_t commit_ns;

	buf_printf(&path, "%s/tmp/at%llu-%lld.db", i->service->dir,
		(unsigned long long)p->instance_id, (long long)p->time_ns);
	p->path = strdup(buf_cstr(&path));
	if (p->path == NULL || path.failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = rds_enter(i, &rows, err);
	if (rc == 0) {
		rc = instance_build_time(i->store, p->time_ns, p->path, &commit_ns, err);
		rds_leave(i);
	}
	return rc;
}

/* Under past_lock: builders take turns, so that nothing is built twice. */
static int find_or_build(struct rds_instance *i, uint64_t instance_id, int64_t time_ns,
	struct rds_past **out, struct err *err)
{
	struct rds_service *s = i->service;
	struct rds_past *p = find(s, instance_id, time_ns);

	if (p != NULL) {
		*out = p;
		return 0;
	}
	p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	p->instance_id = instance_id;
	p->time_ns = time_ns;
	int rc = build(i, p, err);
	if (rc < 0) {
		past_free(p);
		return rc;
	}
	TAILQ_INSERT_HEAD(&s->past, p, link);
	*out = p;
	return 0;
}

int rds_past_open(struct rds_instance *i, int64_t time_ns, struct rds_past **out, struct err *err)
{
	struct rds_def def;

	rds_def_now(i, &def);
	LOCKED(&i->service->past_lock);
	int rc = find_or_build(i, def.id, time_ns, out, err);
	if (rc == 0) {
		(*out)->refs++;
	}
	return rc;
}

void rds_past_put(struct rds_service *s, struct rds_past *p)
{
	LOCKED(&s->past_lock);

	p->idle_since_ns = clock_wall_ns();
	p->refs--;
}

/* Under past_lock. */
static void expire(struct rds_service *s, bool all)
{
	int64_t now = clock_wall_ns();
	unsigned idle = 0;
	struct rds_past *p = TAILQ_FIRST(&s->past);

	while (p != NULL) {
		struct rds_past *next = TAILQ_NEXT(p, link);
		idle += p->refs == 0;
		if (p->refs == 0 && (all || idle > IDLE_MAX || now - p->idle_since_ns > IDLE_NS)) {
			TAILQ_REMOVE(&s->past, p, link);
			past_free(p);
		}
		p = next;
	}
}

void rds_past_expire(struct rds_service *s, bool all)
{
	LOCKED(&s->past_lock);
	expire(s, all);
}
