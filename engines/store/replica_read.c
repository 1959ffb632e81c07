/* Readers of a replica: pooled connections behind a gate.
 *
 * The file is changed under SQLite's feet by apply_record(), never while a
 * reader is inside the gate. SQLite reads the change counter at the start of
 * each transaction and drops its cache when that moved. No other process knows
 * the file, so it is opened without locks ("unix-none"): closing any descriptor
 * of a file would drop this process's locks on it anyway. */
#include "engines/store/replica_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/store/checksum_vfs.h"
#include "engines/store/store_impl.h"

#define POOL_MAX 8

/* ---- the gate ---- */

void gate_init(struct gate *g)
{
	*g = (struct gate){0};
	pthread_mutex_init(&g->lock, NULL);
	pthread_cond_init(&g->moved, NULL);
}

void gate_finish(struct gate *g)
{
	pthread_mutex_destroy(&g->lock);
	pthread_cond_destroy(&g->moved);
}

void gate_enter(struct gate *g)
{
	LOCKED(&g->lock);
	while (g->closed || g->waiting > 0) {
		pthread_cond_wait(&g->moved, &g->lock);
	}
	g->readers++;
}

void gate_leave(struct gate *g)
{
	LOCKED(&g->lock);
	if (--g->readers == 0) {
		pthread_cond_broadcast(&g->moved);
	}
}

void gate_close(struct gate *g)
{
	LOCKED(&g->lock);
	g->waiting++;
	while (g->closed || g->readers > 0) {
		pthread_cond_wait(&g->moved, &g->lock);
	}
	g->waiting--;
	g->closed = true;
}

void gate_open(struct gate *g)
{
	LOCKED(&g->lock);
	g->closed = false;
	pthread_cond_broadcast(&g->moved);
}

/* ---- connections ---- */

static void reader_destroy(struct replica_reader *reader)
{
	sqlite3_close(reader->db);
	free(reader);
}

static struct replica_reader *pool_take(struct replica *r)
{
	LOCKED(&r->pool);
	struct replica_reader *reader = r->idle;
	if (reader != NULL) {
		r->idle = reader->next;
		r->n_idle--;
	}
	return reader;
}

static int reader_create(struct replica *r, struct replica_reader **out, struct err *err)
{
	struct replica_reader *reader = calloc(1, sizeof(*reader));
	if (reader == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", r->label);
	}
	reader->r = r;
	struct db_spec spec = {
		.path = r->path,
		.vfs = checksum_vfs(sqlite3_vfs_find("unix-none") != NULL ? "unix-none" : NULL),
		.label = r->label,
		.flags = SQLITE_OPEN_READONLY,
	};
	int rc = db_open(&spec, &reader->db, err);
	if (rc == 0) {
		rc = db_exec(
			reader->db, r->label, "PRAGMA cache_size=-2048; PRAGMA mmap_size=0", err);
	}
	if (rc != 0) {
		reader_destroy(reader);
		return rc;
	}
	*out = reader;
	return 0;
}

static int reader_begin(struct replica *r, struct replica_reader **out, struct err *err)
{
	if (r->torn) {
		return err_set(err, EIO, "%s: a commit is half applied and could not be redone yet",
			r->label);
	}
	*out = pool_take(r);
	int rc = *out == NULL ? reader_create(r, out, err) : 0;
	if (rc != 0) {
		return rc;
	}
	(*out)->sequence = atomic_load(&r->applied);
	rc = db_exec((*out)->db, r->label, "BEGIN", err);
	if (rc != 0) {
		reader_destroy(*out);
	}
	return rc;
}

int replica_read_begin(struct replica *r, struct replica_reader **out, struct err *err)
{
	gate_enter(&r->gate);
	int rc = reader_begin(r, out, err);
	if (rc != 0) {
		gate_leave(&r->gate);
	}
	return rc;
}

sqlite3 *replica_reader_db(struct replica_reader *reader)
{
	return reader->db;
}

uint64_t replica_reader_sequence(const struct replica_reader *reader)
{
	return reader->sequence;
}

static bool pool_give(struct replica *r, struct replica_reader *reader)
{
	LOCKED(&r->pool);
	if (r->n_idle >= POOL_MAX) {
		return false;
	}
	reader->next = r->idle;
	r->idle = reader;
	r->n_idle++;
	return true;
}

void replica_read_end(struct replica_reader *reader)
{
	struct replica *r = reader->r;
	bool ended = sqlite3_exec(reader->db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK;
	if (!ended || !pool_give(r, reader)) {
		reader_destroy(reader);
	}
	gate_leave(&r->gate);
}

void replica_pool_close(struct replica *r)
{
	struct replica_reader *reader;
	while ((reader = pool_take(r)) != NULL) {
		reader_destroy(reader);
	}
}
