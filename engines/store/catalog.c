#include "engines/store/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int step_and_take(sqlite3_stmt *stmt, const struct catalog_query *q, struct err *err)
{
	if (stmt == NULL) {
		return -err->code;
	}
	if (q->bind != NULL) {
		q->bind(stmt, q->arg);
	}
	int rc = store_step(stmt, err);
	if (rc == 1 && q->take != NULL) {
		q->take(stmt, q->out);
	}
	sqlite3_reset(stmt);
	return rc;
}

int catalog_row(struct store *catalog, const struct catalog_query *q, struct err *err)
{
	struct store_reader *r;

	if (catalog == NULL) {
		return 0;
	}
	int rc = store_read_begin(catalog, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	rc = step_and_take(store_reader_stmt(r, q->n, err), q, err);
	store_read_end(r);
	return rc;
}

int catalog_run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);

	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int catalog_run_named(
	struct store_txn *t, unsigned n, uint64_t id, const char *name, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	catalog_bind_id(stmt, 1, id);
	if (name != NULL) {
		catalog_bind_text(stmt, 2, slice_of(name));
	}
	return catalog_run(stmt, err);
}

/* ---- the file ---- */

int catalog_open(const struct catalog_config *c, struct store **out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/catalog.db", c->dir);
	if (c->read_only && access(buf_cstr(&path), F_OK) < 0 && errno == ENOENT) {
		return 0;
	}
	struct store_config config = {
		.path = buf_cstr(&path),
		.label = c->label,
		.application_id = c->application_id,
		.schema_version = c->schema_version,
		.schema = c->schema,
		.sql = c->sql,
		.n_sql = c->n_sql,
		.create = true,
		.sync = STORE_SYNC_CLOSE,
	};
	return store_open(&config, out, err);
}

int catalog_mtime(struct store *catalog, int64_t *out, struct err *err)
{
	struct catalog_query q = {.n = CATALOG_MTIME, .take = catalog_take_int, .out = out};

	*out = 0;
	int rc = catalog_row(catalog, &q, err);
	return rc < 0 ? rc : 0;
}

int catalog_touch(struct store_txn *t, struct err *err)
{
	return catalog_run_named(t, CATALOG_TOUCH, (uint64_t)store_txn_time(t), NULL, err);
}

struct next {
	const char *what;
	uint64_t id;
};

static int next_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct next *n = arg;
	CATALOG_STMT stmt = store_txn_stmt(t, CATALOG_ID, err);

	int rc = stmt != NULL ? store_step(stmt, err) : -err->code;
	if (rc != 1) {
		return rc < 0 ? rc
			      : err_set(err, EIO, "%s is damaged: its state is missing", n->what);
	}
	n->id = (uint64_t)sqlite3_column_int64(stmt, 0) + 1;
	return catalog_run_named(t, CATALOG_SET_ID, n->id, NULL, err);
}

int catalog_next_id(struct store *catalog, const char *what, uint64_t *out, struct err *err)
{
	struct next n = {.what = what};

	int rc = store_write(catalog, NULL, 0, next_fn, &n, err);
	*out = n.id;
	return rc;
}

bool catalog_has(struct store *catalog, unsigned n, uint64_t id)
{
	struct catalog_query q = {.n = n, .bind = catalog_bind_one_id, .arg = &id};
	struct err ignored = {0};

	return catalog_row(catalog, &q, &ignored) != 0;
}

int catalog_taken(struct store_txn *t, unsigned n, const char *name, struct err *err)
{
	CATALOG_STMT find = store_txn_stmt(t, n, err);

	if (find == NULL) {
		return -err->code;
	}
	catalog_bind_text(find, 1, slice_of(name));
	return store_step(find, err);
}

/* ---- columns ---- */

void catalog_bind_one_id(sqlite3_stmt *stmt, const void *arg)
{
	catalog_bind_id(stmt, 1, *(const uint64_t *)arg);
}

void catalog_bind_name(sqlite3_stmt *stmt, const void *arg)
{
	catalog_bind_text(stmt, 1, *(const struct slice *)arg);
}

void catalog_bind_behind(sqlite3_stmt *stmt, const void *arg)
{
	const struct catalog_behind *b = arg;

	catalog_bind_id(stmt, 1, b->id);
	catalog_bind_text(stmt, 2, b->after);
}

void catalog_take_int(sqlite3_stmt *stmt, void *out)
{
	*(int64_t *)out = sqlite3_column_int64(stmt, 0);
}

void catalog_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}
