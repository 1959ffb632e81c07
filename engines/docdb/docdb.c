/* DocumentDB on SQLite: what a path means, and the table of operations. */
#include "engines/docdb/docdb.h"

#include "engines/docdb/service/cluster.h"

/* ---- levels ---- */

static const char *const document_suffixes[] = {".json", ".ejson"};
static const struct name_rules document_names = {document_suffixes, 2};
static const struct engine_form document_forms[] = {
	{".json", "the document as relaxed Extended JSON"},
	{".ejson", "the same as canonical Extended JSON, which tells every type"},
};

static const struct engine_form query_results[] = {
	{".out.json", "the result as one array"},
	{".out.jsonl", "the result, a document a line"},
	{".explain.json", "how the query runs: which index, how many keys"},
};
static const struct engine_query_names query_names = {".json", query_results, 3};

static const struct engine_text collection_texts[] = {
	{".indexes", "the indexes; saving others drops and builds what differs", true},
	{0},
};
static const struct engine_text copied_texts[] = {
	{".indexes", "the indexes", false},
	{0},
};

static const struct engine_script collection_scripts[] = {
	{".new", "adds the document written to it, under a new ObjectId unless it has an _id",
		false},
	{".update", "updates or deletes the documents that a filter matches", false},
	{0},
};

static const struct engine_feed cluster_feed = {
	".changes", "each change of a collection with a change stream, a line of JSON each"};
static const struct engine_feed collection_feed = {
	".changes", "each change as a line of JSON, kept for three hours; tail -f works"};

static const char *cluster_help(const struct docdb_view *view)
{
	if (view != NULL && view->kind == ENGINE_VIEW_REPLICA) {
		return "A replica: what the cluster held a moment ago. It takes no writes; "
		       "'failover' in .control makes it the primary.";
	}
	return "Each directory is a collection of documents. mkdir makes one, rmdir removes one "
	       "without documents, mv renames. NAME.json, .jsonl, .ejson, .ejsonl and .csv are a "
	       "collection as one file, to read and to write.";
}

static void level_cluster(const struct docdb_view *view, struct engine_level *out)
{
	out->noun = "cluster";
	out->child_noun = "collection";
	out->child = ENGINE_DIR;
	out->names = NAME_RULES_DIR;
	out->features = ENGINE_HAS_STATUS;
	out->beside_formats = docdb_formats;
	out->help = cluster_help(view);
	if (view == NULL || view->kind == ENGINE_VIEW_CLUSTER) {
		out->features |= ENGINE_HAS_CONTROL | ENGINE_HAS_SNAPSHOTS | ENGINE_HAS_MKDIR |
				 ENGINE_HAS_REPLICAS | ENGINE_HAS_TIMES;
		out->feed = &cluster_feed;
	} else if (view->kind == ENGINE_VIEW_REPLICA) {
		out->features |= ENGINE_HAS_CONTROL;
	}
	if (view == NULL) {
		out->features |= ENGINE_HAS_CLUSTERS;
	}
}

static void level_collection(const struct docdb_view *view, struct engine_level *out)
{
	bool copy = view != NULL && view->kind != ENGINE_VIEW_CLUSTER;

	out->noun = "collection";
	out->child_noun = "document";
	out->child = ENGINE_FILE;
	out->names = document_names;
	out->forms = document_forms;
	out->n_forms = 2;
	out->features = ENGINE_HAS_STATUS | (copy ? 0 : ENGINE_HAS_CONTROL);
	out->export_formats = docdb_formats;
	out->import_formats = copy ? NULL : docdb_formats;
	out->texts = copy ? copied_texts : collection_texts;
	out->scripts = copy ? NULL : collection_scripts;
	out->feed = copy ? NULL : &collection_feed;
	out->query = &query_names;
	out->help =
		"Each file is a document, named by its _id; what you save replaces it. ID.ejson, "
		"not listed, tells every type. .query/NAME.json takes a find or an aggregation "
		"pipeline, .query/NAME.out.json is its result.";
}

static int docdb_sqlite_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct docdb_view *view = ((const struct docdb *)ctx)->view;

	*out = (struct engine_level){0};
	switch (path->depth) {
	case 0: level_cluster(view, out); break;
	case 1: level_collection(view, out); break;
	default: return err_set(err, ENOTDIR, "a document is a file, nothing lies below it");
	}
	if (view != NULL && view->kind != ENGINE_VIEW_CLUSTER) {
		out->features |= ENGINE_IS_FIXED;
	}
	return 0;
}

/* ---- stat ---- */

/* The host is told of changes in the default cluster; of another nothing is cached. */
static bool moves(const struct docdb *d)
{
	return d->view != NULL && d->view->kind == ENGINE_VIEW_CLUSTER;
}

struct look {
	const struct epath *path;
	enum docdb_form form;
	struct engine_info *out;
};

static void collection_info(const struct docdb_collection *c, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_DIR,
		.version = (uint64_t)c->mtime_ns + 1,
		.size = c->documents,
		.mtime_ns = c->mtime_ns};
}

static int stat_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct look *l = arg;
	const struct slice *key = l->path->key;
	struct docdb_collection collection;
	int rc;

	switch (l->path->depth) {
	case 0: return docdb_database_stat(c, l->out, err);
	case 1:
		rc = docdb_collection_find(c, key[0], &collection, err);
		if (rc == 0) {
			collection_info(&collection, l->out);
		}
		return rc;
	default: return docdb_doc_stat(c, key[0], key[1], l->form, l->out, err);
	}
}

/* One that is stopped, damaged or not yet there is there all the same: its .control can be
 * reached. */
static int stat_shut(struct docdb *d, struct engine_info *out, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	struct docdb_def def = {0};

	int rc = docdb_is_unused(d) ? docdb_catalog_mtime(d->service, &def.created_ns, err)
				    : docdb_cluster_of(d, &c, err);
	if (rc < 0) {
		return rc;
	}
	if (c != NULL) {
		docdb_def_now(c, &def);
	}
	*out = (struct engine_info){.kind = ENGINE_DIR,
		.version = 1,
		.mtime_ns = def.stopped_ns != 0 ? def.stopped_ns : def.created_ns};
	return 0;
}

static int docdb_sqlite_stat(void *ctx, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err)
{
	struct look l = {path, form == 1 ? DOCDB_CANONICAL : DOCDB_RELAXED, out};
	struct docdb *d = ctx;
	struct err why = {0};

	if (path->depth > 2) {
		return err_set(err, ENOTDIR, "a document is a file, nothing lies below it");
	}
	int rc = docdb_read_at(d, stat_fn, &l, &why);
	if (rc < 0 && path->depth == 0 &&
		(d->view == NULL || d->view->kind == ENGINE_VIEW_CLUSTER)) {
		rc = stat_shut(d, out, err);
	} else if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	out->moves = out->kind == ENGINE_DIR && moves(d);
	return rc;
}

/* ---- list ---- */

/* A listing that a failover interrupts goes on behind what it has given. */
struct listing {
	struct docdb *d;
	const struct epath *path;
	unsigned form;
	engine_emit *emit;
	void *arg;
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

static int emit_collection(void *arg, const struct docdb_collection *c, struct err *err)
{
	struct listing *l = arg;
	struct engine_info info;

	(void)err;
	collection_info(c, &info);
	info.moves = moves(l->d);
	return emit_on(l, slice_of(c->name), &info);
}

static int list_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	struct listing *l = arg;

	if (l->stop) {
		return 0;
	}
	/* `last` moves while the listing goes on. */
	buf_append_slice(&from, buf_slice(&l->last));
	struct slice after = buf_slice(&from);
	int rc = buf_check(&from, err);
	if (rc == 0) {
		rc = l->path->depth == 0
			     ? docdb_collection_each(
				       c, l->begun ? &after : NULL, emit_collection, l, err)
			     : docdb_doc_list(c, l->path->key[0], l->begun ? &after : NULL, l->form,
				       emit_on, l, err);
	}
	return rc < 0 ? rc : buf_check(&l->last, err);
}

static int docdb_sqlite_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {.d = ctx,
		.path = path,
		.form = form,
		.emit = emit,
		.arg = arg,
		.begun = after != NULL};

	if (path->depth > 1) {
		return err_set(err, ENOTDIR, "a document is a file, nothing lies below it");
	}
	if (path->depth == 0 && docdb_is_unused(ctx)) {
		return 0;
	}
	if (after != NULL) {
		buf_append_slice(&l.last, *after);
	}
	int rc = docdb_read_at(ctx, list_fn, &l, err);
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

static int match_collection(void *arg, const struct docdb_collection *c, struct err *err)
{
	unsigned char own[NAME_HASH_BYTES];
	struct hashed *h = arg;

	(void)err;
	name_hash(slice_of(c->name), own);
	if (memcmp(own, h->hash, sizeof(own)) == 0) {
		buf_puts(h->key, c->name);
		h->found = true;
	}
	return h->found;
}

static int hashed_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct hashed *h = arg;

	h->found = false;
	if (h->path->depth > 0) {
		return docdb_doc_find_hashed(c, h->path->key[0], h->hash, h->key, err);
	}
	int rc = docdb_collection_each(c, NULL, match_collection, h, err);
	return rc < 0 || h->found ? rc : err_set(err, ENOENT, "no collection's name has this hash");
}

static int docdb_sqlite_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct hashed h = {path, hash, key, false};

	int rc = docdb_read_at(ctx, hashed_fn, &h, err);
	return rc < 0 ? rc : 0;
}

/* ---- the whole ---- */

/* Each cluster, until fn fails. */
typedef int cluster_fn(struct docdb_cluster *c, void *arg, struct err *err);
static int each_cluster(struct docdb_service *s, cluster_fn *fn, void *arg, struct err *err)
{
	char last[DOCDB_NAME_MAX + 1] = "";
	struct docdb_cluster *c;
	int rc = 0;

	while (rc == 0 && (c = docdb_next(s, slice_of(last))) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		rc = fn(c, arg, err);
		docdb_put(c);
	}
	return rc;
}

static int sync_cluster(struct docdb_cluster *c, void *arg, struct err *err)
{
	(void)arg;
	/* A stopped one has nothing that waits. */
	if (cluster_state(&c->base) == DOCDB_STOPPED) {
		return 0;
	}
	int rc = docdb_enter(c, err);
	if (rc == 0) {
		rc = instance_sync(c->store, err);
		cluster_leave(&c->base);
	}
	return rc;
}

static int docdb_sqlite_sync(void *ctx, const struct epath *path, struct err *err)
{
	struct docdb *d = ctx;
	DOCDB_CLUSTER c = NULL;

	(void)path;
	if (d->service->base.read_only ||
		(d->view != NULL && d->view->kind != ENGINE_VIEW_CLUSTER)) {
		return 0;
	}
	if (d->view == NULL) {
		return each_cluster(d->service, sync_cluster, NULL, err);
	}
	int rc = docdb_cluster_of(d, &c, err);
	return rc < 0 ? rc : sync_cluster(c, NULL, err);
}

static int add_bytes(struct docdb_cluster *c, void *arg, struct err *err)
{
	(void)err;
	struct err why = {0};

	if (docdb_enter(c, &why) == 0) {
		*(uint64_t *)arg += instance_bytes(c->store);
		cluster_leave(&c->base);
	}
	return 0;
}

/* Of the clusters, as they say, and of the files of snapshots. */
static uint64_t docdb_sqlite_bytes(void *ctx)
{
	const struct docdb *d = ctx;
	uint64_t bytes = clusters_file_bytes(&d->service->base);
	struct err ignored = {0};

	each_cluster(d->service, add_bytes, &bytes, &ignored);
	return bytes;
}

/* ---- the table ---- */

const struct engine_ops docdb_sqlite_ops = {
	.service = "docdb",
	.backend = "sqlite",
	.summary = "documents: <collection>/<_id>.json",
	.open = docdb_sqlite_open,
	.close = docdb_sqlite_close,
	.level = docdb_sqlite_level,
	.stat = docdb_sqlite_stat,
	.list = docdb_sqlite_list,
	.find_hashed = docdb_sqlite_find_hashed,
	.read = docdb_sqlite_read,
	.draft_new = docdb_sqlite_draft_new,
	.draft_feed = docdb_sqlite_draft_feed,
	.draft_complete = docdb_sqlite_draft_complete,
	.draft_free = docdb_sqlite_draft_free,
	.check = docdb_sqlite_check,
	.check_key = docdb_sqlite_check_key,
	.write = docdb_sqlite_write,
	.remove = docdb_sqlite_remove,
	.rename = docdb_sqlite_rename,
	.mkdir = docdb_sqlite_mkdir,
	.rmdir = docdb_sqlite_rmdir,
	.status = docdb_sqlite_status,
	.text_read = docdb_sqlite_text_read,
	.text_write = docdb_sqlite_text_write,
	.feed_bounds = docdb_sqlite_feed_bounds,
	.feed_read = docdb_sqlite_feed_read,
	.commands = docdb_sqlite_commands,
	.view_list = docdb_sqlite_view_list,
	.view_open = docdb_sqlite_view_open,
	.view_create = docdb_sqlite_view_create,
	.view_remove = docdb_sqlite_view_remove,
	.query_open = docdb_sqlite_query_open,
	.export_open = docdb_sqlite_export_open,
	.export_read = docdb_sqlite_export_read,
	.export_close = docdb_sqlite_export_close,
	.import_open = docdb_sqlite_import_open,
	.import_feed = docdb_sqlite_import_feed,
	.import_finish = docdb_sqlite_import_finish,
	.import_abort = docdb_sqlite_import_abort,
	.sync = docdb_sqlite_sync,
	.bytes = docdb_sqlite_bytes,
};
