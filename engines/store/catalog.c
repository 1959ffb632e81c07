#include "engines/store/catalog.h"

#include <errno.h>
#include <stdio.h>

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

/* ---- ids ---- */

struct next {
	unsigned get;
	unsigned set;
	uint64_t id;
};

static int next_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct next *n = arg;
	CATALOG_STMT stmt = store_txn_stmt(t, n->get, err);

	int rc = stmt != NULL ? store_step(stmt, err) : -err->code;
	if (rc != 1) {
		return rc < 0 ? rc
			      : err_set(err, EIO, "the catalog is damaged: its state is missing");
	}
	n->id = (uint64_t)sqlite3_column_int64(stmt, 0) + 1;
	return catalog_run_named(t, n->set, n->id, NULL, err);
}

int catalog_next_id(
	struct store *catalog, unsigned get, unsigned set, uint64_t *out, struct err *err)
{
	struct next n = {.get = get, .set = set};

	int rc = store_write(catalog, NULL, 0, next_fn, &n, err);
	*out = n.id;
	return rc;
}

/* ---- columns ---- */

void catalog_bind_one_id(sqlite3_stmt *stmt, const void *arg)
{
	catalog_bind_id(stmt, 1, *(const uint64_t *)arg);
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
