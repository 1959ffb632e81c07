/* Reading a row: what waits, the cache, RDS. Of many who miss the same key one asks RDS, the others
 * wait for what it gets. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/tables/tables_impl.h"

struct tables_flight {
	LIST_ENTRY(tables_flight) link; /* while `listed`; all under cached_table.lock */
	pthread_cond_t landed;
	unsigned refs;
	bool listed;
	bool done;
	int rc; /* as tables_source_read() */
	struct err err;
	struct buf text;
	struct tables_row row;
	size_t n;
	char key[];
};

static int missing(const struct cached_table *t, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	name_escape(key, &name);
	return err_set(err, ENOENT, "%s has no row %s", t->def.name, buf_cstr(&name));
}

/* ---- flights ---- */

static void unlist(struct tables_flight *f)
{
	if (f->listed) {
		LIST_REMOVE(f, link);
		f->listed = false;
	}
}

/* Under the lock. */
static struct tables_flight *find_flight(struct cached_table *t, struct slice key)
{
	struct tables_flight *f;

	LIST_FOREACH(f, &t->flights, link)
	{
		if (slice_equal(slice_make(f->key, f->n), key)) {
			break;
		}
	}
	return f;
}

static struct tables_flight *new_flight(struct cached_table *t, struct slice key)
{
	struct tables_flight *f = calloc(1, sizeof(*f) + key.n);

	if (f != NULL) {
		pthread_cond_init(&f->landed, NULL);
		f->n = key.n;
		if (key.n > 0) {
			memcpy(f->key, key.p, key.n);
		}
		f->listed = true;
		LIST_INSERT_HEAD(&t->flights, f, link);
	}
	return f;
}

/* The one under way, or a new one, which *lead says; NULL: memory ran out. */
static struct tables_flight *board(struct cached_table *t, struct slice key, bool *lead)
{
	LOCKED(&t->lock);
	struct tables_flight *f = find_flight(t, key);
	*lead = f == NULL;
	if (f == NULL) {
		f = new_flight(t, key);
	}
	if (f != NULL) {
		f->refs++;
	}
	return f;
}

static void leave(struct cached_table *t, struct tables_flight *f)
{
	pthread_mutex_lock(&t->lock);
	bool last = --f->refs == 0;
	pthread_mutex_unlock(&t->lock);
	if (last) {
		buf_free(&f->text);
		pthread_cond_destroy(&f->landed);
		free(f);
	}
}

void tables_flights_old(struct cached_table *t, struct slice key)
{
	LOCKED(&t->lock);
	struct tables_flight *f = find_flight(t, key);
	if (f != NULL) {
		unlist(f);
	}
}

static void land(struct cached_table *t, struct tables_flight *f, int rc)
{
	LOCKED(&t->lock);
	f->rc = rc;
	f->done = true;
	unlist(f);
	pthread_cond_broadcast(&f->landed);
}

static void await(struct cached_table *t, struct tables_flight *f)
{
	LOCKED(&t->lock);
	while (!f->done) {
		pthread_cond_wait(&f->landed, &t->lock);
	}
}

/* ---- loading ---- */

struct asked {
	struct slice key;
	enum tables_use use;
	bool fill; /* what it was then */
	struct tables_look look;
};

static void load(struct cached_table *t, struct tables_flight *f, const struct asked *a)
{
	atomic_fetch_add(&t->loads, 1);
	int rc = tables_source_read(t, a->key, &f->text, &f->row, &f->err);
	struct slice text = buf_slice(&f->text);
	if (rc == 1) {
		tables_seen(t, a->key, &f->row, 0, a->use == TABLES_LOOK && a->fill);
	}
	if (rc >= 0 && a->fill) {
		tables_cache_fill(t, a->key, &a->look, rc == 1 ? &text : NULL);
	}
	land(t, f, rc);
}

static int answer(struct cached_table *t, const struct tables_flight *f, const struct asked *a,
	struct buf *out, struct tables_row *row, struct err *err)
{
	if (f->rc < 0) {
		return err_set(err, f->err.code, "not in the cache, and %s", f->err.msg);
	}
	if (f->rc == 0) {
		return missing(t, a->key, err);
	}
	buf_append_slice(out, buf_slice(&f->text));
	*row = f->row;
	return buf_check(out, err);
}

static int fly(struct cached_table *t, const struct asked *a, struct buf *out,
	struct tables_row *row, struct err *err)
{
	bool lead;
	struct tables_flight *f = board(t, a->key, &lead);

	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (lead) {
		load(t, f, a);
	} else {
		await(t, f);
	}
	int rc = answer(t, f, a, out, row, err);
	leave(t, f);
	return rc;
}

/* ---- what is there ---- */

/* Of write-behind. 1: that is it (or that it was removed: -ENOENT); 0: nothing waits. */
static int fetch_waiting(struct cached_table *t, struct slice key, struct buf *out,
	struct tables_row *row, struct err *err)
{
	enum tables_change change = TABLES_PUT;
	size_t before = out->n;
	int64_t time_ns = 0;

	if (t->def.pattern != TABLES_BEHIND || atomic_load(&t->waiting) == 0) {
		return 0;
	}
	int rc = tables_queue_find(t->all->db, t->def.id, key, out, &change, &time_ns, err);
	rc = rc == 1 && buf_check(out, err) < 0 ? -ENOMEM : rc;
	if (rc != 1) {
		return rc;
	}
	if (change == TABLES_REMOVE) {
		return missing(t, key, err);
	}
	*row = (struct tables_row){.version = tables_version(buf_since(out, before)),
		.size = out->n - before,
		.mtime_ns = time_ns};
	return 1;
}

/* The time is that of the row in RDS, which is asked for it when nobody here remembers. */
static void hit(
	struct cached_table *t, const struct asked *a, struct slice text, struct tables_row *row)
{
	struct err why = {0};

	row->version = tables_version(text);
	row->size = text.n;
	bool loaded = tables_seen_time(t, a->key, row, a->use == TABLES_READ);
	if (a->use == TABLES_READ && !loaded) {
		atomic_fetch_add(&t->hits, 1);
	}
	if (row->mtime_ns == 0 && a->use == TABLES_LOOK) {
		row->mtime_ns = t->def.attached_ns;
		if (tables_source_time(t, a->key, &row->mtime_ns, &why) == 0) {
			tables_seen(t, a->key, row, 0, false);
		}
	}
}

static void count(_Atomic uint64_t *counter, enum tables_use use)
{
	if (use != TABLES_INSIDE) {
		atomic_fetch_add(counter, 1);
	}
}

int tables_fetch(struct cached_table *t, struct slice key, enum tables_use use, struct buf *out,
	struct tables_row *row, struct err *err)
{
	struct asked a = {.key = key, .use = use};
	size_t before = out->n;

	atomic_store(&t->used, true);
	int rc = fetch_waiting(t, key, out, row, err);
	if (rc != 0) {
		count(&t->hits, rc == 1 && use == TABLES_READ ? use : TABLES_INSIDE);
		return rc < 0 ? rc : 0;
	}
	enum tables_found found = tables_cache_get(t, key, out, &a.look);
	if (found == TABLES_HIT) {
		hit(t, &a, buf_since(out, before), row);
		return 0;
	}
	if (found == TABLES_NO_ROW) {
		count(&t->negative_hits, use);
		return missing(t, key, err);
	}
	count(&t->misses, use);
	a.fill = found == TABLES_MISS;
	return fly(t, &a, out, row, err);
}
