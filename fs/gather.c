/* Closes that commit together.
 *
 * A close waits for the disk. The first one of a table goes there by itself, as any
 * request that waits: another thread reads on. Closes that come meanwhile are only
 * noted, and the thread that reads goes on reading; whoever commits takes all that were
 * noted as one group (engine_write_many()), answers them, and looks again. So it costs
 * no wake-up of a thread to have many closes wait, and none to answer them.
 *
 * A group holds the locks of its handles until it is stored. It takes one without
 * waiting, but for the first: a handle somebody else is busy with, or that comes twice
 * (a copied descriptor), is of the next group. What tells the kernel of the change
 * comes after the locks are gone, since that may wait for requests on these handles. */
#include "fs/gather.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"

/* One FLUSH. */
struct gather_close {
	struct gather_close *next;
	fuse_req_t req;
	struct handle_commit commit;
};

/* A thread that commits closes of one table. On its stack; under gather.lock. */
struct gather_turn {
	struct gather_turn *next;
	const struct node *table;
	struct gather_close *head;
	struct gather_close **end;
};

/* The node below the service's, which it is in. It is for telling tables apart only. */
static const struct node *table_of(struct mount *m, const struct node *n)
{
	const struct node *table = n;
	const struct node *service = n;
	LOCKED(&m->nodes.lock);
	for (; n->parent != NULL; n = n->parent) {
		table = service;
		service = n;
	}
	return table;
}

/* ---- one close ---- */

static void finish(struct gather_close *c, int rc, const struct err *err)
{
	struct handle *h = c->commit.h;
	fuse_req_t req = c->req;
	struct err why = {0};

	if (rc < 0) {
		why = *err;
	}
	handle_commit_free(&c->commit);
	free(c);
	if (rc < 0) {
		reply_done(req, "close", h->node, NULL, rc, &why);
		handle_free(h);
		return;
	}
	/* Before the answer, so that RELEASE, which follows it, ends the handle. */
	handle_free(h);
	reply_errno(req, 0);
}

/* With the lock of its handle, which it keeps when true: it is to be stored. */
static bool start(struct gather_close *c)
{
	struct handle *h = c->commit.h;
	struct err err = {0};
	int rc = h->ops->flush_begin(h, fuse_req_ctx(c->req)->pid, &err);
	rc = rc == 1 ? handle_commit_begin(&c->commit, &err) : rc;
	if (rc == 1) {
		return true;
	}
	pthread_mutex_unlock(&h->lock);
	finish(c, rc, &err);
	return false;
}

static void end(struct gather_close *c)
{
	handle_commit_end(&c->commit);
	pthread_mutex_unlock(&c->commit.h->lock);
}

static void answer(struct gather_close *c)
{
	handle_commit_tell(&c->commit);
	finish(c, c->commit.put.result, &c->commit.put.err);
}

/* ---- a group ---- */

static void note(struct gather_turn *t, struct gather_close *c)
{
	c->next = NULL;
	*t->end = c;
	t->end = &c->next;
}

static struct gather_close *next_noted(struct gather_turn *t)
{
	struct gather_close *c = t->head;
	if (c != NULL) {
		t->head = c->next;
		t->end = t->head != NULL ? t->end : &t->head;
	}
	return c;
}

struct group {
	struct gather_close *close[ENGINE_PUTS_MAX];
	struct engine_put *put[ENGINE_PUTS_MAX];
	unsigned n;
};

static bool fits(const struct group *g, const struct gather_close *c)
{
	return g->n == 0 || g->close[0]->commit.h->node->engine == c->commit.h->node->engine;
}

/* False: its handle is somebody's, or it is of another engine. */
static bool add(struct group *g, struct gather_close *c)
{
	struct handle *h = c->commit.h;
	if (g->n == 0) {
		pthread_mutex_lock(&h->lock);
	} else if (!fits(g, c) || pthread_mutex_trylock(&h->lock) != 0) {
		return false;
	}
	if (start(c)) {
		g->close[g->n] = c;
		g->put[g->n] = &c->commit.put;
		g->n++;
	}
	return true;
}

/* False: there is none, and the turn is over. */
static bool take(struct mount *m, struct gather_turn *t, struct gather_close *out[], unsigned *n)
{
	LOCKED(&m->gather.lock);
	for (*n = 0; *n < ENGINE_PUTS_MAX && t->head != NULL; (*n)++) {
		out[*n] = next_noted(t);
	}
	if (*n > 0) {
		return true;
	}
	struct gather_turn **p = &m->gather.turns;
	while (*p != t) {
		p = &(*p)->next;
	}
	*p = t->next;
	return false;
}

static void note_again(struct mount *m, struct gather_turn *t, struct gather_close *c)
{
	LOCKED(&m->gather.lock);
	note(t, c);
}

static void commit_group(
	struct mount *m, struct gather_turn *t, struct gather_close *taken[], unsigned n)
{
	struct group g = {.n = 0};
	for (unsigned i = 0; i < n; i++) {
		if (!add(&g, taken[i])) {
			note_again(m, t, taken[i]);
		}
	}
	if (g.n > 0) {
		engine_write_many(g.close[0]->commit.where.engine, g.put, g.n);
	}
	for (unsigned i = 0; i < g.n; i++) {
		end(g.close[i]);
	}
	for (unsigned i = 0; i < g.n; i++) {
		answer(g.close[i]);
	}
}

/* ---- the turn ---- */

/* True: somebody commits there, and will do this one; else the turn is begun. */
static bool join_turn(struct mount *m, struct gather_turn *mine, struct gather_close *c)
{
	LOCKED(&m->gather.lock);
	struct gather_turn *t = m->gather.turns;
	while (t != NULL && t->table != mine->table) {
		t = t->next;
	}
	if (t != NULL) {
		note(t, c);
		return true;
	}
	note(mine, c);
	mine->next = m->gather.turns;
	m->gather.turns = mine;
	return false;
}

static bool has_to_commit(fuse_req_t req, struct handle *h)
{
	struct err ignored = {0};
	HANDLE_LOCKED(h);
	return h->ops->flush_begin(h, fuse_req_ctx(req)->pid, &ignored) == 1;
}

bool gather_flush(fuse_req_t req, struct handle *h)
{
	struct mount *m = h->m;
	if (m->opts->sync == MOUNTOPTS_SYNC_INTERVAL || h->ops->flush_begin == NULL ||
		!engine_writes_many(h->node->engine) || !has_to_commit(req, h)) {
		return false;
	}
	struct gather_close *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return false;
	}
	c->req = req;
	c->commit.h = h;
	c->commit.op = "close";
	handle_ref(h);
	struct gather_turn mine = {.table = table_of(m, h->node), .end = &mine.head};
	if (join_turn(m, &mine, c)) {
		return true;
	}
	loop_yield();
	struct gather_close *taken[ENGINE_PUTS_MAX];
	unsigned n;
	while (take(m, &mine, taken, &n)) {
		commit_group(m, &mine, taken, n);
	}
	return true;
}
