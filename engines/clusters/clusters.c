/* Clusters in use: found by name, counted, opened when first needed. There are so few that a
 * sorted list will do. */
#include "engines/clusters/clusters.h"

#include <stdio.h>
#include <time.h>

/* ---- the list ---- */

void cluster_init(struct cluster *c, struct clusters *all, const char *name, unsigned state)
{
	c->all = all;
	c->name = name;
	c->state = state;
	pthread_mutex_init(&c->opening, NULL);
}

void cluster_finish(struct cluster *c)
{
	pthread_mutex_destroy(&c->opening);
}

void clusters_insert(struct clusters *all, struct cluster *c)
{
	struct cluster *other;

	TAILQ_FOREACH (other, &all->list, link) {
		if (strcmp(other->name, c->name) > 0) {
			TAILQ_INSERT_BEFORE(other, c, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&all->list, c, link);
}

/* Under the lock; one that is being made, too. */
static struct cluster *find(struct clusters *all, struct slice name)
{
	struct cluster *c;

	TAILQ_FOREACH (c, &all->list, link) {
		if (slice_is(name, c->name)) {
			return c;
		}
	}
	return NULL;
}

bool clusters_reserve(struct clusters *all, struct cluster *c)
{
	LOCKED(&all->lock);

	if (find(all, slice_of(c->name)) != NULL) {
		return false;
	}
	c->state = all->kind->creating;
	c->refs = 1;
	clusters_insert(all, c);
	return true;
}

bool clusters_taken(struct clusters *all, struct slice name)
{
	LOCKED(&all->lock);
	return find(all, name) != NULL;
}

struct cluster *clusters_find(struct clusters *all, struct slice name, bool any)
{
	LOCKED(&all->lock);
	struct cluster *c = find(all, name);

	if (c == NULL || (!any && c->state == all->kind->creating)) {
		return NULL;
	}
	c->refs++;
	return c;
}

struct cluster *clusters_next(struct clusters *all, struct slice after)
{
	LOCKED(&all->lock);
	struct cluster *c;

	TAILQ_FOREACH (c, &all->list, link) {
		if (c->state != all->kind->creating &&
			slice_compare(slice_of(c->name), after) > 0) {
			c->refs++;
			return c;
		}
	}
	return NULL;
}

void cluster_name_now(struct cluster *c, char *out)
{
	LOCKED(&c->all->lock);
	snprintf(out, CLUSTER_NAME_MAX + 1, "%s", c->name);
}

void cluster_hold(struct cluster *c)
{
	LOCKED(&c->all->lock);
	c->refs++;
}

void cluster_put(struct cluster *c)
{
	if (c == NULL) {
		return;
	}
	pthread_mutex_lock(&c->all->lock);
	bool last = --c->refs == 0 && c->gone;
	pthread_mutex_unlock(&c->all->lock);
	if (last) {
		c->all->kind->free(c);
	}
}

void cluster_dropped(struct cluster *c)
{
	LOCKED(&c->all->lock);

	TAILQ_REMOVE(&c->all->list, c, link);
	c->gone = true;
	pthread_cond_broadcast(&c->all->moved);
}

bool cluster_is_gone(struct cluster *c)
{
	LOCKED(&c->all->lock);
	return c->gone;
}

bool cluster_is_open(struct cluster *c)
{
	LOCKED(&c->all->lock);
	return c->open;
}

/* ---- opening, shutting ---- */

int cluster_open_now(struct cluster *c, struct err *err)
{
	if (cluster_is_open(c)) {
		return 0;
	}
	int rc = c->all->kind->open(c, err);
	if (rc == 0) {
		LOCKED(&c->all->lock);
		c->open = true;
	}
	return rc;
}

void cluster_shut(struct cluster *c)
{
	LOCKED(&c->opening);
	{
		LOCKED(&c->all->lock);
		c->open = false;
	}
	c->all->kind->shut(c);
}

/* ---- entering ---- */

struct timespec cluster_in_seconds(unsigned seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	return until;
}

/* Under the lock. */
static int refuse(const struct cluster *c, enum cluster_refusal why, struct err *err)
{
	return c->all->kind->refuse(c, why, err);
}

static bool serves(const struct cluster *c)
{
	return (CLUSTER_FROM(c->state) & c->all->kind->serving) != 0;
}

/* Under the lock. */
static int wait_for_gate(struct cluster *c, struct err *err)
{
	int code = 0;

	if (!c->gated) {
		return 0;
	}
	struct timespec until = cluster_in_seconds(c->all->kind->wait_s);
	while (c->gated && !c->gone && code == 0) {
		code = pthread_cond_timedwait(&c->all->moved, &c->all->lock, &until);
	}
	return !c->gated || c->gone ? 0 : refuse(c, CLUSTER_GATED, err);
}

static int count_user(struct cluster *c, bool any, bool *open, struct err *err)
{
	LOCKED(&c->all->lock);

	int rc = any ? 0 : wait_for_gate(c, err);
	if (rc == 0 && c->gone) {
		rc = refuse(c, CLUSTER_GONE, err);
	}
	if (rc == 0 && !any && !serves(c)) {
		rc = refuse(c, CLUSTER_STATE, err);
	}
	if (rc == 0) {
		c->users++;
		*open = c->open;
	}
	return rc;
}

int cluster_enter(struct cluster *c, bool any, struct err *err)
{
	bool open = false;

	int rc = count_user(c, any, &open, err);
	if (rc < 0 || open) {
		return rc;
	}
	{
		LOCKED(&c->opening);
		rc = cluster_open_now(c, err);
	}
	if (rc < 0) {
		cluster_leave(c);
		return rc;
	}
	return 1;
}

bool cluster_enter_now(struct cluster *c, bool any)
{
	LOCKED(&c->all->lock);

	if (!c->open || c->gated || c->gone || (!any && !serves(c))) {
		return false;
	}
	c->users++;
	return true;
}

void cluster_leave(struct cluster *c)
{
	LOCKED(&c->all->lock);

	if (--c->users == 0 && c->all->waiting > 0) {
		pthread_cond_broadcast(&c->all->moved);
	}
}

/* Under the lock. */
static int wait_for_users(struct cluster *c, struct err *err)
{
	struct timespec until = cluster_in_seconds(c->all->kind->empty_s);
	int code = 0;

	c->all->waiting++;
	while (c->users > 0 && code == 0) {
		code = pthread_cond_timedwait(&c->all->moved, &c->all->lock, &until);
	}
	c->all->waiting--;
	return c->users == 0 ? 0 : refuse(c, CLUSTER_IN_USE, err);
}

int cluster_drain(struct cluster *c, struct err *err)
{
	LOCKED(&c->all->lock);
	return wait_for_users(c, err);
}

int cluster_close(struct cluster *c, struct err *err)
{
	int rc = cluster_drain(c, err);

	if (rc == 0) {
		cluster_shut(c);
	}
	return rc;
}

int cluster_close_gate(struct cluster *c, struct err *err)
{
	LOCKED(&c->all->lock);

	c->gated = true;
	int rc = wait_for_users(c, err);
	if (rc < 0) {
		c->gated = false;
		pthread_cond_broadcast(&c->all->moved);
	}
	return rc;
}

void cluster_open_gate(struct cluster *c)
{
	LOCKED(&c->all->lock);

	c->gated = false;
	pthread_cond_broadcast(&c->all->moved);
}

/* ---- states ---- */

unsigned cluster_state(struct cluster *c)
{
	LOCKED(&c->all->lock);
	return c->state;
}

int cluster_state_begin(struct cluster *c, unsigned to, unsigned from, struct err *err)
{
	LOCKED(&c->all->lock);

	if (c->gone) {
		return refuse(c, CLUSTER_GONE, err);
	}
	if ((CLUSTER_FROM(c->state) & (from | CLUSTER_FROM(0))) == 0) {
		return refuse(c, CLUSTER_STATE, err);
	}
	c->state = to;
	return 0;
}

void cluster_state_set(struct cluster *c, unsigned to)
{
	LOCKED(&c->all->lock);
	c->state = to;
}
