/* Redshift: the table of operations. */
#include <stdlib.h>
#include <string.h>

#include "engines/redshift/load/load.h"
#include "engines/redshift/service/service.h"
#include "engines/redshift/system/system.h"

#define DATA   "data"
#define ERRORS "errors"

static enum redshift_room room_of(const struct redshift *x)
{
	return x->view != NULL ? x->view->room : REDSHIFT_NO_ROOM;
}

static int no_entry(const struct epath *path, struct err *err)
{
	const struct slice key = path->key[path->depth - 1];

	return err_set(err, ENOENT, "there is no %.*s here", (int)(key.n < 200 ? key.n : 200),
		key.n > 0 ? key.p : "");
}

/* ---- stat ---- */

static int stat_service(struct redshift *x, struct engine_info *out, struct err *err)
{
	int64_t mtime_ns = x->view != NULL ? x->view->time_ns : 0;
	int rc = x->view == NULL ? redshift_catalog_mtime(x->service, &mtime_ns, err) : 0;

	*out = (struct engine_info){
		.kind = ENGINE_DIR, .version = (uint64_t)mtime_ns + 1, .mtime_ns = mtime_ns};
	return rc;
}

/* One that cannot be opened is there all the same: its .control can be reached. */
static int stat_shut(
	struct redshift *x, const struct epath *path, struct engine_info *out, struct err *err)
{
	REDSHIFT_CLUSTER c = NULL;

	int rc = redshift_cluster_at(x, path, &c, err);
	if (rc == 0) {
		*out = (struct engine_info){
			.kind = ENGINE_DIR, .version = 1, .mtime_ns = c->def.created_ns};
	}
	return rc;
}

static void stat_cluster(const struct redshift_place *p, struct engine_info *out)
{
	const struct rs_catalog *c = p->look.catalog;

	*out = (struct engine_info){.kind = ENGINE_DIR,
		.version = (c->generation << 40 | c->xid) + 1,
		.size = c->n_tables,
		.mtime_ns = c->time_ns};
}

static void stat_table(
	const struct redshift_place *p, const struct rs_table *t, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_DIR,
		.version = redshift_version(p, t),
		.size = 1,
		.mtime_ns = t->changed_ns};
}

/* Of one whose size costs to find out: `form` ENGINE_NAMES leaves it out. */
static int stat_data(struct redshift_place *p, const struct rs_table *t, unsigned form,
	struct engine_info *out, struct err *err)
{
	*out = (struct engine_info){
		.kind = ENGINE_FILE, .version = redshift_version(p, t), .mtime_ns = t->changed_ns};
	return form == ENGINE_NAMES
		       ? 0
		       : redshift_size(p, t, (enum redshift_form)form, &out->size, err);
}

static int stat_slice(struct redshift_place *p, const struct rs_table *t, struct slice key,
	unsigned form, struct engine_info *out, struct err *err)
{
	unsigned slice;

	int rc = redshift_slice_of(key, &slice, err);
	if (rc == 0 && slice >= rs_nodes_slices(p->look.nodes)) {
		rc = err_set(
			err, ENOENT, "the cluster has %u slices", rs_nodes_slices(p->look.nodes));
	}
	if (rc < 0) {
		return rc;
	}
	*out = (struct engine_info){
		.kind = ENGINE_FILE, .version = redshift_version(p, t), .mtime_ns = t->changed_ns};
	return form == ENGINE_NAMES ? 0 : redshift_slice_size(p, t, slice, &out->size, err);
}

static int read_errors(
	struct redshift_place *p, const struct epath *path, struct buf *out, struct err *err)
{
	return rs_load_errors_json(p->rs, path->key[1], out, err);
}

/* It is as long as it is now, and no change of it is told. */
static int stat_errors(struct redshift_place *p, const struct epath *path, const struct rs_table *t,
	struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	uint64_t hash = UINT64_C(14695981039346656037);

	int rc = read_errors(p, path, &text, err);
	rc = rc < 0 ? rc : buf_check(&text, err);
	for (size_t k = 0; k < text.n; k++) {
		hash = (hash ^ (unsigned char)text.p[k]) * UINT64_C(1099511628211);
	}
	*out = (struct engine_info){.kind = ENGINE_FILE,
		.version = (hash >> 2) + 1,
		.size = text.n,
		.mtime_ns = t->changed_ns};
	return rc;
}

static int stat_file(struct redshift *x, struct redshift_place *p, const struct epath *path,
	unsigned form, const struct rs_table *t, struct engine_info *out, struct err *err)
{
	switch (room_of(x)) {
	case REDSHIFT_SLICES_OF: return stat_slice(p, t, path->key[2], form, out, err);
	case REDSHIFT_LOAD:
		return slice_is(path->key[2], ERRORS) ? stat_errors(p, path, t, out, err)
						      : no_entry(path, err);
	default:
		return slice_is(path->key[2], DATA) ? stat_data(p, t, form, out, err)
						    : no_entry(path, err);
	}
}

static int redshift_stat(void *ctx, const struct epath *path, unsigned form,
	struct engine_info *out, struct err *err)
{
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};
	struct err why = {0};
	const struct rs_table *t;

	if (path->depth == 0) {
		return stat_service(x, out, err);
	}
	if (room_of(x) == REDSHIFT_LAKE && path->depth > 1) {
		return redshift_lake_stat(x, path, out, err);
	}
	int rc = redshift_place(x, path, &p, &why);
	if (rc < 0) {
		return rc != -ENOENT && path->depth == 1 ? stat_shut(x, path, out, err)
							 : err_set(err, why.code, "%s", why.msg);
	}
	if (path->depth == 1) {
		stat_cluster(&p, out);
		return 0;
	}
	rc = redshift_table_at(&p, path, &t, err);
	if (rc == 0 && path->depth == 2) {
		stat_table(&p, t, out);
		/* What errors.json says changes with loads that change no table. */
		out->moves = room_of(x) == REDSHIFT_LOAD;
	}
	return rc < 0 || path->depth == 2 ? rc : stat_file(x, &p, path, form, t, out, err);
}

/* ---- list ---- */

static int list_clusters(struct redshift *x, struct slice after, engine_emit *emit, void *arg)
{
	char last[REDSHIFT_NAME_MAX + 1];
	struct redshift_cluster *c;
	bool stop = false;

	while (!stop && (c = redshift_next(x->service, after)) != NULL) {
		struct engine_info info = {.kind = ENGINE_DIR, .version = 1};
		struct err ignored = {0};
		memcpy(last, c->def.name, sizeof(last));
		after = slice_of(last);
		struct epath path = {.depth = 1, .key = {after}};
		stop = redshift_stat(x, &path, 0, &info, &ignored) == 0 &&
		       emit(arg, after, &info) != 0;
		redshift_put(c);
	}
	return 0;
}

static int list_view(
	struct redshift *x, struct slice after, engine_emit *emit, void *arg, struct err *err)
{
	struct slice name = slice_of(x->view->name);
	struct epath path = {.depth = 1, .key = {name}};
	struct engine_info info;

	if (slice_compare(name, after) <= 0) {
		return 0;
	}
	int rc = redshift_stat(x, &path, 0, &info, err);
	if (rc == 0) {
		emit(arg, name, &info);
	}
	return rc;
}

static int compare_keys(const void *a, const void *b)
{
	const struct buf *x = a;
	const struct buf *y = b;

	return slice_compare(buf_slice(x), buf_slice(y));
}

/* In byte order of the directories' names, which is not that of schema and name. */
static int list_tables(const struct redshift_place *p, struct slice after, engine_emit *emit,
	void *arg, struct err *err)
{
	const struct rs_catalog *c = p->look.catalog;
	struct buf *keys = calloc(c->n_tables + 1, sizeof(*keys));
	int rc = 0;
	bool stop = false;

	if (keys == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned k = 0; rc == 0 && k < c->n_tables; k++) {
		rs_table_key(c->tables[k], &keys[k]);
		rc = buf_check(&keys[k], err);
	}
	if (rc == 0) {
		qsort(keys, c->n_tables, sizeof(*keys), compare_keys);
	}
	for (unsigned k = 0; rc == 0 && !stop && k < c->n_tables; k++) {
		const struct rs_table *t = rs_catalog_by_key(c, buf_slice(&keys[k]));
		struct engine_info info;
		if (t != NULL && slice_compare(buf_slice(&keys[k]), after) > 0) {
			stat_table(p, t, &info);
			stop = emit(arg, buf_slice(&keys[k]), &info) != 0;
		}
	}
	for (unsigned k = 0; k < c->n_tables; k++) {
		buf_free(&keys[k]);
	}
	free(keys);
	return rc;
}

static int list_slices(struct redshift_place *p, const struct rs_table *t, struct slice after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	unsigned n = rs_nodes_slices(p->look.nodes);
	unsigned first = 0;
	int rc = 0;

	/* In the order of their numbers. */
	if (after.n > 0) {
		rc = redshift_slice_of(after, &first, err);
		first++;
	}
	for (unsigned k = first; rc == 0 && k < n; k++) {
		struct engine_info info;
		char key[16];
		snprintf(key, sizeof(key), "%u", k);
		rc = stat_slice(p, t, slice_of(key), form, &info, err);
		if (rc == 0 && emit(arg, slice_of(key), &info) != 0) {
			break;
		}
	}
	return rc;
}

static int list_files(struct redshift *x, struct redshift_place *p, const struct epath *path,
	struct slice after, unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	const char *name = room_of(x) == REDSHIFT_LOAD ? ERRORS : DATA;
	struct epath child = epath_child(path, slice_of(name));
	const struct rs_table *t;
	struct engine_info info;

	int rc = redshift_table_at(p, path, &t, err);
	if (rc < 0) {
		return rc;
	}
	if (room_of(x) == REDSHIFT_SLICES_OF) {
		return list_slices(p, t, after, form, emit, arg, err);
	}
	if (slice_compare(slice_of(name), after) <= 0) {
		return 0;
	}
	rc = stat_file(x, p, &child, form, t, &info, err);
	if (rc == 0) {
		emit(arg, slice_of(name), &info);
	}
	return rc;
}

static int redshift_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	struct slice from = after != NULL ? *after : slice_of("");
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};

	if (path->depth == 0) {
		return x->view != NULL ? list_view(x, from, emit, arg, err)
				       : list_clusters(x, from, emit, arg);
	}
	if (room_of(x) == REDSHIFT_LAKE) {
		return redshift_lake_list(x, path, from, form, emit, arg, err);
	}
	if (path->depth > 2) {
		return err_set(err, ENOTDIR, "that is a file");
	}
	int rc = redshift_place(x, path, &p, err);
	if (rc < 0) {
		return rc;
	}
	return path->depth == 1 ? list_tables(&p, from, emit, arg, err)
				: list_files(x, &p, path, from, form, emit, arg, err);
}

/* ---- reading ---- */

/* The key of the table with a name too long for a file. */
static int redshift_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	unsigned char other[NAME_HASH_BYTES];
	REDSHIFT_PLACE p = {0};

	if (path->depth != 1) {
		return err_set(err, ENOENT, "there is no such name here");
	}
	int rc = redshift_place(ctx, path, &p, err);
	for (unsigned k = 0; rc == 0 && k < p.look.catalog->n_tables; k++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		rs_table_key(p.look.catalog->tables[k], &name);
		name_hash(buf_slice(&name), other);
		if (memcmp(other, hash, sizeof(other)) == 0) {
			buf_append_slice(key, buf_slice(&name));
			return 0;
		}
	}
	return rc < 0 ? rc : err_set(err, ENOENT, "there is no table with such a name");
}

static int read_stream(struct redshift *x, const struct epath *path, const char *format,
	struct buf *out, struct err *err)
{
	void *stream = NULL;
	uint64_t size;

	int rc = redshift_export_open(x, path, format, &stream, &size, err);
	if (rc < 0) {
		return rc;
	}
	size_t before;
	do {
		before = out->n;
		rc = redshift_export_read(stream, out, err);
	} while (rc == 0 && out->n > before);
	redshift_export_close(stream);
	return rc < 0 ? rc : buf_check(out, err);
}

static int redshift_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct engine_level level = {0};
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};

	if (path->depth < (room_of(x) == REDSHIFT_LAKE ? 4U : 3U)) {
		return err_set(err, EISDIR, "that is a directory");
	}
	int rc = redshift_stat(x, path, form, info, err);
	if (rc == 0 && room_of(x) == REDSHIFT_LOAD) {
		size_t before = out->n;
		rc = redshift_place(x, path, &p, err);
		rc = rc < 0 ? rc : read_errors(&p, path, out, err);
		info->size = out->n - before;
		return rc;
	}
	struct epath parent = epath_parent(path);
	rc = rc < 0 ? rc : redshift_level(x, &parent, &level, err);
	return rc < 0 ? rc : read_stream(x, path, level.forms[form].suffix + 1, out, err);
}

/* ---- changing ---- */

static int in_a_room(const struct redshift *x, struct err *err)
{
	return x->view == NULL ? 0 : err_set(err, EROFS, "nothing is made or removed here");
}

static int redshift_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	static const struct redshift_shape usual;
	struct redshift *x = ctx;
	struct redshift_def def;
	REDSHIFT_PLACE p = {0};

	int rc = in_a_room(x, err);
	if (rc < 0) {
		return rc;
	}
	if (path->depth == 1) {
		rc = redshift_check_new(x->service, path->key[0], err);
		if (rc < 0) {
			return rc;
		}
		redshift_def_init(&def, x->service, path->key[0]);
		return redshift_create(x->service, &def, &usual, err);
	}
	if (path->depth != 2) {
		return err_set(err, ENOTSUP, "a table holds its rows, and no directories");
	}
	rc = redshift_place_to_write(x, path, &p, err);
	return rc < 0 ? rc : redshift_table_mkdir(&p, path->key[1], err);
}

static int redshift_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	static const struct redshift_progress silent;
	struct redshift *x = ctx;
	REDSHIFT_CLUSTER c = NULL;
	REDSHIFT_PLACE p = {0};

	int rc = in_a_room(x, err);
	if (rc < 0) {
		return rc;
	}
	if (path->depth == 1) {
		rc = redshift_find(x->service, path->key[0], &c, err);
		return rc < 0 ? rc : redshift_delete(c, true, NULL, &silent, err);
	}
	if (path->depth != 2) {
		return err_set(err, ENOTDIR, "that is a file");
	}
	rc = redshift_place_to_write(x, path, &p, err);
	return rc < 0 ? rc : redshift_table_rmdir(&p, path->key[1], err);
}

/* rm of the data: the table stays, empty. */
static int redshift_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};

	(void)expect;
	int rc = in_a_room(x, err);
	if (rc == 0 && path->depth != 3) {
		rc = err_set(err, EISDIR, "that is a directory");
	}
	if (rc == 0 && !slice_is(path->key[2], DATA)) {
		rc = no_entry(path, err);
	}
	rc = rc < 0 ? rc : redshift_place_to_write(x, path, &p, err);
	return rc < 0 ? rc : redshift_table_clear(&p, path->key[1], err);
}

static int redshift_rename(void *ctx, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err)
{
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};

	int rc = in_a_room(x, err);
	if (rc < 0) {
		return rc;
	}
	if (from->depth != 2 || to->depth != 2 || !slice_equal(from->key[0], to->key[0])) {
		return err_set(err, EXDEV, "tables are renamed within their cluster");
	}
	if ((flags & ~1U) != 0) {
		return err_set(err, EINVAL, "two tables cannot change places in one step");
	}
	rc = redshift_place_to_write(x, from, &p, err);
	return rc < 0 ? rc : redshift_table_rename(&p, from->key[1], to->key[1], err);
}

/* ---- texts ---- */

static int redshift_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};
	const struct rs_table *t;

	if (room_of(x) == REDSHIFT_LAKE) {
		return redshift_lake_schema(x, path, out, err);
	}
	int rc = path->depth == 2 ? redshift_place(x, path, &p, err)
				  : err_set(err, ENOTSUP, "there is no %s here", name);
	rc = rc < 0 ? rc : redshift_table_at(&p, path, &t, err);
	if (rc < 0) {
		return rc;
	}
	return strcmp(name, ".schema") == 0 ? redshift_schema_text(&p, t, out, err)
					    : rs_table_stats_json(&p.look, t, out, err);
}

static int redshift_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct redshift *x = ctx;
	REDSHIFT_PLACE p = {0};

	int rc = in_a_room(x, err);
	if (rc == 0 && (path->depth != 2 || strcmp(name, ".schema") != 0)) {
		rc = err_set(err, EROFS, "%s is read only", name);
	}
	rc = rc < 0 ? rc : redshift_place_to_write(x, path, &p, err);
	return rc < 0 ? rc : redshift_table_define(&p, path->key[1], text, err);
}

/* ---- the whole ---- */

static uint64_t redshift_bytes(void *ctx)
{
	struct redshift *x = ctx;
	char last[REDSHIFT_NAME_MAX + 1] = "";
	struct redshift_cluster *c;
	uint64_t bytes = 0;

	while (x->view == NULL && (c = redshift_next(x->service, slice_of(last))) != NULL) {
		memcpy(last, c->def.name, sizeof(last));
		if (cluster_enter_now(&c->base, false)) {
			pthread_mutex_lock(&c->rs->lock);
			struct rs_nodes *n = rs_nodes_ref(c->rs->nodes);
			pthread_mutex_unlock(&c->rs->lock);
			bytes += rs_nodes_bytes(n);
			rs_nodes_unref(n);
			cluster_leave(&c->base);
		}
		redshift_put(c);
	}
	return bytes;
}

const struct engine_ops redshift_ops = {
	.service = "redshift",
	.backend = "embedded",
	.summary =
		"Redshift: clusters of nodes and slices, tables as files, SQL, COPY, a data lake",
	.open = redshift_open,
	.close = redshift_close,
	.level = redshift_level,
	.stat = redshift_stat,
	.list = redshift_list,
	.find_hashed = redshift_find_hashed,
	.read = redshift_read,
	.remove = redshift_remove,
	.rename = redshift_rename,
	.mkdir = redshift_mkdir,
	.rmdir = redshift_rmdir,
	.status = redshift_status,
	.text_read = redshift_text_read,
	.text_write = redshift_text_write,
	.commands = redshift_commands,
	.view_list = redshift_view_list,
	.view_open = redshift_view_open,
	.view_create = redshift_view_create,
	.view_remove = redshift_view_remove,
	.query_open = redshift_query_open,
	.export_open = redshift_export_open,
	.export_read = redshift_export_read,
	.export_close = redshift_export_close,
	.import_open = redshift_import_open,
	.import_feed = redshift_import_feed,
	.import_finish = redshift_import_finish,
	.import_abort = redshift_import_abort,
	.bytes = redshift_bytes,
};
