/* TTL indexes: a document goes when a date at the index's path, or the least of an array of dates,
 * is as old as the index says. */
#include <errno.h>

#include "engines/docdb/storage/plan.h"

/* Keys of documents that are to go, one behind the other, each with its length. */
struct due {
	struct buf keys;
	unsigned n;
};

static void due_add(struct due *d, struct slice k)
{
	uint32_t n = (uint32_t)k.n;

	buf_append(&d->keys, &n, sizeof(n));
	buf_append_slice(&d->keys, k);
	d->n++;
}

static struct slice due_next(struct slice *rest)
{
	uint32_t n;

	memcpy(&n, rest->p, sizeof(n));
	struct slice k = slice_make(rest->p + sizeof(n), n);
	*rest = slice_make(k.p + n, rest->n - sizeof(n) - n);
	return k;
}

/* The entries of dates up to `until`. */
static int plan_of(
	const struct docdb_index *x, int64_t until_ms, struct docdb_plan *out, struct err *err)
{
	struct doc_interval i = {.low = DOC_MISSING,
		.high = {BSON_TYPE_DATE_TIME, slice_make(&until_ms, sizeof(until_ms))}};

	*out = (struct docdb_plan){.collection = x->collection, .x = x};
	return docdb_range_add(out, slice_of(""), &i, (x->descending & 1) != 0, err);
}

static int find_due(struct docdb_conn *c, const struct docdb_index *x, int64_t now_ms,
	unsigned limit, struct due *out, struct err *err)
{
	struct docdb_plan plan;
	struct docdb_scan *s = NULL;
	struct slice k;
	struct slice document;

	int rc = plan_of(x, now_ms - x->expire_seconds * 1000, &plan, err);
	if (rc < 0) {
		docdb_plan_free(&plan);
		return rc;
	}
	rc = docdb_scan_open(c, &plan, NULL, &s, err);
	while (rc == 0 && out->n < limit && (rc = docdb_scan_next(s, &k, &document, err)) == 1) {
		due_add(out, k);
		rc = buf_check(&out->keys, err);
	}
	docdb_scan_close(s);
	return rc < 0 ? rc : 0;
}

static int touch_id(struct docdb_conn *c, int64_t id, struct docdb_touched **out, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	sqlite3_stmt *stmt = docdb_stmt(c, COLLECTION_NAME, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, id);
	int rc = store_step(stmt, err);
	buf_append_slice(&name, rc == 1 ? store_column_slice(stmt, 0) : slice_of(""));
	sqlite3_reset(stmt);
	rc = rc < 0 ? rc : buf_check(&name, err);
	return rc < 0 ? rc : docdb_touch(c, buf_slice(&name), out, err);
}

static int drop_due(struct docdb_conn *c, struct docdb_touched *t, const struct due *due,
	uint64_t *removed, struct err *err)
{
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	struct slice rest = buf_slice(&due->keys);
	struct docdb_stored stored;
	int rc = 0;

	while (rc == 0 && rest.n > 0) {
		struct slice k = due_next(&rest);
		buf_clear(&document);
		rc = docdb_stored_find(c, t->c.id, k, &stored, &document, err);
		if (rc == 1) {
			rc = docdb_stored_drop(c, t, k, &stored, buf_slice(&document), err);
			*removed += rc == 0;
		}
	}
	return rc;
}

static int expire_index(struct docdb_conn *c, const struct docdb_index *x, int64_t now_ms,
	unsigned limit, uint64_t *removed, struct err *err)
{
	struct due due = {0};
	struct docdb_touched *t = NULL;

	int rc = find_due(c, x, now_ms, limit, &due, err);
	if (rc == 0 && due.n > 0) {
		rc = touch_id(c, x->collection, &t, err);
		rc = rc < 0 || t == NULL ? rc : drop_due(c, t, &due, removed, err);
	}
	buf_free(&due.keys);
	return rc;
}

int docdb_expire(
	struct docdb_conn *c, int64_t now_ms, unsigned limit, uint64_t *removed, struct err *err)
{
	const struct docdb_indexes *all = NULL;

	*removed = 0;
	int rc = docdb_indexes_load(c, &all, err);
	for (size_t i = 0; rc == 0 && i < all->n && *removed < limit; i++) {
		if (all->at[i]->ttl) {
			rc = expire_index(
				c, all->at[i], now_ms, limit - (unsigned)*removed, removed, err);
		}
	}
	return rc;
}

int docdb_expires(struct docdb_conn *c, int64_t now_ms, bool *any, struct err *err)
{
	const struct docdb_indexes *all = NULL;
	struct due due = {0};

	int rc = docdb_indexes_load(c, &all, err);
	for (size_t i = 0; rc == 0 && i < all->n && due.n == 0; i++) {
		rc = all->at[i]->ttl ? find_due(c, all->at[i], now_ms, 1, &due, err) : 0;
	}
	*any = due.n > 0;
	buf_free(&due.keys);
	return rc;
}
