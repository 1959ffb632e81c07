/* The files of a Memcached-like cluster. Nothing of them is kept by the kernel: an item can go at
 * any time, and each use counts for how long it stays. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/memcached/items.h"
#include "engines/common/clock.h"

struct mc_tree {
	struct cache_tree base; /* first */
	struct memcached *m;
};

/* ---- level ---- */

static const struct engine_form forms[] = {{"", "the item: its bytes"}};
static const struct engine_script scripts[] = {
	{".exec", "commands of the text protocol (get, set, cas, incr, ..); read the replies back",
		true},
	{0},
};
static const struct engine_room rooms[] = {
	{".meta", "flags, cas and exptime of each item as JSON; saving it compares and swaps"},
	{0},
};

static int tree_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	(void)ctx;
	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "nothing lies below an item");
	}
	*out = (struct engine_level){
		.noun = "cluster",
		.child_noun = "item",
		.child = ENGINE_FILE,
		.names = NAME_RULES_DIR,
		.forms = forms,
		.n_forms = 1,
		.features = ENGINE_HAS_STATUS | ENGINE_TAKES_EMPTY,
		.scripts = scripts,
		.rooms = rooms,
		.help = "Each file is an item: its bytes, at most 1 MiB with its key. Items are in "
			"memory only: those used longest ago go when it is full, all of them when "
			"the mount ends. Saving a file anew is set with flags 0 and no end; "
			"editing "
			"it in place keeps both.",
	};
	return 0;
}

int mc_check_key(struct slice key, bool asked, struct err *err)
{
	int code = asked ? ENOENT : EINVAL;

	if (key.n < 1 || key.n > MC_KEY_MAX) {
		return err_set(err, code, "a key of memcached has 1 to %d bytes, this one %zu",
			MC_KEY_MAX, key.n);
	}
	for (size_t i = 0; i < key.n; i++) {
		unsigned char c = (unsigned char)key.p[i];
		if (c <= ' ' || c == 0x7f) {
			return err_set(err, code,
				"a key of memcached has no spaces and no control characters");
		}
	}
	return 0;
}

static int tree_check_key(void *ctx, const struct epath *path, struct err *err)
{
	(void)ctx;
	return mc_check_key(path->key[0], false, err);
}

/* ---- read ---- */

static int missing(struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	name_escape(key, &name);
	return err_set(err, ENOENT, "there is no item %s", buf_cstr(&name));
}

static void file_info(const struct mc_info *info, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_FILE,
		.version = info->cas,
		.size = info->size,
		.mtime_ns = info->mtime_ns};
}

static int check_depth(const struct epath *path, struct err *err)
{
	return path->depth <= 1 ? 0 : err_set(err, ENOTDIR, "nothing lies below an item");
}

static int tree_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct memcached *m = ((const struct mc_tree *)ctx)->m;
	struct mc_info info;

	(void)form;
	if (path->depth == 0) {
		int64_t changed = atomic_load(&m->changed_ns);
		*out = (struct engine_info){.kind = ENGINE_DIR,
			.version = (uint64_t)changed,
			.size = atomic_load(&m->items),
			.mtime_ns = changed,
			.moves = true};
		return 0;
	}
	int rc = check_depth(path, err);
	if (rc < 0 || !mc_get(m, path->key[0], false, NULL, &info)) {
		return rc < 0 ? rc : missing(path->key[0], err);
	}
	file_info(&info, out);
	return 0;
}

static int tree_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct memcached *m = ((const struct mc_tree *)ctx)->m;
	struct mc_info item;

	(void)form;
	if (path->depth == 0) {
		return err_set(err, EISDIR, "a cluster is a directory");
	}
	int rc = check_depth(path, err);
	if (rc < 0 || !mc_get(m, path->key[0], true, out, &item)) {
		return rc < 0 ? rc : missing(path->key[0], err);
	}
	file_info(&item, info);
	return buf_check(out, err);
}

static int tree_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct memcached *m = ((const struct mc_tree *)ctx)->m;
	struct engine_info info;
	struct mc_info item;

	(void)form;
	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "nothing lies below an item");
	}
	if (after != NULL) {
		buf_append_slice(&last, *after);
	}
	struct slice from = buf_slice(&last);
	while (mc_next(m, after != NULL || last.n > 0 ? &from : NULL, &key, &item)) {
		file_info(&item, &info);
		if (key.failed || emit(arg, buf_slice(&key), &info) != 0) {
			break;
		}
		buf_clear(&last);
		buf_append_slice(&last, buf_slice(&key));
		buf_clear(&key);
		from = buf_slice(&last);
		if (last.failed) {
			break;
		}
	}
	int rc = buf_check(&key, err);
	return rc < 0 ? rc : buf_check(&last, err);
}

/* Only keys of many bytes that are escaped come here, so that none is kept by its hash. */
static int tree_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	CLEANUP(buf_free) struct buf found = BUF_INIT;
	struct memcached *m = ((const struct mc_tree *)ctx)->m;
	unsigned char own[NAME_HASH_BYTES];
	struct slice from = {0};
	struct mc_info info;

	(void)path;
	while (mc_next(m, from.p != NULL ? &from : NULL, &found, &info) && !found.failed) {
		name_hash(buf_slice(&found), own);
		if (memcmp(own, hash, sizeof(own)) == 0) {
			buf_append_slice(key, buf_slice(&found));
			return buf_check(key, err);
		}
		buf_clear(&last);
		buf_append_slice(&last, buf_slice(&found));
		buf_clear(&found);
		from = buf_slice(&last);
	}
	return err_set(err, ENOENT, "no item's name has this hash");
}

/* ---- write ---- */

static int refused(
	const struct memcached *m, enum mc_result result, struct slice key, struct err *err)
{
	switch (result) {
	case MC_STORED: return 0;
	case MC_NOT_STORED: return err_set(err, EEXIST, "the item is there already");
	case MC_EXISTS: return err_set(err, EBUSY, "the item changed since it was opened");
	case MC_NOT_FOUND: return missing(key, err);
	case MC_TOO_BIG:
		return err_set(err, EFBIG,
			"SERVER_ERROR object too large for cache: key and value may have %llu "
			"bytes",
			(unsigned long long)(m->item_max - MC_OVERHEAD));
	default: return err_set(err, ENOSPC, "SERVER_ERROR out of memory storing object");
	}
}

static int tree_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	const struct memcached *m = ((const struct mc_tree *)ctx)->m;

	(void)form;
	(void)expect;
	return mc_fits(m, path->key[0].n, text.n, 0) ? 0
						     : refused(m, MC_TOO_BIG, path->key[0], err);
}

static int tree_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct memcached *m = ((const struct mc_tree *)ctx)->m;
	bool edit = expect != ENGINE_VERSION_ANY && expect != ENGINE_VERSION_ABSENT;
	struct mc_info info;
	struct mc_put put = {.mode = edit			       ? MC_CAS
				     : expect == ENGINE_VERSION_ABSENT ? MC_ADD
								       : MC_SET,
		.value = text,
		.cas = expect,
		.keep = edit,
		.same_stays = true};

	(void)form;
	if (path->depth != 1) {
		return err_set(err, EISDIR, "that is no item");
	}
	put.key = path->key[0];
	int rc = mc_check_key(put.key, false, err);
	if (rc < 0) {
		return rc;
	}
	enum mc_result result = mc_store(m, &put, &info);
	if (result == MC_NOT_FOUND) {
		return err_set(err, EBUSY, "the item went since it was opened");
	}
	rc = refused(m, result, put.key, err);
	if (rc == 0) {
		file_info(&info, out);
	}
	return rc;
}

static int tree_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct memcached *m = ((const struct mc_tree *)ctx)->m;

	if (path->depth != 1) {
		return err_set(err, EISDIR, "that is no item");
	}
	enum mc_result result =
		mc_delete(m, path->key[0], expect == ENGINE_VERSION_ANY ? 0 : expect);
	return refused(m, result, path->key[0], err);
}

static int tree_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct memcached *m = ((const struct mc_tree *)ctx)->m;

	if (from->depth != 1 || to->depth != 1) {
		return err_set(err, EXDEV, "items move within their cluster, else they are copied");
	}
	int rc = mc_check_key(to->key[0], false, err);
	if (rc < 0) {
		return rc;
	}
	enum mc_result result = mc_rename(m, from->key[0], to->key[0],
		(flags & RENAME_NOREPLACE) == 0, (flags & RENAME_EXCHANGE) != 0);
	return result == MC_EXISTS ? err_set(err, EEXIST, "the new name is another item's")
				   : refused(m, result, from->key[0], err);
}

/* A time in the future is when it ends. */
static int tree_set_time(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err)
{
	struct memcached *m = ((const struct mc_tree *)ctx)->m;

	if (path->depth != 1 || mtime_ns <= clock_wall_ns()) {
		return 0;
	}
	return mc_touch(m, path->key[0], mtime_ns / 1000000, NULL, NULL)
		       ? 0
		       : missing(path->key[0], err);
}

/* ---- .status, .exec ---- */

static int tree_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	(void)path;
	return memcached_status(((const struct mc_tree *)ctx)->m, out, err);
}

static uint64_t tree_bytes(void *ctx)
{
	return atomic_load(&((const struct mc_tree *)ctx)->m->used);
}

static int tree_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	if (path->depth != 0 || strcmp(mode, "run") != 0 || strcmp(format, "exec") != 0) {
		return err_set(err, ENOTSUP, "a Memcached-like cluster loads nothing but .exec");
	}
	*sink = mc_session_new(((const struct mc_tree *)ctx)->m);
	return *sink != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int tree_import_feed(void *sink, struct slice text, struct err *err)
{
	return mc_session_feed(sink, text, err);
}

static int tree_import_reply(void *sink, struct buf *out, struct err *err)
{
	return mc_session_run(sink, false, out, err);
}

static int tree_import_finish(void *sink, struct buf *report, struct err *err)
{
	int rc = mc_session_run(sink, true, report, err);

	mc_session_free(sink);
	return rc;
}

static void tree_import_abort(void *sink)
{
	mc_session_free(sink);
}

/* ---- life ---- */

static int tree_room(
	struct cache_tree *base, const char *name, struct cache_tree **out, struct err *err)
{
	return strcmp(name, ".meta") == 0 ? mc_meta_room(((struct mc_tree *)base)->m, out, err)
					  : err_set(err, ENOENT, "there is no room %s", name);
}

static void tree_close(struct cache_tree *base)
{
	free(base);
}

static const struct cache_tree_ops tree_ops = {
	.ops =
		{
			.level = tree_level,
			.stat = tree_stat,
			.list = tree_list,
			.find_hashed = tree_find_hashed,
			.read = tree_read,
			.check = tree_check,
			.check_key = tree_check_key,
			.write = tree_write,
			.set_time = tree_set_time,
			.remove = tree_remove,
			.rename = tree_rename,
			.status = tree_status,
			.import_open = tree_import_open,
			.import_feed = tree_import_feed,
			.import_finish = tree_import_finish,
			.import_abort = tree_import_abort,
			.import_reply = tree_import_reply,
			.bytes = tree_bytes,
		},
	.room = tree_room,
	.close = tree_close,
};

int memcached_tree_open(struct memcached *m, struct cache_tree **out, struct err *err)
{
	struct mc_tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	tree->base.ops = &tree_ops;
	tree->m = m;
	*out = &tree->base;
	return 0;
}
