/* A Redis-like cluster's files, asked: stat, list, read. */
#include <errno.h>

#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/tree_impl.h"
#include "engines/common/cleanup.h"

/* ---- stat ---- */

struct look {
	struct redis_tree *tree;
	struct redis_place place;
	unsigned depth;
	struct buf *text; /* read it, too */
	size_t text_at;
	struct engine_info *out;
};

static void held_info(const struct redis_held_dir *held, struct engine_info *out)
{
	*out = (struct engine_info){
		.kind = ENGINE_DIR, .version = (uint64_t)held->time_ns, .mtime_ns = held->time_ns};
}

static int stat_root(struct redis_txn *t, const struct look *l, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t, "SELECT mtime, keys FROM state", err);

	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	int64_t held = redis_held_time(&l->tree->held);
	int64_t mtime = rc == 1 ? sqlite3_column_int64(stmt, 0) : 0;
	mtime = held > mtime ? held : mtime;
	if (rc == 1) {
		*l->out = (struct engine_info){.kind = ENGINE_DIR,
			.version = (uint64_t)mtime + 1,
			.size = (uint64_t)sqlite3_column_int64(stmt, 1),
			.mtime_ns = mtime};
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int look_key(struct redis_txn *t, const struct look *l, struct err *err)
{
	struct redis_held_dir held;
	struct redis_key key;

	int rc = redis_key_find(t, l->place.name, &key, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 1) {
		redis_held_remove(&l->tree->held, l->place.name); /* it waited for this */
	}
	if (rc == 1 && key.type == l->place.type) {
		redis_key_info(&key, l->out);
		return l->text != NULL ? redis_string_get(t, &key, l->text, err) : 0;
	}
	if (rc == 1 || !redis_place_held(l->tree, &l->place, &held)) {
		return redis_place_missing(&l->place, err);
	}
	held_info(&held, l->out);
	return 0;
}

static int look_element(struct redis_txn *t, const struct look *l, struct err *err)
{
	const struct redis_type_ops *type = redis_types[l->place.type];
	struct redis_key key;

	int rc = redis_place_find(t, &l->place, &key, err);
	if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&l->place, err);
	}
	return l->text != NULL ? type->read(t, &key, l->place.element, l->text, l->out, err)
			       : type->stat(t, &key, l->place.element, l->out, err);
}

static int look_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct look *l = arg;

	if (l->text != NULL) {
		buf_resize(l->text, l->text_at);
	}
	switch (l->depth) {
	case 0: return stat_root(t, l, err);
	case 1: return look_key(t, l, err);
	default: return look_element(t, l, err);
	}
}

/* Of the root, of a key or an element of it. */
static int look(struct look *l, struct err *err)
{
	struct redis_db *db = l->tree->server->db;

	return l->depth == 0 ? redis_read(db, look_fn, l, err)
			     : redis_read_key(db, l->place.name, look_fn, l, err);
}

int redis_tree_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct look l = {.tree = ctx, .depth = path->depth, .out = out};

	(void)form;
	int rc = path->depth > 0 ? redis_place_of(path, &l.place, err) : 0;
	return rc < 0 ? rc : look(&l, err);
}

int redis_tree_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct look l = {
		.tree = ctx, .depth = path->depth, .text = out, .text_at = out->n, .out = info};

	(void)form;
	if (path->depth == 0) {
		return err_set(err, EISDIR, "a cluster is a directory");
	}
	int rc = redis_place_of(path, &l.place, err);
	if (rc == 0 && path->depth == 1 && l.place.type != REDIS_STRING) {
		return err_set(err, EISDIR, "a %s is a directory", redis_types[l.place.type]->name);
	}
	rc = rc < 0 ? rc : look(&l, err);
	return rc < 0 ? rc : buf_check(out, err);
}

/* ---- list ---- */

/* A listing that is run again goes on behind what it has given. */
struct listing {
	struct redis_tree *tree;
	struct redis_place place;
	unsigned depth;
	engine_emit *emit;
	void *arg;
	bool begun; /* behind `last` */
	struct buf last;
	struct buf tagged; /* the key being given */
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

static int emit_key(
	struct listing *l, enum redis_type type, struct slice name, const struct engine_info *info)
{
	buf_clear(&l->tagged);
	buf_putc(&l->tagged, (char)type);
	buf_append_slice(&l->tagged, name);
	if (l->tagged.failed) {
		l->last.failed = true;
		return 1;
	}
	return emit_on(l, buf_slice(&l->tagged), info);
}

/* Of the held ones, which stand between the keys: those that are not emitted yet, up to a name
 * (NULL: all). Keys are what the transaction sees, so that none is given twice. */
static int emit_held(struct listing *l, const struct slice *before)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_held_dir held;
	struct engine_info info;

	for (;;) {
		struct slice last =
			l->begun ? slice_make(l->last.p + 1, l->last.n - 1) : (struct slice){0};
		buf_clear(&name);
		if (!redis_held_next(&l->tree->held, l->begun ? &last : NULL, &name, &held) ||
			(before != NULL && slice_compare(buf_slice(&name), *before) >= 0)) {
			return 0;
		}
		held_info(&held, &info);
		if (emit_key(l, held.type, buf_slice(&name), &info) != 0) {
			return 1;
		}
	}
}

static int key_row(void *arg, struct slice name, const struct redis_key *key, struct err *err)
{
	struct engine_info info;
	struct listing *l = arg;

	(void)err;
	if (emit_held(l, &name) != 0) {
		return 1;
	}
	redis_held_remove(&l->tree->held, name);
	redis_key_info(key, &info);
	return emit_key(l, key->type, name, &info);
}

static int list_keys(struct redis_txn *t, struct listing *l, struct slice last, struct err *err)
{
	struct slice name = l->begun ? slice_make(last.p + 1, last.n - 1) : last;

	int rc = redis_key_each(t, l->begun ? &name : NULL, key_row, l, err);
	if (rc == 0) {
		emit_held(l, NULL);
	}
	return rc < 0 ? rc : 0;
}

static int list_elements(
	struct redis_txn *t, struct listing *l, const struct slice *after, struct err *err)
{
	struct redis_held_dir held;
	struct redis_key key;

	int rc = redis_key_find(t, l->place.name, &key, err);
	if (rc == 1 && key.type == l->place.type) {
		rc = redis_types[key.type]->list(t, &key, after, emit_on, l, err);
		return rc < 0 ? rc : 0;
	}
	if (rc == 0 && redis_place_held(l->tree, &l->place, &held)) {
		return 0;
	}
	return rc < 0 ? rc : redis_place_missing(&l->place, err);
}

static int list_fn(struct redis_txn *t, void *arg, struct err *err)
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
		rc = l->depth == 0 ? list_keys(t, l, after, err)
				   : list_elements(t, l, l->begun ? &after : NULL, err);
	}
	return rc < 0 ? rc : buf_check(&l->last, err);
}

int redis_tree_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {.tree = ctx,
		.depth = path->depth,
		.emit = emit,
		.arg = arg,
		.begun = after != NULL};

	(void)form;
	int rc = path->depth > 0 ? redis_place_of(path, &l.place, err) : 0;
	if (rc < 0) {
		return rc;
	}
	if (path->depth == 2 || (path->depth == 1 && l.place.type == REDIS_STRING)) {
		return err_set(err, ENOTDIR, "nothing lies below a file");
	}
	if (path->depth == 0 && after != NULL && after->n == 0) {
		l.begun = false; /* no key's: all are behind it */
	} else if (after != NULL) {
		buf_append_slice(&l.last, *after);
	}
	rc = redis_read(l.tree->server->db, list_fn, &l, err);
	buf_free(&l.last);
	buf_free(&l.tagged);
	return rc;
}

/* ---- names that are too long for a file ---- */

struct hashed {
	struct redis_tree *tree;
	struct redis_place place;
	unsigned depth;
	const unsigned char *hash;
	struct buf *key;
	size_t key_at;
};

static int hashed_key(struct redis_txn *t, const struct hashed *h, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_held_dir held;
	struct redis_key key = {0};
	struct err why = {0};

	int rc = redis_long_find(t, 0, h->hash, &name, &why);
	if (rc == 0) {
		rc = redis_key_find(t, buf_slice(&name), &key, err);
	} else if (rc != -ENOENT) {
		return err_set(err, why.code, "%s", why.msg);
	} else {
		rc = 0;
	}
	if (rc == 0) {
		buf_clear(&name);
		rc = redis_held_hashed(&h->tree->held, h->hash, &name, &held) ? 1 : 0;
		key.type = held.type;
	}
	if (rc != 1) {
		return rc < 0 ? rc : err_set(err, ENOENT, "no key's name has this hash");
	}
	buf_putc(h->key, (char)key.type);
	buf_append_slice(h->key, buf_slice(&name));
	return buf_check(h->key, err);
}

static int hashed_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct hashed *h = arg;
	struct redis_key key;

	buf_resize(h->key, h->key_at);
	if (h->depth == 0) {
		return hashed_key(t, h, err);
	}
	int rc = redis_place_find(t, &h->place, &key, err);
	if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&h->place, err);
	}
	return redis_long_find(t, key.id, h->hash, h->key, err);
}

int redis_tree_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct hashed h = {
		.tree = ctx, .depth = path->depth, .hash = hash, .key = key, .key_at = key->n};

	int rc = path->depth > 0 ? redis_place_of(path, &h.place, err) : 0;
	return rc < 0 ? rc : redis_read(h.tree->server->db, hashed_fn, &h, err);
}

/* ---- .status ---- */

struct status {
	struct redis_tree *tree;
	struct redis_place place;
	unsigned depth;
	json_t *out;
};

static int status_root(struct redis_txn *t, const struct status *s, struct err *err)
{
	const struct redis_server *server = s->tree->server;
	uint64_t bytes;
	uint64_t keys;

	int rc = redis_used(t, &bytes, &keys, err);
	if (rc < 0) {
		return rc;
	}
	json_object_set_new(s->out, "keys", json_integer((json_int_t)keys));
	json_object_set_new(s->out, "used_memory", json_integer((json_int_t)bytes));
	if (server->limits != NULL) {
		json_object_set_new(s->out, "maxmemory",
			json_integer((json_int_t)atomic_load(&server->limits->maxmemory)));
		json_object_set_new(s->out, "maxmemory_policy",
			json_string(redis_policy_names[atomic_load(&server->limits->policy)]));
	}
	json_object_set_new(
		s->out, "commands", json_integer((json_int_t)atomic_load(&server->commands)));
	json_object_set_new(
		s->out, "hits", json_integer((json_int_t)atomic_load(&server->counts->hits)));
	json_object_set_new(
		s->out, "misses", json_integer((json_int_t)atomic_load(&server->counts->misses)));
	json_object_set_new(
		s->out, "expired", json_integer((json_int_t)atomic_load(&server->counts->expired)));
	json_object_set_new(
		s->out, "evicted", json_integer((json_int_t)atomic_load(&server->counts->evicted)));
	return 0;
}

static int status_key(struct redis_txn *t, const struct status *s, struct err *err)
{
	struct redis_held_dir held;
	struct redis_key key = {.type = s->place.type};

	int rc = redis_place_find(t, &s->place, &key, err);
	if (rc == 0 && redis_place_held(s->tree, &s->place, &held)) {
		key = (struct redis_key){.type = s->place.type};
	} else if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&s->place, err);
	}
	json_object_set_new(s->out, "type", json_string(redis_types[s->place.type]->name));
	json_object_set_new(s->out, "elements", json_integer((json_int_t)key.n));
	json_object_set_new(s->out, "bytes", json_integer((json_int_t)key.bytes));
	json_object_set_new(s->out, "ttl",
		key.expires_ms != 0 ? json_integer(redis_seconds_left(t, &key)) : json_null());
	return 0;
}

static int status_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct status *s = arg;

	return s->depth == 0 ? status_root(t, s, err) : status_key(t, s, err);
}

int redis_tree_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct status s = {.tree = ctx, .depth = path->depth, .out = out};

	int rc = path->depth > 0 ? redis_place_of(path, &s.place, err) : 0;
	return rc < 0 ? rc : redis_read(s.tree->server->db, status_fn, &s, err);
}

static int bytes_fn(struct redis_txn *t, void *arg, struct err *err)
{
	uint64_t keys;

	return redis_used(t, arg, &keys, err);
}

uint64_t redis_tree_bytes(void *ctx)
{
	const struct redis_tree *tree = ctx;
	struct err ignored = {0};
	uint64_t bytes = 0;

	return redis_read(tree->server->db, bytes_fn, &bytes, &ignored) < 0 ? 0 : bytes;
}
