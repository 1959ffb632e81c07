/* ElastiCache: the table of operations. What is asked below a cluster goes on to a tree. */
#include <stdio.h>

#include "engines/cache/service.h"

static int is_a_directory(struct err *err)
{
	return err_set(err, EISDIR, "a cluster is a directory");
}

static int not_offered(int code, const char *what, struct err *err)
{
	return err_set(err, code, "there is no %s here", what);
}

static bool is_fixed_view(const struct cache *x)
{
	const struct cache_view *v = x->view;

	return v != NULL && (v->file != NULL || v->node[0] != '\0' || v->reader);
}

static int check_writable(const struct cache *x, struct err *err)
{
	if (is_fixed_view(x)) {
		return err_set(err, EROFS, "READONLY You can't write against a read only replica.");
	}
	return clusters_check_writable(&x->service->base, err);
}

/* Its content moves by itself. */
static bool follows(const struct cache *x)
{
	return is_fixed_view(x) && x->view->file == NULL;
}

/* ---- stat ---- */

/* One that cannot be opened is there all the same: its .control can be reached. */
static int stat_shut(
	struct cache *x, const struct epath *path, struct engine_info *out, struct err *err)
{
	CACHE_CLUSTER c = NULL;

	int rc = cache_cluster_at(x, path, &c, err);
	if (rc == 0) {
		*out = (struct engine_info){
			.kind = ENGINE_DIR, .version = 1, .mtime_ns = c->def.created_ns};
	}
	return rc;
}

static int stat_inside(struct cache *x, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err)
{
	struct cache_try t = cache_try(x, path, CACHE_READS);
	struct engine_info info = {0};

	while (cache_try_next(&t)) {
		t.rc = t.at.ops->stat(t.at.tree, &t.at.path, form, &info, &t.err);
	}
	if (t.rc < 0 && t.rc != -ENOENT && path->depth == 1 && x->view == NULL) {
		return stat_shut(x, path, out, err);
	}
	int rc = cache_try_end(&t, err);
	if (rc == 0) {
		info.moves = info.moves || (info.kind == ENGINE_DIR && follows(x));
		*out = info;
	}
	return rc;
}

static int cache_sqlite_stat(void *ctx, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err)
{
	struct cache *x = ctx;
	int64_t mtime_ns = x->view != NULL ? x->view->time_ns : 0;

	if (path->depth > 0) {
		return stat_inside(x, path, form, out, err);
	}
	int rc = x->view == NULL ? cache_catalog_mtime(x->service, &mtime_ns, err) : 0;
	*out = (struct engine_info){
		.kind = ENGINE_DIR, .version = (uint64_t)mtime_ns + 1, .mtime_ns = mtime_ns};
	return rc;
}

/* ---- list ---- */

/* One that a failover interrupts goes on behind what it has given. */
struct listing {
	engine_emit *emit;
	void *arg;
	bool begun; /* behind `last` */
	bool stop;
	struct buf last;
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

static int list_behind(struct cache_try *t, struct listing *l, unsigned form)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;

	if (l->stop) {
		return 0;
	}
	/* `last` moves while the listing goes on. */
	buf_append_slice(&from, buf_slice(&l->last));
	struct slice after = buf_slice(&from);
	int rc = buf_check(&from, &t->err);
	rc = rc < 0 ? rc
		    : t->at.ops->list(t->at.tree, &t->at.path, l->begun ? &after : NULL, form,
			      emit_on, l, &t->err);
	return rc < 0 ? rc : buf_check(&l->last, &t->err);
}

static int list_inside(struct cache *x, const struct epath *path, unsigned form, struct listing *l,
	struct err *err)
{
	struct cache_try t = cache_try(x, path, CACHE_READS);

	while (cache_try_next(&t)) {
		t.rc = list_behind(&t, l, form);
	}
	return cache_try_end(&t, err);
}

static int list_clusters(struct cache *x, struct slice after, engine_emit *emit, void *arg)
{
	char last[CACHE_NAME_MAX + 1];
	struct cache_cluster *c;
	bool stop = false;

	while (!stop && (c = cache_next(x->service, after)) != NULL) {
		struct engine_info info = {.kind = ENGINE_DIR, .version = 1};
		struct err ignored = {0};
		memcpy(last, c->def.name, sizeof(last));
		after = slice_of(last);
		struct epath path = {.depth = 1, .key = {after}};
		stop = stat_inside(x, &path, 0, &info, &ignored) == 0 &&
		       emit(arg, after, &info) != 0;
		cache_put(c);
	}
	return 0;
}

static int list_view(
	struct cache *x, struct slice after, engine_emit *emit, void *arg, struct err *err)
{
	struct slice name = slice_of(x->view->name);
	struct epath path = {.depth = 1, .key = {name}};
	struct engine_info info;

	if (slice_compare(name, after) <= 0) {
		return 0;
	}
	int rc = stat_inside(x, &path, 0, &info, err);
	if (rc == 0) {
		emit(arg, name, &info);
	}
	return rc;
}

static int cache_sqlite_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {.emit = emit, .arg = arg, .begun = after != NULL};
	struct slice from = after != NULL ? *after : slice_of("");
	struct cache *x = ctx;

	if (path->depth == 0) {
		return x->view != NULL ? list_view(x, from, emit, arg, err)
				       : list_clusters(x, from, emit, arg);
	}
	buf_append_slice(&l.last, from);
	int rc = list_inside(x, path, form, &l, err);
	buf_free(&l.last);
	return rc;
}

/* ---- reading ---- */

static int cache_sqlite_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth == 0) {
		return err_set(err, ENOENT, "there is no cluster with such a name");
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->find_hashed != NULL
			       ? t.at.ops->find_hashed(t.at.tree, &t.at.path, hash, key, &t.err)
			       : not_offered(ENOENT, "such name", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth <= 1) {
		return is_a_directory(err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->read(t.at.tree, &t.at.path, form, out, info, &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_attr_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth <= 1) {
		return is_a_directory(err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->attr_read != NULL
			       ? t.at.ops->attr_read(t.at.tree, &t.at.path, name, out, &t.err)
			       : not_offered(ENOTSUP, "attribute", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth == 0) {
		return not_offered(ENOTSUP, "text", err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->text_read != NULL
			       ? t.at.ops->text_read(t.at.tree, &t.at.path, name, out, &t.err)
			       : not_offered(ENOTSUP, "text", &t.err);
	}
	return cache_try_end(&t, err);
}

/* ---- writing ---- */

static int cache_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth <= 1) {
		return is_a_directory(err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->check != NULL
			       ? t.at.ops->check(t.at.tree, &t.at.path, form, text, expect, &t.err)
			       : 0;
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_check_key(void *ctx, const struct epath *path, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth <= 1) {
		return 0;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->check_key != NULL
			       ? t.at.ops->check_key(t.at.tree, &t.at.path, &t.err)
			       : 0;
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = path->depth <= 1 ? is_a_directory(err) : check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->write != NULL ? t.at.ops->write(t.at.tree, &t.at.path, form, text,
							 expect, out, &t.err)
					       : not_offered(EROFS, "writing", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_set_time(
	void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	if (path->depth <= 1) {
		return 0;
	}
	int rc = check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->set_time != NULL
			       ? t.at.ops->set_time(t.at.tree, &t.at.path, mtime_ns, &t.err)
			       : 0;
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_attr_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = path->depth <= 1 ? is_a_directory(err) : check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->attr_write != NULL
			       ? t.at.ops->attr_write(t.at.tree, &t.at.path, name, text, &t.err)
			       : not_offered(ENOTSUP, "attribute", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_attr_remove(
	void *ctx, const struct epath *path, const char *name, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = path->depth <= 1 ? is_a_directory(err) : check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->attr_remove != NULL
			       ? t.at.ops->attr_remove(t.at.tree, &t.at.path, name, &t.err)
			       : not_offered(ENOTSUP, "attribute", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = path->depth == 0 ? not_offered(ENOTSUP, "text", err) : check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->text_write != NULL
			       ? t.at.ops->text_write(t.at.tree, &t.at.path, name, text, &t.err)
			       : not_offered(ENOTSUP, "text", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_remove(
	void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = path->depth <= 1 ? is_a_directory(err) : check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->remove != NULL
			       ? t.at.ops->remove(t.at.tree, &t.at.path, expect, &t.err)
			       : not_offered(EROFS, "removing", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err)
{
	struct cache_try t = cache_try(ctx, from, CACHE_WRITES);

	if (from->depth > 1 && to->depth <= 1) {
		return err_set(err, EINVAL, "a key stays in a cluster");
	}
	if (from->depth <= 1) {
		return err_set(err, ENOTSUP,
			"a cluster keeps its name: 'snapshot' it and 'restore' it as another");
	}
	if (!slice_equal(from->key[0], to->key[0])) {
		return err_set(err, EXDEV, "clusters are apart: copy it, then remove it");
	}
	int rc = check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		struct epath target = epath_tail(to);
		t.rc = t.at.ops->rename != NULL
			       ? t.at.ops->rename(t.at.tree, &t.at.path, &target, flags, &t.err)
			       : not_offered(EXDEV, "renaming", &t.err);
	}
	return cache_try_end(&t, err);
}

/* ---- containers ---- */

static int create_cluster(struct cache *x, struct slice name, struct err *err)
{
	struct cache_def def;

	if (name.n > CACHE_NAME_MAX) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: a ReplicationGroupId has at most %d characters",
			CACHE_NAME_MAX);
	}
	cache_def_init(&def, name, CACHE_REDIS);
	return cache_create(x->service, &def, 0, NULL, err);
}

static int cache_sqlite_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = check_writable(ctx, err);
	if (rc < 0 || path->depth == 1) {
		return rc < 0 ? rc : create_cluster(ctx, path->key[0], err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->mkdir != NULL ? t.at.ops->mkdir(t.at.tree, &t.at.path, &t.err)
					       : not_offered(ENOTSUP, "mkdir", &t.err);
	}
	return cache_try_end(&t, err);
}

static int delete_cluster(struct cache *x, const struct epath *path, struct err *err)
{
	static const struct cache_progress silent;
	CACHE_CLUSTER c = NULL;

	int rc = cache_cluster_at(x, path, &c, err);
	return rc < 0 ? rc : cache_delete(c, true, NULL, &silent, err);
}

static int cache_sqlite_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_WRITES);

	int rc = check_writable(ctx, err);
	if (rc < 0 || path->depth == 1) {
		return rc < 0 ? rc : delete_cluster(ctx, path, err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->rmdir != NULL ? t.at.ops->rmdir(t.at.tree, &t.at.path, &t.err)
					       : not_offered(ENOTSUP, "rmdir", &t.err);
	}
	return cache_try_end(&t, err);
}

/* ---- feeds ---- */

static int cache_sqlite_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth == 0) {
		return not_offered(ENOTSUP, "feed", err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->feed_bounds != NULL
			       ? t.at.ops->feed_bounds(t.at.tree, &t.at.path, start, end, &t.err)
			       : not_offered(ENOTSUP, "feed", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth == 0) {
		return not_offered(ENOTSUP, "feed", err);
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->feed_read != NULL ? t.at.ops->feed_read(t.at.tree, &t.at.path,
							     offset, max, out, &t.err)
						   : not_offered(ENOTSUP, "feed", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_feed_append(
	void *ctx, const struct epath *path, struct slice text, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	int rc = path->depth == 0 ? not_offered(EROFS, "feed", err) : check_writable(ctx, err);
	if (rc < 0) {
		return rc;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->feed_append != NULL
			       ? t.at.ops->feed_append(t.at.tree, &t.at.path, text, &t.err)
			       : not_offered(EROFS, "feed", &t.err);
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_feed_open(void *ctx, const struct epath *path, struct err *err)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth == 0) {
		return 0;
	}
	while (cache_try_next(&t)) {
		t.rc = t.at.ops->feed_open != NULL
			       ? t.at.ops->feed_open(t.at.tree, &t.at.path, &t.err)
			       : 0;
	}
	return cache_try_end(&t, err);
}

/* Of a cluster that is gone there is nothing to close any more. */
static void cache_sqlite_feed_close(void *ctx, const struct epath *path)
{
	struct cache_try t = cache_try(ctx, path, CACHE_READS);

	if (path->depth > 0 && cache_try_next(&t)) {
		if (t.at.ops->feed_close != NULL) {
			t.at.ops->feed_close(t.at.tree, &t.at.path);
		}
		cache_place_leave(&t.at);
	}
}

/* ---- the whole ---- */

/* Each open cluster, until fn fails. */
typedef int cluster_fn(struct cache_cluster *c, void *arg, struct err *err);
static int each_open(struct cache_service *s, cluster_fn *fn, void *arg, struct err *err)
{
	char last[CACHE_NAME_MAX + 1] = "";
	struct cache_cluster *c;
	struct err why = {0};
	int rc = 0;

	while (rc == 0 && (c = cache_next(s, slice_of(last))) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		if (c->def.kind == CACHE_REDIS && cluster_is_open(&c->base) &&
			cache_enter(c, &why) == 0) {
			rc = fn(c, arg, err);
			cluster_leave(&c->base);
		}
		cache_put(c);
	}
	return rc;
}

/* What a cluster that keeps nothing would have to keep. */
static int sync_cluster(struct cache_cluster *c, void *arg, struct err *err)
{
	struct cache_def def;

	(void)arg;
	cache_def_now(c, &def);
	return def.persistence == CACHE_NONE ? 0 : instance_sync(c->store, err);
}

static int sync_inside(struct cache *x, const struct epath *path, struct err *err)
{
	struct cache_try t = cache_try(x, path, CACHE_READS);

	while (cache_try_next(&t)) {
		struct cache_cluster *c = t.at.cluster;
		t.rc = t.at.ops->sync != NULL ? t.at.ops->sync(t.at.tree, &t.at.path, &t.err) : 0;
		if (t.rc == 0 && t.at.copy != NULL && t.at.copy->db != NULL) {
			t.rc = sync_cluster(c, NULL, &t.err);
		}
	}
	return cache_try_end(&t, err);
}

static int cache_sqlite_sync(void *ctx, const struct epath *path, struct err *err)
{
	struct cache *x = ctx;

	if (x->service->base.read_only || is_fixed_view(x)) {
		return 0;
	}
	return path->depth == 0 ? each_open(x->service, sync_cluster, NULL, err)
				: sync_inside(x, path, err);
}

static int add_bytes(struct cache_cluster *c, void *arg, struct err *err)
{
	(void)err;
	*(uint64_t *)arg += instance_bytes(c->store);
	return 0;
}

/* Of the clusters, as they say, and of the files of snapshots. */
static uint64_t cache_sqlite_bytes(void *ctx)
{
	const struct cache *x = ctx;
	uint64_t bytes = clusters_file_bytes(&x->service->base);
	struct err ignored = {0};

	each_open(x->service, add_bytes, &bytes, &ignored);
	return bytes;
}

/* ---- the table ---- */

const struct engine_ops cache_sqlite_ops = {
	.service = "cache",
	.backend = "sqlite",
	.summary = "caches: <cluster>/<key>",
	.open = cache_sqlite_open,
	.close = cache_sqlite_close,
	.level = cache_sqlite_level,
	.stat = cache_sqlite_stat,
	.list = cache_sqlite_list,
	.find_hashed = cache_sqlite_find_hashed,
	.read = cache_sqlite_read,
	.draft_new = cache_sqlite_draft_new,
	.draft_feed = cache_sqlite_draft_feed,
	.draft_complete = cache_sqlite_draft_complete,
	.draft_free = cache_sqlite_draft_free,
	.check = cache_sqlite_check,
	.check_key = cache_sqlite_check_key,
	.write = cache_sqlite_write,
	.set_time = cache_sqlite_set_time,
	.attr_read = cache_sqlite_attr_read,
	.attr_write = cache_sqlite_attr_write,
	.attr_remove = cache_sqlite_attr_remove,
	.remove = cache_sqlite_remove,
	.rename = cache_sqlite_rename,
	.mkdir = cache_sqlite_mkdir,
	.rmdir = cache_sqlite_rmdir,
	.status = cache_sqlite_status,
	.text_read = cache_sqlite_text_read,
	.text_write = cache_sqlite_text_write,
	.feed_bounds = cache_sqlite_feed_bounds,
	.feed_read = cache_sqlite_feed_read,
	.feed_append = cache_sqlite_feed_append,
	.feed_open = cache_sqlite_feed_open,
	.feed_close = cache_sqlite_feed_close,
	.commands = cache_sqlite_commands,
	.view_list = cache_sqlite_view_list,
	.view_open = cache_sqlite_view_open,
	.view_create = cache_sqlite_view_create,
	.view_remove = cache_sqlite_view_remove,
	.view_rename = cache_sqlite_view_rename,
	.query_open = cache_sqlite_query_open,
	.export_open = cache_sqlite_export_open,
	.export_read = cache_sqlite_export_read,
	.export_close = cache_sqlite_export_close,
	.import_open = cache_sqlite_import_open,
	.import_feed = cache_sqlite_import_feed,
	.import_finish = cache_sqlite_import_finish,
	.import_abort = cache_sqlite_import_abort,
	.import_reply = cache_sqlite_import_reply,
	.sync = cache_sqlite_sync,
	.bytes = cache_sqlite_bytes,
};
