/* Giving an item another key. The text is made before the write from what is
 * stored; the write then checks that this still stands, else it is done again. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>

/* Against writers who change the item each time between reading and moving it. */
#define TRIES_MAX 100

int ddb_rekey(const struct ddb_key_schema *schema, struct slice doc, struct slice hash_text,
	struct slice range_text, struct ddb_row *row, struct err *err)
{
	struct ddb_item *item = NULL;
	struct err why = {0};

	if (ddb_item_parse(DDB_PLAIN, doc, &item, &why) < 0) {
		return err_set(err, EIO, "a stored item is damaged: %s", why.msg);
	}
	int rc = ddb_item_set_key(item, schema, hash_text, range_text, err);
	rc = rc < 0 ? rc : ddb_row_make(row, schema, item, hash_text, range_text, err);
	ddb_item_free(item);
	return rc;
}

/* An item on its way: as it was read, and the row it becomes under another key. */
struct mover {
	const struct epath *path;
	const struct ddb_place *place;
	struct ddb_stored seen;
	struct ddb_row row;
};

static int mover_read(struct mover *m, const struct ddb_place *to, struct err *err)
{
	CLEANUP(buf_free) struct buf doc = BUF_INIT;

	int rc = ddb_read_item(m->path, m->place, &doc, &m->seen, err);
	if (rc < 0) {
		return rc;
	}
	return ddb_rekey(
		&to->table->schema, buf_slice(&doc), to->hash_text, to->range_text, &m->row, err);
}

/* ---- within a table ---- */

struct move {
	struct mover from;
	struct mover to; /* read when the two change places */
	unsigned flags;
	bool stale; /* something was written since it was read: nothing done */
};

/* Both ends as they are now; the two may be of one partition. */
struct ends {
	struct ddb_part parts[2];
	struct ddb_part *from_part;
	struct ddb_part *to_part;
	struct ddb_stored from;
	struct ddb_stored to;
};

static int ends_load(struct ddb_txn *x, const struct move *m, struct ends *e, struct err *err)
{
	const struct ddb_place *from = m->from.place;
	const struct ddb_place *to = m->to.place;
	bool same = slice_equal(buf_slice(&from->pk), buf_slice(&to->pk));

	e->from_part = &e->parts[0];
	e->to_part = &e->parts[same ? 0 : 1];
	int rc = ddb_part_load(x, buf_slice(&from->pk), e->from_part, err);
	if (rc == 0 && !same) {
		rc = ddb_part_load(x, buf_slice(&to->pk), e->to_part, err);
	}
	rc = rc < 0 ? rc : ddb_stored_load(x, e->from_part, buf_slice(&from->sk), &e->from, err);
	return rc < 0 ? rc : ddb_stored_load(x, e->to_part, buf_slice(&to->sk), &e->to, err);
}

static int ends_save(struct ddb_txn *x, struct ends *e, struct err *err)
{
	int rc = ddb_part_save(x, e->from_part, err);
	return rc < 0 ? rc : ddb_part_save(x, e->to_part, err);
}

static int exchange(struct ddb_txn *x, struct move *m, struct ends *e, struct err *err)
{
	int rc = ddb_stored_put(x, e->to_part, &m->from.row, &e->to, err);
	return rc < 0 ? rc : ddb_stored_put(x, e->from_part, &m->to.row, &e->from, err);
}

static int replace(struct ddb_txn *x, struct move *m, struct ends *e, struct err *err)
{
	int rc = 0;

	if (e->to.version != 0 && (m->flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "an item of that name exists already");
	}
	if (e->to_part->id == 0) {
		rc = ddb_part_add(x, buf_slice(&m->to.place->pk), e->to_part, err);
	}
	rc = rc < 0 ? rc : ddb_stored_put(x, e->to_part, &m->from.row, &e->to, err);
	return rc < 0 ? rc
		      : ddb_stored_drop(
				x, e->from_part, buf_slice(&m->from.place->sk), &e->from, err);
}

static int move_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	struct move *m = arg;
	struct ends e = {0};
	bool both = (m->flags & RENAME_EXCHANGE) != 0;

	int rc = ends_load(x, m, &e, err);
	if (rc < 0) {
		return rc;
	}
	m->stale = e.from.version != m->from.seen.version ||
		   (both && e.to.version != m->to.seen.version);
	if (m->stale) {
		return 0;
	}
	rc = both ? exchange(x, m, &e, err) : replace(x, m, &e, err);
	return rc < 0 ? rc : ends_save(x, &e, err);
}

static int move_once(struct move *m, struct err *err)
{
	uint64_t keys[4];

	int rc = mover_read(&m->from, m->to.place, err);
	if (rc == 0 && (m->flags & RENAME_EXCHANGE) != 0) {
		rc = mover_read(&m->to, m->from.place, err);
	}
	if (rc < 0) {
		return rc;
	}
	ddb_place_keys(m->from.place, keys);
	ddb_place_keys(m->to.place, keys + 2);
	return ddb_table_write(m->from.place->table, keys, 4, move_fn, m, err);
}

static int too_busy(struct err *err)
{
	return err_set(err, EBUSY, "the item was changed each time it was to be moved");
}

static int move_within(struct move *m, struct err *err)
{
	int rc = 0;

	m->stale = true;
	for (unsigned i = 0; rc == 0 && m->stale; i++) {
		rc = i < TRIES_MAX ? move_once(m, err) : too_busy(err);
	}
	return rc;
}

/* ---- between tables ---- */

/* The target is durable before the source goes: whatever happens between, the
 * item is in one of them or in both. */
static int store_first(const struct ddb_place *to, struct err *err)
{
	struct store *s;

	if (to->table->db->sync == STORE_SYNC_CLOSE) {
		return 0;
	}
	int rc = ddb_table_store(to->table, &s, err);
	return rc < 0 ? rc : store_sync(s, err);
}

/* *expect is of the target: once put there, it is this put's own. *stale: the
 * source changed meanwhile. */
static int across_once(struct move *m, uint64_t *expect, struct err *err)
{
	struct ddb_stored put;
	struct err why = {0};

	int rc = mover_read(&m->from, m->to.place, err);
	rc = rc < 0 ? rc : ddb_put_row(m->to.place, &m->from.row, *expect, NULL, &put, err);
	rc = rc < 0 ? rc : store_first(m->to.place, err);
	if (rc < 0) {
		return rc;
	}
	if (*expect != ENGINE_VERSION_ANY) {
		*expect = ddb_version(m->to.place->table, put.version);
	}
	rc = ddb_drop_row(m->from.path, m->from.place,
		ddb_version(m->from.place->table, m->from.seen.version), &why);
	m->stale = rc == -EBUSY;
	/* Somebody else removed it, after it was copied: gone is gone. */
	if (rc == 0 || rc == -EBUSY || rc == -ENOENT) {
		return 0;
	}
	return err_set(err, why.code, "%s", why.msg);
}

static int move_across(struct move *m, struct err *err)
{
	uint64_t expect =
		(m->flags & RENAME_NOREPLACE) != 0 ? ENGINE_VERSION_ABSENT : ENGINE_VERSION_ANY;
	int rc = 0;

	m->stale = true;
	for (unsigned i = 0; rc == 0 && m->stale; i++) {
		rc = i < TRIES_MAX ? across_once(m, &expect, err) : too_busy(err);
	}
	return rc;
}

static int check_shapes(
	const struct ddb_place *from, const struct ddb_place *to, unsigned flags, struct err *err)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;

	if ((flags & RENAME_EXCHANGE) != 0) {
		return err_set(err, EXDEV,
			"items of two tables cannot change places in one step: copy them");
	}
	if (ddb_schema_equal(&from->table->schema, &to->table->schema)) {
		return 0;
	}
	ddb_schema_words(&from->table->schema, &a);
	ddb_schema_words(&to->table->schema, &b);
	return err_set(err, EXDEV,
		"the tables have different keys (%s, %s): an item cannot be moved, only copied",
		buf_cstr(&a), buf_cstr(&b));
}

/* ---- the operation ---- */

static bool same_place(const struct ddb_place *a, const struct ddb_place *b)
{
	return a->table == b->table && slice_equal(buf_slice(&a->pk), buf_slice(&b->pk)) &&
	       slice_equal(buf_slice(&a->sk), buf_slice(&b->sk));
}

static int rename_item(struct move *m, struct err *err)
{
	const struct ddb_place *from = m->from.place;
	const struct ddb_place *to = m->to.place;

	if (from->table == to->table) {
		return move_within(m, err);
	}
	int rc = check_shapes(from, to, m->flags, err);
	return rc < 0 ? rc : move_across(m, err);
}

static int rename_places(struct move *m, struct err *err)
{
	const struct ddb_place *from = m->from.place;
	const struct ddb_place *to = m->to.place;
	struct engine_info info;
	struct ddb_db *db = from->table->db;

	if (from->kind != to->kind) {
		return err_set(err, EXDEV, "an item, a partition and a table are different things");
	}
	if (same_place(from, to)) {
		int rc = dynamodb_sqlite_stat(db, m->from.path, DDB_PLAIN, &info, err);
		bool refused = rc == 0 && (m->flags & RENAME_NOREPLACE) != 0;
		return refused ? err_set(err, EEXIST, "both names are the same") : rc;
	}
	if (from->kind == DDB_ITEM) {
		return rename_item(m, err);
	}
	if (from->table != to->table) {
		return err_set(err, EXDEV, "a partition moves within its table only: copy it");
	}
	int rc = ddb_rename_part(from, to, m->flags, err);
	if (rc == 0) {
		ddb_changed(db, m->to.path);
		ddb_changed(db, m->from.path);
	}
	return rc;
}

int dynamodb_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err)
{
	PLACE source = {0};
	PLACE target = {0};
	struct move m = {
		.from = {.path = from, .place = &source},
		.to = {.path = to, .place = &target},
		.flags = flags,
	};

	if (from->depth == 1 && to->depth == 1) {
		return ddb_rename_table(ctx, from->key[0], to->key[0], flags, err);
	}
	if (from->depth < 2 || to->depth < 2) {
		return err_set(err, EXDEV, "an item, a partition and a table are different things");
	}
	int rc = ddb_place_find(ctx, from, false, &source, err);
	rc = rc < 0 ? rc : ddb_place_find(ctx, to, true, &target, err);
	rc = rc < 0 ? rc : rename_places(&m, err);
	ddb_row_free(&m.from.row);
	ddb_row_free(&m.to.row);
	return rc;
}
