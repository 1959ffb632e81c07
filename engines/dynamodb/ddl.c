/* Tables come, go, change their keys and names: the steps that touch both the
 * catalog and files. A table that is to go is first closed to writers, by
 * a write of its own: every write acknowledged before that is in what is checked
 * for emptiness, every later one is refused. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdio.h>
#include <unistd.h>
#include <fcntl.h>

int ddb_check_writable(const struct ddb_db *db, struct err *err)
{
	return db->read_only ? err_set(err, EROFS, "this tree is read-only") : 0;
}

/* ---- closing a table to writers ---- */

enum leaving {
	LEAVE_EMPTY,	/* only without items and partitions */
	LEAVE_NO_ITEMS, /* only without items */
	LEAVE_ANYWAY,
};

static int totals_in(struct ddb_txn *x, struct ddb_totals *out, struct err *err)
{
	STMT stmt = store_txn_stmt(x->t, TOTALS, err);

	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	if (rc == 1) {
		out->parts = sql_column_uint(stmt, 0);
		out->items = sql_column_uint(stmt, 1);
	}
	return rc < 0 ? rc : 0;
}

static int leave_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	enum leaving how = *(const enum leaving *)arg;
	struct ddb_totals totals = {0};

	int rc = totals_in(x, &totals, err);
	if (rc < 0) {
		return rc;
	}
	if (how == LEAVE_NO_ITEMS && totals.items > 0) {
		return err_set(err, EBUSY,
			"the keys of a table with items cannot change: it holds %llu",
			(unsigned long long)totals.items);
	}
	if (how == LEAVE_EMPTY && totals.items + totals.parts > 0) {
		return err_set(err, ENOTEMPTY,
			"the table is not empty: %llu partition%s, %llu item%s; 'delete-table' in "
			"its .control removes it as a whole",
			(unsigned long long)totals.parts, totals.parts == 1 ? "" : "s",
			(unsigned long long)totals.items, totals.items == 1 ? "" : "s");
	}
	atomic_store(&x->table->gone, true);
	return 0;
}

/* The step did not happen after all. */
static void table_stay(struct ddb_table *t)
{
	atomic_store(&t->gone, false);
}

/* Under db->ddl. */
static int table_leave(struct ddb_table *t, enum leaving how, struct err *err)
{
	int rc = ddb_table_write(t, NULL, 0, leave_fn, &how, err);

	if (rc < 0) {
		table_stay(t);
	}
	return rc;
}

/* ---- create ---- */

/* Under db->ddl. The row's file, made and durable; the row is the caller's. */
static int make_files(struct ddb_db *db, struct ddb_table_def *def, struct err *err)
{
	def->id = db->next_id++;
	int rc = ddb_store_create(db, def->id, &def->mtime_ns, err);
	if (rc == 0 && def->created_ns == 0) {
		def->created_ns = def->mtime_ns;
	}
	return rc;
}

int ddb_check_absent(struct ddb_db *db, struct slice name, struct err *err)
{
	struct ddb_table_def found;
	struct err why = {0};

	int rc = ddb_catalog_table(db, name, &found, &why);
	if (rc == 0) {
		return err_set(err, EEXIST, "Table already exists: %.*s", (int)name.n, name.p);
	}
	return rc == -ENOENT ? 0 : err_set(err, why.code, "%s", why.msg);
}

int ddb_create_table(struct ddb_db *db, struct slice name, const struct ddb_key_schema *schema,
	bool deletion_protection, struct err *err)
{
	struct ddb_table_def def = {.schema = *schema, .deletion_protection = deletion_protection};

	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_check_name("tableName", name, err);
	rc = rc < 0 ? rc : ddb_schema_check(schema, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(def.name, sizeof(def.name), "%.*s", (int)name.n, name.p);
	LOCKED(&db->ddl);
	rc = ddb_check_absent(db, name, err);
	rc = rc < 0 ? rc : make_files(db, &def, err);
	if (rc < 0) {
		return rc;
	}
	rc = ddb_catalog_replace(db, 0, &def, err);
	if (rc < 0) {
		ddb_file_remove(db, 't', def.id);
	}
	return rc;
}

/* ---- delete ---- */

static int check_protection(const struct ddb_table_def *def, struct err *err)
{
	if (!def->deletion_protection) {
		return 0;
	}
	return err_set(err, EBUSY,
		"Resource cannot be deleted as it is currently protected against deletion: table "
		"%s; 'deletion-protection off' in its .control comes first",
		def->name);
}

/* A table that does not open has nothing that could be written meanwhile. */
static int leave_or_damaged(struct ddb_table *t, enum leaving how, struct err *err)
{
	struct err why = {0};
	struct store *s;

	int rc = ddb_table_store(t, &s, &why);
	if (rc == -EIO && how == LEAVE_ANYWAY) {
		return 0;
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return table_leave(t, how, err);
}

int ddb_delete_table(struct ddb_db *db, struct slice name, bool only_empty, struct err *err)
{
	struct ddb_table_def def;
	TABLE t = NULL;

	LOCKED(&db->ddl);
	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_catalog_table(db, name, &def, err);
	rc = rc < 0 ? rc : check_protection(&def, err);
	rc = rc < 0 ? rc : ddb_table_get(db, name, &t, err);
	rc = rc < 0 ? rc : leave_or_damaged(t, only_empty ? LEAVE_EMPTY : LEAVE_ANYWAY, err);
	if (rc < 0) {
		return rc;
	}
	rc = ddb_catalog_replace(db, def.id, NULL, err);
	if (rc == 0) {
		ddb_table_dropped(db, def.id);
	} else {
		table_stay(t);
	}
	return rc;
}

/* ---- define anew ---- */

/* Under db->ddl. New keys are a new, empty file under the same name. */
static int change_keys(struct ddb_db *db, const struct ddb_table_def *old,
	const struct ddb_table_wish *wish, struct err *err)
{
	struct ddb_table_def def = *old;
	TABLE t = NULL;

	def.schema = wish->schema;
	def.dirty = false;
	if (wish->has_deletion_protection) {
		def.deletion_protection = wish->deletion_protection;
	}
	int rc = ddb_table_get(db, slice_of(old->name), &t, err);
	rc = rc < 0 ? rc : table_leave(t, LEAVE_NO_ITEMS, err);
	if (rc < 0) {
		return rc;
	}
	rc = make_files(db, &def, err);
	if (rc == 0) {
		rc = ddb_catalog_replace(db, old->id, &def, err);
		if (rc < 0) {
			ddb_file_remove(db, 't', def.id);
		}
	}
	if (rc < 0) {
		table_stay(t);
		return rc;
	}
	ddb_table_dropped(db, old->id);
	return 0;
}

int ddb_redefine_table(
	struct ddb_db *db, struct slice name, const struct ddb_table_wish *wish, struct err *err)
{
	struct ddb_table_def def;

	LOCKED(&db->ddl);
	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_catalog_table(db, name, &def, err);
	if (rc < 0) {
		return rc;
	}
	if (!ddb_schema_equal(&def.schema, &wish->schema)) {
		return change_keys(db, &def, wish, err);
	}
	if (wish->has_deletion_protection && wish->deletion_protection != def.deletion_protection) {
		rc = ddb_catalog_protect(db, def.id, wish->deletion_protection, err);
	}
	return rc;
}

int ddb_protect_table(struct ddb_db *db, struct slice name, bool on, struct err *err)
{
	struct ddb_table_def def;

	LOCKED(&db->ddl);
	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_catalog_table(db, name, &def, err);
	return rc < 0 ? rc : ddb_catalog_protect(db, def.id, on, err);
}

/* ---- rename ---- */

/* Under db->ddl. The directory that is in the way of a rename; def->id 0: none. */
static int find_target(struct ddb_db *db, struct slice to, unsigned flags,
	struct ddb_table_def *def, struct err *err)
{
	struct err why = {0};

	int rc = ddb_catalog_table(db, to, def, &why);
	if (rc == -ENOENT && (flags & RENAME_EXCHANGE) == 0) {
		def->id = 0;
		return ddb_check_name("tableName", to, err);
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	if ((flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "Table already exists: %s", def->name);
	}
	return (flags & RENAME_EXCHANGE) != 0 ? 0 : check_protection(def, err);
}

/* Under db->ddl. */
static int rename_over(struct ddb_db *db, const struct ddb_catalog_move *move, struct err *err)
{
	TABLE over = NULL;

	int rc = ddb_table_get(db, move->to, &over, err);
	rc = rc < 0 ? rc : table_leave(over, LEAVE_EMPTY, err);
	if (rc < 0) {
		return rc;
	}
	rc = ddb_catalog_rename(db, move, err);
	if (rc < 0) {
		table_stay(over);
		return rc;
	}
	ddb_table_dropped(db, move->over);
	ddb_table_renamed(db, move->from->id, move->to);
	return 0;
}

int ddb_rename_table(
	struct ddb_db *db, struct slice from, struct slice to, unsigned flags, struct err *err)
{
	struct ddb_table_def source;
	struct ddb_table_def target = {0};
	struct ddb_catalog_move move = {.from = &source, .to = to};

	LOCKED(&db->ddl);
	int rc = ddb_check_writable(db, err);
	rc = rc < 0 ? rc : ddb_catalog_table(db, from, &source, err);
	rc = rc < 0 ? rc : find_target(db, to, flags, &target, err);
	if (rc < 0 || source.id == target.id) {
		return rc;
	}
	move.over = target.id;
	move.exchange = (flags & RENAME_EXCHANGE) != 0;
	if (target.id != 0 && !move.exchange) {
		return rename_over(db, &move, err);
	}
	rc = ddb_catalog_rename(db, &move, err);
	if (rc < 0) {
		return rc;
	}
	ddb_table_renamed(db, source.id, to);
	if (move.exchange) {
		ddb_table_renamed(db, target.id, from);
	}
	return 0;
}
