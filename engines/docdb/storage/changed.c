/* What a write touches: rows of collections, saved once when it ends, and what is told of when
 * it is committed. */
#include <errno.h>

#include "engines/docdb/storage/documents.h"

/* More documents of one collection are not told of one by one. */
#define TOLD_MAX 64

/* ---- lifetime ---- */

static void touched_free(struct docdb_touched *t)
{
	if (t != NULL) {
		buf_free(&t->ns);
		free(t);
	}
}

static void name_free(struct docdb_told_name *n)
{
	buf_free(&n->collection);
	buf_free(&n->name);
}

void docdb_changed_clear(struct docdb_changed *x)
{
	struct docdb_changed fresh = {.told = x->told, .cap_told = x->cap_told};

	for (size_t i = 0; i < x->n_touched; i++) {
		touched_free(x->touched[i]);
	}
	free(x->touched);
	for (size_t i = 0; i < x->n_told; i++) {
		name_free(&x->told[i]);
	}
	for (unsigned i = 0; i < x->n_own; i++) {
		name_free(&x->own[i]);
	}
	*x = fresh;
}

void docdb_changed_free(struct docdb_changed *x)
{
	docdb_changed_clear(x);
	free(x->told);
}

/* ---- rows ---- */

int docdb_state(struct docdb_conn *c, struct err *err)
{
	struct docdb_changed *x = c->changed;

	if (x->state_loaded) {
		return 0;
	}
	sqlite3_stmt *stmt = docdb_stmt(c, STATE_GET, err);
	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	if (rc == 0) {
		return err_set(err, EIO, "%s: it is damaged: its state is missing", c->label);
	}
	if (rc == 1) {
		x->state_mtime = sqlite3_column_int64(stmt, 0);
		x->state_indexes = (uint64_t)sqlite3_column_int64(stmt, 1);
		x->feed = (uint64_t)sqlite3_column_int64(stmt, 2);
		x->state_loaded = true;
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

struct docdb_touched *docdb_touched_find(struct docdb_conn *c, struct slice name)
{
	struct docdb_changed *x = c->changed;

	for (size_t i = 0; x != NULL && i < x->n_touched; i++) {
		if (!x->touched[i]->gone && slice_is(name, x->touched[i]->c.name)) {
			return x->touched[i];
		}
	}
	return NULL;
}

int docdb_touch_row(struct docdb_conn *c, const struct docdb_collection *row, uint64_t feed,
	struct docdb_touched **out, struct err *err)
{
	struct docdb_changed *x = c->changed;
	struct docdb_touched **more =
		realloc(x->touched, (x->n_touched + 1) * sizeof(struct docdb_touched *));

	if (more != NULL) {
		x->touched = more;
	}
	struct docdb_touched *t = more != NULL ? calloc(1, sizeof(*t)) : NULL;
	if (t == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->c = *row;
	t->feed = feed;
	x->touched[x->n_touched++] = t;
	*out = t;
	return 0;
}

static int save_collection(struct docdb_conn *c, const struct docdb_touched *t, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, COLLECTION_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, t->c.id);
	store_bind_slice(stmt, 2, slice_of(t->c.name));
	sqlite3_bind_int64(stmt, 3, t->c.mtime_ns);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)t->c.documents);
	sqlite3_bind_int64(stmt, 5, (sqlite3_int64)t->c.bytes);
	sqlite3_bind_int(stmt, 6, t->c.changes);
	sqlite3_bind_int64(stmt, 7, (sqlite3_int64)t->feed);
	return docdb_run(stmt, err);
}

static int save_state(struct docdb_conn *c, struct err *err)
{
	const struct docdb_changed *x = c->changed;
	sqlite3_stmt *stmt = docdb_stmt(c, STATE_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, x->state_mtime);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)x->state_indexes);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)x->feed);
	return docdb_run(stmt, err);
}

int docdb_changed_save(struct docdb_conn *c, struct err *err)
{
	struct docdb_changed *x = c->changed;

	for (size_t i = 0; i < x->n_touched; i++) {
		struct docdb_touched *t = x->touched[i];
		if (t->dirty && !t->gone) {
			int rc = save_collection(c, t, err);
			if (rc < 0) {
				return rc;
			}
			t->dirty = false;
		}
	}
	int rc = x->state_dirty ? save_state(c, err) : 0;
	x->state_dirty = false;
	return rc;
}

/* ---- telling ---- */

/* NULL: there is no memory, and nobody to tell it to now. */
static struct docdb_told_name *add_told(struct docdb_changed *x)
{
	if (x->n_told == x->cap_told) {
		size_t cap = x->cap_told > 0 ? 2 * x->cap_told : 4;
		struct docdb_told_name *more = realloc(x->told, cap * sizeof(*more));
		if (more == NULL) {
			x->lost = true;
			return NULL;
		}
		x->told = more;
		x->cap_told = cap;
	}
	struct docdb_told_name *n = &x->told[x->n_told++];
	*n = (struct docdb_told_name){0};
	return n;
}

static void set_collection(struct docdb_changed *x, struct docdb_told_name *n, struct slice name)
{
	buf_append_slice(&n->collection, name);
	x->lost = x->lost || n->collection.failed;
}

void docdb_note_document(struct docdb_conn *c, struct docdb_touched *t, struct slice k)
{
	struct docdb_changed *x = c->changed;

	if (c->source->told == NULL || x->lost || t->n_told > TOLD_MAX) {
		return;
	}
	if (++t->n_told > TOLD_MAX) {
		docdb_note_collection(c, slice_of(t->c.name));
		return;
	}
	struct docdb_told_name *n = add_told(x);
	struct err ignored = {0};
	if (n != NULL) {
		set_collection(x, n, slice_of(t->c.name));
		x->lost = docdb_name_of(k, &n->name, &ignored) < 0 || x->lost;
	}
}

void docdb_note_collection(struct docdb_conn *c, struct slice name)
{
	struct docdb_told_name *n = c->source->told != NULL ? add_told(c->changed) : NULL;

	if (n != NULL) {
		n->whole = true;
		set_collection(c->changed, n, name);
	}
}

void docdb_note_list(struct docdb_conn *c)
{
	struct docdb_told_name *n = c->source->told != NULL ? add_told(c->changed) : NULL;

	if (n != NULL) {
		n->list = true;
	}
}

void docdb_own(struct docdb_conn *c, struct slice collection, struct slice name)
{
	struct docdb_changed *x = c->changed;
	if (x->n_own == sizeof(x->own) / sizeof(x->own[0])) {
		return;
	}
	struct docdb_told_name *n = &x->own[x->n_own];
	buf_append_slice(&n->collection, collection);
	buf_append_slice(&n->name, name);
	if (n->collection.failed || n->name.failed) {
		name_free(n);
		*n = (struct docdb_told_name){0};
		return;
	}
	x->n_own++;
}

static bool is_own(const struct docdb_changed *x, const struct docdb_told_name *n)
{
	for (unsigned i = 0; i < x->n_own && !n->whole && !n->list; i++) {
		if (slice_equal(buf_slice(&x->own[i].collection), buf_slice(&n->collection)) &&
			slice_equal(buf_slice(&x->own[i].name), buf_slice(&n->name))) {
			return true;
		}
	}
	return false;
}

void docdb_tell(const struct docdb_source *s, const struct docdb_changed *x)
{
	if (s->told == NULL) {
		return;
	}
	if (x->lost) {
		s->told(s->arg, NULL, NULL);
		return;
	}
	for (size_t i = 0; i < x->n_told; i++) {
		const struct docdb_told_name *n = &x->told[i];
		struct slice collection = buf_slice(&n->collection);
		struct slice name = buf_slice(&n->name);
		if (!is_own(x, n)) {
			s->told(s->arg, n->list ? NULL : &collection,
				n->list || n->whole ? NULL : &name);
		}
	}
}
