/* What the files of engines/store share. Nobody else includes this.
 *
 * Who touches what:
 *   store_txn   whoever has the turn (queue.c; before and after all turns:
 *               store_open/store_close)
 *   pool        any thread, under pool.lock; a reader that is handed out belongs
 *               to the thread that asked for it
 *   queue       any thread, under queue.lock
 *   flush       any thread, under flush.lock
 * Lock order: no thread ever holds two of these locks; the turn may be held
 * while any of them is taken. */
#ifndef DBMOUNT_STORE_IMPL_H
#define DBMOUNT_STORE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/thread.h"
#include "engines/store/store.h"

#define MS_NS	  INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
/* How long to wait for another process (a person with the sqlite3 tool). */
#define BUSY_MS 2000

/* ---- conn.c: a connection with its prepared statements ---- */

/* The statements the store itself runs. */
enum own_stmt {
	OWN_READ_BEGIN,
	OWN_READ_END,
	OWN_BEGIN,
	OWN_COMMIT,
	OWN_ROLLBACK,
	OWN_SAVEPOINT,
	OWN_RELEASE,
	OWN_UNDO,
	OWN_META,
	OWN_COMPACT,
	OWN_COUNT,
};

enum conn_kind { CONN_READER, CONN_WRITER };

struct conn_stmt {
	sqlite3_stmt *stmt; /* NULL until first asked for */
	bool used;	    /* handed out since the last conn_reset() */
};

struct store_conn {
	struct store *s;
	sqlite3 *db;
	sqlite3_stmt *own[OWN_COUNT];
	struct conn_stmt *stmts; /* s->n_sql of them */
	void *slot;		 /* the engine's */
};

/* Opens a file as a database: percent-encodes the path, switches on what is
 * safe. flags: SQLITE_OPEN_READONLY or _READWRITE. The message begins with
 * `label`. */
struct db_spec {
	const char *path;
	const char *vfs;
	const char *label;
	int flags;
	bool immutable;
};
int db_open(const struct db_spec *spec, sqlite3 **out, struct err *err);
/* Runs SQL that has no results and no parameters. */
int db_exec(sqlite3 *db, const char *what, const char *sql, struct err *err);
/* The first column of the first row; -EIO when there is none. */
int db_int(sqlite3 *db, const char *what, const char *sql, int64_t *out, struct err *err);

int conn_open(struct store_conn *c, struct store *s, enum conn_kind kind, struct err *err);
void conn_close(struct store_conn *c);
/* Resets every statement handed out, so that none keeps a cursor open. */
void conn_reset(struct store_conn *c);
sqlite3_stmt *conn_stmt(struct store_conn *c, unsigned n, struct err *err);
sqlite3_stmt *conn_own(struct store_conn *c, enum own_stmt n, struct err *err);
int conn_run(struct store_conn *c, enum own_stmt n, struct err *err);
bool conn_in_transaction(const struct store_conn *c);

/* ---- the store ---- */

struct store_reader {
	struct store *s;
	struct store_conn conn;
	uint64_t sequence; /* the commits its transaction is known to include */
	struct store_reader *next;
};

struct write_request {
	struct write_request *next;
	const uint64_t *keys;
	store_fn *fn; /* NULL: no write but a whole checkpoint, or `compact` */
	void *arg;
	struct err *err;
	unsigned n_keys;
	int result;
	unsigned round; /* of those that gathered with it; under queue.lock */
	bool done;	/* under queue.lock */
	bool compact;
	bool plain; /* a write that needs no savepoint */
};

struct request_list {
	struct write_request *head;
	struct write_request *last;
};

/* The writer's state, and what a store_fn is handed. */
struct store_txn {
	struct store *s;
	struct store_conn conn;	   /* db NULL until the first write */
	bool session;		   /* "not closed cleanly" is committed */
	bool open;		   /* between BEGIN and COMMIT */
	unsigned n_writes;	   /* in the open transaction */
	unsigned n_kept;	   /* of them, those that were not undone */
	unsigned last_group;	   /* how many the last one had */
	int64_t commit_at;	   /* when the open transaction is committed at the latest */
	struct request_list group; /* executed, neither committed nor answered */
	_Alignas(max_align_t) unsigned char notes[STORE_NOTES_BYTES];

	/* The last ones given out, and what the file says may have been. */
	uint64_t version, version_saved;
	int64_t time, time_saved;

	uint32_t hook_frames; /* set by the commit in the WAL hook, 0: it wrote nothing */
	uint32_t last_frame;  /* of the last commit */
	unsigned char wal_salt[8];
	int wal_fd; /* to read the WAL's header, with a tap only; else -1 */

	uint32_t tried_frames; /* size of the WAL at the last checkpoint attempt */
	int64_t checkpoint_at; /* next attempt while idle; 0: none wanted */
	int64_t restart_at;    /* no RESTART before: readers were in the way */
	int64_t fsync_at;      /* INTERVAL: next fsync; 0: nothing to sync */
	int64_t idle_since;
};

/* A set of key hashes; once full it stands for all keys. */
#define PENDING_SLOTS 1024

struct pending {
	uint64_t slot[PENDING_SLOTS]; /* 0: free */
	unsigned n;
	bool all;
};

struct store {
	/* Fixed once store_open() has returned. */
	char *path;
	char *wal_path;
	char *label;
	char *vfs;
	const char *const *sql;
	unsigned n_sql;
	void (*slot_free)(void *slot);
	bool read_only;
	enum store_sync sync;
	struct store_tap tap;
	int (*before_commit)(struct store_txn *t, struct err *err);

	_Atomic bool failed; /* failure.why is set */
	struct {
		pthread_mutex_t lock;
		struct err why;
	} failure;

	_Atomic uint64_t sequence;  /* commits; written by the writer */
	_Atomic unsigned n_pending; /* writes in queue.pending; a reader's quick look */

	struct {
		pthread_mutex_t lock;
		struct store_reader *idle; /* last used first */
		unsigned n_idle;
	} pool;

	struct {
		pthread_mutex_t lock;
		pthread_cond_t wake;	    /* for the writer */
		pthread_cond_t answered[2]; /* for those who gathered in even, odd rounds */
		unsigned round;
		bool to_wake[2];	/* somebody of that round is answered and was not woken */
		pthread_cond_t settled; /* for those who wait for a commit of pending writes */
		struct request_list waiting;
		pthread_t thread;
		bool joinable; /* thread was started and not joined yet */
		bool running;
		bool stop;
		bool want_commit;
		bool taken;	      /* somebody has the turn */
		bool thread_due;      /* the writer thread must have it next */
		int64_t alarm;	      /* the writer thread sleeps until then; 0: it does not */
		uint64_t settlements; /* commits of pending writes, failed ones too */
		struct pending pending;
		struct err lost; /* INTERVAL: why acknowledged writes were lost, until told */
	} queue;

	struct {
		pthread_mutex_t lock;
		pthread_cond_t done;
		sqlite3_file *wal; /* our own handle on the WAL, only for xSync */
		uint64_t synced;   /* commits that survive power loss */
		bool busy;	   /* one thread is in xSync */
		uint64_t failures;
		bool suspect; /* an fsync failed: only a checkpoint makes that good */
	} flush;

	struct store_txn txn;
};

/* ---- store.c ---- */

/* Whether the last call on `db` failed because of its files: an I/O error, damage,
 * a file that is gone; no full disk, no shortage of something else. */
bool sql_files_failed(sqlite3 *db);
/* After a failed call on `db`: remembers it if it was the files that failed. */
void store_note(struct store *s, sqlite3 *db);
/* The VFS of a store whose config names none. */
const char *store_usual_vfs(void);

/* ---- check.c ---- */

/* Refuses what store_open() must refuse; changes nothing. */
int store_check(struct store *s, const struct store_config *config, struct err *err);

/* ---- create.c ---- */

int store_create(struct store *s, const struct store_config *config, struct err *err);
/* A new, empty file beside `path` under a name of its own. */
int temp_create(const char *path, struct buf *out, const char *label, struct err *err);
/* fsyncs the finished temporary database, gives it its name, which must be
 * free, and fsyncs the directory. */
int temp_publish(const char *temp, const char *path, const char *label, struct err *err);
/* Removes whatever bears the temporary name, and what SQLite may have put beside. */
void temp_remove(const char *temp);
/* Size of the file `path` + `suffix`, -1 if there is none. */
int64_t sibling_size(const char *path, const char *suffix);

/* ---- reader.c ---- */

/* Ends the transactions of idle readers so that the WAL can be reset. */
void pool_release(struct store *s);
void pool_close(struct store *s);

/* ---- queue.c: turns, and the way to the writer thread and back ---- */

void list_push(struct request_list *list, struct write_request *req);
struct write_request *list_pop(struct request_list *list);

/* Has the request executed, here or on the writer thread; returns its answer. */
int queue_submit(struct store *s, struct write_request *req);
/* The same for several, whose answers are in them. */
void queue_submit_group(struct store *s, struct write_request *reqs, unsigned n);
/* For the writer thread: waits for requests until writer_deadline(), takes the
 * turn and them. False: end the thread. Empty with true: other work is due. */
bool queue_take(struct store *s, struct request_list *out);
/* Gives the turn back. */
void queue_leave(struct store *s);
/* One that came in meanwhile; does not wait. */
struct write_request *queue_more(struct store *s);
/* Those answered are woken by queue_wake(). */
void queue_answer(struct store *s, struct write_request *req, int result);
/* Answers all with `why`, or success when there is none; empties the list. */
void queue_answer_all(struct store *s, struct request_list *list, const struct err *why);
void queue_wake(struct store *s);
/* Answers a write that is executed and not committed; true: commit now. */
bool queue_acknowledge(struct store *s, struct write_request *req);
bool queue_wants_commit(struct store *s);
/* What was acknowledged is committed, or lost for the reason `why`. */
void queue_settle(struct store *s, const struct err *why);
/* Whether an acknowledged write to `key` waits for its commit. */
bool queue_has_pending(struct store *s, uint64_t key);
/* Returns when acknowledged writes to `key` are committed. */
void queue_wait_pending(struct store *s, uint64_t key);
/* The reason why acknowledged writes were lost, once. 0 or -errno. */
int queue_take_lost(struct store *s, struct err *err);
void queue_stop(struct store *s);

/* ---- writer.c ---- */

/* All but writer_main() for whoever has the turn. */
void *writer_main(void *arg);
/* Executes the requests and, but for INTERVAL, commits them. */
void writer_execute(struct store_txn *t, struct write_request *reqs, unsigned n);
/* Commits what is executed. */
void writer_commit(struct store_txn *t);
/* When there is something to do without a request; 0: never. */
int64_t writer_deadline(const struct store_txn *t);
/* Nothing left to do: the thread may end. */
bool writer_is_idle(const struct store_txn *t);
/* With nothing open: marks the file as closed cleanly and checkpoints all. */
void session_end(struct store_txn *t);

/* ---- wal.c ---- */

int wal_open(struct store *s, struct err *err);
void wal_close(struct store *s);
/* Makes the commits so far survive power loss. Any thread. */
int wal_sync(struct store *s, struct err *err);
/* The following for whoever has the turn. */
/* The same, after a failed one by a checkpoint; with nothing open. */
int wal_sync_by_writer(struct store_txn *t, struct err *err);
void wal_sync_periodic(struct store_txn *t);
/* After a commit of `hook_frames`, before the tap: fills in the frames. */
void wal_commit_frames(struct store_txn *t, struct store_commit *out);
/* Before a transaction begins. */
void wal_make_way(struct store_txn *t);
bool wal_checkpoint_due(const struct store_txn *t);
/* The following with nothing open. */
void wal_maintain(struct store_txn *t);
/* Everything into the database; -EBUSY when readers were in the way. */
int wal_checkpoint_all(struct store_txn *t, struct err *err);
/* Whether the tap wants what is in the log to stay there. */
bool wal_must_stay(const struct store *s);

#endif
