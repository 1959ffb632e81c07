/* `.status` and `.schema`: what is there, in the service's words. */
#include "engines/dynamodb/dynamodb_sqlite.h"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* Steals the values packed in `more`. */
static int add(json_t *out, json_t *more, struct err *err)
{
	int rc = more != NULL ? json_object_update_new(out, more) : -1;

	return rc == 0 ? 0 : no_memory(err);
}

/* ---- the service ---- */

struct service {
	struct ddb_db *db;
	struct ddb_totals totals;
	uint64_t tables;
	json_t *damaged;
};

static int totals_of(struct ddb_db *db, struct slice name, struct ddb_totals *out, struct err *err)
{
	TABLE t = NULL;
	struct store *s = NULL;

	int rc = ddb_table_get(db, name, &t, err);
	rc = rc < 0 ? rc : ddb_table_store(t, &s, err);
	return rc < 0 ? rc : ddb_store_totals(s, out, err);
}

/* A damaged table is told by name: the others still count. */
static int count_table(struct service *all, struct slice name, struct err *err)
{
	struct ddb_totals totals = {0};
	struct err why = {0};

	int rc = totals_of(all->db, name, &totals, &why);
	if (rc == -ENOENT) {
		return 0;
	}
	all->tables++;
	all->totals.items += totals.items;
	all->totals.bytes += totals.bytes;
	if (rc < 0 && json_array_append_new(all->damaged, json_stringn(name.p, name.n)) < 0) {
		return no_memory(err);
	}
	return 0;
}

static int count_def(void *arg, const struct ddb_table_def *def, struct err *err)
{
	return count_table(arg, slice_of(def->name), err);
}

static int status_service(struct ddb_db *db, json_t *out, struct err *err)
{
	json_auto_t *damaged = json_array();
	struct service all = {.db = db, .damaged = damaged};

	int rc = db->only != NULL ? count_table(&all, slice_of(db->only->name), err)
				  : ddb_catalog_each(db, slice_of(""), count_def, &all, err);
	if (rc < 0) {
		return rc;
	}
	rc = add(out,
		json_pack("{s:I, s:I, s:I}", "tables", (json_int_t)all.tables, "items",
			(json_int_t)all.totals.items, "bytes", (json_int_t)all.totals.bytes),
		err);
	if (rc == 0 && json_array_size(damaged) > 0) {
		rc = add(out, json_pack("{s:O}", "damaged", damaged), err);
	}
	return rc;
}

/* ---- a table ---- */

struct backup_list {
	json_t *list;
	int64_t last_ns;
	bool failed;
};

static int list_backup(void *arg, const struct ddb_backup_def *def, struct slice view_name)
{
	struct backup_list *b = arg;
	char created[DDB_TIME_MAX];

	(void)view_name;
	ddb_time_text(def->created_ns, created);
	if (def->created_ns > b->last_ns) {
		b->last_ns = def->created_ns;
	}
	json_t *entry = json_pack("{s:s, s:s, s:I, s:I}", "name", def->name, "created", created,
		"size", (json_int_t)def->on_disk, "items", (json_int_t)def->items);
	b->failed = json_array_append_new(b->list, entry) < 0;
	return b->failed;
}

static int status_backups(struct ddb_db *db, struct slice table, json_t *out, struct err *err)
{
	struct backup_list b = {.list = json_array()};
	char last[DDB_TIME_MAX];

	int rc = ddb_catalog_backups(db, table, slice_of(""), list_backup, &b, err);
	if (rc < 0 || b.failed) {
		json_decref(b.list);
		return rc < 0 ? rc : no_memory(err);
	}
	rc = add(out, json_pack("{s:o}", "Backups", b.list), err);
	if (rc == 0 && b.last_ns != 0) {
		ddb_time_text(b.last_ns, last);
		rc = add(out, json_pack("{s:s}", "LastBackup", last), err);
	}
	return rc;
}

/* What is asked of the catalog, or of a view, which has none. */
static int protection_of(struct ddb_db *db, struct slice name, bool *out, struct err *err)
{
	struct ddb_table_def def;

	*out = db->only_protected;
	if (db->only != NULL) {
		return 0;
	}
	int rc = ddb_catalog_table(db, name, &def, err);
	if (rc == 0) {
		*out = def.deletion_protection;
	}
	return rc;
}

static int table_facts(
	struct ddb_table *t, struct slice name, struct ddb_table_facts *out, struct err *err)
{
	struct ddb_totals totals = {0};
	struct store *s;

	int rc = ddb_table_store(t, &s, err);
	rc = rc < 0 ? rc : ddb_store_totals(s, &totals, err);
	rc = rc < 0 ? rc : protection_of(t->db, name, &out->deletion_protection, err);
	out->name = name;
	out->schema = &t->schema;
	out->created_ns = t->created_ns;
	out->items = totals.items;
	out->bytes = totals.bytes;
	return rc;
}

static int status_table(struct ddb_table *t, struct slice name, json_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf keys = BUF_INIT;
	struct ddb_table_facts facts;

	int rc = table_facts(t, name, &facts, err);
	if (rc < 0) {
		return rc;
	}
	ddb_schema_words(&t->schema, &keys);
	rc = add(out,
		json_pack("{s:s, s:I, s:I, s:s, s:b, s:s}", "TableStatus", "ACTIVE", "ItemCount",
			(json_int_t)facts.items, "TableSizeBytes", (json_int_t)facts.bytes,
			"BillingMode", "PAY_PER_REQUEST", "DeletionProtectionEnabled",
			facts.deletion_protection, "KeySchema", buf_cstr(&keys)),
		err);
	if (rc == 0 && t->db->only == NULL) {
		rc = status_backups(t->db, name, out, err);
	}
	return rc;
}

/* ---- a partition ---- */

static int status_part(
	const struct epath *path, const struct ddb_place *p, json_t *out, struct err *err)
{
	struct store *s;
	READER r = NULL;

	int rc = ddb_table_store(p->table, &s, err);
	rc = rc < 0 ? rc : store_read_begin(s, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	STMT stmt = store_reader_stmt(r, PART_FIND, err);
	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, buf_slice(&p->pk));
	rc = store_step(stmt, err);
	if (rc != 1) {
		return rc < 0 ? rc : ddb_no_path(path, err);
	}
	return add(out,
		json_pack("{s:I, s:I}", "items", (json_int_t)sqlite3_column_int64(stmt, 1), "bytes",
			(json_int_t)sqlite3_column_int64(stmt, 2)),
		err);
}

int dynamodb_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	PLACE p = {0};

	int rc = ddb_place_find(ctx, path, false, &p, err);
	if (rc < 0) {
		return rc;
	}
	switch (p.kind) {
	case DDB_SERVICE: return status_service(ctx, out, err);
	case DDB_TABLE: return status_table(p.table, path->key[0], out, err);
	case DDB_PART: return status_part(path, &p, out, err);
	default: return err_set(err, ENOTDIR, "an item is a file");
	}
}

/* ---- .schema ---- */

static int only_tables(const struct epath *path, struct err *err)
{
	return path->depth == 1 ? 0 : err_set(err, ENOTSUP, "only a table has a .schema");
}

int dynamodb_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	(void)name; /* it has one */
	struct ddb_table_facts facts;
	TABLE t = NULL;

	int rc = only_tables(path, err);
	rc = rc < 0 ? rc : ddb_table_get(ctx, path->key[0], &t, err);
	rc = rc < 0 ? rc : table_facts(t, path->key[0], &facts, err);
	return rc < 0 ? rc : ddb_schema_print(&facts, out, err);
}

int dynamodb_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	(void)name;
	struct ddb_table_wish wish;

	int rc = only_tables(path, err);
	rc = rc < 0 ? rc : ddb_schema_parse(text, path->key[0], &wish, err);
	rc = rc < 0 ? rc : ddb_redefine_table(ctx, path->key[0], &wish, err);
	if (rc == 0) {
		ddb_changed(ctx, path);
	}
	return rc;
}
