/* Partitions and items inside a write: the few statements everything that
 * changes data is made of. */
#include "engines/dynamodb/dynamodb_sqlite.h"

static sqlite3_stmt *prepare(struct ddb_txn *x, enum ddb_table_sql n, struct err *err)
{
	return store_txn_stmt(x->t, n, err);
}

/* The table's list of partitions changed. */
static int touch_table(struct ddb_txn *x, struct err *err)
{
	sqlite3_stmt *stmt = prepare(x, STATE_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, ddb_txn_now(x));
	return sql_run(stmt, err);
}

/* Leaves the hash NULL for a key whose name is not a shortened one. `hash` is
 * the caller's so that it lasts until the statement ran. */
static void bind_hash(struct ddb_txn *x, sqlite3_stmt *stmt, int index, enum ddb_kind kind,
	struct slice stored, unsigned char hash[NAME_HASH_BYTES])
{
	if (ddb_long_hash(&x->table->schema, kind, stored, hash)) {
		store_bind_slice(stmt, index, slice_make(hash, NAME_HASH_BYTES));
	}
}

/* ---- partitions ---- */

static int part_step(sqlite3_stmt *stmt, struct ddb_part *out, struct err *err)
{
	*out = (struct ddb_part){0};
	int rc = store_step(stmt, err);
	if (rc == 1) {
		out->id = sqlite3_column_int64(stmt, 0);
		out->n = sql_column_uint(stmt, 1);
		out->bytes = sql_column_uint(stmt, 2);
		out->mtime_ns = sqlite3_column_int64(stmt, 3);
	}
	return rc;
}

int ddb_part_load(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err)
{
	STMT stmt = prepare(x, PART_FIND, err);

	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, pk);
	int rc = part_step(stmt, out, err);
	return rc < 0 ? rc : 0;
}

int ddb_part_next(struct ddb_txn *x, int64_t after, struct ddb_part *out, struct err *err)
{
	STMT stmt = prepare(x, PART_WALK, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, after);
	return part_step(stmt, out, err);
}

int ddb_part_add(struct ddb_txn *x, struct slice pk, struct ddb_part *out, struct err *err)
{
	unsigned char hash[NAME_HASH_BYTES];
	sqlite3_stmt *stmt = prepare(x, PART_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, pk);
	sqlite3_bind_int64(stmt, 2, ddb_txn_now(x));
	sqlite3_bind_int64(stmt, 3, x->table->db->token);
	bind_hash(x, stmt, 4, DDB_PART, pk, hash);
	int rc = sql_run(stmt, err);
	if (rc < 0) {
		return rc;
	}
	*out = (struct ddb_part){
		.id = sqlite3_last_insert_rowid(store_txn_db(x->t)),
		.mtime_ns = ddb_txn_now(x),
	};
	return touch_table(x, err);
}

int ddb_part_save(struct ddb_txn *x, struct ddb_part *part, struct err *err)
{
	int rc = ddb_part_store(x->t, part, x->table->db->token, err);

	part->changed = false;
	return rc;
}

int ddb_part_store(struct store_txn *t, const struct ddb_part *part, int64_t token, struct err *err)
{
	if (!part->changed) {
		return 0;
	}
	sqlite3_stmt *stmt = store_txn_stmt(t, PART_SAVE, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, part->id);
	sql_bind_uint(stmt, 2, part->n);
	sql_bind_uint(stmt, 3, part->bytes);
	sqlite3_bind_int64(stmt, 4, part->mtime_ns);
	sqlite3_bind_int64(stmt, 5, part->n == 0 ? token : 0);
	return sql_run(stmt, err);
}

int ddb_part_drop(struct ddb_txn *x, const struct ddb_part *part, struct err *err)
{
	sqlite3_stmt *stmt = prepare(x, PART_DROP, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, part->id);
	int rc = sql_run(stmt, err);
	return rc < 0 ? rc : touch_table(x, err);
}

int ddb_part_rekey(struct ddb_txn *x, struct ddb_part *part, struct slice pk, struct err *err)
{
	unsigned char hash[NAME_HASH_BYTES];
	sqlite3_stmt *stmt = prepare(x, PART_REKEY, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, part->id);
	store_bind_slice(stmt, 2, pk);
	if (pk.n <= DDB_PK_MAX_BYTES) {
		bind_hash(x, stmt, 3, DDB_PART, pk, hash);
	}
	part->mtime_ns = ddb_txn_now(x);
	sqlite3_bind_int64(stmt, 4, part->mtime_ns);
	int rc = sql_run(stmt, err);
	return rc < 0 ? rc : touch_table(x, err);
}

/* ---- items ---- */

/* The columns of ITEM_FIND, from `first` on. */
static struct ddb_stored stored_columns(sqlite3_stmt *stmt, int first)
{
	return (struct ddb_stored){
		.version = sql_column_uint(stmt, first),
		.mtime_ns = sqlite3_column_int64(stmt, first + 1),
		.psize = sql_column_uint(stmt, first + 2),
		.tsize = sql_column_uint(stmt, first + 3),
		.bytes = sql_column_uint(stmt, first + 4),
		.doc_id = sqlite3_column_int64(stmt, first + 5),
	};
}

int ddb_stored_load(struct ddb_txn *x, const struct ddb_part *part, struct slice sk,
	struct ddb_stored *out, struct err *err)
{
	*out = (struct ddb_stored){0};
	if (part->id == 0) {
		return 0;
	}
	STMT stmt = prepare(x, ITEM_FIND, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, part->id);
	store_bind_slice(stmt, 2, sk);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		*out = stored_columns(stmt, 0);
	}
	return rc < 0 ? rc : 0;
}

int ddb_stored_next(struct ddb_txn *x, const struct ddb_part *part, struct buf *sk,
	struct ddb_stored *out, struct err *err)
{
	STMT stmt = prepare(x, ITEM_NEXT, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, part->id);
	store_bind_slice(stmt, 2, buf_slice(sk));
	int rc = store_step(stmt, err);
	if (rc != 1) {
		return rc;
	}
	*out = stored_columns(stmt, 0);
	/* The bound bytes are sk's own: they may change only now. */
	CLEANUP(buf_free) struct buf next = BUF_INIT;
	buf_append_slice(&next, store_column_slice(stmt, 6));
	sqlite3_reset(stmt);
	buf_clear(sk);
	buf_append_slice(sk, buf_slice(&next));
	rc = buf_check(sk, err);
	return rc < 0 ? rc : 1;
}

/* 1 when the stored text is this one. */
static int same_doc(
	struct ddb_txn *x, const struct ddb_stored *old, struct slice doc, struct err *err)
{
	if (old->psize != doc.n) {
		return 0;
	}
	STMT stmt = prepare(x, DOC_GET, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, old->doc_id);
	int rc = store_step(stmt, err);
	if (rc != 1) {
		return rc;
	}
	return slice_equal(store_column_slice(stmt, 0), doc);
}

int ddb_stored_doc(
	struct ddb_txn *x, const struct ddb_stored *old, struct buf *out, struct err *err)
{
	STMT stmt = prepare(x, DOC_GET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, old->doc_id);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		buf_append_slice(out, store_column_slice(stmt, 0));
	}
	return rc < 0 ? rc : buf_check(out, err);
}

/* The new text, in a row of its own or over the old one. */
static int put_doc(
	struct ddb_txn *x, const struct ddb_row *row, bool fresh, int64_t doc_id, struct err *err)
{
	sqlite3_stmt *stmt = prepare(x, fresh ? DOC_ADD : DOC_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, doc_id);
	store_bind_slice(stmt, 2, buf_slice(&row->doc));
	return sql_run(stmt, err);
}

static int exists_already(struct err *err)
{
	return err_set(err, EEXIST, "The conditional request failed: the item exists already");
}

static int put_item(struct ddb_txn *x, const struct ddb_part *part, const struct ddb_row *row,
	bool fresh, int64_t doc_id, struct err *err)
{
	unsigned char hash[NAME_HASH_BYTES];
	sqlite3_stmt *stmt = prepare(x, fresh ? ITEM_ADD : ITEM_SET, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, part->id);
	store_bind_slice(stmt, 2, buf_slice(&row->sk));
	sql_bind_uint(stmt, 3, ddb_txn_version(x));
	sqlite3_bind_int64(stmt, 4, ddb_txn_now(x));
	sql_bind_uint(stmt, 5, row->psize);
	sql_bind_uint(stmt, 6, row->tsize);
	sql_bind_uint(stmt, 7, row->cpsize);
	sql_bind_uint(stmt, 8, row->ctsize);
	sql_bind_uint(stmt, 9, row->bytes);
	if (fresh) {
		sqlite3_bind_int64(stmt, 10, doc_id);
		bind_hash(x, stmt, 11, DDB_ITEM, buf_slice(&row->sk), hash);
	}
	struct err why = {0};
	int rc = sql_run(stmt, &why);
	if (rc == -EEXIST) {
		return exists_already(err);
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

int ddb_stored_put(struct ddb_txn *x, struct ddb_part *part, const struct ddb_row *row,
	struct ddb_stored *old, struct err *err)
{
	bool fresh = old->version == 0;
	int rc = fresh ? 0 : same_doc(x, old, buf_slice(&row->doc), err);

	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	int64_t doc_id = old->doc_id;
	rc = fresh ? ddb_doc_next(x, &doc_id, err) : 0;
	/* The item first: that there is one already must be found with nothing changed. */
	rc = rc < 0 ? rc : put_item(x, part, row, fresh, doc_id, err);
	rc = rc < 0 ? rc : put_doc(x, row, fresh, doc_id, err);
	if (rc < 0) {
		return rc;
	}
	part->n += fresh;
	part->changed |= fresh || row->bytes != old->bytes;
	part->bytes += row->bytes - old->bytes;
	part->mtime_ns = fresh ? ddb_txn_now(x) : part->mtime_ns;
	*old = (struct ddb_stored){
		.version = ddb_txn_version(x),
		.mtime_ns = ddb_txn_now(x),
		.psize = row->psize,
		.tsize = row->tsize,
		.bytes = row->bytes,
		.doc_id = doc_id,
	};
	return 0;
}

int ddb_stored_drop(struct ddb_txn *x, struct ddb_part *part, struct slice sk,
	const struct ddb_stored *old, struct err *err)
{
	sqlite3_stmt *item = prepare(x, ITEM_DROP, err);
	sqlite3_stmt *doc = prepare(x, DOC_DROP, err);

	if (item == NULL || doc == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(item, 1, part->id);
	store_bind_slice(item, 2, sk);
	sqlite3_bind_int64(doc, 1, old->doc_id);
	int rc = sql_run(item, err);
	rc = rc < 0 ? rc : sql_run(doc, err);
	part->n--;
	part->bytes -= old->bytes;
	part->mtime_ns = ddb_txn_now(x);
	part->changed = true;
	return rc;
}

int ddb_stored_expect(
	const struct ddb_stored *old, const struct ddb_table *t, uint64_t expect, struct err *err)
{
	if (expect == ENGINE_VERSION_ANY) {
		return 0;
	}
	if (expect == ENGINE_VERSION_ABSENT) {
		return old->version == 0 ? 0 : exists_already(err);
	}
	if (old->version != 0 && ddb_version(t, old->version) == expect) {
		return 0;
	}
	return err_set(err, EBUSY,
		"The conditional request failed: the item was %s since it was read; read it again",
		old->version == 0 ? "removed" : "changed");
}

/* ---- what the tree shows ---- */

#define STORED_VERSION_BITS 40

uint64_t ddb_version(const struct ddb_table *t, uint64_t stored)
{
	return t->id << STORED_VERSION_BITS | stored;
}

void ddb_stored_info(const struct ddb_stored *stored, const struct ddb_table *t, unsigned form,
	struct engine_info *out)
{
	*out = (struct engine_info){
		.kind = ENGINE_FILE,
		.version = ddb_version(t, stored->version),
		.size = form == DDB_TYPED ? stored->tsize : stored->psize,
		.mtime_ns = stored->mtime_ns,
	};
}
