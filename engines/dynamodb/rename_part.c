/* Giving a partition another key: every item in it bears the key, so each one's
 * text is made anew, all in one transaction. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>

struct move {
	const struct ddb_place *from;
	const struct ddb_place *to;
	unsigned flags;
};

/* What re-keying one item after the other needs. */
struct work {
	struct buf sk;
	struct buf doc;
	struct buf range_text;
	struct ddb_row row;
};

static void work_free(struct work *w)
{
	buf_free(&w->sk);
	buf_free(&w->doc);
	buf_free(&w->range_text);
	ddb_row_free(&w->row);
}

static int rekey_item(struct ddb_txn *x, struct ddb_part *part, struct slice hash_text,
	struct ddb_stored *stored, struct work *w, struct err *err)
{
	const struct ddb_key_schema *schema = &x->table->schema;

	buf_clear(&w->doc);
	buf_clear(&w->range_text);
	ddb_key_text(&schema->range, buf_slice(&w->sk), &w->range_text);
	int rc = ddb_stored_doc(x, stored, &w->doc, err);
	rc = rc < 0 ? rc
		    : ddb_rekey(schema, buf_slice(&w->doc), hash_text, buf_slice(&w->range_text),
			      &w->row, err);
	if (rc < 0) {
		CLEANUP(buf_free) struct buf shown = BUF_INIT;
		name_escape(buf_slice(&w->range_text), &shown);
		return err_wrap(err, "item %.200s", buf_cstr(&shown));
	}
	return ddb_stored_put(x, part, &w->row, stored, err);
}

/* The partition takes the place's key, its items too. */
static int take_key(
	struct ddb_txn *x, struct ddb_part *part, const struct ddb_place *to, struct err *err)
{
	CLEANUP(work_free) struct work w = {0};
	struct ddb_stored stored;

	buf_puts(&w.sk, "");
	int rc = ddb_part_rekey(x, part, buf_slice(&to->pk), err);
	if (rc < 0) {
		return rc;
	}
	while ((rc = ddb_stored_next(x, part, &w.sk, &stored, err)) == 1) {
		rc = rekey_item(x, part, to->hash_text, &stored, &w, err);
		if (rc < 0) {
			return rc;
		}
	}
	return rc < 0 ? rc : ddb_part_save(x, part, err);
}

/* The first goes aside while the second takes its key: keys are unique. */
static int exchange(struct ddb_txn *x, const struct move *m, struct ddb_part *from,
	struct ddb_part *to, struct err *err)
{
	static const char aside[DDB_PK_MAX_BYTES + 1];

	int rc = ddb_part_rekey(x, from, slice_make(aside, sizeof(aside)), err);
	rc = rc < 0 ? rc : take_key(x, to, m->from, err);
	return rc < 0 ? rc : take_key(x, from, m->to, err);
}

static int clear_target(
	struct ddb_txn *x, const struct move *m, const struct ddb_part *to, struct err *err)
{
	if (to->id == 0) {
		return 0;
	}
	if ((m->flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "a partition of that name exists already");
	}
	if (to->n != 0) {
		return err_set(err, ENOTEMPTY, "a partition of that name holds %llu item%s",
			(unsigned long long)to->n, to->n == 1 ? "" : "s");
	}
	return ddb_part_drop(x, to, err);
}

static int no_part(const char *which, struct err *err)
{
	return err_set(err, ENOENT, "Requested resource not found: the %s partition", which);
}

static int move_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	const struct move *m = arg;
	struct ddb_part from;
	struct ddb_part to;

	int rc = ddb_part_load(x, buf_slice(&m->from->pk), &from, err);
	rc = rc < 0 ? rc : ddb_part_load(x, buf_slice(&m->to->pk), &to, err);
	if (rc < 0) {
		return rc;
	}
	if (from.id == 0) {
		return no_part("first", err);
	}
	if ((m->flags & RENAME_EXCHANGE) != 0) {
		return to.id == 0 ? no_part("second", err) : exchange(x, m, &from, &to, err);
	}
	rc = clear_target(x, m, &to, err);
	return rc < 0 ? rc : take_key(x, &from, m->to, err);
}

int ddb_rename_part(
	const struct ddb_place *from, const struct ddb_place *to, unsigned flags, struct err *err)
{
	struct move m = {from, to, flags};

	return ddb_table_write(from->table, NULL, 0, move_fn, &m, err);
}
