/* Which copy serves: leaving one that fails, opening again. */
#include <errno.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

static bool is_current(struct instance *i, const struct primary *p)
{
	LOCKED(&i->lock);
	return i->current == p;
}

/* ---- those that were current; under i->change ---- */

static bool is_unused(struct instance *i, const struct primary *p)
{
	LOCKED(&i->lock);
	return p->users == 0;
}

/* Their logs go when the replicas have another one. */
static void free_old(struct instance *i)
{
	for (struct primary **at = &i->old; *at != NULL;) {
		struct primary *p = *at;
		if (p->store == NULL) {
			*at = p->next;
			primary_free(p);
		} else {
			at = &p->next;
		}
	}
}

void instance_bury(struct instance *i)
{
	LOCKED(&i->change);
	for (struct primary *p = i->old; p != NULL; p = p->next) {
		if (is_unused(i, p)) {
			primary_stop(p);
		}
	}
	if (!is_current(i, NULL)) {
		free_old(i);
	}
}

/* Their files are wanted. */
static int stop_old(struct instance *i, int64_t deadline, struct err *err)
{
	for (struct primary *p = i->old; p != NULL; p = p->next) {
		int rc = instance_empty(i, p, deadline, err);
		if (rc != 0) {
			return rc;
		}
		primary_stop(p);
	}
	return 0;
}

/* ---- leaving one that failed ---- */

/* Nothing can take its place: it is kept until nobody uses it. */
static void give_up(struct instance *i, struct primary *p, const struct err *why)
{
	log_error("%s: no copy of it can serve: %s", i->config.label, why->msg);
	instance_hide(i, false);
	p->next = i->old;
	i->old = p;
	instance_settle(i, NULL, why);
	event_post(i, INSTANCE_FAILED, "%s", why->msg);
}

void instance_trouble(struct instance *i, struct primary *p)
{
	LOCKED(&i->change);
	struct err why = {0};
	if (!is_current(i, p) || !primary_failed(p, &why)) {
		return;
	}
	if (standby_ready(i)) {
		struct err ignored = {0};
		log_warn("%s: %s", i->config.label, why.msg);
		instance_hide(i, true);
		failover_run(i, p, why.msg, &ignored);
	} else {
		give_up(i, p, &why);
	}
}

/* ---- opening again ---- */

/* Under i->change: opens what can serve, in place of all that was open. */
static int open_again(struct instance *i, int64_t deadline, struct primary **out, struct err *err)
{
	int rc = stop_old(i, deadline, err);
	if (rc != 0) {
		return rc;
	}
	replica_close(i->follower);
	i->follower = NULL;
	rc = failover_open(i, out, err);
	if (rc == 0) {
		replicas_follow(i, (*out)->log);
		free_old(i);
	}
	return rc;
}

static bool should_revive(struct instance *i)
{
	LOCKED(&i->lock);
	return i->current == NULL && clock_monotonic_ns() >= i->retry_at;
}

void instance_revive(struct instance *i)
{
	LOCKED(&i->change);
	if (!should_revive(i)) {
		return;
	}
	struct err why = {0};
	struct primary *p = NULL;
	instance_hide(i, false);
	int rc = open_again(i, clock_monotonic_ns() + SECOND_NS, &p, &why);
	instance_settle(i, rc == 0 ? p : NULL, &why);
	if (rc == 0) {
		log_warn("%s: it serves again", i->config.label);
		worker_kick(i);
	}
}

/* ---- by command ---- */

/* Under i->change. The current one is out of use; on failure it serves on. */
static int put_away(struct instance *i, struct err *err)
{
	struct primary *p;
	{
		LOCKED(&i->lock);
		p = i->current;
	}
	instance_hide(i, false);
	if (p == NULL) {
		return 0;
	}
	struct err why = {0};
	int rc = instance_empty(i, p, clock_monotonic_ns() + INSTANCE_WAIT_NS, &why);
	if (rc != 0) {
		instance_settle(i, p, NULL);
		return err_set(err, why.code, "%s", why.msg);
	}
	p->next = i->old;
	i->old = p;
	return 0;
}

static int restart(struct instance *i, struct err *err)
{
	LOCKED(&i->work); /* who copies, uses it for long */
	LOCKED(&i->change);
	struct err why = {0};
	struct primary *p = NULL;
	int rc = put_away(i, err);
	if (rc != 0) {
		return rc;
	}
	rc = open_again(i, clock_monotonic_ns() + SECOND_NS, &p, &why);
	instance_settle(i, rc == 0 ? p : NULL, &why);
	return rc != 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

int instance_restart(struct instance *i, struct err *err)
{
	int rc = restart(i, err);
	worker_kick(i);
	event_tell(i);
	return rc;
}

/* ---- multi_az ---- */

static void want_multi_az(struct instance_state *state, void *arg)
{
	(void)arg;
	state->settings.multi_az = true;
}

static void want_one_zone(struct instance_state *state, void *arg)
{
	(void)arg;
	state->settings.multi_az = false;
	state->standby = false;
	state->mark[1 - state->settings.primary] = 0;
}

/* The state first: from then on the standby does not count. */
static int switch_off(struct instance *i, struct err *err)
{
	LOCKED(&i->change);
	int rc = instance_alter(i, want_one_zone, NULL, err);
	if (rc != 0) {
		return rc;
	}
	struct primary *p;
	{
		LOCKED(&i->lock);
		p = i->current;
	}
	if (p != NULL) {
		pagelog_detach(p->log);
	}
	replica_close(i->follower);
	i->follower = NULL;
	return stop_old(i, clock_monotonic_ns() + INSTANCE_WAIT_NS, err);
}

static int switch_on(struct instance *i, struct err *err)
{
	if (i->config.sync != STORE_SYNC_CLOSE) {
		return instance_no_standby(&i->config, err);
	}
	int rc = instance_alter(i, want_multi_az, NULL, err);
	if (rc != 0 || standby_ready(i)) {
		return rc;
	}
	instance_bury(i);
	{
		LOCKED(&i->change);
		rc = stop_old(i, clock_monotonic_ns() + INSTANCE_WAIT_NS, err);
	}
	return rc != 0 ? rc : standby_build(i, err);
}

int instance_set_multi_az(struct instance *i, bool on, struct err *err)
{
	int rc;
	{
		LOCKED(&i->work);
		rc = on ? switch_on(i, err) : switch_off(i, err);
		if (rc == 0 && !on) {
			rc = zone_remove(&i->config, 1 - instance_zone_of_primary(i), err);
		}
	}
	event_tell(i);
	return rc;
}
