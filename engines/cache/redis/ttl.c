/* The room `.ttl`: a file for each key that expires, with the seconds it has left. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/tree_impl.h"
#include "engines/common/cleanup.h"

struct ttl_room {
	struct cache_tree base; /* first */
	struct redis_server *server;
};

/* What a file of the room is asked. */
struct ttl {
	struct redis_place place;
	int64_t seconds; /* to be set; 0: for good */
	uint64_t expect;
	struct engine_info info;
	int64_t left;
};

/* ---- level ---- */

static const struct engine_form forms[REDIS_TYPES] = {
	[REDIS_STRING] = {"", "the seconds a string has left"},
	[REDIS_HASH] = {".hash", "of a hash"},
	[REDIS_LIST] = {".list", "of a list"},
	[REDIS_SET] = {".set", "of a set"},
	[REDIS_ZSET] = {".zset", "of a sorted set"},
	[REDIS_STREAM] = {".stream", "of a stream"},
};

static int ttl_level(void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct ttl_room *room = ctx;

	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "nothing lies below a file");
	}
	*out = (struct engine_level){
		.noun = "list of times to live",
		.child_noun = "time to live",
		.child = ENGINE_FILE,
		.names = redis_names,
		.forms = forms,
		.n_forms = REDIS_TYPES,
		.tagged = true,
		.features = room->server->writable ? 0 : ENGINE_IS_FIXED,
		.help = "A file for each key that expires, named as the key, with the seconds it "
			"has left. Writing a number sets them, of any key; rm keeps the key for "
			"good (PERSIST).",
	};
	return 0;
}

/* ---- read ---- */

/* The version is when it expires: it moves as often as that is set anew, the seconds do by
 * themselves. */
static void ttl_info(const struct redis_txn *t, const struct redis_key *key, struct ttl *out)
{
	char text[32];

	out->left = redis_seconds_left(t, key);
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)out->left);
	out->info = (struct engine_info){
		.kind = ENGINE_FILE,
		.version = (uint64_t)key->expires_ms,
		.size = (uint64_t)n,
		.mtime_ns = key->mtime_ns,
	};
}

static int read_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct ttl *x = arg;
	struct redis_key key;

	int rc = redis_place_find(t, &x->place, &key, err);
	if (rc == 1 && key.expires_ms != 0) {
		ttl_info(t, &key, x);
		return 0;
	}
	return rc < 0	 ? rc
	       : rc == 1 ? err_set(err, ENOENT, "the key does not expire")
			 : redis_place_missing(&x->place, err);
}

static int ttl_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	const struct ttl_room *room = ctx;
	struct ttl x = {0};

	(void)form;
	if (path->depth == 0) {
		*out = (struct engine_info){.kind = ENGINE_DIR, .version = 1, .moves = true};
		return 0;
	}
	int rc = redis_place_of(path, &x.place, err);
	rc = rc < 0 ? rc : redis_read(room->server->db, read_fn, &x, err);
	if (rc == 0) {
		*out = x.info;
	}
	return rc;
}

static int ttl_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	const struct ttl_room *room = ctx;
	struct ttl x = {0};

	(void)form;
	if (path->depth == 0) {
		return err_set(err, EISDIR, "this is a directory");
	}
	int rc = redis_place_of(path, &x.place, err);
	rc = rc < 0 ? rc : redis_read(room->server->db, read_fn, &x, err);
	if (rc == 0) {
		buf_printf(out, "%lld\n", (long long)x.left);
		rc = buf_check(out, err);
		*info = x.info;
	}
	return rc;
}

/* ---- list ---- */

struct listing {
	const struct redis_txn *t;
	engine_emit *emit;
	void *arg;
	bool begun; /* behind `last` */
	struct buf last;
	bool stop;
};

static int list_row(void *arg, struct slice name, const struct redis_key *key, struct err *err)
{
	struct listing *l = arg;
	struct ttl x = {0};

	(void)err;
	if (key->expires_ms == 0) {
		return 0;
	}
	ttl_info(l->t, key, &x);
	buf_clear(&l->last);
	buf_putc(&l->last, (char)key->type);
	buf_append_slice(&l->last, name);
	l->begun = true;
	l->stop = !l->last.failed && l->emit(l->arg, buf_slice(&l->last), &x.info) != 0;
	return l->stop || l->last.failed;
}

static int list_fn(struct redis_txn *t, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	struct listing *l = arg;

	if (l->stop) {
		return 0;
	}
	l->t = t;
	buf_append_slice(&from, buf_slice(&l->last));
	int rc = buf_check(&from, err);
	struct slice after =
		l->begun && from.n > 0 ? slice_make(from.p + 1, from.n - 1) : (struct slice){0};
	rc = rc < 0 ? rc
		    : redis_key_each(t, l->begun && from.n > 0 ? &after : NULL, list_row, l, err);
	return rc < 0 ? rc : buf_check(&l->last, err);
}

static int ttl_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct listing l = {.emit = emit, .arg = arg, .begun = after != NULL};
	const struct ttl_room *room = ctx;

	(void)form;
	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "nothing lies below a file");
	}
	if (after != NULL) {
		buf_append_slice(&l.last, *after);
	}
	int rc = redis_read(room->server->db, list_fn, &l, err);
	buf_free(&l.last);
	return rc;
}

struct hashed {
	const unsigned char *hash;
	struct buf name;
	struct redis_key key;
};

static int hashed_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct hashed *h = arg;

	buf_clear(&h->name);
	int rc = redis_long_find(t, 0, h->hash, &h->name, err);
	rc = rc < 0 ? rc : redis_key_find(t, buf_slice(&h->name), &h->key, err);
	return rc == 0 ? err_set(err, ENOENT, "no key's name has this hash") : rc < 0 ? rc : 0;
}

static int ttl_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	const struct ttl_room *room = ctx;
	struct hashed h = {.hash = hash};

	(void)path;
	int rc = redis_read(room->server->db, hashed_fn, &h, err);
	if (rc == 0) {
		buf_putc(key, (char)h.key.type);
		buf_append_slice(key, buf_slice(&h.name));
		rc = buf_check(key, err);
	}
	buf_free(&h.name);
	return rc;
}

/* ---- write ---- */

static int write_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct redis_key key;
	struct ttl *x = arg;

	int rc = redis_place_find(t, &x->place, &key, err);
	if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&x->place, err);
	}
	if (x->seconds == 0 && key.expires_ms == 0) {
		return err_set(err, ENOENT, "the key does not expire");
	}
	if (x->expect == ENGINE_VERSION_ABSENT && key.expires_ms != 0) {
		return err_set(err, EEXIST, "the key expires already");
	}
	rc = redis_key_expire(
		t, x->place.name, &key, x->seconds == 0 ? 0 : t->now_ms + 1000 * x->seconds, err);
	if (rc == 0 && x->seconds != 0) {
		ttl_info(t, &key, x);
	}
	return rc;
}

static int ttl_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	int64_t seconds;

	(void)ctx;
	(void)path;
	(void)form;
	(void)expect;
	return redis_seconds_parse(text, "a file of .ttl", &seconds, err);
}

static int ttl_check_key(void *ctx, const struct epath *path, struct err *err)
{
	struct redis_place place;
	struct err ignored = {0};

	(void)ctx;
	return redis_place_of(path, &place, &ignored) < 0 || path->depth != 1
		       ? err_set(err, EINVAL, "no key can be called so")
		       : 0;
}

static int ttl_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct ttl x = {.expect = expect};
	const struct ttl_room *room = ctx;

	(void)form;
	int rc = redis_place_of(path, &x.place, err);
	rc = rc < 0 ? rc : redis_seconds_parse(text, "a file of .ttl", &x.seconds, err);
	rc = rc < 0 ? rc : redis_write(room->server->db, write_fn, &x, err);
	if (rc == 0) {
		*out = x.info;
	}
	return rc;
}

static int ttl_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct ttl x = {.expect = ENGINE_VERSION_ANY};
	const struct ttl_room *room = ctx;

	(void)expect;
	int rc = redis_place_of(path, &x.place, err);
	return rc < 0 ? rc : redis_write(room->server->db, write_fn, &x, err);
}

/* ---- life ---- */

static void ttl_close(struct cache_tree *base)
{
	free(base);
}

static const struct cache_tree_ops ttl_ops = {
	.ops =
		{
			.level = ttl_level,
			.stat = ttl_stat,
			.list = ttl_list,
			.find_hashed = ttl_find_hashed,
			.read = ttl_read,
			.check = ttl_check,
			.check_key = ttl_check_key,
			.write = ttl_write,
			.remove = ttl_remove,
		},
	.close = ttl_close,
};

int redis_ttl_room(struct redis_server *server, struct cache_tree **out, struct err *err)
{
	struct ttl_room *room = calloc(1, sizeof(*room));

	if (room == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	room->base.ops = &ttl_ops;
	room->server = server;
	*out = &room->base;
	return 0;
}
