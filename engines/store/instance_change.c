/* Which copy serves: leaving one that fails, opening again. */
#include <errno.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

static bool is_current(struct instance *i, const struct primary *p)
{
	LOCKED(&i->lock);
	return i->current == p;
}

/* Nothing can take its place: it is kept until nobody uses it. */
static void give_up(struct instance *i, struct primary *p, const struct err *why)
{
	log_error("%s: no copy of it can serve: %s", i->config.label, why->msg);
	instance_hide(i, false);
	i->old = p;
	instance_settle(i, NULL, why);
	event_post(i, INSTANCE_FAILED, "%s", why->msg);
}

void instance_trouble(struct instance *i, struct primary *p)
{
	LOCKED(&i->change);
	struct err why = {0};
	if (is_current(i, p) && primary_failed(p, &why)) {
		give_up(i, p, &why);
	}
}

/* ---- opening again ---- */

/* Under i->change: opens what the state calls primary. */
static int open_again(struct instance *i, int64_t deadline, struct primary **out, struct err *err)
{
	int rc = i->old != NULL ? instance_empty(i, i->old, deadline, err) : 0;
	if (rc != 0) {
		return rc;
	}
	primary_close(i->old);
	i->old = NULL;
	return primary_open(i, i->state.settings.primary, out, err);
}

static bool should_revive(struct instance *i)
{
	LOCKED(&i->lock);
	return i->current == NULL && instance_clock() >= i->retry_at;
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
	int rc = open_again(i, instance_clock() + SECOND_NS, &p, &why);
	instance_settle(i, rc == 0 ? p : NULL, &why);
	if (rc == 0) {
		log_warn("%s: it serves again", i->config.label);
	}
}

int instance_restart(struct instance *i, struct err *err)
{
	LOCKED(&i->change);
	struct err why = {0};
	struct primary *p = i->current;
	instance_hide(i, false);
	if (p != NULL) {
		i->old = p;
		int rc = instance_empty(i, p, instance_clock() + INSTANCE_WAIT_NS, &why);
		if (rc != 0) {
			i->old = NULL;
			instance_settle(i, p, NULL);
			return err_set(err, why.code, "%s", why.msg);
		}
	}
	p = NULL;
	int rc = open_again(i, instance_clock() + SECOND_NS, &p, &why);
	instance_settle(i, rc == 0 ? p : NULL, &why);
	return rc != 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}
