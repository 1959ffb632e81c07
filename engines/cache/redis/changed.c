/* What a write touches: who is told of what when it is committed; the row `state`, saved once a
 * commit. */
#include <errno.h>

#include "engines/cache/redis/db_impl.h"

/* More than this is told of as `anything`. */
#define TOLD_MAX 1024

/* ---- telling ---- */

void redis_changed_clear(struct redis_changed *x)
{
	for (unsigned i = 0; i < x->n_own; i++) {
		buf_free(&x->own[i]);
	}
	buf_clear(&x->told);
	*x = (struct redis_changed){.told = x->told};
}

void redis_changed_free(struct redis_changed *x)
{
	redis_changed_clear(x);
	buf_free(&x->told);
}

static void put(struct buf *out, const struct slice *s)
{
	size_t n = s != NULL ? s->n : SIZE_MAX;

	buf_append(out, &n, sizeof(n));
	if (s != NULL) {
		buf_append_slice(out, *s);
	}
}

/* False: there was none. */
static bool get(struct slice *rest, struct slice *out)
{
	size_t n;

	memcpy(&n, rest->p, sizeof(n));
	*rest = slice_make(rest->p + sizeof(n), rest->n - sizeof(n));
	if (n == SIZE_MAX) {
		return false;
	}
	*out = slice_make(rest->p, n);
	*rest = slice_make(rest->p + n, rest->n - n);
	return true;
}

/* Whether the last that was noted covers this one. */
static bool told_already(
	const struct redis_changed *x, struct slice key, const struct slice *element)
{
	struct slice last_key;
	struct slice last;

	if (x->n_told == 0) {
		return false;
	}
	struct slice rest = slice_make(x->told.p + x->last, x->told.n - x->last);
	if (!get(&rest, &last_key) || !slice_equal(last_key, key)) {
		return false;
	}
	return !get(&rest, &last) || (element != NULL && slice_equal(last, *element));
}

void redis_note(struct redis_txn *t, struct slice key, const struct slice *element)
{
	struct redis_changed *x = t->changed;

	if (x->anything || told_already(x, key, element)) {
		return;
	}
	x->last = x->told.n;
	put(&x->told, &key);
	put(&x->told, element);
	x->anything = x->told.failed || ++x->n_told > TOLD_MAX;
}

void redis_note_anything(struct redis_txn *t)
{
	t->changed->anything = true;
}

uint64_t redis_hash(struct slice key)
{
	return store_key_hash(key, slice_make(NULL, 0));
}

void redis_changed_keys(const struct redis_changed *x, bool any_change, uint64_t *out, unsigned n)
{
	struct slice rest = buf_slice(&x->told);
	struct slice key;
	struct slice element;
	unsigned found = 0;

	while (found < n && rest.n > 0 && get(&rest, &key)) {
		get(&rest, &element);
		out[found++] = redis_hash(key);
	}
	if (x->anything || rest.n > 0 || (found == 0 && any_change)) {
		out[0] = STORE_ALL_KEYS;
		found = 1;
	}
	/* The rest says nothing new. What changed nothing is taken for a change of the empty
	 * key. */
	for (unsigned i = found; i < n; i++) {
		out[i] = found > 0 ? out[0] : redis_hash(slice_make(NULL, 0));
	}
}

void redis_own(struct redis_txn *t, struct slice key)
{
	struct redis_changed *x = t->changed;

	if (x->n_own == sizeof(x->own) / sizeof(x->own[0])) {
		return;
	}
	struct buf *own = &x->own[x->n_own];
	buf_append_slice(own, key);
	if (own->failed) {
		buf_free(own); /* it is told, which does no harm */
		return;
	}
	x->n_own++;
}

static bool is_own(const struct redis_changed *x, struct slice key)
{
	for (unsigned i = 0; i < x->n_own; i++) {
		if (slice_equal(buf_slice(&x->own[i]), key)) {
			return true;
		}
	}
	return false;
}

void redis_db_tell(const struct redis_db *db, const struct redis_changed *x)
{
	struct slice rest = buf_slice(&x->told);
	struct slice key;
	struct slice element;

	if (db->told == NULL) {
		return;
	}
	if (x->anything) {
		db->told(db->arg, NULL, NULL);
		return;
	}
	while (rest.n > 0 && get(&rest, &key)) {
		bool whole = !get(&rest, &element);
		if (!is_own(x, key)) {
			db->told(db->arg, &key, whole ? NULL : &element);
		}
	}
}

/* ---- state ---- */

static int load(struct redis_txn *t, struct redis_state *out, struct err *err)
{
	sqlite3_stmt *stmt =
		redis_stmt(t, "SELECT offset,bytes,keys,last_id,mtime FROM state", err);
	int rc = stmt != NULL ? redis_row(t, stmt, err) : -err->code;

	if (rc == 0) {
		return err_set(err, EIO, "%s: it is damaged: its state is missing", t->label);
	}
	if (rc < 0) {
		return rc;
	}
	out->offset = (uint64_t)sqlite3_column_int64(stmt, 0);
	out->bytes = (uint64_t)sqlite3_column_int64(stmt, 1);
	out->keys = (uint64_t)sqlite3_column_int64(stmt, 2);
	out->last_id = sqlite3_column_int64(stmt, 3);
	out->mtime = sqlite3_column_int64(stmt, 4);
	out->loaded = true;
	sqlite3_reset(stmt);
	return 0;
}

_Static_assert(sizeof(struct redis_state) <= STORE_NOTES_BYTES, "room for the state");

struct redis_state *redis_state(struct redis_txn *t, struct redis_state *room, struct err *err)
{
	struct redis_state *s = t->store != NULL ? store_txn_notes(t->store) : room;

	if (t->store == NULL || !s->loaded) {
		return load(t, s, err) < 0 ? NULL : s;
	}
	return s;
}

int redis_state_save(struct store_txn *store, struct err *err)
{
	const struct redis_state *s = store_txn_notes(store);
	struct redis_txn t = {.sql = store_txn_db(store), .store = store, .label = "state"};

	if (!s->dirty) {
		return 0;
	}
	int rc = redis_statements_of(store_txn_slot(store), &t, err);
	rc = rc < 0 ? rc
		    : redis_run(&t, err,
			      "UPDATE state SET offset=?1,bytes=?2,keys=?3,last_id=?4,mtime=?5",
			      "iiiii", (int64_t)s->offset, (int64_t)s->bytes, (int64_t)s->keys,
			      s->last_id, s->mtime);
	if (t.statements != NULL) {
		redis_statements_end(t.statements);
	}
	return rc;
}
