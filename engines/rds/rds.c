/* RDS on SQLite: what a path means, and the table of operations. Each becomes a read
 * or a write of an instance's rows (place.c, source.h), or a step of its life (lifecycle.h). */
#include "engines/rds/lifecycle.h"
#include "engines/rds/sql.h"

/* ---- levels ---- */

static const char *const row_suffixes[] = {".json"};
static const struct name_rules row_names = {row_suffixes, 1};
static const struct engine_form row_forms[] = {{".json", "the row as JSON"}};

static const char *const column_suffixes[] = {""};
static const struct name_rules column_names = {column_suffixes, 1};
static const struct engine_form column_forms[] = {{"", "the column's value as it is"}};

static void level_service(bool view, struct engine_level *out)
{
	out->noun = "service";
	out->child_noun = "instance";
	out->child = ENGINE_DIR;
	out->names = NAME_RULES_DIR;
	out->beside_formats = rds_database_formats;
	if (view) {
		return;
	}
	out->features =
		ENGINE_HAS_CONTROL | ENGINE_HAS_STATUS | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_MKDIR;
	out->help =
		"Each directory is a DB instance: a database of its own. mkdir creates an empty "
		"one, 'cp dump.sql NAME.sql' one of a dump, rmdir removes one without tables, mv "
		"renames. Reading NAME.sql dumps it. .snapshots/ holds the snapshots of all "
		"instances, of those that are gone too: 'restore NAME as NEW' in .control.";
}

static const struct engine_text texts[] = {
	{".schema", "how it is defined; writing one in a new directory defines it", true},
	{NULL, NULL, false},
};
static const struct engine_script instance_scripts[] = {
	{".sql", "runs the SQL written to it, in one transaction", false},
	{NULL, NULL, false},
};

static void level_instance(const struct rds_view *view, struct engine_level *out)
{
	out->noun = "instance";
	out->child_noun = "table";
	out->child = ENGINE_DIR;
	out->names = NAME_RULES_DIR;
	out->features = ENGINE_HAS_STATUS;
	out->texts = texts;
	out->beside_formats = rds_export_formats;
	out->query = &rds_query_names;
	out->help =
		"Each directory is a table or a view. SQL: write it to .sql, which runs it in one "
		"transaction, or to .query/NAME.sql and read .query/NAME.csv, .json or .txt. "
		"mkdir creates a table with one column, id; .schema in it takes another "
		"definition. NAME.csv, .tsv, .json, .jsonl and .sql are a table as one file, to "
		"read "
		"and to write.";
	if (view == NULL) {
		out->features |= ENGINE_HAS_CONTROL | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_MKDIR |
				 ENGINE_HAS_REPLICAS | ENGINE_HAS_TIMES;
		out->scripts = instance_scripts;
	} else if (view->kind == ENGINE_VIEW_REPLICA) {
		out->features |= ENGINE_HAS_CONTROL;
		out->help =
			"A read replica: what the instance held a moment ago. It takes no writes; "
			"'promote' in .control makes it an instance of its own.";
	}
}

static void level_table(struct engine_level *out)
{
	out->noun = "table";
	out->child_noun = "row";
	out->child = ENGINE_FILE;
	out->names = row_names;
	out->forms = row_forms;
	out->n_forms = 1;
	out->features = ENGINE_HAS_STATUS | ENGINE_HAS_MEMBERS;
	out->texts = texts;
	out->export_formats = rds_export_formats;
	out->import_formats = rds_import_formats;
	out->help = "Each file is a row, named by its primary key. What you save replaces the row; "
		    "columns left out get their defaults. KEY/COLUMN, not listed, is one column's "
		    "value as it is.";
}

static void level_row(struct engine_level *out)
{
	out->noun = "row";
	out->child_noun = "column";
	out->child = ENGINE_FILE;
	out->names = column_names;
	out->forms = column_forms;
	out->n_forms = 1;
	out->help =
		"Each file is a column of the row, its bytes as they are; one that is NULL is not "
		"there, and removing one makes it NULL.";
}

/* What lies below depends on nothing: a table need not be looked up. */
static int rds_known(struct rds *rds, struct slice name, struct err *err)
{
	RDS_INSTANCE i = NULL;

	if (rds->view != NULL) {
		return slice_is(name, rds->view->name) ? 0 : rds_no_instance(name, err);
	}
	return rds_find(rds->service, name, &i, err);
}

static int rds_sqlite_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct rds_view *view = ((const struct rds *)ctx)->view;

	int rc = path->depth > 0 ? rds_known(ctx, path->key[0], err) : 0;
	if (rc < 0) {
		return rc;
	}
	*out = (struct engine_level){0};
	switch (path->depth) {
	case 0: level_service(view != NULL, out); break;
	case 1: level_instance(view, out); break;
	case 2: level_table(out); break;
	case 3: level_row(out); break;
	default: return err_set(err, ENOTDIR, "a column is a file, nothing lies below it");
	}
	if (view != NULL) {
		out->features |= ENGINE_IS_FIXED;
		out->import_formats = NULL;
	}
	return 0;
}

/* ---- where a path leads ---- */

int rds_read_at(void *ctx, const struct epath *path, rds_fn *fn, void *arg, struct err *err)
{
	RDS_PLACE p = {0};

	int rc = rds_place(ctx, path, &p, err);
	return rc < 0 ? rc : rds_source_read(p.rows, fn, arg, err);
}

int rds_write_at(void *ctx, const struct epath *path, rds_fn *fn, void *arg, struct err *err)
{
	struct rds *rds = ctx;
	RDS_PLACE p = {0};

	int rc = rds->view != NULL ? err_set(err, EROFS, "this copy is read-only") : 0;
	rc = rc < 0 ? rc : rds_place(rds, path, &p, err);
	return rc < 0 ? rc : rds_source_write(p.rows, fn, arg, err);
}

/* ---- stat ---- */

struct look {
	const struct epath *path;
	struct engine_info *out;
};

/* Of a directory the list of children is the content, and that has only a time. */
static int stat_directory(
	struct rds_conn *c, const struct slice *table, struct engine_info *out, struct err *err)
{
	int rc = table != NULL ? rds_table_stat(c, *table, out, err)
			       : rds_database_stat(c, out, err);

	out->version = (uint64_t)out->mtime_ns + 1;
	return rc;
}

static int stat_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct look *l = arg;
	const struct slice *key = l->path->key;

	switch (l->path->depth) {
	case 1: return stat_directory(c, NULL, l->out, err);
	case 2: return stat_directory(c, &key[1], l->out, err);
	case 3: return rds_row_stat(c, key[1], key[2], l->out, err);
	default: return rds_column_stat(c, key[1], key[2], key[3], l->out, err);
	}
}

/* One that is stopped or damaged is there all the same: its .control can be reached. */
static int stat_shut(
	struct rds *rds, const struct epath *path, struct engine_info *out, struct err *err)
{
	RDS_INSTANCE i = NULL;
	struct rds_def def;

	int rc = rds_find(rds->service, path->key[0], &i, err);
	if (rc == 0) {
		rds_def_now(i, &def);
		*out = (struct engine_info){.kind = ENGINE_DIR,
			.version = 1,
			.mtime_ns = def.stopped_ns != 0 ? def.stopped_ns : def.created_ns};
	}
	return rc;
}

static int stat_instance(
	struct rds *rds, const struct epath *path, struct engine_info *out, struct err *err)
{
	struct look l = {path, out};
	struct err why = {0};

	int rc = rds_read_at(rds, path, stat_fn, &l, &why);
	if (rc < 0 && rc != -ENOENT && rds->view == NULL) {
		return stat_shut(rds, path, out, err);
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int stat_service(struct rds *rds, struct engine_info *out, struct err *err)
{
	int64_t mtime_ns = rds->view != NULL ? rds->view->time_ns : 0;

	int rc = rds->view == NULL ? rds_catalog_mtime(rds->service, &mtime_ns, err) : 0;
	*out = (struct engine_info){
		.kind = ENGINE_DIR, .version = (uint64_t)mtime_ns + 1, .mtime_ns = mtime_ns};
	return rc;
}

static int rds_sqlite_stat(void *ctx, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err)
{
	struct look l = {path, out};

	(void)form;
	switch (path->depth) {
	case 0: return stat_service(ctx, out, err);
	case 1: return stat_instance(ctx, path, out, err);
	default: return rds_read_at(ctx, path, stat_fn, &l, err);
	}
}

/* ---- list ---- */

/* A listing that a failover interrupts goes on behind what it has given. */
struct listing {
	const struct epath *path;
	engine_emit *emit;
	void *arg;
	struct rds_conn *conn;
	bool begun; /* behind `last` */
	struct buf last;
	bool stop;
};

static int emit_on(void *arg, struct slice key, const struct engine_info *info)
{
	struct listing *l = arg;

	l->stop = l->emit(l->arg, key, info) != 0;
	buf_clear(&l->last);
	buf_append_slice(&l->last, key);
	l->begun = true;
	return l->stop || l->last.failed;
}

static int emit_table(void *arg, const struct rds_table *t, struct err *err)
{
	struct listing *l = arg;
	struct engine_info info;

	struct slice name = slice_of(t->name);
	int rc = stat_directory(l->conn, &name, &info, err);
	return rc < 0 ? rc : emit_on(l, slice_of(t->name), &info);
}

static int list_behind(
	struct rds_conn *c, struct listing *l, const struct slice *after, struct err *err)
{
	const struct slice *key = l->path->key;

	switch (l->path->depth) {
	case 1: return rds_table_each(c, after, emit_table, l, err);
	case 2: return rds_row_list(c, key[1], after, emit_on, l, err);
	default: return rds_column_list(c, key[1], key[2], after, emit_on, l, err);
	}
}

static int list_fn(struct rds_conn *c, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	struct listing *l = arg;

	if (l->stop) {
		return 0;
	}
	/* `last` moves while the listing goes on. */
	buf_append_slice(&from, buf_slice(&l->last));
	l->conn = c;
	struct slice after = buf_slice(&from);
	int rc = buf_check(&from, err);
	rc = rc < 0 ? rc : list_behind(c, l, l->begun ? &after : NULL, err);
	return rc < 0 ? rc : buf_check(&l->last, err);
}

static int list_instances(
	struct rds *rds, struct slice after, const struct listing *l, struct err *err)
{
	char last[RDS_NAME_MAX + 1];
	struct rds_instance *i;
	int rc = 0;
	bool stop = false;

	while (rc == 0 && !stop && (i = rds_next(rds->service, after)) != NULL) {
		struct engine_info info;
		cluster_name_now(&i->base, last);
		after = slice_of(last);
		struct epath path = {.depth = 1, .key = {after}};
		rc = stat_instance(rds, &path, &info, err);
		stop = rc == 0 && l->emit(l->arg, after, &info) != 0;
		rds_put(i);
	}
	return rc;
}

static int list_view(struct rds *rds, struct slice after, const struct listing *l, struct err *err)
{
	struct slice name = slice_of(rds->view->name);
	struct epath path = {.depth = 1, .key = {name}};
	struct engine_info info;

	if (slice_compare(name, after) <= 0) {
		return 0;
	}
	int rc = stat_instance(rds, &path, &info, err);
	if (rc == 0) {
		l->emit(l->arg, name, &info);
	}
	return rc;
}

static int rds_sqlite_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {.path = path, .emit = emit, .arg = arg, .begun = after != NULL};
	struct slice from = after != NULL ? *after : slice_of("");
	struct rds *rds = ctx;

	(void)form;
	if (path->depth == 0) {
		return rds->view == NULL ? list_instances(rds, from, &l, err)
					 : list_view(rds, from, &l, err);
	}
	if (path->depth > 3) {
		return err_set(err, ENOTDIR, "a column is a file, nothing lies below it");
	}
	buf_append_slice(&l.last, from);
	int rc = rds_read_at(ctx, path, list_fn, &l, err);
	buf_free(&l.last);
	return rc;
}

/* ---- names that are too long for a file ---- */

struct hashed {
	const struct epath *path;
	const unsigned char *hash;
	struct buf *key;
	bool found;
};

static bool hash_is(struct slice name, const unsigned char *hash)
{
	unsigned char own[NAME_HASH_BYTES];

	name_hash(name, own);
	return memcmp(own, hash, sizeof(own)) == 0;
}

static bool match(struct hashed *h, const char *name)
{
	if (hash_is(slice_of(name), h->hash)) {
		buf_puts(h->key, name);
		h->found = true;
	}
	return h->found;
}

static int match_table(void *arg, const struct rds_table *t, struct err *err)
{
	(void)err;
	return match(arg, t->name);
}

static int find_column(struct rds_conn *c, struct hashed *h, struct err *err)
{
	const struct rds_table *t;

	int rc = rds_table_find(c, h->path->key[1], &t, err);
	for (unsigned i = 0; rc == 0 && i < t->n_columns && !h->found; i++) {
		match(h, t->columns[i].name);
	}
	return rc;
}

static int hashed_fn(struct rds_conn *c, void *arg, struct err *err)
{
	struct hashed *h = arg;
	int rc = 0;

	h->found = false;
	switch (h->path->depth) {
	case 1: rc = rds_table_each(c, NULL, match_table, h, err); break;
	case 2: return rds_row_find_hashed(c, h->path->key[1], h->hash, h->key, err);
	default: rc = find_column(c, h, err); break;
	}
	return rc < 0 || h->found ? rc : err_set(err, ENOENT, "no name has this hash");
}

static int rds_sqlite_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct hashed h = {path, hash, key, false};

	if (path->depth == 0) {
		return err_set(err, ENOENT, "no instance has a name as long as that");
	}
	return rds_read_at(ctx, path, hashed_fn, &h, err);
}

/* ---- directories ---- */

static int mkdir_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct epath *path = arg;

	return rds_table_create(c, path->key[1], err);
}

static int rds_sqlite_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	const struct rds *rds = ctx;

	switch (path->depth) {
	case 1: return rds_create(rds->service, path->key[0], NULL, err);
	case 2: return rds_write_at(ctx, path, mkdir_fn, (void *)path, err);
	default: return err_set(err, ENOTSUP, "a row is a file: write its .json");
	}
}

static int any_table(void *arg, const struct rds_table *t, struct err *err)
{
	(void)arg;
	return err_set(err, ENOTEMPTY,
		"the instance holds tables and views (%s): drop them first, or say 'delete' in its "
		".control",
		t->name);
}

static int empty_fn(struct rds_conn *c, void *arg, struct err *err)
{
	return rds_table_each(c, NULL, any_table, arg, err);
}

int rds_is_empty(struct rds_instance *i, struct err *err)
{
	struct rds_source *rows;
	size_t n = 0;

	int rc = rds_enter_any(i, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rc = rds_source_read(rows, empty_fn, NULL, err);
	cluster_leave(&i->base);
	rc = rc < 0 ? rc : rds_replica_count(i, &n, err);
	return rc < 0 || n == 0
		       ? rc
		       : err_set(err, EBUSY,
				 "InvalidDBInstanceState: the DB instance has read replicas: "
				 "remove or promote them first");
}

static int remove_instance(const struct rds *rds, struct slice name, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = rds_find(rds->service, name, &i, err);
	return rc < 0 ? rc : rds_delete_empty(i, rds_is_empty, err);
}

static int rmdir_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct epath *path = arg;

	return rds_table_drop(c, path->key[1], err);
}

static int rds_sqlite_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	switch (path->depth) {
	case 1: return remove_instance(ctx, path->key[0], err);
	case 2: return rds_write_at(ctx, path, rmdir_fn, (void *)path, err);
	default: return err_set(err, ENOTDIR, "a row is a file: remove its .json");
	}
}

/* ---- the whole ---- */

static int sync_instance(struct rds_instance *i, struct err *err)
{
	struct rds_source *rows;

	/* A stopped one has nothing that waits. */
	if (cluster_state(&i->base) == RDS_STOPPED) {
		return 0;
	}
	int rc = rds_enter(i, &rows, err);
	if (rc == 0) {
		rc = rds_source_sync(rows, err);
		cluster_leave(&i->base);
	}
	return rc;
}

static int sync_all(struct rds_service *s, struct err *err)
{
	char last[RDS_NAME_MAX + 1] = "";
	struct rds_instance *i;
	int rc = 0;

	while (rc == 0 && (i = rds_next(s, slice_of(last))) != NULL) {
		cluster_name_now(&i->base, last);
		rc = sync_instance(i, err);
		rds_put(i);
	}
	return rc;
}

static int rds_sqlite_sync(void *ctx, const struct epath *path, struct err *err)
{
	struct rds *rds = ctx;
	RDS_INSTANCE i = NULL;

	if (rds->view != NULL || rds->service->base.read_only) {
		return 0;
	}
	if (path->depth == 0) {
		return sync_all(rds->service, err);
	}
	int rc = rds_find(rds->service, path->key[0], &i, err);
	return rc < 0 ? rc : sync_instance(i, err);
}

/* Of the instances, as they say, and of the files of snapshots. */
static uint64_t instances_bytes(struct rds_service *s)
{
	char last[RDS_NAME_MAX + 1] = "";
	struct rds_source *rows;
	struct rds_instance *i;
	struct err why = {0};
	uint64_t bytes = 0;

	while ((i = rds_next(s, slice_of(last))) != NULL) {
		cluster_name_now(&i->base, last);
		if (rds_enter(i, &rows, &why) == 0) {
			bytes += rds_source_bytes(rows);
			cluster_leave(&i->base);
		}
		rds_put(i);
	}
	return bytes;
}

static uint64_t rds_sqlite_bytes(void *ctx)
{
	const struct rds *rds = ctx;

	if (rds->view != NULL) {
		return rds_source_bytes(rds->view->source);
	}
	return clusters_file_bytes(&rds->service->base) + instances_bytes(rds->service);
}

/* ---- the table ---- */

const struct engine_ops rds_sqlite_ops = {
	.service = "rds",
	.backend = "sqlite",
	.summary = "SQL databases: <instance>/<table>/<primary key>.json",
	.open = rds_sqlite_open,
	.close = rds_sqlite_close,
	.level = rds_sqlite_level,
	.stat = rds_sqlite_stat,
	.list = rds_sqlite_list,
	.find_hashed = rds_sqlite_find_hashed,
	.read = rds_sqlite_read,
	.draft_new = rds_sqlite_draft_new,
	.draft_feed = rds_sqlite_draft_feed,
	.draft_complete = rds_sqlite_draft_complete,
	.draft_free = rds_sqlite_draft_free,
	.check = rds_sqlite_check,
	.check_key = rds_sqlite_check_key,
	.write = rds_sqlite_write,
	.remove = rds_sqlite_remove,
	.rename = rds_sqlite_rename,
	.mkdir = rds_sqlite_mkdir,
	.rmdir = rds_sqlite_rmdir,
	.status = rds_sqlite_status,
	.text_read = rds_sqlite_text_read,
	.text_write = rds_sqlite_text_write,
	.commands = rds_sqlite_commands,
	.view_list = rds_sqlite_view_list,
	.view_open = rds_sqlite_view_open,
	.view_create = rds_sqlite_view_create,
	.view_remove = rds_sqlite_view_remove,
	.view_rename = rds_sqlite_view_rename,
	.query_open = rds_sqlite_query_open,
	.export_open = rds_sqlite_export_open,
	.export_read = rds_sqlite_export_read,
	.export_close = rds_sqlite_export_close,
	.import_open = rds_sqlite_import_open,
	.import_feed = rds_sqlite_import_feed,
	.import_finish = rds_sqlite_import_finish,
	.import_abort = rds_sqlite_import_abort,
	.sync = rds_sqlite_sync,
	.bytes = rds_sqlite_bytes,
};
