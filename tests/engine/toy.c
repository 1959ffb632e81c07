#include "tests/engine/toy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

/* ---- life ---- */

void toy_close(void *ctx)
{
	struct toy *t = ctx;
	struct err ignored = {0};
	if (--t->refs > 0) {
		return;
	}
	if (t->file != NULL) {
		toy_save(t, &ignored);
	}
	toy_tree_free(&t->tree);
	for (size_t i = 0; i < t->n_snapshots; i++) {
		buf_free(&t->snapshots[i].name);
		toy_tree_free(&t->snapshots[i].tree);
	}
	free(t->snapshots);
	buf_free(&t->name);
	buf_free(&t->feed);
	for (size_t i = 0; i < t->n_clusters; i++) {
		toy_close(t->clusters[i]);
	}
	free(t->clusters);
	buf_free(&t->cluster);
	free(t->file);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int toy_open(const struct engine_config *config, void **ctx, struct err *err)
{
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	for (unsigned i = 0; i < config->n_settings; i++) {
		const char *key = config->settings[i].key;
		if (strncmp(key, "toy", 3) != 0 && strncmp(key, "az.", 3) != 0) {
			return err_set(
				err, EINVAL, "toy has no setting '%s'", config->settings[i].key);
		}
	}
	struct toy *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&t->lock, NULL);
	atomic_init(&t->refs, 1);
	t->last_version = 1; /* the root's */
	t->host = config->host;
	buf_printf(&file, "%s/toy.data", config->dir);
	t->file = strdup(buf_cstr(&file));
	int r = toy_load(t, err);
	if (r != 0) {
		free(t->file);
		t->file = NULL; /* what could not be read is not written over */
		toy_close(t);
		return r;
	}
	*ctx = t;
	return 0;
}

/* ---- reading ---- */

static const char *const suffixes[] = {".json", ".line.json"};
static const struct engine_form forms[] = {
	{".json", "the item, indented"},
	{".line.json", "the item on one line"},
};
static const char *const formats[] = {"jsonl", NULL};
static const struct engine_form results[] = {
	{".txt", "a key a line"},
	{".json", "an array of keys"},
	{".out.q", "an array of keys, too"},
};
static const struct engine_query_names queries = {".q", results, 3};

static const struct engine_text texts[] = {
	{".schema", "how it is defined: 'toy'", true},
	{".keys", "the keys of the items as an array; others are removed and made", true},
	{".kind", "what this is", false},
	{NULL, NULL, false},
};
static const struct engine_feed feed = {".changes", "each write as a line; tail -f works"};
static const struct engine_script scripts[] = {
	{".run", "runs lines 'set KEY OBJECT' and 'del KEY', all or none", false},
	{".new", "makes an item of the object, and tells its name", false},
	{NULL, NULL, false},
};

static int toy_level(void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (path->depth == 2 && toy_at_item(t, path, &at, err) == 0) {
		toy_member_level(out);
		out->features |= t->origin != NULL ? ENGINE_IS_FIXED : 0;
		return 0;
	}
	err_clear(err);
	int r = toy_at_directory(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	unsigned features = ENGINE_HAS_CONTROL | ENGINE_HAS_STATUS;
	features |= t->origin != NULL ? ENGINE_IS_FIXED : 0;
	if (path->depth == 0) {
		*out = (struct engine_level){.noun = "toy",
			.child_noun = "box",
			.child = ENGINE_DIR,
			.names = NAME_RULES_DIR,
			.features = features | ENGINE_HAS_MKDIR |
				    (t->cluster.n == 0 ? ENGINE_HAS_CLUSTERS : 0U),
			.feed = &feed,
			.beside_formats = formats};
		return 0;
	}
	*out = (struct engine_level){.noun = "box",
		.child_noun = "item",
		.child = ENGINE_FILE,
		.names = {suffixes, 2},
		.forms = forms,
		.n_forms = 2,
		.features = features | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_REPLICAS |
			    ENGINE_HAS_TIMES | ENGINE_HAS_MEMBERS,
		.texts = texts,
		.scripts = scripts,
		.query = &queries,
		.export_formats = formats,
		.import_formats = formats};
	return 0;
}

static int toy_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (path->depth == 0) {
		if (t->gone) {
			return toy_not_there(err);
		}
		*out = (struct engine_info){
			.kind = ENGINE_DIR, .version = 1, .size = t->tree.n, .mtime_ns = 0};
		out->moves = toy_is_untold(t);
		return 0;
	}
	int r = path->depth == 1 ? toy_at_box(t, path, &at, err) : toy_at_item(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	if (path->depth == 3) {
		return toy_member_stat(
			&t->tree.boxes[at.box].items[at.item], path->key[2], out, err);
	}
	if (path->depth == 1) {
		toy_box_info(&t->tree.boxes[at.box], out);
	} else {
		toy_item_info(&t->tree.boxes[at.box].items[at.item], form, out);
	}
	return 0;
}

static void list_boxes(struct toy *t, const struct slice *after, engine_emit *emit, void *arg)
{
	size_t i = 0;
	if (after != NULL && toy_find_box(&t->tree, *after, &i)) {
		i++;
	}
	for (; i < t->tree.n; i++) {
		struct engine_info info;
		toy_box_info(&t->tree.boxes[i], &info);
		if (emit(arg, buf_slice(&t->tree.boxes[i].key), &info) != 0) {
			return;
		}
	}
}

static int toy_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (path->depth == 2 && toy_at_item(t, path, &at, err) == 0) {
		return toy_member_list(
			&t->tree.boxes[at.box].items[at.item], after, emit, arg, err);
	}
	err_clear(err);
	int r = toy_at_directory(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	if (path->depth == 0) {
		list_boxes(t, after, emit, arg);
		return 0;
	}
	const struct toy_box *b = &t->tree.boxes[at.box];
	size_t i = 0;
	if (after != NULL && toy_find_item(b, *after, &i)) {
		i++;
	}
	for (; i < b->n; i++) {
		struct engine_info info = {.kind = ENGINE_FILE};
		if (form != ENGINE_NAMES) {
			toy_item_info(&b->items[i], form, &info);
		}
		if (emit(arg, buf_slice(&b->items[i].key), &info) != 0) {
			break;
		}
	}
	return 0;
}

static int toy_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	int r = toy_at_directory(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	size_t n = path->depth == 0 ? t->tree.n : t->tree.boxes[at.box].n;
	for (size_t i = 0; i < n; i++) {
		const struct buf *k = path->depth == 0 ? &t->tree.boxes[i].key
						       : &t->tree.boxes[at.box].items[i].key;
		unsigned char other[NAME_HASH_BYTES];
		name_hash(buf_slice(k), other);
		if (memcmp(other, hash, sizeof(other)) == 0) {
			buf_append_slice(key, buf_slice(k));
			return 0;
		}
	}
	return toy_not_there(err);
}

static int toy_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (path->depth < 2) {
		int r = toy_at_directory(t, path, &at, err);
		return r != 0 ? r : err_set(err, EISDIR, "this is a directory");
	}
	int r = toy_at_item(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	const struct toy_item *item = &t->tree.boxes[at.box].items[at.item];
	if (path->depth == 3) {
		return toy_member_read(item, path->key[2], out, info, err);
	}
	toy_render(buf_slice(&item->text), form, out);
	toy_item_info(item, form, info);
	return 0;
}

/* ---- the table ---- */

const struct engine_ops toy_memory_ops = {
	.service = "toy",
	.backend = "memory",
	.summary = "Boxes of JSON objects, for the tests",
	.open = toy_open,
	.close = toy_close,
	.level = toy_level,
	.stat = toy_stat,
	.list = toy_list,
	.find_hashed = toy_find_hashed,
	.read = toy_read,
	.draft_new = toy_draft_new,
	.draft_feed = toy_draft_feed,
	.draft_complete = toy_draft_complete,
	.draft_free = toy_draft_free,
	.check = toy_check,
	.check_key = toy_check_key,
	.write = toy_write,
	.remove = toy_remove,
	.rename = toy_rename,
	.mkdir = toy_mkdir,
	.rmdir = toy_rmdir,
	.status = toy_status,
	.text_read = toy_text_read,
	.text_write = toy_text_write,
	.feed_bounds = toy_feed_bounds,
	.feed_read = toy_feed_read,
	.commands = toy_commands,
	.view_list = toy_view_list,
	.view_open = toy_view_open,
	.view_create = toy_view_create,
	.view_remove = toy_view_remove,
	.view_rename = toy_view_rename,
	.query_open = toy_query_open,
	.export_open = toy_export_open,
	.export_read = toy_export_read,
	.export_close = toy_export_close,
	.import_open = toy_import_open,
	.import_feed = toy_import_feed,
	.import_finish = toy_import_finish,
	.import_abort = toy_import_abort,
};
