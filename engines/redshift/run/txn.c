/* A transaction: one at a time, over all nodes. It counts from the moment on the leader commits its
 * number; before, nobody else sees what it wrote, and what it wrote can be undone. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/redshift/run/cluster.h"

#define WAIT_S 60

/* ---- beginning ---- */

static int take_turn(struct rs_cluster *c, struct err *err)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	return pthread_mutex_timedlock(&c->writing, &until) == 0
		       ? 0
		       : err_set(err, EBUSY,
				 "%s: another transaction has been writing for a minute, try "
				 "again later",
				 c->config.label);
}

/* What an earlier one left on the nodes. */
static int undo_residue(struct rs_cluster *c, struct err *err)
{
	int rc = rs_leader_settle(c->leader, err);

	if (rc < 0 || !c->residue) {
		return rc;
	}
	struct rs_catalog *now = rs_leader_catalog(c->leader);
	if (now->xid < c->residue_xid) {
		rc = rs_nodes_undo(c->nodes, now, c->residue_xid, err);
	}
	rs_catalog_unref(now);
	c->residue = rc < 0;
	return rc < 0 ? err_wrap(err, "what an earlier transaction left cannot be undone") : 0;
}

/* `next` is what the transaction's statements look at, too: who looks up a table looks it up
 * anew in each statement. */
static int begin_look(struct rs_txn *t, struct err *err)
{
	struct rs_cluster *c = t->cluster;

	int rc = rs_look_begin(c, &t->look, err);
	if (rc < 0) {
		return rc;
	}
	t->next = rs_catalog_copy(t->look.catalog);
	if (t->next == NULL) {
		rs_look_end(&t->look);
		return err_set(err, ENOMEM, "out of memory");
	}
	t->xid = t->look.catalog->xid + 1;
	return 0;
}

static int begin(struct rs_txn *t, struct err *err)
{
	struct rs_cluster *c = t->cluster;

	int rc = undo_residue(c, err);
	if (rc == 0 && atomic_load(&c->n_dropped) > 0) {
		rs_cluster_sweep(c);
	}
	rc = rc < 0 ? rc : begin_look(t, err);
	if (rc == 0 && (rc = rs_txn_renew(t, err)) < 0) {
		rs_look_end(&t->look);
		rs_catalog_unref(t->next);
	}
	return rc;
}

int rs_txn_begin(struct rs_cluster *c, struct rs_txn **out, struct err *err)
{
	if (c->config.read_only) {
		return err_set(err, EROFS, "%s is read-only", c->config.label);
	}
	struct rs_txn *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->cluster = c;
	int rc = take_turn(c, err);
	if (rc < 0) {
		free(t);
		return rc;
	}
	rc = begin(t, err);
	if (rc < 0) {
		pthread_mutex_unlock(&c->writing);
		free(t);
		return rc;
	}
	*out = t;
	return 0;
}

int rs_txn_renew(struct rs_txn *t, struct err *err)
{
	struct rs_catalog *before = t->look.catalog;
	int64_t now = t->look.sight.resolver.now_micros;

	rs_look_forget(&t->look);
	t->look.catalog = rs_catalog_ref(t->next);
	rs_catalog_unref(before);
	{
		LOCKED(&t->cluster->lock);
		t->look.xid = t->xid;
	}
	int rc = rs_look_resolver(&t->look, err);
	t->look.sight.resolver.now_micros = now; /* one time for a transaction */
	return rc;
}

/* ---- ending ---- */

static void end(struct rs_txn *t)
{
	struct rs_cluster *c = t->cluster;

	rs_look_end(&t->look);
	if (atomic_load(&c->n_dropped) > 0) {
		rs_cluster_sweep(c);
	}
	pthread_mutex_unlock(&c->writing);
	rs_catalog_unref(t->next);
	free(t->dropped);
	free(t);
}

/* Room first: what is committed cannot fail any more. */
static int reserve_dropped(struct rs_txn *t, struct err *err)
{
	struct rs_cluster *c = t->cluster;
	unsigned n = atomic_load(&c->n_dropped) + t->n_dropped;

	if (t->n_dropped == 0) {
		return 0;
	}
	struct rs_dropped *more = reallocarray(c->dropped, n, sizeof(*more));
	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->dropped = more;
	return 0;
}

static void note_dropped(struct rs_txn *t)
{
	struct rs_cluster *c = t->cluster;
	unsigned n = atomic_load(&c->n_dropped);

	for (unsigned i = 0; i < t->n_dropped; i++) {
		c->dropped[n++] = (struct rs_dropped){t->dropped[i], t->xid};
	}
	atomic_store(&c->n_dropped, n);
}

static const struct rs_table *same_key(const struct rs_catalog *c, const struct rs_table *t)
{
	const struct rs_table *other = rs_catalog_table(c, t->schema, t->name);

	return other != NULL && other->id == t->id ? other : NULL;
}

/* Tables of `now` that are others than in `before`; the list of tables, when that is another. */
static void tell(
	const struct rs_cluster *c, const struct rs_catalog *before, const struct rs_catalog *now)
{
	bool list = before->n_tables != now->n_tables;

	if (c->config.changed == NULL) {
		return;
	}
	for (unsigned i = 0; i < now->n_tables; i++) {
		const struct rs_table *t = now->tables[i], *old = same_key(before, t);
		CLEANUP(buf_free) struct buf key = BUF_INIT;

		list = list || old == NULL;
		if (old == NULL || old->changed_xid != t->changed_xid) {
			rs_table_key(t, &key);
			struct slice s = buf_slice(&key);
			c->config.changed(c->config.arg, key.failed ? NULL : &s);
		}
	}
	if (list) {
		c->config.changed(c->config.arg, NULL);
	}
}

int rs_txn_commit(struct rs_txn *t, struct err *err)
{
	struct rs_cluster *c = t->cluster;
	struct rs_catalog *before = rs_leader_catalog(c->leader), *now;

	if (!t->wrote && !t->changed) {
		rs_catalog_unref(before);
		end(t);
		return 0;
	}
	t->next->xid = t->xid;
	t->next->time_ns = clock_wall_ns();
	int rc = reserve_dropped(t, err);
	rc = rc < 0 ? rc : rs_leader_commit(c->leader, rs_catalog_ref(t->next), err);
	if (rc < 0) {
		rs_catalog_unref(before);
		rs_txn_abort(t);
		return rc;
	}
	note_dropped(t);
	now = rs_catalog_ref(t->next);
	end(t);
	tell(c, before, now);
	rs_catalog_unref(before);
	rs_catalog_unref(now);
	return 0;
}

void rs_txn_abort(struct rs_txn *t)
{
	struct rs_cluster *c = t->cluster;
	struct err why = {0};

	if (t->wrote) {
		c->residue = true;
		c->residue_xid = t->xid;
		if (undo_residue(c, &why) < 0) {
			log_warn("redshift: %s: %s", c->config.label, why.msg);
		}
	}
	end(t);
}

/* ---- changing ---- */

int rs_txn_drop_storage(struct rs_txn *t, uint64_t storage, struct err *err)
{
	uint64_t *more = reallocarray(t->dropped, t->n_dropped + 1, sizeof(*more));

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->dropped = more;
	more[t->n_dropped++] = storage;
	t->changed = true;
	return 0;
}

void rs_txn_touch(struct rs_txn *t, struct rs_table *table)
{
	table->changed_xid = t->xid;
	table->changed_ns = clock_wall_ns();
	t->changed = true;
}
