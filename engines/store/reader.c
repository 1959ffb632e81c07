/* Readers: a pool of connections, last used first.
 *
 * A reader goes back into the pool with its transaction still open. The next
 * user takes it as it is when nothing was committed since: then a point read
 * costs no lock and no look at the WAL's index. The writer ends those idle
 * transactions before a checkpoint. */
#include "engines/store/store_impl.h"

#include <errno.h>
#include <stdlib.h>

/* More than ever read at once on a busy mount; a reader beyond is closed. */
#define POOL_MAX 16

static void reader_destroy(struct store_reader *r)
{
	if (r != NULL) {
		conn_close(&r->conn);
		free(r);
	}
}

static struct store_reader *pool_take(struct store *s)
{
	LOCKED(&s->pool.lock);
	struct store_reader *r = s->pool.idle;
	if (r != NULL) {
		s->pool.idle = r->next;
		s->pool.n_idle--;
	}
	return r;
}

static int reader_create(struct store *s, struct store_reader **out, struct err *err)
{
	struct store_reader *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", s->label);
	}
	r->s = s;
	int rc = conn_open(&r->conn, s, CONN_READER, err);
	if (rc != 0) {
		free(r);
		return rc;
	}
	*out = r;
	return 0;
}

/* Ends the transaction, begins a new one. It takes its snapshot with the first
 * statement, so it is at least as new as `sequence`. */
static int reader_renew(struct store_reader *r, uint64_t sequence, struct err *err)
{
	int rc = 0;
	if (conn_in_transaction(&r->conn)) {
		rc = conn_run(&r->conn, OWN_READ_END, err);
	}
	if (rc == 0) {
		rc = conn_run(&r->conn, OWN_READ_BEGIN, err);
	}
	r->sequence = sequence;
	return rc;
}

int store_read_begin(struct store *s, uint64_t key, struct store_reader **out, struct err *err)
{
	if (atomic_load(&s->n_pending) > 0) {
		queue_wait_pending(s, key);
	}
	uint64_t sequence = atomic_load(&s->sequence);
	struct store_reader *r = pool_take(s);
	if (r == NULL) {
		int rc = reader_create(s, &r, err);
		if (rc != 0) {
			return rc;
		}
	}
	if (r->sequence != sequence || !conn_in_transaction(&r->conn)) {
		int rc = reader_renew(r, sequence, err);
		if (rc != 0) {
			reader_destroy(r);
			return rc;
		}
	}
	*out = r;
	return 0;
}

void store_read_end(struct store_reader *r)
{
	struct store *s = r->s;
	store_note(s, r->conn.db);
	conn_reset(&r->conn);
	{
		LOCKED(&s->pool.lock);
		if (s->pool.n_idle < POOL_MAX) {
			r->next = s->pool.idle;
			s->pool.idle = r;
			s->pool.n_idle++;
			return;
		}
	}
	reader_destroy(r);
}

sqlite3_stmt *store_reader_stmt(struct store_reader *r, unsigned n, struct err *err)
{
	return conn_stmt(&r->conn, n, err);
}

sqlite3 *store_reader_db(struct store_reader *r)
{
	return r->conn.db;
}

void **store_reader_slot(struct store_reader *r)
{
	return &r->conn.slot;
}

uint64_t store_reader_sequence(const struct store_reader *r)
{
	return r->sequence;
}

/* Pending writes first: one that is pending no more was counted before. */
bool store_is_current(struct store *s, uint64_t key, uint64_t sequence)
{
	if (atomic_load(&s->n_pending) > 0 && queue_has_pending(s, key)) {
		return false;
	}
	return atomic_load(&s->sequence) == sequence;
}

void pool_release(struct store *s)
{
	LOCKED(&s->pool.lock);
	for (struct store_reader *r = s->pool.idle; r != NULL; r = r->next) {
		if (conn_in_transaction(&r->conn)) {
			/* A read transaction's end cannot fail in a way that matters:
			 * it is looked at again before use. */
			conn_run(&r->conn, OWN_READ_END, NULL);
		}
	}
}

void pool_close(struct store *s)
{
	struct store_reader *r;
	while ((r = pool_take(s)) != NULL) {
		reader_destroy(r);
	}
}
