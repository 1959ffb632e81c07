/* The room `.scripts`: a file NAME.lua for each script that FCALL runs by its name. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/script_impl.h"
#include "engines/common/cleanup.h"
#include "engines/store/store.h"

#define SCRIPT_BYTES_MAX ((size_t)1 << 20)

struct room {
	struct cache_tree base; /* first */
	struct redis_server *server;
};

static const char *const suffixes[] = {".lua"};
static const struct name_rules rules = {suffixes, 1};
static const struct engine_form forms[] = {{".lua", "a script in Lua"}};

/* What is asked of a script, and what came of it. */
struct asked {
	struct slice name;
	struct slice to; /* of a rename */
	unsigned flags;
	struct slice text;
	uint64_t expect;
	struct buf *out; /* its text goes here; NULL: is not asked for */
	size_t start;
	struct engine_info info;
};

static int room_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct room *r = ctx;
	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "a script is a file");
	}
	*out = (struct engine_level){
		.noun = "list of scripts",
		.child_noun = "script",
		.child = ENGINE_FILE,
		.names = rules,
		.forms = forms,
		.n_forms = 1,
		.features = r->server->writable ? 0 : ENGINE_IS_FIXED,
		.help = "A file NAME.lua is a script that FCALL NAME numkeys key .. arg .. runs, "
			"with KEYS, ARGV,\nredis.call() and cjson, as one transaction; EVALSHA "
			"runs it by its SHA-1. One that does not\ncompile is refused with the "
			"line. Scripts are kept with the keys: replicas and snapshots have them.",
	};
	return 0;
}

static int need_script(const struct epath *path, struct asked *a, struct err *err)
{
	if (path->depth != 1) {
		return err_set(err, path->depth == 0 ? EISDIR : ENOTDIR, "a script is a file");
	}
	a->name = path->key[0];
	return 0;
}

static int missing(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	name_escape(name, &shown);
	return err_set(err, ENOENT, "there is no script %s.lua", buf_cstr(&shown));
}

/* ---- reading ---- */

/* 1: its info, and where asked for its text; 0: there is none. */
static int find(struct redis_txn *t, struct slice name, struct asked *a, struct err *err)
{
	sqlite3_stmt *stmt =
		redis_stmt(t, "SELECT version, mtime, text FROM script WHERE name = ?1", err);
	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, name);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		struct slice text = store_column_slice(stmt, 2);
		a->info = (struct engine_info){.kind = ENGINE_FILE,
			.version = (uint64_t)sqlite3_column_int64(stmt, 0),
			.mtime_ns = sqlite3_column_int64(stmt, 1),
			.size = text.n};
		if (a->out != NULL) {
			a->out->n = a->start;
			buf_append_slice(a->out, text);
		}
	}
	sqlite3_reset(stmt);
	return rc;
}

static int read_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct asked *a = arg;
	int rc = find(t, a->name, a, err);
	return rc == 1 ? 0 : (rc == 0 ? missing(a->name, err) : rc);
}

static int stat_list(struct redis_txn *t, void *arg, struct err *err)
{
	struct asked *a = arg;
	sqlite3_stmt *stmt = redis_stmt(t, "SELECT scripts_mtime FROM state", err);
	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	if (rc == 1) {
		int64_t mtime = sqlite3_column_int64(stmt, 0);
		a->info = (struct engine_info){
			.kind = ENGINE_DIR, .version = (uint64_t)mtime + 1, .mtime_ns = mtime};
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int room_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct room *r = ctx;
	struct asked a = {0};
	(void)form;
	int rc = path->depth == 0 ? 0 : need_script(path, &a, err);
	rc = rc != 0 ? rc
		     : redis_read(r->server->db, path->depth == 0 ? stat_list : read_fn, &a, err);
	if (rc == 0) {
		*out = a.info;
	}
	return rc;
}

static int room_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct room *r = ctx;
	struct asked a = {.out = out, .start = out->n};
	(void)form;
	int rc = need_script(path, &a, err);
	rc = rc != 0 ? rc : redis_read(r->server->db, read_fn, &a, err);
	rc = rc != 0 ? rc : buf_check(out, err);
	if (rc == 0) {
		*info = a.info;
	}
	return rc;
}

struct listing {
	engine_emit *emit;
	void *arg;
	struct buf last;
	bool begun; /* behind `last` */
	bool stop;
};

static int list_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct listing *l = arg;
	CLEANUP(buf_free) struct buf from = BUF_INIT; /* `last` moves while it is bound */
	sqlite3_stmt *stmt = redis_stmt(t,
		"SELECT name, version, mtime, length(text) FROM script WHERE name > ?1 OR NOT ?2"
		" ORDER BY name",
		err);
	if (stmt == NULL) {
		return -err->code;
	}
	buf_append_slice(&from, buf_slice(&l->last));
	store_bind_slice(stmt, 1, buf_slice(&from));
	sqlite3_bind_int(stmt, 2, l->begun);
	int rc;
	while (!l->stop && (rc = store_step(stmt, err)) == 1) {
		struct engine_info info = {.kind = ENGINE_FILE,
			.version = (uint64_t)sqlite3_column_int64(stmt, 1),
			.mtime_ns = sqlite3_column_int64(stmt, 2),
			.size = (uint64_t)sqlite3_column_int64(stmt, 3)};
		buf_clear(&l->last);
		buf_append_slice(&l->last, store_column_slice(stmt, 0));
		l->begun = true;
		l->stop = l->last.failed || l->emit(l->arg, buf_slice(&l->last), &info) != 0;
	}
	sqlite3_reset(stmt);
	return l->stop ? buf_check(&l->last, err) : rc;
}

static int room_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct room *r = ctx;
	struct listing l = {.emit = emit, .arg = arg, .begun = after != NULL};
	(void)form;
	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "a script is a file");
	}
	if (after != NULL) {
		buf_append_slice(&l.last, *after);
	}
	int rc = redis_read(r->server->db, list_fn, &l, err);
	buf_free(&l.last);
	return rc;
}

/* ---- writing ---- */

static int room_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	(void)ctx, (void)path, (void)form, (void)expect;
	if (text.n > SCRIPT_BYTES_MAX) {
		return err_set(err, EFBIG, "a script takes at most %zu bytes, this one %zu",
			SCRIPT_BYTES_MAX, text.n);
	}
	return redis_script_check(text, err);
}

static int room_check_key(void *ctx, const struct epath *path, struct err *err)
{
	(void)ctx;
	if (path->depth != 1 || path->key[0].n == 0 || name_is_long(path->key[0], &rules)) {
		return err_set(err, EINVAL, "a script has a name that fits into a file's");
	}
	return 0;
}

static int note_list(struct redis_txn *t, struct err *err)
{
	return redis_run(t, err, "UPDATE state SET scripts_mtime = ?1", "i", redis_time_ns(t));
}

static int expected(const struct asked *a, bool there, struct err *err)
{
	if (a->expect == ENGINE_VERSION_ANY || (!there && a->expect == ENGINE_VERSION_ABSENT)) {
		return 0;
	}
	if (a->expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "there is a script of that name");
	}
	if (!there) {
		return missing(a->name, err);
	}
	return a->info.version == a->expect
		       ? 0
		       : err_set(err, EBUSY, "the script was changed since it was read");
}

static int put(struct redis_txn *t, struct asked *a, struct err *err)
{
	char sha[SCRIPT_SHA_MAX];
	redis_script_sha(a->text, sha);
	a->info = (struct engine_info){.kind = ENGINE_FILE,
		.version = redis_version(t),
		.mtime_ns = redis_time_ns(t),
		.size = a->text.n};
	return redis_run(t, err,
		"INSERT INTO script(name, sha, version, mtime, text)"
		" VALUES(?1, CAST(?2 AS TEXT), ?3, ?4, ?5)"
		" ON CONFLICT(name) DO UPDATE SET sha = excluded.sha, version = excluded.version,"
		" mtime = excluded.mtime, text = excluded.text",
		"bbiib", a->name, slice_of(sha), (int64_t)a->info.version, a->info.mtime_ns,
		a->text);
}

static int write_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct asked *a = arg;
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	a->out = &old;
	a->start = 0;
	int rc = find(t, a->name, a, err);
	a->out = NULL;
	bool there = rc == 1;
	rc = rc < 0 ? rc : buf_check(&old, err);
	rc = rc < 0 ? rc : expected(a, there, err);
	if (rc != 0 || (there && slice_equal(buf_slice(&old), a->text))) {
		return rc;
	}
	rc = put(t, a, err);
	return rc != 0 || there ? rc : note_list(t, err);
}

static int room_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct room *r = ctx;
	struct asked a = {.text = text, .expect = expect};
	int rc = need_script(path, &a, err);
	rc = rc != 0 ? rc : room_check_key(ctx, path, err);
	rc = rc != 0 ? rc : room_check(ctx, path, form, text, expect, err);
	rc = rc != 0 ? rc : redis_write(r->server->db, write_fn, &a, err);
	if (rc == 0) {
		*out = a.info;
	}
	return rc;
}

static int delete (struct redis_txn *t, struct slice name, struct err *err)
{
	return redis_run(t, err, "DELETE FROM script WHERE name = ?1", "b", name);
}

static int remove_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct asked *a = arg;
	int rc = find(t, a->name, a, err);
	if (rc != 1) {
		return rc == 0 ? missing(a->name, err) : rc;
	}
	rc = expected(a, true, err);
	rc = rc != 0 ? rc : delete (t, a->name, err);
	return rc != 0 ? rc : note_list(t, err);
}

static int room_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct room *r = ctx;
	struct asked a = {.expect = expect};
	int rc = need_script(path, &a, err);
	return rc != 0 ? rc : redis_write(r->server->db, remove_fn, &a, err);
}

/* One text under another name. */
static int put_as(struct redis_txn *t, struct slice name, struct slice text, struct err *err)
{
	struct asked a = {.name = name, .text = text};
	return put(t, &a, err);
}

static int rename_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct asked *a = arg;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf other = BUF_INIT;
	struct asked from = {.out = &text};
	struct asked to = {.out = &other};
	int rc = find(t, a->name, &from, err);
	int there = rc == 1 ? find(t, a->to, &to, err) : 0;
	if (rc != 1 || there < 0) {
		return rc == 0 ? missing(a->name, err) : (rc < 0 ? rc : there);
	}
	if (there == 1 && a->flags & RENAME_NOREPLACE) {
		return err_set(err, EEXIST, "there is a script of that name");
	}
	if (there == 0 && a->flags & RENAME_EXCHANGE) {
		return missing(a->to, err);
	}
	if (slice_equal(a->name, a->to)) {
		return 0;
	}
	rc = put_as(t, a->to, buf_slice(&text), err);
	if (rc == 0) {
		rc = a->flags & RENAME_EXCHANGE ? put_as(t, a->name, buf_slice(&other), err)
						: delete (t, a->name, err);
	}
	return rc != 0 ? rc : note_list(t, err);
}

static int room_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct room *r = ctx;
	struct asked a = {.flags = flags};
	int rc = need_script(from, &a, err);
	rc = rc != 0 ? rc : room_check_key(ctx, to, err);
	a.to = to->key[0];
	return rc != 0 ? rc : redis_write(r->server->db, rename_fn, &a, err);
}

static void room_close(struct cache_tree *base)
{
	free(base);
}

static const struct cache_tree_ops room_ops = {
	.ops =
		{
			.level = room_level,
			.stat = room_stat,
			.list = room_list,
			.read = room_read,
			.check = room_check,
			.check_key = room_check_key,
			.write = room_write,
			.remove = room_remove,
			.rename = room_rename,
		},
	.close = room_close,
};

int redis_scripts_room(struct redis_server *server, struct cache_tree **out, struct err *err)
{
	struct room *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*r = (struct room){.base = {&room_ops}, .server = server};
	*out = &r->base;
	return 0;
}
