/* The writer: group commit.
 *
 *   BEGIN
 *     for each request that waits: SAVEPOINT, its function, RELEASE
 *     (function failed: ROLLBACK TO, and its caller is told at once;
 *     a plain one needs no savepoint)
 *   COMMIT, one fsync for all
 *   the tap is told, then the callers
 *
 * While the COMMIT is in its fsync, the next requests gather, so groups grow
 * with the load by themselves. With STORE_SYNC_INTERVAL callers are told before
 * the COMMIT; queue.c remembers which keys those writes touched, for readers.
 *
 * A write that is alone is executed, and committed, by its own caller: two
 * wake-ups less (queue.c says when). The writer thread is there for the rest:
 * groups that nobody brought along as one (store_write_each()), INTERVAL's commits and
 * fsyncs, checkpoints, the end of the session.
 *
 * Sessions. The file says whether it was closed cleanly. Before the first write
 * a small commit of its own says it was not; the end of the session (store
 * closed, or idle) says it was. The same row holds a version and a time that no
 * committed write is beyond. Versions are reserved there a block ahead, in a
 * commit before they are given out: a version that a writer was told is never
 * given out again, even if that writer's own commit was lost in a crash. (A
 * single transaction that uses up half a block saves the rest with itself.) */
#include "engines/store/store_impl.h"

#include <assert.h>
#include <errno.h>

#include "engines/common/log.h"

#define GROUP_MAX     256
#define COMMIT_NS     (5 * MS_NS)
#define FSYNC_NS      (800 * MS_NS)
#define IDLE_NS	      (10 * SECOND_NS)
#define VERSION_BLOCK (UINT64_C(1) << 20)

/* ---- one COMMIT ---- */

static int meta_save(
	struct store_txn *t, bool clean, uint64_t version, int64_t time, struct err *err)
{
	sqlite3_stmt *stmt = conn_own(&t->conn, OWN_META, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int(stmt, 1, clean);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)version);
	sqlite3_bind_int64(stmt, 3, time);
	return conn_run(&t->conn, OWN_META, err);
}

static void rollback(struct store_txn *t)
{
	if (conn_in_transaction(&t->conn)) {
		conn_run(&t->conn, OWN_ROLLBACK, NULL);
	}
}

/* The commit stands: tells the tap, then lets readers know. */
static int announce(struct store_txn *t, struct err *err)
{
	struct store *s = t->s;
	struct store_commit commit = {
		.sequence = atomic_load(&s->sequence) + 1,
		.time_ns = clock_wall_ns(),
		.wal_path = s->wal_path,
	};
	wal_commit_frames(t, &commit);
	int rc = s->tap.committed != NULL ? s->tap.committed(s->tap.arg, &commit, err) : 0;
	atomic_store(&s->sequence, commit.sequence);
	if (s->sync == STORE_SYNC_INTERVAL && t->fsync_at == 0) {
		t->fsync_at = clock_monotonic_ns() + FSYNC_NS;
	}
	return rc;
}

/* Saves the counters as given and commits, or rolls everything back. */
static int commit_with(
	struct store_txn *t, bool clean, uint64_t version, int64_t time, struct err *err)
{
	int rc = 0;
	if (clean || !t->session || version != t->version_saved || time != t->time_saved) {
		rc = meta_save(t, clean, version, time, err);
	}
	t->hook_frames = 0;
	if (rc == 0) {
		rc = conn_run(&t->conn, OWN_COMMIT, err);
	}
	if (rc != 0) {
		rollback(t);
		return rc;
	}
	t->version_saved = version;
	t->time_saved = time;
	return t->hook_frames > 0 ? announce(t, err) : 0;
}

static int commit_counters(struct store_txn *t, struct err *err)
{
	uint64_t version = t->version_saved;
	int64_t time = t->time_saved;
	if (t->version + VERSION_BLOCK / 2 > version) {
		version = t->version + VERSION_BLOCK;
	}
	if (t->time > time) {
		time = t->time + SECOND_NS;
	}
	return commit_with(t, false, version, time, err);
}

/* Everyone in the group, and whoever waits for INTERVAL's pending writes. */
static void tell_group(struct store_txn *t, const struct err *why)
{
	static const struct err none;
	struct store *s = t->s;
	/* With INTERVAL those that were kept are acknowledged already. */
	bool lost = why->code != 0 && t->n_kept > 0;
	t->open = false;
	t->last_group = t->n_writes;
	t->n_writes = t->n_kept = 0;
	queue_answer_all(s, &t->group, why);
	if (s->sync == STORE_SYNC_INTERVAL) {
		if (lost) {
			log_error("acknowledged writes were lost: %s", why->msg);
		}
		queue_settle(s, lost ? why : &none);
	}
}

static int save_notes(struct store_txn *t, struct err *err)
{
	int rc = t->s->before_commit != NULL ? t->s->before_commit(t, err) : 0;
	conn_reset(&t->conn);
	return rc;
}

/* Refused writes alone (an engine may try one only to see) are no commit: no fsync, no
 * record in a page log. */
static void txn_commit(struct store_txn *t)
{
	struct err err = {0};
	if (t->n_kept > 0 && save_notes(t, &err) == 0) {
		commit_counters(t, &err);
	} else {
		rollback(t);
	}
	tell_group(t, &err);
}

void writer_commit(struct store_txn *t)
{
	if (t->open) {
		txn_commit(t);
	}
}

/* ---- sessions ---- */

static int session_begin(struct store_txn *t, struct err *err)
{
	int64_t now = clock_wall_ns();
	int64_t time = (now > t->time ? now : t->time) + SECOND_NS;
	int rc = conn_run(&t->conn, OWN_BEGIN, err);
	if (rc == 0) {
		rc = commit_with(t, false, t->version + VERSION_BLOCK, time, err);
	}
	if (rc == 0 && t->s->sync != STORE_SYNC_CLOSE) {
		rc = wal_sync_by_writer(t, err);
	}
	t->session = rc == 0;
	return rc;
}

void session_end(struct store_txn *t)
{
	struct err err = {0};
	if (t->session) {
		/* A new time each time, so that what a session leaves can be told from
		 * what the one before it left. */
		store_txn_time(t);
		int rc = conn_run(&t->conn, OWN_BEGIN, &err);
		if (rc == 0) {
			rc = commit_with(t, true, t->version, t->time, &err);
		}
		t->session = rc != 0;
	}
	if (err.code != 0) {
		log_warn("%s; it will be checked when it is opened next", err.msg);
		return;
	}
	if (wal_checkpoint_all(t, &err) != 0) {
		log_info("%s; the log stays", err.msg);
	}
}

/* ---- one write ---- */

static int txn_begin(struct store_txn *t, struct err *err)
{
	if (t->open) {
		return 0;
	}
	int rc = t->session ? 0 : session_begin(t, err);
	wal_make_way(t);
	if (rc == 0) {
		rc = conn_run(&t->conn, OWN_BEGIN, err);
	}
	if (rc == 0) {
		t->open = true;
		memset(t->notes, 0, sizeof(t->notes));
		t->commit_at = clock_monotonic_ns() + COMMIT_NS;
	}
	return rc;
}

static int run_in_savepoint(struct store_txn *t, struct write_request *req)
{
	unsigned char notes[STORE_NOTES_BYTES];
	int rc = conn_run(&t->conn, OWN_SAVEPOINT, req->err);
	if (rc != 0) {
		return rc;
	}
	memcpy(notes, t->notes, sizeof(notes));
	rc = req->fn(t, req->arg, req->err);
	if (rc != 0) {
		store_note(t->s, t->conn.db);
	}
	conn_reset(&t->conn);
	if (rc == 0) {
		rc = conn_run(&t->conn, OWN_RELEASE, req->err);
	}
	if (rc != 0) {
		err_set(req->err, -rc, "%s: the write was refused", t->s->label);
		memcpy(t->notes, notes, sizeof(notes));
		/* After a full disk or an I/O error SQLite may have rolled back
		 * everything already; what cannot be undone alone goes with all. */
		if (conn_in_transaction(&t->conn) &&
			(conn_run(&t->conn, OWN_UNDO, NULL) != 0 ||
				conn_run(&t->conn, OWN_RELEASE, NULL) != 0)) {
			rollback(t);
		}
	}
	return rc;
}

/* What failed before it changed anything leaves nothing to undo. */
static int run_plain(struct store_txn *t, struct write_request *req)
{
	unsigned char notes[STORE_NOTES_BYTES];
	int before = sqlite3_total_changes(t->conn.db);
	memcpy(notes, t->notes, sizeof(notes));
	int rc = req->fn(t, req->arg, req->err);
	conn_reset(&t->conn);
	if (rc != 0) {
		err_set(req->err, -rc, "%s: the write was refused", t->s->label);
		memcpy(t->notes, notes, sizeof(notes));
		if (sqlite3_total_changes(t->conn.db) != before) {
			rollback(t);
		}
	}
	return rc;
}

static bool commit_is_due(const struct store_txn *t)
{
	return t->n_writes >= GROUP_MAX || clock_monotonic_ns() >= t->commit_at;
}

static void run_write(struct store_txn *t, struct write_request *req)
{
	struct store *s = t->s;
	int rc = txn_begin(t, req->err);
	if (rc == 0) {
		t->n_writes++;
		rc = req->plain ? run_plain(t, req) : run_in_savepoint(t, req);
	}
	if (t->open && !conn_in_transaction(&t->conn)) {
		tell_group(t, req->err);
	}
	if (rc != 0) {
		queue_answer(s, req, rc);
		return;
	}
	t->n_kept++;
	if (s->sync != STORE_SYNC_INTERVAL) {
		list_push(&t->group, req);
	} else if (queue_acknowledge(s, req) || commit_is_due(t)) {
		txn_commit(t);
	}
}

/* It commits by itself. */
static int compact(struct store_txn *t, struct err *err)
{
	int rc = t->session ? 0 : session_begin(t, err);
	t->hook_frames = 0;
	if (rc == 0) {
		rc = conn_run(&t->conn, OWN_COMPACT, err);
	}
	return rc == 0 && t->hook_frames > 0 ? announce(t, err) : rc;
}

static void run_request(struct store_txn *t, struct write_request *req)
{
	if (req->fn == NULL) {
		writer_commit(t);
		queue_answer(t->s, req,
			req->compact ? compact(t, req->err) : wal_checkpoint_all(t, req->err));
	} else {
		run_write(t, req);
	}
	t->idle_since = clock_monotonic_ns();
}

/* After what there was to execute. */
static void commit_if_due(struct store_txn *t)
{
	if (t->open && (t->s->sync != STORE_SYNC_INTERVAL || commit_is_due(t) ||
			       queue_wants_commit(t->s))) {
		txn_commit(t);
	}
}

void writer_execute(struct store_txn *t, struct write_request *reqs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		run_request(t, &reqs[i]);
	}
	commit_if_due(t);
}

static void run_batch(struct store_txn *t, struct request_list *batch)
{
	for (unsigned n = 0;; n++) {
		struct write_request *req = list_pop(batch);
		if (req == NULL && n < GROUP_MAX) {
			req = queue_more(t->s);
		}
		if (req == NULL) {
			break;
		}
		run_request(t, req);
	}
}

/* ---- the thread ---- */

int64_t writer_deadline(const struct store_txn *t)
{
	if (wal_checkpoint_due(t)) {
		return 1; /* long ago */
	}
	int64_t until = t->session ? t->idle_since + IDLE_NS : 0;
	int64_t other[] = {t->open ? t->commit_at : 0, t->fsync_at, t->checkpoint_at};
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		if (other[i] != 0 && (until == 0 || other[i] < until)) {
			until = other[i];
		}
	}
	return until;
}

bool writer_is_idle(const struct store_txn *t)
{
	return !t->session && !t->open && t->fsync_at == 0 && t->checkpoint_at == 0;
}

static void upkeep(struct store_txn *t)
{
	int64_t now = clock_monotonic_ns();
	bool fsync_due = t->fsync_at != 0 && now >= t->fsync_at;
	bool checkpoint_due = wal_checkpoint_due(t);
	if (t->open && (fsync_due || checkpoint_due)) {
		txn_commit(t);
	}
	if (fsync_due) {
		wal_sync_periodic(t);
	}
	if (checkpoint_due) {
		wal_maintain(t);
	}
	if (t->session && !t->open && now >= t->idle_since + IDLE_NS) {
		t->idle_since = now; /* try again in as long if it fails */
		session_end(t);
		sqlite3_db_release_memory(t->conn.db);
	}
}

void *writer_main(void *arg)
{
	struct store *s = arg;
	struct store_txn *t = &s->txn;
	struct request_list batch;

	while (queue_take(s, &batch)) {
		run_batch(t, &batch);
		/* Without requests it was woken to commit: time is up, or a reader waits. */
		commit_if_due(t);
		queue_wake(s);
		upkeep(t);
		queue_leave(s);
	}
	/* Nobody takes the turn before this thread was joined. */
	writer_commit(t);
	return NULL;
}

/* ---- the interface ---- */

static int submit(struct store *s, struct write_request *req, struct err *err)
{
	struct err unasked = {0};
	if (s->read_only) {
		return err_set(err, EROFS, "%s is read-only", s->label);
	}
	req->err = err != NULL ? err : &unasked;
	return queue_submit(s, req);
}

int store_write(struct store *s, const uint64_t *keys, unsigned n_keys, store_fn *fn, void *arg,
	struct err *err)
{
	struct write_request req = {.keys = keys, .n_keys = n_keys, .fn = fn, .arg = arg};
	return submit(s, &req, err);
}

int store_write_plain(struct store *s, const uint64_t *keys, unsigned n_keys, store_fn *fn,
	void *arg, struct err *err)
{
	struct write_request req = {
		.keys = keys, .n_keys = n_keys, .fn = fn, .arg = arg, .plain = true};
	return submit(s, &req, err);
}

void store_write_each(struct store *s, struct store_each *each, unsigned n)
{
	struct write_request reqs[STORE_EACH_MAX];
	assert(n > 0 && n <= STORE_EACH_MAX);
	for (unsigned i = 0; i < n; i++) {
		struct store_each *w = &each[i];
		w->result = s->read_only ? err_set(w->err, EROFS, "%s is read-only", s->label) : 0;
		reqs[i] = (struct write_request){.keys = w->keys,
			.n_keys = w->n_keys,
			.fn = w->fn,
			.arg = w->arg,
			.plain = true,
			.err = w->err};
	}
	if (s->read_only) {
		return;
	}
	queue_submit_group(s, reqs, n);
	for (unsigned i = 0; i < n; i++) {
		each[i].result = reqs[i].result;
	}
}

int store_compact(struct store *s, struct err *err)
{
	struct err unasked = {0};
	if (s->read_only) {
		return err_set(err, EROFS, "%s is read-only", s->label);
	}
	struct write_request req = {.compact = true, .err = err != NULL ? err : &unasked};
	return queue_submit(s, &req);
}

sqlite3_stmt *store_txn_stmt(struct store_txn *t, unsigned n, struct err *err)
{
	return conn_stmt(&t->conn, n, err);
}

void *store_txn_notes(struct store_txn *t)
{
	return t->notes;
}

sqlite3 *store_txn_db(struct store_txn *t)
{
	return t->conn.db;
}

void **store_txn_slot(struct store_txn *t)
{
	return &t->conn.slot;
}

uint64_t store_txn_version(struct store_txn *t)
{
	return ++t->version;
}

int64_t store_txn_time(struct store_txn *t)
{
	int64_t now = clock_wall_ns();
	t->time = now > t->time ? now : t->time + 1;
	return t->time;
}
