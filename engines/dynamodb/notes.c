/* What the writes of one transaction leave to those that follow: the partition
 * they put into. Looking it up and saving its counts cost a third of a put; a
 * thousand files copied into a directory share both with those that are committed
 * together. Readers see counts and items by the same COMMIT, as ever. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <assert.h>

static_assert(sizeof(struct ddb_notes) <= STORE_NOTES_BYTES, "notes must fit");

static bool is_of(const struct ddb_notes *notes, struct slice pk)
{
	return notes->part.id != 0 && slice_equal(slice_make(notes->pk, notes->pk_len), pk);
}

static void take_note(
	const struct ddb_txn *x, struct slice pk, const struct ddb_part *part, bool changed)
{
	struct ddb_notes *notes = store_txn_notes(x->t);

	notes->part = *part;
	notes->part.changed = changed;
	notes->token = x->table->db->token;
	notes->pk_len = (unsigned char)pk.n;
	if (pk.n > 0) {
		memcpy(notes->pk, pk.p, pk.n);
	}
}

int ddb_notes_settle(struct store_txn *t, struct err *err)
{
	struct ddb_notes *notes = store_txn_notes(t);

	int rc = ddb_part_store(t, &notes->part, notes->token, err);
	*notes = (struct ddb_notes){0};
	return rc;
}

/* As SQLite would number it, but known before the row is there. */
int ddb_doc_next(struct ddb_txn *x, int64_t *id, struct err *err)
{
	struct ddb_notes *notes = store_txn_notes(x->t);

	if (notes->last_doc == 0) {
		STMT stmt = store_txn_stmt(x->t, DOC_LAST, err);
		if (stmt == NULL || store_step(stmt, err) < 0) {
			return -err->code;
		}
		notes->last_doc = sqlite3_column_int64(stmt, 0);
	}
	*id = ++notes->last_doc;
	return 0;
}

int ddb_part_recall(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err)
{
	const struct ddb_notes *notes = store_txn_notes(x->t);

	if (is_of(notes, pk)) {
		*out = notes->part;
		out->changed = false;
		return 0;
	}
	return ddb_part_load(x, pk, out, err);
}

int ddb_part_note(struct ddb_txn *x, struct slice pk, struct ddb_part *part, struct err *err)
{
	struct ddb_notes *notes = store_txn_notes(x->t);

	if (pk.n > DDB_NOTED_PK_MAX) {
		return ddb_part_save(x, part, err);
	}
	if (part->id != notes->part.id) {
		int rc = ddb_part_store(x->t, &notes->part, notes->token, err);
		if (rc < 0) {
			return rc;
		}
		notes->part.changed = false;
	}
	take_note(x, pk, part, part->changed || notes->part.changed);
	return 0;
}
