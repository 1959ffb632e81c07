#include "fs/displaced.h"

#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/handle.h"

#define DISPLACED_NS INT64_C(10000000000)

void displaced_init(struct displaced *d)
{
	*d = (struct displaced){0};
	pthread_mutex_init(&d->lock, NULL);
}

static void clear(struct mount *m, struct displaced_name *x)
{
	if (x->dir == NULL) {
		return;
	}
	node_unref(&m->nodes, x->dir);
	free(x->name);
	*x = (struct displaced_name){0};
	m->displaced.n--;
}

void displaced_finish(struct mount *m)
{
	for (unsigned i = 0; i < DISPLACED_MAX; i++) {
		clear(m, &m->displaced.names[i]);
	}
	pthread_mutex_destroy(&m->displaced.lock);
}

/* A free place, else the oldest. */
static struct displaced_name *make_room(struct displaced *d)
{
	struct displaced_name *oldest = &d->names[0];
	for (unsigned i = 0; i < DISPLACED_MAX; i++) {
		if (d->names[i].dir == NULL) {
			return &d->names[i];
		}
		if (d->names[i].since_ns < oldest->since_ns) {
			oldest = &d->names[i];
		}
	}
	return oldest;
}

void displaced_add(struct mount *m, struct node *dir, const char *name, pid_t pid)
{
	displaced_drop(m, dir, name);
	char *copy = strdup(name);
	if (copy == NULL) {
		return;
	}
	LOCKED(&m->displaced.lock);
	struct displaced_name *x = make_room(&m->displaced);
	clear(m, x);
	node_ref(&m->nodes, dir);
	*x = (struct displaced_name){
		.dir = dir, .name = copy, .pid = pid, .since_ns = monotonic_ns()};
	m->displaced.n++;
}

static struct displaced_name *find(struct mount *m, const struct node *dir, const char *name)
{
	for (unsigned i = 0; i < DISPLACED_MAX; i++) {
		struct displaced_name *x = &m->displaced.names[i];
		if (x->dir == dir && strcmp(x->name, name) == 0) {
			return x;
		}
	}
	return NULL;
}

bool displaced_for(struct mount *m, const struct node *dir, const char *name, pid_t pid)
{
	if (m->displaced.n == 0) {
		return false;
	}
	LOCKED(&m->displaced.lock);
	struct displaced_name *x = find(m, dir, name);
	if (x != NULL && monotonic_ns() - x->since_ns > DISPLACED_NS) {
		clear(m, x);
		x = NULL;
	}
	return x != NULL && !x->taken && handle_same_process(pid, x->pid);
}

void displaced_take(struct mount *m, const struct node *dir, const char *name, uint64_t version)
{
	LOCKED(&m->displaced.lock);
	struct displaced_name *x = find(m, dir, name);
	if (x != NULL) {
		x->taken = true;
		x->version = version;
	}
}

bool displaced_again(
	struct mount *m, const struct node *dir, const char *name, pid_t pid, uint64_t version)
{
	if (m->displaced.n == 0) {
		return false;
	}
	LOCKED(&m->displaced.lock);
	struct displaced_name *x = find(m, dir, name);
	bool again = x != NULL && x->taken && x->version == version &&
		     monotonic_ns() - x->since_ns <= DISPLACED_NS &&
		     handle_same_process(pid, x->pid);
	if (again) {
		x->taken = false;
		x->since_ns = monotonic_ns();
	}
	return again;
}

void displaced_drop(struct mount *m, const struct node *dir, const char *name)
{
	if (m->displaced.n == 0) {
		return;
	}
	LOCKED(&m->displaced.lock);
	struct displaced_name *x = find(m, dir, name);
	if (x != NULL) {
		clear(m, x);
	}
}
