/* Write-behind: a write is done when it is in the queue, on disk; RDS gets it soon. What waits is
 * what is read. The last write of a key is the one that RDS gets; a refused one is kept in .failed.
 * Bringing the same text twice is bringing it once, so that a crash between RDS' commit and the
 * queue's does no harm. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/clock.h"

/* ---- room in the queue ---- */

static bool take_room(struct cached_table *t, bool anyway)
{
	uint64_t n = atomic_load(&t->waiting);

	while (anyway || n < t->def.queue) {
		if (atomic_compare_exchange_weak(&t->waiting, &n, n + 1)) {
			return true;
		}
	}
	return false;
}

static struct timespec deadline(int64_t wait_ns)
{
	int64_t at = clock_wall_ns() + wait_ns;

	return (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
}

static bool wait_room(struct cached_table *t)
{
	struct cache_tables *c = t->all;
	struct timespec until = deadline(c->full_wait_ns);
	bool room;
	int rc = 0;

	tables_keeper_kick(c, true);
	LOCKED(&c->lock);
	while (!(room = take_room(t, false)) && rc == 0) {
		rc = pthread_cond_timedwait(&c->settled, &c->lock, &until);
	}
	return room;
}

/* A key that waits already takes no more room. */
static int reserve(struct cached_table *t, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	enum tables_change change;
	int64_t time_ns;

	if (take_room(t, false)) {
		return 0;
	}
	int rc = tables_queue_find(t->all->db, t->def.id, key, &text, &change, &time_ns, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 1) {
		take_room(t, true);
		return 0;
	}
	return wait_room(t) ? 0
			    : err_set(err, EAGAIN,
				      "%llu writes of %s wait for RDS already, as many as may "
				      "(queue=); try again later, its .status says how it is",
				      (unsigned long long)t->def.queue, t->def.name);
}

/* ---- taking a write ---- */

static int enqueue(struct cached_table *t, struct slice key, enum tables_change change,
	struct slice text, struct tables_queued *out, struct err *err)
{
	int rc = tables_queue_put(t->all->db, t->def.id, key, change, text, out, err);

	if (rc < 0 || out->replaced) {
		atomic_fetch_sub(&t->waiting, 1);
	}
	if (rc < 0) {
		return rc;
	}
	tables_flights_old(t, key);
	tables_cache_set(t, key, change == TABLES_PUT ? &text : NULL);
	tables_keeper_kick(t->all, false);
	return 0;
}

/* What is there now, if that matters: *same says that it is this text. */
static int check_expected(struct cached_table *t, struct slice key, uint64_t expect,
	const struct slice *text, struct tables_row *row, bool *same, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	struct err why = {0};

	*same = false;
	if (expect == ENGINE_VERSION_ANY) {
		return 0;
	}
	int rc = tables_fetch(t, key, TABLES_INSIDE, &now, row, &why);
	bool absent = expect == ENGINE_VERSION_ABSENT;
	if (rc == 0 && absent) {
		return err_set(err, EEXIST, "the row is there already");
	}
	if (rc == -ENOENT) {
		return absent ? 0
			      : err_set(err, EBUSY,
					"the row was removed since it was read; read it again");
	}
	/* RDS is away, and the cache has lost what was read: then it counts what was seen last. */
	if (rc < 0) {
		return !absent && tables_seen_is(t, key, expect, 0)
			       ? 0
			       : err_set(err, why.code, "%s", why.msg);
	}
	*same = text != NULL && slice_equal(buf_slice(&now), *text);
	return row->version == expect || tables_seen_is(t, key, expect, row->version)
		       ? 0
		       : err_set(err, EBUSY,
				 "the row was changed since it was read; read it again");
}

static int write_key(struct cached_table *t, struct slice key, struct slice text, uint64_t expect,
	struct tables_row *out, struct err *err)
{
	struct tables_queued queued;
	struct tables_row row = {0};
	bool same;

	LOCKED(tables_stripe(t, key));
	int rc = check_expected(t, key, expect, &text, &row, &same, err);
	if (rc < 0 || same) {
		atomic_fetch_sub(&t->waiting, 1);
		*out = same ? row : *out;
		return rc;
	}
	rc = enqueue(t, key, TABLES_PUT, text, &queued, err);
	if (rc < 0) {
		return rc;
	}
	row = (struct tables_row){
		.version = tables_version(text), .size = text.n, .mtime_ns = queued.time_ns};
	tables_seen(t, key, &row, 0, false);
	*out = row;
	return 0;
}

int tables_behind_write(struct cached_table *t, struct slice key, struct slice text,
	uint64_t expect, struct tables_row *out, struct err *err)
{
	atomic_store(&t->used, true);
	int rc = tables_source_check(t, key, text, err);
	rc = rc < 0 ? rc : reserve(t, key, err);
	return rc < 0 ? rc : write_key(t, key, text, expect, out, err);
}

static int remove_key(struct cached_table *t, struct slice key, uint64_t expect, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	struct tables_queued queued;
	struct tables_row row = {0};
	bool same;

	LOCKED(tables_stripe(t, key));
	/* That there is one is asked in any case: rm says so otherwise. */
	int rc = tables_fetch(t, key, TABLES_INSIDE, &now, &row, err);
	rc = rc < 0 ? rc : check_expected(t, key, expect, NULL, &row, &same, err);
	if (rc < 0) {
		atomic_fetch_sub(&t->waiting, 1);
		return rc;
	}
	return enqueue(t, key, TABLES_REMOVE, slice_of(""), &queued, err);
}

int tables_behind_remove(struct cached_table *t, struct slice key, uint64_t expect, struct err *err)
{
	atomic_store(&t->used, true);
	int rc = reserve(t, key, err);
	return rc < 0 ? rc : remove_key(t, key, expect, err);
}

/* ---- bringing it to RDS ---- */

static void bring_removal(struct cached_table *t, struct engine *peer, struct tables_waiting *w)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct epath path = tables_row_path(t, buf_slice(&w->key));
	struct tables_row row;

	err_clear(&w->why);
	w->result = engine_remove(peer, &path, ENGINE_VERSION_ANY, &w->why);
	/* Gone already is good; but not because all of the table is. */
	if (w->result == -ENOENT) {
		err_clear(&w->why);
		int rc = tables_source_read(t, buf_slice(&w->key), &text, &row, &w->why);
		w->result = rc < 0 ? rc : 0;
	}
}

struct group {
	struct engine_put puts[ENGINE_PUTS_MAX];
	struct engine_put *list[ENGINE_PUTS_MAX];
	struct epath paths[ENGINE_PUTS_MAX];
	struct tables_waiting *of[ENGINE_PUTS_MAX];
	unsigned n;
};

static void bring_group(struct engine *peer, struct group *g)
{
	if (g->n > 0) {
		engine_write_many(peer, g->list, g->n);
	}
	for (unsigned i = 0; i < g->n; i++) {
		g->of[i]->result = g->puts[i].result;
		g->of[i]->why = g->puts[i].err;
	}
	g->n = 0;
}

static void add_to_group(struct cached_table *t, struct group *g, struct tables_waiting *w)
{
	unsigned i = g->n++;

	g->of[i] = w;
	g->paths[i] = tables_row_path(t, buf_slice(&w->key));
	g->puts[i] = (struct engine_put){
		.path = &g->paths[i], .text = buf_slice(&w->text), .expect = ENGINE_VERSION_ANY};
	g->list[i] = &g->puts[i];
}

/* Of a batch those that `retry` says: all, or once more what was refused, which a row that came
 * later in it may have mended (one that it refers to). */
static void bring(struct cached_table *t, struct engine *peer, struct tables_batch *b,
	struct group *g, bool retry)
{
	g->n = 0;
	for (unsigned i = 0; i < b->n; i++) {
		struct tables_waiting *w = &b->item[i];
		if (retry && (w->result == 0 || tables_is_away(w->result))) {
			continue;
		}
		if (w->change == TABLES_PUT) {
			add_to_group(t, g, w);
			continue;
		}
		bring_group(peer, g);
		bring_removal(t, peer, w);
	}
	bring_group(peer, g);
}

/* ---- after that ---- */

static void note_refusal(struct cached_table *t, const struct tables_waiting *w)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	name_escape(buf_slice(&w->key), &name);
	tables_event(t, "%s: RDS refused row %s, kept in .failed: %s", t->def.name, buf_cstr(&name),
		w->why.msg);
	LOCKED(&t->lock);
	t->last_error = w->why;
	t->last_error_ns = clock_wall_ns();
}

/* The cache gets what RDS made of the text, unless another is on its way already. */
static void refresh(struct cached_table *t, const struct tables_waiting *w)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct slice key = buf_slice(&w->key);
	struct tables_row row;
	struct err why = {0};

	LOCKED(tables_stripe(t, key));
	if (tables_queue_waits(t->all->db, t->def.id, &key, UINT64_MAX >> 1, &why) != 0) {
		return;
	}
	int rc = w->result == 0 ? tables_source_read(t, key, &text, &row, &why) : -EINVAL;
	struct slice now = buf_slice(&text);
	if (rc < 0) {
		tables_cache_remove(t, key);
		return;
	}
	tables_cache_set(t, key, rc == 1 ? &now : NULL);
	if (rc == 1) {
		tables_seen(t, key, &row, tables_version(buf_slice(&w->text)), false);
	}
}

static void finish(struct cached_table *t, const struct tables_batch *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		const struct tables_waiting *w = &b->item[i];
		if (w->result > 0) {
			continue;
		}
		if (w->result < 0) {
			note_refusal(t, w);
		}
		refresh(t, w);
	}
}

/* What RDS could not be asked of waits on: the first of those failures. */
static int still_waiting(struct tables_batch *b, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < b->n; i++) {
		struct tables_waiting *w = &b->item[i];
		if (w->result < 0 && tables_is_away(w->result)) {
			int code = w->why.code == ENOMEM ? ENOMEM : EIO;
			rc = rc < 0 ? rc : err_set(err, code, "%s", w->why.msg);
			w->result = 1;
		}
	}
	return rc;
}

static int bring_batch(struct cached_table *t, struct tables_batch *b, struct err *err)
{
	struct err why = {0};
	struct group *g = calloc(1, sizeof(*g));
	struct engine *peer = tables_peer(t->all, err);
	unsigned gone = 0;

	if (g == NULL || peer == NULL) {
		free(g);
		return peer == NULL ? -EIO : err_set(err, ENOMEM, "out of memory");
	}
	bring(t, peer, b, g, false);
	bring(t, peer, b, g, true);
	free(g);
	int away = still_waiting(b, err);
	int rc = tables_queue_settle(t->all->db, t->def.id, b, &gone, away < 0 ? &why : err);
	atomic_fetch_sub(&t->waiting, gone);
	if (rc == 0) {
		finish(t, b);
	}
	return away < 0 ? away : rc < 0 ? rc : 1;
}

int tables_behind_pass(struct cached_table *t, struct err *err)
{
	CLEANUP(cleanup_free) struct tables_batch *b = calloc(1, sizeof(*b));

	if (b == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = tables_queue_batch(t->all->db, t->def.id, b, err);
	rc = rc < 0 || b->n == 0 ? rc : bring_batch(t, b, err);
	tables_batch_free(b);
	return rc;
}

/* ---- until it is there ---- */

/* Until a try that began after this call has ended; its outcome. */
static int await_try(struct cached_table *t, struct err *err)
{
	struct cache_tables *c = t->all;

	tables_keeper_kick(c, true);
	LOCKED(&c->lock);
	uint64_t want = t->tries + 1;
	while (t->tried < want && c->keeping && !c->stop && !t->secluded) {
		struct timespec until = deadline(INT64_C(100000000));
		c->urgent = true;
		pthread_cond_signal(&c->wake);
		pthread_cond_timedwait(&c->settled, &c->lock, &until);
	}
	if (t->tried < want && t->secluded) {
		return err_set(err, EBUSY, "%s is being detached", t->def.name);
	}
	if (t->tried < want || t->failed_try >= want) {
		LOCKED(&t->lock);
		int code = t->last_error.code == ENOMEM ? ENOMEM : EIO;
		return err_set(err, code, "%s: what waits is not in RDS yet: %s", t->def.name,
			t->last_error.code != 0 ? t->last_error.msg : "the cluster is closing");
	}
	return 0;
}

int tables_behind_sync(struct cached_table *t, const struct slice *key, struct err *err)
{
	struct tables_backlog backlog;
	struct store *db = t->all->db;

	if (t->def.pattern != TABLES_BEHIND || t->all->read_only) {
		return 0;
	}
	int rc = tables_queue_backlog(db, t->def.id, &backlog, err);
	rc = rc < 0 ? rc : 1;
	while (rc == 1) {
		rc = tables_queue_waits(db, t->def.id, key, backlog.last, err);
		int tried = rc == 1 ? await_try(t, err) : 0;
		rc = tried < 0 ? tried : rc;
	}
	return rc < 0 || key == NULL ? rc : tables_failed_tell(db, t->def.id, *key, err);
}
