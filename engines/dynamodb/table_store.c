/* A table's file: partitions, items, documents. A backup's is the same.
 *
 * A partition is a row of `parts`, an item one of `items`, its text one of
 * `docs`: lists and stats read the dense `items` alone. A table without range
 * key keeps everything in part 1, whose key is empty. `hash` holds the name
 * hash of keys whose file name is a shortened one. `kept` is the token of the
 * mount in which a partition without items became so: it stays a directory
 * until that mount ends. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include "engines/common/log.h"

#define TABLE_APPLICATION_ID 0x44446274 /* "DDbt" */
#define TABLE_SCHEMA_VERSION 1

static const char table_schema[] =
	"CREATE TABLE parts(id INTEGER PRIMARY KEY, pk BLOB NOT NULL UNIQUE, n INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL, mtime INTEGER NOT NULL, kept INTEGER NOT NULL, hash BLOB) STRICT;"
	"CREATE INDEX parts_hash ON parts(hash) WHERE hash IS NOT NULL;"
	"CREATE INDEX parts_empty ON parts(kept) WHERE n = 0;"
	"CREATE TABLE items(part INTEGER NOT NULL, sk BLOB NOT NULL, version INTEGER NOT NULL,"
	" mtime INTEGER NOT NULL, psize INTEGER NOT NULL, tsize INTEGER NOT NULL,"
	" cpsize INTEGER NOT NULL, ctsize INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" doc_id INTEGER NOT NULL, hash BLOB, PRIMARY KEY(part, sk)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX items_hash ON items(part, hash) WHERE hash IS NOT NULL;"
	"CREATE TABLE docs(id INTEGER PRIMARY KEY, doc BLOB NOT NULL) STRICT;"
	"CREATE TABLE state(id INTEGER PRIMARY KEY CHECK(id = 1), mtime INTEGER NOT NULL) STRICT;"
	"INSERT INTO state VALUES(1, 0);"
	"INSERT INTO parts VALUES(1, x'', 0, 0, 0, 0, NULL);";

#define STAT_COLUMNS "i.version, i.mtime, i.psize, i.tsize"
#define PART_COLUMNS "SELECT id, n, bytes, mtime, pk FROM parts "
#define SUM_COLUMNS  "SELECT count(*), coalesce(sum(cpsize), 0), coalesce(sum(ctsize), 0) FROM items"
#define THE_PART     "(SELECT id FROM parts WHERE pk = ?1)"

static const char *const table_sql[N_TABLE_SQL] = {
	[PART_FIND] = PART_COLUMNS "WHERE pk = ?1",
	[PART_ADD] = "INSERT INTO parts(pk, n, bytes, mtime, kept, hash)"
		     " VALUES(?1, 0, 0, ?2, ?3, ?4)",
	[PART_SAVE] = "UPDATE parts SET n = ?2, bytes = ?3, mtime = ?4, kept = ?5 WHERE id = ?1",
	[PART_DROP] = "DELETE FROM parts WHERE id = ?1",
	[PART_REKEY] = "UPDATE parts SET pk = ?2, hash = ?3, mtime = ?4 WHERE id = ?1",
	[PART_TOUCH] = "UPDATE parts SET mtime = ?2 WHERE pk = ?1",
	[PART_LIST] = PART_COLUMNS "WHERE pk > ?1 ORDER BY pk",
	[PART_NAMES] = "SELECT pk FROM parts WHERE pk > ?1 ORDER BY pk",
	[PART_HASHED] = "SELECT pk FROM parts WHERE hash = ?1",
	[PART_LEFT] = "SELECT 1 FROM parts WHERE n = 0 AND kept <> ?1 AND pk <> x'' LIMIT 1",
	[PART_PURGE] = "DELETE FROM parts WHERE n = 0 AND kept <> ?1 AND pk <> x''",
	[PART_WALK] = PART_COLUMNS "WHERE id > ?1 ORDER BY id LIMIT 1",
	/* The number of partitions is about that: counting them would read them all. */
	[STATE_GET] = "SELECT mtime, (SELECT max(id) - 1 FROM parts) FROM state",
	[STATE_SET] = "UPDATE state SET mtime = ?1",
	[TOTALS] = "SELECT count(*) FILTER (WHERE pk <> x''), coalesce(sum(n), 0),"
		   " coalesce(sum(bytes), 0) FROM parts",
	[ITEM_FIND] = "SELECT " STAT_COLUMNS ", i.bytes, i.doc_id FROM items i"
		      " WHERE i.part = ?1 AND i.sk = ?2",
	[ITEM_STAT] = "SELECT " STAT_COLUMNS " FROM parts p JOIN items i ON i.part = p.id"
		      " WHERE p.pk = ?1 AND i.sk = ?2",
	[ITEM_READ] = "SELECT " STAT_COLUMNS ", d.doc FROM parts p JOIN items i ON i.part = p.id"
		      " JOIN docs d ON d.id = i.doc_id WHERE p.pk = ?1 AND i.sk = ?2",
	[ITEM_AHEAD] = "SELECT " STAT_COLUMNS ", i.sk, d.doc FROM items i"
		       " CROSS JOIN docs d ON d.id = i.doc_id"
		       " WHERE i.part = " THE_PART " AND i.sk > ?2 ORDER BY i.sk LIMIT ?3",
	[ITEM_LIST] = "SELECT " STAT_COLUMNS ", i.sk FROM items i WHERE i.part = ?1 AND i.sk > ?2"
		      " ORDER BY i.sk",
	[ITEM_NAMES] = "SELECT sk FROM items WHERE part = ?1 AND sk > ?2 ORDER BY sk",
	[ITEM_NEXT] = "SELECT " STAT_COLUMNS ", i.bytes, i.doc_id, i.sk FROM items i"
		      " WHERE i.part = ?1 AND i.sk > ?2 ORDER BY i.sk LIMIT 1",
	[ITEM_HASHED] = "SELECT sk FROM items WHERE part = " THE_PART " AND hash = ?2",
	[ITEM_ADD] = "INSERT INTO items(part, sk, version, mtime, psize, tsize, cpsize, ctsize,"
		     " bytes, doc_id, hash) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[ITEM_SET] = "UPDATE items SET version = ?3, mtime = ?4, psize = ?5, tsize = ?6,"
		     " cpsize = ?7, ctsize = ?8, bytes = ?9 WHERE part = ?1 AND sk = ?2",
	[ITEM_DROP] = "DELETE FROM items WHERE part = ?1 AND sk = ?2",
	[DOC_GET] = "SELECT doc FROM docs WHERE id = ?1",
	[DOC_LAST] = "SELECT max(id) FROM docs",
	[DOC_ADD] = "INSERT INTO docs(id, doc) VALUES(?1, ?2)",
	[DOC_SET] = "UPDATE docs SET doc = ?2 WHERE id = ?1",
	[DOC_DROP] = "DELETE FROM docs WHERE id = ?1",
	[SUMS_TABLE] = SUM_COLUMNS,
	[SUMS_PART] = SUM_COLUMNS " WHERE part = " THE_PART,
	/* CROSS JOIN keeps this order of loops, so that nothing is sorted. */
	[EXPORT_TABLE] = "SELECT d.doc FROM parts p CROSS JOIN items i ON i.part = p.id"
			 " CROSS JOIN docs d ON d.id = i.doc_id ORDER BY p.pk, i.sk",
	[EXPORT_PART] = "SELECT d.doc FROM items i CROSS JOIN docs d ON d.id = i.doc_id"
			" WHERE i.part = " THE_PART " ORDER BY i.sk",
};

/* ---- the file ---- */

static int store_at(struct ddb_db *db, char kind, uint64_t id, struct store_config *config,
	struct store **out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	int rc = ddb_file_path(db, kind, id, &path, err);
	if (rc < 0) {
		return rc;
	}
	config->path = buf_cstr(&path);
	config->application_id = TABLE_APPLICATION_ID;
	config->schema_version = TABLE_SCHEMA_VERSION;
	config->schema = table_schema;
	config->sql = table_sql;
	config->n_sql = N_TABLE_SQL;
	config->sync = db->sync;
	config->before_commit = ddb_notes_settle;
	return store_open(config, out, err);
}

int ddb_store_open(struct ddb_db *db, char kind, uint64_t id, const char *label, bool read_only,
	struct store **out, struct err *err)
{
	struct store_config config = {.label = label, .read_only = read_only};

	int rc = store_at(db, kind, id, &config, out, err);
	if (rc != -ENOENT) {
		return rc;
	}
	/* The catalog knows it, so its absence is damage, not an answer. */
	char why[ERR_MSG_MAX];
	memcpy(why, err->msg, sizeof(why));
	err_clear(err);
	return err_set(err, EIO, "%s: its file is missing: %.900s", label, why);
}

static int touch_fn(struct store_txn *t, void *arg, struct err *err)
{
	int64_t *mtime_ns = arg;
	sqlite3_stmt *state = store_txn_stmt(t, STATE_SET, err);
	sqlite3_stmt *part = store_txn_stmt(t, PART_TOUCH, err);

	if (state == NULL || part == NULL) {
		return -err->code;
	}
	*mtime_ns = store_txn_time(t);
	sqlite3_bind_int64(state, 1, *mtime_ns);
	store_bind_slice(part, 1, slice_of(""));
	sqlite3_bind_int64(part, 2, *mtime_ns);
	int rc = sql_run(state, err);
	return rc < 0 ? rc : sql_run(part, err);
}

int ddb_store_touch(struct store *s, int64_t *mtime_ns, struct err *err)
{
	int rc = store_write(s, NULL, 0, touch_fn, mtime_ns, err);
	return rc < 0 ? rc : store_sync(s, err);
}

int ddb_store_create(struct ddb_db *db, uint64_t id, int64_t *mtime_ns, struct err *err)
{
	struct store_config config = {.label = "a new table", .create = true};
	struct store *s = NULL;

	int rc = store_at(db, 't', id, &config, &s, err);
	if (rc == 0) {
		rc = ddb_store_touch(s, mtime_ns, err);
	}
	store_close(s);
	if (rc == 0) {
		rc = ddb_dir_sync(db, err);
	}
	if (rc < 0) {
		ddb_file_remove(db, 't', id);
	}
	return rc;
}

int ddb_store_totals(struct store *s, struct ddb_totals *out, struct err *err)
{
	READER r = NULL;

	int rc = store_read_begin(s, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	STMT stmt = store_reader_stmt(r, TOTALS, err);
	if (stmt == NULL) {
		return -err->code;
	}
	rc = store_step(stmt, err);
	if (rc == 1) {
		out->parts = sql_column_uint(stmt, 0);
		out->items = sql_column_uint(stmt, 1);
		out->bytes = sql_column_uint(stmt, 2);
	}
	return rc < 0 ? rc : 0;
}

int ddb_store_children(struct store *s, const struct ddb_key_schema *schema,
	struct ddb_children *out, struct err *err)
{
	READER r = NULL;

	int rc = store_read_begin(s, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	STMT stmt = store_reader_stmt(r, schema->has_range ? STATE_GET : PART_FIND, err);
	if (stmt == NULL) {
		return -err->code;
	}
	if (!schema->has_range) {
		store_bind_slice(stmt, 1, slice_of(""));
	}
	rc = store_step(stmt, err);
	if (rc == 1) {
		out->mtime_ns = sqlite3_column_int64(stmt, schema->has_range ? 0 : 3);
		out->n = sql_column_uint(stmt, 1);
	}
	return rc == 0 ? err_set(err, EIO, "a table's file is damaged: its state is missing")
		       : (rc < 0 ? rc : 0);
}

/* ---- a table's open store ---- */

/* Under t->opening. */
static int mark_dirty(struct ddb_table *t, struct err *err)
{
	if (atomic_load(&t->dirty)) {
		return 0;
	}
	int rc = ddb_catalog_mark(t->db, t->id, true, 0, err);
	if (rc == 0) {
		atomic_store(&t->dirty, true);
	}
	return rc;
}

static int has_left(struct ddb_table *t, struct store *s, bool *out, struct err *err)
{
	READER r = NULL;

	int rc = store_read_begin(s, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	STMT stmt = store_reader_stmt(r, PART_LEFT, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, t->db->token);
	rc = store_step(stmt, err);
	*out = rc == 1;
	return rc < 0 ? rc : 0;
}

static int purge_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct ddb_table *table = arg;
	sqlite3_stmt *purge = store_txn_stmt(t, PART_PURGE, err);
	sqlite3_stmt *touch = store_txn_stmt(t, STATE_SET, err);

	if (purge == NULL || touch == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(purge, 1, table->db->token);
	int rc = sql_run(purge, err);
	sqlite3_bind_int64(touch, 1, store_txn_time(t));
	return rc < 0 ? rc : sql_run(touch, err);
}

/* Partitions left empty by an earlier mount end with it. Under t->opening. */
static int purge(struct ddb_table *t, struct store *s, struct err *err)
{
	bool left = false;

	int rc = has_left(t, s, &left, err);
	if (rc < 0 || !left) {
		return rc;
	}
	rc = mark_dirty(t, err);
	return rc < 0 ? rc : store_write(s, NULL, 0, purge_fn, t, err);
}

static int open_store(struct ddb_table *t, struct err *err)
{
	char name[DDB_NAME_MAX + 1];
	char label[DDB_NAME_MAX + 16];
	struct store *s = NULL;
	struct err why = {0};

	ddb_table_name(t, name);
	snprintf(label, sizeof(label), "table %s", name);
	int rc = ddb_store_open(t->db, 't', t->id, label, t->db->read_only, &s, err);
	if (rc < 0) {
		return rc;
	}
	if (!t->db->read_only && purge(t, s, &why) < 0) {
		log_warn("dynamodb: %s: empty partitions stay: %s", label, why.msg);
	}
	atomic_store(&t->store, s);
	return 0;
}

int ddb_table_store(struct ddb_table *t, struct store **out, struct err *err)
{
	if (atomic_load(&t->store) == NULL) {
		LOCKED(&t->opening);
		if (atomic_load(&t->store) == NULL && open_store(t, err) < 0) {
			return -err->code;
		}
	}
	*out = atomic_load(&t->store);
	return 0;
}

/* ---- writing ---- */

struct write_call {
	struct ddb_table *table;
	ddb_txn_fn *fn;
	void *arg;
	bool settle; /* before it: it does not know notes */
};

static int run_write(struct store_txn *t, void *arg, struct err *err)
{
	struct write_call *call = arg;
	struct ddb_txn x = {.t = t, .table = call->table};

	if (atomic_load(&call->table->gone)) {
		return err_set(err, ENOENT,
			"Requested resource not found: the table was removed or defined anew "
			"meanwhile");
	}
	int rc = call->settle ? ddb_notes_settle(t, err) : 0;
	return rc < 0 ? rc : call->fn(&x, call->arg, err);
}

/* The table's store, ready for writing. */
static int writable_store(struct ddb_table *t, struct store **out, struct err *err)
{
	if (t->db->read_only) {
		return err_set(err, EROFS, "this tree is read-only");
	}
	int rc = ddb_table_store(t, out, err);
	if (rc == 0 && !atomic_load(&t->dirty)) {
		LOCKED(&t->opening);
		rc = mark_dirty(t, err);
	}
	return rc;
}

static int write_as(struct ddb_table *t, const uint64_t *keys, unsigned n_keys,
	struct write_call *call, struct err *err)
{
	struct store *s = NULL;

	int rc = writable_store(t, &s, err);
	if (rc < 0) {
		return rc;
	}
	return (call->settle ? store_write : store_write_plain)(
		s, keys, n_keys, run_write, call, err);
}

int ddb_table_write(struct ddb_table *t, const uint64_t *keys, unsigned n_keys, ddb_txn_fn *fn,
	void *arg, struct err *err)
{
	struct write_call call = {.table = t, .fn = fn, .arg = arg, .settle = true};

	return write_as(t, keys, n_keys, &call, err);
}

int ddb_item_write(struct ddb_table *t, const uint64_t *keys, unsigned n_keys, ddb_txn_fn *fn,
	void *arg, struct err *err)
{
	struct write_call call = {.table = t, .fn = fn, .arg = arg};

	return write_as(t, keys, n_keys, &call, err);
}

void ddb_item_write_each(struct ddb_table *t, ddb_txn_fn *fn, struct store_each *each, unsigned n)
{
	struct write_call calls[STORE_EACH_MAX];
	struct store *s = NULL;
	struct err err = {0};

	int rc = writable_store(t, &s, &err);
	for (unsigned i = 0; i < n; i++) {
		calls[i] = (struct write_call){.table = t, .fn = fn, .arg = each[i].arg};
		each[i].fn = run_write;
		each[i].arg = &calls[i];
		each[i].result = rc < 0 ? err_set(each[i].err, -rc, "%s", err.msg) : 0;
	}
	if (rc == 0) {
		store_write_each(s, each, n);
	}
}

uint64_t ddb_txn_version(struct ddb_txn *x)
{
	if (x->version == 0) {
		x->version = store_txn_version(x->t);
	}
	return x->version;
}

int64_t ddb_txn_now(struct ddb_txn *x)
{
	if (x->now_ns == 0) {
		x->now_ns = store_txn_time(x->t);
	}
	return x->now_ns;
}
