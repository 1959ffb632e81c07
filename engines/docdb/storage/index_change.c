/* Entries follow their document: those that are no longer there go, new ones come, and none comes
 * twice to a unique index. */
#include <errno.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/index.h"

/* ---- E11000 ---- */

/* As the shell of the service writes values. */
static void put_value(struct buf *out, struct doc_value v)
{
	if (v.type == BSON_TYPE_OID) {
		buf_puts(out, "ObjectId('");
		for (size_t i = 0; i < v.raw.n; i++) {
			buf_printf(out, "%02x", (unsigned)(unsigned char)v.raw.p[i]);
		}
		buf_puts(out, "')");
	} else if (v.type == BSON_TYPE_EOD) {
		buf_puts(out, "null");
	} else {
		ejson_print_value(v, EJSON_RELAXED, false, out);
	}
}

static int duplicate(
	const char *collection, struct slice index, struct buf *values, struct err *err)
{
	return err_set(err, EEXIST,
		"E11000 duplicate key error collection: " DOCDB_DATABASE
		".%s index: %.*s dup key: { %.400s }",
		collection, (int)(index.n < 200 ? index.n : 200), index.p, buf_cstr(values));
}

int docdb_duplicate_id(const struct docdb_touched *t, struct slice document, struct err *err)
{
	CLEANUP(buf_free) struct buf values = BUF_INIT;

	buf_puts(&values, "_id: ");
	put_value(&values, doc_field(document, slice_of("_id")));
	return duplicate(t->c.name, slice_of("_id_"), &values, err);
}

static int duplicate_key(
	const char *collection, const struct docdb_index *x, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf values = BUF_INIT;
	struct doc_arena *a = doc_arena_new();
	struct doc_value v;

	for (unsigned i = 0; a != NULL && i < x->n_paths; i++) {
		if (!doc_key_next(&key, (x->descending >> i & 1) != 0, a, &v)) {
			break;
		}
		buf_printf(&values, "%s%.*s: ", i > 0 ? ", " : "", (int)x->path[i].n, x->path[i].p);
		put_value(&values, v);
	}
	doc_arena_free(a);
	return duplicate(collection, buf_slice(&x->name), &values, err);
}

/* ---- rows ---- */

static void bind(sqlite3_stmt *stmt, const struct docdb_index *x, struct slice key, struct slice k)
{
	sqlite3_bind_int64(stmt, 1, x->id);
	store_bind_slice(stmt, 2, key);
	store_bind_slice(stmt, 3, k);
}

/* EEXIST: another document has the key. */
static int check_unique(struct docdb_conn *c, const char *collection, const struct docdb_index *x,
	struct slice key, struct slice k, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, ENTRY_FIND, err);

	if (stmt == NULL) {
		return -err->code;
	}
	bind(stmt, x, key, k);
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc == 1 ? duplicate_key(collection, x, key, err) : rc;
}

static int add(struct docdb_conn *c, const struct docdb_index *x, struct slice key, struct slice k,
	int64_t body, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, ENTRY_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	bind(stmt, x, key, k);
	sqlite3_bind_int64(stmt, 4, body);
	return docdb_run(stmt, err);
}

static int drop(struct docdb_conn *c, const struct docdb_index *x, struct slice key, struct slice k,
	struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, ENTRY_DROP, err);

	if (stmt == NULL) {
		return -err->code;
	}
	bind(stmt, x, key, k);
	return docdb_run(stmt, err);
}

/* Plans must know of arrays before they are met: saved with the first. */
static int met_arrays(struct docdb_conn *c, struct docdb_index *x, uint32_t arrays, struct err *err)
{
	if ((arrays & ~x->arrays) == 0) {
		return 0;
	}
	sqlite3_stmt *stmt = docdb_stmt(c, INDEX_ARRAYS, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, x->id);
	sqlite3_bind_int64(stmt, 2, x->arrays | arrays);
	int rc = docdb_run(stmt, err);
	rc = rc < 0 ? rc : docdb_indexes_moved(c, err);
	if (rc == 0) {
		x->arrays |= arrays;
	}
	return rc;
}

/* ---- one document, all indexes ---- */

struct change {
	struct docdb_index *x;
	struct docdb_entries old;
	struct docdb_entries now;
};

struct changes {
	struct change *at;
	size_t n;
};

static void free_changes(struct changes *all)
{
	for (size_t i = 0; i < all->n; i++) {
		docdb_entries_free(&all->at[i].old);
		docdb_entries_free(&all->at[i].now);
	}
	free(all->at);
}

/* Whether `of` has the key; both are walked in order, *i goes along. */
static bool has(const struct docdb_entries *of, size_t *i, struct slice key)
{
	while (*i < of->n && slice_compare(docdb_entry_key(of, *i), key) < 0) {
		(*i)++;
	}
	return *i < of->n && slice_equal(docdb_entry_key(of, *i), key);
}

static int check(struct docdb_conn *c, const char *collection, const struct change *ch,
	struct slice k, struct err *err)
{
	size_t at = 0;

	for (size_t i = 0; ch->x->unique && i < ch->now.n; i++) {
		struct slice key = docdb_entry_key(&ch->now, i);
		int rc = has(&ch->old, &at, key) ? 0
						 : check_unique(c, collection, ch->x, key, k, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int apply(struct docdb_conn *c, const struct change *ch, struct slice k, int64_t body,
	struct err *err)
{
	size_t at = 0;
	int rc = met_arrays(c, ch->x, ch->now.arrays, err);

	for (size_t i = 0; rc == 0 && i < ch->old.n; i++) {
		struct slice key = docdb_entry_key(&ch->old, i);
		rc = has(&ch->now, &at, key) ? 0 : drop(c, ch->x, key, k, err);
	}
	at = 0;
	for (size_t i = 0; rc == 0 && i < ch->now.n; i++) {
		struct slice key = docdb_entry_key(&ch->now, i);
		rc = has(&ch->old, &at, key) ? 0 : add(c, ch->x, key, k, body, err);
	}
	return rc;
}

/* The entries before and after, in the collection's indexes. */
static int collect(const struct docdb_indexes *all, int64_t collection, struct slice old,
	struct slice document, struct changes *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < all->n; i++) {
		if (all->at[i]->collection != collection) {
			continue;
		}
		struct change *more = realloc(out->at, (out->n + 1) * sizeof(*more));
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		out->at = more;
		struct change *ch = &out->at[out->n++];
		*ch = (struct change){.x = all->at[i]};
		rc = old.n > 0 ? docdb_entries_of(ch->x, old, &ch->old, err) : 0;
		rc = rc == 0 && document.n > 0 ? docdb_entries_of(ch->x, document, &ch->now, err)
					       : rc;
	}
	return rc;
}

/* Collects, and checks that the change can be. */
static int prepare(struct docdb_conn *c, const struct docdb_collection *collection, struct slice k,
	struct slice old, struct slice document, struct changes *out, struct err *err)
{
	const struct docdb_indexes *all = NULL;

	int rc = docdb_indexes_load(c, &all, err);
	rc = rc < 0 ? rc : collect(all, collection->id, old, document, out, err);
	for (size_t i = 0; rc == 0 && i < out->n; i++) {
		rc = check(c, collection->name, &out->at[i], k, err);
	}
	return rc;
}

int docdb_index_change(struct docdb_conn *c, struct docdb_touched *t, struct slice k, int64_t body,
	struct slice old, struct slice document, struct err *err)
{
	struct changes changes = {0};

	int rc = prepare(c, &t->c, k, old, document, &changes, err);
	for (size_t i = 0; rc == 0 && i < changes.n; i++) {
		rc = apply(c, &changes.at[i], k, body, err);
	}
	free_changes(&changes);
	return rc;
}

int docdb_index_would(struct docdb_conn *c, const struct docdb_collection *collection,
	struct slice k, struct slice old, struct slice document, struct err *err)
{
	struct changes changes = {0};

	int rc = prepare(c, collection, k, old, document, &changes, err);
	free_changes(&changes);
	return rc;
}

int docdb_index_fill(struct docdb_conn *c, const struct docdb_collection *collection,
	struct docdb_index *x, struct slice k, int64_t body, struct slice document,
	struct docdb_entries *scratch, struct err *err)
{
	int rc = docdb_entries_of(x, document, scratch, err);

	for (size_t i = 0; rc == 0 && x->unique && i < scratch->n; i++) {
		rc = check_unique(c, collection->name, x, docdb_entry_key(scratch, i), k, err);
	}
	rc = rc < 0 ? rc : met_arrays(c, x, scratch->arrays, err);
	for (size_t i = 0; rc == 0 && i < scratch->n; i++) {
		rc = add(c, x, docdb_entry_key(scratch, i), k, body, err);
	}
	return rc;
}
