/* A copy of the whole database while writers go on: SQLite's backup interface,
 * run from inside one read transaction, so that every page is of one moment. */
#include "engines/store/store_impl.h"

#include <errno.h>

#define PAGES_A_STEP 256

struct copy {
	struct store *s;
	sqlite3 *from;
	sqlite3 *to;
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

static int copy_pages(const struct copy *c, struct err *err)
{
	sqlite3_backup *b = sqlite3_backup_init(c->to, "main", c->from, "main");
	if (b == NULL) {
		return store_sql_error(c->to, c->s->label, err);
	}
	while (sqlite3_backup_step(b, PAGES_A_STEP) == SQLITE_OK) {
		if (c->progress != NULL) {
			int total = sqlite3_backup_pagecount(b);
			c->progress(c->arg, (uint64_t)(total - sqlite3_backup_remaining(b)),
				(uint64_t)total);
		}
	}
	uint64_t total = (uint64_t)sqlite3_backup_pagecount(b);
	/* Puts the error, whichever side it came from, into `to`. */
	if (sqlite3_backup_finish(b) != SQLITE_OK) {
		return store_sql_error(c->to, c->s->label, err);
	}
	if (c->progress != NULL) {
		c->progress(c->arg, total, total);
	}
	return 0;
}

/* The source is a store in use; the copy is closed cleanly and has no log. */
static int finish_copy(const struct copy *c, struct err *err)
{
	return db_exec(c->to, c->s->label,
		"PRAGMA journal_mode=DELETE; UPDATE _dbmount_store SET clean = 1;", err);
}

static int copy_into(struct copy *c, const char *temp, struct err *err)
{
	struct db_spec spec = {
		.path = temp,
		.vfs = c->s->vfs,
		.label = c->s->label,
		.flags = SQLITE_OPEN_READWRITE,
	};
	int rc = db_open(&spec, &c->to, err);
	if (rc != 0) {
		return rc;
	}
	/* Nobody's file yet: no journal; temp_publish() syncs it. */
	rc = db_exec(c->to, c->s->label, "PRAGMA synchronous=OFF; PRAGMA journal_mode=MEMORY", err);
	if (rc == 0) {
		rc = copy_pages(c, err);
	}
	if (rc == 0) {
		rc = finish_copy(c, err);
	}
	sqlite3_close(c->to);
	return rc;
}

/* The snapshot is taken by the first read, not by BEGIN. */
static int hold_snapshot(const struct copy *c, struct err *err)
{
	int64_t ignored;
	return db_int(c->from, c->s->label, "SELECT id FROM _dbmount_store", &ignored, err);
}

static int copy_to(struct copy *c, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	int rc = hold_snapshot(c, err);
	if (rc == 0) {
		rc = temp_create(path, &temp, c->s->label, err);
	}
	if (rc != 0) {
		return rc;
	}
	rc = copy_into(c, temp.p, err);
	if (rc == 0) {
		rc = temp_publish(temp.p, path, c->s->label, err);
	}
	temp_remove(temp.p);
	return rc;
}

int store_copy(struct store *s, const char *path,
	void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct err *err)
{
	/* A stray log would be played into the copy by whoever opens it. */
	if (sibling_size(path, "") >= 0 || sibling_size(path, "-wal") > 0) {
		return err_set(err, EEXIST, "%s: %s exists already", s->label, path);
	}
	struct store_reader *r;
	int rc = store_read_begin(s, STORE_ALL_KEYS, &r, err);
	if (rc != 0) {
		return rc;
	}
	struct copy c = {.s = s, .from = r->conn.db, .progress = progress, .arg = arg};
	rc = copy_to(&c, path, err);
	store_read_end(r);
	return rc;
}
