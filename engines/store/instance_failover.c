/* From one zone to the other, and which one to begin with.
 *
 * While commits are held back in front of the logs, the standby's log has every
 * commit that anyone was told of. So: its database applies what is left of that log,
 * and the state is written: that is the moment from which the other zone is
 * the primary, after a crash, too. What follows only completes it and is done by
 * whoever opens the instance next, if need be. Then the commits held back are told
 * to run again on the new primary. */
#include <assert.h>
#include <errno.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

struct move {
	unsigned to;
	uint64_t mark; /* of the zone that is left, to go back */
};

static void make_primary(struct instance_state *state, void *arg)
{
	struct move *m = arg;
	m->mark = state->mark[1 - m->to];
	state->mark[1 - m->to] = 0;
	state->settings.primary = m->to;
	state->standby = false;
}

static void go_back(struct instance_state *state, void *arg)
{
	const struct move *m = arg;
	state->mark[1 - m->to] = m->mark;
	state->mark[m->to] = 0;
	state->settings.primary = 1 - m->to;
}

/* *decided: the state names the other zone. */
static int switch_to(
	struct instance *i, struct move *m, struct primary **out, bool *decided, struct err *err)
{
	*decided = false;
	replica_close(i->follower);
	i->follower = NULL;
	int rc = primary_prepare(i, m->to, false, out, err);
	if (rc == 0) {
		rc = instance_alter(i, make_primary, m, err);
		*decided = rc == 0;
	}
	if (rc == 0) {
		rc = primary_finish(*out, err);
	}
	if (rc != 0) {
		primary_close(*out);
		*out = NULL;
	}
	return rc;
}

/* With commits still held back. The copy that served goes on, without a standby. */
static int stay(struct instance *i, struct primary *p, const struct move *m, bool decided,
	const struct err *why, struct err *err)
{
	struct move back = *m;
	return decided ? instance_alter(i, go_back, &back, err) : standby_drop(i, p, why, err);
}

/* Under p->tap. Whether `p` may go on with its commits. */
static bool decide(struct instance *i, struct primary *p, struct primary **fresh, struct err *err)
{
	struct move m = {.to = 1 - p->zone};
	struct err why = {0};
	bool decided = false;
	int rc = standby_ready(i) ? switch_to(i, &m, fresh, &decided, &why)
				  : err_set(&why, EIO, "its standby was lost meanwhile");
	if (rc == 0) {
		p->fenced = true;
		return false;
	}
	err_set(err, why.code, "%s", why.msg);
	/* A failed one stays with a standby that may work again next time. */
	if (primary_failed(p, NULL)) {
		p->fenced = true;
		return false;
	}
	struct err trouble = {0};
	if (standby_ready(i) || decided) {
		rc = stay(i, p, &m, decided, &why, &trouble);
		p->fenced = rc != 0;
		pagelog_detach(p->log);
	}
	return !p->fenced;
}

/* ---- telling ---- */

static void completed(struct instance *i, const struct primary *p, int64_t took)
{
	{
		LOCKED(&i->lock);
		i->n_failovers++;
		i->last_failover_ns = took;
	}
	event_post(i, INSTANCE_FAILOVER_COMPLETED, "zone %s is primary, %.3f s, nothing lost",
		i->config.zone[p->zone].name, (double)took / (double)SECOND_NS);
}

static void bury_later(struct instance *i, struct primary *p)
{
	p->next = i->old;
	i->old = p;
	worker_kick(i);
}

int failover_run(struct instance *i, struct primary *p, const char *why, struct err *err)
{
	int64_t began = clock_monotonic_ns();
	struct primary *fresh = NULL;
	struct err failure = {0};
	bool stays;
	event_post(i, INSTANCE_FAILOVER_STARTED, "%s", why);
	{
		LOCKED(&p->tap);
		stays = decide(i, p, &fresh, &failure);
	}
	if (stays) {
		instance_settle(i, p, NULL);
		worker_kick(i);
		return err_set(err, failure.code, "%s", failure.msg);
	}
	bury_later(i, p);
	instance_settle(i, fresh, &failure);
	if (fresh == NULL) {
		event_post(i, INSTANCE_FAILED, "%s", failure.msg);
		return err_set(err, failure.code, "%s", failure.msg);
	}
	completed(i, fresh, clock_monotonic_ns() - began);
	replicas_follow(i, fresh->log);
	return 0;
}

/* ---- opening ---- */

static int open_zone(
	struct instance *i, unsigned zone, bool standby, struct primary **out, struct err *err)
{
	int rc = primary_prepare(i, zone, standby, out, err);
	if (rc == 0) {
		rc = primary_finish(*out, err);
	}
	if (rc != 0) {
		primary_close(*out);
		*out = NULL;
	}
	return rc;
}

static int open_other(
	struct instance *i, unsigned zone, const char *why, struct primary **out, struct err *err)
{
	int64_t began = clock_monotonic_ns();
	struct move m = {.to = zone};
	bool decided;
	event_post(i, INSTANCE_FAILOVER_STARTED, "%s", why);
	int rc = switch_to(i, &m, out, &decided, err);
	if (rc == 0) {
		completed(i, *out, clock_monotonic_ns() - began);
	}
	return rc;
}

int failover_open(struct instance *i, struct primary **out, struct err *err)
{
	struct err why = {0};
	unsigned zone = instance_zone_of_primary(i);
	int rc = open_zone(i, zone, standby_ready(i), out, &why);
	if (rc != 0 && is_damage(-rc) && rc != -EINVAL && standby_ready(i)) {
		struct err other = {0};
		log_warn("%s; opening the standby", why.msg);
		rc = open_other(i, 1 - zone, why.msg, out, &other);
		if (rc != 0) {
			return err_set(err, EIO, "%s; and the standby: %.400s", why.msg, other.msg);
		}
	}
	if (rc != 0) {
		bool damage = is_damage(why.code) && why.code != EINVAL;
		return err_set(err, damage ? EIO : why.code, "%s", why.msg);
	}
	standby_follow(i, *out);
	return 0;
}

/* ---- by command ---- */

static int may_fail_over(struct instance *i, struct primary **out, struct err *err)
{
	LOCKED(&i->state_lock);
	if (!i->state.settings.multi_az) {
		return err_set(err, EINVAL, "%s has no standby", i->config.label);
	}
	if (!i->state.standby) {
		return err_set(err, EBUSY, "%s: its standby is not complete yet", i->config.label);
	}
	LOCKED(&i->lock);
	*out = i->current;
	return *out != NULL ? 0
			    : err_set(err, EIO, "%s: no copy of it can serve: %s", i->config.label,
				      i->failure.msg);
}

static int fail_over(struct instance *i, const char *why, struct err *err)
{
	LOCKED(&i->change);
	struct primary *p = NULL;
	int rc = may_fail_over(i, &p, err);
	if (rc == 0) {
		assert(p != NULL);
		instance_hide(i, true);
		rc = failover_run(i, p, why, err);
	}
	return rc;
}

int instance_failover(struct instance *i, const char *why, struct err *err)
{
	int rc = fail_over(i, why, err);
	event_tell(i);
	return rc;
}
