/* Rows into a table: numbered, placed, and handed in batches to whoever writes to the nodes.
 *
 * As long as no batch is full nothing is written, and end() writes all by itself: a small INSERT
 * costs no thread, and can begin anew when a file has to be healed. From the first full batch on
 * workers write, each for some of the nodes, while the caller makes rows. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/thread.h"
#include "engines/redshift/nodes/nodes_impl.h"

#define BATCH_ROWS  2048U
#define BATCH_LEAST 16U
#define QUEUE	    3U /* batches that wait for one worker */
#define MEMORY	    ((size_t)128 << 20)
#define WORKERS_MAX 16U

struct rs_worker {
	struct rs_insert *insert;
	unsigned index;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct rs_batches queue; /* under lock */
	unsigned n_queued;	 /* under lock */
	bool ended, keep;	 /* under lock: no more will come */
};

/* ---- making and freeing ---- */

static int insert_types(struct rs_insert *i, const struct rs_table *t, struct err *err)
{
	static const struct sql_type number = {.kind = SQL_BIGINT};
	i->n_columns = t->n_columns;
	i->width = RS_HIDDEN + t->n_columns;
	i->types = calloc(i->width, sizeof(*i->types));
	if (i->types == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned k = 0; k < i->width; k++) {
		i->types[k] = k < RS_HIDDEN ? number : t->columns[k - RS_HIDDEN].type;
	}
	i->key = t->n_columns;
	for (unsigned k = 0; k < t->n_columns; k++) {
		if (t->placement == RS_DIST_KEY && t->columns[k].id == t->distkey) {
			i->key = k;
		}
	}
	return t->placement == RS_DIST_KEY && i->key == t->n_columns
		       ? err_set(err, EINVAL, "table %s is placed by a column that it has not",
				 t->name)
		       : 0;
}

/* So many rows that all batches of all nodes take a bounded amount of memory. */
static unsigned rows_of_batch(const struct rs_insert *i)
{
	size_t batches = (size_t)i->nodes->config.nodes * (QUEUE + 2);
	size_t rows = MEMORY / batches / (i->width * sizeof(struct sql_value));
	return rows > BATCH_ROWS ? BATCH_ROWS : rows < BATCH_LEAST ? BATCH_LEAST : (unsigned)rows;
}

static void insert_free(struct rs_insert *i)
{
	for (unsigned k = 0; i->part != NULL && k < i->nodes->config.nodes; k++) {
		rs_batch_free(i->part[k].filling);
	}
	while (!TAILQ_EMPTY(&i->idle)) {
		struct rs_batch *b = TAILQ_FIRST(&i->idle);
		TAILQ_REMOVE(&i->idle, b, link);
		rs_batch_free(b);
	}
	pthread_mutex_destroy(&i->lock);
	free(i->worker);
	free(i->part);
	free(i->types);
	free(i);
}

static int insert_parts(struct rs_insert *i, struct err *err)
{
	unsigned n = i->nodes->config.nodes;
	i->part = calloc(n, sizeof(*i->part));
	if (i->part == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned k = 0; k < n; k++) {
		i->part[k].insert = i;
		i->part[k].node = k;
	}
	i->batch_rows = rows_of_batch(i);
	return 0;
}

int rs_insert_new(struct rs_nodes *n, struct rs_table *t, uint64_t xid, struct rs_insert **out,
	struct err *err)
{
	if (n->config.read_only) {
		return err_set(err, EROFS, "table %s can only be read here", t->name);
	}
	struct rs_insert *i = calloc(1, sizeof(*i));
	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	i->nodes = n;
	i->t = t;
	i->xid = xid;
	i->storage = t->storage;
	i->placement = t->placement;
	i->sorted = rs_table_sorted(t);
	i->next_row = t->next_row;
	i->low = UINT64_MAX;
	i->heals = rs_nodes_heals(n);
	TAILQ_INIT(&i->idle);
	pthread_mutex_init(&i->lock, NULL);
	int rc = insert_types(i, t, err);
	rc = rc != 0 ? rc : insert_parts(i, err);
	if (rc != 0) {
		insert_free(i);
		return rc;
	}
	pthread_mutex_lock(&n->lock);
	LIST_INSERT_HEAD(&n->inserts, i, link);
	pthread_mutex_unlock(&n->lock);
	*out = i;
	return 0;
}

/* ---- workers ---- */

/* NULL: no more will come. */
static struct rs_batch *worker_next(struct rs_worker *w)
{
	LOCKED(&w->lock);
	while (TAILQ_EMPTY(&w->queue) && !w->ended) {
		pthread_cond_wait(&w->changed, &w->lock);
	}
	struct rs_batch *b = TAILQ_FIRST(&w->queue);
	if (b != NULL) {
		TAILQ_REMOVE(&w->queue, b, link);
		w->n_queued--;
		pthread_cond_broadcast(&w->changed);
	}
	return b;
}

static void batch_idle(struct rs_insert *i, struct rs_batch *b)
{
	rs_batch_clear(b);
	LOCKED(&i->lock);
	TAILQ_INSERT_HEAD(&i->idle, b, link);
}

/* After the first failure rows go nowhere; who makes them is told at the next batch. */
static void part_failed(struct rs_part *p, int rc, const struct err *why)
{
	LOCKED(&p->insert->lock);
	if (p->rc == 0) {
		p->rc = err_set(&p->err, -rc, "%s", why->msg);
	}
}

static int part_state(struct rs_part *p, struct err *err)
{
	LOCKED(&p->insert->lock);
	return p->rc == 0 ? 0 : err_set(err, -p->rc, "%s", p->err.msg);
}

static void worker_write(struct rs_insert *i, struct rs_batch *b)
{
	struct err why = {0};
	rs_nodes_enter(i->nodes);
	if (part_state(b->part, &why) == 0) {
		int rc = rs_part_write(b->part, b, &why);
		if (rc != 0) {
			part_failed(b->part, rc, &why);
			rs_part_close(b->part);
		}
	}
	rs_nodes_leave(i->nodes);
	batch_idle(i, b);
}

/* Inside. */
static void part_end(struct rs_part *p, bool keep)
{
	struct err why = {0};
	int rc = part_state(p, &why);
	if (rc == 0 && keep && (rc = rs_part_finish(p, &why)) != 0) {
		part_failed(p, rc, &why);
	}
	rs_part_close(p);
}

static void *worker_main(void *arg)
{
	struct rs_worker *w = arg;
	struct rs_insert *i = w->insert;
	struct rs_batch *b;
	while ((b = worker_next(w)) != NULL) {
		worker_write(i, b);
	}
	rs_nodes_enter(i->nodes);
	for (unsigned k = w->index; k < i->nodes->config.nodes; k += i->n_workers) {
		part_end(&i->part[k], w->keep);
	}
	rs_nodes_leave(i->nodes);
	return NULL;
}

static void workers_end(struct rs_insert *i, unsigned started, bool keep)
{
	for (unsigned k = 0; k < started; k++) {
		struct rs_worker *w = &i->worker[k];
		pthread_mutex_lock(&w->lock);
		w->ended = true;
		w->keep = keep;
		pthread_cond_broadcast(&w->changed);
		pthread_mutex_unlock(&w->lock);
	}
	for (unsigned k = 0; k < started; k++) {
		pthread_join(i->worker[k].thread, NULL);
		pthread_cond_destroy(&i->worker[k].changed);
		pthread_mutex_destroy(&i->worker[k].lock);
	}
}

static unsigned workers_wanted(const struct rs_insert *i)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = processors > 1 ? (unsigned)processors : 1;
	n = n < WORKERS_MAX ? n : WORKERS_MAX;
	return n < i->nodes->config.nodes ? n : i->nodes->config.nodes;
}

static int workers_start(struct rs_insert *i, struct err *err)
{
	unsigned n = workers_wanted(i);
	i->worker = calloc(n, sizeof(*i->worker));
	if (i->worker == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	i->n_workers = n;
	for (unsigned k = 0; k < n; k++) {
		struct rs_worker *w = &i->worker[k];
		w->insert = i;
		w->index = k;
		TAILQ_INIT(&w->queue);
		pthread_mutex_init(&w->lock, NULL);
		pthread_cond_init(&w->changed, NULL);
		int rc = thread_start(&w->thread, worker_main, w);
		if (rc != 0) {
			pthread_cond_destroy(&w->changed);
			pthread_mutex_destroy(&w->lock);
			workers_end(i, k, false);
			i->n_workers = 0;
			return err_set(err, rc, "no thread can be started");
		}
	}
	return 0;
}

static void worker_give(struct rs_worker *w, struct rs_batch *b)
{
	LOCKED(&w->lock);
	while (w->n_queued >= QUEUE) {
		pthread_cond_wait(&w->changed, &w->lock);
	}
	TAILQ_INSERT_TAIL(&w->queue, b, link);
	w->n_queued++;
	pthread_cond_broadcast(&w->changed);
}

/* ---- rows ---- */

static int part_batch(struct rs_part *p, struct err *err)
{
	struct rs_insert *i = p->insert;
	pthread_mutex_lock(&i->lock);
	struct rs_batch *b = TAILQ_FIRST(&i->idle);
	if (b != NULL) {
		TAILQ_REMOVE(&i->idle, b, link);
	}
	pthread_mutex_unlock(&i->lock);
	int rc = b != NULL ? 0 : rs_batch_new(i->width, i->batch_rows, &b, err);
	if (rc == 0) {
		b->part = p;
		p->filling = b;
	}
	return rc;
}

/* The batch is the worker's from here on. */
static int part_hand_over(struct rs_part *p, struct err *err)
{
	struct rs_insert *i = p->insert;
	int rc = part_state(p, err);
	if (rc == 0 && i->n_workers == 0) {
		rc = workers_start(i, err);
	}
	if (rc == 0 && i->n_workers > 0) {
		worker_give(&i->worker[p->node % i->n_workers], p->filling);
		p->filling = NULL;
	}
	return rc;
}

static int part_add(struct rs_part *p, const struct sql_value *hidden, const struct sql_value *row,
	struct err *err)
{
	int rc = 0;
	if (p->filling != NULL && rs_batch_full(p->filling)) {
		rc = part_hand_over(p, err);
	}
	if (rc == 0 && p->filling == NULL) {
		rc = part_batch(p, err);
	}
	if (rc == 0 && !rs_batch_add(p->filling, hidden, row, p->insert->types)) {
		rc = err_set(err, ENOMEM, "out of memory");
	}
	return rc;
}

int rs_insert_put(
	struct rs_insert *i, uint64_t id, uint64_t h, const struct sql_value *row, struct err *err)
{
	const struct sql_value hidden[RS_HIDDEN] = {{.integer = (int64_t)id},
		{.integer = (int64_t)h}, {.integer = (int64_t)i->xid}, {.integer = RS_LIVE}};
	const struct rs_nodes_config *c = &i->nodes->config;
	int rc = 0;
	i->low = id < i->low ? id : i->low;
	i->high = id > i->high ? id : i->high;
	i->rows++;
	if (i->placement != RS_DIST_ALL) {
		return part_add(&i->part[rs_nodes_of_hash(i->nodes, h)], hidden, row, err);
	}
	for (unsigned k = 0; rc == 0 && k < c->nodes; k++) {
		rc = part_add(&i->part[k], hidden, row, err);
	}
	return rc;
}

uint64_t rs_insert_hash(const struct rs_insert *i, uint64_t id, const struct sql_value *row)
{
	switch (i->placement) {
	case RS_DIST_KEY: return sql_value_hash(&row[i->key], i->types[RS_HIDDEN + i->key]);
	case RS_DIST_ALL: return 0;
	default: return id;
	}
}

int rs_insert_row(struct rs_insert *i, const struct sql_value *row, struct err *err)
{
	uint64_t id = i->next_row++;
	return rs_insert_put(i, id, rs_insert_hash(i, id, row), row, err);
}

/* ---- the end ---- */

/* What was committed of it before something failed is taken back. What cannot be is left to
 * rs_nodes_undo(). */
static void take_back(struct rs_insert *i)
{
	rs_nodes_enter(i->nodes);
	for (unsigned k = 0; k < i->nodes->config.nodes; k++) {
		rs_part_undo(&i->part[k], NULL);
	}
	rs_nodes_leave(i->nodes);
}

static int first_failure(struct rs_insert *i, struct err *err)
{
	for (unsigned k = 0; k < i->nodes->config.nodes; k++) {
		int rc = part_state(&i->part[k], err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static int end_by_workers(struct rs_insert *i, bool keep, struct err *err)
{
	int rc = 0;
	for (unsigned k = 0; keep && rc == 0 && k < i->nodes->config.nodes; k++) {
		if (i->part[k].filling != NULL) {
			rc = part_hand_over(&i->part[k], err);
		}
	}
	workers_end(i, i->n_workers, keep && rc == 0);
	return rc != 0 || !keep ? rc : first_failure(i, err);
}

/* All of it is in memory. */
static int write_part(struct rs_nodes *n, unsigned node, void *arg, struct err *err)
{
	(void)n;
	struct rs_part *p = &((struct rs_insert *)arg)->part[node];
	int rc = 0;
	if (p->filling != NULL) {
		rc = rs_part_write(p, p->filling, err);
		rc = rc != 0 ? rc : rs_part_finish(p, err);
		rs_part_close(p);
	}
	return rc;
}

static int write_all(struct rs_nodes *n, unsigned attempt, void *arg, struct err *err)
{
	struct rs_insert *i = arg;
	int rc = 0;
	for (unsigned k = 0; attempt > 0 && rc == 0 && k < n->config.nodes; k++) {
		rc = rs_part_undo(&i->part[k], err);
	}
	return rc != 0 ? rc : rs_nodes_each(n, write_part, i, err);
}

int rs_insert_end(struct rs_insert *i, bool keep, uint64_t *rows, struct err *err)
{
	struct rs_nodes *n = i->nodes;
	int rc = 0;
	if (i->n_workers > 0) {
		rc = end_by_workers(i, keep, err);
	}
	pthread_mutex_lock(&n->lock);
	LIST_REMOVE(i, link);
	pthread_mutex_unlock(&n->lock);
	if (i->n_workers == 0 && keep) {
		rc = rs_nodes_try(n, write_all, i, err);
	}
	if (rc != 0) {
		take_back(i);
	} else if (keep) {
		i->t->next_row = i->next_row;
	}
	if (rows != NULL) {
		*rows = keep && rc == 0 ? i->rows : 0;
	}
	/* The next one finds whole files, unless healing is what broke this one. */
	if (rc == -EIO && i->n_workers > 0 && rs_nodes_heals(n) == i->heals) {
		rs_nodes_heal(n, NULL);
	}
	insert_free(i);
	return rc;
}

void rs_insert_break(struct rs_insert *i)
{
	static const struct err why = {.msg = "a node's file had to be healed while rows were "
					      "loaded; load them again"};
	for (unsigned k = 0; k < i->nodes->config.nodes; k++) {
		if (i->part[k].begun) {
			rs_part_close(&i->part[k]);
			part_failed(&i->part[k], -EIO, &why);
		}
	}
}
