/* A replica: applying the log to a database file, and what crashes do to that.
 *
 * Records hold whole pages, so applying them again does no harm, and one that
 * was interrupted is simply done again. The position file says how far the
 * database certainly is (`applied`, after its fsync) and which records may have
 * touched it beyond that (`intent`, durable before the first of them is
 * applied). After a crash the pages between may be of any of those commits, so
 * all of them are redone, to the last, before anyone may read: only there is the
 * file exactly of one commit again. A batch costs two syncs however many commits
 * are in it; the end of one batch is written down by the start of the next.
 *
 * A failure in the middle (disk full, I/O error) is treated the same way without
 * a restart: readers are refused (`torn`) until the redo has got through.
 *
 * Promotion is the removal of the position file: with it the file is a replica,
 * without it an ordinary database in rollback mode, which store_open() switches
 * to WAL. */
#include "engines/common/clock.h"
#include "engines/common/thread.h"
#include "engines/store/replica_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/store/apply.h"

#define BATCH  256
#define SECOND INT64_C(1000000000)
#define MS     INT64_C(1000000)

static const char *position_path(const char *path, struct buf *out)
{
	buf_printf(out, "%s-position", path);
	return buf_cstr(out);
}

/* ---- applying; under r->apply ---- */

static int write_position(struct replica *r, uint64_t applied, uint64_t intent, struct err *err)
{
	struct position p = {r->position.number + 1, applied, intent};
	int rc = position_write(r->disk, r->position_fd, &p);
	if (rc != 0) {
		return err_set(err, -rc, "%s: %s-position could not be written: %s", r->label,
			r->path, strerror(-rc));
	}
	r->position = p;
	return 0;
}

/* One commit, which readers see as a whole. */
static int apply_one(struct replica *r, const struct record *record, struct err *err)
{
	gate_close(&r->gate);
	int rc = apply_record(r->disk, r->fd, r->path, record, err);
	if (rc == 0) {
		atomic_store(&r->applied, record->sequence);
		r->torn = r->torn && record->sequence < r->position.intent;
	} else {
		r->torn = true;
	}
	gate_open(&r->gate);
	return rc;
}

static int next_record(struct replica *r, struct record *out, struct err *err)
{
	int rc = segment_reader_next(&r->records, out, err);
	if (rc == 0) {
		rc = err_set(err, ENODATA, "%s: it needs commit %" PRIu64 ", which the log has not",
			r->label, r->records.next);
	}
	if (rc == 1 && (out->flags & RECORD_GAP) != 0) {
		r->records.next--;
		r->between = true;
		return err_set(err, ENODATA,
			"%s: the log has a gap at commit %" PRIu64
			"; the replica must be made anew",
			r->label, out->sequence);
	}
	/* Unless a redo is under way, what was applied before is one commit exactly. */
	r->between = rc < 0 && !r->torn;
	return rc < 0 ? rc : 0;
}

static int apply_range(struct replica *r, uint64_t target, struct err *err)
{
	struct record record;
	int rc = 0;
	while (rc == 0 && r->records.next <= target) {
		rc = next_record(r, &record, err);
		if (rc == 0) {
			rc = apply_one(r, &record, err);
		}
	}
	if (rc == 0 && (rc = r->disk->sync(r->fd)) != 0) {
		disk_error(rc, r->path, "could not be made durable", err);
	}
	return rc;
}

/* Back to the last certain position; readers are refused until the redo is done. */
static void fall_back(struct replica *r)
{
	gate_close(&r->gate);
	r->torn = r->torn || r->position.applied < r->position.intent;
	atomic_store(&r->applied, r->position.applied);
	gate_open(&r->gate);
	r->records.next = r->position.applied + 1;
}

/* The next record cannot be had, so the file stays as it is now. (At a gap also
 * after a redo: nothing is ever applied beyond it.) */
static void rest_between(struct replica *r)
{
	uint64_t done = r->records.next - 1;
	if (r->disk->sync(r->fd) != 0 || write_position(r, done, done, NULL) != 0) {
		return;
	}
	gate_close(&r->gate);
	r->torn = false;
	gate_open(&r->gate);
}

/* All up to `target`; what was begun and not finished first. */
static int apply_batch(struct replica *r, uint64_t target, struct err *err)
{
	uint64_t done = r->records.next - 1;
	if (target < r->position.intent) {
		target = r->position.intent;
	}
	if (target <= done && !r->torn) {
		return 0;
	}
	int rc = 0;
	if (target > r->position.intent) {
		/* Not torn: everything up to `done` is synced. */
		rc = write_position(r, r->torn ? r->position.applied : done, target, err);
		if (rc != 0) {
			return rc;
		}
	}
	r->between = false;
	rc = apply_range(r, target, err);
	if (r->between) {
		rest_between(r);
	}
	if (rc != 0) {
		fall_back(r);
	}
	return rc;
}

static int apply_up_to(struct replica *r, uint64_t sequence, struct err *err)
{
	int rc = apply_batch(r, r->position.intent, err);
	while (rc == 0 && r->records.next <= sequence) {
		uint64_t end = r->records.next + BATCH - 1;
		rc = apply_batch(r, end < sequence ? end : sequence, err);
	}
	return rc;
}

int replica_apply(struct replica *r, uint64_t sequence, struct err *err)
{
	LOCKED(&r->apply);
	uint64_t last = pagelog_last(r->log);
	return apply_up_to(r, sequence < last ? sequence : last, err);
}

/* ---- the thread ---- */

/* The newest commit old enough; *wait: how long until the next one is, or 0. */
static int find_due(struct replica *r, uint64_t *out, int64_t *wait, struct err *err)
{
	struct record next;
	int64_t delay = atomic_load(&r->delay_ms) * MS;
	*out = r->records.next - 1;
	*wait = 0;
	int rc = segment_reader_peek(&r->records, &next, err);
	if (rc != 1) {
		return rc;
	}
	int64_t now = clock_wall_ns();
	if (delay <= 0) {
		*out = pagelog_last(r->log);
		return 0;
	}
	*wait = next.time_ns + delay - now;
	if (*wait > 0) {
		return 0;
	}
	*wait = 0;
	return pagelog_find_time(r->log, now - delay, out, err);
}

/* One step; *wait: nanoseconds until the next commit is due, 0: unknown. */
static int follow(struct replica *r, int64_t *wait, struct err *err)
{
	LOCKED(&r->apply);
	uint64_t due;
	int rc = find_due(r, &due, wait, err);
	if (rc == 0) {
		uint64_t end = r->records.next + BATCH - 1;
		rc = apply_batch(r, end < due ? end : due, err);
	}
	if (rc == 0) {
		err_clear(&r->failure);
	} else if (r->failure.code == 0) {
		log_warn("%s: %s", r->label, err->msg);
		r->failure = *err;
	}
	return rc;
}

static void *replica_main(void *arg)
{
	struct replica *r = arg;
	while (!atomic_load(&r->stop)) {
		struct err err = {0};
		int64_t wait = 0;
		bool failed = follow(r, &wait, &err) != 0;
		/* Awaited is the next commit, or with a delay or a failure just time. */
		uint64_t after = failed || wait > 0 ? UINT64_MAX : atomic_load(&r->applied);
		int64_t pause = wait > 0 && wait < SECOND ? wait : SECOND;
		/* Changed only while this thread does not run. */
		pagelog_wait(r->log, after, clock_monotonic_ns() + pause, &r->stop);
	}
	return NULL;
}

int replica_start(struct replica *r, struct err *err)
{
	LOCKED(&r->apply);
	if (r->running) {
		return 0;
	}
	atomic_store(&r->stop, false);
	int rc = thread_start(&r->thread, replica_main, r);
	r->running = rc == 0;
	return rc == 0 ? 0 : err_set(err, rc, "%s: no thread for it: %s", r->label, strerror(rc));
}

void replica_stop(struct replica *r)
{
	pthread_t thread;
	{
		LOCKED(&r->apply);
		if (!r->running) {
			return;
		}
		r->running = false;
		thread = r->thread;
		atomic_store(&r->stop, true);
	}
	pagelog_wake(r->log);
	pthread_join(thread, NULL);
}

void replica_set_log(struct replica *r, struct pagelog *log)
{
	bool running;
	{
		LOCKED(&r->apply);
		running = r->running;
	}
	replica_stop(r);
	{
		LOCKED(&r->apply);
		uint64_t next = r->records.next;
		segment_reader_finish(&r->records);
		segment_reader_init(&r->records, pagelog_segments(log), next);
		r->log = log;
		err_clear(&r->failure);
	}
	struct err err = {0};
	if (running && replica_start(r, &err) != 0) {
		LOCKED(&r->apply);
		r->failure = err;
	}
}

void replica_set_delay(struct replica *r, int64_t delay_ms)
{
	atomic_store(&r->delay_ms, delay_ms);
}

void replica_status(struct replica *r, struct replica_status *out)
{
	struct err ignored = {0};
	struct record next;
	LOCKED(&r->apply);
	uint64_t last = pagelog_last(r->log);
	*out = (struct replica_status){
		.region = r->region,
		.running = r->running,
		.sequence = atomic_load(&r->applied),
		.durable = r->position.applied,
		.delay_ms = atomic_load(&r->delay_ms),
		.failure = r->failure,
	};
	if (last > out->sequence) {
		out->lag_commits = last - out->sequence;
		out->lag_bytes = segment_reader_behind(&r->records);
		if (segment_reader_peek(&r->records, &next, &ignored) == 1) {
			out->lag_ns = clock_wall_ns() - next.time_ns;
		}
	}
}

/* ---- files ---- */

int replica_create(const struct base_set *set, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	CLEANUP(buf_free) struct buf position = BUF_INIT;
	const struct disk_ops *disk = set->disk != NULL ? set->disk : &disk_system;
	struct base b;
	if (access(path, F_OK) == 0) {
		return err_set(err, EEXIST, "%s exists already", path);
	}
	int rc = base_find(set, UINT64_MAX, &b, err);
	if (rc != 0) {
		return rc;
	}
	base_path(set, &b, &from);
	buf_printf(&temp, "%s.part", path);
	buf_cstr(&temp);
	position_path(path, &position);
	rc = buf_check(&from, err) != 0 || buf_check(&temp, err) != 0 ? -ENOMEM
								      : buf_check(&position, err);
	if (rc == 0) {
		rc = disk_copy_content(disk, from.p, temp.p, err);
	}
	/* The position first: a database without one would be taken for promoted. */
	struct position p = {.applied = b.sequence, .intent = b.sequence};
	if (rc == 0) {
		rc = position_create(disk, position.p, &p, err);
	}
	return rc != 0 ? rc : disk_publish(disk, temp.p, path, err);
}

int replica_delete(const struct disk_ops *disk, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf position = BUF_INIT;
	disk = disk != NULL ? disk : &disk_system;
	position_path(path, &position);
	int rc = buf_check(&position, err);
	if (rc == 0) {
		rc = disk_remove(disk, path, err);
	}
	if (rc == 0) {
		rc = disk_sync_parent(disk, path, err);
	}
	if (rc == 0) {
		rc = disk_remove(disk, position.p, err);
	}
	return rc != 0 ? rc : disk_sync_parent(disk, path, err);
}

static int open_files(struct replica *r, struct err *err)
{
	CLEANUP(buf_free) struct buf buf = BUF_INIT;
	const char *name = position_path(r->path, &buf);
	r->fd = r->disk->open(r->path, O_RDWR);
	if (r->fd < 0) {
		return disk_error(r->fd, r->path, "cannot be opened", err);
	}
	r->position_fd = position_open(r->disk, name, &r->position, err);
	return r->position_fd < 0 ? r->position_fd : 0;
}

static struct replica *replica_alloc(const struct replica_config *config)
{
	struct replica *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return NULL;
	}
	r->disk = config->disk != NULL ? config->disk : &disk_system;
	r->log = config->log;
	r->path = strdup(config->path);
	r->label = strdup(config->label != NULL ? config->label : config->path);
	r->region = config->region != NULL ? strdup(config->region) : NULL;
	r->fd = r->position_fd = -1;
	atomic_store(&r->delay_ms, config->delay_ms);
	pthread_mutex_init(&r->apply, NULL);
	pthread_mutex_init(&r->pool, NULL);
	gate_init(&r->gate);
	segment_reader_init(&r->records, pagelog_segments(r->log), 0);
	return r;
}

static void replica_free(struct replica *r)
{
	replica_pool_close(r);
	segment_reader_finish(&r->records);
	if (r->fd >= 0) {
		r->disk->close(r->fd);
	}
	if (r->position_fd >= 0) {
		r->disk->close(r->position_fd);
	}
	gate_finish(&r->gate);
	pthread_mutex_destroy(&r->apply);
	pthread_mutex_destroy(&r->pool);
	free(r->path);
	free(r->label);
	free(r->region);
	free(r);
}

/* What was begun before a gap ends there: that is a commit, too. */
static int redo(struct replica *r, struct err *err)
{
	struct err why = {0};
	int rc = replica_apply(r, r->position.intent, &why);
	return rc != 0 && r->torn ? err_set(err, -rc, "%s", why.msg) : 0;
}

int replica_open(const struct replica_config *config, struct replica **out, struct err *err)
{
	struct replica *r = replica_alloc(config);
	if (r == NULL || r->path == NULL || r->label == NULL) {
		if (r != NULL) {
			replica_free(r);
		}
		return err_set(err, ENOMEM, "%s: out of memory", config->path);
	}
	int rc = open_files(r, err);
	if (rc == 0) {
		fall_back(r);
		rc = redo(r, err);
	}
	if (rc != 0) {
		replica_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

/* What is applied is synced, unless the redo of a failure is still due. */
static void note_position(struct replica *r)
{
	struct err err = {0};
	uint64_t done = r->records.next - 1;
	if (!r->torn && r->position.applied < done && write_position(r, done, done, &err) != 0) {
		log_info("%s", err.msg);
	}
}

void replica_close(struct replica *r)
{
	if (r == NULL) {
		return;
	}
	replica_stop(r);
	note_position(r);
	replica_free(r);
}

/* ---- promotion ---- */

static int remove_position(struct replica *r, struct err *err)
{
	CLEANUP(buf_free) struct buf buf = BUF_INIT;
	const char *name = position_path(r->path, &buf);
	int rc = disk_remove(r->disk, name, err);
	if (rc != 0) {
		return rc;
	}
	rc = disk_sync_parent(r->disk, r->path, err);
	if (rc != 0) {
		/* Nobody knows what the disk has: back to what it was. */
		struct position p = r->position;
		r->disk->close(r->position_fd);
		struct err ignored = {0};
		r->position_fd = -1;
		if (position_create(r->disk, name, &p, &ignored) == 0) {
			r->position_fd = position_open(r->disk, name, &r->position, &ignored);
		}
	}
	return rc;
}

int replica_promote(struct replica *r, bool finish, struct err *err)
{
	replica_stop(r);
	int rc = replica_apply(r, finish ? UINT64_MAX : r->position.intent, err);
	if (rc == 0) {
		replica_pool_close(r);
		rc = remove_position(r, err);
	}
	if (rc == 0) {
		replica_free(r);
	}
	return rc;
}
