/* The page log: from a commit in the WAL to a durable record, here and at the
 * standby.
 *
 * The database and its log are two files, so a crash can fall between a commit
 * and its record. The commit is then in the WAL, and in no later place: SQLite
 * checkpoints after the tap only. So before the store is opened again (which
 * checkpoints), the frames beyond the log's last record are read from the WAL
 * and appended: that record names salts and frame of the WAL it came from. When
 * the WAL has other salts it was begun anew since, and all of it is taken. Page
 * images that the log had already do no harm: they are the newest there are.
 *
 * A record that cannot be written leaves its pages in `pending`, and they go
 * out with the next commit's. Should the daemon die before that and the WAL be
 * checkpointed, nobody could tell that the log lacks a commit. Hence the file
 * `state`, made beforehand so that a full disk does not matter, in which the
 * first failure writes "behind". When that fails, too, the WAL stays as it is
 * until a record is written, or the store is opened again. */
#include "engines/common/clock.h"
#include "engines/store/pagelog_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/store/wal_pages.h"

/* ---- the file `state` ---- */

#define STATE_BYTES 8
static const char in_step[STATE_BYTES + 1] = "in step\n";
static const char behind[STATE_BYTES + 1] = "behind \n";

static int state_create(struct pagelog *log, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	buf_printf(&temp, "%s.part", path);
	const char *name = buf_cstr(&temp);
	int fd = log->disk->open(name, O_RDWR | O_CREAT | O_TRUNC);
	int rc = fd < 0 ? fd : log->disk->write(fd, in_step, STATE_BYTES, 0);
	if (fd >= 0) {
		log->disk->close(fd);
	}
	return rc != 0 ? disk_error(rc, name, "could not be written", err)
		       : disk_publish(log->disk, name, path, err);
}

static int state_open(struct pagelog *log, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s/state", log->own.dir);
	const char *name = buf_cstr(&path);
	log->state = log->disk->open(name, O_RDWR);
	if (log->state == -ENOENT) {
		int rc = state_create(log, name, err);
		if (rc != 0) {
			return rc;
		}
		log->state = log->disk->open(name, O_RDWR);
	}
	char text[STATE_BYTES] = "";
	ssize_t got =
		log->state < 0 ? log->state : log->disk->read(log->state, text, STATE_BYTES, 0);
	if (got < 0) {
		return disk_error((int)got, name, "cannot be read", err);
	}
	log->behind = memcmp(text, in_step, STATE_BYTES) != 0;
	return 0;
}

/* Failing to write "in step" is tried again with the next record. A lazy log is in step when
 * it was closed: what a crash leaves of it and of the WAL need not match. */
static void state_write(struct pagelog *log, bool is_behind)
{
	is_behind = is_behind || (log->own.lazy && !log->closing);
	if (log->behind == is_behind) {
		return;
	}
	int rc = log->disk->write(log->state, is_behind ? behind : in_step, STATE_BYTES, 0);
	if (rc == 0) {
		rc = log->disk->sync(log->state);
	}
	log->behind = rc == 0 ? is_behind : log->behind;
	if (rc != 0) {
		log_warn("%s: %s/state could not be written: %s", log->label, log->own.dir,
			strerror(-rc));
	}
}

/* ---- appending; under log->append ---- */

static void tell_readers(struct pagelog *log)
{
	LOCKED(&log->lock);
	pthread_cond_broadcast(&log->grown);
}

/* Numbers and times the record, and makes it durable here. */
static int write_record(struct pagelog *log, struct record *r, struct err *err)
{
	struct record last = segments_last(&log->own);
	r->sequence = last.sequence + 1;
	/* The clock may be set back; the log's time only goes on. */
	r->time_ns = r->time_ns > last.time_ns ? r->time_ns : last.time_ns + 1;
	buf_clear(&log->bytes);
	record_encode(r, &log->bytes);
	int rc = buf_check(&log->bytes, err);
	if (rc != 0) {
		buf_free(&log->bytes);
		return rc;
	}
	return segments_write(&log->own, r, buf_slice(&log->bytes), err);
}

/* Then at the standby. Who reads the log gets it when both have it: what a replica
 * has applied is in either log, whichever is lost. */
static int pass_on(struct pagelog *log, const struct record *r, struct err *err)
{
	int rc = pagelog_standby_append(log, r, buf_slice(&log->bytes), err);
	segments_publish(&log->own, r, log->bytes.n);
	page_set_clear(&log->pending);
	state_write(log, false);
	tell_readers(log);
	return rc;
}

static int append_pending(struct pagelog *log, int64_t time_ns, struct err *err)
{
	struct record r = {
		.time_ns = time_ns,
		.page_size = log->pending.page_size,
		.db_pages = log->pending.db_pages,
		.n_pages = log->pending.n,
		.wal_frame = log->frame,
		.numbers = (unsigned char *)log->pending.numbers.p,
		.pages = (unsigned char *)log->pending.pages.p,
	};
	memcpy(r.wal_salt, log->salt, sizeof(r.wal_salt));
	int rc = write_record(log, &r, err);
	if (rc != 0) {
		state_write(log, true);
		return rc;
	}
	return pass_on(log, &r, err);
}

/* Adds frames of the open WAL to what is pending. */
static int take_frames(
	struct pagelog *log, struct wal_pages *w, uint32_t first, uint32_t last, struct err *err)
{
	int rc = wal_pages_add(w, first, last, &log->pending, err);
	if (rc == 0) {
		memcpy(log->salt, w->salt, sizeof(log->salt));
		log->frame = last;
	}
	return rc;
}

static int missed(const struct pagelog *log, struct err *err)
{
	return err_set(err, ENODATA,
		"%s: its log %s lacks commits that the database has; it needs to begin anew "
		"with a base copy",
		log->label, log->own.dir);
}

static int read_commit(struct pagelog *log, const struct store_commit *c, struct err *err)
{
	struct wal_pages w;
	int rc = wal_pages_open(&w, log->disk, c->wal_path, err);
	if (rc == 0) {
		return err_set(err, EIO, "%s: there is no log in %s", log->label, c->wal_path);
	}
	if (rc == 1) {
		rc = take_frames(log, &w, c->first_frame, c->last_frame, err);
		wal_pages_close(&w);
	}
	return rc;
}

static int on_commit(void *arg, const struct store_commit *commit, struct err *err)
{
	struct pagelog *log = arg;
	LOCKED(&log->append);
	if (log->lost) {
		return missed(log, err);
	}
	int rc = read_commit(log, commit, err);
	if (rc != 0) {
		log->lost = true;
		state_write(log, true);
		return rc;
	}
	return append_pending(log, commit->time_ns, err);
}

/* Asked before the WAL is moved into the database: a lazy log must not have less then. */
static bool needs_wal(void *arg)
{
	struct pagelog *log = arg;
	LOCKED(&log->append);
	if (segments_sync(&log->own, NULL) != 0) {
		return true;
	}
	return (log->lost || log->pending.n > 0) && !log->behind;
}

struct store_tap pagelog_tap(struct pagelog *log)
{
	return (struct store_tap){.committed = on_commit, .needs_wal = needs_wal, .arg = log};
}

int pagelog_sync(struct pagelog *log, struct err *err)
{
	LOCKED(&log->append);
	return segments_sync(&log->own, err);
}

bool pagelog_in_step(struct pagelog *log)
{
	LOCKED(&log->append);
	return !log->lost && log->pending.n == 0;
}

int pagelog_gap(struct pagelog *log, struct err *err)
{
	LOCKED(&log->append);
	struct record r = {.time_ns = clock_wall_ns(), .flags = RECORD_GAP};
	int rc = write_record(log, &r, err);
	if (rc != 0) {
		return rc;
	}
	log->lost = false;
	log->recovered = true;
	log->own.torn = false;
	return pass_on(log, &r, err);
}

/* ---- after a crash ---- */

/* SQLite adds one to the first salt each time it begins its log anew. */
static bool wal_is_older(const struct wal_pages *w, const struct record *last)
{
	return get_be32(last->wal_salt) - get_be32(w->salt) - 1 < 64;
}

static int recover_from(struct pagelog *log, struct wal_pages *w, uint32_t end, struct err *err)
{
	struct record last = segments_last(&log->own);
	bool same = memcmp(last.wal_salt, w->salt, sizeof(w->salt)) == 0;
	if (last.n_pages > 0 && (same ? end < last.wal_frame : wal_is_older(w, &last))) {
		/* Power loss took from the one and not from the other. */
		if (log->own.lazy) {
			return missed(log, err);
		}
		return err_set(err, EIO,
			"%s: the database is older than its log %s; it can be built from there",
			log->label, log->own.dir);
	}
	if ((!same && log->behind) || log->own.torn) {
		return missed(log, err);
	}
	uint32_t first = same ? last.wal_frame + 1 : 1;
	if (first > end) {
		state_write(log, false);
		return 0;
	}
	int rc = take_frames(log, w, first, end, err);
	if (rc != 0) {
		page_set_clear(&log->pending);
		return rc;
	}
	return append_pending(log, clock_wall_ns(), err);
}

int pagelog_recover(struct pagelog *log, const char *database, struct err *err)
{
	LOCKED(&log->append);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s-wal", database);
	const char *name = buf_cstr(&path);
	struct wal_pages w;
	uint32_t end = 0;
	int rc = wal_pages_open(&w, log->disk, name, err);
	if (rc == 1) {
		rc = wal_pages_end(&w, &end, err);
		if (rc == 0 && end > 0) {
			rc = recover_from(log, &w, end, err);
		}
		wal_pages_close(&w);
	}
	if (rc == 0 && end == 0 && (log->behind || log->own.torn)) {
		return missed(log, err);
	}
	log->recovered = rc == 0;
	if (rc == 0 && log->own.lazy) {
		state_write(log, true);
	}
	return rc;
}

/* ---- opening and closing ---- */

static struct pagelog *pagelog_alloc(const struct pagelog_config *config)
{
	struct pagelog *log = calloc(1, sizeof(*log));
	if (log == NULL) {
		return NULL;
	}
	log->disk = config->disk != NULL ? config->disk : &disk_system;
	log->policy = config->policy;
	log->label = strdup(config->label != NULL ? config->label : config->dir);
	log->standby_dir = config->standby != NULL ? strdup(config->standby) : NULL;
	log->lost_standby = config->lost;
	log->arg = config->arg;
	log->state = log->own.fd = log->standby.fd = -1;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&log->append, NULL);
	pthread_mutex_init(&log->lock, NULL);
	pthread_cond_init(&log->grown, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return log;
}

int pagelog_open(const struct pagelog_config *config, struct pagelog **out, struct err *err)
{
	struct pagelog *log = pagelog_alloc(config);
	if (log == NULL || log->label == NULL ||
		(config->standby != NULL && log->standby_dir == NULL)) {
		pagelog_close(log);
		return err_set(err, ENOMEM, "%s: out of memory", config->dir);
	}
	int rc = (config->lazy ? segments_open_lazy : segments_open)(
		&log->own, log->disk, config->dir, err);
	if (rc == 0) {
		rc = pagelog_standby_join(log, err);
	}
	if (rc == 0) {
		rc = state_open(log, err);
	}
	if (rc != 0) {
		pagelog_close(log);
		return rc;
	}
	*out = log;
	return 0;
}

/* The store is closed: everything is in the database. */
static void end_lazily(struct pagelog *log)
{
	log->closing = true;
	if (log->own.lazy && log->recovered && segments_sync(&log->own, NULL) == 0 &&
		pagelog_in_step(log)) {
		state_write(log, false);
	}
}

void pagelog_close(struct pagelog *log)
{
	if (log == NULL) {
		return;
	}
	if (log->state >= 0) {
		end_lazily(log);
		log->disk->close(log->state);
	}
	segments_close(&log->own);
	segments_close(&log->standby);
	page_set_finish(&log->pending);
	buf_free(&log->bytes);
	pthread_mutex_destroy(&log->append);
	pthread_mutex_destroy(&log->lock);
	pthread_cond_destroy(&log->grown);
	free(log->standby_dir);
	free(log->label);
	free(log);
}

/* ---- reading ---- */

struct segments *pagelog_segments(struct pagelog *log)
{
	return &log->own;
}

uint64_t pagelog_first(struct pagelog *log)
{
	return segments_first(&log->own);
}

uint64_t pagelog_last(struct pagelog *log)
{
	return segments_last(&log->own).sequence;
}

int64_t pagelog_last_time(struct pagelog *log)
{
	return segments_last(&log->own).time_ns;
}

int pagelog_find_time(struct pagelog *log, int64_t time_ns, uint64_t *out, struct err *err)
{
	return segments_find_time(&log->own, time_ns, out, err);
}

void pagelog_wait(
	struct pagelog *log, uint64_t sequence, int64_t deadline, const _Atomic bool *stop)
{
	struct timespec ts = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000};
	LOCKED(&log->lock);
	while (!atomic_load(stop) && pagelog_last(log) <= sequence) {
		if (pthread_cond_timedwait(&log->grown, &log->lock, &ts) != 0) {
			break;
		}
	}
}

void pagelog_wake(struct pagelog *log)
{
	tell_readers(log);
}

int pagelog_verify(struct pagelog *log, uint64_t *n, struct err *err)
{
	struct segment_reader r;
	struct record record;
	uint64_t count = 0;
	int rc = 0;
	segment_reader_init(&r, &log->own, pagelog_first(log));
	while (r.next > 0 && (rc = segment_reader_next(&r, &record, err)) == 1) {
		count++;
	}
	segment_reader_finish(&r);
	if (n != NULL) {
		*n = count;
	}
	return rc;
}

int pagelog_drop_below(struct pagelog *log, uint64_t sequence, struct err *err)
{
	int rc = segments_drop_below(&log->own, sequence, err);
	LOCKED(&log->append);
	return rc == 0 && log->standby.dir != NULL
		       ? segments_drop_below(&log->standby, sequence, err)
		       : rc;
}
