/* The room `.tables`: its directories are the attached tables, their files the rows. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/json.h"

#define FAILED ".failed"

struct room {
	struct cache_tree tree; /* first */
	struct cache_tables *tables;
};

static struct cache_tables *tables_of(void *ctx)
{
	return ((struct room *)ctx)->tables;
}

static int not_a_row(struct err *err)
{
	return err_set(err, ENOENT, "a cached table holds rows, and nothing lies below them");
}

/* ---- levels ---- */

static const struct engine_text texts[] = {
	{FAILED, "writes that RDS refused after they were taken, and why; saving [] empties it",
		true},
	{NULL, NULL, false},
};

static void level_room(struct engine_level *out)
{
	*out = (struct engine_level){
		.noun = "cluster's tables",
		.child_noun = "cached table",
		.child = ENGINE_DIR,
		.names = NAME_RULES_DIR,
		.features = ENGINE_HAS_STATUS,
		.help = "Each directory is a table of RDS that is read and written through this "
			"cluster. 'attach' and 'detach' in the cluster's .control make and end "
			"them.",
	};
}

static int level_table(void *ctx, struct slice name, struct engine_level *out, struct err *err)
{
	CACHED_TABLE t = NULL;

	int rc = tables_get(tables_of(ctx), name, &t, err);
	rc = rc < 0 ? rc : tables_source_level(t, out, err);
	if (rc < 0) {
		return rc;
	}
	out->noun = "cached table";
	out->child_noun = "row";
	out->features = ENGINE_HAS_STATUS;
	out->texts = t->def.pattern == TABLES_BEHIND ? texts : NULL;
	out->help = "Each file is a row of the table in RDS that .status names, read from the "
		    "cache when it has it. What is saved goes to RDS as the pattern says: "
		    "cache-aside and write-around remove it from the cache, write-through puts it "
		    "there, write-behind answers at once and brings it to RDS soon; fsync waits "
		    "for that.";
	return 0;
}

static int room_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	switch (path->depth) {
	case 0: level_room(out); return 0;
	case 1: return level_table(ctx, path->key[0], out, err);
	default: return err_set(err, ENOTDIR, "a row is a file, nothing lies below it");
	}
}

/* ---- reading ---- */

static void info_of(const struct tables_row *row, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_FILE,
		.version = row->version,
		.size = row->size,
		.mtime_ns = row->mtime_ns};
}

static void info_of_directory(int64_t mtime_ns, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_DIR,
		.version = (uint64_t)mtime_ns + 1,
		.mtime_ns = mtime_ns,
		.moves = true};
}

static int fetch(void *ctx, const struct epath *path, enum tables_use use, struct buf *out,
	struct engine_info *info, struct err *err)
{
	CACHED_TABLE t = NULL;
	struct tables_row row = {0};

	if (path->depth != 2) {
		return not_a_row(err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	rc = rc < 0 ? rc : tables_fetch(t, path->key[1], use, out, &row, err);
	if (rc == 0) {
		info_of(&row, info);
	}
	return rc;
}

static int stat_room(struct cache_tables *c, struct engine_info *out)
{
	LOCKED(&c->lock);
	info_of_directory(c->mtime_ns, out);
	return 0;
}

static int stat_table(void *ctx, struct slice name, struct engine_info *out, struct err *err)
{
	CACHED_TABLE t = NULL;

	int rc = tables_get(tables_of(ctx), name, &t, err);
	if (rc == 0) {
		info_of_directory(t->def.attached_ns, out);
	}
	return rc;
}

static int room_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	(void)form;
	switch (path->depth) {
	case 0: return stat_room(tables_of(ctx), out);
	case 1: return stat_table(ctx, path->key[0], out, err);
	default: return fetch(ctx, path, TABLES_LOOK, &text, out, err);
	}
}

static int room_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	(void)form;
	return path->depth < 2 ? err_set(err, EISDIR, "a cached table is a directory")
			       : fetch(ctx, path, TABLES_READ, out, info, err);
}

static int list_room(
	struct cache_tables *c, const struct slice *after, engine_emit *emit, void *arg)
{
	char last[TABLES_NAME_MAX + 1];
	struct slice from = after != NULL ? *after : slice_of("");
	struct cached_table *t;
	bool stop = false;

	while (!stop && (t = tables_next(c, from)) != NULL) {
		struct engine_info info;
		memcpy(last, t->def.name, sizeof(last));
		from = slice_of(last);
		info_of_directory(t->def.attached_ns, &info);
		stop = emit(arg, from, &info) != 0;
		tables_put(t);
	}
	return 0;
}

/* What waits is brought to RDS first: then RDS alone says which rows there are. */
static int list_table(void *ctx, struct slice name, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	CACHED_TABLE t = NULL;

	int rc = tables_get(tables_of(ctx), name, &t, err);
	if (rc < 0) {
		return rc;
	}
	struct epath path = tables_table_path(t);
	struct engine *peer = tables_peer(t->all, err);
	rc = peer != NULL ? tables_behind_sync(t, NULL, err) : -EIO;
	return rc < 0 ? rc : engine_list(peer, &path, after, form, emit, arg, err);
}

static int room_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	switch (path->depth) {
	case 0: return list_room(tables_of(ctx), after, emit, arg);
	case 1: return list_table(ctx, path->key[0], after, form, emit, arg, err);
	default: return err_set(err, ENOTDIR, "a row is a file, nothing lies below it");
	}
}

static int room_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	CACHED_TABLE t = NULL;

	if (path->depth != 1) {
		return err_set(err, ENOENT, "no name here is as long as that");
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	if (rc < 0) {
		return rc;
	}
	struct epath table = tables_table_path(t);
	struct engine *peer = tables_peer(t->all, err);
	rc = peer != NULL ? tables_behind_sync(t, NULL, err) : -EIO;
	return rc < 0 ? rc : engine_find_hashed(peer, &table, hash, key, err);
}

/* ---- writing ---- */

static void *room_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	(void)ctx;
	(void)path;
	(void)form;
	return json_reader_new(NULL, NULL, 0, false);
}

static int room_draft_feed(void *draft, struct slice more, struct err *err)
{
	return json_feed(draft, more, err);
}

static bool room_draft_complete(const void *draft)
{
	return json_complete(draft);
}

static void room_draft_free(void *draft)
{
	json_reader_free(draft);
}

static int room_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	CACHED_TABLE t = NULL;

	(void)form;
	(void)expect;
	if (path->depth != 2) {
		return not_a_row(err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	return rc < 0 ? rc : tables_source_check(t, path->key[1], text, err);
}

static int room_check_key(void *ctx, const struct epath *path, struct err *err)
{
	CACHED_TABLE t = NULL;
	struct err why = {0};

	if (path->depth != 2) {
		return not_a_row(err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	if (rc < 0) {
		return rc;
	}
	struct epath row = tables_row_path(t, path->key[1]);
	struct engine *peer = tables_peer(t->all, err);
	rc = peer != NULL ? engine_check_key(peer, &row, &why) : -EIO;
	return rc < 0 && !tables_is_away(rc) ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int room_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	CACHED_TABLE t = NULL;
	struct tables_row row = {0};

	(void)form;
	if (path->depth != 2) {
		return not_a_row(err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	rc = rc < 0 ? rc : tables_write(t, path->key[1], text, expect, &row, err);
	if (rc == 0) {
		info_of(&row, out);
	}
	return rc;
}

static int room_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	CACHED_TABLE t = NULL;

	if (path->depth != 2) {
		return not_a_row(err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	return rc < 0 ? rc : tables_remove(t, path->key[1], expect, err);
}

static int room_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	(void)ctx;
	return path->depth == 1
		       ? err_set(err, ENOTSUP,
				 "a table is attached by its cluster's .control: attach NAME "
				 "rds=INSTANCE/TABLE pattern=cache-aside")
		       : err_set(err, ENOTSUP, "a row is a file: write its .json");
}

static int room_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	(void)ctx;
	(void)path;
	return err_set(err, ENOTSUP,
		"a table is detached by its cluster's .control: detach NAME; the table in RDS "
		"stays");
}

/* ---- what else there is ---- */

static int room_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	CACHED_TABLE t = NULL;

	if (path->depth == 0) {
		return cache_tables_status(tables_of(ctx), out, err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	return rc < 0 ? rc : tables_status(t, out, err);
}

static int room_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	CACHED_TABLE t = NULL;

	if (path->depth != 1 || strcmp(name, FAILED) != 0) {
		return not_a_row(err);
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	return rc < 0 ? rc : tables_failed_text(t->all->db, t->def.id, out, err);
}

static int room_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	CACHED_TABLE t = NULL;
	json_error_t at;
	json_auto_t *array = json_loadb(text.p != NULL ? text.p : "", text.n, 0, &at);

	if (path->depth != 1 || strcmp(name, FAILED) != 0) {
		return not_a_row(err);
	}
	if (!json_is_array(array) || json_array_size(array) > 0) {
		return err_set(err, EINVAL,
			"what RDS refused cannot be edited here: save [] to empty " FAILED
			", the rows themselves to write them again");
	}
	int rc = tables_get(tables_of(ctx), path->key[0], &t, err);
	return rc < 0 ? rc : tables_failed_clear(t->all->db, t->def.id, err);
}

static int sync_table(
	struct cache_tables *c, struct slice name, const struct slice *key, struct err *err)
{
	CACHED_TABLE t = NULL;
	struct err why = {0};

	int rc = tables_get(c, name, &t, err);
	rc = rc < 0 ? rc : tables_behind_sync(t, key, err);
	if (rc < 0) {
		return rc;
	}
	struct epath path = key != NULL ? tables_row_path(t, *key) : tables_table_path(t);
	struct engine *peer = tables_peer(c, &why);
	return peer != NULL ? engine_sync(peer, &path, err) : 0;
}

static int sync_room(struct cache_tables *c, struct err *err)
{
	char last[TABLES_NAME_MAX + 1] = "";
	struct cached_table *t;
	int rc = 0;

	while (rc == 0 && (t = tables_next(c, slice_of(last))) != NULL) {
		memcpy(last, t->def.name, sizeof(last));
		tables_put(t);
		rc = sync_table(c, slice_of(last), NULL, err);
	}
	return rc;
}

static int room_sync(void *ctx, const struct epath *path, struct err *err)
{
	switch (path->depth) {
	case 0: return sync_room(tables_of(ctx), err);
	case 1: return sync_table(tables_of(ctx), path->key[0], NULL, err);
	default: return sync_table(tables_of(ctx), path->key[0], &path->key[1], err);
	}
}

static void room_close(struct cache_tree *tree)
{
	free(tree);
}

static const struct cache_tree_ops room_ops = {
	.ops =
		{
			.service = "cache",
			.backend = "tables",
			.level = room_level,
			.stat = room_stat,
			.list = room_list,
			.find_hashed = room_find_hashed,
			.read = room_read,
			.draft_new = room_draft_new,
			.draft_feed = room_draft_feed,
			.draft_complete = room_draft_complete,
			.draft_free = room_draft_free,
			.check = room_check,
			.check_key = room_check_key,
			.write = room_write,
			.remove = room_remove,
			.mkdir = room_mkdir,
			.rmdir = room_rmdir,
			.status = room_status,
			.text_read = room_text_read,
			.text_write = room_text_write,
			.sync = room_sync,
		},
	.close = room_close,
};

int cache_tables_tree(struct cache_tables *t, struct cache_tree **out, struct err *err)
{
	struct room *room = calloc(1, sizeof(*room));

	if (room == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	room->tree.ops = &room_ops;
	room->tables = t;
	*out = &room->tree;
	return 0;
}
