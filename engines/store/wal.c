/* The write-ahead log: making it durable, and moving it into the database.
 *
 * Durability. With STORE_SYNC_CLOSE SQLite itself syncs the log in each COMMIT.
 * In the other modes the log is synced here, through a handle of our own, by
 * whichever thread asks first; those who ask meanwhile wait for the next round
 * and share it. After a failed fsync the kernel may drop the pages it could not
 * write and call the next fsync a success, so then only a complete checkpoint,
 * which writes the same content elsewhere, counts as durable.
 *
 * Checkpoints are the writer's, between transactions: PASSIVE once the log has
 * 1000 frames more than at the last attempt, which moves what no running reader
 * still needs. SQLite begins the log anew by itself when all was moved and no
 * reader is in it. With steady readers that moment may never come, so a log
 * grown larger is restarted (waiting for readers a few milliseconds at most),
 * and one grown very large is cut. A reader that stays open only delays this:
 * the attempt is repeated each second, also without writes. */
#include "engines/store/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "engines/common/log.h"

#define PASSIVE_FRAMES	1000  /* 4 MiB */
#define RESTART_FRAMES	4000  /* 16 MiB */
#define TRUNCATE_FRAMES 16000 /* 64 MiB */
#define RESTART_BUSY_MS 20
#define CLOSE_BUSY_MS	200

/* ---- which frames a commit wrote ---- */

/* SQLite changes the salts in the log's header when it begins the log anew. */
static bool wal_begun_anew(struct store_txn *t)
{
	unsigned char salt[sizeof(t->wal_salt)];
	if (t->wal_fd < 0 || pread(t->wal_fd, salt, sizeof(salt), 16) != sizeof(salt) ||
		memcmp(salt, t->wal_salt, sizeof(salt)) == 0) {
		return false;
	}
	memcpy(t->wal_salt, salt, sizeof(salt));
	return true;
}

void wal_commit_frames(struct store_txn *t, struct store_commit *out)
{
	out->first_frame = wal_begun_anew(t) ? 1 : t->last_frame + 1;
	out->last_frame = t->hook_frames;
	t->last_frame = t->hook_frames;
}

/* ---- opening ---- */

static int open_handle(struct store *s, const char *name, struct err *err)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(s->vfs);
	int out_flags = 0;
	s->flush.wal = calloc(1, (size_t)vfs->szOsFile);
	if (s->flush.wal == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", s->label);
	}
	/* With CREATE the first sync includes the directory: the log's name. */
	int rc = vfs->xOpen(vfs, name, s->flush.wal,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL, &out_flags);
	return rc == SQLITE_OK ? 0
			       : err_set(err, EIO, "%s: %s cannot be opened: %s", s->label, name,
					 sqlite3_errstr(rc));
}

int wal_open(struct store *s, struct err *err)
{
	struct store_txn *t = &s->txn;
	/* Both strings live as long as the writer's connection. */
	const char *db = sqlite3_db_filename(t->conn.db, "main");
	const char *name = sqlite3_filename_wal(db);
	s->wal_path = strdup(name);
	if (s->wal_path == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", s->label);
	}
	int rc = open_handle(s, name, err);
	if (rc != 0 || s->tap.committed == NULL) {
		return rc;
	}
	t->wal_fd = open(s->wal_path, O_RDONLY | O_CLOEXEC);
	if (t->wal_fd < 0) {
		return err_errno(err, "%s: %s cannot be opened", s->label, s->wal_path);
	}
	wal_begun_anew(t);
	return 0;
}

void wal_close(struct store *s)
{
	if (s->flush.wal != NULL && s->flush.wal->pMethods != NULL) {
		s->flush.wal->pMethods->xClose(s->flush.wal);
	}
	free(s->flush.wal);
	s->flush.wal = NULL;
	if (s->txn.wal_fd >= 0) {
		close(s->txn.wal_fd);
		s->txn.wal_fd = -1;
	}
}

/* ---- durability ---- */

/* Under flush.lock, which is released during the fsync. */
static void sync_round(struct store *s)
{
	uint64_t goal = atomic_load(&s->sequence);
	s->flush.busy = true;
	pthread_mutex_unlock(&s->flush.lock);
	int rc = s->flush.wal->pMethods->xSync(
		s->flush.wal, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
	pthread_mutex_lock(&s->flush.lock);
	s->flush.busy = false;
	if (rc != SQLITE_OK) {
		s->flush.failures++;
		s->flush.suspect = true;
	} else if (goal > s->flush.synced) {
		s->flush.synced = goal;
	}
	pthread_cond_broadcast(&s->flush.done);
}

int wal_sync(struct store *s, struct err *err)
{
	uint64_t target = atomic_load(&s->sequence);
	LOCKED(&s->flush.lock);
	uint64_t failures = s->flush.failures;
	while (s->flush.synced < target) {
		if (s->flush.failures != failures || s->flush.suspect) {
			return err_set(err, EIO,
				"%s: the disk did not take what was written to %s; "
				"it may be lost when the power fails",
				s->label, s->wal_path);
		}
		if (s->flush.busy) {
			pthread_cond_wait(&s->flush.done, &s->flush.lock);
		} else {
			sync_round(s);
		}
	}
	return 0;
}

static bool is_suspect(struct store *s)
{
	LOCKED(&s->flush.lock);
	return s->flush.suspect;
}

/* All commits so far are in the database and that is synced. */
static void all_is_durable(struct store *s)
{
	LOCKED(&s->flush.lock);
	s->flush.synced = atomic_load(&s->sequence);
	s->flush.suspect = false;
}

int wal_sync_by_writer(struct store_txn *t, struct err *err)
{
	int rc = is_suspect(t->s) ? wal_checkpoint_all(t, err) : 0;
	return rc != 0 ? rc : wal_sync(t->s, err);
}

void wal_sync_periodic(struct store_txn *t)
{
	struct err err = {0};
	bool done = wal_sync_by_writer(t, &err) == 0;
	t->fsync_at = done ? 0 : clock_monotonic_ns() + SECOND_NS;
	if (!done) {
		log_warn("%s", err.msg);
	}
}

int store_sync(struct store *s, struct err *err)
{
	if (s->read_only) {
		return 0;
	}
	queue_wait_pending(s, STORE_ALL_KEYS);
	int rc = queue_take_lost(s, err);
	if (rc != 0 || s->sync == STORE_SYNC_CLOSE) {
		return rc;
	}
	if (is_suspect(s)) {
		struct err unasked = {0};
		struct write_request checkpoint = {.err = err != NULL ? err : &unasked};
		rc = queue_submit(s, &checkpoint);
	}
	return rc != 0 ? rc : wal_sync(s, err);
}

/* ---- checkpoints ---- */

bool wal_must_stay(const struct store *s)
{
	return s->tap.needs_wal != NULL && s->tap.needs_wal(s->tap.arg);
}

/* SQLite's code. *complete: all that was committed is in the database. */
static int checkpoint(struct store_txn *t, int mode, int busy_ms, bool *complete)
{
	int n_log = -1;
	int n_done = -1;
	pool_release(t->s);
	sqlite3_busy_timeout(t->conn.db, busy_ms);
	int rc = sqlite3_wal_checkpoint_v2(t->conn.db, "main", mode, &n_log, &n_done);
	sqlite3_busy_timeout(t->conn.db, BUSY_MS);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
		store_note(t->s, t->conn.db);
	}
	*complete = (rc == SQLITE_OK || rc == SQLITE_BUSY) && n_log >= 0 && n_log == n_done;
	if (*complete) {
		all_is_durable(t->s);
	}
	if (rc == SQLITE_OK && mode != SQLITE_CHECKPOINT_PASSIVE) {
		t->last_frame = 0;
	} else if (n_log >= 0) {
		t->last_frame = (uint32_t)n_log;
	}
	t->tried_frames = t->last_frame;
	return rc;
}

bool wal_checkpoint_due(const struct store_txn *t)
{
	if (t->checkpoint_at != 0 && clock_monotonic_ns() >= t->checkpoint_at) {
		return true;
	}
	/* The log was begun anew since. */
	uint32_t tried = t->last_frame < t->tried_frames ? 0 : t->tried_frames;
	return t->last_frame - tried >= PASSIVE_FRAMES;
}

/* SQLite begins the log anew with the first write after a whole checkpoint, if
 * no reader is in it. An idle one's transaction is old after this write anyway. */
void wal_make_way(struct store_txn *t)
{
	if (t->last_frame >= PASSIVE_FRAMES) {
		pool_release(t->s);
	}
}

static int choose_mode(const struct store_txn *t, int64_t now)
{
	if (t->last_frame < RESTART_FRAMES || now < t->restart_at) {
		return SQLITE_CHECKPOINT_PASSIVE;
	}
	return t->last_frame < TRUNCATE_FRAMES ? SQLITE_CHECKPOINT_RESTART
					       : SQLITE_CHECKPOINT_TRUNCATE;
}

void wal_maintain(struct store_txn *t)
{
	int64_t now = clock_monotonic_ns();
	int mode = choose_mode(t, now);
	bool complete;
	if (wal_must_stay(t->s)) {
		t->tried_frames = t->last_frame;
		t->checkpoint_at = now + SECOND_NS;
		return;
	}
	int rc = checkpoint(t, mode, RESTART_BUSY_MS, &complete);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY) {
		struct err err = {0};
		store_sql_error(t->conn.db, t->s->label, &err);
		log_warn("%s: the log was not moved into the database yet", err.msg);
	}
	if (rc != SQLITE_OK && mode != SQLITE_CHECKPOINT_PASSIVE) {
		t->restart_at = now + SECOND_NS;
	}
	bool again = !complete || t->last_frame >= RESTART_FRAMES;
	t->checkpoint_at = again ? now + SECOND_NS : 0;
}

int wal_checkpoint_all(struct store_txn *t, struct err *err)
{
	bool complete;
	if (wal_must_stay(t->s)) {
		t->checkpoint_at = clock_monotonic_ns() + SECOND_NS;
		return err_set(err, EIO, "%s: %s holds commits that are nowhere else", t->s->label,
			t->s->wal_path);
	}
	int rc = checkpoint(t, SQLITE_CHECKPOINT_TRUNCATE, CLOSE_BUSY_MS, &complete);
	t->checkpoint_at = complete ? 0 : clock_monotonic_ns() + SECOND_NS;
	if (complete) {
		return 0;
	}
	return rc == SQLITE_BUSY || rc == SQLITE_OK
		       ? err_set(err, EBUSY, "%s: a reader is in the way of the checkpoint",
				 t->s->label)
		       : store_sql_error(t->conn.db, t->s->label, err);
}
