/* Levels, stats, lists, content. */
#include "engines/dynamodb/dynamodb_sqlite.h"

static void dir_info(const struct ddb_children *children, struct engine_info *out)
{
	*out = (struct engine_info){
		.kind = ENGINE_DIR,
		.version = children->mtime_ns != 0 ? (uint64_t)children->mtime_ns : 1,
		.size = children->n,
		.mtime_ns = children->mtime_ns,
	};
}

struct ddb_stored ddb_stored_row(sqlite3_stmt *stmt)
{
	return (struct ddb_stored){
		.version = sql_column_uint(stmt, 0),
		.mtime_ns = sqlite3_column_int64(stmt, 1),
		.psize = sql_column_uint(stmt, 2),
		.tsize = sql_column_uint(stmt, 3),
	};
}

static int begin(struct ddb_table *t, uint64_t key, enum ddb_table_sql n, struct store_reader **r,
	sqlite3_stmt **stmt, struct err *err)
{
	struct store *s;

	int rc = ddb_table_store(t, &s, err);
	if (rc == 0) {
		rc = store_read_begin(s, key, r, err);
	}
	if (rc < 0) {
		return rc;
	}
	*stmt = store_reader_stmt(*r, n, err);
	return *stmt != NULL ? 0 : -err->code;
}

/* The place's own hash: of the item, or of the partition. */
static uint64_t place_key(const struct ddb_place *p)
{
	return store_key_hash(buf_slice(&p->pk), buf_slice(&p->sk));
}

/* ---- partitions ---- */

/* What PART_COLUMNS names. */
static struct ddb_children part_row(sqlite3_stmt *stmt)
{
	return (struct ddb_children){
		.mtime_ns = sqlite3_column_int64(stmt, 3),
		.n = sql_column_uint(stmt, 1),
	};
}

/* ENOENT. */
static int part_find(const struct epath *path, const struct ddb_place *p, struct ddb_children *out,
	struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = begin(p->table, place_key(p), PART_FIND, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	store_bind_slice(stmt, 1, buf_slice(&p->pk));
	rc = store_step(stmt, err);
	if (rc == 1) {
		*out = part_row(stmt);
	}
	return rc == 0 ? ddb_no_path(path, err) : (rc < 0 ? rc : 0);
}

/* ---- tables ---- */

/* A table that nobody uses is asked only when its row may be old; one that does
 * not open shows what the catalog knows: it must stay visible, to be removed. */
int ddb_table_info(struct ddb_db *db, const struct ddb_table_def *def, struct engine_info *out,
	struct err *err)
{
	TABLE t = NULL;
	struct store *s;
	struct err why = {0};
	struct ddb_children children = {.mtime_ns = def->mtime_ns};

	if (!ddb_table_if_open(db, def->id, &t) && def->dirty) {
		ddb_table_get(db, slice_of(def->name), &t, &why);
	}
	if (t != NULL && ddb_table_store(t, &s, &why) == 0) {
		int rc = ddb_store_children(s, &t->schema, &children, err);
		if (rc < 0) {
			return rc;
		}
	}
	dir_info(&children, out);
	return 0;
}

static int stat_table(
	struct ddb_db *db, struct slice name, struct engine_info *out, struct err *err)
{
	struct ddb_table_def def;

	if (db->only == NULL) {
		int rc = ddb_catalog_table(db, name, &def, err);
		return rc < 0 ? rc : ddb_table_info(db, &def, out, err);
	}
	TABLE t = NULL;
	struct ddb_children children = {0};
	int rc = ddb_table_get(db, name, &t, err);
	if (rc == 0) {
		rc = ddb_store_children(atomic_load(&t->store), &t->schema, &children, err);
	}
	if (rc == 0) {
		dir_info(&children, out);
	}
	return rc;
}

/* ---- level ---- */

/* What a directory means, the table's keys say: whether there is a partition is
 * not looked up. This is asked with each new name, and with sync=interval the
 * partition's row waits for a commit after every write in it. */
int dynamodb_sqlite_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	struct ddb_db *db = ctx;
	struct ddb_look look = {.typed = db->typed, .fixed = db->only != NULL};
	TABLE t = NULL;
	enum ddb_kind kind = DDB_SERVICE;

	int rc = path->depth > 0 ? ddb_table_get(db, path->key[0], &t, err) : 0;
	if (rc == 0 && t != NULL) {
		rc = ddb_kind_of(path, &t->schema, &kind, err);
	}
	if (rc < 0) {
		return rc;
	}
	if (kind == DDB_ITEM) {
		return err_set(err, ENOTDIR, "an item is a file");
	}
	ddb_level(kind, t != NULL ? &t->schema : NULL, &look, out);
	return 0;
}

/* ---- stat ---- */

static int stat_service(struct ddb_db *db, struct engine_info *out, struct err *err)
{
	struct ddb_children children = {.n = 1};
	int rc = 0;

	if (db->only != NULL) {
		children.mtime_ns = db->only->created_ns;
	} else {
		rc = ddb_catalog_children(db, &children, err);
	}
	if (rc == 0) {
		dir_info(&children, out);
	}
	return rc;
}

int ddb_stat_item(const struct ddb_place *p, struct ddb_stored *out, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;
	struct store *s;
	struct ddb_seen *seen = &p->table->seen;
	uint64_t key = place_key(p);

	int rc = ddb_table_store(p->table, &s, err);
	if (rc == 0 && ddb_seen_get(seen, s, p, key, out)) {
		return 0;
	}
	rc = rc < 0 ? rc : begin(p->table, key, ITEM_STAT, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	store_bind_slice(stmt, 1, buf_slice(&p->pk));
	store_bind_slice(stmt, 2, buf_slice(&p->sk));
	rc = store_step(stmt, err);
	*out = rc == 1 ? ddb_stored_row(stmt) : (struct ddb_stored){0};
	if (rc >= 0) {
		ddb_seen_put(seen, p, key, store_reader_sequence(r), out);
	}
	return rc < 0 ? rc : 0;
}

static int stat_item(const struct epath *path, const struct ddb_place *p, unsigned form,
	struct engine_info *out, struct err *err)
{
	struct ddb_stored stored;

	int rc = ddb_stat_item(p, &stored, err);
	if (rc == 0 && stored.version == 0) {
		return ddb_no_path(path, err);
	}
	if (rc == 0) {
		ddb_stored_info(&stored, p->table, form, out);
	}
	return rc;
}

int dynamodb_sqlite_stat(void *ctx, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err)
{
	PLACE p = {0};
	struct ddb_children children = {0};

	if (path->depth == 0) {
		return stat_service(ctx, out, err);
	}
	if (path->depth == 1) {
		return stat_table(ctx, path->key[0], out, err);
	}
	int rc = ddb_place_find(ctx, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.kind == DDB_ITEM) {
		return stat_item(path, &p, form, out, err);
	}
	rc = part_find(path, &p, &children, err);
	if (rc == 0) {
		dir_info(&children, out);
	}
	return rc;
}

/* ---- list ---- */

struct listing {
	struct ddb_db *db;
	const struct ddb_table *table;
	unsigned form;
	engine_emit *emit;
	void *arg;
};

/* Outside of any transaction: telling a table's mtime may open it. */
static int emit_table(void *arg, const struct ddb_table_def *def, struct err *err)
{
	const struct listing *l = arg;
	struct engine_info info = {.kind = ENGINE_DIR};

	int rc = l->form == ENGINE_NAMES ? 0 : ddb_table_info(l->db, def, &info, err);
	return rc < 0 ? rc : l->emit(l->arg, slice_of(def->name), &info) != 0;
}

static int list_tables(
	struct ddb_db *db, const struct slice *after, struct listing *l, struct err *err)
{
	return ddb_catalog_each(db, after != NULL ? *after : slice_of(""), emit_table, l, err);
}

static int list_only(
	struct ddb_db *db, const struct slice *after, const struct listing *l, struct err *err)
{
	struct engine_info info;
	struct slice name = slice_of(db->only->name);

	if (after != NULL && slice_compare(name, *after) <= 0) {
		return 0;
	}
	int rc = stat_table(db, name, &info, err);
	if (rc == 0) {
		l->emit(l->arg, name, &info);
	}
	return rc;
}

/* Which key the children of a directory bear. */
static const struct ddb_key_def *child_key(const struct listing *l, enum ddb_kind kind)
{
	const struct ddb_key_schema *schema = &l->table->schema;
	return kind == DDB_ITEM && schema->has_range ? &schema->range : &schema->hash;
}

static void row_info(
	sqlite3_stmt *stmt, enum ddb_kind kind, const struct listing *l, struct engine_info *out)
{
	if (kind == DDB_PART) {
		struct ddb_children children = part_row(stmt);
		dir_info(&children, out);
	} else {
		struct ddb_stored stored = ddb_stored_row(stmt);
		ddb_stored_info(&stored, l->table, l->form, out);
	}
}

/* The rows hold what row_info() takes and then the key, or with ENGINE_NAMES the
 * key alone. Most keys are text as they are stored and are handed on in place. */
static int emit_rows(
	sqlite3_stmt *stmt, enum ddb_kind kind, const struct listing *l, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const struct ddb_key_def *key = child_key(l, kind);
	bool names = l->form == ENGINE_NAMES;
	struct engine_info info = {.kind = kind == DDB_PART ? ENGINE_DIR : ENGINE_FILE};
	int rc;

	while ((rc = store_step(stmt, err)) == 1) {
		struct slice shown = store_column_slice(stmt, names ? 0 : 4);
		if (key->type != DDB_S) {
			buf_clear(&text);
			ddb_key_text(key, shown, &text);
			rc = buf_check(&text, err);
			if (rc < 0) {
				return rc;
			}
			shown = buf_slice(&text);
		}
		if (!names) {
			row_info(stmt, kind, l, &info);
		}
		if (l->emit(l->arg, shown, &info) != 0) {
			return 0;
		}
	}
	return rc;
}

static int list_parts(
	const struct ddb_place *p, struct slice from, const struct listing *l, struct err *err)
{
	READER r = NULL;
	STMT stmt = NULL;

	int rc = begin(p->table, STORE_ALL_KEYS, l->form == ENGINE_NAMES ? PART_NAMES : PART_LIST,
		&r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	store_bind_slice(stmt, 1, from);
	return emit_rows(stmt, DDB_PART, l, err);
}

static int list_items(const struct epath *path, const struct ddb_place *p, struct slice from,
	const struct listing *l, struct err *err)
{
	READER r = NULL;
	STMT find = NULL;

	/* The partition is found in the same transaction that lists it. */
	int rc = begin(p->table, STORE_ALL_KEYS, PART_FIND, &r, &find, err);
	if (rc < 0) {
		return rc;
	}
	store_bind_slice(find, 1, buf_slice(&p->pk));
	rc = store_step(find, err);
	if (rc != 1) {
		return rc < 0 ? rc : ddb_no_path(path, err);
	}
	STMT stmt = store_reader_stmt(r, l->form == ENGINE_NAMES ? ITEM_NAMES : ITEM_LIST, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, sqlite3_column_int64(find, 0));
	store_bind_slice(stmt, 2, from);
	return emit_rows(stmt, DDB_ITEM, l, err);
}

static enum ddb_kind child_kind(const struct ddb_place *p)
{
	return p->kind == DDB_TABLE && p->table->schema.has_range ? DDB_PART : DDB_ITEM;
}

/* Where the list goes on: the stored bytes of `after`. */
static int list_from(
	const struct ddb_place *p, const struct slice *after, struct buf *out, struct err *err)
{
	const struct ddb_key_schema *schema = &p->table->schema;
	bool range = p->kind == DDB_PART;

	if (after == NULL) {
		buf_puts(out, "");
		return 0;
	}
	int rc = ddb_key_encode(range ? &schema->range : &schema->hash, range, *after, out, err);
	return rc < 0 ? rc : buf_check(out, err);
}

int dynamodb_sqlite_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	struct ddb_db *db = ctx;
	PLACE p = {0};
	CLEANUP(buf_free) struct buf from = BUF_INIT;

	int rc = ddb_place_find(db, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	struct listing l = {db, p.table, form, emit, arg};
	if (p.kind == DDB_SERVICE) {
		return db->only != NULL ? list_only(db, after, &l, err)
					: list_tables(db, after, &l, err);
	}
	if (p.kind == DDB_ITEM) {
		return err_set(err, ENOTDIR, "an item is a file");
	}
	rc = list_from(&p, after, &from, err);
	if (rc < 0) {
		return rc;
	}
	return child_kind(&p) == DDB_PART ? list_parts(&p, buf_slice(&from), &l, err)
					  : list_items(path, &p, buf_slice(&from), &l, err);
}

/* ---- long names ---- */

/* The index holds 16 bytes of SHA-256, so what it finds is the key; the check
 * guards against a damaged index. */
static int hashed_key(const struct ddb_place *p, sqlite3_stmt *stmt,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	const struct ddb_key_schema *schema = &p->table->schema;
	unsigned char found[NAME_HASH_BYTES];
	size_t before = key->n;

	ddb_key_text(p->kind == DDB_PART ? &schema->range : &schema->hash,
		store_column_slice(stmt, 0), key);
	int rc = buf_check(key, err);
	if (rc < 0) {
		return rc;
	}
	name_hash(buf_since(key, before), found);
	if (memcmp(found, hash, sizeof(found)) == 0) {
		return 0;
	}
	key->n = before;
	return err_set(err, EIO, "the index of long names is damaged");
}

int dynamodb_sqlite_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	PLACE p = {0};
	READER r = NULL;
	STMT stmt = NULL;

	int rc = ddb_place_find(ctx, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.kind == DDB_SERVICE || p.kind == DDB_ITEM) {
		return ddb_no_path(path, err);
	}
	bool parts = child_kind(&p) == DDB_PART;
	rc = begin(p.table, STORE_ALL_KEYS, parts ? PART_HASHED : ITEM_HASHED, &r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	if (!parts) {
		store_bind_slice(stmt, 1, buf_slice(&p.pk));
	}
	store_bind_slice(stmt, parts ? 1 : 2, slice_make(hash, NAME_HASH_BYTES));
	rc = store_step(stmt, err);
	if (rc == 0) {
		return ddb_no_path(path, err);
	}
	return rc < 0 ? rc : hashed_key(&p, stmt, hash, key, err);
}

/* ---- read ---- */

/* *r goes on at what it saw. */
static int read_row(const struct epath *path, const struct ddb_place *p, struct store_reader **r,
	struct buf *doc, struct ddb_stored *out, struct err *err)
{
	STMT stmt = NULL;

	int rc = begin(p->table, place_key(p), ITEM_READ, r, &stmt, err);
	if (rc < 0) {
		return rc;
	}
	store_bind_slice(stmt, 1, buf_slice(&p->pk));
	store_bind_slice(stmt, 2, buf_slice(&p->sk));
	rc = store_step(stmt, err);
	if (rc != 1) {
		return rc < 0 ? rc : ddb_no_path(path, err);
	}
	buf_append_slice(doc, store_column_slice(stmt, 4));
	*out = ddb_stored_row(stmt);
	return buf_check(doc, err);
}

int ddb_read_item(const struct epath *path, const struct ddb_place *p, struct buf *doc,
	struct ddb_stored *out, struct err *err)
{
	READER r = NULL;

	return read_row(path, p, &r, doc, out, err);
}

/* What was read, and what will be asked for next. Only the form that is stored: others are made. */
static void keep(const struct ddb_kept_key *key, struct store_reader *r,
	const struct ddb_stored *stored, struct slice text)
{
	struct ddb_table *t = key->place->table;

	ddb_kept_put(&t->db->kept, key, store_reader_sequence(r), stored, text);
	unsigned n = key->form == DDB_PLAIN ? ddb_ahead_count(&t->ahead, key->place) : 0;
	if (n > 0) {
		ddb_ahead_read(key, r, n);
	}
}

/* From the table, in the form asked for; a view keeps nothing. */
static int read_anew(const struct epath *path, const struct ddb_kept_key *key, struct buf *out,
	struct ddb_stored *stored, struct err *err)
{
	CLEANUP(buf_free) struct buf doc = BUF_INIT;
	struct ddb_db *db = key->place->table->db;
	size_t before = out->n;
	READER r = NULL;

	int rc = read_row(path, key->place, &r, key->form == DDB_PLAIN ? out : &doc, stored, err);
	if (rc == 0 && key->form == DDB_TYPED) {
		rc = ddb_doc_typed(buf_slice(&doc), true, out, err);
	}
	if (rc < 0) {
		out->n = before;
		return rc;
	}
	if (db->only == NULL) {
		keep(key, r, stored, buf_since(out, before));
	}
	return 0;
}

int dynamodb_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct ddb_db *db = ctx;
	struct store *s;
	PLACE p = {0};
	struct ddb_stored stored;

	int rc = ddb_place_find(db, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	if (p.kind != DDB_ITEM) {
		return err_set(err, EISDIR, "this is a directory");
	}
	struct ddb_kept_key key = {place_key(&p), p.table->born, form, &p};
	rc = ddb_table_store(p.table, &s, err);
	if (rc < 0) {
		return rc;
	}
	if (ddb_kept_get(&db->kept, s, &key, out, &stored)) {
		ddb_ahead_given(&p.table->ahead, key.hash);
		rc = buf_check(out, err);
	} else {
		rc = read_anew(path, &key, out, &stored, err);
	}
	if (rc == 0 && info != NULL) {
		ddb_stored_info(&stored, p.table, form, info);
	}
	return rc;
}
