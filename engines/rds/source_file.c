/* A source over an SQLite file in place: one that other programs use too, or a
 * copy that nobody writes.
 *
 * Readers are a pool of connections, writes go one at a time over a connection of
 * their own. Both use the file as any SQLite client does, so others may read and
 * write it beside us. Nothing of ours is put into it: a row's version is then a
 * hash of what it holds, and the time of all rows is that of the last change of the file.
 *
 * Changes of others are found by `PRAGMA data_version` on the writer's connection:
 * it moves with commits of all connections but its own, and readers of ours do
 * not commit. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/rds/rows.h"
#include "engines/rds/source_impl.h"
#include "engines/rds/watch.h"

#define IDLE_MAX 8 /* readers kept open */
#define BUSY_MS	 5000

struct file_conn {
	struct rds_conn conn;
	struct file_conn *next; /* in the pool */
};

struct source_file {
	struct rds_source base;
	char *path;
	char *label;
	char *vfs;
	bool read_only;
	bool immutable;
	rds_source_changed *changed;
	void *arg;

	pthread_mutex_t pool_lock;
	struct file_conn *idle; /* under pool_lock */
	unsigned n_idle;	/* under pool_lock */

	pthread_mutex_t write_lock;
	struct file_conn *writer; /* under write_lock */
	int64_t data_version;	  /* under write_lock: what the writer's connection said last */
	uint64_t write_version;	  /* under write_lock: of the write that runs */
	int64_t write_time;	  /* under write_lock */

	/* Of the file as it is: for rows without stamps. */
	_Atomic uint64_t version;
	_Atomic int64_t mtime_ns;

	struct rds_watch *watch;
};

/* ---- connections ---- */

static int open_db(const struct source_file *s, sqlite3 **out, struct err *err)
{
	CLEANUP(buf_free) struct buf uri = BUF_INIT;
	store_uri(s->path, s->immutable, &uri);
	const char *name = buf_cstr(&uri);
	int flags = (s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
		    SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	int rc = buf_check(&uri, err);
	if (rc == 0 && sqlite3_open_v2(name, &db, flags, s->vfs) != SQLITE_OK) {
		rc = db != NULL ? store_sql_error(db, s->label, err)
				: err_set(err, ENOMEM, "%s: out of memory", s->label);
	}
	if (rc != 0) {
		sqlite3_close(db);
		return rc;
	}
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	*out = db;
	return 0;
}

static void conn_close(struct file_conn *f)
{
	if (f != NULL) {
		rds_conn_destroy(&f->conn);
		sqlite3_close(f->conn.db);
		free(f);
	}
}

static int sql_error(const struct file_conn *f, struct err *err)
{
	sqlite3 *db = f->conn.db;
	if (sqlite3_errcode(db) == SQLITE_NOTADB) {
		return err_set(err, EINVAL, "%s: %s is not an SQLite database", f->conn.label,
			sqlite3_db_filename(db, "main"));
	}
	return store_sql_error(db, f->conn.label, err);
}

static int exec(struct file_conn *f, const char *sql, struct err *err)
{
	return sqlite3_exec(f->conn.db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_error(f, err);
}

static int conn_open(
	struct source_file *s, const char *settings, struct file_conn **out, struct err *err)
{
	struct file_conn *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", s->label);
	}
	int rc = open_db(s, &f->conn.db, err);
	rc = rc != 0 ? rc : rds_conn_init(&f->conn, f->conn.db, s->label, err);
	rc = rc != 0 ? rc : exec(f, settings, err);
	if (rc != 0) {
		conn_close(f);
		return rc;
	}
	f->conn.source = &s->base;
	*out = f;
	return 0;
}

/* ---- reading ---- */

static int take_reader(struct source_file *s, struct file_conn **out, struct err *err)
{
	{
		LOCKED(&s->pool_lock);
		if (s->idle != NULL) {
			*out = s->idle;
			s->idle = s->idle->next;
			s->n_idle--;
			return 0;
		}
	}
	return conn_open(s, "PRAGMA query_only=ON;", out, err);
}

static void give_reader(struct source_file *s, struct file_conn *f)
{
	{
		LOCKED(&s->pool_lock);
		if (s->n_idle < IDLE_MAX) {
			f->next = s->idle;
			s->idle = f;
			s->n_idle++;
			return;
		}
	}
	conn_close(f);
}

static int file_read(struct rds_source *base, rds_fn *fn, void *arg, struct err *err)
{
	struct source_file *s = (struct source_file *)base;
	struct file_conn *f = NULL;
	int rc = take_reader(s, &f, err);
	if (rc != 0) {
		return rc;
	}
	assert(f != NULL);
	f->conn.base_version = atomic_load(&s->version);
	f->conn.base_mtime_ns = atomic_load(&s->mtime_ns);
	rc = exec(f, "BEGIN", err);
	if (rc == 0) {
		rc = rds_conn_begin(&f->conn, false, err);
		rc = rc != 0 ? rc : fn(&f->conn, arg, err);
		rds_conn_end(&f->conn);
		exec(f, "COMMIT", NULL);
	}
	if (sqlite3_get_autocommit(f->conn.db)) {
		give_reader(s, f);
	} else {
		conn_close(f);
	}
	return rc;
}

/* ---- changes ---- */

static int read_data_version(const struct file_conn *f, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = 0;
	if (sqlite3_prepare_v2(f->conn.db, "PRAGMA data_version", -1, &stmt, NULL) != SQLITE_OK ||
		sqlite3_step(stmt) != SQLITE_ROW) {
		rc = store_sql_error(f->conn.db, f->conn.label, err);
	} else {
		*out = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* The file changed now: version and time move, never back. */
static void moved(struct source_file *s, int64_t when)
{
	int64_t last = atomic_load(&s->mtime_ns);
	while (!atomic_compare_exchange_weak(&s->mtime_ns, &last, when > last ? when : last + 1)) {
	}
	atomic_fetch_add(&s->version, 1);
}

/* Whether others committed. */
static bool others_changed(void *arg)
{
	struct source_file *s = arg;
	{
		LOCKED(&s->write_lock);
		int64_t v = 0;
		struct err err = {0};
		if (read_data_version(s->writer, &v, &err) != 0) {
			log_debug("%s: %s", s->label, err.msg);
			return false;
		}
		if (v == s->data_version) {
			return false;
		}
		s->data_version = v;
		moved(s, clock_wall_ns());
	}
	if (s->changed != NULL) {
		s->changed(s->arg, NULL, NULL);
	}
	return true;
}

/* ---- writing ---- */

static uint64_t file_version(struct rds_conn *c)
{
	return ((struct source_file *)c->source)->write_version;
}

static int64_t file_time(struct rds_conn *c)
{
	return ((struct source_file *)c->source)->write_time;
}

static int commit(struct source_file *s, struct file_conn *f, struct err *err)
{
	int rc = exec(f, "COMMIT", err);
	if (rc == 0 && rds_stamps_any(f->conn.stamps)) {
		moved(s, s->write_time);
	}
	return rc;
}

/* Under write_lock, inside a transaction, which it ends. */
static int run_write(
	struct source_file *s, struct file_conn *f, rds_fn *fn, void *arg, struct err *err)
{
	f->conn.base_version = atomic_load(&s->version);
	f->conn.base_mtime_ns = atomic_load(&s->mtime_ns);
	int64_t now = clock_wall_ns();
	s->write_time = now > f->conn.base_mtime_ns ? now : f->conn.base_mtime_ns + 1;
	s->write_version = f->conn.base_version + 1;
	int rc = rds_conn_begin(&f->conn, true, err);
	rc = rc != 0 ? rc : fn(&f->conn, arg, err);
	rc = rc != 0 ? rc : rds_conn_finish(&f->conn, err);
	rc = rc != 0 ? rc : commit(s, f, err);
	if (rc != 0) {
		rds_conn_forget(&f->conn);
		for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(f->conn.db, stmt));) {
			sqlite3_reset(stmt);
		}
		if (!sqlite3_get_autocommit(f->conn.db)) {
			exec(f, "ROLLBACK", NULL);
		}
	}
	return rc;
}

static int file_write(struct rds_source *base, rds_fn *fn, void *arg, struct err *err)
{
	struct source_file *s = (struct source_file *)base;
	if (s->read_only) {
		return err_set(err, EROFS, "%s is read-only", s->label);
	}
	LOCKED(&s->write_lock);
	struct file_conn *f = s->writer;
	int rc = exec(f, "BEGIN IMMEDIATE", err);
	if (rc == 0) {
		rc = run_write(s, f, fn, arg, err);
		if (rc == 0) {
			rds_conn_tell(&f->conn, s->changed, s->arg);
		}
		rds_conn_end(&f->conn);
	}
	return rc;
}

/* Every commit is synchronous=FULL already. */
static uint64_t file_bytes(struct rds_source *base)
{
	const struct source_file *s = (const struct source_file *)base;
	static const char *const suffixes[] = {"", "-wal"};
	uint64_t sum = 0;
	for (unsigned i = 0; i < 2; i++) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		struct stat st;
		buf_puts(&path, s->path);
		buf_puts(&path, suffixes[i]);
		if (stat(buf_cstr(&path), &st) == 0) {
			sum += (uint64_t)st.st_size;
		}
	}
	return sum;
}

/* ---- opening and closing ---- */

static void file_close(struct rds_source *base)
{
	struct source_file *s = (struct source_file *)base;
	rds_watch_stop(s->watch);
	while (s->idle != NULL) {
		struct file_conn *f = s->idle;
		s->idle = f->next;
		conn_close(f);
	}
	conn_close(s->writer);
	pthread_mutex_destroy(&s->pool_lock);
	pthread_mutex_destroy(&s->write_lock);
	free(s->path);
	free(s->label);
	free(s->vfs);
	free(s);
}

static const struct rds_source_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.version = file_version,
	.time = file_time,
	.bytes = file_bytes,
	.close = file_close,
};

static int64_t changed_at(const char *path, const char *suffix)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct stat st;
	buf_puts(&name, path);
	buf_puts(&name, suffix);
	if (stat(buf_cstr(&name), &st) != 0 || st.st_size == 0) {
		return 0;
	}
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static int check_file(const struct source_file *s, struct err *err)
{
	struct stat st;
	if (stat(s->path, &st) != 0) {
		return err_errno(err, "%s: %s", s->label, s->path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, EINVAL, "%s: %s is not a file", s->label, s->path);
	}
	return 0;
}

/* Reads what only a database has, and switches to WAL, so that readers and the
 * writer, and other programs, do not wait for each other. */
static int make_wal(const struct source_file *s, struct err *err)
{
	sqlite3 *db = s->writer->conn.db;
	const char *sql = s->read_only ? "PRAGMA schema_version" : "PRAGMA journal_mode=WAL";
	sqlite3_stmt *stmt = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK) {
		sqlite3_step(stmt);
	}
	int code = sqlite3_errcode(db);
	int rc = 0;
	if (code == SQLITE_BUSY) {
		rc = err_set(err, EBUSY,
			"%s: another program holds %s in rollback mode; close it there, or run "
			"PRAGMA journal_mode=WAL in it",
			s->label, s->path);
	} else if (code != SQLITE_ROW) {
		rc = sql_error(s->writer, err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int open_writer(struct source_file *s, struct err *err)
{
	int rc = check_file(s, err);
	int64_t db_time = changed_at(s->path, "");
	int64_t wal_time = changed_at(s->path, "-wal");
	moved(s, db_time > wal_time ? db_time : wal_time);
	rc = rc != 0 ? rc : conn_open(s, "PRAGMA synchronous=FULL;", &s->writer, err);
	rc = rc != 0 ? rc : make_wal(s, err);
	return rc != 0 ? rc : read_data_version(s->writer, &s->data_version, err);
}

static bool copy_texts(struct source_file *s, const struct rds_file_config *config)
{
	s->path = strdup(config->path);
	s->label = strdup(config->label);
	s->vfs = strdup(config->vfs != NULL ? config->vfs : "unix");
	return s->path != NULL && s->label != NULL && s->vfs != NULL;
}

int rds_source_file(const struct rds_file_config *config, struct rds_source **out, struct err *err)
{
	struct source_file *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", config->label);
	}
	s->base.ops = &file_ops;
	s->immutable = config->immutable;
	s->read_only = config->read_only || config->immutable;
	s->changed = config->changed;
	s->arg = config->arg;
	/* Above what an earlier life of this file gave. */
	s->version = (uint64_t)clock_wall_ns();
	pthread_mutex_init(&s->pool_lock, NULL);
	pthread_mutex_init(&s->write_lock, NULL);
	int rc = copy_texts(s, config) ? 0 : err_set(err, ENOMEM, "out of memory");
	rc = rc != 0 ? rc : open_writer(s, err);
	if (rc == 0 && !s->immutable) {
		rc = rds_watch_start(s->path, others_changed, s, &s->watch, err);
	}
	if (rc != 0) {
		file_close(&s->base);
		return rc;
	}
	*out = &s->base;
	return 0;
}
