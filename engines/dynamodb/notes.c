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

int ddb_part_recall(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err)
{
	const struct ddb_notes *notes = store_txn_notes(x->t);

	if (is_of(notes, pk)) {
		*out = notes->part;
		out->changed = false;
		return 0;
	}
	int rc = ddb_notes_settle(x->t, err);
	rc = rc < 0 ? rc : ddb_part_load(x, pk, out, err);
	if (rc == 0 && out->id != 0 && pk.n <= DDB_NOTED_PK_MAX) {
		take_note(x, pk, out, false);
	}
	return rc;
}

int ddb_part_note(struct ddb_txn *x, struct slice pk, struct ddb_part *part, struct err *err)
{
	if (pk.n > DDB_NOTED_PK_MAX) {
		return ddb_part_save(x, part, err);
	}
	if (part->changed) {
		take_note(x, pk, part, true);
	}
	return 0;
}
