/* Putting and removing items, making and removing directories. Texts are parsed
 * and rendered before; the write itself, one at a time in a table, compares and
 * stores. */
#include "engines/dynamodb/dynamodb_sqlite.h"

/* ---- write ---- */

struct put {
	const struct ddb_row *row;
	uint64_t expect;
	const struct err *other_key;
	struct ddb_stored stored;
};

static int put_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	struct put *p = arg;
	struct ddb_part part;

	int rc = ddb_part_recall(x, buf_slice(&p->row->pk), &part, err);
	/* That there is none yet, adding the item finds out by itself. */
	if (rc == 0 && p->expect != ENGINE_VERSION_ABSENT) {
		rc = ddb_stored_load(x, &part, buf_slice(&p->row->sk), &p->stored, err);
	}
	rc = rc < 0 ? rc : ddb_stored_expect(&p->stored, x->table, p->expect, err);
	if (rc < 0) {
		return rc;
	}
	if (p->stored.version != 0 && p->other_key != NULL && p->other_key->code != 0) {
		return err_set(err, EINVAL, "%s", p->other_key->msg);
	}
	if (part.id == 0) {
		rc = ddb_part_add(x, buf_slice(&p->row->pk), &part, err);
	}
	rc = rc < 0 ? rc : ddb_stored_put(x, &part, p->row, &p->stored, err);
	return rc < 0 ? rc : ddb_part_note(x, buf_slice(&p->row->pk), &part, err);
}

int ddb_put_row(const struct ddb_place *place, const struct ddb_row *row, uint64_t expect,
	const struct err *other_key, struct ddb_stored *out, struct err *err)
{
	struct put put = {.row = row, .expect = expect, .other_key = other_key};
	uint64_t keys[2];

	ddb_place_keys(place, keys);
	int rc = ddb_item_write(place->table, keys, 2, put_fn, &put, err);
	if (rc == 0) {
		*out = put.stored;
	}
	return rc;
}

/* A text on its way to being an item. */
struct draft {
	struct ddb_place place;
	unsigned form;
	struct slice text;
	struct ddb_memo_draft made;
};

static void draft_free(struct draft *d)
{
	ddb_place_free(&d->place);
	ddb_item_free(d->made.item);
}
#define DRAFT CLEANUP(draft_free) struct draft

static unsigned text_form(unsigned form)
{
	return form == DDB_TYPED ? DDB_TYPED : DDB_PLAIN;
}

static int give_keys(struct draft *d, struct err *err)
{
	const struct ddb_place *p = &d->place;
	const struct ddb_key_schema *schema = &p->table->schema;

	if (ddb_item_match_key(d->made.item, schema, p->hash_text, p->range_text,
		    &d->made.other_key) == DDB_KEY_SAME) {
		return 0;
	}
	return ddb_item_set_key(d->made.item, schema, p->hash_text, p->range_text, err);
}

/* A path where a text could become an item, and that item. */
static int prepare(struct ddb_db *db, const struct epath *path, struct draft *d, struct err *err)
{
	int rc = ddb_place_find(db, path, true, &d->place, err);

	if (rc == 0 && d->place.kind != DDB_ITEM) {
		return err_set(err, EISDIR, "this is a directory");
	}
	if (rc < 0 || ddb_memo_take(&db->memo, &d->place, d->form, d->text, &d->made)) {
		return rc;
	}
	rc = ddb_item_parse(d->form, d->text, &d->made.item, err);
	return rc < 0 ? rc : give_keys(d, err);
}

static int prepare_row(struct ddb_db *db, const struct epath *path, struct draft *d,
	struct ddb_row *row, struct err *err)
{
	const struct ddb_place *p = &d->place;
	int rc = prepare(db, path, d, err);

	return rc < 0 ? rc
		      : ddb_row_make(row, &p->table->schema, d->made.item, p->hash_text,
				p->range_text, err);
}

int dynamodb_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	DRAFT d = {.form = text_form(form), .text = text};
	CLEANUP(ddb_row_free) struct ddb_row row = {0};
	struct ddb_stored stored;

	int rc = prepare_row(ctx, path, &d, &row, err);
	rc = rc < 0 ? rc : ddb_put_row(&d.place, &row, expect, &d.made.other_key, &stored, err);
	if (rc == 0 && out != NULL) {
		ddb_stored_info(&stored, d.place.table, form, out);
	}
	return rc;
}

/* ---- several at a time ---- */

/* One of them; `ask->result` is 0 until it failed. */
struct one_of_many {
	struct engine_put *ask;
	struct draft draft;
	struct ddb_row row;
	struct put put;
	uint64_t keys[2];
	bool over; /* the answer is there */
};

static void prepare_one(struct ddb_db *db, struct engine_put *ask, struct one_of_many *one)
{
	one->ask = ask;
	one->draft.form = text_form(ask->form);
	one->draft.text = ask->text;
	ask->result = prepare_row(db, ask->path, &one->draft, &one->row, &ask->err);
	one->over = ask->result < 0;
	if (!one->over) {
		one->put.row = &one->row;
		one->put.expect = ask->expect;
		one->put.other_key = &one->draft.made.other_key;
		ddb_place_keys(&one->draft.place, one->keys);
	}
}

/* All that are of one table. */
static void put_in_table(struct ddb_table *table, struct one_of_many *all, unsigned n)
{
	struct one_of_many *mine[ENGINE_PUTS_MAX];
	struct store_each each[STORE_EACH_MAX];
	unsigned n_mine = 0;
	_Static_assert(ENGINE_PUTS_MAX <= STORE_EACH_MAX, "one call of the store takes them");

	for (unsigned i = 0; i < n; i++) {
		if (!all[i].over && all[i].draft.place.table == table) {
			each[n_mine] = (struct store_each){.keys = all[i].keys,
				.n_keys = 2,
				.arg = &all[i].put,
				.err = &all[i].ask->err};
			mine[n_mine++] = &all[i];
		}
	}
	ddb_item_write_each(table, put_fn, each, n_mine);
	for (unsigned i = 0; i < n_mine; i++) {
		struct engine_put *ask = mine[i]->ask;
		mine[i]->over = true;
		ask->result = each[i].result;
		if (ask->result == 0) {
			ddb_stored_info(&mine[i]->put.stored, table, ask->form, &ask->info);
		}
	}
}

void dynamodb_sqlite_write_many(void *ctx, struct engine_put *const *puts, unsigned n)
{
	struct one_of_many *all = calloc(n, sizeof(*all));

	for (unsigned i = 0; i < n; i++) {
		if (all != NULL) {
			prepare_one(ctx, puts[i], &all[i]);
		} else {
			puts[i]->result = err_set(&puts[i]->err, ENOMEM, "out of memory");
		}
	}
	for (unsigned i = 0; all != NULL && i < n; i++) {
		if (!all[i].over) {
			put_in_table(all[i].draft.place.table, all + i, n - i);
		}
	}
	for (unsigned i = 0; all != NULL && i < n; i++) {
		draft_free(&all[i].draft);
		ddb_row_free(&all[i].row);
	}
	free(all);
}

/* What put_fn would say, as things stand. Most often nothing depends on that:
 * then it is not looked up. */
static int check_stored(const struct draft *d, uint64_t expect, struct err *err)
{
	struct ddb_stored stored = {0};

	if (expect == ENGINE_VERSION_ANY && d->made.other_key.code == 0) {
		return 0;
	}
	int rc = ddb_stat_item(&d->place, &stored, err);
	rc = rc < 0 ? rc : ddb_stored_expect(&stored, d->place.table, expect, err);
	if (rc == 0 && stored.version != 0 && d->made.other_key.code != 0) {
		return err_set(err, EINVAL, "%s", d->made.other_key.msg);
	}
	return rc;
}

int dynamodb_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct ddb_db *db = ctx;
	DRAFT d = {.form = text_form(form), .text = text};

	int rc = prepare(db, path, &d, err);
	rc = rc < 0 ? rc : ddb_item_check_size(d.made.item, err);
	rc = rc < 0 ? rc : check_stored(&d, expect, err);
	if (rc == 0) {
		ddb_memo_put(&db->memo, &d.place, d.form, text, &d.made);
		d.made.item = NULL;
	}
	return rc;
}

int dynamodb_sqlite_check_key(void *ctx, const struct epath *path, struct err *err)
{
	PLACE p = {0};

	return ddb_place_find(ctx, path, true, &p, err);
}

/* ---- remove ---- */

struct drop {
	const struct epath *path;
	const struct ddb_place *place;
	uint64_t expect;
};

static int drop_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	const struct drop *d = arg;
	struct slice sk = buf_slice(&d->place->sk);
	struct ddb_part part;
	struct ddb_stored stored;

	struct slice pk = buf_slice(&d->place->pk);
	int rc = ddb_part_recall(x, pk, &part, err);
	rc = rc < 0 ? rc : ddb_stored_load(x, &part, sk, &stored, err);
	if (rc < 0) {
		return rc;
	}
	if (stored.version == 0) {
		return ddb_no_path(d->path, err);
	}
	rc = ddb_stored_expect(&stored, x->table, d->expect, err);
	rc = rc < 0 ? rc : ddb_stored_drop(x, &part, sk, &stored, err);
	return rc < 0 ? rc : ddb_part_note(x, pk, &part, err);
}

int ddb_drop_row(
	const struct epath *path, const struct ddb_place *place, uint64_t expect, struct err *err)
{
	struct drop drop = {path, place, expect};
	uint64_t keys[2];

	ddb_place_keys(place, keys);
	return ddb_item_write(place->table, keys, 2, drop_fn, &drop, err);
}

int dynamodb_sqlite_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	PLACE p = {0};

	int rc = ddb_place_find(ctx, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.kind != DDB_ITEM) {
		return err_set(err, EISDIR, "this is a directory");
	}
	return ddb_drop_row(path, &p, expect, err);
}

/* ---- mkdir ---- */

static int make_part_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	const struct ddb_place *p = arg;
	struct ddb_part part;

	int rc = ddb_part_load(x, buf_slice(&p->pk), &part, err);
	if (rc == 0 && part.id != 0) {
		return err_set(err, EEXIST, "the partition exists already");
	}
	return rc < 0 ? rc : ddb_part_add(x, buf_slice(&p->pk), &part, err);
}

/* The keys of a table that mkdir makes. */
static const struct ddb_key_schema usual_keys = {
	.hash = {"pk", DDB_S},
	.range = {"sk", DDB_S},
	.has_range = true,
};

int dynamodb_sqlite_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	PLACE p = {0};
	uint64_t keys[2];

	if (path->depth == 1) {
		return ddb_create_table(ctx, path->key[0], &usual_keys, false, err);
	}
	int rc = ddb_place_find(ctx, path, true, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.kind != DDB_PART) {
		return err_set(err, ENOTSUP, "items are files: a directory cannot be made here");
	}
	ddb_place_keys(&p, keys);
	return ddb_table_write(p.table, keys, 2, make_part_fn, &p, err);
}

/* ---- rmdir ---- */

static int drop_part_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	const struct drop *d = arg;
	struct ddb_part part;

	int rc = ddb_part_load(x, buf_slice(&d->place->pk), &part, err);
	if (rc < 0) {
		return rc;
	}
	if (part.id == 0) {
		return ddb_no_path(d->path, err);
	}
	if (part.n != 0) {
		return err_set(err, ENOTEMPTY, "the partition holds %llu item%s",
			(unsigned long long)part.n, part.n == 1 ? "" : "s");
	}
	return ddb_part_drop(x, &part, err);
}

int dynamodb_sqlite_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	PLACE p = {0};
	struct drop drop = {.path = path, .place = &p};
	uint64_t keys[2];

	if (path->depth == 1) {
		return ddb_delete_table(ctx, path->key[0], true, err);
	}
	int rc = ddb_place_find(ctx, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.kind != DDB_PART) {
		return err_set(err, ENOTDIR, "this is no partition");
	}
	ddb_place_keys(&p, keys);
	return ddb_table_write(p.table, keys, 2, drop_part_fn, &drop, err);
}
