/* Opening and closing. */
#include "engines/store/store_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "engines/common/log.h"

static char *copy_text(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

/* With unix-excl the file is locked for this process once, not for each
 * transaction, and the log's index lies in memory: no system call for a lock
 * (they were 4 to 8 a transaction). Whoever made another VFS the default, a
 * test or an odd platform, means it. */
const char *store_usual_vfs(void)
{
	const sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	bool usual = vfs != NULL && strcmp(vfs->zName, "unix") == 0;
	return usual && sqlite3_vfs_find("unix-excl") != NULL ? "unix-excl" : NULL;
}

static void init_locks(struct store *s)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->failure.lock, NULL);
	pthread_mutex_init(&s->pool.lock, NULL);
	pthread_mutex_init(&s->queue.lock, NULL);
	pthread_cond_init(&s->queue.wake, &monotonic);
	pthread_cond_init(&s->queue.answered[0], NULL);
	pthread_cond_init(&s->queue.answered[1], NULL);
	pthread_cond_init(&s->queue.settled, NULL);
	pthread_mutex_init(&s->flush.lock, NULL);
	pthread_cond_init(&s->flush.done, NULL);
	pthread_condattr_destroy(&monotonic);
}

static struct store *store_alloc(const struct store_config *config)
{
	struct store *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	s->path = copy_text(config->path);
	s->label = copy_text(config->label != NULL ? config->label : config->path);
	s->vfs = copy_text(config->vfs != NULL ? config->vfs : store_usual_vfs());
	s->sql = config->sql;
	s->n_sql = config->n_sql;
	s->slot_free = config->slot_free;
	s->read_only = config->read_only;
	s->sync = config->sync;
	s->tap = config->tap;
	s->before_commit = config->before_commit;
	s->txn.s = s;
	s->txn.wal_fd = -1;
	init_locks(s);
	return s;
}

static void store_free(struct store *s)
{
	pthread_mutex_destroy(&s->failure.lock);
	pthread_mutex_destroy(&s->pool.lock);
	pthread_mutex_destroy(&s->queue.lock);
	pthread_cond_destroy(&s->queue.wake);
	pthread_cond_destroy(&s->queue.answered[0]);
	pthread_cond_destroy(&s->queue.answered[1]);
	pthread_cond_destroy(&s->queue.settled);
	pthread_mutex_destroy(&s->flush.lock);
	pthread_cond_destroy(&s->flush.done);
	free(s->path);
	free(s->wal_path);
	free(s->label);
	free(s->vfs);
	free(s);
}

/* Connections last: the last one to close moves the log into the database. */
static void close_files(struct store *s)
{
	wal_close(s);
	pool_close(s);
	if (s->txn.conn.db != NULL) {
		conn_close(&s->txn.conn);
	}
}

/* 0 with *exists, or the refusal of what is no file. */
static int look(const struct store *s, bool *exists, struct err *err)
{
	struct stat st;
	*exists = stat(s->path, &st) == 0;
	if (!*exists && errno != ENOENT) {
		return err_errno(err, "%s: %s", s->label, s->path);
	}
	if (*exists && !S_ISREG(st.st_mode)) {
		bool dir = S_ISDIR(st.st_mode);
		return err_set(err, dir ? EISDIR : EINVAL, "%s: %s is %s, not a database file",
			s->label, s->path, dir ? "a directory" : "a special file");
	}
	return 0;
}

static int create_or_check(struct store *s, const struct store_config *config, struct err *err)
{
	bool exists;
	int rc = look(s, &exists, err);
	if (rc != 0) {
		return rc;
	}
	if (exists) {
		return store_check(s, config, err);
	}
	if (!config->create || config->read_only) {
		return err_set(err, ENOENT, "%s: there is no %s", s->label, s->path);
	}
	return store_create(s, config, err);
}

/* The row with the new mode comes before its commit, so the answer counts only
 * once the statement is done. */
static int use_wal(const struct store *s, sqlite3 *db, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	char mode[16] = "";
	int rc = SQLITE_DONE;
	if (sqlite3_prepare_v2(db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL) == SQLITE_OK) {
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
			snprintf(mode, sizeof(mode), "%s", sqlite3_column_text(stmt, 0));
		}
	}
	if (stmt == NULL || rc != SQLITE_DONE) {
		rc = store_sql_error(db, s->label, err);
	} else if (strcmp(mode, "wal") != 0) {
		rc = err_set(err, EIO,
			"%s: the file system of %s has no shared memory for a write-ahead log",
			s->label, s->path);
	} else {
		rc = 0;
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int load_counters(struct store_txn *t, struct err *err)
{
	const char *label = t->s->label;
	int64_t version = 0;
	int rc = db_int(t->conn.db, label, "SELECT version FROM _dbmount_store WHERE id = 1",
		&version, err);
	if (rc == 0) {
		rc = db_int(t->conn.db, label, "SELECT time FROM _dbmount_store WHERE id = 1",
			&t->time, err);
	}
	t->version = t->version_saved = (uint64_t)version;
	t->time_saved = t->time;
	return rc;
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
	(void)db;
	(void)name;
	struct store_txn *t = arg;
	t->hook_frames = (uint32_t)frames;
	return SQLITE_OK;
}

/* The writer's connection is open as long as the store: while one is, SQLite
 * neither moves the log at its own time nor removes it. */
static int open_writer(struct store *s, struct err *err)
{
	struct store_txn *t = &s->txn;
	int rc = conn_open(&t->conn, s, CONN_WRITER, err);
	if (rc == 0) {
		rc = use_wal(s, t->conn.db, err);
	}
	if (rc == 0) {
		rc = load_counters(t, err);
	}
	if (rc == 0) {
		rc = wal_open(s, err);
	}
	if (rc != 0) {
		return rc;
	}
	sqlite3_wal_hook(t->conn.db, on_wal, t);
	/* What a killed daemon left. Failing, it is tried again with the first write. */
	struct err ignored = {0};
	if (sibling_size(s->path, "-wal") > 0 && wal_checkpoint_all(t, &ignored) != 0) {
		log_warn("%s", ignored.msg);
	}
	return 0;
}

int store_open(const struct store_config *config, struct store **out, struct err *err)
{
	assert(sqlite3_threadsafe() != 0);
	struct store *s = store_alloc(config);
	if (s == NULL || s->path == NULL || s->label == NULL) {
		if (s != NULL) {
			store_free(s);
		}
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = create_or_check(s, config, err);
	if (rc == 0 && !s->read_only) {
		rc = open_writer(s, err);
	}
	if (rc != 0) {
		close_files(s);
		store_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* It is the last connection to close. */
static void keep_wal(struct store *s)
{
	sqlite3_db_config(s->txn.conn.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void store_close(struct store *s)
{
	if (s == NULL) {
		return;
	}
	if (!s->read_only) {
		queue_stop(s);
		session_end(&s->txn);
		if (wal_must_stay(s)) {
			keep_wal(s);
		}
	}
	close_files(s);
	store_free(s);
}

void store_abandon(struct store *s)
{
	if (s == NULL) {
		return;
	}
	if (!s->read_only) {
		queue_stop(s);
		keep_wal(s);
	}
	close_files(s);
	store_free(s);
}

/* ---- whether the files work ---- */

bool sql_files_failed(sqlite3 *db)
{
	int code = sqlite3_extended_errcode(db);
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return true;
	case SQLITE_READONLY: return code == SQLITE_READONLY_DBMOVED;
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN: break;
	default: return false;
	}
	int e = sqlite3_system_errno(db);
	return code != SQLITE_IOERR_NOMEM && e != ENOSPC && e != EDQUOT && e != ENOMEM &&
	       e != EMFILE && e != ENFILE;
}

void store_note(struct store *s, sqlite3 *db)
{
	if (!sql_files_failed(db)) {
		return;
	}
	LOCKED(&s->failure.lock);
	if (s->failure.why.code == 0) {
		store_sql_error(db, s->label, &s->failure.why);
		atomic_store(&s->failed, true);
	}
}

bool store_failure(struct store *s, struct err *why)
{
	if (!atomic_load(&s->failed)) {
		return false;
	}
	if (why != NULL) {
		LOCKED(&s->failure.lock);
		*why = s->failure.why;
	}
	return true;
}

uint64_t store_bytes(const struct store *s)
{
	int64_t db = sibling_size(s->path, "");
	int64_t wal = sibling_size(s->path, "-wal");
	return (uint64_t)(db > 0 ? db : 0) + (uint64_t)(wal > 0 ? wal : 0);
}

uint64_t store_sequence(const struct store *s)
{
	return atomic_load(&s->sequence);
}
