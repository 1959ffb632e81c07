/* A table's text as a stream: a thread reads and writes ahead of the reader, so that both work at
 * the same time. It holds the nodes only while it reads: when the reader takes its time, it lets
 * them go and goes on later. */
#include <stdlib.h>
#include <time.h>

#include "engines/common/thread.h"
#include "engines/redshift/service/service.h"

#define PIECE	    ((size_t)512 * 1024)
#define PIECES	    6U
#define PATIENCE_MS 200 /* then the nodes are let go */

struct ahead {
	struct redshift_stream stream;
	struct redshift_place place; /* does not move */
	struct redshift_text text;
	struct redshift_scan *scan;
	uint64_t size;
	uint64_t given;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock; /* of what follows; taken alone */
	pthread_cond_t moved;
	struct buf piece[PIECES]; /* first … first + n - 1 are full */
	unsigned first, n;
	bool stop, ended;
	struct err failure; /* code 0: none */
};

/* ---- the thread ---- */

static struct timespec patience(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return until;
}

/* NULL: nobody reads any more. */
static struct buf *free_piece(struct ahead *a)
{
	struct timespec until = patience();
	bool paused = false;
	struct buf *out = NULL;

	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->n == PIECES) {
		if (paused) {
			pthread_cond_wait(&a->moved, &a->lock);
		} else if (pthread_cond_timedwait(&a->moved, &a->lock, &until) != 0) {
			pthread_mutex_unlock(&a->lock);
			redshift_scan_pause(a->scan);
			paused = true;
			pthread_mutex_lock(&a->lock);
		}
	}
	if (!a->stop) {
		out = &a->piece[(a->first + a->n) % PIECES];
	}
	pthread_mutex_unlock(&a->lock);
	return out;
}

static void piece_is_full(struct ahead *a)
{
	LOCKED(&a->lock);
	a->n++;
	pthread_cond_broadcast(&a->moved);
}

static int fill(struct ahead *a, struct buf *out, struct err *err)
{
	const struct sql_value *row;
	int rc = 1;

	while (out->n < PIECE && (rc = redshift_scan_step(a->scan, &row, err)) == 1) {
		redshift_put_row(&a->text, row, out);
	}
	return rc;
}

static int produce(struct ahead *a, struct err *err)
{
	struct buf *out = free_piece(a);
	int rc = 1;

	if (out != NULL) {
		redshift_put_header(&a->text, out);
	}
	while (out != NULL && rc == 1) {
		rc = fill(a, out, err);
		if (rc >= 0 && out->failed) {
			rc = err_set(err, ENOMEM, "out of memory");
		}
		if (rc >= 0) {
			piece_is_full(a);
		}
		out = rc == 1 ? free_piece(a) : NULL;
	}
	return rc;
}

static void *write_ahead(void *arg)
{
	struct ahead *a = arg;
	struct err err = {0};

	int rc = produce(a, &err);
	redshift_scan_pause(a->scan);
	LOCKED(&a->lock);
	a->ended = true;
	if (rc < 0) {
		a->failure = err;
	}
	pthread_cond_broadcast(&a->moved);
	return NULL;
}

/* ---- the reader ---- */

/* 1: there is one. 0: that was all. */
static int take_piece(struct ahead *a, struct buf *out, struct err *err)
{
	LOCKED(&a->lock);

	while (a->n == 0 && !a->ended) {
		pthread_cond_wait(&a->moved, &a->lock);
	}
	if (a->n == 0) {
		return a->failure.code != 0 ? err_set(err, a->failure.code, "%s", a->failure.msg)
					    : 0;
	}
	struct buf *piece = &a->piece[a->first];
	buf_append_slice(out, buf_slice(piece));
	a->given += piece->n;
	buf_clear(piece);
	a->first = (a->first + 1) % PIECES;
	a->n--;
	pthread_cond_broadcast(&a->moved);
	return 1;
}

/* What stat() told is what there is: should both ever differ, the reader hears of it. */
static int ahead_read(struct redshift_stream *stream, struct buf *out, struct err *err)
{
	struct ahead *a = (struct ahead *)stream;

	int rc = take_piece(a, out, err);
	if (rc < 0) {
		return rc;
	}
	if (a->given > a->size || (rc == 0 && a->given != a->size)) {
		return err_set(err, EIO, "%s: %llu bytes were read, %llu were expected",
			a->text.table->name, (unsigned long long)a->given,
			(unsigned long long)a->size);
	}
	return 0;
}

static void ahead_close(struct redshift_stream *stream)
{
	struct ahead *a = (struct ahead *)stream;

	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_broadcast(&a->moved);
	pthread_mutex_unlock(&a->lock);
	if (a->runs) {
		pthread_join(a->thread, NULL);
	}
	for (unsigned k = 0; k < PIECES; k++) {
		buf_free(&a->piece[k]);
	}
	redshift_scan_free(a->scan);
	redshift_text_finish(&a->text);
	redshift_place_leave(&a->place);
	pthread_cond_destroy(&a->moved);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- open ---- */

static struct ahead *ahead_new(void)
{
	struct ahead *a = calloc(1, sizeof(*a));
	pthread_condattr_t monotonic;

	if (a == NULL) {
		return NULL;
	}
	a->stream.read = ahead_read;
	a->stream.close = ahead_close;
	pthread_mutex_init(&a->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&a->moved, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return a;
}

static int start(struct ahead *a, const struct rs_table *t, const struct redshift_part *part,
	struct err *err)
{
	int rc = part->slice == REDSHIFT_ALL_SLICES
			 ? redshift_size(&a->place, t, part->form, &a->size, err)
			 : redshift_slice_size(&a->place, t, part->slice, &a->size, err);

	rc = rc < 0 ? rc : redshift_text_init(&a->text, t, part->form, err);
	rc = rc < 0 ? rc : redshift_scan_new(&a->place, t, part->slice, &a->scan, err);
	if (rc < 0) {
		return rc;
	}
	int code = thread_start(&a->thread, write_ahead, a);
	a->runs = code == 0;
	return code == 0 ? 0 : err_set(err, code, "no thread could be started");
}

int redshift_rows_open(struct redshift *x, const struct epath *path,
	const struct redshift_part *part, struct redshift_stream **out, uint64_t *size,
	struct err *err)
{
	struct ahead *a = ahead_new();
	const struct rs_table *t;

	if (a == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = redshift_place(x, path, &a->place, err);
	rc = rc < 0 ? rc : redshift_table_at(&a->place, path, &t, err);
	rc = rc < 0 ? rc : start(a, t, part, err);
	if (rc < 0) {
		ahead_close(&a->stream);
		return rc;
	}
	*size = a->size;
	*out = &a->stream;
	return 0;
}
